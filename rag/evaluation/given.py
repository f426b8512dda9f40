"""Answers over passages that are given: RGB's protocol and reading comprehension come in, rows and figures go out.

RGB: Chen et al. 2023, "Benchmarking Large Language Models in Retrieval-Augmented Generation" (answers amid noise, and
refusals where all is noise). Reading: exact match and F1 as CMRC 2018 counts them (Cui et al. 2019), over the short answer.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.errors import BadBatchLine, PathMissing
from rag.evaluation.answers import Figures, atoms, holds, percentile, share
from rag.types import Reply

Read = Callable[[str, Sequence[str]], Reply]
Watch = Callable[[int, int], None]
Row = dict[str, Any]
NOISE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
GIVEN = 5  # passages with each question of RGB


def read_rows(path: Path) -> list[Row]:
    """Lines of JSON objects, packed by gzip or not. Errors: PathMissing, BadBatchLine."""
    if not path.is_file():
        raise PathMissing(path=path)
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise BadBatchLine(line=number, why=str(error)) from error
                if not isinstance(row, dict):
                    raise BadBatchLine(line=number, why=type(row).__name__)
                rows.append(row)
    return rows


# ---------------------------------------------------------------- RGB


def mixed(row: Mapping[str, Any], noise: float, chance: random.Random, count: int = GIVEN) -> list[str]:
    """`count` passages, of which ceil(count × noise) do not answer; what one side lacks the other fills, but at 1."""
    right, wrong = row["positive"], row["negative"]
    if right and isinstance(right[0], list):  # several facts, each with passages of its own: one of each first
        bags = [chance.sample(bag, len(bag)) for bag in right if bag]
        right = [bag[n] for n in range(max(map(len, bags), default=0)) for bag in bags if len(bag) > n]
    noisy = count if noise >= 1 else math.ceil(count * noise)
    if noise < 1:
        noisy = max(min(noisy, len(wrong)), count - len(right))
    chosen = [*right[: count - noisy], *wrong[:noisy]]
    chance.shuffle(chosen)
    return chosen


def measure_rgb(
    rows: Sequence[Row], read: Read, noise: Sequence[float] = NOISE, seed: int = 2333, tell: Watch | None = None
) -> Iterator[tuple[Row, Figures | None]]:
    """(a question's row, None) as they are asked, then ({}, all figures)."""
    total: dict[str, Any] = {"questions": len(rows)}
    lengths: list[int] = []
    for done, level in enumerate(noise):
        right, refused = [], []
        for n, row in enumerate(rows):
            reply = read(str(row["query"]), mixed(row, level, random.Random(f"{seed}/{row['id']}")))
            wanted = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
            pieces = atoms(reply.answer)
            items = [item if isinstance(item, list) else [item] for item in wanted]
            good = not reply.refused and all(any(holds(pieces, atoms(str(v))) for v in item) for item in items)
            right.append(good)
            refused.append(reply.refused)
            if not reply.refused:
                lengths.append(len(reply.answer))
            told = {"id": row["id"], "noise": level, "question": row["query"], "want": wanted, "answer": reply.answer}
            yield told | {"refused": reply.refused, "right": good, "confidence": round(reply.confidence, 4)}, None
            if tell:
                tell(done * len(rows) + n + 1, len(noise) * len(rows))
        if level < 1:
            total[f"right_{level:g}"] = share(right)
        total[f"refused_{level:g}"] = share(refused)
    total["answer_characters"] = round(sum(lengths) / len(lengths), 1) if lengths else None
    yield {}, total


# ---------------------------------------------------------------- reading comprehension

_MARKS = re.compile(r"[-:_*^/\\~`+=，。：？！“”；’《》…·、「」（）－～『』]")
_TOKEN = re.compile(r"[\u4e00-\u9fa5]|[^\u4e00-\u9fa5\s]+")


def f1(wanted: str, given: str) -> float:
    """Of the longest run of tokens (Chinese characters, other words whole) that both hold."""
    a, b = (_TOKEN.findall(_MARKS.sub("", x.lower().strip())) for x in (wanted, given))
    best, row = 0, [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], before + 1 if x == y else 0
            best = max(best, row[j])
    return 2 * best / (len(a) + len(b)) if best else 0.0


def exact(wanted: str, given: str) -> bool:
    return _MARKS.sub("", wanted.lower().strip()) == _MARKS.sub("", given.lower().strip())


def measure_reading(rows: Sequence[Row], read: Read, tell: Watch | None = None) -> Iterator[tuple[Row, Figures | None]]:
    """(a question's row, None) as they are asked, then ({}, all figures). A row has question, context and answers (as
    texts or as {"text"}); none, or `is_impossible`, where the context does not say."""
    em: list[bool] = []
    f1s: list[float] = []
    holding: list[bool] = []
    refused: dict[bool, list[bool]] = {True: [], False: []}
    seconds: list[float] = []
    for n, row in enumerate(rows, 1):
        reply = read(str(row["question"]), [str(row["context"])])
        wanted = [str(a["text"] if isinstance(a, dict) else a) for a in row.get("answers") or ()]
        able = bool(wanted) and not row.get("is_impossible")
        refused[able].append(reply.refused)
        seconds.append(reply.seconds.get("total", 0.0))
        told = {"id": row.get("id"), "question": row["question"], "want": wanted, "answer": reply.answer}
        told |= {"short_answer": reply.short_answer, "refused": reply.refused, "confidence": round(reply.confidence, 4)}
        if able:
            short = "" if reply.refused else reply.short_answer or ""
            em.append(any(exact(w, short) for w in wanted))
            f1s.append(max(f1(w, short) for w in wanted))
            pieces = atoms(reply.answer)
            holding.append(not reply.refused and any(holds(pieces, atoms(w)) for w in wanted))
            told |= {"em": em[-1], "f1": round(f1s[-1], 4), "right": holding[-1]}
        yield told, None
        if tell:
            tell(n, len(rows))
    yield (
        {},
        {
            "questions": len(rows),
            "answerable": len(em),
            "em": share(em),
            "f1": round(sum(f1s) / len(f1s), 4) if f1s else None,
            "sentence_holds_answer": share(holding),
            "false_refusals": share(refused[True]),
            "refused": share(refused[False]),
            "seconds_p50": percentile(seconds, 0.5),
            "seconds_p95": percentile(seconds, 0.95),
        },
    )
