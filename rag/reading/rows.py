"""Files of rows (.jsonl, .csv): a row is an article; a bad row is named and the others go in.

Read line by line, so that a file of hundreds of megabytes costs no more memory than its texts.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from rag.dates import iso_day
from rag.reading import encodings
from rag.reading.plain import tidy
from rag.reading.refusing import Unreadable
from rag.types import Document, Record
from rag.words import say

MAX_BYTES = 512 * 2**20
MAX_ROW = 8 * 2**20  # bytes
_SAMPLE = 2**20  # bytes by which the encoding is known
_NAMED = 20  # lines whose loss is told one by one

_NAMES = {
    "id": ("id", "_id", "编号", "序号"),
    "text": ("text", "正文", "内容", "文章", "全文", "content", "body"),
    "title": ("title", "标题", "题目", "题名"),
    "author": ("author", "作者", "记者", "署名"),
    "date": ("date", "日期", "时间", "发布日期", "发布时间", "发表日期", "刊发日期"),
    "column": ("column", "栏目", "分类", "类别", "category"),
    "question": ("问", "问题", "提问", "question", "q"),
    "answer": ("答", "答案", "回答", "解答", "answer", "a"),
}
_BROKEN = re.compile("[\\x00-\\x08\\x0e-\\x1f\ufffd\ud800-\udfff]|锟斤拷")


class Losses:
    """What was left out, line by line, and no longer than a person reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def add(self, line: int, why: str) -> None:
        self.count += 1
        if self.count <= _NAMED:
            self.lines.append(say("reading.bad_row", line=line, why=why))

    def told(self) -> tuple[str, ...]:
        more = self.count - _NAMED
        return (*self.lines, say("reading.more_bad_rows", count=more)) if more > 0 else tuple(self.lines)


class BadRow(Exception):
    """Why a row can't be used, in words."""


def read_jsonl(path: Path, source: str) -> Document:
    """Errors: Unreadable, where no row is left."""
    losses, keys = Losses(), Keys(source)
    records = []
    with _opened(path) as (file, codec, mark, digest):
        for number, line in _lines(file, codec, mark, digest, losses):
            if not line.strip():
                continue
            try:
                records.append(_record(_parsed(line), number, keys))
            except BadRow as why:
                losses.add(number, str(why))
    return document(source, "jsonl", codec, digest.hexdigest(), records, losses)


def read_csv(path: Path, source: str, delimiter: str | None = None) -> Document:
    """Errors: Unreadable, where the header names no text and is none, or no row is left."""
    losses, keys = Losses(), Keys(source)
    records: list[Record] = []
    with _opened(path) as (file, codec, mark, digest):
        lines = (line + "\n" for _, line in _lines(file, codec, mark, digest, losses))
        first = next(lines, "")
        while first and not first.strip():
            first = next(lines, "")
        delimiter = delimiter or max(",\t;，", key=first.count)
        csv.field_size_limit(MAX_ROW)
        rows = csv.reader(_chain(first, lines), delimiter=delimiter)
        try:
            header, table = [tidy(cell) for cell in next(rows, [])], ""
            if sum(map(bool, header)) == 1 < len(header):  # the table's name stands above it
                header, table = [tidy(cell) for cell in next(rows, [])], next(filter(None, header))
            places = fields(header)
            for row in rows:
                if not any(cell.strip() for cell in row):
                    continue
                try:
                    records.append(from_cells(header, places, row, rows.line_num, keys, table))
                except BadRow as why:
                    losses.add(rows.line_num, str(why))
        except csv.Error as error:
            losses.add(rows.line_num, str(error))
    return document(source, "csv", codec, digest.hexdigest(), records, losses)


def document(source: str, kind: str, codec: str | None, sha256: str, records: list[Record], losses: Losses) -> Document:
    """Errors: Unreadable, where no row is left."""
    if not records:
        raise Unreadable("no_rows", first=losses.lines[0]) if losses.lines else Unreadable("empty")
    return Document(
        source=source,
        format=kind,
        sha256=sha256,
        encoding=encodings.public_name(codec) if codec else None,
        records=tuple(records),
        characters=sum(len(r.text) for r in records),
        losses=losses.told(),
    )


# ---------------------------------------------------------------- lines


class _opened:
    """The file, its codec, the length of its mark of byte order, and a digest to feed. Errors: Unreadable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> tuple[BinaryIO, str, int, Any]:
        if self.path.stat().st_size > MAX_BYTES:
            raise Unreadable("too_large", limit=MAX_BYTES >> 20)
        self.file = self.path.open("rb")
        try:
            sample = self.file.read(_SAMPLE)
            if len(sample) == _SAMPLE and b"\n" in sample:
                sample = sample[: sample.rindex(b"\n") + 1]
            codec, mark = _codec(sample)
            self.file.seek(0)
        except BaseException:
            self.file.close()
            raise
        return self.file, "utf-8" if codec == "ascii" else codec, mark, hashlib.sha256()

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _codec(sample: bytes) -> tuple[str, int]:
    """The encoding of a file by its first bytes, which may end within a character. Errors: Unreadable."""
    for less in range(4 if len(sample) == _SAMPLE else 0):
        try:
            return encodings.detect_by_lines(sample[: len(sample) - less])
        except Unreadable:
            continue
    return encodings.detect_by_lines(sample)


def _lines(file: BinaryIO, codec: str, mark: int, digest: Any, losses: Losses) -> Iterator[tuple[int, str]]:
    """Numbers from 1 and lines; one that is in another encoding or too long is a loss."""
    if codec.startswith("utf-16") or codec.startswith("utf-32") or codec == "hz":
        data = file.read()
        digest.update(data)
        try:
            yield from enumerate(data[mark:].decode(codec).splitlines(), 1)
        except UnicodeDecodeError as error:
            raise Unreadable("damaged_text", place=error.start + mark + 1) from error
        return
    decode = codecs.getdecoder(codec)
    number = 0
    while chunk := file.readline(MAX_ROW):
        number += 1
        digest.update(chunk)
        if len(chunk) == MAX_ROW and not chunk.endswith(b"\n"):
            losses.add(number, say("reading.row_too_long"))
            while chunk and not chunk.endswith(b"\n"):
                chunk = file.readline(MAX_ROW)
                digest.update(chunk)
            continue
        try:
            yield number, decode(chunk[mark:] if number == 1 else chunk)[0].rstrip("\r\n\x1a")
        except UnicodeDecodeError:
            losses.add(number, say("reading.row_garbled"))


# ---------------------------------------------------------------- rows


class Keys:
    """The rows' names: their id, or FILE#number where they have none or share one."""

    def __init__(self, source: str) -> None:
        self.source, self.seen = source, set[str]()

    def name(self, given: object, number: int) -> str:
        key = tidy(str(given)) if isinstance(given, str | int) and not isinstance(given, bool) else ""
        if not key or key in self.seen or len(key) > 300:
            key = f"{self.source}#{number}"
        self.seen.add(key)
        return key


def _parsed(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRow(say("reading.row_no_json")) from None
    if not isinstance(row, dict):
        raise BadRow(say("reading.row_no_object"))
    return row


def _record(row: dict[str, Any], number: int, keys: Keys) -> Record:
    text = row.get("text")
    if not isinstance(text, str):
        raise BadRow(say("reading.row_no_text"))
    return Record(
        keys.name(row.get("id"), number),
        _text(text),
        _short(row, "title") or "",
        _short(row, "author"),
        iso_day(_short(row, "date")),
        _short(row, "column"),
    )


def _short(row: dict[str, Any], name: str) -> str | None:
    """A field of a few words; a list of names becomes one."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        value = " ".join(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise BadRow(say("reading.row_no_string", field=name))
    if _BROKEN.search(value):
        raise BadRow(say("reading.row_garbled"))
    return " ".join(tidy(value).split()) or None


def _text(text: str) -> str:
    """The text with one line a paragraph. Errors: BadRow where nothing or rubbish is left."""
    if _BROKEN.search(text) or encodings.garbled(text[:60]):
        raise BadRow(say("reading.row_garbled"))
    lines = [tidy(line) for line in text.splitlines()]
    text = "\n".join(line for line in lines if line)
    if not text:
        raise BadRow(say("reading.row_no_text"))
    return text


# ---------------------------------------------------------------- tables


def fields(header: Sequence[str]) -> dict[str, int]:
    """Which cell is what. Without a text among them the header must at least look like one. Errors: Unreadable."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        for field, names in _NAMES.items():
            if name.lower() in names:
                places.setdefault(field, place)
    if "text" in places or {"question", "answer"} <= places.keys():
        return places
    named = [name for name in header if name]
    if (
        len(named) < 2
        or len(set(named)) < len(named)
        or any(re.fullmatch(r"[\d.,%\s-]+", n) or len(n) > 20 for n in named)
    ):
        raise Unreadable("no_header")
    return {k: v for k, v in places.items() if k in ("title", "date", "column")}


def from_cells(
    header: Sequence[str], places: dict[str, int], row: Sequence[str], number: int, keys: Keys, table: str = ""
) -> Record:
    """A row with a text, a question with its answer (the question is the title), or a record: 名称：值；名称：值。

    `table`: the table's name, which a record's title begins with. Errors: BadRow.
    """
    if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
        raise BadRow(say("reading.row_cells"))
    cells = {field: row[place] if place < len(row) else "" for field, place in places.items()}
    if "text" in places:
        text = _text(cells["text"])
    elif "answer" in places:
        text = _text(cells["answer"])
        cells["title"] = cells.get("title") or cells["question"]
    else:
        pairs = [
            (name, " ".join(cell.split())) for name, cell in zip(header, row, strict=False) if name and cell.strip()
        ]
        if not pairs:
            raise BadRow(say("reading.row_no_text"))
        text = _text("；".join(f"{name}：{value}" for name, value in pairs) + "。")
        cells.setdefault("title", f"{table} {pairs[0][1]}".strip())
    given: dict[str, Any] = {k: v for k, v in cells.items() if v.strip()}
    return Record(
        keys.name(given.get("id"), number),
        text,
        _short(given, "title") or "",
        _short(given, "author"),
        iso_day(given.get("date")),
        _short(given, "column"),
    )


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
