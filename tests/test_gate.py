"""The gate: which sentences their evidence bears out, and which it does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering import gate
from rag.answering.quantities import with_unit, with_year

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
    assert with_unit("12", "12月的事故造成12人死亡。") == "12人"
    assert with_unit("12。", "事故造成12人死亡。") == "12人"
    assert with_unit("12", "号码是12。") == "12"
    assert with_unit("死亡12", "事故造成12人死亡。") == "死亡12"


def test_a_day_is_given_the_year_of_its_evidence() -> None:
    evidence = "潜艇2021年11月23日下水，2020年2月3日开工。"
    assert with_year("下水的时间是11月23日。", evidence) == "下水的时间是2021年11月23日。"
    assert with_year("11月23日", "潜艇11月23日下水。") == "11月23日"
    assert with_year("11月23日", "2020年11月23日和2021年11月23日都下过雪。") == "11月23日"
    for sentence in ("去年11月23日下水。", "2021年11月23日下水。", "2月3日开工，11月23日下水。", "11月下水。"):
        assert with_year(sentence, evidence) == sentence


GROUPS = "具体分组为：A组：四川、湖北 B组：山西、云南 E组：江苏、河南、福建 全国少年赛吉祥物也公布了。"


@pytest.mark.parametrize(
    ("sentence", "right"),
    [("河南在E组。", True), ("全国少年赛河南队在A组。", False), ("湖北队在B组。", False), ("福建队在E组。", True)],
)
def test_what_a_list_has_under_one_label_is_not_told_of_another(sentence: str, right: bool) -> None:
    assert (not gate.faults(sentence, GROUPS)) == right


def test_a_part_that_is_played_is_not_told_as_who_plays_it() -> None:
    cast = "话剧《清溪》主演介绍：领衔主演张国立饰：李建国，国家一级演员。"
    assert gate.faults("《清溪》的主演是李建国。", cast)
    assert not gate.faults("《清溪》的主演是张国立。", cast)
    assert not gate.faults("张国立在《清溪》中饰李建国。", cast)


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


# ---------------------------------------------------------------- more that a sentence can get wrong

PARTS = "第一步，2020年1月1日起，长江流域的332个保护区禁止捕捞。第二步，2021年1月1日起，长江干流实行为期10年的禁捕。"
RACE = "1997年5月，“深蓝”在六局比赛中以3.5比2.5战胜国际象棋世界冠军卡斯帕罗夫。"
TWO = "青岭市急救中心新布设220台急救设备，全部接入小程序。\n种植面积为120亩，分布在云溪县和南坪区的4个合作社。"
RATES = "我国儿童近视率2018年是53.6%，2022年是51.9%。"


@pytest.mark.parametrize(
    ("sentence", "evidence", "kind"),
    [
        ("2021年1月1日起，长江流域的332个保护区禁止捕捞。", PARTS, "mixed"),
        ("1997年5月，卡斯帕罗夫在六局比赛中战胜“深蓝”。", RACE, "mixed"),
        ("新布设的220台急救设备分布在云溪县和南坪区的4个合作社。", TWO, "mixed"),
        ("我国儿童近视率2018年是51.9%，2022年是53.6%。", RATES, "mixed"),
        ("世界自然保护联盟把等级由“易危”调为“濒危”。", "世界自然保护联盟把等级由“濒危”调为“易危”。", "mixed"),
        ("2022年4月1日起实施。", "标准（GB 5749—2022）自2023年4月1日起实施。", "date"),
        ("直径不大于2.5毫米。", "PM2.5是指直径不大于2.5微米的颗粒物。", "unit"),
        ("最高车速不超过每分钟25公里。", "最高车速不超过每小时25公里。", "unit"),
        ("我国是第四个发射卫星的国家。", "我国是第五个发射卫星的国家，前面有4个国家。", "number"),
        ("约公元256年，李冰修建了都江堰。", "约公元前256年，李冰修建了都江堰。", "date"),
        ("在第0、3、7、14、21天各打1剂。", "在第0、3、7、14、28天各打1剂，或第7天和第21天。", "number"),
        ("讲座在资阳市图书馆举行。", "讲座在资阳市委党校举行。", "name"),
        ("它出自微软的研究人员。", "它出自谷歌的研究人员2017年的论文。", "name"),
        ("人吃了病树的果子，会得病。", "人接触病树、吃病树的果子，不会得病。", "negation"),
        ("活动不免费。", "活动免费，但不接受现场报名。", "negation"),
        ("江豚的数量减少到1249头。", "江豚的数量增加到1249头。", "negation"),
        ("总数已经超过1900只。", "总数已经接近1900只。", "strong"),
        ("空气质量指数测出所有污染物。", "空气质量指数测出六种污染物的浓度，各算出一个分指数。", "strong"),
    ],
)
def test_what_is_mixed_up_turned_round_or_overdone_is_named(sentence: str, evidence: str, kind: str) -> None:
    assert kind in kinds(sentence, evidence)


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("2022年我国儿童近视率为51.9%，2018年为53.6%。", RATES),
        ("卡斯帕罗夫1997年5月在六局比赛中被“深蓝”战胜。", RACE),
        ("长江流域332个保护区从2020年1月1日起禁止捕捞，长江干流2021年1月1日起实行为期10年的禁捕。", PARTS),
        ("芥酸含量不得超过3.0%。", "芥酸含量不大于3.0%。"),
        ("一年有7个月是旱季。", "全年有7个月是旱季。"),
        ("培训举行了两天。", "培训于11月19日至20日举行。"),
        ("青岭现有设备640台。", "目前全市设备总数达到640台。"),
        ("发改委印发了方案。", "国家发展和改革委员会印发了方案。"),
        ("沟坑面积不超过百分之十。", "沟坑占稻田面积的比例不超过10%。"),
        ("会议于2025-02-21召开。", "会议于2025年2月21日召开。"),
        ("不要顺着沟跑，要往两岸跑。", "不要顺着沟跑，也不要停留，要往沟两岸跑。"),
    ],
)
def test_an_honest_rewording_is_let_pass(sentence: str, evidence: str) -> None:
    assert kinds(sentence, evidence) == []


def test_a_sentence_in_the_evidences_own_words_is_never_mixed_up() -> None:
    for line in PARTS.split("。")[:-1]:
        assert kinds(f"{line}。", PARTS) == []
    told = "陈某对指控全部承认，案件未当庭宣判。"
    assert kinds(told, f"昨日开庭。{told}") == []
