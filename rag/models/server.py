"""A language model behind an OpenAI-compatible server (Ollama, llama.cpp's, vLLM…), by the `openai` client.

Named openai:MODEL@ADDRESS. Only servers on this machine, unless settings allow others: passages are sent there.
The request runs in a thread of its own, so that a stop is seen at once, whatever the server does.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.errors import PackageMissing, ServerUnusable
from rag.models import Draft, Message, News, fold_thinking, neutral, relayed
from rag.settings import SERVER, engine_name
from rag.words import say

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LOOK = 0.03  # seconds between two looks at `stop`: a fast model writes a token in that time
_CONNECT = 5.0  # seconds to reach the server
_PATIENCE = 300.0  # seconds without a word: a cold server loads gigabytes and reads the prompt first
_RETRIES = 2  # after refused connections and answers that say "busy"
_CONTEXT = 4096  # tokens where the server does not say: Ollama's default, which cuts longer prompts without a word
# Switches that keep a model from thinking, for vLLM and llama.cpp's server, and for Ollama; each alone and none where
# a server does not take them: most ignore what they don't know, some answer 400.
_TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False}}
_PLAIN: tuple[dict[str, Any], ...] = ({**_TEMPLATE, "reasoning_effort": "none"}, _TEMPLATE, {})


def open_server(engine: str, key: str | None = None, away: bool = False) -> ServerModel:
    """Nothing is asked yet: a server may start later. Errors: ServerUnusable (the name can't be read, or the server
    is on another machine and `away` does not allow that), PackageMissing."""
    model, _, address = engine.removeprefix(SERVER).rpartition("@")
    parts = urlsplit(address)
    if not model or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ServerUnusable(model=engine, why=say("models.server.name", example=f"{SERVER}qwen3:1.7b@{EXAMPLE}"))
    if not away and not on_this_machine(parts.hostname):
        raise ServerUnusable(model=engine, why=say("models.server.away", host=parts.hostname))
    try:
        import openai  # noqa: F401
    except ImportError as error:
        raise PackageMissing(model=engine, package="openai", extra="server") from error
    return ServerModel(model, address, key)


EXAMPLE = "http://127.0.0.1:11434/v1"  # Ollama's address


def on_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServerModel:
    """See `LanguageModel`. The server decides how many it writes at a time."""

    def __init__(self, model: str, address: str, key: str | None = None, *, patience: float = _PATIENCE) -> None:
        self.name, self._model = engine_name(model), model
        self.context = _CONTEXT
        self._address, self._key, self._patience = address, key, patience
        self._switches = _PLAIN

    def count(self, text: str) -> int:
        """More than most tokenizers need: the server's is not known here."""
        wide = sum(ord(c) > 0x7F for c in text)
        return wide + (len(text) - wide + 1) // 2

    def neutral(self, text: str) -> str:
        return neutral(text)

    def write(self, messages: Sequence[Message], limit: int, stop: Callable[[], bool]) -> Generator[Draft, None, None]:
        def work(out: Callable[[News], None], stopped: Callable[[], bool]) -> None:
            try:
                asyncio.run(self._until(stopped, messages, limit, out))
            except Exception as error:  # the client's and the transport's errors have no common base
                raise self._unusable(error) from error

        yield from relayed(work, self.name, stop)

    async def _until(
        self, stopped: Callable[[], bool], messages: Sequence[Message], limit: int, out: Callable[[News], None]
    ) -> None:
        asking = asyncio.ensure_future(self._ask(messages, limit, out))
        while not asking.done():
            await asyncio.wait({asking}, timeout=_LOOK)
            if stopped():
                asking.cancel()
                await asyncio.wait({asking})
        if not asking.cancelled():
            asking.result()

    async def _ask(self, messages: Sequence[Message], limit: int, out: Callable[[News], None]) -> None:
        import openai

        # No proxy from the environment: it would be another machine. No redirect: it could lead to one. Certificates
        # are read only where there is something to verify: it takes as long as some tokens.
        transport = openai.DefaultAsyncHttpxClient(
            trust_env=False, follow_redirects=False, verify=self._address.startswith("https:")
        )
        async with openai.AsyncOpenAI(
            base_url=self._address,
            api_key=self._key or "none",
            timeout=openai.Timeout(self._patience, connect=_CONNECT),
            max_retries=_RETRIES,
            http_client=transport,
        ) as client:
            answer = thought = ""
            ended = False
            async for chunk in self._chunks(client, messages, limit):
                for choice in (chunk.choices or [])[:1]:  # the last chunk may hold figures alone
                    delta = choice.delta
                    more = getattr(delta, "reasoning", None) or getattr(delta, "reasoning_content", None) or ""
                    ended = ended or choice.finish_reason is not None
                    if (delta and delta.content) or more:
                        answer += (delta.content if delta else "") or ""
                        thought += more if isinstance(more, str) else ""
                        draft = fold_thinking(answer)
                        out(Draft(draft.text, "\n".join(t for t in (thought.strip(), draft.thought) if t)))
            if not ended:
                raise EOFError

    async def _chunks(self, client: AsyncOpenAI, messages: Sequence[Message], limit: int) -> AsyncIterator[Any]:
        """The stream of the first request that the server takes; which one that was is remembered."""
        import openai

        for n, switches in enumerate(self._switches):
            try:
                stream: Any = await client.chat.completions.create(
                    model=self._model,
                    messages=[{"role": m.role, "content": m.text} for m in messages],  # type: ignore[misc]
                    max_tokens=limit,
                    temperature=0,  # an answer about facts needs no dice
                    stream=True,
                    extra_body=switches,
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                if n == len(self._switches) - 1:
                    raise
                continue
            self._switches = self._switches[n:]
            async with stream:
                try:
                    async for chunk in stream:
                        yield chunk
                except openai.APITimeoutError:
                    raise
                except openai.APIConnectionError as error:
                    raise EOFError from error
            return

    def _unusable(self, error: Exception) -> ServerUnusable:
        import openai

        detail = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        if isinstance(error, openai.APITimeoutError):
            why = say("models.server.silent", address=self._address)
        elif isinstance(error, openai.APIStatusError):
            status = error.status_code
            if status == 404:
                why = say("models.server.unknown", detail=detail)
            elif status in (401, 403):
                why = say("models.server.key")
            elif status in (429, 503):
                why = say("models.server.busy")
            elif 300 <= status < 400:
                why = say("models.server.elsewhere")
            else:
                why = say("models.server.failed", detail=detail)
        elif isinstance(error, openai.APIConnectionError):
            why = say("models.server.down", address=self._address)
        elif isinstance(error, openai.APIError):  # said in the middle of the stream
            why = say("models.server.failed", detail=detail)
        elif "timeout" in type(error).__name__.lower():
            why = say("models.server.silent", address=self._address)
        else:  # what the transport raises has no common base with the client's errors
            why = say("models.server.cut")
        return ServerUnusable(model=self.name, why=why)
