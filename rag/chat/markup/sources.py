"""An article comes in, the newspaper clipping beside the chat goes out, at the words that were cited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.chat.markup import (
    Html,
    Say,
    button,
    day,
    dotted,
    el,
    esc,
    icon,
    icon_button,
    page_of,
    paper,
    paragraphs,
    raw,
)
from rag.types import Article, Section

SHORT = 240  # characters: an article up to here is shown whole, a longer one around what was cited
ROOM = 330  # characters that stand in the panel under the headline without scrolling


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader is among the citations of an answer."""

    number: int  # of the source, as its chip shows it
    at: int  # this citation is the first, second… of `of`
    of: int
    before: str = ""  # link to the one before, "" for none
    after: str = ""


def panel(
    say: Say,
    article: Article,
    reference: str,
    quoted: tuple[int, int] | None = None,
    place: Place | None = None,
    reprints: Sequence[Article] = (),
) -> Html:
    """The panel: its bar, the clipping, how to cite it. `quoted` counts in the article's text; `reprints` say the same."""
    cutting, cut = clipping(say, article, quoted)
    meta = el(
        "div",
        el("div", el("h3", say("chat.panel.reference")), el("p", reference, css="gb")),
        el("div", say("chat.panel.file"), " ", el("span", article.source, css="tn"), css="muted"),
        el("div", el("h3", say("chat.panel.reprints")), el("ul", *map(_reprint, reprints), css="rec"))
        if reprints
        else None,
        css="meta",
    )
    whole = button("do-whole", "file", say("chat.panel.whole")) if cut else None
    at = f"{quoted[0]}-{quoted[1]}" if quoted else ""
    link = button("do-link", "copy", say("chat.link"), data_article=article.article_id, data_at=at)
    foot = el("div", whole, link, button("pri do-cite", "copy", say("chat.panel.copy")), css="sfoot")
    return _side(say, place, raw(cutting, meta), foot)


def _reprint(article: Article) -> Html:
    where, title = el("small", dotted((article.date, article.source))), article.title or article.text[:24]
    return el("li", el("button", where, title, css="do-article", type="button", data_article=article.article_id))


def missing(say: Say, title: str, quote: str, place: Place | None) -> Html:
    """In place of an article that is no longer in the library: what was cited of it is still shown."""
    kept = el("div", el("p", quote), css="txt") if quote else None
    return _side(
        say,
        place,
        el(
            "div",
            el("div", el("h3", title, css="headline"), el("p", say("chat.panel.gone"), css="by"), kept, css="clip-w"),
            css="clip",
        ),
    )


def _side(say: Say, place: Place | None, body: Html, foot: Html | None = None) -> Html:
    head = [esc(say("chat.panel.article"))]
    steps: list[Html] = []
    if place is not None:
        head = [
            esc(say("chat.source_n", n=place.number)),
            el("span", f" · {say('chat.panel.place', i=place.at, n=place.of)}", css="muted"),
        ]
        for way, to in (("prev", place.before), ("next", place.after)):
            words = say(f"chat.panel.{way}")
            steps.append(
                el(
                    "button",
                    icon(way),
                    el("span", words, css="lbl"),
                    css="btn ghost do-step",
                    type="button",
                    data_cite=to,
                    disabled=not to,
                    aria_label=words,
                )
            )
    return el(
        "section",
        el("div", el("i"), css="grab"),
        el(
            "div",
            el("h2", *head, tabindex="-1"),
            *steps,
            icon_button("ghost do-close", "x", say("chat.panel.close")),
            css="sbar",
        ),
        el("div", body, css="sbody", tabindex="0", role="region", aria_label=say("chat.panel.text")),
        foot,
        css="side",
        role="complementary",
        aria_label=say("chat.panel.label"),
    )


def clipping(say: Say, article: Article, quoted: tuple[int, int] | None = None) -> tuple[Html, bool]:
    """The article as cut out of its paper, the quoted words marked; whether paragraphs far from them are folded."""
    spans = list(paragraphs(article.text))
    near = {i for i, (a, b) in enumerate(spans) if quoted and a < quoted[1] and b > quoted[0]}
    first, last = _shown(spans, near) if near and len(article.text) > SHORT else (0, len(spans) - 1)
    before, after = first, max(0, len(spans) - 1 - last)
    body: list[Html] = []
    headings = list(article.sections)
    for i, (a, b) in enumerate(spans):
        css = "para" if first <= i <= last else "para far"
        while headings and headings[0].start <= a:
            body += _heading(headings.pop(0), article.text[a:b], css)
        body.append(el("p", _marked(article.text, a, b, quoted), css=css))
    if after:
        body.append(el("p", say("chat.panel.left_out", n=after), css="cut"))
    by = dotted(
        (
            say("chat.panel.by", author=article.author) if article.author else "",
            say("chat.panel.length", n=f"{len(article.text):,}"),
            say("chat.panel.cut_note", n=before) if before else "",
        )
    )
    when = dotted((day(say, article.date, weekday=True), page_of(say, article.page)))
    return el(
        "div",
        el(
            "div",
            el("div", el("b", paper(say, article.source)), el("span", when), css="np"),
            el("span", article.column, css="col-h") if article.column else None,
            el("h3", article.title or article.text[:24], css="headline"),
            el("p", by, css="by"),
            el("div", *body, css="txt"),
            css="clip-w",
        ),
        css="clip",
    ), bool(before or after)


def _shown(spans: list[tuple[int, int]], near: set[int]) -> tuple[int, int]:
    """The first and last paragraph shown: those quoted, and those around them for which there is room."""
    first, last = min(near), max(near)
    for up, down in ((0, 1), (-1, 0)):
        a, b = max(0, first + up), min(len(spans) - 1, last + down)
        if spans[b][1] - spans[a][0] <= ROOM:
            first, last = a, b
    return first, last


def _heading(section: Section, paragraph: str, css: str) -> list[Html]:
    """A heading above its paragraph; nothing where the text says it itself."""
    if not section.heading or paragraph.strip().startswith(section.heading):
        return []
    return [el("h4", section.heading, css=css)]


def _marked(text: str, start: int, end: int, quoted: tuple[int, int] | None) -> Html:
    a, b = (max(start, quoted[0]), min(end, quoted[1])) if quoted else (start, start)
    if a >= b:
        return esc(text[start:end])
    return raw(esc(text[start:a]), el("mark", text[a:b]), esc(text[b:end]))
