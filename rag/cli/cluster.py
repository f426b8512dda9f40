"""`rag work` and `rag move`: libraries in a database, and the way there and back."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from rag.cli.printing import line, print_json, print_receipt, progress_bar
from rag.types import Receipt
from rag.words import say

LibraryOption = Annotated[str | None, typer.Option("--library", help=say("cli.option.library"), metavar="DIR")]
JsonOption = Annotated[bool, typer.Option("--json", help=say("cli.option.json"))]


def work(
    once: Annotated[bool, typer.Option("--once", help=say("cli.work.once"))] = False,
    dead: Annotated[bool, typer.Option("--dead", help=say("cli.work.dead"))] = False,
    again: Annotated[bool, typer.Option("--again", help=say("cli.work.again"))] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    from rag import library as door

    with door.open(library) as shelf:
        queue = shelf.queue
        if dead:
            for one in queue.set_aside():
                row = {"id": one.id, "file": one.source, "reason": one.reason, "attempts": one.attempts, "at": one.at}
                if as_json:
                    print_json(row)
                else:
                    line(say("cli.work.set_aside", source=one.source, attempts=one.attempts, reason=one.reason))
            return
        if again:
            line(say("cli.work.put_back", n=queue.again()))
            return
        now = queue.standing()
        if not as_json:
            line(say("cli.work.waits", waiting=now.waiting, working=now.working, done=now.done, dead=now.dead))

        def told(receipt: Receipt) -> None:
            print_receipt(receipt, as_json)

        shelf.work(until_told(), told=told, once=once)


def until_told() -> threading.Event:
    """Set by SIGTERM, as systemd and containers send it: the document at hand is read to its end."""
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    return stop


def move(
    source: Annotated[str, typer.Argument(help=say("cli.move.from"), metavar="FROM")],
    target: Annotated[str, typer.Argument(help=say("cli.move.to"), metavar="TO")],
    as_json: JsonOption = False,
) -> None:
    from rag import library as door

    with progress_bar(as_json) as progress:
        sums = door.move(source, target, progress)
    for one in sums:
        row = {"table": one.table, "rows": one.rows, "checksum": one.checksum}
        if as_json:
            print_json(row)
        else:
            line(say("cli.move.table", table=one.table, rows=one.rows, checksum=one.checksum[:16]))
    if not as_json:
        line(say("cli.move.done", rows=sum(one.rows for one in sums)))


def add_to(app: typer.Typer) -> None:
    app.command(help=say("cli.work.help"))(work)
    app.command(help=say("cli.move.help"))(move)
