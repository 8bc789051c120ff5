"""Records say why a job ended, and explain() what can be found out beyond them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from fake import Fake

from drmaa_cffi import Cause, JobFailedError, JobInfo, JobTemplate, Session

STARTED = {"start_time": "1700000000.0000"}
UTILS = {"walltime": "0", "start_time": "0"}


def record(
    exited: bool = False,
    signal: str = "",
    *,
    aborted: bool = False,
    status: int = 0,
    **usage: str,
) -> JobInfo:
    """A record of job 17."""
    return JobInfo("17", exited, bool(signal), signal, False, aborted, status, usage)


@pytest.mark.parametrize(
    ("info", "cause"),
    [
        (record(True, status=3), Cause.EXITED),
        (record(signal="SIGKILL"), Cause.SIGNALED),
        (record(True, "SIG72", status=200, **UTILS), Cause.EXITED),
        (record(aborted=True), Cause.NOT_STARTED),
        (record(aborted=True, **STARTED), Cause.TERMINATED),
        (record(aborted=True, exit_status="137.0000", **STARTED), Cause.TERMINATED),
        (record(aborted=True, exit_status="100.0000", **STARTED), Cause.UNKNOWN),
        (record(aborted=True, **UTILS), Cause.UNKNOWN),
        (record(), Cause.UNKNOWN),
        (record(aborted=True, cause="nothing of ours"), Cause.NOT_STARTED),
        *((record(True, cause=str(cause)), cause) for cause in Cause),
    ],
)
def test_cause(info: JobInfo, cause: Cause) -> None:
    """The cause is what the library tells, else what the record shows."""
    assert info.cause is cause
    assert type(info.cause) is Cause


def test_cause_is_text() -> None:
    """A cause compares, formats, prints and pickles as its text."""
    assert [
        "exited", "signaled", "terminated", "wallclock_limit", "memory_limit", "node_failed",
        "preempted", "not_started", "unknown",
    ] == list(Cause)  # fmt: skip
    assert "memory_limit" == f"{Cause.MEMORY_LIMIT}" == str(Cause.MEMORY_LIMIT)
    assert Cause.EXITED is pickle.loads(pickle.dumps(Cause.EXITED))


def test_reason() -> None:
    """The reason is the library's own, follows what describe() says, and is in an error's text."""
    info = record(True, cause="wallclock_limit", reason="hard wall-clock limit of 60 s reached")
    assert "hard wall-clock limit of 60 s reached" == info.reason
    assert "exited with 0: hard wall-clock limit of 60 s reached" == info.describe()
    assert ("", "exited with 0") == (record(True).reason, record(True).describe())
    assert JobFailedError.of(info, "").args[0].endswith(info.describe())
    unstarted = record(aborted=True, cause="not_started", reason="command not found: x", **STARTED)
    assert "aborted before it ran: command not found: x" == unstarted.describe()


def test_fields_stay(session: Session) -> None:
    """The record is the eight fields it was."""
    info = record(cause="preempted", reason="why")
    assert 8 == len(info) == len(info._asdict())
    assert JobInfo._make([*info[:7], {}]).cause is Cause.UNKNOWN


def test_explain_reads_the_error_file(session: Session, tmp_path: Path) -> None:
    """explain() shows the end of the error file that the record names, or the template."""
    file = tmp_path / "err"
    file.write_text("first\n" * 100 + "the last words\n")
    told = record(True, status=1, error_path=str(file)).explain()
    assert told.startswith("job 17 exited with 1\ncause: exited\n")
    assert f"the last of its error file {file}:\n" in told
    assert told.endswith("  the last words")
    with JobTemplate(remoteCommand="x", errorPath=f":{tmp_path}/err") as template:
        assert "  the last words" in record(True, status=1).explain(template)
    file.write_text("")
    assert f"its error file {file} is empty" in record(error_path=str(file)).explain()


@pytest.mark.parametrize("path", ["/nonexistent/file", "/dev/zero", "/", "x\0y"])
def test_explain_says_what_it_could_not_find_out(session: Session, path: str) -> None:
    """explain() raises nothing over a file that can't be read, and says so."""
    assert "not found out: what its error file says: " in record(error_path=path).explain()
    assert "not found out: where its error file is" in record().explain()


def test_explain_with_a_dead_template(session: Session) -> None:
    """explain() raises nothing over a template that is deleted."""
    template = JobTemplate(remoteCommand="x")
    template.delete()
    assert "not found out: " in record().explain(template)


QACCT = """#!/bin/sh
case "$*" in
    *999*) echo "error: job id 999 not found" >&2; exit 1;;
    *777*) exec sleep 600;;
    *555*) exit 0;;
esac
for time in 1 2 2; do cat <<END
==============================================================
qname        all.q
hostname     node7
jobnumber    17
qsub_time    Fri Nov 27 08:06:0$time 2026
start_time   Fri Nov 27 08:06:04 2026
failed       37  : qmaster enforced h_rt, h_cpu, or h_vmem limit
exit_status  137                  (Killed)
ru_wallclock 3s
maxvmem      1.488MB
END
done
"""


@pytest.fixture
def accounting(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Grid Engine's library and its command, in a folder on PATH."""
    fake.says("drmaa_get_DRM_system", b"SGE 8.1.9")
    script = tmp_path / "qacct"
    script.write_text(QACCT)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return script


def test_explain_asks_the_accounting(session: Session, accounting: Path) -> None:
    """explain() tells what qacct says of each run, and leaves out an older job of the same id."""
    said = (
        "failed 37: qmaster enforced h_rt, h_cpu, or h_vmem limit, exit status 137 (Killed), "
        "ru_wallclock 3s, maxvmem 1.488MB, on node7"
    )
    lines = record(signal="SIGKILL").explain().splitlines()
    assert [f"Grid Engine's accounting, run {n} of 2: {said}" for n in (1, 2)] == lines[2:4]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("999", "qacct -j 999: error: job id 999 not found"),
        ("999.3", "qacct -j 999 -t 3: error: job id 999 not found"),
        ("777", "qacct -j 777 took more than 0.2 s"),
        ("555", "qacct -j 555 said nothing"),
    ],
)
def test_explain_without_accounting(
    session: Session, accounting: Path, job: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """explain() says why the accounting told nothing."""
    if job == "777":
        monkeypatch.setattr("drmaa_cffi.explaining._PATIENCE", 0.2)
    told = record()._replace(jobId=job).explain(timeout=0)
    assert f"not found out: what Grid Engine's accounting says: {words}\n" in told


def test_explain_without_qacct(
    session: Session, accounting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """explain() says that this machine has no qacct."""
    monkeypatch.setenv("PATH", str(accounting.parent / "nothing"))
    assert "there is no qacct on this machine's PATH" in record().explain()
