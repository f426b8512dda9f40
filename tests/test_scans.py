"""Pages that are pictures are recognised, and come out as printed ones do; what can't be made out is refused or named."""

from __future__ import annotations

import difflib
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import lacking
from test_pdf import BEES, CLINIC, FLOOD, Paper, front_page, pdf

from rag.articles import cut
from rag.errors import FileRefused
from rag.reading import read, read_all, scan
from rag.reading.recognition import Recogniser, Seen
from rag.reading.refusing import Unreadable
from rag.reading.sheet import Line, Sheet
from rag.types import Document, Progress


@pytest.fixture(scope="module")
def eyes() -> Recogniser:
    """One for all tests: its models are opened once."""
    return Recogniser()


def shown(paper: Paper, tall: int = 500, dots: int = 150) -> Any:
    """The upper part of a page as a grey picture, set in whatever Chinese type this machine has."""
    import pypdfium2

    page = pypdfium2.PdfDocument(pdf(paper))[0]
    picture = page.render(scale=dots / 72, grayscale=True).to_pil().crop((0, 0, 600 * dots // 72, tall * dots // 72))
    if np.asarray(picture).min() > 100 or (np.asarray(picture) < 128).mean() < 0.002:
        lacking("no Chinese type on this machine; on Debian and Ubuntu: sudo apt install fonts-noto-cjk")
    return picture


def scanned(picture: Any) -> Any:
    """As a scanner gives it: a little askew, grey on yellowed paper, with grain."""
    from PIL import Image

    turned = np.asarray(picture.rotate(0.6, fillcolor=255, resample=Image.Resampling.BICUBIC), dtype=np.float32)
    grain = np.random.default_rng(7).normal(0, 8, turned.shape)
    return Image.fromarray(np.clip(40 + turned * 0.75 + grain, 0, 255).astype(np.uint8))


def front() -> Paper:
    """A headline over three columns; under it two stories side by side, one of them with a strip."""
    paper = Paper()
    paper.text(40, 40, "松山日报　2023年5月17日　星期三　第6版", 9)
    paper.rule(40, 50, 560, 50)
    paper.text(200, 85, "水利局连夜查堤坝", 25, bold=True)
    paper.columns(40, 110, 160, 3, FLOOD, 5)
    paper.rule(40, 215, 560, 215)
    paper.text(60, 245, "在社区也能看牙", 18, bold=True)
    paper.columns(40, 270, 160, 1, CLINIC, 12)
    paper.box(220, 228, 340, 18, fill=0.2)
    paper.text(225, 241, "乡村生活", 11, bold=True, grey=1)
    paper.text(290, 275, "蜂农追着花期走", 22, bold=True)
    paper.columns(220, 300, 160, 2, BEES, 4)
    paper.rule(210, 225, 210, 460)
    return paper


def note() -> Paper:
    """Three lines and a headline: read in a second."""
    paper = Paper()
    paper.text(60, 40, "巡堤队连夜上堤", 22, bold=True)
    paper.columns(40, 70, 500, 1, (FLOOD[0],), 6)
    return paper


def kept(folder: Path, name: str, picture: Any, **options: Any) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


def alike(a: str, b: str) -> float:
    """Share of characters that are the same; spaces and width of marks do not count."""
    from rag.text import fold

    return difflib.SequenceMatcher(None, *(fold(t).replace(" ", "").replace("\n", "") for t in (a, b))).ratio()


def said(document: Document) -> str:
    return "".join(block.text for block in document.blocks)


@pytest.mark.slow
def test_a_scanned_page_becomes_its_stories_with_authors_column_date_and_page(tmp_path: Path, eyes: Recogniser) -> None:
    path = kept(tmp_path, "版.jpg", scanned(shown(front())), quality=80, dpi=(150, 150))
    document = read(path, "版.jpg", eyes)
    flood, clinic, bees = cut(document)
    for article, story in ((flood, FLOOD), (clinic, CLINIC), (bees, BEES)):
        assert alike(article.text, "".join(story)) > 0.95
    assert [a.author for a in (flood, clinic, bees)] == ["本报记者 宋一鸣", "松山市卫健委 郝敏", "余晚晴"]
    assert [a.title for a in (flood, clinic, bees)] == ["水利局连夜查堤坝", "在社区也能看牙", "蜂农追着花期走"]
    assert (bees.column, bees.date, bees.page) == ("乡村生活", "2023-05-17", "6")
    assert (document.pages, document.ocr_pages, document.losses) == (1, 1, ())
    assert all(b.box and b.size and 0.5 < b.confidence <= 1 for b in document.blocks)


@pytest.mark.slow
def test_a_page_that_lies_on_its_side_is_turned(tmp_path: Path, eyes: Recogniser) -> None:
    side = kept(tmp_path, "横.png", shown(note(), 170).rotate(90, expand=True))
    assert alike(said(read(side, "横.png", eyes)), "巡堤队连夜上堤" + FLOOD[0]) > 0.9


@pytest.mark.slow
def test_a_tiff_is_as_many_pages_as_it_holds(tmp_path: Path, eyes: Recogniser) -> None:
    from PIL import Image

    first, blank = shown(note(), 170), Image.new("L", (900, 400), 255)
    path = kept(tmp_path, "三.tif", first, save_all=True, append_images=[blank, first.convert("1")])
    steps: list[Progress] = []
    eyes.tell, before = steps.append, eyes.tell
    try:
        document = read(path, "三.tif", eyes)
    finally:
        eyes.tell = before
    assert (document.pages, document.ocr_pages) == (3, 2)
    assert ["2" in loss for loss in document.losses] == [True]
    assert [(s.stage, s.done, s.total, s.name) for s in steps] == [("recognising", n, 3, "三.tif") for n in (1, 2, 3)]


@pytest.mark.slow
def test_pages_of_a_pdf_without_text_are_read_from_what_they_show(tmp_path: Path, eyes: Recogniser) -> None:
    out = io.BytesIO()
    shown(note(), 170).save(out, "PDF", resolution=150)
    path = tmp_path / "扫.pdf"
    path.write_bytes(out.getvalue())
    document = read(path, "扫.pdf", eyes)
    assert (document.pages, document.ocr_pages, document.losses) == (1, 1, ())
    assert alike(said(document), "巡堤队连夜上堤" + FLOOD[0]) > 0.9


def with_a_text_layer_of_rubbish(content: bytes) -> bytes:
    """The same page, but its fonts say that their characters are ones for private use."""
    ranges = b"".join(b"<%02X00> <%02XFF> <%02X00>\n" % (n, n, 0xE0 + n % 25) for n in range(0x30, 0xA0))
    half = ranges.index(b"<60")
    table = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
    table += b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
    for part in (ranges[:half], ranges[half:]):
        table += b"%d beginbfrange\n%sendbfrange\n" % (part.count(b"\n"), part)
    table += b"endcmap CMapName currentdict /CMap defineresource pop end end"
    content = content.replace(b"/DescendantFonts", b"/ToUnicode 90 0 R /DescendantFonts")
    added = b"90 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (len(table), table)
    return content[: content.rindex(b"xref\n0")] + added + b"trailer << /Root 1 0 R >>\n%%EOF\n"


@pytest.mark.slow
def test_a_text_layer_of_rubbish_is_read_from_what_it_shows(tmp_path: Path, eyes: Recogniser) -> None:
    shown(note())
    path = tmp_path / "乱.pdf"
    path.write_bytes(with_a_text_layer_of_rubbish(pdf(note())))
    document = read(path, "乱.pdf", eyes)
    assert document.ocr_pages == 1
    assert alike(said(document), "巡堤队连夜上堤" + FLOOD[0]) > 0.9


@pytest.mark.slow
def test_the_receipt_counts_pages_that_were_recognised(tmp_path: Path) -> None:
    import rag

    path = kept(tmp_path, "通知.png", shown(note(), 170), dpi=(150, 150))
    with rag.open(tmp_path / "库") as library:
        [receipt] = library.add([path], embed=False)
    assert (receipt.status, receipt.pages, receipt.ocr_pages, receipt.articles) == ("added", 1, 1, 1)


# ---------------------------------------------------------------- what can't be read


def test_pictures_without_words_are_refused(tmp_path: Path, eyes: Recogniser) -> None:
    from PIL import Image

    for name, picture in (
        ("白.png", Image.new("RGB", (800, 600), "white")),
        ("黑.png", Image.new("L", (300, 200), 0)),
        ("点.gif", Image.new("L", (3, 2), 0)),
        ("沙.webp", Image.effect_noise((320, 240), 80)),
    ):
        [refusal] = read_all(kept(tmp_path, name, picture), name, eyes)
        assert isinstance(refusal, FileRefused), name
        assert "没有认出文字" in str(refusal.fields["reason"])


def test_broken_pictures_and_giant_ones_are_refused_by_name(tmp_path: Path, eyes: Recogniser) -> None:
    from PIL import Image

    out = io.BytesIO()
    Image.effect_noise((300, 300), 50).save(out, "PNG")
    giant = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(giant, "PNG")
    for name, content in (
        ("断.png", out.getvalue()[:5000]),
        ("头.jpg", b"\xff\xd8\xff\xe0"),
        ("头.tif", b"II*\0\x08\0\0\0\xff\xff"),
        ("大.png", giant.getvalue()),
        ("别.bmp", b"BM" + bytes(60)),
        ("别.webp", b"RIFF\x10\0\0\0WEBPVP8 "),
        ("手机.heic", b"\0\0\0\x18ftypheic" + bytes(50)),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        [refusal] = read_all(path, name, eyes)
        assert isinstance(refusal, FileRefused), name
        assert "Traceback" not in str(refusal)


def seen(number: int, confidence: float, text: str = "眼下正是春灌的时候，全县要浇三万亩麦田。") -> Seen:
    lines = [Line(text, 40, 40 + 15 * n, 240, 50 + 15 * n, 10, confidence=confidence) for n in range(3)]
    return Seen(Sheet(number, 600, 840, lines), confidence)


def test_pages_of_low_confidence_are_named_and_a_file_of_guesses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "旧.tif"
    path.write_bytes(b"II*\0")
    document = scan._document(path, "旧.tif", [seen(1, 0.99), seen(2, 0.7), seen(3, 0.98)], 3, [])
    assert ["第 2 页" in loss for loss in document.losses] == [True]
    assert document.ocr_pages == 3
    with pytest.raises(Unreadable, match="不清楚"):
        scan._document(path, "旧.tif", [seen(1, 0.55), seen(2, 0.5)], 2, [])


def test_without_the_package_scans_are_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setitem(sys.modules, "rapidocr", None)
    path = kept(tmp_path, "图.png", Image.effect_noise((300, 300), 50))
    [refusal] = read_all(path, "图.png")
    assert isinstance(refusal, FileRefused)
    assert "pip install rapidocr" in str(refusal.fields["reason"])
    frame = Paper()
    frame.box(40, 40, 300, 300)
    both = tmp_path / "半.pdf"
    both.write_bytes(pdf(front_page(), frame))
    [document] = read_all(both, "半.pdf")  # the page that has text is not lost for the other
    assert isinstance(document, Document)
    assert any("rapidocr" in loss for loss in document.losses)


def test_recognition_asks_nobody_for_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are named by path; what fetches others is never called."""
    from rapidocr.utils.download_file import DownloadFile

    from rag.reading.recognition import _opened

    monkeypatch.setattr(DownloadFile, "run", lambda *_: pytest.fail("a download"))
    engine = _opened(1)
    assert engine.text_rec is None or engine.text_rec  # opened late or at once, both by path
    engine(np.full((64, 256, 3), 255, np.uint8))
