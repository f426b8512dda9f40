"""A question comes in; the first name, title or quoted string of it that stands nowhere in the library goes out.

Beside the terms that `question.must` names: what is quoted must stand whole, a thing of a series (嫦娥十号) under its
own number, a person and a village under their own names, a letter so rare that no dictionary has it. Whatever might be
cut wrongly is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rag import text as t
from rag.answering.marks import NOT_WORD, bare, marked
from rag.question import Question, is_name, quoted_in
from rag.slips import name_alike

_SERIES = re.compile(r"[\u4e00-\u9fff]{2}[一二三四五六七八九十\d]{1,2}号(?![线楼院门码段])")
_VILLAGE = re.compile(r"[\u4e00-\u9fff]{2,3}(?:县|镇|乡|村|街道)$")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_DIGITS = ("", *"一二三四五六七八九")
_NO_NAME = re.compile("[哪何由在是谁被给的了和与跟为从对请]")


def absent(question: Question, stands: Callable[[str], bool]) -> str:
    """The term in the question's spelling; "" where all stand. `stands`: whether the library has a string, folded alike."""
    folded = t.fold(question.text)
    for quoted in quoted_in(question.text):
        if len(NOT_WORD.sub("", quoted)) > 1 and not stands(quoted) and not stands(NOT_WORD.sub("", quoted)):
            return quoted
    for m in _SERIES.finditer(folded):
        if not any(map(stands, _spellings(m[0]))) and stands(m[0][:2]):
            return question.text[m.start() : m.end()]
    for i, letter in enumerate(folded):  # 鳤鱼: a letter so rare is a name's
        if _HAN.match(letter) and not t.known(letter) and not stands(letter):
            return question.text[i]
    for mark in marked(question.text).names:
        name = mark.word
        if mark.kind == "person":
            name = name if is_name(name) else name[:3]  # 陈登永是, 陈登永讲: taken for one name
            sure = len(name) == 3 and is_name(name) and not t.known(name) and not _NO_NAME.search(name)
            apart = not stands(name[:2]) and not stands(name[1:])  # else it may be cut wrongly: 李明多|大
            if sure and not stands(name) and (apart or name_alike(name, stands)):
                return question.text[mark.start : mark.start + 3]
        elif mark.kind == "place" and _VILLAGE.fullmatch(name) and not stands(name) and not stands(bare(name)):
            return question.text[mark.start : mark.end]
    return ""


def _spellings(term: str) -> list[str]:
    """青航一号 is printed 青航1号 too, and the other way round."""
    number = re.search(r"[一二三四五六七八九十\d]+(?=号$)", term)
    values = t.numbers(number[0]) if number else []
    if number is None or not values or not 0 < values[0].value < 100:
        return [term]
    tens, ones = divmod(int(values[0].value), 10)
    spelled = (f"{_DIGITS[tens] if tens > 1 else ''}十" if tens else "") + _DIGITS[ones]
    return [term[: number.start()] + said + term[number.end() :] for said in (str(int(values[0].value)), spelled)]
