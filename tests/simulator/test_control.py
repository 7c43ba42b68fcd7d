"""The control API: clock, account, faults, log, switches, worlds, and the program itself."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from wxbot.simulator.config import SimulatorConfig
from wxbot.simulator.server import Simulator

from .conftest import Web


def put_fault(web: Web, endpoint: str, **values: Any) -> None:
    assert web.put(f"/_sim/faults/{endpoint}", json=values).status_code == 200


def list_ips(web: Web, token: str) -> dict[str, Any]:
    return dict(web.get("/cgi-bin/getcallbackip", params={"access_token": token}).json())


def test_clock_moves_and_every_reply_is_dated_by_it(web: Web) -> None:
    before = web.get("/_sim/clock").json()
    after = web.post("/_sim/clock", json={"advance_s": 86_400}).json()
    assert after["offset_s"] == pytest.approx(before["offset_s"] + 86_400)
    dated = parsedate_to_datetime(web.get("/cgi-bin/nothing").headers["Date"]).timestamp()
    assert abs(dated - after["now"]) < 30
    assert web.post("/_sim/clock", json={"offset_s": 0}).json()["offset_s"] == 0
    assert web.post("/_sim/clock", json={"advance_s": "soon"}).status_code == 400


def test_account_is_shown_and_changed(web: Web) -> None:
    shown = web.get("/_sim/account").json()
    assert shown["appid"] == "wx0123456789abcdef"
    assert shown["urls"]["api_base"].startswith("http://")
    assert Path(shown["certificates"]["client_key"]).exists()
    changed = web.put("/_sim/account", json={"callback_mode": "plain", "oauth_domains": ["a.example.test"]}).json()
    assert changed["callback_mode"] == "plain"
    for wrong in ({"callback_mode": "secret"}, {"aes_key": "short"}, {"unheard": 1}, {"appid": 5}):
        assert web.put("/_sim/account", json=wrong).status_code == 400


def test_people_are_made_listed_and_changed(web: Web) -> None:
    made = web.post("/_sim/people", json={"count": 3}).json()["people"]
    assert len({person["openid"] for person in made}) == 3
    assert all(re.fullmatch(r"o[\w-]{27}", person["openid"]) for person in made)
    assert len(web.get("/_sim/people").json()["people"]) == 3
    changed = web.patch(f"/_sim/people/{made[0]['id']}", json={"is_snapshot": True}).json()
    assert changed["is_snapshot"] is True
    assert web.patch(f"/_sim/people/{made[0]['id']}", json={"is_snapshot": "yes"}).status_code == 400
    assert web.get("/_sim/people/99").status_code == 404
    assert web.post("/_sim/people", json={"count": 0}).status_code == 400


def test_session_makes_this_browser_somebodys_phone(web: Web) -> None:
    person = web.post("/_sim/people", json={}).json()["people"][0]
    web.post(f"/_sim/people/{person['id']}/session")
    assert web.cookies["sim_person"] == str(person["id"])


def test_switches_are_described_and_typed(web: Web) -> None:
    switches = web.get("/_sim/switches").json()["switches"]
    assert [each["name"] for each in switches if not each["meaning"] or not each["section"]] == []
    assert web.put("/_sim/switches", json={"replies_after_message": 20}).status_code == 200
    assert web.put("/_sim/switches", json={"replies_after_message": True}).status_code == 400
    assert web.put("/_sim/switches", json={"unheard": 1}).status_code == 400


# -- faults


def test_refuse_with_any_code_so_many_times(web: Web, token: str) -> None:
    put_fault(web, "cgi-bin/getcallbackip", kind="refuse", err_code=48001, times=2)
    codes = [list_ips(web, token).get("errcode") for _ in range(3)]
    assert codes == [48001, 48001, None]


def test_refused_after_it_took_effect(web: Web, simulator: Simulator, token: str) -> None:
    put_fault(web, "cgi-bin/menu/create", kind="refuse", err_code=-1, is_landed=True)
    menu = {"button": [{"type": "click", "name": "a", "key": "k"}]}
    reply = web.post("/cgi-bin/menu/create", params={"access_token": token}, json=menu)
    assert reply.json()["errcode"] == -1
    assert simulator.world.menu.button is not None


@pytest.mark.parametrize("is_landed", [False, True])
def test_slow_before_or_after_it_takes_effect(web: Web, simulator: Simulator, token: str, is_landed: bool) -> None:
    put_fault(web, "cgi-bin/menu/create", kind="slow", seconds=3, is_landed=is_landed)
    menu = {"button": [{"type": "click", "name": "a", "key": "k"}]}
    with pytest.raises(requests.Timeout):
        web.post("/cgi-bin/menu/create", params={"access_token": token}, json=menu, timeout=0.3)
    assert (simulator.world.menu.button is not None) is is_landed


@pytest.mark.parametrize(("kind", "is_made"), [("drop_request", False), ("drop_reply", True)])
def test_dropped(web: Web, simulator: Simulator, token: str, kind: str, is_made: bool) -> None:
    put_fault(web, "cgi-bin/menu/create", kind=kind)
    menu = {"button": [{"type": "click", "name": "a", "key": "k"}]}
    with pytest.raises(requests.ConnectionError):
        web.post("/cgi-bin/menu/create", params={"access_token": token}, json=menu)
    assert (simulator.world.menu.button is not None) is is_made


def test_garbled_reply_is_no_json(web: Web, token: str) -> None:
    put_fault(web, "*", kind="garble")
    reply = web.get("/cgi-bin/getcallbackip", params={"access_token": token})
    with pytest.raises(ValueError, match=r".*"):
        json.loads(reply.content)


def test_a_whole_reply_may_come_as_text_and_a_gateway_may_answer_instead(web: Web, token: str) -> None:
    put_fault(web, "*", kind="as_text", times=1)
    reply = web.get("/cgi-bin/getcallbackip", params={"access_token": token})
    assert (reply.headers["Content-Type"], bool(reply.json()["ip_list"])) == ("text/plain", True)
    put_fault(web, "*", kind="gateway_page", times=1)
    reply = web.get("/cgi-bin/getcallbackip", params={"access_token": token})
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html") and reply.text.startswith("<html>")


def test_repeated_call_happens_twice(web: Web, simulator: Simulator, token: str) -> None:
    put_fault(web, "cgi-bin/qrcode/create", kind="repeat")
    body = {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "s"}}}
    web.post("/cgi-bin/qrcode/create", params={"access_token": token}, json=body)
    assert len(simulator.world.qrcodes.by_ticket) == 2


def test_invalidated_token(web: Web, token: str) -> None:
    put_fault(web, "cgi-bin/getcallbackip", kind="token_invalidated", times=1)
    assert list_ips(web, token)["errcode"] == 40001
    assert list_ips(web, token)["errcode"] == 40001


def test_slow_call_still_answers(web: Web, token: str) -> None:
    put_fault(web, "cgi-bin/getcallbackip", kind="slow", seconds=0.2)
    began = time.monotonic()
    assert "ip_list" in list_ips(web, token)
    assert time.monotonic() - began >= 0.2


def test_reordered_call_waits_for_the_next(web: Web, simulator: Simulator, token: str) -> None:
    put_fault(web, "cgi-bin/getcallbackip", kind="reorder", seconds=20, times=1)
    order: list[str] = []

    def call(name: str) -> None:
        with Web(simulator.http_url) as own:
            list_ips(own, token)
        order.append(name)

    first = threading.Thread(target=call, args=("first",))
    first.start()
    while not simulator.world.faults.by_endpoint["/cgi-bin/getcallbackip"].hits:
        time.sleep(0.005)
    call("second")
    first.join()
    assert order == ["second", "first"]


def test_faults_are_listed_removed_and_checked(web: Web, token: str) -> None:
    put_fault(web, "*", kind="refuse", rate=0.0)
    assert "ip_list" in list_ips(web, token)
    assert web.get("/_sim/faults").json()["faults"]["*"]["kind"] == "refuse"
    assert web.delete("/_sim/faults/*").json()["faults"] == {}
    put_fault(web, "cgi-bin/token", kind="slow")
    assert web.delete("/_sim/faults").json()["faults"] == {}
    for wrong in ({"kind": "sulk"}, {"kind": "slow", "seconds": -1}, {"kind": "slow", "rate": 2}, {}):
        assert web.put("/_sim/faults/x", json=wrong).status_code == 400


# -- log


def test_log_shows_calls_without_secrets(web: Web, simulator: Simulator, token: str) -> None:
    list_ips(web, token)
    shown = web.get("/_sim/log").json()
    text = json.dumps(shown)
    assert token not in text
    assert simulator.world.account.appsecret not in text
    assert [each["path"] for each in shown["log"]] == ["/cgi-bin/token", "/cgi-bin/getcallbackip"]
    assert shown["log"][-1]["status"] == 200
    assert web.get("/_sim/log?after=1").json()["log"][0]["n"] == 2
    assert web.get("/_sim/log?after=x").status_code == 400


# -- worlds and the program


def test_world_is_saved_and_resumed(tmp_path: Path) -> None:
    config = SimulatorConfig(http_port=0, https_port=0, state_dir=tmp_path)
    with Simulator(config) as first, Web(first.http_url) as web:
        person = web.post("/_sim/people", json={"nickname": "小雪"}).json()["people"][0]
        web.post("/_sim/clock", json={"advance_s": 3600})
    assert stat.S_IMODE((tmp_path / "world.json").stat().st_mode) == 0o600
    with Simulator(config) as second, Web(second.http_url) as web:
        assert web.get("/_sim/people").json()["people"][0]["openid"] == person["openid"]
        assert web.get("/_sim/clock").json()["offset_s"] == pytest.approx(3600)
        fresh = web.post("/_sim/people", json={}).json()["people"][0]
        assert fresh["openid"] != person["openid"]


def test_a_world_with_a_fault_that_is_used_up_is_resumed(tmp_path: Path) -> None:
    config = SimulatorConfig(http_port=0, https_port=0, state_dir=tmp_path)
    with Simulator(config) as first, Web(first.http_url) as web:
        put_fault(web, "*", kind="slow", seconds=0, times=1)
        web.post("/_sim/people", json={})
        web.get("/cgi-bin/token")
        met = web.get("/_sim/faults").json()["faults"]["*"]
    assert (met["times"], met["hits"]) == (0, 1)
    with Simulator(config) as second, Web(second.http_url) as web:
        assert len(web.get("/_sim/people").json()["people"]) == 1
        assert web.get("/_sim/faults").json()["faults"]["*"] == met


def test_configured_anew_wins_over_the_saved_account(tmp_path: Path) -> None:
    config = SimulatorConfig(http_port=0, https_port=0, state_dir=tmp_path, callback_url="http://127.0.0.1:1/old")
    with Simulator(config) as first, Web(first.http_url) as web:
        web.put("/_sim/account", json={"name": "二店", "oauth_domains": ["a.example.test"]})
    changed = dataclasses.replace(config, callback_url="http://127.0.0.1:1/fresh", app_urls=("http://b.example.test",))
    with Simulator(changed) as second, Web(second.http_url) as web:
        account = web.get("/_sim/account").json()
    assert (account["name"], account["callback_url"]) == ("二店", "http://127.0.0.1:1/fresh")
    assert account["oauth_domains"] == ["a.example.test", "b.example.test"]


@pytest.mark.parametrize("content", ['{"version": 1, "seed": 1}', "[]", "{", '{"version": 1, "seed": "x"}'])
def test_broken_world_is_put_aside(tmp_path: Path, content: str) -> None:
    (tmp_path / "world.json").write_text(content)
    config = SimulatorConfig(http_port=0, https_port=0, state_dir=tmp_path)
    with Simulator(config) as simulator, Web(simulator.http_url) as web:
        assert web.get("/_sim/people").json() == {"people": []}
    assert (tmp_path / "world.broken").exists()


def test_wrong_worlds_are_refused(web: Web) -> None:
    web.post("/_sim/people", json={})
    assert web.put("/_sim/world", json={"version": 2}).status_code == 400
    assert web.put("/_sim/world", data=b"[]").status_code == 400


def test_pay_speaks_https_and_knows_its_client(simulator: Simulator) -> None:
    files = simulator.certificates
    address, authority = simulator.https_url + "/nothing", str(files.ca)
    assert requests.get(address, verify=authority, timeout=5).status_code == 404
    pair = (str(files.client_cert), str(files.client_key))
    assert requests.get(address, verify=authority, cert=pair, timeout=5).status_code == 404
    assert stat.S_IMODE(files.client_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.server_key.stat().st_mode) == 0o600


def test_silent_client_does_not_hold_up_pay(simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", simulator.https_port)):
        reply = requests.get(simulator.https_url + "/nothing", verify=str(simulator.certificates.ca), timeout=15)
    assert reply.status_code == 404


def test_program_says_when_it_is_ready_and_stops_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wxbot.simulator", "--http-port", "0", "--https-port", "0"]
    program = subprocess.Popen([*command, "--state-dir", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        line = program.stdout.readline()
        match = re.fullmatch(r"ready http=(\d+) https=(\d+)\n", line)
        assert match, line
        assert requests.get(f"http://127.0.0.1:{match[1]}/_sim/health", timeout=5).json() == {"ok": True}
    finally:
        os.kill(program.pid, signal.SIGTERM)
        assert program.wait(10) == 0
        program.stdout.close()  # type: ignore[union-attr]
    assert (tmp_path / "world.json").exists()


def test_taken_port_gives_a_sentence(simulator: Simulator, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wxbot.simulator", "--http-port", str(simulator.http_port), "--https-port", "0"]
    ended = subprocess.run(
        [*command, "--state-dir", str(tmp_path)], capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode == 1
    assert "--http-port" in ended.stderr


def test_links_are_linted(web: Web, simulator: Simulator) -> None:
    good = (
        f"https://open.weixin.qq.com/connect/oauth2/authorize?appid={simulator.world.account.appid}"
        "&redirect_uri=http%3A%2F%2Fshop.example.test%2Fcb&response_type=code&scope=snsapi_base&state=a#wechat_redirect"
    )
    assert web.post("/_sim/lint", json={"url": good}).json() == {"ok": True, "faults": []}
    faults = web.post("/_sim/lint", json={"url": good.removesuffix("#wechat_redirect")}).json()["faults"]
    assert any("#wechat_redirect" in fault for fault in faults)
    assert web.post("/_sim/lint", json={"url": good.replace("&state=a", "")}).json()["ok"] is False


def test_manual_lists_every_switch_and_route(web: Web) -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    rows = [row.split("`")[1] for row in manual.split("## Switches")[1].splitlines() if row.startswith("| `")]
    assert rows == [each["name"] for each in web.get("/_sim/switches").json()["switches"]]
    for name in ("health", "clock", "account", "people", "faults", "log", "pushes", "push_settings", "quotas", "world"):
        assert f"/_sim/{name}" in manual


def test_a_call_that_was_held_up_does_not_act_in_a_new_world(simulator: Simulator, web: Web) -> None:
    """A slow call is dropped when the world was reset meanwhile: nothing of the old world reaches the new one."""
    web.put("/_sim/faults/cgi-bin/stable_token", json={"kind": "slow", "seconds": 0.6, "times": 1})
    outcome: list[str] = []

    def call() -> None:
        account = simulator.world.account
        body = {"grant_type": "client_credential", "appid": account.appid, "secret": account.appsecret}
        try:
            outcome.append(
                str(requests.post(simulator.http_url + "/cgi-bin/stable_token", json=body, timeout=10).status_code)
            )
        except requests.RequestException:
            outcome.append("dropped")

    held = threading.Thread(target=call)
    held.start()
    while simulator.world.faults.by_endpoint:
        fault = next(iter(simulator.world.faults.by_endpoint.values()))
        if fault.hits:
            break
    web.post("/_sim/reset", json={})
    held.join()
    assert outcome == ["dropped"]
