"""Questions that were noted come in; how many, how well answered, on what and when goes out, also as CSV.

A side room of `library.py`. A share is told with what it is a share of; nothing is estimated.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from statistics import median
from typing import TYPE_CHECKING

from rag.alike import groups, understood
from rag.desktypes import Asked, Figures, Holdings, Line
from rag.question import Question
from rag.words import say

if TYPE_CHECKING:
    from rag.store import Store

MOST = 30  # rows of each list
GROUPED = 3000  # questions, the newest, that are compared to find those asked in several ways


def figures(asked: Sequence[Asked], since: str = "", until: str = "") -> Figures:
    days = [a.day for a in asked]
    together = same(asked[-GROUPED:])
    named = [_line(usual(g), g) for g in together]
    return Figures(
        since or min(days, default=""),
        until or max(days, default=""),
        _line("", asked),
        len({a.asker for a in asked if a.asker}) or None,
        round(median([a.seconds for a in asked] or [0.0]), 2),
        tuple(sorted(_by(asked, lambda a: (week(a.day),)), key=lambda line: line.name)),
        tuple(_by(asked, lambda a: a.columns))[:MOST],
        tuple(_by(asked, lambda a: a.sources))[:MOST],
        tuple(sorted(named, key=lambda line: -line.questions)[:MOST]),
        tuple(sorted((n for n in named if n.lacking), key=lambda line: -line.lacking)[:MOST]),
        dict(Counter(a.reason for a in asked if a.outcome == "refused" and a.reason).most_common()),
    )


def holdings(store: Store) -> Holdings:
    """How much the library holds now, and in which months it came."""
    counts, (columns, _) = store.counts(), store.columns_and_sources()
    came: Counter[str] = Counter()
    for document in store.documents():
        came[document.added_at[:7]] += document.articles
    months = [(name, came[name]) for name in _months(min(came, default=""), max(came, default=""))]
    every = (counts.articles, counts.documents, counts.characters, store.size())
    return Holdings(*every, tuple(months), tuple((name, n) for name, n in columns if name))


def _months(first: str, last: str) -> list[str]:
    if not first:
        return []
    a, b = (int(m[:4]) * 12 + int(m[5:]) - 1 for m in (first, last))
    return [f"{n // 12}-{n % 12 + 1:02}" for n in range(a, b + 1)]


def week(day: str) -> str:
    """2025-02-26 → 2025-W09, as ISO 8601 counts weeks."""
    year, number, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{number:02}"


def same(asked: Sequence[Asked]) -> list[list[Asked]]:
    """Those that ask the same put together (`rag.alike`), in the order in which each first comes."""
    by_words: dict[str, list[Asked]] = {}
    for one in asked:
        by_words.setdefault(one.asked, []).append(one)
    words: list[str] = []
    meant: list[Question] = []
    for text in by_words:
        if (question := understood(text)) is not None:
            meant.append(question)
            words.append(text)
    return [[one for i in places for one in by_words[words[i]]] for places in groups(meant)]


def usual(asked: Sequence[Asked]) -> str:
    """The words in which it was asked most, the newest among equals."""
    counted = Counter(a.asked for a in asked)
    return max(asked, key=lambda a: (counted[a.asked], a.number)).asked


def _by(asked: Sequence[Asked], keys: Callable[[Asked], Iterable[str]]) -> list[Line]:
    of: dict[str, list[Asked]] = {}
    for one in asked:
        for key in keys(one):
            of.setdefault(key, []).append(one)
    return sorted((_line(name, some) for name, some in of.items()), key=lambda line: (-line.questions, line.name))


def _line(name: str, asked: Sequence[Asked]) -> Line:
    answered = sum(a.outcome != "refused" for a in asked)
    return Line(name, len(asked), answered, sum(a.vote > 0 for a in asked), sum(a.vote < 0 for a in asked))


def as_csv(told: Figures) -> str:
    """One table, its first column says of what; with the mark by which Excel knows UTF-8."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")
    names = ("kind", "name", "questions", "answered", "lacking", "helpful", "unhelpful")
    write.writerow([say(f"figures.csv.{name}") for name in names])
    parts: list[tuple[str, Sequence[Line]]] = [("all", (told.all,))]
    parts += [(p, getattr(told, p)) for p in ("weeks", "columns", "sources", "most_asked", "most_lacking")]
    for part, lines in parts:
        for line in lines:
            name = _harmless(line.name or f"{told.since} — {told.until}")
            counts = (line.questions, line.answered, line.lacking, line.helpful, line.unhelpful)
            write.writerow([say(f"figures.part.{part}"), name, *counts])
    return "\ufeff" + out.getvalue()


def _harmless(text: str) -> str:
    """A cell that begins like a formula is run by spreadsheets: a quotation mark before it makes it text."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
