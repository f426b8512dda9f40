"""The exact words of an answer are found in its sentence: always a run of its letters, whatever the sentence is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from rag import settings
from rag.answering.exact import ASKED_AND_TOLD, PAIR, READ, TOLD, Exact, letters_of, read_in
from rag.answering.reader import Read, Reader
from rag.answering.spans import Found, trimmed
from rag.question import understand

BRIDGE = "迎春橋長86.4米，共有7個橋孔，建於1936年，由匠人杜有餘主持修造。"


@cache
def exact() -> Exact:
    return Exact(settings.builtin_models())


@cache
def reader() -> Reader:
    return Reader(settings.builtin_models())


sentences = st.text("水稻油菜亩产１２3.%。，！？“”()A b\n\u3000", min_size=1, max_size=500)


@trials(deadline=None, max_examples=60)
@given(sentences, st.sampled_from(["水稻亩产多少", "谁种油菜？", "什么是A b", "为什么"]))
def test_what_is_found_is_a_run_of_the_sentences_letters(sentence: str, question: str) -> None:
    a, b, fit = exact()(understand(question), sentence, np.zeros((len(sentence), READ), np.float32))
    assert 0 <= a < b <= len(sentence)
    assert 0 <= fit <= 1


@pytest.mark.parametrize(
    ("question", "words"),
    [("迎春橋有幾個橋孔？", "7個"), ("迎春橋是誰主持修造的？", "杜有餘"), ("迎春橋建於哪一年？", "1936年")],
)
def test_each_question_finds_its_own_words_in_one_sentence(question: str, words: str) -> None:
    read = reader()(question, [(BRIDGE, "")])[0]
    a, b, _ = exact()(understand(question), BRIDGE, read_in(read, 0, len(BRIDGE)))
    assert words in BRIDGE[a:b] and b - a <= len(words) + 4


def test_of_a_long_sentence_the_stretch_around_what_was_read_is_looked_at() -> None:
    sentence = "县里办了许多事，" * 60 + BRIDGE
    read = reader()("迎春橋建於哪一年？", [(sentence, "")])[0]
    a, b, _ = exact()(understand("迎春橋建於哪一年？"), sentence, read_in(read, 0, len(sentence)))
    assert "1936" in sentence[a:b]
    made = letters_of({}, understand("几年"), sentence, np.zeros((len(sentence), READ), np.float32), len(sentence))
    assert made.begins + TOLD == len(sentence) and len(made.letters) - made.first == TOLD


def test_letters_are_told_what_they_share_with_the_question() -> None:
    made = letters_of({}, understand("石橋建於哪年"), "石橋建於1936年。", np.zeros((10, READ), np.float32))
    assert made.marks[0] == ASKED_AND_TOLD and made.marks[made.first] == PAIR
    assert len(made.letters) == len(made.marks) == len(made.words) == len(made.read)


def test_what_was_read_is_laid_upon_the_letters_of_the_sentence() -> None:
    offsets = np.array([[0, 2], [2, 3], [3, 6], [6, 7]])
    scores = np.array([0.0, 5.0, 1.0, 9.0], np.float32)
    table = read_in(Read(1.0, scores, scores[::-1], scores, offsets), 2, 6)
    assert table.shape == (4, READ) and table[:, 2].all()
    assert table[0, 0] > table[1, 0] > table[2, 0] == -12.0  # 2…3 and 3…6 begin here, no piece begins at 4
    assert table[3, 1] > -12.0 and table[2, 1] == -12.0  # the piece 3…6 ends with the sentence
    assert not read_in(None, 0, 4).any()


@pytest.mark.parametrize(
    ("sentence", "span", "left"),
    [
        ("取代了老球场（旧称东场），", (3, 13), "老球场（旧称东场）"),
        ("那是战国时代的武将", (2, 7), "战国时代"),
        ("分别是“旅游班”和“茶艺班”。", (3, 15), "“旅游班”和“茶艺班”"),
        ("叫“蒲公英”的队", (1, 6), "蒲公英"),
        ("工程的目的，是防洪", (3, 6), "目的"),
    ],
)
def test_what_only_marks_the_words_is_left_out(sentence: str, span: tuple[int, int], left: str) -> None:
    a, b = trimmed(sentence, Found(*span, 1.0))
    assert sentence[a:b] == left
