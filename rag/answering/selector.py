"""Candidate sentences come in, each with how likely it answers: boosted trees over `features.py`.

`embeddings/train_selector.py` learns them from questions with marked answers; the card stands beside the weights.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.answering.candidates import Candidate
from rag.answering.features import NAMES, Judged, judge
from rag.question import Question
from rag.ranking import Weights

if TYPE_CHECKING:
    from rag.embedding import Embedder


class Selector:
    """The shipped trees: `embeddings/selector`; they weigh words by the ranker's table."""

    def __init__(self, models: Path, embedder: Embedder | None = None) -> None:
        import onnxruntime

        folder = models / "selector"
        card = json.loads((folder / "selector.json").read_text("utf-8"))
        if tuple(card["features"]) != NAMES:
            raise ValueError(f"{folder}: trees for other features")
        self._slope, self._offset = card["calibration"]
        self._weights = Weights(models / "ranker")
        self._embedder = embedder if card.get("meaning") else None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1    # some dozens of rows: a second thread costs more than it gives
        self._session = onnxruntime.InferenceSession(str(folder / "selector.onnx"), options,
                                                     providers=["CPUExecutionProvider"])

    def __call__(self, question: Question, candidates: Sequence[Candidate]) -> tuple[NDArray[np.float64], Judged]:
        """(n,) probabilities that a sentence holds the answer, calibrated for the best of them; and what was counted."""
        judged = judge(question, candidates, self._weights, self._embedder)
        if not candidates:
            return np.zeros(0), judged
        raw = np.asarray(self._session.run(None, {"features": judged.table})[0], np.float64).reshape(-1)
        return 1 / (1 + np.exp(-(self._slope * raw + self._offset))), judged
