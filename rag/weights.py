"""A word or a pair of characters comes in, how much it says goes out: rare ones tell passages apart, common ones don't."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from rag import settings


class Weights:
    """Inverse document frequency over 39,714 news articles, of words and of pairs of characters; folded tokens."""

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "idf.npz", allow_pickle=False) as held:
            tokens = bytes(held["tokens"]).decode("utf-8").split("\n")
            idf: list[float] = (held["idf"].astype(np.float32) / 16).tolist()
            self._idf = dict(zip(tokens, idf, strict=True))
            self.rare = float(held["rare"]) / 16

    def __call__(self, token: str) -> float:
        return self._idf.get(token, self.rare)


@cache
def shipped() -> Weights:
    """The built-in table, read once: ranking and answering share it."""
    return Weights(settings.builtin_models() / "ranker")
