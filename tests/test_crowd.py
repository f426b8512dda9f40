"""Many readers at once are timed, and what was not answered is counted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rag import crowd


class Stub(BaseHTTPRequestHandler):
    """Answers all but every fourth question."""

    asked = 0

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["question"]
        type(self).asked += 1
        fails = type(self).asked % 4 == 0
        self.send_response(503 if fails else 200)
        self.end_headers()
        self.wfile.write(json.dumps({} if fails else {"answer": f"{question}：是。"}).encode())

    def log_message(self, *said: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_answers_are_timed_and_failures_counted(port: int) -> None:
    found = crowd._measured("folder", [port, port], ["一？", "二？"], readers=8, each=2)
    assert (found.processes, found.readers, found.answers, found.errors) == (2, 8, 12, 0.25)
    assert 0 < found.p50 <= found.p95
    assert found.per_second > 0
