"""A causal language model from a folder or a downloaded hub id, by transformers, on the CPU.

torch and transformers are imported late: they take seconds, and the built-in answerer needs neither.
Generation runs in one thread of its own, alive only while it writes; a stop is looked for before every layer.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rag import settings
from rag.errors import ModelsNotInstalled, ModelUnusable
from rag.models import Draft, Message, fold_thinking, neutral, take_turn
from rag.words import say

_ANSWER = ("ForCausalLM", "LMHeadModel")
# Answers copy their evidence: up to so many tokens are taken from the prompt and proved in one step, with the same
# outcome. Half a billion parameters, a prompt of 335 tokens, 48 written (processor time): 10 tokens 0.88, 6 tokens 0.95
# of plain `generate`. `rag bench llm` measures it for a model and a machine.
_LOOKUP = {"prompt_lookup_num_tokens": 10}


def open_local(model: str, threads: int = 0) -> LocalModel:
    """Errors: ModelUnusable (why in its fields), ModelsNotInstalled."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise ModelsNotInstalled(model=model) from error

    folder = _folder(model)
    threads = settings.threads(threads)
    torch.set_num_threads(threads)
    with _refusals(model), _quiet(transformers):
        config = _config(folder, model, transformers)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        weights, loading = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=_dtype(torch),
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        missing = loading["missing_keys"]
        if missing:  # transformers fills them with noise and only warns
            raise ModelUnusable(model=model, why=say("models.missing_weights", count=len(missing)))
        # Without its files transformers makes an empty tokenizer, which reads nothing.
        reads = tokenizer.decode(tokenizer("2025", add_special_tokens=False)["input_ids"])
        if "2025" not in reads or len(tokenizer) > weights.get_input_embeddings().num_embeddings:
            raise ModelUnusable(model=model, why=say("models.other_tokenizer"))
        opened = LocalModel(_name(model, folder), weights.eval(), tokenizer, threads)
        opened.try_out()
    return opened


# ---------------------------------------------------------------- finding and opening


def _folder(model: str) -> Path:
    """The model's folder on this machine: as it is named, pulled, or in Hugging Face's cache."""
    path = settings.pulled(model) or Path(model).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise ModelUnusable(model=model, why=say("models.a_file"))
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError) as error:
        raise ModelUnusable(model=model, why=say("models.not_here")) from error


def _name(model: str, folder: Path) -> str:
    return folder.resolve().name if Path(model).expanduser().is_dir() else model.rstrip("/").rpartition("/")[2]


def _config(folder: Path, model: str, transformers: Any) -> Any:
    """The model's own description, after a look at whether it can write at all."""
    if not (folder / "config.json").is_file():
        raise ModelUnusable(model=model, why=say("models.no_model"))
    if (folder / "modules.json").is_file():  # sentence-transformers: Qwen3-Embedding calls itself ForCausalLM
        raise ModelUnusable(model=model, why=say("models.embeds"))
    described = json.loads((folder / "config.json").read_text("utf-8"))
    kind = described.get("model_type") if isinstance(described, dict) else None
    if not isinstance(kind, str):
        raise ModelUnusable(model=model, why=say("models.no_model"))
    if kind not in transformers.CONFIG_MAPPING:
        raise ModelUnusable(model=model, why=say("models.unknown_kind", kind=kind))
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    writers = transformers.MODEL_FOR_CAUSAL_LM_MAPPING
    writer = writers[type(config)].__name__ if type(config) in writers else None
    named = described.get("architectures") or []
    if writer is None or (named and not any(n == writer or str(n).endswith(_ANSWER) for n in named)):
        raise ModelUnusable(model=model, why=say("models.not_causal", kind=named[0] if named else kind))
    return config


def _dtype(torch: Any) -> Any:
    """bfloat16 only where the processor multiplies it in hardware, and faster: on one with AVX2 alone a product of
    matrices took 150 times as long as in float32."""
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if not (has.get("avx512_bf16") or has.get("amx_bf16") or has.get("bf16")):
        return torch.float32

    def seconds(dtype: Any) -> float:
        a, b = torch.ones(64, 1024, dtype=dtype), torch.ones(1024, 4096, dtype=dtype)
        times = []
        for _ in range(5):
            started = time.perf_counter()
            a @ b  # a part of a prompt
            a[:1] @ b  # a token
            times.append(time.perf_counter() - started)
        return min(times)

    return torch.bfloat16 if seconds(torch.bfloat16) <= seconds(torch.float32) else torch.float32


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bars and no warnings on standard error while a model opens; what matters becomes an error."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


@contextlib.contextmanager
def _refusals(model: str) -> Iterator[None]:
    """Whatever a folder's contents do to transformers becomes ModelUnusable: what they raise has no common base."""
    try:
        yield
    except ModelUnusable:
        raise
    except Exception as error:
        raise _unusable(model, error) from error


def _unusable(model: str, error: Exception) -> ModelUnusable:
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return ModelUnusable(model=model, why=say("models.no_memory"))
    detail = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"
    return ModelUnusable(model=model, why=say("models.broken", detail=detail))


# ---------------------------------------------------------------- writing


class _Stop(Exception):
    """Leaves `generate` from inside the network."""


class LocalModel:
    """See `LanguageModel`. One generation at a time; others wait for their turn."""

    def __init__(self, name: str, weights: Any, tokenizer: Any, threads: int) -> None:
        from torch.nn import ModuleList
        from transformers import GenerationConfig

        self.name = name
        self.threads = threads
        self._lookup: dict[str, int] = dict(_LOOKUP)
        self._weights, self._tokenizer = weights, tokenizer
        self._turn = threading.Lock()
        config = weights.config.get_text_config()
        self.context = int(
            min(getattr(config, "max_position_embeddings", None) or 1 << 30, tokenizer.model_max_length or 1 << 30)
        )
        ends = {tokenizer.eos_token_id}
        for source in (weights.generation_config, config):
            end = getattr(source, "eos_token_id", None)
            ends.update(end if isinstance(end, list | tuple) else [end])
        ends.discard(None)
        pad = tokenizer.pad_token_id
        # Greedy: an answer about facts needs no dice. The folder's own sampling settings are left out.
        weights.generation_config = GenerationConfig(
            do_sample=False,
            eos_token_id=sorted(ends) or None,
            pad_token_id=min(ends, default=0) if pad is None else pad,
        )
        added = tokenizer.get_added_vocab()
        special = dict(zip(map(str, tokenizer.all_special_tokens), tokenizer.all_special_ids, strict=True))
        thinks = {added[tag] for tag in ("<think>", "</think>") if tag in added}
        self._unsaid = (set(special.values()) | ends) - thinks
        # Added words and runs of blanks are no control tokens; the token for unknown characters is none either.
        self._control = special | {token: n for token, n in added.items() if set(token) & set("<[")}
        self._control.pop(str(tokenizer.unk_token), None)
        layers = getattr(config, "num_hidden_layers", 0)
        self._layers = [
            layer
            for stack in weights.modules()
            if isinstance(stack, ModuleList) and len(stack) == layers
            for layer in stack
        ] or [weights]

    def try_out(self) -> None:
        """One prompt and one step, so that a template or weights that can't be used show when the model is opened."""
        import torch

        self._prompt([Message("user", "?")])
        with torch.inference_mode():
            scores = self._weights(input_ids=torch.tensor([[0]])).logits
        if not bool(torch.isfinite(scores).all()):
            raise ValueError("the model computes no finite numbers")
        try:
            with torch.inference_mode():
                self._weights.generate(
                    input_ids=torch.tensor([[0]]),
                    attention_mask=torch.tensor([[1]]),
                    max_new_tokens=1,
                    **self._lookup,
                )
        except (ValueError, TypeError, RuntimeError):  # some architectures keep a memory that can't be cut back
            self._lookup = {}

    def count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def neutral(self, text: str) -> str:
        plain = neutral(text)
        for token in sorted(self._control, key=len, reverse=True):
            if token and token in plain:  # a control token without brackets: its characters are kept apart
                plain = plain.replace(token, " ".join(token) if len(token) > 1 else " ")
        ids = set(self._control.values())
        if ids.isdisjoint(self._tokenizer(plain, add_special_tokens=False)["input_ids"]):
            return plain
        return " ".join(plain)  # a tokenizer that normalises first may still see one

    def write(
        self,
        messages: Sequence[Message],
        limit: int,
        stop: Callable[[], bool],
    ) -> Generator[Draft, None, None]:
        prompt = self._prompt(messages)
        limit = min(limit, self.context - len(prompt))
        if limit < 1:
            raise ModelUnusable(
                model=self.name, why=say("models.prompt_too_long", length=len(prompt), limit=self.context)
            )
        if not (yield from take_turn(self._turn, stop)):
            return
        closed = threading.Event()
        out: SimpleQueue[int | Exception | None] = SimpleQueue()
        worker = threading.Thread(
            target=contextvars.copy_context().run,  # the language that errors are told in
            args=(self._generate, prompt, limit, lambda: closed.is_set() or stop(), out),
            name=f"writing {self.name}",
        )
        try:
            worker.start()
        except RuntimeError:
            self._turn.release()
            raise
        try:
            yield from self._drafts(out)
        finally:
            closed.set()
            worker.join()

    def plain(self, messages: Sequence[Message], limit: int, **more: Any) -> int:
        """`generate` alone on the same prompt, for `rag bench llm`; how many tokens it wrote."""
        import torch

        ids = torch.tensor([self._prompt(messages)])
        with torch.inference_mode():
            whole = self._weights.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, **more
            )
        return int(whole.shape[1] - ids.shape[1])

    def _drafts(self, out: SimpleQueue[int | Exception | None]) -> Iterator[Draft]:
        """A draft for each token, or for several where the reader is slower than the writer."""
        written: list[int] = []
        last = Draft("")
        while True:
            news = [out.get()]
            while not out.empty():
                news.append(out.get())
            written += [n for n in news if isinstance(n, int) and n not in self._unsaid]
            draft = fold_thinking(
                self._tokenizer.decode(written, skip_special_tokens=False, clean_up_tokenization_spaces=False).rstrip(
                    "\ufffd"
                )
            )
            if draft != last:
                yield draft
                last = draft
            for one in news:
                if isinstance(one, Exception):
                    raise one
            if None in news:
                return

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        """The tokens to go on from. Thinking is switched off, by the template where it knows how."""
        turns = [{"role": m.role, "content": m.text} for m in messages]
        if self._tokenizer.chat_template is None:
            text = "\n\n".join(m.text for m in messages) + "\n\n"
            return list(self._tokenizer(text)["input_ids"])
        text = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        if text.rstrip().endswith("<think>"):  # a template that always opens a thought: it is closed at once
            text = text.rstrip() + "\n\n</think>\n\n"
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _generate(
        self,
        prompt: list[int],
        limit: int,
        stopped: Callable[[], bool],
        out: SimpleQueue[int | Exception | None],
    ) -> None:
        """The thread: tokens go out as they come, then None, or what went wrong. Gives the turn back."""
        import torch

        main = threading.main_thread()

        def look(*_: object) -> None:
            if stopped() or not main.is_alive():  # at the end of the program nobody reads on
                raise _Stop

        hooks = [layer.register_forward_pre_hook(look) for layer in self._layers]
        try:
            torch.set_num_threads(self.threads)
            ids = torch.tensor([prompt])
            with torch.inference_mode():
                self._weights.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=limit,
                    streamer=_Streamer(out),
                    **self._lookup,
                )
            out.put(None)
        except _Stop:
            out.put(None)
        except Exception as error:  # handed to the reader's thread, which raises it
            unusable = _unusable(self.name, error)
            unusable.__cause__ = error
            out.put(unusable)
        finally:
            for hook in hooks:
                hook.remove()
            self._turn.release()


class _Streamer:
    """What `generate` calls with the prompt first, then with each new token."""

    def __init__(self, out: SimpleQueue[int | Exception | None]) -> None:
        self._out = out
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for token in value.reshape(-1).tolist():
            self._out.put(int(token))

    def end(self) -> None:
        pass
