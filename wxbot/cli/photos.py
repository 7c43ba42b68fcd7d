"""wxbot photos: where the photos of vouchers are, and moving them to where they should be."""

import click

from wxbot.cli.desk import act, friendly, log_action, looking, opened, show
from wxbot.cli.output import as_json, show_json
from wxbot.runtime import Runtime
from wxbot.settings import PhotoStore
from wxbot.vouchers import folders, moving
from wxbot.vouchers.storage import Storage, StorageProblem, folder_of, stores_of

STORES_ZH: dict[PhotoStore, str] = {"database": "数据库", "folder": "文件夹", "s3": "对象存储"}


@click.group()
def photos() -> None:
    """Photos of vouchers: where they are kept."""


def _stores(runtime: Runtime) -> dict[PhotoStore, Storage]:
    try:
        return stores_of(runtime)
    except StorageProblem as problem:
        raise click.ClickException(f"打不开存储：{problem}\nThe store cannot be opened: {problem}") from problem


@photos.command()
@as_json
@friendly
def status(is_json: bool) -> None:
    """Show how many files are in each store, and which folders have been used."""
    with looking() as runtime:
        chosen = runtime.settings.photo_store
        try:
            counts = {name: sum(1 for _ in store.list_keys()) for name, store in _stores(runtime).items()}
        except StorageProblem as problem:
            raise click.ClickException(f"读不出照片：{problem}\nThe photos cannot be listed: {problem}") from problem
        places = folders.known(runtime)
    if is_json:
        listed = [{"mark": each.mark, "host": each.host, "path": each.path, "at": each.started_at} for each in places]
        show_json({"chosen": chosen, "files": counts, "folders": listed})
        return
    rows = [(STORES_ZH[name], name, "✓" if name == chosen else "", count) for name, count in counts.items()]
    show("凭证照片 Photos of vouchers", ("存储", "store", "chosen", "文件数"), rows, "")
    if places:
        shown = [(each.mark, each.host, each.path, f"{each.started_at:%Y-%m-%d %H:%M}Z") for each in places]
        show("用过的文件夹 Folders in use", ("标记 mark", "主机 host", "路径 path", "启动 started"), shown, "")


@photos.command()
@friendly
def move() -> None:
    """Move what older settings left elsewhere (this machine's folder, the database, the bucket) to the chosen store.

    wxbot may run meanwhile. Interrupted, it goes on where it was. On several machines, run it on each.
    """
    with opened() as runtime:
        stores = _stores(runtime)
        chosen = runtime.settings.photo_store
        target = stores.pop(chosen)
        log_action(runtime, "photos_move", chosen)  # before the first file goes: killed half-way, some have moved
        for name, source in stores.items():
            _move_from(runtime, name, source, target)
    click.echo(f"照片现在在：{STORES_ZH[chosen]}。Photos are now in: {chosen}.")


def _move_from(runtime: Runtime, name: PhotoStore, source: Storage, target: Storage) -> None:
    counts: dict[str, int] = dict.fromkeys(moving.FATES, 0)
    try:
        for counts in moving.move_all(runtime, source, target):
            if sum(counts.values()) % 100 == 0:
                click.echo(f"{name}: {sum(counts.values())}", err=True)
    except StorageProblem as problem:
        raise click.ClickException(
            f"搬到一半停下了：{problem}。修好后再运行一次，会接着搬。\n"
            f"It stopped half-way: {problem}. Mend it and run the same command again: it goes on from here."
        ) from problem
    click.echo(
        f"{STORES_ZH[name]}：搬走 {counts['moved']}，删除已清除的 {counts['erased']}，保留 {counts['left']}\n"
        f"{name}: {counts['moved']} moved, {counts['erased']} of erased photos deleted, {counts['left']} left"
    )
    if name == "folder" and not counts["left"]:
        path = folder_of(runtime.settings)
        if (path / folders.MARK).exists():
            with runtime.database.transaction() as session:
                folders.forget(session, folders.mark_of(path))


@photos.command()
@click.argument("mark")
@friendly
def forget(mark: str) -> None:
    """Strike a folder from the list: its machine is gone, and its photos were moved or are lost."""
    with opened() as runtime, act(runtime, "photo_folder_forget", mark) as session:
        if not folders.forget(session, mark):
            raise click.ClickException(
                "没有这个标记，请看：wxbot photos status\nThere is no such mark; see: wxbot photos status"
            )
    click.echo("已划掉。Struck from the list.")
