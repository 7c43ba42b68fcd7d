"""When unused memory is looked for. With two thousand sockets a whole look takes 200 to 400 ms in which nobody is answered, and
finds next to nothing: it is left for moments in which no race is on.
"""

import asyncio
import gc
from collections.abc import Callable

TIDY_S = 60.0
"""How often it may be looked for."""

MOST_WAITS = 10
"""So often it waits: a game takes five minutes at most, and one whose end nobody told must not fill the memory."""

NEVER = 1_000_000_000
"""So many younger looks before Python would do a whole one by itself."""


class Tidy:
    """Python's collector of unused memory, on a leash; young objects are still looked at all the time, which takes a millisecond."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        """`is_busy` says whether it should rather wait."""
        self._is_busy = is_busy
        self._waited = 0

    def begin(self) -> None:
        """What has been loaded stays for good and is not looked at again; from now on `look` does what is done."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], NEVER)

    def look(self) -> bool:
        """Free what nobody uses any more; False when it had to wait."""
        if self._is_busy() and self._waited < MOST_WAITS:
            self._waited += 1
            return False
        self._waited = 0
        gc.collect()
        return True

    async def keep(self) -> None:
        """Do so as long as the process lives."""
        self.begin()
        while True:
            await asyncio.sleep(TIDY_S)
            self.look()
