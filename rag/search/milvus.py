"""Both indexes in Milvus, derived from the store as those of one machine are: words and grams as sparse vectors, meaning.

Libraries share collections; each sees the rows of its own number alone. Up to which change of the store an index is
current stands in Milvus beside it, so that any process takes up where another stopped.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryLocked, NoPermission
from rag.search import ANY, Entry, IndexState, Progress, Ranking, days, period, sparse
from rag.search.server import LOOKS_AT, Row, Server, among, quoted
from rag.settings import SearchServer
from rag.text import fold, tokens_version
from rag.types import Filter
from rag.words import say

if TYPE_CHECKING:
    from rag.store import Store

FORMAT = 1  # of the fields below: another one has collections of its own
_NAME = f"rag{FORMAT}_"
_WORDS, _STATE, _MEANING = f"{_NAME}words", f"{_NAME}state", f"{_NAME}meaning_"
_LOOKED_AT = 2000  # candidates that are read to find a term: past that it is common, or its characters are
_MANY_PARTS = 24  # rows of statistics, past which they are added up
_TERMS_A_ROW = 500_000
_DRIFT = 0.25  # of mean lengths, past which all is weighed anew
_WRITTEN = 200  # passages that came at once, from which on they are worth a file of their own in Milvus Lite
_GONE = 0.5  # share of what was counted that may be gone before it is counted anew
_IDS_AT_ONCE = 1000
_UNDATED = (99_999_999, 0)  # first and last day: within no period

_Field = tuple[str, dict[str, Any]]
_TEXT: _Field = ("VARCHAR", {"max_length": 65_535})
_OF_ARTICLE: dict[str, _Field] = {
    "passage": ("INT64", {}),
    "source": _TEXT,
    "document": _TEXT,
    "rubric": _TEXT,
    "first_day": ("INT64", {}),
    "last_day": ("INT64", {}),
}
_SPARSE: _Field = ("SPARSE_FLOAT_VECTOR", {})
_FIELDS: dict[str, _Field] = {**_OF_ARTICLE, "words": _SPARSE, "grams": _SPARSE, "whole": _SPARSE}
_STATE_FIELDS: dict[str, _Field] = {"kind": ("VARCHAR", {"max_length": 64}), "content": _TEXT, "terms": _SPARSE}


@dataclass(frozen=True, slots=True)
class _State:
    """What stands in Milvus of a library. `change`: -1 where there is nothing that can be used."""

    change: int = -1
    cut_by: str = ""  # the rules by which tokens were cut
    pivots: sparse.Pivots | None = None
    generation: int = 0  # of the rows of statistics that count
    parts: int = 0  # how many of them there are
    meaning: dict[str, int] = field(default_factory=dict)  # model → up to which change its vectors are current


class MilvusSearch:
    """The `SearchIndex` of many machines. Opening it asks nobody."""

    def __init__(self, place: SearchServer, store: Store, model: str) -> None:
        """`model`: whose vectors are searched (`Embedder.name`)."""
        self._server = Server(place)
        self._store = store
        self._model = model
        self._tenant = store.library_id
        self._own = f"tenant == {quoted(self._tenant)}"
        self._turn = threading.RLock()
        self._now: _State | None = None
        self._seen = -1  # change of the store with which this index was last compared and found whole
        self._known: tuple[tuple[int, int], sparse.Statistics] | None = None

    # ---------------------------------------------------------------- state

    @property
    def _state(self) -> _State:
        if self._now is None:
            with self._turn:
                self._now = self._now or self._read()
        return self._now

    def _read(self) -> _State:
        condition = f"{self._own} and {among('pk', [self._pk('state')])}"
        rows = self._server.rows(_STATE, condition, ["content"], newest=True)
        if not rows:
            return _State()
        told = json.loads(rows[0]["content"])
        pivots = sparse.Pivots(**told.pop("pivots")) if told.get("pivots") else None
        return _State(**{**told, "pivots": pivots})

    def _write(self, state: _State) -> None:
        row = {"pk": self._pk("state"), "kind": "state", "content": json.dumps(asdict(state), ensure_ascii=False)}
        self._server.make(_STATE, _STATE_FIELDS)
        self._server.put(_STATE, [{**row, "tenant": self._tenant, "terms": sparse.NOTHING}])
        self._now = state

    def _pk(self, of: object) -> str:
        return f"{self._tenant}/{of}"

    def _usable(self, state: _State) -> bool:
        return 0 <= state.change <= self._store.last_change and state.cut_by == tokens_version()

    def _behind(self, state: _State) -> bool:
        last, text = self._store.last_change, self._store.last_text_change
        if state.change < 0 and not text:
            return False
        return not self._usable(state) or state.change < text or self._vector_change(state) < last

    def _vector_change(self, state: _State) -> int:
        return state.meaning.get(self._model, 0)

    # ---------------------------------------------------------------- catching up
    # Locks are taken in one order: the store's, then this one's.

    def catch_up(self, progress: Progress | None = None) -> IndexState:
        """Takes in every change of the store that is not here yet; rebuilds what was cut by other rules. Takes the
        writer's lock (LibraryLocked) where there is something to do."""
        with self._turn:
            self._now = self._read()
        if self._behind(self._now):
            with self._store.writing():
                self._catch_up(progress)
        return self.state()

    def _catch_up(self, progress: Progress | None) -> None:
        """With the writer's lock held."""
        store = self._store
        with self._turn:
            self._now = self._read()  # another process may have done it while the lock was awaited
            last, total = store.last_change, store.counts().passages
            if not self._usable(self._now):
                self._clear()
            if self._now.change < store.last_text_change:
                if self._now.change >= 0:
                    self._take_out(_WORDS, store.removals(self._now.change).tolist())
                state = self._take_in(self._now, max(self._now.change, 0), last, progress, total)
                self._write(replace(state, change=last, cut_by=tokens_version()))
                self._weigh_anew_where_needed(progress, total)
                self._add_up()
            self._catch_up_meaning(last)
            self._seen = last

    def _take_in(self, state: _State, after: int, last: int, progress: Progress | None, total: int) -> _State:
        """All that came after a change of the store up to the last, and the state with it. What a kill leaves is done again."""
        done = 0
        for entries in self._store.entries(after, upto=last):
            state = self._put(entries, state)
            if state.generation == self._state.generation:
                # All of earlier changes is in; of this one more may follow.
                state = replace(state, change=max(state.change, entries[-1].change - 1))
                self._write(state)
            done += len(entries)
            if progress:
                progress(done, max(total, done))
        if done >= _WRITTEN:
            self._server.flush(_WORDS)
        return state

    def _put(self, entries: Sequence[Entry], state: _State) -> _State:
        """Passages, and a row of statistics that counts them: done again, it takes the place of the first."""
        texts = sparse.cut(entries)
        if not texts:
            return state
        counted = sparse.count(texts)
        pivots = state.pivots or counted.pivots
        self._server.make(_WORDS, _FIELDS)
        self._server.put(_WORDS, [self._row(text, pivots) for text in texts])
        self._put_statistics(state.generation, counted, str(entries[0].passage_id))
        return replace(state, pivots=pivots, cut_by=tokens_version(), parts=state.parts + 1)

    def _row(self, text: sparse.Counted, pivots: sparse.Pivots) -> Row:
        words, grams, whole = sparse.weigh(text, pivots)
        return {**self._about(text.entry), "words": words, "grams": grams, "whole": whole}

    def _about(self, entry: Entry) -> Row:
        first, last = days(entry.date) or _UNDATED
        return {
            "pk": self._pk(entry.passage_id),
            "tenant": self._tenant,
            "passage": entry.passage_id,
            "source": entry.source,
            "document": entry.document,
            "rubric": entry.column or "",
            "first_day": first,
            "last_day": last,
        }

    def _take_out(self, name: str, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), _IDS_AT_ONCE):
            keys = [self._pk(i) for i in ids[start : start + _IDS_AT_ONCE]]
            self._server.drop(name, f"{self._own} and {among('pk', keys)}")

    def _catch_up_meaning(self, last: int) -> None:
        change = self._vector_change(self._state)
        if change < last:
            self._take_out(self._meaning, self._store.removals(change).tolist() if change else [])
            done = 0
            for ids, vectors in self._store.vectors_after(self._model, change, upto=last):
                self._put_vectors(ids, vectors)
                done += len(ids)
            if done >= _WRITTEN:
                self._server.flush(self._meaning)
            self._mark_meaning(last)

    def _mark_meaning(self, change: int) -> None:
        state = self._state
        known = {**state.meaning, self._model: max(change, self._vector_change(state))}
        self._write(replace(state, meaning=known))

    @property
    def _meaning(self) -> str:
        """The collection of the model's vectors: models differ in their dimensions."""
        return f"{_MEANING}{sparse.number('m', self._model):08x}"

    def _put_vectors(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """What filters ask for is copied from the passages' words, which are there already; a passage that is gone
        meanwhile has none, and its vector stays away."""
        fields: dict[str, _Field] = {**_OF_ARTICLE, "vector": ("FLOAT_VECTOR", {"dim": int(vectors.shape[1])})}
        self._server.make(self._meaning, fields)
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[start : start + _IDS_AT_ONCE].tolist()
            keys = among("pk", [self._pk(i) for i in some])
            found = self._server.rows(_WORDS, f"{self._own} and {keys}", ["pk", "tenant", *_OF_ARTICLE], newest=True)
            about = {row["passage"]: row for row in found}
            there = [
                (about[i], v) for i, v in zip(some, vectors[start : start + _IDS_AT_ONCE], strict=True) if i in about
            ]
            self._server.put(self._meaning, [{**row, "vector": np.asarray(v, np.float32)} for row, v in there])

    def refresh(self) -> bool:
        """Sees what was committed since; True where something was new. Asks Milvus only where the store has changed."""
        last = self._store.last_change
        if last == self._seen or not self._turn.acquire(blocking=False):  # another thread is bringing it up to date
            return False
        try:
            before = self._now
            self._now = self._read()
            if self._behind(self._now):
                try:
                    with self._store.writing(wait=0):
                        self._catch_up(None)
                except (LibraryLocked, NoPermission):
                    return self._now != before
            self._seen = last
            return self._now != before
        finally:
            self._turn.release()

    def rebuild(self, progress: Progress | None = None) -> IndexState:
        """Throws all rows of this library away and makes them from the store. LibraryLocked."""
        with self._store.writing(), self._turn:
            self._clear()
            self._catch_up(progress)
        return self.state()

    def forget(self) -> None:
        """All rows of this library go."""
        with self._turn:
            self._clear()

    def _clear(self) -> None:
        """The state goes first: without it nothing that is left is trusted."""
        for name in (_STATE, _WORDS, *self._server.collections(_MEANING)):
            self._server.drop(name, self._own)
        self._now, self._known = _State(), None

    def keep_models(self, models: Iterable[str]) -> None:
        """Vectors of all other models go."""
        stays = set(models)
        state = self._read()
        for model in set(state.meaning) - stays:
            self._server.drop(f"{_MEANING}{sparse.number('m', model):08x}", self._own)
        if not set(state.meaning) <= stays:
            self._write(replace(state, meaning={m: c for m, c in state.meaning.items() if m in stays}))

    # ---------------------------------------------------------------- statistics

    def _put_statistics(self, generation: int, counted: sparse.Statistics, name: str) -> None:
        """In rows that one message can hold; the sizes stand in the first."""
        rows = []
        for n, start in enumerate(range(0, max(len(counted.keys), 1), _TERMS_A_ROW)):
            some = slice(start, start + _TERMS_A_ROW)
            terms = dict(zip(counted.keys[some].tolist(), counted.counts[some].astype(float).tolist(), strict=True))
            rows.append(
                {
                    "pk": self._pk(f"terms/{generation}/{name}/{n}"),
                    "tenant": self._tenant,
                    "kind": f"terms/{generation}",
                    "content": json.dumps(counted.sizes if n == 0 else (0,) * 5),
                    "terms": terms or sparse.NOTHING,
                }
            )
        self._server.make(_STATE, _STATE_FIELDS)
        for row in rows:
            self._server.put(_STATE, [row])

    def _statistics(self) -> sparse.Statistics:
        """Read when they are first needed, and again where another process has counted more."""
        state = self._state
        with self._turn:
            if self._known is None or self._known[0] != (state.generation, state.parts):
                kind = f"{self._own} and kind == {quoted(f'terms/{state.generation}')}"
                parts = []
                for row in self._server.rows(_STATE, kind, ["pk"], newest=True):
                    (full,) = self._server.rows(_STATE, among("pk", [row["pk"]]), ["content", "terms"])
                    terms = full["terms"]
                    keys = np.fromiter(terms.keys(), np.uint32, len(terms))
                    counts = np.fromiter(terms.values(), np.float64, len(terms)).astype(np.int64)
                    passages, articles, body, context, whole = json.loads(full["content"])
                    parts.append(sparse.Statistics(passages, articles, body, context, whole, keys, counts))
                self._known = (state.generation, state.parts), sparse.total(parts)
            return self._known[1]

    def _add_up(self) -> None:
        """Many rows of statistics become few, under a new number that the state then names: a kill loses nothing."""
        state = self._state
        if state.parts > _MANY_PARTS:
            counted = self._statistics()
            self._put_statistics(state.generation + 1, counted, "all")
            self._write(replace(state, generation=state.generation + 1, parts=1))
            self._known = (state.generation + 1, 1), counted
            self._forget_old_statistics()

    def _weigh_anew_where_needed(self, progress: Progress | None, total: int) -> None:
        """Where texts have become longer or shorter on the whole than those that the weights compare with, or much of
        what was counted is gone. Searching goes on meanwhile: rows are replaced one by one."""
        state, counted = self._state, self._statistics()
        if state.pivots is None or not counted.passages:
            return
        if counted.pivots.near(state.pivots, _DRIFT) and counted.passages * (1 - _GONE) <= total + 100:
            return
        anew = replace(state, generation=state.generation + 1, parts=0, pivots=counted.pivots)
        self._write(self._take_in(anew, 0, state.change, progress, total))
        self._forget_old_statistics()

    def _forget_old_statistics(self) -> None:
        kinds = [quoted("state"), quoted(f"terms/{self._state.generation}")]
        self._server.drop(_STATE, f"{self._own} and kind not in [{', '.join(kinds)}]")

    # ---------------------------------------------------------------- the interface

    def add(self, entries: Sequence[Entry], change: int) -> None:
        with self._turn:
            self._write(replace(self._put(entries, self._state), change=change, cut_by=tokens_version()))

    def add_vectors(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], change: int) -> None:
        with self._turn:
            self._put_vectors(ids, vectors)
            self._mark_meaning(change)

    def remove(self, passage_ids: Sequence[int], change: int) -> None:
        with self._turn:
            for name in (_WORDS, *self._server.collections(_MEANING)):
                self._take_out(name, list(passage_ids))
            self._write(replace(self._state, change=change))

    def lexical(self, tokens: Sequence[str], k: int, only: Filter = ANY, *, whole: bool = False) -> Ranking:
        self._open()
        vector = sparse.question(tokens, self._statistics(), whole)
        if not vector or k < 1:
            return _ranking([])
        return _ranking(self._server.search(_WORDS, "whole" if whole else "words", vector, k, self._let_through(only)))

    def nearest(self, vector: NDArray[np.float32], k: int, only: Filter = ANY) -> Ranking:
        self._open()
        asked = np.asarray(vector, np.float32).reshape(-1)
        more = {"ef": max(LOOKS_AT, 2 * k)}
        return _ranking(self._server.search(self._meaning, "vector", asked, k, self._let_through(only), more))

    def containing(self, term: str, limit: int = 20, only: Filter = ANY) -> list[int]:
        """At most `limit` passages; their grams find candidates, their texts decide."""
        self._open()
        wanted, grams = fold(term).strip(), sparse.term(term)
        if not grams:
            return []
        held = self._server.search(_WORDS, "grams", grams, _LOOKED_AT, self._let_through(only))
        candidates = [i for i, score in held if score > len(grams) - 0.5]
        found: list[int] = []
        for start in range(0, len(candidates), 100):
            for i, hit in self._store.hits(candidates[start : start + 100]).items():
                if wanted in fold(hit.text) or wanted in fold(hit.heading) or wanted in fold(hit.title):
                    found.append(i)
                    if len(found) == limit:
                        return found
        return found

    def _open(self) -> None:
        """Brought up to date when it is first asked, if nobody is writing."""
        if self._seen < 0:
            self.refresh()

    def _let_through(self, only: Filter) -> str:
        conditions = [self._own]
        if only.source:
            conditions.append(f"({among('source', only.source)} or {among('document', only.source)})")
        if only.column:
            conditions.append(among("rubric", only.column))
        if only.article:  # Milvus files passages under numbers of their own
            of_them = self._store.allowed(Filter(article=only.article)).tolist()
            conditions.append(among("pk", [self._pk(i) for i in of_them]))
        if span := period(only):
            conditions.append(f"last_day >= {span[0]} and first_day <= {span[1]}")
        return " and ".join(conditions)

    def vectors(self, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        return self._store.vectors(self._model, passage_ids)

    def state(self) -> IndexState:
        self._open()
        state, last = self._state, self._store.last_change
        words = state.change if self._behind_in_words(state) else max(state.change, last)
        return IndexState(
            max(words, 0),
            self._vector_change(state),
            self._server.count(_WORDS, self._own),
            self._server.count(self._meaning, self._own),
            self._model,
            "flat" if self._server.is_lite else "hnsw",
        )

    def _behind_in_words(self, state: _State) -> bool:
        return not self._usable(state) or state.change < self._store.last_text_change

    def faults(self) -> list[str]:
        """What is wrong with the indexes compared with the store, a sentence each; [] where they are whole."""
        self._open()
        state, last = self._state, self._store.last_change
        done, total = self._store.embedding_progress(self._model)
        words, vectors = self._server.count(_WORDS, self._own), self._server.count(self._meaning, self._own)
        found = []
        if not self._usable(state) and total:
            found.append(say("faults.words_unreadable"))
        elif self._usable(state) and self._behind_in_words(state):
            found.append(say("faults.words_behind", count=last - state.change))
        elif words != total:
            found.append(say("faults.words_count", found=words, wanted=total))
        if self._vector_change(state) != last and done:
            found.append(say("faults.meaning_behind", count=last - self._vector_change(state)))
        elif vectors != done:
            found.append(say("faults.meaning_count", found=vectors, wanted=done))
        return found

    def close(self) -> None:
        """Forgets what is open; it is opened again when it is asked."""
        self._server.close()
        self._now, self._seen, self._known = None, -1, None


def _ranking(found: Sequence[tuple[int, float]]) -> Ranking:
    return Ranking(np.array([i for i, _ in found], np.int64), np.array([s for _, s in found], np.float32))
