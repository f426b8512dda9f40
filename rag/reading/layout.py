"""The lines of a printed page with their places come in, blocks in reading order go out.

A newspaper page is bands of stories side by side, each a headline over one to seven columns. The page is cut, again
and again: along rules, at gutters where both sides begin with a headline or a strip, and above headlines. What can't
be cut any more is one story: its headline first, then its columns from left to right, paragraphs told by their
indents and joined from column to column. Frames and tables are taken out first and read by themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from rag import bylines
from rag.breaks import straddles
from rag.reading.flow import Flow, join, open_ended
from rag.reading.sheet import (
    HEADLINE,
    Box,
    Item,
    Line,
    Placed,
    Sheet,
    Type,
    area,
    around,
    contains,
    gaps,
    grown,
    innermost,
    inside,
    overlap,
    split,
)
from rag.types import Block

_GUTTER = 0.55  # of the body's size: the narrowest gap that parts columns


def blocks(sheet: Sheet) -> list[Placed]:
    """The page's blocks in reading order."""
    return _Page(sheet).read()


def flowing(sheets: Sequence[Sheet]) -> tuple[list[Block], dict[int, list[Line]]]:
    """The blocks of pages; a paragraph that a page's end broke is joined where nothing stands between. And each page's
    lines as they are read."""
    whole: list[Block] = []
    lines: dict[int, list[Line]] = {}
    for sheet in sheets:
        fresh = blocks(sheet)
        lines[sheet.number] = [line for placed in fresh for line in placed.lines]
        if (
            whole
            and fresh
            and fresh[0].joined
            and whole[-1].kind == fresh[0].block.kind == "paragraph"
            and open_ended(whole[-1].text)
        ):
            whole[-1] = replace(whole[-1], text=join(whole[-1].text, fresh[0].block.text))
            fresh = fresh[1:]
        whole += [f.block for f in fresh]
    return whole, lines


class _Page:
    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.type = Type(sheet.lines)
        self.size = self.type.size

    # ------------------------------------------------------------ frames and tables

    def read(self) -> list[Placed]:
        sheet = self.sheet
        tables, lines = self._tables(sheet.lines)
        frames = self._frames(lines, [t.box for t in tables])
        held: dict[int, list[Item]] = {n: [] for n in range(-1, len(frames))}
        for item in [*(self._item(n) for n in lines), *tables]:
            held[innermost(item.box, frames)].append(item)
        for n in sorted(range(len(frames)), key=lambda n: area(frames[n])):  # inner frames first
            if not held[n]:
                continue
            parent = min(
                (
                    m
                    for m in range(len(frames))
                    if m != n and contains(frames[m], frames[n], 2) and area(frames[m]) > area(frames[n])
                ),
                key=lambda m: area(frames[m]),
                default=-1,
            )
            found = self._region(held[n], frames[n])
            held[parent].append(Item(frames[n], blocks=found, kind="frame"))
        return self._region(held[-1], (0, 0, sheet.width, sheet.height))

    def _item(self, line: Line) -> Item:
        strip = next((s for s in self.sheet.strips if contains(s, line.box, 3)), None)
        return Item(strip, line, kind="strip") if strip else Item(line.box, line)

    def _frames(self, lines: Sequence[Line], tables: Sequence[Box]) -> list[Box]:
        """Rectangles around text, but tables and the page's own edge."""
        kept: list[Box] = []
        for box in sorted(self.sheet.frames, key=area):
            held = sum(contains(box, n.box, 2) for n in lines)
            if not held or held > 0.9 * len(lines) > 3 or any(contains(grown(t, 3), box, 0) for t in tables):
                continue
            if any(overlap(box, k) > 0.9 * max(area(box), area(k)) for k in kept):
                continue
            kept.append(box)
        return kept

    def _tables(self, lines: Sequence[Line]) -> tuple[list[Item], list[Line]]:
        """Grids of rules with a piece of text in most cells, as Markdown; the other lines."""
        items, rest = list[Item](), list(lines)
        for box in self._grids():
            held = [n for n in rest if contains(grown(box, 1), n.box, 1)]
            if len(held) < 4:
                continue
            edges = sorted(
                {round(v[0]) for v in self.sheet.vertical if inside(v, box) and v[3] - v[1] > 0.3 * (box[3] - box[1])}
            )
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
            cells, ordered = [], list[Line]()
            for row in rows:
                columns: list[list[str]] = [[] for _ in range(len(edges) + 1)]
                for line in sorted(row, key=lambda n: n.left):
                    columns[sum((line.left + line.right) / 2 > e for e in edges)].append(line.text)
                    ordered.append(line)
                cells.append([" ".join(c).replace("|", "／") for c in columns])
            if len(rows) < 2:
                continue
            from rag.reading.web import markdown_table

            text = markdown_table(cells)
            block = Block(text, "table", page=self.sheet.number, box=box, size=self.size)
            items.append(Item(box, blocks=[Placed(block, lines=tuple(ordered))], kind="table"))
            gone = {id(n) for n in held}
            rest = [n for n in rest if id(n) not in gone]
        return items, rest

    def _grids(self) -> list[Box]:
        """Where two and more horizontal rules of one width are crossed by an upright one."""
        found: list[Box] = []
        frames = [f for f in self.sheet.frames if f[2] - f[0] > 3 * self.size]
        for frame in sorted(frames, key=area):
            across = [
                h for h in self.sheet.horizontal if inside(h, frame) and h[2] - h[0] > 0.8 * (frame[2] - frame[0])
            ]
            upright = [v for v in self.sheet.vertical if inside(v, frame) and v[3] - v[1] > 0.5 * (frame[3] - frame[1])]
            if len(across) >= 2 and upright and not any(overlap(frame, f) > 0.5 * area(f) for f in found):
                found.append(frame)
        groups: dict[tuple[int, int], list[Box]] = {}
        for h in self.sheet.horizontal:
            groups.setdefault((round(h[0] / 4), round(h[2] / 4)), []).append(h)
        for rules in groups.values():
            rules = sorted(rules, key=lambda r: r[1])
            if len(rules) < 3:
                continue
            box = (rules[0][0], rules[0][1], rules[0][2], rules[-1][3])
            upright = [v for v in self.sheet.vertical if inside(v, box) and v[3] - v[1] > 0.9 * (box[3] - box[1])]
            rows = sorted(b[1] - a[1] for a, b in itertools.pairwise(rules))
            if upright and rows[len(rows) // 2] < 5 * self.size and not any(overlap(box, f) > 0 for f in found):
                found.append(box)
        return found

    # ------------------------------------------------------------ cutting

    def _region(self, items: list[Item], box: Box, depth: int = 0) -> list[Placed]:
        """The blocks of a part of the page: cut it where stories part, or read it as one story."""
        if not items:
            return []
        for cut in (self._along_rules, self._along_gutters, self._above_headlines):
            parts = cut(items, box) if depth < 60 else []
            if len(parts) > 1:
                return [block for part in parts for block in self._region(part, around(i.box for i in part), depth + 1)]
        return self._story(items)

    def _along_rules(self, items: list[Item], box: Box) -> list[list[Item]]:
        """At horizontal rules as wide as the part, which no item crosses."""
        left, top, right, bottom = around(i.box for i in items)
        cuts = []
        for rule in self.sheet.horizontal:
            y = (rule[1] + rule[3]) / 2
            if (
                top < y < bottom
                and min(rule[2], right) - max(rule[0], left) >= 0.85 * (right - left)
                and not any(i.box[1] + 1 < y < i.box[3] - 1 for i in items)
            ):
                cuts.append(y)
        return split(items, cuts, 1)

    def _along_gutters(self, items: list[Item], box: Box) -> list[list[Item]]:
        """At gutters where both sides begin with a headline, a strip or a frame, and at upright rules of full height."""
        _left, top, _right, bottom = around(i.box for i in items)
        cuts = []
        for a, b in gaps(((i.box[0], i.box[2]) for i in items), _GUTTER * self.size):
            x = (a + b) / 2
            sides = [i for i in items if i.box[2] <= x + 1], [i for i in items if i.box[0] >= x - 1]
            ruled = any(
                a - 1 <= r[0] <= b + 1 and min(r[3], bottom) - max(r[1], top) >= 0.93 * (bottom - top)
                for r in self.sheet.vertical
            )
            if ruled or all(self._begins(side) for side in sides):
                cuts.append(x)
        return split(items, cuts, 0)

    def _begins(self, items: list[Item]) -> bool:
        """Whether a part of the page begins as a story does: its uppermost item is a headline, a strip or a frame."""
        first = min(items, key=lambda i: i.box[1])
        return first.kind in ("strip", "frame") or (first.line is not None and self.type.headlike(first.line))

    def _above_headlines(self, items: list[Item], box: Box) -> list[list[Item]]:
        """Above a headline, strip or frame that stands under text, where no line crosses."""
        cuts = []
        for a, b in gaps(((i.box[1], i.box[3]) for i in items), 0.12 * self.size):
            above, below = [i for i in items if i.box[3] <= a + 0.5], [i for i in items if i.box[1] >= b - 0.5]
            if not above or not below:
                continue
            first = min(below, key=lambda i: i.box[1])
            opens = first.kind in ("strip", "frame") or (
                first.line is not None and first.line.size >= HEADLINE * self.size
            )
            texts = any(
                i.kind in ("table", "frame")
                or (i.line is not None and i.kind == "line" and not self.type.headlike(i.line) and len(i.line.text) > 6)
                for i in above
            )
            if (opens or all(i.kind == "frame" for i in above)) and texts:
                cuts.append((a + b) / 2)
        return split(items, cuts, 1)

    # ------------------------------------------------------------ one story

    def _story(self, items: list[Item]) -> list[Placed]:
        """Headline first, then the columns from left to right; frames inside come last."""
        frames = sorted((i for i in items if i.kind == "frame"), key=lambda i: (i.box[1], i.box[0]))
        strips = sorted((i for i in items if i.kind == "strip"), key=lambda i: (i.box[1], i.box[0]))
        lines = [i for i in items if i.kind in ("line", "table")]
        out: list[Placed] = []
        for strip in strips:
            assert strip.line is not None
            out.append(Placed(self.sheet.block(f"▌{strip.line.text}", strip.line), lines=(strip.line,)))
        heads = self._head_zone(lines)
        out += self._heads(heads)
        taken = {id(n) for n in heads}
        out += self._columns([i for i in lines if i.line is None or id(i.line) not in taken])
        for frame in frames:
            out += frame.blocks or []
        return out

    def _head_zone(self, items: list[Item]) -> list[Line]:
        """The lines above the text: headlines, and smaller ones and a byline among or under them."""
        zone: list[Line] = []
        large = False
        ordered = sorted(items, key=lambda i: (i.box[1] + i.box[3]) / 2)
        for n, item in enumerate(ordered):
            line = item.line
            if line is None:
                break
            middle = (line.top + line.bottom) / 2
            alone = not any(
                abs((o.box[1] + o.box[3]) / 2 - middle) < 0.8 * line.size
                for o in ordered[max(0, n - 8) : n + 9]
                if o is not item and (o.line is None or not self.type.headlike(o.line))
            )
            small = line.size < HEADLINE * self.size  # bold alone: a sub-heading at a column's top stands beside text
            if small and not alone:
                break
            if (
                self.type.headlike(line)
                or (not self.type.bodylike(line) and line.size > self.size)
                or (large and alone and bylines.standing(line.text))
            ):
                large = large or self.type.headlike(line)
                zone.append(line)
            else:
                break
        return zone if large else []

    def _heads(self, lines: list[Line]) -> list[Placed]:
        """Rows of one headline joined; smaller ones (引题, 副题) and bylines apart."""
        rows: list[list[Line]] = []
        for line in sorted(lines, key=lambda n: (n.bottom, n.left)):
            if (
                rows
                and abs(rows[-1][-1].bottom - line.bottom) < 0.4 * line.size
                and abs(rows[-1][-1].size - line.size) < 0.12 * line.size
            ):
                rows[-1].append(line)
            else:
                rows.append([line])
        heads: list[tuple[str, Line, list[Line]]] = []  # the text, its last row, all its lines
        for row in rows:
            row.sort(key=lambda n: n.left)
            text, line = " ".join(n.text for n in row), row[0]
            alike = (
                heads
                and abs(heads[-1][1].size - line.size) < 0.04 * line.size
                and heads[-1][1].font == line.font
                and self.type.headlike(line)
            )
            if alike and line.top - heads[-1][1].bottom < 0.9 * line.size:
                before, _, rows_before = heads[-1]
                joined = before + ("" if straddles(before, text) else " ") + text
                heads[-1] = (joined, line, [*rows_before, *row])
            else:
                heads.append((text, line, row))
        largest = max((line.size for _, line, _ in heads), default=0.0)
        return [
            Placed(
                self.sheet.block(
                    text,
                    line,
                    "heading" if self.type.headlike(line) else "paragraph",
                    1 if line.size > 0.9 * largest else 2,
                ),
                lines=tuple(own),
            )
            for text, line, own in heads
        ]

    def _columns(self, items: list[Item]) -> list[Placed]:
        """Paragraphs of columns from left to right."""
        flow = Flow(self.type, self.sheet)
        columns = self._parted(items)
        lefts = [min(i.box[0] for i in column) for column in columns]
        pitch = min((b - a for a, b in itertools.pairwise(lefts)), default=0.0)
        for column, left in zip(columns, lefts, strict=True):
            # names in a grid stand farther apart than columns do, and none reaches the next: each is a line of its own
            flow.column(sorted(column, key=lambda i: (i.box[1], i.box[0])), left + pitch - 2.2 * self.size)
        return flow.finished()

    def _parted(self, items: list[Item]) -> list[list[Item]]:
        """The columns of one story, by the gutters between its lines."""
        if not items:
            return []
        parting = gaps(((i.box[0], i.box[2]) for i in items), _GUTTER * self.size)
        columns = split(items, [(a + b) / 2 for a, b in parting], 0) or [items]
        # Columns of one story are equally wide: a part of one that its last line left open is no column.
        spans = [around(i.box for i in column) for column in columns]
        widest = max(b[2] - b[0] for b in spans)
        joined: list[list[Item]] = []
        last: Box | None = None
        for column, span in zip(columns, spans, strict=True):
            narrow = last is not None and (last[2] - last[0] < 0.6 * widest or span[2] - span[0] < 0.6 * widest)
            if last is not None and narrow and span[2] - last[0] <= 1.06 * widest:
                joined[-1] += column
                last = around((last, span))
            else:
                joined.append(list(column))
                last = span
        return joined
