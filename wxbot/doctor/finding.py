"""What a check found."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from wxbot.logs import mask_text

Verdict = Literal["good", "note", "bad"]
"""good: as it should be · note: fine so far, or only a person can look · bad: mend it."""

MARKS: dict[Verdict, str] = {"good": "✓", "note": "!", "bad": "✗"}


_CONNECTION = re.compile(r"\w+Error: _\w+\(.*?\): |Failed to establish a new connection: ")
"""What urllib3 says before the part that a person understands."""


@dataclass(frozen=True)
class Finding:
    """One check's verdict, said in Chinese and English, and how to mend it (empty when there is nothing to mend)."""

    verdict: Verdict
    zh: str
    en: str
    mend: str = ""
    mend_en: str = ""
    name: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to act before wxbot can work."""
        return self.verdict == "bad"

    def named(self, name: str) -> "Finding":
        """The same finding with its check's name."""
        return replace(self, name=name)

    def as_fields(self) -> dict[str, str | bool]:
        """For JSON."""
        return {
            "check": self.name,
            "ok": not self.is_bad,
            "verdict": self.verdict,
            "zh": self.zh,
            "en": self.en,
            "mend": self.mend,
            "mend_en": self.mend_en,
        }


def good(zh: str, en: str) -> Finding:
    """As it should be."""
    return Finding("good", zh, en)


def note(zh: str, en: str, mend: str = "", mend_en: str = "") -> Finding:
    """Worth knowing, or to be looked at by a person. A `mend` that is a command reads the same in both languages."""
    return Finding("note", zh, en, mend, mend_en or mend)


def bad(zh: str, en: str, mend: str, mend_en: str = "") -> Finding:
    """Must be mended. A `mend` that is a command reads the same in both languages."""
    return Finding("bad", zh, en, mend, mend_en or mend)


def reason(error: BaseException) -> str:
    """An error's text on one line, without secrets, not too long."""
    text = _CONNECTION.sub("", " ".join(str(error).split()))
    return mask_text(text)[:200] or type(error).__name__


def trouble_of(error: Exception) -> Finding:
    """The finding of a check that could not finish."""
    text = f"{type(error).__name__}: {reason(error)}"
    return bad(
        f"检查没有完成：{text}",
        f"The check did not finish: {text}",
        "先解决上面的问题，再运行一次 wxbot doctor",
        "mend what stands above, then run wxbot doctor again",
    )
