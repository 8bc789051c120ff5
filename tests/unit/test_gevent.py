"""Under gevent's patches a wait ends when its job does, and other greenlets go on meanwhile."""

from __future__ import annotations

import pytest
from fake import HERE, Fake

from programs import output, run

PROLOGUE = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "imported first":
    import drmaa_cffi
import gevent
from gevent import monkey
monkey.patch_all()
import threading, time
import drmaa_cffi
from drmaa_cffi import JobTemplate, Session
from fake import HERE, Fake

# Nothing but a real thread runs while a greenlet does not give way.
real_thread = monkey.get_original("_thread", "start_new_thread")
real_sleep = monkey.get_original("time", "sleep")
fake = Fake(os.environ["DRMAA_LIBRARY_PATH"])
session = Session()
session.initialize()
template = JobTemplate(remoteCommand="/bin/true")

def later(seconds, action, *arguments):
    real_thread(lambda: (real_sleep(seconds), action(*arguments)), ())

ticks = []
def tick():
    while True:
        ticks.append(None)
        gevent.sleep(0.02)
"""


@pytest.fixture(params=["imported first", "patched first"])
def order(request: pytest.FixtureRequest) -> str:
    """Whether drmaa_cffi is imported before gevent patches the standard library."""
    return str(request.param)


def program(fake_library: Fake, order: str, text: str) -> str:
    """Run *text* under gevent, on the fake, and return what it prints."""
    return output(
        run(PROLOGUE + text, str(HERE), order, DRMAA_LIBRARY_PATH=str(fake_library.path))
    )


@pytest.mark.parametrize(
    "call", ["wait(job_id)", "wait(job_id, 30)", "wait(ANY)", "synchronize([job_id])"]
)
@pytest.mark.parametrize("where", ["main", "greenlet", "thread", "threadpool"])
def test_others_go_on(fake_library: Fake, order: str, call: str, where: str) -> None:
    """Whoever waits, and for what: the wait ends with the job, and greenlets run meanwhile."""
    text = f"""
ANY = Session.JOB_IDS_SESSION_ANY
where = {where!r}
def wait():
    session.{call}
    done.append(time.monotonic())
done = []
job_id = session.runJob(template)
gevent.spawn(tick)
gevent.sleep(0.1)
before, finished = len(ticks), []
def finish():
    end = time.monotonic() + 30
    while len(ticks) < before + 10 and time.monotonic() < end:
        real_sleep(0.01)
    finished.append(time.monotonic())
    fake.finish(job_id)
later(0, finish)
if where == "main":
    wait()
elif where == "greenlet":
    gevent.spawn(wait).join(60)
elif where == "thread":
    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(60)
else:
    gevent.get_hub().threadpool.apply(wait)
print(finished[0] <= done[0], len(ticks) >= before + 10)
"""
    assert "True True\n" == program(fake_library, order, text)


@pytest.mark.parametrize("call", ["wait(job_id)", "wait(job_id, 30)", "synchronize([job_id])"])
def test_alone(fake_library: Fake, order: str, call: str) -> None:
    """A wait ends with its job where there is no other greenlet, too."""
    text = f"""
job_id = session.runJob(template)
later(0.3, fake.finish, job_id)
session.{call}
print("ended")
"""
    assert "ended\n" == program(fake_library, order, text)


def test_many_greenlets(fake_library: Fake, order: str) -> None:
    """A hundred greenlets wait for a job each, and each gets its own."""
    text = """
job_ids = session.runBulkJobs(template, 1, 100, 1)
greenlets = [gevent.spawn(session.wait, job_id) for job_id in job_ids]
gevent.sleep(0.2)
def finish():
    for job_id in reversed(job_ids):
        fake.finish(job_id)
        real_sleep(0.001)
later(0, finish)
gevent.joinall(greenlets, timeout=60)
print([greenlet.value.jobId for greenlet in greenlets] == job_ids)
"""
    assert "True\n" == program(fake_library, order, text)


def test_timeout_loses_no_record(fake_library: Fake, order: str) -> None:
    """gevent's Timeout ends a wait in time, and the next wait gets the job's record."""
    text = """
job_id = session.runJob(template)
began = time.monotonic()
try:
    with gevent.Timeout(0.3):
        session.wait(job_id)
except gevent.Timeout:
    print(time.monotonic() - began < 20)
fake.finish(job_id)
gevent.sleep(0.3)
print(session.wait(job_id, 30).jobId == job_id)
"""
    assert "True\nTrue\n" == program(fake_library, order, text)


def test_killed_greenlet_loses_no_record(fake_library: Fake, order: str) -> None:
    """So it is with a greenlet that is killed while it waits for any job."""
    text = """
job_id = session.runJob(template)
greenlet = gevent.spawn(session.wait, session.JOB_IDS_SESSION_ANY)
gevent.sleep(0.2)
greenlet.kill(timeout=10)
print(greenlet.dead)
later(0.2, fake.finish, job_id)
print(session.wait(job_id, 30).jobId == job_id)
"""
    assert "True\nTrue\n" == program(fake_library, order, text)


@pytest.mark.parametrize("call", ["wait(job_id)", "synchronize([job_id])"])
def test_interrupt(fake_library: Fake, order: str, call: str) -> None:
    """Ctrl-C ends the main greenlet's wait at once."""
    text = f"""
job_id = session.runJob(template)
later(0.3, os.kill, os.getpid(), signal.SIGINT)
began = time.monotonic()
# gevent reports the interrupt on stderr, too.
gevent.get_hub().exception_stream = None
try:
    session.{call}
except KeyboardInterrupt:
    print(time.monotonic() - began < 20)
"""
    assert "True\n" == program(fake_library, order, text)


def test_exit_ends_waits(fake_library: Fake, order: str) -> None:
    """Exit in one greenlet ends the wait of another with an exception."""
    text = """
job_id = session.runJob(template)
greenlet = gevent.spawn(session.wait, job_id)
gevent.sleep(0.2)
session.exit()
greenlet.join(30)
print(type(greenlet.exception).__name__)
"""
    done = program(fake_library, order, f"gevent.get_hub().exception_stream = None\n{text}")
    assert "NoActiveSessionException\n" == done
