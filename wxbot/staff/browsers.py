"""Cookies of the console, and the browsers in which somebody has signed in before (S54)."""

from flask import request
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response as BaseResponse

from wxbot.staff.console import runtime

KNOWN_PEOPLE, KNOWN_DAYS = 6, 180
"""One browser of an office knows so many people for so long."""


def _known_cookie() -> tuple[str, URLSafeSerializer]:
    is_https = runtime().settings.public_url.startswith("https://")
    key = runtime().settings.secret_key.get_secret_value()
    return "__Host-staff-known" if is_https else "staff_known", URLSafeSerializer(key, "console: a known browser")


def known_people() -> list[int]:
    """The ids of those who have signed in from this browser before, the latest first: no stranger's tries keep them out."""
    name, serializer = _known_cookie()
    try:
        said = serializer.loads(request.cookies.get(name, ""))
    except BadData:
        return []
    return [each for each in said if isinstance(each, int)] if isinstance(said, list) else []


def remember_browser(response: BaseResponse, staff_id: int) -> None:
    """Write down that this person has signed in here."""
    name, serializer = _known_cookie()
    people = [staff_id, *(each for each in known_people() if each != staff_id)][:KNOWN_PEOPLE]
    set_cookie(response, name, serializer.dumps(people), KNOWN_DAYS * 86400)


def set_cookie(response: BaseResponse, name: str, value: str, life_s: int) -> None:
    """A cookie that only this host reads, and no script."""
    is_https = runtime().settings.public_url.startswith("https://")
    response.set_cookie(name, value, max_age=life_s, httponly=True, samesite="Lax", path="/", secure=is_https)
