"""A good record, and the frauds that a doubter must find: each a change of it, chained anew where its author would have done so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.hall import frauds_of_the_end as ends
from tests.hall.evenings import NEXT_SEED, gala, resumed
from tests.hall.forged import Record, chained, lines
from tests.hall.night import HALL
from wxbot.hall import rain_rule, selection


def swapped_person(record: Record) -> None:
    """A friend's id stands on somebody's line, and the freeze says so."""
    friend = selection.person_id(bytes(16), HALL, "oAfriend")
    lines_ = list(selection.read_roster(record["rosters"][1]).lines)
    lines_[4] = lines_[4]._replace(id=friend)
    content = selection.roster_bytes(HALL, 2, lines_)
    record["rosters"][1] = content.decode()
    lines(record, "frozen")[1]["body"]["roster_hash"] = selection.roster_hash(content)


def changed_roster(record: Record) -> None:
    """A weight in the file is another one than was frozen."""
    record["rosters"][0] = record["rosters"][0].replace("5\t1\t", "5\t9\t", 1)


def lost_person(record: Record) -> None:
    """Somebody who signed in is left out of the first roster."""
    lines_ = [line for line in selection.read_roster(record["rosters"][0]).lines if line.no != 3]
    content = selection.roster_bytes(HALL, 1, lines_)
    record["rosters"][0] = content.decode()
    lines(record, "frozen")[0]["body"] |= {"roster_hash": selection.roster_hash(content), "count": len(lines_)}


def skipped_d(record: Record) -> None:
    """A selection that did not suit is left out of the log."""
    record["log"] = [line for line in record["log"] if line["body"].get("d") != 3]


def reused_seed(record: Record) -> None:
    """The second selection is made with the first one's seed."""
    first, second, *_ = lines(record, "drawn")
    second["body"]["seed"] = first["body"]["seed"]


def foreign_seed(record: Record) -> None:
    """A seed is tried until it suits."""
    lines(record, "drawn")[0]["body"]["seed"] = "ab" * 32


def other_entropy(record: Record) -> None:
    """Other numbers than were held up."""
    lines(record, "entropy")[0]["body"]["text"] = "AB87654321 CD12345678 11223344EF"


def wrong_pool(record: Record) -> None:
    """A selection is made among other people, and its hash agrees with them."""
    for kind in ("armed", "drawn"):
        lines(record, kind)[1]["body"]["pool_hash"] = selection.pool_hash(range(1, 15))


def other_winner(record: Record) -> None:
    """A friend in the place of a winner, wherever that one is named."""
    winners = lines(record, "drawn")[0]["body"]["winners"]
    out, friend = winners[2], next(no for no in range(1, 21) if no not in winners and no != 7)
    for line in record["log"]:
        body = line["body"]
        if body.get("d") == 1:
            for name in ("winners", "nos"):
                if name in body:
                    body[name] = [friend if no == out else no for no in body[name]]
            if body.get("no") == out:
                body["no"] = friend


def moved_absentee(record: Record) -> None:
    """Another winner is called absent than the one who was."""
    absent = lines(record, "absent")[0]["body"]
    confirmed = lines(record, "confirmed")[0]["body"]["nos"]
    paid = next(line["body"] for line in lines(record, "paid") if line["body"]["no"] == confirmed[0])
    absent["no"], confirmed[0] = confirmed[0], absent["no"]
    paid["no"] = confirmed[0]


def winner_twice(record: Record) -> None:
    """The rule is widened afterwards: whoever has won may win again."""
    record["log"][0]["body"]["prizes"][1]["scope"] = "prize"


def too_many(record: Record) -> None:
    """A prize has fewer pieces than were given."""
    record["log"][0]["body"]["prizes"][0]["slots"] = 4


def paid_early(record: Record) -> None:
    """Somebody was paid before they were confirmed."""
    at = record["log"].index(lines(record, "confirmed")[0])
    record["log"][at], record["log"][at + 1] = record["log"][at + 1], record["log"][at]
    record["log"][at]["at"], record["log"][at + 1]["at"] = record["log"][at + 1]["at"], record["log"][at]["at"]


def void_by_one(record: Record) -> None:
    """One person alone declared a selection void."""
    lines(record, "voided")[0]["body"]["names"] = ["王丽", "王丽"]


def excluded_late(record: Record) -> None:
    """Somebody is excluded when the selection was fixed already."""
    at = record["log"].index(lines(record, "entropy")[0])
    moment = record["log"][at]["at"]
    body = {"no": 1, "reason": "left"}
    record["log"].insert(at, {"seq": 1, "at": moment, "kind": "excluded", "body": body, "prev_hash": "", "hash": ""})


def edited_log(record: Record) -> None:
    """A line is changed by hand."""
    lines(record, "excluded")[0]["body"]["no"] = 8


def cut_log(record: Record) -> None:
    """A line is taken out."""
    del record["log"][10]


def other_commitment(record: Record) -> None:
    """The evening begins from another seed than the one it committed to."""
    record["commitment"] = record["log"][0]["body"]["commitment"] = "cd" * 32


def missing_roster(record: Record) -> None:
    """The last roster is not in the record."""
    record["rosters"].pop()


def another_roster(record: Record) -> None:
    """A roster lies in the record that was never frozen."""
    record["rosters"].append(record["rosters"][-1].replace("\t2\n", "\t3\n", 1))


def other_head(record: Record) -> None:
    """The head of the record shows the commitment that people noted, and the log has another one."""
    record["log"][0]["body"]["commitment"] = "cd" * 32


def greedy_rain(record: Record) -> None:
    """Somebody has more out of the rain than fell on them."""
    ended = lines(record, "game_ended")[0]["body"]
    ended["sums"][0], ended["sums"][1] = ended["sums"][0] + 1, ended["sums"][1] - 1


def other_rain(record: Record) -> None:
    """The rain falls from another seed than the one that was fixed."""
    lines(record, "game_ended")[0]["body"]["seed"] = "ab" * 32


def stranger_in_rain(record: Record) -> None:
    """Somebody catches packets who was not there when it began."""
    lines(record, "game_ended")[0]["body"]["nos"][0] = 24


def endless_rain(record: Record) -> None:
    """More packets are fixed than any device could hand out."""
    lines(record, "game_fixed")[0]["body"] |= {"packets": 2**40, "total_fen": 2**40, "min_fen": 1, "max_fen": 1}


def endless_guests(record: Record) -> None:
    """Somebody signs in with a number up to which nobody can count."""
    lines(record, "signed_in")[19]["body"]["no"] = 2**53 - 1


def picked_for_rain(record: Record) -> None:
    """A guest is left out when the rain begins, so that more falls on the others."""
    record["log"] = [line for line in record["log"] if line["kind"] != "game_ended"]
    lines(record, "game_begun")[0]["body"]["nos"].remove(4)


def struck_in_rain(record: Record) -> None:
    """Somebody who was excluded plays all the same."""
    record["log"] = [line for line in record["log"] if line["kind"] != "game_ended"]
    lines(record, "game_begun")[0]["body"]["nos"].insert(6, 7)


def too_many_first(record: Record) -> None:
    """A race has more winners than prizes."""
    lines(record, "game_ended")[1]["body"] |= {"nos": [5, 2, 9], "sums": [80, 70, 60]}


def last_first(record: Record) -> None:
    """Who came second in a race is said to be the first."""
    lines(record, "game_ended")[1]["body"]["nos"].reverse()
    lines(record, "game_ended")[1]["body"]["sums"].reverse()


def struck_runner(record: Record) -> None:
    """Somebody who was excluded wins a race."""
    lines(record, "game_ended")[1]["body"]["nos"][1] = 7


def same_rain_again(record: Record) -> None:
    """After a restore the rain falls from the seed that everybody knows."""
    lines(record, "game_ended")[0]["body"]["seed"] = rain_rule.seed_hash(NEXT_SEED)


def confirmed_after_restore(record: Record) -> None:
    """A win that a restore has made void is confirmed all the same."""
    at = record["log"].index(lines(record, "restored")[1])
    no = lines(record, "drawn")[0]["body"]["winners"][1]
    after = record["log"][at]
    record["log"].insert(at + 1, {**after, "kind": "confirmed", "body": {"d": 11, "nos": [no]}})


def passed_over(record: Record) -> None:
    """A number stands in the roster that a restore has passed over."""
    roster = selection.read_roster(record["rosters"][1])
    lines_ = [line._replace(no=50) if line.no == 107 else line for line in roster.lines]
    content = selection.roster_bytes(HALL, 2, lines_)
    record["rosters"][1] = content.decode()
    lines(record, "frozen")[1]["body"]["roster_hash"] = selection.roster_hash(content)


def found_too_many(record: Record) -> None:
    """More winners are found of a prize than it has pieces."""
    at = record["log"].index(lines(record, "found")[0])
    record["log"].insert(at, {**record["log"][at], "body": {"prize": 2, "no": 0}})


def found_and_taken_back(record: Record) -> None:
    """Who was absent has their slot back, though it went to somebody who was found meanwhile."""
    d, after = lines(record, "drawn")[1]["body"]["d"], lines(record, "confirmed")[1]
    no, at = after["body"]["nos"][0], record["log"].index(after)
    said: list[tuple[str, Record]] = [("absent", {"d": d, "no": no}), ("found", {"prize": 1, "no": 0})]
    record["log"][at:at] = [
        {**after, "kind": kind, "body": body} for kind, body in [*said, ("undone", {"d": d, "no": no})]
    ]
    for line in record["log"][at : at + 3]:
        line["at"] = record["log"][at - 1]["at"]


def returned_unsaid(record: Record) -> None:
    """Who was found without a number has signed in again, and may win once more."""
    record["log"].remove(lines(record, "returned")[0])


def returned_elsewhere(record: Record) -> None:
    """Somebody of the roster is said to be the one who was found, and is out."""
    lines(record, "returned")[0]["body"]["no"] = selection.read_roster(record["rosters"][-2]).lines[0].no


def found_unrestored(record: Record) -> None:
    """A winner is named who was never selected, in an evening that was not restored."""
    at = record["log"].index(lines(record, "closed")[0])
    record["log"].insert(at, {**record["log"][at], "kind": "found", "body": {"prize": 1, "no": 4}})


def quiet_restore(record: Record) -> None:
    """A restore is not said."""
    record["log"].remove(lines(record, "restored")[0])


def prize_for_one(record: Record) -> None:
    """A prize is added in the evening, and only a group may win it."""
    lines(record, "prize_added")[0]["body"]["prize"]["groups"] = ["A"]


def prize_of_a_game(record: Record) -> None:
    """A prize is added under the number of the rain."""
    lines(record, "prize_added")[0]["body"]["prize"]["prize"] = 8


def prize_added_late(record: Record) -> None:
    """A prize is added when a selection is fixed already."""
    added, entropy = lines(record, "prize_added")[0], lines(record, "entropy")[0]
    at = record["log"].index(entropy)
    record["log"].insert(
        at, {**added, "at": entropy["at"], "body": {**added["body"], "prize": {**added["body"]["prize"], "prize": 5}}}
    )


def added_by_one(record: Record) -> None:
    """One person alone added a prize."""
    lines(record, "prize_added")[0]["body"]["names"] = ["王丽", "王丽"]


def of_added_rain(record: Record, kind: str) -> Record:
    """What a line of this kind says of the rain that was added in the evening."""
    found: Record = next(line["body"] for line in lines(record, kind) if line["body"]["prize"] == 10)
    return found


def other_added_rain(record: Record) -> None:
    """A rain of the evening itself falls from a seed that was tried until it suited."""
    of_added_rain(record, "game_ended")["seed"] = "ab" * 32


def own_seed(record: Record) -> None:
    """A rain of the evening itself falls from the seed of the selection before it, which everybody knows."""
    of_added_rain(record, "game_ended")["seed"] = lines(record, "voided")[0]["body"]["seed"]


def greedy_added_rain(record: Record) -> None:
    """Somebody has more out of the rain of the evening itself than fell on them."""
    ended = of_added_rain(record, "game_ended")
    ended["sums"][0], ended["sums"][1] = ended["sums"][0] + 1, ended["sums"][1] - 1


def picked_for_added_rain(record: Record) -> None:
    """A guest is left out when the rain of the evening itself begins."""
    ended = of_added_rain(record, "game_ended")
    record["log"] = [line for line in record["log"] if line["body"] is not ended]
    of_added_rain(record, "rain_begun")["nos"].remove(4)


def number_of_before(record: Record) -> None:
    """A rain of the evening itself takes a number that a void selection has used."""
    of_added_rain(record, "rain_begun")["d"] -= 1


def rain_without_number(record: Record) -> None:
    """A rain of the evening itself begins like one that was fixed beforehand, and takes no seed of the chain."""
    line = next(line for line in record["log"] if line["body"] is of_added_rain(record, "rain_begun"))
    line["kind"] = "game_begun"
    del line["body"]["d"]


def game_added_by_one(record: Record) -> None:
    """One person alone added a game."""
    lines(record, "game_added")[1]["body"]["names"] = ["王丽", "王丽"]


def game_added_late(record: Record) -> None:
    """A game is added when a selection is fixed already."""
    added, entropy = lines(record, "game_added")[1], lines(record, "entropy")[0]
    at = record["log"].index(entropy)
    game = {**added["body"]["game"], "prize": 12}
    record["log"].insert(at, {**added, "at": entropy["at"], "body": {**added["body"], "game": game}})


def game_of_a_prize(record: Record) -> None:
    """A game is added under the number of a prize."""
    lines(record, "game_added")[0]["body"]["game"]["prize"] = 3


def no_seed_left(record: Record) -> None:
    """A rain is added though every seed of the chain has been used."""
    used = lines(record, "voided")[0]["body"]["d"]
    record["chain_length"] = record["log"][0]["body"]["chain_length"] = used


def same_number_again(record: Record) -> None:
    """After a restore a rain of the evening itself falls under the number from before, whose seed may be known."""
    first, again = lines(record, "rain_begun")
    again["body"]["d"] = first["body"]["d"]


FRAUDS: dict[Callable[[Record], None], tuple[bool, str]] = {
    changed_roster: (True, "roster"),
    swapped_person: (True, "people"),
    lost_person: (True, "people"),
    skipped_d: (True, "d"),
    reused_seed: (True, "seed"),
    foreign_seed: (True, "seed"),
    other_entropy: (True, "winners"),
    wrong_pool: (True, "pool"),
    other_winner: (True, "winners"),
    moved_absentee: (True, "pool"),
    winner_twice: (True, "pool"),
    too_many: (True, "slots"),
    paid_early: (True, "no"),
    void_by_one: (True, "body"),
    excluded_late: (True, "armed"),
    edited_log: (False, "log"),
    cut_log: (False, "log"),
    other_commitment: (True, "seed"),
    missing_roster: (True, "roster"),
    another_roster: (True, "rosters"),
    other_head: (True, "head"),
    greedy_rain: (True, "winners"),
    other_rain: (True, "seed"),
    stranger_in_rain: (True, "no"),
    endless_rain: (True, "winners"),
    endless_guests: (True, "people"),
    picked_for_rain: (True, "present"),
    struck_in_rain: (True, "present"),
    too_many_first: (True, "slots"),
    last_first: (True, "ranks"),
    struck_runner: (True, "no"),
    same_rain_again: (True, "seed"),
    confirmed_after_restore: (True, "phase"),
    passed_over: (True, "people"),
    quiet_restore: (True, "prize"),
    found_too_many: (True, "slots"),
    found_and_taken_back: (True, "slots"),
    returned_unsaid: (True, "pool"),
    returned_elsewhere: (True, "no"),
    found_unrestored: (True, "d"),
    prize_for_one: (True, "groups"),
    prize_of_a_game: (True, "prize"),
    prize_added_late: (True, "armed"),
    added_by_one: (True, "body"),
    other_added_rain: (True, "seed"),
    own_seed: (True, "seed"),
    greedy_added_rain: (True, "winners"),
    picked_for_added_rain: (True, "present"),
    number_of_before: (True, "d"),
    rain_without_number: (True, "prize"),
    game_added_by_one: (True, "body"),
    game_added_late: (True, "armed"),
    game_of_a_prize: (True, "prize"),
    no_seed_left: (True, "chain"),
    same_number_again: (True, "d"),
    ends.prolonged_by_one: (True, "body"),
    ends.ended_earlier: (True, "until"),
    ends.prolonged_from_elsewhere: (True, "before"),
    ends.prolonged_late: (True, "over"),
    ends.armed_late: (True, "over"),
    ends.armed_behind_the_last_end: (True, "over"),
    ends.begun_late: (True, "over"),
    ends.rain_begun_late: (True, "over"),
    ends.game_added_late: (True, "over"),
    ends.added_late: (True, "over"),
    ends.signed_in_late: (True, "over"),
    ends.other_end: (True, "end"),
    ends.end_said_again: (True, "scheduled"),
    ends.prolonged_into_the_past: (True, "until"),
    ends.prolonged_late_again: (True, "over"),
}
"""Fraud → whether its author chains the log anew, and the reason of the first finding that tells of it."""


AFTER_RESTORE = {
    same_rain_again,
    confirmed_after_restore,
    passed_over,
    quiet_restore,
    found_too_many,
    found_and_taken_back,
    returned_unsaid,
    returned_elsewhere,
    same_number_again,
    ends.prolonged_into_the_past,
    ends.prolonged_late_again,
}
"""Frauds with the record of the evening that was restored."""


def committed(fraud: Callable[[Record], None], mode: Any = "hall") -> Record:
    """The record of the gala, or of the evening that was restored, after a fraud."""
    record = resumed().record() if fraud in AFTER_RESTORE else gala(mode).record()
    fraud(record)
    return chained(record) if FRAUDS[fraud][0] else record
