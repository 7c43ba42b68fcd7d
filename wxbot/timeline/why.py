""" "Why did this one not get it": one sentence, from what is owed, asked for, refused or missing, the newest matter first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.campaigns.models import Packet
from wxbot.clock import SHANGHAI, shanghai_day
from wxbot.draws.models import Draw
from wxbot.money import yuan
from wxbot.orders import listing as order_listing
from wxbot.orders.models import Order
from wxbot.orders.person_day import HELD
from wxbot.orders.words import meaning_of
from wxbot.payouts import listing, words
from wxbot.payouts.listing import PayoutLine
from wxbot.payouts.models import FINAL_PAYOUTS
from wxbot.payouts.sources import SOURCES
from wxbot.people import followers, marks
from wxbot.people.models import SmsOut
from wxbot.settings import Settings
from wxbot.text import Text
from wxbot.timeline import prizes
from wxbot.vouchers.models import Voucher

LOOKED_AT = 20
"""Payouts of a person, newest first, among which an open one is looked for."""


@dataclass(frozen=True)
class DayUse:
    """What a person was sent today, against the limits."""

    n: int
    fen: int
    most: int
    most_fen: int


def day_use(session: Session, settings: Settings, openid: str, now: datetime) -> DayUse:
    """How much of the person's day is used."""
    n, fen = quotas.used(session, quotas.person(openid), f"{shanghai_day(now):%Y%m%d}")
    return DayUse(n, fen, settings.person_packets_per_day, settings.person_fen_per_day)


def conclude(session: Session, settings: Settings, openid: str, now: datetime) -> Text:
    """The sentence on top of a person's page."""
    lines = listing.of_person(session, openid, LOOKED_AT)
    voucher = session.scalar(select(Voucher).where(Voucher.openid == openid).order_by(Voucher.id.desc()).limit(1))
    said = _matter(session, settings, lines, voucher, openid, now) or _person(session, openid, now)
    if marks.is_blocked(session, openid):
        return Text(
            f"此人在黑名单中，不会再付款。{said.zh}", f"This person is on the block list and is not paid. {said.en}"
        )
    return said


def _matter(
    session: Session, settings: Settings, lines: list[PayoutLine], voucher: Voucher | None, openid: str, now: datetime
) -> Text | None:
    """What the newest matter says: a payout, a voucher or a draw; what is still owed is said beside it."""
    open_line = next((line for line in lines if line.payout.status not in FINAL_PAYOUTS), None)
    newest_line = open_line or (lines[0] if lines else None)
    matters: list[prizes.Matter] = []
    if newest_line is not None:
        line = newest_line
        tell = (
            partial(_owed, session, settings, line, openid, now) if open_line else partial(_settled, session, line, now)
        )
        matters.append((line.payout.settled_at or line.payout.created_at, 2, tell))
    if voucher is not None:
        matters.append(
            (max(voucher.submitted_at, voucher.decided_at or voucher.submitted_at), 1, partial(_voucher, voucher, now))
        )
    draw = session.scalar(select(Draw).where(Draw.openid == openid).order_by(Draw.id.desc()).limit(1))
    if draw is not None:
        matters.append(
            (max(draw.admitted_at, draw.bound_at or draw.admitted_at), 0, partial(_draw, session, draw, now))
        )
    matters += prizes.matters(session, openid)
    for _, rank, tell_it in sorted(matters, key=lambda one: one[:2], reverse=True):
        said = tell_it()
        if said is None:
            continue
        if open_line is not None and rank != 2:
            owed = _owed(session, settings, open_line, openid, now)
            return Text(f"{said.zh}另外：{owed.zh}", f"{said.en} Besides: {owed.en}")
        return said
    return None


def _draw(session: Session, draw: Draw, now: datetime) -> Text:
    """How the newest try in a campaign ended."""
    at, money = moment(draw.bound_at or draw.admitted_at, now), f"¥{yuan(draw.amount_fen or 0)}"
    match draw.status:
        case "missed":
            return Text(f"{at.zh} 参加了活动，没有中签。", f"Took part in a campaign {at.en}: no luck.")
        case "admitted":
            return Text(
                f"{at.zh} 获准抽取，微信还没有告知抽中；没有点开红包就不会抽中。",
                f"Was admitted to draw {at.en}; WeChat has not told of a packet yet.",
            )
        case "lapsed":
            return Text(
                f"{at.zh} 获准抽取，但在有效期内没有抽到红包。",
                f"Was admitted to draw {at.en}, but no packet was drawn in time.",
            )
    packet = session.get(Packet, draw.packet_id) if draw.packet_id is not None else None
    match packet.status if packet is not None else "":
        case "received":
            return Text(f"{at.zh} 抽中活动红包 {money}，已领取。", f"Drew a packet of {money} {at.en} and received it.")
        case "returned":
            return Text(
                f"{at.zh} 抽中活动红包 {money}，没有拆开，已退回。",
                f"Drew a packet of {money} {at.en}; it was not opened and went back.",
            )
    return Text(
        f"{at.zh} 抽中活动红包 {money}，在对方的微信里，等本人拆开。",
        f"Drew a packet of {money} {at.en}; it is in their WeChat, to be opened.",
    )


def _owed(session: Session, settings: Settings, line: PayoutLine, openid: str, now: datetime) -> Text:
    payout, order = line.payout, line.order
    because, money = SOURCES[payout.source_kind].reason, f"¥{yuan(payout.amount_fen)}"
    if order is not None and order.status == "planned" and order.err_code == HELD:
        step = _day_is_full(session, settings, openid, order, now)
    else:
        merchant = order_listing.lane_of(session, settings.mch_id)
        step = words.next_step(payout, order, merchant, settings, now)
        if (
            order is not None
            and order.err_code
            and payout.status == "ordered"
            and order.status in ("unknown", "manual")
        ):
            code = meaning_of(order.channel, order.err_code)
            step = Text(f"{code.said.zh}；{step.zh}", f"{code.said.en}; {step.en}")
    return Text(f"{because.zh}（{money}），{step.zh}。", f"{because.en} ({money}): {step.en}.")


def _day_is_full(session: Session, settings: Settings, openid: str, order: Order, now: datetime) -> Text:
    used = day_use(session, settings, openid, now)
    at = moment(order.send_after, now)
    if used.n >= used.most:
        return Text(
            f"今天已达 {used.most} 个上限，{at.zh} 继续", f"today's limit of {used.most} is reached, it goes on {at.en}"
        )
    most = f"¥{yuan(used.most_fen)}"
    return Text(f"今天已达 {most} 上限，{at.zh} 继续", f"today's limit of {most} is reached, it goes on {at.en}")


def moment(at: datetime, now: datetime) -> Text:
    """A near moment as people say it: 今天, 明天, or the date."""
    day, clock = shanghai_day(at), f"{at.astimezone(SHANGHAI):%H:%M}"
    if day == shanghai_day(now):
        return Text(f"今天 {clock}", f"today at {clock}")
    if day == shanghai_day(now + timedelta(days=1)):
        return Text(f"明天 {clock}", f"tomorrow at {clock}")
    return Text(f"{day.month}月{day.day}日 {clock}", f"on {day:%Y-%m-%d} at {clock}")


def _voucher(voucher: Voucher, now: datetime) -> Text | None:
    since = moment(voucher.submitted_at, now)
    match voucher.status:
        case "submitted" if voucher.ready_at is None:
            return Text(
                "凭证的照片还没有传完，等本人补齐。",
                "The voucher's photos are not all there; the person must complete them.",
            )
        case "submitted" | "claimed":
            return Text(
                f"凭证（{since.zh} 提交）在等审核，还没有人决定。",
                f"The voucher, handed in {since.en}, waits for a reviewer.",
            )
        case "photo_wanted":
            why = f"：{voucher.reason}" if voucher.reason else ""
            return Text(
                f"凭证被要求重拍照片{why}，等本人补传。", f"A better photo was asked for{why}; the person must send it."
            )
        case "rejected":
            return Text(
                f"凭证被拒绝：{voucher.reason or '没有写原因'}。",
                f"The voucher was rejected: {voucher.reason or 'no reason given'}.",
            )
    return None


def _settled(session: Session, line: PayoutLine, now: datetime) -> Text:
    payout = line.payout
    money = f"¥{yuan(payout.amount_fen)}"
    at = moment(payout.settled_at or payout.created_at, now)
    match payout.status:
        case "paid":
            return Text(
                f"没有欠着的付款：最近一笔 {money} 已于{at.zh} 领取。",
                f"Nothing is owed: the last one, {money}, was received {at.en}.",
            )
        case "returned":
            again = listing.reissue_of(session, payout.id)
            zh, en = (
                (f"已补发为 #{again.id}", f"issued again as #{again.id}")
                if again
                else ("可以补发一次", "it can be issued once more")
            )
            return Text(
                f"{money} 没有在有效期内领取，已于{at.zh} 退回；{zh}。",
                f"{money} was not taken in time and went back {at.en}; {en}.",
            )
        case "failed":
            code = meaning_of(payout.channel, payout.err_code) if payout.err_code else None
            zh, en = (f"：{code.said.zh}", f": {code.said.en}") if code else ("", "")
            return Text(
                f"{money} 没有付成{zh}；排除原因后可以补发一次。",
                f"{money} was not paid{en}; it can be issued once more.",
            )
    return Text(f"最近一笔 {money} 已于{at.zh} 取消。", f"The last one, {money}, was called off {at.en}.")


def _person(session: Session, openid: str, now: datetime) -> Text:
    """Nothing was ever owed or asked for: what is missing on the way there."""
    match marks.refusal(session, None, openid):
        case "held":
            return Text(
                "手机号绑定在等审核，通过后才能收款。", "The binding waits for a reviewer; nothing is owed yet."
            )
        case "unconfirmed":
            return Text(
                "刚导入名册或加白名单，等另一种角色的同事确认后才能收款。",
                "Added to the roster or the allow list lately; somebody of another role must confirm that first.",
            )
        case "unbound":
            return _unbound(session, openid)
    return Text("没有欠着的付款：没有凭证、名单或手工付款。", "Nothing is owed: no voucher, no list, nothing by hand.")


def _unbound(session: Session, openid: str) -> Text:
    sms = session.scalar(select(SmsOut).where(SmsOut.openid == openid).order_by(SmsOut.id.desc()).limit(1))
    if sms is not None and (sms.is_withheld or sms.status in ("failed", "late")):
        return Text(
            "还没有绑定手机号：要过验证码，但短信没有发出（号码不在名册或短信商失败）。",
            "No phone is bound: a code was asked for, but not sent (not on the roster, or the provider failed).",
        )
    if sms is not None:
        return Text(
            "还没有绑定手机号：要过验证码，没有输对。", "No phone is bound: a code was asked for and not typed right."
        )
    if not followers.is_following(session, openid):
        return Text("没有关注公众号，也没有绑定手机号。", "Does not follow the account, and no phone is bound.")
    return Text(
        "已关注，还没有绑定手机号，也没有提交过凭证。",
        "Follows the account; no phone is bound and no voucher was handed in.",
    )
