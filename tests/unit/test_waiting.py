"""A wait ends when its job does, its time is over or a signal comes, and loses no record."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import Callable, Iterator

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import JobTemplate, Session
from programs import output, run


class Alarm(Exception):
    """What the signal handler raises."""


@pytest.fixture
def alarm() -> Iterator[None]:
    """A SIGALRM handler that raises, and a timer that is off in the end."""

    def ring(*_: object) -> None:
        raise Alarm

    former = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, former)


@pytest.fixture
def job_id(session: Session, template: JobTemplate) -> str:
    """A job that runs until a test finishes it."""
    return session.runJob(template)


def ring_in(seconds: float) -> None:
    """Set the alarm."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def later(fake: Fake, job_id: str | None, seconds: float = 0.2) -> None:
    """Finish a job in a while."""
    timer = threading.Timer(seconds, fake.finish, (job_id,))
    timer.daemon = True
    timer.start()


def abandon(session: Session, job_id: str) -> None:
    """Begin to wait, and be interrupted."""
    ring_in(0.05)
    with pytest.raises(Alarm):
        session.wait(job_id)


def reaction(wait: Callable[[], object]) -> float:
    """Return how long after a signal its handler acts; a busy machine may be late nine times."""
    for _ in range(10):
        ring_in(0.2)
        begin = time.monotonic()
        with pytest.raises(Alarm):
            wait()
        took = time.monotonic() - begin - 0.2
        if took < 0.1:
            break
    return took


@pytest.mark.parametrize("timeout", [-1, 5, 4.2])
@pytest.mark.usefixtures("alarm")
def test_interrupt_wait(session: Session, job_id: str, timeout: float) -> None:
    """A signal's handler acts during a wait, at once."""
    assert reaction(lambda: session.wait(job_id, timeout)) < 0.1


@pytest.mark.usefixtures("alarm")
def test_interrupt_at_any_moment(session: Session, job_id: str) -> None:
    """A signal acts also if it comes just as the wait begins, on a busy machine."""
    chance = random.Random(1)
    busy = threading.Event()

    def ring_and_wait(seconds: float) -> None:
        ring_in(seconds)
        session.wait(job_id)

    def work() -> None:
        while not busy.is_set():
            sum(range(1000))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(150):
            begin = time.monotonic()
            with pytest.raises(Alarm):
                ring_and_wait(chance.uniform(0.0001, 0.03))
            assert time.monotonic() - begin < 2
    finally:
        busy.set()
        worker.join()


def test_interrupt_without_threads(fake_library: Fake) -> None:
    """So it does where no thread can be started, and the record is not lost."""
    program = """
import os, resource, signal, time
import cffi, drmaa_cffi
from drmaa_cffi import JobTemplate, Session
class Alarm(Exception): pass
def ring(*_): raise Alarm
ffi = cffi.FFI()
ffi.cdef("void fake_finish(int job);")
fake = ffi.dlopen(os.environ["DRMAA_LIBRARY_PATH"])
session = Session(); session.initialize()
job = session.runJob(JobTemplate())
signal.signal(signal.SIGALRM, ring)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 4_000_000, -1))
for wait in (lambda: session.wait(job), lambda: session.wait(session.JOB_IDS_SESSION_ANY, 30)):
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    begin = time.monotonic()
    try: wait()
    except Alarm: print(time.monotonic() - begin < 5)
try: session.wait(job, 1)
except drmaa_cffi.ExitTimeoutException: print("not yet")
fake.fake_finish(0)
print(session.wait(job).jobId == job)
"""
    said = output(run(program, DRMAA_LIBRARY_PATH=str(fake_library.path)))
    assert ["True", "True", "not", "yet", "True"] == said.split()


@pytest.mark.parametrize("dispose", [False, True])
@pytest.mark.usefixtures("alarm")
def test_interrupt_synchronize(session: Session, job_id: str, dispose: bool) -> None:
    """So it does during a synchronize."""
    assert reaction(lambda: session.synchronize([job_id], -1, dispose)) < 0.1


@pytest.mark.parametrize("asked", ["the job", "any"])
@pytest.mark.parametrize("waited", ["the job", "any"])
@pytest.mark.parametrize("thread", [False, True], ids=["here", "other thread"])
@pytest.mark.parametrize("finish", ["before", "during"])
@pytest.mark.usefixtures("alarm")
def test_record_of_abandoned_wait(
    fake: Fake, session: Session, job_id: str, asked: str, waited: str, thread: bool, finish: str
) -> None:
    """The record that an abandoned wait takes is the next wait's, by id or any, in any thread."""
    name = {"the job": job_id, "any": Session.JOB_IDS_SESSION_ANY}
    abandon(session, name[waited])
    if finish == "before":
        fake.finish(job_id)
        time.sleep(0.1)
    else:
        later(fake, job_id)
    found: list[str] = []

    def wait() -> None:
        found.append(session.wait(name[asked], 20).jobId)

    if thread:
        other = threading.Thread(target=wait)
        other.start()
        other.join(30)
    else:
        wait()
    assert [job_id] == found
    with pytest.raises(drmaa_cffi.InvalidJobException):
        session.wait(job_id, 0)


@pytest.mark.usefixtures("alarm")
def test_abandoned_many_times(fake: Fake, session: Session, job_id: str) -> None:
    """A wait that is interrupted and repeated makes no further C call, and ends."""
    for _ in range(5):
        abandon(session, job_id)
    calls = fake.calls("drmaa_wait")
    later(fake, job_id)
    assert job_id == session.wait(job_id).jobId
    assert (2, 2) == (calls, fake.calls("drmaa_wait"))


@pytest.mark.usefixtures("alarm")
def test_timeout_on_abandoned_wait(session: Session, job_id: str) -> None:
    """A later wait for an abandoned one's job has a timeout of its own."""
    abandon(session, job_id)
    begin = time.monotonic()
    with pytest.raises(drmaa_cffi.ExitTimeoutException, match="^code 23: "):
        session.wait(job_id, 1)
    assert 0.9 < time.monotonic() - begin < 10
    with pytest.raises(drmaa_cffi.ExitTimeoutException):
        session.wait(job_id, 0)


@pytest.mark.usefixtures("alarm")
def test_synchronize_after_abandoned_wait(fake: Fake, session: Session, job_id: str) -> None:
    """A job whose record an abandoned wait has taken has finished for synchronize, too."""
    abandon(session, job_id)
    fake.finish(job_id)
    time.sleep(0.1)
    session.synchronize([job_id], 10)
    assert job_id == session.wait(job_id, 0).jobId


@pytest.mark.usefixtures("alarm")
def test_dispose_after_abandoned_wait(fake: Fake, session: Session, job_id: str) -> None:
    """synchronize with dispose drops a record that an abandoned wait has taken."""
    abandon(session, job_id)
    fake.finish(job_id)
    time.sleep(0.1)
    session.synchronize([job_id], 10, dispose=True)
    with pytest.raises(drmaa_cffi.InvalidJobException):
        session.wait(job_id, 0)


@pytest.mark.usefixtures("alarm")
def test_exit_forgets(fake: Fake, session: Session, job_id: str) -> None:
    """Exit ends abandoned waits and forgets their records."""
    abandon(session, job_id)
    fake.finish(job_id)
    time.sleep(0.1)
    session.exit()
    session.initialize()
    with pytest.raises(drmaa_cffi.InvalidJobException):
        session.wait(job_id, 0)


def test_finished_job(fake: Fake, session: Session, job_id: str) -> None:
    """A finished job costs one C call and no thread."""
    fake.finish(job_id)
    threads = threading.active_count()
    session.wait(job_id)
    assert (1, threads) == (fake.calls("drmaa_wait"), threading.active_count())


@pytest.mark.parametrize("thread", [False, True], ids=["main thread", "other thread"])
def test_calls_of_wait(fake: Fake, session: Session, job_id: str, thread: bool) -> None:
    """A wait that blocks asks the library twice: without waiting, then to the end."""
    later(fake, job_id)
    if thread:
        other = threading.Thread(target=session.wait, args=(job_id,))
        other.start()
        other.join(30)
    else:
        session.wait(job_id)
    assert 2 == fake.calls("drmaa_wait")


def test_calls_of_synchronize(fake: Fake, session: Session, job_id: str) -> None:
    """So does a synchronize."""
    later(fake, job_id)
    session.synchronize([job_id], 20, dispose=True)
    assert 2 == fake.calls("drmaa_synchronize")


def test_no_wait(fake: Fake, session: Session, job_id: str) -> None:
    """TIMEOUT_NO_WAIT asks once."""
    for call in (session.wait, session.synchronize):
        with pytest.raises(drmaa_cffi.ExitTimeoutException) as caught:
            call(job_id, Session.TIMEOUT_NO_WAIT)
        assert isinstance(caught.value, TimeoutError)
    assert (1, 1) == (fake.calls("drmaa_wait"), fake.calls("drmaa_synchronize"))


@pytest.mark.parametrize("call", ["wait", "synchronize"])
def test_time_is_over(session: Session, job_id: str, call: str) -> None:
    """Fractions of seconds are rounded up."""
    begin = time.monotonic()
    with pytest.raises(drmaa_cffi.ExitTimeoutException):
        getattr(session, call)(job_id, 0.3)
    assert 0.9 < time.monotonic() - begin < 10


def test_wait_any(fake: Fake, session: Session, template: JobTemplate) -> None:
    """ANY gives each job once, then InvalidJobException."""
    job_ids = session.runBulkJobs(template, 1, 20, 1)
    fake.finish()
    found = {session.wait(Session.JOB_IDS_SESSION_ANY).jobId for _ in job_ids}
    assert set(job_ids) == found
    for word in (Session.JOB_IDS_SESSION_ANY, b"DRMAA_JOB_IDS_SESSION_ANY"):
        with pytest.raises(drmaa_cffi.InvalidJobException):
            session.wait(word)


@pytest.mark.parametrize("main", [True, False], ids=["main thread waits", "other thread waits"])
def test_exit_ends_waits(fake: Fake, session: Session, job_id: str, main: bool) -> None:
    """Exit in one thread ends the wait of another with an exception."""
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            session.wait(job_id)
        except drmaa_cffi.NoActiveSessionException as error:
            ended.append(error)

    def leave() -> None:
        time.sleep(0.2)
        session.exit()

    here, there = (wait, leave) if main else (leave, wait)
    thread = threading.Thread(target=there)
    thread.start()
    here()
    thread.join(30)
    assert 1 == len(ended)


def test_many_waiters(fake: Fake, session: Session, template: JobTemplate) -> None:
    """Fifty threads wait for a job each, and each gets its own."""
    job_ids = session.runBulkJobs(template, 1, 50, 1)
    found: dict[str, str] = {}

    def wait(job_id: str) -> None:
        found[job_id] = session.wait(job_id).jobId

    threads = [threading.Thread(target=wait, args=(job_id,)) for job_id in job_ids]
    for thread in threads:
        thread.start()
    for job_id in reversed(job_ids):
        fake.finish(job_id)
    for thread in threads:
        thread.join(30)
    assert {job_id: job_id for job_id in job_ids} == found
