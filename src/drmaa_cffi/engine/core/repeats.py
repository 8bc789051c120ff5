"""What clients may ask for again: the connection, or the engine, may go before an answer comes."""

from __future__ import annotations

import asyncio
import heapq
import struct
from typing import Callable

from . import model

_NONCE = 16
_NUMBER = struct.Struct("=I")
#: How long a client that is gone without a word may come back for its answers.
SECONDS = 120


def token_of(nonce: bytes, number: int) -> bytes:
    """Names a client's request for all engines to come."""
    return nonce + _NUMBER.pack(number)


class Client:
    """The answers that one client, on whatever connection, may not have: jobs and records.

    Args:
        forget: called with the task of a record that the client does have.
    """

    __slots__ = ("_answers", "_forget", "_numbers", "timer")

    def __init__(self, forget: Callable[[model.Task], None]) -> None:
        self._forget = forget
        #: By their requests' numbers: a job's ids, or a task that is nowhere else any more.
        self._answers: dict[int, bytes | model.Task] = {}
        self._numbers: list[int] = []
        #: Runs while the client is gone.
        self.timer: asyncio.TimerHandle | None = None

    def keep(self, number: int, answer: bytes | model.Task) -> None:
        """The answer to this request carries these ids of a job, or this task's record."""
        if number not in self._answers:
            heapq.heappush(self._numbers, number)
        self._answers[number] = answer

    def job(self, number: int) -> bytes | None:
        """The ids of the job that this request has submitted; None if it has none."""
        answer = self._answers.get(number)
        return answer if isinstance(answer, bytes) else None

    def record(self, number: int) -> model.Task | None:
        """The task that this request has reaped; None if it has none."""
        answer = self._answers.get(number)
        return answer if isinstance(answer, model.Task) else None

    def withdraw(self, number: int) -> None:
        """The answer to this request is taken back before it was sent."""
        self._answers.pop(number, None)

    def confirm(self, floor: int) -> None:
        """The client has the answers to all requests below `floor`."""
        while self._numbers and self._numbers[0] < floor:
            answer = self._answers.pop(heapq.heappop(self._numbers), None)
            if isinstance(answer, model.Task):
                self._forget(answer)

    def confirm_all(self) -> None:
        """The client wants none of them any more."""
        self.confirm(1 << 32)


class Clients:
    """All clients that are there, or may come back, by their nonces.

    Args:
        forget: called with each task whose record no client will ask for any more.
        soon: called when there was one, and a round must follow.
    """

    def __init__(self, forget: Callable[[model.Task], None], soon: Callable[[], None]) -> None:
        self._forget = forget
        self._soon = soon
        self._known: dict[bytes, Client] = {}

    def restore(self, token: bytes, answer: bytes | model.Task) -> None:
        """An answer of the engine before this one."""
        self._of(token[:_NONCE]).keep(_NUMBER.unpack_from(token, _NONCE)[0], answer)

    def await_all(self) -> None:
        """The clients of the engine before this one may come back."""
        for nonce in self._known:
            self.lose(nonce)

    def _of(self, nonce: bytes) -> Client:
        client = self._known.get(nonce)
        if client is None:
            client = self._known[nonce] = Client(self._forget)
        return client

    def welcome(self, nonce: bytes) -> Client:
        """A client comes, or comes back."""
        client = self._of(nonce)
        if client.timer is not None:
            client.timer.cancel()
            client.timer = None
        return client

    def lose(self, nonce: bytes) -> None:
        """A client's connection broke: it will be back soon, or never."""
        loop = asyncio.get_running_loop()
        self._known[nonce].timer = loop.call_later(SECONDS, self.dismiss, nonce)

    def dismiss(self, nonce: bytes) -> None:
        """A client will not be back."""
        self._known.pop(nonce).confirm_all()
        self._soon()
