"""Runs Slurm's commands: without blocking, with a deadline, a clean environment, and counted."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: At once: slurmctld serves them one after the other, so that more would only wait there.
_MOST = 8
#: A command that has not ended by then is killed: they give up after 9 or 18 s by themselves.
_SECONDS = 60.0
_HOUR = 3600.0
_SETTINGS = ("SLURM", "SQUEUE_", "SACCT_", "SBATCH_", "SCONTROL_", "SALLOC_", "SRUN_", "LC_")
#: What is said where the way to slurmctld or slurmdbd breaks, before an answer or in its middle.
_AWAY = (
    "unable to contact slurm controller",
    "socket timed out",
    "communication connection failure",
    "connection refused",
    "connection timed out",
    "zero bytes were transmitted",
    "transport endpoint is not connected",
    "missing socket error",
    "connection reset",
    "broken pipe",
    "message send failure",
    "message receive failure",
    "communication shutdown failure",
    "header lengths are longer",
    "insane message length",
    "no route to host",
    "unable to connect to",
    "munge",
    "protocol authentication error",
    "authentication credential",
    "standby mode",
    "resource temporarily unavailable",
    "temporarily unable to",
    "slurm_persist_conn",
    "problem talking to the database",
    "unable to resolve",
    "unexpected message received",
    "network is unreachable",
    "host is unreachable",
    "rate limit",
)


#: What these say when they fail is never an answer: there is nothing to refuse.
_QUESTIONS = ("squeue", "sacct")


class Unreachable(Exception):
    """Slurm did not answer: nothing is known, and what was asked for may have been done."""


class Refused(Exception):
    """Slurm, or its command, said no, in the words of this exception."""


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """What a command gets that only asks: nothing of it changes what the command says."""
    kept = {name: value for name, value in variables.items() if not name.startswith(_SETTINGS)}
    if "SLURM_CONF" in variables:
        kept["SLURM_CONF"] = variables["SLURM_CONF"]
    return {**kept, "LANG": "C", "SLURM_TIME_FORMAT": "%s"}


class Submitter(NamedTuple):
    """As whose a command runs: sbatch hands all of this on to the job."""

    environment: Mapping[bytes, bytes]
    #: By the limits' numbers.
    soft_limits: Sequence[int]
    umask: int

    def has_our_limits(self) -> bool:
        """Whether there is nothing to take: without it a command starts in half the time."""
        ours = [resource.getrlimit(kind)[0] for kind in range(len(self.soft_limits))]
        return ours == list(self.soft_limits)

    def take_limits(self) -> None:
        """Gives this process the submitter's soft limits, as far as its own hard ones allow."""
        for kind, wanted in enumerate(self.soft_limits):
            _, hard = resource.getrlimit(kind)
            # The largest of all, infinity, is -1.
            if hard >= 0 and not 0 <= wanted <= hard:
                wanted = hard  # noqa: PLW2901
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(kind, (wanted, hard))


class Commands:
    """Slurm's commands, as they are on this machine.

    Args:
        variables: the environment to look them up in, and to run them in.
        lock: an open file that each sbatch inherits: it is locked as long as one runs, also
            when the engine was killed.
    """

    def __init__(self, variables: Mapping[str, str], lock: int) -> None:
        self._lock = lock
        self._path = variables.get("PATH", os.defpath)
        self._found: dict[str, str] = {}
        self.environment: dict[str, str] = environment_of(variables)
        self._turns = asyncio.Semaphore(_MOST)
        # Each waits for one command: asyncio would start a thread for each.
        self._waiters = ThreadPoolExecutor(_MOST)
        #: How often each command was run since the engine has started.
        self.requests: Counter[str] = Counter()
        self._when: deque[float] = deque()

    def lock(self) -> bool:
        """Takes the lock; False while an sbatch of an engine before this one runs."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def last_hour(self) -> int:
        """How many commands were run in the hour before now."""
        now = time.monotonic()
        while self._when and self._when[0] < now - _HOUR:
            self._when.popleft()
        return len(self._when)

    async def run(
        self,
        program: str,
        arguments: Sequence[str | bytes],
        *,
        script: bytes | None = None,
        submitter: Submitter | None = None,
        seconds: float = _SECONDS,
    ) -> str:
        """What a command prints; lines that are not UTF-8 come with surrogates.

        Args:
            program: the command's name, `sbatch` for instance.
            arguments: its words.
            script: its standard input, empty if None.
            submitter: as whose it runs, if not as ours, in `self.environment`.
            seconds: its deadline.

        Raises:
            Unreachable: Slurm did not answer, or not in time.
            Refused: it ended with another status than 0.
        """
        path = self._find(program)
        async with self._turns:
            self.requests[program] += 1
            self._when.append(time.monotonic())
            return await self._run(path, arguments, script, submitter, seconds)

    def _find(self, program: str) -> str:
        path = self._found.get(program) or shutil.which(program, path=self._path)
        if path is None:
            raise Refused(f"there is no {program} on PATH ({self._path})")
        self._found[program] = path
        return path

    async def _run(
        self,
        path: str,
        arguments: Sequence[str | bytes],
        script: bytes | None,
        submitter: Submitter | None,
        seconds: float,
    ) -> str:
        name = os.path.basename(path)  # noqa: PTH119  a name for messages
        with contextlib.ExitStack() as files:
            # Not pipes: nothing has to be read while the command runs, and a child that it leaves
            # behind holds up nobody.
            given, out, said = (files.enter_context(_scratch()) for _ in range(3))
            given.write(script or b"")
            given.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603, ASYNC220  it does not wait
                    [path, *arguments],
                    stdin=given,
                    stdout=out,
                    stderr=said,
                    env=self.environment if submitter is None else submitter.environment,
                    umask=-1 if submitter is None else submitter.umask,
                    preexec_fn=(  # noqa: PLW1509  as without the threads that only wait
                        None
                        if submitter is None or submitter.has_our_limits()
                        else submitter.take_limits
                    ),
                    cwd="/",
                    pass_fds=(self._lock,) if name == "sbatch" else (),
                )
            except OSError as error:
                raise Refused(f"{path} could not be run: {error.strerror}") from error
            status = await self._end_of(process, name, seconds)
            printed = [_all_of(file) for file in (out, said)]
        words = _words_of(printed[1] or printed[0])
        # One that prints nothing but such words has no answer, whatever its status.
        if status == 0 and (printed[0].strip() or not _is_away(words)):
            return printed[0]
        if status < 0:
            raise Unreachable(f"{name} was killed by signal {-status}: {words}")
        if name in _QUESTIONS or _is_away(words):
            raise Unreachable(f"{name}: {words}")
        raise Refused(words or f"{name} ended with status {status}")

    async def _end_of(self, process: subprocess.Popen[bytes], name: str, seconds: float) -> int:
        """The status of a command, which is killed if it is late, or nobody waits any more."""
        ended = asyncio.get_running_loop().run_in_executor(self._waiters, process.wait)
        try:
            return await asyncio.wait_for(asyncio.shield(ended), seconds)
        except asyncio.TimeoutError:
            raise Unreachable(f"{name} did not answer within {seconds:g} s") from None
        finally:
            if not ended.done():
                process.kill()


def _scratch() -> IO[bytes]:
    """A file of no name, in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("drmaa"), "w+b")  # noqa: PTH123  it has no path
    return tempfile.TemporaryFile()


def _all_of(file: IO[bytes]) -> str:
    """What a command has written to a file."""
    file.seek(0)
    return os.fsdecode(file.read())


def _is_away(words: str) -> bool:
    """Whether a command says that nobody has answered."""
    return any(part in words.lower() for part in _AWAY)


def _words_of(text: str) -> str:
    """What a command has said, in one line."""
    lines = (line.strip() for line in text.splitlines())
    return "; ".join(dict.fromkeys(line for line in lines if line))
