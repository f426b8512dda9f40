"""A written sentence comes in; the places in this turn's passages that prove it go out, or None.

The citation is found after the sentence is written: small models mark at random. Likely places are ranked by the
words they share with it, rare ones first; the gate decides which of them bears it out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

from rag import text as t
from rag.answering import Said, gate
from rag.answering.candidates import Candidate, gather
from rag.answering.marks import NOT_WORD, counts
from rag.answering.prompt import orders
from rag.answering.quantities import quantities, with_unit, with_year
from rag.question import Question
from rag.types import Evidence, Hit

_LOOKED_AT = 6  # places that are held against a sentence
_HINT = 0.1  # what a marker that the model wrote adds to a place
_QUESTION = 0.1  # what the question's words add: they tell places apart where a sentence is a bare figure
_ADDED = 0.5  # share of what a sentence adds to a question for a fact that its place must hold
_BARE, _ASKED = 6, 0.4  # a sentence with less content is a bare fact: its place must speak of what was asked
_SOME = 0.3  # share of its words below which a sentence has nothing to do with a place
_DIGITS = re.compile(r"\d[\d.,]*")
_PART_OF_TIME = re.compile(r"季度|q[1-4]|[上下]半年|单[日周月季]|首[日周月]|当[日周月季]")
_YEAR = re.compile(r"\d年|[去今明前]年|全年")
_ROLE = re.compile(r"[的》]([\u4e00-\u9fff]{2,8}?)(?:都?(?:是|有|叫|为)?(?:谁|哪[些位]))?[?？]?$")
_CLAUSE = re.compile(r"[，,；;]")
_MOST_PLACES = 3  # that one sentence cites


class Evident:
    """The sentences of this turn's passages, ready to be held against what is written."""

    def __init__(self, question: Question, hits: Sequence[Hit]) -> None:
        self._number = {id(hit): n for n, hit in enumerate(hits, 1)}
        self._places = [c for c in gather(hits) if not orders(c.text)]
        self._words = [frozenset(t.tokens(c.text)) for c in self._places]
        self._question, self._short, self._who = question.text, question.wants_short, question.kind == "who"
        self._asked = frozenset(t.tokens(question.text))
        seen: dict[str, int] = {}
        for words in self._words:
            for word in words:
                seen[word] = seen.get(word, 0) + 1
        self._weight = {word: math.log(1 + len(self._places) / n) for word, n in seen.items()}
        self._rare = math.log(1 + len(self._places))
        self._figures = {
            q.value for hit in hits for part in (hit.text, hit.title, hit.date or "") for q in quantities(part)
        }

    def prove(self, sentence: str, hints: Sequence[int] = ()) -> Said | None:
        """The sentence with its evidence. None: no place bears out a figure or name in it, or has to do with it.

        Not verified: no figure or name is wrong, but most of its words stand nowhere near.
        """
        if sentence.rstrip("”\"'』」").endswith(("?", "？")):
            return None  # what asks is no answer
        ranked = self._ranked(sentence, hints)
        doubtful: Evidence | None = None
        bare = gate.length(_DIGITS.sub("1", sentence)) < _BARE
        for evidence in [c.evidence(1.0) for c in ranked] if bare else self._choices(ranked):
            found = self._faults(sentence, evidence)
            if not found and (self._short and not self._new(sentence, evidence)):
                continue
            if not found and bare and not self._answers(sentence, evidence):
                continue
            if not found:
                return Said(with_year(with_unit(sentence, evidence.text), evidence.text), (evidence,))
            if doubtful is None and [f.kind for f in found] == ["words"] and float(found[0].said) >= _SOME:
                doubtful = evidence
        return self._by_clauses(sentence, hints) or (Said(sentence, (doubtful,), False) if doubtful else None)

    def known(self, tip: str) -> str:
        """An unfinished sentence up to its first figure that stands nowhere in the passages, or may be half of one."""
        end = len(tip)
        for figure in quantities(tip):  # from the last to the first
            at = tip.rfind(figure.said, 0, end)
            if figure.value not in self._figures or at + len(figure.said) == len(tip):
                tip = tip[:at]
            end = at
        return tip

    def _ranked(self, sentence: str, hints: Sequence[int]) -> list[Candidate]:
        said = frozenset(t.tokens(sentence))
        whole = sum(self._weight.get(w, self._rare) for w in said) or 1.0
        asked = self._asked - said
        rest = sum(self._weight.get(w, self._rare) for w in asked) or 1.0
        scores = []
        for c, words in zip(self._places, self._words, strict=True):
            score = sum(self._weight[w] for w in said & words) / whole
            score += _QUESTION * sum(self._weight[w] for w in asked & words) / rest
            score += _HINT * (self._number[id(c.hit)] in hints) - 0.001 * c.rank
            scores.append(score)
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        return [self._places[i] for i in order[:_LOOKED_AT]]

    def _choices(self, ranked: Sequence[Candidate]) -> list[Evidence]:
        """Single sentences first, then two or three that follow each other in one passage."""
        singles = [c.evidence(1.0) for c in ranked]
        runs = []
        for c in ranked[:3]:
            for before, after in ((0, 1), (1, 0), (1, 1)):
                run = self._run(c, before, after)
                if run is not None and run not in runs:
                    runs.append(run)
        return singles + runs

    def _run(self, c: Candidate, before: int, after: int) -> Evidence | None:
        at = next(i for i, other in enumerate(self._places) if other is c)
        part = self._places[at - before : at + after + 1] if at >= before else []
        if len(part) != before + after + 1 or any(p.hit is not c.hit for p in part):
            return None
        if any(b.index != a.index + 1 or b.stretch != a.stretch for a, b in pairwise(part)):
            return None
        start, end = part[0].start, part[-1].end
        return Evidence(c.hit, start, end, c.hit.text[start - c.hit.start : end - c.hit.start], 1.0)

    def _faults(self, sentence: str, evidence: Evidence) -> list[gate.Fault]:
        hit, above = evidence.hit, _above(evidence.hit)
        before = f"{above} {hit.text[: evidence.start - hit.start]}"
        return gate.faults(sentence, evidence.text, around=above, years=gate.years_of(hit.date, before))

    def _answers(self, bare: str, evidence: Evidence) -> bool:
        """Whether a bare fact may be read as told of what was asked: its place speaks of that, and of no part of the time
        asked about alone. The question's own words are no answer to it."""
        asked = t.fold(self._question)
        own = [word for word, tag in t.tagged(bare) if counts(word, tag)]
        if own and all(word in asked for word in own):
            return False
        exact = NOT_WORD.sub("", t.fold(bare))
        if not _DIGITS.search(bare) and exact not in NOT_WORD.sub("", t.fold(evidence.text)):  # 文轩 of 李文轩
            return False
        narrower = _PART_OF_TIME.search(t.fold(evidence.text))
        if narrower and _YEAR.search(asked) and not _PART_OF_TIME.search(asked):
            return False
        role = _ROLE.search(asked) if self._who else None
        if role and role[1][-2:] not in t.fold(f"{_above(evidence.hit)} {evidence.text}"):
            return False  # 《长河》的导演: a place that speaks of no 导演
        return gate.coverage(self._question, self._around(evidence)) >= _ASKED

    def _new(self, sentence: str, evidence: Evidence) -> bool:
        """Whether most of what a sentence adds to the question stands in the evidence: 陈默言 in 演的是陈默言 must."""
        asked = t.fold(self._question)
        added = "。".join(word for word, tag in t.tagged(sentence) if counts(word, tag) and word not in asked)
        return bool(added) and gate.coverage(added, f"{_above(evidence.hit)} {evidence.text}") > _ADDED

    def _around(self, evidence: Evidence) -> str:
        """The evidence with what stands above it and before it."""
        hit = evidence.hit
        return f"{_above(hit)} {hit.text[: evidence.end - hit.start]}"

    def _by_clauses(self, sentence: str, hints: Sequence[int]) -> Said | None:
        """A sentence that joins facts from several places: each of its clauses must be proved whole by one place."""
        clauses = [part for part in _CLAUSE.split(sentence) if part.strip()]
        if len(clauses) < 2:
            return None
        places: list[Evidence] = []
        for clause in clauses:
            if not gate.length(clause):
                continue
            choices = places + [e for e in self._choices(self._ranked(clause, hints)) if e not in places]
            proof = next((e for e in choices if not self._faults(clause, e)), None)
            if proof is None:
                return None
            if proof not in places:
                places.append(proof)
        return Said(sentence, tuple(places)) if 0 < len(places) <= _MOST_PLACES else None


def _above(hit: Hit) -> str:
    return " ".join(part for part in (hit.title, hit.heading, hit.column or "", hit.author or "") if part)
