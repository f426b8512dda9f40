"""Word files (.docx): paragraphs, headings, lists and tables in their order; text boxes where they are anchored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.bylines import is_person
from rag.reading.archive import refuse_bomb
from rag.reading.plain import digest, refuse_large, tidy
from rag.reading.refusing import Unreadable
from rag.reading.web import markdown_table
from rag.text import fold
from rag.types import Block, Document
from rag.words import say

_UNPACKED = 400 * 2**20
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def read(path: Path, source: str) -> Document:
    """Errors: Unreadable."""
    import zipfile

    from docx import Document as open_docx
    from docx.opc.exceptions import PackageNotFoundError

    refuse_large(path)
    refuse_bomb(path, _UNPACKED)
    try:
        with path.open("rb") as file:
            word = open_docx(file)
        blocks = list(_blocks(word))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, AttributeError, SyntaxError) as error:
        raise Unreadable("damaged", detail=type(error).__name__) from error  # SyntaxError: lxml's XMLSyntaxError
    if not blocks:
        raise Unreadable("empty")
    title = next((b.text for b in blocks[:4] if b.level == -1), None)
    blocks = [b for b in blocks if b.level != -1] if title else blocks
    core = word.core_properties
    author = tidy(core.author or "")
    return Document(
        source=source,
        format="docx",
        sha256=digest(path),
        blocks=tuple(blocks),
        characters=sum(len(b.text) for b in blocks),
        title=title or useful(core.title),
        author=author if is_person(fold(author)) else None,
    )


def useful(title: str | None) -> str | None:
    """A title that somebody wrote: not the name of a template or a file."""
    title = tidy(title or "")
    return (
        title
        if re.search(r"[\u4e00-\u9fff]{4}", title)
        and not re.search(r"\.(?:docx?|pptx?)$|文档\d*$|模板$|演示文稿\d*$|^无标题|^新建", title)
        else None
    )


def _blocks(word: Any) -> Iterator[Block]:
    """Blocks in order; level -1 marks a paragraph in the style of the document's title."""
    from docx.text.paragraph import Paragraph

    items: list[str] = []
    paragraphs = [Paragraph(p, word) for p in _inner(word.element.body) if p.tag == f"{_W}p"]
    bold = sum(len(p.text) for p in paragraphs if _bold(p))
    set_off = bold < 0.3 * sum(len(p.text) for p in paragraphs)  # else bold is what the whole text is set in
    for element in _inner(word.element.body):
        if element.tag == f"{_W}tbl":
            if items:
                yield Block("\n".join(items), "list")
                items = []
            yield from _table(element)
            continue
        part = Paragraph(element, word)
        for line in _lines(part._p):
            level = _level(part)
            listed = _in_list(part)
            if level is None and set_off and not listed and _bold(part):
                level = _rank(line)
            if level is None and listed:
                items.append(f"- {line}")
                continue
            if items:
                yield Block("\n".join(items), "list")
                items = []
            yield Block(line, "paragraph" if level is None else "heading", level or 0)
        for box in part._p.iter(f"{_W}txbxContent"):
            if any(p.tag.endswith("}Fallback") for p in box.iterancestors()):
                continue  # the same box again, for old programs
            for inner in box.iter(f"{_W}p"):
                yield from (Block(line) for line in _lines(inner))
    if items:
        yield Block("\n".join(items), "list")
    yield from _notes(word)


def _inner(element: Any) -> Iterator[Any]:
    """Paragraphs and tables in order, those in the fields of a form too; a table of contents says nothing of its own."""
    for child in element:
        if child.tag in (f"{_W}p", f"{_W}tbl"):
            yield child
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins", f"{_W}moveTo"):
            gallery = child.find(f"{_W}sdtPr/{_W}docPartObj/{_W}docPartGallery")
            if gallery is None or gallery.get(f"{_W}val") != "Table of Contents":
                yield from _inner(child)


def _notes(word: Any) -> Iterator[Block]:
    """What stands at the foot of the pages and at the end."""
    from docx.oxml import parse_xml

    for relation in word.part.rels.values():
        if relation.is_external or not relation.reltype.endswith(("/footnotes", "/endnotes")):
            continue
        for note in parse_xml(relation.target_part.blob):
            if note.get(f"{_W}type") is None:  # else a line that parts notes from text
                lines = [line for paragraph in note.iter(f"{_W}p") for line in _lines(paragraph)]
                if lines:
                    yield Block(say("reading.footnote", text=" ".join(lines)))


def _lines(paragraph: Any) -> list[str]:
    """A paragraph's text, cut at its line breaks; text boxes, deletions and fields' codes left out."""
    text: list[str] = []
    for node in paragraph.iter():
        if node.tag in (f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}cr", f"{_W}noBreakHyphen"):
            inside = [p.tag for p in node.iterancestors()]
            within = inside[: inside.index(f"{_W}p")] if f"{_W}p" in inside else inside
            if (
                f"{_W}txbxContent" in inside and f"{_W}txbxContent" not in [p.tag for p in paragraph.iterancestors()]
            ) or not {f"{_W}del", f"{_W}moveFrom"}.isdisjoint(within):
                continue
            text.append(
                node.text or ""
                if node.tag == f"{_W}t"
                else "-"
                if node.tag.endswith("Hyphen")
                else " "
                if node.tag.endswith("tab")
                else "\n"
            )
    return [line for part in "".join(text).split("\n") if (line := tidy(part))]


def _level(paragraph: Any) -> int | None:
    """1–6 for a heading by its style or outline level, -1 for the document's title, None for text."""
    style = paragraph.style
    while style is not None:
        name = str(style.name or "").lower()
        if name in ("title", "标题"):
            return -1
        found = re.match(r"(?:heading|标题)\s*([1-9])$", name)
        if found:
            return min(6, int(found[1]))
        outline = style.element.find(f"{_W}pPr/{_W}outlineLvl")
        if outline is not None and outline.get(f"{_W}val", "9").isdigit() and int(outline.get(f"{_W}val", "9")) < 6:
            return int(outline.get(f"{_W}val")) + 1
        style = style.base_style
    outline = paragraph._p.find(f"{_W}pPr/{_W}outlineLvl")
    if outline is not None and outline.get(f"{_W}val", "9").isdigit() and int(outline.get(f"{_W}val", "9")) < 6:
        return int(outline.get(f"{_W}val")) + 1
    return None


def _bold(paragraph: Any) -> bool:
    """Whether all of a paragraph is set in bold type."""
    runs = [run for run in paragraph.runs if run.text.strip()]
    return bool(runs) and all(run.bold for run in runs)


def _rank(line: str) -> int | None:
    """The level of a short line in bold type, which many writers use for a heading; None for a sentence."""
    if not 2 <= len(line) <= 30 or line[-1] in "。，；：、！？.,;:!?" or is_person(line):
        return None
    if re.match(r"第[一二三四五六七八九十百\d]+[章编部篇]|[一二三四五六七八九十]{1,3}、", line):
        return 2
    return 4 if re.match(r"\d+[.．]\d", line) else 3


def _in_list(paragraph: Any) -> bool:
    number = paragraph._p.find(f"{_W}pPr/{_W}numPr/{_W}numId")
    named = str(getattr(paragraph.style, "name", "") or "").lower().startswith("list")
    return (number is not None and number.get(f"{_W}val") != "0") or named


def _table(table: Any) -> Iterator[Block]:
    """Markdown; a table of one column is text in a frame. A cell that is merged over others says in each place what it
    says, so that every figure stays under its heading."""
    rows: list[list[str]] = []
    for row in table.tr_lst:
        cells = [""] * row.grid_before
        for cell in row.tc_lst:
            words = " ".join(line for paragraph in cell.iter(f"{_W}p") for line in _lines(paragraph))
            above = rows[-1][len(cells)] if rows and len(cells) < len(rows[-1]) else ""
            words = above if cell.vMerge == "continue" and not words else words.replace("|", "／")
            cells += [words] * min(cell.grid_span, 50)
        rows.append(cells)
    if rows and max(map(len, rows)) == 1:
        for row in table.tr_lst:
            for paragraph in row.iter(f"{_W}p"):
                yield from (Block(line) for line in _lines(paragraph))
    elif text := markdown_table(rows):
        yield Block(text, "table")
