"""Figures come in, charts of our own go out (SVG and bars, no script), on the page and as a page to print."""

from __future__ import annotations

from collections.abc import Sequence

from rag.chat.markup import Html, Say, el, raw
from rag.desktypes import Figures, Line

WIDTH, HEIGHT, WEEKS = 640, 120, 26  # of the chart by weeks; how many of them, the last
SHOWN = 10  # rows of each list on the page


def share(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)}%" if whole else "—"


def tiles(say: Say, told: Figures) -> Html:
    """The figures that a report begins with."""
    every, voted = told.all, told.all.helpful + told.all.unhelpful
    rows = [
        (f"{every.questions:,}", say("figures.questions"), ""),
        (share(every.answered, every.questions), say("figures.answered"), say("figures.of", n=f"{every.answered:,}")),
        (share(every.helpful, voted), say("figures.helpful"), say("figures.voted", n=f"{voted:,}")),
        (f"{told.seconds:g}", say("figures.seconds"), ""),
    ]
    if told.readers is not None:
        rows.insert(1, (f"{told.readers:,}", say("figures.readers"), ""))
    return el("div", *(el("div", el("b", n), el("span", w), el("small", of)) for n, w, of in rows), css="tiles")


def by_week(say: Say, weeks: Sequence[Line]) -> Html:
    """Columns, what was answered below and what was not above; the same numbers as a table for those who listen."""
    weeks = weeks[-WEEKS:]
    if not weeks:
        return el("p", say("figures.nothing"), css="note")
    top = max(line.questions for line in weeks)
    step = WIDTH / len(weeks)
    wide = min(34.0, step * 0.7)
    bars: list[Html] = []
    for i, line in enumerate(weeks):
        x = i * step + (step - wide) / 2
        full = HEIGHT * line.questions / top
        good = HEIGHT * line.answered / top
        if full > good:
            bars.append(_bar("lack", x, HEIGHT - full, wide, full - good))
        if good:
            bars.append(_bar("good", x, HEIGHT - good, wide, good))
        if i % (1 + (len(weeks) - 1) // 8) == 0:
            bars.append(el("text", line.name[5:], x=f"{x + wide / 2:.1f}", y=f"{HEIGHT + 17}", text_anchor="middle"))
        bars.append(el("text", str(line.questions), x=f"{x + wide / 2:.1f}", y=f"{HEIGHT - full - 5:.1f}", css="n",
                       text_anchor="middle"))  # fmt: skip
    drawn = el("svg", *bars, viewBox=f"0 -18 {WIDTH} {HEIGHT + 42}", aria_hidden="true", css="weeks")
    spoken = el("ul", *(el("li", say("figures.week_said", week=w.name, n=w.questions, k=w.answered)) for w in weeks),
                css="sr")  # fmt: skip
    keys = [el("span", el("i", css=css), say(f"figures.{key}"), css="key")
            for css, key in (("good", "key_good"), ("lack", "key_lack"))]  # fmt: skip
    return raw(drawn, spoken, el("p", *keys, css="legend"))


def _bar(css: str, x: float, y: float, width: float, height: float) -> Html:
    return el("rect", css=css, x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=f"{height:.1f}")


def rows(say: Say, lines: Sequence[Line], *, lacking: bool = False, most: int = SHOWN) -> Html:
    """Names with their bars: what was asked, of it the part without an answer; or that part alone."""
    if not lines:
        return el("p", say("figures.nothing"), css="note")
    top = max((line.lacking if lacking else line.questions) for line in lines) or 1
    shown = []
    for line in lines[:most]:
        good, lack = 100 * line.answered / top, 100 * line.lacking / top
        parts = [el("i", css="lack", style=f"width:{lack:.1f}%")]
        if not lacking:
            parts.insert(0, el("i", css="good", style=f"width:{good:.1f}%"))
        count = (
            say("figures.lacks", n=line.lacking) if lacking else say("figures.count", n=line.questions, k=line.lacking)
        )
        shown.append(
            el("li", el("span", line.name, css="nm"), el("span", *parts, css="hb"), el("span", count, css="s"))
        )
    return el("ul", *shown, css="bars")


PARTS = (("columns", False), ("sources", False), ("most_asked", False), ("most_lacking", True))


def printed(say: Say, told: Figures) -> Html:
    """A whole page to print: the same figures, each list with its numbers."""
    tables = []
    for part, _ in PARTS:
        lines: Sequence[Line] = getattr(told, part)
        names = ("name", "questions", "answered", "lacking", "helpful", "unhelpful")
        head = el("tr", *(el("th", say(f"figures.csv.{n}"), css="r" if n != "name" else "") for n in names))
        body = [
            el("tr", el("td", line.name), *(el("td", f"{n:,}", css="r") for n in (
                line.questions, line.answered, line.lacking, line.helpful, line.unhelpful)))
            for line in lines
        ]  # fmt: skip
        table = el("table", el("thead", head), el("tbody", *body)) if lines else el("p", say("figures.nothing"))
        tables.append(el("section", el("h2", say(f"figures.part.{part}")), table))
    reasons = [el("li", f"{say(f'figures.reason_{reason}')} {n:,}") for reason, n in told.reasons.items()]
    style = (
        "body{font:11pt/1.6 serif;max-width:46em;margin:2em auto;padding:0 1em;color:#1c2321}"
        "h1{font-size:17pt;margin:0}h2{font-size:12.5pt;margin:1.6em 0 .4em}p{margin:.2em 0}.sr{display:none}"
        "table{border-collapse:collapse;width:100%}th,td{padding:3px 6px;border-bottom:1px solid #bbb;text-align:left}"
        ".r{text-align:right!important}tr,svg{break-inside:avoid}.tiles{display:flex;gap:2.4em;margin:1.2em 0;flex-wrap:wrap}"
        ".tiles b{display:block;font-size:19pt;line-height:1.2}.tiles small{display:block;color:#555}"
        "svg{width:100%;height:auto}svg text{font-size:11px;text-anchor:middle}.good{fill:#0e5b57}.lack{fill:#d9a441}"
        ".key i{display:inline-block;width:10px;height:10px;margin:0 5px 0 0}.key{margin-right:18px}"
        ".key i.good{background:#0e5b57}.key i.lack{background:#d9a441}@media print{.screen{display:none}}"
    )
    return raw(
        Html("<!doctype html>"),
        el(
            "html",
            el("head", el("meta", charset="utf-8"), el("title", say("figures.title")), el("style", Html(style))),
            el(
                "body",
                el("h1", say("figures.title")),
                el("p", say("figures.span", since=told.since or "—", until=told.until or "—")),
                el("p", say("figures.print_told"), css="screen"),
                tiles(say, told),
                el("h2", say("figures.part.weeks")),
                by_week(say, told.weeks),
                el("section", el("h2", say("figures.reasons")), el("ul", *reasons)) if reasons else None,
                *tables,
                el("p", say("figures.how")),
            ),
            lang="zh-CN",
        ),
    )
