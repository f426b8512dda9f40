"""Local models: what is opened, what is refused and why, and how writing streams, stops and takes turns."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import ModelsNotInstalled, ModelUnusable
from rag.models import Draft, LanguageModel, Message, fold_thinking, neutral, open_model

TEXT = "成华区科协全年发布推文1900余篇，阅读量超1100万次。"
ASKED = [Message("user", "发布了多少篇推文？")]


def never() -> bool:
    return False


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tiny_models import recite

    return recite(tmp_path_factory.mktemp("models") / "Tiny-Qwen3", TEXT)


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """A model that never comes to an end by itself."""
    pytest.importorskip("torch")
    from tiny_models import recite

    return open_model(str(recite(tmp_path_factory.mktemp("models") / "Endless", TEXT, forever=True)), 1)


@pytest.fixture(scope="session")
def model(folder: Path) -> LanguageModel:
    return open_model(str(folder), 1)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(folder, tmp_path / "broken"))


def why(model: Path | str) -> str:
    with pytest.raises(ModelUnusable) as error:
        open_model(str(model), 1)
    assert error.value.exit_code == 6
    return str(error.value.fields["why"])


def writers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("writing")]


# ---------------------------------------------------------------- thinking and control tokens


def test_thinking_is_folded_away() -> None:
    assert fold_thinking("<think>\n先看第3段\n</think>\n\n答案是5。") == Draft("答案是5。", "先看第3段")


def test_a_thought_without_its_opening_tag_is_a_thought_too() -> None:
    assert fold_thinking("先想想</think>答案是5。") == Draft("答案是5。", "先想想")


def test_an_unfinished_thought_is_no_answer() -> None:
    assert fold_thinking("<think>还在想") == Draft("", "还在想")


def test_half_a_tag_is_not_shown() -> None:
    assert fold_thinking("<thi").text == ""
    assert fold_thinking("答案是5。</thi").text == "答案是5。"


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="想答案。5\n", max_size=12), st.text(alphabet="想答案。5\n", max_size=12))
def test_a_growing_text_never_shows_its_thought(thought: str, said: str) -> None:
    whole = f"<think>{thought}</think>{said}"
    shown = [fold_thinking(whole[:n]).text for n in range(len(whole) + 1)]
    assert shown[-1] == said.lstrip()
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(shown))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["<|im_end|>", "</s>", "<think>", "<", ">", "|", "[INST]", "[1]", "<<SYS>>", "文"])))
def test_no_bracket_of_a_control_token_is_left(parts: list[str]) -> None:
    plain = neutral("".join(parts))
    assert "<" not in plain
    assert "[INST]" not in plain
    assert "[1]" not in plain


@pytest.mark.models
@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["<|im_end|>", "<|im_", "start|>", "</think>", "<|endoftext|>", "<", "|", "科协"])))
def test_the_tokenizer_finds_no_control_token_in_neutral_text(model: LanguageModel, parts: list[str]) -> None:
    tokenizer = model._tokenizer  # type: ignore[attr-defined]
    ids = tokenizer(model.neutral("".join(parts)), add_special_tokens=False)["input_ids"]
    assert not {tokenizer.decode([i]) for i in ids} & {"<|im_end|>", "<|im_start|>", "<|endoftext|>", "</think>"}


# ---------------------------------------------------------------- opening


@pytest.mark.models
def test_a_folder_opens_under_the_name_of_its_last_part(model: LanguageModel) -> None:
    assert model.name == "Tiny-Qwen3"
    assert model.context == 2048
    assert model.count("1900") == 1


@pytest.mark.models
def test_numbers_are_computed_in_bfloat16_only_where_the_processor_has_it(model: LanguageModel) -> None:
    import torch

    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if not flags:
        pytest.skip("no /proc/cpuinfo to compare with")
    has = any(flag in flags.split() for flag in ("avx512_bf16", "amx_bf16", "bf16"))
    dtype = model._weights.dtype  # type: ignore[attr-defined]
    assert dtype == torch.float32 or (has and dtype == torch.bfloat16)


@pytest.mark.models
def test_threads_are_those_asked_for(folder: Path) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        open_model(str(folder), 2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.models
def test_a_hub_id_opens_when_it_has_been_downloaded(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    cache = tmp_path / "hub" / "models--Some--Tiny-Qwen3"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("a" * 40)
    shutil.copytree(folder, cache / "snapshots" / ("a" * 40))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert open_model("Some/Tiny-Qwen3", 1).name == "Tiny-Qwen3"


@pytest.mark.models
@pytest.mark.parametrize("name", ["Qwen/Qwen3-0.6B", "no/such/folder", "nothing-here", "../up", "a b"])
def test_a_model_that_is_not_here_is_refused_and_not_fetched(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # not the switch, our call keeps it off the network
    assert "没有下载过" in why(name)


@pytest.mark.models
def test_without_torch_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelsNotInstalled, match=r"make setup"):
        open_model(str(tmp_path))


@pytest.mark.models
def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"GGUF")
    assert "文件夹" in why(tmp_path / "model.bin")


@pytest.mark.models
def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    assert "config.json" in why(tmp_path)


@pytest.mark.models
@pytest.mark.parametrize("config", ["{", "[]", "{}", '{"model_type": 3}', "\x00\x01"])
def test_a_config_that_is_none_is_refused(copy: Path, config: str) -> None:
    (copy / "config.json").write_text(config)
    assert "config.json" in why(copy) or "损坏" in why(copy)


@pytest.mark.models
def test_an_unknown_architecture_is_named(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "next_decade"}))
    assert "next_decade" in why(copy)


@pytest.mark.models
def test_code_that_comes_with_a_model_is_never_run(copy: Path, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    (copy / "trap.py").write_text(f"open({str(trap)!r}, 'w')\nclass Config: pass\n")
    config = json.loads((copy / "config.json").read_text())
    config.update(model_type="trap", auto_map={"AutoConfig": "trap.Config", "AutoModelForCausalLM": "trap.Config"})
    (copy / "config.json").write_text(json.dumps(config))
    assert "trap" in why(copy)
    assert not trap.exists()


@pytest.mark.models
def test_a_model_that_only_fills_gaps_is_not_causal(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertForMaskedLM"]}))
    assert "BertForMaskedLM" in why(tmp_path)


@pytest.mark.models
def test_a_model_that_embeds_is_told_apart_from_one_that_writes(copy: Path) -> None:
    (copy / "modules.json").write_text("[]")
    assert "查找" in why(copy)


@pytest.mark.models
def test_missing_and_cut_weights_are_refused(copy: Path) -> None:
    weights = copy / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])
    assert "损坏" in why(copy)
    weights.unlink()
    assert "损坏" in why(copy)


@pytest.mark.models
def test_weights_that_lack_a_layer_are_refused_not_made_up(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    kept = {name: t for name, t in tensors.items() if "layers.1." not in name}
    save_file(kept, copy / "model.safetensors", metadata={"format": "pt"})
    assert f"缺少 {len(tensors) - len(kept)} 组参数" in why(copy)


@pytest.mark.models
def test_weights_that_are_no_numbers_are_refused(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    tensors["model.norm.weight"].fill_(float("nan"))
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    assert "损坏" in why(copy)


@pytest.mark.models
def test_the_vocabulary_of_another_model_is_refused(copy: Path) -> None:
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    last = max(token["id"] for token in tokenizer["added_tokens"])
    tokenizer["added_tokens"] += [
        {**tokenizer["added_tokens"][0], "id": last + n, "content": f"<extra{n}>"} for n in range(1, 9)
    ]
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "词表" in why(copy)


@pytest.mark.models
def test_a_missing_tokenizer_is_refused(copy: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copy / name).unlink()
    assert "词表" in why(copy)


@pytest.mark.models
def test_a_chat_template_that_fails_is_refused_when_the_model_is_opened(copy: Path) -> None:
    for template in copy.glob("chat_template*"):
        template.write_text("{{ raise_exception('no such role') }}")
    assert "no such role" in why(copy)


# ---------------------------------------------------------------- writing


@pytest.mark.models
def test_an_answer_grows_piece_by_piece_and_no_character_comes_in_halves(model: LanguageModel) -> None:
    drafts = [d.text for d in model.write(ASKED, 60, never)]
    assert drafts[-1] == TEXT
    assert all(later.startswith(earlier) and later != earlier for earlier, later in itertools.pairwise(drafts))
    assert not any("\ufffd" in text for text in drafts)


@pytest.mark.models
def test_an_answer_has_no_more_tokens_than_its_limit(endless: LanguageModel) -> None:
    *_, last = endless.write(ASKED, 7, never)
    assert endless.count(last.text) == 7


@pytest.mark.models
def test_a_template_that_knows_thinking_is_told_to_leave_it_out(model: LanguageModel) -> None:
    prompt = model._tokenizer.decode(model._prompt(ASKED))  # type: ignore[attr-defined]
    assert prompt.endswith("<think>\n\n</think>\n\n")


@pytest.mark.models
def test_a_template_that_always_opens_a_thought_has_it_closed(tmp_path: Path) -> None:
    from tiny_models import recite

    opening = "{{ messages[0].content }}<|im_start|>assistant\n<think>\n"
    opened = open_model(str(recite(tmp_path / "R1", TEXT, template=opening)), 1)
    *_, last = opened.write(ASKED, 60, never)
    assert last == Draft(TEXT)


@pytest.mark.models
def test_a_model_without_a_template_is_given_the_plain_text(tmp_path: Path) -> None:
    from tiny_models import recite

    opened = open_model(str(recite(tmp_path / "Base", TEXT, template=None)), 1)
    *_, last = opened.write(ASKED, 60, never)
    assert last == Draft(TEXT)


@pytest.mark.models
def test_thoughts_are_kept_out_of_the_answer(tmp_path: Path) -> None:
    from tiny_models import recite

    opened = open_model(str(recite(tmp_path / "Thinker", f"<think>想一想</think>{TEXT}")), 1)
    drafts = list(opened.write(ASKED, 60, never))
    assert drafts[-1] == Draft(TEXT, "想一想")
    assert not any("想" in d.text or "<" in d.text for d in drafts)


@pytest.mark.models
def test_a_prompt_that_is_too_long_is_an_error(model: LanguageModel) -> None:
    with pytest.raises(ModelUnusable, match="2048"):
        list(model.write([Message("user", "1900" * 3000)], 10, never))


# ---------------------------------------------------------------- stopping


def counted(model: LanguageModel) -> tuple[list[int], Callable[[], None]]:
    """A list that grows with each step of the network, and what ends the counting."""
    steps: list[int] = []
    hook = model._weights.register_forward_hook(lambda *_: steps.append(1))  # type: ignore[attr-defined]
    return steps, hook.remove


@pytest.mark.models
def test_a_stop_takes_effect_within_one_token(endless: LanguageModel) -> None:
    steps, done = counted(endless)
    try:
        *_, last = endless.write(ASKED, 2000, lambda: len(steps) >= 5)
    finally:
        done()
    assert 4 <= endless.count(last.text) <= 5
    assert len(steps) <= 5


@pytest.mark.models
def test_a_stop_while_the_question_is_being_read_comes_between_two_layers(endless: LanguageModel) -> None:
    steps, done = counted(endless)
    looks = itertools.count()
    try:
        assert list(endless.write(ASKED, 2000, lambda: next(looks) > 0)) == []
    finally:
        done()
    assert steps == []


@pytest.mark.models
def test_ten_stopped_generations_leave_no_thread_behind(endless: LanguageModel) -> None:
    before = threading.active_count()
    for _ in range(5):
        stopped = threading.Event()
        for seen, _draft in enumerate(endless.write(ASKED, 2000, stopped.is_set)):
            if seen == 1:
                stopped.set()
    for _ in range(5):
        writing = endless.write(ASKED, 2000, never)
        next(writing)
        writing.close()
    assert threading.active_count() <= before
    assert not writers()
    assert not any(layer._forward_pre_hooks for layer in endless._layers)  # type: ignore[attr-defined]


@pytest.mark.models
def test_a_second_answer_waits_for_its_turn(endless: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    first = endless.write(ASKED, 2000, never)
    next(first)
    got: list[str] = []
    told = threading.Event()

    def ask() -> None:
        for draft in endless.write(ASKED, 5, never):
            told.set() if draft.waiting else got.append(draft.text)

    second = threading.Thread(target=ask)
    second.start()
    assert told.wait(5)
    time.sleep(0.1)
    assert got == []
    assert len(writers()) == 1
    first.close()
    second.join(20)
    assert got
    assert not writers()


@pytest.mark.models
def test_who_is_stopped_while_waiting_never_writes(endless: LanguageModel) -> None:
    first = endless.write(ASKED, 2000, never)
    next(first)
    assert list(endless.write(ASKED, 5, lambda: True)) == [Draft("", waiting=True)]
    first.close()


@pytest.mark.models
def test_what_goes_wrong_while_writing_reaches_the_reader_and_gives_the_turn_back(
    endless: LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")

    with monkeypatch.context() as patch:
        patch.setattr(endless._weights, "generate", full)  # type: ignore[attr-defined]
        with pytest.raises(ModelUnusable, match="内存不够"):
            list(endless.write(ASKED, 5, never))
    assert list(endless.write(ASKED, 5, never))


@pytest.mark.models
@pytest.mark.slow
def test_a_program_that_ends_in_the_middle_of_an_answer_ends_at_once(endless: LanguageModel, tmp_path: Path) -> None:
    from tiny_models import recite

    folder = recite(tmp_path / "Endless", TEXT, forever=True)
    script = (
        "import sys, time\n"
        "from rag.models import Message, open_model\n"
        f"m = open_model({str(folder)!r}, 1)\n"
        "m.context = 10**9\n"
        "w = m.write([Message('user', '?')], 10**8, lambda: False)\n"
        "next(w)\n"
        "print(time.monotonic(), flush=True)\n"
        "keep = [w]; keep.append(keep)\n"  # not collected before the end
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert time.monotonic() - float(done.stdout) < 20
    assert "Traceback" not in done.stderr


def test_the_package_is_light_until_a_model_is_opened() -> None:
    script = "import sys, rag.models; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent
    )
    assert done.stdout.strip() == "[]"
