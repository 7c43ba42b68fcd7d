"""The baseline: bare Flask views on the same gunicorn, with nothing behind them."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.post("/wechat")
def receive() -> bytes:
    """What the smallest possible callback does."""
    return b"success"


@app.post("/h5/c/<slug>/draw")
def draw(slug: str) -> bytes:
    """What the smallest possible draw does."""
    return b"success"


@app.post("/h5/c/<slug>/draw-json")
def draw_json(slug: str) -> Response:
    """The same with the JSON read, a cookie read and JSON answered: what any Flask view of this kind pays."""
    asked = request.get_json()
    cookie = request.cookies.get("__Host-wxbot_person", "")
    return jsonify(outcome="admitted", ticket=asked["ticket"], session=cookie[:8])


@app.get("/healthz")
def healthz() -> bytes:
    """Whether it is up."""
    return b"ok"
