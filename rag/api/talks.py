"""A caller's own conversations: listed, searched, renamed, shared, dropped, exported; the page uses these too."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from rag.api import caller
from rag.api.caller import Caller
from rag.chat.exports import MEDIA, export
from rag.errors import UnknownName
from rag.library import Library
from rag.words import say

By = Annotated[Caller, Depends(caller.reader)]


class Change(BaseModel):
    """What is given changes; `shared`: whoever has the link may read it."""

    title: str | None = Field(None, min_length=1, max_length=500)
    shared: bool | None = None


class Talks:
    def __init__(self, library: Library) -> None:
        self.kept = library.conversations

    def listed(
        self,
        by: By,
        text: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> JSONResponse:
        rows = self.kept.listed(by.name, text, offset=offset, limit=limit)
        return JSONResponse({"conversations": [talk.to_json() for talk in rows]})

    def opened(self, by: By, key: str) -> JSONResponse:
        talk, said, _ = self.kept.opened(by.name, key)
        return JSONResponse({**talk.to_json(), "exchanges": said})

    def exported(self, by: By, key: str, form: str) -> Response:
        if form not in MEDIA:
            raise UnknownName(name=f"{key}.{form}"[:100])
        talk, said, _ = self.kept.opened(by.name, key)
        name = quote(f"{talk.title[:40] or talk.key}.{form}", safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(export(form, say, talk, said), media_type=MEDIA[form], headers=headers)

    def change(self, by: By, key: str, change: Change) -> JSONResponse:
        talk = self.kept.opened(by.name, key)[0]
        if change.title is not None:
            talk = self.kept.rename(by.name, key, change.title)
        if change.shared is not None:
            talk = self.kept.share(by.name, key, change.shared)
        return JSONResponse(talk.to_json())

    def drop(self, by: By, key: str) -> JSONResponse:
        self.kept.drop(by.name, key)
        return JSONResponse({"key": key, "status": "removed"})


def add_to(router: APIRouter, talks: Talks) -> None:
    def at(method: str, path: str, does: Any, words: str) -> None:
        router.add_api_route(f"/api/conversations{path}", does, methods=[method], summary=say(f"api.talks.{words}"))

    at("GET", "", talks.listed, "listed")
    at("GET", "/{key}.{form}", talks.exported, "exported")
    at("GET", "/{key}", talks.opened, "opened")
    at("PATCH", "/{key}", talks.change, "change")
    at("DELETE", "/{key}", talks.drop, "drop")
