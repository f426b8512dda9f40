"""Sentences that answer differently: told of the same event they contradict, told of another they do not."""

from __future__ import annotations

from rag.answering.candidates import gather
from rag.answering.conflicts import Conflict, conflicts
from rag.evaluation.premises import Trap, read_traps
from rag.question import understand
from rag.types import Hit

TRAPS = read_traps("conflicts")


def hits(*articles: tuple[str, str, str]) -> list[Hit]:
    return [
        Hit(n, f"a{n}", f"{n}.txt", title, 0, len(text), text, 0.5, date=date or None)
        for n, (title, date, text) in enumerate(articles)
    ]


def found(question: str, *articles: tuple[str, str, str]) -> list[Conflict]:
    return conflicts(understand(question), gather(hits(*articles)))


def of(trap: Trap) -> list[Conflict]:
    return found(trap.question, *trap.articles)


OLD = ("大桥合龙", "2024-11-05", "青岭大桥合龙，大桥全长1860米。")
NEW = ("大桥通车", "2025-06-18", "全长1680米的青岭大桥正式通车。")


def test_two_figures_for_one_thing_are_a_conflict_the_newer_first() -> None:
    for articles in ((OLD, NEW), (NEW, OLD)):
        (pair,) = found("青岭大桥全长多少米？", *articles)
        assert (pair.said, pair.instead, pair.settled) == ("1680米", "1860米", False)
        assert pair.first.hit.date == "2025-06-18"


def test_a_correction_comes_first_and_settles_it() -> None:
    wrong = ("黑石沟村修通产业路", "2025-03-03", "黑石沟村修通产业路12公里。")
    right = ("更正", "2025-03-05", "3月3日《黑石沟村修通产业路》中“修通产业路12公里”有误，应为“修通产业路1.2公里”。")
    (pair,) = found("黑石沟村修了多少公里产业路？", wrong, right)
    assert pair.settled and (pair.said, pair.instead) == ("1.2公里", "12公里")


def test_planted_contradictions_are_found() -> None:
    planted = [trap for trap in TRAPS if trap.kind in ("conflict", "correction")]
    assert len(planted) >= 40
    assert sum(bool(of(trap)) for trap in planted) >= 0.9 * len(planted)


def test_other_years_places_and_occasions_are_none() -> None:
    apart = [trap for trap in TRAPS if trap.kind == "apart"]
    assert len(apart) >= 12
    assert [trap.id for trap in apart if of(trap)] == []


def test_nearly_the_same_is_the_same() -> None:
    about = ("总结", "2025-02-28", "青岭大桥近期开放，大桥全长近1900米。")
    assert found("青岭大桥全长多少米？", OLD, about) == []


def test_passages_without_articles_contradict_nothing() -> None:
    loose = [Hit(n, "", "", "", 0, len(a[2]), a[2], 0.5) for n, a in enumerate((OLD, NEW))]
    assert conflicts(understand("青岭大桥全长多少米？"), gather(loose)) == []
