"""What lets a thread that serves all futures block on none of them.

A signal's handler that raises in the main thread, in the midst of concurrent.futures.wait(), can
leave a lock of the standard library's locked for ever. A future's own can be broken; and who waits
on the main thread is told in a thread that serves no other.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from contextlib import suppress
from typing import Any, Callable, Iterator, List

from drmaa_cffi._waiting import sleeping
from drmaa_cffi._waiting.delivering import refuse_to_wait_here

#: Nobody holds a future's lock as long, in seconds.
LEFT_BEHIND = 1.0
# How often futures that are held are looked at, in seconds.
_LOOK = 0.002
_breaking = threading.Lock()
# How long a thread stays that tells one waiter, in seconds: the next future may be done soon.
_STAY = 0.1


class Lock:
    """A reentrant lock that gives way to the next who wants it if it was left behind."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock; with *blocking* in any case, the timeout is of no use."""
        del timeout
        lock = self._lock
        while not lock.acquire(blocking, LEFT_BEHIND if blocking else -1):
            if not blocking:
                return False
            self.give_way(lock)
            lock = self._lock
        return True

    def give_way(self, held: object = None) -> None:
        """Take the lock from whoever has it; only if that is *held*, where that is given."""
        with _breaking:  # two may find so at once
            if held is None or self._lock is held:
                self._lock = threading.RLock()

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


def condition(lock: Lock) -> threading.Condition:
    """Return what guards a future."""
    return threading.Condition(lock)  # type: ignore[arg-type]  # it is as good as a lock


class LateOnes:
    """Completes futures that were held when their jobs ended: one thread looks after all.

    It waits for none: what one is held by may be left behind, or a call that takes its time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[float, Callable[[float], bool]]] = []
        self._is_running = False

    def add(self, attempt: Callable[[float], bool]) -> None:
        """Call *attempt*, with the seconds that have passed, again and again until it is true."""
        with self._lock:
            self._left.append((time.monotonic(), attempt))
            if self._is_running:
                return
            self._is_running = True
        sleeping.start(self._run)

    def _run(self) -> None:
        while True:
            with self._lock:
                round_, self._left = self._left, []
            left = [(since, go) for since, go in round_ if not go(time.monotonic() - since)]
            with self._lock:
                self._left = left + self._left
                self._is_running = bool(self._left)
                if not self._is_running:
                    return
            if len(left) == len(round_):
                time.sleep(_LOOK)


late_ones: LateOnes = LateOnes()


def _renew() -> None:
    """In a forked child the parent's thread does not exist."""
    global late_ones  # noqa: PLW0603
    late_ones = LateOnes()


os.register_at_fork(after_in_child=_renew)


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
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
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
            self._news.put((what, future))
            if self._is_running:
                return
            self._is_running = True
        sleeping.start(self._run)

    def _run(self) -> None:
        while True:
            try:
                what, future = self._news.get(timeout=_STAY)
            except queue.Empty:
                with self._lock:
                    self._is_running = not self._news.empty()
                    if not self._is_running:
                        return
            else:
                getattr(self._waiter, what)(future)
