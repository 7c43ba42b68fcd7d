"""What is wrong, from a snapshot: pure rules, each condition with a key that stays the same as long as it lasts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wxbot.alerts.words import AlertPhrases
from wxbot.clock import SHANGHAI
from wxbot.heartbeat import Worker
from wxbot.metrics.snapshot import Snapshot
from wxbot.money import yuan
from wxbot.orders.channels import VERSIONS
from wxbot.orders.words import meaning_of
from wxbot.settings import Settings

ENDS_WITHIN = timedelta(hours=4)
"""An account that is empty sooner than this at the present pace is worth an alert."""

CERTIFICATE_DAYS = 30


@dataclass(frozen=True)
class Condition:
    """Something that is wrong now: its key, its kind, a sentence in the deployment's language, the console's page."""

    key: str
    kind: str
    text: str
    path: str = "/admin/alerts"


def conditions(seen: Snapshot, settings: Settings) -> list[Condition]:
    """Everything that the worker alerts of, the worst first; whether workers live is asked elsewhere (`of_workers`)."""
    w = AlertPhrases(settings.locale)
    found = []
    if seen.frozen_why is not None:
        found.append(Condition("frozen", "frozen", w.frozen, "/admin/thaw"))
    if seen.broken:
        rules = ", ".join(f"{name} ({rows})" for name, rows in sorted(seen.broken.items()))
        found.append(Condition("broken", "broken", w("broken", rules=rules), "/admin/ledger"))
    found += _stops(seen, settings, w)
    found += [
        Condition(f"bill:{each.kind}"[:64], "bill", each.text.within(settings.locale), "/admin/ledger")
        for each in seen.bill
    ]
    if n := seen.orders.get("manual", 0):
        found.append(Condition("manual", "manual", w("manual", n=n), "/admin/orders"))
    if seen.orders_stuck:
        found.append(Condition("stuck", "stuck", w("stuck", n=seen.orders_stuck), "/admin/orders?status=unknown"))
    found += _balance(seen, settings, w) + _certificates(seen, w)
    found += [
        Condition(
            f"campaign:{campaign_id}",
            "campaign",
            w("empty_campaign", id=campaign_id),
            f"/admin/campaigns/{campaign_id}",
        )
        for campaign_id in seen.empty_campaigns
    ]
    for low in seen.low_campaigns:
        text = w("low_campaign", id=low.campaign_id, left=f"{low.left:,}", stock=f"{low.stock:,}")
        found.append(Condition(f"prizes:{low.campaign_id}", "campaign", text, f"/admin/campaigns/{low.campaign_id}"))
    return found


def _stops(seen: Snapshot, settings: Settings, w: AlertPhrases) -> list[Condition]:
    found = []
    for stop in seen.stops:
        text = w.stopped_by_staff
        if not stop.is_by_staff:
            meaning = meaning_of(VERSIONS[stop.lane].name, stop.code).said.within(settings.locale)
            text = w("stopped_by_error", line=stop.lane, code=stop.code, meaning=meaning)
        found.append(Condition(f"stopped:{stop.lane}", "stopped", text, "/admin/orders"))
    return found


def _balance(seen: Snapshot, settings: Settings, w: AlertPhrases) -> list[Condition]:
    """One condition at most: empty soon says more than low."""
    if seen.balance is None:
        return []
    held, least_fen = seen.balance, settings.alert_balance_fen
    source = w("balance_told" if held.is_told else "balance_reckoned", at=_local(held.as_of, "%m-%d %H:%M"))
    said = {"yuan": yuan(max(0, held.balance_fen)), "source": source}
    if held.empty_at is not None and held.empty_at - seen.at < ENDS_WITHIN:
        return [Condition("balance", "balance", w("balance_ends", at=_local(held.empty_at, "%H:%M"), **said))]
    if held.balance_fen < least_fen:
        return [Condition("balance", "balance", w("balance_low", least=yuan(least_fen), **said))]
    return []


def _certificates(seen: Snapshot, w: AlertPhrases) -> list[Condition]:
    found = []
    for name, ends in sorted(seen.certificates.items()):
        days = (ends - seen.at).days
        if days < CERTIFICATE_DAYS:
            sentence = "certificate_over" if ends <= seen.at else "certificate"
            text = w(sentence, file=name, day=_local(ends, "%Y-%m-%d"), days=days)
            found.append(Condition(f"certificate:{name}"[:64], "certificate", text))
    return found


def of_workers(workers: list[Worker], settings: Settings) -> list[Condition]:
    """Whether workers live, as a web process sees it: none at all, or some that fell silent without being stopped."""
    w = AlertPhrases(settings.locale)
    silent = [worker for worker in workers if not worker.is_alive]
    alive = len(workers) - len(silent)
    if alive == 0:
        return [Condition("worker", "worker", w.no_worker)]
    if silent:
        hosts = ", ".join(sorted({worker.host for worker in silent}))[:100]
        return [Condition("worker", "worker", w("lost_worker", silent=len(silent), alive=alive, hosts=hosts))]
    return []


def _local(moment: datetime, form: str) -> str:
    return moment.astimezone(SHANGHAI).strftime(form)
