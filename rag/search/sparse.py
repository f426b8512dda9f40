"""BM25 as sparse vectors: texts and questions come in, {number: weight} goes out, whose inner product is the score.

A search server that knows neither our tokens nor how a library counts them ranks as one machine does: what BM25 knows of
a text stands in its vector, what it knows of the library (how many passages hold a token) in that of the question.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from rag.search import Entry
from rag.text import fold, tokens

Sparse = dict[int, float]

K1, B = 1.2, 0.75
CONTEXT = 0.7  # weight of title and headings, as on one machine (`lexical.py`)
MOST_TERMS = 4_000_000  # that statistics keep: past it the rarest are forgotten, and weigh as what was never seen
GRAMS = 64  # single characters and pairs of a term that are looked for: the text itself decides afterwards
_NUMBERS = 2**32 - 2  # the largest number a sparse vector may have is 2³²-2: it is kept for NOTHING
NOTHING: Sparse = {_NUMBERS: 1.0}  # a vector that no question meets: empty ones are refused
_HAN_ = r"\u3400-\u9fff\U00020000-\U0003ffff〇"
_RUNS = re.compile(rf"[{_HAN_}]+|[^\W_{_HAN_}]+")


def number(kind: str, token: str) -> int:
    """Of a token in the body (b), in the context (c), in a whole article (w), or of a gram (g). Two may share one: of
    five million tokens, one in eight hundred does."""
    return int.from_bytes(blake2b(f"{kind}{token}".encode(), digest_size=4).digest(), "little") % _NUMBERS


@dataclass(frozen=True, slots=True)
class Pivots:
    """Mean lengths in tokens that texts are compared with: of passages' bodies and contexts, of whole articles."""

    body: float
    context: float
    whole: float

    def near(self, other: Pivots, share: float) -> bool:
        """None of the three is off by more than this share."""
        pairs = ((self.body, other.body), (self.context, other.context), (self.whole, other.whole))
        return all(abs(a - b) <= share * max(a, b, 1.0) for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is counted of a library: `keys` (n,) uint32 ascending, the passages or articles that hold each."""

    passages: int = 0
    articles: int = 0
    body: int = 0  # tokens in all
    context: int = 0
    whole: int = 0
    keys: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        return self.passages, self.articles, self.body, self.context, self.whole

    @property
    def pivots(self) -> Pivots:
        n, articles = max(self.passages, 1), max(self.articles, 1)
        return Pivots(self.body / n, self.context / n, self.whole / articles)

    def holding(self, keys: Sequence[int]) -> NDArray[np.int64]:
        """(n,) in how many passages (articles, for tokens of wholes) each stands; 0 where it was never seen."""
        wanted = np.asarray(keys, np.uint32)
        if not len(self.keys) or not len(wanted):
            return np.zeros(len(wanted), np.int64)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[at] == wanted, self.counts[at], 0)


def total(parts: Iterable[Statistics]) -> Statistics:
    """All parts as one; the rarest terms go where there are too many."""
    every = list(parts)
    if not every:
        return Statistics()
    keys, inverse = np.unique(np.concatenate([p.keys for p in every]), return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, inverse, np.concatenate([p.counts for p in every]))
    if len(keys) > MOST_TERMS:
        stays = np.sort(np.argsort(-counts, kind="stable")[:MOST_TERMS])
        keys, counts = keys[stays], counts[stays]
    passages, articles, body, context, whole = (sum(sizes) for sizes in zip(*(p.sizes for p in every), strict=True))
    return Statistics(passages, articles, body, context, whole, keys, counts)


# ---------------------------------------------------------------- texts


@dataclass(frozen=True, slots=True)
class Counted:
    """A passage, cut: its tokens by their numbers, its grams; `whole`: its article's, with the first of its passages."""

    entry: Entry
    body: Counter[int]
    context: Counter[int]
    grams: frozenset[int]
    whole: Counter[int] | None = None


def cut(entries: Iterable[Entry]) -> list[Counted]:
    """All passages of an article stand next to each other."""
    numbers: dict[tuple[str, str], int] = {}

    def of(kind: str, found: Iterable[str]) -> Counter[int]:
        counted: Counter[int] = Counter()
        for token, times in (found if isinstance(found, Counter) else Counter(found)).items():
            key = numbers.get((kind, token))
            if key is None:
                key = numbers[kind, token] = number(kind, token)
            counted[key] += times
        return counted

    done: list[Counted] = []
    for _, of_one in groupby(entries, key=lambda e: e.article):
        first = len(done)
        bag: Counter[str] = Counter()
        context, said = "", of("c", ())
        for entry in of_one:
            if entry.context != context:
                context, said = entry.context, of("c", tokens(entry.context))
            body = tokens(entry.text)
            bag.update(body)
            grams = frozenset(of("g", grams_of("\n".join((entry.text, entry.context, entry.title)))))
            done.append(Counted(entry, of("b", body), said, grams))
        bag.update(tokens(done[first].entry.title))
        done[first] = replace(done[first], whole=of("w", bag))
    return done


def grams_of(text: str) -> Iterable[str]:
    """Single characters and neighbouring pairs in each run of letters, digits or Han: a text that holds a term holds
    all grams of the term."""
    for run in _RUNS.findall(fold(text)):
        yield from run
        yield from (run[i : i + 2] for i in range(len(run) - 1))


def count(texts: Sequence[Counted]) -> Statistics:
    held: Counter[int] = Counter()
    wholes = [x.whole for x in texts if x.whole is not None]
    for x in texts:
        held.update(x.body.keys())
        held.update(x.context.keys())
    for whole in wholes:
        held.update(whole.keys())
    keys = np.fromiter(held.keys(), np.uint32, len(held))
    order = np.argsort(keys)
    return Statistics(
        len(texts),
        len(wholes),
        sum(x.body.total() for x in texts),
        sum(x.context.total() for x in texts),
        sum(w.total() for w in wholes),
        keys[order],
        np.fromiter(held.values(), np.int64, len(held))[order],
    )


def weigh(text: Counted, pivots: Pivots) -> tuple[Sparse, Sparse, Sparse]:
    """Vectors of the passage's words, of its grams, and of its article where it is the first there."""
    words = _weights(text.body, pivots.body, 1.0) | _weights(text.context, pivots.context, CONTEXT)
    whole = _weights(text.whole, pivots.whole, 1.0) if text.whole is not None else {}
    return words or NOTHING, dict.fromkeys(text.grams, 1.0) or NOTHING, whole or NOTHING


def _weights(counted: Mapping[int, int], pivot: float, factor: float) -> Sparse:
    norm = K1 * (1 - B + B * sum(counted.values()) / max(pivot, 1e-9))
    return {key: factor * times * (K1 + 1) / (times + norm) for key, times in counted.items()}


# ---------------------------------------------------------------- questions


def question(asked: Sequence[str], known: Statistics, whole: bool) -> Sparse:
    """The question's vector: how rare each token is, as often as it is said. Lucene's idf, which is never negative."""
    vector: Sparse = {}
    for kind, n in (("w", known.articles),) if whole else (("b", known.passages), ("c", known.passages)):
        said = Counter(asked)
        keys = [number(kind, token) for token in said]
        for key, times, held in zip(keys, said.values(), known.holding(keys).tolist(), strict=True):
            vector[key] = vector.get(key, 0.0) + times * float(np.log1p((max(n - held, 0) + 0.5) / (held + 0.5)))
    return vector


def term(text: str) -> Sparse:
    """The vector of a term's grams: a passage that holds them all scores as many as there are."""
    wanted: list[str] = []
    for run in _RUNS.findall(fold(text)):
        wanted += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return dict.fromkeys((number("g", gram) for gram in list(dict.fromkeys(wanted))[:GRAMS]), 1.0)
