"""`python -m wxbot.simulator`: a WeChat on this machine."""

from __future__ import annotations

import argparse
import signal
import sys

from wxbot.simulator.config import CALLBACK_MODES, SimulatorConfig
from wxbot.simulator.server import Simulator


def serve(config: SimulatorConfig) -> None:
    """Runs until SIGINT or SIGTERM; prints one line when it listens. Raises OSError when a port is taken."""
    ends = (signal.SIGINT, signal.SIGTERM)
    for number in ends:  # one that is ignored, as in a script's background, never comes
        signal.signal(number, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before any thread is there to be sent one
    simulator = Simulator(config)
    simulator.start()
    proxy = f" proxy={simulator.proxy.port}" if simulator.proxy else ""
    print(f"ready http={simulator.http_port} https={simulator.https_port}{proxy}", flush=True)
    # Not an Event that a handler sets: a signal that comes while it is being waited for meets a lock that this thread holds.
    signal.sigwait(ends)
    simulator.stop()


def main(arguments: list[str] | None = None) -> int:
    """Reads the command line and serves until a signal. Returns the exit code."""
    defaults = SimulatorConfig()
    parser = argparse.ArgumentParser(prog="python -m wxbot.simulator", description="A WeChat on this machine.")
    parser.add_argument("--host", default=defaults.host)
    parser.add_argument("--http-port", type=int, default=defaults.http_port, help="every host but pay; 0: a free one")
    parser.add_argument(
        "--https-port", type=int, default=defaults.https_port, help="every host, WeChat Pay too; 0: a free one"
    )
    parser.add_argument(
        "--proxy-port", type=int, help="a proxy that leads WeChat's hosts here; 0: a free one (none without it)"
    )
    parser.add_argument("--state-dir", default=str(defaults.state_dir), help="world.json and certs/ live here")
    parser.add_argument("--callback-url", default="", help="where messages and events are pushed")
    parser.add_argument(
        "--app-url", action="append", default=[], help="a page address allowed for OAuth and the JS-SDK"
    )
    parser.add_argument("--callback-mode", choices=CALLBACK_MODES, default=defaults.callback_mode)
    for name in ("appid", "appsecret", "original-id", "callback-token", "aes-key", "mch-id", "pay-key", "api-v3-key"):
        parser.add_argument(f"--{name}", default=getattr(defaults, name.replace("-", "_")))
    parser.add_argument("--balance-fen", type=int, default=defaults.balance_fen)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--no-save", action="store_true", help="keep the world in memory only")
    given = vars(parser.parse_args(arguments))
    given["app_urls"] = tuple(given.pop("app_url"))
    given["is_saved"] = not given.pop("no_save")
    try:
        serve(SimulatorConfig(**given))
    except OSError as error:
        print(f"cannot listen: {error}. Choose other ports with --http-port and --https-port.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
