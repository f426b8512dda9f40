"""A conversation comes in, a file of it with all sources goes out: Markdown, Word or JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rag.chat.conversation import Exchange
from rag.chat.markup import Say, moment
from rag.types import Talk

MEDIA = {
    "md": "text/markdown; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "json": "application/json",
}
# What Markdown or HTML would take for its own, and what no XML holds.
_SIGNS = re.compile(r"([\\`*_\[\]<>#|~&])")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def export(form: str, say: Say, talk: Talk, said: Sequence[Mapping[str, Any]]) -> bytes:
    """`form`: a key of MEDIA. `said`: the rows that the library keeps of it."""
    if form == "json":
        row = {**talk.to_json(), "exchanges": list(said)}
        return json.dumps(row, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    told = [_told(say, one) for one in map(Exchange.from_json, said) if one is not None]
    title = _UNSEEN.sub("", talk.title)
    return _markdown(say, title, talk, told) if form == "md" else _word(say, title, talk, told)


def _told(say: Say, exchange: Exchange) -> tuple[str, list[str], list[str]]:
    """The question, the paragraphs of the answer, and its sources, a line each."""
    if exchange.trouble is not None or exchange.reply is None:
        trouble = exchange.trouble
        return exchange.question, [f"{trouble.what}{trouble.remedy}"] if trouble else [], []
    reply = exchange.reply
    lines = [line for line in reply.answer.split("\n") if line.strip()]
    if reply.stopped:
        lines.append(say("chat.stopped") if lines else say("chat.nothing_written"))
    if reply.note:
        lines.append(reply.note)
    lines += reply.notices
    sources = []
    for c in reply.citations:
        reference = exchange.references.get(c.n) or ". ".join(p for p in (c.author, c.title, c.source, c.date) if p)
        mark = "" if c.verified else f"（{say('chat.chip_no')}）"
        sources.append(f"[{c.n}] {reference}{mark} “{c.quote}”")
    if reply.refused and reply.nearest:
        sources += [f"{n.title or n.source} {n.date or ''}".strip() for n in reply.nearest]
    return exchange.question, lines, sources


def _markdown(say: Say, title: str, talk: Talk, told: Sequence[tuple[str, list[str], list[str]]]) -> bytes:
    def text(words: str) -> str:
        return _SIGNS.sub(r"\\\1", " ".join(_UNSEEN.sub("", words).split()))

    lines = [f"# {text(title)}", "", text(moment(say, talk.at)), ""]
    for question, answer, sources in told:
        lines += [f"## {text(question)}", ""]
        for paragraph in answer:
            lines += [text(paragraph), ""]
        if sources:
            lines += [text(say("chat.sources")), "", *(f"- {text(source)}" for source in sources), ""]
    return "\n".join(lines).encode("utf-8", "replace")


def _word(say: Say, title: str, talk: Talk, told: Sequence[tuple[str, list[str], list[str]]]) -> bytes:
    from docx import Document
    from docx.oxml.ns import qn

    document = Document()
    font = document.styles["Normal"].font
    font.name = "Calibri"
    document.styles["Normal"].element.rPr.rFonts.set(qn("w:eastAsia"), "宋体")
    document.core_properties.title, document.core_properties.author = title[:200], ""
    document.add_heading(title, 0)
    document.add_paragraph(moment(say, talk.at))
    for question, answer, sources in told:
        document.add_heading(_UNSEEN.sub("", question), 1)
        for paragraph in answer:
            document.add_paragraph(_UNSEEN.sub("", paragraph))
        if sources:
            document.add_paragraph(say("chat.sources"))
            for source in sources:
                document.add_paragraph(_UNSEEN.sub("", source), style="List Bullet")
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()
