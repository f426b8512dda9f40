"""Who sends a request, as the server's gate found out, and what they may do."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from rag.errors import NotAllowed, SignInNeeded
from rag.types import Role

KEY = "rag.caller"  # under which the gate notes the caller in the request's scope


@dataclass(frozen=True, slots=True)
class Caller:
    """`role` None: not known, may see nothing but the door. `name`: whose conversations they see. `person`: the name
    that they signed in with. `counted`: by what their requests are counted; "": by their address."""

    name: str = ""
    role: Role | None = None
    person: str = ""
    counted: str = ""


def of(scope: MutableMapping[str, Any]) -> Caller:
    """Nobody where no gate stood before."""
    caller = scope.get(KEY)
    return caller if isinstance(caller, Caller) else Caller()


def reader(request: Request) -> Caller:
    """Errors: SignInNeeded."""
    caller = of(request.scope)
    if caller.role is None:
        raise SignInNeeded()
    return caller


def editor(request: Request) -> Caller:
    """Errors: SignInNeeded, NotAllowed."""
    caller = reader(request)
    if caller.role != "editor":
        raise NotAllowed()
    return caller
