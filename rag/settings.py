"""Where things are and what was chosen: command line over environment (`RAG_*`) over the library's own.

The one module that reads the environment. Comes in: names; goes out: paths and values.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePath
from urllib.parse import unquote

import platformdirs

from rag.errors import BadSetting
from rag.words import LANGUAGES, TRADITIONAL

MAX_QUESTION = 2000  # characters; a page pasted by mistake is longer, no question is
BUILTIN = "builtin"  # the engine and the embedding model that come with the program
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 7860
SERVER = "openai:"  # begins the name of an engine that is a server: openai:MODEL@http://127.0.0.1:11434/v1
SCHEMES = ("postgresql+psycopg", "postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class Server:
    """A library in PostgreSQL. Its name, which is all that is ever printed, holds no password."""

    url: str = field(repr=False)  # postgresql+psycopg://…
    name: str

    def __str__(self) -> str:
        return self.name


_MILVUS = re.compile(
    r"milvus(?P<tls>\+tls)?://(?:(?P<user>[^@/]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:/?#\s\[\]]+)(?::(?P<port>\d{1,5}))?"
    r"(?:/(?P<database>\w*))?/?"
)


@dataclass(frozen=True, slots=True)
class SearchServer:
    """Milvus, which finds passages in place of the library's folder. Its name holds no password and may be printed."""

    uri: str  # http(s)://HOST:PORT, or the path of Milvus Lite's file
    name: str
    token: str = field(default="", repr=False)  # USER:PASSWORD
    database: str = ""

    @property
    def is_file(self) -> bool:
        return "://" not in self.uri

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment and the command line said; None: the library or the default decides."""

    library: Path | Server
    engine: str | None = None  # "builtin", or a language model: a folder, a hub id, or openai:MODEL@ADDRESS
    embedding: str | None = None  # "builtin", or an embedding model: a folder or hub id
    reranker: str | None = None  # "builtin", or a cross-encoder: a folder or hub id
    language: str = "zh"
    threads: int = 0  # processor threads for models; 0: as many as there are cores
    server_key: str | None = None  # for a server of language models that asks for one
    server_away: bool = False  # whether questions and passages may go to such a server on another machine
    debug: bool = False
    search: SearchServer | None = None  # None: the indexes lie in the library's folder
    cache: Path = Path()  # where what is derived from libraries on servers lies

    @property
    def derived(self) -> Path:
        """The folder of the library's indexes: its own, or on this machine one for each server."""
        if isinstance(self.library, Path):
            return self.library
        return self.cache / sha256(self.library.name.encode()).hexdigest()[:16]


def place(given: str | os.PathLike[str]) -> Path | Server:
    """Where a library is. Errors: BadSetting, for an address that is none of PostgreSQL's."""
    text = os.fspath(given)
    scheme, there, rest = text.partition("://")
    if not there:
        return Path(text).expanduser()
    if scheme not in SCHEMES:
        raise BadSetting(name="RAG_LIBRARY", value=f"{scheme}://…", allowed=f"DIR, {SCHEMES[0]}://USER@HOST:5432/NAME")
    url = f"{SCHEMES[0]}://{rest}"
    # All between the first colon and the last @: a password with signs that should have been written as %40 hides too.
    name = re.sub(r"(?i)(password=)[^&]*", r"\1…", re.sub(r"(://[^:/?#@]*):.*@", r"\1@", url))
    return Server(url, name)


def search_server(given: str) -> SearchServer:
    """milvus:FILE.db (Milvus Lite), milvus://[USER:PASSWORD@]HOST[:19530][/DATABASE], milvus+tls://… BadSetting."""
    scheme, _, path = given.partition(":")
    if scheme == "milvus" and not path.startswith("//") and path.endswith(".db"):
        return SearchServer(str(Path(path).expanduser().absolute()), given)
    found = _MILVUS.fullmatch(given)
    if found is None or int(found["port"] or 0) > 65535:
        allowed = "milvus:FILE.db, milvus://USER:PASSWORD@HOST:19530/DATABASE, milvus+tls://…"
        raise BadSetting(name="RAG_SEARCH", value=f"{scheme}:…", allowed=allowed)
    place = f"{found['host']}:{found['port'] or 19530}"
    return SearchServer(
        f"{'https' if found['tls'] else 'http'}://{place}",
        f"{scheme}://{place}",
        unquote(found["user"] or ""),
        found["database"] or "",
    )


def search_with(given: str) -> None:
    """What `--search` says holds for this process and those it starts, in place of what the environment said."""
    os.environ["RAG_SEARCH"] = given


def load(library: str | os.PathLike[str] | None = None, *, engine: str | None = None) -> Settings:
    """Arguments over environment. Errors: BadSetting."""
    folder = library or os.environ.get("RAG_LIBRARY") or platformdirs.user_data_dir("rag", appauthor=False)
    language = _language(os.environ.get("RAG_LANG", ""))
    threads = os.environ.get("RAG_THREADS", "0")
    if not threads.isdigit():
        raise BadSetting(name="RAG_THREADS", value=threads, allowed="0, 1, 2, …")
    return Settings(
        library=place(folder),
        engine=engine or os.environ.get("RAG_ENGINE") or None,
        embedding=os.environ.get("RAG_EMBEDDING") or None,
        reranker=os.environ.get("RAG_RERANKER") or None,
        language=language,
        threads=int(threads),
        server_key=os.environ.get("RAG_SERVER_KEY") or None,
        server_away=os.environ.get("RAG_SERVER_AWAY", "") not in ("", "0"),
        debug=os.environ.get("RAG_DEBUG", "") not in ("", "0"),
        cache=Path(os.environ.get("RAG_CACHE") or platformdirs.user_cache_dir("rag", appauthor=False)).expanduser(),
        search=search_server(found) if (found := os.environ.get("RAG_SEARCH")) else None,
    )


def traces() -> str | None:
    """The address of a collector of OpenTelemetry's traces (OTLP over HTTP), http://HOST:4318. Errors: BadSetting."""
    found = os.environ.get("RAG_TRACES") or None
    if found is not None and not re.match(r"https?://[^/\s]", found):
        raise BadSetting(name="RAG_TRACES", value=found, allowed="http://HOST:4318")
    return found


def page_pictures() -> bool:
    """Whether pictures are kept of the pages of PDF files and scans; RAG_PAGES=0: their text alone."""
    return os.environ.get("RAG_PAGES", "") != "0"


def environment(**more: str) -> dict[str, str]:
    """This process's own, for one that it starts."""
    return {**os.environ, **more}


def _language(asked: str) -> str:
    """zh_CN.UTF-8, zh-TW, en… as one of LANGUAGES; "" is Chinese. Errors: BadSetting."""
    name = asked.split(".")[0].replace("_", "-").lower() or "zh"
    if re.fullmatch("zh-(tw|hk|mo|hant.*)", name):
        name = TRADITIONAL
    for language in (name, name[:2]):
        if language in LANGUAGES:
            return language
    raise BadSetting(name="RAG_LANG", value=asked, allowed=", ".join(LANGUAGES))


def threads(asked: int = 0) -> int:
    """Processor threads to use: those asked for, else the cores this process may run on."""
    return asked or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


CARD = ".pulled.json"  # in a model's folder: where from, and that all of it is there


def models() -> Path:
    """The folder of models that `rag models pull` loads, for all libraries of this user."""
    folder = os.environ.get("RAG_MODELS") or platformdirs.user_data_dir("rag-models", appauthor=False)
    return Path(folder).expanduser()


def model_store() -> str | None:
    """Where several servers keep models for one another: an address that fsspec opens. Errors: BadSetting."""
    found = os.environ.get("RAG_MODEL_STORE") or None
    if found is not None and not re.match(r"[a-z0-9+]+://.", found):
        raise BadSetting(name="RAG_MODEL_STORE", value=found, allowed="s3://BUCKET/DIR, file:///DIR…")
    return found


def pulled(model: str) -> Path | None:
    """The folder of a pulled model, or its file where that is a single GGUF; None where it is not here."""
    folder = models() / model
    if model.count("/") != 1 or ".." in model or not (folder / CARD).is_file():
        return None
    packed = sorted(folder.glob("*.gguf"))
    return packed[0] if packed and not (folder / "config.json").is_file() else folder


def hub() -> str | None:
    """Where models are pulled from, if not from Hugging Face itself."""
    return os.environ.get("HF_ENDPOINT") or None


def engine_name(engine: str) -> str:
    """What readers and programs call an engine: the model of a server, the last part of a folder, file or hub id."""
    if engine.startswith(SERVER):
        engine = engine.removeprefix(SERVER).rpartition("@")[0] or engine
    return PurePath(engine.rstrip("/\\").replace("\\", "/")).name.removesuffix(".gguf") or engine


def builtin_models() -> Path:
    """The folder of the built-in models: inside the installed package, or `embeddings/` of the checkout."""
    packaged = Path(__file__).parent / "embeddings"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "embeddings"


def samples() -> Path:
    """The folder of the sample library: `articles/*.md` and `questions.jsonl`."""
    return Path(__file__).parent / "samples"
