"""Takes the pictures of the chat that README shows: python tests/pictures.py

`python tests/pictures.py --all FOLDER` takes every main state, wide and narrow, light and dark, to hold beside a design.
Needs Chromium or Chrome on the PATH and the sample library's articles.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import BROWSERS  # noqa: E402
from serving import CHROMIUM, served  # noqa: E402

WIDE, NARROW = (1280, 800), (390, 844)
QUESTION = "给成人做胸外按压，要按多深？"
UNKNOWN = "青岭县2031年的科普预算是多少？"
README = (
    ("first", WIDE, "light"), ("answer", WIDE, "light"), ("answer", WIDE, "dark"), ("answer", NARROW, "light"),
    ("quote", WIDE, "light"), ("share", NARROW, "dark"), ("picture", WIDE, "light"),
)  # fmt: skip
STATES = (
    "first", "filter", "answer", "quote", "share", "picture", "edit", "why", "refusal", "drawer", "library", "receipts"
)  # fmt: skip


def main(arguments: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    import rag
    from rag import settings
    from rag.chat import suggesting

    suggesting.SECONDS = 30.0  # a picture can wait until three are found
    every = arguments[:1] == ["--all"]
    folder = Path(arguments[1]) if every else ROOT / "docs/pictures"
    wanted = (
        [(s, size, look) for s in STATES for size in (WIDE, NARROW) for look in ("light", "dark")] if every else README
    )
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, rag.open(Path(place) / "library") as library:
        library.add([settings.samples() / "articles"])
        with served(library, Path(place) / "uploads") as address, sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=CHROMIUM)
            for state, (width, height), look in wanted:
                page = chromium.new_page(
                    viewport={"width": width, "height": height}, locale="zh-CN", color_scheme=look,
                    timezone_id="Asia/Shanghai")  # fmt: skip
                page.goto(address)
                page.wait_for_selector("#greeting .mast")
                SHOW[state](page)
                page.wait_for_timeout(500)
                name = f"{state}-{'wide' if width > 720 else 'narrow'}-{look}.png"
                print(name, f"{keep(page.screenshot(), folder / name):,} bytes")
                page.close()
            chromium.close()


def keep(picture: bytes, file: Path) -> int:
    """Writes a picture with 256 colours, a third of its size; how many bytes."""
    from PIL import Image

    few = Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    return file.stat().st_size


def ask(page: Any, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.wait_for_selector("#log .acts")
    page.evaluate("document.activeElement.blur()")


def answer(page: Any) -> None:
    ask(page, QUESTION)
    page.wait_for_selector("#next .fu")
    page.click("#log a.cite >> nth=0")
    page.wait_for_selector("html.source #side mark")


def quote(page: Any) -> None:
    ask(page, QUESTION)
    page.wait_for_selector("#next .fu")
    page.hover("#log a.cite >> nth=0")
    page.wait_for_selector("#rag-tip:not([hidden])")


def share(page: Any) -> None:
    ask(page, QUESTION)
    page.click("#log .do-share-answer")
    page.locator("#log .sharebox").scroll_into_view_if_needed()


def picture(page: Any) -> None:
    share(page)
    page.click("#log .do-picture")
    page.wait_for_function("document.querySelector('#rag-picture img')?.complete")


def edit(page: Any) -> None:
    ask(page, QUESTION)
    page.click("#log .do-edit")


def why(page: Any) -> None:
    ask(page, QUESTION)
    page.click("#log .do-why")
    page.locator("#log .whybox").scroll_into_view_if_needed()


def drawer(page: Any) -> None:
    ask(page, QUESTION)
    page.click(".hdr .do-drawer >> visible=true")


def library(page: Any) -> None:
    page.click("#tabs [role=tablist] [data-tab-id=library]")
    page.wait_for_selector("#list .q")


def receipts(page: Any) -> None:
    library(page)
    text = "# 石桥村修路\n\n石桥村今年修通了七公里水泥路，村民出行方便多了。\n"
    page.set_input_files("#files", [
        {"name": "通知（石桥）.txt", "mimeType": "text/plain", "buffer": text.encode()},
        {"name": "空的.txt", "mimeType": "text/plain", "buffer": b""},
    ])  # fmt: skip
    page.wait_for_selector("#outcome .rcp")


SHOW: dict[str, Callable[[Any], None]] = {
    "first": lambda page: None, "filter": lambda page: page.click("#filters .label-wrap"), "answer": answer, "why": why,
    "quote": quote, "share": share, "picture": picture, "edit": edit,
    "refusal": lambda page: ask(page, UNKNOWN), "drawer": drawer, "library": library, "receipts": receipts,
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
