"""WeChat Pay v2: one signed XML request over mutual TLS, one strictly read answer, never a retry.

wechatpy's pay client is not used: it invents an order number per call, takes unsigned and HTML replies for answers,
lets `]]>` in a wish add fields to the request, and prints the API key to the log.

The caller decides about money from a PayAnswer with the table of money §5.2. This module only promises:
NotSent  not one byte left; Unanswered  anything may have happened; PayAnswer  WeChat said this, refusals included.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from wxbot.wechat import limits, pay_texts, sign, xml
from wxbot.wechat.errors import ErrorRow, Refused, Unanswered, row_for
from wxbot.wechat.http import Reply, Transport
from wxbot.wechat.redaction import evidence, redact

log = logging.getLogger(__name__)

BILL_BYTES = 64 * 1024 * 1024
_XML_TYPE = "text/xml; charset=utf-8"
_BLANK = re.compile(r"\s+")
_OWN_FIELDS = frozenset({"nonce_str", "sign"})


@dataclass(frozen=True, slots=True)
class PayAnswer:
    """A well-formed answer of WeChat Pay, refusals included.

    fields: every text field of the reply, verbatim. receipts: the `hbinfo` rows of gethbinfo, always a list.
    raw: the reply for a person to look at, secrets masked. is_signed: a `sign` was present (and then it was right).
    """

    return_code: str
    result_code: str
    err_code: str
    err_code_des: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    receipts: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    raw: str = field(default="", repr=False)
    is_signed: bool = False
    api: str = "pay"

    @property
    def is_success(self) -> bool:
        """return_code and result_code both SUCCESS. Present err_code texts do not matter (wechat-protocol §1.2)."""
        return self.return_code == "SUCCESS" and self.result_code == "SUCCESS"

    @property
    def receiver(self) -> str | None:
        """openid of the person who received, from gethbinfo; None while nobody has (wechat-protocol §3.5b)."""
        return next((row["openid"].strip() for row in self.receipts if row.get("openid", "").strip()), None)

    @property
    def row(self) -> ErrorRow:
        """What the err_code means and who must act; meaningful when the call was refused."""
        return row_for(self.api, self.err_code or "return_code_FAIL")

    def echoes(self, sent: Mapping[str, object]) -> bool:
        """Whether number, merchant, appid, amount and receiver come back as sent; a missing echo is no echo (S65)."""
        names = ("mch_billno", "mch_id", "wxappid", "total_amount", "re_openid")
        return all(self.fields.get(name, "").strip() == str(sent[name]) for name in names if name in sent)


def hbpreorder_params(
    *,
    mch_id: str,
    appid: str,
    auth_pair: tuple[str, str],
    mch_billno: str,
    amount_fen: int,
    send_name: str,
    wishing: str,
    act_name: str,
    remark: str,
    risk_cntl: str = "NORMAL",
) -> dict[str, str]:
    """The business fields of one NORMAL packet, all that §1.2 asks for but nonce_str and sign (money.md I5).

    auth_pair: the shake platform's auth_mchid and auth_appid. amount_fen in fen.
    """
    return {
        "mch_billno": mch_billno,
        "mch_id": mch_id,
        "wxappid": appid,
        "send_name": send_name,
        "hb_type": "NORMAL",
        "total_amount": str(amount_fen),
        "total_num": str(limits.PACKETS_PER_ORDER),
        "amt_type": "ALL_RAND",
        "wishing": wishing,
        "act_name": act_name,
        "remark": remark,
        "auth_mchid": auth_pair[0],
        "auth_appid": auth_pair[1],
        "risk_cntl": risk_cntl,
    }


def sendredpack_params(
    *,
    mch_id: str,
    appid: str,
    mch_billno: str,
    openid: str,
    amount_fen: int,
    send_name: str,
    wishing: str,
    act_name: str,
    remark: str,
    client_ip: str,
    scene_id: str = "",
) -> dict[str, str]:
    """The business fields of one packet to one person, all that §3.2 asks for but nonce_str and sign (money.md I5).

    amount_fen in fen; above 200 yuan or below 1 yuan WeChat wants a `scene_id`, an empty one is left out because empty
    fields must not be signed. client_ip is the IPv4 address this server calls from. Raises ValueError for a text that
    WeChat would refuse; forms ask `pay_texts.faults("sendredpack", …)` before it comes to that.
    """
    words = {"send_name": send_name, "wishing": wishing, "act_name": act_name, "remark": remark}
    pay_texts.require("sendredpack", words)
    params = {
        "mch_billno": mch_billno,
        "mch_id": mch_id,
        "wxappid": appid,
        "send_name": send_name,
        "re_openid": openid,
        "total_amount": str(amount_fen),
        "total_num": str(limits.PACKETS_PER_ORDER),
        "wishing": wishing,
        "client_ip": client_ip,
        "act_name": act_name,
        "remark": remark,
    }
    return params | {"scene_id": scene_id} if scene_id else params


class PayClient:
    """The red-packet calls of one merchant."""

    def __init__(
        self,
        transport: Transport,
        mch_base: str = "https://api.mch.weixin.qq.com",
        *,
        appid: str,
        mch_id: str,
        pay_key: str,
        auth_mchid: str = limits.SHAKE_AUTH_MCHID,
        auth_appid: str = limits.SHAKE_AUTH_APPID,
    ) -> None:
        """`transport` carries the merchant's client certificate; `pay_key` is the 32-character v2 API key."""
        self._transport = transport
        self._appid = appid
        self._mch_id = mch_id
        self._pay_key = pay_key
        self._mch_base = mch_base
        self._auth_mchid = auth_mchid
        self._auth_appid = auth_appid

    def hbpreorder_params(
        self,
        *,
        mch_billno: str,
        amount_fen: int,
        send_name: str,
        wishing: str,
        act_name: str,
        remark: str,
        risk_cntl: str = "NORMAL",
    ) -> dict[str, str]:
        """The fields to freeze with an order of this merchant before it is sent; see the function of this name."""
        return hbpreorder_params(
            mch_id=self._mch_id,
            appid=self._appid,
            auth_pair=(self._auth_mchid, self._auth_appid),
            mch_billno=mch_billno,
            amount_fen=amount_fen,
            send_name=send_name,
            wishing=wishing,
            act_name=act_name,
            remark=remark,
            risk_cntl=risk_cntl,
        )

    def hbpreorder(self, params: Mapping[str, str | int]) -> PayAnswer:
        """Order one packet and get its sp_ticket. Sends exactly `params` plus nonce_str and sign (§1.2).

        A success that does not echo number and amount, or carries no sp_ticket, raises Unanswered with security=True.
        """
        answer = self._call("/mmpaymkttransfers/hbpreorder", params, "pay")
        if answer.is_success and not (answer.echoes(params) and answer.fields.get("sp_ticket")):
            raise Unanswered(
                "hbpreorder: the answer belongs to another order or has no ticket",
                reason="wrong_echo",
                evidence=answer.raw,
                status=200,
                security=True,
            )
        return answer

    def sendredpack(self, params: Mapping[str, str | int]) -> PayAnswer:
        """Send one packet to one person; the same number with the same fields never pays twice (§3.2, money.md W1).

        Success is what three things say together: return_code, result_code, and a send_listid; a reply that says
        SUCCESS beside an error code without one (seen in the field), or echoes another number, amount or person, raises
        Unanswered with security=True. What return_msg says never counts: only codes do.
        """
        answer = self._call("/mmpaymkttransfers/sendredpack", params, "redpack")
        if answer.is_success and not (answer.echoes(params) and answer.fields.get("send_listid", "").strip()):
            raise Unanswered(
                "sendredpack: the answer belongs to another order or has no send_listid",
                reason="wrong_echo",
                evidence=answer.raw,
                status=200,
                security=True,
            )
        return answer

    def gethbinfo(self, mch_billno: str) -> PayAnswer:
        """Ask what became of an order of the last 30 days (wechat-protocol §3.5b). `receipts` holds who received.

        The nested hblist makes a reply signature ambiguous, so one is only reported, never judged, when hblist is there.
        """
        params = {"mch_billno": mch_billno, "mch_id": self._mch_id, "appid": self._appid, "bill_type": "MCHT"}
        answer = self._call("/mmpaymkttransfers/gethbinfo", params, "query")
        if answer.is_success and answer.fields.get("mch_billno", "").strip() != mch_billno:
            raise Unanswered(
                "gethbinfo: the answer belongs to another order",
                reason="wrong_echo",
                evidence=answer.raw,
                status=200,
                security=True,
            )
        return answer

    def downloadfundflow(self, day: date, account_type: str = "Basic") -> str:
        """The fund bill of one Shanghai day as text; Refused when there is none or it is not ready.

        Call `POST /pay/downloadfundflow`, client certificate, fields appid, mch_id, nonce_str, bill_date `yyyyMMdd`,
        account_type `Basic|Operation|Fees`, sign_type which must be `HMAC-SHA256` and is signed too. The bill of a day
        is made from 09:00 of the next and should be fetched after 10:00. Answer: lines of comma-separated values, each
        with a leading backquote: a header (记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,
        账户结余（元）,资金变更提交申请人,备注,业务凭证号), the lines, a summary header, a summary line; amounts in yuan.
        An error comes as XML with err_code SYSTEMERROR, PARAM_ERROR, NO_BILL_EXIST or BILL_CREATING. A header
        `Digest: SHA=<hex>` protects the text.
        Sources: the stored copy of the v2 page at apifox.com/apidoc/project-1172626/api-26089189 and
        wechatpay-im/website openapi/v2/pay/downloadfundflow.md.
        """
        params = {
            "appid": self._appid,
            "mch_id": self._mch_id,
            "bill_date": day.strftime("%Y%m%d"),
            "account_type": account_type,
            "sign_type": "HMAC-SHA256",
        }
        reply = self._send("/pay/downloadfundflow", params, "HMAC-SHA256", max_bytes=BILL_BYTES)
        body = reply.body.removeprefix(b"\xef\xbb\xbf")
        if body.lstrip()[:1] == b"<":
            answer = self._read(reply, "downloadfundflow", "query", algorithm="HMAC-SHA256")
            raise Refused(answer.err_code or answer.return_code, answer.err_code_des, answer.row)
        _check_digest(reply)
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            raise Unanswered("downloadfundflow: the bill is not UTF-8", reason="unreadable", status=200) from None

    def _call(self, path: str, params: Mapping[str, str | int], api: str) -> PayAnswer:
        reply = self._send(path, params, "MD5")
        return self._read(reply, path.rsplit("/", 1)[-1], api)

    def _send(self, path: str, params: Mapping[str, str | int], algorithm: sign.Algorithm, **options: Any) -> Reply:
        if _OWN_FIELDS & params.keys():
            raise ValueError("nonce_str and sign are added here")
        request: dict[str, str | int] = {**params, "nonce_str": sign.nonce(limits.PAY_NONCE_CHARS)}
        request["sign"] = sign.v2_sign(request, self._pay_key, algorithm)
        return self._transport.send(
            "POST",
            self._mch_base + path,
            body=xml.build(request),
            content_type=_XML_TYPE,
            secrets=(self._pay_key,),
            **options,
        )

    def _read(self, reply: Reply, label: str, api: str, algorithm: sign.Algorithm = "MD5") -> PayAnswer:
        """A well-formed answer, or Unanswered: HTML, cut off, another root, no return_code, a wrong sign (F11, S65)."""
        try:
            fields = xml.parse(reply.body)
        except xml.BadXml as error:
            raise Unanswered(
                f"{label}: unreadable reply ({error})",
                reason="unreadable",
                status=reply.status,
                evidence=evidence(reply.body, (self._pay_key,)),
            ) from None
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        raw = redact(reply.body.decode("utf-8", "replace"), (self._pay_key,))[:20_000]
        return_code = texts.get("return_code", "").strip()
        if return_code not in ("SUCCESS", "FAIL"):
            raise Unanswered(f"{label}: no return_code", reason="unreadable", status=reply.status, evidence=raw)
        self._check_sign(texts, label, raw, algorithm, is_nested=isinstance(fields.get("hblist"), dict))
        code = texts.get("err_code") or texts.get("error_code") or ""
        return PayAnswer(
            return_code=return_code,
            result_code=texts.get("result_code", "").strip(),
            err_code=_BLANK.sub("", code),
            err_code_des=(texts.get("err_code_des") or texts.get("return_msg") or "")[:500],
            fields=MappingProxyType(texts),
            receipts=tuple(
                MappingProxyType({k: v for k, v in row.items() if isinstance(v, str)})
                for row in xml.rows_of(fields, "hblist", "hbinfo")
            ),
            raw=raw,
            is_signed=bool(texts.get("sign")),
            api=api,
        )

    def _check_sign(
        self, texts: Mapping[str, str], label: str, raw: str, algorithm: sign.Algorithm, *, is_nested: bool
    ) -> None:
        given = texts.get("sign")
        if not given or is_nested:
            return
        if not sign.same(sign.v2_sign(texts, self._pay_key, algorithm), given.strip().upper()):
            log.error("wechat_pay_reply_sign_wrong")
            raise Unanswered(f"{label}: wrong sign", reason="bad_sign", status=200, evidence=raw, security=True)


def _check_digest(reply: Reply) -> None:
    """A bill that does not match its `Digest: SHA=<hex>` header was cut or changed on the way."""
    name, _, digest = reply.headers.get("digest", "").partition("=")
    if name.strip().upper() not in ("SHA", "SHA1", "SHA-1") or not digest:
        return
    if not sign.same(hashlib.sha1(reply.body, usedforsecurity=False).hexdigest(), digest.strip().lower()):
        raise Unanswered("downloadfundflow: the bill does not match its digest", reason="unreadable", status=200)
