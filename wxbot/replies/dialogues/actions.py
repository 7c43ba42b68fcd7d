"""What dialogues do: how each opens, what is done inside the transaction of a step, and what outside of it.

Everything here is somebody else's verb: bindings decide about codes, vouchers about amounts and photos, payouts know the
packets. INSIDE works raise nothing a person could cause; what is refused becomes words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.money import yuan
from wxbot.orders.channels import CONFIRMED
from wxbot.payouts import listing as payout_listing
from wxbot.payouts.words import for_person
from wxbot.people import bindings, marks, phones
from wxbot.people.models import SmsCode
from wxbot.replies.dialogues import words
from wxbot.replies.dialogues.definitions import GivenAnswers, after_kind, chosen_kind
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Refusal, Text, day_text, lines
from wxbot.vouchers import kinds, submit
from wxbot.vouchers.models import Voucher, VoucherKind

PACKETS_SHOWN = 5

NOTHING = Text("", "")


@dataclass(frozen=True)
class Opened:
    """How a dialogue begins: the first step with what was looked up for it, or only words when it cannot begin."""

    step: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    words: Text = NOTHING


@dataclass(frozen=True)
class ActionResult:
    """What a work came to: what is said, where it goes (None: as declared, empty: the end), and what is kept."""

    words: Text = NOTHING
    go: str | None = None
    keep: Mapping[str, Any] = field(default_factory=dict)


Opening = Callable[[Session, Runtime, str, datetime], Opened]
Inside = Callable[[Session, Runtime, str, GivenAnswers, datetime], ActionResult]
Outside = Callable[[Runtime, str, GivenAnswers, str, datetime], ActionResult]


def _sentence(refused: Refusal) -> Text:
    return lines(refused.text, words.BIND_FIRST) if refused.reason == "unbound" else refused.text


# --- bind ---------------------------------------------------------------------------------------------------------


def open_bind(session: Session, runtime: Runtime, openid: str, _now: datetime) -> Opened:
    """Ask for the phone; whoever is bound already hears to which one."""
    bound = bindings.active(session, openid)
    shown = phones.masked(runtime.vault.open(bound.phone_sealed)) if bound else ""
    return Opened("phone", {"bound": shown})


def ask_code(runtime: Runtime, openid: str, _answers: GivenAnswers, phone: str, now: datetime) -> ActionResult:
    """Have a code sent to the phone that was typed."""
    return _after_asking(bindings.ask_code(runtime, openid, phone, "", now), "phone")


def resend_code(runtime: Runtime, openid: str, _answers: GivenAnswers, _nothing: str, now: datetime) -> ActionResult:
    """Have another code sent to the phone of the last one."""
    with runtime.database.reading() as session:
        query = select(SmsCode.phone_sealed).where(SmsCode.openid == openid, SmsCode.purpose == bindings.PURPOSE)
        sealed = session.scalar(query)
    if not sealed:
        return ActionResult(words.ASK_AGAIN, go="phone")
    return _after_asking(bindings.ask_code(runtime, openid, runtime.vault.open(sealed), "", now), "code")


def _after_asking(asked: bindings.CodeRequested, again: str) -> ActionResult:
    """On to the code when it is on its way; the same question again when that may help; else the end."""
    if asked.is_sent:
        return ActionResult(lines(asked.text, words.ASK_CODE) if again == "code" else asked.text, go="code")
    return ActionResult(asked.text, go=again if asked.name in ("bad_phone", "too_often", "busy") else "")


def confirm_code(runtime: Runtime, openid: str, _answers: GivenAnswers, code: str, now: datetime) -> ActionResult:
    """Compare the code and bind."""
    outcome = bindings.confirm(runtime, openid, code, now)
    if outcome.may_try_again:
        return ActionResult(outcome.text, go="code")
    return ActionResult(
        outcome.text, go="phone" if outcome.name in ("spent", "expired", "used", "dead", "none") else ""
    )


# --- upload -------------------------------------------------------------------------------------------------------


def open_upload(session: Session, _runtime: Runtime, openid: str, _now: datetime) -> Opened:
    """Put the kinds that this person may hand in into the answers, as they are called now; a single one is not asked about.

    Who must bind a phone first is told so before anything is chosen or photographed.
    """
    open_kinds = kinds.open_kinds(session)
    refusals = {kind.id: submit.gate(session, openid, kind) for kind in open_kinds}
    free = [kind for kind in open_kinds if refusals[kind.id] is None]
    if not free:
        refused = submit.gate(session, openid) or next(iter(refusals.values()), None)
        return Opened(words=_sentence(refused) if refused is not None else words.NO_KINDS)
    shown = [
        {"id": kind.id, "name": kind.name, "rule": kind.amount_rule, "unit": kind.unit_name, "ask": _ends(kind.ask)}
        for kind in free
    ]
    unbound = sum(refused is not None and refused.reason == "unbound" for refused in refusals.values())
    more = words.MORE_WHEN_BOUND.format(n=unbound) if unbound else NOTHING
    if len(shown) > 1:
        return Opened("kind", {"kinds": shown}, more)
    answers: dict[str, Any] = {"kinds": shown, "kind": 0}
    return Opened(after_kind(answers), answers, more)


def _ends(ask: str) -> str:
    """What the kind asks to be photographed, as a sentence before ours."""
    return ask if not ask or ask[-1] in "。！!.?？" else f"{ask}。"


def _kind_of(session: Session, answers: GivenAnswers) -> VoucherKind | None:
    return session.get(VoucherKind, chosen_kind(answers)["id"])


def check_kind(session: Session, _runtime: Runtime, openid: str, answers: GivenAnswers, _now: datetime) -> ActionResult:
    """Whether this person may hand in this kind; better known before the photos than after."""
    refused = submit.gate(session, openid, _kind_of(session, answers))
    return ActionResult(_sentence(refused), go="") if refused is not None else ActionResult()


def check_amount(
    session: Session, _runtime: Runtime, _openid: str, answers: GivenAnswers, _now: datetime
) -> ActionResult:
    """Whether the kind's rule takes these units or this amount; else the same question again."""
    kind = _kind_of(session, answers)
    if kind is None:
        return ActionResult(words.NO_KINDS, go="")
    try:
        kinds.amount_of(kind, answers.get("units", 0), answers.get("amount", 0))
    except Refusal as refused:
        return ActionResult(_sentence(refused), go="units" if refused.reason == "units" else "amount")
    return ActionResult()


def submit_voucher(
    session: Session, _runtime: Runtime, openid: str, answers: GivenAnswers, now: datetime
) -> ActionResult:
    """Open the voucher and note its photos, all or nothing; a repeat finds the first one by its token."""
    try:
        with session.begin_nested():
            voucher = submit.open_voucher(
                session,
                openid,
                chosen_kind(answers)["id"],
                answers.get("units", 0),
                answers.get("amount", 0),
                "chat",
                now,
                token=f"chat:{answers['token']}"[:64],
            )
            return _with_photos(session, voucher.id, answers, now)
    except Refusal as refused:
        return ActionResult(_sentence(refused), go="")


def _with_photos(session: Session, voucher_id: int, answers: GivenAnswers, now: datetime) -> ActionResult:
    sent = list(answers["photos"])
    for media_id in sent:
        submit.add_media(session, voucher_id, media_id, now)
    submit.finish(session, voucher_id, now)
    kept = {"voucher_id": voucher_id, "photos_since": answers["photos_since"]}
    return ActionResult(words.SUBMITTED.format(n=len(sent)), keep=kept)


def open_retake(session: Session, _runtime: Runtime, openid: str, _now: datetime) -> Opened:
    """The newest voucher of this person that a reviewer wants a better photo of."""
    query = select(Voucher.id).where(Voucher.openid == openid, Voucher.status == "photo_wanted")
    voucher_id = session.scalar(query.order_by(Voucher.id.desc()).limit(1))
    return Opened(words=words.NO_RETAKE) if voucher_id is None else Opened("photos", {"voucher_id": voucher_id})


def add_photos(session: Session, _runtime: Runtime, _openid: str, answers: GivenAnswers, now: datetime) -> ActionResult:
    """Add photos to a voucher that wants them."""
    try:
        with session.begin_nested():
            return _with_photos(session, int(answers["voucher_id"]), answers, now)
    except Refusal as refused:
        return ActionResult(_sentence(refused), go="")


def add_late_photo(session: Session, answers: GivenAnswers, media_id: str, now: datetime) -> Text:
    """A photo that was sent before 完成 and came after it: it belongs to what was submitted, if nobody has looked yet."""
    try:
        submit.add_media(session, int(answers["voucher_id"]), media_id, now)
    except Refusal as refused:
        return _sentence(refused)
    return words.LATE_PHOTO


# --- my packets ---------------------------------------------------------------------------------------------------


def _line(settings: Settings, line: payout_listing.PayoutLine, now: datetime) -> Text:
    """One packet in a line: when, how much, how it stands; a transfer that waits for its person with the way to take it."""
    payout, seen = line.payout, for_person(line.payout, line.order, now)
    said = words.PACKET.format(day=day_text(payout.created_at), yuan=yuan(payout.amount_fen), word=seen.word)
    if seen.state != "take" or payout.channel not in CONFIRMED:
        return said
    take = words.TAKE.format(url=f"{settings.public_url}/h5/pay/{payout.public_id}")
    return Text(f"{said.zh} {take.zh}", f"{said.en} {take.en}")


def open_my_packets(session: Session, runtime: Runtime, openid: str, now: datetime) -> Opened:
    """The newest packets of this person in plain words, what still waits for a reviewer, and the page that shows all."""
    rows = payout_listing.of_person(session, openid, PACKETS_SHOWN)
    said = [words.NO_PACKETS]
    if rows:
        said = [words.PACKETS, *(_line(runtime.settings, row, now) for row in rows)]
        said.append(for_person(rows[0].payout, rows[0].order, now).sentence)
    waiting = session.scalar(
        select(func.count()).where(Voucher.openid == openid, Voucher.status.in_(("submitted", "claimed")))
    )
    if waiting:
        said.append(words.UNDER_REVIEW.format(n=waiting))
    elif not rows and marks.refusal(session, None, openid) == "unbound":
        said.append(words.BIND_FIRST)
    said.append(words.ALL_PACKETS.format(url=f"{runtime.settings.public_url}/h5/me"))
    return Opened(words=lines(*said))


OPENINGS: Mapping[str, Opening] = {
    "bind": open_bind,
    "upload": open_upload,
    "retake": open_retake,
    "my_packets": open_my_packets,
}
"""How each dialogue begins, in a transaction."""

INSIDE: Mapping[str, Inside] = {
    "check_kind": check_kind,
    "check_amount": check_amount,
    "submit_voucher": submit_voucher,
    "add_photos": add_photos,
}
"""Done in the transaction that moves the dialogue: both happen, or neither."""

OUTSIDE: Mapping[str, Outside] = {"ask_code": ask_code, "resend_code": resend_code, "confirm_code": confirm_code}
"""Done between two transactions, since they open their own; safe to be asked for twice."""
