"""Simulated guests of a rehearsal [模拟来宾]: how they are spelled, what they are called, and what they do in a rain and in a race.

They have a number, a line of the roster and a place on the wall as everybody, and no phone and no WeChat: their openid is one that
WeChat cannot give. `rehearse` puts them in. While a game runs the worker plays for them: of a rain they catch most of what
falls to them, in a race it says for them what phones say, on the channel by which one `wxbot live` hands on to another.
"""

import json
import math
from collections.abc import Sequence

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, select, update

from wxbot.campaigns import lease
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.hall import told
from wxbot.hall.models import Game, Guest, Hall, RainHit
from wxbot.hall.race_rule import LATE_S, Span
from wxbot.hall.rain import CATCH_MS
from wxbot.hall.wire import KnownGuest, guest_value, reports_channel
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.text import Text

log = get_logger(__name__)

PREFIX = "simulated:"
"""What the openid of a simulated guest begins with. WeChat's are letters, digits, `_` and `-`: none has a colon."""

REAL = Text(
    "这是正式的活动，不能放进模拟来宾。请复制活动，勾选“彩排”，在那里演练",
    "This hall is not a rehearsal, so it takes no simulated guests. Copy the campaign, tick “Rehearsal”, and rehearse there",
)

REACTION_MS = 400
"""So long after its moment a packet is caught."""

MISSED_OF = 5
"""One packet of so many slips through, so that there is something left over."""

_ZH = (
    "赵 钱 孙 李 周 吴 郑 王 冯 陈 褚 卫 蒋 沈 韩 杨 朱 秦 许 何 吕 张 孔 曹 严 华 金 魏 陶 姜 谢 邹 苏 潘 葛 范 彭 鲁 韦 马",
    "晓明 子涵 雨桐 建国 志强 丽华 海燕 思远 文博 佳怡 俊杰 淑芬 天佑 若曦 一诺 国栋 秀英 振宇 欣然 浩然 美玲 嘉豪 静 伟 敏 磊 洋 艳 勇 "
    "桂兰 诗雨 宇航 梓萱 立新 春梅 永康 晨曦 可欣 家辉 红梅 明哲 雅婷 云飞 小龙 慧 鹏 婷 刚 雪",
)
_EN = (
    "Alice Ben Clara Daniel Emma Frank Grace Henry Iris Jack Kate Leo Mia Noah Olive Paul Quinn Rose Sam Tina Uma Victor Wendy Xavier "
    "Yara Zoe Adam Bella Carl Diana Eric Fiona George Hanna Ian Julia Kevin Laura Martin Nora",
    "Adams Baker Carter Davis Evans Foster Green Harris Irving Jones King Lewis Moore Nelson Owens Parker Reed Scott Turner Underhill Vance "
    "Walker Young Allen Brooks Cole Dunn Ellis Ford Grant Hayes Jordan Keller Lane Mason Nash Oakley Perry Quincy Ross Stone "
    "Tate Upton Vega Wells York Abbott Barnes Clark",
)
"""What stands before and what behind in a name: 40 and 49 words, so that 1,960 in a row are all different."""


def openid_of(no: int) -> str:
    """The openid of the simulated guest with this number."""
    return f"{PREFIX}{no}"


def is_simulated(openid: str) -> bool:
    """Whether no person stands behind an openid."""
    return openid.startswith(PREFIX)


def these(campaign_id: int) -> ColumnElement[bool]:
    """The rows of a hall's simulated guests."""
    return (Guest.campaign_id == campaign_id) & Guest.openid.startswith(PREFIX, autoescape=True)


def name_of(no: int, language: str) -> str:
    """What the simulated guest with this number is called, in the language of the screen."""
    before, behind = (words.split() for words in (_EN if language == "en" else _ZH))
    return (" " if language == "en" else "").join((before[no % len(before)], behind[no % len(behind)]))


def shakes(no: int, since_s: float) -> int:
    """How often a simulated guest has shaken since the race began: each at their own pace, which rises and falls, so that the lead changes."""
    pace = 3 + no * 0.618 % 1 * 4  # of 3 to 7 a second, and with the wave 10.5 at most
    return int(pace * (since_s + 1.5 * (math.sin(since_s / 3 + no) - math.sin(no))))


def reports(guests: Sequence[KnownGuest], span: Span, now: float) -> str:
    """What is handed on for these guests in a race, as `wxbot live` reads it: guest, number of the message, count since the beginning."""
    since_s = min(now, span.end) - span.begin
    seq = int((now - span.begin) * 1000) + 1
    lines = [(guest_value(guest), seq, shakes(guest.no, since_s)) for guest in guests]
    return json.dumps({"from": "rehearsal", "reports": lines}, ensure_ascii=False)


def play(runtime: Runtime, campaign: Campaign) -> int:
    """A step of the worker's: take part in the game that runs; how many packets were caught. Nothing in a hall that can pay."""
    if not campaign.terms.get("is_rehearsal"):
        return 0
    with runtime.database.reading() as session:
        mine = (Game.campaign_id == campaign.id) & (Game.status == "running") & Hall.is_rehearsal
        game = session.scalars(select(Game).join(Hall, Hall.campaign_id == Game.campaign_id).where(mine)).one_or_none()
        now = runtime.database.now(session).timestamp()
        guests = session.scalars(select(Guest).where(these(campaign.id), ~Guest.is_struck)).all() if game else []
    if game is None or game.begin_at is None or game.end_at is None or not guests:
        return 0
    span = Span(game.begin_at.timestamp(), game.end_at.timestamp())
    if game.kind == "rain":
        return _catch(runtime, campaign, game.id) if span.begin < now else 0
    if span.begin < now <= span.end + LATE_S:
        _shake(runtime, campaign.slug, reports([_known(guest) for guest in guests], span, now))
    return 0


def _known(guest: Guest) -> KnownGuest:
    return KnownGuest(guest.no, guest.group, "" if guest.is_hidden else guest.name)


def _shake(runtime: Runtime, slug: str, said: str) -> None:
    try:
        runtime.redis.publish(reports_channel(slug), said)
    except RedisError as error:
        log.warning("hall_without_redis", error=type(error).__name__)  # the next ones say it all again


def _catch(runtime: Runtime, campaign: Campaign, game_id: int) -> int:
    """Catch what may be caught by now, as `rain.claim` lets a phone: by the server's clock, and the end of the rain waits for it."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        running = select(Game).where(Game.id == game_id, Game.status == "running").with_for_update(read=True)
        game = session.scalars(running).one_or_none()
        if game is None or game.begin_at is None:
            return 0
        since_ms = int((now - game.begin_at).total_seconds() * 1000)
        falling = RainHit.at_ms.between(since_ms - CATCH_MS[1], since_ms - REACTION_MS)
        theirs = RainHit.guest_no.in_(select(Guest.no).where(these(campaign.id), ~Guest.is_struck))
        is_due = falling & theirs & RainHit.claimed_at.is_(None) & (RainHit.slot % MISSED_OF != 0)
        caught = changed(session, update(RainHit).where(RainHit.game_id == game_id, is_due).values(claimed_at=now))
    if caught:
        told.tell_soon(runtime, campaign.slug, campaign.id)
    return caught
