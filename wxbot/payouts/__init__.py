"""Payouts: money owed to one openid, for one reason; programmes pay them, lists ask for many at once."""
