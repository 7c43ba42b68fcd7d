"""Check of the database's lineage: is it frozen, and do its witnesses agree."""

from wxbot import lineage, witness
from wxbot.doctor.finding import Finding, bad, good, note
from wxbot.runtime import Runtime


def database_is_newest(runtime: Runtime) -> Finding:
    """The database is not frozen, and no witness of Redis or of the data folder is above it (docs/operations.md)."""
    with runtime.database.reading() as session:
        line = lineage.found(session)
    seen = witness.look(runtime, line.database_id)
    with runtime.database.reading() as session:  # after the witnesses, as everywhere
        line = lineage.found(session)
    highest = seen.highest
    if line.frozen_why is None and highest is not None and highest.generation > line.generation:
        return bad(
            f"见证是第 {highest.generation} 代，数据库才到第 {line.generation} 代：它是旧副本，启动后会冻结",
            f"a witness says generation {highest.generation}, the database has {line.generation}: it is an old copy and will freeze",
            "启动 wxbot，然后在后台 → 解冻 处理",
            "start wxbot, then thaw it on the console's page 解冻 (Thaw)",
        )
    if line.frozen_why is not None:
        refusal = f"；微信答复：{line.refusal}" if line.refusal else ""
        refusal_en = f"; WeChat said {line.refusal}" if line.refusal else ""
        return bad(
            f"数据库已冻结（{line.frozen_why}）：不付款、不备货、不抽奖{refusal}",
            f"the database is frozen ({line.frozen_why}): nothing is paid, stocked or drawn{refusal_en}",
            "看 wxbot thaw status；在后台 → 解冻 处理",
            "see wxbot thaw status; thaw it on the console's page 解冻 (Thaw)",
        )
    if line.generation and (highest is None or seen.lacks_some):
        return note(
            "Redis 或数据目录里还没有见证，下一次发送前会写上",
            "Redis or the data folder lacks the witness; it is written before the next order leaves",
            f"如果一直这样，检查 {runtime.settings.data_dir} 能否写入",
            f"if this stays, look whether {runtime.settings.data_dir} can be written",
        )
    kept = witness.file_path(runtime, line.database_id)
    others = [path.name for path in kept.parent.glob("witness-*.json") if path != kept]
    if others:
        return note(
            f"数据目录里有另一个数据库的见证（{len(others)} 个），不影响使用",
            f"the data folder holds witnesses of other databases ({len(others)}); they are not looked at",
        )
    return good(
        f"数据库是最新的（第 {line.generation} 代）", f"the database is the newest (generation {line.generation})"
    )
