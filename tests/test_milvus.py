"""Libraries whose passages are found by Milvus: as on one machine, apart from each other, and back after it was away."""

from __future__ import annotations

import gzip
import importlib.util
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import lacking
from milvus_server import MilvusLite
from test_search import MODEL, NEWS, found, put, unit

import rag
from rag.errors import BadSetting, SearchNotInstalled, SearchUnreachable
from rag.search import Ranking, sparse
from rag.search.local import LocalSearch
from rag.settings import SearchServer, search_server
from rag.store import Store
from rag.text import tokens
from rag.types import Filter

if importlib.util.find_spec("pymilvus") is not None:
    from rag.search import milvus as module
    from rag.search.milvus import MilvusSearch


@pytest.fixture
def place(milvus: str) -> SearchServer:
    return search_server(milvus)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "library") as opened:
        yield opened


@pytest.mark.parametrize(
    ("given", "uri", "name", "token", "database"),
    [
        ("milvus://h:1", "http://h:1", "milvus://h:1", "", ""),
        ("milvus://h", "http://h:19530", "milvus://h:19530", "", ""),
        ("milvus+tls://u:p%40@h:1/d", "https://h:1", "milvus+tls://h:1", "u:p@", "d"),
        ("milvus://[::1]:7/", "http://[::1]:7", "milvus://[::1]:7", "", ""),
    ],
)
def test_an_address_is_read_and_its_password_is_not_shown(
    given: str, uri: str, name: str, token: str, database: str
) -> None:
    read = search_server(given)
    assert (read.uri, str(read), read.token, read.database) == (uri, name, token, database)
    assert "p@" not in repr(read)


@pytest.mark.parametrize(
    "given", ["x", "milvus", "milvus:a.txt", "http://h:1", "milvus://", "milvus://h:99999", "milvus://a b"]
)
def test_what_is_no_address_is_said(given: str) -> None:
    with pytest.raises(BadSetting):
        search_server(given)


def test_a_file_is_one_of_milvus_lite(tmp_path: Path) -> None:
    assert search_server(f"milvus:{tmp_path}/a.db").uri == str(tmp_path / "a.db")
    assert search_server("milvus:a.db").is_file


def test_without_the_package_what_to_do_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    from rag.search.server import Server

    really = builtins.__import__

    def none(name: str, *more: object, **named: object) -> object:
        if name.startswith("pymilvus"):
            raise ImportError(name)
        return really(name, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", none)
    with pytest.raises(SearchNotInstalled, match="cluster"):
        Server(search_server("milvus://127.0.0.1:1")).has("x")


# ---------------------------------------------------------------- as on one machine


@pytest.mark.cluster
def test_ranking_is_that_of_one_machine(store: Store, place: SearchServer) -> None:
    if not NEWS.exists():
        lacking("no news beside the checkout")
    with gzip.open(NEWS, "rt", encoding="utf-8") as lines:
        articles = [json.loads(line) for _, line in zip(range(30), lines, strict=False)]
    for n, row in enumerate(articles):
        put(store, f"{n}.txt", row["text"][:600], title=row.get("title") or "", date=row.get("date"))
    local, there = LocalSearch(store.folder, store, MODEL), MilvusSearch(place, store, MODEL)
    count = store.counts().passages
    store.put_vectors(MODEL, range(1, count + 1), x := unit(count, 8))
    local.catch_up()
    there.catch_up()
    assert local.faults() == there.faults() == []
    chance = random.Random(7)
    for whole in (False, True):
        same = 0
        for row in chance.sample(articles, 20):
            at = chance.randrange(max(1, min(len(row["text"]), 600) - 25))
            asked = tokens(row["text"][at : at + 25])
            a, b = local.lexical(asked, 10, whole=whole), there.lexical(asked, 10, whole=whole)
            same += found(a)[:1] == found(b)[:1]
            assert np.allclose(a.scores[:3], b.scores[:3], rtol=0.06), "tantivy keeps lengths in one byte"
        assert same >= 19
    for question in unit(10, 8, seed=3):
        assert found(local.nearest(question, 10)) == found(there.nearest(question, 10))
    assert np.allclose(there.vectors([1, 2])[2], x[1], atol=1e-3)
    for row in chance.sample(articles, 10):
        term = row["text"][5:9]
        assert set(there.containing(term, 99)) == set(local.containing(term, 99)), term


@pytest.mark.cluster
def test_containing_finds_a_term_wherever_it_stands(store: Store, place: SearchServer) -> None:
    chance = random.Random(2)
    letters = "水稻科学院研AI9 ,三百"
    texts = ["".join(chance.choices(letters, k=chance.randint(1, 12))) for _ in range(25)]
    put(store, "a", *texts)
    local, there = LocalSearch(store.folder, store, MODEL), MilvusSearch(place, store, MODEL)
    for _ in range(40):
        term = "".join(chance.choices(letters, k=chance.randint(1, 4)))
        assert set(there.containing(term, 99)) == set(local.containing(term, 99)), term


@pytest.mark.cluster
def test_only_these_articles_are_searched(store: Store, place: SearchServer) -> None:
    for n in range(3):
        put(store, f"{n}.txt", "说水稻。", column="a", sha=str(n))
    store.put_vectors(MODEL, range(1, 4), unit(3, 8))
    there = MilvusSearch(place, store, MODEL)
    there.catch_up()
    second = next(a.article_id for a in store.articles() if a.source == "1.txt")
    for only, passages in ((Filter(article=(second,)), [2]), (Filter(article=("nobody's",)), [])):
        for whole in (False, True):
            assert found(there.lexical(tokens("水稻"), 9, only, whole=whole)) == passages
        assert found(there.nearest(unit(1, 8)[0], 9, only)) == passages
        assert there.containing("水稻", only=only) == passages


@pytest.mark.cluster
def test_hostile_names_are_no_conditions(store: Store, place: SearchServer) -> None:
    names = ['a" or 1 == 1 or "', "b\\", "c'] or [", "d\n", "e{x}", 'f" in ["', "100%_", "😀"]
    for n, name in enumerate(names):
        put(store, name, "说水稻。", column=name, sha=str(n))
    there = MilvusSearch(place, store, MODEL)
    for n, name in enumerate(names, 1):
        for only in (Filter(source=(name,)), Filter(column=(name,)), Filter(source=(name, "x"), column=(name,))):
            assert found(there.lexical(tokens("水稻"), 99, only)) == [n], name
    for name in ('" or 1 == 1 or "', "\ud800", "", "\\"):
        assert found(there.lexical(tokens("水稻"), 99, Filter(source=(name,)))) == []


# ---------------------------------------------------------------- many libraries, many processes


@pytest.mark.cluster
def test_a_library_does_not_see_another(tmp_path: Path, place: SearchServer) -> None:
    with Store.open(tmp_path / "a") as first, Store.open(tmp_path / "b") as second:
        put(first, "a.txt", "甲家的水稻。", "甲家的秘密。", title="甲")
        put(second, "b.txt", "乙家的水稻。", title="乙")
        for store, n in ((first, 2), (second, 1)):
            store.put_vectors(MODEL, range(1, n + 1), unit(n, 8))
        a, b = (MilvusSearch(place, store, MODEL) for store in (first, second))
        for one, n in ((a, 2), (b, 1)):
            one.catch_up()
            assert (one.state().passages, one.state().vectors) == (n, n)
            for whole in (False, True):
                assert len(one.lexical(tokens("水稻秘密"), 9, whole=whole)) == n
            assert len(one.nearest(unit(1, 8)[0], 9)) == n
        assert b.containing("秘密") == []
        other = Filter(source=('x" or tenant != "', "a.txt"))
        assert found(b.lexical(tokens("水稻"), 9, other)) == []
        b.forget()
        assert (b.state().passages, b.state().vectors, a.state().passages) == (0, 0, 2)
        second.remove(["b.txt"])
        b.catch_up()
        b.rebuild()
        assert a.faults() == b.faults() == []
        assert found(a.lexical(tokens("水稻"), 9)) == [1], "what one removes is its own"


@pytest.mark.cluster
def test_another_process_takes_up_where_one_was_killed(
    store: Store, place: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        put(store, f"{n}.txt", f"第{n}块水稻田。", sha=str(n))
    batches = store.entries

    def one_by_one(after: int = 0, **more: int):  # type: ignore[no-untyped-def]
        return batches(after, 1, **more)

    monkeypatch.setattr(store, "entries", one_by_one)
    killed = MilvusSearch(place, store, MODEL)
    put_statistics, done = killed._put_statistics, []

    def kill(*words) -> None:  # type: ignore[no-untyped-def]
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(words)
        put_statistics(*words)

    killed._put_statistics = kill  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        killed.catch_up()
    again = MilvusSearch(place, store, MODEL)
    seen: list[int] = []
    again.catch_up(lambda done, total: seen.append(done))
    assert seen[-1] < 6, "what was done is not done again"
    assert again.faults() == []
    assert sorted(found(again.lexical(tokens("水稻"), 9))) == [1, 2, 3, 4, 5, 6]
    assert again._statistics().passages == 6, "and counted once"
    fresh = MilvusSearch(place, store, MODEL)
    assert fresh.state() == again.state()


@pytest.mark.cluster
def test_weights_follow_a_library_that_changes(
    store: Store, place: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts become ten times longer, rows of statistics are added up: ranking stays that of one machine."""
    monkeypatch.setattr(module, "_MANY_PARTS", 3)
    there = MilvusSearch(place, store, MODEL)
    chance = random.Random(1)
    words = [a + b for a in "山水田林路" for b in "东南西北中"]
    for n in range(8):
        put(store, f"{n}.txt", "".join(chance.choices(words, k=4 if n < 3 else 60)), sha=str(n))
        there.catch_up()
    local = LocalSearch(store.folder, store, MODEL)
    for word in words[:8]:
        a, b = local.lexical(tokens(word), 9).to_dict(), there.lexical(tokens(word), 9).to_dict()
        assert a.keys() == b.keys()
        for i in a:
            assert a[i] == pytest.approx(b[i], rel=0.25)
    state = there._state
    rows = there._server.rows("rag1_state", there._own, ["pk", "kind"], newest=True)
    assert len(rows) == 1 + len([r for r in rows if r["kind"] == f"terms/{state.generation}"])
    assert len(rows) <= 5
    assert there._statistics().passages == 8
    assert there.faults() == []


@pytest.mark.cluster
def test_vectors_of_models_that_go_are_gone(store: Store, place: SearchServer) -> None:
    put(store, "a.txt", "甲。", "乙。")
    for model, size in (("一/a", 4), ("二/b", 6)):
        store.put_vectors(model, [1, 2], unit(2, size))
        MilvusSearch(place, store, model).catch_up()
    there = MilvusSearch(place, store, "二/b")
    with store.writing():
        there.keep_models(["二/b"])
    assert MilvusSearch(place, store, "二/b").state().vectors == 2
    assert set(there._read().meaning) == {"二/b"}


# ---------------------------------------------------------------- away and back


@pytest.mark.cluster
def test_a_server_that_is_away_has_a_name_and_one_that_is_back_needs_no_restart(tmp_path: Path, milvus: str) -> None:
    with MilvusLite(tmp_path) as server, Store.open(tmp_path / "library") as store:
        there = MilvusSearch(search_server(server.address), store, MODEL)
        put(store, "a.txt", "甲说水稻。")
        there.catch_up()
        assert found(there.lexical(tokens("水稻"), 9)) == [1]
        server.kill()
        for ask in (
            lambda: there.lexical(tokens("水稻"), 9),
            lambda: there.containing("水稻"),
            lambda: MilvusSearch(search_server(server.address), store, MODEL).state(),
        ):
            with pytest.raises(SearchUnreachable, match=r"milvus://127\.0\.0\.1"):
                ask()
        put(store, "b.txt", "乙说水稻。")
        with pytest.raises(SearchUnreachable):
            there.refresh()
        server.start()
        there.refresh()
        assert sorted(found(there.lexical(tokens("水稻"), 9))) == [1, 2]
        assert there.faults() == []


# ---------------------------------------------------------------- the whole product


@pytest.mark.cluster
def test_a_library_in_a_folder_is_asked_through_milvus(
    tmp_path: Path, milvus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_SEARCH", milvus)
    file = tmp_path / "萤火虫.md"
    file.write_text("# 萤火虫\n\n萤火虫的光几乎不发热，发光的效率超过九成。\n\n成虫只活五天到两星期。", "utf-8")
    with rag.open(tmp_path / "library") as library:
        assert [r.status for r in library.add([file])] == ["added"]
        reply = library.ask("萤火虫的光发热吗？")
        assert not reply.refused
        assert "不发热" in reply.citations[0].quote
        assert library.ask("鳄雀鳝吃什么？").refused
        assert library.state().embedded == library.state().passages
        assert not (tmp_path / "library" / "lexical").exists()
        (gone,) = library.remove(["萤火虫.md"])
        assert (gone.status, gone.left) == ("removed", 0)


@pytest.mark.cluster
def test_commands_take_the_address(
    milvus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.cli import run

    monkeypatch.setenv("RAG_SEARCH", milvus)  # --search sets it for the process: it is as before when this ends
    home = ["--library", str(tmp_path / "library")]
    file = tmp_path / "a.md"
    file.write_text("# 萤火虫\n\n萤火虫的光几乎不发热，发光的效率超过九成。", "utf-8")
    assert run(["add", str(file), *home, "--search", milvus]) == 0
    assert run(["check", *home, "--search", milvus]) == 0
    capsys.readouterr()
    assert run(["search", "萤火虫发热吗", *home, "--search", "milvus://127.0.0.1:9", "--json"]) == 2
    told = capsys.readouterr()
    assert "milvus://127.0.0.1:9" in told.err
    assert run(["list", *home, "--search", "sqlite:x"]) == 2


def test_scores_of_nothing_are_nothing() -> None:
    assert sparse.question([], sparse.Statistics(), False) == {}
    assert len(Ranking(np.empty(0, np.int64), np.empty(0, np.float32))) == 0
