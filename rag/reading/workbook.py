"""Workbooks (.xlsx): the rules of .csv for every sheet, a row a record; cells read as a person sees them.

openpyxl reads row by row, so that a sheet of a million empty rows costs no memory. Formulas give the value that was
saved with them.
"""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.reading import rows
from rag.reading.archive import refuse_bomb
from rag.reading.plain import digest, refuse_large, tidy
from rag.reading.refusing import Unreadable
from rag.types import Document, Record
from rag.words import say

_UNPACKED = 300 * 2**20
_MAX_COLUMNS = 200
_MAX_CELLS = 5_000_000  # of all sheets
_LEAD = 5  # rows above a table that may hold its name
_MERGED = re.compile(rb'<mergeCell ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_MAX_MERGED = 50_000
_EMPTY = 5000  # rows in a row behind which nothing is looked for


def read(path: Path, source: str) -> Document:
    """Errors: Unreadable, where no sheet has a header or no row is left."""
    import warnings

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    refuse_large(path)
    refuse_bomb(path, _UNPACKED)
    losses, keys = rows.Losses(), rows.Keys(source)
    records: list[Record] = []
    nameless: list[str] = []
    hidden: list[str] = []
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # of styles and extensions that it does not know
            book = load_workbook(file, read_only=True, data_only=True)
            try:
                for sheet in book.worksheets:
                    if sheet.sheet_state != "visible":  # its writer shows it to nobody
                        hidden.append(sheet.title)
                        continue
                    found = _records(path, sheet, len(book.worksheets) > 1, len(records), keys, losses)
                    if found is None:
                        nameless.append(sheet.title)
                    else:
                        records += found
            finally:
                book.close()
    except (InvalidFileException, zipfile.BadZipFile, *_BROKEN) as error:
        raise Unreadable("damaged", detail=type(error).__name__) from error
    if not records and not losses.lines:
        raise Unreadable("no_header" if nameless else "empty")
    document = rows.document(source, "xlsx", None, digest(path), records, losses)
    left = [say("reading.sheet_no_header", sheet=name) for name in nameless]
    left += [say("reading.sheet_hidden", sheet=name) for name in hidden]
    return replace(document, losses=(*document.losses, *left))


# SyntaxError: a broken XML's ParseError
_BROKEN = (KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, EOFError, OSError, OverflowError)


def _records(
    path: Path, sheet: Any, named: bool, before: int, keys: rows.Keys, losses: rows.Losses
) -> list[Record] | None:
    """A sheet's rows; None where it holds text but no header, an empty list where it holds nothing."""
    records: list[Record] = []
    header: list[str] | None = None
    fields: dict[str, int] = {}
    table = sheet.title if not re.fullmatch(r"(?:sheet|工作表|表)\s*\d*", sheet.title, re.I) else ""
    lead = 0
    for number, cells in _rows(sheet, _tall(path, sheet)):
        if header is None:
            lead += 1
            if sum(map(bool, cells)) == 1 and lead <= _LEAD:  # the table's name, merged over its columns
                table = next(filter(None, cells))
                continue
            try:
                fields = rows.fields(cells)
            except Unreadable:
                if lead > _LEAD:
                    return None
                continue
            header = cells
            continue
        try:
            record = rows.from_cells(header, fields, cells, before + number, keys, table)
            records.append(record)
        except rows.BadRow as why:
            losses.add(number, f"{sheet.title}：{why}" if named else str(why))
    return records if header is not None or not lead else None


def _tall(path: Path, sheet: Any) -> dict[tuple[int, int], int]:
    """Cells that are merged over several rows, by row and column from 1: their last row. openpyxl tells them only where
    it holds the whole sheet, which takes fifty times its bytes."""
    from openpyxl.utils.cell import range_boundaries

    found: dict[tuple[int, int], int] = {}
    rest = b""
    with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path) as xml:
        while chunk := xml.read(1 << 20):
            rest += chunk
            for merged in _MERGED.finditer(rest):
                left, top, _, bottom = range_boundaries(merged[1].decode("ascii"))
                if bottom > top and len(found) < _MAX_MERGED:
                    found[top, left] = bottom
            rest = rest[-100:]
    return found


def _rows(sheet: Any, tall: dict[tuple[int, int], int]) -> Iterator[tuple[int, list[str]]]:
    """Numbers from 1 and cells of the rows that are not empty; a cell merged over several rows stands in each of them.
    Errors: Unreadable for more than anyone wrote."""
    empty = seen = 0
    above: dict[int, tuple[int, str]] = {}  # column → last row that it reaches, what it says
    for number, row in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS), 1):
        cells = [_said(cell) for cell in row]
        for column, words in enumerate(cells, 1):
            last, said = above.get(column, (0, ""))
            if number <= last and not words:
                cells[column - 1] = said
            elif (number, column) in tall:
                above[column] = (tall[number, column], words)
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            empty += 1
            if empty > _EMPTY:
                return
            continue
        empty = 0
        seen += len(cells)
        if seen > _MAX_CELLS:
            raise Unreadable("too_many_cells", limit=_MAX_CELLS)
        yield number, cells


def _said(cell: Any) -> str:
    """A cell's value as it is shown: days as ISO, shares in per cent, figures with as many places as they show."""
    value, shown = cell.value, str(getattr(cell, "number_format", "") or "")
    if value is None:
        return ""
    if isinstance(value, bool):
        return say("reading.yes") if value else say("reading.no")
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, int | float):
        places = re.fullmatch(r"[#,]*0(?:\.(0+))?(%?)(?:_\)?|\s)*(?:;.*)?", shown)
        if places:
            return f"{value * 100 if places[2] else value:.{len(places[1] or '')}f}{places[2]}"
        return f"{value:.15g}"
    return tidy(str(value))
