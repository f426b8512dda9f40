"""Which model embeds a library, and the index over its vectors: opened late, and changed for another without a gap.

The recipe names the model that serves. Another that the settings ask for is built beside it and takes its place in one
transaction: a kill before that leaves the old one serving, and the next call goes on where it stopped.
A side room of `library.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ModelUnusable, OtherEmbedding
from rag.settings import BUILTIN, Settings
from rag.types import Progress
from rag.wiring import open_embedder

if TYPE_CHECKING:
    from rag.embedding import Embedder
    from rag.search import SearchIndex
    from rag.store import Store

Watch = Callable[[Progress], None]
Stop = Callable[[], bool]
PROBED = 50  # passages looked at for each text that went
AT_ONCE = 256  # passages between two commits of vectors: what a kill can lose


@dataclass(frozen=True, slots=True)
class Serving:
    """A model with the index over its vectors: what the one embeds is sought in the other, so take both at once."""

    embedder: Embedder
    index: SearchIndex
    named: str  # how the model is opened: "builtin", a folder, a hub id


class Meaning:
    """The pair that serves a library."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._turn = threading.RLock()
        self._serving: Serving | None = None
        self._models: dict[str, Embedder] = {}

    def close(self) -> None:
        if self._serving is not None:
            self._serving.index.close()

    def forget(self) -> None:
        """Another library stands in the folder: its indexes are opened anew."""
        with self._turn:
            self.close()
            self._serving = None

    def serving(self) -> Serving:
        """The recipe's model, or in a library without one that of the settings; opened anew where another process
        changed it. OtherEmbedding: the recipe's is not on this machine. ModelUnusable: that of the settings."""
        made_with = self._store.recipe().get("embedding")
        with self._turn:
            if self._serving is None or made_with not in (None, self._serving.embedder.name):
                self._serving = self._find(made_with)
            return self._serving

    def _find(self, made_with: str | None) -> Serving:
        asked, theirs = self._names()
        embedder = self._open(asked)
        if made_with in (None, embedder.name):
            return self._pair(embedder, asked)
        other = OtherEmbedding(library=self._settings.library, theirs=made_with, ours=embedder.name)
        try:
            if self._open(theirs).name == made_with:
                return self._pair(self._open(theirs), theirs)
        except ModelUnusable as error:
            raise other from error
        raise other

    def _names(self) -> tuple[str, str]:
        """How the model that is asked for is opened, and the library's own."""
        theirs = str(self._store.recipe().get("model") or BUILTIN)
        asked = self._settings.embedding or theirs
        folder = Path(asked).expanduser()
        return str(folder.resolve()) if asked != BUILTIN and folder.exists() else asked, theirs

    def _open(self, named: str) -> Embedder:
        if named not in self._models:
            self._models[named] = open_embedder(self._settings, named)
        return self._models[named]

    def _pair(self, embedder: Embedder, named: str) -> Serving:
        return Serving(embedder, self.index_of(embedder.name), named)

    def index_of(self, model: str) -> SearchIndex:
        if self._settings.search is not None:
            from rag.search.milvus import MilvusSearch

            return MilvusSearch(self._settings.search, self._store, model)
        from rag.search.cached import Cached
        from rag.search.local import LocalSearch

        local = LocalSearch if isinstance(self._settings.library, Path) else Cached
        return local(self._settings.derived, self._store, model)

    def index(self) -> SearchIndex:
        """Of the model in the recipe, also where that is not on this machine."""
        made_with = str(self._store.recipe().get("embedding") or "")
        with self._turn:
            if self._serving is not None and self._serving.embedder.name == made_with:
                return self._serving.index
        return self.index_of(made_with)

    def ask_for(self, model: str | None) -> str | None:
        """As if the settings had named it: `change` puts it in the place of the one that serves. What they named before."""
        with self._turn:
            before, self._settings = self._settings.embedding, replace(self._settings, embedding=model)
        return before

    def keep(self) -> Serving:
        """Writes into the recipe which model serves. With the writer's lock held, so that it stays so meanwhile."""
        now = self.serving()
        self._write(now)
        return now

    def _write(self, pair: Serving, **more: str) -> None:
        embedder = pair.embedder
        self._store.set_recipe(embedding=embedder.name, dimension=embedder.dimension, model=pair.named, **more)

    def asked(self) -> tuple[Embedder, str] | None:
        """The model that the settings ask for and how it is opened, where another serves. ModelUnusable."""
        made_with = self._store.recipe().get("embedding")
        with self._turn:
            named, _ = self._names()
            embedder = self._open(named)
        return (embedder, named) if made_with not in (None, embedder.name) else None

    # ---------------------------------------------------------------- embedding

    def embed(self, tell: Watch, stop: Stop) -> int:
        """Embeds what the serving model has not yet, newest first; how many passages. The lock is held for commits
        alone, so adding goes on beside it; a kill loses one batch. Ends early where another process changes the model; on
        a server it is left to another that does it."""
        from rag.noting import sole

        now, fresh = self.serving(), 0
        with sole(self._store) as mine:
            if mine:
                fresh = self._embed(now.embedder, now.index, tell, stop, lambda: self.serving() is now)
        if fresh:
            now.index.catch_up()
        return fresh

    def _embed(self, embedder: Embedder, index: SearchIndex, tell: Watch, stop: Stop, still: Stop) -> int:
        store, fresh = self._store, 0
        done, total = store.embedding_progress(embedder.name)
        while not stop() and (batch := store.unembedded(embedder.name, limit=AT_ONCE)):
            tell(Progress("meaning", done + fresh, total))
            vectors = embedder.passages([text for _, text in batch])
            with store.writing(wait=60):
                if not still():
                    return fresh
                store.put_vectors(embedder.name, [i for i, _ in batch], vectors)
            fresh += len(batch)
            if fresh % (20 * AT_ONCE) == 0:
                index.catch_up()
        if fresh:
            tell(Progress("meaning", done + fresh, total))
        return fresh

    def change(self, tell: Watch, stop: Stop) -> bool:
        """Puts the model that is asked for in the place of the one that serves; True where it did.

        Its vectors and index are made beside the old ones, which serve until the recipe names the new one, one
        transaction; only then the old ones go. Stopped or killed, the next call goes on."""
        store, asked = self._store, self.asked()
        if asked is None:
            self._forget_others()
            return False
        new = self._pair(*asked)
        name = new.embedder.name
        with store.writing(wait=60):
            store.set_recipe(making=name)
            self._forget_others()

        def still() -> bool:
            """Nobody has asked for a third one meanwhile."""
            return bool(store.recipe().get("making") == name)

        while True:
            self._embed(new.embedder, new.index, tell, stop, still)
            if stop() or not still():
                return False
            new.index.catch_up()
            with store.writing(wait=60):
                if still() and not store.unembedded(name, limit=1):
                    self._write(new, making="")
                    break  # else something was added meanwhile
        with self._turn:
            self._serving = new
        self._forget_others()
        return True

    def _forget_others(self) -> None:
        """Vectors of models that neither serve nor are being made, here or in another process, go with their files."""
        recipe = self._store.recipe()
        stays = {str(recipe.get("embedding") or ""), str(recipe.get("making") or "")}
        if not set(self._store.models()) <= stays:
            with self._store.writing(wait=60):
                self._store.keep_models(stays)
                self.index().keep_models(stays)


def found(now: Serving, texts: Sequence[str]) -> set[int]:
    """Passages that the indexes find by these texts: by their words, alone and as whole articles, and by their meaning."""
    from rag.text import tokens

    there: set[int] = set()
    for text in texts:
        for whole in (False, True):
            there.update(now.index.lexical(tokens(text), PROBED, whole=whole).ids.tolist())
    for vector in now.embedder.passages(texts[:: max(1, len(texts) // 3)]) if texts else ():  # 50 ms each
        there.update(now.index.nearest(vector, PROBED).ids.tolist())
    return there
