"""No call reaches C with a template that is gone, and no C object outlives its owner."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from typing import Any, Callable

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import JobTemplate, Session
from threads import run_in_threads

USES: dict[str, Callable[[JobTemplate], Any]] = {
    "set": lambda template: setattr(template, "jobName", "x"),
    "get": lambda template: template.jobName,
    "set vector": lambda template: setattr(template, "args", ["x"]),
    "get vector": lambda template: template.args,
    "set dict": lambda template: setattr(template, "jobEnvironment", {"A": "1"}),
    "get dict": lambda template: template.jobEnvironment,
    "run": Session.runJob,
    "run bulk": lambda template: Session.runBulkJobs(template, 1, 2, 1),
}


@pytest.mark.parametrize("use", USES)
def test_use_after_delete(template: JobTemplate, use: str) -> None:
    """A deleted template is refused by name."""
    template.delete()
    with pytest.raises(drmaa_cffi.InvalidJobTemplateException, match="was deleted"):
        USES[use](template)


@pytest.mark.parametrize("use", USES)
def test_use_after_exit(session: Session, template: JobTemplate, use: str) -> None:
    """A template of a closed session is refused by name, also in the next session."""
    session.exit()
    with pytest.raises(drmaa_cffi.NoActiveSessionException, match="was closed"):
        USES[use](template)
    session.initialize()
    with pytest.raises(drmaa_cffi.NoActiveSessionException, match="was closed"):
        USES[use](template)


def test_double_delete(fake: Fake, template: JobTemplate) -> None:
    """Deleting twice, or after the session's exit, does nothing."""
    template.delete()
    template.delete()
    Session.exit()
    template.delete()
    assert 1 == fake.calls("drmaa_delete_job_template")


def test_exit_deletes(fake: Fake, session: Session) -> None:
    """Exit deletes the templates that are left, before drmaa_exit."""
    templates = [session.createJobTemplate() for _ in range(10)]
    templates[3].delete()
    session.exit()
    assert {} == fake.live()
    assert 10 == fake.calls("drmaa_delete_job_template")


def test_block_deletes(fake: Fake, session: Session) -> None:
    """The end of a template's block deletes it, after an exception too."""
    with pytest.raises(ZeroDivisionError), session.createJobTemplate():
        raise ZeroDivisionError
    assert {} == fake.live()


def test_dropped_templates(fake: Fake, session: Session) -> None:
    """A template that nobody holds is deleted."""
    for _ in range(1000):
        session.createJobTemplate().jobName = "x"
    gc.collect()
    assert {} == fake.live()


def test_cycle_of_templates(fake: Fake, session: Session) -> None:
    """Templates in a cycle are deleted when it is collected."""
    one, two = session.createJobTemplate(), session.createJobTemplate()
    one.other, two.other = two, one  # type: ignore[attr-defined]
    del one, two
    gc.collect()
    assert {} == fake.live()


def test_delete_during_run(fake: Fake, session: Session, template: JobTemplate) -> None:
    """A template deleted while another thread runs it lives until that call ends."""
    fake.delays("drmaa_run_job", 0.3)
    ids: list[str] = []
    thread = threading.Thread(target=lambda: ids.append(session.runJob(template)))
    thread.start()
    while not fake.calls("drmaa_run_job"):
        pass
    template.delete()
    assert 0 == fake.calls("drmaa_delete_job_template")
    with pytest.raises(drmaa_cffi.InvalidJobTemplateException):
        template.jobName = "x"
    thread.join(30)
    assert 1 == len(ids)
    assert {} == fake.live()


def test_exit_during_run(fake: Fake, session: Session, template: JobTemplate) -> None:
    """So does one whose session is closed meanwhile."""
    fake.delays("drmaa_set_attribute", 0.3)
    thread = threading.Thread(target=setattr, args=(template, "jobName", "x"))
    thread.start()
    while not fake.calls("drmaa_set_attribute"):
        pass
    session.exit()
    thread.join(30)
    assert {} == fake.live()


def test_threads_on_one_template(session: Session) -> None:
    """Threads that set, read, run and delete templates at once get named errors at worst."""
    unexpected: list[BaseException] = []
    templates = [session.createJobTemplate() for _ in range(50)]

    def use(number: int) -> None:
        uses = list(USES.values())
        for round_, template in enumerate(templates):
            try:
                uses[(number + round_) % len(uses)](template)
                if (number + round_) % 5 == 0:
                    template.delete()
            except (
                drmaa_cffi.InvalidJobTemplateException,
                drmaa_cffi.InvalidAttributeValueException,
            ):
                pass
            except BaseException as error:  # noqa: BLE001
                unexpected.append(error)

    run_in_threads(use, ((number,) for number in range(8)), 60)
    assert [] == unexpected


ROUTINES = {
    "set": "drmaa_set_attribute",
    "get": "drmaa_get_attribute",
    "set vector": "drmaa_set_vector_attribute",
    "get vector": "drmaa_get_next_attr_value",
    "run": "drmaa_run_job",
    "run bulk": "drmaa_run_bulk_jobs",
}


def during(fake: Fake, template: JobTemplate, first: str, then: str, seconds: float = 0.3) -> bool:
    """Whether the library is asked to do *then* while it does *first* with the same template."""
    template.jobName = "x"
    template.args = ["x"]
    made = fake.calls(ROUTINES[first]), fake.calls(ROUTINES[then])
    fake.delays(ROUTINES[first], seconds)
    threads = [threading.Thread(target=USES[use], args=(template,)) for use in (first, then)]
    threads[0].start()
    while fake.calls(ROUTINES[first]) == made[0]:
        pass
    threads[1].start()
    end = time.monotonic() + seconds / 2
    while threads[0].is_alive() and time.monotonic() < end:
        if fake.calls(ROUTINES[then]) > made[1] + (first == then):
            break
    asked = threads[0].is_alive() and fake.calls(ROUTINES[then]) > made[1] + (first == then)
    for thread in threads:
        thread.join(30)
    return asked


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("set", "set"),
        ("set", "get"),
        ("set", "run"),
        ("get", "set"),
        ("set vector", "set vector"),
        ("set vector", "run bulk"),
        ("get vector", "set vector"),
        ("run", "set"),
        ("run bulk", "set vector"),
    ],
)
def test_one_at_a_time(template: JobTemplate, fake: Fake, first: str, then: str) -> None:
    """The library is never in a template that it changes, or whose list it gives, twice."""
    assert not during(fake, template, first, then)


@pytest.mark.parametrize(("first", "then"), [("run", "run bulk"), ("run", "run")])
def test_submissions_at_once(template: JobTemplate, fake: Fake, first: str, then: str) -> None:
    """Submissions of one template do not hold each other up."""
    assert during(fake, template, first, then, seconds=1)


def test_failed_delete(fake: Fake, template: JobTemplate) -> None:
    """A delete that the library fails is told, once."""
    fake.returns("drmaa_delete_job_template", 1, last=1)
    with pytest.raises(drmaa_cffi.InternalException):
        template.delete()
    template.delete()
    # The fake keeps what it failed to delete: that is its own loss, not the binding's.
    assert {"templates": 1} == fake.live()
    fake.forget()


def test_template_that_is_none(fake: Fake, session: Session) -> None:
    """A success without a template is an error, not a null pointer."""
    fake.says("drmaa_allocate_job_template", b"nothing")
    with pytest.raises(drmaa_cffi.InternalException, match="made no job template"):
        session.createJobTemplate()


def in_child(action: Callable[[], object]) -> str:
    """Run *action* in a forked child and return what it raised."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            action()
        except BaseException as error:  # noqa: BLE001
            os.write(write_end, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


@pytest.mark.parametrize("use", [*USES, "init", "exit", "contact", "new", "wait", "status"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child(fake: Fake, session: Session, template: JobTemplate, use: str) -> None:
    """A forked child is refused at once, with what to do; the parent goes on."""
    actions: dict[str, Callable[[], object]] = {
        "init": Session.initialize,
        "exit": Session.exit,
        "contact": lambda: Session.contact,
        "new": Session.createJobTemplate,
        "wait": lambda: Session.wait("1"),
        "status": lambda: Session.jobStatus("1"),
    }
    told = in_child(actions.get(use) or (lambda: USES[use](template)))
    assert told.startswith("NoActiveSessionException: code 5: this process was forked from")
    assert "'spawn'" in told
    assert session.runJob(template)
    assert 0 == fake.calls("drmaa_delete_job_template")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_frees_nothing(fake: Fake, session: Session, template: JobTemplate) -> None:
    """Deleting and collecting templates in a forked child calls nothing in C."""

    def drop() -> None:
        nonlocal template
        template.delete()
        del template
        gc.collect()
        raise SystemExit(fake.calls("drmaa_delete_job_template"))

    assert "SystemExit: 0" == in_child(drop)
    assert session.createJobTemplate()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_before_initialize(fake: Fake) -> None:
    """A child forked when its parent has no session can have one of its own."""
    with Session():
        pass

    def open_session() -> None:
        with Session():
            raise SystemExit(f"{Session.runJob(Session.createJobTemplate())!s} ran")

    assert " ran" in in_child(open_session)
    assert "fake" == Session.contact
    assert fake.path


@pytest.mark.parametrize(
    "ending",
    ["pass", "del s, t", "raise SystemExit", "import os; os.kill(os.getpid(), 2)"],
)
def test_program_end(fake_library: Fake, ending: str) -> None:
    """A program that ends with a live session, templates and an abandoned wait ends quietly."""
    program = f"""
import signal, threading, drmaa_cffi
s = drmaa_cffi.Session()
s.initialize()
t = [s.createJobTemplate() for _ in range(10)]
job = s.runJob(t[0])
def leave(*_):
    raise TimeoutError
signal.signal(signal.SIGALRM, leave)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    s.wait(job)
except TimeoutError:
    pass
threading.Thread(target=s.wait, args=(job,), daemon=True).start()
signal.signal(signal.SIGINT, signal.SIG_DFL)
{ending}
"""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        env={**os.environ, "DRMAA_LIBRARY_PATH": str(fake_library.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert ("", -2 if "kill" in ending else 0) == (done.stdout, done.returncode)
