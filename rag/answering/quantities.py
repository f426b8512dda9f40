"""Text comes in, its figures go out, each with its value and unit: 1700余万次 is 17,000,000 次, 三成 is 30 %.

Units that say the same are one; a figure that belongs to a code (PM2.5, GB 5749—2022) is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from rag import text as t


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit. Unit "": none that is known, fits every unit. Years before Christ are below 0."""

    value: float
    unit: str
    said: str
    start: int = field(default=0, compare=False)  # where `said` begins in the text
    ordinal: bool = field(default=False, compare=False)  # 第五个: not five of them

    @property
    def end(self) -> int:
        return self.start + len(self.said)


# Units that mean the same stand together; measure words that writers swap freely (个) are left out, and fit all.
_SAME = [
    "年",
    "月",
    "个月",
    "日 号 天",
    "小时 个小时 钟头 个钟头",
    "时 点 点钟",
    "分钟 分",
    "秒 秒钟",
    "毫秒",
    "微秒",
    "纳秒",
    "周 星期 个星期",
    "岁 周岁",
    "公里 千米 km",
    "米 m",
    "厘米 cm",
    "毫米 mm",
    "微米",
    "纳米",
    "里",
    "海里",
    "亩",
    "公顷",
    "平方米 平米",
    "平方公里 平方千米",
    "立方米 方",
    "吨",
    "公斤 千克 kg",
    "斤",
    "克 g",
    "毫克 mg",
    "微克",
    "升",
    "毫升",
    "元 块 块钱",
    "角",
    "美元",
    "% 百分之",
    "‰",
    "个百分点",
    "℃ 摄氏度 度",
    "倍",
    "千瓦",
    "兆瓦",
    "千瓦时",
    "瓦",
    "毫米汞柱",
    "微摩尔",
    "兆赫",
    "人次",
    "人 名 位",
    "只 头 羽",
    "棵 株",
    "次 回 遍 场次",
    "届",
    "版",
    "级",
    "楼 层",
    "亿 亿元",
]
UNIT = {unit: group.split()[0] for group in _SAME for unit in group.split()}
_UNIT_AT = re.compile("|".join(sorted(map(re.escape, UNIT), key=len, reverse=True)))
_ABOUT = re.compile(r"[余多几来](?P<times>[万亿]*)")
_COUNTER = "篇个条件项家支种座台架艘辆套场期册本张份所处幢栋间队组颗粒枚片根口道门款批类步对"
_COUNTED = re.compile(rf"[余多几来]?(?P<unit>{_UNIT_AT.pattern}|[{_COUNTER}])")
_AFTER = re.compile(r"[余多几来]?(?![的和与至到或及是为在有以了就都而])([\u4e00-\u9fff])")
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_TO = re.compile(r"\s*(?:至|到|~|-+)\s*\d")
# The end of a code, right before a figure of it: PM|2.5, GB/T 17742-|2020, 2-1-|1
_IN_CODE = re.compile(r"(?:[a-z][a-z/]*|(?<![a-z])(?:gb|hj|qx|sc|ga)[a-z]*(?:/[a-z]+)? ?(?:[\d.]+-{1,2})?|[a-z]-)$")
DATED = ("年", "月", "日")
_MEASURED = set(UNIT.values()) - {"人", "人次", "只", "棵", "次", "届", "版", "级", "楼", "时", "角"}
_SPANS = {"年", "月", "个月", "日", "周", "小时", "分钟"}  # 一天 is 每天 or 全天 as often as one day


def quantities(text: str) -> Iterator[Quantity]:
    """The figures of a text, the last one first. One that only introduces a noun (一种, 一个) is none."""
    folded = t.fold(text)
    written = {}  # where a number of 2025-02-21 begins: its unit
    for day in _ISO.finditer(folded):
        written.update({day.start(i + 1): unit for i, unit in enumerate("年月日")})
    ranged = ""  # the unit of a range stands behind its second number: 3至5天
    for number in reversed(t.numbers(folded)):
        value, end = number.value, number.end
        if number.text == "百" and folded.startswith("分之", end):
            continue
        if (
            len(number.text) == 1
            and not number.text.isdigit()
            and _begins_a_name(folded[number.start : number.start + 2])
        ):
            continue
        if number.start in written:
            yield Quantity(value, written[number.start], number.text, number.start)
            continue
        if number.text[0].isdigit() and _in_code(folded, number):
            ranged = ""
            continue
        about = _ABOUT.match(folded, end)
        if about:
            end = about.end()
            for c in about["times"]:
                value *= 1e4 if c == "万" else 1e8
        unit = _UNIT_AT.match(folded, end)
        kind = UNIT[unit[0]] if unit else ""
        before = folded[: number.start]
        if folded.startswith("成", end) and 1 <= value <= 10:  # 三成 is 30%
            value, kind, end = value * 10, "%", end + 1
        elif before.endswith("百分之"):
            kind = "%"
        elif before.endswith("千分之"):
            kind = "‰"
        if not kind and _TO.match(folded, end):
            kind = ranged
        ranged = kind
        if number.text == "一" and kind not in _MEASURED:  # 一种, 办了一次, 第一 (see _STRONG)
            continue
        if kind == "年" and before.endswith(("公元前", "前")):
            value = -value
        said = text[number.start : unit.end() if unit else end]
        yield Quantity(round(value, 6), kind, said, number.start, before.endswith("第"))


@lru_cache(maxsize=1024)
def _begins_a_name(pair: str) -> bool:
    """四川, 三峡: no numbers."""
    cut = t.tagged(pair)
    return len(cut) == 1 and cut[0][1][:2] == "ns"


def _in_code(folded: str, number: t.Number) -> bool:
    return not folded.startswith(DATED, number.end) and bool(
        _IN_CODE.search(folded[max(0, number.start - 16) : number.start])
    )


def counter(folded: str, quantity: Quantity) -> str:
    """What it counts by: its unit, else the word after it (个, 种, 剂), else ""."""
    after = _AFTER.match(folded, quantity.end)
    return quantity.unit or (after[1] if after else "")


def with_unit(sentence: str, evidence: str) -> str:
    """A sentence that is a number and no more, with the unit that the evidence gives it: 12 → 12人, 1900 → 1900余篇."""
    numbers = t.numbers(sentence)
    if len(numbers) != 1 or re.sub(r"[\W_]+", "", sentence.replace(numbers[0].text, "", 1)):
        return sentence
    folded, dated = t.fold(evidence), sentence
    for number in t.numbers(folded):
        unit = _COUNTED.match(folded, number.end)
        if unit and math.isclose(number.value, numbers[0].value, rel_tol=1e-9):
            said = evidence[number.start : unit.end()]
            if UNIT.get(unit["unit"]) not in DATED:
                return said
            dated = said
    return dated


# ---------------------------------------------------------------- dates


@dataclass(frozen=True, slots=True)
class Date:
    """A date as far as it is told: 2月21日 has no year. `start` and `end` count in its text."""

    year: int | None
    month: int | None
    day: int | None
    start: int = field(compare=False)
    end: int = field(compare=False)

    @property
    def fields(self) -> tuple[int | None, int | None, int | None]:
        return self.year, self.month, self.day

    def differs(self, other: Date) -> bool:
        """They tell a part differently."""
        return any(a is not None and b is not None and a != b for a, b in zip(self.fields, other.fields, strict=True))

    def fits(self, other: Date) -> bool:
        """They share a part, and no part that both tell differs."""
        shared = any(a is not None and a == b for a, b in zip(self.fields, other.fields, strict=True))
        return shared and not self.differs(other)


_SOME_YEAR = re.compile(r"[今去明前后本当次翌同上每]年|年[初底末]")


def dates(text: str, figures: list[Quantity] | None = None) -> list[Date]:
    """The dates of a text in order; 10年 and 3天 are lengths of time, not dates."""
    found: list[Date] = []
    for q in sorted(quantities(text) if figures is None else figures, key=lambda q: q.start):
        value = int(q.value)
        last = q.said[-1] if q.said[-1] in "日号" or not q.said.isdigit() else "日"
        place = -1
        if q.unit == "年" and (1000 <= value <= 2999 or value < 0):
            place = 0
        elif q.unit == "月" and 1 <= value <= 12:
            place = 1
        elif q.unit == "日" and last in "日号" and 1 <= value <= 31:
            place = 2
        if place < 0:
            continue
        told: list[int | None] = [None, None, None]
        start = q.start
        before = found[-1] if found and q.start - found[-1].end <= q.said.isdigit() else None
        if last == "号" and before is None:  # 嫦娥六号
            continue
        if before and all(x is None for x in before.fields[place:]):
            told, start = list(before.fields), before.start
            found.pop()
        told[place] = value
        found.append(Date(told[0], told[1], told[2], start, q.end))
    return found


def with_year(sentence: str, evidence: str) -> str:
    """A date without its year, in a sentence that names none, with the one that the evidence gives just that date:
    11月23日 → 2021年11月23日."""
    told = dates(sentence)
    if len(told) != 1 or told[0].year is not None or told[0].month is None or told[0].day is None:
        return sentence
    years = {d.year for d in dates(evidence) if d.fields[1:] == told[0].fields[1:]}
    if len(years) != 1 or None in years or _SOME_YEAR.search(t.fold(sentence)):
        return sentence
    return f"{sentence[: told[0].start]}{years.pop()}年{sentence[told[0].start :]}"


def only_a_while(quantity: Quantity, folded: str) -> bool:
    """一天, 一年: not counted where the text speaks of every or the whole day."""
    if quantity.value != 1 or quantity.unit not in _SPANS or not quantity.said.startswith(("一", "1")):
        return False
    unit = "[日天]" if quantity.unit == "日" else re.escape(quantity.unit.removeprefix("个"))
    return bool(re.search(rf"[每全当]{unit}|一?昼夜" if unit == "[日天]" else rf"[每全当]{unit}", folded))
