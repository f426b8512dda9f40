"""Saved web pages (.html, .mhtml): the main text in blocks, title and author and date from the page's own marks.

Menus, forms, footers and scripts are left out. A page that says an error or asks for a login is no article.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.dates import iso_day
from rag.reading.encodings import decode
from rag.reading.plain import refuse_large, tidy
from rag.reading.refusing import Unreadable, refuse_error_page
from rag.text import fold
from rag.types import Block, Document

_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,30})|<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,30})",
    re.I,
)
_DROPPED = {
    "script",
    "style",
    "noscript",
    "template",
    "iframe",
    "object",
    "embed",
    "svg",
    "canvas",
    "form",
    "button",
    "select",
    "input",
    "textarea",
    "nav",
    "aside",
    "footer",
    "dialog",
    "audio",
    "video",
    "map",
    "head",
    "math",
}
_SIDE = re.compile(
    r"(?:^|[-_\s])(?:nav|navbar|menu|sidebar|breadcrumbs?|crumbs?|footer|foot|copyright|comments?|share|sharing|social|related|recommend|hot|rank|pager|"
    r"pagination|toolbar|login|signin|popup|modal|cookie|banner|advert|ads?|qrcode|search|tags?|toplink|skip|hidden)(?:$|[-_\s\d])",
    re.I,
)
_BLOCKS = {
    "p",
    "div",
    "section",
    "article",
    "main",
    "blockquote",
    "pre",
    "figure",
    "figcaption",
    "dl",
    "dt",
    "dd",
    "center",
    "address",
    "body",
    "header",
    "hgroup",
    "details",
    "summary",
    "fieldset",
    "td",
    "th",
    "tr",
    "tbody",
    "li",
}
_HEADINGS = {f"h{n}": n for n in range(1, 7)}


def read_html(path: Path, source: str) -> Document:
    """Errors: Unreadable."""
    refuse_large(path)
    data = path.read_bytes()
    declared = _CHARSET.search(data[:4096])
    text, encoding = decode(data, (declared[1] or declared[2]).decode("ascii") if declared else None)
    return replace(from_html(text, source), sha256=hashlib.sha256(data).hexdigest(), encoding=encoding)


def read_mhtml(path: Path, source: str) -> Document:
    """The page of a web archive; its pictures and styles are left out. Errors: Unreadable."""
    refuse_large(path)
    data = path.read_bytes()
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    for part in message.walk():
        if part.get_content_type() in ("text/html", "application/xhtml+xml"):
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes) and payload.strip():
                text, encoding = decode(payload, part.get_content_charset())
                return replace(
                    from_html(text, source), format="mhtml", sha256=hashlib.sha256(data).hexdigest(), encoding=encoding
                )
    raise Unreadable("empty")


def from_html(text: str, source: str) -> Document:
    """A document from HTML that is already decoded. Errors: Unreadable."""
    from lxml import etree, html

    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        root = html.document_fromstring(
            text, parser=html.HTMLParser(encoding=None, huge_tree=False, remove_comments=True, remove_pis=True)
        )
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise Unreadable("empty") from error
    meta = _meta(root)
    title = _title(root, meta)
    body = root.find(".//body")
    main = _main(body if body is not None else root)
    blocks = _blocks(main)
    if blocks and blocks[0].kind == "heading" and title and fold(blocks[0].text) == fold(title):
        blocks = blocks[1:]
    if not blocks:
        raise Unreadable("empty")
    refuse_error_page("\n".join([title or "", *(b.text for b in blocks)]))
    head = "\n".join(b.text for b in blocks[:6] if len(b.text) < 120)
    author = meta.get("author") or _said(r"(?:作者|记者|撰文|编辑|责任编辑)\s*[:：]\s*([\u4e00-\u9fff·]{2,10})", head)
    date = (
        iso_day(meta.get("date"))
        or iso_day(
            _said(r"(?:发布|发表|更新)?(?:时间|日期)\s*[:：]?\s*(\d{4}\s*[-年/.]\s*\d{1,2}\s*[-月/.]\s*\d{1,2})", head)
        )
        or iso_day(_said(r"^\s*(\d{4}[-年/.]\d{1,2}[-月/.]\d{1,2}日?)(?:\s+\d{1,2}:\d{2}|\s*$|\s+来源)", head))
    )
    return Document(
        source=source,
        format="html",
        sha256="",
        blocks=tuple(blocks),
        characters=sum(len(b.text) for b in blocks),
        title=title,
        author=author,
        date=date,
        column=meta.get("column"),
    )


def _said(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.M)
    return found[1] if found else None


def _meta(root: Any) -> dict[str, str]:
    """What the page says of itself in its <meta> elements."""
    names = {
        "author": "author",
        "article:author": "author",
        "og:article:author": "author",
        "date": "date",
        "pubdate": "date",
        "publishdate": "date",
        "article:published_time": "date",
        "og:release_date": "date",
        "publish_time": "date",
        "firstpublishedtime": "date",
        "dc.date": "date",
        "og:title": "title",
        "articletitle": "title",
        "columnname": "column",
        "article:section": "column",
        "channel": "column",
    }
    found: dict[str, str] = {}
    for element in root.iter("meta"):
        name = str(element.get("name") or element.get("property") or element.get("itemprop") or "").lower()
        content = tidy(str(element.get("content") or ""))
        if name in names and content and not content.startswith("http"):
            found.setdefault(names[name], content)
    return found


def _title(root: Any, meta: dict[str, str]) -> str | None:
    """og:title, the only h1, or <title> without the site's name behind it."""
    if meta.get("title"):
        return meta["title"]
    tops = [words for h in root.iter("h1") if (words := _words(h))]
    named = root.find(".//title")
    whole = _words(named) if named is not None else ""
    if len(tops) == 1 and len(tops[0]) <= 80:
        return tops[0]
    first = re.split(r"\s*[-_|–—]\s*(?=[^-_|–—]{2,20}$)|[_|]", whole)[0].strip()
    return first or None


def _main(body: Any) -> Any:
    """The element that holds the page's text: <article>, <main>, or the smallest one with most of the text outside links."""
    for element in [e for e in body.iter() if isinstance(e.tag, str)]:
        gone = (
            element.tag in _DROPPED
            or element.get("hidden") is not None
            or re.search(r"display\s*:\s*none|visibility\s*:\s*hidden", element.get("style") or "")
        )
        if gone and element is not body and element.getparent() is not None:
            element.drop_tree()
    sides = [e for e in body.iter() if isinstance(e.tag, str) and e is not body and _beside(e)]
    if sum(map(_prose, sides)) < 0.8 * _prose(body):  # else its author named the text so
        for element in sides:
            element.drop_tree()
    whole = _prose(body)
    for tag in ("article", "main"):
        found = max(body.iter(tag), key=_prose, default=None)
        if found is not None and _prose(found) >= max(40, 0.4 * whole):
            return found
    best = body
    while True:
        inner = max((e for e in best if isinstance(e.tag, str)), key=_prose, default=None)
        if (
            inner is None
            or inner.tag in ("p", "table", "ul", "ol", "pre", "tbody")
            or _prose(inner) < 0.8 * max(1, _prose(best))
            or any(h.getparent() is best for level in _HEADINGS for h in best.iter(level))
        ):
            return best
        best = inner


def _beside(element: Any) -> bool:
    """Whether an element is named after what stands beside a text, and is short."""
    if element.tag in ("article", "main"):
        return False
    return bool(_SIDE.search(f"{element.get('class') or ''} {element.get('id') or ''}")) and _prose(element) < 400


def _prose(element: Any) -> int:
    """Characters of text outside links."""
    links = sum(len(_words(a)) for a in element.iter("a"))
    return max(0, len(_words(element)) - links)


def _words(element: Any) -> str:
    return tidy(" ".join("".join(element.itertext()).split()))


def _blocks(main: Any) -> list[Block]:
    blocks: list[Block] = []
    loose: list[str] = []

    def flush() -> None:
        for line in "".join(loose).split("\n"):
            if words := tidy(" ".join(line.split())):
                blocks.append(Block(words))
        loose.clear()

    def walk(element: Any, depth: int) -> None:
        if depth > 200:  # no writer nests so deep; lxml's own limit is 256
            loose.append(_words(element))
            return
        tag = element.tag
        if tag in _HEADINGS:
            flush()
            if words := _words(element):
                blocks.append(Block(words, "heading", _HEADINGS[tag]))
            return
        if tag == "table" and _is_data(element):
            flush()
            if rows := _table(element):
                blocks.append(Block(rows, "table"))
            return
        if tag in ("ul", "ol"):
            flush()
            if items := _items(element):
                blocks.append(Block("\n".join(items), "list"))
            return
        if tag == "figcaption":
            flush()
            if words := _words(element):
                blocks.append(Block(words, "caption"))
            return
        separate = tag in _BLOCKS
        if separate:
            flush()
        if tag == "br":
            loose.append("\n")
        if element.text:
            loose.append(element.text.replace("\n", " ") if tag != "pre" else element.text)
        for child in element:
            if isinstance(child.tag, str):
                walk(child, depth + 1)
            if child.tail:
                loose.append(child.tail.replace("\n", " ") if tag != "pre" else child.tail)
        if separate:
            flush()

    walk(main, 0)
    flush()
    return blocks


def _items(element: Any, indent: str = "") -> list[str]:
    """A line an item, those of a list inside one indented under it."""
    lines: list[str] = []
    number = 0
    for item in element:
        if not isinstance(item.tag, str):
            continue
        if item.tag != "li":
            lines += _items(item, indent + "  " if item.tag in ("ul", "ol") else indent)
            continue
        words, inner = _apart(item)
        if words:
            number += 1
            lines.append(f"{indent}{f'{number}.' if element.tag == 'ol' else '-'} {words}")
        for one in inner:
            lines += _items(one, indent + "  ")
    return lines


def _apart(item: Any) -> tuple[str, list[Any]]:
    """What an item says itself, and the lists inside it."""
    said, inner = [item.text or ""], []
    for child in item:
        if child.tag in ("ul", "ol"):
            inner.append(child)
        elif isinstance(child.tag, str):
            words, more = _apart(child)
            said.append(f" {words} " if child.tag in _BLOCKS else words)
            inner += more
        said.append(child.tail or "")
    return tidy(" ".join("".join(said).split())), inner


def _is_data(table: Any) -> bool:
    """A table of short cells; one that lays out a page has few and long ones."""
    cells = [len(_words(c)) for c in table.iter("td", "th")]
    return (
        len(cells) >= 4
        and max(cells) <= 300
        and all(inside is table for inside in table.iter("h1", "h2", "h3", "table"))
    )


def _table(table: Any) -> str:
    """As Markdown: a row a line, the first as the head."""
    rows: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column → rows that a cell above reaches down yet, what it says
    for row in table.iter("tr"):
        cells: list[str] = []

        def from_above(cells: list[str] = cells) -> None:
            while len(cells) in below:
                left, words = below.pop(len(cells))
                if left > 1:
                    below[len(cells)] = (left - 1, words)
                cells.append(words)

        for cell in row.iter("td", "th"):
            from_above()
            words = _words(cell).replace("|", "／")
            for _ in range(_span(cell, "colspan")):
                if (reach := _span(cell, "rowspan")) > 1:
                    below[len(cells)] = (reach - 1, words)
                cells.append(words)
        from_above()
        rows.append(cells)
    return markdown_table(rows)


def _span(cell: Any, name: str) -> int:
    """Columns or rows that a cell covers; no more than a writer's table has."""
    said = str(cell.get(name) or "1").strip()
    return min(max(int(said), 1), 50) if said.isascii() and said.isdigit() and len(said) < 6 else 1


def markdown_table(rows: list[list[str]]) -> str:
    """Rows of cells as Markdown, the first as the head; empty rows left out, short ones filled."""
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    width = max(map(len, rows))
    lines = ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
    if len(lines) > 1:
        lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)
