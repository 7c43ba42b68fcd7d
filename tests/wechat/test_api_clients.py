"""Official account, shake-around, OAuth and wx.config: what is asked, and how the answers are read."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.wechat.wires import Wire, http_reply, saying
from wxbot.wechat import jssdk, sign
from wxbot.wechat.errors import Refused, Unanswered
from wxbot.wechat.http import Transport
from wxbot.wechat.mp import OfficialAccount
from wxbot.wechat.oauth import OAuth, authorize_url
from wxbot.wechat.shakearound import Shakearound

OPENID = "oTESTuser0000000000000000001a"
OK = {"errcode": 0, "errmsg": "ok"}


class OneToken:
    """A token source that counts how often it was asked for another one."""

    def __init__(self) -> None:
        self.renewals = 0

    def access_token(self) -> Any:
        return "81_EXAMPLETOKEN0001"

    def renewed_access_token(self, refused: Any) -> Any:
        self.renewals += 1
        return "81_EXAMPLETOKEN0002"


def answering(*answers: Any) -> Any:
    return Wire(
        saying(*(http_reply(json.dumps(answer, ensure_ascii=False).encode()) for answer in answers)), closes=False
    )


def shake(answer: Any = OK, **inner: Any) -> Any:
    return answering({**OK, "errmsg": "success.", "data": inner} if inner else answer)


def asked(wire: Wire, at: Any = -1) -> Any:
    heard = wire.heard[at]
    url = urlsplit(heard.line.split(" ")[1])
    query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    return url.path, query, json.loads(heard.body) if heard.body[:1] == b"{" else heard.body


def account(wire: Wire, tokens: Any = None) -> Any:
    return OfficialAccount(Transport(), tokens or OneToken(), wire.url, "https://mp.example.test")


def shakearound(wire: Wire, tokens: Any = None) -> Any:
    return Shakearound(Transport(), tokens or OneToken(), wire.url)


# --- shared behaviour ---------------------------------------------------------------------------------------------


def test_a_body_is_real_utf8_and_the_token_stands_in_the_query() -> None:
    with answering(OK) as wire:
        account(wire).custom_send_text(OPENID, "红包已发出")
        path, query, body = asked(wire)
        assert (path, query) == ("/cgi-bin/message/custom/send", {"access_token": "81_EXAMPLETOKEN0001"})
        assert body == {"touser": OPENID, "msgtype": "text", "text": {"content": "红包已发出"}}
        assert "红包已发出".encode() in wire.heard[0].body


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_refused_token_is_renewed_and_the_call_made_once_more_F52(code: Any) -> None:
    tokens = OneToken()
    with answering({"errcode": code, "errmsg": "x"}, OK) as wire:
        account(wire, tokens).menu_delete()
        assert [asked(wire, n)[1]["access_token"][-1] for n in (0, 1)] == ["1", "2"]
        assert (tokens.renewals, len(wire.heard)) == (1, 2)


def test_two_refusals_in_a_row_end_the_call_F52() -> None:
    tokens = OneToken()
    with answering({"errcode": 40001, "errmsg": "invalid credential"}) as wire:
        with pytest.raises(Refused):
            account(wire, tokens).menu_delete()
        assert (tokens.renewals, len(wire.heard)) == (1, 2)


@pytest.mark.parametrize("code", [-1, 45009, 48001, 9001060, 12345678])
def test_any_other_error_is_refused_at_once_with_its_row(code: Any) -> None:
    with answering({"errcode": code, "errmsg": "secret=CANARY-1 access_token=81_EXAMPLETOKEN0001"}) as wire:
        with pytest.raises(Refused) as caught:
            shakearound(wire).setlotteryswitch("L", 1)
        assert caught.value.code == str(code) and len(wire.heard) == 1
        assert caught.value.row.is_known == (code != 12345678)
        assert "CANARY" not in str(caught.value) and "EXAMPLETOKEN" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'"x"', b"{", b'{"a":NaN}', b"[" * 30_000, b"\xff\xfe", b"1" * 5_000]
)
def test_an_unreadable_reply_is_unanswered(body: Any) -> None:
    with Wire(saying(http_reply(body))) as wire, pytest.raises(Unanswered):
        shakearound(wire).setlotteryswitch("L", 1)


# --- official account ---------------------------------------------------------------------------------------------


def test_user_info_of_a_follower_and_of_somebody_else() -> None:
    follower = {
        "subscribe": 1,
        "openid": OPENID,
        "subscribe_time": 1773540101,
        "tagid_list": [134],
        "qr_scene": 0,
        "subscribe_scene": "ADD_SCENE_QR_CODE",
        "qr_scene_str": "store42",
        "unionid": "u",
    }
    with answering(follower, {"subscribe": 0, "openid": OPENID}) as wire:
        person = account(wire).user_info(OPENID)
        assert (person.is_subscribed, person.subscribed_at_s, person.qr_scene) == (True, 1773540101, "store42")
        assert person.tag_ids == (134,)
        assert not account(wire).user_info(OPENID).is_subscribed
        assert asked(wire)[1] | {"access_token": ""} == {"openid": OPENID, "lang": "zh_CN", "access_token": ""}


def test_messages_typing_and_quota() -> None:
    with answering(OK) as wire:
        mp = account(wire)
        mp.typing(OPENID)
        assert asked(wire)[2] == {"touser": OPENID, "command": "Typing"}
        mp.typing(OPENID, is_typing=False)
        assert asked(wire)[2]["command"] == "CancelTyping"
        mp.custom_send(OPENID, "image", {"media_id": "M"}, kf_account="a@b")
        assert asked(wire)[2]["customservice"] == {"kf_account": "a@b"}
        mp.clear_quota("wx1")
        assert asked(wire)[0::2] == ("/cgi-bin/clear_quota", {"appid": "wx1"})
    with (
        answering({"errcode": 45015, "errmsg": "response out of time limit"}) as wire,
        pytest.raises(Refused) as caught,
    ):
        account(wire).custom_send_text(OPENID, "x")
    assert caught.value.row.actor == "person"


def test_menu_and_no_menu() -> None:
    buttons = [{"type": "click", "name": "红包", "key": "K"}]
    with answering(OK, {"menu": {"button": buttons}}, {"errcode": 46003, "errmsg": "menu no exist"}) as wire:
        mp = account(wire)
        mp.menu_create(buttons)
        assert asked(wire)[2] == {"button": buttons}
        assert mp.menu_get() == buttons
        assert mp.menu_get() == []


def test_media_goes_up_and_comes_down() -> None:
    with answering({"type": "image", "media_id": "MEDIA-1", "created_at": 1}) as wire:
        assert account(wire).media_upload("image", b"\x89PNG", "a.png", "image/png") == "MEDIA-1"
        path, query, body = asked(wire)
        assert (path, query["type"]) == ("/cgi-bin/media/upload", "image")
        assert b'name="media"; filename="a.png"' in body and b"\x89PNG" in body
        with pytest.raises(ValueError):
            account(wire).media_upload("thumb", b"x" * 70_000, "a.jpg", "image/jpeg")
    headers = {"Content-Type": "image/jpeg", "Content-disposition": 'attachment; filename="M.jpg"'}
    picture = b"\xff\xd8" + b"x" * 200_000
    with Wire(saying(http_reply(picture, headers=headers))) as wire:
        media = account(wire).media_get("M")
        assert (media.content, media.file_name) == (picture, "M.jpg")
    with answering({"errcode": 40007, "errmsg": "invalid media_id"}) as wire, pytest.raises(Refused):
        account(wire).media_get("M")
    with answering({"video_url": "http://v"}) as wire:
        assert account(wire).media_get("M").url == "http://v"


TYPES = ("text/plain", "text/plain; charset=utf-8", "image/jpeg", "application/json", "text/html", "")


@pytest.mark.parametrize("kind", TYPES)
def test_the_bytes_decide_what_media_get_answered(kind: str) -> None:
    def told(body: bytes) -> bytes:
        return http_reply(body, headers={"Content-Type": kind, "Connection": "close"})

    files = (b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n{", b"GIF89a no photo", b"#!AMR\n<", b"BM6\0\0\0")
    errors = (b'{"errcode":40007,"errmsg":"x"}', b'\xef\xbb\xbf {"errcode": "40007"}')
    words = (
        b"",
        b"<html><h1>502</h1></html>",
        b"upstream error",
        "系统繁忙".encode(),
        b"{}x",
        b'{"errcode":40007',
        b"null",
    )
    with Wire(saying(*map(told, (*files, *errors, *words)))) as wire:
        mp = account(wire)
        assert tuple(mp.media_get("M").content for _ in files) == files
        for _ in errors:
            with pytest.raises(Refused):
                mp.media_get("M")
        for _ in words:
            with pytest.raises(Unanswered) as caught:
                mp.media_get("M")
            assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("kind", TYPES)
def test_an_errcode_is_a_refusal_whatever_its_header_says(kind: str) -> None:
    told = http_reply(b'\n{"errcode":48001,"errmsg":"api unauthorized"}', headers={"Content-Type": kind})
    with Wire(saying(told)) as wire, pytest.raises(Refused) as caught:
        account(wire).getcallbackip()
    assert caught.value.code == "48001"


@pytest.mark.parametrize(
    ("scene", "life_s", "expected"),
    [
        ("store42", 604800, ("QR_STR_SCENE", {"scene_str": "store42"}, 604800)),
        (7, 60, ("QR_SCENE", {"scene_id": 7}, 60)),
        ("store42", None, ("QR_LIMIT_STR_SCENE", {"scene_str": "store42"}, None)),
        (7, None, ("QR_LIMIT_SCENE", {"scene_id": 7}, None)),
        ("a", 10**9, ("QR_STR_SCENE", {"scene_str": "a"}, 2592000)),
    ],
)
def test_qr_codes_with_a_scene(scene: Any, life_s: int, expected: Any) -> None:
    with answering({"ticket": "gQH/1 2", "expire_seconds": life_s, "url": "http://weixin.qq.com/q/1"}) as wire:
        code = account(wire).qrcode_create(scene, expires_in_s=life_s)
        body = asked(wire)[2]
        assert (body["action_name"], body["action_info"]["scene"], body.get("expire_seconds")) == expected
        shown = account(wire).showqrcode_url(code.qr_ticket)
        assert shown == "https://mp.example.test/cgi-bin/showqrcode?ticket=gQH%2F1%202"


def test_callback_addresses_and_ticket() -> None:
    with answering({"ip_list": ["198.51.100.7", "198.51.100.0/25"]}) as wire:
        assert account(wire).getcallbackip() == ("198.51.100.7", "198.51.100.0/25")
    with answering({**OK, "ticket": "T", "expires_in": 7200}) as wire:
        assert account(wire).getticket() == ("T", 7200)


# --- shake-around -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", " "])
def test_getshakeinfo_says_who_and_where_stray_blanks_or_not(blank: str) -> None:
    beacon = {"distance": 1.27, "major": 10001, "minor": 19007, "uuid": "FDA5"}
    inner = {f"page_id{blank}": 28841, "beacon_info": beacon, "openid": OPENID, f"{blank}poi_id": 1234}
    with shake(**inner) as wire:
        shaken = shakearound(wire).getshakeinfo("SHAKE-TICKET", need_poi=True)
        assert (shaken.openid, shaken.page_id, shaken.major, shaken.minor) == (OPENID, 28841, 10001, 19007)
        assert (shaken.distance_m, shaken.poi_id) == (1.27, 1234)
        assert asked(wire)[0::2] == ("/shakearound/user/getshakeinfo", {"ticket": "SHAKE-TICKET", "need_poi": 1})


@pytest.mark.parametrize("inner", [{}, {"openid": ""}, {"openid": "<script>"}, {"openid": None}])
def test_a_shake_without_a_person_is_unanswered_S35(inner: Any) -> None:
    with answering({**OK, "data": inner}) as wire, pytest.raises(Unanswered):
        shakearound(wire).getshakeinfo("T")


def test_an_unknown_shake_ticket_is_refused_S35() -> None:
    with answering({"errcode": 9001003, "errmsg": "invalid ticket"}) as wire, pytest.raises(Refused) as caught:
        shakearound(wire).getshakeinfo("T")
    assert caught.value.row.actor == "person"


LOTTERY = {
    "title": "新春",
    "desc": "到店有礼",
    "onoff": 0,
    "begin_time": 1773504000,
    "expire_time": 1774108800,
    "sponsor_appid": "wx0123456789abcdef",
    "total": 500,
    "jump_url": "https://shop.example.test/after",
    "key": "K" * 32,
}


def test_addlotteryinfo_sends_the_page_mode_in_the_query() -> None:
    with answering({**OK, "lottery_id": "9sQqUrmdFaY6v9z8TartXX ", "page_id": 28841}) as wire:
        assert shakearound(wire).addlotteryinfo(**LOTTERY) == "9sQqUrmdFaY6v9z8TartXX"
        path, query, body = asked(wire)
        assert (path, query["use_template"]) == ("/shakearound/lottery/addlotteryinfo", "2")
        assert "logo_url" not in query and body == LOTTERY
        shakearound(wire).addlotteryinfo(**LOTTERY, use_template=1, logo_url="http://x/a b.png")
        assert asked(wire)[1]["logo_url"] == "http://x/a b.png"


@pytest.mark.parametrize(
    "answer", [OK, {**OK, "lottery_id": ""}, {**OK, "lottery_id": None}, {**OK, "lottery_id": "a b"}]
)
def test_a_lottery_without_an_id_is_unanswered(answer: Any) -> None:
    with answering(answer) as wire, pytest.raises(Unanswered):
        shakearound(wire).addlotteryinfo(**LOTTERY)


def bucket(wire: Wire, sp_tickets: Any = ("v1|AAA=", "v1|BBB=")) -> Any:
    return shakearound(wire).setprizebucket(
        lottery_id="L", mchid="1900000001", sponsor_appid="wx0123456789abcdef", sp_tickets=sp_tickets
    )


def test_setprizebucket_gives_one_outcome_per_ticket_F43() -> None:
    lists = {
        f"{name}_ticket_list": [{"ticket": f"v1|{name}"}]
        for name in ("repeat", "expire", "invalid_amount", "wrong_authmchid", "invalid")
    }
    with answering({**OK, "success_num": 1, **lists}) as wire:
        answer = bucket(wire)
        assert asked(wire)[2] == {
            "lottery_id": "L",
            "mchid": "1900000001",
            "sponsor_appid": "wx0123456789abcdef",
            "prize_info_list": [{"ticket": "v1|AAA="}, {"ticket": "v1|BBB="}],
        }
    assert answer.success_num == 1
    assert (answer.repeat, answer.expire, answer.invalid) == (("v1|repeat",), ("v1|expire",), ("v1|invalid",))
    assert (answer.invalid_amount, answer.wrong_authmchid) == (("v1|invalid_amount",), ("v1|wrong_authmchid",))
    assert len(answer.refused) == 5 and "v1|" not in repr(answer)


def test_missing_lists_are_empty_and_strange_ones_unanswered_F43() -> None:
    with answering({**OK, "success_num": 2}) as wire:
        assert bucket(wire).refused == frozenset()
    for answer in (
        OK,
        {**OK, "success_num": 1, "repeat_ticket_list": "v1"},
        {**OK, "success_num": 1, "expire_ticket_list": [{"x": 1}]},
    ):
        with answering(answer) as wire, pytest.raises(Unanswered):
            bucket(wire)


@pytest.mark.parametrize("count", [0, 101])
def test_a_bucket_holds_1_to_100_tickets_F48(count: int) -> None:
    with answering(OK) as wire:
        with pytest.raises(ValueError):
            bucket(wire, [f"v1|{n}" for n in range(count)])
        assert wire.heard == []


def test_setlotteryswitch_is_a_get() -> None:
    with answering(OK) as wire:
        shakearound(wire).setlotteryswitch("L", 0)
        path, query, _ = asked(wire)
        assert wire.heard[0].line.startswith("GET ")
        assert (path, query["lottery_id"], query["onoff"]) == ("/shakearound/lottery/setlotteryswitch", "L", "0")


def test_querylottery_reads_quoted_numbers_and_keeps_missing_counts_missing() -> None:
    result = {
        "lottery_id": "L",
        "onoff": "1",
        "begin_time": "1773504000",
        "expire_time": 1774108800,
        "prize_count_limit": 500,
        "prize_count": "100",
        "expired_prizes": 5,
        "drawed_prizes": "20",
        "available_prizes": 75,
        "expired_value": 500,
        "drawed_value": 2000,
        "available_value": "7500",
    }
    with answering({**OK, "result": result}) as wire:
        counts = shakearound(wire).querylottery("L")
    assert (counts.is_on, counts.begin_time_s, counts.total, counts.loaded) == (True, 1773504000, 500, 100)
    assert (counts.expired, counts.drawn, counts.available) == (5, 20, 75)
    assert (counts.expired_fen, counts.drawn_fen, counts.available_fen) == (500, 2000, 7500)
    short = {name: value for name, value in result.items() if not name.endswith(("_prizes", "_value"))}
    with answering({**OK, "result": short}) as wire:
        counts = shakearound(wire).querylottery("L")
    assert (counts.drawn, counts.available_fen) == (None, None)
    with answering(OK) as wire, pytest.raises(Unanswered):
        shakearound(wire).querylottery("L")


def test_devices_pages_relations_and_icons() -> None:
    device = {
        "device_id": 10011,
        "uuid": "F",
        "major": 1,
        "minor": 2,
        "status": 1,
        "comment": "门口",
        "last_active_time": 1,
        "poi_id": 3,
    }
    with shake(devices=[device], total_count=1) as wire:
        (found,) = shakearound(wire).device_search_all()
        assert (found.device_id, found.is_active, found.comment) == (10011, True, "门口")
    with shake(apply_id=123, audit_status=2) as wire:
        assert shakearound(wire).device_applyid(3, "开业", "一店") == 123
    with answering({**OK, "data": {}}) as wire:
        api = shakearound(wire)
        api.device_bindpage({"device_id": 10011}, [28841])
        assert asked(wire)[2] == {"device_identifier": {"device_id": 10011}, "page_ids": [28841]}
        api.device_update({"device_id": 10011}, "门口")
        api.device_bindlocation({"device_id": 10011}, 1234)
        api.page_delete(28841)
        api.page_update(1, title="a", description="b", page_url="https://x", icon_url="http://i")
        with pytest.raises(ValueError):
            api.device_bindpage({"device_id": 1}, list(range(31)))
        with pytest.raises(Unanswered):
            api.page_add(title="a", description="b", page_url="https://x", icon_url="http://i")
    with shake(page_id=28841) as wire:
        texts = {
            "title": "新春",
            "description": "到店有礼",
            "page_url": "https://x",
            "icon_url": "http://i",
            "comment": "c",
        }
        assert shakearound(wire).page_add(**texts) == 28841
        assert asked(wire)[2] == texts
    with shake(pages=[{"page_id": 1, "title": "t", "comment": "wxbot 1"}], total_count=1) as wire:
        assert [page.comment for page in shakearound(wire).page_search_all()] == ["wxbot 1"]
    with shake(relations=[{"device_id": 1, "page_id": 2, "major": 3, "minor": 4, "uuid": "F"}]) as wire:
        assert shakearound(wire).relation_search(page_id=2)[0].device_id == 1
        shakearound(wire).relation_search(device={"device_id": 1})
        assert asked(wire)[2] == {"type": 1, "device_identifier": {"device_id": 1}}
    with shake(pic_url="http://shp.example.test/icon/120") as wire:
        assert shakearound(wire).material_add(b"\x89PNG", "a.png") == "http://shp.example.test/icon/120"
        assert asked(wire)[1]["type"] == "icon" and b"image/png" in asked(wire)[2]


def test_long_lists_come_page_by_page() -> None:
    full = [{"page_id": n, "comment": str(n)} for n in range(50)]
    pages = [{**OK, "data": {"pages": full}}, {**OK, "data": {"pages": full[:7]}}]
    with answering(*pages) as wire:
        assert len(list(shakearound(wire).page_search_all())) == 57
        assert [asked(wire, n)[2]["begin"] for n in (0, 1)] == [0, 50]


# --- OAuth and wx.config ------------------------------------------------------------------------------------------


def test_the_authorize_url_has_wechats_order_and_fragment() -> None:
    url = authorize_url("wx0123456789abcdef", "https://shop.example.test/oauth/cb?a=1&b=红", "9f3Kq27LmZ0aXy81")
    assert url == (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef"
        "&redirect_uri=https%3A%2F%2Fshop.example.test%2Foauth%2Fcb%3Fa%3D1%26b%3D%E7%BA%A2"
        "&response_type=code&scope=snsapi_base&state=9f3Kq27LmZ0aXy81#wechat_redirect"
    )
    oauth = OAuth(Transport(), "http://api", "http://open", "wx1", "s")
    assert oauth.authorize_url("http://x", "s1", scope="snsapi_userinfo", force_snapshot=True).endswith(
        "&scope=snsapi_userinfo&state=s1&forceSnapShot=true#wechat_redirect"
    )


@pytest.mark.parametrize("state", ["", "a" * 129, "a-b", "a b", "红", "a&b=c", "a\n"])
def test_a_state_that_wechat_would_change_is_refused_S19(state: str) -> None:
    with pytest.raises(ValueError):
        authorize_url("wx1", "https://x", state)


def exchange(answer: Any) -> Any:
    with answering(answer) as wire:
        result = OAuth(Transport(), wire.url, "http://open", "wx1", "SECRET-CANARY-1").exchange("CODE-CANARY-2")
        return result, asked(wire)


GRANT = {
    "access_token": "OAUTHTOKEN-CANARY",
    "expires_in": 7200,
    "refresh_token": "REFRESH-CANARY",
    "openid": OPENID,
    "scope": "snsapi_base",
}


def test_a_code_becomes_an_openid() -> None:
    grant, (path, query, _) = exchange(GRANT)
    assert (grant.openid, grant.is_snapshot, grant.scope) == (OPENID, False, "snsapi_base")
    assert path == "/sns/oauth2/access_token"
    assert query == {
        "appid": "wx1",
        "secret": "SECRET-CANARY-1",
        "code": "CODE-CANARY-2",
        "grant_type": "authorization_code",
    }
    assert "CANARY" not in repr(grant)


@pytest.mark.parametrize("flag", [1, "1", True])
def test_a_snapshot_user_is_recognised(flag: Any) -> None:
    assert exchange({**GRANT, "is_snapshotuser": flag})[0].is_snapshot
    assert not exchange({**GRANT, "is_snapshotuser": 0})[0].is_snapshot


@pytest.mark.parametrize("code", [40029, 40163, 42003])
def test_a_used_or_old_code_says_start_again_F57(code: Any) -> None:
    with pytest.raises(Refused) as caught:
        exchange({"errcode": code, "errmsg": "code been used, code=CODE-CANARY-2 rid: 0-0-0"})
    assert (caught.value.row.retry, caught.value.row.actor) == ("refresh", "person")
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("openid", ["", None, 7, "<x>", "o" * 65])
def test_an_answer_without_a_proper_openid_is_unanswered(openid: Any) -> None:
    with pytest.raises(Unanswered):
        exchange({**GRANT, "openid": openid})


def test_profile_refresh_and_validity() -> None:
    profile = {"openid": OPENID, "nickname": "<b>示例", "headimgurl": "https://x/132", "unionid": "u"}
    answers = [GRANT, profile, OK, {"errcode": 40003, "errmsg": "invalid openid"}, {"errcode": 48001, "errmsg": "x"}]
    with answering(*answers) as wire:
        oauth = OAuth(Transport(), wire.url, "http://open", "wx1", "s")
        grant = oauth.refresh("REFRESH-CANARY")
        assert oauth.profile(grant).nickname == "<b>示例"
        assert oauth.is_valid(grant) and not oauth.is_valid(grant)
        with pytest.raises(Refused):
            oauth.is_valid(grant)


def test_wx_config_is_signed_over_the_page_without_its_fragment() -> None:
    now = datetime(2026, 3, 15, 10, 0, tzinfo=UTC)
    config = jssdk.config(
        "https://shop.example.test/play?c=1#top", "TICKET", now, appid="wx1", js_api_list=["hideMenuItems"]
    )
    assert set(config) == {"appId", "timestamp", "nonceStr", "signature", "jsApiList"}
    assert config["signature"] == sign.jssdk_signature(
        "TICKET", config["nonceStr"], int(now.timestamp()), "https://shop.example.test/play?c=1"
    )
    with pytest.raises(ValueError):
        jssdk.config("javascript:alert(1)", "TICKET", now, appid="wx1")
