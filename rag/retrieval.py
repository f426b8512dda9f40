"""A question comes in; passages in the order in which they are likely to answer go out, with why."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.embedding import Embedder
from rag.types import Filter, Hit

if TYPE_CHECKING:
    from rag.question import Question
    from rag.search import SearchIndex
    from rag.store import Store


def retrieve(question: Question, store: Store, index: SearchIndex, embedder: Embedder, k: int = 10,
             only: Filter = Filter()) -> list[Hit]:
    """At most k hits, best first; several of one article only where they are worth it."""
    raise NotImplementedError


def rank(question: Question, hits: Sequence[Hit], embedder: Embedder) -> list[Hit]:
    """The same order over passages that are given: BM25 is computed among them."""
    raise NotImplementedError
