"""Small changes that no index follows (conversations, accounts): a store comes in, transactions beside its own go out.

The one idea: they wait for the transaction at hand, never for a writer who adds files for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from rag.errors import LibraryLocked, NoPermission
from rag.settings import Server

if TYPE_CHECKING:
    from rag.store import Store

PATIENT, USUAL = 60_000, 10_000  # milliseconds to wait for the transaction at hand


class Notes:
    """Tables of one store that have no part in searching."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def _writing(self, about: str = "") -> Iterator[sa.Connection]:
        """One change: all of it or nothing. On a server, notes about different things are written side by side.

        Errors: NoPermission, DiskFull, ServerUnreachable; LibraryLocked after a minute."""
        if self._store.readonly:
            raise NoPermission(path=self._store.folder)
        noting = {"writes": True, "about": about or type(self).__name__}
        with self._store._engine.connect().execution_options(**noting) as c, _patient(c), c.begin():
            yield c

    @contextmanager
    def _looking(self) -> Iterator[sa.Connection]:
        with self._store._engine.connect() as c:
            yield c


@contextmanager
def sole(store: Store) -> Iterator[bool]:
    """Whether this is the one process that embeds what is left, on a server; in a folder each may."""
    if not isinstance(store.folder, Server):
        yield True
        return
    from rag import servers

    try:
        held = servers.hold(store._engine, store.folder, servers.MEANING, 0)
    except LibraryLocked:
        yield False
        return
    try:
        yield True
    finally:
        held.release()


@contextmanager
def _patient(c: sa.Connection) -> Iterator[None]:
    """SQLite's wait is the connection's; PostgreSQL's stands in the transaction (`rag.servers`)."""
    if c.dialect.name != "sqlite":
        yield
        return
    raw = c.connection.driver_connection
    raw.execute(f"PRAGMA busy_timeout={PATIENT}")  # type: ignore[union-attr]
    try:
        yield
    finally:
        raw.execute(f"PRAGMA busy_timeout={USUAL}")  # type: ignore[union-attr]


def wait_for_notes(c: sa.Connection) -> None:
    """In a change that looks at notes of anybody: no note is half written, none is written until it is done. In a
    folder that is so for every transaction."""
    if c.dialect.name != "sqlite":
        from rag.servers import alone

        alone(c)
