"""A question and its passages come in; the sentence that contradicts what the question takes for granted, or None.

The one idea: a passage that tells of the very event, and has another year, person, figure or place where the
question has its own, corrects the question. It fires only where the passages nowhere bear out what was assumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag import text as t
from rag.answering import Said
from rag.answering.candidates import Candidate, gather
from rag.answering.marks import CITIES, Mark, Marked, bare, marked, stands
from rag.answering.polarity import CHANGES, denied
from rag.question import Question, is_name
from rag.types import Hit

LOOKED_AT = 80  # sentences, in the order of the hits
# Shares of the other words of the assuming clause that the correcting sentence must hold. It fires on 11 of 5,351 questions
# whose passage answers them (CMRC, DRCD, XQuAD, news).
SAME_EVENT = 0.66  # with its title and the sentence before it
ITS_OWN = 0.5  # by itself
CERTAIN = 0.8  # by itself, where the same article has the assumed name too, of something else
HEARD_OF = 0.4  # share beside which a sentence that holds the assumed thing bears it out
OUTDONE = 0.4  # by how much another sentence may hold more of both
ENOUGH = 1.2  # weight of those words, at least: two names or nouns

_PROVINCES = frozenset(
    "河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州 云南 陕西 甘肃 "
    "青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门".split()
)
_CONTINENTS = frozenset("亚洲 欧洲 非洲 美洲 北美洲 南美洲 大洋洲 南极洲".split())
_COUNTRIES = frozenset(
    "美国 英国 法国 德国 日本 俄罗斯 苏联 印度 巴西 加拿大 澳大利亚 意大利 西班牙 荷兰 瑞典 瑞士 韩国 埃及 墨西哥 泰国 越南 新加坡".split()
)
_COMMON = frozenset("公司集团大学学院研究所院局部厅会协中心实验室医日本美国英国法国德国中国")
_EVERY_YEAR = re.compile("[冠亚季]军|得主|获得者|夺冠")  # asked who: the year says which time, it assumes nothing
_PART = re.compile("[·•・代]")  # 博辛瓦 of 若泽·博辛瓦, 1930年代
_BREAK = re.compile(r"[，,；;：:。！？!?\n]|以后|之后|的时候|时(?=多|有|是|在|的|候)")
_YEARS = re.compile(r"((?:1\d|20)\d\d)年?(?:\d+月)?(?:至|到|-{1,2}|~)((?:1\d|20)\d\d)")  # 从1921年至1945年
_ASKS = re.compile("[哪何由在是谁]")
_ASKED = re.compile(
    r"什么|为何|怎么样?|怎样|如何|多少|哪[个些里年天位家种]?|几|谁|多[大长高远久重]|吗|呢|是|的|了|在|有|原因|样子|名字|时候"
)
_HOW = re.compile("多[大少长久高远重]")  # 赖颖多大年纪 is cut as 赖颖多|大年纪
_STRETCH = re.compile(r"(?:至|到|-|~|—)\s*$")
_NEAR = 8  # characters within which two words stand beside each other


@dataclass(frozen=True, slots=True)
class _Told:
    """A sentence that may tell of the event: how much of the assuming clause it holds, alone and with what is around."""

    candidate: Candidate
    own: float
    all: float


def contradicted(question: Question, hits: Sequence[Hit]) -> Said | None:
    """The sentence that says otherwise, to be cited; None where nothing that was assumed is contradicted."""
    told = marked(question.text)
    candidates = gather(hits)[:LOOKED_AT]
    each_year = question.kind == "who" and _EVERY_YEAR.search(told.folded)
    for mark in _assumed(told):
        if mark.date is not None and each_year:
            continue
        found = _otherwise(mark, told, question, candidates)
        if found is not None:
            return Said(found.text, (found.evidence(1.0),))
    turned = _turned_round(told, question, candidates)
    return Said(turned.text, (turned.evidence(1.0),)) if turned is not None else None


def _turned_round(told: Marked, question: Question, candidates: Sequence[Candidate]) -> Candidate | None:
    """The sentence in which what the question asks the reason or the size of went the other way: 为什么推迟了6天, and
    everything that tells of it says 提前了6天. (It fires on none of 3,865 such questions whose passage answers them.)"""
    if question.kind not in ("why", "how_many"):
        return None
    figures = {m.word for m in told.marks if m.kind == "figure"}
    for said, other in (pair for both in CHANGES for pair in (both, both[::-1])):
        at = told.folded.find(said)
        if at < 0 or other in told.folded or denied(told, at):
            continue
        clause = _Clause.around(Mark("word", said, "", at, at + len(said)), told, question)
        heaviest = max(clause.words.values(), default=0.0)
        found: list[Candidate] = []
        for c in candidates if clause.whole >= ENOUGH else ():
            there, around = marked(c.text), t.fold(f"{c.hit.title} {c.hit.heading}")
            all_ = clause.share(there, around)
            if said in there.folded and all_ >= HEARD_OF:
                break
            where = there.folded.find(other)
            sure = where >= 0 and not denied(there, where) and figures <= {m.word for m in there.marks}
            sure = sure and all(w in there.folded + around for w, weight in clause.words.items() if weight == heaviest)
            if sure and all_ >= SAME_EVENT and clause.share(there) >= ITS_OWN:
                found.append(c)
        else:
            if found:
                return found[0]
    return None


def _assumed(told: Marked) -> list[Mark]:
    """What the question takes for granted and could be wrong about."""
    return [
        m
        for m in told.marks
        if not any(_PART.match(c) for c in (told.folded[m.end : m.end + 1], told.folded[m.start - 1 : m.start]))
        and (
            m.kind in ("place", "body")
            or (
                m.kind == "person"
                and is_name(m.word)
                and not _ASKS.search(m.word)
                and not _HOW.match(told.folded, m.end - 1)
            )
            or (m.kind == "figure" and _firm(m, told))
            or (m.date is not None and m.date.year is not None)
        )
    ]


def _firm(figure: Mark, told: Marked) -> bool:
    """A figure that is stated: no range, no 一年 of 哪一年, no 六号 of a name, no difference, not 将近5万."""
    said, before = told.folded[figure.start : figure.end], told.folded[max(0, figure.start - 3) : figure.start]
    after = told.folded[figure.end : figure.end + 2]
    return bool(
        figure.family
        and "~" not in figure.word
        and said[0] not in "一两几"
        and not said.endswith("号")
        and not re.search("[多少增减差第近约]", before)
        and not re.match("左右|上下|以上|以下", after)
    )


def _otherwise(mark: Mark, told: Marked, question: Question, candidates: Sequence[Candidate]) -> Candidate | None:
    clause = _Clause.around(mark, told, question)
    if clause.whole < ENOUGH:
        return None
    best: _Told | None = None
    most = 0.0
    heard: set[str] = set()
    last: Candidate | None = None
    for c in candidates:
        before = last.text if last is not None and last.stretch == c.stretch else ""
        around, there = t.fold(f"{c.hit.title} {c.hit.heading} {before}"), marked(c.text)
        own, both = clause.share(there), clause.share(there, around)
        last = c
        if _bears(mark, c, around):
            if both >= HEARD_OF:
                return None
            heard.add(_article(c))
            continue
        most = max(most, own + both)
        if (best is None or own + both > best.all + best.own) and _instead(mark, told, c, list(clause.words)):
            best = _Told(c, own, both)
    if best is None or best.all < SAME_EVENT or best.own < ITS_OWN or most - best.all - best.own > OUTDONE:
        return None
    if _article(best.candidate) in heard and mark.date is None and best.own < CERTAIN:
        return None
    return best.candidate


def _article(c: Candidate) -> str:
    return c.hit.article_id or str(c.hit.passage_id)


@dataclass(frozen=True, slots=True)
class _Clause:
    """The clause that assumes, without the thing assumed: its words with their weights, its dates, its characters."""

    words: dict[str, float]
    dates: tuple[Mark, ...]
    pairs: frozenset[str]

    @classmethod
    def around(cls, mark: Mark, told: Marked, question: Question) -> _Clause:
        begin = max((m.end() for m in _BREAK.finditer(told.folded) if m.end() <= mark.start), default=0)
        end = min((m.start() for m in _BREAK.finditer(told.folded) if m.start() >= mark.end), default=len(told.folded))
        rest = f"{told.folded[begin : mark.start]}\n{told.folded[mark.end : end]}"
        dates = tuple(m for m in told.marks if m.kind == "date" and m is not mark and begin <= m.start < end)
        dated = "".join(m.word for m in told.marks if m.kind == "date")
        words = {
            w: weight
            for w, weight in question.terms
            if w in rest and weight >= 0.35 and (len(w) > 1 or w.isdigit()) and not (w.isdigit() and w in dated)
        }
        return cls(words, dates, frozenset(p for p in t.bigrams(_ASKED.sub("\n", rest))))

    @property
    def whole(self) -> float:
        return sum(self.words.values()) + len(self.dates)

    def share(self, there: Marked, around: str = "") -> float:
        """What of the clause the sentence (and what stands around it) holds, by words or by pairs of characters."""
        text = there.folded + "\n" + around
        got = sum(weight for w, weight in self.words.items() if w in text)
        got += sum(any(d.same(m) for m in there.marks) for d in self.dates)
        pairs = sum(p in text for p in self.pairs) / len(self.pairs) if len(self.pairs) > 3 else 0.0
        return max(got / self.whole, pairs)


def _bears(mark: Mark, c: Candidate, around: str) -> bool:
    """The sentence, what stands around it or its date has what the question assumes."""
    there = marked(c.text)
    if mark.date is not None:
        years = {m.date.year for m in there.marks if m.date is not None and m.date.year is not None}
        if mark.date.month is not None:
            return any(m.date is not None and m.date.month and mark.date.fits(m.date) for m in there.marks)
        if mark.date.year in years or f"{mark.date.year}" in around:
            return True
        if any(int(m[1]) <= (mark.date.year or 0) <= int(m[2]) for m in _YEARS.finditer(there.folded)):
            return True
        return not years and (c.hit.date or "")[:4] == str(mark.date.year)
    if mark.kind == "figure":
        return any(m.kind == "figure" and mark.word in m.word.split("~") for m in there.marks)
    word = bare(mark.word)
    return word in there.folded or word in around or (mark.kind == "body" and stands(mark.word, there.folded))


def _instead(mark: Mark, told: Marked, c: Candidate, words: Sequence[str]) -> Mark | None:
    """What the sentence has in the place of the mark; None where that is not plain."""
    there = marked(c.text)
    rivals = [m for m in there.marks if _same_sort(mark, m) and not mark.same(m) and m.word not in told.folded]
    if not rivals:
        return None
    if mark.date is not None:
        nearest = min(rivals, key=lambda m: sum(_distance(w, m, there) for w in words))
        return nearest if not _STRETCH.search(there.folded[: nearest.start]) else None
    beside = _beside(mark, told)
    # two unknown characters are a name by chance more often
    needed = (
        2 if mark.kind == "body" or (mark.kind == "person" and len(mark.word) < 3 and not t.known(mark.word)) else 1
    )
    for m in rivals:
        if len(beside & _beside(m, there)) >= needed:
            return m
    # All of the clause, and one thing in the place of what was assumed; a person's clause must say a good deal.
    told_whole = all(w in there.folded for w in words) and (mark.kind == "figure" or len(words) > 3)
    return rivals[0] if len(rivals) == 1 and mark.kind in ("figure", "person") and told_whole else None


def _same_sort(mark: Mark, other: Mark) -> bool:
    if mark.kind == "person" and other.kind == "place":  # the dictionary takes 瑞利 for a place
        return _level(other.word) == "" and not set(mark.word) & set(other.word)
    if mark.kind != other.kind:
        return False
    if mark.kind in ("person", "body") and len((set(mark.word) & set(other.word)) - _COMMON) > (mark.kind == "person"):
        return False
    if mark.date is not None and other.date is not None:
        shared = sum(a is not None and a == b for a, b in zip(mark.date.fields, other.date.fields, strict=True))
        return mark.date.differs(other.date) and other.date.year is not None and (mark.date.month is None or shared > 0)
    if mark.kind == "figure":
        return mark.family == other.family and "~" not in other.word
    if mark.kind == "place" and bare(mark.word) in _PROVINCES:
        own = next((p for p in _PROVINCES if other.word.startswith(p)), "")
        return own != "" and own != bare(mark.word)
    if mark.kind == "place":
        return _level(mark.word) == _level(other.word) != ""
    return True


def _level(place: str) -> str:
    """Of what size a place is, as far as its name tells: a county does not contradict its province."""
    name = bare(place)
    kinds = (("province", _PROVINCES), ("city", CITIES), ("continent", _CONTINENTS), ("country", _COUNTRIES))
    for level, names in kinds:
        if name in names or place in names:
            return level
    return {"市": "city", "县": "county", "区": "county", "镇": "town", "乡": "town", "村": "village"}.get(
        place[-1], ""
    )


def _beside(mark: Mark, text: Marked) -> set[str]:
    """Words of content within a few characters of the mark, on both sides, in its clause."""
    return {
        m.word
        for m in text.marks
        if m is not mark and text.apart(m.start, mark.start) - len((m if m.start < mark.start else mark).word) < _NEAR
    }


def _distance(word: str, mark: Mark, there: Marked) -> int:
    spots = [m.start() for m in re.finditer(re.escape(word), there.folded)]
    return min((there.apart(s, mark.start) for s in spots), default=0)
