"""What dialogues say, Chinese first. Nothing a person wrote is ever repeated here: it is data, not text (security S41)."""

CANCEL = ("取消", "退出", "cancel", "exit", "quit")
"""Said at any step, these end the dialogue."""

FINISH = ("完成", "好了", "done", "finish")
"""Said when all photos are sent."""

WAY_OUT = "回复「取消」可随时退出。\nSend 取消 to leave."
CANCELLED = "已取消「{title}」。\nCancelled."
CANCELLED_PHOTOS = "已取消「{title}」，刚才的照片没有提交。\nCancelled; your photos were not submitted."
EXPIRED = "「{title}」等得太久，已自动结束。回复「{keyword}」可以重新开始。\nThis took too long and was ended; send {keyword} to start again."
BUSY = "您正在进行「{title}」。回复「取消」结束它，再回复「{keyword}」。\nYou are in the middle of something else; send 取消 first."
WAIT = "上一条还在办理中，请等几秒再发。\nStill working on your last message; please wait a few seconds."
FAILED = "刚才没有办成，请把上一条再发一次。\nThat did not work. Please send your last message again."
TEXT_WANTED = "请用文字回复。\nPlease answer in words."

ASK_PHONE = "请回复您的 11 位手机号，我们会发送短信验证码。\nSend your 11-digit phone number; we will text you a code."
ASK_NEXT_PHONE = (
    "您已绑定 {phone}。要换绑，请回复新的 11 位手机号。\nYou are bound to {phone}. Send another number to change it."
)
ASK_CODE = "请直接回复短信里的 6 位数字。没收到？过一分钟回复「重发」。\nSend the 6 digits of the message, or 重发 for another."
BAD_CODE = "验证码是 6 位数字，请看短信后再回复。\nThe code has 6 digits."
ASK_AGAIN = "请重新回复手机号。\nPlease send your phone number again."
RESEND = ("重发", "resend")

NO_KINDS = "现在没有可以上传的凭证类型，请稍后再来。\nThere is nothing to upload at present."
ASK_KIND = "请选择凭证类型，回复序号：\n{kinds}\nWhich kind? Send its number."
BAD_KIND = "请回复上面列出的序号。\nPlease send one of the numbers above."
ASK_UNITS = "{kind}：请回复数量（{unit}），只填数字。\nHow many? Send the number."
BAD_UNITS = "请回复整数，例如 3。\nPlease send a whole number, such as 3."
ASK_AMOUNT = "{kind}：请回复金额（元），例如 12.50。\nHow much, in yuan? For example 12.50."
BAD_AMOUNT = "请回复金额，例如 12.50。\nPlease send an amount, such as 12.50."
ASK_PHOTOS = "{kind}：{ask}请发送照片，最多 {most} 张，发完回复「完成」。\nSend up to {most} photos, then 完成."
GOT_PHOTO = "收到第 {n} 张。还有就继续发，发完请回复「完成」。\nGot photo {n}. Send more, or 完成 when done."
ENOUGH_PHOTOS = "已经有 {most} 张了，请回复「完成」提交。\nThat is the most there can be; send 完成."
NO_RETAKE = "没有需要补照片的凭证。要上传新的，请回复「上传凭证」。\nNo voucher of yours waits for a photo."
ASK_RETAKE = "请重新拍一张清楚的照片发来，发完回复「完成」。\nSend a clear photo, then 完成."
NO_PHOTO_YET = "请先发送照片，再回复「完成」。\nPlease send a photo first."
PHOTO_OR_FINISH = "请发送照片；都发完了就回复「完成」。\nSend photos, then 完成."
SUBMITTED = "已收到 {n} 张照片，审核后通知您。\nReceived; we will tell you once it is reviewed."
LATE_PHOTO = "这张也收到了，已放进刚才提交的凭证。\nThis photo was added to what you have just submitted."
SUBMITTED_LATE = (
    "您没有回复「完成」，我们已替您提交刚才的 {n} 张照片，审核后通知您。\nYour {n} photos were submitted for you."
)

NO_PACKETS = "您还没有红包。\nNo red packets yet."
PACKETS = "您最近的红包："
TAKE = '<a href="{url}">点这里领取</a>'
UNDER_REVIEW = "还有 {n} 份凭证正在审核。\n{n} of your vouchers are under review."
BIND_FIRST = "回复「绑定」绑定手机号。\nSend 绑定 to bind your phone."
ALL_PACKETS = '<a href="{url}">查看全部红包</a>'
