"""At which hours of each day people can take part: two times of the Shanghai day, of which the second may lie behind midnight."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from wxbot.clock import SHANGHAI
from wxbot.text import Text, time_of_day

DAY_MINUTES = 1440


def minute_of_day(at: datetime) -> int:
    """Minutes after the Shanghai midnight before a moment."""
    local = at.astimezone(SHANGHAI)
    return local.hour * 60 + local.minute


@dataclass(frozen=True)
class DailyHours:
    """Minutes after midnight, from 0 to 1440; `opens` above `closes` is a night: 22:00 to 02:00 ends the next day."""

    opens: int = 0
    closes: int = DAY_MINUTES

    @cached_property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """The open parts of one calendar day, in its order; none when both times are one."""
        whole = (
            ((self.opens, self.closes),) if self.opens <= self.closes else ((0, self.closes), (self.opens, DAY_MINUTES))
        )
        return tuple(part for part in whole if part[0] < part[1])

    @property
    def is_night(self) -> bool:
        """Whether they go on behind midnight."""
        return len(self.parts) == 2

    @property
    def is_all_day(self) -> bool:
        """Whether no minute is shut."""
        return self.minutes == DAY_MINUTES

    @property
    def minutes(self) -> int:
        """How many minutes of a day are open."""
        return sum(end - begin for begin, end in self.parts)

    def is_open(self, minute: int) -> bool:
        """Whether a minute of the day is inside."""
        return any(begin <= minute < end for begin, end in self.parts)

    @property
    def text(self) -> Text:
        """As people read them: 09:00–21:00, 22:00–次日 02:00."""
        begin, end = time_of_day(self.opens), time_of_day(self.closes)
        if self.is_night:
            return Text(f"{begin}–次日 {end}", f"{begin}–{end} the next day")
        said = "、".join(f"{time_of_day(begin)}–{time_of_day(end)}" for begin, end in self.parts)
        return Text(said, said)
