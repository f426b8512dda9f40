"""From a question to passages in order, over a real library and over passages that are given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag.embedding import open_embedder
from rag.question import understand
from rag.retrieval import OF_ONE, bm25, rank, spread
from rag.text import tokens
from rag.types import Filter, Hit

ARTICLES = {
    "推文": "县科协去年发布推文1900余篇，阅读量超过两百万次。科普大篷车进了四十所学校。",
    "稻瘟病": "田间发现稻瘟病，要马上喷三环唑，同时少施氮肥，多晒田。",
    "急救": "遇到有人心脏骤停，要立刻做胸外按压，并请人取来除颤器。",
    "地震": "地震来了，先躲到结实的桌子下面，护住头部，不要乘电梯。",
    "火星": "祝融号火星车在火星表面行驶了一千九百多米，传回许多照片。",
}


def hit(number: int, text: str, article: str = "", score: float = 0.0) -> Hit:
    return Hit(number, article, "", "", 0, len(text), text, score)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rag.Library]:
    folder = tmp_path_factory.mktemp("retrieval")
    rows = [
        json.dumps({"id": key, "text": text, "column": "农事" if key == "稻瘟病" else "科普"}, ensure_ascii=False)
        for key, text in ARTICLES.items()
    ]
    (folder / "articles.jsonl").write_text("\n".join(rows), "utf-8")
    with rag.open(folder / "library") as opened:
        opened.add([folder / "articles.jsonl"])
        yield opened


@pytest.mark.parametrize(
    ("question", "article"),
    [
        ("县科协发布了多少篇推文？", "推文"),
        ("水稻得了稻瘟病怎么办？", "稻瘟病"),
        ("發生地震時應該躲在哪裡？", "地震"),
        ("旁边的人忽然没有心跳了怎么救？", "急救"),
        ("祝融号走了多远？", "火星"),
    ],
)
def test_the_article_that_answers_comes_first(library: rag.Library, question: str, article: str) -> None:
    assert library.search(question).hits[0].source == article


def test_a_hit_says_why_it_was_found(library: rag.Library) -> None:
    first = library.search("县科协发布了多少篇推文？").hits[0]
    assert first.why.lexical is not None
    assert first.why.lexical > 0
    assert first.why.vector is not None
    assert 0 < first.why.vector <= 1
    assert first.score == first.why.rerank
    assert "推文" in first.why.matched


def test_scores_fall_and_k_is_kept(library: rag.Library) -> None:
    hits = library.search("县科协发布了多少篇推文？", 3).hits
    assert len(hits) == 3
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_a_filter_lets_only_its_articles_through(library: rag.Library) -> None:
    hits = library.search("县科协发布了多少篇推文？", only=Filter(column=("农事",))).hits
    assert {h.source for h in hits} == {"稻瘟病"}


def test_a_passage_is_found_by_its_words_before_it_is_embedded(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ARTICLES["推文"], "utf-8")
    with rag.open(tmp_path / "library") as opened:
        opened.add([tmp_path / "a.txt"], embed=False)
        first = opened.search("县科协发布了多少篇推文？").hits[0]
        assert first.why.vector is None
        assert first.why.lexical is not None
        opened.embed_pending()
        assert opened.search("县科协发布了多少篇推文？").hits[0].why.vector is not None


def test_given_passages_are_ranked_the_same_way() -> None:
    given_ = [hit(i, text) for i, text in enumerate(ARTICLES.values())]
    ranked = rank(understand("水稻得了稻瘟病怎么办？"), given_, open_embedder(threads=2))
    assert ranked[0].text == ARTICLES["稻瘟病"]
    assert sorted(h.passage_id for h in ranked) == [0, 1, 2, 3, 4]
    assert rank(understand("水稻"), [], open_embedder(threads=2)) == []


@given(st.lists(st.sampled_from("abc"), max_size=20))
def test_no_article_stands_before_others_with_more_than_its_share(articles: Sequence[str]) -> None:
    hits = [hit(i, "", a, 1 - i / 100) for i, a in enumerate(articles)]
    out = spread(hits)
    assert sorted(h.passage_id for h in out) == list(range(len(hits)))
    within = sum(min(articles.count(a), OF_ONE) for a in set(articles))
    assert all([h.article_id for h in out[:within]].count(a) <= OF_ONE for a in set(articles))
    assert [h.score for h in out[:within]] == sorted((h.score for h in out[:within]), reverse=True)


def test_passages_without_an_article_are_each_their_own() -> None:
    hits = [replace(hit(i, "x"), score=-i) for i in range(6)]
    assert spread(hits) == hits


def test_bm25_prefers_rare_words_and_short_texts() -> None:
    texts = [tokens(t) for t in ("水稻水稻", "水稻稻瘟病", "水稻" + "天气晴朗" * 20, "天气")]
    scores = bm25(tokens("稻瘟病水稻"), texts)
    assert scores.argmax() == 1
    assert scores[0] > scores[2] > scores[3] == 0
    assert bm25(["水"], []).shape == (0,)
    assert np.array_equal(bm25(["没有"], texts), np.zeros(4))
