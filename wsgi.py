"""For WSGI servers: `gunicorn wsgi:app`. Settings come from the environment (docs/settings.md)."""

from wxbot import logs
from wxbot.app import create_app
from wxbot.settings import load_settings

settings = load_settings()
logs.configure(settings.log_level, settings.log_format)
app = create_app(settings)
