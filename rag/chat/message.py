"""A reply comes in, a message of at most 70 characters with its source goes out, or nothing.

The one idea: words are taken whole from a checked sentence; where they are too long, it ends in "…" for all to see.
"""

from __future__ import annotations

import re

from rag.chat.markup import Say
from rag.types import Citation, Reply

MOST = 70  # characters: what one message of a telephone holds
_MARK = re.compile(r"\[(\d{1,3})\]")
_SENTENCE = re.compile(r"[^。！？!?\n]+(?:[。！？!?]+|$)")


def short_message(say: Say, reply: Reply, question: str) -> str:
    """ "" for a refusal, for figures that disagree, and where no sentence was checked."""
    if reply.refused or reply.conflicts:
        return ""
    cited = {c.n: c for c in reply.citations if c.verified}
    found = [(s, int(m[1])) for s in _SENTENCE.findall(reply.answer) if (m := _MARK.search(s)) and int(m[1]) in cited]
    if not found:
        return ""
    short = reply.short_answer or ""
    sentence, n = next((f for f in found if short and short in f[0]), found[0])
    body = _MARK.sub("", sentence).strip()
    told = f"{question.strip().rstrip('?？')}？{short}。" if short in body and short else ""
    named = _named(say, cited[n])
    for words in filter(None, (body, told)):
        for source in named:
            if len(words) + len(source) <= MOST:
                return words + source
    return f"{body[: MOST - len(named[-1]) - 1].rstrip('，、；：,;')}…{named[-1]}"


def _named(say: Say, citation: Citation) -> tuple[str, ...]:
    """The source, from its whole title to its beginning."""
    title = citation.title or citation.source
    shorter = [title] + [f"{title[:n]}…" for n in (14, 8) if len(title) > n + 1]
    date = f" {citation.date}" if citation.date else ""
    return tuple(say("chat.message_source", title=t, date=date) for t in shorter)
