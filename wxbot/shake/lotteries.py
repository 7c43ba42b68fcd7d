"""The campaign's objects at WeChat: the shake page on its beacons, and the lottery that hands out tickets."""

import secrets
import string
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Literal

from PIL import Image, ImageDraw
from sqlalchemy import delete, select, update

from wxbot.campaigns import lease
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.shake.models import Lottery, ShakePage
from wxbot.shake.terms import terms_of
from wxbot.wechat import limits

log = get_logger(__name__)

KEY_ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 32
"""The lottery's signing key is 32 characters of the developer's choice (wechat-protocol §1.3)."""

OWN_PAGE: Literal[2] = 2
"""use_template=2: our own HTML5 page calls the JSAPI (wechat-protocol §1.3)."""

SPARE_TICKETS = 3
"""A lottery's ceiling is this many times the packets: a packet that came back is loaded again under a new ticket."""


def page_url(runtime: Runtime, campaign: Campaign) -> str:
    """The address of a campaign's draw page; WeChat appends the shake ticket to it."""
    return f"{runtime.settings.public_url}/h5/c/{campaign.slug}"


@cache
def card_icon() -> bytes:
    """The 120×120 icon of the shake card: a red packet, drawn here."""
    image = Image.new("RGB", (120, 120), "#d85940")
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((30, 14, 90, 106), 8, fill="#c63a2b", outline="#f5d9a8", width=2)
    pen.pieslice((30, -20, 90, 50), 0, 180, fill="#d94a38", outline="#f5d9a8", width=2)
    pen.ellipse((46, 36, 74, 64), fill="#f3d18b", outline="#e0b25c", width=2)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def ensure_page(runtime: Runtime, campaign: Campaign) -> int:
    """Give the campaign its shake page and put it on its beacons. Returns 1 when something was done.

    page/add has no number of ours to repeat it by, so the page is looked for by its comment first: a reply that was
    lost leaves a page that is found again.
    """
    if _page_id(runtime, campaign) is not None:
        return 0
    lease.renew(runtime, campaign)
    shakearound, own = runtime.shakearound, terms_of(campaign)
    comment = f"wxbot {campaign.slug}"  # ids begin anew with a new database, slugs do not: no foreign page is taken
    page_id = next((page.page_id for page in shakearound.page_search_all() if page.comment == comment), None)
    if page_id is None:
        icon_url = shakearound.material_add(card_icon(), "card.png")
        page_id = shakearound.page_add(
            title=own.title,
            description=own.description,
            page_url=page_url(runtime, campaign),
            comment=comment,
            icon_url=icon_url,
        )
    for device_id in own.device_ids:
        lease.renew(runtime, campaign)
        _rebind(runtime, device_id, add=page_id)
    with runtime.database.transaction() as session:
        session.merge(ShakePage(campaign_id=campaign.id, page_id=page_id))
    return 1


def _page_id(runtime: Runtime, campaign: Campaign) -> int | None:
    with runtime.database.reading() as session:
        return session.scalar(select(ShakePage.page_id).where(ShakePage.campaign_id == campaign.id))


def take_page_down(runtime: Runtime, campaign: Campaign) -> int:
    """Take an ended campaign's page off its beacons, so that a shake finds only what still runs. Returns 1 when done."""
    page_id = _page_id(runtime, campaign)
    if page_id is None:
        return 0
    for device_id in terms_of(campaign).device_ids:
        lease.renew(runtime, campaign)
        _rebind(runtime, device_id, drop=page_id)
    with runtime.database.transaction() as session:
        session.execute(delete(ShakePage).where(ShakePage.campaign_id == campaign.id))
    return 1


def _rebind(runtime: Runtime, device_id: int, *, add: int | None = None, drop: int | None = None) -> None:
    """Add or drop one page of a beacon and keep the others: bindpage replaces all of them (wechat-protocol §2.5)."""
    bound = [relation.page_id for relation in runtime.shakearound.relation_search(device={"device_id": device_id})]
    wanted = [page_id for page_id in bound if page_id != drop]
    if add is not None and add not in wanted:
        wanted.append(add)
    if wanted != bound:
        runtime.shakearound.device_bindpage({"device_id": device_id}, wanted)


def current_lottery(runtime: Runtime, campaign: Campaign) -> Lottery | None:
    """The lottery that takes the next tickets: the newest one that exists at WeChat."""
    with runtime.database.reading() as session:
        return session.execute(
            select(Lottery)
            .where(Lottery.campaign_id == campaign.id, Lottery.lottery_id.is_not(None))
            .order_by(Lottery.ordinal.desc())
            .limit(1)
        ).scalar_one_or_none()


def lottery_window(campaign: Campaign, made_at: datetime) -> tuple[int, int]:
    """begin and expire of a lottery in Unix seconds: wider than the campaign (§1.5), at most 91 days (§1.3).

    Our own gates keep the campaign's window; the lottery's is wide so that its switch has effect at once. A campaign of
    nearly 91 days that is launched early leaves no room for that: then the lottery begins later, never ends earlier.
    """
    span = timedelta(seconds=limits.LOTTERY_SPAN_S)
    begin, expire = min(campaign.begin_at, made_at) - timedelta(minutes=5), campaign.end_at + timedelta(hours=1)
    begin = max(begin, min(campaign.begin_at, expire - span))
    return int(begin.timestamp()), int(min(expire, begin + span).timestamp())


def ensure_lottery(runtime: Runtime, campaign: Campaign) -> int:
    """Create the campaign's lottery with onoff=0, or a further one when the newest is full. Returns 1 when one was made.

    addlotteryinfo cannot be repeated by number: a lost reply leaves an empty lottery, switched off, at WeChat, and
    the next call makes another. No ticket is ever in the lost one.
    """
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        newest = session.execute(
            select(Lottery).where(Lottery.campaign_id == campaign.id).order_by(Lottery.ordinal.desc()).limit(1)
        ).scalar_one_or_none()
        if newest is not None and newest.lottery_id is not None and newest.loaded < newest.total:
            return 0
        if newest is None or newest.lottery_id is not None:
            key = "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))
            total = min(limits.LOTTERY_TICKETS_MAX, campaign.packet_count * SPARE_TICKETS)
            newest = Lottery(
                campaign_id=campaign.id,
                ordinal=newest.ordinal + 1 if newest else 1,
                total=total,
                loaded=0,
                lottery_key=runtime.vault.seal(key),
                created_at=now,
            )
            session.add(newest)
            session.flush()
    own = terms_of(campaign)
    begin_unix, expire_unix = lottery_window(campaign, newest.created_at)
    lottery_id = runtime.shakearound.addlotteryinfo(
        use_template=OWN_PAGE,
        title=own.title,
        desc=own.description,
        onoff=0,
        begin_time=begin_unix,
        expire_time=expire_unix,
        sponsor_appid=runtime.settings.appid,
        total=newest.total,
        jump_url=own.jump_url or f"{page_url(runtime, campaign)}/after",
        key=runtime.vault.open(newest.lottery_key),
    )
    with runtime.database.transaction() as session:
        changed(
            session,
            update(Lottery).where(Lottery.id == newest.id, Lottery.lottery_id.is_(None)).values(lottery_id=lottery_id),
        )
    log.info("lottery_created", campaign_id=campaign.id, lottery_id=lottery_id)
    return 1


def switch_lotteries(runtime: Runtime, campaign: Campaign, is_on: bool) -> int:
    """Switch the campaign's lotteries at WeChat; idempotent, so a lost reply is repeated. Returns how many changed.

    A lottery whose window has not begun is not switched on yet: the switch would have no effect (§1.5).
    """
    with runtime.database.reading() as session:
        now_unix = runtime.database.now(session).timestamp()
        lotteries = session.scalars(
            select(Lottery).where(
                Lottery.campaign_id == campaign.id, Lottery.lottery_id.is_not(None), Lottery.is_on.is_(not is_on)
            )
        ).all()
    if is_on:
        lotteries = [one for one in lotteries if lottery_window(campaign, one.created_at)[0] <= now_unix]
    for lottery in lotteries:
        lease.renew(runtime, campaign)
        runtime.shakearound.setlotteryswitch(str(lottery.lottery_id), int(is_on))
        with runtime.database.transaction() as session:
            changed(
                session,
                update(Lottery).where(Lottery.id == lottery.id).values(is_on=is_on),
            )
    return len(lotteries)
