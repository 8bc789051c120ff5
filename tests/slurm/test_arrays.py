"""Ten thousand different jobs cost Slurm a few requests."""

from __future__ import annotations

from typing import Iterator

import pytest
from cluster import Cluster, Engine, running_cluster

from clusters import client

# Making a cluster is a part of the test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A Slurm with arrays as large as Slurm has them by default."""
    with running_cluster("MaxArraySize=1001") as made:
        yield made


PROGRAM = """
from drmaa_cffi import JobExecutor
executor = JobExecutor(Session)
templates = [
    JobTemplate(
        remoteCommand="/bin/sh",
        args=["-c", "exit $0", str(number % 100)],
        outputPath=f":/tmp/output-{number}",
        jobName=f"job{number}",
        jobSubmissionState="drmaa_hold",
    )
    for number in range(10_000)
]
futures = executor.submit_all(templates)
say(len({future.job_id for future in futures}))
hear()
some = [futures[at] for at in (0, 4999, 9999)]
for future in some:
    future.release()
say(*(future.result(60).exitStatus for future in some), futures[7].status())
Session.control(Session.JOB_IDS_SESSION_ALL, "terminate")
say({future.result(120).wasAborted for future in futures[10:20]})
"""


def test_ten_thousand(cluster: Cluster, engine: Engine) -> None:
    """10,000 jobs are at most 20 submissions, and each still has its own id, control and end."""
    with client(cluster, PROGRAM) as program:
        assert "10000" == program.says()
        assert engine.status()["requests"]["sbatch"] <= 20
        assert cluster.requests()["REQUEST_SUBMIT_BATCH_JOB"] <= 20
        assert "0 99 99 user_on_hold" == program.answers()
        assert "{True}" == program.says()
