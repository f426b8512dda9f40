"""A question and a sentence come in; the exact words that may answer go out: a figure, a day, a person, a place, a name.

By patterns for each kind of question; all positions count characters of the sentence given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag import text as t
from rag.question import Question, content, is_name

# ---------------------------------------------------------------- what is wanted

_NUMERAL = (
    r"(?:\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[〇零一二两三四五六七八九十百千万亿半]+(?:点[零一二三四五六七八九]+)?)"
)
_AMOUNT = rf"{_NUMERAL}(?:[余多来几])?[十百千]?[万亿]*(?:[余多])?"
_RANGE = rf"{_AMOUNT}(?:(?:至|到|~|-|—|–)+{_AMOUNT})?"
_ABOUT = r"(?:超过?|近|逾|约|达|至少|不足|不到|最多|共|累计|第|每[年月天日分钟小时公斤亩]{1,3})?"
# Units that stand for one another: who asks for 人 is answered by 名, for 次 by 人次.
_UNITS: tuple[tuple[str, str], ...] = (
    ("people", "人 名 位 口 人次 人员 多人"),
    ("times", "次 回 场 场次 人次 遍 届 趟 轮"),
    ("bodies", "家 个 所 户 间 处 座 支 批"),
    (
        "things",
        "个 件 份 项 套 台 部 辆 架 艘 只 条 根 张 枚 颗 块 把 本 册 篇 种 类 款 株 棵 头 匹 粒 支 组 例 段 幅 则 道 门 节 层 幢 栋 站 点 孔",
    ),
    ("money", "元 万元 亿元 千元 美元 亿美元 万美元 英镑 欧元 日元 港元 块 块钱 角 分 元钱"),
    ("length", "米 公里 千米 厘米 毫米 里 海里 m km cm mm 光年 纳米 微米 英尺"),
    ("area", "亩 平方米 平方公里 平方千米 公顷 顷 万亩 ㎡"),
    ("weight", "吨 公斤 千克 克 斤 毫克 微克 两 担 kg g mg t"),
    ("volume", "立方米 升 毫升 亿立方米 方 ml l"),
    ("time", "年 月 个月 天 日 周 星期 小时 分钟 秒 分 时 刻钟 载 余年 周年 学期 世纪 个小时 钟头 年代"),
    ("age", "岁 周岁 月龄"),
    ("share", "% 成 个百分点 百分点 ‰ 倍 分之"),
    ("degree", "℃ 度 摄氏度 °c °"),
    ("rate", "级 分 名 号 位 次 度 瓦 千瓦 kw 兆瓦 千瓦时 伏 赫兹 mpa pa hz 字节 gb tb mb 票 站 环 枚 金"),
)
_UNIT_WORDS = sorted({u for _, units in _UNITS for u in units.split()}, key=len, reverse=True)
_UNIT = "(?:" + "|".join(map(re.escape, _UNIT_WORDS)) + ")"
_FIGURE = re.compile(
    rf"{_ABOUT}(?:百分之{_NUMERAL}|{_RANGE}(?:\s?{_UNIT})?(?:{_NUMERAL}(?:分钟?|秒|个月|天))?(?:左右|以上|以下|以内|上下)?)"
)
_ASKED_UNIT = re.compile(r"(?:多少|几)\s*([\u4e00-\u9fff℃%]{0,3})")
_BY_WORDING = (  # (pattern in the question, group of units)
    (
        r"多少钱|几块|几元|价格?|票价|单价|房价|费用|投资|投入|多少亿(?![人度立方斤吨次颗年])|经费|预算|奖金|产值|营收|收入|利润|金额|市值|票房|规模|销售额|成交额|总额|花费|成本|gdp",
        "money",
    ),
    (r"多长时间|多久|几个?小时|多少天|几天|几年|多少年|时长|用时|工期|期限|有效期|寿命", "time"),
    (r"多大年纪|多大岁数|几岁|年龄|年纪|多大了", "age"),
    (
        r"占比|比例|比率|增长率|增速|涨幅|降幅|百分之|几成|(?<![频心功速斜])率(?:是|为|达|有|$)|增长了?多少|下降了?多少|上涨了?多少",
        "share",
    ),
    (r"多高|多长|多远|多深|多宽|多厚|海拔|长度|高度|深度|宽度|身高|全长|距离", "length"),
    (r"多重|重量|体重|产量|吨", "weight"),
    (r"面积|多大面积|亩", "area"),
    (r"温度|气温|水温|多少度|几度|体温", "degree"),
    (r"人数|多少人|几个?人|多少名|几名|几位|人口|多少号人|旅客|吞吐量|观众", "people"),
    (r"次数|多少次|几次|几场|阅读量|播放量|点击", "times"),
    (r"震级|几级|第几", "rate"),
)


SUITS = 0.5  # how well a span's form must suit what is asked for


@dataclass(frozen=True, slots=True)
class Need:
    """What the exact words must be like. `units`: those that fit, best first; () for any."""

    kind: str
    unit: str = ""  # the counter that the question itself uses: 篇
    units: frozenset[str] = frozenset()
    head: str = ""  # the noun that is asked for: 协议 in 什么协议, 主任 in 主任叫什么


_HEAD_AFTER = re.compile(
    r"(?:什么|啥|哪一?(?:个|位|家|所|座|部|项|条|种|款|篇|支|本|门|名|届|些|两家?|[两三四五六七八九十几]+[个位家所座样种部名项]?)?)(?:样的?)?([\u4e00-\u9fff]{1,6})"
)
_HEAD_BEFORE = re.compile(r"([\u4e00-\u9fff]{2,8})(?:的?名字|的名称)?(?:是|叫做?|为|名叫|称为)(?:什么|啥|谁|哪)")
_STOP_HEADS = frozenset("时候 时间 地方 人 样 名字 意思 名称 办法 方法 样子 原因 情况 问题 事 的".split())


def need(question: Question) -> Need:
    """From the question's wording."""
    folded = t.fold(question.text)
    kind = question.kind
    unit, group = "", ""
    if kind in ("how_many", "compare", "other", "list"):
        asked = _ASKED_UNIT.search(folded)
        if asked:
            unit = next((u for u in _UNIT_WORDS if asked[1].startswith(u)), "")
        for pattern, name in _BY_WORDING:
            if re.search(pattern, folded):
                group = name
                break
    units = {unit} if unit else set()
    if unit and not group:
        for _, words in _UNITS:
            if unit in words.split():
                units |= set(words.split())
    elif group:
        units |= set(dict(_UNITS)[group].split())
    head = ""
    after = _HEAD_AFTER.search(folded)
    if after:
        head = _first_noun(after[1])
    if not head:
        before = _HEAD_BEFORE.search(folded)
        head = _last_noun(before[1]) if before else ""
    return Need(kind, unit, frozenset(units), "" if head in _STOP_HEADS else head)


def _first_noun(words: str) -> str:
    picked = ""
    for word, tag in t.tagged(words):
        if tag[:1] in "njlib" or tag in ("vn", "zg", "an"):
            picked += word
        elif picked:
            break
        else:
            return ""
    return picked


def _last_noun(words: str) -> str:
    tagged = t.tagged(words)
    return tagged[-1][0] if tagged and tagged[-1][1][:1] in "njl" else ""


# ---------------------------------------------------------------- what a sentence offers


@dataclass(frozen=True, slots=True)
class Found:
    """A span of the sentence that may be the answer; `fit` 0–1: how well its form suits what is asked."""

    start: int
    end: int
    fit: float


_DAY = r"(?:(?:1\d|20)\d\d年|[今去明前后]年|当年|同年|[一二][〇○零一二三四五六七八九]{3}年)?(?:\d{1,2}|[一二三四五六七八九十]{1,3})月(?:份|底|初|中旬|上旬|下旬|末)?(?:(?:\d{1,2}|[一二三四五六七八九十]{1,3})[日号])?(?:[上下]旬|前后|凌晨|上午|中午|下午|傍晚|晚)?"
_TO_DAY = r"(?:(?:至|到|~|-|—|–|、|和|或|起至)+(?:(?:\d{1,2}|[一二三四五六七八九十]{1,3})月)?(?:\d{1,2}|[一二三四五六七八九十]{1,3})[日号])?"
_WHEN = re.compile(
    rf"{_DAY}{_TO_DAY}(?:\d{{1,2}}[时点:](?:\d{{1,2}}分?)?)?|(?:1\d|20)\d\d-\d{{1,2}}-\d{{1,2}}|(?:公元前?|前)?\d{{1,4}}年(?:代|底|初|末|[春夏秋冬]季?)?(?:至|到|-|—)?(?:\d{{1,4}}年)?|\d{{1,2}}世纪(?:[\d一二三四五六七八九十]+年代)?|"
    r"[一二][〇○零一二三四五六七八九]{3}年|(?:每)?(?:周|星期|礼拜)[一二三四五六日天末](?:(?:至|到|、|和)(?:周|星期)?[一二三四五六日天])?|\d{1,2}[日号](?:上午|下午|晚|凌晨)?|[今昨明前当次]日|[今明去前]年(?:[春夏秋冬]季?|年?底|年?初)?|"
    r"(?:凌晨|清晨|上午|中午|下午|傍晚|晚上?|早)\d{1,2}[时点](?:\d{1,2}分|半)?|\d{1,2}[时点](?:\d{1,2}分|半)?|\d{1,2}:\d{2}|[明清元宋唐隋汉秦晋](?:朝|代)?[\u4e00-\u9fff]{0,4}年间|[春夏秋冬]季|近日|日前|新石器时代|[\u4e00-\u9fff]{1,3}(?:王朝|时代|时期)"
)
_FOREIGN = re.compile(r"[\u4e00-\u9fff]{1,8}(?:·[\u4e00-\u9fff]{1,8})+")
_NAME_BEFORE = re.compile(
    r"(?:记者|通讯员|实习生|作者|文|摄影?|整理|编辑|主演|导演|领衔|饰演?|主持人|冠军|亚军|得主|选手)[:：/ \s]*$"
)
_MARKED = re.compile(r"“[^”]{1,40}”|《[^》]{1,60}》|「[^」]{1,40}」|『[^』]{1,40}』|\"[^\"]{1,40}\"|‘[^’]{1,40}’")
_BYLINE = re.compile(r"(?:记者|通讯员|实习生|文|摄|图)[/:\s]*([\u4e00-\u9fff]{2,4}(?:[ 、,][\u4e00-\u9fff]{2,4})*)")
_PLACE_TAIL = re.compile(
    r"(?:省|市|县|区|州|镇|乡|村|街道|社区|路|街|号|山|河|湖|江|岛|湾|港|桥|站|馆|园|厅|楼|院|校|场|中心|广场|大厦|基地|公司|大学|学校|中学|小学|医院|机场|码头|学院|酒店|体育馆|剧院|教堂|国)$"
)
_IN = re.compile(r"(?:在|于|位于|坐落于|地处|到|赴|来到|走进|抵达|飞往|前往|落户)$")
_HELD = re.compile(
    r"^(?:举行|召开|举办|开幕|开班|启动|成立|落幕|闭幕|进行|开赛|揭幕|落成|上市|发布|开展|出生|去世|逝世|设立)"
)


def offers(want: Need, sentence: str) -> list[Found]:
    """The spans of this sentence that have the form which is asked for, in order."""
    folded = t.fold(sentence)
    if want.kind == "how_many":
        return _figures(want, folded)
    if want.kind == "when":
        return _days(folded)
    if want.kind == "who":
        return _people(folded, want)
    if want.kind == "where":
        return _places(folded)
    if want.kind in ("which", "definition", "other"):
        return _things(folded, want)
    return []


def _figures(want: Need, folded: str) -> list[Found]:
    found = []
    for m in _FIGURE.finditer(folded):
        text = m[0]
        if (
            not re.search(r"[\d〇零一二两三四五六七八九十百千万亿半]", text)
            or _NO_FIGURE.match(folded, max(0, m.start() - 1))
            or _NO_FIGURE.match(folded, m.start())
        ):
            continue
        unit = next((u for u in _UNIT_WORDS if re.search(rf"{re.escape(u)}(?:左右|以上|以下|以内|上下)?$", text)), "")
        tail = folded[m.end() : m.end() + 3]
        if not unit and want.unit and tail.startswith(want.unit):
            unit = want.unit
        if want.units:
            fit = (
                1.0
                if unit and unit == want.unit
                else 0.8
                if unit in want.units
                else 0.5
                if "%" in text and "share" and "%" in want.units
                else SUITS
                if not unit and text[-1] in "万亿"  # 报名人数1193万, 票房1.2亿
                else 0.25
                if not unit
                else 0.1
            )
        else:
            fit = 0.7 if unit else 0.5
        if re.fullmatch(r"(?:1\d|20)\d\d年?", text) or re.fullmatch(r"\d{1,2}[月日]", text):
            fit = min(fit, 0.15 if "年" not in want.units else 0.3)
        if text.startswith("第") and "第几" not in want.kind:
            fit *= 0.7
        start = m.start() + (1 if text[:1] == "共" else 0)
        found.append(Found(start, m.end(), fit))
    return found


_NO_FIGURE = re.compile(
    r"一(?:些|般|定|样|直|起|切|旦|致|体|下|边|方面|系列|同|线|流|带|面|道|并|律)|[统同唯万专单进第]一(?!名|位|届|次|家|个)|十分|万一|千万(?!\d)|三农|两会|"
    r"[一二三四五六七八九十]+届[一二三四五六七八九]中|[一二三四五六七八九]中全会|十[一二三四五]五(?:规划|时期)|四川|三峡|三亚|九寨"
)


def _days(folded: str) -> list[Found]:
    found = []
    for m in _WHEN.finditer(folded):
        text = m[0]
        if len(text) < 2:
            continue
        fit = (
            1.0
            if re.search(r"\d月.*\d[日号]|月\S*[日号]", text)
            else 0.9
            if re.search(r"月|世纪|周|星期", text)
            else 0.8
            if "年" in text
            else 0.5
        )
        if text in ("近日", "日前", "昨日", "今日", "当日", "次日", "明日", "前日"):
            fit = 0.2
        found.append(Found(m.start(), m.end(), fit))
    return found


def _people(folded: str, want: Need) -> list[Found]:
    found: dict[tuple[int, int], float] = {}
    at = 0
    tagged = t.tagged(folded)
    for i, (word, tag) in enumerate(tagged):
        start, end = at, at + len(word)
        at = end
        if (
            tag == "nr"
            and len(word) == 1
            and i + 1 < len(tagged)
            and len(tagged[i + 1][0]) <= 2
            and is_name(word + tagged[i + 1][0])
        ):
            word, end = word + tagged[i + 1][0], end + len(tagged[i + 1][0])  # 王|成全
        if 2 <= len(word) <= 4 and is_name(word):
            titled = bool(_TITLE_TAIL.search(folded[max(0, start - 6) : start]))
            if tag in ("nr", "nrt"):
                # 王心|超 and 王心超 both occur: the character before 说, 介绍 belongs to the name
                following = folded[end : end + 3]
                if (
                    len(word) == 2
                    and titled
                    and i + 1 < len(tagged)
                    and len(tagged[i + 1][0]) == 1
                    and re.match(r".(?:说|介绍|表示|解释|认为|指出|强调|、|,|，|率|为|主持|出席|团队|作)", following)
                ):
                    end += 1
                fit = 1.0 if titled else 0.8 if len(word) == 3 or not t.known(word) else 0.4
                found[start, end] = max(fit, found.get((start, end), 0.0))
            elif titled and len(word) <= 3:
                found[start, end] = 0.9
    for m in _FOREIGN.finditer(folded):
        found[m.start(), m.end()] = 0.9
    for m in _BYLINE.finditer(folded):
        asks_writer = want.head in ("记者", "作者") or True
        for n in re.finditer(r"[\u4e00-\u9fff]{2,4}", m[1]):
            if is_name(n[0]) and asks_writer:
                found.setdefault((m.start(1) + n.start(), m.start(1) + n.end()), 0.8)
    return [Found(a, b, fit) for (a, b), fit in sorted(found.items())]


_TITLE_TAIL = re.compile(
    r"(?:主席|书记|主任|会长|秘书长|院长|校长|所长|局长|部长|处长|科长|厅长|市长|县长|省长|区长|镇长|教授|研究员|工程师|医师|医生|记者|队长|教练|导师|董事长|总经理|总裁|经理|专家|站长|馆长|园长|负责人|调研员|CEO|cto|ceo|学生|教师|老师|博士|院士|"
    r"组长|主管|代表|委员|人员|通讯员|编辑|作者|选手|运动员|导演|主演|演员|歌手|总统|首相|总理|议员|将军|发言人|运营官|首席科学家|讲解员|志愿者|居民|市民|村民|农民|同学|家长|冠军)(?:、)?\s*$",
    re.I,
)


def _places(folded: str) -> list[Found]:
    found = []
    tagged = t.tagged(folded)
    at, run, start = 0, "", 0
    starts_with_in = False
    spans: list[tuple[int, int, bool, bool]] = []
    for word, tag in [*tagged, ("", "x")]:
        inside = bool(word) and (
            tag[:1] in "nj"
            or tag in ("m", "eng", "zg", "l", "b", "i", "vn", "f", "s", "q")
            or (tag == "x" and word.isalnum())
            or (tag == "v" and run != "" and len(word) == 2 and False)
        )
        if inside:
            if not run:
                start = at
                starts_with_in = bool(_IN.search(folded[max(0, at - 3) : at]))
            run += word
        elif run:
            has_place = any(g == "ns" for _, g in t.tagged(run))
            spans.append((start, at, starts_with_in, has_place))
            run = ""
        at += len(word)
    for a, b, led, has_place in spans:
        text = folded[a:b]
        tail = bool(_PLACE_TAIL.search(text))
        if not (tail or has_place or led):
            continue
        held = bool(_HELD.match(folded[b : b + 2]))
        fit = 0.3 + 0.3 * (led or held) + 0.25 * tail + 0.15 * has_place
        found.append(Found(a, b, round(fit, 2)))
    return found


def _things(folded: str, want: Need) -> list[Found]:
    found = [Found(m.start(), m.end(), 0.8) for m in _MARKED.finditer(folded)]
    if want.head:
        for m in re.finditer(re.escape(want.head), folded):
            start = _phrase_start(folded, m.start())
            if start < m.start():
                found.append(Found(start, m.end(), 0.7))
    return sorted(found, key=lambda f: f.start)


def _phrase_start(folded: str, end: int) -> int:
    """Where the noun phrase that runs up to `end` begins, at most 24 characters before."""
    tagged = t.tagged(folded[max(0, end - 24) : end])
    start = end
    for word, tag in reversed(tagged):
        if (
            tag[:1] in "njbl"
            or tag in ("m", "eng", "zg", "vn", "q", "a", "s")
            or word in "“”《》·"
            or (tag == "x" and word.isalnum())
        ):
            start -= len(word)
        else:
            break
    return start


# ---------------------------------------------------------------- the best of them


def near(folded: str, span: tuple[int, int], terms: Sequence[tuple[str, float]], reach: int = 24) -> float:
    """Weight of the question's terms around a span, nearer ones more, over their whole weight: 0–1."""
    total = sum(w for _, w in terms) or 1.0
    got = 0.0
    for word, weight in terms:
        best = 0.0
        at = folded.find(word)
        while at >= 0:
            gap = max(0, span[0] - at - len(word), at - span[1])
            crossed = len(re.findall("[。；;！？!?]", folded[min(at, span[0]) : max(at, span[1])]))
            commas = len(re.findall("[，,]", folded[min(at + len(word), span[1]) : max(at, span[0])]))
            if gap <= reach * 3:
                best = max(best, 1.0 / (1.0 + gap / reach + 0.35 * commas + crossed))
            at = folded.find(word, at + 1)
        got += weight * best
    return got / total


def best(want: Need, question: Question, sentence: str) -> Found | None:
    """The span that answers most likely, its `fit` now also saying how near the question's words it stands; None: none."""
    folded = t.fold(sentence)
    asked = t.fold(question.text)
    top: Found | None = None
    for found in offers(want, sentence):
        words = folded[found.start : found.end]
        if _bare(words) in asked and len(_bare(words)) > 1:
            continue
        score = found.fit * (0.35 + near(folded, (found.start, found.end), question.terms))
        if top is None or score > top.fit:
            top = Found(found.start, found.end, score)
    return top


def _bare(words: str) -> str:
    return re.sub(r"^[约近超逾达共]+|[“”\"《》「」‘’]", "", words)


def narrowed(question: Question, sentence: str, found: Found) -> Found:
    """Who asks how many or when wants the figure or the day: the only one of a longer span (首期招收学员126人). And the whole,
    not a part that the question does not name: 1596只 of 1596只，其中四川1206只."""
    if question.kind not in ("how_many", "when"):
        return found
    offered = [o for o in offers(need(question), sentence) if o.fit >= SUITS]
    own = [o for o in offered if found.start <= o.start and o.end <= found.end]
    if len(own) == 1:
        found = Found(own[0].start, own[0].end, found.fit)
    of_which = sentence.rfind("其中", 0, found.start)
    wholes = [o for o in offered if o.end <= of_which]
    if question.kind == "how_many" and wholes:
        part = re.split(r"[，,；;、\d]|其中", sentence[of_which : found.start])[-1]
        if not any(w in t.fold(question.text) for w, _ in content(part)):
            return Found(wholes[-1].start, wholes[-1].end, found.fit)
    return found


_LOOSE = frozenset("，,。；;：:、！？!? 　")
_CLOSES = {"”": "“", "’": "‘", "」": "「", "』": "『", "》": "《", "）": "（", ")": "("}


def trimmed(sentence: str, found: Found) -> tuple[int, int]:
    """The span without what only marks it: quotation marks around it, a comma or 的 behind it, half a pair of brackets."""
    start, end = found.start, found.end
    while end - start > 1 and (
        sentence[end - 1] in _LOOSE
        or (sentence[end - 1] in _CLOSES and _CLOSES[sentence[end - 1]] not in sentence[start:end])
        or (sentence[end - 1] == "的" and end - start > 2 and sentence[end - 2] not in "目标是有")
    ):
        end -= 1
    while end - start > 1 and (
        sentence[start] in _LOOSE
        or any(sentence[start] == opens and closes not in sentence[start:end] for closes, opens in _CLOSES.items())
    ):
        start += 1
    marked = end - start > 2 and sentence[start] in '“「『‘"' and sentence[end - 1] in '”」』’"'
    if marked and sentence[end - 1] not in sentence[start + 1 : end - 1]:  # not “旅游班”和“茶艺班”
        start, end = start + 1, end - 1
    return start, end


__all__ = ["Found", "Need", "best", "content", "near", "need", "offers", "trimmed"]
