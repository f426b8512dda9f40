"""Question and passage are cut into windows whose pieces know their place; the network marks the answer in them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rag import settings
from rag.answering.extractive import Extractive
from rag.answering.reader import ASKED, LETTER, NOTHING, PAIR, PLAIN, WINDOW, Reader, windows
from rag.answering.selector import best_span
from rag.question import understand
from rag.retrieval import read_again
from rag.text import fold
from rag.types import Hit

BRIDGE = "迎春橋長86.4米，共有7個橋孔。橋建於1936年，是縣城最長的石拱橋。"


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(settings.builtin_models() / "e5-small-zh" / "tokenizer.json"))


@cache
def reader() -> Reader:
    return Reader(settings.builtin_models())


texts = st.text("水稻油菜亩產１２3.%。，！？“”()A b\n", min_size=0, max_size=900)


@trials(deadline=None)  # the first try opens the tokenizer
@given(texts, texts.filter(lambda t: len(t) < 60))
def test_every_letter_of_a_passage_stands_in_a_window_at_its_place(text: str, question: str) -> None:
    made = list(windows(tokenizer(), question, text))
    assert made
    covered = np.zeros(len(text), bool)
    for window in made:
        assert len(window.ids) == len(window.marks) == len(window.offsets) <= WINDOW + 52
        for mark, (a, b) in zip(window.marks, window.offsets, strict=True):
            assert (a < 0) == (b < 0) and b <= len(text) and (a >= 0 or mark in (NOTHING, ASKED))
            covered[max(a, 0) : max(b, 0)] = True
    folded = fold(text)
    assert all(covered[i] or not c.isalnum() for i, c in enumerate(folded))


def test_pieces_are_told_what_they_share_with_the_question() -> None:
    window = next(windows(tokenizer(), "石拱橋建於哪年", "這座石橋建於1936年。"))
    said = {
        "這座石橋建於1936年。"[a:b]: mark for mark, (a, b) in zip(window.marks, window.offsets, strict=True) if a >= 0
    }
    assert said["1936"] == PLAIN and PAIR in said.values() and LETTER in said.values()


def test_a_heading_is_read_with_the_passage_but_has_no_place_in_it() -> None:
    bare, headed = (next(windows(tokenizer(), "桥多长", BRIDGE, heading)) for heading in ("", "古桥体检"))
    assert len(headed.ids) > len(bare.ids)
    assert [o for o in headed.offsets if o[0] >= 0] == [o for o in bare.offsets if o[0] >= 0]


def test_a_long_passage_is_read_in_windows_of_whole_sentences() -> None:
    long = "".join(f"第{n}村种了{n * 3}亩水稻，收成比去年好。" for n in range(60))
    made = list(windows(tokenizer(), "第9村种了多少亩", long))
    assert len(made) > 2
    for window in made:
        first = next(a for a, _ in window.offsets if a >= 0)
        assert first == 0 or long[first - 1] == "。"


@pytest.mark.parametrize(("question", "words"), [("迎春桥长多少米？", "86.4"), ("迎春桥建于哪一年？", "1936")])
def test_the_exact_words_are_marked_in_their_sentence(question: str, words: str) -> None:
    said = reader()(question, [(BRIDGE, "")])[0]
    first, last, _ = best_span(said.start, said.end)
    assert words in BRIDGE[said.offsets[first, 0] : said.offsets[last, 1]]


def test_a_passage_that_answers_is_told_from_one_that_does_not() -> None:
    right, wrong = reader()("迎春桥长多少米？", [(BRIDGE, ""), ("油菜花开得正好，游人不少，停车场全满。", "")])
    assert right.answers > wrong.answers


def test_what_is_read_hardly_depends_on_what_is_read_beside_it() -> None:
    """Activations are quantised by the batch's widest value: scores move a little, the marked words do not."""
    alone = reader()("迎春桥长多少米？", [(BRIDGE, "")])[0]
    beside = reader()("迎春桥长多少米？", [("油菜花开。" * 40, "花"), (BRIDGE, "")])[1]
    assert np.array_equal(alone.offsets, beside.offsets) and abs(alone.answers - beside.answers) < 1
    assert best_span(alone.start, alone.end)[:2] == best_span(beside.start, beside.end)[:2]


def test_nothing_to_read_is_read_without_a_word() -> None:
    assert reader()("桥多长", []) == []
    assert len(reader()("桥多长", [("", "")])[0].start) == 0


def hit(n: int, text: str) -> Hit:
    return Hit(n, f"a{n}", "d", "", 0, len(text), text, 1.0 - n / 10)


def test_a_slow_machine_answers_from_what_it_has_read(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = [hit(0, BRIDGE), hit(1, "白鹭湾有候鸟14种。"), hit(2, "番茄亩产低约8%。")]
    mine = Reader(settings.builtin_models())
    assert len(mine.of("橋有幾個橋孔", hits)) == 3
    monkeypatch.setattr("rag.answering.reader.PATIENCE", -1.0)  # it has passed before the first is read
    assert len(mine.of("橋有幾個橋孔", hits)) == 3  # what was read is not read again
    assert len(mine.of("番茄亩产低多少", hits)) == 1
    question = understand("橋有幾個橋孔？")
    assert [h.passage_id for h in read_again(question, [hit(0, "甲"), hit(1, "乙"), hit(2, "丙")], mine)] == [0, 1, 2]
    reply = Extractive(Reader(settings.builtin_models())).reply(question, hits)
    assert not reply.refused and "7個橋孔" in reply.answer
