"""`kill -9` at any moment leaves the old state or the new, never a passage under a wrong name; opening mends the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KILLS = 200  # 45 s of processor time


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.killing", str(tmp_path), str(KILLS), "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    struck = json.loads(done.stdout)
    assert set(struck) == {"add", "replace", "remove", "reindex", "change"}
    assert sum(struck.values()) > KILLS / 2, f"most kills are to strike at work: {struck}"
