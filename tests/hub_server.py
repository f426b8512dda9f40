"""A hub of models on this machine: answers as Hugging Face and as ModelScope do, and cuts connections when told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REVISION = "a" * 40


class Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asks = {name: values[0] for name, values in parse_qs(parts.query).items()}
        hub = self.server
        hub.asked.append((self.path, self.headers.get("Range")))
        path = unquote(parts.path)
        if hub.plain is not None:
            return self.send(hub.plain)
        if path == f"/api/models/{hub.model}":
            return self.say({"sha": REVISION, "siblings": [hub.as_hugging_face(name) for name in hub.files]})
        if path == f"/api/v1/models/{hub.model}/repo/files":
            rows = [{"Path": name, "Type": "blob", "Size": len(data), "Sha256": hub.sum_of(name)}
                    for name, data in hub.files.items()]  # fmt: skip
            return self.say({"Code": 200, "Data": {"Files": [{"Path": "onnx", "Type": "tree", "Size": 0}, *rows]}})
        if path == f"/api/v1/models/{hub.model}/repo":
            return self.send(hub.files[asks["FilePath"]])
        start = f"/{hub.model}/resolve/{REVISION}/"
        if path.startswith(start):
            name = path.removeprefix(start)
            if name.endswith(".safetensors"):  # large files lie elsewhere
                self.send_response(302)
                self.send_header("Location", f"/far/{name}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            return self.send(hub.files[name])
        if path.startswith("/far/"):
            return self.send(hub.files[path.removeprefix("/far/")])
        self.send_response(hub.otherwise)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def log_message(self, *_: object) -> None:
        pass

    def say(self, row: object) -> None:
        self.send(json.dumps(row).encode())

    def send(self, data: bytes) -> None:
        hub, start = self.server, 0
        asked = self.headers.get("Range")
        if asked and hub.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        rest = data[start:]
        if hub.cut and len(rest) > 1000 and "/far/" in self.path:
            hub.cut -= 1
            self.wfile.write(rest[:1000])
            self.close_connection = True
            return
        self.wfile.write(rest)


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: str, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.model, self.files = model, dict(files)
        self.sums: dict[str, str] = {}  # told in place of the right ones
        self.asked: list[tuple[str, str | None]] = []
        self.cut = 0  # so many answers are cut after 1000 bytes
        self.ranges = True
        self.otherwise = 404
        self.plain: bytes | None = None  # said to whatever is asked

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def sum_of(self, name: str) -> str:
        return self.sums.get(name) or hashlib.sha256(self.files[name]).hexdigest()

    def as_hugging_face(self, name: str) -> dict[str, Any]:
        data = self.files[name]
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        row: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": self.sums.get(name, git)}
        if name.endswith(("safetensors", "gguf")):
            row["lfs"] = {"sha256": self.sum_of(name), "size": len(data), "pointerSize": 134}
        return row


@contextmanager
def hub_with(model: str, files: Mapping[str, bytes]) -> Iterator[Hub]:
    hub = Hub(model, files)
    thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
