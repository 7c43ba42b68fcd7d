"""The clients against the simulator, over HTTP and HTTPS: two readings of the protocol reference meet.

Nothing here shares code with the simulator; what they agree on was read twice from the same page.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis as redis_client
import requests
from PIL import Image

from tests.servers import SimulatedWeChat
from tests.wechat.wires import Heard, Wire, http_reply
from wxbot.wechat import messages as m
from wxbot.wechat import sign
from wxbot.wechat.errors import NotSent, Refused, Unanswered
from wxbot.wechat.http import Timeouts, Transport
from wxbot.wechat.mp import OfficialAccount
from wxbot.wechat.oauth import OAuth
from wxbot.wechat.pay import PayClient
from wxbot.wechat.shakearound import Shakearound
from wxbot.wechat.tokens import Tokens

SHANGHAI = timezone(timedelta(hours=8))
TEXTS = {"send_name": "示例小店", "wishing": "恭喜发财", "act_name": "开业抽奖", "remark": "到店有礼"}


class Merchant:
    """Everything a merchant holds against one simulator."""

    def __init__(self, simulator: SimulatedWeChat, redis: Any, *, timeouts: Any = None) -> None:
        self.simulator = simulator
        account = simulator.control("GET", "account")
        self.appid, self.mch_id = account["appid"], account["mch_id"]
        self.account = m.CallbackAccount(
            account["original_id"], self.appid, account["callback_token"], account["aes_key"], account["callback_mode"]
        )
        self.transport = Transport(timeouts=timeouts)
        self.tokens = Tokens(redis, self.transport, simulator.base, self.appid, account["appsecret"], clock=self.now_s)
        self.mp = OfficialAccount(self.transport, self.tokens, simulator.base, simulator.base)
        self.shakearound = Shakearound(self.transport, self.tokens, simulator.base)
        self.oauth = OAuth(self.transport, simulator.base, simulator.base, self.appid, account["appsecret"])
        certs = simulator.certs
        self.pay_transport = Transport(
            ca_file=str(certs / "ca.pem"),
            cert=(str(certs / "apiclient_cert.pem"), str(certs / "apiclient_key.pem")),
            timeouts=timeouts,
        )
        self.pay = PayClient(
            self.pay_transport, simulator.pay_base, appid=self.appid, mch_id=self.mch_id, pay_key=account["pay_key"]
        )
        self._serial = 0

    def now_s(self) -> float:
        return self.simulator.control("GET", "clock")["now"]

    def order(self, amount_fen: int = 100, mch_billno: Any = None, **texts: Any) -> Any:
        """(params, answer) of one packet ordered."""
        self._serial += 1
        number = mch_billno or f"{self.mch_id}20260315{self._serial:010d}"
        params = self.pay.hbpreorder_params(mch_billno=number, amount_fen=amount_fen, **{**TEXTS, **texts})
        return params, self.pay.hbpreorder(params)

    def sp_tickets(self, count: int, amount_fen: int = 100) -> list[str]:
        return [self.order(amount_fen)[1].fields["sp_ticket"] for _ in range(count)]

    def lottery(self, key: Any = "K" * 32, total: int = 500, onoff: int = 1) -> Any:
        now = int(self.now_s())
        return self.shakearound.addlotteryinfo(
            title="新春",
            desc="到店有礼",
            onoff=onoff,
            begin_time=now - 60,
            expire_time=now + 7 * 86400,
            sponsor_appid=self.appid,
            total=total,
            jump_url="https://shop.example.test/after",
            key=key,
        )

    def load(self, lottery_id: str, sp_tickets: Any) -> Any:
        return self.shakearound.setprizebucket(
            lottery_id=lottery_id, mchid=self.mch_id, sponsor_appid=self.appid, sp_tickets=sp_tickets
        )


@pytest.fixture
def redis(redis_url: str) -> Any:
    with redis_client.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def merchant(simulator: SimulatedWeChat, redis: Any) -> Any:
    simulator.control("POST", "bank/topup", {"amount_fen": 1_000_000})
    return Merchant(simulator, redis)


def icon() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (120, 120), "#d85940").save(buffer, "PNG")
    return buffer.getvalue()


# --- tokens -------------------------------------------------------------------------------------------------------


def test_token_and_ticket_come_from_the_simulator_and_stay(merchant: Merchant) -> None:
    token, ticket = merchant.tokens.access_token(), merchant.tokens.jsapi_ticket()
    assert (merchant.tokens.access_token(), merchant.tokens.jsapi_ticket()) == (token, ticket)
    assert merchant.mp.getcallbackip()


def test_an_emptied_redis_gives_the_same_token_again_F54(merchant: Merchant, redis: Any) -> None:
    token = merchant.tokens.access_token()
    redis.flushall()
    assert merchant.tokens.access_token() == token


def test_a_token_that_died_is_replaced_within_the_call_F52(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    assert merchant.mp.getcallbackip()
    simulator.control("PUT", "faults/cgi-bin/getcallbackip", {"kind": "token_invalidated", "times": 1})
    assert merchant.mp.getcallbackip()


def test_a_token_is_renewed_before_its_two_hours_end(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    first = merchant.tokens.access_token()
    simulator.advance(7200 - 200)
    second = merchant.tokens.access_token()
    assert second != first
    assert merchant.mp.getcallbackip()


def test_a_wrong_secret_and_an_ip_off_the_list(merchant: Merchant, simulator: SimulatedWeChat, redis: Any) -> None:
    wrong = Tokens(redis, merchant.transport, simulator.base, merchant.appid, "WRONG-SECRET-CANARY")
    with pytest.raises(Refused) as caught:
        wrong.access_token()
    assert caught.value.code == "40125" and "CANARY" not in str(caught.value)
    simulator.control("PUT", "account", {"ip_whitelist": ["203.0.113.1"]})
    with pytest.raises(Refused) as caught:
        merchant.tokens.access_token()
    assert caught.value.code == "40164" and caught.value.row.actor == "operator"


# --- official account ---------------------------------------------------------------------------------------------


def test_people_messages_and_the_48_hours(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    ming = simulator.person("小明", follows=True)
    stranger = simulator.person("陌生人")
    assert merchant.mp.user_info(ming["openid"]).is_subscribed
    assert not merchant.mp.user_info(stranger["openid"]).is_subscribed
    simulator.control("POST", f"people/{ming['id']}/messages", {"type": "text", "content": "红包"})
    merchant.mp.typing(ming["openid"])
    merchant.mp.custom_send_text(ming["openid"], "红包已发出 <a href='https://x.example.test'>看</a>")
    lines = json.dumps(simulator.control("GET", f"people/{ming['id']}/chat?after=0"), ensure_ascii=False)
    assert "红包已发出" in lines
    simulator.advance(49 * 3600)
    with pytest.raises(Refused) as caught:
        merchant.mp.custom_send_text(ming["openid"], "太晚了")
    assert caught.value.code == "45015"
    with pytest.raises(Refused) as caught:
        merchant.mp.custom_send_text("oNOBODY00000000000000000000a", "x")
    assert caught.value.code == "40003"


def test_menu_media_and_codes(merchant: Merchant) -> None:
    assert merchant.mp.menu_get() == []
    buttons: Any = [
        {"type": "click", "name": "红包", "key": "MENU_REDPACK"},
        {"name": "更多", "sub_button": [{"type": "view", "name": "规则", "url": "https://shop.example.test/r"}]},
    ]
    merchant.mp.menu_create(buttons)
    assert [button["name"] for button in merchant.mp.menu_get()] == ["红包", "更多"]
    merchant.mp.menu_delete()
    assert merchant.mp.menu_get() == []
    with pytest.raises(Refused) as caught:
        merchant.mp.menu_create([{"type": "click", "name": "一个非常长的菜单名字", "key": "K"}])
    assert caught.value.code == "40018"
    picture = icon()
    media_id = merchant.mp.media_upload("image", picture, "a.png", "image/png")
    assert merchant.mp.media_get(media_id).content == picture
    with pytest.raises(Refused) as caught:
        merchant.mp.media_get("no-such-media")
    assert caught.value.code == "40007"
    code = merchant.mp.qrcode_create("store42", expires_in_s=604800)
    assert code.expires_in_s == 604800 and code.url
    shown = requests.get(merchant.mp.showqrcode_url(code.qr_ticket), timeout=5)
    assert shown.status_code == 200 and shown.headers["Content-Type"].startswith("image/")
    merchant.mp.clear_quota(merchant.appid)


# --- WeChat Pay over mutual TLS -----------------------------------------------------------------------------------


def test_an_order_gives_a_ticket_and_the_same_number_gives_the_same_ticket_F42(merchant: Merchant) -> None:
    params, answer = merchant.order(200)
    assert answer.is_success and answer.echoes(params)
    again = merchant.pay.hbpreorder(params)
    assert again.fields["sp_ticket"] == answer.fields["sp_ticket"]
    assert again.fields["detail_id"] == answer.fields["detail_id"]
    changed = merchant.pay.hbpreorder({**params, "total_amount": "300"})
    assert (changed.is_success, changed.err_code) == (False, "FATAL_ERROR")
    found = merchant.pay.gethbinfo(params["mch_billno"])
    assert found.is_success and found.fields["total_amount"] == "200"


@pytest.mark.parametrize("texts", [{"wishing": "]]></wishing><total_amount>20000"}, {"remark": "a&b<c>'\"=+ 红"}])
def test_strange_texts_are_signed_and_escaped_alike_S16b(merchant: Merchant, texts: Any) -> None:
    params, answer = merchant.order(100, **texts)
    if "wishing" in texts:
        assert not answer.is_success  # too long for WeChat, and nothing else happened to it
        assert merchant.pay.gethbinfo(params["mch_billno"]).err_code == "NOT_FOUND"
    else:
        assert answer.is_success, answer.raw


def test_signed_replies_are_checked_with_the_same_reading_of_the_rules_S65(
    merchant: Merchant, simulator: SimulatedWeChat
) -> None:
    simulator.control("PUT", "switches", {"reply_carries_sign": True})
    _, answer = merchant.order()
    assert answer.is_success and answer.is_signed


def test_refusals_come_as_answers_with_known_rows(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    for amount_fen, code in ((99, "MONEY_LIMIT"), (100_001, "MONEY_LIMIT"), (100_000 - 1, None)):
        _, answer = merchant.order(amount_fen)
        assert answer.err_code == code if code else answer.is_success
    _, answer = merchant.order(send_name="太长的商户名称" * 5)
    assert answer.err_code == "PARAM_ERROR" and answer.row.is_known
    wrong_key = PayClient(
        merchant.pay_transport, simulator.pay_base, appid=merchant.appid, mch_id=merchant.mch_id, pay_key="x" * 32
    )
    answer = wrong_key.gethbinfo("1900000001202603150000000001")
    assert answer.return_code == "FAIL" or answer.err_code == "SIGN_ERROR"
    for code in ("NOTENOUGH", "SYSTEMERROR", "TIME_LIMITED", "DAY_OVER_LIMITED", "268458547"):
        simulator.control(
            "PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "refuse", "err_code": code, "times": 1}
        )
        _, answer = merchant.order()
        assert answer.err_code == code and answer.row.is_known


def test_a_short_balance_is_notenough_and_the_same_number_goes_on_after_a_top_up(
    simulator: SimulatedWeChat, redis: Any
) -> None:
    merchant = Merchant(simulator, redis)
    balance = simulator.control("GET", "bank")["balance_fen"]
    spent = [merchant.order(100_000) for _ in range(balance // 100_000)]
    assert all(answer.is_success for _, answer in spent)
    params, answer = merchant.order(100_000)
    assert answer.err_code == "NOTENOUGH" and answer.row.stops_lane
    simulator.control("POST", "bank/topup", {"amount_fen": 100_000})
    assert merchant.pay.hbpreorder(params).is_success


def test_without_a_client_certificate_nothing_is_ordered(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    bare = Transport(ca_file=str(simulator.certs / "ca.pem"))
    client = PayClient(bare, simulator.pay_base, appid=merchant.appid, mch_id=merchant.mch_id, pay_key="k" * 32)
    try:
        answer = client.gethbinfo("1900000001202603150000000001")
    except (NotSent, Unanswered):
        return
    assert answer.err_code == "CA_ERROR"


def test_the_simulators_own_authority_must_be_named_S64(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    stranger = PayClient(Transport(), simulator.pay_base, appid="wx1", mch_id="1", pay_key="k" * 32)
    with pytest.raises(NotSent):
        stranger.gethbinfo("1")


@pytest.mark.parametrize("kind", ["drop_reply", "drop_request", "garble"])
def test_a_lost_or_garbled_reply_is_unanswered_and_the_same_number_settles_it_F05(
    merchant: Merchant, simulator: SimulatedWeChat, kind: str
) -> None:
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": kind, "times": 1})
    number = f"{merchant.mch_id}202603151111111111"
    before = simulator.control("GET", "bank")["balance_fen"]
    with pytest.raises(Unanswered):
        merchant.order(100, mch_billno=number)
    params, answer = merchant.order(100, mch_billno=number)
    assert answer.is_success and answer.echoes(params)
    assert before - simulator.control("GET", "bank")["balance_fen"] == 100


def test_a_slow_answer_is_unanswered_within_the_deadline_F06(simulator: SimulatedWeChat, redis: Any) -> None:
    simulator.control("POST", "bank/topup", {"amount_fen": 1_000})
    merchant = Merchant(simulator, redis, timeouts=Timeouts(connect_s=2, read_s=1, total_s=2))
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "slow", "seconds": 6, "times": 1})
    with pytest.raises(Unanswered) as caught:
        merchant.order()
    assert caught.value.reason == "timeout"


def test_the_daily_bill_lists_what_was_ordered(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    params, _ = merchant.order(300)
    day = datetime.fromtimestamp(merchant.now_s(), SHANGHAI).date()
    with pytest.raises(Refused) as caught:
        merchant.pay.downloadfundflow(day)
    assert caught.value.row.is_known, caught.value.code
    simulator.advance(36 * 3600)
    text = merchant.pay.downloadfundflow(day)
    lines = text.replace("`", "").splitlines()
    assert lines[0].split(",")[:3] == ["记账时间", "微信支付业务单号", "资金流水单号"]
    assert any(params["mch_billno"] in line and "3.00" in line for line in lines)
    try:  # a day without movement: no bill, or a bill without lines; the stored copies do not say which
        assert "1900000001" not in merchant.pay.downloadfundflow(day - timedelta(days=20))
    except Refused as refusal:
        assert refusal.code == "NO_BILL_EXIST"


# --- the lottery, from order to receipt ---------------------------------------------------------------------------


def test_buckets_say_what_became_of_each_ticket_F43(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    lottery_id = merchant.lottery()
    tickets = merchant.sp_tickets(3)
    first = merchant.load(lottery_id, tickets)
    assert (first.success_num, first.refused) == (3, frozenset())
    fresh = merchant.sp_tickets(1)
    mixed = merchant.load(lottery_id, [tickets[0], fresh[0], "v1|bm90LWEtdGlja2V0"])
    assert (mixed.success_num, mixed.repeat, mixed.invalid) == (1, (tickets[0],), ("v1|bm90LWEtdGlja2V0",))
    with pytest.raises(Refused) as caught:
        merchant.load(lottery_id, tickets[:2])
    assert caught.value.code == "9001090"
    late = merchant.sp_tickets(1)
    simulator.advance(73 * 3600)
    good = merchant.sp_tickets(1)
    answer = merchant.load(lottery_id, [*late, *good])
    assert (answer.success_num, answer.expire) == (1, tuple(late))
    counts = merchant.shakearound.querylottery(lottery_id)
    assert (counts.loaded, counts.available) == (5, 1)


def test_a_lost_load_reply_is_told_by_the_repeat_list_F44(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    lottery_id = merchant.lottery()
    tickets = merchant.sp_tickets(2)
    simulator.control("PUT", "faults/shakearound/lottery/setprizebucket", {"kind": "drop_reply", "times": 1})
    with pytest.raises(Unanswered):
        merchant.load(lottery_id, tickets)
    with pytest.raises(Refused) as caught:
        merchant.load(lottery_id, tickets)
    assert caught.value.code == "9001090"
    fresh = merchant.sp_tickets(1)
    assert set(merchant.load(lottery_id, [*tickets, *fresh]).repeat) == set(tickets)


def test_ceiling_and_size_of_a_bucket_F48(merchant: Merchant) -> None:
    lottery_id = merchant.lottery(total=1)
    with pytest.raises(Refused) as caught:
        merchant.load(lottery_id, merchant.sp_tickets(2))
    assert caught.value.code == "9001075"


class Inbox:
    """A callback URL that opens what it gets with wxbot.wechat.messages and answers what a test wants."""

    def __init__(self, merchant: Merchant) -> None:
        self.merchant = merchant
        self.seen: list[m.Message] = []
        self.refused: list[str] = []
        self.reply: m.Reply | None = None

    def __call__(self, heard: Heard, connection: socket.socket) -> None:
        url = urlsplit(heard.line.split(" ")[1])
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        headers = {"Content-Type": "text/plain"}
        try:
            if heard.line.startswith("GET"):
                body = m.verify_url(query, self.merchant.account, self.merchant.now_s()).encode()
            else:
                message = m.open_callback(query, heard.body, self.merchant.account, self.merchant.now_s())
                self.seen.append(message)
                body = m.seal(self.reply, message, self.merchant.account, self.merchant.now_s())
            connection.sendall(http_reply(body, headers=headers))
        except m.BadMessage as error:
            self.refused.append(error.reason)
            connection.sendall(http_reply(b"", status="403 Forbidden", headers=headers))

    def of(self, kind: Any) -> Any:
        return [message for message in self.seen if isinstance(message, kind)]


@pytest.fixture(params=["encrypted", "compatible", "plain"])
def inbox(request: pytest.FixtureRequest, simulator: SimulatedWeChat, redis: Any) -> Any:
    simulator.control("PUT", "account", {"callback_mode": request.param})
    simulator.control("POST", "bank/topup", {"amount_fen": 1_000_000})
    merchant = Merchant(simulator, redis)
    made = Inbox(merchant)
    with Wire(made) as wire:
        simulator.control("PUT", "account", {"callback_url": wire.url + "/wechat"})
        yield made


def wait_for(inbox: Any, kind: Any, count: int = 1) -> Any:
    inbox.merchant.simulator.control("POST", "pushes/settle", {})
    give_up_at = time.monotonic() + 20
    while len(inbox.of(kind)) < count and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return inbox.of(kind)


def test_the_console_verifies_our_url(inbox: Any) -> None:
    answer = inbox.merchant.simulator.control("POST", "verify_callback", {})
    assert answer.get("ok", answer.get("is_verified", True)), answer
    assert inbox.refused == []


def test_pushes_open_and_our_replies_reach_the_chat(inbox: Any) -> None:
    simulator = inbox.merchant.simulator
    inbox.reply = m.TextReply("欢迎参加 ]]> <a href='https://shop.example.test'>活动</a>")
    ming = simulator.person("小明", follows=True)
    simulator.control(
        "POST", f"people/{ming['id']}/messages", {"type": "text", "content": "\x1d红包\x10 <!DOCTYPE x> ]]>"}
    )
    (text,) = wait_for(inbox, m.TextMessage)
    assert (text.content, text.openid) == ("红包 <!DOCTYPE x> ]]>", ming["openid"])
    assert text.envelope.is_encrypted == (inbox.merchant.account.mode != "plain")
    assert wait_for(inbox, m.Subscribe)[0].openid == ming["openid"]
    inbox.reply = m.NewsReply((m.Article("活动规则", "点此查看", "https://x/p.jpg", "https://shop.example.test/play"),))
    simulator.control(
        "POST",
        f"people/{ming['id']}/messages",
        {"type": "location", "latitude": 30.27, "longitude": 120.15, "scale": 16, "label": "示例\x1f路"},
    )
    assert wait_for(inbox, m.LocationMessage)[0].label == "示例路"
    simulator.control("POST", f"people/{ming['id']}/unfollow", {})
    wait_for(inbox, m.Unsubscribe)
    lines = json.dumps(simulator.control("GET", f"people/{ming['id']}/chat?after=0"), ensure_ascii=False)
    assert "欢迎参加 ]]>" in lines and "活动规则" in lines
    assert "暂时无法提供服务" not in lines
    assert inbox.refused == []


def test_the_whole_story_of_one_packet(inbox: Any) -> None:
    """Order, lottery, load, shake, draw, bind event, open, receipt: every call and event read by both sides."""
    merchant, simulator = inbox.merchant, inbox.merchant.simulator
    shakearound = merchant.shakearound
    shakearound.device_applyid(2, "开业", "一店")
    devices = list(shakearound.device_search_all())
    page_id = shakearound.page_add(
        title="新春",
        description="到店有礼",
        page_url="https://shop.example.test/draw",
        icon_url=shakearound.material_add(icon(), "card.png"),
        comment="wxbot 1",
    )
    shakearound.device_bindpage({"device_id": devices[0].device_id}, [page_id])
    assert [page.page_id for page in shakearound.page_search_all()] == [page_id]
    assert [relation.device_id for relation in shakearound.relation_search(page_id=page_id)] == [devices[0].device_id]

    params, answer = merchant.order(168)
    assert answer.is_success, answer.raw
    lottery_id = merchant.lottery(key="LotteryKeyOf32CharactersLongABCD", onoff=0)
    assert merchant.load(lottery_id, [answer.fields["sp_ticket"]]).success_num == 1
    shakearound.setlotteryswitch(lottery_id, 1)
    assert shakearound.querylottery(lottery_id).is_on

    ming = simulator.person("小明", follows=True)
    simulator.control("POST", f"people/{ming['id']}/near", {"device_ids": [device.device_id for device in devices]})
    card = simulator.control("POST", f"people/{ming['id']}/shake", {})["cards"][0]
    shake_ticket = parse_qs(urlsplit(card["url"]).query)["ticket"][0]
    shaken = shakearound.getshakeinfo(shake_ticket)
    assert (shaken.openid, shaken.page_id, shaken.major) == (ming["openid"], page_id, devices[0].major)
    (event,) = wait_for(inbox, m.UserShake)
    assert event.openid == ming["openid"] and event.chosen.minor == devices[0].minor
    assert len(event.around) <= 5

    noncestr = sign.nonce(24)
    drawn = simulator.control(
        "POST",
        f"people/{ming['id']}/jump_hongbao",
        {
            "lottery_id": lottery_id,
            "noncestr": noncestr,
            "openid": shaken.openid,
            "page_url": card["url"],
            "sign": sign.lottery_sign(lottery_id, noncestr, shaken.openid, "LotteryKeyOf32CharactersLongABCD"),
        },
    )
    assert "code" not in drawn or not drawn["code"], drawn
    (bind,) = wait_for(inbox, m.LotteryBind)
    assert (bind.openid, bind.lottery_id, bind.amount_fen) == (ming["openid"], lottery_id, 168)
    assert bind.sp_ticket == answer.fields["sp_ticket"]
    assert abs(bind.bound_at - datetime.fromtimestamp(merchant.now_s(), UTC)) < timedelta(minutes=5)
    counts = shakearound.querylottery(lottery_id)
    assert (counts.drawn, counts.available, counts.drawn_fen) == (1, 0, 168)

    detail_id = answer.fields["detail_id"]
    simulator.control("POST", f"people/{ming['id']}/packets/{detail_id}/open", {})
    received = merchant.pay.gethbinfo(params["mch_billno"])
    assert (received.fields["status"], received.receiver) == ("RECEIVED", ming["openid"])
    assert inbox.refused == []


def test_an_unopened_packet_goes_back_after_72_hours(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    params, _ = merchant.order(100)
    simulator.advance(72 * 3600 + 600)
    answer = merchant.pay.gethbinfo(params["mch_billno"])
    assert answer.fields["status"] in ("RFUND_ING", "REFUND")


# --- OAuth --------------------------------------------------------------------------------------------------------


def authorised(merchant: Merchant, person: Any, redirect_uri: str, **options: Any) -> Any:
    """(code, state) that WeChat sends the phone back with, or the page it shows instead."""
    simulator = merchant.simulator
    url = merchant.oauth.authorize_url(redirect_uri, "9f3Kq27LmZ0aXy81", **options)
    linted = simulator.control("POST", "lint", {"url": url})
    phone = requests.Session()
    phone.post(f"{simulator.base}/_sim/people/{person['id']}/session", json={}, timeout=5)
    page = phone.get(url, allow_redirects=False, timeout=5, headers={"User-Agent": "MicroMessenger/8.0.50"})
    return linted, page


def test_a_code_becomes_the_persons_openid_once_F57(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "account", {"oauth_domains": ["shop.example.test"]})
    ming = simulator.person("小明")
    linted, page = authorised(merchant, ming, "https://shop.example.test/oauth/back?next=1&text=%20x")
    assert not linted.get("faults", linted.get("problems", linted.get("errors"))), linted
    back = urlsplit(page.headers.get("Location", ""))
    query = parse_qs(back.query)
    if "code" not in query:
        pytest.fail(f"no code in {page.status_code} {page.headers.get('Location')} {page.text[:300]}")
    assert (back.hostname, query["state"]) == ("shop.example.test", ["9f3Kq27LmZ0aXy81"])
    grant = merchant.oauth.exchange(query["code"][0])
    assert (grant.openid, grant.is_snapshot) == (ming["openid"], False)
    assert merchant.oauth.is_valid(grant)
    assert merchant.oauth.refresh(grant.refresh_token).openid == ming["openid"]
    with pytest.raises(Refused) as caught:
        merchant.oauth.exchange(query["code"][0])
    assert caught.value.code == "40163" and caught.value.row.retry == "refresh"
    with pytest.raises(Refused) as caught:
        merchant.oauth.exchange("021NOSUCHCODE")
    assert caught.value.code == "40029"


def test_a_foreign_domain_gets_no_code_S22(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "account", {"oauth_domains": ["shop.example.test"]})
    _, page = authorised(merchant, simulator.person("小明"), "https://evil.example.test/back")
    assert "code=" not in page.headers.get("Location", "")
    assert "10003" in page.text


def test_the_error_table_knows_every_refusal_the_simulator_gave(merchant: Merchant, simulator: SimulatedWeChat) -> None:
    """A sweep of wrong calls: whatever code comes back, the table has a row for it."""
    api, mp = merchant.shakearound, merchant.mp
    wrong: list[Callable[[], Any]] = [
        lambda: api.getshakeinfo("no-such-ticket"),
        lambda: api.querylottery("no-such-lottery"),
        lambda: api.setlotteryswitch("no-such-lottery", 1),
        lambda: merchant.load("no-such-lottery", ["v1|AAA="]),
        lambda: api.page_delete(999_999),
        lambda: api.device_bindpage({"device_id": 999_999}, [1]),
        lambda: api.device_applyid(0, "x"),
        lambda: api.page_add(title="太长的标题太长的标题", description="x", page_url="https://x", icon_url="http://x"),
        lambda: mp.menu_create([]),
        lambda: mp.custom_send("oNOBODY00000000000000000000a", "hologram", {}),
        lambda: mp.qrcode_create(0),
        lambda: mp.media_upload("image", b"not a picture", "a.txt", "text/plain"),
    ]
    codes = []
    for call in wrong:
        with pytest.raises(Refused) as caught:
            call()
        codes.append(caught.value.code)
        assert caught.value.row.is_known, caught.value.code
    assert len(codes) == len(wrong)
