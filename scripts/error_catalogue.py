"""Write docs/error-catalogue.md from the rows of wxbot/wechat/errors; a test keeps the page true.

python scripts/error_catalogue.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from wxbot.wechat.errors import APIS, ErrorRow, all_rows  # noqa: E402

PAGE = ROOT / "docs" / "error-catalogue.md"

TITLES = {
    "mp": "Official-account API",
    "shake": "Shake-around and its lotteries",
    "pay": "WeChat Pay: calls that move money",
    "redpack": "WeChat Pay: what sendredpack means otherwise",
    "query": "WeChat Pay: questions about an order, and bills",
    "oauth": "Web sign-in (OAuth)",
    "jsapi": "The bridge on the phone (jumpHongbao)",
    "transfer": "WeChat Pay v3: 商家转账",
    "transfer_reason": "WeChat Pay v3: why a transfer failed",
}

TOLD = ("pay", "redpack", "transfer", "transfer_reason")
"""The families whose refusals keep a person waiting for money."""

HEAD = """\
# Error catalogue

Every error code of WeChat that wxbot knows: what it means, who must act, and what wxbot does. The page is written by
`python scripts/error_catalogue.py` from `wxbot/wechat/errors`; change the rows there.

Who must act: **person** (the one with the phone), **marketer**, **cashier**, **operator** (whoever runs the server), or
nobody, because wxbot or time mends it.

| again | means |
|---|---|
| same | repeated soon, with the same number |
| later | repeated unchanged once the cause is gone |
| query | the outcome is open: wxbot asks first |
| refresh | the token is renewed or the sign-in starts anew, then once more |
| new | the number is dead; a new one is allowed after a question confirms it |
| never | repeating cannot help |

“stop” says that the cause hits everything and not this one request. When WeChat Pay says such a code, wxbot stops sending
and tries one order a minute ([operations.md](operations.md#when-sending-is-stopped)). A code that is not listed counts as unknown: wxbot asks, keeps
the number, and tells the operator.

For calls that owe somebody money the last column is what that person is told.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _line(row: ErrorRow, is_told: bool) -> str:
    stop = "stop" if row.stops_lane else ""
    cells = [f"`{_cell(row.code)}`", _cell(row.zh), _cell(row.en), row.actor, row.retry, stop]
    return f"| {' | '.join([*cells, _cell(row.to_person)] if is_told else cells)} |"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    rows = list(all_rows())
    for api in APIS:
        is_told = api in TOLD
        lines = [_line(row, is_told) for row in rows if row.api == api]
        if lines:
            head = "| code | 含义 | meaning | who | again | |\n|---|---|---|---|---|---|"
            if is_told:
                head = "| code | 含义 | meaning | who | again | | 对等待的人说 |\n|---|---|---|---|---|---|---|"
            parts.append(f"## {TITLES[api]}\n\n{head}\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {sum(1 for _ in all_rows())} codes")
