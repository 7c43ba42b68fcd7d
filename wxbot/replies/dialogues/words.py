"""What dialogues say, in both languages. Nothing a person wrote is ever repeated here: it is data, not text (security S41).

Each sentence names the words that its own language answers with.
"""

from wxbot.text import Text

CANCEL = ("取消", "退出", "cancel", "exit", "quit")
"""Said at any step, these end the dialogue."""

FINISH = ("完成", "好了", "done", "finish")
"""Said when all photos are sent."""

RESEND = ("重发", "resend")
OTHER_PHONE = ("换号码", "改号码", "换号", "change number", "change")
"""Said while a code is awaited: the number was a wrong one."""

WAY_OUT = Text("回复「取消」可随时退出。", "Send “cancel” to leave.")
CANCELLED = Text("已取消「{title.zh}」。", "Cancelled: {title.en}.")
CANCELLED_PHOTOS = Text("已取消「{title.zh}」，刚才的照片没有提交。", "Cancelled; your photos were not submitted.")
EXPIRED = Text(
    "「{title.zh}」等得太久，已自动结束。回复「{keyword.zh}」可以重新开始。",
    "This took too long and was ended. Send “{keyword.en}” to start again.",
)
BUSY = Text(
    "您正在进行「{title.zh}」。回复「取消」结束它，再回复「{keyword.zh}」。",
    "You are in the middle of something else: send “cancel”, then “{keyword.en}”.",
)
WAIT = Text("上一条还在办理中，请等几秒再发。", "Still working on your last message; please wait a few seconds.")
FAILED = Text("刚才没有办成，请把上一条再发一次。", "That did not work. Please send your last message again.")
TEXT_WANTED = Text("请用文字回复。", "Please answer in words.")

ASK_PHONE = Text(
    "请回复您的 11 位手机号，我们会发送短信验证码。", "Send your 11-digit phone number; we will text you a code."
)
ASK_NEXT_PHONE = Text(
    "您已绑定 {phone}。要换绑，请回复新的 11 位手机号。", "You are bound to {phone}. Send another number to change it."
)
ASK_CODE = Text(
    "请直接回复短信里的 6 位数字。没收到？过一分钟回复「重发」；号码错了，直接回复正确的手机号。",
    "Send the 6 digits of the message. Nothing came? Send “resend” in a minute; if the number was wrong, send the right one.",
)
BAD_CODE = Text(
    "验证码是 6 位数字，请看短信后再回复；号码错了，直接回复正确的手机号。",
    "The code has 6 digits. If the number was wrong, send the right one.",
)
ASK_AGAIN = Text("请重新回复手机号。", "Please send your phone number again.")

NO_KINDS = Text("现在没有可以上传的凭证类型，请稍后再来。", "There is nothing to upload at present.")
ASK_KIND = Text("请选择凭证类型，回复序号：\n{kinds}", "Which kind? Send its number.\n{kinds}")
BAD_KIND = Text("请回复上面列出的序号。", "Please send one of the numbers above.")
ASK_UNITS = Text("{kind}：请回复数量（{unit}），只填数字。", "{kind}: how many ({unit})? Send the number.")
BAD_UNITS = Text("请回复整数，例如 3。", "Please send a whole number, such as 3.")
ASK_AMOUNT = Text("{kind}：请回复金额（元），例如 12.50。", "{kind}: how much, in yuan? For example 12.50.")
BAD_AMOUNT = Text("请回复金额，例如 12.50。", "Please send an amount, such as 12.50.")
ASK_PHOTOS = Text(
    "{kind}：{ask}请发送照片，最多 {most} 张，发完回复「完成」。",
    "{kind}: {ask} Send up to {most} {most:photo|photos}, then “done”.",
)
GOT_PHOTO = Text(
    "收到第 {n} 张。还有就继续发，发完请回复「完成」。", "Got photo {n}. Send more, or “done” when that is all."
)
ENOUGH_PHOTOS = Text("已经有 {most} 张了，请回复「完成」提交。", "That is the most there can be: send “done”.")
NO_RETAKE = Text(
    "没有需要补照片的凭证。要上传新的，请回复「上传凭证」。",
    "No voucher of yours waits for a photo. To hand one in, send “upload”.",
)
ASK_RETAKE = Text("请重新拍一张清楚的照片发来，发完回复「完成」。", "Send a clear photo, then “done”.")
NO_PHOTO_YET = Text("请先发送照片，再回复「完成」。", "Please send a photo first, then “done”.")
PHOTO_OR_FINISH = Text("请发送照片；都发完了就回复「完成」。", "Send photos, then “done”.")
SUBMITTED = Text("已收到 {n} 张照片，审核后通知您。", "Received: {n}. We will tell you once it is reviewed.")
LATE_PHOTO = Text("这张也收到了，已放进刚才提交的凭证。", "This photo was added to what you have just submitted.")
SUBMITTED_LATE = Text(
    "您没有回复「完成」，我们已替您提交刚才的 {n} 张照片，审核后通知您。",
    "Your {n} {n:photo was|photos were} submitted for you. We will tell you once {n:it is|they are} reviewed.",
)

NO_PACKETS = Text("您还没有红包。", "No red packets yet.")
PACKETS = Text("您最近的红包：", "Your newest red packets:")
PACKET = Text("{day.zh} {yuan} 元 {word.zh}", "{day.en}: {yuan} yuan, {word.en}")
TAKE = Text('<a href="{url}">点这里领取</a>', '<a href="{url}">take it</a>')
UNDER_REVIEW = Text("还有 {n} 份凭证正在审核。", "{n} of your vouchers are under review.")
BIND_FIRST = Text("回复「绑定」绑定手机号。", "Send “bind” to bind your phone.")
MORE_WHEN_BOUND = Text(
    "另有 {n} 种要先绑定手机号：回复「取消」，再回复「绑定」。",
    "{n} more once your phone is bound: send “cancel”, then “bind”.",
)
ALL_PACKETS = Text('<a href="{url}">查看全部红包</a>', '<a href="{url}">See all red packets</a>')
