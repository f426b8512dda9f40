"""Hits come in, their sentences go out, each once, with what stands around it.

Hits of one article that touch or overlap are joined first, so that a sentence knows the one before it across passages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag import text as t
from rag.types import Evidence, Hit

_ROW = re.compile(r"^\s*\|.*\|\s*$|^[^\t\n]{1,40}(?:\t[^\t\n]{0,60})+$")
_RULE = re.compile(r"^[\s|:+=\-—]+$")
# What stands before a sentence and says nothing of it: a list's sign; a report's 本报讯（记者 某某）, 新华社北京2月1日电.
_MARK = re.compile(
    r"^(?:[●■◆▲▶★•·\-*]\s*"
    r"|(?:本[报報刊网網][讯訊]|(?:新华|新華|中新)社\w{2,8}\d{1,2}日[电電])\s*(?:[（(][^（()）]{2,30}[）)])?[\s，,：:]*)"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence (or a row of a table) that may answer. `start` and `end` count in its article's text."""

    hit: Hit  # the best hit that holds it
    rank: int  # of that hit, from 0
    start: int
    end: int
    text: str
    stretch: int  # which run of joined hits it stands in
    index: int  # its place in that run
    header: tuple[str, ...] = ()  # for a row of a table: the names of its columns
    opens: bool = False  # the first sentence of a paragraph

    def evidence(self, score: float) -> Evidence:
        return Evidence(self.hit, self.start, self.end, self.text, score)


def cells(row: str) -> tuple[str, ...]:
    """A table's row as its cells; () for a line that is none."""
    if not _ROW.match(row):
        return ()
    parts = row.strip().strip("|").split("|") if "|" in row else row.split("\t")
    return tuple(p.strip() for p in parts)


def gather(hits: Sequence[Hit]) -> list[Candidate]:
    """All sentences of the hits: articles in the order of their best hit, sentences in the order of the text."""
    by_article: dict[tuple[str, int], list[tuple[int, Hit]]] = {}
    for rank, hit in enumerate(hits):
        by_article.setdefault((hit.article_id, -1 if hit.article_id else hit.passage_id), []).append((rank, hit))
    found: list[Candidate] = []
    stretch = -1
    for members in by_article.values():
        end, index = -1, 0
        header: tuple[str, ...] = ()
        for rank, hit in sorted(members, key=lambda m: (m[1].start, m[0])):
            if hit.start > end + 2 or end < 0:
                stretch, index, header = stretch + 1, 0, ()
            for a, b in t.sentences(hit.text):
                start = hit.start + a
                if start < end:
                    continue  # the hit before had it
                text = hit.text[a:b]
                row = cells(text)
                if row and _RULE.match(text):
                    continue
                if row and not header:
                    header = row
                    end = hit.start + b
                    continue  # the names of the columns answer nothing by themselves
                if not row:
                    header = ()
                opens = (a == 0 and hit.start == 0) or hit.text[max(0, a - 2) : a].find("\n") >= 0
                mark = _MARK.match(text)
                if mark and mark.end() < len(text):
                    start, text = start + mark.end(), text[mark.end() :]
                found.append(
                    Candidate(
                        hit,
                        rank,
                        start,
                        hit.start + b,
                        text,
                        stretch,
                        index,
                        header if len(header) == len(row) else (),
                        opens,
                    )
                )
                index += 1
                end = hit.start + b
            end = max(end, hit.end)
    return found


def neighbours(candidates: Sequence[Candidate]) -> list[tuple[str, str]]:
    """For each candidate the sentence before and after it in its run, "" where there is none."""
    around = []
    for i, c in enumerate(candidates):
        before = candidates[i - 1].text if i and candidates[i - 1].stretch == c.stretch else ""
        after = candidates[i + 1].text if i + 1 < len(candidates) and candidates[i + 1].stretch == c.stretch else ""
        around.append((before, after))
    return around
