"""The error table is complete data, and the numbers agree with each other."""

import re
from typing import Any

import pytest

from wxbot.wechat import limits
from wxbot.wechat.errors import ACTORS, APIS, Refused, all_rows, person_words, row_for

RETRIES = {"same", "later", "query", "refresh", "new", "never"}

# Codes as the protocol reference lists them, typed again here so that a lost row is seen.
HBPREORDER = [
    "CA_ERROR",
    "SIGN_ERROR",
    "NO_AUTH",
    "FREQ_LIMIT",
    "XML_ERROR",
    "PARAM_ERROR",
    "OPENID_ERROR",
    "NOTENOUGH",
    "FATAL_ERROR",
    "SECOND_OVER_LIMITED",
    "DAY_OVER_LIMITED",
    "MONEY_LIMIT",
    "SEND_FAILED",
    "SYSTEMERROR",
    "TIME_LIMITED",
]
SENDING = [
    "SYSTEMERROR",
    "PROCESSING",
    "SEND_FAILED",
    "FATAL_ERROR",
    "NOTENOUGH",
    "FREQ_LIMIT",
    "SENDNUM_LIMIT",
    "RCVDAMOUNT_LIMIT",
    "SENDAMOUNT_LIMIT",
    "MONEY_LIMIT",
    "NO_AUTH",
    "OPENID_ERROR",
    "ILLEGAL_APPID",
    "MSGAPPID_ERROR",
    "ACCEPTMODE_ERROR",
    "API_METHOD_CLOSED",
    "CA_ERROR",
    "SIGN_ERROR",
    "XML_ERROR",
    "PARAM_ERROR",
    "PAYER_ACCOUNT_ABNORMAL",
    "V2_ACCOUNT_SIMPLE_BAN",
    "IP_LIMIT",
]
QUERY = ["CA_ERROR", "SIGN_ERROR", "NO_AUTH", "NOT_FOUND", "FREQ_LIMIT", "XML_ERROR", "PARAM_ERROR", "SYSTEMERROR"]
SHAKE = [
    *range(9001001, 9001011),
    *range(9001020, 9001080),
    9001090,
    9001091,
    -1,
]
JSAPI = [5, 11002, 11003, 11004, 11005, *range(11009, 11015), 12013, 12014, 12015, 12019]
MP = [
    -1,
    40001,
    40002,
    40003,
    *range(40004, 40029),
    40031,
    40032,
    40033,
    40035,
    40036,
    40037,
    40038,
    40039,
    40048,
    40054,
    40055,
    40066,
    40097,
    *range(40117, 40122),
    40125,
    40132,
    40137,
    40155,
    40164,
    40243,
    *range(41001, 41008),
    41009,
    41030,
    42001,
    43001,
    43002,
    43003,
    43004,
    43005,
    43019,
    43101,
    *range(44001, 44005),
    *range(45001, 45012),
    45015,
    45026,
    45029,
    45035,
    45047,
    45056,
    45057,
    45058,
    45059,
    45064,
    45065,
    45072,
    45080,
    45081,
    45157,
    45158,
    45159,
    *range(46001, 46005),
    47001,
    47003,
    48001,
    48002,
    48004,
    48005,
    48006,
    49003,
    50001,
    50002,
    50004,
    50005,
    50007,
    61450,
    61451,
    *range(61452, 61458),
    61500,
    *range(65301, 65315),
    65316,
    65317,
    65400,
    65401,
    65403,
    65404,
    65405,
    65406,
    65413,
    65414,
    89501,
    89503,
    89506,
    89507,
]
OAUTH = [40029, 40030, 40163, 41008, 42002, 42003, 42007, 10003, 40013, 40125, 48001]


TRANSFER = [
    "PARAM_ERROR",
    "INVALID_REQUEST",
    "SIGN_ERROR",
    "NO_AUTH",
    "NOT_ENOUGH",
    "ACCOUNT_ERROR",
    "USER_ERROR",
    "NOT_FOUND",
    "FREQUENCY_LIMITED",
    "FREQUENCY_LIMIT_EXCEED",
    "SYSTEM_ERROR",
]
REASONS = [
    "ACCOUNT_FROZEN",
    "ACCOUNT_NOT_EXIST",
    "BANK_CARD_ACCOUNT_ABNORMAL",
    "BANK_CARD_BANK_INFO_WRONG",
    "BANK_CARD_CARD_INFO_WRONG",
    "BANK_CARD_COLLECTIONS_ABOVE_QUOTA",
    "BANK_CARD_PARAM_ERROR",
    "BANK_CARD_STATUS_ABNORMAL",
    "BLOCK_B2C_USERLIMITAMOUNT_MONTH",
    "BLOCK_B2C_USERLIMITAMOUNT_BSRULE_MONTH",
    "BUDGET_NOT_ENOUGH",
    "DAY_RECEIVED_COUNT_EXCEED",
    "DAY_RECEIVED_QUOTA_EXCEED",
    "EXCEEDED_ESTIMATED_AMOUNT",
    "ID_CARD_NOT_CORRECT",
    "MCH_CANCEL",
    "MERCHANT_REJECT",
    "MERCHANT_NOT_CONFIRM",
    "NAME_NOT_CORRECT",
    "OPENID_INVALID",
    "OTHER_FAIL_REASON_TYPE",
    "OVERDUE_CLOSE",
    "PAYEE_ACCOUNT_ABNORMAL",
    "PAYER_ACCOUNT_ABNORMAL",
    "PRODUCT_AUTH_CHECK_FAIL",
    "REALNAME_ACCOUNT_RECEIVED_QUOTA_EXCEED",
    "REAL_NAME_CHECK_FAIL",
    "RECEIVE_ACCOUNT_NOT_CONFIGURE",
    "RELATED_ORDER_TRANSFER_AMOUNT_EXCEED",
    "RELATED_ORDER_TRANSFER_COUNT_EXCEED",
    "RESERVATION_INFO_NOT_MATCH",
    "RESERVATION_SCENE_NOT_MATCH",
    "RESERVATION_STATE_INVALID",
    "TRANSFER_QUOTA_EXCEED",
    "TRANSFER_REMARK_SET_FAIL",
    "TRANSFER_RISK",
    "TRANSFER_SCENE_INVALID",
    "TRANSFER_SCENE_UNAVAILABLE",
]


@pytest.mark.parametrize(
    ("api", "codes"),
    [
        ("redpack", SENDING),
        ("transfer", TRANSFER),
        ("transfer_reason", REASONS),
        ("pay", HBPREORDER),
        ("pay", SENDING),
        ("query", QUERY),
        ("shake", SHAKE),
        ("jsapi", JSAPI),
        ("mp", MP),
        ("oauth", OAUTH),
    ],
)
def test_every_code_of_the_reference_has_a_row(api: str, codes: Any) -> None:
    assert [code for code in codes if not row_for(api, code).is_known] == []


def test_rows_are_whole_sentences_in_both_languages() -> None:
    for row in all_rows():
        assert row.api in APIS and row.actor in ACTORS and row.retry in RETRIES, row
        assert re.search(r"[一-鿿]", row.zh), row
        assert len(row.en) > 5 and not re.search(r"[一-鿿]", row.en), row
        assert "§" in row.source or "weixin" in row.source, row


@pytest.mark.parametrize("code", ["TIME _LIMITED", "TIME_LIMITED", "DAY_ OVER_LIMITED", " NOTENOUGH "])
def test_stray_blanks_in_a_code_do_not_matter(code: Any) -> None:
    row = row_for("pay", code)
    assert row.is_known and row.stops_lane


def test_the_breaker_opens_for_what_hits_every_order() -> None:
    stops = {row.code for row in all_rows() if row.api == "pay" and row.stops_lane}
    assert {"NOTENOUGH", "CA_ERROR", "SIGN_ERROR", "API_METHOD_CLOSED", "SENDAMOUNT_LIMIT", "DAY_OVER_LIMITED"} <= stops
    assert not {"OPENID_ERROR", "MONEY_LIMIT", "SENDNUM_LIMIT", "SYSTEMERROR", "FREQ_LIMIT", "PARAM_ERROR"} & stops


def test_only_send_failed_ever_allows_a_new_number_F07() -> None:
    assert {row.code for row in all_rows() if row.api == "pay" and row.retry == "new"} == {"SEND_FAILED"}


@pytest.mark.parametrize("code", ["NEW_CODE_2027", "268458999", "", "x" * 500, "0x", 7])
def test_an_unknown_code_means_ask_and_tell_the_operator_F07(code: Any) -> None:
    row = row_for("pay", code)
    assert (row.is_known, row.retry, row.actor, row.stops_lane) == (False, "query", "operator", False)
    assert len(row.zh) < 200


def test_every_refusal_has_a_sentence_for_the_person_who_waits() -> None:
    for row in [*all_rows(), row_for("transfer", "SOMETHING_NEW_2027")]:
        assert row.to_person.endswith("。") and row.to_person_en.endswith("."), row.code
        assert not re.search(r"[A-Z]{3}|API|openid|商户|单号", row.to_person), row.code
    known = {row.code for row in all_rows()}
    assert {code for _api, code in person_words.WORDS} <= known, "words for a code that does not exist"
    assert "常用" in row_for("redpack", "NO_AUTH").to_person and "工作人员" in row_for("transfer", "NO_AUTH").to_person
    assert row_for("redpack", "SENDNUM_LIMIT").to_person == row_for("pay", "SENDNUM_LIMIT").to_person


def test_one_risky_person_does_not_stop_the_line_for_everyone() -> None:
    assert row_for("pay", "NO_AUTH").stops_lane and not row_for("redpack", "NO_AUTH").stops_lane
    assert row_for("redpack", "NO_AUTH").actor == "person" and row_for("redpack", "CA_ERROR").stops_lane


def test_a_shake_call_may_answer_with_a_global_code() -> None:
    assert row_for("shake", 40001).api == "mp"
    assert row_for("oauth", 40125).api == "mp"
    with pytest.raises(ValueError, match="unknown API family"):
        row_for("carrier pigeon", 1)


def test_refused_says_its_code() -> None:
    assert str(Refused(40001, "invalid credential", row_for("mp", 40001))) == "40001: invalid credential"


@pytest.mark.parametrize(("text", "width"), [("新春", 4), ("abc", 3), ("新年快乐ab", 10), ("", 0), ("é", 2)])
def test_titles_count_chinese_twice(text: str, width: int) -> None:
    assert limits.text_width(text) == width


def test_the_numbers_of_the_reference() -> None:
    assert limits.TICKET_LIFE_S == 72 * 3600
    assert limits.LOTTERY_SPAN_S == 91 * 86400
    assert (limits.BUCKET_TICKETS_MAX, limits.LOTTERY_TICKETS_MAX) == (100, 100_000)
    assert (limits.PACKET_MIN_FEN, limits.PACKET_MAX_FEN) == (100, 100_000)
    assert limits.SHAKE_TICKET_LIFE_S == 1800
    assert limits.HBPREORDER_PER_MINUTE == 1800
    assert limits.byte_length("示例小店") == 12
