"""Stock programs, as installed and unchanged, against the simulator: each call that they share with wxbot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.stock import python_programs, sdk_page, table
from tests.simulator.stock.calls import CALLS, Scene
from tests.simulator.stock.node import NodePrograms
from tests.simulator.stock.sdk_page import SdkPage
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
    asked = {
        "mchId": "1900000001",
        "appId": scene.told["appid"],
        "package": scene.client.create(scene.told["bill"]).json()["package_info"],
    }
    script = "(asked) => { WeixinJSBridge.invoke('requestMerchantTransfer', asked, (res) => { window.left = res.err_msg; }); }"
    browser_page.evaluate(script, asked)
    native = browser_page.frame_locator("iframe")
    native.locator("[data-testid=receive-transfer]").click()
    native.locator("[data-testid=transfer-done]").click()
    browser_page.wait_for_function("window.left === 'requestMerchantTransfer:ok'")
    found["js_transfer"] = "SUCCESS"
    page.close()
    assert set(found) == set(table.IN_BROWSER["weixin-js-sdk"])
    assert {name: CALLS[name].check(scene, value) for name, value in found.items()} == dict.fromkeys(found, True), found


def test_the_table_of_the_manual_is_what_runs(node: NodePrograms) -> None:
    assert {name: set(calls) for name, calls in node.calls.items()} == {n: set(c) for n, c in table.IN_NODE.items()}
    assert {n: set(c) for n, c in python_programs.PROGRAMS.items()} == {n: set(c) for n, c in table.IN_PYTHON.items()}
    assert table.rendered() in (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
