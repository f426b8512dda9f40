"""The one door: open a library, add, remove, search, ask. Fronts import this module and level 0 alone.

Everything heavy (database, indexes, models) is opened when it is first needed, and once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from rag import settings as places
from rag.checking import checkup
from rag.dials import Dials
from rag.errors import (
    EmptyLibrary,
    FileRefused,
    LibraryDamaged,
    LibraryNewer,
    MoveUnfinished,
    PathMissing,
    UnknownName,
)
from rag.meaning import Meaning, found
from rag.reordering import Look, Reordering
from rag.settings import BUILTIN, Settings
from rag.traces import Trace, span
from rag.types import (
    Article,
    Checkup,
    Document,
    Filter,
    Found,
    Hit,
    Kept,
    LibraryState,
    Piece,
    Progress,
    Receipt,
    Removal,
    Reply,
    Turn,
)
from rag.wiring import keep, last_reply, open_engine, open_reader, timed
from rag.words import say

if TYPE_CHECKING:
    from rag.answering import Engine
    from rag.answering.reader import Reader
    from rag.desktypes import Holdings
    from rag.moving import Sum
    from rag.question import Question
    from rag.store import Store
    from rag.tasks import Tasks

Watch = Callable[[Progress], None]
ANY = Filter()
LOOKED_AT = 12  # passages an answer is made from
SPARE = 40  # passages that are looked for in place of those of editors' answers that are over
INDEXED_AT_ONCE = 4000  # passages between two commits of words, while small files come in


def open(folder: str | PathLike[str] | None = None, *, engine: str | None = None, create: bool = True) -> Library:
    """The library in a folder (default: RAG_LIBRARY, else the user data folder); made if it is not there.

    `create` False: EmptyLibrary where there is none. `engine`: who answers unless `ask` says otherwise.
    Errors: NotALibrary, LibraryNewer, LibraryDamaged, NoPermission, DiskFull, BadSetting.
    """
    from rag.store import Store

    chosen = places.load(folder, engine=engine)
    here = chosen.library
    if not create and isinstance(here, Path) and (not here.exists() or (here.is_dir() and not any(here.iterdir()))):
        raise EmptyLibrary(library=here)
    return Library(Store.open(chosen.library, create=create), chosen)


class Library:
    """One library. Any number of threads may search and ask; adding and removing take turns."""

    def __init__(self, store: Store, settings: Settings) -> None:
        from rag.accounts import Accounts
        from rag.conversations import Conversations
        from rag.corrections import Corrections
        from rag.helpdesk import HelpDesk
        from rag.pages import Pages

        self.settings = settings
        self.conversations = Conversations(store)  # what readers asked, kept for them
        self.accounts = Accounts(store)  # who signs in, where the server asks for it
        self.corrections = Corrections(store, lambda: self._meaning.serving().index.catch_up())
        self.desk = HelpDesk(store, self._enter)  # what readers lack, what editors answer
        self.dials = Dials(store)  # what editors set
        self.pages = Pages(store)  # of PDF files and scans, as they look
        self._store = store
        self._meaning = Meaning(store, settings)
        self.reordering = Reordering(store, settings)  # which cross-encoder orders what is found
        self._opening = threading.RLock()
        self._warm = False
        self._reader_: Reader | None = None
        self._engines: dict[tuple[str, str], Engine] = {}  # by their names and those of their embedding models

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._meaning.close()
        self._store.close()

    # ---------------------------------------------------------------- what is opened late

    def _engine(self, name: str | None) -> Engine:
        """The built-in answerer, or a language model over it. ModelUnusable, ModelsNotInstalled, OtherEmbedding."""
        name = name or self.engine
        embedder = self._meaning.serving().embedder
        with self._opening:
            if (name, embedder.name) not in self._engines:
                self._engines[name, embedder.name] = open_engine(
                    name, self.settings, embedder, self._reader(), self._has, self.dials.line
                )
            return self._engines[name, embedder.name]

    @property
    def engine(self) -> str:
        """Who answers unless a question says otherwise: what the settings name, else the one chosen last."""
        return self.settings.engine or str(self._store.recipe().get("engine") or BUILTIN)

    def _reader(self) -> Reader:
        with self._opening:
            if self._reader_ is None:
                self._reader_ = open_reader(self.settings)
            return self._reader_

    def _has(self, term: str) -> bool:
        return bool(self._meaning.serving().index.containing(term, limit=1))

    def warm_up(self, engine: str | None = None) -> None:
        """Opens what a first question needs, so that it does not wait for it."""
        if self._store.counts().passages:
            self._engine(engine)
            self._meaning.serving().index.refresh()
            self.reordering.warm_up()
        self._warm = True

    def ready(self) -> bool:
        """The library can be read, and a first question would not wait for what `warm_up` opens."""
        self._store.documents(limit=1)
        return self._warm

    # ---------------------------------------------------------------- adding and removing

    def add(
        self, paths: Sequence[str | PathLike[str]], *, progress: Watch | None = None, embed: bool = True
    ) -> list[Receipt]:
        """Reads files, folders and archives; a receipt for each file, in order. A refused file stops no other.

        Articles are found by their words when this returns, and by meaning too where `embed` is True; an
        interruption loses nothing that has a receipt. Errors: PathMissing (nothing is added), LibraryLocked, DiskFull.
        """
        from rag.reading import files_in, read_all
        from rag.reading.recognition import Recogniser

        given = [Path(p) for p in paths]
        for path in given:
            if not path.exists():
                raise PathMissing(path=path)
        tell = progress or (lambda step: None)
        if not isinstance(self.settings.library, Path):
            from rag import working

            receipts = working.add(self, given, tell)
            self._catch_up(tell)
            if embed:
                self.embed_pending(progress=progress)
            return receipts
        receipts = []
        eyes = Recogniser(self.settings.threads, tell)
        with self._store.writing():
            self._meaning.keep()
            files = list(files_in(given))
            waiting = 0
            for number, (path, source) in enumerate(files):
                tell(Progress("reading", number, len(files), source))
                for document in read_all(path, source, eyes):
                    told = self._put(document, source)
                    receipts.append(told)
                    waiting += told.passages if told.status in ("added", "replaced") else 0
                if waiting >= INDEXED_AT_ONCE:
                    self._catch_up(tell)
                    waiting = 0
            tell(Progress("reading", len(files), len(files)))
            self._catch_up(tell)
        if embed:
            self.embed_pending(progress=progress)
        return receipts

    def _put(self, document: Document | FileRefused, source: str) -> Receipt:
        return keep(self._store, document, source, self.corrections.applied)

    def _enter(self, document: Document) -> None:
        """A document that no file stands behind, found by its words when this returns. Errors: FileRefused."""
        with self._store.writing():
            self._meaning.keep()
            told = self._put(document, document.source)
            if told.status == "refused":
                raise FileRefused(file=document.source, reason=told.reason)
            self._catch_up(lambda step: None)

    def _catch_up(self, tell: Watch) -> None:
        self._meaning.serving().index.catch_up(lambda done, total: tell(Progress("words", done, total)))

    @property
    def queue(self) -> Tasks:
        """Files that wait to be read into a library on a server. Errors: NoQueue."""
        from rag.tasks import Tasks

        return Tasks(self._store)

    def work(self, stop: threading.Event, *, told: Callable[[Receipt], None], once: bool = False) -> None:
        """Reads what waits in the queue, until it is told to stop; `once`: until all is read. Errors: NoQueue."""
        from rag.working import Worker

        Worker(self, self.queue, told).run(stop, once=once)

    def embed_pending(self, *, progress: Watch | None = None, stop: Callable[[], bool] = lambda: False) -> int:
        """Embeds what is not found by meaning yet, newest first; how many passages. The lock is held for commits
        alone, so adding goes on beside it; a kill loses one batch, and the next call goes on from there."""
        return self._meaning.embed(progress or (lambda step: None), stop)

    def change_embedding(self, *, progress: Watch | None = None, stop: Callable[[], bool] = lambda: False) -> bool:
        """Embeds all anew by the model that the settings ask for, where another serves; True where it serves now.

        The old one serves until then. Stopped or killed, it goes on with the next call. ModelUnusable, LibraryLocked.
        """
        return self._meaning.change(progress or (lambda step: None), stop)

    def remove(self, names: Sequence[str]) -> list[Removal]:
        """Removes documents (by source or id) or articles (by id), and asks the indexes again with the words that went."""
        started = time.monotonic()
        with self._store.writing():
            gone = self._store.remove(names)
            now = self._meaning.serving()
            now.index.catch_up()
        removals = []
        for one in gone:
            went = set(one.passages)
            left = self._store.hits(one.passages).keys() | (went & found(now, one.probes))
            removals.append(
                Removal(
                    one.name,
                    "removed" if one.articles else "unknown",
                    one.articles,
                    len(went),
                    len(left),
                    time.monotonic() - started,
                )
            )
        return removals

    # ---------------------------------------------------------------- looking

    def state(self) -> LibraryState:
        store = self._store
        counts = store.counts()
        model = str(store.recipe().get("embedding") or "")
        columns, sources = store.columns_and_sources()
        last = store.documents(offset=max(0, counts.documents - 1), limit=1)
        embedded = store.embedding_progress(model)[0] if model else 0
        return LibraryState(
            counts.articles,
            counts.documents,
            counts.passages,
            embedded,
            last[-1].added_at if last else None,
            tuple(name for name, _ in sources),
            tuple(name for name, _ in columns),
            model,
        )

    def holdings(self) -> Holdings:
        """How much there is, and how it grew."""
        from rag.figures import holdings

        return holdings(self._store)

    def documents(self, offset: int = 0, limit: int | None = None) -> list[Kept]:
        """In the order in which they came."""
        return self._store.documents(offset, limit)

    def articles(
        self, only: Filter = ANY, *, title: str = "", offset: int = 0, limit: int | None = None
    ) -> list[Article]:
        """In the order in which they came; `title`: only those whose title holds it."""
        return list(self._store.articles(only, title=title, offset=offset, limit=limit))

    def article(self, article_id: str) -> Article:
        """Errors: UnknownName."""
        article = self._store.article(article_id)
        if article is None:
            raise UnknownName(name=article_id)
        return article

    def reprints(self, article_id: str) -> list[Article]:
        """The articles that say the same as this one (同文另见), in the order in which they came."""
        others = self._store.reprints([article_id]).get(article_id, ())
        return [article for one in others if (article := self._store.article(one))]

    def newest(self, n: int = 3) -> list[Article]:
        """The articles that came last, newest first."""
        count, hidden = self._store.counts().articles, self.desk.set_aside()
        last = self.articles(offset=max(0, count - n - len(hidden)), limit=n + len(hidden))
        return [article for article in last[::-1] if article.article_id not in hidden][:n]

    def examples(self, n: int = 4) -> list[tuple[str, str]]:
        """(column, question): questions that this library can answer, of different columns where there are such."""
        from rag.examples import examples

        return examples(self._store, n, self.desk.set_aside())

    def reference(self, article_id: str) -> str:
        """The article as GB/T 7714 cites a newspaper article: 作者. 题名[N]. 来源, 日期(版次)."""
        article = self.article(article_id)
        head = ". ".join(p for p in (article.author, f"{article.title or article.text[:20]}[N]") if p)
        when = f"{article.date or ''}{f'({article.page})' if article.page else ''}"
        return f"{head}. {', '.join(p for p in (article.source, when) if p)}."

    # ---------------------------------------------------------------- asking

    def search(self, question: str, k: int = 10, *, only: Filter = ANY, history: Sequence[Turn] = ()) -> Found:
        """Passages, best first. Errors: EmptyQuestion, QuestionTooLong, EmptyLibrary."""
        from rag.slips import understood

        started = time.monotonic()
        asked = understood(question, history, self._has)
        if not self._store.counts().passages:
            raise EmptyLibrary(library=self.settings.library)
        look = self.reordering.look()
        hits = self._retrieve(asked, k, only, look)
        return Found(tuple(hits), asked.rewritten, {"total": time.monotonic() - started}, look.note)

    @overload
    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = ...,
        only: Filter = ...,
        engine: str | None = ...,
        stream: Literal[False] = ...,
        stop: Callable[[], bool] | None = ...,
    ) -> Reply: ...

    @overload
    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = ...,
        only: Filter = ...,
        engine: str | None = ...,
        stream: Literal[True],
        stop: Callable[[], bool] | None = ...,
    ) -> Iterator[Piece]: ...

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        only: Filter = ANY,
        engine: str | None = None,
        stream: bool = False,
        stop: Callable[[], bool] | None = None,
    ) -> Reply | Iterator[Piece]:
        """An answer with citations, or an honest refusal; as it grows where `stream` is True (the last piece has the
        reply). `stop`: asked often; once it is true, writing ends and what is written is kept.

        Errors: EmptyQuestion, QuestionTooLong, ModelUnusable, OtherEmbedding: at the call, not while streaming.
        """
        from rag.slips import understood

        trace = Trace("answer")
        asked = trace.step("understand", understood, question, history, self._has)
        empty = not self._store.counts().passages
        engine_ = None if empty else self._engine(engine)
        pieces = trace.around(self._understood(asked, only, engine_, stop or (lambda: False), history))
        return pieces if stream else last_reply(pieces)

    def _understood(
        self, asked: Question, only: Filter, engine: Engine | None, stop: Callable[[], bool], turns: Sequence[Turn]
    ) -> Iterator[Piece]:
        """The question as the engine makes it whole, then its answer."""
        from rag.slips import restated

        if engine is not None and turns:
            yield Piece("searching")
            with span("rewrite"):
                whole = engine.made_whole(asked, turns, stop)
            asked = restated(asked, whole, self._has) if whole else asked
        yield from self.desk.around(asked, only, self._answer(asked, only, engine, stop, turns))

    def _answer(
        self, asked: Question, only: Filter, engine: Engine | None, stop: Callable[[], bool], turns: Sequence[Turn]
    ) -> Iterator[Piece]:
        started = time.monotonic()
        yield Piece("searching")
        if engine is None:
            from rag.answering import refuse

            yield Piece("done", reply=refuse(asked, "empty_library"))
            return
        look = self.reordering.look()
        hits = self._retrieve(asked, LOOKED_AT, only, look)
        searched = time.monotonic()
        yield from timed(engine.answer(asked, hits, stop, turns), started, searched, look.note)

    def _retrieve(self, asked: Question, k: int, only: Filter, anew: Look) -> list[Hit]:
        from rag.retrieval import retrieve

        now = self._meaning.serving()
        now.index.refresh()
        hidden = self.desk.hidden()
        more = min(2 * len(hidden), SPARE)
        hits = retrieve(asked, self._store, now.index, now.embedder, self._reader(), k + more, only, anew)
        return [hit for hit in hits if hit.article_id not in hidden][:k]

    # ---------------------------------------------------------------- whole

    def backup(self, file: str | PathLike[str]) -> int:
        """The library as one file; returns its bytes."""
        return self._store.backup(Path(file))

    def restore(self, file: str | PathLike[str]) -> LibraryState:
        """What a backup holds takes the place of all that is here, while the library is open. Errors as `restore`."""
        from rag.backup import identity
        from rag.store import restore as put_back

        put_back(Path(file), self.settings.library)
        self._store.library_id = identity(self._store._engine)
        self._meaning.forget()
        self._store._know_reprints()
        self._meaning.serving().index.catch_up()
        return self.state()

    def checkup(self, *, repair: bool = False, progress: Watch | None = None) -> Checkup:
        """See `check`, for a library that is open."""
        return checkup(self._store, self._meaning, repair, progress or (lambda step: None))


# ---------------------------------------------------------------- without a library, or about one that will not open


def check(folder: str | PathLike[str] | None = None, *, repair: bool = False, progress: Watch | None = None) -> Checkup:
    """Proves that a library is whole; `repair` makes anew what is derived. A database that can't be read is a fault.

    Errors: EmptyLibrary (there is none), LibraryNewer, LibraryLocked.
    """
    started = time.monotonic()
    try:
        with open(folder, create=False) as library:
            return library.checkup(repair=repair, progress=progress)
    except (LibraryNewer, MoveUnfinished):
        raise
    except LibraryDamaged as damaged:
        return Checkup((damaged.what + say("library.restore_hint"),), seconds=time.monotonic() - started)


def restore(file: str | PathLike[str], folder: str | PathLike[str] | None = None) -> LibraryState:
    """A library from a backup file, its indexes made anew. Errors: PathMissing, LibraryDamaged, NotALibrary."""
    from rag.store import restore as put_back

    if not Path(file).is_file():
        raise PathMissing(path=file)
    put_back(Path(file), places.load(folder).library)
    with open(folder, create=False) as library:
        library._meaning.serving().index.catch_up()
        return library.state()


def move(source: str | PathLike[str], target: str | PathLike[str], progress: Watch | None = None) -> list[Sum]:
    """Copies a library to an empty place, folder or server; what is equal at the end, a line a table."""
    from rag.moving import move as copy

    def tell(table: str, done: int, total: int) -> None:
        if progress is not None:
            progress(Progress("sending", done, total, table))

    return copy(places.place(source), places.place(target), tell)
