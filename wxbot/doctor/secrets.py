"""Checks of the keys that are changed in a deployment's life: is the secret key this database's, are former ones left?"""

from wxbot.doctor.finding import Finding, bad, good, note
from wxbot.keys import sentinel
from wxbot.runtime import Runtime


def secret_key(runtime: Runtime) -> Finding:
    """WXBOT_SECRET_KEY opens what this database holds."""
    with runtime.database.reading() as session:
        stands = sentinel.standing(session, runtime.vault, runtime.former_vault)
    if stands == "new":
        return note("密钥还没有登记", "no secret key is remembered yet", "wxbot db upgrade")
    if stands == "ours":
        return good("密钥是这个数据库的", "the secret key is this database's")
    ways = {
        "foreign": ("恢复原来的 WXBOT_SECRET_KEY", "put the former WXBOT_SECRET_KEY back"),
        "former": ("wxbot keys rotate", "wxbot keys rotate"),
        "half": ("wxbot keys rotate", "wxbot keys rotate"),
    }
    return bad(*sentinel.SENTENCES[stands], *ways[stands])


def former_keys(runtime: Runtime) -> Finding:
    """Former keys are accepted only while keys are changed."""
    settings = runtime.settings
    left = [
        f"WXBOT_{name.upper()}"
        for name in ("secret_key_old", "callback_token_old", "aes_key_old", "api_v3_key_old", "pay_public_key_old_id")
        if str(getattr(settings, name))
    ]
    if not left:
        return good("没有留下旧密钥", "no former key is accepted")
    names = ", ".join(left)
    return note(
        f"仍然接受旧密钥：{names}",
        f"former keys are still accepted: {names}",
        "更换完成后从设置中删除它们",
        "remove them from the settings once the change is done",
    )
