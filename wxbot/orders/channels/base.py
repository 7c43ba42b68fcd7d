"""What every payment channel must answer, and the words in which it tells what WeChat said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Text
from wxbot.wechat.pay_texts import TextFault


@dataclass(frozen=True)
class PaymentRequest:
    """What a feature asks an order to do: who wants it, how much, and the texts a person will see."""

    reason_kind: str
    reason_id: int
    budget_id: int
    amount_fen: int
    texts: Mapping[str, str]
    attempt: int = 1
    openid: str | None = None
    fund: str = "reserved"
    """The ledger account that pays it (orders/models.FUNDS)."""


State = Literal["placed", "unproven", "moving", "received", "returned", "failed", "refused"]


@dataclass(frozen=True)
class ProviderStatus:
    """What one answer says about one order, in words that all channels share.

    placed: WeChat has the money ready for the person. unproven: it says success, but proof or echo is missing. moving:
    it has the order and works on it. received, returned, failed: its end. refused: `code` says why; whether anything
    was moved is open.
    """

    state: State
    code: str = ""
    detail_id: str | None = None
    secret: str | None = None
    """What the person's phone needs to take the money: sp_ticket or package_info; it is stored sealed."""
    openid: str | None = None
    placed_at: datetime | None = None
    raw: str = ""


@dataclass(frozen=True)
class Sighting:
    """What WeChat knows of a number that we do not: who has the money or shall have it, as far as it tells."""

    state: State
    amount_fen: int
    openid: str | None = None
    """None while WeChat does not say: of a red packet it names the person only once they have opened it."""
    detail_id: str | None = None
    placed_at: datetime | None = None
    texts: tuple[str, str, str] | None = None
    """act_name, wishing, remark of a red packet; a transfer tells none."""


class SetupFault(NamedTuple):
    """What is missing in the settings before a channel can pay, and how it is mended."""

    text: Text
    mend: Text


class Channel(Protocol):
    """One API of WeChat Pay that moves money by our own number, and all that is particular to it: nobody else asks its name."""

    name: str
    word: Text
    """What people call it."""
    version: str
    """The API version, `v2` or `v3`: each has keys, rights and switches of its own, so an error stops all channels of one."""
    stopped_word: Text
    """What stops with that version."""
    life: timedelta
    """How long the money waits for a person before it goes back."""
    api: str
    """The family of its error codes in the catalogue."""
    query_api: str
    """The family of the codes that refuse a question."""
    end_api: str
    """The family of the codes with which it says why it failed in the end."""
    state_words: Mapping[str, tuple[Text, str]]
    """A state of WeChat's → what staff read of it, and its tone: good, bad, wait or nothing."""
    stages: frozenset[str]
    """States of WeChat's that may stand where a code stands: it has the order and works on it."""
    can_cancel: bool
    """Whether WeChat can be asked to take an order back that nobody has taken."""
    is_confirmed: bool
    """Whether its person takes the money on a page of ours, and not in the chat."""
    has_notice: bool
    """Whether WeChat posts a notice when it has ended (orders/notify)."""
    holding: str
    """The ledger account that holds the money once WeChat has placed it: `tickets` or `unclaimed`."""
    needs_secret: bool
    """Whether an order without its secret is of no use: then the same number is sent again to get it."""
    amounts_fen: tuple[int, int]
    """The least and the most of one payment, in fen, as WeChat gives them to every merchant."""
    is_billed_when_placed: bool
    """Whether the fund bill shows the payment from the day on which WeChat placed it, taken by a person or not."""

    def rests_at_night(self, settings: Settings) -> bool:
        """Whether nothing is sent over it from 0:00 to 8:00 Beijing time."""
        ...

    def setup_faults(self, settings: Settings) -> Sequence[SetupFault]:
        """Why it could not pay everything that the settings allow; for `wxbot doctor`, the gravest first."""
        ...

    def has_keys(self, settings: Settings) -> bool:
        """Whether the settings hold the keys of its version: without them WeChat cannot even be asked."""
        ...

    def text_fault(self, field: str, text: str) -> TextFault | None:
        """What WeChat would refuse in a text of ours (send_name, act_name, wishing, remark); None also where it takes none."""
        ...

    def freeze(self, settings: Settings, mch_billno: str, payment_request: PaymentRequest) -> dict[str, Any]:
        """The complete business parameters, fixed for ever once the order exists (money rule 1, I5)."""
        ...

    def send(self, runtime: Runtime, params: Mapping[str, Any]) -> Any:
        """One call with the frozen parameters; its answer. Raises NotSent or Unanswered; never retries."""
        ...

    def query(self, runtime: Runtime, mch_billno: str) -> Any:
        """Ask what became of a number; the answer. Raises NotSent or Unanswered."""
        ...

    def cancel(self, runtime: Runtime, mch_billno: str) -> Any:
        """Ask to take it back; the answer. Raises NotSent or Unanswered, NotImplementedError where there is no such API."""
        ...

    def parse_status(self, order: Order, answer: Any, *, is_query: bool) -> ProviderStatus:
        """What an answer of `send` or `query` says about the order. Pure."""
        ...

    def sighted(self, answer: Any) -> Sighting | None:
        """What an answer of `query` says about a number without an order of ours; None when WeChat does not know it. Pure.

        Raises WeChatError for an answer that says neither.
        """
        ...
