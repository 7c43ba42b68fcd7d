"""The console's door to campaigns: one blueprint, its pages in admin_draft (write, approve, steer), admin_entries and
admin_watch."""

from wxbot.campaigns import admin_draft, admin_entries, admin_watch
from wxbot.campaigns.admin_pages import blueprint

__all__ = ["admin_draft", "admin_entries", "admin_watch", "blueprint"]
