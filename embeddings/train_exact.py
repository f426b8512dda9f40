#!/usr/bin/env python3
"""Learns which words of a sentence answer: a small network over letters, told what the reader marked; written as ONNX.

    python embeddings/train_exact.py DATA [--out embeddings/exact] [--work DIR] [--minutes 45] [--threads 2]

DATA: a folder with qa_train/*.jsonl.gz and, for the figures, qa_dev/*.jsonl.gz. Only sets that may be trained on are: see
the card. WORK keeps what the reader read, so that a second run begins at once.
"""

from __future__ import annotations

import argparse
import json
import math
import pickle
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))
from loosened import loosened
from train_reader import asked_of

from rag.answering.exact import KINDS, READ, TAGS, UNKNOWN, Letters, best_span, letters_of, read_in
from rag.answering.reader import Reader
from rag.errors import Error
from rag.question import Question, understand
from rag.settings import builtin_models
from rag.text import fold, sentences

SEED = 11
TRAIN = {"cmrc2018_train": 1, "drcd_train_part_trad": 2, "crud_news": 3}  # times that each is seen in an epoch
DEVELOP = {"cmrc2018_trial": 400, "drcd_dev": 400, "crud_news": 200, "xquad_zh": 200}  # questions
LOOSE = 0.3  # of the questions are asked as people talk
AROUND = 150  # letters of the passage on both sides of the sentence that the reader reads with it
BLIND = 0.15  # of the sentences are shown without what the reader read
BATCH = 32
SEEN = 3  # times that a letter is seen before it belongs to the alphabet


@dataclass
class Case:
    """A question, a sentence that answers it and where (half-open), and what the reader read there."""

    question: Question
    sentence: str
    start: int
    end: int
    read: np.ndarray


def cases(data: Path, name: str, folder: str, most: int | None, reader: Reader) -> list[Case]:
    """The sentences that hold the first marked answer; an answer that runs past its sentence ends with it."""
    chance, made = random.Random(f"{SEED} {name}"), []
    asked = asked_of(data, [name], folder)
    if folder == "qa_dev":
        chance.shuffle(asked)
    for a in asked[:most]:
        spans = [(x, y) for x, y in sentences(a.text) if x <= a.start < y]
        if not spans:
            continue
        x, y = spans[0]
        sentence = a.text[x:y]
        loose = folder == "qa_train" and chance.random() < LOOSE
        try:
            question = understand(loosened(a.question, chance) if loose else a.question)
        except Error:
            continue
        start, end = trimmed(sentence, a.start - x, min(a.end, y) - x)
        if start >= end:
            continue
        first, last = max(0, x - AROUND), min(len(a.text), y + AROUND)
        read = reader(question.text, [(a.text[first:last], a.heading)])[0]
        made.append(Case(question, sentence, start, end, read_in(read, x - first, y - first).astype(np.float16)))
        if len(made) % 500 == 0:
            print(f"{name}: {len(made)} of {len(asked)} read", flush=True)
    return made


def trimmed(sentence: str, start: int, end: int) -> tuple[int, int]:
    """Without space and marks around it, but for brackets and quotation marks."""
    while start < end and not (sentence[start].isalnum() or sentence[start] in "《“「『（("):
        start += 1
    while end > start and not (sentence[end - 1].isalnum() or sentence[end - 1] in "》”」』）)%％℃°"):
        end -= 1
    return start, end


# ---------------------------------------------------------------- the network


class Gated(nn.Module):
    def __init__(self, size: int, apart: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.seen = nn.Conv1d(size, 2 * size, 3, padding=apart, dilation=apart)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        y = self.norm(x) * there
        a, b = self.seen(y.transpose(1, 2)).transpose(1, 2).chunk(2, -1)
        return x + self.drop(a * torch.sigmoid(b))


class Looking(nn.Module):
    """Each letter looks at all the others."""

    def __init__(self, size: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(size)
        self.three, self.joined = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        b, n, size = x.shape
        q, k, v = (
            part.view(b, n, self.heads, size // self.heads).transpose(1, 2)
            for part in self.three(self.norm(x)).chunk(3, -1)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(size // self.heads) + (1 - there[:, None, None, :, 0]) * -1e4
        mixed = torch.softmax(scores, -1) @ v
        return x + self.drop(self.joined(mixed.transpose(1, 2).reshape(b, n, size)))


class Network(nn.Module):
    def __init__(self, alphabet: int, size: int = 128) -> None:
        super().__init__()
        self.letters = nn.Embedding(alphabet, 96, padding_idx=0)
        self.marks, self.words = nn.Embedding(7, 16), nn.Embedding(2 * len(TAGS), 16)
        self.joined = nn.Linear(96 + 16 + 16 + READ, size)
        self.drop = nn.Dropout(0.15)
        self.blocks = nn.ModuleList(
            [
                *(Gated(size, apart) for apart in (1, 2, 4, 8)),
                Looking(size),
                *(Gated(size, apart) for apart in (1, 2, 4)),
                Looking(size),
                *(Gated(size, apart) for apart in (1, 2)),
            ]
        )
        self.norm, self.spans = nn.LayerNorm(size), nn.Linear(size, 2)

    def forward(
        self, letters: torch.Tensor, marks: torch.Tensor, words: torch.Tensor, read: torch.Tensor
    ) -> torch.Tensor:
        """(b, n, 2): logits of being the first letter, and the last."""
        there = (marks > 0).float()[..., None]
        own = torch.cat([self.letters(letters), self.marks(marks), self.words(words)], -1)
        # The reader's logs reach down to -12: brought to the size of the rest.
        x = self.joined(torch.cat([self.drop(own), read / 4], -1))
        for block in self.blocks:
            x = block(x, there)
        return self.spans(self.norm(x))


def padded(made: Sequence[Letters]) -> tuple[torch.Tensor, ...]:
    longest = max(len(m.letters) for m in made)
    letters, marks, words = (np.zeros((len(made), longest), np.int64) for _ in range(3))
    read = np.zeros((len(made), longest, READ), np.float32)
    for i, m in enumerate(made):
        n = len(m.letters)
        letters[i, :n], marks[i, :n], words[i, :n], read[i, :n] = m.letters, m.marks, m.words, m.read
    return tuple(map(torch.from_numpy, (letters, marks, words, read)))


def batches(
    kept: Sequence[Case], alphabet: dict[str, int], chance: random.Random
) -> Iterator[list[tuple[Letters, int, int]]]:
    """Without end. Sentences of like length together."""
    while True:
        order = list(range(len(kept)))
        chance.shuffle(order)
        for big in range(0, len(order), BATCH * 20):
            some = sorted(order[big : big + BATCH * 20], key=lambda i: len(kept[i].sentence))
            groups = [some[i : i + BATCH] for i in range(0, len(some), BATCH)]
            chance.shuffle(groups)
            for group in groups:
                yield [placed(kept[i], alphabet, chance) for i in group]


def placed(case: Case, alphabet: dict[str, int], chance: random.Random | None = None) -> tuple[Letters, int, int]:
    read = case.read.astype(np.float32)
    if chance and chance.random() < BLIND:
        read = np.zeros_like(read)
    around = (case.start + case.end) // 2 if chance else int(read[:, 0].argmax())
    made = letters_of(alphabet, case.question, case.sentence, read, around)
    first = made.first - made.begins
    last = len(made.letters) - 1
    return made, min(max(case.start + first, made.first), last), min(max(case.end - 1 + first, made.first), last)


def loss_of(model: Network, batch: Sequence[tuple[Letters, int, int]]) -> torch.Tensor:
    letters, marks, words, read = padded([m for m, _, _ in batch])
    scores = model(letters, marks, words, read)
    scores = scores + (marks < 4).float()[..., None] * -1e4  # of the sentence's letters alone
    start, end = torch.tensor([a for _, a, _ in batch]), torch.tensor([b for _, _, b in batch])
    return F.cross_entropy(scores[..., 0], start) + F.cross_entropy(scores[..., 1], end)


def figures(model: Network, kept: Sequence[Case], alphabet: dict[str, int]) -> str:
    """Exact match and F1 of letters, against the first marked answer; and the reader's own."""
    from rag.answering.selector import best_span as readers

    model.eval()
    exact, f1, before, f1_before = [], [], [], []
    with torch.no_grad():
        for case in kept:
            made, _, _ = placed(case, alphabet)
            scores = model(*padded([made]))[0, made.first :].numpy()
            a, b, _ = best_span(scores[:, 0], scores[:, 1])
            a, b = made.begins + a, made.begins + b + 1
            x, y, _ = readers(case.read[:, 0].astype(np.float64), case.read[:, 1].astype(np.float64))
            for (p, q), e, f in (((a, b), exact, f1), ((x, y + 1), before, f1_before)):
                p, q = trimmed(case.sentence, p, q)
                e.append((p, q) == (case.start, case.end))
                common = sum((Counter(case.sentence[p:q]) & Counter(case.sentence[case.start : case.end])).values())
                f.append(2 * common / (q - p + case.end - case.start) if common else 0.0)
    model.train()
    return " ".join(f"{np.mean(v):.3f}" for v in (exact, f1, before, f1_before))


def export(model: Network, alphabet: list[str], out: Path, example: Letters) -> None:
    out.mkdir(parents=True, exist_ok=True)
    model.eval()
    names = ("letters", "marks", "words", "read")
    torch.onnx.export(
        model,
        padded([example, example]),
        str(out / "exact.onnx"),
        input_names=list(names),
        output_names=["scores"],
        dynamic_axes={name: {0: "batch", 1: "letters"} for name in (*names, "scores")},
        opset_version=17,
        dynamo=False,
    )
    (out / "exact.json").write_text(json.dumps({"alphabet": "".join(alphabet)}, ensure_ascii=False) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "exact")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--collect", action="store_true", help="only read, into WORK")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    kept = options.work / "cases.pickle" if options.work else None
    if kept and kept.exists():
        held, develop = pickle.loads(kept.read_bytes())
    else:
        reader = Reader(builtin_models(), options.threads)
        held = {name: cases(options.data, name, "qa_train", None, reader) for name in TRAIN}
        develop = {name: cases(options.data, name, "qa_dev", n, reader) for name, n in DEVELOP.items()}
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(pickle.dumps((held, develop)))
    if options.collect:
        return
    train = [case for name, times in TRAIN.items() for case in held[name] * times]
    seen = Counter(c for case in train for c in fold(case.question.text + case.sentence))
    letters = sorted(c for c, n in seen.items() if n >= SEEN)
    alphabet = {c: i for i, c in enumerate(letters, UNKNOWN + 1 + len(KINDS))}
    model = Network(UNKNOWN + 1 + len(KINDS) + len(letters))
    print(
        f"{len(train)} sentences, {len(letters)} letters, {sum(p.numel() for p in model.parameters())} weights",
        flush=True,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    began, last, losses = time.monotonic(), 0.0, []
    for step, batch in enumerate(batches(train, alphabet, random.Random(SEED)), 1):
        spent = (time.monotonic() - began) / 60 / options.minutes
        if spent >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, step / 200) * 0.5 * (1 + math.cos(math.pi * spent))
        loss = loss_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if time.monotonic() - last > 240:
            told = "; ".join(f"{name} {figures(model, some[:150], alphabet)}" for name, some in develop.items())
            print(f"{spent:.0%}, step {step}, loss {np.mean(losses[-300:]):.3f}; {told}", flush=True)
            last = time.monotonic()
    for name, some in develop.items():
        print(f"{name}: exact, F1, and the reader's own: {figures(model, some, alphabet)}", flush=True)
    export(model, letters, options.out, placed(train[0], alphabet)[0])


if __name__ == "__main__":
    main()
