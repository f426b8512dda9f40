"""The tab where readers ask: what stands in it, and which event goes to which method of `Reader`.

No `from __future__ import annotations`: Gradio finds `EventData` and `Request` parameters by their evaluated annotations.
"""

from collections.abc import Iterator
from typing import Any

from rag.chat import reader as reading
from rag.chat.blocks import AT_HAND, IN_TURN, detail, gr, html, opened_page, owner, person
from rag.chat.conversation import Conversation, Exchange, Trouble
from rag.chat.markup import Say, el, pages, raw
from rag.chat.markup.feedback import pinned
from rag.chat.markup.troubles import trouble_card
from rag.chat.notebook import Notebook
from rag.chat.reader import Reader, Runs
from rag.errors import Error
from rag.types import Filter, Reply
from rag.words import speak

MOST_SOURCES = 300  # offered in the filter; others can be typed


def parts(words: Say) -> dict[str, Any]:
    stands: dict[str, Any] = {}
    with gr.Row(elem_id="chat"):
        stands["drawer"] = html(elem_id="drawer")
        with gr.Column(elem_id="col"):
            with gr.Column(elem_id="thread"):
                stands["greeting"] = html(elem_id="greeting")
                stands["log"] = gr.Chatbot(
                    elem_id="log",
                    layout="bubble",
                    buttons=[],
                    feedback_options=None,
                    show_label=False,
                    container=False,
                    allow_tags=False,
                    latex_delimiters=[],
                    line_breaks=False,
                    group_consecutive_messages=False,
                    height=None,
                    autoscroll=False,
                    label=words("chat.js.log"),
                )
                # The exchange that is being written stands apart: at each step Gradio copies the whole value of every
                # component that the running event puts out, and a thread of 60 exchanges among them could not keep up.
                stands["now"] = html(elem_id="now")
                stands["next"] = html(elem_id="next")
            with gr.Column(elem_id="dock"):
                stands["box"] = gr.Textbox(
                    elem_id="box",
                    lines=1,
                    max_lines=5,
                    label=words("chat.label"),
                    show_label=False,
                    container=False,
                    placeholder=words("chat.ask"),
                    submit_btn=words("chat.send"),
                    stop_btn=False,
                )
                unfiltered = reading.filter_label(words, Filter(), "", "")
                with gr.Accordion(unfiltered, open=False, elem_id="filters") as stands["filters"], gr.Row():
                    # Filled by buttons beside the articles, never by hand: readers know titles, not ids.
                    stands["articles"] = gr.Dropdown(
                        [], multiselect=True, label=words("chat.only_these"), min_width=120, allow_custom_value=True,
                        elem_id="only", elem_classes=["none"],
                    )  # fmt: skip
                    stands["columns"] = gr.Dropdown([], multiselect=True, label=words("chat.column"), min_width=120)
                    stands["sources"] = gr.Dropdown(
                        [], multiselect=True, label=words("chat.source_of"), min_width=120, allow_custom_value=True
                    )
                    for name in ("since", "until"):
                        stands[name] = gr.Textbox(
                            lines=1,
                            max_lines=1,
                            label=words(f"chat.{name}"),
                            min_width=90,
                            placeholder=words("chat.date_hint"),
                        )
                    stands["clear"] = gr.Button(words("chat.unfilter"), elem_id="unfilter", min_width=60)
                html(el("p", words("chat.note"), css="note"), elem_id="note")
        stands["side"] = html(elem_id="side", js_on_load="watch('value', () => window.rag && window.rag.opened());")
    return stands


def in_words(language: str, steps: Iterator[reading.Step]) -> Iterator[reading.Step]:
    """The steps, each made while the page's language is spoken: Gradio may take each in another thread."""
    while True:
        speak(language)
        step = next(steps, None)
        if step is None:
            return
        yield step


def wire(
    page: Any,
    tab: Any,
    reader: Reader,
    notebook: Notebook,
    runs: Runs,
    chat: dict[str, Any],
    kept: Any,
    live: Any,
    bridge: Any,
    language: str,
) -> None:
    words, box, log = reader.say, chat["box"], chat["log"]
    filters = [chat["columns"], chat["sources"], chat["since"], chat["until"], chat["articles"]]
    asked_with = [kept, *filters]
    done = gr.State(None)  # a finished exchange and its conversation, between two events
    grows_in = [box, chat["now"], chat["next"], chat["greeting"], done]
    whole_in = [box, log, chat["now"], chat["next"], chat["greeting"], chat["drawer"], kept]

    def composer(busy: bool, placeholder: str, **more: Any) -> Any:
        return gr.update(
            submit_btn=not busy and words("chat.send"),
            stop_btn=busy and words("chat.stop"),
            placeholder=words(f"chat.{placeholder}"),
            **more,
        )

    def first_page() -> dict[Any, Any]:
        """What the library offers before anything is asked; a library that can't be read says so here."""
        library = reader.library
        try:
            state = library.state()
            return {
                chat["greeting"]: raw(
                    pinned(words, library.desk.pins()),
                    pages.greeting(words, state, library.examples(4), library.newest(3)),
                ),
                chat["columns"]: gr.update(choices=list(state.columns)),
                chat["sources"]: gr.update(choices=list(state.sources[-MOST_SOURCES:])),
            }
        except Error as error:
            return {chat["greeting"]: trouble_card(words, Trouble.of(error), last=False)}

    def drawer(now: Conversation, request: Any, unsaved: Error | None = None) -> str:
        return pages.conversations(words, now, notebook.listed(owner(request)), unsaved)

    def rest(now: Conversation) -> str:
        return "ask_more" if now.exchanges else "ask"

    def whole(now: Conversation, request: Any, unsaved: Error | None = None) -> dict[Any, Any]:
        """Everything that shows a conversation."""
        return {
            box: composer(False, rest(now)),
            log: reader.messages(now),
            chat["now"]: "",
            chat["next"]: "",
            kept: now,
            chat["greeting"]: "" if now.exchanges else first_page()[chat["greeting"]],
            chat["drawer"]: drawer(now, request, unsaved),
        }

    def current(saved: Any, request: Any) -> Conversation:
        """The one on the page; a server that was started anew finds it by the page's address."""
        if isinstance(saved, Conversation):
            return saved
        return notebook.opened(owner(request), request.query_params.get("c"))

    def asking(
        question: str, now: Conversation, only: Any, request: Any, engine: str | None = None
    ) -> Iterator[dict[Any, Any]]:
        question, run_of = question.strip(), opened_page(request)
        stop = runs.begin(run_of) if question else None
        if stop is None:
            yield {done: None}
            return
        written, passing = None, bool(request.query_params.get("widget"))  # on a page elsewhere nothing is kept
        try:
            begun = {box: composer(True, "ask_meanwhile", value=""), chat["greeting"]: "", chat["next"]: "", done: None}
            for step in in_words(language, reader.ask(question, now, only, stop, engine, person(request))):
                if step.conversation is not None and passing:
                    written = step.conversation
                    begun = {**begun, done: (written, step.exchange, None)}
                elif step.conversation is not None:
                    written, error = notebook.kept(owner(request), step.conversation)
                    begun = {**begun, done: (written, step.exchange, error)}
                yield {chat["now"]: step.card, **begun}
                begun = {}
        finally:
            runs.end(run_of)
            if written is None and not passing:  # the page went away: the question at least is there when it comes back
                broken_off = Exchange(question, Reply(question, "", stopped=True), only=only)
                notebook.kept(owner(request), now.having(broken_off))

    def settle(finished: Any, request: gr.Request) -> dict[Any, Any]:
        """The finished exchange moves into the thread, a screen reader says so."""
        if finished is None:
            return {done: None}
        now, exchange, error = finished
        refused = exchange.reply is not None and exchange.reply.refused
        return {
            **whole(now, request, error),
            box: composer(False, "ask_again" if refused else "ask_more"),
            live: reader.announcement(exchange),
            done: None,
        }

    def follow(saved: Any, request: gr.Request) -> Any:
        """Once an answer stands: questions that lead on from it, unless the reader is faster."""
        run = opened_page(request)
        if not isinstance(saved, Conversation) or runs.going(run):
            return gr.skip()
        found = reader.follow_ups(saved, lambda: runs.going(run))
        return gr.skip() if runs.going(run) else found

    def ask(
        question: str, saved: Any, columns: Any, sources: Any, since: Any, until: Any, articles: Any,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:  # fmt: skip
        only = reading.filter_of(columns, sources, since, until, articles)
        yield from asking(question or "", current(saved, request), only, request)

    def ask_this(
        saved: Any, columns: Any, sources: Any, since: Any, until: Any, articles: Any,
        event: gr.EventData, request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:  # fmt: skip
        question = str(detail(event).get("question") or "")
        yield from ask(question, saved, columns, sources, since, until, articles, request)

    def ask_again(saved: Any, event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
        now = current(saved, request)
        if not now.exchanges:
            yield {done: None}
            return
        last = now.exchanges[-1]
        only = Filter() if detail(event).get("unfiltered") else last.only
        engine = "builtin" if detail(event).get("engine") == "builtin" else None
        question = str(detail(event).get("question") or "") or last.question
        yield from asking(question, now.without_last(), only, request, engine)

    def load(request: gr.Request) -> dict[Any, Any]:
        """What the page's address asks for: a conversation (?c=), a source (?a=…&at=12-40), or nothing."""
        asked = request.query_params
        panel = reader.linked(asked["a"], asked.get("at", "")) if asked.get("a") else ""
        return {**first_page(), **whole(current(None, request), request), chat["side"]: panel}

    def come_back(saved: Any) -> dict[Any, Any]:
        """From the library's tab, where articles may have come and gone."""
        page_now = first_page()
        return {**page_now, chat["greeting"]: ""} if saved and saved.exchanges else page_now

    def fresh(request: gr.Request) -> dict[Any, Any]:
        runs.stop(opened_page(request))
        return whole(Conversation.begun(), request)

    def opened(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        runs.stop(opened_page(request))
        return whole(notebook.opened(owner(request), detail(event).get("key")), request)

    def dropped(saved: Any, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        now, key = current(saved, request), detail(event).get("key")
        notebook.dropped(owner(request), key)
        if now.key != key:
            return {chat["drawer"]: drawer(now, request)}
        runs.stop(opened_page(request))
        return whole(Conversation.begun(), request)

    def source(saved: Any, event: gr.EventData, request: gr.Request) -> str:
        return reader.open(detail(event), current(saved, request))

    def halt(request: gr.Request) -> None:
        runs.stop(opened_page(request))

    def relabel(columns: Any, sources: Any, since: str, until: str, articles: Any) -> dict[Any, Any]:
        only = reading.filter_of(columns, sources, since, until, articles)
        label = reading.filter_label(words, only, since, until)
        return {
            chat["filters"]: gr.update(label=label, elem_classes=["chosen"] if only else []),
            chat["articles"]: gr.update(elem_classes=[] if only.article else ["none"]),
        }

    def narrow(saved: Any, event: gr.EventData, request: gr.Request) -> Any:
        """Only these articles from here on: those that an answer was made from, or the one that is open."""
        these = reader.named(detail(event), current(saved, request))
        return gr.update(choices=[(title, one) for one, title in these], value=[one for one, _ in these])

    page.load(load, None, [*whole_in, chat["columns"], chat["sources"], chat["side"]], **AT_HAND)
    tab.select(come_back, kept, [chat["greeting"], chat["columns"], chat["sources"]], **AT_HAND)
    for event, asked, inputs in (
        (box.submit, ask, [box, *asked_with]),
        (bridge.ask, ask_this, asked_with),
        (bridge.again, ask_again, [kept]),
    ):
        answered = event(asked, inputs, grows_in, **IN_TURN).then(settle, done, [*whole_in, live, done], **AT_HAND)
        answered.then(follow, kept, chat["next"], **IN_TURN)
    box.stop(halt, None, None, **AT_HAND)
    page.unload(halt)
    bridge.open(source, kept, chat["side"], trigger_mode="always_last", **AT_HAND)
    bridge.fresh(fresh, None, whole_in, **AT_HAND)
    bridge.conversation(opened, None, whole_in, **AT_HAND)
    bridge.drop(dropped, kept, whole_in, **AT_HAND)
    bridge.narrow(narrow, kept, chat["articles"], trigger_mode="always_last", **AT_HAND)
    labelled = [chat["filters"], chat["articles"]]
    gr.on([f.change for f in filters], relabel, filters, labelled, trigger_mode="always_last", **AT_HAND)
    for pressed in (chat["clear"].click, bridge.unfilter):
        pressed(lambda: ([], [], "", "", []), None, filters, **AT_HAND)
