"""Paths come in, files with their source names go out, each opened by the reader of its format."""
from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rag.errors import FileRefused, NoPermission, PathMissing
from rag.reading.refusing import Unreadable
from rag.types import Document
from rag.words import say

LeftOut = Callable[[str, str], None]


def files_in(paths: Sequence[Path], left_out: LeftOut | None = None) -> Iterator[tuple[Path, str]]:
    """Each file with its source: the path below the folder that was added (a single file: its name), in name order.

    `left_out(name, reason)` hears of hidden files, which get no receipt. A link that leads out of its folder and
    what is no file at all (a device, a pipe) come out as they are: `read` refuses them. Errors: PathMissing.
    """
    for path in map(Path, paths):
        if not path.exists():
            raise PathMissing(path=str(path))
        if path.is_dir():
            yield from _walk(path.resolve(), left_out or (lambda name, reason: None))
        else:
            yield path.resolve(), source_name(path.name)


def _walk(root: Path, left_out: LeftOut) -> Iterator[tuple[Path, str]]:
    def denied(error: OSError) -> None:
        raise NoPermission(path=str(error.filename)) from error

    for folder, folders, names in os.walk(root, onerror=denied):
        here = Path(folder)
        kept = []
        for name in sorted(folders):
            below = source_name((here / name).relative_to(root).as_posix())
            if hidden(name):
                left_out(below, say("reading.hidden"))
            elif (here / name).is_symlink():
                names.append(name)
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            path = here / name
            below = source_name(path.relative_to(root).as_posix())
            if hidden(name):
                left_out(below, say("reading.hidden"))
            elif path.is_symlink() and path.resolve().is_relative_to(root):
                if path.resolve().is_file():
                    yield path.resolve(), below
                else:
                    left_out(below, say("reading.inner_link"))
            else:
                yield path, below


def hidden(name: str) -> bool:
    """Files that programs leave behind for themselves: no author's work."""
    return name.startswith((".", "~$")) or name in ("Thumbs.db", "desktop.ini", "__MACOSX")


def source_name(name: str) -> str:
    """The name in Unicode's usual form; bytes that are no UTF-8 read as GB18030, what can't be seen escaped."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raw = os.fsencode(name)
        try:
            name = raw.decode("gb18030")
        except UnicodeDecodeError:
            name = raw.decode("ascii", "backslashreplace")
    name = unicodedata.normalize("NFC", name)
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in name)


def read(path: Path, source: str) -> Document:
    """What is written in one file. Errors: FileRefused with a reason."""
    from rag.reading import plain, rows

    suffix = path.suffix.lower()
    try:
        _check(path)
        if suffix in (".txt", ".text", ".md", ".markdown"):
            return plain.read(path, source, suffix)
        if suffix in (".jsonl", ".ndjson"):
            return rows.read_jsonl(path, source)
        raise Unreadable("unknown_format", format=suffix or path.name)
    except Unreadable as refusal:
        raise FileRefused(file=source, reason=str(refusal)) from refusal
    except OSError as error:
        raise FileRefused(file=source, reason=say("reading.not_opened", detail=error.strerror or str(error))) from error


def read_all(path: Path, source: str) -> Iterator[Document | FileRefused]:
    """As `read`, for archives too: each member a Document of its own, or why it was refused. Raises nothing."""
    try:
        yield read(path, source)
    except FileRefused as refusal:
        yield refusal


def _check(path: Path) -> None:
    state = path.lstat()
    if stat.S_ISLNK(state.st_mode):
        raise Unreadable("outer_link")
    if not stat.S_ISREG(state.st_mode):
        raise Unreadable("no_file")
    if state.st_size == 0:
        raise Unreadable("empty")
