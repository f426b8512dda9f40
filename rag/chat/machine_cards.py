"""The cards of the machine on the settings tab: what stands in them, and which event goes to which method of `Machine`.

No `from __future__ import annotations`: Gradio finds `EventData` parameters by their evaluated annotations.
"""

from typing import Any

from rag.chat.blocks import AT_HAND, detail, gr, html
from rag.chat.machine import HUBS, Machine
from rag.chat.markup import Say
from rag.chat.markup.settings import section

LOOKED = 1.0  # seconds between two looks at an errand


def models(words: Say, pressed: str) -> dict[str, Any]:
    """`pressed`: the script of a card with buttons."""
    stands: dict[str, Any] = {}
    with gr.Column(elem_classes=["card", "sec"]):
        html(section(words("machine.title"), words("machine.told")))
        stands["facts"] = html()
        stands["errand"] = html(elem_id="errand", js_on_load=pressed + "/* 'end' */")
        stands["models"] = html(elem_id="models", js_on_load=pressed + "/* 'pull' 'use' 'discard' */")
        hubs = [(words(f"machine.hub_{name}"), name) for name in HUBS]
        stands["hub"] = gr.Radio(hubs, value=next(iter(HUBS)), label=words("machine.hub"), elem_id="hub")
        html(f'<p class="xs">{words("machine.others")}</p>')
    stands["clock"] = gr.Timer(LOOKED, active=False)
    return stands


def line(words: Say, pressed: str) -> dict[str, Any]:
    with gr.Column(elem_classes=["card", "sec"]):
        html(section(words("machine.line"), words("machine.line_told")))
        return {"lines": html(elem_id="lines", js_on_load=pressed + "/* 'line' */")}


def wire(machine: Machine, stands: dict[str, Any], tab: Any) -> None:
    facts, errand, table, lines = (stands[name] for name in ("facts", "errand", "models", "lines"))
    hub, clock = stands["hub"], stands["clock"]

    def arrive() -> dict[Any, Any]:
        shown, going = machine.errand()
        now = {facts: machine.facts(), table: machine.models(), lines: machine.lines()}
        return {**now, errand: shown, clock: gr.Timer(active=going)}

    def begin(does: str, event: gr.EventData, hub_: str = "") -> dict[Any, Any]:
        trouble = machine.begin(does, detail(event), hub_)
        return {errand: trouble or machine.errand()[0], clock: gr.Timer(active=trouble is None or machine.errand()[1])}

    def pull(hub_: str, event: gr.EventData) -> dict[Any, Any]:
        return begin("pull", event, hub_)

    def use(event: gr.EventData) -> dict[Any, Any]:
        return begin("use", event)

    def discard(event: gr.EventData) -> dict[Any, Any]:
        return begin("discard", event)

    def tick() -> dict[Any, Any]:
        shown, going = machine.errand()
        return {errand: shown} if going else arrive()

    def choose(event: gr.EventData) -> str:
        return machine.choose_line(detail(event).get("line"))

    everything = [facts, errand, table, lines, clock]
    tab.select(arrive, None, everything, **AT_HAND)
    table.pull(pull, hub, [errand, clock], **AT_HAND)
    table.use(use, None, [errand, clock], **AT_HAND)
    table.discard(discard, None, [errand, clock], **AT_HAND)
    errand.end(machine.end, None, None, **AT_HAND)
    clock.tick(tick, None, everything, **AT_HAND)
    lines.line(choose, None, lines, **AT_HAND)
