#!/usr/bin/env python3
"""Learns which sentence answers: LightGBM over `rag.answering.features.NAMES`, written as ONNX.

    python embeddings/train_selector.py DATA [--out embeddings/selector] [--check]

DATA: a folder with qa_train/*.jsonl.gz, news/part-*.jsonl.gz and, for --check and the calibration, qa_dev/*.jsonl.gz.
Only sets that may be trained on are: see the card. Needs lightgbm, scipy and onnx (pip install lightgbm scipy onnx).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from train_ranker import Words, best, calibration, news, pieces_of, rows, to_onnx

from rag.answering.candidates import Candidate, gather
from rag.answering.features import NAMES, judge
from rag.embedding import open_embedder
from rag.errors import Error
from rag.question import Question, understand
from rag.text import sentences
from rag.types import Hit
from rag.weights import shipped

SEED = 5
TRAIN = {"cmrc2018_train": 4200, "drcd_train_part_trad": 1300, "crud_news": None}  # questions at most
DEVELOP = {"cmrc2018_trial": 500, "crud_news": None, "drcd_dev": 400, "xquad_zh": 250}
OTHERS = 2500  # news articles among which the answering ones must be told apart
WITHIN, BEYOND, USUAL, EMBEDDED = 30.0, 20.0, 0.85, 10  # what meaning adds: chosen on the development questions
Kept = tuple[str, str, list[tuple[int, str]], list[str]]  # question, article, [(start, answer)], evidence


@dataclass
class Case:
    """A question over some passages: `scenario` says whether its answer is in them."""

    scenario: str
    question: Question
    candidates: list[Candidate]
    answers: list[str]
    table: np.ndarray
    label: np.ndarray  # 1 answers, 0 does not, -1 holds the words but perhaps not the answer: left out


def questions(
    data: Path, folder: str, most: dict[str, int | None], seed: int
) -> tuple[list[Kept], list[tuple[str, str, str]]]:
    """Questions with marked answers, and the articles (id, title, text) they are about."""
    chance = random.Random(seed)
    asked: list[Kept] = []
    articles: dict[tuple[str, str], tuple[str, str, str]] = {}
    for name, limit in most.items():
        got = list(rows(data / folder / f"{name}.jsonl.gz"))
        chance.shuffle(got)
        for row in got[:limit]:
            starts = [(a["start"], a["text"]) for a in row["answers"] if a["start"] >= 0]
            if not starts or row.get("is_impossible") or row.get("standalone") is False:
                continue
            title = (row.get("title") or "") if chance.random() < 0.5 else ""  # libraries have both
            key = articles.setdefault((name, row["context"]), (f"{name}-{len(articles)}", title, row["context"]))
            asked.append((row["question"], key[0], starts, list(row.get("evidences") or ())))
    return asked, list(articles.values())


def cases(
    asked: Sequence[Kept], articles: Sequence[tuple[str, str, str]], others: Sequence[tuple[str, str, str]], seed: int
) -> list[Case]:
    """Two for each question: its passages as words find them, and the same without the sentence or the article."""
    chance = random.Random(seed)
    texts = {key: text for key, _, text in articles}
    pieces = pieces_of([*articles, *others])
    found_by, made = Words(pieces), []
    for asked_text, article, starts, evidence in asked:
        try:
            question = understand(asked_text)
        except Error:
            continue
        answers = list(dict.fromkeys(a for _, a in starts))
        scores = found_by.scores(question.text)
        order = [int(i) for i in best(scores, 24)]
        own = [i for i, p in enumerate(pieces) if p.article == article]
        gold = [i for i in own if any(pieces[i].start <= s < pieces[i].start + len(pieces[i].text) for s, _ in starts)]
        if not gold or not order:
            continue

        def hit(i: int, top: float = float(scores[order[0]]), scores: np.ndarray = scores) -> Hit:
            p = pieces[i]
            return Hit(
                i,
                p.article,
                p.article,
                "",
                p.start,
                p.start + len(p.text),
                p.text,
                float(scores[i]) / max(top, 1e-6),
                heading=p.heading,
            )

        def tells(i: int, answers: Sequence[str] = answers) -> bool:
            return any(len(a) > 1 and a in pieces[i].text for a in answers)

        for scenario in ("as_is", chance.choice(("no_sentence", "no_article"))):
            size = chance.choice((5, 8, 10, 12))
            if scenario == "as_is":
                chosen = order[:size] if set(gold) & set(order[:size]) else [*order[: size - 1], gold[0]]
                hits = [hit(i) for i in chosen]
            elif scenario == "no_article":
                hits = [hit(i) for i in order if pieces[i].article != article and not tells(i)][:size]
            else:
                spans = [(a, b) for a, b in sentences(texts[article]) if any(x in texts[article][a:b] for x in answers)]
                hits = [
                    without(hit(i), spans if pieces[i].article == article else ())
                    for i in order[:size]
                    if pieces[i].article == article or not tells(i)
                ]
            candidates = gather([h for h in hits if len(h.text) > 10])
            if candidates:
                table = judge(question, candidates, shipped()).table
                label = np.array([labelled(c, scenario, article, starts, answers, evidence) for c in candidates])
                made.append(Case(scenario, question, candidates, answers, table, label))
    return made


def without(hit: Hit, spans: Sequence[tuple[int, int]]) -> Hit:
    """The hit as it would be had its article not said these sentences."""
    text = hit.text
    for a, b in sorted(spans, reverse=True):
        if a >= hit.start and b <= hit.end:
            text = text[: a - hit.start] + text[b - hit.start :]
    return replace(hit, text=text, end=hit.start + len(text))


def labelled(
    c: Candidate,
    scenario: str,
    article: str,
    starts: Sequence[tuple[int, str]],
    answers: Sequence[str],
    evidence: Sequence[str],
) -> int:
    holds = any(a in c.text for a in answers)
    if c.hit.article_id != article:
        return -1 if holds else 0
    if scenario != "as_is":
        return -1 if holds else 0
    if any(c.start <= s < c.end for s, _ in starts) or (holds and any(e[:30] in c.text for e in evidence)):
        return 1
    return -1 if holds else 0


# ---------------------------------------------------------------- scores


def report(made: Sequence[Case], score: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Prints how often the best sentence holds the answer, and what is refused where six of a hundred are wrongly;
    gives the best scores and whether they are right."""
    tops, right, held = [], [], defaultdict(list)
    for case, s in zip(made, score, strict=True):
        i = int(np.argmax(s))
        good = (
            case.scenario == "as_is" and case.label[i] != 0 and any(a in case.candidates[i].text for a in case.answers)
        )
        tops.append(s[i])
        right.append(good)
        held[case.scenario].append(s[i])
        if case.scenario == "as_is":
            held["right"].append(good)
    bar = float(np.quantile(held["as_is"], 0.06))
    print(
        f"best sentence right {np.mean(held['right']):.3f} of {len(held['right'])}; refused at 6 % wrong refusals: "
        f"without the sentence {np.mean(np.array(held['no_sentence']) < bar):.3f}, "
        f"without the article {np.mean(np.array(held['no_article']) < bar):.3f}"
    )
    return np.array(tops), np.array(right, float)


def with_meaning(case: Case, raw: np.ndarray, embedder: Any) -> np.ndarray:
    """As `rag.answering.selector` adds it."""
    chosen = np.argsort(-raw)[:EMBEDDED]
    near = (
        embedder.passages([case.candidates[i].text[:200] for i in chosen]) @ embedder.questions([case.question.text])[0]
    )
    cosines = np.full(len(raw), float(near.min()))
    cosines[chosen] = near
    score = raw + WITHIN * (cosines - float(np.median(near)))
    return score + BEYOND * (cosines[int(np.argmax(score))] - USUAL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "selector")
    parser.add_argument(
        "--check", action="store_true", help="only score the shipped trees on the development questions"
    )
    options = parser.parse_args()
    import lightgbm

    others = [(key, title, text[:3000]) for key, title, text in news(options.data, OTHERS)]
    develop = cases(*questions(options.data, "qa_dev", DEVELOP, 3), others[:1500], 6)
    if options.check:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(options.out / "selector.onnx"), providers=["CPUExecutionProvider"])
        report(develop, [np.asarray(session.run(None, {"features": c.table})[0]).ravel() for c in develop])
        return
    train = cases(*questions(options.data, "qa_train", TRAIN, 1), others, SEED)
    table, label = np.concatenate([c.table for c in train]), np.concatenate([c.label for c in train])
    known = label >= 0
    booster = lightgbm.train(
        {
            "objective": "binary",
            "num_leaves": 31,
            "learning_rate": 0.05,
            "min_data_in_leaf": 100,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "seed": SEED,
            "verbose": -1,
            "num_threads": 2,
        },
        lightgbm.Dataset(table[known], label[known], feature_name=list(NAMES)),
        300,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    to_onnx(booster, options.out / "selector.onnx", len(NAMES))
    raw = [booster.predict(c.table, raw_score=True) for c in develop]
    print("words alone:", end=" ")
    words_alone = calibration(*report(develop, raw))
    few = random.Random(1).sample(range(len(develop)), min(440, len(develop)))
    embedder = open_embedder()
    print("with meaning:", end=" ")
    meaning = calibration(*report([develop[i] for i in few], [with_meaning(develop[i], raw[i], embedder) for i in few]))
    card = {
        "features": list(NAMES),
        "words_alone": words_alone,
        "with_meaning": meaning,
        "cosine": {"within": WITHIN, "beyond": BEYOND, "usual": USUAL},
    }
    (options.out / "selector.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
