"""Why something was not taken: a reason for programs, a sentence in two languages for people."""


class Refused(Exception):
    """Nothing was changed. `reason` is for tests and scripts; the sentences say what to do."""

    def __init__(self, reason: str, chinese: str, english: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.chinese = chinese
        self.english = english

    def text(self, language: str = "zh") -> str:
        """The sentence in one language ("zh", "zh_CN" or "en")."""
        return self.chinese if language.startswith("zh") else self.english


class BadAmount(Refused):
    """The amount does not fit the kind's rule."""


class BadPhoto(Refused):
    """The photo cannot be kept; another one may."""


class Busy(Refused):
    """Too much to do at this moment: the same request may succeed in a few seconds."""
