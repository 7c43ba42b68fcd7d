"""What must be the same in a database and in its copy: the revision, the rows of every table, the sums of the money."""

import re
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, column, func, inspect, select, table, text

from wxbot.text import Refusal, Text

REVISION_TABLE = "alembic_version"
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

SUMS = {
    "ledger_entries_fen": "SELECT coalesce(sum(amount_fen), 0) FROM ledger_entries",
    "ledger_balances_fen": "SELECT coalesce(sum(abs(balance_fen)), 0) FROM ledger_balances",
    "orders_fen": "SELECT coalesce(sum(amount_fen), 0) FROM orders",
}

KEPT = ("orders", "ledger_entries", "campaigns", "payouts", "vouchers", "staff", "audit_events")
"""A database in which none of these has a row is empty: a start of the service alone fills none of them."""


def table_names(connection: Connection) -> list[str]:
    """All tables but Alembic's, those that others point to first."""
    found = [
        name for name, _ in inspect(connection).get_sorted_table_and_fkc_names() if name and name != REVISION_TABLE
    ]
    for name in found:
        if not NAME.fullmatch(name):
            raise Refusal(
                "copy",
                Text(f"数据库里有不认识的表 {name}。", f"The database holds a table {name} that is none of wxbot's."),
            )
    return found


def facts(connection: Connection) -> dict[str, Any]:
    """Revision, rows per table and sums, as this connection's transaction sees them."""
    names = table_names(connection)
    if "ledger_entries" not in names:
        raise Refusal(
            "copy",
            Text("这里没有 wxbot 的数据库：wxbot db status", "There is no database of wxbot here: wxbot db status"),
        )
    return {
        "revision": MigrationContext.configure(connection).get_current_revision(),
        "rows": {
            name: int(connection.execute(select(func.count()).select_from(table(name))).scalar_one()) for name in names
        },
        "sums": {name: int(connection.execute(text(query)).scalar_one()) for name, query in SUMS.items()},
    }


def is_empty(connection: Connection) -> bool:
    """Whether nothing would be lost with this database."""
    there = set(inspect(connection).get_table_names())
    return not any(
        connection.execute(select(column("id")).select_from(table(name)).limit(1)).first()
        for name in KEPT
        if name in there
    )


def refuse_difference(told: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise Refusal with the first thing that is not as the manifest says."""
    for part in ("revision", "sums", "rows"):
        if told[part] != found[part]:
            raise Refusal(
                "copy",
                Text(
                    f"副本与清单不一致（{part}：{told[part]} ≠ {found[part]}）。",
                    f"The copy is not what its manifest says ({part}: {told[part]} ≠ {found[part]}).",
                ),
            )
