"""A question and one sentence come in, with what the reader marked there; the exact words of the answer go out.

The reader sees pieces of whole passages. Here a small network (`embeddings/exact`, made by `embeddings/train_exact.py`) sees
the letters of one sentence, where its words begin and of what kind they are, and says where the answer begins and ends.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from rag import text as t
from rag.answering.reader import Read
from rag.inference import open_graph
from rag.question import Kind, Question

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ASKED, TOLD = 48, 200  # letters of a question and of a sentence that are looked at
LONGEST = 80  # letters of the exact words at most
# Weight of what the reader says beside it, who knows more of what words mean (embeddings/exact/README.md).
TRUSTED = 2.0
KINDS: tuple[str, ...] = get_args(Kind)
PAD, UNKNOWN = 0, 1  # then a letter for each kind of question, then those of the alphabet
# What a letter is: of the question, whether the sentence has it; of the sentence, whether the question has it, or has it
# beside its neighbour.
NOTHING, ONLY_ASKED, ASKED_AND_TOLD, BETWEEN, PLAIN, LETTER, PAIR = range(7)
TAGS = ("", "n", "nr", "ns", "nt", "nz", "v", "vn", "a", "m", "q", "t", "r", "p", "c", "u", "d", "f", "eng", "x")
READ = 3  # the reader's log p(first), log p(last) within the sentence, and whether it read there


@dataclass(frozen=True, slots=True)
class Letters:
    """A question and a sentence as the network takes them, (n,) each and `read` (n, READ); the sentence's letters from
    `first` on are those of the sentence from `begins` on."""

    letters: Ints
    marks: Ints
    words: Ints  # 2 × the place of its word's tag in TAGS, 1 more where the word begins
    read: Floats
    first: int
    begins: int


def letters_of(alphabet: dict[str, int], question: Question, sentence: str, read: Floats, around: int = 0) -> Letters:
    """`read` (letters of the sentence, READ). Of a sentence longer than TOLD the stretch with the letter `around` in it."""
    asked, told = t.fold(question.text)[:ASKED], t.fold(sentence)
    begins = max(0, min(around - TOLD // 2, len(told) - TOLD))
    words = _words(told)[begins : begins + TOLD]
    told, read = told[begins : begins + TOLD], read[begins : begins + TOLD]
    own = [alphabet.get(c, UNKNOWN) for c in asked + told]
    between = UNKNOWN + 1 + KINDS.index(question.kind)
    marks = [ASKED_AND_TOLD if c in told and c.isalnum() else ONLY_ASKED for c in asked]
    n = len(asked)
    return Letters(
        np.array([*own[:n], between, *own[n:]], np.int64),
        np.array([*marks, BETWEEN, *_marks(asked, told)], np.int64),
        np.array([*_words(asked), 0, *words], np.int64),
        np.concatenate([np.zeros((n + 1, READ), np.float32), read]),
        n + 1,
        begins,
    )


def _marks(asked: str, told: str) -> list[int]:
    marks = [PLAIN] * len(told)
    for i, letter in enumerate(told):
        if letter.isalnum() and letter in asked:
            marks[i] = max(marks[i], LETTER)
            if told[i + 1 : i + 2].isalnum() and told[i : i + 2] in asked:
                marks[i] = marks[i + 1] = PAIR
    return marks


def _words(folded: str) -> list[int]:
    """For each letter the tag of its word, and whether the word begins there."""
    found = []
    for word, tag in t.tagged(folded):
        kind = TAGS.index(tag) if tag in TAGS else TAGS.index(tag[:1]) if tag[:1] in TAGS else 0
        found += [2 * kind + 1, *[2 * kind] * (len(word) - 1)]
    return (found + [0] * len(folded))[: len(folded)]


def read_in(told: Read | None, a: int, b: int) -> Floats:
    """(b - a, READ): what the reader said of the letters a … b of its passage; zeros where it did not read."""
    table = np.zeros((b - a, READ), np.float32)
    if told is None:
        return table
    own = np.flatnonzero((told.offsets[:, 0] < b) & (told.offsets[:, 1] > a))
    if not len(own):
        return table
    table[:, :2], table[:, 2] = -12.0, 1.0
    for column, scores, place in ((0, told.start, 0), (1, told.end, 1)):
        logs = scores[own].astype(np.float64)
        logs -= np.logaddexp.reduce(logs)
        places = np.clip(told.offsets[own, place] - place - a, 0, b - a - 1)
        table[places, column] = np.maximum(logs, -12.0)
    return table


def best_span(start: Floats, end: Floats) -> tuple[int, int, float]:
    """First and last letter of the likeliest span of at most LONGEST, and its probability; (n,) logits each."""
    first = start - np.logaddexp.reduce(start)
    last = end - np.logaddexp.reduce(end)
    both = first[:, None] + last[None, :]
    gap = np.arange(len(first))[None, :] - np.arange(len(first))[:, None]
    both[(gap < 0) | (gap >= LONGEST)] = -1e9
    a, b = np.unravel_index(int(both.argmax()), both.shape)
    return int(a), int(b), float(np.exp(both[a, b]))


class Exact:
    """The shipped network."""

    def __init__(self, models: Path) -> None:
        self._folder = models / "exact"

    @cached_property
    def alphabet(self) -> dict[str, int]:
        letters = json.loads((self._folder / "exact.json").read_text("utf-8"))["alphabet"]
        return {letter: i for i, letter in enumerate(letters, UNKNOWN + 1 + len(KINDS))}

    @cached_property
    def _session(self) -> Any:
        return open_graph(self._folder / "exact.onnx")

    def __call__(self, question: Question, sentence: str, read: Floats) -> tuple[int, int, float]:
        """Where the exact words of the answer begin and end (half-open) in the sentence, and how likely they are just these.

        `read` (letters of the sentence, READ), see `read_in`."""
        around = int(read[:, 0].argmax()) if read[:, 2].any() else 0
        made = letters_of(self.alphabet, question, sentence, read, around)
        feed: dict[str, NDArray[Any]] = {
            "letters": made.letters,
            "marks": made.marks,
            "words": made.words,
            "read": made.read,
        }
        (scores,) = self._session.run(None, {name: value[None] for name, value in feed.items()})
        both = scores[0, made.first :] + TRUSTED * made.read[made.first :, :2]
        a, b, fit = best_span(both[:, 0], both[:, 1])
        return made.begins + a, made.begins + b + 1, fit
