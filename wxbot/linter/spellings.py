"""Words as people spell them when a search must not find them: by sound, by look, in pinyin, half and half, by initials.

A pattern of this module is read over a `Reading`, where blanks, marks and pictures are gone already.
"""

import re
from collections.abc import Iterator

from wxbot.linter.reading import Reading

_SPELLINGS = {
    "分": ("粉芬份纷吩", "fen"),
    "享": ("想向响象像香亨飨", "xiang"),
    "转": ("赚砖专传撰啭", "zhuan"),
    "发": ("法伐珐沷", "fa"),
    "邀": ("腰妖夭吆", "yao"),
    "请": ("情晴清", "qing"),
    "朋": ("盆棚彭鹏", "peng"),
    "友": ("有又右", "you"),
    "圈": ("卷劵", "quan"),
    "助": ("筑", "zhu"),
    "力": ("莉", "li"),
    "集": ("及吉", "ji"),
    "赞": ("攒暂", "zan"),
    "关": ("观官冠", "guan"),
    "注": ("住主柱祝助猪驻著", "zhu"),
    "红": ("宏洪鸿虹", "hong"),
    "包": ("苞胞煲", "bao"),
    "领": ("岭", "ling"),
    "抽": ("筹惆", "chou"),
    "奖": ("浆蒋桨", "jiang"),
    "机": ("鸡", "ji"),
    "会": ("烩惠", "hui"),
    "微": ("薇徽威", "wei"),
    "信": ("芯心辛", "xin"),
    "腾": ("藤滕", "teng"),
    "讯": ("迅训汛", "xun"),
    "官": ("关倌", "guan"),
    "方": ("芳", "fang"),
    "必": ("毕闭碧", "bi"),
    "中": ("种钟衷", "zhong"),
    "内": ("那", "nei"),
    "定": ("订锭", "ding"),
    "拉": ("啦", "la"),
    "砍": ("坎", "kan"),
    "价": ("架", "jia"),
}
_SOUNDS = frozenset(
    [
        "fenxiang",
        "zhuanfa",
        "yaoqing",
        "pengyouquan",
        "jizan",
        "zhuli",
        "kanjia",
        "guanzhu",
        "hongbao",
        "weixin",
        "tengxun",
        "jihui",
        "choujiang",
        "zhongjiang",
        "jiangpin",
        "haoyou",
        "lingqu",
        "cishu",
        "bizhong",
        "neiding",
        "guanfang",
    ]
)
_BETWEEN = "[a-z0-9]{0,2}?"
"""Letters that were put between the halves of a word."""


def spelled(word: str) -> str:
    """The pattern of a word in all its spellings."""
    parts = []
    for character in word:
        looks, sound = _SPELLINGS.get(character, ("", ""))
        parts.append(f"(?:[{character}{looks}]{'|' + sound if sound else ''})")
    return _BETWEEN.join(parts)


def any_of(*words: str) -> str:
    """A pattern of alternatives, of which some are spelled out already."""
    return "(?:" + "|".join(words) + ")"


_FRIENDS = "(?:好友|朋友(?!圈)|闺蜜|亲友|亲戚|同事|家人|同学|室友|舍友|邻居|兄弟|姐妹|姐妹淘|老铁|哥们|另一半|新客|新人|新用户|新会员|新朋友|路人|别人|他人|其他人|熟人|亲朋|小伙伴|伙伴|haoyou)"

SHARE = any_of(
    "(?<![积部充十万百千二三四五六七八九几])" + spelled("分享") + "(?!受|家)",
    spelled("转发") + "(?!展|烧|货|票|生)",
    "转给|转到(?:群|圈|朋)|传给(?:好|朋|群)",
    spelled("邀请") + "(?!函|您(?!身|的|家)|你(?!身|的|家)|各位|大家|全体|广大|新老|所有|会员|顾客|嘉宾|码)",
    spelled("朋友圈"),
    spelled("集赞"),
    spelled("助力")
    + "(?!乡村|振兴|高考|中考|公益|环保|经济|消费|健康|生活|梦想|成长|美好|企业|春耕|教育|发展|夺冠|您|.{0,2}事业)",
    spelled("砍价"),
    "集(?:卡|齐|福|五福|字)|点赞|求赞|攒赞|获赞|[0-9一二三四五六七八九十几]{1,12}个赞",
    f"{_FRIENDS}(?:们)?(?:来|也|都)?(?:帮|助(?!理)|砍|扫|点|打开|点开|注册|进来|加入|通过|识别|围观|投)",
    f"(?:让|叫上?|喊上?|请|找|带|约上?|邀|拉|召集|召唤|动员|号召|发动|组织|介绍|推荐给?|安利给?|告诉|艾特|@|圈|吸引|转达|通知|对着?|凑)[^ ]{{0,3}}?{_FRIENDS}",
    "(?:让|叫|喊|找|带|约|拉|邀|凑)(?:够|来|满|齐|进)?[0-9一二三四五六七八九十两几多]{1,12}(?:个|位|名)?(?:真?人|亲|好友|朋友|新|客|用户|家人)",
    "拉(?:新|人(?!工)|好友|朋友|群|票|满)|带(?:新人|人来)|每?邀(?:[0-9一二三四五六七八九十两几]{1,12}|满|到|一)(?:个|位|名|人)|老带新|以老带新|人传人|一传十",
    "(?:丢|扔|甩|发|转|传|推|贴|挂|晒|同步|搬|投放|群发|发送|推送|复制)(?:到|进|去|给|入|在|至)?[^ ]{0,4}?(?:群(?!众|体)|朋友圈|微博|抖音|小红书|空间|贴吧|"
    + _FRIENDS
    + ")|(?:发|晒|刷)(?:个|条|一下|一条)?圈|晒(?:图|单|截图)|多?转(?:[0-9一二三四五六七八九十两几]{1,12}|多)(?:个|位|名)?(?:群|人|好友|家)|转(?=即|就能|就有|就送|一转|出去|走|完即|起来)",
    "(?:随手|顺手|一键|赶紧|快|帮忙|帮我|动动手指)一?转(?!盘|动|账|身|换|化|变|让|正|入|运|向|轮|弯|机|移|接|播|载)|转(?:一下|了)?(?:这|本|此|我)(?:条|个|篇|页|份|的)?[^ ]{0,3}?(?:链接|消息|海报|推文|文章|图|帖)|转(?:一?下|个|张|条)?(?:链接|海报|推文|帖)",
    "(?:把|将)(?:这|本|此|它|活动)[^ ]{0,4}?转(?=了|出|走|给|到|起|一)|(?:本|这|此)(?:页|文|条|图|链接|活动)(?:内容|消息|海报)?转(?:满|够|了|过)|(?<![盘轮针机])转(?:了|过)(?=就|即|便|都有?|的都|能|有)",
    "扩散|裂变|组团|组队|成团|开团|拼团|拼单|参团|呼朋唤友|奔走相告|群发|传播|安利(?=本|给|活动|我们)|广而告之|助威|应援|(?:给|帮|为)(?:我|他|ta|选手)?投(?:一)?票|求(?:票|扩|转|点)",
    "(?:推荐|介绍|发展)(?:够|满|了)?[0-9一二三四五六七八九十两几]{1,12}(?:个|位|名)?(?:人|好友|朋友|用户|会员)|推广码|邀请码|分享码|专属(?:链接|海报|二维码)|推广(?:链接|海报)|(?:你|您)的(?:链接|海报|二维码)|人头|下线",
    "haoyou|jizan|pyq|fx|zf|yq",
    "shar(?:e|es|ed|ing)|forward(?:s|ed|ing)?|invit(?:e|es|ed|ing)|refer(?:s|red|ring|rals?)?|repost(?:s|ed|ing)?|retweet(?:s|ed)?"
    "|moments|tag(?:afriend|yourfriends?|friends?)|bring(?:a|your)friends?|recruit|friends?(?:joins?|signsup|clicks?|opens?|helps?|scans?)",
)
"""E-02: to make others come."""

FOLLOW = any_of(
    "(?<![相无机海公])" + spelled("关注") + "(?!意|册|明|释|销|重)",
    "取关|订阅(?!通知|提醒|消息)|加粉|涨粉|吸粉|星标|(?:成为|变成|做|当)[^ ]{0,4}粉丝|(?:仅限?|只限|限|专属)粉丝|粉丝(?:才|专享|专属|独享|可)",
    "(?:加|添加|扫码加)(?:我|一下)?(?:们的?|的|小编|店长|客服|老板)?(?:好友|"
    + spelled("微信")
    + "|v信|v心|vx|wx|v|企微|企业微信|客服|小编|店长)(?!红包|支付|零钱|公)",
    "置顶(?:公众号|我们|本号|账号)|先关(?:后|再)|(?:点|按)个?关(?=再|后|就|领|抽)|(?:进|入|加|扫码进|扫码入)(?:粉丝|福利|微信|会员|红包|交流|[vq])?群",
    "(?:点|按)(?:一下|击)?(?:右上角|左上角|上方|下方)?(?:的)?(?:蓝字|公众号|名片)",
    "gz|follow(?:ed|ing)?(?=or|us|our|me|the|this|@|and|to|first|now|before|account|page|for|then|$)|subscrib(?:e|ed|ing|ers?)",
)
"""E-03: to follow, or to be made somebody's contact."""

PACKET = any_of(spelled("红包"), "hb")
WECHAT = any_of(spelled("微信"), spelled("腾讯"), "v信|v心|vx|wx|鹅厂|tx|wechat|tencent|财付通")

BAIT = any_of(
    PACKET,
    spelled("机会") + "|次数|名额|资格|权益|特权",
    spelled("抽奖"),
    "(?<!开)(?<!领)" + spelled("奖") + "(?!结果|名单|公告|通知|情况)",
    "(?<![本带纲占率冒])领(?!导|域|先|班|带|略|悟|会|军|袖|事|土|奖须知)",
    "(?<!请)抽(?!烟|空|检|查|屉|纸|油|湿|水|中名单)",
    "(?<![心觉值记不难懂舍使显省免晓])得(?!到通知|知|体|意|力|当|罪)",
    "(?<![配派运])送(?!货|达|餐|别|到家|修|检)",
    "赢|福利|优惠|(?<!电影)券|积分|现金|红利|好处|返现|补贴|锦鲤|免单|优先|加成|暴击|解锁|回馈|惊喜|大礼包|零钱",
    "(?<![婚典敬洗葬观失])礼(?!貌|仪|堂|服|让)",
    "(?:[0-9一二三四五六七八九十百千万两]|翻|加|双)倍|(?:概率|几率|机率|胜率|中奖率|获奖率)|好运",
    "[0-9一二三四五六七八九十百千万两几]{1,12}(?:元|块|毛)|钱",
    "(?:多|再|加|增加?|额外|赠)[^ ]{0,2}?[0-9一二三四五六七八九十两几]*次|再来|续命|满血",
    "(?:即可|才能|才可|方可|就能|就可以?|便可|即能|立即|马上|后可?|方能)(?:以)?(?:参与|参加|进入|查看|开启|拆|玩|摇|转|刮|开奖|看结果|入场)",
    "(?:再|才|后|就|方)(?:能|可以?)?(?:摇|转|刮|拆|开|玩|抽|提现)|提现|盲盒|宝箱|开箱",
    "lingqu|choujiang|zhongjiang|cishu|jiangpin|fuli|cj|zj",
    "wins?|winning|gets?|draws?|prizes?|chances?|odds|lucky|packets?|rewards?|cash|spins?|entry|entries|coupons?|try|tries|gifts?|bonus"
    "|unlocks?|free|earns?|receive|claim|double|extra|plays?",
)
"""What draws people."""


def found(pattern: str, reading: Reading, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
    """Where a word stands. English words and initials are whole words; pinyin may run on.

    Patterns are texts: re keeps those that were used, and a process that lints nothing compiles none.
    """
    for match in re.compile(pattern).finditer(reading.plain, start, len(reading.plain) if end is None else end):
        word = match[0]
        if not word:
            continue
        is_whole = word.isascii() and word.isalpha() and word not in _SOUNDS
        if not (is_whole and (reading.is_joined(match.start()) or reading.is_joined(match.end()))):
            yield match
