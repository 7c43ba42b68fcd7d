"""Console: all pages of the host's desk, under one blueprint."""

from wxbot.hall import admin_changes, admin_desk, admin_guests, admin_record, admin_winners
from wxbot.hall.admin_pages import blueprint

__all__ = ["admin_changes", "admin_desk", "admin_guests", "admin_record", "admin_winners", "blueprint"]
