"""Evidence becomes an answer whose numbers, quotes and citations agree; what the passages lack is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import settings
from rag.answering import Said, compose, refuse
from rag.answering.candidates import gather
from rag.answering.extractive import Extractive, chained, ends_open, listed, same, wrong
from rag.answering.reader import Reader
from rag.answering.rules import asked_by_title, off_topic, suiting, with_form
from rag.question import understand
from rag.types import Evidence, Hit, Reply, Turn

NIGHT = "2025年3月8日，青溪县科协在文化馆办起科普夜校，首期招收学员126人，每周二、周四晚上课。夜校开设急救、果树修剪、手机使用三门课。"
CLEAN = "青溪县水务局昨天公布，县城供水管网改造总投资860万元，9月底完工。工程由县水务局组织实施。"
STEPS = "防溺水要记住几点。一是不到陌生水域游泳。二是不独自下水。三是发现有人落水先喊人、打110。家长要看护好孩子。"
TABLE = "监测结果如下。\n| 监测点 | 水质类别 | 总磷(mg/L) |\n| --- | --- | --- |\n| 石桥头 | Ⅱ类 | 0.06 |\n| 老渡口 | Ⅳ类 | 0.27 |"


@cache
def reader() -> Reader:
    return Reader(settings.builtin_models())


def hit(text: str, n: int = 0, title: str = "", start: int = 0) -> Hit:
    return Hit(n, f"a{n}", f"{n}.txt", title, start, start + len(text), text, 0.9, heading=title)


def asked(question: str, *texts: str, has: bool = True) -> Reply:
    engine = Extractive(reader(), lambda term: has)
    return engine.reply(understand(question), [hit(text, i) for i, text in enumerate(texts)])


def agree(reply: Reply, texts: dict[str, str]) -> None:
    assert {int(n) for n in re.findall(r"\[(\d+)\]", reply.answer)} == {c.n for c in reply.citations}
    for citation in reply.citations:
        assert texts[citation.article_id][citation.start : citation.end] == citation.quote


def test_a_fact_is_answered_by_its_sentence_with_the_exact_words() -> None:
    reply = asked("夜校首期招收了多少学员？", CLEAN, NIGHT)
    assert "126人" in reply.answer and reply.short_answer == "126人" and not reply.refused
    agree(reply, {"a0": CLEAN, "a1": NIGHT})


def test_the_steps_of_a_list_come_whole_and_in_order() -> None:
    answer = asked("防溺水要注意哪些？", NIGHT, STEPS).answer
    places = [answer.find(step) for step in ("陌生水域", "独自下水", "打110")]
    assert -1 not in places and places == sorted(places)


def test_what_semicolons_join_is_told_whole() -> None:
    rules = "景区提醒游客：离岸边两米以上；不要投喂水鸟；不要追赶。湖边设了护栏。"
    reply = asked("游客在景区要注意什么？", rules)
    assert all(rule in reply.answer for rule in ("两米以上", "投喂", "追赶"))
    candidates = gather([hit(rules)])
    assert [chained(candidates, i) for i in range(len(candidates))] == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [3]]


def test_a_row_of_a_table_is_read_with_the_names_of_its_columns_and_quoted_as_it_stands() -> None:
    reply = asked("老渡口的总磷是多少？", TABLE)
    assert "总磷(mg/L)" in reply.answer and "0.27" in reply.answer and "|" not in reply.answer
    assert reply.citations[0].quote.startswith("| 老渡口")
    agree(reply, {"a0": TABLE})


def test_what_stands_nowhere_is_named() -> None:
    reply = asked("锦云湖小学的航模队拿了第几名？", NIGHT, CLEAN, has=False)
    assert reply.refused and reply.reason == "absent_term" and not reply.citations
    assert "锦云湖" in reply.answer


def test_a_question_about_something_else_is_refused_and_names_the_nearest() -> None:
    reply = asked("火箭发射时为什么要倒计时？", NIGHT, CLEAN)
    assert reply.refused and reply.reason == "no_evidence" and len(reply.nearest) <= 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("本报讯（记者 张三）观鸟节将于11月9日举行。", "观鸟节将于11月9日举行。"),
        ("本報訊 觀鳥節將於11月9日舉行。", "觀鳥節將於11月9日舉行。"),
        ("新华社成都2月1日电 大桥昨日通车。", "大桥昨日通车。"),
        ("● 先关掉燃气阀门。", "先关掉燃气阀门。"),
        ("本报记者昨日登上大桥。", "本报记者昨日登上大桥。"),
    ],
)
def test_what_stands_before_a_report_is_not_quoted(text: str, said: str) -> None:
    (candidate,) = gather([hit(text, start=7)])
    assert candidate.text == said == text[candidate.start - 7 : candidate.end - 7]


def test_a_passage_that_speaks_of_nothing_asked_about_is_no_topic_of_the_question() -> None:
    candidates = gather([hit("圈养的大熊猫有375只，野外的有1864只。")])
    suits = np.zeros(len(candidates))
    assert all(off_topic(understand("我家邻居养了几只猫？"), candidates, suits))
    assert not any(off_topic(understand("圈养的大熊猫有几只？"), candidates, suits))


def test_the_last_lines_of_a_story_are_about_what_it_tells_of_where_they_have_the_very_figure() -> None:
    told = hit("青溪县的油茶今年丰收，榨油坊从早忙到晚。")
    last = replace(hit("目前种植面积为120亩，分布在两个村。", start=100), passage_id=7)
    question = understand("青溪县的油茶种了多少亩？")
    candidates = gather([told, last])
    assert off_topic(question, candidates, suiting(question, candidates)) == [False, False]
    alone = gather([last])
    assert off_topic(question, alone, suiting(question, alone)) == [True]


def test_what_is_told_of_another_name_is_no_topic_of_the_question() -> None:
    candidates = gather([hit("改造工程11月开工，总投资860万元。", title="青溪县供水管网改造")])
    for question, off in (("柳湾物流港总投资多少钱？", True), ("青溪县的改造工程总投资多少钱？", False)):
        asked = understand(question)
        assert off_topic(asked, candidates, suiting(asked, candidates)) == [off]


def test_what_to_do_is_told_where_that_is_asked_and_where_it_was_read_is_no_answer() -> None:
    lightning = "打雷也有好处，能给土地带来氮肥。打雷时不要站在大树下，不要打伞。资料来源：《气象防灾手册》。"
    reply = asked("打雷的时候要注意什么？", lightning)
    assert reply.answer.startswith("打雷时不要站在大树下") and "手册" not in reply.answer
    assert "资料来源" in asked("资料来源是什么？", lightning).answer


def test_the_whole_is_the_figure_and_not_a_part_that_nobody_asked_for() -> None:
    survey = "第二次调查的结果是全县有白鹭1596只，其中东湖1206只，西湖273只。"
    whole = asked("第二次调查全县有多少只白鹭？", survey)
    assert whole.short_answer and "1596" in whole.short_answer
    part = asked("第二次调查东湖有多少只白鹭？", survey)
    assert part.short_answer and "1206" in part.short_answer


def test_a_figure_of_another_sort_is_less_than_fit_and_more_than_none() -> None:
    question = understand("胸外按压的速度是多少？")
    suits = suiting(question, gather([hit("胸外按压每分钟100至120次。"), hit("胸外按压要用掌根。", 1)]))
    assert suits[0] > 0.3 >= suits[1]
    assert suiting(understand("培训有几天？"), gather([hit("培训会有170人参加。")]))[0] <= 0.3


def test_where_no_figure_stands_in_the_likeliest_sentence_its_article_gives_it() -> None:
    question = understand("科普培训一共几天？")
    candidates = gather([hit("11月21日，科普培训在县里开班。为期两天的培训很实在。"), hit("茶园休整了三天。", 1)])
    suits = suiting(question, candidates)
    formed = with_form(question, candidates, np.array([0.8, 0.05, 0.03]), suits)
    assert suits[0] < 0.5 <= suits[1]
    assert formed.argmax() == 1 and formed[0] < 0.1 and formed[2] == 0.03
    assert with_form(understand("谁办的培训？"), candidates, np.array([0.8, 0.05, 0.03]), np.ones(3)).argmax() == 0


def test_no_passages_are_no_evidence() -> None:
    assert asked("夜校招收了多少学员？").reason == "no_evidence"


def test_markers_in_an_articles_own_words_count_for_nothing() -> None:
    text = "据文献[1]记载，青溪大桥建于1952年。"
    reply = compose(understand("青溪大桥建于哪年？"), [Evidence(hit(text), 0, len(text), text, 0.9)])
    assert re.findall(r"\[(\d+)\]", reply.answer) == ["1"] and "［1］" in reply.answer
    agree(reply, {"a0": text})


def test_a_correction_stands_beside_what_it_corrects() -> None:
    first = "来自6个区县的312支队伍参加了青溪市机器人大赛。"
    put_right = "本报3月2日《青溪市机器人大赛收官》一文中，“312支队伍”应为“321支队伍”。特此更正。"
    engine = Extractive(reader(), lambda term: True)
    reply = engine.reply(understand("青溪市机器人大赛有多少支队伍参加？"), [hit(first, 0), hit(put_right, 1, "更正")])
    assert "321" in reply.answer and "312" in reply.answer and len(reply.conflicts) == 1
    agree(reply, {"a0": first, "a1": put_right})


def test_a_correction_is_known_by_the_headline_that_it_names() -> None:
    story = hit("312支代表队、1040名学生参加。", 0, "青溪市机器人大赛收官")
    put_right = hit("本报3月2日《青溪市机器人大赛收官》一文中，“312支”应为“321支”。特此更正。", 1, "更正")
    reply = Extractive(reader(), lambda term: True).reply(
        understand("青溪市机器人大赛有多少支代表队？"), [story, put_right]
    )
    assert len(reply.conflicts) == 1 and reply.answer.index("321") < reply.answer.index("1040")


def test_a_story_that_has_the_figure_right_contradicts_no_correction() -> None:
    story = "青溪市机器人大赛3月2日收官，来自6个区县的321支队伍参加了青溪市机器人大赛。"
    put_right = "本报3月1日《青溪市机器人大赛开赛》一文中，“312支队伍”有误，应为“321支队伍”。特此更正。"
    engine = Extractive(reader(), lambda term: True)
    hits = [hit(story, 0), hit(put_right, 1, "更正")]
    reply = engine.reply(understand("青溪市机器人大赛有多少支队伍参加？"), hits)
    assert "321" in reply.answer and not reply.conflicts
    alone = engine.reply(understand("青溪市机器人大赛有多少支队伍参加？"), hits[1:])
    assert "312" not in (alone.short_answer or ""), "what was wrong is no answer"
    assert wrong(put_right) >= {"312"} and "321" not in wrong(put_right)


@given(st.lists(st.text("水稻油菜123。，！？[]()（）“”\n ", min_size=1, max_size=40), min_size=1, max_size=5))
def test_any_sentences_compose_to_an_answer_whose_citations_agree(texts: list[str]) -> None:
    hits = [hit(text, i) for i, text in enumerate(texts)]
    said = [Said(c.text, (c.evidence(0.5),)) for c in gather(hits)]
    agree(compose(understand("水稻怎么种？"), said), {f"a{i}": text for i, text in enumerate(texts)})


def test_a_refusal_has_no_citations_but_for_a_false_premise() -> None:
    question = understand("夜校为什么停办？")
    assert not refuse(question, "no_evidence").citations
    told = refuse(question, "false_premise", instead=Said(NIGHT[:40], (Evidence(hit(NIGHT), 0, 40, NIGHT[:40], 0.9),)))
    assert told.refused and told.reason == "false_premise" and len(told.citations) == 1


def test_small_helpers() -> None:
    assert same("全市共有三百二十所学校", "全市共有三百二十所学校。") and not same("水稻扬花", "油菜花开")
    assert ends_open("口诀是：") and not ends_open("口诀。")
    candidates = gather([hit(STEPS)])
    at = next(i for i, c in enumerate(candidates) if c.text.startswith("二是"))
    assert [candidates[i].text[:2] for i in listed(candidates, at)] == ["防溺", "一是", "二是", "三是"]


@pytest.mark.parametrize(
    ("question", "history", "carried"),
    [
        ("那阅读量呢？", Turn("青溪县科协去年发了多少篇推文？", "1900余篇。"), "青溪县科协"),
        ("他是哪个单位的？", Turn("防汛讲座是谁讲的？", "罗以宁高级工程师。"), "罗以宁"),
    ],
)
def test_a_follow_up_carries_over_what_it_leans_on(question: str, history: Turn, carried: str) -> None:
    whole = understand(question, [history])
    assert carried in whole.text and whole.rewritten == whole.text
    assert understand(question).rewritten is None


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("夜校招收了多少学员", "how_many"), ("管网哪天完工", "when"), ("讲座是谁讲的", "who"), ("活动在哪儿办的", "where"),
        ("为什么要倒计时", "why"), ("被烫伤了怎么办", "how"), ("有哪些要求", "list"), ("什么是烈度", "definition"),
    ],
)  # fmt: skip
def test_what_a_question_wants_is_read_from_its_words(question: str, kind: str) -> None:
    assert understand(question).kind == kind


def test_a_figure_that_no_sentence_gives_is_refused() -> None:
    assert asked("夜校的预算是多少万元？", NIGHT).refused


def test_a_figure_of_another_year_is_not_given_for_the_year_asked() -> None:
    assert asked("青溪县科协2023年的夜校首期招收了多少学员？", NIGHT).refused
    assert "126人" in asked("青溪县科协2025年的夜校首期招收了多少学员？", NIGHT).answer


def test_an_article_whose_title_asks_the_question_is_trusted_to_answer_it() -> None:
    def asked(question: str, *titles: str) -> list[bool]:
        return asked_by_title(
            understand(question), gather([hit("蓝光散得最厉害。", n, title) for n, title in enumerate(titles)])
        )

    assert asked("为什么天是蓝的", "天为什么是蓝的，夕阳为什么是红的", "天问一号", "蓝天保卫战怎么打") == [
        True,
        False,
        False,
    ]
    assert asked("枫叶咋会红", "楓葉為甚麼會變紅") == [True]
    assert asked("天是蓝的吗", "天为什么是蓝的") == [False]
