"""Writes requirements.lock anew: `make lock`. One exact version of each package, for every platform and Python.

uv resolves once for all of them (lines that hold on some carry a marker). PyTorch and what it brings for graphics
cards stay out: scripts/setup.py chooses a build for the machine. Used as constraints, so a line that no platform
asks for does no harm. Needs the network; nothing else does.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Exact versions of everything but PyTorch, for scripts/setup.py (pip install -c). Made by `make lock`.
"""
LEFT_OUT = re.compile(r"(torch|triton|nvidia-|cuda-)|.*sys_platform == 'emscripten'")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        scripts = Path(folder, "Scripts" if sys.platform == "win32" else "bin")
        subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        with_pip = Path(folder, "with-pip.in")
        with_pip.write_text("pip\n", encoding="utf-8")
        resolved = subprocess.run(
            [scripts / "uv", "pip", "compile", ROOT / "pyproject.toml", with_pip, "--universal", "--python-version",
             "3.11", "--extra", "models", "--extra", "dev", "--strip-extras", "--no-header", "--no-annotate", "--quiet",
             "--no-emit-index-url", "--no-emit-find-links"],
            check=True, capture_output=True, text=True, encoding="utf-8",
        ).stdout  # fmt: skip
    lines = [line for line in resolved.splitlines() if line and not LEFT_OUT.match(line)]
    (ROOT / "requirements.lock").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"requirements.lock: {len(lines)} lines")


if __name__ == "__main__":
    main()
