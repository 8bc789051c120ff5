"""Single calls of the C library fail in the client library: memory, sockets, a process's start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engines import Engine, until
from faults import CALLS, CLIENT, Faults, without_sanitizer

PROGRAM = Path(__file__).with_name("client_faults.py")
PLACES = 10_000  # more than there are
#: What only happens where an engine is reached, or started.
OF_REACHING = ("socket", "connect", "pipe2", "eventfd", "posix_spawnp", "openat")


def run(folder: Path, *words: object, seconds: float) -> list[tuple[int, int]]:
    """Run the client; return each place, and how many errors there were."""
    faults = Faults(folder, CLIENT)
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), *map(str, words)],
        env={**os.environ, **faults.environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout
    return [tuple(map(int, line.split())) for line in done.stdout.splitlines()]  # type: ignore[misc]


@without_sanitizer
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("call", ["memory", "send", "recv"])
def test_each_place(engine: Engine, tmp_path: Path, call: str, step: int) -> None:
    """Whichever call fails in a client, it has an error or none, and its job the true end."""
    assert run(tmp_path, call, 0, step, PLACES, 0, seconds=280)


@without_sanitizer
@pytest.mark.parametrize("call", OF_REACHING)
def test_reaching(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whichever call fails while an engine is started and reached, the next try reaches it."""
    monkeypatch.setenv("DRMAA_LOCAL_IDLE", "0")  # so that each session starts its own
    assert call in CALLS
    places = run(tmp_path, call, 0, 1, PLACES, 0, seconds=280)
    assert len(places) > 1, "that call was never made"


@without_sanitizer
@pytest.mark.parametrize(
    ("step", "most"), [(13, 40), pytest.param(1, 100, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("call", ["memory", "send", "recv"])
def test_fifty_waits(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    step: int,
    most: int,
) -> None:
    """With fifty threads that wait for fifty running jobs, one failure costs none its end."""
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "60")
    assert run(tmp_path, call, 0, step, most, 50, seconds=280)
    until(lambda: not engine.counts().get("running"), seconds=60)
