"""Tells jobs that are submitted meanwhile from all others, for who disposes of those.

All is done in single steps, without a lock: the main thread submits, too, where signals interrupt.
"""

from __future__ import annotations

import os
import time
import weakref
from contextlib import contextmanager
from typing import Callable, Generator, Iterable, Set

from drmaa_cffi.errors import DrmaaException

# How long who disposes of jobs waits for the ids of what is being submitted, in seconds.
_PATIENCE = 10.0
_LOOK = 0.005

#: A token for each submission that is being made.
under_way: set[object] = set()
#: While there is something in it nobody submits.
held_up: set[object] = set()
#: Who is told of new jobs.
watchers: list[weakref.ref[Newcomers]] = []


class Newcomers(Set[str]):
    """Ids of the jobs that were submitted since this was made."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # for weak references to it


def watch() -> Newcomers:
    """Return a set that gets the ids of all jobs from now on, as long as somebody has it."""
    made = Newcomers()
    watchers.append(weakref.ref(made, watchers.remove))
    return made


def note(ids: Iterable[str]) -> None:
    """Tell who watches of new jobs."""
    for reference in tuple(watchers):
        newcomers = reference()
        if newcomers is not None:
            newcomers.update(ids)


def step_aside(token: object) -> None:
    """Wait until one may submit."""
    while held_up:
        under_way.discard(token)
        time.sleep(_LOOK)
        under_way.add(token)


@contextmanager
def hold_up() -> Generator[bool, None, None]:
    """A block in which no job is submitted, if that is so at its beginning, as it tells."""
    token = object()
    held_up.add(token)
    try:
        yield not under_way
    finally:
        held_up.discard(token)


def submit_bulk(submit: Callable[[], list[str]]) -> list[str]:
    """Submit many jobs, and tell who watches. Session.runJob() does the same for one."""
    token = object()
    try:
        under_way.add(token)
        if held_up:
            step_aside(token)
        ids = submit()
        note(ids)
    except DrmaaException as error:
        note(error.jobIds)
        raise
    finally:
        under_way.discard(token)
    return ids


def settle() -> bool:
    """Wait until what is being submitted now is noted; return whether it is."""
    end = time.monotonic() + _PATIENCE
    before = under_way.copy()
    while before & under_way:
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK)
    return True


# The parent's threads, which submit there, do not exist in a forked child.
os.register_at_fork(after_in_child=under_way.clear)
os.register_at_fork(after_in_child=held_up.clear)
