"""The templates of a new campaign: each lacks only what its marketer alone knows, and is submitted with that."""

from __future__ import annotations

import re
from html import unescape

from sqlalchemy import select

from tests.instant.test_tied_wechat import set_openid
from tests.staff.consoles import Browser
from tests.staff.written_form import fields_of
from wxbot.campaigns.models import Campaign
from wxbot.mechanics import MECHANICS
from wxbot.runtime import Runtime

OWN = {"organiser": "晨光咖啡有限公司", "contact": "400-000-0000"}


def test_each_template_lacks_only_what_its_marketer_knows_and_is_submitted(marketer: Browser, runtime: Runtime) -> None:
    set_openid(runtime, "li", "oLiOfTheStaff")
    addresses = re.findall(r'href="(/admin/campaigns/new\?[^"]+)"', unescape(marketer.get("/admin/campaigns/new").text))
    begun = [address for address in addresses if "template=" in address]
    assert len(begun) == sum(len(way.draft.shelf) for way in MECHANICS.values()) >= 5
    for number, address in enumerate(begun, 1):
        form = fields_of(marketer.get(address).text)
        del form["step"]  # sent as a whole
        edit = marketer.post("/admin/campaigns/new", form).headers["Location"]
        missing = set(re.findall(r'name="mend" value="(\w+)"', marketer.get(f"{edit}?step=check").text))
        beacon = {"device_ids"} if "shake&" in address else set()
        assert missing == {"budget", *OWN, *beacon}, address
        own = OWN | {"budget": "20000.00", "keyword": form["keyword"][0] and f"{form['keyword'][0]}{number}"}
        if beacon:
            own |= {"device_ids": "10001", "budget": "1000.00"}
        place = edit.removesuffix("/edit")
        assert marketer.post(edit, form | own).headers["Location"] == place, address
        marketer.post(f"{place}/submit")
    with runtime.database.reading() as session:
        assert session.scalars(select(Campaign.status)).all() == ["submitted"] * len(begun)
