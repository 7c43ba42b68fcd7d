"""What the operator sees of a `wxbot live`: the doctor's check and the gauges."""

from __future__ import annotations

from contextlib import closing

from tests.live.stage import LiveServer, LiveStage
from tests.waiting import until
from wxbot.doctor import halls
from wxbot.live.roll import lives
from wxbot.metrics.exposition import text_of
from wxbot.metrics.snapshot import take
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime


def test_the_doctor_and_the_gauges_see_it(live_stage: LiveStage, live: LiveServer) -> None:
    settings = live_stage.settings.model_copy(update={"live_url": live.base})
    live_stage.tell("seen", 1)
    guest = live_stage.guest("seen", 1)
    with (
        closing(Runtime(settings)) as runtime,
        live_stage.phone(live, "seen", "oPhoneSeen1"),
        live_stage.runner(live, "seen", guest),
    ):
        until(lambda: [each.streams for each in lives(runtime.redis)] == [2], "it says what it carries")
        assert "wxbot_live_streams{" in (told := text_of(take(runtime)).decode()) and '"} 2.0' in told
        assert all(f"wxbot_live_{each}{{" in told for each in ("sockets", "memory_bytes", "late_seconds"))
        seen = halls.live_answers(runtime)
        assert not seen.is_bad and live.base in seen.en
    lost = settings.model_copy(update={"live_url": f"http://127.0.0.1:{free_port()}"})
    with closing(Runtime(lost)) as runtime:
        seen = halls.live_answers(runtime)
        assert seen.is_bad and "/live/" in seen.mend_en
    assert live.stop() == 0
    with closing(Runtime(settings)) as runtime:
        assert lives(runtime.redis) == []
        assert "no hall is on" in halls.live_answers(runtime).en
