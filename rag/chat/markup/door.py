"""The pages on which people sign in and change their password come out: plain forms that work without any script."""

from __future__ import annotations

from rag.chat.markup import Html, Say, el, icon, raw
from rag.errors import Error
from rag.words import tag


def sign_in_page(
    say: Say, language: str, head: str, query: str, name: str = "", fault: Error | None = None, nobody: bool = False
) -> str:
    """`head`: markup of ours. `query`: of the page that was asked for. `nobody`: there is no account yet."""
    hint = el("p", icon("warn"), el("span", say("people.nobody")), css="told w", role="status") if nobody else None
    form = el(
        "form",
        el("h2", say("people.sign_in")),
        _fault(fault) or hint,
        _field(say, "name", "username", name, first=not name),
        _field(say, "password", "current-password", first=bool(name)),
        el("button", say("people.enter"), css="btn pri", type="submit"),
        el("p", el("a", say("people.change"), href="password"), css="note"),
        None if fault else el("p", say("people.forgotten"), css="note"),
        css="card",
        method="post",
        action=f"sign-in?{query}" if query else "sign-in",
    )
    return _page(say, language, head, form)


def password_page(say: Say, language: str, head: str, name: str = "", fault: Error | None = None) -> str:
    form = el(
        "form",
        el("h2", say("people.change")),
        _fault(fault),
        _field(say, "name", "username", name, first=not name),
        _field(say, "password", "current-password", first=bool(name)),
        _field(say, "new", "new-password"),
        el("button", say("people.change"), css="btn pri", type="submit"),
        el("p", say("people.changed_ends"), css="note"),
        el("p", el("a", say("people.back"), href="sign-in"), css="note"),
        css="card",
        method="post",
        action="password",
    )
    return _page(say, language, head, form)


def _page(say: Say, language: str, head: str, form: Html) -> str:
    title = el("h1", el("b", say("chat.brand")), el("span", say("chat.house"), css="s"))
    brand = el("div", el("i", css="stamp", aria_hidden="true"), title, css="brand")
    before = Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">')
    page = el(
        "html",
        el("head", before, Html(head)),
        el("body", el("main", brand, form, id="rag", css="door")),
        lang=tag(language),
    )
    return raw(Html("<!doctype html>"), page)


def _fault(fault: Error | None) -> Html | None:
    if fault is None:
        return None
    return el("p", icon("warn"), el("span", fault.what, fault.remedy), css="told", role="alert", id="fault")


def _field(say: Say, name: str, filled_by: str, value: str = "", *, first: bool = False) -> Html:
    field = el(
        "input",
        id=name,
        name_=name,
        type="text" if name == "name" else "password",
        value=value,
        autocomplete=filled_by,
        required=True,
        autofocus=first,
        maxlength="500",
        autocapitalize="off",
        spellcheck="false",
    )
    return el("div", el("label", say(f"people.{name}"), for_=name), field, css="field")


def person_mark(say: Say, person: str) -> Html:
    """What the script of the page knows of who is here, in the page's head."""
    words = {f"data_{key}": say(f"people.{key}") for key in ("out", "wait", "again")}
    return Html(el("meta", name_="rag-person", content=person, **words).removesuffix("</meta>"))
