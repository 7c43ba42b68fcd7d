"""What the big screen of a hall says, in Chinese and English: the page's sentences, and those that its scripts fill."""

from wxbot.text import Phrases, Text

PAGE: dict[str, Text] = {
    "pair_text": Text("请输入主持台上的 6 位配对码", "Type the six digits that the host's desk shows"),
    "unpaired": Text("这块屏幕还没有配对，请刷新页面", "This screen is not paired; reload the page"),
    "preflight": Text("开场前体检", "Check this machine first"),
    "rehearsal": Text("彩排", "Rehearsal"),
    "wall_empty": Text("扫码签到，让名字亮起来", "Scan the code and see your name up here"),
    "scan": Text("微信扫码签到", "Scan with WeChat"),
    "code_stale": Text("二维码已过期，正在重新连接…", "This code is too old; connecting again…"),
    "prizes": Text("今晚的奖品", "Tonight's prizes"),
    "pool_hash": Text("奖池指纹", "Pool"),
    "voided": Text("本次抽取作废", "This selection is void"),
    "late": Text(
        "网络中断，正在重试。中奖结果已在服务器上定下，主持人可以在手机控制台查看。",
        "No connection; trying again. The winners are fixed on the server: the host reads them on the desk.",
    ),
    "results_empty": Text("还没有抽取", "Nothing has been drawn yet"),
    "rest": Text("中场休息", "Intermission"),
    "rest_text": Text("马上回来", "Back in a moment"),
    "commitment": Text("承诺值", "Commitment"),
    "how_to_verify": Text("怎么验证", "How to verify"),
    "viewer": Text("仅观看：另一块大屏正在主控", "Looking on: another screen is in charge"),
    "offline": Text("网络中断，正在重新连接…", "No connection, trying again…"),
    "go": Text("开始 / 停止", "Start / stop"),
    "skin": Text("换样式", "Style"),
    "mute": Text("静音", "Mute"),
    "save": Text("省电", "Save"),
    "full": Text("全屏", "Full screen"),
    "verify_title": Text("怎么验证这场抽奖", "How to verify this lottery"),
    "verify_text": Text(
        "上面这一串是承诺值：签到开始之前就已公布，全场每一次抽取的种子都由它锁定，之后谁也换不了。\n"
        "每次抽取前，名单和奖池的指纹先公布，再加入现场举起的号码；中奖人由这些公开的数据算出，任何人都能重算。\n"
        "你的签到页上有自己的签到号和盐值，可以查到自己在名单里的那一行。活动结束后，完整记录和离线验证页会公开。",
        "The figures above are the commitment: published before anybody could sign in, it fixes the seed of every selection.\n"
        "Before each selection the roster and the pool are published by their hashes, then the numbers held up here are added; "
        "the winners follow from these public data, and anybody can work them out again.\n"
        "Your sign-in page shows your number and the proof of your own line. After the end the whole record is published, "
        "with a page that checks it offline.",
    ),
    "close": Text("知道了", "Close"),
    "to_screen": Text("打开大屏", "Open the screen"),
    "check_again": Text("重新检查", "Check again"),
    "try_sound": Text("试听", "Play"),
    "check_network": Text("网络", "Network"),
    "check_clock": Text("电脑时间", "Clock"),
    "check_stream": Text("实时推送", "Live updates"),
    "check_size": Text("分辨率", "Resolution"),
    "check_fonts": Text("中文字体", "Chinese fonts"),
    "check_frames": Text("动画流畅度", "Animation"),
    "check_awake": Text("防止息屏", "Stays awake"),
    "check_sound": Text("声音", "Sound"),
    "check_sound_first": Text("点右边的按钮，应当听到一段号声", "Press the button: a fanfare should be heard"),
    "check_full": Text("全屏", "Full screen"),
    "check_full_first": Text("点右边的按钮，再按 F 或 Esc 退出", "Press the button; F or Esc leaves it"),
    "check_clicker": Text("翻页笔", "Clicker"),
    "check_clicker_first": Text("按一下翻页笔的“下一页”", "Press “next page” on the clicker"),
    "check_rehearsal": Text("彩排抽取", "Test selections"),
}

SCRIPT: dict[str, Text] = {
    "signed_in": Text("已签到 {n} 人", "{n} signed in"),
    "welcome": Text("欢迎 {name} · 第 {no} 位", "Welcome {name} · number {no}"),
    "given": Text("已送出 {given} / {stock}", "{given} of {stock} given"),
    "all_given": Text("已全部送出", "All given"),
    "added": Text("现场加奖：{name} × {stock}", "A prize more: {name} × {stock}"),
    "added_tag": Text("加奖", "Added"),
    "prolonged": Text("活动延长到 {at}", "Prolonged until {at}"),
    "selects": Text("抽 {k} 名 · 奖池 {pool} 人", "{k} out of {pool} {pool:person|people}"),
    "congratulations": Text("恭喜以下 {k} 位中奖", "Congratulations! {k} won"),
    "selection_no": Text("第 {d} 次抽取", "Selection {d}"),
    "redraw": Text("第 {slot} 个名额 · 第 {nth} 次补抽", "Slot {slot}, redraw {nth}"),
    "redraws": Text("补抽 {count} 个名额", "Redraw of {count} {count:slot|slots}"),
    "roster": Text("名单第 {version} 版 · {count} 人", "Roster {version}, {count} {count:person|people}"),
    "frozen": Text(
        "名单已冻结：第 {version} 版 · {count} 人",
        "The roster is frozen: version {version}, {count} {count:person|people}",
    ),
    "entropy_hall": Text("现场举起的号码", "The numbers held up in this room"),
    "entropy_hall_waiting": Text(
        "请三位来宾各举起一张号码，三个都举好后再读出",
        "Three people hold up a number each; they are read when all are up",
    ),
    "entropy_drand": Text("drand 公共随机数", "The public randomness of drand"),
    "entropy_drand_waiting": Text("正在等待 drand 公共随机数…", "Waiting for the public randomness of drand…"),
    "entropy_seed": Text(
        "本场只用预先承诺的种子：名单锁定后结果不能更改",
        "This hall uses the committed seed alone: after the freeze nothing changes",
    ),
    "hint_ready": Text("按空格或翻页笔开始", "Space or the clicker starts"),
    "hint_rolling": Text("再按一次停止", "Press again to stop"),
    "winner_absent": Text("缺席", "Absent"),
    "winner_forfeited": Text("放弃", "Declined"),
    "found_later": Text("数据恢复后认定，— 是签到号已丢失", "found after a restore; — is a number that was lost"),
    "winner_voided": Text("作废", "Void"),
    "results": Text("中奖名单", "Winners"),
    "page": Text("共 {total} 人 · {page} / {pages}", "{total} {total:person|people}, {page} of {pages}"),
    "voided_line": Text("第 {d} 次抽取作废：{reason}", "Selection {d} void: {reason}"),
    "game_soon": Text("即将开始", "Get ready"),
    "game_left": Text("剩余秒数", "Seconds left"),
    "game_over": Text("时间到", "Time is up"),
    "rain_claimed": Text("已抢到 {claimed} 个红包", "{claimed} {claimed:packet|packets} caught"),
    "rain_of": Text("已抢到 {claimed} / {packets} 个红包", "{claimed} of {packets} {packets:packet|packets} caught"),
    "hidden": Text("已隐藏第 {no} 位", "Number {no} is hidden"),
    "muted": Text("已静音", "Muted"),
    "unmuted": Text("声音已打开", "Sound is on"),
    "saving_on": Text("省电模式", "Saving mode"),
    "saving_off": Text("已退出省电模式", "Saving mode is off"),
    "refused": Text("没有成功，请看控制台", "That did not work; see the desk"),
    "no_network": Text("网络不通，请检查后再试", "No connection; please check and try again"),
    "check_network_good": Text("往返 {ms} 毫秒", "{ms} ms there and back"),
    "check_network_slow": Text("往返 {ms} 毫秒，偏慢：请改用网线", "{ms} ms there and back is slow: use a cable"),
    "check_network_bad": Text(
        "连不上服务器：请检查网线，并备好手机热点", "No connection: check the cable, have a phone's hotspot ready"
    ),
    "check_clock_good": Text("与服务器相差 {s} 秒", "{s} s from the server's"),
    "check_clock_bad": Text(
        "与服务器相差 {s} 秒：不影响抽奖，建议打开自动校时",
        "{s} s from the server's: selections do not mind, but set it",
    ),
    "check_stream_good": Text("已连上", "Connected"),
    "check_stream_unpaired": Text(
        "配对以后才能检查：先打开大屏配对，再回到这里", "After pairing: pair this screen, then come back"
    ),
    "check_stream_bad": Text(
        "没有连上：大屏会改为每秒查询一次", "Not connected: the screen will ask once a second instead"
    ),
    "check_size_good": Text("{width} × {height}", "{width} × {height}"),
    "check_size_bad": Text(
        "{width} × {height} 太小：请把电脑和投影都设成 1280 × 720 以上",
        "{width} × {height} is too small: set the computer and the projector to 1280 × 720 or more",
    ),
    "check_fonts_good": Text("正常", "Fine"),
    "check_fonts_bad": Text("缺少中文字体：请安装思源黑体", "Missing: install Noto Sans CJK"),
    "check_frames_good": Text("每秒 {fps} 帧", "{fps} frames a second"),
    "check_frames_bad": Text(
        "每秒 {fps} 帧，偏低：现场请按 S 进入省电模式", "{fps} frames a second is low: press S for saving mode"
    ),
    "check_awake_good": Text("不会息屏", "The display stays on"),
    "check_awake_bad": Text(
        "浏览器不支持：请在系统里关闭息屏和屏保", "Not supported: switch off sleep and screen saver in the system"
    ),
    "check_sound_good": Text("已播放，请确认音箱里听得到", "Played; is it heard in the hall?"),
    "check_sound_bad": Text("浏览器没有放出声音，请检查输出设备", "The browser gave no sound; check the output"),
    "check_full_good": Text("可以全屏", "Works"),
    "check_full_bad": Text("浏览器不允许：请用 F11", "Not allowed: use F11"),
    "check_clicker_good": Text("收到翻页键", "The key arrived"),
    "check_rehearsal_done": Text("已完成 {done} / {tests} 次", "{done} of {tests} done"),
    "check_rehearsal_none": Text(
        "在彩排场打开本页，完成两次抽取（彩排不付款）",
        "Open this page of a rehearsal hall and make two selections there: it pays nobody",
    ),
    "pair_asking": Text("正在配对…", "Pairing…"),
}


class ScreenPhrases(Phrases):
    """The sentences of one language."""

    table = PAGE

    def of_script(self) -> dict[str, str]:
        """What the scripts fill in, name → sentence with its places."""
        return {name: text.within(self.language) for name, text in SCRIPT.items()}
