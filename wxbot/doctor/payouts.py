"""Checks of direct payouts at WeChat Pay: the channels in use, the keys of API v3 and its answer, addresses we tell it."""

import ipaddress

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.doctor.finding import Finding, bad, good, note, reason
from wxbot.doctor.merchant import TELL_SUPPORT
from wxbot.instant.models import InstantTerms
from wxbot.orders.channels import CHANNELS, V3_PAGE
from wxbot.payouts.models import Programme
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import listed
from wxbot.vouchers.models import VoucherKind
from wxbot.wechat import limits
from wxbot.wechat.crypto_v3 import PUBLIC_KEY_PREFIX
from wxbot.wechat.errors import NotSent, Unanswered, WeChatError
from wxbot.wechat.http import Timeouts, Transport


def _channels(session: Session, settings: Settings) -> set[str]:
    """The channels over which something would be paid today: the deployment's, and those chosen by what is open or planned."""
    programmes = session.scalars(select(Programme.channel).where(Programme.is_open).distinct()).all()
    kinds = session.scalars(select(VoucherKind.channel).where(VoucherKind.is_on).distinct()).all()
    running = Campaign.status.not_in(("draft", "closed"))
    query = select(InstantTerms.channel).join(Campaign, Campaign.id == InstantTerms.campaign_id).where(running)
    prizes = session.scalars(query.distinct()).all()
    return {channel or settings.payout_channel for channel in (*programmes, *kinds, *prizes)} | {
        settings.payout_channel
    }


def payout_channels(runtime: Runtime) -> Finding:
    """Every channel that the deployment, an open programme or an open kind of voucher names can be paid over."""
    settings = runtime.settings
    with runtime.database.reading() as session:
        used = _channels(session, settings)
    faults = [fault for name, channel in CHANNELS.items() if name in used for fault in channel.setup_faults(settings)]
    if faults:
        return bad(*faults[0].text, *faults[0].mend)
    said = listed(sorted(used))
    return good(f"付款方式可用：{said.zh}", f"the payout channels in use are set up: {said.en}")


def v3_keys(runtime: Runtime) -> Finding:
    """The files and keys of API v3 fit each other; nothing is asked."""
    settings = runtime.settings
    if not settings.api_v3_key.get_secret_value():
        return good("没有设置 APIv3 密钥：不使用商家转账", "no APIv3 key is set: merchant transfers are not used")
    try:
        _ = runtime.pay_v3
    except NotSent as error:
        return bad(
            "APIv3 的密钥或证书文件不可用",
            reason(error),
            f"按提示核对密钥与文件：{V3_PAGE}；公钥文件是 pub_key.pem，证书与私钥须来自同一次下载",
            f"compare the key and the files it names: {V3_PAGE}; the public key is pub_key.pem, certificate and key are of one download",
        )
    if settings.pay_public_key_id and not settings.pay_public_key_id.startswith(PUBLIC_KEY_PREFIX):
        return bad(
            "微信支付公钥 ID 不对，应以 PUB_KEY_ID_ 开头",
            "the public key's id must begin with PUB_KEY_ID_",
            f"设置 WXBOT_PAY_PUBLIC_KEY_ID：{V3_PAGE} → 微信支付公钥",
            f"set WXBOT_PAY_PUBLIC_KEY_ID: {V3_PAGE} → 微信支付公钥",
        )
    certificate = x509.load_pem_x509_certificate(settings.pay_cert_file.read_bytes())
    serial, by = f"{certificate.serial_number:X}", settings.pay_public_key_id
    return good(
        f"APIv3 密钥与文件齐全：商户证书序列号 {serial}，用{f'公钥 {by}' if by else '平台证书'}验签",
        f"the files of API v3 fit: merchant certificate {serial}, replies checked with {by or 'platform certificates'}",
    )


def v3_answers(runtime: Runtime) -> Finding:
    """Ask about a transfer that never existed: our signature, WeChat's signature and the product are proven, nothing moves."""
    settings = runtime.settings
    if not settings.api_v3_key.get_secret_value():
        return good("不使用商家转账，没有询问", "merchant transfers are not used; nothing was asked")
    out_bill_no = f"{settings.mch_id}{runtime.clock.now().astimezone(SHANGHAI):%Y%m%d}0000000000"[:28]
    try:
        answer = runtime.pay_v3.query(out_bill_no)
    except NotSent as error:
        return bad(
            "商家转账接口问不到",
            f"the transfer API cannot be asked: {reason(error)}",
            "先解决上一项；若提示平台证书，请核对 WXBOT_API_V3_KEY，或改用微信支付公钥",
            "mend what stands above first; if it speaks of platform certificates, compare WXBOT_API_V3_KEY, or take the public key",
        )
    except Unanswered as error:
        return bad(
            "微信支付的应答没有可信的签名",
            f"WeChat Pay's answer is not provably its own: {reason(error)}",
            f"核对 WXBOT_PAY_PUBLIC_KEY_ID 与公钥文件（{V3_PAGE} → 微信支付公钥），以及本机时间",
            f"compare WXBOT_PAY_PUBLIC_KEY_ID and its file ({V3_PAGE} → 微信支付公钥), and check this machine's time",
        )
    if answer.is_success or answer.code == "NOT_FOUND":
        return good("商家转账接口认识我们，应答签名正确", "the transfer API knows us, and its answer is rightly signed")
    said = f"{answer.code} {answer.message}".strip()
    if answer.code.startswith("FREQUENCY"):
        return note(
            f"微信支付让稍后再问：{said}",
            f"WeChat Pay asks us to come back later: {said}",
            "一分钟后再运行一次",
            "run it again in a minute",
        )
    mends = {
        "SIGN_ERROR": (
            f"核对商户证书序列号与私钥是否仍有效（{V3_PAGE} → 商户API证书），以及本机时间",
            f"are the merchant's certificate and key still valid ({V3_PAGE} → 商户API证书), and is the time right?",
        ),
        "NO_AUTH": (
            "在商户平台 → 产品中心 开通商家转账，并把本机 IP 加入名单",
            "open 商家转账 at pay.weixin.qq.com → 产品中心, and allow this machine's address",
        ),
    }
    meaning = (f"（{answer.row.zh}）", f" ({answer.row.en})") if answer.row.is_known else ("", "")
    return bad(
        f"商家转账接口拒绝：{said}{meaning[0]}",
        f"the transfer API refuses: {said}{meaning[1]}",
        *mends.get(answer.code, (answer.row.zh, answer.row.en) if answer.row.is_known else TELL_SUPPORT),
    )


def transfer_notify(runtime: Runtime) -> Finding:
    """WeChat Pay can tell us how transfers ended: a plain https address that answers, and refuses what nobody signed."""
    settings = runtime.settings
    url = settings.transfer_notify_url
    if not settings.api_v3_key.get_secret_value():
        return good("不使用商家转账，不需要通知地址", "merchant transfers are not used; no notice address is needed")
    if not settings.is_simulated and not url.startswith("https://"):
        return bad(
            f"转账通知地址 {url} 不是 https",
            f"{url} is not https",
            "WXBOT_PUBLIC_URL 须为 https://域名",
            "WXBOT_PUBLIC_URL must be https:// and a domain",
        )
    if "?" in url or limits.byte_length(url) > limits.TRANSFER_NOTIFY_URL_BYTES:
        return bad(
            "转账通知地址带参数或太长",
            "the notice address has a query or is too long",
            "WXBOT_PUBLIC_URL 须为不带参数的短域名",
            "WXBOT_PUBLIC_URL must be a short domain without a query",
        )
    mend = (
        f"确认网站在运行，代理把 POST {url} 原样转发给 wxbot",
        f"does the web application run, and does the proxy pass POST {url} on to it unchanged?",
    )
    ca_file = str(settings.pay_ca_file) if settings.pay_ca_file else None
    try:
        reply = Transport(ca_file=ca_file, timeouts=Timeouts(3.0, 5.0, 8.0)).send(
            "POST", url, body=b"{}", content_type="application/json", any_status=True
        )
    except WeChatError as error:
        return bad(f"转账通知地址 {url} 没有应答", f"{url} does not answer: {reason(error)}", *mend)
    if reply.status != 401:
        return bad(
            f"转账通知地址 {url} 应答 {reply.status}，不是 wxbot 的回答",
            f"{url} answers {reply.status} to a notice that nobody signed, which wxbot would refuse with 401",
            *mend,
        )
    return good(f"转账通知地址 {url} 应答正确", f"the notice address {url} answers, and refuses what is not signed")


def client_ip(runtime: Runtime) -> Finding:
    """The address that cash red packets tell WeChat Pay is one that this machine can have."""
    settings = runtime.settings
    try:
        address = ipaddress.IPv4Address(settings.client_ip)
    except ValueError:
        return bad(
            f"WXBOT_CLIENT_IP 不是 IPv4 地址：{settings.client_ip}",
            f"WXBOT_CLIENT_IP is no IPv4 address: {settings.client_ip}",
            "填写本机的公网 IPv4 地址",
            "write this machine's public IPv4 address",
        )
    if not settings.is_simulated and not address.is_global:
        return note(
            f"现金红包会把 {address} 报给微信支付，这不是公网地址",
            f"cash red packets tell WeChat Pay {address}, which is no public address",
            "把 WXBOT_CLIENT_IP 设为本机的公网 IPv4 地址，并加入商户平台的 IP 名单",
            "set WXBOT_CLIENT_IP to this machine's public IPv4 address, and allow it in the merchant's console",
        )
    return good(f"报给微信支付的调用地址是 {address}", f"the address told to WeChat Pay is {address}")
