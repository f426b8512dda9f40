"""The name of a language model comes in; something that writes comes out.

local.py: folders and hub ids, by transformers; packed.py: GGUF files, by llama.cpp; server.py: servers.

Nothing is ever downloaded here: a model is on this machine, or the error says that it is not.
"""

from __future__ import annotations

import contextvars
import re
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, Protocol

from rag.settings import SERVER


@dataclass(frozen=True, slots=True)
class Message:
    """A turn as chat templates know it."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model has written so far: both texts are whole, not the newest piece of them."""

    text: str  # the answer
    thought: str = ""  # what it thought before (<think>…</think>); never part of the answer
    waiting: bool = False  # nothing is written yet: another answer is


class LanguageModel(Protocol):
    """Writes one answer at a time, servers apart; a second caller of `write` is told that it waits for its turn."""

    name: str  # shown to readers: the last part of the folder or id
    context: int  # tokens it reads and writes at once

    def count(self, text: str) -> int:
        """Tokens of a text, as the model's own tokenizer cuts it."""
        ...

    def neutral(self, text: str) -> str:
        """The text with nothing in it that the tokenizer takes for a control token (<|im_end|>, </s>)."""
        ...

    def write(
        self,
        messages: Sequence[Message],
        limit: int,
        stop: Callable[[], bool],
    ) -> Generator[Draft, None, None]:
        """The answer as it grows, at most `limit` tokens.

        `stop` is asked from another thread, many times a token; once it is true, writing ends within one token.
        Closing the generator does the same. Errors: ModelUnusable (the prompt is too long, memory ran out…).
        """
        ...


def open_model(model: str, threads: int = 0, *, key: str | None = None, away: bool = False) -> LanguageModel:
    """A causal language model: a folder, a GGUF file, a hub id that has been downloaded (here, or into
    the store that servers share), or openai:MODEL@ADDRESS.

    `threads` 0: all cores. `key`, `away`: for servers, as in `Settings`. Errors: ModelUnusable with the reason;
    ModelsNotInstalled, PackageMissing where packages are missing.
    """
    if model.startswith(SERVER):
        from rag.models.server import open_server

        return open_server(model, key, away)
    from rag.models import shared

    file = shared.found(model) or Path(model).expanduser()
    if file.suffix.lower() == ".gguf" and file.is_file():
        from rag.models.packed import open_packed

        return open_packed(file, threads)
    from rag.models.local import open_local

    return open_local(model, threads)


# ---------------------------------------------------------------- what engines share

_WAIT = 0.05  # seconds between two looks at `stop` while another answer is being written
News = Draft | Exception | None  # a draft, what went wrong, or the end


def take_turn(turn: threading.Lock, stop: Callable[[], bool]) -> Generator[Draft, None, bool]:
    """Waits until it is this caller's turn, and says so; False where the reader stopped before that."""
    if not turn.acquire(blocking=False):
        yield Draft("", waiting=True)
        while not turn.acquire(timeout=_WAIT):
            if stop():
                return False
    return True


def relayed(
    work: Callable[[Callable[[News], None], Callable[[], bool]], None], name: str, stop: Callable[[], bool]
) -> Generator[Draft, None, None]:
    """The drafts that `work(out, stopped)` gives out in a thread of its own, which is gone when this ends.

    What `work` raises or gives out as an exception is raised here. Closing this generator stops the work.
    """
    closed = threading.Event()
    out: SimpleQueue[News] = SimpleQueue()
    main = threading.main_thread()

    def run() -> None:
        try:
            # at the end of the program nobody reads on
            work(out.put, lambda: closed.is_set() or stop() or not main.is_alive())
            out.put(None)
        except Exception as error:  # raised again where it is read
            out.put(error)

    context = contextvars.copy_context()  # the language that errors are told in
    worker = threading.Thread(target=context.run, args=(run,), name=f"writing {name}")
    worker.start()
    try:
        while (news := out.get()) is not None:
            if isinstance(news, Exception):
                raise news
            yield news
    finally:
        closed.set()
        worker.join()


# ---------------------------------------------------------------- thinking and control tokens

_OPEN, _CLOSE = "<think>", "</think>"


def fold_thinking(written: str) -> Draft:
    """What a model wrote, parted into answer and thought; a tag that is only half written belongs to neither."""
    for tag in (_OPEN, _CLOSE):
        for size in range(len(tag) - 1, 0, -1):
            if written.endswith(tag[:size]):
                written = written[:-size]
                break
    answer = ""
    thoughts: list[str] = []
    while _CLOSE in written:  # a closing tag ends a thought even where the template, not the model, opened it
        before, _, written = written.partition(_CLOSE)
        said, _, thought = before.rpartition(_OPEN) if _OPEN in before else ("", "", before)
        answer, thoughts = answer + said, [*thoughts, thought]
    said, opened, thought = written.partition(_OPEN)
    if opened:
        thoughts.append(thought)
    return Draft((answer + said).lstrip(), "\n".join(t.strip() for t in thoughts if t.strip()))


# Control tokens as tokenizers spell them: <|im_end|>, </s>, <｜User｜>, [INST], <<SYS>>.
_BRACKETS = str.maketrans("<>", "＜＞")
_INST = re.compile(r"\[(/?[A-Z_]{2,}|\d{1,3})\]")


def neutral(text: str) -> str:
    """The text with full-width angle brackets: read alike, folded alike, but no control token. [INST] and [1] too."""
    return _INST.sub(r"［\1］", text.translate(_BRACKETS))
