"""What a template says is what the job gets: paths, environment, limits, usage."""

from __future__ import annotations

import os
import pwd
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engines import Engine, initialize, output, run, submit, template, until

import drmaa_cffi
from drmaa_cffi import Session


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
    names = {name for name in names if not name.startswith(("SGE_", "N"))}
    names -= {"QUEUE", "REQUEST", "RESTARTED"}
    names -= {"PWD", "SHLVL", "_", "OLDPWD"}  # of a shell
    of_the_job = {"JOB_ID", "JOB_NAME", "TASK_ID", "TMP", "TMPDIR"}
    assert {"PATH", "SHELL", "HOME", "OWN", *of_the_job} == names


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


def test_limits_of_the_first_client(engine: Engine, tmp_path: Path) -> None:
    """The soft limits of who starts the engine bind that client's jobs, and nobody else's."""
    program = """
import resource as r, sys, drmaa_cffi
drmaa_cffi.load_library()
for kind, soft in (r.RLIMIT_NOFILE, 12), (r.RLIMIT_FSIZE, 40000), (r.RLIMIT_CPU, 1000):
    r.setrlimit(kind, (soft, r.getrlimit(kind)[1]))
session = drmaa_cffi.Session(); session.initialize()
job = session.createJobTemplate()
job.remoteCommand, job.args, job.outputPath = "cat", ["/proc/self/limits"], ":" + sys.argv[1]
print(session.wait(session.runJob(job)).exitStatus)
"""
    client = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("0\n", "") == (client.stdout, client.stderr)
    lines = (tmp_path / "out").read_text().splitlines()
    limits = {line[:25].strip(): line[25:].split()[0] for line in lines}
    assert ("12", "40000", "1000") == (
        limits["Max open files"], limits["Max file size"], limits["Max cpu time"]
    )  # fmt: skip
    session = initialize()
    job = template(session, "true", jobSubmissionState="drmaa_hold")
    job.jobEnvironment = {"FILL": "x" * 5000}
    for _ in range(20):
        session.runJob(job)
    assert sum(file.stat().st_size for file in engine.home.glob("engine.db*")) > 40000


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


def test_usage(engine: Engine, session: Session) -> None:
    """Usage is numbers under Grid Engine's names, and true."""
    before = time.time()
    info = run(session, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.2; exit 5")
    entries = {**info.resourceUsage}
    assert "/dev/null" == entries.pop("error_path")
    usage = {name: float(value) for name, value in entries.items()}
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


def test_names_of_its_own(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job has each variable once; the engine's own names are not the template's to set."""
    own = {"JOB_ID": "mine", "JOB_NAME": "mine", "TASK_ID": "mine", "OTHER": "mine"}
    text = output(session, tmp_path, "tr '\\0' '\\n' < /proc/$$/environ", jobEnvironment=own)
    names = [line.partition("=")[0] for line in text.splitlines()]
    assert [1] * 4 == [names.count(name) for name in own]
    assert "OTHER=mine" in text.splitlines()
    assert 1 == text.count("=mine")
