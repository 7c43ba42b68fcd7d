"""Words that are written from right to left stand by themselves: what comes beside them on a page keeps its place.

A name in Arabic or Hebrew would draw the number or the amount that follows it to its other side. Every value that a template
shows goes through `isolated`: the templates are rewritten when they are loaded, so that no page can forget it. A sentence
that holds such a word (gettext) takes it between marks of its own, for it also stands in attributes and titles. Whoever
writes otherwise sees the same bytes as ever. Marks that people type themselves are gone already (`typed`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from babel.support import NullTranslations
from flask import g
from flask_babel import Domain
from jinja2 import pass_context
from jinja2.ext import Extension
from markupsafe import Markup, escape

from wxbot.plurals import counted

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_PIECE = re.compile(r"\{#.*?#\}|\{%.*?%\}|(\{\{-?)(.*?)(-?\}\})|<(/?)(\w+)|>", re.DOTALL)
_PLAIN = ("script", "style", "title", "textarea", "option")
"""Elements that hold text alone: an element within them would be shown as it is written."""

FIRST_STRONG, POP = "\u2068", "\u2069"


def isolated(value: Any) -> Any:
    """The value for a page: a text that holds words from right to left becomes an element that keeps to itself."""
    if type(value) is str and _RIGHT_TO_LEFT.search(value):
        return Markup("<bdi>") + escape(value) + Markup("</bdi>")
    return value


def in_sentence(value: Any) -> Any:
    """The same for a value within a sentence, by marks that no markup needs."""
    if isinstance(value, str) and _RIGHT_TO_LEFT.search(value):
        return f"{FIRST_STRONG}{value}{POP}"
    return value


def _rewritten(source: str) -> Iterator[str]:
    at, is_in_tag, plain = 0, False, ""
    for found in _PIECE.finditer(source):
        yield source[at : found.start()]
        at = found.end()
        opening, expression, closing, slash, element = found.groups()
        if expression is not None:
            is_shown = not is_in_tag and not plain and expression.strip()
            yield f"{opening} ({expression.strip()})|isolated {closing}" if is_shown else found[0]
            continue
        yield found[0]
        if element is not None and not (plain and element != plain):
            is_in_tag = True
            plain = "" if slash else element if element in _PLAIN else plain
        elif found[0] == ">":
            is_in_tag = False
    yield source[at:]


class Isolation(Extension):
    """Every value that a template shows in its text goes through `isolated`; attributes and scripts are left alone."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        environment.filters["isolated"] = isolated

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The template's text as it is compiled."""
        return "".join(_rewritten(source))


class Sentences(Domain):
    """The catalogue; what is put into a sentence keeps to itself."""

    def gettext(self, string: str, **variables: Any) -> str:
        """The sentence in the reader's language."""
        said = str(self.get_translations().ugettext(string))
        return counted(said, variables) % _in_sentence_all(variables) if variables else said

    def get_translations(self) -> NullTranslations:
        """The catalogue of the reader's language, found once in a request: a page asks for a hundred sentences."""
        found: NullTranslations | None = g.get("catalogue") if g else None
        if found is None:
            found = super().get_translations()
            if g:
                g.catalogue = found
        return found


def isolating(sentences: Sentences) -> Callable[..., Any]:
    """The templates' gettext, likewise."""

    @pass_context
    def said_apart(context: Any, string: str, **variables: Any) -> Any:
        said = counted(sentences.get_translations().ugettext(string), variables)
        if context.eval_ctx.autoescape:
            said = Markup(said)  # noqa: S704 - a sentence of ours, as in Jinja's own; what is put into it is escaped
        return said % _in_sentence_all(variables)

    return said_apart


def _in_sentence_all(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: in_sentence(value) for name, value in variables.items()}
