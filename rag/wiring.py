"""Settings come in, models opened and joined go out; documents are kept; receipts and the pieces of an answer, timed.

A side room of `library.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rag.errors import Error, FileRefused
from rag.settings import BUILTIN, Settings
from rag.types import Article, Document, Piece, Receipt, Reply, Status
from rag.words import say

if TYPE_CHECKING:
    from rag.answering import Engine
    from rag.answering.extractive import Extractive
    from rag.answering.reader import Reader
    from rag.changes import Put
    from rag.embedding import Embedder
    from rag.reranking import Reranker
    from rag.store import Store


def open_embedder(settings: Settings, named: str | None = None) -> Embedder:
    """`named`: another than the settings ask for."""
    from rag import embedding
    from rag.models import shared

    model = named or settings.embedding
    here = shared.found(model) if model else None
    return embedding.open_embedder(str(here) if here else model, settings.threads)


def open_reranker(settings: Settings, named: str) -> Reranker:
    """Errors: ModelUnusable, ModelsNotInstalled."""
    from rag.models import shared
    from rag.reranking import Reranker as CrossEncoder

    return CrossEncoder(str(shared.found(named) or named), settings.threads)


def open_reader(settings: Settings) -> Reader:
    from rag.answering.reader import Reader as Builtin
    from rag.settings import builtin_models

    return Builtin(builtin_models(), settings.threads)


def open_engine(
    name: str,
    settings: Settings,
    embedder: Embedder,
    reader: Reader,
    has: Callable[[str], bool] | None,
    line: Callable[[], float] | None = None,
) -> Engine:
    """ "builtin", or a language model: a folder, a hub id, a server. `line`: how sure an answer must be, asked each time."""
    from rag.answering.extractive import Extractive as Builtin

    extractive: Extractive = Builtin(reader, has, line)
    if name == BUILTIN:
        return extractive
    from rag.answering.generative import Generative
    from rag.models import open_model

    model = open_model(name, settings.threads, key=settings.server_key, away=settings.server_away)
    return Generative(model, extractive, embedder)


def timed(pieces: Iterator[Piece], started: float, searched: float, note: str | None = None) -> Iterator[Piece]:
    """The pieces, the seconds of each step written into the reply, and what is to be said of the search."""
    for piece in pieces:
        if piece.reply is not None:
            now = time.monotonic()
            seconds = {"search": searched - started, "answer": now - searched, "total": now - started}
            told = " ".join(part for part in (note, piece.reply.note) if part) or None
            piece = replace(piece, reply=replace(piece.reply, seconds=seconds, note=told))
        yield piece


def last_reply(pieces: Iterator[Piece]) -> Reply:
    reply: Reply | None = None
    for piece in pieces:
        reply = piece.reply or reply
    if reply is None:
        raise Error(detail="no reply")
    return reply


Corrected = Callable[[str, list[Article]], list[Article]]
Also = Callable[[Any, Receipt, range], None]  # a transaction, the receipt of what it keeps, its new passages


def keep(
    store: Store, document: Document | FileRefused, source: str, corrected: Corrected, also: Also | None = None
) -> Receipt:
    """Keeps one document; its receipt. `corrected`: what editors changed is changed again. `also`: done in the same transaction, whatever the receipt says."""
    from rag import pages
    from rag.articles import cut
    from rag.passages import VERSION, split

    started = time.monotonic()

    def without(told: Receipt) -> Receipt:
        if also is not None:
            with store.transaction() as c:
                also(c, told, range(0))
        return told

    if isinstance(document, FileRefused):
        named, reason = str(document.fields.get("file", source)), str(document.fields.get("reason", document))
        return without(Receipt(named, "refused", reason, seconds=time.monotonic() - started))
    if store.unchanged(document.source, document.sha256, VERSION):
        pages.fill(store, document)
        kept = store.document(document.source)
        articles, passages = (kept.articles, kept.passages) if kept else (0, 0)
        return without(receipt(document, "unchanged", started, articles, passages))
    same = [s for s in store.same_bytes(document.sha256) if s != document.source]
    articles_ = corrected(document.source, cut(document))
    if not articles_:
        return without(receipt(document, "refused", started, reason=say("library.no_article")))
    told: list[Receipt] = []

    def tell(c: Any, put: Put) -> None:
        known = put.articles if same else put.reprints
        lines = (*document.losses, say("library.carried", count=put.carried)) if put.carried else document.losses
        told.append(receipt(document, put.status, started, put.articles, put.passages, known, "；".join(lines) or None))
        if also is not None:
            also(c, told[0], put.new)

    split_ = ((a, split(a)) for a in articles_)
    try:  # of workers side by side each splits before its turn to write; alone, memory is what counts
        store.put(document, split_ if also is None else list(split_), splitter=VERSION, also=tell)
    except FileRefused as refusal:
        return keep(store, refusal, source, corrected, also)
    return told[0]


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
