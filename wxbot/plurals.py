"""The English word that goes with a count, in every sentence: of a Text, of the console's catalogue, and of the pages' scripts.

A sentence holds both forms where the word stands: `{n} {n:person|people}`, in the catalogue `%(n)s {n:person|people}`; static/hall/dom.js
reads the same. Chinese has one form and needs none of it. gettext's own plurals are two sentences for one word, and none for two counts.
"""

import re
from collections.abc import Mapping

_FORMS = re.compile(r"\{(\w+):([^|{}]*)\|([^{}]*)\}")


def plural(count: int, one: str, many: str) -> str:
    """The form that goes with a count: `one` with 1 alone."""
    return one if count == 1 else many


def counted(sentence: str, values: Mapping[str, object]) -> str:
    """A sentence with its words chosen, before its places are filled; a count may be written already ("1", "1,001")."""

    def chosen(found: re.Match[str]) -> str:
        name, one, many = found.groups()
        return found[0] if name not in values else one if str(values[name]) == "1" else many

    return _FORMS.sub(chosen, sentence) if "|" in sentence else sentence
