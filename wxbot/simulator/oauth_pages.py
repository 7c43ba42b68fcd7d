"""The few pages open.weixin.qq.com shows a person: refusals, the consent question, and the way back."""

from __future__ import annotations

import html
import json

STYLE = """
body{margin:0;background:#ededed;color:#1a1a1a;font:17px/1.6 -apple-system,"PingFang SC","Noto Sans SC",sans-serif}
main{max-width:420px;margin:0 auto;padding:72px 24px;text-align:center}
.mark{font-size:64px;line-height:1.2}h1{font-size:20px;margin:16px 0 8px}p{color:#888;font-size:14px;margin:4px 0}
.card{background:#fff;border-radius:12px;padding:28px 20px;text-align:left}.card p{color:#333;font-size:15px}
.row{display:flex;gap:12px;margin-top:24px}button{flex:1;border:0;border-radius:8px;padding:12px;font-size:17px}
.yes{background:#07c160;color:#fff}.no{background:#f2f2f2;color:#06ae56}
"""


def page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>{content}</main></body></html>"
    )


def refusal_page(title: str, reason: str, code: str = "", hint: str = "") -> str:
    """WeChat's plain error page; `hint` tells the developer what to mend (the real page does not)."""
    number = f"<p>错误码: {html.escape(code)}</p>" if code else ""
    help_text = f"<p>simulator: {html.escape(hint)}</p>" if hint else ""
    return page(
        title,
        f'<div class="mark">⚠️</div><h1>{html.escape(title)}</h1><p>{html.escape(reason)}</p>{number}{help_text}',
    )


def consent_page(account_name: str, nickname: str, avatar: str, action: str, fields: dict[str, str]) -> str:
    """Asks for nickname and picture (§7.1 snsapi_userinfo)."""
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    return page(
        "微信登录",
        f'<form class="card" method="post" action="{html.escape(action)}">{hidden}'
        f'<div class="mark" style="text-align:center">{html.escape(avatar)}</div>'
        f"<p><b>{html.escape(account_name)}</b> 申请获取以下权限</p><p>· 获得你的公开信息（昵称、头像等）</p>"
        f"<p>以 {html.escape(nickname)} 的身份继续</p>"
        '<div class="row"><button class="no" name="answer" value="refuse">拒绝</button>'
        '<button class="yes" name="answer" value="allow">允许</button></div></form>',
    )


def way_back_page(location: str, is_checked: bool, is_twice: bool) -> str:
    """Leads a browser back by script, so that the fragment can be looked at and the callback opened twice if asked."""
    target = json.dumps(location).replace("<", "\\u003c")
    refused = json.dumps(
        refusal_page(
            "该链接无法访问", "链接缺少 #wechat_redirect", "", "append #wechat_redirect to the authorize address"
        )
    ).replace("<", "\\u003c")
    check = (
        f"if(location.hash!=='#wechat_redirect'){{document.open();document.write({refused});document.close();return}}"
    )
    first = f"try{{await fetch({target},{{credentials:'include',mode:'no-cors'}})}}catch(e){{}}"
    return (
        '<!doctype html><meta charset="utf-8"><title>微信</title><script>(async function(){'
        f"{check if is_checked else ''}{first if is_twice else ''}location.replace({target})}})()</script>"
    )
