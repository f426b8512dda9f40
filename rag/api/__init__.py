"""The library for other programs: a library comes in, addresses for an application go out.

OpenAI's own under /v1, ours under /api, both with the command line's JSON; /healthz and /metrics beside them.
Nothing here but words and limits: `library.py` does the work.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import APIRouter

    from rag.api.asking import Asking
    from rag.library import Library


def routes(library: Library, asking: Asking, uploads: Path | None, background: Any = None) -> APIRouter:
    """To be included before anything that is mounted at "/". `background`: embeds what was added, where there is one."""
    from fastapi import APIRouter

    from rag.api import completions, desk, own, talks, whole
    from rag.api.route import Route, nothing_here

    router = APIRouter(route_class=Route)
    own.add_to(router, own.Own(library, asking, uploads, background))
    completions.add_to(router, completions.Completions(asking))
    talks.add_to(router, talks.Talks(library))
    desk.add_to(router, library)
    whole.add_to(router, whole.Whole(library, uploads, background))
    for rest in ("/api/{rest:path}", "/v1/{rest:path}"):  # else the page would answer
        router.add_api_route(
            rest, nothing_here, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
        )
    return router
