"""What readers may say of an answer, and what an editor has to say to them: thumbs, handing on, pins, plain lines.

The key under which a question is noted travels in a class, the one mark that survives in the thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.chat.markup import Html, Say, button, day, dotted, el, paragraphs, raw
from rag.desktypes import Entry
from rag.types import Reply


def thumbs(say: Say, reply: Reply | None) -> list[Html]:
    if reply is None or not reply.noted:
        return []
    return [button(f"ghost do-{way} k-{reply.noted}", way, say(f"chat.desk.{way}")) for way in ("up", "down")]


def hand_on(say: Say, reply: Reply) -> Html | None:
    """A refusal can be handed to an editor."""
    if not reply.noted:
        return None
    hand = button(f"do-hand k-{reply.noted}", "pen", say("chat.desk.hand"))
    return el("div", hand, el("span", say("chat.desk.hand_told")), css="hand")


def notices(reply: Reply) -> Html | None:
    return raw(*(el("p", line, css="notice") for line in reply.notices)) if reply.notices else None


def pinned(say: Say, pins: Sequence[Entry]) -> Html:
    """On the first page, above all else: what an editor pinned, with its source and date; it opens like an article."""
    return raw(*(_pin(say, pin) for pin in pins[:3]))


def _pin(say: Say, pin: Entry) -> Html:
    lines = [el("p", pin.answer[a:b]) for a, b in paragraphs(pin.answer)]
    until = say("chat.desk.until", day=minute(say, pin.until)) if pin.until else ""
    facts = dotted((say("chat.desk.from", source=pin.source), day(say, pin.day), until))
    opening = button("do-article", "file", say("chat.open"), data_article=pin.article_id)
    return el(
        "section",
        el("h2", el("span", say("chat.desk.pinned"), css="tag"), pin.question),
        *lines,
        el("div", el("small", facts), opening, css="pf"),
        css="card pin",
    )


def minute(say: Say, iso: str) -> str:
    """2025-07-01T18:00 → 2025年7月1日 18:00"""
    return " ".join(p for p in (day(say, iso[:10]), iso[11:16]) if p)
