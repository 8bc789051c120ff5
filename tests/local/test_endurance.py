"""What only shows in the long run: leaks of a thousand sessions, a minute of fifty threads."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest
from engines import Engine, template

import drmaa_cffi
from drmaa_cffi import JobTemplate, NoActiveSessionException, Session

CYCLES = 1000


def holdings(pid: int) -> tuple[int, int]:
    """How many descriptors and threads a process has."""
    folder = Path(f"/proc/{pid}")
    return len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir()))


def resident(pid: int) -> int:
    """A process's memory in KiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def cycle(count: int) -> None:
    """Open and close the session, with a template in it and a wait that fails."""
    for _ in range(count):
        session = Session()
        session.initialize()
        template(session, "true")
        with pytest.raises(drmaa_cffi.InvalidJobException):
            session.wait(session.JOB_IDS_SESSION_ANY, 1)
        session.exit()


def test_thousand_sessions(engine: Engine) -> None:
    """A thousand sessions leave no descriptor, thread or memory, here or in the engine."""
    cycle(100)
    pids = (os.getpid(), engine.pid)
    before = [(holdings(pid), resident(pid)) for pid in pids]
    cycle(CYCLES)
    for pid, (held, memory) in zip(pids, before):
        end = time.monotonic() + 10
        while holdings(pid) != held:  # a thread may take its time to go
            assert time.monotonic() < end, (held, holdings(pid))
            time.sleep(0.05)
        # What grows by two hundred bytes for each session would be a leak; caches take some KiB.
        assert resident(pid) - memory < CYCLES / 5


@pytest.mark.parametrize("attribute", ["deadlineTime", "startTime"])
def test_jobs_with_times(engine: Engine, session: Session, attribute: str) -> None:
    """Nothing is left in the engine of jobs that ended long before their deadline or start."""
    later = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(time.time() + 7200))
    made = template(
        session,
        "true",
        args=["x" * 100_000],
        jobSubmissionState="drmaa_hold",
        **{attribute: later},
    )

    def end_some(count: int) -> None:
        for number in range(count):
            made.jobName = f"job{number}"  # type: ignore[attr-defined]
            job = session.runJob(made)  # type: ignore[arg-type]
            session.control(job, "terminate")
            assert session.wait(job, 30).wasAborted

    end_some(100)
    before = resident(engine.pid)
    end_some(300)
    assert resident(engine.pid) - before < 10_000  # a third of what the jobs' texts take


class Mixer:
    """A thread that mixes every call for *seconds*, or until the session is closed."""

    def __init__(self, number: int, seconds: float) -> None:
        self.number = number
        self.status = number + 1
        self.end = time.monotonic() + seconds
        self.chance = random.Random(number)
        self.submitted: set[str] = set()
        self.waited: set[str] = set()
        self.wrong: list[object] = []
        self.closed = False
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self) -> None:
        """Do so."""
        try:
            while time.monotonic() < self.end and not self.wrong:
                held, tasks = self.submit()
                self.ask(held)
                self.wait(held, tasks)
        except NoActiveSessionException:
            self.closed = True
        except BaseException as error:  # noqa: BLE001
            self.wrong.append(error)

    def expect(self, expected: object, found: object) -> None:
        """Note what is not as it must be."""
        if expected != found:
            self.wrong.append((self.number, expected, found))

    def submit(self) -> tuple[str, list[str]]:
        """Submit a job on hold and a few tasks."""
        with JobTemplate(remoteCommand="/bin/sh", jobName=f"job{self.number}") as made:
            made.args = ["-c", f"exit {self.status}"]
            made.jobEnvironment = {"NUMBER": self.number}
            made.outputPath = ":/dev/null"
            made.joinFiles = True
            self.expect(f"job{self.number}", made.jobName)
            self.expect({"NUMBER": str(self.number)}, made.jobEnvironment)
            tasks = Session.runBulkJobs(made, 1, self.chance.randrange(1, 4), 1)
            made.jobSubmissionState = "drmaa_hold"
            held = Session.runJob(made)
        self.submitted.update([held, *tasks])
        return held, tasks

    def ask(self, held: str) -> None:
        """Ask and control; the words of an error must be about this thread's id."""
        self.expect("user_on_hold", Session.jobStatus(held))
        Session.control(held, "release")
        unknown = str(10**9 + self.number)
        with pytest.raises(drmaa_cffi.InvalidJobException, match=unknown):
            Session.wait(unknown, 0)
        contact = Session.contact
        if not contact:
            Session.jobStatus(held)  # which says that the session was closed meanwhile
        self.expect("session", contact.partition("=")[0])

    def wait(self, held: str, tasks: list[str]) -> None:
        """Wait in one way or another for all that was submitted."""
        if self.chance.random() < 0.5:
            Session.synchronize(tasks, 120)
        for job_id in (held, *tasks):
            info = Session.wait(job_id, 120)
            self.expect((job_id, self.status), (info.jobId, info.exitStatus))
            self.waited.add(info.jobId)


def mix(seconds: float) -> list[Mixer]:
    """Start fifty threads."""
    return [Mixer(number, seconds) for number in range(50)]


def join(mixers: list[Mixer]) -> None:
    """Wait for the threads, and check that nothing went wrong in any."""
    for mixer in mixers:
        mixer.thread.join(60)
    assert not any(mixer.thread.is_alive() for mixer in mixers)
    assert [] == [mixer.wrong for mixer in mixers if mixer.wrong]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_fifty_threads_for_a_minute(session: Session) -> None:
    """Fifty threads mix every call for a minute: no foreign words, no lost job, no deadlock."""
    mixers = mix(60)
    join(mixers)
    assert not any(mixer.closed for mixer in mixers)
    submitted = set().union(*(mixer.submitted for mixer in mixers))
    assert submitted == set().union(*(mixer.waited for mixer in mixers))
    assert len(submitted) > 1000
    with pytest.raises(drmaa_cffi.InvalidJobException):
        session.wait(session.JOB_IDS_SESSION_ANY, 0)


def test_exit_among_fifty_threads(session: Session) -> None:
    """An exit ends whatever fifty threads are in with NoActiveSessionException, nothing else."""
    mixers = mix(60)
    time.sleep(2)
    session.exit()
    join(mixers)
    assert all(mixer.closed for mixer in mixers)
