"""The program that makes a marketer's picture small enough for a phone's first look; it runs confined, as that of photos does."""

from wxbot.vouchers import reencode

LONGEST_SIDE = 720


def main() -> None:
    """Read a picture, write what became of it (reencode.main)."""
    reencode.main(LONGEST_SIDE)
