"""The indexes of a library on a server, in a folder of this machine: derived from the store as those of any library.

The one idea: nobody waits for anybody. Whoever shares the folder takes turns by a lock in it, never by the library's;
a question takes in what is new if that is a matter of a moment, else it is answered from what is there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rag.errors import Error, LibraryLocked
from rag.search.local import LocalSearch

if TYPE_CHECKING:
    from pathlib import Path

    from rag.store import Store

MOMENT = 0.3  # seconds that a question waits for what came since the last one


class Cached(LocalSearch):
    """As `LocalSearch`; the folder may be thrown away at any time, it is made again."""

    def __init__(self, folder: Path, store: Store, model: str) -> None:
        super().__init__(folder, store, model)
        self._mine = threading.RLock()
        self._depth = 0
        self._lock: Any = None
        self._catching: threading.Thread | None = None

    @contextmanager
    def _alone(self, wait: float = 60.0) -> Iterator[None]:
        from rag import tables as t

        if not self._mine.acquire(timeout=wait):
            raise LibraryLocked(library=self._folder)
        try:
            if self._depth == 0:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock = t.lock(self._folder, wait)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._lock.release()
        finally:
            self._mine.release()

    def refresh(self) -> bool:
        """Sees what was committed since, here or by another process that shares the folder."""
        new = self._lexical.refresh()
        if self._behind(self._lexical) or self._vectors.change < self._store.last_change:
            with self._opening:
                thread = self._catching
                if thread is None or not thread.is_alive():
                    thread = threading.Thread(target=self._take_in, name="rag-index", daemon=True)
                    self._catching = thread
                    thread.start()
            thread.join(MOMENT)
            new = True
        return new

    def _take_in(self) -> None:
        try:
            super().refresh()
            if self._vectors.overgrown:
                with self._alone(wait=0), self._turn:
                    self._vectors.write()
        except Error:  # who asked meets the same one; another that writes the folder is seen next time
            logging.getLogger("rag.search").debug("the index could not take in what is new", exc_info=True)

    def close(self) -> None:
        if self._catching is not None:
            self._catching.join(60)  # it reads from the store, which is closed next
        super().close()
