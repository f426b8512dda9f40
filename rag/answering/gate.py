"""A written sentence and the text that should prove it come in; what the text does not bear out goes out.

Figures, dates, codes, quotations and names are compared one by one, after folding: a wrong figure is worse than
no answer. For the rest, most of the sentence's content words must stand in the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rag import text as t
from rag.answering.binding import mixed
from rag.answering.marks import CODE, NOT_WORD, QUOTE, bare, counts, marked, stands
from rag.answering.polarity import overdone, turned
from rag.answering.quantities import DATED, Date, Quantity, counter, dates, only_a_while, quantities

FaultKind = Literal["number", "unit", "date", "code", "quote", "name", "negation", "strong", "mixed", "words"]
HARD: frozenset[FaultKind] = frozenset({"number", "unit", "date", "code", "quote", "name"})

# Share of a sentence's content words that must stand in its evidence. On the shared development sentences honest
# paraphrases hold .58 and more, sentences beside another article's text .53 and less.
MOST = 0.55
# The same for each of its longer clauses: .44 and more in honest ones; what a model strings together has less.
CLAUSE, LONGER = 0.4, 6  # share; characters of content
TABLE = 0.75  # of both, where the evidence is a row of a table: it has no verbs


@dataclass(frozen=True, slots=True)
class Fault:
    """What a sentence says and its evidence does not. `found`: what stands there instead, where that is plain."""

    kind: FaultKind
    said: str
    found: str | None = None

    @property
    def hard(self) -> bool:
        """A figure, date, code, quotation or name: a sentence with one is not shown."""
        return self.kind in HARD


# ---------------------------------------------------------------- figures


def _same_unit(said: Quantity, there: Quantity) -> bool:
    """A figure without a known unit fits any but a date: 12个家庭 is not proved by 12月."""
    if not said.unit:
        return there.unit not in DATED
    return not there.unit or there.unit == said.unit


def years_of(date: str | None, before: str) -> frozenset[float]:
    """The years a sentence stands in: that of its article's date, and the one its text named last before it."""
    named = [q.value for q in quantities(before) if q.unit == "年" and 1000 <= q.value <= 2999]
    dated = [float(date[:4])] if date and date[:4].isdigit() else []
    return frozenset([*dated, *named[:1]])


def _figures(sentence: str, evidence: str, years: Collection[float]) -> Iterator[Fault]:
    there = list(quantities(evidence))
    folded = t.fold(evidence)
    for said in quantities(sentence):
        alike = [q for q in there if math.isclose(q.value, said.value, rel_tol=1e-9)]
        if said.ordinal and any(q.ordinal for q in there) and not any(q.ordinal for q in alike):
            alike = [q for q in alike if q.unit and q.unit == said.unit]
        if any(_same_unit(said, q) for q in alike):
            continue
        if said.unit == "年" and said.value in years:
            continue
        if not alike and (only_a_while(said, folded) or _counted_up(said, sentence, evidence)):
            continue
        if alike:
            yield Fault("unit", said.said, alike[0].said)
            continue
        same_unit = [q.said for q in there if q.unit and q.unit == said.unit]
        kind: FaultKind = "date" if said.unit and said.said[-1] in "年月日号" else "number"
        yield Fault(kind, said.said, same_unit[0] if len(same_unit) == 1 else None)


def _counted_up(said: Quantity, sentence: str, evidence: str) -> bool:
    """两天 of 19日至20日, 两家 of two that are named: what a writer counted himself, where nothing else is counted so."""
    if said.value > 4 or said.said[0] not in "两三四":
        return False
    if said.unit == "日":
        spans = [
            b.day - a.day + 1
            for a, b in pairwise(dates(evidence))
            if a.day and b.day and b.start - a.end < 3 and a.month == (b.month or a.month)
        ]
        return said.value in spans
    by = counter(t.fold(sentence), said)
    joined = said.value == 2 and re.search("[和与及、]", evidence)
    return bool(by and joined) and not any(counter(t.fold(evidence), q) == by for q in quantities(evidence))


def _dates(sentence: str, evidence: str) -> Iterator[Fault]:
    """A date put together from parts that stand apart: 2022年4月1日 where the evidence has 2023年4月1日."""
    there = dates(evidence)
    for said in dates(sentence):
        if sum(x is not None for x in said.fields) < 2:
            continue
        near = [d for d in there if sum(a is not None and a == b for a, b in zip(said.fields, d.fields, strict=True))]
        if near and not any(said.fits(d) for d in near) and max(_told(d) for d in near) > 1:
            closest = max(near, key=lambda d: sum(a == b for a, b in zip(said.fields, d.fields, strict=True)))
            yield Fault("date", sentence[said.start : said.end], evidence[closest.start : closest.end])


def _told(date: Date) -> int:
    return sum(x is not None for x in date.fields)


# 每小时25公里, 0、3、7天, 140/90: what a figure is measured by, and figures that mean something in a row
_RATE = re.compile(
    r"每(?:一)?(?:个)?(小时|分钟|秒|天|日|周|月|年|公顷|亩|平方米|立方米|平方公里|公里|米|公斤|克|升|人|平方厘米)"
)
_DIMENSION = {
    u: n
    for n, units in enumerate(
        ("小时 分钟 秒 天 周 月 年", "公顷 亩 平方米 平方公里 平方厘米", "公斤 克", "公里 米", "升 立方米")
    )
    for u in units.split()
}
_ROW = re.compile(r"(?<![\d.])\d+(?:\.\d+)?(?:[、/]\d+(?:\.\d+)?){2,}|(?<![\d.])\d+/\d+(?!\d)")


def _rates(sentence: str, evidence: str) -> Iterator[Fault]:
    told, there = t.fold(sentence), t.fold(evidence)
    units = {m[1].replace("日", "天") for m in _RATE.finditer(there)}
    for m in _RATE.finditer(told):
        unit = m[1].replace("日", "天")
        rivals = [u for u in units if u != unit and _DIMENSION.get(u) == _DIMENSION.get(unit, -1)]
        if unit not in units and rivals and not re.search(rf"(?:一个?|/|1){re.escape(unit)}", there):
            yield Fault("unit", m[0], f"每{rivals[0]}")


def _rows(sentence: str, evidence: str) -> Iterator[Fault]:
    there = t.fold(evidence)
    for m in _ROW.finditer(t.fold(sentence)):
        if m[0] not in there:
            yield Fault("number", m[0])


# ---------------------------------------------------------------- codes, quotations, names

_COMMON_CODES = {"ai", "app"}  # words like others


def _codes(sentence: str, there: str) -> Iterator[Fault]:
    for code in dict.fromkeys(CODE.findall(t.fold(sentence))):
        if code not in _COMMON_CODES and not re.search(rf"(?<![a-z]){re.escape(code)}(?![a-z0-9])", there):
            yield Fault("code", code)


def _quotes(sentence: str, there: str) -> tuple[str, list[Fault]]:
    """The sentence without its quotations (their figures are names: “青航1号”), and those that are not borne out."""
    bare = NOT_WORD.sub("", there)
    wrong = []
    for quoted in QUOTE.findall(sentence):
        if NOT_WORD.sub("", t.fold(quoted)) not in bare:
            wrong.append(Fault("quote", quoted))
        sentence = sentence.replace(quoted, "")
    return sentence, wrong


def _names(sentence: str, evidence: str, there: str) -> Iterator[Fault]:
    """Persons, places and bodies that the evidence does not have."""
    told = marked(sentence)
    for mark in told.names:
        name = mark.word
        if name in there or (mark.kind == "person" and _given(name) in there):
            continue
        if mark.kind == "place":
            if bare(name) not in there and not _here(evidence):
                yield Fault("name", name)
        elif mark.kind == "body":
            if not stands(name, there):
                yield Fault("name", name)
        # 彭建祥|和 cut as 彭建|祥和: a pair across the cut that stands in the evidence shows that it is no name
        elif not any(
            len(pair) == 2 and pair.isalnum() and pair in there
            for pair in (told.folded[mark.start - 1 : mark.start + 1], told.folded[mark.end - 1 : mark.end + 1])
        ):
            yield Fault("name", name)


_STANDS_FOR = re.compile("^[该这那其当本他她它我你此各有两三]")


def _replaced(sentence: str, evidence: str, there: str) -> Iterator[Fault]:
    """Another word in the very place of a name: 谷歌的研究人员 told of 微软的研究人员."""
    told, near = t.fold(sentence), marked(evidence)
    for mark in near.names:
        left, right = near.folded[max(0, mark.start - 2) : mark.start], near.folded[mark.end : mark.end + 2]
        if len(left) < 2 or len(right) < 2 or mark.word in told:
            continue
        m = re.search(rf"{re.escape(left)}([\u4e00-\u9fffa-z]{{2,8}}?){re.escape(right)}", told)
        if m and m[1] not in there and not set(m[1]) & set(mark.word) and not _STANDS_FOR.match(m[1]):
            yield Fault("name", m[1], mark.word)
            return


def _given(name: str) -> str:
    """The name without its surname; the whole of one that has but two characters."""
    return name[1:] if len(name) > 2 else name


_HERE = re.compile("[全本我][省市县区州镇乡村校]")


def _here(evidence: str) -> bool:
    """It says 全市 or 我省 and names no place: the place is the reader's."""
    return bool(_HERE.search(evidence)) and not any(m.kind == "place" for m in marked(evidence).names)


# ---------------------------------------------------------------- the rest

_CELLS = re.compile(r"\|.*\||\t")
_CLAUSES = re.compile(r"[，,；;：:]")


def length(sentence: str) -> int:
    """Characters of content: what evidence could bear out."""
    return sum(len(word) for word, tag, _ in marked(sentence).tagged if counts(word, tag))


def coverage(sentence: str, evidence: str) -> float:
    """Share, by length, of the sentence's content words that stand in the evidence; half of it for their characters."""
    return _held(sentence, t.fold(evidence))[0]


def _held(sentence: str, there: str) -> tuple[float, float]:
    """The coverage and the length of the content."""
    values = {number.value for number in t.numbers(there)}
    whole = held = 0.0
    for word, tag in t.tagged(sentence):
        if not counts(word, tag):
            continue
        whole += len(word)
        if word in there or any(number.value in values for number in t.numbers(word)):
            held += len(word)
        else:
            held += 0.5 * sum(c in there for c in word)
    return (held / whole if whole else 0.0), whole


def faults(sentence: str, evidence: str, *, around: str = "", years: Collection[float] = ()) -> list[Fault]:
    """What of the sentence the evidence does not bear out; empty: supported.

    `around`: title and headings above the evidence: names and words may come from there, figures may not.
    `years`: those the evidence stands in (`years_of`): 2月21日 is 2025年2月21日 in an article of that year.
    """
    near = t.fold(evidence)
    there = f"{near}\n{t.fold(around)}"
    plain, found = _quotes(sentence, there)
    found += [
        *_figures(plain, evidence, years),
        *_dates(plain, evidence),
        *_rates(plain, evidence),
        *_rows(plain, evidence),
        *_codes(sentence, there),
        *(list(_names(sentence, evidence, there)) or _replaced(sentence, evidence, there)),
        *(Fault("negation", said, instead) for said, instead in turned(sentence, evidence)),
        *(Fault("strong", said, instead) for said, instead in overdone(sentence, evidence)),
    ]
    if not found:
        crossed = mixed(sentence, evidence)
        if crossed:
            found.append(Fault("mixed", f"{crossed.said} · {crossed.of}", crossed.found))
    share = coverage(sentence, there)
    clauses = [_held(clause, there) for clause in _CLAUSES.split(sentence)]
    ease = TABLE if _CELLS.search(near) else 1.0
    if share < ease * MOST or any(part < ease * CLAUSE for part, length in clauses if length >= LONGER):
        found.append(Fault("words", f"{share:.2f}"))
    return found
