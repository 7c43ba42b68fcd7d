"""`wxbot doctor`: one look at everything a deployment needs, each with a sentence and how to mend it.

CHECKS is the list. A check returns a Finding and never raises; what it could not look at is a finding too.
"""

from collections.abc import Callable, Iterator

from wxbot.doctor import campaigns, connections, desk, ground, halls, lineage, merchant, payouts, secrets, wire
from wxbot.doctor.finding import Finding, trouble_of
from wxbot.runtime import Runtime

__all__ = ["CHECKS", "Finding", "examine"]

Check = Callable[[Runtime], Finding]

CHECKS: dict[str, Check] = {
    "profile": ground.profile,
    "data_folder": ground.data_folder,
    "disk_space": ground.disk_space,
    "database": ground.database_answers,
    "schema": ground.schema_is_current,
    "secret_key": secrets.secret_key,
    "former_keys": secrets.former_keys,
    "connections": connections.database_connections,
    "durability": ground.database_is_durable,
    "redis": ground.redis_answers,
    "redis_policy": ground.redis_keeps_everything,
    "worker": ground.worker_lives,
    "lineage": lineage.database_is_newest,
    "staff": ground.four_eyes,
    "key_files": merchant.key_files_are_private,
    "certificate_key": merchant.key_fits_certificate,
    "certificate_owner": merchant.certificate_is_the_merchants,
    "certificate_expiry": merchant.certificate_is_valid,
    "wechat_pay": merchant.wechat_pay_knows_us,
    "merchant_line": merchant.line_is_open,
    "payout_channels": payouts.payout_channels,
    "client_ip": payouts.client_ip,
    "v3_keys": payouts.v3_keys,
    "v3_answers": payouts.v3_answers,
    "transfer_notify": payouts.transfer_notify,
    "campaign_account": campaigns.account,
    "campaign_scene": campaigns.scene,
    "campaign_amounts": campaigns.amounts,
    "campaign_confirmations": campaigns.confirmations,
    "text_messages": desk.text_messages,
    "roster": desk.roster,
    "voucher_storage": desk.voucher_storage,
    "photo_reader": desk.photo_reader,
    "alert_targets": desk.alert_targets,
    "access_token": wire.access_token,
    "callback_ips": wire.callback_ips,
    "clock": wire.clock_agrees,
    "callback_url": wire.callback_url,
    "callback_guard": wire.callback_refuses_forgeries,
    "proxies": wire.proxies,
    "live": halls.live_answers,
    "oauth_domain": wire.oauth_domain,
    "domain_proof": wire.domain_proof,
}
"""Name → check, in the order in which a person would mend things."""


def examine(runtime: Runtime) -> Iterator[Finding]:
    """Run every check, one after the other, so that each can be shown as soon as it is known."""
    for name, check in CHECKS.items():
        try:
            yield check(runtime).named(name)
        except Exception as error:  # a check that stumbles is shown like one that fails, and the others still run
            yield trouble_of(error).named(name)
