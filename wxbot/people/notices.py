"""What people are told: written with the change it tells of, sent into the chat by the worker, always on their own page.

A notice goes out at most once. WeChat lets an account write only for a while after the person did something
(wechat-protocol §5.8); outside that window the notice is `unreachable` and waits on the person's page.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.db import changed, insert_into
from wxbot.logs import get_logger
from wxbot.people import languages
from wxbot.people.models import NOTICE_NEXT, Notice, NoticeStatus
from wxbot.runtime import Runtime
from wxbot.text import Text
from wxbot.transitions import move, moving
from wxbot.wechat.errors import NotSent, Refused, WeChatError

log = get_logger(__name__)

TEXT_CHARS = 600
LEASE_S = 90
"""Longer than one call to WeChat can take; a notice whose worker died in it is not sent a second time."""

BATCH = 20
"""Customer-service messages in one run of the task, so that a thousand notices do not hold up everything else."""

LINK = Text("点这里查看", "Open")

ROUNDS = 10
TRIES = 6
STALE_HOURS = 47
"""Older notices are not sent any more: what they tell was long on the person's page."""

HURRIED = {"award_soon": timedelta(hours=1)}
"""Kind → how old such a notice may be at most, where that is less: a reminder is none after its hour, and must not come by night."""

AWAY = frozenset({"45015", "45047", "43004", "43005", "43019", "43101", "48002", "50002", "50005", "40003", "49003"})
"""The window is closed, the allowance is used up, or this person cannot be written to: their own page tells them."""

LATER = frozenset({"-1", "45009", "45011", "61450", "65414", "40001", "40014", "42001"})
"""WeChat is busy, or the account's quota or token is not there now: the same message again later."""


def tell(session: Session, openid: str, kind: str, ref: str, text: Text, url: str = "", *, now: datetime) -> bool:
    """Tell a person something in their language, once per (kind, ref), in the caller's transaction. False when it was told
    before.

    `url` is an address of our own pages; it becomes a link under the text.
    """
    statement = insert_into(session, Notice).values(
        openid=openid,
        kind=kind,
        ref=ref,
        text=text.within(languages.of(session, openid))[:TEXT_CHARS],
        url=url,
        status="planned",
        tries=0,
        due_at=now,
        err_code="",
        created_at=now,
    )
    told = statement.on_conflict_do_nothing(index_elements=["kind", "ref"]).returning(Notice.id)
    return session.scalar(told) is not None


def of(session: Session, openid: str, limit: int = 20, before: int | None = None) -> Sequence[Notice]:
    """A person's notices, the newest first, below `before`."""
    query = select(Notice).where(Notice.openid == openid, Notice.text != "").order_by(Notice.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(Notice.id < before)).all()


def tell_due(runtime: Runtime) -> int:
    """Send what is due, a bounded number; returns how many notices were settled."""
    _end_leases(runtime)
    done = 0
    for _round in range(ROUNDS):
        now = runtime.clock.now()
        with runtime.database.reading() as session:
            query = select(Notice.id).where(Notice.status == "planned", Notice.due_at <= now)
            if lineage.is_frozen(session):  # what it tells of money may be told already, or not be true any more
                query = query.where(Notice.kind.not_like("payout%"), Notice.kind.not_like("award%"))
            due = session.scalars(query.order_by(Notice.due_at, Notice.id).limit(BATCH)).all()
        if due and not _has_token(runtime):
            return done
        for notice_id in due:
            outcome = _send(runtime, notice_id)
            done += outcome != "later"
            if outcome == "stop":
                return done
        if len(due) < BATCH:
            break
    return done


def _has_token(runtime: Runtime) -> bool:
    """Without a token no message can leave: nothing is claimed, no try is used up."""
    try:
        return bool(runtime.tokens.access_token())
    except (WeChatError, RedisError) as error:
        log.warning("notices_wait_for_token", error=type(error).__name__)
        return False


def _end_leases(runtime: Runtime) -> None:
    """A worker died while it sent: nobody knows whether the message arrived, so it is not sent again."""
    is_lost = Notice.lease_until < runtime.clock.now()
    with runtime.database.reading() as session:
        if session.scalar(select(Notice.id).where(Notice.status == "sending", is_lost).limit(1)) is None:
            return
    with runtime.database.transaction() as session:
        changed(session, moving(Notice, NOTICE_NEXT, ("sending",), "unknown", err_code="LEASE").where(is_lost))


def _claim(runtime: Runtime, notice_id: int) -> tuple[Notice, str] | None:
    """The notice, leased to this process, and its person's language; None when there is nothing to send."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        lease = now + timedelta(seconds=LEASE_S)
        is_ours = move(
            session, Notice, notice_id, NOTICE_NEXT, "planned", "sending", lease_until=lease, tries=Notice.tries + 1
        )
        if not is_ours:
            return None
        notice = session.get_one(Notice, notice_id)
        oldest = HURRIED.get(notice.kind, timedelta(hours=STALE_HOURS))
        if notice.text and now - notice.created_at <= oldest:
            return notice, languages.of(session, notice.openid)
        move(session, Notice, notice_id, NOTICE_NEXT, "sending", "unreachable", err_code="STALE", lease_until=None)
        return None


def _send(runtime: Runtime, notice_id: int) -> str:
    """Send one notice: done, later, or stop when nothing can be sent at all now."""
    claimed = _claim(runtime, notice_id)
    if claimed is None:
        return "done"
    notice, language = claimed
    try:
        runtime.official_account.custom_send_text(notice.openid, message(notice.text, notice.url, language))
    except Refused as refused:
        return _refused(runtime, notice, refused)
    except (NotSent, RedisError) as error:
        log.warning("notice_not_sent", notice_id=notice_id, error=type(error).__name__)
        return _postpone(runtime, notice, "NOT_SENT", stops=True)
    except WeChatError as error:
        log.warning("notice_unanswered", notice_id=notice_id, error=type(error).__name__)
        return _settle(runtime, notice, "unknown", "UNANSWERED")
    return _settle(runtime, notice, "sent", "")


def _refused(runtime: Runtime, notice: Notice, refused: Refused) -> str:
    """What the error catalogue says about a refusal; a code it does not know is tried a few times."""
    if refused.code in AWAY:
        return _settle(runtime, notice, "unreachable", refused.code)
    log.warning("notice_refused", notice_id=notice.id, err_code=refused.code)
    if refused.row.stops_lane or refused.code in LATER:
        return _postpone(runtime, notice, refused.code, stops=True)
    if not refused.row.is_known or refused.row.retry in ("later", "refresh"):
        return _postpone(runtime, notice, refused.code)
    return _settle(runtime, notice, "failed", refused.code)


def _settle(runtime: Runtime, notice: Notice, status: NoticeStatus, err_code: str) -> str:
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        sent_at = now if status == "sent" else None
        move(
            session,
            Notice,
            notice.id,
            NOTICE_NEXT,
            "sending",
            status,
            err_code=err_code[:16],
            lease_until=None,
            sent_at=sent_at,
        )
    return "done"


def _postpone(runtime: Runtime, notice: Notice, err_code: str, *, stops: bool = False) -> str:
    """Again later, each time after a longer rest; given up after TRIES."""
    if notice.tries >= TRIES:
        return _settle(runtime, notice, "failed", err_code)
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        move(
            session,
            Notice,
            notice.id,
            NOTICE_NEXT,
            "sending",
            "planned",
            err_code=err_code[:16],
            lease_until=None,
            due_at=now + timedelta(seconds=15 * 4 ** (notice.tries - 1)),
        )
    return "stop" if stops else "later"


def message(text: str, url: str, language: str) -> str:
    """A notice as WeChat shows it: the text, never read as a link of somebody else, and our own link under it (§5.8)."""
    safe = text.replace("<", "＜").replace(">", "＞")
    return f'{safe}\n<a href="{url}">{LINK.within(language)}</a>' if url else safe
