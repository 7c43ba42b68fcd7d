"""The direct payment channels against the simulator over HTTPS: two readings of the protocol reference meet.

Nothing here shares code with the simulator; what they agree on was read twice from the same page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.servers import SimulatedWeChat
from tests.wechat.test_against_simulator import Merchant, merchant, redis  # noqa: F401 - fixtures
from tests.wechat.test_errors import REASONS, SENDING, TRANSFER
from tests.wechat.wires import Wire, http_reply
from wxbot.wechat import jssdk
from wxbot.wechat.errors import BadMessage, NotSent, Unanswered
from wxbot.wechat.http import Transport
from wxbot.wechat.pay import sendredpack_params
from wxbot.wechat.pay_v3 import PayV3Client, TransferAnswer, transfer_params

CREATE = "faults/v3/fund-app/mch-transfer/transfer-bills"
QUERY = f"{CREATE}/out-bill-no/*"
TEXTS = {"send_name": "示例小店", "wishing": "恭喜发财", "act_name": "开业抽奖", "remark": "到店有礼"}


class Payer:
    """A merchant with both direct channels, and the one person it pays."""

    def __init__(self, simulator: Any, merchant: Merchant, *, is_by_certificate: bool = False) -> None:
        self.simulator, self.merchant = simulator, merchant
        account = simulator.control("GET", "account")
        self.ming = simulator.person("小明", follows=True)
        self.transport = Transport(ca_file=str(simulator.certs / "ca.pem"))
        self.v3 = PayV3Client(
            self.transport,
            simulator.pay_base,
            mch_id=merchant.mch_id,
            appid=merchant.appid,
            private_key_file=simulator.certs / "apiclient_key.pem",
            cert_file=simulator.certs / "apiclient_cert.pem",
            api_v3_key=account["api_v3_key"],
            public_key_id="" if is_by_certificate else account["pay_public_key_id"],
            public_key="" if is_by_certificate else (simulator.certs / "pub_key.pem").read_text(),
            clock=merchant.now_s,
        )
        self._serial = 0

    def params(
        self, amount_fen: int = 100, notify_url: str = "https://shop.example.test/pay/transfer-notify", **changes: Any
    ) -> Any:
        self._serial += 1
        given = {
            "appid": self.merchant.appid,
            "out_bill_no": f"{self.merchant.mch_id}20260315{self._serial:010d}",
            "transfer_scene_id": "1000",
            "openid": self.ming["openid"],
            "amount_fen": amount_fen,
            "remark": "到店有礼",
            "notify_url": notify_url,
            "perception": "现金奖励",
            "reports": {"活动名称": "开业抽奖", "奖励说明": "摇一摇一等奖"},
        }
        return transfer_params(**{**given, **changes})

    def confirm(self, answer: TransferAnswer) -> Any:
        return self.simulator.control(
            "POST", f"people/{self.ming['id']}/transfers/{answer.transfer_bill_no}/confirm", {}
        )

    def packet(self, amount_fen: int = 100, **changes: Any) -> dict[str, str]:
        self._serial += 1
        given = {
            "mch_id": self.merchant.mch_id,
            "appid": self.merchant.appid,
            "openid": self.ming["openid"],
            "mch_billno": f"{self.merchant.mch_id}20260315{self._serial:010d}",
            "amount_fen": amount_fen,
            "client_ip": "203.0.113.7",
            "scene_id": "PRODUCT_4",
            **TEXTS,
        }
        return sendredpack_params(**{**given, **changes})


@pytest.fixture
def payer(simulator: SimulatedWeChat, merchant: Merchant) -> Any:
    return Payer(simulator, merchant)


def balance(simulator: SimulatedWeChat) -> int:
    return int(simulator.control("GET", "bank")["balance_fen"])


# --- transfers ----------------------------------------------------------------------------------------------------


def test_a_transfer_from_creation_over_the_phone_to_the_signed_notice_and_the_query(
    payer: Payer, simulator: SimulatedWeChat
) -> None:
    taken = http_reply(b"", status="204 No Content", headers={"Connection": "close"})  # as a Wire does
    with Wire(lambda _heard, connection: connection.sendall(taken)) as inbox:
        simulator.control("PUT", "switches", {"transfer_notify_copies": 1, "transfer_notify_probed": True})
        params = payer.params(notify_url=f"{inbox.url}/pay/transfer-notify")
        created = payer.v3.create(params)
        assert created.is_success and created.echoes(params) and created.state == "WAIT_USER_CONFIRM"
        again = payer.v3.create(params)
        assert again.transfer_bill_no == created.transfer_bill_no  # the same number is the same bill
        shown = jssdk.merchant_transfer(payer.merchant.mch_id, payer.merchant.appid, created.package_info)
        sheet = simulator.control("POST", f"people/{payer.ming['id']}/request_merchant_transfer", shown)
        assert sheet["err_msg"] == "requestMerchantTransfer:ok"
        assert payer.v3.query(params["out_bill_no"]).state == "WAIT_USER_CONFIRM"
        payer.confirm(created)
        asked = payer.v3.query(params["out_bill_no"])
        assert asked.is_final and asked.state == "SUCCESS" and asked.echoes(params)
        assert (asked.amount_fen, asked.openid, asked.mch_id) == (100, payer.ming["openid"], payer.merchant.mch_id)
        simulator.control("POST", "pushes/settle", {"timeout_s": 10})
        notices, probes = [], 0
        for heard in inbox.heard:
            headers = dict(line.decode().split(": ", 1) for line in heard.head.split(b"\r\n")[1:] if b": " in line)
            try:
                notices.append(payer.v3.open_callback(headers, heard.body, payer.merchant.now_s()))
            except BadMessage:
                probes += 1
        assert probes == 1 and {(one.out_bill_no, one.state) for one in notices} == {(params["out_bill_no"], "SUCCESS")}
        assert len(notices) == 2 and {one.amount_fen for one in notices} == {100}
        with pytest.raises(BadMessage):
            payer.v3.open_callback(headers, heard.body, payer.merchant.now_s() + 400)


def test_a_platform_certificate_signs_as_well_as_the_public_key(simulator: SimulatedWeChat, merchant: Merchant) -> None:
    simulator.control("PUT", "switches", {"v3_sign_with": "certificate"})
    payer = Payer(simulator, merchant, is_by_certificate=True)
    assert payer.v3.create(payer.params()).is_success
    named = payer.params(amount_fen=200_000)
    simulator.control("PUT", "bank/limits", {"transfer_max_fen": 500_000, "transfer_user_fen_per_day": 500_000})
    assert payer.v3.create(named).code == "PARAM_ERROR"  # the real name is wanted from 2000 yuan
    assert payer.v3.create(named, user_name="王小明").is_success
    by_key = Payer(simulator, merchant)
    assert by_key.v3.create(by_key.params(out_bill_no="CHANGEOVER1")).is_success  # signed by a certificate all the same
    simulator.control("PUT", "switches", {"v3_certificates_given": False})
    with pytest.raises(NotSent, match="HTTP 404"):
        fresh = Payer(simulator, merchant, is_by_certificate=True)
        fresh.v3.create(fresh.params(out_bill_no="NEVERSENT1"))


def test_a_bill_is_cancelled_or_closes_after_a_day(payer: Payer, simulator: SimulatedWeChat) -> None:
    before = balance(simulator)
    cancelled, overdue = payer.params(), payer.params()
    payer.v3.create(cancelled)
    payer.v3.create(overdue)
    assert payer.v3.cancel(cancelled["out_bill_no"]).state in ("CANCELING", "CANCELLED")
    assert payer.v3.query(cancelled["out_bill_no"]).state == "CANCELLED"
    simulator.advance(24 * 3600 + 60)
    closed = payer.v3.query(overdue["out_bill_no"])
    assert (closed.state, closed.fail_reason, closed.is_final) == ("FAIL", "OVERDUE_CLOSE", True)
    assert closed.reason_row.actor == "person" and balance(simulator) == before
    assert not payer.v3.cancel(overdue["out_bill_no"]).is_success
    assert payer.v3.query("NEVERCREATED1").code == "NOT_FOUND"


def test_every_refusal_of_a_transfer_is_an_answer_and_moves_nothing_F07(
    payer: Payer, simulator: SimulatedWeChat
) -> None:
    params, before = payer.params(), balance(simulator)
    for code in [*TRANSFER, "SOMETHING_NEW_2027"]:
        simulator.control("PUT", CREATE, {"kind": "refuse", "err_code": code, "times": 1})
        answer = payer.v3.create(params)
        assert (answer.is_success, answer.code, answer.is_signed) == (False, code, True)
        assert answer.row.is_known == (code in TRANSFER) and balance(simulator) == before
    assert payer.v3.create(params).is_success
    assert payer.v3.create({**params, "transfer_amount": 200}).code == "INVALID_REQUEST"
    assert payer.v3.create(payer.params(perception="随便写")).code == "INVALID_REQUEST"
    assert payer.v3.create(payer.params(reports={"活动名称": "x"})).code == "PARAM_ERROR"
    simulator.control("PUT", "switches", {"transfer_opened": False})
    assert payer.v3.create(payer.params()).row.stops_lane


def test_every_reason_of_a_failed_bill_has_its_row(payer: Payer, simulator: SimulatedWeChat) -> None:
    for reason in [*REASONS, "SOME_REASON_OF_2027"]:
        params = payer.params()
        created = payer.v3.create(params)
        simulator.control("POST", f"bank/transfers/{created.transfer_bill_no}/fail", {"fail_reason": reason})
        answer = payer.v3.query(params["out_bill_no"])
        assert (answer.state, answer.fail_reason) == ("FAIL", reason)
        assert answer.reason_row.is_known == (reason in REASONS) and answer.reason_row.to_person


@pytest.mark.parametrize("kind", ["drop_reply", "drop_request", "garble", "repeat"])
def test_a_lost_garbled_or_doubled_create_is_one_bill_under_the_same_number_F05(
    payer: Payer, simulator: SimulatedWeChat, kind: str
) -> None:
    params, before = payer.params(300), balance(simulator)
    simulator.control("PUT", CREATE, {"kind": kind, "times": 1})
    if kind == "repeat":
        first = payer.v3.create(params)
        assert first.is_success
    else:
        with pytest.raises(Unanswered):
            payer.v3.create(params)
    simulator.control("PUT", QUERY, {"kind": "garble", "times": 1})
    with pytest.raises(Unanswered):
        payer.v3.query(params["out_bill_no"])
    assert payer.v3.create(params).is_success
    assert before - balance(simulator) == 300


def test_a_reply_with_a_wrong_signature_is_never_believed_S65(payer: Payer, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "switches", {"v3_wrong_signature": True})
    params = payer.params()
    calls: list[Callable[[], Any]] = [
        lambda: payer.v3.create(params),
        lambda: payer.v3.query(params["out_bill_no"]),
        lambda: payer.v3.query("NEVERCREATED1"),
    ]
    for call in calls:
        with pytest.raises(Unanswered) as caught:
            call()
        assert (caught.value.reason, caught.value.security) == ("bad_sign", True)
    simulator.control("PUT", "switches", {"v3_wrong_signature": False})
    assert payer.v3.query(params["out_bill_no"]).state == "WAIT_USER_CONFIRM"


def test_a_wrong_clock_or_key_is_a_sign_error_that_stops_lane(
    payer: Payer, simulator: SimulatedWeChat, merchant: Merchant
) -> None:
    late = Payer(simulator, merchant)
    late.v3._wire._clock = lambda: merchant.now_s() - 400
    with pytest.raises(Unanswered):  # its replies are as far from its clock as its requests from WeChat's
        late.v3.query("NEVERCREATED1")
    simulator.control("PUT", "account", {"api_v3_key": "another-key-of-32-characters-000"})
    stranger = Payer(simulator, merchant)
    stranger.v3._wire._mch_id = "1900000099"
    answer = stranger.v3.query("NEVERCREATED1")
    assert (answer.status, answer.code) == (401, "SIGN_ERROR") and answer.row.stops_lane


def test_a_short_balance_is_refused_and_the_same_number_goes_on_after_a_top_up(
    payer: Payer, simulator: SimulatedWeChat
) -> None:
    simulator.control("POST", "bank/topup", {"amount_fen": -balance(simulator)})
    params = payer.params()
    answer = payer.v3.create(params)
    assert (answer.code, answer.row.stops_lane) == ("NOT_ENOUGH", True)
    simulator.control("POST", "bank/topup", {"amount_fen": 100})
    assert payer.v3.create(params).state == "WAIT_USER_CONFIRM"


# --- cash packets -------------------------------------------------------------------------------------------------


def test_a_packet_is_sent_once_opened_and_asked_for(payer: Payer, simulator: SimulatedWeChat) -> None:
    pay, params, before = payer.merchant.pay, payer.packet(188), balance(simulator)
    sent = pay.sendredpack(params)
    assert sent.is_success and sent.echoes(params) and sent.fields["send_listid"]
    assert (
        pay.sendredpack(params).err_code == "FREQ_LIMIT"
    )  # a number is sent again after a second at the earliest (§3.1)
    simulator.advance(1)
    assert pay.sendredpack(params).fields["send_listid"] == sent.fields["send_listid"]
    assert before - balance(simulator) == 188
    assert pay.gethbinfo(params["mch_billno"]).fields["status"] == "SENT"
    simulator.control("POST", f"people/{payer.ming['id']}/packets/{sent.fields['send_listid']}/open", {})
    asked = pay.gethbinfo(params["mch_billno"])
    assert (asked.fields["status"], asked.receiver) == ("RECEIVED", payer.ming["openid"])
    assert asked.fields["detail_id"] == sent.fields["send_listid"]
    assert pay.sendredpack({**params, "total_amount": "189"}).err_code == "FATAL_ERROR"


def test_an_unopened_packet_returns_after_its_day(payer: Payer, simulator: SimulatedWeChat) -> None:
    params, before = payer.packet(), balance(simulator)
    payer.merchant.pay.sendredpack(params)
    simulator.advance(24 * 3600 + 3600)
    asked = payer.merchant.pay.gethbinfo(params["mch_billno"])
    assert asked.fields["status"] in ("RFUND_ING", "REFUND") and asked.receiver is None
    simulator.advance(3600)
    assert payer.merchant.pay.gethbinfo(params["mch_billno"]).fields["status"] == "REFUND"
    assert balance(simulator) == before


def test_every_refusal_of_a_packet_is_an_answer_with_its_row_F07(payer: Payer, simulator: SimulatedWeChat) -> None:
    params, before = payer.packet(), balance(simulator)
    for code in [*SENDING, "SOMETHING_NEW_2027"]:
        simulator.control(
            "PUT", "faults/mmpaymkttransfers/sendredpack", {"kind": "refuse", "err_code": code, "times": 1}
        )
        answer = payer.merchant.pay.sendredpack(params)
        assert not answer.is_success and balance(simulator) == before
        if code == "SIGN_ERROR":  # who cannot be identified is told no code (§8.7)
            assert (answer.return_code, answer.err_code) == ("FAIL", "")
            continue
        assert answer.err_code == code and answer.row.is_known == (code in SENDING) and answer.row.to_person
    assert payer.merchant.pay.sendredpack(params).is_success
    assert (
        payer.merchant.pay.sendredpack(payer.packet(openid="oNOBODY00000000000000000000a")).err_code == "OPENID_ERROR"
    )
    assert payer.merchant.pay.sendredpack(payer.packet(20_001, scene_id="")).err_code in ("MONEY_LIMIT", "PARAM_ERROR")


@pytest.mark.parametrize("kind", ["drop_reply", "garble", "repeat"])
def test_a_lost_garbled_or_doubled_packet_is_paid_once_F05(payer: Payer, simulator: SimulatedWeChat, kind: str) -> None:
    params, before = payer.packet(300), balance(simulator)
    simulator.control("PUT", "faults/mmpaymkttransfers/sendredpack", {"kind": kind, "times": 1})
    if kind == "repeat":  # the second of the two came within a second, and its answer is the one that comes back
        assert payer.merchant.pay.sendredpack(params).err_code == "FREQ_LIMIT"
    else:
        with pytest.raises(Unanswered):
            payer.merchant.pay.sendredpack(params)
    simulator.advance(1)
    assert payer.merchant.pay.sendredpack(params).is_success
    assert before - balance(simulator) == 300
