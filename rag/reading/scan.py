"""Pictures of pages (.png, .jpg, .tif, …): one page each, a TIFF as many as it holds; what they show is recognised.

Sizes are looked at before pixels are unpacked. A picture with hardly a word on it, or with words that can't be made
out, is refused: it would become an article of rubbish.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rag.reading import layout
from rag.reading.marks import Grey
from rag.reading.picturing import TALLEST, WIDEST, Album, smaller
from rag.reading.plain import digest, refuse_large
from rag.reading.recognition import DOUBTFUL, LARGEST, MAX_SCANS, Picture, Recogniser, Seen
from rag.reading.refusing import Unreadable, ranges
from rag.reading.sheet import without_margins
from rag.settings import page_pictures
from rag.types import Document
from rag.words import say

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")
MAX_PIXELS = 89_000_000  # of one page: a broadsheet at 500 dots an inch; Pillow itself refuses more
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
_LEAST_TEXT = 12  # characters: fewer are a sign in a photograph
_UNCLEAR = 0.6  # mean confidence below which a whole file is not to be trusted


def read(path: Path, source: str, recogniser: Recogniser) -> Document:
    """Errors: Unreadable."""
    from PIL import Image

    refuse_large(path)
    unread: list[int] = []
    Image.init()  # else it knows a few formats alone
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # of odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as image:
                count = _frames(image)
                wanted = min(count, MAX_SCANS)
                pages = list(recogniser.read(_pictures(image, path, wanted, unread), wanted, source))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Unreadable("picture_large", limit=MAX_PIXELS // 10**6) from error
    except _BROKEN as error:
        raise Unreadable("picture_broken") from error
    return _document(path, source, pages, count, unread)


_BROKEN = (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError, MemoryError)


def _document(path: Path, source: str, pages: list[Seen], count: int, unread: list[int]) -> Document:
    read_ = [seen for seen in pages if seen.sheet.lines]
    characters = {seen.sheet.number: sum(len(n.text) for n in seen.sheet.lines) for seen in read_}
    total = sum(characters.values())
    if unread and not pages:
        raise Unreadable("picture_broken")
    if total < _LEAST_TEXT:
        raise Unreadable("no_text_in_picture")
    if sum(seen.confidence * characters[seen.sheet.number] for seen in read_) < _UNCLEAR * total:
        raise Unreadable("picture_unclear")
    losses = []
    if count > MAX_SCANS:
        losses.append(say("reading.too_many_scans", pages=f"{MAX_SCANS + 1}–", limit=MAX_SCANS))
    doubtful = [seen.sheet.number for seen in read_ if seen.confidence < DOUBTFUL]
    empty = [seen.sheet.number for seen in pages if not seen.sheet.lines]
    for key, numbers in (("doubtful_pages", doubtful), ("empty_pages", empty), ("bad_pages", unread)):
        if numbers:
            losses.append(say(f"reading.{key}", pages=ranges(numbers)))
    sheets = without_margins([seen.sheet for seen in read_])
    blocks, lines = layout.flowing(sheets)
    if not blocks:
        raise Unreadable("no_text_in_picture")
    with Album() as album:
        for seen in read_:
            if seen.image is not None and album.room(seen.sheet.number):
                album.keep(seen.sheet.number, seen.image)
        losses += album.losses()
    return Document(
        source=source,
        format=path.suffix.lower().lstrip("."),
        sha256=digest(path),
        blocks=tuple(blocks),
        pages=count,
        ocr_pages=len(read_),
        characters=sum(len(b.text) for b in blocks),
        losses=tuple(losses),
        images=album.pages(sheets, lines),
    )


def _frames(image: Any) -> int:
    """Pages of a TIFF, counted no further than they are read; of a moving picture only the first frame counts."""
    count = 1
    if image.format == "TIFF":
        try:
            while count <= MAX_SCANS:
                image.seek(count)
                count += 1
        except EOFError:
            pass
        image.seek(0)
    return count


def _pictures(image: Any, path: Path, count: int, unread: list[int]) -> Iterator[Picture]:
    """The pages; one that can't be unpacked is noted as unread. Errors: Unreadable for one that is too large."""
    for number in range(1, count + 1):
        try:
            image.seek(number - 1)
            wide, tall = image.size
            if wide * tall > MAX_PIXELS:
                raise Unreadable("picture_large", limit=MAX_PIXELS // 10**6)
            dots = _dots(image)
            colour = _colour(image, path) if page_pictures() else None
            image.draft("L", (LARGEST, LARGEST))  # a JPEG is unpacked no larger than it is read
            reduced = wide / image.size[0]
            grey = _grey(image)
        except _BROKEN:
            unread.append(number)
            continue
        yield Picture(number, grey, 72 / dots * reduced if dots else None, colour)


def _colour(image: Any, path: Path) -> Any:
    """What readers see of the page: upright and in colour. A JPEG is unpacked for it once more, but smaller: for
    recognition it is unpacked in grey."""
    from PIL import Image, ImageOps

    if image.format == "JPEG":
        with Image.open(path, formats=("JPEG",)) as again:
            again.draft("RGB", (WIDEST, WIDEST))
            return np.asarray(smaller(ImageOps.exif_transpose(again), WIDEST, TALLEST * WIDEST))
    if image.mode.startswith(("I", "F")):
        return np.asarray(smaller(Image.fromarray(_grey(image)), WIDEST, TALLEST * WIDEST))
    few = smaller(image, 2 * WIDEST, TALLEST * WIDEST)
    return np.asarray(smaller(ImageOps.exif_transpose(few), WIDEST, TALLEST * WIDEST))


def _dots(image: Any) -> float | None:
    """Dots an inch as the scanner wrote them; None where it wrote none, or what programs write that know nothing."""
    try:
        dots = float(image.info["dpi"][0])
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    return dots if 100 <= dots <= 1200 else None


def _grey(image: Any) -> Grey:
    """Black on white, upright, whatever the picture's own colours are."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        depth = np.asarray(image, dtype=np.float32)
        return (depth * (255 / max(1.0, float(depth.max())))).astype(np.uint8)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("L"))
