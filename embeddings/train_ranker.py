#!/usr/bin/env python3
"""Learns the order of passages from both lists: LightGBM's LambdaMART over `rag.ranking.FEATURES`, written as ONNX.

    python embeddings/train_ranker.py DATA [--out embeddings/ranker] [--vectors DIR] [--dev SET…]

DATA: a folder with qa_train/*.jsonl.gz, pairs/med_qa_train.jsonl.gz, news/part-*.jsonl.gz and, for --dev, retrieval/*.
Only sets that may be trained on are: see the card. Needs lightgbm, scipy and onnx (pip install lightgbm scipy onnx).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from rag.embedding import Embedder, open_embedder
from rag.passages import split
from rag.question import understand
from rag.ranking import FEATURES, Candidate, features, steadying
from rag.text import bigrams, fold, tokens, words
from rag.types import Article
from rag.weights import Weights

SEED = 7
LOOKED_AT = 60  # passages of each list, as rag.retrieval takes them
HARD, RANDOM = 5, 200  # distractors: news passages among the first by words for a question; whole articles by chance
QUESTIONS = {"crud_news": 524, "cmrc2018_train": 900, "drcd_train_part_trad": 300, "med_qa_train": 800}
TREES = {
    "objective": "lambdarank",
    "learning_rate": 0.06,
    "num_leaves": 7,
    "min_data_in_leaf": 60,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "label_gain": [0, 1, 3],
    "lambdarank_truncation_level": 20,
    "verbosity": -1,
    "num_threads": 1,
    "seed": SEED,
    "deterministic": True,
}
ROUNDS = 400


@dataclass
class Asked:
    """A question, the articles that are right, and the words of the answer where they are known."""

    text: str
    right: set[str]
    answers: tuple[str, ...] = ()


@dataclass
class Set:
    name: str
    articles: list[tuple[str, str, str]]  # id, title, text
    asked: list[Asked] = field(default_factory=list)
    twins: set[str] = field(default_factory=set)  # news articles that tell the same


# ---------------------------------------------------------------- data


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def training_sets(data: Path) -> list[Set]:
    cluster = {
        row["id"]: row["cluster"] for path in sorted((data / "news").glob("part-*.jsonl.gz")) for row in rows(path)
    }
    sets = []
    for name, count in QUESTIONS.items():
        chosen = Set(name, [])
        known: dict[str, str] = {}
        if name.startswith("med"):
            for row in rows(data / "pairs" / f"{name}.jsonl.gz"):
                chosen.articles.append((row["id"], "", row["passage"]))
                chosen.asked.append(Asked(row["question"], {row["id"]}))
        else:
            for row in rows(data / "qa_train" / f"{name}.jsonl.gz"):
                key = known.setdefault(row["context"], row.get("doc") or f"{name}-{len(known)}")
                chosen.asked.append(Asked(row["question"], {key}, tuple(a["text"] for a in row["answers"])))
            chosen.articles = [(key, "", text) for text, key in known.items()]
        order = [a[0] for a in chosen.articles]
        random.Random(SEED).shuffle(order)
        taken: set[str] = set()
        by_article: dict[str, list[Asked]] = {}
        for asked in chosen.asked:
            by_article.setdefault(next(iter(asked.right)), []).append(asked)
        chosen.asked = []
        for key in order:
            if len(chosen.asked) < count:
                taken.add(key)
                chosen.asked += by_article.get(key, [])
        chosen.articles = [a for a in chosen.articles if a[0] in taken]
        clusters = {cluster[key] for key in taken if key in cluster}
        chosen.twins = {key for key, c in cluster.items() if c in clusters}
        sets.append(chosen)
    return sets


def development_set(data: Path, name: str) -> Set:
    folder = data / "retrieval" / name
    asked = {row["_id"]: Asked(row["text"], set()) for row in rows(folder / "queries.jsonl")}
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines():
        key, article, score = line.split("\t")
        if key in asked and score.isdigit() and int(score):
            asked[key].right.add(article)
    articles = [(r["_id"], r.get("title") or "", r.get("text") or "") for r in rows(folder / "corpus.jsonl.gz")]
    return Set(name, articles, [asked[k] for k in sorted(asked) if asked[k].right])


def news(data: Path, limit: int | None = None) -> list[tuple[str, str, str]]:
    found: dict[str, str] = {}
    for path in sorted((data / "news").glob("part-*.jsonl.gz")):
        for row in rows(path):
            if limit and len(found) >= limit:
                return [(key, "", text) for key, text in found.items()]
            if row["text"]:
                found.setdefault(row["id"], row["text"])
    return [(key, "", text) for key, text in found.items()]


# ---------------------------------------------------------------- both lists


@dataclass
class Piece:
    article: str
    text: str
    heading: str
    start: int

    @property
    def whole(self) -> str:
        return f"{self.heading}\n{self.text}" if self.heading else self.text


def pieces_of(articles: Sequence[tuple[str, str, str]]) -> list[Piece]:
    return [
        Piece(key, p.text, p.heading, p.start)
        for key, title, text in articles
        for p in split(Article(key, key, title, text))
    ]


class Words:
    """BM25 (k1 1.2, b 0.75) over pieces, as the library's lexical index ranks."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        from scipy.sparse import csr_matrix

        self.vocabulary: dict[str, int] = {}
        places, counts, ends = [], [], [0]
        for piece in pieces:
            held = Counter(self.vocabulary.setdefault(t, len(self.vocabulary)) for t in tokens(piece.whole))
            places.append(np.fromiter(held, np.int32, len(held)))
            counts.append(np.fromiter(held.values(), np.float32, len(held)))
            ends.append(ends[-1] + len(held))
        self.at, self.tf, self.ends = np.concatenate(places), np.concatenate(counts), np.array(ends)
        self.lengths = np.add.reduceat(self.tf, self.ends[:-1])
        self._matrix: Any = None
        self._make = csr_matrix

    def weighted(self) -> Any:
        if self._matrix is None:
            n = len(self.lengths)
            df = np.bincount(self.at, minlength=len(self.vocabulary))
            idf = np.log1p((n - df + 0.5) / (df + 0.5)).astype(np.float32)
            row = np.repeat(np.arange(n), np.diff(self.ends))
            share = 1.2 * (0.25 + 0.75 * self.lengths[row] / self.lengths.mean())
            self._matrix = self._make(
                (idf[self.at] * self.tf * 2.2 / (self.tf + share), self.at, self.ends), shape=(n, len(self.vocabulary))
            ).tocsc()
        return self._matrix

    def scores(self, question: str) -> np.ndarray:
        matrix = self.weighted()
        found = np.zeros(matrix.shape[0], np.float32)
        for token, n in Counter(tokens(question)).items():
            j = self.vocabulary.get(token)
            if j is not None:
                span = slice(matrix.indptr[j], matrix.indptr[j + 1])
                found[matrix.indices[span]] += n * matrix.data[span]
        return found


def best(scores: np.ndarray, k: int) -> np.ndarray:
    top = np.argpartition(-scores, min(k, len(scores) - 1))[:k]
    top = top[np.argsort(-scores[top], kind="stable")]
    return top[scores[top] > 0]


def hard_pieces(asked: Sequence[Asked], others: Sequence[Piece], found_by: Words) -> list[int]:
    """The distractors that the questions' words find first."""
    return sorted({int(i) for a in asked for i in best(found_by.scores(a.text), HARD)})


class Vectors:
    """Vectors of texts, kept in a folder between runs: key of the text → vector."""

    def __init__(self, folder: Path | None, embedder: Embedder) -> None:
        self.folder, self.embedder = folder, embedder
        self.held: dict[bytes, np.ndarray] = {}
        for path in sorted(folder.glob("*.npz")) if folder else []:
            with np.load(path) as z:
                self.held.update((key.tobytes(), vector) for key, vector in zip(z["keys"], z["vectors"], strict=True))

    @staticmethod
    def key(text: str, question: bool) -> bytes:
        return hashlib.sha1(f"{question:d}{text}".encode()).digest()

    def of(self, texts: Sequence[str], question: bool = False) -> np.ndarray:
        keys = [self.key(t, question) for t in texts]
        missing = sorted({i for i, k in enumerate(keys) if k not in self.held})
        for at in range(0, len(missing), 1000):
            batch = missing[at : at + 1000]
            make = self.embedder.questions if question else self.embedder.passages
            vectors = make([texts[i] for i in batch]).astype(np.float16)
            self.held.update((keys[i], v) for i, v in zip(batch, vectors, strict=True))
            if self.folder:
                self.folder.mkdir(parents=True, exist_ok=True)
                np.savez(
                    self.folder / f"{keys[batch[0]].hex()}.npz",
                    vectors=vectors,
                    keys=np.array([np.frombuffer(keys[i], np.uint8) for i in batch]),
                )
            print(f"  embedded {at + len(batch)} of {len(missing)}", file=sys.stderr)
        return np.array([self.held[k] for k in keys], np.float32)


# ---------------------------------------------------------------- examples


@dataclass
class Example:
    """A question's candidates: features (n, F), labels 0–2, articles, both parts' scores."""

    set: str
    rows: np.ndarray
    labels: np.ndarray
    articles: list[str]
    right: set[str]
    lexical: np.ndarray
    cosine: np.ndarray


def examples(
    chosen: Set, pool: Sequence[Piece], vectors: Vectors, weigh: Weights, *, without: float = 0.0, seed: int = SEED
) -> list[Example]:
    """`without`: share of the questions whose vectors are forgotten, all or half of them."""
    found_by, matrix = Words(pool), vectors.of([p.whole for p in pool])
    asked_vectors = vectors.of([a.text for a in chosen.asked], question=True)
    chance = random.Random(seed)
    made = []
    for asked, vector in zip(chosen.asked, asked_vectors, strict=True):
        lexical, cosine = found_by.scores(asked.text), matrix @ vector
        lost = chance.random()
        if lost < without / 2:
            cosine[:] = np.nan
        elif lost < without:
            cosine[np.random.default_rng(chance.randrange(10**6)).random(len(cosine)) < 0.5] = np.nan
        by_words = best(lexical, LOOKED_AT)
        by_meaning = best(np.where(np.isnan(cosine), -1, cosine), LOOKED_AT)
        # A distractor that holds the answer may be right: it teaches nothing.
        sure = tuple(fold(a) for a in asked.answers if len(a) >= 4)
        ids = [
            i
            for i in dict.fromkeys([*by_words.tolist(), *by_meaning.tolist()])
            if pool[i].article in asked.right or not any(a in fold(pool[i].text) for a in sure)
        ]
        in_words = set(by_words.tolist())
        candidates = [
            Candidate(
                pool[i].text,
                pool[i].heading,
                pool[i].article,
                pool[i].start,
                float(lexical[i]) if i in in_words else None,
                None if np.isnan(cosine[i]) else float(cosine[i]),
            )
            for i in ids
        ]
        if not candidates:
            continue
        question = understand(asked.text)
        made.append(
            Example(
                chosen.name,
                features(question.text, question.kind, candidates, weigh).astype(np.float32),
                np.array([label(pool[i], asked) for i in ids]),
                [pool[i].article for i in ids],
                asked.right,
                np.array([lexical[i] for i in ids]),
                np.array([cosine[i] for i in ids]),
            )
        )
    return made


def label(piece: Piece, asked: Asked) -> int:
    """2: a right article's passage that holds the answer; 1: another one of it; 0."""
    if piece.article not in asked.right:
        return 0
    if not asked.answers:
        return 2
    return 2 if any(fold(a) in fold(piece.text) for a in asked.answers) else 1


def scored(example: Example, scores: np.ndarray) -> int | None:
    """Place of the first right article, from 1."""
    order = dict.fromkeys(example.articles[i] for i in np.argsort(-scores, kind="stable"))
    return next((place for place, key in enumerate(order, 1) if key in example.right), None)


def report(name: str, made: Sequence[Example], asked: int, ways: dict[str, Any]) -> None:
    for way, score in ways.items():
        places = [scored(e, score(e)) for e in made]
        r = [sum(p is not None and p <= k for p in places) / asked for k in (1, 5, 10)]
        print(f"{name:24} {way:8} R@1 {r[0]:.3f}  R@5 {r[1]:.3f}  R@10 {r[2]:.3f}")


# ---------------------------------------------------------------- trees as ONNX


def to_onnx(booster: Any, path: Path, features: int = len(FEATURES)) -> None:
    """LightGBM's trees as one TreeEnsembleRegressor. All splits are `value <= threshold`; nothing is missing."""
    from onnx import TensorProto, helper, save

    names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    nodes: dict[str, list[Any]] = {name: [] for name in names}
    target: dict[str, list[Any]] = {"treeids": [], "nodeids": [], "weights": []}
    for tree, info in enumerate(booster.dump_model()["tree_info"]):
        numbered: list[dict[str, Any]] = []

        def walk(node: dict[str, Any], numbered: list[dict[str, Any]] = numbered) -> int:
            number = len(numbered)
            numbered.append(node)
            if "split_index" in node:
                node["yes"], node["no"] = walk(node["left_child"]), walk(node["right_child"])
            return number

        walk(info["tree_structure"])
        for number, node in enumerate(numbered):
            leaf = "split_index" not in node
            value = 0.0 if leaf else float(np.nextafter(np.float32(node["threshold"]), np.float32(np.inf)))
            if not leaf and np.float32(node["threshold"]) <= node["threshold"]:
                value = float(np.float32(node["threshold"]))
            elif not leaf:
                value = float(np.nextafter(np.float32(node["threshold"]), np.float32(-np.inf)))
            for name, entry in zip(
                names,
                (
                    tree,
                    number,
                    0 if leaf else node["split_feature"],
                    value,
                    "LEAF" if leaf else "BRANCH_LEQ",
                    0 if leaf else node["yes"],
                    0 if leaf else node["no"],
                ),
                strict=True,
            ):
                nodes[name].append(entry)
            if leaf:
                target["treeids"].append(tree)
                target["nodeids"].append(number)
                target["weights"].append(float(node["leaf_value"]))
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        target_ids=[0] * len(target["treeids"]),
        **{f"nodes_{k}": v for k, v in nodes.items()},
        **{f"target_{k}": v for k, v in target.items()},
    )
    graph = helper.make_graph(
        [node],
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 8
    save(model, path)


def calibration(scores: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and offset of a logistic curve through the scores (Platt 1999), by Newton's method."""
    a, b = 1.0, 0.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-(a * scores + b)))
        w = np.maximum(p * (1 - p), 1e-9)
        gradient = np.array([((p - right) * scores).sum() + 1e-3 * a, (p - right).sum()])
        hessian = np.array([[(w * scores * scores).sum() + 1e-3, (w * scores).sum()], [(w * scores).sum(), w.sum()]])
        step = np.linalg.solve(hessian, gradient)
        a, b = a - step[0], b - step[1]
        if np.abs(step).max() < 1e-8:
            break
    return float(a), float(b)


def weights_of_words(articles: Sequence[tuple[str, str, str]], out: Path, least: int = 20) -> None:
    """idf.npz: words and pairs that stand in at least `least` articles."""
    df: Counter[str] = Counter()
    for _, _, text in articles:
        df.update(set(words(text)) | set(bigrams(text)))

    def sixteenths(count: int) -> int:
        return min(255, round(16 * math.log1p((len(articles) - count + 0.5) / (count + 0.5))))

    kept = sorted(t for t, n in df.items() if n >= least and "\n" not in t and len(t) <= 12)
    np.savez_compressed(
        out / "idf.npz",
        tokens=np.frombuffer("\n".join(kept).encode(), np.uint8),
        idf=np.array([sixteenths(df[t]) for t in kept], np.uint8),
        rare=np.array(sixteenths(6), np.uint8),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "ranker")
    parser.add_argument("--vectors", type=Path, help="a folder that keeps vectors between runs")
    parser.add_argument("--dev", nargs="*", default=[], help="sets of DATA/retrieval to report on")
    options = parser.parse_args()
    import lightgbm

    started = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    if not (options.out / "idf.npz").is_file():
        weights_of_words(news(options.data), options.out)
    weigh, vectors = Weights(options.out), Vectors(options.vectors, open_embedder())
    articles = news(options.data, 20_000)
    others = pieces_of(articles)
    found_by = Words(others)
    some = {key for key, _, _ in random.Random(SEED).sample(articles, RANDOM)}
    by_chance = [i for i, p in enumerate(others) if p.article in some]

    def pool_of(chosen: Set) -> list[Piece]:
        own = {key for key, _, _ in chosen.articles} | chosen.twins
        hard = hard_pieces(chosen.asked, others, found_by)
        taken = [others[i] for i in sorted({*hard, *by_chance}) if others[i].article not in own]
        return pieces_of(chosen.articles) + taken

    made = []
    for chosen in training_sets(options.data):
        made += examples(chosen, pool_of(chosen), vectors, weigh, without=0.2)
        print(f"{chosen.name}: {len(chosen.asked)} questions, {time.monotonic() - started:.0f} s")
    booster = ship(made, options.out, lightgbm)
    for name in options.dev:
        chosen = development_set(options.data, name)
        report(
            name,
            examples(chosen, pool_of(chosen), vectors, weigh),
            len(chosen.asked),
            {"words": lambda e: e.lexical, "meaning": lambda e: e.cosine, "ranker": lambda e: steadied(booster, e)},
        )
    print(f"{booster.num_trees()} trees, {time.monotonic() - started:.0f} s")


def ship(made: Sequence[Example], out: Path, lightgbm: Any) -> Any:
    """Trees over all examples into OUT, the curve from scores to chances from trees that saw nine tenths of them."""
    booster = fit(made, lightgbm)
    held_back, rest = made[::10], [e for i, e in enumerate(made) if i % 10]
    partial = fit(rest, lightgbm)
    raw = np.concatenate([steadied(partial, e) for e in held_back])
    slope, offset = calibration(raw, np.concatenate([e.labels > 0 for e in held_back]).astype(float))
    to_onnx(booster, out / "ranker.onnx")
    (out / "ranker.json").write_text(
        json.dumps({"features": FEATURES, "calibration": [slope, offset], "trees": booster.num_trees()}, indent=2)
        + "\n",
        "utf-8",
    )

    import onnxruntime

    session = onnxruntime.InferenceSession(str(out / "ranker.onnx"), providers=["CPUExecutionProvider"])
    shipped = session.run(None, {"features": held_back[0].rows})[0].reshape(-1)
    if not np.allclose(shipped, booster.predict(held_back[0].rows), atol=1e-4):
        raise SystemExit("the trees as ONNX score differently")
    return booster


def steadied(booster: Any, example: Example) -> np.ndarray:
    """The score as `rag.ranking.Ranker` makes it."""
    cosines = [None if np.isnan(c) else float(c) for c in example.cosine]
    lexical = example.rows[:, FEATURES.index("lex")].tolist()
    length = int(example.rows[0, FEATURES.index("q_length")])
    return booster.predict(example.rows) + steadying(length, lexical, cosines)


def fit(made: Sequence[Example], lightgbm: Any) -> Any:
    """Each set weighs the same by question, whatever its size, but for the square root."""
    sizes = Counter(e.set for e in made)
    rows_, labels = np.concatenate([e.rows for e in made]), np.concatenate([e.labels for e in made])
    weight = np.concatenate([np.full(len(e.labels), sizes[e.set] ** -0.5) for e in made])
    data = lightgbm.Dataset(
        rows_,
        labels,
        group=[len(e.labels) for e in made],
        weight=weight / weight.mean(),
        feature_name=list(FEATURES),
        free_raw_data=False,
    )
    return lightgbm.train(TREES, data, num_boost_round=ROUNDS)


if __name__ == "__main__":
    main()
