"""wxbot people: the roster from a file, what is known of one person, and the block and allow lists."""

from pathlib import Path

import click
from sqlalchemy import select

from wxbot.cli.desk import act, friendly, looking, opened, operator, show
from wxbot.cli.erase import erase_person
from wxbot.cli.output import as_json, show_json
from wxbot.clock import SHANGHAI
from wxbot.people import bindings, marks, phones
from wxbot.people import roster as book
from wxbot.people.models import Binding, PersonMark
from wxbot.people.phones import BadPhone
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.staff import audit
from wxbot.staff.audit_words import MARK_WORDS

WAITS = "财务在后台“收款人待确认”里确认后才会付款。They are paid when a cashier has confirmed it in the console."
FATES_ZH = {"added": "新增", "changed": "更新", "back": "恢复", "same": "无变化", "again": "重复", "bad": "有误"}
KINDS_ZH = {"openid": "微信号", "phone": "手机号"}
STATUS_ZH = {"held": "待审核", "active": "已绑定", "ended": "已结束"}


@click.group()
def people() -> None:
    """Who may bind a phone and be paid."""


people.add_command(erase_person)


@people.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="only show what would change")
@friendly
def import_roster(file: Path, dry_run: bool) -> None:
    """Put the names and phones of an xlsx or csv FILE on the roster; bad rows are named and left out."""
    with (looking if dry_run else opened)() as runtime:
        now = runtime.clock.now()
        sheet = book.read(file.read_bytes())
        with runtime.database.reading() as session:
            preview = book.look(session, runtime.vault, sheet)
        for note in preview.notes:
            click.echo(str(note))
        for line in preview.lines:
            for fault in line.faults:
                click.echo(f"第 {line.number} 行 row {line.number}: {fault.text}")
        click.echo("，".join(f"{FATES_ZH[fate]} {n}" for fate, n in sorted(preview.counts.items())))
        if dry_run or not preview.good:
            click.echo("没有改动。Nothing was changed.")
            return
        rows = [(line.name, line.phone, line.department, line.note) for line in preview.good]
        detail: dict[str, int] = {}
        with act(runtime, "roster_import", "file", detail) as session:
            detail["rows"] = taken = book.put(session, runtime.vault, rows, None, now, preview.notes)
    click.echo(f"已导入 {taken} 人。Imported {taken} {plural(taken, 'person', 'people')}.")
    click.echo(WAITS)


def _kind(subject: str) -> tuple[str, str]:
    """('phone', E.164) or ('openid', the text) of what was typed."""
    try:
        return "phone", phones.normalise(subject)
    except BadPhone:
        return "openid", subject.strip()


@people.command("list")
@click.argument("wanted", default="", metavar="[TEXT]")
@click.option("--before", type=int, help="only those above this number: the next page of a long list")
@as_json
@friendly
def list_roster(wanted: str, before: int | None, is_json: bool) -> None:
    """The roster, the newest first, 50 at a time; TEXT is a whole phone or a part of a name. Phones stay masked."""
    with looking() as runtime, runtime.database.reading() as session:
        found = book.page(session, runtime.vault, wanted.strip(), before)
        told = [
            {
                "id": entry.id,
                "name": entry.name,
                "phone": _masked(runtime, entry.phone_sealed),
                "department": entry.department,
                "openid": openid,
                "is_active": entry.is_active,
            }
            for entry, openid in found[: book.PAGE_ROWS]
        ]
    next_before = told[-1]["id"] if len(found) > len(told) else None
    if is_json:
        show_json({"people": told, "next_before": next_before})
        return
    rows = [
        (one["id"], one["name"], one["phone"], one["department"], one["openid"], "" if one["is_active"] else "已移出")
        for one in told
    ]
    show("名册 Roster", ("#", "姓名", "手机号", "部门", "openid", ""), rows, "名册里没有。Nobody on the roster.")
    if next_before is not None:
        click.echo(f"还有更多：--before {next_before}。There are more: --before {next_before}")


@people.command("show")
@click.argument("subject")
@as_json
@friendly
def show_person(subject: str, is_json: bool) -> None:
    """What is known of SUBJECT, an openid or a phone: its bindings, newest first, and its marks. Phones stay masked."""
    kind, name = _kind(subject)
    with looking() as runtime, runtime.database.reading() as session:
        index = runtime.vault.index(name) if kind == "phone" else ""
        whose = Binding.phone_index == index if kind == "phone" else Binding.openid == name
        found = session.scalars(select(Binding).where(whose).order_by(Binding.id.desc()).limit(50)).all()
        keys = {name, index, *(row.openid for row in found), *(row.phone_index for row in found)} - {""}
        marked = session.scalars(select(PersonMark).where(PersonMark.subject.in_(keys))).all()
        told = [
            {
                "id": row.id,
                "openid": row.openid,
                "phone": _masked(runtime, row.phone_sealed),
                "name": row.name,
                "status": row.status,
                "end_reason": row.end_reason,
                "bound_at": row.bound_at,
                "ended_at": row.ended_at,
            }
            for row in found
        ]
    if is_json:
        show_json(
            {"bindings": told, "marks": [{"mark": row.mark, "kind": row.kind, "reason": row.reason} for row in marked]}
        )
        return
    rows = [
        (
            each["id"],
            each["name"],
            each["phone"],
            each["openid"],
            STATUS_ZH[str(each["status"])],
            row.proved_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M"),
        )
        for each, row in zip(told, found, strict=True)
    ]
    show("绑定 Bindings", ("#", "姓名", "手机号", "openid", "状态", "验证时间"), rows, "没有绑定。Nothing is bound.")
    for mark in marked:
        click.echo(f"{MARK_WORDS[mark.mark].zh} {mark.mark}（{KINDS_ZH[mark.kind]}）：{mark.reason}")


def _masked(runtime: Runtime, sealed: str) -> str:
    return phones.masked(runtime.vault.open(sealed)) if sealed else ""


@people.command("mark")
@click.argument("mark", type=click.Choice(sorted(marks.MARKS)))
@click.argument("subject")
@click.option("--reason", required=True, help="why; it is shown in the console")
@friendly
def put_mark(mark: str, subject: str, reason: str) -> None:
    """Put SUBJECT, an openid or a phone, on the block or the allow list; works at once."""
    kind, name = _kind(subject)
    with opened() as runtime:
        now = runtime.clock.now()
        with runtime.database.transaction() as session:
            mark_id = marks.put(session, runtime.vault, mark, kind, name, reason, None, now)
            detail = {"mark": mark, "kind": kind, "reason": reason}
            audit.record(session, operator(), "person_mark", f"mark:{mark_id}", now, detail=detail)
    click.echo("名单已更新。The list was updated.")
    if mark == "allow":
        click.echo(WAITS)


@people.command("unmark")
@click.argument("subject")
@friendly
def remove_mark(subject: str) -> None:
    """Take SUBJECT, an openid or a phone, off both lists."""
    kind, name = _kind(subject)
    with opened() as runtime:
        key = runtime.vault.index(name) if kind == "phone" else name
        with runtime.database.transaction() as session:
            mark_id = session.scalar(select(PersonMark.id).where(PersonMark.kind == kind, PersonMark.subject == key))
            if mark_id is None:
                raise click.ClickException("不在名单上。On neither list.")
            bindings.take_off_mark(session, runtime.vault, mark_id, operator(), runtime.clock.now())
    click.echo("已移出名单。Taken off.")
