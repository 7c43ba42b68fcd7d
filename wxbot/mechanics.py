"""The ways in which a campaign gives. MECHANICS is the only list of them: name → what campaigns and draws ask of it.

Campaigns and draws are below and cannot import this table: they look it up by name (campaigns.mechanic.table).
"""

from dataclasses import dataclass
from typing import Final

from wxbot.campaigns.mechanic import CampaignMechanic
from wxbot.draws import one_winner, outcomes
from wxbot.draws.mechanic import DrawMechanic
from wxbot.shake import console, draft, faults, forecast, page, pool, shakes, steps, stock


@dataclass(frozen=True, kw_only=True, eq=False)
class Mechanic(CampaignMechanic, DrawMechanic):
    """One way to give."""


MECHANICS: Final[dict[str, Mechanic]] = {
    "shake": Mechanic(
        word=console.WORD,
        draft=draft.PART,
        forecast=forecast.PART,
        faults=faults.FAULTS,
        entrance=faults.beacons,
        cautions=faults.CAUTIONS,
        steps=steps.STEPS,
        lead=pool.LEAD,
        console_page="console/campaign_shake.html",
        console=console.shown,
        figures="console/_figures_shake.html",
        read_stock=stock.read_stock,
        proof_key=shakes.shake_key,
        drawn_key=one_winner.drawn_key,
        recall=one_winner.recall,
        prove=shakes.prove,
        welcome=shakes.welcome,
        hand_out=stock.hand_out,
        book=one_winner.book,
        answer=stock.answer,
        sentence=outcomes.sentence,
        page="h5/draw.html",
        page_state=page.page_state,
        mine=page.mine,
        rules="h5/rules.html",
        rules_facts=page.rules_facts,
        outside=page.OUTSIDE,
        reached=page.reached,
    ),
}
