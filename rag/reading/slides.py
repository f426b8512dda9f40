"""Slide shows (.pptx): a slide a page, its title a heading; texts, lists and tables as they stand, speakers' notes behind.

python-pptx opens them, as its sister does Word files. Pictures on slides are not read, and slides of pictures named.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.bylines import is_person
from rag.reading.archive import refuse_bomb
from rag.reading.office import useful
from rag.reading.plain import digest, refuse_large, tidy
from rag.reading.refusing import Unreadable, ranges
from rag.reading.web import markdown_table
from rag.text import fold
from rag.types import Block, Document
from rag.words import say

_UNPACKED = 800 * 2**20  # pictures and films count too
_MAX_SLIDES = 2000
_DEEPEST = 20  # groups inside groups


def read(path: Path, source: str) -> Document:
    """Errors: Unreadable."""
    from pptx import Presentation
    from pptx.exc import PackageNotFoundError

    refuse_large(path)
    refuse_bomb(path, _UNPACKED)
    try:
        with path.open("rb") as file:
            show = Presentation(file)
            count = len(show.slides)
            if count > _MAX_SLIDES:
                raise Unreadable("too_many_pages", pages=count, limit=_MAX_SLIDES)
            blocks, empty = _blocks(show)
            core = show.core_properties
            title, author = useful(core.title), tidy(core.author or "")
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, AttributeError, SyntaxError) as error:
        raise Unreadable("damaged", detail=type(error).__name__) from error  # SyntaxError: lxml's XMLSyntaxError
    if not blocks:
        raise Unreadable("empty")
    return Document(
        source=source,
        format="pptx",
        sha256=digest(path),
        blocks=tuple(blocks),
        pages=count,
        characters=sum(len(b.text) for b in blocks),
        title=title,
        author=author if is_person(fold(author)) else None,
        losses=(say("reading.empty_pages", pages=ranges(empty)),) if empty else (),
    )


def _blocks(show: Any) -> tuple[list[Block], list[int]]:
    """The slides' blocks, and the numbers of those without any text."""
    blocks: list[Block] = []
    empty: list[int] = []
    last = ""
    for number, slide in enumerate(show.slides, 1):
        before = len(blocks)
        title = slide.shapes.title
        head = " ".join(_lines(title.text_frame)) if title is not None and title.has_text_frame else ""
        if head and head != last:  # a slide that goes on repeats its title
            blocks.append(Block(head, "heading", 1 if not before else 2, number))
        last = head
        shapes = [shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id]
        for shape in sorted(shapes, key=lambda s: (s.top or 0, s.left or 0)):
            blocks += _shape(shape, number)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            blocks += [Block(line, page=number) for line in _lines(slide.notes_slide.notes_text_frame)]
        if len(blocks) == before and not head:
            empty.append(number)
    return blocks, empty


def _shape(shape: Any, number: int, depth: int = 0) -> Iterator[Block]:
    from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER

    if shape.shape_type == MSO_SHAPE_TYPE.GROUP and depth < _DEEPEST:
        for inner in sorted(shape.shapes, key=lambda s: (s.top or 0, s.left or 0)):
            yield from _shape(inner, number, depth + 1)
    elif getattr(shape, "has_table", False) and shape.has_table:
        rows = [
            [" ".join(_lines(cell.text_frame)).replace("|", "／") for cell in row.cells] for row in shape.table.rows
        ]
        if text := markdown_table(rows):
            yield Block(text, "table", page=number)
    elif shape.has_text_frame:
        if shape.is_placeholder and shape.placeholder_format.type in (
            PP_PLACEHOLDER.SLIDE_NUMBER,
            PP_PLACEHOLDER.FOOTER,
            PP_PLACEHOLDER.DATE,
        ):
            return
        lines = _lines(shape.text_frame)
        listed = len(lines) > 1 and all(len(line) <= 60 and not re.search(r"[。！？]$", line) for line in lines)
        if listed:
            yield Block("\n".join(f"- {line}" for line in lines), "list", page=number)
        else:
            yield from (Block(line, page=number) for line in lines)


def _lines(frame: Any) -> list[str]:
    return [line for p in frame.paragraphs for part in re.split(r"[\n\v]", p.text) if (line := tidy(part))]
