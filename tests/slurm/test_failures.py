"""A failing Slurm: whatever is stopped, killed or full, no job looks finished that is not."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from cluster import Cluster, Engine

from clusters import client, until

# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(600)

ASK = """
def timed(call):
    began = time.monotonic()
    answer = attempt(call)
    took = time.monotonic() - began
    return answer if took < 2 else f"{answer} after {took:.1f} s"

say(
    timed(lambda: Session.wait(running, 1)),
    timed(lambda: Session.synchronize([running], 1)),
    attempt(lambda: str(Session.jobStatus(held))),
    attempt(lambda: Session.control(held, "release")),
    attempt(lambda: submit("exit 5")),
)
"""
UNREACHED = (
    "ExitTimeoutException ExitTimeoutException "
    "DrmCommunicationException DrmCommunicationException TryLaterException"
)
TWO_JOBS = """
held = submit("exit 4", jobSubmissionState="drmaa_hold")
running = submit("exec sleep 600")
until_running(running)
"""
GO_ON = """
until_answered(held)
say(Session.jobStatus(running), Session.jobStatus(held))
Session.control(held, "release")
say(end_of(held), end_of(submit("exit 5")))
"""


# slurmctld stores what happens within five seconds, and forgets the rest when it is killed.
STORED = "time.sleep(8)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_controller_away(cluster: Cluster, engine: Engine, number: int) -> None:
    """Without slurmctld questions and orders fail by name, waits keep their time, ends are told.

    The session needs no new initialize().
    """
    with client(
        cluster,
        f"""
{TWO_JOBS}
ending = submit("sleep 12; exit 9")
until_running(ending)
{STORED}
say("ready")
hear()
say(end_of(ending))
{ASK}
hear()
{GO_ON}
""",
    ) as program:
        assert "ready" == program.says()
        with cluster.without("slurmctld", number=number):
            assert "exited 9" == program.answers()
            assert UNREACHED == program.says()
        assert "running user_on_hold" == program.answers()
        assert "exited 4 exited 5" == program.says()


def test_controller_silent(cluster: Cluster, engine: Engine) -> None:
    """A slurmctld that does not answer delays no wait, and what it queued late is not lost."""
    with client(
        cluster,
        f"""
{TWO_JOBS}
say("ready")
hear()
{ASK}
hear()
{GO_ON}
""",
    ) as program:
        assert "ready" == program.says()
        with cluster.frozen("slurmctld"):
            assert UNREACHED == program.answers()
        assert "running user_on_hold" == program.answers()
        assert "exited 4 exited 5" == program.says()
    # What was refused was cancelled when it came to light.
    until(lambda: 1 == len(cluster.run("squeue", "--noheader").splitlines()), "one job alone")


def test_controller_killed_while_silent(cluster: Cluster, engine: Engine) -> None:
    """A call under way when slurmctld is killed is no refusal: nobody has answered it."""
    with client(
        cluster,
        f"""
{TWO_JOBS}
time.sleep(2)  # what Slurm last said is too old to be told again
say("ready")
hear()
calls = [lambda: Session.jobStatus(held), lambda: Session.control(held, "release"),
         lambda: submit("exit 5")]
answers = [None] * len(calls)
def ask(number):
    answers[number] = attempt(calls[number])
threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(calls))]
for thread in threads:
    thread.start()
time.sleep(2)
say("asked")
for thread in threads:
    thread.join()
say(*answers)
""",
    ) as program:
        assert "ready" == program.says()
        with cluster.frozen("slurmctld"):
            assert "asked" == program.answers()
            cluster.end("slurmctld")
        told = "DrmCommunicationException DrmCommunicationException TryLaterException"
        assert told == program.says()


def test_munged_away(cluster: Cluster, engine: Engine) -> None:
    """Without munged, whose lack costs each command of Slurm a minute, it is the same."""
    with client(
        cluster,
        f"""
{TWO_JOBS}
ending = submit("sleep 4; exit 9")
until_running(ending)
say("ready")
hear()
say(end_of(ending))
{ASK}
hear()
{GO_ON}
""",
    ) as program:
        assert "ready" == program.says()
        with cluster.without("munged"):
            assert "exited 9" == program.answers()
            assert UNREACHED == program.says()
        assert "running user_on_hold" == program.answers()
        assert "exited 4 exited 5" == program.says()


INTERRUPTED = """
{TWO_JOBS}
say("ready")
hear()
def interrupt():
    time.sleep(2)
    os.kill(os.getpid(), signal.SIGINT)
def bulk(tasks):
    with JobTemplate(remoteCommand="/bin/true", outputPath=":/dev/null") as template:
        return Session.runBulkJobs(template, 1, tasks, 1)
def interrupted(call):
    threading.Thread(target=interrupt).start()
    began = time.monotonic()
    try:
        call()
    except KeyboardInterrupt:
        return round(time.monotonic() - began)
    except DrmaaException as error:
        return type(error).__name__
say(
    interrupted(lambda: Session.wait(running, 60)),
    interrupted(lambda: Session.synchronize([running], 60)),
    interrupted(lambda: Session.jobStatus(running)),
    interrupted(lambda: Session.control(running, "terminate")),
    interrupted(lambda: submit("exit 5")),
    interrupted(lambda: bulk(3)),
)
hear()
until_answered(held)
Session.control(Session.JOB_IDS_SESSION_ALL, "terminate")
Session.synchronize([Session.JOB_IDS_SESSION_ALL], 60)
say(end_of(submit("exit 5")))
"""


def test_interrupt_while_controller_is_silent(cluster: Cluster, engine: Engine) -> None:
    """Ctrl-C ends any call at once while slurmctld does not answer; the session goes on."""
    with client(cluster, INTERRUPTED.replace("{TWO_JOBS}", TWO_JOBS)) as program:
        assert "ready" == program.says()
        with cluster.frozen("slurmctld"):
            assert "2 2 2 2 2 2" == program.answers()
        assert "exited 5" == program.answers()


LOAD = """
accepted, errors = {{}}, set()
stop = threading.Event()
def work(thread):
    number = 0
    while not stop.is_set():
        number += 1
        name = f"{{thread}}.{{number}}"
        try:
            accepted[submit(f"echo {{name}} >>{ran}; exit 4")] = name
        except DrmaaException as error:
            errors.add(type(error).__name__)
        time.sleep(0.1)
threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
def ran():
    return open("{ran}").read().split()
until(lambda: len(accepted) > 20)
say("submitting")
hear()
until(lambda: errors)
say(*errors)
hear()
before = len(accepted)
until(lambda: len(accepted) > before + 20)
stop.set()
for thread in threads:
    thread.join()
"""


def test_controller_stopped_among_submissions(
    cluster: Cluster, engine: Engine, tmp_path: Path
) -> None:
    """Every id is a job's, and no job runs twice, when slurmctld was stopped under load."""
    with client(
        cluster,
        f"""
{LOAD.format(ran=tmp_path / "ran")}
ends = {{end_of(job_id) for job_id in accepted}}
say(*ends, sorted(ran()) == sorted(accepted.values()))
""",
    ) as program:
        assert "submitting" == program.says()
        cluster.end("slurmctld", number=signal.SIGTERM)
        assert "TryLaterException" == program.answers()
        cluster.up()
        assert "exited 4 True" == program.answers()


def test_controller_killed_among_submissions(
    cluster: Cluster, engine: Engine, tmp_path: Path
) -> None:
    """A slurmctld that was killed forgets jobs and gives their ids anew: none is called done."""
    with client(
        cluster,
        f"""
{LOAD.format(ran=tmp_path / "ran")}
fates = {{}}
def fate(job_id):
    info = Session.wait(job_id, 0)
    return "exited 4" if info.hasExited and info.exitStatus == 4 else "aborted"
def done():
    for job_id in accepted:
        # Some are forgotten, and stay without an end for minutes.
        if fates.get(job_id, "ExitTimeoutException") == "ExitTimeoutException":
            fates[job_id] = attempt(lambda: fate(job_id))
    return [accepted[job_id] for job_id, told in fates.items() if told == "exited 4"]
until(lambda: len(done()) > 20)
say(sorted(set(done()) - set(ran())))
""",
    ) as program:
        assert "submitting" == program.says()
        cluster.end("slurmctld")
        assert "TryLaterException" in program.answers()
        cluster.up()
        # Each id that the node knows as another job's drains it.
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(program.answers)
            while not wait([answer], 2).done:
                cluster.resume()
            assert "[]" == answer.result()


def test_engine_killed(cluster: Cluster, engine: Engine, tmp_path: Path) -> None:
    """An engine that is killed with 200 jobs loses none, and tells each end once."""
    with client(
        cluster,
        f"""
template = JobTemplate(remoteCommand="/bin/sh", outputPath=":/dev/null", joinFiles=True,
    args=["-c", "echo $TASK_ID >>{tmp_path}/ran; sleep 1; exit $((TASK_ID % 100))"])
ids = Session.runBulkJobs(template, 1, 150, 1) + [submit("exit 3") for _ in range(50)]
say("ready")
hear()
ends = []
for _ in ids:
    info = Session.wait(Session.JOB_IDS_SESSION_ANY, 240)
    ends.append((info.jobId, info.exitStatus if info.hasExited else str(info)))
wanted = [(job_id, n % 100) for n, job_id in enumerate(ids[:150], 1)]
wanted += [(job_id, 3) for job_id in ids[150:]]
say(sorted(ends) == sorted(wanted), attempt(lambda: Session.wait(Session.JOB_IDS_SESSION_ANY, 0)))
""",
    ) as program:
        assert "ready" == program.says()
        engine.kill()
        program.hears()
        until(lambda: len((tmp_path / "ran").read_text().split()) > 20, "some jobs")
        engine.kill()
        assert "True InvalidJobException" == program.says()
    ran = (tmp_path / "ran").read_text().split()
    assert sorted(map(str, range(1, 151))) == sorted(ran)


def test_session_after_crash(cluster: Cluster, engine: Engine) -> None:
    """A session is taken up by its contact when its program and engine were killed."""
    with client(
        cluster,
        """
say(Session.contact, submit("sleep 2; exit 4"), submit("exec sleep 600"))
hear()
""",
    ) as program:
        contact, ending, running = program.says().split()
        engine.kill()
    with client(
        cluster,
        f"""
Session.exit()
Session.initialize({contact!r})
say(end_of({ending!r}), Session.jobStatus({running!r}))
Session.control({running!r}, "terminate")
say(Session.wait({running!r}, 60).wasAborted)
""",
    ) as program:
        assert "exited 4 running" == program.says()
        assert "True" == program.says()


def test_ends_folder_gone(cluster: Cluster, engine: Engine) -> None:
    """Where the folder of end records is removed, Slurm's own word tells the end."""
    with client(
        cluster,
        f"""
import shutil
job_id = submit("sleep 3; exit 7")
until_running(job_id)
shutil.rmtree({str(engine.home)!r} + "/ends")
say(end_of(job_id))
say(end_of(submit("exit 8")))
""",
    ) as program:
        assert "exited 7" == program.says()
        assert "exited 8" == program.says()


def test_full_folder(cluster: Cluster, engine: Engine, small: Path) -> None:
    """On a full file system no end is told that could not be stored; with room all are."""
    home = small / "engine"
    engine.environment["DRMAA_SLURM_HOME"] = str(home)
    filler = small / "filler"
    with client(
        cluster,
        """
job_id = submit("sleep 3; exit 7")
held = submit("exit 4", jobSubmissionState="drmaa_hold")
until_running(job_id)
say("runs")
hear()
say(attempt(lambda: end_of(job_id, 12)), attempt(lambda: end_of(held, 1)))
hear()
Session.control(held, "release")
say(end_of(job_id), end_of(held), end_of(submit("exit 5")))
""",
        DRMAA_SLURM_HOME=str(home),
    ) as program:
        assert "runs" == program.says()
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * (8 << 20))
        # As the engine cannot store that it has ended, it says nothing.
        assert "exited" not in program.answers()
        filler.unlink()
        assert "exited 7 exited 4 exited 5" == program.answers()
    engine.command("stop", "--terminate")
    engine.environment["DRMAA_SLURM_HOME"] = str(engine.home)
