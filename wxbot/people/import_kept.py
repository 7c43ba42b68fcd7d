"""The report of an import of people, kept for who made it, on every page that takes such lines."""

from wxbot.people import imports
from wxbot.staff import reports
from wxbot.staff.console import me, runtime
from wxbot.staff.reports import KeptReport


def whole_of(report: imports.ImportReport | None, target: str) -> KeptReport | None:
    """Every line that names nobody as a sheet to take away; None for none. `target` is what the audit log says of it."""
    if report is None or not report.faulty:
        return None
    return reports.keep(runtime(), me().id, target, imports.HEADER, report.sheet_rows())
