"""What one person may ask for: caps of a kind in a month, bounds of a day. Conditional writes, never count-then-insert."""

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.clock import shanghai_day
from wxbot.money import yuan
from wxbot.text import Refusal, Text
from wxbot.vouchers.models import Voucher, VoucherKind

PER_DAY = {"vouchers": 30, "photos": 120}
"""Of one person, whatever became of them: nobody fills the disk or the reviewers' day."""


def _month_name(kind_id: int, openid: str) -> str:
    return f"voucher_kind:{kind_id}:{openid}"


def month_of(now: datetime) -> str:
    """The Shanghai month a moment belongs to, as YYYYMM."""
    return f"{shanghai_day(now):%Y%m}"


def used_month(session: Session, openid: str, kind_id: int, month: str) -> tuple[int, int]:
    """What one person asked for with one kind in a Shanghai month, refusals taken back: (vouchers, fen)."""
    return quotas.used(session, _month_name(kind_id, openid), month)


def take_month(session: Session, openid: str, kind: VoucherKind, amount_fen: int, now: datetime) -> None:
    """Count one more voucher against the kind's monthly caps; raises Refusal when it does not fit."""
    name, month = _month_name(kind.id, openid), month_of(now)
    if quotas.take(session, name, month, amount_fen, most=kind.month_count_cap, most_fen=kind.month_fen_cap):
        return
    count, fen = quotas.used(session, name, month)
    if kind.month_count_cap and count >= kind.month_count_cap:
        raise Refusal(
            "month_count",
            Text(
                f"“{kind.name}”每人每月最多 {kind.month_count_cap} 次，这个月已经用完，请下个月再来。",
                f"At most {kind.month_count_cap} per month for this kind; please come back next month.",
            ),
        )
    left_fen = max(0, kind.month_fen_cap - fen)
    raise Refusal(
        "month_fen",
        Text(
            f"“{kind.name}”每人每月最多 {yuan(kind.month_fen_cap)} 元，这个月还可以申请 {yuan(left_fen)} 元。",
            f"At most {yuan(kind.month_fen_cap)} yuan per month for this kind; {yuan(left_fen)} yuan are left this month.",
        ),
    )


def give_back(session: Session, voucher: Voucher, amount_fen: int, *, whole: bool) -> None:
    """Take back what a refused voucher had used (`whole`), or the part a reviewer cut off its amount."""
    name = _month_name(voucher.kind_id, voucher.openid)
    quotas.give_back(session, name, voucher.month, amount_fen, n=int(whole))


def take_day(session: Session, openid: str, now: datetime, what: Literal["vouchers", "photos"]) -> None:
    """Count one more of them against the bounds of the day; raises Refusal when they are reached. Nothing is taken back."""
    if not quotas.take(session, f"{what}:{openid}", f"{shanghai_day(now):%Y%m%d}", most=PER_DAY[what]):
        raise Refusal(
            "day", Text("今天提交得太多了，请明天再来。", "That is enough for today; please come back tomorrow.")
        )
