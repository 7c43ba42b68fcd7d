"""What people read of a payout: the person who waits for it, and staff. One table for the chat, the pages and the notices.

A person is told what to do or how long to wait, never a code, a budget or a list they stand on.
"""

from dataclasses import dataclass
from datetime import datetime

from wxbot.money import yuan
from wxbot.orders import words as order_words
from wxbot.orders.channels import CHANNELS, CONFIRMED
from wxbot.orders.models import LaneState, Order
from wxbot.orders.words import ON_ITS_WAY, SOON, clock_text, meaning_of
from wxbot.payouts.list_words import hold_word, status_word
from wxbot.payouts.models import COLLECT, Payout
from wxbot.payouts.sources import AWARD
from wxbot.settings import Settings
from wxbot.text import Text, moment_text

STATES: dict[str, Text] = {
    "checking": Text("审核中", "being checked"),
    "way": Text("在路上", "on its way"),
    "take": Text("待领取", "waiting for you"),
    "done": Text("已领取", "received"),
    "back": Text("已退回", "returned"),
    "lost": Text("未能发放", "not paid"),
    "off": Text("已取消", "called off"),
}
"""How a payout stands for its person, in a word."""

ASK_STAFF = Text("如有疑问，请联系工作人员。", "Please ask the staff if you have questions.")

PERSON_HOLDS: dict[str, Text] = {
    "budget": Text("红包正在排队，稍后自动发出。", "Your packet is queued and goes out by itself."),
    "blocked": Text("这个红包暂时不能发放，请联系工作人员。", "This packet cannot be paid now; please ask the staff."),
    "unbound": Text("请先绑定手机号，绑定后自动发出。", "Bind your phone first, then it goes out by itself."),
    "unconfirmed": Text("红包正在排队，稍后自动发出。", "Your packet is queued and goes out by itself."),
    "closed": Text("这个红包暂停发放，请联系工作人员。", "Paying is paused here; please ask the staff."),
    "found": Text(
        "正在核对这个红包是否已经发过，核对完自动发出。",
        "We are checking whether it was sent before; then it goes out by itself.",
    ),
    "bill": Text("系统正在核对，核对完自动发出。", "The books are being checked; then it goes out by itself."),
    COLLECT: Text(
        "还没有领取成功，请在兑奖截止前再点一次领取。",
        "It has not reached you yet: collect it again before its deadline.",
    ),
    "texts": Text("这个红包暂停发放，请联系工作人员。", "Paying is paused here; please ask the staff."),
}


FORFEITED = Text("兑奖截止前没有领取，已收回。", "It was not collected before its deadline.")
"""Of a prize whose time is over."""


@dataclass(frozen=True)
class PersonView:
    """What the person reads: a state (key of STATES), its word, one sentence."""

    state: str
    word: Text
    sentence: Text


def for_person(payout: Payout, order: Order | None, now: datetime) -> PersonView:
    """How a payout stands, for its own person. `order` is its latest order, None when it has none."""
    state, sentence = _state(payout, order, now)
    return PersonView(state, STATES[state], sentence)


def _state(payout: Payout, order: Order | None, now: datetime) -> tuple[str, Text]:
    match payout.status:
        case "requested":
            return "checking", Text(
                "正在等第二位同事确认，通过后自动发出。", "A second colleague looks at it, then it goes out by itself."
            )
        case "approved" if payout.hold == COLLECT:
            return "take", PERSON_HOLDS[COLLECT]
        case "approved":
            return "way", PERSON_HOLDS.get(payout.hold or "", Text("马上发出，请稍等。", "It goes out in a moment."))
        case "ordered" if order is not None:
            return _ordered(order, now)
        case "paid":
            return "done", Text("已到您的微信零钱。", "It is in your WeChat balance.")
        case "returned":
            return "back", Text(
                "没有在有效期内领取，已自动退回。需要补发请联系工作人员。",
                "It was not taken in time and went back. Ask the staff to send it again.",
            )
        case "failed":
            return "lost", _failed(payout)
        case "cancelled" if payout.source_kind == AWARD:
            return "back", FORFEITED
        case "cancelled":
            return "off", Text(f"这个红包已取消。{ASK_STAFF.zh}", f"It was called off. {ASK_STAFF.en}")
    return "way", ON_ITS_WAY


def _ordered(order: Order, now: datetime) -> tuple[str, Text]:
    if order.status == "accepted" and order.holding == "unclaimed":
        ends = moment_text(order.expires_at) if order.expires_at else Text("", "")
        if order.channel in CONFIRMED:
            return "take", Text(
                f"点开确认收款，{ends.zh} 前有效，过期自动退回。",
                f"Open it and confirm before {ends.en}, or it goes back.",
            )
        return "take", Text(
            f"已发到您和本公众号的聊天里，请在 {ends.zh} 前点开，过期自动退回。",
            f"It is in your chat with this account. Open it before {ends.en}, or it goes back.",
        )
    if order.status in ("received", "returned"):
        return ("done", ON_ITS_WAY) if order.status == "received" else ("back", ON_ITS_WAY)
    if order.status == "manual":
        return "way", Text("正在人工核对，有结果会告诉您。", "A person is looking into it; you will be told.")
    if order.status == "planned" and order.send_after > now + SOON:
        at = moment_text(order.send_after)
        return "way", Text(
            f"今天收到的红包已达上限，{at.zh} 自动发出。", f"You have had today's limit; it goes out at {at.en}."
        )
    if order.status == "unknown" and order.err_code:
        meaning = meaning_of(order.channel, order.err_code)
        if meaning.actor == "person":
            return "way", meaning.to_person
    return "way", ON_ITS_WAY


def _failed(payout: Payout) -> Text:
    if not payout.err_code:
        return Text(f"这个红包没有发出，没有扣款。{ASK_STAFF.zh}", f"It was not paid. {ASK_STAFF.en}")
    meaning = meaning_of(payout.channel, payout.err_code)
    if meaning.to_person is ON_ITS_WAY:
        return Text(f"这个红包没有发出。{ASK_STAFF.zh}", f"It was not paid. {ASK_STAFF.en}")
    return meaning.to_person


# --- staff --------------------------------------------------------------------------------------------------------

CHANNEL_WORDS = {name: channel.word for name, channel in CHANNELS.items()}


TAB_WORDS: dict[str, Text] = {
    "person": Text("待人工处理", "needs a person"),
    "requested": Text("待审批", "waits for approval"),
    "held": Text("被挡住", "held back"),
    "queued": Text("排队中", "queued"),
    "sending": Text("发送中", "being sent"),
    "unknown": Text("结果未知", "unknown"),
    "waiting": Text("待领取", "waits to be taken"),
    "failed": Text("失败", "failed"),
    "returned": Text("已退回", "returned"),
    "paid": Text("已领取", "received"),
    "cancelled": Text("已取消", "called off"),
}
"""The cashier's tabs (listing.TABS), in a word."""


def status_of(payout: Payout) -> Text:
    """The word that staff read for a payout's status."""
    return status_word(payout.status)


def hold_of(payout: Payout) -> Text | None:
    """Why an approved payout waits, for staff."""
    if payout.status != "approved" or not payout.hold:
        return None
    return hold_word(payout.hold)


SECOND_WORDS: dict[str, Text] = {
    "amount": Text("这一笔达到须复核的金额", "this one alone reaches the amount"),
    "asker": Text("申请人当天合计", "all that its requester asked for that day:"),
    "payee": Text("给此人的当天合计", "all that was asked for this person that day:"),
    "source": Text("这类付款总要第二人", "this kind always needs one"),
    "fresh": Text("申请人的账号不满 24 小时", "its requester's account is less than 24 hours old"),
    "added": Text("此人由申请人添加", "its requester added this person"),
}
"""Why a payout waits for a second person, for staff; the sum follows."""


def _second(payout: Payout) -> Text:
    said = Text("等第二位财务审批", "a second cashier must approve it")
    why = [(SECOND_WORDS[each], f" ¥{yuan(fen)}" if fen else "") for each, fen in (payout.second_for or {}).items()]
    if not why:
        return said
    zh, en = (f"{word.zh}{fen}" for word, fen in why), (f"{word.en}{fen}" for word, fen in why)
    return Text(f"{said.zh}：{'；'.join(zh)}", f"{said.en}: {'; '.join(en)}")


def next_step(payout: Payout, order: Order | None, lane: LaneState | None, settings: Settings, now: datetime) -> Text:
    """What happens to a payout next by itself and when; or who must do what."""
    match payout.status:
        case "requested":
            return _second(payout)
        case "approved":
            return _approved(payout, now)
        case "ordered" if order is not None:
            if order.status in ("received", "returned", "failed"):
                return Text("订单已有结果，几秒内更新", "its order is settled; this follows within seconds")
            return order_words.next_step(order, lane, settings, now)
        case "returned":
            return Text("没有后续步骤；可以补发一次", "nothing follows; it can be issued once more")
        case "failed":
            return Text(
                "没有后续步骤；排除原因后可以补发一次",
                "nothing follows; it can be issued once more when the cause is gone",
            )
    return Text("已了结，没有后续步骤", "settled; nothing follows")


def _approved(payout: Payout, now: datetime) -> Text:
    if payout.hold == COLLECT:
        return Text(
            "等对方再点领取，到兑奖截止自动收回", "the person may collect it again; it is forfeited at its deadline"
        )
    hold = hold_of(payout)
    due = payout.due_at
    if hold is None and (due is None or due <= now + SOON):
        return Text("几秒内下单", "an order is placed within seconds")
    when_zh, when_en = ("", "")
    if due is not None:
        at = clock_text(due, now)
        when_zh, when_en = (
            (f"{at} 再试", f"tried again at {at}") if due > now + SOON else ("几秒内再试", "tried again within seconds")
        )
    if hold is None:
        return Text(when_zh, when_en)
    return Text("，".join(filter(None, (hold.zh, when_zh))), ", ".join(filter(None, (hold.en, when_en))))


# --- the person's pages -------------------------------------------------------------------------------------------

PAGE: dict[str, Text] = {
    "mine": Text("我的红包", "My red packets"),
    "none": Text("还没有红包", "No red packets yet"),
    "none_text": Text(
        "提交凭证、审核通过后，红包会出现在这里。", "Hand in a voucher; once it is approved, your packet shows here."
    ),
    "bound": Text("已绑定 {phone}", "Bound to {phone}"),
    "bind": Text("绑定手机号", "Bind your phone"),
    "change": Text("换绑", "Change"),
    "hand_in": Text("提交凭证", "Hand in a voucher"),
    "prizes": Text("抽奖的奖品，在这里领取", "Prizes from draws: collect them here"),
    "messages": Text("通知", "Messages"),
    "older": Text("更早的红包", "Older packets"),
    "newest": Text("最新的红包", "Newest packets"),
    "open": Text("去领取", "Take it"),
    "look": Text("查看", "Look"),
    "take": Text("领取", "Take it"),
    "taking": Text("正在打开…", "Opening…"),
    "checking": Text("正在确认到账…", "Checking…"),
    "to_you": Text("{name} 付给您", "{name} pays you"),
    "where": Text("红包在哪里", "Where is it"),
    "where_text": Text(
        "打开微信，进入和本公众号的聊天，点开红包消息就能领取。",
        "Open WeChat, go to the chat with this account, and open the packet's message.",
    ),
    "absent": Text("没有找到这个红包", "No such packet"),
    "absent_text": Text("链接可能不完整，或者它不是发给您的。", "The link may be incomplete, or it is not for you."),
    "outside": Text("请在手机微信里打开这个页面。", "Please open this page in WeChat on your phone."),
    "too_old": Text("微信版本太旧，请更新后再领取。", "This WeChat is too old; please update it first."),
    "not_yet": Text("没有完成领取，可以再点一次。", "It was not taken; you can tap again."),
    "oops": Text("没有打开，请检查网络后再试一次。", "It did not open. Check the network and try again."),
    "ok": Text("知道了", "OK"),
}
"""Fixed words of the person's pages."""


def page_words(language: str) -> dict[str, str]:
    """The fixed words in one language, for templates and scripts."""
    return {name: said.within(language) for name, said in PAGE.items()}
