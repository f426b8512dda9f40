"""Verdicts come in; lines for a terminal, a Markdown report and JSON rows go out. Pure: nothing is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rag.evaluation.answers import Figures, Verdict, by_kind, figures, refusal_curve, reliability
from rag.words import say

_SHARES = ("right", "cited", "evidence_hit", "refused", "mean", "false_refusals", "wrong_answers", "markers_consistent")


def shown(name: str, value: float | int | None) -> str:
    """A figure as people read it: 0.8667 → 86.7 %, 0.2312 seconds → 0.231 s."""
    if value is None:
        return "—"
    if name in _SHARES:
        return f"{100 * value:.1f}%"
    return f"{value:.3f}" if name.startswith("seconds") else f"{value:g}"


def table(measured: Figures) -> list[tuple[str, str]]:
    """(name in words, figure) for each figure, in order."""
    return [(say(f"eval.figures.{name}"), shown(name, value)) for name, value in measured.items()]


def row(verdict: Verdict) -> dict[str, Any]:
    """One line of `--rows`: the question, what was wanted, what came, and what is true of it."""
    gold, reply = verdict.gold, verdict.reply
    return {
        "id": gold.id,
        "kind": gold.kind,
        "question": gold.question,
        "rewritten": reply.rewritten if reply else None,
        "want": [list(item) for item in gold.answers],
        "refuse": gold.refuse,
        "answer": reply.answer if reply else None,
        "short_answer": reply.short_answer if reply else None,
        "refused": verdict.refused,
        "reason": reply.reason if reply else None,
        "confidence": round(reply.confidence, 4) if reply else None,
        "right": verdict.right,
        "cited": verdict.cited,
        "evidence_hit": verdict.evidence,
        "error": verdict.error,
        "sources": [c.source for c in reply.citations] if reply else [],
        "quotes": [c.quote for c in reply.citations] if reply else [],
        "seconds": round(verdict.seconds, 4),
    }


def markdown(verdicts: Sequence[Verdict], about: Mapping[str, str] | None = None) -> str:
    """The whole report: figures, kinds, calibration, and every question that went wrong.

    `about` is what stands below the title, name by name: library, engine, machine.
    """
    measured = figures(verdicts)
    parts = [f"# {say('eval.report.title')}", ""]
    if about:
        parts += [*(f"- {name}: {value}" for name, value in about.items()), ""]
    parts += _grid((say("eval.report.figure"), say("eval.report.value")), table(measured))
    parts += ["", f"## {say('eval.report.kinds')}", ""]
    parts += _grid(
        (say("eval.report.kind"), say("eval.report.right"), say("eval.report.asked")),
        [(kind, str(right), str(asked)) for kind, (right, asked) in by_kind(verdicts).items()],
    )
    parts += ["", f"## {say('eval.report.reliability')}", ""]
    parts += _grid(
        (say("eval.report.confidence"), say("eval.report.answers"), say("eval.report.share")),
        [(f"{low:.1f}–{high:.1f}", str(n), f"{100 * right:.0f}%") for low, high, n, right in reliability(verdicts)],
    )
    parts += ["", f"## {say('eval.report.curve')}", ""]
    parts += _grid(
        (say("eval.report.threshold"), say("eval.figures.false_refusals"), say("eval.figures.refused")),
        [(f"{t:.1f}", f"{100 * able:.1f}%", f"{100 * unable:.1f}%") for t, able, unable in refusal_curve(verdicts)],
    )
    wrong = [v for v in verdicts if not v.right]
    parts += ["", f"## {say('eval.report.wrong', n=len(wrong))}", ""]
    parts += [line for v in wrong for line in _wrong(v)]
    return "\n".join(parts).rstrip() + "\n"


def _wrong(verdict: Verdict) -> list[str]:
    gold, reply = verdict.gold, verdict.reply
    answers = (" + " if gold.every else " / ").join(item[0] for item in gold.answers)
    want = say("eval.report.refusal") if gold.refuse else answers
    got = verdict.error or (reply.answer if reply else "")
    return [
        f"- {_inline(gold.id)} {_inline(gold.question)}",
        f"  - {say('eval.report.want')}: {_inline(want)}",
        f"  - {say('eval.report.got')}: {_inline(got)}",
    ]


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_inline(cell) for cell in line) + " |" for line in lines]


def _inline(text: str) -> str:
    """Article text inside Markdown: one line, and nothing in it that Markdown or HTML would act on."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join("\\" + c if c in "\\`*_[]|#" else c for c in line)
