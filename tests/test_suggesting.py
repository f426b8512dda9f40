"""Questions that lead on from an answer: what articles can be asked, and that each is tried before it is offered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from rag.chat.suggesting import ideas, leading_on
from rag.errors import LibraryLocked
from rag.types import Article, Citation, Filter, Reply

STATION = Article(
    "a1", "a.txt", "青岭县气象站建成", "青岭县气象站有12名职工，每天发布两次预报。站长姓李。", column="地方"
)
TEA = Article("a2", "b.txt", "老茶园怎样改造", "柳溪镇把300亩老茶园改成了生态茶园。", column="地方")
NONE = Reply("", "")


def article(text: str) -> Article:
    return Article("a1", "a.txt", "青岭县气象站", text)


def test_a_headline_that_asks_is_a_question() -> None:
    assert next(ideas(TEA, NONE)).question == "老茶园怎样改造？"


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("青岭县气象站有12名职工。", "青岭县气象站有多少名职工？"),
        ("全年下来，青岭县气象站发布预报超过700次。", "青岭县气象站发布预报多少次？"),
        ("青岭县气象站占地约3.5万平方米。", "青岭县气象站占地多少平方米？"),
    ],
)
def test_a_figure_is_asked_for(text: str, question: str) -> None:
    assert [idea.question for idea in ideas(article(text), NONE)] == [question]


@pytest.mark.parametrize(
    "text",
    [
        "其中气象站有12名职工。",  # leans on the sentence before
        "全县一共种了12棵银杏树。",  # the headline names no such thing
        "青岭县气象站2025年3月5日投用。",  # a date counts nothing
        "青岭县气象站有12名职工和3台设备。",  # which of the two?
        "青岭县气象站要办三件事。",
    ],
)
def test_what_would_not_stand_alone_is_not_asked(text: str) -> None:
    assert list(ideas(article(text), NONE)) == []


def test_what_was_just_cited_is_not_asked() -> None:
    text = "青岭县气象站有12名职工。"
    reply = Reply("", "", citations=(Citation(1, text, 0, len(text), True, "a1"),))
    assert list(ideas(article(text), reply)) == []


def shelf(answer: Callable[..., Reply]) -> Any:
    both = [STATION, TEA]
    return SimpleNamespace(
        articles=lambda only, **more: [a for a in both if a.article_id in only.article] if only.article else both,
        ask=answer,
    )


def answering(question: str, **more: Any) -> Reply:
    """The tea gardens are answered from the wrong article, the station from its own."""
    one = STATION if "气象站" in question or "茶园" in question else TEA
    return Reply(question, "有12名职工[1]。", citations=(Citation(1, "12名", 0, 3, True, one.article_id),))


AT = STATION.text.index("站长")
ABOUT_BOTH = Reply("", "", citations=(Citation(1, "站长姓李。", AT, AT + 5, True, "a1"),))


def test_only_what_the_library_answers_from_that_article_is_offered() -> None:
    assert leading_on(shelf(answering), ABOUT_BOTH, [], Filter(), lambda: False) == ["青岭县气象站有多少名职工？"]


def test_a_figure_that_comes_out_otherwise_is_not_offered() -> None:
    def wrong(question: str, **more: Any) -> Reply:
        return Reply(question, "有13名职工[1]。", citations=(Citation(1, "13名", 0, 3, True, "a1"),))

    assert leading_on(shelf(wrong), ABOUT_BOTH, [], Filter(), lambda: False) == []


def test_what_was_asked_already_is_not_offered_again() -> None:
    asked = ["青岭县气象站有多少名职工"]
    assert leading_on(shelf(answering), ABOUT_BOTH, asked, Filter(), lambda: False) == []


def test_a_reader_who_asks_on_is_not_waited_for() -> None:
    went_on = threading.Event()

    def slow(question: str, *, stop: Callable[[], bool], **more: Any) -> Reply:
        went_on.set()
        assert stop()
        return Reply(question, "", stopped=True)

    assert leading_on(shelf(slow), ABOUT_BOTH, [], Filter(), went_on.is_set) == []


def test_a_library_that_cannot_answer_now_offers_nothing() -> None:
    def locked(question: str, **more: Any) -> Reply:
        raise LibraryLocked(library="x")

    assert leading_on(shelf(locked), ABOUT_BOTH, [], Filter(), lambda: False) == []
