"""Pictures of guests who agreed to show them: fetched by the worker from WeChat's own hosts, re-encoded by the confined program.

Nothing else is ever fetched: the address came from WeChat's answer, but what stands in it is checked before it is asked.
"""

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot.confined.run import Busy
from wxbot.db import changed, insert_into
from wxbot.hall import face, telling
from wxbot.hall.models import Guest, GuestFace
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.vouchers import photos
from wxbot.vouchers.photos import BadPhoto
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

HOSTS = frozenset({"thirdwx.qlogo.cn", "wx.qlogo.cn", "mmbiz.qpic.cn"})
"""Where WeChat keeps the pictures of its people; the content policy of phones names the same."""

ADDRESS_CHARS = 300
BYTES_MAX = 1024 * 1024
BATCH = 20
TRIED_FOR = timedelta(minutes=10)
"""A host that does not answer is asked for so long after the sign-in."""

NAME = re.compile(r"[0-9a-f]{64}")


def address_of(runtime: Runtime, url: str) -> str:
    """The address to fetch a picture from, by https; empty for any other host, port, scheme, or one with a user in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if (
        len(url) > ADDRESS_CHARS
        or not url.isascii()
        or not url.isprintable()
        or "\\" in url
        or parts.username is not None
    ):
        return ""
    if runtime.settings.is_simulated and url.startswith(f"{runtime.settings.api_base}/"):
        return url
    is_listed = parts.hostname in HOSTS and port in (None, 80, 443) and parts.scheme in ("http", "https")
    return f"https://{parts.hostname}{parts.path}" if is_listed else ""


def fetch_due(runtime: Runtime) -> int:
    """Fetch what is to be fetched; returns how many pictures are here now."""
    query = select(Guest.campaign_id, Guest.no, Guest.face_from, Guest.signed_in_at).where(Guest.face_from != "")
    with runtime.database.reading() as session:
        due = session.execute(query.order_by(Guest.campaign_id, Guest.no).limit(BATCH)).all()
    done = 0
    for row in due:
        try:
            content = _fetched(runtime, row.face_from)
        except Busy:
            break
        except WeChatError as error:
            log.info("face_unanswered", error=type(error).__name__)
            if runtime.clock.now() < row.signed_in_at + TRIED_FOR:
                continue
            content = b""
        with runtime.database.transaction() as session:
            _keep(session, row.campaign_id, row.no, row.face_from, content)
        done += bool(content)
        if content:
            telling.soon(runtime, row.campaign_id)
    return done


def _fetched(runtime: Runtime, url: str) -> bytes:
    """The JPEG of what lies there; empty for what is no picture."""
    address = address_of(runtime, url)
    if not address:
        return b""
    reply = runtime.transport.send("GET", address, max_bytes=BYTES_MAX)
    try:
        return photos.read(reply.body, Path(runtime.settings.data_dir), face.__name__).content
    except BadPhoto as bad:
        log.info("face_refused", fault=bad.reason)
        return b""


def _keep(session: Session, campaign_id: int, no: int, url: str, content: bytes) -> None:
    name = hashlib.sha256(content).hexdigest() if content else ""
    mine = (Guest.campaign_id == campaign_id) & (Guest.no == no) & (Guest.face_from == url)
    if not changed(session, update(Guest).where(mine).values(face=name, face_from="")) or not content:
        return  # they were erased meanwhile
    row = {"campaign_id": campaign_id, "sha256": name, "content": content}
    session.execute(insert_into(session, GuestFace).values(**row).on_conflict_do_nothing())


def content_of(session: Session, campaign_id: int, name: str) -> bytes | None:
    """The picture with this name in this hall."""
    if not NAME.fullmatch(name):
        return None
    return session.scalar(
        select(GuestFace.content).where(GuestFace.campaign_id == campaign_id, GuestFace.sha256 == name)
    )
