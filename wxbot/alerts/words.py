"""What alerts say, in one language: the deployment's (WXBOT_LOCALE). No sentence names a person or a whole order number."""

from wxbot.text import Phrases, Text

SENTENCES: dict[str, Text] = {
    "stopped_by_error": Text(
        "付款已停止（{line}）：微信返回 {code}（{meaning}）。排除原因后会自动恢复，每分钟用一笔真实订单试一次。",
        "Sending has stopped ({line}): WeChat says {code} ({meaning}). It goes on by itself once the cause is gone; one real order a "
        "minute is tried.",
    ),
    "stopped_by_staff": Text(
        "付款被财务停止：按“恢复付款”之前不会再发。",
        "Staff have stopped sending: nothing goes out until somebody presses “send again”.",
    ),
    "broken": Text(
        "账目规则被破坏：{rules}。请停止所有付款，复制一份数据库，保留日志，不要手工改账。",
        "A rule of the books is broken: {rules}. Stop all payments, copy the database, keep the logs, never mend the books by hand.",
    ),
    "no_worker": Text(
        "没有后台任务进程在工作：不发送、不查询、不对账。请在服务器上启动 wxbot worker。",
        "No worker is alive: nothing is sent, asked or compared. Start wxbot worker on a server.",
    ),
    "lost_worker": Text(
        "{silent} 个后台任务进程失去消息，还有 {alive} 个在工作。请查看那台机器：{hosts}。",
        "{silent} {silent:worker|workers} fell silent, {alive} still {alive:works|work}. Look at the machine: {hosts}.",
    ),
    "balance_low": Text(
        "商户余额约 {yuan} 元，低于设定的 {least} 元（{source}）。请到商户平台充值。",
        "The merchant's balance is about {yuan} yuan, below the {least} that were set ({source}). Top it up in the merchant's "
        "console.",
    ),
    "balance_ends": Text(
        "按现在的速度，商户余额（约 {yuan} 元）将在 {at} 用完（{source}）。请到商户平台充值。",
        "At this pace the merchant's balance (about {yuan} yuan) is empty at {at} ({source}). Top it up in the merchant's console.",
    ),
    "balance_reckoned": Text("按截至 {at} 的账单和之后的付款推算", "from the bill until {at} and what was paid since"),
    "balance_told": Text("微信支付 {at} 的答复", "as WeChat Pay told at {at}"),
    "manual": Text(
        "{n} 笔订单等待人工处理：微信的应答说不清结果。请财务查看证据，两人确认。",
        "{n} {n:order needs|orders need} a person: WeChat's answers do not settle {n:it|them}. A cashier looks at the evidence, a second one confirms.",
    ),
    "stuck": Text(
        "{n} 笔订单超过一小时没有结果。钱没有丢，也不会重复付；请看微信支付是否正常，不要另外补发。",
        "{n} {n:order has|orders have} had no answer for over an hour. The money is neither lost nor paid twice; see whether WeChat Pay works, and "
        "pay nobody again by hand.",
    ),
    "certificate": Text(
        "证书 {file} 将于 {day} 到期（还有 {days} 天）。到期后无法付款，请提前更换。",
        "The certificate {file} ends on {day} (in {days} {days:day|days}). Nothing can be paid afterwards: replace it before.",
    ),
    "certificate_over": Text(
        "证书 {file} 已于 {day} 到期，无法付款。请立即更换并重启。",
        "The certificate {file} ended on {day}: nothing can be paid. Replace it and restart.",
    ),
    "frozen": Text(
        "数据库可能是一份旧副本，已冻结：不付款、不抽奖。请两位财务按步骤解冻。",
        "The database may be an old copy and is frozen: nothing is paid or drawn. Two cashiers thaw it step by step.",
    ),
    "empty_campaign": Text(
        "活动 #{id} 到了时间却没有红包可抽。请看活动页面上的原因。",
        "Campaign #{id} has nothing to draw though its time has come. Its page says why.",
    ),
    "low_campaign": Text(
        "活动 #{id} 的奖品只剩 {left} / {stock}，离结束还早。可以在活动页加奖品，或提前结束。",
        "Campaign #{id} has {left} of {stock} {stock:prize|prizes} left long before its end. Add some on its page, or end it early.",
    ),
    "test": Text(
        "这是一条测试消息：报警可以送达这里。",
        "This is a test message: alerts arrive here.",
    ),
    "over": Text("已恢复：", "Over: "),
    "still": Text("仍未解决（自 {since} 起）：", "Still wrong (since {since}): "),
    "title": Text("报警", "Alert"),
    "title_over": Text("已恢复", "Recovered"),
}


class AlertPhrases(Phrases):
    """The sentences of alerts."""

    table = SENTENCES
