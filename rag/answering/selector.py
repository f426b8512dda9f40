"""Candidate sentences come in, each with how likely it answers: boosted trees over words, then over what the reader read.

`embeddings/train_selector.py` learns both from questions with marked answers; the card stands beside them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.answering.candidates import Candidate
from rag.answering.features import NAMES, judge
from rag.answering.reader import LONGEST, Read
from rag.inference import open_graph
from rag.question import Question
from rag.types import Hit
from rag.weights import shipped

if TYPE_CHECKING:
    from rag.answering.reader import Reader

Floats = NDArray[np.float64]

READ = 6  # passages read, the best by retrieval's order; each costs about 25 ms of two cores
# What the reader says of a sentence, beside what its words say; `_up`: against the best of all sentences.
READ_NAMES = (
    "words",
    "words_up",
    "read",
    "answers",
    "answers_up",
    "mass",
    "span",
    "worth",
    "worth_up",
    "agree",
)
_UNREAD = -20.0


@dataclass(frozen=True, slots=True)
class Selected:
    """`chance` (n,) of each candidate that it holds the answer, calibrated for the best of them; `told`: what was read in
    the hits, by their id()."""

    chance: Floats
    told: dict[int, Read]


class Selector:
    """The shipped trees: `embeddings/selector`."""

    def __init__(self, models: Path, reader: Reader) -> None:
        folder = models / "selector"
        self._card = json.loads((folder / "selector.json").read_text("utf-8"))
        if tuple(self._card["features"]) != NAMES or tuple(self._card["read"]) != READ_NAMES:
            raise ValueError(f"{folder}: trees for other features")
        self._words, self._both = open_graph(folder / "words.onnx"), open_graph(folder / "selector.onnx")
        self._reader = reader

    def __call__(self, question: Question, candidates: Sequence[Candidate]) -> Selected:
        table = judge(question, candidates, shipped())
        if not candidates:
            return Selected(np.zeros(0), {})
        words = scored(self._words, table)
        told = read(self._reader, question, candidates)
        raw = scored(self._both, np.hstack([table, with_reading(candidates, words, told)]))
        slope, offset = self._card["calibration"]
        return Selected(1 / (1 + np.exp(-(slope * raw + offset))), told)


def scored(session: Any, table: NDArray[np.float32]) -> Floats:
    return np.asarray(session.run(None, {"features": table})[0], np.float64).reshape(-1)


def read(reader: Reader, question: Question, candidates: Sequence[Candidate]) -> dict[int, Read]:
    """What was read in the first READ hits of the candidates, in fewer on a slow machine, by the hit's id()."""
    hits: dict[int, Hit] = {}
    for c in sorted(candidates, key=lambda c: c.rank):
        hits.setdefault(id(c.hit), c.hit)
    chosen = list(hits.items())[:READ]
    told = reader.of(question.text, [hit for _, hit in chosen])
    return {key: said for (key, _), said in zip(chosen, told, strict=False)}


def with_reading(candidates: Sequence[Candidate], words: Floats, told: dict[int, Read]) -> NDArray[np.float32]:
    """(n, len(READ_NAMES)) float32."""
    n = len(candidates)
    table = np.full((n, len(READ_NAMES)), _UNREAD, np.float32)
    column = {name: table[:, i] for i, name in enumerate(READ_NAMES)}
    column["words"][:], column["words_up"][:] = words, words - words.max()
    column["read"][:], column["agree"][:] = 0, 0
    spelled = [""] * n  # the words that the reader marked in each
    normal = {key: _normal(said) for key, said in told.items()}
    for i, c in enumerate(candidates):
        said = told.get(id(c.hit))
        if said is None:
            continue
        a, b = c.start - c.hit.start, c.end - c.hit.start
        own = np.flatnonzero((said.offsets[:, 0] < b) & (said.offsets[:, 1] > a))
        if not len(own):
            continue
        start, end, mass = normal[id(c.hit)]
        first, last, span = best_span(start[own], end[own])
        column["read"][i], column["answers"][i] = 1, said.answers
        column["mass"][i], column["span"][i] = np.log(mass[own].sum() + 1e-6), span
        column["worth"][i] = said.answers + said.start[own[first]] + said.end[own[last]]
        x, y = max(a, int(said.offsets[own[first], 0])), min(b, int(said.offsets[own[last], 1]))
        spelled[i] = c.text[x - a : y - a]
    known = column["read"] > 0
    for name, of in (("answers_up", "answers"), ("worth_up", "worth")):
        if known.any():
            column[name][known] = column[of][known] - column[of][known].max()
    for i, c in enumerate(candidates):  # other articles in which the reader marked the same words
        if spelled[i]:
            column["agree"][i] = len(
                {
                    d.stretch
                    for d, s in zip(candidates, spelled, strict=True)
                    if s == spelled[i] and d.stretch != c.stretch
                }
            )
    return table


def best_span(start: Floats, end: Floats) -> tuple[int, int, float]:
    """First and last piece of the best span of at most LONGEST pieces, and its score."""
    both = start[:, None] + end[None, :]
    gap = np.arange(len(start))[None, :] - np.arange(len(start))[:, None]
    both[(gap < 0) | (gap >= LONGEST)] = -1e9
    first, last = np.unravel_index(int(both.argmax()), both.shape)
    return int(first), int(last), float(both[first, last])


def _normal(said: Read) -> tuple[Floats, Floats, Floats]:
    """log p(start), log p(end), p(evidence) over the pieces of the passage."""
    logs = []
    for scores in (said.start, said.end, said.evidence):
        high = scores.astype(np.float64) - float(scores.max(initial=-1e4))
        logs.append(high - np.log(np.exp(high).sum()) if len(high) else high)
    return logs[0], logs[1], np.exp(logs[2])
