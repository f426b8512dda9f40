"""Models that several servers share: an object store (or a network drive) holds them, each server a copy of what it uses.

Comes in: a model's id; goes out: its folder on this machine. The store is whatever fsspec opens: s3://, gs://, az://,
sftp://, file://… A model is in the store whole or not at all (its card is written last), and what is fetched is
compared with the sums that the card names.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from rag import settings
from rag.errors import Error, ModelUnusable
from rag.models import pulling
from rag.words import say


def found(model: str) -> Path | None:
    """`settings.pulled`, for models of the store too: one that is not here yet is fetched.

    Errors: ModelUnusable, where the store can't be reached or its copy is broken; DiskFull.
    """
    here = settings.pulled(model)
    if here or not settings.model_store() or not pulling.is_id(model):
        return here
    with _reaching(model) as (store, root):
        if not store.exists(f"{root}/{model}/{settings.CARD}"):
            return None
        settings.models().mkdir(parents=True, exist_ok=True)
        with FileLock(settings.models() / f".{model.replace('/', '--')}.lock"):
            if settings.pulled(model) is None:  # another process may have fetched it meanwhile
                _fetch(store, root, model)
    return settings.pulled(model)


def keep(model: str) -> None:
    """Puts a pulled model into the store, where there is one. Errors: ModelUnusable."""
    if not settings.model_store():
        return
    folder = settings.models() / model
    with _reaching(model) as (store, root):
        for name in json.loads((folder / settings.CARD).read_text("utf-8"))["files"]:
            _put(store, folder / name, f"{root}/{model}/{name}")
        _put(store, folder / settings.CARD, f"{root}/{model}/{settings.CARD}")


def remove(model: str) -> bool:
    """Takes a model out of the store, so that no server fetches it again; whether it was there. Errors: ModelUnusable."""
    if not settings.model_store() or not pulling.is_id(model):
        return False
    with _reaching(model) as (store, root):
        held = bool(store.exists(f"{root}/{model}"))
        if held:
            store.rm(f"{root}/{model}", recursive=True)
        return held


def listed() -> list[tuple[str, int]]:
    """(id, bytes) of the models in the store. Errors: ModelUnusable."""
    if not settings.model_store():
        return []
    with _reaching("*") as (store, root):
        cards = store.glob(f"{root}/*/*/{settings.CARD}")
        return [("/".join(card.split("/")[-3:-1]), store.du(card.rpartition("/")[0])) for card in sorted(cards)]


@contextlib.contextmanager
def _reaching(model: str) -> Iterator[tuple[Any, str]]:
    """The store and the path of its models. What such stores raise has no common base: all becomes ModelUnusable."""
    address = str(settings.model_store())
    name = address.partition("://")[0] + "://" + address.partition("://")[2].rpartition("@")[2]  # without a password
    try:
        import fsspec

        store, root = fsspec.core.url_to_fs(address)
        yield store, root.rstrip("/")
    except Error:  # ours says it already: broken, no room on this disk
        raise
    except ImportError as error:  # fsspec names the package that speaks with such a store
        raise ModelUnusable(
            model=model, why=say("models.store.package", store=name, detail=str(error)[:200])
        ) from error
    except Exception as error:
        detail = f"{type(error).__name__}: {error}".replace(address, name)[:200]
        raise ModelUnusable(model=model, why=say("models.store.no_way", store=name, detail=detail)) from error


def _fetch(store: Any, root: str, model: str) -> None:
    card = json.loads(store.cat_file(f"{root}/{model}/{settings.CARD}"))
    files = [
        pulling.File(name, store.size(f"{root}/{model}/{name}"), "", *_sum(told))
        for name, told in card["files"].items()
    ]
    if not all(pulling.is_safe(file.path) for file in files):
        raise ModelUnusable(model=model, why=say("models.pull.unreadable", host=root))
    aside = settings.models() / ".half" / f"{model.replace('/', '--')}.fetched"
    shutil.rmtree(aside, ignore_errors=True)
    pulling.room(settings.models(), sum(file.size for file in files))
    for file in files:
        (aside / file.path).parent.mkdir(parents=True, exist_ok=True)
        store.get_file(f"{root}/{model}/{file.path}", str(aside / file.path))
        if not pulling.is_whole(aside / file.path, file):
            raise ModelUnusable(model=model, why=say("models.store.other_sum", file=file.path))
    pulling.put(aside, settings.models() / model, {k: v for k, v in card.items() if k != "files"}, files)


def _sum(told: str | None) -> tuple[str | None, str | None]:
    """(sha256, git) of what a card names, by its length."""
    return (told, None) if told and len(told) == 64 else (None, told)


def _put(store: Any, file: Path, place: str) -> None:
    store.makedirs(place.rpartition("/")[0], exist_ok=True)
    store.put_file(str(file), place)
