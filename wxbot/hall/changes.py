"""What of a running hall may still change: a later end, and one prize more with the budget that it needs: for the screen, a rain, a race.

One person asks, a second one agrees to exactly what the page shows (I16), as for a campaign of instant draws (instant/changes).
Rows, published rules and the public log then change in one transaction behind the hall's lock. A prize of the evening itself is
for everybody: by now it is known who is in which group, and one with a single guest would name a winner. Codes lie ready before
anybody asks for their prize (`lay_codes`). A rain takes a seed of the chain that was committed to before anybody signed in, when it
begins (`games`): as long as there is one left.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns import draft_faults
from wxbot.campaigns.draft_form import plain, read_moment
from wxbot.campaigns.models import Campaign
from wxbot.hall import added_lost, allowed, journal, rules_text, seeds, steps
from wxbot.hall.draft import read_prizes
from wxbot.hall.log import Kind, LineBody, LogLine
from wxbot.hall.models import Hall
from wxbot.hall.seeds import SeedsLeft
from wxbot.instant import changes, codes, versions
from wxbot.instant.changes import Proposal
from wxbot.instant.decide import COST, most_fen
from wxbot.instant.models import InstantTerms, Prize
from wxbot.instant.prize_form import PRIZES_MAX
from wxbot.payouts import rule_changes
from wxbot.payouts.models import RuleChange
from wxbot.plurals import plural
from wxbot.staff import accounts
from wxbot.text import Faulty, Refusal, Text, fault
from wxbot.transitions import moved_on
from wxbot.vault import Vault

CHECKED = (
    *("mechanic", "name", "act_name", "organiser", "contact", "rules", "keyword", "begin_at", "end_at", "daily_from"),
    *("daily_until", "budget_fen", "terms"),
)
"""What the checks of a draft read of a campaign."""


UNNAMED = ("1", "2")
"""Stand for the two people in a line while the second one is still to agree."""


class HallAsked(TypedDict, total=False):
    """What somebody asks for; what is absent stays as it is."""

    end: int
    """The new end, Unix seconds."""
    prize: dict[str, Any]
    """The prize as a draft has it (hall/draft)."""


def read(form: Mapping[str, Any]) -> HallAsked:
    """What the form asks for: a new end, and the one row of a prize; what is empty asks for nothing. Raises Faulty."""
    asked: HallAsked = {}
    slips: list[Refusal] = []
    typed = str(form.get("end_at", ""))
    try:
        if plain(typed):
            asked["end"] = int(read_moment(typed).timestamp())
    except Refusal as slip:
        slips.append(fault("end_at", slip.text.zh, slip.text.en))
    try:
        for prize in read_prizes(form)[:1]:
            asked["prize"] = prize
    except Refusal as slip:
        slips.append(slip)
    if slips:
        raise Faulty(slips)
    return asked


def propose(session: Session, campaign: Campaign, hall: Hall, asked: Mapping[str, Any]) -> Proposal:
    """What the hall would be; changes nothing. A new prize is the last one. Raises Refusal where another one came in between."""
    prizes, drafted = versions.prizes_of(session, campaign.id), list(campaign.terms["prizes"])
    if len(prizes) != len(drafted):
        raise moved_on()
    if "prize" in asked:
        drafted.append(asked["prize"])
        prizes.append(steps.drafted_prize(campaign.id, len(drafted), drafted[-1]))
    end_at = datetime.fromtimestamp(asked["end"], UTC) if "end" in asked else campaign.end_at
    would_be = changes.copied(campaign, end_at=end_at, terms={**campaign.terms, "prizes": drafted})
    most = sum(most_fen(*attrgetter(*COST)(prize)) for prize in prizes)
    would_be.budget_fen = campaign.budget_fen if hall.is_rehearsal else max(campaign.budget_fen, most)
    config = versions.config_of(would_be, prizes)
    added = journal.evening(session, campaign.id).added | {prize.ordinal for prize in prizes if prize.id is None}
    terms = session.get_one(InstantTerms, campaign.id)
    text = rules_text.text_of(would_be, terms, hall, prizes, config, added)
    return Proposal(would_be, prizes, config, text, would_be.budget_fen - campaign.budget_fen)


def lines_of(campaign: Campaign, proposal: Proposal, names: Sequence[str] = UNNAMED) -> list[tuple[Kind, LineBody]]:
    """What the log will say of it, by the names of who asked and who agreed."""
    said: list[tuple[Kind, LineBody]] = []
    if proposal.campaign.end_at != campaign.end_at:
        before, until = (int(each.end_at.timestamp()) for each in (campaign, proposal.campaign))
        said.append(("prolonged", {"from": before, "until": until, "names": list(names)}))
    for prize, rules in _added(campaign, proposal):
        said.append(steps.added_line(prize, rules, names))
    return said


def _added(campaign: Campaign, proposal: Proposal) -> list[tuple[Prize, dict[str, Any]]]:
    """The prize that would be new, with its rules; none where only the end is another one."""
    known, drafted = len(campaign.terms["prizes"]), proposal.campaign.terms["prizes"]
    return list(zip(proposal.prizes[known:], drafted[known:], strict=True))


def may_change(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Whether a change can be asked for: while the hall runs, and behind an end that a restore may have left too early."""
    is_over = now >= campaign.end_at
    return campaign.status in changes.RUNNING and (not is_over or journal.evening(session, campaign.id).is_end_doubted)


def require(session: Session, campaign: Campaign, proposal: Proposal, now: datetime) -> None:
    """Raise Refusal, Faulty for all of it, when the hall cannot become what is proposed; also while a selection is fixed."""
    evening = journal.evening(session, campaign.id)
    changes.require_running(session, campaign, now, may_be_over=evening.is_end_doubted)
    said = lines_of(campaign, proposal)
    if not said:
        raise fault(
            "",
            "没有要改的内容：请填新的结束时间，或要加的奖品",
            "Nothing changes: give a later end, or a prize",
        )
    slips = [slip for prize, rules in _added(campaign, proposal) for slip in _of_added(prize, rules, seeds.of(evening))]
    if not campaign.terms.get("is_rehearsal"):
        slips += [slip for prize, _ in _added(campaign, proposal) for slip in _without_codes(session, prize)]
    if proposal.campaign.end_at < campaign.end_at:
        slips.append(fault("end_at", "结束时间只能往后延", "The end can only be put later"))
    # What was launched with it stays, whatever is asked since; but nobody is led from one wrong end to another.
    is_later = proposal.campaign.end_at != campaign.end_at
    before = {slip.text for slip in _faults(campaign, now) if not (is_later and slip.field == "end_at")}
    slips += [slip for slip in _faults(proposal.campaign, now) if slip.text not in before]
    if slips:
        raise Faulty(list({slip.text: slip for slip in slips}.values()))
    at = max(int(now.timestamp()), evening.at)
    for kind, body in said:
        line = LogLine(0, at, kind, body, "", "")
        allowed.require(evening, line)
        evening.take(line)


def _of_added(prize: Prize, rules: Mapping[str, Any], left: SeedsLeft) -> list[Refusal]:
    slips = []
    if prize.ordinal > PRIZES_MAX:
        slips.append(fault("prizes", f"最多 {PRIZES_MAX} 个奖品", f"At most {PRIZES_MAX} prizes"))
    if rules["groups"]:
        slips.append(fault("prizes", allowed.FOR_ALL.zh, allowed.FOR_ALL.en))
    rounds = -(-prize.stock // max(1, rules["per_selection"])) if rules["way"] == "selection" else 0
    if rounds > left.free:
        slips.append(Refusal("seeds", seeds.no_prize_text(left, rounds), "prizes"))
    return slips


def _without_codes(session: Session, prize: Prize) -> Iterator[Refusal]:
    missing = prize.stock - codes.ready(session, prize.campaign_id) if prize.kind == "code" else 0
    if missing > 0:
        yield fault(
            "prizes",
            f"还缺 {missing:,} 个卡密：请先点“导入卡密”备好，再提交",
            f"{missing:,} {plural(missing, 'code is', 'codes are')} missing: import them first (“Import codes”), then ask for the prize",
        )


def _faults(campaign: Campaign, now: datetime) -> list[Refusal]:
    return draft_faults.faults_of({name: getattr(campaign, name) for name in CHECKED}, now)


def _held(session: Session, campaign_id: int) -> tuple[Campaign, Hall]:
    """The campaign and its hall, until the end of the transaction; in the order of a worker's steps. Raises Refusal."""
    lock = {
        "key_share": True
    }  # as an update holds it: whoever has the hall may still write what belongs to the campaign
    campaign = session.get(Campaign, campaign_id, with_for_update=lock, populate_existing=True)
    hall = journal.lock(session, campaign_id)
    session.scalar(select(InstantTerms.campaign_id).where(InstantTerms.campaign_id == campaign_id).with_for_update())
    if campaign is None:
        raise Refusal("absent", Text("没有这个活动", "There is no such campaign"))
    return campaign, hall


def ask(session: Session, campaign_id: int, asked: HallAsked, staff_id: int, now: datetime) -> RuleChange:
    """Ask for a change; nothing changes before a second person agrees. Raises Refusal, also while another one waits."""
    campaign, hall = _held(session, campaign_id)
    accounts.require_tied(session, [staff_id])
    require(session, campaign, propose(session, campaign, hall, asked), now)
    return rule_changes.ask(session, changes.SUBJECT, campaign_id, asked, staff_id, now)


def lay_codes(
    session: Session,
    vault: Vault,
    campaign_id: int,
    lines: Iterable[tuple[int, str]],
    now: datetime,
    *,
    replace: bool = False,
) -> codes.CodeReport:
    """Read codes (line, code) in that lie ready for a prize to come; `replace`: these and no others.

    Raises Refusal when the hall does not run, and for a replacement while a prize that counts on them waits for the second person.
    """
    campaign, _ = _held(session, campaign_id)
    is_doubted = journal.evening(session, campaign_id).is_end_doubted  # a prize may be asked for with a later end
    changes.require_running(session, campaign, now, may_be_over=is_doubted)
    waiting = rule_changes.open_one(session, changes.SUBJECT, campaign_id)
    if replace and waiting is not None and waiting.asked.get("prize", {}).get("kind") == "code":
        raise Refusal(
            "waiting",
            Text(
                "有一个卡密奖项正等着批准，备好的卡密不能删：请先批准或撤回它",
                "A prize of codes waits for approval and counts on those that lie ready: have it approved or take it back first",
            ),
        )
    return codes.lay_ready(session, vault, campaign_id, lines, replace=replace)


def approve(session: Session, change_id: int, staff_id: int, seen_sha256: str, now: datetime) -> dict[str, Any]:
    """The second person agrees: budget, prize, end, published rules and log change together. Returns what the audit log says.

    Raises Refusal.
    """
    change = rule_changes.waiting(session, change_id, changes.SUBJECT)
    campaign, hall = _held(session, change.subject_id)
    proposal = propose(session, campaign, hall, change.asked)
    require(session, campaign, proposal, now)
    changes.require_approvable(session, change, staff_id, now)
    content = changes.content_of(change, campaign, proposal)
    rule_changes.agree(session, change, content, staff_id, seen_sha256, now)
    names = journal.names_of_two(session, change.requested_by, staff_id)
    for kind, body in lines_of(campaign, proposal, names):
        journal.require_and_append(session, hall, kind, body, now)
    changes.add_budget(session, campaign, proposal.more_fen, now)
    for prize, rules in _added(campaign, proposal):
        session.add(prize)
        session.flush()
        kept = steps.rules_of(prize, rules)
        session.add(kept)
        added_lost.is_there_again(hall, prize.name, kept)
        if prize.kind == "code" and not hall.is_rehearsal:
            codes.hand_over(session, prize)
    return changes.take_over(session, campaign, proposal, now)
