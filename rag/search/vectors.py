"""Passages are found by their meaning: FAISS, inner product over unit vectors, plus a tail of newer ones in numpy.

The file on disk is written when the tail has grown by a tenth, and by one rename; what came since is read from the
store at opening. A library small enough has no file at all and needs no FAISS.
"""
from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.search import ANY, Ranking
from rag.search.lexical import write_atomically
from rag.types import Filter

if TYPE_CHECKING:
    from rag.store import Store

FORMAT = 1
# Measured by `recall` below (`rag bench vectors`), 384 dimensions, one core; see docs/architecture.md.
TAIL = 4096             # vectors that need no file: 1 ms exact in numpy, 20 ms to read from the store at opening
TAIL_SHARE = 0.1        # of the file's, past which it is written anew
EXACT = 300_000         # vectors up to which all are compared: 6 ms a 100,000 as half floats
SHARE_PROBED = 0.06     # of the cells of a trained index that a question looks into
_TRAINED_ON = 64        # vectors a cell

Ids = NDArray[np.int64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class _Now:
    """What is searched, never changed in place: a thread that searches keeps the one it began with."""

    change: int = 0                     # of the store: vectors and removals up to it are in
    base: Any = None                    # faiss index over positions in base_ids
    base_change: int = 0                # up to which the file goes
    base_ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))        # ascending
    alive: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))     # neither removed nor replaced
    tail_ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    tail: Matrix = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @property
    def count(self) -> int:
        return int(self.alive.sum()) + len(self.tail_ids)


class Vectors:
    """The vector index of one model in the library's folder. Current in memory; its file may be older."""

    def __init__(self, folder: Path, store: Store, model: str) -> None:
        """`folder`: of all models' vectors. Reads what there is; where that is unreadable, the store has it all."""
        self.folder = folder / _folder_name(model)
        self.model = model
        self._store = store
        self._turn = threading.RLock()
        self._now = self._read() or _Now()

    @property
    def change(self) -> int:
        return self._now.change

    @property
    def count(self) -> int:
        return self._now.count

    @property
    def kind(self) -> str:
        """"exact" in memory alone, "flat" (exact, from a file), or "ivf" (trained)."""
        return "exact" if self._now.base is None else "ivf" if hasattr(self._now.base, "nprobe") else "flat"

    # ---------------------------------------------------------------- catching up

    def catch_up(self) -> bool:
        """Takes in what the store has since, in memory: needs no lock of the library. True where there was something."""
        with self._turn:
            last = self._store.last_change
            if last <= self.change:
                return False
            gone = self._store.removals(self.change)
            for ids, vectors in self._store.vectors_after(self.model, self.change):
                self.add(ids, vectors)
            if len(gone):
                self.remove(gone)
            self._now = replace(self._now, change=last)
            return True

    def add(self, ids: Ids, vectors: Matrix) -> None:
        """Unit vectors; those of the same ids are replaced."""
        with self._turn:
            self.remove(ids)
            now = self._now
            tail = vectors if not len(now.tail_ids) else np.concatenate((now.tail, vectors))
            self._now = replace(now, tail_ids=np.concatenate((now.tail_ids, ids)), tail=np.asarray(tail, np.float32))

    def remove(self, ids: Ids) -> None:
        with self._turn:
            now = self._now
            if len(at := _positions(now.base_ids, ids)):
                alive = now.alive.copy()
                alive[at] = False
                now = replace(now, alive=alive)
            if len(now.tail_ids) and (stays := ~np.isin(now.tail_ids, ids)).sum() < len(now.tail_ids):
                now = replace(now, tail_ids=now.tail_ids[stays], tail=now.tail[stays])
            self._now = now

    def mark(self, change: int) -> None:
        self._now = replace(self._now, change=max(change, self.change))

    # ---------------------------------------------------------------- the file

    @property
    def overgrown(self) -> bool:
        """The file should be written anew."""
        now = self._now
        return len(now.tail_ids) + int((~now.alive).sum()) > max(TAIL, TAIL_SHARE * len(now.base_ids))

    def write(self) -> None:
        """Writes the file from the store. Needs the writer's lock; searching goes on meanwhile."""
        faiss = _faiss()
        change = self._store.last_change
        total = self._store.embedding_progress(self.model)[0]
        if total <= TAIL:
            self._drop_files()
            with self._turn:
                self._now = _Now()
                self.catch_up()
            return
        base: Any = None
        found: list[Ids] = []
        for ids, vectors in self._store.vectors_after(self.model):
            if base is None:
                base = self._empty(vectors, total)
            base.add(vectors)
            found.append(ids)
        ids = np.concatenate(found)
        order = np.argsort(ids, kind="stable")
        if base is None or (np.diff(ids[order]) == 0).any():
            raise RuntimeError("the store gave a passage two vectors")      # its key forbids it
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{change}-{len(ids)}"
        beside = self.folder / f".{name}.faiss"
        faiss.write_index(base, str(beside))
        np.save(self.folder / f"{name}.npy", ids)
        beside.replace(self.folder / f"{name}.faiss")
        state = {"format": FORMAT, "library": self._store.library_id, "model": self.model, "change": change,
                 "name": name}
        write_atomically(self.folder / "state.json", json.dumps(state, ensure_ascii=False).encode())
        self._drop_files(name)
        with self._turn:
            now = self._read()
            if now is None:
                raise RuntimeError("an index just written can't be read")
            self._now = now
            self.catch_up()

    def _empty(self, some: Matrix, total: int) -> Any:
        """An index for `total` vectors: all compared (half floats), or trained past EXACT."""
        faiss = _faiss()
        dimension = int(some.shape[1])
        half = faiss.ScalarQuantizer.QT_fp16
        if total <= EXACT:
            return faiss.IndexScalarQuantizer(dimension, half, faiss.METRIC_INNER_PRODUCT)
        cells = int(2 * total ** 0.5)
        index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dimension), dimension, cells, half,
                                              faiss.METRIC_INNER_PRODUCT, False)
        index.train(self._sample(cells * _TRAINED_ON, total))
        return index

    def _sample(self, size: int, total: int) -> Matrix:
        """About `size` of the vectors, evenly spaced over all changes."""
        step = max(1, total // size)
        return np.concatenate([vectors[::step] for _, vectors in self._store.vectors_after(self.model)])

    def _read(self) -> _Now | None:
        """The file, with what was removed since masked; None where there is none, or none that can be used."""
        try:
            state = json.loads((self.folder / "state.json").read_text("utf-8"))
            if (state["format"], state["library"], state["model"]) != (FORMAT, self._store.library_id, self.model):
                return None
            change, name = int(state["change"]), str(state["name"])
            if change > self._store.last_change:
                return None
            faiss = _faiss()
            base = faiss.read_index(str(self.folder / f"{name}.faiss"), faiss.IO_FLAG_MMAP)
            ids = np.load(self.folder / f"{name}.npy")
            if base.ntotal != len(ids):
                return None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):    # faiss: RuntimeError
            return None
        if hasattr(base, "nprobe"):
            base.nprobe = max(8, int(SHARE_PROBED * base.nlist))
        return _Now(change, base, change, ids, np.ones(len(ids), np.bool_))

    def _drop_files(self, but: str = "") -> None:
        if not but:
            with suppress(FileNotFoundError):
                (self.folder / "state.json").unlink()
        if self.folder.is_dir():
            for file in self.folder.iterdir():
                if file.name != "state.json" and file.stem != but:
                    file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Throws the file away; `catch_up` reads all from the store again."""
        with self._turn:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._now = _Now()

    # ---------------------------------------------------------------- searching

    def search(self, vector: Matrix, k: int, only: Filter = ANY) -> Ranking:
        """Cosine with a unit vector (dimension,)."""
        now = self._now
        if k < 1 or not now.count:
            return Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
        vector = np.ascontiguousarray(vector, np.float32).reshape(-1)
        allowed = self._store.allowed(only) if only else None
        found = [_in_base(now, vector, k, allowed), _in_tail(now, vector, k, allowed)]
        ids, scores = (np.concatenate(x) for x in zip(*found, strict=True))
        best = np.argsort(-scores, kind="stable")[:k]
        return Ranking(ids[best], scores[best])


def _in_base(now: _Now, vector: Matrix, k: int, allowed: Ids | None) -> tuple[Ids, Matrix]:
    nothing = np.empty(0, np.int64), np.empty(0, np.float32)
    if now.base is None:
        return nothing
    faiss = _faiss()
    mask = now.alive
    if allowed is not None:
        mask = np.zeros(len(now.base_ids), np.bool_)
        mask[_positions(now.base_ids, allowed)] = True
        mask &= now.alive
    left = int(mask.sum())
    if not left:
        return nothing
    chosen: dict[str, Any] = {}
    if left < len(mask):
        bits = np.packbits(mask, bitorder="little")
        chosen["sel"] = faiss.IDSelectorBitmap(bits)      # holds no copy: `bits` lives as long as this call
    if hasattr(now.base, "nprobe"):
        # The fewer are let through, the more cells are looked into: as many vectors are compared as without a filter.
        probed = min(now.base.nlist, int(now.base.nprobe * len(mask) / left) + 1)
        parameters = faiss.SearchParametersIVF(nprobe=probed, **chosen)
    else:
        parameters = faiss.SearchParameters(**chosen) if chosen else None
    scores, at = now.base.search(vector[None], min(k, left), params=parameters)
    there = at[0] >= 0
    return now.base_ids[at[0][there]], scores[0][there]


def _in_tail(now: _Now, vector: Matrix, k: int, allowed: Ids | None) -> tuple[Ids, Matrix]:
    ids, tail = now.tail_ids, now.tail
    if allowed is not None:
        through = np.isin(ids, allowed)
        ids, tail = ids[through], tail[through]
    if not len(ids):
        return np.empty(0, np.int64), np.empty(0, np.float32)
    scores = tail @ vector
    best = np.argpartition(-scores, k)[:k] if k < len(scores) else np.arange(len(scores))
    return ids[best], scores[best]


def _positions(ascending: Ids, ids: Ids) -> NDArray[np.intp]:
    """Where those of `ids` that are there stand."""
    if not len(ascending) or not len(ids):
        return np.empty(0, np.intp)
    at = np.searchsorted(ascending, ids)
    at[at == len(ascending)] = 0
    found: NDArray[np.intp] = at[ascending[at] == ids]
    return found


def _faiss() -> Any:
    """Its type stubs know another interface than the package has."""
    import faiss

    return faiss


def _folder_name(model: str) -> str:
    """A name any file system takes; the hash tells models apart whose names differ in what is left out."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", model).strip("-.")[:40] or "model"
    return f"{plain}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


# ---------------------------------------------------------------- measuring

@dataclass(frozen=True, slots=True)
class Recall:
    """How a vector index compares with comparing all."""

    vectors: int
    kind: str
    recall: float           # share of the exact first k that it finds
    milliseconds: float     # a question
    exact_milliseconds: float


def recall(index: Vectors, questions: Matrix, k: int = 10) -> Recall:
    """Asks the index and the stored vectors themselves; `questions` (n, dimension) unit vectors."""
    parts = [(ids, vectors) for ids, vectors in index._store.vectors_after(index.model)]
    ids, matrix = np.concatenate([i for i, _ in parts]), np.concatenate([v for _, v in parts])
    found = spent = exact = 0.0
    for question in questions:
        started = time.perf_counter()
        got = index.search(question, k).ids
        between = time.perf_counter()
        best = ids[np.argsort(-(matrix @ question), kind="stable")[:k]]
        exact += time.perf_counter() - between
        spent += between - started
        found += len(np.intersect1d(got, best)) / max(1, len(best))
    n = max(1, len(questions))
    return Recall(len(ids), index.kind, found / n, 1000 * spent / n, 1000 * exact / n)
