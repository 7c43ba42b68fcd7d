"""The list of invited people: who on it somebody is. The import is `invited_sheet`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.hall.models import Invited
from wxbot.hall.sign_in import TAKEN, GuestDetails, is_taken
from wxbot.text import Refusal, Text

NOT_LISTED = Text(
    "名单上没有这个编号和姓名，请核对后再试，或问工作人员",
    "No such number and name on the list; check them and try again, or ask the staff",
)


def key_of(text: str) -> str:
    """A staff number as it is compared: half-width, without blanks, small letters; leading zeros stay."""
    return typed.bare(text).casefold()


def name_of(text: str) -> str:
    """A name as it is compared."""
    return typed.bare(text).casefold()


def entry_of(session: Session, campaign_id: int, key: str, name: str) -> GuestDetails:
    """The line of the list that this number and name stand on. Raises Refusal for none, and for one that signed in.

    Unknown numbers and wrong names are answered alike: the list is not there to be read out.
    """
    mine = (Invited.campaign_id == campaign_id) & (Invited.key == key_of(key[:200]))
    line = session.scalars(select(Invited).where(mine)).one_or_none()
    if line is None or name_of(line.name) != name_of(name[:200]):
        raise Refusal("not_listed", NOT_LISTED, "key")
    if is_taken(session, campaign_id, line.id):
        raise Refusal("taken", TAKEN, "key")
    others = (Invited.campaign_id == campaign_id) & (Invited.name == line.name) & (Invited.id != line.id)
    is_shared = session.scalar(select(Invited.id).where(others).limit(1)) is not None
    return GuestDetails(line.name, line.group, line.weight, line.id, is_shared)
