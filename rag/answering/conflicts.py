"""Sentences that answer a question come in; pairs from different articles that answer it differently go out.

The one idea: two sentences contradict each other where they tell of the same event in the same words and differ in
what was asked: a figure, a date, a name. Another year, place or occasion is another event and no contradiction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from rag import text as t
from rag.answering.candidates import Candidate
from rag.answering.marks import Mark, Marked, MarkKind, bare, marked
from rag.answering.quantities import UNIT
from rag.question import Question

ABOUT_IT = 0.5  # share of the question's words that each of the two holds, with its title
ALIKE, SHARED = 3, 0.15  # pairs of characters that both share, at least; as a share of the shorter one's
UNKNOWN = 0  # a year that nothing tells
ROUGHLY = 0.06  # by how much two figures may differ where one of them is only about right

_ANYTHING: tuple[MarkKind, ...] = ("figure", "date", "person", "place", "body")
_WANTED: dict[str, tuple[MarkKind, ...]] = {
    "how_many": ("figure",),
    "when": ("date",),
    "who": ("person",),
    "where": ("place", "body"),
}
_CORRECTION = re.compile(r"更正|订正|勘误")
_WRONG = re.compile(r"应为|有误|误为|更正|订正|勘误")
_SHOULD_BE = re.compile(r"应为|应是|更正为|订正为|改为")
_AS_OF = re.compile(r"截至|截止|目前|现有|现在|已有|累计")
_IN_TIME = re.compile(
    r"今年|去年|明年|当年|全年|本年|上半年|下半年|本届|今日|昨日|近日|日前|今天|昨天|本月|上月|本周|上周|[年季月]度|\d月"
)
_ABOUT = re.compile(r"[约近超逾余多几来]|左右|上下|以上")
_COUNTED = re.compile(rf"(?:多少|几)(?:万|亿)?({'|'.join(sorted(map(re.escape, UNIT), key=len, reverse=True))})")
_QUOTES = re.compile('[“”「」『』"]')
# Things with names of their own: 云岭水库 and 青龙水库 are two
_NAMED = re.compile(
    r"(?<![全本我各外])([\u4e00-\u9fff]{2})(县|镇|乡|村|区|市|州|水库|大桥|小学|中学|大学|学院|医院|科技馆|图书馆|果园|公园|电站|社区|湿地|科协)"
)
_WHERE = re.compile(
    r"(?:在|位于|地点为|地点是|设在)([^，,。；;在]{3,20}?)(?:举行|召开|举办|开展|开幕|启动|进行|[，,。；;])"
)
_MEASURE = re.compile(
    "多[长高宽深大重]|全长|长度|高度|面积|口径|海拔|库容|[米里亩吨]"
)  # what does not change with the years
_DAY = re.compile(r"今日|昨日|近日|日前|今天|昨天|\d月")
_THAT_DAY = re.compile(r"今[日天晨晚早]|昨[日天晨晚]|前[日天](?!气)|当[日天晚](?!地)|同日")
SAME_NEWS = 3  # days that two reports of one day may lie apart
# What a figure is only held against is not what it belongs to: 月湖有800只，不及白鹭湾
_AGAINST = re.compile(
    r"(?:不及|不如|超过|高于|低于|多于|少于|大于|小于|次于|(?<![占对之环])比(?![赛例重分如较拼武试]))[^，,。；;]{1,16}"
)
NAMES_IT = 0.6  # weight of a word of the question that says what it is about
ALL_OF_IT = 0.85  # share of the question's words
RETOLD = 0.35  # share of the pairs of characters, figures apart, from which a sentence tells another one anew
_DIGITS = re.compile(r"[\d.]+")
_ANY = re.compile("[全本我各外某该这那两三几个座所家位于在到为是和与及由]")
_OCCASION = re.compile(r"第([一二三四五六七八九十百\d]+)(届|次|期|批|季|轮|版|场|回)")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sentences of different articles; `first` is to be shown first: the correction, else the newer."""

    first: Candidate
    second: Candidate
    said: str  # what the first says, in its words
    instead: str  # what the second says
    settled: bool  # the first corrects the second: it holds


def conflicts(question: Question, candidates: Sequence[Candidate]) -> list[Conflict]:
    """All pairs among the candidates that answer differently, in the candidates' order.

    The candidates are those that may answer, best first: this looks whether they contradict, not whether they answer.
    Those of no article (`read`) tell nothing of when they were written, and are left out.
    """
    told = [c for c in candidates if c.hit.article_id]
    found = []
    for a, b in combinations(told, 2):
        if a.hit.article_id == b.hit.article_id or (a.hit.title == b.hit.title and a.text == b.text):
            continue
        first, second = _in_order(a, b)
        differ = _differ(question, first, second)
        if differ is not None:
            found.append(Conflict(first, second, *differ, settled=corrects(first) and not corrects(second)))
    return found


def retells(question: Question, a: Candidate, b: Candidate) -> bool:
    """Two articles tell of one thing in nearly the same words, whatever figures they have, or both of all that is asked."""
    pairs = [set(t.bigrams(_DIGITS.sub(" ", t.fold(c.text)))) for c in (a, b)]
    both = len(pairs[0] & pairs[1])
    if both > ALIKE and both >= RETOLD * min(map(len, pairs)):
        return True
    return both >= ALIKE and all(_about(question, c) >= ALL_OF_IT for c in (a, b))


def corrects(candidate: Candidate) -> bool:
    """A sentence of a 更正 that says what was wrong."""
    return bool(
        _CORRECTION.search(f"{candidate.hit.title}{candidate.hit.heading}{candidate.hit.column or ''}")
        and _WRONG.search(candidate.text)
    )


def _in_order(a: Candidate, b: Candidate) -> tuple[Candidate, Candidate]:
    if corrects(a) != corrects(b):
        return (a, b) if corrects(a) else (b, a)
    return (a, b) if (a.hit.date or "") >= (b.hit.date or "") else (b, a)


def _differ(question: Question, first: Candidate, second: Candidate) -> tuple[str, str] | None:
    """What each says where they differ; None: not of the same event, or not different."""
    a, b = (marked(_QUOTES.sub(" ", c.text)) for c in (first, second))  # “12公里”有误: what is quoted is told too
    correction = corrects(first) != corrects(second)
    if not all(_about(question, c) >= ABOUT_IT for c in (first, second)):
        return None
    pairs = [set(t.bigrams(c.text)) for c in (first, second)]
    if len(pairs[0] & pairs[1]) < max(ALIKE, SHARED * min(map(len, pairs))) or (
        not correction and (_of_others(question, first, second) or not _same_event(question, first, second))
    ):
        return None
    for kind in _ANYTHING if correction else _WANTED.get(question.kind, ()):
        mine, theirs = list(_answers(kind, a, question)), list(_answers(kind, b, question))
        if correction and _SHOULD_BE.search(a.folded):  # what else it tells of (the day of the story) corrects nothing
            mine = [m for m in mine if _SHOULD_BE.search(a.folded[: m.start])]
        for x, y in _opposed(mine, theirs, a, b, question, correction):
            return first.text[x.start : x.end], second.text[y.start : y.end]
    if question.kind == "where":
        where = [_WHERE.search(c.text) for c in (first, second)]
        if where[0] and where[1] and not _alike(where[0][1], where[1][1]):
            return where[0][1], where[1][1]
    return None


def _alike(a: str, b: str) -> bool:
    """One of two places as they are told holds the other, or most of its characters."""
    x, y = set(t.fold(a)), set(t.fold(b))
    return x <= y or y <= x or len(x & y) >= 0.8 * min(len(x), len(y))


# ---------------------------------------------------------------- the same event


def _about(question: Question, c: Candidate) -> float:
    own = t.fold(question.text)
    terms = [(w, weight) for w, weight in question.terms if w in own and len(w) > 1]
    whole = sum(weight for _, weight in terms) or 1.0
    text = t.fold(f"{c.hit.title} {c.hit.heading} {c.text}")
    return sum(weight for w, weight in terms if w in text) / whole


def _of_others(question: Question, first: Candidate, second: Candidate) -> bool:
    """One of the two speaks of a thing that the question names, and the other nowhere does, or only compares with it."""
    own = t.fold(question.text)
    named = {w for w, weight in question.terms if weight >= NAMES_IT and len(w) > 1 and w in own and not w.isdigit()}
    told = [_AGAINST.sub("", t.fold(f"{c.hit.title}\n{c.hit.heading}\n{c.text}")) for c in (first, second)]
    around = [_AGAINST.sub("", t.fold(f"{c.hit.title}\n{c.hit.heading}\n{c.hit.text}")) for c in (first, second)]
    return any((w in told[0] and w not in around[1]) or (w in told[1] and w not in around[0]) for w in named)


def _same_event(question: Question, first: Candidate, second: Candidate) -> bool:
    a, b = (marked(f"{c.hit.title}。{c.text}") for c in (first, second))
    if question.kind != "where" and _named_apart(a.folded, b.folded):
        return False
    turns = [{m[2]: t.numbers(m[1])[0].value for m in _OCCASION.finditer(x.folded) if t.numbers(m[1])} for x in (a, b)]
    if any(turns[0][k] != turns[1][k] for k in turns[0].keys() & turns[1].keys()):
        return False
    if question.kind != "when":
        dates = [list(_events(x)) for x in (a, b)]
        if dates[0] and dates[1] and not any(x.same(y) for x in dates[0] for y in dates[1]):
            return not any(_clash(x, y) for x in dates[0] for y in dates[1])
        lasting = bool(_MEASURE.search(question.text))
        if not lasting and all(_THAT_DAY.search(c.text) for c in (first, second)) and not _near(first, second):
            return False
        years = [_year(c, x, lasting) for c, x in ((first, a), (second, b))]
        if None in years:  # against a year's figure one that nothing dates tells of any year
            dated = all(c.hit.date for c, year in ((first, years[0]), (second, years[1])) if year is None)
            return years == [None, None] or lasting or dated
        return years[0] == years[1] != UNKNOWN
    return True


def _near(first: Candidate, second: Candidate) -> bool:
    """Both are known to have been written within a few days."""
    try:
        days = [date.fromisoformat(c.hit.date or "") for c in (first, second)]
    except ValueError:
        return False
    return abs((days[0] - days[1]).days) <= SAME_NEWS


def _named_apart(a: str, b: str) -> bool:
    """Both name a thing of one sort, and never the same one."""
    heads: list[dict[str, set[str]]] = []
    for text in (a, b):
        found: dict[str, set[str]] = {}
        for m in _NAMED.finditer(text):
            if not _ANY.search(m[1]):
                found.setdefault(m[2], set()).add(m[1])
        heads.append(found)
    return any(not heads[0][sort] & heads[1][sort] for sort in heads[0].keys() & heads[1].keys())


def _clash(a: Mark, b: Mark) -> bool:
    return a.date is not None and b.date is not None and a.date.differs(b.date)


def _events(text: Marked) -> Iterator[Mark]:
    """Dates of the event, not those up to which a count goes."""
    for m in text.marks:
        if m.date is not None and not _AS_OF.search(text.folded[max(0, m.start - 3) : m.start]):
            yield m


def _year(c: Candidate, text: Marked, lasting: bool) -> int | None:
    """The year in which a sentence stands; None for what is true in any year, UNKNOWN for 今年 in an article without a
    date. `lasting`: the day of news tells nothing."""
    told = [m.date.year for m in _events(text) if m.date is not None and m.date.year is not None]
    if told:
        return told[0]
    if _IN_TIME.search(_DAY.sub("", text.folded) if lasting else text.folded) or _AS_OF.search(text.folded):
        written = (c.hit.date or "")[:4]
        return int(written) if written.isdigit() else UNKNOWN
    return None


# ---------------------------------------------------------------- what they say


def _answers(kind: MarkKind, text: Marked, question: Question) -> Iterator[Mark]:
    own = t.fold(question.text)
    counted = _COUNTED.search(own) if kind == "figure" else None
    unit = UNIT.get(counted[1], "") if counted else ""
    for m in text.marks:
        if unit and m.family != unit:
            continue
        if m.kind == kind and text.folded[m.start : m.end] not in own and (kind != "figure" or m.family):
            yield m


def _opposed(
    mine: Sequence[Mark], theirs: Sequence[Mark], a: Marked, b: Marked, question: Question, correction: bool
) -> Iterator[tuple[Mark, Mark]]:
    """Marks of one kind that differ and stand among the same words."""
    asked = [w for w, _ in question.terms if len(w) > 1]
    for x in mine:
        for y in theirs:
            if x.family != y.family or _agree(x, y, a, b) or any(_agree(x, z, a, b) for z in theirs):
                continue
            if any(_agree(z, y, a, b) for z in mine):
                continue
            if (
                correction
                or _beside(x, a) & _beside(y, b)
                or _nearest(asked, x, mine, a) == _nearest(asked, y, theirs, b) != ""
            ):
                yield x, y


def _agree(x: Mark, y: Mark, a: Marked, b: Marked) -> bool:
    if x.date is not None and y.date is not None:
        return not x.date.differs(y.date)
    if x.kind == "figure":
        if "~" in x.word + y.word:
            return x.word == y.word
        u, v = float(x.word), float(y.word)
        rough = any(_ABOUT.search(text.folded[max(0, m.start - 2) : m.end + 2]) for m, text in ((x, a), (y, b)))
        return math.isclose(u, v, rel_tol=ROUGHLY if rough else 1e-9)
    return bare(x.word) in y.word or bare(y.word) in x.word


def _beside(mark: Mark, text: Marked) -> set[str]:
    """Words of content near the mark, on both sides."""
    return {
        m.word
        for m in text.marks
        if m is not mark and m.kind != "figure" and text.apart(m.start, mark.start) - len(m.word) < 10
    }


def _nearest(words: Sequence[str], mark: Mark, others: Sequence[Mark], text: Marked) -> str:
    """The question's word that stands nearest to the mark, if no other mark of its kind stands nearer to it."""
    spots = [
        (text.apart(m.start(), mark.start), w, m.start()) for w in words for m in re.finditer(re.escape(w), text.folded)
    ]
    if not spots:
        return ""
    far, word, at = min(spots)
    return word if all(text.apart(at, o.start) >= far for o in others) else ""
