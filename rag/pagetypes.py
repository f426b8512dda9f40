"""What is kept of a printed page beside its text: how it looks and where its lines stand; and where a sentence is on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of a page's picture, 0–1 from its corner


@dataclass(frozen=True, slots=True)
class PageLine:
    """A line of type as it was read."""

    text: str
    box: Share
    down: bool = False  # its letters stand below one another


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page of a PDF or a scan as it looks, upright, and its lines in the order in which they are read."""

    number: int  # from 1
    image: bytes = field(repr=False)  # WebP
    width: int  # pixels
    height: int
    lines: tuple[PageLine, ...] = ()


@dataclass(frozen=True, slots=True)
class PageFrame:
    """A page, and the boxes around a sentence on it: one a line. Without boxes the sentence was not found there."""

    number: int
    width: int  # pixels of its picture
    height: int
    boxes: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class Framed:
    """Where a sentence of an article stands in the file it was read from."""

    document_id: int  # whose page it is: a story may go on in another file
    source: str
    found: (
        bool  # all of it is framed; False: `pages` has the page that the article stands on, or none where nothing does
    )
    pages: tuple[PageFrame, ...]
    numbers: tuple[int, ...] = ()  # all pages of the file that have a picture

    def to_json(self) -> dict[str, Any]:
        pages = [
            {"page": p.number, "width": p.width, "height": p.height, "boxes": [list(box) for box in p.boxes]}
            for p in self.pages
        ]
        return {
            "document_id": self.document_id,
            "source": self.source,
            "found": self.found,
            "pages": pages,
            "numbers": list(self.numbers),
        }
