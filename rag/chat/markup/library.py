"""The library and what became of files come in, the parts of the library tab go out."""

from __future__ import annotations

from collections.abc import Sequence

from rag.chat.markup import Html, Say, button, day, dotted, el, icon, moment, raw
from rag.chat.markup.sources import clipping
from rag.errors import Error
from rag.types import Article, LibraryState, Progress, Receipt, Removal

FILES_AT_ONCE, FILES_IN_FOLDER, MEGABYTES = 50, 300, 100


def head(say: Say, state: LibraryState, trouble: Error | None = None) -> Html:
    """How much there is; how far search by meaning lags behind; why it can't be made, where it can't."""
    facts = dotted(
        (
            say("chat.lib.articles", n=f"{state.articles:,}"),
            say("chat.lib.files", n=f"{state.documents:,}"),
            say("chat.updated", moment=moment(say, state.updated)) if state.updated else "",
        )
    )
    late = None
    if trouble is not None:
        late = el("p", icon("warn"), f"{trouble.what} {trouble.remedy}", css="late w")
    elif state.embedded < state.passages:
        late = el("p", say("chat.lib.behind", share=100 * state.embedded // max(1, state.passages)), css="late")
    return raw(el("div", el("h2", say("chat.lib.title")), el("p", facts), css="ttl"), late or Html())


def drop_zone(say: Say) -> Html:
    told = say("chat.lib.drop_told", n=FILES_AT_ONCE, folder=FILES_IN_FOLDER, mb=MEGABYTES)
    words = el("div", el("b", say("chat.lib.drop")), el("small", told))
    choose, whole = say("chat.lib.choose"), say("chat.lib.choose_folder")
    return raw(
        el(
            "div",
            icon("tray"),
            words,
            el("label", choose, css="btn pri", for_="files"),
            el("input", css="sr", id="files", type="file", multiple=True, aria_label=choose),
            el("label", whole, css="btn", for_="folder"),
            el("input", css="sr", id="folder", type="file", multiple=True, webkitdirectory=True, aria_label=whole),
            css="drop",
            data_most=str(FILES_AT_ONCE),
            data_folder=str(FILES_IN_FOLDER),
            data_bytes=str(MEGABYTES * 1_000_000),
        ),
        el("p", css="sending", role="status"),
    )


def working(say: Say, names: Sequence[str], steps: Sequence[Progress]) -> Html:
    """What is being done right now: each file that was given, then what is made of them all. `steps`: the latest of
    each stage."""
    of = {step.stage: step for step in steps}
    reading = of.get("reading")
    at = reading.done if reading else 0
    rows = []
    folder = reading is not None and reading.total > len(names)
    if reading is not None and folder:
        words = say("chat.lib.of", done=reading.done, total=reading.total)
        rows.append(_progress(reading.name, reading.name, 100 * reading.done // reading.total, words, "now"))
    for i, name in enumerate([] if folder else names):
        pages = of.get("recognising") if i == at else None
        words = say("chat.lib.is_read" if i < at else "chat.lib.is_reading" if i == at else "chat.lib.is_waiting")
        share = 100 if i < at else 0
        if pages is not None and pages.total:
            share = 100 * pages.done // pages.total
            words = say("chat.lib.on_page", done=pages.done, total=pages.total)
        rows.append(_progress(name, name, share, words, "now" if i == at else ""))
    for step in steps:
        if step.stage not in ("reading", "recognising"):
            name = say(f"chat.lib.stage_{step.stage}")
            words = say("chat.lib.of", done=step.done, total=step.total) if step.total else ""
            rows.append(_progress(name, name, 100 * step.done // step.total if step.total else 0, words))
    return el(
        "section",
        el("h2", say("chat.lib.working"), " ", el("small", say("chat.lib.files_given", n=len(names)))),
        el("ul", *rows, css="fl"),
        css="card sec",
    )


def _progress(name: str, label: str, share: int, words: str, css: str = "") -> Html:
    bar = el(
        "span",
        el("i", style=f"width:{share}%"),
        css="pb",
        role="progressbar",
        aria_label=label,
        aria_valuenow=str(share),
        aria_valuemin="0",
        aria_valuemax="100",
    )
    return el("li", el("span", name, css="nm"), bar, el("span", words, css="s"), css=css)


_STATUS = {"added": "", "replaced": "", "unchanged": "w", "refused": "b"}  # its sign: ✓ ! ✕


def receipts(say: Say, rows: Sequence[Receipt]) -> Html:
    """One row a file: what went in, or why it did not."""
    names = [
        el("th", say(f"chat.lib.{key}"), css="r" if key in ("piece", "page", "length") else "")
        for key in ("file", "piece", "page", "length", "status", "reason")
    ]
    body = [el("tr", *_cells(say, r)) for r in rows]
    went = sum(r.articles for r in rows if r.status in ("added", "replaced"))
    refused = sum(r.status == "refused" for r in rows)
    told = dotted((say("chat.lib.went_in", n=went), say("chat.lib.not_in", n=refused) if refused else ""))
    table = el("table", el("thead", el("tr", *names)), el("tbody", *body), css="stack rcp")
    return el(
        "section",
        el("h2", say("chat.lib.receipts"), " ", el("small", told)),
        el("div", table, css="tw", tabindex="0", role="region", aria_label=say("chat.lib.receipts_label")),
        css="card sec",
    )


def _cells(say: Say, r: Receipt) -> list[Html]:
    reason = dotted((r.reason, say("chat.lib.duplicate", n=r.duplicates) if r.duplicates else "")) or "—"
    counts = [el("td", f"{n:,}" if n else "—", css="r") for n in (r.articles, r.pages, r.characters)]
    status = el("span", say(f"chat.lib.{r.status}"), css=f"stt {_STATUS[r.status]}".strip())
    return [el("td", r.file, css="nm"), *counts, el("td", status), el("td", reason)]


def removed(say: Say, removals: Sequence[Removal]) -> Html:
    """The receipt of a removal: what went, and that search finds nothing of it any more."""
    told = []
    for r in removals:
        key = "left" if r.left else "gone" if r.status == "removed" else "unknown"
        told.append(el("p", say(f"chat.lib.{key}", n=r.articles, k=r.passages, left=r.left)))
    return el("section", el("h2", say("chat.lib.removal")), *told, css="card sec")


def shelf(say: Say, articles: Sequence[Article], chosen: str, more: bool) -> Html:
    """The articles found, newest first; `more`: there are others."""
    rows = [_row(say, a, a.article_id == chosen) for a in articles]
    if not rows:
        return el("p", say("chat.lib.none_found"), css="note")
    rest = el("p", el("button", say("chat.lib.more"), css="btn do-more", type="button"), css="note") if more else Html()
    return raw(el("ul", *rows, css="shelf"), rest)


def _row(say: Say, a: Article, on: bool) -> Html:
    facts = dotted((a.column, day(say, a.date), a.source))
    return el(
        "li",
        el(
            "button",
            el("b", a.title or a.text[:24]),
            el("small", facts),
            type="button",
            css="q on do-choose" if on else "q do-choose",
            data_article=a.article_id,
            aria_pressed="true" if on else "false",
        ),
    )


def preview(
    say: Say, article: Article | None, editing: Html | None = None, corrected: int = 0, whole: bool = True
) -> Html:
    """`editing`: the fields to correct it by, in place of how readers see it. `corrected`: how often its document was.
    `whole`: it can be corrected."""
    bar = el("div", el("h2", say("chat.lib.preview")), css="sbar")
    if article is None:
        return el("section", bar, el("p", say("chat.lib.preview_none"), css="note"), css="card pre")
    # the first press asks, the second removes
    remove = button(
        "do-remove",
        "trash",
        say("chat.lib.remove"),
        data_article=article.article_id,
        data_sure=say("chat.lib.remove_sure"),
    )
    correct = button("do-correct", "pen", say("chat.fix.correct"), data_article=article.article_id, data_does="form")
    cutting = editing or clipping(say, article)
    undo = None
    if corrected:
        undo = button("ghost do-correct", "redo", say("chat.fix.undo", n=corrected), data_does="undo",
                      data_article=article.article_id)  # fmt: skip
    text = el("div", cutting, css="bd", tabindex="0", role="region", aria_label=say("chat.panel.text"))
    source = el("span", article.source, css="muted sm")
    foot = None if editing else el("div", correct if whole else None, remove, undo, source, css="ft")
    return el("section", bar, text, foot, css="card pre", aria_label=say("chat.lib.preview"))
