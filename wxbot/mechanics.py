"""The ways in which a campaign gives. MECHANICS is the only list of them: name → what campaigns and draws ask of it.

Campaigns and draws are below and cannot import this table: they look it up by name (campaigns.mechanic.table).
"""

from dataclasses import dataclass
from typing import Final

from wxbot.campaigns.mechanic import CampaignMechanic
from wxbot.draws.mechanic import DrawMechanic
from wxbot.shake import console, faults, pool, shakes, steps, stock


@dataclass(frozen=True, kw_only=True)
class Mechanic(CampaignMechanic, DrawMechanic):
    """One way to give."""


MECHANICS: Final[dict[str, Mechanic]] = {
    "shake": Mechanic(
        faults=faults.FAULTS,
        entrance=faults.beacons,
        cautions=faults.CAUTIONS,
        steps=steps.STEPS,
        lead=pool.LEAD,
        console_part="console/_campaign_shake.html",
        console=console.shown,
        read_stock=stock.read_stock,
        proof_key=shakes.shake_key,
        prove=shakes.prove,
        welcome=shakes.welcome,
        hand_out=stock.hand_out,
        parameters=stock.parameters,
    ),
}
