"""Whatever came and went before: the library holds what a plain model holds, and nothing of what went is served."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import rag
from rag import meaning
from rag.library import Library
from rag.text import tokens
from rag.types import Filter
from tests.tiny_embedders import open_tiny

STEPS = 1000
FILES = [f"{a}{b}.{kind}" for a in "东南西北" for b in "山川湖海田" for kind in ("txt", "jsonl")]
WORDS = [a + b for a in "水稻麦豆果" for b in "田苗花根叶"]


class Model:
    """What a library should hold, and each word that ever was in it alone: every text has one of its own."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.files: dict[str, dict[str, str]] = {}  # file → article's source → its text
        self.gone: set[str] = set()
        self.number = 0

    def text(self) -> str:
        self.number += 1
        said = "".join(self.chance.choices(WORDS, k=self.chance.randint(4, 30)))
        return f"{said}，记作zq{self.number}x。{self.chance.choice(WORDS)}也记作zq{self.number}x。"

    def write(self, folder: Path, name: str) -> None:
        """A new version of a file: some articles as before, some new; its rows in another order."""
        old = self.files.get(name, {})
        if name.endswith(".txt"):
            new = {name: self.text()}
        else:
            kept = {key: text for key, text in old.items() if self.chance.random() < 0.5}
            fresh = {f"{name}-{self.chance.randrange(30)}": self.text() for _ in range(self.chance.randint(1, 4))}
            new = kept | fresh
        self.forget([text for text in old.values() if text not in new.values()])
        self.files[name] = new
        rows = [json.dumps({"id": key, "text": text}, ensure_ascii=False) for key, text in new.items()]
        content = new[name] if name.endswith(".txt") else "\n".join(self.chance.sample(rows, len(rows)))
        (folder / name).write_text(content, "utf-8")

    def remove(self, library: Library) -> tuple[str, int]:
        """A name that is there, and how many articles it stands for."""
        name = self.chance.choice(list(self.files))
        rows = self.files[name]
        if name.endswith(".jsonl") and self.chance.random() < 0.6:
            key = self.chance.choice(list(rows))
            self.forget([rows.pop(key)])
            if not rows:
                del self.files[name]
            (article,) = library.articles(Filter(source=(key,)))
            return self.chance.choice((key, article.article_id)), 1
        self.forget(self.files.pop(name).values())
        document = next(d for d in library.documents() if d.source == name)
        return self.chance.choice((name, str(document.document_id))), len(rows)

    def forget(self, texts: object) -> None:
        self.gone |= {mark(text) for text in texts}  # type: ignore[attr-defined]


def mark(text: str) -> str:
    return text[text.index("zq") : text.index("x。") + 1]


def agree(library: Library, model: Model, gone: set[str]) -> None:
    texts = [text for rows in model.files.values() for text in rows.values()]
    assert sorted(a.text for a in library.articles()) == sorted(texts)
    index = library._meaning.serving().index
    hits = library._store.hits(library._store.allowed(Filter()).tolist())
    for text in texts:
        assert {hits[i].text for i in index.lexical(tokens(mark(text)), 99).ids.tolist()} == {text}
    for word in gone:
        assert len(index.lexical([word], 9)) == len(index.lexical([word], 9, whole=True)) == 0
        assert index.containing(word) == []


@pytest.mark.slow
def test_a_thousand_additions_replacements_and_removals_leave_what_a_plain_model_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)
    model, steps, checked = Model(8), 0, set[str]()
    (tmp_path / "files").mkdir()
    with rag.open(tmp_path / "library") as library:
        while steps < STEPS:
            names = model.chance.sample(FILES, model.chance.randint(1, 12))
            there = {name for name in names if name in model.files}
            for name in names:
                model.write(tmp_path / "files", name)
            receipts = library.add([tmp_path / "files" / name for name in names])
            assert [r.status for r in receipts] == ["replaced" if n in there else "added" for n in names]
            assert [r.articles for r in receipts] == [len(model.files[n]) for n in names]
            going = [model.remove(library) for _ in range(min(model.chance.randint(0, 8), len(model.files)))]
            for (name, articles), receipt in zip(going, library.remove([n for n, _ in going]), strict=True):
                assert (receipt.name, receipt.status, receipt.articles) == (name, "removed", articles)
                assert receipt.left == 0
            steps += len(names) + len(going)
            agree(library, model, model.gone - checked)
            checked |= model.gone
        agree(library, model, model.gone)
        assert library.checkup().faults == ()
        said = "".join(column + question for column, question in library.examples(500))
        assert not any(word in said for word in model.gone), "nothing that went is suggested"
        library.remove(list(model.files))
        assert library.state().articles == library.state().passages == library.state().embedded == 0


def test_a_removal_says_what_search_still_finds_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipt asks the indexes themselves: one that forgot to take a passage out is given away."""
    from rag.search.local import LocalSearch

    monkeypatch.setattr(meaning, "open_embedder", open_tiny)
    (tmp_path / "a.txt").write_text("水稻要浅插，插深了长不快。", "utf-8")
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / "a.txt"])
        monkeypatch.setattr(LocalSearch, "catch_up", lambda self, progress=None: self.state())
        (receipt,) = library.remove(["a.txt"])
        assert (receipt.status, receipt.passages, receipt.left) == ("removed", 1, 1)
