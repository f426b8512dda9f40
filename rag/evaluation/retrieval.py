"""Folders in BEIR's format come in; how often the library finds a right article, and how fast, goes out.

One library serves all sets: distractors are added once, each set's own articles for the time of its questions.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import BadBatchLine, Error, PathMissing
from rag.types import Hit, Progress

if TYPE_CHECKING:
    from rag.library import Library

ASKED_FOR = 30  # passages; articles are counted once
Watch = Callable[[Progress], None]


def measure_sets(
    sets: Sequence[Path],
    distractors: Sequence[Path] = (),
    *,
    limit: int | None = None,
    library: Path | None = None,
    progress: Watch | None = None,
) -> Iterator[tuple[str, dict[str, float]]]:
    """(name of the set, figures) for each set, over its own articles and at most `limit` distractors.

    `library`: a folder that keeps the distractors for the next time; a temporary one without. Errors: PathMissing,
    BadBatchLine (a line of a set that is no JSON object).
    """
    from rag.library import open as open_library

    for path in (*sets, *distractors):
        if not path.exists():
            raise PathMissing(path=path)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rag-eval-")))
        opened = stack.enter_context(open_library(library or work / "library"))
        others = _add(opened, work / "distractors.jsonl", islice(_all_rows(distractors), limit), set(), progress)
        for folder in sets:
            yield folder.name, measure(opened, folder, work, others, progress)


def measure(
    library: Library, folder: Path, work: Path, known: Set[str] = frozenset(), progress: Watch | None = None
) -> dict[str, float]:
    """The figures of one set. Its articles are in the library afterwards as they were before: not at all."""
    questions, right = read_set(folder)
    file = work / f"{folder.name}.jsonl"
    corpus = _first(folder, "corpus.jsonl.gz", "corpus.jsonl")
    own = _add(library, file, _rows(corpus), known, progress)
    try:
        places: list[int | None] = []
        seconds: list[float] = []
        for done, (key, question) in enumerate(questions.items()):
            started = time.perf_counter()
            try:
                hits: Sequence[Hit] = library.search(question, ASKED_FOR).hits
            except Error:  # a question of punctuation finds nothing; it still counts
                hits = ()
            seconds.append(time.perf_counter() - started)
            places.append(place(hits, right[key]))
            if progress:
                progress(Progress("reading", done + 1, len(questions), folder.name))
    finally:
        if own:
            library.remove([file.name])
    ms = {
        label: round(1000 * float(np.quantile(seconds or [0.0], q)), 1) for label, q in (("ms", 0.5), ("ms_p95", 0.95))
    }
    return {"queries": len(questions), "documents": len(own | known), **figures(places), **ms}


def figures(places: Sequence[int | None]) -> dict[str, float]:
    """Recall at 1, 5 and 10 and MRR@10 of places counted from 1 (None: not found)."""
    n = max(len(places), 1)
    found = {f"r{k}": round(sum(p is not None and p <= k for p in places) / n, 4) for k in (1, 5, 10)}
    return found | {"mrr10": round(sum(1 / p for p in places if p is not None and p <= 10) / n, 4)}


def place(hits: Sequence[Hit], right: set[str]) -> int | None:
    """The place of the first right article among the articles found, from 1."""
    articles = dict.fromkeys(h.source.rsplit("#", 1)[-1] for h in hits)
    return next((i for i, name in enumerate(articles, 1) if name in right), None)


# ---------------------------------------------------------------- reading


def read_set(folder: Path) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Questions that have a right article, and the names of those articles. Errors: PathMissing, BadBatchLine."""
    asked = {name(row): str(row["text"]) for row in _rows(_first(folder, "queries.jsonl", "queries.jsonl.gz"))}
    right: dict[str, set[str]] = {}
    judged = _first(folder, "qrels.tsv", "qrels/test.tsv", "qrels/dev.tsv")
    for line in judged.read_text("utf-8").splitlines():
        cells = line.split("\t")
        if len(cells) == 4:  # TREC's form has a column of zeros
            cells.pop(1)
        if len(cells) == 3 and cells[2].strip().isdigit() and int(cells[2]) and cells[0] in asked:
            right.setdefault(cells[0], set()).add(cells[1])
    return {key: asked[key] for key in sorted(right)}, right


def name(row: Mapping[str, Any]) -> str:
    return str(row.get("_id", row.get("id")))


def _first(folder: Path, *names: str) -> Path:
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    raise PathMissing(path=folder / names[0])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise BadBatchLine(line=number, why=f"{path.name}: {error}") from error
                if not isinstance(row, dict):
                    raise BadBatchLine(line=number, why=f"{path.name}: {type(row).__name__}")
                yield row


def _all_rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from _rows(path)


def _add(
    library: Library, file: Path, rows: Iterator[dict[str, Any]], known: Set[str], progress: Watch | None
) -> set[str]:
    """Adds rows that are not `known` as one file of rows; their names."""
    names: set[str] = set()
    with file.open("w", encoding="utf-8") as out:
        for row in rows:
            key = name(row)
            if key not in known and key not in names and (row.get("text") or row.get("title")):
                names.add(key)
                out.write(
                    json.dumps(
                        {"id": key, "title": row.get("title") or "", "text": row.get("text") or ""}, ensure_ascii=False
                    )
                    + "\n"
                )
    if names:
        library.add([file], progress=progress)
    return names
