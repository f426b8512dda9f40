"""The commands of `rag`, each a few lines over `library.py`; options that all share stand at the top."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rag import settings
from rag.cli import cluster
from rag.cli.batches import answer_lines, turns
from rag.cli.evaluating import evaluating, measuring_speed
from rag.cli.models import models
from rag.cli.people import people
from rag.cli.printing import complain, line, print_figures, print_json, print_receipt, print_reply, progress_bar
from rag.errors import EmptyLibrary, Usage
from rag.types import Filter
from rag.words import say

LibraryOption = Annotated[str | None, typer.Option("--library", help=say("cli.option.library"), metavar="DIR")]
JsonOption = Annotated[bool, typer.Option("--json", help=say("cli.option.json"))]
BatchOption = Annotated[str | None, typer.Option("--batch", help=say("cli.option.batch"), metavar="FILE")]
SourceOption = Annotated[list[str] | None, typer.Option("--source", help=say("cli.option.source"))]
ColumnOption = Annotated[list[str] | None, typer.Option("--column", help=say("cli.option.column"))]
FromOption = Annotated[str | None, typer.Option("--from", help=say("cli.option.from"), metavar="DATE")]
ToOption = Annotated[str | None, typer.Option("--to", help=say("cli.option.to"), metavar="DATE")]
EngineOption = Annotated[str | None, typer.Option("--engine", help=say("cli.option.engine"), metavar="NAME")]
QuestionArgument = Annotated[str | None, typer.Argument(help=say("cli.option.question"), show_default=False)]

app = typer.Typer(
    name="rag",
    help=say("cli.help"),
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(evaluating, name="eval")
app.add_typer(measuring_speed, name="bench")
app.add_typer(models, name="models")
app.add_typer(people, name="people")
cluster.add_to(app)


def version(wanted: bool) -> None:
    if wanted:
        from rag import __version__

        line(f"rag {__version__}")
        raise typer.Exit


@app.callback()
def start(
    shown: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help=say("cli.option.version"))
    ] = False,
    search: Annotated[str | None, typer.Option("--search", help=say("cli.option.search"), metavar="MILVUS")] = None,
) -> None:
    """Options of `rag` itself; its help stands in the words."""
    if search:
        from rag.settings import search_with

        search_with(search)


def opened(library: str | None, *, engine: str | None = None, create: bool = False) -> Any:
    from rag import library as door
    from rag import traces

    traces.start()
    return door.open(library, engine=engine, create=create)


@app.command(help=say("cli.add.help"))
def add(
    paths: Annotated[list[Path] | None, typer.Argument(help=say("cli.add.paths"), show_default=False)] = None,
    sample: Annotated[bool, typer.Option("--sample", help=say("cli.add.sample"))] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> int:
    places = list(paths or [])
    if sample:
        places.append(settings.samples() / "articles")
    if not places:
        raise Usage(what=say("cli.add.nothing"), remedy=say("cli.add.nothing_remedy"))
    refused = 0
    with opened(library, create=True) as shelf, progress_bar(as_json) as progress:
        receipts = shelf.add(places, progress=progress)
        state = shelf.state()
    for receipt in receipts:
        refused += receipt.status == "refused"
        print_receipt(receipt, as_json)
    if not as_json:
        line(say("cli.add.done", files=len(receipts), articles=state.articles, refused=refused))
    return 4 if refused else 0


@app.command(help=say("cli.remove.help"))
def remove(
    names: Annotated[list[str], typer.Argument(help=say("cli.remove.names"))],
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> int:
    with opened(library) as shelf:
        removals = shelf.remove(names)
    for removal in removals:
        if as_json:
            print_json(removal.to_json())
        else:
            line(
                say(
                    f"cli.remove.{removal.status}",
                    name=removal.name,
                    articles=removal.articles,
                    passages=removal.passages,
                    left=removal.left,
                )
            )
    return 3 if any(r.status == "unknown" for r in removals) else 0


@app.command(name="list", help=say("cli.list.help"))
def list_(
    documents: Annotated[bool, typer.Option("--documents", help=say("cli.list.documents"))] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    with opened(library) as shelf:
        state = shelf.state()
        for row in shelf.documents() if documents else every_article(shelf):
            if as_json:
                print_json(row.to_json() if documents else article_row(row))
            elif documents:
                line(
                    f"{row.document_id}  {row.source}  {say('cli.list.document', articles=row.articles, characters=row.characters)}"
                )
            else:
                line(f"{row.article_id}  {row.date or '—':<10}  {row.title or row.text[:20]}  ({row.source})")
        if not as_json:
            line(say("cli.list.total", articles=state.articles, documents=state.documents))


def every_article(shelf: Any) -> Iterator[Any]:
    offset = 0
    while rows := shelf.articles(offset=offset, limit=500):
        yield from rows
        offset += len(rows)


def article_row(article: Any) -> dict[str, Any]:
    row: dict[str, Any] = article.to_json()
    row["characters"] = len(row.pop("text"))
    return row


@app.command(help=say("cli.show.help"))
def show(
    article_id: Annotated[str, typer.Argument(help=say("cli.show.article"))],
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    with opened(library) as shelf:
        article, reprints = shelf.article(article_id), shelf.reprints(article_id)
    if as_json:
        print_json({**article.to_json(), "reprints": [r.article_id for r in reprints]})
        return
    line(article.title)
    line("  ".join(p for p in (article.author, article.date, article.column, article.source) if p))
    line()
    line(article.text)
    if reprints:
        line()
        line(say("cli.show.reprints"))
    for other in reprints:
        line(f"  · 《{other.title or other.source}》 {other.date or ''} ({other.source}) rag show {other.article_id}")


@app.command(help=say("cli.search.help"))
def search(
    question: QuestionArgument = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help=say("cli.search.k"))] = 10,
    batch: BatchOption = None,
    source: SourceOption = None,
    column: ColumnOption = None,
    since: FromOption = None,
    until: ToOption = None,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    with opened(library) as shelf:
        if batch is not None:
            answer_lines(
                batch,
                lambda row: shelf.search(
                    row["question"], k, only=Filter.from_json(row.get("filter")), history=turns(row)
                ).to_json(),
            )
            return
        found = shelf.search(question or "", k, only=chosen(source, column, since, until))
    if as_json:
        print_json({"id": None, **found.to_json()})
        return
    for i, hit in enumerate(found.hits, 1):
        line(f"{i}. 《{hit.title or hit.source}》 {hit.date or ''}  {hit.score:.2f}  {'、'.join(hit.why.matched[:8])}")
        line(f"   {hit.text[:120]}")
    if found.note:
        line(say("cli.ask.note", note=found.note))
    if not found.hits:
        line(say("refusals.no_evidence"))


@app.command(help=say("cli.ask.help"))
def ask(
    question: QuestionArgument = None,
    engine: EngineOption = None,
    batch: BatchOption = None,
    source: SourceOption = None,
    column: ColumnOption = None,
    since: FromOption = None,
    until: ToOption = None,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> int:
    with opened(library, engine=engine) as shelf:
        if batch is not None:
            answer_lines(
                batch,
                lambda row: shelf.ask(
                    row["question"], history=turns(row), only=Filter.from_json(row.get("filter"))
                ).to_json(),
            )
            return 0
        reply = shelf.ask(question or "", only=chosen(source, column, since, until))
    if as_json:
        print_json({"id": None, **reply.to_json()})
    else:
        print_reply(reply)
    if reply.reason == "empty_library":
        if as_json:
            complain(EmptyLibrary())
        return EmptyLibrary.exit_code
    return 0


@app.command(help=say("cli.read.help"))
def read(
    batch: Annotated[str, typer.Option("--batch", help=say("cli.option.batch"), metavar="FILE")],
    engine: EngineOption = None,
    as_json: JsonOption = True,
    library: LibraryOption = None,
) -> None:
    from rag import given

    reader = given.reader(engine=engine)

    def answer(row: dict[str, Any]) -> dict[str, Any]:
        passages = row.get("passages")
        if not isinstance(passages, list) or not all(isinstance(p, str) for p in passages):
            raise Usage(what=say("cli.read.no_passages"), remedy=say("cli.read.no_passages_remedy"))
        return reader(row["question"], passages, turns(row)).to_json()

    answer_lines(batch, answer)


@app.command(help=say("cli.serve.help"))
def serve(
    host: Annotated[str, typer.Option(help=say("cli.serve.host"))] = settings.DEFAULT_HOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help=say("cli.serve.port"))] = settings.DEFAULT_PORT,
    auth: Annotated[bool, typer.Option("--auth", help=say("cli.serve.auth"))] = False,
    sample: Annotated[bool, typer.Option("--sample", help=say("cli.serve.sample"))] = False,
    widget_on: Annotated[
        list[str] | None, typer.Option("--widget-on", metavar="ORIGIN", help=say("cli.serve.widget_on"))
    ] = None,
    engine: EngineOption = None,
    library: LibraryOption = None,
) -> None:
    from rag import chat

    with opened(library, engine=engine, create=True) as shelf:
        if sample and not shelf.state().articles:
            with progress_bar() as progress:
                shelf.add([settings.samples() / "articles"], progress=progress, embed=False)  # the page does it
        chat.serve(shelf, host=host, port=port, auth=auth, frames=widget_on or ())


@app.command(help=say("cli.mcp.help"))
def mcp(engine: EngineOption = None, library: LibraryOption = None) -> None:
    from rag.api import mcp as agents

    with opened(library, engine=engine, create=True) as shelf:
        agents.serve(shelf)


@app.command(help=say("cli.figures.help"))
def figures(
    since: FromOption = None,
    until: ToOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("cli.figures.csv"))] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    with opened(library) as shelf:
        told = shelf.desk.figures(since or "", until or "")
    if as_json:
        print_json(told.to_json())
    elif as_csv:
        from rag.figures import as_csv as table

        line(table(told).removeprefix("\ufeff").rstrip("\r\n").replace("\r\n", "\n"))
    else:
        print_figures(told)


@app.command(help=say("cli.check.help"))
def check(
    repair: Annotated[bool, typer.Option("--repair", help=say("cli.check.repair"))] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> int:
    from rag import library as door
    from rag.errors import LibraryDamaged

    with progress_bar(as_json) as progress:
        checkup = door.check(library, repair=repair, progress=progress)
    if as_json:
        print_json(checkup.to_json())
    else:
        for fault in checkup.faults:
            line(f"✕ {fault}")
        for built in checkup.repaired:
            line(f"✓ {built}")
        line(
            say(
                "cli.check.whole" if checkup.whole else "cli.check.damaged",
                articles=checkup.articles,
                passages=checkup.passages,
            )
        )
    return 0 if checkup.whole else LibraryDamaged.exit_code


@app.command(help=say("cli.export.help"))
def export(as_json: JsonOption = False, library: LibraryOption = None) -> None:
    with opened(library) as shelf:
        for article in every_article(shelf):
            if as_json:
                print_json(article.to_json())
            else:
                line(f"# {article.title}\n\n{article.text}\n")


@app.command(help=say("cli.backup.help"))
def backup(file: Annotated[Path, typer.Argument(help=say("cli.backup.file"))], library: LibraryOption = None) -> None:
    with opened(library) as shelf:
        shelf.backup(file)
    line(say("cli.backup.done", file=file, megabytes=f"{file.stat().st_size / 1e6:.1f}"))


@app.command(help=say("cli.restore.help"))
def restore(file: Annotated[Path, typer.Argument(help=say("cli.restore.file"))], library: LibraryOption = None) -> None:
    from rag import library as door

    state = door.restore(file, library)
    line(say("cli.restore.done", articles=state.articles, file=file))


def chosen(source: list[str] | None, column: list[str] | None, since: str | None, until: str | None) -> Filter:
    return Filter(tuple(source or ()), tuple(column or ()), since, until)
