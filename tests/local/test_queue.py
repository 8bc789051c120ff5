"""Which job runs when, by its native specification and its category."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from engines import Engine, initialize, nicer, output, run, submit, template, until

import drmaa_cffi
import terminal
from drmaa_cffi import JOB_IDS_SESSION_ALL, Cause, DeniedByDrmException, DrmsInitException, Session


def test_fifo(engine: Engine, session: Session, tmp_path: Path) -> None:
    """Jobs start in the order of their submission, and a wide one is not starved."""
    order = tmp_path / "order"
    blocker = submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    wide = submit(session, f"echo wide >> {order}", nativeSpecification="--slots 2")
    narrow = submit(session, f"echo narrow >> {order}")
    time.sleep(0.2)
    assert not order.exists()
    (tmp_path / "go").touch()
    session.synchronize([blocker, wide, narrow], 30)
    assert "wide\nnarrow\n" == order.read_text()


OTHER_PROGRAM = """
import sys, drmaa_cffi
with drmaa_cffi.Session() as session:
    job = session.createJobTemplate()
    job.remoteCommand, job.args = "/bin/sh", ["-c", "echo other >> " + sys.argv[1]]
    job.outputPath = ":/dev/null"
    session.wait(session.runJob(job), 60)
"""


@pytest.mark.parametrize(("order", "tasks"), [("fair", 1000), ("fifo", 50)])
def test_turns(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, tasks: int
) -> None:
    """A job of another program starts with the next free slot, or last where order is fifo."""
    monkeypatch.setenv("DRMAA_LOCAL_ORDER", order)
    session = initialize()
    said = tmp_path / "said"
    said.touch()
    job = template(session, f"echo mine >> {said}; sleep 0.1", nativeSpecification="--slots 2")
    array = session.runBulkJobs(job, 1, tasks, 1)
    until(said.read_text)
    with subprocess.Popen([sys.executable, "-c", OTHER_PROGRAM, str(said)]) as other:
        assert 0 == other.wait(60)
    at = said.read_text().split().index("other")
    if order == "fair":
        session.control(JOB_IDS_SESSION_ALL, "terminate")
    session.synchronize(array, 60)
    assert (at == tasks) == (order == "fifo")


def test_unknown_order(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that does not exist is refused, with those that do."""
    monkeypatch.setenv("DRMAA_LOCAL_ORDER", "random")
    with pytest.raises(DrmsInitException, match="DRMAA_LOCAL_ORDER='random': must be fair"):
        initialize()


def test_after(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job waits for those it names, also if they fail, and then for nothing."""
    order = tmp_path / "order"
    first = submit(session, f"sleep 0.3; echo 1 >> {order}; exit 1")
    job = template(session, f"echo 2 >> {order}", nativeSpecification=f"--after {first}")
    bulk = session.runBulkJobs(job, 1, 2, 1)
    last = submit(
        session, f"echo 3 >> {order}",
        nativeSpecification=f" --after={bulk[0].partition('.')[0]},{bulk[1]}",
    )  # fmt: skip
    assert {"system_on_hold"} == {session.jobStatus(job) for job in (*bulk, last)}
    session.control(last, "hold")
    assert "user_system_on_hold" == session.jobStatus(last)
    session.control(last, "release")
    session.synchronize([last], 30)
    assert "1\n2\n2\n3\n" == order.read_text()
    session.wait(first, 30)
    assert 0 == run(session, "true", nativeSpecification=f"--after {first}").exitStatus


def test_max_running(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A bulk job with --max-running 1 runs one task at a time; others use the rest."""
    jobs = session.runBulkJobs(
        template(
            session, f"mkdir {tmp_path}/one || exit 1; sleep 0.1; rmdir {tmp_path}/one",
            nativeSpecification="--max-running 1",
        ), 1, 4, 1,
    )  # fmt: skip
    assert 0 == run(session, "true").exitStatus
    assert [0] * 4 == [session.wait(job, 30).exitStatus for job in jobs]


def test_priority(engine: Engine, session: Session, tmp_path: Path) -> None:
    """Jobs with a higher priority start first, also after a restart."""
    order = tmp_path / "order"
    blocker = submit(
        session,
        f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done",
        nativeSpecification="--slots 2",
    )
    words = {
        "last": "--priority -5",
        "plain": "",
        "second": "-p 3",
        "first": "--priority=100000",
        "too": "--priority=TOP",
    }
    jobs = [
        submit(session, f"echo {name} >> {order}", nativeSpecification=f"--slots 2 {native}")
        for name, native in words.items()
    ]
    until(lambda: session.jobStatus(blocker) == "running")
    engine.kill()
    (tmp_path / "go").touch()
    session.synchronize(jobs, 60)
    assert ["first", "second", "plain", "too", "last"] == order.read_text().split()
    with pytest.raises(DeniedByDrmException, match="--priority '1x': must be a whole number"):
        submit(session, "true", nativeSpecification="--priority 1x")


def test_nice(engine: Engine, session: Session, tmp_path: Path) -> None:
    """--nice lowers the priority."""
    text = output(session, tmp_path, "nice", nativeSpecification="--nice 7")
    assert nicer(7) == int(text)


def test_after_ok(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job runs after one that went well; after one that fails it ends, and so on."""
    ran = tmp_path / "ran"
    good = submit(session, "sleep 0.2")
    then = submit(session, f"echo then >> {ran}", nativeSpecification=f"--after-ok {good}")
    assert session.wait(then, 30).ok
    bad = session.runBulkJobs(template(session, "sleep 0.2; exit $((TASK_ID - 1))"), 1, 2, 1)
    array = bad[0].partition(".")[0]
    words = [f"--after-ok={array}", f"--after-ok {good},{bad[1]}", f"--after-ok {bad[0]}"]
    behind = [submit(session, f"echo >> {ran}", nativeSpecification=native) for native in words]
    assert ["system_on_hold"] * 3 == [session.jobStatus(job) for job in behind]
    infos = [session.wait(job, 30) for job in behind]
    assert [Cause.NOT_STARTED, Cause.NOT_STARTED, Cause.EXITED] == [info.cause for info in infos]
    assert f"job {array} has failed, and it was to run only after that" == infos[0].reason
    # Also where nothing but its failure is known any more.
    session.synchronize(bad, 30)
    late = session.wait(submit(session, "true", nativeSpecification=words[1]), 30)
    assert (Cause.NOT_STARTED, infos[1].reason) == (late.cause, late.reason)
    assert "then\n\n" == ran.read_text()


def test_long_chain(engine: Engine, session: Session) -> None:
    """A chain of many jobs ends at once when its first one fails."""
    jobs = [submit(session, "sleep 0.5; exit 1")]
    for _ in range(600):
        native = f"--after-ok {jobs[-1]}"
        jobs.append(submit(session, "true", nativeSpecification=native))
    infos = [session.wait(job, 30) for job in reversed(jobs)]
    assert {Cause.NOT_STARTED} == {info.cause for info in infos[:-1]}


def test_after_ok_of_a_killed_engine(engine: Engine, session: Session) -> None:
    """Who fails is known to the next engine, and what it can't know it refuses."""
    good, bad, taken = (submit(session, f"exit {status}") for status in (0, 1, 0))
    running = submit(session, "sleep 1; exit 1")
    behind = submit(session, "true", nativeSpecification=f"--after-ok {running}")
    session.wait(taken, 30)
    session.synchronize([good, bad], 30, dispose=False)
    engine.kill()
    with pytest.raises(DeniedByDrmException, match=f"--after-ok {taken}: its record was taken"):
        submit(session, "true", nativeSpecification=f"--after-ok {taken}")
    ends = [
        run(session, "true", nativeSpecification=f"--after-ok {job}").cause for job in (good, bad)
    ]
    assert [Cause.EXITED, Cause.NOT_STARTED] == ends
    assert f"job {running} has failed" in session.wait(behind, 30).reason


@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ("-xyz h_rt=60", "'-xyz' is not an option.*--slots N.*DRMAA_LOCAL_NATIVE=ignore"),
        ("--slots", "--slots needs a value"),
        ("--slots two", "--slots 'two': must be a whole number from 1"),
        ("--slots 3", "the engine has 2.*DRMAA_LOCAL_SLOTS"),
        ("--nice 20", "--nice '20'"),
        ("--export SOME", "--export 'SOME': must be ALL.*NONE"),
        ("--after 99999", "no such job yet"),
        ("--after 1.5", "--after 1.5: job 1 has no task 5"),
        ("--after 2.2", "--after 2.2: job 2 has no task 2"),
        ("--after-ok 99999", "--after-ok 99999: there is no such job yet"),
        ("--after x", "--after 'x': must be job ids"),
        ("--slots '2", "No closing quotation"),
        ("--walltime 0", "--walltime '0': must be seconds, M:S or H:M:S"),
        ("--walltime 1:2:3:4", "--walltime '1:2:3:4': must be"),
        ("--walltime soon", "--walltime 'soon': must be"),
    ],
)
def test_bad_native(engine: Engine, session: Session, specification: str, words: str) -> None:
    """What is wrong with a native specification is named, with what is legal."""
    held = template(session, "true", jobSubmissionState="drmaa_hold")
    session.runJob(held)
    session.runBulkJobs(held, 1, 3, 2)
    with pytest.raises(DeniedByDrmException, match=words):
        submit(session, "true", nativeSpecification=specification)


def test_native_ignored(engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """With DRMAA_LOCAL_NATIVE=ignore a cluster's options do no harm, and ours still count."""
    monkeypatch.setenv("DRMAA_LOCAL_NATIVE", "ignore")
    info = run(session, "exit $(nice)", nativeSpecification="-q all.q -l h_rt=60 --nice 3")
    assert nicer(3) == info.exitStatus
    for specification in (
        "--nice --mem=4G", "--export=ALL,FOO=bar --nice=3", "--nice", "-n 4 --slots=many",
        "--after afterok:17 --nice 3", "--mem 4G 'open",
    ):  # fmt: skip
        info = run(session, "exit $(nice)", nativeSpecification=specification)
        expected = 3 if "3" in specification else 0
        assert (specification, nicer(expected)) == (specification, info.exitStatus)


def test_categories(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job category stands for a native specification, which the template's own overrides."""
    with pytest.raises(DeniedByDrmException, match="no job category 'low'.*none yet"):
        submit(session, "true", jobCategory="low")
    (engine.home / "categories").write_text("# ours\nlow: --nice 5\nbad: --no\n")
    assert nicer(5) == int(output(session, tmp_path, "nice", jobCategory="low"))
    text = output(session, tmp_path, "nice", jobCategory="low", nativeSpecification="--nice 2")
    assert nicer(2) == int(text)
    with pytest.raises(DeniedByDrmException, match="known in .*categories: bad, low"):
        submit(session, "true", jobCategory="lo")


def test_held_wide_job(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job that needs more slots than are free keeps nobody waiting while it is on hold."""
    blocker = submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    wide = submit(
        session, "true", nativeSpecification="--slots 2", jobSubmissionState="drmaa_hold"
    )
    assert 0 == run(session, "true").exitStatus
    session.control(wide, "release")
    (tmp_path / "go").touch()
    session.synchronize([blocker, wide], 30)
    assert [0, 0] == [session.wait(job, 30).exitStatus for job in (blocker, wide)]


def test_fewer_slots(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With fewer slots wide jobs that wait fail, and the log says why; one that runs goes on."""
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "4")
    session = initialize()
    command = f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"
    wide, queued = (submit(session, command, nativeSpecification="--slots 4") for _ in range(2))
    until(lambda: session.jobStatus(wide) == "running")
    assert 0 == engine.command("stop").returncode
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "2")
    assert session.wait(queued, 30).wasAborted
    assert f"job {queued}: there are no longer as many slots" in engine.log()
    (tmp_path / "go").touch()
    assert 0 == session.wait(wide, 30).exitStatus
    assert f"job {wide}:" not in engine.log()


@pytest.mark.parametrize("way", ["command", "executor"])
def test_ending_many_starts_none(
    engine: Engine, session: Session, tmp_path: Path, way: str
) -> None:
    """While many jobs are ended, one by one, none of those that wait begins."""
    script = f"echo >> {tmp_path}/starts; exec sleep 600"
    values = {"remoteCommand": "/bin/sh", "args": ["-c", script], "outputPath": ":/dev/null"}
    executor = drmaa_cffi.JobExecutor(session)
    with drmaa_cffi.JobTemplate(**values, joinFiles=True) as made:
        if way == "executor":
            executor.submit_bulk(made, 1, 40)
        else:
            ids = session.runBulkJobs(made, 1, 40, 1)
    until(lambda: engine.counts().get("running") == 2)
    until(lambda: len((tmp_path / "starts").read_text()) == 2)
    if way == "executor":
        executor.shutdown(cancel_futures=True)
    else:
        assert 0 == terminal.drmaa_cffi("terminate", *ids).returncode
        session.synchronize(ids, 60)
    assert 2 == len((tmp_path / "starts").read_text())
