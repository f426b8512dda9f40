"""A library in PostgreSQL: its address comes in; an engine, locks between all who use it, and errors with names go out.

The one idea: what a file lock and BEGIN IMMEDIATE do for a folder, advisory locks of the database do here. They belong
to a connection, so a killed process frees them; each schema of a database has its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from rag import errors
from rag import tables as t
from rag.settings import SCHEMES, Server
from rag.settings import place as given

# First half of an advisory lock's number: what is locked. The second half is the schema, or what a note is about.
WRITER = 0x72616701  # held while a process writes, from one change to the next
CHANGE = 0x72616702  # held by each change: also where a writer's connection was lost meanwhile
NOTES = 0x72616703  # shared by notes, taken alone by changes that touch notes of anybody
NOTE = 0x72616704  # by notes about the same thing
TABLES = 0x72616705  # while tables are made
MEANING = 0x72616706  # while what is left is embedded
WORKING = 0x72616707  # shared by all who take from the queue

PATIENT = 60  # seconds that a note waits for others
_SCHEMA = "hashtext(current_schema())"
_KEEP = {"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_AWAY = ("starting up", "shutting down", "recovery mode", "too many")  # the server is there, but not for anybody


def connect(place: Server, *, create: bool) -> sa.Engine:
    """An engine over the library's tables as this version has them, made where there are none (`create`).

    ServerUnreachable, ServerRefuses, ClusterNotInstalled, BadSetting; EmptyLibrary; else as `Store.open`."""
    engine = engine_of(place)
    try:
        found = _revision(engine, place)
        if found is None and not create:
            raise errors.EmptyLibrary(library=place)
        if found != t.REVISION:
            with engine.connect() as c, c.begin():
                c.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TABLES}, {_SCHEMA})")
                found = _found(c, place)  # another may have done it meanwhile
                if found != t.REVISION:
                    t.migrate(c, place, found)
    except BaseException:
        engine.dispose()
        raise
    return engine


def engine_of(place: Server) -> sa.Engine:
    """Connections of the library's address, not opened yet."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise errors.ClusterNotInstalled(library=place) from error
    try:
        url = sa.make_url(place.url)
        kept = {name: value for name, value in _KEEP.items() if name not in url.query}
        engine = sa.create_engine(
            url,
            connect_args={"application_name": "rag", **kept} if "application_name" not in url.query else kept,
            pool_pre_ping=True,  # a server that was away and is back is not noticed by who asks
            pool_size=5,
            max_overflow=25,
            pool_recycle=1800,
        )
    except (sa.exc.ArgumentError, ValueError) as error:
        allowed = f"{SCHEMES[0]}://USER@HOST:5432/NAME"
        raise errors.BadSetting(name="RAG_LIBRARY", value=place.name, allowed=allowed) from error

    def prepare(connection: Any, _: Any) -> None:
        from psycopg.types.string import StrDumper

        class Whole(StrDumper):
            """No text of PostgreSQL's holds a NUL: one that is asked for is found nowhere, and is no error."""

            def dump(self, obj: str) -> Any:
                return super().dump(obj.replace("\0", "\ufffd"))

        connection.adapters.register_dumper(str, Whole)

    def begin(c: sa.Connection) -> None:
        options = c.get_execution_options()
        if (about := options.get("about")) is not None:
            c.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENT}s'")
            c.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({NOTES}, {_SCHEMA})")
            c.exec_driver_sql(f"SELECT pg_advisory_xact_lock({NOTE}, hashtext(current_schema() || %s))", (about,))
        elif options.get("writes"):
            c.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CHANGE}, {_SCHEMA})")

    t.listen(engine, prepare, begin, lambda error: named(error, place))
    return engine


def _revision(engine: sa.Engine, place: Server) -> str | None:
    with engine.connect() as c:
        return _found(c, place)


def _found(c: sa.Connection, place: Server) -> str | None:
    """The revision of the tables; None where there are none. NotALibrary: those of something else."""
    if (encoding := c.exec_driver_sql("SHOW server_encoding").scalar_one()) != "UTF8":
        raise errors.ServerRefuses(library=place, detail=f"server_encoding = {encoding}, UTF8")
    schema = c.exec_driver_sql("SELECT current_schema()").scalar()
    if schema is None:
        raise errors.ServerRefuses(library=place, detail="search_path")
    of = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
    names = set(c.exec_driver_sql(of, (schema,)).scalars())
    if "alembic_version" in names:
        return str(c.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")
    if names:
        raise errors.NotALibrary(library=place)
    return None


# ---------------------------------------------------------------- locks


class Held:
    """A lock of the database, with the connection that it belongs to."""

    def __init__(self, c: sa.Connection, what: int, shared: bool) -> None:
        self._c, self._what, self._shared = c, what, shared

    def release(self) -> None:
        try:
            kind = "_shared" if self._shared else ""
            self._c.exec_driver_sql(f"SELECT pg_advisory_unlock{kind}({self._what}, {_SCHEMA})")
            self._c.exec_driver_sql("RESET lock_timeout")
        except (errors.ServerUnreachable, sa.exc.SQLAlchemyError):
            self._c.invalidate()  # the connection is gone, and the lock with it
        finally:
            self._c.close()


def hold(engine: sa.Engine, place: Server, what: int, wait: float, *, shared: bool = False) -> Held:
    """A lock, in turn with others who wait for it. LibraryLocked after `wait` seconds; 0 waits for nobody."""
    kind = "_shared" if shared else ""
    c = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        if wait > 0:
            c.exec_driver_sql(f"SET lock_timeout = {max(1, int(wait * 1000))}")
            c.exec_driver_sql(f"SELECT pg_advisory_lock{kind}({what}, {_SCHEMA})")
        elif not c.exec_driver_sql(f"SELECT pg_try_advisory_lock{kind}({what}, {_SCHEMA})").scalar_one():
            raise errors.LibraryLocked(library=place)
    except BaseException:
        c.invalidate()
        c.close()
        raise
    return Held(c, what, shared)


def alone(c: sa.Connection) -> None:
    """No note is written until the transaction at hand ends."""
    c.exec_driver_sql(f"SELECT pg_advisory_xact_lock({NOTES}, {_SCHEMA})")


def holders(c: sa.Connection, what: int) -> int:
    """How many hold a lock now."""
    query = f"""SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = {what}
        AND objid = {_SCHEMA}::bigint & 4294967295
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    return int(c.exec_driver_sql(query).scalar_one())


# ---------------------------------------------------------------- errors


def named(error: BaseException, place: Server) -> BaseException:
    """What an error of the database means to a user; the error itself where it says nothing."""
    import psycopg

    if not isinstance(error, psycopg.Error):
        return error
    state, detail = error.sqlstate or "", _detail(error)
    match state:
        case "53100":  # disk_full
            return errors.DiskFull(path=place)
        case "42501" | "25006":  # insufficient_privilege, read_only_sql_transaction
            return errors.NoPermission(path=place)
        case "55P03":  # lock_not_available
            return errors.LibraryLocked(library=place)
        case "42P01" | "42703" | "XX001" | "XX002":  # no such table or column, corrupted
            return errors.LibraryDamaged(library=place, detail=detail)
        case "57P01" | "57P02" | "57P03" | "53300":  # shut down, crashed, starting, too many connections
            return errors.ServerUnreachable(library=place, detail=detail)
    if state.startswith("08") or (not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)):
        refuses = "FATAL" in detail and not any(word in detail for word in _AWAY)
        return (errors.ServerRefuses if refuses else errors.ServerUnreachable)(library=place, detail=detail)
    return error


def _detail(error: BaseException) -> str:
    """The last line that says something: what comes before repeats it for each address of a host."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Is the server running" not in line), "")


# ---------------------------------------------------------------- measuring


@contextmanager
def scratch(address: str) -> Iterator[str]:
    """The address of a schema of that database which is made for now, and goes again with all that is in it."""
    place = given(address)
    if not isinstance(place, Server):
        raise errors.BadSetting(name="--server", value=str(place), allowed=f"{SCHEMES[0]}://USER@HOST:5432/NAME")
    name, engine = f"rag_{uuid.uuid4().hex[:12]}", engine_of(place)
    try:
        with engine.begin() as c:
            c.exec_driver_sql(f"CREATE SCHEMA {name}")
        try:
            yield f"{address}{'&' if '?' in address else '?'}options=-csearch_path%3D{name}"
        finally:
            with engine.begin() as c:
                c.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    finally:
        engine.dispose()
