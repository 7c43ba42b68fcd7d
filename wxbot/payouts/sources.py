"""What a payout can be owed for: the one list of source kinds, with all that the rest of the house asks about a kind.

A new kind is one line here, and a migration of the CHECK on `payouts` that is made from this list.
"""

from typing import NamedTuple

from wxbot.text import Text

VOUCHER, ROW, MANUAL, REISSUE, AWARD = "voucher", "row", "manual", "reissue", "award"
"""source_kind of a voucher, a row of a list, a form filled in by hand, a payout that is issued once more, a won award."""


class Link(NamedTuple):
    """A page of the console. Features above this one are named here as text: nobody registers a kind from elsewhere."""

    endpoint: str
    parameter: str
    """The part of its address that takes an id."""


class Source(NamedTuple):
    """One kind of source."""

    word: Text
    """What staff call it."""
    reason: Text
    """Why somebody is owed, as the first half of a sentence."""
    link: Link | None = None
    """Where the console shows it; None when the payout's own page says all of it."""
    needs_second_person: bool = False
    """Whether a second person approves it whatever the amount (money F83)."""
    is_reviewed: bool = False
    """Whether the payee asked for it and the requester is who reviewed that: their day has a sum of its own."""
    fund: str = "reserved"
    """The ledger account that its orders take the money from (orders/models.FUNDS). What is `owed` was committed before
    there was a payout: it belongs to no programme, and its order may end without paying as often as the person asks again."""
    page: str = ""
    """Where its person asks for it again once an order has ended without paying; only for what is owed."""


OWED = "owed"

SOURCES: dict[str, Source] = {
    VOUCHER: Source(
        Text("凭证", "voucher"),
        Text("凭证已通过审核", "The voucher was approved"),
        Link("vouchers.page", "voucher_id"),
        is_reviewed=True,
    ),
    ROW: Source(
        Text("名单", "list"),
        Text("名单已批准", "The list was approved"),
        Link("lists.page", "list_id"),
    ),
    MANUAL: Source(
        Text("手工", "by hand"),
        Text("手工付款已登记", "A payout by hand was asked for"),
    ),
    REISSUE: Source(
        Text("补发", "re-issue"),
        Text("补发已登记", "It is issued once more"),
        Link("payouts.payout", "payout_id"),
        needs_second_person=True,
    ),
    AWARD: Source(
        Text("活动奖品", "award"),
        Text("在活动中中奖", "It was won in a campaign"),
        fund=OWED,
        page="/h5/awards",
    ),
}
"""source_kind → what it is; together with the source's id it is unique among payouts (money rule 2)."""


def is_owed(source_kind: str) -> bool:
    """Whether a payout of this kind is paid from what is owed already, so that only its person, its deadline or its payment end it."""
    return SOURCES[source_kind].fund == OWED
