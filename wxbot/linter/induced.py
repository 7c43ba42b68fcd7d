"""E-02 and E-03: sharing, inviting, helping or following beside a benefit, unless the text says that nothing comes of it."""

import re
from bisect import bisect_left
from collections.abc import Iterator

from wxbot.linter.reading import CLAUSE, SENTENCE, Reading
from wxbot.linter.spellings import BAIT, FOLLOW, MORE_TRIES, OTHERS, SHARE, found, spelled

_ACTS = (("E-02", SHARE), ("E-03", FOLLOW))
_AHEAD, _BEHIND, _AHEAD_ENGLISH = 18, 10, 32
"""How many characters apart an act and a benefit still belong together."""

_FILLER = (
    "(?:任何|再|额外|先|您|你|用户|顾客|参与者|强制|要求|通过|进行|将|把|本|活动|页面|链接|或者?|和|及|与|以及|也|而|等|到|给|好友|朋友圈|朋友|公众号|"
    "微信|群|必须|完成|的|任务|了|设置|以|靠|因|诱导|方式|行为|去|来|做|对|向|一定要?|专门|额外|any|to|or|and|you|a|the|with|friends|us|our|it|this|page|"
    + SHARE
    + "|"
    + FOLLOW
    + ")*"
)
_EXCUSED = (
    "(?:无需|无须|毋须|不需要?|不必|不用|不要求|不会要求|从不要求|不强制|不诱导|不鼓励|不以|不因|不靠|不凭|不用靠|不依赖|不设|不设置|不支持|不存在|不包含|不含|"
    "没有设置|没有要求|并不要求|并不需要|不是靠|不是通过|禁止|请勿|严禁|不得|不可|不准|不要|切勿|谢绝|拒绝|抵制|杜绝|是否|不论|不管|无论|"
    "与|跟|noneedto|nothaveto|neednot|notneedto|noneedfor|notrequired?to|notrequire|notrequireyouto|never|nothingto|whetheryou|whether|regardlessof|without"
    ")" + _FILLER + "$"
)
_ABSENT = "(?:不|没有?|未|没|非|拒绝|忘记|忘了|漏了|除非|若不|如果不|取消|without|not|unless|didnot|donot|dont|no)(?:you|有|曾|经|先|再|你|您|按时|及时|完成|进行)*$"
_FORWARDS = "^[^也都]{0,6}?(?:之前|以前|前)(?:不|无法|没)"
_STILL = "(?:好友|朋友|家人|同事|他|她|ta|对方)(?:们)?(?:也|都|同样|照样|一样)(?:可以?|能)?(?:来|自己|参加|一起)*$"
_UNAFFECTED = (
    "(?:不|没|无|非|别|no|not|never|nt)[^。]{0,4}?(?:影响|增加?|提高|改变|降低|减少|升|妨碍|计入|耽误|关|多|加|额外|change|affect|increase|raise|add|improve|more|extra|give|matter)"
    "[^ ]{0,8}$"
)
_DENIED = (
    "(?:不(?!同|仅|但|止|只|限|断|少|停|错|间断|用|需|必|论|管)|没有|没|无(?!需|须|论|门槛|条件|限|上限|忧|数)|未|别想|休想|甭|莫|并非|(?<![不减至最])少(?=[一二两三几0-9])|扣除|收回|取消|失去|丧失|放弃|错过|拜拜|再见|"
    "cannot|cant|wont|willnot|doesnot|doesnt|donot|never|neither|nor|no|not|lose)[^ ]{0,7}$"
)
_SAME = "^[^ ]{0,6}?(?:不变|无关|没有?(?:任何)?关系|不相关|不受影响|都?一样|相同|不增加|不会(?:增加|提高|变|多|因)|没有(?:变化|影响|增加)|不提高|仍有|都能|均等|同等|不挂钩|staythesame|thesame|unchanged|unaffected)"
_GONE = "^[^ ]{0,5}?(?:就没|没了|作废|失效|飞了|没有|取消|收回|减半|归零|清零|不算|无效|泡汤|(?:一律|通通|全部|概|统统)?不(?:发|给|送|兑|予)|没门|别想|免谈|没份|没戏)"
_UNRELATED = (
    "^"
    + _FILLER
    + "(?:与否|没有?)?(?:均|都|也|皆|是|并)*(?:无任何|没有?任何|没有?|无|不)(?:直接|什么|任何)?(?:关系|关联|关|相关|影响|挂钩|沾边|搭界|作为|是|奖励|好处|会|能|得)"
)
_NOTHING = "各抽各的|(?:谁|一次|机会|次数)(?:也|都)不(?:会)?(?:多|加|变)"
_NOT_EARNED = "(?:不(?!仅|但|只|光)|没|无|别|非|未|勿|莫|cannot|not|no|never|wont|nt|哪怕|就算|即使)[^ ]{0,8}$"
_BUT = "才|但|不过|只是|可惜|然而|除非|而且|还能|更|多|额外|翻"
"""What takes back that nobody has to."""
_OTHERWISE = "否则|不然|要不|otherwise|orelse"
_WARNING = "骗子|诈骗|假冒|冒充|谣言|举报|都是假|均为假|scam|fraud"
_NO_WARNING = "(?:不是|非|绝非|没有|不会|不)(?:骗子|诈骗|假冒|骗)|notascam|noscam"
_CONNECTED = "^(?:[到至]{0,1}.{0,2}?)(?:即|就|可|便|立|马上|随后|然后|之后|后|领|送|得|赢|赚|换|抽|奖励|获|有机会|拿|(?:红包|礼)(?:到手|到账|拿走|带|归|等|就|是|立|雨|马上))"
_DEMAND = "请先|先|前|需|须|要|靠|凭|通过|条件|方式|方法|途径|攻略|秘籍|不够|用完|没了|更多|多|额外|再|必|只|如何|怎么|by|if|when|must|for|just|simply|through|after"
_AFTERWARDS = "后|完|之余|结束|欢迎|喜悦"
_SHARED_WITH_YOU = "(?:与|跟|和|同|为|向|给)(?:您|你|大家|各位|顾客|会员|读者|家人|粉丝)(?:们|一起|一同|共同)*$"
_JOY = "^(?:会(?!员)|快乐|喜悦|好心情|幸福|美好|节日|丰收|活动现场|欢乐|爱|感动|精彩|asof)"
_SHOWN = "^(?:本|活动|我们的?|后续|官方|公众号|门店|小程序|页面|抽奖|下方|大屏|现场|以下)*(?:页面|公告|通知|结果|时间|名单|进度|天气|健康|安全|动态|细节|公布|开奖|消息|推送|规则|说明|大屏|屏幕|情况|后续|自身|个人|孩子)"


_TURNED = (
    "(?:点|按|戳|触|摁|敲)(?:击|下|一下|住|中)?(?:中间|中央|中心|页面上?|屏幕上?|下方|那个|大大|红色|圆形)*的?$"
    "|(?:转盘|轮盘|圆盘|转轮|滚轮|指针)(?:就|会|便|也|开始|快|慢慢|自己|再|正在)*$"
)
"""A wheel turns, or the word stands on its button: 转 is no forwarding then."""
_TURNS = ("转", "转走", "转起来", "转完即")
_ONWARD = "群|好友|朋友|(?<![一二两三几0-9])圈|同事|家人|出去|给|链接|多人"
_HASTE = "^(?:快|来|赶紧|赶快|马上|现在|一起|大家|都|就|您|你|请|让|把|转盘|好运|幸运|嗨)*$"
_TRIED = "^一转(?:吧|看|试|大?转盘|手气|运气|就知|拼|这个转盘|(?:有|得|赢|中|抽)(?:好|大|现金)?(?:奖|礼|惊喜|红包))"


_ALONE = f"^(?:{spelled('集赞')}|{spelled('砍价')}|裂变|人头|集卡)"
_FRIENDS_HELP = f"(?:好友|亲友|朋友)(?!圈).{{0,2}}{spelled('助力')}"
"""What is forbidden though nothing is promised beside it."""


def induced(reading: Reading) -> Iterator[tuple[str, int, int]]:
    """(rule, start, end) within the plain spelling of every act beside a benefit."""
    baits = [bait.span() for bait in found(BAIT, reading)]
    starts = [start for start, _ in baits]
    for rule, acts in _ACTS:
        for act in found(acts, reading):
            start, end = act.span()
            near = baits[bisect_left(starts, start - _BEHIND - 12) : bisect_left(starts, end + _AHEAD_ENGLISH + 1)]
            is_alone = rule == "E-02" and bool(
                re.search(_ALONE, act[0]) or re.search(_FRIENDS_HELP, reading.plain[max(0, start - 4) : end + 1])
            )
            if not (near or is_alone) or _is_harmless(reading, start, end, act[0]):
                continue
            place = (
                (start, end)
                if is_alone
                else _benefit_after(reading, start, end, near) or _benefit_before(reading, start, end, near)
            )
            if place:
                yield rule, *place
    yield from _earned(reading)


def _earned(reading: Reading) -> Iterator[tuple[str, int, int]]:
    """More tries in the same sentence as somebody who would have to come: whatever the word for bringing them is."""
    for more in found(MORE_TRIES, reading):
        start, end = reading.clause_start(more.start(), SENTENCE), reading.clause_end(more.end(), SENTENCE)
        sentence, before = reading.plain[start:end], reading.plain[max(start, more.start() - 12) : more.start()]
        if re.search(_NOT_EARNED, before) or re.search(_NOTHING, sentence) or re.search(_WARNING, sentence):
            continue
        other = next(found(OTHERS, reading, start, end), None)
        if other is None or other.start() > more.start():
            continue
        if not _is_harmless(reading, *other.span(), other[0]):
            yield "E-02", other.start(), more.end()


def _before(reading: Reading, start: int) -> str:
    """What stands before, in the same clause."""
    return reading.plain[max(reading.clause_start(start), start - 30) : start]


def _after(reading: Reading, end: int, strength: int = CLAUSE) -> str:
    return reading.plain[end : min(reading.clause_end(end, strength), end + 30)]


def _is_harmless(reading: Reading, start: int, end: int, word: str) -> bool:
    before, after = _before(reading, start), _after(reading, end)
    if re.match("与否(?!不)", after):
        return True
    if re.search(_EXCUSED, before) and not re.search(_ABSENT, before[:-1] if before.endswith(("与", "跟")) else ""):
        is_with = re.search("(?:与|跟)" + _FILLER + "$", before)
        if not is_with or re.search(_EXCUSED, before[: is_with.start()]) or re.search(_UNRELATED, after):
            return True
    sentence = reading.plain[reading.clause_start(start, SENTENCE) : reading.clause_end(end, SENTENCE)]
    free = f"不(?:用)?{word}(?:也|都|照样?|一样)(?:可以|行|可|能|好|成|没)"
    if re.search(_NOTHING, sentence) or (re.search(free, sentence) and not re.search(_BUT, sentence)):
        return True
    if re.search(_WARNING, sentence) and not re.search(_NO_WARNING, sentence):
        return True
    rest = reading.plain[end : end + 14]
    if word in _TURNS or (word.endswith("转") and rest.startswith("起来")):
        is_turned = re.search(_TURNED, before) or re.search(_TRIED, rest) or (before == "" and "转盘" in sentence)
        is_turned = is_turned or after == "一转"  # and the clause ends: “转一转，奖品带回家”
        is_turned = is_turned or ("起来" in word + rest[:2] and bool(re.search(_HASTE, before)))  # “快转起来，大奖等你”
        return bool(is_turned and not re.search(_ONWARD, rest))
    if word == "分享" or word.startswith("shar"):
        if re.search(_SHARED_WITH_YOU, before):
            return True
        joy = re.search(_JOY, after)
        if joy and (joy[0] == "会" or not re.search(_CONNECTED, after[joy.end() :])):
            return True
    return bool(word == "关注" and re.search(_SHOWN, after))


def _stance(reading: Reading, end: int, bait: tuple[int, int]) -> str:
    """What the words around a benefit say of it: given, denied, or unaffected."""
    start = max(end, reading.clause_start(bait[0]))
    tail, after = reading.plain[start : bait[0]], _after(reading, bait[1])
    if re.search(_UNAFFECTED, tail) or re.search(_SAME, after):
        return "unaffected"
    if re.match("[？?]", reading.text[reading.at[bait[1] - 1] + 1 :][:1]):
        after = reading.plain[bait[1] : bait[1] + 8]  # the answer to “…也想抽？” is “没门”
    if re.search(_DENIED, tail) or re.search(_GONE, after):
        return "denied"
    return "given"


def _benefit_after(reading: Reading, start: int, end: int, baits: list[tuple[int, int]]) -> tuple[int, int] | None:
    before = _before(reading, start)
    rest = reading.plain[end : end + 30]
    is_absent = (
        bool(re.search(_ABSENT, before)) or bool(re.search(_FORWARDS, rest)) or reading.plain[start:end] == "取关"
    )
    reach = _AHEAD_ENGLISH if reading.plain[start:end].isascii() else _AHEAD
    for bait in baits:
        if not end <= bait[0] <= end + reach:
            continue
        sentences = [at for at in range(end, bait[0] + 1) if reading.stops[at] >= SENTENCE]
        if len(sentences) > 1 or (sentences and not re.search(_CONNECTED, reading.plain[sentences[0] :][:8])):
            break
        if re.search(_STILL, reading.plain[end : bait[0]]) and reading.plain[bait[0] : bait[1]] in ("抽奖", "抽"):
            continue
        stance = _stance(reading, end, bait)
        is_otherwise = re.search(_OTHERWISE, reading.plain[end : bait[0]]) is not None
        if stance != "unaffected" and (is_absent != is_otherwise) == (stance == "denied"):
            return start, bait[1]
    return None


def _benefit_before(reading: Reading, start: int, end: int, baits: list[tuple[int, int]]) -> tuple[int, int] | None:
    if re.search(_UNRELATED, reading.plain[end : end + 20]):
        return None
    is_absent = bool(re.search(_ABSENT, _before(reading, start)))
    for bait in reversed(baits):
        if not start - _BEHIND <= bait[1] <= start:
            continue
        between = reading.plain[bait[1] : start]
        marks = reading.text[reading.at[bait[1] - 1] : reading.at[start]]
        is_asked = any(mark in marks for mark in "？?：:")
        if reading.stop_within(bait[1] - 1, start) >= SENTENCE and not is_asked:
            return None
        is_denied = bool(re.search(_DENIED, _before(reading, bait[0])))
        if is_absent and is_denied:
            return bait[0], end
        if is_absent or (is_denied and not is_asked):
            continue
        head = reading.plain[max(0, bait[0] - 6) : bait[0]]
        is_demand = (
            re.search(_DEMAND, between) or is_asked or re.search("(?:想|要|若|需|多|再|更|额外|more|want)", head)
        )
        if (is_demand or (len(between) <= 1)) and not (re.search(_AFTERWARDS, between) and not is_asked):
            return bait[0], end
    return None
