"""The chat without a browser: what its markup says, that nothing in it is more than text, what the server lets in."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag import errors
from rag.chat import exports, markup, reader, server
from rag.chat.conversation import MOST_EXCHANGES, Conversation, Exchange, Trouble, link, unlink
from rag.chat.desk import Desk
from rag.chat.markup import answers, feedback, fixing, helping, pages, sources, troubles
from rag.chat.markup import figures as charts
from rag.chat.markup import library as shelf
from rag.chat.message import short_message
from rag.chat.notebook import Notebook
from rag.desktypes import Asked as Noted
from rag.desktypes import Entry, Holdings, Waiting
from rag.figures import figures
from rag.types import (
    Article,
    Checkup,
    Citation,
    Filter,
    Hit,
    LibraryState,
    Nearest,
    Piece,
    Progress,
    Receipt,
    Reply,
    Section,
    Talk,
    Why,
)
from rag.words import say

TEXT = "县里建了一座气象站。\n气象站有12名职工，每天发布两次预报。\n站长说，明年还要添设备。"
ARTICLE = Article("a1", "青岭日报-20250305.txt", "气象站建成", TEXT, "李明", "2025-03-05", "3", "本地新闻")
QUOTE = "气象站有12名职工，每天发布两次预报。"
AT = TEXT.index(QUOTE)
CITED = Citation(
    1, QUOTE, AT, AT + len(QUOTE), True, "a1", "气象站建成", "李明", "2025-03-05", "3", "本地新闻", ARTICLE.source
)
HIT = Hit(7, "a1", ARTICLE.source, "气象站建成", AT, AT + len(QUOTE), QUOTE, 0.9, Why(8.0, 0.8, 0.9, ("职工",)))
ANSWER = Reply("职工有多少？", "气象站有12名职工[1]。每天发布两次预报[1]。", short_answer="12名", citations=(CITED,))
EVIL = "\"><img src=x onerror=alert(1)></mark><script>alert(2)</script>`${value}{{value}}*_#|'&amp;\u202e\n<b>"
BANNED = ("src", "srcdoc", "action", "formaction")


class Read(HTMLParser):
    """Tags, attributes and text as a browser would take them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.within: list[tuple[tuple[str, ...], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("br", "input", "link"):
            self.open.append(f"{tag}.{dict(attrs).get('class') or ''}")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop().split(".")[0] == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        self.within.append((tuple(self.open), data))

    def inside(self, start: str) -> str:
        """The text of all elements whose "tag.class" begins so."""
        return "".join(data for path, data in self.within if any(p.startswith(start) for p in path))


def shown(exchange: Exchange, number: int = 0, last: bool = True) -> str:
    return answers.exchange_card(say, number, exchange, last)


def each_evil_card() -> Iterator[tuple[str, str]]:
    """Every kind of markup, with a hostile string in every field that is not ours."""
    cited = Citation(1, EVIL, 0, 5, True, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL)
    hit = Hit(1, EVIL, EVIL, EVIL, 0, 9, EVIL, 0.5, Why(1.0, 0.5, 0.5, (EVIL[:8], "onerror")), EVIL, EVIL, EVIL, EVIL)
    reply = Reply(
        EVIL, f"{EVIL}[1]。{EVIL}[7]", EVIL, EVIL[2:9], citations=(cited,), engine=EVIL, seconds={"total": 1.0},
        notices=(EVIL,), noted="abc",
    )  # fmt: skip
    other = replace(cited, n=2, verified=False)
    made = {1: EVIL, 2: EVIL}
    yield "question", answers.question(say, EVIL, last=True)
    yield "follow-ups", answers.follow_ups(say, [EVIL])
    yield "writing", answers.writing(say, 0, Piece("writing", reply.answer, 3), EVIL, 2.0)
    yield "answer", shown(Exchange(EVIL, reply, searched=9, references=made, found=(hit,)))
    both = replace(reply, answer=f"{EVIL}[1]{EVIL}[2]。", citations=(cited, other), conflicts=((1, 2),))
    yield "conflict", shown(Exchange(EVIL, both, references=made))
    near = (Nearest(EVIL, EVIL, EVIL, EVIL, (EVIL,), (EVIL,)),)
    for reason in ("no_evidence", "absent_term", "false_premise", "unclear_question", "empty_library"):
        no = replace(reply, refused=True, reason=reason, nearest=near, citations=())
        yield reason, shown(Exchange(EVIL, no, found=(hit,)))
    yield "false premise", shown(Exchange(EVIL, replace(reply, refused=True, reason="false_premise")))
    yield "trouble", troubles.trouble_card(say, Trouble(EVIL, EVIL, EVIL, EVIL))


def each_evil_part() -> Iterator[tuple[str, str]]:
    """What stands outside the thread, where Gradio cleans nothing."""
    yield from each_evil_card()
    article = Article(EVIL, EVIL, EVIL, f"{EVIL}\n{EVIL}", EVIL, EVIL, EVIL, EVIL, (Section(0, 2, EVIL),))
    place = sources.Place(1, 1, 2, "", "c-1002")
    state = LibraryState(3, 2, 9, 1, EVIL, (EVIL,), (EVIL,), EVIL)
    talks = [Talk("abcdef", EVIL, EVIL, EVIL, 2)]
    yield "panel", sources.panel(say, article, EVIL, (2, 30), place, [article], [article], printed=True)
    yield "missing", sources.missing(say, EVIL, EVIL, place)
    yield "header", pages.header(say, "zh", {"copied": EVIL})
    yield "greeting", pages.greeting(say, state, [(EVIL, EVIL)], [article])
    yield "conversations", pages.conversations(say, Conversation("abcdef"), talks, errors.Error(detail=EVIL))
    yield "head", shelf.head(say, state, errors.Error(detail=EVIL))
    steps = [Progress("reading", 1, 2, EVIL), Progress("recognising", 1, 3, EVIL), Progress("words", 1, 2, EVIL)]
    yield "working", shelf.working(say, [EVIL, EVIL, EVIL], steps)
    yield "receipts", shelf.receipts(say, [Receipt(EVIL, "refused", EVIL), Receipt(EVIL, "added", EVIL, duplicates=1)])
    yield "shelf", shelf.shelf(say, [article], EVIL, True)
    yield "preview", shelf.preview(say, article)
    yield "correcting", shelf.preview(say, article, fixing.fields(say, article, article), 2)
    held = Holdings(1, 1, 9, 9, (("2025-02", 1),), ((EVIL, 1),))
    yield "overview", fixing.overview(say, held)
    yield "health", fixing.health(say, Checkup((EVIL,), (EVIL,)))
    yield from each_evil_part_of_the_desk()


def each_evil_part_of_the_desk() -> Iterator[tuple[str, str]]:
    asked = Noted(
        1, "k", "2025-02-26", EVIL, "refused", "no_evidence", (EVIL,), (EVIL,), ((EVIL, EVIL),), 0.1, -1, EVIL
    )
    waiting = Waiting(EVIL, (asked, replace(asked, asked=f"{EVIL}?")))
    entry = Entry(1, "pin", EVIL, f"{EVIL}\n{EVIL}", EVIL, EVIL, EVIL, EVIL, EVIL, (EVIL,), (EVIL,), EVIL, EVIL)
    told = figures([asked])
    yield "waiting", helping.waiting(say, [waiting], waiting)
    yield "entries", helping.entries(say, [(entry, "stands")], (entry, "stands"), "pin")
    yield "figures", helping.figures(say, told, EVIL, EVIL)
    yield "printed", charts.printed(say, told)
    yield "lines", helping.lines(say, [((EVIL,), EVIL)])
    yield "pins", feedback.pinned(say, [entry])


# ---------------------------------------------------------------- nothing is more than text


@given(st.text(max_size=60))
def test_text_stays_text_between_tags_and_in_attributes(text: str) -> None:
    read = Read(markup.el("p", text, title=text))
    assert [tag for tag, _ in read.tags] == ["p"]
    said = "".join(read.text)
    assert said == (read.tags[0][1]["title"] or "")
    assert "\n" not in said

    def seen(words: str) -> list[str]:
        return [c for c in words if c != " " and unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp")]

    assert seen(said) == seen(text)


def test_what_was_made_here_is_not_escaped_again_and_a_string_of_it_is_text() -> None:
    inner = markup.el("b", "a<b")
    assert markup.el("p", inner) == "<p><b>a&#60;b</b></p>"
    assert "<b>" not in markup.el("p", f"{inner}")


ADDRESS = r"#(c-[0-9]+|question)|api/conversations/abcdef\.\w+|api/figures\?form=(csv|html)&from=[\w%.+-]*&to=[\w%.+-]*"
CHARTS = ("overview", "figures", "printed")  # drawn by us


@pytest.mark.parametrize(("kind", "html"), [pytest.param(*part, id=part[0]) for part in each_evil_part()])
def test_hostile_strings_change_nothing(kind: str, html: str) -> None:
    read = Read(html)
    assert not read.open, "every element is closed"
    ours = {"svg"} if kind in CHARTS else set()
    ours |= {"style"} if kind == "printed" else set()  # a page of its own
    assert not {"img", "script", "style", "iframe", "svg", "form", "object"} & {tag for tag, _ in read.tags} - ours
    for tag, attributes in read.tags:
        assert not any(name.startswith("on") or name in BANNED for name in attributes), (tag, attributes)
        href = attributes.get("href")
        assert href is None or re.fullmatch(ADDRESS, href), href
    said = "".join(read.text) + "".join(str(v) for _, a in read.tags for v in a.values())
    assert "\u202e" not in said
    assert "onerror=alert(1)" in said, "it is shown, not dropped"
    assert "{{" not in html
    assert "${" not in html


@pytest.mark.parametrize("html", [pytest.param(html, id=kind) for kind, html in each_evil_card()])
def test_the_thread_holds_only_what_the_sanitiser_keeps(html: str) -> None:
    assert "\n" not in html, "a line break would let Markdown begin anew"
    for tag, attributes in Read(html).tags:
        assert set(attributes) <= {"class", "href", "title", "style", "type"}, (tag, attributes)


# ---------------------------------------------------------------- answers


def test_a_chip_says_in_words_what_its_shape_says() -> None:
    assert answers.chip(say, "c-3", 3, "ok") == (
        '<a class="cite ok" href="#c-3" title="资料 3，已核对原文"><span class="sr">资料</span>3'
        '<span class="sr">，已核对原文</span></a>'
    )


def test_the_short_answer_is_bold_inside_its_sentence_and_only_once() -> None:
    read = Read(shown(Exchange("职工有多少？", ANSWER)))
    bold = [data for path, data in read.within if path[-1] == "b." and "span.st" in path]
    assert bold == ["12名"]
    assert read.inside("p.lead").startswith("气象站有12名职工")


def test_a_short_answer_that_crosses_the_glued_end_is_bold_on_both_sides() -> None:
    reply = replace(ANSWER, answer="气象站有12名职工[1]。", short_answer="12名职工")
    read = Read(shown(Exchange("？", reply)))
    assert "".join(data for path, data in read.within if path[-1] == "b." and "span.st" in path) == "12名职工"


def test_chips_are_glued_to_the_last_two_characters_and_the_full_stop() -> None:
    read = Read(shown(Exchange("？", ANSWER)))
    glued = [data for path, data in read.within if path[-1] == "span.nb"]
    assert glued == ["职工", "。", "预报", "。"]


def test_a_chip_is_never_ticked_before_the_check() -> None:
    html = answers.writing(say, 0, Piece("writing", "气象站有12名职工[1]。每天", 3), None, 0.0)
    states = [a["class"] for tag, a in Read(html).tags if tag == "a"]
    assert states == ["cite wait"]
    unsure = replace(ANSWER, citations=(replace(CITED, verified=False),))
    assert 'class="cite no"' in shown(Exchange("？", unsure))


@pytest.mark.parametrize("half", ["[", "[1", "[12"])
def test_a_marker_that_is_half_written_is_not_shown(half: str) -> None:
    read = Read(answers.writing(say, 0, Piece("writing", f"气象站有12名职工{half}", 3), None, 0.0))
    assert "[" not in "".join(read.text)


def test_markers_without_a_citation_stay_words() -> None:
    reply = replace(ANSWER, answer="见[9]。有12名职工[1]。")
    read = Read(shown(Exchange("？", reply)))
    assert "见[9]。有" in read.inside("div.ans")
    assert len([tag for tag, _ in read.tags if tag == "a"]) == 1


def test_an_answer_is_copied_with_its_sources() -> None:
    made = Exchange("？", ANSWER, references={1: "李明. 气象站建成[N]. 青岭日报, 2025-03-05(3)."})
    read = Read(shown(made))
    copied = read.inside("div.out")
    assert copied.startswith("气象站有12名职工[1]。每天发布两次预报[1]。出处：[1] 李明. 气象站建成[N].")
    assert copied.endswith(f"“{QUOTE}”")


def test_each_chip_has_its_quote_with_title_date_and_page() -> None:
    read = Read(shown(Exchange("", ANSWER)))
    assert read.inside("li.tip c-1001 ok") == f"1 气象站建成2025年3月5日 · 第 3 版 · 本地新闻 · 已核对原文“{QUOTE}”"
    assert "c-1001" in [str(a.get("href")).lstrip("#") for tag, a in read.tags if tag == "a"]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (ANSWER, "气象站有12名职工。（《气象站建成》 2025-03-05）"),
        (replace(ANSWER, answer=f"{'很' * 60}有12名职工[1]。"), "职工有多少？12名。（《气象站建成》 2025-03-05）"),
        (replace(ANSWER, answer=f"{'很' * 80}[1]。", short_answer=None), f"{'很' * 49}…（《气象站建成》 2025-03-05）"),
        (replace(ANSWER, citations=(replace(CITED, verified=False),)), ""),
        (replace(ANSWER, refused=True), ""),
        (replace(ANSWER, conflicts=((1, 2),)), ""),
    ],
)
def test_an_answer_fits_a_short_message_with_its_source_or_is_none(reply: Reply, message: str) -> None:
    assert short_message(say, reply, "职工有多少？") == message


@given(st.text(max_size=200), st.text(max_size=90), st.text(max_size=90))
def test_no_message_is_longer_than_seventy_characters(answer: str, title: str, question: str) -> None:
    reply = replace(ANSWER, answer=f"{answer}[1]。", short_answer=None, citations=(replace(CITED, title=title),))
    assert len(short_message(say, reply, question)) <= 70


def test_only_the_last_answer_can_be_asked_again() -> None:
    made = Exchange("？", ANSWER)
    assert "do-retry" in shown(made, last=True)
    assert "do-retry" not in shown(made, last=False)


def test_a_refusal_names_the_missing_word_and_what_the_nearest_articles_have() -> None:
    near = (Nearest("a1", "气象站建成", ARTICLE.source, "2025-03-05", ("气象站",), ("预算",)),)
    reply = Reply("预算？", "资料库里没有写到这件事。", refused=True, reason="absent_term", nearest=near)
    text = "".join(Read(shown(Exchange("预算？", reply))).text)
    assert "资料库里没有写到这件事，所以我不回答。" in text
    assert "最接近的 1 篇里，没有一句写到“预算”。您可以先看看它们。" in text
    assert "青岭日报 2025-03-05 · 有“气象站”，没有“预算”" in text


def test_of_two_figures_that_disagree_the_newer_stands_first() -> None:
    older = replace(CITED, n=2, date="2024-11-20", quote="有9名职工")
    reply = replace(ANSWER, answer="12名[1]。9名[2]。", citations=(CITED, older), conflicts=((2, 1),))
    read = Read(shown(Exchange("？", reply)))
    figures = [a["class"] for tag, a in read.tags if tag == "div" and str(a.get("class")).startswith("fig")]
    assert figures == ["fig new", "fig"]
    quotes = [data for path, data in read.within if path[-1] == "p.n"]
    assert quotes == [QUOTE, "有9名职工"]


def test_an_error_says_what_happened_what_to_do_and_has_a_button() -> None:
    trouble = Trouble.of(errors.QuestionTooLong(length=9999, limit=2000))
    read = Read(troubles.trouble_card(say, trouble))
    assert "问题太长了" in read.inside("h2")
    assert "E-111" in read.inside("code")
    assert any("do-reword" in str(a.get("class")) for _, a in read.tags)


# ---------------------------------------------------------------- the clipping


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
def test_the_marked_words_are_the_quoted_ones(a: int, b: int) -> None:
    a, b = sorted((a, b))
    read = Read(sources.clipping(say, ARTICLE, (a, b)))
    assert read.inside("mark") == TEXT[a:b].replace("\n", "")
    assert read.inside("p.para") == TEXT.replace("\n", "")


def test_a_panel_names_where_the_same_text_also_stands() -> None:
    other = replace(ARTICLE, article_id="a9", source="晚报.txt", title="气象站落成")
    read = Read(sources.panel(say, ARTICLE, "", None, None, [other]))
    (link,) = [a for tag, a in read.tags if "do-article" in str(a.get("class"))]
    assert link["data-article"] == "a9"
    assert "同文另见2025-03-05 · 晚报.txt气象站落成" in read.inside("div.meta")
    assert "同文另见" not in Read(sources.panel(say, ARTICLE, "")).inside("div.meta")


@pytest.mark.parametrize(("at", "named"), [(0, [1, 2, 3, 4]), (3, [1, 2, 4, 5]), (6, [2, 3, 4, 5])])
def test_a_panel_names_its_neighbours_in_the_same_issue(at: int, named: list[int]) -> None:
    issue = [replace(ARTICLE, article_id=f"i{n}", title=f"第{n}篇", page=str(n)) for n in range(7)]
    library = scripted(article=issue[at])
    library.articles = lambda only, **more: issue if only.source == (ARTICLE.source,) else []
    read = Read(reader.Reader(library, say).linked(f"i{at}", ""))
    opened = [a["data-article"] for _, a in read.tags if "do-article" in str(a.get("class"))]
    assert opened == [f"i{n}" for n in named]
    assert f"同一期还有第 {named[0]} 版 · 本地新闻第{named[0]}篇" in read.inside("div.meta")


def test_of_single_files_the_neighbours_are_those_of_the_day_and_folder() -> None:
    here = replace(ARTICLE, source="20250305/a.txt")
    other, elsewhere = (
        replace(here, article_id="b", source="20250305/b.txt"),
        replace(here, article_id="c", source="x/c.txt"),
    )
    library = scripted(article=here)
    library.articles = lambda only, **more: [here] if only.source else [here, other, elsewhere]
    read = Read(reader.Reader(library, say).linked("a1", ""))
    assert [a["data-article"] for _, a in read.tags if "do-article" in str(a.get("class"))] == ["b"]


def test_a_clipping_names_paper_day_and_page() -> None:
    read = Read(sources.panel(say, ARTICLE, "李明. 气象站建成[N].", (AT, AT + 3), sources.Place(1, 1, 2, "", "c-1002")))
    assert read.inside("div.np") == "青岭日报2025年3月5日 星期三 · 第 3 版"
    assert read.inside("h2") == "资料 1 · 第 1 处，共 2 处气象站建成"
    steps = {str(a.get("aria-label")): a for tag, a in read.tags if "do-step" in str(a.get("class"))}
    assert "disabled" in steps["上一处"]
    assert steps["下一处"]["data-cite"] == "c-1002"


@pytest.mark.parametrize(
    ("iso", "words"),
    [("2025-03-05", "2025年3月5日"), ("2025-03", "2025年3月"), ("2025", "2025年"), ("2025-02-31", "2025-02-31"),
     ("去年", "去年"), (None, "")],
)  # fmt: skip
def test_dates_are_said_as_exactly_as_they_are_known(iso: str | None, words: str) -> None:
    assert markup.day(say, iso) == words


# ---------------------------------------------------------------- conversations


@given(st.integers(0, 500), st.integers(1, 999))
def test_a_link_leads_back_to_its_exchange_and_number(exchange: int, n: int) -> None:
    assert unlink(link(exchange, n)) == (exchange, n)


@pytest.mark.parametrize("link", ["c-1", "c-0999", "#c-1001", "c-1001x", "c-١٠٠١", "", None, 1001, "javascript:1"])
def test_what_is_no_link_leads_nowhere(link: object) -> None:
    assert unlink(link) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["conversations", "current", "exchanges", "key", "question", "reply", "answer", "citations",
                         "seconds", "conflicts", "found", "why", "only", "trouble", "references", "n", "nearest"]),
        inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(JSON, max_size=4))
def test_whatever_was_kept_can_be_shown(rows: list[object]) -> None:
    kept = Conversation.kept("k", rows)
    again = Conversation.kept("k", [exchange.to_json() for exchange in kept.exchanges])
    assert [e.to_json() for e in again.exchanges] == [e.to_json() for e in kept.exchanges]
    for i, exchange in enumerate(kept.exchanges):
        Read(shown(exchange, i))


def test_a_conversation_comes_back_from_the_library_as_it_was() -> None:
    only = Filter(("a.txt",), ("本地新闻",), "2024-01", None)
    first = Exchange("职工有多少？", replace(ANSWER, seconds={"total": 0.1}), None, only, 126, {1: "出处"}, (HIT,))
    broken = Exchange("还有呢？", trouble=Trouble.of(errors.EmptyLibrary(library="x")))
    kept = Conversation.begun().having(first).having(broken)
    back = Conversation.kept(kept.key, [json.loads(json.dumps(e.to_json())) for e in kept.exchanges])
    assert back.exchanges[1] == broken
    assert shown(back.exchanges[0]) == shown(first)
    assert back.exchanges[0].only == only
    assert [t.question for t in back.turns()] == ["职工有多少？"], "an error is nothing to lean on"


# ---------------------------------------------------------------- the notebook: conversations in the library


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    with rag.open(tmp_path / "library") as library:
        yield Notebook(library)


def asked_in(notebook: Notebook, conversation: Conversation, *questions: str, owner: str = "") -> Conversation:
    for question in questions:
        conversation, error = notebook.kept(owner, conversation.having(Exchange(question, ANSWER)))
        assert error is None
    return conversation


def test_conversations_are_begun_opened_and_deleted(notebook: Notebook) -> None:
    first = asked_in(notebook, Conversation.begun(), "一？", "二？")
    second = asked_in(notebook, Conversation.begun(), "三？")
    assert {talk.key for talk in notebook.listed("")} == {first.key, second.key}
    assert [e.question for e in notebook.opened("", first.key).exchanges] == ["一？", "二？"]
    notebook.dropped("", first.key)
    notebook.dropped("", "nothing")
    assert notebook.opened("", first.key).exchanges == ()
    assert [talk.key for talk in notebook.listed("")] == [second.key]


def test_asking_again_replaces_the_last_exchange_only_once_it_is_answered(notebook: Notebook) -> None:
    now = asked_in(notebook, Conversation.begun(), "一？", "二？").without_last()
    assert len(notebook.opened("", now.key).exchanges) == 2, "the old one is there until then"
    now = asked_in(notebook, now, "二？又")
    assert [e.question for e in notebook.opened("", now.key).exchanges] == ["一？", "二？又"]


def test_what_could_not_be_saved_is_saved_with_the_next_exchange(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = asked_in(notebook, Conversation.begun(), "一？")
    with monkeypatch.context() as patch:

        def full(*args: Any) -> Any:
            raise errors.DiskFull(path="x")

        patch.setattr(notebook.library.conversations, "keep", full)
        now, error = notebook.kept("", now.having(Exchange("二？", ANSWER)))
        assert isinstance(error, errors.DiskFull)
    now = asked_in(notebook, now, "三？")
    assert [e.question for e in notebook.opened("", now.key).exchanges] == ["一？", "二？", "三？"]


def test_a_shared_conversation_goes_on_as_ones_own(notebook: Notebook) -> None:
    first = asked_in(notebook, Conversation.begun(), "一？", owner="a")
    assert notebook.opened("b", first.key).exchanges == (), "not shared yet"
    notebook.library.conversations.share("a", first.key, True)
    theirs = notebook.opened("b", first.key)
    assert [e.question for e in theirs.exchanges] == ["一？"]
    theirs = asked_in(notebook, theirs, "二？", owner="b")
    assert [e.question for e in notebook.opened("b", theirs.key).exchanges] == ["一？", "二？"]
    assert [e.question for e in notebook.opened("a", first.key).exchanges] == ["一？"]


def test_of_a_long_conversation_the_end_is_shown_and_all_is_kept(notebook: Notebook) -> None:
    now = asked_in(notebook, Conversation.begun(), *(f"{n}？" for n in range(MOST_EXCHANGES + 3)))
    back = notebook.opened("", now.key)
    assert [len(back.exchanges), back.stored] == [MOST_EXCHANGES, MOST_EXCHANGES + 3]
    back = asked_in(notebook, back.without_last(), "又？")
    assert len(notebook.library.conversations.opened("", now.key)[1]) == MOST_EXCHANGES + 3


# ---------------------------------------------------------------- conversations as files

TALK = Talk("abcdef", "职工 *有* 多少？", "2025-03-05T01:00:00+00:00", "2025-03-05T01:20:00+00:00", 2)


def said_rows(*more: Exchange) -> list[dict[str, Any]]:
    near = (Nearest("a1", "气象站建成", ARTICLE.source, "2025-03-05"),)
    refused = Exchange("预算？", Reply("预算？", "资料库里没有写到这件事。", refused=True, nearest=near))
    first = Exchange("职工有多少？", ANSWER, references={1: "李明. 气象站建成[N]."})
    return [e.to_json() for e in (first, refused, *more)]


def words_of(file: bytes) -> str:
    from docx import Document

    return "\n".join(p.text for p in Document(io.BytesIO(file)).paragraphs)


def test_every_export_has_questions_answers_and_sources() -> None:
    markdown = exports.export("md", say, TALK, said_rows()).decode()
    assert "# 职工 \\*有\\* 多少？" in markdown
    assert "## 职工有多少？" in markdown
    for text in (markdown.replace("\\", ""), words_of(exports.export("docx", say, TALK, said_rows()))):
        assert "气象站有12名职工[1]。" in text
        assert f"[1] 李明. 气象站建成[N]. “{QUOTE}”" in text
        assert "资料库里没有写到这件事。" in text
        assert "气象站建成 2025-03-05" in text
    row = json.loads(exports.export("json", say, TALK, said_rows()))
    assert row["exchanges"] == json.loads(json.dumps(said_rows()))
    assert row["key"] == "abcdef"


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=40))
def test_whatever_was_said_can_be_exported(text: str) -> None:
    cited = replace(CITED, quote=text, title=text)
    rows = said_rows(Exchange(text or "？", Reply(text, f"{text}[1]", citations=(cited,))))
    talk = replace(TALK, title=text)
    for form in exports.MEDIA:
        assert exports.export(form, say, talk, rows)


def test_an_export_carries_the_lines_that_stand_under_an_answer() -> None:
    warned = replace(ANSWER, notices=("以上不是诊断，急病请拨打120。",))
    rows = [Exchange("职工有多少？", warned).to_json()]
    for text in (exports.export("md", say, TALK, rows).decode(), words_of(exports.export("docx", say, TALK, rows))):
        assert text.index("气象站有12名职工") < text.index("以上不是诊断，急病请拨打120。") < text.index(QUOTE)


def test_hostile_words_are_words_in_markdown() -> None:
    rows = said_rows(Exchange(EVIL, Reply(EVIL, f"{EVIL}[1]", citations=(replace(CITED, quote=EVIL),))))
    text = exports.export("md", say, replace(TALK, title=EVIL), rows).decode()
    assert not re.search(r"(?<!\\)[<>`|&]", text)


# ---------------------------------------------------------------- asking and opening


def scripted(ask: Any = None, article: Article | None = ARTICLE) -> Any:
    """A library of one article that answers as it is told."""

    def open_article(article_id: str) -> Article:
        if article is None or article_id != article.article_id:
            raise errors.UnknownName(name=article_id)
        return article

    return SimpleNamespace(
        ask=ask or (lambda question, **more: iter([Piece("done", ANSWER.answer, 1, replace(ANSWER, hits=(HIT,)))])),
        article=open_article, reference=lambda i: f"{open_article(i).title}[N].",
        reprints=lambda i: [],
        pages=SimpleNamespace(any_of=lambda i: False),
        articles=lambda only=None, **more: [article], state=lambda: LibraryState(1, 1, 3, 3, None),
        settings=SimpleNamespace(engine=None, language="zh"), engine="builtin",
        desk=SimpleNamespace(noted=lambda reply, *where: reply),
    )  # fmt: skip


def asked(ask: Any = None, question: str = "职工有多少？", only: Filter | None = None) -> list[reader.Step]:
    desk = reader.Reader(scripted(ask), say)
    return list(desk.ask(question, Conversation.begun(), only or Filter(), threading.Event()))


def test_an_answer_is_kept_once_it_is_finished() -> None:
    steps = asked()
    assert [step.conversation is None for step in steps] == [True, False]
    kept = steps[-1].conversation
    assert kept is not None
    assert kept.exchanges[0].references == {1: "气象站建成[N]."}
    assert kept.exchanges[0].searched == 1


def test_a_growing_answer_is_shown_at_most_every_gap() -> None:
    def fast(question: str, **more: Any) -> Iterator[Piece]:
        yield Piece("searching")
        for n in range(200):
            yield Piece("writing", "字" * n, 1)
        yield Piece("done", ANSWER.answer, 1, ANSWER)

    assert len(asked(fast)) < 10


@pytest.mark.parametrize(
    ("error", "code"),
    [(errors.EmptyQuestion(), "E-110"), (errors.OtherEmbedding(library="x", theirs="a", ours="b"), "E-304"),
     (errors.ModelUnusable(model="m", why="y"), "E-202"), (ZeroDivisionError("secret"), "E-200")],
)  # fmt: skip
def test_what_goes_wrong_becomes_a_card_and_keeps_the_question(error: Exception, code: str) -> None:
    def fails(question: str, **more: Any) -> Iterator[Piece]:
        raise error

    step = asked(fails)[-1]
    assert code in step.card
    assert "secret" not in step.card
    assert step.conversation is not None
    assert step.conversation.exchanges[0].question == "职工有多少？"


def test_what_was_written_before_a_breakdown_is_kept() -> None:
    def breaks(question: str, **more: Any) -> Iterator[Piece]:
        yield Piece("writing", "气象站有12名职工[1]。还", 1)
        raise errors.ModelUnusable(model="m", why="y")

    step = asked(breaks)[-1]
    assert "气象站有12名职工。还" in step.card
    assert "E-203" in step.card


def test_a_filter_that_nothing_passes_is_told_before_asking() -> None:
    library = scripted(ask=lambda *a, **k: pytest.fail("it was asked"))
    library.articles = lambda only=None, **more: []
    steps = list(reader.Reader(library, say).ask("？", Conversation.begun(), Filter(column=("无",)), threading.Event()))
    assert "E-120" in steps[-1].card


def test_a_screen_reader_hears_how_many_sentences_and_citations() -> None:
    told = reader.Reader(scripted(), say).announcement(Exchange("？", ANSWER))
    assert told == "回答好了，2 句，1 处引用，0 处没能和原文对上。气象站有12名职工。"


def finished() -> Conversation:
    kept = asked()[-1].conversation
    assert kept is not None
    return kept


def test_a_citation_opens_its_article_at_the_quoted_words() -> None:
    html = reader.Reader(scripted(), say).open({"cite": "c-1001"}, finished())
    assert Read(html).inside("mark") == QUOTE


@pytest.mark.parametrize("cite", ["c-1002", "c-2001", "c-1501", "c-1699", "c-9999999", "javascript:alert(1)", 5, None])
def test_a_link_that_this_conversation_does_not_hold_opens_nothing(cite: object) -> None:
    assert reader.Reader(scripted(), say).open({"cite": cite}, finished()) == ""


def test_an_article_that_has_gone_is_said_with_the_words_that_were_cited() -> None:
    html = reader.Reader(scripted(article=None), say).open({"cite": "c-1001"}, finished())
    assert "已经不在资料库里" in html
    assert QUOTE in "".join(Read(html).text)


def test_places_that_were_kept_are_looked_up_not_believed() -> None:
    row = finished().exchanges[0].to_json()
    row["reply"]["citations"][0]["start"] = 0
    html = reader.Reader(scripted(), say).open({"cite": "c-1001"}, Conversation.kept("k", [row]))
    assert Read(html).inside("mark") == QUOTE


@pytest.mark.parametrize(
    ("at", "marked"),
    [(f"{AT}-{AT + 4}", QUOTE[:4]), ("", ""), ("9-3", ""), ("0-99999", TEXT.replace("\n", "")), ("x", ""), ("5", "")],
)
def test_a_link_opens_an_article_at_the_words_it_names(at: str, marked: str) -> None:
    html = reader.Reader(scripted(), say).linked("a1", at)
    assert Read(html).inside("mark") == marked
    assert "气象站建成" in Read(html).inside("h3.headline")


def test_a_link_to_an_article_that_is_gone_says_so() -> None:
    assert "已经不在资料库里" in reader.Reader(scripted(), say).linked("nothing", "1-2")


@pytest.mark.parametrize(
    ("text", "iso"),
    [("2024", "2024"), ("2024年3月", "2024-03"), ("2024/3/5", "2024-03-05"), (" 2024-12-31 ", "2024-12-31"),
     ("", None), (None, None)],
)  # fmt: skip
def test_dates_are_read_as_people_write_them(text: str | None, iso: str | None) -> None:
    assert reader.iso(text) == iso


def test_the_filter_row_says_the_choice_and_a_date_that_it_could_not_read() -> None:
    assert reader.filter_label(say, Filter(), "", "") == "筛选：全部栏目 · 全部来源 · 不限日期"
    only = reader.filter_of(["地方"], ["a", "b"], "2024-1", "去年")
    assert only == Filter(("a", "b"), ("地方",), "2024-01", None)
    assert reader.filter_label(say, replace(only, article=("x",)), "", "").endswith(" · 只找 1 篇文章")
    assert reader.filter_label(say, only, "2024-1", "去年") == "筛选：地方 · 2 个来源 · 日期看不懂：去年"


def test_one_page_writes_one_answer_at_a_time() -> None:
    runs = reader.Runs()
    first = runs.begin("p")
    assert first is not None
    assert runs.begin("p") is None
    assert runs.begin("q") is not None
    runs.stop("p")
    assert first.is_set()
    runs.end("p")
    assert runs.begin("p") is not None


# ---------------------------------------------------------------- files


class Added:
    """A library that only notes what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str]] = []

    def add(self, paths: list[Path], **more: Any) -> list[Receipt]:
        self.given += [(path.name, path.read_text("utf-8")) for path in paths]
        return [Receipt(path.name, "added", characters=5, articles=1) for path in paths]


def test_files_go_in_under_their_own_names_and_nothing_of_them_is_left(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    sent = uploads / "abc" / "x.txt"
    sent.parent.mkdir(parents=True)
    sent.write_text("正文", "utf-8")
    library = Added()
    desk = Desk(library, say, uploads)  # type: ignore[arg-type]
    *_, last = desk.add([{"path": str(sent), "name": "通知（红头）.txt"}, {"name": "big.pdf", "fault": "too_large"}])
    assert library.given == [("通知（红头）.txt", "正文")]
    assert "通知（红头）.txt" in "".join(Read(last).text)
    assert "超过 100 MB" in "".join(Read(last).text)
    assert not [path for path in uploads.rglob("*") if path.is_file()]


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.txt", "", None, 7])
def test_a_page_can_name_no_file_that_was_not_sent(tmp_path: Path, path: object) -> None:
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "link.txt").symlink_to(tmp_path / "secret.txt")
    library = Added()
    rows = [{"path": path, "name": "a.txt"}, {"path": str(uploads / ".." / "secret.txt"), "name": "b.txt"},
            {"path": str(uploads / "link.txt"), "name": "c.txt"}]  # fmt: skip
    *_, last = Desk(library, say, uploads).add(rows)  # type: ignore[arg-type]
    assert library.given == []
    assert "".join(Read(last).text).count("没有传完") == 3
    assert (tmp_path / "secret.txt").exists()


def sent_to(uploads: Path, names: list[str]) -> list[dict[str, str]]:
    rows = []
    for i, name in enumerate(names):
        file = uploads / str(i) / "x"
        file.parent.mkdir(parents=True)
        file.write_text(f"正文{i}", "utf-8")
        rows.append({"path": str(file), "name": name})
    return rows


class Walked(Added):
    """Notes each file below what it was given, by its path from there on."""

    def add(self, paths: list[Path], **more: Any) -> list[Receipt]:
        for path in paths:
            files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            root = path if path.is_dir() else path.parent
            self.given += [(file.relative_to(root).as_posix(), file.read_text("utf-8")) for file in files]
        return []


def test_a_folder_keeps_what_lies_where_in_it(tmp_path: Path) -> None:
    rows = sent_to(tmp_path / "uploads", ["日报/0305/一版.txt", "日报/0306/一版.txt", "周报/头条.txt", "单个.txt"])
    library = Walked()
    list(Desk(library, say, tmp_path / "uploads").add(rows))  # type: ignore[arg-type]
    assert sorted(library.given) == [
        ("0305/一版.txt", "正文0"), ("0306/一版.txt", "正文1"), ("单个.txt", "正文3"), ("头条.txt", "正文2"),
    ]  # fmt: skip
    assert not [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()]


def test_no_name_in_a_folder_leads_out_of_it(tmp_path: Path) -> None:
    names = [
        "a/../../../b.txt",
        "/etc/x/y.txt",
        "..\\..\\c\\d.txt",
        "a/b.txt/e.txt",
        "a/" + "长" * 300 + ".txt",
        "\x00/\ud800.txt",
    ]
    library = Walked()
    *_, last = Desk(library, say, tmp_path / "uploads").add(sent_to(tmp_path / "uploads", names))  # type: ignore[arg-type]
    given = dict(library.given)
    assert {"b.txt", "x/y.txt", "d.txt"} <= given.keys()
    assert all(name.endswith(".txt") and len(name.encode()) < 255 for name in given)
    assert len(given) == 5
    assert "没有传完" in "".join(Read(last).text), "a file is no folder too"
    assert {path.name for path in tmp_path.iterdir()} == {"uploads"}


# ---------------------------------------------------------------- the server


def through_the_gate(path: str, *, method: str = "GET", at_home: bool = True, **headers: str) -> Any:
    """The answer to one request to a server whose page is Gradio's in small."""
    from starlette.responses import HTMLResponse
    from starlette.testclient import TestClient

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        page = (
            '<html lang="en"><head><meta property="og:image" content="https://example.org/x.png" /></head>'
            "<script>1</script></html>"
        )
        await HTMLResponse(page)(scope, receive, send)

    gate = server.Gate(inside, lambda: server.head("zh"), "zh-CN", at_home=at_home)
    client = TestClient(gate, base_url="http://127.0.0.1:7860")
    return client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_the_first_page_carries_our_head_and_only_its_own_scripts_run() -> None:
    answer = through_the_gate("/")
    nonce = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    assert nonce
    assert 'lang="zh-CN"' in answer.text
    assert "example.org" not in answer.text
    assert answer.text.count(f'nonce="{nonce[1]}"') == answer.text.count("<script") == 4, (
        "three of ours and the page's own"
    )
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert nonce[1] not in through_the_gate("/").text, "another page, another nonce"


@pytest.mark.parametrize("path", ["/", "/assets/x.js", "/gradio_api/queue/join", "/gradio_api/file=/etc/passwd"])
def test_every_answer_forbids_other_hosts(path: str) -> None:
    headers = through_the_gate(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    if path != "/gradio_api/file=/etc/passwd":
        policy = headers["content-security-policy"]
        assert "http" not in policy
        assert "default-src 'self'" in policy


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/file=/etc/passwd", "/gradio_api/file=https://example.org/x", "/gradio_api/proxy=https://example.org",
     "/gradio_api/vibe-edit", "/monitoring", "/monitoring/summary", "/login", "/gradio_api/runs",
     "/gradio_api/dev/reload", "/gradio_api/openapi.json", "/gradio_api/process_recording"],
)  # fmt: skip
def test_routes_that_the_page_does_not_need_are_shut(path: str) -> None:
    assert through_the_gate(path).status_code == 404


def test_a_name_elsewhere_that_points_here_is_not_served() -> None:
    assert through_the_gate("/", host="evil.example:7860").status_code == 421
    assert through_the_gate("/", host="localhost:7860").status_code == 200
    assert through_the_gate("/", host="[::1]:7860").status_code == 200
    assert through_the_gate("/", at_home=False, host="kepu.example").status_code == 200


def test_a_page_elsewhere_cannot_send_anything_here() -> None:
    assert through_the_gate("/x", method="POST", origin="https://evil.example").status_code == 403
    assert through_the_gate("/x", method="POST", origin="null").status_code == 403
    assert through_the_gate("/x", method="POST", origin="http://127.0.0.1:7860").status_code == 200


def test_what_is_too_large_and_uploads_where_others_read_are_refused() -> None:
    assert through_the_gate("/gradio_api/queue/join", method="POST", content_length="9000000").status_code == 413
    assert through_the_gate("/gradio_api/upload", method="POST", at_home=False).status_code == 404


def test_a_port_that_is_taken_says_so_at_once() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(errors.PortTaken) as taken:
            server.listen("127.0.0.1", port)
    assert f"--port {port + 1}" in taken.value.remedy


def test_a_host_that_is_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **more: Any) -> Any:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(errors.BadSetting):
        server.listen("no such host", 7860)


@pytest.mark.parametrize(("host", "home"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
                                            ("", False), ("192.168.1.5", False)])  # fmt: skip
def test_what_is_at_home_is_this_machine_alone(host: str, home: bool) -> None:
    assert server.is_loopback(host) is home
