"""Checks of the wire: the token, WeChat's clock, our callback address as WeChat sees it, domains."""

import re
import secrets
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from wxbot.doctor.finding import Finding, bad, good, note, reason
from wxbot.health import PROXIES_HEADER
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.wechat import sign
from wxbot.wechat.errors import NotSent, Refused, WeChatError
from wxbot.wechat.http import Reply, Timeouts, Transport

LOST_S = 30
"""A clock further off than this makes callbacks look stale and tokens look fresh; WeChat's window is 300 s."""

LATE_S = 5

CONSOLE = "微信公众平台 → 设置与开发 → 基本配置"
CONSOLE_EN = "mp.weixin.qq.com → 设置与开发 → 基本配置"


def get(runtime: Runtime, url: str, **params: str) -> Reply:
    """GET one of our own addresses, or WeChat's, from here; raises WeChatError."""
    ca_file = str(runtime.settings.pay_ca_file) if runtime.settings.pay_ca_file else None
    return Transport(ca_file=ca_file, timeouts=Timeouts(3.0, 5.0, 8.0)).send("GET", url, params=params)


def access_token(runtime: Runtime) -> Finding:
    """WeChat gives us a token: appid, secret and this machine's address are right."""
    try:
        runtime.tokens.access_token()
    except Refused as error:
        return _token_refused(error)
    except WeChatError as error:
        return bad(
            f"连不上微信接口 {runtime.settings.api_base}",
            f"{runtime.settings.api_base} does not answer: {reason(error)}",
            "检查网络、DNS 与防火墙（出站 443）",
            "check network, DNS and firewall (outgoing 443)",
        )
    return good("能取得 access_token", "WeChat gives us an access_token")


def _token_refused(error: Refused) -> Finding:
    seen = re.search(r"invalid ip ([0-9a-fA-F.:]+)", error.message)
    mends = {
        "40164": (
            f"把 {seen[1] if seen else '本机公网 IP'} 加入 IP 白名单：{CONSOLE} → IP白名单",
            f"allow {seen[1] if seen else 'this machine’s public address'}: {CONSOLE_EN} → IP白名单",
        ),
        "40001": (f"核对 WXBOT_APPSECRET:{CONSOLE}", f"compare WXBOT_APPSECRET: {CONSOLE_EN}"),
        "40125": (f"核对 WXBOT_APPSECRET:{CONSOLE}", f"compare WXBOT_APPSECRET: {CONSOLE_EN}"),
        "40013": (f"核对 WXBOT_APPID:{CONSOLE}", f"compare WXBOT_APPID: {CONSOLE_EN}"),
        "40243": (
            "AppSecret 已被冻结，请管理员在公众平台解冻",
            "the AppSecret is frozen; its administrator opens it at mp.weixin.qq.com",
        ),
    }
    said = f"{error.code} {error.row.zh}"
    return bad(
        f"微信拒绝发放 access_token:{said}",
        f"WeChat refuses the token: {error.code} {error.row.en}",
        *mends.get(error.code, (error.row.zh, error.row.en)),
    )


def callback_ips(runtime: Runtime) -> Finding:
    """WeChat tells from which addresses it calls; a firewall may need them."""
    try:
        found = runtime.official_account.getcallbackip()
    except Refused as error:
        return bad(
            f"取不到微信服务器地址：{error.code} {error.row.zh}",
            f"getcallbackip: {error.code} {error.row.en}",
            error.row.zh,
            error.row.en,
        )
    except WeChatError as error:
        return bad(
            "取不到微信服务器地址",
            f"getcallbackip: {reason(error)}",
            "先解决 access_token 的问题",
            "mend the access_token first",
        )
    return good(
        f"微信从 {len(found)} 个地址发来消息（防火墙须放行）",
        f"WeChat calls from {len(found)} {plural(len(found), 'address (let it in)', 'addresses (let them in)')}",
    )


def clock_agrees(runtime: Runtime) -> Finding:
    """Our clock and WeChat's tell the same time, and this machine's is the one that all machines live by."""
    try:
        reply = get(runtime, f"{runtime.settings.api_base}/cgi-bin/token", grant_type="client_credential")
    except WeChatError as error:
        return bad(
            "问不到微信的时间",
            f"WeChat's time is not to be had: {reason(error)}",
            "先解决网络问题",
            "mend the network first",
        )
    try:
        theirs = parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return note("微信的应答没有 Date 头", "WeChat's answer has no Date header")
    off_s = runtime.clock.unix() - theirs
    said = f"{off_s:+.0f}"
    ahead_s = runtime.clock.machine_ahead_s
    whose, whose_en = ("本机", "this machine's") if ahead_s is None else ("数据库服务器", "the database machine's")
    if abs(off_s) > LOST_S:
        return bad(
            f"{whose}时间与微信相差 {said} 秒",
            f"{whose_en} clock is {said} s off WeChat's",
            f"在{whose}上打开时间同步：timedatectl set-ntp true",
            "keep its time in step: timedatectl set-ntp true",
        )
    if abs(off_s) > LATE_S:
        return note(
            f"{whose}时间与微信相差 {said} 秒",
            f"{whose_en} clock is {said} s off WeChat's",
            f"请检查{whose}的时间同步",
            "see whether its time is kept in step",
        )
    if ahead_s is not None and abs(ahead_s) > LATE_S:
        return note(
            f"本机时间与数据库服务器相差 {ahead_s:+.0f} 秒；wxbot 以数据库的时间为准，日志和证书检查用的是本机时间",
            f"this machine's clock is {ahead_s:+.0f} s off the database's; wxbot lives by the database's, logs and the "
            "checks of certificates by this one",
            "打开时间同步：timedatectl set-ntp true",
            "keep the time in step: timedatectl set-ntp true",
        )
    return good(f"{whose}时间与微信一致", f"{whose_en} clock agrees with WeChat's")


def _signed(runtime: Runtime) -> dict[str, str]:
    timestamp, nonce = str(int(runtime.clock.unix())), sign.nonce(10)
    token = runtime.settings.callback_token.get_secret_value()
    return {"signature": sign.callback_signature(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}


def callback_url(runtime: Runtime) -> Finding:
    """The address given to WeChat answers a check that is signed with our token."""
    url = f"{runtime.settings.public_url}/wechat"
    echostr = secrets.token_hex(8)
    mend = (
        f"确认网站在运行、域名与证书正确、代理转发 /wechat;然后在 {CONSOLE} → 服务器配置 填写 URL {url} 与相同的 Token",
        f"does the web application run, are domain and certificate right, does the proxy pass /wechat on? Then enter {url} and the same Token at {CONSOLE_EN} → 服务器配置",
    )
    try:
        reply = get(runtime, url, **_signed(runtime), echostr=echostr)
    except WeChatError as error:
        return bad(f"回调地址 {url} 没有正确应答", f"{url} does not answer as it should: {reason(error)}", *mend)
    if reply.body != echostr.encode():
        return bad(f"回调地址 {url} 应答的不是 wxbot", f"{url} answers, but not as wxbot", *mend)
    return good(f"回调地址 {url} 应答正确", f"the callback address {url} answers")


def callback_refuses_forgeries(runtime: Runtime) -> Finding:
    """The same address refuses a wrong signature; a cache or a page in front of it would not."""
    url = f"{runtime.settings.public_url}/wechat"
    try:
        get(runtime, url, **(_signed(runtime) | {"signature": "0" * 40}), echostr="forged")
    except NotSent as error:
        return bad(
            f"回调地址 {url} 连不上",
            f"{url} cannot be reached: {reason(error)}",
            "先解决上一项",
            "mend what stands above first",
        )
    except WeChatError as error:
        if getattr(error, "status", 0) == 403:
            return good("回调地址拒绝伪造的签名", "the callback address refuses forged signatures")
        return bad(
            "回调地址对伪造签名的应答不对",
            f"a forged signature was answered with: {reason(error)}",
            "检查代理是否改写了请求",
            "does a proxy change the request?",
        )
    return bad(
        "回调地址接受了伪造的签名！",
        "the callback address accepts forged signatures!",
        "检查 /wechat 前面是否有缓存或其他程序",
        "is there a cache or another program in front of /wechat?",
    )


def proxies(runtime: Runtime) -> Finding:
    """As many proxies stand in front as WXBOT_TRUSTED_PROXIES says: else all visitors share one address, or may choose theirs."""
    url = f"{runtime.settings.public_url}/healthz"
    trusted = runtime.settings.trusted_proxies
    try:
        seen = int(get(runtime, url).headers.get(PROXIES_HEADER.lower(), trusted))
    except (WeChatError, ValueError) as error:
        return bad(
            f"{url} 没有应答", f"{url} does not answer: {reason(error)}", "先解决上一项", "mend what stands above first"
        )
    if seen > trusted:
        return bad(
            f"网站前面有 {seen} 层代理，而 WXBOT_TRUSTED_PROXIES={trusted}：所有访客看起来是同一个地址",
            f"{seen} {plural(seen, 'proxy stands', 'proxies stand')} in front, and WXBOT_TRUSTED_PROXIES={trusted}: all visitors seem to have one address",
            f"设置 WXBOT_TRUSTED_PROXIES={seen} 并重启网站",
            f"set WXBOT_TRUSTED_PROXIES={seen} and restart the web application",
        )
    if seen < trusted:
        return bad(
            f"WXBOT_TRUSTED_PROXIES={trusted}，但请求只经过 {seen} 层代理：访客可以伪造自己的地址",
            f"WXBOT_TRUSTED_PROXIES={trusted}, but requests come through {seen}: a visitor can choose an address",
            f"让代理写 X-Forwarded-For（见 deploy/nginx/wxbot.conf），或设置 WXBOT_TRUSTED_PROXIES={seen}",
            f"let the proxy write X-Forwarded-For (deploy/nginx/wxbot.conf), or set WXBOT_TRUSTED_PROXIES={seen}",
        )
    return good(f"网站前面的代理层数是 {trusted}，与设置一致", f"{trusted} proxies stand in front, as the settings say")


def oauth_domain(runtime: Runtime) -> Finding:
    """The domain of our pages can be one that WeChat lets sign people in (wechat-protocol §7.5)."""
    settings = runtime.settings
    parts = urlsplit(settings.public_url)
    host = parts.hostname or ""
    if settings.is_simulated:
        return good(f"模拟器中网页授权域名为 {parts.netloc}", f"the simulator signs people in to {parts.netloc}")
    is_bare = bool(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host)) and not re.fullmatch(r"[\d.]+", host)
    if parts.port or not is_bare or parts.path:
        return bad(
            f"{settings.public_url} 不能用作网页授权域名",
            f"{settings.public_url} cannot be an OAuth domain",
            "WXBOT_PUBLIC_URL 须为 https://域名，不带端口、路径，也不能是 IP",
            "WXBOT_PUBLIC_URL must be https:// and a domain, without port and path, and no IP address",
        )
    return note(
        f"请在公众平台核对：网页授权域名与 JS 接口安全域名都是 {host}",
        f"check by hand: OAuth domain and JS domain are both {host}",
        "微信公众平台 → 设置与开发 → 公众号设置 → 功能设置",
        "mp.weixin.qq.com → 设置与开发 → 公众号设置 → 功能设置",
    )


def domain_proof(runtime: Runtime) -> Finding:
    """The MP_verify files are served to the outside as they are (wechat-protocol §7.5)."""
    settings = runtime.settings
    if not settings.mp_verify_codes:
        if settings.is_simulated:
            return good("模拟器不需要 MP_verify 校验文件", "the simulator needs no MP_verify file")
        return note(
            "没有配置 MP_verify 校验文件，绑定域名时需要",
            "no MP_verify file is configured; binding a domain needs one",
            "把 MP_verify_XXXX.txt 中的 16 位代码写进 WXBOT_MP_VERIFY",
            "write the 16 characters of MP_verify_XXXX.txt into WXBOT_MP_VERIFY",
        )
    for code in sorted(settings.mp_verify_codes):
        url = f"{settings.public_url}/MP_verify_{code}.txt"
        try:
            reply = get(runtime, url)
        except WeChatError as error:
            return bad(
                f"{url} 打不开",
                f"{url} cannot be read: {reason(error)}",
                "让代理把 /MP_verify_*.txt 转发给 wxbot",
                "let the proxy pass /MP_verify_*.txt on to wxbot",
            )
        if reply.body.strip() != code.encode():
            return bad(
                f"{url} 内容不对",
                f"{url} holds something else",
                "检查是否有别的程序在应答这个地址",
                "does another program answer at this address?",
            )
    return good("MP_verify 校验文件可以访问", "the MP_verify files can be read from outside")
