"""Search: what is put is found by its words and by its meaning, what is removed is not, whatever happened between."""

from __future__ import annotations

import gzip
import json
import math
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import text as cutting
from rag.search import Entry, Ranking, SearchIndex, days, lexical, period, vectors
from rag.search.local import LocalSearch
from rag.settings import search_server
from rag.store import Store, restore
from rag.text import fold, tokens
from rag.types import Article, Document, Filter, Passage

ROOT = Path(__file__).resolve().parent.parent
NEWS = ROOT.parent / "shared" / "data" / "news" / "part-00.jsonl.gz"
MODEL = "模型/a"


def put(store: Store, source: str, *texts: str, sha: str = "1", title: str = "", **more: Any) -> range:
    """An article a text, a passage a sentence; the ids of the passages."""
    articles = []
    for n, text in enumerate(texts):
        passages, start = [], 0
        for sentence in text.replace("。", "。\n").split("\n"):
            if sentence:
                passages.append(Passage(start, start + len(sentence), sentence, title))
                start += len(sentence)
        articles.append((Article(f"{source}{n}{text[:9]}", source, title, text, **more), passages))
    return store.put(Document(source, "txt", sha.rjust(64, "0")), articles, splitter="1").new


def found(ranking: Ranking) -> list[int]:
    return [int(i) for i in ranking.ids]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    Store.open(folder).close()
    return folder / "library.db"


@pytest.fixture
def store(empty: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copy(empty, tmp_path)
    with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def local(store: Store) -> LocalSearch:
    return LocalSearch(store.folder, store, MODEL)


@pytest.fixture(params=["local", pytest.param("milvus", marks=pytest.mark.cluster)])
def index(store: Store, request: pytest.FixtureRequest) -> Iterator[SearchIndex]:
    """Tests that ask for it run over both."""
    if request.param == "local":
        yield LocalSearch(store.folder, store, MODEL)
        return
    from rag.search.milvus import MilvusSearch

    opened = MilvusSearch(search_server(request.getfixturevalue("milvus")), store, MODEL)
    opened._clear()  # the library's number is that of the test before
    with opened._server.reaching() as client:
        for name in opened._server.collections("rag1_meaning"):
            client.drop_collection(name)  # vectors of another length
    opened.close()
    yield opened
    opened.close()


# ---------------------------------------------------------------- by words


def test_what_is_put_is_found_by_its_words(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "水稻要浅插。油菜要抢收。", "月球上没有水。")
    index.catch_up()
    assert found(index.lexical(tokens("油菜"), 5)) == [2]
    assert found(index.lexical(tokens("月球"), 5)) == [3]
    assert found(index.lexical(tokens("沙漠"), 5)) == []
    assert found(index.lexical([], 5)) == found(index.lexical(tokens("水"), 0)) == []
    state = index.state()
    assert (state.change, state.passages, state.vectors) == (1, 3, 0)
    assert state.kind in ("exact", "flat")
    assert index.faults() == []


def test_whole_articles_are_ranked_under_their_first_passage(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "水稻要浅插。油菜要抢收。", "油菜开花了。", title="农时")
    index.catch_up()
    assert set(found(index.lexical(tokens("水稻油菜"), 5, whole=True))) == {1, 3}
    assert found(index.lexical(tokens("浅插抢收"), 5, whole=True)) == [1]
    assert set(found(index.lexical(tokens("农时"), 5, whole=True))) == {1, 3}, "titles belong to the whole"
    store.remove(["a.txt"])
    index.catch_up()
    assert found(index.lexical(tokens("油菜"), 5, whole=True)) == []


def test_titles_and_headings_are_searched(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "先拨打电话。再按压胸口。", title="心脏骤停怎么急救")
    put(store, "b.txt", "拨打电话要有礼貌。")
    index.catch_up()
    assert found(index.lexical(tokens("心脏骤停拨打电话"), 5))[0] == 1


@pytest.mark.parametrize(
    "question", ['+水 -稻 AND "油', "body:水稻", "水稻~2^9", "(((", "*", "\\", "水稻\t油菜\0", "\ud800水稻", "a" * 5000]
)
def test_no_question_is_read_as_a_query_language(store: Store, index: SearchIndex, question: str) -> None:
    put(store, "a.txt", "水稻要浅插。")
    index.catch_up()
    assert found(index.lexical(tokens(question), 5)) in ([1], [])
    assert found(index.lexical([fold(question)], 5)) == []
    index.containing(question)


def test_tokens_stay_as_they_are_cut(store: Store, index: SearchIndex) -> None:
    """No tokenizer of the index cuts or folds again: each token of a text finds it."""
    text = "ＡＩ科學與1,100万人，C++、3.5%，ཀཁག、COVID-19。"
    put(store, "a.txt", text)
    index.catch_up()
    for token in tokens(text):
        assert found(index.lexical([token], 5)) == [1], token
    assert found(index.lexical(["11000000"], 5)) == [1]


def test_scores_are_bm25(store: Store, index: SearchIndex) -> None:
    chance = random.Random(3)
    words = [a + b for a in "山水田林路" for b in "东南西北中"]
    texts = ["".join(chance.choices(words, k=chance.randint(3, 30))) for _ in range(300)]
    put(store, "a.txt", *texts)
    index.catch_up()
    bags = [Counter(tokens(text)) for text in texts]
    mean = sum(b.total() for b in bags) / len(bags)
    for question in texts[:20]:
        asked = Counter(tokens(question[:12]))
        scores = np.zeros(len(bags))
        for token, times in asked.items():
            holding = sum(token in b for b in bags)
            idf = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
            for i, bag in enumerate(bags):
                scores[i] += times * idf * 2.2 * bag[token] / (bag[token] + 1.2 * (0.25 + 0.75 * bag.total() / mean))
        for i, score in index.lexical(list(asked.elements()), 300).to_dict().items():
            assert score == pytest.approx(scores[i - 1], rel=0.03), "the length of a text is kept in one byte"


def test_filters_are_pushed_down(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "甲说水稻。", date="2024-03-05", column="科普")
    put(store, "b.txt", "乙说水稻。", date="2024-04", column="农技 (一)")
    put(store, "c.txt", "丙说水稻。", date="2025")
    put(store, "d.txt", "丁说水稻。")
    store.put_vectors(MODEL, [1, 2, 3, 4], np.eye(4, 8, dtype=np.float32) + 0.1)
    index.catch_up()
    second = next(article.article_id for article in store.articles() if article.source == "b.txt")
    for only in (
        Filter(article=(second,)),
        Filter(article=(second, "nobody's"), column=("科普",)),
        Filter(article=("nobody's",)),
        Filter(source=("a.txt", "c.txt")),
        Filter(column=("农技 (一)",)),
        Filter(since="2024-04-10"),
        Filter(),
        Filter(since="2024-03", until="2024-03"),
        Filter(until="2024"),
        Filter(source=("x",)),
        Filter(since="2025-07-01", column=("科普",)),
        Filter(column=("科普",), until="2024-12-31"),
    ):
        expected = set(store.allowed(only).tolist())
        assert set(found(index.lexical(tokens("水稻"), 9, only))) == expected, only
        assert set(found(index.lexical(tokens("水稻"), 9, only, whole=True))) == expected, only
        assert set(found(index.nearest(np.ones(8, np.float32), 9, only))) == expected, only
        assert set(index.containing("水稻", only=only)) == expected, only
    plain = index.lexical(tokens("水稻"), 9).to_dict()
    assert index.lexical(tokens("水稻"), 9, Filter(until="2024")).to_dict().items() <= plain.items(), "scores stay"


@pytest.mark.parametrize(
    ("date", "span"),
    [
        ("2025-02-26", (20250226, 20250226)),
        ("2025-02", (20250201, 20250231)),
        ("2025", (20250101, 20251231)),
        ("2025-02-26T08:00", (20250226, 20250226)),
        ("去年", None),
        ("", None),
        (None, None),
        ("25-1-1", None),
    ],
)
def test_dates_are_spans_of_days(date: str | None, span: tuple[int, int] | None) -> None:
    assert days(date) == span
    assert period(Filter(since=date)) == (None if span is None else (span[0], 99991231))


# ---------------------------------------------------------------- a term, literally

TEXTS = st.text("水稻科学院研AI9 ,三百", min_size=1, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=6, unique=True), terms=st.lists(TEXTS, min_size=1, max_size=8))
def test_containing_finds_a_term_wherever_it_stands(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, texts: list[str], terms: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    shutil.copy(empty, folder)
    with Store.open(folder) as store:
        articles = [(Article(str(n), "a", "", x), [Passage(0, len(x), x)]) for n, x in enumerate(texts)]
        store.put(Document("a", "txt", "0" * 64), articles, splitter="1")
        index = LocalSearch(folder, store, MODEL)
        for term in [*terms, *(x[1:3] for x in texts)]:
            wanted = fold(term).strip()
            if any(c.isalnum() for c in wanted):
                expected = {n + 1 for n, x in enumerate(texts) if wanted in fold(x)}
                assert set(index.containing(term, 99)) == expected, term


def test_containing_stops_at_its_limit_and_knows_titles(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "甲。乙。丙。", title="鳄雀鳝来了")
    index.catch_up()
    assert len(index.containing("鳄雀鳝", 2)) == 2
    assert index.containing("雀鳄") == index.containing("。") == index.containing("") == []


# ---------------------------------------------------------------- catching up


def test_changes_are_taken_in_one_by_one(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "甲说水稻。", "乙说水稻。")
    index.catch_up()
    put(store, "b.txt", "丙说水稻。")
    index.catch_up()
    put(store, "a.txt", "乙说水稻。", "丁说水稻。", sha="2")
    index.catch_up()
    assert set(found(index.lexical(tokens("水稻"), 9))) == {2, 3, 4}
    store.remove(["b.txt"])
    index.catch_up()
    assert set(found(index.lexical(tokens("水稻"), 9))) == {2, 4}
    assert index.faults() == []


def test_an_index_is_caught_up_when_it_is_opened(store: Store) -> None:
    put(store, "a.txt", "甲说水稻。")
    assert found(LocalSearch(store.folder, store, MODEL).lexical(tokens("水稻"), 9)) == [1]


def test_a_kill_between_commit_and_mark_doubles_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "a.txt", "甲说水稻。")
    LocalSearch(store.folder, store, MODEL).catch_up()
    put(store, "b.txt", "乙说水稻。")

    def killed(file: Path, content: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lexical, "write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            LocalSearch(store.folder, store, MODEL).catch_up()
    again = LocalSearch(store.folder, store, MODEL)
    assert sorted(found(again.lexical(tokens("水稻"), 9))) == [1, 2]
    assert sorted(found(again.lexical(tokens("水稻"), 9, whole=True))) == [1, 2]
    assert again.faults() == []


def test_what_a_killed_writer_left_is_in_nobodys_way(store: Store) -> None:
    """Killed when its files were written and its index did not name them yet: the next files have the same names."""
    put(store, "a.txt", *(f"第{n}块水稻田。" for n in range(9)))
    put(store, "b.txt", "乙说水稻。")
    LocalSearch(store.folder, store, MODEL).catch_up()
    files = [f for f in (store.folder / "lexical").rglob("*") if f.name in ("meta.json", "state.json")]
    before = {file: file.read_bytes() for file in files}
    store.remove(["b.txt"])
    LocalSearch(store.folder, store, MODEL).catch_up()
    for file, content in before.items():
        file.write_bytes(content)
    again = LocalSearch(store.folder, store, MODEL)
    assert sorted(found(again.lexical(tokens("水稻"), 99))) == list(range(1, 10))
    assert again.faults() == []


@pytest.mark.parametrize("harm", ["state", "meta", "segments", "folder", "format", "tokens"])
def test_an_index_that_can_not_be_used_is_made_anew(store: Store, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "a.txt", *(f"第{n}块水稻田。" for n in range(50)))
    LocalSearch(store.folder, store, MODEL).catch_up()
    folder = store.folder / "lexical"
    if harm == "state":
        (folder / "state.json").write_text("{")
    elif harm == "meta":
        (folder / "passages" / "meta.json").write_text("nonsense")
    elif harm == "segments":
        for file in (folder / "articles").glob("*.term"):
            file.unlink()
    elif harm == "folder":
        shutil.rmtree(folder)
    elif harm == "format":
        monkeypatch.setattr(lexical, "FORMAT", 99)
    else:
        monkeypatch.setattr(cutting, "_TOKENS", "99")
    index = LocalSearch(store.folder, store, MODEL)
    assert len(index.lexical(tokens("水稻田"), 99)) == 50
    assert len(index.lexical(tokens("水稻田"), 99, whole=True)) == 50
    assert index.faults() == []


def test_a_restored_library_does_not_trust_the_index_before_it(
    store: Store, local: LocalSearch, tmp_path: Path
) -> None:
    put(store, "a.txt", "甲说水稻。")
    store.backup(tmp_path / "b.zip")
    put(store, "a.txt", "乙说油菜。", sha="2")
    local.catch_up()
    restore(tmp_path / "b.zip", store.folder)
    with Store.open(store.folder) as again:
        found_ = LocalSearch(store.folder, again, MODEL)
        assert found(found_.lexical(tokens("水稻"), 9)) == [1]
        assert found(found_.lexical(tokens("油菜"), 9)) == []


def test_rebuilding_changes_nothing_that_is_found(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "甲说水稻。", "乙说水稻。")
    store.put_vectors(MODEL, [1, 2], np.eye(2, dtype=np.float32))
    before = index.catch_up()
    seen: list[tuple[int, int]] = []
    assert index.rebuild(lambda done, total: seen.append((done, total))) == before
    assert seen == [(2, 2)]
    assert sorted(found(index.lexical(tokens("水稻"), 9))) == [1, 2]


def test_vectors_alone_leave_the_word_index_as_it_is(store: Store, local: LocalSearch) -> None:
    put(store, "a.txt", "甲说水稻。")
    local.catch_up()
    before = (store.folder / "lexical" / "state.json").stat()
    store.put_vectors(MODEL, [1], np.ones((1, 4), dtype=np.float32))
    assert local.refresh()
    assert (store.folder / "lexical" / "state.json").stat() == before
    assert local.state().change == local.state().vector_change == 2


ADDER = """
import sys
from pathlib import Path
from rag.search.local import LocalSearch
from rag.store import Store
from tests.test_search import MODEL, put
folder = Path(sys.argv[1])
with Store.open(folder) as store, store.writing():
    put(store, "b.txt", "乙说水稻。")
    if "leave" in sys.argv:
        print("lagging", flush=True)
        sys.stdin.readline()
    LocalSearch(folder, store, MODEL).catch_up()
"""


def test_another_process_is_seen_at_the_next_refresh(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "甲说水稻。")
    index.catch_up()
    assert not index.refresh()
    subprocess.run([sys.executable, "-c", ADDER, str(store.folder)], cwd=ROOT, check=True)
    assert found(index.lexical(tokens("水稻"), 9)) == [1], "until then what is known"
    assert index.refresh()
    assert sorted(found(index.lexical(tokens("水稻"), 9))) == [1, 2]


def test_a_reader_beside_a_writer_answers_from_what_is_there(store: Store, index: SearchIndex) -> None:
    put(store, "a.txt", "甲说水稻。")
    index.catch_up()
    with subprocess.Popen(
        [sys.executable, "-c", ADDER, str(store.folder), "leave"],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "lagging\n"
        index.refresh()
        assert found(index.lexical(tokens("水稻"), 9)) == [1]
        if isinstance(index, LocalSearch):
            assert found(LocalSearch(store.folder, store, MODEL).lexical(tokens("水稻"), 9)) == [1]
        other.kill()  # and is never heard of again: who asks next finishes its work
    index.refresh()
    assert sorted(found(index.lexical(tokens("水稻"), 9))) == [1, 2]


def test_the_interface_can_be_driven_by_hand(store: Store, index: SearchIndex) -> None:
    entries = [Entry(n, text, "农时", "a.txt", article=1) for n, text in ((7, "水稻要浅插。"), (8, "油菜要抢收。"))]
    for _ in range(2):
        index.add(entries, 0)
    assert found(index.lexical(tokens("油菜"), 9)) == [8]
    index.add_vectors(np.asarray([7, 8]), np.eye(2, 4, dtype=np.float32), 0)
    assert found(index.nearest(np.asarray([0, 1, 0, 0], dtype=np.float32), 1)) == [8]
    index.remove([8], 0)
    assert found(index.lexical(tokens("油菜"), 9)) == []
    assert found(index.nearest(np.asarray([0, 1, 0, 0], dtype=np.float32), 9)) == [7]


# ---------------------------------------------------------------- by meaning


def unit(n: int, dimension: int = 16, seed: int = 1) -> vectors.Matrix:
    x = np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written early, and hold a graph past 2,000 vectors."""
    monkeypatch.setattr(vectors, "TAIL", 100)
    monkeypatch.setattr(vectors, "EXACT", 2000)


def filled(store: Store, n: int) -> vectors.Matrix:
    put(store, "a.txt", "。".join(map(str, range(n))) + "。")
    x = unit(n)
    store.put_vectors(MODEL, range(1, n + 1), x)
    return x


def best(x: vectors.Matrix, ids: list[int], question: vectors.Matrix, k: int) -> list[int]:
    return [ids[i] for i in np.argsort(-(x @ question), kind="stable")[:k]]


def test_the_nearest_are_those_of_comparing_all(store: Store, small: None) -> None:
    x = filled(store, 800)
    index = LocalSearch(store.folder, store, MODEL)
    assert index.catch_up().kind == "flat"
    gone = list(range(1, 200, 3))
    store.put_vectors(MODEL, [500, 501], x[[0, 1]])  # embedded anew
    x[[499, 500]] = x[[0, 1]]
    put(store, "b.txt", *(f"新{n}。" for n in range(20)))
    more = unit(20, seed=2)
    store.put_vectors(MODEL, range(801, 821), more)
    index.catch_up()
    index._vectors.remove(np.asarray(gone))
    again = [index, LocalSearch(store.folder, store, MODEL)]
    again[1]._vectors.remove(np.asarray(gone))
    ids = [i for i in range(1, 821) if i not in gone]
    there = np.concatenate((x, more))[[i - 1 for i in ids]]
    for one in again:
        assert one.state().kind == "flat"
        for question in unit(20, seed=3):
            ranking = one.nearest(question, 10)
            assert found(ranking) == best(there, ids, question, 10)
            assert np.allclose(ranking.scores, np.sort(there @ question)[::-1][:10], atol=1e-3)
            through = Filter(source=("b.txt",))
            assert found(one.nearest(question, 5, through)) == best(more, list(range(801, 821)), question, 5)


SMALL = """
import sys
from tests.test_search import *
store = Store.open(Path(sys.argv[1]))
x = filled(store, 200)
index = LocalSearch(store.folder, store, MODEL)
assert found(index.nearest(x[5], 1)) == [6]
index.catch_up()
assert "faiss" not in sys.modules
assert not (store.folder / "vectors").exists()
"""


def test_a_small_library_has_no_file_and_needs_no_faiss(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SMALL, str(tmp_path)], cwd=ROOT, check=True)


def test_a_large_one_is_a_graph_that_finds_nearly_all(store: Store, small: None) -> None:
    x = filled(store, 4000)
    index = LocalSearch(store.folder, store, MODEL)
    assert index.catch_up().kind == "hnsw"
    measured = vectors.recall(index._vectors, unit(50, seed=3))
    assert (measured.vectors, measured.kind) == (4000, "hnsw")
    assert measured.recall > 0.97
    put(store, "b.txt", *(f"新{n}。" for n in range(500)))
    more = unit(500, seed=4)
    store.put_vectors(MODEL, range(4001, 4501), more)
    index.catch_up()
    for one in (index, LocalSearch(store.folder, store, MODEL)):
        assert one.state().vectors == 4500
        assert sum(found(one.nearest(x[i], 1)) == [i + 1] for i in range(50)) >= 48
        assert sum(found(one.nearest(more[i], 1)) == [i + 4001] for i in range(50)) >= 48
    store.remove(["a.txt"])
    index.catch_up()
    assert index.state().kind == "flat", "what is left is few enough to compare"
    assert found(index.nearest(more[7], 1)) == [4008]
    store.remove(["b.txt"])
    index.catch_up()
    assert found(index.nearest(x[0], 5)) == []
    assert index.state().kind == "exact"


def test_a_filter_on_a_graph_finds_all_it_lets_through(store: Store, small: None) -> None:
    filled(store, 3000)
    put(store, "b.txt", "新。")
    put(store, "c.txt", *(f"更新{n}。" for n in range(1700)))
    store.put_vectors(MODEL, range(3001, 4702), unit(1701, seed=5))
    index = LocalSearch(store.folder, store, MODEL)
    index._vectors.write()
    assert index.state().kind == "hnsw"
    x = unit(1701, seed=5)
    for question in unit(20, seed=6):
        assert found(index.nearest(question, 3, Filter(source=("b.txt",)))) == [3001]
        some = found(index.nearest(question, 10, Filter(source=("b.txt", "c.txt"))))
        assert some == best(x, list(range(3001, 4702)), question, 10)
        assert min(found(index.nearest(question, 10, Filter(source=("b.txt", "a.txt"))))) < 3001


def test_the_file_is_written_only_when_much_is_new(store: Store, small: None) -> None:
    filled(store, 1500)
    index = LocalSearch(store.folder, store, MODEL)
    index.catch_up()
    written = sorted(p.name for p in (store.folder / "vectors").rglob("*.faiss"))
    assert len(written) == 1
    put(store, "b.txt", *(f"新{n}。" for n in range(90)))
    store.put_vectors(MODEL, range(1501, 1591), unit(90, seed=2))
    index.catch_up()
    assert sorted(p.name for p in (store.folder / "vectors").rglob("*.faiss")) == written
    put(store, "c.txt", *(f"更新{n}。" for n in range(90)))
    store.put_vectors(MODEL, range(1591, 1681), unit(90, seed=4))
    index.catch_up()
    now = sorted(p.name for p in (store.folder / "vectors").rglob("*.faiss"))
    assert len(now) == 1
    assert now != written
    assert index.faults() == []


@pytest.mark.parametrize("harm", ["state", "faiss", "ids", "change"])
def test_a_vector_file_that_can_not_be_used_is_left_aside(store: Store, small: None, harm: str) -> None:
    x = filled(store, 300)
    LocalSearch(store.folder, store, MODEL).catch_up()
    (state,) = (store.folder / "vectors").rglob("state.json")
    if harm == "state":
        state.write_text("[]")
    elif harm == "faiss":
        next(state.parent.glob("*.faiss")).write_bytes(b"rubbish")
    elif harm == "ids":
        next(state.parent.glob("*.npy")).unlink()
    else:
        state.write_text(json.dumps({**json.loads(state.read_text()), "change": 99}))
    index = LocalSearch(store.folder, store, MODEL)
    assert found(index.nearest(x[5], 1)) == [6]
    assert index.catch_up().kind == "flat", "and written anew"


def test_models_do_not_mix(store: Store, small: None) -> None:
    x = filled(store, 300)
    LocalSearch(store.folder, store, MODEL).catch_up()
    other = LocalSearch(store.folder, store, "另一个/模型")
    assert found(other.nearest(np.ones(8, np.float32), 5)) == []
    store.put_vectors("另一个/模型", [4], np.ones((1, 8)))
    other.refresh()
    assert found(other.nearest(np.ones(8, np.float32), 5)) == [4]
    assert other.vectors([4])[4].shape == (8,)
    assert found(LocalSearch(store.folder, store, MODEL).nearest(x[3], 1)) == [4]


# ---------------------------------------------------------------- any history

step = st.one_of(
    st.tuples(st.just("put"), st.sampled_from("abc"), st.lists(st.sampled_from("甲乙丙丁戊"), max_size=4)),
    st.tuples(st.just("remove"), st.sampled_from("abc"), st.just([])),
    st.tuples(st.sampled_from(("embed", "catch up", "open anew", "write")), st.just(""), st.just([])),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(step, min_size=3, max_size=12))
def test_after_any_history_just_what_is_there_is_found(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, list[str]]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    shutil.copy(empty, folder)
    with pytest.MonkeyPatch.context() as patch, Store.open(folder) as store:
        patch.setattr(vectors, "TAIL", 2)
        index = LocalSearch(folder, store, MODEL)
        for n, (what, name, texts) in enumerate(history):
            if what == "put":
                put(store, name, *(f"水稻{t}。{t}。" for t in texts), sha=str(n))
            elif what == "remove":
                store.remove([name])
            elif what == "embed":
                waiting = [i for i, _ in store.unembedded(MODEL)]
                store.put_vectors(MODEL, waiting, unit(max(1, len(waiting)))[: len(waiting)])
            elif what == "catch up":
                index.catch_up()
            elif what == "write":
                index._vectors.write()
            else:
                index = LocalSearch(folder, store, MODEL)
        index.catch_up()
        ids = set(store.allowed(Filter()).tolist())
        hits = store.hits(sorted(ids))
        assert set(found(index.lexical(tokens("甲乙丙丁戊"), 99))) <= ids
        assert set(found(index.lexical(tokens("水稻"), 99))) == {i for i in ids if "水稻" in hits[i].text}
        assert len(index.lexical(tokens("水稻"), 99, whole=True)) == store.counts().articles
        assert set(found(index.nearest(unit(1)[0], 99))) == ids - {i for i, _ in store.unembedded(MODEL)}
        assert index.faults() == []


# ---------------------------------------------------------------- the cutting it stands on


def plain_tokens(text: str) -> list[str]:
    """`rag.text.tokens` as plainly as it can be said: the fast one must give the same."""
    folded = fold(text)
    out = [w for w in cutting._cutter()(folded) if cutting._WORDLIKE.search(w)]
    for run in cutting._RUN.findall(folded):
        out += [run[i : i + 2] for i in range(len(run) - 1)]
    for run in cutting._OTHER_RUN.findall(folded):
        out += list(run) + [run[i : i + 2] for i in range(len(run) - 1)]
    for m in cutting._NUMBER.finditer(folded):
        if m["arabic"]:
            value: float | None = float(m["arabic"].replace(",", ""))
            for c in m["times"] or "":
                value = (value or 0.0) * (cutting._SMALL.get(c) or cutting._BIG[c])
        elif any(cutting._NOT_COUNTING.match(folded, at) for at in (max(0, m.start() - 1), m.start())):
            continue
        elif m.group() in cutting._SMALL and folded[max(0, m.start() - 1) : m.start()].isdigit():
            continue  # the 千 of 12千克 belongs to its unit
        else:
            value = cutting._chinese_value(m["chinese"])
        if value is not None:
            spelled = cutting.Number(m.start(), m.end(), m.group(), round(value, 6)).canonical
            out += [spelled] if spelled != m.group() else []
    return out


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("0123456789,.〇零一二两三四五十百千万亿点统些般〇○年克AＢ水稻…") | st.characters()))
def test_fast_tokens_are_the_plain_ones(text: str) -> None:
    assert tokens(text) == plain_tokens(text)


@pytest.mark.skipif(not NEWS.exists(), reason="no news beside the checkout")
def test_fast_tokens_are_the_plain_ones_on_news() -> None:
    with gzip.open(NEWS, "rt", encoding="utf-8") as lines:
        for _, line in zip(range(400), lines, strict=False):
            text = json.loads(line)["text"]
            assert tokens(text) == plain_tokens(text)


def test_a_number_past_all_floats_is_cut_too() -> None:
    assert tokens("9" * 400)
