"""The contexts jobs were submitted in: each kept once, as long as somebody needs it."""

from __future__ import annotations

from typing import Callable

from . import spec, store


class Contexts:
    """All contexts that jobs, or connections that may submit one, refer to.

    Args:
        known: those the store has loaded; each job that has one must `hold` it.
        disk: told of new and unused ones.
        on_drop: called with the number of one that nobody needs any more.
    """

    def __init__(
        self, known: dict[int, spec.Context], disk: store.Store, on_drop: Callable[[int], None]
    ) -> None:
        self._disk = disk
        self._on_drop = on_drop
        self._last = max(known, default=0)
        self._by_data = {context.data: context for context in known.values()}
        self._users = dict.fromkeys(known, 0)

    def receive(self, data: bytes) -> spec.Context:
        """The context in a client's CONTEXT frame, held for its connection.

        Raises:
            ValueError, struct.error: the frame is rubbish.
        """
        context = self._by_data.get(data)
        if context is None:
            context = spec.parse_context(self._last + 1, data)
            self._last += 1
            self._by_data[data] = context
            self._users[context.number] = 0
            if len(data) <= spec.MOST_BYTES:  # no job can have a larger one
                self._disk.add_context(context)
        self.hold(context)
        return context

    def hold(self, context: spec.Context) -> None:
        """One more needs it."""
        self._users[context.number] += 1

    def release(self, context: spec.Context) -> None:
        """One less needs it."""
        number = context.number
        self._users[number] -= 1
        if not self._users[number]:
            del self._users[number]
            del self._by_data[context.data]
            self._disk.drop_context(context)
            self._on_drop(number)
