"""Words as people type them come in, with the turns before; what is asked goes out.

The one idea: a question is its content words with weights, what it wants to know (its kind), and the names
and figures that a right answer must not ignore. Follow-ups are made whole first (`followups.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag import text as t
from rag.errors import EmptyQuestion, QuestionTooLong
from rag.settings import MAX_QUESTION
from rag.spoken import printed
from rag.types import Turn

Kind = Literal[
    "how_many", "when", "who", "where", "which", "yes_no", "definition", "why", "how", "list", "compare", "other"
]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `text` is what to search with: it stands alone, also where the words leaned on a turn before."""

    asked: str  # as it was typed
    text: str  # one line, nothing invisible in it, made whole by the turns before
    rewritten: str | None  # `text` where a turn before was needed to make it whole, to be shown; else None
    kind: Kind
    terms: tuple[tuple[str, float], ...]  # folded content words, each once; weights 0–1, names and numbers highest
    must: tuple[str, ...]  # names, codes, numbers, quoted strings, years that a right article speaks of
    wants_short: bool  # a fact: a name, a figure, a date…; False: an explanation or a list


_INVISIBLE = re.compile(r"[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
CARRIED = 0.6  # weight of a word that stands only in a turn before, against one that is asked now


def clean(question: str) -> str:
    """One line without control characters or marks of direction."""
    return t.squeeze(_INVISIBLE.sub(" ", question))


def understand(text: str, history: Sequence[Turn] = ()) -> Question:
    """Errors: EmptyQuestion (nothing but space and punctuation), QuestionTooLong (over settings.MAX_QUESTION)."""
    from rag.followups import made_whole  # it needs the functions below

    if len(text) > MAX_QUESTION:
        raise QuestionTooLong(length=len(text), limit=MAX_QUESTION)
    asked = clean(text)
    if not t.words(asked):
        raise EmptyQuestion()
    return as_whole(text, made_whole(asked, history) if history else asked)


def as_whole(text: str, whole: str) -> Question:
    """What was typed as `text`, understood as `whole`, which stands alone."""
    asked, kind = clean(text), kind_of(whole)
    return Question(
        asked=text,
        text=whole,
        rewritten=whole if whole != asked else None,
        kind=kind,
        terms=terms_of(whole, asked),
        must=must_of(whole),
        wants_short=kind not in ("why", "how", "list", "compare", "yes_no"),
    )


# ---------------------------------------------------------------- kind

_COUNTER = (
    r"(?:个|名|位|人|家|篇|次|支|只|条|种|项|场|件|份|所|台|座|株|棵|亩|米|公里|千米|厘米|斤|公斤|吨|克|元|块|分|秒|小时|分钟|天|日|周|月|"
    r"年|岁|度|层|张|本|册|部|款|届|期|批|类|点|站|站点|户|村|县|市|省|倍|成|平方|立方|级|颗|辆|艘|架|套|万|亿|千|百|回|趟|句|字|页|版|枚|对|双|间|栋|门|道|样|处|段|片|门课|节|集|门|例|起|人次|场次|度电|毫克|毫升|升|摄氏度|多)"
)
# In order: the first that matches decides. Searched in the folded question.
_KINDS: tuple[tuple[Kind, str], ...] = (
    (
        "compare",
        r"区别|不同之处|有(?:什么|啥|何|哪些)(?:不同|不一样|差别|差异)|差别|差异|相比|各(?:是|有|为)?(?:多少|几|什么)|各自|"
        r"和.{1,12}比|与.{1,12}比|跟.{1,12}比|哪(?:边|个|家|种|者)(?:更|的.{0,8}(?:更|多|少|高|低|大|小))|谁(?:更|的.{1,8}(?:多|高|大))|异同",
    ),
    (
        "why",
        r"(?<![称名算作成改译定视认变分写命当列选评喻誉现之])为(?:什么|何|啥|甚么)|何以|何故|缘何|因何|凭什么|凭啥|(?:什么|啥|何种|哪些|哪个|主要)(?:原因|缘故|理由)|(?:原因|理由|缘由)(?:是|有|何在|$|[?？])|"
        r"怎么(?:会|这么|那么|就|没|不(?!$)|还|又|老是|总是|也|开得|变得)|咋(?:会|这么|那么|就|没|不|还|老)|怎么回事|什么道理|由于什么|因为什么",
    ),
    (
        "definition",
        r"什么是|啥是|何为|何谓|是(?:指)?(?:什么|啥|何)意思|(?:什么|啥|何)意思|全称|简称|指的?(?:是)?(?:什么|啥|何)|的?(?:定义|含义|概念)(?:是|$|[?？])|是个?(?:什么|啥)(?:东西|玩意|概念)|的意思$",
    ),
    (
        "list",
        r"哪些|有哪几|哪几(?:个|种|项|点|类|方面|条|步|家|位|所|样|部分|大)|哪[两三四五六七八九十\d]+(?:个|种|项|点|类|条|步|大|层)?(?:方面|要求|功能|措施|特点|原则|阶段|步骤|环节|建议|内容|任务)|"
        r"分别(?:是|指|有|为|包括)(?:什么|啥|哪)|(?:都|还|又)有(?:什么|啥)|有(?:什么|啥)(?:要求|规矩|规定|特点|功能|措施|建议|好处|坏处|危害|作用|症状|内容|活动|奖项|亮点|优势|注意)|"
        r"(?:什么|啥)(?:要求|规矩|注意事项)|包括(?:什么|啥|哪)|[几两三四五六七八九十\d](?:个|大|项|点)?(?:方面|层|步|类|阶段)[?？]?$|指啥$|列举|列出|分[成为]?(?:哪)?几(?:层|步|类|种|个阶段|部分)|(?:要|该|应该?|下一步)(?:做|抓|干|注意|准备)(?:些)?(?:什么|啥)",
    ),
    (
        "how_many",
        rf"多少|几(?={_COUNTER})(?!号|月|日(?!子)|点(?!意见|要求|建议))|多[大长高远重深宽久快厚贵](?!$.)|多(?:大)?(?:规模|年纪|岁数)|几多|有无?几|占比|百分之几|几分之|几成|第几|"
        r"(?:人数|数量|总量|总数|总额|票房|产量|产值|总产值|吞吐量|销量|营收|收入|利润|增长率|增速|涨幅|跌幅|降幅|比例|比率|占比|价格|票价|单价|房价|身高|体重|年龄|面积|长度|高度|海拔|深度|温度|寿命|射程|速度|规模|金额|奖金|投资额?|预算|经费|成本|震级|市值|播放量|阅读量|销售额|交易额|成交额|金牌数|席位|死亡人数|得分|比分)(?:是|为|达到?|有)?(?:多少)?$",
    ),
    (
        "when",
        r"什么时候|啥时候?|何时|何年|何日|几时|哪一?[天年月日]|哪[两几三四][天年日]|[几哪]月(?:份)?|几号|几日(?!子)|礼拜几|星期几|周几|几点|什么(?:时间|日子|日期|年代|时期|季节)|哪个(?:时间|年份|月份|日子|季节|朝代)|"
        r"多会儿|(?:时间|日期|年份|生日|日子)(?:是|为|在)?$|(?:时间|日期)是",
    ),
    (
        "who",
        r"谁(?!家)|哪一?(?:个人|位|名(?!字)|几位)|[哪那]位|什么人|啥人|何人|姓甚名谁|姓什么|叫什么名字?的?人|"
        r"(?:导演|主演|作者|编剧|冠军|亚军|得主|主持人|队长|教练|主编|记者|董事长|总经理|书记|主席|会长|院长|校长|所长|局长|部长|厅长|市长|省长|总统|首相|总理|发明人|发明者|创始人|创办人|负责人|发起人|饰演者|扮演者|演唱者|原唱|配音|继任者|妻子|丈夫|父亲|母亲|老师|一把手|掌门人|老板|ceo|cto|cfo)(?:是|叫|为)?(?:什么|啥)?(?:名字)?$|"
        r"(?:导演|主演|作者|主任|书记|主席|会长|院长|校长|教授|老师|专家|记者|队长|董事长|研究员|负责人|秘书长|秘书|所长|局长|部长)(?:的名字)?(?:姓名)?(?:都|分别)?(?:是|叫|名叫)(?:什么|啥)?(?:名字)?$",
    ),
    (
        "where",
        r"哪里|哪儿|在哪(?![个家位些种])|何处|何地|什么(?:地方|地点|场所|位置|场馆)|啥地方|哪个?(?:地方|城市|省份?|国家|县|区|市|村|镇|乡|社区|街道|学校|校区|场馆|[\u4e00-\u9fff]{0,3}[馆厅园]|地区|大洲|洲)|哪座|"
        r"(?:地点|地址|位置|所在地|产地|出生地|籍贯)(?:是|在|为)?$|去哪|到哪",
    ),
    (
        "how",
        r"怎么|怎样|如何|咋|怎办|(?:什么|啥|哪种)(?:办法|方法|方式|途径|渠道|手段|措施)|(?:方法|步骤|办法|流程)(?:是|$)",
    ),
    (
        "yes_no",
        r"(?<![什怎甚])[吗嘛么](?:[?？。]|$)|是否|是不是|有没有|有无|能不能|可不可以|会不会|要不要|该不该|对不对|好不好|能否|可否|了没有?(?:[?？]|$)|对吧",
    ),
    ("which", r"哪|什么|啥|何|甚么"),
)
_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)
_TAIL = re.compile(r"[\s?？。.!！啊呀哦呢吧嘛哈~～,，、]+$")


def kind_of(question: str) -> Kind:
    """What it wants to know; "other" for words that ask nothing (a topic, a headline)."""
    folded = _TAIL.sub("", t.fold(question))
    for kind, pattern in _PATTERNS:
        if pattern.search(folded):
            return kind
    return "other"


# ---------------------------------------------------------------- content words

_ASKING = frozenset(
    "什么 啥 甚么 谁 哪 哪个 哪些 哪位 哪里 哪儿 哪家 哪天 哪年 哪种 哪几 哪两 哪几个 哪两家 哪一 哪一天 哪一年 哪部 哪篇 多少 几 几个 几家 几次 几位 几名 几号 几月 几天 几年 为什么 "
    "为何 为啥 怎么 怎么样 怎样 如何 咋 何时 何地 何处 何 是否 吗 呢 吧 啊 呀 嘛 时候 请问 请 告诉 知道 想 想问 想知道 一下 介绍 说说 讲讲 问 回答 麻烦 帮 帮我 我 你 您 "
    "你们 我们 咱们 咱 到底 究竟 一共 总共 共 合计 大概 大约 具体 分别 各 各自 都 那个 这个 那 这 那些 这些 那次 这次 那场 这场 那位 这位 有 有没有 是 是不是 叫 叫什么 叫做 名字 "
    "的 了 在 被 把 给 对 从 到 和 与 跟 及 或 就 才 还 又 也 要 会 能 可以 得 着 过 地 个 之 于 以 而 其 他 她 它 他们 她们 它们 上 下 里 中 内 来 去 东西 事 事情 怎 么 点 些 "
    "意思 一个 没有 不 很 最 更 啦 哇 某 该 此 即 等 由 为 向 往 让 使 用 来着 好 呵 嗯 喂 您好 你好 谢谢 文中 文章 报道 新闻 资料 提到 说到 关于 有关 所 做 弄 搞".split()
)
_WEIGHTS = {
    "nr": 1.0,
    "ns": 1.0,
    "nt": 1.0,
    "nz": 1.0,
    "eng": 1.0,
    "zg": 0.9,
    "n": 0.8,
    "vn": 0.8,
    "j": 0.9,
    "l": 0.8,
    "i": 0.8,
    "nrt": 1.0,
    "nrfg": 1.0,
    "m": 0.6,
    "q": 0.3,
    "t": 0.6,
    "v": 0.6,
    "a": 0.5,
    "an": 0.7,
    "s": 0.6,
    "f": 0.3,
    "b": 0.6,
    "x": 0.8,
    "g": 0.6,
    "ng": 0.6,
    "vg": 0.4,
    "tg": 0.4,
}
SPOKEN = 0.4  # weight of the printed word for a spoken one


def content(text: str) -> list[tuple[str, str]]:
    """The folded words that carry meaning, in order, each with its tag."""
    return [
        (w, tag)
        for w, tag in t.tagged(text)
        if w not in _ASKING
        and (tag != "x" or w.isalnum())
        and tag not in ("uj", "ul", "p", "c", "r", "y", "e", "o")
        and any(c.isalnum() for c in w)
    ]


def terms_of(whole: str, asked: str | None = None) -> tuple[tuple[str, float], ...]:
    """The content words with their weights; those that are not in `asked` were carried over and weigh less."""
    own = t.fold(asked) if asked is not None else None
    weights: dict[str, float] = {}
    for word, tag in content(whole):
        weight = _WEIGHTS.get(tag, 0.4)
        if len(word) == 1 and not word.isdigit():
            weight *= 0.5
        if any(c.isdigit() for c in word):
            weight = 1.0
        if own is not None and word not in own:
            weight *= CARRIED
        weights[word] = max(weight, weights.get(word, 0.0))
    for word in printed(t.fold(whole)):
        weights.setdefault(word, SPOKEN)
    return tuple((word, round(weight, 3)) for word, weight in weights.items())


# ---------------------------------------------------------------- what must not be ignored

_QUOTED = re.compile(
    r"“([^”]{1,40})”|‘([^’]{1,40})’|《([^》]{1,60})》|「([^」]{1,40})」|『([^』]{1,40})』|\"([^\"]{1,40})\"|〈([^〉]{1,40})〉"
)
_CODE = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z0-9.+_-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9.+_-]*[A-Za-z0-9](?![A-Za-z0-9])")
_YEAR = re.compile(r"(?<![\d.])(?:1[0-9]|20)\d\d(?=年)|[一二][〇○零一二三四五六七八九]{3}(?=年)")
_FIGURE = re.compile(
    r"\d[\d,.]*(?:[十百千]?[万亿]+|[百千])?[%％‰℃°]?(?:[十百千万亿]*(?:元|吨|公里|千米|米|亩|公斤|斤|克|毫克|人|名|家|个|次|篇|支|天|小时|分钟|秒|岁|台|套|种|只|所|项|场|件|度|倍|届|期|批|层|号|月|日))?"
)
_TITLES = (
    r"(?:院士|教授|副教授|博士|硕士|博导|老师|先生|女士|同志|书记|副?主席|副?主任|副?会长|秘书长|副?院长|副?校长|副?所长|副?局长|副?部长|副?处长|副?科长|副?厅长|副?市长|副?县长|"
    r"副?省长|副?区长|副?镇长|副?乡长|研究员|工程师|医生|医师|大夫|记者|队长|教练|董事长|总经理|总裁|经理|主播|专家|站长|馆长|园长|班长|代表|委员|司令|将军|总统|总理|首相)"
)
SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹"
    "姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆荣翁荀羊於惠甄曲家封芮"
    "羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘钭厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍却璩桑桂濮牛寿通边扈燕冀"
    "郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公肖佘闫覃漆阳岳仝苟游卿"
)
_COMPOUND = "欧阳|司马|上官|诸葛|司徒|令狐|皇甫|慕容|尉迟|公孙|东方|南宫|夏侯|端木|轩辕|独孤|拓跋|呼延|长孙|宇文"
_NAME = re.compile(rf"(?:{_COMPOUND}|[{SURNAMES}])[\u4e00-\u9fff]{{1,2}}$")
_TITLE_AFTER = re.compile(rf"(?:的)?{_TITLES}")
_TITLE_BEFORE = re.compile(rf"{_TITLES}$")
_ORDINALS = frozenset("一号 二号 三号 四号 五号 六号 七号 八号 九号 十号".split())
_NOT_PLACES = frozenset("礼拜 星期 中风 大马 海关 南方 北方 东方 西方 国家 全国 老区".split())
_BODY_END = (
    "大学|学院|中学|小学|学校|幼儿园|医院|卫生院|研究院|研究所|研究中心|实验室|协会|学会|公司|集团|企业|银行|产业园|科技园|园区|公园|植物园|动物园|博物馆|科技馆|图书馆|文化馆|体育馆|体育场|纪念馆|美术馆|"
    "机场|车站|高铁站|火车站|水库|水电站|核电站|电站|气象站|监测站|大桥|隧道|高速|高铁|铁路|地铁|卫星|飞船|火箭|空间站|望远镜|号|委员会|基金会|合作社|农场|林场|牧场|工厂|大赛|大会|论坛|工程|计划|行动|平台|系统|项目|中心|基地|银河|大厦|广场|景区|保护区|湿地"
)
_BODY = re.compile(rf"(?:{_BODY_END})$")
_GENERIC = frozenset(
    "学校 大学 中学 小学 医院 公司 集团 企业 协会 学会 研究院 研究所 中心 项目 平台 系统 工程 计划 行动 大赛 大会 会议 论坛 公园 基地 委员会 实验室 机场 车站 银行 园区 产业园 科技园 农村 乡村 城市 全市 全省 全国 "
    "全县 全区 本市 我市 我省 我国 县 市 区 省 村 镇 乡 山 河 湖 江 海 桥 路 街 科协 市科协 省科协 区科协 县科协 社区 街道 中国 活动 讲座 培训 专家 领导 记者 医生 老师 学生 卫星 机器人 广场 湿地 "
    "互联网 手机 电脑 地铁 高铁 铁路 高速 地区 景区 大厦".split()
)


def quoted_in(text: str) -> list[str]:
    """What stands in quotation marks or title marks, without them."""
    return [next(g for g in m.groups() if g) for m in _QUOTED.finditer(text)]


def must_of(question: str) -> tuple[str, ...]:
    """Quoted strings, codes, years, figures and names, in the question's own spelling (folded), each once."""
    found = [t.fold(q).strip() for q in quoted_in(question)]
    folded = t.fold(question)
    bare = re.sub(r"\"[^\"]*\"|《[^》]*》|'[^']*'", lambda m: " " * len(m[0]), folded)
    found += [m[0] for m in _CODE.finditer(bare)]
    found += [m[0] for m in _YEAR.finditer(bare)]
    found += [
        m[0]
        for m in _FIGURE.finditer(bare)
        if not (m[0].endswith("号") and bare[m.start() - 1 : m.start()].isalpha())
        and not _YEAR.match(m[0])
        and not re.match(r"(?:1\d|20)\d\d$", m[0])
        and not re.fullmatch(r"[1-9]", m[0])
    ]
    found += names_in(bare)
    return tuple(dict.fromkeys(f for f in found if f and f not in _GENERIC))


def names_in(text: str) -> list[str]:
    """People, places and bodies that the text names, longest form, in order. A guess by tags, titles and endings."""
    tagged = t.tagged(text)
    found: list[str] = []
    run: list[tuple[str, str]] = []

    def close() -> None:
        joined = "".join(w for w, _ in run)
        proper = any(
            tag in ("nr", "ns", "nt", "nz", "nrt", "eng", "zg", "j") or any(c.isdigit() for c in w) or w in _ORDINALS
            for w, tag in run[:-1]
        )
        if len(run) > 1 and _BODY.search(joined) and 3 <= len(joined) <= 16 and (proper or len(run) > 2):
            found.append(joined)
        else:
            found.extend(w for w, tag in run if tag == "ns" and len(w) > 1 and w not in _NOT_PLACES)
        run.clear()

    at = 0
    while at < len(tagged):
        word, tag = tagged[at]
        if (
            tag == "nr"
            and len(word) == 1
            and at + 1 < len(tagged)
            and tagged[at + 1][1] == "nr"
            and len(tagged[at + 1][0]) <= 2
        ):
            word, at = word + tagged[at + 1][0], at + 1  # 杜|黎明
        before, after = (
            "".join(w for w, _ in tagged[max(0, at - 2) : at]),
            "".join(w for w, _ in tagged[at + 1 : at + 3]),
        )
        titled = bool(_TITLE_AFTER.match(after) or _TITLE_BEFORE.search(before))
        if (
            tag in ("nr", "nrt")
            and is_name(word)
            and (titled or not t.known(word) or len(word) == 3)
            and word not in _GENERIC
        ):
            close()
            # 赖颖多大年纪 is cut as 赖颖多|大: the asking word takes its character back
            if len(word) == 3 and ((word[-1] == "多" and after[:1] in "大少么长高久") or word[-1] in "为是在说去被让"):
                word = word[:-1]
            found.append(word)
        elif word in _ASKING or tag[:1] in "upcrydewo" or (tag == "x" and not word.isalnum()) or tag in ("v", "vd"):
            close()
        else:
            run.append((word, tag))
        at += 1
    close()
    return found


def is_name(word: str) -> bool:
    """Two or three characters that begin with a surname, up to four with a surname of two."""
    return bool(_NAME.fullmatch(word))
