"""Amounts of money in a text, in digits and in Chinese numerals."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from wxbot.linter.reading import Reading

_DIGITS = (
    dict(zip("零一二三四五六七八九", range(10), strict=True))
    | {"〇": 0, "两": 2}
    | dict(zip("壹贰叁肆伍陆柒捌玖", range(1, 10), strict=True))
)
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_LARGE = {"万": 10_000, "w": 10_000, "k": 1_000, "亿": 100_000_000}
_NUMERAL = "[零〇一二三四五六七八九两壹贰叁肆伍陆柒捌玖十拾百佰千仟万亿]{1,16}"
_AMOUNT = (
    rf"(?P<sign>[¥$])?(?P<number>[0-9]{{1,12}}(?:\.[0-9]{{1,6}})?|{_NUMERAL})(?P<large>[万亿wk千百]{{0,2}})"
    r"(?P<unit>元钱?|块钱?|圆|分钱|角钱?|毛钱?|rmb|cny|yuan|人民币|现金|大奖|巨奖|奖金|豪礼|大红包)?"
)
_COUNTED = "^(?:余|多)?(?:份|个|人|名|次|张|户|粉|家|位|单|台|件|元以下|瓶|包|字|步|里|公里|年|天|小时)"
_SUM = "(?:总|共|合计|累计|池|预算|投入|瓜分|总额|总值|总奖金|不超过|上限|封顶|至多|低于|以内|total|poolof)[^ ]{0,6}$"
_SUM_AFTER = "^(?:总|奖池|预算|以内|以下|等你瓜分|等您瓜分|瓜分|现金池|红包雨|的?总|pool|intotal)"
_PRIZE = "奖|红包|现金|抽|赢|得|送|礼|中|拿|prize|win|cash|reward"
_NEAR = 10


class Amount(NamedTuple):
    """An amount within the plain spelling; whether it is a sum of many, and whether a prize is spoken of."""

    start: int
    end: int
    fen: int
    is_sum: bool
    is_prize: bool


def amounts(reading: Reading) -> Iterator[Amount]:
    """Every amount that has a unit or a sign of money."""
    plain = reading.plain
    for match in re.finditer(_AMOUNT, plain):
        is_worth = bool(match["large"] or match["number"][-1] == "万") and re.search(
            "价值(?:约|近|超过?|高达)?$", plain[: match.start()][-6:]
        )
        unit, after = match["unit"] or "", plain[match.end() : match.end() + 8]
        if not (unit or match["sign"] or is_worth) or (unit[:1] not in "元块圆角毛" and re.match(_COUNTED, after)):
            continue
        fen = _fen(match["number"], match["large"], unit)
        if fen is None or re.match(_COUNTED, unit + after):
            continue
        around = plain[max(0, match.start() - _NEAR) : match.start()] + unit + after
        before = plain[max(0, match.start() - 12) : match.start()]
        is_sum = bool(re.search(_SUM, before) or re.match(_SUM_AFTER, after))
        yield Amount(match.start(), match.end(), fen, is_sum, bool(re.search(_PRIZE, around)))


def _fen(number: str, large: str, unit: str) -> int | None:
    if number[0].isdigit():
        whole, _, rest = number.partition(".")
        hundredths = int(whole) * 100 + int((rest + "00")[:2])
        if unit.startswith("分"):
            hundredths //= 100
        elif unit[:1] in ("角", "毛"):
            hundredths //= 10
    else:
        value = _value(number)
        if value is None:
            return None
        hundredths = value * (1 if unit.startswith("分") else 10 if unit[:1] in ("角", "毛") else 100)
    for each in large:
        hundredths *= _LARGE.get(each, 0) or _TENS.get(each, 1)
    return hundredths


def _value(numeral: str) -> int | None:
    """A Chinese numeral; None when it is none (“万一”)."""
    if numeral[-1] == "一" and numeral[:1] == "万":
        return None
    total = section = digit = 0
    for character in numeral:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character in _TENS:
            section += (digit or 1) * _TENS[character]
            digit = 0
        else:
            total = (total + section + digit or 1) * _LARGE[character]
            section = digit = 0
    return total + section + digit
