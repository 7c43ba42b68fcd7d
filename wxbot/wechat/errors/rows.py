"""One row per error code: its meaning, who must act, and whether wxbot may try again.

The tables live in the neighbouring modules, one per API family; this module gives them a type and a way in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wxbot.wechat.errors import mp_rows, pay_rows, person_words, shake_rows, transfer_rows

Api = Literal["mp", "shake", "pay", "redpack", "query", "oauth", "jsapi", "transfer", "transfer_reason"]
Actor = Literal["person", "marketer", "cashier", "operator", "nobody"]
Retry = Literal["same", "later", "query", "refresh", "new", "never"]

APIS: tuple[Api, ...] = ("mp", "shake", "pay", "redpack", "query", "oauth", "jsapi", "transfer", "transfer_reason")
ACTORS: tuple[Actor, ...] = ("person", "marketer", "cashier", "operator", "nobody")

# Where a code is looked up when its own family does not list it (wechat-protocol §1.3 "plus global codes", §7.2).
_FALLBACK: dict[str, tuple[str, ...]] = {
    "shake": ("mp",),
    "oauth": ("mp",),
    "query": ("pay",),
    "redpack": ("pay",),
}


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """What one error code means.

    retry: `same` repeat soon with the same number; `later` repeat unchanged once the cause is gone; `query` the outcome
    is open, ask first; `refresh` renew the token or restart OAuth, then once more; `new` this number is dead, a new one
    is allowed after a query; `never` a repeat cannot help.
    stops_lane: the cause hits every order of the merchant, so the breaker opens (money.md rule 13).
    """

    code: str
    api: Api
    zh: str
    en: str
    actor: Actor
    retry: Retry
    stops_lane: bool
    source: str
    is_known: bool = True

    @property
    def to_person(self) -> str:
        """What the person who waits is told, in Chinese."""
        return self._words[0]

    @property
    def to_person_en(self) -> str:
        """What the person who waits is told, in English."""
        return self._words[1]

    @property
    def _words(self) -> person_words.Words:
        return person_words.WORDS.get((self.api, self.code)) or person_words.BY_ACTOR[self.actor]


def _tidy(code: int | str) -> str:
    """WeChat prints some codes with stray blanks ("TIME _LIMITED"); compare without them (wechat-protocol §1.2)."""
    return "".join(str(code).split())


def _load() -> dict[tuple[str, str], ErrorRow]:
    table: dict[tuple[str, str], ErrorRow] = {}
    for module in (mp_rows, shake_rows, pay_rows, transfer_rows):
        for api, source, lines in module.TABLES:
            for code, zh, en, actor, retry, stops in lines:
                row = ErrorRow(code, api, zh, en, actor, retry, stops, source)
                if (api, code) in table:
                    raise ValueError(f"error code {api}/{code} is listed twice")
                table[api, code] = row
    return table


_TABLE = _load()


def row_for(api: str, code: int | str) -> ErrorRow:
    """The row of a code; an unlisted code gets an explicit unknown row that says: ask WeChat, tell the operator."""
    tidy = _tidy(code)
    for family in (api, *_FALLBACK.get(api, ())):
        row = _TABLE.get((family, tidy))
        if row is not None:
            return row
    if api not in APIS:
        raise ValueError(f"unknown API family {api!r}")
    return ErrorRow(
        code=tidy,
        api=api,
        zh=f"微信返回了文档之外的错误码 {tidy[:40]}，结果未知，请先查询，不要换单号",
        en=f"WeChat returned an undocumented code {tidy[:40]}; the outcome is unknown: query first, keep the number",
        actor="operator",
        retry="query",
        stops_lane=False,
        source="wechat-protocol §0.2.3",
        is_known=False,
    )


def all_rows() -> Iterator[ErrorRow]:
    """Every documented row, in the order of the tables."""
    return iter(_TABLE.values())
