"""The rules of a hall that everybody may read: what article 13 of the order on promotions asks for (instant/article), and how it is proven.

The commitment stands in them, so that it is published before anybody can sign in.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from wxbot.campaigns.models import Campaign
from wxbot.hall.models import Hall
from wxbot.instant.article import APART, Config, collect_lines, read_in_both, same, when_lines, worth_text
from wxbot.instant.models import InstantTerms, Prize
from wxbot.text import Text

_FACTS_OF_CAMPAIGN = ("act_name", "organiser", "contact", "rules")

KINDS: Mapping[str, Text] = {
    "money": Text("微信零钱", "Money to WeChat balance"),
    "code": Text("兑换码", "Code"),
    "goods": Text("实物，现场领取", "Handed over on the stage"),
}

WAYS: Mapping[str, Text] = {
    "selection": Text("大屏抽取，每位候选人机会相同", "selected on the screen, everybody in the pool alike"),
    "rain": Text("红包雨：开始前随机分给在场的人", "red-packet rain: given at random beforehand to those present"),
    "race": Text("摇一摇竞速：按成绩，不是抽奖", "shake race: by rank, no lottery"),
}

SCOPES: Mapping[str, Text] = {
    "evening": Text("全场中过奖的人不再参加", "whoever has won anything this evening is out"),
    "prize": Text("中过这个奖的人不再参加", "whoever has won this prize is out"),
}

ABSENCES: Mapping[str, Text] = {
    "evening": Text(
        "点到名不在场，当晚不再参加，名额补抽", "absent when called: out for the evening, the place is filled again"
    ),
    "slot": Text(
        "点到名不在场，失去这个奖项，名额补抽", "absent when called: out of this prize, the place is filled again"
    ),
    "pool": Text(
        "点到名不在场，名额补抽，本人仍在候选", "absent when called: the place is filled again, they stay in the pool"
    ),
}

LEFTOVERS: Mapping[str, Text] = {
    "budget": Text("没接住的红包退回预算", "packets that nobody catches go back to the budget"),
    "person": Text("没接住的红包也归本人", "whoever misses a packet of theirs has it all the same"),
}

STRUCK: Mapping[str, Text] = {
    "rain": Text(
        "中途被排除的人，手机上已经显示接到的归本人，之后的接不到",
        "whoever is excluded meanwhile keeps what their phone says they caught, and catches no more",
    ),
    "race": Text("中途被排除的人没有名次", "whoever is excluded meanwhile has no place"),
}
"""What somebody has of a game during which the host excludes them (`games`)."""

ADDED = Text("现场加的奖项，由两个人同意，所有人都可以中", "added in the evening by two people, for everybody")

OF_CHAIN = Text(
    "它的种子是种子链里的下一个，结束时公布",
    "its seed is the next one of the chain, and revealed when it is over",
)
"""Of a rain that was added: there is no seed of its own that could have been published before the first sign-in."""

MODES: Mapping[str, Text] = {
    "hall": Text(
        "随机来源：种子加现场号码。每次抽取锁定后，三个人各举起一个事先备好的号码（至少 8 位数字），三个都举起后才念，大屏显示。",
        "Chance: the seed and numbers from the hall. After each selection is fixed three people hold up numbers of 8 digits or more that they "
        "brought; they are read out when all are up, and stand on the screen.",
    ),
    "drand": Text(
        "随机来源：种子加公开随机数 drand（quicknet），取每次抽取锁定至少 15 秒之后的第一轮。",
        "Chance: the seed and drand quicknet, the first round at least 15 seconds after each selection is fixed.",
    ),
    "seed": Text(
        "随机来源：只有种子。它证明冻结之后结果没有改过；它不能证明没有人在冻结前加减人员。",
        "Chance: the seed only. It proves that nothing changed after the freeze, not that nobody added or dropped people before.",
    ),
}


def text_of(
    campaign: Campaign,
    terms: InstantTerms,
    hall: Hall,
    prizes: Sequence[Prize],
    config: Config,
    added: Collection[int] = (),
) -> dict[str, Any]:
    """What people read, with the facts it is made of; `added` are the ordinals of prizes that were not there at the launch."""
    facts: dict[str, Any] = {name: getattr(campaign, name) for name in _FACTS_OF_CAMPAIGN}
    facts |= {"claim_s": terms.claim_s, "channel": terms.channel, "carry": terms.carry}
    facts |= {"commitment": hall.commitment, "chain_length": hall.chain_length, "mode": hall.mode}
    facts |= {"is_invited_only": hall.is_invited_only, "is_rehearsal": hall.is_rehearsal}
    drafted = list(campaign.terms["prizes"])
    names = ("way", "scope", "absence", "groups", "seconds", "leftover")
    facts["prizes"] = [{name: rules[name] for name in names if name in rules} for rules in drafted]
    facts["added"] = sorted(added)
    said = sections(facts, config)
    rows = [
        prize_row(prize, rules, prize["ordinal"] in added)
        for prize, rules in zip(config["prizes"], drafted, strict=True)
    ]
    return {"facts": facts, **read_in_both(said, rows)}


def prize_row(prize: Mapping[str, Any], rules: Mapping[str, Any], is_added: bool = False) -> dict[str, Text]:
    """One prize: its name, kind, worth, number, who may win it, and what becomes of whoever is absent."""
    who = [SCOPES[rules["scope"]], ABSENCES[rules["absence"]]] if rules["way"] == "selection" else []
    if rules["way"] == "selection" and rules["groups"]:
        names = "、".join(rules["groups"])
        who.insert(0, Text(f"只限：{names}", f"only for: {names}"))
    if is_added:
        who.insert(0, ADDED)
    if rules["way"] == "rain" and is_added:
        who.append(OF_CHAIN)
    if rules["way"] == "rain":
        who.append(LEFTOVERS[rules.get("leftover", "budget")])
    if rules["way"] in STRUCK:
        who.append(STRUCK[rules["way"]])
    return {
        "name": same(prize["name"]),
        "kind": KINDS[prize["kind"]],
        "worth": worth_text(prize, rules["value_fen"]),
        "number": Text(f"{prize['stock']:,} 份", f"{prize['stock']:,}"),
        "odds": WAYS[rules["way"]],
        "gone": Text("；".join(each.zh for each in who), "; ".join(each.en for each in who)),
    }


def sections(facts: Mapping[str, Any], config: Config) -> list[tuple[Text, list[Text]]]:
    """Headings and their sentences, in the order in which people ask."""
    organiser = same(f"{facts['organiser']} · {facts['contact']}")
    collecting = _REHEARSED if facts["is_rehearsal"] else [*_goods(config), *collect_lines(facts, config)]
    return [
        (Text("时间", "When"), when_lines(config)),
        (Text("谁可以参加", "Who may take part"), _people(facts)),
        (Text("怎样抽奖", "How winners are selected"), _way(facts)),
        (Text("领取", "Taking a prize"), collecting),
        (Text("怎样检查", "How to check"), _proof(facts)),
        (Text("主办方", "Organiser"), [organiser]),
        (Text("其他说明", "Further notes"), [same(facts["rules"]), APART]),
    ]


_REHEARSED = [Text("这是彩排，不发任何奖品。", "This is a rehearsal: nothing is given.")]


def _goods(config: Config) -> list[Text]:
    if not any(prize["kind"] == "goods" for prize in config["prizes"]):
        return []
    return [Text("实物奖在现场确认后当面交付。", "Things are handed over on the stage once the winner is confirmed.")]


def _people(facts: Mapping[str, Any]) -> list[Text]:
    who = (
        Text("受邀名单上的人，到场用微信扫大屏上的码签到。", "Invited people who sign in by the code on the screen.")
        if facts["is_invited_only"]
        else Text("到场用微信扫码签到的人。", "Everybody who is there and signs in by the code, with WeChat.")
    )
    return [
        who,
        Text(
            "无需关注公众号，不收取任何费用，每个微信签到一次。",
            "No need to follow, no fee, one sign-in for each WeChat.",
        ),
        Text("主办方的工作人员不能参加。", "The organiser's staff cannot take part."),
        Text("未满 18 周岁的人请在监护人同意后参加。", "People under 18 take part with their guardian's consent."),
    ]


def _way(facts: Mapping[str, Any]) -> list[Text]:
    return [
        Text(
            "签到得到一个签到号。抽取前名单冻结，大屏显示人数和指纹；奖项和人数锁定后才出现随机来源，然后由公开的算法算出中奖的签到号。",
            "Signing in gives a number. Before a selection the roster is frozen, its count and hash on the screen; prize and number are "
            "fixed before the late entropy exists. A published function then names the winners.",
        ),
        MODES[facts["mode"]],
        Text(
            "没有任何设置可以指定中奖人。作废一次抽取要两个人同意，原因显示在大屏上。",
            "Nothing can name a winner. To declare a selection void takes two people, and the reason stands on the screen.",
        ),
    ]


def _proof(facts: Mapping[str, Any]) -> list[Text]:
    value, length = facts["commitment"], facts["chain_length"]
    return [
        Text(f"签到开始前公布的承诺值：{value}", f"The commitment, published before the first sign-in: {value}"),
        Text(
            f"它是 {length} 个种子连成的链的起点；每次抽取公布自己的种子，任何人都能算回承诺值。",
            f"It begins a chain of {length} seeds; each selection reveals its own, which anybody can hash back to it.",
        ),
        Text(
            "签到页给每个人一个签到号和一个盐值，用它能核对自己那一行在名单里。记录保存至少两年。",
            "The phone page gives everybody a number and a salt that show their own line in the roster. Records are kept for two years at least.",
        ),
    ]
