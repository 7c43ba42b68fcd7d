"""What an instant campaign cannot do, beside the field of its draft."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import Caution, DraftCheck, Values
from wxbot.instant.article import faults_of_draft
from wxbot.instant.awards import NAMING, paid_texts
from wxbot.instant.codes import lacking
from wxbot.instant.conditions import empty_list, faults_of_limits
from wxbot.instant.decide import COST, most_fen
from wxbot.instant.models import ODDS_OF
from wxbot.instant.prize_form import of_row
from wxbot.instant.release import ReleaseSchedule
from wxbot.instant.terms import channel_of
from wxbot.linter.finding import REASONS
from wxbot.money import yuan
from wxbot.orders.channels import CHANNELS, CONFIRMED
from wxbot.orders.channels.transfer_bills import misfits
from wxbot.payouts.create import TEXTS
from wxbot.settings import Settings
from wxbot.text import Refusal, Text, fault
from wxbot.wechat.limits import TRANSFER_REPORT_CONTENT_CHARS

PRIZE_NAME_CHARS = 20
CLAIM_DAYS_MAX = 60
PRIZE_MAX_FEN = 5_000_000
"""50,000 yuan: the highest prize of a draw (anti-unfair-competition law)."""

STOCK_MAX = 10_000_000


def faults_of_rows(
    terms: Mapping[str, Any], of_prize: Callable[[Mapping[str, Any]], Iterable[Refusal]]
) -> Iterator[Refusal]:
    """What is wrong in the table of prizes, row by row; a table without a row is wrong."""
    prizes = terms.get("prizes", ())
    if not prizes:
        yield fault("prizes", "至少要有一个奖品", "There must be at least one prize")
    for number, prize in enumerate(prizes, 1):
        for slip in of_prize(prize):
            yield Refusal(slip.reason, Text(*of_row(number, slip)), "prizes")


def _prizes(values: Values, _now: datetime) -> Iterator[Refusal]:
    terms = values.get("terms")
    if terms is None:
        return
    yield from faults_of_rows(terms, lambda prize: faults_of_prize(prize, channel_of(terms)))
    if sum(prize["odds_ppm"] for prize in terms.get("prizes", ())) > ODDS_OF:
        yield fault("prizes", "各奖品的概率加起来超过 100%", "The odds of the prizes are more than 100 % together")


def faults_of_paid_texts(values: Values, _now: datetime) -> Iterator[Refusal]:
    """What WeChat would refuse in a payment (awards.payment_texts); what is only too long is cut there. A prize is named in it where
    the campaign says nothing itself, and a code is not paid."""
    terms = values.get("terms")
    if terms is None:
        return
    way = CHANNELS[channel_of(terms)]
    named = [(field, field, str(values.get(field) or "")) for field in TEXTS]
    if not str(values.get("remark") or "").strip():
        prizes = (prize for prize in terms.get("prizes", ()) if prize["kind"] == "money")
        named += [("prizes", "remark", prize["name"]) for prize in prizes]
    for field, name, said in named:
        wrong = way.text_fault(name, said) if said else None
        if wrong is not None and wrong.reason in ("wide", "characters"):
            yield fault(field, wrong.zh, wrong.en.capitalize())


def faults_of_prize(prize: Mapping[str, Any], channel: str) -> Iterator[Refusal]:
    """What one line of the prizes cannot be, paid by this channel; the field is not named."""
    if not prize["name"] or len(prize["name"]) > PRIZE_NAME_CHARS:
        yield fault("", f"名称为 1 到 {PRIZE_NAME_CHARS} 个字", f"A name has 1 to {PRIZE_NAME_CHARS} characters")
    if not 1 <= prize["stock"] <= STOCK_MAX:
        yield fault("", f"数量为 1 到 {STOCK_MAX:,}", f"1 to {STOCK_MAX:,} pieces")
    if not 0 <= prize["odds_ppm"] <= ODDS_OF:
        yield fault("", "概率为 0 到 100%", "Odds are 0 to 100 %")
    if prize["value_fen"] > PRIZE_MAX_FEN:
        most = yuan(PRIZE_MAX_FEN)
        dear = Text(f"奖品价值不得超过 {most} 元（法律规定）", f"By law a prize is worth at most {most} yuan")
        yield Refusal("E-06", dear)
    lowest_fen, highest_fen = CHANNELS[channel].amounts_fen
    if prize["kind"] == "money" and (prize["min_fen"] < lowest_fen or prize["max_fen"] > highest_fen):
        least, most, word = yuan(lowest_fen), yuan(highest_fen), CHANNELS[channel].word
        odd = Text(f"{word.zh}每笔为 {least} 到 {most} 元", f"One {word.en} is between {least} and {most} yuan")
        yield Refusal("E-10", odd)
    if prize["min_fen"] > prize["max_fen"]:
        yield fault("", "最小金额不能大于最大金额", "The least amount is above the most")
    if prize["split"] == "exact" and not (
        prize["min_fen"] * prize["stock"] <= prize["total_fen"] <= prize["max_fen"] * prize["stock"]
    ):
        yield fault("", "总额分不成这么多份", "The total cannot be split into so many parts")
    try:
        ReleaseSchedule.read(prize["release"])
    except ValueError:
        yield fault("", "投放计划不正确", "The release schedule is not valid")


def not_covered(values: Values, _now: datetime) -> Iterator[Refusal]:
    """A budget that the prizes can use up before all are given."""
    terms, budget_fen = values.get("terms"), values.get("budget_fen")
    if terms is None or budget_fen is None:
        return
    cost_fen = sum(most_fen(*itemgetter(*COST)(prize)) for prize in terms.get("prizes", ()))
    if cost_fen > budget_fen:
        yield fault(
            "budget",
            f"所有奖品发完要 {yuan(cost_fen)} 元，预算不够",
            f"All prizes together cost {yuan(cost_fen)} yuan: the budget is too small",
        )


def faults_of_claim(values: Values, _now: datetime) -> Iterator[Refusal]:
    """A time to collect that is too short or too long."""
    claim_s = values.get("terms", {}).get("claim_s")
    if claim_s is not None and not 86_400 <= claim_s <= CLAIM_DAYS_MAX * 86_400:
        yield fault("claim_days", f"兑奖期限为 1 到 {CLAIM_DAYS_MAX} 天", f"1 to {CLAIM_DAYS_MAX} days")


def entrance(_values: Values, _now: datetime) -> Iterator[Refusal]:
    """The campaign's own link is always a way in."""
    yield from ()


FAULTS: tuple[DraftCheck, ...] = (
    _prizes,
    faults_of_paid_texts,
    faults_of_draft,
    not_covered,
    faults_of_claim,
    faults_of_limits,
)


def misreported(_session: Session, settings: Settings, values: Values, _campaign_id: int | None) -> Iterator[Refusal]:
    """What the deployment would report of this campaign's transfers, and WeChat not take (E-09)."""
    terms = values.get("terms")
    if not terms or channel_of(terms) not in CONFIRMED:
        return
    told = set[tuple[str, str]]()
    for prize in (prize for prize in terms.get("prizes", ()) if prize["kind"] == "money"):
        texts = paid_texts({name: str(values.get(name) or "") for name in NAMING}, prize["name"], channel_of(terms))
        told |= set(misfits(settings, texts))
    for item, said in sorted(told):
        yield Refusal("E-09", misreport(item, said), "act_name")


def misreport(item: str, said: str) -> Text:
    """Why WeChat would not take this as a report's content."""
    found = REASONS["E-09"]
    return found.format(item=item, found=said, size=len(said), least=1, most=TRANSFER_REPORT_CONTENT_CHARS)


CAUTIONS: tuple[Caution, ...] = (empty_list, lacking, misreported)
