"""Rows of the tables become the types that travel: the reading half of the store, on a connection it is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from rag import tables as t
from rag.search import period
from rag.types import Article, Filter, Hit, Kept, Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 500  # numbers in one IN list


def snapshot(engine: sa.Engine) -> sa.Connection:
    """A connection that sees the library as it is at its first look, whatever is written meanwhile."""
    c = engine.connect()
    return c if c.dialect.name == "sqlite" else c.execution_options(isolation_level="REPEATABLE READ")


def let_through(only: Filter) -> list[sa.ColumnElement[bool]]:
    """Conditions over `articles`. Dates overlap: 2025 is in every month of 2025."""
    a = t.articles.c
    conditions: list[sa.ColumnElement[bool]] = []
    if only.source:
        d = t.documents.c
        files = sa.select(d.id).where(d.source.in_(only.source))  # joined instead, no index would serve
        conditions.append(sa.or_(a.source.in_(only.source), a.document.in_(files)))
    if only.column:
        conditions.append(a.rubric.in_(only.column))
    if only.article:
        conditions.append(a.article_id.in_(only.article))
    if days := period(only):
        conditions += [a.last_day >= days[0], a.first_day <= days[1]]
    return conditions


def chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    plain = [int(i) for i in ids]  # numpy's integers are no numbers to sqlite3
    for i in range(0, len(plain), _AT_ONCE):
        yield plain[i : i + _AT_ONCE]


def by_id(c: sa.Connection, query: sa.Select[Any], key: sa.ColumnElement[int], ids: Iterable[int]) -> dict[int, Any]:
    """Rows by their first column; whole texts are fetched once and cut here, since substr counts from the start."""
    return {row[0]: row for some in chunks(sorted(ids)) for row in c.execute(query.where(key.in_(some)))}


def hits(c: sa.Connection, passage_ids: Sequence[int]) -> dict[int, Hit]:
    p, a = t.passages.c, t.articles.c
    found = by_id(c, sa.select(p.id, p.article, p.start_at, p.end_at, p.heading), p.id, set(passage_ids))
    columns = (a.id, a.article_id, a.source, a.title, a.author, a.date, a.page, a.rubric, a.text)
    of = by_id(c, sa.select(*columns), a.id, {r.article for r in found.values()})
    hits = {}
    for i in passage_ids:
        r = found.get(int(i))
        if r is not None and (x := of.get(r.article)) is not None:
            hits[r.id] = Hit(
                r.id,
                x.article_id,
                x.source,
                x.title,
                r.start_at,
                r.end_at,
                x.text[r.start_at : r.end_at],
                0.0,
                author=x.author,
                date=x.date,
                page=x.page,
                column=x.rubric,
                heading=r.heading,
            )
    return hits


def article(r: Any) -> Article:
    return Article(
        r.article_id,
        r.source,
        r.title,
        r.text,
        r.author,
        r.date,
        r.page,
        r.rubric,
        tuple(Section(*s) for s in json.loads(r.sections)),
    )


def called(c: sa.Connection, article_id: str) -> Any:
    """The row of the article of this id, or of the story that what was one by this id is a part of now; or None."""
    a, h = t.articles.c, t.halves.c
    own = c.execute(sa.select(t.articles).where(a.article_id == article_id)).first()
    parts = sa.select(t.articles).join(t.halves, h.article == a.id).where(h.article_id == article_id)
    return own or c.execute(parts).first()


def kept(r: Any) -> Kept:
    return Kept(
        r.id,
        r.source,
        r.format,
        r.sha256,
        r.encoding,
        r.pages,
        r.ocr_pages,
        r.characters,
        r.garbled,
        r.added_at,
        tuple(json.loads(r.losses)),
        r.splitter,
        r.articles,
        r.passages,
    )


def columns_and_sources(c: sa.Connection) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """See `Store.columns_and_sources`."""
    rubric, d, n = t.articles.c.rubric, t.documents.c, sa.func.count()
    columns = c.execute(
        sa.select(rubric, n).where(rubric.is_not(None), rubric != "").group_by(rubric).order_by(n.desc(), rubric)
    ).all()
    sources = c.execute(sa.select(d.source, d.articles).order_by(d.articles.desc(), d.source)).all()
    return [(row[0], row[1]) for row in columns], [(row[0], row[1]) for row in sources]


def model(c: sa.Connection, name: str) -> int:
    """The number of a model; 0 for one that has embedded nothing here."""
    return int(c.execute(sa.select(t.models.c.id).where(t.models.c.name == name)).scalar() or 0)


def unpacked(ids: list[int], blobs: list[bytes]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    import numpy as np

    vectors = np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(ids), -1).astype(np.float32)
    return np.asarray(ids, dtype=np.int64), vectors
