"""An article becomes passages: whole sentences, none lost, never across a heading."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.passages import LONGEST, LONGEST_NAME, SIZE, split
from rag.text import sentences
from rag.types import Article, Section

TEXTS = st.text(st.sampled_from("水稻在春天播种，。！？“”（）\n 、a1;："), max_size=900)


def article(text: str, title: str = "", sections: tuple[Section, ...] = ()) -> Article:
    return Article("a1", "a.txt", title, text, sections=sections)


def said(n: int, text: str = "水稻在春天播种") -> str:
    return "".join(f"第{i}天，{text}，到了秋天收割。" for i in range(n))


@given(TEXTS, st.lists(st.integers(0, 900), max_size=3))
@settings(max_examples=150, deadline=None)
def test_every_passage_is_a_span_of_its_article_and_nothing_is_lost(text: str, starts: list[int]) -> None:
    whole = article(text, "标题", tuple(Section(s, 1, f"小标题{s}") for s in starts))
    passages = split(whole)
    for p in passages:
        assert text[p.start : p.end] == p.text
        assert p.text.strip() == p.text != ""
    assert all(a.end <= b.start for a, b in pairwise(passages))
    covered = "".join(p.text for p in passages)
    assert "".join(covered.split()) == "".join(text.split())


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_no_passage_is_longer_than_a_few_sentences(text: str) -> None:
    assert all(len(p.text) <= SIZE + LONGEST for p in split(article(text)))


def test_a_passage_ends_where_a_sentence_ends() -> None:
    text = said(40)
    ends = {end for _, end in sentences(text)}
    passages = split(article(text))
    assert len(passages) > 2
    assert {p.end for p in passages} <= ends


def test_passages_of_one_article_are_of_like_length() -> None:
    lengths = [len(p.text) for p in split(article(said(23)))]
    assert max(lengths) - min(lengths) <= 2 * len(said(1))


def test_a_short_article_is_one_passage() -> None:
    text = "县科协昨天办了一场讲座。"
    assert [p.text for p in split(article(text))] == [text]


def test_blank_space_has_no_passage() -> None:
    assert split(article(" \n\n ")) == []


def test_a_passage_does_not_cross_a_heading_and_is_named_after_those_above_it() -> None:
    first, second, third = said(2, "小麦返青"), said(2, "玉米抽穗"), said(1, "油菜开花")
    text = "\n".join([first, second, third])
    sections = (Section(len(first) + 1, 1, "夏天"), Section(len(first) + len(second) + 2, 2, "油菜"))
    passages = split(article(text, "农事", sections))
    assert [p.heading for p in passages] == ["农事", "农事 > 夏天", "农事 > 夏天 > 油菜"]
    assert [p.text for p in passages] == [first, second, third]


def test_a_heading_of_the_same_level_takes_the_place_of_the_one_before() -> None:
    text = "甲。\n乙。"
    assert [p.heading for p in split(article(text, "", (Section(0, 1, "一"), Section(3, 1, "二"))))] == ["一", "二"]


def test_a_sentence_without_an_end_is_cut_at_its_commas() -> None:
    text = "，".join(["风从山谷里吹过来"] * 120)
    passages = split(article(text))
    assert len(passages) > 2
    assert all(p.text.endswith("，") for p in passages[:-1])
    assert max(len(p.text) for p in passages) <= LONGEST


def test_a_title_as_long_as_a_paragraph_is_searched_by_its_beginning() -> None:
    text = "县里办了讲座。"
    assert split(article(text, "很长的标题" * 40))[0].heading == ("很长的标题" * 40)[:LONGEST_NAME]
