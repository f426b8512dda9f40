"""A question that asks several things comes in; each of them, in words that stand alone, goes out.

The one idea: 和, 与, 、 join two like things, so what is alike on both sides of it says where each begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from rag import text as t
from rag.followups import made_whole
from rag.question import content, kind_of, names_in
from rag.types import Turn

MOST = 3  # things asked for apart in one question: each is read for
LONGEST = 6  # words of one of the things named
SAME_KIND, NAMED_ALIKE, AT_THE_END = 0.15, 0.25, 0.1  # beside their letters, what makes two runs of words alike

_AND = frozenset("和 与 跟 及 以及 、".split())
# What two things have in common, or how they stand to each other: one question, not two.
_BETWEEN_THEM = r"皆|(?<![平人])均(?![匀衡价])|(?<![成首])都[是有在位由属为用曾要能会]|区别|不同|差别|差异|关系"
_TOGETHER = re.compile(
    rf"{_BETWEEN_THEM}|异同|之间|相距|距离|相比|[和与跟同].{{1,12}}比(?!赛)|联合(?![国会])|联手|共同|一起|合(?:[办称并著唱拍影]|作(?!社))|"
    "互相|相互|更[多大高长久远重快好早]|谁更|哪[边个家种者].{0,10}[更多少高低大小]|又叫|也叫|(?<!立)即(?![将使刻可])"
)
_EACH = re.compile(r"分别|各自?(?=是|有|为|多少|几|什么|谁|哪)")
_BOTH = re.compile(
    r"^([\u4e00-\u9fffA-Za-z0-9“”《》]{2,14}?)[和与跟同、]([\u4e00-\u9fffA-Za-z0-9“”《》]{2,14}?)(?=的|[这那]?两|相比|比|[,，]|各|分别|哪|谁)"
)
_BETWEEN = re.compile(
    r"各自?(?:是|有|为)?(?=多少|几|什么|谁|哪)|分别|哪(?:边|个|家|种|者|里)的?(?=.{0,10}(?:更|多|少|高|低|大|小))|[这那]?两(?:场|次|个|家|地|处|边|者|种)"
)
_ASKS = re.compile(
    r"什么时候|啥时候|什么(?!的)|何[时地处人]|为何|如何|谁(?!家)|哪一?[里儿位个些年天月家座所部首支]|多少|几[个名位家年月号次支]|[多][大高长久远重]|怎么|怎样|是否|吗"
)
_APART = re.compile(r"[,，;；?？]|以及|和|与|及|并且?|还有|又")
_SEXES = re.compile(r"男女(?=[单双]打|子?[组足篮排])")
_TITLE = re.compile(r"《[^》]*》|“[^”]*”|\"[^\"]*\"")
_NAMES = ("nr", "ns", "nt", "nz", "nrt", "eng", "j")
_FACTS = ("how_many", "when", "who", "where", "which", "definition", "other")


def parts(text: str, stands: Callable[[str], bool] = lambda words: False) -> tuple[str, ...]:
    """What a question of several parts asks, each standing alone: A和B各是多少 → A是多少, B是多少; A的时间和地点 → A的时间,
    A的地点; A是谁,哪年出生 → A是谁, A哪年出生. () for a question about one thing, or about what two have in common.

    `stands(words)`: whether articles have these words side by side. So 住房和城乡 are left together where nothing (各, 分别)
    says that they are two things, and 北斗系统和空间站 are no 北斗空间站."""
    folded = t.fold(text).strip(" ?？。")
    if _SEXES.search(folded):
        return (_SEXES.sub("男子", folded), _SEXES.sub("女子", folded))
    together = _TOGETHER.search(folded)
    if not together and (several := _coordinated(folded, stands)):
        return several
    both = _BOTH.match(folded)
    if both and _BETWEEN.search(folded[both.end() :]) and not re.search(_BETWEEN_THEM, folded):
        rest = re.sub(r"^(?:相比|比)[,，]?", "", _BETWEEN.sub("", folded[both.end() :]))
        return tuple(name + rest for name in both.groups())
    return _clauses(folded)


def _clauses(folded: str) -> tuple[str, ...]:
    """A是谁,哪年出生: each clause, with what the first one names."""
    asks = list(_ASKS.finditer(folded))
    cuts = [m for a, b in pairwise(asks) if (m := _APART.search(folded, a.end(), b.start()))]
    if not cuts or len(cuts) >= MOST:
        return ()
    edges = [0, *(e for m in cuts for e in m.span()), len(folded)]
    clauses = [folded[edges[i] : edges[i + 1]].strip() for i in range(0, len(edges), 2)]
    if any(len(content(c)) < 1 for c in clauses):
        return ()
    whole = [clauses[0], *(made_whole(c, [Turn(clauses[0], "")]) for c in clauses[1:])]
    names = names_in(clauses[0])[:1]
    return tuple(w if any(n in w for n in names) else "".join(names) + w for w in whole)


# ---------------------------------------------------------------- what 和 joins


@dataclass(frozen=True, slots=True)
class _Members:
    head: str  # the words before
    members: tuple[str, ...]  # the things that are joined
    tail: str  # the words after
    named: str  # the things and what joins them, as the question has them


def _coordinated(folded: str, stands: Callable[[str], bool]) -> tuple[str, ...]:
    """油田2021年和2022年的产量, 《…》的主演和导演是谁: the question with each of the things alone; () where it joins none."""
    each, kind = _EACH.search(folded), kind_of(folded)
    if not each and kind not in _FACTS:
        return ()
    found = _members(_words(folded), stands, kind in ("who", "where", "when"))
    if found is None or (not each and stands(found.named)):
        return ()
    head, tail = _EACH.sub("", found.head), _EACH.sub("", found.tail)
    if not content(head + tail) and kind == "other":
        return ()
    return tuple(head + member + tail for member in found.members)


def _words(folded: str) -> list[tuple[str, str]]:
    """The words with their tags; what stands in title marks is one name."""
    words: list[tuple[str, str]] = []
    at = 0
    for m in _TITLE.finditer(folded):
        words += t.tagged(folded[at : m.start()]) if folded[at : m.start()] else []
        words.append((m[0], "nz"))
        at = m.end()
    return words + (t.tagged(folded[at:]) if folded[at:] else [])


def _members(words: Sequence[tuple[str, str]], stands: Callable[[str], bool], last_alone: bool) -> _Members | None:
    """What is joined, as the letters and kinds of the words on both sides say, and then as articles have them side by side.
    `last_alone`: what follows may belong to the last alone, as nothing but an asking word need be left."""
    joins = [i for i, (word, _) in enumerate(words) if word in _AND]
    if not joins or not 0 < joins[0] <= joins[-1] < len(words) - 1:
        return None
    middle = [words[a + 1 : b] for a, b in pairwise(joins)]
    if len(joins) >= MOST or any(not 0 < len(m) <= LONGEST for m in middle):
        return None
    first, last = joins[0], joins[-1]
    lefts = _runs(words[:first][::-1])
    rights = _runs(words[last + 1 :])

    def likeness(i: int, j: int) -> tuple[float, int, int]:
        a, b = words[first - i : first], words[last + 1 : last + 1 + j]
        after = words[last + 1 + j :]
        value = SequenceMatcher(None, _said(a), _said(b), autojunk=False).ratio()
        if list(map(_sort, a)) == list(map(_sort, b)):
            value += NAMED_ALIKE if a[0][1] in _NAMES else SAME_KIND
        if not after and j > i:  # 时间, asked of both, stands at the end
            value -= AT_THE_END
        elif not after or after[0][1][:1] not in "nmtj":
            value += AT_THE_END
        return value, -abs(i - j), -i

    pairs = [(i, j) for i in lefts for j in rights if len(_said(words[last + 1 : last + 1 + j])) > 1]
    if not pairs:
        return None
    i, j = max(pairs, key=lambda pair: likeness(*pair))
    members = [_said(words[first - i : first]), *map(_said, middle), _said(words[last + 1 : last + 1 + j])]
    head, tail = _said(words[: first - i]), _said(words[last + 1 + j :])
    ends, more = words[first - 1][0], words[last + j][0]
    if more.startswith(ends) and more != ends:  # 女子|团体 and 男子|团体冠军
        members[-1], tail = members[-1].removesuffix(more) + ends, more.removeprefix(ends) + tail
    if len(head) == 1:  # 布|林肯
        members[0], head = head + members[0], ""
    for word, tag in words[: first - i][::-1]:  # 北斗|系统和空间站
        if not head or tag[:1] in "mtup" or not stands(word + members[0]) or any(stands(word + m) for m in members[1:]):
            break
        members[0], head = word + members[0], head.removesuffix(word)
    for word, tag in words[last + 1 + j :] if last_alone else ():  # 天眼和高海拔|宇宙线|观测站在哪里
        alone = stands(members[-1] + word) and not any(stands(m + word) for m in members[:-1])
        if not alone or tag[:1] not in "nlbji":
            break
        members[-1], tail = members[-1] + word, tail.removeprefix(word)
    named = _said(words[first - i : last + 1 + j])
    if members[-1].isdigit() and (lettered := re.fullmatch(r"(.*\D)(\d{4})", members[0])):
        members = [members[0], *(lettered[1] + m for m in members[1:])]  # 年会2022和2023
    if any(len(m) < 2 for m in members):
        return None
    return _Members(head, tuple(members), tail, named)


def _runs(words: Sequence[tuple[str, str]]) -> list[int]:
    """How many of the words, from the first on, one of the joined things may have."""
    lengths = []
    for n, (word, tag) in enumerate(words[:LONGEST], 1):
        if tag in ("x", "d", "e") or tag[:1] in "urpcy" or word in ("是", "分别", "各", "各自", "有"):
            break
        lengths.append(n)
    return lengths


def _sort(word: tuple[str, str]) -> str:
    return "n" if word[1] in _NAMES else word[1][:1]


def _said(words: Sequence[tuple[str, str]]) -> str:
    return "".join(word for word, _ in words)
