"""A text as it is read aloud: what only serves to hide a word from a search is taken out, and every place is remembered.

Full-width and circled letters, accents, twins of other alphabets, traditional characters, emoji that stand for a word, characters
that were pulled apart: all become one plain spelling. Punctuation and blanks are left out, and kept as stops beside the letters,
so that “转，发” is a word and two sentences are still two.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

CLAUSE, SENTENCE = 2, 3
"""How strong a stop is: 0 none, 1 a blank or a mark within a list, a comma, the end of a sentence."""
FURTHEST = 80
"""Characters after which a sentence without a stop is one no more."""
SHORT_LINE = 8
"""A line of fewer characters goes on in the next one: words are also hidden by ends of lines."""

_TRADITIONAL = str.maketrans(
    "轉發關註邀請獎紅領機會獲贏點讚攢幫買購錢費報騰訊團隊專屬員圈綫線萬億圓塊個禮優惠券數證響飛開啟參與動態鏈連結進羣內訂單縣"
    "區後為無們對應時間來過還這麼說話讓給雙倍額號碼滿減價現場觀簡體傳務辦贊臺関転発奨賞値擴變組盤幾錄選貨賭賠託門親鄰聯繫電僅"
    "處據當條張頭終極祕隱樂國網業樣從將誰總絕斷獨賣賺貼達邊運鎖險難顧鮮黨戰擇揮換聽聲職課論評認議識財貢貴質跡躍輛輸輪遊遠鄉醫"
    "釋針銀錦長閃閱陣雲頁預題風養驚龍備傷傾儘兩冊劃勝勵協嚴塗夠奪寫寶層廣廳強彈憑戶撥撈擲擁敗斂棄標權歡氣決滾瘋爭獵畫癒盡稅積"
    "穩窮筆籤級紙細統經綁維綜緊練績織繳續罰羅義習聖肅膽舉舊莊蓋虛蝦術衛裝裡補見規計記許設試詐該詳誘語誤調談諮謝譯貪販責資賴贈"
    "車軟較農週違適遲遷鄭鍵鐘閉際隨靈靜頂項順須願顯飯飲館馬驗鬥魚麗齊齡龐藍豐殺牆搖掃闆爾嗎瀏覽幣帳賬鈔鎊喚賀夥裏衹爺媽蘇荊徑"
    "寵廢僱傭嘗夢閨倆鐵兒孫婦嬸戀廠廚燈爐籌餘樓銷鍋鎮寧賓實熱燒牽狀瑪環產異療眾睜確磚禍種稱競筍範節築簽糧糾納純絲綠緩縮繞羈聰"
    "腦腳臉興艱蔥薦藝蘭蟲衝襲觸訪詞誠誇誼諾謊譽豬賜賽趕趙蹤輕輩辭邏郵醬鈴鉤鉅錯鏡鑽閒闊陳陸階雜離霧顏類顆飄餓騎騙驅髮鬧鳳鴨麥"
    "黃齒嚟喺佢冇嘅畀俾搵攞啲咗唔睇嗰咁",
    "转发关注邀请奖红领机会获赢点赞攒帮买购钱费报腾讯团队专属员圈线线万亿圆块个礼优惠券数证响飞开启参与动态链连结进群内订单县"
    "区后为无们对应时间来过还这么说话让给双倍额号码满减价现场观简体传务办赞台关转发奖赏值扩变组盘几录选货赌赔托门亲邻联系电仅"
    "处据当条张头终极秘隐乐国网业样从将谁总绝断独卖赚贴达边运锁险难顾鲜党战择挥换听声职课论评认议识财贡贵质迹跃辆输轮游远乡医"
    "释针银锦长闪阅阵云页预题风养惊龙备伤倾尽两册划胜励协严涂够夺写宝层广厅强弹凭户拨捞掷拥败敛弃标权欢气决滚疯争猎画愈尽税积"
    "稳穷笔签级纸细统经绑维综紧练绩织缴续罚罗义习圣肃胆举旧庄盖虚虾术卫装里补见规计记许设试诈该详诱语误调谈谘谢译贪贩责资赖赠"
    "车软较农周违适迟迁郑键钟闭际随灵静顶项顺须愿显饭饮馆马验斗鱼丽齐龄庞蓝丰杀墙摇扫板尔吗浏览币账账钞镑唤贺伙里只爷妈苏荆径"
    "宠废雇佣尝梦闺俩铁儿孙妇婶恋厂厨灯炉筹余楼销锅镇宁宾实热烧牵状玛环产异疗众睁确砖祸种称竞笋范节筑签粮纠纳纯丝绿缓缩绕羁聪"
    "脑脚脸兴艰葱荐艺兰虫冲袭触访词诚夸谊诺谎誉猪赐赛赶赵踪轻辈辞逻邮酱铃钩巨错镜钻闲阔陈陆阶杂离雾颜类颗飘饿骑骗驱发闹凤鸭麦"
    "黄齿来在他没的给给找拿些了不看那这",
)
"""And Cantonese words of one character, as they are written elsewhere."""
_TWINS = str.maketrans("авсеорхукнмтгіјѕԁɡαοινρτκħıł", "abceopxykhmtrijsdgaoivptkhil")
"""Letters of other alphabets that look like ours."""
_PICTURES = {
    "🧧": "红包",
    "🎁": "礼",
    "💰": "钱",
    "💵": "钱",
    "💴": "钱",
    "🤑": "钱",
    "🏆": "奖",
    "🎟": "券",
    "🎫": "券",
    "👍": "赞",
    "👥": "好友",
    "👫": "好友",
    "🤝": "好友",
    "👭": "好友",
    "🔁": "转发",
    "🔄": "转发",
    "📤": "分享",
    "🆓": "免费",
    "🉐": "得",
    "🈚": "无",
    "➕": "加",
    "💯": "100%",
    "=": "即",
    "＝": "即",
    "→": "即",
    "➡": "即",
}
_HEARTS = frozenset("❤♥💕💗💖💙💚💛🧡💜🖤💓💘💝♡🤍🤎")
_APART = (
    ("车专", "转"),
    ("氵主", "注"),
    ("亻言", "信"),
    ("令页", "领"),
    ("扌由", "抽"),
    ("纟工", "红"),
    ("月月友", "朋友"),
    ("八刀", "分"),
    ("讠青", "请"),
    ("贝兑", "赚"),
    ("女子友", "好友"),
)
_STROKES = frozenset("丨丶丿亅乙乀乁亠冫")
"""Single strokes are no words; some people put them between the two halves of one."""
_STOPS = dict.fromkeys("。！？!?；;…", SENTENCE) | dict.fromkeys("，,：:—~～", CLAUSE)
_LISTED = re.compile(
    r"\s*(?:[0-9０-９]+\s*[.．、)）:：]|[一二三四五六七八九十]+、|[(（][一二三四五六七八九十\d]+[)）]|[-•·*●◆■]|第.{1,3}条)"
)


@dataclass(frozen=True)
class Reading:
    """A text and its plain spelling; for each character of that, the place in the text and the stop before it."""

    text: str
    plain: str
    at: tuple[int, ...]
    stops: tuple[int, ...]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the plain spelling stands in the text: from, up to."""
        return self.at[start], self.at[end - 1] + 1

    def stop_within(self, start: int, end: int) -> int:
        """The strongest stop between the characters start … end (before any of start+1 … end)."""
        return max(self.stops[start + 1 : end + 1], default=0)

    def clause_start(self, at: int, strength: int = CLAUSE) -> int:
        """Where the clause (or sentence) begins that the character at this place stands in."""
        furthest = max(at - FURTHEST, 0)
        while at > furthest and self.stops[at] < strength:
            at -= 1
        return at

    def clause_end(self, at: int, strength: int = CLAUSE) -> int:
        """Where the clause (or sentence) ends that goes on at this place; `at` is the first character after a word."""
        furthest = min(at + FURTHEST, len(self.plain))
        while at < furthest and self.stops[at] < strength:
            at += 1
        return at

    def is_joined(self, at: int) -> bool:
        """Whether two letters of our alphabet stand side by side within one word of the text, here and before."""
        if not 0 < at < len(self.plain) or self.at[at] - self.at[at - 1] > 1:
            return False
        pair = self.plain[at - 1 : at + 1]
        return (
            pair.isascii()
            and pair.isalpha()
            and not (self.text[self.at[at - 1]].islower() and self.text[self.at[at]].isupper())
        )


def readings(text: str) -> Iterator[Reading]:
    """The ways a text can be read: with its pictures (squared characters and a plus too) as words, and without them when they
    stand within a word."""
    first = _read(text, is_picture_read=True)
    yield first
    second = _read(text, is_picture_read=False)
    if second.plain != first.plain:
        yield second


def _spelled(character: str) -> str:
    """One character as plain letters; empty when it is none."""
    if 0x1F1E6 <= ord(character) <= 0x1F1FF:
        return chr(ord(character) - 0x1F1E6 + ord("a"))
    parts = unicodedata.normalize("NFKD", character).casefold().translate(_TRADITIONAL).translate(_TWINS)
    return "".join(
        part
        for part in parts
        if (part.isascii() and (part.isalnum() or part in "%@"))
        or part in "¥$"
        or (
            part not in _STROKES
            and ("\u4e00" <= part <= "\u9fff" or "\u3400" <= part <= "\u4dbf" or ord(part) >= 0x20000)
            and unicodedata.category(part) == "Lo"
        )
        or part == "〇"
    )


def _line_stop(text: str, at: int) -> int:
    """How strong the end of a line at this place is."""
    before = text[text.rfind("\n", 0, at) + 1 : at]
    if _LISTED.match(text, at + 1) or _LISTED.match(before):
        return SENTENCE
    letters = sum(each.isalnum() for each in before)
    return SENTENCE if letters >= SHORT_LINE else CLAUSE


def _stop(text: str, at: int) -> int:
    character = text[at]
    if character == "\n":
        return _line_stop(text, at)
    if character == ",":
        is_number = text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit()
        return 0 if is_number else CLAUSE
    if character == ".":
        return SENTENCE if at + 1 < len(text) and text[at + 1].isspace() and text[at - 1 : at].isalpha() else 1
    return _STOPS.get(character, 0 if unicodedata.category(character)[0] in "MC" else 1)


def _read(text: str, *, is_picture_read: bool) -> Reading:
    plain: list[str] = []
    at: list[int] = []
    stops: list[int] = []
    stop = 0
    for place, character in enumerate(text):
        spelled = _spelled(character) if is_picture_read or not 0x1F200 <= ord(character) < 0x1F300 else ""
        if character == "." and plain and plain[-1].isdigit() and text[place + 1 : place + 2].isdigit():
            spelled = "."
        elif character in "+＋":
            spelled = "加" if is_picture_read else ""
        elif character in _HEARTS and plain and plain[-1] in "v微薇w":
            spelled = "心"
        elif character == "〇" and not (plain and plain[-1] in "一二三四五六七八九〇"):
            spelled = ""
        elif not spelled and is_picture_read:
            spelled = _PICTURES.get(character, "")
        if not spelled:
            stop = max(stop, _stop(text, place))
        for letter in spelled:
            plain.append(letter)
            at.append(place)
            stops.append(stop)
            stop = 0
    return _quiet(_joined(text, "".join(plain), at, stops))


def _joined(text: str, plain: str, at: list[int], stops: list[int]) -> Reading:
    """Characters that were pulled apart are put together again."""
    for parts, whole in _APART:
        while (found := plain.find(parts)) >= 0:
            last = found + len(parts) - len(whole)
            plain = plain[:found] + whole + plain[found + len(parts) :]
            del at[found + 1 : last + 1]
            del stops[found + 1 : last + 1]
    return Reading(text, plain, tuple(at), tuple(stops))


def _quiet(reading: Reading) -> Reading:
    """Where nearly every character is followed by a stop, the stops mean nothing."""
    strong = sum(stop >= CLAUSE for stop in reading.stops[1:])
    if strong * 5 < len(reading.plain) * 2:
        return reading
    return Reading(reading.text, reading.plain, reading.at, tuple(min(stop, 1) for stop in reading.stops))
