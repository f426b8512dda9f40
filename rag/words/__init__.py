"""Every word people read, one JSON file a language: `say("errors.empty_question")`.

A new language is one more file beside `zh.json`; a key it lacks is said in Chinese. Traditional Chinese has no file of
its own: it is made from `zh.json` when it is first spoken, so that it always says the same.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from functools import cache
from importlib import resources

TRADITIONAL = "zh-hant"
LANGUAGES = (
    "zh",
    TRADITIONAL,
    *sorted(
        f.name[:-5] for f in resources.files(__package__).iterdir() if f.name.endswith(".json") and f.name != "zh.json"
    ),
)
_language: ContextVar[str] = ContextVar("rag_language", default="zh")


def speak(language: str) -> None:
    """From here on in this thread or task: one of LANGUAGES; anything else is Chinese."""
    _language.set(language if language in LANGUAGES else "zh")


def language() -> str:
    return _language.get()


@cache
def catalogue(name: str) -> dict[str, str]:
    """The whole catalogue of a language, keys flattened with dots."""
    if name == TRADITIONAL:
        return _traditional(catalogue("zh"))
    tree = json.loads(resources.files(__package__).joinpath(f"{name}.json").read_text("utf-8"))
    flat: dict[str, str] = {}

    def walk(node: dict[str, object], path: str) -> None:
        for key, value in node.items():
            here = f"{path}.{key}" if path else key
            if isinstance(value, dict):
                walk(value, here)
            else:
                flat[here] = str(value)

    walk(tree, "")
    return flat


def _traditional(simplified: dict[str, str]) -> dict[str, str]:
    """Character for character and phrase for phrase, no word changed for another; commands in it stay as they are."""
    import opencc

    convert = opencc.OpenCC("s2tw").convert
    return {**{key: convert(words) for key, words in simplified.items()}, "language": "繁體"}


def tag(language: str) -> str:
    """As HTML wants it."""
    return {"zh": "zh-CN", TRADITIONAL: "zh-Hant"}.get(language, language)


def say(key: str, lang: str | None = None, /, **fields: object) -> str:
    """The words for a key in the current language, `{fields}` filled in. KeyError: no such key."""
    words = catalogue(lang or language()).get(key)
    if words is None:
        words = catalogue("zh")[key]
    return words.format(**fields) if fields else words
