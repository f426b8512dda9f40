"""Files of every kind become documents; hostile, broken and empty ones are refused by name with a reason."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.articles import cut
from rag.errors import FileRefused, PathMissing
from rag.reading import files_in, read, read_all
from rag.types import Document

TEXT = "眼下正是春灌的时候，全县要浇三万亩麦田。农技员提醒，先查渠道，再查水泵，最后看墒情。"


def put(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def opened(folder: Path, name: str, content: bytes | str) -> Document:
    return read(put(folder, name, content), name)


def refused(folder: Path, name: str, content: bytes | str) -> str:
    with pytest.raises(FileRefused) as refusal:
        opened(folder, name, content)
    assert refusal.value.fields["file"] == name
    return str(refusal.value.fields["reason"])


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


# ---------------------------------------------------------------- folders


def test_a_folder_is_walked_in_name_order_and_names_are_below_it(tmp_path: Path) -> None:
    for name in ("乙/2.txt", "乙/10.txt", "a.txt", "甲.txt"):
        put(tmp_path, name, TEXT)
    assert [source for _, source in files_in([tmp_path])] == ["a.txt", "甲.txt", "乙/10.txt", "乙/2.txt"]


def test_a_single_file_is_named_by_its_name(tmp_path: Path) -> None:
    path = put(tmp_path, "夹/春灌.txt", TEXT)
    assert [source for _, source in files_in([path])] == ["春灌.txt"]


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathMissing):
        list(files_in([tmp_path / "没有"]))


def test_hidden_files_are_left_out_with_a_reason(tmp_path: Path) -> None:
    for name in (".DS_Store", "~$草稿.docx", ".git/config", "__MACOSX/x.txt", "正文.txt"):
        put(tmp_path, name, TEXT)
    left: list[tuple[str, str]] = []
    assert [source for _, source in files_in([tmp_path], lambda name, why: left.append((name, why)))] == ["正文.txt"]
    assert {name for name, _ in left} == {".DS_Store", "~$草稿.docx", ".git", "__MACOSX"}
    assert all(why for _, why in left)


def test_links_out_of_the_folder_are_refused_and_links_inside_are_not_read_twice(tmp_path: Path) -> None:
    secret = put(tmp_path, "外/秘密.txt", TEXT)
    inside = put(tmp_path, "库/正文.txt", TEXT)
    (tmp_path / "库/偷看.txt").symlink_to(secret)
    (tmp_path / "库/又一份.txt").symlink_to(inside)
    (tmp_path / "库/断了.txt").symlink_to(tmp_path / "没有")
    (tmp_path / "库/外面").symlink_to(tmp_path / "外", target_is_directory=True)
    (tmp_path / "库/圈").symlink_to(tmp_path / "库", target_is_directory=True)
    found = {source: next(read_all(path, source)) for path, source in files_in([tmp_path / "库"])}
    assert isinstance(found.pop("正文.txt"), Document)
    assert set(found) == {"偷看.txt", "断了.txt", "外面"}
    assert all(isinstance(outcome, FileRefused) for outcome in found.values())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "管.txt")
    [(path, source)] = files_in([tmp_path])
    assert isinstance(next(read_all(path, source)), FileRefused)


def test_names_with_unseen_characters_are_shown_escaped(tmp_path: Path) -> None:
    put(tmp_path, "看\n不\x07见\u202e.txt", TEXT)
    [(path, source)] = files_in([tmp_path])
    assert source == "看\\x0a不\\x07见\\x202e.txt"
    assert read(path, source).source == source


def test_a_name_in_gbk_is_read_as_such(tmp_path: Path) -> None:
    try:
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + "春灌.txt".encode("gbk")))).write_text(TEXT, "utf-8")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert [source for _, source in files_in([tmp_path])] == ["春灌.txt"]


def test_a_path_of_three_hundred_characters_is_read(tmp_path: Path) -> None:
    name = "/".join(["长" * 60] * 5) + "/春灌.txt"
    put(tmp_path, name, TEXT)
    [(path, source)] = files_in([tmp_path])
    assert source == name
    assert texts(read(path, source)) == [TEXT]


# ---------------------------------------------------------------- text


def test_front_matter_becomes_properties(tmp_path: Path) -> None:
    document = opened(
        tmp_path,
        "春灌.md",
        f'---\ntitle: "春灌三件事"\nauthor: 李农\ndate: 2025年3月8日\ncolumn: 农技\nsource: 县农技站\n---\n\n{TEXT}\n',
    )
    assert (document.title, document.author, document.date, document.column) == (
        "春灌三件事",
        "李农",
        "2025-03-08",
        "农技",
    )
    assert texts(document) == [TEXT, "来源：县农技站"]


def test_head_lines_without_marks_are_properties_too(tmp_path: Path) -> None:
    document = opened(tmp_path, "春灌.txt", f"标题：春灌三件事\n作者：李农\n日期：2025-03-08\n\n{TEXT}")
    assert (document.title, document.author, document.date) == ("春灌三件事", "李农", "2025-03-08")
    assert texts(document) == [TEXT]


def test_markdown_keeps_headings_tables_and_lists_and_drops_its_marks(tmp_path: Path) -> None:
    document = opened(
        tmp_path,
        "x.md",
        "# 标题\n\n**先查**渠道，[再查](http://x.y)水泵。\n\n## 小标题\n\n| 甲 | 乙 |\n| --- | --- |\n| 1 | 2 |\n\n- 一\n- 二\n\n"
        "第二节\n----\n\n<!-- 看不见 -->\n![图](a.png)\n\n> 引文一句。\n",
    )
    assert [(b.kind, b.level, b.text) for b in document.blocks] == [
        ("heading", 1, "标题"),
        ("paragraph", 0, "先查渠道，再查水泵。"),
        ("heading", 2, "小标题"),
        ("table", 0, "| 甲 | 乙 |\n| --- | --- |\n| 1 | 2 |"),
        ("list", 0, "- 一\n- 二"),
        ("heading", 2, "第二节"),
        ("paragraph", 0, "图"),
        ("paragraph", 0, "引文一句。"),
    ]


def test_a_text_wrapped_to_one_width_is_joined_again(tmp_path: Path) -> None:
    whole = TEXT * 4
    wrapped = "\n".join(whole[i : i + 30] for i in range(0, len(whole), 30))
    assert texts(opened(tmp_path, "x.txt", wrapped)) == [whole]


def test_characters_that_nobody_sees_are_left_out(tmp_path: Path) -> None:
    assert texts(opened(tmp_path, "x.txt", f"\ufeff\u200b{TEXT[:5]}\u200b{TEXT[5:]}\u202e\n")) == [TEXT]


# ---------------------------------------------------------------- rows


def test_rows_become_records_and_bad_lines_are_named(tmp_path: Path) -> None:
    lines = [
        json.dumps(
            {
                "id": "a1",
                "text": TEXT,
                "title": "春灌",
                "author": ["李农", "王田"],
                "date": "2025/3/8",
                "column": "农技",
            },
            ensure_ascii=False,
        ),
        "",
        "{坏的",
        "[1, 2]",
        json.dumps({"id": "a2"}),
        json.dumps({"text": "只有正文的一行。"}, ensure_ascii=False),
        json.dumps({"id": "a1", "text": "同一个编号的另一行。"}, ensure_ascii=False),
        json.dumps({"text": "坏\u0000字"}),
        json.dumps({"text": "坏\ufffd字"}),
    ]
    document = opened(tmp_path, "库.jsonl", "\n".join(lines))
    first, second, third = document.records
    assert (first.key, first.title, first.author, first.date, first.column) == (
        "a1",
        "春灌",
        "李农 王田",
        "2025-03-08",
        "农技",
    )
    assert (second.key, third.key) == ("库.jsonl#6", "库.jsonl#7")
    assert [line for line in range(1, 10) if any(f"第 {line} 行" in loss for loss in document.losses)] == [
        3,
        4,
        5,
        8,
        9,
    ]
    assert [article.source for article in cut(document)] == ["a1", "库.jsonl#6", "库.jsonl#7"]


def test_rows_in_gbk_are_read_and_a_line_in_another_encoding_is_left_out(tmp_path: Path) -> None:
    row = json.dumps({"id": "甲", "text": TEXT}, ensure_ascii=False)
    document = opened(tmp_path, "库.jsonl", (row + "\n").encode("gbk") * 3 + b'{"text": "\xff\xff"}\n')
    assert document.encoding == "gb18030"
    assert len(document.records) == 3
    assert len(document.losses) == 1


def test_a_character_that_nobody_sees_loses_no_row(tmp_path: Path) -> None:
    document = opened(tmp_path, "行.jsonl", json.dumps({"text": f"\x7f{TEXT[:9]}\u200b{TEXT[9:]}"}))
    assert ([r.text for r in document.records], document.losses) == ([TEXT], ())


def test_many_bad_lines_are_counted_not_listed(tmp_path: Path) -> None:
    document = opened(tmp_path, "库.jsonl", json.dumps({"text": TEXT}) + "\n" + "{坏\n" * 1000)
    assert len(document.losses) <= 30
    assert "980" in document.losses[-1]


def test_a_hundred_thousand_rows_are_read_in_seconds(tmp_path: Path) -> None:
    import time

    row = json.dumps({"id": "%d", "text": TEXT * 10}, ensure_ascii=False)
    path = put(tmp_path, "库.jsonl", "\n".join(row % n for n in range(40_000)))
    started = time.process_time()
    assert len(read(path, "库.jsonl").records) == 40_000
    assert time.process_time() - started < 20  # 2 s on two idle cores


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk", "utf-16"])
def test_a_table_with_a_text_column_is_rows(tmp_path: Path, encoding: str) -> None:
    document = opened(
        tmp_path,
        "表.csv",
        f'标题,作者,日期,正文\n春灌,李农,2025-3-8,"{TEXT}\n第二段。"\n秋播,,,第二行的正文。\n'.encode(encoding),
    )
    first, second = document.records
    assert (first.title, first.author, first.date, first.text) == ("春灌", "李农", "2025-03-08", f"{TEXT}\n第二段。")
    assert (second.title, second.author, second.date) == ("秋播", None, None)


def test_questions_and_answers_are_titles_and_texts(tmp_path: Path) -> None:
    [record] = opened(tmp_path, "问答.csv", "问题\t答案\n麦苗发黄怎么办？\t先看根再看叶，缺氮就追肥。\n").records
    assert (record.title, record.text) == ("麦苗发黄怎么办？", "先看根再看叶，缺氮就追肥。")


def test_a_table_may_have_its_name_above_it(tmp_path: Path) -> None:
    document = opened(tmp_path, "表.csv", "青岭县产量表,,\n县,作物,产量\n青岭,稻,560\n云溪,麦,310\n".encode("gbk"))
    assert [(r.title, r.text) for r in document.records] == [
        ("青岭县产量表 青岭", "县：青岭；作物：稻；产量：560。"),
        ("青岭县产量表 云溪", "县：云溪；作物：麦；产量：310。"),
    ]


def test_other_tables_are_a_record_a_row_with_the_names_of_their_columns(tmp_path: Path) -> None:
    [record] = opened(tmp_path, "水质.csv", "监测点,水质类别,溶解氧\n龙头桥,Ⅱ类,8.1\n").records
    assert (record.title, record.text) == ("龙头桥", "监测点：龙头桥；水质类别：Ⅱ类；溶解氧：8.1。")


# ---------------------------------------------------------------- web pages

PAGE = f"""<html><head><meta charset="{{charset}}"><title>春灌三件事_青岭农业网</title><meta name="author" content="李农">
<meta property="article:published_time" content="2025-03-08T09:00:00+08:00"><script>alert('坏')</script><style>p{{{{color:red}}}}</style></head>
<body><nav><a href="/">首页</a><a href="/n">农技</a></nav><div class="sidebar">热门文章 点击排行 一二三四五</div>
<div id="content"><h1>春灌三件事</h1><p>{TEXT}</p><p style="display:none">看不见的话</p><h2>先查渠道</h2><p>淤泥要清。<br>杂草要除。</p>
<table><tr><th>田块</th><th>墒情</th></tr><tr><td>东坡</td><td>干</td></tr></table><ul><li>带铁锹</li><li>带水表</li></ul></div>
<div class="footer">版权所有 联系我们 京ICP备00000000号</div></body></html>"""


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "utf-8"),
        ("gbk", "gb2312"),
        ("utf-8", "gb2312"),
        ("gbk", "utf-8"),
        ("gb18030", "iso-8859-1"),
        ("utf-16", "utf-8"),
    ],
)
def test_a_web_page_gives_its_main_text_whatever_charset_it_claims(
    tmp_path: Path, encoding: str, declared: str
) -> None:
    document = opened(tmp_path, "页.html", PAGE.format(charset=declared).encode(encoding))
    assert (document.title, document.author, document.date) == ("春灌三件事", "李农", "2025-03-08")
    assert texts(document) == [
        TEXT,
        "先查渠道",
        "淤泥要清。",
        "杂草要除。",
        "| 田块 | 墒情 |\n| --- | --- |\n| 东坡 | 干 |",
        "- 带铁锹\n- 带水表",
    ]


def test_cells_over_several_rows_or_columns_leave_every_figure_under_its_heading(tmp_path: Path) -> None:
    table = (
        "<table><tr><th>县</th><th colspan=2>产量</th></tr><tr><td rowspan=2>青岭</td><td>稻</td><td>12</td></tr>"
        "<tr><td>麦</td><td>34</td></tr><tr><td rowspan=99999>云溪</td><td colspan=x>稻</td><td>5</td></tr></table>"
    )
    page = opened(tmp_path, "页.html", f"<body><p>{TEXT}</p>{table}</body>")
    assert texts(page)[1].split("\n") == [
        "| 县 | 产量 | 产量 |",
        "| --- | --- | --- |",
        "| 青岭 | 稻 | 12 |",
        "| 青岭 | 麦 | 34 |",
        "| 云溪 | 稻 | 5 |",
    ]


def test_a_list_inside_a_list_stays_under_its_item(tmp_path: Path) -> None:
    items = "<ol><li>先查渠道<ul><li>淤泥</li><li>杂草</li></ul></li><li><p>再查水泵</p></li></ol>"
    page = opened(tmp_path, "页.html", f"<body><h1>春灌</h1>{items}<p>{TEXT}</p></body>")
    assert texts(page)[0] == "1. 先查渠道\n  - 淤泥\n  - 杂草\n2. 再查水泵"


def test_a_web_page_under_the_name_of_a_text_is_read_as_one(tmp_path: Path) -> None:
    page = opened(tmp_path, "页.txt", PAGE.format(charset="utf-8"))
    assert (page.format, page.title, page.blocks[0].text) == ("html", "春灌三件事", TEXT)


def test_spaces_that_a_program_put_behind_each_character_go(tmp_path: Path) -> None:
    assert texts(opened(tmp_path, "隔.txt", " ".join(TEXT * 2))) == [TEXT * 2]
    poem = "春眠 不觉晓 处处 闻啼鸟\n" * 5
    assert texts(opened(tmp_path, "诗.txt", poem))[0] == "春眠 不觉晓 处处 闻啼鸟"


def test_a_big5_page_that_says_so(tmp_path: Path) -> None:
    page = "<html><head><meta charset=big5></head><body><h1>候鳥</h1><p>白鷺灣迎來首批越冬候鳥，共十四種，比去年提前了六天。</p></body></html>"
    assert opened(tmp_path, "頁.htm", page.encode("big5")).encoding == "big5"


def test_a_web_archive_gives_its_page(tmp_path: Path) -> None:
    from email.mime.multipart import MIMEMultipart
    from email.mime.text import MIMEText

    whole = MIMEMultipart("related")
    whole.attach(MIMEText(PAGE.format(charset="utf-8"), "html", "utf-8"))
    whole.attach(MIMEText("body{}", "css", "utf-8"))
    document = opened(tmp_path, "页.mhtml", whole.as_bytes())
    assert document.title == "春灌三件事"
    assert document.blocks[0].text == TEXT


# ---------------------------------------------------------------- Word


def word(build: Callable[..., None]) -> bytes:
    import docx

    document, out = docx.Document(), io.BytesIO()
    build(document)
    document.save(out)
    return out.getvalue()


def test_a_word_file_keeps_headings_tables_and_lists(tmp_path: Path) -> None:
    def build(document: object) -> None:
        document.core_properties.author, document.core_properties.title = "李农", "文档1"  # type: ignore[attr-defined]
        document.add_heading("春灌三件事", 0)  # type: ignore[attr-defined]
        document.add_paragraph(TEXT)  # type: ignore[attr-defined]
        document.add_heading("先查渠道", 1)  # type: ignore[attr-defined]
        document.add_paragraph("带铁锹", "List Bullet")  # type: ignore[attr-defined]
        document.add_paragraph("带水表", "List Bullet")  # type: ignore[attr-defined]
        table = document.add_table(2, 2)  # type: ignore[attr-defined]
        for cell, words in zip(
            [c for row in table.rows for c in row.cells], ("田块", "墒情", "东坡", "干"), strict=True
        ):
            cell.text = words

    document = opened(tmp_path, "春灌.docx", word(build))
    assert (document.title, document.author) == ("春灌三件事", "李农")
    assert [(b.kind, b.text) for b in document.blocks] == [
        ("paragraph", TEXT),
        ("heading", "先查渠道"),
        ("list", "- 带铁锹\n- 带水表"),
        ("table", "| 田块 | 墒情 |\n| --- | --- |\n| 东坡 | 干 |"),
    ]


def test_merged_cells_in_word_leave_every_figure_under_its_heading(tmp_path: Path) -> None:
    def build(document: object) -> None:
        document.add_paragraph(TEXT)  # type: ignore[attr-defined]
        table = document.add_table(3, 3)  # type: ignore[attr-defined]
        for row, words in enumerate((("县", "产量", ""), ("青岭", "稻", "12"), ("", "麦", "34"))):
            for column, said in enumerate(words):
                table.cell(row, column).text = said
        table.cell(0, 1).merge(table.cell(0, 2)).text = "产量"
        table.cell(1, 0).merge(table.cell(2, 0)).text = "青岭"

    rows = texts(opened(tmp_path, "表.docx", word(build)))[1].split("\n")
    assert rows[0] == "| 县 | 产量 | 产量 |"
    assert rows[2:] == ["| 青岭 | 稻 | 12 |", "| 青岭 | 麦 | 34 |"]


def test_fields_of_a_form_moved_words_and_footnotes_in_word(tmp_path: Path) -> None:
    name = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

    def build(document: object) -> None:
        from docx.opc.packuri import PackURI
        from docx.opc.part import Part
        from docx.oxml import parse_xml

        def said(words: str) -> str:
            return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"

        def field(inside: str, more: str = "") -> object:
            return parse_xml(f'<w:sdt xmlns:w="{name}">{more}<w:sdtContent>{inside}</w:sdtContent></w:sdt>')

        gallery = '<w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
        moved = f"<w:moveFrom><w:r><w:t>{TEXT}</w:t></w:r></w:moveFrom><w:r><w:t>留下的话。</w:t></w:r>"
        body = document.element.body  # type: ignore[attr-defined]
        body.insert(0, parse_xml(f'<w:p xmlns:w="{name}">{moved}</w:p>'))
        body.insert(0, field(said(TEXT)))
        body.insert(0, field(said("目录……1"), gallery))
        note = f'<w:footnotes xmlns:w="{name}"><w:footnote w:type="separator">{said("—")}</w:footnote>'
        note += f"<w:footnote>{said('据县志。')}</w:footnote></w:footnotes>"
        main = document.part  # type: ignore[attr-defined]
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
        part = Part(PackURI("/word/footnotes.xml"), kind, note.encode(), main.package)
        main.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes")

    assert texts(opened(tmp_path, "表.docx", word(build))) == [TEXT, "留下的话。", "注：据县志。"]


def test_bold_lines_in_word_head_what_stands_under_them(tmp_path: Path) -> None:
    def build(document: object) -> None:
        for line in ("一、先查渠道", "二、再查水泵"):
            document.add_paragraph().add_run(line).bold = True  # type: ignore[attr-defined]
            document.add_paragraph(TEXT).add_run("要紧。").bold = True  # type: ignore[attr-defined]

    document = opened(tmp_path, "春灌.docx", word(build))
    assert [(b.kind, b.text) for b in document.blocks[:2]] == [
        ("heading", "一、先查渠道"),
        ("paragraph", TEXT + "要紧。"),
    ]
    [article] = cut(document)
    assert (article.title, [s.heading for s in article.sections]) == ("春灌", ["一、先查渠道", "二、再查水泵"])


def test_a_text_that_is_bold_throughout_has_no_headings(tmp_path: Path) -> None:
    def build(document: object) -> None:
        for line in ("先查渠道", TEXT, "再查水泵", TEXT):
            document.add_paragraph().add_run(line).bold = True  # type: ignore[attr-defined]

    assert all(b.kind == "paragraph" for b in opened(tmp_path, "春灌.docx", word(build)).blocks)


def test_counted_chapters_are_parts_of_one_text_and_pieces_of_a_reader_are_not(tmp_path: Path) -> None:
    for titles, number in ((("第一章 总则", "第二章 巡堤", "第三章 抢险"), 1), (("萤火虫", "桂花", "候鸟"), 3)):
        text = "".join(f"# {title}\n\n{TEXT * 8}\n\n" for title in titles)
        articles = cut(opened(tmp_path, "手册.md", text))
        assert len(articles) == number
    one = cut(opened(tmp_path, "手册.md", "# 第一章 总则\n\n" + TEXT + "\n\n# 第二章 巡堤\n\n" + TEXT))[0]
    assert (one.title, one.sections[0].heading) == ("手册", "第一章 总则")


def test_the_day_under_a_title_is_the_text_s_day(tmp_path: Path) -> None:
    [article] = cut(opened(tmp_path, "春灌.txt", f"春灌三件事\n\n作者：王芳\n\n2024年3月5日\n\n{TEXT}"))
    assert (article.title, article.author, article.date, article.text) == ("春灌三件事", "王芳", "2024-03-05", TEXT)


def test_the_name_of_a_program_is_no_author(tmp_path: Path) -> None:
    assert opened(tmp_path, "x.docx", word(lambda d: d.add_paragraph(TEXT))).author is None


# ---------------------------------------------------------------- archives


def zipped(members: dict[str, bytes | str], **options: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", options.get("method", zipfile.ZIP_DEFLATED)) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def outcomes(folder: Path, content: bytes) -> dict[str, Document | str]:
    found = read_all(put(folder, "包.zip", content), "包.zip")
    return {
        str(o.fields["file"]) if isinstance(o, FileRefused) else o.source: str(o.fields["reason"])
        if isinstance(o, FileRefused)
        else o
        for o in found
    }


def test_each_member_of_an_archive_is_a_document_of_its_own(tmp_path: Path) -> None:
    found = outcomes(
        tmp_path, zipped({"春/一.txt": TEXT, "二.md": f"# 题\n\n{TEXT}", "__MACOSX/._一.txt": "x", "三.exe": "MZ\x90"})
    )
    assert set(found) == {"包.zip/春/一.txt", "包.zip/二.md", "包.zip/三.exe"}
    assert isinstance(found["包.zip/三.exe"], str)
    assert texts(found["包.zip/春/一.txt"]) == [TEXT]  # type: ignore[arg-type]


def test_member_names_in_gbk_are_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("XX.txt", TEXT)
    raw = out.getvalue().replace(b"XX.txt", "春".encode("gbk") + b".txt")
    assert list(outcomes(tmp_path, raw)) == ["包.zip/春.txt"]


def test_members_that_lead_outside_are_refused_and_nothing_is_written_there(tmp_path: Path) -> None:
    found = outcomes(
        tmp_path,
        zipped({"../../逃.txt": TEXT, "/etc/逃.txt": TEXT, "C:/逃.txt": TEXT, "..\\..\\逃.txt": TEXT, "好.txt": TEXT}),
    )
    assert sum(isinstance(o, Document) for o in found.values()) == 1
    assert len(found) == 5
    assert not list(tmp_path.parent.glob("逃*"))


def test_a_zip_bomb_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    import tracemalloc

    bomb = zipped({"弹.txt": b"0" * (300 * 2**20), "好.txt": TEXT})
    tracemalloc.start()
    try:
        found = outcomes(tmp_path, bomb)
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()
    assert isinstance(found["包.zip/弹.txt"], str)
    assert isinstance(found["包.zip/好.txt"], Document)


def test_an_archive_inside_an_archive_is_refused(tmp_path: Path) -> None:
    found = outcomes(tmp_path, zipped({"里.zip": zipped({"一.txt": TEXT}), "好.txt": TEXT}))
    assert isinstance(found["包.zip/里.zip"], str)
    assert isinstance(found["包.zip/好.txt"], Document)


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    raw = bytearray(zipped({"一.txt": TEXT * 50}))
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (10).to_bytes(4, "little")  # the size in the directory
    found = outcomes(tmp_path, bytes(raw))
    assert all(isinstance(o, str) or texts(o) == [TEXT * 50] for o in found.values())


# ---------------------------------------------------------------- bad files


def broken_docx() -> bytes:
    return word(lambda d: d.add_paragraph(TEXT))[:2000]


def docx_without_text() -> bytes:
    return word(lambda d: None)


def docx_bomb() -> bytes:
    raw = io.BytesIO(word(lambda d: d.add_paragraph(TEXT)))
    with zipfile.ZipFile(raw, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/big.xml", b" " * (60 * 2**20))
    return raw.getvalue()


def docx_with_bad_xml() -> bytes:
    good, out = io.BytesIO(word(lambda d: d.add_paragraph(TEXT))), io.BytesIO()
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"<w:document" if name == "word/document.xml" else old.read(name))
    return out.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
LOGIN = "<html><title>统一身份认证</title><body><h2>用户登录</h2><form>用户名<input>密码<input></form><p>请输入用户名</p></body></html>"
BAD: dict[str, tuple[str, bytes | str | Callable[[], bytes]]] = {
    "an empty file": ("空.txt", b""),
    "a text of blank lines": ("空白.txt", " \n\u3000\n\t\r\n"),
    "a mark of byte order alone": ("空.txt", b"\xef\xbb\xbf"),
    "front matter alone": ("空.md", "---\ntitle: 题\n---\n"),
    "random bytes": ("乱.txt", bytes(range(256)) * 8),
    "zeros": ("零.txt", bytes(4096)),
    "a program called txt": ("程序.txt", b"\x7fELF" + bytes(100)),
    "a picture called txt": ("图.txt", PNG),
    "a picture called md": ("图.md", PNG),
    "a picture called pdf": ("图.pdf", PNG),
    "a pdf called docx": ("文.docx", b"%PDF-1.4\n"),
    "an old doc called docx": ("旧.docx", OLE),
    "an old doc": ("旧.doc", OLE),
    "a wps file": ("旧.wps", OLE),
    "a slide show": ("讲.ppt", OLE),
    "a sheet": ("表.xlsx", zipped({"a": "b"})),
    "a picture": ("扫描.jpg", b"\xff\xd8\xff" + bytes(100)),
    "a film": ("片.mp4", bytes(100)),
    "an archive that is no zip": ("包.rar", b"Rar!" + bytes(100)),
    "an unknown format": ("东西.xyz", TEXT),
    "no extension": ("README", TEXT),
    "UTF-8 cut off": ("断.txt", (TEXT * 3).encode()[:-1]),
    "UTF-16 cut off": ("断.txt", TEXT.encode("utf-16")[:-1]),
    "two encodings in one file": ("混.txt", (TEXT + "\n").encode("gbk") + TEXT.encode()),
    "a text with lost characters": ("丢.txt", TEXT.replace("三万", "��")),
    "a text read wrongly before": ("乱.txt", (TEXT * 2).encode().decode("gb18030", "ignore")),
    "a text read as Latin before": ("乱.txt", (TEXT * 2).encode().decode("latin-1").replace("\x85", "")),
    "a text with control characters": ("控.txt", TEXT[:20] + "\x00\x01\x02" + TEXT[20:]),
    "a 404 page": ("错.html", "<html><title>404 Not Found</title><body><h1>404 Not Found</h1><hr>nginx</body></html>"),
    "a 404 page in Chinese": (
        "错.html",
        "<html><title>出错啦</title><body><p>您访问的页面不存在，可能已被删除。</p><a href=/>返回首页</a></body></html>",
    ),
    "a login page": ("登.html", LOGIN),
    "an error saved as text": ("错.txt", "502 Bad Gateway\nnginx/1.18.0"),
    "a page that asks for a login again and again": (
        "登.html",
        "<title>登录</title>" + "<p>请登录后查看更多内容</p>" * 40,
    ),
    "a page whose writer took it back": ("删.html", "<p>该内容已被发布者删除</p>"),
    "a page that was taken down": ("删.html", "<p>此内容因违规无法查看</p><p>由用户投诉并经平台审核。</p>"),
    "a page that ran out of time": ("提示.html", "<title>提示</title><p>会话已过期，请重新登录</p>"),
    "a page for those who pay": ("会员.html", "<p>本文为会员专享内容，开通会员后阅读全文</p>"),
    "a page that wants to see a person": ("验证.html", "<title>百度安全验证</title><p>网络不给力，请稍后重试</p>"),
    "a page that looks at the browser": (
        "查.html",
        "<h1>Checking your browser before accessing</h1><p>This process is automatic. Your browser will redirect shortly.</p>",
    ),
    "a program's last words": (
        "错.txt",
        'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nValueError: invalid literal for int()\n',
    ),
    "a server's last words": ("错.txt", "java.lang.NullPointerException: null\n\tat com.a.B.c(B.java:10)\n"),
    "a database's refusal": ("错.html", "<b>Warning</b>: mysql_connect(): Access denied for user 'root'@'localhost'"),
    "an answer for programs": ("错.txt", '{"code":401,"message":"unauthorized","data":null}'),
    "an answer for programs in Chinese": ("错.txt", '{"error":"系统内部出错，请联系管理员"}'),
    "a store's answer": (
        "错.txt",
        "<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>No key.</Message></Error>",
    ),
    "a page of scripts": ("空.html", "<html><script>var x = '正文';</script><style>p{}</style></html>"),
    "a page without anything": ("空.html", "<!doctype html>"),
    "a web archive without a page": ("空.mhtml", "MIME-Version: 1.0\nContent-Type: text/plain\n\n"),
    "a word file cut off": ("断.docx", broken_docx),
    "a word file without text": ("空.docx", docx_without_text),
    "a word file that is a bomb": ("弹.docx", docx_bomb),
    "a word file with broken XML": ("坏.docx", docx_with_bad_xml),
    "a zip that is no word file": ("假.docx", zipped({"a.txt": TEXT})),
    "a pdf of its head alone": ("断.pdf", b"%PDF-1.7\n"),
    "a pdf of rubbish": ("坏.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 20),
    "rows without JSON": ("行.jsonl", "这不是 JSON\n也不是\n"),
    "rows without text": ("行.jsonl", '{"id": 1}\n{"title": "题"}\n'),
    "rows of numbers": ("行.jsonl", '{"text": 12}\n{"text": ["甲"]}\n'),
    "a row nested without end": ("行.jsonl", '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    "a table without a header": ("表.csv", "1,2,3\n4,5,6\n"),
    "a table of its header alone": ("表.csv", "标题,正文\n"),
    "a zip that is rubbish": ("坏.zip", b"PK\x03\x04" + bytes(100)),
    "an empty zip": ("空.zip", b"PK\x05\x06" + bytes(18)),
}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case)
def test_bad_files_are_refused_by_name_with_a_reason(tmp_path: Path, case: str) -> None:
    name, content = BAD[case]
    path = put(tmp_path, name, content() if callable(content) else content)
    found = list(read_all(path, f"夹/{name}"))
    assert len(found) == 1
    [refusal] = found
    assert isinstance(refusal, FileRefused), refusal
    assert refusal.fields["file"] == f"夹/{name}"
    reason = str(refusal.fields["reason"])
    assert 4 <= len(reason) <= 160
    assert "Error" not in reason.replace("XMLSyntaxError", "").replace("KeyError", "").replace("ValueError", "")


def test_there_are_bad_files_enough() -> None:
    assert len(BAD) >= 40


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name in ("大.txt", "大.jsonl", "大.html", "大.pdf", "大.docx"):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write({".pdf": b"%PDF-1.7", ".docx": b"PK\x03\x04"}.get(path.suffix, "正文".encode()))
            file.truncate(2 * 2**30)  # a hole: costs no disk
        with pytest.raises(FileRefused) as refusal:
            read(path, name)
        assert "MB" in str(refusal.value.fields["reason"])


def test_short_articles_that_name_errors_are_no_error_pages(tmp_path: Path) -> None:
    for text in (
        "大桥全长503米，宽26米。",
        "我市新增404个充电桩。",
        "市科协公布了500名科普员名单，市民可登录市科协网站查看。",
        "课上讲了程序怎样报错：Traceback (most recent call last) 下面一行写着文件名，再下面才是出错的原因。",
    ):
        assert texts(opened(tmp_path, "短.txt", text)) == [text]
