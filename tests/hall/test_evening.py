"""Who may win next and how much is open, from the log alone; and what may not be said in it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.hall.evenings import RACE
from tests.hall.night import TWO, Night, prize
from wxbot.hall.log import GENESIS
from wxbot.text import Refusal


def night(*prizes: Any, people: int = 12, **asked: Any) -> Night:
    made = Night(prizes or [prize(1, 3)], **asked)
    made.sign_in(people)
    made.freeze()
    return made


def refused(made: Night, kind: Any, /, **body: Any) -> str:
    """The reason for which this may not be said now."""
    with pytest.raises(Refusal) as refusal:
        made.say(kind, **body)
    return refusal.value.reason


def test_who_won_anything_is_out_of_a_prize_of_the_evening_and_not_of_one_of_its_own() -> None:
    made = night(prize(1, 3), prize(2, 2, scope="evening"), prize(3, 2, scope="prize"))
    winners = made.select(1, 3)
    made.settle()
    assert made.pool(2) == [no for no in range(1, 13) if no not in winners]
    assert made.pool(3) == list(range(1, 13))
    again = made.select(3, 1)
    made.settle()
    assert made.pool(3) == [no for no in range(1, 13) if no not in again]
    assert set(made.pool(2)).isdisjoint([*winners, *again])


@pytest.mark.parametrize(
    ("absence", "same", "other"), [("slot", False, True), ("evening", False, False), ("pool", True, True)]
)
def test_an_absentee_loses_what_the_prize_says(absence: str, same: bool, other: bool) -> None:
    made = night(prize(1, 3, absence=absence), prize(2, 2))
    gone, *others = made.select(1, 3)
    made.say("absent", d=1, no=gone)
    made.settle()
    assert (gone in made.pool(1), gone in made.pool(2)) == (same, other)
    assert made.left(1) == 1
    assert set(others).isdisjoint(made.pool(2))
    assert made.evening.selections[1].confirmed == set(others)


def test_who_gives_up_has_had_their_turn_and_says_whether_the_slot_is_filled_again() -> None:
    made = night(prize(1, 3), prize(2, 2))
    keeps, refills, stays = made.select(1, 3)
    made.say("forfeited", d=1, no=keeps, slot="keep")
    made.say("forfeited", d=1, no=refills, slot="refill")
    made.settle()
    assert made.left(1) == 1
    assert set(made.pool(1)).isdisjoint([keeps, refills, stays])
    assert set(made.pool(2)).isdisjoint([keeps, refills, stays])


def test_an_absence_can_be_taken_back_until_the_next_selection() -> None:
    made = night(prize(1, 3))
    first, second, third = made.select(1, 3)
    for no in (first, second, third):
        made.say("absent", d=1, no=no)
    made.say("undone", d=1, no=first)
    assert (made.left(1), made.evening.selections[1].undecided) == (2, [first])
    made.settle()
    made.arm(1, 2)
    assert refused(made, "undone", d=1, no=second) == "no"


def test_a_void_selection_has_never_been_but_its_number_is_used() -> None:
    made = night(prize(1, 3))
    winners = made.select(1, 3)
    made.say("absent", d=1, no=winners[0])
    made.void()
    assert (made.left(1), made.pool(1), made.evening.next_d) == (3, list(range(1, 13)), 2)
    made.arm(1, 1)
    made.void()  # nobody was selected yet
    assert made.evening.next_d == 3
    seed = made.chain[3].hex()
    made.say("voided", d=3, reason="恢复数据后跳过", names=TWO, seed=seed)
    assert made.evening.next_d == 4
    made.select(1, 3)


def test_only_the_last_selection_can_be_declared_void() -> None:
    made = night(prize(1, 3))
    for no in made.select(1, 2):
        made.say("absent", d=1, no=no)  # settled, and nobody was confirmed
    made.select(1, 1)
    made.settle()
    told = {"reason": "太晚了", "names": TWO, "seed": made.chain[1].hex()}
    assert refused(made, "voided", d=1, **told) == "d"


def test_groups_say_who_may_win_and_exclusions_who_may_not() -> None:
    made = night(prize(1, 3, groups=["A"]), prize(2, 1))
    made.say("excluded", no=2, reason="staff")
    assert made.pool(1) == [4, 6, 8, 10, 12]
    assert made.pool(2) == [1, *range(3, 13)]
    made.freeze()
    assert [line.no for line in made.roster] == [1, *range(3, 13)]


def test_a_prize_may_be_added_on_the_spot() -> None:
    made = night(prize(1, 1))
    made.say("prize_added", prize=prize(9, 2), names=TWO)
    assert made.left(9) == 2
    assert refused(made, "prize_added", prize=prize(9, 5), names=TWO) == "prize"
    made.select(9, 2)


def test_an_evening_is_prolonged_from_the_end_that_holds_and_before_it_has_come() -> None:
    made = night(prize(1, 1))
    end = made.evening.until

    def prolong(before: int, until: int) -> dict[str, Any]:
        return {"from": before, "until": until, "names": TWO}

    assert refused(made, "prolonged", **prolong(end, end)) == "until"
    assert refused(made, "prolonged", **prolong(end - 1, end)) == "before"
    made.say("prolonged", **prolong(end, end + 60))
    assert refused(made, "prolonged", **prolong(end, end + 120)) == "before"
    assert refused(made, "prolonged", **prolong(end + 60, end + 60)) == "until"
    made.say("prolonged", **prolong(end + 60, end + 61))
    made.at = end + 62
    assert refused(made, "prolonged", **prolong(end + 61, end + 120)) == "over"


def test_behind_the_end_nothing_is_signed_in_to_fixed_added_or_begun_and_what_was_fixed_is_finished() -> None:
    made = Night([prize(1, 3)], games=[RACE])
    made.sign_in(6)
    made.freeze()
    made.arm(1, 2)
    made.at = made.evening.until + 1
    assert refused(made, "signed_in", no=7) == "over"
    made.late()
    made.draw()
    made.say("revealed", d=1)
    made.settle(is_paid=True)
    fixed = {"d": 2, "prize": 1, "k": 1, "roster_version": 1, "pool_hash": GENESIS}
    assert refused(made, "armed", **fixed) == refused(made, "game_begun", prize=9, nos=[1]) == "over"
    assert refused(made, "prize_added", prize=prize(4, 1), names=TWO) == "over"
    assert refused(made, "scheduled", until=made.at + 60) == "scheduled"
    made.say("closed")


def test_only_behind_a_restore_an_end_that_has_come_is_put_later_and_never_to_what_has_passed() -> None:
    made = night(prize(1, 1))
    end = made.evening.until
    made.at = end + 60
    later = {"from": end, "until": end + 120, "names": TWO}
    assert refused(made, "prolonged", **later) == "over"
    made.restore()
    assert refused(made, "prolonged", **{**later, "until": made.at}) == "until"
    made.say("prolonged", **later)
    made.sign_in(1)
    made.at = end + 121
    assert refused(made, "prolonged", **{**later, "from": end + 120, "until": end + 600}) == "over"


def test_nothing_that_could_change_who_wins_is_possible_once_a_selection_is_fixed() -> None:
    made = night(prize(1, 3), people=8)
    for is_ready in (False, True):
        if is_ready:
            made.late()
        else:
            made.arm(1, 3)
        assert refused(made, "excluded", no=1, reason="left") == "armed"
        assert refused(made, "frozen", version=2, count=8, roster_hash=GENESIS) == "armed"
        assert refused(made, "prize_added", prize=prize(4, 1), names=TWO) == "armed"
        again: dict[str, Any] = {"prize": 1, "roster_version": 1, "pool_hash": GENESIS}
        assert refused(made, "armed", d=2, k=1, **again) == "running"
        assert refused(made, "closed") == "running"
    fixed = made.evening.selections[1]
    for k, winners in ((2, [1, 2]), (3, [1, 2])):
        said: dict[str, Any] = {"d": 1, "prize": 1, "k": k, "winners": winners, "pool_hash": fixed.pool_hash}
        assert refused(made, "drawn", seed=GENESIS, **said) == "armed"
    made.sign_in(1)  # comes late, and stands in the next roster
    made.draw()
    made.freeze()


def test_a_selection_goes_its_way_and_no_other() -> None:
    made = night(prize(1, 3))
    assert refused(made, "armed", d=1, prize=1, k=4, roster_version=1, pool_hash=GENESIS) == "slots"
    assert refused(made, "armed", d=2, prize=1, k=1, roster_version=1, pool_hash=GENESIS) == "d"
    assert refused(made, "armed", d=1, prize=8, k=1, roster_version=1, pool_hash=GENESIS) == "prize"
    assert refused(made, "armed", d=1, prize=1, k=1, roster_version=2, pool_hash=GENESIS) == "version"
    assert refused(made, "revealed", d=1) == "d"
    made.arm(1, 3)
    assert refused(made, "revealed", d=1) == "phase"
    made.late()
    assert refused(made, "entropy", d=1, kind="hall", text="1", signature="") == "phase"
    winners = made.draw()
    told: dict[str, Any] = {"absent": {"no": winners[0]}, "confirmed": {"nos": winners}, "paid": {"no": winners[0]}}
    for kind, body in told.items():
        assert refused(made, kind, d=1, **body) == "phase", kind
    made.say("revealed", d=1)
    outsider = next(no for no in range(1, 13) if no not in winners)
    assert refused(made, "absent", d=1, no=outsider) == "no"
    assert refused(made, "paid", d=1, no=winners[0]) == "no"
    assert refused(made, "armed", d=2, prize=1, k=1, roster_version=1, pool_hash=GENESIS) == "running"
    made.settle(is_paid=True)
    assert refused(made, "absent", d=1, no=winners[0]) == "phase"
    assert refused(made, "paid", d=1, no=winners[0]) == "no"
    assert refused(made, "voided", d=1, reason="x", names=TWO, seed=GENESIS) == "confirmed"
    made.say("closed")
    assert refused(made, "signed_in", no=13) == "closed"


def test_people_sign_in_one_after_the_other_once_it_is_open() -> None:
    made = Night([prize(1, 1)])
    assert refused(made, "signed_in", no=2) == "no"
    assert refused(made, "opened") == "opened"
    assert refused(made, "excluded", no=1, reason="left") == "no"
    assert refused(made, "armed", d=1, prize=1, k=1, roster_version=1, pool_hash=GENESIS) == "version"
    made.at -= 100
    assert refused(made, "signed_in", no=1) == "clock"


@pytest.mark.parametrize(
    "text", ["", "73 08 415", "12345678 12345678", "12345678 12345678 1234567a", "AB00000001 CD00000007 00000013EF"]
)
def test_late_entropy_from_the_hall_is_three_long_numbers_that_nobody_knew(text: str) -> None:
    made = night(prize(1, 3))
    made.select(1, 1)  # uses the last of these
    made.settle()
    made.arm(1, 1)
    assert refused(made, "entropy", d=2, kind="hall", text=text, signature="") == "numbers"
    assert refused(made, "entropy", d=2, kind="seed", text="", signature="") == "mode"


def test_drand_gives_way_to_the_hall_only_after_a_minute_and_says_so() -> None:
    made = night(prize(1, 3), mode="drand")
    made.arm(1, 1)
    assert refused(made, "entropy", d=1, kind="hall", text="12345678 22345678 32345678", signature="") == "mode"
    assert refused(made, "entropy_fallback", d=1, reason="no answer") == "early"
    made.at += 60
    made.say("entropy_fallback", d=1, reason="no answer")
    made.late()
    made.draw()


ABSENCES = ("slot", "evening", "pool")


class Model:
    """The rules once more, as a person would keep them: a list of what happened to each."""

    def __init__(self, prizes: list[Any]) -> None:
        self.prizes = {each["prize"]: each for each in prizes}
        self.happened: list[tuple[int, int, int, str]] = []  # d, prize, person, "won" | "absent" | "keep" | "refill"

    def may_win(self, line: Any, number: int, excluded: Any) -> bool:
        """Whether this person stands in the pool of a prize."""
        groups = self.prizes[number]["groups"]
        if line.no in excluded or (groups and line.group not in groups):
            return False
        for _, of, no, what in self.happened:
            if no != line.no:
                continue
            if what == "absent":
                loses = self.prizes[of]["absence"]
                if loses == "evening" or (loses == "slot" and of == number):
                    return False
            elif of == number or self.prizes[number]["scope"] == "evening":
                return False
        return True

    def left(self, number: int) -> int:
        """How many of a prize are open."""
        filled = sum(of == number and what in ("won", "keep") for _, of, _, what in self.happened)
        return int(self.prizes[number]["slots"]) - filled


def played(chance: random.Random) -> int:
    """One random programme, held to the model at each selection; how many people were selected."""
    groups: tuple[list[str], ...] = (["A"], ["B"], [], [])
    prizes = [
        prize(
            number,
            chance.randint(1, 4),
            chance.choice(("prize", "evening")),
            chance.choice(ABSENCES),
            chance.choice(groups),
        )
        for number in range(1, chance.randint(2, 4))
    ]
    made, model, selected = Night(prizes, "seed", 12), Model(prizes), 0
    made.sign_in(chance.randint(2, 9), weight=chance.choice((1, 1, 3)))
    made.freeze()
    for _ in range(chance.randint(1, 8)):
        if chance.random() < 0.2:
            made.sign_in(1)
        if chance.random() < 0.2 and not made.evening.excluded:
            made.say("excluded", no=made.evening.signed_in, reason="left")
        if chance.random() < 0.3:
            made.freeze()
        number = chance.choice(prizes)["prize"]
        pool = made.pool(number)
        assert pool == [line.no for line in made.roster if model.may_win(line, number, made.evening.excluded)]
        left = made.left(number)
        assert left == model.left(number) >= 0
        k = min(chance.randint(1, 3), left, len(pool))
        if not k:
            continue
        winners = made.select(number, k)
        selected += k
        assert set(winners) <= set(pool)
        assert len(set(winners)) == k
        if chance.random() < 0.15:
            made.void()
            continue
        marks = {no: chance.choice(("won", "won", "absent", "keep", "refill")) for no in winners}
        for no, what in marks.items():
            if what == "absent":
                made.say("absent", d=made.evening.next_d - 1, no=no)
            elif what != "won":
                made.say("forfeited", d=made.evening.next_d - 1, no=no, slot=what)
        if made.evening.running:
            made.settle()
        model.happened += [(made.evening.next_d - 1, number, no, what) for no, what in marks.items()]
    return selected


@pytest.mark.parametrize(
    "programmes", [500, pytest.param(100_000, marks=[pytest.mark.proof, pytest.mark.timeout(3600)])]
)
def test_in_no_programme_does_anybody_win_against_the_rule_or_get_lost(programmes: int) -> None:
    chance = random.Random(f"programmes {programmes}")
    assert sum(played(chance) for _ in range(programmes)) > programmes
