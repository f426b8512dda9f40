"""Sentences whose truth is known come in, each with its evidence; how many of them the gate judges rightly goes out.

The packaged set holds true sentences and planted faults over the sample articles. The gate was tuned on one half of
the articles; of the other half only the false alarms were looked at, once. Both are reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rag import settings
from rag.answering import gate
from rag.errors import BadBatchLine, PathMissing
from rag.evaluation.answers import share
from rag.words import say

Half = Literal["tuned", "held_out"]
TOLD_APART: tuple[Half, ...] = ("tuned", "held_out")


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, the text it is held against, and whether that text bears it out. `kind`: of truth or of fault."""

    id: str
    sentence: str
    evidence: str
    kind: str
    supported: bool
    half: Half | None = None
    articles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim and what the gate found wrong with it."""

    claim: Claim
    faults: tuple[gate.Fault, ...]

    @property
    def right(self) -> bool:
        return self.claim.supported == (not self.faults)


def verdict(row: Mapping[str, Any]) -> dict[str, Any]:
    """{"sentence", "evidence"} → {"supported", "faults"}, as the command line prints it. Errors: BadBatchLine."""
    sentence, evidence = row.get("sentence"), row.get("evidence")
    if not isinstance(sentence, str) or not isinstance(evidence, str):
        raise BadBatchLine(line=row.get("id", "?"), why=say("cli.batch.missing", name="sentence, evidence"))
    found = gate.faults(sentence, evidence)
    return {"supported": not found, "faults": [asdict(fault) for fault in found]}


def read_claims(path: Path | None = None) -> list[Claim]:
    """The claims of a file, one JSON object a line; without one, those of the packaged set.

    Errors: PathMissing, BadBatchLine.
    """
    path = path or settings.samples() / "gate.jsonl"
    if not path.is_file():
        raise PathMissing(path=str(path))
    claims = []
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            claims.append(
                Claim(
                    str(row.get("id", number)),
                    str(row["sentence"]),
                    str(row["evidence"]),
                    str(row["kind"]),
                    bool(row["supported"]),
                    row.get("half"),
                    tuple(map(str, row.get("articles") or ())),
                )
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadBatchLine(line=number, why=str(error) or type(error).__name__) from error
    return claims


def judge(claims: Sequence[Claim], progress: Callable[[int, int], None] | None = None) -> list[Judged]:
    judged = []
    for done, claim in enumerate(claims, 1):
        judged.append(Judged(claim, tuple(gate.faults(claim.sentence, claim.evidence))))
        if progress:
            progress(done, len(claims))
    return judged


def by_kind(judged: Sequence[Judged]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each kind, true ones first: how many sentences, the share judged rightly, and the same of each half."""
    kinds = {j.claim.kind: j.claim.supported for j in judged}
    for kind in sorted(kinds, key=lambda k: (not kinds[k], k)):
        mine = [j for j in judged if j.claim.kind == kind]
        yield kind, {"supported": kinds[kind], "sentences": len(mine), **_right(mine)}


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """`caught`: the share of planted faults that were found; `false_alarms`: of true sentences that were not let pass."""
    planted = [j for j in judged if not j.claim.supported]
    honest = [j for j in judged if j.claim.supported]
    measured: dict[str, Any] = {
        "sentences": len(judged),
        "caught": share(j.right for j in planted),
        "false_alarms": share(not j.right for j in honest),
    }
    for half in TOLD_APART:
        if any(j.claim.half == half for j in judged):
            measured[f"caught_{half}"] = share(j.right for j in planted if j.claim.half == half)
            measured[f"false_alarms_{half}"] = share(not j.right for j in honest if j.claim.half == half)
    return measured


def _right(judged: Sequence[Judged]) -> dict[str, float | None]:
    halves = {f"right_{half}": [j.right for j in judged if j.claim.half == half] for half in TOLD_APART}
    return {"right": share(j.right for j in judged), **{name: share(flags) for name, flags in halves.items() if flags}}
