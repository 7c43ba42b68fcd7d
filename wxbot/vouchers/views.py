"""A stored photo on its way to somebody who may see it: the only place that answers with one (security S50)."""

from flask import Response, abort

from wxbot.runtime import Runtime
from wxbot.vouchers.models import Photo
from wxbot.vouchers.storage import Missing, StorageProblem, storage_of, thumb_of

HEADERS = {
    "Content-Type": "image/jpeg",
    "Content-Disposition": 'inline; filename="voucher.jpg"',
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Whatever the bytes were, a browser takes them for a picture, keeps no copy, and runs nothing."""


def photo_response(runtime: Runtime, photo: Photo, *, is_thumb: bool = False) -> Response:
    """The photo, or its thumbnail; the caller has asked whether this person may see it."""
    key = thumb_of(photo.storage_key) if is_thumb else photo.storage_key
    try:
        content = storage_of(runtime).get(key)
    except Missing:
        abort(404)
    except StorageProblem:
        abort(503)
    response = Response(content)
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response
