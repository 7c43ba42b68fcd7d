"""Vouchers: the photo that asks for money, from the phone to a reviewer's decision."""
