"""The camera of the screenshots: windows of the right size, a console that is signed in, pictures that are small enough."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.servers import find_browser
from wxbot.demo import seed
from wxbot.demo.actors import World
from wxbot.demo.stage import Ports, Stage
from wxbot.private_servers import free_port

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
MOST_BYTES = 150_000
PATIENCE_MS = 60_000
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 860}
SCALE = 2
"""Two pixels per point on the phone, so that its type stays readable when the picture is made smaller."""

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=zh-CN", "--force-color-profile=srgb")


@contextmanager
def demo(with_live: bool = False) -> Iterator[tuple[Stage, World]]:
    """A demo of its own on free ports, everything started, nothing seeded; stopped at the end."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    ports = Ports(free_port(), free_port(), free_port(), free_port())
    with tempfile.TemporaryDirectory(prefix="wxbot-screenshots-") as folder:
        stage = Stage(Path(folder), ports)
        try:
            stage.prepare()
            stage.start_redis()
            stage.start_simulator()
            stage.start_database()
            stage.start_web()
            stage.start_worker()
            if with_live:
                stage.start_live()
            yield stage, World(stage.wechat_url)
        finally:
            stage.stop()


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser that looks around."""
    path = find_browser()
    if path is None:
        raise SystemExit("No Chromium or Chrome was found: run `make test` once, or name one in WXBOT_CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
        yield browser
        browser.close()


def keep(name: str, picture: bytes | Image.Image, width: int = 1200) -> None:
    """Write a picture as a palette PNG: fewer colours, then fewer points, until it is small enough."""
    image = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture
    image = image.convert("RGB")
    for side in (width, int(width * 0.85), int(width * 0.7)):
        small = image.resize((side, image.height * side // image.width), Image.Resampling.LANCZOS)
        for colours in (192, 96, 48):
            buffer = io.BytesIO()
            small.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
            if buffer.tell() <= MOST_BYTES:
                (IMAGES / f"{name}.png").write_bytes(buffer.getvalue())
                print(f"{name}.png  {side} px wide, {colours} colours, {buffer.tell() // 1000} KB")
                return
    raise SystemExit(f"{name} is larger than {MOST_BYTES} bytes however it is written")


def side_by_side(pictures: Sequence[bytes], gap: int = 36) -> Image.Image:
    """Several phone screens in one row on a quiet ground, with round corners."""
    images = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    width, height = images[0].size
    row = Image.new("RGB", (len(images) * (width + gap) + gap, height + 2 * gap), "#e4ebe7")
    for place, image in enumerate(images):
        mask = Image.new("L", image.size, 0)
        mask.paste(255, (0, 28, width, height - 28))
        mask.paste(255, (28, 0, width - 28, height))
        for x in (0, width - 56):
            for y in (0, height - 56):
                corner = Image.new("L", (56, 56), 0)
                for dx in range(56):
                    for dy in range(56):
                        if (dx - 27.5) ** 2 + (dy - 27.5) ** 2 <= 28**2:
                            corner.putpixel((dx, dy), 255)
                mask.paste(corner, (x, y), corner)
        row.paste(image, (gap + place * (width + gap), gap), mask)
    return row


def window(browser: Any, size: dict[str, int], scale: int = 1) -> Any:
    """A page in a browser profile of its own, in Shanghai."""
    context = browser.new_context(
        viewport=size, device_scale_factor=scale, locale="zh-CN", timezone_id="Asia/Shanghai", bypass_csp=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def sign_in(browser: Any, stage: Stage, login: str) -> Any:
    """A window of the console, signed in."""
    page = window(browser, DESK)
    page.goto(f"{stage.public_url}/admin/sign-in")
    page.fill("#login", login)
    page.fill("#password", seed.PASSWORD)
    page.click(".door-card .btn-primary")
    page.wait_for_url(lambda url: "sign-in" not in url)
    return page
