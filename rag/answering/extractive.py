"""Passages come in, the sentences that answer go out, in order, each with its place; or an honest refusal.

The one idea: nothing is written that does not stand in an article.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rag import settings
from rag import text as t
from rag.answering import Said, attributes, compose, quoted, refuse
from rag.answering.absent import absent
from rag.answering.candidates import Candidate, gather
from rag.answering.conflicts import conflicts, retells
from rag.answering.exact import Exact
from rag.answering.features import shown
from rag.answering.premises import contradicted
from rag.answering.reader import Reader
from rag.answering.rules import other_year, ruled
from rag.answering.selector import Selector
from rag.answering.weighed import ANEW, Weighed, corrects, own_words, together
from rag.question import Question, understand
from rag.slips import name_alike
from rag.traces import span
from rag.twofold import parts
from rag.types import Hit, Piece, Reply, Turn
from rag.words import say

# Questions over newspaper pages: at .12, 5 of 100 that have an answer are refused and 86 of 100 that have none
# (embeddings/selector/README.md). A wrong figure is worse than none.
SURE_ENOUGH = 0.12
MEASURED = {"open": (0.05, 3, 72), "shipped": (SURE_ENOUGH, 5, 86), "strict": (0.5, 31, 97)}  # line, then these two
FACT, EXPLANATION = 120, 560  # characters of an answer at most
SECOND = 0.7  # a second sentence is given where the best is doubtful and this near to it
DOUBTFUL = 0.6
FOREIGN = 0.85  # a sentence of another article explains too where it is this near to the best
LOOKED_AT = 40  # sentences that may contradict the best one, the likeliest first
ABOUT_THE_SAME = 4  # pairs of characters that a correction and what it corrects have in common, at least

_STEP = re.compile(
    r"^[（(]?(?:[一二三四五六七八九十]{1,2}|\d{1,2})[)）]?(?:是|要|、|．|\.(?!\d))|^第[一二三四五六七八九十]{1,2}(?:步|条|点|类|种)?[，、,：:]|^(?:首先|其次|再次|最后|此外|另外|同时)"
)
_SOURCES = re.compile(r"[（(【\[]?(?:(?:资料|数据|图片|信息|稿件|文章|内容)?来源|参考(?:资料|文献))[:：]")
_QUOTE_MARKS = re.compile(r"[“”\"‘’'「」『』《》]")
_QUOTED = re.compile(r"[“「『\"]([^”」』\"]*)[”」』\"]")


class Extractive:
    """The built-in answerer: no language model.

    `library_has(term)`: whether a name, code, number or quoted string stands anywhere in the library; None where
    nothing but the hits is known. `line()`: the chance below which is refused, SURE_ENOUGH unless it is given.
    """

    name = "builtin"

    def __init__(
        self,
        reader: Reader,
        library_has: Callable[[str], bool] | None = None,
        line: Callable[[], float] | None = None,
    ) -> None:
        self.reader, self.library_has, self.line = reader, library_has, line or (lambda: SURE_ENOUGH)

    def made_whole(self, question: Question, turns: Sequence[Turn], stop: Callable[[], bool]) -> None:
        """The rules make it whole, before it comes here."""

    @cached_property
    def _select(self) -> Selector:
        return Selector(settings.builtin_models(), self.reader)

    @cached_property
    def _exactly(self) -> Exact:
        return Exact(settings.builtin_models())

    def answer(
        self, question: Question, hits: Sequence[Hit], stop: Callable[[], bool], turns: Sequence[Turn] = ()
    ) -> Iterator[Piece]:
        with span("extract"):
            reply = self.reply(question, hits)
        found = len({h.article_id or h.passage_id for h in hits})
        if not reply.refused:
            yield Piece("writing", reply.answer, found)
        yield Piece("done", reply.answer, found, reply)

    def reply(self, question: Question, hits: Sequence[Hit]) -> Reply:
        """The whole answer at once: it takes no longer than its first sentence."""
        instead = contradicted(question, hits)
        if instead is not None:
            return refuse(question, "false_premise", hits=hits, instead=instead)
        missing = self._missing(question, hits)
        if missing:
            alike = name_alike(missing, self.library_has) if self.library_has else ""
            return refuse(question, "absent_term", hits=hits, term=missing, alike=alike)
        candidates = [c for c in gather(hits) if not c.text.rstrip("”\"'』」").endswith(("?", "？"))]
        if "来源" not in question.text:
            candidates = [c for c in candidates if not _SOURCES.match(c.text)]
        told = attributes.told(question, candidates)
        if told is not None:
            return self._as_told(question, candidates, told, hits)
        each = self._each(question, candidates)
        if each and all(w.sure for w in each):
            chosen = together(each)
            if len(set(chosen)) > 1:
                evidence = {i: w.cut(i) for w, i in zip(each, chosen, strict=True)}
                least = min(float(w.chances[i]) for w, i in zip(each, chosen, strict=True))
                return compose(question, list(evidence.values()), hits=hits, confidence=least)
            return replace(self._told_by(question, each[0].preferring(chosen[0]), hits), short_answer=None)
        weighed = self._weighed(question, candidates)
        if not weighed.sure:
            return refuse(question, "no_evidence", hits=hits, confidence=weighed.confidence)
        reply = self._told_by(question, weighed, hits)
        return replace(reply, note=untold(each, reply.answer))

    def _weighed(self, question: Question, candidates: Sequence[Candidate]) -> Weighed:
        selected = self._select(question, candidates)
        chances = ruled(question, candidates, selected.chance)
        return Weighed(question, candidates, chances, selected, self.line(), self._exactly)

    def _each(self, question: Question, candidates: Sequence[Candidate]) -> list[Weighed]:
        """The sentences weighed for each of several things asked; [] where the question asks one."""
        told = "\n".join(t.fold(f"{c.hit.title}\n{c.text}") for c in candidates)
        asked = parts(question.text, told.__contains__)
        return [self._weighed(understand(part), candidates).apart(*own_words(asked, k)) for k, part in enumerate(asked)]

    def _as_told(
        self, question: Question, candidates: Sequence[Candidate], told: attributes.Told, hits: Sequence[Hit]
    ) -> Reply:
        candidate = candidates[told.candidate]
        line = said(candidate, 1.0)
        if told.says:
            line = Said(told.says, line.evidence)
        return compose(question, [line], hits=hits, short_answer=told.exact, confidence=1.0)

    def _told_by(self, question: Question, weighed: Weighed, hits: Sequence[Hit]) -> Reply:
        candidates, chances, best = weighed.candidates, weighed.chances, weighed.best
        clash = self._clash(candidates, best) or contradictions(question, candidates, chances)
        if clash:
            evidence = [weighed.cut(i) for i in clash]
            return compose(
                question,
                [quoted(e) for e in evidence],
                hits=hits,
                confidence=weighed.confidence,
                conflicts=[(evidence[0], evidence[1])],
            )
        whole = candidates[best].header or ends_open(candidates[best].text)
        if not question.wants_short or whole:
            chosen = self._whole(candidates, best) if question.wants_short else self._explaining(candidates, chances)
            return compose(
                question,
                [said(candidates[i], float(chances[i])) for i in chosen],
                hits=hits,
                short_answer=weighed.exact(best) if len(chosen) == 1 else None,
                confidence=weighed.confidence,
            )
        evidence = [weighed.cut(best)]
        second = self._second(candidates, chances, best)
        if second is not None:
            more = weighed.cut(second)
            if len(evidence[0].text) + len(more.text) <= FACT:
                evidence.append(more)
                evidence.sort(key=lambda e: (e.hit.article_id != candidates[best].hit.article_id, e.start))
        return compose(question, evidence, hits=hits, short_answer=weighed.exact(best), confidence=weighed.confidence)

    # ---------------------------------------------------------------- what is not there

    def _missing(self, question: Question, hits: Sequence[Hit]) -> str:
        """The first name, code, figure or year of the question that stands nowhere; "" where all stand somewhere.

        A compound that no article has as it is asked (云溪县机器人大赛) is missing only where one of its words is.
        """
        if self.library_has is None:
            return ""
        seen = _QUOTE_MARKS.sub("", t.fold("\n".join(f"{h.heading}\n{h.title}\n{h.text}" for h in hits)))

        def stands(term: str) -> bool:  # “天府科技云服务”平台 is 天府科技云服务平台
            return _QUOTE_MARKS.sub("", t.fold(term)) in seen or bool(self.library_has and self.library_has(term))

        for term in question.must:
            parts = [w for w in t.words(term) if len(w) > 1 or w.isdigit()]
            if not stands(term) and (len(parts) < 2 or not all(map(stands, parts))):
                return term
        return absent(question, stands)

    # ---------------------------------------------------------------- which sentences

    def _second(self, candidates: Sequence[Candidate], chances: NDArray[np.float64], best: int) -> int | None:
        """A sentence that may answer as well, where the best is doubtful: both are shown rather than one too few."""
        if chances[best] >= DOUBTFUL:
            return None
        for i in np.argsort(-chances).tolist():
            if chances[i] < SURE_ENOUGH:
                break
            if (
                i != best
                and not candidates[i].header
                and chances[i] >= SECOND * chances[best]
                and not same(candidates[i].text, candidates[best].text)
            ):
                return int(i)
        return None

    def _whole(self, candidates: Sequence[Candidate], best: int) -> list[int]:
        """The sentence, and where it ends in a colon what it announces, as much as a fact may be long."""
        chosen, length = [best], len(candidates[best].text)
        while ends_open(candidates[best].text) and chosen[-1] + 1 < len(candidates):
            following = candidates[chosen[-1] + 1]
            length += len(following.text)
            if following.stretch != candidates[best].stretch or length > FACT:
                break
            chosen.append(chosen[-1] + 1)
        return chosen

    def _explaining(self, candidates: Sequence[Candidate], chances: NDArray[np.float64]) -> list[int]:
        """The best sentence, those of its article that explain with it, the steps of its list, in reading order."""
        best = int(chances.argmax())
        chosen = {best}
        length = len(candidates[best].text)
        home = candidates[best].stretch

        def take(i: int) -> None:
            nonlocal length
            fresh = i not in chosen and all(not same(candidates[i].text, candidates[j].text) for j in chosen)
            if fresh and length + len(candidates[i].text) <= EXPLANATION:
                chosen.add(i)
                length += len(candidates[i].text)

        for i in listed(candidates, best) or chained(candidates, best):
            take(i)
        bar = max(SURE_ENOUGH, 0.4 * float(chances[best]))
        for i in np.argsort(-chances).tolist():
            elsewhere = candidates[i].stretch != home
            if chances[i] >= bar and not (elsewhere and (candidates[i].header or chances[i] < FOREIGN * chances[best])):
                take(int(i))
        for i in sorted(chosen):  # 口诀是这样的：… what a colon announces belongs to it
            for j in range(i + 1, min(i + 6, len(candidates))):
                if not ends_open(candidates[i].text) or candidates[j].stretch != candidates[i].stretch:
                    break
                take(j)
        if length < 40 and best + 1 < len(candidates) and candidates[best + 1].stretch == home:
            take(best + 1)
        return sorted(chosen, key=lambda i: (candidates[i].stretch != home, i))

    def _clash(self, candidates: Sequence[Candidate], best: int) -> list[int]:
        """A 更正 and what it corrects, in this order, where one of them is the best sentence and the other has the figure
        that was wrong; [] where there is none. Without articles of their own (`read`) nothing tells a correction from
        a story."""
        told = candidates[best]
        for i, c in enumerate(candidates):
            if not c.hit.article_id or c.hit.article_id == told.hit.article_id or corrects(c) == corrects(told):
                continue
            right, story = (c, told) if corrects(c) else (told, c)
            # It names the headline of what it corrects, or tells of it in the same words.
            about = set(t.bigrams(right.text)) & set(t.bigrams(f"{story.hit.title} {story.text}"))
            if wrong(right.text) & figures(story.text) and len(about) >= ABOUT_THE_SAME:
                return [i, best] if corrects(c) else [best, i]
        return []


def untold(each: Sequence[Weighed], answer: str) -> str | None:
    """What is to be said where only some of the things asked were found: which were not. A thing that the answer names
    may be told in it all the same."""
    if not any(w.sure for w in each):
        return None
    asked = [w.question.text for w in each]
    own = [own_words(asked, k)[0] for k in range(len(each))]
    missing = [
        w.question.text
        for w, words in zip(each, own, strict=True)
        if not w.sure and words and not any(word in t.fold(answer) for word in words)
    ]
    return say("answers.part_untold", parts="、".join(missing)) if missing else None


def contradictions(question: Question, candidates: Sequence[Candidate], chances: NDArray[np.float64]) -> list[int]:
    """Two sentences of different articles that tell the same thing otherwise, the best of all one of them; [] where there
    are none."""
    best = int(chances.argmax())
    other = other_year(question, candidates)
    for i in np.argsort(-chances).tolist()[:LOOKED_AT]:
        if i == best or other[i]:
            continue
        # the reader knows one answer: what tells the same thing with another figure may seem unlikely to it
        likely = chances[i] >= max(SURE_ENOUGH, 0.25 * chances[best])
        dated = candidates[best].hit.date and candidates[i].hit.date  # without dates too much else may differ
        if likely or (dated and retells(question, candidates[best], candidates[i])):
            for pair in conflicts(question, [candidates[best], candidates[i]]):
                return [best, i] if pair.first is candidates[best] else [i, best]
    return []


def said(candidate: Candidate, chance: float) -> Said:
    """The sentence in its own words; a row of a table read with the names of its columns, the row itself quoted."""
    return Said(shown(candidate), (candidate.evidence(chance),))


def ends_open(text: str) -> bool:
    return text.rstrip().endswith(("：", ":"))


def same(a: str, b: str) -> bool:
    """Nearly the same words: one adds nothing to the other."""
    pairs = [set(t.bigrams(x)) for x in (a, b)]
    smaller = min(map(len, pairs))
    return bool(smaller) and len(pairs[0] & pairs[1]) >= 0.8 * smaller


def figures(text: str) -> set[str]:
    return {n.canonical for n in t.numbers(text)}


def wrong(correction: str) -> set[str]:
    """The figures that a correction takes back: those it quotes, or names at all, and does not say anew."""
    said, *anew = ANEW.split(correction, maxsplit=1)
    quoted = figures("，".join(_QUOTED.findall(said)))
    return (quoted or figures(said)) - figures("".join(anew))


def chained(candidates: Sequence[Candidate], at: int) -> list[int]:
    """The clauses that semicolons join to a sentence: 保持100米距离；不要投喂；不要喊叫。 In reading order."""

    def joins(i: int) -> bool:
        beside = 0 <= i < len(candidates) - 1 and candidates[i].stretch == candidates[i + 1].stretch
        return beside and candidates[i].text.rstrip().endswith(("；", ";"))

    first, last = at, at
    while joins(first - 1):
        first -= 1
    while joins(last):
        last += 1
    return list(range(first, last + 1))


def listed(candidates: Sequence[Candidate], at: int) -> list[int]:
    """The steps of the list that a sentence opens or stands in: 一是…二是…, 第一步…第二步…, rows, in reading order."""
    home = candidates[at].stretch

    def step(i: int) -> bool:
        return (
            0 <= i < len(candidates)
            and candidates[i].stretch == home
            and bool(_STEP.match(candidates[i].text) or (candidates[at].header and candidates[i].header))
        )

    if not step(at) and not step(at + 1):
        return []
    first = at
    while step(first - 1):
        first -= 1
    last = at
    while step(last + 1) or (step(last + 2) and last + 1 < len(candidates) and candidates[last + 1].stretch == home):
        last += 1
    opener = (
        [first - 1]
        if first
        and step(first)
        and candidates[first - 1].stretch == home
        and candidates[first - 1].text.rstrip().endswith(("：", ":", "。"))
        else []
    )
    return [*opener, *range(first, last + 1)]
