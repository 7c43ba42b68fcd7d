"""A running hall is prolonged and gets a prize on the spot when two people agree: budget, rules, log, record, screen and phones follow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import Session

from tests.hall.hosting import Host
from tests.hall.office import MORE, Office
from tests.hall.stage import open_hall
from wxbot import invariants
from wxbot.budget import Budget
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.hall import books, changes, ends_lost, gaps, journal, record, verify, wire
from wxbot.hall.log import Kind, LoggedPrize
from wxbot.instant.models import Prize, RuleVersion
from wxbot.payouts.models import RuleChange
from wxbot.runtime import Runtime
from wxbot.staff.models import Staff
from wxbot.transitions import moved_on


def test_a_later_end_and_a_prize_on_the_spot_hold_when_a_second_person_agrees(office: Office, runtime: Runtime) -> None:
    host, before = office.host, office.host.stage.campaign()
    asked = office.ask(end_at=office.later(1), **MORE)
    assert "加奖 × 2 · 现金 ¥2.00 · 一次 2 人 · 每个奖项只中一次 · 缺席者回到候选" in asked
    assert "预算 ¥3.00 → ¥7.00" in asked
    assert "现场抽奖要延期或加奖" in office.wang.get("/admin/").text
    assert "有一项修改等待批准" in office.li.get(f"/admin/halls/{host.id}").text
    assert host.stage.campaign().end_at == before.end_at and len(host.left()) == 1

    assert "新规则已公布" in office.agree()
    after = host.stage.campaign()
    assert timedelta(hours=1) - (after.end_at - before.end_at) < timedelta(minutes=1)
    assert (after.budget_fen, after.version, host.left(), host.open_slots(2)) == (700, before.version + 1, [3, 2], 2)
    with runtime.database.reading() as session:
        assert session.get_one(Budget, host.id).budget_fen == 700
        rules = session.get_one(RuleVersion, (host.id, 2)).text
        assert invariants.payouts_have_two_people(session) == invariants.four_eyes(session) == 0
    assert "现场加的奖项，由两个人同意" in json.dumps(rules, ensure_ascii=False)
    until = int(after.end_at.timestamp())
    prolonged, added_then = host.stage.log()[-2:]
    assert [prolonged.kind, added_then.kind] == ["prolonged", "prize_added"]
    assert prolonged.body["from"] == int(before.end_at.timestamp()) and prolonged.body["until"] == until
    assert prolonged.body["names"] == added_then.body["names"] == ["li（li.test）", "wang（wang.test）"]
    told_all = office.state()
    added = [{"ordinal": 2, "name": "加奖", "stock": 2, "scope": "prize"}]
    assert (told_all["added"], told_all["until"]) == (added, until)
    assert wire.for_phones(told_all)["added"] == added and wire.for_phones(told_all)["until"] == until

    host.freeze()
    host.show(prize=2, k=2)
    host.confirm(1)
    assert [award.amount_fen for award in host.stage.awards()] == [200, 200]
    assert host.verified() == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "没有要改的内容"),
        ({"end_at": "-1"}, "结束时间只能往后延"),
        (MORE | {"prize_kind": "code"}, "还缺 2 个卡密"),
        (MORE | {"prize_groups": "技术部"}, "不能只给一部分人"),
        (MORE | {"prize_stock": "1001", "prize_each": "1"}, "最多 1000 份"),
        (MORE | {"prize_amount": "十元"}, "请填写金额"),
        (MORE | {"prize_name": "内定奖"}, "指定中奖人"),
    ],
)
def test_what_cannot_be_changed_of_a_running_hall(office: Office, form: dict[str, str], said: str) -> None:
    if form.get("end_at"):
        form = {"end_at": office.later(int(form["end_at"]))}
    assert said in office.ask(**form)
    with office.runtime.database.reading() as session:
        assert session.scalar(select(RuleChange.id)) is None


def test_a_later_end_lies_within_a_week_of_the_beginning(office: Office, runtime: Runtime) -> None:
    stage, most = office.host.stage, timedelta(days=7)
    last = stage.campaign().begin_at.astimezone(SHANGHAI) + most

    def asked(later: timedelta) -> str:
        return office.ask(end_at=f"{last + later:%Y-%m-%dT%H:%M}")

    refused = f"从开始到结束最多 7 天，最晚到 {last.month}月{last.day}日 {last:%H:%M}：请检查结束时间的年月日"
    assert refused in asked(timedelta(minutes=1)) and refused in office.ask(end_at="9999-12-31T23:59")
    asked(timedelta())
    office.agree()
    assert most - (stage.campaign().end_at - stage.campaign().begin_at) < timedelta(minutes=1)

    with runtime.database.transaction() as session:  # as one that was launched before there was a bound
        session.execute(update(Campaign).values(begin_at=stage.campaign().begin_at - most))
    assert "从开始到结束最多 7 天" in asked(timedelta(days=1))
    office.ask(**MORE)
    office.agree()
    assert len(office.host.left()) == 2, "what was launched goes on"


def test_who_is_refused_finds_what_they_typed(office: Office) -> None:
    typed = MORE | {"end_at": office.later(-1), "prize_kind": "goods"}
    answer = office.li.post(office.path, typed)
    assert answer.status_code == 422
    fields = dict(re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', answer.text))
    assert {name: fields[name] for name in ("end_at", "prize_name", "prize_amount", "prize_stock")} == {
        "end_at": typed["end_at"],
        "prize_name": "加奖",
        "prize_amount": "2",
        "prize_stock": "2",
    }
    assert re.findall(r'<option value="(\w+)" selected', answer.text) == [
        "selection",
        "goods",
        "prize",
        "pool",
        "budget",
    ]


def test_no_prize_is_added_while_a_selection_is_fixed_and_nobody_agrees_alone(office: Office) -> None:
    office.ask(**MORE)
    office.host.freeze()
    office.host.arm(k=1)
    assert "第 1 次抽取已经锁定" in office.page(office.wang)
    office.agree()
    assert len(office.host.left()) == 1
    assert office.li.post("/admin/halls/changes/1/approve", {}).status_code == 403
    office.host.start()
    office.agree()
    assert len(office.host.left()) == 2


ENDS = [
    (("scheduled",), 0, 0, 0),
    (("scheduled",), 60, 0, 1),
    (("scheduled",), 0, 60, 3),
    ((), 0, 0, 0),
    ((), 60, 0, 1),
]
"""Lines that the log has, by how many seconds row and log say another end than the rules, and what is found."""


def test_a_record_that_stops_before_a_result_says_no_end_which_its_log_may_not_say_yet(
    office: Office, runtime: Runtime
) -> None:
    office.host.draw()
    office.ask(end_at=office.later(1))
    office.agree()

    def told() -> record.Record:
        with runtime.database.reading() as session:
            made = record.record_of(session, runtime.vault, office.host.id)
        assert made is not None and verify.verify(made).findings == []
        return made

    assert "end" not in told() and told()["log"][-1]["kind"] == "entropy"
    office.host.reveal()
    assert told()["end"] == int(office.host.stage.campaign().end_at.timestamp())


class Undone(Exception):
    """The meddling is taken back."""


@pytest.mark.on_both
def test_a_change_in_the_log_that_nobody_agreed_to_is_found(office: Office, runtime: Runtime) -> None:
    office.ask(end_at=office.later(1), **MORE)
    office.agree()
    host = office.host
    until = int(host.stage.campaign().end_at.timestamp())
    forged = LoggedPrize(3, "内部奖", 1, (), "prize", "pool").body()

    def say(kind: Kind, body: dict[str, Any]) -> Callable[[Session], object]:
        return lambda session: journal.require_and_append(
            session, journal.lock(session, host.id), kind, body, runtime.database.now(session)
        )

    meddlings: list[Callable[[Session], object]] = [
        say("prize_added", {"prize": forged, "names": ["li", "wang"]}),
        say("prolonged", {"from": until, "until": until + 3600, "names": ["li", "wang"]}),
        lambda session: session.execute(
            update(Campaign).values(end_at=host.stage.campaign().end_at + timedelta(hours=9))
        ),
        lambda session: session.execute(update(Prize).where(Prize.ordinal == 2).values(name="特等奖")),
        lambda session: session.execute(delete(RuleChange)),
        lambda session: session.execute(update(Staff).where(Staff.name == "wang").values(name="sun")),
    ]
    assert invariants.check(runtime.database)["I13_hall_logs"] == 0
    for meddling in meddlings:
        with pytest.raises(Undone), runtime.database.transaction() as session:
            meddling(session)
            session.flush()
            found = books.logs_are_rows(session)
            raise Undone
        assert found


def test_an_end_that_was_moved_by_hand_is_found_and_nobody_prolongs_from_it(office: Office, runtime: Runtime) -> None:
    office.ask(end_at=office.later(2))
    moved = office.host.stage.campaign().end_at + timedelta(hours=1)
    assert invariants.check(runtime.database)["I13_hall_logs"] == 0
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(end_at=moved))
    assert "原来的结束时间与公开记录里的不符" in office.agree()
    assert office.host.stage.log()[-1].kind == "signed_in"
    assert invariants.check(runtime.database)["I13_hall_logs"] == 1


@pytest.mark.parametrize(("kinds", "row", "said", "found"), ENDS)
def test_log_rules_and_row_say_one_end_also_of_a_hall_that_nobody_prolonged(
    runtime: Runtime, kinds: Sequence[str], row: int, said: int, found: int
) -> None:
    """A log that was begun before version 0.8 says none; then the rules that were published first do."""
    hall = open_hall(runtime)
    log = [line for line in hall.log() if line.kind in kinds]
    log = [line._replace(body={"until": line.body["until"] + said}) for line in log]
    with runtime.database.transaction() as session:
        end_at = session.get_one(Campaign, hall.campaign_id).end_at
        session.execute(update(Campaign).values(end_at=end_at + timedelta(seconds=row)))
        session.flush()
        assert books._ends_apart(session, hall.campaign_id, log) == found


@pytest.mark.parametrize(("is_click", "where"), [(True, "FROM halls"), (False, "FROM prizes")])
def test_who_comes_while_somebody_agrees_is_told_or_sees_one_moment(
    office: Office, runtime: Runtime, is_click: bool, where: str
) -> None:
    """A second click has found which campaign it is about and not what of it changes; a look has read the campaign, not its prizes."""
    office.ask(**MORE)
    shown = re.search(r'name="content_sha256" value="(\w*)"', office.wang.get(office.path).text)
    assert shown
    seen = shown[1]
    first: list[int] = []

    def agree(*args: Any) -> None:
        if where in args[2] and not first:
            first.append(1)
            with runtime.database.transaction() as session:
                changes.approve(session, 1, 2, seen, runtime.database.now(session))

    event.listen(runtime.database.engine, "before_cursor_execute", agree)
    if is_click:
        answer = office.wang.post("/admin/halls/changes/1/approve", {"content_sha256": seen})
    else:
        answer = office.wang.get(office.path)
    event.remove(runtime.database.engine, "before_cursor_execute", agree)
    assert first and answer.status_code == (303 if is_click else 200)
    assert not is_click or moved_on().text.zh in office.page(office.wang)
    assert office.host.left() == [3, 2]


def test_the_desk_says_that_the_end_is_near_while_prizes_are_left_and_it_can_still_be_prolonged(
    office: Office, runtime: Runtime
) -> None:
    drafted = office.host.stage.campaign().end_at
    host, desk, said = office.host, f"/admin/halls/{office.host.id}", "还有 1 个奖项没有发完。来不及就现在申请延期"

    def ends_in(minutes: int) -> None:
        with runtime.database.transaction() as session:
            session.execute(update(Campaign).values(end_at=runtime.clock.now() + timedelta(minutes=minutes)))

    def pulse() -> str:
        return office.li.get(f"{desk}/pulse?mark=").text

    ends_in(17)
    assert "到点以后不能再延期" not in pulse() + office.li.get(desk).text
    ends_in(14)
    assert said in pulse() and said in office.li.get(desk).text
    assert f'href="{office.path}"' in pulse()
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(end_at=drafted))
    office.ask(end_at=office.later(1))
    ends_in(14)
    assert "延期还在等另一位财务批准" in pulse() and said not in pulse()
    host.freeze()
    host.show(k=3)
    assert "到点以后不能再延期" not in pulse() + office.li.get(desk).text, "nothing is left"
    ends_in(-1)
    assert "到点以后不能再延期" not in pulse()


def test_a_rehearsal_gets_a_prize_without_a_budget(office: Office, runtime: Runtime) -> None:
    host = Host(open_hall(runtime, guests=3, slug="test-run", budget_fen=1, terms={"is_rehearsal": True}, created_by=1))
    office.host, office.path = host, f"/admin/halls/{host.id}/changes"
    assert "预算" not in office.ask(**MORE).partition("加奖 × 2")[2].partition("批准")[0]
    office.agree()
    assert (host.stage.campaign().budget_fen, host.left()) == (1, [3, 2])


@pytest.mark.parametrize("damage", [{"end": []}, 5])
def test_a_damaged_database_that_is_replaced_still_says_its_numbers(
    office: Office, runtime: Runtime, damage: object
) -> None:
    office.ask(end_at=office.later(1))
    office.agree()
    commitment = office.host.stage.hall().commitment
    with runtime.database.transaction() as session:
        assert len(gaps.used(session)[commitment].ends) == 1
        session.execute(update(RuleChange).values(asked=damage))
        assert gaps.used(session) == {commitment: gaps.UsedNumbers(1, 7)}


def test_an_end_of_one_person_alone_is_not_put_back_and_keeps_no_copy_from_coming_up(
    office: Office, runtime: Runtime
) -> None:
    before = office.host.stage.campaign().end_at
    with runtime.database.transaction() as session:
        li = session.scalars(select(Staff.id).where(Staff.login == "li.test")).one()
        now = runtime.database.now(session)
        until, said = int(before.timestamp()) + 3600, (li, now)
        lost = ends_lost.LostEnd(until, journal.names_of_two(session, li, li), said, said, "0" * 64)
        used = {office.host.stage.hall().commitment: gaps.UsedNumbers(0, 0, 0, [lost])}
        assert gaps.leap(session, "restored", now, used) == [office.host.id]
    assert office.host.stage.campaign().end_at == before
    assert [line.kind for line in office.host.stage.log()][-1] == "restored"
