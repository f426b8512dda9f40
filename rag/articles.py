"""A document comes in, its stories go out: rows as they are, newspaper pages cut, plain documents whole.

What is no story (running heads, column headings, notices, advertisements) is set aside, and `cut_all` tells it.
"""
from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rag import newspaper, stories
from rag.newspaper import Head
from rag.types import Article, Block, Document, Section

_LEAST_CAPTION = 8      # characters: shorter ones (会场) say nothing without their picture


def cut(document: Document) -> list[Article]:
    """The document's articles in reading order; ids differ inside a document."""
    return cut_all(document)[0]


def cut_all(document: Document) -> tuple[list[Article], list[str]]:
    """The articles, and the lines that were set aside as no part of any."""
    aside: list[str] = []
    if document.records:
        drafts = [_Draft(r.title, [("text", r.text)], r.author, r.date, None, r.column, r.key) for r in document.records]
    elif stories.is_page(document.blocks):
        drafts, aside = _page(document)
    else:
        drafts = _plain(document)
    seen: dict[str, int] = {}
    articles = []
    for draft in drafts:
        article = draft.article(document.source)
        if not article.text.strip():
            continue
        twin = seen.get(article.article_id, 0)
        seen[article.article_id] = twin + 1
        articles.append(article if not twin else draft.article(document.source, twin))
    return articles, aside


def article_id(source: str, title: str, text: str, ordinal: int = 0) -> str:
    """16 hexadecimal characters; `ordinal` tells equal stories of one document apart."""
    whole = "\x00".join((source, title, text, *([str(ordinal)] if ordinal else [])))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(slots=True)
class _Draft:
    """An article before its text is put together; parts are (kind, text)."""

    title: str
    parts: list[tuple[str, str]]
    author: str | None = None
    date: str | None = None
    page: str | None = None
    column: str | None = None
    source: str | None = None
    levels: list[int] = field(default_factory=list)     # of the headings among the parts; missing: 1

    def article(self, source: str, ordinal: int = 0) -> Article:
        source = self.source or source
        pieces, sections, length, headings = [], [], 0, 0
        for kind, text in self.parts:
            if kind == "heading":
                level = self.levels[headings] if headings < len(self.levels) else 1
                sections.append(Section(length, level, text))
                headings += 1
            pieces.append(text)
            length += len(text) + 1
        text = "\n".join(pieces)
        return Article(article_id(source, self.title, text, ordinal), source, self.title, text, self.author, self.date, self.page,
                       self.column, tuple(sections))


# ---------------------------------------------------------------- newspaper pages

def _page(document: Document) -> tuple[list[_Draft], list[str]]:
    name = PurePosixPath(document.source).stem
    known = Head(date=document.date or newspaper.date_in_name(name), page=newspaper.page_in_name(name))
    found, aside = stories.stories(document.blocks, known)
    drafts = []
    for story in found:
        captions = [("text", c) for c in story.captions if len(c) >= _LEAST_CAPTION]
        drafts.append(_Draft(story.title, story.parts + captions, story.author, story.issue.date, story.issue.page,
                             story.column or story.issue.section))
    return drafts, aside


# ---------------------------------------------------------------- plain documents

def _plain(document: Document) -> list[_Draft]:
    title, parts, levels = document.title, [], []
    for block in document.blocks:
        if block.kind == "heading" and title is None and not parts:
            title = block.text
        elif block.kind == "heading":
            parts.append(("heading", block.text))
            levels.append(block.level or 1)
        else:
            parts.append(("text", block.text))
    title = title if title is not None else PurePosixPath(document.source).stem
    return [_Draft(title, parts, document.author, document.date, column=document.column, levels=levels)]
