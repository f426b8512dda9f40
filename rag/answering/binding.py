"""A sentence and its evidence come in; what the sentence joins and the evidence keeps apart goes out.

The one idea: what stands together in the sentence (a figure and its date, a name and its deed) must stand nearer
together in the evidence than either stands to something else of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.marks import Mark, Marked, bare, marked, verbatim

LONG = 600  # characters; in longer evidence what is near tells little
AT_HAND = 30
STOP = 25  # what a full stop or semicolon counts, see marks
BESIDE = 40  # a word that the evidence says often belongs to the mark where one of them stands so near to it
NEARER = 4  # how much nearer, in characters and stops, a rival must be before it counts
ENOUGH = 4  # characters of words, or one figure or name, that stand in one line alone
AGREED = 4  # characters of plain words that must agree where nothing with rivals tells
_CLAUSES = re.compile(r"[，,；;：:。！？!?\n]")
_ADVERBIAL = re.compile(
    r"(?:截至|截止|自|从|在|到|于|至|约|公元)*(?:底|初|末|年底|年末|上旬|中旬|下旬|上午|下午|晚上?|零时|凌晨|起|以来|之前|之后|期间|时|前|后|夏天|冬天|春天|秋天|当天|这天)*"
)
_FROM_TO = re.compile(
    r"(?:由|从)(?P<a>.{1,14}?)(?:调|降|升|提高|增|减|改|变|扩大|涨|跌|下降|上升)[^，,。]{0,4}?(?:到|至|为|成)"
)
_AGAINST = re.compile(
    r"战胜|击败|打败|战平|不敌|负于|输给|高于|低于|多于|少于|大于|小于|优于|超过|(?<=[^相对])比(?=[^例较如赛分值重])"
)
_NAMED = ("person", "place", "body", "quote")
_TURNED = re.compile("被|由|受|给|遭")
_LABEL = re.compile(
    r"(?:^|(?<=[\s:：，,。；;、]))([a-z]|\d{1,2}|[一二三四五六七八九十甲乙丙丁])([组队区类级班号档])\s*[:：]"
)
_PLAYED = re.compile(r"饰演?[:：]?\s*[“\"]?")
_PLAYS = re.compile(r"主演|演员|出演|领衔|参演|导演|编剧|演唱")


@dataclass(frozen=True, slots=True)
class Mixed:
    """`said` is told of `of`; the evidence tells `found` of it instead, where that is plain."""

    said: str
    of: str
    found: str | None


def mixed(sentence: str, evidence: str) -> Mixed | None:
    """The first thing that the sentence joins to what the evidence keeps apart from it; None: nothing."""
    told, there = marked(sentence, evidence), marked(evidence)
    if verbatim(told, there):
        return None
    for check in (_turned, _mislabelled, _crossed, _stitched) if len(evidence) <= LONG else (_turned, _mislabelled):
        found = check(told, there)
        if found:
            return found
    return None


# ---------------------------------------------------------------- labelled


def _mislabelled(told: Marked, evidence: Marked) -> Mixed | None:
    """What a list has under one label, told of another: 河南队在A组, where E组 has 河南; and a part that is played, told as
    who plays it."""
    there = evidence.folded
    labels = list(_LABEL.finditer(there))
    heads = [m[1] + m[2] for m in labels]
    edges = [*(m.start() for m in labels), len(there)]
    under = [there[m.end() : end] for m, end in zip(labels, edges[1:], strict=True)]
    for label in dict.fromkeys(heads if len(heads) > 1 else ()):
        at = told.folded.find(label)
        if at < 0 or any(head in told.folded for head in heads if head != label):
            continue
        nouns = ((i, word.removesuffix("队")) for word, tag, i in told.tagged if tag[:1] in "nj")
        near = sorted((abs(at - i), word) for i, word in nouns if len(word) > 1)
        for _, word in near:  # the nearest that the list has says which label is meant
            having = [head for head, part in zip(heads, under, strict=True) if word in part]
            if having and label not in having:
                return Mixed(word, label, having[0])
            if having:
                break
    if _PLAYS.search(told.folded) and not _PLAYED.search(told.folded):
        for name in (m.word for m in told.names if m.kind == "person"):
            played = [
                _PLAYED.search(there[max(0, m.start() - 6) : m.start()]) for m in re.finditer(re.escape(name), there)
            ]
            if played and all(played):
                return Mixed(name, "饰", None)
    return None


# ---------------------------------------------------------------- clauses


@dataclass(frozen=True, slots=True)
class _Clause:
    start: int
    marks: tuple[Mark, ...]
    elliptic: bool  # it begins with its verb or a date: its subject stands in the clause before


def _segments(told: Marked) -> list[_Clause]:
    """The marks of each clause; a clause that is only a time belongs to the one it opens."""
    edges = [*(m.start() for m in _CLAUSES.finditer(told.folded)), len(told.folded)]
    segments: list[_Clause] = []
    held: list[Mark] = []
    begin = start = 0
    for edge in edges:
        marks = [m for m in told.marks if begin <= m.start < edge]
        clause = told.folded[begin:edge]
        begin, at = edge + 1, begin
        if not marks:
            continue
        start = start if held else at
        held += marks
        if _only_when(clause, marks) and edge != edges[-1]:
            continue
        segments.append(_Clause(start, tuple(held), _elliptic(start, told)))
        held = []
    return segments


def _only_when(clause: str, marks: Sequence[Mark]) -> bool:
    """截至2024年底, 会上, 6日上午: no fact of its own."""
    rest = clause
    for mark in marks:
        if mark.kind == "date":
            rest = rest.replace(mark.word, "")
    return len(rest) < len(clause) and bool(_ADVERBIAL.fullmatch(rest.strip(' "')))


def _elliptic(start: int, told: Marked) -> bool:
    for word, tag, at in told.tagged:
        if at >= start and (tag[:1] in "nvjrt" or (tag == "m" and word.isdigit())):
            return tag[:1] in "vtm"
    return False


# ---------------------------------------------------------------- crossed


def _places(mark: Mark, there: Marked) -> list[Mark]:
    return [m for m in there.marks if mark.same(m)]


def _rival(mark: Mark, other: Mark) -> bool:
    """Others of its kind: 52人 and 80人, 籼稻 and 粳稻, 第二次 and 第三次."""
    if mark.kind != other.kind or mark.family != other.family or mark.same(other):
        return False
    if mark.kind == "figure":
        return bool(mark.family)
    if mark.date is not None and other.date is not None:
        return mark.date.differs(other.date)
    if mark.kind != "word":
        return True
    return (
        mark.family in ("thing", "m")
        and mark.word[-1] == other.word[-1]
        and abs(len(mark.word) - len(other.word)) <= 1
        and mark.word not in other.word
        and other.word not in mark.word
    )


def _rivals(mark: Mark, there: Marked) -> list[Mark]:
    return [m for m in there.marks if _rival(mark, m)]


def _crossed(told: Marked, there: Marked) -> Mixed | None:
    segments = _segments(told)
    for i, clause in enumerate(segments):
        before = segments[i - 1].marks if i and clause.elliptic else ()
        for mark in clause.marks:
            own = _places(mark, there)
            others = [r for r in _rivals(mark, there) if not any(_listed(r, o, there) for o in own)] if own else []
            if not others:
                continue
            voters = _voters(mark, clause.marks, told)
            if before and not any(_akin(mark, m) for m in before):
                # said in the clause before: it may stand as far away in the evidence
                voters += [m for m in before if m.hard and not _at_hand(m, own, there)]
            found = _judged(mark, own, others, voters, there)
            if found:
                return found
    return None


def _voters(mark: Mark, marks: Sequence[Mark], told: Marked) -> list[Mark]:
    """What the clause says together with the mark: what stands nearer to it than to another of its kind."""
    alike = [m for m in marks if _rival(mark, m)]
    voters = []
    for m in marks:
        if m is mark or _akin(mark, m):
            continue
        far = told.apart(m.start, mark.start)
        if any(told.apart(m.start, x.start) < far for x in alike):
            continue
        if any(_rival(m, x) and told.apart(x.start, mark.start) < far for x in marks):
            continue
        voters.append(m)
    return voters


def _judged(
    mark: Mark, own: Sequence[Mark], others: Sequence[Mark], voters: Sequence[Mark], there: Marked
) -> Mixed | None:
    """What the voters (what the sentence says together with the mark) stand nearer to: the mark, or another of its kind.

    Those that have rivals themselves decide; where none has, plain words do if all agree.
    """
    telling = {True: 0.0, False: 0.0}
    plain = {True: 0, False: 0}
    against: tuple[Mark, Mark] | None = None
    for voter in voters:
        at = _places(voter, there)
        if not at:
            continue
        near, mine = min(((_gap(v, o, there), o) for v in at for o in own), key=lambda x: x[0])
        far, other = min(((_gap(v, o, there), o) for v in at for o in others), key=lambda x: x[0])
        touching = _touch(voter, mark) and any(_touch(v, other) for v in at) and not any(_touch(v, mine) for v in at)
        if not touching and (abs(near - far) < NEARER or (len(at) > 1 and far < near < BESIDE)):
            continue
        holds = near < far
        rivals = _rivals(voter, there)
        elsewhere = not {_line(o, there) for o in own} & {_line(v, there) for v in at}
        names = mark.kind in (*_NAMED, "code") or (mark.kind == "word" and voter.kind in _NAMED)
        # several names stand in a line by right: only where each has the other's partner are they crossed
        crossed = mark.hard and voter.hard and any(_gap(mine, r, there) < STOP for r in rivals)
        if not holds and not elsewhere and names and not crossed:
            continue
        if not holds and (against is None or (voter.hard and not against[0].hard)):
            against = (voter, other)
        if rivals or (elsewhere and voter.hard):
            telling[holds] += 2 if voter.hard else 1
        elif voter.hard:
            telling[holds] += 0.5
        else:
            plain[holds] += len(voter.word) * (2 if touching or elsewhere else 1)
    if against is None:
        return None
    if telling[False] > telling[True] and telling[False] >= 1:
        return Mixed(mark.word, against[0].word, against[1].word)
    if not telling[True] and not plain[True] and plain[False] >= AGREED:
        return Mixed(mark.word, against[0].word, against[1].word)
    return None


def _listed(a: Mark, b: Mark, there: Marked) -> bool:
    """铁路、公路和水路: of one kind, and told of alike."""
    between = there.folded[min(a.end, b.end) : max(a.start, b.start)]
    return a.kind == "word" and bool(re.fullmatch("[、和与及或]", between))


def _at_hand(voter: Mark, own: Sequence[Mark], there: Marked) -> bool:
    return any(_gap(v, o, there) < AT_HAND for v in _places(voter, there) for o in own)


def _akin(a: Mark, b: Mark) -> bool:
    """Of one kind: neither tells what the other belongs to."""
    return _rival(a, b) if a.kind == "word" else a.family == b.family


def _gap(a: Mark, b: Mark, text: Marked) -> int:
    first, second = (a, b) if a.start <= b.start else (b, a)
    return text.apart(first.end - 1, second.start)


def _touch(a: Mark, b: Mark) -> bool:
    return min(abs(a.start - b.end), abs(b.start - a.end)) < 2


# ---------------------------------------------------------------- turned round


def _turned(told: Marked, there: Marked) -> Mixed | None:
    """甲战胜乙 for 乙战胜甲, 由乙到甲 for 由甲到乙."""
    for pattern in (_AGAINST, _FROM_TO):
        for m in pattern.finditer(told.folded):
            left, right = _beside(told, m)
            for other in pattern.finditer(there.folded):
                before, after = _beside(there, other)
                if pattern is _AGAINST and (
                    other[0] != m[0]
                    or bool(_TURNED.search(_clause(told, m))) != bool(_TURNED.search(_clause(there, other)))
                ):
                    continue
                for a in left:
                    for b in right:
                        if a.family != b.family and a.kind != "word" and b.kind != "word":
                            continue
                        if (
                            any(a.same(x) for x in after)
                            and any(b.same(x) for x in before)
                            and not any(a.same(x) for x in before)
                            and not any(b.same(x) for x in after)
                        ):
                            return Mixed(a.word, b.word, None)
    return None


def _edges(text: Marked, m: re.Match[str]) -> tuple[int, int]:
    stops = [s.start() for s in _CLAUSES.finditer(text.folded)]
    return max([s for s in stops if s < m.start()], default=-1) + 1, min(
        [s for s in stops if s >= m.end()], default=len(text.folded)
    )


def _clause(text: Marked, m: re.Match[str]) -> str:
    return text.folded[slice(*_edges(text, m))]


def _beside(text: Marked, m: re.Match[str]) -> tuple[list[Mark], list[Mark]]:
    begin, end = _edges(text, m)
    middle = m.end("a") if "a" in m.re.groupindex else m.start()
    left = [x for x in text.marks if begin <= x.start and x.end <= middle]
    return left, [x for x in text.marks if middle <= x.start and x.end <= end]


# ---------------------------------------------------------------- stitched


def _stitched(told: Marked, there: Marked) -> Mixed | None:
    """A clause whose marks come from different stretches of the evidence, none of which has them all."""
    if len(there.lines) < 2:
        return None
    segments = _segments(told)
    for i, clause in enumerate(segments):
        alone = [_alone(clause.marks, n, there) for n in range(len(there.lines))]
        for n, marks in enumerate(alone):
            strangers = [m for m in _in_line(n, there) if m.kind in _NAMED and bare(m.word) not in told.folded]
            if not marks or not strangers:
                continue
            other = next((m for m in alone if m is not marks and _weight(m) >= ENOUGH // 2), None)
            if other and _weight(marks) >= ENOUGH:
                return Mixed(marks[0].word, other[0].word, strangers[0].word)
            before = segments[i - 1].marks if i else ()
            if (
                before
                and _weight(marks) >= ENOUGH
                and not any(m.kind in _NAMED for m in clause.marks)
                and not any(_line(p, there) == n for m in before for p in _places(m, there))
            ):
                return Mixed(marks[0].word, before[0].word, strangers[0].word)
    return None


def _alone(marks: Sequence[Mark], line: int, there: Marked) -> list[Mark]:
    """Those of the marks that stand in this line and no other."""
    return [m for m in marks if {_line(p, there) for p in _places(m, there)} == {line}]


def _in_line(line: int, there: Marked) -> list[Mark]:
    begin, end = there.lines[line]
    return [m for m in there.marks if begin <= m.start < end]


def _weight(marks: Sequence[Mark]) -> int:
    return sum(4 if m.hard else len(m.word) for m in marks)


def _line(mark: Mark, there: Marked) -> int:
    return next((n for n, (a, b) in enumerate(there.lines) if a <= mark.start < b), -1)
