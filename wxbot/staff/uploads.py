"""Pages of the console that take a file: which may send more than a form, and how much."""

from collections.abc import Sequence
from pathlib import Path

from flask import Blueprint, request

from wxbot import sheets
from wxbot.staff.console import may, runtime


def allow_upload(pages: Blueprint, endpoint: str, body_bytes: int, form_bytes: int = 256 * 1024) -> None:
    """Let one page take a body of so many bytes, and so many of them as form fields; asked for before `guard`.

    It is decided before the form is read: only who may upload may send more than a page's form (S16). `form_bytes` must be
    more than the 64 KB in which files are read.
    """

    def allow() -> None:
        if request.endpoint == endpoint and may(endpoint):
            request.max_content_length = body_bytes
            request.max_form_memory_size = form_bytes

    pages.before_request(allow)


SHEET_BYTES = sheets.BYTES_MAX + 64 * 1024
"""Largest body of a form with a sheet; every other page keeps the small limit (S16)."""


def sent_rows(columns: Sequence[sheets.Column], needs: Sequence[Sequence[str]]) -> Sequence[sheets.SheetRow]:
    """The rows of the sheet that was sent as `file`, none without one: read by the confined child, so with no open transaction.

    Raises Refusal for what is no sheet or too large, and Busy.
    """
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return ()
    raw = sent.read(sheets.BYTES_MAX + 1)
    sent.close()
    return sheets.read(raw, columns, needs, Path(runtime().settings.data_dir)).rows
