"""For WSGI servers: `gunicorn wsgi:app`. Settings come from the environment (docs/settings.md)."""

from wxbot.app import application

app = application()
