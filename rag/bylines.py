"""Who wrote it: a line or the end of a paragraph comes in, the byline that stands there goes out.

`(本报记者 某某)` at the end, `本报讯(记者 某某)` at the start, `□ 某某`, `文/某某` or bare names on a line of their
own, `某某 摄` under a picture. All patterns read folded text: one width, one script (rag.text.fold).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.text import fold

_HAN = r"\u3400-\u9fff"
_SURNAMES = frozenset(
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕殷"
    "罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐"
    "邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆荣翁荀羊惠甄曲家封芮羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山"
    "谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍"
    "却璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚"
    "那简饶空曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公肖闫覃岳涂代佟付仝冼苟官泽扎尼次格达索多阿买玉依吾热木海苑宾缑鹿帅亢况郈有琴归楚佘年佴牟商伯赏墨哈谯笪青揭岳帅况后年爱阳付禚旷隋寻展冮兀逯原沐鄢揣檀泮臧矫牟戢颉亓郇郄雒银芶侴宣粟楼麦敬税庹泽旦洛白"
)
_DOUBLE = (
    "欧阳",
    "上官",
    "司马",
    "诸葛",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
    "司徒",
    "夏侯",
    "轩辕",
    "宇文",
    "长孙",
    "端木",
    "南宫",
    "独孤",
    "申屠",
    "呼延",
    "澹台",
    "濮阳",
    "闻人",
    "赫连",
    "钟离",
    "百里",
    "东郭",
    "西门",
    "拓跋",
    "完颜",
)
_ROLE = (
    r"(?:(?:本[报刊社网台]|全媒体|融媒体?|见习|实习|特约|驻[\u3400-\u9fff]{1,6}|科技日报|新华社|校园|小|学生|首席)*"
    r"(?:记者|通讯员|实习生|撰稿人?|评论员)|编辑|责编|文[/ ]?图|图[/ ]?文|文|图|摄影报道|图文报道|综合报道|摄影|摄|供稿|供图|报道|"
    r"整理|撰稿|作者|编译|翻译|译|绘图?|漫画|记录|口述|采写|撰文|执笔|统筹|策划|综合|改编|选编|讲述|点评|指导教师|辅导老师|指导老师)"
)
_ROLE_WORD = re.compile(rf"{_ROLE}$")
_ROLE_HEAD = re.compile(rf"({_ROLE})(?=[{_HAN}])")
_ROLE_TAIL = re.compile(r"(摄影报道|图文报道|文/图|图/文|摄影|供稿|供图|报道|整理|综合|撰稿|编译|摄|文|图|绘|译)$")
_WRITES = re.compile(r"记者|通讯员|实习生|撰稿|评论员|文|供稿|报道|整理|作者|编译|译|采写|执笔|综合|口述|记录")
# What only says that a writer follows; 本报记者, 整理 and 通讯员 say more and stay.
_LABEL = re.compile(
    r"(?:(?:作者|撰稿人?|撰文|执笔|采写|文字?|记者)\s*[:/|]\s*|(?:作者|撰稿人?|撰文|执笔|采写|记者)\s+)(?=\S)"
)
_PICTURES = re.compile(r"(?:摄影?|供图|绘图?|漫画|图)$")
_OFFICE = re.compile(
    r"(?:科协|[学协商工妇团]会|研究[会院所]|促进会|联合会|基金会|联盟|中心|委员会|大学|学院|学校|[小中]学|幼儿园|党校|[局厅委办处科室部署]|馆|[医学法]院|"
    r"[站所社网报台刊]|编辑部|办公室|专委会|公司|集团|医院|..会|协作组|课题组|工作室|志愿队|[大支分中]队|街道|社区|管理区|[县区市州镇乡])$"
)
# What stands in brackets at an end and is no name.
_NO_NAME = re.compile(
    r"^(?:完|未完待续|待续|续|上|下|中|[一二三四五六七八九十]+|节选|略|摘编|排名不分先后|(?:资料|图)片?|见.*|[上下][接转].*|.*版|以下.*|详.*|"
    r"单位:.*|注:.*|附.*|左|右|前排.*|化名|全文|图文无关|[^\u3400-\u9fff]*)$"
)
_FROM = re.compile(r"^(?:据|来源|摘自|选自|转自|载于?|原载|本文(?:来源|据))")
_BRACKETED = re.compile(r"[(\[]([^()\[\]]{2,60})[)\]]\s*$")
_MARKED = re.compile(r"^(?:[□■◎○●☆★◇◆△▲▪•※／/|]|[—-]{1,2})\s*(?=\S)")
_LEAD_WORDS = re.compile(
    rf"^[*\s]*(?:本[报刊台网](?:综合|专|特)?[讯电]|新华社[{_HAN}]{{0,6}}(?:\d{{1,2}}月\d{{1,2}}日)?电|中新[社网][{_HAN}]{{0,6}}(?:\d{{1,2}}月\d{{1,2}}日)?电|"
    rf"[{_HAN}]{{2,6}}[报网社](?:综合)?讯(?=[\s(:]))"
)
_AFTER_LEAD = re.compile(r"^[*\s]*[(]([^()]{2,40})[)]")
_AFTER_LEAD_BARE = re.compile(
    rf"^[*\s]*((?:(?:本报|全媒体|见习|特约|实习)*(?:记者|通讯员)\s*[{_HAN}·]{{2,4}}?(?:[、\s]+[{_HAN}·]{{2,3}})*\s*)+)(?:报道\s*[:,]?|[\s:])"
)


@dataclass(frozen=True, slots=True)
class Byline:
    """`author` as printed, without its brackets; None where it names a source, not a person or office.

    `start`: where it begins in the text it was found in. `sure`: by its form alone, whatever stands around it.
    """

    author: str | None
    start: int
    sure: bool = True


def is_person(word: str, after_role: bool = False) -> bool:
    """Two to four characters that begin with a surname; behind a word like 记者 any name, also 阿依古丽·买买提."""
    if "·" in word:
        return after_role or bool(re.fullmatch(rf"[{_HAN}]{{1,7}}(?:·[{_HAN}]{{1,7}}){{1,2}}", word))
    if not re.fullmatch(rf"[{_HAN}]{{2,4}}", word):
        return False
    if after_role:
        return True
    return word.startswith(_DOUBLE) or (len(word) <= 3 and word[0] in _SURNAMES)


def is_office(word: str) -> bool:
    return len(word) >= 3 and bool(re.fullmatch(rf"[{_HAN}A-Za-z0-9()]+", word)) and bool(_OFFICE.search(word))


def signed(words: str) -> tuple[bool, bool, bool]:
    """What a would-be byline holds, folded: (every word is a role, a name or an office; a role; a person or office)."""
    # 杨 博: a name of two characters spaced out to three
    words = _spaced(re.sub(rf"(?<![{_HAN}])([{_HAN}])[ \u3000]([{_HAN}])(?![{_HAN}])", r"\1\2", words))
    role = named = after_role = False
    for word in re.split(r"[\s,、/:|;]+", words.strip()):
        if not word:
            continue
        head = _ROLE_WORD.fullmatch(word)
        if head:
            role = after_role = True
            continue
        head = _ROLE_HEAD.match(word)
        if head and head.end() > 1:  # 记者张三, but not 文天祥
            role = after_role = True
            word = word[head.end() :]
        tail = _ROLE_TAIL.search(word)
        if tail and (len(word) - len(tail[0]) >= 2) and not is_person(word):
            role = True
            word = word[: tail.start()]
        if is_person(word, after_role) or is_office(word) or (after_role and re.fullmatch(r"[A-Za-z .]{2,24}", word)):
            named = True
        else:
            return False, role, named
    return named, role, named


def standing(text: str) -> Byline | None:
    """A line that is a byline and nothing else: (某某), □ 某某, 文/某某, 本报记者 某某, 某某 某某."""
    folded = fold(text).strip()
    if not 2 <= len(folded) <= 48 or folded[-1] in "。.!?;,":
        return None
    bracketed = _BRACKETED.fullmatch(folded)
    if bracketed:
        inside = bracketed[1].strip()
        if _FROM.match(inside):
            return Byline(None, 0)
        if _NO_NAME.match(inside):
            return None
        whole, role, _ = signed(inside)
        if _only_picture(inside):
            return None
        if whole or re.fullmatch(rf"[{_HAN}]{{2,3}}", inside):  # in brackets and alone: a name, known or not
            return Byline(_printed(text), 0, sure=True)
        return None
    marked = _MARKED.match(folded)
    inside = folded[marked.end() :] if marked else folded
    whole, role, _named = signed(inside)
    if not whole or _only_picture(inside):
        return None
    if marked or (
        role
        and (
            _ROLE_HEAD.match(inside)
            or re.match(rf"(?:{_ROLE})[\s:/]", inside)
            or inside.endswith(("供稿", "整理"))
            or not is_office(_ROLE_TAIL.sub("", inside))
        )
    ):
        return Byline(_printed(text), 0, sure=True)
    if role:
        return None
    people = [
        w
        for w in re.split(
            r"[\s,、]+", re.sub(rf"(?<![{_HAN}])([{_HAN}])[ \u3000]([{_HAN}])(?![{_HAN}])", r"\1\2", inside)
        )
        if w
    ]
    if all(is_person(w) for w in people):
        return Byline(_printed(text), 0, sure=len(people) > 1)
    if re.fullmatch(r"本[报刊]?(?:编辑部|评论员|记者)|编辑部", inside):
        return Byline(_printed(text), 0)
    return Byline(_printed(text), 0, sure=False) if len(people) == 1 and is_office(people[0]) else None


def closing(text: str) -> Byline | None:
    """A byline in brackets at the end of a paragraph, after its last sentence: ……作出贡献。(黄奕博)"""
    ahead = max(0, len(text) - 120)
    folded = fold(text[ahead:])
    found = _BRACKETED.search(folded)
    if not found or ahead + found.start() == 0:
        return None
    before = folded[: found.start()].rstrip()
    inside = found[1].strip()
    if _FROM.match(inside):
        return Byline(None, ahead + found.start())
    if _NO_NAME.match(inside):
        return None
    whole, role, _named = signed(inside)
    if not whole:
        return None
    ended = before[-1:] in tuple("。.!?…\"'》")
    if not ended and not role:
        return None
    return Byline(
        _unlabelled(_spaced(text[ahead + found.start(1) : ahead + found.end(1)])), ahead + found.start(), sure=True
    )


def leading(text: str) -> tuple[bool, Byline | None]:
    """Whether a paragraph opens like a report (本报讯, 新华社……电), and the byline in brackets behind that."""
    folded = fold(text[:120])
    lead = _LEAD_WORDS.match(folded)
    if not lead:
        return False, None
    after = _AFTER_LEAD.match(folded[lead.end() :])
    if after:
        whole, _role, _named = signed(after[1])
        if whole:
            start, end = lead.end() + after.start(1), lead.end() + after.end(1)
            return True, Byline(_unlabelled(_spaced(text[start:end])), start)
    bare = _AFTER_LEAD_BARE.match(folded[lead.end() :])
    if bare and signed(bare[1])[0]:
        start, end = lead.end() + bare.start(1), lead.end() + bare.end(1)
        return True, Byline(_unlabelled(_spaced(text[start:end])), start)
    return True, None


def credit(text: str) -> bool:
    """Whether a line ends by naming who took or gave the picture: 某某 摄, 某某供图, 图/某某."""
    folded = fold(text).strip().rstrip(")")
    return bool(
        re.search(
            rf"(?:[{_HAN}·]{{2,16}}|[)\]])\s*(?:摄影?|供图|绘|制图)$|(?:摄影?|供图|图|图片来源|制图)[/:]\s*[{_HAN}· ]{{2,16}}$|资料图片?$|图片由[^。]{{2,20}}提供$",
            folded,
        )
    )


def biography(text: str) -> bool:
    """A closing paragraph that says who the writers are: (作者沈军系……)."""
    return bool(
        re.match(
            r"^[(\[]?(?:本文)?(?:作者|执笔)(?:[:\s]|系|为|单位|简介|[\u3400-\u9fff·]{2,8}(?:系|为|,|:|单位))",
            fold(text).strip(),
        )
    )


def _only_picture(words: str) -> bool:
    """某某 摄: who took the picture wrote no article; 某某 摄影报道 did."""
    return bool(_PICTURES.search(words)) and not _WRITES.search(words)


def _spaced(author: str) -> str:
    """With the spaces that the end of a line has eaten: 记者张三通讯员李四, 常涵怡黄曦桂."""
    folded = fold(author)
    places = {m.end() for m in re.finditer(rf"(?:记者|通讯员|实习生)(?=[{_HAN}·]{{2,}})", folded)}
    places |= {
        m.start()
        for m in re.finditer(
            rf"(?<=[{_HAN}])(?<!本报)(?<!体)(?<!见习)(?<!实习)(?<!特约)(?<!学生)(?:(?:本[报刊台]|全媒体|融媒体|见习|实习|特约)*(?:记者|通讯员)|实习生)",
            folded,
        )
    }
    for found in re.finditer(rf"(?<![{_HAN}])[{_HAN}]{{4,6}}(?![{_HAN}])", folded):
        word = found[0]
        halves = next(
            (n for n in ((len(word) + 1) // 2, len(word) // 2) if is_person(word[:n]) and is_person(word[n:])), 0
        )
        if halves and not is_office(word) and not _ROLE_WORD.search(word) and not word.startswith(_DOUBLE):
            places.add(found.start() + halves)
    for at in sorted(places, reverse=True):
        author = f"{author[:at]} {author[at:]}"
    return " ".join(author.split())


def _printed(text: str) -> str:
    """The byline as printed, without brackets and marks around it."""
    bare = text.strip()
    folded = fold(bare)
    if folded[0] in "([" and folded[-1] in ")]":
        bare, folded = bare[1:-1].strip(), folded[1:-1].strip()
    marked = _MARKED.match(folded)
    return _unlabelled(_spaced(bare[marked.end() if marked else 0 :]))


def _unlabelled(author: str) -> str:
    """Without 作者：, 文/ or 记者 before a name, where no other word of the kind stands in the byline."""
    folded = fold(author)
    label = _LABEL.match(folded)
    if not label or any(_ROLE_WORD.fullmatch(w) for w in re.split(r"[\s,、/:]+", folded[label.end() :])):
        return author
    return author if _ROLE_TAIL.search(folded) else author[label.end() :]
