"""Models from a hub: what is loaded, checked and gone on with, and what each failure leaves behind."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from hub_server import REVISION, Hub, hub_with

from rag import settings
from rag.cli import run
from rag.errors import DiskFull, PullFailed
from rag.models import catalogue, pulling
from rag.models.pulling import File, HuggingFace, ModelScope, pull, wanted

MODEL = "Tiny/Writer-0.1B"
WEIGHTS = bytes(range(256)) * 40
FILES = {
    "config.json": b'{"model_type": "qwen3"}',
    "tokenizer.json": b"{}" * 900,
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same as a pickle",
    "modeling_tiny.py": b"print('code')",
    "onnx/model.onnx": b"another form",
    "README.md": b"",
}
KEPT = {"config.json", "tokenizer.json", "model.safetensors", "README.md"}


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def why(model: str, hub: Hub | pulling.Hub, file: str = "") -> str:
    source = HuggingFace(hub.address) if isinstance(hub, Hub) else hub
    with pytest.raises(PullFailed) as error:
        pull(model, source, file=file, pause=0.0)
    assert error.value.exit_code == 6
    assert settings.pulled(model) is None
    return str(error.value.fields["why"])


# ---------------------------------------------------------------- what is loaded


@pytest.mark.parametrize("scope", [False, True])
def test_a_model_is_loaded_and_found_by_its_id(scope: bool) -> None:
    told: list[tuple[int, int]] = []
    with hub_with(MODEL, FILES) as hub:
        source: pulling.Hub = ModelScope(hub.address) if scope else HuggingFace(hub.address)
        folder = pull(MODEL, source, tell=lambda done, total, name: told.append((done, total)))
    assert settings.pulled(MODEL) == folder == settings.models() / MODEL
    assert names(folder) == {*KEPT, settings.CARD}
    assert all((folder / name).read_bytes() == FILES[name] for name in KEPT)
    card = json.loads((folder / settings.CARD).read_text("utf-8"))
    assert card["id"] == MODEL and card["from"] == hub.address and set(card["files"]) == KEPT
    assert card["revision"] == ("master" if scope else REVISION)
    total = sum(len(FILES[name]) for name in KEPT)
    assert told[-1] == (total, total) and told == sorted(told)
    assert next(iter(pulling.here()))[0] == MODEL
    assert not list((settings.models() / ".half").glob("*"))


def test_of_the_forms_that_weights_come_in_one_is_loaded() -> None:
    def chosen(*paths: str, pattern: str = "") -> list[str]:
        return [f.path for f in wanted([File(p, 1, "") for p in paths], pattern)]

    assert chosen("config.json", "model.safetensors", "pytorch_model.bin") == ["config.json", "model.safetensors"]
    assert chosen("config.json", "pytorch_model.bin") == ["config.json", "pytorch_model.bin"]
    assert chosen("a-q4_k_m.gguf", "a-q8_0.gguf") == []
    assert chosen("a-q4_k_m.gguf", "a-q8_0.gguf", pattern="*q4_k_m.gguf") == ["a-q4_k_m.gguf"]
    assert chosen("README.md", "a.gguf") == ["README.md", "a.gguf"]


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:x", ".hidden", "a/.git/config", ""])
def test_a_name_that_leads_out_of_the_folder_is_not_loaded(path: str) -> None:
    assert wanted([File(path, 1, "")]) == []
    assert wanted([File(path, 1, "")], "*") == []


def test_one_file_of_many_is_loaded_and_opened_as_a_file() -> None:
    with hub_with("Tiny/Writer-GGUF", {"w-q4_k_m.gguf": b"GGUF" * 500, "w-q8_0.gguf": b"GGUF" * 900}) as hub:
        assert "--file" in why("Tiny/Writer-GGUF", hub)
        folder = pull("Tiny/Writer-GGUF", HuggingFace(hub.address), file="*q4_k_m.gguf")
    assert settings.pulled("Tiny/Writer-GGUF") == folder / "w-q4_k_m.gguf"


# ---------------------------------------------------------------- what breaks off


def test_a_cut_connection_is_taken_up_where_it_broke() -> None:
    with hub_with(MODEL, FILES) as hub:
        hub.cut = 3
        folder = pull(MODEL, HuggingFace(hub.address), pause=0.0)
        ranges = [r for _, r in hub.asked if r]
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert ranges == [*["bytes=1000-"] * 2, *["bytes=2000-"] * 2, *["bytes=3000-"] * 2]  # asked for, then led elsewhere


def test_a_pull_that_was_given_up_goes_on_with_the_next() -> None:
    with hub_with(MODEL, {"config.json": b"{}", "model.safetensors": WEIGHTS}) as hub:
        hub.cut = 10**6
        hub.ranges = False  # each try begins anew, and none gets further
        assert "连不上" in why(MODEL, hub)
        half = settings.models() / ".half" / MODEL.replace("/", "--")
        assert (half / "model.safetensors").stat().st_size == 1000
        hub.cut, hub.ranges = 0, True
        hub.asked.clear()
        folder = pull(MODEL, HuggingFace(hub.address))
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert "bytes=1000-" in [r for _, r in hub.asked]
    assert not any(path.endswith("config.json") for path, _ in hub.asked)  # it was there


def test_a_server_that_cannot_go_on_sends_all_again() -> None:
    with hub_with(MODEL, FILES) as hub:
        hub.cut, hub.ranges = 1, False
        folder = pull(MODEL, HuggingFace(hub.address), pause=0.0)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_does_not_match_its_sum_is_thrown_away(name: str) -> None:
    with hub_with(MODEL, FILES) as hub:
        hub.sums[name] = "0" * 40
        assert name in why(MODEL, hub)
        assert not (settings.models() / ".half" / MODEL.replace("/", "--") / name).exists()
        hub.sums.clear()
        assert settings.pulled(MODEL) is None
        pull(MODEL, HuggingFace(hub.address))
    assert settings.pulled(MODEL) is not None


def test_what_was_loaded_in_half_and_changed_meanwhile_is_found_out() -> None:
    half = settings.models() / ".half" / MODEL.replace("/", "--")
    half.mkdir(parents=True)
    (half / "model.safetensors").write_bytes(b"x" * 5000)
    with hub_with(MODEL, FILES) as hub:
        assert "model.safetensors" in why(MODEL, hub)
        pull(MODEL, HuggingFace(hub.address))
    assert (settings.models() / MODEL / "model.safetensors").read_bytes() == WEIGHTS


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("model", ["", "Qwen3", "../up", "a/b/c", "a/..", "/etc/passwd", "a b/c", "https://x/y"])
def test_what_is_no_id_is_not_asked_for(model: str) -> None:
    assert "机构/模型" in why(model, HuggingFace("http://127.0.0.1:9"))


def test_an_unknown_model_one_behind_terms_and_a_broken_hub_are_told_apart() -> None:
    with hub_with(MODEL, FILES) as hub:
        assert "没有这个模型" in why("Some/Other", hub)
        hub.otherwise = 401
        assert "登录" in why("Some/Other", hub)
        hub.otherwise = 500
        assert "500" in why("Some/Other", hub)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"sha": 1, "siblings": [{}]}'])
def test_an_answer_that_is_no_hubs_is_an_error(answer: bytes) -> None:
    with hub_with(MODEL, {}) as hub:
        hub.plain = answer
        assert "读不懂" in why(MODEL, hub)


def test_a_full_disk_is_told_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda folder: Full)
    with hub_with(MODEL, FILES) as hub, pytest.raises(DiskFull):
        pull(MODEL, HuggingFace(hub.address))


# ---------------------------------------------------------------- by the command line


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_loads_from_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_with(MODEL, FILES) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert run(["models", "pull", MODEL]) == 0
    assert f"rag models use {MODEL}" in capsys.readouterr().out
    assert run(["models", "list", "--json"]) == 0
    (row,) = [row for row in lines(capsys) if row["id"] == MODEL]
    assert row["here"] is True and row["used"] is False and row["kind"] == "writer"
    assert run(["models", "remove", MODEL]) == 0
    assert settings.pulled(MODEL) is None
    assert run(["models", "remove", MODEL]) == 3


def test_without_a_network_the_command_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{plug.getsockname()[1]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulling.time, "sleep", lambda seconds: None)
        assert run(["models", "pull", MODEL, "--mirror", address]) == 6
    told = capsys.readouterr().err
    assert "连不上" in told and "--mirror modelscope" in told and "rag models use" in told


def test_the_list_tells_size_memory_and_licence_and_needs_no_library(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "memory", lambda: 5000)
    assert run(["models", "list"]) == 0
    told = capsys.readouterr().out
    assert "★ builtin" in told
    (line,) = [line for line in told.splitlines() if "Qwen/Qwen3-4B " in line]
    assert "8060 MB" in line and "24.5 GB" in line and "现在不够" in line and "Apache-2.0" in line
    (line,) = [line for line in told.splitlines() if "Qwen/Qwen3-0.6B " in line]
    assert "现在不够" not in line
    assert not settings.load().library.exists()


def test_the_machines_memory_is_known() -> None:
    free = catalogue.memory()
    assert free is None or 10 < free < 10**8
