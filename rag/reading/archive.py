"""A zip comes in, its members go out one by one, each unpacked under limits and read like any file.

Nothing is written outside a temporary folder of our own naming, so no member's path can lead anywhere; sizes are
counted while unpacking, since what an archive says of itself may be a lie.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from rag.errors import FileRefused
from rag.reading.refusing import Unreadable
from rag.types import Document
from rag.words import say

MAX_MEMBERS = 20_000
MAX_BYTES = 2 * 2**30  # of all members together
MAX_RATIO = 200  # unpacked to packed, of one member above a megabyte: text reaches 10, rows 30
_CHUNK = 2**20
_NESTED = (".zip", ".rar", ".7z", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".zst", ".jar")


def members(path: Path, source: str, read: Callable[[Path, str], Document]) -> Iterator[Document | FileRefused]:
    """Each member's Document, named SOURCE/MEMBER, or why it was refused. Errors: Unreadable for the archive itself."""
    archive = opened(path)
    with archive, tempfile.TemporaryDirectory(prefix="rag-zip-") as folder:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if not files:
            raise Unreadable("zip_empty")
        if len(files) > MAX_MEMBERS:
            raise Unreadable("zip_many", count=len(files), limit=MAX_MEMBERS)
        left = MAX_BYTES
        for info in sorted(files, key=lambda i: _name(i)):
            from rag.reading.files import hidden, source_name

            name = _name(info)
            parts = PurePosixPath(name.replace("\\", "/")).parts
            if any(hidden(part) for part in parts if part != ".."):
                continue
            shown = f"{source}/{source_name(name)}"
            try:
                inside = _unpacked(archive, info, parts, Path(folder), left)
            except Unreadable as refusal:
                yield FileRefused(file=shown, reason=str(refusal))
                continue
            left -= inside.stat().st_size
            try:
                yield read(inside, shown)
            except FileRefused as refusal:
                yield refusal
            finally:
                inside.unlink(missing_ok=True)


def opened(path: Path) -> zipfile.ZipFile:
    """Errors: Unreadable."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Unreadable("damaged", detail=say("reading.zip_table")) from error


def refuse_bomb(path: Path, limit: int) -> None:
    """Looks at a zip-based document (.docx) before its library unpacks it. Errors: Unreadable."""
    with opened(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
        if size > limit:
            raise Unreadable("zip_large", size=size >> 20, limit=limit >> 20)
        for info in archive.infolist():
            if info.file_size > _CHUNK and info.file_size > MAX_RATIO * max(1, info.compress_size):
                raise Unreadable("zip_ratio", ratio=info.file_size // max(1, info.compress_size))


def _name(info: zipfile.ZipInfo) -> str:
    """The member's name: without the flag for UTF-8 it is in the packer's own encoding, here GBK as a rule."""
    if info.flag_bits & 0x800:
        return info.filename
    raw = info.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, parts: tuple[str, ...], folder: Path, left: int) -> Path:
    """The member as a file whose name is ours but for its extension. Errors: Unreadable."""
    name = "/".join(parts)
    if ".." in parts or name.startswith("/") or (parts and parts[0].endswith(":")):
        raise Unreadable("zip_path", name=name[:80])
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _NESTED:
        raise Unreadable("zip_nested")
    if info.flag_bits & 1:
        raise Unreadable("encrypted")
    if (info.external_attr >> 16) & 0o170000 == 0o120000:
        raise Unreadable("outer_link")
    if info.file_size > left:
        raise Unreadable("zip_large", size=info.file_size >> 20, limit=MAX_BYTES >> 20)
    target = folder / f"member{suffix if suffix.isascii() and len(suffix) <= 10 else ''}"
    done = 0
    try:
        with archive.open(info) as member, target.open("wb") as file:
            while chunk := member.read(_CHUNK):
                done += len(chunk)
                if done > left:
                    raise Unreadable("zip_large", size=done >> 20, limit=MAX_BYTES >> 20)
                if done > _CHUNK and done > MAX_RATIO * max(1, info.compress_size):
                    raise Unreadable("zip_ratio", ratio=done // max(1, info.compress_size))
                file.write(chunk)
    except OSError as error:  # this machine's trouble rather than the archive's
        raise Unreadable("damaged", detail=str(error)) from error
    except Exception as error:  # zipfile's own, zlib.error, lzma.LZMAError, EOFError… have no common base
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("damaged", detail=say("reading.zip_member")) from error
    return target
