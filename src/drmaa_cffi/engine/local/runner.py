"""The engine's side of the runner: finds or starts it, sends it frames, reads its lines."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from drmaa_cffi.engine.core import connection
from drmaa_cffi.engine.core import home as homes

from . import frames, runner_log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drmaa_cffi.engine.core import model, spec

_log = logging.getLogger(__name__)

_LISTENING = 3
_GREETING_SECONDS = 30
_HUNG_UP_SECONDS = 0.5
_LOOK_AGAIN_SECONDS = 0.02


class Events:
    """What the runner tells; `progress.Progress` listens. Times in microseconds."""

    def job_started(self, number: int, index: int, pid: int, started: int) -> None:
        """A task's process is there."""

    def job_ended(self, number: int, index: int, end: runner_log.Report) -> None:
        """A task's process has ended."""

    def job_not_started(self, number: int, index: int, reason: int) -> None:
        """A task could not be started now, by an errno; it did not run."""

    def runner_found(self, known: set[tuple[int, int]]) -> None:
        """The link broke, and is there again: the runner knows these tasks, and no others."""

    def runner_lost(
        self, started: dict[tuple[int, int], int], ended: list[tuple[int, int, runner_log.Report]]
    ) -> None:
        """The runner was killed, and with it the jobs it had started that had not ended."""


class Runner(asyncio.BufferedProtocol):
    """The connection to the runner, which is started if there is none.

    Args:
        home: the engine's folder.
        events: told of everything that happens.
    """

    def __init__(self, home: homes.Home, events: Events) -> None:
        self._home = home
        self._events = events
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._rest = b""
        self._environments: set[int] = set()
        self._leaving = False
        self._gone: asyncio.Future[None] | None = None
        #: While a link that broke is made anew: the tasks the runner has told of so far.
        self._greeting: set[tuple[int, int]] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._using: asyncio.Task[None] | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is a runner to ask."""
        return self._transport is not None and self._greeting is None

    def recover(self) -> tuple[socket.socket | None, list[list[bytes]]]:
        """Finds the runner of the engine before this one.

        Returns:
            Its socket and what it says of its jobs, line by line; or None, if it is gone:
            then no runner runs, and `read_log` tells what it did.

        Raises:
            homes.HomeError: it is there, and does not answer.
        """
        end = time.monotonic() + _GREETING_SECONDS
        while True:
            link = self._home.connect(homes.RUNNER_SOCKET_NAME)
            if link is not None:
                lines = self._greet(link)
                if lines is not None:
                    return link, lines
                link.close()
            if self._is_dead():
                return None, []
            if time.monotonic() >= end:
                raise self._silent()
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _is_dead(self) -> bool:
        # The runner holds this lock as long as it lives, and lives no longer than its jobs if
        # nobody can reach it.
        return not self._home.is_locked("runner.lock")

    def _silent(self) -> homes.HomeError:
        return homes.HomeError(
            f"the job-runner of '{self._home.path}' is there and does not answer: find its "
            "pid with fuser runner.lock there; if it is killed, its jobs are, too"
        )

    def _greet(self, link: socket.socket) -> list[list[bytes]] | None:
        data = b""
        link.settimeout(_GREETING_SECONDS)
        try:
            link.sendall(frames.hello())
            while b"\nR\n" not in data:
                part = link.recv(1 << 16)
                if not part:
                    return None
                data += part
        except socket.timeout as error:
            raise self._silent() from error
        except OSError:
            return None
        # What happens just now may follow what the runner knew when it was asked.
        *lines, self._rest = data.split(b"\n")
        return [line.split() for line in lines]

    def spawn(self) -> socket.socket:
        """Starts a new runner; first store what `read_log` tells: its own log goes on there.

        Raises:
            homes.HomeError: it cannot be started.
        """
        program = Path(__file__).parent / "job-runner"
        with self._home.listen(homes.RUNNER_SOCKET_NAME) as listening:
            try:
                pid = os.posix_spawn(
                    program,
                    [str(program), str(self._home.path)],
                    os.environ,
                    file_actions=[(os.POSIX_SPAWN_DUP2, listening.fileno(), _LISTENING)],
                )
                _, status = os.waitpid(pid, 0)
            except OSError as error:
                raise homes.HomeError(f"'{program}' cannot be started: {error}") from error
            link = self._home.connect(homes.RUNNER_SOCKET_NAME)
        if status or link is None or self._greet(link) is None:
            raise homes.HomeError(f"'{program}' did not start; its reason is in engine.log")
        return link

    async def use(self, link: socket.socket) -> None:
        """Goes on over a socket that `recover` or `spawn` gave."""
        link.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, sock=link)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is ready."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  asyncio's promise
        self._transport = transport
        if self._greeting is not None:
            transport.write(frames.hello())

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """asyncio: where to put what comes."""
        return connection.RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: lines, or parts of lines, have come."""
        lines = (self._rest + connection.RECEIVED[:nbytes]).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self.handle(line.split())

    def handle(self, words: list[bytes]) -> None:
        """Passes one line on to the events."""
        kind = words[0]
        if kind == b"E":
            self._events.job_ended(*runner_log.parse_end(words[1:]))
        elif kind == b"S":
            number, index, pid, started = map(int, words[1:5])
            if self._greeting is not None:
                self._greeting.add((number, index))
            self._events.job_started(number, index, pid, started)
        elif kind == b"N":
            # It may have had no memory for an environment: it gets all of them anew.
            self._environments.clear()
            self._events.job_not_started(*map(int, words[1:4]))
        elif kind == b"R" and self._greeting is not None:
            known, self._greeting = self._greeting, None
            self._set_timer(None)
            _log.info("the link to the runner is there again")
            self._events.runner_found(known)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the link is gone; if we did not let it go, the runner was killed or lost it."""
        self._transport = None
        if self._gone is not None:
            self._gone.set_result(None)
        if self._leaving:
            return
        self._rest = b""
        self._out.clear()
        self._environments.clear()
        if self._greeting is None:
            _log.warning("the link to the runner broke (%s)", exc or "it hung up")
            self._greeting = set()
            self._find()
        else:
            # It hangs up on our hello: it has no memory, say.
            self._set_timer(_HUNG_UP_SECONDS, self._find)

    def _set_timer(self, seconds: float | None, act: Callable[[], None] = lambda: None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, act)

    def _find(self) -> None:
        """Greets the runner anew; or, if its lock says that it is dead, tells the events so."""
        link = self._home.connect(homes.RUNNER_SOCKET_NAME, wait=False)
        if link is not None:
            self._greeting = set()
            self._using = asyncio.get_running_loop().create_task(self.use(link))
            self._set_timer(_GREETING_SECONDS, self._give_up)
        elif self._is_dead():
            _log.error("the runner was killed; the jobs it ran are lost")
            self._greeting = None
            self._events.runner_lost(*runner_log.read_log(self._home))
        else:
            self._set_timer(_LOOK_AGAIN_SECONDS, self._find)

    def _give_up(self) -> None:
        _log.error("%s", self._silent())
        if self._transport is not None:
            self._transport.abort()

    def start(self, task: model.Task, files: spec.Files, scratch: bytes) -> None:
        """Asks for a task's start, with a folder for temporary files; it is sent by `flush`."""
        context = task.job.context
        if context.number not in self._environments:
            self._environments.add(context.number)
            self._out.append(frames.environment(context))
        self._out.append(frames.start(task, files, scratch))

    def drop_environment(self, number: int) -> None:
        """No job will start in this context's environment any more."""
        if number in self._environments:
            self._environments.remove(number)
            self._out.append(frames.drop_environment(number))

    def send_signal(self, task: model.Task, number: int) -> None:
        """Sends a signal to all processes of the task."""
        self._out.append(frames.send_signal(task, number))

    def forget(self, tasks: Iterable[tuple[int, int]]) -> None:
        """The ends of these tasks are stored: the runner need not keep them."""
        self._out.append(frames.forget(tasks))

    def flush(self) -> None:
        """Sends what was asked for."""
        if self._out and self._transport is not None and self._greeting is None:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    async def leave(self, *, wait: bool) -> None:
        """Says good-bye: the runner stays as long as its jobs; waits for its end if asked."""
        self._leaving = True
        self._set_timer(None)
        if self._transport is None:
            return
        self._out.append(frames.bye())
        self.flush()
        self._gone = asyncio.get_running_loop().create_future()
        self._transport.close()
        await self._gone
        end = time.monotonic() + _GREETING_SECONDS
        while wait and not self._is_dead() and time.monotonic() < end:
            time.sleep(_LOOK_AGAIN_SECONDS)  # noqa: ASYNC251  nobody is served any more
