"""A reviewer and a friend of theirs: whoever added somebody does not approve for them (security S56)."""

from __future__ import annotations

from sqlalchemy import update

from tests.vouchers.stage import GUI, HONG, MING, QIAN, SUN, Stage
from tests.vouchers.test_review import decide, take
from wxbot.people import roster
from wxbot.people.models import Binding, RosterEntry
from wxbot.text import Refusal
from wxbot.vouchers import review


def refused(stage: Stage, seed: int, by: object) -> str:
    voucher = stage.hand_in(seed)
    try:
        decide(stage, review.approve, voucher, 500, by=by)
    except Refusal as bad:
        return bad.reason
    return ""


def test_a_reviewer_who_puts_a_friend_on_the_roster_approves_nothing_of_theirs_S56(stage: Stage) -> None:
    phone = "+8613800138000"
    with stage.runtime.database.transaction() as session:
        roster.put(session, stage.runtime.vault, [("友人", phone, "", "")], SUN.id, stage.now)
    with stage.runtime.database.reading() as session:
        assert session.query(Binding.openid).filter(Binding.openid == MING, Binding.status == "active").one()
    assert refused(stage, 1, SUN) == refused(stage, 2, QIAN) == "unconfirmed", "handing in goes on meanwhile"
    with stage.runtime.database.transaction() as session:
        session.execute(update(RosterEntry).values(waits_for=None))
    assert refused(stage, 3, SUN) == "added"
    assert refused(stage, 4, QIAN) == ""


def test_a_reviewer_who_let_a_binding_pass_does_not_approve_for_it_either_S56(stage: Stage) -> None:
    with stage.runtime.database.transaction() as session:
        session.execute(update(Binding).where(Binding.openid == MING).values(staff_id=QIAN.id))
    assert refused(stage, 1, QIAN) == "added"
    assert GUI and refused(stage, 2, SUN) == ""


def test_the_desk_passes_over_people_whom_the_reviewer_added_S56(stage: Stage) -> None:
    with stage.runtime.database.transaction() as session:
        session.execute(update(Binding).where(Binding.openid == MING).values(staff_id=QIAN.id))
    of_ming, of_hong = stage.hand_in(1).id, stage.hand_in(2, openid=HONG).id
    assert take(stage, QIAN) == of_hong
    assert take(stage, QIAN) is None
    assert take(stage, SUN) == of_ming


def test_a_reviewers_own_sum_has_a_bound_of_its_own_and_their_payees_have_everybodys_S56(stage: Stage) -> None:
    bounds = {"reviewer_fen": 1_600, "second_person_fen": 1_200}
    stage.runtime.settings = stage.runtime.settings.model_copy(update=bounds)

    def approved(seed: int, openid: str, amount_fen: int, by: object = SUN) -> tuple[str, dict[str, int] | None]:
        voucher = stage.hand_in(seed, openid, "free", amount_fen=amount_fen)
        decide(stage, review.approve, voucher, amount_fen, by=by)
        payout = stage.payouts()[-1]
        return payout.status, payout.second_for

    assert approved(1, MING, 500) == ("approved", None)
    assert approved(2, HONG, 800) == ("approved", None), "above everybody's bound, below a reviewer's"
    assert approved(3, MING, 300) == ("requested", {"asker": 1_600})
    assert approved(4, HONG, 400, by=QIAN) == ("requested", {"payee": 1_200}), "another reviewer, the same payee"
