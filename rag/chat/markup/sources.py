"""An article comes in, the newspaper clipping beside the chat goes out, at the words that were cited."""
from __future__ import annotations

from dataclasses import dataclass

from rag.chat.markup import Say, button, day, dotted, esc, icon, page_of, paper, paragraphs
from rag.types import Article, Section

SHORT = 240     # characters: an article up to here is shown whole, a longer one around what was cited
ROOM = 330      # characters that stand in the panel under the headline without scrolling


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader is among the citations of an answer."""

    number: int             # of the source, as its chip shows it
    at: int                 # this citation is the first, second… of `of`
    of: int
    before: str = ""        # link to the one before, "" for none
    after: str = ""


def panel(say: Say, article: Article, reference: str, quoted: tuple[int, int] | None = None, place: Place | None = None) -> str:
    """The panel: its bar, the clipping, how to cite it. `quoted` counts in the article's text."""
    if place is None:
        head, steps = say("chat.panel.article"), ""
    else:
        head = f'{say("chat.source_n", n=place.number)}<span class="muted"> · {say("chat.panel.place", i=place.at, n=place.of)}</span>'
        steps = "".join(
            f'<button type="button" class="btn ghost do-step" data-cite="{to}"{"" if to else " disabled"} aria-label="{say(f"chat.panel.{way}")}">'
            f'{icon(way)}<span class="lbl">{say(f"chat.panel.{way}")}</span></button>'
            for way, to in (("prev", place.before), ("next", place.after)))
    cutting, cut = clipping(say, article, quoted)
    whole = button("do-whole", "file", say("chat.panel.whole")) if cut else ""
    return (f'<section class="side" role="complementary" aria-label="{say("chat.panel.label")}"><div class="grab"><i></i></div><div class="sbar"><h2 tabindex="-1">{head}</h2>{steps}'
            f'<button type="button" class="btn ghost ico do-close" aria-label="{say("chat.panel.close")}">{icon("x")}</button></div>'
            f'<div class="sbody" tabindex="0" role="region" aria-label="{say("chat.panel.text")}">{cutting}{_meta(say, article, reference)}</div>'
            f'<div class="sfoot">{whole}{button("pri do-cite", "copy", say("chat.panel.copy"))}</div></section>')


def missing(say: Say, title: str, quote: str, place: Place | None) -> str:
    """In place of an article that is no longer in the library: what was cited of it is still shown."""
    head = say("chat.source_n", n=place.number) if place else say("chat.panel.article")
    kept = f'<div class="txt"><p>{esc(quote)}</p></div>' if quote else ""
    return (f'<section class="side" role="complementary" aria-label="{say("chat.panel.label")}"><div class="grab"><i></i></div><div class="sbar"><h2 tabindex="-1">{head}</h2>'
            f'<button type="button" class="btn ghost ico do-close" aria-label="{say("chat.panel.close")}">{icon("x")}</button></div>'
            f'<div class="sbody" tabindex="0" role="region" aria-label="{say("chat.panel.text")}"><div class="clip"><div class="clip-w">'
            f'<h3 class="headline">{esc(title)}</h3><p class="by">{say("chat.panel.gone")}</p>{kept}</div></div></div></section>')


def clipping(say: Say, article: Article, quoted: tuple[int, int] | None = None) -> tuple[str, bool]:
    """The article as cut out of its paper, the quoted words marked; whether paragraphs far from them are folded."""
    spans = list(paragraphs(article.text))
    near = {i for i, (a, b) in enumerate(spans) if quoted and a < quoted[1] and b > quoted[0]}
    first, last = _shown(spans, near) if near and len(article.text) > SHORT else (0, len(spans) - 1)
    before, after = first, max(0, len(spans) - 1 - last)
    cut = bool(before or after)
    body = ""
    headings = list(article.sections)
    for i, (a, b) in enumerate(spans):
        far = "" if first <= i <= last else " far"
        while headings and headings[0].start <= a:
            body += _heading(headings.pop(0), article.text[a:b], far)
        body += f'<p class="para{far}">{_marked(article.text, a, b, quoted)}</p>'
    if after:
        body += f'<p class="cut">{say("chat.panel.left_out", n=after)}</p>'
    column = f'<span class="col-h">{esc(article.column)}</span>' if article.column else ""
    by = dotted((say("chat.panel.by", author=esc(article.author)) if article.author else "",
                 say("chat.panel.length", n=f"{len(article.text):,}"), say("chat.panel.cut_note", n=before) if before else ""))
    when = dotted((day(say, article.date, weekday=True), page_of(say, article.page)))
    return (f'<div class="clip"><div class="clip-w"><div class="np"><b>{paper(say, article.source)}</b><span>{when}</span></div>{column}'
            f'<h3 class="headline">{esc(article.title or article.text[:24])}</h3><p class="by">{by}</p><div class="txt">{body}</div></div></div>'), cut


def _shown(spans: list[tuple[int, int]], near: set[int]) -> tuple[int, int]:
    """The first and last paragraph shown: those quoted, and those around them for which there is room."""
    first, last = min(near), max(near)
    for step in ((0, 1), (-1, 0)):
        a, b = max(0, first + step[0]), min(len(spans) - 1, last + step[1])
        if spans[b][1] - spans[a][0] <= ROOM:
            first, last = a, b
    return first, last


def _heading(section: Section, paragraph: str, far: str) -> str:
    """A heading above its paragraph; nothing where the text says it itself."""
    if not section.heading or paragraph.strip().startswith(section.heading):
        return ""
    return f'<h4 class="para{far}">{esc(section.heading)}</h4>'


def _marked(text: str, start: int, end: int, quoted: tuple[int, int] | None) -> str:
    a, b = (max(start, quoted[0]), min(end, quoted[1])) if quoted else (start, start)
    if a >= b:
        return esc(text[start:end])
    return f"{esc(text[start:a])}<mark>{esc(text[a:b])}</mark>{esc(text[b:end])}"


def _meta(say: Say, article: Article, reference: str) -> str:
    return (f'<div class="meta"><div><h3>{say("chat.panel.reference")}</h3><p class="gb">{esc(reference)}</p></div>'
            f'<div class="muted">{say("chat.panel.file")} <span class="tn">{esc(article.source)}</span></div></div>')
