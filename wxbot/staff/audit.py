"""The audit log: who did what to what, refusals included; rows are never changed (security §10.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.staff.models import AuditEvent

PAGE_ROWS = 50

ACTIONS = (
    "sign_in", "sign_out", "password_change", "staff_add", "staff_disable", "staff_enable", "staff_reset", "staff_tie", "staff_untie", "totp_on", "totp_off", "totp_reset", "totp_codes",
    "campaign_save", "campaign_copy", "campaign_delete", "campaign_submit", "campaign_approve", "campaign_send_back", "campaign_launch",
    "campaign_pause", "campaign_resume", "campaign_close", "campaign_place", "campaign_allow", "campaign_scene", "campaign_look", "prize_codes", "hall_invited",
    "hall_freeze", "hall_arm", "hall_numbers", "hall_start", "hall_game", "hall_stop", "hall_absent", "hall_undo", "hall_confirm", "hall_void_ask", "hall_void", "hall_void_withdraw",
    "hall_strike", "hall_hide", "hall_simulate", "hall_words", "hall_hand_over", "hall_pair", "hall_scene", "hall_language", "hall_record",
    "packets_export", "ledger_export", "order_ask", "order_mark", "order_confirm", "order_withdraw",
    "bill_state", "bill_agree", "found_propose", "found_confirm", "found_send_back", "thaw_ask", "thaw_open", "payout_release",
    "payout_release_confirm", "database_restore",
    "merchant_stop", "merchant_open",
    "programme_save", "programme_open", "programme_close", "budget_ask", "budget_approve", "budget_refuse",
    "rules_ask", "rules_approve", "rules_refuse",
    "list_upload", "list_check", "list_submit", "list_approve", "list_send_back", "list_drop", "list_export",
    "payout_ask", "payout_approve", "payout_cancel", "payout_take_back", "payout_reissue", "payouts_export", "days_export", "winners_export", "report_export",
    "roster_import", "roster_change", "phone_unmask", "binding_approve", "binding_refuse", "binding_end", "person_mark", "trust_confirm",
    "voucher_approve", "voucher_reject", "voucher_photo", "voucher_undo", "voucher_kind",
    "reply_rule", "menu_save", "menu_publish", "dialogue_end", "key_rotate", "people_erase",
    "photos_move", "photo_folder_forget", "alert_test", "route",
)
"""What the log's filter offers; `route` is a refused page."""

OUTCOMES = ("done", "refused", "failed")


@dataclass(frozen=True)
class Actor:
    """Who acts: a member of staff, or somebody at the command line (id None)."""

    id: int | None
    name: str
    ip: str = ""


def record(
    session: Session,
    actor: Actor,
    action: str,
    target: str,
    now: datetime,
    *,
    outcome: str = "done",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one event inside the caller's transaction. `detail` holds no secret and no message of a person."""
    session.add(
        AuditEvent(
            at=now, staff_id=actor.id, actor=actor.name[:60], action=action[:40], target=target[:60], outcome=outcome,
            detail=dict(detail or {}), ip=actor.ip[:45],
        )
    )


def page(
    session: Session,
    *,
    before_id: int | None = None,
    staff_id: int | None = None,
    action: str = "",
    outcome: str = "",
    target: str = "",
) -> Sequence[AuditEvent]:
    """The newest events below `before_id` that fit the filters, one more than a page when there are more.

    A `target` that ends with a colon stands for all of its kind.
    """
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(PAGE_ROWS + 1)
    if before_id is not None:
        query = query.where(AuditEvent.id < before_id)
    if staff_id is not None:
        query = query.where(AuditEvent.staff_id == staff_id)
    if action:
        query = query.where(AuditEvent.action == action)
    if outcome:
        query = query.where(AuditEvent.outcome == outcome)
    if target.endswith(":"):
        query = query.where(AuditEvent.target.startswith(target, autoescape=True) | (AuditEvent.target == target[:-1]))
    elif target:
        query = query.where(AuditEvent.target == target)
    return session.scalars(query).all()


def latest(session: Session, action: str, target: str) -> AuditEvent | None:
    """The last time that this was done."""
    query = select(AuditEvent).where(AuditEvent.target == target, AuditEvent.action == action, AuditEvent.outcome == "done")
    return session.scalar(query.order_by(AuditEvent.id.desc()).limit(1))
