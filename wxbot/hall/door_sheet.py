"""What hangs at the door of a hall: where its code leads, and the words around it."""

from wxbot.campaigns.models import Campaign
from wxbot.campaigns.poster import PosterText, text_of
from wxbot.hall.models import Hall


def door_url(public_url: str, campaign: Campaign) -> str:
    """The address behind the printed code; its page asks for the word of the day."""
    return f"{public_url}/h5/hall/{campaign.slug}?door=1"


def poster_text(campaign: Campaign, hall: Hall) -> PosterText:
    """The words of the door's poster, in Chinese as those of every poster; what it promises is a way in and no prize."""
    usual = text_of(campaign)
    come = "填受邀名单上的编号和姓名，签到" if hall.is_invited_only else "写上名字就签到；名字会上大屏"
    return PosterText(
        usual.organiser,
        usual.name,
        f"现场签到  {usual.when}",
        f"打开后输入口令：{hall.day_word}",
        "微信扫一扫，签到",
        (f"不用关注，{come}", "中奖者在大屏上抽取，每次抽取都可以核对"),
    )
