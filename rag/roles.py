"""What each line of a newspaper page is, as far as it and its neighbours show it: head, column, title, byline, text…

Blocks come in, labelled lines go out. Nothing here knows of stories; `stories` walks over the lines and makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag import bylines, newspaper
from rag.breaks import continues
from rag.newspaper import Look, look
from rag.text import fold
from rag.types import Block


@dataclass(slots=True)
class Line:
    block: Block
    look: Look
    label: str = "text"  # text, table, list, bullet; title, column, byline, caption, head, aside
    name: str = ""  # of a column


_LOOKED_AT = 2000  # blocks by which a newspaper is known: a page has fewer than two hundred


def is_page(blocks: Sequence[Block]) -> bool:
    """Whether blocks are a newspaper page (or several): it takes two of a paper's habits, or one of them twice."""
    leads = signs = heads = columns = 0
    for block in blocks[:_LOOKED_AT]:
        text = block.text
        if bylines.leading(text)[0]:
            leads += 1
        if len(text) <= 160:
            found = newspaper.running_head(text)
            heads += bool(found and (found.page or (found.date and found.paper)))
            columns += bool(newspaper.column_name(text, fold(text).strip())) or newspaper.pinyin(fold(text)) > 2
            standing = bylines.standing(text)
            signs += bool(standing and standing.sure)
        closing = bylines.closing(text)
        signs += bool(closing and closing.author)
    if leads >= 2 or signs >= 3 or (leads and signs) or leads + signs + columns >= 3:
        return True
    return heads >= 1 and (leads + signs >= 1 or len(blocks) > 6)


def labelled(blocks: Sequence[Block]) -> list[Line]:
    """The blocks' lines, each with what it is."""
    lines = [Line(b, look(b.text, b.kind == "heading")) for b in blocks if b.text.strip()]
    for line in lines:
        seen, kind = line.look, line.block.kind
        if kind in ("table", "list") or (kind == "caption" and not seen.furniture):
            line.label = kind
        elif seen.head:
            line.label = "head"
        elif seen.furniture:
            line.label = "aside"
        elif seen.column:
            line.label, line.name = "column", seen.column
        elif kind == "heading":
            line.label = "title"
        elif seen.caption:
            line.label = "caption"
        elif seen.byline and (seen.byline.sure or not newspaper.column_like(seen.folded)):
            line.label = "byline"
        elif seen.bullet:
            line.label = "bullet"
        elif seen.headline:
            line.label = "title"
    _heads(lines)
    _pinyin(lines)
    _lists_of_names(lines)
    _notices(lines)
    _boxed_in(lines)
    return lines


def _heads(lines: list[Line]) -> None:
    """A bare date or page number is a running head at the page's edge alone."""
    edge: set[int] = set()
    for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
        reached = True
        for i in order:
            turned = (
                bool(i) and lines[i].block.page != lines[i - 1].block.page
                if order.step > 0
                else (i + 1 < len(lines) and lines[i].block.page != lines[i + 1].block.page)
            )
            reached = ((reached or turned) and lines[i].label in ("head", "aside")) or (
                turned and lines[i].label in ("head", "aside")
            )
            if reached:
                edge.add(i)
    for i, line in enumerate(lines):
        if line.label == "head" and line.look.head and line.look.head.marks < 2 and i not in edge:
            line.label = "title" if line.block.kind == "heading" else "text"


def _pinyin(lines: list[Line]) -> None:
    """Pinyin beside a line of as many characters makes that line a column heading."""
    for i, line in enumerate(lines):
        count = newspaper.pinyin(line.look.folded)
        if not count:
            continue
        for other in [lines[j] for j in (i + 1, i - 1) if 0 <= j < len(lines)]:
            if (
                other.label in ("title", "byline", "text")
                and abs(newspaper.han(other.look.text) - count) <= 1
                and len(other.look.text) <= 24
            ):
                other.label, other.name = "column", other.look.text.strip(" #*▶|")
                break
        line.label = "aside"


def _lists_of_names(lines: list[Line]) -> None:
    """Four and more short lines in a row that end alike: sponsors, not headlines."""
    i = 0
    while i < len(lines):
        j = i
        while (
            j < len(lines)
            and lines[j].label in ("title", "byline")
            and lines[j].block.kind != "heading"
            and len(lines[j].look.folded) <= 20
        ):
            j += 1
        run = [line.look.folded for line in lines[i:j]]
        tail = max({r[-2:] for r in run}, key=lambda t: sum(r.endswith(t) for r in run), default="")
        if sum(r.endswith(tail) for r in run) >= 4:
            for line in lines[i:j]:
                if line.look.folded.endswith(tail):
                    line.label = "aside"
        i = max(j, i + 1)


def _notices(lines: list[Line]) -> None:
    """Behind a heading that says so, and behind an advertisement at the foot, more of the kind is set aside."""
    marked = any(line.block.kind == "heading" for line in lines)
    zone = False
    for i, line in enumerate(lines):
        seen = line.look
        if line.label == "aside" and seen.furniture == "advert":
            zone = True
            continue
        if line.label == "title" and newspaper.notice_title(seen.folded) and not seen.correction:
            line.label, zone = "aside", True
            continue
        if not zone or line.label in ("head", "aside"):
            continue
        starts = line.label in ("column", "bullet") or seen.lead or seen.correction or line.block.kind == "heading"
        if not starts and line.label in ("title", "text") and not marked:
            after = next((x for x in lines[i + 1 : i + 4] if x.label == "text"), None)
            starts = line.label == "title" and after is not None and (after.look.lead or len(after.look.folded) >= 100)
        words = newspaper.advert_words(seen.folded)
        if not starts and line.label == "text" and len(seen.folded) > 120 and not words:
            starts = True
        if starts:
            zone = False
        else:
            line.label = "aside"


def _boxed_in(lines: list[Line]) -> None:
    """A short line before a correction, or behind a headline's byline, is a paragraph's beginning that a box broke off."""
    marked = any(line.block.kind == "heading" for line in lines)
    for n in range(1, len(lines) - 1):
        before, line, after = lines[n - 1], lines[n], lines[n + 1]
        if (
            line.label != "title"
            or line.block.kind == "heading"
            or newspaper.column_like(line.look.folded)
            or line.look.correction
        ):
            continue
        if after.look.correction and before.label in ("text", "byline", "title"):
            line.label = "text"
        elif (
            before.label == "byline"
            and n > 1
            and lines[n - 2].label == "title"
            and (lines[n - 2].block.kind == "heading" or not marked)
        ):
            goes_on = after.label == "text" and continues(line.look.text, after.look.text) >= 1
            if (
                goes_on
                or (marked and after.label in ("text", "caption"))
                or (after.label == "title" and after.block.kind == "heading")
            ):
                line.label = "text"
