"""What travels between the steps: Document → Article → Passage → Hit → Evidence → Reply, and Receipt.

Frozen, small, each field explained once. All offsets count characters of the text named beside them,
half-open; `article.text[p.start:p.end] == p.text` holds for everything that has a start and an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rag.pagetypes import PageImage

BlockKind = Literal["paragraph", "heading", "table", "list", "caption"]
Status = Literal["added", "unchanged", "replaced", "refused"]
Role = Literal["reader", "editor"]  # readers ask; editors change the library too
Reason = Literal["no_evidence", "absent_term", "false_premise", "empty_library", "unclear_question"]


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, table… as a reader found it, in reading order."""

    text: str  # no line break inside, but between the rows of a table or list
    kind: BlockKind = "paragraph"
    level: int = 0  # 1–6 for a heading, 0 otherwise or where unknown
    page: int = 1  # page of the file, from 1
    box: tuple[float, float, float, float] | None = None  # left, top, right, bottom in points from the upper left
    size: float | None = None  # font size in points
    confidence: float = 1.0  # of recognition; 1 for text that was not recognised from a picture


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a file of rows (.jsonl, .csv): an article that needs no cutting."""

    key: str  # the row's id; where it has none (or shares one), FILE#number from 1
    text: str
    title: str = ""
    author: str | None = None
    date: str | None = None  # ISO: 2025-02-26, 2025-02 or 2025
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One file that was read. It has blocks, or records, never both."""

    source: str  # the name readers see: the path below the folder that was added
    format: str  # "txt", "md", "html", "pdf", "docx", "jsonl", …
    sha256: str  # of the file's bytes, hexadecimal
    encoding: str | None = None  # for text files: "utf-8", "gb18030", …
    blocks: tuple[Block, ...] = ()
    records: tuple[Record, ...] = ()
    pages: int = 1
    ocr_pages: int = 0
    characters: int = 0
    garbled: float = 0.0  # share of characters that no writer would have written, 0–1
    title: str | None = None  # as the file's own properties say, where they do
    author: str | None = None
    date: str | None = None
    column: str | None = None
    losses: tuple[str, ...] = ()  # what could not be read, a sentence each
    images: tuple[PageImage, ...] = field(default=(), repr=False)  # of the pages of a PDF or a scan


# ---------------------------------------------------------------- keeping


@dataclass(frozen=True, slots=True)
class Section:
    """A heading inside an article: from `start` on, the text stands under `heading`."""

    start: int
    level: int
    heading: str


@dataclass(frozen=True, slots=True)
class Half:
    """What of a story stands on one page, where the paper says that it goes on or was begun on another."""

    parts: tuple[tuple[str, str], ...]  # (kind, text): text, heading, table, list
    captions: tuple[str, ...] = ()  # stand behind the whole story
    headline: str = ""  # as printed over this part
    onward: str | None = None  # 下转第3版: "3"
    back: str | None = None  # 上接第1版: "1"
    paper: str | None = None  # whose issue it is, where the page says so


@dataclass(frozen=True, slots=True)
class Article:
    """One story cut out of a document. `text` is what is shown, quoted and counted in."""

    article_id: str  # made from source, title and text: a changed article has another id
    source: str
    title: str
    text: str  # paragraphs joined by "\n"
    author: str | None = None
    date: str | None = None
    page: str | None = None
    column: str | None = None
    sections: tuple[Section, ...] = ()
    half: Half | None = None  # set while the story is cut, where another page has the rest of it

    def to_json(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in ("article_id", "source", "title", "author", "date", "page", "column", "text")
        }


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of an article that is searched as one: whole sentences, never across articles."""

    start: int
    end: int
    text: str
    heading: str = ""  # title and headings above it, "标题 > 小标题": searched, not quoted


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one file that was given to `add`."""

    file: str
    status: Status
    reason: str | None = None  # why it was refused, or what of it was lost
    encoding: str | None = None
    pages: int = 0
    ocr_pages: int = 0
    characters: int = 0
    articles: int = 0
    passages: int = 0
    garbled: float = 0.0
    duplicates: int = 0  # of its articles those that the library had already, as reprints
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Kept:
    """A document in the library, as `rag list` shows it."""

    document_id: int
    source: str
    format: str
    sha256: str
    encoding: str | None
    pages: int
    ocr_pages: int
    characters: int
    garbled: float
    added_at: str  # ISO, UTC
    losses: tuple[str, ...]
    splitter: str
    articles: int
    passages: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one name given to `remove`; `left` counts what search still finds of it: 0."""

    name: str
    status: Literal["removed", "unknown"]
    articles: int = 0
    passages: int = 0
    left: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step is: `done` of `total` (0: not known) files, pages, passages or megabytes, as the stage counts."""

    stage: Literal["sending", "reading", "recognising", "words", "meaning", "asking", "pulling"]
    done: int
    total: int
    name: str = ""  # the file at hand


@dataclass(frozen=True, slots=True)
class LibraryState:
    """What a library holds, and how far search by meaning lags behind search by words."""

    articles: int
    documents: int
    passages: int
    embedded: int  # passages that can be found by meaning
    updated: str | None  # ISO date and time, UTC, of the last change
    sources: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    embedding: str = ""  # the name of the model that embeds


@dataclass(frozen=True, slots=True)
class Checkup:
    """What `check` found: each fault a sentence; `repaired` names what was built anew."""

    faults: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    articles: int = 0
    passages: int = 0
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "whole": self.whole}


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that the library keeps, as a list shows it."""

    key: str  # random, opens it
    title: str
    begun_at: str  # ISO, UTC
    at: str  # ISO, UTC, when it last grew
    exchanges: int
    shared: bool = False  # may be opened by others who have its link

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who signs in."""

    account_id: int
    name: str
    role: Role
    made_at: str  # ISO, UTC

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Key:
    """What lets a program in, in the name of an account; the key itself is told once and not kept."""

    key_id: int
    account: str
    label: str
    made_at: str  # ISO, UTC

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


# ---------------------------------------------------------------- asking


@dataclass(frozen=True, slots=True)
class Turn:
    """A question asked before in the same conversation, and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Only these articles (ids), of these sources and columns, dated from `since` to `until` (ISO, both included)."""

    source: tuple[str, ...] = ()
    column: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    article: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.source or self.column or self.since or self.until or self.article)

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Filter:
        """From the contract's {"source": […], "column": […], "from": …, "to": …}."""
        value = value or {}
        return cls(
            tuple(value.get("source") or ()),
            tuple(value.get("column") or ()),
            value.get("from"),
            value.get("to"),
            tuple(value.get("article") or ()),
        )


@dataclass(frozen=True, slots=True)
class Why:
    """How a hit came to its place."""

    lexical: float | None = None  # BM25 over words and pairs of characters; None: not found by words
    vector: float | None = None  # cosine of question and passage; None: not found by meaning
    rerank: float | None = None  # what the order was made from, 0–1
    matched: tuple[str, ...] = ()  # words of the question that the passage holds
    reranker: str | None = None  # the cross-encoder that `rerank` is from; None: the built-in order

    def to_json(self) -> dict[str, Any]:
        """`reranker` where there was one."""
        return {name: value for name, value in asdict(self).items() if name != "reranker" or value}


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, with what readers need to know of its article."""

    passage_id: int
    article_id: str
    source: str
    title: str
    start: int
    end: int
    text: str
    score: float
    why: Why = Why()
    author: str | None = None
    date: str | None = None
    page: str | None = None
    column: str | None = None
    heading: str = ""
    also: tuple[str, ...] = ()  # ids of articles that say the same, for which this one stands

    def to_json(self) -> dict[str, Any]:
        names = ("article_id", "source", "title", "author", "date", "page", "column", "start", "end", "text", "score")
        return {**{name: getattr(self, name) for name in names}, "why": self.why.to_json(), "also": list(self.also)}


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, in order."""

    hits: tuple[Hit, ...]
    rewritten: str | None = None  # the question as it was understood, where that is not how it was asked
    seconds: Mapping[str, float] = field(default_factory=dict)  # "total"
    note: str | None = None  # a sentence: why not the reranker that was asked for ordered all of it

    def to_json(self) -> dict[str, Any]:
        return {
            "rewritten": self.rewritten,
            "hits": [h.to_json() for h in self.hits],
            "note": self.note,
            "seconds": {k: round(v, 4) for k, v in self.seconds.items()},
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that helps to answer; `start` and `end` count in its article's text."""

    hit: Hit
    start: int
    end: int
    text: str
    score: float  # 0–1, how surely it answers


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a sentence of the answer stands. `quote` is verbatim: the article's text from start to end."""

    n: int  # the number that stands as [n] in the answer
    quote: str
    start: int
    end: int
    verified: bool
    article_id: str = ""
    title: str = ""
    author: str | None = None
    date: str | None = None
    page: str | None = None
    column: str | None = None
    source: str = ""
    passage: int | None = None  # for `read` over given passages: which of them, from 0
    also: tuple[str, ...] = ()  # ids of articles that say the same: 同文另见

    def to_json(self) -> dict[str, Any]:
        if self.passage is not None:
            return {name: getattr(self, name) for name in ("n", "passage", "quote", "start", "end", "verified")}
        names = (
            "n",
            "article_id",
            "title",
            "author",
            "date",
            "page",
            "column",
            "source",
            "quote",
            "start",
            "end",
            "verified",
        )
        return {**{name: getattr(self, name) for name in names}, "also": list(self.also)}


@dataclass(frozen=True, slots=True)
class Nearest:
    """An article near a question that could not be answered: which of its words it holds and lacks."""

    article_id: str
    title: str
    source: str
    date: str | None = None
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or an honest refusal. Every [n] in `answer` has its citation, and the other way round."""

    question: str
    answer: str
    rewritten: str | None = None  # the question as it was understood, where that is not how it was asked
    short_answer: str | None = None  # the exact words that answer, verbatim; None where an explanation is wanted
    refused: bool = False
    reason: Reason | None = None
    confidence: float = 0.0  # 0–1
    citations: tuple[Citation, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    conflicts: tuple[tuple[int, int], ...] = ()
    engine: str = "builtin"
    seconds: Mapping[str, float] = field(default_factory=dict)  # "search", "answer", "total"
    hits: tuple[Hit, ...] = ()  # what was looked at, in order: for 为什么是这些资料; not part of the JSON
    stopped: bool = False  # the reader stopped it; not part of the JSON
    note: str | None = None  # a sentence: why not the engine that was asked wrote this, or not all of it
    thought: str = ""  # what a language model thought before it wrote: shown on demand, proves nothing; not in the JSON
    notices: tuple[str, ...] = ()  # lines to be shown under it: no diagnosis, ask a doctor
    noted: str = ""  # the key under which the question is noted, for feedback; not part of the JSON

    def to_json(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "rewritten": self.rewritten,
            "answer": self.answer,
            "short_answer": self.short_answer,
            "refused": self.refused,
            "reason": self.reason,
            "confidence": round(self.confidence, 4),
            "citations": [c.to_json() for c in self.citations],
            "nearest": [n.to_json() for n in self.nearest],
            "conflicts": [list(c) for c in self.conflicts],
            "notices": list(self.notices),
            "engine": self.engine,
            "note": self.note,
            "seconds": {k: round(v, 4) for k, v in self.seconds.items()},
        }


@dataclass(frozen=True, slots=True)
class Piece:
    """A step of a streamed answer. `text` is all that is written so far; the last piece alone has the reply."""

    stage: Literal["searching", "waiting", "writing", "checking", "done"]  # waiting: the model writes another answer
    text: str = ""
    found: int = 0  # articles found, from "writing" on
    reply: Reply | None = None
