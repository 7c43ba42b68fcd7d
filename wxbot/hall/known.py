"""A winner whom a restored database had lost: cashiers have found the payment at WeChat, and say which prize it was; of a code the
database that was replaced says whose it is.

Whoever has it already has won it: the piece is taken out of the prize, its money out of the budget, and the log says so, so that
nobody is selected for it once more. A game of which one payment was found has been played. Whoever was lost with their number
is known by their openid when they sign in again, and wins nothing that the rules give them once.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.hall import journal
from wxbot.hall.confirm import Owed, owe_people
from wxbot.hall.evening import Evening
from wxbot.hall.models import Guest, Hall, HallEvent
from wxbot.instant.codes_lost import PutAside
from wxbot.instant.models import Award, Prize, PrizeCode
from wxbot.instant.owe import NotCovered
from wxbot.logs import get_logger
from wxbot.orders.found import FoundOrder
from wxbot.orders.models import Order
from wxbot.payouts.models import PAYOUT_REASON, Payout
from wxbot.text import Refusal, Text

log = get_logger(__name__)

NOT_COVERED = Text(
    "这个奖项或预算已经不够：请先追加并批准预算，或认定为别的付款",
    "Prize or budget do not cover it: ask for and approve more first, or say that it was something else",
)


def no_slot(prize: str) -> Text:
    """Every piece of a prize that is not owed yet is held by somebody of a selection: what cashier and host can do about it."""
    return Text(
        f"“{prize}”剩下的名额都占着：抽中的人还没有确认，或者弃奖时选了名额空出。请主持人在主持台给还没确认的一位标“弃奖，名额重抽”"
        "（缺席的标“缺席”），空出一个名额，再回来确认这笔认定；没有人能让出，就退回，认定为别的付款",
        f"Every open piece of “{prize}” is held: by winners who are not confirmed yet, or by who declined and left it empty. Have the host mark "
        "one who is not confirmed as “declined, select again” (or absent) on the desk, then confirm this again; where nobody can give way, send it back and say that it "
        "was something else",
    )


_PAID = (
    select(Payout.id)
    .join(Order, (Order.reason_kind == PAYOUT_REASON) & (Order.reason_id == Payout.id))
    .join(FoundOrder, FoundOrder.mch_billno == Order.mch_billno)
    .where(FoundOrder.reason_kind == "prize", FoundOrder.status == "adopted")
)
_CODES = select(PrizeCode.award_id).where(PrizeCode.lost_k.is_not(None), PrizeCode.award_id.is_not(None))
AWARDS = (
    select(Award, Prize)
    .join(Prize, Prize.id == Award.prize_id)
    .where(Award.payout_id.in_(_PAID) | Award.id.in_(_CODES))
    .order_by(Award.k)
)
"""Awards of winners whom a restored database had lost, with their prizes; in a hall in the order of the lines `found`."""


def awards_of(session: Session, campaign_id: int) -> defaultdict[int, Iterator[Award]]:
    """Ordinal of a prize → these awards of a hall: each line `found` of the prize is the next of them."""
    of_prize: defaultdict[int, list[Award]] = defaultdict(list)
    for award, prize in session.execute(AWARDS.where(Award.campaign_id == campaign_id)):
        of_prize[prize.ordinal].append(award)
    return defaultdict(lambda: iter(()), {ordinal: iter(awards) for ordinal, awards in of_prize.items()})


def is_restored(session: Session, campaign_id: int) -> bool:
    """Whether a hall goes on behind a restore; before, its log takes no winner who was found."""
    mine = (HallEvent.campaign_id == campaign_id) & (HallEvent.kind == "restored")
    return session.scalar(select(HallEvent.seq).where(mine).limit(1)) is not None


def win(session: Session, prize_id: int, openid: str, amount_fen: int, now: datetime) -> Award:
    """The award of this person, who was paid that much for a prize of a hall. Raises Refusal when the log does not allow it: a
    selection is fixed just now, nothing of the prize is open, or the game was played again."""
    prize = session.get_one(Prize, prize_id)
    hall = journal.lock(session, prize.campaign_id)
    mine = (Guest.campaign_id == prize.campaign_id) & (Guest.openid == openid)
    no = session.scalar(select(Guest.no).where(mine)) or 0
    evening = journal.evening(session, hall.campaign_id)
    if prize.ordinal in evening.prizes and evening.open_slots(prize.ordinal) < 1:
        raise Refusal("slots", no_slot(prize.name))
    journal.require_and_append(session, hall, "found", {"prize": prize.ordinal, "no": no}, now, evening)
    try:
        (award,) = owe_people(session, hall, [(openid, Owed(no, prize_id, amount_fen))], now)
    except NotCovered as error:
        raise Refusal("not_covered", NOT_COVERED) from error
    return award


def give_codes_back(session: Session, hall: Hall, evening: Evening, aside: Sequence[PutAside], now: datetime) -> None:
    """Say of each code of a prize of this hall, which is locked and behind its line `restored`, that whoever won it has won it: the
    award is theirs with this very code. One whose prize the copy does not know, or has no open piece of, stays put aside."""
    mine = [each for each in aside if each.openid and each.prize_id is not None]
    if not mine or hall.is_rehearsal:
        return
    numbers = select(Guest.openid, Guest.no).where(Guest.campaign_id == hall.campaign_id)
    no_of = {row.openid: row.no for row in session.execute(numbers)}
    for each in mine:
        prize = session.get_one(Prize, each.prize_id, populate_existing=True)
        no = no_of.get(each.openid, 0)
        try:
            if prize.left < 1:
                continue
            journal.require_and_append(session, hall, "found", {"prize": prize.ordinal, "no": no}, now, evening)
        except Refusal as refusal:
            log.warning("hall_code_not_known", campaign_id=hall.campaign_id, prize=prize.ordinal, why=refusal.reason)
            continue
        owe_people(session, hall, [(each.openid, Owed(no, prize.id, code_id=each.code_id))], now)


def know_again(session: Session, hall: Hall, guests: Sequence[Guest], now: datetime) -> None:
    """Say in the log who of these guests, who sign in just now, was found as a winner before they had a number."""
    no_of = {guest.openid: guest.no for guest in guests}
    mine = (Award.campaign_id == hall.campaign_id) & Award.openid.in_(no_of)
    won = session.execute(AWARDS.where(mine)).all()
    bodies = [{"prize": prize.ordinal, "no": no_of[award.openid]} for award, prize in won]
    if bodies:
        journal.require_and_append_all(session, hall, "returned", bodies, now)
