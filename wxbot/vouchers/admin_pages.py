"""The blueprint of the voucher pages, and what they share."""

from flask import Blueprint, Response, g

from wxbot.staff.console import guard, one_or_404, runtime
from wxbot.vouchers import listing
from wxbot.vouchers.models import Voucher

blueprint = Blueprint("vouchers", __name__)


@blueprint.after_request
def _keep_photo_headers(response: Response) -> Response:
    """A photo keeps its own, stricter headers (S50). Registered before the guard's, so it runs after it."""
    for name, value in g.get("photo_headers", {}).items():
        response.headers[name] = value
    return response


guard(blueprint)


def voucher_or_404(voucher_id: int) -> Voucher:
    """The voucher, or the page that says there is none."""
    with runtime().database.reading() as session:
        found: Voucher = one_or_404(session.get(Voucher, voucher_id) if voucher_id < 2**62 else None)
    return found


def panel_of(voucher: Voucher) -> listing.Panel:
    """Everything a reviewer needs beside one voucher."""
    with runtime().database.reading() as session:
        return listing.panel(session, runtime().vault, voucher)
