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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.search import ANY, Ranking
from rag.search.lexical import write_atomically
from rag.settings import threads
from rag.types import Filter

if TYPE_CHECKING:
    from rag.store import Store

FORMAT = 1
# Measured with `recall` below, the built-in model (384 dimensions) and news, on one core: comparing all takes 6 ms for
# 100,000 half floats. HNSW as set here finds .986 of the first ten (.994 where the library writes of what is asked) in
# under a millisecond; IVF finds .82 when it looks into a fifth of its cells. Half floats change .2 % of the first ten,
# eight bits with a scale for each vector 2.8 %.
TAIL = 4096  # vectors that need no file: 1 ms exact in numpy, 20 ms to read from the store at opening
TAIL_SHARE = 0.1  # of the file's, past which it is written anew
EXACT = 300_000  # vectors up to which all are compared
_LINKS, _BUILT_WITH, _LOOKS_AT = 32, 80, 256  # HNSW: links a vector, candidates when it is added and when it is asked
_DEAD = 0.2  # share of a file that may be removed vectors before it is built from nothing

Ids = NDArray[np.int64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class _Now:
    """What is searched, never changed in place: a thread that searches keeps the one it began with."""

    change: int = 0  # of the store: vectors and removals up to it are in
    base: Any = None  # faiss index over positions in base_ids
    base_ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    order: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))  # positions by ascending id
    alive: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))  # neither removed nor replaced
    tail_ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    tail: Matrix = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @property
    def count(self) -> int:
        return int(self.alive.sum()) + len(self.tail_ids)


class Vectors:
    """The vector index of one model in the library's folder. Current in memory; its file may be older."""

    def __init__(self, folder: Path, store: Store, model: str) -> None:
        """`folder`: of all models' vectors. Reads what there is; where that is unreadable, the store has it all."""
        self.folder = folder / folder_name(model)
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
        """ "exact" in memory alone, "flat" (exact, from a file), or "hnsw" (a graph, nearly exact)."""
        return "exact" if self._now.base is None else "flat" if _exact(self._now.base) else "hnsw"

    # ---------------------------------------------------------------- catching up

    def catch_up(self) -> bool:
        """Takes in what the store has since, in memory, without the library's lock. True where there was something."""
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
            if len(at := _positions(now, ids)):
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
        """Writes the file. Needs the writer's lock; searching goes on meanwhile."""
        faiss = _faiss()
        with self._turn:
            self.catch_up()
            now = self._now
        if now.count <= TAIL:
            self.clear()
            self.catch_up()
            return
        faiss.omp_set_num_threads(threads())
        base, ids = self._grown(now) or self._built(now.count, now.change)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{now.change}-{len(ids)}"
        faiss.write_index(base, str(self.folder / f"{name}.faiss"))
        np.save(self.folder / f"{name}.npy", ids)
        state = {
            "format": FORMAT,
            "library": self._store.library_id,
            "model": self.model,
            "change": now.change,
            "name": name,
        }
        write_atomically(self.folder / "state.json", json.dumps(state, ensure_ascii=False).encode())
        for file in self.folder.iterdir():
            if file.name != "state.json" and file.stem != name:
                file.unlink(missing_ok=True)
        with self._turn:
            self._now = _Now(now.change, base, ids, np.argsort(ids), ids >= 0)
            self.catch_up()

    def _grown(self, now: _Now) -> tuple[Any, Ids] | None:
        """The file with the tail added and what was removed struck out; None where it must be built from nothing."""
        dead = int((~now.alive).sum())
        if now.base is None or dead > _DEAD * len(now.alive) or (_exact(now.base) and now.count > EXACT):
            return None
        base = _faiss().clone_index(now.base)  # the other is being searched
        if len(now.tail_ids):
            base.add(np.ascontiguousarray(now.tail))
        return base, np.concatenate((np.where(now.alive, now.base_ids, -1), now.tail_ids))

    def _built(self, total: int, change: int) -> tuple[Any, Ids]:
        """From the store's vectors up to a change, read in batches."""
        faiss = _faiss()
        half, product = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        base: Any = None
        found: list[Ids] = []
        for ids, vectors in self._store.vectors_after(self.model, upto=change):
            if base is None:
                dimension = int(vectors.shape[1])
                if total <= EXACT:
                    base = faiss.IndexScalarQuantizer(dimension, half, product)
                else:
                    base = faiss.IndexHNSWSQ(dimension, half, _LINKS, product)
                    base.hnsw.efConstruction = _BUILT_WITH
                base.train(vectors)  # half floats learn nothing, but want to be asked
            base.add(vectors)
            found.append(ids)
        return base, np.concatenate(found)

    def _read(self) -> _Now | None:
        """The file; None where there is none, or none that can be used. What was removed since is not masked yet."""
        try:
            state = json.loads((self.folder / "state.json").read_text("utf-8"))
            if (state["format"], state["library"], state["model"]) != (FORMAT, self._store.library_id, self.model):
                return None
            change, name = int(state["change"]), str(state["name"])
            if change > self._store.last_change:
                return None
            base = _faiss().read_index(str(self.folder / f"{name}.faiss"))
            ids = np.load(self.folder / f"{name}.npy")
            if base.ntotal != len(ids):
                return None
        except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError):  # faiss: RuntimeError
            return None
        return _Now(change, base, ids, np.argsort(ids), ids >= 0)

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
        mask[_positions(now, allowed)] = True
        mask &= now.alive
    left = int(mask.sum())
    if not left:
        return nothing
    base, parameters = now.base, None
    chosen: dict[str, Any] = {}
    if left < len(mask):
        bits = np.packbits(mask, bitorder="little")
        chosen["sel"] = faiss.IDSelectorBitmap(bits)  # holds no copy: `bits` lives as long as this call
    if _exact(base) or left < len(mask) / 2:
        # What is let through may lie far apart in the graph; comparing it all costs less than the whole would.
        base = base if _exact(base) else faiss.downcast_index(base.storage)
        parameters = faiss.SearchParameters(**chosen) if chosen else None
    else:
        parameters = faiss.SearchParametersHNSW(efSearch=max(_LOOKS_AT, 2 * k), **chosen)
    faiss.omp_set_num_threads(1)  # a second thread only waits, busily: 20 ms of processor time for 7
    scores, at = base.search(vector[None], min(k, left), params=parameters)
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


def _exact(base: Any) -> bool:
    return not hasattr(base, "hnsw")


def _positions(now: _Now, ids: Ids) -> NDArray[np.intp]:
    """Where in the file those of `ids` stand that are there."""
    if not len(now.base_ids) or not len(ids):
        return np.empty(0, np.intp)
    at = np.searchsorted(now.base_ids, ids, sorter=now.order)
    at[at == len(now.order)] = 0
    found: NDArray[np.intp] = now.order[at]
    there: NDArray[np.intp] = found[now.base_ids[found] == ids]
    return there


def _faiss() -> Any:
    """Its type stubs know another interface than the package has."""
    import faiss

    return faiss


def folder_name(model: str) -> str:
    """A name any file system takes; the hash tells models apart whose names differ in what is left out."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", model).strip("-.")[:40] or "model"
    return f"{plain}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


# ---------------------------------------------------------------- measuring


@dataclass(frozen=True, slots=True)
class Recall:
    """How a vector index compares with comparing all."""

    vectors: int
    kind: str
    recall: float  # share of the exact first k that it finds
    milliseconds: float  # a question
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
