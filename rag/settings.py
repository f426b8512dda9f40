"""Where things are and what was chosen: command line over environment (`RAG_*`) over the library's own.

The one module that reads the environment. Comes in: names; goes out: paths and values.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from rag.errors import BadSetting
from rag.words import LANGUAGES

MAX_QUESTION = 2000  # characters; a page pasted by mistake is longer, no question is
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 7860


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment and the command line said; None: the library or the default decides."""

    library: Path
    engine: str | None = None  # "builtin", or a language model: a folder or hub id
    embedding: str | None = None  # "builtin", or an embedding model: a folder or hub id
    language: str = "zh"
    threads: int = 0  # processor threads for models; 0: as many as there are cores
    debug: bool = False


def load(library: str | os.PathLike[str] | None = None, *, engine: str | None = None) -> Settings:
    """Arguments over environment. Errors: BadSetting."""
    folder = library or os.environ.get("RAG_LIBRARY") or platformdirs.user_data_dir("rag", appauthor=False)
    language = os.environ.get("RAG_LANG", "zh")[:2].lower() or "zh"
    if language not in LANGUAGES:
        raise BadSetting(name="RAG_LANG", value=language, allowed=", ".join(LANGUAGES))
    threads = os.environ.get("RAG_THREADS", "0")
    if not threads.isdigit():
        raise BadSetting(name="RAG_THREADS", value=threads, allowed="0, 1, 2, …")
    return Settings(
        library=Path(folder).expanduser(),
        engine=engine or os.environ.get("RAG_ENGINE") or None,
        embedding=os.environ.get("RAG_EMBEDDING") or None,
        language=language,
        threads=int(threads),
        debug=os.environ.get("RAG_DEBUG", "") not in ("", "0"),
    )


def threads(asked: int = 0) -> int:
    """Processor threads to use: those asked for, else the cores this process may run on."""
    return asked or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def builtin_models() -> Path:
    """The folder of the built-in models: inside the installed package, or `embeddings/` of the checkout."""
    packaged = Path(__file__).parent / "embeddings"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "embeddings"


def samples() -> Path:
    """The folder of the sample library: `articles/*.md` and `questions.jsonl`."""
    return Path(__file__).parent / "samples"
