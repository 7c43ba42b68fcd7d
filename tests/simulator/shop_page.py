"""A draw page of somebody's shop, on a port of its own: what an application's page does, without wxbot."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.simulator.pay_client import sign
from tests.simulator.story import KEY
from wxbot.simulator import wire
from wxbot.simulator.server import Simulator

TEXT = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>新春红包</title>
<script src="{home}/open/js/jweixin-1.6.0.js"></script>
<script src="{home}/app/shakehb/BeaconShakehbJsBridge.js"></script>
<body><h1>到店有礼</h1><button id="draw">抽红包</button><p id="config"></p><p id="called">no</p>
<script nonce="shop">
wx.config({config});
wx.error(function (res) {{ document.getElementById('config').textContent = res.errMsg; }});
wx.ready(function () {{ var p = document.getElementById('config'); if (!p.textContent) p.textContent = 'ready'; }});
document.getElementById('draw').onclick = function () {{
  BeaconShakehbJsBridge.ready(function () {{
    BeaconShakehbJsBridge.invoke('jumpHongbao', {draw}, function () {{ document.getElementById('called').textContent = 'yes'; }});
  }});
}};
</script>"""


class ShopPage:
    """Serves the page; `lottery_id` is what it draws from, `wrong_config` spoils the JS-SDK signature, `listed` is what it asks for."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.lottery_id = ""
        self.wrong_config = False
        self.listed = ["hideMenuItems"]
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_arguments: Any) -> None:
                return

            def do_GET(self) -> None:
                body = shop.page(self.path).encode()
                home = simulator.http_url
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                policy = f"default-src 'none'; script-src 'nonce-shop' {home}; connect-src 'none'; img-src 'self'"
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, path: str) -> str:
        world = self.simulator.world
        query = dict(parse_qsl(urlsplit(path).query))
        with world.lock:
            shaken = world.shake.beacons.tickets.get(query.get("ticket", ""))
            jsapi_ticket = world.accounts.fetch_ticket("jsapi")[0]
        draw = {"lottery_id": self.lottery_id, "noncestr": "n1", "openid": shaken.openid if shaken else ""}
        draw["sign"] = sign(draw, KEY)
        signature = wire.jsapi_sign(jsapi_ticket, "n2", 1773540000, self.url + path)
        config = {
            "appId": world.account.appid,
            "timestamp": 1773540000,
            "nonceStr": "n2",
            "jsApiList": self.listed,
        }
        config["signature"] = "0" * 40 if self.wrong_config else signature
        return TEXT.format(home=self.simulator.http_url, config=json.dumps(config), draw=json.dumps(draw))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
