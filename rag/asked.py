"""Questions that readers asked are noted, thought well or ill of, answered or declined: a back room of the store.

Kept of a question: its words, the day, what came of it, where the articles stand. Nothing tells who asked, and long
numbers and addresses that a question holds are not kept either; `asker` stays "" unless accounts are on.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from rag import tables as t
from rag.desktypes import Asked
from rag.errors import UnknownName
from rag.noting import Notes
from rag.types import Reply

MOST_QUESTION = 400  # characters kept
MOST_WHY = 500
_PRIVATE = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<!\d)\d(?:[- ]?\d){10,}[Xx]?"
)  # an address; a telephone's, a card's


class Asking(Notes):
    """Errors of writing: NoPermission, LibraryLocked, DiskFull."""

    def note(self, reply: Reply, *, origin: str = "page", asker: str = "", day: date | None = None) -> str:
        """The key by which whoever got this reply may say what they think of it."""
        key = secrets.token_urlsafe(12)
        outcome = "refused" if reply.refused else "stopped" if reply.stopped else "answered"
        of: dict[str, tuple[str, str | None, str]] = {}  # article → title, column, source
        if reply.citations and not reply.refused:
            of = {c.article_id: (c.title, c.column, c.source) for c in reply.citations}
        else:
            columns = {h.article_id: h.column for h in reply.hits}
            of = {n.article_id: (n.title, columns.get(n.article_id), n.source) for n in reply.nearest}
        row = {
            "key": key,
            "day": (day or date.today()).isoformat(),
            "origin": origin,
            "asker": asker,
            "asked": without_numbers(reply.rewritten or reply.question)[:MOST_QUESTION],
            "outcome": outcome,
            "reason": reply.reason,
            "columns": _json(sorted({column for _, column, _ in of.values() if column})),
            "sources": _json(sorted({source for _, _, source in of.values() if source})),
            "articles": _json([[i, title] for i, (title, _, _) in of.items()]),
            "seconds": round(reply.seconds.get("total", 0.0), 3),
            "vote": 0,
            "why": "",
            "handed": 0,
            "state": "open",
            "told": "",
        }
        with self._writing() as c:
            c.execute(sa.insert(t.questions), row)
        return key

    def feedback(self, key: str, *, vote: int | None = None, why: str | None = None, handed: bool = False) -> Asked:
        """What a reader thinks of an answer, in place of what they said before. Errors: UnknownName."""
        changed: dict[str, Any] = {}
        if vote is not None:
            changed |= {"vote": max(-1, min(1, vote)), "why": ""}
        if why is not None:
            changed["why"] = without_numbers(" ".join(why.split()))[:MOST_WHY]
        if handed:
            changed["handed"] = 1
        q = t.questions.c
        with self._writing() as c:
            row = c.execute(sa.select(t.questions).where(q.key == key)).first()
            if row is None:
                raise UnknownName(name=key)
            if changed:
                c.execute(sa.update(t.questions).where(q.key == key), changed)
            return _asked(c.execute(sa.select(t.questions).where(q.key == key)).one())

    def waiting(self, most: int = 2000) -> list[Asked]:
        """The newest first: refused, marked down or handed on, and not yet settled by an editor."""
        q = t.questions.c
        lacking = sa.or_(q.outcome == "refused", q.vote < 0, q.handed == 1)
        query = sa.select(t.questions).where(q.state == "open", lacking).order_by(q.id.desc()).limit(most)
        with self._looking() as c:
            return [_asked(row) for row in c.execute(query)]

    def settle(self, numbers: Sequence[int], state: str, told: str = "") -> int:
        """`state`: "answered", "declined", "open"; how many there were."""
        q = t.questions.c
        with self._writing() as c:
            changed = {"state": state, "told": told.strip()[:MOST_WHY]}
            return int(c.execute(sa.update(t.questions).where(q.id.in_(list(numbers))), changed).rowcount)

    def between(self, since: str = "", until: str = "", most: int = 200_000) -> list[Asked]:
        """Those of these days (ISO, both included), oldest first."""
        q = t.questions.c
        query = sa.select(t.questions).order_by(q.id).limit(most)
        if since:
            query = query.where(q.day >= since)
        if until:
            query = query.where(q.day <= until)
        with self._looking() as c:
            return [_asked(row) for row in c.execute(query)]


def without_numbers(text: str) -> str:
    """Without addresses of mail and numbers of eleven and more figures: telephones, identity cards, accounts."""
    return _PRIVATE.sub("…", text)


def _asked(row: Any) -> Asked:
    return Asked(
        row.id,
        row.key,
        row.day,
        row.asked,
        row.outcome,
        row.reason,
        tuple(json.loads(row.columns)),
        tuple(json.loads(row.sources)),
        tuple((i, title) for i, title in json.loads(row.articles)),
        row.seconds,
        row.vote,
        row.why,
        bool(row.handed),
        row.state,
        row.told,
        row.origin,
        row.asker,
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
