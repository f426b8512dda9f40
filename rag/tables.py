"""The tables of a library, and how its database is opened: the schema comes in from `migrations/`, errors go out named.

Types are those that SQLite and PostgreSQL share. Numbers are given out by `counters`, never by the database, so that
an id is never used twice and changes are numbered in the order in which they are committed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Imported at the top: nothing here works without it, and whoever imports this module is about to open a library.
import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from rag.errors import DiskFull, LibraryDamaged, LibraryLocked, LibraryNewer, NoPermission, NotALibrary
from rag.settings import Server

if TYPE_CHECKING:
    from filelock import FileLock

REVISION = "0008"  # the newest in migrations/versions (held by a test), so that alembic stays unread (0.25 s)
DATABASE = "library.db"
OURS = {
    DATABASE,
    *(DATABASE + end for end in ("-wal", "-shm", "-journal", ".damaged")),
    "lexical",
    "vectors",
    "files",
    "lock",
}

metadata = sa.MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite keeps rows in the order of an INTEGER key alone

counters = Table(
    "counters",
    metadata,
    Column("name", String(20), primary_key=True),  # "change", "document", "article", "passage", "model"
    Column("value", BigInteger, nullable=False),  # the last that was given out
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
)

documents = Table(
    "documents",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False, unique=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("format", String(20), nullable=False),
    Column("encoding", String(40)),
    Column("pages", Integer, nullable=False),
    Column("ocr_pages", Integer, nullable=False),
    Column("characters", Integer, nullable=False),  # as read
    Column("garbled", Float, nullable=False),
    Column("losses", Text, nullable=False),  # JSON list
    Column("splitter", String(40), nullable=False),  # version of the rules that made its passages
    Column("added_at", String(32), nullable=False),  # ISO, UTC
    Column("articles", Integer, nullable=False),  # how many it has now
    Column("passages", Integer, nullable=False),
    Column("written", Integer, nullable=False),  # characters of its articles' texts
)

articles = Table(
    "articles",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("article_id", String(80), nullable=False, unique=True),
    Column("document", _Id, ForeignKey("documents.id"), nullable=False),
    Column("position", Integer, nullable=False),  # in its document, from 0
    Column("source", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("folded_title", Text, nullable=False),
    Column("author", Text),
    Column("date", String(40)),  # ISO, as given
    Column("first_day", Integer),  # 20250226; of a month or year its first and last day
    Column("last_day", Integer),
    Column("page", Text),
    Column("rubric", Text, index=True),  # Article.column: "column" is a word of SQL's own
    Column("text", Text, nullable=False),
    Column("characters", Integer, nullable=False),  # of text
    Column("sections", Text, nullable=False),  # JSON list of [start, level, heading]
    Column("text_sha256", String(64), nullable=False),
    Column("digest", String(64), nullable=False),  # of all that was given: the same article, cut the same
    Index("articles_of_document", "document", "position"),
    Index("articles_of_days", "last_day", "first_day"),
)

passages = Table(
    "passages",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("article", _Id, ForeignKey("articles.id"), nullable=False, index=True),
    Column("start_at", Integer, nullable=False),  # characters of the article's text, half-open
    Column("end_at", Integer, nullable=False),
    Column("heading", Text, nullable=False),
    Column("change", BigInteger, nullable=False, index=True),
)

removals = Table(
    "removals",
    metadata,
    Column("passage", _Id, primary_key=True, autoincrement=False),
    Column("change", BigInteger, nullable=False, index=True),
)

models = Table(
    "models",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("dimension", Integer, nullable=False),
)

vectors = Table(
    "vectors",
    metadata,
    Column("passage", _Id, ForeignKey("passages.id"), primary_key=True, autoincrement=False),
    Column("model", _Id, ForeignKey("models.id"), primary_key=True, autoincrement=False),
    Column("change", BigInteger, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float16, little-endian
    Index("vectors_of_model", "model", "change", "passage"),
)

halves = Table(  # of stories that go on upon another page, as their files have them, see `rag.joining`
    "halves",
    metadata,
    Column("document", _Id, ForeignKey("documents.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),  # in its document, among its articles
    Column("article", _Id, ForeignKey("articles.id"), index=True),  # whose part it is now
    Column("article_id", String(80), nullable=False, index=True),  # its own, when it stands alone
    Column("date", String(40), nullable=False, index=True),  # of the issue
    Column("said", Text, nullable=False),  # JSON of the article, with its `half`
)

pages = Table(  # of PDF files and scans: how they look, and where their lines stand, see `rag.pages`
    "pages",
    metadata,
    Column("document", _Id, ForeignKey("documents.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("width", Integer, nullable=False),  # pixels
    Column("height", Integer, nullable=False),
    Column("letters", Text, nullable=False),  # of its lines, without marks and folded: sentences are looked up in them
    Column("lines", Text, nullable=False),  # JSON list of [text, left, top, right, bottom, down]
    Column("image", LargeBinary, nullable=False),  # WebP; empty where an article that stands on it was removed
)

bands = Table(  # what an article is found alike by, see `rag.reprints`
    "bands",
    metadata,
    Column("band", BigInteger, primary_key=True, autoincrement=False),
    Column("article", _Id, ForeignKey("articles.id"), primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)

twins = Table(  # reprints, each pair both ways round
    "twins",
    metadata,
    Column("article", _Id, ForeignKey("articles.id"), primary_key=True, autoincrement=False),
    Column("twin", _Id, ForeignKey("articles.id"), primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)

conversations = Table(
    "conversations",
    metadata,
    Column("key", String(40), primary_key=True),  # random: whoever was given the link may know it, nobody guesses it
    Column("owner", String(80), nullable=False),  # "" for the owner of the machine
    Column("title", Text, nullable=False),
    Column("folded", Text, nullable=False),  # title, questions and answers, for searching
    Column("shared", Integer, nullable=False),  # 1: may be opened by its link
    Column("begun_at", String(32), nullable=False),  # ISO, UTC
    Column("at", String(32), nullable=False),  # ISO, UTC, when it last grew
    Column("exchanges", Integer, nullable=False),
    Index("conversations_of_owner", "owner", "at"),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("conversation", String(40), ForeignKey("conversations.key"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # from 0
    Column("said", Text, nullable=False),  # JSON: question, reply, filter… as the page shows them
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("role", String(20), nullable=False),  # "reader", "editor"
    Column("password", String(200), nullable=False),  # argon2
    Column("made_at", String(32), nullable=False),  # ISO, UTC
    sqlite_autoincrement=True,  # an id that is free again would give its conversations to another
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True),  # SHA-256 of the browser's
    Column("account", Integer, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("expires", Integer, nullable=False),  # seconds since 1970
)

keys = Table(
    "keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),  # SHA-256 of the program's
    Column("account", Integer, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("label", String(80), nullable=False),
    Column("made_at", String(32), nullable=False),
    sqlite_autoincrement=True,
)

questions = Table(  # what readers asked; nothing of who they are, but where they signed in
    "questions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(40), nullable=False, unique=True),  # random: whoever was answered may say how good it was
    Column("day", String(10), nullable=False, index=True),  # ISO, of this machine
    Column("origin", String(10), nullable=False),  # "page", "api"
    Column("asker", String(80), nullable=False),  # "" but where accounts are on
    Column("asked", Text, nullable=False),
    Column("outcome", String(20), nullable=False),  # "answered", "refused", "stopped"
    Column("reason", String(40)),  # Reply.reason
    Column("columns", Text, nullable=False),  # JSON list: of the articles cited, or nearest to a refusal
    Column("sources", Text, nullable=False),  # JSON list, of the same
    Column("articles", Text, nullable=False),  # JSON list of [article id, title], of the same
    Column("seconds", Float, nullable=False),
    Column("vote", Integer, nullable=False),  # 1 helpful, -1 not, 0 nothing said
    Column("why", Text, nullable=False),  # what was wrong, in the reader's words
    Column("handed", Integer, nullable=False),  # 1: the reader asks an editor to answer
    Column("state", String(20), nullable=False, index=True),  # "open", "answered", "declined" by an editor
    Column("told", Text, nullable=False),  # why it was declined
    sqlite_autoincrement=True,
)

entries = Table(  # what editors answered or pinned; each stands in the library as an article of its own document
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(10), nullable=False),  # "answer", "pin"
    Column("question", Text, nullable=False),
    Column("asked", Text, nullable=False),  # JSON list: the same question as readers put it
    Column("words", Text, nullable=False),  # JSON list: a pin also stands before the answer to questions with one
    Column("answer", Text, nullable=False),
    Column("source", Text, nullable=False),  # where the editor has it from
    Column("editor", String(80), nullable=False),
    Column("day", String(10), nullable=False),  # ISO
    Column("since", String(16), nullable=False),  # ISO day or minute, "" for at once
    Column("until", String(16), nullable=False),  # included; "" for ever
    Column("document", Text, nullable=False),  # its source in the library
    Column("article", String(80), nullable=False, index=True),  # its id there
    Column("withdrawn", Integer, nullable=False),
    sqlite_autoincrement=True,
)

corrections = Table(  # what editors changed in articles, in order; a file that is read again is corrected again
    "corrections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document", Text, nullable=False, index=True),  # its source
    Column("at", String(32), nullable=False),  # ISO, UTC
    Column("kind", String(10), nullable=False),  # "edit", "merge", "split"
    Column("targets", Text, nullable=False),  # JSON list of the articles it is about, see `rag.corrections`
    Column("change", Text, nullable=False),  # JSON
    Column("before", Text, nullable=False),  # JSON list: those articles as they were
    sqlite_autoincrement=True,
)

tasks = Table(  # documents that wait to be read, see `rag.tasks`
    "tasks",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("batch", String(40), nullable=False),  # what one `add` brought
    Column("source", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("state", String(10), nullable=False),  # "waiting", "working", "done", "dead"
    Column("attempts", Integer, nullable=False),
    Column("worker", String(80)),  # who took it last
    Column("due", BigInteger, nullable=False),  # milliseconds since 1970: when it may be taken, or its lease ends
    Column("reason", Text),  # why it failed last
    Column("at", String(32), nullable=False),  # ISO, UTC
    Index("tasks_due", "state", "due", "id"),
    Index("tasks_of_batch", "batch", "id"),
    sqlite_autoincrement=True,
)

parts = Table(  # of a file that waits
    "parts",
    metadata,
    Column("task", _Id, ForeignKey("tasks.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("task", _Id, ForeignKey("tasks.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),  # among the documents of the file
    Column("said", Text, nullable=False),  # JSON: a Receipt
)


# ---------------------------------------------------------------- opening


def connect(folder: Path | Server, *, create: bool, readonly: bool) -> tuple[sa.Engine, bool]:
    """An engine over the folder's database, its tables as this version has them, and whether it can only be read
    (asked for, or a folder that can't be written). Errors as those of `Store.open`."""
    if isinstance(folder, Server):
        from rag import servers

        return servers.connect(folder, create=create), readonly
    database = folder / DATABASE
    look_at(folder, create=create)
    readonly = readonly or (database.exists() and not os.access(folder, os.W_OK))
    engine = _engine(folder, readonly=readonly)
    try:
        found = _revision(engine, folder)
        if found != REVISION:
            if readonly:
                raise NotALibrary(library=folder) if found is None else NoPermission(path=folder)
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                migrate(connection, folder, found)
    except BaseException:
        engine.dispose()
        raise
    return engine, readonly


def look_at(folder: Path, *, create: bool) -> None:
    """Makes the folder where there is none. NotALibrary: a file, something else, or (`create` False) nothing."""
    try:
        if folder.exists() and not folder.is_dir():
            raise NotALibrary(library=folder)
        if (folder / DATABASE).exists():
            return
        strange = [p.name for p in folder.iterdir() if not _ignored(p.name)] if folder.is_dir() else []
        if not create or strange:
            raise NotALibrary(library=folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise named(error, folder) from error


def _ignored(name: str) -> bool:
    """What may lie in a folder in which a library is made: our own leavings and what desktops strew about."""
    return name in OURS or name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini")


def _engine(folder: Path, *, readonly: bool) -> sa.Engine:
    # On a medium that can't be written there is no shared-memory file for the log: only "immutable" opens it.
    mode = "rwc" if not readonly else "ro" if os.access(folder, os.W_OK) else "ro&immutable=1"
    uri = f"{(folder / DATABASE).absolute().as_uri()}?mode={mode}"

    def opened() -> (
        sqlite3.Connection
    ):  # by us: on its way through a URL of SQLAlchemy's a name with % is decoded twice
        return sqlite3.connect(uri, uri=True, check_same_thread=False)

    engine = sa.create_engine("sqlite://", creator=opened, poolclass=sa.QueuePool, max_overflow=-1)

    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # sqlite3's own BEGIN comes too late for IMMEDIATE and for DDL
        cursor = connection.cursor()
        if not readonly:
            cursor.execute("PRAGMA journal_mode=WAL")
        for pragma in (
            "busy_timeout=10000",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "cache_size=-32000",
            "mmap_size=268435456",
            "journal_size_limit=67108864",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    listen(engine, prepare, begin, lambda error: named(error, folder))
    return engine


def listen(
    engine: sa.Engine,
    prepare: Callable[[Any, Any], None],
    begin: Callable[[sa.Connection], None],
    rename: Callable[[BaseException], BaseException],
) -> None:
    """What is done to each new connection, how a transaction begins, and our own error for a database's."""

    def handle(context: sa.engine.ExceptionContext) -> None:
        if context.is_pre_ping:  # nobody asked anything yet: the pool takes another connection
            return
        error = rename(context.original_exception)
        if error is not context.original_exception:
            raise error from context.original_exception

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", begin)
    sa.event.listen(engine, "handle_error", handle)


def lock(folder: Path, wait: float) -> FileLock:
    """The writer's lock, held. LibraryLocked after `wait` seconds."""
    from filelock import FileLock, Timeout

    held = FileLock(folder / "lock", thread_local=False)
    try:
        held.acquire(timeout=wait, poll_interval=0.02)
    except Timeout:
        raise LibraryLocked(library=folder) from None
    except OSError as error:
        raise named(error, folder) from error
    return held


def named(error: BaseException, folder: Path) -> BaseException:
    """What an error of the database or the file system means to a user; the error itself where it says nothing."""
    code = getattr(error, "sqlite_errorcode", None)
    detail = str(error)
    if code is None and isinstance(error, OSError):
        code = {28: 13, 122: 13, 13: 8, 1: 8, 30: 8, 20: 8}.get(error.errno or 0)  # ENOSPC EDQUOT EACCES EPERM EROFS
    match (code or 0) & 0xFF if code is not None else None:
        case 13:  # SQLITE_FULL
            return DiskFull(path=folder)
        case 3 | 8 | 14 | 23:  # PERM, READONLY, CANTOPEN, AUTH
            return NoPermission(path=folder)
        case 5 | 6:  # BUSY, LOCKED
            return LibraryLocked(library=folder)
        case 10 if _full(folder):  # IOERR: the log or its index could not grow
            return DiskFull(path=folder)
        case 10 | 11 | 26:  # IOERR, CORRUPT, NOTADB
            return LibraryDamaged(library=folder, detail=detail)
        case 1 if "no such table" in detail or "no such column" in detail:
            return LibraryDamaged(library=folder, detail=detail)
    return error


def _full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < 1 << 20
    except OSError:
        return False


def _revision(engine: sa.Engine, folder: Path) -> str | None:
    """The revision of the tables; None for a database without any (new, or left by a kill while it was made)."""
    with engine.connect() as connection:
        names = {
            row[0]
            for row in connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('alembic_version', 'documents')"
            )
        }
        if "alembic_version" in names:
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")
        if names or connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
            raise NotALibrary(library=folder)
        return None


def migrate(connection: sa.Connection, place: Path | Server, found: str | None) -> None:
    """Brings the tables to REVISION, in the transaction that is begun; alone, if two processes open an old library at
    once. LibraryNewer."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import rag

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise LibraryNewer(library=place, theirs=found or "?", ours=f"{rag.__version__}, {REVISION}")
    config.attributes["connection"] = connection
    command.upgrade(config, REVISION)
