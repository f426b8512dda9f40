"""A written sentence and the text that should prove it come in; what the text does not bear out goes out.

Figures, dates, codes, quotations and names are compared one by one, after folding: a wrong figure is worse than
no answer. For the rest, most of the sentence's content words must stand in the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rag import text as t

FaultKind = Literal["number", "unit", "date", "code", "quote", "name", "negation", "strong", "words"]
HARD: frozenset[FaultKind] = frozenset({"number", "unit", "date", "code", "quote", "name"})

# Share of a sentence's content words that must stand in its evidence. On the shared development sentences honest
# paraphrases hold .58 and more, sentences beside another article's text .53 and less.
MOST = 0.55
# The same for each of its longer clauses: .44 and more in honest ones; what a model strings together has less.
CLAUSE, LONGER = 0.4, 6  # share; characters of content


@dataclass(frozen=True, slots=True)
class Fault:
    """What a sentence says and its evidence does not. `found`: what stands there instead, where that is plain."""

    kind: FaultKind
    said: str
    found: str | None = None

    @property
    def hard(self) -> bool:
        """A figure, date, code, quotation or name: a sentence with one is not shown."""
        return self.kind in HARD


# ---------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit: 1700余万次 is (17000000, 次). Unit "": none that is known, fits every unit."""

    value: float
    unit: str
    said: str


# Units that mean the same stand together; measure words that writers swap freely (个) are left out, and fit all.
_SAME = [
    "年",
    "月",
    "个月",
    "日 号 天",
    "小时 个小时 钟头",
    "时 点 点钟",
    "分钟 分",
    "秒 秒钟",
    "周 星期",
    "岁",
    "公里 千米 km",
    "米 m",
    "厘米 cm",
    "毫米 mm",
    "微米",
    "纳米",
    "里",
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
_UNIT = {unit: group.split()[0] for group in _SAME for unit in group.split()}
_UNIT_AT = re.compile("|".join(sorted(map(re.escape, _UNIT), key=len, reverse=True)))
_ABOUT = re.compile(r"[余多几来](?P<times>[万亿]*)")
_COUNTED = re.compile(
    rf"[余多几来]?(?P<unit>{_UNIT_AT.pattern}|[篇个条件项家支种座台架艘辆套场期册本张份所处幢栋间队组])"
)
_TO = re.compile(r"\s*(?:至|到|~|-+)\s*\d")
_DATED = ("年", "月", "日")
_MEASURED = set(_UNIT.values()) - {"人", "人次", "只", "棵", "次", "届", "版", "级", "楼", "时", "角"}


def quantities(text: str) -> Iterator[Quantity]:
    """The figures of a text, the last one first. One that only introduces a noun (一种, 一个) is none."""
    folded = t.fold(text)
    ranged = ""  # the unit of a range stands behind its second number: 3至5天
    for number in reversed(t.numbers(folded)):
        value, end = number.value, number.end
        if number.text == "百" and folded.startswith("分之", end):
            continue
        if number.text == "千" and folded[number.start - 1 : number.start].isdigit():  # 12千克
            continue
        about = _ABOUT.match(folded, end)
        if about:
            end = about.end()
            for c in about["times"]:
                value *= 1e4 if c == "万" else 1e8
        unit = _UNIT_AT.match(folded, end)
        kind = _UNIT[unit[0]] if unit else ""
        if folded.startswith("成", end) and 1 <= value <= 10:  # 三成 is 30%
            value, kind, end = value * 10, "%", end + 1
        elif folded[: number.start].endswith("百分之"):
            kind = "%"
        if not kind and _TO.match(folded, end):
            kind = ranged
        ranged = kind
        if number.text == "一" and kind not in _MEASURED:  # 一种, 办了一次, 第一 (see _STRONG)
            continue
        yield Quantity(round(value, 6), kind, text[number.start : unit.end() if unit else end])


def with_unit(sentence: str, evidence: str) -> str:
    """A sentence that is a number and no more, with the unit that the evidence gives it: 12 → 12人, 1900 → 1900余篇."""
    numbers = t.numbers(sentence)
    if len(numbers) != 1 or _NOT_WORD.sub("", sentence.replace(numbers[0].text, "", 1)):
        return sentence
    folded, dated = t.fold(evidence), sentence
    for number in t.numbers(folded):
        unit = _COUNTED.match(folded, number.end)
        if unit and math.isclose(number.value, numbers[0].value, rel_tol=1e-9):
            said = evidence[number.start : unit.end()]
            if _UNIT.get(unit["unit"]) not in _DATED:
                return said
            dated = said
    return dated


def _same_unit(said: Quantity, there: Quantity) -> bool:
    """A figure without a known unit fits any but a date: 12个家庭 is not proved by 12月."""
    if not said.unit:
        return there.unit not in _DATED
    return not there.unit or there.unit == said.unit


def years_of(date: str | None, before: str) -> frozenset[float]:
    """The years a sentence stands in: that of its article's date, and the one its text named last before it."""
    named = [q.value for q in quantities(before) if q.unit == "年" and 1000 <= q.value <= 2999]
    dated = [float(date[:4])] if date and date[:4].isdigit() else []
    return frozenset([*dated, *named[:1]])


def _figures(sentence: str, evidence: str, years: Collection[float]) -> Iterator[Fault]:
    there = list(quantities(evidence))
    for said in quantities(sentence):
        alike = [q for q in there if math.isclose(q.value, said.value, rel_tol=1e-9)]
        if any(_same_unit(said, q) for q in alike):
            continue
        if said.unit == "年" and said.value in years:
            continue
        if alike:
            yield Fault("unit", said.said, alike[0].said)
            continue
        same_unit = [q.said for q in there if q.unit and q.unit == said.unit]
        kind: FaultKind = "date" if said.unit and said.said[-1] in "年月日号" else "number"
        yield Fault(kind, said.said, same_unit[0] if len(same_unit) == 1 else None)


# ---------------------------------------------------------------- codes, quotations, names

_CODE = re.compile(r"[a-z][a-z0-9]*(?:[-.+/&][a-z0-9]+)*")
_QUOTE = re.compile(r"[“「『《\"]([^“”「」『』《》\"\n]{2,40})[”」』》\"]")
_NOT_WORD = re.compile(r"[\W_]+")
_HOME = {"中国", "我国", "全国", "国内"}
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪"
    "廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤翟"
)


def _codes(sentence: str, there: str) -> Iterator[Fault]:
    for code in dict.fromkeys(_CODE.findall(t.fold(sentence))):
        if not re.search(rf"(?<![a-z]){re.escape(code)}(?![a-z0-9])", there):
            yield Fault("code", code)


def _quotes(sentence: str, there: str) -> tuple[str, list[Fault]]:
    """The sentence without its quotations (their figures are names: “青航1号”), and those that are not borne out."""
    bare = _NOT_WORD.sub("", there)
    wrong = []
    for quoted in _QUOTE.findall(sentence):
        if _NOT_WORD.sub("", t.fold(quoted)) not in bare:
            wrong.append(Fault("quote", quoted))
        sentence = sentence.replace(quoted, "")
    return sentence, wrong


def _names(sentence: str, there: str) -> Iterator[Fault]:
    """Persons and places, as the dictionary and the list of surnames see them."""
    cut = _tagged(sentence)
    folded, at = t.fold(sentence), 0
    for i, (word, tag) in enumerate(cut):
        start, at = at, at + len(word)
        given = cut[i + 1][0] if i + 1 < len(cut) else ""
        if len(word) == 1 and word in _SURNAMES and 0 < len(given) <= 2:  # 陈|简政
            name = word + given
            if word in there or given in there or (t.known(given) and tag[:2] != "nr"):
                continue
        elif (
            len(word) > 1
            and word not in _HOME
            and (tag == "nr" or tag[:2] == "ns" or (word[0] in _SURNAMES and not t.known(word)))
        ):
            name = word
        else:
            continue
        if name in there or name.rstrip("省市县区州镇乡村") in there or (len(name) > 2 and name[1:] in there):
            continue
        # 彭建祥|和 cut as 彭建|祥和: a pair across the cut that stands in the evidence shows that it is no name
        edges = {folded[start - 1 : start + 1], folded[start + len(name) - 1 : start + len(name) + 1]}
        if tag[:2] == "ns" or not any(len(pair) == 2 and pair.isalnum() and pair in there for pair in edges):
            yield Fault("name", name)


@lru_cache(maxsize=256)
def _tagged(sentence: str) -> tuple[tuple[str, str], ...]:
    return tuple(t.tagged(sentence))


# ---------------------------------------------------------------- the rest

_CONTENT = ("n", "v", "a", "m", "t", "s", "i", "l", "j", "z", "d", "eng")
_NO = re.compile(
    r"(?<!能)(?<!是)(?:不|没|未|无|非|勿|莫)(?!少|仅|但|只|断|同|久|过|管|论|妨|禁|人机|线|偿|限|常|洲|来|免|如|及)|禁止|拒绝|取消"
)
_LESS = re.compile("低于|不足|以下|以内|避免|防止|缺|除外|免")
# Words that claim much, and what in the evidence bears each of them out.
_STRONG = {
    "全部 所有 全体 一律 任何": "全部 所有 全体 一律 任何 全 都 各 均 一切",
    "完全 彻底": "完全 彻底 全",
    "唯一": "唯一 只有 仅 独",
    "首位 首个 首次 第一": "首 第一 冠 头 率先 最",
    "最": "最 首 第一 冠 顶 盛 极",
    "永远 必然 必定": "永远 必然 必定 一定 必",
    "全国": "全国 我国 中国",
    "全球 世界": "全球 世界 国际",
}


_CLAUSES = re.compile(r"[，,；;：:]")


def length(sentence: str) -> int:
    """Characters of content: what evidence could bear out."""
    return sum(len(word) for word, tag in _tagged(sentence) if _counts(word, tag))


def _counts(word: str, tag: str) -> bool:
    return tag.startswith(_CONTENT) and bool(word.strip()) and not _NOT_WORD.fullmatch(word)


def coverage(sentence: str, evidence: str) -> float:
    """Share, by length, of the sentence's content words that stand in the evidence; half of it for their characters."""
    return _held(sentence, t.fold(evidence))[0]


def _held(sentence: str, there: str) -> tuple[float, float]:
    """The coverage and the length of the content."""
    values = {number.value for number in t.numbers(there)}
    whole = held = 0.0
    for word, tag in _tagged(sentence):
        if not _counts(word, tag):
            continue
        whole += len(word)
        if word in there or any(number.value in values for number in t.numbers(word)):
            held += len(word)
        else:
            held += 0.5 * sum(c in there for c in word)
    return (held / whole if whole else 0.0), whole


def _polarity(sentence: str, evidence: str) -> Iterator[Fault]:
    no = _NO.search(t.fold(sentence))
    if no and not _NO.search(evidence) and not _LESS.search(evidence):
        yield Fault("negation", no[0])


def _claims(sentence: str, there: str) -> Iterator[Fault]:
    for claims, grounds in _STRONG.items():
        said = next((word for word in claims.split() if word in sentence), None)
        if said and not any(word in there for word in grounds.split()):
            yield Fault("strong", said)


def faults(sentence: str, evidence: str, *, around: str = "", years: Collection[float] = ()) -> list[Fault]:
    """What of the sentence the evidence does not bear out; empty: supported.

    `around`: title and headings above the evidence: names and words may come from there, figures may not.
    `years`: those the evidence stands in (`years_of`): 2月21日 is 2025年2月21日 in an article of that year.
    """
    near = t.fold(evidence)
    there = f"{near}\n{t.fold(around)}"
    plain, found = _quotes(sentence, there)
    found += [
        *_figures(plain, evidence, years),
        *_codes(sentence, there),
        *_names(sentence, there),
        *_polarity(sentence, near),
        *_claims(t.fold(sentence), near),
    ]
    share = coverage(sentence, there)
    clauses = [_held(clause, there) for clause in _CLAUSES.split(sentence)]
    if share < MOST or any(part < CLAUSE for part, length in clauses if length >= LONGER):
        found.append(Fault("words", f"{share:.2f}"))
    return found
