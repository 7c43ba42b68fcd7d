"""The merchant's balance as WeChat Pay v3 tells it, kept in Redis for all boxes; UNCONFIRMED, off unless WXBOT_BALANCE_QUERY.

Only a worker asks (the task `metrics.balance`), never a web request. Nothing depends on the figure: without one, or with an
old one, the balance is reckoned (wxbot/metrics/balance).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.wechat.errors import NotSent, Unanswered
from wxbot.wechat.pay_v3 import BalanceAnswer

ASK_EVERY_S = 60
"""All workers together ask at most this often, by Redis's clock; so a refusal is one line a minute, too."""

FRESH = timedelta(minutes=5)
"""An older figure is not used."""

ASKED_KEY = "wxbot:balance:asked"
TOLD_KEY = "wxbot:balance:told"

log = get_logger(__name__)


@dataclass(frozen=True)
class ToldBalance:
    """What may be spent, in fen, and when WeChat Pay said so."""

    available_fen: int
    at: datetime


def ask(runtime: Runtime) -> int:
    """Ask WeChat Pay, when that is wanted and nobody has asked within the minute; returns 1 for a figure that was kept.

    A refusal takes away the figure before it; silence leaves it until it is old. Raises RedisError.
    """
    if not runtime.settings.balance_query or not runtime.redis.set(ASKED_KEY, "1", nx=True, ex=ASK_EVERY_S):
        return 0
    try:
        answer = runtime.pay_v3.balance()
    except (NotSent, Unanswered) as error:
        log.warning("balance_unanswered", reason=str(error)[:300])
        return 0
    return _keep(runtime, answer)


def _keep(runtime: Runtime, answer: BalanceAnswer) -> int:
    if not answer.is_success:
        runtime.redis.delete(TOLD_KEY)
        log.warning("balance_refused", status=answer.status, err_code=answer.code, reason=answer.message)
        return 0
    told = {"mch_id": runtime.settings.mch_id, "fen": answer.available_fen, "at": runtime.clock.now().isoformat()}
    runtime.redis.set(TOLD_KEY, json.dumps(told), ex=FRESH)
    return 1


def told(runtime: Runtime, now: datetime) -> ToldBalance | None:
    """What WeChat Pay said within the last minutes; None when it was not asked or did not say, or Redis cannot be asked."""
    if not runtime.settings.balance_query:
        return None
    try:
        kept = runtime.redis.get(TOLD_KEY)
    except RedisError:
        return None
    if kept is None:
        return None
    values = json.loads(str(kept))
    found = ToldBalance(values["fen"], datetime.fromisoformat(values["at"]))
    is_ours = values["mch_id"] == runtime.settings.mch_id
    return found if is_ours and abs(now - found.at) <= FRESH else None
