"""A library comes in, questions that it can answer go out: for readers who do not know yet what to ask."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import TYPE_CHECKING

from rag import settings

if TYPE_CHECKING:
    from rag.store import Store

_ASKS = ("为什么", "为何", "怎么", "怎样", "如何", "什么", "哪些", "吗", "多少", "？", "?")


def examples(store: Store, n: int, hidden: Set[str] = frozenset()) -> list[tuple[str, str]]:
    """(column, question), different columns first. The sample library has its own; elsewhere headlines that ask
    are taken as they are, and others are asked about."""
    made: list[tuple[str, str]] = []
    for source, question in _of_samples():
        document = store.document(source)
        if document is not None:
            article = next(iter(store.articles(document_id=document.document_id, limit=1)), None)
            if article is not None:
                made.append((article.column or "", question))
    if not made:
        newest = list(store.articles(offset=max(0, store.counts().articles - 60), limit=60))[::-1]
        titled = [a for a in newest if 4 <= len(a.title) <= 40 and a.article_id not in hidden]
        titled.sort(key=lambda a: not any(w in a.title for w in _ASKS))  # stable: newest first among equals
        made = [(a.column or a.source, _asked(a.title)) for a in titled]
    seen: set[str] = set()
    first = [m for m in made if not (m[0] in seen or seen.add(m[0]))]  # type: ignore[func-returns-value]
    return (first + [m for m in made if m not in first])[:n]


def _asked(title: str) -> str:
    title = title.rstrip("？?。！!")
    return f"{title}？" if any(w in title for w in _ASKS) else f"《{title}》说了什么？"


def _of_samples() -> list[tuple[str, str]]:
    """(article's file, question) of the sample questions that stand alone and have an answer."""
    file = settings.samples() / "questions.jsonl"
    if not file.is_file():
        return []
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    wanted = ("why", "how", "how_many", "list")
    return [
        (r["article"], r["question"])
        for r in rows
        if r.get("article") and not r.get("refuse") and not r.get("history") and r.get("kind") in wanted
    ]
