"""The door of `rag serve --auth`: requests come in, who sent them goes out; signing in and out.

The one idea: who is not known sees this page alone. Passwords are tried a few times, then ever more slowly, by name
and by address.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from rag.api import caller
from rag.api.caller import Caller
from rag.api.limits import Limit, address
from rag.api.route import Route, status_of
from rag.chat.markup.door import password_page, sign_in_page
from rag.errors import Error, TooMany
from rag.library import Library
from rag.types import Account, Role
from rag.words import say

COOKIE = "rag_session"
# Open to everybody: the door itself, what it looks like, and whether the server is well.
OPEN_TO_ALL = re.compile(r"/(sign-in|sign-out|password|healthz|readyz|favicon\.ico|manifest\.json|ui/.*)")
# Where an answer is made: it costs a processor for a while.
ASKS = ("/api/ask", "/api/search", "/v1/chat/completions", "/gradio_api/queue/join", "/mcp")
MOST_FORM = 10_000  # bytes of what the sign-in page sends


class Limits:
    """How often somebody may ask, and how often do anything: people, programs, and addresses of those who are neither
    (a whole office may stand behind one). A person who reads answers asks less than every other second."""

    def __init__(self) -> None:
        self._asking = {"person": Limit(20, 2.0), "key": Limit(60, 0.5), "address": Limit(60, 0.5)}
        self._anything = {kind: Limit(600, 0.05) for kind in self._asking}

    def wait(self, method: str, path: str, counted: str) -> int:
        """Seconds to wait, 0 for none. `counted`: "person:…", "key:…" or "address:…"."""
        kind = counted.partition(":")[0]
        asking = method == "POST" and path.rstrip("/") in ASKS
        return (self._asking if asking else self._anything)[kind].take(counted)


class Door:
    """`head`: what stands in the head of our pages."""

    def __init__(self, library: Library, head: str, language: str) -> None:
        self.accounts, self.head, self.language = library.accounts, head, language
        self._name_here, self._here, self._name = Limit(5, 60.0), Limit(30, 20.0), Limit(60, 60.0)
        self._trying = asyncio.Semaphore(1)  # a password takes 64 MB and a moment of all cores

    # ---------------------------------------------------------------- who

    async def caller(self, headers: MutableMapping[str, str]) -> Caller:
        """By the key of a program, else by the session of a browser; a key that is none is nobody. Errors: as reading."""
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return _known(await asyncio.to_thread(self.accounts.by_key, key.strip()), "key")
        token = session(headers)
        return _known(await asyncio.to_thread(self.accounts.by_session, token), "person") if token else Caller()

    # ---------------------------------------------------------------- in and out

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=Route)
        router.add_api_route("/sign-in", self.page, methods=["GET"])
        router.add_api_route("/sign-in", self.sign_in, methods=["POST"], response_model=None)
        router.add_api_route("/password", self.password_page, methods=["GET"])
        router.add_api_route("/password", self.change_password, methods=["POST"], response_model=None)
        router.add_api_route("/sign-out", self.sign_out, methods=["POST"])
        return router

    async def page(self, request: Request) -> Response:
        return await self._page(request)

    async def _page(self, request: Request, name: str = "", fault: Error | None = None) -> Response:
        nobody = not await asyncio.to_thread(self.accounts.listed)
        return _form(sign_in_page(say, self.language, self.head, request.url.query, name, fault, nobody), fault)

    async def sign_in(self, request: Request) -> Response:
        """Back to the page that was asked for, with a session; or the form again, with what is wrong."""
        name, password = await _sent(request, "name", "password")
        try:
            token = await self._tried(name, password, _address(request.scope))
        except Error as error:
            return await self._page(request, name, error)
        answer = _to(f"./?{request.url.query}" if request.url.query else "./")
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=secure)
        return answer

    async def _tried(self, name: str, password: str, here: str) -> str:
        """The token of a session. Errors: SignInRefused, TooMany."""
        name = " ".join(name.split())[:80]
        counts = ((self._name_here, f"{name} {here}"), (self._here, here), (self._name, name))
        for limit, who in counts:
            if wait := limit.take(who):
                raise TooMany(seconds=wait)
        async with self._trying:
            token = await asyncio.to_thread(self.accounts.sign_in, name, password)
        for limit, who in counts:
            limit.give_back(who)
        return token

    async def password_page(self) -> Response:
        return _form(password_page(say, self.language, self.head))

    async def change_password(self, request: Request) -> Response:
        """With the one of before; all sessions end."""
        name, password, new = await _sent(request, "name", "password", "new")
        try:
            token = await self._tried(name, password, _address(request.scope))
            await asyncio.to_thread(self.accounts.sign_out, token)
            await asyncio.to_thread(self.accounts.set_password, " ".join(name.split()), new)
        except Error as error:
            return _form(password_page(say, self.language, self.head, name, error), error)
        return _to("sign-in")

    async def sign_out(self, request: Request) -> Response:
        if token := session({"cookie": request.headers.get("cookie", "")}):
            await asyncio.to_thread(self.accounts.sign_out, token)
        answer = _to("sign-in")
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return answer


def pages_by_role(app: Any, pages: Mapping[Role, Any], mount: Callable[[Any, Any], None]) -> None:
    """A page for each role, at "/" of an application. Each is an application of its own: what one can do has no
    address in the other."""
    from fastapi import FastAPI

    of: dict[Role | None, FastAPI] = {}
    for role, page in pages.items():
        of[role] = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        mount(of[role], page)
    living = app.router.lifespan_context

    @asynccontextmanager
    async def live(whole: Any) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:
            for one in of.values():
                await stack.enter_async_context(one.router.lifespan_context(one))
            yield await stack.enter_async_context(living(whole))

    async def by_role(scope: Any, receive: Any, send: Any) -> None:
        role = caller.of(scope).role
        page = of[role] if role in of else HTMLResponse(status_code=401)
        await page(scope, receive, send)

    app.router.lifespan_context = live
    app.mount("/", by_role)


def session(headers: MutableMapping[str, str]) -> str:
    """What the cookie says, "" where there is none."""
    found = re.search(rf"(?:^|;\s*){COOKIE}=([\w-]{{43}})(?:;|$)", headers.get("cookie", ""))
    return found[1] if found else ""


def counted(caller: Caller, scope: MutableMapping[str, Any]) -> str:
    """By what a caller's requests are counted."""
    return caller.counted or f"address:{_address(scope)}"


async def _sent(request: Request, *fields: str) -> list[str]:
    """What stands in the fields of a form."""
    async with request.form(max_files=0, max_fields=4) as form:
        return [str(form.get(field) or "")[:1000] for field in fields]


def _form(text: str, fault: Error | None = None) -> Response:
    headers = {"Cache-Control": "no-store"}
    if isinstance(fault, TooMany):
        headers["Retry-After"] = str(fault.fields["seconds"])
    return HTMLResponse(text, status_of(fault) if fault else 200, headers)


def _known(account: Account | None, by: str) -> Caller:
    if account is None:
        return Caller()
    return Caller(f"account:{account.account_id}", account.role, account.name, f"{by}:{account.account_id}")


def _address(scope: MutableMapping[str, Any]) -> str:
    return address((scope.get("client") or ("",))[0])


def _to(place: str) -> RedirectResponse:
    return RedirectResponse(place, 303, {"Cache-Control": "no-store"})
