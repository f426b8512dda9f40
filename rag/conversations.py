"""Conversations are kept, listed, searched, renamed, shared and dropped, each by its owner: a back room of the store.

What was said is JSON of whoever shows it; here it is only kept. Others open a conversation by its link, where the
owner has shared it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from rag import tables as t
from rag.errors import UnknownName
from rag.noting import Notes, wait_for_notes
from rag.text import fold
from rag.types import Talk
from rag.words import say

MOST_TITLE = 80  # characters
VISITORS = "visitor:"  # owners whose name begins so are browsers that nobody signed in with
OF_ONE_VISITOR, OF_ALL_VISITORS = 100, 10_000  # conversations kept of them; the oldest make way
_ORDER = (t.conversations.c.at.desc(), t.conversations.c.key)


class Conversations(Notes):
    """Those of all owners; each call says whose are meant. Errors of writing: NoPermission, LibraryLocked, DiskFull."""

    def listed(self, owner: str, text: str = "", *, offset: int = 0, limit: int = 200) -> list[Talk]:
        """The newest first; `text`: only those that hold it in title, question or answer."""
        c = t.conversations.c
        query = sa.select(t.conversations).where(c.owner == owner)
        if text.strip():
            query = query.where(c.folded.contains(fold(text.strip()), autoescape=True))
        with self._looking() as connection:
            return [_talk(row) for row in connection.execute(query.order_by(*_ORDER).offset(offset).limit(limit))]

    def opened(self, owner: str, key: str) -> tuple[Talk, list[dict[str, Any]], bool]:
        """A conversation, what was said in it, and whether it is the owner's own. Errors: UnknownName, also for one of
        somebody else's that was not shared."""
        c, e = t.conversations.c, t.exchanges.c
        with self._looking() as connection:
            row = connection.execute(sa.select(t.conversations).where(c.key == key)).first()
            if row is None or (row.owner != owner and not row.shared):
                raise UnknownName(name=key)
            said = connection.execute(sa.select(e.said).where(e.conversation == key).order_by(e.position)).scalars()
            return _talk(row), [json.loads(one) for one in said], row.owner == owner

    def keep(self, owner: str, key: str, said: Sequence[Mapping[str, Any]], start: int = 0) -> Talk:
        """Writes what was said from position `start` on, in place of what stood there; a new key begins a conversation.

        Errors: UnknownName, for somebody else's."""
        c, e = t.conversations.c, t.exchanges.c
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._writing(key) as connection:
            row = connection.execute(sa.select(t.conversations).where(c.key == key)).first()
            if row is not None and row.owner != owner:
                raise UnknownName(name=key)
            if row is None:
                title = _title(_words(said[0])[0]) if said else ""
                new = {"key": key, "owner": owner, "title": title, "folded": "", "shared": 0, "begun_at": now}
                connection.execute(sa.insert(t.conversations), {**new, "at": now, "exchanges": 0})
                _make_room(connection, owner, key)
            else:
                title = row.title
                connection.execute(sa.delete(t.exchanges).where(e.conversation == key, e.position >= start))
            before = connection.execute(
                sa.select(e.said).where(e.conversation == key).order_by(e.position)
            ).scalars().all()  # fmt: skip
            rows = [
                {"conversation": key, "position": len(before) + i, "said": json.dumps(one, ensure_ascii=False)}
                for i, one in enumerate(said)
            ]
            if rows:
                connection.execute(sa.insert(t.exchanges), rows)
            everything = [json.loads(one) for one in before] + list(said)
            changed = {"at": now, "exchanges": len(everything), "folded": _folded(title, everything)}
            connection.execute(sa.update(t.conversations).where(c.key == key), changed)
            return _talk(connection.execute(sa.select(t.conversations).where(c.key == key)).one())

    def rename(self, owner: str, key: str, title: str) -> Talk:
        """Errors: UnknownName."""
        title = _title(title)
        with self._writing(key) as connection:
            self._own(connection, owner, key)
            e, c = t.exchanges.c, t.conversations.c
            said = connection.execute(sa.select(e.said).where(e.conversation == key).order_by(e.position)).scalars()
            changed = {"title": title, "folded": _folded(title, [json.loads(one) for one in said])}
            connection.execute(sa.update(t.conversations).where(c.key == key), changed)
            return _talk(connection.execute(sa.select(t.conversations).where(c.key == key)).one())

    def share(self, owner: str, key: str, shared: bool) -> Talk:
        """Whether others who have the link may read it. Errors: UnknownName."""
        with self._writing(key) as connection:
            self._own(connection, owner, key)
            mine = t.conversations.c.key == key
            connection.execute(sa.update(t.conversations).where(mine), {"shared": int(shared)})
            return _talk(connection.execute(sa.select(t.conversations).where(mine)).one())

    def drop(self, owner: str, key: str) -> None:
        """Errors: UnknownName."""
        with self._writing(key) as connection:
            self._own(connection, owner, key)
            connection.execute(sa.delete(t.exchanges).where(t.exchanges.c.conversation == key))
            connection.execute(sa.delete(t.conversations).where(t.conversations.c.key == key))

    def _own(self, connection: sa.Connection, owner: str, key: str) -> None:
        c = t.conversations.c
        if connection.execute(sa.select(c.key).where(c.key == key, c.owner == owner)).first() is None:
            raise UnknownName(name=key)


def _make_room(connection: sa.Connection, owner: str, key: str) -> None:
    """Drops the oldest conversations of visitors beyond what is kept of them: else anybody could fill the disk."""
    if not owner.startswith(VISITORS):
        return
    c = t.conversations.c
    everybody = sa.and_(c.owner >= VISITORS, c.owner < VISITORS[:-1] + chr(ord(VISITORS[-1]) + 1))  # by the index
    for whose, most in ((c.owner == owner, OF_ONE_VISITOR), (everybody, OF_ALL_VISITORS)):
        over = connection.execute(sa.select(sa.func.count()).where(whose)).scalar_one() - most
        if over > 0:
            oldest = sa.select(c.key).where(whose, c.key != key).order_by(c.at, c.key).limit(over)
            gone = list(connection.execute(oldest).scalars())
            connection.execute(sa.delete(t.exchanges).where(t.exchanges.c.conversation.in_(gone)))
            connection.execute(sa.delete(t.conversations).where(c.key.in_(gone)))


def forget(c: sa.Connection, article_ids: Set[str]) -> None:
    """These articles are removed: answers that cite them are withdrawn, wherever else they are shown they go."""
    e = t.exchanges.c
    changed: set[str] = set()
    wait_for_notes(c)
    for row in c.execute(sa.select(t.exchanges).where(e.said.contains('"article_id"'))).all():
        said = json.loads(row.said)
        if (left := _without(said, article_ids)) != said:
            here = (e.conversation == row.conversation, e.position == row.position)
            c.execute(sa.update(t.exchanges).where(*here), {"said": json.dumps(left, ensure_ascii=False)})
            changed.add(row.conversation)
    for key in sorted(changed):
        mine = t.conversations.c.key == key
        title = c.execute(sa.select(t.conversations.c.title).where(mine)).scalar_one()
        all_said = c.execute(sa.select(e.said).where(e.conversation == key).order_by(e.position)).scalars()
        folded = _folded(title, [json.loads(one) for one in all_said])
        c.execute(sa.update(t.conversations).where(mine), {"folded": folded})


def _without(said: dict[str, Any], article_ids: Set[str]) -> dict[str, Any]:
    """An exchange without what it shows of these articles."""

    def gone(row: object) -> bool:
        return isinstance(row, Mapping) and row.get("article_id") in article_ids

    def left(rows: object) -> object:
        return [row for row in rows if not gone(row)] if isinstance(rows, list) else rows

    shown = {**said, "found": left(said["found"])} if "found" in said else said
    reply = said.get("reply")
    if not isinstance(reply, Mapping):
        return shown
    if left(reply.get("citations")) != reply.get("citations"):
        what, remedy = say("conversations.withdrawn"), say("conversations.withdrawn_remedy")
        trouble = {"kind": "withdrawn", "what": what, "remedy": remedy, "written": ""}
        return {**shown, "reply": None, "references": {}, "trouble": trouble}
    return {**shown, "reply": {**reply, "nearest": left(reply["nearest"])}} if "nearest" in reply else shown


def _talk(row: Any) -> Talk:
    return Talk(row.key, row.title, row.begun_at, row.at, row.exchanges, bool(row.shared))


def _title(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())[:MOST_TITLE]


def _words(said: Mapping[str, Any]) -> tuple[str, str]:
    reply = said.get("reply")
    return str(said.get("question") or ""), str(reply.get("answer") or "") if isinstance(reply, Mapping) else ""


def _folded(title: str, said: Sequence[Mapping[str, Any]]) -> str:
    return fold("\n".join([title, *(text for one in said for text in _words(one))]).replace("\0", " "))
