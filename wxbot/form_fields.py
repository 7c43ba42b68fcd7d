"""The fields of forms and addresses hold what people see: every request of console and phone is cleaned as it is read (wxbot/typed.py)."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request as FlaskRequest
from werkzeug.datastructures import ImmutableMultiDict

from wxbot.typed import clean

VERBATIM = frozenset({"password", "again", "old"})
"""Fields of forms that are secrets: compared, never shown, and whatever somebody's keyboard gave them."""


class Fields(ImmutableMultiDict[str, Any]):
    """The fields of a form or an address, each of them cleaned but for VERBATIM; files are left alone."""

    def __init__(self, mapping: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        pairs = () if mapping is None else ImmutableMultiDict(mapping).items(multi=True)
        super().__init__(
            [
                (name, clean(value) if isinstance(value, str) and name not in VERBATIM else value)
                for name, value in pairs
            ]
        )


class Request(FlaskRequest):
    """A request whose form and address hold what people see."""

    parameter_storage_class = Fields
