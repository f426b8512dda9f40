"""Features compare passages with each other; the shipped trees turn them into an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.question import understand
from rag.ranking import FEATURES, Candidate, features, longest_run
from rag.retrieval import ranker

QUESTION = "县科协2024年发布了多少篇推文？"
FOUND = (
    Candidate("县科协全年发布推文1900余篇，比上年多了三成。", "科普宣传", "a", 0, 21.5, 0.91),
    Candidate("县农业局2024年推广了新的水稻品种。", "水稻", "b", 0, 7.25, 0.84),
    Candidate("科协还办了三场讲座，来了两百多人。", "科普宣传", "a", 24, 6.0, 0.86),
    Candidate("夏天要防暑。", "", "c", 0, None, 0.80),
)
TEXT = st.text(st.sampled_from("县科协发布推文2024年多少篇水稻，。？ a"), min_size=1, max_size=60)
CANDIDATE = st.builds(
    Candidate,
    TEXT,
    st.sampled_from(["", "科普", "县科协推文"]),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 900),
    st.none() | st.floats(0.1, 40),
    st.none() | st.floats(0.7, 0.95),
)


def table(found: Sequence[Candidate], question: str = QUESTION) -> np.ndarray:
    asked = understand(question)
    return features(asked.text, asked.kind, found, ranker().weights)


def column(name: str, found: Sequence[Candidate] = FOUND, question: str = QUESTION) -> list[float]:
    return table(found, question)[:, FEATURES.index(name)].tolist()


@given(st.lists(CANDIDATE, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_features_are_finite_and_chances_lie_between_0_and_1(found: list[Candidate]) -> None:
    rows = table(found)
    assert rows.shape == (len(found), len(FEATURES))
    assert np.isfinite(rows).all()
    chances = ranker()(understand(QUESTION), found)
    assert ((chances >= 0) & (chances <= 1)).all()


@given(st.floats(0.2, 3.0), st.floats(-0.5, 0.5))
@settings(max_examples=25, deadline=None)
def test_another_scale_of_cosines_changes_nothing(stretch: float, shift: float) -> None:
    moved = [replace(c, cosine=c.cosine * stretch + shift) for c in FOUND if c.cosine is not None]
    assert np.allclose(table(moved), table(FOUND), atol=1e-6)


def test_the_order_in_which_passages_come_does_not_matter() -> None:
    assert np.allclose(table(FOUND[::-1])[::-1], table(FOUND))


def test_words_pairs_and_numbers_of_the_question_are_looked_for() -> None:
    assert column("words")[0] > column("words")[1] > column("words")[3] == 0
    assert column("figures") == [0, 1, 0, 0]
    assert column("asks_figure_has")[:2] == [1, 0]  # 1900 is new, 2024 stands in the question


def test_the_rarest_word_that_is_missing_is_told() -> None:
    assert column("rarest_missing")[3] == 1
    assert column("rarest_missing")[0] < 1


def test_passages_of_one_article_share_its_features() -> None:
    shared = column("article_bm25")
    assert shared[0] == shared[2] == 1
    assert column("article_passages") == [2, 1, 2, 1]


def test_traditional_script_counts_as_simplified() -> None:
    traditional = [replace(FOUND[0], text="縣科協全年發佈推文1900餘篇，比上年多了三成。"), *FOUND[1:]]
    assert column("words", traditional)[0] == pytest.approx(column("words")[0], abs=0.1)


def test_without_any_vector_the_words_alone_decide() -> None:
    blind = [replace(c, cosine=None) for c in FOUND]
    assert set(column("no_vector", blind)) == {1}
    assert int(ranker()(understand(QUESTION), blind).argmax()) == 0


def test_the_passage_that_answers_comes_first() -> None:
    assert int(ranker()(understand(QUESTION), FOUND).argmax()) == 0


def test_nothing_found_is_nothing_ranked() -> None:
    assert len(ranker()(understand(QUESTION), [])) == 0


def test_rare_words_weigh_more_than_common_ones() -> None:
    weigh = ranker().weights
    assert weigh("的") < weigh("科协") < weigh("稻瘟病")
    assert weigh("从未见过的词") == weigh.rare


@given(st.text("甲乙丙", max_size=8), st.text("甲乙丙", max_size=12))
def test_the_longest_run_is_the_longest_shared_stretch(needle: str, text: str) -> None:
    stretches = {needle[i:j] for i in range(len(needle)) for j in range(i + 1, len(needle) + 1)}
    assert longest_run(needle, text) == max((len(s) for s in stretches if s in text), default=0)
