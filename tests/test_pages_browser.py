"""A cited sentence is seen on the page it was printed on, in a real browser, framed where the file has its letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe import findings
from serving import served
from test_pdf import TALL, WIDE, Paper, front_page, pdf

import rag

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUESTION = "松山市水利局的巡堤队当晚共发现渗点几处？"
QUOTE = "当晚共发现渗点四处"
FILE = "松山日报-20230517.pdf"


def second_page() -> Paper:
    paper = Paper()
    paper.text(200, 85, "桂园社区办夜校", 25, bold=True)
    story = "桂园社区的夜校开设了编织课程，学员共有四十五人，每周三晚上上课，材料由街道免费提供。"
    paper.columns(40, 110, 160, 3, [story * 3], 6)
    return paper


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rag.Library]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / FILE).write_bytes(pdf(front_page(), second_page()))
    (folder / "没有版面.txt").write_text("# 柳溪镇茶园改造\n\n柳溪镇把300亩老茶园改造成了生态茶园。\n", "utf-8")
    with rag.open(folder / "library") as opened:
        assert {r.status for r in opened.add([folder / FILE, folder / "没有版面.txt"])} == {"added"}
        yield opened


@pytest.fixture(scope="module")
def address(library: rag.Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, served(library, tmp_path_factory.mktemp("uploads")) as here:
        patch.setattr("rag.chat.suggesting.SECONDS", 0.0)
        yield here


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    contexts, wrong = [], []

    def opened(width: int, path: str = "", **more: Any) -> Any:
        size = {"width": width, "height": 844 if width < 720 else 800}
        context = chromium.new_context(viewport=size, locale="zh-CN", **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.goto(address + path)
        page.wait_for_selector("#greeting .mast")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def ask(page: Any, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")


def framed(page: Any) -> None:
    page.wait_for_function("document.querySelector('#side .pvt')?.textContent === '框出的就是引用的句子。'")


def as_printed(folder: Path, words: str) -> tuple[float, float, float, float]:
    """Where a file's text layer has these words on its first page, as shares of the page."""
    import pypdfium2

    text = pypdfium2.PdfDocument(folder / FILE)[0].get_textpage()
    found = text.search(words).get_next()
    boxes = [text.get_charbox(i, loose=True) for i in range(found[0], found[0] + found[1])]
    left, bottom, right, top = (pick(b[i] for b in boxes) for i, pick in enumerate((min, min, max, max)))
    return left / WIDE, 1 - top / TALL, right / WIDE, 1 - bottom / TALL


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (900, "dark"), (390, "light"), (390, "dark")])
def test_the_cited_sentence_is_framed_on_its_page(
    visit: Callable[..., Any], library: rag.Library, width: int, scheme: str
) -> None:
    page = visit(width, color_scheme=scheme)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/pages" in request.url else None)
    ask(page, QUESTION)
    assert not [url for url in fetched if "api/" in url], "nothing is loaded before it is wanted"
    assert page.get_attribute("#side .do-text", "aria-pressed") == "true"
    page.click("#side .do-pages")
    framed(page)
    assert not page.is_visible("#side .sbody")
    alt = page.get_attribute("#side .pvi img", "alt")
    assert FILE in alt
    assert "第 1 页" in alt
    assert QUOTE in alt
    picture = page.locator("#side .pvi img").bounding_box()
    boxes = [page.locator("#side .fr").nth(i).bounding_box() for i in range(page.locator("#side .fr").count())]
    assert len(boxes) > 1, "a sentence over several lines"
    left, top, right, bottom = as_printed(Path(library.settings.library).parent, QUOTE)
    x, y = picture["x"] + (left + right) / 2 * picture["width"], picture["y"] + (top + bottom) / 2 * picture["height"]
    holding = [b for b in boxes if b["x"] < x < b["x"] + b["width"] and b["y"] < y < b["y"] + b["height"]]
    assert len(holding) == 1
    half = 5 / WIDE * picture["width"]
    assert holding[0]["x"] <= picture["x"] + left * picture["width"] + half
    assert holding[0]["x"] + holding[0]["width"] >= picture["x"] + right * picture["width"] - half
    view = page.locator("#side .pvs").bounding_box()
    for box in boxes:
        assert view["y"] <= box["y"], "scrolled to"
        assert box["y"] + box["height"] <= view["y"] + view["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert findings(page, "#side") == []
    assert view["x"] >= 0
    assert page.locator("#side .pvbar").evaluate(
        "bar => { const b = bar.getBoundingClientRect();"
        " return bar.contains(document.elementFromPoint(b.right - 30, b.bottom - 20)); }"
    ), "nothing lies over it"
    page.click("#side [data-to=whole]")
    whole = page.locator("#side .pvi").bounding_box()
    assert whole["height"] <= view["height"]
    assert whole["width"] <= view["width"]
    page.click("#side .do-text")
    assert page.is_visible("#side mark")


def test_pages_are_turned_and_the_keyboard_scrolls_them(visit: Callable[..., Any]) -> None:
    page = visit(1280)
    ask(page, QUESTION)
    page.focus("#side .do-pages")
    page.keyboard.press("Enter")
    framed(page)
    assert page.is_disabled("#side .do-page-back")
    page.click("#side .do-page-on")
    page.wait_for_function("document.querySelector('#side .pvt').textContent === '引用的句子在第 1 页。'")
    assert page.inner_text("#side .pvn") == "第 2 页"
    assert page.locator("#side .fr").count() == 0
    page.click("#side .do-page-back")
    framed(page)
    page.focus("#side .pvs")
    page.evaluate("document.querySelector('#side .pvs').scrollTop = 0")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.querySelector('#side .pvs').scrollTop > 0")
    page.keyboard.press("Escape")
    page.wait_for_selector("html:not(.source):not(.paged)")


def test_a_text_has_no_page_and_a_page_that_is_gone_is_told(visit: Callable[..., Any], library: rag.Library) -> None:
    page = visit(1280)
    ask(page, "柳溪镇把多少亩老茶园改造成了生态茶园？")
    assert page.locator("#side .do-pages").count() == 0
    article = next(a for a in library.articles() if a.source == FILE)
    page = visit(1280, f"?a={article.article_id}")
    page.click("#side .do-pages")
    page.wait_for_function("document.querySelector('#side .pvt').textContent === '文章印在这一页。'")
    assert page.locator("#side .fr").count() == 0
