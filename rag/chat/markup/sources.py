"""An article comes in, the newspaper clipping beside the chat goes out, at the words that were cited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    neighbours: Sequence[Article] = (),
    printed: bool = False,
) -> Html:
    """The panel: its bar, the clipping, how to cite it. `quoted` counts in the article's text; `reprints` say the same,
    `neighbours` stand in the same issue. `printed`: the pages of its file can be shown."""
    meta = el(
        "div",
        el("div", el("h3", say("chat.panel.reference")), el("p", reference, css="gb")),
        el("div", say("chat.panel.file"), " ", el("span", article.source, css="tn"), css="muted"),
        _others(say("chat.panel.reprints"), reprints, lambda one: dotted((one.date, one.source))),
        _others(say("chat.panel.neighbours"), neighbours, lambda one: dotted((page_of(say, one.page), one.column))),
        css="meta",
    )
    at = f"{quoted[0]}-{quoted[1]}" if quoted else ""
    named = {"data_article": article.article_id}
    foot = el(
        "div",
        button("do-read", "say", say("chat.say")),
        button("do-print", "print", say("chat.print")),
        button("do-only", "filter", say("chat.panel.only"), **named),
        button("do-link", "copy", say("chat.link"), data_at=at, **named),
        button("pri do-cite", "quote", say("chat.panel.copy")),
        css="sfoot",
    )
    views = _views(say, article.article_id, at) if printed else None
    return _side(say, place, raw(clipping(say, article, quoted), meta), foot, article.title, views)


def _views(say: Say, article_id: str, at: str) -> tuple[Html, Html]:
    """The switch between an article's text and the page it was printed on, and the place for that page."""
    switch = el(
        "div",
        button("do-text", "text", say("chat.panel.as_text"), aria_pressed="true"),
        button(
            "do-pages", "file", say("chat.panel.as_page"), aria_pressed="false", data_article=article_id, data_at=at
        ),
        css="views",
        role="group",
        aria_label=say("chat.panel.views"),
    )
    bar = el(
        "div",
        icon_button("ghost do-page-back", "prev", say("chat.panel.page_back")),
        el("span", css="pvn"),
        icon_button("ghost do-page-on", "next", say("chat.panel.page_on")),
        el("p", css="pvt", role="status"),
        el(
            "span",
            button("do-zoom", "", say("chat.panel.whole"), data_to="whole", aria_pressed="false"),
            button("do-zoom", "", say("chat.panel.wide"), data_to="wide", aria_pressed="false"),
            button("do-zoom", "", say("chat.panel.full"), data_to="full", aria_pressed="false"),
            css="zooms",
            role="group",
            aria_label=say("chat.panel.zoom"),
        ),
        css="pvbar",
    )
    shown = el("div", el("div", css="pvi"), css="pvs", tabindex="0", role="region", aria_label=say("chat.panel.page"))
    return switch, el("div", shown, bar, css="pv")


def _others(heading: str, articles: Sequence[Article], where: Callable[[Article], Html]) -> Html | None:
    """Other articles, to be opened."""
    rows = [
        el(
            "li",
            el(
                "button",
                el("small", where(one)),
                one.title or one.text[:24],
                css="do-article",
                type="button",
                data_article=one.article_id,
            ),
        )
        for one in articles
    ]
    return el("div", el("h3", heading), el("ul", *rows, css="rec")) if rows else None


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


def _side(
    say: Say,
    place: Place | None,
    body: Html,
    foot: Html | None = None,
    title: str = "",
    views: tuple[Html, Html] | None = None,
) -> Html:
    """`views`: what switches to another view of the source, and that view."""
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
            el("h2", *head, el("small", title) if title else None, tabindex="-1"),
            *steps,
            icon_button("ghost do-close", "x", say("chat.panel.close")),
            css="sbar",
        ),
        views[0] if views else None,
        el("div", body, css="sbody", tabindex="0", role="region", aria_label=say("chat.panel.text")),
        views[1] if views else None,
        foot,
        css="side printed" if views else "side",
        role="complementary",
        aria_label=say("chat.panel.label"),
    )


def clipping(say: Say, article: Article, quoted: tuple[int, int] | None = None) -> Html:
    """The whole article as cut out of its paper, the quoted words marked."""
    body: list[Html] = []
    headings = list(article.sections)
    for a, b in paragraphs(article.text):
        while headings and headings[0].start <= a:
            body += _heading(headings.pop(0), article.text[a:b])
        body.append(el("p", _marked(article.text, a, b, quoted), css="para"))
    by = dotted(
        (
            say("chat.panel.by", author=article.author) if article.author else "",
            say("chat.panel.length", n=f"{len(article.text):,}"),
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
    )


def _heading(section: Section, paragraph: str) -> list[Html]:
    """A heading above its paragraph; nothing where the text says it itself."""
    if not section.heading or paragraph.strip().startswith(section.heading):
        return []
    return [el("h4", section.heading, css="para")]


def _marked(text: str, start: int, end: int, quoted: tuple[int, int] | None) -> Html:
    a, b = (max(start, quoted[0]), min(end, quoted[1])) if quoted else (start, start)
    if a >= b:
        return esc(text[start:end])
    return raw(esc(text[start:a]), el("mark", text[a:b]), esc(text[b:end]))
