"""The lines of a printed page with their places come in, blocks in reading order go out.

A newspaper page is bands of stories side by side, each a headline over one to seven columns. The page is cut, again
and again: along rules, at gutters where both sides begin with a headline or a strip, and above headlines. What can't
be cut any more is one story: its headline first, then its columns from left to right, paragraphs told by their
indents and joined from column to column. Frames and tables are taken out first and read by themselves.
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rag import bylines
from rag.breaks import straddles
from rag.text import fold
from rag.types import Block

Box = tuple[float, float, float, float]     # left, top, right, bottom, in points from the upper left

_HEADLINE = 1.12        # of the body's size: from here on type is a headline's
_GUTTER = .55           # of the body's size: the narrowest gap that parts columns
_BULLET = re.compile(r"[●○▲△■□◆◇★☆◎•·]\s*\S")


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
    light: bool = False     # light letters, on a dark strip
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
    horizontal: list[Box] = field(default_factory=list)     # rules
    vertical: list[Box] = field(default_factory=list)
    frames: list[Box] = field(default_factory=list)
    strips: list[Box] = field(default_factory=list)         # dark bars, with a column's name as a rule
    pictures: list[Box] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Placed:
    """A block, and whether its first line goes on with the paragraph before (it is not indented)."""

    block: Block
    joined: bool = False


@dataclass(slots=True)
class _Item:
    """A line, a table or a frame on its way into the reading order."""

    box: Box
    line: Line | None = None
    blocks: list[Placed] | None = None      # of a table or a frame, already read
    kind: str = "line"                      # line, strip, table, frame


def blocks(sheet: Sheet) -> list[Placed]:
    """The page's blocks in reading order."""
    return _Page(sheet).read()


def join(tail: str, head: str) -> str:
    """Two parts of a paragraph; words of Latin letters keep a space between them."""
    if tail[-1:] == "-" and head[:1].isascii() and head[:1].islower():
        return tail[:-1] + head
    apart = tail[-1:].isascii() and tail[-1:].isalnum() and head[:1].isascii() and head[:1].isalpha()
    return f"{tail} {head}" if apart else tail + head


def open_ended(text: str) -> bool:
    return not re.search(r"[。！？!?：:；;…”』」）)]$", text.rstrip())


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
        edge = [(n, (spoken(n), True)) for n in ordered[:3] if n.top < .12 * sheet.height]
        edge += [(n, (spoken(n), False)) for n in ordered[-3:] if n.bottom > .88 * sheet.height]
        edges.append(edge)
        seen.update({key for _, key in edge})
    repeated = {key for key, count in seen.items() if count >= max(3, .5 * len(sheets)) and (len(key[0]) <= 12 or count >= .8 * len(sheets))}
    kept = []
    for sheet, edge in zip(sheets, edges, strict=True):
        gone = {id(n) for n, key in edge if key in repeated and not re.search(r"0月0日", key[0])}
        kept.append(replace(sheet, lines=[n for n in sheet.lines if id(n) not in gone]))
    return kept


class _Page:
    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.size = _usual((n.size, len(n.text)) for n in sheet.lines)
        fonts = Counter[str]()
        for n in sheet.lines:
            if abs(n.size - self.size) < .06 * self.size:
                fonts[n.font] += len(n.text)
        self.font = fonts.most_common(1)[0][0] if fonts else ""

    # ------------------------------------------------------------ what kind of line

    def _headlike(self, line: Line) -> bool:
        """Set larger than the text, or in another and bold face."""
        return line.size >= _HEADLINE * self.size or self._bold(line) and line.size >= .98 * self.size

    def _bold(self, line: Line) -> bool:
        return line.font != self.font and not bylines.leading(line.text)[0] and bool(re.search(r"bold|black|heavy|hei|黑|xbs|小标|大标", line.font, re.I))

    def _bodylike(self, line: Line) -> bool:
        return abs(line.size - self.size) <= .07 * self.size and not self._bold(line)

    # ------------------------------------------------------------ frames and tables

    def read(self) -> list[Placed]:
        sheet = self.sheet
        tables, lines = self._tables(sheet.lines)
        frames = self._frames(lines, [t.box for t in tables])
        inside: dict[int, list[_Item]] = {n: [] for n in range(-1, len(frames))}
        for item in [*(self._item(n) for n in lines), *tables]:
            inside[_innermost(item.box, frames)].append(item)
        for n in sorted(range(len(frames)), key=lambda n: _area(frames[n])):     # inner frames first
            if not inside[n]:
                continue
            parent = min((m for m in range(len(frames)) if m != n and _contains(frames[m], frames[n], 2) and _area(frames[m]) > _area(frames[n])),
                         key=lambda m: _area(frames[m]), default=-1)
            found = self._region(inside[n], frames[n])
            inside[parent].append(_Item(frames[n], blocks=found, kind="frame"))
        return self._region(inside[-1], (0, 0, sheet.width, sheet.height))

    def _item(self, line: Line) -> _Item:
        strip = next((s for s in self.sheet.strips if _contains(s, line.box, 3)), None)
        return _Item(strip, line, kind="strip") if strip else _Item(line.box, line)

    def _frames(self, lines: Sequence[Line], tables: Sequence[Box]) -> list[Box]:
        """Rectangles around text, but tables and the page's own edge."""
        kept: list[Box] = []
        for box in sorted(self.sheet.frames, key=_area):
            held = sum(_contains(box, n.box, 2) for n in lines)
            if not held or held > .9 * len(lines) > 3 or any(_contains(_grown(t, 3), box, 0) for t in tables):
                continue
            if any(_overlap(box, k) > .9 * max(_area(box), _area(k)) for k in kept):
                continue
            kept.append(box)
        return kept

    def _tables(self, lines: Sequence[Line]) -> tuple[list[_Item], list[Line]]:
        """Grids of rules with a piece of text in most cells, as Markdown; the other lines."""
        items, rest = list[_Item](), list(lines)
        for box in self._grids():
            held = [n for n in rest if _contains(_grown(box, 1), n.box, 1)]
            if len(held) < 4:
                continue
            edges = sorted({round(v[0]) for v in self.sheet.vertical if _inside(v, box) and v[3] - v[1] > .3 * (box[3] - box[1])})
            edges = [e for n, e in enumerate(edges) if (not n or e - edges[n - 1] > 3) and box[0] + 3 < e < box[2] - 3]
            if not edges:
                continue
            rows: list[list[Line]] = []
            for line in sorted(held, key=lambda n: n.top):
                middle = (line.top + line.bottom) / 2
                if rows and any(n.top <= middle <= n.bottom for n in rows[-1]):
                    rows[-1].append(line)
                else:
                    rows.append([line])
            cells = []
            for row in rows:
                columns: list[list[str]] = [[] for _ in range(len(edges) + 1)]
                for line in sorted(row, key=lambda n: n.left):
                    columns[sum((line.left + line.right) / 2 > e for e in edges)].append(line.text)
                cells.append([" ".join(c).replace("|", "／") for c in columns])
            if len(rows) < 2:
                continue
            from rag.reading.web import markdown_table

            text = markdown_table(cells)
            items.append(_Item(box, blocks=[Placed(Block(text, "table", page=self.sheet.number, box=box, size=self.size))], kind="table"))
            gone = {id(n) for n in held}
            rest = [n for n in rest if id(n) not in gone]
        return items, rest

    def _grids(self) -> list[Box]:
        """Where two and more horizontal rules of one width are crossed by an upright one."""
        found: list[Box] = []
        frames = [f for f in self.sheet.frames if f[2] - f[0] > 3 * self.size]
        for frame in sorted(frames, key=_area):
            across = [h for h in self.sheet.horizontal if _inside(h, frame) and h[2] - h[0] > .8 * (frame[2] - frame[0])]
            upright = [v for v in self.sheet.vertical if _inside(v, frame) and v[3] - v[1] > .5 * (frame[3] - frame[1])]
            if len(across) >= 2 and upright and not any(_overlap(frame, f) > .5 * _area(f) for f in found):
                found.append(frame)
        groups: dict[tuple[int, int], list[Box]] = {}
        for h in self.sheet.horizontal:
            groups.setdefault((round(h[0] / 4), round(h[2] / 4)), []).append(h)
        for rules in groups.values():
            rules = sorted(rules, key=lambda r: r[1])
            if len(rules) < 3:
                continue
            box = (rules[0][0], rules[0][1], rules[0][2], rules[-1][3])
            upright = [v for v in self.sheet.vertical if _inside(v, box) and v[3] - v[1] > .9 * (box[3] - box[1])]
            rows = sorted(b[1] - a[1] for a, b in zip(rules, rules[1:], strict=False))
            if upright and rows[len(rows) // 2] < 5 * self.size and not any(_overlap(box, f) > 0 for f in found):
                found.append(box)
        return found

    # ------------------------------------------------------------ cutting

    def _region(self, items: list[_Item], box: Box, depth: int = 0) -> list[Placed]:
        """The blocks of a part of the page: cut it where stories part, or read it as one story."""
        if not items:
            return []
        for cut in (self._along_rules, self._along_gutters, self._above_headlines):
            parts = cut(items, box) if depth < 60 else []
            if len(parts) > 1:
                return [block for part in parts for block in self._region(part, _around(i.box for i in part), depth + 1)]
        return self._story(items)

    def _along_rules(self, items: list[_Item], box: Box) -> list[list[_Item]]:
        """At horizontal rules as wide as the part, which no item crosses."""
        left, top, right, bottom = _around(i.box for i in items)
        cuts = []
        for rule in self.sheet.horizontal:
            y = (rule[1] + rule[3]) / 2
            if top < y < bottom and min(rule[2], right) - max(rule[0], left) >= .85 * (right - left) and not any(i.box[1] + 1 < y < i.box[3] - 1 for i in items):
                cuts.append(y)
        return _split(items, cuts, 1)

    def _along_gutters(self, items: list[_Item], box: Box) -> list[list[_Item]]:
        """At gutters where both sides begin with a headline, a strip or a frame, and at upright rules of full height."""
        left, top, right, bottom = _around(i.box for i in items)
        cuts = []
        for a, b in _gaps(((i.box[0], i.box[2]) for i in items), _GUTTER * self.size):
            x = (a + b) / 2
            sides = [i for i in items if i.box[2] <= x + 1], [i for i in items if i.box[0] >= x - 1]
            ruled = any(a - 1 <= r[0] <= b + 1 and min(r[3], bottom) - max(r[1], top) >= .93 * (bottom - top) for r in self.sheet.vertical)
            if ruled or all(self._begins(side) for side in sides):
                cuts.append(x)
        return _split(items, cuts, 0)

    def _begins(self, items: list[_Item]) -> bool:
        """Whether a part of the page begins as a story does: its uppermost item is a headline, a strip or a frame."""
        first = min(items, key=lambda i: i.box[1])
        return first.kind in ("strip", "frame") or first.line is not None and self._headlike(first.line)

    def _above_headlines(self, items: list[_Item], box: Box) -> list[list[_Item]]:
        """Above a headline, strip or frame that stands under text, where no line crosses."""
        cuts = []
        for a, b in _gaps(((i.box[1], i.box[3]) for i in items), .12 * self.size):
            above, below = [i for i in items if i.box[3] <= a + .5], [i for i in items if i.box[1] >= b - .5]
            if not above or not below:
                continue
            first = min(below, key=lambda i: i.box[1])
            opens = first.kind in ("strip", "frame") or first.line is not None and first.line.size >= _HEADLINE * self.size
            texts = any(i.kind in ("table", "frame") or i.line is not None and i.kind == "line" and not self._headlike(i.line) and len(i.line.text) > 6 for i in above)
            if (opens or all(i.kind == "frame" for i in above)) and texts:
                cuts.append((a + b) / 2)
        return _split(items, cuts, 1)

    # ------------------------------------------------------------ one story

    def _story(self, items: list[_Item]) -> list[Placed]:
        """Headline first, then the columns from left to right; frames inside come last."""
        frames = sorted((i for i in items if i.kind == "frame"), key=lambda i: (i.box[1], i.box[0]))
        strips = sorted((i for i in items if i.kind == "strip"), key=lambda i: (i.box[1], i.box[0]))
        lines = [i for i in items if i.kind in ("line", "table")]
        out: list[Placed] = []
        for strip in strips:
            assert strip.line is not None
            out.append(Placed(self._block(f"▌{strip.line.text}", strip.line)))
        heads = self._head_zone(lines)
        out += self._heads(heads)
        taken = {id(n) for n in heads}
        out += self._columns([i for i in lines if i.line is None or id(i.line) not in taken])
        for frame in frames:
            out += frame.blocks or []
        return out

    def _head_zone(self, items: list[_Item]) -> list[Line]:
        """The lines above the text: headlines, and smaller ones and a byline among or under them."""
        zone: list[Line] = []
        large = False
        ordered = sorted(items, key=lambda i: (i.box[1] + i.box[3]) / 2)
        for n, item in enumerate(ordered):
            line = item.line
            if line is None:
                break
            middle = (line.top + line.bottom) / 2
            alone = not any(abs((o.box[1] + o.box[3]) / 2 - middle) < .8 * line.size for o in ordered[max(0, n - 8):n + 9] if o is not item and (
                o.line is None or not self._headlike(o.line)))
            small = line.size < _HEADLINE * self.size       # bold alone: a sub-heading at a column's top stands beside text
            if small and not alone:
                break
            if self._headlike(line) or not self._bodylike(line) and line.size > self.size or large and alone and bylines.standing(line.text):
                large = large or self._headlike(line)
                zone.append(line)
            else:
                break
        return zone if large else []

    def _heads(self, lines: list[Line]) -> list[Placed]:
        """Rows of one headline joined; smaller ones (引题, 副题) and bylines apart."""
        rows: list[list[Line]] = []
        for line in sorted(lines, key=lambda n: (n.bottom, n.left)):
            if rows and abs(rows[-1][-1].bottom - line.bottom) < .4 * line.size and abs(rows[-1][-1].size - line.size) < .12 * line.size:
                rows[-1].append(line)
            else:
                rows.append([line])
        heads: list[tuple[str, Line]] = []
        for row in rows:
            row.sort(key=lambda n: n.left)
            text, line = " ".join(n.text for n in row), row[0]
            alike = heads and abs(heads[-1][1].size - line.size) < .04 * line.size and heads[-1][1].font == line.font and self._headlike(line)
            if alike and line.top - heads[-1][1].bottom < .9 * line.size:
                before = heads[-1][0]
                heads[-1] = (before + ("" if straddles(before, text) else " ") + text, line)
            else:
                heads.append((text, line))
        largest = max((line.size for _, line in heads), default=0.0)
        return [Placed(self._block(text, line, "heading" if self._headlike(line) else "paragraph", 1 if line.size > .9 * largest else 2)) for text, line in heads]

    def _columns(self, items: list[_Item]) -> list[Placed]:
        """Paragraphs of columns from left to right."""
        flow = _Flow(self)
        columns = self._parted(items)
        for column, after in zip(columns, [*columns[1:], []], strict=False):
            # names in a grid stand farther apart than columns do: each is a line of its own
            edge = min(i.box[0] for i in after) - 2.2 * self.size if after else 0.0
            flow.column(sorted(column, key=lambda i: (i.box[1], i.box[0])), edge)
        return flow.finished()

    def _parted(self, items: list[_Item]) -> list[list[_Item]]:
        """The columns of one story, by the gutters between its lines."""
        if not items:
            return []
        gaps = _gaps(((i.box[0], i.box[2]) for i in items), _GUTTER * self.size)
        return _split(items, [(a + b) / 2 for a, b in gaps], 0) or [items]

    def _block(self, text: str, line: Line, kind: str = "paragraph", level: int = 0) -> Block:
        return Block(text.strip(), kind, level if kind == "heading" else 0, self.sheet.number, line.box, round(line.size, 2), line.confidence)  # type: ignore[arg-type]


class _Flow:
    """Lines on their way into paragraphs, column after column."""

    def __init__(self, page: _Page) -> None:
        self.page = page
        self.out: list[Placed] = []
        self.open: tuple[str, Line] | None = None       # the paragraph that is being read, and its first line
        self.joined = False                             # it began without an indent
        self.full = False                               # its last line reached the column's edge
        self.later: list[Placed] = []                   # captions and tables that stand in its middle

    def column(self, items: list[_Item], edge: float = 0.0) -> None:
        """`edge`: where the column's lines would end at least, if they were full."""
        page = self.page
        lines = [i.line for i in items if i.line is not None and page._bodylike(i.line)]
        left = _edge([n.left for n in lines], page.size) if lines else 0.0
        right = max([edge, *(n.right for n in lines)])
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
            if page._bodylike(line):
                self._caption(caption)
                self._body(line, left, right, previous)
                previous = line
            elif page._headlike(line) and len(line.text) <= 40:
                self._caption(caption)
                self._heading(line, previous)
                previous = None
            elif line.size < .96 * page.size or line.font != page.font:
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
        gap = previous is not None and line.top - previous.bottom > 1.1 * size
        starts = indented or bool(_BULLET.match(line.text)) or not self.full or gap and self.open is not None and not open_ended(self.open[0])
        if self.open is None or starts:
            self._close()
            self.open, self.joined = (line.text, line), not indented
        else:
            self.open = (join(self.open[0], line.text), self.open[1])
        self.full = right - line.right < 1.15 * size

    def _heading(self, line: Line, previous: Line | None) -> None:
        """A sub-heading; its second row is joined to it."""
        self._close()
        last = self.out[-1].block if self.out else None
        if last is not None and last.kind == "heading" and last.box is not None and abs((last.size or 0) - line.size) < .05 * line.size and (
                0 <= line.top - last.box[3] < .6 * line.size and abs(last.box[0] - line.left) < 12 * line.size):
            self.out[-1] = Placed(replace(last, text=last.text + line.text, box=line.box))
            return
        self.out.append(Placed(self.page._block(line.text, line, "heading", 3)))

    def _caption(self, lines: list[Line]) -> None:
        """Rows in another type between the text's: one block, behind the paragraph that it interrupts."""
        if lines:
            text = lines[0].text
            for line in lines[1:]:
                text = join(text, line.text)
            beside = any(p[3] <= lines[0].top + 2 and lines[0].top - p[3] < 3 * lines[0].size and p[0] - 5 <= lines[0].left <= p[2] for p in self.page.sheet.pictures)
            self.later.append(Placed(self.page._block(text, lines[0], "caption" if beside else "paragraph")))
            if self.open is None or not (self.full and open_ended(self.open[0])):
                self._close()
            lines.clear()

    def _close(self) -> None:
        if self.open is not None:
            self.out.append(Placed(self.page._block(*self.open), self.joined))
        self.out += self.later
        self.open, self.full, self.later = None, False, []


# ---------------------------------------------------------------- geometry

def _usual(sizes: Iterable[tuple[float, int]]) -> float:
    """The size of type that most characters are set in."""
    counted: Counter[float] = Counter()
    for size, characters in sizes:
        counted[round(size * 4) / 4] += characters
    if not counted:
        return 10.0
    best = counted.most_common(1)[0][0]
    return best or 10.0


def _edge(lefts: list[float], size: float) -> float:
    """A column's left edge: the leftmost place where two lines begin, or one of a few."""
    for left in sorted(lefts):
        if sum(abs(left - other) < .4 * size for other in lefts) >= (2 if len(lefts) > 3 else 1):
            return left
    return min(lefts)


def _gaps(spans: Iterable[tuple[float, float]], least: float) -> list[tuple[float, float]]:
    """Stretches of at least that length which no span covers, between the first and the last."""
    gaps, end = [], None
    for a, b in sorted(spans):
        if end is not None and a - end >= least:
            gaps.append((end, a))
        end = b if end is None else max(end, b)
    return gaps


def _split(items: list[_Item], cuts: list[float], axis: int) -> list[list[_Item]]:
    """The items between the cuts along an axis (0: across, 1: down), in order; none are lost."""
    if not cuts:
        return []
    parts: list[list[_Item]] = [[] for _ in range(len(cuts) + 1)]
    edges = sorted(cuts)
    for item in items:
        middle = (item.box[axis] + item.box[axis + 2]) / 2
        parts[sum(middle > e for e in edges)].append(item)
    return [part for part in parts if part]


def _around(boxes: Iterable[Box]) -> Box:
    found = list(boxes)
    return (min(b[0] for b in found), min(b[1] for b in found), max(b[2] for b in found), max(b[3] for b in found))


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _contains(outer: Box, inner: Box, slack: float) -> bool:
    return outer[0] - slack <= inner[0] and outer[1] - slack <= inner[1] and inner[2] <= outer[2] + slack and inner[3] <= outer[3] + slack


def _inside(rule: Box, box: Box) -> bool:
    return _contains(box, rule, 4)


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _grown(box: Box, by: float) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)


def _innermost(box: Box, frames: Sequence[Box]) -> int:
    """The smallest frame around a box, -1 for none."""
    return min((n for n, f in enumerate(frames) if _contains(f, box, 2) and _area(f) > _area(box)), key=lambda n: _area(frames[n]), default=-1)
