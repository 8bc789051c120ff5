"""What users meet: one without any rights, and one with two programs on a failing cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import cffi
import pytest
from cluster import Cluster, Engine

import drmaa_cffi
from clusters import client, pids_with, until

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(600)

NOBODY = 65534
# Python and the package may lie where only root can read.
BECOME_NOBODY = """
place=$1; shift
mount --bind "$1" "$place/python"; mount --bind "$2" "$place/cffi"; mount --bind "$3" "$place/src"
shift 4
rights="--reuid=65534 --regid=65534 --clear-groups --no-new-privs"
exec setpriv $rights "$place/python/bin/python3" "$@"
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that all users can enter, with a home for one without rights."""
    folder = Path(tempfile.mkdtemp(prefix="drmaa-nobody-"))
    folder.chmod(0o755)
    for name in ("python", "cffi", "src", "home"):
        (folder / name).mkdir()
    os.chown(folder / "home", NOBODY, NOBODY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_user_without_rights(cluster: Cluster, place: Path) -> None:
    """A user without rights submits, holds, suspends and ends jobs, and cannot reach others'."""
    others = cluster.run(
        "sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap=exit 0"
    ).strip()
    parts = [sys.base_prefix, Path(cffi.__file__).parents[1], Path(drmaa_cffi.__file__).parents[1]]
    before = ["unshare", "--mount", "sh", "-ec", BECOME_NOBODY, "sh", place, *parts]
    environment = {
        "HOME": str(place / "home"),
        "PYTHONPATH": f"{place}/src:{place}/cffi",
        "DRMAA_SLURM_ENGINE": f"{place}/python/bin/python3 -m drmaa_cffi.slurm engine",
        "DRMAA_SLURM_HOME": str(place / "home" / "engine"),
        "DRMAA_SLURM_IDLE": "0",
    }
    with client(
        cluster,
        f"""
say(os.getuid(), end_of(submit("exit $(id -u | cut -c 1-2)", workingDirectory="/tmp")))
job_id = submit("exec sleep 600", jobSubmissionState="drmaa_hold", workingDirectory="/tmp")
states = [Session.jobStatus(job_id)]
wanted = (("release", "running"), ("suspend", "user_suspended"), ("resume", "running"))
for action, state in wanted:
    Session.control(job_id, action)
    until(lambda: Session.jobStatus(job_id) == state)
    states.append(state)
Session.control(job_id, "terminate")
say(*states, Session.wait(job_id, 60).wasAborted)
say(attempt(lambda: Session.control({others!r}, "terminate")),
    attempt(lambda: Session.jobStatus({others!r})))
Session.exit()
""",
        *map(str, before),
        **environment,
    ) as program:
        assert f"{NOBODY} exited 65" == program.says()
        assert "user_on_hold running user_suspended running True" == program.says()
        assert "InvalidJobException InvalidJobException" == program.says()
        program.process.wait(60)
    assert others in cluster.run("squeue", "--noheader")
    until(
        lambda: not pids_with(f"HOME={place}/home", str(place / "python/bin/python3")),
        "the engine's leaving",
    )


PROGRAM = """
wanted = {{}}
def some(number):
    while len(wanted) < number:
        status = {base} + len(wanted)
        with contextlib.suppress(DrmaaException):
            wanted[submit(f"sleep 1; exit {{status}}")] = f"exited {{status}}"
import contextlib
some(15)
say("ready")
hear()
some(30)
ends = {{}}
for _ in wanted:
    info = Session.wait(Session.JOB_IDS_SESSION_ANY, 200)
    ends[info.jobId] = f"exited {{info.exitStatus}}" if info.hasExited else str(info)
say(ends == wanted, attempt(lambda: Session.wait(Session.JOB_IDS_SESSION_ANY, 0)))
"""


def test_two_programs(cluster: Cluster, engine: Engine) -> None:
    """Two programs at once have their own ends, each once, while engine and slurmctld go down."""
    with contextlib.ExitStack() as both:
        programs = [
            both.enter_context(client(cluster, PROGRAM.format(base=base))) for base in (10, 110)
        ]
        for program in programs:
            assert "ready" == program.says()
        with cluster.without("slurmctld", number=signal.SIGTERM):
            for program in programs:
                program.hears()
            engine.kill()
        engine.kill()
        for program in programs:
            assert "True InvalidJobException" == program.says()
