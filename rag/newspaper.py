"""What a line of a newspaper page is: running head, column heading, advertisement, caption, brief, headline, or text.

A line comes in, a Look goes out; it says what the line looks like by itself. What it is among its neighbours is for
`stories` to say. All patterns read folded text: one width, one script (rag.text.fold).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rag import bylines
from rag.breaks import unfinished
from rag.dates import chinese_number, iso_date
from rag.text import fold

_HAN = r"\u3400-\u9fff"
_SEP = r"[\s|/—\-,:;、()\[\]★☆■□●▲◆]"

# ---------------------------------------------------------------- running heads

_DATE = re.compile(
    r"(?P<year>(?:19|20)\d\d|[二一][〇○零九][〇○零一二三四五六七八九]{2})\s*[年./-]\s*(?P<month>\d{1,2}|[一二三四五六七八九十]{1,2})\s*[月./-]\s*"
    r"(?P<day>\d{1,2}|[一二三四五六七八九十]{1,3})\s*日?(?!\d)"
)
_WEEKDAY = re.compile(
    r"(?:星期|周|礼拜)[一二三四五六日天](?!\w*[读刊报])|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
)
_PAGE = re.compile(
    r"第\s*(?P<a>[a-z]?\d{1,3}|[一二三四五六七八九十]{1,3})\s*版(?:面)?|(?<![a-z0-9])(?P<b>[a-z]?\d{1,3})\s*版|版[次面]:?\s*(?P<c>[a-z]?\d{1,3})"
    r"|(?<![a-z0-9])(?P<d>[a-d]\d{1,2})(?![a-z0-9])|(?<![\d.])(?P<e>0\d)(?![\d.])"
)
_STAFF = re.compile(
    rf"(?:(?:本版|值班|责任|执行|文字|图片|版面|视觉|值班)?(?:编辑|主编|编审|责编|美编|校对|审校|版式|组版|排版|制版|设计|美术编辑|编委|总编辑?|视觉|监制|统筹)"
    rf"\s*[:/|]?\s*)+[{_HAN}]{{2,4}}(?:[\s、]+[{_HAN}]{{2,4}}(?=[\s、]|$))*"
)
_PAPER = re.compile(
    rf"[{_HAN}]{{2,10}}(?:日报|晚报|早报|晨报|时报|周报|周刊|导报|商报|快报|学报|画报|特刊|校报|科技报|科普报|科学报|教育报|[{_HAN}]报|季刊|月刊|旬报|通讯)"
    r"(?=[\s·|/—\-,:()]|$|\d)"
)
_ISSUE = re.compile(
    r"(?:总?第\s*[\d,]+\s*期|今日\s*\d+\s*版|共\s*\d+\s*版|农历\S{2,12}|[甲乙丙丁戊己庚辛壬癸][子丑寅卯辰巳午未申酉戌亥]年\S{0,8}|国内统一(?:连续出版物|刊)号\S*|cn\s?\d\d-\d{4}|issn\s?[\d-]+|"
    r"邮发代号\s*:?\s*[\d-]+|(?:https?://)?www\.\S+|http\S+|e-?mail\S*|[\w.]+@[\w.]+)"
)


@dataclass(frozen=True, slots=True)
class Head:
    """What a running head says of the issue and the page; what it does not say is None."""

    date: str | None = None  # ISO
    page: str | None = None  # "2", "A03"
    section: str | None = None  # what the page is about: 科教新闻
    paper: str | None = None
    marks: int = 0  # how many of date, weekday, page, staff and paper it holds

    def over(self, before: Head) -> Head:
        """This head, with what it lacks from the one before on the same page."""
        return Head(
            self.date or before.date,
            self.page or before.page,
            self.section or before.section,
            self.paper or before.paper,
            self.marks,
        )


def running_head(text: str) -> Head | None:
    """Date, page number, paper and section where a line holds nothing else; None where it is no running head."""
    folded = fold(text).strip().strip("#* ")
    if not folded or len(folded) > 160 or re.search(r"[。!?]", folded):
        return None
    rest, head = folded, Head()
    date = _DATE.search(rest)
    if date:
        iso = iso_date(date["year"], date["month"], date["day"])
        if iso:
            head = replace(head, date=iso)
            rest = rest[: date.start()] + " " + rest[date.end() :]
    weekday = bool(_WEEKDAY.search(rest))
    rest = _WEEKDAY.sub(" ", rest)
    page = _PAGE.search(rest)
    if page:
        number = next(n for n in page.groups() if n)
        numeral = chinese_number(number)
        head = replace(head, page=str(numeral) if numeral else re.sub(r"^([a-z]?)0+(?=\d)", r"\1", number).upper())
        rest = rest[: page.start()] + " " + rest[page.end() :]
    staff = bool(_STAFF.search(rest))
    rest = _STAFF.sub(" ", rest)
    rest = _ISSUE.sub(" ", rest)
    paper = _PAPER.search(rest)
    if paper:
        head = replace(head, paper=_as_printed(text, paper[0]))
        rest = rest[: paper.start()] + " " + rest[paper.end() :]
    left = [
        w
        for w in re.split(rf"(?:{_SEP})+", re.sub(r"(?<=\S)\s*·\s*(?=\S)", "·", rest))
        if w and re.search(rf"[{_HAN}a-z0-9]", w)
    ]
    marks = sum((bool(head.date), weekday, bool(head.page), staff, bool(paper)))
    size = sum(map(len, left))
    if (marks >= 2 and size <= 24) or (
        marks == 1 and (not left or (head.page and len(left) == 1 and column_like(left[0])))
    ):
        section = next((w for w in left if re.fullmatch(rf"[{_HAN}·•]{{2,10}}", w)), None)
        return replace(head, section=_as_printed(text, section) if section else None, marks=marks)
    return None


def _as_printed(text: str, folded_word: str) -> str:
    at = fold(text).find(folded_word)
    return text[at : at + len(folded_word)] if at >= 0 else folded_word


def page_in_name(name: str) -> str | None:
    """The page that a file's name states: 第3版, A03版; None where it states none."""
    found = re.search(r"第([a-z]?\d{1,3})版|(?<![0-9a-z])([a-d]?\d{1,2})版", fold(name))
    return re.sub(r"^([A-Z]?)0+(?=\d)", r"\1", (found[1] or found[2]).upper()) if found else None


# ---------------------------------------------------------------- furniture

_IMPRINT = re.compile(
    r"(?:本报|社|报社|编辑部)?地址:|邮编:|邮政编码|订阅热线|新闻热线|投稿(?:邮箱|热线|信箱)|发行热线|发行部?:|广告(?:部|热线|中心|经营|许可)|零售(?:每份|价)|定价:?|全年订?价|"
    r"印刷:|承印|印刷厂|邮发代号|国内统一(?:连续出版物|刊)号|总编(?:室|辑)?:|值班电话|传真:|法律顾问|开户行|"
    r"(?:本版|责任|执行|值班)编辑|责编:|版式:|校对:|美编:|审校:|组版:|主管:?|主办(?:单位)?:|出版:?"
)
_AD_HEAD = re.compile(
    r"^[【\[(■●▲★◆\s]*(?:公益)?(?:广告|便民(?:信息|服务|广告|热线)|分类(?:信息|广告|公告)|生活(?:信息|广场)|信息(?:超市|广场|专栏)|遗失(?:声明|启事)?|声明|招(?:聘|租|标|商)(?:启事|信息|公告)?|招聘会?|"
    r"(?:征|约)稿(?:启事|函)?|(?:征订|订阅|招生|寻人|寻物|认领|搬迁|更名|启用|开业|招募|鸣谢|道歉)启事|启事|(?:减资|注销|清算|拍卖|债权|催收|招标|变更|迁坟|停业|公示)公告|公告|通告|讣告|"
    r"挂失|转让|出租|出售|本报公告|天气预报|今日导读|导读|本报征订|欢迎订阅)(?:$|[\s:】\])(|]|专栏)"
)
_AD_WORDS = re.compile(
    r"(声明作废|特此(?:声明|公告)|遗失|咨询(?:热线|电话)|微信同(?:号|步)|qq\s*[:.]|刊登热线|欢迎(?:咨询|刊登|来电|选购|惠顾|订阅|来稿|投稿)|满\d+减\d+|\d(?:\.\d)?折|促销|优惠价|特价|免费(?:停车|送货|试听|上门)|停车.{0,6}免费|"
    r"24小时(?:服务|营业|上门)|开锁|疏通|搬家|招(?:聘|租|商|生|收)|高薪|面议|转让|出租|出售|诚招|加盟|电话|手机|热线|联系人|报名(?:地址|电话)|地址:|营业执照|公章|作废|所刊广告|交易之?依据|"
    r"供需双方|查核|与本报无关|一经采用|来稿请|稿酬|投稿(?:邮箱|请)|字数\d+字?(?:以内|左右)|(?:长期|面向.{0,8})征(?:集|稿)|债权人|清算组|注册资本|拟?减资)"
)
_PHONE = re.compile(
    r"(?<!\d)(?:0\d{2,3}[-\s]\d{7,8}|1[3-9]\d[-\s]?\d{4}[-\s]?\d{4}|400[-\s]?\d{3,4}[-\s]?\d{3,4}|\d{3,4}-\d{7,8})(?!\d)"
)
_SPONSOR = re.compile(
    r"^(?:[*\s(【\[]*)(?:(?:本版|本栏目?|栏目|专版|专栏|本期|版面)?\s*(?:协办|主办|承办|支持|合办|冠名|特约|赞助|联办|合作)(?:单位|机构)?\s*(?:$|[:*)】\]])|栏目(?:主持|编辑)|排名不分先后)"
)
_TEASER = re.compile(
    r"(?:详见|(?<![上下])转|→|>>|见)\s*第?\s*[a-z]?\d{1,2}\s*版\s*[)】\]]?$|^(?:今日|本期|本报)?(?:导读|看点|要目)$"
)


def furniture(text: str, folded: str) -> str | None:
    """What kind of furniture a line is by its words: imprint, advert, sponsors, teaser; None: none."""
    if _SPONSOR.search(folded) and len(folded) <= 80:
        return "sponsors"
    if _TEASER.search(folded) and len(folded) <= 60:
        return "teaser"
    if re.search(r"^更正|致歉", folded[:8]):
        return None
    marks = len(_IMPRINT.findall(folded))
    if marks * 40 >= len(folded) and not (folded.endswith("。") and marks < 3):
        return "imprint"
    if _AD_HEAD.match(folded):
        return "advert"
    weight = len(set(_AD_WORDS.findall(folded))) + 2 * len(_PHONE.findall(folded))
    ended = folded[-1:] in '。.!"' and not re.search(r"作废|公告|声明|本报无关|不对所刊", folded[-30:])
    if weight >= (5 if len(folded) > 120 and ended else 4 if ended else 3):
        return "advert"
    return None


def advert_words(folded: str) -> int:
    """How many different words of advertisements a line holds; a telephone number counts as one."""
    return len(set(_AD_WORDS.findall(folded))) + bool(_PHONE.search(folded))


_NOTICE = re.compile(
    r"(?:启事|声明|征稿|约稿函?|招聘|遗失|招租|拍卖公告|减资公告|注销公告|清算公告|招标公告|欢迎(?:订阅|投稿|来稿)|征订(?:通知|公告)?|(?:本报|网|行|商|销|服务)广告|订报热线|公\s*告)$"
)


def notice_title(folded: str) -> bool:
    """A headline over a notice or an advertisement, whose text is set aside with it."""
    return len(folded) <= 20 and bool(_NOTICE.search(folded)) and not re.search(r"辟谣|发布|提醒", folded)


# ---------------------------------------------------------------- column headings

_BRIEFS = re.compile(
    rf"(?:(?:[{_HAN}]{{0,4}}(?:简讯|短讯|快讯|微讯|简报|短波|快报|速递|速览|短新闻|集锦|信息窗|一句话新闻|点击|扫描))|要闻(?:简报|速览|集萃)|微新闻|科讯|[{_HAN}]{{2,4}}点点通)$"
)
_COLUMNS = re.compile(
    rf"^(?:[{_HAN}·•]{{0,6}}(?:简讯|短讯|快讯|要闻|动态|传真|资讯|综合|新闻|速递|速览|聚焦|关注|视点|观点|时评|短评|评论|论坛|广角|天地|园地|之窗|窗口|沙龙|讲堂|课堂|学堂|百科|问答|信箱|热线|"
    rf"辟谣台?|求证|探索|发现|前沿|博览|揭秘|解密|驿站|茶座|副刊|专栏|专版|专题|特稿|特写|人物|风采|之星|先锋|先行者|排头兵|群英谱|故事|讲述|对话|访谈|专访|调查|观察|记者手记|手记|札记|"
    rf"笔谈|心得|文苑|书架|读书|书评|悦读|影像|图片|镜头|光影|画廊|博物|自然|生态|健康|养生|卫生|医药|科普|科技|科教|教育|校园|农技|农事|三农|乡村|生活|安全|应急|气象|"
    rf"一线|在线|直通车|大家谈|面对面|零距离|进行时|在行动|为什么|为甚么|问不倒|工作站|活动|服务站|加油站|万花筒|大观园|小知识|小贴士|小实验|小讲堂|台|坊|窗|苑|角|志|汇|谈|说|录|谱))$"
)
_MARKS = re.compile(r"^[▶►▷▸◆◇■□●○★☆◎※▲△▌▍┃|【\[《<〈「『\s*#]+|[】\]》>〉」』◀◄★☆◆◇■●\s*|]+$")
_PINYIN = re.compile(r"^(?:[a-zāáǎàēéěèīíǐìōóǒòūúǔùüǖǘǚǜ]{1,6}(?:\s+|$|[’'·]))+$")
_PLACE = re.compile(
    rf"(?:科协|[学协商]会|研究[会院所]|大学|学院|[局厅委]|馆|中心|[县区市州镇乡]|[{_HAN}]{{2}}(?:省|盟|旗))$"
)


_SYLLABLE = re.compile(
    r"(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])?(?:i?ang|iong|i?ong|u?ang|u?eng|ing|u?ai|iao|ia[no]?|u?an|ua|u?en|un|in|ei|ao|ou|uo|u[ie]|i[eu]|[aeiouüv]|er)"
    r"(?![aeiouüv])"
)


def pinyin(folded: str) -> int:
    """How many syllables, where a line is nothing but pinyin; else 0. A column's name is printed above or under it.

    Syllables stand apart as a rule; where a scan has run them together, every word must be made of whole ones.
    """
    bare = folded.strip(" |*#")
    words = bare.split()
    if words and re.fullmatch(r"[a-zü ]+", bare) and any(len(w) > 6 for w in words):
        counts = [len(found) if "".join(found := _SYLLABLE.findall(w)) == w else 0 for w in words]
        return sum(counts) if all(counts) and sum(counts) >= 3 else 0
    if not words or not _PINYIN.match(bare) or len(words) < 2:
        return 0
    vowels = [bool(re.search(r"[aeiouüāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜ]", w)) for w in words]
    return len(words) if sum(vowels) >= len(words) - 1 else 0


def column_name(text: str, folded: str) -> str | None:
    """The column's name, where a line shows by itself that it is a column heading: a mark, pinyin beside it."""
    text = (
        re.sub(r"\s*(?:栏目|本栏目?|版面)?(?:协办|主办|主持)(?:单位)?\s*[:：].*$", "", text)
        if text.lstrip().startswith("▌")
        else text
    )
    latin_first = re.match(rf"^▌?\s*((?:[A-Za-z]{{1,6}}\s+)+|(?<=▌)[A-Za-z\s]{{6,}})(?=[{_HAN}])", text)
    if latin_first and pinyin(fold(latin_first[1])):
        return text[latin_first.end() :].strip() or None
    name, bar, latin = text.partition("|") if "|" in text else text.partition("｜")
    if bar and pinyin(fold(latin)) and han(name) >= 2:
        return _MARKS.sub("", name).strip()
    run_on = re.fullmatch(rf"▌\s*([{_HAN}()（）·]{{2,12}}?)\s*([A-Za-z\s]{{6,}})", text)
    if run_on and pinyin(fold(run_on[2])) in range(han(run_on[1]) - 1, han(run_on[1]) + 2):
        return run_on[1]
    inline = re.match(
        rf"^[^a-z]*?([{_HAN}()·]{{2,12}})\s+((?:[a-z]{{1,6}}\s+)+[a-z]{{1,6}})\s*$", _MARKS.sub("", folded)
    )
    if inline and pinyin(inline[2]) in range(han(inline[1]) - 1, han(inline[1]) + 2):
        return _as_printed(text, inline[1])
    bare = _MARKS.sub("", text).strip()
    if (
        bare != text.strip(" #*")
        and 2 <= len(bare) <= (16 if text.startswith("▌") else 10)
        and re.match(r"[▶►▷▸◆◇■★☆▌▍┃【《〈「『]", text.strip(" #*"))
        and re.fullmatch(rf"[{_HAN}·()、]+", fold(bare))
    ):
        return bare
    return None


def column_like(folded: str) -> bool:
    """Named as columns are named: 科学问答, 辟谣台, 图片新闻."""
    bare = _MARKS.sub("", folded).strip()
    return 2 <= len(bare) <= 9 and bool(_COLUMNS.match(bare)) and not re.search(r"[,。:;?!\d]", bare)


def brief_column(name: str) -> bool:
    """A column of pieces without headlines: 简讯, 科技快讯."""
    return bool(_BRIEFS.search(fold(name)))


def place_or_office(folded: str) -> bool:
    """A headline's first line that says whose news it is: 德阳市科协."""
    return bool(_PLACE.search(folded)) and not re.search(r"[,。:;?!]", folded)


def han(text: str) -> int:
    return sum("\u3400" <= c <= "\u9fff" for c in text)


# ---------------------------------------------------------------- text

_BULLET = re.compile(r"^\s*[●○▲△■□◆◇★☆◎▪▶►•·✦❖※]\s*(?=\S)")
_INSET = re.compile(
    r"^[【\[■●▲◆★☆▶\s]*(?:相关)?(?:链接|相关链接|新闻链接|知识链接|延伸阅读|小贴士|贴士|名词解释|新闻背景|背景|背景资料|资料链接|小知识|科普小知识|知识窗|专家提醒|温馨提示|记者手记|新闻助读|编后|编后语|采访手记)[】\]\s:]*$"
)
_CORRECTION = re.compile(r"^[【\[■●▲◆\s]*(?:更正(?:启事|说明|声明)?|勘误|致歉|更正与?致歉|更正[与和]说明)[】\]\s:]*$")


def correction(title: str) -> bool:
    return bool(_CORRECTION.match(fold(title)))


def corrected(text: str) -> bool:
    """Whether a correction ends as they do: 特此更正，并向读者致歉。"""
    return bool(re.search(r"(?:特此更正|致歉|歉意|谨此更正|予以更正)[^。]{0,12}[。.]?$", fold(text)))


def without_bullet(text: str) -> str:
    return _BULLET.sub("", text)


@dataclass(frozen=True, slots=True)
class Look:
    """What one line looks like by itself."""

    text: str
    folded: str
    head: Head | None = None
    furniture: str | None = None
    column: str | None = None  # surely a column heading: its name
    caption: bool = False
    byline: bylines.Byline | None = None  # the whole line is one
    lead: bool = False  # opens like a report: 本报讯
    bullet: bool = False
    correction: bool = False  # 更正: a piece of its own wherever it stands
    inset: bool = False  # 相关链接: belongs to the piece around it
    headline: bool = False  # could be a headline or a sub-heading
    unfinished: bool = False


def look(text: str, heading: bool = False) -> Look:
    """How a line looks; `heading`: it was marked as one (by # or by its size)."""
    folded = fold(text).strip()
    plain_text = _plain(folded)
    byline = bylines.standing(text)
    lead = bylines.leading(text)[0]
    correction, inset = bool(_CORRECTION.match(folded)), bool(_INSET.match(folded))
    head = None if byline and byline.sure and not re.search(r"\d版|编辑|版式", folded) else running_head(text)
    kind = None if head or (byline and byline.sure and byline.author) or lead else furniture(text, folded)
    caption = (
        not heading
        and not lead
        and len(folded) <= 120
        and (
            bylines.credit(text)
            or bool(
                re.match(r"^[(\[]?(?:[上下左右前后]|本版|题)?图(?:为|[一二三四五\d]?:|[1-9①②③]\s)", folded)
                and len(folded) <= 80
            )
        )
    )
    if caption and byline and byline.author:
        caption = False
    return Look(
        text,
        folded,
        head,
        kind,
        None if head or kind else column_name(text, folded),
        caption,
        byline,
        lead,
        bool(_BULLET.match(folded)),
        correction,
        inset,
        plain_text and not lead and not caption and not bylines.biography(text) and not kind and not head,
        unfinished(text),
    )


# A line of a talk; 李国栋:三十年只为一粒种 is a headline.
_SPOKEN = re.compile(r"(?:问|答|记者|笔者|主持人|嘉宾|专家|读者|[qa])\s*:")
# News begins with its day; a part under a sub-heading goes on with what was told.
_NEWS = re.compile(r"(?:\d{1,2}月\d{1,2}日|近日|日前|昨日|昨天|连日来|记者(?:从|昨|近|日))")


def begins_like_news(folded: str) -> bool:
    return bool(_NEWS.match(folded))


def _plain(folded: str) -> bool:
    """Short enough for a headline, and not ended like a sentence."""
    if not 2 <= len(folded) <= 64 or folded[-1] in "。,、;:" or _BULLET.match(folded):
        return False
    if han(folded) < 2 or _SPOKEN.match(folded):
        return False
    if len(folded) > 30 and re.match(r"[(]?(?:\d{1,2}|[一二三四五六七八九十]{1,3})[).、]", folded):
        return False
    return "。" not in folded and folded.count(",") <= 1
