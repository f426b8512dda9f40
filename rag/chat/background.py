"""One worker behind the page: opens what a first question needs, then makes new articles findable by meaning.

Reading never waits for it; the page asks it only whether something went wrong.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable

from rag.chat.errands import Errands
from rag.errors import Error, LibraryLocked, ServerUnreachable
from rag.library import Library


class Background:
    """Started once, woken after each upload, ended with the server."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.trouble: Error | None = None  # why search by meaning can't be made just now
        self.errands = Errands()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        context = contextvars.copy_context()  # the language that errors are told in
        self._thread = threading.Thread(target=context.run, args=(self._work,), name="rag-background", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def end(self, seconds: float = 5.0) -> None:
        """What is half done is committed or dropped whole; the next start goes on from there."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self) -> None:
        warm = self._try(self.library.warm_up)
        while not self._ended.is_set():
            warm = warm or self._try(self.library.warm_up)
            self._try(self._embed)
            # another process that writes will be done, a database that is away be back: asked again, without being woken
            passes = isinstance(self.trouble, LibraryLocked | ServerUnreachable)
            self._wake.wait(timeout=30.0 if passes else None)
            self._wake.clear()

    def _embed(self) -> None:
        self.library.embed_pending(stop=self._ended.is_set)
        self.library.change_embedding(stop=self._ended.is_set)

    def _try(self, step: Callable[[], object]) -> bool:
        try:
            step()
            self.trouble = None
            return True
        except Error as error:
            self.trouble = error
        except Exception as error:  # told on the library's page; a thread that dies would tell nobody
            logging.getLogger("rag.chat").debug("in the background", exc_info=True)
            self.trouble = Error(detail=type(error).__name__)
        return False
