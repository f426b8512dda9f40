"""The library on disk: what goes in comes out, one change at a time, and nothing that happens to a process harms it."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import tables
from rag.errors import (
    DiskFull,
    FileRefused,
    LibraryDamaged,
    LibraryLocked,
    LibraryNewer,
    NoPermission,
    NotALibrary,
)
from rag.settings import Server
from rag.store import Store, restore
from rag.types import Article, Document, Filter, Passage, Section

ROOT = Path(__file__).resolve().parent.parent


def story(text: str, source: str = "a.txt", title: str = "标题", **more: object) -> tuple[Article, list[Passage]]:
    """An article, a passage a sentence."""
    article = Article(f"{source}/{title}/{text[:6]}", source, title, text, **more)  # type: ignore[arg-type]
    passages, start = [], 0
    for sentence in text.replace("。", "。\n").split("\n"):
        if sentence:
            passages.append(Passage(start, start + len(sentence), sentence, title))
            start += len(sentence)
    return article, passages


def paper(source: str = "a.txt", sha: str = "1", **more: object) -> Document:
    return Document(source, "txt", sha.rjust(64, "0"), **more)  # type: ignore[arg-type]


def put(store: Store, *texts: str, source: str = "a.txt", sha: str = "1"):  # type: ignore[no-untyped-def]
    return store.put(paper(source, sha), [story(text, source) for text in texts], splitter="1")


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an empty library: copied, it saves each test the migrations."""
    folder = tmp_path_factory.mktemp("empty")
    Store.open(folder).close()
    return folder / tables.DATABASE


def fresh(empty: Path, folder: Path) -> Store:
    folder.mkdir()
    shutil.copy(empty, folder)
    return Store.open(folder)


@pytest.fixture(params=["folder", pytest.param("server", marks=pytest.mark.cluster)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """In a folder, and in PostgreSQL."""
    if request.param == "server":
        opened = Store.open(request.getfixturevalue("postgres").empty())
    else:
        opened = fresh(request.getfixturevalue("empty"), request.getfixturevalue("tmp_path") / "library")
    with opened:
        yield opened


in_a_folder = pytest.mark.parametrize("store", ["folder"], indirect=True)  # of what SQLite and the file system do


# ---------------------------------------------------------------- what goes in comes out


def test_an_article_comes_back_as_it_went_in(store: Store) -> None:
    given_, passages = story(
        "水稻要浅插。𠮷野家的水。",
        author="王 芳",
        date="2024-05-06",
        page="3",
        column="农技",
        sections=(Section(0, 1, "插秧"),),
    )
    document = paper(losses=("第二页读不出来。",), encoding="gb18030", pages=2)
    done = store.put(document, [(given_, passages)], splitter="1")
    assert (done.status, done.articles, done.passages, list(done.new), done.removed) == ("added", 1, 2, [1, 2], ())
    assert store.article(given_.article_id) == given_
    assert list(store.articles()) == [given_]
    assert [h.text for h in store.passages(given_.article_id)] == [p.text for p in passages]
    kept = store.document("a.txt")
    assert kept is not None
    assert kept == store.document(str(kept.document_id)) == store.documents()[0]
    assert (kept.encoding, kept.pages, kept.articles, kept.passages) == ("gb18030", 2, 1, 2)
    assert kept.losses == ("第二页读不出来。",)
    assert store.check() == []


def test_hits_are_cut_from_their_articles(store: Store) -> None:
    put(store, "甲一。甲二。甲三。", "乙一。")
    hits = store.hits([4, 2, 99])
    assert list(hits) == [4, 2]
    assert (hits[2].text, hits[2].start, hits[2].end, hits[2].heading) == ("甲二。", 3, 6, "标题")
    assert [h.text for h in store.neighbours(2)] == ["甲一。", "甲二。", "甲三。"]
    assert [h.text for h in store.neighbours(3)] == ["甲二。", "甲三。"]
    assert store.neighbours(99) == []


def test_the_same_file_again_is_unchanged(store: Store) -> None:
    first = put(store, "甲。")
    assert store.unchanged("a.txt", paper().sha256, "1")
    again = put(store, "甲。")
    assert (again.status, again.change, again.document_id, again.passages) == ("unchanged", first.change, 1, 1)
    assert not store.unchanged("a.txt", paper().sha256, "2"), "cut by other rules it is another"
    assert store.same_bytes(paper().sha256) == ["a.txt"]


def test_a_new_version_keeps_what_it_has_in_common_with_the_old(store: Store) -> None:
    put(store, "甲一。甲二。", "乙。", "丙。")
    store.put_vectors("m", [1, 2, 3, 4], np.eye(4, dtype=np.float32))
    done = put(store, "丙。", "甲一。甲二。", "丁。", sha="2")
    assert (done.status, list(done.new), done.removed, done.articles, done.passages) == ("replaced", [5], (3,), 3, 4)
    assert [a.text for a in store.articles()] == ["丙。", "甲一。甲二。", "丁。"]
    assert store.embedding_progress("m") == (3, 4)
    assert store.removals().tolist() == [3]
    assert store.check() == []


def test_another_byline_makes_an_article_new_under_its_old_id(store: Store) -> None:
    article, passages = story("甲。")
    store.put(paper(), [(article, passages)], splitter="1")
    done = store.put(paper(sha="2"), [(replace(article, author="李 明"), passages)], splitter="1")
    assert (done.removed, list(done.new)) == ((1,), [2])
    found = store.article(article.article_id)
    assert found is not None
    assert found.author == "李 明"


def test_equal_articles_do_not_collide(store: Store) -> None:
    put(store, "甲。", "甲。", "甲。")
    store.put(paper("b.txt"), [story("甲。", "a.txt")], splitter="1")
    ids = [a.article_id for a in store.articles()]
    assert len(set(ids)) == 4
    assert store.counts().articles == 4
    done = put(store, "甲。", "甲。", sha="2")
    assert (len(done.new), len(done.removed)) == (0, 1)
    assert store.check() == []


def test_rows_whose_ids_another_file_has_are_named_after_their_file(store: Store) -> None:
    store.put(paper("a.jsonl"), [story("甲。", "1"), story("乙。", "2")], splitter="1")
    store.put(paper("b.jsonl"), [story("丙。", "2"), story("丁。", "3"), story("戊。", "a.jsonl")], splitter="1")
    assert [a.source for a in store.articles()] == ["1", "2", "b.jsonl#2", "3", "b.jsonl#a.jsonl"]
    assert store.counts(Filter(source=("a.jsonl",))).articles == 2, "a file's name stands for its rows"
    assert store.counts(Filter(source=("b.jsonl#2", "1"))).articles == 2


def test_many_articles_stream_in(store: Store) -> None:
    def rows() -> Iterator[tuple[Article, list[Passage]]]:
        for n in range(2500):
            yield story(f"第{n}篇。说的是{n}。", str(n))

    done = store.put(paper("rows.jsonl"), rows(), splitter="1")
    assert (done.articles, done.passages, len(done.new)) == (2500, 5000, 5000)
    entries = [e for batch in store.entries(size=333) for e in batch]
    assert [e.passage_id for e in entries] == list(range(1, 5001))
    texts = [a.text for a in store.articles(offset=1990, limit=420)]
    assert texts == [f"第{n}篇。说的是{n}。" for n in range(1990, 2410)]
    (gone,) = store.remove(["rows.jsonl"])
    assert (gone.articles, len(gone.passages), len(gone.probes)) == (2500, 5000, 13)
    assert store.counts().documents == 0


def test_no_article_is_split_between_batches(store: Store) -> None:
    put(store, "一。二。三。四。五。", "六。七。", "八。")
    batches = [[e.text for e in batch] for batch in store.entries(size=2)]
    assert batches == [["一。", "二。", "三。", "四。", "五。"], ["六。", "七。"], ["八。"]]


def test_a_passage_of_another_text_is_refused(store: Store) -> None:
    article, _ = story("甲乙丙。")
    with pytest.raises(ValueError, match="not what its article says"):
        store.put(paper(), [(article, [Passage(0, 2, "乙丙")])], splitter="1")
    assert store.counts().documents == 0
    assert store.last_change == 0


@pytest.mark.parametrize("text", ["甲\0乙。", "甲\ud800乙。"])
def test_what_no_database_keeps_is_refused_by_name(store: Store, text: str) -> None:
    with pytest.raises(FileRefused):
        store.put(paper(), [(Article("x", "a.txt", "", text), [])], splitter="1")
    assert store.counts().documents == 0


# ---------------------------------------------------------------- removing


def test_names_of_documents_articles_and_rows_are_removed(store: Store) -> None:
    put(store, "甲。", "乙。")
    put(store, "丙。", source="b.txt")
    put(store, "戊。", source="c.txt")
    store.put(paper("rows.jsonl"), [story("丁。", "17")], splitter="1")
    first = next(store.articles()).article_id
    gone = store.remove([first, "b.txt", "17", "没有", str(store.documents()[2].document_id)])
    assert [(g.name, g.articles) for g in gone] == [(first, 1), ("b.txt", 1), ("17", 1), ("没有", 0), ("3", 1)]
    assert [a.text for a in store.articles()] == ["乙。"]
    assert [d.source for d in store.documents()] == ["a.txt"]
    assert store.removals().tolist() == [1, 3, 4, 5]
    assert store.check() == []


def test_ids_are_never_used_again(store: Store) -> None:
    put(store, "甲。")
    store.remove(["a.txt"])
    assert list(put(store, "甲。").new) == [2]
    assert store.documents()[0].document_id == 2


def test_unknown_names_change_nothing(store: Store) -> None:
    put(store, "甲。")
    assert store.remove(["没有", "9999", ""])[0].articles == 0
    assert store.last_change == 1


# ---------------------------------------------------------------- filters and lists


def test_filters_let_through_what_they_name(store: Store) -> None:
    store.put(paper("a.txt"), [story("甲。", "a.txt", date="2024-03-05", column="科普")], splitter="1")
    store.put(paper("b.txt"), [story("乙。", "b.txt", date="2024-04", column="农技")], splitter="1")
    store.put(paper("c.txt"), [story("丙。", "c.txt", date="2025")], splitter="1")
    store.put(paper("d.txt"), [story("丁。", "d.txt", date="去年")], splitter="1")

    def through(**only: object) -> str:
        ids = store.allowed(Filter(**only)).tolist()  # type: ignore[arg-type]
        assert store.counts(Filter(**only)).passages == len(ids)  # type: ignore[arg-type]
        return "".join(h.text[0] for h in store.hits(ids).values())

    assert through() == "甲乙丙丁"
    assert through(source=("a.txt", "c.txt")) == "甲丙"
    assert through(column=("农技",)) == "乙"
    assert through(since="2024-04-10") == "乙丙", "a month is let through by each of its days, no date by none"
    assert through(since="2024-03", until="2024-03") == "甲"
    assert through(until="2024") == "甲乙"
    assert through(since="2025-07-01", column=("科普",)) == ""
    assert [a.text for a in store.articles(Filter(source=("b.txt",)))] == ["乙。"]
    columns, sources = store.columns_and_sources()
    assert columns == [("农技", 1), ("科普", 1)]
    assert sources == [("a.txt", 1), ("b.txt", 1), ("c.txt", 1), ("d.txt", 1)]


def test_titles_are_found_folded_and_literally(store: Store) -> None:
    store.put(paper(), [story("甲。", title="ＡＩ科學100%"), story("乙。", title="AI与科学")], splitter="1")
    assert [a.text for a in store.articles(title="ai科学")] == ["甲。"]
    assert [a.text for a in store.articles(title="0%")] == ["甲。"]
    assert [a.text for a in store.articles(title="_")] == []


# ---------------------------------------------------------------- vectors


def test_vectors_come_back_and_go_with_their_passages(store: Store) -> None:
    put(store, "甲。", "乙。", "丙。")
    vectors = np.asarray([[0.6, 0.8], [1, 0], [0.5, 0.5]], dtype=np.float32)
    assert [i for i, _ in store.unembedded("m")] == [3, 2, 1]
    assert store.unembedded("m", before=2) == [(1, "标题\n甲。")]
    store.put_vectors("m", [1, 2, 77], vectors)
    assert store.embedding_progress("m") == (2, 3)
    assert store.embedding_progress("other") == (0, 3)
    assert np.allclose(store.vectors("m", [1, 3])[1], [0.6, 0.8], atol=1e-3)
    assert [i for i, _ in store.unembedded("m")] == [3]
    store.put_vectors("m", [1], vectors[2:])
    ids = [i for some, _ in store.vectors_after("m", size=1) for i in some.tolist()]
    assert ids == [2, 1], "by change: what was embedded again comes again"
    assert [i for some, _ in store.vectors_after("m", store.last_change - 1) for i in some.tolist()] == [1]
    with pytest.raises(ValueError, match="2 dimensions"):
        store.put_vectors("m", [3], np.ones((1, 3)))
    store.remove([next(store.articles()).article_id])
    assert store.vectors("m", [1, 2]).keys() == {2}
    store.put_vectors("other", [2], np.ones((1, 3)))
    store.keep_models(["other"])
    assert (store.models(), store.vectors("m", [2]), list(store.vectors("other", [2]))) == (["other"], {}, [2])
    assert store.check() == []


def test_a_recipe_is_kept_and_written_only_where_it_is_new(store: Store) -> None:
    store.set_recipe(embedding="甲", dimension=384)
    store.set_recipe(embedding="甲")
    assert {"embedding": "甲", "dimension": 384}.items() <= store.recipe().items()


# ---------------------------------------------------------------- opening

OPENER = """
import sys, time
from pathlib import Path
import sqlalchemy
begun = time.process_time()
from rag.store import Store
Store.open(Path(sys.argv[1])).counts()
spent = time.process_time() - begun
print(spent, *({"alembic", "numpy", "faiss", "tantivy", "opencc", "filelock"} & sys.modules.keys()))
"""


def test_opening_a_current_library_reads_no_alembic_and_little_else(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    command = [sys.executable, "-c", OPENER, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, *loaded = done.stdout.split()
    assert loaded == []
    assert float(seconds) < 0.25, "about 0.03 on an idle machine"


def test_migrations_make_the_tables_of_this_version(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    assert ScriptDirectory(str(Path(tables.__file__).parent / "migrations")).get_heads() == [tables.REVISION]


@pytest.mark.parametrize("name", ["资料 库", "a?b#c%20d", "100%", "a&mode=ro", "…/深/处"])
def test_a_library_lies_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    with Store.open(tmp_path / name) as store:
        put(store, "甲。")
    assert (tmp_path / name / "library.db").is_file()
    with Store.open(tmp_path / name, readonly=True) as store:
        assert store.counts().articles == 1


@in_a_folder
def test_a_library_can_be_copied_and_moved(store: Store, tmp_path: Path) -> None:
    put(store, "甲。")
    store.close()
    shutil.copytree(store.folder, tmp_path / "copy")
    store.folder.rename(tmp_path / "moved")
    for folder in (tmp_path / "copy", tmp_path / "moved"):
        with Store.open(folder, create=False) as other:
            assert put(other, "甲。", "乙。", sha="2").status == "replaced"


def test_what_is_no_library_is_not_made_into_one(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("x")
    for folder, create in ((file, True), (tmp_path, True), (tmp_path / "nothing", False)):
        with pytest.raises(NotALibrary):
            Store.open(folder, create=create)
    assert not (tmp_path / "nothing").exists()
    other = tmp_path / "other"
    other.mkdir()
    with closing(sqlite3.connect(other / "library.db")) as database:
        database.execute("CREATE TABLE songs (name)")
    with pytest.raises(NotALibrary):
        Store.open(other)


def test_a_library_whose_making_was_killed_is_made(tmp_path: Path) -> None:
    (tmp_path / "library.db").touch()
    (tmp_path / ".DS_Store").touch()
    with Store.open(tmp_path) as store:
        assert store.counts().documents == 0


def test_a_newer_library_is_refused_and_not_touched(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "library.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0999'")
    before = (tmp_path / "library.db").read_bytes()
    with pytest.raises(LibraryNewer, match="0999"):
        Store.open(tmp_path)
    assert (tmp_path / "library.db").read_bytes() == before


@pytest.mark.parametrize("harm", ["header", "truncated", "rubbish", "tables"])
def test_a_damaged_database_is_said_to_be(tmp_path: Path, harm: str) -> None:
    with Store.open(tmp_path) as store:
        for n in range(50):
            put(store, "甲。" * 200, source=f"{n}.txt")
    database = tmp_path / "library.db"
    content = bytearray(database.read_bytes())
    if harm == "header":
        content[:100] = b"x" * 100
    elif harm == "truncated":
        del content[len(content) // 2 :]
    elif harm == "rubbish":
        content[4096:] = random.Random(1).randbytes(len(content) - 4096)
    database.write_bytes(content)
    if harm == "tables":
        with closing(sqlite3.connect(database)) as raw, raw:
            raw.execute("DROP TABLE passages")
    with pytest.raises(LibraryDamaged) as raised, Store.open(tmp_path) as store:
        store.passages(next(store.articles()).article_id)
    assert raised.type is LibraryDamaged


def test_a_reader_may_not_write_and_sees_what_is_written(tmp_path: Path) -> None:
    with Store.open(tmp_path) as writer, Store.open(tmp_path, readonly=True) as reader:
        put(writer, "甲。")
        assert reader.counts().articles == 1
        with pytest.raises(NoPermission):
            put(reader, "乙。", sha="2")


@in_a_folder
def test_a_full_disk_loses_nothing(store: Store) -> None:
    put(store, "甲。")
    with store._engine.connect() as c:
        pages = c.exec_driver_sql("PRAGMA page_count").scalar_one()
    store._engine.dispose()

    def small(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    tables.sa.event.listen(store._engine, "connect", small)
    with pytest.raises(DiskFull):
        put(store, *(f"{n}。" * 500 for n in range(200)), source="b.txt")
    assert store.counts().articles == 1
    assert store.check() == []


# ---------------------------------------------------------------- one writer

WRITER = """
import sys, time
from rag.settings import place
from rag.store import Store
with Store.open(place(sys.argv[1])) as store, store.writing():
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_second_process_that_writes_is_told_so_and_a_killed_one_frees_the_lock(store: Store) -> None:
    put(store, "甲。")
    address = store.folder.url if isinstance(store.folder, Server) else str(store.folder)
    command = [sys.executable, "-c", WRITER, address]
    other = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        store.wait = 0.5
        with pytest.raises(LibraryLocked):
            store.remove(["a.txt"])
        assert store.counts().articles == 1, "readers are not disturbed"
    finally:
        other.kill()
        other.communicate()
    assert store.remove(["a.txt"])[0].articles == 1


def test_writing_may_be_nested_and_threads_take_turns(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with store.writing(), store.writing():
        put(store, "甲。")
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda n: put(store, f"{n}。", source=f"{n}.txt"), range(12)))
    assert sorted(d.change for d in done) == list(range(2, 14))
    assert store.check() == []


def test_who_waits_for_nobody_does_not_wait_for_a_thread(store: Store) -> None:
    import threading

    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with store.writing():
            held.set()
            let_go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    with pytest.raises(LibraryLocked), store.writing(wait=0):
        pass
    let_go.set()
    thread.join()


# ---------------------------------------------------------------- whole


def test_check_names_what_is_wrong(store: Store) -> None:
    put(store, "甲一。甲二。", "乙。")
    store.put_vectors("m", [1], np.ones((1, 2)))
    harms = [
        ("UPDATE articles SET text = '甲一。甲三。' WHERE id = 1", "正文"),
        ("UPDATE passages SET end_at = 99 WHERE id = 2", "起止"),
        ("DELETE FROM articles WHERE id = 2", "所属的文章"),
        ("DELETE FROM passages WHERE id = 1", "按意思"),
        ("UPDATE vectors SET vector = x'00'", "长度"),
        ("UPDATE counters SET value = 0 WHERE name = 'passage'", "编号"),
        ("UPDATE documents SET passages = 7", "对不上"),
    ]
    for harm, words in harms:
        with store._engine.connect() as c:
            c.exec_driver_sql("SAVEPOINT harm")
            if c.dialect.name == "sqlite":
                c.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            else:
                c.exec_driver_sql("SET LOCAL session_replication_role = replica")
                harm = harm.replace("x'00'", "'\\x00'")
            c.exec_driver_sql(harm)
            from rag.backup import faults

            found = faults(c, lambda done, total: None)
            c.rollback()
        assert any(words in fault for fault in found), (harm, found)
    assert store.check() == []


@in_a_folder
def test_a_backup_is_put_back(store: Store, tmp_path: Path) -> None:
    put(store, "甲。")
    file = tmp_path / "backups" / "one.zip"
    assert store.backup(file) == file.stat().st_size
    before = store.library_id
    put(store, "乙。", sha="2")
    assert [p.name for p in file.parent.iterdir()] == ["one.zip"]
    restore(file, store.folder)
    assert [a.text for a in store.articles()] == ["甲。"], "an open reader sees it at once"
    with Store.open(store.folder) as again:
        assert again.library_id != before
        assert again.check() == []
    restore(file, tmp_path / "elsewhere")
    with Store.open(tmp_path / "elsewhere", create=False) as other:
        assert [a.text for a in other.articles()] == ["甲。"]


@in_a_folder
def test_a_library_that_can_not_be_read_is_restored_and_set_aside(store: Store, tmp_path: Path) -> None:
    put(store, "甲。")
    store.backup(tmp_path / "b.zip")
    store.close()
    (store.folder / "library.db").write_bytes(b"not a database at all, not at all")
    restore(tmp_path / "b.zip", store.folder)
    with Store.open(store.folder) as again:
        assert again.counts().articles == 1
    assert (store.folder / "library.db.damaged").exists()


@in_a_folder
def test_a_changed_or_foreign_backup_is_refused_and_the_library_stays(store: Store, tmp_path: Path) -> None:
    put(store, *(f"第{n}篇写的是别的事。" for n in range(50)))
    good = tmp_path / "good.zip"
    store.backup(good)
    changed = bytearray(good.read_bytes())
    changed[len(changed) // 2] ^= 0xFF
    (tmp_path / "changed.zip").write_bytes(changed)
    (tmp_path / "half.zip").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("../../evil", "x")
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(tmp_path / "lying.zip", "w") as archive:
        manifest = json.loads(old.read("manifest.json"))
        manifest["files"]["library.db"]["sha256"] = "0" * 64
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("library.db", old.read("library.db"))
    for name, error in (
        ("changed", LibraryDamaged),
        ("half", NotALibrary),
        ("text", NotALibrary),
        ("foreign", NotALibrary),
        ("lying", LibraryDamaged),
    ):
        with pytest.raises(LibraryDamaged) as raised:
            restore(tmp_path / f"{name}.zip", store.folder)
        assert raised.type is error, name
        assert store.counts().articles == 50
    assert {p.name for p in store.folder.iterdir()} <= tables.OURS


# ---------------------------------------------------------------- any history

NAMES = ("a", "b", "c")
step = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(NAMES), st.lists(st.sampled_from("甲乙丙丁戊"), max_size=4)),
    st.tuples(st.just("remove"), st.sampled_from((*NAMES, "没有")), st.just([])),
    st.tuples(st.just("embed"), st.just(""), st.just([])),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(step, max_size=12))
def test_any_history_agrees_with_a_plain_model(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, list[str]]]
) -> None:
    model: dict[str, list[str]] = {}
    derived: set[int] = set()
    seen = 0
    with fresh(empty, tmp_path_factory.mktemp("any") / "library") as store:
        for n, (what, name, texts) in enumerate(history):
            if what == "put":
                store.put(paper(name, str(n)), [story(f"{t}一。{t}二。", name) for t in texts], splitter="1")
                if texts:
                    model[name] = [f"{t}一。{t}二。" for t in texts]
                else:
                    model.pop(name, None)
            elif what == "remove":
                assert bool(store.remove([name])[0].articles) == (model.pop(name, None) is not None)
            else:
                waiting = [i for i, _ in store.unembedded("m")]
                store.put_vectors("m", waiting, np.ones((len(waiting), 3), dtype=np.float32))
            derived -= set(store.removals(seen).tolist())
            derived |= {e.passage_id for batch in store.entries(seen) for e in batch}
            seen = store.last_change
        assert {name: [a.text for a in store.articles(Filter(source=(name,)))] for name in model} == model
        assert derived == set(store.allowed(Filter()).tolist()), "who catches up after each change has what is there"
        assert store.counts().passages == len(derived) == 2 * sum(map(len, model.values()))
        assert store.check() == []
