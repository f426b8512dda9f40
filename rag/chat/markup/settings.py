"""Accounts, keys and what a question finds come in, the parts of the settings tab go out."""

from __future__ import annotations

from collections.abc import Sequence

from rag.chat.markup import Html, Say, button, day, dotted, el, icon, raw
from rag.chat.markup.answers import bars, matched
from rag.types import Account, Found, Key


def section(title: str, told: str = "") -> Html:
    return el("h2", title, " ", el("small", told) if told else None)


def found(say: Say, found: Found) -> Html:
    """Passages in their order, the matched words marked, a bar for each reason."""
    if not found.hits:
        return el("p", say("settings.found_none"), css="told w", role="status")
    rows = [
        el(
            "li",
            el(
                "div",
                el("b", f"{place} {hit.title or hit.text[:20]}", css="title"),
                el("p", "…", matched(hit), "… ", _by_meaning(say, hit.why.matched)),
                el("small", dotted((day(say, hit.date), hit.column, hit.source)), css="xs"),
            ),
            bars(say, hit, found.hits),
        )
        for place, hit in enumerate(found.hits, 1)
    ]
    rewritten = el("p", say("chat.rewritten", question=found.rewritten), css="sm") if found.rewritten else None
    return raw(rewritten or Html(), el("ol", *rows, css="hits"), el("p", say("chat.why_bars"), css="xs"))


def _by_meaning(say: Say, words: Sequence[str]) -> Html | None:
    return None if words else el("span", say("chat.no_word_matched"), css="tag line")


def people(say: Say, accounts: Sequence[Account], me: str) -> Html:
    """`me`: whose row has no buttons."""
    if not accounts:
        return el("p", say("people.nobody"), css="told w")
    rows = [
        el(
            "tr",
            el("td", el("b", account.name)),
            el("td", say(f"people.{account.role}")),
            el("td", day(say, account.made_at[:10]), css="r"),
            el("td", *_may(say, account, account.name == me), css="acts-c"),
        )
        for account in accounts
    ]
    return _table(say, ("name", "role", "since", "change"), rows, say("settings.people"))


def _may(say: Say, account: Account, own: bool) -> list[Html]:
    if own:
        return [el("span", say("settings.yourself"), css="muted sm")]
    other = "reader" if account.role == "editor" else "editor"
    named = {"data_name": account.name}
    change = say(f"settings.make_{other}")
    return [
        button("ghost", "", change, data_do="role", data_role=other, aria_label=f"{change}：{account.name}", **named),
        button(
            "ghost", "trash", say("settings.remove"), data_do="leave", data_sure=say("settings.sure"),
            aria_label=f"{say('settings.remove')}：{account.name}", **named,
        ),
    ]  # fmt: skip


def keys(say: Say, rows: Sequence[Key]) -> Html:
    if not rows:
        return el("p", say("settings.no_key"), css="muted sm")
    shown = [
        el(
            "tr",
            el("td", el("b", key.label or say("settings.unnamed"))),
            el("td", key.account),
            el("td", day(say, key.made_at[:10]), css="r"),
            el(
                "td",
                button(
                    "ghost", "trash", say("settings.revoke"), data_do="revoke", data_key=str(key.key_id),
                    data_sure=say("settings.sure"), aria_label=f"{say('settings.revoke')}：{key.label or key.account}",
                ),
                css="acts-c",
            ),
        )
        for key in rows
    ]  # fmt: skip
    return _table(say, ("label", "owner", "since", "change"), shown, say("settings.keys"))


def _table(say: Say, names: Sequence[str], rows: Sequence[Html], label: str) -> Html:
    head = [el("th", say(f"settings.{name}"), css="r" if name == "since" else "") for name in names]
    table = el("table", el("thead", el("tr", *head)), el("tbody", *rows), css="set")
    return el("div", table, css="tw", tabindex="0", role="region", aria_label=label)


def new_key(say: Say, key: str) -> Html:
    field = el("textarea", key, id="new-key", readonly=True, rows="2", css="secret", spellcheck="false")
    return el(
        "div",
        el("label", say("settings.key_once"), for_="new-key"),
        field,
        css="told g",
        role="status",
    )


def done(words: str) -> Html:
    return el("p", icon("tick"), el("span", words), css="told g", role="status")


def keeping(say: Say) -> Html:
    """Backup and restore; its script sends the file."""
    return raw(
        section(say("settings.backup")),
        el("p", say("settings.backup_told"), css="sm"),
        el("p", el("a", say("settings.download"), css="btn pri", href="api/backup", download=True), css="row"),
        el("p", say("settings.restore_told"), css="sm"),
        el(
            "p",
            el("label", say("settings.restore"), css="btn", for_="backup-file"),
            el("input", css="sr", id="backup-file", type="file", accept=".zip", aria_label=say("settings.restore")),
            button("pri", "", say("settings.restore_sure"), hidden=True, data_do="restore"),
            css="row",
        ),
        el(
            "p",
            css="sending",
            role="status",
            data_sending=say("settings.sending"),
            data_done=say("settings.restored"),
            data_failed=say("settings.not_restored"),
        ),
    )
