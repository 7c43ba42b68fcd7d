"""What is said about rows of a list: faults that keep a row from being paid, and warnings that a person should look at.

A row stores a fault as `code` or `code:detail`; the sentence is made here when it is shown.
"""

from wxbot import sheets
from wxbot.payouts.models import HOLDS, PAYOUT_STATUSES
from wxbot.text import Text

FAULT_CHARS = 100

FAULTS: dict[str, Text] = {
    "no_person": Text("没有 openid，也没有手机号", "neither an openid nor a phone"),
    "bad_openid": Text("openid 格式不对", "this is no openid"),
    "bad_phone": Text("手机号格式不对", "this is no mobile number"),
    "no_amount": Text("没有金额", "no amount"),
    "bad_amount": Text(
        "金额看不懂：{detail}（单位元，最多两位小数）", "not an amount: {detail} (yuan, at most two decimals)"
    ),
    "below_min": Text("低于每笔最低 {detail} 元", "below the least of one payout, {detail} yuan"),
    "above_max": Text("高于每笔最高 {detail} 元", "above the most of one payout, {detail} yuan"),
    "duplicate": Text("和第 {detail} 行是同一个人", "the same person as in row {detail}"),
    "unbound": Text(
        "手机号还没有绑定，请本人先在公众号里绑定", "nobody has bound this phone yet; the person must bind it first"
    ),
    "not_listed": Text(
        "手机号不在名册中，请先把此人加入名册", "the phone is not on the roster; put the person on it first"
    ),
    "off_roster": Text(
        "手机号已移出名册，请先在名册中恢复", "the phone was taken off the roster; let it bind again there first"
    ),
    "held": Text("手机号的绑定还在等审核", "the binding of this phone waits for a reviewer"),
    "other_person": Text("手机号绑定的是另一个 openid", "the phone is bound to another openid"),
    "blocked": Text("在黑名单中", "on the blocklist"),
    "needs_binding": Text(
        "本项目要求绑定手机号，此人没有绑定", "the programme asks for a bound phone; this person has none"
    ),
    "month_limit": Text(
        "超过本项目每人每月的上限，本月还可付 {detail} 元",
        "above the person's limit of this month; {detail} yuan are left of it",
    ),
    "cell": Text("{detail}", "{detail}"),
    "refused": Text("{detail}", "{detail}"),
}
"""Code → sentence, in Chinese and English."""

WARNINGS: dict[str, Text] = {
    "paid_lately": Text("24 小时内已有一笔同样金额的付款", "was paid the same amount within 24 hours"),
    "other_list": Text(
        "24 小时内另一份名单里也有同样的一笔", "stands with the same amount in another list of the last 24 hours"
    ),
    "hidden": Text(
        "这一行在表格里是隐藏的（或被筛选掉），打开文件看不到它",
        "the sheet hides this row (or a filter does); who opens the file does not see it",
    ),
    "other_name": Text("名单里的姓名和绑定的姓名不一样", "the name differs from that of the binding"),
    "stranger": Text("这个 openid 从未关注过本号", "this openid never followed the account"),
}
"""Code → sentence: the row is paid all the same."""

COLUMN_WORDS = {
    "openid": Text("openid", "openid"),
    "phone": Text("手机号", "phone"),
    "name": Text("姓名", "name"),
    "amount": Text("金额", "amount"),
    "note": Text("备注", "note"),
    "row": Text("整行", "the row"),
}

STATUS_WORDS: dict[str, Text] = {
    "requested": Text("待审批", "waits for approval"),
    "approved": Text("排队中", "queued"),
    "ordered": Text("付款中", "being paid"),
    "paid": Text("已领取", "received"),
    "returned": Text("已退回", "returned"),
    "failed": Text("失败", "failed"),
    "cancelled": Text("已取消", "cancelled"),
    "faulty": Text("不付款", "not paid"),
    "planned": Text("未开始", "not begun"),
}
"""Status of a row's payout (or of a row without one) → word."""

HOLD_WORDS: dict[str, Text] = {
    "budget": Text("预算已用完", "the budget is used up"),
    "blocked": Text("在黑名单中", "on the blocklist"),
    "unbound": Text("没有绑定手机号", "no phone is bound"),
    "unconfirmed": Text(
        "等另一种角色的同事确认收款人（收款人待确认）", "somebody of another role must confirm this person first"
    ),
    "closed": Text("项目已关闭", "the programme is closed"),
    "found": Text(
        "恢复的数据库丢失了一笔可能就是它的付款，等财务在“解冻”页面认定",
        "a restored database had lost a payment that may be this one; cashiers must judge it (Thaw)",
    ),
    "bill": Text(
        "恢复数据库之后，等丢失的那几天的资金账单读完",
        "after a restore it waits until the fund bills of the lost days are read",
    ),
    "texts": Text(
        "微信不接受它的文案或金额，请检查设置",
        "WeChat would refuse its texts or its amount; check the settings",
    ),
    "collect": Text("等对方再点一次领取", "the person may collect it again"),
}


def code_of(fault: str) -> str:
    """The code of a stored fault."""
    return fault.partition(":")[0]


def store(code: str, detail: str = "") -> str:
    """A fault as a row keeps it."""
    return f"{code}:{detail}"[:FAULT_CHARS] if detail else code


def fault_text(fault: str, locale: str) -> str:
    """The sentence of a stored fault; '' for a good row."""
    if not fault:
        return ""
    code, _, detail = fault.partition(":")
    if code == "cell":
        column, _, name = detail.partition(":")
        cell = sheets.CELL_FAULTS.get(name)
        said = cell.text.within(locale) if cell else name
        detail = f"{COLUMN_WORDS.get(column, Text(column, column)).within(locale)}：{said}"
    words = FAULTS.get(code)
    return words.within(locale).replace("{detail}", detail) if words else fault


def warning_text(code: str, locale: str) -> str:
    """The sentence of a warning."""
    return WARNINGS[code].within(locale)


def status_word(status: str) -> Text:
    """The word of a row's or a payout's status."""
    return STATUS_WORDS.get(status, Text(status, status))


def hold_word(hold: str) -> Text:
    """Why an approved payout waits."""
    return HOLD_WORDS.get(hold, Text(hold, hold))


def status_text(status: str, locale: str) -> str:
    """The word of a row's status."""
    return status_word(status).within(locale)


def hold_text(hold: str | None, locale: str) -> str:
    """Why an approved payout waits; '' when nothing holds it."""
    return hold_word(hold).within(locale) if hold else ""


_MISSING = (PAYOUT_STATUSES.keys() - STATUS_WORDS.keys()) | (HOLDS.keys() - HOLD_WORDS.keys())
if _MISSING:
    raise ValueError(f"statuses without a word for people: {sorted(_MISSING)}")
