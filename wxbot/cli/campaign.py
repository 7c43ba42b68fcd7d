"""wxbot campaign: look at campaigns and steer them, as the console does."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns import launch as launching
from wxbot.campaigns import listing, switch
from wxbot.campaigns.draft import faults_in, values_of
from wxbot.campaigns.draft_faults import cautions_of
from wxbot.campaigns.models import CAMPAIGN_STATUSES, PACKET_STATUSES, Campaign
from wxbot.campaigns.trouble import trouble_of
from wxbot.cli.desk import act, friendly, log_action, looking, opened, show
from wxbot.cli.output import as_json, show_json
from wxbot.clock import SHANGHAI
from wxbot.instant import archive as archives
from wxbot.instant import listed
from wxbot.linter.check import findings
from wxbot.linter.finding import REASONS
from wxbot.money import yuan
from wxbot.people.imports import lines_in
from wxbot.plurals import plural
from wxbot.text import Refusal

STATUSES_ZH = {
    "draft": "草稿",
    "submitted": "待审批",
    "approved": "已批准",
    "launching": "启动中",
    "on": "进行中",
    "off": "已暂停",
    "closing": "结束中",
    "closed": "已结束",
}

PACKETS_ZH = {
    "planned": "待下单",
    "ordered": "下单中",
    "ticketed": "已出票",
    "loaded": "可抽取",
    "bound": "已抽中",
    "received": "已领取",
    "returned": "已退回",
    "dropped": "已取消",
}

FAULTS_SHOWN = 50

which = click.argument("which", metavar="ID")


def _local(moment: datetime | None) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if moment else "—"


def _short(campaign: Campaign, moment: datetime) -> str:
    """A moment of a campaign; a half-written draft holds none that anybody chose."""
    return "—" if campaign.half_written is not None else moment.astimezone(SHANGHAI).strftime("%m-%d %H:%M")


def _found(session: Session, text: str) -> Campaign:
    """A campaign by its id or its slug."""
    query = select(Campaign).where(Campaign.id == int(text) if text.isdecimal() else Campaign.slug == text)
    campaign = session.scalar(query)
    if campaign is None:
        raise click.ClickException(
            f"没有活动 {text}，用 wxbot campaign list 查看。\nThere is no campaign {text}; wxbot campaign list shows all."
        )
    return campaign


def decoded(raw: bytes) -> str:
    """A text file as people in China save one: UTF-8, or what Windows writes."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def _trouble(campaign: Campaign) -> str | None:
    """Code and sentence, in both languages."""
    told = trouble_of(campaign)
    return None if told is None else f"{campaign.trouble} {told}"


def _as_fields(campaign: Campaign, tally: listing.Tally) -> dict[str, Any]:
    return {
        "id": campaign.id,
        "slug": campaign.slug,
        "name": campaign.name,
        "status": campaign.status,
        "is_half_written": campaign.half_written is not None,
        "begin_at": None if campaign.half_written is not None else campaign.begin_at,
        "end_at": None if campaign.half_written is not None else campaign.end_at,
        "budget_fen": campaign.budget_fen,
        "packet_count": campaign.packet_count,
        "trouble": _trouble(campaign),
        "packets": tally.n,
        "packets_fen": tally.amount_fen,
    }


@click.group()
def campaign() -> None:
    """Campaigns: look at them and steer them. ID is a campaign's number or its slug."""


@campaign.command("list")
@click.option("--status", "statuses", multiple=True, type=click.Choice(list(CAMPAIGN_STATUSES)), help="only these")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@as_json
@friendly
def list_campaigns(statuses: tuple[str, ...], limit: int, is_json: bool) -> None:
    """List campaigns, the newest first."""
    with looking() as runtime, runtime.database.reading() as session:
        found = listing.campaigns(session, owner_id=None, statuses=statuses, limit=limit)[:limit]
        tallies = listing.tallies(session, [each.id for each in found])
    if is_json:
        show_json([_as_fields(each, tallies[each.id]) for each in found])
        return
    rows = [
        (
            each.id,
            each.name or "未命名草稿",
            f"{STATUSES_ZH[each.status]} {each.status}",
            _short(each, each.begin_at),
            _short(each, each.end_at),
            yuan(each.budget_fen),
            f"{tallies[each.id].reached('bound')}/{each.packet_count}",
            _trouble(each),
        )
        for each in found
    ]
    columns = ("#", "活动", "状态", "开始", "结束", "预算 元", "已抽/总数", "问题")
    show(
        "活动 Campaigns", columns, rows, "还没有活动，请在后台新建。There is no campaign yet; draft one in the console."
    )


@campaign.command("show")
@which
@as_json
@friendly
def show_campaign(which: str, is_json: bool) -> None:
    """Show one campaign and where its packets stand."""
    with looking() as runtime, runtime.database.reading() as session:
        found = _found(session, which)
        tally = listing.tallies(session, [found.id])[found.id]
        url = f"{runtime.settings.public_url}/h5/c/{found.slug}"
    if is_json:
        show_json(_as_fields(found, tally) | {"url": url})
        return
    facts = (
        ("状态 Status", f"{STATUSES_ZH[found.status]} {found.status}: {CAMPAIGN_STATUSES[found.status]}"),
        (
            "时间 Window",
            "没写完 half-written"
            if found.half_written is not None
            else f"{_local(found.begin_at)} — {_local(found.end_at)}",
        ),
        ("预算 Budget", f"{yuan(found.budget_fen)} 元，{found.packet_count} 个红包"),
        ("页面 Page", url),
        ("问题 Trouble", _trouble(found) or "—"),
    )
    show(f"#{found.id} {found.name}", ("", ""), facts, "")
    rows = [
        (f"{PACKETS_ZH[status]} {status}", tally.n[status], yuan(tally.amount_fen.get(status, 0)), meaning)
        for status, meaning in PACKET_STATUSES.items()
        if tally.n.get(status)
    ]
    show("红包 Packets", ("状态", "个数", "金额 元", ""), rows, "还没有生成红包。No packet has been planned yet.")


def _steer(which: str, verb: Callable[[Session, int, int, datetime], None], action: str, said: str) -> None:
    """One verb with its line in the audit log, in one transaction; a refusal is logged, too."""
    with opened() as runtime:
        with runtime.database.reading() as session:
            found = _found(session, which)
        try:
            with act(runtime, action, f"campaign:{found.id}") as session:
                verb(session, found.id, 0, runtime.clock.now())
        except Refusal:
            log_action(runtime, action, f"campaign:{found.id}", "refused")
            raise
    click.echo(said.format(name=found.name))


@campaign.command()
@click.argument("file", type=click.File("rb"), required=False)
@click.option(
    "--draft", "draft_of", metavar="ID", help="judge this campaign's draft, also by what no text alone can show"
)
@as_json
@click.pass_context
@friendly
def lint(context: click.Context, file: BinaryIO | None, draft_of: str | None, is_json: bool) -> None:
    """Check texts before they are published, one a line (\\n within a line ends a line of the text); - reads standard input.

    Prints rule, line and column, and the reason. Ends with 1 when something must be changed (E-…); W-… should be looked at.
    With --draft the texts, prizes, hours and payments of a campaign as it is saved: rule, field and reason.
    """
    if (file is None) == (draft_of is None):
        raise click.UsageError("请给一个文件，或用 --draft 给一个活动。\nGive a file, or a campaign with --draft.")
    rows = _linted(file) if file is not None else _linted_draft(draft_of or "")
    if is_json:
        show_json([{name: value for name, value in row.items() if name not in ("at", "must")} for row in rows])
    for row in () if is_json else rows:
        click.echo(f"{row['rule']}  {row['at']}  {row['zh']}\n       {row['en']}")
    if not rows and not is_json:
        click.echo("没有发现问题。Nothing was found.")
    if any(row["must"] for row in rows):
        context.exit(1)


def _linted(file: BinaryIO) -> list[dict[str, Any]]:
    return [
        {
            "line": number,
            "rule": each.rule,
            "start": each.start,
            "end": each.end,
            "zh": each.text.zh,
            "en": each.text.en,
            "at": f"{number}:{each.start + 1}",
            "must": each.is_error,
        }
        for number, line in enumerate(decoded(file.read()).splitlines(), 1)
        for each in findings(line.replace("\\n", "\n"))
    ]


def _linted_draft(which: str) -> list[dict[str, Any]]:
    """Everything that a draft's page says of it, its rule where it is one of the linter's (else `draft`)."""
    with looking() as runtime, runtime.database.reading() as session:
        found = _found(session, which)
        faults = faults_in(session, found, runtime.clock.now())
        cautions = cautions_of(session, runtime.settings, values_of(found), found.id)
    return [
        {
            "field": each.field,
            "rule": each.reason if each.reason in REASONS else "draft",
            "zh": each.text.zh,
            "en": each.text.en,
            "at": each.field or "-",
            "must": must or each.reason.startswith("E-"),
        }
        for told, must in ((faults, True), (cautions, False))
        for each in told
    ]


@campaign.command()
@which
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@friendly
def archive(which: str, file: Path) -> None:
    """Write everything about an ended campaign into one file that checks itself: rules, draws, awards, people masked."""
    with looking() as runtime, runtime.database.reading() as session:
        found = _found(session, which)
        lines = archives.written(session, found, runtime.clock.now())
        try:
            with file.open("x", encoding="utf-8", newline="\n") as out:
                out.writelines(lines)
        except FileExistsError as error:
            raise click.ClickException(
                f"{file} 已经存在，请换一个文件名。\n{file} is there already; choose another name."
            ) from error
    click.echo(f"「{found.name}」已存档，请用 wxbot campaign verify 检查。Written; wxbot campaign verify checks it.")


@campaign.command()
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@as_json
@click.pass_context
def verify(context: click.Context, file: TextIO, is_json: bool) -> None:
    """Recompute every draw of an archive from its seed and rules, in order, and name each line that differs."""
    seen = archives.checked(file)
    if is_json:
        show_json(
            {name: getattr(seen, name) for name in ("draws", "wins", "amount_fen", "is_true")}
            | {"findings": [asdict(each) for each in seen.findings]}
        )
    for each in () if is_json else seen.findings[:FAULTS_SHOWN]:
        where = f"第 {each.line} 行 line {each.line}" + (f", k={each.k}" if each.k is not None else "")
        click.echo(f"✗ {where}, {each.what}: {each.found!r}，应为 expected {each.expected!r}")
    if not is_json and len(seen.findings) > FAULTS_SHOWN:
        click.echo(f"… {len(seen.findings):,}")
    if not is_json and seen.is_true:
        click.echo(
            f"✓ {seen.draws:,} 次抽奖、{seen.wins:,} 次中奖（{yuan(seen.amount_fen)} 元）全部与公布的规则和种子相符。\n"
            f"  All {seen.draws:,} {plural(seen.draws, 'draw', 'draws')} and {seen.wins:,} {plural(seen.wins, 'win', 'wins')} are what the published rules and seed give."
        )
    if not seen.is_true:
        context.exit(1)


@campaign.command()
@which
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="the list is these people and nobody else; only before the launch")
@as_json
@friendly
def allow(which: str, file: BinaryIO, replace: bool, is_json: bool) -> None:
    """Who may draw in a campaign that is open to its list only: an openid or a phone a line; - reads standard input.

    Says how many are new, how many were on the list, and which lines are neither. Phones are kept as blind indexes.
    """
    lines = list(lines_in((), decoded(file.read())))
    with opened() as runtime:
        with runtime.database.reading() as session:
            found = _found(session, which)
        detail: dict[str, Any] = {}
        with act(runtime, "campaign_allow", f"campaign:{found.id}", detail) as session:
            report = listed.read_in(session, runtime.vault, found.id, lines, replace=replace)
            detail |= {"added": report.added, "known": report.known, "faults": report.faults, "replaced": replace}
    if is_json:
        show_json({**asdict(report), "faults": report.faults})
        return
    click.echo(f"新增 {report.added:,} 人，已在名单 {report.known:,} 人，看不懂的 {report.faults:,} 行。")
    click.echo(
        f"{report.added:,} new, {report.known:,} {plural(report.known, 'was', 'were')} on the list, "
        f"{report.faults:,} {plural(report.faults, 'line is', 'lines are')} neither openid nor phone."
    )
    for number, text in report.faulty:
        click.echo(f"  {number}: {text}")


@campaign.command()
@which
@friendly
def launch(which: str) -> None:
    """Launch an approved campaign; the worker makes it ready: orders packets and switches the lottery on, or publishes the rules."""
    said = "「{name}」已启动，后台正在准备。Launched; the worker makes it ready."
    _steer(which, launching.launch, "campaign_launch", said)


@campaign.command()
@which
@friendly
def pause(which: str) -> None:
    """Stop new draws within a second."""
    _steer(which, switch.pause, "campaign_pause", "「{name}」已暂停。Paused: no new draws.")


@campaign.command()
@which
@friendly
def resume(which: str) -> None:
    """Let people draw again."""
    _steer(which, switch.resume, "campaign_resume", "「{name}」已恢复。Resumed: people can draw again.")


@campaign.command()
@which
@click.option("--yes", is_flag=True, help="do not ask")
@friendly
def close(which: str, yes: bool) -> None:
    """End a campaign for good; it cannot be opened again."""
    if not yes:
        click.confirm("结束后不能恢复，确定吗？A closed campaign cannot be opened again. Close it?", abort=True)
    said = "「{name}」正在结束，抽中的照样能领到期限。Closing: what was won can be collected until its deadline."
    _steer(which, switch.close, "campaign_close", said)
