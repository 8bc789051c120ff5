"""A failing cluster: whatever is stopped, killed or full, no job looks finished that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from cell import Cell, running_cell

from clusters import client, until

# Making a cell is a part of the first test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def shared_cell() -> Iterator[Cell]:
    """A Grid Engine of these tests' own."""
    with running_cell() as cell:
        yield cell


@pytest.fixture
def cell(shared_cell: Cell) -> Cell:
    """The same, with both daemons running and the queue ready."""
    shared_cell.up()
    return shared_cell


@pytest.fixture
def small_cell() -> Iterator[Cell]:
    """A Grid Engine on a small file system."""
    with running_cell(size="40m") as cell:
        yield cell


ASK = """
say(
    attempt(lambda: str(Session.jobStatus(job_id))),
    attempt(lambda: Session.wait(job_id, 1)),
    attempt(lambda: Session.synchronize([job_id], 1)),
    attempt(lambda: Session.control(job_id, "release")),
    attempt(lambda: submit("exit 5")),
)
"""
UNREACHED = (
    "DrmCommunicationException ExitTimeoutException ExitTimeoutException "
    "DrmCommunicationException DrmCommunicationException"
)


def test_master_killed(cell: Cell, tmp_path: Path) -> None:
    """Without a master questions and orders fail by name, and waits go on; with it all is well.

    The session needs no new initialize(). A record is told when the job has ended, and not
    before, though the master may have lost what it used.
    """
    trace = tmp_path / "trace"
    with client(
        cell,
        f"""
job_id = submit("sleep 1; date > {trace}; exit 4", jobSubmissionState="drmaa_hold")
ended = []
thread = threading.Thread(target=lambda: ended.append(attempt(lambda: end_of(job_id))))
thread.start()
time.sleep(1)
say(Session.jobStatus(job_id))
hear()
{ASK}
hear()
until_answered(job_id)
say(Session.jobStatus(job_id), ended)
hear()
Session.control(job_id, "release")
thread.join(250)
say(*ended, os.path.exists("{trace}"), end_of(submit("exit 5")))
""",
    ) as program:
        assert "user_on_hold" == program.says()
        cell.end("sge_qmaster")
        assert UNREACHED == program.answers()
        cell.start("sge_qmaster")
        assert "user_on_hold []" == program.answers()
        # It would come back by itself, after a time of its own.
        cell.end("sge_execd")
        cell.start("sge_execd")
        told = program.answers()
        assert told in {
            "exited 4 True exited 5",
            "NoResourceUsageException True exited 5",
        }


def test_master_stopped(cell: Cell) -> None:
    """A master that is stopped ends neither a wait nor a future; they have the ends later."""
    with client(
        cell,
        """
from drmaa_cffi import JobExecutor
executor = JobExecutor(Session)
job_id = submit("sleep 9; exit 4")
future = executor.attach(submit("sleep 9; exit 4"))
ended = []
thread = threading.Thread(target=lambda: ended.append(attempt(lambda: end_of(job_id))))
thread.start()
until_running(job_id)
until_running(future.job_id)
time.sleep(3)  # until the daemon has told that it has the jobs
say("run")
hear()
time.sleep(5)
say(future.done(), ended)
hear()
thread.join(250)
say(*ended, future.result(250).jobId == future.job_id)
""",
    ) as program:
        assert "run" == program.says()
        cell.run("qconf", "-km")
        until(lambda: not cell.pids("sge_qmaster"), "the master's end")
        assert "False []" == program.answers()
        cell.start("sge_qmaster")
        # It would come back by itself, after a time of its own.
        cell.end("sge_execd")
        cell.start("sge_execd")
        # It may have lost what the jobs used.
        assert program.answers() in {"exited 4 True", "NoResourceUsageException True"}


def test_master_restarted_among_submissions(cell: Cell) -> None:
    """Every id that a submission returned is a job's, whenever the master was killed."""
    with client(
        cell,
        """
accepted, errors = [], set()
stop = threading.Event()
def work():
    while not stop.is_set():
        try:
            accepted.append(submit("exit 4", jobSubmissionState="drmaa_hold"))
        except DrmaaException as error:
            errors.add(type(error).__name__)
            time.sleep(0.1)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
until(lambda: len(accepted) > 20)
say("submitting")
hear()
until(lambda: errors)
hear()
before = len(accepted)
until(lambda: len(accepted) > before + 20)
stop.set()
for thread in threads:
    thread.join()
held = [job_id for job_id in accepted if Session.jobStatus(job_id) == "user_on_hold"]
say(*errors, len(accepted) - len(set(held)))
Session.control(Session.JOB_IDS_SESSION_ALL, "terminate")
""",
    ) as program:
        assert "submitting" == program.says()
        cell.end("sge_qmaster")
        program.hears()
        cell.start("sge_qmaster")
        assert "DrmCommunicationException 0" == program.answers()


def test_execution_daemon_killed(cell: Cell) -> None:
    """Jobs go on without the execution daemon; their true ends are told when it is back."""
    with client(
        cell,
        """
job_id = submit("sleep 6; exit 9")
until_running(job_id)
time.sleep(3)  # until the daemon has told that it has the job
say("runs")
hear()
seen = set()
for _ in range(6):
    seen.add((str(Session.jobStatus(job_id)), attempt(lambda: Session.wait(job_id, 1))))
say(*seen)
hear()
say(end_of(job_id))
""",
    ) as program:
        assert "runs" == program.says()
        cell.end("sge_execd")
        assert "('running', 'ExitTimeoutException')" == program.answers()
        cell.start("sge_execd")
        assert "exited 9" == program.answers()


def test_queue_disabled(cell: Cell) -> None:
    """In a disabled queue running jobs go on to their ends; others wait until it is enabled."""
    with client(
        cell,
        """
running = submit("sleep 3; exit 9")
until_running(running)
say("runs")
hear()
queued = submit("exit 4")
say(end_of(running), Session.jobStatus(queued), attempt(lambda: Session.wait(queued, 2)))
hear()
say(end_of(queued))
""",
    ) as program:
        assert "runs" == program.says()
        cell.run("qmod", "-d", "all.q")
        assert "exited 9 queued_active ExitTimeoutException" == program.answers()
        cell.run("qmod", "-e", "all.q")
        assert "exited 4" == program.answers()


def test_full_spool(small_cell: Cell) -> None:
    """A full spool ends the master: calls fail by name, and what was accepted is kept."""
    filler = small_cell.spool / "filler"
    with client(
        small_cell,
        f"""
job_id = submit("exit 4", jobSubmissionState="drmaa_hold")
accepted = [job_id]
say("ready")
hear()
try:
    for _ in range(1000):
        accepted.append(submit("exit 5", jobSubmissionState="drmaa_hold",
                               jobEnvironment={{"FILL": "x" * 50000}}))
except DrmaaException as error:
    say(type(error).__name__)
{ASK}
hear()
until_answered(job_id)
say({{str(Session.jobStatus(job_id)) for job_id in accepted}})
""",
    ) as program:
        assert "ready" == program.says()
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * (40 << 20))
        assert "DrmCommunicationException" == program.answers()
        assert UNREACHED == program.says()
        filler.unlink()
        small_cell.up()
        assert "{'user_on_hold'}" == program.answers()
