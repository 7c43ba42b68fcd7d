"""The office that pays promoters, set up in the console as staff would: programmes, budgets, kinds of voucher, a roster."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from wxbot.demo.actors import World
from wxbot.demo.people_clients import Promoter
from wxbot.demo.photos import Receipt, nearly, photo
from wxbot.demo.seed import ADMIN, CASHIER, MARKETER, PASSWORD, REVIEWER, SECOND_CASHIER, SECOND_REVIEWER
from wxbot.demo.staff_clients import DeskClerk
from wxbot.orders.channels import CONFIRMED

SHOPS = ("阳光便利店", "和平路超市", "小芳副食", "百联生活馆", "东风粮油", "社区邻里店")
FIXED, BOXES, FREE = "陈列照片", "进货小票", "活动费用"
"""The kinds of voucher: what one is worth is fixed, goes by the box, or is said by the person."""


@dataclass(frozen=True)
class Office:
    """Staff at work, and the two programmes that pay: one by red packet, one by transfer."""

    base_url: str
    cashier: DeskClerk
    second_cashier: DeskClerk
    reviewer: DeskClerk
    second_reviewer: DeskClerk
    marketer: DeskClerk
    packets_id: int = 0
    transfers_id: int = 0

    @classmethod
    def open(cls, base_url: str, packets_id: int = 0, transfers_id: int = 0) -> "Office":
        """Everybody signs in."""

        cashier, second_cashier, reviewer, second_reviewer, marketer = (
            DeskClerk(base_url, account.login, PASSWORD)
            for account in (CASHIER, SECOND_CASHIER, REVIEWER, SECOND_REVIEWER, MARKETER)
        )
        return cls(base_url, cashier, second_cashier, reviewer, second_reviewer, marketer, packets_id, transfers_id)


def create(base_url: str, people: Sequence[tuple[str, str, str]]) -> Office:
    """Two programmes with budgets that a second person approved, three kinds of voucher, a roster; `people` are
    (name, phone, department)."""
    office = Office.open(base_url)
    texts = {"send_name": "示例小店", "needs_binding": "1"}
    packets_id = office.cashier.programme(
        department="市场部",
        name="地推奖励",
        act_name="地推奖励",
        wishing="辛苦了，祝您天天开心",
        remark="地推奖励",
        amount="5000",
        person_per_month="1000",
        channel="",
        **texts,
    )
    transfers_id = office.cashier.programme(
        department="销售部",
        name="进货返利",
        act_name="进货返利",
        wishing="感谢支持",
        remark="进货返利",
        amount="3000",
        person_per_month="",
        channel=CONFIRMED[0],
        **texts,
    )
    for programme_id in (packets_id, transfers_id):
        office.second_cashier.agree_to_budgets(programme_id)
    _make_kinds(office, packets_id, transfers_id)
    office.second_cashier.agree_to_kinds()
    # Nobody approves for those they added: the admin brings the roster, so that both reviewers may approve everybody.
    DeskClerk(base_url, ADMIN.login, PASSWORD).roster(people)
    office.cashier.confirm_people()
    return replace(office, packets_id=packets_id, transfers_id=transfers_id)


def _make_kinds(office: Office, packets_id: int, transfers_id: int) -> None:
    free = {"needs_binding": "1", "month_count_cap": "20"}
    office.cashier.kind(
        name=FIXED,
        ask="请拍下货架全景，要看得清价签",
        amount_rule="fixed",
        fixed_fen="5.00",
        position="1",
        programme_id=str(packets_id),
        **free,
    )
    office.cashier.kind(
        name=BOXES,
        ask="请拍清楚小票上的数量和日期",
        amount_rule="per_unit",
        unit_fen="2.00",
        unit_name="箱",
        max_fen="40.00",
        position="2",
        programme_id=str(transfers_id),
        **free,
    )
    office.cashier.kind(
        name=FREE,
        ask="请拍下发票或收据",
        amount_rule="free",
        min_fen="1.00",
        max_fen="88.00",
        month_fen_cap="500.00",
        position="3",
        programme_id=str(packets_id),
        **free,
    )


def roster_of(people: Sequence[Promoter]) -> list[tuple[str, str, str]]:
    """The people as the office lists them."""
    return [
        (str(person.known["nickname"]), person.phone.removeprefix("+86"), ("市场部", "销售部")[n % 2])
        for n, person in enumerate(people)
    ]


def receipt(number: int, amount: str = "5.00") -> bytes:
    """A photo of a receipt of its own."""
    return photo(Receipt(number, SHOPS[number % len(SHOPS)], f"2026-03-{1 + number % 28:02d}", amount))


# --- a demo that has just begun ---------------------------------------------------------------------------------------

REGULARS = 8
NEWCOMERS = 4
"""People of a new demo: so many bind and hand something in, so many are on the roster and have done nothing yet."""


def move_in(base_url: str, world: World) -> tuple[Office, list[Promoter]]:
    """The office of a new demo, and the people on its roster."""
    made = world.call("POST", "people", {"count": REGULARS + NEWCOMERS})["people"]
    people = [Promoter(world, known, base_url=base_url) for known in made]
    return create(base_url, roster_of(people)), people


def a_first_morning(office: Office, people: Sequence[Promoter]) -> None:
    """What a visitor finds on the desks: vouchers that wait, two of them with the same photo, a list to pay, a
    packet to open, a payout that waits for the second cashier."""
    regulars = list(people[:REGULARS])
    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(_join, regulars))
        list(crowd.map(_hand_in, enumerate(regulars)))
    copied = nearly(receipt(900))
    regulars[-1].upload_on_page("copy", FIXED, "", [copied])
    rows = [
        (person.phone.removeprefix("+86"), str(person.known["nickname"]), f"{8 + n}.80", "三月地推")
        for n, person in enumerate(people[: REGULARS + 2])
    ]
    office.marketer.upload_list(office.packets_id, "三月地推奖励", rows)
    office.cashier.pay_by_hand(office.packets_id, regulars[0].openid, "8.80", "门店支援一天，店长确认")
    office.cashier.pay_by_hand(office.packets_id, regulars[1].openid, "200.00", "季度第一名，区域经理确认")


def _join(person: Promoter) -> None:
    person.follow()
    person.bind_in_chat()


def _hand_in(each: tuple[int, Promoter]) -> None:
    n, person = each
    kind, value = ((FIXED, ""), (BOXES, str(2 + n)), (FREE, f"{12 + n}.50"))[n % 3]
    photos = [receipt(900 + n)] if n % 4 else [receipt(900 + n), receipt(950 + n)]
    if n % 2:
        person.upload_in_chat(kind, value, photos)
    else:
        person.upload_on_page("first", kind, value, photos)
