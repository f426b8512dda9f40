"""A machine comes in, its times go out: starts in fresh processes, questions in this one, each several times; and how
long files take to be found.

Times on a busy machine wander: medians are given, and each beside a yardstick taken in the same run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rag import library as door
from rag import settings
from rag.errors import ModelUnusable
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


# ---------------------------------------------------------------- files come in


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in its unit; `ratio`: over that of the yardstick."""

    name: str
    value: float
    unit: str
    yardstick: str = ""
    ratio: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


CUT = "jieba.cut_for_search"


def ingest(paths: Sequence[Path], progress: Callable[[Progress], None] | None = None) -> Iterator[Figure]:
    """How fast these files (without any: the sample articles) become a library, in a folder that goes again.

    The yardstick is plain `jieba.cut_for_search` over the same articles, its dictionary loaded before. Each part runs
    in a process of its own: its peak of memory is no other's.
    """
    given = [str(Path(p).resolve()) for p in paths] or [str(settings.samples() / "articles")]
    with tempfile.TemporaryDirectory(prefix="rag-bench-") as folder:
        place = Path(folder) / "library"
        added = _alone("_add", str(place), *given)
        cut = _alone("_cut", str(place))
        yield Figure(f"{CUT}, {added['characters']} characters", round(cut["seconds"], 4), "s")
        name = f"add {added['articles']} articles, {added['passages']} passages, found by their words"
        yield _against(name, added["seconds"], "s", CUT, cut["seconds"])
        yield _against("memory at its peak, adding", added["peak"], "MB", CUT, cut["peak"])
        one = f"add one more, {added['one_passages']} passages, found by its words"
        yield _against(one, added["one_seconds"], "s", "a part of all", added["seconds"] / max(1, added["articles"]))
        with door.open(place) as library:
            done, seconds = _embed_some(library, progress)
        if done:
            yield _against("embed", done / seconds, "passages/s", "added", added["passages"] / added["seconds"])
            yield Figure("until all are found by their meaning", round(added["passages"] * seconds / done, 1), "s")


def _against(name: str, value: float, unit: str, yardstick: str, other: float) -> Figure:
    return Figure(name, round(value, 4), unit, yardstick, round(value / other, 3) if other else None)


def _alone(step: str, *words: str) -> dict[str, Any]:
    """What a function of this module gives, called in a fresh Python."""
    here = str(Path(__file__).resolve().parent.parent)
    call = f"import json, sys; sys.path.insert(0, {here!r}); from rag import bench; "
    call += f"print(json.dumps(bench.{step}(*sys.argv[1:])))"
    done = subprocess.run([sys.executable, "-c", call, *words], check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _add(place: str, *paths: str) -> dict[str, Any]:
    with door.open(place) as library:
        started = time.perf_counter()
        library.add(paths, embed=False)
        seconds, state = time.perf_counter() - started, library.state()
        characters = sum(document.characters for document in library.documents())
        some = library.articles(limit=1)
        one = Path(place).with_name("one more.md")
        one.write_text(f"# 又一篇\n\n{some[0].text if some else ''}\n\n又来了一篇。\n", "utf-8")
        started = time.perf_counter()
        (receipt,) = library.add([one], embed=False)
        return {
            "seconds": seconds,
            "peak": _peak(),
            "articles": state.articles,
            "passages": state.passages,
            "characters": characters,
            "one_seconds": time.perf_counter() - started,
            "one_passages": receipt.passages,
        }


def _cut(place: str) -> dict[str, Any]:
    import logging

    import jieba

    with door.open(place) as library:
        texts = [article.text for article in library.articles()]
    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    started = time.perf_counter()
    for text in texts:
        list(jieba.cut_for_search(text))
    return {"seconds": time.perf_counter() - started, "peak": _peak()}


def _peak() -> float:
    """Megabytes that this process held at most; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _embed_some(library: door.Library, progress: Callable[[Progress], None] | None) -> tuple[int, float]:
    """Passages, and the seconds they took: one batch of them."""
    library.warm_up()
    started, asked = time.perf_counter(), iter([False])
    done = library.embed_pending(progress=progress, stop=lambda: next(asked, True))
    return done, time.perf_counter() - started


# ---------------------------------------------------------------- language models

LENGTH = 64  # tokens that are written


def llm(models: Sequence[str]) -> Iterator[Figure]:
    """How fast language models read and write one prompt over sample articles, each in a process of its own.

    Folders and hub ids stand beside plain `generate` of transformers on the same prompt, with and without prompt lookup.
    The limit: each token that is written needs all weights once, as fast as this memory gives them.
    """
    speed = _memory_speed()
    yield Figure("memory, copied", round(speed / 1e9, 1), "GB/s")
    for model in models:
        told = _alone("_llm", model)
        if "unusable" in told:
            raise ModelUnusable(model=model, why=told["unusable"])
        name, plain = told["name"], told.get("plain")
        yield Figure(f"{name}: open", round(told["open"], 1), "s")
        yield Figure(f"{name}: until the first word, {told['prompt']} tokens read", round(told["first"], 2), "s")
        yield Figure(f"{name}: read", round(told["prompt"] / told["first"], 1), "tokens/s")
        rate = told["written"] / max(1e-6, told["all"] - told["first"])
        yield _against(
            f"{name}: write", rate, "tokens/s", "memory's limit", speed / told["bytes"] if told["bytes"] else 0
        )
        yield Figure(f"{name}: memory at its peak", round(told["peak"]), "MB")
        if plain:
            yield _against(f"{name}: {told['written']} tokens", told["all"], "s", "generate", plain)
            yield _against(f"{name}: the whole answer, proved", told["proved"], "s", "generate", told["plain_answer"])
            yield _against(f"{name}: generate with prompt lookup", told["lookup"], "s", "generate", plain)


def _memory_speed() -> float:
    """Bytes a second, read and written, of a block that no cache holds."""
    import numpy as np

    block = np.ones(1 << 28, np.uint8)
    other = np.empty_like(block)
    return max(2 * block.nbytes / max(1e-9, _timed(partial(np.copyto, other, block)) / 1000) for _ in range(4))


def _llm(model: str) -> dict[str, Any]:
    from rag.answering import prompt
    from rag.articles import cut
    from rag.models import Message, open_model
    from rag.passages import split
    from rag.question import understand
    from rag.reading import read
    from rag.types import Hit

    chosen = settings.load()
    started = time.perf_counter()
    try:
        writer: Any = open_model(model, chosen.threads, key=chosen.server_key, away=chosen.server_away)
    except ModelUnusable as error:
        return {"unusable": str(error.fields.get("why") or error.what)}
    opened = time.perf_counter() - started
    row = json.loads((settings.samples() / "questions.jsonl").read_text("utf-8").splitlines()[0])
    article = read(settings.samples() / "articles" / row["article"], row["article"])
    passages = [p for one in cut(article) for p in split(one)]
    hits = [Hit(i, "", "", "", p.start, p.end, p.text, 0.0) for i, p in enumerate(passages)]
    question = understand(row["question"])
    made = prompt.build(question, hits, writer)
    assert made is not None
    list(writer.write([Message("user", "?")], 1, lambda: False))  # what is made at the first call
    first, text = 0.0, ""
    started = time.perf_counter()
    for draft in writer.write(made.messages, LENGTH, lambda: False):
        first = first or time.perf_counter() - started
        text = draft.thought + draft.text
    whole = time.perf_counter() - started
    file = settings.pulled(model) or Path(model).expanduser()
    weights = [file] if file.is_file() else [*file.glob("*.safetensors"), *file.glob("*.bin")] if file.is_dir() else []
    told = {
        "name": writer.name, "open": opened, "first": first, "all": whole, "peak": _peak(),
        "prompt": sum(writer.count(m.text) for m in made.messages), "written": writer.count(text),
        "bytes": sum(f.stat().st_size for f in weights),
    }  # fmt: skip
    return {**told, **_plain(writer, made, question, hits)} if hasattr(writer, "plain") else told


def _plain(writer: Any, made: Any, question: Any, hits: Sequence[Any]) -> dict[str, float]:
    """Seconds of plain `generate`, and of the whole way of an answer."""
    from rag.answering.extractive import Extractive
    from rag.answering.generative import Generative
    from rag.wiring import open_reader

    engine = Generative(writer, Extractive(open_reader(settings.load())))
    answered = iter(engine.answer(question, hits, lambda: False))
    while next(answered).stage != "writing":  # what comes before is the built-in answerer's time
        pass
    return {
        "plain": _timed(lambda: writer.plain(made.messages, LENGTH)) / 1000,
        "lookup": _timed(lambda: writer.plain(made.messages, LENGTH, prompt_lookup_num_tokens=10)) / 1000,
        "plain_answer": _timed(lambda: writer.plain(made.messages, made.answer_tokens)) / 1000,
        "proved": _timed(lambda: list(answered)) / 1000,
        "peak": _peak(),
    }


# ---------------------------------------------------------------- starts and questions


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
