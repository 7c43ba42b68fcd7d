"""Templates of instant campaigns: prizes, odds and words to begin with. Budget, dates and who stands for it are the marketer's."""

from collections.abc import Sequence

from wxbot.campaigns.mechanic import DraftTemplate, Typed
from wxbot.orders.channels import CONFIRMED
from wxbot.text import Text

PRIZE = ("name", "amount", "odds", "stock", "release", "gone")
"""What a template says of each prize; all of them are money."""


def _prizes(*rows: tuple[str, ...]) -> Typed:
    columns: dict[str, list[str]] = {f"prize_{name}": [row[at] for row in rows] for at, name in enumerate(PRIZE)}
    same: Sequence[tuple[str, str]] = (("kind", "money"), ("weights", ""), ("total", ""))
    return {**columns, **{f"prize_{name}": [value] * len(rows) for name, value in same}}


_ALL = {"budget": "", "claim_days": "7", "channel": CONFIRMED[0]}

SHELF: dict[str, DraftTemplate] = {
    "wheel": DraftTemplate(
        icon="ti-rotate-clockwise",
        word=Text("大转盘 · 链接进入", "Wheel by link"),
        text=Text(
            "发链接、放二维码，人人可转；三等现金奖，每天一次",
            "A link or QR for everybody; three money prizes, once a day",
        ),
        fields={
            **_ALL,
            **_prizes(
                ("一等奖", "8.88", "1/500", "10", "even", "consolation"),
                ("二等奖", "2.00", "2", "100", "even", "consolation"),
                ("三等奖", "0.50", "20", "1000", "once", "miss"),
            ),
            "name": "大转盘",
            "act_name": "幸运大转盘",
            "skin": "wheel",
            "colour": "#bf301e",
            "expected_people": "2000",
            "tries_per_person": "3",
            "tries_per_day": "1",
            "wins_per_person": "2",
            "rules": "打开活动页，点“抽奖”转动转盘，当场显示结果。中奖后在活动页点“领取”，钱到微信零钱。",
        },
    ),
    "scratch": DraftTemplate(
        icon="ti-ticket",
        word=Text("刮刮卡 · 关键词进入", "Scratch card by keyword"),
        text=Text(
            "用户在聊天里发“刮奖”，回复活动页；适合门店和直播间",
            "People send a word in the chat and get the page; for shops and streams",
        ),
        fields={
            **_ALL,
            **_prizes(
                ("头奖", "18.80", "1/1000", "5", "even", "consolation"),
                ("小奖", "0.50-2.00", "25", "600", "even", "miss"),
            ),
            "name": "刮刮卡",
            "act_name": "刮一刮",
            "skin": "scratch",
            "colour": "#a8570f",
            "keyword": "刮奖",
            "expected_people": "2000",
            "tries_per_person": "1",
            "tries_per_day": "1",
            "rules": "在聊天里发送“刮奖”，打开回复里的活动页，刮开卡片即显示结果。中奖后在活动页点“领取”，钱到微信零钱。",
        },
    ),
    "grid": DraftTemplate(
        icon="ti-table",
        word=Text("九宫格 · 每天来抽", "Grid, a draw every day"),
        text=Text("一周内每天可抽一次，奖品按天均匀放出", "A draw a day for a week; prizes come out evenly"),
        fields={
            **_ALL,
            **_prizes(
                ("一等奖", "6.66", "0.5", "35", "even", "consolation"),
                ("二等奖", "1.66", "4", "280", "even", "consolation"),
                ("三等奖", "0.66", "15", "1050", "even", "miss"),
            ),
            "name": "九宫格",
            "act_name": "每日九宫格",
            "skin": "grid",
            "colour": "#7c3aed",
            "expected_people": "1000",
            "tries_per_person": "7",
            "tries_per_day": "1",
            "wins_per_person": "3",
            "wins_per_day": "1",
            "rules": "活动期间每天可以抽一次，点中间的“抽奖”，停在哪一格就是哪个结果。中奖后在活动页点“领取”，钱到微信零钱。",
        },
    ),
    "shake": DraftTemplate(
        icon="ti-bell",
        word=Text("摇一摇 · 现场扫码", "Shake, by a code on the spot"),
        text=Text(
            "年会、开业、发布会：大家扫码同时摇，手机不能摇就点按钮",
            "Parties and openings: everybody scans and shakes; a button does the same",
        ),
        fields={
            **_ALL,
            **_prizes(
                ("大奖", "66.00", "1/300", "3", "once", "consolation"),
                ("开心奖", "1.00-5.00", "40", "300", "once", "miss"),
            ),
            "name": "现场摇一摇",
            "act_name": "现场摇一摇",
            "skin": "shake",
            "colour": "#077545",
            "expected_people": "600",
            "tries_per_person": "3",
            "tries_per_day": "3",
            "wins_per_person": "1",
            "gap": "10 秒",
            "rules": "扫现场的二维码打开活动页，摇动手机或点按钮，当场显示结果。中奖后在活动页点“领取”，钱到微信零钱。",
        },
    ),
}
