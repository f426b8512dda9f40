"""The tab where editors settle things: what stands in it, and which event goes to which method of `Housekeeping`.

No `from __future__ import annotations`: Gradio finds `EventData` and `Request` parameters by their evaluated annotations.
"""

from typing import Any

from rag.api import caller
from rag.chat import machine_cards
from rag.chat.blocks import AT_HAND, detail, gr, html
from rag.chat.housekeeping import Housekeeping
from rag.chat.machine import Machine
from rag.chat.markup import Say, el, raw
from rag.chat.markup import settings as markup

# A button of a table names its event in data-do; one with data-sure is pressed twice.
PRESSED = """
element.addEventListener("click", (event) => {
  const pressed = event.target.closest("button[data-do]");
  if (!pressed) return;
  if (pressed.dataset.sure && !pressed.classList.contains("sure")) {
    pressed.classList.add("sure");
    pressed.querySelector("span").textContent = pressed.dataset.sure;
    return;
  }
  trigger(pressed.dataset.do, {...pressed.dataset});
});
"""  # the names of its events stand behind it in a comment: Gradio reads them there
SELECTED = 'element.addEventListener("focusin", (event) => { if (event.target.select) event.target.select(); });'
KEEPING = """
const file = element.querySelector("#backup-file"), sure = element.querySelector("[data-do=restore]");
const told = element.querySelector(".sending");
file.addEventListener("change", () => {
  sure.hidden = !file.files.length;
  told.textContent = file.files.length ? file.files[0].name : "";
});
sure.addEventListener("click", async () => {
  sure.disabled = true;
  told.textContent = told.dataset.sending;
  try {
    const answer = await fetch("api/restore", {method: "POST", body: file.files[0]});
    if (answer.ok) {
      told.textContent = told.dataset.done;
      setTimeout(() => location.reload(), 1500);
      return;
    }
    told.textContent = (await answer.json()).error.message;
  } catch (failed) { told.textContent = told.dataset.failed; }
  sure.disabled = false;
});
"""


def parts(words: Say) -> dict[str, Any]:
    stands: dict[str, Any] = {}

    def field(name: str, label: str, **more: Any) -> None:
        more = {"lines": 1, "max_lines": 1, **more}
        stands[name] = gr.Textbox(label=words(f"settings.{label}"), min_width=120, **more)

    with gr.Row(elem_id="settings"):
        title = raw(el("h2", words("settings.title")), el("p", words("settings.told")))
        html(el("div", title, css="ttl"), elem_id="settings-head")
        with gr.Column(elem_classes="half"):
            stands |= machine_cards.models(words, PRESSED)
            with gr.Column(elem_classes=["card", "sec"]):
                html(markup.section(words("settings.people"), words("settings.people_told")))
                stands["people"] = html(elem_id="people", js_on_load=PRESSED + "/* 'role' 'leave' */")
                stands["people_told"] = html()
                with gr.Row(elem_classes="fields"):
                    field("name", "name", max_length=80)
                    field("password", "password", type="password", max_length=500)
                    roles = [(words(f"people.{role}"), role) for role in ("reader", "editor")]
                    stands["role"] = gr.Radio(roles, value="reader", label=words("settings.role"), min_width=120)
                with gr.Row(elem_classes="row"):
                    stands["add"] = gr.Button(words("settings.add"), elem_id="add-person", elem_classes="btn pri")
                    stands["change"] = gr.Button(words("settings.new_password"), elem_classes="btn")
            with gr.Column(elem_classes=["card", "sec"]):
                html(markup.section(words("settings.keys"), words("settings.keys_told")))
                stands["keys"] = html(elem_id="keys", js_on_load=PRESSED + "/* 'revoke' */")
                stands["key_told"] = html(elem_id="key-told", js_on_load=SELECTED)
                with gr.Row(elem_classes="fields"):
                    field("label", "label", max_length=80)
                    stands["owner"] = gr.Dropdown([], label=words("settings.owner"), min_width=120)
                with gr.Row(elem_classes="row"):
                    stands["add_key"] = gr.Button(words("settings.add_key"), elem_id="add-key", elem_classes="btn pri")
        with gr.Column(elem_classes="half"):
            with gr.Column(elem_classes=["card", "sec"]):
                html(markup.section(words("settings.try"), words("settings.try_told")))
                field("question", "question", elem_id="try", placeholder=words("settings.try_hint"))
                stands["verdict"] = html(elem_id="verdict")
                stands["found"] = html(elem_id="tried")
            stands |= machine_cards.line(words, PRESSED)
            with gr.Column(elem_classes=["card", "sec"]):
                html(markup.keeping(words), elem_id="keeping", js_on_load=KEEPING)
    return stands


def wire(house: Housekeeping, machine: Machine, stands: dict[str, Any], tab: Any) -> None:
    machine_cards.wire(machine, stands, tab)
    people, told, keys, key_told = stands["people"], stands["people_told"], stands["keys"], stands["key_told"]
    name, password, owner = stands["name"], stands["password"], stands["owner"]

    def who(request: gr.Request) -> caller.Caller:
        return caller.of(request.request.scope)

    def shown(request: gr.Request) -> dict[Any, Any]:
        """The lists as they are now."""
        names, me = house.names(), who(request).person
        chosen = me if me in names else next(iter(names), None)
        return {people: house.people(who(request)), keys: house.keys(), owner: gr.update(choices=names, value=chosen)}

    def arrive(request: gr.Request) -> dict[Any, Any]:
        return {told: "", key_told: "", password: "", **shown(request)}

    def add(name_: str, password_: str, role: str, request: gr.Request) -> dict[Any, Any]:
        outcome, there = house.add(name_ or "", password_ or "", role)
        return {told: outcome, **({name: "", password: ""} if there else {}), **shown(request)}

    def change(name_: str, password_: str) -> dict[Any, Any]:
        outcome, there = house.set_password(name_, password_ or "")
        return {told: outcome, **({name: "", password: ""} if there else {})}

    def set_role(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        sent = detail(event)
        return {told: house.set_role(who(request), sent.get("name"), sent.get("role")), **shown(request)}

    def leave(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return {told: house.remove(who(request), detail(event).get("name")), **shown(request)}

    def add_key(label: str, owner_: str) -> dict[Any, Any]:
        return {key_told: house.add_key(owner_, label or ""), keys: house.keys(), stands["label"]: ""}

    def revoke(event: gr.EventData) -> dict[Any, Any]:
        return {key_told: house.revoke(detail(event).get("key")), keys: house.keys()}

    lists = [people, keys, owner]
    tab.select(arrive, None, [told, key_told, password, *lists], **AT_HAND)
    stands["add"].click(add, [name, password, stands["role"]], [told, name, password, *lists], **AT_HAND)
    stands["change"].click(change, [name, password], [told, name, password], **AT_HAND)
    people.role(set_role, None, [told, *lists], **AT_HAND)
    people.leave(leave, None, [told, *lists], **AT_HAND)
    stands["add_key"].click(add_key, [stands["label"], owner], [key_told, keys, stands["label"]], **AT_HAND)
    keys.revoke(revoke, None, [key_told, keys], **AT_HAND)

    def tried(question: str) -> tuple[str, str]:
        return house.found(question), machine.verdict(question)

    stands["question"].submit(tried, stands["question"], [stands["found"], stands["verdict"]], **AT_HAND)
