"""Checks of what stands before a payout: text messages, the roster, and the photos of vouchers."""

import io
import os
from contextlib import suppress

from PIL import Image
from sqlalchemy import select

from wxbot.alerts import targets
from wxbot.doctor.finding import Finding, bad, good, note, reason
from wxbot.extras import install_line
from wxbot.people.models import RosterEntry
from wxbot.people.sms import NotDelivered, provider_of
from wxbot.runtime import Runtime
from wxbot.text import Refusal, listed
from wxbot.vouchers import folders, photos, storage
from wxbot.vouchers.storage import StorageProblem

PROBE_SIDE = 80
"""A picture just large enough to be taken for a photo."""


def text_messages(runtime: Runtime) -> Finding:
    """The provider of text messages is set, its SDK is installed, and a day's money pays for at least one. Sends nothing."""
    settings = runtime.settings
    name = settings.sms_provider
    if name == "none":
        return note(
            "没有配置短信服务：没有人能绑定手机号",
            "no provider of text messages is set: nobody can bind a phone",
            "需要绑定时设置 WXBOT_SMS_PROVIDER(tencent 或 aliyun)",
            "set WXBOT_SMS_PROVIDER (tencent or aliyun) when people are to bind phones",
        )
    if settings.sms_fen_per_day < max(settings.sms_fen, 1):
        return bad(
            "短信每日预算不够发一条",
            "the day's money for text messages does not pay for one",
            "调高 WXBOT_SMS_FEN_PER_DAY",
            "raise WXBOT_SMS_FEN_PER_DAY",
        )
    if name == "tencent" and not settings.sms_app_id:
        return bad(
            "腾讯云短信缺少 SmsSdkAppId",
            "Tencent's SmsSdkAppId is missing",
            "设置 WXBOT_SMS_APP_ID(腾讯云短信控制台 → 应用管理)",
            "set WXBOT_SMS_APP_ID (Tencent Cloud's console for text messages → 应用管理)",
        )
    try:
        provider_of(settings, runtime.transport)
    except NotDelivered as error:
        return bad(f"短信服务 {name} 不可用", reason(error), install_line(name))
    many = settings.sms_fen_per_day // max(settings.sms_fen, 1)
    if name == "console":
        return good("短信写进日志和模拟器的手机", "text messages go to the log and to the simulated phone")
    return good(f"短信服务 {name} 可用，每天最多约 {many} 条", f"text messages by {name}, about {many} a day at most")


def roster(runtime: Runtime) -> Finding:
    """Somebody may bind: the roster is not empty where only its numbers may."""
    if runtime.settings.binding_policy != "refuse":
        return good(
            f"名册外的号码：{runtime.settings.binding_policy}",
            f"numbers that are not on the roster: {runtime.settings.binding_policy}",
        )
    with runtime.database.reading() as session:
        someone = session.scalar(select(RosterEntry.id).where(RosterEntry.is_active).limit(1))
    if someone is None:
        return note(
            "名册是空的，而名册外的号码不能绑定",
            "the roster is empty, and numbers that are not on it may not bind",
            "在后台 → 人员名册 上传表格；或设置 WXBOT_BINDING_POLICY=hold",
            "upload a sheet at 人员名册 in the console, or set WXBOT_BINDING_POLICY=hold",
        )
    return good("名册里有人，名册外的号码不能绑定", "the roster has people; other numbers may not bind")


def voucher_storage(runtime: Runtime) -> Finding:
    """Photos can be kept, every machine sees all of them, and none is left where it was before."""
    settings = runtime.settings
    folder = storage.folder_of(settings)
    places = {"s3": f"S3 {settings.s3_bucket}", "folder": str(folder), "database": "数据库"}
    place, place_en = places[settings.photo_store], (places | {"database": "the database"})[settings.photo_store]
    try:
        is_same = _keeps_photos(runtime)
    except StorageProblem as error:
        mends = {
            "s3": (
                f"核对 WXBOT_S3_…，以及桶是否存在、密钥有没有读写删权限；缺 boto3 时：{install_line('s3')}",
                f"compare WXBOT_S3_…: does the bucket exist, may the key read, write and delete? Without boto3: {install_line('s3')}",
            ),
            "folder": (f"让运行 wxbot 的用户能写 {place}", f"let the user that runs wxbot write {place}"),
            "database": ("看数据库那几项检查；磁盘是否写满", "look at the checks of the database; is its disk full?"),
        }
        return bad(
            f"凭证照片存不进{place}",
            f"photos cannot be kept in {place_en}: {reason(error)}",
            *mends[settings.photo_store],
        )
    if not is_same:
        return bad(
            f"{place} 读回的内容不同",
            f"{place_en} gives back something else",
            "检查存储前面是否有缓存或改写",
            "look for a cache or something else in front of the store that changes what it holds",
        )
    return _scattered(runtime) or good(
        f"凭证照片存在{place}，可读写", f"photos are kept in {place_en}, which can be written and read"
    )


def _keeps_photos(runtime: Runtime) -> bool:
    """Whether the store gives back what it got. A bucket is tried; in a folder and in the database doctor makes nothing.

    Raises StorageProblem when the store cannot be used.
    """
    settings = runtime.settings
    store, key, content = storage.storage_of(runtime), storage.random_key(), b"wxbot doctor"
    if settings.photo_store == "s3":
        store.put(key, content)
        is_same = store.get(key) == content
        store.delete(key)
        return is_same
    if settings.photo_store == "folder":
        folder = storage.folder_of(settings).absolute()
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        if not nearest.is_dir() or not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
            raise StorageProblem(f"{nearest} cannot be written")
    with suppress(storage.Missing):
        store.get(key)
    return True


def _scattered(runtime: Runtime) -> Finding | None:
    """Photos that another machine cannot see: several folders, or files that an earlier setting left in this one."""
    settings = runtime.settings
    folder = storage.folder_of(settings)
    if settings.photo_store == "folder":
        known = folders.known(runtime)
        if len(known) > 1:
            hosts = listed(f"{each.host}:{each.path}" for each in known)
            return bad(
                f"凭证照片散在 {len(known)} 个文件夹（{hosts.zh}），每台机器只看得到自己的",
                f"photos lie in {len(known)} folders ({hosts.en}); each machine sees its own",
                "各台都设 WXBOT_VOUCHER_STORAGE=database 并各运行一次 wxbot photos move；机器已下线的：wxbot photos forget 标记",
                "set WXBOT_VOUCHER_STORAGE=database on each machine and run wxbot photos move on each; for a machine that is gone: wxbot photos forget MARK",
            )
    elif next(storage.FolderStorage(folder).list_keys(), None) is not None:
        return note(
            f"{folder} 里还有以前的照片，别的机器看不到",
            f"older photos still lie in {folder}, where other machines cannot see them",
            "在这台机器上运行 wxbot photos move",
            "run wxbot photos move on this machine",
        )
    return None


def photo_reader(runtime: Runtime) -> Finding:
    """The confined program that decodes photos runs on this machine."""
    drawn = io.BytesIO()
    Image.linear_gradient("L").resize((PROBE_SIDE, PROBE_SIDE)).save(drawn, "JPEG")
    try:
        read = photos.read(drawn.getvalue())
    except Refusal as refused:
        return bad(
            "处理照片的子进程没有正常工作",
            f"the program that reads photos failed: {refused.reason}",
            "查看日志 child_died；检查 Pillow 是否装好、内存是否够 512 MB",
            "look for child_died in the log; is Pillow installed, are 512 MB of memory free?",
        )
    return good(f"照片能处理（{read.width}×{read.height}）", f"photos can be read ({read.width}×{read.height})")


def alert_targets(runtime: Runtime) -> Finding:
    """Alerts have somewhere to go, and every address can be read. Sends nothing: the console's page 报警 has a button for that."""
    ways = targets.of(runtime.settings)
    if not ways:
        return note(
            "没有设置报警去向：付款停了、余额低了，没有人会收到消息",
            "alerts go nowhere: nobody is told when sending stops or the balance is low",
            "设置 WXBOT_ALERT_TARGETS(企业微信、钉钉、飞书机器人，邮件或 webhook)",
            "set WXBOT_ALERT_TARGETS (a robot of 企业微信, 钉钉 or 飞书, mail, a webhook)",
        )
    unread = [f"{place} ({way.shown})" for place, way in enumerate(ways, 1) if way.way is None]
    if unread:
        said = listed(unread)
        return bad(
            f"WXBOT_ALERT_TARGETS 里看不懂的地址：{said.zh}",
            f"WXBOT_ALERT_TARGETS has addresses that cannot be read: {said.en}",
            "照 docs/zh/settings.md 的写法改正，然后在后台 → 报警 试发",
            "write them as docs/settings.md shows, then press the test button at 报警 in the console",
        )
    shown = listed(way.shown for way in ways)
    return good(f"报警发到：{shown.zh}", f"alerts go to: {shown.en}")
