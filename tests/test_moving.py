"""A library goes from a folder into PostgreSQL and back: all of it, or the next run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from rag import moving
from rag import tables as t
from rag.accounts import Accounts
from rag.conversations import Conversations
from rag.errors import LibraryDamaged, LibraryLocked, MoveUnfinished, NotEmpty
from rag.store import Store, restore
from rag.types import Article, Document, Passage

pytestmark = pytest.mark.cluster


def fill(store: Store, files: int = 3) -> None:
    for n in range(files):
        text = f"第{n}田的水稻要浅插，行距六寸，株距四寸。"
        rows = [
            (Article(f"{n}-{i}", f"{n}.txt", "水稻", f"{text}{i}。"), [Passage(0, len(text), text)]) for i in range(3)
        ]
        store.put(Document(f"{n}.txt", "txt", str(n).rjust(64, "0"), garbled=1 / 3), rows, splitter="1")
    store.remove(["0-1"])
    store.put_vectors("m", [1, 3], np.asarray([[0.6, 0.8], [1, 0]], dtype=np.float32))
    Conversations(store).keep("a", "k", [{"question": "插多深？", "reply": None}])
    people = Accounts(store)
    for name in ("甲", "乙"):
        people.add(name, "长密码-correct", "reader")
    people.remove("乙")


def rows_of(store: Store) -> list[moving.Sum]:
    with store._engine.connect() as c:
        return [moving.sum_of(c, table) for table in t.metadata.sorted_tables]


def test_there_and_back_it_is_the_same(postgres: Any, tmp_path: Path) -> None:
    there = postgres.nothing()
    with Store.open(tmp_path / "library") as store:
        fill(store)
        wanted = rows_of(store)
    told = moving.move(tmp_path / "library", there)
    assert sorted(told, key=str) == sorted(wanted, key=str)
    assert {one.table: one.rows for one in told}["passages"] == 8
    moving.move(there, tmp_path / "back")
    for place in (there, tmp_path / "back"):
        with Store.open(place, create=False) as store:
            assert rows_of(store) == wanted
            assert store.check() == []
            made = Accounts(store).add("丙", "长密码-correct", "reader")
            assert made.account_id == 3, "the id of one who left is given to nobody"
            assert store.put(Document("z", "txt", "9" * 64), [], splitter="1").change > 0


def test_a_killed_move_goes_on(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = postgres.nothing()
    with Store.open(tmp_path / "library") as store:
        fill(store)
        wanted = rows_of(store)
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    monkeypatch.setattr(moving, "LONG", {})
    stops = 0
    for at in range(1, 60, 7):
        left = [at]

        def killed(table: str, done: int, total: int, left: list[int] = left) -> None:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        try:
            moving.move(tmp_path / "library", there, killed)
            break
        except KeyboardInterrupt:
            stops += 1
            with pytest.raises(MoveUnfinished):
                Store.open(there)
    else:
        moving.move(tmp_path / "library", there)
    assert stops > 2
    with Store.open(there, create=False) as store:
        assert rows_of(store) == wanted


def test_what_changed_since_a_killed_move_is_moved_too(postgres: Any, tmp_path: Path) -> None:
    there = postgres.nothing()

    def killed(table: str, done: int, total: int) -> None:
        if table == "vectors":
            raise KeyboardInterrupt

    with Store.open(tmp_path / "library") as store:
        fill(store)
    with pytest.raises(KeyboardInterrupt):
        moving.move(tmp_path / "library", there, killed)
    with Store.open(tmp_path / "library") as store:
        store.remove(["1.txt"])
        wanted = rows_of(store)
    moving.move(tmp_path / "library", there)
    with Store.open(there, create=False) as store:
        assert rows_of(store) == wanted


def test_a_full_place_stays_as_it_is(postgres: Any, tmp_path: Path) -> None:
    there = postgres.empty()
    for place in (tmp_path / "library", there):
        with Store.open(place) as store:
            fill(store, 1)
    with pytest.raises(NotEmpty):
        moving.move(tmp_path / "library", there)
    with pytest.raises(LibraryLocked):
        moving.move(there, there)
    with Store.open(there) as store:
        assert store.check() == []


def test_a_copy_that_is_not_equal_is_not_opened(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = postgres.nothing()
    with Store.open(tmp_path / "library") as store:
        fill(store, 1)
    pour = moving._pour

    def forgetful(c: sa.Connection, to: Any, table: sa.Table, *more: Any) -> None:
        if table is not t.bands:
            pour(c, to, table, *more)

    monkeypatch.setattr(moving, "_pour", forgetful)
    with pytest.raises(LibraryDamaged, match="bands"):
        moving.move(tmp_path / "library", there)
    with pytest.raises(MoveUnfinished):
        Store.open(there)


def test_a_backup_of_a_server_is_restored_anywhere(postgres: Any, tmp_path: Path) -> None:
    with Store.open(postgres.empty()) as store:
        fill(store)
        store.backup(tmp_path / "b.zip")
        texts = [article.text for article in store.articles()]
        store.remove(["1.txt", "2.txt"])
        before, place = store.library_id, store.folder
        restore(tmp_path / "b.zip", place)
        assert [article.text for article in store.articles()] == texts, "an open reader sees it at once"
    restore(tmp_path / "b.zip", tmp_path / "other")
    for where in (place, tmp_path / "other"):
        with Store.open(where, create=False) as again:
            assert [article.text for article in again.articles()] == texts
            assert again.library_id != before
            assert again.check() == []


def test_a_library_on_a_server_is_put_back_while_it_is_open(postgres: Any, tmp_path: Path) -> None:
    """As the page does it: who has it open answers from what was restored, and so does another server."""
    import rag
    from rag.settings import Server

    place = postgres.empty()
    assert isinstance(place, Server)
    (tmp_path / "稻.md").write_text("# 水稻\n\n水稻要浅插，插深了长不快。\n", "utf-8")
    (tmp_path / "鱼.md").write_text("# 草鱼\n\n草鱼每天喂两次，水温低了少喂。\n", "utf-8")
    with rag.open(place.url) as library, rag.open(place.url) as other:
        library.add([tmp_path / "稻.md"])
        assert library.backup(tmp_path / "b.zip") > 0
        library.add([tmp_path / "鱼.md"])
        library.remove(["稻.md"])
        for one in (library, other):
            assert [hit.title for hit in one.search("水稻怎样插？").hits] == ["草鱼"]
        assert library.restore(tmp_path / "b.zip").articles == 1
        assert [hit.title for hit in library.search("水稻怎样插？").hits] == ["水稻"]
        assert library.checkup().faults == ()
        assert not library.ask("草鱼一天喂几次？").citations
    with rag.open(place.url) as library:
        assert [hit.title for hit in library.search("水稻怎样插？").hits] == ["水稻"]
        library.add([tmp_path / "鱼.md"])
        assert {hit.title for hit in library.search("草鱼怎样喂？").hits} == {"水稻", "草鱼"}
