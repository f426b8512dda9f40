"""Paths come in, files with their source names go out, each opened by the reader of its format."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import FileRefused, NoPermission, PathMissing
from rag.reading.refusing import Unreadable
from rag.types import Document
from rag.words import say

if TYPE_CHECKING:
    from rag.reading.recognition import Recogniser

LeftOut = Callable[[str, str], None]
Reader = Callable[[Path, str], Document]

_PICTURES = (".heic", ".heif", ".jp2", ".avif", ".psd", ".svg", ".wmf", ".emf")  # those that are not read
_MEDIA = (".mp3", ".wav", ".m4a", ".flac", ".aac", ".mp4", ".avi", ".mov", ".mkv", ".wmv", ".flv")
_OFFICE = (".doc", ".wps", ".ppt", ".dps", ".rtf", ".odt", ".odp", ".pages", ".key", ".mobi", ".azw3", ".caj")
_SHEETS = (".xls", ".et", ".ods", ".numbers")
_ZIPPED = (".docx", ".pptx", ".xlsx", ".epub")  # formats that are zip files inside
_ARCHIVES = (".rar", ".7z", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".zst", ".cab", ".iso")
# How files begin that are no text, whatever they are called.
_SIGNATURES = (
    (b"%PDF", ".pdf"),
    (b"PK\x03\x04", ".zip"),
    (b"PK\x05\x06", ".zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".doc"),
    (b"\x89PNG", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"Rar!", ".rar"),
    (b"7z\xbc\xaf", ".7z"),
    (b"\x1f\x8b", ".gz"),
    (b"{\\rtf", ".rtf"),
    (b"\x7fELF", ".elf"),
    (b"MZ\x90", ".exe"),
    (b"SQLite format 3", ".db"),
)


# ---------------------------------------------------------------- walking


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
    unopened: list[str] = []

    def denied(error: OSError) -> None:
        if Path(error.filename) == root:
            raise NoPermission(path=str(root)) from error
        unopened.append(str(error.filename))

    for folder, folders, names in os.walk(root, onerror=denied):
        here = Path(folder)
        kept, linked = [], []
        for name in folders:
            if hidden(name):
                left_out(_below(here / name, root), say("reading.hidden"))
            elif (here / name).is_symlink():
                linked.append(name)
            else:
                kept.append(name)
        folders[:] = sorted(kept)
        for name in sorted(names + linked):
            path, below = here / name, _below(here / name, root)
            if hidden(name):
                left_out(below, say("reading.hidden"))
            elif path.is_symlink() and path.exists() and path.resolve().is_relative_to(root):
                left_out(below, say("reading.inner_link"))  # what it leads to is read where it lies
            else:
                yield path, below
    for name in unopened:  # folders that could not be opened: `read` says so
        yield Path(name), _below(Path(name), root)


def _below(path: Path, root: Path) -> str:
    return source_name(path.relative_to(root).as_posix())


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


# ---------------------------------------------------------------- reading


def read(path: Path, source: str, recogniser: Recogniser | None = None) -> Document:
    """What is written in one file; pictures of pages by `recogniser`. Errors: FileRefused with a reason."""
    with _refusing(source):
        _check(path)
        if path.suffix.lower() == ".zip":
            raise Unreadable("zip_as_one")
        return _read(path, source, recogniser)


def read_all(path: Path, source: str, recogniser: Recogniser | None = None) -> Iterator[Document | FileRefused]:
    """As `read`, for archives too: each member a Document of its own, or why it was refused. Raises nothing.

    `recogniser`: one for many files, so that its models are opened once and it tells how far it is.
    """
    from rag.reading import archive

    try:
        with _refusing(source):
            _check(path)
            if path.suffix.lower() != ".zip":
                yield _read(path, source, recogniser)
                return
            yield from archive.members(path, source, lambda path, source: read(path, source, recogniser))
    except FileRefused as refusal:
        yield refusal


@contextmanager
def _refusing(source: str) -> Iterator[None]:
    """Turns what a reader says of a file into a FileRefused that names it."""
    try:
        yield
    except Unreadable as refusal:
        raise FileRefused(file=source, reason=str(refusal)) from refusal
    except PermissionError as error:
        raise FileRefused(file=source, reason=say("reading.no_permission")) from error
    except OSError as error:
        raise FileRefused(file=source, reason=say("reading.not_opened", detail=error.strerror or str(error))) from error
    except (MemoryError, RecursionError) as error:
        raise FileRefused(file=source, reason=say("reading.damaged", detail=type(error).__name__)) from error


def _check(path: Path) -> None:
    """Refuses what must not even be opened. Errors: Unreadable, OSError."""
    state = path.lstat()
    if stat.S_ISLNK(state.st_mode):
        raise Unreadable("outer_link" if path.exists() else "broken_link")
    if stat.S_ISDIR(state.st_mode):
        raise Unreadable("no_permission")
    if not stat.S_ISREG(state.st_mode):
        raise Unreadable("no_file")
    if state.st_size == 0:
        raise Unreadable("empty")


def _read(path: Path, source: str, recogniser: Recogniser | None) -> Document:
    suffix = path.suffix.lower()
    reader = _reader(suffix, path.name, recogniser)
    from rag.reading import scan

    with path.open("rb") as file:
        start = file.read(16)
    kind = next((kind for signature, kind in _SIGNATURES if start.startswith(signature)), None)
    if kind == ".doc" and suffix in _ZIPPED:
        raise Unreadable("encrypted_or_old", format=suffix)
    alike = (
        kind == suffix or (kind == ".zip" and suffix in _ZIPPED) or (kind in scan.SUFFIXES and suffix in scan.SUFFIXES)
    )
    if (kind and not alike) or (kind is None and suffix in (".pdf", *_ZIPPED)):
        raise Unreadable("wrong_extension", format=suffix)
    return _proven(reader(path, source))


def _reader(suffix: str, name: str, recogniser: Recogniser | None) -> Reader:
    """The reader of a format; heavy ones import their libraries when they are called. Errors: Unreadable."""
    from rag.reading import book, office, pdf, plain, rows, scan, slides, web, workbook
    from rag.reading.recognition import Recogniser

    eyes = recogniser or Recogniser()
    readers: dict[tuple[str, ...], Reader] = {
        (".txt", ".text", ".md", ".markdown"): lambda path, source: plain.read(path, source, suffix),
        (".jsonl", ".ndjson"): rows.read_jsonl,
        (".csv",): rows.read_csv,
        (".tsv",): lambda path, source: rows.read_csv(path, source, "\t"),
        (".html", ".htm", ".xhtml"): web.read_html,
        (".mhtml", ".mht"): web.read_mhtml,
        (".docx",): office.read,
        (".pptx",): slides.read,
        (".xlsx",): workbook.read,
        (".epub",): book.read,
        (".pdf",): lambda path, source: pdf.read(path, source, eyes),
        scan.SUFFIXES: lambda path, source: scan.read(path, source, eyes),
    }
    for suffixes, reader in readers.items():
        if suffix in suffixes:
            return reader
    for key, suffixes in (
        ("picture", _PICTURES),
        ("media", _MEDIA),
        ("old_office", _OFFICE),
        ("sheet", _SHEETS),
        ("other_archive", _ARCHIVES),
        ("zip_nested", (".zip",)),
    ):
        if suffix in suffixes:
            raise Unreadable(key, format=suffix)
    raise Unreadable("unknown_format", format=suffix or name[:40])


def _proven(document: Document) -> Document:
    """Leaves out blocks that are garbled, and says so. Errors: Unreadable where most of a document is, or nothing is left."""
    from rag.reading.encodings import garbled

    if document.records:
        return document
    bad = {n for n, block in enumerate(document.blocks) if garbled(block.text)}
    if not bad:
        return document
    total = sum(len(b.text) for b in document.blocks)
    lost = sum(len(document.blocks[n].text) for n in bad)
    if lost > 0.3 * total:
        raise Unreadable("garbled")
    first = document.blocks[min(bad)]
    place = (
        say("reading.on_page", page=first.page) if document.pages > 1 else say("reading.paragraph", number=min(bad) + 1)
    )
    return replace(
        document,
        blocks=tuple(b for n, b in enumerate(document.blocks) if n not in bad),
        garbled=round(lost / total, 4),
        losses=(*document.losses, say("reading.garbled_part", count=len(bad), place=place)),
    )
