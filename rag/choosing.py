"""Which models there are, which are here, and which one serves in a library: list, pull, use, remove.

A side room of `library.py`. What a model was found to do on this machine is kept beside the models.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import settings as places
from rag.errors import EmptyLibrary, ModelUnusable, UnknownName, Usage
from rag.models import Message, catalogue, open_model, pulling, shared
from rag.models.catalogue import Kind
from rag.reranking import is_reranker
from rag.settings import BUILTIN
from rag.types import Progress
from rag.wiring import open_embedder, open_reranker
from rag.words import say

if TYPE_CHECKING:
    from rag.library import Library

Watch = Callable[[Progress], None]
Trial = Mapping[str, Any]  # what evaluation/trial.py found


@dataclass(frozen=True, slots=True)
class Row:
    """A model as `rag models list` shows it. `memory` MB: None where it is not known; `fits`: whether that is free."""

    id: str
    kind: Kind
    here: bool
    used: bool  # in this library
    megabytes: int | None = None
    memory: int | None = None
    fits: bool | None = None
    licence: str | None = None
    speed: catalogue.Speed | None = None
    trial: Trial | None = None
    listed: bool = False  # in the catalogue
    pulled: bool = False  # lies in the folder of pulled models

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Machine:
    """Megabytes: memory that is free now, None where the system does not tell; disk that is free for models."""

    cores: int
    memory: int | None
    disk: int


def machine() -> Machine:
    folder = places.models()
    while not folder.exists():
        folder = folder.parent
    return Machine(places.threads(), catalogue.memory(), shutil.disk_usage(folder).free // 1_000_000)


def rows(library: str | os.PathLike[str] | Library | None = None) -> list[Row]:
    """The built-in ones, those in use, those here, then the rest of the catalogue."""
    in_use = _in_use(library)
    free, trials = catalogue.memory(), _trials()
    sizes = {model: size // 1_000_000 for model, size in (*shared.listed(), *pulling.here())}

    def row(model: str, kind: Kind) -> Row:
        known = catalogue.listed(model)
        memory = known.memory if known else None
        return Row(
            model,
            kind,
            model == BUILTIN or model in sizes or not known,
            model == in_use[kind],
            sizes.get(model) or (known.megabytes if known else None),
            memory,
            memory <= free if memory is not None and free is not None else None,
            known.licence if known else None,
            known.speed if known else None,
            trials.get(model) if kind == "writer" else None,
            known is not None,
            model in sizes,
        )

    named: dict[Kind, list[str]] = {kind: [BUILTIN, model] for kind, model in in_use.items()}
    for model in sizes:
        named[_kind(model, places.models() / model)].append(model)
    named["writer"] += trials
    for one in catalogue.CATALOGUE:
        named[one.kind].append(one.id)
    return [row(model, kind) for kind, models in named.items() for model in dict.fromkeys(models)]


def pull(model: str, *, mirror: str | None = None, file: str = "", progress: Watch | None = None) -> Path:
    """Loads a model from a hub; its folder. Errors: PullFailed, DiskFull."""
    known = catalogue.listed(model)

    def tell(done: int, total: int, name: str) -> None:
        if progress:
            progress(Progress("pulling", done // 1_000_000, total // 1_000_000, name))

    folder = pulling.pull(model, pulling.hub(mirror), file=file or (known.file if known else ""), tell=tell)
    shared.keep(model)
    return folder


def kind_of(model: str) -> Kind:
    """What a model that is here does."""
    return _kind(model, shared.found(model) or Path(model).expanduser())


def use(
    model: str,
    library: str | os.PathLike[str] | None = None,
    *,
    kind: Kind | None = None,
    progress: Watch | None = None,
) -> str:
    """Chooses a model for a library (made if it is not there); the name under which it is kept.

    One that writes or orders is asked something first: nothing is chosen that can't answer. One that embeds takes the
    place of the one before as `Library.change_embedding` does. Errors: ModelUnusable, LibraryLocked.
    """

    from rag.library import Library
    from rag.store import Store

    path = Path(model).expanduser()
    named = str(path.resolve()) if model != BUILTIN and path.exists() else model
    chosen, kind = places.load(library), kind or kind_of(model)
    if kind == "embedding":
        chosen = replace(chosen, embedding=named)
    _try(named, kind, chosen)
    with Library(Store.open(chosen.library), chosen) as shelf:
        _take(shelf, named, kind, progress, lambda: False)
    return named


def use_in(
    library: Library,
    model: str,
    kind: Kind,
    *,
    progress: Watch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """As `use`, for a library that is open: it answers by this model from the next question on, and searches by it once
    all is embedded by it. Stopped or killed, the next call goes on. Errors: also Usage, where the settings name another."""
    asked = settled(library.settings)[kind]
    if asked and asked != model:
        name = {"writer": "RAG_ENGINE", "embedding": "RAG_EMBEDDING", "reranker": "RAG_RERANKER"}[kind]
        raise Usage(what=say("models.settled", name=name, value=asked[:200]), remedy=say("models.settled_remedy"))
    _try(model, kind, replace(library.settings, embedding=model) if kind == "embedding" else library.settings)
    before = library._meaning.ask_for(model) if kind == "embedding" else None
    try:
        _take(library, model, kind, progress, stop)
    finally:  # the recipe names it now, or it is not asked for any more
        if kind == "embedding":
            library._meaning.ask_for(before)


def settled(settings: places.Settings) -> dict[Kind, str | None]:
    """What this start of the program settled: None where the library decides."""
    return {"writer": settings.engine, "embedding": settings.embedding, "reranker": settings.reranker}


def _try(model: str, kind: Kind, chosen: places.Settings) -> None:
    """Errors: ModelUnusable, ModelsNotInstalled."""
    if kind == "embedding":
        open_embedder(chosen)
    elif kind == "reranker" and model != BUILTIN:
        open_reranker(chosen, model).scores("?", ["。"], 600)
    elif model != BUILTIN:
        writer = open_model(model, chosen.threads, key=chosen.server_key, away=chosen.server_away)
        for _ in writer.write([Message("user", "?")], 1, lambda: False):
            pass


def _take(shelf: Library, model: str, kind: Kind, progress: Watch | None, stop: Callable[[], bool]) -> None:
    if kind != "embedding":
        _keep(shelf, model, kind)
    elif shelf._store.counts().passages:
        shelf.change_embedding(progress=progress, stop=stop)
    else:
        with shelf._store.writing(wait=60):
            shelf._meaning.keep()


def _keep(shelf: Library, model: str, kind: Kind = "writer") -> None:
    """The one before it goes out of memory with the last answer that it serves."""
    with shelf._store.writing(wait=60):
        shelf._store.set_recipe(**{"engine" if kind == "writer" else kind: model})
    if kind == "reranker":
        shelf.reordering.forget()
        return
    with shelf._opening:
        shelf._engines.clear()


def remove(model: str, library: str | os.PathLike[str] | Library | None = None) -> tuple[int, Kind | None]:
    """Takes a pulled model off this machine and out of the store that servers share: megabytes that became free, and
    what it did here, if it was in use: the built-in one does that then. Errors: UnknownName; ModelUnusable (this library
    is embedded with it, or the store can't be reached)."""
    from rag.library import Library
    from rag.library import open as open_library

    used = [kind for kind, named in _in_use(library).items() if named == model]
    if "embedding" in used:
        raise ModelUnusable(model=model, why=say("models.embeds_here"))
    shared_too = shared.remove(model)
    free = pulling.remove(model)
    if not free and not shared_too:
        raise UnknownName(name=model)
    for kind in used:
        if isinstance(library, Library):
            _keep(library, BUILTIN, kind)
        else:
            with open_library(library) as shelf:
                _keep(shelf, BUILTIN, kind)
    return free // 1_000_000, used[0] if used else None


def keep_trial(model: str, trial: Trial) -> None:
    """What a model was found to do, kept on this machine under its name."""
    file = places.models() / "tried.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".half")
    half.write_text(json.dumps({**_trials(), model: dict(trial)}, ensure_ascii=False, indent=1), "utf-8")
    os.replace(half, file)


def told_of(trial: Mapping[str, Any], speak: Callable[..., str] = say) -> str:
    """What the self-test found, in a sentence; worse than the built-in answerer is said so."""
    figures = speak(
        "cli.models.tried",
        questions=trial.get("questions"),
        right=trial.get("right"),
        builtin=trial.get("builtin_right"),
        seconds=trial.get("seconds"),
    )
    return figures + (speak("cli.models.worse") if trial.get("worse") else "")


def _trials() -> dict[str, Trial]:
    try:
        kept = json.loads((places.models() / "tried.json").read_text("utf-8"))
    except (OSError, ValueError):  # none yet, or changed by hand: tried anew at the next `use`
        return {}
    return {k: v for k, v in kept.items() if isinstance(v, dict)} if isinstance(kept, dict) else {}


def _in_use(library: str | os.PathLike[str] | Library | None) -> dict[Kind, str]:
    """Who answers, what embeds and what orders in a library; the built-in ones where there is none yet."""
    from rag.library import Library
    from rag.library import open as open_library

    if isinstance(library, Library):
        embedding = library._meaning._names()[1]
        return {"writer": library.engine, "embedding": embedding, "reranker": library.reordering.named}
    try:
        with open_library(library, create=False) as shelf:
            embedding = shelf._meaning._names()[0]
            return {"writer": shelf.engine, "embedding": embedding, "reranker": shelf.reordering.named}
    except EmptyLibrary:
        return {kind: named or BUILTIN for kind, named in settled(places.load(library)).items()}


def _kind(model: str, folder: Path) -> Kind:
    """By the catalogue, else by the files that are there: one that only lies in the shared store is taken for a writer."""
    known = catalogue.listed(model)
    if known:
        return known.kind
    return "reranker" if is_reranker(folder) else "embedding" if _embeds(folder) else "writer"


def _embeds(folder: Path) -> bool:
    return (folder / "modules.json").is_file() or (folder / "model.json").is_file()
