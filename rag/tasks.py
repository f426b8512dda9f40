"""Documents that wait to be read: files come in, workers of any machine take them in turn, receipts go out.

The one idea: what a document became and its receipt are written in one transaction that first asks whether the task is
still this worker's. Whoever is killed when, the next one goes on behind the last receipt: nothing is lost or doubled.
On a server alone (`SKIP LOCKED`, the database's clock).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from rag import servers
from rag import tables as t
from rag.errors import NoQueue
from rag.pages import lacking
from rag.settings import Server
from rag.types import Receipt
from rag.words import say

if TYPE_CHECKING:
    from rag.store import Store

LEASE = 60.0  # seconds without a sign of life, after which the task is another's
MOST = 5  # times that a task is begun, then it is set aside with its reason
PAUSE = 5.0  # seconds before the next try, times the tries before
PART = 4 << 20  # bytes of a file in a row: a row is held in memory whole
_NOW = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1000, sa.BigInteger)  # milliseconds


class Lost(Exception):
    """The task is another's by now: what was done for it since the last receipt is not kept. No user meets it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A file that this worker reads now. `attempts` tells its holders apart."""

    id: int
    batch: str
    source: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How many tasks wait, are being read, are done, were set aside."""

    waiting: int = 0
    working: int = 0
    done: int = 0
    dead: int = 0

    @property
    def open(self) -> int:
        return self.waiting + self.working

    @property
    def total(self) -> int:
        return self.open + self.done + self.dead


@dataclass(frozen=True, slots=True)
class SetAside:
    """A task that nobody reads any more, and why."""

    id: int
    source: str
    reason: str
    attempts: int
    at: str  # ISO, UTC: when it came


class Tasks:
    """The queue of one library."""

    def __init__(self, store: Store, *, lease: float = LEASE, most: int = MOST, pause: float = PAUSE) -> None:
        """Errors: NoQueue."""
        if not isinstance(store.folder, Server):
            raise NoQueue(library=store.folder)
        self._store, self._place, self._engine = store, store.folder, store._engine
        self.lease, self.most, self.pause = lease, most, pause

    # ---------------------------------------------------------------- coming in

    def put(self, batch: str, path: Path, source: str, splitter: str) -> None:
        """The file itself goes into the database: whoever reads it may be on another machine. One that is in the
        library as it is, cut by these rules, is done at once."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        kept = self._store.document(source) if self._store.unchanged(source, sha256, splitter) else None
        kept = None if kept is not None and lacking(self._store, kept) else kept
        row = {
            "batch": batch,
            "source": source,
            "sha256": sha256,
            "size": path.stat().st_size,
            "state": "done" if kept else "waiting",
            "attempts": 0,
            "due": 0,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._engine.begin() as c:
            (number,) = c.execute(sa.insert(t.tasks).returning(t.tasks.c.id), row).one()
            if kept:
                told = Receipt(source, "unchanged", None, kept.encoding, kept.pages, kept.ocr_pages, kept.characters,
                               kept.articles, kept.passages, kept.garbled)  # fmt: skip
                c.execute(sa.insert(t.receipts), {"task": number, "position": 0, "said": _json(told)})
                return
            with path.open("rb") as file:
                for position, content in enumerate(iter(lambda: file.read(PART), b"")):
                    c.execute(sa.insert(t.parts), {"task": number, "position": position, "content": content})

    # ---------------------------------------------------------------- for workers

    def take(self, worker: str, batch: str | None = None) -> Task | None:
        """The task that waits longest, or one whose worker gave no sign of life; None where there is none now."""
        k = t.tasks.c
        left = sa.and_(k.state == "working", k.due < _NOW)
        free = sa.or_(sa.and_(k.state == "waiting", k.due <= _NOW), left)
        next_ = sa.select(k.id).where(free).order_by(k.id).limit(1).with_for_update(skip_locked=True)
        if batch is not None:
            next_ = next_.where(k.batch == batch)
        taken = {"state": "working", "worker": worker, "due": _NOW + int(self.lease * 1000), "attempts": k.attempts + 1}
        with self._engine.begin() as c:
            hopeless = sa.update(t.tasks).where(left, k.attempts >= self.most)
            c.execute(hopeless.values(state="dead", reason=say("tasks.vanished", times=self.most)))
            query = sa.update(t.tasks).where(k.id == next_.scalar_subquery()).values(taken)
            row = c.execute(query.returning(k.id, k.batch, k.source, k.attempts)).first()
        return Task(*row) if row else None

    def renew(self, task: Task) -> bool:
        """A sign of life; False where the task is another's by now."""
        with self._engine.begin() as c:
            query = sa.update(t.tasks).where(*_still(task)).values(due=_NOW + int(self.lease * 1000))
            return bool(c.execute(query).rowcount)

    def write(self, task: Task, file: Path) -> None:
        """The task's bytes, part by part."""
        p = t.parts.c
        query = sa.select(p.content).where(p.task == task.id).order_by(p.position).limit(1)
        with file.open("wb") as out, self._engine.connect() as c:
            position = 0
            while (content := c.execute(query.where(p.position == position)).scalar()) is not None:
                out.write(content)
                position += 1

    def receipts(self, task: Task) -> dict[int, Receipt]:
        """By their position among the task's documents: an archive has many, and may have been read in part."""
        r = t.receipts.c
        with self._engine.connect() as c:
            rows = c.execute(sa.select(r.position, r.said).where(r.task == task.id)).all()
        return {row.position: Receipt(**json.loads(row.said)) for row in rows}

    def note(self, c: sa.Connection, task: Task, position: int, receipt: Receipt) -> None:
        """In the transaction that keeps the document. Lost: it is not to be kept."""
        if c.execute(sa.select(t.tasks.c.id).where(*_still(task)).with_for_update()).first() is None:
            raise Lost
        c.execute(sa.insert(t.receipts), {"task": task.id, "position": position, "said": _json(receipt)})

    def finish(self, task: Task) -> None:
        """All of its documents have their receipts: the file goes. Lost."""
        with self._engine.begin() as c:
            if not c.execute(sa.update(t.tasks).where(*_still(task)).values(state="done", reason=None)).rowcount:
                raise Lost
            c.execute(sa.delete(t.parts).where(t.parts.c.task == task.id))

    def failed(self, task: Task, reason: str) -> None:
        """It is tried again later, or set aside where it was tried often."""
        late = {"due": _NOW + int(self.pause * 1000 * task.attempts)}
        then = {"state": "dead"} if task.attempts >= self.most else {"state": "waiting", **late}
        with self._engine.begin() as c:
            c.execute(sa.update(t.tasks).where(*_still(task)).values(reason=reason[:2000], **then))

    def give_back(self, task: Task) -> None:
        """It was begun by one that has to go: another may take it at once, and it counts as not begun."""
        back = {"state": "waiting", "due": 0, "attempts": t.tasks.c.attempts - 1}
        with self._engine.begin() as c:
            c.execute(sa.update(t.tasks).where(*_still(task)).values(back))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While this lasts, others who put files in leave the reading to us."""
        held = servers.hold(self._engine, self._place, servers.WORKING, 10, shared=True)
        try:
            yield
        finally:
            held.release()

    # ---------------------------------------------------------------- looking

    def workers(self) -> int:
        with self._engine.connect() as c:
            return servers.holders(c, servers.WORKING)

    def standing(self, batch: str | None = None) -> Standing:
        k = t.tasks.c
        query = sa.select(k.state, sa.func.count()).group_by(k.state)
        with self._engine.connect() as c:
            rows = c.execute(query if batch is None else query.where(k.batch == batch)).all()
        return Standing(**{str(row[0]): int(row[1]) for row in rows})

    def told(self, batch: str) -> list[Receipt]:
        """What became of a batch, in the order in which its files were given; one set aside is refused."""
        k, r = t.tasks.c, t.receipts.c
        query = sa.select(k.id, k.source, k.state, k.reason, r.said).join(t.receipts, r.task == k.id, isouter=True)
        found: list[Receipt] = []
        dead: dict[int, Receipt] = {}
        with self._engine.connect() as c:
            for row in c.execute(query.where(k.batch == batch).order_by(k.id, r.position)):
                if row.said:
                    found.append(Receipt(**json.loads(row.said)))
                if row.state == "dead" and row.id not in dead:
                    dead[row.id] = Receipt(row.source, "refused", row.reason)
        return found + list(dead.values())

    def set_aside(self) -> list[SetAside]:
        k = t.tasks.c
        query = sa.select(k.id, k.source, k.reason, k.attempts, k.at).where(k.state == "dead").order_by(k.id)
        with self._engine.connect() as c:
            return [SetAside(row.id, row.source, row.reason or "", row.attempts, row.at) for row in c.execute(query)]

    def again(self) -> int:
        """All that were set aside wait anew; how many."""
        with self._engine.begin() as c:
            query = sa.update(t.tasks).where(t.tasks.c.state == "dead").values(state="waiting", attempts=0, due=0)
            return int(c.execute(query).rowcount)


def _still(task: Task) -> tuple[sa.ColumnElement[bool], ...]:
    """The task is still in the hands of whoever took it with that attempt."""
    k = t.tasks.c
    return k.id == task.id, k.state == "working", k.attempts == task.attempts


def _json(receipt: Receipt) -> str:
    return json.dumps(receipt.to_json(), ensure_ascii=False)
