"""A question comes in with its conversation, what the page shows of it goes out step by step; and sources, opened.

Nothing here knows of Gradio, HTTP or a store: `page.py` wires it, `library.py` does the work.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rag import errors
from rag.chat import markup
from rag.chat.conversation import LOOKED_AT, NEAREST, Conversation, Exchange, Trouble, best_of_articles, link, unlink
from rag.chat.markup import Html, Say, answers, sources
from rag.chat.suggesting import leading_on
from rag.library import Library
from rag.types import Article, Citation, Filter, Piece, Reply

GAP = 0.08  # seconds between two pictures of a growing answer: 12 a second
MOST_OF_ISSUE = 200  # articles of one day or file that are looked at for neighbours
NEIGHBOURS = 4  # of them are named
REMEMBERED_STATE = 10  # seconds for which the number of articles is not asked again

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """The exchange as it grows; at the end, the conversation that has it."""

    card: str  # the question and the answer so far
    conversation: Conversation | None = None  # in the last step alone
    exchange: Exchange | None = None


class Runs:
    """Answers being written now, one a page, each with the flag that ends it."""

    def __init__(self) -> None:
        self._stops: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def begin(self, page: str) -> threading.Event | None:
        """None where this page is being answered already."""
        with self._lock:
            if page in self._stops:
                return None
            self._stops[page] = threading.Event()
            return self._stops[page]

    def end(self, page: str) -> None:
        with self._lock:
            stop = self._stops.pop(page, None)
        if stop is not None:
            stop.set()

    def going(self, page: str) -> bool:
        with self._lock:
            return page in self._stops

    def stop(self, page: str | None) -> None:
        with self._lock:
            stop = self._stops.get(page or "")
        if stop is not None:
            stop.set()


class Reader:
    """Asks, opens sources, and says in markup what came of it."""

    def __init__(self, library: Library, say: Say, told: Callable[[Reply], None] | None = None) -> None:
        self.library, self.say, self.told = library, say, told or (lambda reply: None)
        self._articles = (0, -REMEMBERED_STATE - 1.0)

    def articles(self) -> int:
        """How many articles there are, at most some seconds old."""
        count, at = self._articles
        if time.monotonic() - at > REMEMBERED_STATE:
            count = self.library.state().articles
            self._articles = (count, time.monotonic())
        return count

    # ---------------------------------------------------------------- asking

    def messages(self, conversation: Conversation) -> list[Message]:
        """The thread as it stands."""
        exchanges = conversation.exchanges
        shown: list[Message] = []
        for i, exchange in enumerate(exchanges):
            card = answers.exchange_card(self.say, i, exchange, i == len(exchanges) - 1)
            shown += [
                {"role": "user", "content": answers.question(self.say, exchange.question, i == len(exchanges) - 1)},
                {"role": "assistant", "content": card},
            ]
        return shown

    def ask(
        self,
        question: str,
        conversation: Conversation,
        only: Filter,
        stop: threading.Event,
        engine: str | None = None,
        asker: str = "",
    ) -> Iterator[Step]:
        """The exchange as it grows, then as it is kept. Errors become its card. `asker`: who signed in."""
        say = self.say
        number, asked = len(conversation.exchanges), answers.question(say, question)
        started = time.monotonic()
        name = engine or self.library.engine
        yield Step(markup.raw(asked, answers.writing(say, number, Piece("searching"), name, 0.0)))
        written = ""
        try:
            reply, shown_at, stage = None, 0.0, ""
            if only and not self.library.articles(only, limit=1):
                yield self._last(Exchange(question, trouble=self._nothing_left(), only=only), conversation)
                return
            for piece in self.library.ask(
                question, history=conversation.turns(), only=only, engine=engine, stream=True, stop=stop.is_set
            ):
                reply, written = piece.reply or reply, piece.text or written
                now = time.monotonic()
                if piece.reply is None and (piece.stage != stage or now - shown_at >= GAP):
                    shown_at, stage = now, piece.stage
                    yield Step(markup.raw(asked, answers.writing(say, number, piece, name, now - started)))
            if reply is None:
                raise errors.Error(detail="no reply")
            exchange = self._finished(question, reply, only, asker)
        except errors.Error as error:
            exchange = Exchange(question, trouble=self._trouble(error, written), only=only)
        except Exception as error:  # whatever a model or a file does, the reader gets a card and keeps the question
            logging.getLogger("rag.chat").debug("while answering", exc_info=True)
            trouble = self._trouble(errors.Error(detail=type(error).__name__), written)
            exchange = Exchange(question, trouble=trouble, only=only)
        yield self._last(exchange, conversation)

    def _last(self, exchange: Exchange, before: Conversation) -> Step:
        conversation = before.having(exchange)
        card = answers.exchange_card(self.say, len(conversation.exchanges) - 1, exchange, True)
        shown = markup.raw(answers.question(self.say, exchange.question), card)
        return Step(shown, conversation, exchange)

    def _finished(self, question: str, reply: Reply, only: Filter, asker: str) -> Exchange:
        self.told(reply)
        reply = self.library.desk.noted(reply, "page", asker)
        references = {c.n: self._reference(c) for c in reply.citations}
        return Exchange(question, reply, None, only, self.articles(), references, best_of_articles(reply.hits))

    def _reference(self, citation: Citation) -> str:
        try:
            return self.library.reference(citation.article_id)
        except errors.UnknownName:  # removed while the answer was written
            return citation.title

    def _trouble(self, error: errors.Error, written: str) -> Trouble:
        """The error in the words of this page, where those of the command line would not help."""
        say = self.say
        if isinstance(error, errors.EmptyLibrary):
            return Trouble(error.key, error.what, say("chat.empty_remedy"))
        if written:
            remedy = say("chat.trouble.broke_remedy", what=error.what)
            return Trouble("broke_off", say("chat.trouble.broke_what"), remedy, re.sub(r"\[\d*\]?", "", written))
        return Trouble.of(error)

    def _nothing_left(self) -> Trouble:
        return Trouble("filter_empty", self.say("chat.trouble.filter_what"), self.say("chat.trouble.filter_remedy"))

    def announcement(self, exchange: Exchange) -> str:
        """What a screen reader says once, when the answer is there."""
        say, reply = self.say, exchange.reply
        if exchange.trouble is not None or reply is None:
            return markup.esc(say("chat.live.trouble", lead=exchange.trouble.what if exchange.trouble else ""))
        pieces = [p for line in answers.spoken(reply.answer, {c.n for c in reply.citations}) for p in line]
        lead = f"{pieces[0].text}{pieces[0].end}" if pieces else ""
        if reply.refused:
            return markup.esc(say("chat.live.refused", lead=reply.answer))
        if reply.stopped:
            return markup.esc(say("chat.live.stopped", lead=lead))
        return markup.esc(
            say(
                "chat.live.done",
                n=len(pieces),
                k=len(reply.citations),
                m=sum(not c.verified for c in reply.citations),
                lead=lead,
            )
        )

    # ---------------------------------------------------------------- sources

    def linked(self, article_id: str, at: str) -> str:
        """The panel that a link opens; `at`: "12-40", the characters it marks, or ""."""
        found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", at)
        span = (int(found[1]), int(found[2])) if found else None
        return self._panel(article_id[:200], span=span)

    def open(self, wanted: Mapping[str, object], conversation: Conversation) -> str:
        """The panel for {"cite": "c-1001"} or {"article": id}; "" for what this conversation does not hold."""
        article = wanted.get("article")
        if isinstance(article, str):
            return self._panel(article[:200])
        place = unlink(wanted.get("cite"))
        if place is None or not 0 <= place[0] < len(conversation.exchanges):
            return ""
        number, n = place
        exchange = conversation.exchanges[number]
        reply = exchange.reply
        if reply is None:
            return ""
        if n > LOOKED_AT:
            hit = next(iter(exchange.found[n - LOOKED_AT - 1 : n - LOOKED_AT]), None)
            return self._panel(hit.article_id, hit.title, hit.text, (hit.start, hit.end)) if hit else ""
        if n > NEAREST:
            near = next(iter(reply.nearest[n - NEAREST - 1 : n - NEAREST]), None)
            return self._panel(near.article_id, near.title) if near else ""
        ordered = _in_order(reply)
        at = next((i for i, c in enumerate(ordered) if c.n == n), None)
        if at is None:
            return ""
        c = ordered[at]
        here = sources.Place(
            n,
            at + 1,
            len(ordered),
            link(number, ordered[at - 1].n) if at else "",
            link(number, ordered[at + 1].n) if at + 1 < len(ordered) else "",
        )
        return self._panel(c.article_id, c.title, c.quote, (c.start, c.end), here)

    def named(self, wanted: Mapping[str, object], conversation: Conversation) -> list[tuple[str, str]]:
        """(id, title) of {"article": id}, or of the articles found for the answer that {"cite": "c-1600"} links to."""
        article, place = wanted.get("article"), unlink(wanted.get("cite"))
        try:
            if isinstance(article, str):
                one = self.library.article(article[:200])
                return [(one.article_id, one.title or one.text[:24])]
        except errors.UnknownName:
            return []
        if place is None or not 0 <= place[0] < len(conversation.exchanges):
            return []
        return [(hit.article_id, hit.title or hit.text[:24]) for hit in conversation.exchanges[place[0]].found]

    def follow_ups(self, conversation: Conversation, stop: Callable[[], bool]) -> Html:
        """Up to three questions that lead on from the last answer, each of them tried; nothing after a refusal."""
        last = conversation.exchanges[-1] if conversation.exchanges else None
        if last is None or last.reply is None or last.reply.refused or last.reply.stopped:
            return answers.follow_ups(self.say, [])
        asked = [e.question for e in conversation.exchanges]
        return answers.follow_ups(self.say, leading_on(self.library, last.reply, asked, last.only, stop))

    def _panel(
        self,
        article_id: str,
        title: str = "",
        quote: str = "",
        span: tuple[int, int] | None = None,
        place: sources.Place | None = None,
    ) -> str:
        try:
            article = self.library.article(article_id)
            reference = self.library.reference(article_id)
            reprints = self.library.reprints(article_id)
        except errors.UnknownName:
            return sources.missing(self.say, title, quote, place)
        if span is not None and quote and article.text[span[0] : span[1]] != quote:
            start = article.text.find(quote)  # places that were kept are not believed, but looked up
            span = (start, start + len(quote)) if start >= 0 else None
        printed = self.library.pages.any_of(article.article_id)
        return sources.panel(self.say, article, reference, span, place, reprints, self._neighbours(article), printed)

    def _neighbours(self, article: Article) -> list[Article]:
        """Others of the same issue: the articles around it in its file, else those of the same day and folder."""
        issue = self.library.articles(Filter(source=(article.source,)), limit=MOST_OF_ISSUE)
        folder, slash, _ = article.source.rpartition("/")
        if len(issue) < 2 and slash and article.date and len(article.date) == 10:
            day = self.library.articles(Filter(since=article.date, until=article.date), limit=MOST_OF_ISSUE)
            issue = [one for one in day if one.date == article.date and one.source.startswith(f"{folder}/")]
        here = next((i for i, one in enumerate(issue) if one.article_id == article.article_id), None)
        if here is None:
            return []
        first = max(0, min(here - NEIGHBOURS // 2, len(issue) - NEIGHBOURS - 1))
        return [one for i, one in enumerate(issue) if i != here][first : first + NEIGHBOURS]


def _in_order(reply: Reply) -> list[Citation]:
    """The citations as their markers first stand in the answer."""
    by_number = {c.n: c for c in reply.citations}
    numbers = dict.fromkeys(int(n) for n in re.findall(r"\[(\d+)\]", reply.answer))
    return [by_number[n] for n in numbers if n in by_number]


# ---------------------------------------------------------------- the filter

_DATE = re.compile(r"(\d{4})(?:\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*日?|\s*月)?|\s*年)?")


def iso(text: str | None) -> str | None:
    """A date as people write it, 2024年3月 or 2024/3/5, as ISO; None for nothing. Errors: BadSetting."""
    text = (text or "").strip()
    if not text:
        return None
    found = _DATE.fullmatch(text)
    if found is None or not 1 <= int(found[2] or 1) <= 12 or not 1 <= int(found[3] or 1) <= 31:
        raise errors.BadSetting(name="date", value=text, allowed="2024-01-31")
    return "-".join([found[1], *(f"{int(p):02}" for p in (found[2], found[3]) if p)])


def filter_of(columns: object, named: object, since: str | None, until: str | None, articles: object = ()) -> Filter:
    """What the filter row says; a date that can't be read counts for nothing, as the row's label tells."""

    def texts(value: object) -> tuple[str, ...]:
        return tuple(str(v) for v in value) if isinstance(value, list | tuple) else ()

    def date(value: str | None) -> str | None:
        try:
            return iso(value)
        except errors.BadSetting:
            return None

    return Filter(texts(named), texts(columns), date(since), date(until), texts(articles))


def filter_label(say: Say, only: Filter, since: str | None, until: str | None) -> str:
    """The one folded line that always says the present choice."""
    told = say(
        "chat.filter",
        columns=_some(say, only.column, "columns"),
        sources=_some(say, only.source, "sources"),
        dates=_dates(say, only, since, until),
    )
    return f"{told} · {say('chat.articles_n', n=len(only.article))}" if only.article else told


def _dates(say: Say, only: Filter, since: str | None, until: str | None) -> str:
    for text in (since, until):
        try:
            iso(text)
        except errors.BadSetting:
            return say("chat.date_unclear", text=(text or "").strip()[:20])
    if only.since and only.until:
        return say("chat.dates", since=only.since, until=only.until)
    if only.since:
        return say("chat.dates_since", since=only.since)
    return say("chat.dates_until", until=only.until) if only.until else say("chat.any_date")


def _some(say: Say, chosen: tuple[str, ...], of: str) -> str:
    if not chosen:
        return say(f"chat.all_{of}")
    return chosen[0][:20] if len(chosen) == 1 else say(f"chat.{of}_n", n=len(chosen))
