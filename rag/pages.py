"""Pages of PDF files and scans, kept with their document: a picture each, and where a sentence stands on it.

They come, are replaced and go in the document's own transaction. A page on which an article stands that was removed by
itself is shown no more: its row stays, empty, so that the file given again does not bring it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from rag import fetching
from rag import tables as t
from rag.errors import UnknownName
from rag.framing import boxes, letters, shows, spots, standing
from rag.pagetypes import Framed, PageFrame, PageImage, PageLine
from rag.settings import page_pictures

if TYPE_CHECKING:
    from rag.store import Store
    from rag.types import Document, Kept

_PRINTED = ("pdf", "png", "jpg", "jpeg", "tif", "tiff", "bmp", "gif", "webp")  # formats that have pages to be shown
_AT_ONCE = 8  # pictures in one statement


# ---------------------------------------------------------------- in a document's transaction


def keep(c: sa.Connection, number: int, images: Sequence[PageImage]) -> None:
    """A document's pages, in place of those it had."""
    forget(c, number)
    for start in range(0, len(images), _AT_ONCE):
        c.execute(sa.insert(t.pages), [_row(number, image) for image in images[start : start + _AT_ONCE]])


def forget(c: sa.Connection, number: int) -> None:
    c.execute(sa.delete(t.pages).where(t.pages.c.document == number))


def _row(number: int, image: PageImage) -> dict[str, Any]:
    return {
        "document": number,
        "number": image.number,
        "width": image.width,
        "height": image.height,
        "letters": "".join(letters(line.text) for line in image.lines),
        "lines": json.dumps([[line.text, *line.box, int(line.down)] for line in image.lines], ensure_ascii=False),
        "image": image.image,
    }


def _lines(said: str) -> list[PageLine]:
    return [PageLine(text, (a, b, c, d), bool(down)) for text, a, b, c, d, down in json.loads(said)]


def printed(c: sa.Connection, rows: Iterable[int]) -> list[str]:
    """The letters of those articles whose files have pages, for `withhold` once they are gone."""
    a, h = t.articles.c, t.halves.c
    paged = sa.select(t.pages.c.document)
    there = sa.or_(a.document.in_(paged), a.id.in_(sa.select(h.article).where(h.document.in_(paged))))
    return [
        letters(title) + letters(text)
        for some in fetching.chunks(list(rows))
        for title, text in c.execute(sa.select(a.title, a.text).where(a.id.in_(some), there))
    ]


def withhold(c: sa.Connection, numbers: Iterable[int], gone: Sequence[str]) -> None:
    """Empties the pages of these documents on which something of the articles is printed that `printed` told of."""
    p = t.pages.c
    for number in numbers if gone else ():
        rows = c.execute(sa.select(p.number, p.lines).where(p.document == number, p.width > 0)).all()
        for row in rows:
            lines = _lines(row.lines)
            if any(shows(lines, text) for text in gone):
                here = sa.and_(p.document == number, p.number == row.number)
                empty = {"width": 0, "height": 0, "letters": "", "lines": "[]", "image": b""}
                c.execute(sa.update(t.pages).where(here), empty)


# ---------------------------------------------------------------- files that were read before there were pages


def lacking(store: Store, kept: Kept) -> bool:
    """Whether the file of a document could give it pages that it does not have."""
    return page_pictures() and kept.format in _PRINTED and not _has_any(store, kept.document_id)


def fill(store: Store, document: Document) -> None:
    """The pages of a document that is there unchanged, read before pages were kept."""
    from rag.putting import next_number

    kept = store.document(document.source)
    if not document.images or kept is None or _has_any(store, kept.document_id):
        return
    with store.transaction() as c:
        next_number(c, "change")
        keep(c, kept.document_id, document.images)


def _has_any(store: Store, number: int) -> bool:
    return store._scalar(sa.select(t.pages.c.number).where(t.pages.c.document == number).limit(1)) is not None


# ---------------------------------------------------------------- looked at


class Pages:
    """Of one library. Errors: UnknownName, where there is no such article, or its file has no pages to show."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def image(self, document_id: int, number: int) -> bytes:
        """A page as WebP."""
        p = t.pages.c
        query = sa.select(p.image).where(p.document == document_id, p.number == number, p.width > 0)
        found = self._store._scalar(query)
        if found is None:
            raise UnknownName(name=f"{document_id}/{number}")
        return bytes(found)

    def any_of(self, article_id: str) -> bool:
        """Whether the article's file has pages to show."""
        with self._store._engine.connect() as c:
            row = fetching.called(c, article_id)
            p = t.pages.c
            query = sa.select(p.number).where(p.document.in_(_documents(c, row)), p.width > 0).limit(1) if row else None
            return query is not None and c.execute(query).first() is not None

    def frame(self, article_id: str, start: int = 0, end: int = 0) -> Framed:
        """Where the article's characters from `start` to `end` stand; without any, the page it stands on."""
        p = t.pages.c
        with fetching.snapshot(self._store._engine) as c:
            row = fetching.called(c, article_id)
            if row is None:
                raise UnknownName(name=article_id)
            shown: Framed | None = None
            for number in _documents(c, row):
                query = sa.select(p.number, p.letters).where(p.document == number, p.width > 0).order_by(p.number)
                pages = {one.number: str(one.letters) for one in c.execute(query)}
                found = spots(row.title, row.text, start, end, pages) if end > start else []
                if pages and (found or shown is None):
                    wanted = list(dict.fromkeys(spot.page for spot in found))
                    if not found and (page := standing(row.text, pages)) is not None:
                        wanted = [page]
                    framed = []
                    for one in wanted:
                        here = sa.select(t.pages).where(p.document == number, p.number == one)
                        said = c.execute(here.with_only_columns(p.width, p.height, p.lines)).one()
                        lines = _lines(said.lines)
                        around = [box for s in found if s.page == one for box in boxes(lines, s.start, s.end)]
                        framed.append(PageFrame(one, said.width, said.height, tuple(around)))
                    source = c.execute(sa.select(t.documents.c.source).where(t.documents.c.id == number)).scalar_one()
                    shown = Framed(number, source, bool(found), tuple(framed), tuple(pages))
                if found:
                    break
        if shown is None:
            raise UnknownName(name=article_id)
        return shown


def _documents(c: sa.Connection, row: Any) -> list[int]:
    """Ids of the files that a story stands in, the one first that it begins in."""
    h = t.halves.c
    others = c.execute(sa.select(h.document).where(h.article == row.id).order_by(h.document)).scalars()
    return list(dict.fromkeys((row.document, *others)))
