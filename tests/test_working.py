"""Files go through the queue of a library in PostgreSQL: each is read once, whoever is killed when."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import rag
from rag import meaning, servers, tasks
from rag import tables as t
from rag.errors import LibraryLocked, NoQueue, PathMissing
from rag.library import Library
from rag.settings import Server, Settings
from rag.store import Store
from rag.tasks import Lost, Task, Tasks
from rag.types import Receipt
from rag.working import Worker
from tests.tiny_embedders import open_tiny

pytestmark = pytest.mark.cluster
NOBODY = threading.Event()


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)


def opened(place: Server, cache: Path) -> Library:
    return Library(Store.open(place), Settings(library=place, cache=cache, embedding="tiny-8"))


@pytest.fixture
def library(postgres: Any, tmp_path: Path) -> Iterator[Library]:
    with opened(postgres.empty(), tmp_path / "cache") as shelf:
        yield shelf


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"# {name}\n\n{text}\n", encoding="utf-8")
    return path


def whole(shelf: Library) -> None:
    """The library contradicts itself nowhere, and all of it is found by words and by meaning."""
    shelf._catch_up(lambda step: None)
    assert shelf.checkup().faults == ()
    state = shelf.state()
    assert state.embedded == state.passages


# ---------------------------------------------------------------- adding


def test_what_is_added_is_read_here_where_no_worker_runs(library: Library, tmp_path: Path) -> None:
    files = [write(tmp_path, f"{n}.md", f"第{n}块田的水稻要浅插。") for n in range(3)]
    (tmp_path / "空.md").write_bytes(b"")
    seen = []
    receipts = library.add([*files, tmp_path / "空.md"], progress=seen.append)
    assert [(r.file, r.status) for r in receipts] == [
        ("0.md", "added"), ("1.md", "added"), ("2.md", "added"), ("空.md", "refused")]  # fmt: skip
    assert [r.status for r in library.add(files)] == ["unchanged"] * 3
    write(tmp_path, "1.md", "第一块田改种了麦子。")
    assert [r.status for r in library.add(files)] == ["unchanged", "replaced", "unchanged"]
    assert {step.stage for step in seen} >= {"sending", "reading"}
    assert "麦子" in library.search("麦子").hits[0].text
    whole(library)
    with library._store._engine.connect() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(t.parts)).scalar_one() == 0, "files that are read go"
    with pytest.raises(PathMissing):
        library.add([tmp_path / "没有"])


def test_files_of_any_size_go_through_whole(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PART", 7)
    text = "水稻要浅插，行距六寸。" * 9
    assert library.add([write(tmp_path, "长.md", text)])[0].status == "added"
    assert library.articles()[0].text.count("行距六寸") == 9


def test_workers_on_other_machines_read_what_is_added(library: Library, tmp_path: Path) -> None:
    stop, told = threading.Event(), list[Receipt]()
    with opened(library.settings.library, tmp_path / "elsewhere") as other:  # type: ignore[arg-type]
        worker = threading.Thread(target=other.work, args=(stop,), kwargs={"told": told.append})
        worker.start()
        try:
            while not library.queue.workers():
                time.sleep(0.02)
            receipts = library.add([write(tmp_path, f"{n}.md", f"第{n}块田。水要浅。") for n in range(5)])
        finally:
            stop.set()
            worker.join(30)
    assert [r.status for r in receipts] == ["added"] * 5
    assert [r.file for r in told] == [f"{n}.md" for n in range(5)], "all were read there"
    assert not (tmp_path / "elsewhere").exists(), "a worker keeps nothing on its machine"
    whole(library)


def test_an_archive_that_was_read_in_part_is_read_on(library: Library, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "包.zip", "w") as archive:
        for n in range(4):
            archive.writestr(f"{n}.md", f"# 第{n}篇\n\n第{n}块田的水稻要浅插。\n")
    queue = library.queue
    queue.put("b", tmp_path / "包.zip", "包.zip", "1")
    worker, note, left = Worker(library, queue), queue.note, [2]

    def cut_off(*arguments: Any) -> None:
        note(*arguments)
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    queue.note = cut_off  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        worker.step()
    assert len(library.documents()) == 2
    assert queue.standing().waiting == 1, "who has to go gives back what it took"
    queue.note = note  # type: ignore[method-assign]
    assert worker.step()
    assert [r.status for r in queue.told("b")] == ["added"] * 4
    assert len(library.documents()) == 4


def test_what_breaks_its_reader_is_set_aside_with_the_reason(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag import reading

    read_all = reading.read_all

    def breaking(path: Path, source: str, eyes: Any) -> Any:
        if source == "坏.md":
            raise ZeroDivisionError("除数为零")
        return read_all(path, source, eyes)

    monkeypatch.setattr(reading, "read_all", breaking)
    monkeypatch.setattr(tasks, "PAUSE", 0.01)
    monkeypatch.setattr(Tasks.__init__, "__kwdefaults__", {"lease": 60.0, "most": 3, "pause": 0.01})
    receipts = library.add([write(tmp_path, "坏.md", "甲。"), write(tmp_path, "好.md", "乙田的水要浅。")])
    assert sorted((r.file, r.status) for r in receipts) == [("坏.md", "refused"), ("好.md", "added")]
    (aside,) = library.queue.set_aside()
    assert (aside.source, aside.attempts, aside.reason) == ("坏.md", 3, "ZeroDivisionError: 除数为零")
    monkeypatch.setattr(reading, "read_all", read_all)
    assert library.queue.again() == 1
    library.work(NOBODY, told=lambda receipt: None, once=True)
    assert library.queue.set_aside() == []
    assert len(library.documents()) == 2


def test_a_task_that_kills_its_workers_is_set_aside(library: Library, tmp_path: Path) -> None:
    queue = Tasks(library._store, lease=0.0, most=2)
    queue.put("b", write(tmp_path, "a.md", "甲。"), "a.md", "1")
    for _ in range(2):
        assert queue.take("w") is not None
        time.sleep(0.01)
    assert queue.take("w") is None
    assert "2" in queue.set_aside()[0].reason


def test_who_lost_its_task_keeps_nothing_of_it(library: Library, tmp_path: Path) -> None:
    slow = Tasks(library._store, lease=0.0)
    slow.put("b", write(tmp_path, "a.md", "甲田的水要浅。"), "a.md", "1")
    late = slow.take("slow")
    assert late is not None
    time.sleep(0.01)
    assert Tasks(library._store).take("quick") is not None
    assert not slow.renew(late)
    with pytest.raises(Lost), library._store.transaction() as c:
        slow.note(c, late, 0, Receipt("a.md", "added"))
    with pytest.raises(Lost):
        slow.finish(late)


def test_no_two_workers_take_the_same(library: Library, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    queue = library.queue
    for n in range(20):
        queue.put("b", write(tmp_path, f"{n}.md", "甲。"), f"{n}.md", "1")
    with ThreadPoolExecutor(8) as workers:
        taken = [task.id for task in workers.map(lambda n: queue.take(f"w{n}"), range(24)) if task]
    assert sorted(taken) == list(range(1, 21))


def test_a_library_in_a_folder_has_no_queue(tmp_path: Path) -> None:
    with rag.open(tmp_path / "library") as shelf, pytest.raises(NoQueue):
        shelf.work(NOBODY, told=lambda receipt: None)


def test_what_a_killed_worker_did_not_embed_is_embedded_by_one_alone(library: Library, tmp_path: Path) -> None:
    library.add([write(tmp_path, "a.md", "甲田的水要浅。")])
    library._store.keep_models([])
    with (
        opened(library.settings.library, tmp_path / "other") as other,  # type: ignore[arg-type]
        other._store._engine.connect(),
    ):
        held = servers.hold(other._store._engine, other._store.folder, servers.MEANING, 0)  # type: ignore[arg-type]
        assert library.embed_pending() == 0, "another does it"
        held.release()
    library.work(NOBODY, told=lambda receipt: None, once=True)
    whole(library)


# ---------------------------------------------------------------- kill -9

KILLS = 100


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_workers_killed_at_any_moment_lose_and_double_nothing(library: Library, tmp_path: Path) -> None:
    """Two at a time, each killed somewhere in its work; files come and change meanwhile."""
    place, chance = library.settings.library, random.Random(20)
    assert isinstance(place, Server)
    queue = Tasks(library._store, lease=0.4, most=1000, pause=0.0)
    said: dict[str, list[str]] = {}

    def bring() -> None:
        for n in chance.sample(range(12), 4):
            name = f"{n}.jsonl"
            texts = [f"{n}号田{chance.randrange(10**6)}，第{i}块的水要浅。" for i in range(chance.choice((1, 5, 30)))]
            rows = "".join(
                json.dumps({"id": f"{n}-{i}", "text": x}, ensure_ascii=False) + "\n" for i, x in enumerate(texts)
            )
            (tmp_path / name).write_text(rows, encoding="utf-8")
            queue.put(f"b{len(said)}", tmp_path / name, name, "1")
            said[name] = texts

    def work(tell: Callable[[str], None]) -> None:
        with opened(place, tmp_path / "worker") as shelf:
            worker = Worker(shelf, Telling(shelf._store, tell, lease=0.4, most=1000, pause=0.0))
            while True:
                if not worker.step():
                    time.sleep(0.02)

    struck, takes = 0, 0.1  # seconds that a task takes, as last seen
    for _ in range(KILLS // 2):
        if queue.standing().open < 3:
            while queue.standing().open:  # versions of one file come one after the other
                Worker(library, queue).step()
            bring()
        library._store._engine.dispose()  # no connection is shared with a fork
        workers = [Forked(work) for _ in range(2)]
        for one in workers:
            one.kill(chance.uniform(0, 1.2 * takes))
            struck += one.told[-1] == "taken"
            takes = next((float(said) for said in one.told if said != "taken"), takes)
    Worker(library, queue).run(NOBODY, once=True)
    now = queue.standing()
    assert (now.open, now.dead) == (0, 0)
    store = library._store
    found = {d.source: [a.text for a in store.articles(document_id=d.document_id)] for d in store.documents()}
    assert found == said
    with store._engine.connect() as c:
        told = c.execute(sa.select(sa.func.count()).select_from(t.receipts)).scalar_one()
        assert c.execute(sa.select(sa.func.count()).select_from(t.parts)).scalar_one() == 0
    assert told == now.done, "a receipt for each file, and no more"
    whole(library)
    assert struck > KILLS / 2, f"most kills are to strike at work: {struck}"


class Telling(Tasks):
    """Says when it takes a task, and how many seconds it was until it is done."""

    def __init__(self, store: Store, tell: Callable[[str], None], **more: Any) -> None:
        super().__init__(store, **more)
        self.tell, self.since = tell, 0.0

    def take(self, worker: str, batch: str | None = None) -> Task | None:
        if task := super().take(worker, batch):
            self.since = time.monotonic()
            self.tell("taken")
        return task

    def finish(self, task: Task) -> None:
        super().finish(task)
        self.tell(f"{time.monotonic() - self.since:.3f}")


class Forked:
    """A process that works until it is killed, some time after it took its first task."""

    def __init__(self, work: Callable[[Callable[[str], None]], None]) -> None:
        self.told: list[str] = []
        self.read, write = os.pipe()
        self.process = os.fork()
        if not self.process:
            try:
                work(lambda said: (os.write(write, f"{said}\n".encode()), None)[1])
            finally:
                os._exit(1)
        os.close(write)

    def kill(self, after: float) -> None:
        with os.fdopen(self.read) as lines:
            self.told.append(lines.readline().strip())
            time.sleep(after)
            os.kill(self.process, signal.SIGKILL)
            self.told += [line.strip() for line in lines]
        assert os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1]) == -signal.SIGKILL


def test_a_worker_outlives_its_database(library: Library, tmp_path: Path, postgres: Any) -> None:
    stop, told = threading.Event(), list[Receipt]()
    worker = threading.Thread(target=library.work, args=(stop,), kwargs={"told": told.append})
    worker.start()
    try:
        while not library.queue.workers():
            time.sleep(0.02)
        postgres.stop("immediate")
        postgres.start()
        library.queue.put("b", write(tmp_path, "a.md", "甲田的水要浅。"), "a.md", "1")
        deadline = time.monotonic() + 60
        while not told and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stop.set()
        worker.join(30)
    assert [r.status for r in told] == ["added"]


def test_a_writer_that_is_busy_is_waited_for_and_a_lock_goes_with_its_owner(library: Library) -> None:
    store = library._store
    assert isinstance(store.folder, Server)
    held = servers.hold(store._engine, store.folder, servers.WRITER, 0)
    with pytest.raises(LibraryLocked), store.writing(wait=0.1):
        pass
    held._c.connection.driver_connection.close()  # type: ignore[union-attr]
    with store.writing(wait=5):
        pass
    held.release()
