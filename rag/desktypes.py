"""What travels between the store, the help desk and the page: questions that were asked, entries, figures, corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that a reader asked, as it is noted: of the reader nothing, unless accounts are on."""

    number: int
    key: str  # random: lets whoever was answered say how good it was
    day: str  # ISO
    asked: str
    outcome: str  # "answered", "refused", "stopped"
    reason: str | None  # Reply.reason
    columns: tuple[str, ...]  # of the articles cited, or of those nearest to a refusal
    sources: tuple[str, ...]
    articles: tuple[tuple[str, str], ...]  # (id, title)
    seconds: float
    vote: int = 0  # 1 helpful, -1 not, 0 nothing said
    why: str = ""  # what was wrong, in the reader's words
    handed: bool = False  # the reader asks an editor to answer
    state: str = "open"  # "answered", "declined" by an editor
    told: str = ""  # why it was declined
    origin: str = "page"  # "api"
    asker: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The same question as several readers asked it, for an editor to answer."""

    question: str  # as it was asked most
    asked: tuple[Asked, ...]  # newest first

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(a.number for a in self.asked)


@dataclass(frozen=True, slots=True)
class Entry:
    """What an editor answered or pinned. It stands in the library as an article of its own document."""

    entry_id: int
    kind: str  # "answer", "pin"
    question: str
    answer: str
    source: str  # where the editor has it from
    editor: str
    day: str  # ISO
    since: str = ""  # ISO day or minute; "" for at once
    until: str = ""  # included; "" for ever
    asked: tuple[str, ...] = ()  # the same question as readers put it
    words: tuple[str, ...] = ()  # a pin also stands before the answer to questions with one of these
    document: str = ""  # its source in the library
    article_id: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the figures: a column, a source, a week, a question asked in several ways."""

    name: str
    questions: int
    answered: int
    helpful: int
    unhelpful: int

    @property
    def lacking(self) -> int:
        return self.questions - self.answered


@dataclass(frozen=True, slots=True)
class Figures:
    """What was asked in a span of days. Readers are counted where accounts are on, else None."""

    since: str  # ISO, "" for the first day
    until: str
    all: Line
    readers: int | None
    seconds: float  # median of the answers
    weeks: tuple[Line, ...]  # named by ISO week, 2025-W09, oldest first
    columns: tuple[Line, ...]  # most asked first; a refusal counts for the columns of the nearest articles
    sources: tuple[Line, ...]
    most_asked: tuple[Line, ...]
    most_lacking: tuple[Line, ...]
    reasons: Mapping[str, int]  # of refusals

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Correction:
    """What an editor changed in articles of a document; the last can be undone."""

    number: int
    document: str
    at: str  # ISO, UTC
    kind: str  # "edit", "merge", "split"


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much a library holds and how it grew."""

    articles: int
    documents: int
    characters: int  # of the articles
    bytes: int  # on the disk
    months: tuple[tuple[str, int], ...]  # "2025-02" → articles of the files that came then, no month left out
    columns: tuple[tuple[str, int], ...]  # → articles, most first
