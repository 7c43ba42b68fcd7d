"""Import maps of the hall's pages: scripts name each other without the hash of a file, and the map of the page gives it back.

So a browser never mixes two releases. Where a browser knows no import maps, it takes the plain address, kept for five minutes.
"""

from pathlib import Path

from flask import current_app, url_for

PHONE = ("hall/dom.js", "h5/hall_game.js", "h5/motion.js")
"""What the script of a guest's page asks for."""


def of(names: tuple[str, ...]) -> dict[str, str]:
    """Files of /static: plain address → the one with its hash."""
    return {f"{current_app.static_url_path}/{name}": url_for("static", filename=name) for name in names}


def of_screen() -> dict[str, str]:
    """Every script of the screen."""
    folder = Path(current_app.static_folder or "") / "hall"
    return of(tuple(sorted(f"hall/{path.name}" for path in folder.glob("*.js"))))
