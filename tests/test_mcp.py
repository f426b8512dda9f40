"""Agents ask the library by the SDK's own client: over standard input and output, and at the server's /mcp."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from serving import served

import rag

mcp = pytest.importorskip("mcp")
ROOT = Path(__file__).resolve().parent.parent
ASKED = "青岭县气象站有多少名职工？"
TEXT = "# 青岭县气象站建成投用\n\n青岭县气象站有12名职工，每天发布两次天气预报。站长李明说，明年还要再添一套设备。\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mcp")
    (made / "青岭日报-20250305.txt").write_text(TEXT, "utf-8")
    with rag.open(made / "library") as library:
        library.add([made / "青岭日报-20250305.txt"])
    return made / "library"


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with rag.open(folder) as library, served(library, tmp_path_factory.mktemp("uploads")) as here:
        yield here


@asynccontextmanager
async def connected(way: str, folder: Path, address: str) -> AsyncIterator[Any]:
    from mcp.client.stdio import StdioServerParameters

    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "rag", "mcp", "--library", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    async with mcp.Client(program if way == "stdio" else f"{address}mcp") as client:
        yield client


def given(result: Any) -> dict[str, Any]:
    """What a tool returned."""
    assert not result.is_error, result.content
    return dict(result.structured_content)


@pytest.mark.parametrize("way", ["stdio", "http"])
def test_an_agent_finds_asks_and_reads(way: str, folder: Path, address: str) -> None:
    async def visit() -> None:
        async with connected(way, folder, address) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert set(tools) == {"search", "ask", "read_article"}
            assert all(tool.description for tool in tools.values())
            (hit,) = given(await client.call_tool("search", {"question": ASKED, "k": 3}))["hits"]
            reply = given(await client.call_tool("ask", {"question": ASKED}))
            assert "12名职工" in reply["answer"]
            (cited,) = reply["citations"]
            article = given(await client.call_tool("read_article", {"article_id": hit["article_id"]}))
            assert article["text"][cited["start"] : cited["end"]] == cited["quote"]
            assert article["reference"] == "青岭县气象站建成投用[N]. 青岭日报-20250305.txt."
            filtered = given(await client.call_tool("ask", {"question": ASKED, "source": ["别的.txt"]}))
            assert filtered["refused"]
            for tool, wrong in (
                ("read_article", {"article_id": "nothing"}),
                ("search", {"question": "  "}),
                ("ask", {}),
            ):
                result = await client.call_tool(tool, wrong)
                assert result.is_error
                assert "Traceback" not in result.content[0].text

    asyncio.run(visit())
