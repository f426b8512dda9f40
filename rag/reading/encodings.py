"""Bytes come in, text and the name of its encoding go out: strictly, or not at all.

A wrong decoding of Chinese succeeds surprisingly often (Big5 read as GB18030 gives rare characters, not errors);
so of those that succeed, the one wins whose characters people use.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import cache

from rag.reading.refusing import Unreadable
from rag.text import fold

# UTF-32 before UTF-16: its little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_CANDIDATES = ("gb18030", "big5", "cp950", "big5hkscs", "utf-16-le", "utf-16-be")
# News reaches .8, lists of names .5; Korean read as GB18030 .35, Big5 read so about 0, the other mix-ups less.
_PLAUSIBLE, _PLAUSIBLE_SHORT, _SHORT = 0.45, 0.2, 14
_SAMPLE = 20_000  # characters that are judged
_USUAL = re.compile("[，。、的是在]")  # in no text that was read wrongly
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")

# The characters most frequent in Chinese news (three quarters of its text), and those of talk.
_FREQUENT = frozenset(
    "的一在人中国了为日有大和行发年上是不时动生月公会作区新业市出对家成到来地工全以多部进民个等法于方开能现力用分"
    "下这将通要员高后场安务展资前元学主者理报实经关合同们体过车金长文机水自电提化事交道与表示子建保美本据更他加网"
    "期心可重内任小海查产面及定我其次天台活入目司度信点万间题政外并之持当社也平设名数记最量警情北利明应此联强被原"
    "近好流服性看品责相位回所院比向标计还就已系队路收受管南得该共局东运制息特基风解式手至防第正物起处推意源科都布"
    "某调说股接三项省西程山总续门消传增委案供指从组导编支问医线如立两环里商创达广游投众军价称办州营而件级预今企着"
    "告各视代证护规户斯集步统村团参无技造因城升求但由河亿整老单助深专注完然需费果图转二取赛让群雨态华险影育超感知"
    "带种书江备引降认教球放号决未青包战色显术米请周益首率质张研权选况款域克监少限型确举获宣县效积济每非使精容先做"
    "直友额反或观际极优空构清些健尔准节协快银头形响己志识易检很孩值给走类热亚灾列演复马急居援采官王职镇融改乐港具"
    "旅存师维严违策校声士置爱李农想条红执话段财模根领京议打客结党约施女治常气身站你她它么吗呢吧什那哪没去见听四五"
    "六七八九十百千"
)


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text and its encoding's name; no byte is dropped or replaced. Errors: Unreadable.

    `declared` is what the file says of itself (a <meta charset>): tried first, believed only where it reads well.
    """
    codec, mark = detect(data, declared)
    try:
        text = data[mark:].decode(codec)
    except UnicodeDecodeError as error:
        raise Unreadable("damaged_text", place=error.start + mark + 1) from error
    if codec in ("gb18030", "big5", "cp950", "big5hkscs"):
        _refuse_mixture(data)
    return _clean(text), public_name(codec)


def public_name(codec: str) -> str:
    return codec.removesuffix("-le").removesuffix("-be")


def detect(data: bytes, declared: str | None = None) -> tuple[str, int]:
    """The codec that the bytes are in and the length of their mark of byte order. Errors: Unreadable."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name, len(mark)
    if b"\0" in data:
        return _wide(data), 0
    if data.isascii():
        return _seven_bits(data), 0
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        broken = error
    else:
        # two or three characters of GBK may happen to be UTF-8 of a script that nobody here writes: 联通 became such
        if (
            len(text) < 200
            and sum(c > "\x7e" for c in text) < 8
            and plausibility(text) < -0.2
            and (other := _best(data, declared))
        ):
            return other, 0
        return "utf-8", 0
    best = _best(data, declared)
    if best is not None:
        return best, 0
    # Whole characters before the break: UTF-8 that was cut off or damaged, not another encoding.
    if _utf8_characters(data[: broken.start]) >= 8:
        raise Unreadable("damaged_text", place=broken.start + 1)
    _refuse_mixture(data)
    raise Unreadable("unknown_encoding")


def detect_by_lines(data: bytes) -> tuple[str, int]:
    """As `detect`; where the whole is in no encoding, the one that most lines are in. Errors: Unreadable."""
    try:
        return detect(data)
    except Unreadable:
        lines = [line for line in data.split(b"\n") if not line.isascii()]
        for name in ("utf-8", "gb18030", "big5"):
            whole = [text for line in lines if (text := _strictly(line, name)) is not None and plausible(text)]
            if 2 * len(whole) > len(lines):
                return name, 0
        raise


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _wide(data: bytes) -> str:
    """UTF-16 without a mark, which alone of all may hold zeros. Errors: Unreadable."""
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and (plausible(text) or text.isascii()):
            return name
    raise Unreadable("binary", place=data.count(b"\n", 0, data.index(b"\0")) + 1)


def _seven_bits(data: bytes) -> str:
    """ASCII, or HZ: Chinese between ~{ and ~}."""
    if re.search(rb"~\{(?:[!-w][!-~])+~\}", data):
        try:
            if plausibility(data.decode("hz")) >= 0:
                return "hz"
        except UnicodeDecodeError as error:
            raise Unreadable("damaged_text", place=error.start + 1) from error
    return "ascii"


def _best(data: bytes, declared: str | None) -> str | None:
    """The encoding whose strict decoding reads most like Chinese; GB18030 where another is no better.

    None where none does, or where a text of a few characters reads well in two.
    """
    found: list[tuple[float, str, str]] = []
    for name in dict.fromkeys(_named(declared) + _CANDIDATES):
        if name.startswith("utf-16") and len(data) % 2:
            continue
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        score = plausibility(text)
        if plausible(text) and text not in [t for _, _, t in found]:
            found.append((score, name, text))
    if not found:
        return None
    best = max(found, key=lambda f: f[0] + (0.05 if f is found[0] else 0))
    short = sum(c > "\x7e" for c in best[2]) < 8
    if short and any(f is not best and f[0] > best[0] - 0.3 for f in found):
        return None
    return best[1]


def _named(declared: str | None) -> tuple[str, ...]:
    """The declared encoding as a codec; GB2312 and GBK by the larger one that browsers use for them."""
    try:
        name = codecs.lookup((declared or "").strip().strip("\"'")).name
    except LookupError:
        return ()
    return (
        ("gb18030",) if name in ("gb2312", "gbk") else (name,) if name.startswith(("big5", "cp950", "utf-16")) else ()
    )


def plausibility(text: str) -> float:
    """How much a text reads like Chinese, -4 to 1: mean over its characters but ASCII; 0 where there are none."""
    sample = text if len(text) <= 3 * _SAMPLE else text[:_SAMPLE] + text[len(text) // 2 :][:_SAMPLE] + text[-_SAMPLE:]
    counted = [c for c in fold(sample) if c > "\x7e" or (c < " " and c not in "\t\n\r\x0c")]
    return sum(map(_weight, counted)) / len(counted) if counted else 0.0


def plausible(text: str) -> bool:
    """Whether a text reads like Chinese; of a few characters less is asked."""
    return plausibility(text) >= (
        _PLAUSIBLE if sum(c > "\x7e" for c in text[: 10 * _SHORT]) >= _SHORT else _PLAUSIBLE_SHORT
    )


@cache
def _weight(c: str) -> float:
    if c in _FREQUENT:
        return 1.0
    if "\u4e00" <= c <= "\u9fff":
        try:  # GB2312 orders its first 3,755 characters, the common ones, before all others
            return 0.25 if c.encode("gb2312")[0] < 0xD8 else 0.0
        except UnicodeEncodeError:
            return -0.5
    kind = unicodedata.category(c)
    if kind in ("Cc", "Cn", "Co", "Cs") or c == "\ufffd":
        return -4.0
    if "\u3000" <= c <= "\u303f" or c in "“”‘’—…·×℃％！（），：；？～\xa0":
        return 0.5
    return -0.3 if kind[0] in "LM" else 0.0


def _utf8_characters(data: bytes) -> int:
    """Characters of more than one byte, where the bytes are UTF-8; 0 where they are not."""
    return sum(c > "\x7f" for c in _strictly(data, "utf-8") or "")


def _refuse_mixture(data: bytes) -> None:
    """A line of UTF-8 inside a file of another encoding would become rubbish that no decoder complains of."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.isascii() and _utf8_characters(line) >= 4:
            raise Unreadable("mixed_encodings", line=number)


def _clean(text: str) -> str:
    """The text without a mark of byte order or DOS's end of file. Errors: Unreadable for what no writer wrote."""
    text = text.removeprefix("\ufeff").rstrip("\x1a")
    if "\ufffd" in text:
        raise Unreadable("replacement", count=text.count("\ufffd"))
    control = _CONTROL.search(text)
    if control:
        raise Unreadable("binary", place=text.count("\n", 0, control.start()) + 1)
    return text


def garbled(text: str) -> bool:
    """Whether a line is text read in a wrong encoding before it came here: 鍚庢潵, ä½ å¥½, 锟斤拷."""
    if "锟斤拷" in text or "\ufffd" in text or "烫烫烫烫" in text:
        return True
    if _USUAL.search(text, 0, 400) or plausibility(text) >= _PLAUSIBLE_SHORT:
        return False
    for wrong, right in (
        ("gb18030", "utf-8"),
        ("latin-1", "utf-8"),
        ("cp1252", "utf-8"),
        ("latin-1", "gb18030"),
        ("cp1252", "gb18030"),
    ):
        meant = text.encode(wrong, "ignore").decode(right, "ignore")  # characters may have been lost on the way
        if meant != text and sum(c > "\u00ff" for c in meant) >= max(3, len(text) // 5) and plausible(meant):
            return True
    return False
