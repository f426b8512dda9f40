"""What an article's record, a table or a gloss says is answered by its form; other questions are left to the learned choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.answering import attributes
from rag.answering.candidates import gather
from rag.question import understand
from rag.types import Hit

STORY = "青溪县首届果蔬节昨天开幕，迎来3000名游客。（本报记者 柳青禾）\n果蔬节上的南瓜王。何谷 摄"
TABLE = "各点水质如下。\n| 监测点 | 类别 | 溶解氧(mg/L) |\n| --- | --- | --- |\n| 石桥头 | Ⅱ类 | 8.06 |\n| 老渡口 | Ⅳ类 | 4.27 |\n| 下河湾 | Ⅲ类 | 6.1 |"
AED = "急救中心新布设了20台自动体外除颤器（AED），市民可以查到最近的一台。"


def hit(text: str, author: str | None = None) -> Hit:
    return replace(Hit(0, "a0", "a0.txt", "果蔬节开幕", 0, len(text), text, 0.9), author=author)


def told(question: str, text: str, author: str | None = None) -> tuple[str, str | None] | None:
    candidates = gather([hit(text, author)])
    found = attributes.told(understand(question), candidates)
    return None if found is None else (found.says or candidates[found.candidate].text, found.exact)


def test_who_wrote_a_report_is_answered_by_its_byline() -> None:
    answer = told("果蔬节那篇报道是谁写的？", STORY, "本报记者 柳青禾")
    assert answer and "柳青禾" in answer[0] and "果蔬节开幕" in answer[0]


def test_who_took_a_picture_is_answered_by_its_caption() -> None:
    answer = told("果蔬节那张照片是谁拍的？", STORY, "本报记者 柳青禾")
    assert answer and answer[1] == "何谷"


@pytest.mark.parametrize(
    "question", ["谁写了《红楼梦》？", "报道中说谁去了北京？", "图书馆是谁捐建的？", "谁发现了青蒿素？"]
)
def test_a_question_about_people_in_the_article_is_not_about_its_byline(question: str) -> None:
    assert not attributes.asks_who_made(understand(question))


@pytest.mark.parametrize(
    ("question", "words"),
    [("哪个点的溶解氧最高？", "石桥头"), ("溶解氧最低的是哪个监测点？", "老渡口"), ("下河湾的溶解氧是多少？", "6.1")],
)
def test_a_table_is_searched_by_row_and_column(question: str, words: str) -> None:
    answer = told(question, TABLE)
    assert answer and answer[1] == words


def test_a_column_that_is_not_there_is_no_answer() -> None:
    assert told("哪个点的总氮最高？", TABLE) is None


@pytest.mark.parametrize("question", ["AED全称叫什么？", "AED是什么意思？"])
def test_a_short_form_is_told_by_its_gloss(question: str) -> None:
    answer = told(question, AED)
    assert answer and answer[1] == "自动体外除颤器"
