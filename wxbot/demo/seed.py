"""What a new demo begins with: staff who can sign in, a beacon, keyword replies and one campaign to shake for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from wxbot.campaigns import draft, launch
from wxbot.campaigns.draft import Draft
from wxbot.db import Database
from wxbot.replies.models import ReplyRule
from wxbot.staff import accounts
from wxbot.staff.models import Staff

PASSWORD = "wxbot-demo-2026"
WELCOME = (
    "欢迎关注示例小店！到店打开微信「摇一摇」就有机会抽红包，回复「红包」查看活动。\n"
    "促销员请先回复「绑定」，再回复「上传凭证」；随时回复「我的红包」查看进度。"
)


def menu(public_url: str) -> list[dict[str, Any]]:
    """The account's menu: a tap is answered like its key would be as a text."""
    return [
        {
            "name": "红包",
            "sub_button": [
                {"type": "click", "name": "摇一摇活动", "key": "红包"},
                {"type": "click", "name": "我的红包", "key": "我的红包"},
                {"type": "view", "name": "红包记录", "url": f"{public_url}/h5/me"},
            ],
        },
        {
            "name": "促销员",
            "sub_button": [
                {"type": "click", "name": "绑定手机", "key": "绑定"},
                {"type": "click", "name": "上传凭证", "key": "上传凭证"},
                {"type": "click", "name": "补照片", "key": "补照片"},
                {"type": "view", "name": "网页上传", "url": f"{public_url}/h5/voucher"},
            ],
        },
        {
            "name": "小店",
            "sub_button": [
                {"type": "click", "name": "营业时间", "key": "营业时间"},
                {"type": "click", "name": "怎么走", "key": "怎么走"},
            ],
        },
    ]


@dataclass(frozen=True)
class Account:
    """A member of the demo's staff."""

    login: str
    name: str
    role: str


MARKETER = Account("mei", "市场 小美", "marketer")
CASHIER = Account("chen", "财务 老陈", "cashier")
SECOND_CASHIER = Account("zhou", "财务 小周", "cashier")
REVIEWER = Account("lin", "审核 小林", "reviewer")
SECOND_REVIEWER = Account("qin", "审核 小秦", "reviewer")
ADMIN = Account("admin", "管理员", "admin")
STAFF = (MARKETER, REVIEWER, SECOND_REVIEWER, CASHIER, SECOND_CASHIER, ADMIN)
"""Two who review and two who pay: nobody approves what they asked for."""


def hire(database: Database, now: datetime) -> dict[str, int]:
    """All accounts; login → id. Those that exist stay as they are."""
    with database.reading() as session:
        known = dict(session.execute(select(Staff.login, Staff.id)).all())
    for account in STAFF:
        if account.login not in known:
            known[account.login] = accounts.hire(database, account.login, account.name, account.role, PASSWORD, now)
    return known


def plan_campaign(now: datetime, device_id: int) -> Draft:
    """The campaign that waits on the demo's phone: 200 packets in three sizes, a week long."""
    return Draft(
        name="新春到店有礼",
        begin_at=now + timedelta(seconds=5),
        end_at=now + timedelta(days=7),
        budget_fen=50_000,
        split="random",
        packet_count=200,
        min_fen=100,
        max_fen=1000,
        send_name="示例小店",
        act_name="新春有礼",
        wishing="恭喜发财，大吉大利",
        remark="到店摇一摇",
        title="新春红包",
        description="摇一摇领红包",
        rules="活动期间到店打开微信摇一摇（周边），即可参加抽奖，每人最多一个红包。\n红包 72 小时内有效，逾期退回。",
        organiser="示例小店",
        contact="400-000-0000",
        keyword="红包",
        device_ids=(device_id,),
        tries_per_person=3,
        tries_per_day=3,
        expected_people=300,
    )


def _rules(now: datetime) -> list[ReplyRule]:
    """Keyword replies, the welcome, and a photo out of the blue, which begins a voucher."""
    texts = (
        ("subscribe", "", WELCOME),
        ("equal", "你好", "你好呀！回复「红包」查看正在进行的活动。"),
        ("equal", "营业时间", "每天 9:00–22:00，过年也不打烊。"),
        ("equal", "怎么走", "地铁 2 号线人民广场站 3 口出来，看到红灯笼就到了。"),
        ("default", "", "我还在学习中，回复「红包」查看活动，或直接到店摇一摇。"),
    )
    dialogues = (
        ("contain", "报销", "upload", "费用也在这里报。"),
        ("contain", "没收到", "my_packets", "先看看您的红包走到哪一步了。"),
        ("image", "", "upload", "收到照片。交凭证请按下面的步骤来。"),
    )
    rules = [
        ReplyRule(trigger=trigger, pattern=pattern, reply_kind="text", text=text, updated_at=now)
        for trigger, pattern, text in texts
    ]
    return rules + [
        ReplyRule(trigger=trigger, pattern=pattern, reply_kind="dialogue", dialogue=name, text=text, updated_at=now)
        for trigger, pattern, name, text in dialogues
    ]


def seed(database: Database, now: datetime, device_id: int) -> None:
    """Fill a new demo once; a database that has a campaign is left alone."""
    staff = hire(database, now)
    with database.transaction() as session:
        if session.execute(select(ReplyRule.id).limit(1)).first() is None:
            session.add_all(_rules(now))
    with database.transaction() as session:
        campaign_id = draft.save(session, plan_campaign(now, device_id), staff[MARKETER.login], now)
        draft.submit(session, campaign_id, staff[MARKETER.login], now)
        draft.approve(session, campaign_id, staff[CASHIER.login], now)
        launch.launch(session, campaign_id, staff[MARKETER.login], now)
