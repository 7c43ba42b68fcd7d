"""A draft step by step: each step keeps its own fields, what is typed is never lost, and nobody overwrites another unknowingly."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from tests.staff.consoles import NOON, Browser, form_at
from tests.staff.test_draft_pages import database_of, kept
from tests.staff.written_form import fields_of, typed_into
from wxbot.campaigns import wizard
from wxbot.campaigns.models import Campaign
from wxbot.staff.models import AuditEvent


def stored(app: Flask, campaign_id: int = 1) -> Campaign:
    with database_of(app).reading() as session:
        return session.get_one(Campaign, campaign_id)


def step(browser: Browser, address: str, to: str, **typed: Any) -> Any:
    """Fill in the step that stands at an address, and press a button to another."""
    page = browser.get(address).text
    return browser.post(address.split("?")[0], fields_of(page) | {"go": to} | typed)


def test_a_draft_is_written_step_by_step_and_handed_in_at_the_last(console_app: Flask) -> None:
    browser, whole = Browser(console_app, "li"), form_at(NOON)
    shelf = browser.get("/admin/campaigns/new").text
    address = unescape(re.findall(r'href="(/admin/campaigns/new\?mechanic=shake)"', shelf)[0])
    for name in wizard.STEPS[:-1]:
        page = browser.get(address).text
        assert "不能为空" not in page, "what nobody has come to yet is no fault"
        assert f'name="step" value="{name}"' in page
        typed = {field: whole[field] for field in typed_into(page) & whole.keys()}
        to = wizard.STEPS[wizard.STEPS.index(name) + 1]
        answer = browser.post(address.split("?")[0], fields_of(page) | {"go": to} | typed)
        address = answer.headers["Location"]
        assert (answer.status_code, address) == (303, f"/admin/campaigns/1/edit?step={to}")
    assert stored(console_app).half_written is None and "都填好了" in browser.get(address).text
    handed = re.findall(r'id="hand-in" method="post" action="([^"]+)"', browser.get(address).text)[0]
    assert browser.post(handed).headers["Location"] == "/admin/campaigns/1"
    assert stored(console_app).status == "submitted"


def test_every_field_stands_in_the_step_that_keeps_it(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    for way in ("shake", "instant"):
        ticked = {"needs_binding", "is_allow_only", "carry"}  # an empty box is not sent
        seen: set[str] = set()
        for name in wizard.STEPS:
            here = typed_into(browser.get(f"/admin/campaigns/new?mechanic={way}&step={name}").text)
            assert here == set(wizard.fields_in({"mechanic": way}, name)) - ticked, name
            seen |= here
        assert {"rules", "budget"} <= seen and len(seen) > 20


def test_two_windows_at_different_steps_keep_both(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    edit = f"{kept(browser, form_at(NOON))}/edit"
    rules, budget = (fields_of(browser.get(f"{edit}?step={name}").text) for name in ("rules", "prizes"))
    browser.post(edit, rules | {"rules": "新的规则", "go": "check"})
    browser.post(edit, budget | {"expected_people": "901", "go": "when"})
    campaign = stored(console_app)
    assert (campaign.rules, campaign.expected_people) == ("新的规则", 901)


def test_two_windows_at_one_step_are_told_of_each_other(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    edit = f"{kept(browser, form_at(NOON))}/edit"
    first = fields_of(browser.get(f"{edit}?step=rules").text)
    browser.post(edit, first | {"contact": "400-111", "go": "check"})
    refused = browser.post(edit, first | {"contact": "400-222", "go": "check"})
    told = unescape(refused.text)
    assert refused.status_code == 422 and stored(console_app).contact == "400-111"
    assert "刚在别的窗口或由同事改过" in told and "别处改成了“400-111”" in told and 'value="400-222"' in told
    browser.post(edit, fields_of(refused.text) | {"go": "check"})
    assert stored(console_app).contact == "400-222", "knowingly"


def test_going_to_and_fro_writes_nothing_and_the_same_again_is_no_quarrel(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    edit = f"{kept(browser, form_at(NOON))}/edit"
    old = fields_of(browser.get(f"{edit}?step=prizes").text)
    for name in ("prizes", "when", "prizes"):
        assert step(browser, f"{edit}?step={name}", "what").status_code == 303
    assert stored(console_app).version == 1
    for _ in range(2):  # pressed twice
        assert browser.post(edit, old | {"odds": "20 %", "go": "when"}).status_code == 303
    campaign = stored(console_app)
    assert (campaign.version, campaign.terms["odds_ppm"]) == (2, 200_000)
    with database_of(console_app).reading() as session:
        saved = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "campaign_save")
        assert session.scalar(saved) == 2


def test_a_fault_leads_to_its_step_and_what_was_typed_on_the_way_is_kept(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    edit = f"{kept(browser, form_at(NOON, device_ids='', rules='', budget='4oo')).removesuffix('/edit')}/edit"
    check = unescape(browser.get(f"{edit}?step=check").text)
    for button in ("device_ids", "rules", "budget"):
        assert f'name="mend" value="{button}"' in check
    assert "hand-in" not in check and "不能为空" in check
    page = browser.get(f"{edit}?step=prizes").text
    assert 'id="fault-budget"' in page and 'id="fault-rules"' not in page, (
        "what is wrong at once, what is missing later"
    )
    answer = browser.post(edit, fields_of(page) | {"budget": "400", "mend": "device_ids"})
    assert answer.headers["Location"] == "/admin/campaigns/1/edit?step=pages&mend=1#fault-device_ids"
    page = browser.get("/admin/campaigns/1/edit?step=pages&mend=1").text
    assert "device_ids" in typed_into(page) and 'id="fault-device_ids"' in page and 'id="fault-budget"' not in page
    for odd in ("javascript:x", "a b", "../x"):
        assert "#" not in browser.post(edit, fields_of(page) | {"mend": odd}).headers["Location"]
