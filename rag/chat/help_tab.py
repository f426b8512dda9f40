"""The tab where editors answer what the library lacks: what stands in it, and which event goes to `Helping`.

No `from __future__ import annotations`: Gradio finds `EventData` parameters by their evaluated annotations.
"""

from typing import Any

from rag.chat.blocks import AT_HAND, detail, gr, html
from rag.chat.helping import Helping, Place

# As the page's own bridge: desk.js sends ragDesk("go", {…}) and ragDesk("act", {…}).
BRIDGE = """
window.ragDesk = (name, detail) => trigger(name, detail || {});
/* 'go' 'act' */
"""


def parts() -> dict[str, Any]:
    stands: dict[str, Any] = {}
    with gr.Column(elem_id="help"):
        stands["head"] = html(elem_id="help-head")
        stands["told"] = html(elem_id="help-told")
        stands["body"] = html(elem_id="help-body")
    stands["bridge"] = gr.HTML("", elem_id="help-bridge", apply_default_css=False, js_on_load=BRIDGE)
    stands["place"] = gr.State(Place())
    return stands


def wire(helping: Helping, stands: dict[str, Any], tab: Any) -> None:
    head, told, body, place = (stands[name] for name in ("head", "told", "body", "place"))

    def shown(where: Place, words: str = "") -> dict[Any, Any]:
        of_head, of_body = helping.shown(where)
        return {head: of_head, body: of_body, told: words, place: where}

    def arrive(where: Place) -> dict[Any, Any]:
        return shown(Place(where.part))

    def go(where: Place, event: gr.EventData) -> dict[Any, Any]:
        return shown(helping.at(where, detail(event)))

    def act(where: Place, event: gr.EventData) -> dict[Any, Any]:
        words, there = helping.do(where, detail(event))
        return {told: words} if there is None else shown(there, words)

    everything = [head, told, body, place]
    tab.select(arrive, place, everything, **AT_HAND)
    stands["bridge"].go(go, place, everything, trigger_mode="always_last", **AT_HAND)
    stands["bridge"].act(act, place, everything, **AT_HAND)
