"""A sentence in two languages, and a refusal that carries one: what every feature says to people comes in these shapes.

Chinese and English are written together, where the thing is known; which of them is shown is decided where it is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from wxbot.clock import SHANGHAI
from wxbot.plurals import counted


def filled(sentence: str, **values: object) -> str:
    """A sentence with its places filled, and the words that go with its counts. Raises KeyError for a place without a value."""
    return counted(sentence, values).format(**values)


class Text(NamedTuple):
    """One sentence in both languages."""

    zh: str
    en: str

    def within(self, language: str) -> str:
        """The sentence in a language: 'zh', 'zh_CN' … or 'en'."""
        return self.en if language.startswith("en") else self.zh

    def format(self, **values: object) -> "Text":
        """The sentence with its places filled, in both languages; several things in a list as each of them names several."""
        several = {name: listed(value) for name, value in values.items() if isinstance(value, list)}
        zh, en = ({name: each.within(language) for name, each in several.items()} for language in ("zh", "en"))
        return Text(filled(self.zh, **values | zh), filled(self.en, **values | en))

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


def listed(things: Iterable[object]) -> Text:
    """Several things as a sentence names them: 1、2、3 and 1, 2, 3."""
    each = [*map(str, things)]
    return Text("、".join(each), ", ".join(each))


def lines(*texts: Text) -> Text:
    """Sentences under each other; empty ones are left out."""
    return Text(
        "\n".join(filter(None, (text.zh for text in texts))), "\n".join(filter(None, (text.en for text in texts)))
    )


def day_text(at: datetime) -> Text:
    """A day in Shanghai as people in China read it."""
    local = at.astimezone(SHANGHAI)
    return Text(f"{local.month}月{local.day}日", f"{local:%Y-%m-%d}")


def time_of_day(minutes: int) -> str:
    """Minutes after midnight as a clock shows them: 545 → "09:05"."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def moment_text(at: datetime) -> Text:
    """A moment as people in China read it, in Shanghai: month, day, hour and minute."""
    local = at.astimezone(SHANGHAI)
    return Text(f"{local.month}月{local.day}日 {local:%H:%M}", f"{local:%Y-%m-%d %H:%M}")


class Phrases:
    """The sentences of one language for templates: `w.title`, `w('per_unit', unit=…, yuan=…)`."""

    table: Mapping[str, Text]

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, name: str, **values: object) -> str:
        return filled(self.table[name].within(self.language), **values)

    def __getattr__(self, name: str) -> str:
        try:
            return self.table[name].within(self.language)
        except KeyError:
            raise AttributeError(name) from None

    def moment(self, at: datetime) -> str:
        """A moment in Shanghai, in this language."""
        return moment_text(at).within(self.language)


class Refusal(Exception):
    """Not in this state, not by this person, or not with this value: nothing was changed.

    `reason` is a word for logs, scripts and tests; `text` says to a person what to do; `field` names the field of the
    form that is wrong, if it is one.
    """

    def __init__(self, reason: str, text: Text, field: str = "") -> None:
        super().__init__(reason, text, field)
        self.reason, self.text, self.field = reason, text, field

    def __str__(self) -> str:
        return f"{self.field or self.reason}: {self.text}"


def fault(field: str, zh: str, en: str) -> Refusal:
    """What is wrong with one field of a form, and what to do."""
    return Refusal("faulty", Text(zh, en), field)


class Faulty(Refusal):
    """A form cannot be taken; `faults` names every reason with its field."""

    def __init__(self, faults: Sequence[Refusal]) -> None:
        texts = [each.text for each in faults]
        super().__init__("faults", Text("；".join(text.zh for text in texts), "; ".join(text.en for text in texts)))
        self.faults = list(faults)
