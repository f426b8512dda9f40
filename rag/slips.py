"""A question with slips of typing comes in, as it was meant goes out: 高山汽象站 → 高山气象站, 陈登永 → 陈登勇.

The one idea: Chinese is typed by its sound. What stands nowhere in the library and is no word is held against what
sounds alike and does. A common word is put right and shown; another name is only offered: it may be another person's.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

from rag import text as t
from rag.question import Question, as_whole, understand
from rag.types import Turn

LONGEST = 4  # characters of a word that is put right
LOOKED_UP = 200  # names that sound alike are asked for, at most
# Sounds that many people do not tell apart: 四/是, 金/京; and n from l where it begins a syllable, 南/兰.
_ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"))
_SERVES = re.compile("[是的了在到有各这那为和与从被把对不也都就还没很最更几哪谁啥吗呢]")  # 各是 is no word and no slip
_HAN = re.compile("[\u4e00-\u9fff]+")


def understood(text: str, history: Sequence[Turn], stands: Callable[[str], bool]) -> Question:
    """`question.understand`, with words put right that `stands` (is the string in the library?) and the dictionary both
    don't know; `rewritten` shows it. Errors: as `understand`."""
    asked = understand(text, history)
    meant = put_right(asked.text, stands)
    if meant == asked.text:
        return asked
    return replace(understand(meant), asked=text, rewritten=meant)


def restated(asked: Question, whole: str, stands: Callable[[str], bool]) -> Question:
    """The same question as another made it whole, slips in it put right."""
    return as_whole(asked.asked, put_right(whole, stands))


def put_right(text: str, stands: Callable[[str], bool]) -> str:
    """The text with each word that is none replaced by the one that sounds alike, one character being another, and makes
    the sentence read best; unchanged where two do so equally."""
    folded = t.fold(text)
    at = 0
    for word in t.words(folded):
        start = folded.find(word, at)
        at = start + len(word)
        if len(word) < 2 or t.known(word) or not _HAN.fullmatch(word) or _SERVES.search(word) or stands(word):
            continue
        meant = _best(folded, start, at, stands)
        if meant is not None:
            i, put = meant
            text = text[:i] + put + text[i + len(put) :]
            folded = folded[:i] + put + folded[i + len(put) :]
    return text


def _best(folded: str, start: int, end: int, stands: Callable[[str], bool]) -> tuple[int, str] | None:
    """Where in the text which word belongs. It touches what stands there (start to end), and with it the whole has the
    fewest strange words, then the fewest words."""
    found: dict[str, tuple[int, str]] = {}
    for size in range(2, LONGEST + 1):
        for i in range(max(0, start - 1, start - size + 2), min(end - 1, len(folded) - size + 1)):
            if not t.known(folded[i : i + size]):
                for word in filter(t.known, _alike(folded[i : i + size])):
                    found[folded[:i] + word + folded[i + size :]] = i, word
    reads = {whole: t.words(whole) for whole in found}
    worth = {whole: (sum(not t.known(w) for w in cut), len(cut)) for whole, cut in reads.items()}
    best = [whole for whole in found if worth[whole] == min(worth.values())]
    likely = [whole for whole in best[:LOOKED_UP] if stands(found[whole][1])]
    if len(likely) != 1:
        return None
    i, word = found[likely[0]]
    whole_word = any(word in w and t.known(w) for w in reads[likely[0]])
    return (i, word) if whole_word and not stands(folded[i : i + len(word)]) else None


def name_alike(name: str, stands: Callable[[str], bool]) -> str:
    """A name of the library that sounds as this one does, one character being another; "" where there is none, or more."""
    folded = t.fold(name)
    if not 2 <= len(folded) <= LONGEST or not _HAN.fullmatch(folded):
        return ""
    found = [other for other in islice(_alike(folded), LOOKED_UP) if stands(other)]
    return found[0] if len(found) == 1 else ""


def _alike(word: str) -> Iterator[str]:
    """The words that differ in one character that sounds alike, the last character first: a surname is rarely mistaken.
    What was typed may have been read in any way, what was meant in its first."""
    for i in reversed(range(len(word))):
        for sound in _sounds().get(word[i], ()):
            for other in _characters().get(sound, ()):
                if other != word[i]:
                    yield word[:i] + other + word[i + 1 :]


@cache
def _sounds() -> dict[str, tuple[str, ...]]:
    """Each common character's syllables, without tone. From pypinyin's table; its phrases (50 MB) are left alone."""
    import importlib.metadata

    table = importlib.metadata.distribution("pypinyin").locate_file("pypinyin/pinyin_dict.json")
    read: dict[str, tuple[str, ...]] = {}
    for code, spelled in json.loads(Path(str(table)).read_text("utf-8")).items():
        character = chr(int(code))
        if t.fold(character) == character and _common(character):
            read[character] = tuple(dict.fromkeys(map(_plain, spelled.split(","))))
    return read


@cache
def _characters() -> dict[str, list[str]]:
    """The characters of each syllable, by their first reading."""
    table: dict[str, list[str]] = {}
    for character, sounds in _sounds().items():
        table.setdefault(sounds[0], []).append(character)
    return table


def _common(character: str) -> bool:
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def _plain(syllable: str) -> str:
    """xiàng → xian, níng → lin: without tone, and as those say it who don't tell them apart."""
    bare = "".join(c for c in unicodedata.normalize("NFD", syllable) if not unicodedata.combining(c))
    for precise, loose in _ALIKE:
        bare = bare.replace(precise, loose)
    return re.sub("^n", "l", bare)
