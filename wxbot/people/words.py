"""What a person is told about binding a phone, in Chinese and English; the chat and the page say the same."""

from wxbot.text import Text, filled

SENTENCES: dict[str, Text] = {
    # after asking for a code
    "sent": Text(
        "验证码已发送到 {phone}，{minutes} 分钟内有效。没收到的话，请确认号码是不是登记在册的那一个。",
        "A code is on its way to {phone}; it works for {minutes} {minutes:minute|minutes}. Nothing comes? Check that this is the number on the list.",
    ),
    "bad_phone": Text(
        "请填写 11 位的中国大陆手机号，例如 13800138000。",
        "Please give a mainland China mobile number of 11 digits, for example 13800138000.",
    ),
    "too_often": Text(
        "验证码要得太勤了，请 {wait}后再试。", "Too many codes were asked for; please try again in {wait}."
    ),
    "budget": Text(
        "今天的短信已经发完，请明天再来，或联系工作人员。",
        "Today's text messages are used up. Please come back tomorrow, or ask the staff.",
    ),
    "closed": Text("暂时不能绑定手机号，请联系工作人员。", "Binding a phone is not open here; please ask the staff."),
    "blocked": Text(
        "这个微信号不能绑定手机号，请联系工作人员。", "This WeChat account cannot bind a phone; please ask the staff."
    ),
    "already": Text("您已经绑定了 {phone}，不用再绑一次。", "You are bound to {phone} already."),
    "busy": Text(
        "系统有点忙，没有发出短信，请一分钟后再试。", "We are busy and sent nothing; please try again in a minute."
    ),
    # after typing the code
    "bound": Text("绑定成功：{phone}。", "Bound: {phone}."),
    "held": Text(
        "验证成功。{phone} 不在登记名单里，已交给工作人员审核，结果会通知您。",
        "Verified. {phone} is not on the list, so a person will look at it; you will be told.",
    ),
    "changed": Text(
        "手机号改过了，请点“获取验证码”，短信会发到新号码。",
        "The number was changed: press “send code” and the message goes to the new one.",
    ),
    "malformed": Text("请输入短信里的 6 位数字。", "Please type the 6 digits of the text message."),
    "wrong": Text("验证码不对，还可以试 {left} 次。", "That is not the code; {left} {left:try is|tries are} left."),
    "spent": Text(
        "输错太多次，这个验证码作废了，请重新获取。", "Too many wrong tries: this code is void. Please ask for another."
    ),
    "expired": Text("验证码过期了，请重新获取。", "The code has expired; please ask for another."),
    "used": Text("这个验证码已经用过了，请重新获取。", "This code was used already; please ask for another."),
    "dead": Text("短信没有发出去，请重新获取验证码。", "The message could not be sent; please ask for another code."),
    "none": Text("请先获取验证码。", "Please ask for a code first."),
    "cooling": Text(
        "刚刚换绑过，{until} 之后才能再换。有急事请联系工作人员。",
        "This was changed a short while ago and can be changed again from {until}. Urgent? Ask the staff.",
    ),
    "refused": Text(
        "{phone} 不在登记名单里，不能绑定，请联系工作人员。",
        "{phone} is not on the list and cannot be bound; please ask the staff.",
    ),
    # told later
    "sms_failed": Text(
        "抱歉，验证码短信没有发出去（不算次数）。请过一会儿重新获取。",
        "Sorry, the text message could not be sent (it does not count). Please ask for another code in a while.",
    ),
    "approved": Text("审核通过，手机号 {phone} 已绑定。", "Approved: {phone} is bound."),
    "turned_down": Text(
        "手机号 {phone} 的绑定没有通过审核，有疑问请联系工作人员。",
        "Binding {phone} was not approved; please ask the staff.",
    ),
    "moved": Text(
        "手机号 {phone} 已被另一个微信号验证并绑定，您的绑定已解除。如果不是您本人操作，请联系工作人员。",
        "{phone} was verified and bound by another WeChat account, so your binding has ended. Was it not you? Ask the staff.",
    ),
    "unbound": Text("工作人员已解除您与 {phone} 的绑定。", "The staff have ended your binding to {phone}."),
}

PAGE: dict[str, Text] = {
    "title": Text("绑定手机号", "Bind your phone"),
    "why": Text(
        "绑定后才能收红包。我们只用它核对身份，加密保存。",
        "Red packets go to bound phones only. Yours is used to check who you are and is stored encrypted.",
    ),
    "phone": Text("手机号", "Phone"),
    "phone_hint": Text("11 位手机号", "11 digits"),
    "code": Text("验证码", "Code"),
    "code_hint": Text("6 位数字", "6 digits"),
    "send": Text("获取验证码", "Send code"),
    "again": Text("{seconds} 秒后重发", "Again in {seconds} s"),
    "bind": Text("绑定", "Bind"),
    "change": Text("换绑手机号", "Bind another phone"),
    "done": Text("已绑定", "Bound"),
    "waits": Text("等待审核", "Waiting for a person"),
    "mine": Text("我的红包", "My red packets"),
    "since": Text("绑定于 {when}", "since {when}"),
    "stale": Text("页面已经过期，请重新打开再试一次。", "This page is out of date; please open it again."),
    "reload": Text("重新打开", "Open again"),
    "privacy": Text(
        "手机号加密保存，工作人员只看到前三后四位；查看完整号码会被记录。",
        "Stored encrypted; the staff see the first three and last four digits, and looking at all of it is recorded.",
    ),
}


def say(name: str, language: str = "zh", **values: object) -> str:
    """A sentence in one language."""
    return filled((SENTENCES.get(name) or PAGE[name]).within(language), **values)


def span(seconds: int, language: str = "zh") -> str:
    """A wait for people: seconds below two minutes, then minutes, then hours; never shorter than it is."""
    if seconds < 120:
        return f"{seconds} s" if language == "en" else f"{seconds} 秒"
    minutes = -(-seconds // 60)
    if minutes < 120:
        return f"{minutes} min" if language == "en" else f"{minutes} 分钟"
    hours = -(-minutes // 60)
    return f"{hours} h" if language == "en" else f"{hours} 小时"
