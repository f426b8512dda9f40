"""The library as one file: sent to editors, and put back while the server runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rag
from rag.errors import LibraryLocked, NotALibrary


def text_of(question: str, library: rag.Library) -> str:
    found = library.search(question, 3)
    return found.hits[0].text if found.hits else ""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[rag.Library]:
    """Holds tea; its backup of before holds weather."""
    for name, text in (("气象.txt", "# 青岭县气象站\n\n青岭县气象站有12名职工，每天发布两次预报。\n"),
                       ("茶.txt", "# 柳溪镇茶园\n\n柳溪镇把300亩老茶园改造成了生态茶园。\n")):  # fmt: skip
        (tmp_path / name).write_text(text, "utf-8")
    with rag.open(tmp_path / "library") as opened:
        opened.accounts.add("a", "correct horse", "editor")
        opened.add([tmp_path / "气象.txt"])
        opened.backup(tmp_path / "backup.zip")
        opened.remove(["气象.txt"])
        opened.add([tmp_path / "茶.txt"])
        yield opened


def test_an_open_library_is_that_of_the_backup_at_once(library: rag.Library, tmp_path: Path) -> None:
    assert "300亩" in text_of("老茶园改造了多少亩？", library)
    state = library.restore(tmp_path / "backup.zip")
    assert (state.articles, state.sources) == (1, ("气象.txt",))
    assert "12名职工" in text_of("气象站有多少名职工？", library)
    assert "茶园" not in text_of("老茶园改造了多少亩？", library)
    assert "12名" in library.ask("青岭县气象站有多少名职工？").answer
    library.add([tmp_path / "茶.txt"])
    assert "300亩" in text_of("老茶园改造了多少亩？", library)
    library.close()
    assert rag.library.check(tmp_path / "library").whole  # type: ignore[attr-defined]


def test_what_is_no_backup_changes_nothing(library: rag.Library, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"PK no")
    with pytest.raises(NotALibrary):
        library.restore(tmp_path / "no.zip")
    assert "300亩" in text_of("老茶园改造了多少亩？", library)


def test_while_files_are_added_nothing_is_restored(library: rag.Library, tmp_path: Path) -> None:
    with library._store.writing(), pytest.raises(LibraryLocked):
        library.restore(tmp_path / "backup.zip")
    assert library.state().sources == ("茶.txt",)
