"""The nonce of one draw: made by us for one person in one campaign, told from a made-up one without looking anywhere.

It goes into the dice, so that nobody outside can foresee one; sent again, it stands for the same draw for ever. The next one
follows from it, so that an answer that was lost and is asked for again names the same next.
"""

import hashlib
import hmac
import re
import secrets

from wxbot.vault import Vault

_RAW_CHARS = 16
_MARK_CHARS = 24
NONCE = re.compile(rf"[0-9a-f]{{{_RAW_CHARS + _MARK_CHARS}}}")


def _marked(vault: Vault, campaign_id: int, openid: str, raw: str) -> str:
    return raw + vault.index(f"nonce|{campaign_id}|{openid}|{raw}")[:_MARK_CHARS]


def fresh(vault: Vault, campaign_id: int, openid: str) -> str:
    """A nonce that nobody had: 40 characters."""
    return _marked(vault, campaign_id, openid, secrets.token_hex(_RAW_CHARS // 2))


def after(vault: Vault, campaign_id: int, openid: str, nonce: str) -> str:
    """The nonce of the draw that follows this one."""
    return _marked(vault, campaign_id, openid, hashlib.sha256(nonce.encode()).hexdigest()[:_RAW_CHARS])


def is_own(vault: Vault, campaign_id: int, openid: str, nonce: str) -> bool:
    """Whether a nonce was made here for this person and campaign."""
    if not NONCE.fullmatch(nonce):
        return False
    return hmac.compare_digest(nonce, _marked(vault, campaign_id, openid, nonce[:_RAW_CHARS]))
