"""Texts come in; vectors of unit length go out. Built in: e5-small-zh as int8 ONNX, without torch; else SentenceTransformer.

Both sides are folded first (width, case, traditional to simplified): the model reads simplified best.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    name: str                    # identity of the model: its name and a hash of its weights
    dimension: int

    def passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32, unit length."""

    def questions(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32, unit length."""


def open_embedder(model: str | None = None, threads: int = 0) -> Embedder:
    """None or "builtin": the built-in model. Else a folder or a hub id that is on this machine.

    Errors: ModelUnusable, ModelsNotInstalled.
    """
    raise NotImplementedError
