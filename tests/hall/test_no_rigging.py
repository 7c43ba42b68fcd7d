"""No 内定: nothing that is stored, set, sent or addressed names somebody who shall win, and whoever tries changes nothing."""

from __future__ import annotations

import inspect
import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.hall.hosting import Host, numbers
from tests.hall.screens import pair, post
from tests.hall.stage import open_hall
from tests.staff.consoles import Browser
from wxbot.db import Base
from wxbot.hall import select as selecting
from wxbot.runtime import Runtime
from wxbot.settings import Settings

CHOSEN = re.compile(r"winner|lucky|preset|default_user|designat|appoint|favou?r|rigg|内定|指定|must_win|will_win")
"""Words in which a chosen winner would be named before a selection."""

RESULTS = {"hall_winners"}
"""Where winners are stored once they were selected."""


def test_no_column_and_no_setting_names_a_winner_beforehand() -> None:
    tables = {name: table for name, table in Base.metadata.tables.items() if name.startswith("hall")}
    assert len(tables) > 8
    named = {
        f"{name}.{column.name}"
        for name, table in tables.items()
        for column in table.columns
        if CHOSEN.search(column.name)
    }
    assert named == set()
    assert {name for name in tables if CHOSEN.search(name)} == RESULTS
    assert [name for name in Settings.model_fields if CHOSEN.search(name)] == []


def test_no_address_of_a_hall_names_a_winner_and_no_verb_of_a_selection_takes_a_person(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if "hall" in rule.rule]
    assert len(rules) > 25
    # The sheet of winners is what was selected, taken away afterwards.
    named = {rule.rule for rule in rules if CHOSEN.search(rule.rule)}
    assert named == {"/admin/halls/<int:campaign_id>/winners.<form>"}
    takes = {
        name for verb in (selecting.arm, selecting.hold_up, selecting.start, selecting.reveal) for name in _takes(verb)
    }
    assert takes == {"session", "vault", "campaign_id", "ordinal", "k", "numbers", "now", "is_unwaited"}


def _takes(verb: Any) -> list[str]:
    return list(inspect.signature(verb).parameters)


def test_whoever_sends_a_winner_along_changes_nothing(runtime: Runtime, marketer: Browser, client: FlaskClient) -> None:
    """Each form of the desk and each press of the screen, with every field in which a person could be named."""
    desk = Host(open_hall(runtime, guests=12))
    path = f"/admin/halls/{desk.id}"
    wishes = dict.fromkeys(
        ("no", "nos", "winner", "winners", "guest", "guest_no", "openid", "person", "place", "slot", "weight", "seed"),
        "5",
    )
    marketer.post(f"{path}/freeze", wishes)
    marketer.post(f"{path}/arm", {**wishes, "prize": 1, "k": 3})
    typed = dict(zip(("number_1", "number_2", "number_3"), numbers(1), strict=True))
    marketer.post(f"{path}/numbers", {**wishes, **typed})
    expected = desk.foretold()
    pair(desk, client)
    assert post(client, "start", d=1, **{**wishes, "winners": [5]}).json == {"d": 1, "status": "drawn"}
    assert [winner["no"] for winner in post(client, "stop", d=1, **wishes).json["winners"]] == expected
    marketer.post(f"{path}/confirm", {**wishes, "d": 1, "nos": "1,2,3"})
    assert [award.openid for award in desk.stage.awards()] == [desk.stage.openids[no - 1] for no in expected]
    assert desk.verified() == []
