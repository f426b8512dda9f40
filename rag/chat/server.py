"""A page comes in, it is served on this machine until Ctrl+C: the port, what the server lets through, what it says.

Gradio is mounted on an application of our own, so that every answer of the server carries our security headers, only
the routes that the page needs are open, and other routes can stand beside it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import __version__, errors
from rag.chat.background import Background
from rag.chat.markup import el, raw
from rag.chat.markup.library import MEGABYTES
from rag.chat.tongues import in_all_languages, origins
from rag.errors import BadSetting, NoPermission, PortTaken
from rag.library import Library
from rag.words import say, speak, tag

if TYPE_CHECKING:
    from rag.api.caller import Caller
    from rag.api.metrics import Metrics
    from rag.chat.door import Door

ASSETS = Path(__file__).parent / "assets"
MOST_BODY = 8_000_000  # bytes of any request but an upload: a browser sends its conversations along
MOST_SENT = MEGABYTES * 1_000_000 + 1_000_000  # of an upload over the API: the files and the form around them
MOST_BY_PATH = {
    "/gradio_api/upload": MOST_SENT,
    "/api/documents": MOST_SENT,
    "/sign-in": 10_000,
    "/password": 10_000,
    "/api/restore": 50_000_000_000,
}
OURS_HERE, OF_THE_DOOR = ("chat.css", "desk.css", "pages.js", "chat.js", "desk.js"), ("door.css", "door.js")
VISITOR = "rag_visitor"  # the cookie by which a server for others knows a browser again
STATIC = ("/ui/", "/assets/")
OURS = ("/api/", "/v1/", "/mcp", "/healthz", "/readyz", "/metrics")  # addresses for programs: they are refused in JSON

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Of Gradio's routes only those the page uses. Others would fetch from other hosts (proxy, file=http…), hand out files
# of the temporary folder, or show the machinery.
OPEN = re.compile(
    r"/gradio_api/(queue/(join|data)|run/[\w-]+|upload|upload_progress|heartbeat/\w+|reset|cancel|"
    r"startup-events|app_id|theme\.css)/?"
)
SHUT = re.compile(r"/(gradio_api|monitoring|login|logout|svelte|pwa_icon|custom_component|docs)(/.*)?")


def run(library: Library, host: str, port: int, *, auth: bool = False, frames: Sequence[str] = ()) -> None:
    """Serves until it is interrupted. `frames`: origins whose pages may hold the question box.
    Errors: PortTaken, NoPermission, BadSetting."""
    with (
        listen(host, port) as listening,
        tempfile.TemporaryDirectory(prefix="rag-", ignore_cleanup_errors=True) as uploads,
    ):
        port = listening.getsockname()[1]
        os.environ["GRADIO_TEMP_DIR"] = uploads  # mode 700: other users of this machine can't read what was sent
        import uvicorn

        background = Background(library)
        served = in_all_languages(
            application,
            library,
            background,
            Path(uploads),
            at_home=is_loopback(host),
            auth=auth,
            frames=origins(frames),
        )

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                named = f"[{host}]" if ":" in host else host
                print(say("chat.serving", url=f"http://{named}:{port}"), file=sys.stderr, flush=True)
                if auth and not library.accounts.listed():
                    print(say("people.nobody"), file=sys.stderr, flush=True)
                elif not auth and not is_loopback(host):
                    print(say("people.open"), file=sys.stderr, flush=True)
                background.start()  # only now: models are opened beside a page that is already there

        config = uvicorn.Config(
            served,
            log_level="error",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=30,
        )
        try:
            Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            pass
        finally:
            background.end()


def listen(host: str, port: int) -> socket.socket:
    """The port, taken before anything slow happens. Errors: PortTaken, NoPermission, BadSetting."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BadSetting(name="--host", value=host, allowed="127.0.0.1, 0.0.0.0, …") from error
    listening = socket.socket(family, kind, protocol)
    if os.name == "posix":  # elsewhere it would let two programs share the port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno in (errno.EACCES, errno.EPERM):
            raise NoPermission(path=f"{host}:{port}") from error
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(host=host, port=port, other=port + 1 if port < 65535 else port - 1) from error
        raise BadSetting(name="--host", value=host, allowed="127.0.0.1, 0.0.0.0, …") from error
    return listening


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def application(
    library: Library,
    background: Background | None = None,
    uploads: Path | None = None,
    *,
    at_home: bool = True,
    auth: bool = False,
    frames: Sequence[str] = (),
    language: str | None = None,
    metrics: Metrics | None = None,
) -> App:
    """The whole application (ASGI). `at_home`: bound to this machine alone, whose owner may change the library, unless
    `auth`: then people sign in, and who may what is a matter of their roles. `frames`: whose pages may hold it."""
    from fastapi import FastAPI, Response
    from fastapi.responses import FileResponse, JSONResponse
    from fastapi.staticfiles import StaticFiles
    from starlette.routing import Route

    from rag import api
    from rag.api import mcp
    from rag.api.asking import Asking
    from rag.api.metrics import Metrics
    from rag.chat import page
    from rag.chat.door import Door, pages_by_role

    language = language or library.settings.language
    speak(language)
    metrics = metrics or Metrics(library)
    build = partial(page.build, library, language=language, told=metrics.answered)
    at_home = at_home and not auth
    asking = Asking(library, metrics)
    agents = mcp.Address(library, asking) if mcp.installed() else None

    @asynccontextmanager
    async def living(_: Any) -> AsyncIterator[None]:
        yield
        if agents is not None:
            await agents.close()

    app = FastAPI(
        lifespan=living,
        title=say("chat.title"),
        version=__version__,
        description=say("api.told"),
        docs_url=None,  # its page would load a script from elsewhere
        redoc_url=None,
    )
    app.mount("/ui", StaticFiles(directory=ASSETS), name="ui")

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> FileResponse:
        return FileResponse(ASSETS / "icon.svg", media_type="image/svg+xml")

    @app.get("/widget.js", include_in_schema=False)
    def widget() -> Response:
        script = (ASSETS / "widget.js").read_text("utf-8").replace("TITLE", json.dumps(say("chat.title", language)))
        return Response(script, media_type="text/javascript")

    @app.get("/manifest.json", include_in_schema=False)
    def manifest() -> JSONResponse:
        return JSONResponse(
            {
                "name": say("chat.title", language),
                "start_url": "./",
                "display": "standalone",
                "icons": [{"src": "ui/icon.svg", "sizes": "any", "type": "image/svg+xml"}],
            },
            media_type="application/manifest+json",
        )

    app.include_router(api.routes(library, asking, uploads, background))
    if agents is not None:
        app.router.routes.append(Route("/mcp", agents))
    staffed = partial(build, background=background, uploads=uploads)
    if not auth:
        page.mount(app, staffed() if at_home else build(staff=False), MEGABYTES)
        ours = partial(head, language, OURS_HERE if at_home else (*OURS_HERE, *OF_THE_DOOR))
        return Gate(app, ours, language, at_home=at_home, metrics=metrics, frames=frames)
    door = Door(library, head(language, ("chat.css", *OF_THE_DOOR)), language)
    app.include_router(door.routes())
    pages_by_role(app, {"editor": staffed(), "reader": build(staff=False)}, partial(page.mount, megabytes=MEGABYTES))
    ours = partial(head, language, (*OURS_HERE, *OF_THE_DOOR))
    return Gate(app, ours, language, at_home=False, metrics=metrics, door=door)


def head(language: str, files: Sequence[str] = OURS_HERE) -> str:
    """What stands in the page's head beside Gradio's: our name, icon, styles and scripts, each from this server."""

    def named(file: str) -> str:
        return f"ui/{file}?{sha256((ASSETS / file).read_bytes()).hexdigest()[:12]}"

    icon = el("link", rel="icon", href=named("icon.svg"), type="image/svg+xml")
    ours = [
        el("link", rel="stylesheet", href=named(file)) if file.endswith(".css") else el("script", src=named(file))
        for file in files
    ]
    return raw(el("title", say("chat.title", language)), icon, *ours)


class Gate:
    """Around the application: which requests come in, which headers go out, and our head in Gradio's page."""

    def __init__(
        self,
        app: App,
        head: Callable[[], str],
        language: str,
        *,
        at_home: bool,
        metrics: Metrics | None = None,
        door: Door | None = None,
        frames: Sequence[str] = (),
    ) -> None:
        """`at_home`: whoever comes is the owner of this machine. Else people sign in at the `door`; without one
        all are readers."""
        from rag.chat.door import Limits

        self.app, self.language, self.at_home, self.metrics, self.door = app, language, at_home, metrics, door
        self.frames = frames
        self.limits = None if at_home else Limits()
        self.head = head()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        from rag.api import caller

        speak(self.language)
        started, method, path = time.monotonic(), scope["method"], scope["path"]
        first_page = path == "/" and method == "GET"
        answer = Answer(self, send, first_page, path)
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        if first_page and re.search(rb"(^|&)widget=1(&|$)", scope.get("query_string", b"")):
            answer.frames = self.frames
        if first_page:  # unpacked, since it is changed on its way
            scope = {**scope, "headers": [(k, v) for k, v in scope["headers"] if k.lower() != b"accept-encoding"]}
        if not self.at_home and not self.door and first_page and not _visitor(headers):
            answer.cookie = f"{VISITOR}={secrets.token_urlsafe(24)}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
        status = 0
        try:
            try:
                who = await self.door.caller(headers) if self.door else self._caller(headers)
                status = self._refused(method, path, headers, who)
                error = self._kept_out(method, path, who, scope) if not status else None
            except errors.Error as unreadable:
                error = unreadable
            if status or error:
                status = await self._refuse(status, error, scope, send)
                return
            scope[caller.KEY] = answer.who = who
            await self.app(scope, Counted(receive, MOST_BY_PATH.get(path, MOST_BODY)), answer)
        except Exception as error:  # it is answered with 500; in a line, lest made-up requests fill the terminal
            logging.getLogger("rag.chat").warning("%s %.200r: %s", method, path, type(error).__name__)
        finally:
            if self.metrics is not None:
                route = getattr(scope.get("route"), "path", "") if path.startswith(OURS) else "page"
                self.metrics.requested(method, route or "none", status or answer.status, time.monotonic() - started)

    def _caller(self, headers: dict[str, str]) -> Caller:
        """The owner at home. Elsewhere a browser is known by a cookie alone, so that nobody sees another's
        conversations; who has none (a program) sees none."""
        from rag.api import caller

        if self.at_home:
            return caller.Caller("", "editor")
        known = _visitor(headers) or secrets.token_urlsafe(24)
        return caller.Caller(f"visitor:{sha256(known.encode()).hexdigest()}", "reader")

    def _refused(self, method: str, path: str, headers: dict[str, str], who: Caller) -> int:
        """The status for a request that is not let in, 0 for one that is."""
        if SHUT.fullmatch(path) and not OPEN.fullmatch(path):
            return 404
        host = headers.get("host", "")
        if self.at_home and not is_loopback(re.sub(r":\d*$", "", host).strip("[]")):
            return 421  # a page elsewhere whose name was made to point here
        origin = headers.get("origin")
        if method not in ("GET", "HEAD") and origin and origin.split("://")[-1] != host:
            return 403  # a page elsewhere that sends something here
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > MOST_BY_PATH.get(path, MOST_BODY):
            return 413
        if path == "/gradio_api/upload" and who.role == "reader":
            return 404
        return 0

    def _kept_out(self, method: str, path: str, who: Caller, scope: Scope) -> errors.Error | None:
        """Who has to sign in first, or to wait."""
        from rag.chat.door import OPEN_TO_ALL, counted

        if self.limits is not None and not path.startswith(STATIC):
            wait = self.limits.wait(method, path, counted(who, scope))
            if wait:
                return errors.TooMany(seconds=wait)
        if who.role is None and not OPEN_TO_ALL.fullmatch(path):
            return errors.SignInNeeded()
        return None

    async def _refuse(self, status: int, error: errors.Error | None, scope: Scope, send: Send) -> int:
        from starlette.responses import RedirectResponse, Response

        from rag.api.route import refusal, status_of

        path = scope["path"]
        if error is None and path.startswith(OURS):
            error = errors.TooLarge(megabytes=MEGABYTES) if status == 413 else errors.NotAllowed()
        status = status or (status_of(error) if error else 500)
        answer: Response = refusal(error, path, status) if error else Response(status_code=status)
        if status == 401 and path == "/" and scope["method"] == "GET":
            asked = scope["query_string"].decode("latin-1")
            answer = RedirectResponse(f"sign-in?{asked}" if asked else "sign-in", 303)
        headers = [*answer.raw_headers, *SAFE, (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return answer.status_code

    def page(self, body: bytes, nonce: str, who: Caller | None = None) -> bytes:
        """Gradio's page with our head, our language, and the mark by which the browser knows the page's own scripts."""
        from rag.chat.markup.door import person_mark

        mark = "" if self.at_home or who is None else person_mark(say, who.person)
        text = body.decode("utf-8")
        text = re.sub(r'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*?/>', "", text)
        text = text.replace('lang="en"', f'lang="{tag(self.language)}"', 1)
        text = text.replace("</head>", f"{mark}{self.head}</head>", 1)
        return re.sub(r"<script(?=[\s>])", f'<script nonce="{nonce}"', text).encode("utf-8")


def _visitor(headers: dict[str, str]) -> str:
    """What the cookie says, "" where there is none."""
    found = re.search(rf"(?:^|;\s*){VISITOR}=([\w-]{{32}})(?:;|$)", headers.get("cookie", ""))
    return found[1] if found else ""


class Counted:
    """What a caller sends, up to a limit, whether or not they said how much it is. Errors: TooLarge."""

    def __init__(self, receive: Receive, most: int) -> None:
        self.receive, self.left = receive, most

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self.receive()
        self.left -= len(message.get("body") or b"")
        if self.left < 0:
            raise errors.TooLarge(megabytes=MEGABYTES)
        return message


SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
]


def policy(nonce: str, frames: Sequence[str] = ()) -> bytes:
    """No other host, no script but the page's own. Gradio makes its templates into functions: 'unsafe-eval'.
    `frames`: whose pages may hold this one."""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "media-src 'self' blob:",
            "worker-src 'self' blob:",
            "frame-src 'none'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            " ".join(("frame-ancestors 'self'", *frames)),
        )
    ).encode()


FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")


class Answer:
    """The way out: adds the headers; holds the first page back until it is whole, to change it."""

    def __init__(self, gate: Gate, send: Send, first_page: bool, path: str) -> None:
        self.gate, self.send, self.first_page, self.path = gate, send, first_page, path
        self.start: MutableMapping[str, Any] | None = None
        self.body = b""
        self.status = 0
        self.cookie = ""
        self.who: Caller | None = None
        self.frames: Sequence[str] = ()

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.nonce = secrets.token_urlsafe(16)
            named_by_content = self.path.startswith(("/ui/", "/assets/"))
            dropped = {b"content-length"} if self.first_page else {b"cache-control"} if named_by_content else set()
            headers = [(k, v) for k, v in message["headers"] if k.lower() not in dropped]
            headers += [*SAFE, (b"content-security-policy", policy(self.nonce, self.frames))]
            headers += [FOR_EVER] if named_by_content else []
            headers += [(b"set-cookie", self.cookie.encode())] if self.cookie else []
            headers += [(b"cache-control", b"no-store")] if self.first_page and self.gate.door else []
            self.start, self.status = {**message, "headers": headers}, message["status"]
            if not self.first_page:
                await self.send(self.start)
        elif message["type"] == "http.response.body" and self.first_page and self.start is not None:
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                body = self.gate.page(self.body, self.nonce, self.who)
                length = (b"content-length", str(len(body)).encode())
                await self.send({**self.start, "headers": [*self.start["headers"], length]})
                await self.send({"type": "http.response.body", "body": body})
        else:
            await self.send(message)
