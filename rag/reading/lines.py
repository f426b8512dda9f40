"""Lines as recognition gives them come in, a sheet as a text layer gives it goes out.

Sizes of type, weight, spaces and gutters are measured by ink; pieces of one line are joined, and boxes that run over
a gutter parted.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rag.breaks import straddles
from rag.reading import marks
from rag.reading.sheet import HEADLINE, Box, Line, Sheet, around

_BELIEVED = 0.5  # confidence below which a line is rather dirt or a picture's edge than type
_BODY = 10.0  # points, where a picture does not say how large it is
_PITCH = 0.9  # height of the ink of Chinese type by its size
_BOLD = 1.5  # a stroke's width by the usual one's, from where on type is bold; sans of the usual weight has 1.4
_HEAVY = 1.22  # from where on it is bold if its size or its place says so too
_MANY = 6  # Chinese characters by whose ink a line's size is known within three hundredths
_NEAR, _STEP = 0.09, 1.06  # sizes nearer than this are one: of text, and of all else
_THIN, _SEEN = "\u2009", "\u2005"  # a gap that is a space in a headline and may be none in a text; one in brackets
_MARK = re.compile(r"[，。、；：？！“”‘’（）《》〈〉【】「」『』…—·,.;:?!()]")


class Found(NamedTuple):
    """A line as recognition gives it, in pixels."""

    text: str
    score: float
    box: Box
    characters: tuple[tuple[str, float, float], ...]  # each with where it begins and ends


@dataclass(slots=True)
class _Measured:
    text: str
    score: float
    ink: marks.Measured
    size: float  # pixels; 0 where it must be guessed
    tall: float  # of the box
    heavy: float = 1.0  # strokes by the text's
    bold: bool = False
    body: bool = False  # of the text's own size
    alike: _Measured | None = None  # the longer piece of its headline


def sheet_of(number: int, grey: marks.Grey, found: Sequence[Found], scale: float | None) -> Sheet:
    page = marks.Page(grey)
    believed = [f for f in _apart(found) if f.score >= _BELIEVED]
    pieces = [piece for f in believed for piece in _pieces(page, f, believed)]
    if not pieces:
        return Sheet(number, grey.shape[1], grey.shape[0], [])
    _sizes(pieces)
    body = _usual(pieces)
    strips = list(dict.fromkeys(page.strip(p.ink.box) for p in pieces if p.ink.light))
    strips = [s for s in strips if s[3] - s[1] < 5 * body]  # the others are photographs with words in them
    # a rule close under a line may lie within its box, but not within its characters
    type_ = [(p.ink.box[0], p.ink.middle - p.size / 2, p.ink.box[2], p.ink.middle + p.size / 2) for p in pieces]
    drawn = page.marks(body, type_, strips)
    pieces = _rows(pieces, body, drawn.vertical)
    scale = scale or _BODY / body

    def points(box: Box) -> Box:
        return (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)

    lines = []
    for p in pieces:
        left, _, right, _ = p.ink.box
        lines.append(
            Line(
                p.text,
                left * scale,
                (p.ink.middle - p.size / 2) * scale,
                right * scale,
                (p.ink.middle + p.size / 2) * scale,
                p.size * scale,
                "bold" if p.bold else "",
                p.ink.light,
                round(p.score, 4),
            )
        )
    height, width = grey.shape
    vertical = [points(b) for b in drawn.vertical]
    return Sheet(
        number,
        width * scale,
        height * scale,
        lines,
        [points(b) for b in drawn.horizontal],
        vertical,
        [points(b) for b in drawn.frames],
        [points(b) for b in drawn.strips],
        [points(b) for b in drawn.pictures],
    )


def _apart(found: Sequence[Found]) -> list[Found]:
    """Boxes that overlap on one line give the characters in both to the line that was read more surely."""
    kept: list[Found] = []
    for f in sorted(found, key=lambda f: -f.score):
        rows = [k.box for k in kept if abs(k.box[1] + k.box[3] - f.box[1] - f.box[3]) < 0.5 * (f.box[3] - f.box[1])]
        own = tuple(c for c in f.characters if not any(b[0] < (c[1] + c[2]) / 2 < b[2] for b in rows))
        if len(own) == len(f.characters):
            kept.append(f)
        elif own:
            box = (max(f.box[0], own[0][1]), f.box[1], min(f.box[2], own[-1][2]), f.box[3])
            kept.append(f._replace(text="".join(c[0] for c in own), box=box, characters=own))
    return kept


def _gutter(gap: tuple[float, float], found: Found, lines: Sequence[Found], tall: float) -> bool:
    """Whether other lines near by end before a gap and begin behind it: recognition took two columns' lines for one."""
    height = found.box[3] - found.box[1]
    near = [
        f
        for f in lines
        if 0 < abs(f.box[1] - found.box[1]) < 6 * tall and abs(f.box[3] - f.box[1] - height) < 0.25 * height
    ]
    begin = sum(abs(f.box[0] - gap[1]) < 0.6 * tall for f in near)
    end = sum(abs(f.box[2] - gap[0]) < 1.2 * tall for f in near)
    return begin >= 2 and end >= 2


def _pieces(page: marks.Page, found: Found, lines: Sequence[Found]) -> Iterator[_Measured]:
    """A line, in two where a gutter runs through it, with a space where one sees one."""
    ink = page.measured(found.box, _places(found.characters))
    if ink is None:
        return
    tall = ink.tall or 0.8 * (found.box[3] - found.box[1])
    shown = [c for n, c in enumerate(found.characters) if c[0].strip() or _in_latin(found.characters, n)]
    middles = [(a + b) / 2 for _, a, b in shown]
    # a thin stroke (一) may be too faint for ink: a gap with a character in it is none
    gaps = [gap for gap in ink.gaps if not any(gap[0] < m < gap[1] for m in middles)]
    widths = sorted(b - a for a, b in gaps)
    # in a justified line every character stands apart, and a space is wider than that
    apart = max(0.41 * tall, 1.5 * widths[len(widths) // 2]) if 2 * len(widths) > len(middles) else 0.41 * tall
    parts: list[list[tuple[str, float, float]]] = [[]]
    depth = 0
    for character, middle in zip(shown, middles, strict=True):
        while gaps and middle > gaps[0][1]:
            a, b = gaps.pop(0)
            before = parts[-1][-1][0] if parts[-1] else ""
            marked = bool(_MARK.search(before + character[0]))  # half of a full-width mark is blank
            wide = b - a > (2.2 if marked else 0.95) * tall
            if wide or (b - a > 0.4 * tall and not ink.light and _gutter((a, b), found, lines, tall)):
                parts.append([])
            elif not marked and before and b - a > apart + 0.2 * tall * (before.isdigit() + character[0].isdigit()):
                parts[-1].append((_SEEN if depth > 0 else _THIN, a, b))
        depth += (character[0] in "(（") - (character[0] in ")）")
        parts[-1].append(character)
    for part in parts:
        text = "".join(c[0] for c in part).strip() if part else ""
        if not text:
            continue
        if part is parts[0] and part[0][1] > ink.bullet - 0.3 * tall > 0:
            text = f"●{text}"
        own = ink
        if len(parts) > 1:
            box = (part[0][1] - 0.2 * tall, found.box[1], part[-1][2] + 0.2 * tall, found.box[3])
            own = page.measured(box, _places(part)) or ink
        yield _Measured(text, found.score, own, own.tall / _PITCH, found.box[3] - found.box[1])


def _in_latin(characters: Sequence[tuple[str, float, float]], n: int) -> bool:
    """Whether a space stands between words of Latin letters; elsewhere spaces are told by their width."""
    return 0 < n < len(characters) - 1 and all(
        c.isascii() and c.isalpha() for c in (characters[n - 1][0], characters[n + 1][0])
    )


def _spaced(text: str) -> str:
    """With a space for each gap but inside a word, and between a surname and its name."""
    said, *rest = text.split(_SEEN)
    for part in rest:
        tail = re.split(r"[ (（]", said)[-1]
        whole = straddles(said, part) or (len(tail) == 1 and _han(tail) and _han(part[:1]))
        said += part if whole else f" {part}"
    return said


def _rows(pieces: Sequence[_Measured], body: float, upright: Sequence[Box]) -> list[_Measured]:
    """Pieces of one line at one height, and joined where a line over or under them runs on across what parts them.

    `upright`: rules, over which nothing is joined.
    """
    rows: list[list[_Measured]] = []
    for p in sorted(pieces, key=lambda p: p.ink.box[0]):
        before = [row for row in rows if _beside(row[-1], p)]
        if before:
            max(before, key=lambda row: row[-1].ink.box[2]).append(p)
        else:
            rows.append([p])
    whole = [(p.ink, p.body) for p in pieces]  # as they are before any are joined
    joined: list[_Measured] = []
    for row in rows:
        middle = sum(p.ink.middle * len(p.text) for p in row) / sum(len(p.text) for p in row)
        last: _Measured | None = None
        for p in row:
            p.ink = replace(p.ink, middle=middle)
            ruled = last is not None and any(
                last.ink.box[2] - 2 <= (r[0] + r[2]) / 2 <= p.ink.box[0] + 2 and r[1] - body < middle < r[3] + body
                for r in upright
            )
            space = _parted(last, p, whole, body) if last is not None and not ruled else None
            if last is None or space is None:
                joined.append(p)
                last = p
                continue
            longer = max((last, p), key=lambda piece: _han(piece.text))
            score = (last.score * len(last.text) + p.score * len(p.text)) / (len(last.text) + len(p.text))
            last.text, last.score = last.text + space + p.text, score
            last.size, last.bold, last.body = longer.size, longer.bold, longer.body
            last.ink = replace(last.ink, box=around((last.ink.box, p.ink.box)))
    return joined


def _beside(a: _Measured, b: _Measured) -> bool:
    """Whether b stands to the right of a, near it and at its height."""
    return (
        abs(a.ink.middle - b.ink.middle) < 0.3 * min(a.size, b.size)
        and abs(a.tall - b.tall) < 0.3 * a.tall
        and -0.5 * a.size < b.ink.box[0] - a.ink.box[2] < 6 * a.size
    )


def _parted(a: _Measured, b: _Measured, lines: Sequence[tuple[marks.Measured, bool]], body: float) -> str | None:
    """What stands between two pieces of one line: nothing or a space; None where they are two lines.

    `lines`: the ink of each piece on the page, and whether it is of the text's size.
    """
    gap, x = b.ink.box[0] - a.ink.box[2], (a.ink.box[2] + b.ink.box[0]) / 2
    marked = bool(_MARK.match(a.text[-1]) or _MARK.match(b.text[0]))
    latin = a.text[-1].isascii() and b.text[0].isascii()
    reach = 2.4 * max(body, a.size)
    close = [(ink, text) for ink, text in lines if 0.6 * body < abs(ink.middle - a.ink.middle) < reach]
    if a.body and b.body:
        runs_on = any(
            text
            and ink.box[0] + body < x < ink.box[2] - body
            and not any(g[1] - g[0] > max(0.4 * body, 0.7 * gap) and g[0] < x < g[1] for g in ink.gaps)
            for ink, text in close
        )
        if runs_on and gap < (2.2 if marked else 1.7) * body:
            return " " if latin or (not marked and gap > 0.75 * body) else ""
    large = min(a.size, b.size) > HEADLINE * body
    if large and abs(a.size - b.size) < 0.06 * a.size and gap < (0.9 if marked else 0.5) * a.size:
        return " " if latin else ""
    # a line with nothing over and under it: a running head, an imprint
    left, right = a.ink.box[0], b.ink.box[2]
    alone = not large and not any(ink.box[0] < right and left < ink.box[2] for ink, _ in close)
    return " " if alone and gap < 4 * body else None


def _places(characters: Iterable[tuple[str, float, float]]) -> list[tuple[float, float]]:
    return [(a, b) for c, a, b in characters if _han(c)]


def _han(text: str) -> int:
    return sum("\u3400" <= c <= "\u9fff" for c in text)


def _sizes(pieces: Sequence[_Measured]) -> None:
    """Gives every piece a size: those with few characters by their box, and like sizes the same one.

    Ink differs from line to line by some hundredths, steps between sizes of type are larger.
    """
    known = [p for p in pieces if _han(p.text) >= _MANY and p.size]
    share = statistics.median(p.size / p.tall for p in known) if known else 0.8
    body = _usual(known) if known else share * statistics.median(p.tall for p in pieces)
    for p in pieces:  # a short piece of a headline takes its size from the longer one beside it
        if _han(p.text) < _MANY and p.tall * share > 1.2 * body:
            beside = [
                k
                for k in known
                if abs(k.ink.middle - p.ink.middle) < 0.3 * k.size
                and abs(k.tall - p.tall) < 0.5 * k.tall
                and -k.size < max(k.ink.box[0] - p.ink.box[2], p.ink.box[0] - k.ink.box[2]) < 3 * k.size
            ]
            p.alike = max(beside, key=lambda k: _han(k.text), default=None)
    strokes = [p.ink.stroke / p.size for p in known if abs(p.size - body) < 0.06 * body]
    usual = statistics.median(strokes) if strokes else 0.0
    for p in pieces:
        box, count = share * p.tall, _han(p.text)
        size = p.size if count >= _MANY else max(p.size, box)
        p.heavy = p.ink.stroke / size / usual if usual and not p.ink.light else 1.0
        near = _NEAR
        if count < _MANY:  # the ink of few characters may be low (四) or none's (……)
            if 0.7 * body < p.size < HEADLINE * body and p.heavy < _HEAVY:
                p.size = body  # boxes of few characters come out too high, ink never does
            else:
                p.size = size if p.heavy < _HEAVY else (p.size + box) / 2 if p.size else box
            if p.alike is not None:
                p.size = p.alike.size
            near = _nearness(p, count, body)
        larger = count >= _MANY and p.size > 1.04 * body
        p.bold = count >= 3 and p.heavy > ((1.1 if p.size > 1.07 * body else _HEAVY) if larger else _BOLD)
        if p.bold and p.size < 1.16 * body:  # bold ink is a little higher too
            p.size = min(p.size, 1.06 * body)
        p.body = abs(p.size - body) < near * body and not p.bold
    _kickers(pieces, body)
    for p in pieces:
        running = p.body and (len(p.text) > 14 or _MARK.search(p.text))
        p.text = _spaced(p.text.replace(_THIN, "" if running else _SEEN))
    groups = [[p for p in pieces if p.body]]
    for p in sorted((p for p in pieces if not p.body), key=lambda p: p.size):
        if len(groups) > 1 and p.size <= _STEP * _mean(groups[-1]):
            groups[-1].append(p)
        else:
            groups.append([p])
    for group in filter(None, groups):
        size = _mean(group)
        for p in group:
            p.size = size


def _nearness(p: _Measured, count: int, body: float) -> float:
    """How far a line of few Chinese characters may be off the text's size and still be text."""
    if count == 1:
        return 0.5
    if count < 3 or p.text[0] in "(（":
        return 0.3
    return _NEAR if p.heavy >= _HEAVY and p.size < body else 0.2  # a caption is smaller, and sans


def _kickers(pieces: Sequence[_Measured], body: float) -> None:
    """A heavy line close over or under a headline, no wider than it, belongs to it."""
    heads = [p for p in pieces if p.size > HEADLINE * body and not p.ink.light and _han(p.text) > 3]
    for p in pieces:
        if p.body and p.heavy > _HEAVY and _han(p.text) > 3:
            left, _, right, _ = p.ink.box
            p.bold = any(
                abs(h.ink.middle - p.ink.middle) < 0.75 * (h.size + p.size)
                and h.ink.box[0] - body < left
                and right < h.ink.box[2] + body
                for h in heads
            )
            p.body = not p.bold


def _mean(group: Sequence[_Measured]) -> float:
    return sum(p.size * len(p.text) for p in group) / sum(len(p.text) for p in group)


def _usual(pieces: Sequence[_Measured]) -> float:
    """The size that most characters have, within some hundredths."""
    counted = [(p.size, len(p.text)) for p in pieces]
    return max(
        (size for size, _ in counted),
        key=lambda size: sum(n for other, n in counted if abs(other - size) < 0.04 * size),
        default=20.0,
    )
