"""Files go into the queue of a library on a server, and out of it into the library: what `rag add` and `rag work` do.

Reading, recognising and embedding go on side by side in any number of workers; only a document's transaction is one at
a time. A side room of `library.py`.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import Error, ServerUnreachable
from rag.types import Progress, Receipt
from rag.wiring import keep

if TYPE_CHECKING:
    from rag.library import Library
    from rag.tasks import Task, Tasks

Watch = Callable[[Progress], None]
LOOKED = 0.5  # seconds between two looks at the queue
AT_ONCE = 256  # passages embedded together


def add(library: Library, paths: Sequence[Path], tell: Watch) -> list[Receipt]:
    """Files are put into the queue and are read by the workers that run, or here where none does. Interrupted, what is
    in the queue stays there for the next worker. Receipts as `Library.add`."""
    from rag.passages import VERSION
    from rag.reading import files_in
    from rag.tasks import Tasks

    tasks, batch = Tasks(library._store), uuid.uuid4().hex
    files = list(files_in(paths))
    for number, (path, source) in enumerate(files):
        tell(Progress("sending", number, len(files), source))
        tasks.put(batch, path, source, VERSION)
    tell(Progress("sending", len(files), len(files)))
    worker = Worker(library, tasks)
    while (now := tasks.standing(batch)).open:
        tell(Progress("reading", now.total - now.open, now.total))
        if tasks.workers():
            time.sleep(LOOKED)
        elif not worker.step(batch):
            time.sleep(LOOKED / 5)  # another has it, or it is tried again in a while
    tell(Progress("reading", now.total, now.total))
    return tasks.told(batch)


class Worker:
    """Takes documents from the queue until it is told to stop. `told`: hears each receipt."""

    def __init__(self, library: Library, tasks: Tasks, told: Callable[[Receipt], None] = lambda receipt: None) -> None:
        from rag.reading.recognition import Recogniser

        self._library, self._store, self._tasks, self._told = library, library._store, tasks, told
        self._name = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._eyes = Recogniser(library.settings.threads, lambda step: None)
        self._ready = False
        self._swept = -1  # the last change up to which all was embedded

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """`once`: until nothing is left to do. A database that is away is waited for."""
        while not stop.is_set():
            try:
                with self._tasks.at_work():
                    while not stop.is_set():
                        if self.step() or self._left_over(stop):
                            continue
                        if once and not self._tasks.standing().open:
                            return
                        stop.wait(LOOKED)
            except ServerUnreachable:
                if once:
                    raise
                stop.wait(10 * LOOKED)

    def step(self, batch: str | None = None) -> bool:
        """One task; False where there is none to take now."""
        from rag.tasks import Lost

        if not self._ready:
            with self._store.writing():
                self._library._meaning.keep()
            self._ready = True
        task = self._tasks.take(self._name, batch)
        if task is None:
            return False
        try:
            self._read(task)
        except Lost:
            pass
        except ServerUnreachable:  # the lease ends by itself
            raise
        except Error as error:
            self._tasks.failed(task, f"{error.what}{error.remedy}")
        except Exception as error:  # a file that breaks a reader breaks no worker: the reason is kept with it
            self._tasks.failed(task, f"{type(error).__name__}: {error}")
        except BaseException:
            self._tasks.give_back(task)
            raise
        return True

    def _read(self, task: Task) -> None:
        from rag.reading import read_all

        with tempfile.TemporaryDirectory(prefix="rag-work-") as folder, self._alive(task):
            path = Path(folder) / (Path(task.source.replace("\\", "/")).name or "file")
            self._tasks.write(task, path)
            there = self._tasks.receipts(task)
            for position, document in enumerate(read_all(path, task.source, self._eyes)):
                if position in there:
                    continue
                fresh: list[int] = []

                def also(c: Any, receipt: Receipt, new: range, position: int = position, fresh: Any = fresh) -> None:
                    self._tasks.note(c, task, position, receipt)
                    fresh.extend(new)

                self._told(keep(self._store, document, task.source, self._library.corrections.applied, also))
                self._embed(fresh)
            self._tasks.finish(task)

    @contextmanager
    def _alive(self, task: Task) -> Iterator[None]:
        """Gives signs of life while a document is read, however long that takes."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(self._tasks.lease / 4):
                try:
                    if not self._tasks.renew(task):
                        return
                except Error:  # the next sign may get through; if none does, the task is another's
                    continue

        thread = threading.Thread(target=renew, name="rag-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    # ---------------------------------------------------------------- found by meaning

    def _embed(self, ids: Sequence[int]) -> None:
        embedder = self._library._meaning.serving().embedder
        for start in range(0, len(ids), AT_ONCE):
            hits = self._store.hits(ids[start : start + AT_ONCE])
            texts = [f"{hit.heading}\n{hit.text}" if hit.heading else hit.text for hit in hits.values()]
            if texts:
                vectors = embedder.passages(texts)
                self._store.put_vectors(embedder.name, list(hits), vectors)

    def _left_over(self, stop: threading.Event) -> bool:
        """With nothing else to do: embeds what a killed worker left, one worker alone. True where there was any."""
        from rag.noting import sole

        if self._tasks.standing().open:
            return False
        last = self._store.last_change
        if last == self._swept:
            return False
        name, found = self._library._meaning.serving().embedder.name, False
        with sole(self._store) as mine:
            while mine and not stop.is_set() and (batch := self._store.unembedded(name, limit=AT_ONCE)):
                self._embed([i for i, _ in batch])
                found = True
            if mine:
                self._swept = last
        return found
