"""The doors to vouchers: what a phone and a console may ask for, and that nobody sees or decides what is not theirs."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import inspect, text
from werkzeug.test import TestResponse

from tests.staff.consoles import Browser
from tests.staff.test_totp import set_up, wait
from tests.vouchers.stage import GUI, HONG, MING, SUN, Phone, Stage, photo
from wxbot.staff import totp
from wxbot.vouchers import decisions, photos, review, submit
from wxbot.vouchers.models import Voucher, VoucherKind

EVIL_NAMES = (
    '"><script>alert(1)</script>.jpg',
    "../../../etc/passwd",
    "a.php.jpg",
    "a\r\nSet-Cookie: x=1.jpg",
    "a" * 4000,
    "a\0.jpg",
    "\u202egpj.exe",
)


def opened(phone: Phone, kind_id: int, token: str = "token-0001", **more: Any) -> Any:
    return phone.client.post(
        "/h5/voucher", json={"token": token, "kind_id": kind_id} | more, headers={"X-Page-Mark": phone.mark}
    )


def sent(phone: Phone, address: str, raw: bytes, token: str = "photo-0001", **headers: str) -> Any:
    return phone.client.post(f"{address}/photos?token={token}", data=raw, headers={"X-Page-Mark": phone.mark} | headers)


def test_a_person_hands_a_voucher_in_and_sees_it(stage: Stage) -> None:
    phone = stage.phone(MING)
    page = phone.client.get("/h5/voucher")
    assert page.status_code == 200 and "进货小票" in page.text and "每箱 2.00 元" in page.text
    answer = opened(phone, stage.kinds["boxes"], units="3", note="静安店\n\x00")
    address = answer.get_json()["address"]
    assert opened(phone, stage.kinds["boxes"], units="3").get_json()["address"] == address, (
        "the same token is the same voucher"
    )
    for _ in range(2):
        assert sent(phone, address, photo(1)).status_code == 200
    assert sent(phone, address, photo(2), token="photo-0002").status_code == 200
    done = phone.client.post(f"{address}/done", headers={"X-Page-Mark": phone.mark})
    assert done.get_json() == {"state": "submitted"}
    page = phone.client.get(address)
    assert (
        page.text.count(".jpg?thumb=1") == 2 and "3 箱" in page.text and "¥6.00" in page.text and "静安店" in page.text
    )
    assert phone.client.get(f"{address}?lang=en").text.count("Waiting for review") == 1
    assert phone.client.get(f"{address}/state").get_json() == {"state": "submitted"}


def test_who_must_bind_first_sees_it_before_any_photo_is_chosen(stage: Stage) -> None:
    for kind in ("boxes", "free"):
        stage.change_kind(kind, needs_binding=False)
    phone = stage.phone(GUI)  # bound to nothing
    some = phone.client.get("/h5/voucher").text
    assert "先绑定手机号才能交这一种" in some and f'value="{stage.kinds["fixed"]}"' not in some
    assert f'value="{stage.kinds["boxes"]}"' in some and "/h5/bind" in some
    for kind in ("boxes", "free"):
        stage.change_kind(kind, needs_binding=True)
    none = phone.client.get("/h5/voucher").text
    assert "/h5/bind" in none and 'id="choose"' not in none and "<form" not in none


def test_faults_of_the_form_come_back_as_sentences(stage: Stage) -> None:
    phone = stage.phone(MING)
    bad = opened(phone, stage.kinds["free"], amount="0.5")
    assert (bad.status_code, bad.get_json()["text"]) == (409, "金额要在 1.00 到 50.00 元之间，请改一下。")
    assert opened(phone, 999).get_json()["outcome"] == "kind"
    good: dict[str, Any] = {"kind_id": 1, "token": "token-0001"}
    for fields in ({"token": "x"}, {"kind_id": "1"}, {"kind_id": 2**40}, {"token": None}):
        assert opened(phone, **(good | fields)).status_code in (400, 409)
    assert phone.client.post("/h5/voucher", data=b"[]", headers={"X-Page-Mark": phone.mark}).status_code == 400
    unbound = stage.phone(GUI).client.get("/h5/voucher")
    assert "请先绑定手机号" in unbound.text and "/h5/bind" in unbound.text


def test_a_request_that_no_page_of_ours_made_changes_nothing_S55(stage: Stage) -> None:
    phone, other = stage.phone(MING), stage.phone(HONG)
    address = opened(phone, stage.kinds["fixed"]).get_json()["address"]
    for headers in (
        {},
        {"X-Page-Mark": other.mark},
        {"X-Page-Mark": phone.mark, "Sec-Fetch-Site": "cross-site"},
        {"X-Page-Mark": phone.mark, "Origin": "https://evil.test"},
    ):
        for path in ("/h5/voucher", f"{address}/photos?token=photo-0001", f"{address}/done"):
            assert phone.client.post(path, data=b"x", headers=headers).status_code == 403
    assert stage.photos(1) == []
    nobody = stage.app.test_client()
    assert nobody.post("/h5/voucher", json={}).status_code == 401
    assert nobody.get(address).status_code == 302


def test_another_persons_voucher_is_as_absent_as_none_S28(stage: Stage) -> None:
    mine = stage.hand_in(1)
    (kept,) = stage.photos(mine.id)
    thief, owner = stage.phone(HONG), stage.phone(MING)
    theirs = stage.hand_in(2, HONG)
    paths = ["", "/state", f"/photos/{kept.id}.jpg", f"/photos/{kept.id}.jpg?thumb=1"]
    for path in paths:
        assert owner.client.get(f"/h5/voucher/{mine.public_id}{path}").status_code == 200
        found = thief.client.get(f"/h5/voucher/{mine.public_id}{path}")
        absent = thief.client.get(f"/h5/voucher/{'x' * 22}{path}")
        assert (found.status_code, absent.status_code, found.text) == (404, 404, absent.text)
    for path in (f"/h5/voucher/{theirs.public_id}/photos/{kept.id}.jpg", f"/h5/voucher/{mine.id}"):
        assert thief.client.get(path).status_code == 404
    for path in ("photos?token=photo-0001", "done"):
        answer = thief.client.post(
            f"/h5/voucher/{mine.public_id}/{path}", data=photo(3), headers={"X-Page-Mark": thief.mark}
        )
        assert answer.status_code == 404
    assert len(stage.photos(mine.id)) == 1
    for path in (
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "../../etc/passwd",
        "1.jpg/..",
        f"{kept.id}%00.jpg",
        "9" * 40 + ".jpg",
    ):
        assert owner.client.get(f"/h5/voucher/{mine.public_id}/photos/{path}").status_code in (302, 404)  # S48


def test_no_name_of_a_file_is_kept_anywhere_S43(stage: Stage) -> None:
    phone = stage.phone(MING)
    address = opened(phone, stage.kinds["fixed"]).get_json()["address"]
    for n, name in enumerate(EVIL_NAMES):
        safe = name.encode("ascii", "ignore").decode().replace("\r\n", " ").replace("\0", "")
        answer = sent(
            phone,
            address,
            photo(n),
            token=f"photo-{n:04}",
            **{"Content-Disposition": f'filename="{safe}"', "X-File-Name": safe},
        )
        assert answer.status_code == 200
    with stage.runtime.database.reading() as session:
        for table in inspect(session.connection()).get_table_names():
            rows = str(session.execute(text(f"SELECT * FROM {table}")).all())
            assert "passwd" not in rows and "alert(1)" not in rows and "php" not in rows, table
    files = [path.name for path in (stage.runtime.settings.data_dir / "vouchers").rglob("*") if path.is_file()]
    assert len(files) == 2 * len(EVIL_NAMES) and all(
        name.removesuffix(".jpg").removesuffix("-s").isalnum() for name in files
    )


def test_only_the_photo_address_takes_eight_megabytes_S16_S46(stage: Stage) -> None:
    phone = stage.phone(MING)
    address = opened(phone, stage.kinds["fixed"]).get_json()["address"]
    big = photo(1).ljust(photos.MOST_BYTES, b"\0")
    assert sent(phone, address, big).status_code == 200
    assert sent(phone, address, b"x" * (photos.MOST_BYTES + 1), token="photo-0002").status_code == 413
    assert phone.client.post(
        "/h5/voucher",
        data=b'{"note": "' + b"x" * 70_000 + b'"}',
        content_type="application/json",
        headers={"X-Page-Mark": phone.mark},
    ).status_code in (400, 413)
    polyglot = sent(phone, address, b"GIF89a/*" + b"<script>alert(1)</script>" * 9, token="photo-0003")
    assert (polyglot.status_code, polyglot.get_json()["outcome"]) == (409, "broken")


def test_a_photo_is_a_photo_and_nothing_else_S50_S77(desk: Stage) -> None:
    mine = desk.hand_in(1)
    (kept,) = desk.photos(mine.id)
    phone, reviewer, marketer = desk.phone(MING), Browser(desk.app, "sun"), Browser(desk.app, "li")
    console_path = f"/admin/vouchers/{mine.id}/photos/{kept.id}.jpg"
    for answer in (phone.client.get(f"/h5/voucher/{mine.public_id}/photos/{kept.id}.jpg"), reviewer.get(console_path)):
        headers = answer.headers
        assert answer.status_code == 200 and headers["Content-Type"] == "image/jpeg"
        assert headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in headers["Content-Security-Policy"]
        assert headers["Content-Disposition"] == 'inline; filename="voucher.jpg"'
        assert headers["Cache-Control"] == "private, no-store"
    assert marketer.get(console_path).status_code == 403
    assert desk.app.test_client().get(console_path).status_code == 302
    assert "sandbox" not in reviewer.get("/admin/vouchers").headers["Content-Security-Policy"]
    assert reviewer.get(f"/admin/vouchers/{mine.id + 1}/photos/{kept.id}.jpg").status_code == 404


# --- the console --------------------------------------------------------------------------------------------------


def carry_out(desk: Stage) -> None:
    """What was decided is not undone."""
    desk.move(decisions.UNDO)
    decisions.carry_out_due(desk.runtime)


def next_one(reviewer: Browser, **more: Any) -> Any:
    return reviewer.post("/admin/vouchers/next", more, **{"HX-Request": "true"})


def test_a_reviewer_works_the_queue_and_a_cashier_looks(desk: Stage) -> None:
    first, second = desk.hand_in(1, kind="boxes", units=5), desk.hand_in(2, HONG)
    reviewer, cashier = Browser(desk.app, "sun"), Browser(desk.app, "wang")
    assert "有 2 份凭证等待审核" in reviewer.get("/admin/vouchers").text
    panel = next_one(reviewer)
    assert "陈明" in panel.text and "138****8000" in panel.text and "13800138000" not in panel.text
    assert f'data-voucher="{first.id}"' in panel.text and desk.voucher(first.id).claimed_by
    assert "开始审核" not in cashier.get("/admin/vouchers").text
    looked = cashier.get(f"/admin/vouchers/{first.id}")
    assert looked.status_code == 200 and "/approve" not in looked.text
    seen = desk.seen(first.id)
    too_much = reviewer.post(
        f"/admin/vouchers/{first.id}/approve", {"amount": "10.01", **seen}, **{"HX-Request": "true"}
    )
    assert (
        too_much.status_code == 422
        and "核定金额不能高于" in too_much.text
        and f'data-voucher="{first.id}"' in too_much.text
    )
    after = reviewer.post(f"/admin/vouchers/{first.id}/approve", {"amount": "8", **seen}, **{"HX-Request": "true"})
    assert f'data-voucher="{second.id}"' in after.text and "已批准" in after.text, "on to the next without a page load"
    again = reviewer.post(f"/admin/vouchers/{first.id}/approve", {"amount": "8", **seen}, **{"HX-Request": "true"})
    assert again.status_code == 409 and "没有重复操作" in again.text
    done = reviewer.post(
        f"/admin/vouchers/{second.id}/reject", {"reason": "照片不清楚", "version": desk.voucher(second.id).version}
    )
    assert done.status_code == 303
    carry_out(desk)
    assert [payout.amount_fen for payout in desk.payouts()] == [800]
    assert desk.voucher(second.id).reason == "照片不清楚"
    for status in ("approved", "rejected", "nonsense"):
        assert reviewer.get(f"/admin/vouchers/all?status={status}").status_code == 200


def test_32_posts_of_one_approval_make_one_payout_F24(both_desks: Stage) -> None:
    voucher = both_desks.hand_in(1)
    browsers = [Browser(both_desks.app, login) for login in ("sun", "qian")]
    tokens = [browser.token() for browser in browsers]
    seen, found, gate = both_desks.seen(voucher.id), [], threading.Barrier(32)

    def click(n: int) -> None:
        browser = browsers[n % 2]
        values = {"csrf_token": tokens[n % 2], "amount": "5.00", **seen}
        client = both_desks.app.test_client()
        cookies = [browser.client.get_cookie("staff"), browser.client.get_cookie("wxbot")]
        for cookie in filter(None, cookies):
            client.set_cookie(cookie.key, cookie.value)
        gate.wait()
        found.append(client.post(f"/admin/vouchers/{voucher.id}/approve", data=values).status_code)

    threads = [threading.Thread(target=click, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [303] + [409] * 31
    carry_out(both_desks)
    assert len(both_desks.payouts()) == 1


def test_bulk_and_kinds_through_the_console(desk: Stage) -> None:
    vouchers = [desk.hand_in(seed) for seed in range(3)]
    reviewer, cashier = Browser(desk.app, "sun"), Browser(desk.app, "wang")
    page = reviewer.get("/admin/vouchers/bulk")
    assert page.text.count('name="pick"') == 3
    picks = [desk.pick(each.id) for each in vouchers] + ["x", "1:", "9:9"]
    assert reviewer.post("/admin/vouchers/bulk", {"pick": picks}).status_code == 303
    carry_out(desk)
    assert len(desk.payouts()) == 3
    form = {
        "name": "门店海报",
        "ask": "请拍下海报",
        "amount_rule": "fixed",
        "fixed_fen": "3.00",
        "programme_id": str(desk.programme_id),
        "needs_binding": "1",
    }
    faulty = cashier.post("/admin/voucher-kinds/new", form | {"fixed_fen": "0.50", "programme_id": "77"})
    assert faulty.status_code == 422 and "fault-fixed_fen" in faulty.text and "请选择项目" in faulty.text
    assert cashier.post("/admin/voucher-kinds/new", form).status_code == 303
    assert cashier.post("/admin/voucher-kinds/new", form).status_code == 422, "the name is taken"
    assert reviewer.post("/admin/voucher-kinds/new", form).status_code == 403
    with desk.runtime.database.reading() as session:
        kind = session.query(VoucherKind).filter_by(name="门店海报").one()
    for _ in range(2):
        changed = cashier.post(
            f"/admin/voucher-kinds/{kind.id}", form | {"fixed_fen": "4.00", "version": str(kind.version)}
        )
    assert changed.status_code == 422 and "其他人刚刚改过" in changed.text, "a page from before the change is refused"
    assert "海报" in cashier.get("/admin/voucher-kinds").text


def test_what_people_and_staff_write_is_text_S41(desk: Stage) -> None:
    evil = '<img src=x onerror=alert(1)>"><svg/onload=alert(1)>{{7*7}}'
    desk.change_kind("fixed", name=evil[:20], ask=evil)
    voucher = desk.open(note=evil)
    submit.add_photo(desk.runtime, voucher.id, photo(1), desk.now, "a")
    with desk.runtime.database.transaction() as session:
        submit.finish(session, voucher.id, desk.now)
        version = session.get_one(Voucher, voucher.id).version
    with desk.runtime.database.transaction() as session:
        review.want_photo(session, desk.runtime.settings, voucher.id, SUN, evil, version, desk.now)
    reviewer, phone = Browser(desk.app, "sun"), desk.phone(MING)
    pages = [
        reviewer.get(path).text
        for path in (
            "/admin/vouchers",
            f"/admin/vouchers/{voucher.id}",
            "/admin/vouchers/all?status=photo_wanted",
            "/admin/voucher-kinds",
        )
    ]
    pages += [phone.client.get(path).text for path in ("/h5/voucher", f"/h5/voucher/{voucher.public_id}")]
    for page in pages:
        assert "<img src=x" not in page and "<svg/onload" not in page


def test_hostile_parameters_break_nothing_S74(desk: Stage) -> None:
    reviewer = Browser(desk.app, "sun")
    desk.hand_in(1)
    for value in ("-1", "9" * 30, "%00", "é", "1 OR 1=1"):
        for name in ("status", "kind", "openid", "before"):
            assert reviewer.get(f"/admin/vouchers/all?{name}={value}").status_code in (200, 400)
        assert next_one(reviewer, current=value, back=value).status_code in (200, 400)
        bad = reviewer.post("/admin/vouchers/1/approve", {"amount": value, "version": value})
        assert bad.status_code in (400, 409, 422)
    assert reviewer.get("/admin/vouchers/" + "9" * 30).status_code == 404
    assert desk.payouts() == []


def test_approvals_from_an_amount_on_ask_for_a_code_again_one_or_many_S54(desk: Stage) -> None:
    desk.runtime.settings = desk.runtime.settings.model_copy(update={"totp_again_fen": 600})
    reviewer = Browser(desk.app, "sun")
    key, _ = set_up(reviewer)

    def code() -> str:
        wait(desk.app)
        return totp.code_at(key, desk.now)

    small = desk.hand_in(1)
    assert next_one(reviewer).status_code in (200, 303) and 'name="code"' not in reviewer.get("/admin/vouchers").text
    assert approve(reviewer, desk, small.id, "5.00").status_code == 303
    large = desk.hand_in(2, kind="free", amount_fen=600)
    next_one(reviewer)
    assert 'name="code"' in reviewer.get("/admin/vouchers").text
    wrong = approve(reviewer, desk, large.id, "6.00", code="123456")
    assert wrong.status_code == 422 and "验证码不正确" in wrong.text
    assert approve(reviewer, desk, large.id, "6.00").status_code == 422
    assert approve(reviewer, desk, large.id, "6.00", code=code()).status_code == 303
    picks = [desk.pick(desk.hand_in(seed).id) for seed in (3, 4)]
    assert 'name="code"' in reviewer.get("/admin/vouchers/bulk").text
    reviewer.post("/admin/vouchers/bulk", {"pick": picks})
    assert "验证码不正确" in reviewer.get("/admin/vouchers/bulk").text
    carry_out(desk)
    assert len(desk.payouts()) == 2
    reviewer.post("/admin/vouchers/bulk", {"pick": picks, "code": code()})
    carry_out(desk)
    assert len(desk.payouts()) == 4


def approve(reviewer: Browser, desk: Stage, voucher_id: int, amount: str, **more: str) -> TestResponse:
    values = {name: str(value) for name, value in desk.seen(voucher_id).items()} | {"amount": amount}
    return reviewer.post(f"/admin/vouchers/{voucher_id}/approve", values | more)
