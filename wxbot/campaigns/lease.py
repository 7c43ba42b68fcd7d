"""The lease on a campaign's steps: one worker advances it at a time, and one that was overtaken stops before it writes.

A dead worker's lease runs out; a long run renews it with every step. Every renewal repeats the epoch and the status
it began with, so a worker that was paused for minutes, and one whose campaign was paused or closed meanwhile, finds out
before it plans, orders or loads anything more (money F20, F21, F23).
"""

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.runtime import Runtime

LEASE = timedelta(seconds=60)
"""Longer than one call to WeChat may take (25 s)."""

ACTIVE = ("launching", "on", "off", "closing")


class LeaseLost(Exception):
    """Another worker advances this campaign now, or the campaign's status changed: begin again from the first step."""


def take(runtime: Runtime, campaign_id: int) -> Campaign | None:
    """Take the lease of a campaign that needs a worker; None when another worker has it."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        taken = (
            update(Campaign)
            .where(
                Campaign.id == campaign_id,
                Campaign.status.in_(ACTIVE),
                or_(Campaign.lease_until.is_(None), Campaign.lease_until < now, Campaign.lease_until > now + 2 * LEASE),
            )
            .values(lease_until=now + LEASE, lease_epoch=Campaign.lease_epoch + 1)
        )
        return session.get(Campaign, campaign_id) if changed(session, taken) else None


def keep(session: Session, campaign: Campaign, now: datetime) -> None:
    """Renew the lease inside the caller's transaction; its row stays locked until the commit. Raises LeaseLost."""
    kept = (
        update(Campaign)
        .where(
            Campaign.id == campaign.id, Campaign.lease_epoch == campaign.lease_epoch, Campaign.status == campaign.status
        )
        .values(lease_until=now + LEASE)
    )
    if not changed(session, kept):
        raise LeaseLost(f"campaign {campaign.id}")


def renew(runtime: Runtime, campaign: Campaign) -> None:
    """Renew the lease before a call that no transaction of its own prepares. Raises LeaseLost."""
    with runtime.database.transaction() as session:
        keep(session, campaign, runtime.database.now(session))


def drop(runtime: Runtime, campaign: Campaign) -> None:
    """Give the lease back, when it still is this worker's."""
    with runtime.database.transaction() as session:
        changed(
            session,
            update(Campaign)
            .where(Campaign.id == campaign.id, Campaign.lease_epoch == campaign.lease_epoch)
            .values(lease_until=None),
        )
