"""The gate: which sentences their evidence bears out, and which it does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering import gate

PAGE = "全区发布推文1900余篇，阅读量超1100万次，视频播放量达1700余万次。"


def kinds(sentence: str, evidence: str, **more: object) -> list[str]:
    return [fault.kind for fault in gate.faults(sentence, evidence, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("全区发布推文1900多篇。", PAGE),
        ("视频播放量达到1700万次。", PAGE),
        ("视频播放量超过一千七百万次。", PAGE),
        ("阅读量超11,000,000次。", PAGE),
        ("降解率达到三成。", "降解率达到30%。"),
        ("降解率为百分之三十。", "降解率达到３０％。"),
        ("袋子重12千克。", "袋子重12公斤。"),
        ("共有5位专家到场。", "共有五名专家到场。"),
        ("白鷺灣有14種候鳥。", "白鹭湾有14种候鸟，共2360只。"),
        ("它是一种可降解的地膜。", "这种地膜可降解。"),
        ("采集了460GB数据。", "採集數據約460GB。"),
        ("生还率下降7%至10%。", "生还率约下降7至10%。"),
    ],
)
def test_the_same_said_in_other_words_is_borne_out(sentence: str, evidence: str) -> None:
    assert kinds(sentence, evidence) == []


@pytest.mark.parametrize(
    ("sentence", "evidence", "kind"),
    [
        ("全区发布推文1800余篇。", PAGE, "number"),
        ("视频播放量达1700次。", PAGE, "number"),
        ("阅读量超1100亿次。", PAGE, "number"),
        ("地膜埋土180个月后降解。", "地膜埋土180天后降解。", "unit"),
        ("面积为120公顷。", "面积为120亩。", "unit"),
        ("生还率下降7‰。", "生还率下降7%。", "unit"),
        ("共有12个家庭参加。", "活动在12月举行，很多家庭参加。", "unit"),
        ("每年办3至5届。", "大赛办3至5天。", "unit"),
        ("会议在3月21日召开。", "会议在2月21日召开。", "date"),
        ("会议在2026年召开。", "会议在2024年召开。", "date"),
        ("医院部署了ChatGPT模型。", "医院部署了DeepSeek模型。", "code"),
        ("“青山”队获得小学组冠军。", "“蒲公英”队获得小学组冠军。", "quote"),
        ("会议由沈军主持。", "会议由经戈主持。", "name"),
        ("主席陈简政作了讲话。", "主席余明川作了讲话。", "name"),
        ("培训会在绵阳召开。", "培训会在德阳召开。", "name"),
        ("平台尚未进入试运行阶段。", "平台已进入试运行阶段。", "negation"),
        ("活动覆盖全部中小学校。", "活动覆盖50余所中小学校。", "strong"),
        ("希望这些内容能帮助到您。", PAGE, "words"),
    ],
)
def test_what_the_evidence_lacks_is_named(sentence: str, evidence: str, kind: str) -> None:
    assert kind in kinds(sentence, evidence)


def test_a_fault_shows_what_stands_there_instead() -> None:
    assert gate.faults("地膜埋土180个月后降解。", "地膜埋土180天后降解。")[0] == gate.Fault("unit", "180个月", "180天")
    assert gate.faults("会议在3月召开。", "会议在2月召开。")[0] == gate.Fault("date", "3月", "2月")


def test_a_number_alone_is_given_the_unit_of_its_evidence() -> None:
    assert gate.with_unit("12", "12月的事故造成12人死亡。") == "12人"
    assert gate.with_unit("12。", "事故造成12人死亡。") == "12人"
    assert gate.with_unit("12", "号码是12。") == "12"
    assert gate.with_unit("死亡12", "事故造成12人死亡。") == "死亡12"


def test_figures_dates_and_names_are_hard_and_words_are_not() -> None:
    assert all(gate.Fault(kind, "").hard for kind in ("number", "unit", "date", "code", "quote", "name"))  # type: ignore[arg-type]
    assert not gate.Fault("words", "").hard


def test_the_year_of_an_article_may_be_added_to_its_days() -> None:
    said, day = "会议于2025年2月21日召开。", "会议于2月21日召开。"
    assert kinds(said, day) == ["date"]
    assert kinds(said, day, years=gate.years_of("2025-02-26", "")) == []
    assert kinds(said, day, years=gate.years_of("2024-02-26", "")) == ["date"]


def test_the_year_named_last_before_a_sentence_holds_for_it() -> None:
    assert gate.years_of(None, "2023年建成。2024年，全区扩大了规模。") == {2024.0}
    assert gate.years_of("2025-03", "共种树2000棵。") == {2025.0}


def test_the_title_lends_names_and_words_but_no_figures() -> None:
    assert kinds("青岭共有AED设备640台。", "全市总数达到640台。", around="青岭市布设AED设备") == []
    assert kinds("青岭共有AED设备640台。", "全市总数很多。", around="青岭布设640台AED设备") == ["number"]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_a_text_bears_out_itself_whatever_stands_around_it(sentence: str, more: str) -> None:
    hard = [fault for fault in gate.faults(sentence, f"{more}\n{sentence}\n{more}") if fault.hard]
    assert hard == []


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 10**7), st.sampled_from("天人次米元亩"))
def test_another_number_is_never_borne_out(number: int, unit: str) -> None:
    assert "number" in kinds(f"总数是{number + 1}{unit}。", f"总数是{number}{unit}。")
