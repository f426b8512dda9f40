"""Files come in from the page, receipts go out; and the articles of the library, looked through, shown, removed."""

from __future__ import annotations

import contextvars
import logging
import queue
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeAlias
from unicodedata import category

from rag import errors
from rag.chat.background import Background
from rag.chat.conversation import Trouble
from rag.chat.markup import Say, fixing
from rag.chat.markup import library as markup
from rag.chat.markup.troubles import trouble_card
from rag.library import Library
from rag.types import Article, Filter, Progress, Receipt

ROWS = 20
MOST_ROWS = 400
DEEP = 12  # folders in one another that keep their names
GAP = 0.15  # seconds between two pictures of the progress


News: TypeAlias = "queue.SimpleQueue[Progress | list[Receipt] | errors.Error]"


class Desk:
    """What staff do with the library. `uploads`: the folder where the server puts files that were sent."""

    def __init__(self, library: Library, say: Say, uploads: Path, background: Background | None = None) -> None:
        self.library, self.say, self.uploads, self.background = library, say, uploads, background

    def head(self) -> str:
        return markup.head(self.say, self.library.state(), self.background.trouble if self.background else None)

    def behind(self) -> bool:
        """Whether articles wait to be found by meaning."""
        state = self.library.state()
        return state.embedded < state.passages and not (self.background and self.background.trouble)

    # ---------------------------------------------------------------- adding

    def add(self, given: object) -> Iterator[str]:
        """Progress, then receipts, for [{"path", "name"}, …] or [{"name", "fault"}, …] as the page sent them."""
        self.uploads.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(dir=self.uploads))
        paths, faults = self._received(given, folder)
        news: News = queue.SimpleQueue()
        context = contextvars.copy_context()  # the language that errors are told in
        adding = (self._add, paths, folder, news)
        threading.Thread(target=context.run, args=adding, name="rag-adding", daemon=True).start()
        latest: dict[str, Progress] = {}
        while True:
            try:
                one = news.get(timeout=GAP)
            except queue.Empty:
                yield markup.working(self.say, [path.name for path in paths], list(latest.values()))
                continue
            if isinstance(one, Progress):
                latest[one.stage] = one
            elif isinstance(one, errors.Error):
                yield trouble_card(self.say, Trouble.of(one), last=False)
                return
            else:
                yield markup.receipts(self.say, [*one, *faults])
                return

    def _add(self, paths: Sequence[Path], folder: Path, news: News) -> None:
        """In a thread of its own: it ends what it began even where the page is closed."""
        outcome: list[Receipt] | errors.Error
        try:
            outcome = self.library.add(paths, progress=news.put, embed=self.background is None) if paths else []
        except errors.Error as error:
            outcome = error
        except Exception as error:
            logging.getLogger("rag.chat").debug("while adding", exc_info=True)
            outcome = errors.Error(detail=type(error).__name__)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if self.background is not None:
            self.background.wake()
        news.put(outcome)

    def _received(self, given: object, folder: Path) -> tuple[list[Path], list[Receipt]]:
        """The files that really were sent, moved under their own names, and the folders that they came in; a refusal for
        each that was not sent."""
        paths: list[Path] = []
        faults: list[Receipt] = []
        kept: dict[str, Path] = {}  # folders, by the name of each
        rows = [r for r in given if isinstance(r, Mapping)] if isinstance(given, list) else []
        for i, row in enumerate(rows):
            parts = _plain(str(row.get("name") or "")) or [f"{i + 1}"]
            name, most = "/".join(parts), markup.FILES_AT_ONCE if len(parts) == 1 else markup.FILES_IN_FOLDER
            fault = row.get("fault")
            path = Path(str(row.get("path") or ""))
            if i >= most:
                fault = "too_many"
            elif fault not in ("too_large", "not_sent", "too_many") and not self._was_sent(path):
                fault = "not_sent"
            if fault:
                faults.append(Receipt(name, "refused", self.say(f"chat.trouble.{fault}", mb=markup.MEGABYTES, n=most)))
                continue
            if len(parts) > 1 and parts[0] not in kept:
                kept[parts[0]] = folder / f"in-{i}" / parts[0]
                paths.append(kept[parts[0]])
            place = kept[parts[0]].joinpath(*parts[1:]) if len(parts) > 1 else folder / str(i) / name
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                if place.exists():
                    raise FileExistsError(place)
                shutil.move(path, place)
            except OSError:  # made-up names: a file that is a folder too, one name twice
                faults.append(Receipt(name, "refused", self.say("chat.trouble.not_sent")))
                continue
            if len(parts) == 1:
                paths.append(place)
        return [path for path in paths if path.exists()], faults

    def _was_sent(self, path: Path) -> bool:
        """A page may name any path: only files in the folder of uploads are touched."""
        inside = path.is_absolute() and path.resolve().is_relative_to(self.uploads.resolve())
        return inside and path.is_file() and not path.is_symlink()

    # ---------------------------------------------------------------- looking, removing

    def shelf(self, title: str | None, rows: int, chosen: str = "") -> str:
        """The newest articles whose title holds the words."""
        rows = max(ROWS, min(rows, MOST_ROWS))
        found = self._newest((title or "").strip()[:80], rows + 1)
        return markup.shelf(self.say, found[:rows], chosen, len(found) > rows and rows < MOST_ROWS)

    def _newest(self, title: str, n: int) -> list[Article]:
        return self.library.articles(title=title, limit=n) if title else self.library.newest(n)

    def article(self, article_id: object) -> Article | None:
        """None for an id that is none."""
        try:
            return self.library.article(str(article_id)[:200])
        except errors.UnknownName:
            return None

    def preview(self, article: Article | None, editing: bool = False) -> str:
        """As readers see it, or (`editing`) with fields to correct it by."""
        if article is None:
            return markup.preview(self.say, None)
        corrections = self.library.corrections
        name = article.article_id
        whole = not corrections.carried(name)
        fields = fixing.fields(self.say, article, corrections.follows(name)) if editing and whole else None
        corrected = len(corrections.listed(corrections.document_of(name)))
        return markup.preview(self.say, article, fields, corrected, whole)

    def correct(self, told: Mapping[str, object]) -> tuple[str, Article | None]:
        """What came of a correction, and the article that stands there now; None where nothing was changed."""
        name, does = str(told.get("article"))[:200], told.get("does")
        corrections, say = self.library.corrections, self.say
        try:
            if does == "edit":
                fields = {k: str(told.get(k) or "")[:300] for k in ("title", "author", "date", "column")}
                now = corrections.edit(name, **fields)
            elif does == "merge":
                now = corrections.merge(name)
            elif does == "split":
                start = str(told.get("start"))
                now, _ = corrections.split(name, int(start) if start.isdecimal() and len(start) < 10 else 0)
            else:
                source = corrections.document_of(name)
                corrections.undo(source)
                now = self.article(name) or next(iter(self.library.articles(Filter(source=(source,)), limit=1)))
        except errors.Error as error:
            return trouble_card(say, Trouble.of(error), last=False), None
        if self.background is not None:
            self.background.wake()
        return fixing.done(say, str(does)), now

    # ---------------------------------------------------------------- whole

    def overview(self) -> str:
        return fixing.overview(self.say, self.library.holdings())

    def checking(self) -> str:
        return fixing.checking(self.say)

    def check(self, repair: bool) -> str:
        """Proves that the library is whole, or makes anew what is derived; as a card with what to press next."""
        try:
            return fixing.health(self.say, self.library.checkup(repair=repair))
        except errors.Error as error:
            return trouble_card(self.say, Trouble.of(error), last=False)

    def remove(self, article_id: object) -> str:
        """The receipt of the removal, or the card of what stood in its way."""
        try:
            return markup.removed(self.say, self.library.remove([str(article_id)[:200]]))
        except errors.Error as error:
            return trouble_card(self.say, Trouble.of(error), last=False)


def _plain(name: str) -> list[str]:
    """The parts of a path that a page names: none leads upwards, none is longer than file systems allow."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    seen = ["".join(c for c in part if category(c) not in ("Cc", "Cs")) for part in parts[:1] + parts[1:][-DEEP:]]
    return [_short(part) or "_" for part in seen]


def _short(name: str) -> str:
    """At most 240 bytes, with its ending."""
    stem, dot, ending = name.rpartition(".")
    if len(name.encode("utf-8", "replace")) <= 240 or len(ending) > 10:
        return name.encode("utf-8", "replace")[:240].decode("utf-8", "ignore")
    return stem.encode("utf-8", "replace")[:220].decode("utf-8", "ignore") + dot + ending
