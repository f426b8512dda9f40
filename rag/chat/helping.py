"""What editors do at the help desk: what they chose or wrote comes in, the parts of the tab go out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from rag.chat.background import Background
from rag.chat.conversation import Trouble
from rag.chat.markup import Say
from rag.chat.markup import helping as markup
from rag.chat.markup.troubles import trouble_card
from rag.desktypes import Entry, Waiting
from rag.errors import Error, Usage
from rag.library import Library

SPAN = 90  # days of figures that are shown first


@dataclass(frozen=True, slots=True)
class Place:
    """Where the editor is: a part of the desk and what is chosen in it."""

    part: str = markup.PARTS[0]
    chosen: str = ""
    since: str = ""
    until: str = ""


class Helping:
    def __init__(self, library: Library, say: Say, background: Background | None = None) -> None:
        self.library, self.say, self.background = library, say, background

    def at(self, place: Place, told: Mapping[str, object]) -> Place:
        """The place that was asked for; one that is none is the first."""
        part = str(told.get("part") or place.part)
        chosen = str(told.get("chosen") or "")[:20]
        return Place(part if part in markup.PARTS else markup.PARTS[0], chosen, place.since, place.until)

    def shown(self, place: Place) -> tuple[str, str]:
        """The head and the body of the tab."""
        desk, say = self.library.desk, self.say
        today = date.today()
        try:
            waiting = desk.waiting()
            week = desk.figures(str(today - timedelta(days=6)), str(today))
            head = markup.head(say, place.part, len(waiting), len(desk.pins()), week)
            return head, self._body(place, waiting)
        except Error as error:
            return trouble_card(say, Trouble.of(error), last=False), ""

    def _body(self, place: Place, waiting: list[Waiting]) -> str:
        desk, say = self.library.desk, self.say
        if place.part == "waiting":
            first = waiting[0] if waiting else None
            return markup.waiting(say, waiting, self._waiting(waiting, place.chosen) or first)
        if place.part in ("answers", "pins"):
            kind = place.part[:-1]
            told = [(entry, desk.state_of(entry)) for entry in desk.entries(kind)]
            chosen = next((pair for pair in told if str(pair[0].entry_id) == place.chosen), None)
            first_of = told[0] if told and place.part == "answers" else None
            return markup.entries(say, told, chosen or first_of, kind)
        if place.part == "figures":
            since = place.since or str(date.today() - timedelta(days=SPAN))
            until = place.until or str(date.today())
            return markup.figures(say, desk.figures(since, until), since, until)
        return markup.lines(say, desk.notices())

    def _waiting(self, waiting: list[Waiting], chosen: str) -> Waiting | None:
        return next((w for w in waiting if chosen and int(chosen) in w.numbers), None) if chosen.isdecimal() else None

    def do(self, place: Place, told: Mapping[str, object]) -> tuple[str, Place | None]:
        """What an editor pressed: words on what came of it, and where that leads; None where it did not come off, so
        that nothing that was written is lost."""
        say = self.say
        try:
            return self._do(place, str(told.get("does")), {k: str(v)[:10_000] for k, v in told.items()})
        except Error as error:
            return trouble_card(say, Trouble.of(error), last=False), None

    def _do(self, place: Place, does: str, told: dict[str, str]) -> tuple[str, Place | None]:
        desk, say = self.library.desk, self.say

        def field(name: str) -> str:
            return told.get(name, "")

        def said(words: str, where: Place) -> tuple[str, Place]:
            return markup.done(say, words), where

        if does in ("answer", "decline"):
            chosen = self._waiting(desk.waiting(), field("number"))
            if chosen is None:
                raise Usage(what=say("desk.wrong.question"), remedy=say("desk.wrong.remedy"))
            if does == "decline":
                desk.decline(chosen.asked, field("why"))
                return said(say("chat.desk.declined"), Place())
            made = desk.answer(
                field("question"), field("answer"), field("source"), field("editor"), until=field("until"),
                asked=chosen.asked,
            )  # fmt: skip
            return said(say("chat.desk.answered", n=len(chosen.asked), name=made.document), self._entered(made))
        if does == "pin":
            made = desk.pin(
                field("question"), field("answer"), field("source"), field("editor"), since=field("since"),
                until=field("until"), words=re.split(r"[\s,，、;；]+", field("words")),
            )  # fmt: skip
            return said(say("chat.desk.pin_done", name=made.document), self._entered(made))
        if does in ("withdraw", "last") and field("number").isdecimal():
            number = int(field("number"))
            if does == "withdraw":
                desk.withdraw(number)
            else:
                desk.last(number, field("since"), field("until"))
            return said(say(f"chat.desk.{does}_done"), Place(place.part, field("number")))
        if does == "lines":
            numbers = [k.removeprefix("columns_") for k in told if k.startswith("columns_")]
            desk.set_notices([(field(f"columns_{n}").split(), field(f"line_{n}")) for n in numbers])
            return said(say("chat.desk.lines_done"), place)
        since, until = (v if re.fullmatch(r"\d{4}-\d\d-\d\d", v) else "" for v in (field("since"), field("until")))
        return "", Place("figures", "", since, until)

    def _entered(self, made: Entry) -> Place:
        """Its article is embedded by the background; by its words it is found already."""
        if self.background is not None:
            self.background.wake()
        return Place(f"{made.kind}s", str(made.entry_id))
