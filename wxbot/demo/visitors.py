"""People who come into a demo that stands open, so that its campaigns live: by the wheel's link, by the word for a card, by shaking."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from wxbot.campaigns import entries
from wxbot.demo.actors import World
from wxbot.demo.hall_guest import Guest
from wxbot.demo.people_clients import Player

EVERY_S = 8
"""Between one visitor and the next."""

MOST = 18
"""So many come; after that the shop is the visitor's own."""

WAYS = (entries.QR, entries.POSTER, entries.LINK)


HALL_GUESTS = 60


def fill_hall(base_url: str, world: World, door: str, word: str, is_open: Callable[[], bool]) -> None:
    """Sixty of the simulator's guests come to the hall's door once it is open, and stay: they catch, shake and hang on the wall of
    phones like those whom a visitor sends."""
    (known,) = world.call("POST", "people", {"count": 1})["people"]
    doorman = Guest(world, known, base_url=base_url)
    doorman.take_phone()
    while not doorman.may_sign_in(door):  # a worker opens the doors some seconds after the launch
        if not is_open():
            return
        time.sleep(1)
    world.call("POST", "hall/guests", {"url": door, "word": word, "count": HALL_GUESTS})


@dataclass(frozen=True)
class OpenDoors:
    """What people can come to: the slugs of wheel and hall, the word for a card, the beacon to shake at."""

    wheel: str
    hall: str
    word: str
    device_id: int


def let_in(base_url: str, world: World, doors: OpenDoors, is_open: Callable[[], bool]) -> None:
    """One visitor after the other until all have come or the demo ends. Raises StoryProblem when one gets stuck."""
    for n in range(MOST):
        for _ in range(EVERY_S):
            time.sleep(1)
            if not is_open():
                return
        (known,) = world.call("POST", "people", {"count": 1})["people"]
        person = Player(world, known, base_url=base_url)
        person.take_phone()
        if n % 3 == 0:
            _turn(person, entries.address(base_url, doors.wheel, WAYS[n // 3 % len(WAYS)]))
        elif n % 3 == 1:
            _turn(person, person.card_for(doors.word))
        else:
            _shake(person, doors.device_id)


def _turn(person: Player, url: str) -> None:
    """Draw at a page, and take the first money that was won; the rest waits for its deadline, and a code is there at once."""
    for award in [each for each in person.draw_all(url) if each["state"] == "open"][:1]:
        person.ask_for(award["id"])
        person.take_award(award["id"])


def _shake(person: Player, device_id: int) -> None:
    """Shake at the beacon, and open what was won."""
    person.walk_to(device_id)
    url = person.shake()
    answer = person.ask_to_draw(url, person.open_page(url))
    if "jump" in answer:
        person.jump(url, answer["jump"])
        person.open_packets()
