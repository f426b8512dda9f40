"""Slides, workbooks and electronic books become documents; bombs, locked and broken ones are refused by name."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.articles import cut
from rag.errors import FileRefused
from rag.reading import read
from rag.types import Document

TEXT = "眼下正是春灌的时候，全县要浇三万亩麦田。农技员提醒，先查渠道，再查水泵，最后看墒情。"


def opened(folder: Path, name: str, content: bytes) -> Document:
    path = folder / name
    path.write_bytes(content)
    return read(path, name)


def refused(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises(FileRefused) as refusal:
        opened(folder, name, content)
    return str(refusal.value.fields["reason"])


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def zipped(members: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_member(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A zip with one member changed, or added where it was not there."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members: dict[str, str | bytes] = {n: archive.read(n) for n in archive.namelist()}
    members[name] = change(bytes(members.get(name, b"")))  # type: ignore[arg-type]
    return zipped(members)


def bomb(content: bytes) -> bytes:
    return with_member(content, "media/big.xml", lambda _: b" " * (60 * 2**20))


# ---------------------------------------------------------------- slides


def show() -> Any:
    from pptx import Presentation
    from pptx.util import Cm

    slides = Presentation()
    first = slides.slides.add_slide(slides.slide_layouts[1])
    first.shapes.title.text = "春灌三件事"
    first.placeholders[1].text_frame.text = "先查渠道"
    first.placeholders[1].text_frame.add_paragraph().text = "再查水泵"
    first.notes_slide.notes_text_frame.text = "讲的时候放墒情的照片。"
    second = slides.slides.add_slide(slides.slide_layouts[5])
    second.shapes.title.text = "春灌三件事"
    table = second.shapes.add_table(2, 2, Cm(1), Cm(12), Cm(8), Cm(3)).table
    for place, words in zip(((0, 0), (0, 1), (1, 0), (1, 1)), ("田块", "墒情", "东坡", "干"), strict=True):
        table.cell(*place).text = words
    second.shapes.add_textbox(Cm(1), Cm(5), Cm(8), Cm(2)).text_frame.text = TEXT
    slides.slides.add_slide(slides.slide_layouts[6])
    return slides


def test_slides_keep_titles_lists_tables_and_notes_in_the_order_they_are_seen(tmp_path: Path) -> None:
    document = opened(tmp_path, "讲.pptx", saved(show()))
    assert [(b.kind, b.page, b.text) for b in document.blocks] == [
        ("heading", 1, "春灌三件事"),
        ("list", 1, "- 先查渠道\n- 再查水泵"),
        ("paragraph", 1, "讲的时候放墒情的照片。"),
        ("paragraph", 2, TEXT),
        ("table", 2, "| 田块 | 墒情 |\n| --- | --- |\n| 东坡 | 干 |"),
    ]
    assert document.pages == 3
    assert ["3" in loss for loss in document.losses] == [True]
    [article] = cut(document)
    assert article.title == "春灌三件事"


# ---------------------------------------------------------------- workbooks


def book(*sheets: tuple[str, list[list[object]]]) -> Any:
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets:
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return workbook


def test_a_row_with_a_text_is_an_article(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["标题", "作者", "日期", "正文"],
        ["春灌", "李农", datetime.datetime(2025, 3, 8), TEXT],
        [None, None, None, None],
        ["秋播", None, None, "第二行的正文。"],
    ]
    first, second = opened(tmp_path, "表.xlsx", saved(book(("Sheet1", rows)))).records
    assert (first.title, first.author, first.date, first.text) == ("春灌", "李农", "2025-03-08", TEXT)
    assert (second.title, second.author, second.text) == ("秋播", None, "第二行的正文。")


def test_questions_and_answers_are_titles_and_texts(tmp_path: Path) -> None:
    rows: list[list[object]] = [["问题", "答案"], ["麦苗发黄怎么办？", "先看根再看叶，缺氮就追肥。"]]
    [record] = opened(tmp_path, "问答.xlsx", saved(book(("Sheet1", rows)))).records
    assert (record.title, record.text) == ("麦苗发黄怎么办？", "先看根再看叶，缺氮就追肥。")


def test_a_table_of_figures_is_a_record_a_row_under_the_tables_name(tmp_path: Path) -> None:
    workbook = book(
        ("水质", [["2024年清水河水质"], ["监测点", "达标率", "溶解氧", "合格"], ["龙头桥", 0.125, 8.1, True]])
    )
    workbook["水质"]["B3"].number_format = "0.0%"
    [record] = opened(tmp_path, "水质.xlsx", saved(workbook)).records
    assert (record.title, record.text) == (
        "2024年清水河水质 龙头桥",
        "监测点：龙头桥；达标率：12.5%；溶解氧：8.1；合格：是。",
    )


def test_every_sheet_is_read_and_one_without_a_header_is_named(tmp_path: Path) -> None:
    rows: list[list[object]] = [["标题", "正文"], ["春灌", TEXT]]
    figures: list[list[object]] = [[1, 2, 3] for _ in range(9)]
    document = opened(tmp_path, "表.xlsx", saved(book(("一月", rows), ("二月", rows), ("草稿", figures), ("空", []))))
    assert len(document.records) == 2
    assert len({r.key for r in document.records}) == 2
    assert ["草稿" in loss for loss in document.losses] == [True]


def test_a_cell_over_several_rows_stands_in_each_and_hidden_sheets_are_named(tmp_path: Path) -> None:
    whole = book(
        ("产量", [["县", "作物", "吨"], ["青岭", "稻", 560], [None, "麦", 310], ["云溪", None, 5]]),
        ("底稿", [["县", "吨"], ["青岭", 1]]),
    )
    whole["产量"].merge_cells("A2:A3")
    whole["底稿"].sheet_state = "hidden"
    document = opened(tmp_path, "表.xlsx", saved(whole))
    assert [r.text for r in document.records] == [
        "县：青岭；作物：稻；吨：560。",
        "县：青岭；作物：麦；吨：310。",
        "县：云溪；吨：5。",
    ]
    assert document.losses == ("工作表“底稿”是隐藏的，没有读。",)


def test_a_cell_at_the_far_end_of_a_sheet_costs_nothing(tmp_path: Path) -> None:
    import time
    import tracemalloc

    workbook = book(("Sheet1", [["标题", "正文"], ["春灌", TEXT]]))
    workbook["Sheet1"]["XFD1048576"] = "远"
    content = saved(workbook)
    tracemalloc.start()
    started = time.monotonic()
    try:
        assert len(opened(tmp_path, "远.xlsx", content).records) == 1
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 20


# ---------------------------------------------------------------- electronic books

CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="O/b.opf"/></rootfiles></container>'
PACKAGE = (
    '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
    "<dc:title>农技课本</dc:title><dc:creator>李农</dc:creator><dc:date>2025-03-08</dc:date></metadata><manifest>"
    '<item id="n" href="nav.xhtml" properties="nav"/><item id="c" href="cover.xhtml"/><item id="b" href="二%20章.xhtml"/>'
    '<item id="a" href="a.xhtml"/></manifest><spine><itemref idref="n"/><itemref idref="c"/><itemref idref="a"/>'
    '<itemref idref="b"/><itemref idref="没有"/></spine></package>'
)


def page(title: str, body: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head><body>{body}</body></html>'


def epub(**more: str | bytes) -> bytes:
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "O/b.opf": PACKAGE,
            "O/nav.xhtml": page("目录", "<nav><ol><li><a href='a.xhtml'>第一章</a></li></ol></nav>"),
            "O/cover.xhtml": page("封面", "<img src='c.jpg'/>"),
            "O/a.xhtml": page("春灌", f"<h1>第一章 春灌</h1><p>{TEXT}</p><h2>水泵</h2><p>先上油。</p>"),
            "O/二 章.xhtml": page("秋播", f"<h1>第二章 秋播</h1><p>{TEXT}</p>"),
            **{name.replace("__", "/"): content for name, content in more.items()},
        }
    )


def test_a_book_gives_its_chapters_in_the_order_of_its_spine(tmp_path: Path) -> None:
    document = opened(tmp_path, "课本.epub", epub())
    assert (document.title, document.author, document.date) == ("农技课本", "李农", "2025-03-08")
    assert [(b.kind, b.level, b.text) for b in document.blocks] == [
        ("heading", 1, "第一章 春灌"),
        ("paragraph", 0, TEXT),
        ("heading", 3, "水泵"),
        ("paragraph", 0, "先上油。"),
        ("heading", 1, "第二章 秋播"),
        ("paragraph", 0, TEXT),
    ]
    assert document.losses == ()


def test_a_book_under_lock_is_refused_as_one(tmp_path: Path) -> None:
    locked = epub(**{"META-INF__encryption.xml": '<e><d><CipherReference URI="O/a.xhtml"/></d></e>'})
    assert "密码" in refused(tmp_path, "锁.epub", locked)


def test_a_chapter_that_is_missing_is_named(tmp_path: Path) -> None:
    whole = epub()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        left: dict[str, str | bytes] = {n: archive.read(n) for n in archive.namelist() if n != "O/a.xhtml"}
    document = opened(tmp_path, "缺.epub", zipped(left))
    assert texts(document) == ["第二章 秋播", TEXT]
    assert len(document.losses) == 1


# ---------------------------------------------------------------- bad ones

_MORE = f'<!ENTITY a "{"春" * 1000}"><!ENTITY b "{"&a;" * 1000}"><!ENTITY c "{"&b;" * 1000}">'
ENTITIES = f"<!DOCTYPE x [{_MORE}]><package>&c;</package>"
BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "slides that are a bomb": ("弹.pptx", lambda: bomb(saved(show()))),
    "a workbook that is a bomb": ("弹.xlsx", lambda: bomb(saved(book(("Sheet1", [["标题", "正文"], ["甲", TEXT]]))))),
    "a book that is a bomb": ("弹.epub", lambda: bomb(epub())),
    "slides cut off": ("断.pptx", lambda: saved(show())[:3000]),
    "a workbook cut off": ("断.xlsx", lambda: saved(book(("Sheet1", [["标题", "正文"]])))[:3000]),
    "a book cut off": ("断.epub", lambda: epub()[:600]),
    "slides with broken XML": (
        "坏.pptx",
        lambda: with_member(saved(show()), "ppt/presentation.xml", lambda xml: xml[:200]),
    ),
    "a workbook with broken XML": (
        "坏.xlsx",
        lambda: with_member(
            saved(book(("Sheet1", [["标题", "正文"], ["甲", TEXT]]))), "xl/worksheets/sheet1.xml", lambda xml: xml[:150]
        ),
    ),
    "a book with broken XML": ("坏.epub", lambda: epub(**{"O__b.opf": "<package>"})),
    "a book that grows by its entities": ("长.epub", lambda: epub(**{"O__b.opf": ENTITIES})),
    "a workbook that grows by its entities": (
        "长.xlsx",
        lambda: with_member(
            saved(book(("Sheet1", [["标题", "正文"], ["甲", TEXT]]))),
            "xl/worksheets/sheet1.xml",
            lambda xml: ENTITIES.encode(),
        ),
    ),
    "slides without a word": ("空.pptx", lambda: saved(__import__("pptx").Presentation())),
    "a workbook without a word": ("空.xlsx", lambda: saved(book(("Sheet1", [])))),
    "a workbook of figures alone": ("数.xlsx", lambda: saved(book(("Sheet1", [[1, 2, 3]] * 9)))),
    "a book of a cover alone": (
        "空.epub",
        lambda: epub(**{"O__a.xhtml": page("一", ""), "O__二 章.xhtml": page("二", "<p> </p>")}),
    ),
    "a zip that is no slide show": ("假.pptx", lambda: zipped({"a.txt": TEXT})),
    "a zip that is no workbook": ("假.xlsx", lambda: zipped({"a.txt": TEXT})),
    "a zip that is no book": ("假.epub", lambda: zipped({"a.txt": TEXT})),
    "a text called pptx": ("字.pptx", lambda: TEXT.encode()),
    "a text called xlsx": ("字.xlsx", lambda: TEXT.encode()),
    "a text called epub": ("字.epub", lambda: TEXT.encode()),
    "a workbook under a password": ("锁.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)),
}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case)
def test_bad_files_are_refused_by_name_with_a_reason(tmp_path: Path, case: str) -> None:
    name, content = BAD[case]
    reason = refused(tmp_path, name, content())
    assert 4 <= len(reason) <= 160
    assert "Traceback" not in reason


def test_old_formats_are_refused_with_what_to_save_them_as(tmp_path: Path) -> None:
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
    for name, better in (("旧.doc", "docx"), ("旧.ppt", "pptx"), ("旧.xls", "xlsx")):
        assert better in refused(tmp_path, name, old)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name in ("大.pptx", "大.xlsx", "大.epub", "大.png"):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" if name.endswith("png") else b"PK\x03\x04")
            file.truncate(2 * 2**30)  # a hole: costs no disk
        with pytest.raises(FileRefused) as refusal:
            read(path, name)
        assert "MB" in str(refusal.value.fields["reason"])
