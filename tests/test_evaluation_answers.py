"""How replies are judged: what counts as the same words, what as right, and what the figures are made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import BadBatchLine, PathMissing, QuestionTooLong
from rag.evaluation.answers import (
    LONG,
    SHORT,
    Gold,
    Verdict,
    answered,
    ask_all,
    atoms,
    by_kind,
    figures,
    holds,
    judge,
    measure,
    percentile,
    read_questions,
    refusal_curve,
    reliability,
    supports,
)
from rag.evaluation.report import markdown, row, table
from rag.types import Citation, Reply, Turn
from rag.words import catalogue

EVIDENCE = "给成人做胸外按压，深度是5至6厘米，频率是每分钟100至120次。"


def gold(*answers: str | tuple[str, ...], every: bool = False, kind: str = "how_many", refuse: bool = False) -> Gold:
    items = tuple((a,) if isinstance(a, str) else a for a in answers)
    return Gold("q1", "按多深？", kind, items, every, ("health-01.md",), (EVIDENCE,), refuse=refuse)


def reply(
    answer: str,
    *,
    refused: bool = False,
    confidence: float = 0.9,
    source: str = "articles/health-01.md",
    quote: str = EVIDENCE,
) -> Reply:
    cited = () if refused else (Citation(1, quote, 0, len(quote), True, source=source, title="怎么急救"),)
    return Reply(
        "按多深？",
        answer,
        refused=refused,
        confidence=confidence,
        citations=cited,
        reason="no_evidence" if refused else None,
    )


# ---------------------------------------------------------------- the same words


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("阅读量超1,100万次", "1100万"),
        ("共1100萬次", "1100万"),
        ("２０２５年", "二〇二五年"),
        ("百分之三十", "30%"),
        ("占百分之5.5", "5.5%"),
        ("３至５人", "3—5人"),
        ("深度是5～6厘米", "5至6厘米"),
        ("5月1日到7日", "5月1日—7日"),
        ("16—18℃", "16~18℃"),
        ("歷時三百二十天", "320天"),
        ("约 1.5 亿元", "150000000元"),
        ("ＡＥＤ（除颤器）", "aed"),
        ("“天宫”一号", "天宫1号"),
    ],
)
def test_one_thing_written_two_ways_is_the_same(written: str, wanted: str) -> None:
    assert answered(gold(wanted), written)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("共15人", "5人"),
        ("1.5厘米", "5厘米"),
        ("5.6厘米", "5厘米"),
        ("12小时", "2小时"),
        ("1864只", "864只"),
        ("3万人", "3人"),
        ("30%", "30个"),
        ("天宫一号", "天宫二号"),
        ("", "5人"),
        ("有人", ""),
    ],
)
def test_a_number_is_not_found_inside_another(written: str, wanted: str) -> None:
    assert not answered(gold(wanted), written)


@given(st.text(alphabet="成都有大熊猫1234567890,.零一二三十百千万亿%至到—年月 。，", max_size=30))
def test_every_text_holds_itself_or_holds_nothing(text: str) -> None:
    pieces = atoms(text)
    assert holds(pieces, pieces) == bool(pieces)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_count_answers_only_itself(written: int, wanted: int) -> None:
    assert answered(gold(f"{wanted}人"), f"共有{written}人参加") == (written == wanted)


def test_one_item_is_enough_unless_every_one_is_wanted() -> None:
    assert answered(gold("云南", "普洱"), "首次在云南发现")
    assert not answered(gold("热痉挛", "热射病", every=True), "热痉挛")
    assert answered(gold(("20分钟", "二十分钟"), "凉水", every=True), "用凉水冲二十分钟")


def test_a_quote_supports_when_it_is_the_sentence_or_a_good_part_of_it() -> None:
    assert supports(EVIDENCE, EVIDENCE)
    assert supports("给成人做胸外按压,深度是5至6厘米", EVIDENCE)
    assert supports("前一句。" + EVIDENCE, EVIDENCE)
    assert not supports("频率不对的另一句话，每分钟100次", EVIDENCE)
    assert not supports("", EVIDENCE)
    assert not supports("成人", EVIDENCE)


# ---------------------------------------------------------------- judging


def test_a_right_answer_holds_the_words_and_cites_the_article_and_the_sentence() -> None:
    verdict = judge(gold("5至6厘米"), reply("深度是5至6厘米[1]。"))
    assert verdict.right
    assert verdict.cited
    assert verdict.evidence
    assert verdict.consistent
    assert verdict.length == len("深度是5至6厘米。")


def test_a_marker_is_no_answer() -> None:
    assert not judge(gold("1"), reply("不清楚[1]。")).right


def test_a_whole_article_pasted_is_no_answer() -> None:
    assert judge(gold("5至6厘米"), reply("5至6厘米" + "啊" * (SHORT - 5))).right
    assert not judge(gold("5至6厘米"), reply("5至6厘米" + "啊" * SHORT)).right
    assert judge(gold("5至6厘米", kind="why"), reply("5至6厘米" + "啊" * SHORT)).right
    assert not judge(gold("5至6厘米", kind="why"), reply("5至6厘米" + "啊" * LONG)).right


def test_refusing_is_right_only_where_there_is_no_answer() -> None:
    assert judge(gold(refuse=True), reply("没有写到。", refused=True)).right
    assert not judge(gold("5至6厘米"), reply("没有写到5至6厘米。", refused=True)).right
    assert not judge(gold(refuse=True), reply("5至6厘米[1]。")).right


def test_a_citation_of_another_article_is_seen_and_so_is_a_lost_marker() -> None:
    verdict = judge(gold("5至6厘米"), reply("5至6厘米[2]。", source="other.md", quote="别的话，与此无关。"))
    assert verdict.right
    assert not verdict.cited
    assert not verdict.evidence
    assert not verdict.consistent


def test_an_article_may_be_named_by_its_title_too() -> None:
    named = Gold("q1", "按多深？", answers=(("5",),), sources=("怎么急救",))
    assert judge(named, reply("5", source="a/b/c.txt")).cited


class Library:
    """Answers every question alike, but for one that it can't take."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Turn, ...]]] = []

    def ask(self, question: str, *, history: Sequence[Turn] = ()) -> Reply:
        self.heard.append((question, tuple(history)))
        if question == "太长":
            raise QuestionTooLong(length=3000, limit=2000)
        return reply("5至6厘米[1]。")


def test_all_are_asked_in_order_with_their_history_and_an_error_stops_nothing() -> None:
    library, told = Library(), []
    golds = [
        gold("5至6厘米"),
        Gold("q2", "太长", answers=(("5",),)),
        Gold("q3", "那儿童呢？", answers=(("5",),), history=(Turn("问", "答"),)),
    ]
    verdicts = ask_all(library, golds, lambda done, total: told.append((done, total)))
    assert [v.gold.id for v in verdicts] == ["q1", "q2", "q3"]
    assert [v.error for v in verdicts] == [None, "question_too_long", None]
    assert library.heard[2] == ("那儿童呢？", (Turn("问", "答"),))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert all(v.seconds >= 0 for v in verdicts)


# ---------------------------------------------------------------- figures


def verdicts() -> list[Verdict]:
    """Of three answerable ones two right, one refused; of two without an answer one refused."""
    return [
        judge(gold("5至6厘米"), reply("5至6厘米[1]。", confidence=0.9), 0.1),
        judge(gold("5至6厘米"), reply("5至6厘米[1]。", confidence=0.7, source="other.md"), 0.2),
        judge(gold("5至6厘米"), reply("没有写到。", refused=True, confidence=0.2), 0.3),
        judge(gold(refuse=True, kind="absent_term"), reply("没有写到。", refused=True, confidence=0.1), 0.4),
        judge(gold(refuse=True, kind="absent_term"), reply("5至6厘米[1]。", confidence=0.6), 1.0),
    ]


def test_figures_are_shares_of_what_they_can_be_measured_on() -> None:
    measured = figures(verdicts())
    assert measured["right"] == pytest.approx(2 / 3, abs=1e-4)
    assert measured["cited"] == 0.5
    assert measured["evidence_hit"] == 1
    assert measured["refused"] == 0.5
    assert measured["false_refusals"] == pytest.approx(1 / 3, abs=1e-4)
    assert measured["wrong_answers"] == 0
    assert measured["mean"] == pytest.approx((2 / 3 + 0.5 + 1 + 0.5) / 4, abs=1e-3)
    assert (measured["seconds_p50"], measured["seconds_p95"]) == (0.3, 1.0)


def test_nothing_measured_is_no_figure_rather_than_a_zero() -> None:
    measured = figures([])
    assert measured["questions"] == 0
    assert measured["right"] is measured["mean"] is measured["seconds_p50"] is None
    assert all(value == "—" or value == "0" for _, value in table(measured))


def test_kinds_keep_their_order() -> None:
    assert by_kind(verdicts()) == {"how_many": (2, 3), "absent_term": (1, 2)}


def test_confidence_is_compared_with_how_often_it_is_right() -> None:
    assert reliability(verdicts()) == [(0.6, 0.8, 2, 0.5), (0.8, 1.0, 1, 1.0)]


def test_a_stricter_threshold_refuses_more_of_both() -> None:
    curve = refusal_curve(verdicts())
    assert curve[0] == (0.0, pytest.approx(1 / 3, abs=1e-4), 0.5)
    assert curve[-1] == (1.0, 1.0, 1.0)
    assert all(a[1] <= b[1] and a[2] <= b[2] for a, b in pairwise(curve))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40))
def test_a_percentile_is_one_of_the_values(values: list[float]) -> None:
    assert percentile(values, 0.95) in {round(v, 4) for v in values}
    assert percentile(values, 1.0) == round(max(values), 4)


# ---------------------------------------------------------------- files and reports


def test_questions_are_read_whole_whatever_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    rows = [
        {"id": 7, "question": "问？", "answers": ["甲", ["乙", "丙"]], "all": True, "page": "a.txt", "article": "题"},
        {"question": "没有？", "refuse": True, "history": [{"question": "前", "answer": "后"}]},
    ]
    file.write_text("\ufeff" + "\n\n".join(json.dumps(r, ensure_ascii=False) for r in rows), "utf-8")
    first, second = read_questions(file)
    assert first == Gold("7", "问？", "fact", (("甲",), ("乙", "丙")), True, ("a.txt", "题"))
    assert second == Gold("3", "没有？", history=(Turn("前", "后"),), refuse=True)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"answers": ["甲"]}',
        '{"question": "问？"}',
        '{"question": "问？", "answers": 5}',
    ],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text('{"question": "问？", "answers": ["甲"]}\n' + line, "utf-8")
    with pytest.raises(BadBatchLine) as caught:
        read_questions(file)
    assert caught.value.fields["line"] == 2


def test_a_missing_file_of_questions_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathMissing):
        read_questions(tmp_path / "none.jsonl")


def test_the_report_shows_figures_kinds_and_what_went_wrong_and_no_markup_of_an_answer() -> None:
    wrong = judge(gold("5至6厘米"), reply("<b>3厘米</b>|*见*\n[1]"), 0.5)
    report = markdown([*verdicts(), wrong], {"资料库": "样本"})
    assert "- 资料库: 样本" in report
    assert "| 答对 | 50.0% |" in report
    assert "\\<b>" in report or "&lt;b>" in report
    assert "<b>" not in report
    assert report.count("（应当拒答）") == 1
    assert all(line.count("|") - line.count("\\|") in (0, 3, 4) for line in report.splitlines())


def test_a_row_is_json_and_says_what_was_wanted_and_what_came() -> None:
    verdict = judge(gold("5至6厘米"), reply("5至6厘米[1]。"), 0.12345678)
    line = json.loads(json.dumps(row(verdict), ensure_ascii=False))
    assert line["want"] == [["5至6厘米"]]
    assert line["right"] is True
    assert line["sources"] == ["articles/health-01.md"]
    assert line["seconds"] == 0.1235
    assert row(Verdict(gold("5"), None, 0.0, error="question_too_long"))["answer"] is None


def test_every_figure_has_its_words_in_both_languages() -> None:
    for language in ("zh", "en"):
        assert {f"eval.figures.{name}" for name in figures([])} <= set(catalogue(language))


@pytest.mark.slow
def test_the_installed_product_is_measured_with_one_call(sample_library: Path) -> None:
    told: list[tuple[int, int]] = []
    measured = figures(measure(library=sample_library, progress=lambda done, total: told.append((done, total))))
    assert (measured["questions"], measured["answerable"], measured["errors"]) == (60, 50, 0)
    assert measured["markers_consistent"] == 1
    assert told[-1] == (60, 60)


def test_questions_may_be_asked_over_articles_that_go_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("县科协的义诊于3月5日在中心广场举行，共接诊128人。", "utf-8")
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps({"question": "义诊共接诊多少人？", "answers": ["128人"], "article": "a.txt"}), "utf-8")
    (verdict,) = measure(file, [tmp_path / "a.txt"])
    assert verdict.error is None
    assert verdict.right
    assert verdict.cited
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "questions.jsonl"]
