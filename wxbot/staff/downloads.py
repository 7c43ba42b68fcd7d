"""Sheets to take away, csv or xlsx: safe against cells that a spreadsheet would run (S45). csv is streamed."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from flask import Response

from wxbot.confined.cells import safe_cell
from wxbot.sheets import xlsx_bytes
from wxbot.staff.console import absent

BOM = "\ufeff"
XLSX_ROWS = 50_000
"""A spreadsheet is built in memory; longer exports come as csv."""

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def form_or_404(form: str) -> None:
    """Absent but for the forms of sheets that there are."""
    if form not in ("csv", "xlsx"):
        absent()


def csv_lines(header: Sequence[str], batches: Iterable[Iterable[Sequence[object]]]) -> Iterator[str]:
    """The file, piece by piece: a byte-order mark, the header, then one piece per batch; every cell is quoted."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    buffer.write(BOM)
    writer.writerow([safe_cell(cell) for cell in header])
    for batch in batches:
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        writer.writerows([safe_cell(cell) for cell in row] for row in batch)
    yield buffer.getvalue()


def csv_response(name: str, header: Sequence[str], batches: Iterable[Iterable[Sequence[object]]]) -> Response:
    """A download; `name` is one of our own, without the extension."""
    response = Response(csv_lines(header, batches), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def xlsx_response(name: str, header: Sequence[str], batches: Iterable[Iterable[Sequence[object]]]) -> Response:
    """The same as xlsx, made whole before it is sent."""
    response = Response(xlsx_bytes(name, header, batches), mimetype=XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response


def sheet_response(
    form: str, name: str, header: Sequence[str], batches: Iterable[Iterable[Sequence[object]]]
) -> Response:
    """A download in the form that was asked for, 'csv' or 'xlsx'."""
    return xlsx_response(name, header, batches) if form == "xlsx" else csv_response(name, header, batches)
