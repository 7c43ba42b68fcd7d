"""A draft that passes, as a form of the console; tests change one field at a time."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from wxbot.staff.models import Staff

NOW = datetime(2026, 3, 15, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai."""

FORM: dict[str, Any] = {
    "name": "新春到店有礼",
    "begin_at": "2026-03-16T09:00",
    "end_at": "2026-03-20T21:00",
    "daily_from": "09:00",
    "daily_until": "21:00",
    "budget": "400.00",
    "split": "fixed",
    "packet_count": "200",
    "packet_amount": "2.00",
    "tries_per_person": "3",
    "tries_per_day": "1",
    "odds": "100",
    "expected_people": "260",
    "send_name": "晨光咖啡",
    "act_name": "新春有礼",
    "wishing": "恭喜发财,大吉大利",
    "remark": "到店有礼",
    "title": "新春红包",
    "description": "到店摇一摇",
    "rules": "活动期间到店摇一摇即可参与。\n每人最多一个红包。",
    "organiser": "晨光咖啡有限公司",
    "contact": "400-000-0000",
    "keyword": "红包",
    "device_ids": "1001, 1002",
}


def form(**changes: Any) -> dict[str, Any]:
    """The form with some fields changed."""
    return FORM | changes


def hire(session: Session, *roles: str) -> list[int]:
    """People of these roles, without usable passwords; returns their ids."""
    people = [
        Staff(login=f"{role}{n}", name=role, role=role, password_hash="!", created_at=NOW, locale="zh_CN")
        for n, role in enumerate(roles)
    ]
    session.add_all(people)
    session.flush()
    return [person.id for person in people]
