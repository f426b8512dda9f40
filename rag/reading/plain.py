"""Text files (.txt, .md): lines become blocks; a head of `name: value` lines becomes the document's own properties."""
from __future__ import annotations

import hashlib
import re
from pathlib import Path

from rag.reading.encodings import decode
from rag.reading.refusing import Unreadable
from rag.types import Block, Document

MAX_BYTES = 200 * 2**20     # of one text; a library of rows may be larger (rows.py)

LINE_END = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")


def read(path: Path, source: str, suffix: str) -> Document:
    """Errors: Unreadable."""
    if path.stat().st_size > MAX_BYTES:
        raise Unreadable("too_large", limit=MAX_BYTES >> 20)
    data = path.read_bytes()
    text, encoding = decode(data)
    title, author, date = None, None, None
    lines = LINE_END.split(text)
    if lines and lines[0].strip() == "---" and "---" in [line.strip() for line in lines[1:40]]:
        end = [line.strip() for line in lines[1:]].index("---") + 1
        for line in lines[1:end]:
            name, _, value = line.partition(":")
            value = value.strip().strip("\"'")
            if name.strip() == "title":
                title = value
            elif name.strip() == "author":
                author = value
            elif name.strip() == "date":
                date = value
        lines = lines[end + 1:]
    blocks = []
    for line in lines:
        line = line.strip()
        if not line:
            continue
        heading = _HEADING.match(line)
        if heading:
            blocks.append(Block(heading[2], "heading", len(heading[1])))
        else:
            blocks.append(Block(line))
    if not blocks:
        raise Unreadable("empty")
    return Document(source=source, format=suffix.lstrip("."), sha256=hashlib.sha256(data).hexdigest(), encoding=encoding,
                    blocks=tuple(blocks), characters=sum(len(b.text) for b in blocks), title=title, author=author, date=date)
