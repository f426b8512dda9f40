"""Many readers at once: a library is served by one and by two processes, in a folder and in PostgreSQL, and each answer
is timed. Folder and server in the same run, since times on a busy machine wander."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rag import library as door
from rag import settings
from rag.errors import Error
from rag.types import Progress

STARTING = 180.0  # seconds that a server has to be ready
PATIENCE = 300.0  # seconds that a reader waits for an answer


@dataclass(frozen=True, slots=True)
class Crowd:
    """`p50` and `p95` in milliseconds, from the asking to the whole answer; `errors`: the share of those without one."""

    library: str  # "folder", "postgresql"
    processes: int
    readers: int
    answers: int
    p50: float
    p95: float
    per_second: float
    errors: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def crowds(
    server: str | None,
    readers: Sequence[int],
    each: int,
    tell: Callable[[Progress], None] = lambda step: None,
) -> Iterator[Crowd]:
    """Every reader asks `each` questions one after another. `server`: the address of a database; a schema of its own is
    made there and goes again."""
    from rag.store import Store

    with tempfile.TemporaryDirectory(prefix="rag-crowd-") as folder, ExitStack() as stack:
        cache = Path(folder) / "cache"
        places = {"folder": str(Path(folder) / "library")}
        if server is not None:
            from rag import servers

            places["postgresql"] = stack.enter_context(servers.scratch(server))
        for kind, place in places.items():
            chosen = replace(settings.load(place), cache=cache)
            with door.Library(Store.open(chosen.library), chosen) as library:
                library.add([settings.samples() / "articles"])
                questions = [question for _, question in library.examples(24)]
            for processes in (1, 2):
                with ExitStack() as running:
                    ports = [running.enter_context(_served(place, cache)) for _ in range(processes)]
                    _ask(ports, questions, processes, 4)  # what the first answers open is open then
                    for number in readers:
                        yield _measured(kind, ports, questions, number, each)
                        tell(Progress("asking", number, max(readers), kind))


def _measured(kind: str, ports: Sequence[int], questions: Sequence[str], readers: int, each: int) -> Crowd:
    started = time.perf_counter()
    times, failed = _ask(ports, questions, readers, each)
    seconds = time.perf_counter() - started
    times.sort()

    def at(share: float) -> float:
        return round(times[min(len(times) - 1, int(share * len(times)))] * 1000, 1) if times else 0.0

    asked = len(times) + failed
    rate = round(len(times) / seconds, 2)
    return Crowd(kind, len(ports), readers, len(times), at(0.5), at(0.95), rate, round(failed / max(1, asked), 4))


def _ask(ports: Sequence[int], questions: Sequence[str], readers: int, each: int) -> tuple[list[float], int]:
    """Seconds of each answer, and how many there was none for."""
    times: list[float] = []
    failed = [0]
    turn = threading.Lock()

    def read(reader: int) -> None:
        for n in range(each):
            started = time.perf_counter()
            right = _answered(ports[reader % len(ports)], questions[(reader + n) % len(questions)])
            with turn:
                if right:
                    times.append(time.perf_counter() - started)
                else:
                    failed[0] += 1

    threads = [threading.Thread(target=read, args=(reader,)) for reader in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, failed[0]


def _answered(port: int, question: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        body = json.dumps({"question": question}).encode()
        connection.request("POST", "/api/ask", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status == 200 and bool(json.loads(answer.read())["answer"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False
    finally:
        connection.close()


@contextmanager
def _served(place: str, cache: Path) -> Iterator[int]:
    """The port of a server process, ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "rag", "serve", "--port", str(port)]
    around = settings.environment(
        RAG_LIBRARY=place, RAG_CACHE=str(cache)
    )  # not on the command line, where others see its password
    process = subprocess.Popen(command, env=around, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + STARTING
        while not _ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Error(detail="rag serve")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
