"""What every payment channel must answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from wxbot.settings import Settings
from wxbot.wechat.pay import PayAnswer, PayClient


@dataclass(frozen=True)
class Wish:
    """What a feature asks an order to do: who wants it, how much, and the texts a person will see."""

    reason_kind: str
    reason_id: int
    budget_id: int
    amount_fen: int
    texts: Mapping[str, str]
    attempt: int = 1
    openid: str | None = None


class Channel(Protocol):
    """One API of WeChat Pay that moves money by our own number."""

    name: str
    life: timedelta
    """How long the money waits for a person before it goes back."""

    def freeze(self, settings: Settings, mch_billno: str, wish: Wish) -> dict[str, str]:
        """The complete business parameters, fixed for ever once the order exists (money rule 1, I5)."""
        ...

    def send(self, pay: PayClient, params: Mapping[str, str]) -> PayAnswer:
        """One call with the frozen parameters. Raises NotSent or Unanswered; never retries."""
        ...

    def query(self, pay: PayClient, mch_billno: str) -> PayAnswer:
        """Ask what became of a number. Raises NotSent or Unanswered."""
        ...

    def proof(self, fields: Mapping[str, str]) -> tuple[str, str | None] | None:
        """(WeChat's packet number, sp_ticket or None) from a successful answer; None when it proves nothing."""
        ...
