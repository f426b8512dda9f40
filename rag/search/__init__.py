"""The one small interface to search: entries and vectors come in, passage ids in order go out.

`local.py` keeps both indexes in the library's folder (tantivy, FAISS), `milvus.py` in a search server. What an index
holds is derived: it knows up to which change of the store it is current, and catches up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rag.types import Filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANY = Filter()
Progress = Callable[[int, int], None]  # done, total (passages)


@dataclass(frozen=True, slots=True)
class Entry:
    """A passage as an index takes it in. An index cuts `text` and `context` itself, by `rag.text.tokens`."""

    passage_id: int
    text: str
    context: str = ""  # title and headings above it: searched, not quoted
    source: str = ""  # of the article
    document: str = ""  # source of its document: the same, but for files of rows
    column: str | None = None
    date: str | None = None  # ISO, also 2025-02 and 2025
    title: str = ""  # of the article alone
    article: int = 0  # the store's number of the article: all its passages come together
    change: int = 0  # of the store, with which it came


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages, best first: `ids` (n,) int64, `scores` (n,) float32, n ≤ k."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def to_dict(self) -> dict[int, float]:
        return dict(zip(self.ids.tolist(), self.scores.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far an index is. `lag` compares it with the store: 0 and True mean that nothing is missing."""

    change: int  # words are current up to this change of the store
    vector_change: int  # vectors too
    passages: int  # found by their words
    vectors: int  # found by their meaning
    model: str = ""  # whose vectors these are
    kind: str = "exact"  # of the vector index: "exact" (memory alone), "flat" (exact), "hnsw"


def days(date: str | None) -> tuple[int, int] | None:
    """First and last day of an ISO date as numbers: 2025-02 → (20250201, 20250231). None: no date that can be read."""
    parts = (date or "").strip()[:10].split("-")
    if not 1 <= len(parts) <= 3 or not all(p.isdecimal() and p.isascii() for p in parts) or len(parts[0]) != 4:
        return None
    year, month, day = int(parts[0]), *(int(p) for p in (*parts[1:], "0", "0")[:2])
    return year * 10000 + (month or 1) * 100 + (day or 1), year * 10000 + (month or 12) * 100 + (day or 31)


def period(only: Filter) -> tuple[int, int] | None:
    """The filter's days, both included; None where it asks for none, or for none that can be read."""
    since, until = days(only.since), days(only.until)
    if since is None and until is None:
        return None
    return since[0] if since else 0, until[1] if until else 99991231


class SearchIndex(Protocol):
    """All ids are the store's passage ids; adding one again replaces it, removing an unknown one does nothing."""

    def add(self, entries: Sequence[Entry], change: int) -> None:
        """Makes passages findable by words; afterwards the words are current up to `change`."""

    def add_vectors(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], change: int) -> None:
        """(n,) ids and (n, dimension) unit vectors; afterwards the vectors are current up to `change`."""

    def remove(self, passage_ids: Sequence[int], change: int) -> None:
        """Words and vectors of these passages are not found any more."""

    def lexical(self, tokens: Sequence[str], k: int, only: Filter = ANY, *, whole: bool = False) -> Ranking:
        """BM25 (k1 1.2, b 0.75) of the question's tokens (`rag.text.tokens`). A token said twice counts twice.

        `whole`: ranks whole articles instead, title and text in one bag; each stands under its first passage's id."""

    def nearest(self, vector: NDArray[np.float32], k: int, only: Filter = ANY) -> Ranking:
        """Cosine with a unit vector (dimension,)."""

    def containing(self, term: str, limit: int = 20, only: Filter = ANY) -> list[int]:
        """Passages whose text, title or headings hold the very term (compared folded); [] means: nowhere."""

    def vectors(self, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """The unit vectors of those passages that have one."""

    def state(self) -> IndexState: ...

    def refresh(self) -> bool:
        """Sees what another process has committed since; True where something was new. Cheap."""

    def catch_up(self, progress: Progress | None = None) -> IndexState:
        """Takes in every change of the store that is not here yet. LibraryLocked."""

    def rebuild(self, progress: Progress | None = None) -> IndexState:
        """Throws all away and makes it from the store. LibraryLocked."""

    def keep_models(self, models: Iterable[str]) -> None:
        """Vectors of all other models go. With the writer's lock held."""

    def faults(self) -> list[str]:
        """What is wrong compared with the store, a sentence each; [] where the index is whole."""

    def close(self) -> None: ...
