"""A Milvus Lite server for tests: started on a free port, stopped, killed, started again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path


class MilvusLite:
    """In a process of its own, on the loopback alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as plug:
            plug.bind(("127.0.0.1", 0))
            self._port = int(plug.getsockname()[1])
        self.address = f"milvus://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> MilvusLite:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self) -> None:
        words = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self._folder / "data")]
        words += ["--host", "127.0.0.1", "--port", str(self._port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "PYTHONWARNINGS": ""})
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as plug:
                if plug.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError((self._folder / "log").read_text("utf-8", "replace"))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
