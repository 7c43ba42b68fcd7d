"""Checks of campaigns that draw by themselves and pay by transfer: account, scene and its reports, amounts, what staff must confirm."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import redis as redis_client
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.doctor.finding import Finding, bad, good, note, reason
from wxbot.instant.awards import payment_texts
from wxbot.instant.faults import misreport
from wxbot.instant.models import InstantTerms, Prize
from wxbot.money import yuan
from wxbot.orders.channels import CHANNELS, CONFIRMED
from wxbot.orders.channels.transfer_bills import MARKETING, misfits
from wxbot.orders.models import Order
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.text import listed
from wxbot.wechat.errors import Refused, WeChatError

ALIVE = ("submitted", "approved", "launching", "on", "off", "closing")
UNCONFIRMED = "MERCHANT_NOT_CONFIRM"
NO_RIGHT = "48001"
PROBED, PROBE_LIFE_S = "doctor", 60
"""A scene code that nobody sees: making one is for verified service accounts alone, and a temporary one costs nothing (§5.12)."""

WHERE = (
    "公众平台 → 设置与开发 → 公众号设置 → 账号详情",
    "mp.weixin.qq.com → 设置与开发 → 公众号设置 → 账号详情",
)
RIGHTS = "mp.weixin.qq.com → 设置与开发 → 接口权限"
LOOKED_BACK = timedelta(days=7)


def _by_transfer(session: Session) -> Sequence[tuple[Campaign, Prize, str]]:
    """The money prizes, with their channel, of campaigns that are alive and pay over a channel whose money a person confirms."""
    query = (
        select(Campaign, Prize, InstantTerms.channel)
        .join(Prize, Prize.campaign_id == Campaign.id)
        .join(InstantTerms, InstantTerms.campaign_id == Campaign.id)
        .where(Campaign.status.in_(ALIVE), Prize.kind == "money", InstantTerms.channel.in_(CONFIRMED))
    )
    return [(campaign, prize, channel) for campaign, prize, channel in session.execute(query.order_by(Prize.id))]


def account(runtime: Runtime) -> Finding:
    """The account may sign people in and share cards: WeChat gives it a ticket for pages, and it is a verified service account."""
    try:
        runtime.tokens.jsapi_ticket()
    except (WeChatError, redis_client.RedisError) as error:
        return bad(
            f"拿不到网页的签名票据：{reason(error)}",
            f"WeChat gives no ticket for pages: {reason(error)}",
            "活动页要用已认证的服务号；在公众平台 → 设置与开发 → 接口权限 核对网页授权和 JS-SDK",
            "campaigns need a verified service account; compare 网页授权 and JS-SDK at mp.weixin.qq.com → 设置与开发 → 接口权限",
        )
    return _kind(runtime)


def _kind(runtime: Runtime) -> Finding:
    """Whether it is a verified service account, by the rights that WeChat gives to that kind alone: nothing tells the kind itself."""
    try:
        runtime.official_account.qrcode_create(PROBED, expires_in_s=PROBE_LIFE_S)
    except Refused as error:
        if error.code != NO_RIGHT:
            return note(
                f"看不出公众号的类型：微信对带参数二维码回 {error.code} {error.row.zh}",
                f"the kind of the account does not show: WeChat answers {error.code} {error.row.en} to a scene code",
                *WHERE,
            )
    except WeChatError as error:
        return note(
            f"看不出公众号的类型：{reason(error)}", f"the kind of the account does not show: {reason(error)}", *WHERE
        )
    else:
        return good(
            "公众号是已认证的服务号（微信给它带参数的二维码）",
            "the account is a verified service account (WeChat gives it scene codes)",
        )
    if _may(runtime.official_account.menu_get):
        return note(
            f"公众号是已认证的订阅号，或没有认证的服务号（微信不给它带参数的二维码：{NO_RIGHT}）。其中只有政务、媒体类的认证订阅号可能有网页授权，没有它顾客打不开活动页",
            f"this is a verified subscription account, or a service account that is not verified (WeChat gives it no scene codes: {NO_RIGHT}); of "
            "these only verified subscription accounts of authorities and media may have 网页授权, and without it people cannot sign in to campaigns",
            f"看“网页授权获取用户基本信息”是否“已获得”：{RIGHTS}；没有就换成已认证的服务号",
            f"look whether 网页授权获取用户基本信息 says 已获得: {RIGHTS}; if not, use a verified service account",
        )
    return bad(
        f"公众号是没有认证的订阅号：微信不给它带参数的二维码（{NO_RIGHT}），顾客打不开活动页",
        f"this is a subscription account that is not verified: WeChat gives it no scene codes ({NO_RIGHT}), and people cannot sign in to campaigns",
        f"换成已认证的服务号：{WHERE[0]}",
        f"use a verified service account: {WHERE[1]}",
    )


def _may(call: Callable[[], object]) -> bool:
    """Whether the account has the right to a call that changes nothing."""
    try:
        call()
    except Refused as error:
        return error.code != NO_RIGHT
    except WeChatError:
        return True
    return True


def scene(runtime: Runtime) -> Finding:
    """The transfer scene is that of campaigns, and what it reports of each campaign has 1 to 32 characters (E-09)."""
    settings = runtime.settings
    with runtime.database.reading() as session:
        paid = [
            (campaign.name, payment_texts(campaign, prize, channel))
            for campaign, prize, channel in _by_transfer(session)
        ]
    if not paid:
        return good("没有用商家转账的抽奖活动", "no campaign pays its prizes by transfer")
    if settings.transfer_scene_id != MARKETING:
        return bad(
            f"转账场景是 {settings.transfer_scene_id}，抽奖活动要用 {MARKETING} 现金营销",
            f"the transfer scene is {settings.transfer_scene_id}; campaigns need {MARKETING} 现金营销",
            f"设置 WXBOT_TRANSFER_SCENE_ID={MARKETING}（一个商户只能开一个场景，已开别的场景要换）",
            f"set WXBOT_TRANSFER_SCENE_ID={MARKETING} (a merchant has one scene only: another one must be exchanged)",
        )
    for campaign, texts in paid:
        for name, said in misfits(settings, texts):
            why = misreport(name, said)
            return bad(
                f"活动“{campaign}”：{why.zh}",
                f"“{campaign}”: {why.en}",
                "改短活动名称，或改 WXBOT_TRANSFER_REPORTS",
                "shorten the campaign's name, or change WXBOT_TRANSFER_REPORTS",
            )
    reports = listed(settings.transfer_report_texts)
    return good(
        f"转账场景 {MARKETING}，报备内容：{reports.zh}",
        f"transfer scene {MARKETING}, reports: {reports.en}",
    )


def amounts(runtime: Runtime) -> Finding:
    """Every money prize of a campaign that is alive can be paid at once over its channel."""
    with runtime.database.reading() as session:
        query = (
            select(Campaign.name, Prize.name, Prize.min_fen, Prize.max_fen, InstantTerms.channel)
            .join(Prize, Prize.campaign_id == Campaign.id)
            .join(InstantTerms, InstantTerms.campaign_id == Campaign.id)
            .where(Campaign.status.in_(ALIVE), Prize.kind == "money")
        )
        rows = session.execute(query).all()
    for campaign, prize, min_fen, max_fen, channel in rows:
        least, most = CHANNELS[channel].amounts_fen
        if not least <= min_fen <= max_fen <= most:
            return bad(
                f"活动“{campaign}”的奖品“{prize}”有 {yuan(min_fen)}–{yuan(max_fen)} 元，每笔只能发 {yuan(least)} 到 {yuan(most)} 元",
                f"prize “{prize}” of “{campaign}” is {yuan(min_fen)}–{yuan(max_fen)} yuan; one payment holds {yuan(least)} to {yuan(most)}",
                "改奖品的金额，或在商户平台调整单笔上限后再发",
                "change the amount, or have the merchant's limit raised first",
            )
    return good(
        f"{len(rows)} 种现金奖品的金额都能发放",
        f"the amounts of {len(rows)} money {plural(len(rows), 'prize', 'prizes')} can be paid",
    )


def confirmations(runtime: Runtime) -> Finding:
    """Nobody at the merchant has to type a password for each transfer [免密]."""
    since = runtime.clock.now() - LOOKED_BACK
    with runtime.database.reading() as session:
        query = select(func.count()).where(Order.err_code == UNCONFIRMED, Order.created_at >= since)
        stuck = session.scalar(query) or 0
        uses_transfers = bool(_by_transfer(session))
    if stuck:
        return bad(
            f"最近 7 天有 {stuck} 笔转账因商户没有验密而失败",
            f"{stuck} {plural(stuck, 'transfer', 'transfers')} of the last 7 days failed because nobody at the merchant typed the password",
            "在商户平台 → 产品中心 → 商家转账 设置免密额度",
            "set the amount without a password [免密额度] at pay.weixin.qq.com → 产品中心 → 商家转账",
        )
    if not uses_transfers or runtime.settings.is_simulated:
        return good("没有转账在等商户验密", "no transfer waits for a password of the merchant")
    return note(
        "请核对免密额度大于最大的奖品，否则每笔都要人输密码",
        "check that the amount without a password is above the largest prize, else somebody types it for each",
        "商户平台 → 产品中心 → 商家转账 → 免密额度",
        "pay.weixin.qq.com → 产品中心 → 商家转账 → 免密额度",
    )
