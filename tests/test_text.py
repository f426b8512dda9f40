"""Folding keeps lengths, words are cut as jieba cuts them, numbers have values, sentences end where readers end them."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import settings, text


@given(st.text())
def test_folding_changes_no_length_and_nothing_twice(words: str) -> None:
    folded = text.fold(words)
    assert len(folded) == len(words) and text.fold(folded) == folded


def test_width_case_and_script_fold_together() -> None:
    assert text.fold("ＡＩ科學，臺灣「龍」") == text.fold("ai科学,台湾“龙”")


def test_words_are_cut_as_jieba_cuts_them() -> None:
    """But for codes with a dash: 2025-07-10 stays whole in Rust's cut, questions and articles alike."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's own, about its regular expressions
        import jieba

        jieba.setLogLevel(logging.ERROR)
        for path in sorted((settings.samples() / "articles").glob("*.md"))[:20]:
            for line in path.read_text("utf-8").splitlines():
                folded = text.fold(line)
                if "-" in folded:
                    continue
                assert text._cutter()(folded) == jieba.lcut(folded), line


def test_a_users_words_stay_whole(tmp_path: Path) -> None:
    before = text.words("评选蓉遇科普熊猫奖")
    (tmp_path / "words.txt").write_text("蓉遇科普熊猫 10 nz\n", "utf-8")
    (tmp_path / "none.txt").write_text("", "utf-8")
    try:
        assert text.use_dictionary(tmp_path / "words.txt") == 1
        assert "蓉遇科普熊猫" in text.words("评选蓉遇科普熊猫奖") and "蓉遇科普熊猫" not in before
    finally:
        text.use_dictionary(tmp_path / "none.txt")
    assert text.words("评选蓉遇科普熊猫奖") == before


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("阅读量1,100万次", [11_000_000]), ("三百二十人", [320]), ("二〇二五年", [2025]), ("一点五亿元", [150_000_000]),
        ("两千零五年", [2005]), ("十分钟", [10]), ("统一的一些要求", []), ("12.5%", [12.5]), ("百分之三十", [30]),
        ("12千克", [12]), ("气压1013百帕", [1013]), ("跑了5千米", [5]), ("5千人", [5000]), ("千克", [1000]),
    ],
)  # fmt: skip
def test_numbers_have_values(words: str, values: list[float]) -> None:
    assert [n.value for n in text.numbers(words)] == values


@given(st.text("水稻一二三十百千万亿点0123456789.,，。 "))
def test_numbers_stand_where_they_say(words: str) -> None:
    for number in text.numbers(words):
        assert words[number.start : number.end] == number.text


@given(st.text("水稻。！？；…\n“”（）《》 a."))
def test_sentences_lose_no_word_and_never_overlap(words: str) -> None:
    end, held = 0, []
    for a, b in text.sentences(words):
        assert end <= a < b
        assert words[a:b] == words[a:b].strip()
        held.append(words[a:b])
        end = b
    assert "".join("".join(held).split()) == "".join(words.split())


def test_a_quotation_stays_with_its_speaker_and_brackets_stay_whole() -> None:
    words = "“改了二十遍。”队长说。他（一年级。）笑了！真的？"
    assert [words[a:b] for a, b in text.sentences(words)] == [
        "“改了二十遍。”队长说。",
        "他（一年级。）笑了！",
        "真的？",
    ]


def test_scripts_without_a_dictionary_are_found_by_their_characters() -> None:
    assert "ཚན" in text.tokens("ཚན་རིག") or "ཚ" in text.tokens("ཚན་རིག")
    assert "ꆈ" in text.tokens("ꆈꌠꁱꂷ")
