"""What a browser does that is a hall's screen: pair by the digits, press."""

from __future__ import annotations

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
