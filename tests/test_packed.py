"""Language models in one GGUF file: what is opened and refused, how writing streams, stops and takes turns."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import lacking

import rag
from rag.errors import ModelUnusable, PackageMissing
from rag.models import Draft, LanguageModel, Message, open_model

TEXT = "首期招收学员126人。"
ASKED = [Message("user", "招了多少")]


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [name for name in ("xllamacpp", "gguf") if importlib.util.find_spec(name) is None]
    if missing:
        lacking(f"{', '.join(missing)} not installed: pip install {' '.join(missing)}")
    return tmp_path_factory.mktemp("packed")


@pytest.fixture(scope="module")
def file(folder: Path) -> Path:
    from tiny_gguf import recite

    return recite(folder / "Tiny-q8_0.gguf", TEXT)


@pytest.fixture(scope="module")
def model(file: Path) -> LanguageModel:
    return open_model(str(file), 1)


@pytest.fixture(scope="module")
def endless(folder: Path) -> LanguageModel:
    from tiny_gguf import recite

    return open_model(str(recite(folder / "Endless.gguf", TEXT, forever=True)), 1)


# ---------------------------------------------------------------- opening


def test_without_llama_cpp_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(PackageMissing, match=r"rag\[gguf\]"):
        open_model(str(tmp_path / "a.gguf"))


@pytest.mark.parametrize("content", [b"", b"GGU", b"<html>not found</html>"])
def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gguf").write_bytes(content)
    with pytest.raises(ModelUnusable, match="不是 GGUF"):
        open_model(str(tmp_path / "a.gguf"))


def test_a_cut_file_is_refused(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    for size in (8, 3000, len(data) - 5000):
        (tmp_path / "cut.gguf").write_bytes(data[:size])
        with pytest.raises(ModelUnusable, match="损坏"):
            open_model(str(tmp_path / "cut.gguf"), 1)


def test_its_name_is_that_of_the_file(model: LanguageModel) -> None:
    assert model.name == "Tiny-q8_0"
    assert model.count("首期") == 2
    assert model.count("") == 0


# ---------------------------------------------------------------- writing


def test_an_answer_grows_piece_by_piece(model: LanguageModel) -> None:
    drafts = [d.text for d in model.write(ASKED, 60, never)]
    assert drafts[-1] == TEXT
    assert len(drafts) > 5
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(drafts))


def test_an_answer_has_no_more_tokens_than_its_limit(endless: LanguageModel) -> None:
    *_, last = endless.write(ASKED, 7, never)
    assert last.text == TEXT[:7]


def test_a_prompt_that_is_too_long_is_an_error(model: LanguageModel) -> None:
    with pytest.raises(ModelUnusable, match="4096"):
        list(model.write([Message("user", "首" * 4200)], 10, never))


# ---------------------------------------------------------------- stopping


def test_a_stop_takes_effect_within_one_token(endless: LanguageModel) -> None:
    looks = itertools.count(1)  # one for each token
    *_, last = endless.write(ASKED, 3000, lambda: next(looks) >= 8)
    assert 5 <= endless.count(last.text) <= 8


def test_a_stop_while_the_question_is_being_read_comes_after_a_part_of_it(endless: LanguageModel) -> None:
    assert list(endless.write([Message("user", "首期" * 900)], 3000, lambda: True)) == []


def test_ten_stopped_answers_leave_no_thread_behind(endless: LanguageModel) -> None:
    before = threading.active_count()
    for _ in range(10):
        writing = endless.write(ASKED, 3000, never)
        next(writing)
        writing.close()
    assert threading.active_count() <= before
    assert not [t for t in threading.enumerate() if t.name.startswith("writing")]


def test_a_second_answer_waits_for_its_turn_and_says_so(endless: LanguageModel) -> None:
    first = endless.write(ASKED, 3000, never)
    next(first)
    second = endless.write(ASKED, 5, never)
    assert next(second) == Draft("", waiting=True)
    first.close()
    assert list(second)[-1].text == TEXT[:5]


def test_what_llama_cpp_listens_on_is_this_machine_and_wants_a_key(model: LanguageModel) -> None:
    import httpx

    address = model._server.listening_address  # type: ignore[attr-defined]
    assert address.startswith("http://127.0.0.1:")
    told = httpx.post(f"{address}/v1/chat/completions", json={"messages": []}, trust_env=False)
    assert told.status_code == 401


# ---------------------------------------------------------------- who answers


def test_a_library_is_answered_by_the_file_that_was_chosen(file: Path, tmp_path: Path) -> None:
    from rag import choosing

    (tmp_path / "夜校.md").write_text(
        "# 青溪县科普夜校开课\n\n青溪县科普夜校首期招收学员126人，每周三上课。\n", "utf-8"
    )
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / "夜校.md"])
    choosing.use(str(file), tmp_path / "library")
    started = time.monotonic()
    with rag.open(tmp_path / "library") as library:
        reply = library.ask("青溪县科普夜校首期招收了多少学员？")
    assert reply.engine == "Tiny-q8_0" and reply.answer == "首期招收学员126人[1]。"
    assert time.monotonic() - started < 120
