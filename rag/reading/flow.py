"""The columns of one story come in, line by line; paragraphs, sub-headings and captions go out.

An indent begins a paragraph, a short line ends one, and a column's end breaks it: the next column's first line goes
on with it. Captions and tables in the middle of a paragraph stand behind it.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from rag import bylines
from rag.reading.sheet import Item, Line, Placed, Sheet, Type, edge

_BULLET = re.compile(r"[●○▲△■□◆◇★☆◎•·]\s*\S")


def join(tail: str, head: str) -> str:
    """Two parts of a paragraph; words of Latin letters keep a space between them."""
    if tail[-1:] == "-" and head[:1].isascii() and head[:1].islower():
        return tail[:-1] + head
    apart = tail[-1:].isascii() and tail[-1:].isalnum() and head[:1].isascii() and head[:1].isalpha()
    return f"{tail} {head}" if apart else tail + head


def open_ended(text: str) -> bool:
    return not re.search(r"[。！？!?：:；;…”』」）)]$", text.rstrip())


class Flow:
    """Lines on their way into paragraphs, column after column."""

    def __init__(self, type_: Type, sheet: Sheet) -> None:
        self.type, self.sheet = type_, sheet
        self.out: list[Placed] = []
        self.open: tuple[str, list[Line]] | None = None  # the paragraph that is being read, and its lines
        self.joined = False  # it began without an indent
        self.full = False  # its last line reached the column's edge
        self.room = 0.0  # what its last line left free
        self.lead = 0.0  # what lies between two lines, as a rule
        self.listed = False  # the column holds a list: no line reaches its edge
        self.later: list[Placed] = []  # captions and tables that stand in its middle

    def column(self, items: list[Item], reach: float = 0.0) -> None:
        """`reach`: where the column's lines would end at least, if they were full."""
        lines = [i.line for i in items if i.line is not None and self.type.bodylike(i.line)]
        left = edge([n.left for n in lines], self.type.size) if lines else 0.0
        right = max((n.right for n in lines), default=0.0)
        self.listed = bool(lines) and right < reach - self.type.size
        leads = sorted(b.top - a.bottom for a, b in itertools.pairwise(lines))
        self.lead = leads[len(leads) // 2] if leads else 0.0
        previous: Line | None = None
        caption: list[Line] = []
        for item in items:
            line = item.line
            if line is None:
                self._caption(caption)
                self.later += item.blocks or []
                if self.open is not None and not (self.full and open_ended(self.open[0])):
                    self._close()
                continue
            if self.type.bodylike(line):
                self._caption(caption)
                self._body(line, left, right, previous)
                previous = line
            elif self.type.headlike(line) and len(line.text) <= 40:
                self._caption(caption)
                self._heading(line, previous)
                previous = None
            elif line.size < 0.96 * self.type.size or line.font != self.type.font:
                caption.append(line)
            else:
                self._caption(caption)
                self._body(line, left, right, previous)
                previous = line
        self._caption(caption)

    def finished(self) -> list[Placed]:
        self._close()
        return self.out

    def _body(self, line: Line, left: float, right: float, previous: Line | None) -> None:
        size = line.size
        indented = line.left - left > 1.2 * size
        gap = previous is not None and line.top - previous.bottom > self.lead + 0.3 * size
        ended = self.open is None or not open_ended(self.open[0])
        # a word or a bracket that can't be broken leaves a line short too, in narrow columns by three characters
        short = not self.full and (ended or self.room > 4.5 * size)
        signs = ended and len(line.text) <= 24 and bool((byline := bylines.standing(line.text)) and byline.sure)
        starts = indented or self.listed or bool(_BULLET.match(line.text)) or short or bool(gap and ended) or signs
        if self.open is None or starts:
            self._close()
            self.open, self.joined = (line.text, [line]), not indented
        else:
            self.open = (join(self.open[0], line.text), [*self.open[1], line])
        self.room = right - line.right
        self.full = self.room < 1.15 * size

    def _heading(self, line: Line, previous: Line | None) -> None:
        """A sub-heading; its second row is joined to it."""
        self._close()
        last = self.out[-1].block if self.out else None
        if (
            last is not None
            and last.kind == "heading"
            and last.box is not None
            and abs((last.size or 0) - line.size) < 0.05 * line.size
            and (0 <= line.top - last.box[3] < 0.6 * line.size and abs(last.box[0] - line.left) < 12 * line.size)
        ):
            before = self.out[-1].lines
            self.out[-1] = Placed(replace(last, text=last.text + line.text, box=line.box), lines=(*before, line))
            return
        self.out.append(Placed(self.sheet.block(line.text, line, "heading", 3), lines=(line,)))

    def _caption(self, lines: list[Line]) -> None:
        """Rows in another type between the text's: one block, behind the paragraph that it interrupts."""
        if lines:
            text = lines[0].text
            for line in lines[1:]:
                text = join(text, line.text)
            beside = any(
                p[3] <= lines[0].top + 2
                and lines[0].top - p[3] < 3 * lines[0].size
                and p[0] - 5 <= lines[0].left <= p[2]
                for p in self.sheet.pictures
            )
            block = self.sheet.block(text, lines[0], "caption" if beside else "paragraph")
            self.later.append(Placed(block, lines=tuple(lines)))
            if self.open is None or not (self.full and open_ended(self.open[0])):
                self._close()
            lines.clear()

    def _close(self) -> None:
        if self.open is not None:
            text, lines = self.open
            self.out.append(Placed(self.sheet.block(text, lines[0]), self.joined, tuple(lines)))
        self.out += self.later
        self.open, self.full, self.later = None, False, []
