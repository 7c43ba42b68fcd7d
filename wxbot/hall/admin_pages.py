"""What the pages of the host's desk share: whose hall it is, and one verb of it with its line in the audit log."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, redirect, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns.admin_pages import campaign_or_404
from wxbot.campaigns.models import Campaign
from wxbot.hall import told
from wxbot.hall.models import Hall
from wxbot.staff.console import act, guard, one_or_404, runtime

HOSTS = ("marketer", "cashier")
"""Who hosts: a marketer their own halls, a cashier every one."""

blueprint = guard(Blueprint("hall_desk", __name__))


def hall_or_404(campaign_id: int) -> tuple[Campaign, Hall]:
    """A hall that was launched and that they may see."""
    campaign = campaign_or_404(campaign_id)
    with runtime().database.reading() as session:
        hall: Hall = one_or_404(session.get(Hall, campaign_id))
    return campaign, hall


def to_desk(campaign_id: int, part: str = "") -> BaseResponse:
    """Back to the desk, to the part where the button stands."""
    return redirect(url_for("hall_desk.page", campaign_id=campaign_id, _anchor=part or None), 303)


def host(
    campaign_id: int, action: str, done: str, verb: Callable[[Session], Any], part: str = "", **detail: Any
) -> BaseResponse:
    """One verb with its audit line in one transaction, then the hall is told; a refusal is logged and said. Back to the desk.

    A mapping that the verb returns joins the detail of the audit line.
    """
    hall_or_404(campaign_id)
    seen: dict[str, Any] = dict(detail)
    with act(action, f"campaign:{campaign_id}", done, detail=seen) as session:
        found = verb(session)
        if isinstance(found, Mapping):
            seen |= found
    told.tell(runtime(), campaign_id)
    return to_desk(campaign_id, part)
