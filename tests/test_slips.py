"""Slips of typing: a common word is put right by its sound, a name is only offered, what the library has is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag.slips import name_alike, put_right, understood

TEXT = "青岭县建成高山气象站，站长陈登勇介绍了低空经济和心肺复苏。机器人大赛的成绩已经公布，第十五次联席会也开了。"


def has(text: str) -> Callable[[str], bool]:
    return lambda term: term in text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("高山汽象站在哪里？", "高山气象站在哪里？"),
        ("心肺复舒怎么做", "心肺复苏怎么做"),
        ("低空经剂是什么", "低空经济是什么"),
        ("机气人大赛谁赢了", "机器人大赛谁赢了"),
        ("第十五次连席会谁主持", "第十五次联席会谁主持"),
    ],
)
def test_a_common_word_is_put_right_by_its_sound(typed: str, meant: str) -> None:
    asked = understood(typed, (), has(TEXT))
    assert (asked.asked, asked.text, asked.rewritten) == (typed, meant, meant)


@pytest.mark.parametrize(
    "typed",
    [
        "高山气象站在哪里？",
        "两场大赛的成绩各是多少",  # 各是 is no word, and no slip for 各市
        "陈登永是谁",  # perhaps another person
        "机气人大赛谁赢了",  # nothing in the library sounds alike
    ],
)
def test_what_may_be_meant_as_it_stands_is_left_alone(typed: str) -> None:
    asked = understood(typed, (), has("" if "机气" in typed else TEXT))
    assert asked.text == typed
    assert asked.rewritten is None


@given(st.text("气汽象站各是省市的了大赛机器人，a1", max_size=12))
def test_a_text_keeps_its_length_and_what_the_library_has_stays(typed: str) -> None:
    assert len(put_right(typed, has(TEXT))) == len(typed)
    assert put_right(typed, lambda term: True) == typed


@pytest.mark.parametrize(
    ("name", "alike"), [("陈登永", "陈登勇"), ("陈登涌", "陈登勇"), ("陈登山", ""), ("勇", ""), ("abc", "")]
)
def test_a_name_that_sounds_alike_is_found(name: str, alike: str) -> None:
    assert name_alike(name, has(TEXT)) == alike


def test_two_names_that_sound_alike_are_none() -> None:
    assert name_alike("陈登永", has("陈登勇和陈登咏")) == ""


def test_the_reader_sees_what_was_put_right_and_which_name_there_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# 气象站\n\n大岭乡建成高山气象站，海拔1480米，站长是陈登勇。\n", "utf-8")
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / "a.txt"])
        reply = library.ask("大岭乡的高山汽象站海拔多少米？")
        assert reply.rewritten == "大岭乡的高山气象站海拔多少米？"
        assert "1480米" in reply.answer
        reply = library.ask("陈登永是哪里的站长？")
        assert reply.refused
        assert "“陈登永”，但有读音相近的“陈登勇”" in reply.answer
