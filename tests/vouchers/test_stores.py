"""Where photos are: every machine shows and erases every photo, and a change of the store loses none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.deployments import settings_for
from tests.staff.consoles import NOON, StillClock
from tests.test_cli import environment
from tests.vouchers.stage import MING, Stage, photo
from wxbot.app import create_app
from wxbot.cli import cli
from wxbot.doctor.desk import voucher_storage
from wxbot.people.models import Withdrawal
from wxbot.runtime import Runtime
from wxbot.settings import Settings, SettingsError
from wxbot.vouchers import erasure, folders, moving, submit
from wxbot.vouchers.models import Photo, PhotoFile, Voucher
from wxbot.vouchers.storage import Missing, Storage, delete_photo, storage_of, stores_of


def change(stage: Stage, **values: object) -> None:
    """Other settings for the machine of this stage, from now on."""
    stage.runtime.settings = stage.runtime.settings.model_copy(update=values)


@pytest.fixture
def second(both: Stage, tmp_path: Path) -> Iterator[Stage]:
    """Another machine on the same database, with a data folder of its own; both keep photos in the database."""
    change(both, voucher_storage="database" if both.runtime.database.is_sqlite else "auto")
    settings = both.runtime.settings.model_copy(update={"data_dir": tmp_path / "second"})
    with closing(Runtime(settings)) as runtime:
        runtime.clock = StillClock(NOON)
        yield replace(both, runtime=runtime)


def files(stage: Stage) -> list[Path]:
    return list((stage.runtime.settings.data_dir / "vouchers").rglob("*.jpg"))


def shown(stage: Stage, voucher: Voucher, thumb: str = "") -> tuple[int, bytes]:
    """What the person's phone gets from this machine."""
    (kept,) = stage.photos(voucher.id)
    answer = stage.phone(MING).client.get(f"/h5/voucher/{voucher.public_id}/photos/{kept.id}.jpg{thumb}")
    return answer.status_code, answer.data


def withdraw(stage: Stage) -> None:
    with stage.runtime.database.transaction() as session:
        session.add(Withdrawal(openid=MING, event="user_authorization_revoke", asked_at=stage.now, erased_at=stage.now))


def rows(stage: Stage) -> int:
    with stage.runtime.database.reading() as session:
        return len(session.scalars(select(PhotoFile.key)).all())


def test_a_photo_is_seen_and_erased_by_the_machine_that_did_not_take_it(both: Stage, second: Stage) -> None:
    voucher = both.hand_in(1)
    for thumb in ("", "?thumb=1"):
        status, content = shown(second, voucher, thumb)
        assert status == 200 and content[:3] == b"\xff\xd8\xff" and (status, content) == shown(both, voucher, thumb)
    assert rows(both) == 2 and not files(both) and not files(second)
    withdraw(both)
    assert erasure.erase_due(second.runtime) == 2  # the photo, and the voucher that waited
    assert rows(both) == 0
    assert shown(both, voucher)[0] == shown(second, voucher)[0] == 404


def test_an_upload_that_died_leaves_nothing_in_the_database(second: Stage) -> None:
    voucher = second.open()
    kept = submit.add_photo(second.runtime, voucher.id, photo(1), second.now, "a")
    delete_photo(storage_of(second.runtime), kept.storage_key)
    delete_photo(storage_of(second.runtime), kept.storage_key)
    with pytest.raises(Missing):
        storage_of(second.runtime).get(kept.storage_key)
    with second.runtime.database.transaction(), pytest.raises(AssertionError, match="transaction"):
        storage_of(second.runtime).put(kept.storage_key, b"x")
    for verb in (storage_of(second.runtime).get, storage_of(second.runtime).delete):
        with pytest.raises(ValueError, match="no name"):
            verb("../../etc/passwd")


# --- from one store to another ------------------------------------------------------------------------------------


def test_photos_of_an_earlier_setting_are_shown_moved_and_none_is_lost(both: Stage, second: Stage) -> None:
    change(both, voucher_storage="folder")
    vouchers = [both.hand_in(n) for n in (1, 2, 3)]
    before = [shown(both, each) for each in vouchers]
    change(both, voucher_storage="database")
    assert [shown(both, each) for each in vouchers] == before, "the folder is looked into as well"
    assert "wxbot photos move" in voucher_storage(both.runtime).mend
    stores = stores_of(both.runtime)
    killed = moving.move_all(both.runtime, stores["folder"], stores["database"])
    for _ in range(3):  # half of them: a photo whose thumbnail is still in the folder
        next(killed)
    del killed
    assert [shown(both, each) for each in vouchers] == before
    (*_, counts) = moving.move_all(both.runtime, stores["folder"], stores["database"])
    assert counts == {"moved": 3, "erased": 0, "left": 0} and not files(both) and rows(both) == 6
    assert [shown(second, each) for each in vouchers] == before
    assert voucher_storage(both.runtime).verdict == "good"
    (*_, counts) = moving.move_all(both.runtime, stores["database"], stores["folder"])  # and back
    assert counts["moved"] == 6 and rows(both) == 0 and [shown(both, each) for each in vouchers] == before


@dataclass
class Between:
    """A store into which somebody's photo is being written when that person is erased."""

    store: Storage
    stage: Stage

    def put(self, key: str, content: bytes) -> None:
        erasure.erase_due(self.stage.runtime)
        self.store.put(key, content)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


def test_what_was_erased_elsewhere_or_meanwhile_is_not_moved(both: Stage, second: Stage) -> None:
    change(both, voucher_storage="folder")
    both.hand_in(1)
    (path, *_) = files(both)
    withdraw(both)
    erasure.erase_due(second.runtime)  # which cannot see the first machine's folder
    assert len(files(both)) == 2
    stores = stores_of(both.runtime)
    (path.parent / ("f" * 32 + ".jpg")).write_bytes(b"nobody's")
    (*_, counts) = moving.move_all(both.runtime, stores["folder"], stores["database"])
    assert counts == {"moved": 0, "erased": 2, "left": 1} and rows(both) == 0
    assert [each.stem for each in files(both)] == ["f" * 32]


def test_an_erasure_in_the_middle_of_a_move_wins(both: Stage, second: Stage) -> None:
    change(both, voucher_storage="folder")
    both.hand_in(1)
    withdraw(both)
    stores = stores_of(both.runtime)
    between: Any = Between(stores["database"], both)
    for _ in moving.move_all(both.runtime, stores["folder"], between):
        pass
    assert rows(both) == 0 and not files(both)
    with both.runtime.database.reading() as session:
        assert session.scalars(select(Photo.fault)).all() == ["erased"]


# --- several folders ----------------------------------------------------------------------------------------------


def production(database_url: str, redis_url: str, folder: Path, **values: object) -> Settings:
    return settings_for("encrypted", database_url, redis_url, folder, **values)


def test_a_folder_must_be_the_only_one(database_url: str, redis_url: str, tmp_path: Path) -> None:
    def start(folder: str, **values: object) -> Settings:
        settings = production(database_url, redis_url, tmp_path / folder, voucher_storage="folder", **values)
        with closing(Runtime(settings)) as runtime:
            create_app(runtime)
        return settings

    if database_url.startswith("sqlite"):
        start("first"), start("second")  # one machine: nothing to ask
        return
    with pytest.raises(ValueError, match=r"WXBOT_VOUCHER_FOLDER=one_box.*=shared"):
        start("first")
    assert production(database_url, redis_url, tmp_path).photo_store == "database"
    settings = start("first", voucher_folder="one_box")
    start("first", voucher_folder="one_box")
    (tmp_path / "mounted").symlink_to(tmp_path / "first")
    start("mounted", voucher_folder="shared")
    for said in ("one_box", "shared"):
        with pytest.raises(SettingsError, match=r"also lie in .*first.*photos move.*wxbot photos forget"):
            start("second", voucher_folder=said)
    other = folders.mark_of(tmp_path / "second" / "vouchers")
    operator = CliRunner(env=environment(settings))
    assert operator.invoke(cli, ["photos", "forget", other]).exit_code == 1, "the second one never started"
    with closing(Runtime(settings)) as runtime:
        folders._note(runtime, other, tmp_path / "second")
        finding = voucher_storage(runtime)
        assert finding.is_bad and "2" in finding.zh and "second" in finding.en
    with pytest.raises(SettingsError, match="second"):
        start("first", voucher_folder="one_box")
    assert operator.invoke(cli, ["photos", "forget", other]).exit_code == 0
    start("first", voucher_folder="one_box")
    change = {"WXBOT_VOUCHER_STORAGE": "database"}
    moved = operator.invoke(cli, ["photos", "move"], env=change)
    assert moved.exit_code == 0 and "0 moved" in moved.output
    start("second", voucher_folder="one_box")  # the first one was emptied: its mark is forgotten
    listed = operator.invoke(cli, ["photos", "status"])
    assert listed.exit_code == 0 and "database" in listed.output
