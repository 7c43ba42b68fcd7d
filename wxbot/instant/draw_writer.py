"""The durable part of an instant draw: up to 128 people of one moment in one transaction, each with a number of their own.

The row of `instant_terms` is locked first, so the draws of a campaign are written one batch after another: what is counted
here cannot change before the commit, numbers are dense and stand in the order of the commits. The writes are conditional all
the same; one that does not hold rolls everything back. Whoever may not draw is told so before the dice, and the try is kept.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.campaigns.models import Campaign
from wxbot.clock import shanghai_day
from wxbot.draws.admission import Admission, Booked
from wxbot.draws.outcomes import Outcome
from wxbot.instant import asked, nonces, sums
from wxbot.instant.answers import Answer, answer_of, missed, stored
from wxbot.instant.decide import DrawDecision, decide, dice
from wxbot.instant.limits import DrawLimit, PersonLimits, PersonRules, has_tomorrow, winners
from wxbot.instant.models import InstantTerms, Prize, SumOf
from wxbot.instant.owe import NotCovered, Win, first_status, owe
from wxbot.instant.stock import Published, published
from wxbot.prepared import Prepared

_terms: Any = InstantTerms.__table__
_prizes: Any = Prize.__table__
_campaigns: Any = Campaign.__table__
_TERM = (
    *(
        "seed_sealed",
        "next_k",
        "rule_version",
        "wins_per_person",
        "wins_per_day",
        "winners_per_day",
        "gap_s",
        "claim_s",
    ),
    *("needs_binding", "is_allow_only"),
)
_TERMS = Prepared(
    select(*(_terms.c[name] for name in _TERM)).where(_terms.c.campaign_id == bindparam("of")).with_for_update()
)
_PRIZES = Prepared(
    select(*(_prizes.c[name] for name in ("id", "ordinal", "kind", "name", "stock", "left")), _campaigns.c.status)
    .join(_campaigns, _campaigns.c.id == _prizes.c.campaign_id)
    .where(_prizes.c.campaign_id == bindparam("of"))
    .order_by(_prizes.c.ordinal)
)
_NUMBERED = Prepared(
    update(_terms)
    .where(_terms.c.campaign_id == bindparam("of"), _terms.c.next_k == bindparam("before"))
    .values(next_k=bindparam("after"))
)
_TAKEN = Prepared(
    update(_prizes)
    .where(_prizes.c.id == bindparam("prize"), _prizes.c.left >= bindparam("n"))
    .values(left=_prizes.c.left - bindparam("n"))
)
"""Made once: to build a statement, and to fill objects of rows that are only read, costs more than to run it."""


def book(session: Session, admissions: Sequence[Admission]) -> list[Booked]:
    """Decide and write the draws of these people, or say why not, in their order."""
    results: dict[int, Booked] = {}
    by_campaign: dict[int, list[int]] = {}
    for i, one in enumerate(admissions):
        by_campaign.setdefault(one.campaign_id, []).append(i)
    for campaign_id in sorted(by_campaign):
        places = by_campaign[campaign_id]
        booked = _Batch(session, [admissions[i] for i in places]).book()
        results |= zip(places, booked, strict=True)
    return [results[i] for i in range(len(admissions))]


@dataclass
class _Drawn:
    """One draw of this batch."""

    admission: Admission
    k: int
    rolled: int
    decision: DrawDecision
    amount_fen: int | None
    win: Win | None = None


class _Batch:
    """The draws of one campaign in one transaction."""

    def __init__(self, session: Session, asking: Sequence[Admission]) -> None:
        self.session = session
        self.asking = asking
        self.campaign_id = asking[0].campaign_id
        self.now = max(one.now for one in asking)
        self.day = f"{shanghai_day(self.now):%Y%m%d}"
        self.results: dict[int, Booked] = {}

    def book(self) -> list[Booked]:
        """Lock, look, decide, write."""
        mine = {"of": self.campaign_id}
        (terms,) = _TERMS.rows(self.session, mine)
        rules = self._published(terms)
        prizes = _PRIZES.rows(self.session, mine)
        self._refuse_known(terms, prizes[0].status if prizes else "")
        going = [i for i in range(len(self.asking)) if i not in self.results]
        if going and rules is None:
            going = self._refuse(going, Outcome.NOT_YET)
        if going and rules is not None:
            people, day_limit = self._limits(terms, rules, going)
            drawn = self._decide(terms, rules, prizes, people, day_limit)
            if drawn:
                self._write(terms, rules, prizes, drawn, people, day_limit)
        return [self.results[i] for i in range(len(self.asking))]

    def _refuse(self, places: Sequence[int], outcome: Outcome) -> list[int]:
        self.results |= {i: Booked(outcome) for i in places}
        return []

    def _published(self, terms: Any) -> Published | None:
        stock = self.asking[0].stock
        if stock.published is not None and stock.published.version == terms.rule_version:
            found: Published = stock.published
            return found
        return published(self.session, stock.vault, self.campaign_id, terms.rule_version, terms.seed_sealed)

    # --- who may not draw -----------------------------------------------------------------------------------------

    def _refuse_known(self, terms: Any, status: str) -> None:
        """What the tables already say about these people and nonces; a draw that was made is answered whatever holds now."""
        found = asked.known(self.session, self.asking)
        self._repeat(terms, found.get("nonce", []))
        everybody = range(len(self.asking))
        if status != "on":
            ended = Outcome.OVER if status in ("closing", "closed") else Outcome.PAUSED
            self._turn_away(everybody, ended)
        self._turn_away(found.get("blocked", []), Outcome.BLOCKED)
        self._turn_away(found.get("staff", []), Outcome.STAFF)
        if terms.is_allow_only:
            listed = asked.listed(self.session, self.asking)
            self._turn_away([i for i in everybody if i not in listed], Outcome.NOT_LISTED)
        if terms.needs_binding:
            bound = asked.bound(self.session, self.asking)
            self._turn_away([i for i in everybody if i not in bound], Outcome.UNBOUND)
        if terms.gap_s:
            soon = self.now - timedelta(seconds=terms.gap_s)
            latest = asked.latest(self.session, self.asking)
            self._turn_away([i for i, drawn_at in latest.items() if drawn_at > soon], Outcome.TOO_SOON)

    def _turn_away(self, places: Sequence[int] | range, outcome: Outcome) -> None:
        for i in places:
            self.results.setdefault(i, Booked(outcome))

    def _repeat(self, terms: Any, places: Sequence[int]) -> None:
        """Nonces that were drawn with get the stored answer, and only their own person gets it."""
        if not places:
            return
        drawn = stored(self.session, self.campaign_id, [self.asking[i].ticket for i in places])
        mine = {i: self._rules_of(terms, self.asking[i]) for i in places}
        names = [name for i in places for name in mine[i].names(self.campaign_id, self.asking[i].openid)]
        used = quotas.used_each(self.session, names, self.day)
        for i in places:
            one = self.asking[i]
            row = drawn[one.ticket]
            is_own = row.InstantDraw.openid == one.openid
            following = nonces.after(one.stock.vault, self.campaign_id, one.openid, one.ticket)
            left = mine[i].of(self.campaign_id, one.openid, used, self.day).left
            self.results[i] = answer_of(row, following, left) if is_own else Booked(Outcome.STALE_NONCE)

    # --- limits ---------------------------------------------------------------------------------------------------

    def _limits(
        self, terms: Any, rules: Published, going: Sequence[int]
    ) -> tuple[dict[int, PersonLimits], DrawLimit | None]:
        """The limits of those who are still there; who has used one up is told, and is no longer among them."""
        mine = {i: self._rules_of(terms, self.asking[i]) for i in going}
        names = [name for i in going for name in mine[i].names(self.campaign_id, self.asking[i].openid)]
        if terms.winners_per_day:
            names.append(winners(self.campaign_id))
        used = quotas.used_each(self.session, names, self.day)
        is_last_day = not has_tomorrow(self.now, rules.rules.window.end)
        people: dict[int, PersonLimits] = {}
        for i in going:
            person = mine[i].of(self.campaign_id, self.asking[i].openid, used, self.day)
            refused = person.refusal(has_tomorrow=not is_last_day)
            if refused is None:
                people[i] = person
            else:
                self.results[i] = Booked(refused)
        if not terms.winners_per_day:
            return people, None
        name = winners(self.campaign_id)
        return people, DrawLimit(name, self.day, terms.winners_per_day, used.get((name, self.day), 0))

    @staticmethod
    def _rules_of(terms: Any, one: Admission) -> PersonRules:
        return PersonRules(one.tries_per_person, one.tries_per_day, terms.wins_per_person, terms.wins_per_day)

    # --- the draws ------------------------------------------------------------------------------------------------

    def _decide(
        self,
        terms: Any,
        rules: Published,
        prizes: Sequence[Any],
        people: dict[int, PersonLimits],
        day_limit: DrawLimit | None,
    ) -> list[tuple[int, _Drawn]]:
        """One number, one dice each; in the order of their nonces, which nobody chose."""
        given = [prize.stock - prize.left for prize in prizes]
        out = rules.rules.released_at(int(self.now.timestamp()))
        drawn: list[tuple[int, _Drawn]] = []
        for i in sorted(people, key=lambda i: self.asking[i].ticket):
            one = self.asking[i]
            if day_limit is not None and day_limit.left <= 0:
                full = Outcome.DAY_FULL if has_tomorrow(self.now, rules.rules.window.end) else Outcome.SOLD_OUT
                self.results[i] = Booked(full)
                continue
            k = terms.next_k + len(drawn)
            rolled = dice(rules.seed, self.campaign_id, k, one.ticket)
            decision = decide(rules.rules, given, out, rolled)
            draw = _Drawn(one, k, rolled, decision, None)
            for limit in people[i].tries:
                limit.taken += 1
            if (place := decision.place) is not None:
                draw.amount_fen = rules.amounts.of(place, given[place], k, one.ticket)
                given[place] += 1
                prize = prizes[place]
                draw.win = Win(k, one.openid, prize.id, prize.kind, draw.amount_fen, one.channel_code)
                for limit in (*people[i].wins, *([day_limit] if day_limit else [])):
                    limit.taken += 1
            drawn.append((i, draw))
        return drawn

    def _write(
        self,
        terms: Any,
        rules: Published,
        prizes: Sequence[Any],
        drawn: Sequence[tuple[int, _Drawn]],
        people: dict[int, PersonLimits],
        day_limit: DrawLimit | None,
    ) -> None:
        limits = [limit for i, _ in drawn for limit in (*people[i].tries, *people[i].wins)]
        counted = [limit for limit in (*limits, *([day_limit] if day_limit else [])) if limit.taken]
        if not quotas.take_several(self.session, [(each.name, each.period, each.taken, each.most) for each in counted]):
            raise NotCovered(f"campaign {self.campaign_id}: a limit was used up elsewhere")
        rows = [self._row(prizes, draw) for _, draw in drawn]
        asked.write(self.session, self.campaign_id, rules.version, self.now, rows)
        moved = {"of": self.campaign_id, "before": terms.next_k, "after": terms.next_k + len(drawn)}
        if not _NUMBERED.changed(self.session, moved):
            raise NotCovered(f"campaign {self.campaign_id}: its numbers moved")
        given = [draw.win for _, draw in drawn if draw.win is not None]
        self._take_stock(prizes, given)
        deadline_at = self.now + timedelta(seconds=terms.claim_s)
        owe(self.session, self.campaign_id, given, self.now, deadline_at)
        self._add_up([(draw, people[i].tries[-1].used == 0) for i, draw in drawn])
        for i, draw in drawn:
            self.results[i] = self._answer(draw, prizes, people[i], deadline_at)

    def _add_up(self, drawn: Sequence[tuple[_Drawn, bool]]) -> None:
        """Each draw, and whether it is its person's first here."""
        n, fen = Counter[tuple[str, SumOf]](), Counter[tuple[str, SumOf]]()
        for draw, is_first in drawn:
            channel_code = draw.admission.channel_code
            n[channel_code, "draws"] += 1
            if is_first:
                n[channel_code, "people"] += 1
            if draw.win is not None:
                status = first_status(draw.win.kind)
                n[channel_code, status] += 1
                fen[channel_code, status] += draw.win.amount_fen
                person = sums.Participant(self.campaign_id, draw.admission.openid)
                sums.reach(self.session, person, status, sums.Came(self.now, channel_code), is_first=is_first)
        for (channel_code, what), many in n.items():
            sums.add(self.session, self.campaign_id, self.now, channel_code, what, many, fen[channel_code, what])

    def _row(self, prizes: Sequence[Any], draw: _Drawn) -> tuple[Any, ...]:
        one, decision = draw.admission, draw.decision
        ordinal = None if decision.place is None else prizes[decision.place].ordinal
        return (
            *(draw.k, one.openid, one.ticket, draw.rolled, ordinal, draw.amount_fen, decision.outcome),
            *(decision.released, decision.left, one.channel_code, one.ip),
        )

    def _take_stock(self, prizes: Sequence[Any], given: Sequence[Win]) -> None:
        taken = Counter(win.prize_id for win in given)
        for prize in prizes:
            n = taken[prize.id]
            if n and not _TAKEN.changed(self.session, {"prize": prize.id, "n": n}):
                raise NotCovered(f"campaign {self.campaign_id}: prize {prize.ordinal} has less left than was given")

    def _answer(self, draw: _Drawn, prizes: Sequence[Any], person: PersonLimits, deadline_at: datetime) -> Booked:
        one = draw.admission
        following = nonces.after(one.stock.vault, self.campaign_id, one.openid, one.ticket)
        left = person.left
        if draw.win is None or draw.decision.place is None:
            said = missed(draw.decision.outcome, draw.decision.left)
            return Answer(said, draw.k, following, left).booked(is_new=True)
        prize = prizes[draw.decision.place]
        return Answer(
            Outcome.WON,
            draw.k,
            following,
            left,
            prize.ordinal,
            prize.name,
            prize.kind,
            draw.win.amount_fen,
            draw.win.public_id,
            int(deadline_at.timestamp()),
            first_status(prize.kind),
        ).booked(is_new=True)
