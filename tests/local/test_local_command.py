"""``drmaa-cffi local``: the engine as its user sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from engines import Engine, submit, until

from drmaa_cffi import Session
from programs import output
from terminal import COMMAND, Terminal, drmaa_cffi


def test_status(engine: Engine) -> None:
    """The engine, its folder, its slots and jobs are told."""
    said = output(drmaa_cffi("local", "status"))
    assert (
        "engine: does not run; the next job starts it\n"
        f"folder: {engine.home}\nslots: 2\njobs: none\n"
    ) == said
    session = Session()
    session.initialize()
    submit(session, "true", jobSubmissionState="drmaa_hold")
    said = output(drmaa_cffi("local", "status"))
    assert f"engine: process {engine.pid}\n" in said
    assert "jobs: 1 user_on_hold\n" in said
    assert engine.pid == json.loads(output(drmaa_cffi("local", "status", "--json")))["pid"]


def test_jobs(engine: Engine, session: Session) -> None:
    """The jobs are a table: lines of fields in a pipe, columns on a terminal, objects in JSON."""
    job = submit(session, "true", jobSubmissionState="drmaa_hold", jobName="named")
    head, line = output(drmaa_cffi("local", "jobs")).splitlines()
    assert ["job", "name", "submitted", "session", "state", "command"] == head.split("\t")
    fields = line.split("\t")
    assert [job, "named", session.contact, "user_on_hold"] == [*fields[:2], *fields[3:5]]
    (told,) = json.loads(output(drmaa_cffi("local", "jobs", "--json")))["jobs"]
    assert (job, {"user_on_hold": 1}) == (told["job"], told["states"])
    shown = Terminal("local", "jobs")
    assert 0 == shown.status()
    assert "\t" not in shown.text
    assert f"{job}    named" in shown.text


def test_stop(engine: Engine, session: Session) -> None:
    """The engine stops, and with --terminate its jobs, too."""
    job = submit(session, "sleep 600")
    until(lambda: session.jobStatus(job) == "running")
    before = engine.pid
    output(drmaa_cffi("local", "stop"))
    until(lambda: not Path(f"/proc/{before}").exists())
    assert "running" == session.jobStatus(job)
    told = json.loads(output(drmaa_cffi("local", "stop", "--terminate", "--json")))
    assert told["pid"] is None
    assert session.wait(job, 30).wasAborted


def test_log(engine: Engine) -> None:
    """The last lines of the log are shown; where there is none, that is told."""
    done = drmaa_cffi("local", "log")
    assert 1 == done.returncode
    assert f"drmaa-cffi: there is no log: no engine has run in {engine.home}\n" == done.stderr
    session = Session()
    session.initialize()
    assert output(drmaa_cffi("local", "log")) == engine.log()
    assert output(drmaa_cffi("local", "log", "-n", "1")) == engine.log().splitlines(True)[-1]
    told = json.loads(output(drmaa_cffi("local", "log", "--json")))
    assert {"log": f"{engine.home}/engine.log", "lines": engine.log().splitlines()} == told


@pytest.mark.parametrize("words", [("local", "status"), ("doctor",)])
def test_modules_in_the_users_folder(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """What the command starts does not run a json.py of the folder that the user is in."""
    monkeypatch.delenv("DRMAA_LOCAL_ENGINE")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "json.py").write_text(f"open('{tmp_path}/was run', 'w')\n")
    # As the installed command does, whose own folder is not the user's.
    program = tmp_path / "command.py"
    program.write_text("import sys\nfrom drmaa_cffi.cli import main\nsys.exit(main())\n")
    done = subprocess.run(
        [sys.executable, program, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert not (tmp_path / "was run").exists()


def test_broken_setting(engine: Engine) -> None:
    """A setting that is not legal is told in the engine's own words."""
    done = drmaa_cffi("local", "status", DRMAA_LOCAL_SLOTS="many")
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("drmaa-cffi: DRMAA_LOCAL_SLOTS='many'")


def test_local_option(engine: Engine, tmp_path: Path) -> None:
    """--local takes the local engine, whatever the environment names."""
    words = ("--local", "--wd", str(tmp_path), "--tail", "--", "/bin/echo", "hello")
    done = drmaa_cffi("run", *words, DRMAA_LIBRARY_PATH="/nonexistent")
    assert (0, "hello\n") == (done.returncode, done.stdout)


def test_pipe(engine: Engine, tmp_path: Path) -> None:
    """What ``submit --local --json`` writes tells that it was the local engine."""
    words = ("submit", "--local", "--json", "--wd", str(tmp_path), "--", "/bin/sh", "-c", "exit 4")
    elsewhere = {"DRMAA_LIBRARY_PATH": "/nonexistent"}
    told = output(drmaa_cffi(*words, **elsewhere))
    assert "local" == json.loads(told)["engine"]
    done = subprocess.run(
        [*COMMAND, "wait"],
        env={**os.environ, **elsewhere},
        input=told, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (4, True) == (done.returncode, " exited with 4 " in done.stdout)


def test_aborted(engine: Engine, tmp_path: Path) -> None:
    """Where a job was aborted, it is told why, and in the engine's log, too."""
    words = ("--wd", str(tmp_path), "--output", "missing/file", "--", "/bin/true")
    done = drmaa_cffi("run", *words)
    reason = f"could not write output file '{tmp_path}/missing/file': No such file or directory"
    assert (125, f"job 1 aborted before it ran: {reason}\n") == (done.returncode, done.stdout)
    assert f"job 1: {reason}" in output(drmaa_cffi("local", "log"))


def test_doctor(engine: Engine) -> None:
    """What helps on the local engine is advised; a wrong contact is one failure."""
    told = json.loads(drmaa_cffi("doctor", "--json", "--contact", "nobody").stdout)
    assert ["contact"] == [each["name"] for each in told["checks"] if each["verdict"] == "failure"]
    told = json.loads(drmaa_cffi("doctor", "--json", DRMAA_LOCAL_HOME="/dev/null/x").stdout)
    (failure,) = [each for each in told["checks"] if each["verdict"] == "failure"]
    assert "session" == failure["name"]
    assert "`drmaa-cffi local log`" in failure["remedy"]
    told = json.loads(drmaa_cffi("doctor", "--json").stdout)
    (limits,) = [each for each in told["checks"] if each["name"] == "memory limits"]
    assert "--mem is accepted and not enforced" in limits["said"]
    assert "qstat" not in failure["remedy"]


def test_interrupted_without_terminal(engine: Engine, tmp_path: Path) -> None:
    """Where nobody can be asked, the first interrupt is told and the second ends the jobs."""
    command = [*COMMAND, "run", "--wd", str(tmp_path), "--", "/bin/sleep", "600"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        assert any(line.endswith("running\n") for line in said)
        process.send_signal(signal.SIGINT)
        assert any("interrupt again to terminate" in line for line in said)
        process.send_signal(signal.SIGINT)
        ended, advice = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (125, True) == (process.returncode, " aborted: " in ended)
    assert "local log" not in advice


def test_wait_leaves_others(engine: Engine, session: Session) -> None:
    """Jobs of the session that a wait was not asked for can be waited for afterwards."""
    other, first, second = (submit(session, script) for script in ("true", "sleep 1", "true"))
    until(lambda: session.jobStatus(other) == "done")
    for ids in ((first, second), (other,)):
        assert 0 == drmaa_cffi("wait", "--contact", session.contact, *ids).returncode
