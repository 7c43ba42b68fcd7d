"""A campaign's winners as a spreadsheet: batch by batch, so that a slow download holds nothing open."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from flask_babel import gettext
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from wxbot.clock import day_began
from wxbot.db import Database
from wxbot.instant import sums
from wxbot.instant.models import Award, Prize
from wxbot.money import plain_yuan
from wxbot.staff.console import local

BATCH = 2_000


def status_words() -> dict[str, str]:
    """Status of an award → what it is called, in the reader's language."""
    return {
        "open": gettext("等用户领取"),
        "collecting": gettext("正在付款"),
        "paid": gettext("已到账"),
        "forfeited": gettext("过期未领"),
        "given": gettext("已给出"),
        "code_given": gettext("卡密已给出"),
        "goods_given": gettext("实物已领走"),
    }


def status_of(words: Mapping[str, str], kind: str, status: str) -> str:
    """How one award stands, by `status_words`: a code is given by itself, a thing by hand."""
    return words.get(f"{kind}_{status}", words[status])


def winner_header() -> tuple[str, ...]:
    """Above the columns of the winners."""
    return (
        *(gettext("抽奖编号"), gettext("中奖时间"), gettext("奖品"), gettext("金额（元）"), gettext("状态")),
        *(gettext("领取期限"), gettext("点领取的时间"), gettext("完成时间"), "openid", gettext("入口")),
    )


def winner_count(session: Session, campaign_id: int, day: date | None = None) -> int:
    """How many rows `winner_batches` has."""
    if day is None:
        return sums.wins(sums.of(session, campaign_id))[0]
    won = (Award.campaign_id == campaign_id, *_won_on(day))
    return session.scalar(select(func.count()).where(*won)) or 0


def _won_on(day: date) -> Sequence[ColumnElement[bool]]:
    return Award.won_at >= day_began(day), Award.won_at < day_began(day + timedelta(days=1))


def winner_batches(
    database: Database,
    campaign_id: int,
    words: Mapping[str, str],
    ways: Mapping[str, str],
    day: date | None = None,
) -> Iterator[list[tuple[object, ...]]]:
    """All awards in the order of their draws, or those that were won on a Shanghai day. `ways`: channel code → what the way in is
    called. Codes are not in it: only their owner sees one."""
    query = (
        select(Award, Prize.name)
        .join(Prize, Prize.id == Award.prize_id)
        .where(Award.campaign_id == campaign_id)
        .order_by(Award.k)
        .limit(BATCH)
    )
    if day is not None:
        query = query.where(*_won_on(day))
    after = 0
    while True:
        with database.reading() as session:
            rows = session.execute(query.where(Award.k > after)).all()
        if not rows:
            return
        after = rows[-1].Award.k
        yield [
            (
                *(
                    award.k,
                    local(award.won_at),
                    name,
                    plain_yuan(award.amount_fen) if award.amount_fen else "",
                    status_of(words, award.kind, award.status),
                ),
                *(
                    local(award.deadline_at),
                    local(award.tapped_at),
                    local(award.settled_at),
                    award.openid,
                    ways.get(award.channel_code, award.channel_code),
                ),
            )
            for award, name in rows
        ]
