"""The tab where staff look after the library: what stands in it, and which event goes to which method of `Desk`.

No `from __future__ import annotations`: Gradio finds `EventData` parameters by their evaluated annotations.
"""

from collections.abc import Iterator
from typing import Any

from rag.chat.blocks import AT_HAND, detail, gr, html
from rag.chat.conversation import Trouble
from rag.chat.desk import ROWS, Desk
from rag.chat.markup import Say
from rag.chat.markup import library as shelves
from rag.chat.markup.troubles import trouble_card
from rag.errors import Error

# As the page's own bridge: desk.js sends ragShelf("correct", {…}) and ragShelf("health", {…}).
BRIDGE = """
window.ragShelf = (name, detail) => trigger(name, detail || {});
/* 'correct' 'health' */
"""


def parts(words: Say) -> dict[str, Any]:
    stands: dict[str, Any] = {}
    with gr.Row(elem_id="desk"):
        with gr.Column(elem_id="desk-left"):
            stands["head"] = html(elem_id="desk-head")
            html(shelves.drop_zone(words), elem_id="drop", js_on_load="window.rag.dropZone(element, upload);")
            stands["outcome"] = html(elem_id="outcome")
            stands["search"] = gr.Textbox(
                lines=1,
                max_lines=1,
                label=words("chat.lib.search"),
                elem_id="find",
                placeholder=words("chat.lib.search_hint"),
            )
            stands["list"] = html(elem_id="list")
            stands["overview"] = html(elem_id="overview")
        stands["preview"] = html(elem_id="preview")
    stands["bridge"] = gr.HTML("", elem_id="shelf-bridge", apply_default_css=False, js_on_load=BRIDGE)
    stands["rows"], stands["chosen"] = gr.State(ROWS), gr.State("")
    stands["clock"] = gr.Timer(3, active=False)
    return stands


def wire(desk: Desk, shelf: dict[str, Any], bridge: Any, tab: Any) -> None:
    search, rows, chosen, clock = shelf["search"], shelf["rows"], shelf["chosen"], shelf["clock"]

    def arrive(title: str, chosen_id: str) -> dict[Any, Any]:
        try:
            return shown_now(title, chosen_id)
        except Error as error:
            return {shelf["head"]: trouble_card(desk.say, Trouble.of(error), last=False)}

    def shown_now(title: str, chosen_id: str) -> dict[Any, Any]:
        """The tab as it is when it is opened: the newest article beside the list, unless one was chosen."""
        article = desk.article(chosen_id) if chosen_id else next(iter(desk.library.newest(1)), None)
        shown = article.article_id if article else ""
        return {
            shelf["head"]: desk.head(),
            rows: ROWS,
            shelf["list"]: desk.shelf(title, ROWS, shown),
            chosen: shown,
            shelf["preview"]: desk.preview(article),
            shelf["overview"]: desk.overview(),
            clock: gr.Timer(active=desk.behind()),
        }

    def found(title: str, chosen_id: str) -> dict[Any, Any]:
        return {rows: ROWS, shelf["list"]: desk.shelf(title, ROWS, chosen_id)}

    def more(title: str, so_many: int, chosen_id: str) -> dict[Any, Any]:
        return {rows: so_many + ROWS, shelf["list"]: desk.shelf(title, so_many + ROWS, chosen_id)}

    def choose(title: str, so_many: int, event: gr.EventData) -> dict[Any, Any]:
        article = desk.article(detail(event).get("article"))
        shown = article.article_id if article else ""
        return {
            shelf["preview"]: desk.preview(article),
            chosen: shown,
            shelf["list"]: desk.shelf(title, so_many, shown),
        }

    def add(title: str, event: gr.EventData) -> Iterator[dict[Any, Any]]:
        for outcome in desk.add(detail(event).get("files")):
            yield {shelf["outcome"]: outcome}
        yield arrive(title, "")

    def remove(title: str, event: gr.EventData) -> dict[Any, Any]:
        outcome = desk.remove(detail(event).get("article"))
        return {shelf["outcome"]: outcome, **arrive(title, "")}

    def correct(title: str, so_many: int, event: gr.EventData) -> dict[Any, Any]:
        told = detail(event)
        if told.get("does") in ("form", "shown"):
            return {shelf["preview"]: desk.preview(desk.article(told.get("article")), told.get("does") == "form")}
        outcome, article = desk.correct(told)
        if article is None:
            return {shelf["outcome"]: outcome}
        shown = article.article_id
        return {
            shelf["outcome"]: outcome,
            shelf["preview"]: desk.preview(article),
            chosen: shown,
            shelf["list"]: desk.shelf(title, so_many, shown),
            clock: gr.Timer(active=desk.behind()),
        }

    def health(event: gr.EventData) -> Iterator[dict[Any, Any]]:
        yield {shelf["outcome"]: desk.checking()}
        yield {shelf["outcome"]: desk.check(detail(event).get("does") == "repair")}

    def tick() -> tuple[str, Any]:
        return desk.head(), gr.Timer(active=desk.behind())

    everything = [*(shelf[n] for n in ("head", "outcome", "list", "preview", "overview")), rows, chosen, clock]
    bridge.given(add, search, everything, show_progress="hidden", api_visibility="private", concurrency_limit=1)
    bridge.remove(remove, search, everything, show_progress="hidden", api_visibility="private", concurrency_limit=1)
    own = shelf["bridge"]
    own.correct(correct, [search, rows], everything, **AT_HAND)
    own.health(health, None, shelf["outcome"], show_progress="hidden", api_visibility="private", concurrency_limit=1)
    bridge.choose(choose, [search, rows], everything, trigger_mode="always_last", **AT_HAND)
    bridge.more(more, [search, rows, chosen], everything, **AT_HAND)
    search.change(found, [search, chosen], everything, trigger_mode="always_last", **AT_HAND)
    tab.select(arrive, [search, chosen], everything, **AT_HAND)
    clock.tick(tick, None, [shelf["head"], clock], **AT_HAND)
