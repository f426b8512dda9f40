"""A library that is open comes in; what is wrong with it goes out, and what is derived is made anew where that is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rag.errors import OtherEmbedding
from rag.meaning import Meaning
from rag.types import Checkup, Progress
from rag.words import say

if TYPE_CHECKING:
    from rag.store import Store

Watch = Callable[[Progress], None]


def checkup(store: Store, meaning: Meaning, repair: bool, tell: Watch) -> Checkup:
    """Faults, a sentence each; with `repair`, those that are left once all that is derived is new. LibraryLocked."""
    started = time.monotonic()
    try:
        faults = _faults(store, meaning)
    except OtherEmbedding as other:
        faults = [other.what]
    repaired: list[str] = []
    if repair:
        repaired = _rebuild(store, meaning, tell)
        faults = _faults(store, meaning)
    counts = store.counts()
    return Checkup(tuple(faults), tuple(repaired), counts.articles, counts.passages, time.monotonic() - started)


def _faults(store: Store, meaning: Meaning) -> list[str]:
    faults = store.check()
    if not store.counts().passages:
        return faults
    faults += meaning.serving().index.faults()
    if asked := meaning.asked():
        faults.append(say("faults.other_model", theirs=meaning.serving().embedder.name, ours=asked[0].name))
    return faults


def _rebuild(store: Store, meaning: Meaning, tell: Watch) -> list[str]:
    """Makes all that is derived anew from the truth; what was made, a line each."""
    with store.writing():
        store.compare_anew()
        meaning.index().rebuild(lambda done, total: tell(Progress("words", done, total)))
    built = [say("library.rebuilt_words")]
    changed = meaning.change(tell, lambda: False)  # first: the old model may be gone
    if meaning.embed(tell, lambda: False) or changed:
        built.append(say("library.rebuilt_meaning"))
    return built
