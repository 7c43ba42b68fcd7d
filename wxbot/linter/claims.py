"""What is promised or asked: fixed winners, vague prizes, too large ones, paid tries, a false organiser, certain luck."""

import re
from collections.abc import Iterator

from wxbot.linter.amounts import Amount, amounts
from wxbot.linter.reading import CLAUSE, SENTENCE, Reading
from wxbot.linter.spellings import PACKET, WECHAT, found, spelled

HIGHEST_PRIZE_FEN = 5_000_000
"""Order no. 32 of the market authority, art. 17: the highest prize of a draw."""

_WON = f"(?:{spelled('中奖')}|获奖|得奖|中大奖|中[一二三四五六特头]等奖|中标|抽中|win)"
_DENYING = "(?:不|没有|无|绝无|禁止|严禁|杜绝|拒绝|不存在|不设|不得|从不|并非|绝不|反对|非|不是|勿|零|never|not|no|isnot|withoutany|neither|nor)[^ ]{0,8}$"
_UNTIED = "^[^ ]{0,10}?(?:无关|没有关系|没有任何关系|不是主办|非主办|并非主办|不参与|未参与|不承担|notinvolved|notasponsor|notthe)"
_WARNED = "骗子|诈骗|假冒|冒充|举报|谣言"

_FIXED = (
    f"{spelled('必中')}(?:名单|用户|会员|者|手机号|通道|码|权|人选|号|席位|账号|openid)"
    f"|(?<!室)(?<!境)(?<!省){spelled('内定')}|内部(?:指定|人员|员工|名额|通道|名单|保送|操作)[^ ]{{0,6}}(?:{_WON}|名额|奖|获)?(?<!人员)(?<!员工)(?<!操作)"
    f"|(?<!随机)指定[^ ]{{0,8}}?{_WON}|{_WON}(?:名单|人选|者|用户|人|名额|号码|结果)[^ ]{{0,3}}?(?:已|早|提前|内部|预先|事先|由老板|由领导|由主办方)[^ ]{{0,4}}(?:定|安排|确定|写好|选|指定|内定)"
    f"|(?:提前|预先|事先|早已|早就|私下|后台|人工|暗中|悄悄|内部)(?:安排|确定|定好|选定|选好|设定|设置|指定|决定|控制|调整|修改|干预|挑选|锁定)[^ ]{{0,6}}(?:{_WON}|得主|名单|赢家|幸运|奖)"
    f"|控(?:制)?(?:{spelled('中奖')}|奖|结果)|暗箱|黑箱|黑幕|猫腻|做手脚|保送|走后门|开后门"
    f"|(?:老板|领导|员工|亲戚|亲属|关系户|熟人|vip|大客户|老客户|自己人|家属|店长|嘉宾)[^ 不无没勿禁得]{{0,6}}?(?:先中|必中|优先中|优先抽中|保证中|保底中|包中|直接中|内部中|稳中|抽中大奖)"
    f"|(?:保证|确保|安排|保送|让|保)(?!您|你|大家|每|所有|人人|更多|公平|抽|活动|中奖)[^ 不无公每更随]{{1,8}}?(?:{_WON})(?!概|率|后|名单|者|信息|结果|用户)"
    "|(?:[特头一二三四五六]等奖|大奖|奖品|名额)[^ ]{0,4}?(?:(?:提前|内部|已经?|早已|早就|私下|都)(?:安排|留给|给了|预留|定好|分好|内定)|留给)"
    f"|{_WON}[^ ]{{0,4}}?由(?!系统|概率|随机|程序|公示|计算|抽)[^ ]{{0,6}}?(?:定|决定|指定|挑|选|说了算)|(?:直接|保底|内部|预留)(?:给)?[特一二三头]等奖|(?:个|名|位|些|几)托(?!盘|班|管|运)"
    "|(?:设置|设定|指定|安排|想让|决定|控制)谁(?:能)?(?:中|得|抽)|(?:保证|确保|安排|保)(?!您|你|大家|每|所有|人人)[^ 不无公每更随]{1,6}?(?:抽到|抽中|拿到|得到)(?:[特头一二三]等奖|大奖|头奖)"
    "|(?:等奖|大奖|头奖|奖品)[^ ]{0,3}?由(?!系统|概率|随机|程序|公示|计算|微信|本店|主办|我们|快递)[^ ]{0,6}?(?:指定|决定|分配|说了算)|(?:自定义|自选|设置|设定|选定|修改|更改|编辑|操纵)中奖(?:人|者|名单|用户|结果)"
    "|(?:人工|人为|后台|手动)(?:干预|修改|更改|调整|操作)(?:中奖|结果|开奖)?|(?:中奖|开奖|抽奖)结果[^ 不无没]{0,4}?(?:干预|修改|更改|操纵|调整|控制)"
    "|(?:定好|选好|内定|安排好|想好)(?:了)?(?:[特头一二三]等奖|大奖)|白名单[^ 不无没]{0,4}?(?:必中|中奖|优先)"
    "|(?:找|请|安排)[^ ]{0,2}托(?:儿|$|来|领|上|中)|当托|(?:中奖|抽奖)托"
    "|rigged|predetermined|preselected|prechosen|mustwinlist|fixedwinners?|(?:choose|pick|chosen|decide)(?:the)?winners?(?:inadvance|beforehand|ourselves)"
)
_VAGUE = (
    "(?:大奖|头奖|终极奖)(?:保密|待定|未定|不公开)|神秘(?:大奖|礼品|礼物|大礼|奖品|好礼|奖|礼包)|(?:惊喜|隐藏)(?:大奖|奖品|奖)(?:等你|等着|待|敬请|现场|到时|揭晓|不公|保密|内容)"
    "|(?:奖品|奖项|奖金|礼品)(?:内容|数量|种类|价值|金额|名称)?(?:保密|若干|数量不限|待定|随机发放|随机|另行通知|不公开|未定|暂不公布|暂不公开|开奖时公布|到时公布|届时公布|届时揭晓|看心情)"
    "|(?:奖品|奖项|礼品)?以(?:实际|实物|现场|最终)(?:发放|收到|实物|到货)?(?:奖品|礼品)?为准|奖[^ ]{0,3}(?:若干名|若干份|若干个|若干)|(?:数量|名额)(?:不限|不定|保密|不公开)"
    "|(?:中奖)?(?:概率|几率|中奖率)(?:保密|不公开|不予公布|不公布|由主办方|由商家|随时调整|看运气|待定|不固定|自行)"
    "|mysteryprizes?|secretprizes?|surpriseprizes?|oddsarenot(?:published|disclosed)|oddssecret"
)
_TIER_HEAD = "(?:[特头一二三四五六]等奖|大奖|终极奖|(?:first|second|grand)prize)"
_NUMBER = "[0-9一二三四五六七八九十百千万两]{1,12}(?:名|份|个|台|部|张|位|件|套|只|辆|盒|瓶|支|条|人|包|箱|把|块|本|枚|袋|杯|次抽|prizes?|pieces?|winners?)|概率|几率|中奖率|odds|%|in[0-9]{1,12}"
_VALUE = (
    "[0-9一二三四五六七八九十百千万两]{1,12}(?:\\.[0-9]{1,12})?(?:元|块|万|圆|rmb|yuan|cny|fen|角|分)|[¥$][0-9]|价值"
)
_UNSAID = (
    "(?:兑奖|领奖|领取|兑换|兑现|发奖)(?:时间|期限|截止|日期|方式|地点)?(?:另行通知|待定|随时截止|随时结束|随时终止|另定|未定|看情况|不定|视情况)"
    "|(?:主办方|主办单位|举办方|组织者)(?:保密|不便透露|待定|匿名|不公开|暂不公布)|(?:联系方式|联系电话|客服)(?:待定|暂无|没有|不公开|保密|不提供)|(?:不设|没有|无|恕不提供|不提供)(?:客服|联系方式|联系电话)"
    "|(?:联系方式|联系电话|客服电话|主办方|主办单位|兑奖期限|领奖期限)(?:无(?!需|论|关|权|偿)|空$|略$)|(?:不公布|不透露|不写)(?:主办方|联系方式|兑奖期限)"
)
_DEAR = (
    "(?:送|抽|赢|得|中|奖|开走|开回家|带走|领|豪礼)[^ ]{0,5}?(?:宝马|奔驰|特斯拉|保时捷|法拉利|劳斯莱斯|宾利|路虎|玛莎拉蒂|汽车一|小汽车|轿车|越野车|suv|豪车|跑车|新能源车|电动汽车|汽车|别墅|房产|公寓|商品房|学区房|房子|一套房|豪宅|游艇)"
    "(?!模|用品|券|香|钥匙扣|美容|保养|体验|试驾|坐垫|贴|挂|玩具|票|会|展|城|站|配|优惠|周边|拼图|积木|使用|油|清洗|洗|险|入场|乐园)"
)
_FREE = "(?<!无需)(?<!不用)(?<!不必)(?<!不需)(?<!无须)(?<!不要)(?<!不会)(?<!不)(?<!免)(?<!勿)"
_SUM_ASKED = "[0-9一二三四五六七八九十百两几]{1,12}(?:\\.[0-9]{1,12})?(?:元|块|毛|角|rmb|yuan|米|刀)"
_PAY = (
    f"{_FREE}(?:付费|付款|缴费|缴纳|交费|交钱|花钱|充值|氪金|投币|打赏|下注|押注|众筹|购买|预存|(?<!微信)(?<!余额)支付(?!宝|后发放)|转账给|转我|扫码付"
    f"|(?:付|缴|交|掏|花|氪|充|投|押|买|刷|转|支付)[^ ]{{0,4}}?{_SUM_ASKED})"
)
_TRY = "(?:抽奖|抽|抽一|次数|机会|一次|[0-9一二三四五六七八九十两]{1,12}次|摇|开奖|刮|转盘|转一|开盒|盲盒|夺宝|参与|参加|入场|一搏|中奖|资格|票|号|兑奖码|券)"
_PAID = (
    f"{_PAY}(?!满|单|物|家|发放|到账|商品|产品|任意|本店|店内|正价|指定)[^ 满]{{0,9}}?{_TRY}|(?:[0-9一二三四五六七八九十百两几]{{1,12}}(?:\\.[0-9]{{1,12}})?(?:元|块钱?|毛钱?|角|rmb|yuan|米))(?:钱)?(?:即可|就可以|就能|就|可以|可|起|一次|换|买|博|搏|=)?"
    f"(?:抽(?!完|取红|出)|摇一|刮一|转一|一次|一抽|一注|一签|夺宝|开盲|开一|玩一|搏|博|秒杀抽|换一?[0-9一二三两几]*次|[0-9一二三四五六七八九十两]{{1,12}}次|[0-9一二三四五六七八九十两]{{1,12}}连抽)"
    f"|(?:抽奖|参与|报名|入场|门票|游戏|抽奖券|机会|次数)(?:费|售价|价格|单价|仅需|只要|只需|要)[^ ]{{0,3}}?[0-9一二三四五六七八九十百两几]{{1,12}}(?:\\.[0-9]{{1,12}})?(?:元|块|角|毛)"
    "|(?:每次|抽奖|一次|抽一次)[^ 不无没免]{0,4}?(?:扣|收取|收费|收|花费)[^ ]{0,3}?[0-9一二三四五六七八九十百两几]{1,12}(?:\\.[0-9]{1,12})?(?:元|块|角|毛)|(?:买|开通|办理?|续费)(?:会员|年卡|月卡|季卡|vip|储值卡)[^ ]{0,4}?(?:送|得|享|换|赠)[^ ]{0,4}?(?:抽|机会|次数)"
    "|每(?:抽|摇|转|刮)一?次?[0-9一二三四五六七八九十百两几]{1,12}(?:\\.[0-9]{1,12})?(?:元|块|角|毛)(?!红包|现金|奖)|(?:刷|送主播|打赏)(?:个)?(?:礼物|火箭|跑车|嘉年华)[^ ]{0,6}?(?:参与|参加|抽|机会|中奖)|一元夺宝|一元购|[0-9]元购|十连抽[0-9]{1,12}元|付费(?:抽|参|转|摇)|(?:积分|金币|代币|游戏币)?充值[^ ]{0,8}?(?:抽|机会|次数)|(?:金币|代币|游戏币)(?:购买|换)[^ ]{0,4}?(?:抽|机会|次)"
    "|pay(?:ment)?[^ ]{0,18}?(?:spin|draw|try|tries|chance|entry|play)|buy[^ ]{0,14}?(?:spins?|tries|chances?|draws?|ticketsto|entries)|(?:[0-9]{1,12}(?:yuan|rmb)|[¥$][0-9.]{1,12})(?:per|a|each|for)(?:spin|draw|try|chance|entry|one)"
)
_SPENT = "(?:消费|购物|买|实付|支付|付款|订单|充值|交)?(?:金额)?(?:每)?满[^ ]{0,3}$|(?:无需|免|不用|不必|不需要|不收|不要求|不)[^ ]{0,4}$"
_ORGANISER = (
    f"{WECHAT}(?:支付|集团|公司|控股)?(?:{spelled('官方')}|团队|总部|安全中心|客服中心|活动中心|运营中心|派奖|红包活动组|official)"
    f"|{spelled('官方')}{WECHAT}(?!号|公众)|(?:由|经)?{WECHAT}(?:支付|集团|公司)?(?:联合|独家|特别|倾情|官方|指定)?(?:主办|举办|承办|协办|赞助|赠送|送出|送福利|送红包|发红包|派发|派送|授权|出品|推出|周年|庆典|回馈|答谢|特约|合作活动|背书|认证活动|春节活动|发起|hosts?|sponsor(?:s|ed)?|presents?|giveaway|gives?|organi[sz]es?)"
    f"|{WECHAT}(?!pay)[a-z0-9]{{0,16}}?(?:anniversary|giveaway|celebration)|{WECHAT}[^ 红支零]{{0,4}}?周年|主办(?:方|单位)?(?:是|为)?{WECHAT}(?!号|公众|名|群)|(?:by|from|with|sponsoredby|authorizedby){WECHAT}(?!pay)|official{WECHAT}|代表{WECHAT}"
)
_CERTAIN = (
    f"(?:百分之?百|100%|百发百中|十成|二百%|万分之万)(?!公平|公正|真实|正品|透明|随机|棉|纯)[^ ]{{0,5}}?(?:中(?!心|国|秋|午|文|途)|奖|得|有红包|有礼|领|{PACKET}|送)"
    f"|{_WON}(?:概)?率(?:为|是|高达|达到|达)?(?:百分之?百|100%)|(?:{spelled('必中')}|必得|必有|必领|必抽|包中|包赢|稳中|稳赚|稳赢|稳拿|秒中|准中|闭眼中|全中|铁定中|肯定中|一定中|一定能中|绝对中|保证中|保中|保底中)"
    "|(?:人人|个个|次次|抽就|一抽就|抽必|逢抽必|全员|来就|人人都|扫就|转就|摇就|点就|刮就|参与就|参与即|参加就|家家|天天)(?:都|皆|均|能|可)?(?:能)?(?:有奖|中奖|中|有份|有红包|得红包|得奖|有礼|送|拿奖|获奖|不落空|领(?!一次)|抽到(?:红包|奖|大奖|礼))"
    "|(?:每人|每次|每个人|谁|大家|所有人|人|来了|每位)(?:都|皆|均|必)(?:能|会|可)?(?:有奖|中奖|中|有红包|得奖|获奖|有份|不空手|拿奖|得红包|有礼)|(?:零空奖|无空奖|不落空|不空手|没有空奖|100中|永不落空|不走空)"
    "|(?<!单笔)(?<!每笔)(?<!限额)最高(?:可以|可|能)(?:得|领|抽|赢|中|获|拿)|(?<!单笔)(?<!每笔)(?<!限额)最高(?:得|领|抽|赢|中|获|送|达|拿|奖金|奖励)?[¥]?[0-9一二三四五六七八九十百千万]{1,12}(?:\\.[0-9]{1,12})?(?:元|块|万|大奖)|高达[0-9一二三四五六七八九十百千万]{1,12}(?:元|块|万)"
    "|(?:中奖率|中奖概率|概率|几率)(?:超高|最高|翻倍|极高|爆表|全网最|拉满|高达)|轻松(?:中奖|中大奖|到手)|史上最[^ ]{0,3}(?:奖|福利|红包|抽奖)|(?:全网|全国|全城|业内)最(?:大|高|多|强)[^ ]{0,6}?(?:奖|福利|红包|抽|优惠|送)"
    "|guaranteed(?:to)?(?:wins?|prizes?|rewards?)|every(?:one|body|spin|try|draw)wins|100%(?:win|chance)|always(?:wins?|awin)|surewin|winuptp?o|upto[¥$]?[0-9]{1,12}"
)
_REGION = (
    "(?:仅限|只限|限于|限定|限|仅|只有|只对|仅对|仅面向)(?!量|时|购|制|期)(?:在)?(?:[\u4e00-\u9fff]{2,6}?(?:省|市|区|县|镇|街道|地区|城区)|本地|本市|本省|本区|同城|当地|北京|上海|广州|深圳|杭州|成都|广东|浙江|江苏|重庆|天津|武汉|南京|西安)(?:内|的|户籍|本地|范围)*(?:用户|居民|市民|顾客|网友|会员|户籍|朋友|人士|参加|参与|可|IP|ip|地区|人|手机号|$)"
    "|(?:非本地|非本市|非本省|非本区|外地|外省|外市|异地|外区|其他地区|其它地区|境外|海外|偏远地区)[^ ]{0,6}?(?:不能|不可|无法|谢绝|不参与|不得|除外|不参加|勿)|only(?:for)?(?:residents|usersin|peoplein|local)|residentsonly|(?:仅|只)(?:限|面向)[\u4e00-\u9fff]{0,4}(?:本地|当地)"
)
_REASON = "因为|由于|因|为了|受|门店|到店|配送|线下|自提|现场|许可|法律|规定|法规|because|dueto|sincethe|store|delivery"

Place = tuple[str, int, int]


def claimed(reading: Reading, least_fen: int, most_fen: int) -> Iterator[Place]:
    """(rule, start, end) of every promise or demand that may not, or should not, be made."""
    for rule, pattern in (("E-01", _FIXED), ("E-08", _ORGANISER)):
        for match in found(pattern, reading):
            if not _is_denied(reading, match.start(), match.end()):
                yield rule, *match.span()
    for match in found(_PAID, reading):
        if reading.stop_within(match.start(), match.end() - 1) < SENTENCE and not _is_spent(reading, match.start()):
            yield "E-07", *match.span()
    for rule, pattern in (("E-04", _VAGUE), ("E-05", _UNSAID), ("E-06", _DEAR), ("W-01", _CERTAIN)):
        for match in found(pattern, reading):
            if rule == "E-05" or not _is_denied(reading, match.start(), match.end()):
                yield rule, *match.span()
    yield from _bare_tiers(reading)
    for match in found(_REGION, reading):
        if not re.search(_REASON, reading.plain):
            yield "W-03", *match.span()
    yield from _amounts(reading, least_fen, most_fen)


def _is_denied(reading: Reading, start: int, end: int) -> bool:
    before = reading.plain[max(reading.clause_start(start), start - 16) : start]
    after = reading.plain[end : min(reading.clause_end(end, SENTENCE), end + 16)]
    sentence = reading.plain[reading.clause_start(start, SENTENCE) : reading.clause_end(end, SENTENCE)]
    return bool(re.search(_DENYING, before) or re.search(_UNTIED, after) or re.search(_WARNED, sentence))


def _is_spent(reading: Reading, start: int) -> bool:
    """Whether goods are bought, and the draw comes with them: that is no price of a try."""
    return bool(re.search(_SPENT, reading.plain[max(reading.clause_start(start), start - 10) : start]))


def _bare_tiers(reading: Reading) -> Iterator[Place]:
    """A line that says what a tier is, and neither its value nor how many or how likely."""
    for match in re.finditer(_TIER_HEAD, reading.plain):
        if match.start() and reading.stops[match.start()] == 0:
            continue
        end = reading.clause_end(match.end(), SENTENCE)
        said = reading.plain[match.end() : end]
        is_defined = bool(
            re.match("(?:是|为|送|即)|[^ ]{0,3}[0-9一二三四五六七八九十]{1,12}(?:名|台|部|份|个|位)", said)
        ) or reading.stops[match.end() : match.end() + 1] >= (CLAUSE,)
        is_told = re.search(_VALUE, reading.plain) and re.search(_NUMBER, reading.plain)
        if is_defined and len(said) >= 2 and not is_told:
            yield "E-04", match.start(), end


def _amounts(reading: Reading, least_fen: int, most_fen: int) -> Iterator[Place]:
    for amount in amounts(reading):
        if amount.is_sum:
            continue
        if amount.is_prize and amount.fen > HIGHEST_PRIZE_FEN:
            yield "E-06", amount.start, amount.end
        elif _is_packet(reading, amount) and not least_fen <= amount.fen <= most_fen:
            yield "E-10", amount.start, amount.end


def _is_packet(reading: Reading, amount: Amount) -> bool:
    """Whether it is what one packet holds."""
    after, before = reading.plain[amount.end : amount.end + 8], reading.plain[max(0, amount.start - 8) : amount.start]
    if re.search("(?:满|消费|起|门槛|原价|售价|省|减)[^ ]{0,2}$", before):
        return False
    return bool(
        re.match(f"(?:的)?(?:现金|{WECHAT}|普通|拼手气|小|大)*(?:{PACKET})", after)
        or re.search(
            f"(?:{PACKET})(?:金额|面额|每个|单个|一个|各|为|是|仅|只有|低至|最低|最小|最高|最大|固定|有|均)*$", before
        )
    )
