"""What the editor presses on the cards of the machine comes in, markup goes out: models, and how sure an answer must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rag import choosing
from rag.chat.background import Background
from rag.chat.conversation import Trouble
from rag.chat.errands import Errands
from rag.chat.markup import Html, Say
from rag.chat.markup import machine as markup
from rag.chat.markup.troubles import trouble_card
from rag.errors import Error, NotAllowed, PullFailed
from rag.library import Library
from rag.settings import BUILTIN

HUBS = {"modelscope": "modelscope", "huggingface": None}


class Machine:
    """Errors are told as cards: nothing is raised."""

    def __init__(self, library: Library, say: Say, background: Background | None = None) -> None:
        self.library, self.say, self.background = library, say, background
        self.errands = background.errands if background else Errands()

    def facts(self) -> Html:
        return markup.facts(self.say, choosing.machine())

    def models(self) -> Html:
        return markup.models(self.say, choosing.rows(self.library), choosing.machine().memory, self._settled())

    def errand(self) -> tuple[Html, bool]:
        """How far the errand is, and whether it goes on."""
        one = self.errands.latest
        trouble = self._told(one.error) if one is not None and one.error else None
        return markup.errand(self.say, one, trouble), one is not None and not one.over

    def begin(self, does: str, told: Mapping[str, object], hub: object = None) -> Html | None:
        """The card of why it can't be done, None where it is being done. Only what the table offers is done: a page may
        send any name, and a name that opened any folder or address would be the sender's to use."""
        row = next(
            (r for r in choosing.rows(self.library) if (r.id, r.kind) == (told.get("model"), told.get("kind"))), None
        )
        offered = row is not None and not row.used and {
            "pull": not row.here and row.fits is not False and row.listed,
            "use": row.here and row.fits is not False and row.kind not in self._settled(),
            "discard": row.pulled,
        }[does]  # fmt: skip
        if row is None or not offered:
            return self._told(NotAllowed())
        mirror = HUBS.get(str(hub))
        doing = {"pull": "pull", "use": "use", "discard": "remove"}[does]
        if not self.errands.begin(self.library, doing, row.id, row.kind, mirror):  # type: ignore[arg-type]
            return markup.busy(self.say)
        return None

    def end(self) -> None:
        self.errands.end()

    def _settled(self) -> list[str]:
        return [kind for kind, named in choosing.settled(self.library.settings).items() if named]

    # ---------------------------------------------------------------- how sure an answer must be

    def lines(self) -> Html:
        return markup.lines(self.say, self.library.dials.lines(), self.library.dials.chosen())

    def choose_line(self, name: object) -> Html:
        try:
            self.library.dials.choose(str(name))
        except Error as error:
            return self._told(error)
        return self.lines()

    def verdict(self, question: str) -> Html:
        """Whether the built-in answerer would answer what was tried; what has nothing to ask says nothing."""
        try:
            reply = self.library.ask(question, engine=BUILTIN)
        except Error:  # the passages found beside it tell the error
            return Html()
        return markup.verdict(self.say, reply, self.library.dials.chosen())

    def _told(self, error: Error) -> Html:
        told = Trouble.of(error)
        if isinstance(error, PullFailed):  # its remedy names the command line's options
            told = replace(told, remedy=self.say("machine.pull_failed"))
        return trouble_card(self.say, told, last=False)
