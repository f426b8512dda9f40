"""Copies say other things than what they were made of, and `rag bench scale` says how a library grows with them."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import copies, scale
from rag.cli import run
from rag.errors import BadBatchLine, PathMissing
from rag.reprints import alike

TEXT = "7月19日，张伟在福州市举行的比赛中获得第12名，比去年的第15名高出3名。王芳在北京市说，全年产量达到3450吨。"


def test_a_copy_has_other_figures_names_and_places() -> None:
    first, second = islice(copies.copies([TEXT]), 2)
    for old in ("19", "张伟", "福州", "3450", "王芳", "北京"):
        assert old not in first.text
    assert first.text != second.text
    assert not alike(first.text * 3, second.text * 3), "copies of one article are no reprints"
    assert len(first.question.split()) > 1
    assert all(word in first.text for word in first.question.split())


def test_the_same_copies_are_made_each_time() -> None:
    assert list(islice(copies.copies([TEXT, "没有可换的。"]), 4)) == list(
        islice(copies.copies([TEXT, "没有可换的。"]), 4)
    )


def test_rows_and_files_are_articles(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# 水稻\n\n水稻要浅插，插深了长不快。\n", "utf-8")
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps({"id": 1, "text": TEXT}) + "\n")
    assert [text.strip() for text in copies.texts(tmp_path)] == ["水稻要浅插，插深了长不快。", TEXT]
    (tmp_path / "c.jsonl").write_text("[]\n", "utf-8")
    with pytest.raises(BadBatchLine):
        list(copies.texts(tmp_path))
    with pytest.raises(PathMissing):
        list(copies.texts(tmp_path / "none"))


@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 3), st.floats(0.01, 100))
def test_the_exponent_is_that_of_a_power(power: float, factor: float) -> None:
    rows = [(n, factor * n**power) for n in (1e3, 1e4, 1e5)]
    assert scale.exponent(rows) == pytest.approx(power, abs=0.01)


def test_texts_that_share_words_are_nearer() -> None:
    a, b, c = scale.StandIn().passages(["水稻要浅插，插深了长不快。", "水稻插秧要浅。", "胸外按压深度为五厘米。"])
    assert a @ a == pytest.approx(1, abs=1e-5)
    assert a @ b > 0.2 > a @ c


@pytest.mark.slow
def test_a_library_is_filled_and_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "scale", "--sizes", "40", "--questions", "3", "--json"]) == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    told = {row["name"].partition(" passages, ")[2]: row["value"] for row in rows}
    assert {"added, processor time", "disk, words", "found and ordered, p95", "the right copy in ten"} <= told.keys()
    assert told["the right copy in ten"] == 1
    assert run(["bench", "scale", "--sizes", "none"]) == 2
