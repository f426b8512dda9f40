"""Requests come in, each goes to the page in its reader's language, which a cookie names.

The one idea: a page's words are written into it when it is made, so there is one application a language; all but the
first are made when somebody first asks for them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from rag.errors import BadSetting
from rag.library import Library
from rag.words import LANGUAGES

App = Callable[[Any, Any, Any], Awaitable[None]]
COOKIE = "rag_language"
PAGE = re.compile(r"/|/config|/gradio_api/.*")  # what depends on the language; all else the first application answers


class Tongues:
    """`make(language)` is called beside the running server, once for each language."""

    def __init__(self, first: App, language: str, make: Callable[[str], Awaitable[App]]) -> None:
        self._first, self._language, self._make = first, language, make
        self._apps: dict[str, asyncio.Task[App]] = {}
        self._living: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._first(scope, receive, send)
            self._closing.set()
            await asyncio.gather(*self._living)
            return
        language = asked_for(scope) or self._language
        if language == self._language or not PAGE.fullmatch(scope.get("path", "")):
            await self._first(scope, receive, send)
            return
        if language not in self._apps:
            self._apps[language] = asyncio.create_task(self._opened(language))
        app = await asyncio.shield(self._apps[language])  # a reader who leaves does not stop it for the next
        await app(scope, receive, send)

    async def _opened(self, language: str) -> App:
        app = await asyncio.to_thread(lambda: asyncio.run(_awaited(self._make(language))))
        ready = asyncio.Event()
        self._living.append(asyncio.create_task(self._live(app, ready)))
        await ready.wait()
        return app

    async def _live(self, app: App, ready: asyncio.Event) -> None:
        """Tells the application that it starts, and at the end that it is over, as a server would."""

        async def receive() -> dict[str, str]:
            if not ready.is_set():
                return {"type": "lifespan.startup"}
            await self._closing.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"].startswith("lifespan.startup"):
                ready.set()

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)


async def _awaited(making: Awaitable[App]) -> App:
    return await making


def in_all_languages(application: Callable[..., App], library: Library, *given: Any, **named: Any) -> App:
    """`application(library, *given, **named)` in the library's language, and, once a reader chooses another, in that."""
    from rag.api.metrics import Metrics

    named = {"metrics": Metrics(library), **named}

    async def other(language: str) -> App:
        return application(library, *given, **named, language=language)

    return Tongues(application(library, *given, **named), library.settings.language, other)


def origins(given: Sequence[str]) -> tuple[str, ...]:
    """Sites that may hold the question box. Errors: BadSetting, for what is no origin (https://example.org, with a port
    where there is one)."""
    for one in given:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", one):
            raise BadSetting(name="--widget-on", value=one, allowed="https://example.org, http://10.0.0.5:8080")
    return tuple(given)


def asked_for(scope: MutableMapping[str, Any]) -> str | None:
    """The language that the reader's browser remembers."""
    cookies = b"; ".join(value for key, value in scope.get("headers", ()) if key.lower() == b"cookie")
    found = re.search(rf"(?:^|;\s*){COOKIE}=([a-z-]{{2,20}})(?:;|$)", cookies.decode("latin-1"))
    return found[1] if found and found[1] in LANGUAGES else None
