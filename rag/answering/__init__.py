"""Evidence comes in, a reply with markers and citations goes out, alike for every engine.

The one idea: a number stands for a place in an article, so numbers and citations agree both ways by construction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag import text as t
from rag.question import Question
from rag.types import Citation, Evidence, Hit, Nearest, Piece, Reason, Reply, Turn
from rag.words import say

MAX_NEAREST = 3
MARKER = re.compile(r"\[(\d+)\]")


class Engine(Protocol):
    """Writes an answer from passages."""

    name: str

    def made_whole(self, question: Question, turns: Sequence[Turn], stop: Callable[[], bool]) -> str | None:
        """A follow-up in words that stand alone; None: it stands alone already, or the rules' words are the better ones."""
        ...

    def answer(
        self, question: Question, hits: Sequence[Hit], stop: Callable[[], bool], turns: Sequence[Turn] = ()
    ) -> Iterator[Piece]:
        """Pieces as the answer grows; the last one is at stage "done" and has the reply, refusals too.

        `turns`: the conversation before, oldest first; the question stands alone without it."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer as it is shown, without markers, and the places that prove it."""

    text: str
    evidence: tuple[Evidence, ...]
    verified: bool = True


def quoted(evidence: Evidence) -> Said:
    """A sentence said in the article's own words."""
    return Said(evidence.text, (evidence,))


def compose(
    question: Question,
    said: Sequence[Said | Evidence],
    *,
    hits: Sequence[Hit] = (),
    short_answer: str | None = None,
    confidence: float = 0.0,
    conflicts: Sequence[tuple[Evidence, Evidence]] = (),
    engine: str = "builtin",
    stopped: bool = False,
) -> Reply:
    """The reply that says these sentences in this order. Each place cited gets one number, counted as they appear.

    Markers that stand in the articles' own words ([1], ［1］) are shown in full width and count for nothing.
    Citations carry `passage` where the hit belongs to no article (`read`).
    """
    numbers: dict[tuple[str, int, int, int], int] = {}
    citations: list[Citation] = []

    def number(evidence: Evidence, verified: bool) -> int:
        place = _place(evidence)
        if place not in numbers:
            numbers[place] = len(numbers) + 1
            citations.append(_citation(numbers[place], evidence, verified))
        return numbers[place]

    written = []
    for one in said:
        line = one if isinstance(one, Said) else quoted(one)
        marks = "".join(f"[{n}]" for n in dict.fromkeys(number(e, line.verified) for e in line.evidence))
        written.append(_marked(line.text, marks))
    pairs = []
    for a, b in conflicts:
        if _place(a) in numbers and _place(b) in numbers:
            pairs.append((numbers[_place(a)], numbers[_place(b)]))
    return Reply(
        question=question.asked,
        answer="".join(written),
        rewritten=question.rewritten,
        short_answer=short_answer,
        confidence=confidence,
        citations=tuple(citations),
        conflicts=tuple(pairs),
        engine=engine,
        hits=tuple(hits),
        stopped=stopped,
    )


def refuse(
    question: Question,
    reason: Reason,
    *,
    hits: Sequence[Hit] = (),
    term: str = "",
    alike: str = "",
    instead: Said | None = None,
    confidence: float = 0.0,
    engine: str = "builtin",
) -> Reply:
    """The honest refusal. `term`: what stands nowhere (absent_term), `alike`: what sounds as it does and
    stands; `instead`: what the library has (false_premise)."""
    citations: tuple[Citation, ...] = ()
    shown = ""
    if reason == "false_premise" and instead is not None:
        told = compose(question, [instead])
        shown, citations = told.answer, told.citations
    elif reason == "false_premise":
        reason = "no_evidence"
    key = "absent_alike" if alike else reason
    answer = say(f"refusals.{key}", term=term, alike=alike, instead=shown)
    return Reply(
        question=question.asked,
        answer=answer,
        rewritten=question.rewritten,
        refused=True,
        reason=reason,
        confidence=confidence,
        citations=citations,
        nearest=nearest(question, hits),
        engine=engine,
        hits=tuple(hits),
    )


def nearest(question: Question, hits: Sequence[Hit], most: int = MAX_NEAREST) -> tuple[Nearest, ...]:
    """The first articles among the hits, with the question's words that each holds and lacks, as the question spells them."""
    folded = t.fold(question.text)
    words = [(w, folded.find(w)) for w, weight in question.terms if weight >= 0.35 and (len(w) > 1 or w.isdigit())]
    held: dict[str, str] = {}
    first: dict[str, Hit] = {}
    for hit in hits:
        if hit.article_id:
            first.setdefault(hit.article_id, hit)
            held[hit.article_id] = held.get(hit.article_id, "") + t.fold(f"{hit.title} {hit.heading} {hit.text} ")
    near = []
    for article_id, hit in list(first.items())[:most]:
        has = {w: w in held[article_id] for w, _ in words}
        spelled = [(w, question.text[at : at + len(w)]) for w, at in sorted(words, key=lambda x: x[1]) if at >= 0]
        near.append(
            Nearest(
                article_id,
                hit.title,
                hit.source,
                hit.date,
                tuple(s for w, s in spelled if has[w]),
                tuple(s for w, s in spelled if not has[w]),
            )
        )
    return tuple(near)


def _place(evidence: Evidence) -> tuple[str, int, int, int]:
    hit = evidence.hit
    return hit.article_id, -1 if hit.article_id else hit.passage_id, evidence.start, evidence.end


def _citation(n: int, evidence: Evidence, verified: bool) -> Citation:
    hit = evidence.hit
    quote = hit.text[evidence.start - hit.start : evidence.end - hit.start]
    return Citation(
        n=n,
        quote=quote,
        start=evidence.start,
        end=evidence.end,
        verified=verified,
        article_id=hit.article_id,
        title=hit.title,
        author=hit.author,
        date=hit.date,
        page=hit.page,
        column=hit.column,
        source=hit.source,
        passage=None if hit.article_id else hit.passage_id,
        also=hit.also,
    )


_LOOSE_END = re.compile(r"[，、；：,;:\s]+$")
_FULL_STOP = re.compile(r"([。！？!?…]+)([”’』」》）)】〕\"']*)$")


def _marked(text: str, marks: str) -> str:
    """The sentence with its markers before its full stop; a sentence without one gets one."""
    text = MARKER.sub(lambda m: f"［{m[1]}］", text.strip())
    end = _FULL_STOP.search(text)
    if end and not end[2]:
        return text[: end.start()] + marks + end[1]
    if end:
        return text + marks
    return _LOOSE_END.sub("", text) + marks + "。"
