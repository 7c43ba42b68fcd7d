"""Checks of halls: whether their open streams are there, and can be reached where phones look for them."""

import redis
from sqlalchemy import select

from wxbot.campaigns.models import Campaign
from wxbot.doctor.finding import Finding, bad, good, note, reason
from wxbot.doctor.wire import get
from wxbot.hall.models import Hall
from wxbot.live.roll import lives
from wxbot.runtime import Runtime
from wxbot.text import listed
from wxbot.wechat.errors import WeChatError


def live_answers(runtime: Runtime) -> Finding:
    """`wxbot live` runs and is reached by the address that pages use; without a hall nobody misses it."""
    query = select(Hall.campaign_id).join(Campaign, Campaign.id == Hall.campaign_id)
    with runtime.database.reading() as session:
        is_wanted = session.scalar(query.where(Campaign.status.in_(("on", "off"))).limit(1)) is not None
    try:
        running = lives(runtime.redis)
    except redis.RedisError as error:
        return bad(
            "连不上 Redis，看不到 live",
            f"no Redis, no sight of live: {reason(error)}",
            "先修好 Redis",
            "mend Redis first",
        )
    if not running:
        return _none(is_wanted)
    url = f"{runtime.settings.live_url or runtime.settings.public_url}/live/healthz"
    try:
        status = get(runtime, url).status
    except WeChatError as error:
        status, why = 0, reason(error)
    else:
        why = f"HTTP {status}"
    if status != 200:
        return bad(
            f"live 在运行，但手机够不着：{url}（{why}）",
            f"live runs, and phones cannot reach it: {url} ({why})",
            "让代理把 /live/ 转给它（见 deploy/nginx/wxbot.conf）；演示里请设置 WXBOT_LIVE_URL",
            "let the proxy hand /live/ on to it (deploy/nginx/wxbot.conf); without a proxy set WXBOT_LIVE_URL",
        )
    said = listed(f"{each.host} (pid {each.pid}, {each.streams})" for each in running)
    return good(
        f"现场实时连接 {len(running)} 个进程，{url} 可以访问：{said.zh}",
        f"{len(running)} live, reached at {url}: {said.en}",
    )


def _none(is_wanted: bool) -> Finding:
    if not is_wanted:
        return good("没有正在进行的现场，不需要 live", "no hall is on: nobody misses live")
    return note(
        "有现场正在进行，但 live 没有运行：大屏和手机改为轮询，竞速不能开始",
        "a hall is on and no live runs: screens and phones poll, and no race can be run",
        "wxbot live（或 systemctl start wxbot-live）",
        "wxbot live (or systemctl start wxbot-live)",
    )
