"""An sbatch whose answer says too little: the job runs once, or never, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster import Cluster, Engine, Wrap

from clusters import client

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(600)

DOUBTFUL = {
    # It was queued, and sbatch does not say so.
    "killed": '$real "$@" >/dev/null; kill -KILL $$',
    "timed out": '$real "$@" >/dev/null; echo "sbatch: error: Batch job submission failed: '
    'Socket timed out on send/recv operation" >&2; exit 1',
    # slurmctld was killed before it could answer.
    "reset": '$real "$@" >/dev/null; echo "sbatch: error: Batch job submission failed: '
    'Connection reset by peer" >&2; exit 1',
    # Seen with a slurmctld that was killed in the middle of it.
    "no socket": '$real "$@" >/dev/null; echo "sbatch: error: Batch job submission failed: '
    'Unexpected missing socket error" >&2; exit 1',
    "silent": '$real "$@" >/dev/null; exit 0',
    # A site's wrapper has its say.
    "talkative": 'echo "Welcome. Hours left: 1234"; $real "$@"; '
    'echo "Your priority is 5678"; echo "job script checked" >&2',
    "slow": '$real "$@"; sleep 8',
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_doubtful_submission(
    cluster: Cluster, engine: Engine, wrap: Wrap, case: str, tmp_path: Path
) -> None:
    """A job whose submission sbatch does not confirm runs once, and its id is found out."""
    wrap("sbatch", DOUBTFUL[case])
    with client(
        cluster,
        f"""
job_id = submit("echo $SLURM_JOB_ID >>{tmp_path}/ran; exit 4")
say(end_of(job_id), open("{tmp_path}/ran").read().split() == [job_id])
""",
    ) as program:
        assert "exited 4 True" == program.says()


def test_submission_that_never_was(
    cluster: Cluster, engine: Engine, wrap: Wrap, tmp_path: Path
) -> None:
    """Where sbatch is in doubt and nothing was queued, that is said, and no job runs later."""
    wrap(
        "sbatch",
        'echo "sbatch: error: Batch job submission failed: '
        'Socket timed out on send/recv operation" >&2; exit 1',
    )
    with client(
        cluster,
        f"""
say(attempt(lambda: submit("echo $SLURM_JOB_ID >>{tmp_path}/ran")))
""",
    ) as program:
        assert "TryLaterException" == program.says()
    assert "" == cluster.run("squeue", "--noheader")
    assert not (tmp_path / "ran").exists()
