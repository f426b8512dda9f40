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
PRINTED = "三座泵站每天向下游六个乡镇送水多少立方米？"
README = (
    ("first", WIDE, "light"), ("answer", WIDE, "light"), ("answer", WIDE, "dark"), ("answer", NARROW, "light"),
    ("quote", WIDE, "light"), ("share", NARROW, "dark"), ("picture", WIDE, "light"), ("page", WIDE, "light"),
)  # fmt: skip
STATES = (
    "first", "filter", "answer", "quote", "share", "picture", "edit", "why", "refusal", "drawer", "library", "receipts",
    "page",
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
                if state == "page":  # last, since the other pictures do without it
                    library.add([newspaper(chromium, Path(place))])
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


def newspaper(chromium: Any, folder: Path) -> Path:
    """A page of a paper that does not exist, printed by the browser: four columns, two smaller stories, a picture."""

    def story(text: str) -> str:
        return "".join(f"<p>{paragraph}</p>" for paragraph in text.strip().split("\n"))

    sheet = chromium.new_page()
    sheet.set_content(PAPER.format(*map(story, STORIES)))
    sheet.pdf(path=folder / "青岭日报-20240709.pdf", prefer_css_page_size=True, print_background=True)
    sheet.close()
    return folder / "青岭日报-20240709.pdf"


PAPER = """<!doctype html><meta charset="utf-8"><style>@page{{size:270mm 390mm;margin:0}} *{{margin:0}}
body{{padding:14mm 13mm;width:244mm;box-sizing:border-box;font:11pt/1.62 "Noto Serif CJK SC"}}
header{{display:flex;justify-content:space-between;align-items:end;border-bottom:3px double;margin-bottom:4mm}}
h1{{font-size:44pt;color:#a11;letter-spacing:6pt}} h2{{font-size:34pt;line-height:1.3;text-align:center}}
h3{{font:800 21pt/1.5 "Noto Sans CJK SC"}} p{{text-indent:2em;text-align:justify}} main{{columns:4;column-gap:7mm}}
.two{{display:grid;grid-template-columns:1.45fr 1fr;gap:8mm;border-top:1px solid;margin-top:5mm;padding-top:3mm}}
.half{{columns:2;column-gap:7mm}} figcaption{{font:9pt/2 "Noto Sans CJK SC"}} svg{{display:block;width:100%}}</style>
<header><h1>青岭日报</h1><span>2024年7月9日　星期二　第2版　要闻</span></header>
<h2>三座泵站昼夜提水　两千三百亩秧田返青</h2><main>{0}</main>
<div class="two"><div><h3>村里的讲座　半年四百场</h3><figure><svg viewBox="0 0 640 330">
<rect width="640" height="330" fill="#a9c6dd"/><path d="M0 190Q160 90 320 180T640 150V330H0" fill="#5d8f63"/>
<path d="M0 250Q200 220 400 250T640 240V330H0" fill="#a9b554"/></svg><figcaption>石桥村返青的秧田。 宋一鸣　摄
</figcaption></figure><div class="half">{1}</div></div><div><h3>图书馆的灯亮到十点</h3>{2}</div></div>"""
STORIES = (
    """本报讯（记者　宋一鸣）七月以来，青岭县连续十九天没有有效降雨。县水利局从七月三日起启用三座备用泵站，每天向下游六个乡镇送水一万二千立方米，两千三百亩秧田已经全部返青。
县水利局总工程师周启明介绍，三座泵站去年冬天刚换过机组，提水高度从二十八米增加到四十一米，每立方米水的电费降到两角一分。“往年这个时候要靠拖拉机一车一车拉水，今年打开闸门就行。”
在石桥村，村民何秀英家的九亩秧田曾经裂开两指宽的口子。七月五日夜里十一点，水从干渠流进她家的田，她和丈夫守到天亮。“秧苗喝饱了，人心里也踏实了。”
县里同时提醒，高温时段不要下田，上午十点以前、下午四点以后补水最好；田面水层保持三厘米左右，不要大水漫灌。
据县气象站预计，七月中旬后期将有一次降雨过程，累计雨量十五到三十毫米，旱情有望缓解。县水利局表示，泵站要开到八月底，抽水的电费由县财政补贴六成。""",
    """本报讯　记者从县科协获悉，全县三十六个村的科普大院今年上半年共办讲座四百一十二场，听讲的村民超过两万人次，比去年同期增加三成。
讲得最多的是稻田养鱼、果树修剪和老人防跌倒。县科协请了十七位退休教师和农技员担任讲师，每讲一场补助一百五十元，路费另算。
“听得懂、用得上，大家才愿意来。”柳溪镇讲师唐书田说，他把修剪的步骤编成顺口溜，印在扇子上发给村民。（通讯员　郝敏）""",
    """本报讯　县图书馆的“夜读角”七月一日开放，每晚开到十点，设座位八十六个。开放一周，来读书的人每天都在二百人以上。
馆长李文静说，夜读角专门留了二十个带插座的座位，暑假期间还请大学生志愿者辅导作业。（余晚晴）""",
)


def page(page: Any) -> None:
    ask(page, PRINTED)
    page.click("#log a.cite >> nth=0")
    page.click("#side .do-pages")
    page.wait_for_selector("#side .fr")


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
    "first": lambda page: None, "page": page, "filter": lambda page: page.click("#filters .label-wrap"), "answer": answer, "why": why,
    "quote": quote, "share": share, "picture": picture, "edit": edit,
    "refusal": lambda page: ask(page, UNKNOWN), "drawer": drawer, "library": library, "receipts": receipts,
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
