"""What a kind of voucher allows: the amount rule, and the console's form for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.linter import check as lint
from wxbot.money import NotANumber, NotMoney, parse_number, parse_yuan, yuan
from wxbot.orders.channels import DIRECT, text_fault
from wxbot.payouts import rule_changes
from wxbot.payouts.models import RuleChange
from wxbot.text import Refusal, Text
from wxbot.vouchers.models import AMOUNT_RULES, VoucherKind

UNITS_AT_MOST = 9_999
FEN_AT_MOST = 10_000_000
"""Bounds of what may be configured and asked: above them somebody mistyped."""


class BadAmount(Refusal):
    """The amount does not fit the kind's rule."""


def open_kinds(session: Session) -> Sequence[VoucherKind]:
    """The kinds people may choose from, in the console's order."""
    query = select(VoucherKind).where(VoucherKind.is_on).order_by(VoucherKind.position, VoucherKind.id)
    return session.scalars(query).all()


def amount_of(kind: VoucherKind, units: int = 0, amount_fen: int = 0) -> int:
    """What a voucher of this kind asks for, in fen. fixed ignores both arguments, per_unit the amount, free the units.

    Raises BadAmount with a sentence when the rule does not allow it.
    """
    if kind.amount_rule == "fixed":
        return kind.fixed_fen
    if kind.amount_rule == "per_unit":
        unit = kind.unit_name or "件"
        most = kind.max_fen // kind.unit_fen if kind.max_fen else UNITS_AT_MOST
        least = max(1, -(-kind.min_fen // kind.unit_fen))
        if not least <= units <= most:
            raise BadAmount(
                "units",
                Text(
                    f"数量要在 {least} 到 {most} {unit}之间，请改一下。",
                    f"Please give a number between {least} and {most}.",
                ),
            )
        return units * kind.unit_fen
    if not kind.min_fen <= amount_fen <= kind.max_fen or amount_fen <= 0:
        raise BadAmount(
            "amount",
            Text(
                f"金额要在 {yuan(kind.min_fen)} 到 {yuan(kind.max_fen)} 元之间，请改一下。",
                f"Please give an amount between {yuan(kind.min_fen)} and {yuan(kind.max_fen)} yuan.",
            ),
        )
    return amount_fen


def corrected(kind: VoucherKind, asked_fen: int, amount_fen: int) -> int:
    """What a reviewer may make of an asked amount: the same, or less where the rule knows a smaller one.

    Raises BadAmount: nobody is paid more than was asked, nor an amount the kind does not know.
    """
    if amount_fen == asked_fen:
        return amount_fen
    text = Text(
        f"核定金额不能高于申请的 {yuan(asked_fen)} 元，也要符合凭证类型的规则。",
        f"The amount may not exceed the {yuan(asked_fen)} yuan asked for, and must fit the kind's rule.",
    )
    if not 0 < amount_fen < asked_fen or kind.amount_rule == "fixed":
        raise BadAmount("amount", text)
    if kind.amount_rule == "per_unit":
        units, rest = divmod(amount_fen, kind.unit_fen)
        if rest:
            raise BadAmount("amount", text)
        return amount_of(kind, units)
    return amount_of(kind, 0, amount_fen)


# --- the console's form -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KindForm:
    """A kind as it was typed, read and checked; `faults` maps a field to its sentences (Chinese, English)."""

    values: dict[str, Any]
    faults: dict[str, Text]


_TEXTS = {"name": 20, "ask": 200, "unit_name": 8, "wishing": 32, "remark": 64}
_MONEY = ("fixed_fen", "unit_fen", "min_fen", "max_fen", "month_fen_cap")
_NUMBERS = {"month_count_cap": 10_000, "position": 10_000}


def read_form(form: Mapping[str, str]) -> KindForm:
    """Read the console's form; amounts are typed in yuan."""
    values: dict[str, Any] = {}
    faults: dict[str, Text] = {}
    for name, most in _TEXTS.items():
        values[name] = " ".join(form.get(name, "").split())
        if len(values[name]) > most:
            faults[name] = Text(f"最多 {most} 个字。", f"At most {most} characters.")
    for name in _MONEY:
        typed = form.get(name, "").strip()
        try:
            values[name] = parse_yuan(typed) if typed else 0
        except NotMoney:
            values[name] = 0
            faults[name] = Text("请填写金额，例如 12.50。", "An amount in yuan, such as 12.50.")
        if values[name] > FEN_AT_MOST:
            faults[name] = Text(f"不能超过 {yuan(FEN_AT_MOST)} 元。", f"At most {yuan(FEN_AT_MOST)} yuan.")
    for name, most in _NUMBERS.items():
        try:
            values[name] = parse_number(form.get(name, "").strip() or "0")
        except NotANumber:
            values[name] = most + 1
        if values[name] > most:
            values[name] = 0
            faults[name] = Text(f"请填写 0 到 {most} 的整数。", f"A whole number from 0 to {most}.")
    programme = form.get("programme_id", "")
    values["programme_id"] = (
        int(programme) if programme.isascii() and programme.isdigit() and len(programme) < 16 else 0
    )
    values["amount_rule"] = form.get("amount_rule", "")
    values["channel"] = form.get("channel", "")
    values["needs_binding"] = form.get("needs_binding") == "1"
    values["is_on"] = form.get("is_on") == "1"
    return KindForm(values, faults | _misfits(values, faults))


def _misfits(values: Mapping[str, Any], faults: Mapping[str, Any]) -> dict[str, Text]:
    """What does not fit together once every field could be read."""
    found: dict[str, Text] = {}

    def say(field: str, chinese: str, english: str) -> None:
        if field not in faults:
            found.setdefault(field, Text(chinese, english))

    if not values["name"]:
        say("name", "请给这种凭证起个名字。", "Give this kind a name.")
    if values["channel"] not in ("", *DIRECT):
        say("channel", "请从列表中选择付款方式。", "Choose a payment channel from the list.")
    for field in ("wishing", "remark"):
        wrong = text_fault(field, values[field]) if values[field] else None
        if wrong:
            say(field, f"{wrong.zh}。", f"{wrong.en.capitalize()}.")
    for field in ("name", "ask", "wishing", "remark"):
        if forbidden := lint.error(values[field]):
            say(field, f"{forbidden.zh}。", f"{forbidden.en}.")
    rule = values["amount_rule"]
    if rule not in AMOUNT_RULES:
        say("amount_rule", "请选择金额规则。", "Choose an amount rule.")
    if rule == "fixed" and values["fixed_fen"] <= 0:
        say("fixed_fen", "请填写每张凭证的金额。", "What is one voucher worth?")
    if rule == "per_unit":
        if values["unit_fen"] <= 0:
            say("unit_fen", "请填写每件的金额。", "What is one piece worth?")
        if not values["unit_name"]:
            say("unit_name", "请填写单位，例如“箱”。", "Name the unit, such as “box”.")
        if values["max_fen"] < values["unit_fen"]:
            say("max_fen", "上限要够付一件。", "The most must cover one piece.")
    if rule == "free" and values["min_fen"] <= 0:
        say("min_fen", "请填写最低金额。", "Give the least amount.")
    if rule in ("free", "per_unit") and values["max_fen"] < values["min_fen"]:
        say("max_fen", "上限不能低于下限。", "The most must not be below the least.")
    least = {"fixed": values["fixed_fen"], "per_unit": values["unit_fen"], "free": values["min_fen"]}.get(rule, 0)
    if 0 < values["month_fen_cap"] < least:
        say(
            "month_fen_cap",
            "每月上限不够付一张凭证；不限请填 0。",
            "The monthly cap is below one voucher; 0 means none.",
        )
    return found


RULES = (
    *("amount_rule", "fixed_fen", "unit_fen", "unit_name", "min_fen", "max_fen", "month_fen_cap", "month_count_cap"),
    *("programme_id", "channel", "needs_binding", "is_on"),
)
"""Who may get how much, and out of which budget: columns that a second cashier agrees to. Switching off needs nobody else."""


def save(
    session: Session, form: KindForm, staff_id: int, now: datetime, kind_id: int | None = None, version: int = 0
) -> tuple[VoucherKind, RuleChange | None]:
    """Write a kind that has no faults; what of it then waits for a second cashier is returned with it.

    A new kind is written as it is and takes nothing in until it may be switched on. Of one that exists, RULES stay as they are.
    Raises Refusal when its name is taken, somebody else changed it meanwhile, or other rules wait already.
    """
    if form.faults:
        raise ValueError("a form with faults cannot be saved")
    other = session.scalar(select(VoucherKind.id).where(VoucherKind.name == form.values["name"]))
    if other is not None and other != kind_id:
        raise Refusal("name", Text("已有同名的凭证类型，请换个名字。", "There is a kind of this name; choose another."))
    values = form.values | {"updated_by": staff_id, "updated_at": now}
    if kind_id is None:
        kind = VoucherKind(**values | {"is_on": False})
        session.add(kind)
        session.flush()
    else:
        kind = session.get_one(VoucherKind, kind_id, with_for_update=True)
        if kind.version != version:
            raise Refusal(
                "changed",
                Text(
                    "其他人刚刚改过这个类型，请重新打开再改。",
                    "Somebody else has just changed this kind; open it again.",
                ),
            )
        if not values["is_on"]:
            kind.is_on = False
        for name in values.keys() - set(RULES):
            setattr(kind, name, values[name])
        kind.version += 1
        session.flush()
    asked = rule_changes.differing(kind, {name: values[name] for name in RULES})
    return kind, rule_changes.ask(session, "kind", kind.id, asked, staff_id, now) if asked else None


def approve_rules(
    session: Session, change_id: int, staff_id: int, seen_sha256: str, now: datetime
) -> dict[str, list[Any]]:
    """The second cashier agrees to what a kind is worth, or that it is switched on; returns column → [before, after]. Raises Refusal.

    What was handed in before keeps the amount it asked for.
    """
    change = rule_changes.waiting(session, change_id, "kind")
    kind = session.get_one(VoucherKind, change.subject_id, with_for_update=True)
    before_after = rule_changes.approve(session, change, kind, staff_id, seen_sha256, now)
    kind.version += 1
    return before_after
