"""Candidate sentences come in, each with how likely it answers: boosted trees over `features.py`, then the meaning.

`embeddings/train_selector.py` learns the trees from questions with marked answers; the card stands beside them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.answering.candidates import Candidate
from rag.answering.features import NAMES, Judged, judge, shown
from rag.question import Question
from rag.weights import shipped

if TYPE_CHECKING:
    from rag.embedding import Embedder

EMBEDDED = 10  # sentences compared by meaning, the best by their words; each costs about 15 ms


class Selector:
    """The shipped trees: `embeddings/selector`. `embedder` None: sentences are judged by their words alone."""

    def __init__(self, models: Path, embedder: Embedder | None = None) -> None:
        import onnxruntime

        folder = models / "selector"
        self._card = json.loads((folder / "selector.json").read_text("utf-8"))
        if tuple(self._card["features"]) != NAMES:
            raise ValueError(f"{folder}: trees for other features")
        self._embedder = embedder
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # some dozens of rows: a second thread costs more than it gives
        self._session = onnxruntime.InferenceSession(
            str(folder / "selector.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, question: Question, candidates: Sequence[Candidate]) -> tuple[NDArray[np.float64], Judged]:
        """(n,) probabilities that a sentence holds the answer, calibrated for the best of them; and what was counted."""
        judged = judge(question, candidates, shipped())
        if not candidates:
            return np.zeros(0), judged
        raw = np.asarray(self._session.run(None, {"features": judged.table})[0], np.float64).reshape(-1)
        slope, offset = self._card["words_alone"]
        if self._embedder is not None:
            raw += self._meaning(question, candidates, raw, self._embedder)
            slope, offset = self._card["with_meaning"]
        return 1 / (1 + np.exp(-(slope * raw + offset))), judged

    def _meaning(
        self, question: Question, candidates: Sequence[Candidate], raw: NDArray[np.float64], embedder: Embedder
    ) -> NDArray[np.float64]:
        """(n,) what the cosines of question and sentence add: each against the middle one of this question, and the
        best one's against the usual, since cosines of all questions lie close together."""
        chosen = np.argsort(-raw)[:EMBEDDED]
        asked = embedder.questions([question.text])[0]
        near = embedder.passages([shown(candidates[i])[:200] for i in chosen]) @ asked
        within, beyond = self._card["cosine"]["within"], self._card["cosine"]["beyond"]
        cosines = np.full(len(raw), float(near.min()))
        cosines[chosen] = near
        added = within * (cosines - float(np.median(near)))
        best = int(np.argmax(raw + added))
        total: NDArray[np.float64] = added + beyond * (cosines[best] - self._card["cosine"]["usual"])
        return total
