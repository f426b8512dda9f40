"""Which model answers in a library: chosen by the settings, else the one chosen last, else the built-in one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hub_server import hub_with
from model_server import Server, serving

import rag
from rag import choosing, settings
from rag.cli import run
from rag.embedding import FOLDER
from rag.errors import ModelUnusable
from rag.models import pulling

QUESTION = "青溪县科普夜校首期招收了多少学员？"


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "夜校.md").write_text(
        "# 青溪县科普夜校开课\n\n青溪县科普夜校首期招收学员126人，每周三上课。\n", "utf-8"
    )
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / "夜校.md"])
    monkeypatch.setenv("RAG_LIBRARY", str(tmp_path / "library"))
    return tmp_path / "library"


def named(server: Server, model: str = "qwen3:1.7b") -> str:
    return f"openai:{model}@{server.address}"


def who(engine: str | None = None) -> str:
    with rag.open(engine=engine) as library:
        return library.ask(QUESTION).engine


def test_the_model_chosen_last_answers_unless_the_settings_name_another(
    filled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda call, body: call.stream("首期招收学员126人。")) as server:
        assert who() == "builtin"
        assert run(["models", "use", named(server), "--no-test"]) == 0
        assert "以后由" in capsys.readouterr().out
        assert who() == "qwen3:1.7b"
        assert who("builtin") == "builtin"
        monkeypatch.setenv("RAG_ENGINE", named(server, "other"))
        assert who() == "other"
        monkeypatch.delenv("RAG_ENGINE")
        assert run(["models", "list", "--json"]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [row["id"] for row in rows if row["used"]] == [
            named(server),
            "builtin",
            "builtin",
        ]  # writes, embeds, orders
        assert run(["models", "use", "builtin", "--no-test"]) == 0
        assert who() == "builtin"


def test_a_choice_stays_with_the_library(filled: Path, tmp_path: Path) -> None:
    with serving(lambda call, body: call.stream("首期招收学员126人。")) as server:
        choosing.use(named(server))
        with rag.open() as library:
            library.backup(tmp_path / "backup.zip")
            assert library.engine == named(server)
        assert run(["restore", str(tmp_path / "backup.zip"), "--library", str(tmp_path / "again")]) == 0
        with rag.open(tmp_path / "again") as library:
            assert library.engine == named(server)


@pytest.mark.parametrize("model", ["Qwen/Qwen3-0.6B", "nothing-here", "openai:m@http://192.0.2.1/v1"])
def test_nothing_is_chosen_that_cannot_answer(filled: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    assert run(["models", "use", model, "--no-test"]) == 6
    told = capsys.readouterr().err
    assert "rag models pull" in told or "RAG_SERVER_AWAY" in told
    with rag.open() as library:
        assert library.engine == "builtin"


def test_removing_the_model_in_use_says_that_the_built_in_one_answers_now(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_with("Tiny/Writer", {"config.json": b"{}", "model.safetensors": b"x" * 3_000_000}) as hub:
        pulling.pull("Tiny/Writer", pulling.HuggingFace(hub.address))
    with rag.open() as library:
        choosing._keep(library, "Tiny/Writer")
    assert run(["models", "remove", "Tiny/Writer"]) == 0
    told = capsys.readouterr().out
    assert "3 MB" in told and "内置" in told
    with rag.open() as library:
        assert library.engine == "builtin"
    assert settings.pulled("Tiny/Writer") is None


def test_a_model_that_embeds_a_library_is_not_removed(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_with("Tiny/Embedder", {"config.json": b"{}", "modules.json": b"[]"}) as hub:
        pulling.pull("Tiny/Embedder", pulling.HuggingFace(hub.address))
    assert choosing.kind_of("Tiny/Embedder") == "embedding"
    monkeypatch.setenv("RAG_EMBEDDING", "Tiny/Embedder")
    with pytest.raises(ModelUnusable, match="--embedding"):
        choosing.remove("Tiny/Embedder")


def test_an_embedding_model_that_was_pulled_takes_the_place_of_the_built_in_one(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = settings.models() / "Tiny" / "Embedder"
    shutil.copytree(settings.builtin_models() / FOLDER, place)
    card = json.loads((place / "model.json").read_text("utf-8"))
    (place / "model.json").write_text(json.dumps({**card, "name": "tiny"}))
    (place / settings.CARD).write_text("{}")
    assert run(["models", "use", "Tiny/Embedder"]) == 0
    assert "查找" in capsys.readouterr().out
    with rag.open() as library:
        assert library.state().embedding.startswith("tiny-")
        assert library.search(QUESTION).hits
    assert run(["models", "use", "builtin", "--embedding"]) == 0
    with rag.open() as library:
        assert not library.state().embedding.startswith("tiny-")


def test_what_a_model_was_found_to_do_is_kept_and_told(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {"questions": 12, "right": 7, "builtin_right": 10, "seconds": 4.2, "worse": True}
    choosing.keep_trial("Qwen/Qwen3-0.6B", found)
    choosing.keep_trial("/home/me/model.gguf", {**found, "worse": False})
    assert run(["models", "list"]) == 0
    told = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(told) if "Qwen/Qwen3-0.6B " in line)
    assert "答对 7" in told[at + 1] and "内置的答对 10" in told[at + 1] and "不如" in told[at + 1]
    at = next(n for n, line in enumerate(told) if "/home/me/model.gguf" in line)
    assert "不如" not in told[at + 1]
    (settings.models() / "tried.json").write_text("broken")
    assert run(["models", "list"]) == 0


def test_a_model_is_tried_on_sample_questions_beside_the_built_in_answerer(
    filled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.evaluation import trial

    monkeypatch.setattr(trial.try_out, "__kwdefaults__", {**trial.try_out.__kwdefaults__, "most": 3})
    with serving(lambda call, body: call.stream("我不知道。")) as server:
        assert run(["models", "use", named(server), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)["trial"]
        assert told["questions"] == 3 and told["own"] == 0.0 and told["right"] == told["builtin_right"]
        assert run(["models", "list"]) == 0
        assert "试过 3 题" in capsys.readouterr().out


def test_the_questions_of_the_trial_are_answered_by_the_passages_given() -> None:
    from rag.evaluation import trial

    asked = list(trial.questions())
    assert len(asked) >= trial.MOST
    assert all(3 <= len(passages) <= 5 for _, passages in asked)
    held = [all(any(e in p for p in passages) for e in gold.evidence) for gold, passages in asked]
    assert sum(held) >= 0.9 * len(held)
