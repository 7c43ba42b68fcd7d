"""The private Redis of the demo and the tests: it answers, keeps what it should, and gives sentences when it cannot."""

import os
import signal
import socket
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wxbot.private_servers import PrivateRedis, ServerProblem, find_redis_server


def test_a_private_redis_answers_only_to_its_own_password(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path) as server, redis.Redis.from_url(server.url) as mine:
        assert mine.ping()
        assert mine.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        once = Retry(NoBackoff(), 0)
        with redis.Redis(port=server.port, retry=once) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    assert not server.is_running


def test_a_persistent_one_resumes_with_its_data(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path, persistent=True) as server, redis.Redis.from_url(server.url) as mine:
        mine.set("kept", "yes")
    with PrivateRedis(tmp_path, persistent=True) as server, redis.Redis.from_url(server.url) as mine:
        assert mine.get("kept") == b"yes"


def test_a_server_left_by_a_killed_run_is_replaced(tmp_path: Path) -> None:
    left = PrivateRedis(tmp_path).start()
    assert left._process is not None
    pid = left._process.pid
    try:
        with PrivateRedis(tmp_path) as server:
            assert server.is_running
            assert left._process.wait(5) is not None
    finally:
        if left.is_running:
            os.kill(pid, signal.SIGKILL)
        left.stop()


def test_a_busy_port_gives_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(ServerProblem, match=f"Port {port}.*in use.*choose another port"):
            PrivateRedis(tmp_path, port=port).start()


def test_a_machine_without_redis_gets_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("wxbot.private_servers.SERVER_FOLDERS", ())
    monkeypatch.setattr("wxbot.private_servers.WHEELS", (("no_such_wheel", "bin/valkey-server"),))
    with pytest.raises(ServerProblem, match="install one"):
        find_redis_server()
