"""Robots as somebody would write and start them: processes of their own that answer what WeChat posts.

`python -m tests.simulator.stock.robots NAME PORT` with the account's secrets in the environment, as JSON in `ACCOUNT`. They know
nothing of the simulator; whoever writes to them is answered with the words of `ANSWER`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import werobot
from flask import Flask, abort, request
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.replies import create_reply
from wechatpy.utils import check_signature

Told = Mapping[str, Any]


def with_wechatpy(told: Told, port: int) -> None:
    """The Flask application of wechatpy's manual."""
    app = Flask(__name__)
    crypto = WeChatCrypto(told["callback_token"], told["aes_key"], told["appid"])

    @app.route("/", methods=["GET", "POST"])
    def talk() -> str:
        args = request.args
        try:
            check_signature(told["callback_token"], args["signature"], args["timestamp"], args["nonce"])
        except InvalidSignatureException:
            abort(403)
        if request.method == "GET":
            return args["echostr"]
        if args.get("encrypt_type", "raw") == "raw":
            return str(answer(request.data))
        try:
            text = crypto.decrypt_message(request.data, args["msg_signature"], args["timestamp"], args["nonce"])
        except (InvalidSignatureException, InvalidAppIdException):
            abort(403)
        return str(crypto.encrypt_message(answer(text), args["nonce"], args["timestamp"]))

    def answer(body: bytes | str) -> str:
        message = parse_message(body)
        words = told["answer"] if message.type == "text" else ""
        return str(create_reply(words, message).render())

    app.run("127.0.0.1", port)


def with_werobot(told: Told, port: int) -> None:
    """The robot of werobot's manual, under the server that it brings."""
    robot = werobot.WeRoBot(token=told["callback_token"], app_id=told["appid"], encoding_aes_key=told["aes_key"])
    robot.config["SESSION_STORAGE"] = False
    robot.text(lambda _message: told["answer"])
    robot.run(server="wsgiref", host="127.0.0.1", port=port)


ROBOTS: dict[str, Callable[[Told, int], None]] = {"wechatpy": with_wechatpy, "werobot": with_werobot}

if __name__ == "__main__":
    ROBOTS[sys.argv[1]](json.loads(os.environ["ACCOUNT"]), int(sys.argv[2]))
