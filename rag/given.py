"""Questions come in with the passages to answer them from, replies go out: without a library.

A side room of `library.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rag import settings as places
from rag.settings import BUILTIN
from rag.types import Hit, Reply, Turn
from rag.wiring import last_reply, open_embedder, open_engine, open_reader, timed


def reader(engine: str | None = None) -> Callable[..., Reply]:
    """`read` with its models opened once, for many questions."""
    from rag.question import understand
    from rag.retrieval import rank

    chosen = places.load(engine=engine)
    embedder = open_embedder(chosen)
    answerer = open_engine(chosen.engine or BUILTIN, chosen, embedder, open_reader(chosen), None)

    def answer(question: str, passages: Sequence[str], history: Sequence[Turn] = ()) -> Reply:
        started = time.monotonic()
        asked = understand(question, history)
        given = [Hit(i, "", "", "", 0, len(p), p, 0.0) for i, p in enumerate(passages) if p.strip()]
        hits = rank(asked, given, embedder) if given else []
        return last_reply(timed(answerer.answer(asked, hits, lambda: False, history), started, time.monotonic()))

    return answer


def read(question: str, passages: Sequence[str], *, history: Sequence[Turn] = (), engine: str | None = None) -> Reply:
    """An answer over the passages given, without a library; citations say which passage (from 0)."""
    return reader(engine)(question, passages, history)
