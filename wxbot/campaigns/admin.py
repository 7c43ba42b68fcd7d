"""The console's door to campaigns: one blueprint, its pages in admin_draft (write, approve, steer) and admin_watch."""

from wxbot.campaigns import admin_draft, admin_watch
from wxbot.campaigns.admin_pages import blueprint

__all__ = ["admin_draft", "admin_watch", "blueprint"]
