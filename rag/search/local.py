"""Both indexes in the library's folder: `lexical/` (tantivy) and `vectors/` (FAISS), derived from the store."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rag.search import ANY, Entry, IndexState, Ranking
from rag.types import Filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.store import Store

Progress = Callable[[int, int], None]   # done, total (passages)


class LocalSearch:
    """The `SearchIndex` of one machine. Opening it reads little: each half is opened when it is first asked.

    A reader answers from what is on disk, even if that lags behind the store; `catch_up` brings it up to date.
    """

    def __init__(self, folder: Path, store: Store, model: str) -> None:
        """`folder`: the library's. `model`: whose vectors are searched (`Embedder.name`)."""
        raise NotImplementedError

    def catch_up(self, progress: Progress | None = None) -> IndexState:
        """Takes in every change of the store that is not here yet; rebuilds what is unreadable or cut by other rules.

        Takes the writer's lock (LibraryLocked). Nothing to do: under a millisecond, and no lock is taken.
        """
        raise NotImplementedError

    def rebuild(self, progress: Progress | None = None) -> IndexState:
        """Throws both indexes away and makes them from the store. LibraryLocked."""
        raise NotImplementedError

    def add(self, entries: Sequence[Entry], change: int) -> None:
        raise NotImplementedError

    def add_vectors(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], change: int) -> None:
        raise NotImplementedError

    def remove(self, passage_ids: Sequence[int], change: int) -> None:
        raise NotImplementedError

    def lexical(self, tokens: Sequence[str], k: int, only: Filter = ANY) -> Ranking:
        raise NotImplementedError

    def nearest(self, vector: NDArray[np.float32], k: int, only: Filter = ANY) -> Ranking:
        raise NotImplementedError

    def containing(self, term: str, limit: int = 20, only: Filter = ANY) -> list[int]:
        raise NotImplementedError

    def vectors(self, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        raise NotImplementedError

    def state(self) -> IndexState:
        raise NotImplementedError

    def faults(self) -> list[str]:
        """What is wrong with the indexes compared with the store, a sentence each; [] where they are whole."""
        raise NotImplementedError

    def refresh(self) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
