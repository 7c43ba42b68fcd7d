"""What a browser does that is a hall's screen: pair by the digits, press."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient

from tests.hall.hosting import Host
from wxbot.hall import pairing

JSON = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}


def pair(desk: Host, client: FlaskClient) -> None:
    """This browser is the screen that leads."""
    digits = desk.do(pairing.offer, desk.id)
    assert post(client, "pair", code=digits).status_code == 200


def post(client: FlaskClient, verb: str, headers: Any = (), address: Any = "127.0.0.1", **fields: Any) -> Any:
    near = {"REMOTE_ADDR": address}
    return client.post(f"/hall/gala/{verb}", json=fields, headers={**JSON, **dict(headers)}, environ_base=near)


def still(answer: bytes) -> bytes:
    """Without what differs with time alone."""
    for part in (rb"nonce[-=]\S+", rb'"(at|v|now|until)": ?[\d.]+', rb"data:image[^\"]+", rb"Content-Length[^)]+"):
        answer = re.sub(part, b"", answer)
    return answer


def without(answer: bytes) -> bytes:
    """Without what a start may change: the word for where the selection stands, and how many are still open."""
    return re.sub(rb'\\?"(status|open)\\?": ?[^,}]+', b"", answer)
