"""What people pass on: the card a page set, in a friend's chat and in 朋友圈, and the stranger who taps a link (§9.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.shop_page import ShopPage
from wxbot.simulator.server import Simulator
from wxbot.simulator.world import World

HOST = "http://shop.example.test"
PAGE = f"{HOST}/wheel?c=poster"
CARD = {"title": "转一转", "desc": "规则见页面", "link": f"{HOST}/wheel?c=shared#top", "imgUrl": f"{HOST}/card.png"}


@pytest.fixture
def two(web: Web) -> tuple[int, int]:
    """Two people; this session is the phone of the first."""
    made = web.post("/_sim/people", json={"count": 2}).json()["people"]
    web.put("/_sim/account", json={"js_domains": ["shop.example.test"]})
    web.post(f"/_sim/people/{made[0]['id']}/session", json={})
    return made[0]["id"], made[1]["id"]


def ask(web: Web, name: str, args: dict[str, Any]) -> str:
    sent = {"args": args, "url": PAGE}
    return str(web.post(f"/_sim/bridge/{name}", json=sent).json()["err_msg"])


def cards(web: Web, person: int) -> list[dict[str, Any]]:
    return list(web.get(f"/_sim/people/{person}/cards").json()["cards"])


def share(web: Web, person: int, to: object, **more: object) -> Any:
    return web.post(f"/_sim/people/{person}/share", json={"to": to, "url": PAGE, **more})


@pytest.mark.parametrize("call", ["updateAppMessageShareData", "onMenuShareAppMessage"])
def test_the_card_that_the_page_set_reaches_the_friend_and_nobody_else(
    web: Web, two: tuple[int, int], call: str
) -> None:
    third = web.post("/_sim/people", json={}).json()["people"][0]["id"]
    assert ask(web, call, CARD) == f"{call}:ok"
    assert cards(web, two[1]) == []  # set is not shared
    assert share(web, *two).status_code == 200
    (card,) = cards(web, two[1])
    assert (card["title"], card["desc"], card["link"], card["image"]) == tuple(CARD.values())
    assert card["url"] == f"{HOST}/wheel?c=shared&from=singlemessage&isappinstalled=0#top"
    assert (card["from"]["id"], card["to"]["id"]) == two
    assert cards(web, two[0]) == [card]
    assert cards(web, third) == []


def test_the_timeline_has_a_card_of_its_own_and_everybody_sees_it(web: Web, two: tuple[int, int]) -> None:
    ask(web, "updateAppMessageShareData", CARD)
    ask(web, "updateTimelineShareData", CARD | {"title": "朋友圈里的转一转"})
    web.put("/_sim/switches", json={"shared_links_marked": False})
    share(web, two[0], "timeline")
    (card,) = cards(web, two[1])
    assert (card["title"], card["to"], card["url"]) == ("朋友圈里的转一转", None, CARD["link"])


def test_a_page_that_set_nothing_is_shared_by_its_title_and_address(web: Web, two: tuple[int, int]) -> None:
    share(web, *two, title="活动页")
    ask(web, "updateAppMessageShareData", CARD)
    ask(web, "preVerifyJSAPI", {})  # loaded anew: what it set before is gone
    share(web, *two)
    foreign = ask(web, "updateAppMessageShareData", CARD | {"link": "http://evil.example.test/"})
    assert foreign == "updateAppMessageShareData:fail_invalid url domain"
    share(web, *two)
    first, *rest = cards(web, two[1])
    assert (first["title"], first["desc"], first["link"], first["image"]) == ("活动页", PAGE, PAGE, "")
    assert [(card["title"], card["link"]) for card in rest] == [("shop.example.test", PAGE)] * 2


def test_what_one_phone_set_is_not_on_another(web: Web, two: tuple[int, int]) -> None:
    ask(web, "updateAppMessageShareData", CARD)
    share(web, two[1], two[0])
    assert cards(web, two[0])[0]["title"] == "shop.example.test"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"to": 999}, 404),
        ({"to": "everybody"}, 400),
        ({"to": True}, 400),
        ({"to": None}, 400),
        ({"url": "javascript:alert(1)"}, 400),
        ({"url": None}, 400),
    ],
)
def test_what_cannot_be_shared_is_refused(
    web: Web, two: tuple[int, int], changes: dict[str, object], status: int
) -> None:
    sent = {"to": two[1], "url": PAGE} | changes
    assert web.post(f"/_sim/people/{two[0]}/share", json=sent).status_code == status
    assert share(web, two[0], two[0]).status_code == 400
    assert cards(web, two[1]) == []


def test_cards_outlive_a_restart(simulator: Simulator, web: Web, two: tuple[int, int]) -> None:
    ask(web, "updateAppMessageShareData", CARD)
    share(web, *two)
    before = cards(web, two[1])
    assert web.put("/_sim/world", json=web.get("/_sim/world").json()).status_code == 200
    assert cards(web, two[1]) == before
    share(web, *two)
    assert [card["title"] for card in cards(web, two[1])] == [CARD["title"]] * 2
    old = web.get("/_sim/world").json()
    del old["shares"]  # a world that an earlier version saved
    assert web.put("/_sim/world", json=old).status_code == 200
    assert cards(web, two[1]) == []


def test_pages_and_cards_do_not_grow_without_end(simulator: Simulator, web: Web, two: tuple[int, int]) -> None:
    world: World = simulator.world
    for n in range(30):
        world.shares.open(two[0], f"{HOST}/{n}")
        world.shares.put(two[0], f"{HOST}/{n}", "friend", {"title": "x" * 900, "link": "y" * 9000})
    assert len(world.shares.set_by_page[two[0]]) == 20
    card = world.shares.card(two[0], f"{HOST}/29", "friend", "")
    assert (len(card.title), len(card.link)) == (200, 2048)


@pytest.mark.parametrize("is_snapshot", [False, True])
def test_a_stranger_who_taps_a_link_has_an_openid_of_their_own_and_follows_nothing(
    simulator: Simulator, web: Web, token: str, is_snapshot: bool
) -> None:
    come = web.post("/_sim/strangers", json={"url": PAGE, "is_snapshot": is_snapshot}).json()
    assert come["url"] == PAGE
    account = simulator.world.account
    account.oauth_domains.append("shop.example.test")
    link = f"appid={account.appid}&redirect_uri=http%3A%2F%2Fshop.example.test%2Fback&response_type=code&scope=snsapi_base&state=s"
    back = web.get(f"/connect/oauth2/authorize?{link}", allow_redirects=False)
    code = back.headers["Location"].split("code=")[1].split("&")[0]
    secret = {"appid": account.appid, "secret": account.appsecret, "grant_type": "authorization_code"}
    answer = web.get("/sns/oauth2/access_token", params=secret | {"code": code}).json()
    assert (answer["openid"] == come["person"]["openid"], "is_snapshotuser" in answer) == (not is_snapshot, is_snapshot)
    assert web.get("/cgi-bin/user/get", params={"access_token": token}).json()["total"] == 0
    query = {"access_token": token, "openid": come["person"]["openid"]}
    assert web.get("/cgi-bin/user/info", params=query).json()["subscribe"] == 0
    assert web.post("/_sim/strangers", json={"url": "x"}).status_code == 400


@pytest.fixture
def shop(simulator: Simulator) -> Iterator[ShopPage]:
    page = ShopPage(simulator)
    simulator.world.account.js_domains.append(page.url.removeprefix("http://"))
    page.listed = ["updateAppMessageShareData", "onMenuShareTimeline", "hideMenuItems"]
    yield page
    page.close()


@pytest.mark.browser
def test_a_stranger_sends_the_page_to_a_friend_and_into_the_timeline(
    simulator: Simulator, web: Web, shop: ShopPage, browser_page: Any
) -> None:
    """From the start page's button to the friend's tap: a card by today's call, and one that an older page sends itself."""
    friend = web.post("/_sim/people", json={"nickname": "小红"}).json()["people"][0]["id"]
    web.put("/_sim/pinned", json={"pinned": [{"title": "转一转", "url": shop.url + "/wheel"}]})
    browser_page.goto(f"{simulator.http_url}/phone?person={friend}")
    browser_page.click("[data-testid=stranger]")
    browser_page.click(".sheet-row >> text=转一转")
    page = browser_page.wait_for_selector("[data-testid=page]").content_frame()
    page.wait_for_selector("#config >> text=ready")
    card = {"title": "大转盘", "desc": "规则见页面", "link": shop.url + "/wheel?c=shared"}
    page.evaluate("card => new Promise((done) => wx.updateAppMessageShareData({ ...card, success: done }))", card)
    page.evaluate(  # as the real jweixin does it
        "card => WeixinJSBridge.on('menu:share:timeline', () => WeixinJSBridge.invoke('shareTimeline', card, () => {}))",
        {"title": "圈里的大转盘", "link": shop.url + "/wheel?c=circle", "img_url": shop.url + "/none.png"},
    )

    def menu(label: str) -> None:
        browser_page.click(".web-bar [aria-label=更多]")
        browser_page.click(f".sheet-row >> text={label}")

    menu("发送给朋友")
    assert browser_page.inner_text(".screen.choose").split() == ["发送给朋友", "小红"]
    browser_page.click("[data-testid=choose] >> text=小红")
    browser_page.wait_for_selector(".toast >> text=已发送")
    menu("分享到朋友圈")
    browser_page.wait_for_selector(".toast >> text=已分享到朋友圈")
    page.evaluate(
        "() => new Promise((done) => wx.hideMenuItems({ menuList: ['menuItem:share:timeline'], complete: done }))"
    )
    browser_page.click(".web-bar [aria-label=更多]")
    assert browser_page.locator(".sheet-row >> text=分享到朋友圈").count() == 0
    assert browser_page.locator(".sheet-row >> text=发送给朋友").count() == 1

    browser_page.goto(f"{simulator.http_url}/phone?person={friend}")
    browser_page.click("[data-testid=tab-discover]")
    browser_page.click("[data-testid=go-moments]")
    browser_page.wait_for_selector("[data-testid=shared-card] >> text=圈里的大转盘")
    browser_page.click(".screen.moments .bar-back")
    browser_page.click("[data-testid=tab-chats]")
    browser_page.click(".chat-row >> text=[链接] 大转盘")
    browser_page.click("[data-testid=friend-lines] [data-testid=shared-card] >> text=大转盘")
    opened = browser_page.wait_for_selector("[data-testid=page]").get_attribute("src")
    assert opened == shop.url + "/wheel?c=shared&from=singlemessage&isappinstalled=0"
    stranger = simulator.world.people.everyone[max(simulator.world.people.everyone)]
    assert (stranger.is_followed, [one.from_id for one in simulator.world.shares.passed]) == (False, [stranger.id] * 2)
