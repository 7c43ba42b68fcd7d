"""People: followers of the account and the blocklist."""
