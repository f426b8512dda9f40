"""The chat in the browser: a library comes in, a page on this machine goes out.

`serve` answers until Ctrl+C; `build` makes the page alone, for tests and for mounting elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rag.settings import DEFAULT_HOST, DEFAULT_PORT

if TYPE_CHECKING:
    from rag.library import Library


def serve(
    library: Library,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    auth: bool = False,
    frames: Sequence[str] = (),
) -> None:
    """Serves the chat until it is interrupted. `auth`: to people with an account alone. `frames`: sites whose pages
    may hold the question box. Errors: PortTaken, NoPermission, BadSetting (no such host, no such origin)."""
    from rag.chat.server import run

    run(library, host, port, auth=auth, frames=frames)


def build(library: Library, *, language: str = "zh", staff: bool = True) -> Any:
    """The page as `gradio.Blocks`. `staff`: with the tab that changes the library."""
    from rag.chat.page import build as page

    return page(library, language=language, staff=staff)
