"""WeChat Pay v3 merchant transfers [商家转账]: create, query and cancel a bill, read its callback (wechat-protocol §4);
and the merchant's balance.

A bill moves no money by itself: the person must confirm it in WeChat within 24 hours. As with v2 the caller decides from
an answer (money §5.2); this module only promises: NotSent  not one byte left; Unanswered  anything may have happened,
or what came back is not provably WeChat's; TransferAnswer  WeChat said this, refusals included. Never a retry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from wxbot.wechat import limits, pay_texts
from wxbot.wechat.crypto_v3 import BadSeal, MerchantKey, PlatformKey
from wxbot.wechat.errors import BadMessage, ErrorRow, Unanswered, row_for
from wxbot.wechat.http import Transport, json_body
from wxbot.wechat.http_v3 import BadJson, Fields, SignedReply, SignedWire, Unverified, masked, read_object

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
BALANCE = "/v3/merchant/fund/balance/BASIC"
FINISHED = "MCHTRANSFER.BILL.FINISHED"

WAITING_STATES = frozenset({"ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM", "TRANSFERING", "CANCELING"})
FINAL_STATES = frozenset({"SUCCESS", "FAIL", "CANCELLED"})
"""Spelled as WeChat spells them (§4.3); a state in neither set is unknown and settles nothing."""

_BILL_NO = re.compile(rf"[0-9A-Za-z]{{1,{limits.TRANSFER_BILL_NO_CHARS}}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FIELD_CHARS = 1_024


@dataclass(frozen=True, slots=True)
class TransferAnswer:
    """What WeChat said about one bill, a refusal included.

    status: HTTP status. code, message: set when the call was refused; that says nothing about the bill, only a state
    does. state: verbatim, see WAITING_STATES and FINAL_STATES. package_info: for the receiver's phone, given once by
    create. amount_fen, openid: of a query, None and "" where WeChat does not say. raw: masked, for a person to look at.
    is_signed: False only for a 401, which moves nothing.
    """

    status: int
    code: str = ""
    message: str = ""
    state: str = ""
    out_bill_no: str = ""
    transfer_bill_no: str = ""
    package_info: str = field(default="", repr=False)
    fail_reason: str = ""
    amount_fen: int | None = None
    openid: str = ""
    mch_id: str = ""
    appid: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None
    raw: str = field(default="", repr=False)
    is_signed: bool = True

    @property
    def is_success(self) -> bool:
        """The call succeeded: there is a bill, and `state` tells how it stands. Not: the money has arrived."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """The bill's state can never change again."""
        return self.is_success and self.state in FINAL_STATES

    @property
    def row(self) -> ErrorRow:
        """What the refusal's code means and who must act; meaningful when `is_success` is False."""
        return row_for("transfer", self.code)

    @property
    def reason_row(self) -> ErrorRow:
        """What the fail_reason of a failed bill means; meaningful when `state` is FAIL."""
        return row_for("transfer_reason", self.fail_reason or "OTHER_FAIL_REASON_TYPE")

    def echoes(self, sent: Mapping[str, object]) -> bool:
        """Whether the bill is the one of the frozen parameters: its number, and all else that WeChat tells (S65)."""
        told = {"appid": self.appid, "openid": self.openid, "transfer_amount": self.amount_fen}
        agrees = all(value in ("", None) or value == sent[name] for name, value in told.items() if name in sent)
        return agrees and self.out_bill_no == sent["out_bill_no"]


@dataclass(frozen=True, slots=True)
class BalanceAnswer:
    """What WeChat said about the account's money, in fen: what may be spent, and what may not yet (None when not told).

    status: HTTP status. code, message: set when the call was refused; both amounts say nothing then.
    """

    status: int
    code: str = ""
    message: str = ""
    available_fen: int = 0
    pending_fen: int | None = None

    @property
    def is_success(self) -> bool:
        """The call succeeded, and the amounts are WeChat's."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class TransferNotice:
    """A callback that WeChat has signed and sealed: a bill has reached its end (§4.10). Ask before believing money moved."""

    notice_id: str
    event_type: str
    out_bill_no: str
    transfer_bill_no: str
    state: str
    fail_reason: str
    amount_fen: int | None
    openid: str
    create_time: datetime | None
    update_time: datetime | None
    raw: str = field(default="", repr=False)


def transfer_params(
    *,
    appid: str,
    out_bill_no: str,
    transfer_scene_id: str,
    openid: str,
    amount_fen: int,
    remark: str,
    notify_url: str,
    perception: str,
    reports: Mapping[str, str],
    is_red_packet: bool = True,
) -> dict[str, Any]:
    """The body of one transfer, to freeze with its order (§4.2, money.md I5): JSON values, in the order of the reference.

    amount_fen in fen. remark: what the person sees. perception: user_recv_perception, a text of the scene's own list.
    reports: info_type → info_content; scene 1000 wants 活动名称 and 奖励说明. is_red_packet: shown as a red packet where the
    amount allows it, up to 200 yuan. Raises ValueError for what WeChat would refuse; forms ask
    `pay_texts.faults("transfer_bills", …)` before it comes to that.
    """
    if not _BILL_NO.fullmatch(out_bill_no):
        raise ValueError("out_bill_no has 1 to 32 letters and digits")
    if "?" in notify_url or limits.byte_length(notify_url) > limits.TRANSFER_NOTIFY_URL_BYTES:
        raise ValueError("notify_url has no query and at most 256 bytes")
    pay_texts.require("transfer_bills", {"transfer_remark": remark})
    for name, text in reports.items():
        pay_texts.require("transfer_bills", {"info_type": name, "info_content": text})
    params: dict[str, Any] = {
        "appid": appid,
        "out_bill_no": out_bill_no,
        "transfer_scene_id": transfer_scene_id,
        "openid": openid,
        "transfer_amount": amount_fen,
        "transfer_remark": remark,
        "notify_url": notify_url,
        "user_recv_perception": perception,
        "transfer_scene_report_infos": [{"info_type": name, "info_content": text} for name, text in reports.items()],
    }
    if is_red_packet and amount_fen <= limits.TRANSFER_REDPACK_MAX_FEN:
        params["user_recv_style"] = {"type": "RED_PACKET"}
    return params


class PayV3Client:
    """The merchant transfers of one merchant."""

    def __init__(
        self,
        transport: Transport,
        mch_base: str = "https://api.mch.weixin.qq.com",
        *,
        mch_id: str,
        appid: str,
        private_key_file: str | Path,
        cert_file: str | Path,
        api_v3_key: str,
        public_key_id: str = "",
        public_key: str = "",
        former_api_v3_key: str = "",
        former_public_key_id: str = "",
        former_public_key: str = "",
        clock: Callable[[], float],
    ) -> None:
        """`transport` needs no client certificate. cert_file: the merchant's, only its serial number is used.

        public_key: WeChat Pay's public key in PEM, known by public_key_id; without it platform certificates are fetched
        and kept. former_…: keys that WeChat may still use while they are changed. clock: Unix seconds. Raises ValueError for keys that do not fit, OSError for files that are not there.
        """
        self._mch_id = mch_id
        self._appid = appid
        self._wire = SignedWire(
            transport,
            mch_base,
            mch_id=mch_id,
            merchant=MerchantKey.read(private_key_file, cert_file),
            api_v3_key=api_v3_key,
            public_key=PlatformKey.of_public_key(public_key_id, public_key) if public_key else None,
            former_api_v3_key=former_api_v3_key,
            former_public_key=(
                PlatformKey.of_public_key(former_public_key_id, former_public_key) if former_public_key else None
            ),
            clock=clock,
        )

    def create(self, params: Mapping[str, Any], *, user_name: str = "") -> TransferAnswer:
        """Create a bill, or get the one of this number again: same number and content never pay twice (§4.2).

        Sends exactly `params`. user_name: the person's real name, which WeChat wants from 2000 yuan; it is sealed for
        WeChat at each sending and never stored. A success that names another bill raises Unanswered, security=True.
        """
        body: dict[str, Any] = dict(params)
        if user_name:
            body["user_name"] = self._wire.encryption_key().seal(user_name)
        answer = self._answer(self._wire.exchange("POST", BILLS, json_body(body)))
        return self._own(answer, params, "create")

    def query(self, out_bill_no: str) -> TransferAnswer:
        """Ask how the bill of a number of the last 30 days stands (§4.4); NOT_FOUND is not failure."""
        answer = self._answer(self._wire.exchange("GET", f"{BILLS}/out-bill-no/{_number(out_bill_no)}"))
        return self._own(answer, {"out_bill_no": out_bill_no, "appid": self._appid}, "query")

    def cancel(self, out_bill_no: str) -> TransferAnswer:
        """Take back a bill the person has not confirmed (§4.5). It may answer CANCELING: only a query tells the end."""
        path = f"{BILLS}/out-bill-no/{_number(out_bill_no)}/cancel"
        answer = self._answer(self._wire.exchange("POST", path, b"{}"))
        return self._own(answer, {"out_bill_no": out_bill_no}, "cancel")

    def balance(self) -> BalanceAnswer:
        """What the merchant's basic account holds now.

        UNCONFIRMED: the call is documented for service providers, and whether an ordinary merchant may use it is not known;
        expect NO_AUTH. A success without a readable amount raises Unanswered.
        """
        reply = self._wire.exchange("GET", BALANCE)
        fields = reply.fields
        if not 200 <= reply.status < 300:
            code = "".join(_text(fields, "code").split())
            return BalanceAnswer(reply.status, code=code, message=_text(fields, "message")[:500])
        available_fen = _whole(fields, "available_amount")
        if available_fen is None or not 0 <= available_fen < 2**63:
            raise Unanswered(
                "balance: the answer has no amount", reason="unreadable", evidence=reply.raw, status=reply.status
            )
        return BalanceAnswer(reply.status, available_fen=available_fen, pending_fen=_whole(fields, "pending_amount"))

    def open_callback(self, headers: Mapping[str, str], body: bytes, now_s: float) -> TransferNotice:
        """Verify and open one request to notify_url (§4.9, §4.10). Raises BadMessage, for whatever reason.

        The signature covers the raw bytes and is checked first; it must be of the last 5 minutes. A certificate nobody
        knows is looked for at WeChat, at most once a minute, so no transaction may be open here.
        """
        if len(body) > limits.CALLBACK_BODY_BYTES:
            raise BadMessage("too big")
        try:
            self._wire.verify({name.lower(): value for name, value in headers.items()}, body, now_s, waits=False)
            outer = read_object(body)
            if outer.get("event_type") != FINISHED or outer.get("resource_type") != "encrypt-resource":
                raise BadMessage("another kind of event")
            fields = read_object(self._wire.open_seal(outer.get("resource")))
        except (Unverified, BadJson, BadSeal) as error:
            raise BadMessage(str(error)) from None
        if fields.get("mch_id") != self._mch_id:
            raise BadMessage("for another merchant")
        out_bill_no = _text(fields, "out_bill_no")
        if not _BILL_NO.fullmatch(out_bill_no):
            raise BadMessage("no out_bill_no")
        return TransferNotice(
            notice_id=_text(outer, "id"),
            event_type=FINISHED,
            out_bill_no=out_bill_no,
            transfer_bill_no=_text(fields, "transfer_bill_no"),
            state=_text(fields, "state"),
            fail_reason=_text(fields, "fail_reason"),
            amount_fen=_whole(fields, "transfer_amount"),
            openid=_text(fields, "openid"),
            create_time=_time(fields, "create_time"),
            update_time=_time(fields, "update_time"),
            raw=masked(fields),
        )

    @staticmethod
    def _answer(reply: SignedReply) -> TransferAnswer:
        fields = reply.fields
        is_success = 200 <= reply.status < 300
        return TransferAnswer(
            status=reply.status,
            code="" if is_success else "".join(_text(fields, "code").split()),
            message="" if is_success else _text(fields, "message")[:500],
            state=_text(fields, "state"),
            out_bill_no=_text(fields, "out_bill_no"),
            transfer_bill_no=_text(fields, "transfer_bill_no"),
            package_info=_text(fields, "package_info"),
            fail_reason=_text(fields, "fail_reason"),
            amount_fen=_whole(fields, "transfer_amount"),
            openid=_text(fields, "openid"),
            mch_id=_text(fields, "mch_id"),
            appid=_text(fields, "appid"),
            create_time=_time(fields, "create_time"),
            update_time=_time(fields, "update_time"),
            raw=reply.raw,
            is_signed=reply.is_signed,
        )

    def _own(self, answer: TransferAnswer, sent: Mapping[str, object], label: str) -> TransferAnswer:
        """The answer, once it is certain that it speaks of the bill that was asked about (F11, S65)."""
        is_ours = answer.mch_id in ("", self._mch_id) and answer.echoes(sent)
        if answer.is_success and not (is_ours and answer.state and answer.transfer_bill_no):
            raise Unanswered(
                f"transfer {label}: the answer belongs to another bill or has no state",
                reason="wrong_echo",
                evidence=answer.raw,
                status=answer.status,
                security=True,
            )
        return answer


def _number(out_bill_no: str) -> str:
    if not _BILL_NO.fullmatch(out_bill_no):
        raise ValueError("out_bill_no has 1 to 32 letters and digits")
    return out_bill_no


def _text(fields: Fields, name: str) -> str:
    """A text field; one that is missing, no text, too long or holds control characters reads as empty."""
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > _FIELD_CHARS or _CONTROL.search(value):
        return ""
    return value


def _whole(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(fields: Fields, name: str) -> datetime | None:
    """An RFC 3339 time with its zone; None for anything else."""
    try:
        told = datetime.fromisoformat(_text(fields, name))
    except ValueError:
        return None
    return told if told.tzinfo is not None else None
