"""An article comes in; the spans that are searched go out, in order: whole sentences, under one heading.

Even passages are found better than full ones with a crumb at the end, so the number of passages
is fixed first and each takes its share of the sentences.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from rag.text import Span, sentences
from rag.types import Article, Passage, Section

# Measured by embeddings/train_ranker.py's study, see embeddings/ranker/README.md.
SIZE = 160  # characters a passage aims at, at most
VERSION = "3"  # of the rules that cut articles and passages: made by others, they are made anew when files come again
LONGEST = 320  # a single sentence past this is cut at its commas, or at a space, or anywhere
LONGEST_NAME = 60  # of a title or heading; some pages give a whole paragraph, which would drown the passage under it
_PAUSE = re.compile(r"[，,、：:]|\s(?=\S)")


def split(article: Article) -> list[Passage]:
    """The article's passages; none for an article of blank space. No passage crosses a section's start."""
    text, passages = article.text, []
    sections = sorted(article.sections, key=lambda s: s.start)
    edges = sorted({0, len(text), *(min(max(s.start, 0), len(text)) for s in sections)})
    starts = [s.start for s in sections]
    for begin, end in pairwise(edges):
        spans = [(begin + a, begin + b) for a, b in sentences(text[begin:end])]
        pieces = [piece for span in spans for piece in _shorter(text, span)]
        heading = _heading(article.title, sections[: bisect_right(starts, begin)])
        passages += [Passage(a, b, text[a:b], heading) for a, b in _pack(pieces)]
    return passages


def _heading(title: str, above: Sequence[Section]) -> str:
    """The title and the headings that stand over a place, as "标题 > 小标题"."""
    stack: list[Section] = []
    for section in above:
        while stack and stack[-1].level >= section.level:
            stack.pop()
        stack.append(section)
    names = [n.strip()[:LONGEST_NAME].rstrip() for n in (title, *(s.heading for s in stack))]
    return " > ".join(n for i, n in enumerate(names) if n and n not in names[:i])


def _shorter(text: str, span: Span) -> list[Span]:
    """The sentence itself, or its parts of at most LONGEST characters where it is longer."""
    start, end = span
    parts: list[Span] = []
    while end - start > LONGEST:
        pauses = [m.end() for m in _PAUSE.finditer(text, start + SIZE // 2, start + SIZE)]
        cut = pauses[-1] if pauses else start + SIZE
        parts.append((start, cut))
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        parts.append((start, end))
    return parts


def _pack(pieces: Sequence[Span]) -> list[Span]:
    """Neighbouring pieces joined into spans of even length, of about SIZE characters at most."""
    spans: list[Span] = []
    left, at = sum(b - a for a, b in pieces), 0
    while at < len(pieces):
        share = left / -(-left // SIZE)
        first, held = at, 0
        # Stopping short of the share or going past it: the smaller error.
        while at < len(pieces) and (held < share / 2 or held + (pieces[at][1] - pieces[at][0]) / 2 <= share):
            held += pieces[at][1] - pieces[at][0]
            at += 1
        left -= held
        spans.append((pieces[first][0], pieces[at - 1][1]))
    return spans
