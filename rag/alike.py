"""Two questions come in; whether they ask the same goes out, as strictly as the use of it needs.

The one idea: what tells two questions apart is the word that each has and the other lacks (2024 and 2025, 蛇 and 狗).
Cosines of the built-in model do not (0.91–0.99 for pairs of either kind in tests/test_alike.py), words do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.errors import Usage
from rag.question import Question, understand
from rag.text import fold

WEIGHTY = 0.55  # of words of two characters and more: below stand 年, 活动, 情况…
SINGLE = 0.5  # what a word of one character counts for
SHARE = 0.6  # of what the longer question says, which both must say to be counted together
_IDLE = frozenset("年 多 大 怎么办 几点 应该 后来 时候 情况 现在".split())
_WHAT = ("list", "which")  # 有哪些课、开设了什么课程: the same is asked
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class _Meant:
    """What of a question is compared, made once."""

    text: str  # folded
    kind: str  # what it wants to know; "" for a topic, which agrees with all
    numbers: frozenset[str]
    said: Mapping[str, float]  # words that it has itself (not what they may be printed as), with what they count for
    words: tuple[str, ...]  # those, and what they may be printed as

    @classmethod
    def of(cls, question: Question) -> _Meant:
        text, said = fold(question.text), {}
        for word, weight in question.terms:
            if word in text and word not in _IDLE and (weight >= WEIGHTY or len(word) == 1):
                said[word] = max(weight, SINGLE)
        words = tuple(word for word, _ in question.terms if word not in _IDLE)
        return cls(
            text,
            "what" if question.kind in _WHAT else "" if question.kind == "other" else question.kind,
            frozenset(_NUMBER.findall(text)),
            said or {text: 1.0},
            words,
        )

    def missing(self, other: _Meant) -> dict[str, float]:
        """Words that the other lacks: not as they are, not in a longer word, and half of them is none of its own words
        (种 is of 种植, but 县 not of 大邑县)."""
        return {
            w: n
            for w, n in self.said.items()
            if w not in other.text and not any(w in o or (o in w and 2 * len(o) >= len(w)) for o in other.words)
        }

    def agrees(self, other: _Meant) -> bool:
        return self.numbers == other.numbers and (not self.kind or not other.kind or self.kind == other.kind)


@lru_cache(maxsize=4096)
def _meant(question: Question) -> _Meant:
    return _Meant.of(question)


def same(a: Question, b: Question) -> bool:
    """What answers one answers the other: no word of either is missing in the other, figures and kind agree."""
    one, two = _meant(a), _meant(b)
    named = all(name in two.text for name in a.must) and all(name in one.text for name in b.must)
    return named and one.agrees(two) and not one.missing(two) and not two.missing(one)


def together(a: Question, b: Question) -> bool:
    """To be counted as one: all that one of them says stands in the other too, and is most of what that says."""
    return _together(_meant(a), _meant(b))


def _together(a: _Meant, b: _Meant) -> bool:
    if not a.agrees(b):
        return False
    lacks, adds = a.missing(b), b.missing(a)
    if lacks and adds:
        return False
    longer, missing = (b.said, adds) if adds else (a.said, lacks)
    return sum(longer.values()) - sum(missing.values()) >= SHARE * sum(longer.values())


@lru_cache(maxsize=4096)
def understood(text: str) -> Question | None:
    """A question as it was noted; None where nothing but marks is left of it. Each costs half a millisecond, and they
    are compared again and again."""
    try:
        return understand(text)
    except Usage:
        return None


def groups(questions: Sequence[Question]) -> list[list[int]]:
    """Places of the questions that are counted together, each group by its first. A question joins the first group
    whose first question it agrees with, so what a group stands for never drifts."""
    found: list[list[int]] = []
    firsts: list[_Meant] = []
    by_sign: dict[tuple[frozenset[str], str], list[int]] = {}  # numbers and a character → groups
    for i, question in enumerate(questions):
        meant = _meant(question)
        signs = {(meant.numbers, sign) for word in meant.said for sign in word}
        near = sorted({g for sign in signs for g in by_sign.get(sign, ())})
        home = next((g for g in near if _together(firsts[g], meant)), None)
        if home is not None:
            found[home].append(i)
            continue
        for sign in signs:
            by_sign.setdefault(sign, []).append(len(found))
        firsts.append(meant)
        found.append([i])
    return found
