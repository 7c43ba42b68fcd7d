"""What a new demo begins with: staff who can sign in, a beacon, keyword replies and one campaign to shake for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from wxbot.campaigns import draft, launch
from wxbot.campaigns.draft import Draft
from wxbot.db import Database
from wxbot.replies.models import ReplyRule
from wxbot.staff import roster
from wxbot.staff.models import Staff

PASSWORD = "wxbot-demo-2026"


MENU = (
    {"type": "click", "name": "领红包", "key": "红包"},
    {
        "name": "小店",
        "sub_button": [
            {"type": "click", "name": "营业时间", "key": "营业时间"},
            {"type": "click", "name": "怎么走", "key": "怎么走"},
        ],
    },
)
"""The account's menu: a tap is answered like its key would be as a text."""


@dataclass(frozen=True)
class Account:
    """A member of the demo's staff."""

    login: str
    name: str
    role: str


MARKETER = Account("mei", "市场 小美", "marketer")
CASHIER = Account("chen", "财务 老陈", "cashier")
ADMIN = Account("admin", "管理员", "admin")


def hire(database: Database, now: datetime) -> dict[str, int]:
    """The three accounts; login → id. Those that exist stay as they are."""
    with database.reading() as session:
        known = dict(session.execute(select(Staff.login, Staff.id)).all())
    for account in (MARKETER, CASHIER, ADMIN):
        if account.login not in known:
            known[account.login] = roster.hire(database, account.login, account.name, account.role, PASSWORD, now)
    return known


def plan_campaign(now: datetime, device_id: int) -> Draft:
    """The campaign that waits on the demo's phone: 200 packets in three sizes, a week long."""
    return Draft(
        name="新春到店有礼", begin_at=now + timedelta(seconds=5), end_at=now + timedelta(days=7), budget_fen=50_000,
        split="random", packet_count=200, min_fen=100, max_fen=1000, send_name="示例小店", act_name="新春有礼",
        wishing="恭喜发财，大吉大利", remark="到店摇一摇", title="新春红包", description="摇一摇领红包",
        rules="活动期间到店打开微信摇一摇（周边），即可参加抽奖，每人最多一个红包。\n红包 72 小时内有效，逾期退回。",
        organiser="示例小店", contact="400-000-0000", keyword="红包", device_ids=(device_id,), tries_per_person=3,
        tries_per_day=3, expected_people=300,
    )  # fmt: skip


def seed(database: Database, now: datetime, device_id: int) -> None:
    """Fill a new demo once; a database that has a campaign is left alone."""
    staff = hire(database, now)
    with database.transaction() as session:
        if session.execute(select(ReplyRule.id).limit(1)).first() is None:
            for trigger, pattern, text in (
                ("subscribe", "", "欢迎关注示例小店！到店打开微信「摇一摇」就有机会抽红包，回复「红包」查看活动。"),
                ("equal", "你好", "你好呀！回复「红包」查看正在进行的活动。"),
                ("equal", "营业时间", "每天 9:00–22:00，过年也不打烊。"),
                ("equal", "怎么走", "地铁 2 号线人民广场站 3 口出来，看到红灯笼就到了。"),
                ("default", "", "我还在学习中，回复「红包」查看活动，或直接到店摇一摇。"),
            ):
                session.add(ReplyRule(trigger=trigger, pattern=pattern, reply_kind="text", text=text, updated_at=now))
    campaign_id = draft.save(database, plan_campaign(now, device_id), staff[MARKETER.login], now)
    draft.submit(database, campaign_id, staff[MARKETER.login], now)
    draft.approve(database, campaign_id, staff[CASHIER.login], now)
    launch.launch(database, campaign_id, staff[MARKETER.login], now)
