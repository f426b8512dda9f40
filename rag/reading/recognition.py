"""Pictures of pages come in, their lines with places and type go out, read by RapidOCR (PP-OCR on onnxruntime).

The models come with the package and are opened at the first picture; nothing is fetched. What recognition does not
say (size of type, bold or not, rules, frames) is measured from the pixels by `marks`, so that `layout` reads a scan
as it reads a text layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rag.reading import marks
from rag.reading.lines import Found, sheet_of
from rag.reading.picturing import encoded
from rag.reading.refusing import Unreadable
from rag.reading.sheet import Box, Sheet
from rag.settings import threads as cores
from rag.types import Progress

Tell = Callable[[Progress], None]

DOUBTFUL = 0.85  # mean confidence of a page's characters: clean print has .99, a page that is guessed at .7
_BLANK = 0.0004  # share of ink: a page with one short line has three times as much
LARGEST = 4000  # pixels of a page's longer side: enough for a broadsheet at 150 dots an inch
_FOUND_AT = 2560  # pixels at which lines are looked for (at 3900 a page took 2 GB, so 1 GB); they are read at full size
MAX_SCANS = 500  # pages of one file: an hour's work
_LEAST_SIDE = 16  # pixels: no character is smaller
_AT_ONCE = 2  # pages read side by side: each takes up to 800 MB


class Picture(NamedTuple):
    """One page to read."""

    number: int  # from 1
    grey: marks.Grey
    scale: float | None  # points a pixel, where known
    colour: Any = None  # the same, smaller and in colour, (height, width, 3) uint8: for readers


@dataclass(frozen=True, slots=True)
class Seen:
    """What recognition made of a page."""

    sheet: Sheet
    confidence: float  # mean over characters; 1 on an empty page
    image: tuple[bytes, int, int] | None = None  # WebP, width and height: the page as it was read, straight and upright


class Recogniser:
    """Reads pages, several at a time where there are cores for it; keep one for many files, it holds the models."""

    def __init__(self, threads: int = 0, tell: Tell | None = None) -> None:
        """`tell` hears of each page that was read, and of which file it is."""
        self.threads = cores(threads)
        self.tell: Tell = tell or (lambda step: None)
        self._idle: dict[int, list[Any]] = {}  # opened models by their threads; one page at a time has each

    def read(self, pages: Iterable[Picture], total: int, source: str) -> Iterator[Seen]:
        """The pages in their order. Errors: Unreadable where recognition is not installed, or OpenCV gives up on a page."""
        _models()
        side_by_side = max(1, min(_AT_ONCE, self.threads, total))
        each = max(1, self.threads // side_by_side)
        done = 0
        with ThreadPoolExecutor(side_by_side) as pool:
            waiting: deque[Future[Seen]] = deque()
            for page in pages:
                if len(waiting) > side_by_side:  # no more pictures in memory than are needed to keep all busy
                    yield waiting.popleft().result()
                    done += 1
                    self.tell(Progress("recognising", done, total, source))
                waiting.append(pool.submit(self._page, page, each))
            while waiting:
                yield waiting.popleft().result()
                done += 1
                self.tell(Progress("recognising", done, total, source))

    def _page(self, page: Picture, threads: int) -> Seen:
        import cv2

        height, width = page.grey.shape
        if min(height, width) < _LEAST_SIDE or marks.inked(page.grey) < _BLANK:
            return Seen(Sheet(page.number, width, height, []), 1.0)
        try:
            return self._read(page, threads)
        except cv2.error as error:
            raise Unreadable("damaged", detail=f"OpenCV {error.code}") from error

    def _read(self, page: Picture, threads: int) -> Seen:
        import cv2

        grey, scale = page.grey, page.scale
        larger = max(grey.shape) / LARGEST
        if larger > 1:
            grey = cv2.resize(grey, None, fx=1 / larger, fy=1 / larger, interpolation=cv2.INTER_AREA)
            scale = scale and scale * larger
        askew, quarter = marks.skew(grey), None
        grey = marks.straightened(grey, askew)
        found = self._found(grey, threads)
        if _lies(found):  # the page lies on its side: its lines stand upright
            ways = [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE]
        elif len(found) > 4 and _confidence(found) < 0.6:
            ways = [cv2.ROTATE_180]
        else:
            ways = []
        upright = grey
        for way in ways:
            other = cv2.rotate(upright, way)
            again = self._found(other, threads)
            if again and not _lies(again) and _confidence(again) > (0 if _lies(found) else _confidence(found)):
                grey, found, quarter = other, again, way
        sheet = sheet_of(page.number, grey, found, scale)
        image = None
        if page.colour is not None and sheet.lines:
            shown = marks.straightened(page.colour, askew)
            image = encoded(shown if quarter is None else cv2.rotate(shown, quarter))
        return Seen(sheet, round(_confidence(found), 4), image)

    def _found(self, grey: marks.Grey, threads: int) -> list[Found]:
        """Errors: Unreadable."""
        import cv2

        idle = self._idle.setdefault(threads, [])
        engine = idle.pop() if idle else _opened(threads)
        result = engine(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), return_word_box=True, return_single_char_box=True)
        idle.append(engine)
        if result.boxes is None or not result.txts:
            return []
        words = result.word_results if len(result.word_results or ()) == len(result.txts) else [()] * len(result.txts)
        return [
            Found(text, float(score), box, _characters(text, placed, box))
            for text, score, box, placed in zip(
                result.txts, result.scores, map(_upright, result.boxes), words, strict=True
            )
        ]


def _upright(corners: Any) -> Box:
    return (
        float(corners[:, 0].min()),
        float(corners[:, 1].min()),
        float(corners[:, 0].max()),
        float(corners[:, 1].max()),
    )


def _characters(text: str, placed: Any, box: Box) -> tuple[tuple[str, float, float], ...]:
    """Each character with where it begins and ends; spread evenly where recognition does not place them."""
    if placed and isinstance(placed, tuple) and "".join(str(word[0]) for word in placed) == text:
        return tuple((word, float(corners[0][0]), float(corners[2][0])) for word, _, corners in placed)
    step = (box[2] - box[0]) / len(text)
    return tuple((c, box[0] + n * step, box[0] + (n + 1) * step) for n, c in enumerate(text))


def _models() -> dict[str, str]:
    """The models that lie in RapidOCR's own package, by their task. Errors: Unreadable."""
    try:
        import cv2  # noqa: F401
        import rapidocr
    except ImportError as error:  # also where a library of the system is missing
        raise Unreadable("no_recognition", detail=str(error)[:120]) from error
    folder = Path(str(rapidocr.__file__)).parent / "models"
    models = {task: next(iter(sorted(folder.glob(f"*_{task}_*.onnx"))), None) for task in ("det", "rec")}
    if None in models.values():
        raise Unreadable("no_recognition", detail="models/*.onnx")
    return {task: str(model) for task, model in models.items()}


def _opened(threads: int) -> Any:
    """RapidOCR; its models are named by path, so that it asks nobody for others."""
    from rapidocr import RapidOCR

    models = _models()
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,  # what is doubtful is left out, and told, here
            "Global.use_cls": False,
            "Global.max_side_len": LARGEST,
            "Det.limit_type": "max",
            "Det.limit_side_len": _FOUND_AT,
            "Det.model_path": models["det"],
            "Rec.model_path": models["rec"],
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )


def _confidence(found: Sequence[Found]) -> float:
    total = sum(len(f.text) for f in found)
    return sum(f.score * len(f.text) for f in found) / total if total else 1.0


def _lies(found: Sequence[Found]) -> bool:
    """Whether most of what a page's lines cover is taller than wide."""
    sides = [(f.box[2] - f.box[0], f.box[3] - f.box[1]) for f in found]
    tall = sum(width * height for width, height in sides if height > 1.5 * width)
    return tall > 0.6 * sum(width * height for width, height in sides)
