"""The sentences found for one thing asked come in, weighed; the exact words and the clauses to show go out, and of several
things asked a sentence for each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from rag import text as t
from rag.answering import spans
from rag.answering.candidates import Candidate
from rag.answering.exact import Exact, read_in
from rag.answering.selector import Selected
from rag.question import Question, content
from rag.types import Evidence

LONG_SENTENCE = 110  # past this, a fact's sentence is cut to the clauses around the answer
MARKED = 0.05  # probability of the marked words from which an explanation of one sentence has exact words
# Of several things asked: sentences tried for each; what is left of the chance of one that speaks of another of them; how
# the odds rise of one that names what only this one has; what is left where two have the same words for an answer; and how
# much better it is where one sentence has the words for two.
TRIED, OF_ANOTHER, NAMED_ALONE, REPEATED, FEWER = 5, 0.1, 3.0, 0.2, 1.4

# What is asked for, and seldom said beside it.
_SORTS = frozenset("时间 地点 日期 地址 名字 名称 结果 人数 数量 数".split())
ANEW = re.compile(r"应为|应是|更正为|订正为|改为")  # what follows is right, what stood before was wrong
_CORRECTION = re.compile(r"应为|有误|更正|订正")
_PAUSE = re.compile(r"[，,；;：:]")


@dataclass(frozen=True, slots=True)
class Weighed:
    """What was found for one question: `chances` (n,) of the candidates, and what words and reader saw in each."""

    question: Question
    candidates: Sequence[Candidate]
    chances: NDArray[np.float64]
    selected: Selected
    line: float
    exactly: Exact
    found: dict[int, spans.Found] = field(default_factory=dict)  # the exact words of those asked about before

    @property
    def confidence(self) -> float:
        return float(self.chances.max(initial=0.0))

    @property
    def sure(self) -> bool:
        return self.confidence >= self.line

    @property
    def best(self) -> int:
        return int(self.chances.argmax())

    def apart(self, own: Set[str], others: Set[str]) -> Weighed:
        """The same, weighed against the other things asked: `own`, words that only this one has, `others`, words that only
        they have. A sentence about another of them is hardly an answer; one that names this one the more."""
        if not own or not others:
            return self
        told = [t.fold(c.text) for c in self.candidates]
        around = [t.fold(c.hit.title + c.hit.heading) for c in self.candidates]
        elsewhere = [any(w in text for w in others) for text in told]
        alone = [all(w in text for w in own) and not e for text, e in zip(told, elsewhere, strict=True)]
        of_another = [
            e and not any(w in text + near for w in own) for text, near, e in zip(told, around, elsewhere, strict=True)
        ]
        chances = np.where(of_another, OF_ANOTHER * self.chances, self.chances)
        return replace(self, chances=likelier(NAMED_ALONE, chances, alone))

    def preferring(self, i: int) -> Weighed:
        """The same with this sentence as the best."""
        chances = self.chances.copy()
        chances[i] = self.confidence + 1e-9
        return replace(self, chances=chances)

    def span(self, i: int) -> spans.Found:
        """The words of a sentence that answer, as the network sees them that was told what the reader marked there."""
        if i not in self.found:
            candidate = self.candidates[i]
            begins = candidate.start - candidate.hit.start
            read = read_in(self.selected.told.get(id(candidate.hit)), begins, begins + len(candidate.text))
            self.found[i] = spans.Found(*self.exactly(self.question, candidate.text, read))
        return self.found[i]

    def exact(self, i: int) -> str | None:
        candidate = self.candidates[i]
        if candidate.header:
            return None
        found = self.span(i)
        if not self.question.wants_short and found.fit < MARKED:
            return None
        a, b = spans.trimmed(candidate.text, spans.narrowed(self.question, candidate.text, found))
        anew = ANEW.search(candidate.text) if corrects(candidate) else None
        return None if anew and a < anew.end() else candidate.text[a:b] or None  # never what was wrong

    def cut(self, i: int) -> Evidence:
        """The sentence; where it is long, the clauses around the answer that read well alone."""
        candidate = self.candidates[i]
        whole = candidate.evidence(float(self.chances[i]))
        if len(candidate.text) <= LONG_SENTENCE or candidate.header:
            return whole
        a, b = around(candidate.text, self.span(i))
        return replace(whole, start=whole.start + a, end=whole.start + b, text=candidate.text[a:b])


def likelier(times: float, chances: NDArray[np.float64], which: Sequence[bool]) -> NDArray[np.float64]:
    """The chances, the odds of some of them so many times as high."""
    return np.where(which, times * chances / (1 + (times - 1) * chances), chances)


def own_words(asked: Sequence[str], k: int) -> tuple[Set[str], Set[str]]:
    """The words that only the k-th of the things asked has, and those that only others have."""
    parts = [t.fold(part) for part in asked]
    own = [
        {w for w, _ in content(part) if not any(w in p for j, p in enumerate(parts) if j != i)} - _SORTS
        for i, part in enumerate(parts)
    ]
    return own[k], set().union(*(w for i, w in enumerate(own) if i != k))


def together(each: Sequence[Weighed]) -> tuple[int, ...]:
    """A sentence for each of several things asked: the likeliest together, where each has other exact words."""
    likely = [[i for i in np.argsort(-w.chances).tolist()[:TRIED] if w.chances[i] >= w.line] for w in each]

    def worth(chosen: tuple[int, ...]) -> float:
        exact = [w.exact(i) for w, i in zip(each, chosen, strict=True)]
        told = [(i, e) if e is None else e for i, e in zip(chosen, exact, strict=True)]
        repeated = len(told) - len(set(told))
        fewer = len(chosen) - len(set(chosen)) - repeated
        value = float(np.prod([w.chances[i] for w, i in zip(each, chosen, strict=True)]))
        return value * REPEATED**repeated * FEWER ** max(fewer, 0)

    return max(product(*likely), key=worth)


def around(text: str, found: spans.Found) -> tuple[int, int]:
    """The clauses of a long sentence around a span, at most LONG_SENTENCE characters: earlier ones first."""
    edges = [0, *(m.end() for m in _PAUSE.finditer(text)), len(text)]
    first = max(i for i, e in enumerate(edges) if e <= found.start)
    last = min(i for i, e in enumerate(edges) if e >= found.end)
    while True:  # grow to both sides while it stays short
        left = edges[last] - edges[first - 1] if first else LONG_SENTENCE + 1
        right = edges[last + 1] - edges[first] if last + 1 < len(edges) else LONG_SENTENCE + 1
        if left <= LONG_SENTENCE:
            first -= 1
        elif right <= LONG_SENTENCE:
            last += 1
        else:
            break
    a, b = edges[first], edges[last]
    while a < b and text[a].isspace():
        a += 1
    while b > a and (text[b - 1].isspace() or _PAUSE.match(text[b - 1])):
        b -= 1
    return a, b


def corrects(candidate: Candidate) -> bool:
    """A sentence of a 更正 that says what was wrong."""
    return "更正" in candidate.hit.title + candidate.hit.heading and bool(_CORRECTION.search(candidate.text))
