"""The ways in which a campaign gives. MECHANICS is the only list of them: name → what campaigns and draws ask of it.

Campaigns and draws are below and cannot import this table: they look it up by name (campaigns.mechanic.table).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from wxbot.campaigns.mechanic import CampaignMechanic
from wxbot.draws import one_winner, outcomes
from wxbot.draws.mechanic import DrawMechanic
from wxbot.hall import console as hall_console
from wxbot.hall import days as hall_days
from wxbot.hall import draft as hall_draft
from wxbot.hall import faults as hall_faults
from wxbot.hall import forecast as hall_forecast
from wxbot.hall import page as hall_page
from wxbot.hall import steps as hall_steps
from wxbot.hall import terms as hall_terms
from wxbot.instant import answers as instant_answers
from wxbot.instant import card as instant_card
from wxbot.instant import console as instant_console
from wxbot.instant import days as instant_days
from wxbot.instant import draft as instant_draft
from wxbot.instant import draw_writer
from wxbot.instant import faults as instant_faults
from wxbot.instant import forecast as instant_forecast
from wxbot.instant import page as instant_page
from wxbot.instant import rules_page as instant_rules
from wxbot.instant import steps as instant_steps
from wxbot.instant import stock as instant_stock
from wxbot.instant import terms as instant_terms
from wxbot.instant import watch as instant_watch
from wxbot.instant import words as instant_words
from wxbot.shake import console, days, draft, faults, forecast, page, pool, shakes, steps, stock


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
        card=page.card,
        console_page="console/campaign_shake.html",
        console=console.shown,
        given=console.given,
        days=days.PART,
        figures="console/_figures_shake.html",
        read_stock=stock.read_stock,
        proof_key=shakes.shake_key,
        drawn_key=one_winner.drawn_key,
        recall=one_winner.recall,
        prove=shakes.prove,
        welcome=shakes.welcome,
        arrival="shake",
        arrival_word=shakes.ARRIVAL,
        hand_out=stock.hand_out,
        book=one_winner.book,
        answer=stock.answer,
        sentence=outcomes.sentence,
        page="h5/draw.html",
        page_state=page.page_state,
        stored=page.stored,
        person_state=page.person_state,
        mine=page.mine,
        rules="h5/rules.html",
        rules_facts=page.rules_facts,
        outside=page.OUTSIDE,
        has_afterwards=True,
        drew=page.drew,
        reached=page.reached,
    ),
    "instant": Mechanic(
        word=instant_console.WORD,
        draft=instant_draft.PART,
        forecast=instant_forecast.PART,
        faults=instant_faults.FAULTS,
        entrance=instant_faults.entrance,
        cautions=instant_faults.CAUTIONS,
        forget=instant_terms.forget,
        card=instant_card.card_of,
        is_drawn_by_us=True,
        steps=instant_steps.STEPS,
        lead=timedelta(),
        console_page="console/campaign_instant.html",
        console=instant_console.shown,
        given=instant_console.given,
        days=instant_days.PART,
        figures="console/_figures_instant.html",
        read_stock=instant_stock.read_stock,
        proof_key=instant_page.proof_key,
        drawn_key=instant_page.drawn_key,
        recall=instant_answers.recall,
        prove=instant_page.prove,
        proves_alone=True,
        welcome=instant_page.welcome,
        hand_out=instant_page.hand_out,
        book=draw_writer.book,
        answer=instant_answers.spoken,
        sentence=instant_words.sentence,
        page="h5/instant.html",
        page_state=instant_page.page_state,
        stored=instant_page.stored,
        person_state=instant_page.person_state,
        mine=instant_page.mine,
        rules="h5/rules_instant.html",
        rules_facts=instant_rules.rules_facts,
        outside=instant_page.OUTSIDE,
        drew=instant_watch.drew,
        reached=instant_watch.reached,
        people_by=instant_watch.people_by,
    ),
    "hall": Mechanic(
        word=hall_console.WORD,
        draft=hall_draft.PART,
        forecast=hall_forecast.PART,
        faults=hall_faults.FAULTS,
        entrance=hall_faults.entrance,
        cautions=hall_faults.CAUTIONS,
        forget=hall_terms.forget,
        card=hall_page.card,
        has_draws=False,
        is_drawn_by_us=True,
        steps=hall_steps.STEPS,
        lead=timedelta(),
        console_page="console/campaign_hall.html",
        console=hall_console.shown,
        given=instant_console.given,
        days=hall_days.PART,
        figures="console/_figures_hall.html",
        read_stock=hall_page.read_stock,
        proof_key=instant_page.proof_key,
        drawn_key=instant_page.drawn_key,
        recall=hall_page.recall,
        prove=hall_page.prove,
        welcome=hall_page.welcome,
        hand_out=hall_page.hand_out,
        book=hall_page.book,
        answer=hall_page.answer,
        sentence=hall_page.sentence,
        page="h5/hall_door.html",
        page_state=hall_page.page_state,
        stored=hall_page.stored,
        person_state=hall_page.person_state,
        mine=instant_page.mine,
        rules="h5/rules_instant.html",
        rules_facts=instant_rules.rules_facts,
        outside=hall_page.OUTSIDE,
        drew=hall_page.drew,
        reached=instant_watch.reached,
    ),
}
