"""Every column that holds something sealed, and the blind index beside it: what a change of the secret key must touch."""

from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, Table, or_

from wxbot.db import Base
from wxbot.hall.models import Hall
from wxbot.instant.models import InstantTerms, PrizeCode
from wxbot.orders.models import Order
from wxbot.payouts.models import ListRow
from wxbot.people.models import Binding, PersonMark, RosterEntry, RosterFile, SmsCode, SmsOut
from wxbot.shake.models import Lottery
from wxbot.staff.models import Staff


@dataclass(frozen=True)
class Sealed:
    """The sealed columns of one table; `index` is the column that holds the blind index of the first of them."""

    model: type[Base]
    columns: tuple[str, ...]
    index: str = ""

    @property
    def table(self) -> Table:
        """The table itself."""
        return cast(Table, self.model.__table__)

    @property
    def is_filled(self) -> ColumnElement[bool]:
        """Rows in which something is sealed: empty texts and NULL are not."""
        return or_(*(self.table.c[name] > "" for name in self.columns))


SEALED = (
    Sealed(Staff, ("totp_sealed",)),
    Sealed(Lottery, ("lottery_key",)),
    Sealed(RosterFile, ("rows_sealed", "faulty_sealed")),
    Sealed(SmsOut, ("phone_sealed", "code_sealed")),
    Sealed(SmsCode, ("phone_sealed",), "phone_index"),
    Sealed(PersonMark, ("phone_sealed",), "subject"),
    Sealed(RosterEntry, ("phone_sealed",), "phone_index"),
    Sealed(Binding, ("phone_sealed",), "phone_index"),
    Sealed(ListRow, ("phone_sealed", "read_sealed")),
    Sealed(InstantTerms, ("seed_sealed",)),
    Sealed(Hall, ("seed_sealed", "code_key_sealed")),
    Sealed(PrizeCode, ("code_sealed",), "code_index"),
    Sealed(Order, ("sp_ticket",), "sp_ticket_hash"),
)
"""Indexes without the text they were made of are in no row here: `binds.sp_ticket_hash` follows its order, `sms_counts.subject`
its phone, and `sms_codes.code_hash` cannot be made again (the code lives five minutes)."""
