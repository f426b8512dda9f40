"""The page as Gradio blocks: which part stands where, and which event goes to which method of `Reader` and `Desk`.

Imported only when a page is built, because Gradio takes seconds to load. No `from __future__ import annotations`
here: Gradio finds `EventData` and `Request` parameters by their evaluated annotations.
"""
import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.chat import reader as reading
from rag.chat.background import Background
from rag.chat.conversation import Kept
from rag.chat.desk import ROWS, Desk
from rag.chat.markup import Say, el, pages
from rag.chat.markup import library as shelves
from rag.chat.reader import Reader, Runs
from rag.library import Library
from rag.types import Filter
from rag.words import catalogue, say

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"    # read while gradio is imported: no request leaves the host
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"   # else a table of all events is made after each event


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

MOST_SOURCES = 300      # offered in the filter; others can be typed
AT_ONCE = 8             # answers written at the same time; what is not an answer does not wait for them

# One component carries events from the page's script: send("ask", {…}) calls the handler bound to that name.
BRIDGE = """
window.ragSend = (name, detail) => trigger(name, detail || {});
/* 'ask' 'again' 'unfilter' 'open' 'fresh' 'conversation' 'drop' 'given' 'choose' 'more' 'remove' */
"""


def mount(app: Any, page: Any, megabytes: int) -> None:
    """The page at "/" of an application; what was mounted there before comes first."""
    gr.mount_gradio_app(
        app, page, path="/", theme=theme(), footer_links=[], run_history=False, max_file_size=f"{megabytes}mb",
        ssr_mode=False, mcp_server=False, pwa=False, enable_monitoring=False, show_error=False, allowed_paths=[],
        app_kwargs={"docs_url": None, "redoc_url": None})


def theme() -> Any:
    """Plain, with fonts of the reader's own machine: chat.css says how everything looks."""
    sans = ("PingFang SC", "HarmonyOS Sans SC", "Microsoft YaHei", "Noto Sans CJK SC", "system-ui", "sans-serif")
    return gr.themes.Base(font=[gr.themes.Font(f) for f in sans], font_mono=[gr.themes.Font("monospace")])


def html(value: str = "", **more: Any) -> Any:
    """Markup that `rag.chat.markup` made, without Gradio's styles for text."""
    return gr.HTML(value, apply_default_css=False, js_on_load=more.pop("js_on_load", None), **more)


def build(library: Library, *, language: str = "zh", staff: bool = True, background: Background | None = None,
          uploads: Path | None = None) -> Any:
    """The page as `gr.Blocks`. `staff`: with the tab that changes the library."""
    def words(key: str, /, **fields: object) -> str:
        return say(key, language, **fields)

    reader, runs = Reader(library, words), Runs()
    with gr.Blocks(title=words("chat.title"), fill_width=True, fill_height=True, analytics_enabled=False,
                   delete_cache=(3600, 86400)) as page:
        # The browser keeps the conversations; the key is no secret from the reader's own machine.
        kept = gr.BrowserState({}, storage_key="rag.conversations", secret="rag")
        with gr.Column(elem_id="rag"):
            spoken = "zh-CN" if language == "zh" else language
            html(pages.header(words, spoken, _script_words(language)), elem_id="bar")
            with gr.Tabs(elem_id="tabs", elem_classes=[] if staff else ["alone"]):
                with gr.Tab(words("chat.tab_ask"), id="ask") as asking:
                    chat = _chat(words)
                if staff:
                    with gr.Tab(words("chat.tab_library"), id="library") as looking:
                        shelf = _shelf(words)
            live = html(elem_id="live")
            bridge = gr.HTML("", elem_id="bridge", apply_default_css=False, js_on_load=BRIDGE)
        _wire_chat(page, asking, reader, runs, chat, kept, live, bridge)
        if staff:
            desk = Desk(library, words, uploads or Path(gr.utils.get_upload_folder()), background)
            _wire_shelf(desk, shelf, bridge, looking)
    page.queue(default_concurrency_limit=AT_ONCE, max_size=200)
    return page


def _script_words(language: str) -> dict[str, str]:
    """The words that the page's script says; it fills in their {fields} itself."""
    own = catalogue(language)
    return {key.removeprefix("chat.js."): own.get(key, words) for key, words in catalogue("zh").items()
            if key.startswith("chat.js.")}


# ---------------------------------------------------------------- what stands where

def _chat(words: Say) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Row(elem_id="chat"):
        parts["drawer"] = html(elem_id="drawer")
        with gr.Column(elem_id="col"):
            with gr.Column(elem_id="thread"):
                parts["greeting"] = html(elem_id="greeting")
                parts["log"] = gr.Chatbot(
                    elem_id="log", layout="bubble", buttons=[], feedback_options=None, show_label=False,
                    container=False, allow_tags=False, latex_delimiters=[], line_breaks=False,
                    group_consecutive_messages=False,
                    height=None, autoscroll=False, label=words("chat.js.log"))
                # The exchange that is being written stands apart: at each step Gradio copies the whole value of every
                # component that the running event puts out, and a thread of 60 exchanges among them could not keep up.
                parts["now"] = html(elem_id="now")
            with gr.Column(elem_id="dock"):
                parts["box"] = gr.Textbox(
                    elem_id="box", lines=1, max_lines=5, label=words("chat.label"), show_label=False, container=False,
                    placeholder=words("chat.ask"), submit_btn=words("chat.send"), stop_btn=False)
                unfiltered = reading.filter_label(words, Filter(), "", "")
                with gr.Accordion(unfiltered, open=False, elem_id="filters") as parts["filters"], gr.Row():
                    parts["columns"] = gr.Dropdown([], multiselect=True, label=words("chat.column"), min_width=120)
                    parts["sources"] = gr.Dropdown([], multiselect=True, label=words("chat.source_of"), min_width=120,
                                                   allow_custom_value=True)
                    for name in ("since", "until"):
                        parts[name] = gr.Textbox(lines=1, max_lines=1, label=words(f"chat.{name}"), min_width=90,
                                                 placeholder=words("chat.date_hint"))
                    parts["clear"] = gr.Button(words("chat.unfilter"), elem_id="unfilter", min_width=60)
                html(el("p", words("chat.note"), css="note"), elem_id="note")
        parts["side"] = html(elem_id="side", js_on_load="watch('value', () => window.rag && window.rag.opened());")
    return parts


def _shelf(words: Say) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Row(elem_id="desk"):
        with gr.Column(elem_id="desk-left"):
            parts["head"] = html(elem_id="desk-head")
            html(shelves.drop_zone(words), elem_id="drop", js_on_load="window.rag.dropZone(element, upload);")
            parts["outcome"] = html(elem_id="outcome")
            parts["search"] = gr.Textbox(lines=1, max_lines=1, label=words("chat.lib.search"), elem_id="find",
                                         placeholder=words("chat.lib.search_hint"))
            parts["list"] = html(elem_id="list")
        parts["preview"] = html(elem_id="preview")
    parts["rows"], parts["chosen"] = gr.State(ROWS), gr.State("")
    parts["clock"] = gr.Timer(3, active=False)
    return parts


# ---------------------------------------------------------------- which event goes where

# Events that answer at once go beside the queue, so that they never wait for an answer that is being written.
AT_HAND: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
IN_TURN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": AT_ONCE}


def _wire_chat(page: Any, tab: Any, reader: Reader, runs: Runs, chat: dict[str, Any], kept: Any, live: Any,
               bridge: Any) -> None:
    words, box, log = reader.say, chat["box"], chat["log"]
    asked_with = [kept, chat["columns"], chat["sources"], chat["since"], chat["until"]]
    done = gr.State(None)       # what the browser is to keep of a finished exchange, between two events
    grows_in = [box, chat["now"], chat["greeting"], done]
    whole_in = [box, log, chat["now"], chat["greeting"], chat["drawer"], kept]

    def composer(busy: bool, placeholder: str, **more: Any) -> Any:
        return gr.update(submit_btn=not busy and words("chat.send"), stop_btn=busy and words("chat.stop"),
                         placeholder=words(f"chat.{placeholder}"), **more)

    def greeting() -> str:
        library = reader.library
        return pages.greeting(words, library.state(), library.examples(4), library.newest(3))

    def drawer(now: Kept) -> str:
        return pages.conversations(words, now.current, now.others)

    def rest(now: Kept) -> str:
        return "ask_more" if now.current.exchanges else "ask"

    def whole(now: Kept, saved: Any) -> dict[Any, Any]:
        """Everything that shows a conversation; `saved`: what the browser keeps of it, or gr.skip()."""
        return {box: composer(False, rest(now)), log: reader.messages(now), chat["now"]: "", kept: saved,
                chat["greeting"]: "" if now.current.exchanges else greeting(), chat["drawer"]: drawer(now)}

    def asking(question: str, now: Kept, only: Any, run_of: str, engine: str | None = None) -> Iterator[dict[Any, Any]]:
        question = question.strip()
        stop = runs.begin(run_of) if question else None
        if stop is None:
            yield {done: None}
            return
        try:
            begun = {box: composer(True, "ask_meanwhile", value=""), chat["greeting"]: "", done: None}
            for step in reader.ask(question, now, only, stop, engine):
                yield {chat["now"]: step.card, **begun, **({done: (step.kept, step.exchange)} if step.kept else {})}
                begun = {}
        finally:
            runs.end(run_of)

    def settle(finished: Any) -> dict[Any, Any]:
        """The finished exchange moves into the thread, the browser keeps it, a screen reader says so."""
        if finished is None:
            return {done: None}
        now, exchange = finished
        refused = exchange.reply is not None and exchange.reply.refused
        return {**whole(now, now.to_json()), box: composer(False, "ask_again" if refused else "ask_more"),
                live: reader.announcement(exchange), done: None}

    def ask(question: str, saved: Any, columns: Any, sources: Any, since: Any, until: Any,
            request: gr.Request) -> Iterator[dict[Any, Any]]:
        only = reading.filter_of(columns, sources, since, until)
        yield from asking(question or "", Kept.from_json(saved), only, _page(request))

    def ask_this(saved: Any, columns: Any, sources: Any, since: Any, until: Any,
                 event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
        yield from ask(str(_detail(event).get("question") or ""), saved, columns, sources, since, until, request)

    def ask_again(saved: Any, event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
        now = Kept.from_json(saved)
        if not now.current.exchanges:
            yield {done: None}
            return
        last = now.current.exchanges[-1]
        only = Filter() if _detail(event).get("unfiltered") else last.only
        engine = "builtin" if _detail(event).get("engine") == "builtin" else None
        yield from asking(last.question, now.with_current(now.current.without_last()), only, _page(request), engine)

    def load(saved: Any) -> dict[Any, Any]:
        return {**whole(Kept.from_json(saved), gr.skip()), **choices()}

    def come_back(saved: Any) -> dict[Any, Any]:
        """From the library's tab, where articles may have come and gone."""
        now = Kept.from_json(saved)
        return {chat["greeting"]: "" if now.current.exchanges else greeting(), **choices()}

    def choices() -> dict[Any, Any]:
        state = reader.library.state()
        return {chat["columns"]: gr.update(choices=list(state.columns)),
                chat["sources"]: gr.update(choices=list(state.sources[-MOST_SOURCES:]))}

    def change(how: str, saved: Any, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        runs.stop(_page(request))
        key = _detail(event).get("key")
        before = Kept.from_json(saved)
        now = before.fresh() if how == "fresh" else before.opened(key) if how == "opened" else before.dropped(key)
        return whole(now, now.to_json())

    def fresh(saved: Any, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return change("fresh", saved, event, request)

    def opened(saved: Any, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return change("opened", saved, event, request)

    def dropped(saved: Any, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return change("dropped", saved, event, request)

    def source(saved: Any, event: gr.EventData) -> str:
        return reader.open(_detail(event), Kept.from_json(saved))

    def halt(request: gr.Request) -> None:
        runs.stop(_page(request))

    def relabel(columns: Any, sources: Any, since: str, until: str) -> Any:
        only = reading.filter_of(columns, sources, since, until)
        return gr.update(label=reading.filter_label(words, only, since, until), elem_classes=["chosen"] if only else [])

    page.load(load, kept, [*whole_in, chat["columns"], chat["sources"]], **AT_HAND)
    tab.select(come_back, kept, [chat["greeting"], chat["columns"], chat["sources"]], **AT_HAND)
    for event, asked, inputs in ((box.submit, ask, [box, *asked_with]), (bridge.ask, ask_this, asked_with),
                                 (bridge.again, ask_again, [kept])):
        event(asked, inputs, grows_in, **IN_TURN).then(settle, done, [*whole_in, live, done], **AT_HAND)
    box.stop(halt, None, None, **AT_HAND)
    page.unload(halt)
    bridge.open(source, kept, chat["side"], trigger_mode="always_last", **AT_HAND)
    for event, change_to in ((bridge.fresh, fresh), (bridge.conversation, opened), (bridge.drop, dropped)):
        event(change_to, kept, whole_in, **AT_HAND)
    filters = [chat["columns"], chat["sources"], chat["since"], chat["until"]]
    gr.on([f.change for f in filters], relabel, filters, chat["filters"], trigger_mode="always_last", **AT_HAND)
    for pressed in (chat["clear"].click, bridge.unfilter):
        pressed(lambda: ([], [], "", ""), None, filters, **AT_HAND)


def _wire_shelf(desk: Desk, shelf: dict[str, Any], bridge: Any, tab: Any) -> None:
    search, rows, chosen, clock = shelf["search"], shelf["rows"], shelf["chosen"], shelf["clock"]

    def arrive(title: str, chosen_id: str) -> dict[Any, Any]:
        """The tab as it is when it is opened: the newest article beside the list, unless one was chosen."""
        article = desk.article(chosen_id) if chosen_id else next(iter(desk.library.newest(1)), None)
        shown = article.article_id if article else ""
        return {shelf["head"]: desk.head(), rows: ROWS, shelf["list"]: desk.shelf(title, ROWS, shown), chosen: shown,
                shelf["preview"]: desk.preview(article), clock: gr.Timer(active=desk.behind())}

    def found(title: str, chosen_id: str) -> dict[Any, Any]:
        return {rows: ROWS, shelf["list"]: desk.shelf(title, ROWS, chosen_id)}

    def more(title: str, so_many: int, chosen_id: str) -> dict[Any, Any]:
        return {rows: so_many + ROWS, shelf["list"]: desk.shelf(title, so_many + ROWS, chosen_id)}

    def choose(title: str, so_many: int, event: gr.EventData) -> dict[Any, Any]:
        article = desk.article(_detail(event).get("article"))
        shown = article.article_id if article else ""
        return {shelf["preview"]: desk.preview(article), chosen: shown,
                shelf["list"]: desk.shelf(title, so_many, shown)}

    def add(title: str, event: gr.EventData) -> Iterator[dict[Any, Any]]:
        for outcome in desk.add(_detail(event).get("files")):
            yield {shelf["outcome"]: outcome}
        yield arrive(title, "")

    def remove(title: str, event: gr.EventData) -> dict[Any, Any]:
        outcome = desk.remove(_detail(event).get("article"))
        return {shelf["outcome"]: outcome, **arrive(title, "")}

    def tick() -> tuple[str, Any]:
        return desk.head(), gr.Timer(active=desk.behind())

    everything = [shelf["head"], shelf["outcome"], shelf["list"], shelf["preview"], rows, chosen, clock]
    bridge.given(add, search, everything, show_progress="hidden", api_visibility="private", concurrency_limit=1)
    bridge.remove(remove, search, everything, show_progress="hidden", api_visibility="private", concurrency_limit=1)
    bridge.choose(choose, [search, rows], everything, trigger_mode="always_last", **AT_HAND)
    bridge.more(more, [search, rows, chosen], everything, **AT_HAND)
    search.change(found, [search, chosen], everything, trigger_mode="always_last", **AT_HAND)
    tab.select(arrive, [search, chosen], everything, **AT_HAND)
    clock.tick(tick, None, [shelf["head"], clock], **AT_HAND)


def _detail(event: gr.EventData) -> dict[str, Any]:
    """What the script sent with an event."""
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}


def _page(request: gr.Request) -> str:
    """One opened page; a browser may have several."""
    return str(getattr(request, "session_hash", "") or "")
