"""The settings' cards of the machine: models that are here and fit are chosen, others are not; how sure an answer must be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from errands import over
from hub_server import hub_with
from model_server import serving
from tiny_embedders import open_tiny

import rag
from rag import choosing, meaning
from rag.chat.machine import Machine
from rag.errors import UnknownName, Usage
from rag.models import catalogue
from rag.words import say

ASKED = "青岭县气象站有多少名职工？"
TEXT = "# 青岭县气象站建成投用\n\n青岭县气象站有12名职工，每天发布两次天气预报。\n"
SMALL = catalogue.Listed("Some/Small-GGUF", "writer", 1, 1, "MIT", "fast", "*.gguf")
LARGE = catalogue.Listed("Some/Large", "writer", 90_000, 10**9, "MIT", "slow")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[rag.Library]:
    monkeypatch.setattr(catalogue, "CATALOGUE", (SMALL, LARGE))
    (tmp_path / "气象站.txt").write_text(TEXT, "utf-8")
    with rag.open(tmp_path / "library") as opened:
        opened.add([tmp_path / "气象站.txt"])
        yield opened


@pytest.fixture
def machine(library: rag.Library) -> Machine:
    return Machine(library, say)


def told(model: str, kind: str = "writer") -> dict[str, object]:
    return {"model": model, "kind": kind}


def test_a_model_is_pulled_and_taken_away(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_with(SMALL.id, {"small.gguf": b"GGUF" * 500}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert 'data-do="pull"' in machine.models()
        assert machine.begin("pull", told(SMALL.id), "huggingface") is None
        assert "下载好了" in over(machine)
        assert 'data-do="use"' in machine.models()
        assert machine.begin("discard", told(SMALL.id)) is None
        assert "已删去" in over(machine)
        assert 'data-do="use"' not in machine.models()


def test_what_the_table_does_not_offer_is_not_done(machine: Machine, tmp_path: Path) -> None:
    assert "放不下" in machine.models()
    for does, model in (
        ("pull", LARGE.id), ("use", LARGE.id), ("pull", "Some/Other"), ("use", str(tmp_path)), ("use", "builtin"),
        ("use", "openai:m@http://127.0.0.1:1/v1"), ("discard", "builtin"), ("discard", "../.."), ("use", SMALL.id),
    ):  # fmt: skip
        assert machine.begin(does, told(model)), (does, model)
    assert machine.errands.latest is None


def test_a_pull_that_fails_says_why_and_one_errand_goes_at_a_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_with("Some/Other", {}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert machine.begin("pull", told(SMALL.id), "huggingface") is None
        assert "上没有这个模型" in over(machine)
    going = replace(machine.errands.latest, over=False)  # type: ignore[type-var]
    machine.errands.latest = going
    assert "还没有做完" in str(machine.begin("pull", told(SMALL.id)))


def test_stopping_ends_an_errand_between_two_steps(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(model: str, *, progress: Callable[[Any], None], **_: Any) -> None:
        for done in range(100_000):
            progress(rag.types.Progress("pulling", done, 100_000))
            time.sleep(0.005)

    monkeypatch.setattr(choosing, "pull", pull)
    assert machine.begin("pull", told(SMALL.id)) is None
    while "100000 MB" not in machine.errand()[0]:
        time.sleep(0.01)
    machine.end()
    assert "已停下" in over(machine)


def test_a_model_that_is_chosen_answers_the_next_question(library: rag.Library) -> None:
    with serving(lambda call, body: call.stream("青岭县气象站有12名职工。")) as server:
        model = f"openai:qwen3:1.7b@{server.address}"
        assert library.ask(ASKED).engine == "builtin"
        choosing.use_in(library, model, "writer")
        assert library.ask(ASKED).engine == "qwen3:1.7b"
        assert next(r.id for r in choosing.rows(library) if r.used) == model
        choosing.use_in(library, "builtin", "writer")
        assert library.ask(ASKED).engine == "builtin"


def test_what_the_start_settled_is_not_changed_on_the_page(library: rag.Library) -> None:
    library.settings = replace(library.settings, engine="builtin")
    with pytest.raises(Usage):
        choosing.use_in(library, "Some/Small-GGUF", "writer")
    assert "这一项在启动时已经指定" in Machine(library, say).models()


def test_another_embedding_model_serves_once_all_is_embedded_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)
    monkeypatch.setattr(choosing, "open_embedder", lambda settings: open_tiny(settings, settings.embedding))
    (tmp_path / "气象站.txt").write_text(TEXT, "utf-8")
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / "气象站.txt"])
        choosing.use_in(library, "tiny-16", "embedding", stop=lambda: True)
        assert library.state().embedding == "tiny-8"
        assert not library.change_embedding(), "what was stopped is not asked for any more"
        choosing.use_in(library, "tiny-16", "embedding")
        assert library.state().embedding == "tiny-16"
        assert library.checkup().whole


# ---------------------------------------------------------------- how sure an answer must be


def test_the_line_is_kept_in_the_library_and_decides(library: rag.Library, tmp_path: Path) -> None:
    open_, shipped, strict = library.dials.lines()
    assert open_.chance < shipped.chance < strict.chance
    assert open_.unable < shipped.unable < strict.unable
    assert library.dials.chosen() == shipped
    assert not library.ask(ASKED).refused
    library.dials.choose("strict")
    with pytest.raises(UnknownName):
        library.dials.choose("0.99")
    library.backup(tmp_path / "backup.zip")
    with rag.open(tmp_path / "library") as again:
        assert again.dials.chosen() == strict


def test_the_answerer_asks_for_the_line_each_time(library: rag.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    sure = library.ask(ASKED).confidence
    assert 0.05 < sure < 1
    for line, refused in ((sure + 0.001, True), (sure - 0.001, False), (sure + 0.001, True)):
        monkeypatch.setattr(library.dials, "line", lambda line=line: line)
        library._engines.clear()
        reply = library.ask(ASKED)
        assert (reply.refused, reply.reason) == (refused, "no_evidence" if refused else None)


def test_what_is_tried_says_whether_it_would_be_answered(machine: Machine) -> None:
    assert "会回答：" in machine.verdict(ASKED)
    assert "不会回答" in machine.verdict("九寨沟的门票多少钱一张？")
    assert machine.verdict("  ") == ""
    shown = machine.choose_line("strict")
    assert shown.count('class="on"') == 1
    assert 'data-line="shipped"' in shown
    assert 'data-line="strict"' not in shown
    assert "class=" in machine.choose_line("<b>")
