"""`rag people`: the accounts of a library, looked after from the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import rag
from rag.cli import run

WORD = "长密码-correct horse"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WORD}\n"))
    folder = str(tmp_path / "library")
    assert run(["people", "add", "王编辑", "--role", "editor", "--library", folder]) == 0
    return folder


def test_the_first_editor_makes_the_library(capsys: pytest.CaptureFixture[str], shelf: str) -> None:
    assert "王编辑（编辑）" in capsys.readouterr().out
    assert run(["people", "list", "--json", "--library", shelf]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["name"], row["role"]) == ("王编辑", "editor")
    assert "password" not in row
    with rag.open(shelf) as library:
        assert library.accounts.sign_in("王编辑", WORD)


def test_roles_and_passwords_change_and_accounts_go(shelf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("another word\n"))
    assert run(["people", "password", "王编辑", "--library", shelf]) == 0
    assert run(["people", "role", "王编辑", "reader", "--library", shelf]) == 0
    with rag.open(shelf) as library:
        assert library.accounts.sign_in("王编辑", "another word")
        assert library.accounts.listed()[0].role == "reader"
    assert run(["people", "remove", "王编辑", "--library", shelf]) == 0
    with rag.open(shelf) as library:
        assert library.accounts.listed() == []


def test_what_can_not_be_is_said_in_words(
    shelf: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, typed, code in (
        (["add", "王编辑"], WORD, 2),
        (["add", "李"], "short", 2),
        (["remove", "没有的人"], "", 3),
        (["role", "王编辑", "king"], "", 2),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        assert run(["people", *words, "--library", shelf]) == code, words
        told = capsys.readouterr()
        assert told.err
        assert "Traceback" not in told.err
        assert WORD not in told.out + told.err
