"""Causes told in news: from a sentence that says why something is so, the question why it is."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.text import sentences

_SO = r"(?:所以|因此|因而|于是|从而|为此)"
_SAID = re.compile(
    # the cause first
    r"(?:因为|由于|鉴于)(?P<a>[^，；：。！？]{4,40})[，；]" + _SO + r"?(?P<b>[^，；：。！？]{5,36})"
    r"|(?P<c>[^，；：。！？]{6,40})[，；](?:"
    + _SO
    + r"|(?:这)?(?:也)?(?:就)?(?:导致|(?<!打)造成(?!为)|使得|引起|致使)了?)(?P<d>[^，；：。！？]{5,36})"
    r"|为了(?P<e>[^，；：。！？]{4,30})[，](?P<f>[^，；：。！？]{6,36})"
    # then what is so
    r"|(?:之所以)?(?P<g>[^，；：。！？]{5,36})[，；]?(?:这|主要|正)?(?:是|就是)?(?:因为|由于|缘于|源于)(?P<h>[^，；：。！？]{4,60})"
    r"|(?P<i>[^，；：。！？]{4,30})的(?:主要)?(?:原因|目的)(?:是|在于|为)(?P<j>[^，；：。！？]{4,60})"
)
_MARK = re.compile(
    rf"之所以|{_SO}|因为|由于|鉴于|为了|导致了?|(?<!打)造成(?!为)了?|使得|致使|引起了?|的(?:主要)?(?:原因|目的)(?:是|在于|为)|缘于|源于"
)
_BEFORE = re.compile(
    r"^(?:这|这是|其|主要|正)?(?:是|原因)?(?:因为|由于|是|在于|为了)"
)  # a sentence that explains the one before
_TOLD = re.compile(r"^.{0,16}?(?:表示|介绍|说|认为|指出|称|透露|告诉记者|日讯|记者获悉)[，：:]?")
_UNFIT = re.compile(
    r"[“”\"《》（）()0-9a-zA-Z#@]{4}|^[的了是在和与并而也将把被]|[的和与并而在]$|^(?:这|那|他|她|它|其|我|此|该)"
)
_ASKS = (
    "为什么{}",
    "为什么会{}",
    "{}是为什么",
    "为啥{}",
    "{}是什么原因",
    "{}的原因是什么",
    "{}，原因是什么",
    "怎么会{}",
    "{}是怎么回事",
)


@dataclass(frozen=True, slots=True)
class Why:
    """Half-open spans of the text: the sentence that explains, and in it the words that say that it does."""

    asks: str  # what is so, in the text's words
    explains: tuple[int, int]
    marks: tuple[tuple[int, int], ...]


def unmarked(text: str, why: Why) -> tuple[str, tuple[int, int]]:
    """The text without the words that say that it is a cause, and where the sentence stands then: one after the other is
    how causes are often told."""
    first, last = why.explains
    for x, y in reversed(why.marks):
        text = text[:x] + text[y:]
    return text, (first, last - sum(y - x for x, y in why.marks))


def whys(text: str) -> Iterator[Why]:
    """The causes that a text tells, at most one a sentence."""
    spans = [s for s in sentences(text) if s[1] - s[0] > 12]
    for n, (first, last) in enumerate(spans):
        sentence = text[first:last]
        if not _MARK.search(sentence):
            continue
        found, asks = _SAID.search(sentence), ""
        if n and _BEFORE.match(sentence) and re.match(r"^(?:这|其|主要|正|原因)", sentence):
            x, y = spans[n - 1]
            asks = re.split(r"[，；：]", text[x:y].rstrip("。！？\n ”"))[-1]
        elif found:
            asks = next(found[k] for k in "bdfgi" if found[k])
        asks = re.sub(r"^(?:但|而|也|还|但是|不过|而且|并且)", "", _TOLD.sub("", asks)).strip()
        if 5 <= len(asks) <= 34 and not _UNFIT.search(asks):
            marks = tuple((first + m.start(), first + m.end()) for m in _MARK.finditer(sentence))
            yield Why(asks, (first, last), marks)


def asked_why(asks: str, chance: random.Random, first_word: str = "") -> str:
    """The question, in one of the ways in which it is put; `first_word`: what 为什么 may stand behind."""
    if first_word and asks.startswith(first_word) and len(asks) - len(first_word) > 3 and chance.random() < 0.45:
        return f"{first_word}{chance.choice(('为什么', '为什么会', '为啥', '怎么', '怎么会', '为何'))}{asks[len(first_word) :]}"
    return chance.choice(_ASKS).format(asks)
