"""A question and passages come in; how well each answers, as a cross-encoder reads them together, goes out.

Any folder or hub id that sentence-transformers' `CrossEncoder` opens (bge-reranker, Qwen3-Reranker). torch is imported
where one is opened: it is slow to load.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag import settings
from rag.errors import ModelsNotInstalled, ModelUnusable
from rag.text import squeeze
from rag.words import say

AT_ONCE = 4  # pairs between two looks at the clock
LONGEST = 800  # characters of a question or passage that are read


class Reranker:
    """One cross-encoder. Any number of threads may ask; their batches take turns."""

    def __init__(self, model: str, threads: int = 0) -> None:
        """Nothing is downloaded. Errors: ModelUnusable, ModelsNotInstalled."""
        folder = Path(model).expanduser()
        if folder.exists() and not is_reranker(folder):
            raise ModelUnusable(model=model, why=say("embedding.no_reranker_there"))
        try:
            import sentence_transformers
            import torch
            import transformers
        except ImportError as error:
            raise ModelsNotInstalled(model=model) from error
        torch.set_num_threads(settings.threads(threads))
        transformers.utils.logging.disable_progress_bar()
        self.name = settings.engine_name(model)
        self._turn = threading.Lock()
        try:
            self._model = sentence_transformers.CrossEncoder(
                str(folder) if folder.exists() else model,
                device="cpu",
                local_files_only=True,
                model_kwargs={"dtype": torch.float32},  # which every processor computes
            )
            one = self._model.num_labels == 1
        except Exception as error:  # transformers raises OSError, ValueError, KeyError… for the same missing file
            raise ModelUnusable(
                model=model, why=_short(error) if folder.exists() else say("embedding.not_here")
            ) from error
        if not one:  # an entailment model and its like: none of its numbers says how well a passage answers
            raise ModelUnusable(model=model, why=say("embedding.no_reranker_there"))
        self._sigmoid = torch.nn.Sigmoid()

    def scores(self, question: str, texts: Sequence[str], seconds: float) -> list[float]:
        """0–1 each, in order, of as many as are read within the seconds. Errors: ModelUnusable."""
        until = time.monotonic() + seconds
        asked = squeeze(question)[:LONGEST]
        found: list[float] = []
        while len(found) < len(texts) and time.monotonic() < until:
            if not self._turn.acquire(timeout=max(0.0, until - time.monotonic())):
                break
            batch = [(asked, squeeze(text)[:LONGEST]) for text in texts[len(found) : len(found) + AT_ONCE]]
            try:
                told = self._model.predict(
                    batch, batch_size=AT_ONCE, show_progress_bar=False, activation_fn=self._sigmoid
                )
            except Exception as error:  # torch, tokenizers and jinja raise their own kinds for what a folder lacks
                raise ModelUnusable(model=self.name, why=_short(error)) from error
            finally:
                self._turn.release()
            if not np.isfinite(told).all():
                raise ModelUnusable(model=self.name, why=say("embedding.no_numbers"))
            found += [float(score) for score in told]
        return found


def is_reranker(folder: Path) -> bool:
    """Whether a model's folder says that it scores pairs of texts, rather than writes or embeds."""
    if _read(folder / "config_sentence_transformers.json").get("model_type") == "CrossEncoder":
        return True
    if (folder / "modules.json").is_file():  # an embedding model, or a cross-encoder with a head of its own
        return "cross_encoder" in (folder / "modules.json").read_text("utf-8", errors="replace")
    kinds = _read(folder / "config.json").get("architectures")
    return isinstance(kinds, list) and any(str(kind).endswith("ForSequenceClassification") for kind in kinds)


def _read(file: Path) -> dict[str, object]:
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _short(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
