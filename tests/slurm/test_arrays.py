"""Bulk jobs where Slurm's arrays are small: split into several, or refused with the limit."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from cluster import Cluster, Engine, running_cluster

from clusters import client

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(300)

SCHEDULER = "sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0"


@pytest.fixture(scope="module")
def shared_cluster() -> Iterator[Cluster]:
    """A Slurm whose arrays have four tasks at most, and indices up to 30."""
    options = f"SchedulerParameters={SCHEDULER},max_array_tasks=4"
    with running_cluster(options, "MaxArraySize=31") as cluster:
        yield cluster


BULK = """
def bulk(script, begin, end, step, **attributes):
    template = JobTemplate(remoteCommand="/bin/sh", args=["-c", script], joinFiles=True,
                           **{{"outputPath": ":{folder}/$drmaa_incr_ph$", **attributes}})
    return Session.runBulkJobs(template, begin, end, step)
"""


def test_split(cluster: Cluster, engine: Engine, tmp_path: Path) -> None:
    """A bulk job of ten tasks becomes three arrays; its index is the same everywhere."""
    with client(
        cluster,
        BULK.format(folder=tmp_path)
        + """
ids = bulk('echo $SLURM_ARRAY_TASK_ID $TASK_ID; exit $TASK_ID', 3, 30, 3)
say(len(ids), len({each.split("_")[0] for each in ids}), *[each.split("_")[1] for each in ids])
say(*[end_of(each).split()[1] for each in ids])
""",
    ) as program:
        indices = [str(index) for index in range(3, 31, 3)]
        assert ["10", "3", *indices] == program.says().split()
        assert indices == program.says().split()
    for index in indices:
        assert f"{index} {index}\n" == (tmp_path / index).read_text()


def test_split_is_controlled_as_one(cluster: Cluster, engine: Engine, tmp_path: Path) -> None:
    """All tasks of a split bulk job are released, terminated and synchronized at once.

    They are also found by an engine that takes them up.
    """
    with client(
        cluster,
        BULK.format(folder=tmp_path)
        + """
ids = bulk("exec sleep 600", 1, 9, 1, jobSubmissionState="drmaa_hold")
say(*{str(Session.jobStatus(each)) for each in ids})
hear()
Session.control(Session.JOB_IDS_SESSION_ALL, "release")
until_running(ids[0])
until_running(ids[-1])
Session.control(Session.JOB_IDS_SESSION_ALL, "terminate")
Session.synchronize(ids, 60)
say(*{Session.wait(each, 0).wasAborted for each in ids})
""",
    ) as program:
        assert "user_on_hold" == program.says()
        engine.kill()
        assert "True" == program.answers()


def test_index_beyond(cluster: Cluster, engine: Engine, tmp_path: Path) -> None:
    """An index that no array here can have is refused with the limit, and nothing is queued."""
    with client(
        cluster,
        BULK.format(folder=tmp_path)
        + """
try:
    bulk("exit 0", 1, 31, 1)
except DrmaaException as error:
    say(type(error).__name__, error)
""",
    ) as program:
        said = program.says()
        assert said.startswith("DeniedByDrmException")
        assert "end at 30 (MaxArraySize 31" in said
    assert "" == cluster.run("squeue", "--noheader")
