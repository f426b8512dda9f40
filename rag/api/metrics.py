"""What happened is counted here and told as Prometheus reads it: numbers only, nothing of a question or its asker."""

from __future__ import annotations

from rag.library import Library
from rag.types import Reply


class Metrics:
    """One server's counters, in a registry of their own."""

    def __init__(self, library: Library) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.library = library
        self.registry = of = CollectorRegistry()
        self._requests = Counter("rag_requests", "Requests, by route.", ("method", "route", "status"), registry=of)
        self._request_seconds = Histogram(
            "rag_request_seconds", "From a request to the end of its answer.", ("route",),
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60), registry=of,
        )  # fmt: skip
        self._answers = Counter("rag_answers", "Answers, and why there was none.", ("engine", "outcome"), registry=of)
        self._answer_seconds = Histogram(
            "rag_answer_seconds", "Searching and writing.", ("engine",),
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120), registry=of,
        )  # fmt: skip
        self._holds = {
            name: Gauge(f"rag_library_{name}", f"{name.capitalize()} in the library.", registry=of)
            for name in ("documents", "articles", "passages", "embedded")
        }

    def requested(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def answered(self, reply: Reply) -> None:
        engine = reply.engine.replace("\\", "/").rsplit("/", 1)[-1]
        outcome = "stopped" if reply.stopped else (reply.reason or "refused") if reply.refused else "answered"
        self._answers.labels(engine, outcome).inc()
        self._answer_seconds.labels(engine).observe(reply.seconds.get("total", 0.0))

    def text(self) -> bytes:
        from prometheus_client import generate_latest

        state = self.library.state()
        for name, gauge in self._holds.items():
            gauge.set(getattr(state, name))
        return generate_latest(self.registry)
