"""What a template says is what the job gets: paths, environment, limits, options, e-mail."""

from __future__ import annotations

import os
import pwd
import resource
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from engines import Engine, submit, template, until

import drmaa_cffi
from drmaa_cffi import DeniedByDrmException, JobInfo, Session


def run(session: Session, command: str, **attributes: object) -> JobInfo:
    """Run ``sh -c command`` to its end."""
    return session.wait(submit(session, command, **attributes), 60)


def output(session: Session, tmp_path: Path, command: str, **attributes: object) -> str:
    """What ``sh -c command`` writes; it must succeed."""
    file = tmp_path / "output"
    info = run(session, command, outputPath=f":{file}", **attributes)
    text = file.read_text()
    file.unlink()
    assert (True, 0) == (info.hasExited, info.exitStatus), text
    return text


def test_default_files(engine: Engine, session: Session, tmp_path: Path) -> None:
    """Without paths a job runs at home and writes <name>.o<id> and .e<id> there."""
    job = session.createJobTemplate()
    job.remoteCommand = "sh"
    job.args = ["-c", "pwd; echo wrong >&2"]
    number = session.runJob(job)
    session.wait(number, 30)
    assert f"{tmp_path}\n" == (tmp_path / f"sh.o{number}").read_text()
    assert "wrong\n" == (tmp_path / f"sh.e{number}").read_text()
    job.jobName = "named"
    (tmp_path / "there").mkdir()
    job.workingDirectory = str(tmp_path / "there")
    first, second = session.runBulkJobs(job, 3, 5, 2)
    session.synchronize([first, second], 30)
    base = first.partition(".")[0]
    assert {f"named.{kind}{base}.{index}" for kind in "oe" for index in (3, 5)} == {
        path.name for path in (tmp_path / "there").iterdir()
    }


def test_placeholders(engine: Engine, session: Session, tmp_path: Path) -> None:
    """Home, working directory and index stand in for themselves in every path."""
    for index in (1, 2):
        (tmp_path / f"dir{index}").mkdir()
        (tmp_path / f"in.{index}").write_text(f"input {index}\n")
    jobs = session.runBulkJobs(
        template(
            session, "cat; pwd; echo error >&2",
            workingDirectory="$drmaa_hd_ph$/dir$drmaa_incr_ph$",
            inputPath="anyhost:$drmaa_hd_ph$/in.$drmaa_incr_ph$",
            outputPath=":$drmaa_wd_ph$/out.$drmaa_incr_ph$.txt",
            errorPath=":err.$drmaa_incr_ph$",
            joinFiles=False,
        ), 1, 2, 1,
    )  # fmt: skip
    session.synchronize(jobs, 30)
    for index in (1, 2):
        folder = tmp_path / f"dir{index}"
        assert f"input {index}\n{folder}\n" == (folder / f"out.{index}.txt").read_text()
        assert "error\n" == (folder / f"err.{index}").read_text()


def test_folder_as_output(engine: Engine, session: Session, tmp_path: Path) -> None:
    """An output path that is a folder gets the default file in it, which grows."""
    (tmp_path / "logs").mkdir()
    job = submit(session, "echo one; echo two >&2", outputPath=f":{tmp_path}/logs", jobName="j")
    session.wait(job, 30)
    assert "one\ntwo\n" == (tmp_path / "logs" / f"j.o{job}").read_text()
    for _ in range(2):
        run(session, "echo more", outputPath=f":{tmp_path}/same")
    assert "more\nmore\n" == (tmp_path / "same").read_text()


def test_cannot_execute(engine: Engine, session: Session, tmp_path: Path) -> None:
    """What cannot be executed fails, is aborted, and its error file says why."""
    script = tmp_path / "script"
    script.write_text("echo no interpreter\n")
    script.chmod(0o755)
    for command, reason in [
        ("/no/such", "No such file"),
        (str(tmp_path), "Permission denied"),
        (str(script), "#!/bin/sh"),
        ("nosuchcommand", "No such file"),
    ]:
        job = session.createJobTemplate()
        job.remoteCommand = command
        job.outputPath = f":{tmp_path}/o"
        job.errorPath = f":{tmp_path}/e"
        number = session.runJob(job)
        session.synchronize([number], 30)
        assert "failed" == session.jobStatus(number)
        info = session.wait(number, 30)
        assert (True, False, False) == (info.wasAborted, info.hasExited, info.hasSignal)
        text = (tmp_path / "e").read_text()
        assert text.startswith(
            f"drmaa-cffi local engine: job {number}: cannot execute '{command}'"
        )
        assert reason in text
        (tmp_path / "e").unlink()


def test_environment(
    engine: Engine, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job has its submitter's environment of now, its own settings, and the job's names."""
    monkeypatch.setenv("GIVEN", "from the submitter")
    monkeypatch.setenv("TASK_ID", "77")
    text = output(
        session, tmp_path, 'echo "$GIVEN|$OWN|$HOME|$JOB_ID|$JOB_NAME|$TASK_ID"',
        jobEnvironment={"OWN": "a=b c", "HOME": "/elsewhere"}, jobName="name",
    )  # fmt: skip
    given, own, home, number, name, task = text.strip().split("|")
    assert ("from the submitter", "a=b c", "/elsewhere", "name", "undefined") == (
        given, own, home, name, task
    )  # fmt: skip
    assert number.isdecimal()
    monkeypatch.setenv("GIVEN", "changed")
    assert "changed\n" == output(session, tmp_path, "echo $GIVEN")


def test_bare_environment(engine: Engine, session: Session, tmp_path: Path) -> None:
    """With --export NONE a job has a bare environment and its own settings."""
    text = output(
        session, tmp_path, "/usr/bin/env", nativeSpecification="--export NONE",
        jobEnvironment={"OWN": "1"},
    )  # fmt: skip
    names = {line.partition("=")[0] for line in text.splitlines()}
    assert {"PATH", "SHELL", "HOME", "OWN", "JOB_ID", "JOB_NAME", "TASK_ID"} == names - {"PWD"} - {
        "SHLVL", "_", "OLDPWD"
    }  # fmt: skip


def test_umask_and_limits(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job keeps the umask and the resource limits its submitter has at that moment."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    mask = os.umask(0o027)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (123, before[1]))
        text = output(session, tmp_path, "umask; ulimit -Sn; ulimit -Sc")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        os.umask(mask)
    assert ["0027", "123"] == text.split()[:2]


def test_process_group(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job's children are suspended, resumed and terminated with it, and end with it."""
    pids = tmp_path / "pids"
    job = submit(session, f"sleep 600 & echo $! >> {pids}; sleep 600 & echo $! >> {pids}; wait")
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    children = [int(pid) for pid in pids.read_text().split()]

    def states() -> set[str]:
        stats = [Path(f"/proc/{pid}/stat") for pid in children]
        return {
            stat.read_text().rpartition(") ")[2][0] if stat.exists() else "gone" for stat in stats
        }

    session.control(job, "suspend")
    until(lambda: states() == {"T"})
    session.control(job, "resume")
    until(lambda: states() == {"S"})
    session.control(job, "terminate")
    session.wait(job, 30)
    until(lambda: states() == {"gone"})
    pids.unlink()
    run(session, f"sleep 600 & echo $! >> {pids}")
    children[:] = [int(pids.read_text())]
    until(lambda: states() == {"gone"})


def test_term_then_kill(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job that ignores SIGTERM is killed after the grace; a suspended one, too."""
    job = submit(session, f"trap '' TERM; touch {tmp_path}/ready; while :; do sleep 0.05; done")
    until(lambda: (tmp_path / "ready").exists())
    session.control(job, "suspend")
    session.control(job, "terminate")
    info = session.wait(job, 30)
    assert (True, True, "SIGKILL") == (info.wasAborted, info.hasSignal, info.terminatedSignal)


@pytest.mark.parametrize("limit", ["hardWallclockTimeLimit", "hardRunDurationLimit"])
def test_hard_limit(engine: Engine, session: Session, limit: str) -> None:
    """A job that takes too long gets SIGTERM, and SIGKILL if it does not heed it."""
    info = run(session, "exec sleep 60", **{limit: "0:01"})
    assert (False, "SIGTERM") == (info.wasAborted, info.terminatedSignal)
    info = run(session, "trap '' TERM; while :; do sleep 0.05; done", **{limit: "1"})
    assert "SIGKILL" == info.terminatedSignal


def test_native_limit(engine: Engine, session: Session) -> None:
    """A native specification limits a job, too; the template's own attribute overrides it."""
    for words in ("--walltime 1", "--walltime=0:1", "--walltime 00:00:01"):
        info = run(session, "exec sleep 60", nativeSpecification=words)
        assert "SIGTERM" == info.terminatedSignal
    info = run(session, "sleep 1.5", nativeSpecification="--walltime 1", hardWallclockTimeLimit=60)
    assert info.ok


@pytest.mark.parametrize("limit", ["softWallclockTimeLimit", "softRunDurationLimit"])
def test_soft_limit(engine: Engine, session: Session, limit: str) -> None:
    """A job is warned by SIGUSR1 and may end as it likes."""
    info = run(session, "trap 'exit 44' USR1; while :; do sleep 0.05; done", **{limit: "1"})
    assert 44 == info.exitStatus


def test_limits_and_suspension(engine: Engine, session: Session) -> None:
    """Wall-clock time goes on while a job is suspended, its run duration does not."""
    wall = submit(session, "exec sleep 60", hardWallclockTimeLimit="1")
    duration = submit(session, "exec sleep 60", hardRunDurationLimit="1")
    for job in (wall, duration):
        until(lambda job=job: session.jobStatus(job) == "running")  # type: ignore[misc]
        session.control(job, "suspend")
    assert "SIGTERM" == session.wait(wall, 30).terminatedSignal
    time.sleep(0.3)
    assert "user_suspended" == session.jobStatus(duration)
    begin = time.monotonic()
    session.control(duration, "resume")
    assert "SIGTERM" == session.wait(duration, 30).terminatedSignal
    assert time.monotonic() - begin > 0.5


def test_start_time(engine: Engine, session: Session) -> None:
    """A job does not start before its time, and others pass it by."""
    start = datetime.now() + timedelta(seconds=2)  # noqa: DTZ005
    late = submit(session, "true", startTime=start.strftime("%Y/%m/%d %H:%M:%S"))
    assert 0 == run(session, "true").exitStatus
    assert "queued_active" == session.jobStatus(late)
    info = session.wait(late, 30)
    assert float(info.resourceUsage["start_time"]) >= int(start.timestamp())


def test_deadline(engine: Engine, session: Session) -> None:
    """At its deadline a job that runs is ended, and one that is queued has failed."""
    deadline = (datetime.now() + timedelta(seconds=2)).strftime("%Y/%m/%d %H:%M:%S")  # noqa: DTZ005
    running = submit(session, "exec sleep 60", deadlineTime=deadline)
    held = submit(session, "true", deadlineTime=deadline, jobSubmissionState="drmaa_hold")
    assert "SIGTERM" == session.wait(running, 30).terminatedSignal
    assert session.wait(held, 30).wasAborted


def test_conflicts(engine: Engine, session: Session) -> None:
    """Attributes that contradict each other are refused when the job is submitted."""
    for one, other in [
        ({"softWallclockTimeLimit": "60"}, {"hardWallclockTimeLimit": "30"}),
        ({"softRunDurationLimit": "1:01"}, {"hardRunDurationLimit": "1:00"}),
        ({"startTime": "2099/01/01 00:00"}, {"deadlineTime": "2098/01/01 00:00"}),
    ]:
        with pytest.raises(drmaa_cffi.ConflictingAttributeValuesException):
            submit(session, "true", **one, **other)


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


def test_nice(engine: Engine, session: Session, tmp_path: Path) -> None:
    """--nice lowers the priority."""
    before = os.nice(0)
    text = output(session, tmp_path, "nice", nativeSpecification="--nice 7")
    assert before + 7 == int(text)


@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ("-l h_rt=60", "'-l' is not an option.*--slots N.*DRMAA_LOCAL_NATIVE=ignore"),
        ("--slots", "--slots needs a value"),
        ("--slots two", "--slots 'two': must be a whole number from 1"),
        ("--slots 3", "the engine has 2.*DRMAA_LOCAL_SLOTS"),
        ("--nice 20", "--nice '20'"),
        ("--export SOME", "--export 'SOME': must be ALL.*NONE"),
        ("--after 99999", "no such job yet"),
        ("--after x", "--after 'x': must be job ids"),
        ("--slots '2", "No closing quotation"),
        ("--walltime 0", "--walltime '0': must be seconds, M:S or H:M:S"),
        ("--walltime 1:2:3:4", "--walltime '1:2:3:4': must be"),
        ("--walltime soon", "--walltime 'soon': must be"),
    ],
)
def test_bad_native(engine: Engine, session: Session, specification: str, words: str) -> None:
    """What is wrong with a native specification is named, with what is legal."""
    with pytest.raises(DeniedByDrmException, match=words):
        submit(session, "true", nativeSpecification=specification)


def test_native_ignored(engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """With DRMAA_LOCAL_NATIVE=ignore a cluster's options do no harm, and ours still count."""
    monkeypatch.setenv("DRMAA_LOCAL_NATIVE", "ignore")
    info = run(session, "exit $(nice)", nativeSpecification="-q all.q -l h_rt=60 --nice 3")
    assert os.nice(0) + 3 == info.exitStatus


def test_categories(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job category stands for a native specification, which the template's own overrides."""
    with pytest.raises(DeniedByDrmException, match="no job category 'low'.*none yet"):
        submit(session, "true", jobCategory="low")
    (engine.home / "categories").write_text("# ours\nlow: --nice 5\nbad: --no\n")
    assert os.nice(0) + 5 == int(output(session, tmp_path, "nice", jobCategory="low"))
    text = output(session, tmp_path, "nice", jobCategory="low", nativeSpecification="--nice 2")
    assert os.nice(0) + 2 == int(text)
    with pytest.raises(DeniedByDrmException, match="known in .*categories: bad, low"):
        submit(session, "true", jobCategory="lo")


def test_email(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's end is told by e-mail through sendmail, unless the template blocks it."""
    fake = tmp_path / "bin" / "sendmail"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/sent\ncat >> {tmp_path}/sent\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    session = Session()
    session.initialize()
    run(session, "true", email=["a@example.org"], blockEmail=True)
    run(session, "exit 3", email=["a@example.org", "b@example.org"], jobName="told")
    sent = tmp_path / "sent"
    until(lambda: sent.exists() and "exit_status" in sent.read_text())
    text = sent.read_text()
    assert text.startswith("-i -- a@example.org b@example.org\nTo: a@example.org, b@example.org\n")
    assert "(told) exited with 3" in text


def test_usage(engine: Engine, session: Session) -> None:
    """Usage is numbers under Grid Engine's names, and true."""
    before = time.time()
    info = run(session, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.2; exit 5")
    usage = {name: float(value) for name, value in info.resourceUsage.items()}
    assert {"submission_time", "start_time", "end_time", "ru_wallclock", "ru_utime", "ru_stime",
            "ru_maxrss", "cpu", "exit_status", "signal"} <= set(usage)  # fmt: skip
    assert before - 1 <= usage["submission_time"] <= usage["start_time"] <= usage["end_time"]
    assert usage["end_time"] <= time.time() + 0.01
    assert 0.2 <= usage["ru_wallclock"] < 20
    assert 0 < usage["cpu"] < usage["ru_wallclock"]
    assert usage["ru_maxrss"] > 500
    assert (5, 0) == (usage["exit_status"], usage["signal"])


def test_other_sessions(engine: Engine, session: Session) -> None:
    """Status and control reach the jobs of another session, a wait does not."""
    job = submit(session, "sleep 600")
    session.exit()
    session.initialize()
    until(lambda: session.jobStatus(job) == "running")
    session.control("DRMAA_JOB_IDS_SESSION_ALL", "terminate")
    with pytest.raises(drmaa_cffi.InvalidJobException, match="in this session"):
        session.wait(job, 5)
    session.control(job, "terminate")
    until(lambda: session.jobStatus(job) == "failed")


def test_home_without_variable(
    engine: Engine, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where HOME is not set, a job's home is the user database's."""
    monkeypatch.delenv("HOME")
    text = output(session, tmp_path, "pwd")
    assert os.path.realpath(pwd.getpwuid(os.geteuid()).pw_dir) == text.strip()
