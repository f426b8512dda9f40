"""Signing in, what a reader sees and what an editor settles, in a real browser with the real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe import findings
from serving import served

import rag

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = pytest.mark.parametrize("width", [1280, 390])
WORD = "correct horse"
TEXT = "# 青岭县气象站建成投用\n\n青岭县气象站有12名职工，每天发布两次天气预报。站长李明说，明年还要再添一套设备。\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rag.Library]:
    folder = tmp_path_factory.mktemp("people")
    (folder / "青岭日报-20250305.txt").write_text(TEXT, "utf-8")
    with rag.open(folder / "library") as opened:
        opened.add([folder / "青岭日报-20250305.txt"])
        opened.accounts.add("李读者", WORD, "reader")
        opened.accounts.add("王编辑", WORD, "editor")
        yield opened


@pytest.fixture(scope="module")
def address(library: rag.Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(library, tmp_path_factory.mktemp("uploads"), auth=True) as here:
        yield here


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the server's address as somebody new; what leaves this machine or goes wrong in the page fails the test."""
    contexts, wrong = [], []

    def opened(width: int = 1280, look: str = "light") -> Any:
        height = 844 if width < 720 else 800
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", color_scheme=look
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)  # a busy machine is slow, not broken
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(address) else None)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [w for w in wrong if not w.startswith(("data:", "blob:"))]


def enter(page: Any, name: str) -> Any:
    page.fill("#name", name)
    page.fill("#password", WORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#greeting .mast")
    return page


def to_settings(page: Any) -> None:
    page.click("#tabs [role=tablist] [data-tab-id=settings]")
    page.wait_for_selector("#people table")


@WIDTHS
@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_reader_comes_in_and_goes_by_keyboard(visit: Callable[..., Any], width: int, look: str) -> None:
    page = visit(width, look)
    assert page.url.endswith("/sign-in")
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("a[href=password]")
    page.get_by_label("新密码").wait_for()
    assert findings(page) == []
    page.click("a[href=sign-in]")
    page.wait_for_url("**/sign-in")
    page.wait_for_function("document.activeElement.id === 'name'")
    page.keyboard.type("李读者")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong word")
    page.keyboard.press("Enter")
    assert "名字或密码不对" in page.inner_text("[role=alert]")
    assert page.input_value("#name") == "李读者"
    assert findings(page) == []
    assert page.evaluate("document.activeElement.id") == "password"
    page.keyboard.type(WORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#greeting .mast")
    assert page.locator("#tabs [role=tab]:visible").count() == 0, "no desk for readers"
    assert page.locator("#desk, #settings").count() == 0
    assert findings(page) == []
    out = page.get_by_role("button", name="退出：李读者")
    box = out.bounding_box()
    assert box["height"] >= 44
    assert box["x"] + box["width"] <= width
    out.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in")
    page.go_back()
    page.wait_for_url("**/sign-in")


def test_a_link_to_a_source_opens_after_signing_in(visit: Callable[..., Any], library: rag.Library) -> None:
    page = visit()
    article = library.articles()[0].article_id
    page.goto(page.url.replace("sign-in", f"?a={article}&at=0-5"))
    page.fill("#name", "李读者")
    page.fill("#password", WORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("html.source #side mark")


@WIDTHS
def test_an_editor_adds_a_person_and_makes_a_key_that_can_be_revoked(
    visit: Callable[..., Any], library: rag.Library, address: str, width: int
) -> None:
    name = f"新读者{width}"
    page = enter(visit(width), "王编辑")
    to_settings(page)
    page.get_by_label("名字").fill(name)
    page.get_by_label("密码（至少 8 个字）").fill("short")
    page.click("#add-person")
    page.wait_for_selector("#settings .err")
    page.get_by_label("密码（至少 8 个字）").fill(WORD)
    page.click("#add-person")
    row = page.locator("#people tr", has_text=name)
    row.wait_for()
    assert {a.name: a.role for a in library.accounts.listed()}[name] == "reader"

    page.get_by_label("用途").fill(f"网站{width}")
    page.click("#add-key")
    page.wait_for_selector("#new-key")
    assert findings(page) == []
    key = page.input_value("#new-key")
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as program:
        assert program.get("/api/documents").status_code == 200
        page.click("#tabs [role=tablist] [data-tab-id=ask]")
        to_settings(page)
        page.wait_for_selector("#new-key", state="detached")
        revoke = page.locator("#keys tr", has_text=f"网站{width}").locator("button")
        revoke.click()
        assert program.get("/api/documents").status_code == 200, "asked once more before it is done"
        revoke.click()
        page.locator("#keys tr", has_text=f"网站{width}").wait_for(state="detached")
        assert program.get("/api/documents").status_code == 401

    row.get_by_role("button", name="改成编辑").click()
    row.get_by_role("button", name="改成读者").wait_for()
    leave = row.locator("[data-do=leave]")
    leave.click()
    leave.click()
    row.wait_for(state="detached")
    assert name not in [a.name for a in library.accounts.listed()]
    own = page.locator("#people tr", has_text="王编辑")
    assert own.locator("button").count() == 0, "an editor is always left"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@WIDTHS
def test_what_a_question_would_find_is_shown_with_reasons(visit: Callable[..., Any], width: int) -> None:
    page = enter(visit(width), "王编辑")
    to_settings(page)
    page.fill("#try input, #try textarea", "气象站有多少名职工？")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tried .hits li")
    assert page.locator("#tried mark").count()
    assert page.locator("#tried .sc").first.inner_text().split()[0] == "字面"
    assert findings(page) == []
    page.click("#tabs [role=tablist] [data-tab-id=library]")
    page.wait_for_selector("#list .q")
    assert findings(page) == []


def test_a_backup_is_downloaded_and_put_back(visit: Callable[..., Any], library: rag.Library, tmp_path: Path) -> None:
    page = enter(visit(), "王编辑")
    to_settings(page)
    with page.expect_download() as coming:
        page.click("#settings a[download]")
    coming.value.save_as(tmp_path / "backup.zip")
    library.accounts.add("多余的人", WORD, "reader")
    page.set_input_files("#backup-file", tmp_path / "backup.zip")
    page.click("#settings [data-do=restore]")
    page.get_by_text("恢复好了").wait_for()
    assert "多余的人" not in [a.name for a in library.accounts.listed()]
    assert library.state().articles == 1
    (tmp_path / "no.zip").write_bytes(b"no")
    page.wait_for_selector("#greeting .mast")
    to_settings(page)
    page.set_input_files("#backup-file", tmp_path / "no.zip")
    page.click("#settings [data-do=restore]")
    page.get_by_text("不是能用的备份").wait_for()


def test_who_asks_too_often_is_told_how_long_to_wait_and_keeps_the_question(visit: Callable[..., Any]) -> None:
    page = enter(visit(), "李读者")
    page.route("**/gradio_api/queue/join*", lambda route: route.fulfill(
        status=429, headers={"Retry-After": "7", "Content-Type": "application/json"}, body="{}"))  # fmt: skip
    page.fill("#question", "气象站有多少名职工？")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#rag-told').textContent.includes('7 秒')")
    assert page.input_value("#question") == "气象站有多少名职工？"
    page.unroute("**/gradio_api/queue/join*")
    page.press("#question", "Enter")
    page.wait_for_selector("#log .acts")


def test_a_session_that_ended_leads_back_to_the_door_and_keeps_the_question(
    visit: Callable[..., Any], library: rag.Library
) -> None:
    page = enter(visit(), "李读者")
    page.fill("#question", "气象站有多少名职工？")
    library.accounts.set_password("李读者", WORD)
    page.press("#question", "Enter")
    page.wait_for_url("**/sign-in*")
    enter(page, "李读者")
    page.wait_for_function("document.querySelector('#question').value === '气象站有多少名职工？'")
