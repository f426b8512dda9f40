"""How wrong questions are measured: the packaged ones are what they say, and outcomes are told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag import settings
from rag.evaluation.answers import atoms, holds
from rag.evaluation.premises import Trap, ask, figures, outcome, read_traps
from rag.text import fold
from rag.types import Reply
from rag.words import catalogue

TRAPS = read_traps()
FALSE = Trap("1", "false_premise", "1965年找到多少株？", ("1972年",))
ABSENT = Trap("2", "absent_term", "李沐阳是谁？", ("李沐阳",))
BOTH = Trap("3", "conflict", "多长？", ("1680米", "1860米"))


def test_there_are_sixty_false_premises_forty_absent_terms_and_forty_contradictions() -> None:
    kinds = [trap.kind for trap in TRAPS]
    assert kinds.count("false_premise") >= 60 and kinds.count("absent_term") >= 40
    assert kinds.count("conflict") + kinds.count("correction") >= 40
    assert len({trap.id for trap in TRAPS}) == len(TRAPS) == len({trap.question for trap in TRAPS})


def test_what_corrects_a_premise_stands_in_the_library_and_an_absent_term_does_not() -> None:
    library = fold("\n".join(p.read_text("utf-8") for p in (settings.samples() / "articles").glob("*.md")))
    pieces = atoms(library)
    for trap in TRAPS:
        if trap.kind == "false_premise":
            assert holds(pieces, atoms(trap.says[0])) and not holds(atoms(trap.question), atoms(trap.says[0])), trap.id
        if trap.kind == "absent_term":
            assert fold(trap.says[0]) not in library and fold(trap.says[0]) in fold(trap.question), trap.id


def test_both_sides_of_a_contradiction_stand_in_its_articles() -> None:
    for trap in TRAPS:
        if trap.kind in ("conflict", "correction"):
            assert len(trap.says) == 2 and trap.says[0] != trap.says[1]
            for said in trap.says:
                assert any(said in text for _, _, text in trap.articles), trap.id


@pytest.mark.parametrize(
    ("trap", "reply", "what"),
    [
        (FALSE, Reply("", "不是：1972年找到[1]。", refused=True, reason="false_premise"), "corrected"),
        (FALSE, Reply("", "资料里没有。", refused=True, reason="no_evidence"), "unexplained"),
        (FALSE, Reply("", "资料里没有“1965年”。", refused=True, reason="absent_term"), "refused"),
        (FALSE, Reply("", "1972年找到19株[1]。"), "shown"),
        (FALSE, Reply("", "找到19株[1]。"), "agreed"),
        (ABSENT, Reply("", "没有“李沐阳”。", refused=True, reason="absent_term"), "refused"),
        (ABSENT, Reply("", "他是队长[1]。"), "agreed"),
        (BOTH, Reply("", "全长1680米[1]。全长1860米[2]。"), "both"),
        (BOTH, Reply("", "全长1680米[1]。"), "one"),
        (replace(BOTH, kind="apart"), Reply("", "", conflicts=((1, 2),)), "mixed"),
        (replace(BOTH, kind="apart"), Reply("", "全长1680米[1]。"), "kept"),
    ],
)
def test_what_became_of_a_question(trap: Trap, reply: Reply, what: str) -> None:
    assert outcome(trap, reply) == what


def test_figures_count_outcomes_and_every_name_is_read_by_people() -> None:
    class Library:
        def ask(self, question: str, *, history: object = ()) -> Reply:
            return Reply(question, "没有。", refused=True, reason="absent_term")

    (false, absent) = figures(ask(Library(), [FALSE, ABSENT]))
    assert false == {"kind": "false_premise", "questions": 1, "right": 1.0, "refused": 1}
    assert absent["right"] == 1.0
    assert {f"eval.traps.{trap.kind}" for trap in TRAPS} <= set(catalogue("zh"))
