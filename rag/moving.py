"""A library is copied from one place to another, folder or server, and proved equal: count and checksum of each table.

What carries the change of the store is copied row by row in the order of its key, so an interrupted copy goes on where
it stopped; all else (conversations, accounts, the queue) is small, changes at any time, and comes last and at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from rag import fetching
from rag import tables as t
from rag.errors import LibraryDamaged, NotEmpty
from rag.settings import Server
from rag.store import Store
from rag.words import say

# In the order in which they refer to one another; each by numbers, so that "up to here" is one row.
GROWN = (t.documents, t.pages, t.articles, t.halves, t.passages, t.removals, t.models, t.vectors, t.bands, t.twins)
WHOLE = tuple(table for table in t.metadata.sorted_tables if table not in GROWN)
AT_ONCE = 2000  # rows between two commits, fewer where they are long
LONG = {"pages": 8, "articles": 200, "halves": 200, "parts": 2, "exchanges": 200}  # rows of these
MARK = "moving"  # the setting of a library that is not all there yet: from which, as of which change
TRIES = 3

Watch = Callable[[str, int, int], None]  # table, rows there, rows in all


@dataclass(frozen=True, slots=True)
class Sum:
    """A table as it is: `checksum` does not depend on the order of rows, nor on the database."""

    table: str
    rows: int
    checksum: str


def move(source: Path | Server, target: Path | Server, tell: Watch = lambda table, done, total: None) -> list[Sum]:
    """Copies; what is equal at the end, a line a table. The source stays as it is, and nobody writes articles to it
    meanwhile.

    NotEmpty: the target holds another library. LibraryDamaged: the copy is not equal. Else as `Store.open`."""
    with Store.open(source, create=False) as old, old.writing():
        engine, _ = t.connect(target, create=True, readonly=False)
        try:
            with alone(engine, target):
                return _move(old, engine, target, tell)
        finally:
            engine.dispose()


@contextmanager
def alone(engine: sa.Engine, place: Path | Server) -> Iterator[None]:
    """The writer's lock of a place that may hold no library yet."""
    held: Any
    if isinstance(place, Server):
        from rag import servers

        held = servers.hold(engine, place, servers.WRITER, 1.0)
    else:
        held = t.lock(place, 1.0)
    try:
        yield
    finally:
        held.release()


def _move(old: Store, engine: sa.Engine, target: Path | Server, tell: Watch) -> list[Sum]:
    _begin(old, engine, target)
    for table in GROWN:
        with fetching.snapshot(old._engine) as c:
            _go_on(c, engine, table, tell)
    with fetching.snapshot(old._engine) as c, fetching.snapshot(engine) as there:
        wanted = [sum_of(c, table, tell) for table in GROWN]
        found = [sum_of(there, table, tell) for table in GROWN]
    if wanted == found:
        for _ in range(TRIES):  # a conversation may go on meanwhile
            if (rest := _rest(old, engine, tell)) is not None:
                with writing(engine) as there:
                    there.execute(sa.delete(t.settings).where(t.settings.c.name == MARK))
                return found + rest
    differ = [a.table for a, b in zip(wanted, found, strict=True) if a != b] or ["conversations"]
    raise LibraryDamaged(library=target, detail=say("moving.differs", tables=", ".join(differ)))


def _rest(old: Store, engine: sa.Engine, tell: Watch) -> list[Sum] | None:
    """The other tables, in place of those there; None where they are not equal."""
    with fetching.snapshot(old._engine) as c, writing(engine) as there:
        for table in reversed(WHOLE):
            there.execute(sa.delete(table).where(*_not_the_mark(table)))
        for table in WHOLE:
            _pour(c, there, table, (), tell)
        _number_on(c, there)
    with fetching.snapshot(old._engine) as c, fetching.snapshot(engine) as there:
        wanted = [sum_of(c, table, tell) for table in WHOLE]
        found = [sum_of(there, table, tell) for table in WHOLE]
    return found if found == wanted else None


def _begin(old: Store, engine: sa.Engine, target: Path | Server) -> None:
    """Marks the target as one that is on its way; one that was begun from another state is emptied first."""
    mark = json.dumps({"library": old.library_id, "change": old.last_change})
    with engine.connect() as c:
        before = c.execute(sa.select(t.settings.c.value).where(t.settings.c.name == MARK)).scalar()
        filled = before is None and any(c.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
                                        for table in (*GROWN, t.conversations, t.accounts))  # fmt: skip
    if filled:
        raise NotEmpty(library=target)
    if before == mark:
        return
    with writing(engine) as there:
        if before is not None:
            empty(there)
        there.execute(sa.delete(t.settings).where(t.settings.c.name == MARK))
        there.execute(sa.insert(t.settings), {"name": MARK, "value": mark})


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(writes=True) as c, c.begin():
        yield c


def empty(there: sa.Connection) -> None:
    """All rows of all tables go, those that refer to others first."""
    for table in reversed(t.metadata.sorted_tables):
        there.execute(sa.delete(table))


def pour_all(c: sa.Connection, there: sa.Connection, tell: Watch = lambda table, done, total: None) -> None:
    """The whole library in the transaction that is begun, in place of what is there."""
    empty(there)
    for table in t.metadata.sorted_tables:
        _pour(c, there, table, (), tell)
    _number_on(c, there)


def _go_on(c: sa.Connection, engine: sa.Engine, table: sa.Table, tell: Watch) -> None:
    """The rows behind the last one there, some at a time, each time a commit."""
    keys = list(table.primary_key.columns)
    with engine.connect() as there:
        last = there.execute(sa.select(*keys).order_by(*(key.desc() for key in keys)).limit(1)).first()
        done = int(there.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    _pour(c, engine, table, tuple(last) if last else (), tell, done)


def _pour(
    c: sa.Connection,
    there: sa.Connection | sa.Engine,
    table: sa.Table,
    after: Sequence[Any],
    tell: Watch,
    done: int = 0,
) -> None:
    """Rows behind a key: into the transaction at hand, or each some in a transaction of their own."""
    total = int(c.execute(sa.select(sa.func.count()).select_from(table).where(*_not_the_mark(table))).scalar_one())
    for rows in _pages(c, table, after):
        values = [dict(row._mapping) for row in rows]
        if isinstance(there, sa.Engine):
            with writing(there) as now:
                now.execute(sa.insert(table), values)
        else:
            there.execute(sa.insert(table), values)
        done += len(rows)
        tell(table.name, done, total)


def _pages(c: sa.Connection, table: sa.Table, after: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
    keys = list(table.primary_key.columns)
    size = LONG.get(table.name, AT_ONCE)
    query = sa.select(table).where(*_not_the_mark(table)).order_by(*keys).limit(size)
    at = tuple(after)
    while rows := c.execute(query.where(sa.tuple_(*keys) > at) if at else query).all():
        yield rows
        at = tuple(rows[-1]._mapping[key] for key in keys)
        if len(rows) < size:
            return


def _not_the_mark(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.name != MARK,) if table is t.settings else ()


def sum_of(c: sa.Connection, table: sa.Table, tell: Watch = lambda table, done, total: None) -> Sum:
    """Read row by row: the sum of the rows' SHA-256."""
    total = rows_ = 0
    for rows in _pages(c, table):
        for row in rows:
            told = json.dumps([_plain(value) for value in row], ensure_ascii=False).encode("utf-8", "surrogatepass")
            total += int.from_bytes(hashlib.sha256(told).digest(), "big")
        rows_ += len(rows)
        tell(table.name, rows_, 0)
    return Sum(table.name, rows_, f"{total % (1 << 256):064x}")


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes | memoryview) else value


def _number_on(c: sa.Connection, there: sa.Connection) -> None:
    """Ids that were given out are given to nobody else, those of rows that are gone neither."""
    for table in t.metadata.sorted_tables:
        if table.dialect_options["sqlite"]["autoincrement"]:
            last = _last_number(c, table)
            if there.dialect.name == "sqlite":
                there.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
                there.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (table.name, last))
            elif last:
                there.exec_driver_sql("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table.name, last))


def _last_number(c: sa.Connection, table: sa.Table) -> int:
    if c.dialect.name == "sqlite":
        said = c.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).scalar()
    else:
        name = c.exec_driver_sql("SELECT pg_get_serial_sequence(%s, 'id')", (table.name,)).scalar_one()
        said = c.exec_driver_sql(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}").scalar()
    return int(said or 0)
