"""How a library grows: copies of given articles by the ten thousand, added and asked for; time, memory, disk, and how
often the right copy is found, each with its growth as an exponent.

Embedding takes too long for that and is the same for each passage: some are timed, and vectors stand in that are as
many and as long (`StandIn`). All else is what `rag add` and a search do. Each part runs in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag import copies, settings
from rag import library as door
from rag.bench import Figure, _peak
from rag.errors import SearchNotInstalled
from rag.text import tokens
from rag.types import Article, Progress

if TYPE_CHECKING:
    from rag.embedding import Embedder
    from rag.search import SearchIndex
    from rag.store import Store

Vectors = NDArray[np.float32]

_IN_A_FOLDER = 1000
_EMBEDDED = 64  # passages that are embedded, to know how long one takes
_AT_ONCE = 2048  # vectors between two commits
_ON = 16  # places of a vector that a word touches


class StandIn:
    """The vector of a text is the sum of its words', each a few signs of its own: texts that share words are near one
    another, as with a model. A question is embedded by the true model too, for the time that it takes."""

    def __init__(self, model: Embedder | None = None, dimension: int = 384) -> None:
        self.name = "stand-in"
        self.dimension = model.dimension if model else dimension
        self._model = model

    def passages(self, texts: Sequence[str]) -> Vectors:
        made = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(made, texts, strict=True):
            for word, times in Counter(tokens(text)).items():
                places, signs = _signs(word, self.dimension)
                np.add.at(row, places, signs * np.float32(times**0.5))
        made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), np.float32(1e-9))
        return made

    def questions(self, texts: Sequence[str]) -> Vectors:
        if self._model is not None:
            self._model.questions(texts)
        return self.passages(texts)


@lru_cache(maxsize=200_000)
def _signs(word: str, dimension: int) -> tuple[NDArray[np.int64], Vectors]:
    """Where in a vector a word stands, and as what."""
    drawn = np.frombuffer(blake2b(word.encode(), digest_size=4 * _ON).digest(), np.uint32)
    return (drawn // 2 % dimension).astype(np.int64), (drawn % 2).astype(np.float32) * 2 - 1


def scale(
    folder: Path | None,
    sizes: Sequence[int],
    questions: int = 50,
    tell: Callable[[Progress], None] = lambda step: None,
) -> Iterator[Figure]:
    """`sizes`: in passages, each a library of its own in a folder that goes again. With RAG_SEARCH set, the same
    passages are found by that Milvus too, and go from it afterwards. Errors: PathMissing, BadBatchLine,
    SearchUnreachable, SearchNotInstalled."""
    search = settings.load().search
    if search is not None:
        _reach(search)
    given = [text for text in copies.texts(folder or settings.samples() / "articles") if text.strip()]
    seen: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for size in sorted(sizes):
        with tempfile.TemporaryDirectory(prefix="rag-scale-") as work:
            _write(given, size, questions, Path(work), tell)
            passages = size
            steps = [("_fill",), ("_ask",), *([("_ask", "milvus")] if search else []), *([] if seen else [("_embed",)])]
            for step, *how in steps:
                for told in _alone(step, work, *how):
                    if "stage" in told:
                        tell(Progress(**told))
                    elif "passages" in told:
                        passages = told["passages"]
                    else:
                        yield _against(told["name"], told["value"], told["unit"], passages, seen[told["name"]])
    for name, rows in seen.items():
        if len(rows) > 1 and all(value > 0 for _, value in rows):
            yield Figure(f"growth, {name}", exponent(rows), "exponent")


def _reach(search: settings.SearchServer) -> None:
    """Where it can't be used, that is said before all else; Milvus Lite's file is one process's, which comes later."""
    if not search.is_file:
        from rag.search.server import Server

        server = Server(search)
        server.collections("")
        server.close()
    elif find_spec("milvus_lite") is None:
        raise SearchNotInstalled(search=search)


def _against(name: str, value: float, unit: str, passages: int, before: list[tuple[int, float]]) -> Figure:
    """The figure beside that of the size before; `before` grows by it where it says how much, not how well."""
    figure = Figure(f"{passages} passages, {name}", round(value, 4), unit)
    if before and before[-1][1]:
        figure = replace(figure, yardstick=f"{before[-1][0]} passages", ratio=round(value / before[-1][1], 2))
    if unit in ("s", "ms", "MB"):
        before.append((passages, value))
    return figure


def exponent(rows: Sequence[tuple[float, float]]) -> float:
    """The slope of a line through the logarithms, by least squares: 1 grows as the library does, 0 not at all."""
    x, y = np.log(np.asarray(rows, np.float64)).T
    return round(float(np.polyfit(x, y, 1)[0]), 2)


def _write(given: Sequence[str], size: int, questions: int, work: Path, tell: Callable[[Progress], None]) -> None:
    """Copies of so many passages as files, and questions for some of them, evenly spread."""
    from rag.passages import split

    asked: list[tuple[str, str]] = []
    passages = 0
    for n, copy in enumerate(copies.copies(given)):
        name = f"{n:07}.txt"
        file = work / "articles" / f"{n // _IN_A_FOLDER:04}" / name
        if n % _IN_A_FOLDER == 0:
            file.parent.mkdir(parents=True)
            tell(Progress("reading", passages, size, "copies"))
        file.write_text(copy.text, "utf-8")
        if copy.question and len(asked) <= questions * passages / size:
            asked.append((copy.question, name))
        passages += len(split(Article("", name, "", copy.text)))
        if passages >= size:
            break
    (work / "questions.json").write_text(json.dumps(asked), "utf-8")


def _alone(step: str, *words: str) -> Iterator[dict[str, Any]]:
    """What a function of this module prints in a fresh Python, line by line."""
    here = str(Path(__file__).resolve().parent.parent)
    call = f"import sys; sys.path.insert(0, {here!r}); from rag import scale; scale.{step}(*sys.argv[1:])"
    command = [sys.executable, "-c", call, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        try:
            yield from map(json.loads, process.stdout)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, step)


# ---------------------------------------------------------------- in processes of their own


def _say(name: str, value: float, unit: str) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit}), flush=True)


def _watch(step: Progress) -> None:
    told = {"stage": step.stage, "done": step.done, "total": step.total, "name": step.name}
    print(json.dumps(told), flush=True)


def _opened(work: str) -> tuple[settings.Settings, Store]:
    from rag.store import Store

    chosen = replace(settings.load(Path(work) / "library"), search=None)
    return chosen, Store.open(chosen.library)


def _fill(work: str) -> None:
    from rag.search.local import LocalSearch

    chosen, store = _opened(work)
    place = chosen.derived
    with door.Library(store, chosen) as library:
        started, busy = time.perf_counter(), time.process_time()
        library.add([Path(work) / "articles"], progress=_watch, embed=False)
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
        print(json.dumps({"passages": library.state().passages}), flush=True)
        _say("added, found by their words", seconds, "s")
        _say("added, processor time", busy, "s")
        _say("memory at its peak, adding", _peak(), "MB")
        model, kept = StandIn(), 0.0
        while batch := store.unembedded(model.name, limit=_AT_ONCE):
            vectors = model.passages([text for _, text in batch])
            started = time.perf_counter()
            with store.writing():
                store.put_vectors(model.name, [i for i, _ in batch], vectors)
            kept += time.perf_counter() - started
        index, started = LocalSearch(place, store, model.name), time.perf_counter()
        index.catch_up()
        index.close()
        _say("vectors kept", kept, "s")
        _say("vectors indexed", time.perf_counter() - started, "s")
    for name, files in (
        ("articles", place.glob("library.db*")),
        ("words", (place / "lexical").rglob("*")),
        ("vectors", (place / "vectors").rglob("*")),
    ):
        _say(f"disk, {name}", sum(file.stat().st_size for file in files if file.is_file()) / 1e6, "MB")


def _ask(work: str, where: str = "") -> None:
    from rag.question import understand
    from rag.retrieval import LOOKED_AT, retrieve
    from rag.wiring import open_embedder, open_reader

    chosen, store = _opened(work)
    label = f"{where}: " if where else ""
    started = time.perf_counter()
    model, reader = StandIn(open_embedder(chosen)), open_reader(chosen)
    index, forget = _index(where, chosen, store)
    if where:
        index.catch_up(lambda done, total: _watch(Progress("words", done, total, where)))
        _say(f"{label}taken in", time.perf_counter() - started, "s")
        _say_size(label)
        started = time.perf_counter()
    asked = [(understand(question), name) for question, name in json.loads((Path(work) / "questions.json").read_text())]
    whole, words, meaning, places = [], [], [], []
    busy = 0.0
    for n, (question, name) in enumerate(asked):
        before = time.process_time()
        hits, ms = _timed(partial(retrieve, question, store, index, model, reader))
        if n == 0:
            _say(f"{label}first question, opening included", 1000 * (time.perf_counter() - started), "ms")
        else:
            whole.append(ms)
            busy += time.process_time() - before
        found = list(dict.fromkeys(hit.source.rsplit("/", 1)[-1] for hit in hits))
        places.append(found.index(name) if name in found else None)
        vector = StandIn().passages([question.text])[0]
        words.append(_timed(partial(index.lexical, tokens(question.text), LOOKED_AT))[1])
        meaning.append(_timed(partial(index.nearest, vector, LOOKED_AT))[1])
        _watch(Progress("asking", n + 1, len(asked), where))
    for name, times in (("found by words", words), ("found by meaning", meaning), ("found and ordered", whole)):
        for share in (50, 95):
            _say(f"{label}{name}, p{share}", float(np.percentile(times or [0.0], share)), "ms")
    _say(f"{label}found and ordered, processor time each", 1000 * busy / max(1, len(whole)), "ms")
    _say(f"{label}the right copy first", sum(p == 0 for p in places) / max(1, len(places)), "of 1")
    _say(f"{label}the right copy in ten", sum(p is not None for p in places) / max(1, len(places)), "of 1")
    _say(f"{label}memory at its peak, asking", _peak(), "MB")
    forget()
    index.close()
    store.close()


def _index(where: str, chosen: settings.Settings, store: Store) -> tuple[SearchIndex, Callable[[], None]]:
    """And what to call when all is asked."""
    name, search = StandIn().name, settings.load().search
    if where and search is not None:
        from rag.search.milvus import MilvusSearch

        milvus = MilvusSearch(search, store, name)
        return milvus, milvus.forget
    from rag.search.local import LocalSearch

    return LocalSearch(chosen.derived, store, name), lambda: None


def _say_size(label: str) -> None:
    """Of Milvus Lite's file; how much a server takes, only the server knows."""
    search = settings.load().search
    if search is not None and search.is_file:
        place = Path(search.uri)
        files = [place, *place.rglob("*")] if place.is_dir() else [place]
        _say(f"{label}disk", sum(f.stat().st_size for f in files if f.is_file()) / 1e6, "MB")


def _embed(work: str) -> None:
    from rag.wiring import open_embedder

    chosen, store = _opened(work)
    model = open_embedder(chosen)
    texts = [text for _, text in store.unembedded("none yet", limit=_EMBEDDED)]
    model.passages(texts[:1])
    busy, started = time.process_time(), time.perf_counter()
    model.passages(texts)
    _say("embedded by the built-in model", len(texts) / (time.perf_counter() - started), "passages/s")
    _say("embedded, processor time each", 1000 * (time.process_time() - busy) / len(texts), "ms")
    store.close()


def _timed(step: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    return step(), (time.perf_counter() - started) * 1000
