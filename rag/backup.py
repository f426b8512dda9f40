"""A library is proved whole, written into one file, and put back from it: the truth alone, since indexes are derived.

A backup is a zip of `library.db` and `manifest.json`, which names its version and the checksum of each file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import uuid
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from rag import __version__, fetching
from rag import tables as t
from rag.errors import LibraryDamaged, NotALibrary
from rag.settings import Server
from rag.words import say

MANIFEST = "manifest.json"
FORMAT = 1
_LISTED = 20  # names in a list of faults of one kind


# ---------------------------------------------------------------- whole


def faults(c: sa.Connection, progress: Callable[[int, int], None]) -> list[str]:
    """What contradicts itself, a sentence each."""
    found = (
        [
            say("faults.database", detail=row[0])
            for row in c.exec_driver_sql("PRAGMA integrity_check(20)")
            if row[0] != "ok"
        ]
        if c.dialect.name == "sqlite"
        else []
    )
    if found:
        return found
    d, a, p, v, r = t.documents.c, t.articles.c, t.passages.c, t.vectors.c, t.removals.c
    w, there = t.twins.c, sa.select(a.id)
    articles, passages = sa.func.count(a.id.distinct()), sa.func.count(p.id)
    carried = sa.select(t.halves.c.document)
    counted = (
        sa.select(d.source)
        .join_from(t.documents, t.articles, a.document == d.id, isouter=True)
        .join(t.passages, p.article == a.id, isouter=True)
        .group_by(d.id, d.source, d.articles, d.passages)
        .having(sa.or_(articles != d.articles, passages != d.passages, sa.and_(articles == 0, d.id.not_in(carried))))
    )
    orphans: list[tuple[str, sa.Select[Any]]] = [
        ("article_without_document", sa.select(a.article_id).where(a.document.not_in(sa.select(d.id)))),
        ("page_without_document", sa.select(t.pages.c.document).where(t.pages.c.document.not_in(sa.select(d.id)))),
        ("passage_without_article", sa.select(p.id).where(p.article.not_in(sa.select(a.id)))),
        ("vector_without_passage", sa.select(v.passage).where(v.passage.not_in(sa.select(p.id)))),
        ("vector_without_model", sa.select(v.passage).where(v.model.not_in(sa.select(t.models.c.id)))),
        ("reprint_without_article", sa.select(w.article).where(sa.or_(w.article.not_in(there), w.twin.not_in(there)))),
        ("removed_and_there", sa.select(r.passage).where(r.passage.in_(sa.select(p.id)))),
        (
            "span",
            sa.select(p.id)
            .join(t.articles, a.id == p.article)
            .where(sa.or_(p.start_at < 0, p.start_at >= p.end_at, p.end_at > a.characters)),
        ),
        ("count", counted),
    ]
    last = {row.name: row.value for row in c.execute(sa.select(t.counters))}
    for name, column in (
        ("document", d.id),
        ("article", a.id),
        ("passage", p.id),
        ("passage", r.passage),
        ("change", p.change),
        ("change", r.change),
        ("change", v.change),
    ):
        if (c.execute(sa.select(sa.func.max(column))).scalar() or 0) > last.get(name, -1):
            found.append(say("faults.counter", name=name))
    for key, query in orphans:
        names = [str(row[0]) for row in c.execute(query.limit(_LISTED))]
        if names:
            found.append(say(f"faults.{key}", names="、".join(names)))
    return found + _texts(c, progress)


def _texts(c: sa.Connection, progress: Callable[[int, int], None]) -> list[str]:
    """Articles whose text is not the one that was put, vectors of another length than their model's."""
    a, v, m = t.articles.c, t.vectors.c, t.models.c
    total, done, at, wrong = int(c.execute(sa.select(sa.func.count()).select_from(t.articles)).scalar_one()), 0, 0, []
    query = sa.select(a.id, a.article_id, a.text, a.characters, a.text_sha256).order_by(a.id).limit(1000)
    while rows := c.execute(query.where(a.id > at)).all():
        wrong += [
            r.article_id
            for r in rows
            if len(r.text) != r.characters or hashlib.sha256(r.text.encode()).hexdigest() != r.text_sha256
        ]
        done, at = done + len(rows), rows[-1].id
        progress(done, total)
    found = [say("faults.text", names="、".join(wrong[:_LISTED]))] if wrong else []
    short = sa.select(v.passage).join(t.models, m.id == v.model).where(sa.func.length(v.vector) != 2 * m.dimension)
    if names := [str(row[0]) for row in c.execute(short.limit(_LISTED))]:
        found.append(say("faults.vector", names="、".join(names)))
    return found


# ---------------------------------------------------------------- one file


def backup(engine: sa.Engine, file: Path) -> int:
    """See `Store.backup`. The copy is made in one read transaction, so a writer beside it does no harm."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as beside:
            copy, packed = Path(beside) / t.DATABASE, Path(beside) / "backup.zip"
            _copied(engine, Path(beside) / "library", copy)
            manifest = {
                "format": FORMAT,
                "program": __version__,
                "revision": t.REVISION,
                "files": {t.DATABASE: {"bytes": copy.stat().st_size, "sha256": _sha256(copy)}},
            }
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
                archive.write(copy, t.DATABASE)
            with packed.open("rb+") as handle:
                os.fsync(handle.fileno())
            os.replace(packed, file)
            return file.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise t.named(error, file) from error


def identity(engine: sa.Engine) -> str:
    """Random; another one after a restore."""
    with engine.connect() as c:
        own = c.execute(sa.select(t.settings.c.value).where(t.settings.c.name == "library")).scalar_one()
    return str(json.loads(own))


def _copied(engine: sa.Engine, beside: Path, copy: Path) -> None:
    """The library's database as one file of SQLite's; that of a server is poured into such a one first."""
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as raw:  # VACUUM stands in no transaction
            raw.cursor().execute("VACUUM INTO ?", (str(copy),))
        return
    from rag import moving

    other, _ = t.connect(beside, create=True, readonly=False)
    try:
        with fetching.snapshot(engine) as c, moving.writing(other) as there:
            moving.pour_all(c, there)
        _copied(other, beside, copy)
    finally:
        other.dispose()


def _restore_to_server(file: Path, place: Server) -> None:
    """In one transaction: who reads sees the old library until the new one is there."""
    from rag import moving

    with tempfile.TemporaryDirectory(prefix="rag-restore-") as beside:
        copy = Path(beside) / t.DATABASE
        _unpack(file, copy)
        _prove(file, copy)
        engine, _ = t.connect(place, create=True, readonly=False)
        other, _ = t.connect(copy.parent, create=False, readonly=False)
        try:
            with moving.alone(engine, place), other.connect() as c, moving.writing(engine) as there:
                moving.pour_all(c, there)
        finally:
            engine.dispose()
            other.dispose()


def restore(file: Path, folder: Path | Server) -> None:
    """See `rag.store.restore`. The database is proved in a folder beside, then copied in by SQLite as one transaction:
    a kill leaves the old library, and readers see the old one until they see the new. One that can't be read any more
    is set aside as `library.db.damaged`."""
    if isinstance(folder, Server):
        _restore_to_server(file, folder)
        return
    t.look_at(folder, create=True)
    lock = t.lock(folder, wait=1.0)
    database = folder / t.DATABASE
    try:
        with tempfile.TemporaryDirectory(prefix=".restore.", dir=folder) as beside:
            copy = Path(beside) / t.DATABASE
            _unpack(file, copy)
            _prove(file, copy)
            try:
                with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(database, timeout=10)) as target:
                    source.backup(target)
            except sqlite3.DatabaseError as error:
                if not isinstance(t.named(error, folder), LibraryDamaged):
                    raise
                for log in ("-wal", "-shm", "-journal"):
                    database.with_name(t.DATABASE + log).unlink(missing_ok=True)
                os.replace(database, database.with_name(t.DATABASE + ".damaged"))
                os.replace(copy, database)
    except (OSError, sqlite3.Error) as error:
        raise t.named(error, folder) from error
    finally:
        lock.release()


def _unpack(file: Path, copy: Path) -> None:
    """The database of a backup, its bytes proved by the manifest's checksum. No name in the archive becomes a path."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read(MANIFEST)) if archive.getinfo(MANIFEST).file_size < 1 << 20 else {}
            said = manifest["files"][t.DATABASE]
            if archive.getinfo(t.DATABASE).file_size != said["bytes"]:
                raise LibraryDamaged(library=file, detail=say("faults.checksum"))
            with archive.open(t.DATABASE) as packed, copy.open("wb") as out:
                shutil.copyfileobj(packed, out, 1 << 20)
    except zipfile.BadZipFile as error:
        if not zipfile.is_zipfile(file):
            raise NotALibrary(library=file) from error
        raise LibraryDamaged(library=file, detail=say("faults.checksum")) from error
    except (KeyError, TypeError, ValueError, zipfile.LargeZipFile) as error:
        raise NotALibrary(library=file) from error
    except Exception as error:
        if type(error).__module__ == "zlib":  # zlib.error has no public base but Exception
            raise LibraryDamaged(library=file, detail=say("faults.checksum")) from error
        raise
    if _sha256(copy) != said["sha256"]:
        raise LibraryDamaged(library=file, detail=say("faults.checksum"))


def _prove(file: Path, copy: Path) -> None:
    """Opens the unpacked library as any other (an older one is brought up to date), and gives it a new identity, so
    that indexes made from what was there before are not taken for its own."""
    engine, _ = t.connect(copy.parent, create=False, readonly=False)
    try:
        with engine.connect() as c:
            if wrong := [row[0] for row in c.exec_driver_sql("PRAGMA quick_check(1)") if row[0] != "ok"]:
                raise LibraryDamaged(library=file, detail=wrong[0])
        with engine.connect().execution_options(writes=True) as c, c.begin():
            mine = t.settings.c.name == "library"
            c.execute(sa.update(t.settings).where(mine), {"value": json.dumps(uuid.uuid4().hex)})
    finally:
        engine.dispose()


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def size(place: Path | Server, engine: sa.Engine) -> int:
    """Bytes on disk: of the folder, or of the database."""
    if isinstance(place, Path):
        return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    with engine.connect() as c:
        return int(c.execute(sa.select(sa.func.pg_database_size(sa.func.current_database()))).scalar_one())
