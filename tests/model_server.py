"""A small HTTP server that speaks OpenAI's protocol: what it does with each request is told by the test.

Real sockets, chunked server-sent events as the real servers write them; what was asked is kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Call", dict[str, Any]], None]


class Call(BaseHTTPRequestHandler):
    """One request; its methods write what servers write."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        server.asked.append({**body, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}})
        try:
            server.answer(self, body)
        except (BrokenPipeError, ConnectionResetError):
            server.left.set()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def raw(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def delta(self, end: str | None = None, **delta: Any) -> None:
        row = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
               "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}  # fmt: skip
        self.raw(f"data: {json.dumps(row)}\n\n")

    def done(self) -> None:
        self.raw("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def stream(self, *parts: str) -> None:
        self.begin()
        self.delta(role="assistant", content="")
        for part in parts:
            self.delta(content=part)
        self.delta(end="stop")
        self.done()

    def fail(self, status: int, message: str = "no", **headers: str) -> None:
        data = json.dumps({"error": {"message": message, "type": "x"}}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()  # the other side went away in the middle

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
