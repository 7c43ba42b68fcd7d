"""Console: the whole report of an import one has just made, as a sheet."""

from flask import Blueprint, Response
from flask_babel import gettext

from wxbot.staff import reports
from wxbot.staff.console import guard, locale, log_export, me, refusal, role_required, runtime
from wxbot.staff.downloads import XLSX_ROWS, form_or_404, sheet_response
from wxbot.staff.models import ROLES

blueprint = guard(Blueprint("reports", __name__))


@blueprint.post("/reports/<report_id>.<form>")
@role_required(*ROLES)
def take(report_id: str, form: str) -> Response:
    """Every row of one's own report, as csv or xlsx; written in the audit log."""
    form_or_404(form)
    found = reports.kept(runtime(), me().id, report_id, locale())
    if found is None:
        return refusal(404, gettext("这份结果放得太久了，或者后来又传过别的文件。请重新上传，再下载。"))
    target, header, rows = found
    log_export("report_export", target, form=form, rows=len(rows))
    return sheet_response(form if len(rows) <= XLSX_ROWS else "csv", "import-report", header, [rows])
