"""A question that leans on the turns before comes in; one that stands alone goes out, or the same where it stands already.

By rules, without a language model: what a pronoun stands for, what is put in another's place (那云溪县的呢),
and the standing subject where none is named. A question with a subject of its own is a change of topic.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag import text as t
from rag.question import clean, content, is_name, kind_of, must_of, names_in, quoted_in
from rag.types import Turn
from rag.words import language, say

LOOK_BACK = 6  # turns that can still be leaned on
MAX_LENGTH = 120  # characters of a question that another wrote

_LEAD = re.compile(
    r"^(?:那么|那末|还有|另外|此外|然后|再问一下|再问|请问|对了|顺便问(?:一下)?|接着问|那(?![个些位家天里儿边年次场种时座所支条款件项名部本篇份段届期批块只台辆艘架])|哦|嗯|好的?|好吧)[，,、：:\s]*"
)
_PERSON = r"(?:他们俩?|她们俩?|他俩|她俩|他|她|这位[^\s，,的]{0,4}?(?=是|在|有|来|的|说|叫|又|还|，)|那位[^\s，,的]{0,4}?(?=是|在|有|来|的|说|叫|又|还|，)|这个人|那个人|此人|该人)"
_THING = r"(?:它们|它|牠|(?:这|那|该|此|本|上述)(?:个|次|场|项|种|家|座|款|届|期|批|篇|部|条|台|只|所|件|类|些|份)?(?:[\u4e00-\u9fff]{2,6}?)(?=的|是|在|有|什|怎|为|多|几|由|哪|谁|一共|总共|共|到底|会|能|要|还|又|都|分|叫|何|如|[，,？?]|$)|(?:这|那|该)(?:个|次|场|项|种|家|座|款|件|事)|这|其(?![他它中实余次])|此(?![外次前后]))"
_THERE = r"(?:这里|那里|那儿|这儿|那边|当地|对方|当时|同期|其中)"
_PRONOUN = re.compile(rf"{_PERSON}|{_THERE}|{_THING}")
_IS_PERSON = re.compile(_PERSON)
_ASKS = re.compile(
    r"是?(?:什么|啥|甚么)(?:时候|时间|地方|人|样|名字?)?|是?谁|是?哪(?:些|位|里|儿|家|天|年|个|种|几|一|两|所|座|部|国|名|门|款|届|支|项|条|篇|本|类|座城市)?|为(?:什么|啥|何)|怎么样?|怎样|如何|多少|几|多[长高远重大久深快宽]|何时|何地|是否|有没有|是不是|吗"
)
_NOTHING_LEFT = re.compile(
    r"(?:一共|总共|大概|大约|到底|究竟|目前|现在|当时|又|还|都|就|才|也|要|会|能|是|有|由|被|在|于|为|了|的|达到?|叫做?|名叫|给|到|去|用|设|共|来|从|把|放)+$"
)
_BOUND = re.compile(r"[?？。！!\s]+$")
_CUES = re.compile(
    r"^(?:又|还|也|再|另|其他|其余|别的|后来|之后|后续|结果|具体|最后|现在|目前|如今|下一步|下次|上次|去年|今年|明年)|又(?:是|有|叫|在)|还有(?:哪|什|谁|几|多)|别的|其他的?|对方"
)
# What a thing has, and nobody asks about alone: 负责人, 海拔, 门票. A noun of another kind at the head is a topic.
_OF_A_THING = re.compile(
    r"[人者长员量数率额价度费名址期间点因法式场馆处站票金奖队组会层段]$|^(?:主题|内容|特点|作用|意义|目的|结果|影响|[好坏]处|危害|症状|规模|海拔|面积|成绩|"
    r"冠军|亚军|主角|观众|嘉宾|老师|教授|专家|记者|领导|书记|主[任席]|学生|选手|代表|电话|网站|单位|方面|问题|要求|标准|条件|流程|步骤|材料|手续|详情|情况|"
    r"项目|活动|节目|作品|图谱|颜色|味道|营养|历史|原理|功能|用途|成分|品种|区别|名次|学校|医院|公司|平台)$"
)
_IF = re.compile(r"^(?:要是|如果|假如|若是|若|换成|换作|改成|改为)")
_NAMING = re.compile(r"(?:叫|名字?|称|发布|推出|研制|开发|建成|用的?|获得|举办|什么|哪)")
_ANSWER_FIGURE = re.compile(r"^[约超近逾达共]*[\d〇零一二两三四五六七八九十百千万亿]+")


def made_whole(asked: str, history: Sequence[Turn]) -> str:
    """The question with what it lacks carried over from the turns before."""
    standing: tuple[str, str] | None = None
    for turn in history[-LOOK_BACK:]:
        question = clean(turn.question)
        if t.words(question):
            standing = (_whole(question, *standing) if standing else question, clean(turn.answer))
    return _whole(asked, *standing) if standing else asked


def leans(asked: str, history: Sequence[Turn]) -> bool:
    """Whether it may lean on the turns before: the rules see that it does, or can't tell. What names its own subject,
    speaks of another thing or follows a refusal stands alone."""
    before = next((turn for turn in reversed(history[-LOOK_BACK:]) if t.words(clean(turn.question))), None)
    if before is None:
        return False
    core = _BOUND.sub("", _LEAD.sub("", asked).strip() or asked)
    if _pronoun(core) or core.endswith("呢"):
        return True
    if _own(core):
        return False
    question, answer = clean(before.question), clean(before.answer)
    if _whole(asked, question, answer) != asked:
        return True
    return not _refused(answer) and not _of_another_thing(core, t.fold(question + answer))


def _whole(asked: str, before: str, answer: str) -> str:
    bare = _LEAD.sub("", asked).strip() or asked
    led = bare != asked
    parts = [p.strip() for p in re.split(r"[，,；;]", _BOUND.sub("", bare)) if p.strip()]
    # 那它呢，月湖有多少种鸟 · 那云溪县的呢，多少支队: what is swapped, and what is asked of it
    if len(parts) > 1 and re.search(r"呢$", parts[0]):
        swapped, rest = re.sub(r"的?呢$", "", parts[0]), "，".join(parts[1:])
        if _PRONOUN.fullmatch(swapped):
            return rest if _own(rest) else _joined(_subject(before, answer), rest)
        return _swap(swapped, before, rest) or _joined(swapped, rest)
    core = _BOUND.sub("", bare)
    if re.search(r"呢$", core) and len(core) <= 16 and not _ASKS.search(core):
        return _instead(re.sub(r"的?呢$", "", core), before, answer)
    pronoun = _pronoun(core)
    if pronoun:
        return _resolved(core, pronoun, before, answer) + _end(asked)
    if _own(core) and not led:
        return asked
    if not led and (_refused(answer) or not _leans(core, before, answer)):
        return asked
    if _own(core):
        return bare
    return _joined(_subject(before, answer), re.sub(r"又(?=是|有|叫|在)", "", core)) + _end(asked)


def _end(asked: str) -> str:
    return "？" if asked.rstrip()[-1:] in "?？" else ""


def faithful(rewrite: str, asked: str, history: Sequence[Turn]) -> bool:
    """Whether another's rewrite of a follow-up may be searched with: it asks the same, keeps the names, numbers, quoted
    strings and content words of the question, carries something over from the turns, and adds no name, number or quoted
    string that stands in neither; a name where the rules carry one over, and no pronoun that still points back."""
    turns = history[-LOOK_BACK:]
    said = t.fold(" ".join(f"{clean(turn.question)} {clean(turn.answer)}" for turn in turns))
    folded, own = t.fold(rewrite), t.fold(asked)
    ruled = made_whole(asked, history)
    if (
        len(rewrite) > MAX_LENGTH
        or _pronoun(_BOUND.sub("", rewrite))
        or kind_of(ruled) not in ("other", kind_of(rewrite))
    ):
        return False
    if any(folded == t.fold(clean(turn.question)) for turn in turns):
        return False
    kept = {*must_of(asked), *(w for w, _ in content(_PRONOUN.sub(" ", _LEAD.sub("", asked))) if len(w) > 1)}
    if any(t.fold(one) not in folded for one in kept if not _CUES.fullmatch(one)):
        return False
    added = [one for one in _exact(rewrite) if t.fold(one) not in own]
    if any(one not in said and t.fold(one) not in said for one in added):
        return False
    carried = [w for w, _ in content(rewrite) if len(w) > 1 and w in said and w not in own]
    named = [one for one in _exact(ruled) if t.fold(one) not in own]
    return bool(carried) and (bool(added) or not named)


def _exact(text: str) -> list[str]:
    """Names, codes, numbers and quoted strings."""
    return [*must_of(text), *(n for n in names_in(t.fold(text)) if len(n) > 1), *(n.text for n in t.numbers(text))]


def _own(text: str) -> bool:
    """It names its own subject: a person, a place, a body, a title, a code."""
    return (
        bool(quoted_in(text))
        or any(len(n) > 1 for n in names_in(t.fold(text)))
        or any(tag == "eng" and len(word) > 1 for word, tag in t.tagged(text))
    )


def _leans(core: str, before: str, answer: str) -> bool:
    """It has too little of its own to be looked for: few words, or words of the turn before, or a cue such as 又, 还."""
    if _CUES.search(core):
        return True
    said = t.fold(before + answer)
    if _of_another_thing(core, said):
        return False
    own = [w for w, tag in content(core) if len(w) > 1 and tag not in ("m", "q", "t")]
    if len(own) <= 1:
        return True
    shared = sum(w in said for w in own)
    return (len(own) <= 2 and len(core) <= 9) or (shared > 0 and len(own) <= 4)


def _of_another_thing(core: str, said: str) -> bool:
    """月季花几月开, 地震怎么逃生: its subject stands nowhere in the turn before."""
    asks = _ASKS.search(core)
    nouns = [w for w, tag in content(core[: asks.start()] if asks else core) if len(w) > 1 and tag.startswith("n")]
    return bool(nouns) and not _OF_A_THING.search(nouns[-1]) and not any(w in said for w in nouns)


def _refused(answer: str) -> bool:
    """Whoever was refused asks in other words, or of something else: nothing is left standing."""
    kinds = ("no_evidence", "unclear_question", "empty_library")
    said = {say(f"refusals.{kind}", spoken).rstrip("。.") for kind in kinds for spoken in {language(), "zh", "en"}}
    return answer.startswith(tuple(said))


def _pronoun(core: str) -> re.Match[str] | None:
    for match in _PRONOUN.finditer(core):
        # 应该, 其他, 因此, 本该: one word, not a pronoun
        if (
            core[max(0, match.start() - 1) : match.start()] in tuple("其因如从至自由到及彼应本理")
            and match[0][0] in "此他其它该"
        ):
            continue
        if match[0][0] == "该" and not t.tagged(match[0][1:])[0][1].startswith(("n", "q", "m")):
            continue  # 该注意什么: should
        return match
    return None


def _short(answer: str) -> str:
    """The answer's own words where it is a name or a thing in a few words; "" else."""
    answer = re.sub(r"\[\d+\]", "", answer)
    answer = re.sub(r"^(?:是|叫|为|由)", "", answer.strip().rstrip("。.！!"))
    if not answer or len(answer) > 24 or _ANSWER_FIGURE.match(answer) or re.search(r"[。；;！？]", answer):
        return ""
    return answer


def _resolved(core: str, pronoun: re.Match[str], before: str, answer: str) -> str:
    word = pronoun[0]
    rest = core[pronoun.end() :]
    if _IS_PERSON.match(word):
        people = _short(answer) if kind_of(before) in ("who", "which", "list", "other") else ""
        if not people:
            named = [n for n in names_in(t.fold(answer)) + names_in(t.fold(before)) if is_name(n)]
            people = named[0] if named else _subject(before, answer)
        return _put(core, pronoun, people, rest)
    if _own(rest) and pronoun.start() == 0 and word in ("它", "这", "那"):
        return rest
    thing = (
        _short(answer)
        if kind_of(before) in ("which", "definition", "other", "list") and not re.fullmatch(_THERE, word)
        else ""
    )
    if thing and is_name(thing):
        thing = ""
    subject = thing or _subject(before, answer)
    if re.fullmatch(_THERE, word):
        lead = core[: pronoun.start()]
        keep = word if word in ("对方", "那边", "其中", "当时", "同期") else ""
        if word == "对方" and rest.startswith("那边"):
            keep = "对方"
        return _joined(subject, lead + keep + rest)
    noun = re.sub(
        r"^(?:这|那|该|此|本|上述|其)(?:个|次|场|项|种|家|座|款|届|期|批|篇|部|条|台|只|所|件|类|些|份)?", "", word
    )
    if noun and noun in ("它", "它们", "牠"):
        noun = ""
    # 这个活动 → the subject, said once: 科普进校园活动
    if noun and noun not in subject and not thing:
        subject = f"{subject}{noun}" if len(subject) + len(noun) <= 30 else subject
    if word == "其":
        subject += "的"
    return _put(core, pronoun, subject, rest)


def _put(core: str, pronoun: re.Match[str], subject: str, rest: str) -> str:
    if not subject:
        return core
    if subject in core:
        return core[: pronoun.start()] + rest
    return core[: pronoun.start()] + subject + rest


def _joined(subject: str, asked: str) -> str:
    if not subject or t.fold(subject) in t.fold(asked):
        return asked
    close = len(asked) <= 7 or re.search(r"[里上中时场后前的]$", subject) is not None
    return f"{subject}{'' if close else '，'}{asked}"


def _subject(before: str, answer: str) -> str:
    """What the turn before was about: its question without what it asked; a thing that its answer named, with it."""
    before = _BOUND.sub("", _LEAD.sub("", before))
    asks = _ASKS.search(before)
    if not asks:
        return before
    head, tail = before[: asks.start()], before[asks.end() :]
    if kind_of(before) == "how_many":
        # 成华区科协2024年的推文阅读量是多少: the subject is whose figure it is
        value = re.match(r"(.{2,})的[^的]{2,12}?(?:一共|总共|大概|大约)?(?:是|为|有|达到?)?$", head)
        if value and not re.search(r"[\u4e00-\u9fff]", re.sub(r"^(?:只|个|人|次|名|种|家|篇|元|亩|吨|米)+", "", tail)):
            head = value[1]
    subject = head.strip("，, ")
    while True:
        shorter = _without_verb(_NOTHING_LEFT.sub("", subject))
        if shorter == subject:
            break
        subject = shorter
    if len(subject) < 2:
        words = t.tagged(tail)
        at = 0
        folded = t.fold(tail)
        for word, tag in words:
            if tag[:1] in "nj" or (tag in ("eng", "l", "i", "zg", "x") and word.isalnum()):
                break
            at += len(word)
        subject = tail[at:] if at < len(folded) else tail
        if subject.endswith("的"):  # 为什么天是蓝的: what it is said to be, no subject
            subject = ""
    named = _short(answer)
    if (
        named
        and _NAMING.search(before[max(0, asks.start() - 4) : asks.end()])
        and not is_name(named)
        and kind_of(before) in ("which", "definition", "other")
        and named not in subject
        and len(named) <= 16
    ):
        subject = f"{subject}{named}"
    return subject


def _without_verb(subject: str) -> str:
    """发布了, 设了, 开 at the end of a subject belong to what was asked."""
    words = t.tagged(subject)
    cut = 0
    while words and (words[-1][1] in ("v", "ul", "p", "d", "uz", "ug") or words[-1][0] in ("了", "过", "着")):
        word, _ = words.pop()
        cut += len(word)
    rest = subject[: len(subject) - cut]
    return rest if cut and any(tag[:1] in "nj" or tag == "eng" for _, tag in words) else subject


def _instead(swapped: str, before: str, answer: str) -> str:
    """X呢: the question of the turn before with X in the place of what X is like."""
    before = _BOUND.sub("", _LEAD.sub("", before))
    condition = _IF.match(swapped)
    if condition:
        return f"{before}，{swapped}"
    done = _swap(swapped, before, "")
    if done:
        return done + "？"
    asks = _ASKS.search(before)
    subject = _subject(before, answer)
    tail = before[asks.start() :] if asks else ""
    kind = kind_of(before)
    if asks and kind == "how_many":
        unit = re.match(r"(?:是|为|有)?(?:多少|几)[\u4e00-\u9fff]{0,2}$", tail)
        return _joined_of(subject, swapped) + (tail if unit else "是多少") + "？"
    if kind in ("who", "when", "where"):
        word = {"who": "是谁", "when": "是什么时候", "where": "在哪里"}[kind]
        return _joined_of(subject, swapped) + word + "？"
    return _joined_of(subject, swapped)


def _joined_of(subject: str, attribute: str) -> str:
    if not subject or subject in attribute:
        return attribute
    return f"{subject}{'' if re.search(r'[里上中的]$', subject) else '的'}{attribute}"


_UNLIKE = re.compile(r"^(?:那|还有|换成)")
_LIKE = (
    (r"[\u4e00-\u9fff]{1,6}?[省市县区镇乡村]", "place"),
    (r"(?:1\d|20)\d\d年?|[去今明前]年|上半年|下半年", "year"),
    (r"\d{1,2}月(?:份)?|[一二三四五六七八九十]+月(?:份)?|上个?月|下个?月", "month"),
)


def _swap(swapped: str, before: str, rest: str) -> str:
    """The turn before with `swapped` for what is of its kind there (a place for a place, a year for a year); "" if none is."""
    swapped = _UNLIKE.sub("", swapped)
    before = _BOUND.sub("", before)
    for pattern, kind in _LIKE:
        if re.fullmatch(pattern, swapped):
            olds = [n for n in names_in(t.fold(before)) if re.fullmatch(pattern, n)] if kind == "place" else []
            found = re.search(re.escape(olds[0]) if olds else pattern, before)
            if found and found[0] != swapped:
                whole = before[: found.start()] + swapped + before[found.end() :]
                asks = _ASKS.search(whole)
                return _joined(_subject(whole, ""), rest) if rest and asks else whole
    tags = {tag for w, tag in t.tagged(swapped) if tag in ("nr", "ns", "nt")}
    if tags:
        for name in names_in(t.fold(before)):
            if any(tag in tags for _, tag in t.tagged(name)) and name in before:
                whole = before.replace(name, swapped, 1)
                return _joined(_subject(whole, ""), rest) if rest else whole
    return ""
