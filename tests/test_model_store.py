"""A store of models that several servers share: what one loads, the others find; broken and unreachable ones are told."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import hub_with

from rag import choosing, settings
from rag.cli import run
from rag.errors import BadSetting, DiskFull, ModelUnusable, UnknownName
from rag.models import open_model, shared

MODEL = "Tiny/Writer"
FILES = {"config.json": b'{"model_type": "unheard-of"}', "model.safetensors": b"x" * 5000}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder; this process is one of the servers, `another` makes it the next."""
    monkeypatch.setenv("RAG_MODEL_STORE", (tmp_path / "store").as_uri())
    with hub_with(MODEL, FILES) as hub:
        choosing.pull(MODEL, mirror=hub.address)
    return tmp_path / "store"


def another(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("RAG_MODELS", str(folder))
    assert settings.pulled(MODEL) is None


def test_what_one_server_loads_another_finds(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = settings.models() / MODEL
    another(monkeypatch, tmp_path / "second")
    assert (MODEL, 5000 + 28) in [
        (one, size - len((first / settings.CARD).read_bytes())) for one, size in shared.listed()
    ]
    assert next(row for row in choosing.rows() if row.id == MODEL).here
    folder = shared.found(MODEL)
    assert folder == settings.pulled(MODEL) == tmp_path / "second" / MODEL
    assert all((folder / name).read_bytes() == data for name, data in FILES.items())
    assert json.loads((folder / settings.CARD).read_text()) == json.loads((first / settings.CARD).read_text())
    assert not list((tmp_path / "second" / ".half").glob("*"))


def test_opening_a_model_fetches_it(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another(monkeypatch, tmp_path / "second")
    with pytest.raises(ModelUnusable, match="unheard-of"):  # its own files were read
        open_model(MODEL)
    assert settings.pulled(MODEL)
    assert choosing.kind_of(MODEL) == "writer"


def test_a_model_that_is_removed_is_not_fetched_again(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another(monkeypatch, tmp_path / "second")
    choosing.remove(MODEL)  # here it never was
    assert not (store / MODEL).exists() and shared.listed() == [] and shared.found(MODEL) is None
    with pytest.raises(UnknownName):
        choosing.remove(MODEL)


def test_a_broken_copy_is_never_used(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another(monkeypatch, tmp_path / "second")
    (store / MODEL / "model.safetensors").write_bytes(b"y" * 5000)
    with pytest.raises(ModelUnusable, match=r"model\.safetensors"):
        shared.found(MODEL)
    assert settings.pulled(MODEL) is None
    card = store / MODEL / settings.CARD
    told = json.loads(card.read_text())
    (store / "outside").write_bytes(b"z")
    card.write_text(json.dumps({**told, "files": {"../../outside": None}}))
    with pytest.raises(ModelUnusable):
        shared.found(MODEL)
    assert not (tmp_path / "outside").exists()


def test_a_full_disk_is_said_to_be_full(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another(monkeypatch, tmp_path / "second")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(DiskFull):
        shared.found(MODEL)


def test_half_a_model_in_the_store_is_none(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another(monkeypatch, tmp_path / "second")
    (store / MODEL / settings.CARD).unlink()
    assert shared.found(MODEL) is None and shared.listed() == []


@pytest.mark.parametrize(
    ("address", "told"),
    [("ftp://rag:secret@127.0.0.1:9/models", "ftp://127.0.0.1:9/models"), ("nosuch://models", "nosuch://models")],
)
def test_a_store_that_cannot_be_reached_is_told_without_its_password(
    address: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_MODEL_STORE", address)
    with pytest.raises(ModelUnusable, match=told) as error:
        shared.found(MODEL)
    assert "secret" not in str(error.value)
    assert run(["models", "list"]) == 6
    said = capsys.readouterr().err
    assert told in said and "secret" not in said and "Traceback" not in said


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_MODEL_STORE", "bucket")
    with pytest.raises(BadSetting, match="RAG_MODEL_STORE"):
        shared.listed()


def test_without_a_store_models_are_those_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAG_MODEL_STORE", raising=False)
    assert shared.found(MODEL) is None and shared.listed() == []
