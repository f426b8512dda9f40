"""A question and its passages come in; what a language model is asked goes out, within its own budget of tokens.

The only prompts there are. Small models do best when asked plainly: told how to refuse they always refuse, told to
mark their sources they mark at random; both are done by the program. Article text is data: what could pass for a
control token is written in full width, sentences that give orders to the model are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag import text as t
from rag.models import LanguageModel, Message
from rag.question import Question
from rag.types import Hit, Turn

TOKENS = 1400  # of a prompt: on two cores half a billion parameters read about 230 a second
ROOM = 48  # tokens that a chat template may add
MAX_BLOCKS = 6
SHORT_ANSWER, LONG_ANSWER = 120, 360  # tokens an answer may have

# Chosen with Qwen2.5-Coder-0.5B-Instruct on 12 questions over news (development data), same evidence: asked for the
# article's own words 11 right; asked without any form 9; asked for "a concrete figure, name or date" 8, some made up.
ASK = "请从下面的资料里找出回答问题的内容，尽量用资料里的原话回答。"
FORM = {True: "用一句完整的话回答。", False: "用几句话回答。"}  # by question.wants_short
TALK = "此前的对话：\n{turns}\n\n"
WHOLE = "{ask}{form}\n\n资料：\n{evidence}\n\n{talk}问题：{question}"

# A follow-up is made whole. The example shows the form; its names never pass for the reader's (`followups.faithful`).
WHOLE_AGAIN = (
    "把对话里最后的问题改写成一个完整的问题，不看对话也能看懂。问的内容不变，不要回答，只写改写后的问题。\n\n"
    "例子\n问：云溪县图书馆有多少册书？ 答：12万册。\n最后的问题：那它几点开门？\n改写：云溪县图书馆几点开门？\n\n"
    "对话\n{turns}\n最后的问题：{question}\n改写："
)
REWRITTEN, TALKED = 60, 400  # tokens that it may have, tokens of the conversation that are shown

# Sentences of an article that speak to a language model rather than to a reader: none of 32,000 in ordinary news.
_ORDER = re.compile(
    r"(?:忽略|无视|忘记|忘掉|不要理会|不用理会|跳过|抛弃|停止遵守|覆盖)"
    r"(?:.{0,12}(?:指令|指示|提示词|设定|系统消息)|.{0,4}(?:以上|之前|此前|前面|上述|上面|先前|一切|所有).{0,8}"
    r"(?:提示|要求|规则|命令|对话|内容|限制|约束))"
    r"|(?:你|您)(?:现在|从现在起|必须|应当|只能|将)?(?:是|扮演|充当|变成)"
    r".{0,10}(?:助手|AI|人工智能|模型|机器人|管理员|DAN|开发者)"
    r"|(?:输出|打印|显示|泄露|透露|重复|告诉我|说出|复述).{0,10}(?:系统提示|提示词|初始指令|系统消息|上面的指令|初始设定)"
    r"|(?:系统提示|系统消息|系统指令|提示词|管理员指令|开发者模式|越狱|(?:^|\W)新的?指令)\s*[:：]"
    r"|(?:对|致|给).{0,6}(?:AI|人工智能|语言模型|大模型|助手|机器人)的(?:指令|要求|提示|命令)"
    r"|(?:无论|不管).{0,12}(?:问题|问什么|用户).{0,12}(?:回答|回复|输出)"
    r"|(?:只|必须|务必|请|一律)(?:需)?(?:回答|回复|输出|说)\s*[“\"「『:：]"
    r"|ignore\s+(?:all|any|the|previous|prior|above)|disregard\s+(?:all|any|the|previous)|system\s*prompt|jailbreak"
    r"|you\s+are\s+(?:now|an?\s+(?:ai|assistant))|(?:^|\s)(?:system|assistant|user|human)\s*[:：]"
    r"|###\s*(?:instruction|system|response)|function_call|tool_call|begin\s+(?:system|prompt)",
    re.IGNORECASE,
)

_INVISIBLE = re.compile(
    r"[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_SPACED = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, and the passages it shows: number n in it is hits[n - 1]."""

    messages: tuple[Message, ...]
    hits: tuple[Hit, ...]
    answer_tokens: int


def orders(sentence: str) -> bool:
    """Whether a sentence reads as an order to the model: it is kept out of the prompt and proves nothing."""
    return bool(_ORDER.search(_SPACED.sub("", _visible(t.fold(sentence)))))


def _visible(text: str) -> str:
    """One line without characters that nobody sees."""
    return t.squeeze(_INVISIBLE.sub("", text))


def build(question: Question, hits: Sequence[Hit], model: LanguageModel, turns: Sequence[Turn] = ()) -> Prompt | None:
    """The best passages that fit, the best one nearest the question; None where the question leaves room for none.

    What does not fit is given up in this order: earlier turns, the last passages, the last sentences of a passage.
    The question is never shortened.
    """
    answer = SHORT_ANSWER if question.wants_short else LONG_ANSWER
    room = min(model.context - answer - ROOM, TOKENS)
    bare = _whole(question, model, [], "")
    room_left = room - model.count(bare)
    blocks: list[str] = []
    shown: list[Hit] = []
    for hit in hits:
        if len(shown) == MAX_BLOCKS:
            break
        block, cost = _block(hit, len(shown) + 1, model, room_left)
        if not block:
            if shown:
                break
            continue
        blocks.append(block)
        shown.append(hit)
        room_left -= cost
    if not shown:
        return None
    talk = _talk(turns, model, room_left)
    whole = _whole(question, model, blocks, talk)
    return Prompt((Message("user", whole),), tuple(shown), answer)


def _whole(question: Question, model: LanguageModel, blocks: Sequence[str], talk: str) -> str:
    return WHOLE.format(
        ask=ASK,
        form=FORM[question.wants_short],
        evidence="\n\n".join(reversed(blocks)),
        talk=talk,
        question=model.neutral(_visible(question.text)),
    )


def _block(hit: Hit, n: int, model: LanguageModel, room: int) -> tuple[str, int]:
    """A passage under its number, title, date and page, cut at a sentence to what fits, and its tokens."""
    about = [
        part
        for part in (
            f"《{_visible(hit.title)}》" if hit.title else "",
            hit.date or "",
            f"第{_visible(hit.page)}版" if hit.page else "",
        )
        if part
    ]
    head = f"[{n}] " + model.neutral(" ".join(about))
    parts = [hit.text[a:b] for a, b in t.sentences(hit.text)]
    sentences = [model.neutral(_visible(part)) for part in parts if not orders(part)]
    if orders(head):
        head = f"[{n}]"
    while sentences:
        block = f"{head}\n{''.join(sentences)}"
        cost = model.count(block) + 2
        if cost <= room:
            return block, cost
        sentences.pop()
    return "", 0


def rewriting(question: str, turns: Sequence[Turn], model: LanguageModel) -> tuple[Message, ...]:
    """What a model is asked that is to make a follow-up whole; () where no turn fits."""
    told = _told(turns, model, TALKED)
    whole = WHOLE_AGAIN.format(turns="\n".join(told), question=model.neutral(_visible(question)))
    return (Message("user", whole),) if told else ()


def _talk(turns: Sequence[Turn], model: LanguageModel, room: int) -> str:
    kept = _told(turns, model, room)
    return TALK.format(turns="\n".join(kept)) if kept else ""


def _told(turns: Sequence[Turn], model: LanguageModel, room: int) -> list[str]:
    """As many of the last turns as fit, answers by their first words."""
    kept: list[str] = []
    for turn in reversed(turns):
        told = model.neutral(f"问：{_visible(turn.question)[:200]} 答：{_visible(turn.answer)[:100]}")
        room -= model.count(told) + 2
        if room < 12:
            break
        kept.insert(0, told)
    return kept
