"""Rules and proof on a phone: published at the launch, checked by everybody after the close; no launch with a field missing."""

from __future__ import annotations

import pytest

from tests.draws.stage import Phone
from tests.instant.stage import approved, look, set_wheel, tap
from wxbot.campaigns.models import Campaign
from wxbot.instant import gaps
from wxbot.instant.archive import checked
from wxbot.instant.models import RuleVersion
from wxbot.runtime import Runtime


def test_what_was_published_is_read_in_both_languages_with_its_version_and_hash(runtime: Runtime, ming: Phone) -> None:
    stage = set_wheel(runtime, {"name": "一元", "odds_ppm": 5_000}, {"name": "十元", "odds_ppm": 1_000, "stock": 7})
    with runtime.database.reading() as session:
        published = session.get_one(RuleVersion, (stage.campaign_id, 1))
    page = ming.get(f"{stage.path}/rules").get_data(as_text=True)
    for said in (
        "200 次中 1 次",
        "0.1%",
        "7 份",
        "示例小店",
        "400-000-0000",
        "分享不增加次数",
        published.sha256,
        "第 1 版",
    ):
        assert said in page
    assert published.text["facts"]["seed_sha256"] in page
    english = ming.get(f"{stage.path}/rules?lang=en").get_data(as_text=True)
    assert "1 in 200" in english and "Sharing brings no further tries" in english and "次中" not in english
    assert ming.get(f"{stage.path}/rules?version=9'").status_code == 200


def test_the_proof_says_what_will_come_then_recomputes_all_and_names_what_differs(
    runtime: Runtime, ming: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = set_wheel(runtime, {"odds_ppm": 300_000}, terms={"carry": True})
    nonce = look(ming, stage)["nonce"] if ming.open(stage.path) else ""
    for _ in range(3):
        nonce = tap(ming, stage, nonce).get_json()["nonce"]
    assert "活动结束后，这里会公开" in ming.get(f"{stage.path}/proof").get_data(as_text=True)
    assert ming.get(f"{stage.path}/archive.jsonl").status_code == 404
    stage.change(status="closing")
    stage.work()
    assert "全部 3 次抽奖" in ming.get(f"{stage.path}/proof").get_data(as_text=True)
    for _ in range(2):  # the place of the one reader is free again
        answer = ming.get(f"{stage.path}/archive.jsonl")
        assert checked(answer.get_data(as_text=True).splitlines(keepends=True)).is_true
    assert "检查抽奖结果" in ming.get(f"{stage.path}/rules").get_data(as_text=True)
    (openid,) = {draw.openid for draw in stage.draws()}
    assert openid not in answer.get_data(as_text=True)


def test_numbers_that_leapt_after_a_restore_are_no_draws_that_a_page_could_not_replay(
    runtime: Runtime, ming: Phone
) -> None:
    stage = set_wheel(runtime, terms={"carry": True})
    assert tap(ming, stage).get_json()["outcome"] == "won"
    with runtime.database.transaction() as session:
        assert gaps.leap(session, "restored", runtime.clock.now()) == 1
    stage.change(status="closing")
    stage.work()
    assert "全部 1 次抽奖" in ming.get(f"{stage.path}/proof").get_data(as_text=True)


def test_nothing_is_launched_with_a_field_missing(runtime: Runtime) -> None:
    stage = approved(runtime, contact="")
    stage.work()
    with runtime.database.reading() as session:
        campaign = session.get_one(Campaign, stage.campaign_id)
        assert (campaign.status, "联系方式" in str(campaign.trouble_words)) == ("launching", True)
        assert session.get(RuleVersion, (stage.campaign_id, 1)) is None
