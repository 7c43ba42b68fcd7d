"""wxbot doctor looks at campaigns that draw by themselves: account, scene and reports, amounts, the merchant's password."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from tests.instant.ended import ended
from tests.instant.plays import BEGIN, WINDOW, money
from tests.rows import fill
from tests.servers import SimulatedWeChat
from tests.test_doctor import change, settings, website
from tests.test_doctor_payouts import look
from wxbot.campaigns.models import Campaign
from wxbot.clock import Clock
from wxbot.instant.decide import Rules
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.settings import Settings

__all__ = ["settings", "website"]

CHECKS = ("campaign_account", "campaign_scene", "campaign_amounts", "campaign_confirmations")


@pytest.fixture
def running(settings: Settings) -> Callable[..., None]:
    """Lay a campaign that runs, with a money prize of so much."""

    def lay(fen: int = 100, **changes: object) -> None:
        with closing(Runtime(settings)) as runtime:
            found = ended(runtime.database, Rules(9, WINDOW, (money(1, 1_000, 50, fen),)), [BEGIN])
            with runtime.database.transaction() as session:
                campaign = session.get_one(Campaign, found.id)
                for name, value in ({"status": "on"} | changes).items():
                    setattr(campaign, name, value)

    return lay


def test_a_deployment_without_campaigns_and_one_with_a_good_one_are_fine(
    settings: Settings, running: Callable[..., None]
) -> None:
    assert [look(settings, check).verdict for check in CHECKS] == ["good"] * 4
    running()
    assert [look(settings, check).verdict for check in CHECKS] == ["good"] * 4


def test_another_scene_and_a_report_that_is_too_long_are_named(
    settings: Settings, running: Callable[..., None]
) -> None:
    running()
    assert "WXBOT_TRANSFER_SCENE_ID" in look(change(settings, transfer_scene_id="1005"), "campaign_scene").mend
    long = change(settings, transfer_reports="活动名称={act_name}" + "长" * 32 + ";奖励说明={act_name}")
    assert look(long, "campaign_scene").is_bad


def test_the_scene_is_judged_by_the_texts_that_are_sent_and_by_campaigns_that_are_alive(
    settings: Settings, running: Callable[..., None]
) -> None:
    running(send_name="", wishing="", remark="")
    reports = change(settings, transfer_reports="活动名称={act_name};奖励说明={wishing}")
    assert look(reports, "campaign_scene").verdict == "good"
    foreign = change(settings, transfer_reports="活动名称={act_name};奖励说明={nobody}")
    assert look(foreign, "campaign_scene").is_bad


def test_the_scene_of_a_campaign_that_is_over_is_no_matter(settings: Settings, running: Callable[..., None]) -> None:
    running(status="closed")
    assert look(change(settings, transfer_scene_id="1005"), "campaign_scene").verdict == "good"


def test_a_prize_that_cannot_be_paid_at_once_is_named(settings: Settings, running: Callable[..., None]) -> None:
    running(fen=20_001)
    assert "200.01" in look(settings, "campaign_amounts").zh


def test_a_merchant_that_did_not_type_its_password_is_told(settings: Settings) -> None:
    with closing(Runtime(settings)) as runtime, runtime.database.transaction() as session:
        fill(
            session,
            Order,
            mch_billno="n1",
            status="failed",
            channel="transfer_bills",
            err_code="MERCHANT_NOT_CONFIRM",
            created_at=Clock().now(),
        )
    assert "免密额度" in look(settings, "campaign_confirmations").mend


@pytest.mark.parametrize(
    ("kind", "verdict", "said"),
    [
        ("service", "good", "已认证的服务号"),
        ("service_unverified", "note", "没有认证的服务号"),
        ("subscription", "note", "已认证的订阅号"),
        ("subscription_unverified", "bad", "公众号是没有认证的订阅号"),
    ],
)
def test_the_kind_of_the_account_is_told_by_the_rights_it_has(
    settings: Settings, simulator: SimulatedWeChat, kind: str, verdict: str, said: str
) -> None:
    simulator.control("PUT", "account", {"kind": kind})
    found = look(settings, "campaign_account")
    assert found.verdict == verdict and said in found.zh
    assert bool(found.mend) is (verdict != "good")


def test_a_kind_that_does_not_show_is_no_verdict(settings: Settings, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "faults/cgi-bin/qrcode/create", {"kind": "refuse", "err_code": "45009"})
    found = look(settings, "campaign_account")
    assert found.verdict == "note" and "45009" in found.zh and found.mend
