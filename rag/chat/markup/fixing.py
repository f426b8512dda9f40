"""An article comes in, the fields go out by which it is corrected; how much the library holds, and whether it is whole."""

from __future__ import annotations

from collections.abc import Sequence

from rag.chat.markup import Html, Say, button, el, icon, paragraphs, raw
from rag.desktypes import Holdings
from rag.types import Article, Checkup

COLUMNS, MONTHS = 8, 24  # shown: the largest, the last
WIDTH, HEIGHT = 320, 56  # of the chart of growth


def fields(say: Say, article: Article, following: Article | None) -> Html:
    """Title, author, date, column; the paragraphs, each with a place to cut before it; what follows, to be joined."""
    name = article.article_id
    inputs = [
        el(
            "label",
            el("span", say(f"chat.fix.{key}")),
            el("input", name_=key, value=value or "", maxlength="300", placeholder=hint or None),
            css="fd",
        )
        for key, value, hint in (
            ("title", article.title, ""),
            ("author", article.author, ""),
            ("date", article.date, say("chat.date_hint")),
            ("column", article.column, ""),
        )
    ]
    save = button("pri do-correct", "", say("chat.fix.save"), data_does="edit", data_article=name)
    leave = button("do-correct", "", say("chat.fix.leave"), data_does="shown", data_article=name)
    body: list[Html] = []
    for start, end in paragraphs(article.text):
        if start:
            body.append(button("ghost cut do-correct", "cut", say("chat.fix.split"), data_does="split",
                               data_article=name, data_start=str(start)))  # fmt: skip
        body.append(el("p", article.text[start:end], css="para"))
    if following is not None:
        title = following.title or following.text[:20]
        body.append(button("ghost cut do-correct", "plus", say("chat.fix.merge", title=title), data_does="merge",
                           data_article=name))  # fmt: skip
    return el(
        "div",
        el("div", *inputs, el("div", save, leave, css="row"), data_form=True, css="fix"),
        el("p", say("chat.fix.told"), css="xs"),
        el("div", *body, css="txt"),
        css="clip-w fixing",
    )


def done(say: Say, does: str) -> Html:
    key = does if does in ("edit", "merge", "split") else "undo"
    return el("p", el("span", say(f"chat.fix.{key}_done"), css="stt"), css="card sec done", role="status")


def overview(say: Say, held: Holdings) -> Html:
    """Size and growth as small charts, and the button that proves it all."""
    facts = (
        (f"{held.articles:,}", say("chat.fix.articles")),
        (f"{held.documents:,}", say("chat.fix.files")),
        (_long(say, held.characters), say("chat.fix.characters")),
        (_size(held.bytes), say("chat.fix.bytes")),
    )
    tiles = el("div", *(el("div", el("b", n), el("span", words)) for n, words in facts), css="tiles small")
    check = button("do-health", "", say("chat.fix.check"), data_does="check")
    return el(
        "section",
        el("h2", say("chat.fix.overview")),
        tiles,
        el("div", _growth(say, held.months[-MONTHS:]), _columns(say, held.columns[:COLUMNS]), css="charts"),
        el("div", check, el("span", say("chat.fix.check_told"), css="xs"), css="row"),
        css="card sec",
    )


def _growth(say: Say, months: Sequence[tuple[str, int]]) -> Html:
    """Articles that came in each month, as columns; told in words beside them."""
    if not months:
        return Html()
    top = max(n for _, n in months) or 1
    step = WIDTH / max(len(months), 6)
    bars = [
        el("rect", css="good", x=f"{i * step + 1:.1f}", y=f"{HEIGHT - HEIGHT * n / top:.1f}",
           width=f"{step - 2:.1f}", height=f"{HEIGHT * n / top:.1f}")
        for i, (_, n) in enumerate(months)
    ]  # fmt: skip
    drawn = el(
        "svg", *bars, viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", aria_hidden="true", css="grow"
    )
    (first, _), (last, newest) = months[0], months[-1]
    span = say("chat.fix.growth", first=first, last=last, n=f"{newest:,}", top=f"{top:,}")
    return el("div", el("h3", say("chat.fix.growth_of")), drawn, el("p", span, css="xs"))


def _columns(say: Say, columns: Sequence[tuple[str, int]]) -> Html:
    if not columns:
        return Html()
    top = max(n for _, n in columns)
    rows = [
        el("li", el("span", name, css="nm"), el("span", el("i", css="good", style=f"width:{100 * n / top:.1f}%"), css="hb"),
           el("span", f"{n:,}", css="s"))
        for name, n in columns
    ]  # fmt: skip
    return el("div", el("h3", say("chat.fix.columns_of")), el("ul", *rows, css="bars"))


def checking(say: Say) -> Html:
    return el("p", say("chat.fix.checking"), css="card sec done", role="status")


def health(say: Say, told: Checkup) -> Html:
    """What the check found; where something is wrong, the button that makes it anew."""
    counts = say("chat.fix.counted", n=f"{told.articles:,}", k=f"{told.passages:,}", s=f"{told.seconds:.1f}")
    built = [el("p", el("span", line, css="stt")) for line in told.repaired]
    if told.whole:
        return el("section", el("h2", say("chat.fix.whole"), " ", el("small", counts)), *built, css="card sec")
    faults = [el("p", icon("warn"), fault, css="late w") for fault in told.faults]
    repair = button("pri do-health", "", say("chat.fix.repair"), data_does="repair")
    title = el("h2", say("chat.fix.faults", n=len(told.faults)), " ", el("small", counts))
    return el("section", title, *built, raw(*faults), el("div", repair, css="row"), css="card sec")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _long(say: Say, count: int) -> str:
    return say("chat.fix.ten_thousand", n=f"{count / 1e4:,.1f}") if count >= 100_000 else f"{count:,}"
