"""``drmaa-cffi run`` that has to end before its jobs: what it tells, and what it leaves behind."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from engines import Engine, submit

from drmaa_cffi import Session
from terminal import COMMAND, CTRL_C, Terminal, until_running


def begin(*words: str, trap: str = "true") -> subprocess.Popen[str]:
    """Start the command, with pipes for its output, behind a shell's *trap*."""
    return subprocess.Popen(
        ["/bin/sh", "-c", f'{trap}; exec "$@"', "sh", *COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_ended_by_a_signal(number: signal.Signals, engine: Engine, tmp_path: Path) -> None:
    """A signal leaves jobs running, and it is told which, and where their output goes."""
    words = ("run", "--local", "--wd", str(tmp_path), "--tail", "--", "/bin/sleep", "600")
    with begin(*words) as program:
        until_running(program)
        program.send_signal(number)
        said = program.communicate(timeout=60)[1]
    assert 128 + number == program.returncode
    (folder,) = tmp_path.glob(".drmaa-cffi-*")
    assert "left running: 1\nto wait for them: drmaa-cffi wait --local --contact " in said
    assert f" ID...; their output is in {folder}\n" in said
    assert "to end them: drmaa-cffi terminate --local ID...\n" in said
    assert {"running": 1} == engine.counts()


def test_wait_ended_by_a_signal(engine: Engine, session: Session) -> None:
    """The same is told by ``wait``; the job can be waited for again."""
    job = submit(session, "exec sleep 600")
    with begin("wait", "--contact", session.contact, job) as program:
        until_running(program)
        program.send_signal(signal.SIGTERM)
        said = program.communicate(timeout=60)[1]
    assert (128 + signal.SIGTERM, f"left running: {job}\n") == (program.returncode, said)
    session.control(job, "terminate")
    assert session.wait(job, 60).wasAborted


def test_ignored_signal(engine: Engine, tmp_path: Path) -> None:
    """What is started by nohup does not end when the terminal hangs up."""
    words = ("run", "--wd", str(tmp_path), "--", "/bin/sleep", "600")
    with begin(*words, trap="trap '' HUP") as program:
        until_running(program)
        program.send_signal(signal.SIGHUP)
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
    assert 128 + signal.SIGTERM == program.returncode


def test_ended_by_a_signal_at_the_question(engine: Engine, tmp_path: Path) -> None:
    """A signal is an answer."""
    shown = Terminal("run", "--wd", str(tmp_path), "--", "/bin/sleep", "600")
    shown.until("running")
    shown.press(CTRL_C)
    shown.until(r"\[w\]ait on")
    shown.send(signal.SIGTERM)
    assert 128 + signal.SIGTERM == shown.status()
    assert "left running: 1\n" in shown.text


@pytest.mark.parametrize("asked", [False, True])
def test_terminal_that_leaves(asked: bool, engine: Engine, tmp_path: Path) -> None:
    """Where the terminal is closed, the status is that of its signal, and the job goes on."""
    shown = Terminal("run", "--wd", str(tmp_path), "--", "/bin/sleep", "600")
    shown.until("running")
    if asked:
        shown.press(CTRL_C)
        shown.until(r"\[w\]ait on")
    assert 128 + signal.SIGHUP == shown.hang_up()
    assert {"running": 1} == engine.counts()


def test_reader_that_leaves(engine: Engine, tmp_path: Path) -> None:
    """Where nobody reads on, that is quiet, but for the jobs that are left running."""
    script = "until [ -e gate$TASK_ID ]; do sleep 0.1; done"
    words = ("--wd", str(tmp_path), "--array", "1-3", "--", "/bin/sh", "-c", script)
    with begin("run", *words) as program:
        until_running(program)
        assert program.stdout is not None
        assert program.stderr is not None
        (tmp_path / "gate1").touch()
        assert program.stdout.readline().startswith("job 1.1 ")
        program.stdout.close()
        (tmp_path / "gate2").touch()
        said = program.stderr.read()
    assert 1 == program.returncode
    assert "left running: 1.3\nto wait for them: " in said
    assert "rror" not in said
    (tmp_path / "gate3").touch()


def test_reader_that_leaves_at_the_end(engine: Engine, tmp_path: Path) -> None:
    """Where no job goes on nothing is left, be it messages or files."""
    words = ("run", "--wd", str(tmp_path), "--tail", "--", "/bin/sh", "-c", "sleep 1; echo said")
    with begin(*words) as program:
        until_running(program)
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        said = program.stderr.read()
    assert (1, "") == (program.returncode, said.replace("job 1: ending\n", ""))
    assert [] == list(tmp_path.glob(".drmaa-cffi-*"))
