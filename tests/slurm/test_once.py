"""A job is submitted once, also where the engine is killed while sbatch is under way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from clusters import until

PROGRAM = """
from drmaa_cffi import JobTemplate, Session
with Session():
    job = JobTemplate(
        remoteCommand="/bin/sh", args=["-c", "echo ran >>{ran}; exit 3"], outputPath=":/dev/null"
    )
    print(Session.wait(Session.runJob(job), 90).exitStatus)
"""
MANY = """
from drmaa_cffi import JobExecutor, JobTemplate, Session
with Session() as session, JobExecutor(session) as executor:
    templates = [
        JobTemplate(
            remoteCommand="/bin/sh",
            args=["-c", f"echo {{number}} >>{ran}; exit {{number}}"],
            outputPath=":/dev/null",
        )
        for number in range(20)
    ]
    futures = executor.submit_all(templates)
    assert [*range(20)] == [future.result(90).exitStatus for future in futures]
    print(len({{future.job_id.partition("_")[0] for future in futures}}))
"""
ENGINE = [sys.executable, "-m", "drmaa_cffi.slurm"]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of programs with an engine of this test's own, and an sbatch that takes its time."""
    folder = tmp_path / "path"
    folder.mkdir()
    sbatch = folder / "sbatch"
    sbatch.write_text(
        f"#!/bin/sh\n: >{tmp_path}/under-way\necho 'a banner with the number 12'\n"
        f'sleep 2\n{shutil.which("sbatch")} "$@"\nstatus=$?\nsleep 1\nexit $status\n'
    )
    sbatch.chmod(0o755)
    variables = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "DRMAA_SLURM_HOME": str(tmp_path / "engine"),
    }
    yield variables
    subprocess.run([*ENGINE, "stop", "--terminate"], env=variables, check=True, timeout=60)


def engine_of(environment: dict[str, str]) -> int | None:
    """The process of the test's engine."""
    done = subprocess.run(
        [*ENGINE, "status"], env=environment, check=True, capture_output=True, timeout=60
    )
    pid: int | None = json.loads(done.stdout)["pid"]
    return pid


def test_engine_killed_while_submitting(environment: dict[str, str], tmp_path: Path) -> None:
    """The next engine waits for the sbatch of the killed one, and takes its job over."""
    ran = tmp_path / "ran"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(ran=ran)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        until((tmp_path / "under-way").exists, "sbatch")
        pid = engine_of(environment)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        out, _ = program.communicate(timeout=90)
    assert ("3\n", "ran\n") == (out, ran.read_text())


@pytest.mark.parametrize("moment", ["sbatch", "before"])
def test_engine_killed_while_submitting_many(
    environment: dict[str, str], tmp_path: Path, moment: str
) -> None:
    """So it is with jobs that are taken together: each runs once, as a task of one array."""
    ran = tmp_path / "ran"
    if moment == "before":
        # Time to kill it between the store and sbatch: it asks for the cluster's limits first.
        slow = tmp_path / "path" / "scontrol"
        slow.write_text(
            f'#!/bin/sh\n: >{tmp_path}/under-way\nsleep 2\nexec {shutil.which("scontrol")} "$@"\n'
        )
        slow.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-c", MANY.format(ran=ran)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        until((tmp_path / "under-way").exists, moment)
        pid = engine_of(environment)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        out, _ = program.communicate(timeout=120)
    assert ("1\n", [*range(20)]) == (out, sorted(map(int, ran.read_text().split())))
    left = [path.suffix for path in (tmp_path / "engine" / "ends").iterdir()]
    assert ".jobs" not in left
