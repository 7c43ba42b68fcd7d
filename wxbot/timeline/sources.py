"""What a timeline is made of: which rows tell of a person, and what each of their moments says.

Every source reads a bounded number of rows below a moment. A phone is shown masked, a code never, a message as it was sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from wxbot.budget import Budget
from wxbot.campaigns.models import Packet
from wxbot.draws.models import Draw
from wxbot.instant.models import Award, InstantDraw
from wxbot.money import yuan
from wxbot.orders.models import Evidence, Order
from wxbot.orders.words import meaning_of
from wxbot.payouts import sources as payout_sources
from wxbot.payouts import words as payout_words
from wxbot.payouts.models import PAYOUT_REASON, Payout
from wxbot.people import phones
from wxbot.people.models import Binding, Follower, Notice, PersonMark, SmsOut, Withdrawal
from wxbot.staff.models import Staff
from wxbot.text import Text
from wxbot.timeline.answers import answer_said
from wxbot.vault import Vault
from wxbot.vouchers.models import Voucher, VoucherKind


@dataclass(frozen=True)
class Moment:
    """Something that happened: when, what it belongs to, in words, and where to look closer (endpoint, argument, value)."""

    at: datetime
    kind: str
    said: Text
    detail: Text | None = None
    tone: str = ""
    """good, bad, wait, or nothing."""
    link: tuple[str, str, int] | None = None
    times: int = 1
    """How often: equal answers of WeChat to repeated questions are one line."""
    since: datetime | None = None
    """The first of them."""


def cut(name: str) -> str:
    """A person's name for eyes that need not know it whole: 张三 → 张*."""
    return f"{name[:1]}*" if name else ""


@dataclass
class Names:
    """Names of staff, kinds, programmes and campaigns, looked up once."""

    vault: Vault
    staff: dict[int, str] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    programmes: dict[int, str] = field(default_factory=dict)
    is_masked: bool = False
    """For eyes that need no full name: names are cut, and what people wrote is left out."""

    @classmethod
    def read(cls, session: Session, vault: Vault, *, is_masked: bool = False) -> "Names":
        """All of them: there are few."""
        return cls(
            vault,
            {row.id: row.name for row in session.execute(select(Staff.id, Staff.name))},
            {row.id: row.name for row in session.execute(select(VoucherKind.id, VoucherKind.name))},
            {row.id: row.name for row in session.execute(select(Budget.id, Budget.name))},
            is_masked=is_masked,
        )

    def who(self, staff_id: int | None) -> str:
        """A member of staff, or the system."""
        return self.staff.get(staff_id, f"#{staff_id}") if staff_id is not None else "系统"

    def person(self, name: str) -> str:
        """A person's name, as far as it may be seen."""
        return cut(name) if self.is_masked else name

    def words(self, written: str) -> Text | None:
        """What somebody wrote, as it is; None when nothing, or for eyes that need not read it."""
        return Text(written, written) if written and not self.is_masked else None

    def phone(self, sealed: str) -> str:
        """A masked phone; empty when it was erased."""
        return phones.masked(self.vault.open(sealed)) if sealed else ""


TellMoment = Callable[[Any, Names, datetime], Moment]


@dataclass(frozen=True)
class StorySource:
    """Rows of one table that tell of a person: by which column of time, which of them, and how each is told."""

    model: Any
    at: Any
    whose: Callable[[str], ColumnElement[bool]]
    tell: TellMoment

    def moments(
        self, session: Session, names: Names, openid: str, before: datetime | None, limit: int
    ) -> Sequence[Moment]:
        """The newest moments at or below `before`."""
        query = select(self.model).where(self.whose(openid), self.at.is_not(None))
        if before is not None:
            query = query.where(self.at <= before)
        rows = session.scalars(query.order_by(self.at.desc()).limit(limit))
        return [self.tell(row, names, getattr(row, self.at.key)) for row in rows]


def _money(fen: int) -> str:
    return f"¥{yuan(fen)}"


# --- following and binding ----------------------------------------------------------------------------------------


def _followed(row: Follower, names: Names, at: datetime) -> Moment:
    scene = Text(f"扫码场景 {row.scene}", f"QR scene {row.scene}") if row.scene else None
    return Moment(at, "follow", Text("关注了公众号", "followed the account"), scene, "good")


def _left(row: Follower, names: Names, at: datetime) -> Moment:
    return Moment(at, "follow", Text("取消关注", "unfollowed the account"), None, "bad")


def _withdrew(row: Withdrawal, names: Names, at: datetime) -> Moment:
    said = Text("要求删除个人资料", "asked for their personal data to be erased")
    done = Text("已删除", "erased") if row.erased_at else Text("等待执行", "waits to be carried out")
    return Moment(at, "follow", said, done, "bad")


SMS_WORDS: dict[str, Text] = {
    "planned": Text("等待发送", "waits to be sent"),
    "sending": Text("发送中", "being sent"),
    "sent": Text("短信商已接收", "taken by the provider"),
    "failed": Text("没有发出去", "could not be sent"),
    "unknown": Text("可能已送达", "may have arrived"),
    "late": Text("过期未发", "too late to be sent"),
}


def _code(row: SmsOut, names: Names, at: datetime) -> Moment:
    detail = SMS_WORDS.get(row.status, Text(row.status, row.status))
    if row.is_withheld:
        detail = Text("号码不能绑定，没有真的发送", "the number may not bind: nothing was really sent")
    tone = "bad" if row.status in ("failed", "late") or row.is_withheld else ""
    phone = names.phone(row.phone_sealed)
    return Moment(at, "code", Text(f"索取验证码 {phone}", f"asked for a code {phone}"), detail, tone)


def _proved(row: Binding, names: Names, at: datetime) -> Moment:
    phone = names.phone(row.phone_sealed)
    via = Text("聊天", "chat") if row.via == "chat" else Text("网页", "page")
    return Moment(
        at, "binding", Text(f"输对验证码，证明了手机号 {phone}（{via.zh}）", f"proved phone {phone} ({via.en})")
    )


def _bound(row: Binding, names: Names, at: datetime) -> Moment:
    name = f"{names.person(row.name)} " if row.name else ""
    phone = names.phone(row.phone_sealed)
    by = f"，{names.who(row.staff_id)} 通过" if row.staff_id is not None and row.status != "ended" else ""
    return Moment(at, "binding", Text(f"绑定生效：{name}{phone}{by}", f"bound: {name}{phone}"), None, "good")


END_WORDS: dict[str, Text] = {
    "rebound": Text("本人换绑", "bound another phone"),
    "moved": Text("手机号被另一个微信号验证", "the phone was proved by another WeChat account"),
    "refused": Text("审核没有通过", "the reviewer refused"),
    "staff": Text("工作人员解除", "ended by staff"),
    "roster": Text("名册变更", "the roster changed"),
    "replaced": Text("被新的申请取代", "replaced by a newer one"),
    "erased": Text("资料已删除", "erased"),
}


def _unbound(row: Binding, names: Names, at: datetime) -> Moment:
    phone = names.phone(row.phone_sealed)
    return Moment(
        at,
        "binding",
        Text(f"绑定结束 {phone}", f"binding ended {phone}"),
        END_WORDS.get(row.end_reason, Text(row.end_reason, row.end_reason)),
        "bad",
    )


def _marked(row: PersonMark, names: Names, at: datetime) -> Moment:
    is_block = row.mark == "block"
    said = Text(
        "列入黑名单" if is_block else "列入白名单", "put on the block list" if is_block else "put on the allow list"
    )
    by = names.words(f"{names.who(row.staff_id)}：{row.reason}")
    return Moment(at, "mark", said, by, "bad" if is_block else "good")


def _marks_of(openid: str) -> ColumnElement[bool]:
    phones_of = select(Binding.phone_index).where(Binding.openid == openid, Binding.status == "active")
    return or_(
        and_(PersonMark.kind == "openid", PersonMark.subject == openid),
        and_(PersonMark.kind == "phone", PersonMark.subject.in_(phones_of)),
    )


# --- vouchers -----------------------------------------------------------------------------------------------------


def _handed_in(row: Voucher, names: Names, at: datetime) -> Moment:
    kind, money = names.kinds.get(row.kind_id, ""), _money(row.asked_fen)
    said = Text(f"提交凭证「{kind}」{money}", f"handed in a voucher “{kind}” {money}")
    return Moment(at, "voucher", said, names.words(row.note), "", ("vouchers.page", "voucher_id", row.id))


def _reviewed(row: Voucher, names: Names, at: datetime) -> Moment:
    who, money = names.who(row.decided_by), _money(row.amount_fen)
    words = {
        "approved": Text(f"{who} 通过了凭证，{money}", f"{who} approved the voucher, {money}"),
        "rejected": Text(f"{who} 拒绝了凭证", f"{who} rejected the voucher"),
    }
    said = words.get(row.status, Text(f"{who} 要求重拍照片", f"{who} asked for a better photo"))
    tone = {"approved": "good", "rejected": "bad"}.get(row.status, "wait")
    reason = Text(row.reason, row.reason) if row.reason else None
    return Moment(at, "review", said, reason, tone, ("vouchers.page", "voucher_id", row.id))


# --- payouts and their orders -------------------------------------------------------------------------------------


def _to(row: Payout) -> tuple[str, str, int]:
    return ("payouts.payout", "payout_id", row.id)


def _owed(row: Payout, names: Names, at: datetime) -> Moment:
    source = payout_sources.SOURCES[row.source_kind].word
    money, programme = _money(row.amount_fen), names.programmes.get(row.budget_id, "")
    by = f" · {names.who(row.created_by)}" if row.created_by is not None else ""
    said = Text(f"登记付款 {money}（{source.zh}）", f"owed {money} ({source.en})")
    more = f"{programme}{by}" + (f" · {row.note}" if names.words(row.note) else "")
    return Moment(at, "payout", said, Text(more, more), "", _to(row))


def _agreed(row: Payout, names: Names, at: datetime) -> Moment:
    who = names.who(row.approved_by)
    return Moment(
        at,
        "payout",
        Text(f"{who} 批准付款 {_money(row.amount_fen)}", f"{who} approved {_money(row.amount_fen)}"),
        None,
        "good",
        _to(row),
    )


def _ended(row: Payout, names: Names, at: datetime) -> Moment:
    word = payout_words.status_of(row)
    detail = None
    if row.err_code and row.status in ("failed", "cancelled"):
        detail = meaning_of(row.channel, row.err_code).said
    tone = "good" if row.status == "paid" else "bad"
    money = _money(row.amount_fen)
    return Moment(at, "payout", Text(f"付款 {money} {word.zh}", f"payout {money} {word.en}"), detail, tone, _to(row))


def _orders_of(openid: str) -> ColumnElement[bool]:
    owed = select(Payout.id).where(Payout.openid == openid)
    return and_(Order.reason_kind == PAYOUT_REASON, Order.reason_id.in_(owed))


def _sent(row: Order, names: Names, at: datetime) -> Moment:
    channel = payout_words.CHANNEL_WORDS.get(row.channel, Text(row.channel, row.channel))
    said = Text(
        f"向微信下单（{channel.zh}）{_money(row.amount_fen)}",
        f"ordered at WeChat ({channel.en}) {_money(row.amount_fen)}",
    )
    number = Text("单号 {no}，共发送 {n} 次", "number {no}, sent {n} {n:time|times}").format(
        no=row.mch_billno, n=row.sends
    )
    return Moment(at, "order", said, number, "", ("orders.order", "order_id", row.id))


def _taken(row: Order, names: Names, at: datetime) -> Moment:
    said = Text(f"微信已受理 {_money(row.amount_fen)}，等待领取", f"WeChat has {_money(row.amount_fen)} ready")
    return Moment(at, "order", said, None, "good", ("orders.order", "order_id", row.id))


def _answers_of(openid: str) -> ColumnElement[bool]:
    return Evidence.order_id.in_(select(Order.id).where(_orders_of(openid)))


def _answered(row: Evidence, names: Names, at: datetime) -> Moment:
    said, tone = answer_said(row.kind, row.body)
    return Moment(at, "answer", said, None, tone, ("orders.order", "order_id", row.order_id))


# --- messages, campaigns, lists -----------------------------------------------------------------------------------

NOTICE_WORDS: dict[str, Text] = {
    "planned": Text("待发送", "to be sent"),
    "sending": Text("发送中", "being sent"),
    "sent": Text("已送达聊天", "sent into the chat"),
    "unreachable": Text("聊天里送不到，放在对方的页面上", "the chat cannot be reached: on their page"),
    "unknown": Text("可能已送达", "may have arrived"),
    "failed": Text("没有送达，放在对方的页面上", "not delivered: on their page"),
}


def _told(row: Notice, names: Names, at: datetime) -> Moment:
    how = NOTICE_WORDS.get(row.status, Text(row.status, row.status))
    tone = "bad" if row.status in ("unreachable", "failed") else ""
    return Moment(at, "message", Text(f"通知：{row.text}", f"told: {row.text}"), how, tone)


def _drew(row: Draw, names: Names, at: datetime) -> Moment:
    words = {
        "missed": Text("摇一摇：没有中签", "shook: no luck"),
        "lapsed": Text("摇一摇：获准抽取，但没有抽到", "shook: admitted, nothing was bound"),
    }
    said = words.get(row.status, Text("摇一摇：获准抽取", "shook: admitted to draw"))
    return Moment(at, "draw", said, None, "", ("campaigns.page", "campaign_id", row.campaign_id))


def _won(row: Draw, names: Names, at: datetime) -> Moment:
    money = _money(row.amount_fen or 0)
    return Moment(
        at,
        "draw",
        Text(f"抽中红包 {money}", f"drew a packet of {money}"),
        None,
        "good",
        ("campaigns.page", "campaign_id", row.campaign_id),
    )


def _played(row: InstantDraw, names: Names, at: datetime) -> Moment:
    words = {
        "lost": Text("抽奖：没有中奖", "drew: no luck"),
        "gone": Text("抽奖：抽到的奖品已经没有了", "drew: that prize had run out"),
    }
    said = words.get(row.outcome, Text("抽奖：中奖", "drew and won"))
    tone = "good" if row.outcome == "won" else ""
    return Moment(at, "draw", said, Text(f"第 {row.k} 次抽奖", f"draw {row.k}"), tone, _campaign(row))


def _campaign(row: InstantDraw | Award) -> tuple[str, str, int]:
    return ("campaigns.page", "campaign_id", row.campaign_id)


def _asked(row: Award, names: Names, at: datetime) -> Moment:
    money = _money(row.amount_fen)
    return Moment(at, "draw", Text(f"点了领取 {money}", f"asked for {money}"), None, "", _campaign(row))


def _award_ended(row: Award, names: Names, at: datetime) -> Moment:
    money = _money(row.amount_fen)
    if row.status == "paid":
        return Moment(
            at, "draw", Text(f"奖品 {money} 已领取", f"prize of {money} received"), None, "good", _campaign(row)
        )
    said = Text(f"奖品 {money} 兑奖截止前没有领取，已收回", f"prize of {money} was not collected in time and went back")
    return Moment(at, "draw", said, None, "bad", _campaign(row))


def _packets_of(openid: str) -> ColumnElement[bool]:
    return Packet.id.in_(select(Draw.packet_id).where(Draw.openid == openid, Draw.packet_id.is_not(None)))


def _opened(row: Packet, names: Names, at: datetime) -> Moment:
    is_paid = row.status == "received"
    money = _money(row.amount_fen)
    said = (
        Text(f"活动红包 {money} 已领取", f"packet of {money} received")
        if is_paid
        else Text(f"活动红包 {money} 未拆，已退回", f"packet of {money} went back unopened")
    )
    return Moment(
        at, "draw", said, None, "good" if is_paid else "bad", ("campaigns.page", "campaign_id", row.campaign_id)
    )


def _of(column: Any) -> Callable[[str], ColumnElement[bool]]:
    return lambda openid: column == openid


def _settled(condition: ColumnElement[bool], column: Any) -> Callable[[str], ColumnElement[bool]]:
    return lambda openid: and_(column == openid, condition)


SOURCES: tuple[StorySource, ...] = (
    StorySource(Follower, Follower.subscribed_at, _of(Follower.openid), _followed),
    StorySource(Follower, Follower.unsubscribed_at, _settled(~Follower.is_subscribed, Follower.openid), _left),
    StorySource(Withdrawal, Withdrawal.asked_at, _of(Withdrawal.openid), _withdrew),
    StorySource(SmsOut, SmsOut.created_at, _of(SmsOut.openid), _code),
    StorySource(Binding, Binding.proved_at, _of(Binding.openid), _proved),
    StorySource(Binding, Binding.bound_at, _of(Binding.openid), _bound),
    StorySource(Binding, Binding.ended_at, _of(Binding.openid), _unbound),
    StorySource(PersonMark, PersonMark.created_at, _marks_of, _marked),
    StorySource(Voucher, Voucher.submitted_at, _of(Voucher.openid), _handed_in),
    StorySource(Voucher, Voucher.decided_at, _of(Voucher.openid), _reviewed),
    StorySource(Payout, Payout.created_at, _of(Payout.openid), _owed),
    StorySource(Payout, Payout.approved_at, _settled(Payout.approved_by.is_not(None), Payout.openid), _agreed),
    StorySource(Payout, Payout.settled_at, _of(Payout.openid), _ended),
    StorySource(Order, Order.sent_at, _orders_of, _sent),
    StorySource(Order, Order.accepted_at, _orders_of, _taken),
    StorySource(Evidence, Evidence.at, _answers_of, _answered),
    StorySource(Notice, Notice.created_at, _settled(Notice.text != "", Notice.openid), _told),
    StorySource(Draw, Draw.admitted_at, _of(Draw.openid), _drew),
    StorySource(Draw, Draw.bound_at, _of(Draw.openid), _won),
    StorySource(Packet, Packet.settled_at, _packets_of, _opened),
    StorySource(InstantDraw, InstantDraw.drawn_at, _of(InstantDraw.openid), _played),
    StorySource(Award, Award.tapped_at, _of(Award.openid), _asked),
    StorySource(Award, Award.settled_at, _settled(Award.status.in_(("paid", "forfeited")), Award.openid), _award_ended),
)
"""Everything that tells of a person. A further feature adds its rows here."""
