"""Sentences of a page in one of two languages, from a table: name → (Chinese, English)."""

from collections.abc import Mapping


class Phrases:
    """The sentences of one language for templates: `w.title`, `w('per_unit', unit=…, yuan=…)`."""

    table: Mapping[str, tuple[str, str]]

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = 1 if language == "en" else 0

    def __call__(self, name: str, **values: object) -> str:
        return self.table[name][self._column].format(**values)

    def __getattr__(self, name: str) -> str:
        try:
            return self.table[name][self._column]
        except KeyError:
            raise AttributeError(name) from None
