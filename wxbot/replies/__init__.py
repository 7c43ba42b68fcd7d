"""Replies: what the account says to a message, by keyword rules."""
