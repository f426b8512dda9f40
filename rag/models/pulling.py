"""A model's id comes in; its files, each checked against its sum, stand in a folder on this machine.

From Hugging Face (or a mirror of it) or ModelScope, by name only. What is half loaded lies aside and is gone on with;
a model is there whole or not at all.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from rag import settings
from rag.errors import DiskFull, PullFailed
from rag.words import say

if TYPE_CHECKING:
    import httpx

HUGGING_FACE, MODELSCOPE = "https://huggingface.co", "https://www.modelscope.cn"
TRIES = 5  # for a file, in a row without a byte more
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_BLOCK = 1 << 20
# What no engine here reads: other frameworks' weights, code, pictures.
_NOT_WANTED = ("*.py", "*.h5", "*.msgpack", "*.onnx*", "*.ot", "*.tflite", "*.pt", "*.pth", "*.png", "*.jpg", "*.jpeg",
               "*.gif", "*.pdf", "onnx/*", "openvino/*", "original/*", "figures/*", "assets/*", "imgs/*", ".git*",
               "configuration.json")  # fmt: skip

Tell = Callable[[int, int, str], None]  # bytes so far, bytes in all, the file at hand


@dataclass(frozen=True, slots=True)
class File:
    """`sha256` of its bytes, or `git`: the SHA-1 by which git names them."""

    path: str
    size: int
    url: str
    sha256: str | None = None
    git: str | None = None


class Hub(Protocol):
    name: str

    def files(self, model: str, client: httpx.Client) -> tuple[str, list[File]]:
        """The revision that stands now, and its files."""


class HuggingFace:
    """Hugging Face, or a mirror that answers as it does."""

    def __init__(self, address: str = HUGGING_FACE) -> None:
        self.name = address.rstrip("/")

    def files(self, model: str, client: httpx.Client) -> tuple[str, list[File]]:
        told = _asked(client, f"{self.name}/api/models/{model}", blobs="true")
        revision = str(told["sha"])
        files = []
        for row in told["siblings"]:
            large = row.get("lfs") or {}
            path = str(row["rfilename"])
            url = f"{self.name}/{model}/resolve/{quote(revision)}/{quote(path)}"
            files.append(File(path, int(row["size"]), url, large.get("sha256"), row.get("blobId")))
        return revision, files


class ModelScope:
    def __init__(self, address: str = MODELSCOPE) -> None:
        self.name = address.rstrip("/")

    def files(self, model: str, client: httpx.Client) -> tuple[str, list[File]]:
        repository = f"{self.name}/api/v1/models/{model}/repo"
        told = _asked(client, f"{repository}/files", Revision="master", Recursive="true")
        files, revision = [], "master"
        for row in told["Data"]["Files"]:
            if row.get("Type") == "tree":
                continue
            path = str(row["Path"])
            url = f"{repository}?Revision={revision}&FilePath={quote(path)}"
            files.append(File(path, int(row["Size"]), url, row.get("Sha256") or None))
        return revision, files


def hub(mirror: str | None = None) -> Hub:
    """ "modelscope", or the address of a mirror of Hugging Face; None: what HF_ENDPOINT says, else Hugging Face."""
    if mirror == "modelscope":
        return ModelScope()
    return HuggingFace(mirror or settings.hub() or HUGGING_FACE)


def pull(
    model: str,
    source: Hub,
    *,
    file: str = "",
    tell: Tell = lambda done, total, name: None,
    pause: float = 1.0,
) -> Path:
    """Loads a model's files; its folder. `file`: only files of that pattern, "*q4_k_m.gguf".

    Errors: PullFailed with the reason (what was loaded stays, the next call goes on), DiskFull.
    """
    import httpx

    if not is_id(model):
        raise PullFailed(model=model, why=say("models.pull.no_id"))
    place = settings.models() / model
    aside = settings.models() / ".half" / model.replace("/", "--")
    try:
        with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=15)) as client:
            revision, all_files = source.files(model, client)
            files = wanted(all_files, file)
            if not files:
                raise PullFailed(model=model, why=say("models.pull.no_file", file=file or "*"))
            total = sum(f.size for f in files)
            room(settings.models(), total - sum(p.stat().st_size for p in aside.rglob("*") if p.is_file()))
            done = 0
            for one in files:
                path = aside / one.path
                path.parent.mkdir(parents=True, exist_ok=True)
                for more in _load(client, one, path, pause):
                    tell(done + more, total, one.path)
                if not is_whole(path, one):
                    path.unlink()
                    raise PullFailed(model=model, why=say("models.pull.other_sum", file=one.path))
                done += one.size
    except httpx.HTTPStatusError as error:
        raise PullFailed(model=model, why=_refusal(error, source)) from error
    except httpx.HTTPError as error:
        host = urlsplit(source.name).netloc
        raise PullFailed(model=model, why=say("models.pull.no_way", host=host)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise PullFailed(model=model, why=say("models.pull.unreadable", host=source.name)) from error
    put(aside, place, {"id": model, "from": source.name, "revision": revision}, files)
    return place


def wanted(files: Sequence[File], pattern: str = "") -> list[File]:
    """Those that an engine reads: one form of the weights, safetensors before pickles, and what describes them."""
    safe = [f for f in files if is_safe(f.path)]
    if pattern:
        return [f for f in safe if fnmatch.fnmatchcase(f.path, pattern)]
    kept = [f for f in safe if not any(fnmatch.fnmatchcase(f.path, one) for one in _NOT_WANTED)]
    tensors = any(f.path.endswith(".safetensors") for f in kept)
    packed = [f for f in kept if f.path.endswith(".gguf")]
    if packed and not tensors:
        return kept if len(packed) == 1 else []  # many forms: somebody has to say which
    return [f for f in kept if not f.path.endswith(".gguf") and not (tensors and f.path.endswith(".bin"))]


def remove(model: str) -> int:
    """Takes a pulled model away; the bytes that became free, 0 where there was none."""
    if not is_id(model):
        return 0
    free = 0
    for place in (settings.models() / model, settings.models() / ".half" / model.replace("/", "--")):
        if place.is_dir():
            free += sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
            shutil.rmtree(place)
    owner = (settings.models() / model).parent
    if owner.is_dir() and not any(owner.iterdir()):
        owner.rmdir()
    return free


def is_id(model: str) -> bool:
    """Whether it is written as hubs name models: OWNER/MODEL."""
    return bool(_ID.fullmatch(model)) and ".." not in model


def here() -> Iterator[tuple[str, int]]:
    """(id, bytes) of the models that were pulled."""
    for card in sorted(settings.models().glob(f"*/*/{settings.CARD}")):
        folder = card.parent
        yield f"{folder.parent.name}/{folder.name}", sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


# ---------------------------------------------------------------- asking


def _asked(client: httpx.Client, address: str, **parameters: str) -> Any:
    response = client.get(address, params=parameters)
    response.raise_for_status()
    return response.json()


def is_safe(path: str) -> bool:
    """Whether a name that a hub tells stays below the folder, on every system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not any(
        p in ("..", ".") or set(p) & set('\\:*?"<>|') or p.startswith(".") for p in parts
    )  # fmt: skip


def _refusal(error: httpx.HTTPStatusError, source: Hub) -> str:
    status = error.response.status_code
    if status == 404:
        return say("models.pull.unknown", host=source.name)
    if status in (401, 403):
        return say("models.pull.not_open", host=source.name)
    return say("models.pull.status", host=source.name, status=status)


def room(folder: Path, needed: int) -> None:
    """Errors: DiskFull, where fewer than the needed bytes (and 64 MB) are free."""
    while not folder.exists():
        folder = folder.parent
    if shutil.disk_usage(folder).free < needed + (64 << 20):
        raise DiskFull(path=folder)


# ---------------------------------------------------------------- loading


def _load(client: httpx.Client, file: File, path: Path, pause: float) -> Iterator[int]:
    """Appends what is missing of a file; how many bytes are there, as they come. Cut connections are taken up again."""
    import httpx

    failed = furthest = 0
    while not path.exists() or path.stat().st_size < file.size:
        try:
            for have in _more(client, file, path, path.stat().st_size if path.exists() else 0):
                if have > furthest:
                    failed, furthest = 0, have
                yield have
            if path.stat().st_size < file.size:
                raise httpx.ReadError("ended early")
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500 and error.response.status_code != 429:
                raise
            failed += 1
            if failed == TRIES:
                raise
            time.sleep(pause * 2 ** (failed - 1))
        except httpx.TransportError:
            failed += 1
            if failed == TRIES:
                raise
            time.sleep(pause * 2 ** (failed - 1))
    yield file.size


def _more(client: httpx.Client, file: File, path: Path, have: int) -> Iterator[int]:
    ask = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with client.stream("GET", file.url, headers=ask) as response:
        response.raise_for_status()
        goes_on = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not goes_on:
            have = 0  # the server sends all of it again
        with path.open("ab" if goes_on else "wb") as out:
            for block in response.iter_raw():  # as they come: what a gathering buffer holds would be lost with a cut
                out.write(block)
                have += len(block)
                if have > file.size:
                    return  # more than was told: its sum will not fit
                yield have


def is_whole(path: Path, file: File) -> bool:
    """Whether these are the bytes that the hub names."""
    if path.stat().st_size != file.size:
        return False
    wanted, digest = file.sha256 or file.git, hashlib.sha256() if file.sha256 else hashlib.sha1(usedforsecurity=False)
    if wanted is None:
        return True
    if not file.sha256:
        digest.update(b"blob %d\0" % file.size)
    with path.open("rb") as data:
        while block := data.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == wanted


def put(aside: Path, place: Path, card: dict[str, str], files: Sequence[File]) -> None:
    """The files in their place; the card, which says that all are there, last."""
    place.mkdir(parents=True, exist_ok=True)
    known = place / settings.CARD
    before: dict[str, Any] = {}
    if known.is_file():
        before = json.loads(known.read_text("utf-8")).get("files", {})
    for file in files:
        (place / file.path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(aside / file.path, place / file.path)
    sums = {**before, **{f.path: f.sha256 or f.git for f in files}}
    half = place / f"{settings.CARD}.half"
    half.write_text(json.dumps({**card, "files": sums}, ensure_ascii=False, indent=1), "utf-8")
    os.replace(half, known)
    shutil.rmtree(aside)
