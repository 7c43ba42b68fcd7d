"""Checks of the merchant: key files, certificate, WeChat Pay's answer to a harmless question, the stop switch."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from wxbot.clock import SHANGHAI
from wxbot.doctor.finding import Finding, bad, good, note, reason
from wxbot.orders import throttle
from wxbot.orders.channels import VERSIONS
from wxbot.orders.words import meaning_of
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.text import Text, listed
from wxbot.wechat.errors import NotSent, Unanswered, row_for

EXPIRES_SOON = timedelta(days=30)
DOWNLOAD = "在微信支付商户平台 → 账户中心 → API安全 重新申请证书"
DOWNLOAD_EN = "download a new certificate at pay.weixin.qq.com → 账户中心 → API安全"
TELL_SUPPORT = ("把这条信息告诉微信支付客服", "tell WeChat Pay's support what it said")


def _certificate(runtime: Runtime) -> x509.Certificate:
    return x509.load_pem_x509_certificate(runtime.settings.pay_cert_file.read_bytes())


def _absent(runtime: Runtime) -> Finding | None:
    for name in ("pay_cert_file", "pay_cert_key_file"):
        path = getattr(runtime.settings, name)
        if not path.is_file():
            return bad(
                f"找不到证书文件 {path}",
                f"there is no file {path}",
                f"把 apiclient_cert.pem / apiclient_key.pem 放到服务器上，并设置 WXBOT_{name.upper()}",
                f"put apiclient_cert.pem and apiclient_key.pem on the server, and set WXBOT_{name.upper()}",
            )
    return None


def key_files_are_private(runtime: Runtime) -> Finding:
    """Nobody else on this machine can read the merchant's key (security S61)."""
    absent = _absent(runtime)
    if absent:
        return absent
    for path in (runtime.settings.pay_cert_key_file, runtime.settings.pay_cert_file):
        if path.is_symlink():
            return note(
                f"{path} 是符号链接",
                f"{path} is a symbolic link",
                "请直接指向真实文件，并检查其权限",
                "name the real file, and look at its mode",
            )
        if path.stat().st_mode & 0o077:
            mode = f"{path.stat().st_mode & 0o777:o}"
            is_key = path == runtime.settings.pay_cert_key_file
            found = bad if is_key or not runtime.settings.is_simulated else note
            return found(
                f"{path} 的权限是 {mode}，其他用户能读",
                f"{path} has mode {mode}: others can read it",
                f"chmod 600 {path}",
            )
    return good("证书文件只有本用户可读", "the key files are readable by this user alone")


def key_fits_certificate(runtime: Runtime) -> Finding:
    """The key belongs to the certificate."""
    absent = _absent(runtime)
    if absent:
        return absent
    try:
        key = serialization.load_pem_private_key(runtime.settings.pay_cert_key_file.read_bytes(), password=None)
        fits = _spki(key.public_key()) == _spki(_certificate(runtime).public_key())
    except (ValueError, TypeError) as error:
        return bad(
            "证书或私钥不是可读的 PEM 文件",
            f"certificate or key is not readable PEM: {reason(error)}",
            "p12 请先转换：openssl pkcs12 -in apiclient_cert.p12 -nodes",
            "convert a p12 first, as docs/real-wechat.md shows",
        )
    if not fits:
        return bad(
            "私钥与证书不是一对",
            "the key does not belong to the certificate",
            "请使用同一次下载的 apiclient_cert.pem 与 apiclient_key.pem",
            "use the apiclient_cert.pem and apiclient_key.pem of one download",
        )
    return good("私钥与证书匹配", "the key belongs to the certificate")


def _spki(public_key: object) -> bytes:
    assert hasattr(public_key, "public_bytes")  # noqa: S101 - every public key of cryptography has it
    spki: bytes = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return spki


def certificate_is_the_merchants(runtime: Runtime) -> Finding:
    """The certificate was issued for this merchant number."""
    absent = _absent(runtime)
    if absent:
        return absent
    names = [str(name.value) for name in _certificate(runtime).subject]
    common = [str(name.value) for name in _certificate(runtime).subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    mch_id = runtime.settings.mch_id
    if mch_id in names:
        return good(f"证书属于商户 {mch_id}", f"the certificate belongs to merchant {mch_id}")
    said = listed(common) if common else Text("未知", "nobody")
    return bad(
        f"证书属于 {said.zh}，不是商户 {mch_id}",
        f"the certificate is {said.en}'s, not {mch_id}'s",
        "检查 WXBOT_MCH_ID 与证书是否来自同一个商户号",
        "do WXBOT_MCH_ID and the certificate come from the same merchant?",
    )


def certificate_is_valid(runtime: Runtime) -> Finding:
    """The certificate is valid now and for a while (money F56). Uses the machine's clock, as TLS does."""
    absent = _absent(runtime)
    if absent:
        return absent
    certificate = _certificate(runtime)
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    until = certificate.not_valid_after_utc.astimezone(SHANGHAI).strftime("%Y-%m-%d")
    if certificate.not_valid_before_utc > datetime.now(UTC):
        return bad(
            "证书还没有生效", "the certificate is not valid yet", "检查本机时间是否正确", "check this machine's time"
        )
    if left <= timedelta(0):
        return bad(f"证书已于 {until} 过期", f"the certificate expired on {until}", DOWNLOAD, DOWNLOAD_EN)
    if left < EXPIRES_SOON:
        return note(
            f"证书还有 {left.days} 天到期（{until}）",
            f"the certificate expires in {left.days} {plural(left.days, 'day', 'days')} ({until})",
            DOWNLOAD,
            DOWNLOAD_EN,
        )
    return good(
        f"证书有效期到 {until}(还有 {left.days} 天)", f"the certificate is valid until {until} ({left.days} days)"
    )


def wechat_pay_knows_us(runtime: Runtime) -> Finding:
    """Ask WeChat Pay about a number that never existed: TLS, certificate, merchant and key are all proven, nothing moves."""
    absent = _absent(runtime)
    if absent:
        return absent
    mch_billno = f"{runtime.settings.mch_id}{runtime.clock.now().astimezone(SHANGHAI):%Y%m%d}0000000000"[:28]
    try:
        answer = runtime.pay.gethbinfo(mch_billno)
    except NotSent as error:
        return bad(
            "连不上微信支付",
            f"WeChat Pay cannot be reached: {reason(error)}",
            "检查网络、DNS 与 WXBOT_MCH_BASE;TLS 错误请检查系统时间与 CA",
            "check network, DNS and WXBOT_MCH_BASE; for a TLS error the time and the CA",
        )
    except Unanswered as error:
        return bad(
            "微信支付的应答不可信或不完整",
            f"WeChat Pay's answer cannot be used: {reason(error)}",
            "若提示签名，请核对 WXBOT_PAY_KEY(32 位 APIv2 密钥)",
            "if it speaks of a signature, compare WXBOT_PAY_KEY (the APIv2 key of 32 characters)",
        )
    if answer.is_success or answer.err_code in ("NOT_FOUND", "NOTFOUND"):
        return good("微信支付认识我们的证书和密钥", "WeChat Pay knows our certificate and key")
    told = answer.err_code_des or answer.fields.get("return_msg", "")
    code = answer.err_code or ("SIGN_ERROR" if "签名" in told else answer.return_code)
    row = row_for("query", code)
    said = f"{code} {told}".strip()
    mends = {
        "SIGN_ERROR": (
            "核对 WXBOT_PAY_KEY:商户平台 → 账户中心 → API安全 → APIv2密钥",
            "compare WXBOT_PAY_KEY: pay.weixin.qq.com → 账户中心 → API安全 → APIv2密钥",
        ),
        "CA_ERROR": (
            "核对证书文件与商户号：" + DOWNLOAD,
            "compare the certificate's files and the merchant number; " + DOWNLOAD_EN,
        ),
        "NO_AUTH": (
            "在商户平台 → 产品中心 开通现金红包，并把本机 IP 加入白名单",
            "open 现金红包 at pay.weixin.qq.com → 产品中心, and allow this machine's address",
        ),
    }
    if code == "FREQ_LIMIT":
        return note(
            f"微信支付让稍后再问：{said}",
            f"WeChat Pay asks us to come back later: {said}",
            "一分钟后再运行一次",
            "run it again in a minute",
        )
    meaning = (f"（{row.zh}）", f" ({row.en})") if row.is_known else ("", "")
    return bad(
        f"微信支付拒绝：{said}{meaning[0]}",
        f"WeChat Pay refuses: {said}{meaning[1]}",
        *mends.get(code, (row.zh, row.en) if row.is_known else TELL_SUPPORT),
    )


def line_is_open(runtime: Runtime) -> Finding:
    """Sending is not stopped by an error or by a person (money F19b)."""
    with runtime.database.reading() as session:
        lane = throttle.shown_lane(session, runtime.settings.mch_id)
    if lane is None or lane.stopped_code is None:
        return good("发放没有被停止", "sending is not stopped")
    channel = VERSIONS[throttle.lane_keys(runtime.settings.mch_id)[lane.mch_id]]
    said = meaning_of(channel.name, lane.stopped_code).said
    what, what_en = channel.stopped_word
    since = lane.stopped_at.astimezone(SHANGHAI).strftime("%m-%d %H:%M") if lane.stopped_at else "?"
    return bad(
        f"{what}自 {since} 起停止：{lane.stopped_code}（{said.zh}）",
        f"{what_en} stopped at {since}: {lane.stopped_code} ({said.en})",
        "解决原因后系统会自动试发；若由人停止，请在后台 → 订单 → 恢复付款，或运行 wxbot payout open",
        "once the cause is gone it tries by itself; what a person stopped opens with 恢复付款 on the page 订单, or wxbot payout open",
    )
