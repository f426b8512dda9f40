"""A language model in one GGUF file, by llama.cpp (`xllamacpp`): what people have who run models on processors.

llama.cpp keeps what it read of the last prompt, so that the fixed head of ours is read once. Its server listens on
this machine alone, behind a key that is made anew each time; only counting goes that way.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from rag import settings
from rag.errors import ModelUnusable, PackageMissing
from rag.models import Draft, Message, News, fold_thinking, neutral, relayed, take_turn
from rag.words import say

_CONTEXT = 4096  # more than a prompt and its answer have; what it costs in memory grows with it
_AT_ONCE = 64  # tokens of a prompt between two looks at `stop`: 0.8 s for half a billion parameters on two cores
_TEMPLATE = 64  # tokens that a chat template may add


def open_packed(file: Path, threads: int = 0) -> PackedModel:
    """Errors: ModelUnusable (no GGUF, a cut file, too little memory), PackageMissing."""
    with file.open("rb") as data:
        if data.read(4) != b"GGUF":
            raise ModelUnusable(model=file, why=say("models.no_gguf"))
    try:
        import xllamacpp
    except ImportError as error:
        raise PackageMissing(model=file, package="xllamacpp", extra="gguf") from error
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(file)
    wanted.n_ctx, wanted.n_parallel = _CONTEXT, 1
    wanted.n_batch = wanted.n_ubatch = _AT_ONCE
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = settings.threads(threads)
    wanted.cache_ram_mib = 0  # one prompt is kept, in the context itself
    wanted.hostnames, wanted.port, wanted.api_keys = ["127.0.0.1"], 0, [secrets.token_urlsafe(24)]
    wanted.ui = wanted.endpoint_slots = False
    wanted.verbosity = -1  # what matters becomes an error
    try:
        server = xllamacpp.Server(wanted)
    except Exception as error:  # a RuntimeError for whatever is wrong with the file
        raise ModelUnusable(model=file, why=say("models.broken", detail=type(error).__name__)) from error
    return PackedModel(settings.engine_name(str(file)), server, wanted.api_keys[0])


class PackedModel:
    """See `LanguageModel`. One generation at a time; others wait for their turn."""

    context = _CONTEXT

    def __init__(self, name: str, server: Any, key: str) -> None:
        import httpx

        self.name = name
        self._server = server
        self._counting = httpx.Client(
            base_url=server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            limits=httpx.Limits(max_keepalive_connections=0),  # nothing is left open when the model goes
            trust_env=False,
            timeout=30,
        )
        self._turn = threading.Lock()

    def count(self, text: str) -> int:
        told = self._counting.post("/tokenize", json={"content": text})
        told.raise_for_status()
        return len(told.json()["tokens"])

    def neutral(self, text: str) -> str:
        return neutral(text)

    def write(self, messages: Sequence[Message], limit: int, stop: Callable[[], bool]) -> Generator[Draft, None, None]:
        # llama.cpp never answers a streamed prompt that is too long for it: it is measured before.
        length = sum(self.count(m.text) for m in messages) + _TEMPLATE
        if length + 1 > self.context:
            raise ModelUnusable(model=self.name, why=say("models.prompt_too_long", length=length, limit=self.context))
        if not (yield from take_turn(self._turn, stop)):
            return
        try:
            yield from relayed(
                lambda out, stopped: self._ask(messages, min(limit, self.context - length), stopped, out),
                self.name,
                stop,
            )
        finally:
            self._turn.release()

    def _ask(
        self, messages: Sequence[Message], limit: int, stopped: Callable[[], bool], out: Callable[[News], None]
    ) -> None:
        """In a thread of its own: llama.cpp calls back with each token, and with each part of the prompt it has read."""
        written = thought = ""

        def hear(chunk: dict[str, Any]) -> bool:
            nonlocal written, thought
            if "error" in chunk:
                detail = str((chunk["error"] or {}).get("message", ""))[:200]
                out(ModelUnusable(model=self.name, why=say("models.broken", detail=detail)))
                return True
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                written += delta.get("content") or ""
                thought += delta.get("reasoning_content") or ""
            if written or thought:
                draft = fold_thinking(written)
                out(Draft(draft.text, "\n".join(t for t in (thought.strip(), draft.thought) if t)))
            return stopped()

        self._server.handle_chat_completions(
            {
                "messages": [{"role": m.role, "content": m.text} for m in messages],
                "max_tokens": limit,
                "temperature": 0,  # an answer about facts needs no dice
                "stream": True,
                "cache_prompt": True,
                "return_progress": True,
                "chat_template_kwargs": {"enable_thinking": False},
            },
            hear,
        )
