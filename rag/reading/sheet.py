"""What is on a printed page: lines with their places and type, rules, frames, strips, pictures; and geometry for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rag import bylines
from rag.text import fold
from rag.types import Block, BlockKind

Box = tuple[float, float, float, float]  # left, top, right, bottom, in points from the upper left

HEADLINE = 1.12  # of the body's size: from here on type is a headline's


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a line, never longer than its column."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    font: str = ""
    light: bool = False  # light letters, on a dark strip
    confidence: float = 1.0

    @property
    def box(self) -> Box:
        return (self.left, self.top, self.right, self.bottom)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page: its lines, and what was drawn around them."""

    number: int
    width: float
    height: float
    lines: list[Line]
    horizontal: list[Box] = field(default_factory=list)  # rules
    vertical: list[Box] = field(default_factory=list)
    frames: list[Box] = field(default_factory=list)
    strips: list[Box] = field(default_factory=list)  # dark bars, with a column's name as a rule
    pictures: list[Box] = field(default_factory=list)
    turned: int = 0  # degrees with the clock by which the file's own page was turned to stand upright
    columns: bool = False  # its lines are columns that are read from right to left

    def block(self, text: str, line: Line, kind: BlockKind = "paragraph", level: int = 0) -> Block:
        return Block(
            text.strip(),
            kind,
            level if kind == "heading" else 0,
            self.number,
            line.box,
            round(line.size, 2),
            line.confidence,
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """A block, and whether its first line goes on with the paragraph before (it is not indented)."""

    block: Block
    joined: bool = False
    lines: tuple[Line, ...] = ()  # that it was made of, in order


@dataclass(slots=True)
class Item:
    """A line, a table or a frame on its way into the reading order."""

    box: Box
    line: Line | None = None
    blocks: list[Placed] | None = None  # of a table or a frame, already read
    kind: str = "line"  # line, strip, table, frame


class Type:
    """What the page's text is set in, and what follows for a line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.size = usual((n.size, len(n.text)) for n in lines)
        fonts = Counter[str]()
        for n in lines:
            if abs(n.size - self.size) < 0.06 * self.size:
                fonts[n.font] += len(n.text)
        self.font = fonts.most_common(1)[0][0] if fonts else ""

    def headlike(self, line: Line) -> bool:
        """Set larger than the text, or in another and bold face."""
        return line.size >= HEADLINE * self.size or (self.bold(line) and line.size >= 0.98 * self.size)

    def bold(self, line: Line) -> bool:
        return (
            line.font != self.font
            and not bylines.leading(line.text)[0]
            and bool(re.search(r"bold|black|heavy|hei|黑|xbs|小标|大标", line.font, re.I))
        )

    def bodylike(self, line: Line) -> bool:
        return abs(line.size - self.size) <= 0.07 * self.size and not self.bold(line)


def between(a: Line, b: Line, vertical: Iterable[Box]) -> bool:
    """Whether an upright rule stands between two pieces of one line."""
    y = (b.top + b.bottom) / 2
    return any(a.right - 1 <= r[0] <= b.left + 1 and r[1] <= y <= r[3] for r in vertical)


def without_margins(sheets: list[Sheet]) -> list[Sheet]:
    """Leaves out heads and feet that repeat on most pages of a document of four and more; numbers count as equal."""
    if len(sheets) < 4:
        return sheets

    def spoken(line: Line) -> str:
        return re.sub(r"\d+|[一二三四五六七八九十]+", "0", fold(line.text)).replace(" ", "")

    seen: Counter[tuple[str, bool]] = Counter()
    edges: list[list[tuple[Line, tuple[str, bool]]]] = []
    for sheet in sheets:
        ordered = sorted(sheet.lines, key=lambda n: n.top)
        edge = [(n, (spoken(n), True)) for n in ordered[:3] if n.top < 0.12 * sheet.height]
        edge += [(n, (spoken(n), False)) for n in ordered[-3:] if n.bottom > 0.88 * sheet.height]
        edges.append(edge)
        seen.update({key for _, key in edge})
    repeated = {
        key
        for key, count in seen.items()
        if count >= max(3, 0.5 * len(sheets)) and (len(key[0]) <= 12 or count >= 0.8 * len(sheets))
    }
    size = usual((n.size, len(n.text)) for sheet in sheets for n in sheet.lines)
    kept = []
    for sheet, edge in zip(sheets, edges, strict=True):
        gone = {
            id(n)
            for n, key in edge
            if key in repeated
            and not re.search(r"0月0日", key[0])
            and not ("0" in key[0].strip("0") and n.size >= HEADLINE * size)  # 第3章 on a page of its own
        }
        kept.append(replace(sheet, lines=[n for n in sheet.lines if id(n) not in gone]))
    return kept


# ---------------------------------------------------------------- geometry


def usual(sizes: Iterable[tuple[float, int]]) -> float:
    """The size of type that most characters are set in."""
    counted: Counter[float] = Counter()
    for size, characters in sizes:
        counted[round(size * 4) / 4] += characters
    if not counted:
        return 10.0
    best = counted.most_common(1)[0][0]
    return best or 10.0


def edge(lefts: list[float], size: float) -> float:
    """A column's left edge: the leftmost place where two lines begin, or one of a few."""
    for left in sorted(lefts):
        if sum(abs(left - other) < 0.4 * size for other in lefts) >= (2 if len(lefts) > 3 else 1):
            return left
    return min(lefts)


def gaps(spans: Iterable[tuple[float, float]], least: float) -> list[tuple[float, float]]:
    """Stretches of at least that length which no span covers, between the first and the last."""
    gaps, end = [], None
    for a, b in sorted(spans):
        if end is not None and a - end >= least:
            gaps.append((end, a))
        end = b if end is None else max(end, b)
    return gaps


def split(items: list[Item], cuts: list[float], axis: int) -> list[list[Item]]:
    """The items between the cuts along an axis (0: across, 1: down), in order; none are lost."""
    if not cuts:
        return []
    parts: list[list[Item]] = [[] for _ in range(len(cuts) + 1)]
    edges = sorted(cuts)
    for item in items:
        middle = (item.box[axis] + item.box[axis + 2]) / 2
        parts[sum(middle > e for e in edges)].append(item)
    return [part for part in parts if part]


def around(boxes: Iterable[Box]) -> Box:
    found = list(boxes)
    return (min(b[0] for b in found), min(b[1] for b in found), max(b[2] for b in found), max(b[3] for b in found))


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def contains(outer: Box, inner: Box, slack: float) -> bool:
    return (
        outer[0] - slack <= inner[0]
        and outer[1] - slack <= inner[1]
        and inner[2] <= outer[2] + slack
        and inner[3] <= outer[3] + slack
    )


def inside(rule: Box, box: Box) -> bool:
    return contains(box, rule, 4)


def overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def grown(box: Box, by: float) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)


def innermost(box: Box, frames: Sequence[Box]) -> int:
    """The smallest frame around a box, -1 for none."""
    return min(
        (n for n, f in enumerate(frames) if contains(f, box, 2) and area(f) > area(box)),
        key=lambda n: area(frames[n]),
        default=-1,
    )
