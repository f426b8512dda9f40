"""A sentence of an article and the letters of a file's pages come in, where on the pages it stands goes out.

The one idea: letters alone are compared, since a printed line has other spaces and marks than the text made of it. Where
a sentence stands several times, the place whose surroundings are the article's is meant; where none is, no frame is
drawn: none is better than a wrong one.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from unicodedata import east_asian_width

from rag.pagetypes import PageLine, Share
from rag.text import fold

_AROUND = 200  # letters before and after a sentence that are compared
_ALONE = 6  # letters that may stand for themselves where they stand once in the file
_SURE = 12  # letters that must agree else, with those around them
_MOST = 5000  # places that are looked at
_PIECE = 12  # letters by which an article's page is looked up


class Spot(NamedTuple):
    """Letters of a page, half-open."""

    page: int
    start: int
    end: int


def letters(text: str) -> str:
    """Without spaces and marks, in one width, case and script."""
    return "".join(c for c in fold(text) if c.isalnum())


def spots(title: str, text: str, start: int, end: int, pages: Mapping[int, str]) -> list[Spot]:
    """Where an article's characters from `start` to `end` stand, in order; [] unless all of them are found.

    `pages`: the letters of each page by its number, ascending.
    """
    whole, joined = letters(text), "".join(pages.values())
    numbers, begins = list(pages), [0, *itertools.accumulate(map(len, pages.values()))]
    found: list[Spot] = []
    for part in re.finditer(r"[^\n]+", text[start:end]):  # a paragraph may stand apart from the next
        wanted = letters(part[0])
        if not wanted:
            continue
        at = _place(wanted, len(letters(text[: start + part.start()])), whole, joined, letters(title))
        if at is None:
            return []
        while at < (over := at + len(wanted)) and wanted:
            n = bisect_right(begins, at) - 1
            stop = min(over, begins[n + 1])
            found.append(Spot(numbers[n], at - begins[n], stop - begins[n]))
            wanted, at = wanted[stop - at :], stop
    return found


def _place(wanted: str, at: int, whole: str, joined: str, title: str) -> int | None:
    """Where the letters of the article from `at` on stand in the file; None where that is not sure."""
    scores: dict[int, int] = {}
    after = whole[at + len(wanted) : at + len(wanted) + _AROUND]
    before = whole[max(0, at - _AROUND) : at][::-1]
    for i in itertools.islice(_all(wanted, joined), _MOST):
        scores[i] = _alike(before, joined[max(0, i - _AROUND) : i][::-1])
        scores[i] += _alike(after, joined[i + len(wanted) : i + len(wanted) + _AROUND])
    if not scores:
        return None
    best = max(scores.values())
    if len(wanted) + best < min(_SURE, len(whole)) and (len(scores) > 1 or len(wanted) < _ALONE):
        return None
    likely = [i for i, score in scores.items() if score == best]
    if len(likely) > 1 and len(title) > 1:  # the same words in two stories: each stands under its headline
        apart = {i: i - joined.rfind(title, 0, i) for i in likely if title in joined[:i]}
        nearest = min(apart.values(), default=0)
        likely = [i for i in apart if apart[i] == nearest]
    return likely[0] if len(likely) == 1 else None


def _all(wanted: str, joined: str) -> Iterator[int]:
    i = joined.find(wanted)
    while i >= 0:
        yield i
        i = joined.find(wanted, i + 1)


def _alike(a: str, b: str) -> int:
    """How many letters two texts begin with in common."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def standing(text: str, pages: Mapping[int, str]) -> int | None:
    """The page that holds most of an article, the first of equals; None where no page holds a piece of it."""
    whole = letters(text)
    pieces = [whole[i : i + _PIECE] for i in range(0, min(len(whole), 100 * _PIECE), _PIECE)]
    held = {number: sum(len(piece) > 3 and piece in kept for piece in pieces) for number, kept in pages.items()}
    most = max(held.values(), default=0)
    return next((number for number, count in held.items() if count == most), None) if most else None


def shows(lines: Sequence[PageLine], text: str) -> bool:
    """Whether something of an article is printed there. `text`: its letters, its title's too."""
    return any(len(own) >= _ALONE and own in text for own in (letters(line.text) for line in lines))


def boxes(lines: Sequence[PageLine], start: int, end: int) -> tuple[Share, ...]:
    """Around letters of a page, a box a line; the first and the last cut where the letters begin and end."""
    found, at = [], 0
    for line in lines:
        count = len(letters(line.text))
        a, b = max(start, at) - at, min(end, at + count) - at
        if a < b:
            found.append(_cut(line, a, b, count))
        at += count
    return tuple(found)


def _cut(line: PageLine, start: int, end: int, count: int) -> Share:
    """The part of a line with these of its letters and the marks behind them, by the width of its characters."""
    places = [n for n, c in enumerate(fold(line.text)) if c.isalnum()]
    first = places[start] if start else 0
    last = places[end] if end < count else len(line.text)
    if end < count:  # the marks that open what follows are not the sentence's
        opening = re.search(r"[\s“‘「『（《〈【(\[]+$", line.text[first:last])
        last -= len(opening[0]) if opening else 0
    widths = [1.0 if east_asian_width(c) in "WFA" else 0.5 for c in line.text]
    total = sum(widths)
    a, b = sum(widths[:first]) / total, sum(widths[:last]) / total
    left, top, right, bottom = line.box
    if line.down:
        return (left, round(top + a * (bottom - top), 5), right, round(top + b * (bottom - top), 5))
    return (round(left + a * (right - left), 5), top, round(left + b * (right - left), 5), bottom)
