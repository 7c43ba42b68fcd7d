"""How an award stands, in words for its person: what it is, until when, and what holds it when something does.

Whatever holds a tap is named with the time at which it goes on by itself (campaigns' awards are held by night, rate, the
merchant's day, a stop, the person's day); a code, a budget or a list is never named.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.clock import SHANGHAI, shanghai_day
from wxbot.instant.models import Award
from wxbot.orders import throttle
from wxbot.orders.channels import CHANNELS, CONFIRMED
from wxbot.orders.models import LaneState, Order
from wxbot.orders.person_day import HELD
from wxbot.orders.words import ON_ITS_WAY, SOON, meaning_of
from wxbot.payouts.models import COLLECT, Payout
from wxbot.payouts.words import FORFEITED, PERSON_HOLDS
from wxbot.settings import Settings
from wxbot.text import Text, moment_text

QUEUE_S = 10
"""A queue that is gone within so many seconds is not worth telling."""

TITLES: dict[str, Text] = {
    "open": Text("待领取", "Yours to collect"),
    "preparing": Text("正在准备", "Being prepared"),
    "confirm": Text("待确认收款", "Waiting for you"),
    "paid": Text("已领取", "Received"),
    "forfeited": Text("已过期收回", "Over"),
    "held": Text("稍后自动发放", "Goes on by itself"),
    "given": Text("兑换码", "Your code"),
}
"""The states that a page knows, and the word of each."""

ON_HOLD = Text("暂缓发放", "On hold")
"""The word for what does not go on by itself: staff settle it first."""

BY_STAFF = ("blocked", "closed", "texts")
"""Holds of a payout that only staff can lift."""

PREPARING = Text("正在准备，一会儿就好；离开这个页面也不会丢。", "It is being prepared and is not lost if you leave.")
PAID = Text("已到您的微信零钱。", "It is in your WeChat balance.")
GIVEN = Text("请妥善保存，这里随时可以再看。", "Keep it; you can always see it here again.")
GIVEN_BEFORE = Text(
    "这是系统恢复以前您抽到的，仍然归您。请妥善保存，这里随时可以再看。",
    "You won it before the system was restored, and it is still yours. Keep it; you can always see it here again.",
)


@dataclass(frozen=True)
class AwardView:
    """A state (key of TITLES) and one sentence."""

    state: str
    sentence: Text
    word: Text | None = None

    @property
    def title(self) -> Text:
        """Its word, or that of the state."""
        return self.word or TITLES[self.state]


def view(session: Session, settings: Settings, award: Award, now: datetime) -> AwardView:
    """How an award stands now; reads its payout, order and lane."""
    if award.kind == "code":
        return AwardView("given", GIVEN)
    if award.status == "paid":
        return AwardView("paid", PAID)
    if award.status == "forfeited":
        return AwardView("forfeited", FORFEITED)
    payout = session.get(Payout, award.payout_id) if award.payout_id is not None else None
    order = session.get(Order, payout.order_id) if payout is not None and payout.order_id is not None else None
    if payout is None or payout.hold == COLLECT:
        return _open(award, payout, order, now)
    if payout.status == "paid":
        return AwardView("paid", PAID)
    if payout.status == "ordered" and order is not None:
        return _ordered(session, settings, order, now)
    if payout.hold:
        return AwardView("held", PERSON_HOLDS[payout.hold], ON_HOLD if payout.hold in BY_STAFF else None)
    if payout.due_at is not None and payout.due_at > now + SOON:
        at = moment_text(payout.due_at)
        return AwardView(
            "held", Text(f"发放暂停，{at.zh} 自动再试。", f"Paying is paused; it is tried again at {at.en}.")
        )
    return _waiting(session, settings, payout.channel, award.amount_fen, None, now)


def _open(award: Award, payout: Payout | None, order: Order | None, now: datetime) -> AwardView:
    """Not asked for yet, or to be asked for again; why the last order ended when the person can do something about it."""
    if award.deadline_at <= now:
        return AwardView("forfeited", FORFEITED)
    again = to_collect(award.deadline_at)
    if payout is None or order is None:
        return AwardView("open", again)
    why = Text("上一次没有在 24 小时内确认。", "It was not confirmed within 24 hours.")
    if order.status == "failed" and order.err_code:
        meaning = meaning_of(order.channel, order.err_code)
        why = meaning.to_person if meaning.actor == "person" else Text("上一次没有发成。", "It could not be paid.")
    return AwardView("open", Text(f"{why.zh}{again.zh}", f"{why.en} {again.en}"))


def to_collect(deadline_at: datetime) -> Text:
    """Until when a prize waits for its person."""
    at = moment_text(deadline_at)
    return Text(f"请在 {at.zh} 前领取，过期收回。", f"Collect it before {at.en}, or it goes back.")


def sent(channel: str, until: datetime) -> AwardView:
    """WeChat has it and the person has not: what they do by then."""
    at = moment_text(until)
    if channel in CONFIRMED:
        return AwardView("confirm", Text(f"请在 {at.zh} 前点开确认收款。", f"Open it and confirm before {at.en}."))
    return AwardView(  # nothing to do here: the chat has it
        "held",
        Text(
            f"已发到您和本公众号的聊天里，请在 {at.zh} 前点开。",
            f"It is in your chat with this account. Open it before {at.en}.",
        ),
        Text("在聊天里等您", "In your chat"),
    )


def _ordered(session: Session, settings: Settings, order: Order, now: datetime) -> AwardView:
    if order.status == "received":
        return AwardView("paid", PAID)
    if order.status == "accepted" and order.holding == "unclaimed":
        return sent(order.channel, order.expires_at or now + CHANNELS[order.channel].life)
    if order.status == "manual":
        looking = Text("正在人工核对，有结果会告诉您。", "A person is looking into it; you will be told.")
        return AwardView("held", looking, ON_HOLD)
    if order.status == "planned":
        return _waiting(session, settings, order.channel, order.amount_fen, order, now)
    if order.status == "unknown" and order.err_code:
        return _refused(order, now)
    return AwardView("preparing", PREPARING)


def _refused(order: Order, now: datetime) -> AwardView:
    """WeChat has answered with a code and the same number goes on: what the catalogue says of it, and when it is tried again."""
    said = meaning_of(order.channel, order.err_code or "").to_person
    if said == ON_ITS_WAY:  # one of our own codes: an answer was lost
        return AwardView("preparing", PREPARING)
    if order.next_step == "send" and order.next_check_at is not None and order.next_check_at > now + SOON:
        at = moment_text(order.next_check_at)
        said = Text(f"{said.zh}（{at.zh} 自动再试）", f"{said.en} (Tried again at {at.en}.)")
    return AwardView("held", said)


def _waiting(
    session: Session, settings: Settings, channel: str, amount_fen: int, order: Order | None, now: datetime
) -> AwardView:
    """Asked for and not sent yet: what holds it, and when it goes on."""
    if order is not None and order.send_after > now + SOON:
        at = moment_text(order.send_after)
        why = Text("您今天收到的红包已达微信的上限", "You have had what WeChat allows for one day")
        if order.err_code != HELD:
            why = Text("发放排到了后面", "It is put off")
        return AwardView("held", Text(f"{why.zh}，{at.zh} 自动继续。", f"{why.en}; it goes on at {at.en}."))
    if throttle.is_quiet(settings, now, channel):
        at = moment_text(throttle.quiet_until(now))
        return AwardView(
            "held", Text(f"夜间不发放，{at.zh} 自动继续。", f"Nothing is paid at night; it goes on at {at.en}.")
        )
    keys = {settings.mch_id, throttle.lane_key(settings.mch_id, channel)}
    lanes = {key: lane for key in keys if (lane := session.get(LaneState, key)) is not None}
    merchant, own = lanes.get(settings.mch_id), lanes.get(throttle.lane_key(settings.mch_id, channel))
    if merchant is not None and merchant.stopped_code == throttle.OPERATOR_STOP:
        return AwardView(
            "held",
            Text(
                "主办方暂停了发放，恢复后自动继续。", "Paying is stopped by its organiser; it goes on when they resume."
            ),
        )
    if own is not None and own.stopped_code is not None:
        return AwardView(
            "held",
            Text(
                "主办方的付款账户暂时不能付款，每分钟自动再试。",
                "The organiser's account cannot pay now; it is tried again each minute.",
            ),
        )
    if merchant is not None and _is_day_full(settings, merchant, amount_fen, now):
        return AwardView(
            "held",
            Text("今天的发放额度已满，明天 0 点后自动继续。", "Today's amount is paid out; it goes on after midnight."),
        )
    return _queued(session, settings, order, now)


def _is_day_full(settings: Settings, lane: LaneState, amount_fen: int, now: datetime) -> bool:
    """Whether the merchant's own limit of this Shanghai day leaves no room for so much."""
    is_today = lane.day == f"{shanghai_day(now):%Y%m%d}"
    is_full = lane.sent_in_day >= settings.pay_per_day or lane.fen_in_day + amount_fen > settings.pay_fen_per_day
    return is_today and is_full


def _queued(session: Session, settings: Settings, order: Order | None, now: datetime) -> AwardView:
    """Held by the rate alone: how many are ahead, and about when they are through."""
    ahead = QUEUE_S * settings.pay_per_second
    waiting = select(Order.id).where(Order.status == "planned", Order.send_after <= now)
    if order is not None:
        waiting = waiting.where(Order.id < order.id)
    few = waiting.limit(60 * ahead).subquery()
    n = int(session.execute(select(func.count()).select_from(few)).scalar_one())
    if n < ahead:
        return AwardView("preparing", PREPARING)
    at = (now + timedelta(seconds=n // throttle.rate_now(settings, now))).astimezone(SHANGHAI)
    return AwardView(
        "held",
        Text(
            f"领取的人多，您前面还有 {n} 笔，大约 {at:%H:%M} 发到您这里。",
            f"Many are collecting: {n} before you, about until {at:%H:%M}.",
        ),
    )
