"""Names, titles and quoted strings that stand nowhere in the library, and questions that name nothing of the kind."""

from __future__ import annotations

import pytest

from rag.answering.absent import absent
from rag.question import understand
from rag.text import fold

LIBRARY = fold(
    "嫦娥六号从月球背面带回样品，嫦娥五号从正面带回样品。《长江保护法》施行。石桥镇的李必湖找到“野败”。"
    "不同电池的电压不一样，要用原配的充电器。"
)


def missing(question: str) -> str:
    return absent(understand(question), lambda term: fold(term) in LIBRARY)


@pytest.mark.parametrize(
    ("question", "term"),
    [
        ("嫦娥十号带回了多少样品？", "嫦娥十号"),
        ("《黄河保护法》什么时候施行？", "黄河保护法"),
        ("“野胜”是谁找到的？", "野胜"),
        ("主持人郑晓彤介绍了什么？", "郑晓彤"),
        ("石桥镇的鳤鱼恢复了吗？", "鳤"),
        ("嫦娥拾號帶回了“樣本”沒有？", "樣本"),
    ],
)
def test_what_stands_nowhere_is_named_as_the_question_spells_it(question: str, term: str) -> None:
    assert missing(question) == term


@pytest.mark.parametrize(
    "question",
    [
        "嫦娥六号带回了什么？",
        "嫦娥6号带回了什么？",
        "《长江保护法》什么时候施行？",
        "“野败”是谁找到的？",
        "李必湖找到了什么？",
        "石桥镇在哪里？",
        "为什么要用原配的充电器？",
        "2号线怎么走？",
    ],
)
def test_what_stands_in_the_library_or_has_no_name_is_let_pass(question: str) -> None:
    assert missing(question) == ""
