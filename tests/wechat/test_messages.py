"""What the callback opens: every kind of message, three modes, and nothing that WeChat did not send."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wechat import samples as s
from tests.wechat.samples import c, event, message
from wxbot.wechat import messages as m
from wxbot.wechat.errors import BadMessage, UnreadableMessage


def opened(body: bytes) -> m.Message:
    return m.open_callback(s.query(), body, s.plain, s.NOW)


LOCATION = "<Location_X>30.274085</Location_X><Location_Y>120.155070</Location_Y><Scale>16</Scale>" + (
    f"<Label>{c('示例市示例路1号')}</Label>"
)
KEY = f"<EventKey>{c('KEY_1')}</EventKey>"
NOTICE = (
    f"<List><TemplateId>{c('TPL_A')}</TemplateId><SubscribeStatusString>{c('reject')}</SubscribeStatusString></List>"
)

MESSAGES = [
    ("text", f"<Content>{c('红包')}</Content>", m.TextMessage, {"content": "红包", "menu_message_id": ""}),
    (
        "text",
        f"<Content>{c('满意')}</Content><bizmsgmenuid>101</bizmsgmenuid>",
        m.TextMessage,
        {"menu_message_id": "101"},
    ),
    (
        "image",
        f"<PicUrl>{c('http://x/0')}</PicUrl><MediaId>{c('MEDIA-1')}</MediaId>",
        m.ImageMessage,
        {"media_id": "MEDIA-1"},
    ),
    (
        "voice",
        f"<MediaId>{c('V')}</MediaId><Format>{c('amr')}</Format><Recognition>{c('我要红包')}</Recognition>",
        m.VoiceMessage,
        {"format": "amr", "recognition": "我要红包"},
    ),
    ("voice", f"<MediaId>{c('V')}</MediaId><Format>{c('amr')}</Format>", m.VoiceMessage, {"recognition": ""}),
    (
        "video",
        f"<MediaId>{c('V')}</MediaId><ThumbMediaId>{c('T')}</ThumbMediaId>",
        m.VideoMessage,
        {"thumb_media_id": "T"},
    ),
    (
        "shortvideo",
        f"<MediaId>{c('V')}</MediaId><ThumbMediaId>{c('T')}</ThumbMediaId>",
        m.VideoMessage,
        {"media_id": "V"},
    ),
    (
        "location",
        LOCATION,
        m.LocationMessage,
        {"latitude": 30.274085, "longitude": 120.15507, "label": "示例市示例路1号"},
    ),
    (
        "link",
        f"<Title>{c('t')}</Title><Description>{c('d')}</Description><Url>{c('https://x/a')}</Url>",
        m.LinkMessage,
        {"title": "t", "url": "https://x/a"},
    ),
]

EVENTS = [
    ("subscribe", "<EventKey><![CDATA[]]></EventKey>", m.Subscribe, {"scene": "", "qr_ticket": ""}),
    (
        "subscribe",
        f"<EventKey>{c('qrscene_store42')}</EventKey><Ticket>{c('gQH_1')}</Ticket>",
        m.Subscribe,
        {"scene": "store42", "qr_ticket": "gQH_1"},
    ),
    ("unsubscribe", "<EventKey></EventKey>", m.Unsubscribe, {}),
    ("SCAN", f"<EventKey>{c('store42')}</EventKey><Ticket>{c('gQH_1')}</Ticket>", m.Scan, {"scene": "store42"}),
    (
        "LOCATION",
        "<Latitude>30.2</Latitude><Longitude>120.1</Longitude><Precision>65.000000</Precision>",
        m.LocationReport,
        {"latitude": 30.2, "precision_m": 65.0},
    ),
    ("CLICK", f"<EventKey>{c('MENU_REDPACK')}</EventKey>", m.MenuClick, {"key": "MENU_REDPACK"}),
    (
        "VIEW",
        f"<EventKey>{c('https://x/play')}</EventKey><MenuId>420000001</MenuId>",
        m.MenuView,
        {"target": "https://x/play", "menu_id": "420000001"},
    ),
    (
        "view_miniprogram",
        f"<EventKey>{c('pages/index')}</EventKey><MenuId>4</MenuId>",
        m.MenuView,
        {"target": "pages/index"},
    ),
    (
        "scancode_push",
        f"{KEY}<ScanCodeInfo><ScanType>{c('qrcode')}</ScanType><ScanResult>{c('C-42')}</ScanResult></ScanCodeInfo>",
        m.MenuScan,
        {"key": "KEY_1", "scan_type": "qrcode", "scan_result": "C-42"},
    ),
    ("scancode_waitmsg", KEY, m.MenuScan, {"key": "KEY_1", "scan_result": ""}),
    (
        "pic_sysphoto",
        f"{KEY}<SendPicsInfo><Count>1</Count><PicList><item><PicMd5Sum>{c('0a')}</PicMd5Sum></item></PicList></SendPicsInfo>",
        m.MenuPictures,
        {"count": 1, "md5s": ("0a",)},
    ),
    (
        "pic_photo_or_album",
        f"{KEY}<SendPicsInfo><Count>2</Count><PicList><item><PicMd5Sum>a</PicMd5Sum></item><item><PicMd5Sum>b</PicMd5Sum></item></PicList></SendPicsInfo>",
        m.MenuPictures,
        {"md5s": ("a", "b")},
    ),
    (
        "pic_weixin",
        f"{KEY}<SendPicsInfo><Count>0</Count><PicList></PicList></SendPicsInfo>",
        m.MenuPictures,
        {"md5s": ()},
    ),
    (
        "location_select",
        f"{KEY}<SendLocationInfo>{LOCATION}<Poiname>{c('')}</Poiname></SendLocationInfo>",
        m.MenuLocation,
        {"latitude": 30.274085, "place": ""},
    ),
    (
        "TEMPLATESENDJOBFINISH",
        f"<MsgID>3900000001</MsgID><Status>{c('failed:user block')}</Status>",
        m.TemplateSent,
        {"template_msg_id": "3900000001", "status": "failed:user block"},
    ),
    (
        "MASSSENDJOBFINISH",
        f"<MsgID>1</MsgID><Status>{c('send success')}</Status><TotalCount>9</TotalCount><FilterCount>8</FilterCount><SentCount>7</SentCount><ErrorCount>1</ErrorCount>",
        m.MassSent,
        {"total": 9, "sent": 7, "failed": 1},
    ),
    (
        "subscribe_msg_popup_event",
        f"<SubscribeMsgPopupEvent>{NOTICE}{NOTICE}</SubscribeMsgPopupEvent>",
        m.NoticeEvent,
        {},
    ),
    ("subscribe_msg_change_event", f"<SubscribeMsgChangeEvent>{NOTICE}</SubscribeMsgChangeEvent>", m.NoticeEvent, {}),
    ("subscribe_msg_sent_event", "<SubscribeMsgSentEvent></SubscribeMsgSentEvent>", m.NoticeEvent, {"answers": ()}),
    (
        "user_authorization_revoke",
        f"<OpenID>{c('oOTHER')}</OpenID><AppID>{c(s.APPID)}</AppID><RevokeInfo>{c('201')}</RevokeInfo>",
        m.AuthorizationChange,
        {"subject_openid": "oOTHER", "revoked": "201"},
    ),
    (
        "user_authorization_cancellation",
        f"<OpenID>{c('oOTHER')}</OpenID>",
        m.AuthorizationChange,
        {"subject_openid": "oOTHER"},
    ),
    ("user_info_modified", f"<OpenID>{c('oOTHER')}</OpenID>", m.AuthorizationChange, {}),
    ("annual_renew", "<ExpiredTime>1776000000</ExpiredTime>", m.Verification, {"failed_at": None}),
    ("qualification_verify_success", "<ExpiredTime>1776000000</ExpiredTime>", m.Verification, {}),
    (
        "qualification_verify_fail",
        f"<FailTime>1776000000</FailTime><FailReason>{c('x')}</FailReason>",
        m.Verification,
        {"fail_reason": "x", "expires_at": None},
    ),
    ("naming_verify_success", "<ExpiredTime>1776000000</ExpiredTime>", m.Verification, {}),
    ("naming_verify_fail", "<FailTime>1776000000</FailTime>", m.Verification, {}),
    ("verify_expired", "<ExpiredTime>1776000000</ExpiredTime>", m.Verification, {}),
    ("kf_create_session", f"<KfAccount>{c('a@x')}</KfAccount>", m.AgentSession, {"kf_account": "a@x"}),
    ("kf_close_session", f"<KfAccount>{c('a@x')}</KfAccount>", m.AgentSession, {}),
    (
        "kf_switch_session",
        "<FromKfAccount>a</FromKfAccount><ToKfAccount>b</ToKfAccount>",
        m.AgentSession,
        {"to_kf_account": "b"},
    ),
]


@pytest.mark.parametrize(("msg_type", "inner", "kind", "expected"), MESSAGES)
def test_every_message_of_the_reference_parses(msg_type: str, inner: Any, kind: Any, expected: Any) -> None:
    seen = opened(message(msg_type, inner))
    assert type(seen) is kind
    assert (seen.kind, seen.route, seen.openid, seen.account_id) == (msg_type, (msg_type, ""), s.OPENID, s.GH)
    assert seen.created_at == datetime.fromtimestamp(1773540001, UTC)
    assert {name: getattr(seen, name) for name in expected} == expected
    assert not seen.is_event and seen.dedupe_key == "msg:24500000000000001"


@pytest.mark.parametrize(("name", "inner", "kind", "expected"), EVENTS)
def test_every_event_of_the_reference_parses(name: str, inner: Any, kind: Any, expected: Any) -> None:
    for spelling in (name, name.lower(), name.upper()):
        seen = opened(event(spelling, inner))
        assert type(seen) is kind
        assert (seen.kind, seen.route, seen.is_event) == (name, ("event", name), True)
        assert {field: getattr(seen, field) for field in expected} == expected


def test_the_tables_cover_exactly_the_kinds_tested_here() -> None:
    assert {name for name, *_ in EVENTS} | {"ShakearoundUserShake", "ShakearoundLotteryBind"} == set(m.EVENTS)
    assert {name for name, *_ in MESSAGES} == set(m.MESSAGES)


@pytest.mark.parametrize("around", [0, 1, 2, 5])
def test_a_shake_with_none_one_or_many_beacons_around(around: Any) -> None:
    seen = opened(s.shake(around))
    assert isinstance(seen, m.UserShake)
    assert seen.chosen == m.Beacon(s.UUID, 10001, 19007, 0.057)
    assert [beacon.minor for beacon in seen.around] == [19008 + n for n in range(around)]


def test_a_bind_says_ticket_amount_and_time() -> None:
    seen = opened(s.bind())
    assert isinstance(seen, m.LotteryBind)
    assert (seen.lottery_id, seen.sp_ticket, seen.amount_fen) == ("9sQqUrmdFaY6v9z8TartXX", "v1|AAA=", 100)
    assert seen.bound_at == datetime.fromtimestamp(1773540210, UTC)


@pytest.mark.parametrize("money", ["", "1.00", "-1", "1e3", "٣", "abc", "9" * 30])
def test_a_bind_whose_amount_makes_no_sense_keeps_its_fields_as_unknown_F39(money: Any) -> None:
    seen = opened(s.bind(money=money))
    assert isinstance(seen, m.UnknownMessage)
    assert seen.kind == "ShakearoundLotteryBind" and seen.fault
    assert seen.fields["Ticket"] == "v1|AAA="


def test_unknown_types_and_events_keep_their_fields() -> None:
    for body in (event("brand_new_event", "<Thing>1</Thing>"), message("hologram", "<Thing>1</Thing>")):
        seen = opened(body)
        assert isinstance(seen, m.UnknownMessage)
        assert seen.fields["Thing"] == "1" and seen.fault == ""


# --- once-only keys -----------------------------------------------------------------------------------------------


def test_two_binds_of_one_person_in_one_second_are_two_messages_F36() -> None:
    keys = {opened(body).dedupe_key for body in (s.bind(), s.bind(lottery_id="OTHER"), s.bind(ticket="v1|BBB="))}
    assert len(keys) == 3
    assert opened(s.bind()).dedupe_key in keys
    assert not any("v1|" in key for key in keys)


def test_events_of_one_second_differ_by_what_they_say_F36() -> None:
    bodies = [event("CLICK", KEY), event("CLICK", "<EventKey>b</EventKey>"), event("subscribe"), event("unsubscribe")]
    bodies += [event("CLICK", KEY, created=1773540000), event("CLICK", KEY, sender="oOTHER")]
    bodies += [event("TEMPLATESENDJOBFINISH", f"<MsgID>{n}</MsgID>") for n in range(3)]
    assert len({opened(body).dedupe_key for body in bodies}) == len(bodies)


def test_the_key_of_a_message_is_the_same_in_every_delivery_and_mode() -> None:
    body = event("CLICK", KEY)
    first, again = opened(body), opened(re.sub(rb"(</\w+>)<", rb"\1\n<", body))
    ciphered = m.open_callback(*s.sealed(body), s.encrypted, s.NOW)
    assert first.dedupe_key == again.dedupe_key == ciphered.dedupe_key
    assert first.envelope.body_digest != again.envelope.body_digest


# --- the guard ----------------------------------------------------------------------------------------------------


TEXT = message("text", "<Content>x</Content>")


def refused(query: Any, body: Any = TEXT, account: Any = s.plain, now: Any = s.NOW) -> str:
    with pytest.raises(BadMessage) as caught:
        m.open_callback(query, body, account, now)
    return caught.value.reason


@pytest.mark.parametrize(
    "signature",
    [
        "0" * 40,
        "",
        "a",
        "é" * 40,
        "x" * 10_000,
        s.query()["signature"].upper(),
        s.query()["signature"][:39],
        s.query()["signature"] + "0",
        s.query(token="another-token-of-somebody")["signature"],
    ],
)
def test_a_forged_signature_is_refused_before_the_body_is_read_S01(signature: Any) -> None:
    assert "signature" in refused({**s.query(), "signature": signature}, b"<!DOCTYPE this would be another reason")


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_or_empty_parameter_is_always_invalid_S05(name: str, value: Any) -> None:
    query = {key: text for key, text in {**s.query(), name: value}.items() if text is not None}
    assert refused(query)


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce", "encrypt_type", "msg_signature"])
@pytest.mark.parametrize("account", [s.encrypted, s.compatible])
def test_encrypted_each_missing_parameter_is_invalid_S05(name: str, account: Any) -> None:
    query, body = s.sealed(message("text", "<Content>x</Content>"), account)
    assert m.open_callback(query, body, account, s.NOW)
    for value in (None, ""):
        changed = {key: text for key, text in {**query, name: value}.items() if text is not None}
        assert refused(changed, body, account)


@pytest.mark.parametrize(
    ("offset_s", "is_fine"),
    [(0, True), (300, True), (-300, True), (301, False), (-301, False), (86_400, False), (-86_400, False)],
)
def test_the_window_is_300_seconds_both_ways_S02(offset_s: int, is_fine: bool) -> None:
    body = message("text", "<Content>x</Content>")
    if is_fine:
        assert m.open_callback(s.query(), body, s.plain, s.NOW + offset_s)
    else:
        assert "window" in refused(s.query(), body, now=s.NOW + offset_s)


@pytest.mark.parametrize("timestamp", ["1e9", "-1", " 1773540002", "１７７３５４０００２", "9" * 40])
def test_a_strange_timestamp_is_refused_even_when_it_is_signed_S02(timestamp: str) -> None:
    from wxbot.wechat.sign import callback_signature

    query = {"signature": callback_signature(s.TOKEN, timestamp, "1"), "timestamp": timestamp, "nonce": "1"}
    assert refused(query)


def test_the_same_nonce_with_another_body_can_be_told_apart_S02() -> None:
    one, other = opened(message("text", "<Content>a</Content>")), opened(s.bind())
    assert one.envelope.nonce == other.envelope.nonce and one.envelope.body_digest != other.envelope.body_digest


@pytest.mark.parametrize("account", [s.encrypted, s.compatible])
def test_a_captured_query_with_a_forged_plain_body_is_refused_S03_S18(account: Any) -> None:
    captured, _ = s.sealed(message("text", "<Content>x</Content>"), account)
    forged = s.bind(money="20000")
    for query in (captured, s.query(), s.query(encrypt_type="raw"), {**captured, "encrypt_type": "raw"}):
        assert refused(query, forged, account)


def test_in_compatible_mode_only_the_encrypted_part_counts_S18() -> None:
    forged = f"<FromUserName>{c('oVICTIM')}</FromUserName><CreateTime>1773540001</CreateTime><MsgType>{c('text')}</MsgType><Content>{c('forged')}</Content>"
    query, body = s.sealed(message("text", f"<Content>{c('real')}</Content>"), s.compatible, beside=forged)
    seen = m.open_callback(query, body, s.compatible, s.NOW)
    assert isinstance(seen, m.TextMessage) and (seen.openid, seen.content) == (s.OPENID, "real")


def test_an_encrypted_body_needs_its_own_signature_S18() -> None:
    query, body = s.sealed(message("text", "<Content>x</Content>"))
    assert refused({**query, "msg_signature": query["signature"]}, body, s.encrypted)
    other, _ = s.sealed(message("text", "<Content>y</Content>"))
    assert refused(other, body, s.encrypted)


def test_a_message_for_another_account_is_refused_S09() -> None:
    assert "ToUserName" in refused(s.query(), s.document("<MsgType>event</MsgType><Event>CLICK</Event>", to="gh_other"))
    inner = s.document("<MsgType>event</MsgType><Event>CLICK</Event>", to="gh_other")
    assert "ToUserName" in refused(*s.sealed(inner), s.encrypted)
    assert "ToUserName" in refused(*s.sealed(message("text"), to="gh_other"), s.encrypted)
    other = m.CallbackAccount(s.GH, "wxANOTHER", s.TOKEN, s.AES_KEY, "encrypted")
    assert refused(*s.sealed(message("text"), other), s.encrypted) == "appid"


def test_what_stands_inside_the_encryption_is_parsed_strictly_too_S11_S12() -> None:
    for inner in (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><a>&e;</a></xml>', b"\xff"):
        assert refused(*s.sealed(inner), s.encrypted) == "xml"


def test_a_body_over_64_kb_is_refused_S16() -> None:
    assert "big" in refused(s.query(), b"<xml>" + b" " * 65_536 + b"</xml>")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<xml/>",
        s.document(""),
        s.document("<MsgType></MsgType>"),
        s.document("<MsgType>text</MsgType>", sender=""),
        s.document("<MsgType>text</MsgType>", sender="o" * 65),
        s.document("<MsgType>text</MsgType>", sender="o]]>&#13;<![CDATA["),
        s.document("<MsgType>text</MsgType><MsgType>event</MsgType>"),
        s.document(f"<MsgType>text</MsgType><FromUserName>{s.OPENID}</FromUserName>"),
    ],
)
def test_of_a_message_without_account_sender_or_type_nothing_is_believed(body: Any) -> None:
    for query, sent, account in ((s.query(), body, s.plain), (*s.sealed(body), s.encrypted)):
        with pytest.raises(UnreadableMessage):
            m.open_callback(query, sent, account, s.NOW)


@given(
    st.dictionaries(
        st.sampled_from(["signature", "timestamp", "nonce", "encrypt_type", "msg_signature"]), st.text(max_size=50)
    ),
    st.binary(max_size=200),
)
def test_random_requests_raise_bad_message_only_S01(query: Any, body: Any) -> None:
    for account in (s.plain, s.encrypted, s.compatible):
        with pytest.raises(BadMessage):
            m.open_callback(query, body, account, s.NOW)


@given(st.text("<>/CDATA[]!&;abcxml0123456789 红", max_size=200))
def test_random_fields_under_a_right_signature_never_raise_anything_else(inner: Any) -> None:
    try:
        seen = opened(event("ShakearoundLotteryBind", inner))
    except (BadMessage, UnreadableMessage):
        return
    assert isinstance(seen, (m.UnknownMessage, m.LotteryBind))


# --- the URL check ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [s.plain, s.encrypted, s.compatible])
def test_the_url_check_is_the_plain_one_in_every_mode(account: Any) -> None:
    assert m.verify_url({**s.query(), "echostr": "5927782489442153"}, account, s.NOW) == "5927782489442153"
    assert m.verify_url({**s.query(), "echostr": "a"}, account) == "a"


@pytest.mark.parametrize("echostr", ["", "x" * 129, "a b", "a\n", "\x00", "红"])
def test_a_strange_echostr_is_refused_S08(echostr: str) -> None:
    with pytest.raises(BadMessage):
        m.verify_url({**s.query(), "echostr": echostr}, s.plain)


def test_html_in_echostr_comes_back_as_is_for_a_text_plain_answer_S08() -> None:
    assert m.verify_url({**s.query(), "echostr": "<script>"}, s.plain) == "<script>"


def test_a_forged_or_stale_url_check_is_refused_S01() -> None:
    for query, now in (({**s.query(), "signature": "0" * 40}, s.NOW), (s.query(), s.NOW + 301)):
        with pytest.raises(BadMessage):
            m.verify_url({**query, "echostr": "1"}, s.plain, now)


def test_an_account_without_id_token_or_key_is_refused_at_start() -> None:
    for arguments in (
        ("", s.APPID, s.TOKEN),
        (s.GH, s.APPID, ""),
        (s.GH, s.APPID, s.TOKEN, "", "encrypted"),
        (s.GH, s.APPID, s.TOKEN, "", "sometimes"),
    ):
        with pytest.raises(ValueError):
            m.CallbackAccount(*arguments)
    assert s.TOKEN not in repr(s.encrypted) and s.AES_KEY not in repr(s.encrypted)
