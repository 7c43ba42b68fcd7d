"""The console's door to vouchers: one blueprint, its pages in admin_desk (review) and admin_kinds (what may be asked for)."""

from wxbot.vouchers import admin_desk, admin_kinds
from wxbot.vouchers.admin_pages import blueprint

__all__ = ["admin_desk", "admin_kinds", "blueprint"]
