"""Direct payouts on the phone, in a real browser: the packet in the chat, the short message, a photo, an upload."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.test_phone_page import tap
from tests.simulator.test_sendredpack import Till
from wxbot.simulator.acts import drawn_picture
from wxbot.simulator.people import Person
from wxbot.simulator.server import Simulator

pytestmark = pytest.mark.browser


@pytest.fixture
def person(simulator: Simulator) -> Person:
    return simulator.world.people.make("小明")


@pytest.fixture
def phone(simulator: Simulator, person: Person, browser_page: Any) -> Any:
    browser_page.set_viewport_size({"width": 1280, "height": 900})
    browser_page.goto(simulator.http_url + "/phone")
    browser_page.wait_for_selector("[data-testid=tab-me]")
    return browser_page


class UploadPage:
    """A page of somebody's application with one file field; keeps what it was sent."""

    TEXT = (
        '<!doctype html><meta charset="utf-8"><title>上传小票</title><form method="post" enctype="multipart/form-data">'
        '<input type="file" name="photo" accept="image/*"><button>上传</button></form>'
    )

    def __init__(self) -> None:
        self.received = b""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_arguments: Any) -> None:
                return

            def answer(self, text: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self) -> None:
                self.answer(page.TEXT)

            def do_POST(self) -> None:
                page.received = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer('<meta charset="utf-8"><p id="done">收到</p>')

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def upload_page() -> Iterator[UploadPage]:
    page = UploadPage()
    yield page
    page.server.shutdown()
    page.server.server_close()


def test_a_packet_reaches_a_follower_in_the_chat_and_others_as_a_notice(
    simulator: Simulator, person: Person, phone: Any
) -> None:
    till = Till(simulator, person.openid)
    till.send(1, total_amount="888")
    tap(phone, "tab-chats")
    tap(phone, "open-notices")
    phone.click("[data-testid=notices] [data-testid=packet-card]")
    tap(phone, "open-packet")
    phone.wait_for_function("document.querySelector('[data-testid=amount]')?.textContent === '8.88'")
    phone.click(".packet-close")
    phone.wait_for_selector(".packet-card.used >> text=已领取")
    simulator.world.people.follow(person)
    till.send(2, total_amount="112")
    phone.click(".screen.notices .bar-back")
    phone.click("[data-testid=open-chat] >> text=[微信红包]")
    phone.click("[data-testid=lines] [data-testid=packet-card]")
    tap(phone, "open-packet")
    phone.wait_for_function("document.querySelector('[data-testid=amount]')?.textContent === '1.12'")
    phone.click(".packet-close")
    phone.click(".screen.chat .bar-back")
    tap(phone, "tab-me")
    tap(phone, "go-wallet")
    phone.wait_for_selector(".wallet-sum >> text=10.00")
    assert person.wallet_fen == 1000


def test_a_code_shows_as_a_banner_and_in_the_inbox(web: Web, person: Person, phone: Any) -> None:
    web.post("/_sim/sms", json={"phone": person.phone, "text": "【示例小店】验证码 482915，5 分钟内有效"})
    assert phone.text_content("[data-testid=sms-banner] [data-testid=sms-code]") == "482915"
    tap(phone, "sms-banner")
    phone.wait_for_selector("[data-testid=sms-inbox] >> text=验证码 482915")
    assert phone.text_content(".sms-number") == "本机号码 199 0000 0001"


@pytest.mark.proof
def test_a_photo_is_sent_in_the_chat_and_another_uploaded_to_a_page(
    simulator: Simulator, web: Web, token: str, person: Person, phone: Any, upload_page: UploadPage, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.jpg"
    receipt.write_bytes(drawn_picture("a receipt"))
    simulator.world.people.follow(person)
    phone.reload()
    tap(phone, "open-chat")
    phone.click("[aria-label=更多]")
    with phone.expect_file_chooser() as chooser:
        phone.click("text=发一张照片")
    chooser.value.set_files(receipt)
    phone.wait_for_selector(".line.person img.photo")
    media_id = person.chat[-1].content["media_id"]
    query = {"access_token": token, "media_id": media_id}
    assert web.get("/cgi-bin/media/get", params=query).content == receipt.read_bytes()
    phone.fill("[data-testid=say]", upload_page.url)
    phone.keyboard.press("Enter")
    phone.click(".line.person .bubble a")
    page = phone.frame_locator("[data-testid=page]")
    page.locator("input[type=file]").set_input_files(receipt)
    page.locator("button").click()
    page.locator("#done").wait_for()
    assert receipt.read_bytes() in upload_page.received
    with simulator.world.lock:
        simulator.world.clock.advance(3 * 86_400)
        token_now = simulator.world.accounts.fetch()[0]
    gone = web.get("/cgi-bin/media/get", params={"access_token": token_now, "media_id": media_id}).json()
    assert gone["errcode"] == 40007
