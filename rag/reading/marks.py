"""A page as a grey picture comes in; what a printer drew on it besides letters goes out: skew, rules, frames, strips, pictures.

All in pixels. Type is measured by its ink: `em` is the body's size, boxes are those that recognition found around lines.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.reading.sheet import Box, around

Grey = NDArray[np.uint8]  # (height, width), 0 black to 255 white

_STEEPEST = 4.0  # degrees: paper lies askew by less, a photograph taken by hand is no scan


def skew(grey: Grey) -> float:
    """Degrees by which lines of type rise to the right: where rows of ink are parted best."""
    import cv2

    scale = min(1.0, 1000 / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ink = (_ink(small, 31) > 0).astype(np.float32)
    height, width = ink.shape

    def parted(angle: float) -> float:
        slope = float(np.tan(np.radians(angle)))
        shear = np.array([[1, 0, 0], [slope, 1, -slope * width / 2]], np.float32)
        rows = cv2.warpAffine(ink, shear, (width, height)).sum(1)
        return float(((rows[1:] - rows[:-1]) ** 2).sum())

    rough = max(np.arange(-_STEEPEST, _STEEPEST + 0.01, 0.25), key=parted)
    return float(max(np.arange(rough - 0.25, rough + 0.26, 0.05), key=parted))


def straightened(grey: Grey, angle: float) -> Grey:
    import cv2

    if abs(angle) < 0.04:
        return grey
    height, width = grey.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -angle, 1.0)
    return cv2.warpAffine(grey, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def inked(grey: Grey) -> float:
    """The share of a page that is ink: a blank one has almost none."""
    import cv2

    scale = min(1.0, 1000 / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return float((_ink(small, 31) > 0).mean())


def _ink(grey: Grey, window: int) -> Any:
    """255 where a pixel is clearly darker than what lies around it."""
    import cv2

    return cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, window, 14)


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of type by its ink, in pixels."""

    box: Box  # tight around the ink
    tall: float  # of a usual Chinese character's ink; 0 where the line holds fewer than two
    middle: float  # of those characters, downwards
    stroke: float  # width
    light: bool  # light letters on a dark ground
    gaps: tuple[tuple[float, float], ...]  # stretches of the line without ink, wider than 0.2 of its height
    bullet: float = 0.0  # where a disc or square at the line's beginning ends; 0 without one


@dataclass(frozen=True, slots=True)
class Marks:
    horizontal: list[Box]
    vertical: list[Box]
    frames: list[Box]
    strips: list[Box]
    pictures: list[Box]


class Page:
    """One page's pixels, looked at by box."""

    def __init__(self, grey: Grey) -> None:
        import cv2

        self.grey = grey
        self.height, self.width = grey.shape
        blocks = cv2.resize(grey, (max(1, self.width // 8), max(1, self.height // 8)), interpolation=cv2.INTER_AREA)
        near = max(3, min(blocks.shape) // 4 | 1)
        lightest = cv2.dilate(cv2.medianBlur(blocks, 5), np.ones((near, near), np.uint8))
        paper = cv2.resize(cv2.blur(lightest, (near, near)), (self.width, self.height))
        # 1 paper, 0 black; the paper's own shade, which a lamp or a fold makes uneven, is divided out
        self.light = np.clip(grey.astype(np.float32) / np.maximum(paper, 40), 0, 1)

    # ------------------------------------------------------------ lines of type

    def measured(self, box: Box, characters: Sequence[tuple[float, float]]) -> Measured | None:
        """The ink of the line in a box; None where there is none. `characters`: where each Chinese one begins and ends."""
        left, top, right, bottom = self._inside(box)
        part = 1 - self.light[top:bottom, left:right]
        if part.size == 0:
            return None
        light = float(np.median(part)) > 0.45
        if light:
            part = 1 - part
        part = np.clip((part - 0.15) / 0.85, 0, 1)
        strong = part > 0.35
        across, down = np.flatnonzero(strong.any(0)), np.flatnonzero(strong.any(1))
        if not len(across):
            return None
        tops, bottoms = [], []
        for a, b in characters:
            slack = 0.15 * (b - a)  # a neighbour's ink, where the place is not exact
            rows = np.flatnonzero(strong[:, max(0, int(a + slack) - left) : max(0, int(b - slack) - left)].any(1))
            if len(rows):
                tops.append(int(rows[0]))
                bottoms.append(int(rows[-1]) + 1)
        high, low = (float(np.median(tops)), float(np.median(bottoms))) if len(tops) > 1 else (down[0], down[-1] + 1)
        bullet = self._bullet(strong, across, low - high)
        part = part[:, bullet:]
        gaps = [
            (float(left + a + 1), float(left + b)) for a, b in itertools.pairwise(across) if b - a > 0.2 * (low - high)
        ]
        return Measured(
            (float(left + across[0]), float(top + down[0]), float(left + across[-1] + 1), float(top + down[-1] + 1)),
            low - high if len(tops) > 1 else 0.0,
            float(top + (high + low) / 2),
            2 * float(part.sum()) / max(1.0, float(np.abs(np.diff(part, axis=1)).sum())),
            light,
            tuple(gaps),
            float(left + bullet) if bullet else 0.0,
        )

    @staticmethod
    def _bullet(strong: NDArray[np.bool_], across: NDArray[np.intp], tall: float) -> int:
        """The column behind a solid sign (●■◆) that opens a line; 0 where it opens with a character."""
        breaks = np.flatnonzero(np.diff(across) > 1)
        if not len(breaks) or tall < 8:
            return 0
        first = strong[:, across[0] : across[breaks[0]] + 1]
        rows = np.flatnonzero(first.any(1))
        high = int(rows[-1] - rows[0]) + 1
        wide = first.shape[1]
        solid = float(first[rows[0] : rows[-1] + 1].mean()) > 0.68 and 0.35 * tall < min(high, wide)
        return int(across[breaks[0]]) + 1 if solid and max(high, wide) < 1.3 * min(high, wide) else 0

    def strip(self, box: Box) -> Box:
        """The dark bar around a light line."""
        left, top, right, bottom = self._inside(box)
        step = max(2, (bottom - top) // 8)
        dark = self.light < 0.55

        def full(x0: int, y0: int, x1: int, y1: int) -> bool:
            part = dark[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
            return part.size > 0 and float(part.mean()) > 0.7

        while full(left - step, top, left, bottom):
            left -= step
        while full(right, top, right + step, bottom):
            right += step
        while full(left, top - step, right, top):
            top -= step
        while full(left, bottom, right, bottom + step):
            bottom += step
        return (float(max(0, left)), float(max(0, top)), float(right), float(bottom))

    def _inside(self, box: Box) -> tuple[int, int, int, int]:
        return (
            max(0, round(box[0])),
            max(0, round(box[1])),
            min(self.width, round(box[2])),
            min(self.height, round(box[3])),
        )

    # ------------------------------------------------------------ what else is drawn

    def marks(self, em: float, lines: Sequence[Box], strips: Sequence[Box]) -> Marks:
        """Rules, frames and pictures; `lines`: where type stands, which is none of them."""
        pictures = self._pictures(em, strips)
        ink = _ink(self.grey, int(2 * em) | 1)
        for box in lines:
            left, top, right, bottom = self._inside(box)
            ink[top:bottom, left:right] = 0
        for box in pictures:
            left, top, right, bottom = self._inside(box)
            ink[top + 3 : bottom - 3, left + 3 : right - 3] = 0
        vertical = self._rules(ink, int(2.2 * em), 0.3 * em, em, along=0)
        for box in vertical:  # else a table's rules would be bridged to the rule between two columns
            left, top, right, bottom = self._inside(box)
            ink[top:bottom, left:right] = 0
        horizontal = self._rules(ink, int(4 * em), 0.5 * em, em, along=1)
        return Marks(horizontal, vertical, self._frames(horizontal, vertical, em), list(strips), pictures)

    def _rules(self, ink: Any, least: int, bridged: float, em: float, along: int) -> list[Box]:
        """Thin straight stretches of ink, a little skew or broken ones too."""
        import cv2

        thick = (1, 3) if along else (3, 1)  # cv2: (width, height)
        long = (least, 1) if along else (1, least)
        near = max(3, int(bridged))
        bridge = (near, 1) if along else (1, near)
        mask = cv2.dilate(ink, np.ones(thick[::-1], np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones(bridge[::-1], np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones(long[::-1], np.uint8))
        mask = cv2.dilate(mask, np.ones(thick[::-1], np.uint8))
        _, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        found: list[Box] = []
        for x, y, wide, tall, _area in boxes[1:]:
            if (tall if along else wide) <= 0.7 * em:
                found.append((float(x), float(y), float(x + wide), float(y + tall)))
        return found

    def _frames(self, horizontal: Sequence[Box], vertical: Sequence[Box], em: float) -> list[Box]:
        """Rectangles that rules close; of a grid only the outer one."""
        import cv2

        mask = np.zeros(self.grey.shape, np.uint8)
        reach = max(2, int(0.25 * em))  # corners may be open a little
        for left, top, right, bottom in horizontal:
            y = int((top + bottom) / 2)
            cv2.line(mask, (int(left) - reach, y), (int(right) + reach, y), 255, max(3, int(bottom - top)))
        for left, top, right, bottom in vertical:
            x = int((left + right) / 2)
            cv2.line(mask, (x, int(top) - reach), (x, int(bottom) + reach), 255, max(3, int(right - left)))
        contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        if tree is None:
            return []
        holes: dict[int, list[Box]] = {}
        for contour, (_next, _before, _child, parent) in zip(contours, tree[0], strict=True):
            if parent >= 0:
                x, y, wide, tall = cv2.boundingRect(contour)
                if cv2.contourArea(contour) > 0.9 * wide * tall and wide > 2 * em and tall > 0.8 * em:
                    holes.setdefault(parent, []).append((float(x), float(y), float(x + wide), float(y + tall)))
        frames: list[Box] = []
        for found in holes.values():
            heights = sorted(b[3] - b[1] for b in found)
            if len(found) >= 4 and heights[len(heights) // 2] < 4 * em:
                frames.append(around(found))
            else:
                frames += found
        return [f for f in frames if f[3] - f[1] > 1.2 * em]

    def _pictures(self, em: float, strips: Sequence[Box]) -> list[Box]:
        """Where almost no paper shows through, but strips."""
        import cv2

        scale = 6 / em  # six pixels a character are enough
        small = cv2.resize(self.light, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        paper = cv2.blur((small > 0.9).astype(np.float32), (7, 7))
        mask = (paper < 0.12).astype(np.uint8)
        for left, top, right, bottom in strips:
            mask[int(top * scale) : int(bottom * scale) + 1, int(left * scale) : int(right * scale) + 1] = 0
        _, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        return [
            ((x - 3) / scale, (y - 3) / scale, (x + wide + 3) / scale, (y + tall + 3) / scale)
            for x, y, wide, tall, area in boxes[1:]
            if wide > 18 and tall > 18 and area > 0.5 * wide * tall
        ]
