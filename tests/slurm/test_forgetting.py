"""A Slurm that forgets a job two seconds after its end, and one whose accounting is away."""

from __future__ import annotations

from typing import Iterator

import pytest
from cluster import Cluster, Engine, running_cluster

from clusters import client

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(600)

ENDS = """
jobs = {submit(f"exit {status}"): f"exited {status}" for status in (0, 3, 137, 143, 200, 255)}
signals = {submit(f"kill -{name} $$"): f"SIG{name}" for name in ("KILL", "TERM", "SEGV")}
def told(job_id):
    info = Session.wait(job_id, 60)
    return info.terminatedSignal if info.hasSignal else f"exited {info.exitStatus}"
def wrong():
    wanted = {**jobs, **signals}
    found = {job_id: told(job_id) for job_id in wanted}
    return {found[job_id]: wanted[job_id] for job_id in wanted if found[job_id] != wanted[job_id]}
"""


@pytest.fixture(scope="module")
def shared_cluster() -> Iterator[Cluster]:
    """A Slurm that forgets soon, and keeps accounts."""
    with running_cluster("--accounting", "MinJobAge=2") as cluster:
        yield cluster


def test_forgotten(cluster: Cluster, engine: Engine) -> None:
    """Ends are exact when Slurm has forgotten the jobs before anybody asks."""
    with client(
        cluster,
        f"""
{ENDS}
time.sleep(15)
say(wrong())
""",
    ) as program:
        assert "{}" == program.says()


def test_forgotten_without_engine(cluster: Cluster, engine: Engine) -> None:
    """The same while no engine watched: the jobs have left their records."""
    with client(
        cluster,
        f"""
{ENDS}
say("ready")
hear()
say(wrong())
""",
    ) as program:
        assert "ready" == program.says()
        pid = engine.status()["pid"]
        engine.kill()
        assert pid != engine.status()["pid"]
        cluster.run("sleep", "15")
        assert "{}" == program.answers()


def test_accounting_away(cluster: Cluster, engine: Engine) -> None:
    """Without slurmdbd jobs run, and their ends are exact."""
    with client(
        cluster,
        f"""
say("ready")
hear()
{ENDS}
time.sleep(10)
say(wrong())
""",
    ) as program:
        assert "ready" == program.says()
        with cluster.without("slurmdbd"):
            assert "{}" == program.answers()


def test_cancelled_elsewhere(cluster: Cluster, engine: Engine) -> None:
    """A job that its owner cancels by scancel while it waits is aborted, never done."""
    with client(
        cluster,
        """
job_id = submit("exit 0", jobSubmissionState="drmaa_hold")
say(job_id)
hear()
info = Session.wait(job_id, 200)
say(info.wasAborted, info.hasExited)
""",
    ) as program:
        cluster.run("scancel", program.says())
        cluster.run("sleep", "10")
        assert "True False" == program.answers()


def test_explained_by_accounting(cluster: Cluster, engine: Engine) -> None:
    """explain() has what only the accounting knows, also of a job that Slurm has ended."""
    with client(
        cluster,
        """
import re
def explained(job_id):
    return Session.wait(job_id, 60).explain(timeout=60).split("\\n")[2]
said = explained(submit("sleep 6; exit 3"))
say(re.sub(r"\\d+[.\\d]*[KM]", "SIZE", re.sub(r"\\d\\d:\\d\\d[:.\\d]*", "TIME", said)))
running = submit("exec sleep 600")
until_running(running)
Session.control(running, "terminate")
say(explained(running).partition(",")[0])
held = submit("exit 0", jobSubmissionState="drmaa_hold")
Session.control(held, "terminate")
say(explained(held).partition(",")[0])
""",
    ) as program:
        said = (
            "Slurm's accounting: FAILED, exit code 3:0, elapsed TIME, CPU TIME, MaxRSS SIZE, on "
        )
        assert program.says().startswith(said)
        assert program.says().startswith("Slurm's accounting: CANCELLED")
        assert program.says().startswith("Slurm's accounting: CANCELLED")
