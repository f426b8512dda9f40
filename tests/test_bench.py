"""`rag bench ingest` says how soon files are found, beside a yardstick of the same run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.cli import run


@pytest.mark.slow
def test_files_are_timed_beside_their_yardsticks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(3):
        (tmp_path / f"{n}.md").write_text(f"# 第{n}块田\n\n" + f"第{n}块田的水稻要浅插，插深了长不快。" * 9, "utf-8")
    assert run(["bench", "ingest", str(tmp_path), "--json"]) == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [row["unit"] for row in rows] == ["s", "s", "MB", "s", "passages/s", "s"]
    assert all(row["value"] > 0 for row in rows)
    assert rows[1]["name"].startswith("add 3 articles")
    assert rows[1]["ratio"] == pytest.approx(rows[1]["value"] / rows[0]["value"], rel=0.2)
    assert rows[1]["yardstick"] in rows[0]["name"]
    assert not (tmp_path / "library").exists()


@pytest.mark.slow
@pytest.mark.models
def test_a_language_model_is_timed_beside_plain_generate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tiny_models import recite

    text = "成年人胸外按压，深度为5至6厘米。"
    assert run(["bench", "llm", str(recite(tmp_path / "Tiny", text)), "--json"]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert all(row["value"] > 0 for row in rows.values())
    assert rows["Tiny: write"]["yardstick"] == "memory's limit"
    assert rows["Tiny: the whole answer, proved"]["yardstick"] == "generate"
    assert run(["bench", "llm", str(tmp_path), "--json"]) == 6
