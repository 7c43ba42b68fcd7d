"""The same text callback as others answer it: wechatpy in a Flask view, in plain mode, as its manual shows it."""

from __future__ import annotations

import os

from flask import Flask, abort, request
from wechatpy import parse_message
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.replies import create_reply
from wechatpy.utils import check_signature

app = Flask(__name__)


@app.post("/wechat")
def receive() -> str:
    """Check the signature, read the message, answer a text to one that is a keyword; nothing is remembered of it."""
    try:
        check_signature(
            os.environ["BENCH_TOKEN"], request.args["signature"], request.args["timestamp"], request.args["nonce"]
        )
    except InvalidSignatureException:
        abort(403)
    message = parse_message(request.data)
    said = os.environ["BENCH_ANSWER"] if message.content == os.environ["BENCH_KEYWORD"] else ""
    rendered: str = create_reply(said, message).render() if said else "success"
    return rendered


@app.get("/healthz")
def healthz() -> bytes:
    """Whether it is up."""
    return b"ok"
