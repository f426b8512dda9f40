"""A story that goes on upon another page of its issue is one article, wherever and whenever the pages come in."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

import rag
from rag import meaning
from rag import tables as t
from rag.articles import cut
from rag.carried import chains, whole
from rag.library import Library
from rag.reading.plain import from_text
from rag.types import Article, Half
from tests.tiny_embedders import open_tiny

FIRST = """临川晚报 2022年11月3日 星期四 第1版 要闻

# 一条老渠的百年

本报讯 1923年，临川的乡民用肩膀挑出了一条27公里的水渠。渠首的石碑上刻着136个名字，其中11个姓甚名谁已经认
（下转第3版）

# 社区诊所添了新设备

本报讯 近日，桂园社区装上了口腔综合治疗台，洗牙收费86元。（临川市卫健委 郝敏）
"""
THIRD = """临川晚报 2022年11月3日 星期四 第3版 综合

# 蜂农追着花期走

本报讯 五月槐花开，蜂农老谭把180箱蜂运上了北坡。（记者 余晚晴）

# 一条老渠的百年
（上接第1版）

不清。如今老渠还浇着4000亩田。

守渠人每天走一遍。（本报记者 简宁）
"""
LINK = "其中11个姓甚名谁已经认不清。如今老渠还浇着4000亩田。\n守渠人每天走一遍。"


def page(text: str, name: str = "版.txt") -> list[Article]:
    return cut(from_text(text, name, "txt"))


# ---------------------------------------------------------------- one page


def test_a_page_says_of_a_story_that_it_goes_on_elsewhere() -> None:
    canal, clinic = page(FIRST)
    assert canal.half is not None
    assert (canal.half.onward, canal.half.back, canal.half.paper) == ("3", None, "临川晚报")
    assert canal.text.endswith("已经认")
    assert clinic.half is None


def test_a_page_says_of_a_story_where_it_was_begun() -> None:
    _, rest = page(THIRD)
    assert rest.half is not None
    assert (rest.half.back, rest.half.headline, rest.author) == ("1", "一条老渠的百年", "本报记者 简宁")
    assert rest.text.startswith("不清。")


@pytest.mark.parametrize(
    "headline",
    [
        "（上接第1版）一条老渠的百年\n",
        "一条老渠的百年（上接1版）\n",
        "（上接第一版头条）\n",
        "◀上接1版\n# 一条老渠的百年\n",
        "# 一条老渠的百年\n（紧接第1版）\n",
        "# 一条老渠的百年\n上接第1版\n",
    ],
)
def test_however_the_page_is_named(headline: str) -> None:
    bees, rest = page(THIRD.replace("# 一条老渠的百年\n（上接第1版）\n", headline))
    assert bees.text.endswith("（记者 余晚晴）")
    assert rest.half is not None and rest.half.back == "1"
    assert rest.half.headline in ("", "一条老渠的百年")
    assert rest.text.startswith("不清。") and "上接" not in rest.title + rest.text


def test_a_story_may_be_carried_on_at_the_end_of_its_text() -> None:
    canal, _ = page(FIRST.replace("已经认\n（下转第3版）", "已经认（下转第3版）▶"))
    assert canal.half is not None and canal.half.onward == "3"
    assert canal.text.endswith("已经认")


# ---------------------------------------------------------------- which belong together


def part(
    source: str, on: str | None, number: str, back: str | None, text: str, title: str = "", **more: str
) -> Article:
    half = Half((("text", text),), (), title, on, back, more.get("paper"))
    date = more.get("date", "2022-11-03")
    return Article(f"{source}-{text[:4]}", source, title, text, date=date, page=number, half=half)


def test_both_ends_must_name_each_other() -> None:
    a = part("甲/1.txt", "3", "1", None, "渠水流过了")
    b = part("甲/3.txt", None, "3", "1", "整个村庄。")
    assert chains([a, b]) == [[0, 1]]
    assert chains([b, a]) == [[1, 0]]
    for other in (
        part("甲/4.txt", None, "4", "1", "整个村庄。"),
        part("甲/3.txt", None, "3", "2", "整个村庄。"),
        part("甲/3.txt", None, "3", "1", "整个村庄。", date="2022-11-04"),
        part("乙/3.txt", None, "3", "1", "整个村庄。"),
    ):
        assert chains([a, other]) == [[0], [1]]


def test_one_paper_s_issue_may_lie_in_two_folders_but_two_papers_are_never_mixed() -> None:
    a = part("甲/1.txt", "3", "1", None, "渠水流过了", paper="临川晚报")
    b = part("乙/3.txt", None, "3", "1", "整个村庄。", paper="临川晚报")
    assert chains([a, b]) == [[0, 1]]
    assert chains([a, replace(b, source="甲/3.txt", half=replace(b.half, paper="松山日报"))]) == [[0], [1]]  # type: ignore[type-var]


def test_headlines_tell_two_stories_of_the_same_pages_apart() -> None:
    canal = part("1.txt", "3", "1", None, "渠水清。", "一条老渠的百年")
    bees = part("1.txt", "3", "1", None, "蜂儿忙。", "蜂农追着花期走")
    rest = [part("3.txt", None, "3", "1", "后来。", t) for t in ("追着花期走", "老渠的百年")]
    assert chains([canal, bees, *rest]) == [[0, 3], [1, 2]]


def test_what_the_page_does_not_make_clear_stays_apart() -> None:
    two = [part("1.txt", "3", "1", None, f"说完了{n}。") for n in "甲乙"]
    assert chains([*two, part("3.txt", None, "3", "1", "后来的事。")]) == [[0], [1], [2]]


def test_a_story_may_run_over_three_pages() -> None:
    parts = [
        part("1.txt", "2", "1", None, "渠水流过了", "老渠百年"),
        part("2.txt", "3", "2", "1", "整个村庄，又流过"),
        part("3.txt", None, "3", "2", "小镇。"),
    ]
    assert chains(parts[::-1]) == [[2, 1, 0]]
    story = whole(parts)
    assert (story.title, story.text, story.article_id) == (
        "老渠百年",
        "渠水流过了整个村庄，又流过小镇。",
        parts[0].article_id,
    )


def test_a_byline_broken_by_the_page_signs_the_whole() -> None:
    parts = [
        part("1.txt", "3", "1", None, "渠水流过了村庄。（本报记者"),
        part("3.txt", None, "3", "1", " 简宁）"),
    ]
    assert whole(parts).author == "本报记者 简宁"


def test_parts_that_lead_in_a_ring_stay_apart_from_nobody_and_end() -> None:
    ring = [part("1.txt", "2", "1", "2", "甲。"), part("2.txt", "1", "2", "1", "乙。")]
    assert sorted(i for chain in chains(ring) for i in chain) == [0, 1]


# ---------------------------------------------------------------- in a library


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)
    with rag.open(tmp_path / "library") as opened:
        yield opened
        assert opened._store.check() == []


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def held(library: Library) -> dict[str, tuple[str, str | None, str | None]]:
    return {a.text: (a.title, a.author, a.page) for a in library.articles()}


@pytest.mark.parametrize("order", ["together", "first", "last"])
def test_two_files_of_one_issue_hold_one_story(library: Library, tmp_path: Path, order: str) -> None:
    files = [write(tmp_path, "一版.txt", FIRST), write(tmp_path, "三版.txt", THIRD)]
    for some in [files] if order == "together" else [[f] for f in files[:: 1 if order == "first" else -1]]:
        receipts = library.add(some)
        assert {r.status for r in receipts} == {"added"}
        if receipts[-1].file == "三版.txt" and order != "last":
            assert (receipts[-1].articles, receipts[-1].reason) == (1, "有 1 篇接着别的版，已并入那一篇。")
    canal = next(a for a in library.articles() if a.title == "一条老渠的百年")
    assert LINK in canal.text
    assert (canal.author, canal.page, canal.source) == ("本报记者 简宁", "1", "一版.txt")
    assert len(library.articles()) == 3
    found = library.search("老渠浇着多少亩田？").hits[0]
    assert found.article_id == canal.article_id and found.text in canal.text


def test_what_was_cited_before_the_rest_came_is_found_where_it_was(library: Library, tmp_path: Path) -> None:
    library.add([write(tmp_path, "三版.txt", THIRD)])
    rest = next(a for a in library.articles() if a.title == "一条老渠的百年")
    library.add([write(tmp_path, "一版.txt", FIRST)])
    canal = library.article(rest.article_id)
    assert LINK in canal.text, "a link to the part opens the whole"
    begun = page(FIRST, "一版.txt")[0]
    assert canal.article_id == begun.article_id, "the first part's name is the story's"
    assert canal.text.startswith(begun.text), "what was cited in it stands where it stood"


@pytest.mark.parametrize("gone", ["一版.txt", "三版.txt"])
def test_removing_one_file_leaves_what_the_other_has(library: Library, tmp_path: Path, gone: str) -> None:
    files = {n: write(tmp_path, n, t) for n, t in (("一版.txt", FIRST), ("三版.txt", THIRD))}
    library.add(list(files.values()))
    whole_ = held(library)
    (receipt,) = library.remove([gone])
    assert (receipt.status, receipt.articles, receipt.left) == ("removed", 2, 0)
    kept = next(n for n in files if n != gone)
    assert [d.source for d in library.documents()] == [kept]
    assert set(held(library)) == {a.text for a in page(files[kept].read_text("utf-8"), kept)}
    library.add([files[gone]])
    assert held(library) == whole_


def test_removing_the_story_takes_all_its_parts(library: Library, tmp_path: Path) -> None:
    only = THIRD[: THIRD.index("# 蜂农")] + THIRD[THIRD.index("# 一条") :]
    library.add([write(tmp_path, "一版.txt", FIRST), write(tmp_path, "三版.txt", only)])
    assert [(d.source, d.articles) for d in library.documents()] == [("一版.txt", 2), ("三版.txt", 0)]
    canal = next(a for a in library.articles() if a.title == "一条老渠的百年")
    (receipt,) = library.remove([canal.article_id])
    assert (receipt.articles, receipt.left) == (1, 0)
    assert [d.source for d in library.documents()] == ["一版.txt"]
    assert [a.title for a in library.articles()] == ["社区诊所添了新设备"]


def test_what_was_cited_before_it_was_joined_goes_with_the_story(library: Library, tmp_path: Path) -> None:
    library.add([write(tmp_path, "三版.txt", THIRD)])
    rest = next(a for a in library.articles() if a.title == "一条老渠的百年")
    said = {"question": "渠浇多少亩？", "found": [{"article_id": rest.article_id, "text": "如今老渠还浇着4000亩田。"}]}
    with library._store.transaction() as c:
        now = "2024-03-05T00:00:00+00:00"
        kept = {
            "key": "k",
            "owner": "",
            "title": "渠",
            "folded": "",
            "shared": 0,
            "begun_at": now,
            "at": now,
            "exchanges": 1,
        }
        c.execute(sa.insert(t.conversations), kept)
        c.execute(sa.insert(t.exchanges), {"conversation": "k", "position": 0, "said": json.dumps(said)})
    library.add([write(tmp_path, "一版.txt", FIRST)])
    assert library.remove([rest.article_id])[0].articles == 1, "its old name still names it"
    with library._store.transaction() as c:
        left = c.execute(sa.select(t.exchanges.c.said)).scalar_one()
    assert rest.article_id not in left


def test_a_file_that_only_carries_on_can_be_removed_by_its_name(library: Library, tmp_path: Path) -> None:
    only = THIRD[: THIRD.index("# 蜂农")] + THIRD[THIRD.index("# 一条") :]
    library.add([write(tmp_path, "一版.txt", FIRST), write(tmp_path, "三版.txt", only)])
    (receipt,) = library.remove(["三版.txt"])
    assert (receipt.status, receipt.left) == ("removed", 0)
    assert [a.text.endswith("已经认") for a in library.articles()] == [True, False]
    assert not library._meaning.serving().index.containing("守渠人")


def test_a_file_changed_or_added_again(library: Library, tmp_path: Path) -> None:
    library.add([write(tmp_path, "一版.txt", FIRST), write(tmp_path, "三版.txt", THIRD)])
    before = {a.article_id for a in library.articles()}
    assert [r.status for r in library.add([tmp_path / "一版.txt", tmp_path / "三版.txt"])] == ["unchanged"] * 2
    library.add([write(tmp_path, "一版.txt", FIRST.replace("86元", "80元"))])
    after = {a.article_id: a for a in library.articles()}
    assert len(before & set(after)) == 2, "only the changed story is another"
    assert any(LINK in a.text for a in after.values())
    library.add([write(tmp_path, "三版.txt", THIRD.replace("4000亩", "5000亩"))])
    canal = next(a for a in library.articles() if a.title == "一条老渠的百年")
    assert "5000亩" in canal.text and "4000亩" not in canal.text
    library.add([write(tmp_path, "三版.txt", THIRD.replace("（上接第1版）\n", ""))])
    assert len(library.articles()) == 4, "who no longer says so is no longer joined"


def test_thousands_that_say_they_go_on_cost_little(library: Library, tmp_path: Path) -> None:
    stories = "".join(f"# 第{n}条渠的百年\n\n本报讯 第{n}条渠还在流。（下转第3版）\n\n" for n in range(600))
    started = time.process_time()
    library.add([write(tmp_path, "一版.txt", FIRST + stories)], embed=False)
    assert len(library.articles()) == 602
    assert time.process_time() - started < 20  # 2 s on two idle cores


@pytest.mark.slow
def test_whatever_came_and_went_the_stories_are_those_of_the_files_that_are_there(
    library: Library, tmp_path: Path
) -> None:
    chance = random.Random(4)
    names = [f"{day}日/{n}版.txt" for day in (3, 4) for n in (1, 3)]
    there: dict[str, str] = {}
    for _ in range(40):
        name = chance.choice(names)
        text = (FIRST if "1版" in name else THIRD).replace("11月3日", f"11月{name[0]}日")
        text = text.replace("4000", chance.choice(("4000", "5000"))).replace("86元", chance.choice(("86元", "80元")))
        if name in there and chance.random() < 0.5:
            del there[name]
            (tmp_path / "files" / name).unlink()
            assert library.remove([name])[0].left == 0
        else:
            there[name] = text
            write(tmp_path / "files", name, text)
            library.add([tmp_path / "files"], embed=False)
        alone = [a for n, t in there.items() for a in page(t, n)]
        parts = [a for a in alone if a.half]
        expected = [a for a in alone if not a.half]
        expected += [whole([parts[i] for i in chain]) if len(chain) > 1 else parts[chain[0]] for chain in chains(parts)]
        assert held(library) == {a.text: (a.title, a.author, a.page) for a in expected}
        assert sorted(d.source for d in library.documents()) == sorted(there)
        assert library._store.check() == []
