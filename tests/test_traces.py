"""Each step of an answer is a span of one trace, which holds nothing of what was asked or answered."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import lacking

import rag
from rag import settings, traces
from rag.errors import BadSetting, EmptyQuestion

QUESTION = "给成人做胸外按压，要按多深？"


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What gives the spans that have ended."""
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        lacking("OpenTelemetry is not installed; pip install 'rag[otel]' adds it")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    api = SimpleNamespace(get_tracer=provider.get_tracer, use_span=trace.use_span)
    monkeypatch.setattr(traces, "_api", lambda: api)
    yield kept.get_finished_spans
    provider.shutdown()


def test_the_steps_of_an_answer_are_one_trace(finished: Any, sample_library: Path) -> None:
    with rag.open(sample_library) as library:
        pieces = []
        for piece in library.ask(QUESTION, stream=True):
            with traces.span("reader"):  # what is done with a piece is no part of the answer
                pieces.append(piece)
    spans = {span.name: span for span in finished()}
    assert {"rag.answer", "rag.understand", "rag.search", "rag.rank", "rag.read", "rag.extract"} <= spans.keys()
    root = spans["rag.answer"]
    assert root.parent is None
    for name, span in spans.items():
        assert (span.context.trace_id == root.context.trace_id) == (name != "rag.reader"), name
    assert spans["rag.search"].parent.span_id == root.context.span_id
    assert root.attributes == {"rag.engine": "builtin", "rag.outcome": "answered", "rag.citations": 1}
    assert pieces[-1].reply is not None
    told = "".join(span.to_json() for span in spans.values())
    assert "胸外" not in told and "\\u80f8" not in told, "nothing of the question stands in a trace"


def test_a_question_that_is_refused_ends_its_trace(finished: Any, sample_library: Path) -> None:
    with rag.open(sample_library) as library, pytest.raises(EmptyQuestion):
        library.ask("？？")
    assert [span.name for span in finished()] == ["rag.understand", "rag.answer"]


def test_nothing_is_loaded_where_nobody_collects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAG_TRACES", raising=False)
    assert settings.traces() is None
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    traces.start()
    assert "opentelemetry.trace" not in sys.modules
    with traces.span("search"):
        assert traces.Trace("answer").step("understand", str, 1) == "1"


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TRACES", "collector:4318")
    with pytest.raises(BadSetting):
        traces.start()


class Collector(BaseHTTPRequestHandler):
    got: list[tuple[str, bytes]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *said: object) -> None:
        return


def test_spans_go_to_the_collector_that_is_named(finished: Any) -> None:
    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        code = "from rag import traces\ntraces.start()\nwith traces.span('search'): pass"
        around = settings.environment(
            RAG_TRACES=f"http://127.0.0.1:{server.server_port}", PYTHONPATH=str(Path(rag.__file__).parent.parent)
        )
        done = subprocess.run([sys.executable, "-c", code], env=around, capture_output=True, text=True)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 0, done.stderr
    ((path, body),) = Collector.got
    assert path == "/v1/traces"
    assert b"rag.search" in body
