"""The security headers of the web door's answers, per kind of page (security S71)."""

import secrets
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from flask import Response, g, request

from wxbot.own_page import origin_of
from wxbot.settings import Settings

Pages = Literal["machine", "phone", "console", "preview", "screen"]
"""For programs, for the WeChat browser, for the console; a phone's page that the console shows in a frame; a hall's big screen."""

PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=()"
_AVATARS = "https://thirdwx.qlogo.cn https://wx.qlogo.cn https://mmbiz.qpic.cn"


def of_every_answer(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The headers that any answer has, whoever gives it and whatever it is."""
    is_https = urlsplit(settings.public_url).scheme == "https"
    transport = (("Strict-Transport-Security", "max-age=31536000"),) if is_https else ()
    return (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"), *transport)


def _live(settings: Settings) -> str:
    """Where `wxbot live` is, if not behind our own name: streams and sockets."""
    url = settings.live_url
    return f"{url} ws{url.removeprefix('http')}" if url else ""


@dataclass(frozen=True)
class Headers:
    """The security headers of one kind of pages (security S71), made once; `{nonce}` is filled in per page."""

    fixed: tuple[tuple[str, str], ...]
    policies: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pages: Pages, settings: Settings) -> "Headers":
        """The headers for `pages`.

        Which scripts may run is enforced everywhere; WeChat's own bridge is no script of the page, the app puts it in itself.
        What else a page may load is only reported on phones in production, until it has been seen there (whether jweixin's
        pictures and frames need more is UNCONFIRMED). Under the simulator all of it is enforced, and the simulator, whose
        phone shows the page in a frame, is let in.
        """
        if pages == "machine":
            return cls((), ())
        if pages == "preview":
            return cls._preview(settings)
        if pages == "screen":
            return cls._screen(settings)
        fixed = {"Permissions-Policy": PERMISSIONS, "Cache-Control": "private, no-store"}
        tencent = {origin_of(settings.res_base), origin_of(settings.zb_base)} if pages == "phone" else set()
        wechat = origin_of(settings.api_base) if settings.is_simulated else ""
        live = _live(settings)
        frames = wechat if pages == "phone" and wechat else "'none'"
        own = f"frame-ancestors {frames}; base-uri 'none'; form-action 'self'"
        scripts = " ".join(("script-src 'self'{nonce}", *sorted(tencent)))
        full = "; ".join(
            (
                "default-src 'none'",
                scripts,
                "style-src 'self'{nonce}",
                # blob: a photo that a person chose is measured before it is made small.
                f"img-src 'self' data: {'blob: ' if pages == 'phone' else ''}{_AVATARS} {wechat}".rstrip(),
                f"connect-src 'self' {f'{wechat} {live}' if pages == 'phone' else ''}".rstrip(),
                "font-src 'self'",
                "manifest-src 'self'",
                *([f"frame-src {wechat}"] if pages == "phone" and wechat else []),
                own,
            )
        )
        if pages == "phone" and not settings.is_simulated:
            enforced = ("Content-Security-Policy", f"{scripts}; object-src 'none'; {own}")
            return cls(tuple(fixed.items()), (enforced, ("Content-Security-Policy-Report-Only", full)))
        if pages == "console":
            fixed["X-Frame-Options"] = "DENY"
            fixed["Cross-Origin-Opener-Policy"] = "same-origin"
        return cls(tuple(fixed.items()), (("Content-Security-Policy", full),))

    @classmethod
    def _preview(cls, settings: Settings) -> "Headers":
        """Of a page in a frame of the console, which is of one origin with it: our own scripts alone, and nothing of WeChat's.

        A marketer's own phone opens it, too, and the simulator's phone is a frame.
        """
        frames = f"'self' {origin_of(settings.api_base)}" if settings.is_simulated else "'self'"
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data:; connect-src 'self'; "
            f"frame-ancestors {frames}; base-uri 'none'; form-action 'none'"
        )
        fixed = {"Permissions-Policy": PERMISSIONS, "Cache-Control": "private, no-store"}
        return cls(tuple(fixed.items()), (("Content-Security-Policy", policy),))

    @classmethod
    def _screen(cls, settings: Settings) -> "Headers":
        """Of a hall's big screen, which loads nothing from anybody else and may fill the display; the simulator's page shows it."""
        frames = origin_of(settings.api_base) if settings.is_simulated else "'none'"
        connect = f"'self' {_live(settings)}".rstrip()
        policy = (
            "default-src 'none'; script-src 'self'{nonce}; style-src 'self'; img-src 'self' data:; "
            f"connect-src {connect}; "
            f"frame-ancestors {frames}; base-uri 'none'; form-action 'self'"
        )
        fixed = {"Permissions-Policy": PERMISSIONS, "Cache-Control": "private, no-store"}
        return cls(tuple(fixed.items()), (("Content-Security-Policy", policy),))

    def put(self, response: Response) -> None:
        """Set the headers; a view that set one itself (a stricter policy for an upload) keeps its own."""
        headers = response.headers
        if request.endpoint == "static":
            return
        for name, value in self.fixed:
            headers.setdefault(name, value)
        nonce = g.get("csp_nonce")
        for name, value in self.policies:
            headers.setdefault(name, value.replace("{nonce}", f" 'nonce-{nonce}'" if nonce else ""))


def csp_nonce() -> str:
    """For templates: the number used once that lets an inline script or style of this page run."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(18)
    nonce: str = g.csp_nonce
    return nonce
