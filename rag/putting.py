"""Documents come in with their articles and go again: the writing half of the store, in a transaction it is given."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from rag import conversations, pages, reprints
from rag import tables as t
from rag.changes import Gone, Put
from rag.errors import FileRefused
from rag.search import days
from rag.text import fold
from rag.types import Article, Document, Passage
from rag.words import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROBES = 12
_HALVES_OF_ONE = 100  # stories of a document that go on elsewhere: a whole issue has a dozen
_AT_ONCE = 500  # articles written together: bounds memory, and costs nothing against 5000
_HALVES = re.compile("[\ud800-\udfff]")


def put(
    c: sa.Connection, document: Document, articles: Iterable[tuple[Article, Sequence[Passage]]], splitter: str
) -> Put:
    """See `Store.put`."""
    from rag import joining

    d = t.documents.c
    old = c.execute(sa.select(t.documents).where(d.source == document.source)).first()
    if old is not None and (old.sha256, old.splitter) == (document.sha256, splitter):
        return Put("unchanged", _last(c, "change"), old.id, old.articles, old.passages)
    change = next_number(c, "change")
    number = old.id if old is not None else next_number(c, "document")
    row = {
        "source": document.source,
        "sha256": document.sha256,
        "format": document.format,
        "encoding": document.encoding,
        "pages": document.pages,
        "ocr_pages": document.ocr_pages,
        "characters": document.characters,
        "garbled": document.garbled,
        "losses": json.dumps(document.losses, ensure_ascii=False),
        "splitter": splitter,
        "added_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "articles": 0,
        "passages": 0,
        "written": 0,
    }
    if old is None:
        c.execute(sa.insert(t.documents), {"id": number, **row})
    else:
        c.execute(sa.update(t.documents).where(d.id == number), row)
    if document.images or (old is not None and old.sha256 != document.sha256):  # corrected, its pages are as they were
        pages.keep(c, number, document.images)
    held, were, _ = joining.withdraw(c, t.halves.c.document == number)
    writer = Writer(c, document.source, number, change)
    writer.replaces(but=were)
    stream = iter(articles)
    while some := list(islice(stream, _AT_ONCE)):
        writer.take(some)
    joining.note(c, number, writer.halves)
    removed = writer.finish()
    if writer.halves or were:
        removed += joining.settle(c, held | {a.date for a, _ in writer.halves if a.date}, change, were)
    now = c.execute(sa.select(d.articles, d.passages).where(d.id == number)).first()
    return Put(
        "replaced" if old is not None else "added",
        change,
        number,
        now.articles if now else 0,
        now.passages if now else 0,
        range(writer.first, _last(c, "passage") + 1),
        tuple(removed),
        reprints.earlier(c, number),
        joining.carried(c, number),
    )


class Writer:
    """One document's articles, some hundred at a time. Those that an older version has unchanged stay as they are."""

    def __init__(self, c: sa.Connection, source: str, number: int, change: int) -> None:
        """`source`, `number`: the document's."""
        self.c, self.source, self.number, self.change = c, source, number, change
        self.articles = 0
        self.halves: list[tuple[Article, int]] = []  # with their positions, for `joining`
        self.next_article = _last(c, "article") + 1
        self.first = self.next_passage = _last(c, "passage") + 1
        self.used: set[str] = set()  # article ids of this version
        self.old: dict[int, tuple[str, str, int]] = {}  # not met again yet: row → digest, article id, position
        self.by_digest: dict[str, list[int]] = {}
        self.by_article_id: dict[str, int] = {}
        self.removed: list[int] = []

    def replaces(self, but: Set[int]) -> None:
        """What the document has, `but` for these, is its older version."""
        a = t.articles.c
        query = sa.select(a.id, a.digest, a.article_id, a.position).where(a.document == self.number)
        for row in self.c.execute(query.order_by(a.position)):
            if row.id not in but:
                self.old[row.id] = (row.digest, row.article_id, row.position)
                self.by_digest.setdefault(row.digest, []).append(row.id)
                self.by_article_id[row.article_id] = row.id

    def take(self, some: Sequence[tuple[Article, Sequence[Passage]]]) -> None:
        fresh: list[tuple[Article, Sequence[Passage], str, int]] = []
        moved: list[dict[str, int]] = []
        for article, passages in some:
            self._judge(article, passages)
            digest, position = digest_of(article, passages), self.articles
            self.articles += 1
            if article.half is not None and article.date and len(self.halves) < _HALVES_OF_ONE:
                self.halves.append((article, position))
            elif (row := self._same(digest)) is not None:
                _, article_id, was = self.old.pop(row)
                self.used.add(article_id)
                if was != position:
                    moved.append({"row": row, "to": position})
            else:
                fresh.append((article, passages, digest, position))
        if moved:
            self.c.execute(
                sa.update(t.articles).where(t.articles.c.id == sa.bindparam("row")).values(position=sa.bindparam("to")),
                moved,
            )
        if fresh:
            self.insert(fresh)

    def _judge(self, article: Article, passages: Sequence[Passage]) -> None:
        """ValueError: passages of another text. FileRefused: characters that no database keeps (NUL, half a pair)."""
        for p in passages:
            if article.text[p.start : p.end] != p.text or p.start >= p.end:
                raise ValueError(f"{article.article_id}: passage {p.start}–{p.end} is not what its article says there")
        said = "".join(filter(None, (article.text, article.title, article.author, article.column, article.source)))
        if "\0" in said or _HALVES.search(said):
            raise FileRefused(file=self.source, reason=say("reading.garbled"))

    def _same(self, digest: str) -> int | None:
        rows = self.by_digest.get(digest, [])
        while rows:
            if (row := rows.pop(0)) in self.old:
                return row
        return None

    def insert(self, fresh: Sequence[tuple[Article, Sequence[Passage], str, int]]) -> list[int]:
        """Articles with their passages, digests and positions; returns their rows."""
        # An older article under the same id, with another byline or cut otherwise, makes room for this one.
        stale = {row for a, *_ in fresh if (row := self.by_article_id.get(a.article_id)) in self.old}
        self._delete(row for row in stale if row is not None)
        ids = self._free_ids([a.article_id for a, *_ in fresh])
        taken = self._taken_sources({a.source for a, *_ in fresh if a.source != self.source})
        rows: list[dict[str, Any]] = []
        spans: list[dict[str, Any]] = []
        for (article, passages, digest, position), article_id in zip(fresh, ids, strict=True):
            day = days(article.date)
            rows.append(
                {
                    "id": self.next_article,
                    "article_id": article_id,
                    "document": self.number,
                    "position": position,
                    "source": f"{self.source}#{article.source}" if article.source in taken else article.source,
                    "title": article.title,
                    "folded_title": fold(article.title),
                    "author": article.author,
                    "date": article.date,
                    "first_day": day[0] if day else None,
                    "last_day": day[1] if day else None,
                    "page": article.page,
                    "rubric": article.column,
                    "text": article.text,
                    "characters": len(article.text),
                    "sections": json.dumps(
                        [(s.start, s.level, s.heading) for s in article.sections], ensure_ascii=False
                    ),
                    "text_sha256": sha256(article.text),
                    "digest": digest,
                }
            )
            for p in passages:
                spans.append(
                    {
                        "id": self.next_passage,
                        "article": self.next_article,
                        "start_at": p.start,
                        "end_at": p.end,
                        "heading": p.heading,
                        "change": self.change,
                    }
                )
                self.next_passage += 1
            self.next_article += 1
        self.c.execute(sa.insert(t.articles), rows)
        reprints.note(self.c, [(n, a.text) for n, (a, *_) in enumerate(fresh, self.next_article - len(fresh))])
        if spans:
            self.c.execute(sa.insert(t.passages), spans)
        return list(range(self.next_article - len(fresh), self.next_article))

    def _free_ids(self, wanted: Sequence[str]) -> list[str]:
        """The ids wanted, those that are another article's already with -2, -3…"""
        a = t.articles.c.article_id
        taken = set(self.c.execute(sa.select(a).where(a.in_(wanted))).scalars()) | self.used
        ids = []
        for article_id in wanted:
            n, free = 1, article_id
            while free in taken or (n > 1 and self.c.execute(sa.select(a).where(a == free)).first()):
                n += 1
                free = f"{article_id}-{n}"
            taken.add(free)
            self.used.add(free)
            ids.append(free)
        return ids

    def _taken_sources(self, sources: set[str]) -> set[str]:
        """Those that name an article or a document that is not this one."""
        if not sources:
            return set()
        a, d = t.articles.c, t.documents.c
        theirs = self.c.execute(sa.select(a.source).where(a.source.in_(sources), a.document != self.number)).scalars()
        files = self.c.execute(sa.select(d.source).where(d.source.in_(sources), d.id != self.number)).scalars()
        return {*theirs, *files}

    def _delete(self, rows: Iterable[int]) -> None:
        rows = list(rows)
        for row in rows:
            self.old.pop(row)
        self.removed += delete_articles(self.c, rows, self.change)

    def finish(self) -> list[int]:
        """Removes what this version has no more; returns the ids of all passages that went."""
        self._delete(list(self.old))
        _set(self.c, "article", self.next_article - 1)
        _set(self.c, "passage", self.next_passage - 1)
        recount(self.c, [self.number])
        return self.removed


def remove(c: sa.Connection, names: Sequence[str]) -> list[Gone]:
    """See `Store.remove`."""
    from rag import joining

    gone: list[Gone] = []
    change = 0
    for name in names:
        rows, parts = _rows_of(c, name)
        if not rows:
            gone.append(Gone(name))
            continue
        change = change or next_number(c, "change")
        a = t.articles.c
        ids = {i for some in chunks(rows) for i in c.execute(sa.select(a.article_id).where(a.id.in_(some))).scalars()}
        ids |= set(c.execute(sa.select(t.halves.c.article_id).where(parts)).scalars())  # cited before they were joined
        conversations.forget(c, ids)
        touched = {i for some in chunks(rows) for i in c.execute(sa.select(a.document).where(a.id.in_(some))).scalars()}
        probes = _probes(c, rows)
        printed = pages.printed(c, rows)
        days, _, of = joining.withdraw(c, parts)
        went = delete_articles(c, rows, change)
        if days:
            joining.settle(c, days, change)
        recount(c, sorted(touched | of))
        pages.withhold(c, sorted(touched | of), printed)
        gone.append(Gone(name, len(rows), tuple(went), probes))
    return gone


def _rows_of(c: sa.Connection, name: str) -> tuple[list[int], sa.ColumnElement[bool]]:
    """The articles a name stands for: a document's source, an article's id, an article's source, a document's id; and
    which parts of stories it stands for. A document's articles are those too that only go on in it."""
    a, d, h = t.articles.c, t.documents.c, t.halves.c
    of_source = sa.select(d.id).where(d.source == name)
    of_number = sa.select(sa.literal(int(name) if name.isdecimal() and len(name) < 19 else -1))
    joined = a.id.in_(sa.select(h.article).where(h.article_id == name))
    for way in (of_source, a.article_id == name, joined, a.source == name, of_number):
        if isinstance(way, sa.Select):
            parts = h.document.in_(way)
            query = sa.or_(a.document.in_(way), a.id.in_(sa.select(h.article).where(parts)))
        else:
            parts = h.article.in_(sa.select(a.id).where(way))
            query = way
        if rows := list(c.execute(sa.select(a.id).where(query)).scalars()):
            return rows, parts
    return [], sa.false()


def _probes(c: sa.Connection, rows: Sequence[int]) -> tuple[str, ...]:
    """Texts of about PROBES passages, evenly from the first article to the last; of each the last, where it is one of
    many."""
    a, p = t.articles.c, t.passages.c
    step = max(1, -(-len(rows) // PROBES))
    chosen = [*rows[:-1:step], rows[-1]]
    spans = sa.select(a.text, p.start_at, p.end_at).join(t.passages, p.article == a.id)
    texts = []
    for row in chosen:
        found = c.execute(spans.where(a.id == row).order_by(p.start_at.desc())).all()
        share = max(1, PROBES // len(chosen))
        texts += [r.text[r.start_at : r.end_at] for r in found[:: max(1, -(-len(found) // share))]]
    return tuple(texts)


def delete_articles(c: sa.Connection, rows: Sequence[int], change: int) -> list[int]:
    """Articles with passages and vectors, the passages noted as removed; returns their ids."""
    a, p, v = t.articles.c, t.passages.c, t.vectors.c
    went: list[int] = []
    for some in chunks(rows):
        ids = list(c.execute(sa.select(p.id).where(p.article.in_(some)).order_by(p.id)).scalars())
        for part in chunks(ids):
            c.execute(sa.insert(t.removals), [{"passage": i, "change": change} for i in part])
            c.execute(sa.delete(t.vectors).where(v.passage.in_(part)))
        c.execute(sa.delete(t.passages).where(p.article.in_(some)))
        c.execute(sa.update(t.halves).where(t.halves.c.article.in_(some)), {"article": None})
        reprints.forget(c, some)
        c.execute(sa.delete(t.articles).where(a.id.in_(some)))
        went += ids
    return went


def recount(c: sa.Connection, numbers: Sequence[int]) -> None:
    """Writes how much these documents have now; one with nothing left, no part of a story either, goes."""
    a, p, d = t.articles.c, t.passages.c, t.documents.c
    for number in numbers:
        count, written = c.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(a.characters), 0)).where(a.document == number)
        ).one()
        held = c.execute(
            sa.select(sa.func.count())
            .select_from(t.passages)
            .join(t.articles, a.id == p.article)
            .where(a.document == number)
        ).scalar_one()
        if count or c.execute(sa.select(sa.literal(1)).where(t.halves.c.document == number)).first():
            c.execute(
                sa.update(t.documents).where(d.id == number), {"articles": count, "passages": held, "written": written}
            )
        else:
            pages.forget(c, number)
            c.execute(sa.delete(t.documents).where(d.id == number))


def put_vectors(c: sa.Connection, model: str, ids: Sequence[int], vectors: NDArray[np.float32]) -> int:
    """See `Store.put_vectors`."""
    import numpy as np

    m, v, p = t.models.c, t.vectors.c, t.passages.c
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise ValueError(f"{len(ids)} ids, but vectors of shape {vectors.shape}")
    known = c.execute(sa.select(m.id, m.dimension).where(m.name == model)).first()
    if known is None:
        number = next_number(c, "model")
        c.execute(sa.insert(t.models), {"id": number, "name": model, "dimension": vectors.shape[1]})
    elif known.dimension != vectors.shape[1]:
        raise ValueError(f"{model} has {known.dimension} dimensions, not {vectors.shape[1]}")
    else:
        number = known.id
    change = next_number(c, "change")
    packed = vectors.astype("<f2")
    of = {int(i): row for row, i in enumerate(ids)}
    for some in chunks(list(of)):
        there = list(c.execute(sa.select(p.id).where(p.id.in_(some))).scalars())
        c.execute(sa.delete(t.vectors).where(v.model == number, v.passage.in_(there)))
        if there:
            c.execute(
                sa.insert(t.vectors),
                [{"passage": i, "model": number, "change": change, "vector": packed[of[i]].tobytes()} for i in there],
            )
    return change


def keep(c: sa.Connection, values: dict[str, Any]) -> None:
    """Settings, in place of those of the same names."""
    c.execute(sa.delete(t.settings).where(t.settings.c.name.in_(values)))
    rows = [{"name": name, "value": json.dumps(value, ensure_ascii=False)} for name, value in values.items()]
    c.execute(sa.insert(t.settings), rows)


# ---------------------------------------------------------------- numbers and digests


def _last(c: sa.Connection, name: str) -> int:
    return int(c.execute(sa.select(t.counters.c.value).where(t.counters.c.name == name)).scalar_one())


def _set(c: sa.Connection, name: str, value: int) -> None:
    c.execute(sa.update(t.counters).where(t.counters.c.name == name), {"value": value})


def next_number(c: sa.Connection, name: str) -> int:
    """The next number; the row stays locked until the commit, so numbers are committed in order."""
    c.execute(sa.update(t.counters).where(t.counters.c.name == name).values(value=t.counters.c.value + 1))
    return _last(c, name)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(article: Article, passages: Sequence[Passage]) -> str:
    """Of all that was given but the id: equal for the same article with the same byline, cut the same."""
    sections = [(s.start, s.level, s.heading) for s in article.sections]
    spans = [(p.start, p.end, p.heading) for p in passages]
    return sha256(
        json.dumps(
            [
                article.source,
                article.title,
                article.text,
                article.author,
                article.date,
                article.page,
                article.column,
                sections,
                spans,
            ],
            ensure_ascii=False,
        )
    )


def chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    for i in range(0, len(ids), _AT_ONCE):
        yield list(ids[i : i + _AT_ONCE])
