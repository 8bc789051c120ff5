"""The frames that the engine sends to the runner, as local/protocol.md has them."""

from __future__ import annotations

import os
import resource
import struct
from typing import TYPE_CHECKING

from drmaa_cffi._programs.command import command_of

from . import identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drmaa_cffi.engine.core import model, spec

_HELLO, _ENVIRONMENT, _DROP_ENVIRONMENT, _START, _SIGNAL, _FORGET, _BYE = range(1, 8)
_HEAD = struct.Struct("=IB")
_U32 = struct.Struct("=I")
_TASK = struct.Struct("=qq")
_SIGNALLED = struct.Struct("=qqI")
_STARTED = struct.Struct("=qqIIiB")
_LIMITS = struct.Struct("=qq")

_BARE = (b"PATH=/usr/local/bin:/usr/bin:/bin", b"SHELL=/bin/sh")


def _text(value: bytes) -> bytes:
    return _U32.pack(len(value)) + value


def _frame(kind: int, payload: bytes = b"") -> bytes:
    return _HEAD.pack(len(payload) + 1, kind) + payload


def hello() -> bytes:
    """Greets the runner, and says how an engine is started again."""
    command = command_of("drmaa_cffi.local", "engine")
    words = b"".join(_text(os.fsencode(word)) for word in command)
    return _frame(_HELLO, _U32.pack(len(command)) + words)


def environment(context: spec.Context) -> bytes:
    """The environment of the jobs of one context."""
    return _frame(_ENVIRONMENT, _U32.pack(context.number) + _text(context.environment))


def drop_environment(number: int) -> bytes:
    """No job will start in that environment any more."""
    return _frame(_DROP_ENVIRONMENT, _U32.pack(number))


def start(task: model.Task, files: spec.Files, scratch: bytes) -> bytes:
    """Asks for a task's start, with a folder of its own for temporary files, if there is one."""
    job, work, context = task.job, task.job.spec, task.job.context
    own = identity.variables_of(task, files, scratch)
    names = {entry.partition(b"=")[0] for entry in own}
    settings = [entry for entry in work.settings if entry.partition(b"=")[0] not in names]
    environment = context.number
    if not work.native.export:
        environment = 0
        given = {setting.partition(b"=")[0] for setting in settings}
        bare = (*_BARE, b"HOME=" + context.home)
        settings += [entry for entry in bare if entry.partition(b"=")[0] not in given]
    settings += own
    words = (work.command, *work.arguments)
    head = _STARTED.pack(
        job.number, task.index, environment, context.umask, work.native.nice, work.join
    )
    return _frame(
        _START,
        b"".join(
            (
                head,
                _limited(context.limits, work.native.most_memory),
                *map(_text, files),
                _U32.pack(len(settings)),
                *map(_text, settings),
                _U32.pack(len(words)),
                *map(_text, words),
                context.placement,
            )
        ),
    )


def _limited(limits: bytes, memory: int) -> bytes:
    """The submitter's limits, u32 and pairs of i64, with no more address space than `memory`."""
    at = _U32.size + resource.RLIMIT_AS * _LIMITS.size
    if not memory or len(limits) < at + _LIMITS.size:
        return limits
    soft, hard = (min(value % 2**64, memory) for value in _LIMITS.unpack_from(limits, at))
    return limits[:at] + _LIMITS.pack(soft, hard) + limits[at + _LIMITS.size :]


def send_signal(task: model.Task, number: int) -> bytes:
    """A signal for all processes of a task."""
    return _frame(_SIGNAL, _SIGNALLED.pack(task.job.number, task.index, number))


def forget(tasks: Iterable[tuple[int, int]]) -> bytes:
    """The ends of these tasks are stored: the runner need not keep them."""
    return _frame(_FORGET, b"".join(_TASK.pack(*task) for task in tasks))


def bye() -> bytes:
    """The engine leaves."""
    return _frame(_BYE)
