"""Electronic books (.epub): the chapters in the order of the book's spine, each read as a web page.

An EPUB is a zip of XHTML with a list of its parts; the standard library and lxml read it in a page of code, where the
well-kept libraries for it are under licences that this one can't join (EbookLib: AGPL) or bring a browser along.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rag.bylines import is_person
from rag.dates import iso_day
from rag.reading.archive import opened, refuse_bomb
from rag.reading.encodings import decode
from rag.reading.plain import digest, refuse_large, tidy
from rag.reading.refusing import Unreadable
from rag.reading.web import from_html
from rag.text import fold
from rag.types import Block, Document
from rag.words import say

_UNPACKED = 400 * 2**20
_MAX_PARTS = 3000
_MAX_PART = 20 * 2**20  # bytes of one chapter
_MAX_CHARACTERS = 20_000_000


def read(path: Path, source: str) -> Document:
    """Errors: Unreadable."""
    refuse_large(path)
    refuse_bomb(path, _UNPACKED)
    with opened(path) as book:
        try:
            package = _package(book)
            blocks, losses = _chapters(book, *package)
            root = package[0]
        except (KeyError, ValueError, zipfile.BadZipFile, RuntimeError, EOFError, OSError) as error:
            raise Unreadable("damaged", detail=type(error).__name__) from error  # RuntimeError: an encrypted member
    if not blocks:
        raise Unreadable("empty")
    author = _said(root, "creator") or ""
    return Document(
        source=source,
        format="epub",
        sha256=digest(path),
        blocks=tuple(blocks),
        pages=max(b.page for b in blocks),
        characters=sum(len(b.text) for b in blocks),
        title=_said(root, "title"),
        author=author if is_person(fold(author)) else None,
        date=iso_day(_said(root, "date")),
        losses=tuple(losses),
    )


def _package(book: zipfile.ZipFile) -> tuple[Any, str]:
    """The book's list of parts, and the folder its names count from. Errors: KeyError, ValueError."""
    container = _xml(_bytes(book, "META-INF/container.xml"))
    name = next((e.get("full-path") for e in container.iter("{*}rootfile")), None)
    if not name:
        raise ValueError("container.xml names no package")
    return _xml(_bytes(book, name)), posixpath.dirname(name)


def _chapters(book: zipfile.ZipFile, root: Any, folder: str) -> tuple[list[Block], list[str]]:
    """The chapters' blocks, a chapter a page, and what was lost. Errors: Unreadable for a book under lock."""
    parts = {e.get("id"): e for e in root.iter("{*}item")}
    spine = [parts[e.get("idref")] for e in root.iter("{*}itemref") if e.get("idref") in parts]
    if len(spine) > _MAX_PARTS:
        raise Unreadable("too_many_pages", pages=len(spine), limit=_MAX_PARTS)
    locked = _locked(book)
    blocks: list[Block] = []
    losses: list[str] = []
    characters = 0
    for number, item in enumerate(spine, 1):
        name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
        if "nav" in (item.get("properties") or "").split():
            continue
        if name in locked:
            raise Unreadable("encrypted")
        try:
            text, _ = decode(_bytes(book, name), "utf-8")
            fresh = list(_chapter(text, name, number))
        except KeyError:
            losses.append(say("reading.bad_pages", pages=number))
            continue
        except Unreadable as why:
            if why.key != "empty":  # a cover
                losses.append(say("reading.bad_part", number=number, why=str(why)))
            continue
        characters += sum(len(b.text) for b in fresh)
        if characters > _MAX_CHARACTERS:
            losses.append(say("reading.rest_of_pages", page=number))
            break
        blocks += fresh
    return blocks, losses


def _chapter(text: str, name: str, number: int) -> Iterator[Block]:
    chapter = from_html(text, name)
    if chapter.title and len(chapter.title) <= 80:
        yield Block(chapter.title, "heading", 1, number)
    for block in chapter.blocks:
        level = min(6, block.level + 1) if block.kind == "heading" else 0
        yield Block(block.text, block.kind, level, number)


def _locked(book: zipfile.ZipFile) -> set[str]:
    """Parts that are encrypted; fonts alone are in books that anyone may read."""
    if "META-INF/encryption.xml" not in book.namelist():
        return set()
    return {
        unquote(e.get("URI") or "") for e in _xml(_bytes(book, "META-INF/encryption.xml")).iter("{*}CipherReference")
    }


def _bytes(book: zipfile.ZipFile, name: str) -> bytes:
    """Errors: KeyError, Unreadable."""
    info = book.getinfo(name)
    if info.file_size > _MAX_PART:
        raise Unreadable("zip_large", size=info.file_size >> 20, limit=_MAX_PART >> 20)
    return book.read(info)


def _xml(data: bytes) -> Any:
    """Errors: ValueError."""
    from lxml import etree

    try:
        return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error


def _said(root: Any, name: str) -> str | None:
    element = next(root.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}"), None)
    return tidy(" ".join("".join(element.itertext()).split())) or None if element is not None else None
