"""Passages are found by their words: tantivy over the tokens of `rag.text`, BM25 with k1 1.2 and b 0.75.

Two indexes in one folder: passages, and whole articles under the id of their first passage. Tokens go in and are asked
for as they are: tantivy cuts at the spaces put between them, and queries are built of terms, never parsed from text.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.search import ANY, Entry, Ranking, days, period
from rag.text import fold, tokens, tokens_version, words
from rag.types import Filter

if TYPE_CHECKING:
    import tantivy

FORMAT = 1  # of the fields below
CONTEXT = 0.7  # weight of title and headings beside the text: newspaper pages want .5–.7, web pages 1–2
_HEAP = 100_000_000  # bytes a writer gathers before it writes a segment: twice the default saves a merge
_DELETED_AT_ONCE = 1000
_LONGEST = 40  # runs of a term, and characters of one, that are looked for: patterns have a limit
_HAN_ = r"\u3400-\u9fff\U00020000-\U0003ffff〇"
_HAN, _RUNS = re.compile(f"[{_HAN_}]"), re.compile(rf"[{_HAN_}]+|[^\W_{_HAN_}]+")
_PASSAGES, _ARTICLES = "passages", "articles"
_TEXT = ("body", "context")


def _schema() -> tantivy.Schema:
    import tantivy

    made = tantivy.SchemaBuilder()
    made.add_unsigned_field("id", indexed=True, fast=True)
    made.add_text_field("body", tokenizer_name="cut", index_option="freq")
    made.add_text_field("context", tokenizer_name="cut", index_option="freq")
    made.add_text_field("source", tokenizer_name="raw", index_option="basic")
    made.add_text_field("column", tokenizer_name="raw", index_option="basic")
    made.add_unsigned_field("first_day", fast=True)
    made.add_unsigned_field("last_day", fast=True)
    return made.build()


class Lexical:
    """The word index in its folder. `change`: current up to it; -1 where there is none that can be used."""

    def __init__(self, folder: Path, library_id: str) -> None:
        self.folder = folder
        self._recipe = {"format": FORMAT, "tokens": tokens_version(), "library": library_id}
        self._indexes: dict[str, tantivy.Index] = {}
        self._seen: object = None
        self.change = -1
        self.refresh()

    # ---------------------------------------------------------------- state

    def refresh(self) -> bool:
        """Sees what was committed since, by this process or another. True where something was."""
        seen = _stamp(self.folder / "state.json")
        if seen == self._seen and seen is not None:
            return False
        self._seen, before = seen, self.change
        self.change = self._read_state()
        try:
            if self.change >= 0:
                if self._indexes:
                    for index in self._indexes.values():
                        index.reload()
                else:
                    self._indexes = {name: self._open(name) for name in (_PASSAGES, _ARTICLES)}
        except (ValueError, OSError):  # tantivy says ValueError to whatever it can't read
            self.change = -1
        if self.change < 0:
            self._indexes = {}
        return self.change != before

    def _read_state(self) -> int:
        try:
            state = json.loads((self.folder / "state.json").read_text("utf-8"))
            return int(state.pop("change")) if {**state, **self._recipe} == state else -1
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return -1

    def _open(self, name: str) -> tantivy.Index:
        import tantivy

        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        index = tantivy.Index(_schema(), path=str(path))
        index.register_tokenizer("cut", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        index.config_reader(reload_policy="manual")
        index.reload()
        return index

    def clear(self) -> None:
        """Throws everything away. The mark goes first: without it nothing that is left is trusted."""
        with suppress(FileNotFoundError):
            (self.folder / "state.json").unlink()
        self._indexes = {}
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.refresh()

    def count(self) -> int:
        """Passages that can be found."""
        index = self._indexes.get(_PASSAGES)
        return int(index.searcher().num_docs) if index else 0

    # ---------------------------------------------------------------- writing

    @contextmanager
    def writing(self, change: int) -> Iterator[Batch]:
        """What is given to the batch is committed at the end, and the mark then set to `change`. A kill before that
        leaves the old mark, and doing it again is harmless: each passage takes out its own older self."""
        fresh = self.change < 0
        if fresh:
            self.clear()
        indexes = {name: self._open(name) for name in (_PASSAGES, _ARTICLES)}
        batch = Batch(
            {name: index.writer(_HEAP, 1) for name, index in indexes.items()}, indexes[_PASSAGES].schema, fresh
        )
        for writer in batch.writers.values():
            writer.garbage_collect_files()  # a killed one's leavings may bear the names of what is written next
        yield batch
        for writer in batch.writers.values():
            writer.commit()
        for writer in batch.writers.values():
            writer.wait_merging_threads()
        write_atomically(self.folder / "state.json", json.dumps({**self._recipe, "change": change}).encode())
        self.refresh()

    # ---------------------------------------------------------------- searching

    def search(
        self,
        asked: Sequence[str],
        k: int,
        only: Filter = ANY,
        within: Sequence[int] | None = None,
        *,
        whole: bool = False,
    ) -> Ranking:
        """BM25 of passages; `whole`: of articles, each under its first passage's id, title and text in one.
        `within`: ids of the only passages that may be found."""
        import tantivy

        index = self._indexes.get(_ARTICLES if whole else _PASSAGES)
        if index is None or not asked or k < 1:
            return _ranking([], [])
        terms = []
        for word, times in Counter(asked).items():
            for name, weight in (("body", 1.0), ("context", 0.0 if whole else CONTEXT)):
                if weight:
                    term = tantivy.Query.term_query(index.schema, name, word, "freq")
                    boost = times * weight
                    terms.append((tantivy.Occur.Should, term if boost == 1 else tantivy.Query.boost_query(term, boost)))
        return self._run(index, terms, k, only, within)

    def candidates(
        self, term: str, k: int, only: Filter = ANY, within: Sequence[int] | None = None
    ) -> Iterator[list[int]]:
        """Passages that may hold a term: those with all its pairs of characters; for a term without any (Latin, digits,
        a single character) first those with its runs as words, then those with words that hold them (slower)."""
        import tantivy

        runs = _RUNS.findall(fold(term))[:_LONGEST]
        index = self._indexes.get(_PASSAGES)
        if index is None or not runs:
            return
        schema = index.schema
        pairs = {run[i : i + 2] for run in runs if _HAN.match(run) for i in range(len(run) - 1)}

        def holding(words: Iterable[str]) -> list[int]:
            return all_of(
                [_any([tantivy.Query.term_query(schema, name, word, "freq") for name in _TEXT]) for word in words]
            )

        def like(run: str) -> tantivy.Query:
            pattern = f".*{re.escape(run[:_LONGEST])}.*"
            return _any([tantivy.Query.regex_query(schema, name, pattern) for name in _TEXT])

        def all_of(parts: Sequence[tantivy.Query]) -> list[int]:
            return [
                int(i) for i in self._run(index, [(tantivy.Occur.Must, part) for part in parts], k, only, within).ids
            ]

        yield holding(sorted(pairs or runs))
        if not pairs:
            # A run may have been cut: 3dmax is 3d and max where the dictionary knows 3d.
            cut = [
                tantivy.Query.boolean_query([(tantivy.Occur.Must, like(w)) for w in words(run)])
                if words(run) != [run]
                else tantivy.Query.empty_query()
                for run in runs
            ]
            yield all_of([_any([like(run), apart]) for run, apart in zip(runs, cut, strict=True)])

    def _run(
        self, index: tantivy.Index, terms: list[tuple[Any, Any]], k: int, only: Filter, within: Sequence[int] | None
    ) -> Ranking:
        import tantivy

        query = tantivy.Query.boolean_query(terms)
        if only:
            conditions = [
                (tantivy.Occur.Must, tantivy.Query.const_score_query(condition, 0.0))
                for condition in _let_through(index.schema, only, within)
            ]
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), *conditions])
        searcher = index.searcher()
        hits = searcher.search(query, limit=k, count=False).hits
        ids = searcher.fast_field_values("id", [address for _, address in hits])
        return _ranking(ids, [score for score, _ in hits])


class Batch:
    """Passages on their way into the indexes. Articles come whole: all passages of one stand next to each other."""

    def __init__(self, writers: dict[str, tantivy.IndexWriter], schema: tantivy.Schema, fresh: bool) -> None:
        self.writers = writers
        self._schema = schema
        self._fresh = fresh  # nothing is there that could be doubled

    def add(self, entries: Iterable[Entry]) -> None:
        import tantivy

        if not self._fresh:
            entries = list(entries)
            self.remove([e.passage_id for e in entries])
        for _, of_one in groupby(entries, key=lambda e: e.article):
            bag: list[str] = []
            first: Entry | None = None
            context, said = "", ""
            for entry in of_one:
                if first is None:
                    first = entry
                if entry.context != context:
                    context, said = entry.context, _joined(entry.context)
                body = _joined(entry.text)
                bag.append(body)
                self.writers[_PASSAGES].add_document(_filled(tantivy.Document(), entry, body, said))
            if first is not None:
                whole = " ".join((_joined(first.title), *bag))
                self.writers[_ARTICLES].add_document(_filled(tantivy.Document(), first, whole, ""))

    def remove(self, passage_ids: Iterable[int]) -> None:
        import tantivy

        ids = [int(i) for i in passage_ids]
        for start in range(0, len(ids), _DELETED_AT_ONCE):
            # delete_documents_by_term takes a Python int for a signed one and finds nothing in an unsigned field
            query = tantivy.Query.term_set_query(self._schema, "id", ids[start : start + _DELETED_AT_ONCE])
            for writer in self.writers.values():
                writer.delete_documents_by_query(query)


def _joined(text: str) -> str:
    return " ".join(tokens(text)) if text else ""


def _filled(document: tantivy.Document, entry: Entry, body: str, context: str) -> tantivy.Document:
    document.add_unsigned("id", entry.passage_id)
    document.add_text("body", body)
    if context:
        document.add_text("context", context)
    for source in {entry.source, entry.document} - {""}:
        document.add_text("source", source)
    if entry.column:
        document.add_text("column", entry.column)
    if day := days(entry.date):
        document.add_unsigned("first_day", day[0])
        document.add_unsigned("last_day", day[1])
    return document


def _let_through(schema: tantivy.Schema, only: Filter, within: Sequence[int] | None) -> Iterator[tantivy.Query]:
    import tantivy

    if within is not None:
        yield tantivy.Query.term_set_query(schema, "id", list(within))
    for name, allowed in (("source", only.source), ("column", only.column)):
        if allowed:
            yield tantivy.Query.term_set_query(schema, name, list(allowed))
    if span := period(only):
        number = tantivy.FieldType.Unsigned
        yield tantivy.Query.range_query(schema, "last_day", number, lower_bound=span[0])
        yield tantivy.Query.range_query(schema, "first_day", number, upper_bound=span[1])


def _any(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    import tantivy

    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _ranking(ids: Sequence[Any], scores: Sequence[float]) -> Ranking:
    import numpy as np

    return Ranking(np.asarray(ids, dtype=np.int64), np.asarray(scores, dtype=np.float32))


# ---------------------------------------------------------------- files


def write_atomically(file: Path, content: bytes) -> None:
    """The old content or the new, whatever happens."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with beside.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(beside, file)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        s = file.stat()
    except OSError:
        return None
    return s.st_ino, s.st_mtime_ns, s.st_size
