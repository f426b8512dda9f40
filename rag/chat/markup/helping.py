"""The queue, entries, pins and lines come in; the help desk's parts go out. Their fields are collected by desk.js."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode

from rag.chat.markup import Html, Say, button, day, dotted, el, raw
from rag.chat.markup import figures as charts
from rag.chat.markup.feedback import minute
from rag.desktypes import Asked, Entry, Figures, Waiting

PARTS = ("waiting", "answers", "pins", "figures", "lines")
SHOWN = 100  # rows of a list


def head(say: Say, part: str, waiting: int, pins: int, week: Figures) -> Html:
    """The title with this week's figures, and what the desk has beside each other."""
    facts = dotted(
        (
            say("chat.desk.waiting_n", n=waiting),
            say("chat.desk.week", n=week.all.questions, k=charts.share(week.all.answered, week.all.questions)),
        )
    )
    counts = {"waiting": waiting, "pins": pins}
    buttons = [
        el(
            "button",
            say(f"chat.desk.part_{one}"),
            el("b", str(counts[one])) if counts.get(one) else None,
            type="button",
            css="on do-go" if one == part else "do-go",
            data_part=one,
            aria_pressed="true" if one == part else "false",
        )
        for one in PARTS
    ]
    title = el("div", el("h2", say("chat.desk.title")), el("p", facts), css="ttl")
    return raw(title, el("div", *buttons, css="seg", role="group", aria_label=say("chat.desk.title")))


def done(say: Say, words: str) -> Html:
    return el("p", el("span", words, css="stt"), css="card sec done", role="status")


# ---------------------------------------------------------------- fields


def _field(say: Say, name: str, value: str = "", *, kind: str = "text", hint: str = "", words: str = "") -> Html:
    """A labelled input; `kind` "area" is a box of several lines. Of several alike each name ends in its number."""
    label = el("span", words or say(f"chat.desk.field_{re.sub(r'[0-9]+', 'n', name)}"))
    if kind == "area":
        box = el("textarea", value, name_=name, rows="5", placeholder=hint or None)
    else:
        box = el("input", name_=name, type=kind, value=value, placeholder=hint or None, maxlength="300")
    return el("label", label, box, css="fd area" if kind == "area" else "fd")


def _act(say: Say, does: str, css: str = "pri", icon: str = "", sure: bool = False, **more: str) -> Html:
    """A button that sends its form; `sure`: the first press asks, the second does it."""
    asks = say("chat.desk.sure") if sure else None
    data = {f"data_{key}": value for key, value in more.items()}
    return button(f"{css} do-act", icon, say(f"chat.desk.do_{does}"), data_does=does, data_sure=asks, **data)


def _two(left: Html, right: Html) -> Html:
    return raw(el("div", left, css="l"), el("div", right, css="r"))


def _list(say: Say, rows: Sequence[Html], empty: str) -> Html:
    return el("ul", *rows, css="shelf") if rows else el("p", say(f"chat.desk.{empty}"), css="card sec")


def _row(name: str, title: str, facts: Html, on: bool) -> Html:
    return el(
        "li",
        el(
            "button",
            el("b", title),
            el("small", facts),
            type="button",
            css="q on do-pick" if on else "q do-pick",
            data_chosen=name,
            aria_pressed="true" if on else "false",
        ),
    )


# ---------------------------------------------------------------- what waits


def waiting(say: Say, told: Sequence[Waiting], chosen: Waiting | None) -> Html:
    rows = [_row(str(w.asked[0].number), w.question, _facts(say, w), w is chosen) for w in told[:SHOWN]]
    right = _question(say, chosen) if chosen else el("p", say("chat.desk.waiting_told"), css="card sec")
    return _two(_list(say, rows, "nothing_waits"), right)


def _facts(say: Say, w: Waiting) -> Html:
    newest = w.asked[0]
    kinds = [el("span", say(f"chat.desk.why_{kind}"), css=f"tag t-{kind}") for kind in _kinds(w.asked)]
    return raw(*kinds, el("span", dotted((say("chat.desk.times", n=len(w.asked)), day(say, newest.day)))))


def _kinds(asked: Sequence[Asked]) -> list[str]:
    of = {
        "handed": any(a.handed for a in asked),
        "down": any(a.vote < 0 for a in asked),
        "none": any(a.outcome == "refused" for a in asked),
    }
    return [kind for kind, so in of.items() if so]


def _question(say: Say, w: Waiting) -> Html:
    others = [a for a in dict.fromkeys(a.asked for a in w.asked) if a != w.question]
    thought = [a.why for a in w.asked if a.why]
    near = dict(pair for a in w.asked for pair in a.articles)
    articles = [
        el("li", el("b", title or name), button("do-article", "file", say("chat.open"), data_article=name))
        for name, title in list(near.items())[:3]
    ]
    first, number = min(a.day for a in w.asked), str(w.asked[0].number)
    return el(
        "section",
        el("h2", w.question),
        el(
            "p", dotted((say("chat.desk.times", n=len(w.asked)), say("chat.desk.first", day=day(say, first)))), css="by"
        ),
        el("p", say("chat.desk.also_asked"), " ", *(el("span", q, css="tag line") for q in others[:8]), css="also")
        if others
        else None,
        el("p", say("chat.desk.thought"), " ", *(el("q", t) for t in thought[:5]), css="also") if thought else None,
        raw(el("h3", say("chat.desk.nearest")), el("ol", *articles, css="near")) if articles else None,
        el(
            "div",
            el("h3", say("chat.desk.write"), el("small", say("chat.desk.write_told"))),
            _field(say, "question", w.question),
            _field(say, "answer", kind="area", hint=say("chat.desk.answer_hint")),
            el("div", _field(say, "source", hint=say("chat.desk.source_hint")), _field(say, "editor"), css="pair"),
            el("div", _field(say, "until", kind="date"), el("p", say("chat.desk.until_told"), css="xs"), css="pair"),
            el("div", _act(say, "answer", icon="send", number=number), css="row"),
            data_form=True,
        ),
        el(
            "div",
            el(
                "div",
                _field(say, "why", hint=say("chat.desk.why_hint")),
                _act(say, "decline", "", number=number),
                css="pair end",
            ),
            data_form=True,
            css="other",
        ),
        css="card sec sheet",
    )


# ---------------------------------------------------------------- answers and pins


def entries(say: Say, told: Sequence[tuple[Entry, str]], chosen: tuple[Entry, str] | None, kind: str) -> Html:
    """Each with its state; beside them the one chosen, or for pins a form for a new one."""
    rows = []
    for entry, state in told[:SHOWN]:
        until = say("chat.desk.until", day=minute(say, entry.until)) if entry.until else say("chat.desk.for_ever")
        facts = raw(_state(say, state), el("span", dotted((entry.source, until))))
        rows.append(_row(str(entry.entry_id), entry.question, facts, chosen is not None and entry is chosen[0]))
    left = _list(say, rows, f"no_{kind}")
    if kind == "pin":
        left = raw(el("p", button("do-pick", "plus", say("chat.desk.new_pin"), data_chosen="new"), css="top"), left)
    if chosen is not None:
        return _two(left, _entry(say, *chosen))
    return _two(left, _new_pin(say) if kind == "pin" else el("p", say("chat.desk.answers_told"), css="card sec"))


def _state(say: Say, state: str) -> Html:
    return el("span", say(f"chat.desk.state_{state}"), css=f"tag t-{state}")


def _entry(say: Say, entry: Entry, state: str) -> Html:
    kind = "datetime-local" if entry.kind == "pin" else "date"
    number = str(entry.entry_id)
    lines = [el("p", line) for line in entry.answer.splitlines()]
    asked = [q for q in entry.asked if q != entry.question]
    words = asked or list(entry.words)
    spans = [_field(say, "since", entry.since, kind=kind)] if entry.kind == "pin" else []
    over = state in ("withdrawn", "gone")
    return el(
        "section",
        el("h2", entry.question),
        el("p", _state(say, state), " ", dotted((entry.editor, day(say, entry.day))), css="by"),
        el("div", *lines, css="txt"),
        el("p", say("chat.desk.from", source=entry.source), css="muted sm"),
        el("p", say("chat.desk.words" if entry.words else "chat.desk.also_asked"), " ",
           *(el("span", q, css="tag line") for q in words[:12]), css="also") if words else None,
        el(
            "div",
            el("div", *spans, _field(say, "until", entry.until, kind=kind), css="pair"),
            el("div", _act(say, "last", "", number=number), _act(say, "withdraw", "ghost", "trash", True, number=number),
               css="row"),
            data_form=True,
        ) if not over else None,
        css="card sec sheet",
    )  # fmt: skip


def _new_pin(say: Say) -> Html:
    return el(
        "section",
        el("h2", say("chat.desk.new_pin")),
        el("p", say("chat.desk.pin_told"), css="by"),
        el(
            "div",
            _field(say, "question", hint=say("chat.desk.pin_hint")),
            _field(say, "answer", kind="area", hint=say("chat.desk.answer_hint")),
            el("div", _field(say, "source", hint=say("chat.desk.source_hint")), _field(say, "editor"), css="pair"),
            el(
                "div",
                _field(say, "since", kind="datetime-local"),
                _field(say, "until", kind="datetime-local"),
                css="pair",
            ),
            _field(say, "words", hint=say("chat.desk.words_hint")),
            el("div", _act(say, "pin", icon="send"), css="row"),
            data_form=True,
        ),
        css="card sec sheet",
    )


# ---------------------------------------------------------------- figures, lines


def figures(say: Say, told: Figures, since: str, until: str) -> Html:
    asks = urlencode({"from": since, "to": until})
    bar = el(
        "div",
        _field(say, "since", since, kind="date", words=say("chat.since")),
        _field(say, "until", until, kind="date", words=say("chat.until")),
        _act(say, "figures", ""),
        el("a", say("chat.desk.csv"), css="btn", href=f"api/figures?form=csv&{asks}", download="figures.csv"),
        el("a", say("chat.desk.print"), css="btn", href=f"api/figures?form=html&{asks}", target="_blank"),
        data_form=True,
        css="pair bar-of",
    )
    lists = [
        el("section", el("h2", say(f"figures.part.{part}")), charts.rows(say, getattr(told, part), lacking=lacking),
           css="card sec")
        for part, lacking in charts.PARTS
    ]  # fmt: skip
    week = el("section", el("h2", say("figures.part.weeks")), charts.by_week(say, told.weeks), css="card sec wide")
    how = el("p", say("figures.how"), css="xs wide")
    return el("div", bar, charts.tiles(say, told), week, *lists, how, css="figs")


def lines(say: Say, told: Sequence[tuple[Sequence[str], str]]) -> Html:
    """The lines under answers: for which columns, and what each says; the last is empty, for another."""
    rows = [
        el(
            "div",
            _field(say, f"columns_{i}", " ".join(columns), hint=say("chat.desk.columns_hint")),
            _field(say, f"line_{i}", line, kind="area"),
            css="notice-of",
        )
        for i, (columns, line) in enumerate([*told, ((), "")])
    ]
    return el(
        "section",
        el("h2", say("chat.desk.part_lines")),
        el("p", say("chat.desk.lines_told"), css="by"),
        el("div", *rows, el("div", _act(say, "lines"), css="row"), data_form=True),
        css="card sec sheet one",
    )
