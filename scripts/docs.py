"""Writes the documents that are made from code: `make docs`. docs/errors.md from errors.py and words/*.json.

tests/test_house.py compares them, so that they never tell another story than the program.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

HEAD = """\
# 出错了怎么办 · When something goes wrong

每个错误都用一两句话说明：什么不对，怎么办。命令行用退出码区分，`--json` 的结果里写着名称（`kind`）。
Each error says in a sentence or two what is wrong and what to do. The command line tells them apart by exit code,
`--json` by name (`kind`). 设 `RAG_DEBUG=1` 可以看到程序内部的细节。`RAG_DEBUG=1` shows the details inside.

由 `make docs` 写成 · written by `make docs`.

| 退出码 · code | 名称 · kind | 什么不对 · what is wrong | 怎么办 · what to do |
|---|---|---|---|
"""
TAIL = """
0：完成（说明“资料里没有”也算完成）· done, an honest refusal too. 130：被中断 · interrupted.
"""


def errors() -> str:
    """docs/errors.md as a whole."""
    from rag.errors import Error
    from rag.words import catalogue

    def kinds(kind: type[Error]) -> Iterator[type[Error]]:
        yield kind
        for below in kind.__subclasses__():
            if below.__module__ == "rag.errors":
                yield from kinds(below)

    def cell(key: str) -> str:
        said = (re.sub(r"\{\w+\}", "…", catalogue(language)[key]).replace("|", "\\|") for language in ("zh", "en"))
        return "<br>".join(said)

    rows = [
        f"| {kind.exit_code} | `{kind.key}` | {cell(f'errors.{kind.key}.what')} | {cell(f'errors.{kind.key}.remedy')} |"
        for kind in sorted(kinds(Error), key=lambda kind: kind.exit_code)
        if catalogue("zh")[f"errors.{kind.key}.what"] != "{what}"  # that one has words of its own each time
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


def main() -> None:
    (ROOT / "docs/errors.md").write_text(errors(), encoding="utf-8", newline="\n")
    print("docs/errors.md")


if __name__ == "__main__":
    main()
