"""A campaign as a phone would meet it, drawn from by the decision of the real draws, of which nothing is kept.

A test draw is a pure function of the draft, a seed that is thrown away, its number and what the marketer wants to see: no row, no
key, no stock. Each is decided as the first one is, with all of the stock out, so that the odds seen are those of the draft.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from wxbot.campaigns import draft
from wxbot.campaigns.models import Campaign
from wxbot.draws.outcomes import HTTP_STATUS, Outcome
from wxbot.instant import answers, article, award_shown, award_words, pictures, versions, words
from wxbot.instant.conditions import is_word
from wxbot.instant.decide import Amounts, DrawDecision, PrizeRule, Rules, decide, dice
from wxbot.instant.faults import CLAIM_DAYS_MAX
from wxbot.instant.forecast import rules_of
from wxbot.instant.models import InstantTerms, Prize
from wxbot.instant.owe import first_status
from wxbot.instant.release import DAY_S
from wxbot.instant.terms import OWN, channel_of, claim_s_of
from wxbot.orders.channels import CHANNELS
from wxbot.text import Refusal, Text

NUMBERS = 10**9
"""Test draws are numbered below this; a page begins anywhere."""

PARTS_MOST = 200
"""Into so many amounts an exact total is split at most: enough to see what they are like."""

CODE = "TEST-0000-0000"
"""Stands where a winner sees their code."""

BY_ODDS = ""
BY_ODDS_TEXT = Text("按概率抽", "By the odds")

UNREADY = Text("先把奖品、概率和活动时间填好并保存，再来预览。", "Fill in and save prizes, odds and times first.")


@dataclass(frozen=True)
class CampaignPreview:
    """One campaign that is looked at. `campaign`, `terms` and `prizes` are rows that no session knows."""

    campaign: Campaign
    terms: InstantTerms
    prizes: tuple[Prize, ...]
    rules: Rules
    seed: str

    @property
    def tries(self) -> int:
        """How many tries a person who has just come has; a test draw uses none."""
        return max(1, min(self.campaign.tries_per_person, self.campaign.tries_per_day))

    @property
    def values_fen(self) -> dict[str, int]:
        """Ordinal → what one piece is worth."""
        return {str(prize.ordinal): prize.value_fen for prize in self.prizes}

    def rules_text(self, language: str) -> Mapping[str, Any]:
        """The published rules as they would read."""
        text = article.text_of(self.campaign, self.terms, self.prizes, versions.config_of(self.campaign, self.prizes))
        read: Mapping[str, Any] = text[language]
        return read


_TEXTS = ("act_name", "organiser", "contact", "rules", "send_name", "wishing")
_FIGURES = ("begin_at", "end_at", "daily_from", "daily_until", "tries_per_person", "tries_per_day")


def read(session: Session, campaign: Campaign, seed: str, now: datetime) -> CampaignPreview:
    """The campaign as it stands, drafts as they were saved last. Raises Refusal when its prizes cannot be drawn yet."""
    if campaign.status == "draft":
        for slip in draft.faults_in(session, campaign, now):
            if slip.field == "prizes":
                raise slip
    values = draft.values_of(campaign)
    if rules_of(values) is None:
        raise Refusal("unready", UNREADY)
    own = values["terms"]
    shown = Campaign(
        id=campaign.id,
        slug=campaign.slug,
        **{name: values.get(name, "") for name in _TEXTS},
        **{name: values.get(name, 1) for name in _FIGURES},
    )
    given = {name: own[name] for name in OWN if name in own} | {"look": pictures.look_of(campaign)}
    usual = {
        "channel": channel_of(given),
        "skin": "wheel",
        "is_allow_only": False,
        "needs_binding": False,
        "carry": False,
    }
    claim_s = min(max(claim_s_of(given), 1), CLAIM_DAYS_MAX * DAY_S)
    terms = InstantTerms(campaign_id=campaign.id, seed_sha256="", **(usual | given | {"claim_s": claim_s}))
    prizes = tuple(
        Prize(campaign_id=campaign.id, ordinal=ordinal, left=prize["stock"], **prize)
        for ordinal, prize in enumerate(own["prizes"], 1)
    )
    return CampaignPreview(shown, terms, prizes, Rules.read(versions.config_of(shown, prizes)), seed)


# --- what can be asked for ----------------------------------------------------------------------------------------


def wishes(preview: CampaignPreview, language: str) -> list[tuple[str, str]]:
    """(wish, its name) of all that a draw of this campaign can end in: by the odds, each prize, each way to win nothing."""
    terms = preview.terms
    ends = [Outcome.LOST, Outcome.RAN_OUT]
    if any(rule.release.way != "once" for rule in preview.rules.prizes):
        ends.append(Outcome.NOT_RELEASED)
    for is_there, outcome in (
        (preview.tries < preview.campaign.tries_per_person, Outcome.NO_TRIES_TODAY),
        (True, Outcome.NO_TRIES_LEFT),
        (terms.gap_s, Outcome.TOO_SOON),
        (terms.wins_per_day, Outcome.WON_TODAY),
        (terms.wins_per_person, Outcome.WON_ENOUGH),
        (terms.winners_per_day, Outcome.DAY_FULL),
        (terms.needs_binding, Outcome.UNBOUND),
        (terms.is_allow_only, Outcome.NOT_LISTED),
        (True, Outcome.SOLD_OUT),
    ):
        if is_there:
            ends.append(outcome)
    prizes = [(str(rule.ordinal), rule.name) for rule in preview.rules.prizes]
    return [
        (BY_ODDS, BY_ODDS_TEXT.within(language)),
        *prizes,
        *((outcome.value, words.sentence(outcome, language)[0]) for outcome in ends),
    ]


# --- one draw -----------------------------------------------------------------------------------------------------


def drawn(preview: CampaignPreview, k: int, wish: str) -> tuple[Outcome, PrizeRule | None, int]:
    """What test draw k ends in, the prize it wins, and how much that is in fen; the same for ever for the same wish."""
    rules = preview.rules
    stock = [rule.stock for rule in rules.prizes]
    if wish.isdigit() and 1 <= int(wish) <= len(stock):
        decision = DrawDecision("won", int(wish) - 1)
    elif wish in {name for name, _ in wishes(preview, "zh")} - {BY_ODDS}:
        return Outcome(wish), None, 0
    else:
        decision = decide(rules, [0] * len(stock), stock, dice(preview.seed, rules.campaign_id, k, str(k)))
    if decision.place is None:
        return Outcome.LOST, None, 0
    small = replace(rules, prizes=tuple(map(_small, rules.prizes)))
    given = k % small.prizes[decision.place].stock
    amount_fen = Amounts(small, preview.seed).of(decision.place, given, k, str(k))
    return Outcome.WON, rules.prizes[decision.place], amount_fen


def _small(rule: PrizeRule) -> PrizeRule:
    """The prize with as little stock as shows its amounts; an exact total is split into that many."""
    stock = min(rule.stock, PARTS_MOST)
    total_fen = min(max(rule.total_fen * stock // rule.stock, rule.min_fen * stock), rule.max_fen * stock)
    return replace(rule, stock=stock, total_fen=total_fen)


def number_of(nonce: str) -> int:
    """The number of a test draw, whatever stands there."""
    return int(nonce) % NUMBERS if nonce.isascii() and nonce.isdigit() and len(nonce) <= 9 else 0


def answer(
    preview: CampaignPreview, nonce: str, wish: str, password: str, language: str, now: datetime
) -> tuple[int, dict[str, Any]]:
    """An HTTP status and what the page's script is told of a draw, in the shape of the real answer."""
    k = number_of(nonce)
    outcome, prize, amount_fen = drawn(preview, k, wish)
    if not is_word(preview.terms.password or "", password):
        outcome = Outcome.WRONG_PASSWORD
    title, text = words.sentence(outcome, language)
    following = str((k + 1) % NUMBERS)
    said: dict[str, Any] = {"outcome": outcome, "title": title, "text": text}
    if outcome not in (Outcome.WON, Outcome.LOST, Outcome.RAN_OUT, Outcome.NOT_RELEASED):
        return HTTP_STATUS.get(outcome, 409), said | {"nonce": nonce}
    told = answers.Answer(outcome, k, following, preview.tries)
    if outcome is Outcome.WON and prize is not None:
        status = first_status(prize.kind)
        told = replace(
            told,
            ordinal=prize.ordinal,
            name=prize.name,
            kind=prize.kind,
            amount_fen=amount_fen,
            award=_award_id(k, wish, status),
            deadline=int((now + timedelta(seconds=preview.terms.claim_s)).timestamp()),
            status=status,
        )
    line = told.booked(is_new=True).handed_out or ""
    return 200, {**said, **answers.spoken(line, "", language)}


# --- what a winner sees -------------------------------------------------------------------------------------------

AFTER: dict[str, dict[str, str]] = {
    "collect": {"open": "preparing"},
    "state": {"preparing": "sent"},
    "look": {"sent": "paid"},
}
"""What a tap, a question and the way back from WeChat's page make of an award; its state stands in its name."""


def _award_id(k: int, wish: str, state: str) -> str:
    return f"{k}-{wish or 'odds'}-{state}"


def award(preview: CampaignPreview, award_id: str, asked: str, language: str, now: datetime) -> dict[str, Any] | None:
    """The award of a test draw after a step (a key of AFTER), as its sheet shows it; None for what is none."""
    nonce, _, rest = award_id.partition("-")
    wish, _, state = rest.partition("-")
    wish = BY_ODDS if wish == "odds" else wish
    _, prize, amount_fen = drawn(preview, number_of(nonce), wish)
    if prize is None:
        return None
    state = AFTER[asked].get(state, state)
    deadline_at = now + timedelta(seconds=preview.terms.claim_s)
    views = {
        "open": award_words.AwardView("open", award_words.to_collect(deadline_at)),
        "preparing": award_words.AwardView("preparing", award_words.PREPARING),
        "sent": award_words.sent(preview.terms.channel, now + CHANNELS[preview.terms.channel].life),
        "paid": award_words.AwardView("paid", award_words.PAID),
        "given": award_words.AwardView("given", award_words.GIVEN),
    }
    view = views.get(state)
    if view is None or (state == "given") != (prize.kind == "code"):
        return None
    found = {"id": _award_id(number_of(nonce), wish, state), "name": prize.name, "ordinal": prize.ordinal}
    found |= award_shown.sheet(view, prize.kind, amount_fen, deadline_at, language)
    return found | {"code": CODE} if prize.kind == "code" else found
