"""Lines of JSON in, one line out for each, in order: also for a line that failed."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from rag.cli.printing import print_json
from rag.errors import BadBatchLine, Error, PathMissing
from rag.types import Turn
from rag.words import say


@contextlib.contextmanager
def lines_of(batch: str) -> Iterator[TextIO]:
    """The batch file, or standard input for "-". Errors: PathMissing."""
    if batch == "-":
        yield sys.stdin
        return
    if not Path(batch).is_file():
        raise PathMissing(path=batch)
    with open(batch, encoding="utf-8-sig", errors="replace", newline="\n") as file:
        yield file


def parse(number: int, text: str) -> dict[str, Any]:
    """A line as an object with a question. Errors: BadBatchLine."""
    try:
        row = json.loads(text)
    except ValueError:
        raise BadBatchLine(line=number, why=say("cli.batch.not_json")) from None
    if not isinstance(row, dict):
        raise BadBatchLine(line=number, why=say("cli.batch.no_object"))
    return row


def turns(row: dict[str, Any]) -> list[Turn]:
    """The line's history: [{"question": …, "answer": …}, …]. Errors: BadBatchLine."""
    history = row.get("history") or []
    try:
        return [Turn(str(t["question"]), str(t.get("answer") or "")) for t in history]
    except (TypeError, KeyError, AttributeError):
        raise BadBatchLine(line=row.get("id", "?"), why=say("cli.batch.bad_history")) from None


def answer_lines(batch: str, answer: Callable[[dict[str, Any]], dict[str, Any]], need: str = "question") -> None:
    """Answers each line; a line that fails gives {"id": …, "error": {…}} and the next goes on."""
    with lines_of(batch) as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            name: Any = None
            try:
                row = parse(number, text)
                name = row.get("id")
                if not isinstance(row.get(need), str):
                    raise BadBatchLine(line=number, why=say("cli.batch.missing", name=need))
                print_json({"id": name, **answer(row)})
            except Error as error:
                print_json({"id": name, "error": error.to_json()})
