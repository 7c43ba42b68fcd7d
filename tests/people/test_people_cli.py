"""wxbot people: what it prints and changes."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.deployments import settings_for
from tests.people.conftest import GUI
from wxbot.cli import cli
from wxbot.people.models import PersonMark, RosterEntry
from wxbot.private_servers import PrivateRedis
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.staff.models import AuditEvent


@pytest.fixture
def deployment(sqlite_url: str, redis_server: PrivateRedis, tmp_path: Path) -> Settings:
    return settings_for("encrypted", sqlite_url, redis_server.url, tmp_path)


def wxbot(settings: Settings, *words: str) -> tuple[int, str]:
    dumped = settings.model_dump().items()
    env = {
        f"WXBOT_{name.upper()}": str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
        for name, value in dumped
        if value is not None and not isinstance(value, dict)
    }
    result = CliRunner(env=env).invoke(cli, ["people", *words])
    return result.exit_code, result.output


def test_a_roster_comes_from_a_file_and_a_person_can_be_marked(deployment: Settings, tmp_path: Path) -> None:
    file = tmp_path / "名单.csv"
    file.write_text("姓名,手机号\n陈一,138 0013 8000\n坏,12\n", encoding="utf-8")
    code, said = wxbot(deployment, "import", str(file), "--dry-run")
    assert code == 0 and "第 3 行" in said and "没有改动" in said
    assert "已导入 1 人" in wxbot(deployment, "import", str(file))[1]
    assert wxbot(deployment, "mark", "block", "13800138000", "--reason", "离职")[0] == 0
    assert wxbot(deployment, "mark", "allow", GUI, "--reason", "合作方")[0] == 0
    code, said = wxbot(deployment, "show", "13800138000", "--json")
    assert code == 0 and json.loads(said)["marks"] == [{"mark": "block", "kind": "phone", "reason": "离职"}]
    assert wxbot(deployment, "unmark", "+86 13800138000")[0] == 0
    assert wxbot(deployment, "unmark", "13800138000")[0] == 1
    assert wxbot(deployment, "mark", "block", "x", "--reason", "y")[0] == 1
    file.write_text("甲,乙\n1,2\n", encoding="utf-8")
    assert "表头" in wxbot(deployment, "import", str(file))[1]
    with closing(Runtime(deployment)) as runtime, runtime.database.reading() as session:
        assert [row.name for row in session.scalars(select(RosterEntry))] == ["陈一"]
        assert [row.mark for row in session.scalars(select(PersonMark))] == ["allow"]
        actions = [row.action for row in session.scalars(select(AuditEvent))]
    assert actions == ["roster_import", "person_mark", "person_mark", "person_mark"]
