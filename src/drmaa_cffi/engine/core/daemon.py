"""The engine's process: one for each folder, in the background, with a log of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import backend, engine, lock, server
from . import home as homes

if TYPE_CHECKING:
    import socket

_log = logging.getLogger(__name__)
_MOST_LOG = 1 << 20
_LIKELY_DESCRIPTORS = 4096
_MOST_DESCRIPTORS = 1 << 16
_LIMITS = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_DATA,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
)


def run(kind: backend.Kind, *, foreground: bool) -> int:
    """Starts the engine unless one runs; in the background, returns when it is ready.

    Returns:
        The exit status: 0, or 1 after the reason was printed.

    Raises:
        homes.HomeError: the folder or its database cannot be used.
        homes.SettingError: an environment variable's value is not legal.
    """
    # Whoever started us may have left files open that are none of our business.
    _close_inherited()
    _raise_limits()
    settings = homes.Settings.read(kind.name)
    home = homes.Home(homes.find_home(kind.name), kind.name)
    if settings.inside and kind.stays:
        raise homes.SettingError(
            f"DRMAA_ENGINE='inside': {home.title} cannot end with the program, since it runs the "
            "jobs: unset DRMAA_ENGINE, or use a cluster"
        )
    held = lock.Lock(home, kind)
    if not held.take():
        return 0
    if foreground:
        _configure_log()
        _work(kind, home, settings, held, None)
        return 0
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            reason = said.read()
        if reason == b"ready":
            return 0
        if not reason:
            # It was killed: whoever wants an engine may try again.
            sys.stderr.write("the engine was killed while it started")
            return os.EX_TEMPFAIL
        sys.stderr.write(reason.decode("utf-8", "replace"))
        return 1
    os.close(reading)
    _become_daemon(home, settings)
    try:
        _work(kind, home, settings, held, writing)
    except (homes.HomeError, homes.SettingError) as error:
        _log.error("%s", error)
        os.write(writing, str(error).encode("utf-8", "replace"))
        os._exit(1)
    except BaseException:  # noqa: BLE001  the process that waits must hear of it, then it ends
        _log.exception("the engine failed")
        os.write(writing, f"the engine failed; see '{home.path}/engine.log'".encode())
        os._exit(1)
    os._exit(0)


def _work(
    kind: backend.Kind,
    home: homes.Home,
    settings: homes.Settings,
    held: lock.Lock,
    ready: int | None,
) -> None:
    held.sign()
    try:
        asyncio.run(_serve(kind, home, settings, held, ready))
    except (sqlite3.Error, OSError) as error:
        raise homes.HomeError(f"{home.title} cannot work in '{home.path}': {error}") from error


def _close_inherited() -> None:
    try:
        numbers = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    except OSError:
        # Without /proc nothing tells which are open, and there may be a thousand million.
        numbers = list(range(_LIKELY_DESCRIPTORS))
    for number in numbers:
        if number > sys.stderr.fileno():
            with contextlib.suppress(OSError):
                os.close(number)


def _raise_limits() -> None:
    """Lets the engine and the runner have what they may: they serve others than who starts them.

    Jobs are not concerned: each gets its submitter's limits.
    """
    for kind in _LIMITS:
        soft, hard = resource.getrlimit(kind)
        wanted = hard
        if kind == resource.RLIMIT_NOFILE and not 0 <= hard < _MOST_DESCRIPTORS:
            # Not thousand millions: sendmail may try to close each of them.
            wanted = max(soft, _MOST_DESCRIPTORS)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (wanted, hard))


def _become_daemon(home: homes.Home, settings: homes.Settings) -> None:
    if not settings.inside:
        os.setsid()
    os.chdir("/")
    os.umask(0o077)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    log = os.open("engine.log", flags, 0o600, dir_fd=home.folder)
    if os.fstat(log).st_size > _MOST_LOG:
        os.rename("engine.log", "engine.log.old", src_dir_fd=home.folder, dst_dir_fd=home.folder)
        os.close(log)
        log = os.open("engine.log", flags, 0o600, dir_fd=home.folder)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    _configure_log()


def _configure_log() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )


async def _serve(
    kind: backend.Kind,
    home: homes.Home,
    settings: homes.Settings,
    held: lock.Lock,
    ready: int | None,
) -> None:
    loop = asyncio.get_running_loop()
    # Of a hundred thousand jobs that are made here none is to be collected.
    gc.disable()
    core = engine.Engine(home, settings, kind)
    await core.start()
    serving = server.Server(core)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, serving.stop)
    listening: socket.socket = home.listen(homes.SOCKET_NAME)
    _log.info("engine %d serves '%s': %s", os.getpid(), home.path, core.backend.facts())
    if ready is not None:
        # Who waited may have been killed; other clients come all the same.
        with contextlib.suppress(BrokenPipeError):
            os.write(ready, b"ready")
        os.close(ready)
    # What is there now stays: the collector need not look at it again.
    gc.freeze()
    keeping = asyncio.ensure_future(held.keep())
    gc.enable()
    await serving.serve(listening)
    keeping.cancel()
    held.release()
    _log.info("engine %d has left", os.getpid())
