"""Questions of other programs come in, replies go out: so many at a time, in threads of their own.

The one idea: what is not an answer never waits for answers, so they have their own few threads; a caller who
goes away ends the writing.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from rag.api.metrics import Metrics
from rag.errors import BadSetting, TooMany
from rag.library import Library
from rag.settings import engine_name
from rag.types import Filter, Found, Piece, Reply, Turn

AT_ONCE = 8  # as many as the page writes
WAITING = 128  # callers who wait for their turn, a hundred readers some 12 s on two cores; more are sent away
REMEMBERED = 5  # exchanges that a follow-up question may lean on, as on the page
MOST_TURN = 4000  # characters of one of their questions or answers
ENDS = "builtin"

T = TypeVar("T")


class Asking:
    """`library.ask` and `library.search`, not more than `AT_ONCE` at a time."""

    def __init__(self, library: Library, metrics: Metrics) -> None:
        self.library, self.metrics = library, metrics
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rag-api")
        self._inside = 0  # only the event loop's thread counts

    # ---------------------------------------------------------------- who may answer

    def engines(self) -> dict[str, str]:
        """Name as callers know it → name as the library knows it; the one that answers unless asked otherwise first.

        Callers choose among these alone: a name that opened any folder would be theirs to fill the memory with."""
        chosen = self.library.engine
        if chosen == ENDS:
            return {ENDS: ENDS}
        return {engine_name(chosen): chosen, ENDS: ENDS}

    def engine(self, name: str | None) -> str:
        """The library's name of it. Errors: BadSetting."""
        engines = self.engines()
        if not name:
            return next(iter(engines.values()))
        if name not in engines:
            raise BadSetting(name="model", value=name[:100], allowed=", ".join(engines))
        return engines[name]

    def model(self, engine: str) -> str:
        """The name by which callers know it."""
        return engine_name(engine)

    # ---------------------------------------------------------------- asking

    async def search(self, question: str, k: int, only: Filter, history: Sequence[Turn]) -> Found:
        return await self._turn(lambda: self.library.search(question, k, only=only, history=remembered(history)))

    async def reply(
        self,
        question: str,
        only: Filter,
        history: Sequence[Turn],
        engine: str,
        gone: Callable[[], Awaitable[bool]],
        asker: str = "",
    ) -> Reply:
        """`gone`: asked now and then whether the caller has left, which ends the writing. `asker`: who signed in."""
        stop = threading.Event()

        def ask() -> Reply:
            reply = self.library.ask(question, history=remembered(history), only=only, engine=engine, stop=stop.is_set)
            return self.library.desk.noted(reply, "api", asker)

        work = asyncio.ensure_future(self._turn(ask))
        try:
            while not (await asyncio.wait({work}, timeout=0.5))[0]:
                if await gone():
                    stop.set()
            reply = await work
        except BaseException:
            stop.set()
            raise
        self.metrics.answered(reply)
        return reply

    async def pieces(
        self, question: str, only: Filter, history: Sequence[Turn], engine: str, asker: str = ""
    ) -> AsyncIterator[Piece]:
        """Once this returns the question is accepted; what goes wrong later is raised between the pieces."""
        stop = threading.Event()
        stream: Iterator[Piece] = await self._turn(
            lambda: self.library.ask(
                question, history=remembered(history), only=only, engine=engine, stream=True, stop=stop.is_set
            )
        )

        def noted() -> Piece | None:
            piece = next(stream, None)
            if piece is None or piece.reply is None:
                return piece
            return replace(piece, reply=self.library.desk.noted(piece.reply, "api", asker))

        async def each() -> AsyncIterator[Piece]:
            try:
                while (piece := await self._turn(noted)) is not None:
                    if piece.reply is not None:
                        self.metrics.answered(piece.reply)
                    yield piece
            finally:
                stop.set()

        return each()

    async def _turn(self, work: Callable[[], T]) -> T:
        """Errors: TooMany, where more wait than can be served soon."""
        if self._inside >= AT_ONCE + WAITING:
            raise TooMany(seconds=5)
        self._inside += 1
        try:
            context: Any = contextvars.copy_context()  # the language that errors are told in
            return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, work)
        finally:
            self._inside -= 1


def remembered(history: Sequence[Turn]) -> list[Turn]:
    """The last turns, none of them endless."""
    return [Turn(t.question[:MOST_TURN], t.answer[:MOST_TURN]) for t in history[-REMEMBERED:]]
