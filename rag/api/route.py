"""Errors come in, whatever raised them; a status and JSON go out, in OpenAI's form under /v1. No traceback leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException  # fastapi's own is a kind of it

from rag import errors
from rag.errors import Error
from rag.words import say

STATUS: dict[type[Error], int] = {
    errors.Usage: 400,
    errors.NothingThere: 404,
    errors.FileRefused: 422,
    errors.LibraryLocked: 423,
    errors.ModelUnusable: 503,
    errors.ServerUnreachable: 503,
    errors.ServerRefuses: 503,
    errors.DiskFull: 507,
    errors.SignInNeeded: 401,
    errors.SignInRefused: 401,
    errors.NotAllowed: 403,
    errors.TooMany: 429,
    errors.TooLarge: 413,
}
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def status_of(error: Error) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def told(error: Error, path: str, status: int | None = None) -> dict[str, Any]:
    """The body: {"error": {"kind", "message"}}, or OpenAI's {"error": {"message", "type", "param", "code"}}."""
    if not path.startswith("/v1/"):
        return {"error": error.to_json()}
    status = status or status_of(error)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    code, param = error.key, ""
    if isinstance(error, errors.BadSetting) and error.fields.get("name") == "model":
        code, param, kind = "model_not_found", "model", "not_found_error"
    return {"error": {"message": error.to_json()["message"], "type": kind, "param": param or None, "code": code}}


def refusal(error: Error, path: str, status: int | None = None) -> JSONResponse:
    body = told(error, path, status)
    headers = {}
    if isinstance(error, errors.SignInNeeded):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(error.fields.get("seconds", 1))
    if body["error"].get("code") == "model_not_found":
        status = 404
    return JSONResponse(body, status or status_of(error), headers)


def named(error: Exception) -> tuple[Error, int | None]:
    """What any exception means to a caller; with a status, where that says more than the error's own."""
    if isinstance(error, Error):
        return error, None
    if isinstance(error, HTTPException):
        if isinstance(error.__cause__, Error):
            return error.__cause__, None
        return wrong(str(error.detail)), error.status_code
    if isinstance(error, RequestValidationError):
        return wrong("；".join(_place(one) for one in error.errors()[:3])), None
    if isinstance(error, OSError) and error.errno == 28:
        return errors.DiskFull(path=""), None
    logging.getLogger("rag.api").debug("while answering a request", exc_info=error)
    return Error(detail=type(error).__name__), None


def wrong(detail: str) -> errors.Usage:
    return errors.Usage(what=say("api.wrong", detail=detail[:500]), remedy=say("api.wrong_remedy"))


def _place(one: Any) -> str:
    where = ".".join(str(part) for part in one.get("loc", ()) if part != "body")
    return f"{where}: {one.get('msg', '')}" if where else str(one.get("msg", ""))


def nothing_here(request: Request) -> Response:
    no_such = errors.Usage(what=say("api.no_route", path=request.url.path[:200]), remedy=say("api.wrong_remedy"))
    return refusal(no_such, request.url.path, 404)


class Route(APIRoute):
    """A route whose errors are told as above."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                meant, status = named(error)
                return refusal(meant, request.url.path, status)

        return handled
