"""The staff who pay people: cashiers with programmes, lists and payouts, reviewers at their desk; in browsers of their own."""

import csv
import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from wxbot.demo.actors import TIMEOUT_S, Clerk, StoryProblem


@dataclass(frozen=True)
class OnDesk:
    """A voucher as the reviewer sees it."""

    voucher_id: int
    version: str
    amount: str
    look_alikes: tuple[int, ...]
    """Vouchers with photos that look like these."""
    page: str


class DeskClerk(Clerk):
    """A clerk who knows the pages of direct payouts."""

    def _send_file(self, path: str, page: str, file_name: str, raw: bytes, **fields: Any) -> requests.Response:
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.base_url))
        reply = self._session.post(
            self.base_url + path,
            data={**fields, "csrf_token": html.unescape(found[1]) if found else ""},
            files={"file": (file_name, raw)},
            headers={"Origin": origin},
            timeout=TIMEOUT_S,
        )
        if not reply.ok:
            raise StoryProblem(f"console: {path} → {reply.status_code}")
        return reply

    # --- setting up -----------------------------------------------------------------------------------------------

    def programme(self, **fields: str) -> int:
        """A new programme, its first budget asked for; returns its number."""
        reply = self._post("/programmes/new", self._read("/programmes/new"), **fields)
        return _number(reply.url, "programmes")

    def agree_to_budgets(self, programme_id: int) -> None:
        """Approve what another cashier asked for."""
        page = self._read(f"/programmes/{programme_id}")
        if change := re.search(r"/programmes/changes/[0-9]+/approve", page):
            self._post(change[0], page, content_sha256=_seen(page))

    def kind(self, **fields: str) -> None:
        """A new kind of voucher; a second cashier lets it be switched on."""
        self._post("/voucher-kinds/new", self._read("/voucher-kinds/new"), is_on="1", **fields)

    def agree_to_kinds(self) -> None:
        """Let the kinds be switched on that another cashier made."""
        for kind in set(re.findall(r"/voucher-kinds/([0-9]+)", self._read("/voucher-kinds"))):
            page = self._read(f"/voucher-kinds/{kind}")
            if change := re.search(r"/voucher-kinds/rules/[0-9]+/approve", page):
                self._post(change[0], page, content_sha256=_seen(page))

    def roster(self, people: Sequence[tuple[str, str, str]]) -> None:
        """Upload names, phones and departments, look at them, take them over."""
        raw = _csv([("姓名", "手机号", "部门"), *people])
        seen = self._send_file("/roster/upload", self._read("/roster"), "花名册.csv", raw).text
        found = re.search(r"/roster/upload/([0-9]+)", seen)
        if found is None:
            raise StoryProblem("console: the roster was not read")
        self._post(f"/roster/upload/{found[1]}", seen)

    def confirm_people(self) -> None:
        """Agree to everybody whom colleagues of another role have added, as each page shows them."""
        for each in set(re.findall(r"/confirmations/([0-9]+)", self._read("/confirmations"))):
            page = self._read(f"/confirmations/{each}")
            self._post(f"/confirmations/{each}/confirm", page, content_sha256=_seen(page))

    # --- lists ----------------------------------------------------------------------------------------------------

    def upload_list(self, programme_id: int, name: str, rows: Sequence[Sequence[str]]) -> int:
        """Upload a list of (phone, name, yuan, note); returns its number."""
        raw = _csv([("手机号", "姓名", "金额", "备注"), *rows])
        page = self._read("/lists/new")
        reply = self._send_file("/lists/new", page, f"{name}.csv", raw, programme=str(programme_id), name=name)
        return _number(reply.url, "lists")

    def submit_list(self, list_id: int) -> None:
        """Hand it to a second person, its bad rows left out."""
        self._post(f"/lists/{list_id}/submit", self._read(f"/lists/{list_id}"), skip_faulty="1")

    def approve_list(self, list_id: int) -> None:
        """Approve what the page shows."""
        page = self._read(f"/lists/{list_id}")
        self._post(f"/lists/{list_id}/approve", page, content_sha256=_seen(page))

    # --- payouts --------------------------------------------------------------------------------------------------

    def pay_by_hand(self, programme_id: int, openid: str, amount: str, reason: str) -> int:
        """Owe one person money; returns the payout's number."""
        page = self._read("/payouts/new")
        token = re.search(r'name="form_token" value="([^"]+)"', page)
        fields = {"programme": str(programme_id), "openid": openid, "amount": amount, "reason": reason}
        reply = self._post("/payouts/new", page, form_token=token[1] if token else "", **fields)
        return _number(reply.url, "payouts")

    def approve_payout(self, payout_id: int) -> None:
        """The second person agrees to what the page shows."""
        page = self._read(f"/payouts/{payout_id}")
        self._post(f"/payouts/{payout_id}/approve", page, content_sha256=_seen(page))

    def reissue(self, payout_id: int) -> int:
        """Ask for a returned payout to be issued once more; returns the new one's number."""
        reply = self._post(f"/payouts/{payout_id}/reissue", self._read(f"/payouts/{payout_id}"))
        return _number(reply.url, "payouts")

    # --- the reviewer's desk ----------------------------------------------------------------------------------------

    def review(self, decide: Callable[[OnDesk], tuple[str, dict[str, str]]]) -> int:
        """Work until the queue is empty; `decide` names approve, reject or photo and fills the form in. Returns how many."""
        page, done = self._read("/vouchers"), 0
        if _on_desk(page) is None:  # else something still lies there from before
            page = self._step("/vouchers/next", page, {})
        while (seen := _on_desk(page)) is not None:
            verb, fields = decide(seen)
            shown = {"version": seen.version, "content_sha256": _seen(seen.page)}
            page = self._step(f"/vouchers/{seen.voucher_id}/{verb}", seen.page, {**shown, **fields})
            done += 1
        return done

    def _step(self, path: str, page: str, fields: dict[str, str]) -> str:
        self._session.headers["HX-Request"] = "true"
        try:
            return self._post(path, page, **fields).text
        finally:
            del self._session.headers["HX-Request"]


def _on_desk(page: str) -> OnDesk | None:
    found = re.search(r'id="approve" method="post" action="[^"]*/vouchers/([0-9]+)/approve"', page)
    version = re.search(r'name="version" value="([0-9]+)"', page)
    amount = re.search(r'name="amount"[^>]* value="([0-9.]+)"', page)
    if found is None or version is None or amount is None:
        return None
    others = tuple(int(n) for n in re.findall(r'data-words="#([0-9]+)', page))
    return OnDesk(int(found[1]), version[1], amount[1], others, page)


def _seen(page: str) -> str:
    found = re.search(r'name="content_sha256" value="([0-9a-f]+)"', page)
    if found is None:
        raise StoryProblem("console: the page shows nothing to approve")
    return found[1]


def _number(url: str, name: str) -> int:
    found = re.search(rf"/{name}/([0-9]+)", urlsplit(url).path)
    if found is None:
        raise StoryProblem(f"console: no page of {name} after the form, but {urlsplit(url).path}")
    return int(found[1])


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8-sig")
