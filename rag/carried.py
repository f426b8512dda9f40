"""Stories that a newspaper carries on upon another page: their parts come in, which belong together and the whole go out.

Both ends must point at each other (下转第3版 on page 1, 上接第1版 on page 3) in one issue; where several do, headlines
and the sentence that was broken off tell them apart. What stays unclear is left apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from rag import bylines
from rag.breaks import fits, joined, unfinished
from rag.text import fold
from rag.types import Article, Section

_FITS = 2  # of `breaks.fits`: good evidence


def chains(parts: Sequence[Article]) -> list[list[int]]:
    """Which of these (each has its `half`) make one story: their places, from the first to the last; all are in it."""
    at: dict[tuple[str | None, str | None], list[int]] = {}  # day and page → parts there
    for j, b in enumerate(parts):
        at.setdefault((b.date, b.page), []).append(j)
    pairs = [
        (_evidence(a, parts[j]), -i, -j)
        for i, a in enumerate(parts)
        for j in at.get((a.date, a.half.onward if a.half else None), []) + at.get((a.date, None), [])
        if i != j and _point_at_each_other(a, parts[j])
    ]
    onward: dict[int, int] = {}
    before: dict[int, int] = {}
    for weight, minus_i, minus_j in sorted(pairs, reverse=True):
        i, j = -minus_i, -minus_j
        if i in onward or j in before:
            continue
        rivals = sum((x == minus_i and -y not in before) or (y == minus_j and -x not in onward) for _, x, y in pairs)
        if weight >= _FITS or rivals == 1:
            onward[i], before[j] = j, i
    found, seen = [], set[int]()
    for i in [i for i in range(len(parts)) if i not in before] + list(range(len(parts))):  # the latter: a ring
        chain = []
        link: int | None = i
        while link is not None and link not in seen:
            seen.add(link)
            chain.append(link)
            link = onward.get(link)
        if chain:
            found.append(chain)
    return found


def whole(parts: Sequence[Article]) -> Article:
    """One story of its parts, under the id of the first, so that what was cited there stays where it was."""
    first = parts[0]
    text: list[tuple[str, str]] = []
    captions: list[str] = []
    for part in parts:
        assert part.half is not None
        rest = list(part.half.parts)
        if text and rest and text[-1][0] == rest[0][0] == "text" and unfinished(text[-1][1]):
            text[-1] = ("text", joined(text[-1][1], rest.pop(0)[1]))
        text += rest
        captions += part.half.captions
    said, sections = put_together(text + [("text", c) for c in captions])
    headline = next((p.half.headline for p in parts if p.half and p.half.headline), "") or first.title
    author = next((p.author for p in parts if p.author), None)
    if author is None and text and (byline := bylines.closing(text[-1][1])):
        author = byline.author
    column = next((p.column for p in parts if p.column), None)
    return replace(first, title=headline, text=said, author=author, column=column, sections=sections, half=None)


def put_together(parts: Sequence[tuple[str, str]], levels: Sequence[int] = ()) -> tuple[str, tuple[Section, ...]]:
    """The text of an article and its sections; `levels` of the headings among the parts, missing: 1."""
    pieces: list[str] = []
    sections: list[Section] = []
    length = 0
    for kind, text in parts:
        if kind == "heading":
            level = levels[len(sections)] if len(sections) < len(levels) else 1
            sections.append(Section(length, level, text))
        pieces.append(text)
        length += len(text) + 1
    return "\n".join(pieces), tuple(sections)


def _point_at_each_other(a: Article, b: Article) -> bool:
    """Whether `b` may carry on `a`: one issue, and the pages that each names are the other's, as far as they are known."""
    assert a.half is not None and b.half is not None
    if not a.half.onward or not b.half.back or a.date is None or a.date != b.date:
        return False
    papers = [fold(paper) for paper in (a.half.paper, b.half.paper) if paper]
    same = papers[0] == papers[1] if len(papers) == 2 else _folder(a) == _folder(b)
    known = (b.page is None or a.half.onward == b.page) and (a.page is None or b.half.back == a.page)
    return same and known and (a.page is not None or b.page is not None or _named_alike(a, b))


def _evidence(a: Article, b: Article) -> int:
    """How well `b` goes on with `a`, beside the pages: a headline repeated, a sentence gone on with."""
    assert a.half is not None and b.half is not None
    weight = 6 if _named_alike(a, b) else 0
    if a.half.parts and b.half.parts and unfinished(a.half.parts[-1][1]):
        weight += fits(a.half.parts[-1][1], b.half.parts[0][1])
    return weight


def _named_alike(a: Article, b: Article) -> bool:
    assert a.half is not None and b.half is not None
    one, other = (fold("".join(half.headline.split())) for half in (a.half, b.half))
    return min(len(one), len(other)) >= 4 and (one in other or other in one)


def _folder(article: Article) -> str:
    return str(PurePosixPath(article.source).parent)
