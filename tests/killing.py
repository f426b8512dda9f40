"""`python -m tests.killing FOLDER KILLS SEED`: a process that works on a library is killed at random moments, and what
it left is looked at from a fresh one. Says how often each kind of work was struck; ends with 1 where anything is wrong.

Python starts once: each worker and each examiner is a fork of a process that has read all modules and opened nothing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import faiss  # noqa: F401
import rensa  # noqa: F401
import tantivy  # noqa: F401

from rag import articles, meaning, passages, putting, reading, reprints, store  # noqa: F401
from rag.library import Library
from rag.search import lexical, local, vectors  # noqa: F401
from rag.settings import load
from rag.store import Store
from rag.text import tokens
from rag.types import Filter
from tests.tiny_embedders import open_tiny

NAMES = ("甲", "乙", "丙")
WORK = ("add", "replace", "remove", "reindex", "change")
State = dict[str, Any]  # file → [mark, articles], and "model"


def content(name: str, mark: int, number: int) -> str:
    """Rows of one version of a file: each says whose it is. Rows of a version differ in a figure alone."""
    rows = ({"id": f"{name}{i}", "text": f"{name}田{mark}号水稻，第{i}块。{name}田的水要浅。"} for i in range(number))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def opened(folder: Path, model: str | None = None) -> Library:
    return Library(Store.open(folder / "library"), replace(load(folder / "library"), embedding=model))


# ---------------------------------------------------------------- the worker


def work(folder: Path, wanted: str, state: State, chance: random.Random, say: Callable[[State], None]) -> None:
    """Does what is wanted, after a step that makes it possible where that is needed, then anything, until it is killed.
    Tells each step before it, with the state that it leads to, and how long it took."""
    waiting = [wanted]
    while True:
        what, state = waiting.pop() if waiting else chance.choice(WORK), dict(state)
        here = [name for name in NAMES if name in state]
        gone = [name for name in NAMES if name not in state]
        if not (gone if what == "add" else here):
            waiting.append(what)
            what = "remove" if what == "add" else "add"
        if what == "change":
            state["model"] = "tiny-16" if state["model"] == "tiny-8" else "tiny-8"
        elif what != "reindex":
            name = chance.choice(gone if what == "add" else here)
            state[name] = [chance.randrange(10**6), chance.choice((1, 9, 40))]
            (folder / f"{name}.jsonl").write_text(content(name, *state[name]), "utf-8")
            if what == "remove":
                del state[name]
        say({"what": what, "state": state})
        started = time.monotonic()
        with opened(folder, state["model"] if what == "change" else None) as library:
            if what == "change":
                library.change_embedding()
            elif what == "reindex":
                library.checkup(repair=True)
            elif what == "remove":
                assert library.remove([f"{name}.jsonl"])[0].left == 0
            else:
                library.add([folder / f"{name}.jsonl"])
        say({"took": time.monotonic() - started})


# ---------------------------------------------------------------- the examiner


def examine(folder: Path) -> State:
    """The state that the library is in. AssertionError: it contradicts itself."""
    with opened(folder) as library:
        kept = library._store
        now = library._meaning.serving()
        now.index.refresh()
        assert kept.check() == [], kept.check()
        assert now.index.faults() == [], now.index.faults()
        found: State = {"model": now.embedder.name}
        for document in kept.documents():
            name = document.source[0]
            texts = [a.text for a in kept.articles(document_id=document.document_id)]
            mark = int(texts[0].split("号")[0].removeprefix(f"{name}田"))
            rows = [json.loads(row) for row in content(name, mark, len(texts)).splitlines()]
            assert texts == [row["text"] for row in rows], f"{name} is of no one version"
            found[name] = [mark, len(texts)]
        hits = kept.hits(kept.allowed(Filter()).tolist())
        assert all(h.text.startswith(f"{h.source[0]}田") for h in hits.values()), "a passage under a wrong name"
        assert set(now.index.lexical(tokens("水稻"), 9999).ids.tolist()) == hits.keys(), "words"
        embedded = hits.keys() - {i for i, _ in kept.unembedded(now.embedder.name, limit=9999)}
        (question,) = now.embedder.questions(["水稻"])
        assert set(now.index.nearest(question, 9999).ids.tolist()) == embedded, "meaning"
        assert {len(v) for v in now.index.vectors(sorted(hits)).values()} <= {now.embedder.dimension}, "dimensions"
        return found


# ---------------------------------------------------------------- the killer


def fork(step: Callable[[], None]) -> int:
    """The number of a process that takes the step and ends, with 1 where it failed."""
    process = os.fork()
    if process:
        return process
    try:
        step()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def ended(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main(folder: Path, kills: int, seed: int) -> int:
    meaning.open_embedder, meaning.AT_ONCE, vectors.TAIL = open_tiny, 16, 30
    tokens("水稻")  # dictionaries are read once, before the forks
    reprints.alike("水稻" * 9, "水稻" * 9)
    chance, struck = random.Random(seed), Counter[str]()
    state: State = {"model": "tiny-8"}
    takes = dict.fromkeys(WORK, 0.2)  # seconds, as last seen
    for n in range(kills):
        wanted = WORK[n % len(WORK)]
        steps = killed_at_work(folder, wanted, state, takes, chance, seed * 1000 + n)
        if steps and "took" not in steps[-1]:
            struck[steps[-1]["what"]] += 1
        states = [state, *(step["state"] for step in steps if "state" in step)]
        read, write = os.pipe()

        def look(allowed: list[State] = states[-2:], write: int = write) -> None:
            found = examine(folder)
            assert found in allowed, f"{found} is none of {allowed}"
            os.write(write, json.dumps(found).encode())

        code = ended(fork(look))
        os.close(write)
        with os.fdopen(read, "rb") as file:
            told = file.read()
        if code:
            print(f"kill {n}: {steps[-3:]}", file=sys.stderr)
            return 1
        state = json.loads(told)
    print(json.dumps(struck))
    return 0


def killed_at_work(
    folder: Path, wanted: str, state: State, takes: dict[str, float], chance: random.Random, seed: int
) -> list[State]:
    """What a worker told until it was killed, somewhere in the step that is wanted or soon after it."""
    read, write = os.pipe()

    def step() -> None:
        os.close(read)
        work(folder, wanted, state, random.Random(seed), lambda told: tell(write, told))

    process = fork(step)
    os.close(write)
    steps: list[State] = []
    with os.fdopen(read, "rb", buffering=0) as pipe:
        told = b""
        while more := pipe.read(4096):
            told += more
            *rows, told = told.split(b"\n")
            steps += map(json.loads, rows)
            if steps and steps[-1].get("what") == wanted:
                time.sleep(chance.uniform(0, 1.2 * takes[wanted]))
                os.kill(process, signal.SIGKILL)
                wanted = ""
        steps += map(json.loads, filter(None, told.split(b"\n")))
    assert ended(process) == -signal.SIGKILL, steps[-3:]
    for before, after in pairwise(steps):
        if "took" in after:
            takes[before["what"]] = after["took"]
    return steps


def tell(pipe: int, told: State) -> None:
    os.write(pipe, (json.dumps(told) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
