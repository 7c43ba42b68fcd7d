"""What the callback answers: seven kinds of reply, in the three modes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wechat import samples as s
from tests.wechat.samples import event, message
from wxbot.wechat import messages as m
from wxbot.wechat import xml

TEXT = m.open_callback(s.query(), message("text", "<Content>hi</Content>"), s.plain, s.NOW)
CLICK = m.open_callback(s.query(), event("CLICK", "<EventKey>k</EventKey>"), s.plain, s.NOW)
CARDS = tuple(m.Article(f"title {n}", "text", "https://x/p.jpg", "https://x/play") for n in range(12))


def sealed(reply: Any, answered: Any = TEXT) -> Any:
    return xml.parse(m.seal(reply, answered, s.plain, s.NOW + 0.9))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            m.TextReply("欢迎\n<a href='https://x'>x</a>"),
            {"MsgType": "text", "Content": "欢迎\n<a href='https://x'>x</a>"},
        ),
        (m.ImageReply("M"), {"MsgType": "image", "Image": {"MediaId": "M"}}),
        (m.VoiceReply("M"), {"MsgType": "voice", "Voice": {"MediaId": "M"}}),
        (m.VideoReply("M", "t"), {"MsgType": "video", "Video": {"MediaId": "M", "Title": "t"}}),
        (
            m.MusicReply("T", "https://m", title="t"),
            {"MsgType": "music", "Music": {"Title": "t", "MusicUrl": "https://m", "ThumbMediaId": "T"}},
        ),
        (m.TransferReply("kf1@x"), {"MsgType": "transfer_customer_service", "TransInfo": {"KfAccount": "kf1@x"}}),
        (m.TransferReply(), {"MsgType": "transfer_customer_service"}),
    ],
)
def test_each_reply_has_its_fields_and_the_names_are_swapped(reply: Any, expected: Any) -> None:
    assert sealed(reply) == {"ToUserName": s.OPENID, "FromUserName": s.GH, "CreateTime": str(s.NOW), **expected}


def test_news_has_one_card_after_a_message_and_eight_after_an_event() -> None:
    for answered, count in ((TEXT, 1), (CLICK, 8)):
        fields = sealed(m.NewsReply(CARDS), answered)
        assert fields["ArticleCount"] == str(count)
        assert [card["Title"] for card in fields["Articles"]["item"]] == [f"title {n}" for n in range(count)]


def test_nothing_to_say_is_the_word_success() -> None:
    unsubscribed = m.open_callback(s.query(), event("unsubscribe"), s.plain, s.NOW)
    for reply, answered in (
        (None, TEXT),
        (m.TextReply(""), TEXT),
        (m.NewsReply(()), TEXT),
        (m.TextReply("bye"), unsubscribed),
    ):
        assert m.seal(reply, answered, s.plain, s.NOW) == b"success"


def test_an_event_cannot_be_handed_to_an_agent() -> None:
    with pytest.raises(ValueError):
        m.seal(m.TransferReply(), CLICK, s.plain, s.NOW)


@given(st.text())
def test_no_nickname_adds_fields_to_a_reply_S16b(text: str) -> None:
    fields = sealed(m.TextReply(f"你好 {text}]]></Content><MsgType>image</MsgType><Content>"))
    assert set(fields) == {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Content"}
    assert fields["MsgType"] == "text"
    news = sealed(m.NewsReply((m.Article(text, text, text, text),)))
    assert set(news["Articles"]["item"][0]) == {"Title", "Description", "PicUrl", "Url"}


@pytest.mark.parametrize("text", ["红" * 2000, "a" * 5000, "😀" * 1000, "ab" + "红" * 700])
def test_a_long_text_is_cut_at_a_whole_character(text: str) -> None:
    content = sealed(m.TextReply(text))["Content"]
    assert len(content.encode()) <= 2048 and content.endswith("…") and text.startswith(content[:-1])
    assert len(content.encode()) > 2040


def test_text_of_exactly_2048_bytes_is_not_cut() -> None:
    assert sealed(m.TextReply("a" * 2048))["Content"] == "a" * 2048


@pytest.mark.parametrize("account", [s.encrypted, s.compatible])
def test_an_encrypted_message_gets_an_encrypted_reply(account: Any) -> None:
    answered = m.open_callback(*s.sealed(message("text", "<Content>x</Content>"), account), account, s.NOW)
    outer = xml.parse(m.seal(m.TextReply("欢迎"), answered, account, s.NOW))
    assert set(outer) == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
    inner = account.crypt.open(outer["MsgSignature"], outer["TimeStamp"], outer["Nonce"], outer["Encrypt"])
    assert xml.parse(inner)["Content"] == "欢迎"
    assert m.seal(None, answered, account, s.NOW) == b"success"
