"""WeChat's wire as the platform speaks it: signatures, message crypto, XML out and strict XML in (wechat-protocol §1.7,
§3.6, §5.1-5.3, §6.4). Written from the reference alone and shared with no client."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import xml.parsers.expat
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MAX_DEPTH = 12
MAX_XML_BYTES = 1024 * 1024

#: Characters that XML 1.0 cannot carry at all.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class WireError(Exception):
    """What arrived is not what WeChat would understand. `code` is the number of the official sample library (§5.3)."""

    def __init__(self, reason: str, code: int = -40008) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


# -- signatures -----------------------------------------------------------------------------------------------------


def sha1_of(*words: str) -> str:
    """The words sorted as plain strings, joined, SHA-1 in hex: callback `signature` and `msg_signature` (§5.1, §5.3)."""
    return hashlib.sha1("".join(sorted(words)).encode()).hexdigest()


def v2_text(params: Mapping[str, Any], key: str) -> str:
    """The text a v2 signature is made of: sorted by ASCII name, empty values and `sign` left out, raw UTF-8 (§3.6)."""
    named = sorted((name, str(value)) for name, value in params.items() if name != "sign" and value not in (None, ""))
    return "&".join(f"{name}={value}" for name, value in named) + "&key=" + key


def v2_sign(params: Mapping[str, Any], key: str) -> str:
    """MD5, upper case: WeChat Pay v2 (§3.6) and jumpHongbao with the lottery's key (§1.7)."""
    return hashlib.md5(v2_text(params, key).encode()).hexdigest().upper()


def jsapi_sign(ticket: str, noncestr: str, timestamp: str | int, url: str) -> str:
    """The JS-SDK signature; `url` without its fragment (§6.4)."""
    text = f"jsapi_ticket={ticket}&noncestr={noncestr}&timestamp={timestamp}&url={url.split('#', 1)[0]}"
    return hashlib.sha1(text.encode()).hexdigest()


# -- message crypto -------------------------------------------------------------------------------------------------


def aes_key_bytes(aes_key: str) -> bytes:
    """EncodingAESKey to 32 bytes; spare bits of the 43rd character are ignored (§5.3). Raises WireError -40004."""
    if not re.fullmatch(r"[A-Za-z0-9+/]{43}", aes_key):
        raise WireError("EncodingAESKey must be 43 base64 characters", -40004)
    return base64.b64decode(aes_key + "=")


def seal(message: str, aes_key: str, appid: str, prefix: bytes | None = None) -> str:
    """Encrypts one message: 16 random bytes, length, text, appid, padded to 32-byte blocks, AES-256-CBC (§5.3)."""
    key = aes_key_bytes(aes_key)
    text = message.encode()
    plain = (prefix or secrets.token_bytes(16)) + len(text).to_bytes(4, "big") + text + appid.encode()
    pad = 32 - len(plain) % 32
    plain += bytes([pad]) * pad
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def unseal(encrypted: str, aes_key: str, appid: str) -> str:
    """Opens one `Encrypt`. Raises WireError for anything that is not exactly that (§5.3)."""
    key = aes_key_bytes(aes_key)
    try:
        sealed = base64.b64decode(encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise WireError("Encrypt is not base64", -40010) from None
    if not sealed or len(sealed) % 16:
        raise WireError("Encrypt is not whole AES blocks", -40007)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= 32 or plain[-pad:] != bytes([pad]) * pad or len(plain) - pad < 20:
        raise WireError("wrong padding", -40008)
    plain = plain[:-pad]
    length = int.from_bytes(plain[16:20], "big")
    if length > len(plain) - 20:
        raise WireError("wrong length", -40008)
    try:
        text, tail = plain[20 : 20 + length].decode(), plain[20 + length :].decode()
    except UnicodeDecodeError:
        raise WireError("not UTF-8", -40008) from None
    if tail != appid:
        raise WireError("appid does not match", -40005)
    return text


# -- XML out --------------------------------------------------------------------------------------------------------


def cdata(text: str, is_raw: bool = False) -> str:
    """A text as CDATA; `]]>` inside is split (§8.5), characters XML cannot carry are dropped. Raw: both stay (§5.5)."""
    if is_raw:
        return f"<![CDATA[{text}]]>"
    return "<![CDATA[" + FORBIDDEN.sub("", text).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def element(name: str, value: Any, is_raw: bool = False) -> str:
    """One field: str as CDATA, numbers bare, None empty, dict nested, a list as the element repeated."""
    if isinstance(value, list | tuple):
        return "".join(element(name, each, is_raw) for each in value)
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(element(child, each, is_raw) for child, each in value.items())}</{name}>"
    if value is None:
        return f"<{name}></{name}>"
    return f"<{name}>{cdata(value, is_raw) if isinstance(value, str) else value}</{name}>"


def build_xml(fields: Mapping[str, Any], is_raw: bool = False) -> str:
    """<xml>…</xml> of the fields in their order."""
    return "".join(("<xml>", *(element(name, value, is_raw) for name, value in fields.items()), "</xml>"))


# -- XML in ---------------------------------------------------------------------------------------------------------


class _Reader:
    """Builds nested dicts from expat's events; refuses what WeChat has no use for."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, dict[str, Any], list[str]]] = []
        self.root: tuple[str, Any] | None = None

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if attributes:
            raise WireError(f"{name} has attributes", -40002)
        if len(self.stack) >= MAX_DEPTH:
            raise WireError("too deep", -40002)
        self.stack.append((name, {}, []))

    def text(self, text: str) -> None:
        if self.stack:
            self.stack[-1][2].append(text)

    def end(self, name: str) -> None:
        name, children, pieces = self.stack.pop()
        text = "".join(pieces)
        if children and text.strip():
            raise WireError(f"text beside elements in {name}", -40002)
        value: Any = children if children else text
        if not self.stack:
            self.root = (name, value)
            return
        siblings = self.stack[-1][1]
        if name not in siblings:
            siblings[name] = value
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]

    def refuse(self, *_: Any) -> None:
        raise WireError("a DTD or a processing instruction", -40002)


def read_xml(content: bytes) -> dict[str, Any]:
    """The fields of <xml>…</xml>, strictly: UTF-8, no DTD, no attributes, limited size and depth. A repeated element
    becomes a list. Raises WireError -40002."""
    if len(content) > MAX_XML_BYTES:
        raise WireError("too large", -40002)
    reader = _Reader()
    parser = xml.parsers.expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.ProcessingInstructionHandler = reader.refuse
    parser.buffer_text = True
    try:
        parser.Parse(content.strip(), True)
    except xml.parsers.expat.ExpatError as error:
        raise WireError(f"not XML: {error}", -40002) from None
    if reader.root is None or reader.root[0] != "xml":
        raise WireError("the root element is not <xml>", -40002)
    fields = reader.root[1]
    if not isinstance(fields, dict):
        if fields.strip():
            raise WireError("<xml> holds text only", -40002)
        return {}
    return fields
