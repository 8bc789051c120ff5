"""Calls that an event loop makes in threads, so that they hold up no other coroutine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Callable, TypeVar, cast

from . import sleeping

_T = TypeVar("_T")


async def call(function: Callable[..., _T], *arguments: object) -> _T:
    """Call in a thread what may take a while, but not for ever."""
    call = partial(function, *arguments)
    return await asyncio.get_running_loop().run_in_executor(None, call)


async def call_long(function: Callable[[], _T]) -> _T:
    """Call in a thread of its own what may take for ever; the program may end meanwhile."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def finish(result: _T | None, error: BaseException | None) -> None:
        if future.done():
            return  # cancelled
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("_T", result))

    def run() -> None:
        ended = sleeping.attempt(function)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish, *ended)

    sleeping.start(run)
    return await future
