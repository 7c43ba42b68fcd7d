"""The SMS providers' own SDKs against a server that checks signatures as their documentation says, and that fails in every way."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from pydantic import SecretStr

from wxbot.people.sms import NotDelivered, Unsure
from wxbot.private_servers import free_port
from wxbot.settings import Settings

if TYPE_CHECKING:
    from wxbot.people.sms.aliyun import Aliyun
    from wxbot.people.sms.tencent import Tencent

pytest.importorskip("tencentcloud.sms")
pytest.importorskip("alibabacloud_dysmsapi20170525")

KEY_ID, SECRET = "AKIDtest0000000000", "a-secret-key-of-the-sms-account"
PHONE, CODE = "+8613800138000", "012345"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def tencent_signature(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> str:
    """TC3-HMAC-SHA256 (cloud.tencent.com, document 213/30654)."""
    found = re.search(r"Credential=\S+?/(\S+?)/(\w+)/tc3_request, ?SignedHeaders=([\w;-]+)", headers["authorization"])
    assert found
    day, service, signed = found.groups()
    lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in signed.split(";"))
    canonical = "\n".join((method, path, query, lines, signed, hashlib.sha256(body).hexdigest()))
    scope = f"{day}/{service}/tc3_request"
    text = "\n".join(
        ("TC3-HMAC-SHA256", headers["x-tc-timestamp"], scope, hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = _hmac(_hmac(_hmac(b"TC3" + SECRET.encode(), day), service), "tc3_request")
    return _hmac(key, text).hex()


def aliyun_signature(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> str:
    """ACS3-HMAC-SHA256 (help.aliyun.com, V3 request body and signature)."""
    found = re.search(r"SignedHeaders=([\w;-]+)", headers["authorization"])
    assert found
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    canonical_query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    assert headers["x-acs-content-sha256"] == hashlib.sha256(body).hexdigest()
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in found[1].split(";"))
    canonical = "\n".join((method, path, canonical_query, lines, found[1], headers["x-acs-content-sha256"]))
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    return _hmac(SECRET.encode(), text).hex()


class Cloud:
    """A provider on loopback: checks each request's signature, then answers what the test wants."""

    def __init__(self, sign: Callable[..., str]) -> None:
        self.sign, self.status, self.drops = sign, 200, False
        self.answer: dict[str, Any] = {}
        self.asked: list[tuple[dict[str, str], dict[str, Any]]] = []
        cloud = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                parts = urlsplit(self.path)
                expected = cloud.sign("POST", parts.path, parts.query, headers, body)
                assert headers["authorization"].endswith(f"Signature={expected}"), "the signature is wrong"
                cloud.asked.append((headers, json.loads(body) if body else dict(parse_qsl(parts.query))))
                if cloud.drops:
                    self.close_connection = True
                    self.connection.close()
                    return
                raw = json.dumps(cloud.answer).encode()
                self.send_response(cloud.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.server.handle_error = lambda *_arguments: None  # type: ignore[method-assign]
        self.endpoint = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


def account(provider: Any) -> Settings:
    """Only what a provider reads."""
    return Settings.model_construct(
        sms_provider=provider,
        sms_key_id=KEY_ID,
        sms_secret_key=SecretStr(SECRET),
        sms_app_id="1400006666",
        sms_sign_name="晨光咖啡",
        sms_template="449739",
        sms_region="",
    )


@pytest.fixture(params=["tencent", "aliyun"])
def cloud(request: pytest.FixtureRequest) -> Iterator[tuple[str, Cloud]]:
    made = Cloud(tencent_signature if request.param == "tencent" else aliyun_signature)
    yield request.param, made
    made.server.shutdown()
    made.server.server_close()


def provider(name: str, endpoint: str) -> Tencent | Aliyun:
    # Their clients are large, and each process of the tests reads this file.
    from wxbot.people.sms.aliyun import Aliyun
    from wxbot.people.sms.tencent import Tencent

    return (Tencent if name == "tencent" else Aliyun)(account(name), endpoint=endpoint)


def told(name: str, code: str) -> dict[str, Any]:
    """A provider's answer with one status."""
    if name == "aliyun":
        return {"Code": code, "Message": code, "BizId": "900619746936498440^0", "RequestId": "r"}
    status = {
        "SerialNo": "5000:1045710669157053657849499619",
        "PhoneNumber": PHONE,
        "Fee": 1,
        "Code": code,
        "Message": code,
    }
    return {"Response": {"SendStatusSet": [status], "RequestId": "r"}}


def test_a_code_is_sent_signed_and_in_the_providers_words(cloud: tuple[str, Cloud]) -> None:
    name, server = cloud
    server.answer = told(name, "OK" if name == "aliyun" else "Ok")
    assert provider(name, server.endpoint).send(PHONE, CODE, 5)
    ((headers, values),) = server.asked
    if name == "tencent":
        assert (headers["x-tc-action"], headers["x-tc-version"]) == ("SendSms", "2021-01-11")
        assert values["TemplateParamSet"] == [CODE]
        assert (values["PhoneNumberSet"], values["SmsSdkAppId"], values["SignName"]) == (
            [PHONE],
            "1400006666",
            "晨光咖啡",
        )
    else:
        assert (headers["x-acs-action"], headers["x-acs-version"]) == ("SendSms", "2017-05-25")
        assert (values["PhoneNumbers"], values["SignName"]) == ("13800138000", "晨光咖啡")
        assert json.loads(values["TemplateParam"]) == {"code": CODE}


def test_a_refusal_means_that_nothing_was_sent(cloud: tuple[str, Cloud]) -> None:
    name, server = cloud
    code = "isv.BUSINESS_LIMIT_CONTROL" if name == "aliyun" else "LimitExceeded.PhoneNumberDailyLimit"
    server.answer = told(name, code)
    with pytest.raises(NotDelivered) as caught:
        provider(name, server.endpoint).send(PHONE, CODE, 5)
    assert caught.value.code == code
    if name == "tencent":
        server.answer = {
            "Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "m"}, "RequestId": "r"}
        }
    else:
        server.answer, server.status = {"Code": "SignatureDoesNotMatch", "Message": "m", "RequestId": "r"}, 403
    with pytest.raises(NotDelivered, match="Signature"):
        provider(name, server.endpoint).send(PHONE, CODE, 5)


def test_a_lost_answer_means_that_nobody_knows(cloud: tuple[str, Cloud]) -> None:
    name, server = cloud
    server.answer, server.status = {"Code": "InternalError", "RequestId": "r"}, 500
    with pytest.raises(Unsure):
        provider(name, server.endpoint).send(PHONE, CODE, 5)
    server.drops = True
    with pytest.raises(Unsure):
        provider(name, server.endpoint).send(PHONE, CODE, 5)
    assert len(server.asked) == 2  # no SDK repeats by itself


@pytest.mark.parametrize("name", ["tencent", "aliyun"])
def test_a_provider_that_cannot_be_reached_has_sent_nothing(name: str) -> None:
    with pytest.raises(NotDelivered):
        provider(name, f"127.0.0.1:{free_port()}").send(PHONE, CODE, 5)
