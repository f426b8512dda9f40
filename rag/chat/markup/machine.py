"""The machine, its models, an errand with one of them and the line of refusal come in, their cards go out."""

from __future__ import annotations

from collections.abc import Sequence

from rag.chat.errands import Errand
from rag.chat.markup import Html, Say, button, dotted, el, icon, raw
from rag.choosing import Machine, Row, told_of
from rag.dials import Line
from rag.settings import BUILTIN, engine_name
from rag.types import Reply


def facts(say: Say, machine: Machine) -> Html:
    def gigabytes(megabytes: int | None) -> str:
        return "—" if megabytes is None else f"{megabytes / 1000:.1f} GB"

    tiles = (
        ("cores", say("machine.cores_n", n=machine.cores)),
        ("memory", gigabytes(machine.memory)),
        ("disk", gigabytes(machine.disk)),
    )
    return el("div", *(el("div", el("span", say(f"machine.{k}")), el("b", v)) for k, v in tiles), css="tiles small")


def models(say: Say, rows: Sequence[Row], free: int | None, settled: Sequence[str]) -> Html:
    """One table for each thing that models do: those that are here, then those that can be pulled. `settled`: the
    kinds that this start of the server has settled."""
    return raw(*(_table(say, kind, [r for r in rows if r.kind == kind], free, kind in settled) for kind in KINDS))


KINDS = ("writer", "embedding", "reranker")


def _table(say: Say, kind: str, rows: Sequence[Row], free: int | None, settled: bool) -> Html:
    title = say(f"machine.{kind}")
    here = [_row(say, r, free, settled) for r in rows if r.here]
    away = [_row(say, r, free, settled) for r in sorted((r for r in rows if not r.here), key=_heaviness)]
    names = ("model", "needs", "speed", "state", "change")
    head = el("thead", el("tr", *(el("th", say(f"machine.{name}")) for name in names)))

    def table(body: Sequence[Html], label: str) -> Html:
        inside = el("table", head, el("tbody", *body), css="mods")
        return el("div", inside, css="tw", tabindex="0", role="region", aria_label=label)

    rest = None
    if away:
        more = say("machine.to_pull", n=len(away))
        rest = el("details", el("summary", more), table(away, f"{title}：{more}"), css="away", open=kind == "writer")
    told = el("p", say("machine.settled"), css="told w") if settled else None
    return raw(el("h3", title), told or Html(), table(here, title), rest or Html())


def _heaviness(row: Row) -> tuple[bool, int]:
    return row.fits is False, row.memory or 0


def _row(say: Say, row: Row, free: int | None, settled: bool) -> Html:
    name = say(f"machine.builtin_{row.kind}") if row.id == BUILTIN else engine_name(row.id)
    size = f"{row.megabytes:,} MB" if row.megabytes else ""
    told = dotted((row.id if row.id != BUILTIN else "", size, row.licence))
    tried = el("small", told_of(row.trial, say)) if row.trial else None
    return el(
        "tr",
        el("td", el("b", name), el("small", told) if told else None, tried, css="nm"),
        el("td", *_needs(row, free)),
        el("td", say(f"machine.speed_{row.speed or ('fast' if row.id == BUILTIN else 'unknown')}")),
        el("td", _state(say, row)),
        el("td", *_may(say, row, settled), css="acts-c"),
        css="on" if row.used else "",
    )


def _needs(row: Row, free: int | None) -> list[Html]:
    """Memory that is needed as a share of what is free; hatched where it is more."""
    if row.memory is None:
        return [el("span", "—")]
    share = min(100, 100 * row.memory // max(1, free)) if free is not None else 0
    css = "bar hatch" if row.fits is False else "bar"
    return [
        el("span", el("i", style=f"width:{share}%"), css=css, aria_hidden="true"),
        el("span", f"{row.memory / 1000:.1f} GB", css="tn"),
    ]


def _state(say: Say, row: Row) -> Html:
    if row.used:
        return el("span", say("machine.used"), css="stt")
    if row.fits is False:
        return el("span", say("machine.no_room"), css="stt b")
    if row.speed == "slow":
        return el("span", say("machine.slow"), css="stt w")
    return el("span", say("machine.here"), css="stt") if row.here else el("span", say("machine.fits"), css="muted")


def _may(say: Say, row: Row, settled: bool) -> list[Html | None]:
    def does(does: str, sign: str, words: str, **more: str) -> Html:
        label = f"{words}：{row.id}"
        return button(
            "ghost", sign, words, data_do=does, data_model=row.id, data_kind=row.kind, aria_label=label, **more
        )

    if row.used:
        return []
    fits = row.fits is not False
    if not row.here:
        return [does("pull", "", say("machine.pull")) if fits else el("span", say("machine.not_chosen"), css="muted")]
    use = does("use", "", say("machine.use")) if fits and not settled else None
    away = does("discard", "trash", say("machine.remove"), data_sure=say("settings.sure")) if row.pulled else None
    return [use, away]


def errand(say: Say, one: Errand | None, trouble: Html | None) -> Html:
    """How far it is, or what came of it. `trouble`: the card of what stood in its way."""
    if one is None:
        return Html()
    name = say(f"machine.builtin_{one.kind}") if one.model == BUILTIN else engine_name(one.model)
    if trouble is not None:
        return trouble
    if one.ended:
        return el("p", icon("warn"), el("span", say("machine.ended")), css="told w", role="status")
    if one.over:
        key = f"machine.done_{one.does}" if one.does != "use" else f"machine.done_use_{one.kind}"
        told = say(key, model=name, megabytes=one.free)
        if one.trial and one.trial.get("worse"):
            told += say("cli.models.worse")
        return el("p", icon("tick"), el("span", told), css="told g", role="status")
    step = one.step
    share = 100 * step.done // step.total if step is not None and step.total else 0
    doing = say(f"machine.doing_{one.does}", model=name)
    of = say(f"machine.step_{step.stage}", done=step.done, total=step.total) if step is not None else ""
    bar = el(
        "span", el("i", style=f"width:{share}%"), css="pb", role="progressbar", aria_label=doing,
        aria_valuenow=str(share), aria_valuemin="0", aria_valuemax="100",
    )  # fmt: skip
    end = button("ghost", "x", say("machine.end"), data_do="end", data_model=one.model, data_kind=one.kind)
    return el("div", el("ul", el("li", el("span", doing, css="nm"), bar, el("span", of, css="s"), css="now"), css="fl"), end, css="errand")  # fmt: skip


def busy(say: Say) -> Html:
    return el("p", icon("warn"), el("span", say("machine.busy")), css="told w", role="status")


# ---------------------------------------------------------------- how sure an answer must be


def lines(say: Say, offered: Sequence[Line], chosen: Line) -> Html:
    """What each line does of 100 questions with and of 100 without an answer, as bars; the one that holds is marked."""
    rows = [_line(say, one, one.name == chosen.name) for one in offered]
    return raw(el("ul", *rows, css="lines"), el("p", say("machine.line_measured"), css="xs"))


def _line(say: Say, one: Line, on: bool) -> Html:
    shares = (("able", one.able), ("unable", one.unable))
    bars = [
        el(
            "span",
            el("span", say(f"machine.line_{key}")),
            el("span", el("i", style=f"width:{n}%"), css=f"bar {key}", aria_hidden="true"),
            el("b", say("machine.of_hundred", n=n)),
            css="lb",
        )
        for key, n in shares
    ]
    change = (
        el("span", say("machine.line_on"), css="stt")
        if on
        else button("ghost", "", say("machine.line_choose"), data_do="line", data_line=one.name,
                    aria_label=f"{say('machine.line_choose')}：{say(f'machine.line_{one.name}')}")
    )  # fmt: skip
    name = el("b", say(f"machine.line_{one.name}"))
    return el("li", el("div", name, change, css="lh"), *bars, css="on" if on else "")


def verdict(say: Say, reply: Reply, line: Line) -> Html:
    """Whether the question that was tried would be answered, and how near it is to the line."""
    sure, least = f"{100 * reply.confidence:.0f}", f"{100 * line.chance:.0f}"
    if not reply.refused:
        return el("p", icon("tick"), el("span", say("machine.answers", answer=reply.answer[:200])), css="told g")
    known = reply.reason == "no_evidence" and reply.confidence > 0
    key = "machine.refuses_near" if known else "machine.refuses"
    return el("p", icon("warn"), el("span", say(key, sure=sure, least=least, answer=reply.answer[:200])), css="told w")
