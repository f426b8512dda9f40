"""A question comes in; passages in the order in which they are likely to answer go out, with why.

What the words find and what the meaning finds are looked at together, by one learned order (`ranking.py`): on no set
measured is it worse than the better of the two, which no fixed weight of them reaches (`embeddings/ranker/README.md`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag import settings
from rag.embedding import Embedder
from rag.ranking import Candidate, Ranker
from rag.reprints import within
from rag.text import fold, tokens
from rag.traces import span
from rag.types import Filter, Hit, Why

if TYPE_CHECKING:
    from rag.answering.reader import Reader
    from rag.question import Question
    from rag.search import SearchIndex
    from rag.store import Store

Anew = Callable[[str, Sequence[Hit]], "list[Hit] | None"]  # the hits in another order; None: as they are
ANY = Filter()
LOOKED_AT = 60  # passages taken from each list
OF_ONE = 3  # passages of an article that may stand before other articles
READ = 6  # passages that are read where the order is not clear
AHEAD = 0.5  # how much likelier than the best of the other articles the first must be to stay unread
ORDER, TOLD, LEVEL = (
    0.7,
    0.8,
    -0.8,
)  # logistic regression over questions that the reader was not trained on (train_selector)


@cache
def ranker() -> Ranker:
    return Ranker(settings.builtin_models() / "ranker")


def retrieve(
    question: Question,
    store: Store,
    index: SearchIndex,
    embedder: Embedder,
    reader: Reader,
    k: int = 10,
    only: Filter = ANY,
    anew: Anew | None = None,
) -> list[Hit]:
    """At most k hits, best first. A passage that is not embedded yet is ranked by its words. `anew`: a cross-encoder that
    is asked in place of the reader."""
    with span("search"):
        vector = embedder.questions([question.text])[0]
        n = max(LOOKED_AT, k)
        by_words = index.lexical(tokens(question.text), n, only).to_dict()
        by_meaning = index.nearest(vector, n, only).to_dict()
        found = list(dict.fromkeys([*by_words, *by_meaning]))
        unknown = [i for i in found if i not in by_meaning]
        cosines = by_meaning | {i: float(v @ vector) for i, v in index.vectors(unknown).items()}
        hits = store.hits(found)
    with span("rank"):
        ordered = one_of_each(in_order(question, [hits[i] for i in found if i in hits], by_words, cosines), store)
    again = anew(question.text, ordered) if anew else None
    return (read_again(question, ordered, reader) if again is None else spread(again))[:k]


def read_again(question: Question, hits: Sequence[Hit], reader: Reader) -> list[Hit]:
    """The first passages ordered anew by what the reader sees in them, where the first is not clearly ahead: reading
    costs more than all before it, and tells nothing new of a passage that everything speaks for."""
    others = (h.score for h in hits if h.article_id != hits[0].article_id)
    if len(hits) < 2 or hits[0].score - next(others, 0.0) >= AHEAD:
        return list(hits)
    told = reader.of(question.text, hits[:READ])
    first = hits[: len(told)]
    odds = [math.log(max(h.score, 1e-4) / max(1 - h.score, 1e-4)) for h in first]
    scores = [
        1 / (1 + math.exp(-(ORDER * odd + TOLD * read.answers + LEVEL))) for odd, read in zip(odds, told, strict=True)
    ]
    again = [
        replace(h, score=round(s, 4), why=replace(h.why, rerank=round(s, 4)))
        for h, s in zip(first, scores, strict=True)
    ]
    again.sort(key=lambda h: -h.score)
    return [*again, *(replace(h, score=min(h.score, again[-1].score)) for h in hits[len(first) :])]


def rank(question: Question, hits: Sequence[Hit], embedder: Embedder) -> list[Hit]:
    """The same order over passages that are given: BM25 is computed among them. A few passages are all read, whatever
    their order: they stay as their words order them, which saves their embedding."""
    if not hits:
        return []
    texts = [f"{h.heading}\n{h.text}" if h.heading else h.text for h in hits]
    scores = bm25(tokens(question.text), [tokens(t) for t in texts])
    by_words = {h.passage_id: float(s) for h, s in zip(hits, scores, strict=True) if s > 0}
    if len(hits) <= READ:
        return in_order(question, hits, by_words, {})
    vector = embedder.questions([question.text])[0]
    cosines = embedder.passages(texts) @ vector
    return in_order(question, hits, by_words, {h.passage_id: float(c) for h, c in zip(hits, cosines, strict=True)})


def in_order(
    question: Question, hits: Sequence[Hit], by_words: Mapping[int, float], cosines: Mapping[int, float]
) -> list[Hit]:
    """The hits, best first, score and why filled in; no article crowds the others out."""
    chances = ranker()(
        question,
        [
            Candidate(h.text, h.heading, h.article_id, h.start, by_words.get(h.passage_id), cosines.get(h.passage_id))
            for h in hits
        ],
    )
    ordered = []
    for hit, chance in zip(hits, chances.tolist(), strict=True):
        folded = fold(f"{hit.heading}\n{hit.text}")
        why = Why(
            by_words.get(hit.passage_id),
            cosines.get(hit.passage_id),
            round(chance, 4),
            tuple(word for word, _ in question.terms if word in folded),
        )
        ordered.append(replace(hit, score=round(chance, 4), why=why))
    ordered.sort(key=lambda h: -h.score)
    return spread(ordered)


def spread(hits: Sequence[Hit]) -> list[Hit]:
    """The same hits; those past the first OF_ONE of an article stand behind all others."""
    seen: Counter[str] = Counter()
    first: list[Hit] = []
    rest: list[Hit] = []
    for hit in hits:
        seen[hit.article_id] += 1
        (first if not hit.article_id or seen[hit.article_id] <= OF_ONE else rest).append(hit)
    return first + rest


def one_of_each(hits: Sequence[Hit], store: Store) -> list[Hit]:
    """Of articles that are reprints of each other the one that is found first, naming the others; of those only
    passages that say more than it does."""
    reprints = store.reprints({h.article_id for h in hits})
    if not reprints:
        return list(hits)
    stands_for: dict[str, str] = {}
    texts: dict[str, str] = {}
    kept = []
    for hit in hits:
        first = stands_for.setdefault(hit.article_id, hit.article_id)
        for other in reprints.get(hit.article_id, ()):
            stands_for.setdefault(other, first)
        if first != hit.article_id:
            if first not in texts:
                article = store.article(first)
                texts[first] = article.text if article else ""
            if within(hit.text, texts[first]):
                continue
        kept.append(replace(hit, also=reprints.get(hit.article_id, ())))
    return kept


def bm25(asked: Sequence[str], texts: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> NDArray[np.float64]:
    """BM25 of each text among the texts (Robertson and Zaragoza 2009, with Lucene's idf, which is never negative)."""
    counts = [Counter(text) for text in texts]
    lengths = np.array([len(t) for t in texts], np.float64)
    norm = k1 * (1 - b + b * lengths / max(float(lengths.mean()), 1.0)) if len(texts) else lengths
    scores = np.zeros(len(texts))
    for token in asked:
        tf = np.array([c[token] for c in counts], np.float64)
        df = np.count_nonzero(tf)
        if df:
            scores += np.log1p((len(texts) - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + norm)
    return scores
