"""wxbot doctor looks at direct payouts: channels, the keys of API v3, addresses, text messages, roster, photos, cashiers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from werkzeug import Request, Response

from tests.payouts.stories import fund
from tests.servers import LoopbackServer, SimulatedWeChat
from tests.test_doctor import change, settings, website
from wxbot.clock import Clock
from wxbot.confined import child
from wxbot.doctor import CHECKS, Finding
from wxbot.orders import throttle
from wxbot.people.models import RosterEntry
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.staff import accounts

__all__ = ["settings", "website"]


def look(settings: Settings, check: str) -> Finding:
    """One check of these settings."""
    with closing(Runtime(settings)) as runtime:
        finding = CHECKS[check](runtime)
    assert finding.zh and finding.en and (finding.mend or not finding.is_bad)
    return finding


def in_production(settings: Settings, **values: Any) -> Settings:
    """The same deployment as production would have it; only for checks that ask nobody."""
    return change(settings, profile="production", **values)


# --- channels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "mend"),
    [
        ({"payout_max_fen": 30_000}, "WXBOT_DIRECT_SCENE_ID"),
        ({"payout_min_fen": 30}, "WXBOT_DIRECT_SCENE_ID"),
        ({"payout_channel": "transfer_bills", "api_v3_key": SecretStr("")}, "WXBOT_API_V3_KEY"),
        ({"payout_channel": "transfer_bills", "payout_max_fen": 200_000}, "WXBOT_PAYOUT_MAX_FEN"),
        ({"payout_channel": "transfer_bills", "transfer_reports": "活动名称={act_name}"}, "WXBOT_TRANSFER_REPORTS"),
        (
            {"payout_channel": "transfer_bills", "transfer_reports": "活动名称={who};奖励说明=x"},
            "WXBOT_TRANSFER_REPORTS",
        ),
        (
            {"payout_channel": "transfer_bills", "transfer_reports": "活动名称={act_name};奖励说明=奖🎁"},
            "WXBOT_TRANSFER_REPORTS",
        ),
        (
            {"payout_channel": "transfer_bills", "transfer_reports": "活动名称={act_name};奖励说明="},
            "WXBOT_TRANSFER_REPORTS",
        ),
    ],
)
def test_a_channel_that_cannot_pay_is_named(settings: Settings, values: dict[str, Any], mend: str) -> None:
    assert look(settings, "payout_channels").verdict == "good"
    finding = look(change(settings, **values), "payout_channels")
    assert finding.is_bad
    assert mend in finding.mend


def test_the_channel_of_an_open_programme_counts_too(settings: Settings) -> None:
    without = change(settings, api_v3_key=SecretStr(""))
    assert look(without, "payout_channels").verdict == "good"
    with closing(Runtime(settings)) as runtime:
        fund(runtime, channel="transfer_bills")
    assert look(without, "payout_channels").is_bad
    assert look(settings, "payout_channels").verdict == "good"


# --- API v3 -------------------------------------------------------------------------------------------------------


def test_without_an_apiv3_key_nothing_is_asked(settings: Settings) -> None:
    without = change(settings, api_v3_key=SecretStr(""), mch_base="https://127.0.0.1:1")
    for check in ("v3_keys", "v3_answers", "transfer_notify"):
        assert look(without, check).verdict == "good"


def another_key(path: Path) -> Path:
    """A private key that belongs to nothing."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(made.private_bytes(encoding, form, serialization.NoEncryption()))
    return path


def another_public_key(path: Path) -> Path:
    """Somebody's public key."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return path


SPOILT: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a key of 31 characters": lambda _: {"api_v3_key": SecretStr("x" * 31)},
    "another private key": lambda folder: {"pay_cert_key_file": another_key(folder / "other.pem")},
    "no public key file": lambda folder: {"pay_public_key_file": folder / "absent.pem"},
    "a public key that is none": lambda folder: {"pay_public_key_file": folder / "apiclient_cert.pem"},
    "an id that is none": lambda _: {"pay_public_key_id": "0123456789"},
}


@pytest.mark.parametrize("fault", SPOILT)
def test_keys_of_v3_that_do_not_fit_are_a_sentence(settings: Settings, tmp_path: Path, fault: str) -> None:
    finding = look(settings, "v3_keys")
    assert finding.verdict == "good"
    assert settings.pay_public_key_id in finding.zh
    assert look(change(settings, **SPOILT[fault](tmp_path)), "v3_keys").is_bad


QUERY = "faults/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/*"


def test_the_transfer_api_answers_with_a_signature_that_is_checked(
    settings: Settings, simulator: SimulatedWeChat, tmp_path: Path
) -> None:
    assert look(settings, "v3_answers").verdict == "good"
    by_certificates = change(settings, pay_public_key_id="", pay_public_key_file=None)
    simulator.control("PUT", "switches", {"v3_sign_with": "public_key"})
    assert look(by_certificates, "v3_answers").is_bad  # signed with the public key, which these settings do not know
    simulator.control("PUT", "switches", {"v3_sign_with": "certificate"})
    assert look(by_certificates, "v3_answers").verdict == "good"
    simulator.control("PUT", "switches", {"v3_sign_with": "public_key"})
    foreign = look(change(settings, pay_public_key_file=another_public_key(tmp_path / "foreign.pem")), "v3_answers")
    assert foreign.is_bad
    assert "WXBOT_PAY_PUBLIC_KEY_ID" in foreign.mend
    wrong_key = look(change(by_certificates, api_v3_key=SecretStr("y" * 32)), "v3_answers")
    assert wrong_key.is_bad
    assert "WXBOT_API_V3_KEY" in wrong_key.mend
    assert look(change(settings, mch_base="https://127.0.0.1:1"), "v3_answers").is_bad


def test_a_merchant_that_may_not_transfer_is_told_where_to_open_it(
    settings: Settings, simulator: SimulatedWeChat
) -> None:
    simulator.control("PUT", QUERY, {"kind": "refuse", "err_code": "NO_AUTH", "times": 1})
    finding = look(settings, "v3_answers")
    assert finding.is_bad
    assert "产品中心" in finding.mend
    simulator.control("PUT", QUERY, {"kind": "refuse", "err_code": "FREQUENCY_LIMITED", "times": 1})
    assert look(settings, "v3_answers").verdict == "note"


# --- addresses ----------------------------------------------------------------------------------------------------


def test_the_notice_address_answers_like_wxbot(settings: Settings, website: None) -> None:
    assert look(settings, "transfer_notify").verdict == "good"


def test_a_notice_address_that_is_not_ours_is_found(settings: Settings) -> None:
    assert look(settings, "transfer_notify").is_bad  # nothing listens there
    assert "https" in look(in_production(settings), "transfer_notify").mend
    assert look(change(settings, public_url=f"https://{'a' * 250}.example.com"), "transfer_notify").is_bad

    @Request.application
    def takes_everything(_request: Request) -> Response:
        return Response("OK")

    with LoopbackServer() as server:
        server.serve(takes_everything)
        finding = look(change(settings, public_url=server.url), "transfer_notify")
    assert finding.is_bad
    assert str(HTTPStatus.OK.value) in finding.en


@pytest.mark.parametrize(
    ("address", "verdict"),
    [("shop.example.com", "bad"), ("::1", "bad"), ("127.0.0.1", "note"), ("10.0.0.7", "note"), ("8.8.8.8", "good")],
)
def test_the_address_told_to_wechat_pay_is_looked_at(settings: Settings, address: str, verdict: str) -> None:
    assert look(in_production(settings, client_ip=address), "client_ip").verdict == verdict


def test_transfers_that_stand_still_are_told_apart_from_packets(settings: Settings) -> None:
    with closing(Runtime(settings)) as runtime, runtime.database.transaction() as session:
        throttle.stop_lane(
            session, throttle.lane_key(settings.mch_id, "transfer_bills"), "NOT_ENOUGH", runtime.clock.now()
        )
    finding = look(settings, "merchant_line")
    assert finding.is_bad
    assert "商家转账" in finding.zh and "NOT_ENOUGH" in finding.zh


# --- what stands before a payout ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "verdict", "mend"),
    [
        ({"sms_provider": "none"}, "note", "WXBOT_SMS_PROVIDER"),
        ({"sms_provider": "console"}, "good", ""),
        ({"sms_fen_per_day": 4}, "bad", "WXBOT_SMS_FEN_PER_DAY"),
        ({"sms_provider": "tencent"}, "bad", "WXBOT_SMS_APP_ID"),
        ({"sms_provider": "tencent", "sms_app_id": "1400000000"}, "bad", "-r tencent.lock"),
        ({"sms_provider": "aliyun"}, "bad", "-r aliyun.lock"),
    ],
)
def test_text_messages_that_cannot_be_sent_are_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], verdict: str, mend: str
) -> None:
    for name in ("tencent", "aliyun"):  # as on a machine without the extra
        monkeypatch.setitem(sys.modules, f"wxbot.people.sms.{name}", None)
    finding = look(change(settings, **values), "text_messages")
    assert finding.verdict == verdict
    assert mend in finding.mend


def test_an_installed_sdk_is_enough(settings: Settings) -> None:
    pytest.importorskip("tencentcloud.sms")
    account = {"sms_key_id": "AKID0", "sms_secret_key": SecretStr("s"), "sms_app_id": "1400000000"}
    finding = look(change(settings, sms_provider="tencent", **account), "text_messages")
    assert finding.verdict == "good"
    assert "1000" in finding.en  # 50 yuan a day, 0.05 yuan each


def test_an_empty_roster_is_worth_knowing(settings: Settings) -> None:
    assert look(settings, "roster").verdict == "note"
    assert look(change(settings, binding_policy="hold"), "roster").verdict == "good"
    with closing(Runtime(settings)) as runtime, runtime.database.transaction() as session:
        now = runtime.clock.now()
        session.add(RosterEntry(name="陈晨", phone_sealed="s", phone_index="i", created_at=now, updated_at=now))
    assert look(settings, "roster").verdict == "good"


def test_a_store_that_takes_no_photos_is_found(settings: Settings, tmp_path: Path) -> None:
    assert look(settings, "voucher_storage").verdict == "good"
    assert list((settings.data_dir / "vouchers").rglob("*.jpg")) == []
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    assert look(change(settings, data_dir=blocked), "voucher_storage").is_bad
    bucket = {"s3_bucket": "b", "s3_key_id": "k", "s3_secret_key": SecretStr("s"), "s3_endpoint": "http://127.0.0.1:1"}
    finding = look(change(settings, voucher_storage="s3", **bucket), "voucher_storage")
    assert finding.is_bad
    assert "-r s3.lock" in finding.mend


def test_the_program_that_reads_photos_is_tried(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(settings, "photo_reader").verdict == "good"
    monkeypatch.setattr(child, "__file__", "/nowhere/child.py")
    assert look(settings, "photo_reader").is_bad


def test_four_eyes_want_two_cashiers(settings: Settings) -> None:
    with closing(Runtime(settings)) as runtime:
        now = Clock().now()
        assert CHECKS["staff"](runtime).verdict == "note"
        for login in ("marketer", "cashier", "admin"):
            accounts.hire(runtime.database, login, login, login, "correct-horse-battery-9", now)
        assert "reviewer" in CHECKS["staff"](runtime).mend
        accounts.hire(runtime.database, "reviewer", "reviewer", "reviewer", "correct-horse-battery-9", now)
        alone = CHECKS["staff"](runtime)
        assert (alone.verdict, alone.mend) == ("note", "wxbot staff add LOGIN --role cashier")
        accounts.hire(runtime.database, "second", "second", "cashier", "correct-horse-battery-9", now)
        assert CHECKS["staff"](runtime).verdict == "good"
