"""Steps of an answer come in, OpenTelemetry's spans go out, where RAG_TRACES names who collects them; else nothing is done.

Nothing of a question or an article stands in a span: names of steps, how long they took, and what came of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

from rag import __version__, settings
from rag.errors import TracesNotInstalled
from rag.types import Piece, Reply

P = ParamSpec("P")
T = TypeVar("T")


def start() -> None:
    """Once in a process, before the first question. Errors: TracesNotInstalled."""
    collector = settings.traces()
    if collector is None:
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracesNotInstalled(collector=collector) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "rag", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)


def _api() -> Any:
    """OpenTelemetry, where `start` or the program around us has loaded it."""
    return sys.modules.get("opentelemetry.trace")


def span(name: str) -> AbstractContextManager[Any]:
    """A step of the one that is under way. Not around a `yield`: what comes between is another's."""
    api = _api()
    return api.get_tracer("rag").start_as_current_span(f"rag.{name}") if api else nullcontext()


class Trace:
    """One answer, from the question to the last piece."""

    def __init__(self, name: str) -> None:
        self._api = _api()
        self._span = self._api.get_tracer("rag").start_span(f"rag.{name}") if self._api else None

    def _within(self) -> AbstractContextManager[Any]:
        return self._api.use_span(self._span, end_on_exit=False) if self._api else nullcontext()

    def step(self, name: str, do: Callable[P, T], *given: P.args, **more: P.kwargs) -> T:
        """What `do` gives; an error in it ends the trace."""
        try:
            with self._within(), span(name):
                return do(*given, **more)
        except BaseException:
            self._end(None)
            raise

    def around(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """The same pieces; what is done for each is a part of the trace, what the reader of them does is not."""
        reply: Reply | None = None
        try:
            while True:
                with self._within():
                    piece = next(pieces, None)
                if piece is None:
                    return
                reply = piece.reply or reply
                yield piece
        finally:
            self._end(reply)

    def _end(self, reply: Reply | None) -> None:
        if self._span is None:
            return
        if reply is not None:
            outcome = "stopped" if reply.stopped else (reply.reason or "refused") if reply.refused else "answered"
            about = {"rag.engine": settings.engine_name(reply.engine), "rag.outcome": outcome}
            self._span.set_attributes({**about, "rag.citations": len(reply.citations)})
        self._span.end()
