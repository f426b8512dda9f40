"""Replies, articles and receipts come in, HTML goes out: the one place that emits tags and escapes what it is given.

The one idea: every string from a reader, an article, a file name or a model passes `esc` once, here. A message in the
thread has no line break and no attribute but class, href, title and style, which is what Gradio's sanitiser keeps.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import PurePosixPath

from rag.types import Reply

Say = Callable[..., str]

# What HTML, Markdown, JavaScript templates or Handlebars would take for their own; as entities they are only seen.
_SIGNS = {ord(c): f"&#{ord(c)};" for c in "&<>\"'*_[]`#|~\\${}"}
# Marks that turn the direction of writing, and other control characters: nothing a reader should see the effect of.
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_LINES = re.compile(r"[\r\n\u2028\u2029]+")


def esc(text: object) -> str:
    """Text as text, on one line, whatever it holds; safe between tags and in double-quoted attributes."""
    return _LINES.sub(" ", _UNSEEN.sub("", str(text))).translate(_SIGNS)


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each line that is not blank."""
    for line in re.finditer(r"[^\n]+", text):
        if line[0].strip():
            yield line.start(), line.end()


def icon(name: str) -> str:
    return f'<i class="ic i-{name}"></i>'


def button(css: str, name: str, words: str, more: str = "") -> str:
    """`name`: the icon, or ""; `more`: further attributes, already safe."""
    return f'<button type="button" class="btn {css}"{more}>{icon(name) if name else ""}<span>{words}</span></button>'


# ---------------------------------------------------------------- dates, numbers, names

def day(say: Say, iso: str | None, *, weekday: bool = False) -> str:
    """2025-03-05 → 2025年3月5日 星期三; 2025-03 → 2025年3月; what is no date is shown as it is."""
    parts = re.fullmatch(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", iso or "")
    if parts is None:
        return esc(iso or "")
    year, month, number = (int(p) if p else None for p in parts.groups())
    if month is None:
        return say("chat.date.year", y=year)
    if number is None:
        return say("chat.date.month", y=year, m=month)
    shown = say("chat.date.day", y=year, m=month, d=number)
    try:
        which = date(year or 1, month, number).weekday()
    except ValueError:
        return esc(iso or "")
    return f"{shown} {say(f'chat.date.weekday_{which}')}" if weekday else shown


def moment(say: Say, iso: str | None) -> str:
    """A time in UTC as it is here: 3月14日 09:20."""
    try:
        here = datetime.fromisoformat(iso or "").astimezone()
    except ValueError:
        return esc(iso or "")
    return say("chat.date.moment", m=here.month, d=here.day, clock=f"{here:%H:%M}")


def paper(say: Say, source: str) -> str:
    """The name over a clipping: the Chinese words in a file's or folder's name, "科技报-20250305.pdf" → 科技报."""
    path = PurePosixPath(source.split("#")[0])
    for part in (path.stem, path.parent.name):
        words = re.findall(r"[\u4e00-\u9fff]{2,}", part)
        if words:
            return esc(max(words, key=len)[:12])
    return say("chat.panel.paper")


def seconds(say: Say, reply: Reply) -> str:
    total = reply.seconds.get("total", 0.0)
    return say("chat.seconds_none") if total < 0.05 else say("chat.seconds", s=f"{total:.1f}")


def engine_name(say: Say, name: str | None) -> str:
    if not name or name == "builtin":
        return say("chat.engine_builtin")
    return say("chat.engine_model", name=esc(PurePosixPath(name.replace("\\", "/")).name[:40]))


def page_of(say: Say, page: str | None) -> str:
    return say("chat.page", page=esc(page)) if page else ""


def dotted(parts: Iterable[str]) -> str:
    return " · ".join(p for p in parts if p)
