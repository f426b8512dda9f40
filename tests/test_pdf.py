"""Printed pages are read as they are read by people: headline, columns from left to right, boxes and tables apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.articles import cut
from rag.errors import FileRefused
from rag.reading import read
from rag.types import Article, Document

WIDE, TALL = 600, 840


class Paper:
    """A page as it is drawn, with Adobe's Song by name (nothing embedded); y goes down from the upper edge."""

    def __init__(self) -> None:
        self.ink: list[str] = []
        self.sheet = f"/MediaBox [0 0 {WIDE} {TALL}]"

    def turned(self, degrees: int, rotate: int) -> Paper:
        """The same, drawn turned against the clock; `rotate`: by which the file says to show it turned with the clock."""
        matrix = {90: f"0 1 -1 0 {TALL} 0", 180: f"-1 0 0 -1 {WIDE} {TALL}", 270: f"0 -1 1 0 0 {WIDE}"}[degrees]
        paper = Paper()
        paper.ink = [f"q {matrix} cm", *self.ink, "Q"]
        wide, tall = (WIDE, TALL) if degrees == 180 else (TALL, WIDE)
        paper.sheet = f"/MediaBox [0 0 {wide} {tall}] /Rotate {rotate}"
        return paper

    def text(self, x: float, y: float, words: str, size: float = 10, bold: bool = False, grey: float = 0) -> None:
        code = words.encode("utf-16-be").hex()
        self.ink.append(f"BT {grey} g /{'B' if bold else 'S'} {size} Tf {x} {TALL - y} Td <{code}> Tj ET")

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self.ink.append(f"0.5 w {x0} {TALL - y0} m {x1} {TALL - y1} l S")

    def box(self, x: float, y: float, width: float, height: float, fill: float | None = None) -> None:
        at = f"{x} {TALL - y - height} {width} {height} re"
        self.ink.append(f"{at} S" if fill is None else f"{fill} g {at} f")

    def columns(self, x: float, y: float, width: float, count: int, paragraphs: Sequence[str], rows: int) -> None:
        """Paragraphs in type of ten points, indented by two characters, poured into columns of equal height."""
        lines: list[tuple[float, str]] = []
        fit = int(width // 10)
        for paragraph in paragraphs:
            rest = paragraph
            room, indent = fit - 2, 20.0
            while rest:
                if len(rest) > room and rest[room] in "。，；：、”":  # the mark hangs: one more goes over
                    lines.append((indent, rest[: room - 1]))
                    rest = rest[room - 1 :]
                else:
                    lines.append((indent, rest[:room]))
                    rest = rest[room:]
                room, indent = fit, 0.0
        for n, (indent, line) in enumerate(lines):
            self.text(x + (n // rows) * (width + 16) + indent, y + 15 * (n % rows), line)
        assert len(lines) <= rows * count


def pdf(*papers: Paper) -> bytes:
    """The papers as a file."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{7 + 2 * n} 0 R' for n in range(len(papers)))}] /Count {len(papers)} >>",
        *[
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /UniGB-UCS2-H /DescendantFonts [{n} 0 R] >>"
            for name, n in (("STSong-Light", 5), ("STHeiti-Bold", 6))
        ],
        *[
            f"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /{name} /DW 1000 "
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> >>"
            for name in ("STSong-Light", "STHeiti-Bold")
        ],
    ]
    for n, paper in enumerate(papers):
        stream = "\n".join(paper.ink)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R {paper.sheet} /Contents {8 + 2 * n} 0 R "
            "/Resources << /Font << /S 3 0 R /B 4 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out, places = b"%PDF-1.4\n", []
    for n, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{n} 0 obj\n{body}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    return out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()


def opened(folder: Path, *papers: Paper, name: str = "版.pdf") -> Document:
    path = folder / name
    path.write_bytes(pdf(*papers))
    return read(path, name)


def articles(folder: Path, *papers: Paper) -> list[Article]:
    return cut(opened(folder, *papers))


FLOOD = (
    "本报讯　五月十五日夜里，松山市水利局的十二支巡堤队冒雨上了河堤。今年入汛比常年早了九天，全市已有三座水库超过汛限水位。",
    "队员们每隔二百米停一次，用探杆查有没有渗水。夜里看水，白天看土，队长韩铁生说，土一湿，心就得提起来。当晚共发现渗点四处，都在天亮前压住了。",
    "水利局提醒，河滩放牧的村民请尽快把牲畜赶上高岗。（本报记者　宋一鸣）",
)
CLINIC = (
    "本报讯　近日，桂园社区卫生服务站装上了口腔综合治疗台，居民看牙不用再跑八公里外的市医院。",
    "服务站每周二、周五看牙，洗牙收费八十六元，比市医院低三成。（松山市卫健委　郝敏）",
)
BEES = (
    "本报讯　五月槐花开，蜂农老谭把一百八十箱蜂运上了北坡。他说，今年的花期比去年早了六天，蜜的浓度反而更高。",
    "北坡的槐林有两千亩，去年起不再打药，蜂才敢来。（记者　余晚晴）",
)


def front_page() -> Paper:
    """A headline over three columns; under it two stories side by side, one of them with a strip and a box."""
    paper = Paper()
    paper.text(40, 40, "松山日报　2023年5月17日　星期三　第6版", 9)
    paper.rule(40, 50, 560, 50)
    paper.text(200, 85, "水利部门连夜查堤", 25, bold=True)
    paper.columns(40, 110, 160, 3, FLOOD, 6)
    paper.rule(40, 215, 560, 215)
    paper.text(60, 245, "家门口也能看牙", 18, bold=True)
    paper.columns(40, 270, 160, 1, CLINIC, 12)
    paper.box(220, 228, 340, 18, fill=0.2)
    paper.text(225, 241, "乡村生活", 11, bold=True, grey=1)
    paper.text(290, 275, "蜂农追着花期走", 22, bold=True)
    paper.columns(220, 300, 160, 2, BEES, 6)
    paper.rule(210, 225, 210, 460)
    return paper


def test_headline_first_then_the_columns_from_left_to_right(tmp_path: Path) -> None:
    flood, clinic, bees = articles(tmp_path, front_page())
    assert [a.title for a in (flood, clinic, bees)] == ["水利部门连夜查堤", "家门口也能看牙", "蜂农追着花期走"]
    for article, story in ((flood, FLOOD), (clinic, CLINIC), (bees, BEES)):
        assert article.text.replace(" ", "") == "\n".join(story).replace("　", "")


def test_stories_carry_bylines_column_date_and_page(tmp_path: Path) -> None:
    flood, clinic, bees = articles(tmp_path, front_page())
    assert [a.author for a in (flood, clinic, bees)] == ["本报记者 宋一鸣", "松山市卫健委 郝敏", "余晚晴"]
    assert (bees.column, bees.date, bees.page) == ("乡村生活", "2023-05-17", "6")


def test_the_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    paper = front_page()
    expected = [a.text for a in articles(tmp_path, paper)]
    paper.ink = [line for line in paper.ink if "BT" not in line] + [line for line in paper.ink if "BT" in line][::-1]
    assert [a.text for a in articles(tmp_path, paper)] == expected


def test_a_box_inside_a_story_is_a_story_of_its_own(tmp_path: Path) -> None:
    paper = Paper()
    paper.text(200, 65, "水利部门连夜查堤", 25, bold=True)
    paper.columns(40, 90, 160, 3, FLOOD, 6)
    paper.box(40, 200, 520, 60)
    paper.text(270, 220, "更正", 20, bold=True)
    paper.text(60, 242, "本报五月十二日第二版《桑蚕进城》一文中，三千亩应为两千亩。特此更正。")
    flood, correction = articles(tmp_path, paper)
    assert (correction.title, correction.text) == (
        "更正",
        "本报五月十二日第二版《桑蚕进城》一文中，三千亩应为两千亩。特此更正。",
    )
    assert "更正" not in flood.text


def test_a_grid_becomes_a_table(tmp_path: Path) -> None:
    paper = Paper()
    paper.columns(40, 60, 240, 1, ("四月空气质量公布如下，优良天数比去年多三天，南站因为靠近工地，扬尘仍然偏多。",), 4)
    paper.box(40, 130, 240, 60)
    for n, row in enumerate((("站点", "级别"), ("北站", "优"), ("南站", "良"))):
        for x, cell in zip((60, 190), row, strict=True):
            paper.text(x, 145 + 20 * n, cell, 9)
        paper.rule(40, 150 + 20 * n, 280, 150 + 20 * n)
    paper.rule(160, 130, 160, 190)
    assert "| 站点 | 级别 |\n| --- | --- |\n| 北站 | 优 |\n| 南站 | 良 |" in [
        b.text for b in opened(tmp_path, paper).blocks if b.kind == "table"
    ]


def test_a_sub_heading_stays_in_its_story(tmp_path: Path) -> None:
    paper = Paper()
    paper.text(200, 65, "水利部门连夜查堤", 25, bold=True)
    paper.columns(40, 90, 160, 1, FLOOD[:1], 6)
    paper.text(80, 180, "土湿就要停下", 10.8, bold=True)
    paper.columns(40, 198, 160, 1, FLOOD[1:], 12)
    [flood] = articles(tmp_path, paper)
    assert [s.heading for s in flood.sections] == ["土湿就要停下"]
    assert flood.author == "本报记者 宋一鸣"


def test_a_report_of_several_pages_is_one_article_without_its_margins(tmp_path: Path) -> None:
    """Heads and page numbers are left out, and a paragraph goes on over the page's end."""
    papers = []
    for n in range(5):
        paper = Paper()
        paper.text(40, 40, "松山市防汛手册", 9)
        if n == 0:
            paper.text(200, 90, "防汛手册", 22, bold=True)
        paper.columns(40, 120, 510, 1, ("先看水位，再看渗点，两人一组，不要落单。" * 12 + "夜里带灯",), 30)
        paper.text(290, 820, f"第 {n + 1} 页", 9)
        papers.append(paper)
    document = opened(tmp_path, *papers)
    said = "".join(b.text for b in document.blocks)
    assert document.pages == 5
    assert "松山市" not in said
    assert "页" not in said
    [article] = cut(document)
    assert article.title == "防汛手册"


@pytest.mark.parametrize(("degrees", "rotate"), [(90, 90), (90, 0), (180, 180), (180, 0), (270, 270), (270, 90)])
def test_a_page_is_read_as_its_letters_stand(tmp_path: Path, degrees: int, rotate: int) -> None:
    upright = articles(tmp_path, front_page())
    assert articles(tmp_path, front_page().turned(degrees, rotate)) == upright


def test_a_watermark_across_the_page_breaks_no_line(tmp_path: Path) -> None:
    stamped = front_page()
    code = "内部资料严禁外传".encode("utf-16-be").hex()
    stamped.ink.append(f"BT 0.9 g /B 50 Tf .7 .7 -.7 .7 120 300 Tm <{code}> Tj ET")
    assert articles(tmp_path, stamped) == articles(tmp_path, front_page())


def drawn(lines: Sequence[str], size: int = 12) -> bytes:
    """A page in a font of drawings (Type 3), as browsers print Chinese: each sign has its ink for a box."""
    ink = {"一": (80, 390, 840, 60), "“": (560, 560, 300, 250), "”": (100, 560, 300, 250), "，": (80, -90, 190, 260),
           "。": (80, -80, 240, 240)}  # fmt: skip
    signs = list(dict.fromkeys("".join(lines)))
    names = [f"/g{n}" for n in range(len(signs))]
    draws = []
    for sign in signs:
        x, y, wide, tall = ink.get(sign, (40, -80, 920, 920))
        y = -y - tall  # they are drawn from the upper edge down
        draws.append(f"1000 0 {x} {y} {x + wide} {y + tall} d1 {x} {y} {wide} {tall} re f")
    shown = "\n".join(
        f"BT /F {size} Tf 50 {780 - 2 * size * n} Td <{''.join(f'{signs.index(c):02x}' for c in line)}> Tj ET"
        for n, line in enumerate(lines)
    )
    told = "\n".join(f"<{n:02x}> <{ord(c):04x}>" for n, c in enumerate(signs))
    streams = [
        shown,
        "/CIDInit /ProcSet findresource begin begincmap\n1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(signs)} beginbfchar\n{told}\nendbfchar endcmap end",
        *draws,
    ]
    procs = " ".join(f"{name} {7 + n} 0 R" for n, name in enumerate(names))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDE} {TALL}] /Contents 5 0 R"
        " /Resources << /Font << /F 4 0 R >> >> >>",
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1000 0] /FontMatrix [0.001 0 0 -0.001 0 0] /FirstChar 0"
        f" /LastChar {len(signs) - 1} /Widths [{'1000 ' * len(signs)}] /CharProcs << {procs} >> /ToUnicode 6 0 R"
        f" /Encoding << /Type /Encoding /Differences [0 {' '.join(names)}] >> /Resources << >> >>",
        *(f"<< /Length {len(s)} >> stream\n{s}\nendstream" for s in streams),
    ]
    body = "%PDF-1.4\n" + "".join(f"{n} 0 obj {one} endobj\n" for n, one in enumerate(objects, 1))
    return (body + f"trailer << /Root 1 0 R /Size {len(objects) + 1} >>\n%%EOF\n").encode("latin-1")


def test_a_page_that_a_browser_printed_keeps_its_low_and_high_signs_in_their_lines(tmp_path: Path) -> None:
    lines = ["雨水花园是一块比周围低的绿地，三处花园一次蓄水。", "县里说“一湾水变一城景”，一个也不会少。"]
    (tmp_path / "网页.pdf").write_bytes(drawn(lines))
    document = read(tmp_path / "网页.pdf", "网页.pdf")
    text = "".join(block.text for block in document.blocks).replace("\n", "")
    assert text == "".join(lines)


def test_columns_that_are_written_downwards_are_read_from_right_to_left(tmp_path: Path) -> None:
    paper, said = Paper(), "".join(FLOOD[1:]).replace("（本报记者　宋一鸣）", "") * 2
    for n, character in enumerate(said):
        paper.text(540 - 18 * (n // 40), 60 + 16 * (n % 40), character, 12)
    [article] = articles(tmp_path, paper)
    assert "".join(article.text.split()) == said


def test_chapters_that_begin_a_page_each_keep_their_headings(tmp_path: Path) -> None:
    papers = []
    for n in range(1, 6):
        paper = Paper()
        paper.text(40, 40, "松山市防汛手册", 9)
        paper.text(40, 80, f"第{n}章 查堤", 18)
        paper.columns(40, 120, 510, 1, (f"先看水位，再看渗点，第{n}组不要落单。",), 30)
        papers.append(paper)
    said = [b.text for b in opened(tmp_path, *papers).blocks if b.kind == "heading"]
    assert said == [f"第{n}章 查堤" for n in range(1, 6)]


@pytest.mark.parametrize("back", ["above", "before"])
def test_a_story_goes_on_upon_another_page(tmp_path: Path, back: str) -> None:
    """下转第3版 behind a sentence that was broken off; 上接第1版 on a line of its own or before the rest."""
    first, third = Paper(), Paper()
    first.text(40, 40, "松山日报　2023年5月17日　星期三　第1版", 9)
    first.text(120, 85, "水利部门连夜查堤", 25, bold=True)
    first.columns(40, 110, 160, 3, (FLOOD[0], FLOOD[1][:52] + "（下转第3版）"), 5)
    third.text(40, 40, "松山日报　2023年5月17日　星期三　第3版", 9)
    third.text(120, 85, "蜂农追着花期走", 22, bold=True)
    third.columns(40, 110, 160, 3, BEES, 6)
    third.rule(40, 215, 560, 215)
    mark = "（上接第1版）"
    if back == "above":
        third.text(40, 240, mark, 9)
    third.columns(40, 258, 160, 3, ((mark if back == "before" else "") + FLOOD[1][52:], FLOOD[2]), 4)
    flood, bees = articles(tmp_path, first, third)
    assert "".join(flood.text.split()) == "".join("".join(FLOOD).split())
    assert (flood.title, flood.author, flood.page, bees.page) == ("水利部门连夜查堤", "本报记者 宋一鸣", "1", "3")


def test_pages_without_text_are_named(tmp_path: Path) -> None:
    document = opened(tmp_path, front_page(), Paper(), Paper())
    assert document.pages == 3
    assert any("2–3" in loss for loss in document.losses)


def test_a_text_layer_of_rubbish_is_left_out_and_named(tmp_path: Path) -> None:
    rubbish = Paper()
    rubbish.columns(40, 60, 500, 1, ("".join(chr(0xE000 + n) for n in range(300)),), 20)
    document = opened(tmp_path, front_page(), rubbish)
    assert any("2" in loss for loss in document.losses)
    assert all(block.page == 1 for block in document.blocks)
    with pytest.raises(FileRefused):
        opened(tmp_path, rubbish)


def test_a_scan_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refusal:
        opened(tmp_path, *[Paper() for _ in range(3)])
    assert "3 页" in str(refusal.value.fields["reason"])


def test_thousands_of_empty_pages_are_refused_in_seconds(tmp_path: Path) -> None:
    import time

    started = time.process_time()
    with pytest.raises(FileRefused):
        opened(tmp_path, *[Paper() for _ in range(10_000)])
    assert time.process_time() - started < 10
