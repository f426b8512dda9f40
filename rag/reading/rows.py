"""Files of rows (.jsonl, .csv): a row is an article; a bad row is named and the others go in."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rag.reading.encodings import decode
from rag.reading.refusing import Unreadable
from rag.types import Document, Record
from rag.words import say

MAX_BYTES = 512 * 2**20
MAX_NAMED = 20      # lines whose loss is told one by one


def read_jsonl(path: Path, source: str) -> Document:
    """Errors: Unreadable."""
    if path.stat().st_size > MAX_BYTES:
        raise Unreadable("too_large", limit=MAX_BYTES >> 20)
    data = path.read_bytes()
    text, encoding = decode(data)
    records, losses = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            records.append(Record(key=str(row.get("id") or number), text=str(row["text"]), title=str(row.get("title") or ""),
                                  author=row.get("author"), date=row.get("date"), column=row.get("column")))
        except (ValueError, KeyError, AttributeError):
            losses.append(say("reading.bad_row", line=number))
    if not records:
        raise Unreadable("empty")
    return Document(source=source, format="jsonl", sha256=hashlib.sha256(data).hexdigest(), encoding=encoding, records=tuple(records),
                    characters=sum(len(r.text) for r in records), losses=tuple(losses))
