"""The sentences of the hall's page on the phone, in Chinese and English."""

from wxbot.text import Phrases, Text

WORDS: dict[str, Text] = {
    "sign_in": Text("现场签到", "Sign in"),
    "name": Text("上墙的名字", "Your name on the wall"),
    "name_hint": Text("最多 20 个字，全场看得到", "Everybody in the room sees it"),
    "key": Text("工号或编号", "Staff number"),
    "key_hint": Text("和受邀名单上的一致", "As it stands on the list of invited people"),
    "own_name": Text("你的姓名", "Your name"),
    "own_name_hint": Text("和受邀名单上的一致", "As it stands on the list of invited people"),
    "group": Text("你在哪一组", "Your group"),
    "choose": Text("请选择", "Please choose"),
    "word": Text("今天的口令", "Word of the day"),
    "word_hint": Text("写在门口或由工作人员告诉你", "It is written at the door, or ask the staff"),
    "go": Text("签到", "Sign in"),
    "share": Text("用微信昵称和头像签到", "Sign in with my WeChat name and picture"),
    "share_text": Text(
        "微信会再问你一次。昵称和头像只在这场活动的大屏上用，活动结束 7 天后删除。",
        "WeChat asks you once more. Name and picture are only for the screen of this evening and deleted 7 days after its end.",
    ),
    "shared": Text(
        "头像会在签到后出现。名字可以改。", "Your picture comes after the sign-in. You may change the name."
    ),
    "scan": Text("请扫大屏上的二维码", "Scan the code on the screen"),
    "scan_text": Text(
        "签到码每 30 秒更换，照片和转发的链接很快失效。请用微信扫一扫扫现场大屏。",
        "The code changes every 30 seconds; photos and shared links soon stop working. Scan the screen with WeChat.",
    ),
    "not_open": Text("签到还没开始", "Signing in is not open yet"),
    "not_open_text": Text(
        "{at} 开始签到，到时请扫大屏上的二维码。", "It opens at {at}. Scan the code on the screen then."
    ),
    "over": Text("活动已经结束", "The evening is over"),
    "paused": Text("签到暂停了", "Signing in is paused"),
    "paused_text": Text("请稍后再来看看。", "Please come back a little later."),
    "over_text": Text("谢谢你来过。", "Thank you for coming."),
    "over_won_text": Text(
        "谢谢你来过。还没领的奖品，到期前都能在这里领。",
        "Thank you for coming. What you have won can be collected here until its deadline.",
    ),
    "rehearsal": Text("彩排：不发任何奖品", "Rehearsal: nothing is given"),
    "commitment": Text("本场承诺值", "Commitment of this hall"),
    "commitment_text": Text(
        "签到开始前就公布，开奖用的种子都能算回到它。截个图，结束后可以核对。",
        "Published before the first sign-in; every seed used can be hashed back to it. Take a screenshot to check later.",
    ),
    "mode_hall": Text("随机来源：种子 + 现场号码", "Chance: seed + numbers from the hall"),
    "mode_drand": Text("随机来源：种子 + drand 公开随机数", "Chance: seed + public randomness of drand"),
    "mode_seed": Text(
        "随机来源：只有种子（防不住冻结前加减人员）",
        "Chance: seed only (does not stop adding or dropping people before)",
    ),
    "your_no": Text("你的签到号", "Your number"),
    "waiting": Text("已签到，请看大屏", "You are in. Watch the screen"),
    "waiting_text": Text("中奖会在这里告诉你，不用一直刷新。", "This page tells you when you win; no need to reload."),
    "added": Text("现场加奖：{names}。所有人都可以中。", "Added just now: {names}. Everybody may win."),
    "prolonged": Text("活动延长到 {at}。", "Prolonged until {at}."),
    "armed": Text("马上开始：{prize}", "About to begin: {prize}"),
    "armed_text": Text("奖项和人数已经锁定。", "Prize and number are fixed."),
    "drawn": Text("正在抽取：{prize}", "Being selected: {prize}"),
    "drawn_text": Text("请看大屏。", "Watch the screen."),
    "missed": Text("这一轮没有你", "Not you this time"),
    "missed_text": Text("下一轮继续。", "On to the next one."),
    "won": Text("恭喜，你中了 {prize}", "You have won: {prize}"),
    "won_text": Text(
        "请到台前，或向主持人挥手，等主持人确认。",
        "Go to the stage or wave to the host, who confirms that you are here.",
    ),
    "absent": Text("主持人记你不在场", "The host has marked you absent"),
    "absent_text": Text("人还在的话，请马上找主持人。", "Still here? Tell the host at once."),
    "absent_done_text": Text(
        "这次已经确认。人还在的话，下一次抽取开始前找到主持人还来得及。",
        "The others are confirmed. Still here? Tell the host before the next selection begins.",
    ),
    "absent_evening": Text("否则今晚不再参加抽取。", "Otherwise you are out for the evening."),
    "absent_slot": Text("否则只失去这个奖，后面的照样参加。", "Otherwise you lose this prize only."),
    "absent_pool": Text("后面的抽取照样参加。", "You stay in for the next ones."),
    "out": Text("这次没有你", "You are not in this one"),
    "out_struck": Text("你不再参加抽取和游戏", "You take no part in selections and games any more"),
    "out_struck_text": Text(
        "原因：{reason}，写在公开的记录里。有疑问请找主持人。",
        "Reason: {reason}. It stands in the public record; ask the host if it is wrong.",
    ),
    "out_late": Text(
        "这份名单冻结以后你才签到，下次冻结就有你。",
        "You signed in after this roster was frozen; the next one has you.",
    ),
    "out_group": Text("这个奖只给 {groups}。", "This prize is for {groups} only."),
    "out_won": Text("你已经中过奖，把机会留给别人。", "You have had your turn; this one is for the others."),
    "out_absent": Text("你被记过缺席，不再参加。", "You were marked absent before and are out."),
    "hidden": Text("你的名字没有上墙，不影响中奖。", "Your name is not on the wall; you can win all the same."),
    "forfeited": Text("你放弃了 {prize}", "You gave up: {prize}"),
    "voided": Text("这次抽取已作废", "This selection is void"),
    "confirmed": Text("{prize} 是你的了", "{prize} is yours"),
    "confirmed_text": Text("点“领取”收下。", "Tap Collect to take it."),
    "kept": Text("{prize} 还没领", "Still to collect: {prize}"),
    "kept_goods": Text("{prize} 在台前等你", "{prize} waits at the stage"),
    "goods_text": Text("请到台前领取实物。", "Take it at the stage."),
    "collect": Text("领取", "Collect"),
    "won_here": Text("我中的奖", "What I have won"),
    "line": Text("我在名单里的那一行", "My line in the roster"),
    "line_text": Text(
        "冻结的名单里每个人只有签到号和一串算出来的字符。用你的盐值能算出哪一行是你，别人算不出来。",
        "A frozen roster shows a code for each person. Your salt proves which line is yours, to nobody else.",
    ),
    "no": Text("签到号", "Number"),
    "verify": Text("验证抽奖记录", "Check the record"),
    "salt": Text("盐值（不要给别人看）", "Salt (show it to nobody)"),
    "prove": Text("核对", "Check"),
    "no_roster": Text("名单还没有冻结。", "No roster is frozen yet."),
    "roster_now": Text(
        "现在的名单是第 {version} 版，共 {count} 人，指纹：",
        "The roster is version {version} of {count} {count:person|people}; its hash:",
    ),
    "proven": Text(
        "第 {version} 版名单（共 {count} 人）第 {no} 号是你，指纹相符。",
        "No {no} in roster {version} ({count} {count:person|people}) is you; the hash fits.",
    ),
    "not_in": Text(
        "第 {version} 版名单冻结时还没有你，下一版会有。",
        "You were not in roster {version} when it was frozen; the next one has you.",
    ),
    "unproven": Text("对不上！请告诉主持人。", "It does not fit! Please tell the host."),
    "roster_file": Text("下载名单", "Download the roster"),
    "game_soon": Text("马上开始", "About to begin"),
    "game_left": Text("还剩 {n} 秒", "{n} {n:second|seconds} left"),
    "game_over": Text("时间到", "Time is up"),
    "rain": Text("红包雨", "Red-packet rain"),
    "rain_text": Text(
        "红包落下时点它。红包有限，落到谁的手机上，开始前就定好了。",
        "Tap the packets as they fall. There are only so many; on whose phone they fall was fixed beforehand.",
    ),
    "rain_catch": Text("接住红包", "Catch the packet"),
    "rain_got": Text("接到 ¥{yuan}", "You caught ¥{yuan}"),
    "rain_missed": Text("这个没接住", "Missed that one"),
    "rain_sum": Text("一共接到 ¥{yuan}，马上记到你名下", "¥{yuan} in all; it is yours in a moment"),
    "rain_missed_too": Text("没接住的也归你，马上记到你名下", "What you missed is yours, too, in a moment"),
    "rain_none": Text("这次没有接到红包", "You caught none this time"),
    "race": Text("摇一摇竞速", "Shake race"),
    "race_text": Text("用力摇手机，或者快速点下面的按钮", "Shake the phone, or tap the button fast"),
    "race_motion": Text("打开摇一摇", "Turn shaking on"),
    "race_tap": Text("点我", "Tap"),
    "race_count": Text("{n} 下", "{n}"),
    "race_place": Text("第 {place} 名，共 {of} 人", "No {place} of {of}"),
    "race_offline": Text("连不上计数，正在重连…", "Not connected to the count; trying again …"),
    "danmaku": Text("发弹幕", "Words to the screen"),
    "danmaku_hint": Text("40 字内，审核后上屏", "40 letters, reviewed"),
    "send": Text("发送", "Send"),
    "sent": Text("已发送，审核后上屏。", "Sent; it is shown once somebody has looked."),
    "too_often": Text("慢一点，几秒后再试", "A little slower; try again in some seconds"),
    "offline": Text("网络断了，正在重连…", "No connection; trying again …"),
    "rules": Text("活动规则", "Rules"),
    "all_mine": Text("我的奖品", "My awards"),
    "wrong_word": Text("口令不对，请看门口或问工作人员", "That is not the word; look at the door or ask the staff"),
    "stale": Text("签到码过期了，请再扫一次大屏", "The code has expired; please scan the screen again"),
    "bad_group": Text("请选择你在哪一组", "Choose your group"),
}


class HallPhrases(Phrases):
    """The words in one language."""

    table = WORDS

    def __getitem__(self, name: str) -> str:
        """A sentence whose name is only known on the page."""
        return self(name)

    def all(self) -> dict[str, str]:
        """Every sentence, for the page's script; places stay to be filled there."""
        return {name: text.within(self.language) for name, text in self.table.items()}
