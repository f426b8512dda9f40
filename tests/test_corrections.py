"""What editors correct in articles: it holds when the file is read again, and the last of it can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rag
from rag import errors

ROWS = (
    '{"id": "r1", "title": "稻田养鱼", "author": "李明", "date": "2024-05-06", "column": "农技", "text": "稻田里养鱼。\\n鱼吃虫，少打药。\\n水渠改造\\n水渠修了三公里。"}',
    '{"id": "r2", "title": "夜校开班", "text": "夜校开设了编织课程。\\n学员共有45人。"}',
    '{"id": "r3", "title": "茶园改造", "text": "柳溪镇改造了300亩茶园。"}',
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "简报.jsonl", ROWS)


@pytest.fixture
def library(tmp_path: Path, file: Path) -> Iterator[rag.Library]:
    with rag.open(tmp_path / "library") as opened:
        opened.add([file])
        yield opened


def write(path: Path, rows: tuple[str, ...]) -> Path:
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def titles(library: rag.Library) -> list[str]:
    return [a.title for a in library.articles()]


def read_again(
    library: rag.Library, file: Path, more: str = '{"id": "r4", "title": "新的一条", "text": "今天下雨。"}'
) -> None:
    (receipt,) = library.add([write(file, (*ROWS, more))])
    assert receipt.status == "replaced"


def test_a_corrected_title_author_and_date_are_found_and_keep_the_articles_id(library: rag.Library) -> None:
    before = library.articles()[1]
    now = library.corrections.edit(before.article_id, title="夜校编织班开班", author="王敏", date="2024-06-01")
    assert now.article_id == before.article_id, "what cites it still opens it"
    assert (now.title, now.author, now.date, now.text) == ("夜校编织班开班", "王敏", "2024-06-01", before.text)
    assert library.search("编织班").hits[0].title == "夜校编织班开班"
    assert library._store.check() == []


def test_corrections_hold_when_the_file_is_read_again(library: rag.Library, file: Path) -> None:
    first, night, _ = library.articles()
    library.corrections.edit(night.article_id, title="夜校编织班", author="")
    library.corrections.split(first.article_id, first.text.index("水渠改造"))
    library.corrections.edit(library.articles()[1].article_id, column="水利")
    expected = [(a.title, a.text, a.column, a.article_id) for a in library.articles()]
    read_again(library, file)
    now = [(a.title, a.text, a.column, a.article_id) for a in library.articles()]
    assert now[:-1] == expected and now[-1][0] == "新的一条"


def test_an_article_whose_text_changed_a_little_is_corrected_all_the_same(library: rag.Library, file: Path) -> None:
    night = library.articles()[1]
    library.corrections.edit(night.article_id, author="王敏")
    write(file, (ROWS[0], ROWS[1].replace("45人", "46人"), ROWS[2]))
    library.add([file])
    assert [(a.author, "46人" in a.text) for a in library.articles() if a.title == "夜校开班"] == [("王敏", True)]


def test_two_articles_are_joined_and_one_is_split(library: rag.Library) -> None:
    first, second, third = library.articles()
    one = library.corrections.merge(first.article_id)
    assert titles(library) == ["稻田养鱼", "茶园改造"]
    assert one.text == f"{first.text}\n夜校开班\n{second.text}"
    assert [one.text[s.start :].startswith(s.heading) for s in one.sections] == [True]
    a, b = library.corrections.split(one.article_id, one.text.index("夜校开班"))
    assert (a.text, b.title, b.text) == (first.text, "夜校开班", second.text)
    assert library.search("学员有多少人").hits[0].article_id == b.article_id
    with pytest.raises(errors.UnknownName):
        library.corrections.merge(third.article_id)
    for start in (0, 3, 10_000):
        with pytest.raises(errors.BadSetting):
            library.corrections.split(first.article_id, start)


def test_the_last_correction_is_undone_and_then_the_one_before(library: rag.Library, file: Path) -> None:
    before = [(a.title, a.author, a.text, a.article_id) for a in library.articles()]
    library.corrections.merge(library.articles()[1].article_id)
    library.corrections.edit(library.articles()[0].article_id, title="稻鱼共生", author="")
    assert [c.kind for c in library.corrections.listed("简报.jsonl")] == ["merge", "edit"]
    library.corrections.undo("简报.jsonl")
    assert titles(library) == ["稻田养鱼", "夜校开班"]
    library.corrections.undo("简报.jsonl")
    assert [(a.title, a.author, a.text, a.article_id) for a in library.articles()] == before
    with pytest.raises(errors.UnknownName):
        library.corrections.undo("简报.jsonl")


def test_a_correction_that_changes_nothing_or_is_none_is_not_kept(library: rag.Library) -> None:
    first = library.articles()[0]
    library.corrections.edit(first.article_id, title=first.title)
    assert library.corrections.listed("简报.jsonl") == []
    for wrong in ({"date": "昨天"}, {"text": "改写"}):
        with pytest.raises(errors.BadSetting):
            library.corrections.edit(first.article_id, **wrong)
    with pytest.raises(errors.UnknownName):
        library.corrections.edit("没有", title="甲")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["edit", "merge", "split"]), min_size=1, max_size=4))
def test_whatever_was_corrected_undoing_all_gives_the_file_back(
    library: rag.Library, file: Path, kinds: list[str]
) -> None:
    before = [(a.title, a.text, a.article_id) for a in library.articles()]
    for n, kind in enumerate(kinds):
        articles = library.articles()
        if kind == "merge" and len(articles) > 1:
            library.corrections.merge(articles[0].article_id)
        elif kind == "split" and "\n" in articles[0].text:
            library.corrections.split(articles[0].article_id, articles[0].text.index("\n") + 1)
        else:
            library.corrections.edit(articles[0].article_id, title=f"改{n}")
    assert library._store.check() == []
    while library.corrections.listed("简报.jsonl"):
        library.corrections.undo("简报.jsonl")
    assert [(a.title, a.text, a.article_id) for a in library.articles()] == before


PAGES = {
    "1.txt": "临川晚报 2022年11月3日 星期四 第1版 要闻\n\n# 一条老渠的百年\n\n"
    "本报讯 1923年，临川的乡民用肩膀挑出了一条27公里的水渠。渠首的石碑上刻着136个名字，其中11个姓甚名谁已经认\n（下转第3版）\n\n"
    "# 社区诊所添了新设备\n\n本报讯 近日，桂园社区装上了口腔综合治疗台，洗牙收费86元。（临川市卫健委 郝敏）\n",
    "3.txt": "临川晚报 2022年11月3日 星期四 第3版 综合\n\n# 蜂农追着花期走\n\n"
    "本报讯 五月槐花开，蜂农老谭把180箱蜂运上了北坡。（记者 余晚晴）\n\n# 一条老渠的百年\n（上接第1版）\n\n"
    "不清。如今老渠还浇着4000亩田。\n\n守渠人每天走一遍。（本报记者 简宁）\n",
}


def test_a_story_that_goes_on_upon_another_page_stays_whole_when_its_neighbours_are_corrected(tmp_path: Path) -> None:
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text, "utf-8")
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / name for name in PAGES])
        canal, clinic, bees = (next(a for a in library.articles() if w in a.title) for w in ("老渠", "诊所", "蜂农"))
        library.corrections.edit(clinic.article_id, author="郝敏")
        library.corrections.edit(bees.article_id, title="蜂农")
        assert library.article(canal.article_id) == canal
        assert sorted(titles(library)) == ["一条老渠的百年", "社区诊所添了新设备", "蜂农"]
        assert library._store.check() == []
        with pytest.raises(errors.Usage):
            library.corrections.edit(canal.article_id, title="老渠")
        library.remove(["3.txt"])
        assert library.articles()[0].text.endswith("已经认"), "its parts are known as before"
