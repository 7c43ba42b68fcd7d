"""What a new demo begins with: staff who can sign in, keyword replies, and three running campaigns: wheel, scratch card, shake, and an evening in a hall."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from wxbot.campaigns import draft, entries, launch
from wxbot.campaigns.draft import Draft
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.demo.actors import World
from wxbot.instant import codes
from wxbot.people import tie
from wxbot.replies.models import ReplyRule
from wxbot.staff import accounts
from wxbot.staff.models import Staff
from wxbot.vault import Vault

PASSWORD = "wxbot-demo-2026"
WELCOME = (
    "欢迎关注示例小店！菜单里有大转盘，回复「刮刮卡」刮一张，回复「红包」查看到店活动。\n"
    "促销员请先回复「绑定」，再回复「上传凭证」；随时回复「我的红包」查看进度。"
)


DAY_WORD = "迎春"
"""The word of the day at the hall's door."""

SCRATCH_WORD = "刮刮卡"
CARDS = tuple(f"DEMO-{1000 + 37 * n}-{9000 - 53 * n}" for n in range(40))
"""The serials of the wheel's membership cards."""


def menu(public_url: str, wheel_slug: str) -> list[dict[str, Any]]:
    """The account's menu: a tap is answered like its key would be as a text; the wheel's page opens at once."""
    return [
        {
            "name": "红包",
            "sub_button": [
                {"type": "view", "name": "大转盘", "url": entries.address(public_url, wheel_slug, entries.MENU)},
                {"type": "click", "name": "刮刮卡", "key": SCRATCH_WORD},
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


def pins(public_url: str, wheel_slug: str, hall_slug: str) -> list[dict[str, Any]]:
    """What the start page of the demo's phones leads to: each campaign by its own way in, and what was won."""
    return [
        {
            "title": "幸运大转盘",
            "note": "打开链接就能转，不用关注 · a wheel by link",
            "url": entries.address(public_url, wheel_slug),
        },
        {"title": "刮刮卡", "note": "在聊天里回复「刮刮卡」 · a scratch card by keyword", "say": SCRATCH_WORD},
        {"title": "到店摇一摇", "note": "走到信标旁边，摇一摇手机 · shake at the beacon", "shake": True},
        {
            "title": "年会现场",
            "note": f"签到的口令是「{DAY_WORD}」 · an evening in a hall, the word is {DAY_WORD}",
            "url": hall_door(public_url, hall_slug),
        },
        {"title": "我的奖品", "note": "领取、查看到账 · what I have won", "url": f"{public_url}/h5/awards"},
    ]


def hall_door(public_url: str, hall_slug: str) -> str:
    """Where a guest signs in by the word at the door."""
    return f"{public_url}/h5/hall/{hall_slug}?door=1"


def _prize(name: str, fen: tuple[int, int], odds_ppm: int, stock: int, when_gone: str = "miss") -> dict[str, Any]:
    """A money prize as a draft keeps it: from the least to the most fen, odds in parts per million."""
    least, most = fen
    return {
        "kind": "money",
        "name": name,
        "split": "fixed" if least == most else "range",
        "min_fen": least,
        "max_fen": most,
        "total_fen": 0,
        "value_fen": most,
        "odds_ppm": odds_ppm,
        "stock": stock,
        "release": {"way": "once", "weights": []},
        "when_gone": when_gone,
    }


def _card(name: str, value_fen: int, odds_ppm: int) -> dict[str, Any]:
    """A prize of codes as a draft keeps it, worth so many fen each; as many pieces as CARDS."""
    money = _prize(name, (value_fen, value_fen), odds_ppm, len(CARDS))
    return money | {"kind": "code", "min_fen": 0, "max_fen": 0}


def _instant(
    now: datetime, name: str, rules: str, skin: str, colour: str, prizes: list[dict[str, Any]], keyword: str = ""
) -> Draft:
    """A week of instant draws, three tries a person, prizes of at most 500 yuan together."""
    return Draft(
        name=name,
        begin_at=now + timedelta(seconds=5),
        end_at=now + timedelta(days=7),
        budget_fen=50_000,
        act_name=name,
        rules=rules,
        organiser="示例小店",
        contact="400-000-0000",
        keyword=keyword,
        mechanic="instant",
        terms={
            "claim_s": 7 * 86_400,
            "prizes": prizes,
            "skin": skin,
            "look": {"colour": colour, "picture": ""},
        },
        tries_per_person=3,
        tries_per_day=3,
        expected_people=300,
    )


def plan_wheel(now: datetime) -> Draft:
    """The wheel that everybody can open by its link."""
    prizes = [
        _prize("一等奖", (888, 888), 10_000, 5, "consolation"),
        _prize("二等奖", (188, 188), 90_000, 50),
        _prize("三等奖", (30, 100), 300_000, 300),
        _card("会员月卡", 1500, 100_000),
    ]
    return _instant(
        now,
        "幸运大转盘",
        "打开页面，点一下转盘中间就能抽奖，每人三次。奖品为现金和会员月卡的兑换码，在「我的奖品」里领取。",
        "wheel",
        "#bf301e",
        prizes,
    )


def plan_scratch(now: datetime) -> Draft:
    """The scratch card that the chat answers a word with."""
    prizes = [_prize("大吉", (666, 666), 20_000, 10, "consolation"), _prize("小吉", (50, 50), 400_000, 400)]
    return _instant(
        now,
        "刮刮卡",
        "打开卡片刮开涂层即可，每人三次。奖品为现金，在「我的奖品」里领取。",
        "scratch",
        "#1f7a5c",
        prizes,
        SCRATCH_WORD,
    )


def plan_hall(now: datetime) -> Draft:
    """An evening in a hall: three prizes on the big screen, a rain and a race; one signs in by the word at the door, too."""
    rules = {"way": "selection", "scope": "evening", "absence": "evening", "groups": [], "seconds": 0}
    games = rules | {"per_selection": 3, "seconds": 30}
    rain = _prize("红包雨", (50, 500), 0, 60) | {"split": "exact", "total_fen": 12_000}
    return Draft(
        name="年会现场抽奖",
        begin_at=now + timedelta(seconds=5),
        end_at=now + timedelta(days=1),
        budget_fen=50_000,
        act_name="年会现场抽奖",
        rules="扫大屏上的二维码签到，名单冻结后在大屏上当众抽取，缺席视为放弃。",
        organiser="示例小店",
        contact="400-000-0000",
        mechanic="hall",
        terms={
            "claim_s": 7 * 86_400,
            "carry": True,
            "mode": "hall",
            "day_word": DAY_WORD,
            "groups": [],
            "prizes": [
                _prize("三等奖", (880, 880), 0, 10) | rules | {"per_selection": 10},
                _prize("二等奖", (1880, 1880), 0, 3) | rules | {"per_selection": 3},
                _prize("一等奖", (0, 0), 0, 1) | rules | {"kind": "goods", "value_fen": 69_900, "per_selection": 1},
                rain | games | {"way": "rain"},
                _prize("竞速奖", (660, 660), 0, 3) | games | {"way": "race"},
            ],
        },
        expected_people=60,
    )


def tie_wechats(database: Database, world: World) -> None:
    """Each who writes or approves draws has a WeChat of their own tied, which can win nothing. Somebody else is made before them,
    so that the phone of a new demo is held by a person who may draw."""
    world.call("POST", "people", {"count": 1})
    for account in (MARKETER, CASHIER):
        untied = select(Staff.id).where(Staff.login == account.login, Staff.openid.is_(None))
        with database.reading() as session:
            staff_id = session.scalars(untied).one_or_none()
        if staff_id is None:  # by a first start that was stopped before its campaigns were made
            continue
        (known,) = world.call("POST", "people", {"nickname": account.name})["people"]
        with database.transaction() as session:
            tie.tie(session, staff_id, str(known["openid"]))


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
        terms={
            "title": "新春红包",
            "description": "摇一摇领红包",
            "jump_url": "",
            "odds_ppm": 1_000_000,
            "device_ids": [device_id],
        },
        rules="活动期间到店打开微信摇一摇（周边），即可参加抽奖，每人最多一个红包。\n红包 72 小时内有效，逾期退回。",
        organiser="示例小店",
        contact="400-000-0000",
        keyword="红包",
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


def seed(database: Database, vault: Vault, world: World, now: datetime, device_id: int) -> tuple[str, str]:
    """Fill a new demo once, staff, replies, three campaigns and a hall; returns the slugs of wheel and hall."""
    staff = hire(database, now)
    tie_wechats(database, world)
    with database.transaction() as session:
        if session.execute(select(ReplyRule.id).limit(1)).first() is None:
            session.add_all(_rules(now))
    for plan in (plan_campaign(now, device_id), plan_scratch(now), plan_hall(now), plan_wheel(now)):
        with database.transaction() as session:
            campaign_id = draft.save(session, plan, staff[MARKETER.login], now)
            for ordinal, prize in enumerate(plan.terms.get("prizes", ()), 1):
                if prize["kind"] == "code":
                    codes.read_in(session, vault, campaign_id, ordinal, enumerate(CARDS, 1))
        for verb, by in ((draft.submit, MARKETER), (draft.approve, CASHIER), (launch.launch, MARKETER)):
            with database.transaction() as session:  # as in the console: a request of its own for each
                verb(session, campaign_id, staff[by.login], now)
    with database.reading() as session:
        slugs = {each.mechanic: each.slug for each in session.scalars(select(Campaign).order_by(Campaign.id))}
        return slugs["instant"], slugs["hall"]
