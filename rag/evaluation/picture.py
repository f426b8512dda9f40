"""Verdicts come in, a calibration picture goes out: an SVG file that any browser opens.

The left half holds each confidence against the share of answers that were right; the right half what a stricter line
would refuse.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.evaluation.answers import Verdict, refusal_curve, reliability
from rag.words import say

SIDE, EDGE = 260, 52  # pixels: a half's width and height, and the room around it
INK, PALE, FIRST, SECOND = "#1f2937", "#cbd5e1", "#1d4ed8", "#b91c1c"


def picture(verdicts: Sequence[Verdict]) -> str:
    """The SVG's text. Written by hand: two small charts need no plotting library."""
    bars = []
    for low, high, n, right in reliability(verdicts):
        x, top = _x(0, low), _y(right)
        bars.append(
            f'<rect x="{x + 3:.1f}" y="{top:.1f}" width="{_x(0, high) - x - 6:.1f}" height="{_y(0) - top:.1f}" fill="{FIRST}" opacity=".75"/>'
        )
        bars.append(_text((x + _x(0, high)) / 2, top - 5, str(n), 11))
    curve = refusal_curve(verdicts)
    lines = [
        _line([(_x(1, t), _y(able)) for t, able, _ in curve], FIRST),
        _line([(_x(1, t), _y(unable)) for t, _, unable in curve], SECOND),
    ]
    legend = [
        _text(_x(1, 0.02), _y(1.06), "— " + say("eval.figures.false_refusals"), 11, FIRST, "start"),
        _text(_x(1, 0.52), _y(1.06), "— " + say("eval.figures.refused"), 11, SECOND, "start"),
    ]
    titles = [
        _text(_x(0, 0.5), 22, say("eval.report.reliability"), 13),
        _text(_x(1, 0.5), 22, say("eval.report.curve"), 13),
        _text(_x(0, 0.5), _y(0) + 38, say("eval.report.confidence"), 12),
        _text(_x(1, 0.5), _y(0) + 38, say("eval.report.threshold"), 12),
    ]
    even = _line([(_x(0, 0), _y(0)), (_x(0, 1), _y(1))], PALE, "4 4")
    width, height = 2 * SIDE + 3 * EDGE, SIDE + 2 * EDGE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *_axes(0),
            *_axes(1),
            *bars,
            even,
            *lines,
            *legend,
            *titles,
            "</svg>\n",
        ]
    )


def _x(half: int, value: float) -> float:
    return EDGE + half * (SIDE + EDGE) + value * SIDE


def _y(value: float) -> float:
    return EDGE + (1 - value) * SIDE


def _axes(half: int) -> list[str]:
    parts = [_line([(_x(half, 0), _y(1)), (_x(half, 0), _y(0)), (_x(half, 1), _y(0))], INK)]
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(_text(_x(half, tick), _y(0) + 18, f"{tick:.1f}", 11))
        parts.append(_text(_x(half, 0) - 8, _y(tick) + 4, f"{tick:.1f}", 11, anchor="end"))
    return parts


def _line(points: Sequence[tuple[float, float]], colour: str, dashes: str = "") -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'


def _text(x: float, y: float, words: str, size: int, colour: str = INK, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{words}</text>'
