"""The judge of a storm looks from outside: at the bank's book and into every wallet. Of our own database it takes whose number
is whose; what our books say is compared with the bank's end of each number, and then they must agree with themselves.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.storm.boxes import Deployment
from tests.storm.crowd import Crowd
from wxbot import ledger
from wxbot.campaigns.models import FINAL_PACKETS, Packet
from wxbot.demo import expected
from wxbot.demo.expected import BankRow, Owed
from wxbot.demo.seed import CASHIER, PASSWORD, SECOND_CASHIER
from wxbot.orders.bill_faults import NOT_OURS
from wxbot.orders.channels import CHANNELS, DIRECT
from wxbot.orders.models import Order

DRAWN = next(name for name in CHANNELS if name not in DIRECT)
"""The channel of packets that people draw."""


@dataclass
class Evidence:
    """What the world outside knows when everything has come to rest."""

    bank: Mapping[str, BankRow]
    """Every order the bank knows, by number."""
    wallets: Mapping[str, Sequence[tuple[str, int]]]
    """openid → (channel, fen) of each receipt."""
    budgets: Mapping[str, int]
    """What stands on everything paid from a budget → the budget in fen."""
    broken: Sequence[str] = ()
    """What the bank finds wrong in its own books."""


@dataclass
class Verdict:
    """How a storm ended; sound when nothing is blamed."""

    orders: int = 0
    paid_fen: int = 0
    returned_fen: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    blames: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """double_paid, lost, mismatches, over_budget, books → one sentence for each."""

    @property
    def is_sound(self) -> bool:
        """Whether nobody was paid twice, nobody forgotten, no budget exceeded, and every book agrees."""
        return not any(self.blames.values())

    @property
    def violations(self) -> int:
        """How many things were wrong."""
        return sum(map(len, self.blames.values()))


def gather(crowd: Crowd) -> Evidence:
    """Ask the bank and everybody."""
    rows = [row for channel in CHANNELS for row in expected.orders_of(crowd.world, channel)]
    wallets = {
        person.openid: [
            (str(row["channel"]), int(row["amount_fen"]))
            for row in crowd.world.call("GET", f"people/{person.id}/wallet")["rows"]
        ]
        for person in crowd.people
    }
    broken = crowd.world.call("GET", "bank?check=1")["broken"]
    return Evidence({row["mch_billno"]: row for row in rows}, wallets, dict(crowd.wishes), broken)


def judge(session: Session, promises: Sequence[Owed], seen: Evidence) -> Verdict:
    """Hold promises, numbers, wallets and budgets against each other."""
    verdict = Verdict(orders=len(seen.bank))
    verdict.paid_fen = sum(int(row["paid_fen"]) for row in seen.bank.values())
    verdict.returned_fen = sum(int(row["refunded_fen"]) for row in seen.bank.values())
    direct = {number: row for number, row in seen.bank.items() if row["channel"] != DRAWN}
    got = {who: [fen for channel, fen in receipts if channel != DRAWN] for who, receipts in seen.wallets.items()}
    payouts = expected.judge(session, promises, direct, got)
    verdict.ends = payouts.ends
    for note in payouts.notes:
        kind, _, sentence = note.partition(": ")
        verdict.blames[kind].append(sentence)
    _judge_drawn(session, verdict, {number: row for number, row in seen.bank.items() if row["channel"] == DRAWN})
    _judge_drawn_wallets(verdict, seen)
    for wish, budget_fen in seen.budgets.items():
        most_fen = most_at_once([row for row in seen.bank.values() if row["wishing"] == wish])
        if most_fen > budget_fen:
            verdict.blames["over_budget"].append(f"{wish}: {most_fen} fen at once from a budget of {budget_fen}")
    for row in seen.bank.values():
        if row["wishing"] not in seen.budgets:
            verdict.blames["over_budget"].append(f"{row['mch_billno']} is paid from no budget we know")
    verdict.blames["books"] += seen.broken
    _judge_books(session, verdict)
    return verdict


def most_at_once(rows: Sequence[BankRow]) -> int:
    """The most that was ever with people or under way at the same time, in fen, by the bank's own times."""
    moves: list[tuple[float, int]] = []
    for row in rows:
        if row["status"] == "failed" and not row["refunded_at"]:
            continue  # it never held money
        moves.append((float(row["created_at"]), int(row["amount_fen"])))
        if row["refunded_fen"]:
            moves.append((float(row["refunded_at"]), -int(row["refunded_fen"])))
    held_fen = most_fen = 0
    for _, change_fen in sorted(moves):  # at the same moment, what came back is free before it is used again
        held_fen += change_fen
        most_fen = max(most_fen, held_fen)
    return most_fen


def _judge_drawn(session: Session, verdict: Verdict, bank: Mapping[str, BankRow]) -> None:
    """Packets that were drawn: each number is ours, ended as we say, pays one packet once, and nobody won twice."""
    ours = {one.mch_billno: one for one in session.scalars(select(Order).where(Order.channel == DRAWN))}
    paid: Counter[int] = Counter()
    winners: Counter[tuple[str, str]] = Counter()
    for number, row in bank.items():
        order = ours.get(number)
        if order is None or order.amount_fen != row["amount_fen"]:
            verdict.blames["mismatches"].append(f"{number}: the bank has an order that we do not, or another amount")
            continue
        end = "received" if row["paid_fen"] else "returned" if row["refunded_fen"] else str(row["status"])
        if order.status != end:
            kind = "lost" if end not in ("received", "returned") else "mismatches"
            verdict.blames[kind].append(f"{number}: the bank says {end}, we say {order.status}")
        if row["paid_fen"]:
            paid[order.reason_id] += 1
            winners[row["openid"], row["wishing"]] += 1
    for number in ours.keys() - bank.keys():
        if ours[number].status != "failed":
            verdict.blames["lost"].append(f"{number}: the bank never heard of it, we say {ours[number].status}")
    for packet_id, times in paid.items():
        if times > 1:
            verdict.blames["double_paid"].append(f"packet {packet_id} was paid {times} times")
    for (openid, wish), times in winners.items():
        if times > 1:
            verdict.blames["double_paid"].append(f"{openid} won {times} times in {wish}")
    for packet in session.scalars(select(Packet).where(Packet.status.not_in(FINAL_PACKETS))):
        verdict.blames["lost"].append(f"packet {packet.id} is still {packet.status}")


def _judge_drawn_wallets(verdict: Verdict, seen: Evidence) -> None:
    """What each person drew and opened is in their wallet, fen by fen."""
    drawn: dict[str, Counter[int]] = defaultdict(Counter)
    for row in seen.bank.values():
        if row["channel"] == DRAWN and row["paid_fen"]:
            drawn[row["openid"]][int(row["paid_fen"])] += 1
    for openid, receipts in seen.wallets.items():
        got = Counter(fen for channel, fen in receipts if channel == DRAWN)
        for fen in (got - drawn[openid]).elements():
            verdict.blames["double_paid"].append(f"{openid} drew {fen} fen that the bank did not pay")
        for fen in (drawn[openid] - got).elements():
            verdict.blames["lost"].append(f"{openid} never got {fen} fen that the bank paid")


def _judge_books(session: Session, verdict: Verdict) -> None:
    """What the ledger calls paid is what the bank paid, and nothing stands in suspense or under way."""
    standing = ledger.balances(session)
    if standing["paid"] != verdict.paid_fen:
        verdict.blames["books"].append(f"the ledger has paid {standing['paid']} fen, the bank {verdict.paid_fen}")
    for account in ("in_flight", "tickets", "unclaimed", "suspense"):
        if standing[account]:
            verdict.blames["books"].append(f"{standing[account]} fen are left in {account}")


def explain_withdrawals(deployment: Deployment, withdrawn_fen: Sequence[int]) -> list[str]:
    """The storm took money out of the account, the fund bills show it, and the books call it foreign: two cashiers explain
    exactly those lines, as they would a withdrawal to the company's bank. Returns what cannot be explained so."""
    checked = json.loads(deployment.command("ledger", "check", "--json").stdout)
    left = Counter(withdrawn_fen)
    ours, strange = [], []
    foreign = {line["id"]: line for each in checked["bill"] for line in each["lines"] if line["fault"] == NOT_OURS}
    for line in foreign.values():  # a line stands with its own kind, and with what is in suspense
        if line["kind"] == "outgo" and left[line["amount_fen"]]:
            left[line["amount_fen"]] -= 1
            ours.append(str(line["id"]))
        else:
            strange.append(f"a line of the fund bill that nobody made: {line}")
    if ours:
        whom, said = ("--password-stdin", "--as"), f"{PASSWORD}\n"
        note = "提现到公司银行账户，出纳当天登记"
        stated = deployment.command("ledger", "explain", *ours, "--note", note, *whom, CASHIER.login, said=said)
        notes = re.search(r"ledger agree ([\d ]+) --as", stated.stdout)
        assert notes, stated.stdout + stated.stderr
        agreed = deployment.command("ledger", "agree", *notes[1].split(), *whom, SECOND_CASHIER.login, said=said)
        assert agreed.returncode == 0, agreed.stdout + agreed.stderr
    return strange


def check_ledger(deployment: Deployment, verdict: Verdict) -> None:
    """`wxbot ledger check`, as an operator runs it: every rule holds, and the fund bills agree."""
    checked = deployment.command("ledger", "check", "--json")
    if checked.returncode != 0:
        found = json.loads(checked.stdout)
        broken = [f"{name} is broken by {n} rows" for name, n in found["broken"].items() if n]
        verdict.blames["books"] += [
            f"wxbot ledger check: {one}" for one in broken + [each["en"] for each in found["bill"]]
        ]
