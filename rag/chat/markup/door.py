"""The page on which people sign in comes out: a plain form that works without any script."""

from __future__ import annotations

from rag.chat.markup import Html, Say, el, icon, raw
from rag.errors import Error
from rag.words import tag


def sign_in_page(
    say: Say, language: str, head: str, query: str, name: str = "", fault: Error | None = None, nobody: bool = False
) -> str:
    """`head`: markup of ours. `query`: of the page that was asked for. `nobody`: there is no account yet."""
    told = None
    if fault is not None:
        told = el("p", icon("warn"), el("span", fault.what, fault.remedy), css="told", role="alert", id="fault")
    elif nobody:
        told = el("p", icon("warn"), el("span", say("people.nobody")), css="told w", role="status")
    form = el(
        "form",
        el("h2", say("people.sign_in")),
        told,
        _field(say, "name", "text", "username", name, first=not name),
        _field(say, "password", "password", "current-password", "", first=bool(name)),
        el("button", say("people.enter"), css="btn pri", type="submit"),
        None if fault else el("p", say("people.forgotten"), css="note"),
        css="card",
        method="post",
        action=f"sign-in?{query}" if query else "sign-in",
    )
    brand = el("div", el("i", css="stamp", aria_hidden="true"), _title(say), css="brand")
    page = el(
        "html",
        el(
            "head",
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'),
            Html(head),
        ),
        el("body", el("main", brand, form, id="rag", css="door")),
        lang=tag(language),
    )
    return raw(Html("<!doctype html>"), page)


def _title(say: Say) -> Html:
    return el("h1", el("b", say("chat.brand")), el("span", say("chat.house"), css="s"))


def _field(say: Say, name: str, kind: str, filled_by: str, value: str, *, first: bool) -> Html:
    field = el(
        "input",
        id=name,
        name_=name,
        type=kind,
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
