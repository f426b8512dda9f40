"""What callers think of an answer, under the key that came with it; and the figures, for editors: JSON, CSV, a page."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from rag.api.own import BY_EDITORS, BY_READERS
from rag.chat.markup.figures import printed
from rag.figures import as_csv
from rag.library import Library
from rag.words import say

DAY = r"^(\d{4}-\d{2}-\d{2})?$"


class Thought(BaseModel):
    """`noted`: the key that came with the answer. `handed`: an editor is asked to answer."""

    noted: str = Field(max_length=40)
    helpful: bool | None = None
    why: str | None = Field(None, max_length=2000)
    handed: bool = False


class Desk:
    def __init__(self, library: Library) -> None:
        self.library = library

    def feedback(self, thought: Thought) -> JSONResponse:
        vote = None if thought.helpful is None else 1 if thought.helpful else -1
        told = self.library.desk.questions.feedback(thought.noted, vote=vote, why=thought.why, handed=thought.handed)
        return JSONResponse({"number": told.number, "helpful": thought.helpful, "handed": told.handed})

    def figures(
        self,
        since: Annotated[str, Query(alias="from", pattern=DAY)] = "",
        until: Annotated[str, Query(alias="to", pattern=DAY)] = "",
        form: Literal["json", "csv", "html"] = "json",
    ) -> Response:
        told = self.library.desk.figures(since, until)
        if form == "csv":
            named = {"Content-Disposition": 'attachment; filename="figures.csv"'}
            return Response(as_csv(told), media_type="text/csv; charset=utf-8", headers=named)
        return HTMLResponse(printed(say, told)) if form == "html" else JSONResponse(told.to_json())


def add_to(router: APIRouter, library: Library) -> None:
    desk = Desk(library)
    at = router.add_api_route
    at("/api/feedback", desk.feedback, methods=["POST"], summary=say("api.feedback"), dependencies=BY_READERS)
    at("/api/figures", desk.figures, methods=["GET"], summary=say("api.figures"), dependencies=BY_EDITORS)
