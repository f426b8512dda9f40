"""Questions are noted, editors answer them, what they wrote is cited while it stands; and the figures of it all."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

import rag
from rag import errors
from rag.figures import as_csv, figures
from rag.types import Citation, Filter, Hit, Nearest, Reply

ASKED = "青岭县气象站2025年的预算是多少？"
ANSWER = "青岭县气象站2025年的预算为120万元。其中设备更新40万元。"
TODAY = date.today()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[rag.Library]:
    texts = {
        "青岭日报.txt": "# 青岭县气象站建成投用\n\n青岭县气象站有12名职工，每天发布两次天气预报。\n",
        "健康.jsonl": '{"id": "h1", "title": "发烧怎么护理", "column": "健康科普", "text": "发烧时要多喝水，体温超过38.5度可以服用退烧药。"}\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    with rag.open(tmp_path / "library") as opened:
        opened.add([tmp_path / name for name in texts])
        yield opened


def answered(library: rag.Library, until: str = "", **more: str) -> object:
    return library.desk.answer(ASKED, ANSWER, "县财政局《2025年部门预算》", "王敏", until=until, **more)  # type: ignore[arg-type]


def note(library: rag.Library, question: str, *, column: str = "", refused: bool = False, day: date = TODAY) -> str:
    cited = () if refused else (Citation(1, "话", 0, 1, True, "a1", "题", column=column or None, source="甲.txt"),)
    near = (Nearest("a2", "近", "乙.txt"),) if refused else ()
    hits = (Hit(1, "a2", "乙.txt", "近", 0, 1, "话", 0.1, column=column or None),) if refused else ()
    reply = Reply(question, "", refused=refused, reason="no_evidence" if refused else None, citations=cited,
                  nearest=near, hits=hits, seconds={"total": 0.5})  # fmt: skip
    return library.desk.questions.note(reply, day=day)


# ---------------------------------------------------------------- what is noted


def test_a_question_is_noted_with_what_came_of_it(library: rag.Library) -> None:
    reply = library.desk.noted(library.ask("青岭县气象站有多少职工？"), "page")
    (asked,) = library.desk.questions.between()
    assert (asked.key, asked.outcome, asked.sources) == (reply.noted, "answered", ("青岭日报.txt",))
    assert (asked.day, asked.asker, asked.vote) == (TODAY.isoformat(), "", 0)


def test_long_numbers_and_addresses_in_a_question_are_not_kept(library: rag.Library) -> None:
    note(library, "我的电话13800138000，身份证51010419900101123X，邮箱 a.b@c.cn，2025年预算120万元是多少？")
    (asked,) = library.desk.questions.between()
    assert asked.asked == "我的电话…，身份证…，邮箱 …，2025年预算120万元是多少？"


def test_what_is_thought_of_an_answer_is_kept_and_can_be_changed(library: rag.Library) -> None:
    key = note(library, "问题")
    library.desk.questions.feedback(key, vote=-1)
    library.desk.questions.feedback(key, why="数字不对")
    (asked,) = library.desk.questions.waiting()
    assert (asked.vote, asked.why) == (-1, "数字不对")
    library.desk.questions.feedback(key, vote=1)
    assert library.desk.questions.waiting() == []
    with pytest.raises(errors.UnknownName):
        library.desk.questions.feedback("没有这个", vote=1)


def test_a_library_that_cannot_be_written_is_asked_all_the_same(library: rag.Library) -> None:
    library._store.readonly = True
    assert library.desk.noted(Reply("问", "答"), "page") == Reply("问", "答")


# ---------------------------------------------------------------- the queue


def test_what_waits_is_grouped_with_its_count(library: rag.Library) -> None:
    for question in ("元宝枫怎么种、怎么管？", "请问元宝枫如何种植和管理", "元宝枫怎么种、怎么管？"):
        note(library, question, refused=True)
    note(library, "元宝枫什么时候开花？", refused=True)
    note(library, "气象站有多少职工？")
    handed = note(library, "夜校在哪里报名？")
    library.desk.questions.feedback(handed, handed=True)
    told = {w.question: len(w.asked) for w in library.desk.waiting()}
    assert told == {"元宝枫怎么种、怎么管？": 3, "元宝枫什么时候开花？": 1, "夜校在哪里报名？": 1}


def test_an_answer_settles_its_questions_and_is_given_to_all_who_ask_so(library: rag.Library) -> None:
    for question in (ASKED, "请问青岭县气象站今年（2025年）预算有多少钱"):
        note(library, question, refused=True)
    waiting = [a for w in library.desk.waiting() for a in w.asked]
    entry = library.desk.answer(ASKED, ANSWER, "县财政局", "王敏", asked=waiting)
    assert library.desk.waiting() == []
    for question in (ASKED, *entry.asked):
        reply = library.ask(question)
        assert not reply.refused
        assert "120万元" in reply.answer
        assert {c.article_id for c in reply.citations} == {entry.article_id}


def test_a_question_is_declined_with_a_reason(library: rag.Library) -> None:
    note(library, "明天股票涨不涨？", refused=True)
    (waiting,) = library.desk.waiting()
    with pytest.raises(errors.Usage):
        library.desk.decline(waiting.asked, " ")
    library.desk.decline(waiting.asked, "不在服务范围内")
    assert library.desk.waiting() == []
    assert [a.told for a in library.desk.questions.between()] == ["不在服务范围内"]


# ---------------------------------------------------------------- answers in the library


def test_an_editors_answer_is_an_article_that_is_cited_to_the_letter(library: rag.Library) -> None:
    assert library.ask(ASKED).refused
    entry = answered(library)
    reply = library.ask(ASKED)
    article = library.article(entry.article_id)  # type: ignore[attr-defined]
    assert (article.column, article.author, article.title) == ("编辑答复", "王敏", ASKED)
    assert reply.engine == "editor"
    assert all(article.text[c.start : c.end] == c.quote for c in reply.citations)
    assert "县财政局《2025年部门预算》" in reply.answer, "where the editor has it from is said too"
    assert [p.stage for p in library.ask(ASKED, stream=True)] == ["searching", "done"]


def test_an_answer_to_another_year_or_place_is_not_given(library: rag.Library) -> None:
    answered(library)
    for other in ("青岭县气象站2024年的预算是多少？", "柳溪县气象站2025年的预算是多少？"):
        reply = library.ask(other)
        assert reply.engine != "editor", other
        assert reply.refused, other


def test_an_answer_that_is_over_is_neither_found_nor_cited(library: rag.Library) -> None:
    entry = answered(library, until=(TODAY - timedelta(days=1)).isoformat())
    assert library.ask(ASKED).refused
    assert entry.article_id not in {h.article_id for h in library.search(ASKED).hits}  # type: ignore[attr-defined]
    assert entry.article_id not in {a.article_id for a in library.newest(9)}  # type: ignore[attr-defined]
    assert library.desk.state_of(entry) == "over"  # type: ignore[arg-type]
    library.desk.last(entry.entry_id, "", TODAY.isoformat())  # type: ignore[attr-defined]
    assert not library.ask(ASKED).refused, "its last day counts"
    library.desk.withdraw(entry.entry_id)  # type: ignore[attr-defined]
    assert library.ask(ASKED).refused


def test_an_answer_whose_article_was_removed_is_gone(library: rag.Library) -> None:
    entry = answered(library)
    library.remove([entry.article_id])  # type: ignore[attr-defined]
    assert library.ask(ASKED).refused
    assert library.desk.state_of(entry) == "gone"  # type: ignore[arg-type]


def test_a_filter_keeps_an_answer_out_as_it_does_an_article(library: rag.Library) -> None:
    answered(library)
    assert library.ask(ASKED, only=Filter(column=("健康科普",))).refused
    assert not library.ask(ASKED, only=Filter(column=("编辑答复",))).refused


@pytest.mark.parametrize("missing", range(4))
def test_nothing_is_published_without_question_answer_source_and_name(library: rag.Library, missing: int) -> None:
    parts = [ASKED, ANSWER, "县财政局", "王敏"]
    parts[missing] = "  "
    with pytest.raises(errors.Usage):
        library.desk.answer(*parts)
    assert library.desk.entries() == []
    assert library.state().documents == 2


def test_dates_that_are_none_or_end_before_they_begin_are_refused(library: rag.Library) -> None:
    for since, until in (("", "明天"), ("2025-07-02", "2025-07-01"), ("2025-07-01T18:00", "2025-07-01T17:00")):
        with pytest.raises(errors.Usage):
            library.desk.pin("问", "答", "出处", "名", since=since, until=until)
    with pytest.raises(errors.Usage):
        library.desk.pin("问", "答", "出处", "名", until="")


# ---------------------------------------------------------------- pins


def test_a_pin_outranks_articles_while_it_stands(library: rag.Library) -> None:
    soon = (datetime.now() + timedelta(hours=2)).isoformat(timespec="minutes")
    pin = library.desk.pin(
        "青岭县气象站有多少职工？", "气象站今天停电，请拨打值班电话。", "县应急局", "值班员", until=soon
    )
    assert library.desk.pins() == [pin]
    reply = library.ask("青岭县气象站有多少职工？")
    assert reply.answer.startswith("气象站今天停电")
    assert "县应急局" in reply.answer
    library.desk.last(pin.entry_id, "", (datetime.now() - timedelta(minutes=2)).isoformat(timespec="minutes"))
    assert library.desk.pins() == []
    assert "12名" in library.ask("青岭县气象站有多少职工？").answer


def test_a_pin_stands_before_the_answer_to_questions_with_its_words(library: rag.Library) -> None:
    library.desk.pin("停电", "今天停电到18时。", "县应急局", "值班员", until="2999-01-01", words=["气象站"])
    reply = library.ask("青岭县气象站有多少职工？")
    first, rest = reply.answer.split("\n", 1)
    assert "停电" in first and "12名" in rest
    said = [int(n) for n in re.findall(r"\[(\d+)\]", reply.answer)]
    assert sorted(set(said)) == [c.n for c in reply.citations]
    for c in reply.citations:
        assert library.article(c.article_id).text[c.start : c.end] == c.quote
    *_, last = library.ask("青岭县气象站有多少职工？", stream=True)
    assert last.reply is not None and last.reply.answer == reply.answer
    alone = library.ask("气象站的股价是多少？")
    assert not alone.refused and alone.answer.startswith("今天停电")


def test_a_pin_that_has_not_begun_is_not_there(library: rag.Library) -> None:
    pin = library.desk.pin("停电了吗？", "停电。", "应急局", "员", since="2998-01-01", until="2999-01-01")
    assert library.desk.pins() == []
    assert library.desk.state_of(pin) == "before"
    assert library.ask("停电了吗？").refused


# ---------------------------------------------------------------- lines under answers


def test_an_answer_from_a_column_of_health_carries_its_line(library: rag.Library) -> None:
    (line,) = library.ask("发烧时体温超过多少度可以服用退烧药？").notices
    assert "120" in line
    assert library.ask("青岭县气象站有多少职工？").notices == ()


def test_an_editor_sets_the_lines_and_their_columns(library: rag.Library) -> None:
    library.desk.set_notices([(["健康科普"], "请问医生。"), ([], "没有栏目"), (["法律"], "")])
    assert library.desk.notices() == [(("健康科普",), "请问医生。")]
    reply = library.ask("发烧时体温超过多少度可以服用退烧药？")
    assert reply.notices == ("请问医生。",)
    assert reply.to_json()["notices"] == ["请问医生。"]
    library.desk.set_notices([])
    assert library.ask("发烧时体温超过多少度可以服用退烧药？").notices == ()


# ---------------------------------------------------------------- figures


def test_figures_count_by_week_column_and_source(library: rag.Library) -> None:
    first = date(2025, 2, 24)
    up = note(library, "甲乡有多少人？", column="人口", day=first)
    down = note(library, "乙乡有多少人？", column="人口", day=first)
    note(library, "丙村的桥多长？", column="交通", refused=True, day=first + timedelta(days=7))
    note(library, "丙村的桥有多长？", column="交通", refused=True, day=first + timedelta(days=8))
    library.desk.questions.feedback(up, vote=1)
    library.desk.questions.feedback(down, vote=-1)
    told = library.desk.figures()
    assert (told.all.questions, told.all.answered, told.all.helpful, told.all.unhelpful) == (4, 2, 1, 1)
    assert [(w.name, w.questions, w.answered) for w in told.weeks] == [("2025-W09", 2, 2), ("2025-W10", 2, 0)]
    assert [(c.name, c.lacking) for c in told.columns] == [("交通", 2), ("人口", 0)]
    assert [(s.name, s.questions) for s in told.sources] == [("乙.txt", 2), ("甲.txt", 2)]
    assert [(m.name, m.lacking) for m in told.most_lacking] == [("丙村的桥有多长？", 2)]
    assert told.reasons == {"no_evidence": 2}
    assert told.readers is None, "nobody is counted where accounts are off"
    assert library.desk.figures("2025-03-01").all.questions == 2


def test_readers_are_counted_where_they_signed_in(library: rag.Library) -> None:
    for asker in ("李明", "王敏", "李明"):
        library.desk.noted(Reply("夜校在哪里？", "在镇上。"), "page", asker)
    assert library.desk.figures().readers == 2


def test_no_questions_make_no_figures(library: rag.Library) -> None:
    told = figures([])
    assert (told.all.questions, told.weeks, told.seconds) == (0, (), 0.0)


def test_the_table_opens_in_a_spreadsheet_and_runs_nothing(library: rag.Library) -> None:
    note(library, '=HYPERLINK("http://x")有多少？', refused=True)
    text = as_csv(library.desk.figures())
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text[1:])))
    assert rows[0]["类别"] == "全部" and rows[0]["没答出"] == "1"
    assert all(not row["名称"].startswith("=") for row in rows)
