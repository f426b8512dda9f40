"""What asks for several things is asked for apart, and each gets its sentence."""

from __future__ import annotations

import pytest

from rag import given
from rag.twofold import parts


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        (
            "河湾油田2021年和2022年的油气产量分别是多少？",
            ("河湾油田2021年的油气产量是多少", "河湾油田2022年的油气产量是多少"),
        ),
        ("2021年四川和重庆粮食分别增产了多少？", ("2021年四川粮食增产了多少", "2021年重庆粮食增产了多少")),
        ("去年中考和高考报名人数各是多少？", ("去年中考报名人数是多少", "去年高考报名人数是多少")),
        ("2022和2023年科技节冠军分别是哪支队", ("2022年科技节冠军是哪支队", "2023年科技节冠军是哪支队")),
        ("《长河》的主演和导演是谁？", ("《长河》的主演是谁", "《长河》的导演是谁")),
        ("成华区科协和武侯区科协各有几场讲座？", ("成华区科协有几场讲座", "武侯区科协有几场讲座")),
        ("小麦与水稻的亩产各是多少？", ("小麦的亩产是多少", "水稻的亩产是多少")),
        ("这次地震有多少级，造成多少人受伤？", ("这次地震有多少级", "这次地震造成多少人受伤")),
        ("夏令营的时间和地点", ("夏令营的时间", "夏令营的地点")),
        (
            "培训班的时间、地点和报名电话是什么",
            ("培训班的时间是什么", "培训班的地点是什么", "培训班的报名电话是什么"),
        ),
        ("第十届和第十一届科技节的主题是什么", ("第十届科技节的主题是什么", "第十一届科技节的主题是什么")),
        ("桃源县龙舟赛和绵阳市马拉松开赛时间", ("桃源县龙舟赛开赛时间", "绵阳市马拉松开赛时间")),
        (
            "科技运动会女子团体和男子团体冠军是谁",
            ("科技运动会女子团体冠军是谁", "科技运动会男子团体冠军是谁"),
        ),
        ("全省乒乓球赛男女单打冠军是谁", ("全省乒乓球赛男子单打冠军是谁", "全省乒乓球赛女子单打冠军是谁")),
        ("ABC2022和2023的举办地", ("abc2022的举办地", "abc2023的举办地")),
        ("重庆和成都有多少家医院", ("重庆有多少家医院", "成都有多少家医院")),
        ("小麦和水稻的平均亩产是多少", ("小麦的平均亩产是多少", "水稻的平均亩产是多少")),
        ("青山合作社和红星合作社各有多少社员", ("青山合作社有多少社员", "红星合作社有多少社员")),
        ("感冒和流感是什么", ("感冒是什么", "流感是什么")),
        ("科学和技术是什么关系？", ()),
        ("水稻和油菜怎么轮作？", ()),
        ("谁在什么时候发明了电话？", ()),
        ("航天育种和转基因有什么区别？", ()),
        ("大熊猫吃什么？", ()),
        ("狮子和老虎都是什么科的动物", ()),
        ("县科协和农技站联合办的讲座在哪里", ()),
        ("科技和创新", ()),
    ],
)
def test_several_things_asked_are_asked_for_apart(question: str, asked: tuple[str, ...]) -> None:
    assert parts(question) == asked


def test_words_that_articles_have_as_one_name_are_not_taken_apart() -> None:
    question = "住房和城乡建设局在哪里办公"
    assert parts(question, "青溪县住房和城乡建设局迁址".__contains__) == ()
    assert len(parts(question)) == 2


@pytest.mark.parametrize(
    ("question", "told", "asked"),
    [
        (
            "北斗系统和空间站什么时候建成",
            "北斗系统已经建成。空间站也已建成。",
            ("北斗系统什么时候建成", "空间站什么时候建成"),
        ),
        (
            "中国天眼和高海拔宇宙线观测站在哪里",
            "“中国天眼”在平塘。高海拔宇宙线观测站在稻城。",
            ("中国天眼在哪里", "高海拔宇宙线观测站在哪里"),
        ),
    ],
)
def test_what_belongs_to_one_of_the_two_alone_is_known_from_the_articles(
    question: str, told: str, asked: tuple[str, ...]
) -> None:
    assert parts(question, told.__contains__) == asked


DRAGON = "桃源县第九届龙舟赛将于6月10日上午在沅江边开赛，共有36支队伍报名。"
RUN = "绵阳市马拉松将于11月5日在人民广场开赛，8000名选手报名。"


def test_each_thing_gets_its_own_sentence_in_the_order_asked() -> None:
    reply = given.read("绵阳市马拉松和桃源县龙舟赛开赛时间", [DRAGON, RUN])
    assert [c.quote for c in reply.citations] == [RUN, DRAGON]


def test_one_sentence_that_tells_both_is_said_once() -> None:
    both = "讲座定于3月12日下午两点，地点在县图书馆三楼报告厅。"
    reply = given.read("讲座的时间和地点", [both, DRAGON])
    assert [c.quote for c in reply.citations] == [both]


def test_what_was_not_found_of_several_things_is_said() -> None:
    reply = given.read("龙舟赛和自行车赛各有多少支队伍报名", [DRAGON, RUN])
    assert [c.quote for c in reply.citations] == [DRAGON]
    assert reply.note and "自行车赛" in reply.note and "龙舟赛" not in reply.note
    assert given.read("龙舟赛有多少支队伍报名", [DRAGON, RUN]).note is None
