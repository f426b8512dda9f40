"""The chat of a library, served on a free port of this machine while a `with` block lasts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rag.chat import server, tongues

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def built(library: Any, uploads: Path, **more: Any) -> Any:
    """The application, made inside a loop: outside of one Gradio opens loops that nobody closes."""

    async def make() -> Any:
        return tongues.in_all_languages(server.application, library, uploads=uploads, **more)

    with ThreadPoolExecutor(1) as aside:  # a browser's test has a loop of its own in this thread
        return aside.submit(lambda: asyncio.run(make())).result()


@contextmanager
def served(library: Any, uploads: Path, **more: Any) -> Iterator[str]:
    """Its address, "http://127.0.0.1:PORT/". `uploads`: where the server puts files that are sent.
    `more`: as `server.application` takes it."""
    import uvicorn

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        application = built(library, uploads, **more)
        listening = server.listen("127.0.0.1", 0)
        chat = uvicorn.Server(uvicorn.Config(application, log_level="error", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=chat.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            chat.should_exit = True
            thread.join(10)
            listening.close()
