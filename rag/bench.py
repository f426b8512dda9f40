"""A machine comes in, its times go out: starts in fresh processes, questions in this one, each several times.

Times on a busy machine wander: medians are given, and each beside a yardstick taken in the same run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rag import library as door
from rag import settings
from rag.types import Progress


@dataclass(frozen=True, slots=True)
class Timing:
    """`median` and `worst` of some runs, in milliseconds; `ratio`: the median over the yardstick's."""

    name: str
    median: float
    worst: float
    runs: int
    yardstick: str = ""
    ratio: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def bench(progress: Callable[[Progress], None] | None = None, runs: int = 5) -> Iterator[Timing]:
    """Cold starts and questions over the sample library, in a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="rag-bench-") as folder:
        place = Path(folder) / "library"
        with door.open(place) as library:
            started = time.perf_counter()
            library.add([settings.samples() / "articles"], progress=progress)
            adding = (time.perf_counter() - started) * 1000
            passages = library.state().passages
            questions = [question for _, question in library.examples(12)]
            yield Timing(f"add {passages} passages", adding, adding, 1)
            yield from _cold(place, questions[0], runs)
            library.warm_up()
            searches = [_timed(partial(library.search, q)) for q in questions * runs]
            asks = [_timed(partial(library.ask, q)) for q in questions * runs]
            yield _row("search, warm", searches)
            yield _row("ask, warm", asks, "search, warm", searches)


def _cold(place: Path, question: str, runs: int) -> Iterator[Timing]:
    """Whole processes, from start to end. The yardstick is a Python that imports numpy and ends."""

    def run(*words: str) -> list[float]:
        def once() -> None:
            subprocess.run([sys.executable, *words], check=True, capture_output=True)

        once()  # what the disk has to give is in memory afterwards
        return [_timed(once) for _ in range(runs)]

    yardstick = run("-c", "import numpy")
    yield _row("python -c 'import numpy'", yardstick)
    for name, words in (
        ("import rag", ("-c", "import rag")),
        ("rag --help", ("-m", "rag", "--help")),
        ("rag ask, cold", ("-m", "rag", "ask", question, "--library", str(place))),
    ):
        yield _row(name, run(*words), "python -c 'import numpy'", yardstick)


def _timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return (time.perf_counter() - started) * 1000


def _row(name: str, times: list[float], yardstick: str = "", others: list[float] | None = None) -> Timing:
    median = statistics.median(times)
    ratio = median / statistics.median(others) if others else None
    return Timing(
        name, round(median, 1), round(max(times), 1), len(times), yardstick, round(ratio, 2) if ratio else None
    )
