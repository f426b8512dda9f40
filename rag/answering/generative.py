"""Passages come in; a local language model writes, and each sentence is proved before it counts; a reply goes out.

The built-in answerer decides first whether there is an answer at all. A sentence is looked up in this turn's
passages after it is written; one with a figure or name that its evidence lacks is dropped; if none is left, or the
model fails, the built-in answer is given, and the reply says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag import text as t
from rag.answering import Said, compose, gate, prompt, spans
from rag.answering.prove import Evident
from rag.errors import ModelUnusable
from rag.followups import faithful, leans
from rag.models import LanguageModel
from rag.question import Question, clean
from rag.traces import span
from rag.types import Citation, Evidence, Hit, Piece, Reply, Turn
from rag.words import say

if TYPE_CHECKING:
    from rag.answering.extractive import Extractive
    from rag.embedding import Embedder

_PAUSE = 0.08  # seconds between two pieces: readers see it flow, the page is not redrawn for every token
_REWRITING = 15.0  # seconds that making a follow-up whole may take
_FORM = 0.2  # how well words must suit what is asked for to be its exact answer: form and nearness, about 0 to 1.3
_SPEAKS = 0.4  # share of a question for a fact that the passages cited must speak of
_LOOPS = 2  # sentences said again before a model is taken to turn in circles

_MARKER = re.compile(r"\s*[\[［【(（]\s*(?:资料|来源|出处|文献)?\s*(\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)\s*[\]］】)）]")
_AFTER_STOP = re.compile(r"([。！？!?；;]+)((?:\s*[\[［【](?:资料|来源|出处)?\s*[\d,，、 ]+[\]］】])+)")
_HALF_MARKER = re.compile(r"[\[［【][^\]］】]{0,8}$")
_AGAIN = re.compile(r"^\s*(?:改写(?:后的问题)?|最后的问题|问)\s*[:：]\s*")
_BULLET = re.compile(r"^\s*(?:[-*•·●]+\s+|#{1,6}\s*|\(?\d{1,2}[.、)）]\s*(?!\d))")
_OPENING = re.compile(
    r"^(?:(?:回答|答案?|answer)\s*[:：]\s*)?"
    r"(?:(?:根据|依据|按照)(?:上述|以上|所给|提供的|下面的?|给出的|所提供的)*资料(?:中?的?(?:信息|内容|描述|显示|所述))?"
    r"\s*[，,:：]\s*)?",
    re.IGNORECASE,
)


class Generative:
    """A language model that answers; whether there is an answer at all, `extractive` decides before it is asked."""

    def __init__(self, model: LanguageModel, extractive: Extractive, embedder: Embedder | None = None) -> None:
        # Words alone find the place of 62 in 63 honest paraphrases; the embedder waits for a learned score of support.
        self.model, self.extractive, self.embedder = model, extractive, embedder
        self.name = model.name

    def made_whole(self, question: Question, turns: Sequence[Turn], stop: Callable[[], bool]) -> str | None:
        """The model's rewrite of a follow-up, where it keeps to what was said; one short call, which is given up where
        another answer is being written, it fails, or takes long."""
        asked, until = clean(question.asked), time.monotonic() + _REWRITING
        messages = prompt.rewriting(asked, turns, self.model) if leans(asked, turns) else ()
        if not messages:
            return None
        written = ""
        drafts = self.model.write(messages, prompt.REWRITTEN, lambda: stop() or time.monotonic() > until)
        try:
            for draft in drafts:
                if draft.waiting:
                    return None
                written = draft.text
                if "\n" in written.strip():
                    break
        except ModelUnusable:  # whoever can't rewrite can't answer either, and that is told with the answer
            return None
        finally:
            drafts.close()
        lines = written.strip().splitlines()
        whole = _AGAIN.sub("", lines[0]).strip().strip('“”"') if lines else ""
        done = not stop() and time.monotonic() <= until
        return whole if done and whole and faithful(whole, asked, turns) else None

    def answer(
        self,
        question: Question,
        hits: Sequence[Hit],
        stop: Callable[[], bool],
        turns: Sequence[Turn] = (),
    ) -> Iterator[Piece]:
        """`turns`: the conversation before, oldest first; it only colours the words, the question stands alone."""
        found = len({hit.article_id or hit.passage_id for hit in hits})
        builtin: Reply | None = None
        for piece in self.extractive.answer(question, hits, stop):
            builtin = piece.reply or builtin
            if piece.stage == "searching":
                yield piece
        assert builtin is not None, "an engine's last piece has the reply"
        asked = None if builtin.refused or stop() else prompt.build(question, hits, self.model, turns)
        if asked is None:
            yield Piece("done", builtin.answer, found, replace(builtin, stopped=builtin.stopped or stop()))
            return

        yield Piece("writing", found=found)
        page = _Page(Evident(question, asked.hits))
        shown, thought, last = "", "", 0.0
        broken: ModelUnusable | None = None
        drafts = self.model.write(asked.messages, asked.answer_tokens, stop)
        try:
            for draft in drafts:
                if draft.waiting:
                    yield Piece("waiting", found=found)
                    continue
                page.read(draft.text)
                thought = draft.thought
                if page.loops > _LOOPS:
                    break
                now = time.monotonic()
                if now - last >= _PAUSE and (text := page.text(question)) != shown:
                    yield Piece("writing", text, found)
                    shown, last = text, now
        except ModelUnusable as error:
            broken = error
        finally:
            drafts.close()
        stopped = stop()
        yield Piece("checking", page.text(question), found)
        spent = self.model.count(page.raw + thought)
        page.end(broken_off=bool(stopped or broken) or page.loops > _LOOPS or spent >= asked.answer_tokens - 2)
        reply = self._reply(question, page.said, builtin, hits, stopped)
        if note := self._note(reply, broken, page.said, stopped):
            reply = replace(reply, note=note)
        if reply.engine == self.name:
            reply = replace(reply, thought=thought)
        yield Piece("done", reply.answer, found, reply)

    def _note(self, reply: Reply, broken: ModelUnusable | None, said: Sequence[Said], stopped: bool) -> str | None:
        """What the reader should know of who answered, where it is not all the model's answer."""
        wrote = reply.engine == self.name
        if broken is not None:
            why = broken.fields.get("why") or broken.what
            return say("answers.broke_off" if wrote else "answers.instead", model=self.name, why=why)
        if wrote or stopped:
            return None
        if not any(one.verified for one in said):
            return say("answers.unproved", model=self.name)
        return say("answers.one_side" if reply.conflicts else "answers.elsewhere", model=self.name)

    def _reply(
        self,
        question: Question,
        said: Sequence[Said],
        builtin: Reply,
        hits: Sequence[Hit],
        stopped: bool,
    ) -> Reply:
        """What was proved; the built-in answer where that is nothing, or hides that articles contradict each other."""
        said = kept(said)
        proved = [one for one in said if one.verified]
        places = [e for one in proved for e in one.evidence]
        sides = [(_at(places, builtin, a), _at(places, builtin, b)) for a, b in builtin.conflicts]
        if not proved or _elsewhere(question, places) or any(a is None or b is None for a, b in sides):
            return replace(builtin, hits=tuple(hits), stopped=stopped)
        return compose(
            question,
            said,
            hits=hits,
            short_answer=_short(question, proved, builtin),
            confidence=builtin.confidence * len(proved) / len(said),
            conflicts=[(a, b) for a, b in sides if a is not None and b is not None],
            engine=self.name,
            stopped=stopped,
        )


def kept(said: Sequence[Said]) -> list[Said]:
    """Without doubtful sentences that lean on a place which proves another one: a place is cited as proof, or not."""
    proofs = {(e.hit.passage_id, e.start, e.end) for one in said if one.verified for e in one.evidence}
    return [
        one
        for one in said
        if one.verified or not any((e.hit.passage_id, e.start, e.end) in proofs for e in one.evidence)
    ]


def _elsewhere(question: Question, places: Sequence[Evidence]) -> bool:
    """Whether an answer to a question for a fact leans on passages that hardly speak of what was asked."""
    told = " ".join(f"{e.hit.title} {e.hit.heading} {e.hit.text}" for e in places)
    return question.wants_short and gate.coverage(question.text, told) < _SPEAKS


def _at(places: Sequence[Evidence], builtin: Reply, n: int) -> Evidence | None:
    """The place among those cited that the built-in answer cites as number n."""
    cited: Citation = next(c for c in builtin.citations if c.n == n)
    for e in places:
        same = e.hit.passage_id == cited.passage if cited.passage is not None else e.hit.article_id == cited.article_id
        if same and e.start < cited.end and cited.start < e.end:
            return e
    return None


def _short(question: Question, said: Sequence[Said], builtin: Reply) -> str | None:
    """The exact words that answer: the built-in answerer's, where what was written and what it cites both hold them; else
    those of what was written that have the form that is asked for, where what it cites holds them too."""
    words = builtin.short_answer
    if words and any(t.fold(words) in t.fold(one.text) and any(words in e.text for e in one.evidence) for one in said):
        return words
    if not question.wants_short:
        return None
    want = spans.need(question)
    for one in said:
        found = spans.best(want, question, one.text)
        if found is not None and found.fit >= _FORM:
            a, b = spans.trimmed(one.text, spans.narrowed(question, one.text, found))
            if b > a and any(one.text[a:b] in e.text for e in one.evidence):
                return one.text[a:b]
    first = said[0].text.rstrip("。！？!?… ")
    return first if any(first in e.text for e in said[0].evidence) else None


@dataclass
class _Page:
    """What is being written: the sentences that were proved so far, and the one at the pen's tip."""

    evident: Evident

    def __post_init__(self) -> None:
        self.said: list[Said] = []
        self.loops = 0
        self.raw = ""
        self._done = 0  # sentences that were judged
        self._seen: set[str] = set()

    def read(self, raw: str) -> None:
        """The whole draft so far. A sentence is judged once the next has begun: till then a marker may follow it."""
        self.raw = _AFTER_STOP.sub(r"\2\1", raw)
        spans = t.sentences(self.raw)
        if spans and _HALF_MARKER.fullmatch(self.raw[slice(*spans[-1])]):
            spans.pop()
        self._judge(spans[:-1])

    def end(self, *, broken_off: bool) -> None:
        """No more comes. What was broken off in the middle keeps its place, if no figure in it can be half a figure."""
        spans = t.sentences(self.raw)
        if not spans:
            return
        tip = self.raw[slice(*spans[-1])]
        whole = not broken_off or tip.rstrip()[-1:] in "。！？!?；;…”’』」》）)"
        if not whole:
            tip = _HALF_MARKER.sub("", tip)
            figures = t.numbers(tip)
            if figures and figures[-1].end == len(tip.rstrip()):
                tip = tip[: figures[-1].start]
            self._judge(spans[:-1])
            self._add(tip, end="……")
        else:
            self._judge(spans)

    def text(self, question: Question) -> str:
        """What may be shown now: proved sentences with their markers, and the tip up to the first unknown figure."""
        proved = compose(question, kept(self.said)).answer if self.said else ""
        spans = t.sentences(self.raw)[self._done :]
        tip = "".join(_plain(self.raw[a:b]) for a, b in spans)
        return proved + self.evident.known(_HALF_MARKER.sub("", tip))

    def _judge(self, spans: Sequence[t.Span]) -> None:
        for a, b in spans[self._done :]:
            self._add(self.raw[a:b])
        self._done = max(self._done, len(spans))

    def _add(self, sentence: str, end: str = "") -> None:
        plain = _plain(sentence)
        if not plain:
            return
        key = t.fold(plain)
        if key in self._seen or (end and any(said.startswith(key) for said in self._seen)):
            self.loops += 1
            return
        self._seen.add(key)
        hints = [int(n) for group in _MARKER.findall(sentence) for n in re.findall(r"\d+", group)]
        with span("gate"):
            proved = self.evident.prove(plain, hints)
        if proved is not None:
            self.said.append(replace(proved, text=proved.text.rstrip("，、；： ") + end) if end else proved)


def _plain(sentence: str) -> str:
    """The sentence without markers, list signs, emphasis and opening phrases."""
    plain = _BULLET.sub("", _MARKER.sub("", sentence)).replace("**", "").replace("`", "")
    return _OPENING.sub("", plain.strip()).strip()
