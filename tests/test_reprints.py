"""Reprints: the same text printed again is known as such, takes one place in the evidence, and nothing else does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rag
from rag import reprints
from rag.store import Store
from rag.types import Article, Document, Passage

FIREFLIES = (
    "萤火虫的光几乎不发热，发光的效率超过九成。它靠荧光素和氧气反应发光，每次闪烁大约持续半秒钟。"
    "六月的傍晚，镇上的孩子们在科普站的老师带领下数出了一百二十只萤火虫。老师说，水边的草丛不要打药，"
    "路灯不要照进去，明年还会有更多。"
)
RICE = "稻田里养鱼，鱼吃害虫，鱼粪肥田，一亩水稻能少用三成化肥。县农技站在青岭村试了两年，今年推广到六个村。"


def put(store: Store, source: str, *texts: str, sha: str = "1") -> int:
    """A passage a text; the number of reprints."""
    articles = [
        (Article(f"{source}-{n}", source, "", text), [Passage(0, len(text), text)]) for n, text in enumerate(texts)
    ]
    return store.put(Document(source, "txt", sha.rjust(64, "0")), articles, splitter="1").reprints


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


# ---------------------------------------------------------------- two texts


@pytest.mark.parametrize(
    "other",
    [
        FIREFLIES,
        "本报讯 " + FIREFLIES + "（王芳）",
        FIREFLIES.replace("，", " ，").replace("萤火虫", "螢火蟲"),
        FIREFLIES.replace("\n", "")[: int(len(FIREFLIES) * 0.8)],
        FIREFLIES.replace("老师说", "老帅说").replace("傍晚", "旁晚"),  # recognised from a scan
    ],
    ids=["itself", "signed", "script", "cut short", "misread"],
)
def test_a_reprint_is_known_whatever_was_done_to_it(other: str) -> None:
    assert reprints.alike(FIREFLIES, other) and reprints.alike(other, FIREFLIES)


@pytest.mark.parametrize(
    "other",
    [RICE, FIREFLIES.replace("一百二十只", "一百五十只"), FIREFLIES[:40], FIREFLIES[60:] + RICE, ""],
    ids=["another", "another figure", "its beginning", "half of it", "nothing"],
)
def test_what_says_something_else_is_no_reprint(other: str) -> None:
    assert not reprints.alike(FIREFLIES, other) and not reprints.alike(other, FIREFLIES)


def test_texts_of_a_few_characters_are_compared_with_nothing() -> None:
    assert not reprints.alike("图片新闻。", "图片新闻。")


def test_a_passage_is_within_an_article_that_says_all_of_it() -> None:
    assert reprints.within(FIREFLIES[48:90], FIREFLIES)
    assert not reprints.within(FIREFLIES[48:90].replace("一百二十", "一百五十"), FIREFLIES)
    assert not reprints.within(RICE, FIREFLIES)
    assert not reprints.within("。", FIREFLIES)


def test_long_texts_are_held_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*VERSIONS, "", FIREFLIES * 9, "短。"]
    whole = reprints._bands(texts), [x.tolist() for x in reprints._sets(texts)]
    for most in (1, 150, 700):
        monkeypatch.setattr(reprints, "_MOST", most)
        assert (reprints._bands(texts), [x.tolist() for x in reprints._sets(texts)]) == whole


def test_of_a_book_the_beginning_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprints, "_LONGEST", 60)
    assert max(len(x) for x in reprints._sets([FIREFLIES * 9, RICE])) <= 57
    assert reprints.alike(FIREFLIES[:60], FIREFLIES[:60] + "。" * 40)
    assert not reprints.alike(FIREFLIES[:60], FIREFLIES[:60] + "。" * 99), "of another length"


# ---------------------------------------------------------------- in a library


def test_reprints_are_found_across_files_and_within_one(store: Store) -> None:
    assert put(store, "a.txt", FIREFLIES, RICE) == 0
    assert put(store, "b.txt", RICE + "（李明）") == 1
    assert put(store, "c.txt", "今天天气晴朗，适合晒谷，气象台说明天也是。", FIREFLIES, FIREFLIES + "（王芳）") == 2
    assert store.reprints(["a.txt-0", "b.txt-0", "c.txt-0", "没有"]) == {
        "a.txt-0": ("c.txt-1", "c.txt-2"),
        "b.txt-0": ("a.txt-1",),
    }
    assert store.check() == []


def test_a_reprint_of_a_reprint_belongs_to_them(store: Store) -> None:
    one, two, three = FIREFLIES, FIREFLIES[18:], FIREFLIES[18:-18]
    assert reprints.alike(one, two) and reprints.alike(two, three) and not reprints.alike(one, three)
    put(store, "a.txt", one)
    put(store, "c.txt", three)
    assert store.reprints(["a.txt-0"]) == {}
    put(store, "b.txt", two)
    assert store.reprints(["a.txt-0"]) == {"a.txt-0": ("c.txt-0", "b.txt-0")}
    store.remove(["b.txt"])
    assert store.reprints(["a.txt-0", "c.txt-0"]) == {}, "nothing joins them any more"


def test_a_form_filled_in_a_thousand_times_stays_cheap(store: Store) -> None:
    put(store, "a.txt", *(FIREFLIES for _ in range(300)))
    with store._engine.connect() as c:
        pairs = c.exec_driver_sql("SELECT count(*) FROM twins").scalar_one()
    assert pairs <= 2 * 300 * reprints._LOOKED_AT
    assert len(store.reprints(["a.txt-7"])["a.txt-7"]) == 299


def test_a_library_of_other_rules_is_compared_anew_when_it_is_opened(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a.txt", FIREFLIES)
    put(store, "b.txt", FIREFLIES)
    with monkeypatch.context() as patch:
        patch.setattr(reprints, "RULES", "99")
        patch.setattr(reprints, "ALIKE", 1.1)
        with Store.open(store.folder) as again:
            assert again.reprints(["a.txt-0"]) == {}
        with Store.open(store.folder, readonly=True) as reader:
            assert reader.reprints(["a.txt-0"]) == {}
    with Store.open(store.folder) as again, again.writing():
        assert again.reprints(["a.txt-0"]) == {"a.txt-0": ("b.txt-0",)}


def versions() -> list[str]:
    """Three stories, each in five versions that are reprints of one another or bring another figure."""
    stories = [FIREFLIES, RICE * 2, "".join(random.Random(5).choices("山水田林路东南西北中", k=120))]
    return [
        text
        for s in stories
        for text in (s, s + "（王芳）", s[4:], s[:-6], s.replace("六", "七") + "共37人参加。", s + "共38人参加。")
    ]


VERSIONS = versions()
step = st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from(range(len(VERSIONS))), max_size=4))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(step, max_size=8))
def test_after_any_history_clusters_are_those_of_comparing_all(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, list[int]]]
) -> None:
    with Store.open(tmp_path_factory.mktemp("any") / "library") as store:
        for n, (name, some) in enumerate(history):
            if some:
                put(store, name, *(VERSIONS[i] for i in some), sha=str(n))
            else:
                store.remove([name])
        texts = {a.article_id: a.text for a in store.articles()}
        like = {one: {one} for one in texts}
        for one, other in combinations(texts, 2):
            if reprints.alike(texts[one], texts[other]):
                both = like[one] | like[other]
                for each in both:
                    like[each] = both
        expected = {one: both - {one} for one, both in like.items() if len(both) > 1}
        assert {one: set(others) for one, others in store.reprints(texts).items()} == expected
        assert store.check() == []


# ---------------------------------------------------------------- asking


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rag.Library]:
    folder = tmp_path_factory.mktemp("reprints")
    for name, text in {
        "短": FIREFLIES[:110],
        "长": FIREFLIES + "\n科普站的电话贴在村口的公告栏上，谁看见萤火虫都可以去说一声，站里备了小本子给孩子们画画。",
        "稻": RICE,
    }.items():
        (folder / f"{name}.md").write_text(f"# {name}文\n\n{text}\n", "utf-8")
    with rag.open(folder / "library") as opened:
        assert [r.duplicates for r in opened.add([folder / f"{n}.md" for n in "短长稻"])] == [0, 1, 0]
        yield opened


def test_one_of_the_reprints_takes_a_place_and_names_the_others(library: rag.Library) -> None:
    hits = library.search("萤火虫的光发热吗？").hits
    first = hits[0]
    assert "几乎不发热" in first.text
    others = library.reprints(first.article_id)
    assert [a.article_id for a in others] == list(first.also) != []
    assert sum("几乎不发热" in h.text for h in hits) == 1
    assert first.to_json()["also"] == list(first.also)


def test_what_only_one_reprint_says_is_still_found(library: rag.Library) -> None:
    assert any("公告栏" in h.text for h in library.search("萤火虫的光发热吗？").hits)


def test_a_citation_names_the_reprints(library: rag.Library) -> None:
    reply = library.ask("萤火虫每次闪烁大约持续多久？")
    assert not reply.refused
    assert len({c.article_id for c in reply.citations}) == 1
    (cited, *_) = reply.citations
    assert list(cited.also) == [a.article_id for a in library.reprints(cited.article_id)] == cited.to_json()["also"]
    assert library.article(cited.also[0]).source in ("短.md", "长.md")
