"""A question and candidate sentences come in, numbers about each go out: what the selector judges by.

Everything is counted over folded text. Nothing here depends on scores of retrieval but the order of the hits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag import text as t
from rag.answering import spans
from rag.answering.candidates import Candidate, cells, neighbours
from rag.question import Question, content
from rag.weights import Weights

KINDS = ("how_many", "when", "who", "where", "which", "yes_no", "definition", "why", "how", "list", "compare", "other")
NAMES = (
    "terms",
    "terms_before",
    "terms_heading",
    "terms_all",
    "terms_passage",
    "own_terms",
    "spoken",
    "rarest",
    "must",
    "must_passage",
    "pairs",
    "pairs_around",
    "common_run",
    "focus",
    "fit",
    "fits",
    "near",
    "span_votes",
    "head",
    "new",
    "rank",
    "passage_pairs",
    "pairs_up",
    "place",
    "first",
    "length",
    "asks",
    "says",
    "explains",
    "counts",
    "row",
    "question_length",
    "question_terms",
    "numbers",
    "missing",
    "top_terms_up",
    *KINDS,
)


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1) if text[i].isalnum() and text[i + 1].isalnum()}


def _run(a: str, b: str) -> int:
    """Length of the longest run of characters that both hold."""
    best, row = 0, [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], before + 1 if x == y else 0
            if row[j] > best:
                best = row[j]
    return best


def _share(held: Sequence[str], text: str, weight: dict[str, float]) -> float:
    total = sum(weight[w] for w in held)
    return sum(weight[w] for w in held if w in text) / total if total else 0.0


_SAYS = ("因为", "由于", "原因", "所以", "因此", "为了", "导致", "使得", "造成", "在于", "解释", "是因", "以便", "从而")
_EXPLAINS = ("指", "即", "就是", "称为", "是一", "是指", "简称", "全称", "又称", "又名")
_COUNTS = (
    "一是",
    "二是",
    "三是",
    "一要",
    "二要",
    "首先",
    "其次",
    "第一",
    "第二",
    "包括",
    "分别",
    "等",
    "、",
    "建议",
    "应",
    "要",
)


def judge(question: Question, candidates: Sequence[Candidate], weigh: Weights) -> NDArray[np.float32]:
    """The numbers of every candidate, among these candidates."""
    n = len(candidates)
    table = np.zeros((n, len(NAMES)), np.float32)
    if not n:
        return table
    asked = t.fold(question.text)
    bare = "".join(w for w, _ in content(question.text))
    weight = {w: x * (0.3 + weigh(w) / weigh.rare) for w, x in question.terms}
    said = [w for w, x in question.terms if w in asked and x > 0]
    own = [w for w in said if w in t.fold(question.asked)] or said
    spoken = [w for w, _ in question.terms if w not in asked]
    must = list(question.must)
    asked_pairs = _pairs(bare) or _pairs(asked)
    pair_weight = {p: weigh(p) for p in asked_pairs}
    all_pairs = sum(pair_weight.values()) or 1.0

    def shared(pairs: set[str]) -> float:
        return sum(pair_weight[p] for p in asked_pairs & pairs) / all_pairs

    want = spans.need(question)
    focus = _focus(question, said)
    around = neighbours(candidates)
    folded = [t.fold(shown(c)) for c in candidates]
    passages: dict[int, tuple[str, float]] = {}
    columns: dict[str, list[float]] = {name: [0.0] * n for name in NAMES}
    found: list[spans.Found | None] = []

    for i, c in enumerate(candidates):
        s = folded[i]
        before, after = t.fold(around[i][0]), t.fold(around[i][1])
        heading = t.fold(c.hit.heading or c.hit.title)
        if id(c.hit) not in passages:
            whole = f"{heading} {t.fold(c.hit.text)}"
            passages[id(c.hit)] = (whole, _share(list(asked_pairs), whole, pair_weight))
        passage, passage_pairs = passages[id(c.hit)]

        def put(name: str, value: float, i: int = i) -> None:
            columns[name][i] = float(value)

        put("terms", _share(said, s, weight))
        put("terms_before", _share(said, s + " " + before, weight))
        put("terms_heading", _share(said, s + " " + heading, weight))
        put("terms_all", _share(said, f"{s} {before} {heading}", weight))
        put("terms_passage", _share(said, passage, weight))
        put("own_terms", _share(own, s, weight))
        put("spoken", sum(w in s for w in spoken) / 3)
        rare = sorted(said, key=lambda w: -weight[w])[:2]
        put("rarest", sum(w in s for w in rare) / max(1, len(rare)))
        put("must", sum(m in s for m in must) / len(must) if must else 1.0)
        put("must_passage", sum(m in passage for m in must) / len(must) if must else 1.0)
        pairs = _pairs(s)
        put("pairs", shared(pairs))
        put("pairs_around", shared(pairs | _pairs(before) | _pairs(after) | _pairs(heading)))
        put("common_run", _run(bare[:60], s[:240]) / max(1, min(len(bare), 60)))
        put("focus", _share(focus, s, dict.fromkeys(focus, 1.0)) if focus else 0.5)
        span = spans.best(want, question, shown(c))
        found.append(span)
        if span:
            put("fit", span.fit)
            put("near", spans.near(s, (span.start, span.end), question.terms))
        put("fits", sum(1 for f in spans.offers(want, shown(c)) if f.fit >= 0.5) / 4)
        put("head", bool(want.head) and want.head in s)
        put("new", sum(1 for ch in s if ch.isalnum() and ch not in asked) / max(1, len(s)))
        put("rank", c.rank / 10)
        put("passage_pairs", passage_pairs)
        put("place", c.index / 10)
        put("first", c.opens)
        put("length", math.log(1 + len(s)) / 6)
        put("asks", s.rstrip("”\"'』」").endswith("?"))
        put("says", any(w in s for w in _SAYS))
        put("explains", any(w in s for w in _EXPLAINS))
        put("counts", sum(s.count(w) for w in _COUNTS) / 6)
        put("row", bool(c.header))
        put("question_length", math.log(1 + len(asked)) / 5)
        put("question_terms", len(said) / 10)
        put("numbers", any(ch.isdigit() for ch in s))
        put("missing", len([w for w in said if w not in passage and weight[w] > 0.5]) / 4)
        put(question.kind, 1.0)

    _votes(columns, candidates, folded, found)
    pairs_column = columns["pairs"]
    columns["pairs_up"] = [p - max(pairs_column) for p in pairs_column]
    columns["top_terms_up"] = [p - max(columns["terms_all"]) for p in columns["terms_all"]]
    for j, name in enumerate(NAMES):
        table[:, j] = columns[name]
    return table


def shown(c: Candidate) -> str:
    """A row of a table read with the names of its columns."""
    return row_as_read(c) if c.header else c.text


def row_as_read(c: Candidate) -> str:
    """| 老码头 | Ⅳ类 | 4.6 | under 监测点, 水质类别, 溶解氧(mg/L) → 老码头：水质类别Ⅳ类，溶解氧(mg/L) 4.6。"""
    row = cells(c.text)
    told = [
        f"{name}{' ' if name[-1:].isascii() and value[:1].isascii() else ''}{value}"
        for name, value in zip(c.header[1:], row[1:], strict=True)
        if value
    ]
    return f"{row[0]}：{'，'.join(told)}。"


def _focus(question: Question, said: Sequence[str]) -> list[str]:
    """The words of the question next to its asking word: what the answer must be about."""
    asked = t.fold(question.text)
    marks = [m for m in ("多少", "什么", "谁", "哪", "几", "为什么", "怎", "如何", "啥", "何") if m in asked]
    if not marks or not said:
        return list(said[-2:])
    at = max(asked.find(m) for m in marks)
    return sorted(said, key=lambda w: min(abs(at - asked.find(w) - len(w)), abs(asked.find(w) - at)))[:2]


def _votes(
    columns: dict[str, list[float]],
    candidates: Sequence[Candidate],
    folded: Sequence[str],
    found: Sequence[spans.Found | None],
) -> None:
    """In how many other articles (or given passages) the best words of a sentence stand beside the question's."""
    holders: dict[int, str] = {}
    for c, s in zip(candidates, folded, strict=True):
        holders[c.stretch] = holders.get(c.stretch, "") + s
    for i, (c, span) in enumerate(zip(candidates, found, strict=True)):
        if span and span.end - span.start > 1:
            words = folded[i][span.start : span.end]
            columns["span_votes"][i] = (
                sum(words in text for stretch, text in holders.items() if stretch != c.stretch) / 4
            )
