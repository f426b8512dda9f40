"""What editors answered or pinned, for how long, and where it stands in the library: a back room of the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from rag import tables as t
from rag.desktypes import Entry
from rag.errors import UnknownName
from rag.noting import Notes


def now() -> str:
    """This minute on this machine's clock, ISO."""
    return datetime.now().isoformat(timespec="minutes")


def stands(entry: Entry, at: str) -> bool:
    """Valid at a minute: begun, not over, not withdrawn. A last day counts whole."""
    until = entry.until if len(entry.until) != 10 else f"{entry.until}T23:59"
    return not entry.withdrawn and entry.since <= at and (not until or at <= until)


class Entries(Notes):
    """Errors of writing: NoPermission, LibraryLocked, DiskFull."""

    def add(self, entry: Entry) -> Entry:
        """With the number it gets."""
        with self._writing() as c:
            row = {name: value for name, value in _row(entry).items() if name != "id"}
            done = c.execute(sa.insert(t.entries), row)
            return replace(entry, entry_id=int((done.inserted_primary_key or (0,))[0]))

    def placed(self, entry: Entry, document: str, article_id: str) -> Entry:
        """Where it stands in the library."""
        return self._change(entry.entry_id, {"document": document, "article": article_id})

    def span(self, entry_id: int, since: str, until: str) -> Entry:
        """Errors: UnknownName."""
        return self._change(entry_id, {"since": since, "until": until})

    def withdraw(self, entry_id: int) -> Entry:
        """Errors: UnknownName."""
        return self._change(entry_id, {"withdrawn": 1})

    def _change(self, entry_id: int, changed: dict[str, Any]) -> Entry:
        e = t.entries.c
        with self._writing() as c:
            c.execute(sa.update(t.entries).where(e.id == entry_id), changed)
            row = c.execute(sa.select(t.entries).where(e.id == entry_id)).first()
            if row is None:
                raise UnknownName(name=entry_id)
            return _entry(row)

    def drop(self, entry_id: int) -> None:
        """One that never came to stand in the library."""
        with self._writing() as c:
            c.execute(sa.delete(t.entries).where(t.entries.c.id == entry_id))

    def listed(self, kind: str | None = None) -> list[Entry]:
        """The newest first."""
        query = sa.select(t.entries).order_by(t.entries.c.id.desc())
        if kind is not None:
            query = query.where(t.entries.c.kind == kind)
        with self._looking() as c:
            return [_entry(row) for row in c.execute(query)]

    def hidden(self, entries: Sequence[Entry] | None = None) -> frozenset[str]:
        """Ids of the articles of those that do not stand just now: not to be found, not to be cited."""
        at = now()
        rows = self.listed() if entries is None else entries
        return frozenset(e.article_id for e in rows if e.article_id and not stands(e, at))


def _row(e: Entry) -> dict[str, Any]:
    return {
        "id": e.entry_id,
        "kind": e.kind,
        "question": e.question,
        "asked": json.dumps(e.asked, ensure_ascii=False),
        "words": json.dumps(e.words, ensure_ascii=False),
        "answer": e.answer,
        "source": e.source,
        "editor": e.editor,
        "day": e.day,
        "since": e.since,
        "until": e.until,
        "document": e.document,
        "article": e.article_id,
        "withdrawn": int(e.withdrawn),
    }


def _entry(row: Any) -> Entry:
    return Entry(
        row.id,
        row.kind,
        row.question,
        row.answer,
        row.source,
        row.editor,
        row.day,
        row.since,
        row.until,
        tuple(json.loads(row.asked)),
        tuple(json.loads(row.words)),
        row.document,
        row.article,
        bool(row.withdrawn),
    )
