"""The chat as readers meet it: a real browser, the real server, a real library.

Answers whose course a test must know (slow, unsure, refused) are scripted; all else of the library is its own.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe import findings
from serving import served

import rag
from rag.types import Article, Citation, Hit, Nearest, Piece, Reply, Why

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = pytest.mark.parametrize("width", [1280, 390])
HOSTILE = '<img src=x onerror="window.pwned=1"></mark><script>window.pwned=2</script>${window.pwned=3}{{window.pwned}}'
FILES = {
    "青岭日报-20250305.txt": "# 青岭县气象站建成投用\n\n"
    + "\n\n".join(f"县里为这件事准备了很久，第{n}次会议专门讨论了选址、经费和人员安排。" for n in range(1, 9))
    + "\n\n青岭县气象站有12名职工，每天发布两次天气预报。站长李明说，明年还要再添一套设备。\n",
    "柳溪日报-20250312.txt": "# 柳溪镇茶园改造\n\n柳溪镇把300亩老茶园改造成了生态茶园，今年春茶产量增加两成。\n\n柳溪镇的茶园共有茶农86户。\n",
    "藏文.txt": "# བོད་ཀྱི་གནམ་གཤིས།\n\nལྷ་ས་ནི་མཐོ་སྒང་གི་གྲོང་ཁྱེར་ཞིག་ཡིན། དེང་སང་གནམ་གཤིས་དྲོ་པོ་འདུག\n",
    "彝文.txt": "# ꆈꌠꁱꂷ\n\nꆈꌠꁱꂷꌠꉢꐨꌠꄉ，ꀋꉬꇬꅇꈁꀕ。ꋍꈁꏭꃅꄮꊈꃚ。\n",
    "夜校简报.txt": f"# 夜校 {HOSTILE}\n\n夜校开设了编织课程，学员共有45人。{HOSTILE}\n",
}
SLOW = "慢慢说：气象站怎么样？"
REFUSED = "拒答：气象站的预算是多少？"
PARTS = (
    "青岭县气象站有12名职工",
    "每天发布两次天气预报",
    "站长李明说明年还要再添一套设备",
    "大家都很高兴",
    "以后会更好",
)


class Scripted:
    """The library, but for questions whose answers a test must know."""

    def __init__(self, library: rag.Library) -> None:
        self.library = library
        self.stopped: list[bool] = []
        article = next(a for a in library.articles() if "气象站" in a.title)
        self.article_of_all = article

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)

    def ask(self, question: str, **more: Any) -> Any:
        if question.startswith("慢"):
            return self.slow(question, more["stop"])
        if question.startswith("拒答"):
            return self.refused(question)
        return self.library.ask(question, **more)

    def slow(self, question: str, stop: Callable[[], bool]) -> Iterator[Piece]:
        """Writes for some four seconds; the last of its sentences is not verified."""
        yield Piece("searching")
        try:
            yield from self.writing(question, stop)
        finally:
            self.stopped.append(stop())

    def writing(self, question: str, stop: Callable[[], bool]) -> Iterator[Piece]:
        written, cited = "", []
        for n, part in enumerate(PARTS, 1):
            for end in range(1, len(part) + 1):
                if stop():
                    break
                time.sleep(0.05)
                yield Piece("writing", written + part[:end], 2)
            else:
                written += f"{part}[{n}]。"
                cited.append(self.citation(n, part))
                continue
            break
        yield Piece("checking", written, 2)
        reply = Reply(
            question, written, short_answer="12名", citations=tuple(cited), hits=(self.hit(),), stopped=stop()
        )
        yield Piece("done", written, 2, reply)

    def refused(self, question: str) -> Iterator[Piece]:
        a = self.article_of_all
        near = (Nearest(a.article_id, a.title, a.source, a.date, ("气象站",), ("预算",)),)
        yield Piece(
            "done", "", 1, Reply(question, "没有", refused=True, reason="absent_term", nearest=near, hits=(self.hit(),))
        )

    def citation(self, n: int, part: str) -> Citation:
        a: Article = self.article_of_all
        quote = "青岭县气象站有12名职工，每天发布两次天气预报。"
        start = a.text.index(quote)
        return Citation(n, quote, start, start + len(quote), n < len(PARTS), a.article_id, a.title, source=a.source)

    def hit(self) -> Hit:
        a = self.article_of_all
        return Hit(1, a.article_id, a.source, a.title, 0, 40, a.text[:40], 0.9, Why(3.0, 0.8, 0.9, ("会议",)))


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the server puts files that were sent."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    """A small library."""
    folder = tmp_path_factory.mktemp("chat")
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    with rag.open(folder / "library") as library:
        receipts = library.add([folder / name for name in FILES])
        assert all(r.status == "added" for r in receipts), receipts
        yield Scripted(library)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Another site: its origin, and the page that it shows."""
    page = [""]

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page[0].encode())

        def log_message(self, *told: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}", page
        site.shutdown()


@pytest.fixture(scope="module")
def address(shelf: Scripted, uploads: Path, elsewhere: tuple[str, list[str]]) -> Iterator[str]:
    """Where its chat is served."""
    with pytest.MonkeyPatch.context() as patch, served(shelf, uploads, frames=(elsewhere[0],)) as here:
        patch.setattr("rag.chat.suggesting.SECONDS", 0.0)  # what leads on from an answer is tried where it is tested
        yield here


@pytest.fixture
def visit(chromium: Any, address: str, uploads: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Opens the chat as a new reader; what goes wrong in the page or leaves this machine fails the test."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))  # Gradio asks for it at each upload
    contexts, wrong = [], []

    def opened(width: int = 1280, height: int = 800, quiet: bool = False, **more: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale="zh-CN", **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        if not quiet:
            page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: wrong.append(request.url) if not at_home(request.url, address) else None)
        page.goto(address)
        page.wait_for_selector("#greeting .mast")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def at_home(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))


def ask(page: Any, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")


def answered(page: Any, n: int = 1) -> None:
    """Waits until the n-th answer stands in the thread, what leads on from it too, and the next can be asked."""
    page.wait_for_function(
        "n => document.querySelectorAll('#log .a').length >= n && !document.querySelector('#now .a')"
        " && !!document.querySelector('#box .submit-button') && !!document.querySelector('#next .fus')", arg=n)  # fmt: skip


def in_view(page: Any, inner: str, outer: str) -> bool:
    return page.evaluate(  # type: ignore[no-any-return]
        """([inner, outer]) => {
            const a = document.querySelector(inner).getBoundingClientRect();
            const b = document.querySelector(outer).getBoundingClientRect();
            return a.top >= b.top - 1 && a.bottom <= b.bottom + 1 && a.left >= b.left - 1 && a.right <= b.right + 1;
        }""", [inner, outer])  # fmt: skip


# ---------------------------------------------------------------- the straight line


@WIDTHS
def test_a_question_is_answered_and_its_sentence_opens_in_the_article(visit: Callable[..., Any], width: int) -> None:
    page = visit(width, 844 if width < 720 else 800)
    ask(page, "青岭县气象站有多少名职工？")
    answered(page)
    assert "12名职工" in page.inner_text("#log .ans")
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")
    assert "青岭县气象站有12名职工" in page.inner_text("#side mark")
    assert in_view(page, "#side mark", "#side .sbody"), "the cited sentence is seen without scrolling"
    assert in_view(page, "#side .side", "body")
    page.evaluate("document.querySelector('#side h2 small').textContent = '很长的标题'.repeat(20)")
    for part in ("#side .do-close", "#side .do-cite"):
        assert in_view(page, part, "#side .side"), "a long title pushes nothing out"
    assert "青岭县气象站建成投用" in page.inner_text("#side .headline")
    assert page.evaluate("document.activeElement.matches('#side h2')")
    assert page.inner_text("#side .txt").count("次会议专门讨论") == 8, "the whole article is there"
    page.keyboard.press("Escape")
    page.wait_for_selector("html:not(.source)")
    assert page.evaluate("document.activeElement.matches('#log a.cite')"), "focus is back on the chip"


@WIDTHS
def test_an_answer_grows_is_checked_and_its_citations_are_walked(visit: Callable[..., Any], width: int) -> None:
    page = visit(width, 844)
    ask(page, SLOW)
    page.wait_for_selector("#now .busy a.cite.wait")
    assert page.locator("#now a.cite.ok").count() == 0, "nothing is ticked before the check"
    first = page.inner_text("#now .ans")
    page.wait_for_function(
        "before => document.querySelector('#now .ans')?.innerText.length > before + 3", arg=len(first)
    )
    assert page.get_attribute("#now .a", "aria-busy") == "true"
    answered(page)
    assert page.locator("#log a.cite.ok").count() == 4
    assert page.locator("#log a.cite.no").count() == 1
    assert page.inner_text("#log .lead b") == "12名"
    page.click("#log a.cite >> nth=0")
    for place in range(2, 6):
        page.click("#side .do-step >> nth=1")
        page.wait_for_function(
            "place => document.querySelector('#side h2')?.innerText.includes(`第 ${place} 处`)", arg=place
        )
        page.wait_for_function("n => document.querySelector('#log a.cite.cur')?.innerText.includes(n)", arg=str(place))
        assert page.locator("#log .st.cur").count() == 1
    assert page.locator("#side .do-step >> nth=1").is_disabled()
    page.locator("#side h2").press("ArrowLeft")
    page.wait_for_function("document.querySelector('#side h2')?.innerText.includes('第 4 处')")


def test_a_file_that_was_dropped_can_be_asked_about(visit: Callable[..., Any]) -> None:
    page = visit()
    page.click("#tabs [role=tablist] [data-tab-id=library]")
    page.wait_for_selector("#list .q")
    text = "# 石桥村修路\n\n石桥村今年修通了七公里水泥路，村民出行方便多了。\n"
    page.set_input_files("#files", [
        {"name": "通知（石桥）.txt", "mimeType": "text/plain", "buffer": text.encode()},
        {"name": "空的.txt", "mimeType": "text/plain", "buffer": b""},
    ])  # fmt: skip
    page.wait_for_selector("#outcome .rcp")
    rows = page.locator("#outcome tbody tr").all_inner_texts()
    assert "通知（石桥）.txt" in rows[0]
    assert "入库" in rows[0]
    assert "未入库" in rows[1]
    page.wait_for_function("document.querySelector('#list .q b').innerText.includes('石桥村修路')")
    page.click("#tabs [role=tablist] [data-tab-id=ask]")
    ask(page, "石桥村今年修通了几公里水泥路？")
    answered(page)
    assert "七公里" in page.inner_text("#log .ans")
    page.click("#tabs [role=tablist] [data-tab-id=library]")
    page.click("#list .q >> nth=0")
    page.wait_for_function("document.querySelector('#preview .headline')?.innerText.includes('石桥村修路')")
    page.click("#preview .do-remove")
    page.click("#preview .do-remove.sure")
    page.wait_for_function("document.querySelector('#outcome')?.innerText.includes('已经找不到')")
    page.wait_for_function("!document.querySelector('#list').innerText.includes('石桥村修路')")


def test_a_folder_goes_in_with_its_folders_and_can_be_too_large(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    page.click("#tabs [role=tablist] [data-tab-id=library]")
    page.wait_for_selector("#list .q")
    for n, day in enumerate(("0305", "0306")):
        (tmp_path / "日报" / day).mkdir(parents=True)
        (tmp_path / "日报" / day / "一版.txt").write_text(
            f"# 杏花村{n}号桥\n\n杏花村{n}号桥长{n + 3}00米，今天通车。\n", "utf-8"
        )
    (tmp_path / "日报" / ".DS_Store").write_bytes(b"x")
    page.evaluate("document.querySelector('.drop').dataset.folder = 1")
    page.set_input_files("#folder", tmp_path / "日报")
    page.wait_for_function("document.querySelector('#drop .sending').innerText.includes('2 个文件')")
    page.evaluate("document.querySelector('.drop').dataset.folder = 300")
    page.set_input_files("#folder", tmp_path / "日报")
    page.wait_for_selector("#outcome .rcp")
    rows = page.locator("#outcome tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == ["0305/一版.txt", "0306/一版.txt"]


def drag(page: Any, onto: str, *paths: Path) -> None:
    """Files and folders are dragged in from the desktop and dropped, as Chromium's own protocol does it."""
    box = page.locator(onto).bounding_box()
    dragged = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    client = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        client.send("Input.dispatchDragEvent", {"type": kind, **at, "data": dragged})
        if kind == "dragOver":
            page.wait_for_selector("#drop .over, #drop.over")
    client.detach()


def test_a_folder_is_dragged_in_with_what_lies_in_it(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    page.click("#tabs [role=tablist] [data-tab-id=library]")
    page.wait_for_selector("#list .q")
    folder = tmp_path / "周报" / "第一周"
    folder.mkdir(parents=True)
    (folder / "桃源.txt").write_text("# 桃源村通车\n\n桃源村的公路长九公里，今天通车。\n", "utf-8")
    (folder.parent / "柳林.txt").write_text("# 柳林村通水\n\n柳林村有六十二户通了自来水。\n", "utf-8")
    (folder.parent / ".DS_Store").write_bytes(b"x")
    (tmp_path / "单独的.txt").write_text("# 槐树村通电\n\n槐树村换了三台变压器。\n", "utf-8")
    drag(page, "#drop .drop", folder.parent, tmp_path / "单独的.txt")
    page.wait_for_selector("#outcome .rcp")
    rows = [row.split()[0] for row in page.locator("#outcome tbody tr").all_inner_texts()]
    assert sorted(rows) == sorted(["柳林.txt", "第一周/桃源.txt", "单独的.txt"])
    assert page.locator("#drop .over, #drop.over").count() == 0


# ---------------------------------------------------------------- stop, retry, clear, keep


def test_stopping_keeps_what_was_written(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, SLOW)
    page.wait_for_selector("#now a.cite.wait")
    began = time.monotonic()
    page.click("#box .stop-button")
    page.wait_for_selector("#thread .stopped")
    assert time.monotonic() - began < 3, "one second on a machine that does nothing else"
    answered(page)
    assert "12名职工" in page.inner_text("#log .ans")
    assert PARTS[-1] not in page.inner_text("#log .ans")
    assert page.locator("#log a.cite.wait").count() == 0


def test_a_page_that_is_closed_is_answered_no_further(visit: Callable[..., Any], shelf: Scripted) -> None:
    page = visit()
    ask(page, SLOW)
    page.wait_for_selector("#now a.cite.wait")
    before = len(shelf.stopped)
    page.close()
    ends = time.monotonic() + 3
    while len(shelf.stopped) == before and time.monotonic() < ends:
        time.sleep(0.05)
    assert shelf.stopped[before:] == [True]


def test_a_question_can_be_written_while_the_last_one_is_answered(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, SLOW)
    page.wait_for_selector("#box .stop-button")
    page.fill("#question", "下一个问题")
    page.press("#question", "Enter")
    page.wait_for_timeout(400)
    assert page.locator("#thread .u").count() == 1, "one answer at a time"
    answered(page)
    assert page.input_value("#question") == "下一个问题"


def test_retrying_answers_again_in_the_same_place(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, REFUSED)
    answered(page)
    ask(page, "柳溪镇改造了多少亩老茶园？")
    answered(page, 2)
    page.click("#log .do-retry")
    page.wait_for_selector("#now .a")
    answered(page, 2)
    assert page.locator("#log .u").count() == 2
    assert "300亩" in page.locator("#log .ans").last.inner_text()


def test_a_conversation_outlives_a_reload_and_is_renamed_found_and_deleted(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, "柳溪镇改造了多少亩老茶园？")
    answered(page)
    page.wait_for_function("location.search.startsWith('?c=')")
    page.reload()
    page.wait_for_selector("#log a.cite.ok")
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")
    page.click(".hdr .do-new")
    page.wait_for_selector("#greeting .mast")
    page.wait_for_function("!document.querySelector('#log .a')")  # Gradio draws its parts one after the other
    assert page.evaluate("!document.documentElement.classList.contains('source')")
    page.wait_for_function("location.search === ''")
    page.click(".hdr .no-p.do-drawer")
    page.fill("#in-conversations", "没有这样的话")
    page.wait_for_function("!document.querySelector('#drawer .ci:not([hidden])')")
    page.fill("#in-conversations", "300亩")
    page.wait_for_selector("#drawer .ci:visible", timeout=5000)
    page.fill("#in-conversations", "")
    row = page.locator("#drawer .ci").first
    row.locator(".do-acts").click()
    row.locator(".do-rename").click()
    page.fill("#drawer .ci input", "老茶园")
    page.press("#drawer .ci input", "Enter")
    page.wait_for_function("document.querySelector('#drawer .ci .do-open span')?.innerText === '老茶园'")
    row.locator(".do-open").click()
    page.wait_for_selector("#log a.cite.ok")
    with page.expect_download() as file:
        page.locator("#drawer .ci.on .do-acts").click()
        page.locator("#drawer .ci.on a[href$='.docx']").click()
    assert file.value.suggested_filename == "老茶园.docx"
    page.locator("#drawer .ci.on .do-drop").click()
    page.wait_for_selector("#greeting .mast")
    page.wait_for_function("location.search === ''")
    page.reload()
    page.wait_for_selector("#greeting .mast")


def test_a_link_opens_a_source_at_its_words(visit: Callable[..., Any], address: str, shelf: Scripted) -> None:
    page = visit()
    article = shelf.article_of_all
    at = article.text.index("12名")
    page.goto(f"{address}?a={article.article_id}&at={at}-{at + 3}")
    page.wait_for_selector("html.source #side mark")
    assert page.inner_text("#side mark") == "12名"


def test_a_question_whose_page_is_closed_is_there_when_it_comes_back(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, SLOW)
    page.wait_for_selector("#now a.cite.wait")
    page.close()
    page = visit()
    page.click(".hdr .no-p.do-drawer")
    page.click("#drawer .do-open >> nth=0")
    page.wait_for_selector("#thread .stopped")
    assert page.inner_text("#thread .u p").strip() == SLOW


def test_on_a_server_for_others_each_browser_has_its_own_conversations(
    chromium: Any, shelf: Scripted, tmp_path: Path
) -> None:
    with served(shelf, tmp_path, at_home=False) as away:
        contexts = [chromium.new_context(locale="zh-CN") for _ in range(2)]
        pages = [context.new_page() for context in contexts]
        for page, question in zip(pages, ("柳溪镇改造了多少亩老茶园？", "青岭县气象站有多少名职工？"), strict=True):
            page.goto(away)
            page.wait_for_selector("#greeting .mast")
            ask(page, question)
            answered(page)
            page.wait_for_function("location.search.startsWith('?c=')")
            page.reload()
            page.wait_for_selector("#log a.cite.ok")
            page.click(".hdr .no-p.do-drawer")
            page.wait_for_selector("#drawer .ci")
            assert page.locator("#drawer .ci .do-open span").all_inner_texts() == [question]
        theirs = pages[0].evaluate("location.search")
        pages[1].goto(f"{away}{theirs}")
        pages[1].wait_for_selector("#greeting .mast")
        assert pages[1].locator("#log .a").count() == 0, "it was not shared"
        for context in contexts:
            context.close()


def test_reading_never_waits_for_writing(visit: Callable[..., Any]) -> None:
    reader = visit()
    ask(reader, "柳溪镇改造了多少亩老茶园？")
    answered(reader)
    writers = [visit() for _ in range(3)]
    for writer in writers:
        ask(writer, SLOW)
    for writer in writers:
        writer.wait_for_selector("#now .busy a.cite")
    began = time.monotonic()
    reader.click("#log a.cite >> nth=0")
    reader.wait_for_selector("html.source #side mark")
    took = time.monotonic() - began
    assert all(writer.locator("#now .busy").count() for writer in writers), "they are still being written"
    assert took < 2


# ---------------------------------------------------------------- refusals and errors


def test_a_refusal_offers_the_nearest_articles(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, REFUSED)
    answered(page)
    assert "没有一句写到“预算”" in page.inner_text("#log .none")
    page.click("#log .near .btn")
    page.wait_for_selector("html.source #side .headline")
    assert "气象站" in page.inner_text("#side .headline")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('#log .near .btn')"), "focus is back where it came from"
    page.click("#log .do-why")
    assert page.locator("#log .whybox mark").inner_text() == "会议"
    page.click("#log .do-reword")
    assert page.input_value("#question") == REFUSED


def test_a_question_that_is_too_long_comes_back_to_be_changed(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, "很长" * 5000)
    answered(page)
    assert "问题太长了" in page.inner_text("#log .err")
    assert page.locator("#thread .u").inner_text().endswith("…")


def test_a_lost_connection_is_said_in_plain_words_and_loses_nothing(visit: Callable[..., Any]) -> None:
    page = visit(quiet=True)
    ask(page, REFUSED)
    answered(page)
    page.context.set_offline(True)
    ask(page, "再问一个")
    page.wait_for_function("document.querySelector('#rag-net').innerText.startsWith('网络断了，您写的问题还在。')")
    assert page.input_value("#question") == "再问一个"
    page.context.set_offline(False)
    page.wait_for_function("document.querySelector('#rag-net').innerText === ''")
    page.press("#question", "Enter")
    answered(page, 2)


def test_a_filter_that_leaves_nothing_is_told_and_lifted(visit: Callable[..., Any]) -> None:
    page = visit()
    page.click("#filters .label-wrap")
    page.fill("#filters input[placeholder='如 2024-01'] >> nth=0", "2031年1月")
    page.wait_for_function("document.querySelector('#filters .label-wrap').innerText.includes('2031-01 起')")
    ask(page, "柳溪镇改造了多少亩老茶园？")
    answered(page)
    assert "筛选太窄" in page.inner_text("#log .err")
    page.click("#log .do-unfilter")
    page.wait_for_selector("#log .ans")
    answered(page)
    assert "300亩" in page.inner_text("#log .ans")
    assert "不限日期" in page.inner_text("#filters .label-wrap")


# ---------------------------------------------------------------- safety


@WIDTHS
def test_hostile_words_are_only_seen(visit: Callable[..., Any], width: int) -> None:
    page = visit(width, 844)
    ask(page, f"夜校的编织课程学员共有多少人？{HOSTILE}")
    answered(page)
    assert "onerror=" in page.inner_text("#log .u")
    if page.locator("#log a.cite").count():
        page.click("#log a.cite >> nth=0")
    else:
        page.click("#log .near .btn >> nth=0")
    page.wait_for_selector("html.source #side .headline")
    page.keyboard.press("Escape")
    page.click("#tabs [role=tablist] [data-tab-id=library]")
    page.wait_for_selector("#list .q")
    page.fill("#find input", "夜校")
    page.wait_for_function("document.querySelectorAll('#list .q').length === 1")
    page.click("#list .q")
    page.wait_for_function("document.querySelector('#preview .txt')?.innerText.includes('45人')")
    shown = page.inner_text("#preview .pre")
    assert HOSTILE.split("</mark>")[0] in shown
    assert "${window.pwned=3}{{window.pwned}}" in shown
    assert page.evaluate("window.pwned") is None
    assert page.locator("#rag img, #rag script, #rag iframe").count() == 0


def test_the_servers_other_doors_are_shut(visit: Callable[..., Any], address: str) -> None:
    page = visit()
    for path in ("file=https://example.org/x", "file=/etc/passwd", "info", "proxy=https://example.org/x", "runs"):
        assert page.request.get(f"{address}gradio_api/{path}").status == 404, path
    policy = page.request.get(address).headers["content-security-policy"]
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


# ---------------------------------------------------------------- looks and manners


@WIDTHS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_gradio_shows_and_nothing_scrolls_sideways(
    visit: Callable[..., Any], width: int, scheme: str
) -> None:
    page = visit(width, 844, color_scheme=scheme)
    ask(page, REFUSED)
    answered(page)
    for css in ("footer", "[aria-label='清空对话']", ".icon-button-wrapper", "[data-testid='status-tracker']",
                "#box [data-testid='block-info']:not(.sr-only)"):  # fmt: skip
        assert page.locator(f"{css} >> visible=true").count() == 0, css
    assert page.evaluate("getComputedStyle(document.querySelector('#rag')).backgroundColor") == (
        "rgb(19, 23, 22)" if scheme == "dark" else "rgb(245, 243, 236)"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("(t => t.scrollWidth <= t.clientWidth)(document.querySelector('#thread'))")
    assert page.title() == "上天府科技云，向科学要答案"


def test_large_letters_fit_a_narrow_phone_and_are_remembered(visit: Callable[..., Any]) -> None:
    page = visit(320, 640)
    page.click(".do-size")
    page.click(".do-size")
    page.click(".do-theme")
    ask(page, SLOW)
    answered(page)
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.reload()
    page.wait_for_selector("#log .a")
    assert page.evaluate("document.documentElement.className.split(' ').sort().join(' ')") == "huge night"


def test_a_screen_reader_hears_each_answer_once(visit: Callable[..., Any]) -> None:
    page = visit()
    page.evaluate("""() => {
        window.told = [];
        const live = document.querySelector('#live');
        new MutationObserver(() => {
            const text = live.innerText.trim();
            if (text && text !== window.told[window.told.length - 1]) window.told.push(text);
        }).observe(live, {childList: true, subtree: true, characterData: true});
    }""")
    assert page.get_attribute("#live", "role") == "status"
    ask(page, SLOW)
    answered(page)
    ask(page, REFUSED)
    answered(page, 2)
    told = page.evaluate("window.told")
    assert told[0].startswith("回答好了，5 句，5 处引用，1 处没能和原文对上。青岭县气象站有12名职工")
    assert told[1].startswith("没有回答。")
    assert len(told) == 2
    assert page.get_attribute("#log [role=log]", "aria-live") == "off"
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.locator("#log [data-testid=bot][aria-label]").count() == 0


def test_the_way_from_question_to_source_and_back_needs_no_mouse(visit: Callable[..., Any]) -> None:
    page = visit()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.type("柳溪镇改造了多少亩老茶园？")
    page.keyboard.press("Enter")
    answered(page)
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('#log a.cite')"):
            break
    page.keyboard.press("Space")
    page.wait_for_selector("html.source #side mark")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('#log a.cite')")
    small = page.evaluate("""() => Array.from(document.querySelectorAll('#rag button, #rag input, #rag textarea'))
        .filter((e) => e.offsetParent && !e.closest('.sr') && !e.matches('.sr, .hits .title, .token *, .secondary-wrap *'))
        .map((e) => [e.className || e.id, Math.round(e.getBoundingClientRect().height)]).filter(([, h]) => h < 44)""")
    assert not small, "targets are 44 px high"


def test_an_answer_and_a_reference_are_copied_with_their_sources(visit: Callable[..., Any], address: str) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    ask(page, "柳溪镇改造了多少亩老茶园？")
    answered(page)
    page.click("#log .do-copy")
    page.wait_for_function("document.querySelector('#rag-told').innerText === '已复制，带出处。'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "300亩老茶园" in copied
    assert re.search(r"\n出处：\n\[1\] .*柳溪镇茶园改造", copied)
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")
    page.click("#side .do-cite")
    page.wait_for_function("document.querySelector('#rag-told').innerText === '引用已复制。'")
    assert "柳溪镇茶园改造[N]" in page.evaluate("navigator.clipboard.readText()")


STATION, TEA = "青岭县气象站有多少名职工？", "柳溪镇改造了多少亩老茶园？"


def test_a_link_asks_its_question_and_a_chip_shows_its_quote(visit: Callable[..., Any], address: str) -> None:
    page = visit()
    page.goto(f"{address}?q={quote(STATION)}")
    answered(page)
    assert page.locator("#log .u p").all_inner_texts() == [STATION], "it is asked once"
    page.wait_for_function("location.search.startsWith('?c=')")
    page.hover("#log a.cite >> nth=0")
    page.wait_for_selector("#rag-tip:not([hidden])")
    told = page.inner_text("#rag-tip")
    assert "青岭县气象站建成投用" in told
    assert "“青岭县气象站有12名职工，每天发布两次天气预报。”" in told
    page.mouse.move(2, 400)
    page.wait_for_selector("#rag-tip", state="hidden")
    page.focus("#log .do-copy")
    page.keyboard.press("Shift+Tab")
    page.wait_for_selector("#rag-tip:not([hidden])")
    assert page.get_attribute("#log a.cite:focus", "aria-describedby") == "rag-tip"
    page.keyboard.press("Escape")
    assert page.locator("#rag-tip").is_hidden()
    page.reload()
    page.wait_for_selector("#log .acts")
    assert page.locator("#log .u").count() == 1, "a reload asks nothing again"


def test_a_question_is_changed_in_its_place_and_leads_on(
    visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.chat.suggesting.SECONDS", 60.0)
    page = visit(390, 844)
    ask(page, REFUSED)
    answered(page)
    page.click("#log .do-edit")
    assert page.input_value("#log .u textarea") == REFUSED
    page.keyboard.press("Escape")
    assert page.locator("#log .u textarea").count() == 0
    page.click("#log .do-edit")
    page.fill("#log .u textarea", TEA)
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#log .ans')?.innerText.includes('300亩')")
    answered(page)
    assert page.locator("#log .u p").all_inner_texts() == [TEA]
    page.wait_for_selector("#next .fu")
    question = page.inner_text("#next .fu >> nth=0").strip()
    page.click("#next .fu >> nth=0")
    answered(page, 2)
    assert page.locator("#log .u p").last.inner_text() == question
    assert page.locator("#log .ans").last.locator("a.cite.ok").count(), "what is offered is answered"


def test_only_these_articles_are_asked(visit: Callable[..., Any]) -> None:
    page = visit()
    ask(page, TEA)
    answered(page)
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")
    page.click("#side .do-only")
    page.wait_for_function("document.querySelector('#filters .label-wrap').innerText.includes('只找 1 篇文章')")
    ask(page, STATION)
    answered(page, 2)
    assert page.locator("#log .none").count() == 1, "the tea gardens do not say"
    page.locator("#log .do-why").first.click()
    page.click("#log .whybox .do-only >> visible=true")
    page.wait_for_function("!document.querySelector('#filters .label-wrap').innerText.includes('只找 1 篇')")
    page.click("#filters .label-wrap")
    page.click("#unfilter")
    page.wait_for_function("!document.querySelector('#filters .label-wrap').innerText.includes('只找')")
    ask(page, STATION)
    answered(page, 3)
    assert "12名" in page.locator("#log .ans").last.inner_text()


def test_an_answer_is_shared_as_message_picture_and_paper(visit: Callable[..., Any]) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    ask(page, STATION)
    answered(page)
    page.click("#log .do-share-answer")
    message = page.inner_text("#log .sms span")
    assert len(message) <= 70
    assert "12名" in message
    assert "《青岭县气象站建成投用》" in message
    page.click("#log .do-message")
    page.wait_for_function("document.querySelector('#rag-told').innerText === '短消息已复制。'")
    assert page.evaluate("navigator.clipboard.readText()") == message
    page.click("#log .do-picture")
    page.wait_for_function("document.querySelector('#rag-picture img')?.naturalWidth === 1080")
    assert page.evaluate("document.querySelector('#rag-picture img').naturalHeight") > 500
    assert "12名职工" in page.get_attribute("#rag-picture img", "alt")
    with page.expect_download() as file:
        page.click("#rag-picture a")
    assert file.value.suggested_filename == "青岭县气象站有多少名职工.png"
    page.keyboard.press("Escape")
    page.wait_for_selector("#rag-picture", state="detached")
    assert page.evaluate("document.activeElement.matches('.do-picture')")
    page.evaluate("window.print = () => { window.printed = document.documentElement.className; }")
    page.click("#log .do-print")
    assert "print-one" in page.evaluate("window.printed")
    page.emulate_media(media="print")
    assert page.locator("#log .srcs").is_visible(), "its sources stand below it"
    assert page.locator("#dock").is_hidden()


def test_answers_and_articles_are_read_aloud_by_voices_of_this_device(visit: Callable[..., Any]) -> None:
    page = visit()
    page.evaluate("""() => {
        window.spoken = [];
        window.voices = [{lang: "zh-CN", localService: false, name: "far"}];
        speechSynthesis.getVoices = () => window.voices;
        speechSynthesis.speak = (one) => { window.spoken.push(one.text); };
        window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
    }""")
    ask(page, STATION)
    answered(page)
    page.click("#log .do-say")
    page.wait_for_function("document.querySelector('#rag-told').innerText.includes('没有能朗读')")
    page.evaluate("window.voices.push({lang: 'zh-CN', localService: true, name: 'near'})")
    page.click("#log .do-say")
    spoken = page.evaluate("window.spoken")
    assert "12名职工" in spoken[0]
    assert "资料" not in "".join(spoken), "no marker is read"
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")
    page.click("#side .do-read")
    assert "青岭县气象站建成投用" in page.evaluate("window.spoken")[len(spoken)]


def test_a_conversation_is_no_longer_shared_once_its_owner_says_so(visit: Callable[..., Any], shelf: Scripted) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    ask(page, TEA)
    answered(page)
    page.wait_for_function("location.search.startsWith('?c=')")
    key = page.evaluate("new URLSearchParams(location.search).get('c')")
    page.click(".hdr .no-p.do-drawer")
    row = page.locator("#drawer .ci.on")
    row.locator(".do-acts").click()
    assert row.locator(".do-unshare").is_hidden()
    row.locator(".do-share").click()
    row.locator(".do-unshare").wait_for(state="visible")
    assert shelf.library.conversations.opened("somebody", key)[0].shared
    row.locator(".do-unshare").click()
    row.locator(".do-unshare").wait_for(state="hidden")
    with pytest.raises(rag.Error):
        shelf.library.conversations.opened("somebody", key)


def test_the_interface_is_read_in_three_languages(visit: Callable[..., Any], address: str) -> None:
    page = visit(1280, 800)
    for language, lang, hint, refused in (
        ("zh-hant", "zh-Hant", "想問什麼？", "資料庫裡沒有寫到"),
        ("en", "en", "What would you like", "The library"),
    ):
        page.goto(address)
        page.select_option("#language", language)
        page.wait_for_selector(f"#box textarea[placeholder^='{hint}']")
        page.wait_for_selector("#greeting .mast")
        assert page.evaluate("document.documentElement.lang") == lang
        assert page.input_value("#language") == language
        ask(page, "青岭县2031年的财政预算是多少？")
        answered(page)
        assert refused in page.inner_text("#log .none h2")
    ask(page, STATION)
    answered(page, 2)
    assert "12名职工" in page.inner_text("#log .ans"), "what is quoted stays as it was printed"


def test_letters_of_other_scripts_are_found_and_shown(visit: Callable[..., Any], shelf: Scripted) -> None:
    for words, source in (("ལྷ་ས་ནི་མཐོ་སྒང", "藏文.txt"), ("ꀋꉬꇬꅇ", "彝文.txt")):
        assert shelf.library.search(words).hits[0].source == source
        article = shelf.library.articles(title="བོད" if source == "藏文.txt" else "ꆈꌠ")[0]
        page = visit()
        page.goto(page.url.split("?")[0] + f"?a={article.article_id}")
        page.wait_for_selector("html.source #side .headline")
        assert words in page.inner_text("#side .txt")


def test_the_question_box_stands_on_another_site_that_is_listed_and_on_no_other(
    chromium: Any, address: str, elsewhere: tuple[str, list[str]], shelf: Scripted
) -> None:
    origin, shown = elsewhere
    shown[0] = f'<title>学会</title><body><h1>学会</h1><script src="{address}widget.js" data-question="{TEA}"></script>'
    before = len(shelf.library.conversations.listed(""))
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(origin)
    frame = page.frame_locator("iframe")
    frame.locator("#log .ans").wait_for(timeout=60_000)
    assert "300亩" in frame.locator("#log .ans").inner_text()
    assert frame.locator("#bar").is_hidden()
    assert page.locator("iframe").get_attribute("title")
    assert len(shelf.library.conversations.listed("")) == before, "nothing is kept of it"
    page.goto(origin.replace("127.0.0.1", "localhost"))
    page.wait_for_timeout(1500)
    assert page.frame_locator("iframe").locator("#question").count() == 0
    policy = page.request.get(address).headers["content-security-policy"]
    assert "frame-ancestors 'self';" in policy + ";", "the page with its tabs and bar stays out of every frame"
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(visit: Callable[..., Any], width: int, scheme: str) -> None:
    page = visit(width, 844, color_scheme=scheme)
    found = findings(page)
    ask(page, SLOW)
    answered(page)
    page.click("#log .do-share-answer")
    page.click("#log .do-why")
    found += findings(page)
    page.click("#log .do-edit")
    page.click("#log a.cite >> nth=4")
    page.wait_for_selector("html.source #side mark")
    found += findings(page)
    page.keyboard.press("Escape")
    page.click(f".hdr .{'only-p' if width < 720 else 'no-p'}.do-drawer")
    found += findings(page)
    assert not found, "\n".join(found)


# ---------------------------------------------------------------- the server as people start it


def test_the_chat_starts_says_where_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "rag", "serve", "--port", str(port), "--library", str(tmp_path / "library")]
    root = Path(rag.__file__).parent.parent
    began = time.monotonic()
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as chat:
        assert chat.stderr is not None
        line = chat.stderr.readline()
        assert f"http://127.0.0.1:{port}" in line, line + chat.stderr.read()
        assert time.monotonic() - began < 30
        second = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert "已经被别的程序占用" in second.stderr
        chat.send_signal(signal.SIGINT)
        assert chat.wait(15) in (0, 130)
        rest = chat.stderr.read()
        assert "Traceback" not in rest
