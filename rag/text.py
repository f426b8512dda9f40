"""Text comes in as written; goes out folded, cut into words or sentences, its numbers read.

Folding never changes a text's length, so that an offset found in the folded text is one of the original.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import add
from pathlib import Path

Span = tuple[int, int]

# ---------------------------------------------------------------- folding


@cache
def _fold_table() -> dict[int, str]:
    """Width, case and script, character to character; what would change the length stays as it is.

    OpenCC's characters are asked for in one call (8 ms) rather than text by text: its phrases
    tell 乾隆 from 干燥, but their answer may have another length, and both sides are folded alike.
    """
    import opencc

    table: dict[int, str] = {}
    han = "".join(map(chr, range(0x3400, 0xA000)))
    simplified = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    if len(simplified) != len(han):  # an OpenCC that joins lines would shift every character after
        raise RuntimeError("OpenCC changed the number of characters")
    table.update((ord(a), b) for a, b in zip(han, simplified, strict=True) if a != b and len(b) == 1)
    for code in (*range(0x20, 0x3400), *range(0xF900, 0xFB00), *range(0xFE30, 0xFFF0)):
        wide = unicodedata.normalize("NFKC", chr(code))
        narrow = wide.lower()
        if len(narrow) == 1 and narrow != chr(code):
            table[code] = table.get(ord(narrow), narrow)
    for a, b in zip("“”‘’「」『』﹁﹂—–―", '""\'\'""\'\'""---', strict=True):
        table[ord(a)] = b
    table.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))  # half a pair, from broken JSON: no cutter takes it
    return table


def fold(text: str) -> str:
    """The text in one width, case and script: ＡＩ科學 → ai科学. As long as the text was."""
    return text.translate(_fold_table())


# ---------------------------------------------------------------- words

_HAN = r"\u3400-\u9fff\U00020000-\U0003ffff〇"
_RUN = re.compile(rf"[{_HAN}]+")
_WORDLIKE = re.compile(rf"[0-9a-z]|[{_HAN}]|[^\W_]")
# Runs of other scripts that no dictionary cuts (Tibetan, Yi, kana, Hangul…): found by their characters.
_OTHER_RUN = re.compile(r"[\u0f00-\u0fff\ua000-\ua4cf\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff\u0600-\u06ff]+")

_TOKENS = "2"  # counted up when `tokens` cuts otherwise
_user_words: tuple[str, ...] = ()


def use_dictionary(path: Path) -> int:
    """Adds the words of a jieba user dictionary (word [frequency] [tag] a line). Returns how many.

    Index and questions must be cut alike: set it before a library is opened, and rebuild its index after.
    """
    global _user_words
    words = [line.split()[0] for line in path.read_text("utf-8").splitlines() if line.strip()]
    _user_words = tuple(words)
    _cutter.cache_clear()
    _rjieba.cache_clear()
    return len(words)


@cache
def _rjieba():  # type: ignore[no-untyped-def]
    """The dictionary in Rust, with the user's words; None where it is not installed."""
    try:
        import rjieba
    except ImportError:
        return None
    if not _user_words:
        return rjieba  # its own dictionary is loaded with it: a second one costs 0.1 s at every start
    cutter = rjieba.Jieba()
    for word in _user_words:
        cutter.add_word(word, None, None)
    return cutter


@cache
def _cutter():  # type: ignore[no-untyped-def]
    """`cut(text) -> list of words`: rjieba where it is installed, else jieba; equal cuts (tested)."""
    if _rjieba() is not None:
        return _rjieba().cut
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    for word in _user_words:
        jieba.add_word(word)
    return jieba.lcut


def tagged(text: str) -> list[tuple[str, str]]:
    """The folded text cut into all its words and marks, each with jieba's tag: n, nr (a person), ns (a place), v, m…"""
    if _rjieba() is not None:
        return [(word, tag) for word, tag in _rjieba().tag(fold(text))]
    from jieba import posseg

    _cutter()  # the user's words are added there
    return [(pair.word, pair.flag) for pair in posseg.lcut(fold(text))]


def known(word: str) -> bool:
    """It stands in the dictionary (a common word, a well-known name), folded."""
    if _rjieba() is not None:
        return bool(_rjieba().has_word(fold(word)))
    import jieba

    _cutter()
    jieba.initialize()
    return bool(jieba.dt.FREQ.get(fold(word)))


def words(text: str) -> list[str]:
    """The folded text's words in order, as jieba cuts them; punctuation and space are left out."""
    return [w for w in _cutter()(fold(text)) if _WORDLIKE.search(w)]


def bigrams(text: str) -> list[str]:
    """Pairs of neighbouring characters in each run of Han (or other uncut) characters of the folded text."""
    folded = fold(text)
    pairs: list[str] = []
    for pattern in (_RUN, _OTHER_RUN):
        for run in pattern.findall(folded):
            pairs += [run[i : i + 2] for i in range(len(run) - 1)]
    return pairs


def tokens(text: str) -> list[str]:
    """What is indexed and searched: words, pairs of characters, and numbers in one spelling.

    Words and pairs together: BM25's R@1 .957 against .928 with words alone (CMRC among 68,000 news).
    """
    folded = fold(text)
    found = [w for w in _cutter()(folded) if w.isalnum() or _WORDLIKE.search(w)]
    for run in _RUN.findall(folded):
        found += map(add, run, run[1:])
    for run in _OTHER_RUN.findall(folded):
        found += run
        found += map(add, run, run[1:])
    for said, value in _values(folded):
        spelled = _spelled(value)
        if spelled != said:
            found.append(spelled)
    return found


def tokens_version() -> str:
    """Of the rules by which `tokens` cuts, users' words among them: an index cut by others is made anew."""
    import hashlib

    own = hashlib.sha256("\n".join(_user_words).encode()).hexdigest()[:12] if _user_words else ""
    return f"{_TOKENS}-{own}" if own else _TOKENS


# ---------------------------------------------------------------- numbers

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "○": 0}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_BIG = {"万": 10**4, "亿": 10**8}
_NUMERAL = "〇○零一二两三四五六七八九十百千万亿"
_NUMERIC = re.compile(rf"[\d{_NUMERAL}]+")  # where a number can begin
_NUMBER = re.compile(
    r"(?P<arabic>\d+(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?)(?P<times>[十百千]?[万亿]+|[百千](?=[^\d克米瓦卡帕赫]|$))?"
    rf"|(?P<chinese>[{_NUMERAL}]*[{_NUMERAL[:-2]}][{_NUMERAL}]*(?:点[〇零一二两三四五六七八九]+[万亿]?)?)"
)
# 一些、统一、十分: numerals that count nothing
_NOT_COUNTING = re.compile(
    r"一(?:些|般|定|样|直|起|切|旦|致|体化?|下|边|方面)|[统同唯万专]一|十分(?![钟之])|万一|[百千万]分之|千万(?!\d)"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: 1,100万, 三成, 二〇二五. `value` is what it says; start and end count characters."""

    start: int
    end: int
    text: str
    value: float

    @property
    def canonical(self) -> str:
        """One spelling for one value: 11000000, 0.3."""
        return _spelled(self.value)


def _spelled(value: float) -> str:
    return f"{value:.0f}" if abs(value) < 1e15 and value == int(value) else f"{value:.10g}"


def _chinese_value(word: str) -> float | None:
    """三百二十 → 320, 二〇二五 → 2025, 一点五亿 → 150000000; None where it is no number."""
    whole, _, fraction = word.partition("点")
    tail = 1
    if fraction and fraction[-1] in _BIG:
        tail, fraction = _BIG[fraction[-1]], fraction[:-1]
    if len(whole) > 1 and not any(c in _SMALL or c in _BIG for c in whole):
        value = float("".join(str(_DIGITS[c]) for c in whole))
    else:
        total = section = digit = 0
        for i, c in enumerate(whole):
            if c in _DIGITS:
                digit = _DIGITS[c]
            elif c in _SMALL:
                section += (digit or (1 if i == 0 or whole[i - 1] in "零〇" or c == "十" else 0)) * _SMALL[c]
                digit = 0
            else:
                total = (total + section + digit or 1) * _BIG[c]
                section = digit = 0
        value = float(total + section + digit)
    if fraction:
        value += float("0." + "".join(str(_DIGITS[c]) for c in fraction))
    return value * tail


def numbers(text: str) -> list[Number]:
    """The numbers of a text, Arabic and Chinese, with their values. Percent signs and units are left to the caller."""
    return [
        Number(m.start(), m.end(), text[m.start() : m.end()], value)
        for m in _number_matches(fold(text))
        if (value := _value(m["arabic"], m["times"], m["chinese"])) is not None
    ]


def _number_matches(folded: str) -> Iterator[re.Match[str]]:
    """As `_NUMBER.finditer`, without what counts nothing. Looks only where a numeral stands: twice as fast."""
    done = 0
    for run in _NUMERIC.finditer(folded):
        at, end = max(done, run.start()), run.end()
        while at < end:
            m = _NUMBER.match(folded, at)
            if m is None:
                at += 1
                continue
            done = at = m.end()
            before = max(0, m.start() - 1)
            if not m["arabic"] and m.group() in _SMALL and folded[before].isdigit() and before < m.start():
                continue  # 12千克: the unit's own 千
            if m["arabic"] or not (_NOT_COUNTING.match(folded, before) or _NOT_COUNTING.match(folded, m.start())):
                yield m


def _values(folded: str) -> Iterator[tuple[str, float]]:
    """What is said and its value, for the numbers of a folded text that may have another spelling than their own."""
    for m in _number_matches(folded):
        said = m.group()
        if said.isdecimal() and said[0] in "123456789" and len(said) < 16 and said.isascii():
            continue
        value = _value(m["arabic"], m["times"], m["chinese"])
        if value is not None:
            yield said, value


@lru_cache(1 << 14)
def _value(arabic: str | None, times: str | None, chinese: str | None) -> float | None:
    if not arabic:
        read = _chinese_value(chinese or "")
        return None if read is None else round(read, 6)
    value = float(arabic.replace(",", ""))
    for c in times or "":
        value *= _SMALL.get(c) or _BIG[c]
    return round(value, 6)


# ---------------------------------------------------------------- sentences

_END = "。！？!?；;…"
_CLOSERS = "”’』」》）)】〕\"'"
_OPEN, _CLOSE = "《（(【〔", "》）)】〕"
_SAYS = re.compile(r"^[^。！？!?；;\n]{0,24}(?:说|道|表示|介绍|告诉|称|认为|回忆|感慨|解释|坦言|强调|指出)")


def sentences(text: str) -> list[Span]:
    """Spans of sentences: they end at 。！？；… with their closing quotes, at line ends, never inside brackets.

    A quotation stays with the words that say who spoke (“……。”队长说。). Blank space around is left out.
    """
    spans: list[Span] = []
    start, depth, i, n = 0, 0, 0, len(text)

    def close(end: int) -> None:
        nonlocal start
        a, b = start, end
        while a < b and text[a].isspace():
            a += 1
        while b > a and text[b - 1].isspace():
            b -= 1
        if a < b:
            spans.append((a, b))
        start = end

    while i < n:
        c = text[i]
        if c == "\n":
            depth = 0
            close(i + 1)
        elif c in _OPEN:
            depth += 1
        elif c in _CLOSE and depth:
            depth -= 1
        elif (c in _END and not depth) or (
            c == "." and not depth and i + 1 < n and text[i + 1].isspace() and i > start and text[i - 1].isalpha()
        ):
            j = i + 1
            while j < n and text[j] in _END:
                j += 1
            quoted = j
            while j < n and text[j] in _CLOSERS:
                j += 1
            if not (j > quoted and text[j - 1] in '”』」"' and _SAYS.match(text[j : j + 40])):
                close(j)
            i = j
            continue
        i += 1
    close(n)
    return spans


def squeeze(text: str) -> str:
    """The text with every run of blank space made one space, none at its ends."""
    return " ".join(text.split())


def batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of at most `size` items, in order."""
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
