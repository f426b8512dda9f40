"""The library and what became of files come in, the parts of the library tab go out."""
from __future__ import annotations

from collections.abc import Sequence

from rag.chat.markup import Say, button, day, dotted, esc, icon, moment
from rag.chat.markup.sources import clipping
from rag.errors import Error
from rag.types import Article, LibraryState, Progress, Receipt, Removal

FILES_AT_ONCE, MEGABYTES = 50, 100


def head(say: Say, state: LibraryState, trouble: Error | None = None) -> str:
    """How much there is; how far search by meaning lags behind; why it can't be made, where it can't."""
    facts = dotted((say("chat.lib.articles", n=f"{state.articles:,}"), say("chat.lib.files", n=f"{state.documents:,}"),
                    say("chat.updated", moment=moment(say, state.updated)) if state.updated else ""))
    behind = ""
    if trouble is not None:
        behind = f'<p class="late w">{icon("warn")}{esc(trouble.what)} {esc(trouble.remedy)}</p>'
    elif state.embedded < state.passages:
        share = int(100 * state.embedded / max(1, state.passages))
        behind = f'<p class="late">{say("chat.lib.behind", share=share)}</p>'
    return f'<div class="ttl"><h2>{say("chat.lib.title")}</h2><p>{facts}</p></div>{behind}'


def drop_zone(say: Say) -> str:
    told = say("chat.lib.drop_told", n=FILES_AT_ONCE, mb=MEGABYTES)
    return (f'<div class="drop">{icon("tray")}<div><b>{say("chat.lib.drop")}</b><small>{told}</small></div>'
            f'<label class="btn pri" for="files">{say("chat.lib.choose")}</label>'
            f'<input class="sr" id="files" type="file" multiple aria-label="{say("chat.lib.choose")}"></div>'
            f'<p class="sending" role="status"></p>')


def working(say: Say, steps: Sequence[Progress], total: int) -> str:
    """What is being done with the files right now; `steps`: the latest of each stage."""
    rows = ""
    for step in steps:
        share = int(100 * step.done / step.total) if step.total else 0
        name = say(f"chat.lib.stage_{step.stage}")
        words = say("chat.lib.of", done=step.done, total=step.total) if step.total else ""
        rows += (f'<li><span class="nm">{name}{f" · {esc(step.name)}" if step.name else ""}</span>'
                 f'<span class="pb" role="progressbar" aria-label="{name}" aria-valuenow="{share}" aria-valuemin="0" aria-valuemax="100">'
                 f'<i style="width:{share}%"></i></span><span class="s">{words}</span></li>')
    return (f'<section class="card sec"><h2>{say("chat.lib.working")} <small>{say("chat.lib.files_given", n=total)}</small></h2>'
            f'<ul class="fl">{rows}</ul></section>')


def receipts(say: Say, rows: Sequence[Receipt]) -> str:
    """One row a file: what went in, or why it did not."""
    body = ""
    for r in rows:
        css, word = {"added": ("", "added"), "replaced": ("", "replaced"), "unchanged": ("w", "unchanged")}.get(r.status, ("b", "refused"))
        if r.status == "refused":
            reason = esc(r.reason or "")
        else:
            reason = dotted((esc(r.reason or ""), say("chat.lib.duplicate") if r.duplicates else "")) or "—"
        body += (f'<tr><td class="nm">{esc(r.file)}</td><td class="r">{r.articles or "—"}</td><td class="r">{r.pages or "—"}</td>'
                 f'<td class="r">{f"{r.characters:,}" if r.characters else "—"}</td><td><span class="stt {css}">{say(f"chat.lib.{word}")}</span></td>'
                 f"<td>{reason}</td></tr>")
    went = sum(r.articles for r in rows if r.status in ("added", "replaced"))
    refused = sum(r.status == "refused" for r in rows)
    told = dotted((say("chat.lib.went_in", n=went), say("chat.lib.not_in", n=refused) if refused else ""))
    names = "".join(f'<th{css}>{say(f"chat.lib.{key}")}</th>' for key, css in
                    (("file", ""), ("piece", ' class="r"'), ("page", ' class="r"'), ("length", ' class="r"'), ("status", ""), ("reason", "")))
    return (f'<section class="card sec"><h2>{say("chat.lib.receipts")} <small>{told}</small></h2>'
            f'<div class="tw" tabindex="0" role="region" aria-label="{say("chat.lib.receipts_label")}"><table class="stack rcp">'
            f"<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div></section>")


def removed(say: Say, removals: Sequence[Removal]) -> str:
    """The receipt of a removal: what went, and that search finds nothing of it any more."""
    told = "".join(f'<p>{say("chat.lib.gone" if r.status == "removed" and not r.left else "chat.lib.left" if r.left else "chat.lib.unknown", n=r.articles, k=r.passages, left=r.left)}</p>'
                   for r in removals)
    return f'<section class="card sec"><h2>{say("chat.lib.removal")}</h2>{told}</section>'


def shelf(say: Say, articles: Sequence[Article], chosen: str, more: bool) -> str:
    """The articles found, newest first; `more`: there are others."""
    rows = ""
    for a in articles:
        on = a.article_id == chosen
        facts = dotted((esc(a.column or ""), day(say, a.date), esc(a.source)))
        rows += (f'<li><button type="button" class="q{" on" if on else ""} do-choose" data-article="{esc(a.article_id)}" aria-pressed="{"true" if on else "false"}">'
                 f"<b>{esc(a.title or a.text[:24])}</b><small>{facts}</small></button></li>")
    rest = f'<p class="note"><button type="button" class="btn do-more">{say("chat.lib.more")}</button></p>' if more else ""
    return f'<ul class="shelf">{rows}</ul>{rest}' if rows else f'<p class="note">{say("chat.lib.none_found")}</p>'


def preview(say: Say, article: Article | None) -> str:
    if article is None:
        return f'<section class="card pre"><div class="sbar"><h2>{say("chat.lib.preview")}</h2></div><p class="note">{say("chat.lib.preview_none")}</p></section>'
    return (f'<section class="card pre" aria-label="{say("chat.lib.preview")}"><div class="sbar"><h2>{say("chat.lib.preview")}</h2></div>'
            f'<div class="bd" tabindex="0" role="region" aria-label="{say("chat.panel.text")}">{clipping(say, article)[0]}</div><div class="ft">'
            f'{button("do-remove", "trash", say("chat.lib.remove"), _remove(say, article))}<span class="muted sm">{esc(article.source)}</span></div></section>')


def _remove(say: Say, article: Article) -> str:
    """The first press asks, the second removes."""
    return f' data-article="{esc(article.article_id)}" data-sure="{say("chat.lib.remove_sure")}"'
