"""What readers ask and the library lacks comes in; what editors answer, pin and say beside answers goes out.

The one idea: an editor's answer is an article like any other, and is cited like one. It is said first where a
question asks the same (`rag.alike`), for as long as it stands; when it ends, nothing of it is found any more.
A side room of `library.py`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from rag.alike import same, understood
from rag.asked import Asking
from rag.desktypes import Asked, Entry, Figures, Waiting
from rag.entries import Entries, now, stands
from rag.errors import Error, Usage
from rag.figures import figures, usual
from rag.figures import same as asked_the_same
from rag.text import fold, sentences
from rag.types import Citation, Document, Evidence, Filter, Hit, Piece, Record, Reply
from rag.words import say

if TYPE_CHECKING:
    from rag.question import Question
    from rag.store import Store

ENGINE = "editor"  # names who answered, in a reply
MOST_ANSWER, MOST_LINE = 4000, 300  # characters of an editor's answer; of its question, source and name
_MARKER = re.compile(r"\[(\d+)\]")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2})?")


class HelpDesk:
    """`put`: keeps a document and makes it findable by its words. Errors of writing: NoPermission, LibraryLocked,
    DiskFull."""

    def __init__(self, store: Store, put: Callable[[Document], None]) -> None:
        self._store, self._put = store, put
        self.questions = Asking(store)
        self._entries = Entries(store)

    # ---------------------------------------------------------------- what readers asked

    def noted(self, reply: Reply, origin: str, asker: str = "") -> Reply:
        """The reply with the key under which its question is noted; without one where it could not be. `asker`: who
        signed in, "" where nobody did."""
        try:
            return replace(reply, noted=self.questions.note(reply, origin=origin, asker=asker))
        except Error:  # a library that can't be written to is asked all the same
            logging.getLogger("rag.desk").debug("a question was not noted", exc_info=True)
            return reply

    def waiting(self) -> list[Waiting]:
        """What no answer was found to, or one that was marked down or handed on: asked most first."""
        told = [Waiting(usual(some), tuple(some)) for some in asked_the_same(self.questions.waiting())]
        return sorted(told, key=lambda w: -len(w.asked))

    def figures(self, since: str = "", until: str = "") -> Figures:
        """Of these days (ISO, both included). Errors: Usage."""
        since, until = _span(since, until)
        return figures(self.questions.between(since, until), since, until)

    # ---------------------------------------------------------------- what editors answer

    def answer(
        self, question: str, text: str, source: str, editor: str, *, until: str = "", asked: Sequence[Asked] = ()
    ) -> Entry:
        """An answer that stands in the library from now on and is given to whoever asks this, or asks it as `asked`
        have it; those are settled. Errors: Usage, where a part is missing."""
        entry = self._made("answer", question, text, source, editor, "", until)
        entry = self._stand(replace(entry, asked=tuple(dict.fromkeys(a.asked for a in asked))))
        self.questions.settle([a.number for a in asked], "answered")
        return entry

    def pin(
        self,
        question: str,
        text: str,
        source: str,
        editor: str,
        *,
        since: str = "",
        until: str,
        words: Sequence[str] = (),
    ) -> Entry:
        """An answer on the first page from `since` to `until`, said before all articles where a question asks the same
        or has one of `words`. Errors: Usage, where a part is missing."""
        if not until:
            raise Usage(what=say("desk.wrong.no_end"), remedy=say("desk.wrong.no_end_remedy"))
        entry = self._made("pin", question, text, source, editor, since, until)
        return self._stand(replace(entry, words=tuple(w for w in map(_line, words) if w)[:20]))

    def decline(self, asked: Sequence[Asked], why: str) -> None:
        """Without an answer, with the reason for it. Errors: Usage, where none is given."""
        if not why.strip():
            raise Usage(what=say("desk.wrong.no_reason"), remedy=say("desk.wrong.no_reason_remedy"))
        self.questions.settle([a.number for a in asked], "declined", why)

    def entries(self, kind: str | None = None) -> list[Entry]:
        """The newest first, those that are over among them."""
        return self._entries.listed(kind)

    def state_of(self, entry: Entry) -> Literal["stands", "before", "over", "withdrawn", "gone"]:
        """`gone`: its article was removed from the library."""
        if entry.withdrawn:
            return "withdrawn"
        if self._store.article(entry.article_id) is None:
            return "gone"
        return "stands" if stands(entry, now()) else "before" if entry.since > now() else "over"

    def pins(self) -> list[Entry]:
        """Those that stand just now, the newest first."""
        return [e for e in self._entries.listed("pin") if self.state_of(e) == "stands"]

    def withdraw(self, entry_id: int) -> Entry:
        """From now on it is not used. Errors: UnknownName."""
        return self._entries.withdraw(entry_id)

    def last(self, entry_id: int, since: str, until: str) -> Entry:
        """From when to when it stands. Errors: UnknownName, Usage."""
        return self._entries.span(entry_id, *_span(since, until))

    def hidden(self) -> frozenset[str]:
        """Ids of articles that are not to be found just now."""
        return self._entries.hidden()

    def set_aside(self) -> frozenset[str]:
        """Ids of articles that are not to be offered: hidden ones, and pins, which have a place of their own."""
        rows = self._entries.listed()
        return self._entries.hidden(rows) | {e.article_id for e in rows if e.kind == "pin"}

    def _made(self, kind: str, question: str, text: str, source: str, editor: str, since: str, until: str) -> Entry:
        text = "\n".join(line.strip() for line in text[:MOST_ANSWER].splitlines() if line.strip())
        question, source, editor = _line(question), _line(source), _line(editor)
        for name, value in (("question", question), ("answer", text), ("source", source), ("editor", editor)):
            if not value:
                raise Usage(what=say(f"desk.wrong.{name}"), remedy=say("desk.wrong.remedy"))
        since, until = _span(since, until)
        return Entry(0, kind, question, text, source, editor, date.today().isoformat(), since, until)

    def _stand(self, entry: Entry) -> Entry:
        """The entry, kept, and its article in the library."""
        entry = self._entries.add(entry)
        column = say(f"desk.column_{entry.kind}")
        source = f"{column}/{entry.entry_id}"
        while self._store.document(source) is not None:  # a file of that name
            source += "_"
        from_where = say("desk.from", source=entry.source, editor=entry.editor, day=entry.day)
        record = Record(source, f"{entry.answer}\n{from_where}", entry.question, entry.editor, entry.day, column)
        try:
            self._put(Document(source, "entry", _digest(record), records=(record,), characters=len(record.text)))
            document = self._store.document(source)
            if document is None:
                raise Error(detail=source)
            (article,) = self._store.articles(document_id=document.document_id)
        except BaseException:
            self._entries.drop(entry.entry_id)
            raise
        return self._entries.placed(entry, source, article.article_id)

    # ---------------------------------------------------------------- around an answer

    def around(self, asked: Question, only: Filter, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """An answer as it is given: an editor's in place of it, or before it; with the lines that belong under it."""
        started = time.monotonic()
        whole, first = self._said(asked, only)
        if whole is not None:
            yield Piece("searching")
            seconds = {"search": time.monotonic() - started, "answer": 0.0, "total": time.monotonic() - started}
            pieces = iter([Piece("done", whole.answer, 1, replace(whole, seconds=seconds))])
        for piece in pieces:
            if first is not None and (piece.text or piece.reply is not None):
                piece = _after(first, piece)
            if piece.reply is not None:
                piece = replace(piece, reply=replace(piece.reply, notices=self.notices_of(piece.reply)))
            yield piece

    def _said(self, asked: Question, only: Filter) -> tuple[Reply | None, Reply | None]:
        """What an editor answered to just this; else what is pinned to words of it."""
        at = now()
        standing = [e for e in self._entries.listed() if stands(e, at)]
        standing.sort(key=lambda e: e.kind != "pin")  # stable: the newest first among equals
        for entry in standing:
            asks = any(same(asked, one) for one in _questions(entry))
            if asks and (reply := self._reply(asked, entry, only)) is not None:
                return reply, None
        text = fold(asked.text)
        for entry in standing:
            speaks = any(fold(word) in text for word in entry.words)
            if speaks and (reply := self._reply(asked, entry, only)) is not None:
                return None, reply
        return None, None

    def _reply(self, asked: Question, entry: Entry, only: Filter) -> Reply | None:
        """The entry's article sentence by sentence; None where it is gone, or not among those that are let through."""
        from rag.answering import compose

        article = self._store.article(entry.article_id)
        if article is None or (only and not self._lets(only, entry)):
            return None
        hit = Hit(
            0,
            article.article_id,
            article.source,
            article.title,
            0,
            len(article.text),
            article.text,
            1.0,
            author=article.author,
            date=article.date,
            column=article.column,
        )
        said = [Evidence(hit, a, b, article.text[a:b], 1.0) for a, b in sentences(article.text)]
        return compose(asked, said, hits=[hit], confidence=1.0, engine=ENGINE)

    def _lets(self, only: Filter, entry: Entry) -> bool:
        alone = Filter((entry.document,), only.column, only.since, only.until, only.article)
        return (not only.source or entry.document in only.source) and next(
            self._store.articles(alone, limit=1), None
        ) is not None

    # ---------------------------------------------------------------- lines under answers

    def notices(self) -> list[tuple[tuple[str, ...], str]]:
        """(words of columns, line): what stands under answers that cite an article of such a column."""
        kept = self._store.recipe().get("notices")
        if not isinstance(kept, list):
            parts = ("health", "law")
            return [(tuple(say(f"desk.notice.{p}_columns").split()), say(f"desk.notice.{p}")) for p in parts]
        return [(tuple(columns), line) for columns, line in kept]

    def set_notices(self, notices: Sequence[tuple[Sequence[str], str]]) -> None:
        """In place of those before; one without columns or line is left out."""
        rows = [
            ([c for c in map(_line, columns) if c][:40], " ".join(line.split())[:MOST_LINE])
            for columns, line in notices[:20]
        ]
        self._store.set_recipe(notices=[[columns, line] for columns, line in rows if columns and line])

    def notices_of(self, reply: Reply) -> tuple[str, ...]:
        """The lines that belong under a reply, by the columns that it cites."""
        columns = {fold(c.column) for c in reply.citations if c.column}
        if not columns:
            return ()
        lines = [line for words, line in self.notices() if any(fold(w) in c for w in words for c in columns)]
        return tuple(dict.fromkeys(lines))


def _questions(entry: Entry) -> Iterator[Question]:
    for text in dict.fromkeys((entry.question, *entry.asked)):
        if (meant := understood(text)) is not None:
            yield meant


def _after(first: Reply, piece: Piece) -> Piece:
    """What is being answered, behind what is pinned; its citations are counted on."""
    n = len(first.citations)

    def counted_on(text: str) -> str:
        return _MARKER.sub(lambda m: f"[{int(m[1]) + n}]", text)

    reply = piece.reply
    if reply is None:
        return replace(piece, text=f"{first.answer}\n{counted_on(piece.text)}")
    if reply.refused:
        more = {name: getattr(reply, name) for name in ("rewritten", "seconds", "note", "thought")}
        reply = replace(first, **more, hits=(*first.hits, *reply.hits))
        return replace(piece, text=reply.answer, reply=reply)
    cited: list[Citation] = [*first.citations, *(replace(c, n=c.n + n) for c in reply.citations)]
    reply = replace(
        reply,
        answer=f"{first.answer}\n{counted_on(reply.answer)}",
        citations=tuple(cited),
        conflicts=tuple((a + n, b + n) for a, b in reply.conflicts),
        hits=(*first.hits, *reply.hits),
    )
    return replace(piece, text=reply.answer, reply=reply)


def _span(since: str, until: str) -> tuple[str, str]:
    """Errors: Usage."""
    since, until = since.strip(), until.strip()
    for value in (since, until):
        if value and not _MOMENT.fullmatch(value):
            raise Usage(what=say("desk.wrong.date", value=value[:40]), remedy=say("desk.wrong.date_remedy"))
    if since and until and until[: len(since)] < since[: len(until)]:
        raise Usage(what=say("desk.wrong.order"), remedy=say("desk.wrong.date_remedy"))
    return since, until


def _line(text: str) -> str:
    return " ".join(text.split())[:MOST_LINE]


def _digest(record: Any) -> str:
    from hashlib import sha256

    return sha256(f"{record.key}\0{record.text}".encode("utf-8", "surrogatepass")).hexdigest()
