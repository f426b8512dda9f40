"""The library as one file, for editors: sent to them, and put back from what they send."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.background import BackgroundTask

from rag.api import caller
from rag.errors import LibraryDamaged, Usage
from rag.library import Library
from rag.words import say


class Whole:
    """`folder`: where the file lies while it is on its way; nobody else's to read."""

    def __init__(self, library: Library, folder: Path | None, background: Any) -> None:
        self.library, self.folder, self.background = library, folder, background

    def backup(self) -> FileResponse:
        file = self._file()
        try:
            self.library.backup(file)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        name = f"rag-{date.today().isoformat()}.zip"
        gone = BackgroundTask(file.unlink, missing_ok=True)
        headers = {"Cache-Control": "no-store"}
        return FileResponse(file, media_type="application/zip", filename=name, headers=headers, background=gone)

    async def restore(self, request: Request) -> JSONResponse:
        """The body is the file, written to disk as it comes."""
        file = self._file()
        try:
            with file.open("wb") as out:
                async for part in request.stream():
                    await asyncio.to_thread(out.write, part)
            state = await asyncio.to_thread(self.library.restore, file)
        except LibraryDamaged as error:
            raise Usage(what=say("api.bad_backup"), remedy=say("api.bad_backup_remedy")) from error
        finally:
            file.unlink(missing_ok=True)
        if self.background is not None:
            self.background.wake()
        return JSONResponse({"articles": state.articles, "documents": state.documents})

    def _file(self) -> Path:
        handle, name = tempfile.mkstemp(prefix="rag-whole-", suffix=".zip", dir=self.folder)
        open(handle, "wb").close()
        return Path(name)


_FILE = {
    "requestBody": {
        "required": True,
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def add_to(router: APIRouter, whole: Whole) -> None:
    by_editors = [Depends(caller.editor)]
    router.add_api_route(
        "/api/backup", whole.backup, methods=["GET"], summary=say("api.backup"), dependencies=by_editors,
        response_class=FileResponse,
    )  # fmt: skip
    router.add_api_route(
        "/api/restore", whole.restore, methods=["POST"], summary=say("api.restore"), dependencies=by_editors,
        openapi_extra=_FILE,
    )  # fmt: skip
