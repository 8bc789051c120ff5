"""Clients, engine and runner are killed and stopped, and calls fail, at random."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from engines import Engine, until
from faults import CALLS, CLIENT, RUNNER, Faults

CLIENTS = 3
PROGRAM = Path(__file__).with_name("chaos.py")
#: How long the slow one lasts. What pytest prints after faulthandler_timeout is not a failure.
SECONDS = float(os.environ.get("CHAOS_SECONDS", "600"))


class Chaos:
    """Disturbs all that runs for an engine."""

    def __init__(self, engine: Engine, folder: Path, faults: Faults | None) -> None:
        self.engine, self.folder, self.faults = engine, folder, faults
        self.seed = int.from_bytes(os.urandom(4), "little")
        self.chance = random.Random(self.seed)
        self.over = folder / "over"
        self.done: Counter[str] = Counter()
        self.clients = [self.start(number) for number in range(CLIENTS)]

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """A client, or the one after it."""
        names = (f"ledger{number}", f"contact{number}", "runs", "over")
        words = [sys.executable, str(PROGRAM), *(str(self.folder / name) for name in names)]
        return subprocess.Popen(words)

    def victims(self, kind: str) -> list[int]:
        """The processes of a kind."""
        if kind == "client":
            return [client.pid for client in self.clients]
        if kind == "engine":
            return self.engine.pids()
        with contextlib.suppress(ValueError):
            return [self.engine.runner]
        return []

    def disturb(self) -> None:
        """Do one thing to one of them."""
        kind = self.chance.choice(("client", "engine", "engine", "runner"))
        what = self.chance.choice(("kill", "stop", "fault"))
        pids = self.victims(kind)
        if what == "fault" and self.faults is not None:
            call = self.chance.choice(CALLS)
            self.faults.fail(
                call, before=self.chance.randrange(20), times=self.chance.randint(1, 5)
            )
        elif pids:
            pid = self.chance.choice(pids)
            number = signal.SIGKILL if what == "kill" else signal.SIGSTOP
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                if what == "stop":
                    time.sleep(self.chance.uniform(0, 5))
                    os.kill(pid, signal.SIGCONT)
        self.done[f"{what} {'' if what == 'fault' else kind}"] += 1
        for number, client in enumerate(self.clients):
            if client.poll() is not None:
                assert -signal.SIGKILL == client.returncode
                self.clients[number] = self.start(number)

    def rage(self, seconds: float) -> None:
        """Disturb them for so long, then let them come to their ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.chance.uniform(0, 1))
            self.disturb()
        if self.faults is not None:
            self.faults.fail("malloc", times=0)
        self.over.touch()
        for client in self.clients:
            assert 0 == client.wait(90)


@pytest.mark.parametrize(
    "seconds",
    [60, pytest.param(SECONDS, marks=[pytest.mark.slow, pytest.mark.timeout(SECONDS + 300)])],
    ids=["short", "long"],
)
def test_chaos(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """No submission is lost, none runs twice, and no end is told that is not the true one."""
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "4")
    faults = None
    if "LD_PRELOAD" not in os.environ:
        faults = Faults(tmp_path, RUNNER, CLIENT)
        for name, value in faults.environment.items():
            monkeypatch.setenv(name, value)
    chaos = Chaos(engine, tmp_path, faults)
    print("seed", chaos.seed)  # noqa: T201  for who looks into a failure
    try:
        chaos.rage(seconds)
    finally:
        for client in chaos.clients:
            client.kill()
            client.wait()
        monkeypatch.delenv("LD_PRELOAD", raising=False)
    until(lambda: not engine.counts().get("running"), seconds=60)
    print(chaos.done)  # noqa: T201
    check(tmp_path)


def check(folder: Path) -> None:
    """Compare the ledgers with what has run."""
    runs = Counter((folder / "runs").read_text().split())
    assert not [job for job, times in runs.items() if times > 1]
    submitted: dict[str, str] = {}
    ends: dict[str, str] = {}
    for path in folder.glob("ledger?"):
        for line in path.read_text().splitlines():
            kind, job, *rest = line.split()
            if kind == "S":
                assert job not in submitted
                submitted[job] = rest[0]
            elif kind in "EL":
                assert job not in ends
                ends[job] = rest[0] if rest else "lost with its client"
    assert set(submitted) == set(ends)
    counted = Counter(ends.values())
    print(len(submitted), "jobs,", counted["aborted"], "aborted")  # noqa: T201
    for job, status in submitted.items():
        assert ends[job] in (status, "aborted", "lost with its client")
        assert ends[job] != status or runs[job] == 1
    assert counted["aborted"] < len(submitted)
