"""An error comes in, its card goes out: what happened, what to do, and a button that does it."""

from __future__ import annotations

from rag.chat.conversation import Trouble
from rag.chat.markup import Html, Say, button, el, icon

# For telling an error over the telephone. The first digit says who can help: 1 the asker, 2 the machine, 3 the library.
CODES = {
    "empty_question": "E-110",
    "question_too_long": "E-111",
    "filter_empty": "E-120",
    "withdrawn": "E-121",
    "model_unusable": "E-202",
    "broke_off": "E-203",
    "models_not_installed": "E-204",
    "empty_library": "E-301",
    "library_damaged": "E-302",
    "library_newer": "E-303",
    "other_embedding": "E-304",
    "library_locked": "E-305",
    "disk_full": "E-306",
    "no_permission": "E-307",
}
OTHER = "E-200"

_REMEDIES = {  # kind → (what the button does, its words); those not named are asked again
    "empty_question": ("do-focus", "write"),
    "question_too_long": ("do-reword", "shorten"),
    "filter_empty": ("do-unfilter", "unfilter"),
    "empty_library": ("do-library", "to_library"),
    "model_unusable": ("do-builtin", "builtin"),
    "models_not_installed": ("do-builtin", "builtin"),
}


def trouble_card(say: Say, trouble: Trouble | None, last: bool = True) -> Html:
    """`last`: with its button, which is of no use further up in a thread."""
    trouble = trouble or Trouble("error", "", "")
    does, words = _REMEDIES.get(trouble.kind, ("do-retry", "again"))
    code = CODES.get(trouble.kind, OTHER)
    warning = code.startswith("E-1") or trouble.kind == "empty_library"  # nothing failed
    return el(
        "article",
        el(
            "section",
            heading(trouble.what, code),
            el("p", trouble.remedy),
            el("p", trouble.written, css="kept") if trouble.written else None,
            el("div", button(f"pri {does}", "", say(f"chat.trouble.{words}")), css="row") if last else None,
            css="card err w" if warning else "card err",
        ),
        css="a",
    )


def heading(what: str, code: str, sign: str = "warn") -> Html:
    return el("h2", icon(sign), el("span", what), el("code", code))


def empty_library(say: Say) -> Html:
    """On the first page, in place of questions to begin with."""
    return el(
        "section",
        heading(say("errors.empty_library.what"), CODES["empty_library"], "tray"),
        el("p", say("chat.empty_remedy")),
        el("div", button("pri do-library", "", say("chat.trouble.to_library")), css="row"),
        css="card err w",
    )
