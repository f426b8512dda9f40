"""Pages of PDF files and scans are kept with their documents; a cited sentence is framed where it is printed, or nowhere."""

from __future__ import annotations

import io
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_pdf import FLOOD, TALL, WIDE, Paper, front_page, pdf
from test_scans import alike, kept, note, scanned, shown

import rag
from rag import meaning, moving
from rag import tables as t
from rag.errors import UnknownName
from rag.framing import boxes, letters, spots, standing
from rag.library import Library, restore
from rag.pagetypes import PageImage, PageLine
from rag.reading import pdf as pdf_files
from rag.reading import picturing, read
from rag.reading.recognition import Recogniser
from rag.settings import Settings
from rag.store import Store
from rag.types import Article, Document, Half
from tests.tiny_embedders import open_tiny

LINES = (
    PageLine("本报讯 昨夜里，松山", (0.1, 0.1, 0.3, 0.12)),
    PageLine("市水利局上了河堤。今", (0.1, 0.12, 0.3, 0.14)),
    PageLine("年入汛比常年早了九天。", (0.4, 0.1, 0.62, 0.12)),
)
PRINTED = letters("".join(line.text for line in LINES))


def square(number: int, *lines: str, down: bool = False) -> PageImage:
    rows = (PageLine(text, (0.1, 0.1 * n, 0.9, 0.1 * n + 0.1), down) for n, text in enumerate(lines))
    return PageImage(number, b"RIFF", 100, 100, tuple(rows))


# ---------------------------------------------------------------- where a sentence stands


def around(text: str, quote: str, title: str = "", pages: dict[int, str] | None = None) -> list[tuple[int, int, int]]:
    start = text.index(quote)
    return [tuple(s) for s in spots(title, text, start, start + len(quote), pages or {1: PRINTED})]  # type: ignore[misc]


def test_a_sentence_over_two_lines_has_a_box_a_line_cut_where_it_begins_and_ends() -> None:
    text = "本报讯　昨夜里，松山市水利局上了河堤。今年入汛比常年早了九天。"
    ((page, start, end),) = around(text, "松山市水利局上了河堤。")
    first, second = boxes(LINES, start, end)
    assert page == 1
    assert first == (pytest.approx(0.3 - 0.2 * 2 / 9.5, abs=1e-4), 0.1, 0.3, 0.12), "松山 is the end of its line"
    assert second == (0.1, 0.12, pytest.approx(0.3 - 0.2 / 10, abs=1e-4), 0.14), "今 belongs to what follows"
    goes_on = around(text, "今年入汛比常年早了九天。")
    assert [box[0] > 0.25 for box in boxes(LINES, *goes_on[0][1:])] == [True, True], "from one column into the next"


def test_letters_that_stand_below_one_another_are_cut_downwards() -> None:
    line = PageLine("甲乙丙丁", (0.8, 0.2, 0.82, 0.6), down=True)
    assert boxes((line,), 1, 3) == ((0.8, 0.3, 0.82, 0.5),)


def test_a_sentence_that_is_not_there_has_no_frame() -> None:
    text = "市水利局的十二支队伍上了河堤。"
    assert around(text, text) == []
    assert around("今年入汛比常年早了八天。", "今年入汛比常年早了八天。") == []
    assert around("天气暖了很多，岸边的花都已经开过一遍。", "了") == [], "too few letters to be sure"


def test_a_sentence_goes_over_the_end_of_a_page() -> None:
    pages = {3: letters("前文说完了。他在河堤上走了"), 4: letters("一整夜，天亮才回来。后文")}
    text = "前文说完了。他在河堤上走了一整夜，天亮才回来。"
    assert around(text, "他在河堤上走了一整夜，天亮才回来。", pages=pages) == [(3, 5, 12), (4, 0, 8)]


def test_what_stands_twice_is_framed_in_its_own_story() -> None:
    twice = "学员共有四十五人。"
    pages = {1: letters(f"编织班开课{twice}每周三上课"), 2: letters(f"书法班开课{twice}每周五上课")}
    assert around(f"书法班开课，{twice}每周五上课", twice, pages=pages) == [(2, 5, 13)]
    same = {n: letters(f"{title}{twice}") for n, title in enumerate(("编织班招生", "书法班招生"), 1)}
    assert around(twice, twice, "书法班招生", same) == [(2, 5, 13)], "under its headline"
    assert around(twice, twice, "", same) == [], "which of the two is not known"


def test_an_article_stands_where_most_of_it_is_printed() -> None:
    text = "".join(FLOOD)
    pages = {1: letters("松山日报"), 2: letters(text), 3: letters(text[:30])}
    assert standing(text, pages) == 2
    assert standing("完全是另外一篇文章，说的是别的事情。", pages) is None


@given(st.text(st.sampled_from(string.ascii_lowercase + "一二三四五，。“ "), max_size=60), st.data())
def test_boxes_lie_within_their_lines_in_order(text: str, data: Any) -> None:
    lines = [PageLine(text[i : i + 7], (0.1, i / 100, 0.9, i / 100 + 0.01)) for i in range(0, len(text), 7)]
    count = len(letters(text))
    a = data.draw(st.integers(0, count))
    b = data.draw(st.integers(a, count))
    found = boxes(lines, a, b)
    assert len({box[1] for box in found}) == len(found)
    assert all(0.1 <= left < right <= 0.9 for left, _, right, _ in found)
    assert bool(found) == (a < b)


# ---------------------------------------------------------------- reading


def box_of(page: Any, words: str) -> tuple[float, float, float, float]:
    """Where the text layer of a page has these words, as shares."""
    text = page.get_textpage()
    start, count = text.search(words).get_next()
    found = [text.get_charbox(i, loose=True) for i in range(start, start + count)]
    left, bottom, right, top = (pick(b[i] for b in found) for i, pick in enumerate((min, min, max, max)))
    return left / WIDE, 1 - top / TALL, right / WIDE, 1 - bottom / TALL


def ink(image: PageImage, box: tuple[float, float, float, float]) -> float:
    """The share of dark pixels in a box of a picture."""
    import numpy as np
    from PIL import Image

    left, top, right, bottom = box
    at = (left * image.width, top * image.height, right * image.width, bottom * image.height)
    return float((np.asarray(Image.open(io.BytesIO(image.image)).convert("L").crop(at)) < 128).mean())  # type: ignore[arg-type]


def test_a_pdf_gives_its_pages_with_lines_in_reading_order(tmp_path: Path) -> None:
    import pypdfium2

    (tmp_path / "版.pdf").write_bytes(pdf(front_page(), Paper(), front_page().turned(90, 0)))
    document = read(tmp_path / "版.pdf", "版.pdf")
    first, third = document.images
    assert (first.number, third.number) == (1, 3), "a page with nothing on it has no picture"
    assert first.width == 1200 and first.height == 1680 and len(first.image) < 40_000
    assert (third.width, third.height, third.lines) == (first.width, first.height, first.lines), "turned upright"
    said = letters("".join(line.text for line in first.lines))
    assert letters("".join(FLOOD)) in said, "columns are read one after the other"
    words = "今年入汛比常年早了九天，"
    at = said.index(letters(words))
    (own,) = boxes(first.lines, at, at + len(letters(words)))
    there = box_of(pypdfium2.PdfDocument(tmp_path / "版.pdf")[0], words)
    assert own == pytest.approx(there, abs=6 / WIDE), "half a letter"
    for image in (first, third):
        assert ink(image, own) > 0.05, "it frames letters"


def test_pictures_are_made_up_to_a_limit_and_not_where_they_are_not_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "版.pdf").write_bytes(pdf(*[front_page()] * 3))
    monkeypatch.setattr(picturing, "MOST_PAGES", 1)
    document = read(tmp_path / "版.pdf", "版.pdf")
    assert [image.number for image in document.images] == [1]
    assert "第 2–3 页只存了文字" in "".join(document.losses)
    monkeypatch.setenv("RAG_PAGES", "0")
    document = read(tmp_path / "版.pdf", "版.pdf")
    assert (document.images, document.losses) == ((), ())


def test_a_page_that_cannot_be_drawn_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    def broken(*_: object) -> None:
        raise pypdfium2.PdfiumError("no bitmap")

    monkeypatch.setattr(pdf_files, "_drawn", broken)
    (tmp_path / "版.pdf").write_bytes(pdf(front_page()))
    document = read(tmp_path / "版.pdf", "版.pdf")
    assert document.blocks and document.images == ()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_a_picture_of_any_kind_is_made_smaller_on_white(mode: str) -> None:
    from PIL import Image

    image = Image.new("RGBA", (80, 40), (0, 0, 0, 0)) if mode in ("LA", "RGBA") else Image.new("RGB", (80, 40), "white")
    small = picturing.smaller(image.convert(mode), 20, 100)
    assert (small.mode, small.size) == ("RGB", (20, 10))
    assert min(small.getpixel((10, 5))) > 250


@pytest.mark.slow
def test_a_scan_gives_its_page_straight_and_upright(tmp_path: Path) -> None:
    from PIL import Image

    eyes = Recogniser()
    paper = scanned(shown(note(), 170)).convert("RGB")
    paper.paste(Image.new("RGB", (200, 60), (160, 20, 30)), (1000, 20))
    path = kept(tmp_path, "横.jpg", paper.rotate(90, expand=True), quality=85)
    (image,) = read(path, "横.jpg", eyes).images
    assert image.width > image.height
    assert Image.open(io.BytesIO(image.image)).mode == "RGB", "a page with colours keeps them"
    assert alike("".join(line.text for line in image.lines), "巡堤队连夜上堤" + FLOOD[0]) > 0.9
    for line in image.lines:
        assert ink(image, line.box) > 0.05, line.text


# ---------------------------------------------------------------- kept with the document


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)
    with rag.open(tmp_path / "library") as opened:
        yield opened


def put(library: Library, *papers: Paper, name: str = "版.pdf", folder: Path | None = None) -> None:
    path = (folder or Path(library.settings.library).parent) / name  # type: ignore[arg-type]
    path.write_bytes(pdf(*papers))
    assert library.add([path])[0].status in ("added", "replaced", "unchanged")


def flood(library: Library) -> Article:
    return next(a for a in library.articles() if "查堤" in a.title)


def rows(library: Library) -> int:
    with library._store._engine.connect() as c:
        return len(c.execute(t.pages.select()).all())


def quote(library: Library, words: str = "今年入汛比常年早了九天") -> Any:
    article = flood(library)
    start = article.text.index(words)
    return library.pages.frame(article.article_id, start, start + len(words))


def note_page(text: str = "桂园社区的夜校开设了编织课程，学员共有四十五人，每周三晚上上课。") -> Paper:
    paper = Paper()
    paper.text(200, 85, "桂园社区办夜校", 25, bold=True)
    paper.columns(40, 110, 160, 3, [text], 6)
    return paper


def test_a_document_comes_with_its_pages_and_takes_them_along(library: Library) -> None:
    put(library, note_page(), front_page())
    framed = quote(library)
    assert framed.found and framed.source == "版.pdf" and framed.numbers == (1, 2)
    assert [(p.number, len(p.boxes)) for p in framed.pages] == [(2, 1)]
    assert library.pages.image(framed.document_id, 2).startswith(b"RIFF")
    assert library.pages.any_of(flood(library).article_id)
    whole = library.pages.frame(flood(library).article_id)
    assert (whole.found, whole.pages[0].number, whole.pages[0].boxes) == (False, 2, ())
    assert library._store.check() == []
    library.remove(["版.pdf"])
    assert rows(library) == 0
    with pytest.raises(UnknownName):
        library.pages.image(framed.document_id, 2)


def test_another_version_brings_other_pages(library: Library) -> None:
    put(library, note_page(), front_page())
    before = quote(library)
    put(library, front_page())
    after = quote(library)
    assert (before.document_id, before.numbers, after.numbers) == (after.document_id, (1, 2), (1,))
    with pytest.raises(UnknownName):
        library.pages.image(before.document_id, 2)


def test_a_page_with_an_article_that_was_removed_is_shown_no_more(library: Library) -> None:
    put(library, note_page(), front_page())
    framed, article = quote(library), flood(library)
    library.remove([next(a for a in library.articles() if "看牙" in a.title).article_id])
    with pytest.raises(UnknownName):
        library.pages.image(framed.document_id, 2)
    assert library.pages.image(framed.document_id, 1), "nothing of it stands on the other page"
    again = library.pages.frame(article.article_id, 0, 20)
    assert (again.found, again.pages, again.numbers) == (False, (), (1,)), "no other page is taken for its own"
    put(library, note_page(), front_page())
    assert library.pages.frame(article.article_id).numbers == (1,), "the same file does not bring it back"


def test_a_correction_leaves_the_pages_as_they_are(library: Library) -> None:
    put(library, front_page())
    library.corrections.edit(flood(library).article_id, title="连夜查堤")
    assert quote(library).found


def test_a_file_that_was_read_before_there_were_pages_gets_them(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("RAG_PAGES", "0")
        put(library, front_page())
        assert rows(library) == 0
        with pytest.raises(UnknownName):
            quote(library)
    assert not library.pages.any_of(flood(library).article_id)
    put(library, front_page())
    assert quote(library).found


def test_a_backup_and_a_copy_have_the_pages(library: Library, tmp_path: Path) -> None:
    put(library, front_page())
    wanted = library.pages.image(quote(library).document_id, 1)
    library.backup(tmp_path / "一.zip")
    moving.move(tmp_path / "library", tmp_path / "copy")
    restore(tmp_path / "一.zip", tmp_path / "restored")
    for place in ("copy", "restored"):
        with rag.open(tmp_path / place, create=False) as other:
            framed = quote(other)
            assert framed.found
            assert other.pages.image(framed.document_id, 1) == wanted


@pytest.mark.cluster
def test_pages_go_through_the_queue_into_a_server_and_back(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "open_embedder", open_tiny)
    place = postgres.empty()
    with Library(Store.open(place), Settings(library=place, cache=tmp_path / "cache", embedding="tiny-8")) as shelf:
        with monkeypatch.context() as patch:
            patch.setenv("RAG_PAGES", "0")
            put(shelf, front_page(), folder=tmp_path)
        assert not shelf.pages.any_of(flood(shelf).article_id)
        put(shelf, front_page(), folder=tmp_path)
        framed = quote(shelf)
        assert framed.found
        wanted = shelf.pages.image(framed.document_id, 1)
    moving.move(place, tmp_path / "back")
    with rag.open(tmp_path / "back", create=False) as library:
        assert library.pages.image(quote(library).document_id, 1) == wanted


def test_a_story_that_goes_on_in_another_file_is_framed_there(library: Library) -> None:
    """Two files of one issue: the sentence stands in the second, the article belongs to the first."""

    def half(source: str, text: str, **more: str) -> Article:
        part = Half((("text", text),), headline="长堤", paper="松山日报", **more)
        return Article(
            source, source, "长堤", text, date="2023-05-17", page=(more.get("back") and "3") or "1", half=part
        )

    for number, (source, text, more) in enumerate(
        (
            ("1.pdf", "上半篇说的是河堤，", {"onward": "3"}),
            ("3.pdf", "下半篇说的是十二支巡堤队连夜上堤。", {"back": "1"}),
        )
    ):
        document = Document(source, "pdf", str(number) * 64, images=(square(1, "长堤", text),))
        article = half(source, text, **more)
        library._store.put(document, [(article, [])], splitter="1")
    joined = next((a for a in library.articles() if "上半篇" in a.text and "下半篇" in a.text), None)
    assert joined is not None, [a.text for a in library.articles()]
    at = joined.text.index("下半篇")
    framed = library.pages.frame(joined.article_id, at, len(joined.text))
    assert (framed.found, framed.source, len(framed.pages[0].boxes)) == (True, "3.pdf", 1)
