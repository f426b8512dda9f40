"""Sentences that answer differently: told of the same event they contradict, told of another they do not."""

from __future__ import annotations

import numpy as np

from rag.answering.candidates import gather
from rag.answering.conflicts import Conflict, conflicts
from rag.answering.extractive import contradictions
from rag.evaluation.premises import Trap, read_traps
from rag.question import understand
from rag.types import Hit

TRAPS = read_traps("conflicts")


def hits(*articles: tuple[str, str, str]) -> list[Hit]:
    return [
        Hit(n, f"a{n}", f"{n}.txt", title, 0, len(text), text, 0.5, date=date or None)
        for n, (title, date, text) in enumerate(articles)
    ]


def found(question: str, *articles: tuple[str, str, str]) -> list[Conflict]:
    return conflicts(understand(question), gather(hits(*articles)))


def of(trap: Trap) -> list[Conflict]:
    return found(trap.question, *trap.articles)


OLD = ("大桥合龙", "2024-11-05", "青岭大桥合龙，大桥全长1860米。")
NEW = ("大桥通车", "2025-06-18", "全长1680米的青岭大桥正式通车。")


def test_two_figures_for_one_thing_are_a_conflict_the_newer_first() -> None:
    for articles in ((OLD, NEW), (NEW, OLD)):
        (pair,) = found("青岭大桥全长多少米？", *articles)
        assert (pair.said, pair.instead, pair.settled) == ("1680米", "1860米", False)
        assert pair.first.hit.date == "2025-06-18"


def test_a_correction_comes_first_and_settles_it() -> None:
    wrong = ("黑石沟村修通产业路", "2025-03-03", "黑石沟村修通产业路12公里。")
    right = ("更正", "2025-03-05", "3月3日《黑石沟村修通产业路》中“修通产业路12公里”有误，应为“修通产业路1.2公里”。")
    (pair,) = found("黑石沟村修了多少公里产业路？", wrong, right)
    assert pair.settled and (pair.said, pair.instead) == ("1.2公里", "12公里")


def test_planted_contradictions_are_found() -> None:
    planted = [trap for trap in TRAPS if trap.kind in ("conflict", "correction")]
    assert len(planted) >= 40
    assert sum(bool(of(trap)) for trap in planted) >= 0.9 * len(planted)


def test_other_years_places_and_occasions_are_none() -> None:
    apart = [trap for trap in TRAPS if trap.kind == "apart"]
    assert len(apart) >= 12
    assert [trap.id for trap in apart if of(trap)] == []


def test_nearly_the_same_is_the_same() -> None:
    about = ("总结", "2025-02-28", "青岭大桥近期开放，大桥全长近1900米。")
    assert found("青岭大桥全长多少米？", OLD, about) == []


def test_passages_without_articles_contradict_nothing() -> None:
    loose = [Hit(n, "", "", "", 0, len(a[2]), a[2], 0.5) for n, a in enumerate((OLD, NEW))]
    assert conflicts(understand("青岭大桥全长多少米？"), gather(loose)) == []


def test_a_thing_that_is_only_compared_with_is_not_told_of() -> None:
    lake = ("白鹭湾候鸟", "2024-11-08", "白鹭湾记录到越冬候鸟2360只。")
    pond = ("月湖观鸟节", "2024-11-08", "月湖记录到越冬候鸟800只，数量虽不及白鹭湾，但在市区。")
    assert found("白鹭湾的越冬候鸟有多少只？", lake, pond) == []


def test_the_same_day_is_said_of_two_days_where_nothing_tells_them_to_be_one() -> None:
    first = ("收评", "", "当日上证综指以2847点开盘。")
    second = ("股市", "", "当日上证综指以4471点开盘，随后走低。")
    assert found("当日上证综指以多少点开盘？", first, second) == []
    near = [
        (title, date, text)
        for (title, _, text), date in zip((first, second), ("2024-03-01", "2024-03-02"), strict=True)
    ]
    assert len(found("当日上证综指以多少点开盘？", *near)) == 1


def test_this_year_of_an_article_without_a_date_is_no_known_year() -> None:
    first = ("丰收", "", "南坡果园今年柑橘产量达到560吨。")
    second = ("柑橘", "", "南坡果园今年柑橘产量为650吨。")
    assert found("南坡果园今年产了多少吨柑橘？", first, second) == []


def test_a_sentence_that_the_reader_finds_unlikely_still_contradicts_and_so_does_nearly_the_same_one() -> None:
    candidates = gather(
        hits(
            ("机器人展落幕", "2025-08-01", "机器人展共接待观众4200人。"),
            ("盘点", "2025-08-03", "机器人展共接待观众4800人。"),
        )
    )
    question = understand("机器人展接待了多少人？")
    assert contradictions(question, candidates, np.array([0.9, 0.03])) == [1, 0], "the newer first"


def test_another_year_than_the_one_asked_about_contradicts_nothing() -> None:
    candidates = gather(
        hits(
            ("2024年机器人展", "2024-08-01", "机器人展接待观众4200人。"),
            ("2025年机器人展", "2025-08-03", "机器人展接待观众4800人。"),
        )
    )
    assert contradictions(understand("2024年机器人展接待了多少人？"), candidates, np.array([0.9, 0.5])) == []


def test_a_figure_that_nothing_dates_does_not_contradict_that_of_a_year() -> None:
    first = ("保费", "", "全县保费收入3200万元，同比增长12.5%。")
    second = ("半年报", "", "2022年上半年，全县保费收入1021万元。")
    assert found("全县保费收入达到多少？", first, second) == []
