"""Gradio as this page uses it: loaded quietly, events beside the queue or in it, markup of our own.

Imported only when a page is built, because Gradio takes seconds to load.
"""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rag.api import caller

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read while gradio is imported: no request leaves the host
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"  # else a table of all events is made after each event


@contextmanager
def without_stubs() -> Iterator[None]:
    """At each import Gradio compares its components with type stubs beside them, for people who write components:
    1.4 of its 3.5 s. It leaves that out for classes that stand in no file."""
    find = inspect.getfile

    def find_no_class(object: Any) -> str:
        if isinstance(object, type):
            raise OSError
        return find(object)

    inspect.getfile = find_no_class
    try:
        yield
    finally:
        inspect.getfile = find


with without_stubs():
    import gradio as gr

__all__ = ["AT_HAND", "AT_ONCE", "IN_TURN", "detail", "gr", "html", "opened_page", "owner", "person"]

AT_ONCE = 8  # answers written at the same time; what is not an answer does not wait for them

# Events that answer at once go beside the queue, so that they never wait for an answer that is being written.
AT_HAND: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
IN_TURN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": AT_ONCE}


def html(value: str = "", **more: Any) -> Any:
    """Markup that `rag.chat.markup` made, without Gradio's styles for text."""
    return gr.HTML(value, apply_default_css=False, js_on_load=more.pop("js_on_load", None), **more)


def detail(event: gr.EventData) -> dict[str, Any]:
    """What the script sent with an event."""
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}


def opened_page(request: gr.Request) -> str:
    """One opened page; a browser may have several."""
    return str(getattr(request, "session_hash", "") or "")


def owner(request: gr.Request) -> str:
    """Whose conversations this browser sees, as the server's gate found out."""
    return caller.of(request.request.scope).name


def person(request: gr.Request) -> str:
    """The name that this browser signed in with, "" where nobody does."""
    return caller.of(request.request.scope).person
