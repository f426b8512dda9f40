"""A question comes in; passages in the order in which they are likely to answer go out, with why.

What the words find and what the meaning finds are looked at together, by one learned order (`ranking.py`).
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.text import fold, tokens
from rag.types import Filter, Hit, Why

if TYPE_CHECKING:
    from rag.question import Question
    from rag.search import SearchIndex
    from rag.store import Store

ANY = Filter()
LOOKED_AT = 60          # passages taken from each list


def retrieve(question: Question, store: Store, index: SearchIndex, embedder: Embedder, k: int = 10,
             only: Filter = ANY) -> list[Hit]:
    """At most k hits, best first. A passage that is not embedded yet is ranked by its words."""
    vector = embedder.questions([question.text])[0]
    n = max(LOOKED_AT, 2 * k)
    by_words = index.lexical(tokens(question.text), n, only).to_dict()
    by_meaning = index.nearest(vector, n, only).to_dict()
    found = list(dict.fromkeys([*by_words, *by_meaning]))
    cosines = {i: float(v @ vector) for i, v in index.vectors(found).items()} | by_meaning
    hits = store.hits(found)
    return order(question, [hits[i] for i in found if i in hits], by_words, cosines)[:k]


def rank(question: Question, hits: Sequence[Hit], embedder: Embedder) -> list[Hit]:
    """The same order over passages that are given: BM25 is computed among them."""
    if not hits:
        return []
    vector = embedder.questions([question.text])[0]
    vectors = embedder.passages([f"{h.heading}\n{h.text}" if h.heading else h.text for h in hits])
    cosines = {h.passage_id: float(v @ vector) for h, v in zip(hits, vectors, strict=True)}
    by_words = bm25(tokens(question.text), [tokens(f"{h.heading}\n{h.text}") for h in hits])
    scored = {h.passage_id: float(s) for h, s in zip(hits, by_words, strict=True) if s > 0}
    return order(question, hits, scored, cosines)


def order(question: Question, hits: Sequence[Hit], by_words: Mapping[int, float],
          cosines: Mapping[int, float]) -> list[Hit]:
    """Hits best first, score and why filled in."""
    if not hits:
        return []
    ids = [h.passage_id for h in hits]
    words = np.array([by_words.get(i, 0.0) for i in ids])
    words /= max(words.max(), 1e-9)
    meaning = np.array([cosines.get(i, np.nan) for i in ids])
    low, high = (np.nanmin(meaning), np.nanmax(meaning)) if np.isfinite(meaning).any() else (0.0, 1.0)
    meaning = np.where(np.isnan(meaning), words, (meaning - low) / max(high - low, 1e-9))
    scores = 0.5 * words + 0.5 * meaning
    folded = {h.passage_id: fold(f"{h.heading}\n{h.text}") for h in hits}
    ordered = [replace(
        h, score=round(float(s), 4),
        why=Why(by_words.get(h.passage_id), cosines.get(h.passage_id), round(float(s), 4),
                tuple(w for w, _ in question.terms if w in folded[h.passage_id])))
        for h, s in zip(hits, scores, strict=True)]
    return sorted(ordered, key=lambda h: -h.score)


def bm25(asked: Sequence[str], texts: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> NDArray[np.float64]:
    """BM25 of each text among the texts (Robertson and Zaragoza 2009, with Lucene's idf, which is never negative)."""
    counts = [dict[str, int]() for _ in texts]
    for count, text in zip(counts, texts, strict=True):
        for token in text:
            count[token] = count.get(token, 0) + 1
    lengths = np.array([len(t) for t in texts], np.float64)
    share = k1 * (1 - b + b * lengths / max(lengths.mean(), 1.0)) if len(texts) else lengths
    scores = np.zeros(len(texts))
    for token in asked:
        tf = np.array([c.get(token, 0) for c in counts], np.float64)
        df = np.count_nonzero(tf)
        if df:
            scores += np.log1p((len(texts) - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + share)
    return scores
