"""What editors set for a library, kept in it: how sure an answer must be. A side room of `library.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.errors import UnknownName

if TYPE_CHECKING:
    from rag.store import Store

SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Line:
    """Below this chance an answer is refused; what that does of 100 questions, as it was measured over newspaper pages."""

    name: str
    chance: float
    able: int  # of 100 that have an answer, refused
    unable: int  # of 100 that have none, refused


class Dials:
    """Errors of writing: NoPermission, LibraryLocked, DiskFull."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lines(self) -> tuple[Line, ...]:
        """Those that can be chosen, the one that answers most first. Others are not measured."""
        from rag.answering.extractive import MEASURED

        return tuple(Line(name, *measured) for name, measured in MEASURED.items())

    def chosen(self) -> Line:
        named = self._store.recipe().get("line", SHIPPED)
        lines = {line.name: line for line in self.lines()}
        return lines.get(named) or lines[SHIPPED]

    def line(self) -> float:
        return self.chosen().chance

    def choose(self, name: str) -> Line:
        """Holds from the next question on. Errors: UnknownName."""
        if name not in {line.name for line in self.lines()}:
            raise UnknownName(name=name[:40])
        with self._store.writing(wait=60):
            self._store.set_recipe(line=name)
        return self.chosen()
