"""What ``drmaa-cffi doctor`` finds out on a Slurm, and what it says to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from cluster import Cluster, Engine, Wrap, running_cluster

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(600)

# The folder $0 is there for a command and its engine alone: slurmd does not see what is in it.
_HIDDEN = f"""
mount -t tmpfs -o mode=700 none "$0" || exit
"$@"
code=$?
{sys.executable} -m drmaa_cffi.slurm stop >&2
exit $code
"""


@pytest.fixture(scope="module")
def shared_cluster() -> Iterator[Cluster]:
    """A Slurm with accounting, which has limits."""
    with running_cluster("--accounting") as cluster:
        yield cluster


def doctor(works: bool, engine: Engine, *words: str, before: tuple[str, ...] = ()) -> Any:
    """Return the checks of the doctor: for each name its verdict, what was said, the remedy."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "drmaa_cffi.cli", "doctor", "--json", *words],
        env={**os.environ, **engine.environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (0 if works else 1) == done.returncode, (done.stdout, done.stderr)
    return {
        each["name"]: (each["verdict"], each["said"], each["remedy"])
        for each in json.loads(done.stdout)["checks"]
    }


def test_well(cluster: Cluster, engine: Engine) -> None:
    """All is told that matters: version, controller, partitions, limits, records, requests."""
    cluster.run("sacctmgr", "-i", "modify", "user", "root", "set", "MaxSubmitJobs=5000")
    found = doctor(True, engine, "--submit")
    assert {"ok"} == {found[name][0] for name in found if name != "other libraries"}
    version = cluster.run("scontrol", "--version").split()[1]
    assert found["Slurm"][1].startswith(f"{version}, cluster test")
    assert "is UP" in found["controller"][1]
    assert "main* is up, time limit infinite, 1 nodes; short is up" in found["partitions"][1]
    assert "accounting_storage/slurmdbd" == found["accounting"][1]
    assert "MaxArraySize 20001" in found["limits"][1]
    assert "MaxSubmitJobs 5000 (account root, " in found["MaxSubmitJobs"][1]
    assert "most_at_once" in found["MaxSubmitJobs"][1]
    assert "300 sec" == found["MinJobAge"][1]
    assert found["records"][1].startswith(f"{engine.home / 'ends'}; ")
    assert found["records"][1].endswith(" sees it")
    assert "1 sbatch" in found["requests"][1]
    assert " in the last hour" in found["requests"][1]


def test_accounting_away(cluster: Cluster, engine: Engine) -> None:
    """That slurmdbd does not answer is said, and keeps no job from being submitted."""
    with cluster.without("slurmdbd"):
        verdict, said, remedy = doctor(True, engine)["accounting"]
    assert ("warning", True) == (verdict, "does not answer" in said)
    assert "whether slurmdbd runs" in remedy


def test_partitions_down(cluster: Cluster, engine: Engine) -> None:
    """A default partition that is down, and none that is up, are said with what to do."""
    try:
        cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
        verdict, said, remedy = doctor(True, engine)["partitions"]
        assert ("warning", True) == (verdict, "main* is down" in said)
        assert "--partition=NAME" in remedy
        cluster.run("scontrol", "update", "PartitionName=short", "State=DOWN")
        assert "jobs wait until one is up" in doctor(True, engine)["partitions"][1]
    finally:
        for name in ("main", "short"):
            cluster.run("scontrol", "update", f"PartitionName={name}", "State=UP")


def test_controller_away(cluster: Cluster, engine: Engine) -> None:
    """Without slurmctld no job can be submitted, and the doctor says whom to ask."""
    with cluster.without("slurmctld"):
        verdict, said, remedy = doctor(False, engine)["Slurm"]
    assert ("failure", True) == (verdict, "scontrol ping fails" in said)
    assert "ask the administrators" in remedy


def test_forgetful(engine: Engine, wrap: Wrap) -> None:
    """A Slurm that forgets jobs before the engine looks is told, where there is no accounting."""
    wrap(
        "scontrol",
        "$real \"$@\" | sed -e 's/^MinJobAge .*/MinJobAge = 2 sec/' "
        "-e 's/^AccountingStorageType .*/AccountingStorageType = accounting_storage\\/none/'",
    )
    found = doctor(True, engine)
    verdict, said, remedy = found["MinJobAge"]
    assert ("warning", True) == (verdict, said.startswith("2 sec: Slurm forgets"))
    assert "300" in remedy
    assert "there is none" in found["accounting"][1]
    assert "there is none" in found["MaxSubmitJobs"][1]


def test_records_unseen(engine: Engine, tmp_path: Path) -> None:
    """A folder that the compute nodes do not see is found out by the test job."""
    engine.home.mkdir(mode=0o700)
    before = ("unshare", "--mount", "sh", "-c", _HIDDEN, str(engine.home))
    if subprocess.run((*before[:2], "true"), check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    verdict, said, remedy = doctor(True, engine, "--submit", before=before)["records"]
    assert ("warning", True) == (verdict, "the test job left no record there" in said)
    assert "DRMAA_SLURM_HOME" in remedy
