"""Two questions come in; whether they ask the same goes out, as strictly as the use of it needs.

The one idea: what tells two questions apart is the word that each has and the other lacks (2024 and 2025, 蛇 and 狗).
Cosines of the built-in model do not (0.91–0.99 for pairs of either kind in tests/test_alike.py), words do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rag.question import Question
from rag.text import fold

WEIGHTY = 0.55  # of words of two characters and more: below stand 年, 活动, 情况…
SINGLE = 0.5  # what a word of one character counts for
SHARE = 0.5  # of what the longer question says, which both must say to be counted together
_IDLE = frozenset("年 多 大 怎么办 几点 应该 后来 时候 情况 现在".split())
_KINDS = {"how_many": "number", "when": "time", "where": "place", "who": "person", "why": "reason", "compare": "both"}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def same(a: Question, b: Question) -> bool:
    """What answers one answers the other: no word of either is missing in the other, figures and kind agree."""
    return _agree(a, b) and not _missing(a, b) and not _missing(b, a)


def together(a: Question, b: Question) -> bool:
    """To be counted as one: all that one of them says stands in the other too, and is half or more of what that says."""
    lacks, adds = _missing(a, b), _missing(b, a)
    if not _agree(a, b) or (lacks and adds):
        return False
    longer, missing = (_said(b), adds) if adds else (_said(a), lacks)
    return sum(longer.values()) - sum(missing.values()) >= SHARE * sum(longer.values())


def groups(questions: Sequence[Question]) -> list[list[int]]:
    """Places of the questions that are counted together, each group by its first. A question joins the first group
    whose first question it agrees with, so what a group stands for never drifts."""
    found: list[list[int]] = []
    by_sign: dict[str, list[int]] = {}
    for i, question in enumerate(questions):
        signs = {c for word in _said(question) for c in word}
        near = sorted({g for sign in signs for g in by_sign.get(sign, ())})
        home = next((g for g in near if together(questions[found[g][0]], question)), None)
        if home is not None:
            found[home].append(i)
            continue
        for sign in signs:
            by_sign.setdefault(sign, []).append(len(found))
        found.append([i])
    return found


def _agree(a: Question, b: Question) -> bool:
    kinds = {_KINDS[q.kind] for q in (a, b) if q.kind in _KINDS}
    return len(kinds) < 2 and set(_NUMBER.findall(fold(a.text))) == set(_NUMBER.findall(fold(b.text)))


def _said(question: Question) -> dict[str, float]:
    """Words that the question itself has (not what they may be printed as), with what they count for."""
    text, said = fold(question.text), {}
    for word, weight in question.terms:
        if word in text and word not in _IDLE and (weight >= WEIGHTY or len(word) == 1):
            said[word] = max(weight, SINGLE)
    return said or {text: 1.0}


def _missing(a: Question, b: Question) -> Mapping[str, float]:
    """Words of `a` that `b` lacks: not as they are, not in a longer word, and none of `b`'s stands in them."""
    text, theirs = fold(b.text), [word for word, _ in b.terms if word not in _IDLE]
    return {w: n for w, n in _said(a).items() if not (w in text or any(o in w or w in o for o in theirs))}
