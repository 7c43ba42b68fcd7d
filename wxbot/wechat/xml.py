"""The one XML parser and the one XML builder of wxbot.

The parser is expat with everything dangerous answered by a refusal: document types and entities (so no external file
is read and nothing expands), comments and processing instructions, too many bytes, elements or levels, fields that
stand twice. `<!DOCTYPE` inside CDATA is only text a person wrote, and stays text. WeChat's messages are flat with a few
known lists; the names in `REPEATABLE` always come out as lists, so one `AroundBeacon` and five read alike
(wechat-protocol §8.3).

WeChat copies what a person wrote into CDATA as it is, control characters and `]]>` too (§5.5), and its own samples repeat
fields (§5.6): `parse_message` reads a signed message strictly first and, where that fails, as WeChat sends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from xml.parsers import expat

from wxbot.wechat import limits

REPEATABLE = frozenset({"AroundBeacon", "List", "item", "hbinfo"})
MAX_DEPTH = 8
MAX_ELEMENTS = 2_000
_MAX_NAME = 64

Value = Any
"""A leaf is str, an element with children is dict[str, Value], a repeatable child is list[Value]."""
Fields = dict[str, Value]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that no XML document can hold (a carriage return can), and that WeChat copies all the same."""

_OPENS = "<![CDATA["
_CLOSES = re.compile(r"\]\]>(?=\s*(?:</|<!\[CDATA\[))")
"""The end of a CDATA section for certain: the element ends after it, or the next section begins."""

_FIELD = re.compile(
    "[ \n\t]*<([A-Za-z_][A-Za-z0-9_]{0,63})>"
    "(?:<!\\[CDATA\\[([^\\]\x00-\x08\x0b-\x1f\ufffe\uffff]*)\\]\\]>|([^<&\\]\x00-\x08\x0b-\x1f\ufffe\uffff]*))</\\1>"
)
"""One field that holds nothing but its text, in one section or bare, and no character that a parser changes or refuses."""

_TAG_OR_TEXT = re.compile(r"<[^<>]*>|[^<]+")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,8}|x[0-9A-Fa-f]{1,6});|(?!#|[A-Za-z][A-Za-z0-9]{0,31};))")
"""A numeric reference, or an ampersand that begins no reference at all."""


class BadXml(ValueError):
    """The text is not the plain XML that WeChat speaks."""


class ForbiddenXml(BadXml):
    """The text is what WeChat never sends, whoever signed it: a DTD, an entity, another encoding, too many bytes."""


def parse(body: bytes, *, root: str = "xml", max_bytes: int = limits.CALLBACK_BODY_BYTES) -> Fields:
    """Parse one WeChat document strictly; anything unusual raises BadXml, and only BadXml."""
    text = _decoded(body, max_bytes)
    found = _flat(text) if root == "xml" else None
    return _grown(_Tree(root), text) if found is None else found


def parse_message(body: bytes) -> Fields:
    """Parse a message that WeChat signed: strictly, and when that fails as WeChat sends it (wechat-protocol §5.5).

    Characters that XML cannot hold are dropped; a `]]>` that ends no section is text; a field that stands twice becomes a
    list, which no reader takes for a text; attributes, and text beside elements, are passed over. What is then still not
    certain raises BadXml, and what must be refused whoever signed it raises ForbiddenXml.
    """
    try:
        return parse(body)
    except ForbiddenXml:
        raise
    except BadXml:
        return _grown(_TreeAsSent("xml"), _as_sent(_decoded(body, limits.CALLBACK_BODY_BYTES).lstrip()))


def _decoded(body: bytes, max_bytes: int) -> str:
    if len(body) > max_bytes:
        raise ForbiddenXml("too big")
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    if body[:2] in (b"<\0", b"\0<"):
        raise ForbiddenXml("not UTF-8")
    try:
        return body.decode("utf-8")  # decoded here: a UTF-16 mark would make expat switch
    except UnicodeDecodeError as error:
        raise ForbiddenXml("not UTF-8") from error


def _flat(text: str) -> Fields | None:
    """The fields of a message as WeChat writes nearly all of them: texts side by side, nothing to unescape; else None.

    A third of the parser's time. What it reads the parser reads the same, which a test holds them to.
    """
    if not text.startswith("<xml>"):
        return None
    fields: Fields = {}
    place = len("<xml>")
    while field := _FIELD.match(text, place):
        name, in_section, bare = field.groups()
        if name in fields or name in REPEATABLE:
            return None
        fields[name] = bare if in_section is None else in_section
        place = field.end()
    is_whole = 0 < len(fields) < MAX_ELEMENTS and text[place:].strip(" \n\t") == "</xml>"
    return fields if is_whole else None


def _grown(tree: _Tree, text: str) -> Fields:
    try:
        tree.parser.Parse(text, True)
    except BadXml:
        raise
    except (expat.ExpatError, ValueError) as error:
        raise BadXml("not well formed") from error
    return tree.finish()


def _as_sent(text: str) -> str:
    """The document with each text such that a parser takes it; markup stays as it is. In one pass, however long."""
    parts: list[str] = []
    place = 0
    while (begin := text.find(_OPENS, place)) >= 0:
        end = _CLOSES.search(text, begin)
        if end is None:
            raise BadXml("a CDATA section without an end")
        inside = _NO_XML.sub("", text[begin + len(_OPENS) : end.start()])  # may join `]]` and `>`: split after it
        parts += (_outside(text[place:begin]), _section(inside))
        place = end.end()
    return "".join((*parts, _outside(text[place:])))


def _outside(text: str) -> str:
    """What stands between CDATA sections: tags as they are, texts without what no parser takes."""
    return _TAG_OR_TEXT.sub(lambda piece: _text_as_sent(piece[0]) if piece[0][0] != "<" else piece[0], text)


def _text_as_sent(text: str) -> str:
    return _REFERENCE.sub(_reference_as_sent, _NO_XML.sub("", text)).replace("]]>", "]]&gt;")


def _reference_as_sent(found: re.Match[str]) -> str:
    digits = found[1]
    if digits is None:
        return "&amp;"
    code = int(digits[1:], 16) if digits[0] == "x" else int(digits)
    is_character = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 and not _NO_XML.match(chr(code))
    return found[0] if is_character else ""


class _Tree:
    """The growing document: a stack of open elements, each with its children and its text."""

    __slots__ = ("_children", "_names", "_root", "_text", "_values", "parser", "seen")

    def __init__(self, root: str) -> None:
        self._root = root
        self._names: list[str] = []
        self._children: list[Fields | None] = []
        self._text: list[str] = []
        self._values: Fields | None = None
        self.seen = 0
        parser = expat.ParserCreate(encoding="utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.ExternalEntityRefHandler = _refuse
        parser.SkippedEntityHandler = _refuse
        parser.CommentHandler = _unexpected
        parser.ProcessingInstructionHandler = _unexpected
        parser.XmlDeclHandler = _declared
        self.parser = parser

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.seen += 1
        depth = len(self._names)
        if self.seen > MAX_ELEMENTS or depth >= MAX_DEPTH or len(name) > _MAX_NAME:
            raise BadXml("too many or too deep elements")
        if attributes:
            raise BadXml("attributes")
        if depth == 0:
            if name != self._root:
                raise BadXml("wrong root element")
        else:
            siblings = self._children[-1]
            if siblings is None:
                siblings = self._children[-1] = {}
                if self._text[-1].strip():
                    raise BadXml("text beside elements")
            if name in siblings and name not in REPEATABLE:
                raise BadXml("the same field stands twice")
        self._names.append(name)
        self._children.append(None)
        self._text.append("")

    def _characters(self, text: str) -> None:
        if self._children[-1] is None:
            self._text[-1] += text
        elif text.strip():
            raise BadXml("text beside elements")

    def _end(self, _name: str) -> None:
        name = self._names.pop()
        children = self._children.pop()
        text = self._text.pop()
        value: Value = text if children is None else children
        if not self._names:
            self._values = children if children is not None else {}
            if children is None and text.strip():
                raise BadXml("text in the root element")
            return
        parent = self._children[-1]
        if parent is None:  # cannot happen: _start made it before this child opened
            raise BadXml("no parent")
        if name in REPEATABLE:
            parent.setdefault(name, []).append(value)
        else:
            parent[name] = value

    def finish(self) -> Fields:
        if self._values is None:
            raise BadXml("empty document")
        return self._values


class _TreeAsSent(_Tree):
    """A tree that passes over what our parser does not expect, and believes no field that stands twice."""

    __slots__ = ()

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        self.seen += 1
        depth = len(self._names)
        if self.seen > MAX_ELEMENTS or depth >= MAX_DEPTH or len(name) > _MAX_NAME:
            raise BadXml("too many or too deep elements")
        if depth == 0 and name != self._root:
            raise BadXml("wrong root element")
        if depth and self._children[-1] is None:
            self._children[-1] = {}
        self._names.append(name)
        self._children.append(None)
        self._text.append("")

    def _characters(self, text: str) -> None:
        if self._children[-1] is None:
            self._text[-1] += text

    def _end(self, name: str) -> None:
        parent = self._children[-2] if len(self._names) > 1 else None
        if parent is None or name in REPEATABLE or name not in parent:
            super()._end(name)
            return
        before = parent.pop(name)
        super()._end(name)
        parent[name] = [*(before if isinstance(before, list) else [before]), parent[name]]


def _refuse(*_arguments: object) -> NoReturn:
    raise ForbiddenXml("document types and entities are refused")


def _unexpected(*_arguments: object) -> NoReturn:
    raise BadXml("comments and instructions are refused")


def _declared(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding and encoding.lower() not in ("utf-8", "utf8"):
        raise ForbiddenXml("not UTF-8")


def text_of(fields: Mapping[str, Value], name: str, default: str = "") -> str:
    """A leaf's text; a missing field or one with children reads as the default."""
    value = fields.get(name)
    return value if isinstance(value, str) else default


def children_of(fields: Mapping[str, Value], name: str) -> Fields:
    """The children of a nested element; an empty or missing one has none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def rows_of(fields: Mapping[str, Value], container: str, name: str) -> list[Fields]:
    """The repeated elements of a container, whether there are none, one or many."""
    rows = children_of(fields, container).get(name, [])
    return [row for row in rows if isinstance(row, dict)]


def build(fields: Mapping[str, object], *, root: str = "xml") -> bytes:
    """Build a document whose texts cannot break out of their field, and prove it by parsing it again (security.md S16b).

    Strings go into CDATA with `]]>` split, integers stand bare; control characters, carriage returns and strange
    names raise BadXml.
    """
    parts: list[str] = [f"<{root}>"]
    _write(parts, fields)
    parts.append(f"</{root}>")
    document = "".join(parts).encode()
    if _grown(_Tree(root), _decoded(document, len(document))) != _as_read(fields):
        raise BadXml("the built document does not read back as it was meant")
    return document


def _write(parts: list[str], fields: Mapping[str, object]) -> None:
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise BadXml("bad element name")
        rows = value if isinstance(value, (list, tuple)) else (value,)
        for row in rows:
            if isinstance(row, Mapping):
                parts.append(f"<{name}>")
                _write(parts, row)
                parts.append(f"</{name}>")
            elif isinstance(row, bool) or not isinstance(row, (int, str)):
                raise BadXml("only text and whole numbers")
            elif isinstance(row, int):
                parts.append(f"<{name}>{row}</{name}>")
            else:
                parts.append(f"<{name}>{cdata(row)}</{name}>")


def cdata(text: str) -> str:
    """A text as CDATA that nothing inside can close (wechat-protocol §8.5)."""
    if _FORBIDDEN.search(text):
        raise BadXml("control characters")
    return _section(text)


def _section(text: str) -> str:
    return _OPENS + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _as_read(value: object) -> Value:
    """What the parser must return for a built value."""
    if isinstance(value, Mapping):
        read: Fields = {}
        for name, child in value.items():
            if isinstance(child, Sequence) and not isinstance(child, str):
                if child:
                    read[name] = [_as_read(row) or "" for row in child]
            elif name in REPEATABLE:
                read[name] = [_as_read(child) or ""]
            else:
                read[name] = _as_read(child)
                if read[name] == {}:
                    read[name] = ""
        return read
    return str(value)
