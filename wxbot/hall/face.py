"""The program that makes a guest's picture as large as the wall shows it; it runs confined, as that of photos does."""

from wxbot.vouchers import reencode

LONGEST_SIDE = 200


def main() -> None:
    """Read a picture, write what became of it (reencode.main)."""
    reencode.main(LONGEST_SIDE)
