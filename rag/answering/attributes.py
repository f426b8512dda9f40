"""Questions that an article's own record, a table or a gloss answers: who wrote it, which row, what a short form means.

What comes in is a question and the candidate sentences; what goes out is the one that answers by its form, with the exact
words, or None. Nothing is guessed: where the form is not there, the learned choice decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag import text as t
from rag.answering.candidates import Candidate, cells
from rag.question import Question
from rag.words import say


@dataclass(frozen=True, slots=True)
class Told:
    """`candidate` answers, `exact` its answering words as they stand in it, None where only the record has them; `says`:
    the sentence to show where its own words do not read as an answer."""

    candidate: int
    exact: str | None
    says: str = ""


def told(question: Question, candidates: Sequence[Candidate]) -> Told | None:
    return maker(question, candidates) or row(question, candidates) or gloss(question, candidates)


# ---------------------------------------------------------------- who wrote or photographed it

_PIECE = r"(?:报道|新闻|消息|文章|稿子?|稿件|通讯|文字|这篇|那篇|这条|那条|一文)"
_PICTURE = r"(?:照片|图片|相片|配图|插图|[这那]张图)"
_WRITE = r"(?:写|采写|撰写|撰稿|采访|报道|执笔|整理|供稿)"
_SHOOT = r"(?:拍|拍摄|摄|摄影|供图)"
_WHO = r"(?:谁|哪[位个几两]|什么人|啥人|何人)"
_WRITER = re.compile(
    rf"{_WRITE}.{{0,16}}{_PIECE}.{{0,4}}{_WHO}|{_PIECE}.{{0,6}}{_WHO}.{{0,6}}{_WRITE}|{_WHO}.{{0,6}}{_WRITE}.{{0,20}}{_PIECE}|"
    rf"{_PIECE}.{{0,4}}(?:作者|记者|通讯员|撰稿人?)(?:是|叫)"
)
_PHOTOGRAPHER = re.compile(
    rf"{_PICTURE}.{{0,6}}{_WHO}.{{0,6}}{_SHOOT}|{_WHO}.{{0,4}}{_SHOOT}.{{0,16}}{_PICTURE}|{_SHOOT}.{{0,12}}{_PICTURE}.{{0,6}}{_WHO}|"
    rf"{_PICTURE}.{{0,4}}(?:摄影者?|作者)(?:是|叫)"
)


def asks_who_made(question: Question) -> str:
    """ "writer" or "photographer" of an article; "" for a question about something else."""
    folded = t.fold(question.text)
    return "photographer" if _PHOTOGRAPHER.search(folded) else "writer" if _WRITER.search(folded) else ""


_SHOT_BY = re.compile(
    r"(?:本报)?(?:记者|通讯员)?\s*([\u4e00-\u9fff]{2,4}(?:[、,\s][\u4e00-\u9fff]{2,4}){0,3})\s*(?:摄影?|供图)\W*$"
)
_PARTS = re.compile(r"[\s、，,]+")


def maker(question: Question, candidates: Sequence[Candidate]) -> Told | None:
    """Who wrote (or photographed) the article of the first hit, by the line that says so, else by its record."""
    what = asks_who_made(question)
    if not what or not candidates:
        return None
    first = min(candidates, key=lambda c: c.rank)
    own = [i for i, c in enumerate(candidates) if c.hit.article_id == first.hit.article_id]
    if what == "photographer":
        for i in own:
            found = _SHOT_BY.search(t.fold(candidates[i].text))
            if found:
                return Told(i, candidates[i].text[found.start(1) : found.end(1)])
    author = first.hit.author or ""
    if not author or (what == "photographer" and not re.search("摄|图", author)):
        return None
    names = [p for p in _PARTS.split(author) if p not in ("摄影", "摄", "报道", "摄影报道", "文", "图")]
    says = say("answers.made_by", title=first.hit.title or first.hit.source, author=author)
    for i in reversed(own):
        at = t.fold(candidates[i].text).find(t.fold(names[-1])) if names else -1
        if at >= 0:
            return Told(i, candidates[i].text[at : at + len(names[-1])] if len(names) == 1 else None, says)
    asked = [w for w, _ in question.terms]  # the record alone has it: the sentence that tells what the article is about
    return Told(max(own, key=lambda i: sum(w in t.fold(candidates[i].text) for w in asked)), None, says)


# ---------------------------------------------------------------- which row of a table

_MOST = re.compile(r"最(?:高|大|多|长|重|快|贵|强|深|远|好|热)|第一|冠军")
_LEAST = re.compile(r"最(?:低|小|少|短|轻|慢|便宜|弱|浅|近|差|冷)|垫底|倒数第一")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def _value(cell: str) -> float | None:
    found = _NUMBER.search(t.fold(cell))
    return float(found[0].replace(",", "")) if found else None


def _alike(name: str, asked: str) -> float:
    """How much of a column's name (its unit aside) the question says."""
    bare = re.sub(r"[(（].*?[)）]", "", t.fold(name))
    letters = [c for c in bare if c.isalnum()]
    return sum(c in asked for c in letters) / len(letters) if letters else 0.0


def row(question: Question, candidates: Sequence[Candidate]) -> Told | None:
    """The row whose value in the column that is asked for is the most or the least; or the cell of a row and a column that
    the question names both."""
    asked = t.fold(question.text)
    rows = [i for i, c in enumerate(candidates) if c.header]
    most, least = bool(_MOST.search(asked)), bool(_LEAST.search(asked))
    for header in dict.fromkeys(candidates[i].header for i in rows):
        own = [i for i in rows if candidates[i].header == header]
        column = max(range(1, len(header)), key=lambda j: _alike(header[j], asked), default=0)
        if len(header) < 2 or _alike(header[column], asked) < 0.99:
            continue
        if most != least and len(own) > 1:
            values = [(v, i) for i in own if (v := _value(cells(candidates[i].text)[column])) is not None]
            if len(values) == len(own):
                value, i = max(values) if most else min(values)
                if [v for v, _ in values].count(value) == 1:
                    return Told(i, cells(candidates[i].text)[0])
        named = [i for i in own if len(key := t.fold(cells(candidates[i].text)[0])) > 1 and key in asked]
        if len(named) == 1 and not most and not least:
            return Told(named[0], cells(candidates[named[0]].text)[column])
    return None


# ---------------------------------------------------------------- what a short form means

_SHORT_FORM = re.compile(r"[A-Za-z][A-Za-z0-9+-]{1,11}")


def gloss(question: Question, candidates: Sequence[Candidate]) -> Told | None:
    """自动体外除颤器（AED）for AED 全称叫什么 or AED是什么意思; 下称“市科协” the other way round."""
    if question.kind != "definition":
        return None
    for short in _SHORT_FORM.findall(t.fold(question.text)):
        pattern = re.compile(
            rf"([\u4e00-\u9fff]{{2,16}})[(（]\s*(?:简称|以下简称)?\s*[“\"]?{re.escape(short)}[”\"]?\s*[)）]"
        )
        back = re.compile(
            rf"(?<![a-z0-9]){re.escape(short)}\s*[(（]\s*(?:即|全称)?\s*([\u4e00-\u9fff]{{2,16}})\s*[)）]"
        )
        for i, c in enumerate(candidates):
            folded = t.fold(c.text)
            found = pattern.search(folded) or back.search(folded)
            if found:
                start = found.start(1) + _phrase(found[1])
                return Told(i, c.text[start : found.end(1)])
    return None


_LEADS = frozenset(
    "是 叫 为 称 叫做 称为 使用 用 通过 采用 推广 启用 利用 进行 发现 恢复 实现 开展 成立 建立 发布".split()
)


def _phrase(before: str) -> int:
    """Where the noun phrase that a bracket explains begins: after the last word that can't belong to it. A verb can:
    除颤 in 自动体外除颤器."""
    at = start = 0
    for word, tag in t.tagged(before):
        at += len(word)
        if at < len(before) and (tag[:1] in "pcrudmqx" or word in _LEADS):
            start = at
    return start
