#!/usr/bin/env python3
"""Learns which sentence answers: LightGBM over words, then over words and what the reader read; written as ONNX.

    python embeddings/train_selector.py DATA [--out embeddings/selector] [--work DIR] [--words]

DATA: a folder with qa_train/*.jsonl.gz, news/part-*.jsonl.gz and, for the calibration, qa_dev/*.jsonl.gz. Only sets that
may be trained on are: see the card. The second trees learn from articles that the reader was not trained on
(`train_reader.held_out`). Needs lightgbm, scipy and onnx (pip install lightgbm scipy onnx).
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from loosened import loosened
from train_ranker import Words, best, calibration, news, pieces_of, rows, to_onnx
from train_reader import TRAIN as READ_BY_READER
from train_reader import asked_of, held_out
from whys import asked_why, unmarked, whys

from rag.answering.candidates import Candidate, gather
from rag.answering.features import NAMES, judge
from rag.answering.reader import Reader
from rag.answering.selector import READ_NAMES, read, scored, with_reading
from rag.errors import Error
from rag.inference import open_graph
from rag.question import Question, understand
from rag.text import sentences, words
from rag.types import Hit
from rag.weights import shipped

SEED = 5
TRAIN = {"cmrc2018_train": 4200, "drcd_train_part_trad": 1300, "crud_news": None}  # questions at most
DEVELOP = {"cmrc2018_trial": 500, "crud_news": None, "drcd_dev": 400, "xquad_zh": 250}
LOOSE = 0.5  # of the questions are asked as people talk
WHYS = {"first": 1600, "second": 500, "develop": 120}  # causes that the news tell, asked for
WHYS_FROM = 20_000  # articles before this one stand among the others that do not answer
UNMARKED = 0.35  # of the causes are told without the words that say that they are
OTHERS = 2500  # news articles among which the answering ones must be told apart
TREES = {
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
}
BOTH = TREES | {"num_leaves": 9, "learning_rate": 0.04, "min_data_in_leaf": 80}  # fewer questions: smaller trees
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
    data: Path, folder: str, most: dict[str, int | None], seed: int, wanted: Callable[[str], bool] = lambda text: True
) -> tuple[list[Kept], list[tuple[str, str, str]]]:
    """Questions with marked answers, and the articles (id, title, text) they are about."""
    chance = random.Random(seed)
    asked: list[Kept] = []
    articles: dict[tuple[str, str], tuple[str, str, str]] = {}
    for name, limit in most.items():
        got = list(rows(data / folder / f"{name}.jsonl.gz"))
        chance.shuffle(got)
        for row in [r for r in got if wanted(r["context"])][:limit]:
            starts = [(a["start"], a["text"]) for a in row["answers"] if a["start"] >= 0]
            if not starts or row.get("is_impossible") or row.get("standalone") is False:
                continue
            title = (row.get("title") or "") if chance.random() < 0.5 else ""  # libraries have both
            key = articles.setdefault((name, row["context"]), (f"{name}-{len(articles)}", title, row["context"]))
            asked.append((row["question"], key[0], starts, list(row.get("evidences") or ())))
    return asked, list(articles.values())


def causes(data: Path, part: str) -> tuple[list[Kept], list[tuple[str, str, str]]]:
    """As `questions`: why something is so, which the news tell. Each part has its own articles."""
    chance, made = random.Random(f"{SEED} {part}"), []
    before = sum(WHYS[name] for name in list(WHYS)[: list(WHYS).index(part)])
    found = [(key, text, next(whys(text), None)) for key, _, full in news(data)[WHYS_FROM:] for text in [full[:2500]]]
    for key, text, why in [one for one in found if one[2]][before : before + WHYS[part]]:
        assert why is not None
        asks = asked_why(why.asks, chance, next(iter(words(why.asks)), ""))
        text, (first, last) = unmarked(text, why) if chance.random() < UNMARKED else (text, why.explains)
        title = asked_why(why.asks, chance) if chance.random() < 0.25 else ""
        said = text[first:last].strip()
        made.append(((asks, f"why-{key}", [(text.index(said, first), said)], []), (f"why-{key}", title, text)))
    return [asked for asked, _ in made], [article for _, article in made]


def cases(
    asked: Sequence[Kept],
    articles: Sequence[tuple[str, str, str]],
    others: Sequence[tuple[str, str, str]],
    seed: int,
) -> list[Case]:
    """Two for each question: its passages as words find them, and the same without the sentence or the article."""
    chance = random.Random(seed)
    texts = {key: text for key, _, text in articles}
    pieces = pieces_of([*articles, *others])
    found_by, made = Words(pieces), []
    for asked_text, article, starts, evidence in asked:
        try:
            question = understand(loosened(asked_text, chance) if chance.random() < LOOSE else asked_text)
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
                table = judge(question, candidates, shipped())
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


def trained(cases_: Sequence[Case], tables: Sequence[np.ndarray], names: Sequence[str], trees: Any, rounds: int) -> Any:
    import lightgbm

    table, label = np.concatenate(list(tables)), np.concatenate([c.label for c in cases_])
    known = label >= 0
    return lightgbm.train(trees, lightgbm.Dataset(table[known], label[known], feature_name=list(names)), rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "selector")
    parser.add_argument("--work", type=Path, default=Path("selector-work"), help="cases, so that they are made once")
    parser.add_argument("--words", action="store_true", help="only the first trees: no reader yet")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)

    def made(name: str, make: Callable[[], list[Any]]) -> list[Any]:
        path = options.work / f"{name}.pickle"
        if not path.is_file():
            path.write_bytes(pickle.dumps(make()))
        return pickle.loads(path.read_bytes())

    others = [(key, title, text[:3000]) for key, title, text in news(options.data, OTHERS)]
    kept = {a.text for a in held_out(asked_of(options.data, READ_BY_READER))[1]}

    def with_causes(part: str, *told: Any) -> list[Case]:
        (asked, articles), (more, about) = questions(options.data, *told), causes(options.data, part)
        return cases([*asked, *more], [*articles, *about], others[:1500] if part == "develop" else others, SEED)

    first = made("first", lambda: with_causes("first", "qa_train", TRAIN, 1, lambda text: text not in kept))
    second = made(
        "second", lambda: with_causes("second", "qa_train", dict.fromkeys(TRAIN), 1, lambda text: text in kept)
    )
    develop = made("develop", lambda: with_causes("develop", "qa_dev", DEVELOP, 3))
    if options.words:
        to_onnx(trained(first, [c.table for c in first], NAMES, TREES, 300), options.out / "words.onnx", len(NAMES))
        session = open_graph(options.out / "words.onnx")
        report(develop, [scored(session, c.table) for c in develop])
        return
    session, reader = open_graph(options.out / "words.onnx"), Reader(options.out.parent)
    few = random.Random(1).sample(develop, min(600, len(develop)))

    def both(case: Case) -> np.ndarray:
        told = with_reading(case.candidates, scored(session, case.table), read(reader, case.question, case.candidates))
        return np.hstack([case.table, told])

    tables = made("second-read", lambda: [both(c) for c in second])
    booster = trained(second, tables, (*NAMES, *READ_NAMES), BOTH, 250)
    to_onnx(booster, options.out / "selector.onnx", len(NAMES) + len(READ_NAMES))
    print("words alone:", end=" ")
    report(few, [scored(session, c.table) for c in few])
    print("with the reader:", end=" ")
    raw = [booster.predict(x, raw_score=True) for x in made("few-read", lambda: [both(c) for c in few])]
    card = {"features": list(NAMES), "read": list(READ_NAMES), "calibration": calibration(*report(few, raw))}
    (options.out / "selector.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
