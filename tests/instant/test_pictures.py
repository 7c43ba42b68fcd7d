"""The marketer's own picture: made anew by a confined program, part of what is approved, shown to whoever has the page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from tests.instant.stage import approved
from tests.staff.consoles import NOON, Browser, console
from tests.vouchers.stage import encoded
from wxbot.campaigns.models import Campaign
from wxbot.draws.draw_state import draw_state_of
from wxbot.instant import banner
from wxbot.instant.models import CampaignPicture
from wxbot.runtime import Runtime


@pytest.fixture
def app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    with console(database_url, redis_url, tmp_path, NOON) as made:
        yield made


def upload(browser: Browser, campaign_id: int, raw: bytes, colour: str = "#1f7a5c") -> str:
    """Send a picture; returns what the campaign's page says then."""
    answer = browser.client.post(
        f"/admin/campaigns/{campaign_id}/look",
        data={"csrf_token": browser.token(), "colour": colour, "picture": (io.BytesIO(raw), "a.jpg")},
    )
    assert answer.status_code == 303, answer.text
    return browser.get(f"/admin/campaigns/{campaign_id}").text


def test_a_picture_is_made_anew_small_and_bare_and_comes_with_the_draft(app: Flask) -> None:
    runtime: Runtime = app.extensions["wxbot"]
    stage = approved(runtime, status="draft")
    marketer = Browser(app, "li")
    big = Image.linear_gradient("L").resize((1600, 900)).convert("RGB")
    assert "外观已保存" in upload(marketer, stage.campaign_id, encoded(big, "JPEG", comment=b"a secret place"))
    with runtime.database.reading() as session:
        campaign = session.get_one(Campaign, stage.campaign_id)
        look, version = campaign.terms["look"], campaign.version
    assert (look["colour"], version) == ("#1f7a5c", 2)
    kept = marketer.get(f"/admin/campaigns/{stage.campaign_id}/look/{look['picture']}.jpg").data
    assert b"secret" not in kept
    with Image.open(io.BytesIO(kept)) as seen:
        assert (seen.format, max(seen.size)) == ("JPEG", banner.LONGEST_SIDE)
    assert look["picture"] in marketer.get(f"/admin/campaigns/{stage.campaign_id}/edit").text, "a save keeps it"
    public = f"/h5/c/{stage.slug}/picture/{look['picture']}.jpg"
    assert app.test_client().get(public).status_code == 404, "a draft has no public page"
    with runtime.database.transaction() as session:
        session.get_one(Campaign, stage.campaign_id).status = "on"
    draw_state_of(runtime).snapshots.forget()
    shown = app.test_client().get(public)
    assert (shown.data, shown.mimetype) == (kept, "image/jpeg")
    for other in ("0" * 64, "../../etc/passwd", look["picture"][:-1]):
        assert app.test_client().get(f"/h5/c/{stage.slug}/picture/{other}.jpg").status_code == 404
    assert "外观已保存" not in upload(marketer, stage.campaign_id, encoded(big)), "what runs is not dressed anew"
    sent = {"colour": "#1f7a5c", "bare": "1", "step": "pages"}
    back = marketer.post(f"/admin/campaigns/{stage.campaign_id}/look", sent).headers["Location"]
    assert back.endswith("/edit?step=pages"), "to the step that it was sent from"


def test_what_is_no_picture_is_refused_in_words_and_nothing_changes(app: Flask) -> None:
    runtime: Runtime = app.extensions["wxbot"]
    stage = approved(runtime, status="draft")
    page = upload(Browser(app, "li"), stage.campaign_id, b"<svg onload=alert(1)>")
    assert "不是能打开的照片" in page
    with runtime.database.reading() as session:
        assert "look" not in session.get_one(Campaign, stage.campaign_id).terms


def test_a_draft_is_deleted_with_its_picture(app: Flask) -> None:
    runtime: Runtime = app.extensions["wxbot"]
    stage = approved(runtime, status="draft")
    marketer = Browser(app, "li")
    big = Image.linear_gradient("L").resize((1600, 900)).convert("RGB")
    assert "外观已保存" in upload(marketer, stage.campaign_id, encoded(big, "JPEG"))
    assert marketer.post(f"/admin/campaigns/{stage.campaign_id}/delete").status_code == 303
    with runtime.database.reading() as session:
        assert session.get(Campaign, stage.campaign_id) is None
        assert session.scalars(select(CampaignPicture.name)).all() == []
