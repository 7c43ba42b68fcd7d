"""Pages of the console that take a file: which may send more than a form, and how much."""

from flask import Blueprint, request

from wxbot.staff.console import may


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
