"""PDF files: the text layer with its geometry, page by page, put into reading order by `layout`.

Characters come with boxes, sizes and fonts; lines, frames and pictures that are drawn tell what belongs together.
A page whose text layer is missing or rubbish is recognised from what it shows; what is lost then is named.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.reading import layout
from rag.reading.encodings import garbled, plausibility
from rag.reading.picturing import WIDEST, Album, size_of
from rag.reading.plain import MAX_BYTES, digest, tidy
from rag.reading.recognition import DOUBTFUL, LARGEST, MAX_SCANS, Picture, Recogniser
from rag.reading.refusing import Unreadable, ranges
from rag.reading.sheet import Box, Line, Sheet, area, between, without_margins
from rag.settings import page_pictures
from rag.types import Document
from rag.words import say

MAX_PAGES = 3000
MAX_CHARACTERS = 20_000_000  # of all pages: a shelf of books
MAX_SHAPES = 20_000  # of one page: a map has more, and no columns
_BLANK = (0, 9, 10, 13, 32, 0xA0, 0x3000)
_LOOKED_AT = 400  # letters of a page by which it is known how they stand
_SLANT = 12  # degrees: leaning further, a letter belongs to a watermark; a page that was laid askew is not
_GAP = (
    1.2  # of the type's size: wider gaps part two pieces of a line (columns stand 1.5 apart, justified characters .4)
)


def read(path: Path, source: str, recogniser: Recogniser) -> Document:
    """Errors: Unreadable."""
    import pypdfium2

    if path.stat().st_size > MAX_BYTES:
        raise Unreadable("too_large", limit=MAX_BYTES >> 20)
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise Unreadable(
            "encrypted" if "assword" in str(error) else "damaged", detail=str(error) or type(error).__name__
        ) from error
    with pdf, Album() as album:
        count = len(pdf)
        if count > MAX_PAGES:
            raise Unreadable("too_many_pages", pages=count, limit=MAX_PAGES)
        sheets: dict[int, Sheet] = {}
        empty, rubbish, unread = list[int](), list[int](), list[int]()
        total = 0
        losses: list[str] = []
        for number in range(1, count + 1):
            try:
                sheet = _sheet(pdf, number)
            except pypdfium2.PdfiumError:
                unread.append(number)
                continue
            text = "".join(line.text for line in sheet.lines)
            total += len(text)
            if total > MAX_CHARACTERS:
                losses.append(say("reading.rest_of_pages", page=number))
                break
            if len(text) < 2 or _stamped(sheet, len(text)):
                empty.append(number)
            elif _rubbish(text):
                rubbish.append(number)
            else:
                sheets[number] = sheet
                if album.room(number):
                    _pictured(pdf, sheet, album)
        recognised, told = _recognised(pdf, source, sorted(empty + rubbish), recogniser, album, needed=not sheets)
        losses += told
    empty, rubbish = [n for n in empty if n not in recognised], [n for n in rubbish if n not in recognised]
    sheets |= recognised
    if not sheets:
        raise Unreadable(
            "garbled" if rubbish else "damaged" if unread and not empty else "no_text_in_pages",
            pages=count,
            detail=ranges(unread or [1]),
        )
    ordered = without_margins([sheets[n] for n in sorted(sheets)])
    blocks, lines = layout.flowing(ordered)
    if not blocks:
        raise Unreadable("no_text_in_pages", pages=count)
    images = album.pages(ordered, lines)
    losses += album.losses()
    for key, pages in (("empty_pages", empty), ("garbled_pages", rubbish), ("bad_pages", unread)):
        if pages:
            losses.append(say(f"reading.{key}", pages=ranges(pages)))
    title = tidy(str(_title(path) or ""))
    return Document(
        source=source,
        format="pdf",
        sha256=digest(path),
        blocks=tuple(blocks),
        pages=count,
        ocr_pages=len(recognised),
        characters=sum(len(b.text) for b in blocks),
        title=title
        if re.search(r"[\u4e00-\u9fff]{4}", title) and not re.search(r"\.\w{2,4}$|Microsoft|幻灯片|文档\d", title)
        else None,
        losses=tuple(losses),
        images=images,
    )


def _recognised(
    pdf: Any, source: str, numbers: list[int], recogniser: Recogniser, album: Album, needed: bool
) -> tuple[dict[int, Sheet], list[str]]:
    """Pages without a text layer, by what they show; what was lost. Errors: Unreadable where nothing else is there."""
    import pypdfium2.raw as raw

    shown = []
    for number in numbers:
        page = pdf[number - 1]
        if raw.FPDFPage_CountObjects(page) > 0:
            shown.append(number)
        page.close()
    wanted = shown[:MAX_SCANS]
    sheets: dict[int, Sheet] = {}
    doubtful: list[int] = []
    losses: list[str] = []
    if len(shown) > MAX_SCANS:
        losses.append(say("reading.too_many_scans", pages=ranges(shown[MAX_SCANS:]), limit=MAX_SCANS))
    if not wanted:
        return sheets, losses
    try:
        for seen in recogniser.read((_picture(pdf, number) for number in wanted), len(wanted), source):
            if seen.sheet.lines:
                sheets[seen.sheet.number] = seen.sheet
                if seen.image is not None and album.room(seen.sheet.number):
                    album.keep(seen.sheet.number, seen.image)
                if seen.confidence < DOUBTFUL:
                    doubtful.append(seen.sheet.number)
    except Unreadable as missing:
        if needed or missing.key != "no_recognition":
            raise
        losses.append(str(missing))
    if doubtful:
        losses.append(say("reading.doubtful_pages", pages=ranges(doubtful)))
    return sheets, losses


def _picture(pdf: Any, number: int) -> Picture:
    """A page as it looks, at 200 dots an inch, larger ones at less."""
    page = pdf[number - 1]
    try:
        scale = min(200 / 72, LARGEST / max(1.0, *page.get_size()))
        bitmap = page.render(scale=scale, grayscale=True)
        grey = bitmap.to_numpy().copy()
        bitmap.close()
        seen = _drawn(page, min(1.0, WIDEST / grey.shape[1]) * scale) if page_pictures() else None
    finally:
        page.close()
    return Picture(number, grey.reshape(grey.shape[:2]), 1 / scale, seen)


def _drawn(page: Any, scale: float, rotation: int = 0) -> Any:
    """A page in colour, as numbers; `rotation` on top of what the file says."""
    bitmap = page.render(scale=scale, rotation=rotation, rev_byteorder=True)
    pixels = bitmap.to_numpy()[:, :, :3].copy()
    bitmap.close()
    return pixels


def _pictured(pdf: Any, sheet: Sheet, album: Album) -> None:
    """The page's picture, upright as its text is read. One that can't be drawn has none."""
    import pypdfium2

    page = pdf[sheet.number - 1]
    try:
        width, _ = size_of(sheet)
        rotation = (sheet.turned - page.get_rotation()) % 360
        shown = page.get_size()[rotation % 180 != 0]
        album.take(sheet.number, _drawn(page, width / max(1.0, shown), rotation), not sheet.pictures)
    except pypdfium2.PdfiumError:
        return
    finally:
        page.close()


def _stamped(sheet: Sheet, characters: int) -> bool:
    """A scan with a page number or a stamp over it in type."""
    page = sheet.width * sheet.height
    return characters < 40 and any(area(p) > 0.5 * page for p in sheet.pictures)


def _title(path: Path) -> str | None:
    import pypdfium2

    with pypdfium2.PdfDocument(path) as pdf:
        return pdf.get_metadata_dict().get("Title")  # type: ignore[no-any-return]


def _rubbish(text: str) -> bool:
    """Whether a text layer holds no text: characters for private use, none at all, or ones that nobody writes."""
    odd = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or c < " " for c in text)
    return (
        odd > 0.1 * len(text)
        or garbled(text[:2000])
        or (len(text) >= 40 and not text[:2000].isascii() and plausibility(text) < 0.1)
    )


# ---------------------------------------------------------------- what is on a page


def _sheet(pdf: Any, number: int) -> Sheet:
    page = pdf[number - 1]
    try:
        text = page.get_textpage()
        turned, columns = _stand(page, text)
        left, bottom, right, top = page.get_cropbox() or page.get_mediabox()
        width, height = (top - bottom, right - left) if columns or turned % 180 else (right - left, top - bottom)
        turn = _turner(page, turned, columns)
        horizontal, vertical, frames, strips, pictures = _shapes(page, turn)
        lines = list(_lines(text, turn, vertical, turned, columns))
        text.close()
    finally:
        page.close()
    merged = _merged(lines, vertical)
    return Sheet(number, width, height, merged, horizontal, vertical, frames, strips, pictures, turned, columns)


def _stand(page: Any, text: Any) -> tuple[int, bool]:
    """How most letters stand on the page: turned by 0, 90, 180 or 270 degrees, and whether they are set in columns
    from right to left. What the page says of its own rotation holds where it has no letters."""
    import pypdfium2.raw as raw

    count = text.count_chars()
    turns = Counter[int]()
    below = beside = 0
    box, after = raw.FS_RECTF(), raw.FS_RECTF()
    for i in range(0, count - 1, max(1, count // _LOOKED_AT)):
        if any(raw.FPDFText_GetUnicode(text, n) in _BLANK for n in (i, i + 1)):
            continue
        turns[round(_angle(text, i) / 90) % 4 * 90] += 1
        raw.FPDFText_GetLooseCharBox(text, i, box)
        raw.FPDFText_GetLooseCharBox(text, i + 1, after)
        size = box.top - box.bottom
        across, down = after.left - box.left, box.top - after.top
        beside += abs(down) < 0.3 * size and 0 < across < 2 * size
        below += abs(across) < 0.3 * size and 0.5 * size < down < 2.5 * size
    turned = turns.most_common(1)[0][0] if turns else int(page.get_rotation())
    return turned, not turned and below >= 40 and below > 4 * beside


def _angle(text: Any, i: int) -> float:
    """Degrees against the clock by which a letter is turned."""
    import pypdfium2.raw as raw

    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(text, i, matrix)
    return math.degrees(math.atan2(matrix.b, matrix.a))


def _turner(page: Any, rotation: int, columns: bool) -> Any:
    """From the page's own coordinates (up from the lower left) to ours (down from the upper left), rotation undone;
    columns that are read from right to left become lines."""
    left, bottom, right, top = page.get_cropbox() or page.get_mediabox()

    def turn(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        if columns:
            box = (top - y1, right - x1, top - y0, right - x0)
        elif rotation == 90:
            box = (y0 - bottom, x0 - left, y1 - bottom, x1 - left)
        elif rotation == 180:
            box = (right - x1, y0 - bottom, right - x0, y1 - bottom)
        elif rotation == 270:
            box = (top - y1, right - x1, top - y0, right - x0)
        else:
            box = (x0 - left, top - y1, x1 - left, top - y0)
        return box

    return turn


def _lines(text: Any, turn: Any, vertical: list[Box], turned: int, columns: bool) -> Iterator[Line]:
    """Pieces of lines in the order of the file: characters that follow each other closely in one size and colour.
    Slanting ones are stamped over the page."""
    import pypdfium2.raw as raw

    box, matrix = raw.FS_RECTF(), raw.FS_MATRIX()
    colour = [ctypes.c_uint() for _ in range(4)]
    at = ctypes.c_double(), ctypes.c_double()
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    piece: list[tuple[str, float, float, float, float]] = []
    style: tuple[float, str, bool] = (0.0, "", False)
    space = False
    seen: dict[tuple[str, int], list[tuple[float, float]]] = {}

    def finished() -> Iterator[Line]:
        words = "".join(p[0] for p in piece)
        if words.strip():
            yield Line(
                words,
                min(p[1] for p in piece),
                min(p[2] for p in piece),
                max(p[3] for p in piece),
                max(p[4] for p in piece),
                *style,
            )

    for i in range(text.count_chars()):
        code = raw.FPDFText_GetUnicode(text, i)
        character = chr(code) if code < 0x110000 and not 0xD800 <= code <= 0xDFFF else "\ufffd"
        if raw.FPDFText_IsGenerated(text, i) == 1 or character.isspace() or code == 0:
            space = space or character in " \u00a0\u3000\t"
            continue
        raw.FPDFText_GetLooseCharBox(text, i, box)
        raw.FPDFText_GetMatrix(text, i, matrix)
        if _SLANT < (math.degrees(math.atan2(matrix.b, matrix.a)) - turned) % 90 < 90 - _SLANT:
            continue
        x0, y0, x1, y1 = turn(box.left, box.bottom, box.right, box.top)
        size = raw.FPDFText_GetFontSize(text, i) * ((matrix.b**2 + matrix.d**2) ** 0.5 or 1.0)
        if size <= 0 or x1 <= x0 - 1:
            size = y1 - y0
        raw.FPDFText_GetFontInfo(text, i, name, 128, flags)
        if not name.value and not turned and not columns and matrix.d > 0:
            # A font of drawings (browsers print Chinese so) tells the ink's box alone: 一 and “ would stand on lines of
            # their own. The type's box stands on the base line.
            raw.FPDFText_GetCharOrigin(text, i, at[0], at[1])
            x0, y0, x1, y1 = turn(box.left, at[1].value - 0.12 * size, box.right, at[1].value + 0.88 * size)
        font = name.value.decode("utf-8", "replace").split("+")[-1]
        raw.FPDFText_GetFillColor(text, i, *colour)
        light = sum(c.value for c in colour[:3]) > 600
        if any(
            abs(x0 - x) < 0.2 * size and abs(y0 - y) < 0.2 * size for x, y in seen.get((character, round(y0 / 4)), ())
        ):
            continue  # drawn twice to look bold
        for near in (-1, 0, 1):
            seen.setdefault((character, round(y0 / 4) + near), []).append((x0, y0))
        same = bool(piece) and abs(size - style[0]) < 0.12 * size and font == style[1] and light == style[2]
        follows = bool(piece) and abs(y1 - piece[-1][4]) < 0.35 * size and -0.6 * size < x0 - piece[-1][3] < _GAP * size
        if (
            follows
            and x0 - piece[-1][3] > 0.2 * size
            and any(piece[-1][3] - 1 <= r[0] <= x0 + 1 and r[1] <= (y0 + y1) / 2 <= r[3] for r in vertical)
        ):
            follows = False
        if not (same and follows):
            yield from finished()
            piece, style = [], (size, font, light)
        elif space and _parted(piece[-1], character, x0, size):
            piece.append((" ", piece[-1][3], y0, x0, y1))
        piece.append((character, x0, y0, x1, y1))
        space = False
    yield from finished()


def _parted(last: tuple[str, float, float, float, float], character: str, x0: float, size: float) -> bool:
    """Whether a space was written: always between Latin words, between Chinese characters only where one sees it."""
    return (last[0].isascii() and character.isascii()) or x0 - last[3] > 0.18 * size


def _merged(lines: list[Line], vertical: list[Box]) -> list[Line]:
    """Pieces that stand side by side on one line, such as a bold word and the text behind it, as one line."""
    merged: list[Line] = []
    fonts = Counter[str]()
    for line in lines:
        fonts[line.font] += len(line.text)
    rows: dict[int, list[int]] = {}  # places in `merged` by height
    for line in sorted(lines, key=lambda n: n.left):
        row = int(line.bottom // 6)
        for n in (n for near in (row - 1, row, row + 1) for n in rows.get(near, ())):
            before = merged[n]
            beside = (
                abs(before.bottom - line.bottom) < 0.35 * line.size
                and -0.5 * line.size < line.left - before.right < _GAP * line.size
            )
            if (
                beside
                and abs(before.size - line.size) < 0.12 * line.size
                and before.light == line.light
                and not between(before, line, vertical)
            ):
                gap = (
                    " "
                    if line.left - before.right > 0.3 * line.size
                    or (before.text[-1].isascii() and line.text[0].isascii())
                    else ""
                )
                larger = (
                    before if fonts[before.font] >= fonts[line.font] else line
                )  # 本报讯 stands bold before the text
                merged[n] = Line(
                    before.text + gap + line.text,
                    before.left,
                    min(before.top, line.top),
                    line.right,
                    max(before.bottom, line.bottom),
                    larger.size,
                    larger.font,
                    larger.light,
                )
                break
        else:
            rows.setdefault(row, []).append(len(merged))
            merged.append(line)
    return merged


def _shapes(page: Any, turn: Any) -> tuple[list[Box], list[Box], list[Box], list[Box], list[Box]]:
    """Horizontal and vertical rules, frames, dark strips, and what is neither (pictures)."""
    import pypdfium2.raw as raw

    horizontal, vertical = list[Box](), list[Box]()
    frames, strips, pictures = list[Box](), list[Box](), list[Box]()
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    colour = [ctypes.c_uint() for _ in range(4)]
    for count, shape in enumerate(
        page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_IMAGE], max_depth=4)
    ):
        if count > MAX_SHAPES:
            break
        box = turn(*shape.get_bounds())
        wide, tall = box[2] - box[0], box[3] - box[1]
        if shape.type == raw.FPDF_PAGEOBJ_IMAGE:
            pictures.append(box)
            continue
        raw.FPDFPath_GetDrawMode(shape, mode, stroke)
        if tall < 4 <= wide:
            horizontal.append(box)
        elif wide < 4 <= tall:
            vertical.append(box)
        elif raw.FPDFPath_CountSegments(shape) <= 6 and wide >= 20 and tall >= 8:
            raw.FPDFPageObj_GetFillColor(shape, *colour)
            dark = mode.value and sum(c.value for c in colour[:3]) < 480
            (strips if dark and tall < 60 else pictures if dark else frames).append(box)
        elif mode.value and wide > 8 and tall > 8:
            pictures.append(box)
    horizontal, vertical = _joined(horizontal), _joined(vertical)
    return horizontal, vertical, frames, strips, pictures


def _joined(rules: list[Box]) -> list[Box]:
    """Rules without the ones that are drawn twice."""
    return list(dict.fromkeys((round(a, 1), round(b, 1), round(c, 1), round(d, 1)) for a, b, c, d in rules))
