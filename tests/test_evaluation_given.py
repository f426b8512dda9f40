"""Answers over given passages are scored as RGB and CMRC 2018 score them; the calibration picture is a drawing."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rag.errors import BadBatchLine, PathMissing
from rag.evaluation import Gold, Verdict, picture
from rag.evaluation.given import exact, f1, measure_reading, measure_rgb, mixed, read_rows
from rag.types import Reply

ROW = {
    "id": 1,
    "query": "桥长多少米？",
    "answer": ["86.4米"],
    "positive": ["桥长86.4米。"] * 5,
    "negative": ["水稻扬花。"] * 5,
}


def reads(question: str, passages: Sequence[str]) -> Reply:
    """Answers when a passage speaks of the bridge."""
    told = [p for p in passages if "桥长" in p]
    if not told:
        return Reply(question, "资料库里没有写到这件事。", refused=True, reason="no_evidence", seconds={"total": 0.1})
    return Reply(question, told[0], short_answer="86.4米", confidence=0.9, seconds={"total": 0.1})


@pytest.mark.parametrize(("noise", "wrong"), [(0, 0), (0.2, 1), (0.4, 2), (0.8, 4), (1, 5)])
def test_noise_is_a_share_of_five_passages(noise: float, wrong: int) -> None:
    passages = mixed(ROW, noise, random.Random(1))
    assert len(passages) == 5 and passages.count("水稻扬花。") == wrong


def test_what_one_side_lacks_the_other_fills_but_where_all_is_noise() -> None:
    few = ROW | {"positive": ["桥长86.4米。"], "negative": ["水稻扬花。"] * 9}
    assert mixed(few, 0.2, random.Random(1)).count("水稻扬花。") == 4
    assert "桥长86.4米。" not in mixed(few, 1, random.Random(1))


def test_of_several_facts_each_has_a_passage() -> None:
    joined = ROW | {"positive": [["甲一", "甲二"], ["乙一", "乙二"]]}
    chosen = mixed(joined, 0.4, random.Random(1))
    assert any(p.startswith("甲") for p in chosen) and any(p.startswith("乙") for p in chosen)


def test_rgb_counts_right_answers_amid_noise_and_refusals_where_all_is_noise() -> None:
    *rows, (_, total) = measure_rgb([ROW], reads, (0, 0.8, 1))
    assert [row["right"] for row, _ in rows] == [True, True, False]
    assert total is not None
    assert total["right_0"] == total["right_0.8"] == total["refused_1"] == 1 and total["refused_0"] == 0


def test_reading_scores_the_short_answer_and_the_refusals() -> None:
    rows = [
        {"question": "桥长多少米？", "context": "桥长86.4米。", "answers": [{"text": "86.4米"}]},
        {"question": "桥建于哪年？", "context": "水稻扬花。", "answers": [], "is_impossible": True},
    ]
    *_, (_, total) = measure_reading(rows, reads)
    assert total is not None and total["em"] == total["f1"] == total["refused"] == 1 and total["false_refusals"] == 0


def test_f1_is_that_of_the_longest_common_run_and_punctuation_counts_for_nothing() -> None:
    assert exact("《三体》", "三体") and not exact("三体", "三体人")
    assert f1("1900余篇", "发布1900余篇") == pytest.approx(2 * 3 / (3 + 5))
    assert f1("甲", "乙") == 0


def test_packed_rows_are_read_and_a_bad_line_is_named(tmp_path: Path) -> None:
    packed, bad = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl"
    packed.write_bytes(gzip.compress((json.dumps(ROW, ensure_ascii=False) + "\n\n").encode()))
    bad.write_text('{"id": 1}\n[1]\n', "utf-8")
    assert read_rows(packed) == [ROW]
    with pytest.raises(BadBatchLine):
        read_rows(bad)
    with pytest.raises(PathMissing):
        read_rows(tmp_path / "none.jsonl")


def test_the_calibration_picture_is_a_drawing_with_a_bar_for_each_confidence() -> None:
    sure = [
        Verdict(Gold("1", "问", answers=(("甲",),)), Reply("问", "甲", confidence=c), 0.1, right=True)
        for c in (0.3, 0.9)
    ]
    drawing = ElementTree.fromstring(picture(sure))
    assert len(drawing.findall("{http://www.w3.org/2000/svg}rect")) == 3
