"""The table of dialogues: every step with its question, what counts as an answer, what comes next, and its time-out.

Everything here is pure: a step sees the message and the answers so far, nothing else. What must be looked up is put into
the answers when the dialogue opens, so that "2" means what was called 2 in the question. What must be done is named here
and lives in works.py. Phone numbers and codes are `carried` to the work and never kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from wxbot.money import NotANumber, NotMoney, half_width, parse_number, parse_yuan
from wxbot.people import codes, languages, phones
from wxbot.replies.dialogues import words
from wxbot.replies.rules import normalise
from wxbot.text import Text
from wxbot.vouchers.kinds import UNITS_AT_MOST
from wxbot.vouchers.submit import PHOTOS_AT_MOST

TIMEOUT = timedelta(minutes=10)
WHOLE = re.compile(r"[0-9]{1,5}")

GivenAnswers = Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """One message of a person, as a dialogue sees it."""

    openid: str
    key: str
    """The same for every delivery of the message (money F36)."""
    created_unix: int
    kind: Literal["text", "photo", "other"]
    text: str = ""
    media_id: str = ""
    start: str = ""
    """The dialogue that this message asks for, if any."""
    greeting: str = ""
    """What the rule that starts the dialogue says first."""
    is_answered_elsewhere: bool = False
    """Whether a rule or a campaign would answer this message."""
    shows: str | None = None
    """The language that the person writes, where the message shows one."""


@dataclass(frozen=True)
class Parsed:
    """What a step made of a message: a value to keep, or a sentence that says what was expected."""

    sorry: Text | None = None
    value: Any = None
    carried: str = ""
    """For the step's work only; never stored (security S58)."""
    stays: bool = False
    """The step goes on: a photo was kept and `sorry` says so, or its work was asked for once more."""
    work: str = ""
    """Another work than the step's own (a code is to be sent again)."""
    go: str = ""
    """Another step, without any work: the person wants to correct what they said before."""


def _as_declared(_answers: GivenAnswers) -> str:
    return ""


@dataclass(frozen=True)
class Step:
    """One question. `then` names the step after it, empty for the end; a work may decide otherwise."""

    name: str
    prompt: Callable[[GivenAnswers], Text]
    hear: Callable[[Turn, GivenAnswers], Parsed]
    then: Callable[[GivenAnswers], str] = _as_declared
    work: str = ""
    timeout: timedelta = TIMEOUT
    at_timeout: Literal["end", "finish"] = "end"
    """finish: what was sent so far is not thrown away, the worker does the step's work with it."""


@dataclass(frozen=True)
class Declared:
    """A dialogue: what starts it, what opens it (works.OPENINGS), and its steps; none when it answers at once."""

    name: str
    title: Text
    keywords: tuple[str, ...]
    """The first one is said to those who read Chinese, the last one to everybody else."""
    steps: tuple[Step, ...] = ()

    @property
    def keyword(self) -> Text:
        """The word that starts it, in each language."""
        return Text(self.keywords[0], self.keywords[-1])

    @property
    def is_instant(self) -> bool:
        """Whether it is one answer, with nothing to wait for."""
        return not self.steps

    def step(self, name: str) -> Step:
        """A step by its name. Raises KeyError for a name that is not declared."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(f"{self.name}.{name}")


# --- bind ---------------------------------------------------------------------------------------------------------


def _ask_phone(answers: GivenAnswers) -> Text:
    bound = answers.get("bound", "")
    return words.ASK_NEXT_PHONE.format(phone=bound) if bound else words.ASK_PHONE


def _hear_phone(turn: Turn, _answers: GivenAnswers) -> Parsed:
    if turn.kind != "text":
        return Parsed(sorry=words.TEXT_WANTED)
    try:
        phone = phones.normalise(turn.text)
    except phones.BadPhone as bad:
        return Parsed(sorry=bad.text)
    return Parsed(value=phones.masked(phone), carried=phone)


def _ask_code(_answers: GivenAnswers) -> Text:
    return words.ASK_CODE


def _hear_code(turn: Turn, _answers: GivenAnswers) -> Parsed:
    if turn.kind != "text":
        return Parsed(sorry=words.TEXT_WANTED)
    said = normalise(turn.text)
    if said in words.RESEND:
        return Parsed(work="resend_code", stays=True)
    if said in words.OTHER_PHONE:
        return Parsed(go="phone")
    try:  # a whole number instead of a code: the first one was wrong
        return Parsed(carried=phones.normalise(turn.text), work="ask_code", stays=True)
    except phones.BadPhone:
        pass
    digits = codes.read(turn.text)
    return Parsed(carried=digits) if digits else Parsed(sorry=words.BAD_CODE)


# --- upload -------------------------------------------------------------------------------------------------------


def _kinds(answers: GivenAnswers) -> list[Mapping[str, Any]]:
    return list(answers.get("kinds", ()))


def chosen_kind(answers: GivenAnswers) -> Mapping[str, Any]:
    """The kind of voucher that was chosen, as it was when the dialogue opened."""
    return _kinds(answers)[answers.get("kind", 0)]


def _ask_kind(answers: GivenAnswers) -> Text:
    return words.ASK_KIND.format(kinds="\n".join(f"{n}. {kind['name']}" for n, kind in enumerate(_kinds(answers), 1)))


def _hear_kind(turn: Turn, answers: GivenAnswers) -> Parsed:
    said, kinds = normalise(turn.text), _kinds(answers)
    names = [normalise(kind["name"]) for kind in kinds]
    if turn.kind == "text" and WHOLE.fullmatch(said) and 1 <= int(said) <= len(kinds):
        return Parsed(value=int(said) - 1)
    if turn.kind == "text" and said in names:
        return Parsed(value=names.index(said))
    return Parsed(sorry=words.BAD_KIND)


def after_kind(answers: GivenAnswers) -> str:
    """Units or an amount when the kind's rule needs them, else the photos."""
    return {"per_unit": "units", "free": "amount"}.get(chosen_kind(answers)["rule"], "photos")


def _ask_units(answers: GivenAnswers) -> Text:
    kind = chosen_kind(answers)
    return words.ASK_UNITS.format(kind=kind["name"], unit=kind["unit"] or "件")


def _hear_units(turn: Turn, answers: GivenAnswers) -> Parsed:
    unit = half_width(chosen_kind(answers)["unit"] or "件").casefold()
    try:
        units = parse_number(half_width(turn.text).casefold().removesuffix(unit))
    except NotANumber:
        units = 0
    if turn.kind != "text" or not 1 <= units <= UNITS_AT_MOST:
        return Parsed(sorry=words.BAD_UNITS)
    return Parsed(value=units)


def _ask_amount(answers: GivenAnswers) -> Text:
    return words.ASK_AMOUNT.format(kind=chosen_kind(answers)["name"])


def _hear_amount(turn: Turn, _answers: GivenAnswers) -> Parsed:
    try:
        return Parsed(value=parse_yuan(turn.text)) if turn.kind == "text" else Parsed(sorry=words.BAD_AMOUNT)
    except NotMoney:
        return Parsed(sorry=words.BAD_AMOUNT)


def _photos(answers: GivenAnswers) -> list[str]:
    return list(answers.get("photos", ()))


def _ask_photos(answers: GivenAnswers) -> Text:
    sent = len(_photos(answers))
    if sent:
        return words.GOT_PHOTO.format(n=sent)
    if "voucher_id" in answers:
        return words.ASK_RETAKE
    kind = chosen_kind(answers)
    return words.ASK_PHOTOS.format(kind=kind["name"], ask=kind["ask"], most=PHOTOS_AT_MOST)


def _hear_photos(turn: Turn, answers: GivenAnswers) -> Parsed:
    sent = _photos(answers)
    if turn.kind == "photo":
        if turn.media_id in sent:
            return Parsed(sorry=words.GOT_PHOTO.format(n=len(sent)))
        if len(sent) >= PHOTOS_AT_MOST:
            return Parsed(sorry=words.ENOUGH_PHOTOS.format(most=PHOTOS_AT_MOST))
        more = [*sent, turn.media_id]
        return Parsed(value=more, stays=True, sorry=words.GOT_PHOTO.format(n=len(more)))
    if turn.kind == "text" and normalise(turn.text) in words.FINISH:
        return Parsed(value=sent) if sent else Parsed(sorry=words.NO_PHOTO_YET)
    return Parsed(sorry=words.PHOTO_OR_FINISH)


# --- the table ----------------------------------------------------------------------------------------------------

DIALOGUES: Mapping[str, Declared] = {
    each.name: each
    for each in (
        Declared(
            "bind",
            Text("绑定手机", "bind your phone"),
            ("绑定", "绑定手机", "bind"),
            (
                Step("phone", _ask_phone, _hear_phone, then=lambda _: "code", work="ask_code"),
                Step("code", _ask_code, _hear_code, work="confirm_code"),
            ),
        ),
        Declared(
            "upload",
            Text("上传凭证", "hand in a voucher"),
            ("上传凭证", "上传", "upload"),
            (
                Step("kind", _ask_kind, _hear_kind, then=after_kind, work="check_kind"),
                Step("units", _ask_units, _hear_units, then=lambda _: "photos", work="check_amount"),
                Step("amount", _ask_amount, _hear_amount, then=lambda _: "photos", work="check_amount"),
                Step("photos", _ask_photos, _hear_photos, work="submit_voucher", at_timeout="finish"),
            ),
        ),
        Declared(
            "retake",
            Text("补照片", "send another photo"),
            ("补照片", "补拍", "retake"),
            (Step("photos", _ask_photos, _hear_photos, work="add_photos", at_timeout="finish"),),
        ),
        Declared("my_packets", Text("我的红包", "my red packets"), ("我的红包", "红包记录", "my packets")),
    )
}
"""Every dialogue there is, by name."""

BY_KEYWORD: Mapping[str, str] = {
    normalise(keyword): each.name for each in DIALOGUES.values() for keyword in each.keywords
}
"""The words that start a dialogue when no rule says otherwise."""

CANCEL = frozenset(map(normalise, words.CANCEL))

COMMANDS = frozenset(BY_KEYWORD) | {
    normalise(word) for said in (words.CANCEL, words.FINISH, words.RESEND, words.OTHER_PHONE) for word in said
}


def is_command(text: str) -> bool:
    """Whether a text is a word that starts, steers or ends a dialogue."""
    return normalise(text) in COMMANDS


def shown_by(text: str) -> str | None:
    """The language that a message shows. A Chinese command shows none, since posters and menus name it to everybody;
    an English one is only named to those who read English."""
    said = normalise(text)
    if said in COMMANDS:
        return languages.ENGLISH if said.isascii() else None
    return languages.written(text)
