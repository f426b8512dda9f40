"""What recognition does not say of a scanned page is measured: sizes, gutters, spaces, strips, rules and frames."""

from __future__ import annotations

import numpy as np
import pytest

from rag.reading.lines import Found, sheet_of
from rag.reading.marks import Grey, Page, skew
from rag.reading.sheet import Sheet


class Plate:
    """A page of squares for characters, and what perfect recognition would say of it; all in pixels."""

    def __init__(self, wide: int = 900, tall: int = 900) -> None:
        self.grey: Grey = np.full((tall, wide), 230, np.uint8)
        self.found: list[Found] = []

    def line(self, *pieces: tuple[int, str], y: int, size: int = 20, light: bool = False) -> None:
        """Pieces (where they begin, their text) that recognition took for one line."""
        characters = []
        for x, text in pieces:
            for n, character in enumerate(text):
                at = x + n * size
                thick, edge, ink = max(2, size // 10), size // 20, 200 if light else 40
                square = self.grey[y + edge : y + size - edge, at + edge : at + size - edge]
                ground = int(square[0, 0])
                square[:] = ink
                square[thick:-thick, thick:-thick] = ground
                square[size // 2 - edge : size // 2 - edge + thick, thick:-thick] = ink
                characters.append((character, float(at), float(at + size)))
        text = "".join(c for c, _, _ in characters)
        left, right = characters[0][1], characters[-1][2]
        self.found.append(Found(text, 0.99, (left - 3, y - 3.0, right + 3, y + size + 3.0), tuple(characters)))

    def box(self, x: int, y: int, wide: int, tall: int) -> None:
        for a, b in ((y, y + 2), (y + tall, y + tall + 2)):
            self.grey[a:b, x : x + wide + 2] = 40
        for a, b in ((x, x + 2), (x + wide, x + wide + 2)):
            self.grey[y : y + tall + 2, a:b] = 40

    def sheet(self) -> Sheet:
        return sheet_of(1, self.grey, self.found, 0.5)


WORDS = "眼下正是春灌的时候全县要浇三万亩麦田"


def test_lines_of_text_have_one_size_and_headlines_theirs() -> None:
    plate = Plate()
    plate.line((100, WORDS[:8]), y=40, size=50)
    for n in range(8):
        plate.line((100, WORDS), y=120 + 30 * n)
    plate.line((100, "天"), y=360)
    lines = sorted(plate.sheet().lines, key=lambda line: line.top)
    head, *text = lines
    assert len({line.size for line in text}) == 1
    assert head.size / text[0].size == pytest.approx(2.5, rel=0.08)


def test_two_columns_that_were_taken_for_one_line_are_parted() -> None:
    plate = Plate()
    for n in range(6):
        if n == 3:
            plate.line((100, WORDS[:10]), (312, WORDS[:10]), y=100 + 30 * n)
        else:
            plate.line((100, WORDS[:10]), y=100 + 30 * n)
            plate.line((312, WORDS[:10]), y=100 + 30 * n)
    assert [line.text for line in plate.sheet().lines] == [WORDS[:10]] * 12


def test_pieces_of_one_line_are_joined_where_the_next_line_runs_on_under_the_gap() -> None:
    plate = Plate()
    plate.line((100, WORDS[:10]), y=100)
    plate.line((312, WORDS[10:15]), y=100)
    plate.line((100, WORDS), y=130)
    plate.line((100, WORDS), y=160)
    assert sorted(line.text for line in plate.sheet().lines) == sorted([WORDS[:15], WORDS, WORDS])


def test_names_in_brackets_keep_the_space_between_them() -> None:
    plate = Plate()
    for n in range(4):
        plate.line((100, WORDS), y=100 + 30 * n)
    plate.line((100, "(宋一鸣"), (192, "余晚晴)"), y=220)
    assert "(宋一鸣 余晚晴)" in [line.text for line in plate.sheet().lines]


def test_a_dark_bar_with_light_letters_is_a_strip() -> None:
    plate = Plate()
    for n in range(4):
        plate.line((100, WORDS), y=200 + 30 * n)
    plate.grey[100:132, 100:500] = 60
    plate.line((110, "乡村生活"), y=106, light=True)
    sheet = plate.sheet()
    [line] = [line for line in sheet.lines if line.text == "乡村生活"]
    assert line.light
    [strip] = sheet.strips
    assert strip == pytest.approx((50, 50, 250, 66), abs=4)


def test_a_box_is_a_frame_and_a_grid_is_one_too() -> None:
    plate = Plate()
    for n in range(4):
        plate.line((100, WORDS), y=60 + 30 * n)
    plate.box(80, 40, 500, 160)
    for row in range(4):
        for column in range(3):
            plate.box(80 + 120 * column, 300 + 40 * row, 120, 40)
    frames = sorted(plate.sheet().frames, key=lambda box: box[1])
    assert [pytest.approx(box, abs=4) for box in frames] == [(40, 20, 290, 100), (40, 150, 220, 230)]


def test_a_photograph_is_a_picture_and_text_is_none() -> None:
    plate = Plate()
    for n in range(6):
        plate.line((100, WORDS), y=60 + 30 * n)
    plate.grey[400:700, 200:600] = np.random.default_rng(5).integers(60, 190, (300, 400), np.uint8)
    [picture] = plate.sheet().pictures
    assert picture == pytest.approx((100, 200, 300, 350), abs=12)


def test_a_shadow_over_the_paper_is_no_ink() -> None:
    shade = np.linspace(0.6, 1, 900)[:, None] * np.full((900, 900), 230.0)
    page = Page(shade.astype(np.uint8))
    assert page.light.min() > 0.85
    assert page.measured((100, 100, 400, 130), ()) is None


@pytest.mark.parametrize("angle", [-2.5, -0.6, 0.0, 0.3, 1.75])
def test_skew_is_measured_to_a_tenth_of_a_degree(angle: float) -> None:
    from PIL import Image

    grey = np.full((900, 700), 255, np.uint8)
    chance = np.random.default_rng(3)
    for y in range(60, 840, 24):
        for x in range(40, 640, 12):
            grey[y : y + 10, x : x + int(chance.integers(3, 10))] = 0
    turned = np.asarray(Image.fromarray(grey).rotate(angle, fillcolor=255, resample=Image.Resampling.BICUBIC))
    assert abs(skew(turned) - angle) < 0.11
