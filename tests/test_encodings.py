"""Bytes of every Chinese encoding come out equal to what was written, or are refused; never something else."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import FileRefused
from rag.reading import read
from rag.reading.encodings import decode, garbled
from rag.reading.refusing import Unreadable

SIMPLIFIED = """# 春灌开始前先查三件事

眼下正是春灌的时候，今年全县要浇 3.6 万亩麦田。农技员提醒：先查渠道，再查水泵，最后看墒情。

渠道里的淤泥和杂草要清干净，不然水流不到地头；水泵停了一冬，开机前要给轴承上油。
“墒情看一锹深的土。”农技员说，“手握成团、落地能散，就不用急着浇。”"""
TRADITIONAL = """# 古橋體檢用上探地雷達

技術人員使用探地雷達、無人機和三維激光掃描三種設備，歷時9小時，採集數據約460GB。

為甚麼不直接鑽孔查看？負責人解釋，鑽孔會破壞文物本體，而探地雷達向地下發射電磁波，遇到空洞就會反射回來。"""
MIXED = """# 兩岸農友交流會

會上，大陸農友介绍了水稻直播的做法，台灣農友說明瞭茶園防霜的經驗，双方都带来了自己的種子。

交流会持续两天，共有126人參加，大家約定明年春天再見。"""
ENDS = {"unix": "\n", "windows": "\r\n", "old mac": "\r", "mixed": None}
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "gb2312",
    "gbk",
    "gb18030",
    "hz",
    "big5",
    "cp950",
    "big5hkscs",
)
NAMED = {
    "utf-8-sig": "utf-8",
    "utf-16-le": "utf-16",
    "utf-16-be": "utf-16",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp950": "big5",
    "big5hkscs": "big5",
}


def with_ends(text: str, ends: str | None) -> str:
    if ends is None:
        turns = itertools.cycle(("\n", "\r\n", "\r"))
        return "".join(next(turns) if c == "\n" else c for c in text)
    return text.replace("\n", ends)


def matrix() -> list[tuple[str, str, str, str]]:
    """Script, encoding, line ends, text: every combination that the encoding can hold."""
    cases = []
    for script, text in (("simplified", SIMPLIFIED), ("traditional", TRADITIONAL), ("mixed", MIXED)):
        for encoding in ENCODINGS:
            try:
                text.encode(encoding)
            except UnicodeEncodeError:
                continue
            cases += [(script, encoding, name, text) for name in ENDS]
    return cases


def lines_of(path: Path) -> list[str]:
    return [block.text for block in read(path, path.name).blocks]


def test_the_matrix_is_large_enough() -> None:
    assert len(matrix()) >= 60


@pytest.mark.parametrize(("script", "encoding", "ends", "text"), matrix(), ids=lambda v: v if len(v) < 20 else "")
def test_every_encoding_and_line_end_gives_the_text_back(
    tmp_path: Path, script: str, encoding: str, ends: str, text: str
) -> None:
    path = tmp_path / "篇.txt"
    path.write_bytes(with_ends(text, ENDS[ends]).encode(encoding))
    document = read(path, path.name)
    assert [b.text for b in document.blocks] == [line.removeprefix("# ") for line in text.split("\n") if line]
    assert document.encoding == NAMED.get(encoding, encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5", "utf-16-le", "utf-16-be"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_text_is_equal_or_refused(encoding: str, data: st.DataObject) -> None:
    """Pieces of real text in any order, with digits and Latin words between them."""
    script = TRADITIONAL if encoding == "big5" else SIMPLIFIED
    pieces = data.draw(
        st.lists(
            st.sampled_from([p for line in script.split("\n") for p in line.split("，") if p]), min_size=1, max_size=6
        )
    )
    text = data.draw(st.sampled_from(["，", " ", "\n", "2024", "AI "])).join(pieces)
    try:
        came, _ = decode(text.encode(encoding))
    except Unreadable:
        return
    assert came == text


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_no_bytes_become_a_replacement_character(data: bytes) -> None:
    try:
        text, _ = decode(data)
    except Unreadable:
        return
    assert "\ufffd" not in text
    assert "\0" not in text


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_byte_is_never_read_over(data: st.DataObject) -> None:
    """One byte of a GB18030 or UTF-8 file overwritten: the rest of the text stays as it was, or the file is refused."""
    encoding = data.draw(st.sampled_from(["utf-8", "gb18030"]))
    raw = bytearray(SIMPLIFIED.encode(encoding))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    try:
        text, _ = decode(bytes(raw))
    except Unreadable:
        return
    assert text.encode(encoding) == bytes(raw)


def test_a_line_in_another_encoding_is_refused_by_its_number() -> None:
    raw = SIMPLIFIED.encode("gb18030") + b"\n" + "混进来的一行，是另一种编码。".encode()
    with pytest.raises(Unreadable) as refusal:
        decode(raw)
    assert str(SIMPLIFIED.count("\n") + 2) in str(refusal.value)


def test_text_that_was_cut_off_is_refused() -> None:
    with pytest.raises(Unreadable) as refusal:
        decode(SIMPLIFIED.encode()[:-1])
    assert refusal.value.key == "damaged_text"


def test_a_text_that_lost_characters_before_is_refused() -> None:
    with pytest.raises(Unreadable) as refusal:
        decode("全县要浇�万亩麦田，先查渠道，再查水泵。".encode())
    assert refusal.value.key == "replacement"


@pytest.mark.parametrize("encoding", ["shift_jis", "euc_kr", "cp1251", "cp1252", "koi8-r"])
def test_other_languages_in_old_encodings_are_refused(encoding: str) -> None:
    text = {
        "shift_jis": "これは日本語のテキストです。文字コードを確認してください。",
        "euc_kr": "한국어로 쓴 문서입니다. 오래된 인코딩이므로 확인해 주시기 바랍니다.",
        "cp1251": "Это русский текст в старой кодировке.",
        "koi8-r": "Это русский текст в старой кодировке.",
        "cp1252": "Das Gerät läuft über die Straße, déjà vu, naïve café.",
    }[encoding]
    with pytest.raises(Unreadable):
        decode(text.encode(encoding))


@pytest.mark.parametrize(("wrong", "right"), [("gb18030", "utf-8"), ("latin-1", "utf-8"), ("latin-1", "gb18030")])
def test_text_that_was_read_wrongly_before_is_known(wrong: str, right: str) -> None:
    text = "今天上午，全县春季农业生产工作会议在县城召开。"[:20]
    assert garbled(text.encode(right).decode(wrong, "ignore"))
    assert not garbled(text)


def test_a_file_of_rubbish_from_a_wrong_reading_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "乱.txt"
    path.write_bytes(TRADITIONAL.encode("utf-8").decode("gb18030", "ignore").encode("utf-8"))
    with pytest.raises(FileRefused):
        read(path, path.name)


def test_the_reason_speaks_the_readers_language(tmp_path: Path) -> None:
    from rag.words import speak

    path = tmp_path / "x.txt"
    path.write_bytes(b"\x00\x01\x02\x03" * 20)
    with pytest.raises(FileRefused) as refusal:
        read(path, "夹/x.txt")
    assert "夹/x.txt" in str(refusal.value)
    speak("en")
    try:
        with pytest.raises(FileRefused) as refusal:
            read(path, "x.txt")
        assert "text" in str(refusal.value.fields["reason"])
    finally:
        speak("zh")
