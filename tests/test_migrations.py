"""Every library that an older version saved opens in this one, with all that it held.

`libraries/REVISION.zip` is a backup made by the version before the next revision: three files, of which two hold the
same text, and a row that was removed again. Add one (with that version) whenever the tables change.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

import rag
from rag import tables
from rag.library import restore
from rag.store import Store

SAVED = sorted((Path(__file__).parent / "libraries").glob("*.zip"))


def test_every_older_revision_has_its_library() -> None:
    from alembic.script import ScriptDirectory

    steps = ScriptDirectory(str(Path(tables.__file__).parent / "migrations")).walk_revisions()
    assert {s.revision for s in steps} - {tables.REVISION} <= {file.stem for file in SAVED}


def holds_what_it_held(library: rag.Library) -> None:
    assert library._store.check() == []
    assert [d.source for d in library.documents()] == ["萤火虫.md", "转载.md", "问答.jsonl"]
    fireflies, reprint, rice = library.articles()
    assert (fireflies.article_id, rice.article_id) == ("06eae1b9503af761", "8a3ca87b713b569c")
    assert (rice.author, rice.date, rice.column, rice.source) == ("李明", "2024-05-06", "农技", "问答-1")
    assert fireflies.text.startswith("萤火虫的光几乎不发热") and fireflies.text == reprint.text
    assert library.state().embedded == library.state().passages == 3, "nothing is embedded again"
    assert library.reprints(reprint.article_id) == [fireflies], "what this version knows more is found"
    first = library.search("稻田养鱼能少用多少化肥？").hits[0]
    assert (first.article_id, first.why.vector is not None) == (rice.article_id, True)


@pytest.mark.parametrize("saved", SAVED, ids=lambda file: file.stem)
def test_an_older_library_is_opened(saved: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        archive.extract(tables.DATABASE, tmp_path / "library")
    with rag.open(tmp_path / "library") as library:
        holds_what_it_held(library)
        (receipt,) = library.remove(["转载.md"])
        assert (receipt.articles, receipt.left) == (1, 0)
        assert library.reprints("06eae1b9503af761") == []
    with rag.open(tmp_path / "library", create=False) as library:
        assert library.state().articles == 2


@pytest.mark.parametrize("saved", SAVED, ids=lambda file: file.stem)
def test_an_older_backup_is_restored(saved: Path, tmp_path: Path) -> None:
    restore(saved, tmp_path / "library")
    with rag.open(tmp_path / "library", create=False) as library:
        holds_what_it_held(library)


@pytest.mark.parametrize("saved", SAVED, ids=lambda file: file.stem)
def test_a_kill_while_the_tables_are_brought_up_to_date_leaves_the_older_library(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    with zipfile.ZipFile(saved) as archive:
        archive.extract(tables.DATABASE, tmp_path)
    shutil.copy(tmp_path / tables.DATABASE, tmp_path / "before.db")
    create = op.create_table
    made: list[str] = []

    def killed(name: str, *columns: object, **more: object) -> object:
        made.append(name)
        create(name, *columns, **more)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", killed)
        with pytest.raises(KeyboardInterrupt):
            Store.open(tmp_path)
    assert len(made) == 1
    with Store.open(tmp_path) as store:
        assert store.check() == []
        assert store.counts().articles == 3
