"""Where a coroutine waits for records that other threads take from the library.

An event loop can be closed, and its coroutines be forgotten, at any moment: then nothing of them
runs any more. So a record is never in the hands of the loop alone.
"""

from __future__ import annotations

import asyncio
import math
import sys
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from drmaa_cffi.const import JOB_IDS_SESSION_ANY

from . import sleeping, waiting
from .entries import Fetch, Listener, Outcome, Want, has_record

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class Inbox:
    """Outcomes for one coroutine, in the order of their coming.

    At the end of its ``with`` block what has not been got is left to others: no record is lost
    when the coroutine is cancelled. So it is when the inbox dies without that end.
    """

    def __init__(self) -> None:
        self._box = _Box()
        self._door = _Door(self._box)
        # It holds the box: the garbage collector forgets what dies together with an inbox.
        weakref.finalize(self, self._box.forsake).atexit = False

    def want(self, job_id: str) -> None:
        """Let the outcome of a job come here."""
        listener = partial(self._door.arrive, job_id)
        self._box.wants[job_id] = waiting.waits.want(job_id, listener), weakref.ref(listener)

    def want_any(self) -> None:
        """Let the outcome of the next job that nobody wants come here."""
        listener = partial(self._door.arrive, JOB_IDS_SESSION_ANY)
        self._box.any = weakref.ref(listener)
        waiting.waits.want_any(listener)

    async def get(self, seconds: float = math.inf) -> Outcome | None:
        """Return the next outcome; None if it has not come in time."""
        loop, event = self._door.loop, self._door.event
        deadline = loop.time() + seconds
        while not self._box.arrived:
            left = deadline - loop.time()
            if left <= 0:
                return None
            event.clear()
            alarm = None if left == math.inf else loop.call_later(left, event.set)
            try:
                await event.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()
        return self._box.take()

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
        if exc_type is GeneratorExit and not self._door.is_here():
            self._box.forsake()  # the garbage collector ends the coroutine
        else:
            self._box.close()


class _Door:
    """Where outcomes come in, and the coroutine is woken, which lives as long as it waits."""

    def __init__(self, box: _Box) -> None:
        self.loop = asyncio.get_running_loop()
        self.event = asyncio.Event()
        self._box = box

    def is_here(self) -> bool:
        """Whether this is a step of the coroutine's loop."""
        with suppress(RuntimeError):  # no loop runs
            return asyncio.get_running_loop() is self.loop
        return False

    def arrive(self, asked: str, outcome: Outcome) -> None:
        """Take an outcome, in any thread."""
        self._box.put(asked, outcome)
        if self._box.closed:
            self._box.put_back()
        elif self.is_here():
            self.event.set()
        else:
            try:
                self.loop.call_soon_threadsafe(_Wake(self.event, self._box))
            except RuntimeError:  # the loop is closed
                # At once, before anybody hears that there is no job left.
                self._box.close()


class _Wake:
    """Wakes the coroutine when its loop calls it; if a closed loop drops it, nobody will."""

    def __init__(self, event: asyncio.Event, box: _Box) -> None:
        self._event = event
        self._box: _Box | None = box

    def __call__(self) -> None:
        self._box = None
        self._event.set()

    def __del__(self) -> None:
        if self._box is not None:
            self._box.forsake()


class _Box:
    """What an inbox holds, and nothing of its loop, which can die without it."""

    def __init__(self) -> None:
        # With each record of any job, which is nowhere else, the fetch that brings it back.
        self.arrived: deque[tuple[str, Outcome, Fetch | None]] = deque()
        # With their listeners, weakly: these hold the loop.
        self.wants: dict[str, tuple[Want, weakref.ref[Listener]]] = {}
        self.any: weakref.ref[Listener] = weakref.ref(_nobody)
        self.closed = False

    def put(self, asked: str, outcome: Outcome) -> None:
        """Keep an outcome for the coroutine."""
        fetch = None
        if asked == JOB_IDS_SESSION_ANY and has_record(outcome):
            fetch = waiting.waits.ledger.expect(asked)
        self.arrived.append((asked, outcome, fetch))

    def take(self) -> Outcome:
        """Return the first that has arrived, to the coroutine."""
        asked, outcome, fetch = self.arrived.popleft()
        if fetch is not None:
            waiting.waits.ledger.fetches.discard(fetch)
        want = self.wants.pop(asked)[0] if asked in self.wants else None
        return outcome if want is None else want.give(outcome)

    def put_back(self) -> None:
        """Give to others what has arrived."""
        with suppress(IndexError):  # another thread was faster
            while self.arrived:
                _asked, outcome, fetch = self.arrived.popleft()
                if fetch is not None:
                    waiting.waits.ledger.finish(fetch, outcome)

    def close(self) -> None:
        """Leave to others what was not got, and what will come."""
        self.closed = True
        ledger = waiting.waits.ledger
        for want, listener in self.wants.values():
            if want.outcome is not None and not has_record(want.outcome):
                want.given = True  # there is nothing to give back
            ledger.leave(want, listener() or _nobody)
        ledger.leave_any(self.any() or _nobody)
        # What a listener is about to bring, it puts back itself.
        self.put_back()

    def forsake(self) -> None:
        """Close in another thread: this one may hold any lock, where an object happens to die."""
        if self.closed or sys.is_finalizing():
            return
        self.closed = True
        # Until it is done, a wait of others has to look again.
        fetch = waiting.waits.ledger.expect(JOB_IDS_SESSION_ANY)

        def run() -> None:
            try:
                self.close()
            finally:
                waiting.waits.ledger.finish(fetch, None)

        sleeping.start(run)


def _nobody(outcome: Outcome) -> None:
    """Stand for a listener that is gone."""
