"""Maker and checker: what was asked for before an upgrade is answered after it, by somebody else, over the same content."""

from __future__ import annotations

import ast

from sqlalchemy import update

from tests.campaigns.drafts import NOW, form, hire
from tests.payouts.stories import CASHIER, SECOND, fund, owe, payout_of
from tests.restore.offices import list_of
from tests.rows import in_one
from tests.sources import nodes
from wxbot.campaigns import draft
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.orders.found import FoundOrder
from wxbot.payouts import create, lists
from wxbot.payouts.models import PayList
from wxbot.runtime import Runtime
from wxbot.thaw import judge

# Written down from version 0.2.1, whose approvals may still wait for their second person: a hash that comes out otherwise
# tells that person that the content was changed.
CAMPAIGN_ASKED = "e955b3847ad67abd6a960e258ffaab33fb66a2a52bd0a4609b2a3d385969ea2d"
PAYOUT_ASKED = "bb35085f65b95fc55b4c676d3a4c0528a1050064aacc3e5c0bc051ee608581fc"
LIST_ASKED = "f69739e7664fcca8f51914fc2e8da540f1aece949f917e519bc8ee219993a007"
PROPOSALS_SHOWN = "b924d274b8178643e94a5b9f559cacf9d940230448b10adfafd8e44a2d73c1b7"

OPENID = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"


def test_a_campaign_submitted_before_an_upgrade_is_approved_after_it_I16(database: Database) -> None:
    with database.transaction() as session:
        marketer, cashier = hire(session, "marketer", "cashier")
    campaign_id = in_one(database, draft.save, draft.read(form(name="春天"), NOW), marketer, NOW)
    with database.transaction() as session:
        session.execute(update(Campaign).values(split_seed="5" * 64))
    assert in_one(database, draft.submit, campaign_id, marketer, NOW) == CAMPAIGN_ASKED
    in_one(database, draft.approve, campaign_id, cashier, NOW, CAMPAIGN_ASKED)


def test_a_payout_asked_for_before_an_upgrade_is_approved_after_it_I16(runtime: Runtime) -> None:
    payout_id = owe(runtime, fund(runtime), OPENID, 20_000, source_id=7)
    assert payout_of(runtime, payout_id).content_sha256 == PAYOUT_ASKED
    with runtime.database.transaction() as session:
        create.approve(session, payout_id, SECOND, PAYOUT_ASKED, runtime.clock.now())
    assert payout_of(runtime, payout_id).status == "approved"


def test_a_list_submitted_before_an_upgrade_is_approved_after_it_I16(runtime: Runtime) -> None:
    list_id = list_of(runtime, fund(runtime), [(OPENID, 300), ("oMing", 20_001)])
    with runtime.database.transaction() as session:
        session.execute(update(PayList).values(content_sha256=LIST_ASKED))
    with runtime.database.transaction() as session:
        assert lists.content_sha256(session, session.get_one(PayList, list_id)) == LIST_ASKED
        lists.approve(session, list_id, CASHIER, LIST_ASKED, runtime.clock.now())


def test_proposals_shown_before_an_upgrade_are_confirmed_after_it() -> None:
    proposals = [
        FoundOrder(id=1, reason_kind="payout", reason_id=7, amount_fen=880, openid="oMing"),
        FoundOrder(id=2, reason_kind=None, reason_id=None, amount_fen=100, openid=None),
    ]
    assert judge.seal_of(proposals) == PROPOSALS_SHOWN


def test_one_place_refuses_who_asked_I16() -> None:
    """`people/trust` is the other: there not another person, but another role must agree."""
    refusing = {
        place.rpartition(":")[0]
        for place, node in nodes("four_eyes")
        if isinstance(node, ast.Call)
        if any(isinstance(given, ast.Constant) and given.value == "four_eyes" for given in node.args)
    }
    assert refusing == {"wxbot/approval.py", "wxbot/people/trust.py"}
