"""Stock programs, as installed and unchanged, against the simulator: each call that they share with wxbot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.stock import python_programs, robots, sdk_page, table
from tests.simulator.stock.calls import ANSWER, CALLS, Scene, wrote
from tests.simulator.stock.node import NodePrograms
from tests.simulator.stock.sdk_page import SdkPage
from wxbot.private_servers import free_port
from wxbot.simulator.config import CALLBACK_MODES
from wxbot.simulator.server import Simulator

ROOT = Path(__file__).resolve().parents[3]


def cells(programs: dict[str, tuple[str, ...]]) -> list[Any]:
    """Every program × call; all but the first of each program only in the long proof."""
    return [
        pytest.param(program, call, marks=[pytest.mark.proof] if number else [], id=f"{program}-{call}")
        for program, calls in programs.items()
        for number, call in enumerate(calls)
    ]


@pytest.fixture(scope="session")
def node(running_simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodePrograms]:
    programs = NodePrograms(running_simulator, tmp_path_factory.mktemp("stock"))
    yield programs
    programs.close()


def scene_for(program: str, call: str, simulator: Simulator, web: Web, token: str) -> Scene:
    scene = Scene(simulator, web, token, by_certificate="certificates" in program)
    CALLS[call].prepare(scene)
    return scene


@pytest.mark.filterwarnings("ignore:Properties that return a naïve datetime")  # wechatpayv3 asks a certificate so
@pytest.mark.parametrize(("program", "call"), cells(table.IN_PYTHON))
def test_a_program_in_python_runs(
    simulator: Simulator, web: Web, token: str, monkeypatch: pytest.MonkeyPatch, program: str, call: str
) -> None:
    scene = scene_for(program, call, simulator, web, token)
    with monkeypatch.context() as environment:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
            environment.delenv(name, raising=False)
        environment.setenv("HTTP_PROXY", simulator.world.proxy_url)
        environment.setenv("HTTPS_PROXY", simulator.world.proxy_url)
        environment.setenv("REQUESTS_CA_BUNDLE", str(simulator.certificates.ca))
        found = python_programs.PROGRAMS[program][call](scene.told)
    assert CALLS[call].check(scene, found), found


@pytest.mark.parametrize(("program", "call"), cells(table.IN_NODE))
def test_a_program_in_node_runs(
    simulator: Simulator, node: NodePrograms, web: Web, token: str, program: str, call: str
) -> None:
    scene = scene_for(program, call, simulator, web, token)
    found = node.run(program, call, scene.told)
    assert CALLS[call].check(scene, found), found


@contextmanager
def robot_running(program: str, scene: Scene) -> Iterator[str]:
    """The robot as a process that listens; its address."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "tests.simulator.stock.robots", program, str(port)]
    environment |= {"ACCOUNT": json.dumps(scene.told)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def is_saved(web: Web) -> bool:
    """Whether the console would take the address; a program that has just begun is asked again."""
    for _ in range(150):
        if web.post("/_sim/verify_callback").json()["ok"]:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("program", robots.ROBOTS)
def test_a_robot_that_listens_is_talked_to(simulator: Simulator, web: Web, token: str, program: str) -> None:
    """Each message that somebody writes is posted to it, and its answer stands in their chat."""
    scene, account, answered = Scene(simulator, web, token), simulator.world.account, []
    with robot_running(program, scene) as url:
        account.change({"callback_url": url})
        assert is_saved(web)
        for mode in CALLBACK_MODES:
            account.change({"callback_mode": mode})
            text = f"{ANSWER}，{mode}"
            before = len(said(scene))
            web.post(f"/_sim/people/{scene.person.id}/messages", json={"type": "text", "content": text})
            web.post("/_sim/pushes/settle", json={})
            if said(scene)[before:] == [ANSWER]:
                answered.append(mode)
    assert CALLS["robot"].check(scene, answered), web.get("/_sim/pushes").text


def said(scene: Scene) -> list[str]:
    """What the account has said in the person's chat."""
    lines = scene.web.get(f"/_sim/people/{scene.person.id}/chat").json()["messages"]
    return [line.get("content", "") for line in lines if line["from"] == "account"]


@pytest.mark.proof
@pytest.mark.browser
def test_a_page_with_the_real_jweixin_runs(simulator: Simulator, web: Web, token: str, browser_page: Any) -> None:
    """weixin-js-sdk behind the bridge alone; the transfer lies over the page and gives its answer back to it."""
    scene = Scene(simulator, web, token)
    page = SdkPage(simulator)
    simulator.world.account.js_domains.append(page.url.split("/")[2])
    cookies = {"sim_person": str(scene.person.id), "wxsim_client": "MicroMessenger/8.0.50"}
    browser_page.context.add_cookies(
        [{"name": name, "value": value, "url": simulator.http_url} for name, value in cookies.items()]
    )
    browser_page.goto(page.url)
    browser_page.wait_for_function("document.getElementById('config').textContent")
    found = {"js_config": browser_page.text_content("#config")}
    for name, script in sdk_page.CALLS.items():
        found[name] = browser_page.evaluate(f"() => new Promise((done) => {script})")
    browser_page.evaluate(sdk_page.ASK, asked_transfer(scene))
    native = browser_page.frame_locator("iframe")
    native.locator("[data-testid=receive-transfer]").click()
    native.locator("[data-testid=transfer-done]").click()
    browser_page.wait_for_function("window.left === 'requestMerchantTransfer:ok'")
    found["js_transfer"] = "SUCCESS"
    page.close()
    assert {*found, "js_frame", "js_menu"} == set(table.IN_BROWSER["weixin-js-sdk"])
    assert {name: CALLS[name].check(scene, value) for name, value in found.items()} == dict.fromkeys(found, True), found


def asked_transfer(scene: Scene) -> dict[str, str]:
    """What a page gives WeChat to have a new transfer confirmed."""
    package = scene.client.create(scene.told["bill"]).json()["package_info"]
    return {"mchId": "1900000001", "appId": scene.told["appid"], "package": package}


@pytest.mark.browser
def test_the_real_jweixin_runs_in_the_phone(simulator: Simulator, web: Web, token: str, browser_page: Any) -> None:
    """In the phone's frame, opened from a link of the chat, the bridge is the phone's: its screen lies over the page."""
    scene, page = Scene(simulator, web, token), SdkPage(simulator)
    simulator.world.account.js_domains.append(page.url.split("/")[2])
    friend = web.post("/_sim/people", json={"nickname": "收卡片的人"}).json()["people"][0]
    wrote(scene)
    link = {"touser": scene.person.openid, "msgtype": "text", "text": {"content": f'<a href="{page.url}">收款</a>'}}
    raw = json.dumps(link, ensure_ascii=False).encode()
    web.post("/cgi-bin/message/custom/send", params={"access_token": token}, data=raw)
    browser_page.goto(f"{simulator.http_url}/phone?person={scene.person.id}")
    browser_page.click("[data-testid=open-chat]")
    browser_page.click(".line.account .bubble a >> text=收款")
    browser_page.frame_locator("[data-testid=page]").locator("#config >> text=ready").wait_for()
    frame = next(each for each in browser_page.frames if each.url.startswith(page.url))
    calls = {name: frame.evaluate(f"() => new Promise((done) => {script})") for name, script in sdk_page.CALLS.items()}
    assert {name: CALLS[name].check(scene, value) for name, value in calls.items()} == dict.fromkeys(calls, True), calls
    frame.evaluate(sdk_page.LISTENS)
    for label in ("发送给朋友", "分享到朋友圈"):
        browser_page.click(".web-bar [aria-label=更多]")
        browser_page.click(f".sheet-row >> text={label}")
        if label == "发送给朋友":
            browser_page.click("[data-testid=choose] >> text=收卡片的人")
            browser_page.wait_for_selector(".toast >> text=已发送")
    frame.wait_for_function("window.shared === 'shareTimeline:ok'")
    cards = web.get(f"/_sim/people/{friend['id']}/cards").json()["cards"]
    assert CALLS["js_menu"].check(scene, [card["title"] for card in cards])
    frame.evaluate(sdk_page.ASK, asked_transfer(scene))
    browser_page.click("[data-testid=receive-transfer]")
    browser_page.click("[data-testid=transfer-done]")
    frame.wait_for_function("window.left === 'requestMerchantTransfer:ok'")
    page.close()
    assert CALLS["js_frame"].check(scene, "SUCCESS")


def test_the_table_of_the_manual_is_what_runs(node: NodePrograms) -> None:
    assert {name: set(calls) for name, calls in node.calls.items()} == {n: set(c) for n, c in table.IN_NODE.items()}
    assert {n: set(c) for n, c in python_programs.PROGRAMS.items()} == {n: set(c) for n, c in table.IN_PYTHON.items()}
    assert set(robots.ROBOTS) == set(table.ROBOTS)
    assert table.rendered() in (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
