"""The model that embeds a library is changed for another: the old one serves until the new one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

import rag
from rag import meaning
from rag.errors import OtherEmbedding
from rag.library import check
from tests.tiny_embedders import Tiny, open_tiny

STORIES = {f"{a}{b}.txt": f"{a}{b}种了水稻。{b}{a}的稻田里养鱼。" for a in "东南西北" for b in "山川湖海"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)
    monkeypatch.setattr(meaning, "AT_ONCE", 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A library that `tiny-8` serves."""
    write(tmp_path, STORIES)
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / "files"])
    return tmp_path / "library"


def write(folder: Path, stories: dict[str, str]) -> None:
    (folder / "files").mkdir(exist_ok=True)
    for name, text in stories.items():
        (folder / "files" / name).write_text(text, "utf-8")


def ask_for(model: str, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("RAG_EMBEDDING", model)


def finds(library: rag.Library, model: str) -> None:
    """By words and by meaning, with this model's vectors and no others."""
    assert library.state().embedding == model
    for name in ("东山", "北海"):
        first = library.search(f"{name}种了什么？").hits[0]
        assert (first.source, first.why.vector is not None) == (f"{name}.txt", True)
    now = library._meaning.serving()
    (vector,) = now.index.vectors([1]).values()
    assert vector.shape == (now.embedder.dimension,)


def test_the_old_model_serves_while_another_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for("tiny-16", monkeypatch)
    with rag.open(folder) as library:
        finds(library, "tiny-8")
        library.add([folder.parent / "files"])
        finds(library, "tiny-8")
    assert not check(folder).whole, "that another is asked for is said"
    with rag.open(folder) as library:
        assert library.change_embedding()
        finds(library, "tiny-16")
        assert library._store.models() == ["tiny-16"]
        assert library.checkup().faults == ()
        assert not library.change_embedding()
    monkeypatch.delenv("RAG_EMBEDDING")
    with rag.open(folder) as library:
        finds(library, "tiny-16")
        assert not library.change_embedding(), "without a wish the library's own model serves"


def test_repairing_changes_to_the_model_that_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for("tiny-16", monkeypatch)
    checkup = check(folder, repair=True)
    assert (checkup.whole, len(checkup.repaired)) == (True, 2)
    with rag.open(folder) as library:
        finds(library, "tiny-16")


def test_what_was_stopped_goes_on_where_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for("tiny-16", monkeypatch)
    with rag.open(folder) as library:
        calls = iter([False, False, True])
        assert not library.change_embedding(stop=lambda: next(calls, True))
        assert library._store.embedding_progress("tiny-16") == (6, 16)
        finds(library, "tiny-8")
    embedded: list[str] = []
    monkeypatch.setattr(meaning, "open_embedder", lambda *_: Tiny(16, embedded.extend))
    with rag.open(folder) as library:
        assert library.change_embedding()
        assert len(embedded) == 10, "what was embedded before is not embedded again"
        finds(library, "tiny-16")


def test_what_comes_in_meanwhile_is_there_afterwards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for("tiny-16", monkeypatch)
    write(folder.parent, {"迟到.txt": "迟到的文章说油菜开花了。"})
    with rag.open(folder) as library:

        def meanwhile(texts: Sequence[str]) -> None:
            library.add([folder.parent / "files"])
            library.remove(["东湖.txt"])

        monkeypatch.setattr(meaning, "open_embedder", lambda s, n: Tiny(16, meanwhile) if n == "tiny-16" else Tiny(8))
        assert library.change_embedding()
        finds(library, "tiny-16")
        assert library.search("谁说油菜开花了？").hits[0].source == "迟到.txt"
        assert library.checkup().faults == ()


def test_another_process_that_serves_sees_the_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rag.open(folder) as server:
        finds(server, "tiny-8")
        ask_for("tiny-16", monkeypatch)
        with rag.open(folder) as library:
            library.change_embedding()
        finds(server, "tiny-16")
        write(folder.parent, {"新来.txt": "新来的文章说油菜开花了。"})
        server.add([folder.parent / "files"])
        assert server.search("谁说油菜开花了？").hits[0].source == "新来.txt"
        assert server._store.models() == ["tiny-16"], "nothing is embedded by the old one any more"


def test_questions_are_answered_throughout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for("tiny-16", monkeypatch)
    done, wrong = threading.Event(), []

    def ask(library: rag.Library) -> None:
        while not done.is_set():
            try:
                first = library.search("西川种了什么？").hits[0]
                if first.source != "西川.txt" or first.why.vector is None:
                    wrong.append(first)
            except Exception as error:
                wrong.append(error)

    with rag.open(folder) as library:
        finds(library, "tiny-8")
        reader = threading.Thread(target=ask, args=(library,))
        reader.start()
        library.change_embedding()
        done.set()
        reader.join()
        assert wrong == []
        finds(library, "tiny-16")


def test_a_third_wish_forgets_the_second(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for("tiny-16", monkeypatch)
    with rag.open(folder) as library:
        calls = iter([False, True])
        library.change_embedding(stop=lambda: next(calls, True))
        assert library._store.models() == ["tiny-8", "tiny-16"]
    ask_for("tiny-32", monkeypatch)
    with rag.open(folder) as library:
        library.change_embedding()
        finds(library, "tiny-32")
        assert library._store.models() == ["tiny-32"]


def test_what_another_process_is_making_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rag.open(folder) as server:
        finds(server, "tiny-8")
        ask_for("tiny-16", monkeypatch)
        with rag.open(folder) as library:
            calls = iter([False, False, True])
            library.change_embedding(stop=lambda: next(calls, True))
            assert not server.change_embedding(), "it asks for nothing"
            assert library._store.embedding_progress("tiny-16") == (6, 16)
            monkeypatch.setenv("RAG_EMBEDDING", "tiny-32")
            with rag.open(folder) as third:
                calls = iter([False, True])
                third.change_embedding(stop=lambda: next(calls, True))
            assert library._store.models() == ["tiny-8", "tiny-32"]


def test_who_is_overtaken_by_a_third_wish_stops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for("tiny-16", monkeypatch)
    with rag.open(folder) as library:

        def overtaken(texts: Sequence[str]) -> None:
            library._store.set_recipe(making="tiny-32")

        monkeypatch.setattr(meaning, "open_embedder", lambda s, n: Tiny(16, overtaken) if n == "tiny-16" else Tiny(8))
        assert not library.change_embedding()
        finds(library, "tiny-8")


def test_a_model_that_is_gone_is_named_and_repairing_takes_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rag.open(folder) as library:
        library._store.set_recipe(embedding="gone-1234", model="gone")
    ask_for("tiny-16", monkeypatch)
    with rag.open(folder) as library:
        with pytest.raises(OtherEmbedding, match="gone-1234"):
            library.search("东山种了什么？")
        with pytest.raises(OtherEmbedding):
            library.add([folder.parent / "files"])
    assert check(folder, repair=True).whole
    with rag.open(folder) as library:
        finds(library, "tiny-16")


def test_files_of_the_old_index_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.search import vectors

    monkeypatch.setattr(vectors, "TAIL", 4)
    ask_for("tiny-16", monkeypatch)
    with rag.open(folder) as library:
        library._meaning.serving().index.catch_up()
        assert [json.loads(f.read_text())["model"] for f in folder.glob("vectors/*/state.json")] == ["tiny-8"]
        library.change_embedding()
        assert [json.loads(f.read_text())["model"] for f in folder.glob("vectors/*/state.json")] == ["tiny-16"]
        finds(library, "tiny-16")
