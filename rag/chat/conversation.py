"""What was asked and answered in a conversation, as the page shows it and the library keeps it.

The one idea: rows that were kept by another version, or changed by anybody, are read field by field and whatever
does not fit is left out. They are shown as text, and sources are looked up in the library again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

from rag.errors import Error
from rag.types import Citation, Filter, Hit, Nearest, Reason, Reply, Turn, Why

MOST_EXCHANGES = 100  # shown of one conversation, the last; the library keeps all
MOST_TEXT = 20_000  # characters of one string
SHOWN_HITS = 3
REMEMBERED = 5  # exchanges that a follow-up question may lean on

# A link in an answer is "#c-" and a number: thousands count exchanges from 1, the rest says what of it.
# Citations are 1–499, the nearest articles of a refusal start at 501, the articles looked at start at 601.
LINK = re.compile(r"^c-([0-9]{4,7})$")
NEAREST, LOOKED_AT = 500, 600


def link(exchange: int, n: int) -> str:
    """`exchange` from 0."""
    return f"c-{(exchange + 1) * 1000 + n}"


def unlink(value: object) -> tuple[int, int] | None:
    """(exchange from 0, n) of a link, or None where it is none."""
    found = LINK.match(value) if isinstance(value, str) else None
    if found is None or int(found[1]) < 1000:
        return None
    exchange, n = divmod(int(found[1]), 1000)
    return exchange - 1, n


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error as it was told to the reader."""

    kind: str
    what: str
    remedy: str
    written: str = ""  # what had been written before it

    @classmethod
    def of(cls, error: Error, written: str = "") -> Trouble:
        return cls(error.key, error.what, error.remedy, written)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what became of it: a reply or a trouble."""

    question: str
    reply: Reply | None = None
    trouble: Trouble | None = None
    only: Filter = field(default_factory=Filter)
    searched: int = 0  # articles in the library then
    references: Mapping[int, str] = field(default_factory=dict)  # GB/T 7714, by citation number
    found: tuple[Hit, ...] = ()  # the best passage of each of the best articles

    def to_json(self) -> dict[str, Any]:
        told = self.reply
        reply = (
            None
            if told is None
            else {**told.to_json(), "stopped": told.stopped, "noted": told.noted, "thought": told.thought[:MOST_TEXT]}
        )
        return {
            "question": self.question,
            "reply": reply,
            "trouble": asdict(self.trouble) if self.trouble else None,
            "only": {
                "source": list(self.only.source),
                "column": list(self.only.column),
                "from": self.only.since,
                "to": self.only.until,
                "article": list(self.only.article),
            },
            "searched": self.searched,
            "references": {str(n): text for n, text in self.references.items()},
            "found": [hit.to_json() for hit in self.found],
        }

    @classmethod
    def from_json(cls, value: object) -> Exchange | None:
        row = _row(value)
        question = _text(row, "question")
        reply, trouble = _reply(row.get("reply"), question), _row(row.get("trouble"))
        if not question or (reply is None and not trouble):
            return None
        only = _row(row.get("only"))
        told = Trouble(*(_text(trouble, k) for k in ("kind", "what", "remedy", "written"))) if trouble else None
        references = {int(n): _clean(text) for n, text in _row(row.get("references")).items() if str(n).isdecimal()}
        return cls(
            question,
            reply,
            told,
            Filter(
                _texts(only, "source"),
                _texts(only, "column"),
                _or_none(only, "from"),
                _or_none(only, "to"),
                _texts(only, "article"),
            ),
            _count(row, "searched"),
            references,
            tuple(_hit(h) for h in _rows(row, "found")[:SHOWN_HITS]),
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was asked since 新对话 was pressed."""

    key: str
    exchanges: tuple[Exchange, ...] = ()
    stored: int = 0  # how many exchanges the library keeps of it
    unsaved: int = 0  # the last so many of `exchanges` it does not keep yet

    @classmethod
    def begun(cls) -> Conversation:
        return cls(secrets.token_urlsafe(15))

    @classmethod
    def kept(cls, key: str, rows: Sequence[object]) -> Conversation:
        """From the library's rows; of a long one the end."""
        exchanges = tuple(e for e in map(Exchange.from_json, rows[-MOST_EXCHANGES:]) if e)
        return cls(key, exchanges, len(rows))

    @property
    def title(self) -> str:
        return self.exchanges[0].question if self.exchanges else ""

    def turns(self) -> list[Turn]:
        """What a follow-up question may lean on."""
        return [Turn(e.question, e.reply.answer) for e in self.exchanges if e.reply is not None][-REMEMBERED:]

    def having(self, exchange: Exchange) -> Conversation:
        return replace(self, exchanges=(*self.exchanges, exchange)[-MOST_EXCHANGES:], unsaved=self.unsaved + 1)

    def without_last(self) -> Conversation:
        """The last exchange is asked again; the library keeps the old one until the new one takes its place."""
        if self.unsaved:
            return replace(self, exchanges=self.exchanges[:-1], unsaved=self.unsaved - 1)
        return replace(self, exchanges=self.exchanges[:-1], stored=max(0, self.stored - 1))


def best_of_articles(hits: Sequence[Hit], most: int = SHOWN_HITS) -> tuple[Hit, ...]:
    """The first passage of each of the first articles."""
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.article_id, hit)
    return tuple(first.values())[:most]


# ---------------------------------------------------------------- reading what was kept


def _row(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = row.get(name)
    return [_row(v) for v in value] if isinstance(value, list | tuple) else []


def _clean(value: object) -> str:
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def _text(row: Mapping[str, Any], name: str) -> str:
    return _clean(row.get(name))


def _or_none(row: Mapping[str, Any], name: str) -> str | None:
    return _text(row, name) or None


def _listed(row: Mapping[str, Any], name: str) -> Sequence[object]:
    value = row.get(name)
    return value if isinstance(value, list | tuple) else ()


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(t for t in map(_clean, _listed(row, name)) if t)


def _count(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else 0


def _share(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 else None


def _reply(value: object, question: str) -> Reply | None:
    row = _row(value)
    if not row:
        return None
    seconds = {k: s for k in ("search", "answer", "total") if (s := _share(_row(row.get("seconds")), k)) is not None}
    conflicts = tuple(
        (p[0], p[1])
        for p in _listed(row, "conflicts")
        if isinstance(p, list | tuple) and len(p) == 2 and all(isinstance(n, int) for n in p)
    )
    reason = next((r for r in get_args(Reason) if r == row.get("reason")), None)
    return Reply(
        question,
        _text(row, "answer"),
        _or_none(row, "rewritten"),
        _or_none(row, "short_answer"),
        row.get("refused") is True,
        reason,
        _share(row, "confidence") or 0.0,
        tuple(map(_citation, _rows(row, "citations"))),
        tuple(map(_nearest, _rows(row, "nearest")[:5])),
        conflicts,
        _text(row, "engine"),
        seconds,
        stopped=row.get("stopped") is True,
        note=_or_none(row, "note"),
        thought=_text(row, "thought"),
        notices=_texts(row, "notices"),
        noted=_text(row, "noted")[:40],
    )


def _citation(row: Mapping[str, Any]) -> Citation:
    return Citation(
        _count(row, "n"),
        _text(row, "quote"),
        _count(row, "start"),
        _count(row, "end"),
        row.get("verified") is True,
        _text(row, "article_id"),
        _text(row, "title"),
        _or_none(row, "author"),
        _or_none(row, "date"),
        _or_none(row, "page"),
        _or_none(row, "column"),
        _text(row, "source"),
    )


def _nearest(row: Mapping[str, Any]) -> Nearest:
    return Nearest(
        _text(row, "article_id"),
        _text(row, "title"),
        _text(row, "source"),
        _or_none(row, "date"),
        _texts(row, "has"),
        _texts(row, "lacks"),
    )


def _hit(row: Mapping[str, Any]) -> Hit:
    why = _row(row.get("why"))
    return Hit(
        0,
        _text(row, "article_id"),
        _text(row, "source"),
        _text(row, "title"),
        _count(row, "start"),
        _count(row, "end"),
        _text(row, "text"),
        _share(row, "score") or 0.0,
        Why(
            _share(why, "lexical"),
            _share(why, "vector"),
            _share(why, "rerank"),
            _texts(why, "matched"),
            _or_none(why, "reranker"),
        ),
        _or_none(row, "author"),
        _or_none(row, "date"),
        _or_none(row, "page"),
        _or_none(row, "column"),
    )
