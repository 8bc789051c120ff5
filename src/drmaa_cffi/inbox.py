"""Where a coroutine waits for records that other threads take from the library."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from typing import TYPE_CHECKING

from . import waiting
from .const import JOB_IDS_SESSION_ANY
from .errors import DrmaaException

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .records import Claim, Listener, Outcome


class Inbox:
    """Outcomes for one coroutine, in the order of their coming.

    At the end of its ``with`` block what has not been got is left to others: no record is lost
    when the coroutine is cancelled.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._event = asyncio.Event()
        self._arrived: deque[tuple[str, Outcome]] = deque()
        self._claims: dict[str, tuple[Claim, Listener]] = {}
        self._any: Listener | None = None
        self._closed = False

    def claim(self, job_id: str) -> None:
        """Let the outcome of a job come here."""
        listener = self._listener(job_id)
        self._claims[job_id] = waiting.waits.claim(job_id, listener), listener

    def listen(self) -> None:
        """Let the outcome of the next job that nobody claims come here."""
        self._any = self._listener(JOB_IDS_SESSION_ANY)
        waiting.waits.listen(self._any)

    def _listener(self, asked: str) -> Listener:
        def listener(outcome: Outcome) -> None:
            if threading.get_ident() == self._thread:
                self._arrive(asked, outcome)
                return
            try:
                self._loop.call_soon_threadsafe(self._arrive, asked, outcome)
            except RuntimeError:  # the loop is closed, and its coroutine gone
                _put_back(asked, outcome)

        return listener

    def _arrive(self, asked: str, outcome: Outcome) -> None:
        if not self._closed:
            self._arrived.append((asked, outcome))
            self._event.set()
        elif asked == JOB_IDS_SESSION_ANY:
            _put_back(asked, outcome)

    async def get(self, seconds: float = math.inf) -> Outcome | None:
        """Return the next outcome; None if it has not come in time."""
        deadline = self._loop.time() + seconds
        while not self._arrived:
            left = deadline - self._loop.time()
            if left <= 0:
                return None
            self._event.clear()
            alarm = None if left == math.inf else self._loop.call_later(left, self._event.set)
            try:
                await self._event.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()
        asked, outcome = self._arrived.popleft()
        if asked in self._claims:
            self._claims.pop(asked)[0].given = True
        return outcome

    def __enter__(self) -> Self:
        """Return the inbox itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave to others what was not got."""
        self._closed = True
        records = waiting.waits.records
        for claim, listener in self._claims.values():
            records.withdraw(claim, listener)
        if self._any is not None:
            records.unlisten(self._any)
        for asked, outcome in self._arrived:
            if asked == JOB_IDS_SESSION_ANY:
                _put_back(asked, outcome)


def _put_back(asked: str, outcome: Outcome) -> None:
    if not isinstance(outcome, DrmaaException) or outcome.jobInfo is not None:
        waiting.waits.records.put(asked, outcome)
