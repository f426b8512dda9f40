"""A sentence and its evidence come in; what the sentence turns round or claims too much of goes out.

Both are held against each other word by word: 不免费 is wrong where the evidence has 免费 and nowhere 不免费,
所有学校 is wrong where the evidence speaks of schools and nowhere of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag import text as t
from rag.answering.marks import Marked, counts, marked, verbatim

_NO = re.compile(
    r"(?<!能)(?<!是)(?<!数)(?:不|没|未|无|非|勿|(?<=切)莫|莫(?=[要让再因])|别(?=[再去把让在用给忘吃喝买乱随急顺]))"
    r"(?!了|少|仅|但|只|断|同|久|过(?!期|关)|管|论|妨|禁|人机|线|偿|限|常|洲|来|免(?!费)|如|及|超过|大于|低于|高于|少于|多于|小于|锈钢|良|足|动产)"
    r"|禁止|拒绝|取消|严禁|杜绝|防止|避免|并非|绝非|谢绝"
)
_ANY_NO = re.compile("[不没未无非勿别莫]|禁止|拒绝|取消")
_LESS = re.compile("低于|不足|以下|以内|避免|防止|缺|除外|免")
_WANT = re.compile("缺|不足|不够|很少|免")
_CLAUSE = re.compile(r"[^，,；;：:。！？!?\n]+")
# What stands between a negation and the word it denies, and denies nothing itself
_HELPERS = frozenset(
    "能 会 要 得 可 可以 能够 应 应当 应该 必 需要 需 有 是 为 被 把 将 再 曾 曾经 已 已经 还 能不能 给 让 在 到 去 来 做 用 使 进行 了 过 着 的 地 "
    "任何 所有 都 全 很 太 一定 完全 直接 继续 想 对 从 向 与 和 多 少 它 他 她 们 它们 他们 自己 单 光 只 一 个 哪 其 此 这 那 什么 上 下 里 中 内".split()
)
_COMPARING = frozenset("超过 达到 高于 低于 大于 小于 多于 少于 超出 突破 不足 满 足".split())  # _bounds minds them
_MOSTLY = re.compile("通常|往往|一般|可能|多半|大多|有时")
_SCOPE = 9  # characters that a negation reaches
# What happens one way or the other, but not both ways.
CHANGES = (
    ("增加", "减少"), ("增长", "下降"), ("上升", "下降"), ("提高", "降低"), ("提前", "推迟"), ("扩大", "缩小"),
    ("延长", "缩短"), ("允许", "禁止"), ("支持", "反对"), ("成功", "失败"), ("免费", "收费"), ("增产", "减产"),
    ("上涨", "下跌"), ("上调", "下调"), ("盈利", "亏损"), ("开放", "关闭"), ("加强", "减弱"), ("升高", "降低"),
)  # fmt: skip
_OPPOSITES = (
    *CHANGES, ("高于", "低于"), ("多于", "少于"), ("大于", "小于"), ("优于", "劣于"), ("以上", "以下"),
    ("之前", "之后"), ("开工", "完工"), ("顺时针", "逆时针"), ("容易", "困难"), ("安全", "危险"), ("有效", "无效"),
    ("合格", "不合格"), ("公开", "秘密"), ("最多", "最少"), ("最高", "最低"), ("最大", "最小"), ("至多", "至少"),
    ("内部", "外部"), ("进口", "出口"),
)  # fmt: skip
# Words that claim all of something, and what beside it in the evidence bears them out.
_ALL = ("全部", "所有", "全体", "一律", "任何", "每一个", "每个", "每一", "每所", "每家")
_ALL_THERE = frozenset(
    "全部 所有 全体 一律 任何 全 都 各 均 一切 每 每个 各个 全覆盖 皆 凡 凡是 逐一 各级 各类 各地".split()
)
# Words that claim much, and the words or characters that bear each of them out.
_STRONG = {
    "完全 彻底": "完全 彻底 全",
    "唯一": "唯一 只有 仅 独",
    "首位 首个 首次 第一 首家": "首 第一 冠 头 率先 最早 最先 最大 最高 最多",
    "最": "最 首 第一 冠 顶 盛 极",
    "永远 永久": "永远 永久",
    "必然 必定 一定 必将 必死 必须": "必 一定 要 应 不得 须 务",
    "全国": "全国 我国 中国 国家",
    "全球 世界": "全球 世界 国际",
    "已被证实 证实": "证实 证明 确认 表明",
    "绝大多数": "绝大 大多 多数 大部分 九成",
}
_OVER = re.compile(r"(?:远远|远|大大|已经?|就)*(?:超过|突破|多于|高于|大于|逾|超|不低于|不少于|不小于)(?:了)?$")
_UNDER = re.compile(
    r"(?:接近|将近|不足|不到|低于|少于|小于|不超过|不大于|不高于|不多于|至多|最多|未达|不(?:得|能|要|宜|应|可|会|应当)?超过|近)(?:了)?$"
)
_OVER_AFTER, _UNDER_AFTER = re.compile(r"[余多]|.{0,3}以上"), re.compile(r".{0,3}(?:以下|以内)")


def turned(sentence: str, evidence: str) -> Iterator[tuple[str, str | None]]:
    """What the sentence denies and the evidence affirms, or the reverse: what is said, what stands there."""
    told, there = marked(sentence), marked(evidence)
    if verbatim(told, there):
        return
    if not _ANY_NO.search(there.folded) and not _LESS.search(there.folded):
        bare = _NO.search(told.folded)
        if bare:
            yield bare[0], None
            return
    for no, words in _denials(told):
        word = next((w for w in words if _found(w, there)), "")
        if word and not any(denied(there, i) for i in _found(word, there)):
            yield f"{no}{word}", word
            return
    said = {word for _, words in _denials(told) for word in words}
    for no, word in ((no, word[:2]) for no, words in _denials(there) for word in words):
        at = _found(word, told)
        if not at or word in said or any(denied(told, i) for i in at):
            continue
        if all(denied(there, i) for i in _found(word, there)) and _about(word, told, there):
            yield word, f"{no}{word}"
            return
    for pair in _OPPOSITES:
        for a, b in (pair, pair[::-1]):
            only = a in told.folded and a not in there.folded and b in there.folded and b not in told.folded
            if only and _alike(told.folded, a, there.folded, b):
                yield a, b
                return


def _denied(text: Marked) -> Iterator[re.Match[str]]:
    return _NO.finditer(text.folded)


def _denials(text: Marked) -> Iterator[tuple[str, list[str]]]:
    """Each negation with the first words of content that it reaches, two at most."""
    for m in _denied(text):
        end = _clause_end(text.folded, m.end())
        words: list[str] = []
        last = 0
        for word, tag, at in text.tagged:
            if at + len(word) <= m.end() or at >= min(end, m.end() + _SCOPE) or len(words) == 2:
                continue
            own = word[max(0, m.end() - at) :]
            if own in _COMPARING:
                break
            if own in _HELPERS or not counts(own, tag) or (len(own) == 1 and tag[:1] not in "va"):
                continue
            if words and at != last:
                break
            words.append(own)
            last = at + len(word)
        yield m[0], words


def _clause_end(folded: str, at: int) -> int:
    m = re.search(r"[，,；;：:。！？!?\n、]", folded[at:])
    return at + m.start() if m else len(folded)


def _found(word: str, text: Marked) -> list[int]:
    """Where the word stands; one character only where it was cut as a word."""
    if len(word) == 1:
        return [at for w, _, at in text.tagged if w == word]
    return [m.start() for m in re.finditer(re.escape(word), text.folded)]


def denied(text: Marked, at: int) -> bool:
    """A negation in the same clause, before the word."""
    begin = max((m.start() + 1 for m in re.finditer(r"[，,；;：:。！？!?\n]", text.folded[:at])), default=0)
    return bool(
        _NO.search(text.folded, begin, at) or _NO.match(text.folded, at) or _WANT.search(text.folded, begin, at)
    )


def _about(word: str, told: Marked, there: Marked) -> bool:
    """Both speak of the same: they share more words than this one in the clauses where it stands."""
    for a in _clauses_with(word, told.folded):
        for b in _clauses_with(word, there.folded):
            mine, theirs = set(t.bigrams(a)), set(t.bigrams(b))
            if len((mine & theirs) - set(t.bigrams(word))) >= 1 or len(mine) <= len(word) + 1:
                return True
    return False


def _clauses_with(word: str, folded: str) -> list[str]:
    return [m[0] for m in _CLAUSE.finditer(folded) if word in m[0]]


def _alike(told: str, a: str, there: str, b: str) -> bool:
    """The clauses with the two opposites share half of their other characters' pairs."""
    for x in _clauses_with(a, told):
        mine = set(t.bigrams(x)) - set(t.bigrams(a))
        for y in _clauses_with(b, there):
            if mine and len(mine & set(t.bigrams(y))) >= 0.4 * len(mine):
                return True
    return False


# ---------------------------------------------------------------- too much


def overdone(sentence: str, evidence: str) -> Iterator[tuple[str, str | None]]:
    """All for some, first for fourth, over for nearly: what is said, what stands there."""
    told, there = marked(sentence), marked(evidence)
    if verbatim(told, there):
        return
    yield from _all_of(told, there)
    for claims, grounds in _STRONG.items():
        said = next((word for word in claims.split() if re.search(rf"{word}(?![十百千万后近初终])", told.folded)), None)
        if said and not any(word in there.folded for word in grounds.split()):
            yield said, None
    yield from _bounds(told, there)


def _all_of(told: Marked, there: Marked) -> Iterator[tuple[str, str | None]]:
    for claim in _ALL:
        at = told.folded.find(claim)
        if at < 0:
            continue
        words = {w for w, _, _ in there.tagged}
        if not words & _ALL_THERE:
            yield claim, None
            return
        end = min(_clause_end(told.folded, at), at + len(claim) + 7)
        for word, tag, start in told.tagged:
            if not at + len(claim) <= start < end or tag[:1] not in "nj" or len(word) < 2:
                continue
            clauses = _clauses_with(word, there.folded)
            if clauses and not any(_grounded(c) for c in clauses):
                yield f"{claim}{word}", None
                return
    match = re.search(r"只要.{1,16}就(?:一定|必|会|能)?", told.folded)
    if (
        match
        and re.search("通常|往往|一般|可能|多半|大多|有时", there.folded)
        and not re.search("通常|往往|一般|可能|多半|大多|有时", told.folded)
    ):
        yield match[0], None


def _grounded(clause: str) -> bool:
    return any(w in _ALL_THERE for w, _ in t.tagged(clause))


def _bounds(told: Marked, there: Marked) -> Iterator[tuple[str, str | None]]:
    """超过1900只 where the evidence has 接近1900只, and the reverse."""
    for q in told.quantities:
        said = _bound(told.folded, q.start, q.end)
        if not said:
            continue
        bounds = [_bound(there.folded, o.start, o.end) for o in there.quantities if o.value == q.value]
        if bounds and all(b == -said for b in bounds):
            yield told.folded[max(0, q.start - 3) : q.end], None
            return


def _bound(folded: str, start: int, end: int) -> int:
    """1: more than the figure is said, -1: less, 0: neither."""
    before = folded[max(0, start - 8) : start]
    if _UNDER.search(before):
        return -1
    if _OVER.search(before):
        return 1
    number = folded[start:end]
    if re.search("[余多]", number) or _OVER_AFTER.match(folded, end):
        return 1
    return -1 if _UNDER_AFTER.match(folded, end) else 0
