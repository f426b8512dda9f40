"""Questions that assume what is false, name what is not there, or have two answers come in; what became of them goes out.

The packaged questions are asked over the sample library, the planted contradictions over a library of their own.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rag import settings
from rag.evaluation.answers import Asks, atoms, holds, share
from rag.types import Reply

Kind = Literal["false_premise", "absent_term", "conflict", "correction", "apart"]
# corrected: the library's own words are given instead; refused: with the reason; unexplained: refused for another
# reason; shown: answered, with the true thing in the answer; agreed: answered as if all were well; both, one: sides of
# a contradiction; kept: two events that contradict nothing were told apart; mixed: they were not
Outcome = Literal["corrected", "refused", "unexplained", "shown", "agreed", "both", "one", "kept", "mixed"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Trap:
    """A question, and what must be heard in its answer: `says` (any of them; both sides of a contradiction)."""

    id: str
    kind: Kind
    question: str
    says: tuple[str, ...] = ()
    articles: tuple[tuple[str, str, str], ...] = ()  # title, date, text


def read_traps(*names: str) -> list[Trap]:
    """The packaged questions: "premises", "conflicts", or both."""
    traps = []
    for name in names or ("premises", "conflicts"):
        for line in (settings.samples() / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            says = row.get("sides") or [row[key] for key in ("says", "term") if key in row]
            told = tuple((a["title"], a["date"], a["text"]) for a in row.get("articles") or ())
            traps.append(Trap(row["id"], row["kind"], row["question"], tuple(says), told))
    return traps


def outcome(trap: Trap, reply: Reply) -> Outcome:
    heard = atoms(reply.answer)
    found = [holds(heard, atoms(said)) for said in trap.says]
    if trap.kind == "apart":
        return "mixed" if reply.conflicts else "kept"
    if trap.kind in ("conflict", "correction"):
        return "unexplained" if reply.refused else "both" if all(found) else "one"
    if reply.refused:
        if reply.reason == "false_premise" and trap.kind == "false_premise":
            return "corrected" if any(found) else "unexplained"
        return "refused" if reply.reason in ("absent_term", trap.kind) else "unexplained"
    return "shown" if trap.kind == "false_premise" and any(found) else "agreed"


def ask(library: Asks, traps: Sequence[Trap], progress: Progress | None = None) -> list[tuple[Trap, Reply, Outcome]]:
    """Asks them in order."""
    told = []
    for done, trap in enumerate(traps, 1):
        reply = library.ask(trap.question)
        told.append((trap, reply, outcome(trap, reply)))
        if progress:
            progress(done, len(traps))
    return told


def measure(engine: str | None = None, progress: Progress | None = None) -> list[tuple[Trap, Reply, Outcome]]:
    """All packaged questions, each over the articles it belongs to, in libraries that are thrown away."""
    from rag import library as door

    premises, conflicts = read_traps("premises"), read_traps("conflicts")
    told = []
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        rows = Path(folder) / "conflicts.jsonl"
        rows.write_text("".join(_rows(conflicts)), "utf-8")
        for name, traps, articles in (
            ("samples", premises, settings.samples() / "articles"),
            ("conflicts", conflicts, rows),
        ):
            with door.open(Path(folder) / name, engine=engine) as shelf:
                shelf.add([articles])
                told += ask(shelf, traps, progress)
    return told


def _rows(traps: Iterable[Trap]) -> Iterable[str]:
    for trap in traps:
        for n, (title, date, text) in enumerate(trap.articles):
            row = {"id": f"{trap.id}-{n}", "title": title, "date": date, "text": text}
            yield json.dumps(row, ensure_ascii=False) + "\n"


def figures(told: Sequence[tuple[Trap, Reply, Outcome]]) -> list[dict[str, Any]]:
    """For each kind: how many of each outcome, and the share that went as it should."""
    good = {"corrected", "refused", "both", "kept"}
    table: list[dict[str, Any]] = []
    for kind in dict.fromkeys(trap.kind for trap, _, _ in told):
        mine = [what for trap, _, what in told if trap.kind == kind]
        table.append({"kind": kind, "questions": len(mine), "right": share(w in good for w in mine), **Counter(mine)})
    return table
