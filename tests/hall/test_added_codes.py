"""A running hall gets a prize of codes: they lie ready first, are its own when two people agree, and nobody's before."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.hall.hosting import Host
from tests.hall.office import MORE, Office, words
from tests.hall.stage import open_hall
from tests.hall.test_added_games import begin
from wxbot import invariants
from wxbot.hall import changes
from wxbot.hall.models import RaceCount
from wxbot.instant import awards, codes
from wxbot.instant.models import PrizeCode
from wxbot.runtime import Runtime
from wxbot.text import Refusal

CODES = MORE | {"prize_kind": "code", "prize_name": "月卡", "prize_amount": "15"}


def take(office: Office, pasted: str, **form: str) -> str:
    return words(office.li.post(f"{office.path}/codes", {"codes": pasted, **form}).text)


def ready(office: Office) -> int:
    with office.runtime.database.reading() as session:
        return codes.ready(session, office.host.id)


@pytest.mark.on_both
def test_codes_that_lie_ready_are_given_to_the_winners_of_the_prize_to_which_two_people_agreed(
    office: Office, runtime: Runtime
) -> None:
    host = office.host
    assert "还缺 2 个卡密：请先点“导入卡密”备好" in office.ask(**CODES)
    assert "新增 3 个，重复 1 行，不能用 0 行；现在共 3 个" in take(office, "KEY-1\nKEY-2\nKEY-3\nKEY-2")
    assert "现在备好 3 个" in office.page(office.li)
    assert "月卡 × 2 · 卡密 ¥15.00" in office.ask(**CODES) and ready(office) == 3
    assert "备好的卡密不能删" in take(office, "KEY-9", replace="1")
    assert ready(office) == 3, "a refusal takes nothing away"

    assert "新规则已公布" in office.agree()
    assert ready(office) == 1 and host.left() == [3, 2]
    assert host.stage.campaign().budget_fen == 300, "codes cost the budget nothing"
    host.freeze()
    host.show(prize=2, k=2)
    assert host.confirm(1).asked == 0
    won = host.stage.awards()
    assert [(award.kind, award.status, award.amount_fen) for award in won] == [("code", "given", 0)] * 2
    with runtime.database.reading() as session:
        assert [awards.code_of(session, runtime.vault, award) for award in won] == ["KEY-1", "KEY-2"]
        assert session.scalars(select(PrizeCode.award_id).where(PrizeCode.prize_id.is_(None))).all() == [None]
    assert invariants.check(runtime.database)["I13_hall_logs"] == 0 == invariants.check(runtime.database)["I13_halls"]
    assert host.verified() == []


def test_codes_that_nobody_asked_for_yet_can_be_changed_and_wait_no_longer_than_the_hall(
    office: Office, runtime: Runtime
) -> None:
    take(office, "KEY-1\nKEY-2")
    assert "现在共 1 个" in take(office, "KEY-3", replace="1") and ready(office) == 1
    assert "重复 1 行" in take(office, "KEY-3"), "each once in a campaign"
    with pytest.raises(Refusal) as refused, runtime.database.transaction() as session:
        over = office.host.stage.campaign().end_at
        changes.lay_codes(session, runtime.vault, office.host.id, [(1, "KEY-4")], over)
    assert refused.value.reason == "status"


def test_a_request_whose_codes_are_gone_cannot_be_agreed_to(office: Office, runtime: Runtime) -> None:
    take(office, "KEY-1\nKEY-2")
    office.ask(**CODES)
    with runtime.database.transaction() as session:
        session.delete(session.scalars(select(PrizeCode)).first())
    assert "还缺 1 个卡密" in office.agree()
    assert office.host.left() == [3]


def test_a_race_on_the_spot_may_give_codes(office: Office, runtime: Runtime) -> None:
    host = office.host
    take(office, "KEY-1")
    office.ask(**CODES | {"prize_way": "race", "prize_stock": "1", "prize_seconds": "20"})
    office.agree()
    game = begin(host, 2)
    with runtime.database.transaction() as session:
        session.add(RaceCount(game_id=game.id, guest_no=3, counted=9, last_seq=1, last_at=game.begin_at))
    host.stage.over(game)
    (won,) = host.stage.awards()
    assert (won.openid, won.status) == (host.stage.openids[2], "given")
    with runtime.database.reading() as session:
        assert awards.code_of(session, runtime.vault, won) == "KEY-1"
    assert host.verified() == []


def test_a_rehearsal_gets_a_prize_of_codes_without_any(office: Office, runtime: Runtime) -> None:
    terms: dict[str, Any] = {"is_rehearsal": True}
    host = Host(open_hall(runtime, guests=3, slug="test-run", budget_fen=1, terms=terms, created_by=1))
    office.host, office.path = host, f"/admin/halls/{host.id}/changes"
    office.ask(**CODES)
    office.agree()
    assert host.left() == [3, 2]
