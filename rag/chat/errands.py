"""One long errand with a model at a time: pulled, chosen, taken away; it goes on where the page is closed.

A library and what is wanted come in; how far it is, and what came of it, can be asked from any page.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from rag import choosing
from rag.errors import Error
from rag.library import Library
from rag.settings import BUILTIN
from rag.types import Progress

Does = Literal["pull", "use", "remove"]
Kind = Literal["writer", "embedding", "reranker"]


class Ended(Exception):
    """Whoever gave the errand wants it no more."""


@dataclass(frozen=True, slots=True)
class Errand:
    """`free`: megabytes that became free. `over`: nothing more will happen."""

    does: Does
    model: str
    kind: Kind
    step: Progress | None = None
    over: bool = False
    ended: bool = False
    error: Error | None = None
    free: int = 0
    trial: choosing.Trial | None = None


@dataclass
class Errands:
    """`latest`: the one that goes on, else the last; None where there was none."""

    latest: Errand | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def begin(self, library: Library, does: Does, model: str, kind: Kind, mirror: str | None = None) -> bool:
        """False where another goes on."""
        with self._lock:
            if self.latest is not None and not self.latest.over:
                return False
            self.latest, self._stop = Errand(does, model, kind), threading.Event()
        context = contextvars.copy_context()  # the language that errors are told in
        work = (self._work, library, self.latest, mirror, self._stop)
        threading.Thread(target=context.run, args=work, name="rag-errand", daemon=True).start()
        return True

    def end(self) -> None:
        """What was loaded or embedded stays; the same errand goes on from there."""
        self._stop.set()

    def _work(self, library: Library, errand: Errand, mirror: str | None, stop: threading.Event) -> None:
        def tell(step: Progress) -> None:
            if stop.is_set():
                raise Ended
            self.latest = replace(errand, step=step)

        try:
            done = self._do(library, errand, mirror, tell, stop.is_set)
        except Ended:
            done = replace(errand, ended=True)
        except Error as error:
            done = replace(errand, error=error)
        except Exception as error:  # told on the page; a thread that dies would tell nobody
            logging.getLogger("rag.chat").debug("an errand with a model", exc_info=True)
            done = replace(errand, error=Error(detail=type(error).__name__))
        self.latest = replace(done, over=True)

    def _do(
        self, library: Library, errand: Errand, mirror: str | None, tell: choosing.Watch, stop: Callable[[], bool]
    ) -> Errand:
        model = errand.model
        if errand.does == "pull":
            choosing.pull(model, mirror=mirror, progress=tell)
            return errand
        if errand.does == "remove":
            return replace(errand, free=choosing.remove(model, library)[0])
        choosing.use_in(library, model, errand.kind, progress=tell, stop=stop)
        if stop():
            return replace(errand, ended=True)
        if errand.kind != "writer" or model == BUILTIN:
            return errand
        from rag.evaluation.trial import try_out

        trial = try_out(model, tell=lambda done, total: tell(Progress("asking", done, total)))
        choosing.keep_trial(model, trial)
        return replace(errand, trial=trial)
