"""A form of a console page as a browser would send it."""

from __future__ import annotations

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.is_inside = form_id, False
        self.fields: dict[str, list[str]] = {}
        self.hidden: dict[str, bool] = {}
        """Field → whether the card that holds it is hidden."""
        self._is_hidden = False
        self._select = self._text = ""
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in pairs}
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        if not self.is_inside:
            return
        if tag == "section":
            self._is_hidden = "hidden" in given
        name = given.get("name", "")
        if tag == "select":
            self._select, self._options = name, []
        elif tag == "option":
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._text = name
            self._put(name, "")
        elif tag == "input" and name and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self._put(name, given.get("value", ""), given.get("type") == "hidden")

    def handle_data(self, data: str) -> None:
        if self._text:
            self.fields[self._text][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "textarea":
            self._text = ""
        elif tag == "select" and self._select:
            chosen = [value for value, is_chosen in self._options if is_chosen] or [self._options[0][0]]
            self._put(self._select, chosen[0])
            self._select = ""

    def _put(self, name: str, value: str, is_untyped: bool = False) -> None:
        self.fields.setdefault(name, []).append(value)
        if not is_untyped:
            self.hidden[name] = self._is_hidden


def fields_of(page: str, form_id: str = "draft") -> dict[str, list[str]]:
    """Field → what stands in it, one value for each time it stands in the form."""
    return _read(page, form_id).fields


def typed_into(page: str, form_id: str = "draft") -> set[str]:
    """The fields that a reader of the page sees, and can type into."""
    return {name for name, is_hidden in _read(page, form_id).hidden.items() if not is_hidden}


def _read(page: str, form_id: str) -> _Fields:
    found = _Fields(form_id)
    found.feed(page)
    return found
