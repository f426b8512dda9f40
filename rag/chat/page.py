"""The whole page as Gradio blocks: its bar, its tabs, and the conversation that is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.chat import ask_tab, help_tab, library_tab, settings_tab
from rag.chat.background import Background
from rag.chat.blocks import AT_ONCE, gr, html
from rag.chat.desk import Desk
from rag.chat.helping import Helping
from rag.chat.housekeeping import Housekeeping
from rag.chat.machine import Machine
from rag.chat.markup import pages
from rag.chat.notebook import Notebook
from rag.chat.reader import Reader, Runs
from rag.library import Library
from rag.types import Reply
from rag.words import catalogue, say

# One component carries events from the page's script: send("ask", {…}) calls the handler bound to that name.
BRIDGE = """
window.ragSend = (name, detail) => trigger(name, detail || {});
/* 'ask' 'again' 'unfilter' 'open' 'fresh' 'conversation' 'drop' 'given' 'choose' 'more' 'remove' 'narrow' */
"""


def mount(app: Any, page: Any, megabytes: int) -> None:
    """The page at "/" of an application; what was mounted there before comes first."""
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme(),
        footer_links=[],
        run_history=False,
        max_file_size=f"{megabytes}mb",
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
        allowed_paths=[],
        app_kwargs={"docs_url": None, "redoc_url": None},
    )


def theme() -> Any:
    """Plain, with fonts of the reader's own machine: chat.css says how everything looks."""
    sans = ("PingFang SC", "HarmonyOS Sans SC", "Microsoft YaHei", "Noto Sans CJK SC", "system-ui", "sans-serif")
    return gr.themes.Base(font=[gr.themes.Font(f) for f in sans], font_mono=[gr.themes.Font("monospace")])


def build(
    library: Library,
    *,
    language: str = "zh",
    staff: bool = True,
    background: Background | None = None,
    uploads: Path | None = None,
    told: Callable[[Reply], None] | None = None,
) -> Any:
    """The page as `gr.Blocks`. `staff`: with the tab that changes the library. `told`: is told of every answer."""

    def words(key: str, /, **fields: object) -> str:
        return say(key, language, **fields)

    reader, runs = Reader(library, words, told), Runs()
    with gr.Blocks(
        title=words("chat.title"),
        fill_width=True,
        fill_height=True,
        analytics_enabled=False,
        delete_cache=(3600, 86400),
    ) as page:
        kept = gr.State(None)  # the conversation on this page; the library has it too
        with gr.Column(elem_id="rag"):
            html(pages.header(words, language, _script_words(language)), elem_id="bar")
            with gr.Tabs(elem_id="tabs", elem_classes=[] if staff else ["alone"]):
                with gr.Tab(words("chat.tab_ask"), id="ask") as asking:
                    chat = ask_tab.parts(words)
                if staff:
                    with gr.Tab(words("chat.tab_library"), id="library") as looking:
                        shelf = library_tab.parts(words)
                    with gr.Tab(words("chat.desk.title"), id="help") as answering:
                        help_desk = help_tab.parts()
                    with gr.Tab(words("chat.tab_settings"), id="settings") as settling:
                        settled = settings_tab.parts(words)
            live = html(elem_id="live")
            bridge = gr.HTML("", elem_id="bridge", apply_default_css=False, js_on_load=BRIDGE)
        ask_tab.wire(page, asking, reader, Notebook(library), runs, chat, kept, live, bridge, language)
        if staff:
            desk = Desk(library, words, uploads or Path(gr.utils.get_upload_folder()), background)
            library_tab.wire(desk, shelf, bridge, looking)
            help_tab.wire(Helping(library, words, background), help_desk, answering)
            settings_tab.wire(Housekeeping(library, words), Machine(library, words, background), settled, settling)
    page.queue(default_concurrency_limit=AT_ONCE, max_size=200)
    return page


def _script_words(language: str) -> dict[str, str]:
    """The words that the page's script says; it fills in their {fields} itself."""
    own = catalogue(language)
    return {
        key.removeprefix("chat.js."): own.get(key, words)
        for key, words in catalogue("zh").items()
        if key.startswith("chat.js.")
    }
