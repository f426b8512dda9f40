"""An exchange comes in, its card in the thread goes out: answer, refusal, two figures that disagree, or error."""
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.chat.conversation import LOOKED_AT, NEAREST, Exchange, Trouble, link
from rag.chat.markup import Say, button, day, dotted, engine_name, esc, icon, page_of, paper, paragraphs, seconds
from rag.settings import MAX_QUESTION
from rag.types import Citation, Hit, Nearest, Piece, Reply


BEGINNING = 120     # characters shown of a question that is too long to be one


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of an answer: its words, the citations that follow them, what closes it."""

    text: str
    numbers: tuple[int, ...] = ()
    end: str = ""


_MARKED = re.compile(r"((?:\[\d{1,3}\])+)([。！？!?…；;，、,.]*[”’」』》）)】〕\"']*)")


def spoken(answer: str, known: Iterable[int] | None = None) -> list[list[Spoken]]:
    """The answer's lines, each as its pieces. `known`: markers of other numbers stay in the text."""
    numbers = None if known is None else set(known)
    lines = []
    for a, b in paragraphs(re.sub(r"\[\d*$", "", answer) if known is None else answer):
        line, done, pieces = answer[a:b], 0, []
        for marks in _MARKED.finditer(line):
            cited = tuple(dict.fromkeys(int(n) for n in re.findall(r"\d+", marks[1])))
            if numbers is not None and not numbers.issuperset(cited):
                continue
            pieces.append(Spoken(line[done:marks.start()].strip(), cited, marks[2]))
            done = marks.end()
        rest = re.sub(r"\[\d*$", "", line[done:]) if known is None else line[done:]
        if rest.strip():
            pieces.append(Spoken(rest.strip()))
        lines.append(pieces)
    return lines


def chip(say: Say, href: str, n: int, state: str, tag: str = "a") -> str:
    """A citation as a small button; `state`: ok, no, wait. `tag` "span": one that is only looked at."""
    said = say(f"chat.chip_{state}")
    where = f' href="#{href}" title="{say("chat.source_n", n=n)}{say("chat.comma")}{said}"' if tag == "a" else ""
    inside = f'<span class="sr">{say("chat.source")}</span>{n}<span class="sr">{say("chat.comma")}{said}</span>'
    return f'<{tag} class="cite {state}"{where}>{inside if tag == "a" else n}</{tag}>'


def _bold(text: str, short: str | None, start: int, end: int) -> str:
    """`text[start:end]`, with what of it belongs to the first `short` in bold."""
    at = text.find(short) if short else -1
    a, b = (start, start) if at < 0 or not short else (max(start, at), min(end, at + len(short)))
    if a >= b:
        return esc(text[start:end])
    return f"{esc(text[start:a])}<b>{esc(text[a:b])}</b>{esc(text[b:end])}"


def sentence(say: Say, exchange: int, one: Spoken, states: dict[int, str], short: str | None) -> str:
    """The words, with the chips glued to the last two of them and to what closes the sentence."""
    if not one.numbers:
        return f'<span class="st">{_bold(one.text, short, 0, len(one.text))}</span>'
    cut = max(0, len(one.text) - 2)
    chips = "".join(chip(say, link(exchange, n), n, states.get(n, "wait")) for n in one.numbers)
    return (f'<span class="st">{_bold(one.text, short, 0, cut)}<span class="nb">'
            f"{_bold(one.text, short, cut, len(one.text))}{chips}{esc(one.end)}</span></span>")


def prose(say: Say, exchange: int, answer: str, states: dict[int, str] | None, short: str | None = None,
          after: str = "") -> str:
    """The answer in paragraphs: its first sentence leads, the others go in twos. `states` None: not checked yet."""
    lines = spoken(answer, states)
    holder = next((id(p) for line in lines for p in line if short and short in p.text), None)
    shown = [[sentence(say, exchange, p, states or {}, short if id(p) == holder else None) for p in line] for line in lines]
    blocks: list[list[str]] = []
    for line in shown:
        if not blocks:
            blocks.append(line[:1])
            line = line[1:]
        blocks += [line[i:i + 2] for i in range(0, len(line), 2)] if len(lines) == 1 else [line]
    blocks = [b for b in blocks if b]
    if after:
        blocks = blocks or [[]]
        blocks[-1].append(after)
    return "".join(f'<p{" class=lead" if i == 0 else ""}>'.replace("class=lead", 'class="lead"') + "".join(b) + "</p>"
                   for i, b in enumerate(blocks))


def who(facts: Iterable[str], say: Say) -> str:
    return f'<div class="who"><i class="stamp"></i><b>{say("chat.name")}</b><span>{dotted(facts)}</span></div>'


def question(text: str) -> str:
    """The reader's bubble; of a page pasted by mistake only the beginning."""
    text = text if len(text) <= MAX_QUESTION else f"{text[:BEGINNING]}…"
    lines = "<br>".join(esc(text[a:b]) for a, b in paragraphs(text))
    return f'<div class="u"><p>{lines}</p></div>'


def writing(say: Say, exchange: int, piece: Piece, engine: str | None, waited: float) -> str:
    """The card while the answer grows. Its chips are dotted: nothing is checked yet."""
    stages = ["searching", "writing", "checking"]
    now = stages.index(piece.stage) if piece.stage in stages else 2
    found = say("chat.step_found", n=piece.found) if now > 0 and piece.found else say("chat.step_searching")
    steps = "".join(f'<li class="{"d" if i < now else "n" if i == now else "w"}">{words}</li>' for i, words in
                    enumerate((found, say("chat.step_writing"), say("chat.step_checking"))))
    caret = '<span class="caret"></span>'
    body = prose(say, exchange, piece.text, None, after=caret) if piece.text else f'<p class="lead">{caret}</p>'
    facts = (engine_name(say, engine), say("chat.waited", s=int(waited)) if waited >= 1 else "")
    return (f'<article class="a busy"><div class="card">{who(facts, say)}<ol class="steps">{steps}</ol>'
            f'<div class="ans">{body}</div><p class="legend"><span>{say("chat.unchecked")}</span></p></div></article>')


def exchange_card(say: Say, number: int, exchange: Exchange, last: bool) -> str:
    """A finished exchange: an answer, a refusal, two figures that disagree, or an error."""
    if exchange.trouble is not None or exchange.reply is None:
        return trouble_card(say, exchange.trouble or Trouble("error", "", ""), last)
    reply = exchange.reply
    if reply.refused:
        return _refusal(say, number, exchange, reply, last)
    states = {c.n: "ok" if c.verified else "no" for c in reply.citations}
    used = len({c.article_id for c in reply.citations})
    facts = (engine_name(say, reply.engine), seconds(say, reply),
             say("chat.searched_used", n=f"{exchange.searched:,}", k=used) if exchange.searched else "")
    conflict = _conflict(say, number, reply, states) if reply.conflicts else ""
    head = f'<h2>{say("chat.conflict")}</h2>' if conflict else ""
    stopped = f'<p class="stopped">{say("chat.stopped")}</p>' if reply.stopped else ""
    asked = f'<p class="asked">{say("chat.rewritten", question=esc(reply.rewritten))}</p>' if reply.rewritten else ""
    body = prose(say, number, reply.answer, states, reply.short_answer) or f'<p class="lead">{say("chat.nothing_written")}</p>'
    return (f'<article class="a"><div class="card{" conf" if conflict else ""}">{who(facts, say)}{asked}{head}<div class="ans">'
            f"{body}</div>{stopped}{conflict}{_legend(say, reply.citations)}"
            f'{_actions(say, exchange, last)}{_why(say, number, exchange)}{_to_copy(say, exchange)}</div></article>')


def _legend(say: Say, citations: Sequence[Citation]) -> str:
    shown = []
    for state, verified in (("ok", True), ("no", False)):
        n = next((c.n for c in citations if c.verified is verified), None)
        if n is not None:
            shown.append(f'<span>{chip(say, "", n, state, "span")}{say(f"chat.legend_{state}")}</span>')
    return f'<p class="legend">{"".join(shown)}</p>' if shown else ""


def _actions(say: Say, exchange: Exchange, last: bool, refused: bool = False) -> str:
    parts = [button("ghost do-copy", "copy", say("chat.copy"))]
    if refused:
        parts.append(button("ghost do-reword", "redo", say("chat.reword")))
    else:
        if last:
            parts.append(button("ghost do-retry", "redo", say("chat.retry")))
        parts.append(button("ghost do-say", "say", say("chat.say")))
    if exchange.found:
        parts.append(button("ghost why do-why", "why", say("chat.how_found" if refused else "chat.why")))
    return f'<div class="acts">{"".join(parts)}</div>'


def _to_copy(say: Say, exchange: Exchange) -> str:
    """What 复制 puts on the clipboard, a paragraph a line; not shown."""
    reply = exchange.reply
    assert reply is not None
    lines = [reply.answer.strip()]
    if reply.citations:
        lines += ["", say("chat.sources")]
        for c in reply.citations:
            lines.append(f"[{c.n}] {exchange.references.get(c.n) or c.title}{say('chat.colon')}“{c.quote}”")
    return f'<div class="out">{"".join(f"<p>{esc(part)}</p>" for line in lines for part in (line.splitlines() or [""]))}</div>'


def _why(say: Say, number: int, exchange: Exchange) -> str:
    """How the articles were found: their words that match, and three bars."""
    if not exchange.found:
        return ""
    rows = "".join(f"<li>{_hit(say, link(number, LOOKED_AT + i), i, hit, exchange.found)}</li>"
                   for i, hit in enumerate(exchange.found, 1))
    told = say("chat.why_told", n=f"{exchange.searched:,}", k=len(exchange.found))
    return f'<div class="whybox"><p>{told}</p><ol class="hits">{rows}</ol><p class="xs">{say("chat.why_bars")}</p></div>'


def _hit(say: Say, target: str, place: int, hit: Hit, among: Sequence[Hit]) -> str:
    best = max((h.why.lexical or 0.0 for h in among), default=0.0)
    scores = ((say("chat.bar_words"), (hit.why.lexical or 0.0) / best if best else 0.0), (say("chat.bar_meaning"), hit.why.vector or 0.0),
              (say("chat.bar_total"), hit.score if hit.why.rerank is None else hit.why.rerank))
    bars = "".join(f'<span>{name}</span><span class="bar"><i style="width:{_part(score) * 100:.0f}%"></i></span><b>{_part(score):.2f}</b>'
                   for name, score in scores)
    none = "" if hit.why.matched else f' <span class="tag line">{say("chat.no_word_matched")}</span>'
    return (f'<div><button type="button" class="title to {target}">{place} {esc(hit.title or hit.text[:20])}</button><p>…{_matched(hit)}…{none}</p></div>'
            f'<div class="sc">{bars}</div>')


def _part(score: float) -> float:
    return min(1.0, max(0.0, score))


def _matched(hit: Hit, width: int = 72) -> str:
    """The stretch of the passage around its first matched word, the matched words marked."""
    words = sorted((w for w in hit.why.matched if w), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, words))) if words else None
    first = pattern.search(hit.text) if pattern else None
    start = max(0, (first.start() if first else 0) - width // 4)
    text = hit.text[start:start + width]
    if pattern is None:
        return esc(text)
    done, shown = 0, ""
    for word in pattern.finditer(text):
        shown += f"{esc(text[done:word.start()])}<mark>{esc(word[0])}</mark>"
        done = word.end()
    return shown + esc(text[done:])


def _conflict(say: Say, number: int, reply: Reply, states: dict[int, str]) -> str:
    """The two places that disagree, the newer first, with its tag and edge."""
    by_number = {c.n: c for c in reply.citations}
    shown = ""
    for pair in reply.conflicts:
        two = [by_number[n] for n in pair if n in by_number]
        if len(two) < 2:
            continue
        two.sort(key=lambda c: c.date or "", reverse=True)
        dated = bool(two[0].date and two[1].date and two[0].date != two[1].date)
        cards = ""
        for i, c in enumerate(two):
            tag = f'<span class="tag{" line" if i else ""}">{say("chat.older" if i else "chat.newer")}</span>' if dated else ""
            when = dotted((day(say, c.date), page_of(say, c.page)))
            rows = (f'<dt>{say("chat.when")}</dt><dd>{when}</dd>' if when else "") + (
                f'<dt>{say("chat.from")}</dt><dd>{esc(c.title)} {chip(say, link(number, c.n), c.n, states.get(c.n, "wait"))}</dd>')
            cards += f'<div class="fig{"" if i or not dated else " new"}">{tag}<p class="n">{esc(c.quote)}</p><dl>{rows}</dl></div>'
        shown += f'<div class="vs">{cards}</div>'
    return shown


# ---------------------------------------------------------------- a refusal, an error

def _refusal(say: Say, number: int, exchange: Exchange, reply: Reply, last: bool) -> str:
    states = {c.n: "ok" if c.verified else "no" for c in reply.citations}
    facts = (say("chat.engine_none"), seconds(say, reply), say("chat.searched", n=f"{exchange.searched:,}") if exchange.searched else "")
    told = ""
    if reply.citations:
        head = f'<div class="ans">{prose(say, number, reply.answer, states)}</div>{_legend(say, reply.citations)}'
    elif reply.reason in ("no_evidence", "absent_term") and reply.nearest:
        head = f'<h2>{say("chat.refused")}</h2>'
        lacking = [w for w in reply.nearest[0].lacks if all(w in n.lacks for n in reply.nearest)]
        told = say("chat.nearest_lack", n=len(reply.nearest), words=_quoted(say, lacking)) if lacking else say("chat.nearest", n=len(reply.nearest))
        told = f"<p>{told}</p>"
    else:
        head = f"<h2>{esc(reply.answer)}</h2>"
    near = "".join(_near(say, link(number, NEAREST + i), n) for i, n in enumerate(reply.nearest, 1))
    near = f'<ol class="near">{near}</ol>' if near else ""
    return (f'<article class="a"><div class="card none">{who(facts, say)}{head}{told}{near}'
            f"{_actions(say, exchange, last, refused=True)}{_why(say, number, exchange)}{_to_copy(say, exchange)}</div></article>")


def _near(say: Say, target: str, near: Nearest) -> str:
    words = say("chat.comma").join(p for p in (say("chat.has", words=_quoted(say, near.has)) if near.has else "",
                                               say("chat.lacks", words=_quoted(say, near.lacks)) if near.lacks else "") if p)
    title = say("chat.open_named", title=esc(near.title or near.source))
    opening = button(f"to {target}", "file", say("chat.open"), f' title="{title}"')
    paper_and_day = esc(" ".join(p for p in (paper(say, near.source), near.date) if p))
    return f"<li><b>{esc(near.title or near.source)}</b><small>{dotted((paper_and_day, words))}</small>{opening}</li>"


def _quoted(say: Say, words: Sequence[str]) -> str:
    return "".join(say("chat.quoted", word=esc(w)) for w in words[:4])


# For telling an error over the telephone: the first digit is who can help (1 the asker, 2 the machine, 3 the library).
CODES = {
    "empty_question": "E-110", "question_too_long": "E-111", "filter_empty": "E-120", "model_unusable": "E-202",
    "models_not_installed": "E-204", "broke_off": "E-203", "empty_library": "E-301", "library_damaged": "E-302",
    "library_newer": "E-303", "other_embedding": "E-304", "library_locked": "E-305", "disk_full": "E-306", "no_permission": "E-307",
}
_REMEDIES = {     # kind → (what the button does, its words, warning rather than failure)
    "empty_question": ("do-focus", "write", True), "question_too_long": ("do-reword", "shorten", True),
    "filter_empty": ("do-unfilter", "unfilter", True), "empty_library": ("do-library", "to_library", True),
    "model_unusable": ("do-builtin", "builtin", False), "models_not_installed": ("do-builtin", "builtin", False),
}


def trouble_card(say: Say, trouble: Trouble, last: bool = True) -> str:
    """What happened, what to do, and a button that does it."""
    does, words, warning = _REMEDIES.get(trouble.kind, ("do-retry", "again", False))
    kept = f'<p class="kept">{esc(trouble.written)}</p>' if trouble.written else ""
    row = f'<div class="row">{button(f"pri {does}", "", say(f"chat.trouble.{words}"))}</div>' if last else ""
    return (f'<article class="a"><section class="card err{" w" if warning else ""}"><h2>{icon("warn")}<span>{esc(trouble.what)}</span>'
            f'<code>{CODES.get(trouble.kind, "E-200")}</code></h2><p>{esc(trouble.remedy)}</p>{kept}{row}</section></article>')
