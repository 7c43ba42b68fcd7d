"""Followers in any order of events, the blocklist, and who wants to be forgotten."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from wxbot.db import Base, Database
from wxbot.people import erasure, followers, languages, marks
from wxbot.people.models import Follower, PersonLanguage, Withdrawal
from wxbot.vault import Vault

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
events = st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=4)


def apply(database: Database, story: list[tuple[bool, int]]) -> bool:
    """Apply (is a follow, second) events in the order given; returns who follows at the end."""
    with database.transaction() as session:
        session.query(Follower).delete()
        for is_follow, second in story:
            at = BEGAN + timedelta(seconds=second)
            if is_follow:
                followers.follow(session, "oA", "", at)
            else:
                followers.unfollow(session, "oA", at)
        return followers.is_following(session, "oA")


@pytest.fixture(scope="module")
def in_memory() -> Iterator[Database]:
    """One database for all stories of followers: each begins by forgetting the one before."""
    with closing(Database("sqlite://")) as database:
        Base.metadata.create_all(database.engine)
        yield database


@pytest.mark.parametrize("examples", [12, pytest.param(80, marks=pytest.mark.proof)], ids=["few", "many"])
def test_any_order_of_arrival_ends_alike_F33(in_memory: Database, examples: int) -> None:
    """Each example is told in up to 24 orders, so a few do for every day."""

    @hypothesis_settings(max_examples=examples)
    @given(events)
    def ends_alike(story: list[tuple[bool, int]]) -> None:
        assert len({apply(in_memory, list(order)) for order in set(itertools.permutations(story))}) == 1

    ends_alike()


def test_the_newest_event_decides_on_both_databases(database: Database) -> None:
    assert apply(database, [(True, 0), (False, 2), (True, 1)]) is False
    assert apply(database, [(False, 0), (True, 2), (False, 1)]) is True
    assert apply(database, [(True, 3), (False, 3)]) is False
    assert apply(database, [(False, 3), (True, 3)]) is False


def test_a_scene_survives_leaving_and_a_late_event_changes_nothing(database: Database) -> None:
    with database.transaction() as session:
        assert followers.follow(session, "oA", "qrscene_" + "s" * 80, BEGAN)
        assert followers.unfollow(session, "oA", BEGAN + timedelta(seconds=9))
        assert not followers.follow(session, "oA", "late", BEGAN + timedelta(seconds=3))
    with database.reading() as session:
        row = session.get(Follower, "oA")
        assert row is not None
        assert (row.scene, row.is_subscribed) == ("s" * 64, False)
        assert row.subscribed_at == BEGAN


def test_a_withdrawal_is_noted_once(database: Database) -> None:
    with database.transaction() as session:
        assert followers.note_withdrawal(session, "oA", "user_authorization_revoke", BEGAN)
        assert not followers.note_withdrawal(session, "oA", "user_authorization_cancellation", BEGAN)
    with database.reading() as session:
        assert [(row.openid, row.event) for row in session.scalars(select(Withdrawal))] == [
            ("oA", "user_authorization_revoke")
        ]


def test_a_second_block_replaces_the_reason(database: Database) -> None:
    vault = Vault("s" * 32)
    with database.transaction() as session:
        for openid, reason in (("oAAAAA", "farm"), ("oAAAAA", "farm of 500"), ("oBBBBB", "r" * 200)):
            marks.put(session, vault, "block", "openid", openid, reason, None, BEGAN)
    with database.transaction() as session:
        assert marks.is_blocked(session, "oAAAAA")
        assert not marks.is_blocked(session, "oCCCCC")
        assert [row.reason[:11] for row in marks.page(session, "block")] == ["r" * 11, "farm of 500"]


def test_what_is_written_counts_more_than_what_is_only_read(database: Database) -> None:
    """Chinese until shown otherwise; no row is written for what is known already."""
    openid, now = "oA", BEGAN
    with database.transaction() as session:
        assert languages.note(session, openid, "zh", now, is_written=False) == "zh"
        assert languages.note(session, openid, None, now, is_written=True) == "zh"
        assert session.get(PersonLanguage, openid) is None
        assert languages.note(session, openid, "en", now, is_written=False) == "en"
        assert languages.note(session, openid, "zh", now, is_written=False) == "zh"
        assert languages.note(session, openid, "en", now, is_written=True) == "en"
        assert languages.note(session, openid, "zh", now, is_written=False) == "en", "the phone is set so; they write"
        assert languages.of(session, openid) == "en"
        known = languages.KnownLanguages()
        known.refresh(session)
        assert known.of(openid) == "en"
        assert languages.note(session, openid, "zh", now, is_written=True) == "zh"
        known.refresh(session)
        assert (known.of(openid), known.of("nobody")) == ("zh", "zh")
    with database.transaction() as session:
        erasure.erase(session, openid, now)
        assert session.get(PersonLanguage, openid) is None
