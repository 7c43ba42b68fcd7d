"""Drafts of halls as the console's form sends them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from wxbot.clock import SHANGHAI
from wxbot.runtime import Runtime


def gala(runtime: Runtime, **changes: Any) -> dict[str, Any]:
    """A draft of a hall as the console's form sends it."""
    day = (runtime.clock.now().astimezone(SHANGHAI) + timedelta(days=1)).replace(hour=18, minute=0)
    values: dict[str, Any] = {
        "mechanic": "hall",
        "name": "年会",
        "begin_at": f"{day:%Y-%m-%dT%H:%M}",
        "end_at": f"{day + timedelta(hours=5):%Y-%m-%dT%H:%M}",
        "budget": "2500",
        "act_name": "年会抽奖",
        "rules": "现场抽奖。",
        "organiser": "示例公司",
        "contact": "400-000-0000",
        "mode": "hall",
        "groups": "销售部，技术部",
        "prize_way": ["selection", "selection", "rain"],
        "prize_kind": ["money", "goods", "money"],
        "prize_name": ["三等奖", "一等奖", "红包雨"],
        "prize_amount": ["66", "3000", "0.50-2.00"],
        "prize_stock": ["10", "1", "100"],
        "prize_each": ["5", "1", "3"],
        "prize_scope": ["evening", "prize", ""],
        "prize_absence": ["slot", "evening", ""],
        "prize_groups": ["", "销售部", ""],
        "prize_total": ["", "", "100"],
        "prize_seconds": ["", "", "20"],
        "prize_leftover": ["", "", "person"],
    }
    return values | changes
