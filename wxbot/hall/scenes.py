"""What the screen shows and in which language, chosen by the host."""

from datetime import datetime
from typing import get_args

from flask_babel import gettext
from sqlalchemy.orm import Session

from wxbot.hall import journal
from wxbot.hall.models import ScreenLanguage
from wxbot.text import fault

SCENES = ("wall", "prizes", "selection", "results", "rain", "race", "rest")


def words() -> dict[str, str]:
    """Scene → what its button says, in the reader's language."""
    return {
        "wall": gettext("签到墙"),
        "prizes": gettext("奖品"),
        "selection": gettext("抽奖"),
        "results": gettext("中奖名单"),
        "rain": gettext("红包雨"),
        "race": gettext("摇一摇竞速"),
        "rest": gettext("休息"),
    }


def show(session: Session, campaign_id: int, scene: str, now: datetime) -> None:
    """Show this scene from now on. Raises Refusal for one that there is not."""
    if scene not in SCENES:
        raise fault("scene", "没有这个画面", "There is no such scene")
    hall = journal.lock(session, campaign_id)
    hall.scene, hall.scene_at = scene, now


def speak(session: Session, campaign_id: int, language: str) -> None:
    """Let every screen of the hall speak this language, whatever its browser prefers. Raises Refusal for one that there is not."""
    if language not in get_args(ScreenLanguage):
        raise fault("language", "请选择中文或英文", "Choose Chinese or English")
    journal.lock(session, campaign_id).language = "en" if language == "en" else "zh"
