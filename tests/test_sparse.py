"""BM25 as inner products: the vectors of a question and of a text give the score that one machine gives."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.search import Entry, sparse
from rag.text import fold, tokens


def product(a: sparse.Sparse, b: sparse.Sparse) -> float:
    return sum(weight * b.get(key, 0.0) for key, weight in a.items())


def entries(*texts: str, context: str = "", start: int = 1) -> list[Entry]:
    return [Entry(start + i, text, context, title=context, article=start + i) for i, text in enumerate(texts)]


def test_the_product_is_bm25_of_body_and_context() -> None:
    chance = random.Random(5)
    words = [a + b for a in "山水田林路" for b in "东南西北中"]
    texts = ["".join(chance.choices(words, k=chance.randint(3, 40))) for _ in range(60)]
    cut = sparse.cut([Entry(i, x, x[:4], title="", article=i) for i, x in enumerate(texts)])
    known = sparse.count(cut)
    vectors = [sparse.weigh(one, known.pivots)[0] for one in cut]
    asked = tokens(texts[0][:10]) * 2 + ["nowhere"]
    scores = [product(sparse.question(asked, known, False), v) for v in vectors]
    expected = np.zeros(len(texts))
    for weight, bags in ((1.0, [Counter(tokens(x)) for x in texts]), (0.7, [Counter(tokens(x[:4])) for x in texts])):
        mean = sum(b.total() for b in bags) / len(bags)
        for token, times in Counter(asked).items():
            holding = sum(token in b for b in bags)
            idf = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
            for i, bag in enumerate(bags):
                norm = 1.2 * (0.25 + 0.75 * bag.total() / mean)
                expected[i] += weight * times * idf * 2.2 * bag[token] / (bag[token] + norm)
    assert np.allclose(scores, expected, rtol=1e-5)


def test_an_article_is_weighed_as_a_whole_with_its_first_passage_alone() -> None:
    cut = sparse.cut([Entry(n, text, "农时", title="农时", article=1) for n, text in ((1, "浅插。"), (2, "抢收。"))])
    known = sparse.count(cut)
    first, second = (sparse.weigh(one, known.pivots)[2] for one in cut)
    asked = sparse.question(tokens("抢收农时"), known, True)
    assert product(asked, first) > 0 == product(asked, second)
    assert (known.passages, known.articles) == (2, 1)


def test_statistics_of_parts_are_those_of_the_whole() -> None:
    texts = [f"第{n}块水稻田。" for n in range(30)]
    one = sparse.count(sparse.cut(entries(*texts)))
    parts = [sparse.count(sparse.cut(entries(*texts[i : i + 7], start=i + 1))) for i in range(0, 30, 7)]
    added = sparse.total(parts)
    assert added.sizes == one.sizes
    assert added.keys.tolist() == one.keys.tolist()
    assert added.counts.tolist() == one.counts.tolist()
    assert one.holding([sparse.number("b", "水稻"), sparse.number("b", "沙漠")]).tolist() == [30, 0]
    assert sparse.total([]).holding([1]).tolist() == [0]


def test_the_rarest_terms_are_forgotten_where_there_are_too_many(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    counted = sparse.count(sparse.cut(entries(*(f"水稻{n}" for n in range(50)))))
    monkeypatch.setattr(sparse, "MOST_TERMS", 3)
    small = sparse.total([counted])
    assert len(small.keys) == 3
    assert small.holding([sparse.number("b", "水稻")]).tolist() == [50]
    assert small.passages == 50


ANY_TEXT = st.text(st.sampled_from("水稻科学院研AIb93 ,_三百ཀ○é") | st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=150, deadline=None)
@given(before=ANY_TEXT, wanted=ANY_TEXT, after=ANY_TEXT)
def test_a_text_that_holds_a_term_holds_all_its_grams(before: str, wanted: str, after: str) -> None:
    text = before + wanted + after
    (cut,) = sparse.cut([Entry(1, text)])
    if any(c.isalnum() for c in fold(wanted)):
        assert set(sparse.term(wanted)) <= cut.grams


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT)
def test_no_vector_is_empty_and_none_is_too_large(text: str) -> None:
    cut = sparse.cut(entries(text))
    for vector in sparse.weigh(cut[0], sparse.count(cut).pivots):
        assert vector
        assert all(0 <= key < 2**32 - 1 and math.isfinite(w) and w > 0 for key, w in vector.items())
