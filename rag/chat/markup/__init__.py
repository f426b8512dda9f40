"""Replies, articles and receipts come in, HTML goes out: the one place that emits tags and escapes what it is given.

The one idea: what `el` and `raw` made is `Html`; every other string is text and is escaped when it meets a tag, so that
nothing can be forgotten. In the thread only class, href, title, style, type survive Gradio's sanitiser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import PurePosixPath

from rag.settings import engine_name as of_engine
from rag.types import Reply

Say = Callable[..., str]


class Html(str):
    """Markup. An f-string of it is text again, and is shown as text."""

    __slots__ = ()


# What HTML, Markdown, JavaScript templates or Handlebars would take for their own; as entities they are only seen.
_SIGNS = {ord(c): f"&#{ord(c)};" for c in "&<>\"'*_[]`#|~\\${}"}
# Marks that turn the direction of writing, and other control characters: nothing a reader should see the effect of.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f"
    r"\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_LINES = re.compile(r"[\r\n\u2028\u2029]+")


def esc(text: object) -> Html:
    """Text as text, on one line, whatever it holds; safe between tags and in double-quoted attributes."""
    if isinstance(text, Html):
        return text
    return Html(_LINES.sub(" ", _UNSEEN.sub("", str(text))).translate(_SIGNS))


def raw(*parts: Html) -> Html:
    """Markup after markup; what is not Html is escaped."""
    return Html("".join(map(esc, parts)))


def el(name: str, *inside: str | None, css: str = "", **attributes: str | bool | None) -> Html:
    """An element. `aria_label` is written aria-label, `for_` for; None and False are left out, True has no value."""
    written = [f' class="{esc(css)}"'] if css else []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        written.append(f" {key}" if value is True else f' {key}="{esc(value)}"')
    end = "" if name in ("br", "input", "link") else f"</{name}>"
    return Html(f"<{name}{''.join(written)}>{''.join(esc(part) for part in inside if part)}{end}")


def dotted(parts: Iterable[str | None]) -> Html:
    """Facts with dots between them."""
    return Html(" · ".join(esc(part) for part in parts if part))


def filled(words: str, **marked: Html) -> Html:
    """Words of the catalogue as text, with markup put where they say {name}."""
    return Html(
        "".join(
            marked[part[1:-1]] if part[1:-1] in marked and part[0] == "{" else esc(part)
            for part in re.split(r"(\{\w+\})", words)
            if part
        )
    )


def icon(name: str) -> Html:
    return el("i", css=f"ic i-{name}")


def button(css: str, name: str, words: str, **more: str | bool | None) -> Html:
    """`name`: the icon, or ""."""
    return el("button", icon(name) if name else None, el("span", words), css=f"btn {css}", type="button", **more)


def icon_button(css: str, name: str, label: str, **more: str | bool | None) -> Html:
    return el("button", icon(name), css=f"btn ico {css}", type="button", aria_label=label, **more)


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each line that is not blank."""
    for line in re.finditer(r"[^\n]+", text):
        if line[0].strip():
            yield line.start(), line.end()


# ---------------------------------------------------------------- dates, numbers, names


def day(say: Say, iso: str | None, *, weekday: bool = False) -> str:
    """2025-03-05 → 2025年3月5日 星期三; 2025-03 → 2025年3月; what is no date is given back as it is."""
    parts = re.fullmatch(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", iso or "")
    if parts is None:
        return iso or ""
    year, month, number = int(parts[1]), int(parts[2] or 0), int(parts[3] or 0)
    if not month:
        return say("chat.date.year", y=year)
    if not number:
        return say("chat.date.month", y=year, m=month)
    try:
        which = date(year, month, number).weekday()
    except ValueError:
        return iso or ""
    shown = say("chat.date.day", y=year, m=month, d=number)
    return f"{shown} {say(f'chat.date.weekday_{which}')}" if weekday else shown


def moment(say: Say, iso: str | None) -> str:
    """A time in UTC as it is here: 3月14日 09:20."""
    try:
        here = datetime.fromisoformat(iso or "").astimezone()
    except ValueError:
        return iso or ""
    return say("chat.date.moment", m=here.month, d=here.day, clock=f"{here:%H:%M}")


def paper(say: Say, source: str) -> str:
    """The name over a clipping: the Chinese words in a file's or folder's name, "科技报-20250305.pdf" → 科技报."""
    path = PurePosixPath(source.split("#")[0])
    for part in (path.stem, path.parent.name):
        words: list[str] = re.findall(r"[\u4e00-\u9fff]{2,}", part)
        if words:
            return max(words, key=len)[:12]
    return say("chat.panel.paper")


def page_of(say: Say, page: str | None) -> str:
    return say("chat.page", page=page) if page else ""


def seconds(say: Say, reply: Reply) -> str:
    total = reply.seconds.get("total", 0.0)
    return say("chat.seconds_none") if total < 0.05 else say("chat.seconds", s=f"{total:.1f}")


def engine_name(say: Say, name: str | None) -> str:
    if not name or name == "builtin":
        return say("chat.engine_builtin")
    if name == "editor":
        return say("chat.desk.engine")
    return say("chat.engine_model", name=of_engine(name)[:40])
