"""The name of a language model comes in; something that writes comes out.

local.py: folders and hub ids, by transformers; server.py: servers that speak OpenAI's protocol.

Nothing is ever downloaded here: a model is on this machine, or the error says that it is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
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
    """A causal language model: a folder, a hub id that has been downloaded, or openai:MODEL@ADDRESS.

    `threads` 0: all cores. `key`, `away`: for servers, as in `Settings`. Errors: ModelUnusable with the reason;
    ModelsNotInstalled, PackageMissing where packages are missing.
    """
    if model.startswith(SERVER):
        from rag.models.server import open_server

        return open_server(model, key, away)
    from rag.models.local import open_local

    return open_local(model, threads)


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
