"""Answers over a library of Chinese articles, every sentence with a citation that opens the article.

The public surface: `open`, `read`, `Library`, the types that travel, and `Error` with its kinds.
Everything is imported when it is first asked for, so that `import rag` stays light.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# onnxruntime (from 1.29) reports its use to its maker as soon as it is imported, unless this stood there before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rag.errors import Error
    from rag.given import read
    from rag.library import Library, open
    from rag.types import Article, Citation, Filter, Hit, Piece, Receipt, Reply, Turn

__all__ = [
    "Article",
    "Citation",
    "Error",
    "Filter",
    "Hit",
    "Library",
    "Piece",
    "Receipt",
    "Reply",
    "Turn",
    "__version__",
    "open",
    "read",
]

_HOMES = {"Error": "rag.errors", "Library": "rag.library", "open": "rag.library", "read": "rag.given"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "rag.types")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
