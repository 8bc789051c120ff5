"""DRMAA_ENGINE=inside: where daemons are forbidden, the engine lives and dies with the program."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from cluster import Cluster, Engine

from clusters import client, pids_with, until

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(300)

TWO_JOBS = """
say(Session.contact, submit("sleep 3; exit 4"), submit("sleep 4; exit 5"))
hear()
"""


def left(engine: Engine, *programs: str) -> list[int]:
    """The processes of an engine, with those that it has started."""
    paths = [shutil.which(name) or name for name in (sys.executable, "sbatch", "squeue")]
    wanted = [str(Path(path).resolve()) for path in programs or paths]
    return pids_with(f"DRMAA_SLURM_HOME={engine.home}", *wanted)


@pytest.mark.parametrize("way", ["exit", "kill"])
def test_ends_with_the_program(
    cluster: Cluster, engine: Engine, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """No process of it is left after its program's exit or death; the next one has the ends."""
    monkeypatch.setenv("DRMAA_ENGINE", "inside")
    with client(cluster, TWO_JOBS) as program:
        contact, first, second = program.says().split()
        pid = engine.status()["pid"]
        # A site that ends a user's login session ends it, too.
        assert os.getsid(program.process.pid) == os.getsid(pid)
        if way == "exit":
            program.hears()
        else:
            program.process.kill()
        program.process.wait(60)
    until(lambda: not left(engine), "the end of all of the engine", 10)
    text = f"""
Session.exit()
Session.initialize({contact!r})
say(end_of({first!r}), end_of({second!r}))
"""
    with client(cluster, text) as program:
        assert "exited 4 exited 5" == program.says()
    until(lambda: not left(engine), "the end of all of the engine", 10)


def test_ends_while_slurm_is_silent(
    cluster: Cluster, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A submission under way does not keep it; the job is queued once, for the next engine."""
    monkeypatch.setenv("DRMAA_ENGINE", "inside")
    text = f"""
say(Session.contact, end_of(submit("exit 3")))
hear()
submit("echo $SLURM_JOB_ID >>{tmp_path}/ran")
"""
    with client(cluster, text) as program:
        contact, *end = program.says().split()
        assert ["exited", "3"] == end
        with cluster.frozen("slurmctld"):
            program.hears()
            until(lambda: left(engine, shutil.which("sbatch") or ""), "sbatch")
            program.process.kill()
            until(lambda: not left(engine), "the end of all of the engine", 10)
    text = f"""
Session.exit()
Session.initialize({contact!r})
info = Session.wait(Session.JOB_IDS_SESSION_ANY, 120)
say(info.jobId, open("{tmp_path}/ran").read().split() == [info.jobId])
"""
    with client(cluster, text) as program:
        assert program.says().endswith(" True")
