"""Texts come in; vectors of unit length go out. Built in: int8 ONNX without torch; else any SentenceTransformer.

Texts are folded first (width, case, traditional to simplified), questions and passages alike: the model knows
simplified script best. onnxruntime, tokenizers and torch are imported where a model is opened: they are slow to load.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag import settings
from rag.errors import ModelsNotInstalled, ModelUnusable
from rag.inference import open_graph
from rag.text import fold, squeeze
from rag.words import say

Vectors = NDArray[np.float32]

BUILTIN = "builtin"
FOLDER = "e5-small-zh"
# Pieces in one run of the network, padding included. Measured for passages of 140 pieces on two cores without VNNI:
# batches of 1, 8, 16, 32 took 59, 58, 59 and 61 ms of processor time a passage; small ones need less memory.
PIECES_AT_ONCE = 2048
# Prompts of well-known models whose folders do not say them themselves; found by the folder's or id's name.
_PROMPTS = (
    ("e5-mistral", "Instruct: Given a question, retrieve passages that answer it\nQuery: ", ""),
    ("e5", "query: ", "passage: "),
    ("bge-m3", "", ""),
    ("-zh", "为这个句子生成表示以用于检索相关文章：", ""),  # BGE's Chinese models, see below
    ("qwen3-embedding", "Instruct: Given a question, retrieve passages that answer it\nQuery:", ""),
)


class Embedder(Protocol):
    name: str  # identity of the model: its name and a hash of its weights
    dimension: int

    def passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32, unit length. What is past the model's limit is not read."""

    def questions(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32, unit length."""


def open_embedder(model: str | None = None, threads: int = 0) -> Embedder:
    """None or "builtin": the built-in model. Else a folder, or a hub id that is on this machine; nothing is downloaded.

    Errors: ModelUnusable, ModelsNotInstalled.
    """
    if model in (None, "", BUILTIN):
        return OnnxEmbedder(settings.builtin_models() / FOLDER, threads)
    assert model is not None
    folder = Path(model).expanduser()
    if (folder / "model.json").is_file() and (folder / "model.onnx").is_file():
        return OnnxEmbedder(folder, threads)
    return TorchEmbedder(model, threads)


class OnnxEmbedder:
    """A folder written by `embeddings/make_e5_small_zh.py`."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Errors: ModelUnusable."""
        from tokenizers import Tokenizer

        try:
            card = json.loads((folder / "model.json").read_text("utf-8"))
            self.name = f"{card['name']}-{card['weights'][:12]}"
            self.dimension = int(card["dimension"])
            self._question, self._passage, self._pad = card["question"], card["passage"], card["pad"]
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._tokenizer.enable_truncation(card["limit"])
            self._session = open_graph(folder / "model.onnx", settings.threads(threads))
        except Exception as error:  # onnxruntime and tokenizers raise their own kinds, some of them bare Exception
            raise ModelUnusable(model=folder, why=_short(error)) from error

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, self._passage)

    def questions(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, self._question)

    def _embed(self, texts: Sequence[str], prompt: str) -> Vectors:
        """Texts of like length run together, so that little is padding."""
        pieces = [e.ids for e in self._tokenizer.encode_batch([prompt + squeeze(fold(t)) for t in texts])]
        vectors = np.zeros((len(pieces), self.dimension), np.float32)
        for batch in _batches([len(p) for p in pieces]):
            ids = np.full((len(batch), max(len(pieces[i]) for i in batch)), self._pad, np.int64)
            mask = np.zeros_like(ids)
            for row, i in enumerate(batch):
                ids[row, : len(pieces[i])] = pieces[i]
                mask[row, : len(pieces[i])] = 1
            vectors[batch] = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors


class TorchEmbedder:
    """Any folder or hub id that `SentenceTransformer` opens, with the prompts that it needs."""

    def __init__(self, model: str, threads: int = 0) -> None:
        """Errors: ModelUnusable, ModelsNotInstalled."""
        folder = Path(model).expanduser()
        if folder.exists() and not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
            raise ModelUnusable(model=model, why=say("embedding.no_model_there"))
        try:
            import sentence_transformers
            import torch
            import transformers
        except ImportError as error:
            raise ModelsNotInstalled(model=model) from error
        torch.set_num_threads(settings.threads(threads))
        transformers.utils.logging.disable_progress_bar()
        try:
            self._model = sentence_transformers.SentenceTransformer(
                str(folder) if folder.exists() else model, device="cpu", local_files_only=True
            )
        except Exception as error:  # transformers raises OSError, ValueError, KeyError… for the same missing file
            why = _short(error) if folder.exists() else say("embedding.not_here")
            raise ModelUnusable(model=model, why=why) from error
        self._model.eval()
        known = {key: value for key, value in dict(self._model.prompts or {}).items() if value}
        question, passage = prompts_for(model)
        self._question = known.get("query", question if not known else "")
        self._passage = known.get("passage", known.get("document", passage if not known else ""))
        renamed = getattr(self._model, "get_embedding_dimension", None)
        self.dimension = int((renamed or self._model.get_sentence_embedding_dimension)() or 0)
        self.name = f"{Path(model).name}-{_weights_hash(self._model)}"

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, self._passage)

    def questions(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, self._question)

    def _embed(self, texts: Sequence[str], prompt: str) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        vectors = self._model.encode(
            [squeeze(fold(t)) for t in texts],
            prompt=prompt,
            batch_size=16,
            show_progress_bar=False,
            normalize_embeddings=True,
            convert_to_numpy=True,
        )
        return np.ascontiguousarray(vectors, np.float32)


def prompts_for(model: str) -> tuple[str, str]:
    """What stands before a question and before a passage, for a model whose folder does not say so."""
    name = Path(model).name.lower()
    for mark, question, passage in _PROMPTS:
        if mark in name and (mark != "-zh" or "bge" in name):
            return question, passage
    return "", ""


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices of texts that run together, by length: at most PIECES_AT_ONCE pieces with padding."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches and (len(batches[-1]) + 1) * lengths[i] <= PIECES_AT_ONCE:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _weights_hash(model: Any) -> str:
    """Twelve hexadecimal digits of a model's weights, so that vectors of two trainings are never mixed."""
    digest = hashlib.sha256()
    state: dict[str, Any] = model.state_dict()
    for name in sorted(state):
        tensor = state[name].detach().flatten()
        digest.update(f"{name} {tuple(state[name].shape)}".encode())
        # Every tensor, but not every number: half a billion weights would take seconds at each opening.
        digest.update(tensor[:: max(1, tensor.numel() // 4096)].float().numpy().tobytes())
    return digest.hexdigest()[:12]


def _short(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
