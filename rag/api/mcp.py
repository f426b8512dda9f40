"""The library for agents (Model Context Protocol): three tools that read, by the official SDK, over standard input or /mcp.

The SDK is an extra (`pip install 'rag[mcp]'`); without it the server has no /mcp, and `rag mcp` says what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rag import __version__
from rag.api import caller
from rag.api.asking import Asking
from rag.api.metrics import Metrics
from rag.errors import Error, Usage
from rag.library import Library
from rag.types import Filter
from rag.words import say

if TYPE_CHECKING:
    from mcp.server import MCPServer

MOST_HITS = 50
# Who signed in for the call at hand: the SDK runs a tool in the context of the request that it came with.
_person: ContextVar[str] = ContextVar("rag_mcp_person", default="")


def installed() -> bool:
    return find_spec("mcp") is not None


def server(library: Library, asking: Asking) -> MCPServer[Any]:
    """Errors: Usage, where the SDK is not installed."""
    if not installed():
        raise Usage(what=say("cli.mcp.missing"), remedy=say("cli.mcp.missing_remedy"))
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError

    def told(error: Exception) -> ToolError:
        """What an agent may read of an error: what is wrong and what to do, nothing of the machinery."""
        meant = error if isinstance(error, Error) else Error(detail=type(error).__name__)
        return ToolError(meant.to_json()["message"])

    async def search(
        question: str,
        k: int = 10,
        source: list[str] | None = None,
        column: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> dict[str, Any]:
        only = filter_of(source, column, since, until)
        try:
            return (await asking.search(question, max(1, min(k, MOST_HITS)), only, [])).to_json()
        except Exception as error:
            raise told(error) from None

    async def ask(
        question: str,
        source: list[str] | None = None,
        column: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> dict[str, Any]:
        only = filter_of(source, column, since, until)

        async def gone() -> bool:
            return False

        try:
            reply = await asking.reply(question, only, [], asking.engine(None), gone, _person.get())
            return {**reply.to_json(), "engine": asking.model(reply.engine)}
        except Exception as error:
            raise told(error) from None

    async def read_article(article_id: str) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            return {**library.article(article_id).to_json(), "reference": library.reference(article_id)}

        try:
            return await asyncio.to_thread(read)
        except Exception as error:
            raise told(error) from None

    made: MCPServer[Any] = MCPServer(
        "rag", title=say("chat.title"), instructions=say("mcp.told"), version=__version__, log_level="ERROR"
    )
    for tool in (search, ask, read_article):
        made.add_tool(tool, title=say(f"mcp.{tool.__name__}.title"), description=say(f"mcp.{tool.__name__}.told"))
    return made


def filter_of(
    source: Sequence[str] | None, column: Sequence[str] | None, since: str | None, until: str | None
) -> Filter:
    return Filter(tuple(source or ()), tuple(column or ()), since, until)


class Address:
    """The address /mcp (ASGI). The SDK takes a second or two to import: the first request opens it, not the server's
    start. The gate before the application has looked at host, origin and caller."""

    def __init__(self, library: Library, asking: Asking) -> None:
        self._library, self._asking = library, asking
        self._opening, self._closing = asyncio.Lock(), asyncio.Event()
        self._app: Any = None
        self._living: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._opening:
            if self._app is None:
                self._app = await self._opened()
        _person.set(caller.of(scope).person)
        await self._app(scope, receive, send)

    async def _opened(self) -> Any:
        made = await asyncio.to_thread(server, self._library, self._asking)
        from mcp.server.transport_security import TransportSecuritySettings

        open_to_the_gate = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        app = made.streamable_http_app(json_response=True, stateless_http=True, transport_security=open_to_the_gate)
        ready = asyncio.Event()

        async def live() -> None:  # the SDK wants to be closed by the task that opened it
            async with made.session_manager.run():
                ready.set()
                await self._closing.wait()

        self._living = asyncio.create_task(live())
        first = asyncio.create_task(ready.wait())
        await asyncio.wait({self._living, first}, return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
        if self._living.done():
            self._living.result()
        return app

    async def close(self) -> None:
        self._closing.set()
        if self._living is not None:
            await self._living


def serve(library: Library) -> None:
    """Over standard input and output until the other side hangs up. Errors: Usage, where the SDK is not installed."""
    made = server(library, Asking(library, Metrics(library)))
    asyncio.run(made.run_stdio_async())
