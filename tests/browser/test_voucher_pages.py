"""Vouchers in a real browser: a phone that uploads over a bad network, and a desk worked by keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.slow import open_slowly
from tests.servers import LoopbackServer
from tests.staff.consoles import NOON, PASSWORD, StillClock, console_settings, move_clock
from tests.vouchers.stage import HONG, MING, STAFF, Stage, encoded, lay_stage, photo, picture
from tests.waiting import until_page, until_settled
from wxbot import oauth
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.vouchers import decisions, submit
from wxbot.vouchers.models import Voucher

pytestmark = pytest.mark.browser


@pytest.fixture
def site(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """The application on a free port, a reviewer hired."""
    with (
        LoopbackServer() as server,
        closing(Runtime(console_settings(sqlite_url, redis_url, tmp_path, public_url=server.url))) as runtime,
    ):
        runtime.clock = StillClock(NOON)
        stage = lay_stage(runtime)
        name, role = STAFF["sun"]
        accounts.hire(runtime.database, "sun.test", name, role, PASSWORD, NOON)
        server.serve(stage.app)  # whose wsgi_app the tests replace
        yield stage


def base(site: Stage) -> str:
    return site.runtime.settings.public_url


def test_photos_reach_us_over_a_bad_network_each_once(site: Stage, page: Any, tmp_path: Path) -> None:
    runtime = site.runtime
    signed_in(site, page)
    files = []
    for n in range(3):
        files.append(tmp_path / f"photo{n}.jpg")
        files[n].write_bytes(photo(n))
    files.append(tmp_path / "big.png")
    files[3].write_bytes(encoded(picture(9, 1_600, 1_200), "PNG", compress_level=0))
    open_slowly(page, f"{base(site)}/h5/voucher")
    page.click("#send")
    page.locator("#dialog-text", has_text="请先选择凭证类型").wait_for()
    page.click("#dialog-ok")
    page.get_by_role("radio", name="进货小票").check()
    page.fill("#units", "4")
    page.set_input_files("#choose", [str(file) for file in files])
    page.locator(".v-tile").nth(3).wait_for()
    assert page.locator("#send").inner_text() == "提交 · ¥8.00"
    lost: list[str] = []
    whole = site.app.wsgi_app

    def leaky(environ: dict[str, Any], start_response: Any) -> Any:
        """The first photo's answer is lost after the photo arrived, the second photo never arrives."""
        if environ["PATH_INFO"].endswith("/photos") and len(lost) < 2:
            lost.append(environ["QUERY_STRING"])
            if len(lost) == 1:
                b"".join(whole(environ, lambda *_answer: lambda _body: None))
            start_response("502 Bad Gateway", [("Content-Length", "0")])
            return [b""]
        return whole(environ, start_response)

    site.app.wsgi_app = leaky  # type: ignore[method-assign]
    page.click("#send")
    page.wait_for_selector(".v-status-submitted")
    assert len(lost) == 2
    with runtime.database.reading() as session:
        (voucher,) = session.query(Voucher)
    kept = site.photos(voucher.id)
    assert [each.status for each in kept] == ["kept"] * 4 and voucher.is_complete and voucher.asked_fen == 800
    assert max(each.bytes for each in kept) < files[3].stat().st_size // 8, (
        "a big picture is made small before it is sent"
    )
    until_page(page, "[...document.images].filter(i => i.complete && i.naturalWidth).length === 4")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def carry_out(site: Stage) -> None:
    """What was decided is not undone any more."""
    move_clock(site.runtime, decisions.UNDO)
    decisions.carry_out_due(site.runtime)


WATCH_THE_PAGE = """
const drawn = side => { sessionStorage.drawn = JSON.stringify([...JSON.parse(sessionStorage.drawn || '[]'), side]); };
const plain = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (source) {
  drawn(Math.max(source.width, source.height));
  return plain.apply(this, arguments);
};
const whole = window.createImageBitmap;
window.createImageBitmap = function (source, options) {
  drawn(options && options.resizeWidth ? Math.max(options.resizeWidth, options.resizeHeight) : 1e9);
  return whole.apply(this, arguments);
};
"""
"""Writes down how big a picture the page's own thread ever asks for: what freezes a page is not seconds of this machine."""


def signed_in(site: Stage, page: Any, openid: str = MING) -> None:
    cookie = site.phone(openid).client.get_cookie(oauth.session_cookie(site.runtime))
    assert cookie
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "domain": "127.0.0.1", "path": "/"}])


@pytest.mark.proof
@pytest.mark.parametrize(
    "without", ["", pytest.param("delete window.Worker;", marks=pytest.mark.proof, id="an older browser")]
)
def test_48_megapixels_never_reach_the_pages_own_thread(site: Stage, page: Any, tmp_path: Path, without: str) -> None:
    """The worker makes it small, upright; without one the decoder does. The server would have refused the whole of it."""
    signed_in(site, page)
    page.add_init_script(without + WATCH_THE_PAGE)
    turned = Image.Exif()
    turned[0x0112] = 6  # how a phone that was held upright writes it
    big = tmp_path / "big.jpg"
    big.write_bytes(encoded(picture(5).resize((8_000, 6_000), Image.Resampling.NEAREST), quality=60, exif=turned))
    page.goto(f"{base(site)}/h5/voucher")
    page.get_by_role("radio").first.check()
    page.set_input_files("#choose", [str(big), str(big)])
    page.locator(".v-tile").nth(1).wait_for()
    page.locator(".v-drop").nth(1).click()
    page.click("#send")
    page.wait_for_selector(".v-status-submitted")
    drawn = json.loads(page.evaluate("sessionStorage.drawn"))
    assert drawn and max(drawn) <= 2_560, drawn
    with site.runtime.database.reading() as session:
        (voucher,) = session.query(Voucher)
    (kept,) = site.photos(voucher.id)
    assert (kept.status, kept.width, kept.height) == ("kept", 1_920, 2_560)


def test_each_photo_that_failed_says_why_and_only_what_may_pass_offers_a_retry(
    site: Stage, page: Any, tmp_path: Path
) -> None:
    signed_in(site, page)
    good, text, tiny = tmp_path / "good.jpg", tmp_path / "text.jpg", tmp_path / "tiny.png"
    good.write_bytes(photo(1))
    text.write_bytes(b"this is no picture at all")
    tiny.write_bytes(encoded(picture(3, 20, 20), "PNG"))
    asked: list[str] = []
    whole, is_down = site.app.wsgi_app, [True]

    def leaky(environ: dict[str, Any], start_response: Any) -> Any:
        """The good photo meets a server that is away; nothing is tried again by itself after the first time."""
        if environ["PATH_INFO"].endswith("/photos"):
            asked.append(environ["QUERY_STRING"])
            if is_down[0] and int(environ["CONTENT_LENGTH"]) == good.stat().st_size:
                start_response("502 Bad Gateway", [("Content-Length", "0")])
                return [b""]
        return whole(environ, start_response)

    site.app.wsgi_app = leaky  # type: ignore[method-assign]
    page.add_init_script(
        "window.setTimeout = (plain => (what, wait) => plain(what, Math.min(wait, 20)))(window.setTimeout);"
    )
    page.goto(f"{base(site)}/h5/voucher")
    page.get_by_role("radio").first.check()
    page.set_input_files("#choose", [str(good), str(text), str(tiny)])
    page.locator(".v-tile").nth(2).wait_for()
    page.click("#send")
    page.locator("#fault", has_text="有 3 张照片没传上去").wait_for()
    why = [page.locator(".v-why").nth(n).inner_text() for n in range(3)]
    assert "检查网络" in why[0] and "不是能打开的照片" in why[1] and "太小" in why[2]
    assert [page.locator(".v-again").nth(n).is_visible() for n in range(3)] == [True, False, False]
    assert [page.locator(".v-drop").nth(n).is_visible() for n in range(3)] == [True, True, True]
    is_down[0] = False
    asked.clear()
    page.locator(".v-again").first.click()
    page.locator("#fault", has_text="有 2 张照片没传上去").wait_for()
    page.click("#send")
    page.locator("#send:not([disabled])").wait_for()
    assert len(asked) == 1, "what was refused for good is not sent again"
    page.locator(".is-refused .v-drop").first.click()
    page.locator(".is-refused .v-drop").first.click()
    page.click("#send")
    page.wait_for_selector(".v-status-submitted")


def test_a_reviewer_needs_no_mouse(site: Stage, page: Any) -> None:
    first = site.hand_in(1, kind="boxes", units=5)
    second = site.hand_in(2, HONG)
    third = site.open(HONG)
    submit.add_photo(site.runtime, third.id, encoded(picture(1, 400, 533), quality=60), site.now, "copy")
    with site.runtime.database.transaction() as session:
        submit.finish(session, third.id, site.now)
    page.set_viewport_size({"width": 1366, "height": 800})
    page.goto(f"{base(site)}/admin/sign-in")
    page.fill("#login", "sun.test")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#start")
    page.wait_for_load_state("load")  # before, nobody listens for the key
    page.keyboard.press("j")

    def at(voucher: Voucher) -> None:
        page.locator(f"[data-voucher='{voucher.id}']").wait_for()
        page.wait_for_timeout(400)  # a key pressed twice must not decide on the next one: the page waits, so do we

    at(first)
    page.keyboard.press("o")
    page.keyboard.press("+")
    assert "rotate(90deg)" in page.locator(".stage-photo").first.evaluate("e => e.style.transform")
    page.keyboard.press("e")
    page.keyboard.type("8")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.keyboard.press("a")
    at(second)
    page.keyboard.press("z")
    at(first)
    page.keyboard.press("e")
    page.keyboard.type("8")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    at(second)
    carry_out(site)
    assert [payout.amount_fen for payout in site.payouts()] == [800]
    page.keyboard.press("j")
    at(third)
    page.keyboard.press("c")
    assert page.locator("#other figcaption").inner_text().startswith(f"#{first.id}")
    page.keyboard.press("b")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    at(second)
    page.keyboard.press("r")
    page.keyboard.type("看不清")
    page.keyboard.press("Enter")
    page.locator(".empty-state").wait_for()
    carry_out(site)
    assert [site.voucher(each.id).status for each in (first, second, third)] == ["approved", "rejected", "photo_wanted"]
    assert site.voucher(second.id).reason == "看不清" and len(site.payouts()) == 1


@pytest.mark.proof
def test_no_voucher_page_is_wider_than_a_phone(site: Stage, page: Any) -> None:
    voucher = site.hand_in(1, kind="boxes", units=5)
    page.goto(f"{base(site)}/admin/sign-in")
    page.fill("#login", "sun.test")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#start")
    page.click("#start")
    page.wait_for_selector(".desk")
    assert page.locator(".desk-buttons .btn-primary").bounding_box()["y"] < 800, "deciding needs no scrolling"
    for path in ("", f"/{voucher.id}", "/bulk", "/all"):
        page.goto(f"{base(site)}/admin/vouchers{path}")
        until_settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
