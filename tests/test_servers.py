"""A library in PostgreSQL: found by its address, told by name when it is away, and back without a restart."""

from __future__ import annotations

import contextlib
import io
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import rag
from rag import meaning, servers, settings, tables
from rag.cli import run
from rag.conversations import Conversations
from rag.errors import (
    BadSetting,
    ClusterNotInstalled,
    EmptyLibrary,
    LibraryNewer,
    NotALibrary,
    ServerRefuses,
    ServerUnreachable,
)
from rag.library import Library
from rag.settings import Server, Settings
from rag.store import Store
from tests.tiny_embedders import open_tiny

SECRET = "geheim/p@ss:w#rt"


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql+psycopg://ann:{SECRET}@db.example:5432/rag",
        f"postgres://ann:{SECRET}@db.example/rag?sslmode=require",
        f"postgresql://db.example/rag?user=ann&password={SECRET}",
    ],
)
def test_a_password_is_never_printed(address: str) -> None:
    place = settings.place(address)
    chosen = settings.load(address)
    assert isinstance(place, Server)
    unreachable = ServerUnreachable(library=place, detail="timeout")
    for said in (str(place), repr(place), repr(chosen), str(chosen.derived), str(unreachable)):
        assert not any(part in said for part in ("geheim", "p@ss", "w#rt"))
    assert "db.example" in place.name
    assert place.url.startswith("postgresql+psycopg://")


def test_other_addresses_are_refused_without_their_password() -> None:
    with pytest.raises(BadSetting) as refused:
        settings.load(f"mysql://ann:{SECRET}@db/rag")
    assert "geheim" not in str(refused.value)
    assert isinstance(settings.place("文件夹"), Path)


def test_what_is_derived_lies_in_a_folder_of_this_machine(tmp_path: Path) -> None:
    a, b = (settings.place(f"postgresql://db/{name}") for name in "ab")
    one, other = (Settings(library=place, cache=tmp_path).derived for place in (a, b))
    assert one.parent == other.parent == tmp_path
    assert one != other
    assert Settings(library=tmp_path).derived == tmp_path


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ClusterNotInstalled):
        servers.engine_of(settings.place("postgresql://db/a"))  # type: ignore[arg-type]


@pytest.mark.cluster
def test_who_does_not_answer_is_named_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"postgresql://ann:geheim@127.0.0.1:{port}/rag"
    for command in (["ask", "水稻？"], ["add", __file__], ["list"], ["check"], ["work"], ["serve", "--port", "1"]):
        assert run([*command, "--library", address]) == ServerUnreachable.exit_code
        said = capsys.readouterr().err
        assert f"127.0.0.1:{port}" in said
        assert "PostgreSQL" in said
        assert "geheim" not in said
        assert "Traceback" not in said


@pytest.mark.cluster
def test_what_is_not_there_or_no_library_is_told_apart(postgres: Any) -> None:
    from tests.postgres import server

    with pytest.raises(ServerRefuses):
        Store.open(server(postgres.address("no_such_database")))
    place = postgres.nothing()
    with pytest.raises(EmptyLibrary):
        Store.open(place, create=False)
    postgres.say("CREATE TABLE songs (name text)", place.name.rpartition("/")[2])
    with pytest.raises(NotALibrary):
        Store.open(place)
    newer = postgres.empty()
    postgres.say("UPDATE alembic_version SET version_num = '0999'", newer.name.rpartition("/")[2])
    with pytest.raises(LibraryNewer, match="0999"):
        Store.open(newer)


@pytest.mark.cluster
def test_two_that_open_a_new_library_at_once_make_it_once(postgres: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    place = postgres.nothing()

    def make(_: int) -> str:
        with Store.open(place) as store:
            return store.library_id

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(make, range(4)))) == 1


@pytest.mark.cluster
def test_libraries_share_a_database_by_schemas_and_do_not_meet(postgres: Any) -> None:
    from tests.postgres import server

    place = postgres.nothing()
    database = place.name.rpartition("/")[2]
    stores = []
    for name in ("one", "two"):
        postgres.say(f"CREATE SCHEMA {name}", database)
        stores.append(Store.open(server(f"{place.url}?options=-csearch_path%3D{name}")))
    one, two = stores
    Conversations(one).keep("a", "k", [{"question": "甲？"}])
    with one.writing(wait=0), two.writing(wait=0):
        assert Conversations(two).listed("a") == []
    for store in stores:
        store.close()


@pytest.mark.cluster
def test_a_nul_is_found_nowhere_and_harms_nothing(postgres: Any) -> None:
    with Store.open(postgres.empty()) as store:
        assert store.article("a\0b") is None
        kept = Conversations(store)
        kept.keep("a", "k", [{"question": "甲\0？", "reply": None}])
        assert kept.opened("a", "k")[1] == [{"question": "甲\0？", "reply": None}]


# ---------------------------------------------------------------- servers that keep nothing


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)


@pytest.fixture
def two(postgres: Any, tmp_path: Path, tiny: None) -> Iterator[tuple[Library, Library]]:
    """Two servers of one library, each on a machine of its own."""
    place = postgres.empty()
    shelves = [Library(Store.open(place), Settings(place, embedding="tiny-8", cache=tmp_path / name)) for name in "ab"]
    yield (shelves[0], shelves[1])
    for shelf in shelves:
        shelf.close()


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"# {name}\n\n{text}\n", encoding="utf-8")
    return path


@pytest.mark.cluster
def test_what_one_server_takes_in_the_other_finds(two: tuple[Library, Library], tmp_path: Path) -> None:
    one, other = two
    one.add([write(tmp_path, "a.md", "甲田的水稻要浅插。")])
    assert [h.source for h in other.search("水稻").hits] == ["a.md"]
    one.add([write(tmp_path, "b.md", "乙田改种了麦子。")])
    deadline = time.monotonic() + 60
    while "b.md" not in (found := [h.source for h in other.search("麦子").hits]):
        assert time.monotonic() < deadline, found  # a moment, or the next question has it
    assert one.remove(["a.md"])[0].left == 0
    assert "a.md" not in [h.source for h in other.search("水稻").hits]
    for shelf in two:
        shelf._catch_up(lambda step: None)
        assert shelf.checkup().faults == ()
    one.conversations.keep("w", "k", [{"question": "甲？"}])
    assert other.conversations.opened("w", "k")[2]
    one.accounts.add("甲", "长密码-correct", "editor")
    assert other.accounts.by_session(one.accounts.sign_in("甲", "长密码-correct")) is not None


@pytest.mark.cluster
def test_readers_are_not_kept_waiting_by_a_writer(two: tuple[Library, Library], tmp_path: Path) -> None:
    one, other = two
    one.add([write(tmp_path, "a.md", "甲田的水稻要浅插。")])
    with one._store.transaction():
        answered = threading.Thread(target=other.search, args=("水稻",))
        answered.start()
        answered.join(20)
        assert not answered.is_alive()


@pytest.mark.cluster
def test_conversations_are_written_side_by_side(two: tuple[Library, Library]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def talk(n: int) -> None:
        for i in range(3):
            two[n % 2].conversations.keep(f"w{n % 4}", f"k{n % 4}", [{"question": f"{n}-{i}？"}], i)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(talk, range(16)))
    for n in range(4):
        talked, said, _ = two[0].conversations.opened(f"w{n}", f"k{n}")
        assert talked.exchanges == len(said) >= 1


@pytest.mark.cluster
def test_a_database_that_dies_is_told_and_is_back_without_a_restart(
    two: tuple[Library, Library], tmp_path: Path, postgres: Any
) -> None:
    one, _ = two
    one.add([write(tmp_path, "a.md", "甲田的水稻要浅插，行距六寸。")])
    assert not one.ready(), "models are not open"
    one.warm_up()
    assert one.ready()
    one.conversations.keep("w", "k", [{"question": "第一问？", "reply": None}])
    pieces = one.ask("水稻要怎么插？", stream=True)
    next(pieces)
    postgres.stop("immediate")
    try:
        with pytest.raises(ServerUnreachable):
            list(pieces)
        with pytest.raises(ServerUnreachable):
            one.conversations.keep("w", "k", [{"question": "第二问？", "reply": None}], 1)
        with pytest.raises(ServerUnreachable):
            one.ask("水稻要怎么插？")
        with pytest.raises(ServerUnreachable):
            one.ready()
    finally:
        postgres.start()
    assert [said["question"] for said in one.conversations.opened("w", "k")[1]] == ["第一问？"]
    assert one.ready()
    assert not one.ask("水稻要怎么插？").refused or one.search("水稻").hits
    one.conversations.keep("w", "k", [{"question": "第二问？", "reply": None}], 1)
    assert len(one.conversations.opened("w", "k")[1]) == 2


@pytest.mark.cluster
def test_the_commands_do_on_a_server_what_they_do_on_a_folder(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: None
) -> None:
    write(tmp_path, "a.md", "甲田的水稻要浅插，行距六寸。")

    def said(*words: str) -> tuple[int, str]:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = run(list(words))
        return code, out.getvalue()

    told = []
    for address in (postgres.empty().url, str(tmp_path / "library")):
        monkeypatch.setenv("RAG_LIBRARY", address)
        monkeypatch.setenv("RAG_EMBEDDING", "tiny-8")
        commands = [("add", str(tmp_path / "a.md")), ("list",), ("search", "水稻"), ("export", "--json"), ("check",),
                    ("backup", str(tmp_path / "b.zip")), ("remove", "a.md"), ("list",), ("restore", str(tmp_path / "b.zip")),
                    ("list",), ("show", "没有")]  # fmt: skip
        told.append([said(*command) for command in commands])
    assert [code for code, _ in told[0]] == [code for code, _ in told[1]]
    for (_, there), (_, here), command in zip(*told, commands, strict=True):
        if command[0] != "backup":
            assert there == here, command


@pytest.mark.cluster
def test_rag_open_takes_an_address(postgres: Any, tiny: None) -> None:
    with rag.open(postgres.nothing().url) as shelf:
        assert shelf.state().articles == 0


def test_a_connection_that_died_in_the_pool_is_replaced_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.QueuePool, pool_pre_ping=True)
    tables.listen(engine, lambda connection, record: None, lambda connection: None, lambda error: ServerUnreachable())
    with engine.connect() as c:
        assert c.scalar(sa.text("SELECT 1")) == 1

    def dead(connection: Any) -> bool:
        raise sqlite3.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(engine.dialect, "do_ping", dead)
        patch.setattr(engine.dialect, "is_disconnect", lambda error, connection, cursor: True)
        with engine.connect() as c:
            assert c.scalar(sa.text("SELECT 1")) == 1
    with engine.connect() as c, pytest.raises(ServerUnreachable):
        c.execute(sa.text("SELECT nothing"))
