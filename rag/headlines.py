"""Headline-like lines between two texts: do they open a story, head a part of one, or belong to the text itself?

Lines and the story that is being read come in; a verdict goes out. No single mark decides: each kind of evidence
counts as experience with pages has it (a byline that closed the story before, 本报讯 behind, ranks, sizes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag import bylines, newspaper
from rag.breaks import continues, fits, unfinished
from rag.newspaper import Head
from rag.roles import Line

NO_HEAD = Head()


@dataclass(slots=True)
class Story:
    """A story as it grows. `parts` are (kind, text): text, heading, table, list."""

    title: str = ""
    author: str | None = None
    column: str | None = None
    issue: Head = NO_HEAD
    parts: list[tuple[str, str]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    level: int = 0  # of its headline's mark, 0: unmarked
    size: float = 0.0  # of its headline's type, 0: unknown
    closed: bool = False  # its byline has been read at its end
    brief: bool = False
    onward: str | None = None  # the page that carries it on: 下转第3版
    back: str | None = None  # the page it was begun on, where that is not here: 上接第1版

    @property
    def tail(self) -> str:
        """Its last words, where they are running text."""
        return self.parts[-1][1] if self.parts and self.parts[-1][0] == "text" else ""

    @property
    def broken(self) -> bool:
        return not self.closed and bool(self.tail) and unfinished(self.tail)

    @property
    def length(self) -> int:
        return sum(len(text) for kind, text in self.parts)


def evidence(
    titles: Sequence[Line],
    under: Sequence[Line],
    rest: Sequence[Line],
    current: Story | None,
    boundary: bool,
    marked_page: bool,
) -> int:
    """Above 0: the group opens a story. Each kind of evidence counts as experience with pages has it."""
    first, last, following = titles[0], titles[-1], rest[0]
    if current is None:
        return 9
    if first.look.inset:
        return -9
    if first.look.correction or following.look.lead:
        return 9
    marked = last.block.kind == "heading"
    score = 0
    if current.closed or current.brief or (newspaper.correction(current.title) and current.parts):
        score += 5
    if newspaper.begins_like_news(following.look.folded):
        score += 3
    if under:
        score += 5
    if boundary:
        score += 3
    if len(titles) > 1:
        score += 2 if len(titles) <= 4 else -3
    size = max(newspaper.han(t.look.folded) for t in titles)
    score += 1 if size >= 13 or (" " in last.look.folded.strip() and size >= 8) else -1 if size <= 7 else 0
    if marked and current.level:
        score += 3 if first.block.level <= current.level else -3 if current.author is None else -1
    elif not marked and marked_page:
        score -= 2
    if current.size and last.block.size:
        ratio = max(t.block.size or 0 for t in titles) / current.size
        score += 3 if ratio >= 0.85 else 1 if ratio >= 0.6 else -3
    if current.broken:
        score -= 2 if marked and current.level and first.block.level <= current.level else 4
    elif (
        not marked
        and not boundary
        and not current.closed
        and len(titles) == 1
        and following.label == "text"
        and continues(last.look.text, following.look.text) >= 2
    ):
        score -= 6
    signs = signed_later(rest)
    if current.author is None and not current.closed:
        score -= 2 if signs else 0
    elif current.author is not None and not current.closed:
        score += 2 if signs else 0
    if not current.parts:
        score -= 2
    return score


def signed_later(rest: Sequence[Line]) -> bool:
    """Whether the text is signed before the next headline."""
    for line in rest:
        if line.label in ("title", "column", "head"):
            return False
        if line.label == "byline" and line.look.byline and line.look.byline.sure:
            return True
        if line.label == "text" and bylines.closing(line.look.text):
            return True
    return False


def is_byline(line: Line, n: int, last_title: int, group: list[Line], followed: bool, current: Story | None) -> bool:
    """A bare name or office is a byline under a headline or at a story's end; above a headline it belongs to that."""
    byline = line.look.byline
    assert byline is not None
    if byline.sure and line.block.kind != "heading":
        # 资阳 王村 is a pair of names by its form: above a headline it is part of that
        people = [w for w in re.split(r"[\s、]+", line.look.folded.strip()) if w]
        return not (
            n < last_title
            and len(people) > 1
            and all(map(bylines.is_person, people))
            and current is not None
            and current.closed
        )
    if n < last_title or line.block.kind == "heading" or (n + 1 < len(group) and group[n + 1].label == "byline"):
        return False
    if n > last_title >= 0:
        return followed and bylines.is_person(line.look.folded.replace(" ", ""))
    return current is not None and not current.closed and not current.broken and current.author is None


def is_text(line: Line, current: Story | None) -> bool:
    """Whether a line above a headline is the last of the story before: it goes on with it, or ends like talk."""
    if current is None or current.closed or not current.parts or line.block.kind == "heading" or line.look.correction:
        return False
    if current.broken:
        return fits(current.tail, line.look.text) >= 2
    return line.look.folded[-1] in "!?" and not newspaper.column_like(line.look.folded)


def is_fragment(
    titles: Sequence[Line], following: Line | None, current: Story | None, boundary: bool, marked: bool
) -> bool:
    """Whether the line before a text is that paragraph's beginning, broken off: the text goes on with it."""
    last = titles[-1]
    if (
        following is None
        or following.label != "text"
        or following.look.lead
        or last.block.kind == "heading"
        or last.look.correction
        or last.look.inset
    ):
        return False
    if len(titles) == 1 and (current is None or current.closed or not current.parts or boundary):
        return False
    evidence = continues(last.look.text, following.look.text) + ("," in last.look.folded) + ("、" in last.look.folded)
    return evidence >= (0 if any(t.block.kind == "heading" for t in titles[:-1]) else 1 if marked else 2)


_PARALLEL = re.compile(r"[\u3400-\u9fff]{2,8}(?::|(?<=[省市县区州镇乡村社校局馆会协])\s)\S")


def without_umbrella(titles: list[Line], lines: list[Line]) -> list[Line]:
    """Leaves out a headline above the story's own that spans the next stories too.

    They are marked as the story's own is and it is not, or they are worded alike (通江县:……, 渠县:……).
    """
    if len(titles) < 2:
        return titles
    over, own = titles[0].block, titles[1].block
    if over.size and own.size and over.size < own.size:
        return titles  # a smaller line above the headline is its 引题
    parallel = bool(_PARALLEL.match(titles[1].look.folded)) and not _PARALLEL.match(titles[0].look.folded)
    ranked = own.kind == over.kind == "heading" and 0 < over.level < own.level and not own.size
    start = lines.index(titles[1])
    for n in range(start + 1, len(lines)):
        line = lines[n]
        if line.label != "title" or line.look.inset or (ranked and line.block.kind != "heading"):
            continue
        opens = any(x.look.lead or (x.label == "byline" and n > start + 1) for x in lines[n + 1 : n + 3])
        if ranked and line.block.level <= over.level:
            return titles
        if opens and ((ranked and line.block.level == own.level) or (parallel and _PARALLEL.match(line.look.folded))):
            return titles[1:]
        if opens and not ranked:
            return titles
    return titles


def sizes_differ(a: float | None, b: float | None) -> bool:
    return bool(a and b) and not 0.92 <= a / b <= 1.09  # type: ignore[operator]
