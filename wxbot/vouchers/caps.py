"""What one person may ask for: caps of a kind in a month, bounds of a day. Conditional writes, never count-then-insert."""

from datetime import datetime

from sqlalchemy import and_, update
from sqlalchemy.orm import Session

from wxbot.clock import shanghai_day
from wxbot.db import changed, insert_into
from wxbot.money import yuan
from wxbot.text import Refusal, Text
from wxbot.vouchers.models import Voucher, VoucherDay, VoucherKind, VoucherMonth

VOUCHERS_PER_DAY = 30
PHOTOS_PER_DAY = 120
"""Of one person, whatever became of them: nobody fills the disk or the reviewers' day."""

COUNT_WITHOUT_CAP, FEN_WITHOUT_CAP = 2**31 - 1, 2**62


def month_of(now: datetime) -> str:
    """The Shanghai month a moment belongs to, as YYYYMM."""
    return f"{shanghai_day(now):%Y%m}"


def take_month(session: Session, openid: str, kind: VoucherKind, amount_fen: int, now: datetime) -> None:
    """Count one more voucher against the kind's monthly caps; raises Refusal when it does not fit."""
    count_cap, fen_cap = kind.month_count_cap or COUNT_WITHOUT_CAP, kind.month_fen_cap or FEN_WITHOUT_CAP
    row = {"openid": openid, "kind_id": kind.id, "month": month_of(now), "vouchers": 1, "amount_fen": amount_fen}
    fits = and_(VoucherMonth.vouchers + 1 <= count_cap, VoucherMonth.amount_fen + amount_fen <= fen_cap)
    more = {"vouchers": VoucherMonth.vouchers + 1, "amount_fen": VoucherMonth.amount_fen + amount_fen}
    statement = insert_into(session, VoucherMonth).values(**row)
    statement = statement.on_conflict_do_update(index_elements=["openid", "kind_id", "month"], set_=more, where=fits)
    if amount_fen <= fen_cap and session.scalar(statement.returning(VoucherMonth.vouchers)) is not None:
        return
    used = session.get(VoucherMonth, (openid, kind.id, month_of(now)), populate_existing=True)
    if used is not None and used.vouchers >= count_cap:
        raise Refusal(
            "month_count",
            Text(
                f"“{kind.name}”每人每月最多 {kind.month_count_cap} 次，这个月已经用完，请下个月再来。",
                f"At most {kind.month_count_cap} per month for this kind; please come back next month.",
            ),
        )
    left_fen = max(0, fen_cap - (used.amount_fen if used else 0))
    raise Refusal(
        "month_fen",
        Text(
            f"“{kind.name}”每人每月最多 {yuan(fen_cap)} 元，这个月还可以申请 {yuan(left_fen)} 元。",
            f"At most {yuan(fen_cap)} yuan per month for this kind; {yuan(left_fen)} yuan are left this month.",
        ),
    )


def give_back(session: Session, voucher: Voucher, amount_fen: int, *, whole: bool) -> None:
    """Take back what a refused voucher had used (`whole`), or the part a reviewer cut off its amount."""
    where = and_(
        VoucherMonth.openid == voucher.openid,
        VoucherMonth.kind_id == voucher.kind_id,
        VoucherMonth.month == voucher.month,
    )
    less = {"amount_fen": VoucherMonth.amount_fen - amount_fen, "vouchers": VoucherMonth.vouchers - int(whole)}
    changed(session, update(VoucherMonth).where(where).values(**less))


def take_day(session: Session, openid: str, now: datetime, *, vouchers: int = 0, photos: int = 0) -> None:
    """Count against the bounds of the day; raises Refusal when they are reached."""
    row = {"openid": openid, "day": f"{shanghai_day(now):%Y%m%d}", "vouchers": vouchers, "photos": photos}
    fits = and_(
        VoucherDay.vouchers + vouchers <= VOUCHERS_PER_DAY,
        VoucherDay.photos + photos <= PHOTOS_PER_DAY,
    )
    more = {"vouchers": VoucherDay.vouchers + vouchers, "photos": VoucherDay.photos + photos}
    statement = insert_into(session, VoucherDay).values(**row)
    statement = statement.on_conflict_do_update(index_elements=["openid", "day"], set_=more, where=fits)
    if session.scalar(statement.returning(VoucherDay.photos)) is None:
        raise Refusal(
            "day", Text("今天提交得太多了，请明天再来。", "That is enough for today; please come back tomorrow.")
        )
