"""Tells jobs that are submitted meanwhile from all others, for who disposes of those."""

from __future__ import annotations

import time
import weakref
from typing import Callable, Iterable, Set, TypeVar, Union

from .errors import DrmaaException

_Ids = TypeVar("_Ids", bound=Union[str, "list[str]"])

# How long who disposes of jobs waits for the ids of what is being submitted, in seconds.
_PATIENCE = 10.0
_LOOK = 0.005


class Newcomers(Set[str]):
    """Ids of the jobs that were submitted since this was made."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # for weak references to it


class Submissions:
    """The submissions of this process. All is done in single steps, without a lock."""

    def __init__(self) -> None:
        self._under_way: set[object] = set()
        self._watchers: list[weakref.ref[Newcomers]] = []

    def watch(self) -> Newcomers:
        """Return a set that gets the ids of all jobs from now on, as long as somebody has it."""
        made = Newcomers()
        self._watchers.append(weakref.ref(made, self._watchers.remove))
        return made

    def run(self, submit: Callable[..., _Ids], *arguments: object) -> _Ids:
        """Submit, and tell who watches."""
        token = object()
        try:
            self._under_way.add(token)
            ids = submit(*arguments)
            if self._watchers:
                self._note([ids] if isinstance(ids, str) else ids)
            return ids
        except DrmaaException as error:
            self._note(error.jobIds)
            raise
        finally:
            self._under_way.discard(token)

    def _note(self, ids: Iterable[str]) -> None:
        for reference in tuple(self._watchers):
            newcomers = reference()
            if newcomers is not None:
                newcomers.update(ids)

    def settle(self) -> bool:
        """Wait until what is being submitted now is noted; return whether it is."""
        end = time.monotonic() + _PATIENCE
        before = self._under_way.copy()
        while before & self._under_way:
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK)
        return True
