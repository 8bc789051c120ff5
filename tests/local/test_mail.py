"""The e-mail at a job's end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engines import Engine, initialize, run, submit, template, until


def test_email(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's end is told by e-mail through sendmail, unless the template blocks it."""
    sendmail(tmp_path, f'echo "$@" > {tmp_path}/sent\ncat >> {tmp_path}/sent', monkeypatch)
    session = initialize()
    run(session, "true", email=["a@example.org"], blockEmail=True)
    run(session, "exit 3", email=["a@example.org", "b@example.org"], jobName="told")
    sent = tmp_path / "sent"
    until(lambda: sent.exists() and "exit_status" in sent.read_text())
    text = sent.read_text()
    assert text.startswith("-i -- a@example.org b@example.org\nTo: a@example.org, b@example.org\n")
    assert "(told) exited with 3" in text


def sendmail(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a sendmail of our own first on PATH."""
    program = folder / "bin" / "sendmail"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_slow_mail(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are sent one after the other, and all before an idle engine leaves."""
    monkeypatch.setenv("DRMAA_LOCAL_IDLE", "0")
    one = f"mkdir {tmp_path}/one || exit 1; sleep 0.2; rmdir {tmp_path}/one"
    sendmail(tmp_path, f"{one}\ncat > {tmp_path}/mail.$$", monkeypatch)
    session = initialize()
    job = template(session, "true", email=["a@example.org"])
    jobs = session.runBulkJobs(job, 1, 10, 1)
    session.synchronize(jobs, 30)
    session.exit()
    until(lambda: not engine.processes(), what="the engine's leave")
    sent = [path.read_text() for path in tmp_path.glob("mail.*")]
    assert sorted(jobs) == sorted(text.partition("Subject: job ")[2].split()[0] for text in sent)
    assert "sendmail refused" not in engine.log()


def test_mail_and_stop(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is told to leave first sends the messages there are."""
    sendmail(tmp_path, f"sleep 0.5; cat > {tmp_path}/mail.$$", monkeypatch)
    session = initialize()
    jobs = [submit(session, "true", email=["a@example.org"]) for _ in range(3)]
    session.synchronize(jobs, 30)
    session.exit()
    assert 0 == engine.command("stop").returncode
    assert 3 == len(list(tmp_path.glob("mail.*")))
    assert not (engine.home / "mail").exists()


def test_mail_system_that_hangs(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that is told to leave keeps the messages that it cannot wait for in a file."""
    sendmail(tmp_path, "exec sleep 600", monkeypatch)
    session = initialize()
    jobs = [submit(session, "true", email=["a@example.org"]) for _ in range(3)]
    session.synchronize(jobs, 30)
    session.exit()
    assert 0 == engine.command("stop").returncode
    kept = (engine.home / "mail").read_text()
    assert [1, 1, 1] == [kept.count(f"Subject: job {job} ") for job in jobs]


def test_no_sendmail(engine: Engine, tmp_path: Path) -> None:
    """Where there is no sendmail, messages are kept in a file of the engine's folder."""
    program = (
        "import drmaa_cffi, subprocess, sys\n"
        "s = drmaa_cffi.Session(); s.initialize()\n"
        "t = s.createJobTemplate(); t.remoteCommand = '/bin/sh'; t.args = ['-c', 'exit 3']\n"
        "t.outputPath = ':/dev/null'; t.joinFiles = True; t.jobName = 'told'\n"
        "t.email = ['a@example.org', 'b@example.org']\n"
        "print(s.wait(s.runJob(t), 60).exitStatus)\n"
        "s.exit()\n"
        "subprocess.run([sys.executable, '-m', 'drmaa_cffi.local', 'stop'], check=True)\n"
    )
    hide = 'for file; do mount --bind /dev/null "$file" || exit 77; done; exec "$PY" -c "$PROGRAM"'
    folders = [*os.environ["PATH"].split(":"), "/usr/sbin", "/usr/lib"]
    found = {Path(folder, "sendmail").resolve() for folder in folders}
    words = ["unshare", "-m", "sh", "-c", hide, "sh", *(path for path in found if path.exists())]
    done = subprocess.run(
        words, env={**os.environ, "PY": sys.executable, "PROGRAM": program},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or done.returncode == 77:
        pytest.skip(f"no mount namespaces here: {done.stderr}")
    assert "3\n" == done.stdout, done.stderr
    text = (engine.home / "mail").read_text()
    head = "To: a@example.org, b@example.org\nSubject: job 1 (told) exited with 3\n\n"
    assert text.startswith(head)
    assert "exit_status=3.0000" in text
    assert "job 1: no sendmail here" in engine.log()
