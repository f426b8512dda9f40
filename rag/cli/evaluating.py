"""`rag eval` and `rag bench`: what the installed product can do and how fast, measured on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from rag.cli.batches import answer_lines
from rag.cli.printing import line, print_json, progress_bar
from rag.types import Progress
from rag.words import say

JsonOption = Annotated[bool, typer.Option("--json", help=say("cli.option.json"))]
LibraryOption = Annotated[Path | None, typer.Option("--library", help=say("cli.option.library"), metavar="DIR")]

evaluating = typer.Typer(help=say("cli.eval.help"), invoke_without_command=True)


@evaluating.callback()
def answers(
    context: typer.Context,
    questions: Annotated[Path | None, typer.Option("--questions", help=say("cli.eval.questions"))] = None,
    articles: Annotated[list[Path] | None, typer.Option("--articles", help=say("cli.eval.articles"))] = None,
    rows: Annotated[bool, typer.Option("--rows", help=say("cli.eval.rows"))] = False,
    report: Annotated[Path | None, typer.Option("--report", help=say("cli.eval.report"))] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help=say("cli.eval.plot"))] = None,
    engine: Annotated[str | None, typer.Option("--engine", help=say("cli.option.engine"))] = None,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    if context.invoked_subcommand is not None:
        return
    from rag import evaluation

    with progress_bar(as_json) as progress:
        verdicts = evaluation.measure(
            questions, articles or (), library=library, engine=engine, progress=asking(progress)
        )
    measured = evaluation.figures(verdicts)
    if rows:
        for verdict in verdicts:
            print_json(evaluation.row(verdict))
    if as_json:
        print_json(dict(measured))
    else:
        for name, value in evaluation.table(measured):
            line(f"{value:>10}  {name}")
    if report is not None:
        report.write_text(evaluation.markdown(verdicts), "utf-8")
    if plot is not None:
        plot.write_text(evaluation.picture(verdicts), "utf-8")


@evaluating.command(help=say("cli.eval.retrieval"))
def retrieval(
    sets: Annotated[list[Path], typer.Argument(help=say("cli.eval.sets"))],
    distractors: Annotated[list[Path] | None, typer.Option(help=say("cli.eval.distractors"))] = None,
    limit: Annotated[int | None, typer.Option(help=say("cli.eval.limit"))] = None,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    from rag.evaluation.retrieval import measure_sets

    with progress_bar(as_json) as progress:
        for name, measured in measure_sets(sets, distractors or (), limit=limit, library=library, progress=progress):
            if as_json:
                print_json({"set": name, **measured})
            else:
                line(f"{name}: " + " · ".join(f"{key} {value}" for key, value in measured.items()))


@evaluating.command(help=say("cli.eval.gate"))
def gate(
    batch: Annotated[str | None, typer.Option("--batch", help=say("cli.eval.sentences"), metavar="FILE")] = None,
    rows: Annotated[bool, typer.Option("--rows", help=say("cli.eval.misjudged"))] = False,
    as_json: JsonOption = False,
) -> None:
    from rag.evaluation import gate as measuring

    if batch is not None:
        answer_lines(batch, measuring.verdict, need="sentence")
        return
    with progress_bar(as_json) as progress:
        judged = measuring.judge(measuring.read_claims(), asking(progress))
    if rows:
        for one in judged:
            if not one.right:
                print_json({**asdict(one.claim), "faults": [asdict(fault) for fault in one.faults]})
    for kind, measured in measuring.by_kind(judged):
        if as_json:
            print_json({"kind": kind, **measured})
        else:
            name = say(f"eval.gate.{'passed' if measured['supported'] else 'caught'}", kind=say(f"eval.claims.{kind}"))
            line(f"{100 * measured['right']:>9.1f}%  {name} ({measured['sentences']})")
    totals = measuring.figures(judged)
    if as_json:
        print_json(totals)
        return
    for half in ("", *(f"_{half}" for half in measuring.TOLD_APART)):
        caught, alarms = totals[f"caught{half}"], totals[f"false_alarms{half}"]
        line(say(f"eval.gate.totals{half}", caught=f"{100 * caught:.1f}%", alarms=f"{100 * alarms:.1f}%"))


FileArgument = Annotated[Path, typer.Argument(help=say("cli.eval.file"))]
RowsOption = Annotated[bool, typer.Option("--rows", help=say("cli.eval.rows"))]
EngineOption = Annotated[str | None, typer.Option("--engine", help=say("cli.option.engine"))]
FirstOption = Annotated[int | None, typer.Option("--first", min=1, help=say("cli.eval.first"))]


@evaluating.command(help=say("cli.eval.rgb"))
def rgb(
    file: FileArgument,
    noise: Annotated[str, typer.Option(help=say("cli.eval.noise"))] = "0,0.2,0.4,0.6,0.8,1",
    first: FirstOption = None,
    rows: RowsOption = False,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    from rag.evaluation import given
    from rag.given import reader

    try:
        levels = [float(level) for level in noise.split(",")]
    except ValueError as error:
        raise typer.BadParameter(noise, param_hint="--noise") from error
    with progress_bar(as_json) as progress:
        questions = given.read_rows(file)[:first]
        _given(given.measure_rgb(questions, reader(engine), levels, tell=asking(progress)), rows, as_json)


@evaluating.command(help=say("cli.eval.reading"))
def reading(
    file: FileArgument,
    first: FirstOption = None,
    rows: RowsOption = False,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    from rag.evaluation import given
    from rag.given import reader

    with progress_bar(as_json) as progress:
        questions = given.read_rows(file)[:first]
        _given(given.measure_reading(questions, reader(engine), tell=asking(progress)), rows, as_json)


def asking(progress: Callable[[Progress], None] | None) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if progress:
            progress(Progress("asking", done, total))

    return tell


def _given(measured: Iterable[tuple[dict[str, Any], Mapping[str, Any] | None]], rows: bool, as_json: bool) -> None:
    for told, total in measured:
        if total is None:
            if rows:
                print_json(told)
        elif as_json:
            print_json(dict(total))
        else:
            for name, value in total.items():
                line(f"{'—' if value is None else value!s:>10}  {name}")


@evaluating.command(help=say("cli.eval.premises"))
def premises(
    engine: Annotated[str | None, typer.Option("--engine", help=say("cli.option.engine"))] = None,
    rows: Annotated[bool, typer.Option("--rows", help=say("cli.eval.rows"))] = False,
    as_json: JsonOption = False,
) -> None:
    from rag.evaluation import premises as measuring

    with progress_bar(as_json) as progress:
        told = measuring.measure(engine, asking(progress))
    if rows:
        for trap, reply, what in told:
            about = {"reason": reply.reason, "answer": reply.answer, "conflicts": len(reply.conflicts)}
            print_json({"id": trap.id, "kind": trap.kind, "question": trap.question, "outcome": what, **about})
    for measured in measuring.figures(told):
        if as_json:
            print_json(measured)
            continue
        counts = [
            f"{say(f'eval.outcomes.{k}')} {n}" for k, n in measured.items() if k not in ("kind", "questions", "right")
        ]
        name = say(f"eval.traps.{measured['kind']}")
        line(f"{100 * measured['right']:>9.1f}%  {name} ({measured['questions']}): {' · '.join(counts)}")


measuring_speed = typer.Typer(help=say("cli.bench.help"), invoke_without_command=True)


@measuring_speed.callback()
def bench(
    context: typer.Context,
    runs: Annotated[int, typer.Option(min=1, help=say("cli.bench.runs"))] = 5,
    as_json: JsonOption = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    from rag.bench import bench as timings

    with progress_bar(as_json) as progress:
        for timing in timings(progress, runs):
            tell_figure(timing.to_json(), f"{timing.median:>10.1f} ms", as_json)


@measuring_speed.command(help=say("cli.bench.ingest"))
def ingest(
    paths: Annotated[list[Path] | None, typer.Argument(help=say("cli.bench.paths"), show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    from rag.bench import ingest as figures

    with progress_bar(as_json) as progress:
        for figure in figures(paths or [], progress):
            tell_figure(figure.to_json(), f"{figure.value:>10} {figure.unit}", as_json)


@measuring_speed.command(help=say("cli.bench.llm"))
def llm(
    models: Annotated[list[str] | None, typer.Argument(help=say("cli.bench.models"), show_default=False)] = None,
    as_json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    from rag.bench import llm as figures
    from rag.choosing import rows

    here = [row.id for row in rows(library) if row.kind == "writer" and (row.used or row.here) and row.id != "builtin"]
    for figure in figures(models or here):
        tell_figure(figure.to_json(), f"{figure.value:>10} {figure.unit}", as_json)


@measuring_speed.command(name="serve", help=say("cli.bench.serve"))
def serving(
    server: Annotated[str | None, typer.Option("--server", help=say("cli.bench.server"), metavar="URL")] = None,
    readers: Annotated[str, typer.Option("--readers", help=say("cli.bench.readers"))] = "8,32,100",
    each: Annotated[int, typer.Option("--each", min=1, help=say("cli.bench.each"))] = 3,
    as_json: JsonOption = False,
) -> None:
    from rag.crowd import crowds

    numbers = [int(n) for n in readers.split(",") if n.strip().isdecimal() and int(n)]
    with progress_bar(as_json) as progress:
        for crowd in crowds(server, numbers, each, progress or (lambda step: None)):
            row = crowd.to_json()
            if as_json:
                print_json(row)
            else:
                line(say("cli.bench.crowd", **{**row, "errors": f"{row['errors']:.1%}"}))


@measuring_speed.command(name="scale", help=say("cli.bench.scale"))
def growing(
    folder: Annotated[Path | None, typer.Argument(help=say("cli.bench.copied"), show_default=False)] = None,
    sizes: Annotated[str, typer.Option("--sizes", help=say("cli.bench.sizes"))] = "1000,10000",
    questions: Annotated[int, typer.Option("--questions", min=2, help=say("cli.bench.questions"))] = 50,
    as_json: JsonOption = False,
) -> None:
    from rag.scale import scale

    numbers = [int(n) for n in sizes.split(",") if n.strip().isdecimal() and int(n)]
    if not numbers:
        raise typer.BadParameter(sizes, param_hint="--sizes")
    with progress_bar(as_json) as progress:
        for figure in scale(folder, numbers, questions, progress or (lambda step: None)):
            tell_figure(figure.to_json(), f"{figure.value:>10} {figure.unit}", as_json)


def tell_figure(row: dict[str, Any], value: str, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        line(f"{value}  {row['name']}" + (f"  × {row['ratio']} {row['yardstick']}" if row["ratio"] else ""))
