"""How this thread sleeps, and what helper threads do for it meanwhile.

A signal's handler of Python runs on the main thread, between any two of its steps, and may raise
there: a lock stays locked, a record that was just taken is gone. So the main thread does nothing
of that kind itself; a helper does, while the main thread sleeps in C where handlers can act.

Under gevent's patches threads are greenlets, which a C call would stop all together: there only
what blocks is done in a real thread, and what follows in a greenlet.
"""

from __future__ import annotations

import _thread
import copy
import math
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, Tuple, TypeVar

if TYPE_CHECKING:
    from .entries import Fetch
    from .ledger import Ledger

_T = TypeVar("_T")

#: What came of a call: a result, or an error that the waiting thread raises.
Ended = Tuple["_T | None", "BaseException | None"]

#: How often the main thread looks for signals, in seconds. One that comes while the thread is on
#: its way into a lock's sleep, or goes to another thread, does not end that sleep.
LOOK = 0.05


class NoThreadError(Exception):
    """No thread can be started: there are too many, or it is the program's very end."""


class Bell:
    """What a thread sleeps on in C alone: a handler that raises leaves nothing locked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the sleeper, or keep it from falling asleep once."""
        with suppress(RuntimeError):  # it has rung already
            self._lock.release()

    def sleep(self, seconds: float) -> None:
        """Sleep until the bell rings, some seconds at most."""
        self._lock.acquire(timeout=seconds)


def attempt(target: Callable[[], _T]) -> Ended[_T]:
    """Call *target*; return what comes of it."""
    try:
        return target(), None
    except BaseException as error:  # noqa: BLE001
        return None, error


def throw(call: Fetch) -> None:
    """Raise what a call ended with, if that is an error; who else waited for it has another."""
    error = call.error
    if error is None:
        return
    try:
        raise copy.copy(error)
    finally:
        del error


def are_greenlets() -> bool:
    """Whether gevent has patched threading: then a C call in any thread stops all of them."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def serves_signals() -> bool:
    """Whether signals' handlers may interrupt this thread, which a helper can stand in for."""
    return (
        _thread.get_ident() == threading.main_thread().ident
        and not sys.is_finalizing()
        and not are_greenlets()
    )


def start_new(run: Callable[[], object]) -> None:
    """Run *run* in a thread that does not keep the program from its end.

    Unlike that of threading.Thread the start is one step, which no handler can interrupt.

    Raises:
        NoThreadError: there can't be one.
    """
    try:
        _thread.start_new_thread(run, ())
    except (RuntimeError, MemoryError):
        raise NoThreadError from None


def start(run: Callable[[], object]) -> None:
    """Run *run* in a thread as start_new() does, or else here."""
    try:
        start_new(run)
    except NoThreadError:
        run()


class _Desk:
    """Where a helper asks for what must run in the thread that it stands in for."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.asked: list[Callable[[], None]] = []
        self.left = False


# By the helper's thread.
_desks: dict[int, _Desk] = {}


def off_main(target: Callable[[], _T]) -> _T:
    """Call *target* where no handler interrupts it; if one raises here, *target* goes on."""
    if not serves_signals():
        return target()
    desk = _Desk()
    ended: list[Ended[_T]] = []

    def run() -> None:
        here = _thread.get_ident()
        _desks[here] = desk
        ended.append(attempt(target))
        del _desks[here]
        desk.bell.ring()

    try:
        start_new(run)
        while not ended:
            desk.bell.sleep(LOOK)
            if desk.asked:
                desk.asked.pop()()
    except NoThreadError:
        return target()
    finally:
        desk.left = True
    return _come_of(ended)


def in_callers_thread(target: Callable[[], _T]) -> _T:
    """Call *target* in the thread that has called off_main() for this."""
    desk = _desks.get(_thread.get_ident())
    if desk is None:
        return target()
    bell = Bell()
    ended: list[Ended[_T]] = []

    def run() -> None:
        ended.append(attempt(target))
        bell.ring()

    desk.asked.append(run)
    desk.bell.ring()
    has_left = False
    while not ended:
        if has_left:
            raise InterruptedError  # by a handler: nobody gets to see this
        bell.sleep(LOOK)
        has_left = desk.left
    return _come_of(ended)


def _come_of(ended: list[Ended[_T]]) -> _T:
    """Return, or raise, what came of a call."""
    result, error = ended.pop()
    try:
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # without an error there is one
    finally:
        del error  # its traceback has this frame: a cycle, which holds all callers' variables


def sleep(ledger: Ledger, condition: Callable[[], bool], deadline: float) -> bool:
    """Wait, where signals act, until *condition* is true.

    Returns:
        False if it is not by the *deadline*.
    """
    if not serves_signals():
        with ledger.changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                ledger.changed.wait(None if left == math.inf else left)
        return True
    bell = Bell()
    ledger.bells.add(bell)
    try:
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            bell.sleep(min(left, LOOK))
    finally:
        ledger.bells.discard(bell)
    return True


def start_beside_gevent(
    target: Callable[[], _T], finish: Callable[[_T | None, BaseException | None], None]
) -> None:
    """Call *target* in a real thread, and *finish* with what came of it in a greenlet of this one.

    A lock of gevent's that is released in a thread without a hub wakes nobody (before gevent
    26.9). And without a watcher gevent takes a wait for one that can't end (LoopExit).
    """
    gevent, monkey = sys.modules["gevent"], sys.modules["gevent.monkey"]
    watcher = gevent.get_hub().loop.async_()
    ended: list[Any] = []

    def run() -> None:
        ended.extend(attempt(target))
        watcher.send()

    def go_on() -> None:
        watcher.stop()
        watcher.close()
        gevent.spawn(finish, *ended)

    watcher.start(go_on)
    monkey.get_original("_thread", "start_new_thread")(run, ())
