"""wxbot doctor against a real (simulated) WeChat: all well, and each fault found by its own check with a way to mend it."""

from __future__ import annotations

import ast
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from werkzeug.serving import make_server

from tests.conftest import simulator_settings
from tests.deployments import environment, settings_for
from tests.servers import SimulatedWeChat
from wxbot import doctor, heartbeat
from wxbot.app import create_app
from wxbot.cli import cli
from wxbot.db import Database
from wxbot.doctor import CHECKS, Finding, examine
from wxbot.heartbeat import Heartbeat
from wxbot.orders.models import LaneState
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.staff import accounts

CODE = "0123456789abcDEF"


def served(settings: Settings) -> Callable[[], None]:
    """Serve the web application of these settings; returns what stops it."""
    app = create_app(settings)
    server = make_server("127.0.0.1", int(settings.public_url.rpartition(":")[2]), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["wxbot.callback"].close()
        app.extensions["wxbot"].close()

    return stop


@pytest.fixture
def settings(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """A deployment whose own web application runs; the merchant's files are copies that a test may spoil."""
    for name in ("apiclient_cert.pem", "apiclient_key.pem"):
        copied = tmp_path / name
        copied.write_bytes((simulator.certs / name).read_bytes())
        copied.chmod(0o600)
    return simulator_settings(
        simulator,
        sqlite_url,
        redis_url,
        tmp_path,
        public_url=f"http://127.0.0.1:{free_port()}",
        mp_verify=CODE,
        pay_cert_file=tmp_path / "apiclient_cert.pem",
        pay_cert_key_file=tmp_path / "apiclient_key.pem",
    )


@pytest.fixture
def website(settings: Settings) -> Iterator[None]:
    """The web application, in this process."""
    stop = served(settings)
    yield
    stop()


def found(settings: Settings, *, with_worker: bool = False) -> dict[str, Finding]:
    """All findings by name."""
    with closing(Runtime(settings)) as runtime:
        if with_worker:
            Heartbeat(runtime.redis).beat()
        return {finding.name: finding for finding in examine(runtime)}


def change(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update=values)


def test_a_healthy_deployment_has_nothing_to_mend(settings: Settings, website: None) -> None:
    with closing(Runtime(settings)) as runtime:
        for role in ("marketer", "cashier", "admin"):
            accounts.hire(runtime.database, role, role, role, "correct-horse-battery-9", runtime.clock.now())
    findings = found(settings, with_worker=True)
    # The tests lay the schema without migrations; everything else is as in a real deployment.
    bad = {name: finding for name, finding in findings.items() if finding.is_bad and name != "schema"}
    assert not bad
    assert len(findings) == len(CHECKS) >= 15
    assert all(finding.zh and finding.en for finding in findings.values())
    assert all(finding.mend for finding in findings.values() if finding.is_bad)


def test_nothing_that_runs_is_all_named_with_how_to_mend_it(tmp_path: Path) -> None:
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    settings = settings_for("plain", address, f"redis://127.0.0.1:{free_port()}/0", tmp_path / "absent")
    findings = found(settings)
    expected = {
        "data_folder",
        "database",
        "schema",
        "redis",
        "worker",
        "key_files",
        "access_token",
        "clock",
        "callback_url",
    }
    assert expected <= {name for name, finding in findings.items() if finding.is_bad}
    assert all(finding.mend for finding in findings.values() if finding.is_bad)


def test_a_refused_address_is_named_with_the_page_to_mend_it(settings: Settings, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "account", {"ip_whitelist": ["203.0.113.9"]})
    try:
        finding = found(settings)["access_token"]
    finally:
        simulator.control("PUT", "account", {"ip_whitelist": []})
    assert finding.is_bad
    assert "40164" in finding.zh
    assert "127.0.0.1" in finding.mend
    assert "IP白名单" in finding.mend


def test_alerts_that_go_nowhere_or_cannot_be_read_are_named(settings: Settings) -> None:
    def seen(ways: str) -> Finding:
        return found(change(settings, alert_targets=SecretStr(ways)))["alert_targets"]

    assert seen("").verdict == "note"
    wrong = seen("json://alerts.example.com/x wecombot://")
    assert wrong.is_bad
    assert "2 (wecombot://…)" in wrong.zh
    fine = seen("json://user:hunter2@alerts.example.com/path?token=hunter3")
    assert fine.verdict == "good"
    assert "alerts.example.com" in fine.zh
    assert "hunter" not in str(fine.as_fields())


def test_wrong_secrets_are_told_apart(settings: Settings) -> None:
    findings = found(
        change(settings, appsecret=type(settings.appsecret)("0" * 32), pay_key=type(settings.pay_key)("0" * 32))
    )
    assert "WXBOT_APPSECRET" in findings["access_token"].mend
    assert findings["wechat_pay"].is_bad
    assert "WXBOT_PAY_KEY" in findings["wechat_pay"].mend


def test_a_key_that_others_can_read_is_bad_S61(settings: Settings) -> None:
    settings.pay_cert_key_file.chmod(0o644)
    finding = found(settings)["key_files"]
    assert finding.is_bad
    assert finding.mend == f"chmod 600 {settings.pay_cert_key_file}"


def test_a_key_of_another_certificate_is_found(settings: Settings) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    settings.pay_cert_key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    assert found(settings)["certificate_key"].is_bad


def test_files_that_are_no_certificate_are_a_sentence(settings: Settings) -> None:
    settings.pay_cert_file.write_bytes(b"not a certificate")
    findings = found(settings)
    for name in ("certificate_key", "certificate_owner", "certificate_expiry", "wechat_pay"):
        assert findings[name].is_bad, name


def test_another_merchants_certificate_is_found(settings: Settings) -> None:
    finding = found(change(settings, mch_id="1900009999"))["certificate_owner"]
    assert finding.is_bad
    assert "1900000001" in finding.zh


@pytest.mark.parametrize(("days", "verdict"), [(-1, "bad"), (5, "note"), (200, "good")])
def test_an_expiring_certificate_is_told_in_time_F56(settings: Settings, days: int, verdict: str) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, settings.mch_id)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days, hours=1))
    )
    from cryptography.hazmat.primitives import hashes

    settings.pay_cert_file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    assert found(settings)["certificate_expiry"].verdict == verdict


def test_a_callback_address_that_is_somebody_elses_is_found(settings: Settings, website: None) -> None:
    wrong = change(settings, callback_token=type(settings.callback_token)("anothertokenanother1"))
    assert found(wrong)["callback_url"].is_bad
    right = found(settings)
    assert not right["callback_url"].is_bad
    assert right["callback_guard"].verdict == "good"
    assert right["domain_proof"].verdict == "good"


def test_a_stopped_line_and_a_silent_worker_are_found(settings: Settings) -> None:
    with closing(Database(settings.database_url)) as database, database.transaction() as session:
        session.add(LaneState(mch_id=settings.mch_id, stopped_code="NOTENOUGH"))
    findings = found(settings)
    assert "NOTENOUGH" in findings["merchant_line"].zh
    assert findings["worker"].is_bad
    assert found(settings, with_worker=True)["worker"].verdict == "good"
    with closing(Runtime(settings)) as runtime:
        killed = heartbeat.workers(runtime.redis)[0]
        runtime.redis.expire(f"wxbot:worker:{killed.id}", heartbeat.KEEP_S - heartbeat.SILENT_S - 5)
    assert found(settings)["worker"].is_bad
    told = found(settings, with_worker=True)["worker"]
    assert told.verdict == "note"
    assert f"pid {killed.pid}" in told.zh


def test_a_redis_that_throws_keys_away_is_found(settings: Settings) -> None:
    with closing(Runtime(settings)) as runtime:
        runtime.redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            findings = {finding.name: finding for finding in examine(runtime)}
        finally:
            runtime.redis.config_set("maxmemory-policy", "noeviction")
    assert findings["redis_policy"].is_bad
    assert "noeviction" in findings["redis_policy"].mend


@pytest.mark.parametrize(
    ("public_url", "verdict"),
    [
        ("https://shop.example.com", "note"),
        ("https://203.0.113.9", "bad"),
        ("https://shop.example.com:8443", "bad"),
        ("https://shop.example.com/app", "bad"),
    ],
)
def test_an_address_that_cannot_be_an_oauth_domain_is_found(
    public_url: str, verdict: str, sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for("encrypted", sqlite_url, redis_url, tmp_path, public_url=public_url)
    with closing(Runtime(settings)) as runtime:
        assert CHECKS["oauth_domain"](runtime).verdict == verdict


def test_both_databases_are_judged(database_url: str, redis_url: str, tmp_path: Path) -> None:
    with closing(Runtime(settings_for("encrypted", database_url, redis_url, tmp_path))) as runtime:
        assert CHECKS["database"](runtime).verdict == "good"
        durable = CHECKS["durability"](runtime)
        assert durable.is_bad != runtime.database.is_sqlite  # the tests' PostgreSQL runs without fsync, on purpose


def test_the_command_prints_marks_and_json_and_returns_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env=environment(settings))
    told = runner.invoke(cli, ["doctor"])
    assert told.exit_code == 1
    assert "✗ 后台任务没有运行" in told.output
    assert "→ wxbot worker" in told.output
    assert "✓ 能取得 access_token" in told.output
    result = runner.invoke(cli, ["doctor", "--json"])
    seen = json.loads(result.stdout)
    assert (result.exit_code, seen["ok"]) == (1, False)
    assert {check["check"] for check in seen["checks"]} == set(CHECKS)
    for secret in (settings.appsecret, settings.pay_key, settings.callback_token, settings.secret_key):
        assert secret.get_secret_value() not in told.output + result.output


def test_the_command_names_wrong_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    assert result.exit_code == 1
    seen = json.loads(result.stdout)
    assert "WXBOT_SECRET_KEY" in seen["checks"][0]["en"]


@pytest.mark.parametrize(
    ("trusted", "seen", "verdict"), [(0, 0, "good"), (0, 1, "bad"), (1, 1, "good"), (1, 0, "bad"), (2, 1, "bad")]
)
def test_proxies_that_stand_in_front_are_those_of_the_settings(
    settings: Settings, trusted: int, seen: int, verdict: str
) -> None:
    changed = change(settings, trusted_proxies=trusted, public_url=f"http://127.0.0.1:{free_port()}")
    app = create_app(changed)

    def proxied(environ: dict[str, Any], start_response: Any) -> Any:
        """What nginx does: the header is the visitor's address, whatever the visitor wrote there."""
        if seen:
            environ["HTTP_X_FORWARDED_FOR"] = "192.0.2.7"
        return app.wsgi_app(environ, start_response)

    server = make_server("127.0.0.1", int(changed.public_url.rpartition(":")[2]), proxied, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with closing(Runtime(changed)) as runtime:
            finding = CHECKS["proxies"](runtime)
    finally:
        server.shutdown()
        server.server_close()
        app.extensions["wxbot"].close()
    assert finding.verdict == verdict
    assert verdict == "good" or "WXBOT_TRUSTED_PROXIES" in finding.mend


def test_every_way_to_mend_is_said_in_both_languages() -> None:
    """A command reads the same in both; whatever has Chinese words in it has its English beside it."""
    said_once = []
    for path in sorted(Path(doctor.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if not isinstance(call.func, ast.Name) or call.func.id not in ("bad", "note", "found"):
                continue
            if len(call.args) == 3 and not ast.unparse(call.args[2]).isascii():
                said_once.append(f"{path.name}:{call.lineno}")
    assert said_once == []
