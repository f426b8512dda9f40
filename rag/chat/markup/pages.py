"""The frame of the page comes out: bar, first page, list of conversations."""
from __future__ import annotations

from collections.abc import Sequence

from rag.chat.conversation import Conversation
from rag.chat.markup import Say, button, day, dotted, esc, icon, moment, paper
from rag.types import Article, LibraryState


def header(say: Say, attributes: str) -> str:
    """`attributes`: already safe."""
    return (f'<header class="hdr"{attributes}><a class="skip" href="#question">{say("chat.skip")}</a>'
            f'<button type="button" class="btn ghost ico only-p do-drawer" aria-label="{say("chat.conversations_open")}">{icon("menu")}</button>'
            f'<i class="stamp" aria-hidden="true"></i><h1><b>{say("chat.brand")}</b><span class="s">{say("chat.house")}</span></h1>'
            f'<div class="tools">{button("ghost no-p do-drawer", "menu", say("chat.conversations"))}{button("ghost no-p do-new", "plus", say("chat.new"))}'
            f'<button type="button" class="btn ghost do-size"><span class="zi">{say("chat.size")}</span></button>'
            f'<button type="button" class="btn ghost ico do-theme" aria-label="{say("chat.to_dark")}" title="{say("chat.theme")}">'
            f'{icon("moon")}</button></div></header>')


def greeting(say: Say, state: LibraryState, examples: Sequence[tuple[str, str]], newest: Sequence[Article]) -> str:
    """The masthead, questions to begin with, and what came last; an empty library says so instead."""
    papers = list(dict.fromkeys(paper(say, s) for s in state.sources[:60]))
    names = [p for p in papers if p != say("chat.panel.paper")][:3] or [esc(c) for c in state.columns[:3]]
    updated = f'<span>{say("chat.updated", moment=moment(say, state.updated))}</span>' if state.updated else ""
    mast = (f'<section class="mast"><div class="rule"><span>{say("chat.count", n=f"<b>{state.articles:,}</b>")}</span>'
            f'<span class="no-p">{dotted(names)}</span>{updated}</div><h2>{say("chat.slogan_1")}<em>{say("chat.slogan_2")}</em></h2>'
            f'<p>{say("chat.promise_1")}<br>{say("chat.promise_2")}</p></section>')
    if not state.articles:
        return (f'{mast}<section class="card err w"><h2>{icon("tray")}<span>{say("errors.empty_library.what")}</span><code>E-301</code></h2>'
                f'<p>{say("chat.empty_remedy")}</p><div class="row">{button("pri do-library", "", say("chat.trouble.to_library"))}</div></section>')
    asks = "".join(f'<button type="button" class="ex do-ask"><small>{esc(column)}</small><span>{esc(asked)}</span></button>'
                   for column, asked in examples)
    asks = f'<p class="hint">{say("chat.examples")}</p><div class="exs">{asks}</div>' if asks else ""
    recent = "".join(f'<li><button type="button" class="do-article" data-article="{esc(a.article_id)}"><small>{day(say, a.date) or esc(a.column or "")}'
                     f"</small>{esc(a.title or a.text[:24])}</button></li>" for a in newest)
    recent = f'<p class="hint">{say("chat.newest")}</p><ul class="rec">{recent}</ul>' if recent else ""
    return mast + asks + recent


def conversations(say: Say, current: Conversation, others: Sequence[Conversation]) -> str:
    """The drawer: newest first, each opened or deleted by its key."""
    rows = ""
    for c in ((current,) if current.exchanges else ()) + tuple(others):
        on = " on" if c.key == current.key else ""
        now = ' aria-current="true"' if on else ""
        rows += (f'<div class="ci{on}"><button type="button" class="do-open" data-key="{esc(c.key)}"{now}>{esc(c.title[:60])}'
                 f'<small>{dotted((moment(say, c.at), say("chat.questions", n=len(c.exchanges))))}</small></button>'
                 f'<button type="button" class="btn ghost ico do-drop" data-key="{esc(c.key)}" aria-label="{say("chat.drop_named", title=esc(c.title[:30]))}">'
                 f'{icon("trash")}</button></div>')
    return (f'<div class="drawer" role="navigation" aria-label="{say("chat.conversations_list")}"><div class="top">{button("pri do-new", "plus", say("chat.new"))}'
            f'<button type="button" class="btn ico do-drawer" aria-label="{say("chat.drawer_close")}">{icon("x")}</button></div>'
            f'<div class="srch">{icon("find")}<label class="sr" for="in-conversations">{say("chat.find")}</label>'
            f'<input id="in-conversations" placeholder="{say("chat.find")}" autocomplete="off"></div>'
            f'<div class="dlist">'
            f'{rows or say("chat.no_conversation")}<p class="note">{say("chat.only_here")}</p></div></div>')
