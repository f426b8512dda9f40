"""A question and passages come in; what a network read in each goes out: whether it answers, which sentence, which words.

The network (`embeddings/reader`, made by `embeddings/train_reader.py`) sees question and passage together, which neither
the word lists nor the vectors do. Texts are folded first; folding keeps offsets, so spans count in the passage's own text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag import settings
from rag.inference import open_graph
from rag.text import fold, sentences
from rag.traces import span
from rag.types import Hit

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

QUESTION_PIECES = 48  # of a question; what is past them is not read
WINDOW = 208  # pieces of a passage, its heading included, in one run
PIECES_AT_ONCE = 1024
PATIENCE = 2.0  # seconds of reading for a question; a machine so slow answers from the passages read by then
LONGEST = 32  # pieces of the exact words at most
# What a piece is to the question: the network is told, so that it need not learn to spell.
NOTHING, ASKED, PLAIN, LETTER, PAIR = range(5)


@dataclass(frozen=True, slots=True)
class Window:
    """A question and a stretch of a passage as the network takes them. `offsets` of the pieces from `first` on count in
    the passage; those of the heading and of marks between are (-1, -1)."""

    ids: tuple[int, ...]
    marks: tuple[int, ...]  # (n,) NOTHING … PAIR
    offsets: tuple[tuple[int, int], ...]  # (n,)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read in one passage. Scores are logits of the network; `start`, `end` and `evidence` have a value for each
    piece of the passage, whose place `offsets` tells (half-open, in the passage's text)."""

    answers: float
    start: Floats
    end: Floats
    evidence: Floats
    offsets: Ints  # (n, 2)


def windows(tokenizer: Any, question: str, text: str, heading: str = "") -> Iterator[Window]:
    """The passage in stretches of whole sentences that fit, each with question and heading. Never none."""
    asked = tokenizer.encode(fold(question), add_special_tokens=False).ids[:QUESTION_PIECES]
    head = tokenizer.encode(fold(heading), add_special_tokens=False) if heading else None
    folded = fold(text)
    letters = _letters(fold(question), folded)
    room = WINDOW - (min(len(head.ids), WINDOW // 4) if head else 0)
    cls, sep = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    for pieces in _stretches(tokenizer, folded, room):
        ids = [cls, *asked, sep, sep]
        marks = [NOTHING, *[ASKED] * len(asked), NOTHING, NOTHING]
        offsets = [(-1, -1)] * len(ids)
        if head:
            own = _letters(fold(question), fold(heading))
            kept = list(zip(head.ids, head.offsets, strict=True))[: WINDOW // 4]
            ids += [i for i, _ in kept]
            marks += [_mark(own, a, b) for _, (a, b) in kept]
            offsets += [(-1, -1)] * len(kept)
            ids.append(sep)
            marks.append(NOTHING)
            offsets.append((-1, -1))
        for piece, a, b in pieces:
            ids.append(piece)
            marks.append(_mark(letters, a, b))
            offsets.append((a, b))
        yield Window((*ids, sep), (*marks, NOTHING), (*offsets, (-1, -1)))


def _letters(question: str, text: str) -> list[int]:
    """For each character: PAIR where it and a neighbour stand together in the question, LETTER where it alone does."""
    found = [PLAIN] * len(text)
    for i, letter in enumerate(text):
        if letter.isalnum() and letter in question:
            if found[i] == PLAIN:
                found[i] = LETTER
            if text[i + 1 : i + 2].isalnum() and text[i : i + 2] in question:
                found[i] = found[i + 1] = PAIR
    return found


def _mark(letters: Sequence[int], a: int, b: int) -> int:
    return max(letters[a:b], default=PLAIN)


def _stretches(tokenizer: Any, folded: str, room: int) -> Iterator[list[tuple[int, int, int]]]:
    """(piece, start, end) of whole sentences, at most `room`; a longer sentence is cut. A stretch begins with the last
    sentence of the one before, where that leaves half the room."""
    encoded = tokenizer.encode(folded, add_special_tokens=False)
    pieces = [(i, a, b) for i, (a, b) in zip(encoded.ids, encoded.offsets, strict=True)]
    if len(pieces) <= room:
        yield pieces
        return
    ends = [b for _, b in sentences(folded)]
    runs: list[list[tuple[int, int, int]]] = [[]]
    at = 0
    for piece in pieces:
        while at < len(ends) and piece[1] >= ends[at]:
            at += 1
            if runs[-1]:
                runs.append([])
        if len(runs[-1]) == room:
            runs.append([])
        runs[-1].append(piece)
    now: list[tuple[int, int, int]] = []
    last: list[tuple[int, int, int]] = []
    for run in filter(None, runs):
        if now and len(now) + len(run) > room:
            yield now
            now = list(last) if len(last) + len(run) <= room // 2 else []
        now += run
        last = run
    if now:
        yield now


class Reader:
    """The shipped network: `embeddings/reader`."""

    def __init__(self, models: Path, threads: int = 0) -> None:
        from tokenizers import Tokenizer

        folder = models / "reader"
        trained = json.loads((folder / "reader.json").read_text("utf-8"))["window"]
        if trained != WINDOW:
            raise ValueError(f"{folder}: a network for windows of {trained} pieces, not {WINDOW}")
        self._tokenizer = Tokenizer.from_file(str(models / "e5-small-zh" / "tokenizer.json"))
        self._session = open_graph(folder / "reader.onnx", settings.threads(threads))
        self._held: tuple[str, dict[tuple[str, str], Read]] = "", {}

    def of(self, question: str, hits: Sequence[Hit]) -> list[Read]:
        """What is read in each hit, under its heading, in their order; of fewer than all where PATIENCE ends before. What
        was read for the same question just before (in ordering the hits) is not read again; threads at worst read twice."""
        asked, held = self._held
        held = dict(held) if asked == question else {}
        wanted = [(hit.text, hit.heading or hit.title) for hit in hits]
        missing = list(dict.fromkeys(w for w in wanted if w not in held))
        until = time.monotonic() + PATIENCE
        for n, one in enumerate(missing):  # one at a time: six at once take a third longer
            if n and time.monotonic() > until:
                break
            held[one] = self(question, [one])[0]
        self._held = question, held
        return [held[w] for w in takewhile(held.__contains__, wanted)]

    def __call__(self, question: str, passages: Sequence[tuple[str, str]]) -> list[Read]:
        """What is read in each (text, heading). Pieces of a long text's windows are compared by adding how likely each
        window answers; where windows overlap the higher score stands."""
        made = [
            (n, w)
            for n, (text, heading) in enumerate(passages)
            for w in windows(self._tokenizer, question, text, heading)
        ]
        with span("read"):
            read = self._run([w for _, w in made])
        of: dict[int, list[tuple[Window, float, Floats]]] = {n: [] for n in range(len(passages))}
        for (n, window), (answers, scores) in zip(made, read, strict=True):
            of[n].append((window, answers, scores))
        return [_joined(parts) for parts in of.values()]

    def _run(self, made: Sequence[Window]) -> list[tuple[float, Floats]]:
        """For each window: whether it answers, and (3, n) start, end and evidence of its pieces."""
        out: list[Any] = [None] * len(made)
        batch: list[int] = []
        for i in sorted(range(len(made)), key=lambda i: len(made[i].ids)):
            if batch and (len(batch) + 1) * len(made[i].ids) > PIECES_AT_ONCE:
                self._batch(made, batch, out)
                batch = []
            batch.append(i)
        if batch:
            self._batch(made, batch, out)
        return out

    def _batch(self, made: Sequence[Window], batch: Sequence[int], out: list[Any]) -> None:
        ids, marks, mask = padded([made[i] for i in batch])
        answers, tokens = self._session.run(None, {"input_ids": ids, "marks": marks, "attention_mask": mask})
        for row, i in enumerate(batch):
            out[i] = float(answers[row]), tokens[row, : len(made[i].ids)].T


def _joined(parts: Sequence[tuple[Window, float, Floats]]) -> Read:
    rows: dict[tuple[int, int], Floats] = {}
    for window, answers, scores in parts:
        likely = 0.0 if len(parts) == 1 else -float(np.logaddexp(0, -answers))  # log of its probability
        for place, offset in enumerate(window.offsets):
            if offset[0] >= 0:
                own = scores[:, place] + np.float32(likely)
                rows[offset] = own if offset not in rows else np.maximum(rows[offset], own)
    places = sorted(rows)
    table = np.array([rows[p] for p in places], np.float32).reshape(-1, 3)
    offsets = np.array(places, np.int64).reshape(-1, 2)
    return Read(max(answers for _, answers, _ in parts), table[:, 0], table[:, 1], table[:, 2], offsets)


def padded(made: Sequence[Window]) -> tuple[Ints, Ints, Ints]:
    """(windows, pieces) each: ids, marks, attention."""
    longest = max(len(w.ids) for w in made)
    ids = np.ones((len(made), longest), np.int64)  # 1 is <pad>
    marks, mask = np.zeros_like(ids), np.zeros_like(ids)
    for row, w in enumerate(made):
        n = len(w.ids)
        ids[row, :n], marks[row, :n], mask[row, :n] = w.ids, w.marks, 1
    return ids, marks, mask
