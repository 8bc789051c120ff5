"""Orders for many jobs at once: one command of Slurm's, and an answer for each job."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cluster import Cluster, Engine, Wrap

from clusters import client, until

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(300)

MANY = """
LATER = {"startTime": "2037/01/01 00:00"}
def bulk(script, tasks, **attributes):
    template = JobTemplate(remoteCommand="/bin/sh", args=["-c", script], outputPath=":/dev/null",
                           joinFiles=True, **attributes)
    return Session.runBulkJobs(template, 1, tasks, 1)
def order(ids, action):
    try:
        Session.control(ids, action)
    except DrmaaException as error:
        return f"{type(error).__name__}: {error}"
    return "done"
def states(*ids):
    return " ".join(str(Session.jobStatus(job_id)) for job_id in ids)
def aborted(*ids):
    return {Session.wait(job_id, 60).wasAborted for job_id in ids}
"""


def other_job(cluster: Cluster, *words: str) -> str:
    """Submit a job by hand, as another program would."""
    command = ("sbatch", "--parsable", "--output=/dev/null", *words, "--wrap=exec sleep 600")
    return cluster.run(*command).strip()


def errors_of(engine: Engine, action: str, *ids: str) -> dict[str, str]:
    """Run the command of an action on these jobs; return the errors by their jobs."""
    words = [sys.executable, "-m", "drmaa_cffi.cli", action, "--slurm", "--json", *ids]
    done = subprocess.run(
        words,
        env={**os.environ, **engine.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    told = json.loads(done.stdout)["jobs"]
    assert list(ids) == [each["job"] for each in told], done.stderr
    assert any(each["error"] for each in told) == bool(done.returncode)
    return {each["job"]: each["error"] for each in told if each["error"] is not None}


def test_terminate(cluster: Cluster, engine: Engine) -> None:
    """Jobs, tasks and another program's job end by one order, whatever else is in the list."""
    other = other_job(cluster)
    with client(
        cluster,
        MANY
        + f"""
tasks = bulk("exec sleep 600", 5)
plain = submit("exec sleep 600")
held = submit("exit 0", jobSubmissionState="drmaa_hold")
over = submit("exit 3")
Session.synchronize([over], 60)
until_running(tasks[4])
until_running(plain)
# A task that is named several times is one task: the others of its array go on.
say(order([plain, "99999999", tasks[0], over, {other!r}, tasks[0], tasks[0], tasks[1], held,
           tasks[1]], "terminate"))
say(aborted(plain, held, *tasks[:2]), states(*tasks[2:]), end_of(over))
say(over, *tasks)
hear()
say(aborted(*tasks[2:]))
""",
    ) as program:
        assert "InvalidJobException: code 18: there is no job '99999999'" in program.says()
        assert "{True} running running running exited 3" == program.says()
        until(lambda: other not in cluster.run("squeue", "--noheader"), "the other job's end")
        over, *tasks = program.says().split()
        done = engine.status()["requests"]["scancel"]
        assert 2 == done  # one for all of the engine's, one for the other
        errors = errors_of(engine, "terminate", over, *tasks[2:], "99999999", other)
        assert {over, "99999999", other} == set(errors)
        assert done + 1 == engine.status()["requests"]["scancel"]
        assert "{True}" == program.answers()


def test_hold_and_release(cluster: Cluster, engine: Engine) -> None:
    """Jobs, tasks and another program's job are held and released; to each its own error."""
    other = other_job(cluster, "--begin=now+1day")
    with client(
        cluster,
        MANY
        + f"""
tasks = bulk("exit 0", 4, **LATER)
plain = [submit("exit 0", **LATER) for _ in range(2)]
held = submit("exit 6", jobSubmissionState="drmaa_hold")
running = submit("exec sleep 600")
over = submit("exit 3")
Session.synchronize([over], 60)
until_running(running)
say(order([tasks[1], running, plain[0], held, over, {other!r}, "1_99", tasks[2]], "hold"))
say(states(*tasks, *plain, held, running, {other!r}))
say(*tasks, *plain, held, running, over)
hear()
say(states(*tasks, *plain, running, {other!r}), end_of(held))
say(order([plain[0], tasks[3]], "hold"), states(*tasks, *plain))
""",
    ) as program:
        told = program.says()
        assert told.startswith("HoldInconsistentStateException: code 21: job ")
        on_hold, queued = "user_on_hold", "queued_active"
        expected = [queued, on_hold, on_hold, queued, on_hold, queued, on_hold, "running", on_hold]
        assert expected == program.says().split()
        *tasks, plain, other_plain, held, running, over = program.says().split()
        assert f"job {running} is running" in told
        requests = engine.status()["requests"]
        wanted = (held, *tasks, plain, other_plain, "99999999", running, over, other)
        errors = errors_of(engine, "release", *wanted)
        assert {tasks[0], tasks[3], other_plain, "99999999", running, over} == set(errors)
        assert "no job" in errors["99999999"]
        assert "ended" in errors[over]
        assert f"job {other_plain} is pending (BeginTime)" in errors[other_plain]
        # One for those of the engine, one for the other.
        assert requests["scontrol"] + 2 == engine.status()["requests"]["scontrol"]
        assert "queued_active " * 6 + "running queued_active exited 6" == program.answers()
        assert f"done {queued} {queued} {queued} {on_hold} {on_hold} {queued}" == program.says()


def test_suspend_and_resume(cluster: Cluster, engine: Engine) -> None:
    """Running jobs of a list are suspended and resumed, those that wait are not."""
    with client(
        cluster,
        MANY
        + """
tasks = bulk("exec sleep 600", 3)
waiting = submit("exit 0", **LATER)
for job_id in tasks:
    until_running(job_id)
say(order([waiting, *tasks[:2]], "suspend"))
say(states(*tasks, waiting))
say(order([tasks[2], *tasks[:2]], "resume"))
say(states(*tasks, waiting))
""",
    ) as program:
        assert program.says().startswith("SuspendInconsistentStateException: code 20: job ")
        suspended = "user_suspended"
        assert f"{suspended} {suspended} running queued_active" == program.says()
        assert program.says().startswith("ResumeInconsistentStateException: code 19: job ")
        assert "running running running queued_active" == program.says()


# What Slurm is told to hold has just ended.
TOO_LATE = """
if [[ $1 == uhold && -e FOLDER/victim ]]; then
    SLURM_CONF=$SLURM_CONF scancel "$(cat FOLDER/victim)"
    sleep 1
fi
exec $real "$@"
"""


def test_ended_meanwhile(cluster: Cluster, engine: Engine, wrap: Wrap) -> None:
    """What Slurm refuses for one job of a list is that job's error, and it holds the others."""
    victim = engine.home.parent / "victim"
    wrap("scontrol", TOO_LATE.replace("FOLDER", str(victim.parent)))
    with client(
        cluster,
        MANY
        + """
ids = [submit("exit 0", **LATER) for _ in range(3)]
say(*ids)
hear()
say(states(ids[0], ids[2]), aborted(ids[1]))
say(order([ids[0], ids[2]], "release"))
""",
    ) as program:
        ids = program.says().split()
        victim.write_text(ids[1])
        errors = errors_of(engine, "hold", *ids)
        assert [ids[1]] == list(errors)
        assert "user_on_hold user_on_hold {True}" == program.answers()
        assert "done" == program.says()


def test_shutdown(cluster: Cluster, engine: Engine) -> None:
    """An executor's 200 futures are cancelled by one command of Slurm's."""
    with client(
        cluster,
        MANY
        + """
from concurrent.futures import CancelledError
executor = drmaa_cffi.JobExecutor(Session)
values = {"remoteCommand": "/bin/sh", "outputPath": ":/dev/null", "joinFiles": True}
with JobTemplate(args=["-c", "exit 3"], **values) as quick:
    done = executor.submit(quick)
    done.result(60)
with JobTemplate(args=["-c", "exec sleep 600"], **values) as slow:
    futures = [*executor.submit_bulk(slow, 1, 150), *executor.submit_all([slow] * 50)]
say("submitted")
hear()
executor.shutdown(cancel_futures=True)
say({future.cancelled() for future in futures}, done.result().exitStatus)
""",
    ) as program:
        assert "submitted" == program.says()
        before = engine.status()["requests"]
        assert "{True} 3" == program.answers()
        after = engine.status()["requests"]
        assert 1 == after["scancel"] - before.get("scancel", 0)
        assert after["squeue"] - before.get("squeue", 0) <= 12
    assert "" == cluster.run("squeue", "--noheader")


def test_thousand_tasks(cluster: Cluster, engine: Engine) -> None:
    """Of an array all tasks but one end by two commands, the last one by one for the array."""
    with client(
        cluster,
        MANY
        + """
tasks = bulk("exit 0", 1001, jobSubmissionState="drmaa_hold")
say("submitted")
hear()
say(order(tasks[1:], "terminate"), aborted(*tasks[1:]), states(tasks[0]))
hear()
say(order([tasks[0]], "terminate"), aborted(tasks[0]))
""",
    ) as program:
        assert "submitted" == program.says()
        assert "done {True} user_on_hold" == program.answers()
        assert 2 == engine.status()["requests"]["scancel"]
        assert "done {True}" == program.answers()
        assert 3 == engine.status()["requests"]["scancel"]


def test_controller_away(cluster: Cluster, engine: Engine) -> None:
    """Without slurmctld a list's jobs are told as not reached, and nothing is done to them later.

    What was to be terminated, and was not, ends as it ends by itself.
    """
    other = other_job(cluster, "--hold")
    with client(
        cluster,
        MANY
        + f"""
held = [submit("exit 4", jobSubmissionState="drmaa_hold") for _ in range(3)]
tasks = bulk("sleep 600", 2)
ending = submit("exit 9", jobSubmissionState="drmaa_hold")
until_running(tasks[1])
over = submit("exit 3")
Session.synchronize([over], 60)
time.sleep(8)  # slurmctld stores what happens within five seconds
ids = [over, {other!r}, *tasks, held[0], ending]
say(*ids)
hear()
for action in ("release", "terminate"):
    say(order([ending, *tasks, {other!r}], action))
hear()
until_answered(held[0])
say(states(*held, *tasks, ending, {other!r}))
Session.control([*held, ending], "release")
say(*map(end_of, [*held, ending]))
say(order([*tasks, {other!r}], "terminate"), aborted(*tasks))
""",
    ) as program:
        over, *ids = program.says().split()
        with cluster.without("slurmctld"):
            program.hears()
            for _ in range(2):
                told = program.says()
                assert told.startswith("DrmCommunicationException: ")
                assert "4 of the 4 jobs" in told
            errors = errors_of(engine, "terminate", over, *ids)
            assert {over, *ids} == set(errors)
            assert "has ended" in errors[over]
            assert all("5 of the 6 jobs" in errors[job_id] for job_id in ids)
        told = "user_on_hold user_on_hold user_on_hold running running user_on_hold user_on_hold"
        assert told == program.answers()
        assert "exited 4 exited 4 exited 4 exited 9" == program.says()
        assert "done {True}" == program.says()
