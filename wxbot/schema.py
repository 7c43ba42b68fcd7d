"""Every table in one import, for migrations and tests; nothing else needs it."""

from wxbot.alerts import models as alerts
from wxbot.budget import Budget
from wxbot.campaigns import models as campaigns
from wxbot.db import Base
from wxbot.draws import models as draws
from wxbot.hall import models as hall
from wxbot.instant import models as instant
from wxbot.keys import sentinel as keys
from wxbot.ledger import Entry
from wxbot.lineage import Lineage
from wxbot.metrics import models as metrics
from wxbot.orders import found
from wxbot.orders import models as orders
from wxbot.payouts import models as payouts
from wxbot.people import models as people
from wxbot.quotas import Quota
from wxbot.replies import models as replies
from wxbot.retention import Cut
from wxbot.shake import models as shake
from wxbot.staff import models as staff
from wxbot.vouchers import models as vouchers

APPEND_ONLY = ("ledger_entries", "ledger_seals", "audit_events", "order_evidence", "retention_cuts", "hall_events")
"""Tables whose rows are never changed or deleted; triggers enforce it on both databases (I9)."""

__all__ = [
    "APPEND_ONLY",
    "Base",
    "Budget",
    "Cut",
    "Entry",
    "Lineage",
    "Quota",
    "alerts",
    "campaigns",
    "draws",
    "found",
    "hall",
    "instant",
    "keys",
    "metrics",
    "orders",
    "payouts",
    "people",
    "replies",
    "shake",
    "staff",
    "vouchers",
]
