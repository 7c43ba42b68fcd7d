"""The story of a campaign through the console's pages, and what its pages show."""

import csv
import io
import json
import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select
from sqlalchemy import text as sql

from tests.staff.consoles import NOON, Browser, form_at
from wxbot import ledger
from wxbot.campaigns import poster
from wxbot.campaigns.models import Campaign
from wxbot.draws.models import DrawCount
from wxbot.staff.models import AuditEvent


def new_campaign(browser: Browser, **changes: object) -> str:
    """Save a draft; returns the address of its page."""
    answer = browser.post("/admin/campaigns/new", form_at(NOON, **changes))
    assert answer.status_code == 303, re.findall(r'class="fault"[^>]*>([^<]+)', answer.text)
    return answer.headers["Location"]


def seen_hash(browser: Browser, page: str) -> str:
    return re.findall(r'name="content_sha256" value="([0-9a-f]{64})"', browser.get(page).text)[0]


def test_a_campaign_is_written_submitted_approved_launched_and_logged(console_app: Flask) -> None:
    marketer, cashier, admin = (Browser(console_app, who) for who in ("li", "wang", "chen"))
    page = new_campaign(marketer)
    assert marketer.post(f"{page}/submit").status_code == 303
    assert cashier.post(f"{page}/approve", {"content_sha256": seen_hash(cashier, page)}).status_code == 303
    assert marketer.post(f"{page}/launch").status_code == 303
    assert "启动中" in marketer.get(page).text
    ledger_page = cashier.get("/admin/ledger").text
    assert "审批预留" in ledger_page and "¥400.00" in ledger_page
    log = admin.get("/admin/audit").text
    for words in ("保存草稿", "提交审批", "批准活动", "启动活动"):
        assert words in log
    database = console_app.extensions["wxbot"].database
    with database.reading() as session:
        assert ledger.balances(session)["reserved"] == 40_000
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "campaign_approve")).one()
        assert event.detail["content"] == session.get_one(Campaign, 1).content_sha256


def test_the_one_who_approves_is_not_the_one_who_wrote_S56(console_app: Flask) -> None:
    marketer = Browser(console_app, "li")
    page = new_campaign(marketer)
    marketer.post(f"{page}/submit")
    assert (
        marketer.post(f"{page}/approve", {"content_sha256": seen_hash(Browser(console_app, "wang"), page)}).status_code
        == 403
    )
    cashier = Browser(console_app, "wang")
    cashier.post(f"{page}/approve", {"content_sha256": "0" * 64})
    assert "内容与提交时不一致" in cashier.get(page).text
    with console_app.extensions["wxbot"].database.reading() as session:
        assert session.get_one(Campaign, 1).status == "submitted"


def test_sixteen_clicks_on_approve_reserve_once_F24(console_app: Flask) -> None:
    marketer = Browser(console_app, "li")
    page = new_campaign(marketer)
    marketer.post(f"{page}/submit")
    clickers = [Browser(console_app, "wang") for _ in range(4)]
    sha256 = seen_hash(clickers[0], page)
    tokens = [browser.token() for browser in clickers]
    codes: list[int] = []

    def click(n: int) -> None:
        values = {"csrf_token": tokens[n], "content_sha256": sha256}
        for _ in range(4):
            codes.append(clickers[n].client.post(f"{page}/approve", data=values).status_code)

    threads = [threading.Thread(target=click, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [303] * 16
    with console_app.extensions["wxbot"].database.reading() as session:
        assert ledger.balances(session)["reserved"] == 40_000
        outcomes = session.scalars(select(AuditEvent.outcome).where(AuditEvent.action == "campaign_approve")).all()
    assert sorted(outcomes) == ["done"] + ["refused"] * 15


def test_faults_stand_beside_their_fields_and_what_was_typed_stays(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    answer = browser.post(
        "/admin/campaigns/new",
        form_at(NOON, budget="1.005", title="超过六个汉字的标题", rules="分享到朋友圈后可抽", odds="0"),
    )
    assert answer.status_code == 303
    written = browser.get(answer.headers["Location"]).text
    for field in ("budget", "title", "rules", "odds"):
        assert f'id="fault-{field}"' in written
    assert 'value="1.005"' in written
    assert "新春到店有礼" in written
    browser.post("/admin/language", {"locale": "en", "back": "/admin/"})
    english = browser.get(browser.post("/admin/campaigns/new", form_at(NOON, odds="0")).headers["Location"])
    assert "The odds are more than 0 %" in english.text


def test_the_forecast_follows_the_form_and_changes_nothing(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    big = form_at(
        NOON, split="fixed", packet_count="50000", packet_amount="1.00", budget="60000", expected_people="1000000"
    )
    text = browser.post("/admin/campaigns/forecast", big).text
    assert "¥50,000.00" in text
    assert "备货需要 5 天" in text
    assert "微信不再提供抽奖统计" in text
    assert "预算比红包合计多 10,000.00 元" in text
    assert "填好时间" in browser.post("/admin/campaigns/forecast", {"budget": "x"}).text
    with console_app.extensions["wxbot"].database.reading() as session:
        assert session.scalars(select(Campaign)).all() == []


def test_packets_page_forwards_backwards_jump_and_filter(story_app: Flask) -> None:
    browser = Browser(story_app, "li")

    def ordinals(query: str) -> list[int]:
        page = browser.get(f"/admin/campaigns/1/packets?{query}").text
        return [int(found) for found in re.findall(r'<td class="right num"><a[^>]*>(\d+)</a>', page)]

    assert ordinals("") == list(range(1, 51))
    assert ordinals("after=50") == list(range(51, 101))
    assert ordinals("before=101") == list(range(51, 101))
    assert ordinals("jump=377") == list(range(377, 401))
    assert ordinals("before=20") == list(range(1, 20))
    forward, after = [], 0
    while page := ordinals(f"status=loaded&after={after}"):
        forward += page
        after = page[-1]
    assert len(forward) > 50 and forward == sorted(set(forward))
    assert ordinals(f"status=loaded&before={forward[-1]}") == forward[-51:-1]


def test_packets_are_found_by_ordinal_openid_and_number(story_app: Flask) -> None:
    browser = Browser(story_app, "li")
    page = browser.get("/admin/campaigns/1/packets?q=7").text
    openid, billno = re.findall(r'class="num small openid">(\w+)<', page)[0], re.findall(r"19000000\d{20}", page)[0]
    for text in (openid, billno, "%237"):
        found = browser.get(f"/admin/campaigns/1/packets?q={text}").text
        assert re.findall(r'<td class="right num"><a[^>]*>(\d+)</a>', found) == ["7"], text
    assert "没有符合条件的红包" in browser.get(f"/admin/campaigns/2/packets?q={openid}").text
    detail = browser.get("/admin/campaigns/1/packets/1000007").text
    assert billno in detail and "&lt;return_code&gt;" in detail
    assert browser.get("/admin/campaigns/2/packets/1000007").status_code == 404


def test_charts_are_numbers_in_fen(story_app: Flask) -> None:
    browser = Browser(story_app, "li")
    money = json.loads(browser.get("/admin/campaigns/1/money.json").text)
    assert len(money["labels"]) == len(money["series"]["received"]) > 5
    assert all(isinstance(fen, int) for fen in money["series"]["received"])
    with story_app.extensions["wxbot"].database.reading() as session:
        assert sum(money["series"]["received"]) == ledger.total_posted(session, "received", 1)
    draws = json.loads(browser.get("/admin/campaigns/1/draws.json").text)
    assert sum(draws["series"]["admitted"]) > 100
    funnel = browser.get("/admin/campaigns/1/funnel").text
    assert "你已经抽到过了" in funnel


def test_a_won_packet_is_no_refusal_in_funnel_and_chart(story_app: Flask) -> None:
    browser = Browser(story_app, "li")
    before = json.loads(browser.get("/admin/campaigns/1/draws.json").text)["series"]["refused"]
    with story_app.extensions["wxbot"].database.transaction() as session:
        session.add(DrawCount(campaign_id=1, hour=NOON, outcome="bound", n=777))
    assert ">bound<" not in browser.get("/admin/campaigns/1/funnel").text
    after = json.loads(browser.get("/admin/campaigns/1/draws.json").text)["series"]["refused"]
    assert sum(after) == sum(before)


XSS = (
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "</script><script>alert(1)</script>",
    "{{7*7}}",
    "{% raw %}",
    "{0.__class__}",
)


@pytest.mark.parametrize("text", XSS)
def test_texts_are_data_on_every_page_S42_S75(console_app: Flask, text: str) -> None:
    marketer = Browser(console_app, "li")
    changes = dict.fromkeys(("name", "rules", "organiser", "contact"), text)
    page = new_campaign(marketer, **changes)
    marketer.post(f"{page}/submit")
    Browser(console_app, "wang").post(f"{page}/send-back", {"reason": text})
    for who, paths in (("li", ("/admin/", "/admin/campaigns", page, f"{page}/edit")), ("chen", ("/admin/audit",))):
        browser = Browser(console_app, who)
        for path in paths:
            shown = browser.get(path).text
            assert text not in shown or "<" not in text, path
            assert "49" not in re.findall(r"<h1>(.*?)</h1>", shown, re.S)[0]


def test_openids_and_answers_of_strangers_are_escaped_S41(story_app: Flask) -> None:
    database = story_app.extensions["wxbot"].database
    with database.transaction() as session:
        from wxbot.campaigns.models import Packet

        packet = session.scalars(select(Packet).where(Packet.openid.is_not(None)).limit(1)).one()
        packet.openid = "<script>alert(1)</script>"
        ordinal, packet_id = packet.ordinal, packet.id
    browser = Browser(story_app, "li")
    for path in (f"/admin/campaigns/1/packets?jump={ordinal}", f"/admin/campaigns/1/packets/{packet_id}"):
        assert "<script>alert" not in browser.get(path).text


def test_exports_are_safe_in_a_spreadsheet_and_logged_S45(story_app: Flask) -> None:
    database = story_app.extensions["wxbot"].database
    with database.transaction() as session:
        from wxbot.campaigns.models import Packet

        rows = session.scalars(select(Packet).order_by(Packet.id).limit(8)).all()
        for row, text in zip(rows, ("=1+1", "+1", "-1", "@x", "\tx", "＝1", " =cmd|x", "ok"), strict=True):
            row.openid = text
    answer = Browser(story_app, "li").post("/admin/campaigns/1/packets.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="packets-1.csv"'
    assert answer.data.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(table) == 401
    assert [row[5] for row in table[1:9]] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'＝1", "' =cmd|x", "ok"]
    entries = Browser(story_app, "wang").post("/admin/ledger.csv", {"campaign": "1"})
    assert len(list(csv.reader(io.StringIO(entries.data.decode("utf-8-sig"))))) > 1_000
    with database.reading() as session:
        actions = session.scalars(select(AuditEvent.action)).all()
    assert "packets_export" in actions and "ledger_export" in actions


def test_the_merchant_can_be_stopped_and_opened_by_a_cashier(story_app: Flask) -> None:
    cashier = Browser(story_app, "wang")
    cashier.post("/admin/merchant/stop")
    assert "付款已停止" in cashier.get("/admin/").text
    assert "付款已停止" in Browser(story_app, "li").get("/admin/campaigns/1").text
    cashier.post("/admin/merchant/open")
    assert "付款已停止" not in cashier.get("/admin/").text


def test_english_is_one_press_away(story_app: Flask) -> None:
    browser = Browser(story_app, "li")
    answer = browser.post("/admin/language", {"locale": "en", "back": "/admin/campaigns/1"})
    assert answer.headers["Location"] == "/admin/campaigns/1"
    page = browser.get("/admin/campaigns/1").text
    assert 'lang="en"' in page and "Running" in page
    for evil in ("//evil.test", "https://evil.test", "/admin\\evil", "/h5"):
        assert browser.post("/admin/language", {"locale": "en", "back": evil}).headers["Location"] == "/admin/sign-in"


def test_reply_rules_are_added_tried_and_removed(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    assert (
        browser.post("/admin/replies", {"trigger": "contain", "pattern": "红包", "text": "到店摇一摇"}).status_code
        == 303
    )
    assert browser.post("/admin/replies", {"trigger": "default", "text": "您好"}).status_code == 303
    assert "到店摇一摇" in browser.get("/admin/replies?try=我要红包").text.split("<table")[0]
    assert "您好" in browser.get("/admin/replies?try=哈哈").text.split("<table")[0]
    bad = browser.post("/admin/replies", {"trigger": "equal", "pattern": "", "text": "x"})
    assert bad.status_code == 422 and "请填写关键词" in bad.text
    assert browser.post("/admin/replies/1/remove").status_code == 303
    assert browser.post("/admin/replies/1/remove").status_code == 404
    assert "到店摇一摇" not in browser.get("/admin/replies").text


def test_the_bench_of_replies_knows_the_keywords_of_campaigns(story_app: Flask) -> None:
    with story_app.extensions["wxbot"].database.transaction() as session:
        session.get_one(Campaign, 1).keyword = "店庆"
    page = Browser(story_app, "li").get("/admin/replies?try=店庆").text
    assert "活动自己的关键词" in page


def test_a_campaign_launched_long_before_its_beginning_says_when_it_orders(story_app: Flask) -> None:
    with story_app.extensions["wxbot"].database.transaction() as session:
        campaign = session.get_one(Campaign, 1)
        campaign.status, campaign.begin_at, campaign.end_at = (
            "launching",
            NOON + timedelta(days=2),
            NOON + timedelta(days=9),
        )
    assert "开始前 12 小时" in Browser(story_app, "li").get("/admin/campaigns/1").text


def test_a_place_gets_a_code_and_a_poster_of_its_own_that_lead_to_the_page(story_app: Flask) -> None:
    marketer = Browser(story_app, "li")
    assert marketer.post("/admin/campaigns/1/places", {"name": " 东门店 "}).status_code == 303
    marketer.post("/admin/campaigns/1/places", {"name": "东门店"})
    assert "已经有这个渠道了" in marketer.get("/admin/campaigns/1").text
    page = marketer.get("/admin/campaigns/1/entries").text
    assert "东门店" in page and "?c=p1" in page
    code = marketer.get("/admin/campaigns/1/qr.png?c=p1")
    with Image.open(io.BytesIO(code.data)) as seen:
        assert (seen.format, seen.width) == ("PNG", seen.height) and seen.width >= 600
    made = marketer.get("/admin/campaigns/1/poster?c=p1")
    assert 5_000 < len(made.data) < 200 * 1024
    with Image.open(io.BytesIO(made.data)) as seen:
        assert (seen.format, *seen.size) == ("PNG", poster.WIDTH, poster.HEIGHT)
    other = marketer.get("/admin/campaigns/1/poster?c=poster")
    assert other.data != made.data, "each place has a code of its own"


def test_without_a_chinese_font_the_poster_is_drawn_by_whoever_opens_it(story_app: Flask, tmp_path: Path) -> None:
    runtime = story_app.extensions["wxbot"]
    runtime.settings = runtime.settings.model_copy(update={"poster_font": tmp_path / "none.ttf"})
    made = Browser(story_app, "li").get("/admin/campaigns/1/poster")
    assert made.mimetype == "image/svg+xml"
    assert made.text.count("<svg") == 2 and "分享不增加次数" in made.text


def test_a_claim_is_shown_to_who_approves_and_stops_nothing(console_app: Flask) -> None:
    li, wang = Browser(console_app, "li"), Browser(console_app, "wang")
    answer = li.post("/admin/campaigns/new", form_at(NOON, rules="每人一个红包，１００％中奖"))
    page = answer.headers["Location"].removesuffix("/edit")
    li.post(f"{page}/submit")
    shown = wang.get(page).text
    assert "待审批" in shown and "１００％中奖" in shown and "要与实际设置相符" in shown


def test_what_cannot_be_logged_is_not_done(console_app: Flask) -> None:
    marketer, database = Browser(console_app, "li"), console_app.extensions["wxbot"].database
    page = new_campaign(marketer)
    with database.transaction() as session:
        session.execute(sql("ALTER TABLE audit_events RENAME TO audit_events_away"))
    try:
        for path in (f"{page}/submit", f"{page}/copy", f"{page}/edit", "/admin/campaigns/new"):
            assert marketer.post(path, form_at(NOON, name="不能记录")).status_code >= 500
    finally:
        with database.transaction() as session:
            session.execute(sql("ALTER TABLE audit_events_away RENAME TO audit_events"))
    with database.reading() as session:
        (campaign,) = session.scalars(select(Campaign)).all()
    assert (campaign.status, campaign.version) == ("draft", 1) and campaign.name != "不能记录"
