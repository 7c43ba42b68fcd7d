"""The audit log as people read it: what was done, to what with its page, and why not, in words and never in codes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wxbot.money import yuan
from wxbot.text import Text, listed

ACTION_WORDS: dict[str, Text] = {
    "sign_in": Text("登录", "signed in"),
    "sign_out": Text("退出", "signed out"),
    "password_change": Text("修改密码", "changed the password"),
    "staff_add": Text("添加员工", "added a person"),
    "staff_disable": Text("停用员工", "disabled a person"),
    "staff_enable": Text("启用员工", "enabled a person"),
    "staff_reset": Text("重置密码", "reset a password"),
    "staff_tie": Text("绑定微信", "tied a WeChat"),
    "staff_untie": Text("解绑微信", "untied a WeChat"),
    "totp_on": Text("开启两步验证", "set up the second step"),
    "totp_off": Text("关闭两步验证", "took the second step off"),
    "totp_reset": Text("重置两步验证", "reset the second step"),
    "totp_codes": Text("更换备用码", "made new recovery codes"),
    "campaign_save": Text("保存草稿", "saved a draft"),
    "campaign_copy": Text("复制活动", "copied a campaign"),
    "campaign_delete": Text("删除草稿", "deleted a draft"),
    "campaign_submit": Text("提交审批", "submitted a campaign"),
    "campaign_approve": Text("批准活动", "approved a campaign"),
    "campaign_send_back": Text("退回活动", "sent a campaign back"),
    "campaign_allow": Text("导入可参加名单", "imported who may draw"),
    "hall_invited": Text("导入受邀名单", "imported invited people"),
    "hall_freeze": Text("冻结现场名单", "froze the roster of a hall"),
    "hall_arm": Text("锁定一次抽取", "armed a selection"),
    "hall_numbers": Text("输入现场号码", "typed the numbers of the hall"),
    "hall_game": Text("开始游戏", "began a game"),
    "hall_start": Text("开始抽取", "started a selection"),
    "hall_stop": Text("停止并揭晓", "stopped and revealed a selection"),
    "hall_absent": Text("标记缺席或弃奖", "marked a winner absent or out"),
    "hall_undo": Text("撤销缺席或弃奖", "took such a mark back"),
    "hall_confirm": Text("确认中奖者", "confirmed winners"),
    "hall_void_ask": Text("申请作废一次抽取", "asked to declare a selection void"),
    "hall_void": Text("作废一次抽取", "declared a selection void"),
    "hall_void_withdraw": Text("撤回作废申请", "withdrew such a request"),
    "hall_strike": Text("排除签到者", "struck a guest"),
    "hall_hide": Text("从签到墙隐藏或恢复", "hid a guest from the wall or put them back"),
    "hall_simulate": Text("放进模拟来宾", "put simulated guests into a rehearsal"),
    "hall_words": Text("审核弹幕", "reviewed words for the screen"),
    "hall_hand_over": Text("登记实物已领取", "ticked off a thing handed over"),
    "hall_pair": Text("生成大屏配对码", "made digits for a screen"),
    "hall_scene": Text("切换大屏画面", "changed what the screen shows"),
    "hall_language": Text("切换大屏语言", "changed the language of the screen"),
    "hall_record": Text("导出活动记录", "exported the record of a hall"),
    "campaign_launch": Text("启动活动", "launched a campaign"),
    "campaign_pause": Text("暂停活动", "paused a campaign"),
    "campaign_resume": Text("恢复活动", "resumed a campaign"),
    "campaign_close": Text("结束活动", "closed a campaign"),
    "campaign_place": Text("添加渠道", "added a place"),
    "campaign_look": Text("更换活动页外观", "changed how a page looks"),
    "prize_codes": Text("导入卡密", "imported codes"),
    "campaign_scene": Text("生成粉丝码", "made a followers' code"),
    "packets_export": Text("导出红包", "exported packets"),
    "winners_export": Text("导出中奖名单", "exported winners"),
    "days_export": Text("导出每日报表", "exported the report of days"),
    "ledger_export": Text("导出账本", "exported the ledger"),
    "order_ask": Text("查询订单", "asked about an order"),
    "order_mark": Text("提出订单处理意见", "marked an order"),
    "order_confirm": Text("确认订单结果", "confirmed an order's end"),
    "order_withdraw": Text("撤回订单处理意见", "withdrew a mark"),
    "bill_state": Text("说明账单差异", "explained a line of the bill"),
    "bill_agree": Text("同意账单说明", "agreed to a note on the bill"),
    "found_propose": Text("认定丢失的订单", "judged a found order"),
    "found_confirm": Text("确认丢失的订单", "confirmed a found order"),
    "found_send_back": Text("退回丢失订单的认定", "sent a judgement back"),
    "thaw_ask": Text("申请解冻", "asked to open"),
    "thaw_open": Text("同意解冻", "opened the database"),
    "payout_release": Text("申请提前付款", "asked to release a payout"),
    "payout_release_confirm": Text("同意提前付款", "released a payout"),
    "database_restore": Text("恢复数据库", "restored the database"),
    "merchant_stop": Text("停止所有付款", "stopped all payments"),
    "merchant_open": Text("恢复付款", "opened payments again"),
    "programme_save": Text("保存项目", "saved a programme"),
    "programme_open": Text("申请重新打开项目", "asked to open a programme again"),
    "programme_close": Text("关闭项目", "closed a programme"),
    "budget_ask": Text("申请调整预算", "asked for a budget"),
    "budget_approve": Text("批准预算调整", "approved a budget"),
    "budget_refuse": Text("拒绝预算调整", "refused a budget"),
    "rules_ask": Text("申请修改规则", "asked for other rules"),
    "rules_approve": Text("批准规则修改", "approved other rules"),
    "rules_refuse": Text("拒绝规则修改", "refused other rules"),
    "list_upload": Text("上传付款名单", "uploaded a list"),
    "list_check": Text("重新检查付款名单", "checked a list again"),
    "list_submit": Text("提交付款名单", "submitted a list"),
    "list_approve": Text("批准付款名单", "approved a list"),
    "list_send_back": Text("退回付款名单", "sent a list back"),
    "list_drop": Text("作废付款名单", "dropped a list"),
    "list_export": Text("导出付款名单", "exported a list"),
    "payout_ask": Text("手工付款", "asked for a payout"),
    "payout_approve": Text("批准付款", "approved a payout"),
    "payout_cancel": Text("取消付款", "called a payout off"),
    "payout_take_back": Text("撤回转账", "asked to take a transfer back"),
    "payout_reissue": Text("补发付款", "issued a payout again"),
    "report_export": Text("下载导入结果", "took the report of an import"),
    "payouts_export": Text("导出付款", "exported payouts"),
    "roster_import": Text("导入名册", "imported the roster"),
    "roster_change": Text("修改名册", "changed the roster"),
    "phone_unmask": Text("查看完整号码", "looked at a whole phone"),
    "binding_approve": Text("通过绑定", "approved a binding"),
    "binding_refuse": Text("拒绝绑定", "refused a binding"),
    "binding_end": Text("解除绑定", "ended a binding"),
    "person_mark": Text("修改黑白名单", "changed block and allow marks"),
    "trust_confirm": Text("确认名册或白名单", "confirmed roster or allow list"),
    "voucher_approve": Text("批准凭证", "approved a voucher"),
    "voucher_reject": Text("拒绝凭证", "rejected a voucher"),
    "voucher_photo": Text("请对方补照片", "asked for a better photo"),
    "voucher_undo": Text("撤销凭证的决定", "undid a decision on a voucher"),
    "voucher_kind": Text("修改凭证类型", "changed a kind of voucher"),
    "reply_rule": Text("修改回复规则", "changed a reply"),
    "menu_save": Text("保存菜单", "saved the menu"),
    "menu_publish": Text("发布菜单", "published the menu"),
    "dialogue_end": Text("结束对话", "ended a dialogue"),
    "key_rotate": Text("更换密钥", "rotated the key"),
    "people_erase": Text("删除个人信息", "erased personal data"),
    "photos_move": Text("迁移凭证照片", "moved photos"),
    "photo_folder_forget": Text("移除照片目录", "forgot a photo folder"),
    "alert_test": Text("测试报警", "tried the alerts"),
    "route": Text("打开没有权限的页面", "opened a page without the right to"),
}
"""Action → what was done."""

OUTCOME_WORDS = {
    "done": Text("成功", "done"),
    "refused": Text("被拒绝", "refused"),
    "failed": Text("失败", "failed"),
}

TARGETS: dict[str, tuple[Text, tuple[str, str] | None]] = {
    "campaign": (Text("活动", "campaign"), ("campaigns.page", "campaign_id")),
    "payout": (Text("付款", "payout"), ("payouts.payout", "payout_id")),
    "order": (Text("订单", "order"), ("orders.order", "order_id")),
    "list": (Text("付款名单", "list"), ("lists.page", "list_id")),
    "programme": (Text("项目", "programme"), ("programmes.page", "programme_id")),
    "voucher": (Text("凭证", "voucher"), ("vouchers.page", "voucher_id")),
    "kind": (Text("凭证类型", "kind of voucher"), ("vouchers.kind", "kind_id")),
    "staff": (Text("员工", "person"), None),
    "budget": (Text("预算", "budget"), None),
    "change": (Text("预算调整", "budget change"), None),
    "binding": (Text("绑定", "binding"), None),
    "mark": (Text("黑白名单", "mark"), None),
    "roster": (Text("名册", "roster"), None),
    "entry": (Text("名册条目", "entry of the roster"), None),
    "confirmation": (Text("名册或白名单的确认", "confirmation"), None),
    "reply": (Text("回复规则", "reply"), None),
    "found": (Text("丢失的订单", "found order"), None),
    "line": (Text("账单行", "line of the bill"), None),
    "note": (Text("账单说明", "note on the bill"), None),
    "thaw": (Text("解冻", "thaw"), None),
    "merchant": (Text("商户", "merchant"), None),
    "database": (Text("数据库", "database"), None),
    "menu": (Text("菜单", "menu"), None),
    "dialogue": (Text("对话", "dialogue"), None),
    "targets": (Text("报警目标", "targets"), None),
    "file": (Text("文件", "file"), None),
    "all": (Text("全部", "all"), None),
}
"""What stands before the colon of a target → its word, and the page (endpoint, parameter) of one."""

REASONS: dict[str, Text] = {
    "role": Text("没有权限", "no right to"),
    "origin": Text("请求不是来自本站页面", "the request came from elsewhere"),
    "csrf": Text("页面已过期", "the page was too old"),
    "status": Text("状态已经变化", "the status had changed"),
    "four_eyes": Text("需要另一个人", "a second person is needed"),
    "content": Text("内容与看到的不一致", "the content differed from what was seen"),
    "evidence": Text("没有写明依据", "no evidence was given"),
    "amount": Text("金额不对", "a wrong amount"),
    "gone": Text("已由其他人处理", "somebody else had done it"),
    "late": Text("已经执行，不能撤销", "too late to undo"),
    "changed": Text("刚刚有了变化", "it had just changed"),
    "blocked": Text("在黑名单中", "on the block list"),
    "closed": Text("已关闭", "closed"),
    "payout": Text("付款没有登记上", "no payout could be made"),
    "reason": Text("没有写原因", "no reason was given"),
    "too_much": Text("超过批量上限", "above the ceiling of many at once"),
    "look_alike": Text("有相似照片", "looks like another photo"),
    "password": Text("密码不合要求或不对", "a wrong or weak password"),
    "again": Text("两次输入不一致", "the two differ"),
    "name": Text("名称不合要求", "a wrong name"),
    "login": Text("登录名不合要求", "a wrong login"),
    "programme": Text("项目不可用", "the programme cannot be used"),
    "person": Text("找不到收款人", "nobody to be paid"),
    "file": Text("文件读不了", "the file could not be read"),
    "empty": Text("文件是空的", "the file is empty"),
    "frozen": Text("数据库已冻结", "the database is frozen"),
    "page": Text("页面太旧", "the page was too old"),
    "faults": Text("表单有误", "faults in the form"),
}
"""Code of a refusal → why not."""

DETAILS: dict[str, Text] = {
    "reason": Text("原因", "why"),
    "why": Text("原因", "why"),
    "note": Text("备注", "note"),
    "login": Text("登录名", "login"),
    "role": Text("角色", "role"),
    "rows": Text("行数", "rows"),
    "payout": Text("付款", "payout"),
    "payouts": Text("付款", "payouts"),
    "amount_fen": Text("金额", "amount"),
    "asked_fen": Text("申请金额", "asked"),
    "change_fen": Text("预算变化", "change"),
    "fen": Text("金额", "amount"),
    "version": Text("版本", "version"),
    "form": Text("格式", "format"),
    "locked": Text("账号被锁定", "locked"),
    "name": Text("名称", "name"),
    "evidence": Text("依据", "evidence"),
    "changed": Text("改动", "changed"),
    "mark": Text("名单", "mark"),
    "removed": Text("移出", "removed"),
    "fields": Text("有误的栏目", "wrong fields"),
}
"""Key of a detail → its word; what is not here is for programs and not shown."""

ROLE_WORDS = {
    "marketer": Text("运营", "marketer"),
    "reviewer": Text("审核", "reviewer"),
    "cashier": Text("财务", "cashier"),
    "admin": Text("管理员", "admin"),
}
MARK_WORDS = {"block": Text("黑名单", "block list"), "allow": Text("白名单", "allow list")}
CODE = re.compile(r"[a-z_]{2,40}")
TYPED = re.compile(r"(.*?)[ :：#]*([0-9]*)")
"""A subject as people type it: its word, and its number or none."""


@dataclass(frozen=True)
class AuditTarget:
    """What an event was about: in words, and its page (endpoint, parameter, number) when it has one."""

    said: Text
    link: tuple[str, str, int] | None = None


def target_of(target: str) -> AuditTarget:
    """`campaign:12` → 活动 12 with its page; a page that was refused has no words of its own."""
    kind, _, number = target.partition(":")
    if kind not in TARGETS:
        return AuditTarget(Text("", ""))
    word, page = TARGETS[kind]
    if not number:
        return AuditTarget(word)
    link = (*page, int(number)) if page is not None and number.isascii() and number.isdigit() else None
    return AuditTarget(Text(f"{word.zh} {number}", f"{word.en} {number}"), link)


def target_typed(text: str, people: Mapping[str, int]) -> str:
    """What somebody types who looks for a subject, as the log names it: 活动 12 → `campaign:12`, a word alone → all of them
    (`campaign:`), the name of one of `people` (name or login → id) → that person. Other text stays as it is."""
    if text in people:
        return f"staff:{people[text]}"
    found = TYPED.fullmatch(text)
    for kind, (word, _page) in TARGETS.items():
        if found and found[1].casefold() in (word.zh, word.en.casefold(), kind):
            return f"{kind}:{found[2]}"
    return text


def actor_of(actor: str) -> Text:
    """Who acts without an account of the console: somebody at the command line."""
    name = actor.removeprefix("cli:")
    return Text(f"命令行 {name}", f"command line {name}") if name != actor else Text(actor, actor)


def details_of(detail: Mapping[str, Any]) -> list[Text]:
    """What is worth reading of an event's details, in words."""
    return [said for key, value in detail.items() if value and (said := _detail(key, value)) is not None]


def _detail(key: str, value: Any) -> Text | None:
    word = DETAILS.get(key)
    if word is None:
        return None
    if value is True:
        return word
    told = _value(key, value)
    return Text(f"{word.zh}：{told.zh}", f"{word.en}: {told.en}") if told is not None else None


def _value(key: str, value: Any) -> Text | None:
    if key.endswith("fen") and isinstance(value, int):
        return Text(f"¥{yuan(value)}", f"¥{yuan(value)}")
    said = listed(value if isinstance(value, list) else [value])
    text = said.zh
    words = {"reason": REASONS, "role": ROLE_WORDS, "mark": MARK_WORDS}.get(key, {})
    if text in words:
        return words[text]
    if key in ("reason", "fields", "changed") and CODE.fullmatch(text):
        return Text("其他", "other") if key == "reason" else None
    return Text(said.zh[:80], said.en[:80])
