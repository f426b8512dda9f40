"""Which cross-encoder puts the passages of a library in order, and what is done where it can't: a side room of `library.py`.

It is opened late and once. Where it fails the built-in order stands, and the answer says so.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rag.errors import Error, ModelsNotInstalled, ModelUnusable
from rag.settings import BUILTIN, Settings, engine_name
from rag.traces import span
from rag.types import Hit
from rag.wiring import open_reranker
from rag.words import say

if TYPE_CHECKING:
    from rag.reranking import Reranker
    from rag.store import Store

LOOKED_AT = 30  # passages that are ordered anew, the first of the built-in order
SECONDS = 8.0  # that this may take; what is not read by then stays behind what was


class Reordering:
    """The cross-encoder of a library."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._opening = threading.Lock()
        self._opened: dict[str, Reranker | Error] = {}

    @property
    def named(self) -> str:
        """What the settings name, else the one chosen last; BUILTIN: none."""
        return self._settings.reranker or str(self._store.recipe().get("reranker") or BUILTIN)

    def open(self) -> Reranker | None:
        """None where the built-in order stands. Errors: ModelUnusable, ModelsNotInstalled; each time, without a new try."""
        named = self.named
        if named == BUILTIN:
            return None
        with self._opening:
            if named not in self._opened:
                self._opened.clear()
                try:
                    self._opened[named] = open_reranker(self._settings, named)
                except (ModelUnusable, ModelsNotInstalled) as error:
                    self._opened[named] = error
            opened = self._opened[named]
        if isinstance(opened, Error):
            raise opened
        return opened

    def forget(self) -> None:
        """Another was chosen, or taken away: it is opened anew."""
        with self._opening:
            self._opened.clear()

    def warm_up(self) -> None:
        """What can't be opened is told with each answer."""
        try:
            self.open()
        except (ModelUnusable, ModelsNotInstalled):
            return

    def look(self) -> Look:
        return Look(self)


@dataclass
class Look:
    """One question's look at its passages. `note`: a sentence, where the cross-encoder did not order all of them."""

    of: Reordering
    note: str | None = field(default=None, init=False)

    def __call__(self, question: str, hits: Sequence[Hit]) -> list[Hit] | None:
        """The hits with the first ones ordered anew; None: the built-in order stands."""
        named = self.of.named
        if named == BUILTIN or len(hits) < 2:
            return None
        first = hits[:LOOKED_AT]
        with span("rerank") as step:
            scores: list[float] = []
            try:
                reranker = self.of.open()
                if reranker is not None:
                    texts = [f"{h.heading}\n{h.text}" if h.heading else h.text for h in first]
                    scores = reranker.scores(question, texts, SECONDS)
                if len(scores) < len(first):
                    self.note = say("answers.reranked_some", model=engine_name(named), read=len(scores))
            except (ModelUnusable, ModelsNotInstalled) as error:
                why = str(error.fields.get("why") or error.what)
                self.note = say("answers.reranker_failed", model=engine_name(named), why=why)
            if step is not None:
                step.set_attributes({"rag.reranker": engine_name(named), "rag.reranked": len(scores)})
        if len(scores) < 2:
            return None
        read = [
            replace(h, score=round(s, 4), why=replace(h.why, rerank=round(s, 4), reranker=engine_name(named)))
            for h, s in zip(first, scores, strict=False)
        ]
        read.sort(key=lambda h: -h.score)
        return [*read, *(replace(h, score=min(h.score, read[-1].score)) for h in hits[len(scores) :])]
