"""What may follow in the log, and the sentence for whoever asks for what may not: the host's verbs and the verifier ask here.

It knows the order of things, not the bytes: seeds, hashes and winners are checked where they are made, and by `verify`.
"""

import string
from collections.abc import Callable, Mapping
from itertools import pairwise

from wxbot.hall import seeds
from wxbot.hall.evening import Evening, LogEvent, Phase, Selected, numbers_of
from wxbot.hall.log import Kind, LineBody, is_body
from wxbot.plurals import plural
from wxbot.text import Refusal, Text

NUMBERS_HELD_UP = 3
DIGITS_OF_ONE = 8
"""Late entropy in the hall: so many numbers, each with so many digits, so that nobody can try them all beforehand."""

FALLBACK_AFTER = 60
"""Seconds for which drand is waited before numbers from the hall may take its place."""

FOR_ALL = Text("现场加的奖项不能只给一部分人", "A prize of the evening itself is for everybody, not for groups")
"""Of a prize that was added: by then it is known who is in which group, and one with a single guest would name a winner."""

OVER = Text(
    "活动已经到点：不能再签到、锁定、加奖、开始游戏",
    "The evening is past its end: nobody signs in, and nothing is fixed, added or begun any more",
)

UNTIL_THE_END: frozenset[Kind] = frozenset(
    {"signed_in", "prize_added", "game_added", "armed", "game_begun", "rain_begun"}
)
"""What may come only before the end that the log says. What was fixed or begun by then is finished behind it."""

_WORDS: Mapping[Phase, Text] = {
    "armed": Text("等待现场数字", "waiting for its late entropy"),
    "ready": Text("等待抽取", "ready to be drawn"),
    "drawn": Text("已抽取、未揭晓", "drawn and not revealed"),
    "revealed": Text("已揭晓、还有人未确认", "revealed, with people not confirmed yet"),
    "settled": Text("已全部确认", "settled"),
    "voided": Text("已作废", "void"),
}


def require(evening: Evening, event: LogEvent) -> None:
    """Raise Refusal when this event may not come now; the evening is not changed."""
    if not is_body(event.kind, event.body):
        raise _no("body", "这条记录的内容不完整或格式不对", "The fields of this line are not those of its kind")
    if event.at < evening.at:
        raise _no("clock", "时间早于上一条记录", "It is earlier than the line before it")
    if (event.kind == "committed") == bool(evening.hall_id):
        raise _no(
            "committed", "承诺值必须是第一条记录，而且只有一条", "The commitment is the first line, and the only one"
        )
    if evening.is_closed and event.kind != "paid":
        raise _no("closed", "活动已经结束", "The evening is closed")
    if event.kind in UNTIL_THE_END and 0 < evening.until < event.at:
        raise Refusal("over", OVER)
    check = _CHECKS.get(event.kind)
    if check is not None:
        check(evening, event.body)
    if event.kind == "prolonged":
        _prolonged(evening, event)
    if (
        event.kind == "entropy_fallback"
        and event.at < _selected(evening, event.body, "armed").armed_at + FALLBACK_AFTER
    ):
        raise _no("early", f"请先等 drand {FALLBACK_AFTER} 秒", f"Wait {FALLBACK_AFTER} seconds for drand first")


def _no(reason: str, zh: str, en: str) -> Refusal:
    return Refusal(reason, Text(zh, en))


def _scheduled(evening: Evening, body: LineBody) -> None:
    if evening.is_opened or evening.until:
        raise _no(
            "scheduled",
            "结束时间在开放签到以前写一次；以后只能延期",
            "The end is said once, before signing in opens; later it can only be prolonged",
        )


def _opened(evening: Evening, body: LineBody) -> None:
    if evening.is_opened:
        raise _no("opened", "已经开放签到", "Signing in is open already")


def _signed_in(evening: Evening, body: LineBody) -> None:
    if not evening.is_opened:
        raise _no("not_open", "还没有开放签到", "Signing in is not open yet")
    if body["no"] != evening.signed_in + 1:
        raise _no(
            "no",
            f"下一位签到者应是 {evening.signed_in + 1} 号",
            f"The next one to sign in is no {evening.signed_in + 1}",
        )


def _unfixed(evening: Evening) -> None:
    """Between the arming of a selection and its result nothing changes that could change who wins."""
    running = evening.running
    if running is not None and running.phase in ("armed", "ready"):
        d = running.d
        raise _no(
            "armed",
            f"第 {d} 次抽取已经锁定，请先抽取或作废",
            f"Selection {d} is fixed; draw it or declare it void first",
        )


def _added(evening: Evening, body: LineBody) -> None:
    _unfixed(evening)
    prize = body["prize"]["prize"]
    if prize in evening.prizes or prize in evening.games:
        raise _no("prize", "已有这个编号的奖项", "There is a prize with this number already")
    if body["prize"]["groups"]:
        raise Refusal("groups", FOR_ALL)


def _prolonged(evening: Evening, event: LogEvent) -> None:
    """From the end that holds, which has not come yet, or may have been put later in what a restore has lost. Where the log does not
    say which end held before the first one (`scheduled`), only the published rules know."""
    before, until = event.body["from"], event.body["until"]
    if evening.until not in (0, before):
        raise _no("before", "原来的结束时间与公开记录里的不符", "The end before it is not the one that the log says")
    if event.at > before and not evening.is_end_doubted:
        raise _no("over", "到点以后不能再延期", "It cannot be prolonged when its end has come")
    if until <= max(before, event.at):
        raise _no("until", "结束时间只能往后延", "The end can only be put later")


def _frozen(evening: Evening, body: LineBody) -> None:
    _unfixed(evening)
    version = evening.roster_version + 1
    if body["version"] != version:
        raise _no("version", f"下一份名单应是第 {version} 版", f"The next roster is version {version}")


def _excluded(evening: Evening, body: LineBody) -> None:
    _unfixed(evening)
    no = body["no"]
    if no > evening.signed_in or evening.is_passed(no) or no in evening.excluded:
        raise _no("no", "没有这位签到者，或已经排除", "Nobody signed in with this number, or they are excluded already")


def _next_d(evening: Evening, d: int) -> None:
    running = evening.running
    if running is not None:
        word = _WORDS[running.phase]
        raise _no(
            "running",
            f"第 {running.d} 次抽取{word.zh}，请先完成",
            f"Selection {running.d} is {word.en}; settle it first",
        )
    if d != evening.next_d:
        raise _no("d", f"下一次应是第 {evening.next_d} 次抽取", f"The next selection is number {evening.next_d}")
    if d > evening.chain_length:
        raise Refusal("chain", seeds.no_selection_text(seeds.of(evening)))


def _armed(evening: Evening, body: LineBody) -> None:
    _next_d(evening, body["d"])
    if evening.roster_version == 0 or body["roster_version"] != evening.roster_version:
        raise _no("version", "只能用最新冻结的名单", "Only the roster that was frozen last may be used")
    if body["prize"] not in evening.prizes:
        raise _no("prize", "没有这个奖项", "There is no such prize")
    left = evening.open_slots(body["prize"])
    if body["k"] > left:
        raise _no("slots", f"这个奖项只剩 {left} 个名额", f"This prize has {left} open {plural(left, 'slot', 'slots')}")


def _selected(evening: Evening, body: LineBody, *phases: Phase) -> Selected:
    """The selection that an event is about, if it stands where this may be said of it."""
    selected = evening.selections.get(body["d"])
    if selected is None:
        raise _no("d", f"没有第 {body['d']} 次抽取", f"There is no selection {body['d']}")
    if selected.phase not in phases:
        word = _WORDS[selected.phase]
        raise _no(
            "phase",
            f"第 {selected.d} 次抽取{word.zh}，不能这样做",
            f"Selection {selected.d} is {word.en}; this cannot be done now",
        )
    return selected


def _fallen_back(evening: Evening, body: LineBody) -> None:
    _selected(evening, body, "armed")
    if evening.mode != "drand":
        raise _no("mode", "没有使用 drand", "drand is not used")


def _ready(evening: Evening, body: LineBody) -> None:
    _selected(evening, body, "armed")
    kind, text = body["kind"], body["text"]
    if kind != evening.mode:
        raise _no("mode", "随机来源与公布的模式不符", "The late entropy is not of the declared mode")
    if (kind == "drand") != bool(body["signature"]) or (kind == "seed" and text):
        raise _no("text", "随机来源的内容不完整", "The late entropy is incomplete")
    if kind == "hall":
        require_numbers(evening, text)


def require_numbers(evening: Evening, text: str) -> None:
    """Raise Refusal unless these are numbers from the hall: three, of eight digits or more, not all of them used before."""
    numbers = numbers_of(text)
    digits = [sum(letter in string.digits for letter in number) for number in numbers]
    if len(numbers) != NUMBERS_HELD_UP or min(digits) < DIGITS_OF_ONE:
        raise _no(
            "numbers",
            f"请输入 {NUMBERS_HELD_UP} 个号码，每个至少 {DIGITS_OF_ONE} 位数字",
            f"Type {NUMBERS_HELD_UP} numbers, each with at least {DIGITS_OF_ONE} digits",
        )
    if evening.used_numbers.issuperset(numbers):
        raise _no("numbers", "这些号码用过了，请换新的", "These numbers were used before; take others")


def _drawn(evening: Evening, body: LineBody) -> None:
    selected = _selected(evening, body, "ready")
    said = (body["prize"], body["k"], body["pool_hash"])
    if said != (selected.prize, selected.k, selected.pool_hash) or len(body["winners"]) != selected.k:
        raise _no(
            "armed", "与锁定的奖项、人数或候选名单不符", "It is not of the prize, number and pool that were fixed"
        )


def _revealed(evening: Evening, body: LineBody) -> None:
    _selected(evening, body, "drawn")


def _undecided(evening: Evening, body: LineBody) -> None:
    nos = body["nos"] if "nos" in body else [body["no"]]
    undecided = _selected(evening, body, "revealed").undecided
    if not set(nos) <= set(undecided):
        raise _no(
            "no",
            "不是这次的中奖者，或已经确认、缺席、放弃",
            "Not a winner of this selection, or already confirmed, absent or out",
        )


def _undone(evening: Evening, body: LineBody) -> None:
    selected = _selected(evening, body, "revealed", "settled")
    if (
        not evening.passed_d < body["d"] == evening.last_d
        or body["no"] not in selected.absent | selected.forfeited.keys()
    ):
        raise _no("no", "没有可以撤销的标记", "There is nothing to take back, or another selection has begun")
    is_open = body["no"] in selected.absent or selected.forfeited.get(body["no"]) == "refill"
    if is_open and selected.prize in evening.prizes and evening.open_slots(selected.prize) < 1:
        raise _no(
            "slots",
            "这个名额已经认定给别人了，不能撤销",
            "Its slot went to somebody who was found after a restore; it cannot be taken back",
        )


def _voided(evening: Evening, body: LineBody) -> None:
    if body["d"] not in evening.selections:
        _next_d(evening, body["d"])
    elif _selected(evening, body, "armed", "ready", "drawn", "revealed", "settled").confirmed:
        raise _no(
            "confirmed", "已经确认了中奖者，不能作废", "Winners were confirmed; it can no longer be declared void"
        )
    elif body["d"] != evening.next_d - 1:
        raise _no(
            "d",
            "之后已有新的抽取或红包雨，不能作废",
            "Another selection or rain has begun since; it can no longer be declared void",
        )


def _paid(evening: Evening, body: LineBody) -> None:
    selected = _selected(evening, body, "revealed", "settled")
    if body["no"] not in selected.confirmed - selected.paid:
        raise _no("no", "没有确认此人中奖，或已经发放", "They were not confirmed as a winner, or have it already")


def _game_fixed(evening: Evening, body: LineBody) -> None:
    if evening.is_opened:
        raise _no("opened", "游戏要在开放签到之前公布", "A game is fixed before people may sign in")
    if body["prize"] in evening.games or body["prize"] in evening.prizes:
        raise _no("prize", "已经有这个奖项", "There is such a prize already")


def _game_added(evening: Evening, body: LineBody) -> None:
    _unfixed(evening)
    game = body["game"]
    if game["prize"] in evening.games or game["prize"] in evening.prizes:
        raise _no("prize", "已有这个编号的奖项", "There is a prize with this number already")
    left = seeds.of(evening)
    if game["kind"] == "rain" and not left.free:
        raise Refusal("chain", seeds.no_rain_text(left))


def _rain_begun(evening: Evening, body: LineBody) -> None:
    _game_begun(evening, body)
    _next_d(evening, body["d"])


def _game_begun(evening: Evening, body: LineBody) -> None:
    game = evening.games.get(body["prize"])
    if game is None or game.nos is not None or game.is_ended or game.takes_d != ("d" in body):
        raise _no("prize", "没有这个游戏，或者已经开始过", "There is no such game, or it has been played")
    if not evening.is_opened or not all(no <= evening.signed_in and not evening.is_passed(no) for no in body["nos"]):
        raise _no("no", "参加者里有没签到的人", "Somebody in it has not signed in")


def _game_ended(evening: Evening, body: LineBody) -> None:
    game = evening.games.get(body["prize"])
    if game is None or game.nos is None or game.is_ended:
        raise _no("prize", "这个游戏没有开始，或者已经结束", "This game has not begun, or is over")
    if len(body["nos"]) != len(body["sums"]) or not set(body["nos"]) <= set(game.nos):
        raise _no("no", "结果里有没参加的人", "Somebody in the result did not take part")
    if any(before < after for before, after in pairwise(body["sums"])):
        raise _no("ranks", "名次与成绩不符", "The order is not that of what they reached")
    if game.fixed["kind"] == "rain":
        if sum(body["sums"]) > game.fixed["total_fen"]:
            raise _no("sums", "发出的钱超过总额", "More was given than there was")
        return
    if len(body["nos"]) > game.fixed["packets"]:
        raise _no("slots", "获奖的人数多于奖品", "More people win than there are prizes")
    if not evening.excluded.keys().isdisjoint(body["nos"]):
        raise _no("no", "结果里有已经排除的人", "Somebody in the result was excluded")


def _restored(evening: Evening, body: LineBody) -> None:
    if not body["last_no"] == evening.signed_in < body["next_no"]:
        raise _no(
            "no",
            "恢复以后的签到号必须接在副本的最后一号之后",
            "After a restore numbers go on behind the last one of the copy",
        )
    if not evening.next_d <= body["next_d"] <= evening.chain_length + 1:
        raise _no("d", "恢复以后的抽取编号不能往回", "After a restore selections go on behind those of the copy")


def _found(evening: Evening, body: LineBody) -> None:
    _unfixed(evening)
    prize, no, game = body["prize"], body["no"], evening.games.get(body["prize"])
    if not evening.passed_nos:
        raise _no(
            "d",
            "请先解冻数据库，再认定现场抽奖的奖品",
            "Open the database first, then say which prize of a hall it was",
        )
    if no > evening.signed_in or evening.is_passed(no):
        raise _no("no", "没有这位签到者", "Nobody signed in with this number")
    if game is None and prize not in evening.prizes:
        raise _no("prize", "没有这个奖项", "There is no such prize")
    if game is None and evening.open_slots(prize) < 1:
        raise _no("slots", "这个奖项没有剩余名额", "This prize has no open slot")
    if game is not None and (
        game.nos is not None or (game.is_ended and not any(won == prize for won, _ in evening.found))
    ):
        raise _no("prize", "这个游戏恢复以后又玩过", "This game was played after the restore")


def _returned(evening: Evening, body: LineBody) -> None:
    """Also while a selection is fixed: who has just come stands in no roster yet, so nobody's chance changes (`verify` looks)."""
    if body["no"] > evening.signed_in or evening.is_passed(body["no"]):
        raise _no("no", "没有这位签到者", "Nobody signed in with this number")
    if (body["prize"], 0) not in evening.found:
        raise _no(
            "no", "这个奖项没有失去签到号的中奖者", "Nobody who was found to have won this prize has lost their number"
        )


def _closed(evening: Evening, body: LineBody) -> None:
    if evening.running is not None:
        _next_d(evening, evening.next_d)


_CHECKS: Mapping[Kind, Callable[[Evening, LineBody], None]] = {
    "scheduled": _scheduled,
    "opened": _opened,
    "signed_in": _signed_in,
    "prize_added": _added,
    "frozen": _frozen,
    "excluded": _excluded,
    "armed": _armed,
    "entropy_fallback": _fallen_back,
    "entropy": _ready,
    "drawn": _drawn,
    "revealed": _revealed,
    "absent": _undecided,
    "forfeited": _undecided,
    "undone": _undone,
    "confirmed": _undecided,
    "voided": _voided,
    "paid": _paid,
    "game_fixed": _game_fixed,
    "game_added": _game_added,
    "game_begun": _game_begun,
    "rain_begun": _rain_begun,
    "game_ended": _game_ended,
    "restored": _restored,
    "found": _found,
    "returned": _returned,
    "closed": _closed,
}
