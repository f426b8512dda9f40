"""A language model comes in; what it is worth on this machine, beside the built-in answerer on the same questions, goes out.

A minute of sample questions, each with passages of the article that answers it and of two others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache

from rag import settings
from rag.evaluation.answers import Gold, answered, read_questions, share
from rag.given import reader
from rag.types import Reply

SECONDS = 60.0  # that the model may take in all
LEAST, MOST = 4, 24  # questions: so many in any case, and no more

Figures = dict[str, float | int | bool | str | None]


def try_out(
    engine: str,
    *,
    seconds: float = SECONDS,
    most: int = MOST,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Figures:
    """Figures of both. `worse`: fewer right answers than the built-in one gave. Errors: ModelUnusable."""
    ask, builtin = reader(engine), reader("builtin")
    replies: list[tuple[Gold, Reply, Reply]] = []
    spent = 0.0
    for gold, passages in questions():
        if len(replies) >= most or (spent >= seconds and len(replies) >= LEAST):
            break
        tell(len(replies), most)
        started = time.monotonic()
        reply = ask(gold.question, passages)
        spent += time.monotonic() - started
        replies.append((gold, reply, builtin(gold.question, passages)))
    own = [reply for _, reply, _ in replies if reply.engine != "builtin"]
    right = sum(not reply.refused and answered(gold, reply.answer) for gold, reply, _ in replies)
    builtin_right = sum(not other.refused and answered(gold, other.answer) for gold, _, other in replies)
    return {
        "questions": len(replies),
        "right": right,
        "builtin_right": builtin_right,
        "worse": right < builtin_right,
        "refused": sum(reply.refused for _, reply, _ in replies),
        "own": share(reply.engine != "builtin" for _, reply, _ in replies),  # written by it, not the built-in answer
        "verified": share(c.verified for reply in own for c in reply.citations),
        "seconds": round(spent / max(1, len(replies)), 1),
        "at": time.strftime("%Y-%m-%d"),
    }


@cache
def _passages(article: str) -> tuple[str, ...]:
    from rag.articles import cut
    from rag.passages import split
    from rag.reading import read

    document = read(settings.samples() / "articles" / article, article)
    return tuple(p.text for one in cut(document) for p in split(one))


def questions() -> Iterator[tuple[Gold, list[str]]]:
    """Sample questions that an article answers and that stand alone, every third first: their kinds stand in groups."""
    golds = read_questions(settings.samples() / "questions.jsonl")
    fit = [g for g in golds if not g.refuse and not g.history and len(g.sources) == 1]
    ordered = [g for start in range(3) for g in fit[start::3]]
    for n, gold in enumerate(ordered):
        own = _passages(gold.sources[0])
        others = [_passages(ordered[(n + step) % len(ordered)].sources[0])[:1] for step in (5, 9)]
        yield gold, [*own[:3], *(p for other in others for p in other if p not in own)]
