"""What lets a thread that serves all futures block on none of them.

A signal's handler that raises in the main thread, in the midst of concurrent.futures.wait(), can
leave a lock of the standard library's locked for ever. A future's own can be broken; and who waits
on the main thread is told in a thread that serves no other.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import Any, Deque, Iterator, List

from drmaa_cffi._waiting import sleeping
from drmaa_cffi._waiting.delivering import refuse_to_wait_here

# Nobody holds a future's lock as long, in seconds.
_LEFT_BEHIND = 1.0
_breaking = threading.Lock()


class Lock:
    """A reentrant lock that gives way to the next who wants it if it was left behind."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock; with *blocking* in any case, the timeout is of no use."""
        del timeout
        lock = self._lock
        while not lock.acquire(blocking, _LEFT_BEHIND if blocking else -1):
            if not blocking:
                return False
            with _breaking:  # two may find so at once
                if self._lock is lock:
                    self._lock = threading.RLock()
            lock = self._lock
        return True

    def release(self) -> None:
        """Release the lock."""
        with suppress(RuntimeError):  # it was taken away
            self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *details: object) -> None:
        self.release()

    def _is_owned(self) -> bool:  # for threading.Condition
        return True


def condition() -> threading.Condition:
    """Return what guards a future."""
    return threading.Condition(Lock())  # type: ignore[arg-type]  # it is as good as a lock


class Waiters(List[Any]):
    """Those in concurrent.futures' wait() and as_completed().

    In a callback they are refused, as all waits are.
    """

    def append(self, waiter: Any) -> None:
        """Let a waiter be told of the future."""
        refuse_to_wait_here()
        if sleeping.serves_signals() and getattr(waiter, "_relay", None) is None:
            waiter._relay = _Relay(waiter)  # noqa: SLF001 - no name of concurrent.futures' own
        super().append(waiter)

    def __iter__(self) -> Iterator[Any]:
        """Give who is to be told in this thread."""
        told: list[Any] = [_told(waiter) for waiter in super().__iter__()]
        return iter(told)


def _told(waiter: Any) -> Any:
    relay: Any = getattr(waiter, "_relay", None)
    return relay or waiter


class _Relay:
    """Tells a waiter on the main thread, in a thread that serves no other."""

    def __init__(self, waiter: Any) -> None:
        self._waiter = waiter
        self._news: Deque[tuple[str, Any]] = deque()
        self._lock = threading.Lock()
        self._is_running = False

    def add_result(self, future: Any) -> None:
        """Tell of a result."""
        self._add("add_result", future)

    def add_exception(self, future: Any) -> None:
        """Tell of an exception."""
        self._add("add_exception", future)

    def add_cancelled(self, future: Any) -> None:
        """Tell of a cancelled future."""
        self._add("add_cancelled", future)

    def _add(self, what: str, future: Any) -> None:
        with self._lock:
            self._news.append((what, future))
            if self._is_running:
                return
            self._is_running = True
        sleeping.start(self._run)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._news:
                    self._is_running = False
                    return
                what, future = self._news.popleft()
            getattr(self._waiter, what)(future)
