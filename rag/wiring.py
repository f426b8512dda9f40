"""Settings come in, models opened and joined go out; receipts and the pieces of an answer, timed.

A side room of `library.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.errors import Error
from rag.settings import Settings
from rag.types import Document, Piece, Receipt, Reply, Status

if TYPE_CHECKING:
    from rag.answering import Engine
    from rag.answering.extractive import Extractive
    from rag.answering.reader import Reader
    from rag.embedding import Embedder

BUILTIN = "builtin"


def open_embedder(settings: Settings, named: str | None = None) -> Embedder:
    """`named`: another than the settings ask for."""
    from rag import embedding
    from rag.settings import pulled

    model = named or settings.embedding
    here = pulled(model) if model else None
    return embedding.open_embedder(str(here) if here else model, settings.threads)


def open_reader(settings: Settings) -> Reader:
    from rag.answering.reader import Reader as Builtin
    from rag.settings import builtin_models

    return Builtin(builtin_models(), settings.threads)


def open_engine(
    name: str, settings: Settings, embedder: Embedder, reader: Reader, has: Callable[[str], bool] | None
) -> Engine:
    """ "builtin", or a language model: a folder, a hub id, a server."""
    from rag.answering.extractive import Extractive as Builtin

    extractive: Extractive = Builtin(reader, has)
    if name == BUILTIN:
        return extractive
    from rag.answering.generative import Generative
    from rag.models import open_model

    model = open_model(name, settings.threads, key=settings.server_key, away=settings.server_away)
    return Generative(model, extractive, embedder)


def timed(pieces: Iterator[Piece], started: float, searched: float) -> Iterator[Piece]:
    """The pieces, the seconds of each step written into the reply."""
    for piece in pieces:
        if piece.reply is not None:
            now = time.monotonic()
            seconds = {"search": searched - started, "answer": now - searched, "total": now - started}
            piece = replace(piece, reply=replace(piece.reply, seconds=seconds))
        yield piece


def last_reply(pieces: Iterator[Piece]) -> Reply:
    reply: Reply | None = None
    for piece in pieces:
        reply = piece.reply or reply
    if reply is None:
        raise Error(detail="no reply")
    return reply


def receipt(
    document: Document,
    status: Status,
    started: float,
    articles: int = 0,
    passages: int = 0,
    duplicates: int = 0,
    reason: str | None = None,
) -> Receipt:
    """`started`: on the clock that `time.monotonic` reads."""
    return Receipt(
        document.source,
        status,
        reason or "；".join(document.losses) or None,
        document.encoding,
        document.pages,
        document.ocr_pages,
        document.characters,
        articles,
        passages,
        round(document.garbled, 4),
        duplicates,
        round(time.monotonic() - started, 4),
    )
