"""Both indexes in the library's folder: `lexical/` (tantivy) and `vectors/` (FAISS), derived from the store.

Each knows up to which change of the store it is current. Whoever opens the library brings them up to date if nobody
else is writing; a reader beside a writer answers from what is there.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import LibraryLocked, NoPermission
from rag.search import ANY, Entry, IndexState, Progress, Ranking
from rag.text import fold
from rag.types import Filter
from rag.words import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.search.lexical import Lexical
    from rag.search.vectors import Vectors
    from rag.store import Store

_LOOKED_AT = 2000  # candidates that are read to find a term: past that it is common, or its characters are


class LocalSearch:
    """The `SearchIndex` of one machine. Opening it reads nothing: each half is opened when it is first asked."""

    def __init__(self, folder: Path, store: Store, model: str) -> None:
        """`folder`: the library's. `model`: whose vectors are searched (`Embedder.name`)."""
        self._folder = Path(folder)
        self._store = store
        self._model = model
        self._opening = threading.RLock()
        self._turn = threading.RLock()
        self._lexical_: Lexical | None = None
        self._vectors_: Vectors | None = None

    @property
    def _lexical(self) -> Lexical:
        """Brought up to date when it is first asked for, if nobody is writing."""
        if self._lexical_ is None:
            with self._opening:
                if self._lexical_ is None:
                    from rag.search.lexical import Lexical

                    words = Lexical(self._folder / "lexical", self._store.library_id)
                    self._catch_up_if_free(words)
                    self._lexical_ = words
        return self._lexical_

    @property
    def _vectors(self) -> Vectors:
        if self._vectors_ is None:
            with self._opening:
                if self._vectors_ is None:
                    from rag.search.vectors import Vectors

                    vectors = Vectors(self._folder / "vectors", self._store, self._model)
                    vectors.catch_up()
                    self._vectors_ = vectors
        return self._vectors_

    # ---------------------------------------------------------------- catching up
    # Locks are taken in one order: that between processes, then this one's. A thread that searches waits for neither.

    def _alone(self, wait: float = 1.0) -> AbstractContextManager[None]:
        """Held by whoever writes the folder; here it is the writer's, who holds it already while files come in."""
        return self._store.writing(wait)

    def catch_up(self, progress: Progress | None = None) -> IndexState:
        """Takes in every change of the store that is not here yet; rebuilds what is unreadable or cut by other rules.

        Takes the writer's lock (LibraryLocked). Nothing to do: a millisecond, and no lock is taken.
        """
        if self._behind(self._lexical):
            with self._alone():
                self._catch_up(self._lexical, progress)
        self._vectors.catch_up()
        if self._vectors.overgrown:
            with self._alone(), self._turn:
                self._vectors.write()
        return self.state()

    def _behind(self, words: Lexical) -> bool:
        wanted = self._store.last_text_change
        return words.change < wanted or words.change > self._store.last_change

    def _catch_up_if_free(self, words: Lexical) -> None:
        """A killed writer's work is finished by whoever comes next; one that is still writing is left to it."""
        try:
            if self._behind(words):
                with self._alone(wait=0):
                    self._catch_up(words, None)
        except (LibraryLocked, NoPermission):
            return

    def _catch_up(self, words: Lexical, progress: Progress | None) -> None:
        """With the writer's lock held."""
        store = self._store
        with self._turn:
            words.refresh()  # another process may have done it while the lock was awaited
            last = store.last_change
            if words.change > last:  # not this store's: nothing here can be trusted
                words.clear()
            if not self._behind(words):
                return
            fresh, done, total = words.change < 0, 0, store.counts().passages
            with words.writing(last) as batch:
                if not fresh:
                    batch.remove(store.removals(words.change).tolist())
                for entries in store.entries(max(words.change, 0), upto=last):
                    batch.add(entries)
                    done += len(entries)
                    if progress:
                        progress(done, max(total, done))

    def rebuild(self, progress: Progress | None = None) -> IndexState:
        """Throws both indexes away and makes them from the store. LibraryLocked."""
        words, vectors = self._lexical, self._vectors
        with self._alone(), self._turn:
            words.clear()
            self._catch_up(words, progress)
            shutil.rmtree(self._folder / "vectors", ignore_errors=True)  # those of models of before, too
            vectors.clear()
            vectors.catch_up()
            if vectors.overgrown:
                vectors.write()
        return self.state()

    def keep_models(self, models: Iterable[str]) -> None:
        """Files of vectors of all other models go."""
        from rag.search.vectors import folder_name

        stays = {folder_name(model) for model in models}
        for folder in (self._folder / "vectors").glob("*"):
            if folder.name not in stays:
                shutil.rmtree(folder, ignore_errors=True)

    def refresh(self) -> bool:
        """Sees what was committed since; True where something was new. Where the words lag and nobody is writing,
        they are brought up to date."""
        if not self._turn.acquire(blocking=False):  # another thread is bringing it up to date
            return False
        try:
            new = self._lexical.refresh()
            self._catch_up_if_free(self._lexical)
        finally:
            self._turn.release()
        return self._vectors.catch_up() or new

    # ---------------------------------------------------------------- the interface

    def add(self, entries: Sequence[Entry], change: int) -> None:
        with self._turn, self._lexical.writing(change) as batch:
            batch.add(entries)

    def add_vectors(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], change: int) -> None:
        self._vectors.add(ids, vectors)
        self._vectors.mark(change)

    def remove(self, passage_ids: Sequence[int], change: int) -> None:
        import numpy as np

        with self._turn, self._lexical.writing(change) as batch:
            batch.remove(passage_ids)
        self._vectors.remove(np.asarray(passage_ids, dtype=np.int64))

    def lexical(self, tokens: Sequence[str], k: int, only: Filter = ANY, *, whole: bool = False) -> Ranking:
        return self._lexical.search(tokens, k, only, self._within(only), whole=whole)

    def _within(self, only: Filter) -> list[int] | None:
        """The passages of single articles: what is filed with the words knows of sources and columns only."""
        return self._store.allowed(Filter(article=only.article)).tolist() if only.article else None

    def nearest(self, vector: NDArray[np.float32], k: int, only: Filter = ANY) -> Ranking:
        return self._vectors.search(vector, k, only)

    def containing(self, term: str, limit: int = 20, only: Filter = ANY) -> list[int]:
        """At most `limit` passages; the words find candidates, their texts decide."""
        wanted = fold(term).strip()
        read: set[int] = set()
        found: list[int] = []
        for candidates in self._lexical.candidates(term, _LOOKED_AT, only, self._within(only)):
            unread = [i for i in candidates if i not in read]
            read.update(unread)
            for start in range(0, len(unread), 100):
                for i, hit in self._store.hits(unread[start : start + 100]).items():
                    if wanted in fold(hit.text) or wanted in fold(hit.heading) or wanted in fold(hit.title):
                        found.append(i)
                        if len(found) == limit:
                            return found
        return found

    def vectors(self, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        return self._store.vectors(self._model, passage_ids)

    def state(self) -> IndexState:
        words, vectors = self._lexical, self._vectors
        change = max(words.change, 0) if self._behind(words) else max(words.change, self._store.last_change)
        return IndexState(change, vectors.change, words.count(), vectors.count, self._model, vectors.kind)

    def faults(self) -> list[str]:
        """What is wrong with the indexes compared with the store, a sentence each; [] where they are whole."""
        words, vectors, last = self._lexical, self._vectors, self._store.last_change
        done, total = self._store.embedding_progress(self._model)
        found = []
        if words.change < 0 and total:
            found.append(say("faults.words_unreadable"))
        elif self._behind(words):
            found.append(say("faults.words_behind", count=last - words.change))
        elif words.count() != total:
            found.append(say("faults.words_count", found=words.count(), wanted=total))
        if vectors.change != last and done:
            found.append(say("faults.meaning_behind", count=last - vectors.change))
        elif vectors.count != done:
            found.append(say("faults.meaning_count", found=vectors.count, wanted=done))
        return found

    def close(self) -> None:
        """Forgets what is open; it is opened again when it is asked."""
        with self._opening:
            self._lexical_ = self._vectors_ = None
