"""Passages come in, the sentences that answer go out, in order, each with its place; or an honest refusal.

The one idea: nothing is written that does not stand in an article.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rag import text as t
from rag.answering import compose, refuse
from rag.question import Question
from rag.types import Evidence, Hit, Piece

if TYPE_CHECKING:
    from rag.embedding import Embedder


class Extractive:
    """The built-in answerer: no language model.

    `library_has(term)`: whether a name, code, number or quoted string stands anywhere in the library; None where
    nothing but the hits is known. `embedder` None: sentences are judged by their words alone.
    """

    name = "builtin"

    def __init__(self, embedder: Embedder | None = None, library_has: Callable[[str], bool] | None = None) -> None:
        self.embedder = embedder
        self.library_has = library_has

    def answer(self, question: Question, hits: Sequence[Hit], stop: Callable[[], bool]) -> Iterator[Piece]:
        yield Piece("searching", found=len({h.article_id for h in hits}))
        asked = set(t.words(question.text)) | set(t.bigrams(question.text))
        best: Evidence | None = None
        for hit in hits:
            for a, b in t.sentences(hit.text):
                sentence = hit.text[a:b]
                held = asked & (set(t.words(sentence)) | set(t.bigrams(sentence)))
                score = len(held) / max(1, len(asked))
                if best is None or score > best.score:
                    best = Evidence(hit, hit.start + a, hit.start + b, sentence, score)
        if best is None or best.score < 0.2:
            yield Piece("done", reply=refuse(question, "no_evidence", hits=hits))
            return
        reply = compose(question, [best], hits=hits, confidence=best.score)
        yield Piece("done", text=reply.answer, reply=reply)
