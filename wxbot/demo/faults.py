"""Bad weather while money is sent: faults of WeChat Pay, one after the other, so that every kind is met."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from wxbot.demo.actors import World

PACKET, PACKET_QUERY = "mmpaymkttransfers/sendredpack", "mmpaymkttransfers/gethbinfo"
BILL = "v3/fund-app/mch-transfer/transfer-bills"
BILL_QUERY, BILL_NOTICE = f"{BILL}/out-bill-no/*", "push/MCHTRANSFER.BILL.FINISHED"

Fault = dict[str, Any]
LANDED: Fault = {"kind": "refuse", "is_landed": True}

SKIES: tuple[dict[str, Fault], ...] = (
    {PACKET: {"kind": "drop_reply", "times": 2}, BILL: {"kind": "garble", "times": 2}},
    {PACKET: {"kind": "garble", "times": 2}, BILL: {"kind": "drop_reply", "times": 2}},
    {
        PACKET: {**LANDED, "err_code": "SYSTEMERROR", "times": 2},
        BILL: {**LANDED, "err_code": "SYSTEM_ERROR", "times": 2},
    },
    {
        PACKET: {"kind": "drop_request", "times": 2},
        BILL: {"kind": "repeat", "times": 2},
        BILL_QUERY: {"kind": "garble", "times": 3},
    },
    {
        PACKET: {**LANDED, "err_code": "NEVER_SEEN", "times": 1},
        BILL: {"kind": "drop_request", "times": 2},
        PACKET_QUERY: {"kind": "drop_reply", "times": 3},
    },
    {PACKET: {"kind": "repeat", "times": 2}, BILL: {"kind": "refuse", "err_code": "FREQUENCY_LIMITED", "times": 2}},
    {
        PACKET: {"kind": "refuse", "err_code": "SYSTEMERROR", "times": 2},
        BILL_NOTICE: {"kind": "repeat", "times": 3},
        PACKET_QUERY: {"kind": "garble", "times": 3},
    },
)
"""What is wrong at the same time, by endpoint."""


@dataclass
class Weather:
    """The faults that are set now, and how many calls each kind has met."""

    world: World
    met: Counter[str] = field(default_factory=Counter)
    _turns: int = 0

    def turn(self) -> None:
        """The next sky; the last one is over."""
        self.clear()
        for endpoint, fault in SKIES[self._turns % len(SKIES)].items():
            self.world.call("PUT", f"faults/{endpoint}", fault)
        self._turns += 1

    def clear(self) -> None:
        """No faults any more."""
        for fault in self.world.call("GET", "faults")["faults"].values():
            if fault["hits"]:
                self.met[fault["kind"]] += fault["hits"]
        self.world.call("DELETE", "faults")
