"""How late this process is: what its streams and races wait for, whoever else is at the machine."""

import asyncio

LOOK_S = 0.1
"""How often it looks."""


class Lateness:
    """The worst by which the event loop came too late to something that was due."""

    def __init__(self) -> None:
        self._worst_s = 0.0

    async def watch(self) -> None:
        """Look as long as the process lives."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._worst_s = max(self._worst_s, loop.time() - due_s)

    def take_ms(self) -> int:
        """The worst since it was asked for last, in whole milliseconds."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return int(worst_s * 1000)
