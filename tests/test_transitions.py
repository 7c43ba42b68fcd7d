"""Statuses: a type for each table, one way to write them, and no question for one that does not exist."""

import ast
from typing import Any, get_args

import pytest

import wxbot.schema  # noqa: F401  (knows every table)
from tests.sources import nodes
from wxbot.db import Base
from wxbot.orders.models import NEXT, Order
from wxbot.transitions import NotAllowed, moving, one_of

ELSEWHERE = ("wxbot/simulator/", "wxbot/migrations/")
MODELS = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers if "status" in mapper.columns}


def statuses(model: Any) -> tuple[str, ...]:
    """The values that the type of a model's status allows."""
    (annotated,) = get_args(model.__annotations__["status"])
    return get_args(annotated)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_status_is_a_literal_that_fits_its_column(name: str) -> None:
    known = statuses(MODELS[name])
    assert len(known) > 1 and all(isinstance(status, str) for status in known)
    assert max(map(len, known)) <= MODELS[name].__table__.c.status.type.length


def _begins_with(call: ast.AST) -> str:
    """The name that a chain of calls begins with: `update` of `update(Order).where(…).values(…)`."""
    while isinstance(call, ast.Call | ast.Attribute):
        call = call.func if isinstance(call, ast.Call) else call.value
    return call.id if isinstance(call, ast.Name) else ""


def test_a_status_is_changed_by_transitions_alone() -> None:
    found = [
        place
        for place, node in nodes("status=", but=ELSEWHERE)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values"
        if any(keyword.arg == "status" for keyword in node.keywords)
        if not _begins_with(node.func.value).startswith("insert") and not place.startswith("wxbot/transitions.py")
    ]
    assert not found, f"A status written past the table of transitions; use wxbot.transitions.move or moving: {found}"


def _asked_of(node: ast.AST) -> tuple[str, list[ast.expr]] | None:
    """The model and the values of `Model.status == …`, `Model.status.in_(…)` and the like."""
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        column, values = node.left, [node.comparators[0]]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("in_", "not_in"):
        column, values = node.func.value, [each for given in node.args for each in getattr(given, "elts", ())]
    else:
        return None
    is_status = isinstance(column, ast.Attribute) and column.attr == "status" and isinstance(column.value, ast.Name)
    return (column.value.id, values) if is_status and column.value.id in MODELS else None  # type: ignore[attr-defined]


def test_sql_asks_for_no_status_that_does_not_exist() -> None:
    """What mypy sees in Python it does not see in a statement: there every column compares with anything."""
    asked = [
        (place, found) for place, node in nodes(".status", but=ELSEWHERE) if (found := _asked_of(node)) is not None
    ]
    assert len(asked) > 100
    wrong = [
        f"{place}: {value.value!r}"
        for place, (model, values) in asked
        for value in values
        if isinstance(value, ast.Constant) and value.value not in statuses(MODELS[model])
    ]
    assert not wrong


def test_a_step_that_the_table_does_not_know_is_refused_before_any_sql() -> None:
    with pytest.raises(NotAllowed, match="orders: received → sending"):
        moving(Order, NEXT, ("planned", "received"), "sending")


def test_a_check_is_made_from_the_type() -> None:
    text = str(one_of("status", Order.__annotations__["status"].__args__[0]).sqltext)
    assert text.startswith("status IN ('planned', 'sending', ") and text.endswith(", 'manual')")
