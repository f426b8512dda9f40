"""Small changes that no index follows (conversations, accounts): a store comes in, transactions beside its own go out.

The one idea: they wait for the transaction at hand, never for a writer who adds files for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from rag.errors import NoPermission

if TYPE_CHECKING:
    from rag.store import Store

PATIENT, USUAL = 60_000, 10_000  # milliseconds to wait for the transaction at hand


class Notes:
    """Tables of one store that have no part in searching."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One change: all of it or nothing. Errors: NoPermission, DiskFull; LibraryLocked after a minute."""
        if self._store.readonly:
            raise NoPermission(path=self._store.folder)
        with self._store._engine.connect().execution_options(writes=True) as c:
            raw = c.connection.driver_connection
            raw.execute(f"PRAGMA busy_timeout={PATIENT}")  # type: ignore[union-attr]
            try:
                with c.begin():
                    yield c
            finally:
                raw.execute(f"PRAGMA busy_timeout={USUAL}")  # type: ignore[union-attr]

    @contextmanager
    def _looking(self) -> Iterator[sa.Connection]:
        with self._store._engine.connect() as c:
            yield c
