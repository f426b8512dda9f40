"""Each reader gets the page in the language their browser remembers; a language nobody asked for costs nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rag import settings
from rag.chat.server import origins
from rag.chat.tongues import Tongues, asked_for
from rag.errors import BadSetting
from rag.words import LANGUAGES, TRADITIONAL, catalogue, say


def asking(cookie: str, path: str = "/") -> dict[str, Any]:
    return {"type": "http", "path": path, "headers": [(b"cookie", cookie.encode())]}


@pytest.mark.parametrize(
    ("cookie", "language"),
    [
        ("rag_language=en", "en"),
        ("a=b; rag_language=zh-hant; c=d", "zh-hant"),
        ("rag_language=../../etc", None),
        ("rag_language=xx", None),
        ("not_rag_language=en", None),
        ("", None),
    ],
)
def test_a_browser_remembers_its_language(cookie: str, language: str | None) -> None:
    assert asked_for(asking(cookie)) == language


def test_the_page_is_made_once_a_language_and_ended_with_the_server() -> None:
    told: list[str] = []

    def app(name: str) -> Any:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "lifespan":
                told.append(f"{name} {scope['path']}")
                return
            await receive()
            told.append(f"{name} begins")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            told.append(f"{name} ends")

        return answer

    async def make(language: str) -> Any:
        told.append(f"{language} is made")
        return app(language)

    async def visit() -> None:
        served = Tongues(app("zh"), "zh", make)
        over = asyncio.Event()
        messages = iter(["lifespan.startup"])

        async def receive() -> dict[str, str]:
            if (kind := next(messages, None)) is not None:
                return {"type": kind}
            await over.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Any) -> None:
            pass

        living = asyncio.create_task(served({"type": "lifespan"}, receive, send))
        await asyncio.sleep(0)
        both = [served(asking("rag_language=en"), None, None) for _ in range(2)]
        await asyncio.gather(*both)
        await served(asking("rag_language=en", "/api/ask"), None, None)
        await served(asking("rag_language=zh"), None, None)
        over.set()
        await living

    asyncio.run(visit())
    assert told == ["zh begins", "en is made", "en begins", "en /", "en /", "zh /api/ask", "zh /", "zh ends", "en ends"]


def test_traditional_says_what_simplified_says() -> None:
    assert say("refusals.no_evidence", TRADITIONAL) == "資料庫裡沒有寫到這件事，所以我不回答。"
    assert say("errors.library_damaged.remedy", TRADITIONAL).count("rag check --repair") == 1
    assert len({catalogue(language)["language"] for language in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("asked", "language"),
    [("", "zh"), ("zh_CN.UTF-8", "zh"), ("zh-TW", "zh-hant"), ("zh_Hant_HK", "zh-hant"), ("en_GB.UTF-8", "en")],
)
def test_a_language_is_understood_as_systems_write_it(
    monkeypatch: pytest.MonkeyPatch, asked: str, language: str
) -> None:
    monkeypatch.setenv("RAG_LANG", asked)
    assert settings.load("x").language == language


@pytest.mark.parametrize(
    "given", ["example.org", "https://*", "https://a.org/x", "https://a.org; script-src *", "file://x"]
)
def test_what_is_no_origin_may_hold_nothing(given: str) -> None:
    with pytest.raises(BadSetting):
        origins([given])
    assert origins(["https://a.example.org", "http://10.0.0.5:8080"])
