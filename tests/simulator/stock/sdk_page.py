"""A page of somebody's shop that brings the real jweixin with it, as weixin-js-sdk packs it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from wxbot.simulator import wire
from wxbot.simulator.server import Simulator

SDK = Path(__file__).resolve().parents[3] / "node_modules" / "weixin-js-sdk" / "index.js"
LISTED = ["checkJsApi", "getNetworkType", "updateAppMessageShareData", "onMenuShareTimeline", "requestMerchantTransfer"]

TEXT = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>真 jweixin</title>
<script src="{home}/_sim/bridge.js"></script>
<script>var module = {{}};</script><script src="/sdk.js"></script><script>var wx = module.exports;</script>
<body><p id="config"></p>
<script>
wx.config({config});
wx.error(function (res) {{ document.getElementById('config').textContent = res.errMsg; }});
wx.ready(function () {{ var p = document.getElementById('config'); if (!p.textContent) p.textContent = 'ready'; }});
</script>"""

#: What the page does for each call; the last one asks WeChat itself, as jweixin has no name for it.
CALLS = {
    "js_check": "wx.checkJsApi({jsApiList: ['requestMerchantTransfer', 'nothing'], success: (res) => done(res.checkResult)})",
    "js_network": "wx.getNetworkType({success: (res) => done(res.networkType)})",
    "js_share": "wx.updateAppMessageShareData({title: '有礼', link: location.href, complete: (res) => done(res.errMsg)})",
    "js_denied": "wx.scanQRCode({complete: (res) => done(res.errMsg)})",
}

#: Waits for the menu's tap as pages did before updateTimelineShareData; what WeChat said of it stands in `window.shared`.
LISTENS = (
    "wx.onMenuShareTimeline({title: '老办法', link: location.href, complete: (res) => { window.shared = res.errMsg; }})"
)

#: Asks WeChat for a transfer, of which jweixin knows nothing; what it said stands in `window.left`.
ASK = "(asked) => { WeixinJSBridge.invoke('requestMerchantTransfer', asked, (res) => { window.left = res.err_msg; }); }"


class SdkPage:
    """Serves the page and the SDK beside it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        page: Callable[[str], str] = self.page

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_arguments: Any) -> None:
                return

            def do_GET(self) -> None:
                is_script = self.path == "/sdk.js"
                body = SDK.read_bytes() if is_script else page(self.path).encode()
                self.send_response(200)
                self.send_header("Content-Type", f"text/{'javascript' if is_script else 'html'}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/page"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def page(self, path: str) -> str:
        world = self.simulator.world
        with world.lock:
            jsapi_ticket = world.accounts.fetch_ticket("jsapi")[0]
        signature = wire.jsapi_sign(jsapi_ticket, "n1", 1773540000, self.url)
        config = {"appId": world.account.appid, "timestamp": 1773540000, "nonceStr": "n1", "signature": signature}
        return TEXT.format(home=self.simulator.http_url, config=json.dumps(config | {"jsApiList": LISTED}))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
