"""Whether two questions ask the same: by the word that each has and the other lacks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.alike import groups, same, together
from rag.question import understand

DIFFERENT = (
    ("成华区科协2025年的科普预算是多少？", "成华区科协2024年的科普预算是多少？"),
    ("成华区科协2025年的科普预算是多少？", "锦江区科协2025年的科普预算是多少？"),
    ("气象站有多少职工", "气象站有多少设备"),
    ("元宝枫怎么种", "元宝枫什么时候开花"),
    ("胸外按压要按多深", "胸外按压要按多快"),
    ("县图书馆几点开门", "县图书馆几点关门"),
    ("县图书馆几点开门", "县图书馆在哪里"),
    ("县图书馆在哪里", "县图书馆有哪些课程"),
    ("县图书馆在哪里", "县图书馆怎么去"),
    ("大邑县博物馆在哪里", "青岭县博物馆在哪里"),
    ("柳溪镇夜校有哪些课", "青岭镇夜校有哪些课"),
    ("邛崃市医院怎么去", "邛崃市医院怎么申请资助"),
    ("老年人能打流感疫苗吗", "孩子能打流感疫苗吗"),
    ("洪水来了怎么办", "地震来了怎么办"),
    ("怎么申请企业科协建设资助？", "怎么申请学校科协建设资助？"),
    ("被蛇咬了怎么办", "被狗咬了怎么办"),
    ("3岁孩子发烧怎么办", "30岁的人发烧怎么办"),
)
ALIKE = (
    ("元宝枫怎么种、怎么管？", "请问元宝枫如何种植和管理"),
    ("怎么申请企业科协建设资助？", "企业科协建设资助如何申请"),
    ("洪水来了怎么办", "发洪水的时候应该怎么做？"),
    ("简阳科普进校园一共去了多少所学校？", "简阳市科普进校园活动走进了几所学校"),
    ("气象站有多少职工", "气象站职工有几名？"),
    ("胸外按压要按多深", "给人做胸外按压按压深度是多少"),
    ("老年人能打流感疫苗吗", "流感疫苗老年人可以接种吗"),
    ("县图书馆几点开门", "县图书馆什么时候开放"),
)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_a_word_that_each_has_and_the_other_lacks_tells_two_questions_apart(a: str, b: str) -> None:
    asked, other = understand(a), understand(b)
    assert not together(asked, other)
    assert not same(asked, other)


@pytest.mark.parametrize(("a", "b"), ALIKE)
def test_a_question_asked_differently_is_counted_with_it(a: str, b: str) -> None:
    assert together(understand(a), understand(b))
    assert together(understand(b), understand(a))


def test_only_what_says_nothing_more_and_nothing_less_is_the_same() -> None:
    asked = understand("气象站有多少职工")
    assert same(asked, understand("气象站职工有几名？"))
    assert not same(asked, understand("青岭县气象站有多少职工"))
    longer = understand("给人做胸外按压按压深度是多少")
    assert together(understand("胸外按压要按多深"), longer) and not same(understand("胸外按压要按多深"), longer)


@settings(max_examples=30, deadline=None)
@given(st.permutations([q for pair in DIFFERENT[:4] + ALIKE for q in pair]))
def test_every_question_is_in_one_group_and_agrees_with_its_first(texts: list[str]) -> None:
    meant = [understand(t) for t in texts]
    found = groups(meant)
    assert sorted(i for group in found for i in group) == list(range(len(texts)))
    assert all(together(meant[group[0]], meant[i]) for group in found for i in group)


def test_places_things_and_what_is_asked_of_them_are_never_mixed() -> None:
    places = "成华区 锦江区 简阳市 旺苍县 青岭县 柳溪镇 大邑县 邛崃市".split()
    things = "气象站 图书馆 夜校 茶园 科技馆 水库 稻田 医院".split()
    asks = "有多少职工 什么时候开放 在哪里 怎么申请资助 为什么停业 的预算是多少 有哪些课程 谁负责".split()
    texts = [f"{place}{thing}{ask}" for place in places for thing in things for ask in asks]
    found = groups([understand(t) for t in texts])
    assert [[texts[i] for i in group] for group in found if len(group) > 1] == []
