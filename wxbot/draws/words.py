"""The fixed sentences of the phone's pages in Chinese and English; what a marketer wrote is shown as it is."""

from wxbot.money import yuan
from wxbot.text import Phrases, Text

WORDS: dict[str, Text] = {
    "draw": Text("抽红包", "Draw"),
    "opening": Text("正在打开…", "Opening…"),
    "from_organiser": Text("{organiser} 的红包", "A red packet from {organiser}"),
    "packets": Text("红包总数", "Packets"),
    "drawn": Text("已被抽走", "Drawn"),
    "time": Text("活动时间", "When"),
    "daily": Text("每天 {hours}", "Daily {hours}"),
    "rules": Text("活动规则", "Rules"),
    "all_rules": Text("查看完整规则", "Read the full rules"),
    "back": Text("返回活动", "Back"),
    "state_on": Text("正在进行", "Open now"),
    "state_not_yet": Text("还没开始", "Not started"),
    "state_over": Text("已经结束", "Over"),
    "state_paused": Text("暂停中", "Paused"),
    "state_outside_hours": Text("休息中", "Closed at this hour"),
    "state_sold_out": Text("暂时抽完", "None left now"),
    "starts_in": Text("距开始还有", "Starts in"),
    "ready": Text("点一下金币，看看手气", "Tap the coin and see"),
    "ready_any": Text("点一下，看看手气", "Tap and see"),
    "bound_title": Text("抽到红包了", "A packet is yours"),
    "bound_text": Text(
        "红包在你的微信里，还没拆就快拆开吧，过期会自动退回。",
        "It is in your WeChat. Open it soon if you have not: left unopened, it goes back.",
    ),
    "waiting": Text("微信正在处理，抽没抽到以微信页面为准。", "WeChat is at work; its own page tells the result."),
    "ok": Text("知道了", "OK"),
    "retry": Text("再试一次", "Try again"),
    "outside_title": Text("请在微信里打开", "Open this in WeChat"),
    "outside_qr": Text("活动页二维码", "QR code of this page"),
    "after_title": Text("谢谢参与", "Thank you"),
    "after_text": Text("红包已由微信发出，请在微信里查看。", "WeChat has your packet; look for it there."),
    "no_rules": Text("主办方没有补充规则。", "The organiser added nothing to the rules below."),
    "organiser": Text("主办方", "Organiser"),
    "contact": Text("联系方式", "Contact"),
    "people": Text("参与资格", "Who"),
    "people_text": Text(
        "到现场摇一摇进入本页的微信用户；无需关注、分享或邀请任何人。",
        "Anyone who enters by shaking on site. No following, sharing or inviting.",
    ),
    "prizes": Text("红包", "Packets"),
    "prizes_text": Text("共 {count} 个，合计 {yuan} 元。", "{count} {count:packet|packets}, {yuan} yuan in all."),
    "odds": Text("抽取方式", "How it is drawn"),
    "odds_all": Text(
        "有红包时先到先得；抽到哪一个由微信随机决定。",
        "First come, first served while packets last; WeChat picks which one.",
    ),
    "odds_some": Text(
        "每次抽取的中签机会为 {odds}%，中签后由微信发放；红包发完即止。",
        "Each try has a {odds}% chance while packets last; WeChat hands them out.",
    ),
    "tries": Text(
        "每人最多抽 {total} 次，每天最多 {daily} 次；每人最多得到 1 个红包。",
        "At most {total} {total:try|tries} per person, {daily} a day; one packet per person.",
    ),
    "payment": Text("到账与过期", "Payment"),
    "payment_text": Text(
        "拆开后进入微信零钱；过期未拆的红包自动退回主办方。",
        "Opened packets go to your WeChat balance; unopened ones return to the organiser.",
    ),
    "privacy": Text("个人信息", "Privacy"),
    "privacy_text": Text(
        "只使用微信给出的匿名标识（openid）来防止重复领取，不收集姓名、手机号、头像。",
        "Only WeChat's anonymous openid is used, to keep it to one packet each.",
    ),
    "disclaimer": Text("本活动由主办方发起，与腾讯公司无关。", "Run by the organiser; not affiliated with Tencent."),
    "snapshot_title": Text("请使用完整服务", "Please use full service"),
    "snapshot_text": Text(
        "现在看到的是快照页，不能抽红包。点页面下方的“使用完整服务”，再回来就好。",
        "This is a snapshot page. Tap “use full service” at the bottom, then come back.",
    ),
    "loop_title": Text("微信登录没有完成", "WeChat sign-in did not finish"),
    "loop_text": Text(
        "请关掉这个页面，从微信里重新打开活动；如果一直这样，请检查手机时间和浏览器 Cookie。",
        "Close this page and open the campaign again from WeChat.",
    ),
    "busy_title": Text("微信有点忙", "WeChat is busy"),
    "busy_text": Text(
        "没有影响你的机会，稍等几秒再试一次。", "Your chance is untouched. Please try again in a few seconds."
    ),
    "lost_title": Text("这个链接用过了", "This link was used"),
    "lost_text": Text("请回到微信，重新打开活动页面。", "Go back to WeChat and open the campaign again."),
    "gone_title": Text("没有找到这个活动", "No such campaign"),
    "gone_text": Text("链接可能不完整，或者活动已经下线。", "The link may be incomplete, or the campaign is gone."),
}


class DrawPhrases(Phrases):
    """The sentences of one language for templates: `t.draw`, `t('daily', begin=…, end=…)`."""

    table = WORDS

    def money(self, amount_fen: int) -> str:
        """Fen as yuan."""
        return yuan(amount_fen)
