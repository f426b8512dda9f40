#!/usr/bin/env python3
"""Trains the reader: a network that reads question and passage together and marks what answers.

    python embeddings/train_reader.py DATA [--minutes 62] [--out embeddings/reader] [--work DIR] [--resume --seed N]
                                           [--from embeddings/reader]

DATA: a folder with qa_train/*.jsonl.gz, pairs/med_qa_train.jsonl.gz and news/part-*.jsonl.gz; qa_dev/* for the scores.
Only sets that may be trained on are: see the card. Needs the extra `models`, scipy and onnx (pip install scipy onnx).

The first layers of the built-in embedding, the lowest of them as they are; over them four heads: whether the passage
answers, the first and the last piece of the exact words, and the sentence that says it.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent.parent))
from loosened import loosened
from train_ranker import Words, best, news, pieces_of, rows

from rag.answering.reader import WINDOW, Window, padded, windows
from rag.answering.selector import best_span
from rag.evaluation.given import f1
from rag.question import is_name, names_in, understand
from rag.text import fold, sentences

SEED = 11
BACKBONE = Path(__file__).parent / "e5-small-zh"
LAYERS, FROZEN = 8, 4  # of the backbone's twelve: taken; of these, left as they are
BATCH, RATE, HEAD_RATE = 16, 2e-4, 1e-3
TRAIN = ("cmrc2018_train", "drcd_train_part_trad", "crud_news")
HELD_OUT = 0.1  # of the articles: the selector learns from them how far the reader is to be trusted
OTHERS = 6000  # news articles among which near passages that do not answer are found
# How often a question is shown with …; each case without an answer is one that readers meet.
MIX = {"answer": 0.50, "told": 0.06, "changed": 0.12, "removed": 0.11, "near": 0.14, "patient": 0.04, "figure": 0.03}
LOOSE = 0.45  # of the questions are asked as people talk
CHECKPOINT = 900  # seconds


# ---------------------------------------------------------------- network


class Reader(nn.Module):
    """BERT's blocks, written out so that they export as a plain graph."""

    def __init__(self, layers: int = LAYERS, frozen: int = FROZEN, size: int = 384, heads: int = 12) -> None:
        super().__init__()
        self.frozen, self.heads = frozen, heads
        self.words = nn.Embedding(29829, size)
        self.places = nn.Embedding(512, size)
        self.norm = nn.LayerNorm(size, eps=1e-12)
        self.marks = nn.Embedding(5, size)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "query": nn.Linear(size, size),
                    "key": nn.Linear(size, size),
                    "value": nn.Linear(size, size),
                    "joined": nn.Linear(size, size),
                    "norm1": nn.LayerNorm(size, eps=1e-12),
                    "wide": nn.Linear(size, 4 * size),
                    "narrow": nn.Linear(4 * size, size),
                    "norm2": nn.LayerNorm(size, eps=1e-12),
                }
            )
            for _ in range(layers)
        )
        self.spans = nn.Linear(size, 3)
        self.dense, self.answers = nn.Linear(2 * size, size), nn.Linear(size, 1)
        self.drop = nn.Dropout(0.1)
        nn.init.zeros_(self.marks.weight)

    def take(self, state: dict[str, Any]) -> None:
        """The backbone's parameters by BertModel's names."""
        self.words = nn.Embedding.from_pretrained(state["embeddings.word_embeddings.weight"].clone())
        kinds = state["embeddings.token_type_embeddings.weight"][0]
        self.places = nn.Embedding.from_pretrained(state["embeddings.position_embeddings.weight"] + kinds)
        self.norm.load_state_dict({k: state[f"embeddings.LayerNorm.{k}"] for k in ("weight", "bias")})
        names = {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "joined": "attention.output.dense",
            "norm1": "attention.output.LayerNorm",
            "wide": "intermediate.dense",
            "narrow": "output.dense",
            "norm2": "output.LayerNorm",
        }
        for i, layer in enumerate(self.layers):
            for own, theirs in names.items():
                layer[own].load_state_dict({k: state[f"encoder.layer.{i}.{theirs}.{k}"] for k in ("weight", "bias")})
        for part in (self.words, self.places, self.norm, *self.layers[: self.frozen]):
            part.requires_grad_(False)

    def take_shipped(self, shipped: Path) -> None:
        """What was trained, out of the exported int8 graph; what was not is the backbone's already."""
        import onnx
        from onnx.numpy_helper import to_array

        graph = onnx.load(shipped).graph
        held = {t.name: torch.from_numpy(to_array(t).copy()) for t in graph.initializer}
        state = {name: held[name] for name in self.state_dict() if name in held}
        for node in graph.node:  # "/query_4/MatMul_quant" is the fifth layer's
            if node.op_type == "MatMulInteger":
                name, _, layer = node.name.split("/")[1].partition("_")
                stem = node.input[1].removesuffix("_quantized")
                whole = (held[node.input[1]].float() * held[f"{stem}_scale"]).T.contiguous()
                state[f"{name}.weight" if hasattr(self, name) else f"layers.{layer or 0}.{name}.weight"] = whole
        lowest = ("words.", "places.", "norm.", *(f"layers.{i}." for i in range(self.frozen)))
        missing, _ = self.load_state_dict({n: x for n, x in state.items() if not n.startswith(lowest)}, strict=False)
        if unknown := [name for name in missing if not name.startswith(lowest)]:
            raise ValueError(f"{shipped}: without {unknown}")

    def block(self, layer: Any, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        b, n, size = x.shape

        def split(y: torch.Tensor) -> torch.Tensor:
            return y.view(b, n, self.heads, size // self.heads).transpose(1, 2)

        q, k, v = split(layer["query"](x)), split(layer["key"](x)), split(layer["value"](x))
        # No dropout in here: each question is seen once or twice, and random numbers cost a fifth of the time.
        if self.training:
            mixed = F.scaled_dot_product_attention(q, k, v, mask)
        else:
            mixed = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(size // self.heads) + mask, -1) @ v
        x = layer["norm1"](x + layer["joined"](mixed.transpose(1, 2).reshape(b, n, size)))
        return layer["norm2"](x + layer["narrow"](F.gelu(layer["wide"](x))))

    def forward(
        self, input_ids: torch.Tensor, marks: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(b,) and (b, n, 3): answers; start, end, evidence."""
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -1e4
        x = self.norm(self.words(input_ids) + self.places(torch.arange(input_ids.shape[1])))
        for i, layer in enumerate(self.layers):
            if i == self.frozen:
                x = x + self.marks(marks)
            if i < self.frozen and self.training:
                with torch.no_grad():
                    x = self.block(layer, x, mask)
            else:
                x = self.block(layer, x, mask)
        scores = self.spans(x)
        # Whether it answers is judged by the whole and by what the evidence head looks at.
        look = torch.softmax(scores[..., 2] + (marks < 2).float() * -1e4, 1)
        both = torch.cat([x[:, 0], (look[..., None] * x).sum(1)], 1)
        return self.answers(torch.tanh(self.dense(self.drop(both)))).squeeze(-1), scores


# ---------------------------------------------------------------- examples


@dataclass
class Asked:
    question: str
    text: str
    start: int
    end: int
    heading: str = ""


@dataclass
class Example:
    window: Window
    start: int = -1  # places in the window; -1: no exact words
    end: int = -1
    evidence: tuple[int, int] = (-1, -1)  # places of the answering sentence, half-open
    answers: bool = False


def asked_of(data: Path, names: Sequence[str], folder: str = "qa_train") -> list[Asked]:
    chance, found = random.Random(SEED), []
    for name in names:
        for row in rows(data / folder / f"{name}.jsonl.gz"):
            answer = row["answers"][0] if row["answers"] else {"start": -1, "text": ""}
            if answer["start"] < 0 or row.get("is_impossible") or row.get("standalone") is False:
                continue
            heading = (row.get("title") or "") if chance.random() < 0.5 else ""
            end = answer["start"] + len(answer["text"])
            found.append(Asked(row["question"], row["context"], answer["start"], end, heading))
    return found


def held_out(asked: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Those to train on and those kept back: articles are never in both."""
    texts = sorted({a.text for a in asked})
    random.Random(SEED).shuffle(texts)
    kept = set(texts[: int(HELD_OUT * len(texts))])
    return [a for a in asked if a.text not in kept], [a for a in asked if a.text in kept]


class Examples:
    """An endless stream of examples in the proportions of MIX."""

    def __init__(self, data: Path, asked: Sequence[Asked], tokenizer: Tokenizer, seed: int = SEED) -> None:
        self.asked, self.tokenizer, self.chance = list(asked), tokenizer, random.Random(seed)
        self.sentences = {a.text: list(sentences(a.text)) for a in asked}
        others = [(key, title, text[:2500]) for key, title, text in news(data, OTHERS)]
        own = [(f"own-{i}", "", text) for i, text in enumerate(self.sentences)]
        self.pieces = pieces_of([*others, *own])
        self.found_by = Words(self.pieces)
        self.patients = list(rows(data / "pairs" / "med_qa_train.jsonl.gz"))
        self.figures = [(text, span) for _, _, text in others for span in _figures(text)]
        self.told = [text for _, _, text in others if len(text) > 200]
        self.swaps: dict[str, list[str]] = {"name": [], "figure": []}
        for a in self.asked:
            self.swaps["name"] += names_in(fold(a.question))
            self.swaps["figure"] += re.findall(r"\d{2,}", a.question)

    def __iter__(self) -> Iterator[Example]:
        order = list(range(len(self.asked)))
        kinds, weights = zip(*MIX.items(), strict=True)
        while True:
            self.chance.shuffle(order)
            for i in order:
                while (kind := self.chance.choices(kinds, weights)[0]) != "answer":
                    made = getattr(self, f"_{kind}")(self.asked[self.chance.choice(order)])
                    if made:
                        yield made
                yield from filter(None, [self._answer(self.asked[i])])

    def _stretch(self, a: Asked, without: bool = False) -> tuple[str, int] | None:
        """A stretch of whole sentences around the answer (or without any sentence that says it), and where it begins."""
        spans = self.sentences[a.text]
        holds = [n for n, (x, y) in enumerate(spans) if x <= a.start < y]
        if not holds:
            return None
        n, answer = holds[0], a.text[a.start : a.end]
        room = self.chance.choice((100, 140, 180, 240))
        first = last = n
        while spans[last][1] - spans[first][0] < room and (first > 0 or last + 1 < len(spans)):
            if first > 0 and (self.chance.random() < 0.5 or last + 1 == len(spans)):
                first -= 1
            else:
                last += 1
        if not without:
            return a.text[spans[first][0] : spans[last][1]], spans[first][0]
        left = [
            a.text[x:y]
            for m, (x, y) in enumerate(spans[first : last + 1], first)
            if m != n and answer not in a.text[x:y]
        ]
        return ("".join(left), 0) if left else None

    def _answer(self, a: Asked) -> Example | None:
        got = self._stretch(a)
        return placed(self.tokenizer, self._as_people_talk(a), *got) if got else None

    def _as_people_talk(self, a: Asked) -> Asked:
        return replace(a, question=loosened(a.question, self.chance)) if self.chance.random() < LOOSE else a

    def _removed(self, a: Asked) -> Example | None:
        got = self._stretch(a, without=True)
        return self._none(self._as_people_talk(a).question, got[0], a.heading) if got else None

    def _changed(self, a: Asked) -> Example | None:
        """The question about another year, figure or name than the passage speaks of."""
        got = self._stretch(a)
        if not got:
            return None
        asked = fold(a.question)
        places = [("figure", m) for m in re.findall(r"\d{2,}", asked)] + [("name", n) for n in names_in(asked)]
        places += [("word", w) for w, weight in understand(asked).terms if weight >= 0.8 and len(w) > 1 and w in asked][
            :2
        ]
        if not places:
            return None
        kind, old = self.chance.choice(places)
        if kind == "word":
            other = understand(self.chance.choice(self.asked).question)
            new = next((w for w, weight in other.terms if weight >= 0.8 and len(w) > 1), "")
        elif kind == "figure" and self.chance.random() < 0.7:
            new = str(int(old) + self.chance.choice((-10, -3, -2, -1, 1, 2, 3, 10)))
        else:
            new = self.chance.choice(self.swaps[kind] or [""])
        whole = fold(got[0] + a.heading)
        return (
            None
            if not new or new in whole or old not in whole
            else self._none(asked.replace(old, new), got[0], a.heading)
        )

    def _near(self, a: Asked) -> Example | None:
        answer = a.text[a.start : a.end]
        order = [int(i) for i in best(self.found_by.scores(a.question), 12)]
        order = [i for i in order if self.pieces[i].text not in a.text and answer not in self.pieces[i].text]
        if not order:
            return None
        piece = self.pieces[self.chance.choice(order[:6])]
        return self._none(self._as_people_talk(a).question, piece.text, a.heading if self.chance.random() < 0.5 else "")

    def _patient(self, a: Asked) -> Example:
        """A patient's question with the doctor's answer, or with another's."""
        row = self.chance.choice(self.patients)
        asked = row["question"] if self.chance.random() < 0.7 else (row.get("ask") or row["question"])[:60]
        if self.chance.random() < 0.5:
            return self._none(asked, self.chance.choice(self.patients)["passage"][:350], "")
        window = next(windows(self.tokenizer, asked, row["passage"][:350]))
        return Example(window, answers=True)

    def _figure(self, a: Asked) -> Example | None:
        """A sentence of the news with its figure asked for."""
        text, (first, last, start, end) = self.chance.choice(self.figures)
        sentence = text[first:last]
        unit = re.sub(r"[\d.,]+", "", text[start:end])
        clauses = re.split(r"[，；：]", sentence[: start - first]) or [""]
        question = "".join(clauses[-2:] if self.chance.random() < 0.6 else clauses[-1:]) + "多少" + unit
        question += re.split(r"[，。；！]", sentence[end - first :])[0][:12]
        question = "".join(c for c in re.split(r"([\u4e00-\u9fff]{2})", question) if self.chance.random() > 0.1)
        before = max(0, first - self.chance.randrange(40, 160))
        stretch = text[before : last + self.chance.randrange(20, 120)]
        if not 8 <= len(question) <= 60:
            return None
        return placed(self.tokenizer, Asked(question, text, start, end), stretch, before)

    def _told(self, a: Asked) -> Example | None:
        """A sentence of the news with its person, day or place asked for."""
        text = self.chance.choice(self.told)
        spans = [(x, y) for x, y in sentences(text) if 24 < y - x < 110]
        told = [(*span, got) for of in (_person, _place, _day) for span in spans if (got := of(text[slice(*span)]))]
        if not told:
            return None
        first, last, (start, end, asks) = told[0]
        sentence = text[first:last]
        before, after = re.split(r"[，；：]", sentence[:start])[-1], re.split(r"[，。；！]", sentence[end:])
        rest = "".join(after[:2] if len(after[0]) < 8 else after[:1])
        ask = self.chance.choice(asks)
        question = f"{before}{rest}的是{ask}" if self.chance.random() < 0.3 else f"{before}{ask}{rest}"
        question = "".join(c for c in re.split(r"([\u4e00-\u9fff]{2})", question) if self.chance.random() > 0.12)
        if ask not in question or not 8 <= len(question) <= 50:
            return None
        at = max(0, first - self.chance.randrange(40, 160))
        stretch = text[at : last + self.chance.randrange(20, 120)]
        return placed(self.tokenizer, Asked(question, text, first + start, first + end), stretch, at)

    def _none(self, question: str, text: str, heading: str) -> Example | None:
        return Example(next(windows(self.tokenizer, question, text, heading))) if len(text) > 10 else None


def _figures(text: str) -> Iterator[tuple[int, int, int, int]]:
    """(sentence's start and end, figure's start and end) of the sentences that say a single figure."""
    for first, last in sentences(text):
        found = list(
            re.finditer(r"\d[\d.,]*(?:[万亿])?(?:元|人|名|家|个|吨|公里|米|次|亩|%|倍|天|小时)", text[first:last])
        )
        if len(found) == 1 and 24 < last - first < 100 and found[0].start() > 8:
            yield first, last, first + found[0].start(), first + found[0].end()


def _only(found: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    return found[0] if len(found) == 1 else None


def _day(sentence: str) -> tuple[int, int, Sequence[str]] | None:
    span = _only([m.span() for m in re.finditer(r"(?:\d{4}年)?\d{1,2}月\d{1,2}日(?:[上下]午)?", sentence)])
    return (*span, ("什么时候", "哪天", "哪一天", "几月几日", "何时")) if span else None


def _place(sentence: str) -> tuple[int, int, Sequence[str]] | None:
    held = r"(?<=在)([^，。在]{3,14}?)(?=举行|召开|举办|启动|开幕|揭牌|开工)"
    span = _only([m.span() for m in re.finditer(held, sentence)])
    return (*span, ("哪里", "哪儿", "什么地方", "何处")) if span else None


def _person(sentence: str) -> tuple[int, int, Sequence[str]] | None:
    posts = "书记|主席|主任|教授|院长|局长|校长|县长|市长|部长|处长|站长|队长|会长|秘书长|经理|董事长|总裁|负责人|研究员|发言人|工程师|医师|医生"
    said = "介绍|说|表示|指出|强调|告诉|认为|坦言|带领|率|提醒|建议|透露|解释|分析|呼吁|宣布|出席|主持|致辞|讲话"
    names = [m.span(1) for m in re.finditer(rf"(?:{posts})([\u4e00-\u9fff]{{2,3}}?)(?=(?:{said}|、|，|在))", sentence)]
    span = _only([(x, y) for x, y in names if is_name(sentence[x:y])])
    return (*span, ("谁", "哪位", "什么人", "哪个人")) if span else None


def placed(tokenizer: Tokenizer, a: Asked, stretch: str, begins: int) -> Example | None:
    """The window that holds the answer, and where in it; None where a cut or a piece's edge is in the way."""
    start, end = a.start - begins, a.end - begins
    around = next(((x, y) for x, y in sentences(stretch) if x <= start < y), None)
    if around is None:
        return None
    for window in windows(tokenizer, a.question, stretch, a.heading):
        at = [n for n, (x, y) in enumerate(window.offsets) if x >= 0 and y > start and x < end]
        if not at or not at[0] or window.offsets[at[0]][0] > start or window.offsets[at[-1]][1] < end:
            continue
        said = [n for n, (x, y) in enumerate(window.offsets) if x >= 0 and y > around[0] and x < around[1]]
        return Example(window, at[0], at[-1], (said[0], said[-1] + 1), True)
    return None


def batches(examples: Iterator[Example]) -> Iterator[list[Example]]:
    """Of like length: less padding."""
    while True:
        pool = sorted((next(examples) for _ in range(BATCH * 8)), key=lambda e: len(e.window.ids))
        made = [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
        random.shuffle(made)
        yield from made


def loss_of(model: Reader, batch: Sequence[Example]) -> torch.Tensor:
    ids, marks, mask = (torch.from_numpy(x) for x in padded([e.window for e in batch]))
    answers, scores = model(ids, marks, mask)
    total = F.binary_cross_entropy_with_logits(answers, torch.tensor([float(e.answers) for e in batch]))
    known = [i for i, e in enumerate(batch) if e.start >= 0]
    if not known:
        return total
    scores = scores[known] + (marks[known] < 2).float()[..., None] * -1e4
    logs = torch.log_softmax(scores, 1)
    rows_ = torch.arange(len(known))
    starts, ends = torch.tensor([batch[i].start for i in known]), torch.tensor([batch[i].end for i in known])
    total = total - 0.5 * (logs[rows_, starts, 0].mean() + logs[rows_, ends, 1].mean())
    said = torch.zeros(scores.shape[:2], dtype=torch.bool)
    for row, i in enumerate(known):
        said[row, batch[i].evidence[0] : batch[i].evidence[1]] = True
    return total - 0.5 * torch.logsumexp(logs[..., 2].masked_fill(~said, -1e4), 1).mean()


# ---------------------------------------------------------------- scores


def scores(model: Reader, tokenizer: Tokenizer, asked: Sequence[Asked]) -> str:
    model.eval()
    exact, shared, hit, sure = [], [], [], []
    with torch.no_grad():
        for a in asked:
            found = []
            for window in windows(tokenizer, a.question, a.text, a.heading):
                ids, marks, mask = (torch.from_numpy(x) for x in padded([window]))
                answers, out = model(ids, marks, mask)
                body = [n for n, (x, _) in enumerate(window.offsets) if x >= 0]
                table = out[0, body].numpy()
                i, j, _ = best_span(table[:, 0], table[:, 1])
                worth = float(answers) + float(table[i, 0] + table[j, 1])
                found.append((worth, float(answers), window.offsets[body[i]][0], window.offsets[body[j]][1]))
            _, answer, x, y = max(found)
            exact.append(a.text[x:y] == a.text[a.start : a.end])
            shared.append(f1(a.text[a.start : a.end], a.text[x:y]))
            hit.append(any(s <= x < e and s <= a.start < e for s, e in sentences(a.text)))
            sure.append(answer)
    model.train()
    return f"EM {np.mean(exact):.3f} F1 {np.mean(shared):.3f} sentence {np.mean(hit):.3f} sure {np.mean(sure):.2f}"


# ---------------------------------------------------------------- export


def export(model: Reader, out: Path) -> None:
    """int8 as the embedding is (see `make_e5_small_zh.quantised`)."""
    from make_e5_small_zh import quantised

    model.eval()
    raw = out / "fp32.onnx"
    ids = torch.randint(5, 100, (2, 16))
    names = ("input_ids", "marks", "attention_mask")
    torch.onnx.export(
        model,
        (ids, torch.ones_like(ids) * 2, torch.ones_like(ids)),
        str(raw),
        input_names=list(names),
        output_names=["answers", "scores"],
        opset_version=17,
        dynamo=False,
        dynamic_axes={n: {0: "windows", 1: "pieces"} for n in names} | {"answers": {0: "windows"}},
    )
    quantised(raw, out / "reader.onnx", "words.weight")
    raw.unlink()
    raw.with_name("prepared.onnx").unlink(missing_ok=True)
    (out / "reader.json").write_text(json.dumps({"layers": LAYERS, "window": WINDOW}) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=62)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "reader")
    parser.add_argument("--work", type=Path, default=Path("reader-work"), help="checkpoints; made when not there")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint, for --minutes more")
    parser.add_argument(
        "--from", dest="shipped", type=Path, help="a folder with reader.onnx: go on from its int8 weights"
    )
    parser.add_argument("--export", action="store_true", help="only write the last checkpoint as ONNX")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="another one for each stretch: other examples come first"
    )
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    saved = options.work / "reader.pt"
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    model = Reader()
    if options.export:
        model.load_state_dict(torch.load(saved))
        options.out.mkdir(parents=True, exist_ok=True)
        export(model, options.out)
        return
    sys.path.insert(0, str(BACKBONE))
    from int8 import parameters

    model.take(parameters(BACKBONE))
    if options.shipped:
        model.take_shipped(options.shipped / "reader.onnx")
    if options.resume:
        model.load_state_dict(torch.load(saved))
    tokenizer = Tokenizer.from_file(str(BACKBONE / "tokenizer.json"))
    train, kept = held_out(asked_of(options.data, TRAIN))
    develop = {
        name: random.Random(1).sample(asked_of(options.data, [name], "qa_dev"), 150)
        for name in ("cmrc2018_trial", "drcd_dev")
    } | {"held out": kept[:150]}
    stream = batches(iter(Examples(options.data, train, tokenizer, options.seed)))
    body = [p for n, p in model.named_parameters() if p.requires_grad and n.startswith("layers")]
    heads = [p for n, p in model.named_parameters() if p.requires_grad and not n.startswith("layers")]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": RATE}, {"params": heads, "lr": HEAD_RATE}], betas=(0.9, 0.98), weight_decay=0.01
    )
    print(f"{len(train)} questions to train on, {len(kept)} held out", flush=True)
    began, written, step, smooth = time.monotonic(), time.monotonic(), 0, 0.0
    while (part := (time.monotonic() - began) / 60 / options.minutes) < 1:
        for group, top in zip(optimiser.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = top * min(1.0, step / 60) * max(1 - part, 0.01)
        loss = loss_of(model, next(stream))
        loss.backward()
        nn.utils.clip_grad_norm_([*body, *heads], 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        smooth = float(loss.detach()) if step == 1 else 0.98 * smooth + 0.02 * float(loss.detach())
        if step % 50 == 0:
            print(f"step {step} {60 * options.minutes * part:.0f} s loss {smooth:.3f}", flush=True)
        if time.monotonic() - written > CHECKPOINT:
            torch.save(model.state_dict(), saved)
            print({name: scores(model, tokenizer, some[:30]) for name, some in develop.items()}, flush=True)
            written = time.monotonic()
    torch.save(model.state_dict(), saved)
    print({name: scores(model, tokenizer, some) for name, some in develop.items()}, flush=True)
    (options.work / "log.json").write_text(json.dumps({"steps": step, "minutes": options.minutes}))


if __name__ == "__main__":
    main()
