"""Jobs that Slurm runs again, or that it lost with a node: the last end is told, and once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cluster import Cluster, Engine

from clusters import client

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(600)
NODE = socket.gethostname().partition(".")[0]

AGAIN = """
job_id = submit("echo ran >>{ran}; [ $(wc -l <{ran}) = 2 ] && exit 7; exec sleep 600")
until_running(job_id)
until(lambda: os.path.exists("{ran}"))
say(job_id)
hear()
say(attempt(lambda: Session.wait(job_id, 20)), Session.jobStatus(job_id))
hear()
say(end_of(job_id), attempt(lambda: Session.wait(job_id, 0)))
"""


def test_requeue(cluster: Cluster, engine: Engine, tmp_path: Path) -> None:
    """A job that was requeued has not ended by that: its second run's end is told."""
    with client(cluster, AGAIN.format(ran=tmp_path / "ran")) as program:
        job_id = program.says()
        cluster.run("scontrol", "requeue", job_id)
        assert "ExitTimeoutException queued_active" == program.answers()
        cluster.run("scontrol", "update", f"JobId={job_id}", "StartTime=now")
        assert "exited 7 InvalidJobException" == program.answers()


def test_node_down(cluster: Cluster, engine: Engine, tmp_path: Path) -> None:
    """When a node goes down its jobs run again; one that may not is aborted, and why is told."""
    with (
        client(cluster, AGAIN.format(ran=tmp_path / "ran")) as program,
        client(
            cluster,
            """
job_id = submit("exec sleep 600", nativeSpecification="--no-requeue")
until_running(job_id)
say("runs")
hear()
info = Session.wait(job_id, 100)
say(info.wasAborted, info.hasExited, info.resourceUsage["slurm_state"], info.cause, info.reason)
""",
        ) as final,
    ):
        assert "runs" == final.says()
        job_id = program.says()
        cluster.run("scontrol", "update", f"NodeName={NODE}", "State=DOWN", "Reason=test")
        told = "True False NODE_FAIL node_failed its node failed (NodeDown)"
        assert told == final.answers()
        assert "ExitTimeoutException queued_active" == program.answers()
        cluster.up()
        cluster.run("scontrol", "update", f"JobId={job_id}", "StartTime=now")
        assert "exited 7 InvalidJobException" == program.answers()


def test_node_daemon_away(cluster: Cluster, engine: Engine) -> None:
    """Without slurmd a job that runs goes on, and its true end is told when it comes."""
    with client(
        cluster,
        """
job_id = submit("sleep 6; exit 9")
until_running(job_id)
say("runs")
hear()
say(end_of(job_id))
""",
    ) as program:
        assert "runs" == program.says()
        with cluster.without("slurmd"):
            assert "exited 9" == program.answers()
