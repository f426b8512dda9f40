"""An answer comes in, questions that lead on from it go out: made from articles near it, each of them tried.

The one idea: a sentence that gives a number is asked for that number; a question is offered only if the library, asked
in passing, answers it from that very article.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.errors import Error
from rag.library import Library
from rag.text import fold, numbers, sentences, tagged
from rag.types import Article, Filter, Reply

MOST = 3
NEAR = 0.2  # of the best passage's score: what is less is about something else
SECONDS = 4.0  # after which no other question is tried
TRIED = 9  # questions, at most
OF_ONE_COLUMN = 12  # articles looked at beside those of the answer
OF_ONE_ARTICLE = 3  # questions that are tried of one article
_ASKS = re.compile(r"怎么|怎样|如何|为什么|为何|哪些|什么|多少|能不能|要不要|有没有|多远|多久|往哪|吗$")
_UNIT = re.compile(
    r"余?多?(名|人|位|个|所|家|篇|次|场|项|座|条|部|台|套|件|户|亩|公里|千米|米|厘米|毫米|平方米|公顷|吨|公斤|千克|克|元|度|℃|摄氏度"
    r"|小时|分钟|秒|岁|种|颗|棵|只|头|层|间|处|辆|架)"
)
_NOT_FIRST = re.compile(
    r"^(?:这|那|其|该|它|他|她|们|并|而|但|也|还|又|再|就|则|如果|若|由于|因|因为|所以|同时|此外|另|目前|截至|据|比如|例如|第|或|和|与|及|经|对此|一是|二是)"
)
_NEAR = re.compile(
    r"(?:达到或超过|约|大约|近|超过|超|逾|突破|将近|接近|至少|不少于|不超过|最多|最低|最高|达到|达|仅|只|共|总共|一共)+$"
)


@dataclass(frozen=True, slots=True)
class Idea:
    """A question, and what an answer to it must hold."""

    question: str
    article_id: str
    value: str = ""  # the number asked for, in one spelling; "" for a headline that asks


def leading_on(
    library: Library, reply: Reply, asked: Sequence[str], only: Filter, stop: Callable[[], bool]
) -> list[str]:
    """At most three questions, of different articles where there are such. `asked` are not asked again; `stop`: the
    reader does not wait for them any more."""
    until = time.monotonic() + SECONDS
    said = {_bare(q) for q in asked}
    good: list[Idea] = []
    spare: list[Idea] = []
    try:
        articles = _near(library, reply)
        for idea in _in_turn([ideas(article, reply) for article in articles]):
            if stop() or time.monotonic() > until or len(good) == MOST:
                break
            if _bare(idea.question) in said:
                continue
            said.add(_bare(idea.question))
            tried = library.ask(
                idea.question, only=only, engine="builtin", stop=lambda: stop() or time.monotonic() > until
            )
            if _answered(tried, idea):
                crowded = sum(one.article_id == idea.article_id for one in good) >= (1 if len(articles) > 2 else 2)
                (spare if crowded else good).append(idea)
    except Error:  # an answer stands already; nothing is owed here
        return []
    return [idea.question for idea in [*good, *spare][:MOST]]


def _near(library: Library, reply: Reply) -> list[Article]:
    """The articles cited, those that might have answered as well, and others of the same column."""
    likely = NEAR * max((h.score for h in reply.hits), default=0.0)  # a small library has no more that is near
    found = [h.article_id for h in reply.hits if h.score >= likely]
    ids = list(dict.fromkeys([c.article_id for c in reply.citations] + found))[:6]
    near = library.articles(Filter(article=tuple(ids)), limit=6)
    near.sort(key=lambda a: ids.index(a.article_id))
    column = near[0].column if near else None
    others = library.articles(Filter(column=(column,)), limit=OF_ONE_COLUMN) if column else []
    return [*near, *(one for one in others if one.article_id not in ids)]


def _in_turn(of_articles: Sequence[Iterator[Idea]]) -> Iterator[Idea]:
    """One of each, then the second of each…; not more than is ever tried."""
    shown = 0
    for _ in range(OF_ONE_ARTICLE):
        for one in of_articles:
            idea = next(one, None)
            if idea is not None and shown < TRIED:
                shown += 1
                yield idea


def ideas(article: Article, reply: Reply) -> Iterator[Idea]:
    """What the article can be asked: its headline where that asks, then its figures, but for what was cited."""
    asks = next((part for part in re.split("[：:？?]", article.title) if _ASKS.search(part)), "").strip()
    if 6 <= len(asks) <= 30:
        yield Idea(f"{asks}？", article.article_id)
    topic = {word for word, tag in tagged(article.title) if tag.startswith("n") and len(word) > 1}
    cited = [(c.start, c.end) for c in reply.citations if c.article_id == article.article_id]
    for start, end in sentences(article.text):
        if any(start < b and end > a for a, b in cited):
            continue
        for clause in re.split(r"[，,；;：:。！？!?]", article.text[start:end]):
            idea = _of_figure(clause.strip(), topic, article.article_id)
            if idea is not None:
                yield idea
                break


def _of_figure(clause: str, topic: set[str], article_id: str) -> Idea | None:
    """青岭县气象站有12名职工 → 青岭县气象站有多少名职工？ Only a clause with one number that counts something, after a
    subject that the headline names: what leans on a clause before it does not stand alone."""
    if not 8 <= len(clause) <= 30 or _NOT_FIRST.match(clause) or re.search(r"[“”\"（(《|]|几|多少|怎|什么", clause):
        return None
    counted = [(n, unit) for n in numbers(clause) if n.text[0].isdigit() and (unit := _UNIT.match(clause, n.end))]
    if len(counted) != 1 or len(re.findall(r"\d+(?:\.\d+)?", clause)) != 1:
        return None
    number, unit = counted[0]
    before = _NEAR.sub("", clause[: number.start])
    if len(before) < 4 or not any(word in fold(before) for word in topic):
        return None
    return Idea(f"{before}多少{unit[1]}{clause[unit.end() :]}？", article_id, number.canonical)


def _answered(reply: Reply, idea: Idea) -> bool:
    if reply.refused or reply.stopped or not reply.citations or not all(c.verified for c in reply.citations):
        return False
    if reply.citations[0].article_id != idea.article_id:
        return False
    told = reply.short_answer or reply.answer
    return not idea.value or idea.value in {n.canonical for n in numbers(told)}


def _bare(question: str) -> str:
    return re.sub(r"[\W_]+", "", fold(question))
