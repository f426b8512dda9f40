"""The library on disk: documents, their articles and passages, vectors, and the recipe they were made by.

One database is the truth; SQL stands here and in the back rooms (tables, putting, fetching, backup). Every write is one
transaction with a number of its own, its `change`; the indexes catch up with "all that came after change n".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Imported at the top, as nothing here works without it: import this module where a library is opened, not before.
import sqlalchemy as sa

from rag import fetching
from rag import tables as t
from rag.changes import Counts, Gone, Put
from rag.errors import LibraryLocked, MoveUnfinished, NoPermission
from rag.search import Entry
from rag.settings import Server
from rag.types import Article, Document, Filter, Hit, Kept, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EVERYTHING = Filter()


class Store:
    """Truth of one library. Any thread may read; `writing()` lets one thread of one process write."""

    def __init__(self, folder: Path | Server, engine: sa.Engine, library_id: str, readonly: bool) -> None:
        """Use `Store.open`."""
        self.folder = folder
        self.library_id = library_id  # random; another after a restore, so that no index of before is trusted
        self.readonly = readonly
        self.wait = 60.0 if isinstance(folder, Server) else 1.0  # seconds; on a server others write all the time
        self._engine = engine
        self._turn = threading.RLock()
        self._depth = 0
        self._lock: Any = None

    @classmethod
    def open(cls, folder: Path | Server, *, create: bool = True, readonly: bool = False) -> Store:
        """Opens the library in `folder`, makes it there (`create`), brings an older one up to date.

        NotALibrary: a file, a folder of something else, or nothing where `create` is False. LibraryNewer,
        LibraryDamaged, NoPermission, DiskFull, MoveUnfinished; of a server as `rag.servers.connect`.
        """
        from rag.backup import identity

        engine, readonly = t.connect(folder, create=create, readonly=readonly)
        store = cls(folder, engine, identity(engine), readonly)
        if "moving" in store.recipe():
            store.close()
            raise MoveUnfinished(library=folder)
        store._know_reprints()
        return store

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---------------------------------------------------------------- writing

    @contextmanager
    def writing(self, wait: float | None = None) -> Iterator[None]:
        """Holds the writer's lock; may be nested. Other threads of this process wait their turn; another process
        that writes for longer than `wait` seconds: LibraryLocked. A killed process frees it. `wait` 0 waits for nobody.
        """
        wait = self.wait if wait is None else wait
        if self.readonly:
            raise NoPermission(path=self.folder)
        if not self._turn.acquire(blocking=wait > 0):
            raise LibraryLocked(library=self.folder)
        try:
            if self._depth == 0:
                self._lock = self._hold(wait)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._lock.release()
        finally:
            self._turn.release()

    def _hold(self, wait: float) -> Any:
        if not isinstance(self.folder, Server):
            return t.lock(self.folder, wait)
        from rag import servers

        return servers.hold(self._engine, self.folder, servers.WRITER, wait)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One change: all of it or nothing."""
        with self.writing(), self._engine.connect().execution_options(writes=True) as c, c.begin():
            yield c

    def _know_reprints(self) -> None:
        """Compares all articles in a library of an older version, or by older rules; left to another that writes."""
        from rag import reprints

        if self.readonly or self.recipe().get("reprints") == reprints.rules():
            return
        try:
            with self.writing(wait=0):
                self.compare_anew()
        except LibraryLocked:
            return

    def compare_anew(self) -> None:
        """Finds all reprints again."""
        from rag import reprints
        from rag.putting import keep

        with self.transaction() as c:
            reprints.compare_all(c)
            keep(c, {"reprints": reprints.rules()})

    def unchanged(self, source: str, sha256: str, splitter: str) -> bool:
        """A document of that name, with these bytes, cut by this version of the splitter, is there: nothing to do."""
        d = t.documents.c
        query = sa.select(sa.literal(1)).where(d.source == source, d.sha256 == sha256, d.splitter == splitter)
        return self._scalar(query) is not None

    def same_bytes(self, sha256: str) -> list[str]:
        """Sources of the documents with these bytes."""
        d = t.documents.c
        with self._engine.connect() as c:
            return list(c.execute(sa.select(d.source).where(d.sha256 == sha256).order_by(d.id)).scalars())

    def put(
        self,
        document: Document,
        articles: Iterable[tuple[Article, Sequence[Passage]]],
        *,
        splitter: str,
        also: Callable[[sa.Connection, Put], None] | None = None,
    ) -> Put:
        """Adds or replaces the document of that source, in one transaction. Articles that are in both versions keep
        their passages, ids and vectors. `articles` is taken one by one, so it may be long.

        An article's id or source that is another's already is made its own (`…-2`, `FILE#id`). `also`: done in the
        same transaction, or nothing is. LibraryLocked, DiskFull.
        """
        from rag.putting import put

        with self.transaction() as c:
            done = put(c, document, articles, splitter)
            if also is not None:
                also(c, done)
            return done

    def remove(self, names: Sequence[str]) -> list[Gone]:
        """By a document's source or id, an article's id or source; one transaction for all; one answer for each name.
        The last article of a document takes the document with it."""
        from rag.putting import remove

        with self.transaction() as c:
            return remove(c, names)

    # ---------------------------------------------------------------- reading

    def _scalar(self, query: sa.Select[Any]) -> Any:
        with self._engine.connect() as c:
            return c.execute(query).scalar()

    def size(self) -> int:
        """Bytes on disk."""
        from rag.backup import size

        return size(self.folder, self._engine)

    def counts(self, only: Filter = EVERYTHING) -> Counts:
        d, a = t.documents.c, t.articles.c
        with self._engine.connect() as c:
            if not only:
                row = c.execute(
                    sa.select(
                        sa.func.count(),
                        *(sa.func.coalesce(sa.func.sum(x), 0) for x in (d.articles, d.passages, d.written)),
                    )
                ).one()
                return Counts(*map(int, row))
            some = sa.select(a.id, a.document, a.characters).where(*fetching.let_through(only))
            of = some.subquery().c
            row = c.execute(
                sa.select(
                    sa.func.count(of.document.distinct()),
                    sa.func.count(),
                    sa.func.coalesce(sa.func.sum(of.characters), 0),
                )
            ).one()
            number = (
                sa.select(sa.func.count())
                .select_from(t.passages)
                .where(t.passages.c.article.in_(some.with_only_columns(a.id)))
            )
            return Counts(int(row[0]), int(row[1]), int(c.execute(number).scalar_one()), int(row[2]))

    def documents(self, offset: int = 0, limit: int | None = None) -> list[Kept]:
        """In the order in which they came."""
        with self._engine.connect() as c:
            query = sa.select(t.documents).order_by(t.documents.c.id).offset(offset).limit(limit)
            return [fetching.kept(row) for row in c.execute(query)]

    def document(self, name: str) -> Kept | None:
        """By its source or its id."""
        d = t.documents.c
        with self._engine.connect() as c:
            row = c.execute(sa.select(t.documents).where(d.source == name)).first()
            if row is None and name.isdecimal() and len(name) < 19:
                row = c.execute(sa.select(t.documents).where(d.id == int(name))).first()
            return fetching.kept(row) if row else None

    def article(self, article_id: str) -> Article | None:
        with self._engine.connect() as c:
            row = fetching.called(c, article_id)
            return fetching.article(row) if row else None

    def articles(
        self,
        only: Filter = EVERYTHING,
        *,
        title: str = "",
        document_id: int | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[Article]:
        """In the order in which they came; `title`: only those whose title holds it (folded)."""
        from rag.text import fold

        a = t.articles.c
        query = sa.select(t.articles).where(*fetching.let_through(only)).order_by(a.document, a.position)
        if title:
            query = query.where(a.folded_title.contains(fold(title), autoescape=True))
        if document_id is not None:
            query = query.where(a.document == document_id)
        # Page by page, each a short read: a reader that takes its time holds no old state of the database open.
        at: tuple[int, int] | None = None
        while limit is None or limit > 0:
            size = min(200, limit) if limit is not None else 200
            page = query.limit(size) if at else query.limit(size).offset(offset)
            if at:
                page = page.where(sa.tuple_(a.document, a.position) > at)
            with self._engine.connect() as c:
                rows = c.execute(page).all()
            for row in rows:
                yield fetching.article(row)
            if len(rows) < size:
                return
            at = (rows[-1].document, rows[-1].position)
            limit = limit - size if limit is not None else None

    def columns_and_sources(self) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        """Columns, and documents' sources, each with its number of articles, most first."""
        with self._engine.connect() as c:
            return fetching.columns_and_sources(c)

    def passages(self, article_id: str) -> list[Hit]:
        """The article's passages in order (score 0)."""
        p, a = t.passages.c, t.articles.c
        query = sa.select(p.id).join(t.articles, a.id == p.article).where(a.article_id == article_id)
        with self._engine.connect() as c:
            return list(fetching.hits(c, list(c.execute(query.order_by(p.start_at, p.id)).scalars())).values())

    def reprints(self, article_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """For each of these articles that was printed again: the ids of the others, in the order in which they came."""
        from rag import reprints

        with self._engine.connect() as c:
            return reprints.clusters(c, article_ids)

    def hits(self, passage_ids: Sequence[int]) -> dict[int, Hit]:
        """The passages that are still there, in the order given; score 0; text cut from their articles."""
        with self._engine.connect() as c:
            return fetching.hits(c, passage_ids)

    def neighbours(self, passage_id: int, reach: int = 1) -> list[Hit]:
        """The passage with up to `reach` passages of its article before and after it, in order; [] if it is gone."""
        p = t.passages.c
        own = sa.select(p.article).where(p.id == passage_id).scalar_subquery()
        with self._engine.connect() as c:
            ids = list(c.execute(sa.select(p.id).where(p.article == own).order_by(p.start_at, p.id)).scalars())
            at = ids.index(passage_id) if passage_id in ids else len(ids)
            return list(fetching.hits(c, ids[max(0, at - reach) : at + reach + 1] if ids else []).values())

    def allowed(self, only: Filter) -> NDArray[np.int64]:
        """Ids of the passages that a filter lets through, ascending."""
        import numpy as np

        p, a = t.passages.c, t.articles.c
        query = sa.select(p.id)  # sorted here: asked for an order, SQLite goes through all passages
        if only:
            query = query.join(t.articles, a.id == p.article)
        return np.sort(self._ids(query.where(*fetching.let_through(only))))

    # ---------------------------------------------------------------- what is derived catches up

    @property
    def last_change(self) -> int:
        """Number of the last committed change; 0 for a new library."""
        return int(self._scalar(sa.select(t.counters.c.value).where(t.counters.c.name == "change")))

    @property
    def last_text_change(self) -> int:
        """Number of the last change that brought or took passages: what a word index must reach."""
        last = [sa.func.coalesce(sa.func.max(table.c.change), 0) for table in (t.passages, t.removals)]
        with self._engine.connect() as c:
            return max(int(c.execute(sa.select(one)).scalar_one()) for one in last)

    def entries(self, after: int = 0, size: int = 2000, upto: int = 1 << 62) -> Iterator[list[Entry]]:
        """Passages that came after a change and not after `upto`, by change and id, in batches of about `size`; no
        article is split."""
        p, a, d = t.passages.c, t.articles.c, t.documents.c
        at = (after, 1 << 62)
        query = sa.select(p.id, p.article, p.start_at, p.end_at, p.heading, p.change).order_by(p.change, p.id)
        query = query.where(p.change <= upto)
        while True:
            with self._engine.connect() as c:
                rows = list(c.execute(query.where(p.change >= at[0], sa.tuple_(p.change, p.id) > at).limit(size)))
                full = len(rows) == size
                if full:  # the last article may go on: its rest, which came with the same change
                    last = rows[-1]
                    rows += c.execute(query.where(p.article == last.article, p.id > last.id))
                columns = (a.id, a.text, a.title, a.source, a.rubric, a.date, d.source.label("document"))
                of = fetching.by_id(
                    c, sa.select(*columns).join(t.documents, d.id == a.document), a.id, {r.article for r in rows}
                )
            batch = [
                Entry(
                    r.id,
                    x.text[r.start_at : r.end_at],
                    r.heading,
                    x.source,
                    x.document,
                    x.rubric,
                    x.date,
                    x.title,
                    r.article,
                    r.change,
                )
                for r in rows
                if (x := of.get(r.article))
            ]
            if batch:
                yield batch
            if not full:
                return
            at = (rows[-1].change, rows[-1].id)

    def removals(self, after: int = 0) -> NDArray[np.int64]:
        """Ids of the passages removed after a change."""
        r = t.removals.c
        return self._ids(sa.select(r.passage).where(r.change > after).order_by(r.passage))

    def _ids(self, query: sa.Select[Any]) -> NDArray[np.int64]:
        import numpy as np

        with self._engine.connect() as c:
            return np.fromiter((row[0] for row in c.execute(query)), dtype=np.int64)

    # ---------------------------------------------------------------- vectors

    def unembedded(self, model: str, limit: int = 256, before: int | None = None) -> list[tuple[int, str]]:
        """Newest first: (passage id, headings and text to embed) of passages with no vector of this model; ids below
        `before`."""
        p = t.passages.c
        with self._engine.connect() as c:
            number = fetching.model(c, model)
            there = sa.exists().where(t.vectors.c.passage == p.id, t.vectors.c.model == number)
            query = sa.select(p.id).where(~there).order_by(p.id.desc()).limit(limit)
            ids = list(c.execute(query if before is None else query.where(p.id < before)).scalars())
            hits = fetching.hits(c, ids)
            return [(i, f"{hit.heading}\n{hit.text}" if hit.heading else hit.text) for i, hit in hits.items()]

    def put_vectors(self, model: str, ids: Sequence[int], vectors: NDArray[np.float32]) -> int:
        """(n, dimension) unit vectors, replacing those there; passages that are gone meanwhile are left out.
        Returns the change. ValueError: another dimension than the model had before."""
        from rag.putting import put_vectors

        with self.transaction() as c:
            return put_vectors(c, model, ids, vectors)

    def vectors_after(
        self,
        model: str,
        after: int = 0,
        size: int = 20_000,
        upto: int = 1 << 62,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """(ids, vectors) that came after a change and not after `upto`, in batches, by change and id."""
        v = t.vectors.c
        at = (after, 1 << 62)
        with self._engine.connect() as c:
            number = fetching.model(c, model)
        query = sa.select(v.passage, v.change, v.vector).where(v.model == number, v.change <= upto)
        query = query.order_by(v.change, v.passage)
        while True:
            with self._engine.connect() as c:
                rows = c.execute(query.where(v.change >= at[0], sa.tuple_(v.change, v.passage) > at).limit(size)).all()
            if rows:
                yield fetching.unpacked([r[0] for r in rows], [r[2] for r in rows])
            if len(rows) < size:
                return
            at = (rows[-1].change, rows[-1].passage)

    def vectors(self, model: str, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        v = t.vectors.c
        with self._engine.connect() as c:
            query = sa.select(v.passage, v.vector).where(v.model == fetching.model(c, model))
            rows = [row for some in fetching.chunks(passage_ids) for row in c.execute(query.where(v.passage.in_(some)))]
        if not rows:
            return {}
        ids, vectors = fetching.unpacked([r[0] for r in rows], [r[1] for r in rows])
        return dict(zip(ids.tolist(), vectors, strict=True))

    def embedding_progress(self, model: str) -> tuple[int, int]:
        """(passages with a vector of this model, all passages)."""
        with self._engine.connect() as c:
            query = sa.select(sa.func.count()).where(t.vectors.c.model == fetching.model(c, model))
            done = int(c.execute(query).scalar_one())
        return done, self.counts().passages

    def models(self) -> list[str]:
        """Whose vectors are here."""
        with self._engine.connect() as c:
            return list(c.execute(sa.select(t.models.c.name).order_by(t.models.c.id)).scalars())

    def keep_models(self, names: Iterable[str]) -> None:
        """Forgets the vectors of all other models."""
        with self.transaction() as c:
            others = list(c.execute(sa.select(t.models.c.id).where(t.models.c.name.not_in(list(names)))).scalars())
            c.execute(sa.delete(t.vectors).where(t.vectors.c.model.in_(others)))
            c.execute(sa.delete(t.models).where(t.models.c.id.in_(others)))

    # ---------------------------------------------------------------- recipe

    def recipe(self) -> dict[str, Any]:
        """All settings the library keeps: "embedding", "dimension", "splitter", "tokens", "program"…"""
        with self._engine.connect() as c:
            return {row.name: json.loads(row.value) for row in c.execute(sa.select(t.settings))}

    def set_recipe(self, **values: Any) -> None:
        """Keeps these settings; writes only where one is new."""
        kept = self.recipe()
        new = {name: value for name, value in values.items() if name not in kept or kept[name] != value}
        if not new:
            return
        from rag.putting import keep

        with self.transaction() as c:
            keep(c, new)

    # ---------------------------------------------------------------- whole

    def check(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Everything that is wrong with the truth, a sentence each; [] where it is whole."""
        from rag.backup import faults

        with fetching.snapshot(self._engine) as c:
            return faults(c, progress or (lambda done, total: None))

    def backup(self, file: Path) -> int:
        """The library as one file (zip: database, manifest with checksums); returns its bytes. Written beside and
        renamed, so a half-written backup never carries the name. Readers and the writer go on."""
        from rag.backup import backup

        return backup(self._engine, Path(file))


def restore(file: Path, folder: Path | Server) -> None:
    """A library from a backup, verified, then put in place in one transaction; what was in the library goes.

    NotALibrary: `folder` holds something else, or `file` is no backup; LibraryDamaged: the file was changed since;
    LibraryNewer, LibraryLocked.
    """
    from rag.backup import restore as put_back

    put_back(Path(file), folder)
