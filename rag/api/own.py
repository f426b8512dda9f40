"""Our own addresses: /api/ask, /api/search, documents and articles, with the command line's JSON; /healthz, /metrics."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

from rag import __version__
from rag.api import caller
from rag.api.asking import Asking
from rag.api.route import wrong
from rag.chat.markup.library import FILES_AT_ONCE
from rag.library import Library
from rag.types import Filter, Receipt, Turn
from rag.words import say

DATE = r"^\d{4}(-\d{2}(-\d{2})?)?$"
BY_READERS, BY_EDITORS = [Depends(caller.reader)], [Depends(caller.editor)]
MANY = Query(ge=1, le=1000)
AT = Query(ge=0, le=1 << 30)


class Only(BaseModel):
    """Only articles of these sources and columns, of these days (ISO, both included)."""

    source: list[str] = []
    column: list[str] = []
    since: str | None = Field(None, alias="from", pattern=DATE)
    until: str | None = Field(None, alias="to", pattern=DATE)

    def filter(self) -> Filter:
        return Filter(tuple(self.source), tuple(self.column), self.since, self.until)


class Before(BaseModel):
    """A question asked before, and what was answered."""

    question: str
    answer: str = ""


class Looked(BaseModel):
    """What to search for: a question, as people ask it."""

    id: str | int | None = None
    question: str
    history: list[Before] = []
    filter: Only = Field(default_factory=lambda: Only.model_validate({}))
    k: int = Field(10, ge=1, le=100)

    def turns(self) -> list[Turn]:
        return [Turn(t.question, t.answer) for t in self.history]


class Asked(Looked):
    """What to answer. `engine`: one that /v1/models names."""

    engine: str | None = None


class Own:
    """`uploads`: the folder in which files lie until they are read."""

    def __init__(self, library: Library, asking: Asking, uploads: Path | None, background: Any) -> None:
        self.library, self.asking, self.uploads, self.background = library, asking, uploads, background
        self._adding = asyncio.Semaphore(2)  # one that adds, one whose files are read meanwhile

    async def ask(self, asked: Asked, request: Request) -> JSONResponse:
        engine, person = self.asking.engine(asked.engine), caller.of(request.scope).person
        reply = await self.asking.reply(
            asked.question, asked.filter.filter(), asked.turns(), engine, request.is_disconnected, person
        )
        return JSONResponse(
            {"id": asked.id, **reply.to_json(), "engine": self.asking.model(reply.engine), "noted": reply.noted}
        )

    async def search(self, asked: Looked) -> JSONResponse:
        found = await self.asking.search(asked.question, asked.k, asked.filter.filter(), asked.turns())
        return JSONResponse({"id": asked.id, "question": asked.question, **found.to_json()})

    # ---------------------------------------------------------------- what is in the library

    def documents(self, offset: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, MANY] = 100) -> JSONResponse:
        return JSONResponse({"documents": [d.to_json() for d in self.library.documents(offset, limit)]})

    def article(self, article_id: str) -> JSONResponse:
        return JSONResponse(self.library.article(article_id[:300]).to_json())

    def framed(self, article_id: str, start: Annotated[int, AT] = 0, end: Annotated[int, AT] = 0) -> JSONResponse:
        return JSONResponse(self.library.pages.frame(article_id[:300], start, end).to_json())

    def page(self, document_id: int, number: int, request: Request) -> Response:
        """A browser asks each time whether its copy still stands: a page may go."""
        image = self.library.pages.image(document_id, number)
        tag = f'"{hashlib.sha256(image).hexdigest()[:32]}"'
        headers = {"Cache-Control": "private, no-cache", "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(image, headers=headers, media_type="image/webp")

    async def add(self, request: Request) -> JSONResponse:
        """Files of a form (multipart), one receipt each. They are written to disk as they come, never held in memory."""
        async with request.form(max_files=FILES_AT_ONCE, max_fields=FILES_AT_ONCE) as form:
            sent = [part for _, part in form.multi_items() if not isinstance(part, str)]
            if not sent:
                raise wrong(say("api.no_file"))
            async with self._adding:
                receipts = await asyncio.to_thread(self._add, sent)
        refused = all(r.status == "refused" for r in receipts)
        return JSONResponse({"receipts": [r.to_json() for r in receipts]}, 422 if refused else 200)

    def _add(self, sent: Sequence[Any]) -> list[Receipt]:
        folder = Path(tempfile.mkdtemp(prefix="rag-api-", dir=self.uploads))  # nobody else's to read
        try:
            paths = []
            for i, file in enumerate(sent):
                (folder / str(i)).mkdir()
                path = folder / str(i) / plain_name(file.filename, i)
                with path.open("wb") as out:
                    shutil.copyfileobj(file.file, out, 1 << 20)
                paths.append(path)
            return self.library.add(paths, embed=self.background is None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if self.background is not None:
                self.background.wake()

    def remove(self, document_id: str) -> JSONResponse:
        removal = self.library.remove([document_id])[0]
        return JSONResponse(removal.to_json(), 200 if removal.status == "removed" else 404)

    # ---------------------------------------------------------------- for those who keep the server running

    def healthy(self) -> JSONResponse:
        self.library.documents(limit=1)  # it can be read
        return JSONResponse({"status": "ok", "version": __version__})

    def ready(self) -> JSONResponse:
        """503 until a question would be answered without waiting: whoever shares out requests asks here."""
        ready = self.library.ready()
        return JSONResponse({"status": "ready" if ready else "starting"}, 200 if ready else 503)

    def metrics(self) -> Response:
        return PlainTextResponse(self.asking.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def plain_name(given: str | None, number: int) -> str:
    """A file's own name, whatever path or signs a caller puts into it."""
    name = Path((given or "").replace("\\", "/")).name
    kept = "".join(c for c in name if c.isprintable() and c not in '<>:"|?*')
    return kept.strip(". ")[-120:] or f"{number + 1}.txt"


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


def add_to(router: APIRouter, own: Own) -> None:
    def at(method: str, path: str, does: Callable[..., Any], words: str, by: list[Any], **more: Any) -> None:
        router.add_api_route(path, does, methods=[method], summary=say(f"api.{words}"), dependencies=by, **more)

    at("POST", "/api/ask", own.ask, "ask", BY_READERS)
    at("POST", "/api/search", own.search, "search", BY_READERS)
    at("GET", "/api/documents", own.documents, "documents", BY_READERS)
    at("POST", "/api/documents", own.add, "add", BY_EDITORS, openapi_extra=_FORM)
    at("DELETE", "/api/documents/{document_id:path}", own.remove, "remove", BY_EDITORS)
    at("GET", "/api/articles/{article_id:path}/pages", own.framed, "framed", BY_READERS)
    at("GET", "/api/articles/{article_id:path}", own.article, "article", BY_READERS)
    at("GET", "/api/documents/{document_id}/pages/{number}", own.page, "page", BY_READERS, response_class=Response)
    at("GET", "/healthz", own.healthy, "healthy", [])
    at("GET", "/readyz", own.ready, "ready", [])
    at("GET", "/metrics", own.metrics, "metrics", BY_READERS)
