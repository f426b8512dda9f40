"""A document comes in, its stories go out: rows as they are, plain documents whole, newspaper pages cut."""
from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from rag.types import Article, Document, Section


def cut(document: Document) -> list[Article]:
    """The document's articles in reading order."""
    if document.records:
        return [Article(article_id(r.key, r.title, r.text), r.key, r.title, r.text, r.author, r.date, None, r.column)
                for r in document.records]
    title, lines, sections, length = document.title, [], [], 0
    for block in document.blocks:
        if block.kind == "heading" and title is None:
            title = block.text
            continue
        if block.kind == "heading":
            sections.append(Section(length, block.level, block.text))
        lines.append(block.text)
        length += len(block.text) + 1
    text = "\n".join(lines)
    title = title if title is not None else PurePosixPath(document.source).stem
    return [Article(article_id(document.source, title, text), document.source, title, text, document.author, document.date,
                    sections=tuple(sections))]


def article_id(source: str, title: str, text: str, ordinal: int = 0) -> str:
    """16 hexadecimal characters; `ordinal` tells equal stories of one document apart."""
    whole = "\x00".join((source, title, text, *([str(ordinal)] if ordinal else [])))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]
