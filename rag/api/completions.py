"""OpenAI's addresses: a conversation comes in as messages, an answer with its citations goes out, whole or streamed.

The one idea: what was sent can't be taken back, so nothing is sent before it was checked; until then the stream
says with comment lines that work goes on.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from rag.api import caller
from rag.api.asking import Asking
from rag.api.route import named, told, wrong
from rag.errors import EmptyQuestion
from rag.text import sentences
from rag.types import Filter, Piece, Reply, Turn
from rag.words import say


class Part(BaseModel):
    type: str
    text: str = ""


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """Errors: Usage, for anything but text."""
        if isinstance(self.content, list):
            if any(part.type != "text" for part in self.content):
                raise wrong(say("api.only_text"))
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: bool = False


class Completion(BaseModel):
    """As OpenAI's. What would change how an answer is written (temperature…) is accepted and changes nothing."""

    model: str | None = None
    messages: list[Message]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int = 1


def conversation(messages: list[Message]) -> tuple[str, list[Turn]]:
    """The question, and the exchanges before it. Instructions (system) are not followed: the library alone answers.

    Errors: EmptyQuestion; Usage, where the last message is not the user's or is more than text."""
    said = [m for m in messages if m.role in ("user", "assistant")]
    if not said:
        raise EmptyQuestion()
    if said[-1].role != "user":
        raise wrong(say("api.last_is_user"))
    turns: list[Turn] = []
    for message in said[:-1]:
        if message.role == "user":
            turns.append(Turn(message.text(), ""))
        elif turns:
            before = turns[-1]
            turns[-1] = Turn(before.question, f"{before.answer}\n{message.text()}".strip())
    return said[-1].text(), turns


class Completions:
    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self._since = int(time.time())

    def models(self) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [self._model(name) for name in self.asking.engines()]})

    def model(self, name: str) -> JSONResponse:
        self.asking.engine(name)
        return JSONResponse(self._model(name))

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._since, "owned_by": "rag"}

    async def complete(self, wanted: Completion, request: Request) -> Any:
        if wanted.n != 1:
            raise wrong(say("api.one_answer"))
        question, turns = conversation(wanted.messages)
        engine, person = self.asking.engine(wanted.model), caller.of(request.scope).person
        read = len(question) + sum(len(t.question) + len(t.answer) for t in turns)
        head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": self.asking.model(engine),
        }
        if wanted.stream:
            pieces = await self.asking.pieces(question, Filter(), turns, engine, person)
            usage = wanted.stream_options is not None and wanted.stream_options.include_usage
            stream = self._stream(head, pieces, read if usage else None, request.url.path)
            return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        reply = await self.asking.reply(question, Filter(), turns, engine, request.is_disconnected, person)
        message = {"role": "assistant", "content": reply.answer, "refusal": None, **beside(reply)}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return JSONResponse(
            {**head, "object": "chat.completion", "choices": [choice], "usage": usage_of(read, reply.answer)}
        )

    async def _stream(
        self, head: dict[str, Any], pieces: AsyncIterator[Piece], read: int | None, path: str
    ) -> AsyncIterator[str]:
        """`read`: characters of the question and what came before it, where the caller wants to know."""

        def chunk(delta: dict[str, Any] | None, end: str | None = None, **more: Any) -> str:
            choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": end}]
            return event({**head, "object": "chat.completion.chunk", "choices": choices, **more})

        try:
            yield chunk({"role": "assistant", "content": ""})
            async for piece in pieces:
                if piece.reply is None:
                    yield f": {piece.stage}\n\n"
                    continue
                for part in parts(piece.reply.answer):
                    yield chunk({"content": part})
                yield chunk(beside(piece.reply), "stop")
                if read is not None:
                    yield chunk(None, usage=usage_of(read, piece.reply.answer))
        except Exception as error:  # the status is sent already: the client reads the error from the stream
            yield event(told(named(error)[0], path))
        yield "data: [DONE]\n\n"


def beside(reply: Reply) -> dict[str, Any]:
    """What stands beside the answer's words, in the message or in the last delta."""
    row = reply.to_json()
    names = (
        "citations",
        "short_answer",
        "refused",
        "reason",
        "confidence",
        "nearest",
        "conflicts",
        "rewritten",
        "note",
    )
    return {name: row[name] for name in names}


def parts(answer: str) -> list[str]:
    """The answer cut after each sentence; together they are the answer."""
    cuts = [0, *(start for start, _ in sentences(answer)[1:]), len(answer)]
    return [answer[a:b] for a, b in pairwise(cuts) if b > a]


def usage_of(read: int, answer: str) -> dict[str, int]:
    """In characters: what is read and written has no other unit that all engines share."""
    return {"prompt_tokens": read, "completion_tokens": len(answer), "total_tokens": read + len(answer)}


def event(row: dict[str, Any]) -> str:
    return f"data: {json.dumps(row, ensure_ascii=False)}\n\n"


def add_to(router: APIRouter, completions: Completions) -> None:
    by_readers = [Depends(caller.reader)]
    router.add_api_route("/v1/models", completions.models, summary=say("api.models"), dependencies=by_readers)
    router.add_api_route("/v1/models/{name}", completions.model, summary=say("api.model"), dependencies=by_readers)
    router.add_api_route(
        "/v1/chat/completions",
        completions.complete,
        methods=["POST"],
        summary=say("api.completions"),
        description=say("api.completions_told"),
        dependencies=by_readers,
        response_model=None,
    )
