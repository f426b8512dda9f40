"""What is asked is understood: its kind, what it must not ignore, and what a follow-up leaves unsaid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import EmptyQuestion, QuestionTooLong
from rag.followups import faithful, leans
from rag.question import understand
from rag.settings import MAX_QUESTION
from rag.types import Turn
from rag.words import say


@pytest.mark.parametrize("typed", ["", "  ", "？！。", "\u202e\u200b"])
def test_a_question_without_words_is_named_as_such(typed: str) -> None:
    with pytest.raises(EmptyQuestion):
        understand(typed)


def test_a_pasted_page_is_too_long() -> None:
    with pytest.raises(QuestionTooLong) as caught:
        understand("问" * (MAX_QUESTION + 1))
    assert caught.value.fields["length"] == MAX_QUESTION + 1


@pytest.mark.parametrize(
    ("typed", "kind", "short"),
    [
        ("梅溪县种了多少亩油茶？", "how_many", True),
        ("油茶节是哪天开幕的", "when", True),
        ("负责育种的教授是谁", "who", True),
        ("比赛在哪个体育馆办的", "where", True),
        ("什么是堆肥", "definition", True),
        ("柑橘为啥会裂果", "why", False),
        ("被毒蛇咬了怎么办", "how", False),
        ("堆肥有哪些好处", "list", False),
        ("红壤和黄壤有什么区别", "compare", False),
        ("鸡蛋能不能和豆浆一起吃", "yes_no", False),
    ],
)
def test_the_kind_of_a_question(typed: str, kind: str, short: bool) -> None:
    asked = understand(typed)
    assert (asked.kind, asked.wants_short) == (kind, short)


def test_invisible_marks_go_and_the_script_stays() -> None:
    asked = understand("油茶\u202e節\x00是\u200b哪天？")
    assert "\u202e" not in asked.text
    assert "\x00" not in asked.text
    assert "節" in asked.text
    assert asked.rewritten is None


def test_traditional_and_wide_words_weigh_as_the_plain_ones() -> None:
    assert dict(understand("ＡＩ課程的講師").terms).keys() == dict(understand("AI课程的讲师").terms).keys()


@pytest.mark.parametrize(
    ("typed", "must"),
    [
        ("《梅溪志》写了什么", "梅溪志"),
        ("“绿盾”行动查了几家厂", "绿盾"),
        ("XZ-17号菌株是谁分离的", "xz-17"),
        ("2019年的产量是多少", "2019"),
        ("钱怀玉教授研究什么", "钱怀玉"),
        ("投入1000亿元做什么", "1000亿元"),
    ],
)
def test_names_codes_figures_and_titles_must_not_be_ignored(typed: str, must: str) -> None:
    assert must in understand(typed).must


FESTIVAL = (Turn("梅溪县的油茶节是谁主持的？", "钱怀玉教授。"),)
AREA = (Turn("梅溪县2023年的油茶种植面积是多少？", "3.2万亩。"),)


@pytest.mark.parametrize(
    ("before", "typed", "holds"),
    [
        (FESTIVAL, "他是哪所大学的？", ["钱怀玉", "大学"]),
        (FESTIVAL, "在哪里办的？", ["油茶节", "哪里"]),
        (AREA, "那总产量呢？", ["梅溪县", "2023年", "总产量"]),
        (AREA, "那云岭县呢？", ["云岭县", "油茶种植面积"]),
    ],
)
def test_a_follow_up_is_made_whole_and_shown(before: tuple[Turn, ...], typed: str, holds: list[str]) -> None:
    asked = understand(typed, before)
    assert asked.rewritten == asked.text
    assert all(word in asked.text for word in holds), asked.text


def test_what_is_swapped_out_does_not_come_along() -> None:
    assert "梅溪县" not in understand("那云岭县呢？", AREA).text


def test_words_carried_over_weigh_less_than_those_asked_now() -> None:
    weights = dict(understand("那总产量呢？", AREA).terms)
    assert weights["梅溪县"] < 1.0


@pytest.mark.parametrize("typed", ["云岭县有几座水库？", "被毒蛇咬了应该怎么急救处理？", "《梅溪志》是谁编的"])
def test_a_change_of_topic_is_left_alone(typed: str) -> None:
    assert understand(typed, FESTIVAL).rewritten is None


@pytest.mark.parametrize("typed", ["月季花几月开", "地震怎么逃生", "红薯怎么存", "地震了在高楼里该往哪儿躲"])
def test_a_short_question_about_another_thing_takes_nothing_along(typed: str) -> None:
    assert understand(typed, FESTIVAL).rewritten is None


@pytest.mark.parametrize("typed", ["门票多少钱", "负责人是谁", "停车场在哪", "细分图谱有几张", "这个节办了几届"])
def test_what_a_thing_has_is_asked_of_the_thing_before(typed: str) -> None:
    assert "油茶节" in understand(typed, FESTIVAL).text


def test_after_a_refusal_nothing_is_left_standing() -> None:
    refused = (Turn("油茶节的门票多少钱？", say("refusals.no_evidence")),)
    assert understand("在哪里办的？", refused).rewritten is None
    assert "油茶节" in understand("它在哪里办的？", refused).text, "but a pronoun stands for something"


@given(st.text(max_size=60), st.text(max_size=40))
def test_no_question_breaks_it(typed: str, before: str) -> None:
    try:
        asked = understand(typed, (Turn(before, before),))
    except EmptyQuestion:
        return
    assert asked.asked == typed
    assert asked.terms == tuple(dict(asked.terms).items())
    assert all(0 <= weight <= 1 for _, weight in asked.terms)


# ---------------------------------------------------------------- made whole by another, a language model


@pytest.mark.parametrize(
    ("typed", "before", "may"),
    [
        ("那总产量呢？", AREA, True),
        ("他是哪所大学的？", FESTIVAL, True),
        ("一般都是在每年的几月份开始着手准备和报名的？", FESTIVAL, True),  # the rules can't tell
        ("云岭县有几座水库？", AREA, False),
        ("地震怎么逃生", FESTIVAL, False),
        ("那总产量呢？", (), False),
        ("在哪里办的？", (Turn("油茶节的门票多少钱？", say("refusals.no_evidence")),), False),
    ],
)
def test_what_may_lean_on_the_turns_before_is_told(typed: str, before: tuple[Turn, ...], may: bool) -> None:
    assert leans(typed, before) == may


@pytest.mark.parametrize(
    ("typed", "before", "rewrite"),
    [
        ("那总产量呢？", AREA, "梅溪县2023年的油茶总产量是多少？"),
        ("他是哪所大学的？", FESTIVAL, "钱怀玉教授是哪所大学的？"),
        ("那“金叶”号2024年呢？", AREA, "梅溪县“金叶”号油茶2024年的种植面积是多少？"),
    ],
)
def test_a_rewrite_that_keeps_to_what_was_said_is_taken(typed: str, before: tuple[Turn, ...], rewrite: str) -> None:
    assert faithful(rewrite, typed, before)


@pytest.mark.parametrize(
    ("typed", "before", "rewrite"),
    [
        ("那总产量呢？", AREA, "云溪县2023年的油茶总产量是多少？"),  # another's name
        ("那总产量呢？", AREA, "梅溪县2022年的油茶总产量是多少？"),  # another year
        ("那总产量呢？", AREA, "梅溪县2023年的“金叶”油茶总产量是多少？"),  # words in quotes from nowhere
        ("那总产量呢？", AREA, "总产量是多少？"),  # nothing carried over
        ("那总产量呢？", AREA, "油茶的总产量是多少？"),  # the rules carry a name over, this does not
        ("那总产量呢？", AREA, "梅溪县2023年的油茶种植面积是多少？"),  # the question before again
        ("那总产量呢？", AREA, "梅溪县2023年的油茶总产量是5万吨。"),  # an answer
        ("那2024年呢？", AREA, "梅溪县的油茶种植面积是多少？"),  # a figure of the question is lost
        ("他是哪所大学的？", FESTIVAL, "他是哪所大学的教授？"),  # it still points back
        ("他是哪所大学的？", FESTIVAL, "钱怀玉教授" * 30 + "是哪所大学的？"),
    ],
)
def test_a_rewrite_that_does_not_is_left(typed: str, before: tuple[Turn, ...], rewrite: str) -> None:
    assert not faithful(rewrite, typed, before)


def test_what_a_thing_is_said_to_be_is_not_carried_over() -> None:
    turn = Turn("为什么天是蓝的", "蓝光和紫光被撒满天空，天就是蓝的[1]。")
    assert understand("被开水烫了怎么处理", [turn]).text == "被开水烫了怎么处理"
