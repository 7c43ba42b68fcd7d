"""What people read of an order: what its code means and who must act, and the next automatic step with its time.

Sentences come in Chinese and English together; the page picks. WeChat's codes are explained by the catalogue, our own here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from wxbot.clock import SHANGHAI, shanghai_day
from wxbot.orders.channels import CHANNELS, LOTTERY
from wxbot.orders.models import STATUSES, LaneState, Order
from wxbot.orders.person_day import HELD
from wxbot.orders.throttle import OPERATOR_STOP, QUIET_UNTIL_HOUR, is_quiet
from wxbot.settings import Settings
from wxbot.text import Text
from wxbot.wechat.errors import row_for

STATUS_WORDS: dict[str, Text] = {
    "planned": Text("待发送", "planned"),
    "sending": Text("发送中", "sending"),
    "accepted": Text("微信已受理", "accepted"),
    "unknown": Text("结果未知", "unknown"),
    "received": Text("已领取", "received"),
    "returned": Text("已退回", "returned"),
    "failed": Text("已失败", "failed"),
    "manual": Text("待人工处理", "needs a person"),
}
"""How an order stands, in a word: one for the console and the terminal."""

MARK_WORDS: dict[str, Text] = {
    "open": Text("待确认", "to be confirmed"),
    "confirmed": Text("已确认", "confirmed"),
    "withdrawn": Text("已撤回", "withdrawn"),
}
EVIDENCE_WORDS: dict[str, Text] = {
    "reply": Text("微信答复", "WeChat's answer"),
    "notice": Text("微信通知", "WeChat's notice"),
    "manual": Text("人工处理", "settled by hand"),
}

ACTORS: dict[str, Text] = {
    "person": Text("收款人", "the person"),
    "marketer": Text("运营", "a marketer"),
    "cashier": Text("财务", "a cashier"),
    "operator": Text("技术人员", "an operator"),
    "nobody": Text("无需人工", "nobody"),
}
"""Who must act on a code of the catalogue."""


ON_ITS_WAY = Text(
    "微信正在处理，一般几分钟内有结果；偶尔会久一点，钱不会丢，也不会重复发。",
    "WeChat is working on it, usually for a few minutes. It will neither be lost nor sent twice.",
)


@dataclass(frozen=True)
class Meaning:
    """What a code that stands in an order means: to staff, to the person who waits, and who must act (a key of ACTORS)."""

    code: str
    said: Text
    actor: str
    to_person: Text = ON_ITS_WAY
    is_known: bool = True


OWN: dict[str, tuple[Text, str]] = {
    "NOT_SENT": (
        Text(
            "没能连上微信支付，请求没有发出；稍后用原单号再发",
            "WeChat Pay could not be reached, nothing was sent; the same number goes again",
        ),
        "nobody",
    ),
    "UNANSWERED": (
        Text(
            "请求发出后没有收到可信的答复，结果未知；只用原单号再问",
            "No answer that can be trusted; the outcome is open and the same number is asked about",
        ),
        "nobody",
    ),
    "UNREADABLE": (
        Text("微信的答复读不懂，结果未知；正在查询", "The answer cannot be read; the outcome is open and asked for"),
        "nobody",
    ),
    "ECHO_DIFFERS": (
        Text(
            "微信答复中的单号、金额或收款人与我们发出的不一致，不予采信；正在查询",
            "The answer names another number, amount or person than we sent: not believed, asked for",
        ),
        "operator",
    ),
    "FOREIGN_PROOF": (
        Text(
            "微信给出的单号属于我们的另一笔订单，不予采信", "The proof belongs to another order of ours: not believed"
        ),
        "operator",
    ),
    "TICKET_MISSING": (
        Text(
            "微信已受理，但凭证没有收到；用原单号再取一次",
            "WeChat has it, only its secret is missing; the same number fetches it again",
        ),
        "nobody",
    ),
    "QUERY_UNANSWERED": (
        Text("查询没有得到答复，稍后再查", "The question was not answered; asked again later"),
        "nobody",
    ),
    "WORKER_DIED": (
        Text(
            "发送途中程序中断，结果未知；用原单号再发", "The program stopped while sending; the same number goes again"
        ),
        "nobody",
    ),
    "CANCELLED": (Text("发送之前已取消，没有付款", "Called off before anything was sent"), "nobody"),
    "PERSON_DAY": (
        Text("今天已达这个人每天的上限，明天继续", "The person's limit of today is reached; it goes on tomorrow"),
        "nobody",
    ),
    "MOVING": (Text("微信正在处理，结果未知；正在查询", "WeChat is working on it; asked for"), "nobody"),
    "NO_CODE": (
        Text(
            "微信说失败但没有给出错误码，结果未知；正在查询",
            "WeChat refused without a code; the outcome is open and asked for",
        ),
        "nobody",
    ),
    "FAILED": (Text("微信确认发放失败，没有付款", "WeChat says that it failed; nothing was paid"), "nobody"),
    "FAIL": (Text("微信确认转账失败，没有付款", "WeChat says that the transfer failed; nothing was paid"), "nobody"),
    OPERATOR_STOP: (
        Text("由财务人工停止，确认无误后请恢复", "Stopped by a cashier; open it again when all is well"),
        "cashier",
    ),
}
"""Codes that are ours and not WeChat's: what they mean, who must act."""


def meaning_of(channel_name: str, code: str) -> Meaning:
    """What a code of an order means: our own codes, then the channel's families of the catalogue."""
    own = OWN.get("UNANSWERED" if code.startswith("UNANSWERED_") else code)
    if own is not None:
        return Meaning(code, *own)
    channel = CHANNELS.get(channel_name, CHANNELS[LOTTERY])
    if code in channel.stages:
        return Meaning(code, Text("微信正在处理这笔转账", "WeChat is working on this transfer"), "nobody")
    rows = [row_for(family, code) for family in (channel.end_api, channel.api, channel.query_api)]
    row = next((row for row in rows if row.is_known), rows[0])
    return Meaning(row.code, Text(row.zh, row.en), row.actor, Text(row.to_person, row.to_person_en), row.is_known)


def meanings(orders: Iterable[Order]) -> dict[int, Meaning]:
    """Order id → what its code means, for those that have one."""
    return {order.id: meaning_of(order.channel, order.err_code) for order in orders if order.err_code}


def clock_text(at: datetime, now: datetime) -> str:
    """A moment in Shanghai as people say it: '14:05' today, '03-16 08:00' on another day."""
    local = at.astimezone(SHANGHAI)
    return f"{local:%H:%M}" if shanghai_day(at) == shanghai_day(now) else f"{local:%m-%d %H:%M}"


SOON = timedelta(seconds=30)
"""What is due within this long is told as 'within seconds'."""


def next_step(order: Order, lane: LaneState | None, settings: Settings, now: datetime) -> Text:
    """What happens to an order next by itself, and when; or that nothing does."""
    match order.status:
        case "planned":
            return _when_sent(order, lane, settings, now)
        case "sending":
            return Text("正在发送，一分半钟内知道结果", "being sent; the result is known within 90 seconds")
        case "unknown":
            return _when_asked(order, now)
        case "accepted":
            return _when_taken(order, now)
        case "manual":
            return Text(
                "系统不再自动处理：请核对商户平台资金账单，标记结果，再由另一位财务确认",
                "Nothing happens by itself: look into the fund bill, mark the end, and have a second cashier confirm it",
            )
    settled = clock_text(order.settled_at, now) if order.settled_at else ""
    return Text(f"已了结 {settled}，没有后续步骤", f"settled {settled}; nothing follows")


def _when_sent(order: Order, lane: LaneState | None, settings: Settings, now: datetime) -> Text:
    if lane is not None and lane.stopped_code == OPERATOR_STOP:
        return Text("付款已被人工停止，恢复后发出", "stopped by a person; goes out when sending is opened again")
    if lane is not None and lane.stopped_code is not None:
        return Text(
            f"付款暂停（{lane.stopped_code}），每分钟自动试一笔，原因消除后继续",
            f"sending is paused ({lane.stopped_code}); one order a minute is tried, the rest follows once it passes",
        )
    if order.send_after > now + SOON and order.err_code != HELD:
        at = clock_text(order.send_after, now)
        return Text(f"将于 {at} 发出", f"goes out at {at}")
    if order.send_after > now + SOON:
        at = clock_text(order.send_after, now)
        return Text(f"将于 {at} 发出（今天的上限已满）", f"goes out at {at} (today's limit is reached)")
    if is_quiet(settings, now, order.channel):
        return Text(
            f"夜间不发，{QUIET_UNTIL_HOUR:02d}:00 发出",
            f"nothing is sent at night; goes out at {QUIET_UNTIL_HOUR:02d}:00",
        )
    return Text("排队中，几秒内发出", "queued; goes out within seconds")


def _when_asked(order: Order, now: datetime) -> Text:
    at = order.next_check_at
    if at is None:
        return Text("等待处理", "waits for the worker")
    is_send = order.next_step == "send"
    if at <= now + SOON:
        return (
            Text("几秒内用原单号再次发送", "the same number is sent again within seconds")
            if is_send
            else Text("几秒内再次查询", "asked about again within seconds")
        )
    told = clock_text(at, now)
    if is_send:
        return Text(f"将于 {told} 用原单号再次发送", f"the same number is sent again at {told}")
    return Text(f"将于 {told} 再次查询", f"asked about again at {told}")


def _when_taken(order: Order, now: datetime) -> Text:
    ends = clock_text(order.expires_at, now) if order.expires_at else "—"
    asked = _when_asked(order, now)
    if order.holding == "tickets":
        return Text(f"等待被抽中，{ends} 过期；{asked.zh}", f"waits to be drawn until {ends}; {asked.en}")
    return Text(
        f"等待收款人领取，{ends} 未领自动退回；{asked.zh}",
        f"waits for the person until {ends}, then it returns by itself; {asked.en}",
    )


def stop_of(code: str, at: datetime | None, actor: str, why: str) -> Text:
    """Why nothing is sent, since when, and by whom: what staff read once, on top of every page."""
    when = f"{at.astimezone(SHANGHAI):%m-%d %H:%M}" if at is not None else ""
    if code == OPERATOR_STOP:
        who_zh, who_en = (actor, actor) if actor else ("财务", "a cashier")
        more_zh, more_en = (f"，原因：{why}", f": {why}") if why else ("", "")
        return Text(
            f"{who_zh} 于 {when} 停止{more_zh}。确认无误后请恢复。",
            f"{who_en} stopped it at {when}{more_en}. Open it again when all is well.",
        )
    meaning = meaning_of("", code).said
    return Text(
        f"{when} 起，{meaning.zh}。系统每分钟试探一次，能付时自动继续。",
        f"Since {when}: {meaning.en}. It is tried every minute and goes on by itself.",
    )


def status_word(status: str) -> Text:
    """The word for an order's status."""
    return STATUS_WORDS[status]


_MISSING = STATUSES.keys() - STATUS_WORDS.keys()
if _MISSING:
    raise RuntimeError(f"statuses without a word: {sorted(_MISSING)}")
