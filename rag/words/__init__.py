"""Every word people read, one JSON file a language: `say("errors.empty_question")`.

A new language is one more file beside `zh.json`; a key it lacks is said in Chinese.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from functools import cache
from importlib import resources

LANGUAGES = ("zh", "en")
_language: ContextVar[str] = ContextVar("rag_language", default="zh")


def speak(language: str) -> None:
    """From here on in this thread or task: "zh" or "en"; anything else is Chinese."""
    _language.set(language if language in LANGUAGES else "zh")


def language() -> str:
    return _language.get()


@cache
def catalogue(name: str) -> dict[str, str]:
    """The whole catalogue of a language, keys flattened with dots."""
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


def say(key: str, lang: str | None = None, /, **fields: object) -> str:
    """The words for a key in the current language, `{fields}` filled in. KeyError: no such key."""
    words = catalogue(lang or language()).get(key)
    if words is None:
        words = catalogue("zh")[key]
    return words.format(**fields) if fields else words
