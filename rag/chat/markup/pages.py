"""The frame of the page comes out: its bar, the first page, the list of conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.chat.conversation import Conversation
from rag.chat.markup import Html, Say, button, day, dotted, el, filled, icon, icon_button, moment, paper, raw
from rag.chat.markup.troubles import empty_library
from rag.errors import Error
from rag.types import Article, LibraryState, Talk
from rag.words import LANGUAGES, catalogue, tag


def header(say: Say, language: str, words: Mapping[str, str]) -> Html:
    """`words`: what the page's script says; it reads them from the bar's attributes."""
    told = {f"data_{key}": text for key, text in words.items()}
    return el(
        "header",
        el("a", say("chat.skip"), css="skip", href="#question"),
        icon_button("ghost only-p do-drawer", "menu", say("chat.conversations_open")),
        el("i", css="stamp", aria_hidden="true"),
        el("h1", el("b", say("chat.brand")), el("span", say("chat.house"), css="s")),
        el(
            "div",
            button("ghost no-p do-drawer", "menu", say("chat.conversations")),
            button("ghost no-p do-new", "plus", say("chat.new")),
            _languages(say, language),
            el("button", el("span", say("chat.size"), css="zi"), css="btn ghost do-size", type="button"),
            icon_button("ghost do-theme", "moon", say("chat.to_dark"), title=say("chat.theme")),
            css="tools",
        ),
        css="hdr",
        lang=tag(language),
        **told,
    )


def _languages(say: Say, now: str) -> Html:
    """Each by its own name; the page's script remembers which was chosen."""
    options = [
        el("option", catalogue(one)["language"], value=one, lang=tag(one), selected=one == now) for one in LANGUAGES
    ]
    return el("select", *options, css="lang", id="language", aria_label=say("chat.interface_language"))


def greeting(say: Say, state: LibraryState, examples: Sequence[tuple[str, str]], newest: Sequence[Article]) -> Html:
    """The masthead, questions to begin with, and what came last; an empty library says so instead."""
    papers = [p for p in dict.fromkeys(paper(say, s) for s in state.sources[:60]) if p != say("chat.panel.paper")]
    count = filled(say("chat.count"), n=el("b", f"{state.articles:,}"))
    mast = el(
        "section",
        el(
            "div",
            el("span", count),
            el("span", dotted(papers[:3] or state.columns[:3]), css="no-p"),
            el("span", say("chat.updated", moment=moment(say, state.updated))) if state.updated else None,
            css="rule",
        ),
        el("h2", say("chat.slogan_1"), el("em", say("chat.slogan_2"))),
        el("p", say("chat.promise_1"), el("br"), say("chat.promise_2")),
        css="mast",
    )
    if not state.articles:
        return raw(mast, empty_library(say))
    asks = [
        el("button", el("small", column), el("span", asked), css="ex do-ask", type="button")
        for column, asked in examples
    ]
    recent = [
        el(
            "li",
            el(
                "button",
                el("small", day(say, a.date) or a.column or ""),
                a.title or a.text[:24],
                css="do-article",
                type="button",
                data_article=a.article_id,
            ),
        )
        for a in newest
    ]
    return raw(
        mast,
        _under(say("chat.examples"), el("div", *asks, css="exs"), asks),
        _under(say("chat.newest"), el("ul", *recent, css="rec"), recent),
    )


def _under(hint: str, part: Html, rows: Sequence[Html]) -> Html:
    return raw(el("p", hint, css="hint"), part) if rows else Html()


def conversations(say: Say, current: Conversation, talks: Sequence[Talk], unsaved: Error | None = None) -> Html:
    """The drawer: newest first, each opened, renamed, shared, exported or deleted by its key. `unsaved`: why the last
    exchange could not be kept."""
    rows = [_row(say, talk, talk.key == current.key) for talk in talks]
    search = el(
        "div",
        icon("find"),
        el("label", say("chat.find"), css="sr", for_="in-conversations"),
        el("input", id="in-conversations", placeholder=say("chat.find"), autocomplete="off"),
        css="srch",
    )
    return el(
        "div",
        el(
            "div",
            button("pri do-new", "plus", say("chat.new")),
            icon_button("do-drawer", "x", say("chat.drawer_close")),
            css="top",
        ),
        search,
        el(
            "div",
            el("p", say("chat.unsaved", what=unsaved.what), css="note", role="alert") if unsaved else None,
            *rows,
            None if rows else el("p", say("chat.no_conversation"), css="note"),
            el("p", say("chat.kept_here"), css="note"),
            css="dlist",
        ),
        css="drawer",
        role="navigation",
        aria_label=say("chat.conversations_list"),
    )


def _row(say: Say, talk: Talk, on: bool) -> Html:
    facts = dotted((moment(say, talk.at), say("chat.questions", n=talk.exchanges)))
    named = {"data_key": talk.key}
    opening = el(
        "button",
        el("span", talk.title[:60]),
        el("small", facts),
        css="do-open",
        type="button",
        aria_current="true" if on else None,
        **named,
    )
    files = [
        el("a", say(f"chat.as_{form}"), css="btn ghost", href=f"api/conversations/{talk.key}.{form}", download=True)
        for form in ("docx", "md", "json")
    ]
    more = icon_button("ghost do-acts", "chev", say("chat.more_named", title=talk.title[:30]), aria_expanded="false")
    acts = el(
        "div",
        button("ghost do-rename", "pen", say("chat.rename"), **named),
        button("ghost do-share", "copy", say("chat.link"), **named),
        button("ghost do-unshare", "x", say("chat.unlink"), **named),
        *files,
        button("ghost do-drop", "trash", say("chat.drop"), **named),
        css="row",
    )
    css = " ".join(["ci", *(["on"] if on else []), *(["shared"] if talk.shared else [])])
    return el("div", opening, more, acts, css=css)
