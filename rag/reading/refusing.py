"""Why a file can't become articles: a reason for a person, raised by readers that don't know the file's name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.text import fold
from rag.words import say

_ERROR_WORDS = re.compile(
    r"(?:^|\n|error\s|http\s)\s*(?:40[0-4]|50[0-4])\s*(?:$|\n|[-|:,_]|错误|error|not found|forbidden|bad gateway|service|internal|页面|未找到)|"
    r"page not found|404 not found|access denied|bad gateway|service unavailable|internal server error|\b(?:log|sign) ?in\b|enable javascript|"
    r"页面(?:不存在|未找到|找不到|已(?:被)?删除|丢失|出错|走丢)|(?:无法|不能)访问(?:此|该)?(?:网站|页面|网页)|找不到(?:该|此|您?要?(?:访问|浏览)?的)?(?:页面|网页)|"
    r"访问(?:出错|被拒绝|过于频繁|受限)|系统(?:错误|繁忙|(?:正在)?维护中)|服务器(?:错误|内部错误|繁忙|(?:正在)?维护)|出错(?:了|啦)|"
    r"(?:^|\n|请|用户|账号|会员|统一身份)(?:先|重新)?(?:登录|登陆)(?:$|\n|后|查看|认证)|(?:会话|登录(?:状态)?)已?(?:过期|超时|失效)|请输入(?:用户名|密码|验证码)|(?:请完成|进行|百度|网站|浏览器)安全验证|人机验证|"
    r"(?:开通会员|付费|订阅|关注)后(?:即可|可)?(?:继续)?(?:阅读|查看)(?:全文|更多|原文|剩余)|网络不给力|请稍[后候]?(?:再|重)试|"
    r"^\s*[\[{].*\"(?:error|errcode|errmsg)\"\s*:|"
    r"(?:文章|内容|帖子)(?:不存在|已(?:经)?(?:被(?:发布者|作者|管理员)?)?(?:自行)?删除|已下线|(?:因违规)?无法(?:查看|访问))|请(?:开启|启用)javascript|您没有权限"
)
# What programs say when they break or let nobody in; a Chinese text about them says something around it.
_BROKEN = re.compile(
    r"traceback \(most recent call last\)|exception in thread|[\w.]+exception\b[: ]|\bat [\w.$<>]+\([\w.]*(?::\d+)?\)|<error>\s*<code>|"
    r"fatal error:|access denied for user|error in your sql syntax|\"(?:code|status)\"\s*:\s*[45]\d\d\b|stack trace:|"
    r"checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human|redirect(?:ed)? to your requested"
)
_ERROR_LENGTH, _ERROR_LINE = 240, 70  # characters: a longer page, or one with a longer line, says something of its own
_WRITTEN = 0.2  # share of Chinese characters, past which somebody wrote about an error


class Unreadable(Exception):
    """Raised inside `reading`; `files.read` makes a FileRefused of it. `key` stands in words/*.json under `reading`."""

    def __init__(self, key: str, /, **fields: object) -> None:
        self.key, self.fields = key, fields
        super().__init__(say(f"reading.{key}", **fields))


def refuse_error_page(text: str) -> None:
    """Errors: Unreadable for a short text that says an error or asks for a login."""
    lines = list(dict.fromkeys(text.split("\n")))  # 请登录 may stand there forty times
    written = sum("\u3400" <= c <= "\u9fff" for c in text)
    if written < _WRITTEN * len(text) and (words := _BROKEN.search(fold(text))):
        raise Unreadable("error_page", words=words[0].strip()[:40])
    if sum(map(len, lines)) > _ERROR_LENGTH or max(map(len, lines)) > _ERROR_LINE:
        return
    if words := _ERROR_WORDS.search(fold("\n".join(lines))):
        raise Unreadable("error_page", words=words[0].strip()[:40])


def ranges(pages: Sequence[int]) -> str:
    """1–3、7"""
    said: list[str] = []
    start = end = pages[0]
    for page in [*pages[1:], 0]:
        if page == end + 1:
            end = page
            continue
        said.append(f"{start}–{end}" if end > start else str(start))
        start = end = page
    return "、".join(said)
