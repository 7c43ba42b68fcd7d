"""A small HTTP client for measuring: prepared bytes, kept connections, one loop over ready sockets, and little else.

It costs some 20 µs a request, so that the servers are what is measured; the share of a core it took is reported too.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

PATIENCE_S = 30.0
"""How long nothing may arrive before a volley has failed."""

_LENGTH = b"content-length:"


def _within(seconds: Sequence[float], share: float) -> float:
    """What this share of them does not exceed, in milliseconds."""
    waits = sorted(seconds)
    return waits[min(len(waits) - 1, int(len(waits) * share))] * 1000


@dataclass
class Volley:
    """What one volley of requests met."""

    requests: int
    seconds: float
    client_seconds: float
    server_seconds: float = 0.0
    """Processor time that the servers spent on it."""
    wrong: int = 0
    first_wrong: str = ""
    waits_s: list[float] = field(default_factory=list, repr=False)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds

    @property
    def client_share(self) -> float:
        """Part of one core that this client itself used."""
        return self.client_seconds / self.seconds

    def wait_ms(self, share: float) -> float:
        """The time within which this share of the answers came, in milliseconds."""
        return _within(self.waits_s, share)


def request(
    method: str,
    path: str,
    host: str,
    body: bytes = b"",
    kind: str = "text/xml",
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    """The bytes of one HTTP/1.1 request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: wxbot-bench",
        *(f"{k}: {v}" for k, v in headers),
    ]
    if body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Line:
    """One connection and the answer that is arriving on it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.socket = self._connected()
        self.began = 0.0
        self.arrived = b""
        self.wanted = 0
        """Bytes of the whole answer, once its head is here; 0 before."""

    def _connected(self) -> socket.socket:
        made = socket.create_connection(self.address, timeout=PATIENCE_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def renew(self) -> None:
        """The server closed this connection (it renews its workers now and then)."""
        self.socket.close()
        self.socket = self._connected()

    def send(self, content: bytes) -> None:
        self.arrived, self.wanted, self.began = b"", 0, time.perf_counter()
        self.socket.sendall(content)

    def receive(self) -> bool:
        """Read what is here; True when the answer is whole. Raises ConnectionError when the server left."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise ConnectionError("closed by the server")
        self.arrived = self.arrived + piece if self.arrived else piece
        if not self.wanted:
            end = self.arrived.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = self.arrived[:end].lower()
            at = head.find(_LENGTH)
            if at < 0:
                raise ConnectionError("an answer without a length")
            self.wanted = end + 4 + int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        return len(self.arrived) >= self.wanted


@dataclass
class Burst(Volley):
    """What a crowd met that comes within some seconds, whether or not the servers keep up; one request for each person.

    `seconds` are until the last of them was decided, `waits_s` of every answer from the moment its person asked: the time for a
    free connection is in it.
    """

    decided_at_s: list[float] = field(default_factory=list, repr=False)
    served_s: list[float] = field(default_factory=list, repr=False)
    """Of every answer from the moment its request was sent: what the server alone is asked for."""
    turned_away: int = 0
    most_times: int = 0
    """How often whoever was turned away most often was."""

    def served_ms(self, share: float) -> float:
        """The time within which this share of the answers came over their connections, in milliseconds."""
        return _within(self.served_s, share)

    def decided_within(self, seconds: float) -> int:
        """How many had their answer by then."""
        return sum(at <= seconds for at in self.decided_at_s)


def burst(
    address: tuple[str, int],
    requests: Sequence[bytes],
    over_s: float,
    connections: int,
    is_decided: Callable[[bytes], bool | None],
    again: Callable[[bytes, bytes, int], tuple[bytes, float]],
) -> Burst:
    """Everybody asks at their own moment within `over_s`, over kept connections, until all are decided.

    Who is turned away (`is_decided` None) asks again: `again` has the request, its answer and how often it was turned away before, and
    gives what is sent then and the seconds until then. An answer that is False is wrong, and its person is not asked again.
    """
    requests = list(requests)
    met, left, times = Burst(len(requests), 0.0, 0.0), len(requests), [0] * len(requests)
    due = [(over_s * i / len(requests), i) for i in range(len(requests))]  # a heap: it is in order
    free: list[_Line] = []
    asked: dict[_Line, tuple[float, int]] = {}
    began, cpu = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as ready:
        while left:
            now = time.perf_counter() - began
            while due and due[0][0] <= now and (free or len(asked) < connections):
                if free:
                    line = free.pop()
                else:  # a connection is made when somebody needs it, as a proxy does
                    line = _Line(address)
                    ready.register(line.socket, selectors.EVENT_READ, line)
                asked[line] = heapq.heappop(due)
                line.send(requests[asked[line][1]])
            may_ask = bool(due) and (bool(free) or len(asked) < connections)
            events = ready.select(max(0.0, due[0][0] - now) if may_ask else PATIENCE_S)
            if not events and not may_ask:
                raise TimeoutError(f"{left} of {len(requests)} people got no answer within {PATIENCE_S:.0f} s")
            for key, _ in events:
                line = key.data
                if line not in asked:  # idle for longer than the server keeps one
                    ready.unregister(line.socket)
                    line.socket.close()
                    free.remove(line)
                    continue
                if not line.receive():
                    continue
                now = time.perf_counter() - began
                since, person = asked.pop(line)
                free.append(line)
                met.waits_s.append(now - since)
                met.served_s.append(time.perf_counter() - line.began)
                verdict = is_decided(line.arrived)
                if verdict is None:
                    met.turned_away += 1
                    requests[person], pause_s = again(requests[person], line.arrived, times[person])
                    heapq.heappush(due, (now + pause_s, person))
                    times[person] += 1
                    met.most_times = max(met.most_times, times[person])
                    continue
                left -= 1
                met.decided_at_s.append(now)
                if not verdict:
                    met.wrong += 1
                    met.first_wrong = met.first_wrong or line.arrived[:600].decode("utf-8", "replace")
    met.seconds, met.client_seconds = time.perf_counter() - began, time.process_time() - cpu
    for line in free:
        line.socket.close()
    return met


def fire(
    address: tuple[str, int], requests: Sequence[bytes], expected: bytes, contains: bytes = b"", concurrency: int = 24
) -> Volley:
    """Send all requests over `concurrency` kept connections, each as soon as its connection is free.

    An answer is right when its status line begins with `HTTP/1.1 <expected>` and it holds `contains`.
    """
    volley = Volley(len(requests), 0.0, 0.0)
    status, waiting, left = b"HTTP/1.1 " + expected, iter(requests), len(requests)
    lines = [_Line(address) for _ in range(min(concurrency, len(requests)))]
    began, cpu = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as ready:
        for line in lines:
            ready.register(line.socket, selectors.EVENT_READ, line)
            line.send(next(waiting))
        while left:
            events = ready.select(PATIENCE_S)
            if not events:
                raise TimeoutError(f"{left} of {len(requests)} answers did not come within {PATIENCE_S:.0f} s")
            for key, _ in events:
                line = key.data
                try:
                    if not line.receive():
                        continue
                    is_right = line.arrived.startswith(status) and contains in line.arrived
                except ConnectionError as error:
                    ready.unregister(key.fileobj)
                    line.arrived, is_right = str(error).encode(), False
                    line.renew()
                    ready.register(line.socket, selectors.EVENT_READ, line)
                volley.waits_s.append(time.perf_counter() - line.began)
                if not is_right:
                    volley.wrong += 1
                    volley.first_wrong = volley.first_wrong or line.arrived[:600].decode("utf-8", "replace")
                left -= 1
                following = next(waiting, None)
                if following is not None:
                    line.send(following)
    volley.seconds, volley.client_seconds = time.perf_counter() - began, time.process_time() - cpu
    for line in lines:
        line.socket.close()
    return volley
