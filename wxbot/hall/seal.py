"""The seal of a record: a keyed hash by which an organiser knows a file as their own. Pure.

It is made with the deployment's secret key, so it proves nothing to anybody else; for them the chain and the commitment do.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Literal

from wxbot.hall import seal_digest
from wxbot.text import Text
from wxbot.vault import Vault

SealStanding = Literal["ours", "foreign", "none"]
"""ours: made by this installation and not changed since · foreign: elsewhere, or changed, or under a key that is not known any
more · none: there is no seal in it, or it is no record."""

SENTENCES: Mapping[SealStanding, Text] = {
    "ours": Text(
        "封签是本系统的：这份文件由本系统导出，之后没有改过。",
        "The seal is this installation's: the file was made here and has not been changed since.",
    ),
    "foreign": Text(
        "封签不是本系统的：文件出自别的系统，或者导出以后改过；换密钥以前导出的，要设置 WXBOT_SECRET_KEY_OLD 才认得。",
        "The seal is not this installation's: the file comes from elsewhere or was changed after it was made; one from before a "
        "change of the key is recognised while WXBOT_SECRET_KEY_OLD is set.",
    ),
    "none": Text(
        "文件里没有封签，看不出是哪里导出的；“活动记录”里的“完整记录 JSON”才有。",
        "There is no seal in the file, so nothing tells where it was made; the whole record (JSON) has one.",
    ),
}
"""How a seal stands → what is said of it."""

UNKNOWN = Text(
    "这里没有系统的密钥，无法判断封签是不是主办方的：请在主办方的服务器上运行，或在后台的“活动记录”里检查。核对抽取不需要密钥。",
    "Whose seal it is cannot be said here, without an installation's key: run this on the organiser's server, or ask the console's "
    "page of the record. Checking the selections needs no key.",
)


def seal_of(vault: Vault, digest: str) -> str:
    """The seal of what has this digest."""
    return vault.index(f"hall record|{digest}")


def standing(record: Any, *vaults: Vault | None) -> SealStanding:
    """Whose seal a file has, by the keys that this installation has (None: one that it has not). Whatever JSON it is, never an exception."""
    return standing_of(seal_digest.found_in(record), *vaults)


def standing_of(found: Mapping[str, str], *vaults: Vault | None) -> SealStanding:
    """The same of what seal_digest has found in a file."""
    if "seal" not in found:
        return "none"
    if "digest" not in found:
        return "foreign"
    said = found["seal"].encode(errors="replace")
    known = [seal_of(vault, found["digest"]).encode() for vault in vaults if vault]
    return "ours" if any(hmac.compare_digest(each, said) for each in known) else "foreign"
