"""One reading of addresses: as they are written down, and as they are counted."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot import addresses
from wxbot.addresses import UNKNOWN

SPELLINGS = {
    "198.51.100.7": ("198.51.100.7", "198.51.100.7"),
    "198.51.100.7:20001": ("198.51.100.7", "198.51.100.7"),
    " 198.51.100.7:20002 ": ("198.51.100.7", "198.51.100.7"),
    "::ffff:198.51.100.7": ("198.51.100.7", "198.51.100.7"),
    "[::FFFF:c633:6407]:443": ("198.51.100.7", "198.51.100.7"),
    "64:ff9b::198.51.100.7": ("198.51.100.7", "198.51.100.7"),
    "[2001:db8::7]:20001": ("2001:db8::7", "2001:db8::/64"),
    "2001:DB8:0:0::7": ("2001:db8::7", "2001:db8::/64"),
    "2001:db8::1:2:3:4": ("2001:db8::1:2:3:4", "2001:db8::/64"),
    "1:2:3:4:5:6:7:8:443": ("1:2:3:4:5:6:7:8", "1:2:3:4::/64"),
    '"[2001:db8::7]:20001"': ("2001:db8::7", "2001:db8::/64"),
    "[fe80::1%25eth0]:80": ("fe80::1", "fe80::/64"),
    "fe80::1%eth0": ("fe80::1", "fe80::/64"),
    "": ("", ""),
    "  ": ("", ""),
    "unknown": (UNKNOWN, UNKNOWN),
    "_hidden:1": (UNKNOWN, UNKNOWN),
    "198.51.100": (UNKNOWN, UNKNOWN),
    "198.51.100.256": (UNKNOWN, UNKNOWN),
    "[2001:db8::7": (UNKNOWN, UNKNOWN),
    "shop.example.com:443": (UNKNOWN, UNKNOWN),
    "1" * 5000: (UNKNOWN, UNKNOWN),
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_is_one_address(text: str) -> None:
    assert (addresses.whole(text), addresses.counted(text)) == SPELLINGS[text]


@given(st.ip_addresses(), st.integers(0, 65535))
def test_no_port_makes_another_address(address: IPv4Address | IPv6Address, port: int) -> None:
    with_port = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    assert addresses.whole(with_port) == addresses.whole(str(address))
    assert addresses.counted(with_port) == addresses.counted(addresses.whole(with_port))


@given(st.text(max_size=120) | st.text('0123456789abcdef:.[]%"', max_size=60))
def test_what_is_no_address_is_one_visitor(text: str) -> None:
    whole = addresses.whole(text)
    assert addresses.whole(whole) == whole and len(whole) <= 45
    assert whole in ("", UNKNOWN) or ":" in whole or whole.count(".") == 3


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.8.8:99", "::1", "[::1]:80", "::ffff:127.0.0.1"])
def test_a_proxy_on_this_machine_is_known_in_any_spelling(text: str) -> None:
    assert addresses.is_loopback(text) and not addresses.is_loopback("128.0.0.1")
