"""What editors correct in articles is done, undone, and done again when the file is read again: a back room of the store.

A correction finds its article by its text as it was then, or, where the file says it otherwise now, by title and
beginning; one that fits nowhere is left alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from rag import tables as t
from rag.articles import article_id
from rag.desktypes import Correction
from rag.errors import BadSetting, UnknownName, Usage
from rag.passages import VERSION, split
from rag.types import Article, Document, Section
from rag.words import say

if TYPE_CHECKING:
    from rag.store import Store

FIELDS = ("title", "author", "date", "column")
HEADLINE = 40  # characters
BEGINNING = 24  # characters by which an article is known again whose text has changed


class Corrections:
    """`follow`: brings the indexes up to date. Errors of writing: NoPermission, LibraryLocked, DiskFull. Usage: of a
    story that goes on upon another page."""

    def __init__(self, store: Store, follow: Callable[[], object]) -> None:
        self._store, self._follow = store, follow

    # ---------------------------------------------------------------- what editors do

    def edit(self, name: str, **fields: str) -> Article:
        """`title`, `author`, `date` (ISO), `column`; "" takes one away. Errors: UnknownName, BadSetting."""
        wrong = set(fields) - set(FIELDS)
        if wrong:
            raise BadSetting(name="field", value=", ".join(sorted(wrong)), allowed=", ".join(FIELDS))
        if fields.get("date") and not _is_date(fields["date"]):
            raise BadSetting(name="date", value=fields["date"], allowed="2024-01-31")
        with self._store.writing():
            document, articles, at = self._place(name)
            change = {k: " ".join(v.split()) for k, v in fields.items()}
            return self._do(document, articles, [at], "edit", change)[at]

    def merge(self, name: str) -> Article:
        """With the article that follows it in its document. Errors: UnknownName, where none follows."""
        with self._store.writing():
            document, articles, at = self._place(name)
            if at + 1 >= len(articles):
                raise UnknownName(name=name)
            return self._do(document, articles, [at, at + 1], "merge", {})[at]

    def split(self, name: str, start: int, title: str = "") -> tuple[Article, Article]:
        """In two, the second from the paragraph that begins at `start` (characters of the text). Errors: UnknownName,
        BadSetting where no paragraph but the first begins there."""
        with self._store.writing():
            document, articles, at = self._place(name)
            text = articles[at].text
            if not 0 < start < len(text) or text[start - 1] != "\n":
                raise BadSetting(name="start", value=start, allowed="1…")
            change = {"begins": text[start : start + BEGINNING], "start": start, "title": " ".join(title.split())}
            after = self._do(document, articles, [at], "split", change)
            return after[at], after[at + 1]

    def undo(self, source: str) -> Correction:
        """Takes the last correction of a document back. Errors: UnknownName, where there is none."""
        c = t.corrections.c
        with self._store.writing():
            with self._store._engine.connect() as connection:
                query = sa.select(t.corrections).where(c.document == source).order_by(c.id.desc())
                row = connection.execute(query).first()
            document = self._store.document(source)
            if row is None or document is None:
                raise UnknownName(name=source)
            articles = self._own(document.document_id)
            before = [_article(one) for one in json.loads(row.before)]
            done, _ = _applied(before, row.kind, json.loads(row.change), range(len(before)))
            at = next((i for i in range(len(articles)) if _same(articles[i : i + len(done)], done)), None)
            with self._store.transaction() as connection:
                if at is not None:
                    self._write(connection, document, [*articles[:at], *before, *articles[at + len(done) :]], at)
                connection.execute(sa.delete(t.corrections).where(c.id == row.id))
            self._follow()
            return _told(row)

    def listed(self, source: str) -> list[Correction]:
        """Of a document, in order."""
        c = t.corrections.c
        with self._store._engine.connect() as connection:
            query = sa.select(t.corrections).where(c.document == source).order_by(c.id)
            return [_told(row) for row in connection.execute(query)]

    def carried(self, name: str) -> bool:
        """Whether its story goes on upon another page: it follows from its parts, and is not corrected as a whole."""
        a, h = t.articles.c, t.halves.c
        query = sa.select(h.position).join(t.articles, h.article == a.id).where(a.article_id == name)
        with self._store._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def follows(self, name: str) -> Article | None:
        """The article that follows it in its document. Errors: UnknownName."""
        _, articles, at = self._place(name)
        return articles[at + 1] if at + 1 < len(articles) else None

    def document_of(self, name: str) -> str:
        """The source of the document in which an article stands. Errors: UnknownName."""
        return str(self._document(name).source)

    # ---------------------------------------------------------------- when a file is read again

    def applied(self, source: str, articles: list[Article]) -> list[Article]:
        """The articles of a document as they were just cut, with what editors corrected in it."""
        c = t.corrections.c
        with self._store._engine.connect() as connection:
            rows = connection.execute(sa.select(t.corrections).where(c.document == source).order_by(c.id)).all()
        for row in rows:
            at = _found(articles, json.loads(row.targets))
            if at is not None:
                articles, _ = _applied(articles, row.kind, json.loads(row.change), at)
        return articles

    # ---------------------------------------------------------------- the work

    def _document(self, name: str) -> Any:
        a, d = t.articles.c, t.documents.c
        query = sa.select(t.documents).join(t.articles, a.document == d.id).where(a.article_id == name)
        with self._store._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownName(name=name)
        return row

    def _own(self, document: int) -> list[Article]:
        """The document's articles, without those that go on upon another page."""
        a, h = t.articles.c, t.halves.c
        query = sa.select(a.article_id).join(t.halves, h.article == a.id).where(a.document == document)
        with self._store._engine.connect() as connection:
            carried = set(connection.execute(query).scalars())
        return [one for one in self._store.articles(document_id=document) if one.article_id not in carried]

    def _place(self, name: str) -> tuple[Any, list[Article], int]:
        document = self._document(name)
        if self.carried(name):
            raise Usage(what=say("library.stitched"), remedy=say("library.stitched_remedy"))
        articles = self._own(document.id)
        at = next((i for i, a in enumerate(articles) if a.article_id == name), None)
        if at is None:
            raise UnknownName(name=name)
        return document, articles, at

    def _do(
        self, document: Any, articles: list[Article], at: Sequence[int], kind: str, change: dict[str, Any]
    ) -> list[Article]:
        """The document's articles after it, with the ids under which the library has them."""
        after, targets = _applied(articles, kind, change, at)
        if after == articles:
            return articles
        row = {
            "document": document.source,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "kind": kind,
            "targets": _json([_mark(one) for one in targets]),
            "change": _json(change),
            "before": _json([asdict(one) for one in targets]),
        }
        kept = self._store.document(document.source)
        with self._store.transaction() as connection:
            self._write(connection, kept, after, at[0])
            connection.execute(sa.insert(t.corrections), row)
        self._follow()
        return self._own(document.id)

    def _write(self, connection: sa.Connection, kept: Any, articles: Sequence[Article], changed: int) -> None:
        """The document with these articles in place of its own; what did not change keeps its passages, and parts of
        stories that go on elsewhere keep their place."""
        from rag import joining
        from rag.putting import put

        d, a, h = t.documents.c, t.articles.c, t.halves.c
        halves = connection.execute(
            sa.select(h.position, h.said).where(h.document == kept.document_id).order_by(h.position)
        ).all()
        whole = sa.select(h.article).where(h.article.is_not(None))
        places = sa.select(a.position).where(a.document == kept.document_id, a.id.not_in(whole))
        before = list(connection.execute(places).scalars())
        woven, shift = list(articles), len(articles) - len(before)
        for n, half in enumerate(halves):
            stood = sum(position < half.position for position in before)
            at = stood + n + (shift if stood > changed else 0)
            woven.insert(at, joining.article(half.said))
        connection.execute(sa.update(t.documents).where(d.source == kept.source), {"splitter": ""})
        names = ("source", "format", "sha256", "encoding", "pages", "ocr_pages", "characters", "garbled", "losses")
        document = Document(**{name: getattr(kept, name) for name in names})
        put(connection, document, ((one, split(one)) for one in woven), VERSION)
        connection.execute(sa.update(t.documents).where(d.source == kept.source), {"added_at": kept.added_at})


def _applied(
    articles: Sequence[Article], kind: str, change: dict[str, Any], at: Sequence[int]
) -> tuple[list[Article], list[Article]]:
    """The articles after a change of those at these places; and those as they were."""
    first, targets = at[0], [articles[i] for i in at]
    one = targets[0]
    if kind == "edit":
        given: dict[str, Any] = {k: v if k == "title" else v or None for k, v in change.items()}
        new = [replace(one, **given)]
    elif kind == "merge":
        new = [_joined(one, targets[1])]
    else:
        new = list(_cut(one, change))
    return [*articles[:first], *new, *articles[first + len(targets) :]], targets


def _joined(a: Article, b: Article) -> Article:
    """The second article's title stays as a heading over its text."""
    heading = f"{b.title}\n" if b.title else ""
    shift = len(a.text) + 1
    inside = tuple(Section(s.start + shift + len(heading), s.level + 1, s.heading) for s in b.sections)
    own = (Section(shift, 1, b.title),) if b.title else ()
    return replace(a, text=f"{a.text}\n{heading}{b.text}", sections=(*a.sections, *own, *inside))


def _cut(a: Article, change: dict[str, Any]) -> tuple[Article, ...]:
    """A short first paragraph of the second part is its headline, unless one was given."""
    at, begins, title = int(change["start"]), str(change["begins"]), str(change["title"])
    if a.text[at : at + len(begins)] != begins:  # the file says it otherwise now: by the paragraph's beginning
        at = a.text.find("\n" + begins) + 1
        if at == 0:
            return (a,)
    start = at
    line, _, rest = a.text[at:].partition("\n")
    if not title:
        title = line[:HEADLINE]
        start += len(line) + 1 if rest.strip() and len(line) <= HEADLINE else 0
    text = a.text[start:]
    first = replace(a, text=a.text[:at].rstrip("\n"), sections=tuple(s for s in a.sections if s.start < at))
    later = tuple(Section(s.start - start, s.level, s.heading) for s in a.sections if s.start >= start)
    return first, replace(a, article_id=article_id(a.source, title, text), title=title, text=text, sections=later)


def _mark(a: Article) -> dict[str, str]:
    """What an article is known again by."""
    digest = hashlib.sha256(a.text.encode("utf-8", "surrogatepass")).hexdigest()
    return {"text": digest, "title": a.title, "begins": a.text[:BEGINNING]}


def _found(articles: Sequence[Article], targets: Sequence[dict[str, str]]) -> list[int] | None:
    """Where the articles stand that a correction is about, side by side; None where they are not there any more. By a
    title alone only where it is the one of that title."""
    marks = [_mark(a) for a in articles]
    for keys in (("text", "title"), ("text",), ("title", "begins"), ("title",)):
        at = [
            i
            for i in range(len(marks) - len(targets) + 1)
            if all(m[k] == one[k] for m, one in zip(marks[i:], targets, strict=False) for k in keys)
        ]
        if at and (keys != ("title",) or (len(at) == 1 and all(one["title"] for one in targets))):
            return list(range(at[0], at[0] + len(targets)))
    return None


def _same(some: Sequence[Article], others: Sequence[Article]) -> bool:
    return len(some) == len(others) and all(
        (a.title, a.text, a.author, a.date, a.column) == (b.title, b.text, b.author, b.date, b.column)
        for a, b in zip(some, others, strict=True)
    )


def _article(row: dict[str, Any]) -> Article:
    return Article(**{**row, "sections": tuple(Section(**s) for s in row["sections"])})


def _told(row: Any) -> Correction:
    return Correction(row.id, row.document, row.at, row.kind)


def _is_date(text: str) -> bool:
    from rag.search import days

    return days(text) is not None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
