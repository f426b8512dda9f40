"""Articles come in; as many others as one likes go out, made of them: with other numbers, names and places.

One word becomes the same other word throughout a copy, so that it says one thing; a part of the nouns changes too, which
keeps copies of one article from being reprints of each other. For measuring: what they say is true of nothing.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from rag.errors import BadBatchLine, PathMissing

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲建国志海文辉力鹏飞春梅云兰凤洁琳素雪荣爱雯婷"
_PLACES = "安宁平阳江山河清水石龙泉溪湖东西南北金银青白云长永新兴德仁和顺福泰昌盛川岭林柳松桥塘"
_ENDS = "省市县区镇乡村州山河湖江"
_CHANGED = 0.3  # share of the nouns: of 2,613 pairs of copies of one sample article `reprints.alike` finds none alike
_STOCK = 500  # articles whose nouns stand in for others
_STOPS = "。！？!?\n"


@dataclass(frozen=True, slots=True)
class Copy:
    """`question`: names, figures and half of the other words of one of its sentences; "" where none has any."""

    text: str
    question: str


def texts(folder: Path) -> Iterator[str]:
    """Of all articles in a folder; lines of `.jsonl` and `.jsonl.gz` give their "text". PathMissing, BadBatchLine."""
    from rag.articles import cut
    from rag.reading import files_in, read_all
    from rag.types import Document

    if not folder.exists():
        raise PathMissing(path=folder)
    for path, source in files_in([folder]):
        if path.name.endswith((".jsonl", ".jsonl.gz")):
            yield from _rows(path)
            continue
        for document in read_all(path, source):
            if isinstance(document, Document):
                yield from (article.text for article in cut(document))


def _rows(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield str(json.loads(line)["text"])
            except (ValueError, KeyError, TypeError) as error:
                raise BadBatchLine(line=number, why=f"{path.name}: {error}") from error


def copies(given: Sequence[str]) -> Iterator[Copy]:
    """Without end: one of each article, then another of each."""
    import rjieba

    stock: dict[int, list[str]] = defaultdict(list)
    for text in islice(given, _STOCK):
        for word, kind in rjieba.tag(text):
            if kind == "n":
                stock[len(word)].append(word)
    for turn in count():
        for n, text in enumerate(given):
            yield _copy(rjieba.tag(text), random.Random(f"{turn} {n}"), stock)


def _copy(words: Sequence[tuple[str, str]], change: random.Random, stock: dict[int, list[str]]) -> Copy:
    other: dict[str, str] = {}
    told: list[list[tuple[str, bool]]] = [[]]  # of each sentence the words, and whether they were changed
    for word, kind in words:
        if word not in other:
            other[word] = _other(word, kind, change, stock)
        told[-1].append((other[word], other[word] != word))
        if word in _STOPS:
            told.append([])
    rich = [sentence for sentence in told if sum(changed for _, changed in sentence) > 1]
    asked = ""
    if rich:
        some = change.choice(rich)
        asked = " ".join(w for w, changed in some if changed or (len(w) > 1 and change.random() < 0.5))
    return Copy("".join(word for sentence in told for word, _ in sentence), asked[:200])


def _other(word: str, kind: str, change: random.Random, stock: dict[int, list[str]]) -> str:
    if any(c in "0123456789" for c in word):
        return "".join(change.choice("123456789") if c in "123456789" else c for c in word)
    if kind.startswith("nr") and len(word) > 1:
        return change.choice(_SURNAMES) + "".join(change.choices(_GIVEN, k=len(word) - 1))
    if kind in ("ns", "nt") and len(word) > 1:
        end = word[-1] if word[-1] in _ENDS else ""
        return "".join(change.choices(_PLACES, k=2)) + end
    if kind == "n" and stock.get(len(word)) and change.random() < _CHANGED:
        return change.choice(stock[len(word)])
    return word
