"""The help desk in a real browser: thumbs, handing on, answering, pinning, figures, correcting; wide and narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import served

import rag

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = pytest.mark.parametrize("width", [1280, 390])
ROWS = (
    '{"id": "h1", "title": "发烧怎么护理", "column": "健康科普", "text": "发烧时要多喝水。\\n体温超过38.5度可以服用退烧药。\\n夜里要勤量体温。"}',
    '{"id": "h2", "title": "夜校开班", "column": "社区", "text": "夜校开设了编织课程。\\n学员共有45人。"}',
)
UNKNOWN = {1280: "青岭县2031年的科普预算是多少？", 390: "青岭县2032年的科普预算是多少？"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rag.Library]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "健康.jsonl").write_text("\n".join(ROWS), "utf-8")
    with rag.open(folder / "library") as opened:
        opened.add([folder / "健康.jsonl"])
        yield opened


@pytest.fixture(scope="module")
def visit(
    library: rag.Library, chromium: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Any]]:
    """Opens the page; what goes wrong in it fails the test that asks."""
    with served(library, tmp_path_factory.mktemp("uploads")) as address:

        def opened(width: int) -> Any:
            page = chromium.new_page(viewport={"width": width, "height": 844 if width < 720 else 800}, locale="zh-CN")
            page.set_default_timeout(60_000)
            page.wrong = []
            page.on("pageerror", lambda error: page.wrong.append(str(error)))
            page.on("console", lambda m: page.wrong.append(m.text) if m.type == "error" else None)
            page.goto(address)
            page.wait_for_selector("#greeting .mast")
            return page

        yield opened


def ask(page: Any, question: str, wanted: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.wait_for_selector(wanted)


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@WIDTHS
def test_a_question_handed_on_is_answered_by_an_editor_and_cited_when_it_is_asked_again(
    visit: Callable[..., Any], library: rag.Library, width: int
) -> None:
    page = visit(width)
    ask(page, UNKNOWN[width], "#log .none .do-hand")
    page.click("#log .none .do-hand")
    page.wait_for_selector("#log .do-hand[aria-pressed=true]")
    page.click('[data-tab-id="help"]')
    page.click(f'#help .q:has-text("{UNKNOWN[width]}")')
    page.wait_for_selector(f'#help .sheet h2:has-text("{UNKNOWN[width]}")')
    page.fill("#help [name=answer]", f"青岭县的科普预算为{width}万元。")
    page.fill("#help [name=editor]", "王敏")
    page.click("#help [data-does=answer]")
    page.wait_for_selector("#help-told .err")
    assert "没有出处不能发布" in page.inner_text("#help-told")
    assert page.input_value("#help [name=answer]"), "what was written is still there"
    page.fill("#help [name=source]", "县财政局")
    page.click("#help [data-does=answer]")
    page.wait_for_selector("#help-told .stt")
    assert fits(page)
    page.click('[data-tab-id="ask"]')
    ask(page, UNKNOWN[width], "#log .a a.cite.ok")
    assert f"{width}万元" in page.inner_text("#log .a:has(a.cite) .ans")
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("#side mark")
    assert "编辑答复" in page.inner_text("#side")
    assert page.wrong == []


@WIDTHS
def test_thumbs_with_a_reason_are_kept_and_seen_after_the_next_answer(
    visit: Callable[..., Any], library: rag.Library, width: int
) -> None:
    page = visit(width)
    ask(page, "发烧时体温超过多少度可以服用退烧药？", "#log .do-down")
    assert "120" in page.inner_text("#log .notice")
    page.click("#log .do-down")
    page.fill(".whynot input", f"太简单{width}")
    page.press(".whynot input", "Enter")
    page.wait_for_selector(".whynot", state="detached")
    page.wait_for_function("document.querySelector('#rag-told').textContent.includes('已记下')")
    assert f"太简单{width}" in {a.why for a in library.desk.questions.between() if a.vote < 0}
    ask(page, "夜校的学员共有多少人？", "#log .do-down >> nth=1")
    assert page.get_attribute("#log .do-down >> nth=0", "aria-pressed") == "true"
    assert page.wrong == []


@WIDTHS
def test_a_pin_stands_on_the_first_page_until_it_is_withdrawn(visit: Callable[..., Any], width: int) -> None:
    page = visit(width)
    page.click('[data-tab-id="help"]')
    page.click("#help [data-part=pins]")
    page.wait_for_selector("#help [data-does=pin]")
    for name, text in (
        ("question", "暴雨来了怎么避险？"),
        ("answer", "请往高处走。"),
        ("source", "防汛办"),
        ("editor", "王敏"),
    ):
        page.fill(f"#help [name={name}]", text)
    page.fill("#help [name=until]", "2999-01-01T10:00")
    page.click("#help [data-does=pin]")
    page.wait_for_selector("#help-told .stt")
    page.click('[data-tab-id="ask"]')
    page.wait_for_selector("#greeting .pin")
    assert "防汛办" in page.inner_text("#greeting .pin")
    page.click("#greeting .pin .do-article")
    page.wait_for_selector("html.source #side .headline")
    page.keyboard.press("Escape")
    page.click('[data-tab-id="help"]')
    page.wait_for_selector("#help [data-does=pin]")  # come back to: nothing is chosen
    page.click("#help .q >> nth=0")
    page.click("#help [data-does=withdraw]")
    page.click("#help [data-does=withdraw].sure")
    page.wait_for_selector("#help .t-withdrawn")
    page.click('[data-tab-id="ask"]')
    page.wait_for_selector("#greeting .pin", state="detached")
    assert page.wrong == []


@WIDTHS
def test_figures_are_shown_downloaded_and_printed(visit: Callable[..., Any], library: rag.Library, width: int) -> None:
    library.desk.noted(library.ask("夜校的学员共有多少人？"), "page")
    page = visit(width)
    page.click('[data-tab-id="help"]')
    page.click("#help [data-part=figures]")
    page.wait_for_selector("#help svg.weeks rect")
    assert fits(page)
    with page.expect_download() as loading:
        page.click("#help a[download]")
    assert Path(loading.value.path()).read_text("utf-8-sig").startswith("类别,名称,提问")
    address = page.url.split("?")[0]
    page.goto(f"{address}api/figures?form=html")
    assert "提问与回答的数字" in page.inner_text("h1")
    assert page.wrong == []


@WIDTHS
def test_an_article_is_corrected_split_and_put_together_again(
    visit: Callable[..., Any], library: rag.Library, width: int
) -> None:
    page = visit(width)
    page.click('[data-tab-id="library"]')
    page.click('#list .q:has-text("夜校")')
    page.wait_for_selector('#preview .headline:has-text("夜校")')
    page.click("#preview [data-does=form]")
    page.fill("#preview [name=title]", f"夜校编织班{width}")
    page.click("#preview [data-does=edit]")
    page.wait_for_selector(f'#preview .headline:has-text("夜校编织班{width}")')
    page.click("#preview [data-does=form]")
    page.wait_for_selector("#preview .fix")
    page.click("#preview [data-does=split]")
    page.wait_for_selector('#list .q:has-text("学员共有45人")')
    page.click("#preview [data-does=undo]")
    page.wait_for_selector('#list .q:has-text("学员共有45人")', state="detached")
    page.click("#overview .do-health")
    page.wait_for_selector('#outcome h2:has-text("资料库完好")')
    assert fits(page)
    assert page.wrong == []
