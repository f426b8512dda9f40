"""`rag models`: which models there are and which one answers; a few lines over `choosing.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rag.cli.evaluating import asking
from rag.cli.printing import line, print_json, progress_bar
from rag.words import say

JsonOption = Annotated[bool, typer.Option("--json", help=say("cli.option.json"))]
LibraryOption = Annotated[Path | None, typer.Option("--library", help=say("cli.option.library"), metavar="DIR")]
ModelArgument = Annotated[str, typer.Argument(help=say("cli.models.model"))]

models = typer.Typer(help=say("cli.models.help"), no_args_is_help=True)


@models.command(name="list", help=say("cli.models.list"))
def list_(as_json: JsonOption = False, library: LibraryOption = None) -> None:
    from rag import choosing

    kind = ""
    for row in choosing.rows(library):
        if as_json:
            print_json(row.to_json())
            continue
        if row.kind != kind:
            kind = row.kind
            line(say(f"cli.models.kind_{kind}"))
        line(("★ " if row.used else "✓ " if row.here else "  ") + told(row))
        if row.trial:
            line(f"    {choosing.told_of(row.trial)}")
    if not as_json:
        line(say("cli.models.signs"))


def told(row: Any) -> str:
    """A model in a line: its name, then what is known of it."""
    if row.id == "builtin":
        return f"{row.id}  {say(f'cli.models.builtin_{row.kind}')}"
    facts = []
    if row.megabytes:
        facts.append(f"{row.megabytes} MB")
    if row.memory:
        short = "" if row.fits is not False else say("cli.models.no_room")
        facts.append(say("cli.models.memory", memory=f"{row.memory / 1000:.1f}") + short)
    if row.speed:
        facts.append(say(f"cli.models.speed_{row.speed}"))
    if row.licence:
        facts.append(row.licence)
    return "  ".join([row.id, " · ".join(facts)]).rstrip()


@models.command(help=say("cli.models.pull"))
def pull(
    model: ModelArgument,
    mirror: Annotated[str | None, typer.Option("--mirror", help=say("cli.models.mirror"))] = None,
    file: Annotated[str, typer.Option("--file", help=say("cli.models.file"))] = "",
    as_json: JsonOption = False,
) -> None:
    from rag import choosing

    with progress_bar(as_json) as progress:
        place = choosing.pull(model, mirror=mirror, file=file, progress=progress)
    if as_json:
        print_json({"model": model, "folder": str(place)})
    else:
        line(say("cli.models.pulled", model=model))


@models.command(help=say("cli.models.use"))
def use(
    model: ModelArgument,
    embedding: Annotated[bool, typer.Option("--embedding", help=say("cli.models.embedding"))] = False,
    reranker: Annotated[bool, typer.Option("--reranker", help=say("cli.models.reranker"))] = False,
    no_test: Annotated[bool, typer.Option("--no-test", help=say("cli.models.no_test"))] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    from rag import choosing

    kind = "embedding" if embedding else "reranker" if reranker else choosing.kind_of(model)
    trial = None
    with progress_bar(as_json) as progress:
        named = choosing.use(model, library, kind=kind, progress=progress)
        if kind == "writer" and named != "builtin" and not no_test:
            from rag.evaluation.trial import try_out

            trial = try_out(named, tell=asking(progress))
            choosing.keep_trial(named, trial)
    if as_json:
        print_json({"model": named, "kind": kind, "trial": trial})
        return
    line(say(f"cli.models.used_{kind}", model=named))
    if trial:
        line(choosing.told_of(trial))


@models.command(help=say("cli.models.remove"))
def remove(model: ModelArgument, as_json: JsonOption = False, library: LibraryOption = None) -> None:
    from rag import choosing

    megabytes, used = choosing.remove(model, library)
    if as_json:
        print_json({"model": model, "megabytes": megabytes, "was_used": used is not None})
        return
    line(say("cli.models.removed", model=model, megabytes=megabytes))
    if used:
        line(say(f"cli.models.builtin_now_{used}"))
