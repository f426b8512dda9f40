"""A page's pixels come in, the picture that is kept of it goes out, with its lines as shares of it.

As large as its type needs: a newspaper's page is wider than a letter's. A page of type alone is kept without loss in a
few greys, which takes half the bytes of a lossy picture and is sharper; photographs and scans are kept lossy.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rag.pagetypes import PageImage, PageLine
from rag.reading.refusing import ranges
from rag.reading.sheet import Line, Sheet, usual
from rag.settings import page_pictures
from rag.words import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # (height, width) grey, or (height, width, 3) red, green, blue

TYPE = 20  # pixels of the text's type: good to read, on a phone's screen too
NARROWEST, WIDEST = 1000, 1600  # pixels; a newspaper page of 5,700 characters then has 240 kB, a letter 30
TALLEST = 3  # times the widest: a strip of paper is no wider than that allows
MOST_PAGES, MOST_BYTES = 500, 100_000_000  # of one document
_GREYS = 4  # levels of a page of type: what bytes are saved makes its letters larger
_LOSSY = {"quality": 45, "method": 2}  # method 4 takes twice the time for 2 % fewer bytes
_LOSSLESS = {"lossless": True, "quality": 0, "method": 1}


def size_of(sheet: Sheet) -> tuple[int, int]:
    """Width and height in pixels of the picture that a page needs."""
    wide, tall = (sheet.height, sheet.width) if sheet.columns else (sheet.width, sheet.height)
    wide, tall = max(1.0, wide), max(1.0, tall)
    size = usual((n.size, len(n.text)) for n in sheet.lines)
    width = min(max(TYPE * wide / size, NARROWEST), WIDEST, TALLEST * WIDEST * wide / tall)
    return max(1, round(width)), max(1, round(width * tall / wide))


def encoded(pixels: Pixels, type_alone: bool = False) -> tuple[bytes, int, int]:
    """WebP, its width and height. `type_alone`: nothing else is on the page."""
    import numpy as np
    from PIL import Image

    if pixels.ndim == 3 and not _coloured(pixels):
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    if type_alone and pixels.ndim == 2:
        levels = np.round(np.arange(256) / 255 * (_GREYS - 1)) * 255 / (_GREYS - 1)
        pixels = levels.round().astype(np.uint8)[pixels]
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", **(_LOSSLESS if type_alone else _LOSSY))
    return out.getvalue(), pixels.shape[1], pixels.shape[0]


def _coloured(pixels: Pixels) -> bool:
    """Whether more than a stamp's worth of a page has a colour of its own; yellowed paper has none."""
    import numpy as np

    few = pixels[::6, ::6].astype(np.int16)
    tint = few - np.median(few.reshape(-1, 3), axis=0)
    return bool((np.ptp(tint, axis=2) > 40).mean() > 0.002)


def smaller(image: Any, width: int, height: int) -> Any:
    """A Pillow image no larger than that, in colour on white; nothing is made larger."""
    from PIL import Image

    share = min(1.0, width / image.size[0], height / image.size[1])
    size = (max(1, round(image.size[0] * share)), max(1, round(image.size[1] * share)))
    seen_through = "A" in image.getbands() or "transparency" in image.info
    if seen_through or image.mode not in ("L", "RGB"):  # those are made smaller as they are: a large one is large
        image = image.convert("RGBA" if seen_through else "L" if image.mode == "1" else "RGB")
    image = image if size == image.size else image.resize(size, reducing_gap=2.0)
    if seen_through:
        image = Image.alpha_composite(Image.new("RGBA", size, "white"), image)
    return image.convert("RGB")


def placed(line: Line, sheet: Sheet) -> PageLine:
    """A line by its place on the picture, in which columns that are read from right to left stand upright."""
    a, b, c, d = line.left / sheet.width, line.top / sheet.height, line.right / sheet.width, line.bottom / sheet.height
    box = (1 - d, a, 1 - b, c) if sheet.columns else (a, b, c, d)
    left, top, right, bottom = (round(min(1.0, max(0.0, x)), 5) for x in box)
    return PageLine(line.text, (left, top, right, bottom), sheet.columns)


class Album:
    """The pictures of one document, made beside the reading as its pages come."""

    def __init__(self) -> None:
        self.wanted = page_pictures()
        self._made: dict[int, tuple[bytes, int, int]] = {}
        self._bytes = 0
        self._left_out: list[int] = []
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[tuple[int, Future[tuple[bytes, int, int]]]] = deque()

    def __enter__(self) -> Album:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=exc[0] is not None)

    def room(self, number: int) -> bool:
        """Whether a picture of this page is still wanted; one that is not is told of."""
        if not self.wanted:
            return False
        full = len(self._made) + len(self._waiting) >= MOST_PAGES or self._bytes >= MOST_BYTES
        if full:
            self._left_out.append(number)
        return not full

    def take(self, number: int, pixels: Pixels, type_alone: bool) -> None:
        """A page as it was drawn; at most two wait to be made smaller."""
        while len(self._waiting) > 1:
            self._settle()
        self._waiting.append((number, self._pool.submit(encoded, pixels, type_alone)))

    def keep(self, number: int, made: tuple[bytes, int, int]) -> None:
        """A picture that is made already."""
        self._made[number] = made
        self._bytes += len(made[0])

    def _settle(self) -> None:
        number, made = self._waiting.popleft()
        self.keep(number, made.result())

    def pages(self, sheets: Iterable[Sheet], lines: Mapping[int, Sequence[Line]]) -> tuple[PageImage, ...]:
        """Of those sheets that have a picture. `lines`: of each in the order in which they are read."""
        while self._waiting:
            self._settle()
        return tuple(
            PageImage(
                sheet.number,
                *self._made[sheet.number],
                tuple(placed(line, sheet) for line in lines.get(sheet.number, ())),
            )
            for sheet in sheets
            if sheet.number in self._made
        )

    def losses(self) -> list[str]:
        if not self._left_out:
            return []
        pages = ranges(sorted(self._left_out))
        return [say("reading.no_picture", pages=pages, limit=MOST_PAGES, megabytes=MOST_BYTES // 10**6)]
