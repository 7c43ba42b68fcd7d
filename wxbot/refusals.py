"""How features say no: a fault belongs to a field of a form, a refusal to the moment or the person; both in two languages."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field, and what to do, in both languages."""

    field: str
    zh: str
    en: str

    def text(self, locale: str) -> str:
        """The sentence in the reader's language ('zh…' or anything else for English)."""
        return self.zh if locale.startswith("zh") else self.en


class Faulty(ValueError):
    """A form cannot be taken; `faults` names every reason with its field."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.en}" for fault in faults))
        self.faults = list(faults)


class Refused(Exception):
    """Not in this state, or not by this person; carries both languages."""

    def __init__(self, reason: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.reason, self.zh, self.en = reason, zh, en

    def text(self, locale: str) -> str:
        """The sentence in the reader's language."""
        return self.zh if locale.startswith("zh") else self.en
