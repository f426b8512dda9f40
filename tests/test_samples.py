"""The sample library: every article whole, every gold answer in its article, what has no answer really absent."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from rag import settings
from rag.evaluation.answers import Gold, answered, read_questions
from rag.text import fold

ARTICLES = settings.samples() / "articles"
QUESTIONS = settings.samples() / "questions.jsonl"
FILES = sorted(ARTICLES.glob("*.md"))
ROWS = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
GOLDS = read_questions(QUESTIONS)


def parts(path: Path) -> tuple[dict[str, str], str]:
    """The front matter and the text below it."""
    head, text = re.fullmatch(r"---\n(.*?)\n---\n\n(.*)", path.read_text("utf-8"), re.S).groups()  # type: ignore[union-attr]
    return dict(line.split(": ", 1) for line in head.split("\n")), text


def text_of(name: str) -> str:
    return parts(ARTICLES / name)[1]


# ---------------------------------------------------------------- articles


def test_there_are_at_least_forty_four_articles_in_at_least_eight_columns() -> None:
    assert len(FILES) >= 44
    columns = Counter(parts(path)[0]["column"] for path in FILES)
    assert len(columns) >= 8
    assert min(columns.values()) >= 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_article_is_whole(path: Path) -> None:
    head, text = parts(path)
    assert list(head) == ["title", "author", "date", "column", "source"]
    assert all(value == value.strip() and value for value in head.values())
    assert date.fromisoformat(head["date"])
    assert re.fullmatch(r"[a-z]+-\d{2}(-[a-z0-9]+)+\.md", path.name)
    body, _, source = text.rpartition("\n资料来源：")
    assert source == f"{head['source']}。\n"
    assert 400 <= len(re.sub(r"\s", "", body)) <= 900
    assert "\ufffd" not in text
    assert not re.search(r"\S  +\S|　|[\u4e00-\u9fff][,;?!]", text), "spaces or half-width punctuation"


def test_no_two_articles_share_a_title_and_files_are_numbered_by_column() -> None:
    titles = Counter(parts(path)[0]["title"] for path in FILES)
    assert titles.most_common(1)[0][1] == 1
    numbers: dict[str, list[int]] = {}
    for path in FILES:
        name, number = path.stem.split("-")[:2]
        numbers.setdefault(name, []).append(int(number))
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_tables_have_as_many_cells_in_every_row() -> None:
    for path in FILES:
        for table in re.findall(r"(?:^\|.*\|\n)+", parts(path)[1], re.M):
            assert len({row.count("|") for row in table.splitlines()}) == 1, path.name


@pytest.mark.parametrize(
    ("older", "newer", "before", "now"),
    [
        ("eco-01-panda-surveys.md", "eco-02-panda-fourth.md", "1596", "1864"),
        ("space-05-saturn-146.md", "space-06-saturn-274.md", "146", "274"),
    ],
)
def test_a_newer_article_supersedes_an_older_figure(older: str, newer: str, before: str, now: str) -> None:
    assert parts(ARTICLES / older)[0]["date"] < parts(ARTICLES / newer)[0]["date"]
    assert before in text_of(older)
    assert now not in text_of(older)
    assert now in text_of(newer)


# ---------------------------------------------------------------- questions


def test_there_are_sixty_questions_of_all_kinds_and_ten_have_no_answer() -> None:
    assert len(GOLDS) == 60
    assert len({g.id for g in GOLDS}) == len({g.question for g in GOLDS}) == 60
    assert sum(g.refuse for g in GOLDS) == 10
    kinds = Counter(g.kind for g in GOLDS)
    assert {"how_many", "when", "who", "where", "which", "why", "how", "list", "definition", "compare"} <= set(kinds)
    assert kinds["follow_up"] == sum(bool(g.history) for g in GOLDS) == 2
    assert kinds["false_premise"] >= 1
    assert kinds["absent_term"] >= 1


def test_some_are_asked_with_typos_and_in_traditional_or_wide_characters() -> None:
    traits = Counter(trait for row in ROWS for trait in row["traits"])
    assert min(traits[t] for t in ("typo", "traditional", "width")) >= 1
    odd = [row["question"] for row in ROWS if {"traditional", "width"} & set(row["traits"])]
    assert all(fold(question) != question for question in odd)


def answerable() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("gold", [g for g in GOLDS if not g.refuse], ids=lambda g: g.id)


@answerable()
def test_the_evidence_stands_verbatim_in_its_article_and_holds_the_answer(gold: Gold) -> None:
    (name,) = gold.sources
    assert gold.evidence
    assert all(sentence in text_of(name) for sentence in gold.evidence)
    assert answered(gold, "\n".join(gold.evidence))
    for item in gold.answers:
        assert any(answered(Gold("", "", answers=((variant,),)), "\n".join(gold.evidence)) for variant in item)


@answerable()
def test_the_question_does_not_give_its_answer_away(gold: Gold) -> None:
    assert not answered(gold, gold.question)


@pytest.mark.parametrize("row", [row for row in ROWS if row["refuse"]], ids=lambda row: row["id"])
def test_what_has_no_answer_is_really_absent(row: dict[str, list[str]]) -> None:
    assert row["absent"] or row["kind"] == "false_premise"
    everything = "\n".join(fold(path.read_text("utf-8")) for path in FILES)
    assert not [term for term in row["absent"] if fold(term) in everything]
