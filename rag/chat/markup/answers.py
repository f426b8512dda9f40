"""An exchange comes in, its card in the thread goes out: answer, refusal, two figures that disagree, or error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.chat.conversation import LOOKED_AT, NEAREST, Exchange, link
from rag.chat.markup import (
    Html,
    Say,
    button,
    day,
    dotted,
    el,
    engine_name,
    esc,
    feedback,
    page_of,
    paper,
    paragraphs,
    raw,
    seconds,
)
from rag.chat.markup.troubles import trouble_card
from rag.chat.message import short_message
from rag.settings import MAX_QUESTION
from rag.types import Citation, Hit, Nearest, Piece, Reply

BEGINNING = 120  # characters shown of a question that is too long to be one

States = dict[int, str]  # citation number → "ok", "no"; a number that is not there is being checked


def question(say: Say, text: str, last: bool = False) -> Html:
    """The reader's bubble; of a page pasted by mistake only the beginning. `last`: it can be changed and asked anew."""
    edit = el("button", el("i", css="ic i-pen"), el("span", say("chat.edit")), css="do-edit", type="button")
    text = text if len(text) <= MAX_QUESTION else f"{text[:BEGINNING]}…"
    lines: list[Html] = []
    for a, b in paragraphs(text):
        lines += [el("br"), esc(text[a:b])] if lines else [esc(text[a:b])]
    return el("div", edit if last else None, el("p", *lines), css="u")


# ---------------------------------------------------------------- sentences and their chips


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of an answer: its words, the citations that follow them, what closes it."""

    text: str
    numbers: tuple[int, ...] = ()
    end: str = ""


_MARKED = re.compile(r"((?:\[\d{1,3}\])+)([。！？!?…；;，、,.]*[”’」』》）)】〕\"']*)")
_HALF_MARKER = re.compile(r"\[\d*$")


def spoken(answer: str, known: Iterable[int] | None = None) -> list[list[Spoken]]:
    """The answer's lines, each as its pieces. `known`: markers of other numbers stay in the text; None: all count,
    and a marker that is only half written is left out."""
    numbers = None if known is None else set(known)
    if numbers is None:
        answer = _HALF_MARKER.sub("", answer)
    lines = []
    for a, b in paragraphs(answer):
        line, done, pieces = answer[a:b], 0, []
        for marks in _MARKED.finditer(line):
            cited = tuple(dict.fromkeys(int(n) for n in re.findall(r"\d+", marks[1])))
            if numbers is not None and not numbers.issuperset(cited):
                continue
            pieces.append(Spoken(line[done : marks.start()].strip(), cited, marks[2]))
            done = marks.end()
        if line[done:].strip():
            pieces.append(Spoken(line[done:].strip()))
        lines.append(pieces)
    return lines


def chip(say: Say, href: str, n: int, state: str) -> Html:
    """A citation as a small button; `state`: ok, no, wait. Its sign is the stylesheet's: copying leaves it out."""
    said = say(f"chat.chip_{state}")
    comma = say("chat.comma")
    return el(
        "a",
        el("span", say("chat.source"), css="sr"),
        str(n),
        el("span", comma + said, css="sr"),
        css=f"cite {state}",
        href=Html(f"#{href}"),
        title=say("chat.source_n", n=n) + comma + said,
    )


def _bold(text: str, short: str | None, start: int, end: int) -> Html:
    """`text[start:end]`, with what of it belongs to the first `short` in bold."""
    at = text.find(short) if short else -1
    a, b = (start, start) if at < 0 or not short else (max(start, at), min(end, at + len(short)))
    if a >= b:
        return esc(text[start:end])
    return raw(esc(text[start:a]), el("b", text[a:b]), esc(text[b:end]))


def sentence(say: Say, exchange: int, one: Spoken, states: States, short: str | None) -> Html:
    """The words, with the chips glued to the last two of them and to what closes the sentence."""
    if not one.numbers:
        return el("span", _bold(one.text, short, 0, len(one.text)), css="st")
    cut = max(0, len(one.text) - 2)
    chips = [chip(say, link(exchange, n), n, states.get(n, "wait")) for n in one.numbers]
    glued = el("span", _bold(one.text, short, cut, len(one.text)), *chips, one.end, css="nb")
    return el("span", _bold(one.text, short, 0, cut), glued, css="st")


def prose(
    say: Say, exchange: int, answer: str, states: States | None, short: str | None = None, after: Html | None = None
) -> Html:
    """The answer in paragraphs: its first sentence leads, the others go in twos. `states` None: not checked yet."""
    lines = spoken(answer, states)
    holder = next((p for line in lines for p in line if short and short in p.text), None)
    blocks: list[list[Html]] = []
    for line in lines:
        shown = [sentence(say, exchange, p, states or {}, short if p is holder else None) for p in line]
        if not blocks:
            blocks, shown = [shown[:1]], shown[1:]
        blocks += [shown[i : i + 2] for i in range(0, len(shown), 2)] if len(lines) == 1 else [shown]
    blocks = [block for block in blocks if block]
    if after is not None:
        blocks = [*blocks[:-1], [*(blocks[-1] if blocks else []), after]]
    return raw(*(el("p", *block, css="" if i else "lead") for i, block in enumerate(blocks)))


# ---------------------------------------------------------------- the cards


def _who(say: Say, *facts: str) -> Html:
    return el("div", el("i", css="stamp"), el("b", say("chat.name")), el("span", dotted(facts)), css="who")


def _card(*inside: str | None, css: str = "", busy: bool = False) -> Html:
    return el("article", el("div", *inside, css=f"card {css}".strip()), css="a busy" if busy else "a")


def writing(say: Say, exchange: int, piece: Piece, engine: str | None, waited: float) -> Html:
    """The card while the answer grows. Its chips are dotted: nothing is checked yet."""
    stages = ["searching", "writing", "checking"]
    waits = piece.stage == "waiting"
    now = 1 if waits else stages.index(piece.stage) if piece.stage in stages else 2
    found = say("chat.step_found", n=piece.found) if piece.found else say("chat.step_searching")
    steps = (found, say("chat.step_waiting" if waits else "chat.step_writing"), say("chat.step_checking"))
    rows = [el("li", words, css="d" if i < now else "n" if i == now else "w") for i, words in enumerate(steps)]
    body = prose(say, exchange, piece.text, None, after=el("span", css="caret"))
    waiting = say("chat.waited", s=int(waited)) if waited >= 1 else ""
    return _card(
        _who(say, engine_name(say, engine), waiting),
        el("ol", *rows, css="steps"),
        el("div", body, css="ans"),
        el("p", el("span", say("chat.unchecked")), css="legend"),
        busy=True,
    )


def exchange_card(say: Say, number: int, exchange: Exchange, last: bool) -> Html:
    """A finished exchange. `last`: it stands at the end of the thread, and can be asked again."""
    reply = exchange.reply
    if reply is None or exchange.trouble is not None:
        return trouble_card(say, exchange.trouble, last)
    if reply.refused:
        return _refusal(say, number, exchange, reply)
    states = {c.n: "ok" if c.verified else "no" for c in reply.citations}
    used = len({c.article_id for c in reply.citations})
    searched = say("chat.searched_used", n=f"{exchange.searched:,}", k=used) if exchange.searched else ""
    figures = _conflict(say, number, reply, states)
    body = prose(say, number, reply.answer, states, reply.short_answer)
    return _card(
        _who(say, engine_name(say, reply.engine), seconds(say, reply), searched),
        _rewritten(say, reply),
        el("h2", say("chat.conflict")) if figures else None,
        el("div", body or el("p", say("chat.nothing_written"), css="lead"), css="ans"),
        el("p", say("chat.stopped"), css="stopped") if reply.stopped else None,
        el("p", reply.note, css="stopped") if reply.note else None,
        el("details", el("summary", say("chat.thought")), el("p", reply.thought)) if reply.thought else None,
        figures,
        feedback.notices(reply),
        _legend(say, reply.citations),
        _actions(say, exchange, last),
        _share(say, exchange, reply),
        _why(say, number, exchange),
        _quotes(say, number, reply),
        _to_copy(say, exchange, reply),
        css="conf" if figures else "",
    )


def _rewritten(say: Say, reply: Reply) -> Html | None:
    return el("p", say("chat.rewritten", question=reply.rewritten), css="asked") if reply.rewritten else None


def _refusal(say: Say, number: int, exchange: Exchange, reply: Reply) -> Html:
    states = {c.n: "ok" if c.verified else "no" for c in reply.citations}
    searched = say("chat.searched", n=f"{exchange.searched:,}") if exchange.searched else ""
    told, near, n = None, reply.nearest, len(reply.nearest)
    if reply.citations:
        said = el("div", prose(say, number, reply.answer, states), css="ans")
        head = raw(said, _legend(say, reply.citations) or Html())
    elif reply.reason in ("no_evidence", "absent_term") and near:
        head = el("h2", say("chat.refused"))
        lacking = [w for w in near[0].lacks if all(w in other.lacks for other in near)]
        told = say("chat.nearest_lack", n=n, words=_quoted(say, lacking)) if lacking else say("chat.nearest", n=n)
    else:
        head = el("h2", reply.answer)
    rows = [_near(say, link(number, NEAREST + i), one) for i, one in enumerate(near, 1)]
    return _card(
        _who(say, say("chat.engine_none"), seconds(say, reply), searched),
        _rewritten(say, reply),
        head,
        el("p", told) if told else None,
        el("ol", *rows, css="near") if rows else None,
        feedback.hand_on(say, reply),
        _actions(say, exchange, last=False, refused=True),
        _why(say, number, exchange),
        _quotes(say, number, reply),
        _to_copy(say, exchange, reply),
        css="none",
    )


def _near(say: Say, target: str, near: Nearest) -> Html:
    title = near.title or near.source
    has = say("chat.has", words=_quoted(say, near.has)) if near.has else ""
    lacks = say("chat.lacks", words=_quoted(say, near.lacks)) if near.lacks else ""
    named = paper(say, near.source)
    printed = " ".join(p for p in (near.source if named == say("chat.panel.paper") else named, near.date) if p)
    words = say("chat.comma").join(p for p in (has, lacks) if p)
    opening = button(f"to {target}", "file", say("chat.open"), title=say("chat.open_named", title=title))
    return el("li", el("b", title), el("small", dotted((printed, words))), opening)


def _quoted(say: Say, words: Sequence[str]) -> str:
    return "".join(say("chat.quoted", word=w) for w in words[:4])


def follow_ups(say: Say, questions: Sequence[str]) -> Html:
    """Questions to press, below the newest answer; an empty list says that none was found."""
    rows = [el("button", el("i", css="ic i-next"), el("span", q), css="fu do-ask", type="button") for q in questions]
    return raw(el("p", say("chat.ask_more"), css="hint") if rows else Html(), el("div", *rows, css="fus"))


def _legend(say: Say, citations: Sequence[Citation]) -> Html | None:
    """What the chips of this answer mean; the ones shown here can't be pressed."""
    shown = []
    for state, verified in (("ok", True), ("no", False)):
        n = next((c.n for c in citations if c.verified is verified), None)
        if n is not None:
            shown.append(el("span", el("span", str(n), css=f"cite {state}"), say(f"chat.legend_{state}")))
    return el("p", *shown, css="legend") if shown else None


def _actions(say: Say, exchange: Exchange, last: bool, refused: bool = False) -> Html:
    again = (
        button("ghost do-reword", "redo", say("chat.reword"))
        if refused
        else (button("ghost do-retry", "redo", say("chat.retry")) if last else None)
    )
    words = say("chat.how_found" if refused else "chat.why")
    why = button("ghost why do-why", "why", words) if exchange.found else None
    return el(
        "div",
        button("ghost do-copy", "copy", say("chat.copy")),
        again,
        *([] if refused else feedback.thumbs(say, exchange.reply)),
        None if refused else button("ghost do-say", "say", say("chat.say")),
        None if refused else button("ghost do-share-answer", "share", say("chat.share")),
        why,
        css="acts",
    )


def _share(say: Say, exchange: Exchange, reply: Reply) -> Html:
    """The answer in other forms: a short message, a picture, paper."""
    message = short_message(say, reply, exchange.question)
    told = el("p", el("small", say("chat.message_told", n=len(message))), el("span", message), css="sms")
    return el(
        "div",
        told if message else None,
        el(
            "div",
            button("do-message", "copy", say("chat.share_message")) if message else None,
            button("do-picture", "picture", say("chat.share_picture")),
            button("do-print", "print", say("chat.print")),
            css="row",
        ),
        css="sharebox",
    )


def _quotes(say: Say, number: int, reply: Reply) -> Html | None:
    """What each chip shows while it is pointed at, and what stands below the answer on paper."""
    rows = []
    for c in reply.citations:
        state = say("chat.chip_ok" if c.verified else "chat.chip_no")
        where = dotted((day(say, c.date), page_of(say, c.page), c.column, state))
        title = el("b", el("i", f"{c.n}"), " ", c.title or paper(say, c.source))
        css = f"tip {link(number, c.n)} {'ok' if c.verified else 'no'}"
        rows.append(el("li", title, el("small", where), el("p", say("chat.quoted", word=c.quote)), css=css))
    return el("ol", *rows, css="srcs") if rows else None


def _to_copy(say: Say, exchange: Exchange, reply: Reply) -> Html:
    """What 复制 puts on the clipboard, a paragraph a line; not shown."""
    lines = [*reply.answer.strip().splitlines(), *reply.notices]
    if reply.citations:
        lines += ["", say("chat.sources")]
        for c in reply.citations:
            quote = " ".join(c.quote.split())
            lines.append(f"[{c.n}] {exchange.references.get(c.n) or c.title}{say('chat.colon')}“{quote}”")
    return el("div", *(el("p", line) for line in lines), css="out")


# ---------------------------------------------------------------- why these, and what disagrees


def _why(say: Say, number: int, exchange: Exchange) -> Html | None:
    """How the articles were found: their words that match, and three bars."""
    if not exchange.found:
        return None
    rows = [
        el("li", _hit(say, link(number, LOOKED_AT + i), i, hit), bars(say, hit, exchange.found))
        for i, hit in enumerate(exchange.found, 1)
    ]
    told = say("chat.why_told", n=f"{exchange.searched:,}", k=len(exchange.found))
    only = button(f"do-only {link(number, LOOKED_AT)}", "filter", say("chat.only_these"))
    by = next((hit.why.reranker for hit in exchange.found if hit.why.reranker), None)
    ordered = say("chat.why_reranker", model=by) if by else ""
    notes = el("p", say("chat.why_bars") + ordered, css="xs")
    return el("div", el("p", told), el("ol", *rows, css="hits"), notes, el("div", only, css="row"), css="whybox")


def _hit(say: Say, target: str, place: int, hit: Hit) -> Html:
    title = el("button", f"{place} {hit.title or hit.text[:20]}", css=f"title to {target}", type="button")
    by_meaning = None if hit.why.matched else el("span", say("chat.no_word_matched"), css="tag line")
    return el("div", title, el("p", "…", matched(hit), "… ", by_meaning))


def bars(say: Say, hit: Hit, among: Sequence[Hit]) -> Html:
    """Words are shown as a share of the best among those shown, because their score has no upper end."""
    best = max((h.why.lexical or 0.0 for h in among), default=0.0)
    scores = (
        ("words", (hit.why.lexical or 0.0) / best if best else 0.0),
        ("meaning", hit.why.vector or 0.0),
        ("total", hit.score if hit.why.rerank is None else hit.why.rerank),
    )
    parts: list[Html] = []
    for name, score in scores:
        score = min(1.0, max(0.0, score))
        parts += [
            el("span", say(f"chat.bar_{name}")),
            el("span", el("i", style=f"width:{score:.0%}"), css="bar"),
            el("b", f"{score:.2f}"),
        ]
    return el("div", *parts, css="sc")


def matched(hit: Hit, width: int = 72) -> Html:
    """The stretch of the passage around its first matched word, the matched words marked."""
    words = sorted((w for w in hit.why.matched if w), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, words)) if words else r"(?!)")
    first = pattern.search(hit.text)
    start = max(0, (first.start() if first else 0) - width // 4)
    text, done = hit.text[start : start + width], 0
    shown: list[Html] = []
    for word in pattern.finditer(text):
        shown += [esc(text[done : word.start()]), el("mark", word[0])]
        done = word.end()
    return raw(*shown, esc(text[done:]))


def _conflict(say: Say, number: int, reply: Reply, states: States) -> Html | None:
    """The two places that disagree, the newer first, with its tag and edge."""
    by_number = {c.n: c for c in reply.citations}
    shown = []
    for pair in reply.conflicts:
        two = sorted((by_number[n] for n in pair if n in by_number), key=lambda c: c.date or "", reverse=True)
        if len(two) == 2:
            dated = bool(two[0].date and two[1].date and two[0].date != two[1].date)
            cards = [_figure(say, number, c, states, newer, dated) for newer, c in zip((True, False), two, strict=True)]
            shown.append(el("div", *cards, css="vs"))
    return raw(*shown) if shown else None


def _figure(say: Say, number: int, c: Citation, states: States, newer: bool, dated: bool) -> Html:
    tag = el("span", say("chat.newer" if newer else "chat.older"), css="tag" if newer else "tag line")
    when = dotted((day(say, c.date), page_of(say, c.page)))
    rows = [el("dt", say("chat.when")), el("dd", when)] if when else []
    cited = chip(say, link(number, c.n), c.n, states.get(c.n, "wait"))
    rows += [el("dt", say("chat.from")), el("dd", f"{c.title} ", cited)]
    css = "fig new" if newer and dated else "fig"
    return el("div", tag if dated else None, el("p", c.quote, css="n"), el("dl", *rows), css=css)
