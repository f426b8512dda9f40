"""Text files (.txt, .md): lines become blocks; head lines of `name: value` become the document's own properties."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from rag.dates import iso_day
from rag.reading.encodings import decode
from rag.reading.refusing import Unreadable, refuse_error_page
from rag.text import fold
from rag.types import Block, Document
from rag.words import say

MAX_BYTES = 200 * 2**20  # of one text; a file of rows may be larger (rows.py)

LINE_END = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
# Seen by nobody, and in the way of search; the joiners of emoji and Indic scripts are no part of them.
_UNSEEN = re.compile("[\x7f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_HTML = re.compile(r"\s*(?:<!doctype\s+html|<html[\s>])", re.I)
# A program that took a text out of a page has put a space behind each character.
_HAN = re.compile(r"[\u3400-\u9fff]")
_APART = re.compile(r"([\u3000-\u303f\u3400-\u9fff\uff00-\uffef]) (?=[\u3000-\u303f\u3400-\u9fff\uff00-\uffef])")
_HEADING = re.compile(r"(#{1,6})[ \t\u3000]+(.*?)[ \t]*#*$")
_ITEM = re.compile(r"(?:[-*+]|\d{1,3}[.)])[ \t]+\S")
_RULE = re.compile(r"(?:[-*_=~—–·. ]\s*){3,}$")
_PROPERTIES = {
    "title": "title",
    "标题": "title",
    "题目": "title",
    "篇名": "title",
    "author": "author",
    "作者": "author",
    "作者姓名": "author",
    "date": "date",
    "日期": "date",
    "时间": "date",
    "发布时间": "date",
    "发布日期": "date",
    "发表时间": "date",
    "发表日期": "date",
    "刊发日期": "date",
    "column": "column",
    "栏目": "column",
    "category": "column",
    "分类": "column",
    "source": "origin",
    "来源": "origin",
    "出处": "origin",
}
_PROPERTY = re.compile(r"\**\s*([a-z]{2,12}|[\u4e00-\u9fff]{2,4})\s*\**\s*:\s*\**\s*(.*)")


def refuse_large(path: Path) -> None:
    """Errors: Unreadable, where a file has more than MAX_BYTES."""
    if path.stat().st_size > MAX_BYTES:
        raise Unreadable("too_large", limit=MAX_BYTES >> 20)


def read(path: Path, source: str, suffix: str) -> Document:
    """Errors: Unreadable."""
    refuse_large(path)
    data = path.read_bytes()
    text, encoding = decode(data)
    if _HTML.match(text):  # saved from the web under another name
        from rag.reading.web import read_html

        return read_html(path, source)
    kind = "md" if suffix in (".md", ".markdown") else "txt"
    return replace(from_text(text, source, kind), sha256=hashlib.sha256(data).hexdigest(), encoding=encoding)


def from_text(text: str, source: str, kind: str) -> Document:
    """A document from a text that is already decoded; its sha256 is left to the caller. Errors: Unreadable."""
    if len(_APART.findall(text)) > 0.6 * max(50, len(_HAN.findall(text))):
        text = _APART.sub(r"\1", text)
    lines = [tidy(line) for line in LINE_END.split(text)]
    properties, lines = _front_matter(lines, marked_only=kind == "txt")
    blocks = _markdown(lines) if kind == "md" else _text(lines)
    origin = properties.pop("origin", None)
    if origin and origin not in text[text.find(origin) + len(origin) :]:
        blocks.append(Block(say("reading.origin", origin=origin)))
    if not blocks:
        raise Unreadable("empty")
    refuse_error_page("\n".join([properties.get("title", ""), *(b.text for b in blocks)]))
    return Document(
        source=source,
        format=kind,
        sha256="",
        blocks=tuple(blocks),
        characters=sum(len(b.text) for b in blocks),
        title=properties.get("title"),
        author=properties.get("author"),
        date=iso_day(properties.get("date")),
        column=properties.get("column"),
    )


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tidy(text: str) -> str:
    """Without blank space at the ends and characters that nobody sees."""
    return _UNSEEN.sub("", text).strip()


def _front_matter(lines: list[str], marked_only: bool) -> tuple[dict[str, str], list[str]]:
    """Properties and the lines behind them: between two `---`, or two and more such lines at the very beginning."""
    start = next((i for i, line in enumerate(lines) if line), len(lines))
    if start < len(lines) and lines[start] == "---":
        end = next((i for i in range(start + 1, min(len(lines), start + 60)) if lines[i] in ("---", "...")), None)
        if end is not None:
            return _properties(lines[start + 1 : end]), lines[end + 1 :]
    end = start
    while (
        end < len(lines)
        and lines[end]
        and (found := _PROPERTY.fullmatch(fold(lines[end])))
        and found[1] in _PROPERTIES
        and len(lines[end]) < 200
    ):
        end += 1
    if end - start >= 2 or (end - start == 1 and not marked_only and end < len(lines) and not lines[end]):
        return _properties(lines[start:end]), lines[end:]
    return {}, lines


def _properties(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        match = _PROPERTY.fullmatch(fold(line))
        if match and match[1] in _PROPERTIES:
            value = line[match.start(2) :].strip().strip("\"'*").strip("[]").strip()
            if value:
                found.setdefault(_PROPERTIES[match[1]], value)
    return found


# ---------------------------------------------------------------- text


def _text(lines: list[str]) -> list[Block]:
    """A line is a paragraph; rows of a table stay together; a text wrapped to one width is joined again."""
    blocks: list[Block] = []
    for run in _runs(lines):
        if _is_table(run):
            blocks.append(Block("\n".join(run), "table"))
        else:
            blocks += [_line(line) for line in _unwrapped(run)]
    return blocks


def _runs(lines: list[str]) -> list[list[str]]:
    """Lines between blank ones; a table, a heading and a rule stand apart."""
    runs: list[list[str]] = [[]]
    for line in lines:
        if not line or _RULE.fullmatch(line):
            runs.append([])
            continue
        if runs[-1] and line.startswith("|") != runs[-1][-1].startswith("|"):
            runs.append([])
        runs[-1].append(line)
    return [run for run in runs if run]


def _is_table(run: list[str]) -> bool:
    return len(run) >= 2 and all(line.startswith("|") and line.count("|") >= 2 for line in run)


def _line(line: str) -> Block:
    heading = _HEADING.fullmatch(line)
    if heading and heading[2]:
        return Block(_bold(heading[2]), "heading", len(heading[1]))
    return Block(_bold(line))


def _bold(line: str) -> str:
    """A line that is bold as a whole, without the marks."""
    whole = re.fullmatch(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", line)
    return whole[2] if whole else line


def _unwrapped(run: list[str]) -> list[str]:
    """Lines cut to one width (a mail, an old editor) joined to paragraphs; others as they are."""
    if len(run) < 3:
        return run
    widths = [_width(line) for line in run]
    widest = max(widths)
    full = [w >= widest - 4 for w in widths]
    if (
        widest < 40
        or widest > 160
        or sum(full[:-1]) < 0.8 * (len(run) - 1)
        or any(_HEADING.fullmatch(line) for line in run)
    ):
        return run
    if sum(line[-1] in "。！？!?.：:" for line in run[:-1]) > 0.4 * len(run):
        return run
    paragraphs = [run[0]]
    for line, before in zip(run[1:], full, strict=False):
        if before:
            apart = (
                paragraphs[-1][-1:].isascii()
                and line[:1].isascii()
                and paragraphs[-1][-1:].isalnum()
                and line[:1].isalnum()
            )
            paragraphs[-1] += (" " if apart else "") + line
        else:
            paragraphs.append(line)
    return paragraphs


def _width(line: str) -> int:
    return sum(1 if c < "\u1100" else 2 for c in line)


# ---------------------------------------------------------------- Markdown


def _markdown(lines: list[str]) -> list[Block]:
    """Headings, tables and lists kept; marks of emphasis, links and pictures leave their words."""
    blocks: list[Block] = []
    fence: str | None = None
    code: list[str] = []
    paragraph: list[str] = []

    def flush() -> None:
        if paragraph:
            if _is_table(paragraph):
                blocks.append(Block("\n".join(_words(line) for line in paragraph), "table"))
            elif _ITEM.match(paragraph[0]):
                blocks.append(Block("\n".join(_words(line) for line in paragraph), "list"))
            else:
                blocks.extend(Block(words) for words in map(_words, _soft(paragraph)) if words)
            paragraph.clear()

    for line in _without_comments(lines):
        if fence is not None:
            if line.startswith(fence):
                fence = None
                if code:
                    blocks.append(Block("\n".join(code), "list"))
                code = []
            elif line:
                code.append(line)
            continue
        if line.startswith(("```", "~~~")):
            flush()
            fence = line[:3]
            continue
        line = re.sub(r"^(?:>\s?)+", "", line).strip()
        heading = _HEADING.fullmatch(line)
        if heading:
            flush()
            if words := _words(heading[2]):
                blocks.append(Block(words, "heading", len(heading[1])))
        elif re.fullmatch(r"=+|-{2,}", line) and len(paragraph) == 1 and not _ITEM.match(paragraph[0]):
            words = _words(paragraph.pop())
            blocks.append(Block(words, "heading", 1 if line[0] == "=" else 2))
        elif not line or _RULE.fullmatch(line):
            flush()
        else:
            starts_list, in_list = bool(_ITEM.match(line)), bool(paragraph and _ITEM.match(paragraph[0]))
            if paragraph and (line.startswith("|") != paragraph[-1].startswith("|") or (starts_list and not in_list)):
                flush()
            paragraph.append(line)
    if code:
        blocks.append(Block("\n".join(code), "list"))
    flush()
    return _with_lists_joined(blocks)


def _without_comments(lines: list[str]) -> list[str]:
    return [line.strip() for line in re.sub(r"<!--.*?-->", "", "\n".join(lines), flags=re.S).split("\n")]


def _soft(paragraph: list[str]) -> list[str]:
    """Lines that a writer broke for the eye are one paragraph; behind a sentence's end a new one begins."""
    joined = [paragraph[0]]
    for line in paragraph[1:]:
        before = joined[-1]
        if before[-1:] in "。！？!?；;：:”』」…" or len(before) < 12:
            joined.append(line)
        else:
            apart = before[-1:].isascii() and line[:1].isascii()
            joined[-1] += (" " if apart else "") + line
    return joined


def _with_lists_joined(blocks: list[Block]) -> list[Block]:
    """Items of one list that blank lines set apart are one list."""
    joined: list[Block] = []
    for block in blocks:
        if joined and block.kind == joined[-1].kind == "list":
            joined[-1] = replace(joined[-1], text=f"{joined[-1].text}\n{block.text}")
        else:
            joined.append(block)
    return joined


def _words(line: str) -> str:
    """The words of a line of Markdown, without its marks."""
    line = re.sub(r"!\[([^\[\]]{0,300})\]\([^()]{0,2000}\)", r"\1", line)
    line = re.sub(r"\[([^\[\]]{1,300})\]\([^()]{0,2000}\)", r"\1", line)
    line = re.sub(r"(\*\*|__)(?=\S)(.{1,2000}?)(?<=\S)\1", r"\2", line)
    line = re.sub(r"(?<![\w*])\*(?=\S)([^*]{1,2000}?)(?<=\S)\*(?![\w*])", r"\1", line)
    line = re.sub(r"`([^`]{1,2000})`", r"\1", line)
    line = re.sub(r"</?(?:br|p|b|i|em|strong|u|span|font|center|div|sup|sub)\b[^<>]{0,500}>", "", line)
    return re.sub(r"\\([\\`*_{}\[\]()#+.!|-])", r"\1", line).strip()
