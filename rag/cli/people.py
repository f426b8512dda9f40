"""`rag people`: who may sign in at `rag serve --auth`, looked after from the command line."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rag.cli.printing import line, print_json
from rag.types import Role
from rag.words import say

JsonOption = Annotated[bool, typer.Option("--json", help=say("cli.option.json"))]
LibraryOption = Annotated[Path | None, typer.Option("--library", help=say("cli.option.library"), metavar="DIR")]
NameArgument = Annotated[str, typer.Argument(help=say("cli.people.name"))]

people = typer.Typer(help=say("cli.people.help"), no_args_is_help=True)


class As(StrEnum):
    """The roles, as an option offers them."""

    reader = "reader"
    editor = "editor"


def role_of(asked: As) -> Role:
    return "editor" if asked is As.editor else "reader"


RoleOption = Annotated[As, typer.Option("--role", help=say("cli.people.role"))]


@people.command(help=say("cli.people.add"))
def add(name: NameArgument, role: RoleOption = As.reader, library: LibraryOption = None) -> None:
    from rag import library as door

    with door.open(library) as shelf:
        account = shelf.accounts.add(name, asked_password(), role_of(role))
    line(say("cli.people.added", name=account.name, role=say(f"people.{account.role}")))


@people.command("list", help=say("cli.people.list"))
def list_(as_json: JsonOption = False, library: LibraryOption = None) -> None:
    from rag import library as door

    with door.open(library, create=False) as shelf:
        accounts = shelf.accounts.listed()
    for account in accounts:
        if as_json:
            print_json(account.to_json())
        else:
            line(f"{account.name}  {say(f'people.{account.role}')}  {account.made_at[:10]}")
    if not accounts and not as_json:
        line(say("people.nobody"))


@people.command(help=say("cli.people.remove"))
def remove(name: NameArgument, library: LibraryOption = None) -> None:
    from rag import library as door

    with door.open(library, create=False) as shelf:
        shelf.accounts.remove(name)
    line(say("cli.people.removed", name=name))


@people.command("role", help=say("cli.people.set_role"))
def set_role(
    name: NameArgument,
    role: Annotated[As, typer.Argument(help=say("cli.people.role"))],
    library: LibraryOption = None,
) -> None:
    from rag import library as door

    with door.open(library, create=False) as shelf:
        account = shelf.accounts.set_role(name, role_of(role))
    line(say("cli.people.now", name=account.name, role=say(f"people.{account.role}")))


@people.command(help=say("cli.people.password"))
def password(name: NameArgument, library: LibraryOption = None) -> None:
    from rag import library as door

    with door.open(library, create=False) as shelf:
        shelf.accounts.set_password(name, asked_password())
    line(say("cli.people.changed", name=name))


def asked_password() -> str:
    """Typed twice, unseen; where nobody sits at the keyboard, the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first, again = say("cli.people.type"), say("cli.people.again")
    return str(typer.prompt(first, hide_input=True, confirmation_prompt=again, err=True))
