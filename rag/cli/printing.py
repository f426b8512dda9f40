"""What the command line prints: JSON lines for programs on standard output, all else for people.

Progress and warnings go to standard error, so that standard output can be piped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rag.desktypes import Figures
from rag.types import Citation, Progress, Receipt, Reply
from rag.words import say


def speak_utf8() -> None:
    """UTF-8 on all streams, whatever the terminal's code page is."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace" if stream is sys.stderr else "strict")


def print_json(row: dict[str, Any]) -> None:
    """One JSON object on a line of its own, at once. Lone surrogates, which no UTF-8 has, become escapes."""
    line = json.dumps(row, ensure_ascii=False)
    try:
        sys.stdout.write(line + "\n")
    except UnicodeEncodeError:
        sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def plain(text: str) -> str:
    """The text without control characters that could move the cursor or colour the terminal."""
    return "".join(c if c == "\n" or (ord(c) >= 32 and not 0x7F <= ord(c) < 0xA0) else "�" for c in text)


def line(text: str = "") -> None:
    print(plain(text))


def complain(error: Exception) -> None:
    """One or two lines on standard error: what is wrong, and what to do."""
    print(plain(str(error)), file=sys.stderr)


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on standard error that shows itself after a second; nothing where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, Any] = {}

        def show(step: Any) -> None:
            label = say(f"cli.progress.{step.stage}")
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(label, total=step.total or None)
            bars.update(tasks[step.stage], completed=step.done, total=step.total or None)

        yield show


def print_receipt(receipt: Receipt, as_json: bool) -> None:
    if as_json:
        print_json(receipt.to_json())
        return
    detail = say(
        f"cli.add.{receipt.status}",
        file=receipt.file,
        articles=receipt.articles,
        characters=receipt.characters,
        encoding=receipt.encoding or "—",
        reason=receipt.reason or "",
    )
    if receipt.duplicates:
        detail += say("cli.add.duplicates", n=receipt.duplicates)
    line(detail if receipt.status == "refused" or not receipt.reason else f"{detail}\n    {receipt.reason}")


def place(citation: Citation) -> str:
    """《标题》 作者 2025-02-26 第3版"""
    if citation.passage is not None:
        return say("cli.ask.passage", n=citation.passage + 1)
    parts = [
        f"《{citation.title or citation.source}》",
        citation.author,
        citation.date,
        say("cli.ask.page", page=citation.page) if citation.page else None,
    ]
    return " ".join(p for p in parts if p)


def print_reply(reply: Reply) -> None:
    """An answer for people: the sentences, then each citation with its words, or the nearest articles."""
    if reply.rewritten:
        line(say("cli.ask.rewritten", question=reply.rewritten))
    line(reply.answer)
    if reply.note:
        line(say("cli.ask.note", note=reply.note))
    for notice in reply.notices:
        line(notice)
    if reply.citations:
        line()
        for citation in reply.citations:
            mark = "" if citation.verified else say("cli.ask.unverified")
            line(f"[{citation.n}] {place(citation)}{mark}")
            line(f"    “{citation.quote}”")
            if citation.article_id:
                line(f"    rag show {citation.article_id}")
    if reply.nearest:
        line()
        line(say("cli.ask.nearest"))
        for near in reply.nearest:
            line(f"  · 《{near.title or near.source}》 rag show {near.article_id}")


def print_figures(told: Figures) -> None:
    """The figures for people: the sums, then each list, most first."""
    every = told.all
    votes = every.helpful + every.unhelpful
    line(say("figures.span", since=told.since or "—", until=told.until or "—"))
    line(say("cli.figures.sums", n=every.questions, k=every.answered, votes=votes, up=every.helpful, s=told.seconds))
    for part in ("weeks", "columns", "sources", "most_asked", "most_lacking"):
        lines = getattr(told, part)
        if lines:
            line()
            line(say(f"figures.part.{part}"))
        for one in lines:
            line(f"  {say('figures.count', n=one.questions, k=one.lacking)}  {one.name}")
