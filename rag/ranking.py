"""A question and the passages found for it come in; one number a passage goes out: how likely it answers.

Boosted trees over cheap features of both lists and of the texts (`embeddings/train_ranker.py` learns them). Features
compare passages with each other, so that neither the size of a library nor the embedding model shifts them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.inference import open_graph
from rag.text import bigrams, fold, numbers, words
from rag.weights import Weights, shipped

if TYPE_CHECKING:
    from rag.question import Question

Floats = NDArray[np.float64]

# In the order in which the trees know them; a change needs new trees.
FEATURES = (
    "lex",
    "lex_share",
    "lex_rank",
    "lex_gap",
    "cos_z",
    "cos_gap",
    "cos_rank",
    "no_vector",
    "words",
    "pairs",
    "title",
    "titled",
    "has_title",
    "figures",
    "run",
    "run_length",
    "sentence",
    "sentence_pairs",
    "rarest_missing",
    "rarest_held",
    "article_words",
    "article_pairs",
    "article_bm25",
    "article_rank",
    "article_cos",
    "article_passages",
    "length",
    "place",
    "first",
    "asks_figure_has",
    "asks_why_has",
    "defines",
    "asks_back",
    "numbers",
    "q_length",
    "q_words",
    "q_weight",
    "q_rarest",
    "q_figure",
    "q_why",
    "q_how",
    "q_define",
    "lex_lead",
    "lex_top",
    "cos_spread",
    "cos_lead",
    "agree",
)
# Trees learned on few kinds of questions are steadied by a mixture of both lists, added to their score. A question of up
# to SHORT letters meets the words of its answer by chance: meaning leads; one of LONG letters names what it is about:
# words lead. Chosen by questions that the trees had not seen, of training and development sets (`embeddings/ranker`).
SHORT, LONG = 12, 18
STEADY, MEANING = (4.0, 2.0), (0.85, 0.15)  # for a short question, for a long one
_SENTENCE = re.compile(r"[。！？!?；;…\n]")
_BECAUSE = re.compile(r"因为|由于|原因|因此|所以|导致|缘于|为了|造成|引起|之所以|在于")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that was found. `article` tells which ones belong together."""

    text: str
    heading: str = ""
    article: str = ""
    start: int = 0
    lexical: float | None = None  # BM25
    cosine: float | None = None  # None: not embedded yet


class Ranker:
    """The shipped trees: `embeddings/ranker`."""

    def __init__(self, folder: Path) -> None:
        self.weights = shipped()
        card = json.loads((folder / "ranker.json").read_text("utf-8"))
        if tuple(card["features"]) != FEATURES:
            raise ValueError(f"{folder}: trees for other features")
        self._slope, self._offset = card["calibration"]
        self._session = open_graph(folder / "ranker.onnx")

    def __call__(self, question: Question, candidates: Sequence[Candidate]) -> Floats:
        """(n,) probabilities that a passage answers, roughly calibrated."""
        if not candidates:
            return np.zeros(0)
        rows = features(question.text, question.kind, candidates, self.weights).astype(np.float32)
        raw: Floats = np.asarray(self._session.run(None, {"features": rows})[0], np.float64).reshape(-1)
        raw += steadying(letters(question.text), [c.lexical for c in candidates], [c.cosine for c in candidates])
        chance: Floats = 1 / (1 + np.exp(-(self._slope * raw + self._offset)))
        return chance


def features(text: str, kind: str, candidates: Sequence[Candidate], weigh: Weights) -> Floats:
    """(n, len(FEATURES)); what does not apply is -1."""
    asked = fold(text)
    q_words = {w: weigh(w) for w in dict.fromkeys(words(asked))}
    q_pairs = {b: weigh(b) for b in dict.fromkeys(bigrams(asked))}
    total_words, total_pairs = sum(q_words.values()) or 1.0, sum(q_pairs.values()) or 1.0
    rarest = max(q_words.values(), default=1.0)
    q_numbers = {n.canonical for n in numbers(asked)}
    core = "".join(re.findall(r"\w+", asked))  # its length is `letters`

    texts = [fold(c.text) for c in candidates]
    heads = [fold(c.heading) for c in candidates]
    wholes = [f"{h}\n{t}" if h else t for h, t in zip(heads, texts, strict=True)]
    n = len(candidates)
    lex = np.array([c.lexical or 0.0 for c in candidates])
    cos = np.array([np.nan if c.cosine is None else c.cosine for c in candidates])

    articles: dict[str, list[int]] = {}
    for i, c in enumerate(candidates):
        articles.setdefault(c.article or f"#{i}", []).append(i)
    of = np.zeros(n, int)
    art_words, art_pairs, art_bm25, art_cos = (np.zeros(len(articles)) for _ in range(4))
    for a, members in enumerate(articles.values()):
        of[members] = a
        joined = "\n".join([heads[members[0]], *(texts[i] for i in members)])
        art_words[a] = _held(q_words, joined) / total_words
        art_pairs[a] = _held(q_pairs, joined) / total_pairs
        art_bm25[a] = sum(
            v * tf * 2.2 / (tf + 1.2) for w, v in (*q_words.items(), *q_pairs.items()) if (tf := joined.count(w))
        )
        known = cos[members][~np.isnan(cos[members])]
        art_cos[a] = known.max() if len(known) else np.nan
    top_bm25 = art_bm25.max() or 1.0
    art_rank = _ranks(art_bm25)

    out = np.zeros((n, len(FEATURES)))
    column = {name: out[:, i] for i, name in enumerate(FEATURES)}
    spread = max(float(np.nanstd(cos)), 1e-6) if np.isfinite(cos).any() else 1.0
    _lists(column, lex, cos, total_words + total_pairs, spread)
    column["article_cos"][:] = np.where(np.isnan(art_cos), -9, _gap(art_cos) / spread)[of]
    column["article_bm25"][:] = art_bm25[of] / top_bm25
    column["article_rank"][:] = art_rank[of]
    column["article_words"][:], column["article_pairs"][:] = art_words[of], art_pairs[of]
    column["article_passages"][:] = np.bincount(of)[of]
    titled = {head: _share_of(head, q_words, weigh) if head else -1.0 for head in set(heads)}
    for i, (c, body, head, whole) in enumerate(zip(candidates, texts, heads, wholes, strict=True)):
        held = {w for w in q_words if w in whole}
        column["words"][i] = sum(q_words[w] for w in held) / total_words
        column["pairs"][i] = _held(q_pairs, whole) / total_pairs
        missing = [v for w, v in q_words.items() if w not in held]
        column["rarest_missing"][i] = max(missing, default=0.0) / rarest
        column["rarest_held"][i] = max((q_words[w] for w in held), default=0.0) / rarest
        column["has_title"][i] = bool(head)
        column["title"][i] = _held(q_words, head) / total_words if head else -1
        column["titled"][i] = titled[head]
        found = {x.canonical for x in numbers(whole)} if q_numbers or kind in ("how_many", "when") else set()
        column["figures"][i] = len(q_numbers & found) / len(q_numbers) if q_numbers else -1
        column["numbers"][i] = min(len(found), 9)
        run = longest_run(core, whole)
        column["run"][i], column["run_length"][i] = run / max(len(core), 1), min(run, 20)
        spans = [s for s in _SENTENCE.split(body) if s]
        column["sentence"][i] = max((_held(q_words, s) for s in spans), default=0.0) / total_words
        column["sentence_pairs"][i] = max((_held(q_pairs, s) for s in spans), default=0.0) / total_pairs
        column["length"][i], column["place"][i], column["first"][i] = len(body), np.log1p(c.start), c.start == 0
        column["asks_figure_has"][i] = bool(found - q_numbers) if kind in ("how_many", "when") else -1
        column["asks_why_has"][i] = len(_BECAUSE.findall(body)) if kind == "why" else -1
        column["defines"][i] = any(w + mark in whole for w in held if len(w) > 1 for mark in ("是", "指", ",是"))
        column["asks_back"][i] = "?" in body
    of_question = {
        "q_length": len(core),
        "q_words": len(q_words),
        "q_weight": total_words,
        "q_rarest": rarest,
        "q_figure": kind in ("how_many", "when"),
        "q_why": kind == "why",
        "q_how": kind == "how",
        "q_define": kind == "definition",
    }
    for name, value in of_question.items():
        column[name][:] = value
    return out


def letters(text: str) -> int:
    return len("".join(re.findall(r"\w+", fold(text))))


def steadying(length: int, lexical: Sequence[float | None], cosines: Sequence[float | None]) -> Floats:
    """(n,) what is added to the trees' scores: cosines between the least and the best of the list, BM25 over its best.
    A passage without a vector has its words alone."""
    weight, share = (float(np.interp(length, (SHORT, LONG), ends)) for ends in (STEADY, MEANING))
    lex = np.array([x or 0.0 for x in lexical])
    lex /= lex.max(initial=0.0) or 1.0
    cos = np.array([np.nan if x is None else x for x in cosines], np.float64)
    if np.isnan(cos).all():
        return weight * lex
    low, high = float(np.nanmin(cos)), float(np.nanmax(cos))
    mixed = share * (cos - low) / ((high - low) or 1.0) + (1 - share) * lex
    return np.asarray(weight * np.where(np.isnan(cos), lex, mixed), np.float64)


def _lists(column: Mapping[str, Floats], lex: Floats, cos: Floats, most: float, spread: float) -> None:
    """What the two lists say: places, distances to the best, spread, and whether they agree."""
    top = lex.max() or 1.0
    column["lex"][:], column["lex_share"][:] = lex / top, lex / (2.2 * most)
    column["lex_rank"][:] = np.where(lex > 0, _ranks(lex), np.log1p(len(lex)))
    column["lex_gap"][:] = _gap(lex) / top
    column["lex_lead"][:], column["lex_top"][:] = _lead(lex) / top, top / (2.2 * most)
    known = ~np.isnan(cos)
    column["no_vector"][:] = ~known
    if not known.any():
        for name in ("cos_z", "cos_gap", "cos_rank", "cos_spread", "cos_lead", "agree"):
            column[name][:] = -1
        return
    z = np.where(known, (cos - np.nanmean(cos)) / spread, 0.0)
    filled = np.where(known, cos, -9.0)
    column["cos_z"][:], column["cos_gap"][:] = z, np.where(known, _gap(cos) / spread, 0.0)
    column["cos_rank"][:] = np.where(known, _ranks(filled), -1)
    column["cos_spread"][:], column["cos_lead"][:] = z.max(), _lead(filled[known]) / spread
    column["agree"][:] = float(np.argmax(filled) == np.argmax(lex))


def _ranks(values: Floats) -> Floats:
    """log(1 + place), places from 0 for the best."""
    places = np.empty(len(values))
    places[np.argsort(-values, kind="stable")] = np.arange(len(values))
    return np.asarray(np.log1p(places))


def _gap(values: Floats) -> Floats:
    """Distance to the best of the others: positive for the best alone, 0 where nothing is known."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return np.zeros(len(values))
    second, best = np.partition(known, -2)[-2:]
    return np.where(np.isnan(values), 0.0, np.where(values == best, best - second, values - best))


def _lead(values: Floats) -> float:
    if len(values) < 2:
        return 0.0
    second, best = np.partition(values, -2)[-2:]
    return float(best - second)


def _share_of(head: str, asked: Mapping[str, float], weigh: Weights) -> float:
    """How much of the title the question says."""
    own = {w: weigh(w) for w in words(head)}
    return sum(v for w, v in own.items() if w in asked) / (sum(own.values()) or 1.0)


def _held(asked: Mapping[str, float], text: str) -> float:
    """Weight of the asked words (or pairs) that stand in a text."""
    return sum(weight for word, weight in asked.items() if word in text)


def longest_run(needle: str, text: str) -> int:
    """Length of the longest stretch of `needle` that stands in `text`."""
    best = 0
    for i in range(len(needle)):
        while i + best < len(needle) and needle[i : i + best + 1] in text:
            best += 1
    return best
