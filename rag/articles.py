"""A document comes in, its stories go out: rows as they are, newspaper pages cut, plain documents whole.

What is no story (running heads, column headings, notices, advertisements) is set aside, and `cut_all` tells it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rag import bylines, newspaper, stories
from rag.carried import put_together
from rag.dates import date_in_name, iso_day
from rag.newspaper import Head
from rag.roles import is_page
from rag.text import fold
from rag.types import Article, Block, Document, Half

_BOOK = 40_000  # characters: a text that is longer is taken apart by its chapters
_LEAST_CAPTION = 8  # characters: shorter ones (会场) say nothing without their picture


def cut(document: Document) -> list[Article]:
    """The document's articles in reading order; ids differ inside a document."""
    return cut_all(document)[0]


def cut_all(document: Document) -> tuple[list[Article], list[str]]:
    """The articles, and the lines that were set aside as no part of any."""
    aside: list[str] = []
    if document.records:
        drafts = [
            _Draft(r.title, [("text", r.text)], r.author, r.date, None, r.column, r.key) for r in document.records
        ]
    elif is_page(document.blocks):
        drafts, aside = _page(document)
    else:
        drafts = _plain(document)
    seen: dict[str, int] = {}
    articles = []
    for draft in drafts:
        article = draft.article(document.source)
        if not article.text.strip():
            aside.append(draft.title)
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
    levels: list[int] = field(default_factory=list)  # of the headings among the parts; missing: 1
    half: Half | None = None

    def article(self, source: str, ordinal: int = 0) -> Article:
        source = self.source or source
        text, sections = put_together(self.parts, self.levels)
        return Article(
            article_id(source, self.title, text, ordinal),
            source,
            self.title,
            text,
            self.author,
            self.date,
            self.page,
            self.column,
            sections,
            self.half,
        )


# ---------------------------------------------------------------- newspaper pages


def _page(document: Document) -> tuple[list[_Draft], list[str]]:
    name = PurePosixPath(document.source).stem
    known = Head(date=document.date or date_in_name(name), page=newspaper.page_in_name(name))
    found, aside = stories.stories(document.blocks, known)
    drafts = []
    for story in found:
        captions = [c for c in story.captions if len(c) >= _LEAST_CAPTION]
        aside += [c for c in story.captions if len(c) < _LEAST_CAPTION]
        draft = _Draft(
            story.title,
            story.parts + [("text", c) for c in captions],
            story.author,
            story.issue.date,
            story.issue.page,
            story.column or story.issue.section,
        )
        if story.onward or story.back:
            draft.half = Half(
                tuple(story.parts), tuple(captions), story.title, story.onward, story.back, story.issue.paper
            )
        drafts.append(draft)
    if len(drafts) == 1:  # one report saved from the web, or typed: what the file says of itself holds for it
        only = drafts[0]
        only.title = only.title or document.title or name
        only.author, only.column = only.author or document.author, only.column or document.column
    elif drafts and document.title and not drafts[0].title:
        drafts[0].title = document.title
    return drafts, aside


# ---------------------------------------------------------------- plain documents


def _plain(document: Document) -> list[_Draft]:
    """One article; one for each heading of the first rank where the document is clearly a collection."""
    blocks = list(document.blocks)
    title = document.title
    tops = [n for n, b in enumerate(blocks) if b.kind == "heading" and b.level == 1]
    if _is_collection(blocks, tops):
        starts = ([0] if tops[0] else []) + tops
        drafts = []
        for a, b in zip(starts, [*starts[1:], len(blocks)], strict=True):
            named = blocks[a].kind == "heading"
            drafts.append(
                _whole(blocks[a].text if named else title or _name(document), blocks[a + named : b], document)
            )
        return [d for d in drafts if any(kind != "heading" for kind, _ in d.parts)]
    if (
        blocks
        and (blocks[0].kind == "heading" or (title is None and _stands_like_a_title(blocks)))
        and (title is None or fold(title) == fold(blocks[0].text))
        and not _first_of_several(blocks)
    ):
        title = blocks.pop(0).text
    if not blocks:  # a file of one line
        return [_whole(_name(document), document.blocks, document)]
    return [_whole(title or _name(document), blocks, document)]


def _whole(title: str, blocks: Sequence[Block], document: Document) -> _Draft:
    """The blocks as one article, with the author and date that stand under the title or in a byline at the end."""
    author, date = document.author, document.date
    kept = list(blocks)
    while kept and kept[0].kind == "paragraph" and len(kept[0].text) <= 60:
        said = _SAID.findall(kept[0].text)
        byline = bylines.standing(kept[0].text)
        if byline and byline.sure and byline.author and author is None:
            author = byline.author
        elif said and sum(len(name) + len(value) for name, value in said) >= 0.6 * len("".join(kept[0].text.split())):
            people = [value for name, value in said if name.endswith(("作者", "记者", "撰文"))]
            days = [iso_day(value) for name, value in said if iso_day(value)]
            author, date = author or " ".join(people) or None, date or next(iter(days), None)
            if len(people) + len(days) < len(said) or (people and " ".join(people) != author):
                break  # where it came from, or another name, stays readable
        elif date is None and (day := iso_day(kept[0].text)) and _DAY.fullmatch(fold(kept[0].text).strip()):
            date = day
        else:
            break
        kept.pop(0)
    if kept and author is None and kept[-1].kind == "paragraph":
        signed = bylines.standing(kept[-1].text) if len(kept) > 1 else None
        closing = bylines.closing(kept[-1].text)
        if signed and signed.sure and signed.author:
            author = signed.author
            kept.pop()
        elif closing and closing.author:
            author = closing.author
    parts: list[tuple[str, str]] = []
    levels: list[int] = []
    for block in kept or blocks:
        parts.append(("heading" if block.kind == "heading" else "text", block.text))
        if block.kind == "heading":
            levels.append(block.level or 1)
    return _Draft(title, parts, author, date, column=document.column, levels=levels)


_NUMBERED = re.compile(r"(?:第[一二三四五六七八九十\d]+[章节编部篇]|[一二三四五六七八九十]{1,3}、|\d{1,2}[.、](?!\d))")
_DAY = re.compile(
    r"[(\[]?\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s*(?:星期|周).)?(?:\s*\d{1,2}:\d{2}(?::\d{2})?)?[)\]]?"
)
_SAID = re.compile(
    r"(作者|记者|撰文|来源|出处|(?:发布|发表|更新)?(?:时间|日期))\s*[:：]\s*([^\s:：|｜]+(?:\s\d{1,2}:\d{2}(?::\d{2})?)?)"
)


def _is_collection(blocks: Sequence[Block], tops: Sequence[int]) -> bool:
    """Three and more texts of some length under headings of the first rank, as in a reader or a year's pieces. Where
    these are counted (第一章, 二、), they are parts of one text, unless it is a book."""
    counted = sum(bool(_NUMBERED.match(fold(blocks[n].text))) for n in tops)
    if len(tops) < 3 or (2 * counted > len(tops) and sum(len(b.text) for b in blocks) < _BOOK):
        return False
    lengths = [sum(len(b.text) for b in blocks[a + 1 : b]) for a, b in zip(tops, [*tops[1:], len(blocks)], strict=True)]
    return sum(length >= 200 for length in lengths) >= 0.8 * len(tops)


def _first_of_several(blocks: Sequence[Block]) -> bool:
    """A heading with a number, under which others of its rank go on counting, heads a part and not the whole."""
    first = blocks[0]
    return (
        first.kind == "heading"
        and bool(_NUMBERED.match(fold(first.text)))
        and any(b.kind == "heading" and b.level == first.level and _NUMBERED.match(fold(b.text)) for b in blocks[1:])
    )


def _stands_like_a_title(blocks: Sequence[Block]) -> bool:
    """A short first line without a full stop, above longer text."""
    first = blocks[0]
    if (
        first.kind != "paragraph"
        or len(blocks) < 2
        or not 2 <= len(first.text) <= 40
        or first.text[-1] in "。，、；：,;:."
    ):
        return False
    return max(len(b.text) for b in blocks[1:4]) > len(first.text) and not bylines.standing(first.text)


def _name(document: Document) -> str:
    return PurePosixPath(document.source).stem
