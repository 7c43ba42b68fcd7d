"""All of WeChat's hosts with one certificate authority, the proxy that leads there, and what is not simulated."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.simulator.conftest import Web
from tests.simulator.pay_client import PayClient, from_xml
from tests.simulator.transfer_client import TransferClient
from wxbot.simulator import certs
from wxbot.simulator.server import Simulator

HOSTS = (
    "api.weixin.qq.com",
    "sh.api.weixin.qq.com",
    "open.weixin.qq.com",
    "mp.weixin.qq.com",
    "zb.weixin.qq.com",
    "file.api.weixin.qq.com",
    "res.wx.qq.com",
    "res2.wx.qq.com",
    "api.mch.weixin.qq.com",
    "api2.mch.weixin.qq.com",
    "fraud.mch.weixin.qq.com",
)


@pytest.fixture
def led(simulator: Simulator) -> requests.Session:
    """A program that knows WeChat's names, the simulator's proxy and its authority, nothing else."""
    session = requests.Session()
    session.trust_env = False
    session.proxies = dict.fromkeys(("http", "https"), simulator.world.proxy_url)
    session.verify = str(simulator.certificates.ca)
    return session


@pytest.mark.parametrize("host", HOSTS)
def test_every_host_answers_under_its_own_name(led: requests.Session, host: str) -> None:
    assert led.get(f"https://{host}/_sim/health", timeout=9).json() == {"ok": True}


def test_plain_http_goes_through_the_proxy_too_and_nothing_else_does(led: requests.Session) -> None:
    reply = led.get("http://file.api.weixin.qq.com/cgi-bin/media/get?access_token=x&media_id=y", timeout=9)
    assert reply.json()["errcode"] == 40001
    assert led.post("http://api.weixin.qq.com/_sim/lint", json={"url": "x"}, timeout=9).json()["faults"]
    for other in ("http://shop.example.test/", "http://weixin.qq.com.example.test/", "http://127.0.0.1:1/"):
        assert led.get(other, timeout=9).status_code == 403
    with pytest.raises(requests.exceptions.ProxyError):
        led.get("https://notweixin.qq.com.example.test/", timeout=9)


@pytest.mark.parametrize(
    "words",
    [b"", b"\r\n\r\n", b"GET /\r\n\r\n", b"CONNECT api.weixin.qq.com HTTP/1.1\r\n\r\n", b"\xff" * 70_000],
)
def test_a_proxy_call_that_is_none_is_refused_and_harms_nobody(
    simulator: Simulator, led: requests.Session, words: bytes
) -> None:
    assert simulator.proxy is not None
    with socket.create_connection(("127.0.0.1", simulator.proxy.port), 9) as line:
        line.sendall(words)
        line.shutdown(socket.SHUT_WR)
        assert line.recv(64).startswith(b"HTTP/1.1 403")
    assert led.get("https://api.weixin.qq.com/_sim/health", timeout=9).ok


def test_whoever_is_refused_may_send_what_they_had_to_send(simulator: Simulator) -> None:
    """An end with unread bytes resets the connection, and with it the answer of whoever has not read it yet."""
    assert simulator.proxy is not None
    with socket.create_connection(("127.0.0.1", simulator.proxy.port), 9) as line:
        line.sendall(b"\xff" * 70_000)
        assert line.makefile("rb").read().startswith(b"HTTP/1.1 403")
        for _ in range(1_000):
            line.sendall(b"\xff" * 100)
        line.shutdown(socket.SHUT_WR)


def test_the_authority_is_handed_out_with_the_scripts_and_the_page(simulator: Simulator, web: Web) -> None:
    assert web.get("/_sim/ca.pem").content == simulator.certificates.ca.read_bytes()
    assert f'"https": {simulator.https_port}' in web.get("/_sim/redirect.js").text
    assert "WeixinJSBridge" in web.get("/_sim/bridge.js").text
    assert "ca.pem" in web.get("/redirect").text
    assert web.get("/_sim/account").json()["proxy_url"] == simulator.world.proxy_url


def test_the_merchant_has_its_certificate_as_p12_too(simulator: Simulator) -> None:
    files = simulator.certificates
    key, certificate, _ = pkcs12.load_key_and_certificates(files.client_p12.read_bytes(), b"1900000001")
    assert key is not None and certificate == x509.load_pem_x509_certificate(files.client_cert.read_bytes())


def test_a_set_of_an_earlier_version_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(certs, "CERTIFIED", ("api.mch.weixin.qq.com",))
        before = certs.ensure(tmp_path, "1900000001").ca.read_bytes()
    files = certs.ensure(tmp_path, "1900000001")
    assert files.ca.read_bytes() != before
    kept = certs.ensure(tmp_path, "1900000001").ca.read_bytes()
    files.client_p12.unlink()
    assert kept == files.ca.read_bytes() != certs.ensure(tmp_path, "1900000001").ca.read_bytes()


# -- what is not simulated ----------------------------------------------------------------------------------------------


def shown_log(web: Web) -> dict[str, Any]:
    return dict(web.get("/_sim/log?after=-1").json()["log"][-1])


@pytest.mark.parametrize("path", ["/v3/pay/transactions/jsapi", "/v3/nothing", "/v3/fund-app/mch-transfer/elecsign"])
def test_an_unknown_v3_call_is_a_signed_json_error(simulator: Simulator, web: Web, path: str) -> None:
    reply = TransferClient(simulator).send("POST", path, b"{}")
    assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")
    assert f"POST {path} is not simulated" in reply.json()["message"]
    assert reply.headers["X-Simulator-Hint"] == reply.json()["message"]
    assert (shown_log(web)["door"], shown_log(web)["path"]) == ("not simulated", path)


@pytest.mark.parametrize(
    "path", ["/pay/unifiedorder", "/secapi/pay/refund", "/mmpaymkttransfers/sendgroupredpack", "/sandboxnew/x"]
)
def test_an_unknown_v2_call_is_an_xml_error(simulator: Simulator, web: Web, path: str) -> None:
    reply = PayClient(simulator).post(path, b"<xml/>")
    found = from_xml(reply.text)
    assert (reply.status_code, found["return_code"]) == (200, "FAIL")
    assert "is not simulated" in found["return_msg"]
    assert shown_log(web)["door"] == "not simulated"


def test_any_path_of_a_pay_host_is_xml_and_of_another_host_a_sentence(led: requests.Session) -> None:
    assert from_xml(led.post("https://api.mch.weixin.qq.com/who", data=b"x", timeout=9).text)["return_code"] == "FAIL"
    reply = led.get("https://open.weixin.qq.com/connect/qrconnect?appid=x", timeout=9)
    assert (reply.status_code, "is not simulated" in reply.text) == (404, True)


@pytest.mark.parametrize(
    "path", ["/cgi-bin/message/mass/send", "/wxa/getwxacode", "/datacube/getusersummary", "/card/create"]
)
def test_an_unknown_call_of_the_account_is_40066_with_a_hint(web: Web, path: str) -> None:
    reply = web.post(path, json={})
    assert reply.json()["errcode"] == 40066 and "is not simulated" in reply.json()["errmsg"]
    assert reply.headers["X-Simulator-Hint"] and shown_log(web)["door"] == "not simulated"


def test_an_address_of_nobody_is_a_plain_404_without_a_word(web: Web) -> None:
    before = web.get("/_sim/log?after=-1").json()["log"][-1:]
    reply = web.get("/favicon.ico")
    assert (reply.status_code, "X-Simulator-Hint" in reply.headers) == (404, False)
    assert web.get("/_sim/log?after=-1").json()["log"][-1:] == before
