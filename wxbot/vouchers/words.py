"""The sentences of the phone's voucher pages in Chinese and English; kinds are shown as staff wrote them."""

from wxbot.money import yuan
from wxbot.text import Phrases, Text
from wxbot.vouchers import photos
from wxbot.vouchers.models import VoucherKind

WORDS: dict[str, Text] = {
    "title": Text("提交凭证", "Hand in a voucher"),
    "lead": Text(
        "拍下凭证，审核通过后红包会发到微信。", "Photograph it; once approved, a red packet comes to your WeChat."
    ),
    "which": Text("凭证类型", "Kind"),
    "per_voucher": Text("每份 {yuan} 元", "{yuan} yuan each"),
    "per_unit": Text("每{unit} {yuan} 元", "{yuan} yuan per {unit}"),
    "between": Text("{least}–{most} 元", "{least}–{most} yuan"),
    "left_count": Text("本月还可 {count} 次", "{count} left this month"),
    "left_money": Text("本月还可 {yuan} 元", "{yuan} yuan left this month"),
    "used_up": Text("本月已用完", "Used up this month"),
    "how_many": Text("数量（{unit}）", "How many ({unit})"),
    "how_much": Text("金额（元）", "Amount (yuan)"),
    "note": Text("备注（选填）", "Note (optional)"),
    "note_hint": Text("例如门店、单号", "Shop, number, …"),
    "photos": Text("照片", "Photos"),
    "photos_hint": Text("最多 {count} 张，拍清楚、拍完整", "Up to {count}, sharp and whole"),
    "add_photo": Text("添加照片", "Add photos"),
    "hand_in": Text("提交", "Hand in"),
    "hand_in_sum": Text("提交 · ¥{yuan}", "Hand in · ¥{yuan}"),
    "finish": Text("照片传完了，提交", "That is all, hand in"),
    "uploading": Text("正在上传 {done}/{all}…", "Uploading {done}/{all}…"),
    "waiting_net": Text("网络不好，正在重试…", "Bad network, trying again…"),
    "retry": Text("重试", "Retry"),
    "remove": Text("删除", "Remove"),
    "failed_some": Text(
        "有 {n} 张照片没传上去，原因写在照片旁：能重试的点“重试”，其余的请删掉再提交。",
        "{n} {n:photo|photos} did not get through; each says why. Retry where that is offered, remove the others, then hand in.",
    ),
    "too_big": photos.FAULTS["too_big"],
    "choose_photo": Text("请先添加照片。", "Please add a photo first."),
    "choose_kind": Text("请先选择凭证类型。", "Please choose a kind first."),
    "oops": Text("没有提交成功，请检查网络后再试一次。", "That did not work. Please check the network and try again."),
    "privacy": Text(
        "照片会去掉拍摄地点等信息后保存，只有审核人员能看到。",
        "Photos are stored without place or camera details; only reviewers see them.",
    ),
    "bind_first": Text("先绑定手机号才能交这一种。", "Bind your phone first to hand in this kind."),
    "bind": Text("去绑定手机号", "Bind your phone"),
    "closed_title": Text("现在不收凭证", "Not open now"),
    "closed_text": Text(
        "暂时没有可以提交的凭证类型，请过些时候再来。",
        "There is nothing to hand in at present. Please come back later.",
    ),
    "recent": Text("我交过的", "Handed in before"),
    "mine": Text("我的红包", "My red packets"),
    "another": Text("再交一份", "Hand in another"),
    "state_draft": Text("还没交完", "Not finished"),
    "state_submitted": Text("等待审核", "Waiting for review"),
    "state_claimed": Text("正在审核", "Under review"),
    "state_photo_wanted": Text("请补照片", "Photo wanted"),
    "state_approved": Text("已通过", "Approved"),
    "state_rejected": Text("未通过", "Not approved"),
    "text_draft": Text(
        "照片传完后点“提交”；不点也会在 10 分钟后自动交给审核人员。",
        "Press “hand in” when all photos are there; after 10 minutes it goes to review by itself.",
    ),
    "text_submitted": Text(
        "已收到，审核人员会尽快查看，结果会在微信里通知您。",
        "Received. A person will look at it soon; you will be told in WeChat.",
    ),
    "text_claimed": Text("审核人员正在看您的凭证。", "Somebody is looking at it right now."),
    "text_photo_wanted": Text("请按下面的说明补一张照片。", "Please add a photo as described below."),
    "text_approved": Text(
        "红包正在安排发放，到账情况可在“我的红包”查看。", "Your red packet is on its way; see “my red packets”."
    ),
    "text_rejected": Text(
        "原因如下；如有疑问，请联系工作人员。", "The reason is below. Questions? Please ask the staff."
    ),
    "reason": Text("说明", "Reason"),
    "kind": Text("类型", "Kind"),
    "amount": Text("申请金额", "Asked for"),
    "approved_amount": Text("核定金额", "Approved"),
    "units": Text("数量", "Number"),
    "at": Text("提交时间", "Handed in"),
    "photo_gone": Text("照片没有保存成功，请重新上传。", "This photo was not kept; please add it again."),
    "stale": Text("页面已经过期，请重新打开再试一次。", "This page is out of date; please open it again."),
    "absent_title": Text("没有这份凭证", "No such voucher"),
    "absent_text": Text("链接可能不完整，或者不是您提交的。", "The link may be incomplete, or it is not yours."),
    "ok": Text("知道了", "OK"),
    "mark_done": Text("已上传", "uploaded"),
}


class VoucherPhrases(Phrases):
    """The sentences of one language for templates: `w.title`, `w('per_unit', unit=…, yuan=…)`."""

    table = WORDS

    def raw(self, *names: str) -> dict[str, str]:
        """Sentences for a script, their places still open."""
        return {name: WORDS[name].within(self.language) for name in names}

    def money(self, amount_fen: int) -> str:
        """Fen as yuan."""
        return yuan(amount_fen)

    def rule(self, kind: VoucherKind) -> str:
        """What a kind pays, in a few words."""
        if kind.amount_rule == "fixed":
            return self("per_voucher", yuan=yuan(kind.fixed_fen))
        if kind.amount_rule == "per_unit":
            return self("per_unit", unit=kind.unit_name, yuan=yuan(kind.unit_fen))
        return self("between", least=yuan(kind.min_fen), most=yuan(kind.max_fen))
