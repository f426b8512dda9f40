"""A text comes in; what in it could be told wrongly goes out: figures, dates, names, quotations, words, with their places.

Names are a guess by the dictionary's tags, by surnames, and by the endings of places and bodies.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from rag import text as t
from rag.answering.quantities import Date, Quantity, counter, dates, quantities
from rag.question import SURNAMES as MANY

MarkKind = Literal["figure", "date", "person", "place", "body", "quote", "code", "word"]

SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪"
    "廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤翟"
)
CODE = re.compile(r"[a-z](?:[a-z]|\d(?!\d*[年月日]))*(?:[-.+/&](?:[a-z]|\d(?!\d*[年月日]))+)*")
QUOTE = re.compile(r"[“「『《\"]([^“”「」『』《》\"\n]{2,40})[”」』》\"]")
CONTENT = ("n", "v", "a", "m", "t", "s", "i", "l", "j", "z", "d", "eng")
NOT_WORD = re.compile(r"[\W_]+")
_ALL_SURNAMES = frozenset(MANY)
_GIVEN = re.compile("[\u4e00-\u9fff]{1,2}")
_RANGE = re.compile(r"\s*(?:至|到|~|-+|、|或)\s*")
_THINGS = "nstflbzji"
_HOME = {
    "中国",
    "我国",
    "全国",
    "国内",
    "天府",
    "两国",
    "各国",
    "多国",
    "外国",
    "各省",
    "各市",
    "各县",
    "全省",
    "全市",
    "全县",
}
_PLACE_END = re.compile(r"..+(?:省|市|县|区|州|镇|乡|村|街道|社区)$")
# Cities that the dictionary does not tag as places, or that have no 市 behind them in print.
CITIES = frozenset(
    "北京 天津 上海 重庆 石家庄 太原 沈阳 长春 哈尔滨 南京 杭州 合肥 福州 南昌 济南 郑州 武汉 长沙 广州 南宁 海口 成都 贵阳 昆明 西安 兰州 西宁 "
    "银川 乌鲁木齐 拉萨 呼和浩特 深圳 青岛 大连 厦门 宁波 苏州 三亚 西昌 酒泉 文昌 绵阳 德阳 宜宾 南充 泸州 乐山 攀枝花 雅安 "
    "伦敦 巴黎 纽约 东京 柏林 莫斯科 罗马 维也纳 日内瓦 华盛顿 波士顿 芝加哥 首尔 曼谷 悉尼".split()
)
_NO_PLACES = frozenset(
    "山林 山区 高原 平原 盆地 沿海 海岛 草原 森林 山村 农村 乡村 老区 大马 中风 海关 新区 开发区 城市 都市 县城 城区 市区 郊区".split()
)
_NO_PLACE = re.compile(
    r"(?:地|山|灾|牧|林|郊|城|景|园|社|小|校|厂|库|盆|寒|热|温|老|新|城|保护|试验|示范|展|雷|高|震)区$"
)
_BODY_END = re.compile(
    r"(?:局|厅|部|委|院|署|党校|大学|学院|中学|小学|幼儿园|公司|集团|协会|学会|联盟|组织|联合会|委员会|基金会|研究所|研究院"
    r"|中心|实验室|图书馆|博物馆|科技馆|文化馆|体育馆|体育中心|医院|卫生院|疾控中心|银行|总队|支队|合作社|发射场|出版社)$"
)
_NO_BODY = frozenset(
    "学校 大学 学院 中学 小学 医院 公司 集团 协会 学会 组织 中心 银行 全部 内部 外部 中部 东部 西部 南部 北部 头部 腹部 胸部 "
    "背部 面部 颈部 干部 局部 底部 顶部 上部 下部 根部 尾部 脑部 肺部 总部 俱乐部 一部 脸部 眼部 手部 脚部 部 院 局 委 住院 出院 "
    "农村部 医学院 研究院 研究所 实验室 图书馆 博物馆 科技馆 委员会 联合会 基金会 幼儿园 合作社 结局 布局 格局 电影院 法院 "
    "剧院 当局 大部 多部 编委 常委 组委 政委 党委 县委 市委 省委 区委 出版社 卫生院 联盟 体育馆 文化馆 发射场 党校".split()
)
_HOUSE = re.compile("馆|党校|幼儿园|社|委员会|基金会")
# What an elder body is called before its own name: it does not tell bodies apart.
_PREFIX = {"省", "市", "县", "区", "州", "国家", "全国", "中国", "我国", "省级", "市级", "县级", "区级", "本市", "我省"}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that stands at a place. `family`: others of it can stand in its stead (the unit of a figure)."""

    kind: MarkKind
    word: str  # folded; of a figure its value
    family: str
    start: int
    end: int
    date: Date | None = None

    @property
    def hard(self) -> bool:
        return self.kind != "word"

    def same(self, other: Mark) -> bool:
        if self.date is not None and other.date is not None:
            return self.date.fits(other.date)
        if self.kind == "figure":
            return other.kind == "figure" and self.word == other.word and self.family == other.family
        return self.word == other.word or (self.kind == "place" == other.kind and bare(self.word) == bare(other.word))


_COST = {
    "\n": 80,
    "。": 40,
    "！": 40,
    "？": 40,
    "!": 40,
    "?": 40,
    ";": 25,
    "；": 25,
    ",": 15,
    "，": 15,
    ":": 10,
    "：": 10,
}


class Marked:
    """A text with its marks and what lies between its places."""

    def __init__(self, text: str, named: frozenset[tuple[MarkKind, str]] = frozenset()) -> None:
        """`named`: names that another text has, to be seen here too however this one is cut."""
        self.text = text
        self._named = named
        self.folded = t.fold(text)
        self.tagged: list[tuple[str, str, int]] = []
        at = 0
        for word, tag in t.tagged(text):
            self.tagged.append((word, tag, at))
            at += len(word)
        self._stops = [i for i, c in enumerate(self.folded) if c in _COST]
        self._sums = [0]
        for i in self._stops:
            self._sums.append(self._sums[-1] + _COST[self.folded[i]])

    def apart(self, a: int, b: int) -> int:
        """How far two places lie apart: characters, and more for every comma, full stop and line between them."""
        a, b = min(a, b), max(a, b)
        between = self._sums[bisect_right(self._stops, b)] - self._sums[bisect_right(self._stops, a)]
        return b - a + between

    @cached_property
    def quantities(self) -> list[Quantity]:
        return list(quantities(self.text))

    @cached_property
    def dates(self) -> list[Date]:
        return dates(self.text, self.quantities)

    def _titled(self, i: int) -> bool:
        """教师|马|志远, 由|马|志远, 是|郑|海波|。, 路|新春|给…: a surname and a word where a name is looked for."""
        before, begin = (self.tagged[i - 1][0], self.tagged[i - 1][1]) if i else ("", "")
        word, tag = self.tagged[i + 1][:2]
        after, ending = self.tagged[i + 2][:2] if i + 2 < len(self.tagged) else ("", "")
        if len(word) != 2 or tag[:1] in "vdpcrum" or self.tagged[i][1][:1] in "vdpcrufm":
            return False
        if not before:
            return ending == "p"
        if before == "是":
            return not after or not after.isalnum()
        return before == "由" or (begin[:1] == "n" and len(before) > 1 and before[-1] in "员师长授任记席者")

    @cached_property
    def lines(self) -> list[tuple[int, int]]:
        spans, at = [], 0
        for line in self.folded.split("\n"):
            if line.strip():
                spans.append((at, at + len(line)))
            at += len(line) + 1
        return spans

    @cached_property
    def marks(self) -> list[Mark]:
        """In the order of the text; where two would overlap, the first of dates, quotations, figures, codes, names, words."""
        found: list[Mark] = []
        taken = bytearray(len(self.folded))

        def take(mark: Mark) -> None:
            if not any(taken[mark.start : mark.end]):
                taken[mark.start : mark.end] = b"\1" * (mark.end - mark.start)
                found.append(mark)

        for d in self.dates:
            take(Mark("date", self.folded[d.start : d.end], "date", d.start, d.end, d))
        for m in QUOTE.finditer(self.text):
            if len(m[1]) <= 16:
                take(Mark("quote", NOT_WORD.sub("", t.fold(m[1])), "quote", m.start(1), m.end(1)))
        for mark in self._figures():
            take(mark)
        for m in CODE.finditer(self.folded):
            take(Mark("code", m[0], "code", m.start(), m.end()))
        for kind, word in self._named:
            for m in re.finditer(re.escape(word), self.folded):
                take(Mark(kind, word, kind, m.start(), m.end()))
        for mark in self.names:
            take(mark)
        for word, tag, at in self.tagged:
            if len(word) > 1 and counts(word, tag):
                take(Mark("word", word, "thing" if tag[:1] in _THINGS else tag[:1], at, at + len(word)))
        return sorted(found, key=lambda m: m.start)

    def _figures(self) -> Iterator[Mark]:
        """A range is one figure: 5至6厘米."""
        ordered = sorted(self.quantities, key=lambda q: q.start)
        at = 0
        while at < len(ordered):
            first = last = ordered[at]
            while at + 1 < len(ordered) and _RANGE.fullmatch(self.folded, last.end, ordered[at + 1].start):
                at, last = at + 1, ordered[at + 1]
            word = f"{first.value:g}" if first is last else f"{first.value:g}~{last.value:g}"
            yield Mark("figure", word, counter(self.folded, last), first.start, last.end)
            at += 1

    @cached_property
    def names(self) -> list[Mark]:
        return list(self._names())

    def _names(self) -> Iterator[Mark]:
        run: list[tuple[str, str, int]] = []
        for i, (word, tag, at) in enumerate(self.tagged):
            following = self.tagged[i + 1][0] if i + 1 < len(self.tagged) else ""
            if tag[:1] in "nj" or (tag in ("f", "s", "b", "vn", "eng", "x", "l", "zg") and word.isalnum()):
                run.append((word, tag, at))
            else:
                run.clear()
            joined = "".join(w for w, _, _ in run)
            if (tag == "nt" and len(word) > 3) or (
                run and _BODY_END.search(word) and joined not in _NO_BODY and len(joined) > 2
            ):
                begin = at if tag == "nt" else run[0][2]
                yield Mark("body", self.folded[begin : at + len(word)], "body", begin, at + len(word))
                run.clear()
                continue
            if len(word) == 1 and word in _ALL_SURNAMES and _GIVEN.fullmatch(following):
                if (word in SURNAMES and (tag[:2] == "nr" or not t.known(following))) or self._titled(i):
                    yield Mark("person", word + following, "person", at, at + len(word) + len(following))
            elif len(word) < 2 or word in _HOME or word[-1] in "姓氏家":
                continue
            elif tag == "nr" and _PLACE_END.search(word):
                yield Mark("place", word, "place", at, at + len(word))
            elif (tag == "nr" and _person(word)) or (word[0] in SURNAMES and not t.known(word) and word.isalpha()):
                yield Mark("person", word, "person", at, at + len(word))
            elif place(word, tag, following) and not (i and self.tagged[i - 1][0] in _ALL_SURNAMES):
                yield Mark("place", word, "place", at, at + len(word))


@lru_cache(maxsize=512)
def marked(text: str, beside: str = "") -> Marked:
    """The text's marks, kept: a place is held against many sentences. `beside`: a text whose names are seen here too."""
    if not beside:
        return Marked(text)
    return Marked(text, frozenset((m.kind, m.word) for m in marked(beside).names if m.kind == "person"))


@lru_cache(maxsize=2048)
def _person(word: str) -> bool:
    """Not a common word that was cut out of another: 组网|卫星."""
    alone = t.tagged(word)
    return len(alone) != 1 or alone[0][1] == "nr" or not t.known(word)


def bare(place: str) -> str:
    """资阳市 → 资阳."""
    return place.rstrip("省市县区州镇乡村") if len(place) > 2 else place


def verbatim(told: Marked, there: Marked) -> bool:
    """The one stands in the other word for word."""
    return NOT_WORD.sub("", told.folded) in NOT_WORD.sub("", there.folded)


def place(word: str, tag: str, following: str) -> bool:
    """A place by its tag, by its ending (资阳市), or by the office that follows (广元|市委)."""
    if word in _HOME or word in _NO_PLACES or len(word) < 2:
        return False
    if tag[:2] == "ns" or word in CITIES:
        return True
    if tag[:1] == "n" and _PLACE_END.search(word) and not _NO_PLACE.search(word):
        return True
    return tag == "nz" and following[:1] in ("市", "县", "区", "省", "州")


def counts(word: str, tag: str) -> bool:
    """A word that has content of its own."""
    return tag.startswith(CONTENT) and bool(word.strip()) and not NOT_WORD.fullmatch(word)


def stands(body: str, there: str) -> bool:
    """The body stands in the text, whole, by its own name without what is above it, or shortened either way."""
    if body in there:
        return True
    words = [w for w, _ in t.tagged(body.removeprefix("中国").removeprefix("我国") or body)]
    while words and (words[0] in _PREFIX or (len(words) > 1 and words[0].rstrip("省市县区州") in there)):
        words.pop(0)
    own = "".join(words)
    if not own or own in there or (own in _NO_BODY and not _HOUSE.search(own)):
        return True
    if len(words) > 1 and all(w in there for w in words if len(w) > 1):
        return True
    for i in range(2, min(5, len(own) - 1)):  # 湖北省委 of 湖北 … 省委
        head = t.tagged(own[:i])
        if len(head) == 1 and place(*head[0], own[i:]) and bare(own[:i]) in there and own[i:] in there:
            return True
    return _shortened(own, there)


def _shortened(body: str, there: str) -> bool:
    """Its characters stand in the text in order and close together: 发改委 in 发展和改革委员会, or the reverse."""
    at = there.find(body[0])
    while at >= 0:
        i = at
        for c in body[1:]:
            i = there.find(c, i + 1, at + 3 * len(body))
            if i < 0:
                break
        else:
            return True
        at = there.find(body[0], at + 1)
    for word, tag in _words(there):
        if tag in ("nt", "j") and len(word) > 2 and word[0] == body[0]:
            rest = iter(body)
            if all(c in rest for c in word):
                return True
    return False


@lru_cache(maxsize=128)
def _words(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(t.tagged(text))
