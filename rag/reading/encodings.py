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
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
          (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (b"\x84\x31\x95\x33", "gb18030"))
_CANDIDATES = ("gb18030", "big5", "cp950", "big5hkscs", "utf-16-le", "utf-16-be")
_PLAUSIBLE = 0.25       # news .8, lists of names .5; Big5 read as GB18030 about 0, and below for the other mix-ups
_SAMPLE = 20_000        # characters that are judged
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")

# The 300 characters most frequent in Chinese news (62 % of its text), and those of talk.
_FREQUENT = frozenset(
    "的一在人中国了为日有大和行发年上是不时动生月公会作区新业市出对家成到来地工全以多部进民个等法于方开能现力用分下这将通要员高后场安务展资前元学主者理报实"
    "经关合同们体过车金长文机水自电提化事交道与表示子建保美本据更他加网期心可重内任小海查产面及定我其次天台活入目司度信点万间题政外并之持当社也平设名数记最"
    "量警情北利明应此联强被原近好流服性看品责相位回所院比向标计还就已系队路收受管南得该共局东运制息特基风解式手至防第正物起处推意源科都布某调说股接三项省西"
    "程山总续门消传增委案供指从组导编支问医线如立两环里商创达广游投众军价称办州营而件级预今企着告各视代证护规户斯集步统村团参无技造因城升求但"
    "你她它么吗呢吧什那哪没去想知见听走头二四五六七八九十百千")


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text and its encoding's name; no byte is dropped or replaced. Errors: Unreadable.

    `declared` is what the file says of itself (a <meta charset>): tried first, believed only where it reads well.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            try:
                return _clean(data[len(mark):].decode(name)), name.removesuffix("-le").removesuffix("-be")
            except UnicodeDecodeError as error:
                raise Unreadable("damaged_text", place=error.start + len(mark) + 1) from error
    if b"\0" in data:
        return _wide(data)
    if data.isascii():
        return _hz(data)
    try:
        return _clean(data.decode("utf-8")), "utf-8"
    except UnicodeDecodeError as error:
        broken = error
    name = _best(data, declared)
    if name is None:
        # Whole characters before the break: UTF-8 that was cut off or damaged, not another encoding.
        if _utf8_characters(data[:broken.start]) >= 8:
            raise Unreadable("damaged_text", place=broken.start + 1)
        raise Unreadable("unknown_encoding")
    if not name.startswith("utf"):
        _refuse_mixture(data)
    return _clean(data.decode(name)), name.removesuffix("-le").removesuffix("-be")


def _wide(data: bytes) -> tuple[str, str]:
    """UTF-16 without a mark, which alone of all may hold zeros. Errors: Unreadable."""
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and (plausibility(text) >= _PLAUSIBLE or text.isascii()):
            return _clean(text), name.removesuffix("-le").removesuffix("-be")
    raise Unreadable("binary", place=data.count(b"\n", 0, data.index(b"\0")) + 1)


def _hz(data: bytes) -> tuple[str, str]:
    """ASCII, or HZ: Chinese between ~{ and ~} in seven bits."""
    text = data.decode("ascii")
    if re.search(r"~\{(?:[!-w][!-~])+~\}", text):
        try:
            chinese = data.decode("hz")
        except UnicodeDecodeError as error:
            raise Unreadable("damaged_text", place=error.start + 1) from error
        if plausibility(chinese) >= 0:
            return _clean(chinese), "hz"
    return _clean(text), "ascii"


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
        if score >= _PLAUSIBLE and text not in [t for _, _, t in found]:
            found.append((score, name, text))
    if not found:
        return None
    best = max(found, key=lambda f: (f[0] + (0.05 if f is found[0] else 0)))
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
    return ("gb18030",) if name in ("gb2312", "gbk") else (name,) if name.startswith(("big5", "cp950", "utf-16")) else ()


def plausibility(text: str) -> float:
    """How much a text reads like Chinese, -4 to 1: mean over its characters but ASCII; 0 where there are none."""
    sample = text if len(text) <= 3 * _SAMPLE else text[:_SAMPLE] + text[len(text) // 2:][:_SAMPLE] + text[-_SAMPLE:]
    counted = [c for c in fold(sample) if c > "\x7e" or c < " " and c not in "\t\n\r\x0c"]
    return sum(map(_weight, counted)) / len(counted) if counted else 0.0


@cache
def _weight(c: str) -> float:
    if c in _FREQUENT:
        return 1.0
    if "\u4e00" <= c <= "\u9fff":
        try:        # GB2312 orders its first 3,755 characters, the common ones, before all others
            return 0.5 if c.encode("gb2312")[0] < 0xD8 else 0.1
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
    try:
        return sum(c > "\x7f" for c in data.decode("utf-8"))
    except UnicodeDecodeError:
        return 0


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
    if not any("\u0080" <= c <= "\u00ff" for c in text) and plausibility(text) >= _PLAUSIBLE:
        return False
    for wrong, right in (("gb18030", "utf-8"), ("latin-1", "utf-8"), ("cp1252", "utf-8"), ("latin-1", "gb18030"), ("cp1252", "gb18030")):
        try:
            meant = text.encode(wrong).decode(right)
        except UnicodeError:
            continue
        if meant != text and sum(c > "\u00ff" for c in meant) >= 3 and plausibility(meant) >= 0.4:
            return True
    return False
