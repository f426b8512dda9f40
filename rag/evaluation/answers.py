"""Questions with gold answers and a library come in; a verdict for each and the figures over all go out.

An answer is right when it holds the gold's words after folding of width, script and numbers, and is no
longer than a reader would take: a whole article pasted is no answer. Pure but for `ask_all` and `measure`.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from rag import settings
from rag.errors import BadBatchLine, Error, PathMissing
from rag.text import fold, numbers
from rag.types import Reply, Turn

LONG_KINDS = frozenset({"list", "explain", "why", "how", "compare", "conflict", "definition"})
SHORT, LONG = 160, 600  # characters that a right answer may have: for a fact; for a list or an explanation

Progress = Callable[[int, int], None]  # questions done, questions in all


class Asks(Protocol):
    """The part of `rag.library.Library` that is measured."""

    def ask(self, question: str, *, history: Sequence[Turn] = ()) -> Reply: ...


# ---------------------------------------------------------------- questions


@dataclass(frozen=True, slots=True)
class Gold:
    """A question and what its right reply holds."""

    id: str
    question: str
    kind: str = "fact"
    answers: tuple[tuple[str, ...], ...] = ()  # items, each with its variants
    every: bool = False  # every item is wanted (`all` in the file), not just one of them
    sources: tuple[str, ...] = ()  # names of files, or titles of articles, that hold the answer
    evidence: tuple[str, ...] = ()  # the sentences that hold it, verbatim
    history: tuple[Turn, ...] = ()
    refuse: bool = False  # the right reply is a refusal

    @property
    def limit(self) -> int:
        """Characters that a right answer may have."""
        return LONG if self.kind in LONG_KINDS or (self.every and len(self.answers) > 1) else SHORT


def read_questions(path: Path) -> list[Gold]:
    """A file of questions, one JSON object a line. Errors: PathMissing, BadBatchLine."""
    if not path.is_file():
        raise PathMissing(path=str(path))
    golds = []
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            golds.append(_gold(json.loads(line), str(number)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadBatchLine(line=number, why=str(error) or type(error).__name__) from error
    return golds


def _gold(row: Mapping[str, Any], number: str) -> Gold:
    items = tuple((item,) if isinstance(item, str) else tuple(map(str, item)) for item in row.get("answers") or ())
    refuse = bool(row.get("refuse", row.get("is_impossible", False)))
    if not refuse and not items:
        raise ValueError("answers")
    evidence = row.get("evidence") or ()
    named = [row[key] for key in ("pages", "page", "article") if row.get(key)]
    return Gold(
        id=str(row.get("id", number)),
        question=str(row["question"]),
        kind=str(row.get("kind", "fact")),
        answers=items,
        every=bool(row.get("all", False)),
        sources=tuple(dict.fromkeys(str(n) for names in named for n in ([names] if isinstance(names, str) else names))),
        evidence=(evidence,) if isinstance(evidence, str) else tuple(evidence),
        history=tuple(Turn(str(t["question"]), str(t["answer"])) for t in row.get("history") or ()),
        refuse=refuse,
    )


# ---------------------------------------------------------------- comparing

_PERCENT = re.compile(r"百分之(?=[\d〇零一二两三四五六七八九十百])")
_SPACED = re.compile(r"(?<=\d)\s+(?=[百千万亿])")  # 1.5 亿
_RANGE = re.compile(r"\s*(?:至|到|~|—+|–|-+)\s*")
_RANGED = "年月日时点分秒次度℃%级米人只篇条届位名"  # a word that may stand between a number and 至: 5月1日至7日


def atoms(text: str) -> tuple[str, ...]:
    """The text as comparable pieces: each number one piece with its value, every other letter its own.

    1,100万 → ("11000000",), 百分之三十 → ("30", "%"), ３至５人 → ("3", "~", "5", "人"). Punctuation and space go.
    Because a number is one piece, 5人 is not found in 15人.
    """
    folded = _SPACED.sub("", fold(text))
    starts = {number.start: number for number in numbers(folded)}
    pieces: list[str] = []
    percent = False
    at = 0
    while at < len(folded):
        sign = _PERCENT.match(folded, at)
        if sign and sign.end() in starts:
            at, percent = sign.end(), True
        number = starts.get(at)
        if number:
            pieces += [number.canonical, *(["%"] if percent else [])]
            at, percent = number.end, False
            continue
        between = _RANGE.match(folded, at)
        if between and between.end() in starts and pieces and (pieces[-1][0].isdigit() or pieces[-1] in _RANGED):
            pieces.append("~")
            at = between.end()
            continue
        if folded[at].isalnum() or folded[at] in "%~℃°":
            pieces.append(folded[at])
        at += 1
    return tuple(pieces)


def holds(pieces: Sequence[str], wanted: Sequence[str]) -> bool:
    """`wanted` stands in `pieces` in one run; nothing stands nowhere."""
    n = len(wanted)
    return n > 0 and any(tuple(pieces[i : i + n]) == tuple(wanted) for i in range(len(pieces) - n + 1))


def answered(gold: Gold, text: str) -> bool:
    """The text holds a variant of any item of the gold, or of every item where every one is wanted."""
    pieces = atoms(text)
    found = [any(holds(pieces, atoms(variant)) for variant in item) for item in gold.answers]
    return bool(found) and (all(found) if gold.every else any(found))


def supports(quote: str, evidence: str) -> bool:
    """The quote is the evidence sentence, or most of the shorter of the two stands in the other in one run."""
    a, b = ("".join(c for c in fold(t) if c.isalnum()) for t in (quote, evidence))
    if not a or not b:
        return False
    run = SequenceMatcher(None, a, b, autojunk=False).find_longest_match().size
    return run >= max(4, 0.8 * min(len(a), len(b)))


# ---------------------------------------------------------------- judging

_MARKER = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A question, the reply it got, and what is true of it. `reply` is None where asking ended in an error."""

    gold: Gold
    reply: Reply | None
    seconds: float  # by the clock, around the call
    error: str | None = None
    refused: bool = False
    right: bool = False  # the right answer, or the right refusal
    cited: bool = False  # an article that holds the answer is cited
    evidence: bool = False  # a quote is the very sentence, or a part of it
    consistent: bool = True  # markers and citations are the same numbers
    length: int = 0  # characters of the answer without its markers

    @property
    def given(self) -> bool:
        """An answer was given where one was wanted: what is cited can be judged."""
        return not self.gold.refuse and not self.refused and self.error is None


def judge(gold: Gold, reply: Reply, seconds: float = 0.0) -> Verdict:
    """The reply against its gold."""
    marks = {int(n) for n in _MARKER.findall(reply.answer)}
    numbered = [c.n for c in reply.citations]
    length = len(_MARKER.sub("", reply.answer))
    if gold.refuse:
        right = reply.refused
    else:
        right = not reply.refused and length <= gold.limit and answered(gold, _MARKER.sub("", reply.answer))
    names = {n for s in gold.sources for n in (s, PurePosixPath(s).name)}
    return Verdict(
        gold,
        reply,
        seconds,
        refused=reply.refused,
        right=right,
        cited=any({c.source, PurePosixPath(c.source).name, c.title} & names for c in reply.citations),
        evidence=any(supports(c.quote, e) for c in reply.citations for e in gold.evidence),
        consistent=marks == set(numbered) and len(numbered) == len(marks),
        length=length,
    )


def ask_all(library: Asks, golds: Sequence[Gold], progress: Progress | None = None) -> list[Verdict]:
    """Asks every question in order, one at a time. A question that ends in a named error is a wrong one."""
    verdicts = []
    for done, gold in enumerate(golds, 1):
        started = time.perf_counter()
        try:
            reply = library.ask(gold.question, history=gold.history)
        except Error as error:
            verdicts.append(Verdict(gold, None, time.perf_counter() - started, error=error.key))
        else:
            verdicts.append(judge(gold, reply, time.perf_counter() - started))
        if progress:
            progress(done, len(golds))
    return verdicts


# ---------------------------------------------------------------- figures

Figures = dict[str, float | int | None]  # None: nothing to measure it on


def figures(verdicts: Sequence[Verdict]) -> Figures:
    """Shares from 0 to 1, times in seconds. `mean` is that of right, cited, evidence_hit and refused."""
    able = [v for v in verdicts if not v.gold.refuse]
    unable = [v for v in verdicts if v.gold.refuse]
    given = [v for v in verdicts if v.given]
    times = [v.seconds for v in verdicts]
    scores = {
        "right": share(v.right for v in able),
        "cited": share(v.cited for v in given),
        "evidence_hit": share(v.evidence for v in given),
        "refused": share(v.right for v in unable),
    }
    known = [s for s in scores.values() if s is not None]
    return {
        "questions": len(verdicts),
        "answerable": len(able),
        **scores,
        "mean": round(sum(known) / len(known), 4) if known else None,
        "false_refusals": share(v.refused for v in able),
        "wrong_answers": share(v.given and not v.right for v in able),
        "markers_consistent": share(v.consistent for v in verdicts if v.error is None),
        "answer_characters": round(sum(v.length for v in given) / len(given), 1) if given else None,
        "seconds_p50": percentile(times, 0.5),
        "seconds_p95": percentile(times, 0.95),
        "errors": sum(v.error is not None for v in verdicts),
    }


def by_kind(verdicts: Sequence[Verdict]) -> dict[str, tuple[int, int]]:
    """For each kind of question, in the order they first come: how many right, of how many."""
    kinds: dict[str, tuple[int, int]] = {}
    for v in verdicts:
        right, asked = kinds.get(v.gold.kind, (0, 0))
        kinds[v.gold.kind] = right + v.right, asked + 1
    return kinds


def reliability(verdicts: Sequence[Verdict], bins: int = 5) -> list[tuple[float, float, int, float]]:
    """What a confidence is worth: (from, to, answers given with it, share of them right), empty bins left out.

    An answer to a question that wants a refusal counts as wrong. Calibrated means: the share lies between from and to.
    """
    given = [v for v in verdicts if v.reply is not None and not v.refused]
    table = []
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = [v for v in given if v.reply is not None and b == min(bins - 1, int(v.reply.confidence * bins))]
        if inside:
            table.append((low, high, len(inside), sum(v.right for v in inside) / len(inside)))
    return table


def refusal_curve(verdicts: Sequence[Verdict], steps: int = 10) -> list[tuple[float, float, float]]:
    """What a stricter threshold would do: (threshold, share of answerable refused, share of unanswerable refused).

    A question counts as refused where it was, or where the reply's confidence is below the threshold.
    """

    def refused(some: Iterable[Verdict], threshold: float) -> float:
        return share((v.refused or (v.reply is not None and v.reply.confidence < threshold)) for v in some) or 0.0

    able = [v for v in verdicts if not v.gold.refuse]
    unable = [v for v in verdicts if v.gold.refuse]
    return [(t / steps, refused(able, t / steps), refused(unable, t / steps)) for t in range(steps + 1)]


def share(flags: Iterable[bool]) -> float | None:
    """The share that is true, None of nothing."""
    seen = list(flags)
    return round(sum(seen) / len(seen), 4) if seen else None


def percentile(values: Iterable[float], p: float) -> float | None:
    """The nearest-rank percentile, None of nothing."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(p * len(ordered)) - 1)], 4) if ordered else None


# ---------------------------------------------------------------- the door


def measure(
    questions: Path | None = None,
    articles: Sequence[Path] = (),
    *,
    library: Path | None = None,
    engine: str | None = None,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Asks a file of questions over a library that is there, or over one made for this of `articles` and thrown away.

    Without `questions` the sample questions, without `library` and `articles` the sample articles.
    Errors: PathMissing, BadBatchLine, and what opening and adding raise.
    """
    from rag import library as door

    golds = read_questions(questions or settings.samples() / "questions.jsonl")
    with ExitStack() as stack:
        if library is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rag-eval-")))
            shelf = stack.enter_context(door.open(folder / "library", engine=engine))
            shelf.add(list(articles) or [settings.samples() / "articles"])
        else:
            shelf = stack.enter_context(door.open(library, engine=engine))
        return ask_all(shelf, golds, progress)
