"""The address of whoever calls, as it may be written down and as it is counted: one reading for every limit (security S54).

Proxies write an address with its port, in brackets, with a zone, or as IPv4 inside IPv6; and one IPv6 line has 2**64
addresses. Counted as they come, each would be a visitor of its own.
"""

import re
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

UNKNOWN = "unknown"
"""What a proxy wrote that is no address. All of these count as one visitor, so that nobody is uncounted."""

NETWORK_BITS = 64
"""An IPv6 line gets at least this much: whoever has one address there has them all (RFC 6177)."""

LONGEST = 80
"""Characters; what is longer is no address, and not worth remembering."""

_BRACKETS = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?")
_IPV4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv4 seen through an IPv6 socket (RFC 4291), or translated on the way (RFC 6052)."""


def whole(text: str) -> str:
    """The address without port, brackets and zone, in its one spelling; UNKNOWN for anything else, "" for nothing."""
    return _whole(text) if len(text) <= LONGEST else UNKNOWN


@lru_cache(maxsize=8192)
def _whole(text: str) -> str:
    bare = text.strip().strip('"')
    if not bare:
        return ""
    if found := _BRACKETS.fullmatch(bare):
        bare = found[1]
    bare = bare.partition("%")[0]
    for spelling in (bare, bare.rpartition(":")[0]):  # as it is, and without a port
        with suppress(ValueError):
            return str(_read(spelling))
    return UNKNOWN


def counted(text: str) -> str:
    """The name under which an address is counted: IPv4 by itself, IPv6 by its network; UNKNOWN and "" as `whole` says."""
    address = whole(text)
    return _network(address) if ":" in address else address


@lru_cache(maxsize=8192)
def _network(address: str) -> str:
    return str(IPv6Network((address, NETWORK_BITS), strict=False))


def is_loopback(text: str) -> bool:
    """Whether the caller is a program on this machine, most likely a proxy."""
    address = whole(text)
    return address.startswith("127.") or address == "::1"


def _read(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    if isinstance(address, IPv6Address) and any(address in network for network in _IPV4_INSIDE):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
