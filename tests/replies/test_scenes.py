"""A code with a scene for those who follow: made at WeChat from the console, answered by the chat with the campaign's card."""

from __future__ import annotations

import io
from datetime import timedelta

from flask import Flask
from PIL import Image

from tests.replies.chats import Person
from tests.replies.test_answers import write_campaign
from tests.replies.test_menu import app as simulated_app
from tests.staff.consoles import Browser
from wxbot.runtime import Runtime

__all__ = ["simulated_app"]


def running(app: Flask) -> int:
    """A campaign that is on now, by the clock of this application."""
    runtime: Runtime = app.extensions["wxbot"]
    now = runtime.clock.now()
    return write_campaign(
        runtime.database, "on", begin_at=now - timedelta(hours=1), end_at=now + timedelta(days=1), keyword=""
    )


def test_a_followers_code_is_made_at_wechat_for_this_campaign(simulated_app: Flask) -> None:
    campaign_id = running(simulated_app)
    made = Browser(simulated_app, "li").post(f"/admin/campaigns/{campaign_id}/scene")
    assert made.mimetype == "image/png"
    with Image.open(io.BytesIO(made.data)) as seen:
        assert seen.width == seen.height >= 400


def test_who_scans_it_gets_the_card_whether_they_followed_before_or_just_now(app: Flask) -> None:
    running(app)
    old, new = Person(app), Person(app)
    assert old.post(old.fields("event", Event="SCAN", EventKey="campaign:autumn", Ticket="gQ1")) == "news"
    assert new.post(new.fields("event", Event="subscribe", EventKey="qrscene_campaign:autumn", Ticket="gQ1")) == "news"
    assert old.post(old.fields("event", Event="SCAN", EventKey="store42", Ticket="gQ2")) == ""
