"""Signed JSON with WeChat Pay's API v3: what is sent is signed, and nothing is believed unsigned (wechat-protocol §4.9).

The signature covers the raw bytes, so a reply is verified before it is parsed. The key that verifies is WeChat Pay's
public key from the settings, or a platform certificate fetched from /v3/certificates, where only the APIv3 key opens it.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn
from urllib.parse import urlsplit

from wxbot.wechat import crypto_v3, limits, sign
from wxbot.wechat.crypto_v3 import BadSeal, MerchantKey, PlatformKey
from wxbot.wechat.errors import NotSent, Unanswered, WeChatError
from wxbot.wechat.http import Reply, Transport
from wxbot.wechat.redaction import MASK, evidence

log = logging.getLogger(__name__)

CERTIFICATES = "/v3/certificates"
CERTIFICATES_LAST_S = 12 * 3600
"""Fetched certificates are used this long before WeChat is asked for newer ones."""
FETCH_GAP_S = 60
"""An unknown serial makes us look for newer certificates at most this often, whoever sends it."""

_HIDDEN = frozenset({"package_info", "user_name", "ciphertext", "encrypt_certificate"})
_HEADER = re.compile(r"[\x21-\x7e]{1,2048}")
_STAMP = re.compile(r"[0-9]{1,11}")
_EVIDENCE_CHARS = 20_000

Fields = dict[str, Any]


class BadJson(ValueError):
    """Not one JSON object in UTF-8, or a name stands in it twice."""


class Unverified(Exception):
    """A signature is missing, wrong, too old, or of a key nobody knows."""

    def __init__(self, reason: str, *, is_missing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_missing = is_missing


@dataclass(frozen=True, slots=True)
class SignedReply:
    """A reply whose bytes WeChat has signed; `is_signed` False only for a refusal of ours that it could not sign."""

    status: int
    fields: Fields = field(repr=False)
    raw: str = field(repr=False)
    is_signed: bool = True


def read_object(body: bytes) -> Fields:
    """One JSON object, strictly: UTF-8, no name twice, no NaN, no half surrogates. Raises BadJson."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BadJson("not strict JSON") from error
    if not isinstance(value, dict):
        raise BadJson("not a JSON object")
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadJson("the same name stands twice")
    return fields


def _no_number(_text: str) -> NoReturn:
    raise BadJson("NaN and Infinity are no numbers")


def masked(fields: Fields) -> str:
    """A reply for a person to look at: what would let someone act in the receiver's place is hidden."""

    def hide(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: MASK if name in _HIDDEN else hide(part) for name, part in value.items()}
        return [hide(part) for part in value] if isinstance(value, list) else value

    return json.dumps(hide(fields), ensure_ascii=False)[:_EVIDENCE_CHARS].replace("\\u0000", "�")


class PlatformKeys:
    """WeChat Pay's keys by serial: the configured public key, and the certificates fetched so far. Safe between threads."""

    def __init__(
        self,
        public_key: PlatformKey | None,
        fetch: Callable[[], Iterable[PlatformKey]],
        former: PlatformKey | None = None,
    ) -> None:
        """former: a public key that WeChat may still sign with while it is changed; no request names it."""
        self._public_key = public_key
        self._public_keys = tuple(key for key in (public_key, former) if key is not None)
        self._fetch = fetch
        self._certificates: tuple[PlatformKey, ...] = ()
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def current(self, now_s: float) -> PlatformKey:
        """The key to name in a request: the public key, else the certificate that began last. WeChatError without one."""
        if self._public_key is not None:
            return self._public_key
        found = self._newest(now_s)
        if found is None or abs(now_s - self._asked_at) > CERTIFICATES_LAST_S:
            try:
                self._refresh(now_s)
            except WeChatError:
                if found is None:
                    raise
            found = self._newest(now_s)
        if found is None:
            raise NotSent("WeChat Pay has given no platform certificate that is valid now")
        return found

    def named(self, serial: str, now_s: float, *, waits: bool = True) -> PlatformKey | None:
        """The key of a serial, valid now; an unknown one is looked for at WeChat, at most once a minute.

        waits: whether to wait for another thread that is looking. What a stranger may have sent must not fill the threads.
        """
        found = self._known(serial, now_s)
        if found is None and not serial.startswith(crypto_v3.PUBLIC_KEY_PREFIX):
            try:
                self._refresh(now_s, waits=waits)
            except WeChatError as error:
                log.warning("platform_certificates_not_fetched", extra={"reason": str(error)[:300]})
            found = self._known(serial, now_s)
        return found

    def _known(self, serial: str, now_s: float) -> PlatformKey | None:
        now = datetime.fromtimestamp(now_s, UTC)
        keys = (*self._public_keys, *self._certificates)
        return next((key for key in keys if crypto_v3.same_serial(key.serial, serial) and key.is_valid_at(now)), None)

    def _newest(self, now_s: float) -> PlatformKey | None:
        now = datetime.fromtimestamp(now_s, UTC)
        valid = [key for key in self._certificates if key.begins is not None and key.is_valid_at(now)]
        return max(valid, key=lambda key: key.begins or now, default=None)

    def _refresh(self, now_s: float, *, waits: bool = True) -> None:
        if not self._lock.acquire(blocking=waits):
            return
        try:
            if abs(now_s - self._asked_at) < FETCH_GAP_S:
                return
            self._asked_at = now_s
            self._certificates = tuple(self._fetch())
        finally:
            self._lock.release()


class SignedWire:
    """One merchant's signed conversation with WeChat Pay."""

    def __init__(
        self,
        transport: Transport,
        mch_base: str,
        *,
        mch_id: str,
        merchant: MerchantKey,
        api_v3_key: str,
        public_key: PlatformKey | None,
        clock: Callable[[], float],
        former_api_v3_key: str = "",
        former_public_key: PlatformKey | None = None,
    ) -> None:
        """`clock` gives Unix seconds: WeChat refuses what is signed more than 5 minutes off, and so do we."""
        self._transport = transport
        self._mch_base = mch_base
        self._mch_id = mch_id
        self._merchant = merchant
        self._secrets = tuple(key for key in (api_v3_key, former_api_v3_key) if key)
        self._seal_keys = tuple(crypto_v3.key_bytes(key) for key in self._secrets)
        self._clock = clock
        self._public_key = public_key
        self.keys = PlatformKeys(public_key, self._fetch_certificates, former_public_key)

    def exchange(self, method: str, path: str, body: bytes = b"") -> SignedReply:
        """One signed request, one verified reply, refusals included. Raises NotSent or Unanswered; never a retry."""
        now_s = self._clock()
        return self._read(self._send(method, path, body, self._platform_key(now_s), now_s), f"{method} {path}")

    def encryption_key(self) -> PlatformKey:
        """The key that sensitive fields are sealed for; the same request names it in Wechatpay-Serial. Raises NotSent."""
        return self._platform_key(self._clock())

    def verify(self, headers: Mapping[str, str], body: bytes, now_s: float, *, waits: bool = True) -> None:
        """Raise Unverified unless a key of WeChat has signed exactly these bytes within 5 minutes of now.

        headers: names in lower case. waits: see PlatformKeys.named.
        """
        key = self._key_of(headers, now_s, partial(self.keys.named, waits=waits))
        self._check(key, headers, body)

    def open_seal(self, resource: object) -> bytes:
        """The text inside an AEAD_AES_256_GCM resource (§4.9). Raises BadSeal."""
        parts = resource if isinstance(resource, dict) else {}
        nonce, ciphertext = parts.get("nonce"), parts.get("ciphertext")
        associated = parts.get("associated_data") or ""
        if parts.get("algorithm") != "AEAD_AES_256_GCM" or not all(
            isinstance(part, str) for part in (nonce, ciphertext, associated)
        ):
            raise BadSeal("not an AEAD_AES_256_GCM resource")
        *others, last = self._seal_keys
        for key in others:  # while the APIv3 key is changed there are two
            with suppress(BadSeal):
                return crypto_v3.open_seal(key, str(nonce), associated, str(ciphertext))
        return crypto_v3.open_seal(last, str(nonce), associated, str(ciphertext))

    # --- sending ------------------------------------------------------------------------------------------------------

    def _platform_key(self, now_s: float) -> PlatformKey:
        """The key to name in a request. Without one the request is not sent: its reply could not be believed."""
        try:
            return self.keys.current(now_s)
        except NotSent:
            raise
        except WeChatError as error:
            why = f"{error} {getattr(error, 'evidence', '')[:300]}".strip()
            raise NotSent(f"not sent, the platform certificates could not be fetched: {why}") from None

    def _send(self, method: str, path: str, body: bytes, key: PlatformKey | None, now_s: float) -> Reply:
        url = self._mch_base + path
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        timestamp, nonce = int(now_s), sign.nonce(limits.PAY_NONCE_CHARS)
        signature = self._merchant.sign(crypto_v3.request_text(method, target, timestamp, nonce, body))
        headers = {
            "Accept": "application/json",
            "Authorization": crypto_v3.authorization(self._merchant, self._mch_id, timestamp, nonce, signature),
        }
        if key is not None:
            headers["Wechatpay-Serial"] = key.serial
        return self._transport.send(
            method,
            url,
            body=body or None,
            content_type="application/json",
            headers=headers,
            any_status=True,
            secrets=(*self._secrets, signature),
        )

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read(self, reply: Reply, label: str) -> SignedReply:
        """The fields of a verified reply; Unanswered for everything that WeChat has not provably said (F11, S65)."""
        is_signed = True
        try:
            self.verify(reply.headers, reply.body, self._clock())
        except Unverified as error:
            if not error.is_missing:
                raise self._alarm(reply, label, error.reason) from None
            is_signed = False
        if 300 <= reply.status < 400 or (not is_signed and (reply.status == 429 or reply.status >= 500)):
            raise self._unread(reply, f"{label}: HTTP {reply.status}")  # a proxy on the way, not WeChat Pay
        if not is_signed and reply.status != 401:  # who cannot prove who he is, is not answered with a signature
            raise self._alarm(reply, label, "no signature")
        is_success = 200 <= reply.status < 300
        try:
            fields = read_object(reply.body)
        except BadJson as error:
            if is_success:
                raise Unanswered(
                    f"{label}: unreadable reply ({error})",
                    reason="unreadable",
                    status=reply.status,
                    evidence=evidence(reply.body, self._secrets),
                ) from None
            raise self._unread(reply, f"{label}: HTTP {reply.status}") from None
        if not is_success and not (isinstance(fields.get("code"), str) and fields["code"].strip()):
            raise self._unread(reply, f"{label}: HTTP {reply.status} without a code")
        return SignedReply(reply.status, fields, masked(fields), is_signed)

    def _unread(self, reply: Reply, message: str) -> Unanswered:
        return Unanswered(
            message, reason="http_status", status=reply.status, evidence=evidence(reply.body, self._secrets)
        )

    def _alarm(self, reply: Reply, label: str, reason: str) -> Unanswered:
        log.error("wechat_pay_v3_reply_sign_wrong")
        return Unanswered(
            f"{label}: {reason}",
            reason="bad_sign",
            status=reply.status,
            evidence=f"[{reason}] {evidence(reply.body, self._secrets)}",
            security=True,
        )

    @staticmethod
    def _key_of(
        headers: Mapping[str, str], now_s: float, named: Callable[[str, float], PlatformKey | None]
    ) -> PlatformKey:
        """The key that a message says it is signed with, once its headers make sense. Raises Unverified."""
        given = {
            name: headers.get(f"wechatpay-{name}", "").strip() for name in ("timestamp", "nonce", "signature", "serial")
        }
        if not given["signature"]:
            raise Unverified("no signature", is_missing=True)
        if not all(_HEADER.fullmatch(text) for text in given.values()):
            raise Unverified("signature headers are missing or malformed")
        if headers.get("wechatpay-signature-type", crypto_v3.SCHEMA) != crypto_v3.SCHEMA:
            raise Unverified("another kind of signature")
        if given["signature"].startswith(crypto_v3.PROBE_PREFIX):
            raise Unverified("a probe's wrong signature")
        if not _STAMP.fullmatch(given["timestamp"]):
            raise Unverified("the timestamp is not a number")
        if abs(now_s - int(given["timestamp"])) > limits.V3_CLOCK_SKEW_S:
            raise Unverified("signed more than 5 minutes before or after now")
        key = named(given["serial"], now_s)
        if key is None:
            raise Unverified("signed with a key nobody knows")
        return key

    @staticmethod
    def _check(key: PlatformKey, headers: Mapping[str, str], body: bytes) -> None:
        text = crypto_v3.reply_text(headers["wechatpay-timestamp"].strip(), headers["wechatpay-nonce"].strip(), body)
        if not key.has_signed(text, headers["wechatpay-signature"].strip()):
            raise Unverified("wrong signature")

    # --- platform certificates ----------------------------------------------------------------------------------------

    def _fetch_certificates(self) -> list[PlatformKey]:
        """The platform certificates WeChat uses now. Each is sealed with the APIv3 key, and one has signed the reply."""
        label = f"GET {CERTIFICATES}"
        reply = self._transport_reply()
        try:
            rows = read_object(reply.body).get("data")
            keys = [self._opened(row) for row in rows] if isinstance(rows, list) else []
        except (BadJson, BadSeal, ValueError):
            raise self._alarm(reply, label, "the APIv3 key opens no certificate") from None

        def sealed_now(serial: str, now_s: float) -> PlatformKey | None:
            now = datetime.fromtimestamp(now_s, UTC)
            return next(
                (key for key in keys if crypto_v3.same_serial(key.serial, serial) and key.is_valid_at(now)), None
            )

        try:
            self._check(self._key_of(reply.headers, self._clock(), sealed_now), reply.headers, reply.body)
        except Unverified as error:
            raise self._alarm(reply, label, error.reason) from None
        return keys

    def _transport_reply(self) -> Reply:
        reply = self._send("GET", CERTIFICATES, b"", self._public_key, self._clock())
        if reply.status != 200:
            raise self._unread(reply, f"GET {CERTIFICATES}: HTTP {reply.status}")
        return reply

    def _opened(self, row: object) -> PlatformKey:
        fields = row if isinstance(row, dict) else {}
        key = PlatformKey.of_certificate(self.open_seal(fields.get("encrypt_certificate")))
        if not crypto_v3.same_serial(key.serial, str(fields.get("serial_no"))):
            raise BadSeal("the certificate has another serial number")
        return key
