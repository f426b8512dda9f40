"""What the store tells of its changes, and how much is in it: small frozen types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Put:
    """What a `put` did."""

    status: Literal["added", "replaced", "unchanged"]
    change: int  # the store's change after it
    document_id: int
    articles: int = 0  # in the document now
    passages: int = 0  # in the document now
    new: range = range(0)  # ids of the passages that came with it, in order
    removed: tuple[int, ...] = ()  # ids of the passages that went
    reprints: int = 0  # articles in the document now that are reprints of others which came before them
    carried: int = 0  # stories that only go on in the document: they are counted where they begin


@dataclass(frozen=True, slots=True)
class Gone:
    """What a name given to `remove` stood for."""

    name: str
    articles: int = 0  # 0: the name is unknown, nothing was removed
    passages: tuple[int, ...] = ()  # ids that went
    probes: tuple[str, ...] = ()  # a dozen texts that went, to ask the indexes for


@dataclass(frozen=True, slots=True)
class Counts:
    documents: int
    articles: int
    passages: int
    characters: int  # of the articles' texts
