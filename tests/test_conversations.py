"""Conversations in the library: kept for their owner, found again, and nobody else's to see unless shared."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import conversations, tables
from rag.conversations import MOST_TITLE, Conversations
from rag.errors import NoPermission, UnknownName
from rag.store import Store


def said(question: str, answer: str = "答") -> dict[str, Any]:
    return {"question": question, "reply": {"answer": answer, "citations": [{"n": 1, "quote": "原话"}]}}


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


@pytest.fixture
def kept(store: Store) -> Conversations:
    return Conversations(store)


def test_a_conversation_is_there_after_a_restart(store: Store, kept: Conversations) -> None:
    kept.keep("a", "k1", [said("一？")])
    kept.keep("a", "k1", [said("二？")], 1)
    store.close()
    with Store.open(store.folder, create=False) as again:
        talk, rows, own = Conversations(again).opened("a", "k1")
    assert rows == [said("一？"), said("二？")]
    assert (talk.title, talk.exchanges, own) == ("一？", 2, True)


def test_an_exchange_that_is_asked_again_takes_the_place_of_the_old(kept: Conversations) -> None:
    kept.keep("a", "k1", [said("一？"), said("二？", "旧")])
    kept.keep("a", "k1", [said("二？", "新")], 1)
    assert [row["reply"]["answer"] for row in kept.opened("a", "k1")[1]] == ["答", "新"]
    assert kept.listed("a", "旧") == []


@pytest.mark.parametrize("text", ["茶园", "３００", "300亩", "改造"])
def test_conversations_are_found_by_title_question_and_answer(kept: Conversations, text: str) -> None:
    kept.keep("a", "k1", [said("茶园多大？", "300亩。")])
    kept.rename("a", "k1", "老茶园的改造")
    kept.keep("a", "k2", [said("别的？", "100%_无关")])
    assert [talk.key for talk in kept.listed("a", text)] == ["k1"]
    assert [talk.key for talk in kept.listed("a", "%_")] == ["k2"]


def test_a_name_given_by_the_reader_stays_when_the_conversation_grows(kept: Conversations) -> None:
    kept.keep("a", "k1", [said("一？")])
    assert kept.rename("a", "k1", "  我的\n名字 ").title == "我的 名字"
    assert kept.keep("a", "k1", [said("二？")], 1).title == "我的 名字"
    assert len(kept.rename("a", "k1", "长" * 500).title) == MOST_TITLE


def test_nobody_sees_or_changes_what_is_somebody_elses(kept: Conversations) -> None:
    kept.keep("a", "k1", [said("一？")])
    assert kept.listed("b") == []
    for forbidden in (
        lambda: kept.opened("b", "k1"), lambda: kept.rename("b", "k1", "x"), lambda: kept.share("b", "k1", True),
        lambda: kept.drop("b", "k1"), lambda: kept.keep("b", "k1", [said("二？")], 0),
    ):  # fmt: skip
        with pytest.raises(UnknownName):
            forbidden()
    assert kept.opened("a", "k1")[1] == [said("一？")]


def test_a_shared_one_is_read_by_its_link_and_changed_by_its_owner_alone(kept: Conversations) -> None:
    kept.keep("a", "k1", [said("一？")])
    assert kept.share("a", "k1", True).shared
    assert kept.opened("b", "k1")[1:] == ([said("一？")], False)
    assert kept.listed("b") == []
    with pytest.raises(UnknownName):
        kept.drop("b", "k1")
    kept.share("a", "k1", False)
    with pytest.raises(UnknownName):
        kept.opened("b", "k1")


def test_a_dropped_one_is_gone_with_all_that_was_said(store: Store, kept: Conversations) -> None:
    kept.keep("a", "k1", [said("一？")])
    kept.drop("a", "k1")
    with pytest.raises(UnknownName):
        kept.opened("a", "k1")
    with store._engine.connect() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(tables.exchanges)).scalar() == 0


def test_of_visitors_the_oldest_make_way_and_nobody_elses(kept: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "OF_ONE_VISITOR", 2)
    monkeypatch.setattr(conversations, "OF_ALL_VISITORS", 3)
    for n in range(3):
        kept.keep("", f"own{n}", [said("一？")])
        kept.keep("visitor:a", f"a{n}", [said("一？")])
    assert {talk.key for talk in kept.listed("visitor:a")} == {"a1", "a2"}
    kept.keep("visitor:b", "b0", [said("一？")])
    kept.keep("visitor:b", "b1", [said("一？")])
    assert {talk.key for talk in kept.listed("visitor:a")} == {"a2"}, "there is room for three of all visitors"
    assert {talk.key for talk in kept.listed("visitor:b")} == {"b0", "b1"}
    assert len(kept.listed("")) == 3
    with pytest.raises(UnknownName):
        kept.opened("visitor:a", "a0")


def test_what_is_removed_is_quoted_in_no_conversation(store: Store, kept: Conversations) -> None:
    from rag.types import Article, Document, Passage

    for name in ("a1", "a2"):
        text = f"{name}的原话。"
        article = Article(name, f"{name}.txt", name, text)
        passages = [Passage(0, len(text), text)]
        store.put(Document(f"{name}.txt", "txt", name.rjust(64, "0")), [(article, passages)], splitter="1")

    def cites(question: str, article: str) -> dict[str, Any]:
        cited = [{"n": 1, "quote": f"{article}的原话。", "article_id": article}]
        reply = {"answer": f"{article}的原话[1]。", "citations": cited, "nearest": []}
        return {"question": question, "reply": reply, "found": [{"article_id": article, "text": f"{article}的原话。"}]}

    near = {"question": "近？", "reply": {"answer": "没有。", "citations": [], "nearest": [{"article_id": "a1"}]}}
    both = {**cites("二？", "a2"), "found": [{"article_id": "a1", "text": "a1的原话。"}, {"article_id": "a2"}]}
    kept.keep("a", "k1", [cites("一？", "a1"), both, near])
    kept.keep("b", "k2", [cites("另？", "a2")])
    assert len(kept.listed("a", "a1的原话")) == 1
    store.remove(["a1.txt"])
    first, second, third = kept.opened("a", "k1")[1]
    assert (first["question"], first["reply"], first["found"]) == ("一？", None, [])
    assert "删除" in first["trouble"]["what"]
    assert (second["reply"], second["found"]) == (both["reply"], [{"article_id": "a2"}])
    assert third["reply"]["nearest"] == []
    assert kept.listed("a", "a1的原话") == []
    assert kept.opened("b", "k2")[1] == [cites("另？", "a2")]
    with store._engine.connect() as c:
        assert not any("a1的原话" in row for row in c.execute(sa.select(tables.exchanges.c.said)).scalars())


def test_keeping_does_not_wait_for_who_adds_files(store: Store, kept: Conversations) -> None:
    with store.writing():
        began = time.monotonic()
        keeping = threading.Thread(target=kept.keep, args=("a", "k1", [said("一？")]))
        keeping.start()
        keeping.join(5)
        assert time.monotonic() - began < 2
    assert kept.opened("a", "k1")


@pytest.mark.parametrize("place", ["folder"], indirect=True)  # in PostgreSQL it is not waited for
def test_a_transaction_at_hand_is_waited_for(store: Store, kept: Conversations) -> None:
    with store.transaction():
        keeping = threading.Thread(target=kept.keep, args=("a", "k1", [said("一？")]))
        keeping.start()
        time.sleep(0.2)
        assert keeping.is_alive()
    keeping.join(5)
    assert kept.opened("a", "k1")


def test_a_library_that_can_only_be_read_says_so(store: Store) -> None:
    with Store.open(store.folder, readonly=True) as readonly, pytest.raises(NoPermission):
        Conversations(readonly).keep("a", "k1", [said("一？")])


def test_they_travel_with_a_backup(store: Store, kept: Conversations, tmp_path: Path) -> None:
    from rag.store import restore

    kept.keep("a", "k1", [said("一？")])
    store.backup(tmp_path / "b.zip")
    restore(tmp_path / "b.zip", tmp_path / "other")
    with Store.open(tmp_path / "other", create=False) as other:
        assert Conversations(other).opened("a", "k1")[1] == [said("一？")]


def test_a_library_of_the_first_version_gets_the_new_tables_and_keeps_what_it_has(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    (tmp_path / "library").mkdir()
    config = Config()
    config.set_main_option("script_location", str(Path(tables.__file__).parent / "migrations"))
    engine = tables._engine(tmp_path / "library", readonly=False)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO settings VALUES ('mine', '\"5\"')")
    engine.dispose()
    with Store.open(tmp_path / "library", create=False) as opened:
        assert opened.recipe()["mine"] == "5"
        assert Conversations(opened).listed("a") == []


STEP = st.tuples(st.sampled_from("ab"), st.sampled_from(["k1", "k2", "k3"]), st.sampled_from(["keep", "again", "drop", "share"]),
                 st.text(max_size=6))  # fmt: skip


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(STEP, max_size=12))
def test_whatever_is_done_a_list_shows_what_is_there(store: Store, steps: list[tuple[str, str, str, str]]) -> None:
    kept, there = Conversations(store), dict[str, tuple[str, list[str]]]()
    for owner in "ab":
        for talk in kept.listed(owner):
            kept.drop(owner, talk.key)
    for owner, key, does, text in steps:
        mine = key not in there or there[key][0] == owner
        rows = there[key][1] if key in there else []
        try:
            if does in ("keep", "again"):
                start = max(0, len(rows) - (does == "again"))
                kept.keep(owner, key, [said(text)], start)
                there[key] = (owner, [*rows[:start], text])
            elif does == "drop":
                kept.drop(owner, key)
                del there[key]
            else:
                kept.share(owner, key, True)
            assert mine
        except UnknownName:
            assert not mine or key not in there
    for owner in "ab":
        assert {talk.key: talk.exchanges for talk in kept.listed(owner)} == {
            key: len(rows) for key, (whose, rows) in there.items() if whose == owner
        }
    for key, (owner, rows) in there.items():
        assert [row["question"] for row in kept.opened(owner, key)[1]] == rows
