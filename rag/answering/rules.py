"""The chances of sentences come in, as they were learned; the same go out after what no learned choice may overlook: another
year, another name, a sentence without a figure where how many is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rag import text as t
from rag.answering import spans
from rag.answering.candidates import Candidate
from rag.answering.features import shown
from rag.answering.weighed import likelier
from rag.question import Question, kind_of

FORMLESS = 0.5  # what is left of the chance of a sentence whose figures or days are not of the sort asked for
FIGURELESS, A_DAY = 0.1, 0.3  # and where how many is asked of one that has no figure but of a day; how such a one suits
OTHER_SORT = 0.4  # how well a figure of another sort suits than the question's words suggest
SAME_SORT = 0.8  # how well a figure suits whose unit is that of the question, or a day that has its month
OTHER_YEAR = 0.15  # what is left of a sentence whose article speaks of other years than the one asked about
OFF_TOPIC = 0.3  # what is left where a passage speaks of nothing that the question names
SAME_QUESTION = 5.0  # by so much the odds of a sentence rise whose article's title asks the very question
ADVISES = 3.0  # and of one that says what to do or not to do, where that is asked
# What the chance of a sentence without a figure says for one of its article that has one; if that has any of its own.
LENT, HEARD = 0.3, 0.02

_ASKING = re.compile(r"(?:为什么|为何|为啥|为甚么|怎么|怎样|如何|咋)会?|[的是了呢啊要就都会]")
_ADVICE = re.compile(
    r"注意(?:些|点)?(?:什么|啥|哪些)|怎么办|咋办|怎么躲|怎[么样](?:预?防|避免|应对|处理|自救)|如何(?:预?防|避免|应对|处理|自救)|该怎么做"
)
_ADVISES = re.compile(
    r"不要|不能|不得|不宜|勿|避免|应[当该]?(?!用|力|急|邀)|必须|务必|要(?=先|把|用|及时|马上|立[即刻]|尽|选|注意|远离)|立[即刻]|马上|赶[快紧]|远离|[拔关]|躲[到进开]"
)


def ruled(question: Question, candidates: Sequence[Candidate], chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) chances of the candidates that they answer, from (n,) chances."""
    suits = suiting(question, candidates)
    chances = with_form(question, candidates, chances, suits)
    chances = np.where(other_year(question, candidates), OTHER_YEAR * chances, chances)
    chances = np.where(off_topic(question, candidates, suits), OFF_TOPIC * chances, chances)
    chances = likelier(SAME_QUESTION, chances, asked_by_title(question, candidates))
    if _ADVICE.search(t.fold(question.text)):
        chances = likelier(ADVISES, chances, [bool(_ADVISES.search(c.text)) for c in candidates])
    return chances


def suiting(question: Question, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """(n,) 0–1: how well the figures or days of each suit, where how many or when is asked; 1 where something else is. A
    figure of another sort suits better than none where the question does not name the sort itself (几天)."""
    if question.kind not in ("how_many", "when"):
        return np.ones(len(candidates))
    want = spans.need(question)
    any_sort = replace(want, units=frozenset())

    def best(asked: spans.Need, c: Candidate) -> float:
        return max((f.fit for f in spans.offers(asked, shown(c))), default=0.0)

    suits = [best(want, c) for c in candidates]
    if want.unit or not want.units:
        return np.array(suits)
    other = [OTHER_SORT if best(any_sort, c) > A_DAY else 0.0 for c in candidates]
    return np.maximum(suits, other)


def with_form(
    question: Question, candidates: Sequence[Candidate], chances: NDArray[np.float64], suits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What is left of the chances of sentences without such a figure or day as is asked for; and where one without any
    figure seemed the best, what that says for the one of its article that has such a figure."""
    none = (suits <= A_DAY) & (question.kind == "how_many")
    formed = np.where(suits >= spans.SUITS, 1.0, np.where(none, FIGURELESS, FORMLESS)) * chances
    first = int(chances.argmax()) if len(chances) else 0
    if len(chances) and none[first]:
        home = candidates[first].hit.article_id
        beside = [i for i, c in enumerate(candidates) if suits[i] >= spans.SUITS and home and c.hit.article_id == home]
        best = max(beside, key=lambda i: chances[i], default=None)
        if best is not None and chances[best] >= HEARD:
            formed[best] = max(formed[best], LENT * chances[first])
    return formed


_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")


def other_year(question: Question, candidates: Sequence[Candidate]) -> list[bool]:
    """Whether the article of each candidate names years (or has one for its date), and not the year of the question."""
    asked = {y for m in question.must for y in _YEAR.findall(m)}
    if not asked:
        return [False] * len(candidates)
    told: dict[str, set[str]] = {}
    for c in candidates:
        read = f"{c.hit.title} {c.hit.heading} {c.hit.text} {c.hit.date or ''}"
        told.setdefault(about(c), set()).update(_YEAR.findall(t.fold(read)))
    years = [told[about(c)] for c in candidates]
    return [
        bool(y) and not y & asked and not re.search("[去前上]年|同期", c.text)
        for c, y in zip(candidates, years, strict=True)
    ]


def off_topic(question: Question, candidates: Sequence[Candidate], suits: NDArray[np.float64]) -> list[bool]:
    """Whether the passage of each candidate holds none of the words that say what the question is about; where its figure
    or day is of the very sort asked for, none of the passages found of its article (目前种了120亩, in its last lines). And
    whether none of its article's holds any of the names in the question: another project's cost is no answer."""
    asked = t.fold(question.text)
    named = [w for w, weight in question.terms if weight >= 0.6 and len(w) > 1 and w in asked and w[0] not in "几多"]
    # AI is 人工智能 elsewhere
    names = [m for m in question.must if not m.isascii() and not any(c.isdigit() for c in m)]
    passages: dict[str, str] = {}
    articles: dict[str, str] = {}
    for c in candidates:
        place = f"{about(c)} {c.hit.passage_id}"
        if place not in passages:
            passages[place] = t.fold(f"{c.hit.title} {c.hit.heading} {c.hit.text}")
            articles[about(c)] = articles.get(about(c), "") + passages[place]
    sort = (suits >= SAME_SORT) & (question.kind in ("how_many", "when"))
    off = []
    for i, c in enumerate(candidates):
        told = articles[about(c)] if sort[i] else passages[f"{about(c)} {c.hit.passage_id}"]
        nothing = bool(named) and not any(w in told for w in named)
        nameless = bool(names) and not any(n in articles[about(c)] for n in names)
        off.append(nothing or nameless)
    return off


def about(candidate: Candidate) -> str:
    """What tells the articles of candidates apart, where there are none their passages."""
    return candidate.hit.article_id or str(candidate.hit.passage_id)


def asked_by_title(question: Question, candidates: Sequence[Candidate]) -> list[bool]:
    """Whether the title of each candidate's article asks why or how the same is so: 天为什么是蓝的 of 为什么天是蓝的."""
    letters = {c for c in _ASKING.sub("", t.fold(question.text)) if c.isalnum()}
    if question.kind not in ("why", "how") or len(letters) < 2:
        return [False] * len(candidates)
    same: dict[str, bool] = {}
    for title in {c.hit.title for c in candidates}:
        same[title] = kind_of(title) == question.kind and letters <= set(t.fold(title))
    return [same[c.hit.title] for c in candidates]
