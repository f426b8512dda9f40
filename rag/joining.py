"""Stories that go on in another file: the parts a document brings come in, the whole stories stand in the library.

Each part is kept as its file had it, and what stands among the articles follows from the parts that are there, so that
a file may come, change or go in any order. All of it within the transaction of the change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from rag import tables as t
from rag.carried import chains, whole
from rag.passages import split
from rag.putting import Writer, chunks, delete_articles, digest_of, recount
from rag.types import Article, Half, Section


def note(c: sa.Connection, number: int, parts: Sequence[tuple[Article, int]]) -> None:
    """Keeps the parts of a document, each with its position there; they have dates."""
    if parts:
        c.execute(
            sa.insert(t.halves),
            [
                {
                    "document": number,
                    "position": position,
                    "article": None,
                    "article_id": article.article_id,
                    "date": article.date,
                    "said": json.dumps(asdict(article), ensure_ascii=False),
                }
                for article, position in parts
            ],
        )


def withdraw(c: sa.Connection, where: sa.ColumnElement[bool]) -> tuple[set[str], set[int], set[int]]:
    """Forgets parts; returns the days of their issues, the articles they were in, and the documents they came from."""
    h = t.halves.c
    rows = c.execute(sa.select(h.date, h.article, h.document).where(where)).all()
    c.execute(sa.delete(t.halves).where(where))
    return {r.date for r in rows}, {r.article for r in rows if r.article is not None}, {r.document for r in rows}


def settle(c: sa.Connection, days: Iterable[str], change: int, left: Iterable[int] = ()) -> list[int]:
    """Makes the stories of these days' issues what their parts say now; `left`: articles of parts that were withdrawn.
    Returns the ids of the passages that went."""
    h, a = t.halves.c, t.articles.c
    rows = c.execute(sa.select(t.halves).where(h.date.in_(sorted(days))).order_by(h.document, h.position)).all()
    parts = [article(row.said) for row in rows]
    stale = {*left, *(r.article for r in rows if r.article is not None)}
    there = {
        (row.document, row.digest): row
        for some in chunks(sorted(stale))
        for row in c.execute(sa.select(a.id, a.document, a.digest, a.position).where(a.id.in_(some)))
    }
    fresh = []
    for chain in chains(parts):
        first = rows[chain[0]]
        story = whole([parts[i] for i in chain]) if len(chain) > 1 else parts[chain[0]]
        passages = split(story)
        digest = digest_of(story, passages)
        kept = there.pop((first.document, digest), None)
        if kept is None:
            fresh.append((chain, (story, passages, digest, first.position)))
            continue
        stale.discard(kept.id)
        if kept.position != first.position:
            c.execute(sa.update(t.articles).where(a.id == kept.id), {"position": first.position})
        _belong(c, [rows[i] for i in chain], kept.id)
    touched = {row.document for some in chunks(sorted(stale)) for row in _documents(c, some)}
    went = delete_articles(c, sorted(stale), change)
    for chain, cut in fresh:
        first = rows[chain[0]]
        source = c.execute(sa.select(t.documents.c.source).where(t.documents.c.id == first.document)).scalar_one()
        writer = Writer(c, source, first.document, change)
        _belong(c, [rows[i] for i in chain], writer.insert([cut])[0])
        writer.finish()
    recount(c, sorted({*touched, *(r.document for r in rows)}))
    return went


def carried(c: sa.Connection, number: int) -> int:
    """How many stories of other documents, or begun earlier in this one, go on in the document."""
    h, a = t.halves.c, t.articles.c
    first = sa.or_(h.document != a.document, h.position != a.position)
    parts = sa.select(sa.func.count()).join_from(t.halves, t.articles, h.article == a.id)
    return int(c.execute(parts.where(h.document == number, first)).scalar_one())


def _belong(c: sa.Connection, rows: Sequence[Any], article: int) -> None:
    h = t.halves.c
    for row in rows:
        if row.article != article:
            here = sa.and_(h.document == row.document, h.position == row.position)
            c.execute(sa.update(t.halves).where(here), {"article": article})


def _documents(c: sa.Connection, articles: Sequence[int]) -> Sequence[Any]:
    a = t.articles.c
    return c.execute(sa.select(a.document).where(a.id.in_(articles))).all()


def article(said: str) -> Article:
    """A part as its file had it, from the row that keeps it."""
    row = json.loads(said)
    half = row.pop("half")
    half["parts"] = tuple((kind, text) for kind, text in half["parts"])
    half["captions"] = tuple(half["captions"])
    sections = tuple(Section(**s) for s in row.pop("sections"))
    return Article(**row, sections=sections, half=Half(**half))
