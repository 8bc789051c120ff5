"""The command ``drmaa-cffi`` in a terminal: what it shows, and what Ctrl-C does.

With ``--screens FOLDER`` the screens are saved there as pictures.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Callable, Iterator

import pytest
from jobs import until

from drmaa_cffi import InvalidJobException, JobState, Session
from terminal import CTRL_C, Terminal, drmaa_cffi

QUESTION = r"\[w\]ait on"
SLEEPER = ("--name", "sleeper", "--output", os.devnull, "--join", "--", "/bin/sleep")
Start = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Start]:
    """Start the command in a terminal; whatever goes on ends with the test."""
    started: list[Terminal] = []

    def start(command: str, *words: str, **environment: str) -> Terminal:
        # Where the title's prompt is not to be: the job's folder.
        folder = ("--wd", str(tmp_path)) if command == "run" else ()
        started.append(Terminal(command, *folder, *words, **environment))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def save(request: pytest.FixtureRequest) -> Callable[[Terminal, str, str], None]:
    """Save a screen under a name, with the command line as its title."""
    folder = request.config.getoption("--screens")

    def save(terminal: Terminal, name: str, title: str) -> None:
        if folder:
            terminal.save(Path(folder, f"{name}.svg"), f"drmaa-cffi {title}")

    return save


def job_of(terminal: Terminal) -> str:
    """Return the id of the job that the screen is about."""
    match = re.search(r"submitted job (\S+)", terminal.text)
    assert match is not None
    return match[1]


def gone(job_id: str) -> bool:
    """Whether a job has ended."""
    try:
        return Session.jobStatus(job_id) in {JobState.DONE, JobState.FAILED}
    except InvalidJobException:
        return True


def test_one_job(terminal: Start, save: Callable[[Terminal, str, str], None]) -> None:
    """A job's state and its time are shown while it lives, its end stays."""
    shown = terminal("run", *SLEEPER, "5")
    shown.until(r"job \S+  running  0:00:\d\d")  # since it was submitted
    save(shown, "run", "run -- /bin/sleep 5")
    assert 0 == shown.status()
    assert re.search(r"^job \S+ exited with 0 \(wallclock [5-9]", shown.text, re.MULTILINE)
    assert "running" not in shown.text


def test_array(terminal: Start, save: Callable[[Terminal, str, str], None]) -> None:
    """Counts, a bar, the time and the rate are shown; the ends scroll by above."""
    # One after the other: ends that come together may never be seen apart.
    script = "task=${SGE_TASK_ID:-$TASK_ID}; sleep $task; test $task != 3"
    words = ("--array", "1-6", *SLEEPER[:-2], "--", "/bin/sh", "-c", script)
    shown = terminal("run", *words)
    shown.until(r"[2-5] of 6 ended  0:00:\d\d  \d\.\d/s\n +.*\d done")
    save(shown, "run-array", "run --array 1-6 -- ./task")
    assert 1 == shown.status()
    assert shown.text.endswith("6 jobs: 5 done, 1 failed")
    assert 1 == len(re.findall("exited with 1", shown.text))


def test_no_colour(terminal: Start) -> None:
    """NO_COLOR turns colours off, on a terminal, too."""
    plain = terminal("doctor", NO_COLOR="1")
    assert 0 == plain.status()
    assert not re.search(rb"\x1b\[[0-9;]*3[0-9]", plain.written)
    colourful = terminal("doctor")
    assert 0 == colourful.status()
    assert re.search(rb"\x1b\[[0-9;]*3[0-9]", colourful.written)


def test_dumb_terminal(terminal: Start) -> None:
    """A terminal that knows no codes gets none."""
    shown = terminal("run", *SLEEPER, "1", TERM="dumb")
    assert 0 == shown.status()
    assert b"\x1b" not in shown.written


def test_terminate(
    terminal: Start, save: Callable[[Terminal, str, str], None], session: Session
) -> None:
    """Ctrl-C asks; the answer t ends the job, and its end is told."""
    shown = terminal("run", *SLEEPER, "600")
    shown.until("running")
    shown.press(CTRL_C)
    shown.until(QUESTION)
    shown.press("t\r")
    assert 125 == shown.status()
    save(shown, "interrupt", "run -- /bin/sleep 600")
    assert f"job {job_of(shown)} aborted" in shown.text
    assert gone(job_of(shown))


def test_leave_running(terminal: Start, session: Session) -> None:
    """The answer l leaves the job running, and tells how to wait for it."""
    shown = terminal("run", *SLEEPER, "600")
    shown.until("running")
    shown.press(CTRL_C)
    shown.until(QUESTION)
    shown.press("l\r")
    assert 130 == shown.status()
    job = job_of(shown)
    try:
        assert f"left running: {job}" in shown.text
        assert JobState.RUNNING == session.jobStatus(job)
        contact = re.search(r"--contact (\S+) ID", shown.text)
        assert contact is not None
        waiting = terminal("wait", "--contact", contact[1].strip("'"), job)
        waiting.until("running")
    finally:
        # Somebody waits: Grid Engine forgets what ends while nobody has the session open.
        assert 0 == drmaa_cffi("terminate", job).returncode
    assert 125 == waiting.status()
    assert f"job {job} aborted" in waiting.text


def test_wait_on(terminal: Start) -> None:
    """The answer w goes on, and any other asks again."""
    shown = terminal("run", *SLEEPER, "8")
    shown.until("running")
    shown.press(CTRL_C)
    shown.until(QUESTION)
    shown.press("x\r")
    shown.until(rf"(?s){QUESTION}.*{QUESTION}")
    shown.press("w\r")
    assert 0 == shown.status()


def test_ended_during_question(terminal: Start) -> None:
    """A question that nobody answers is withdrawn when the job has ended."""
    shown = terminal("run", *SLEEPER, "6")
    shown.until("running")
    shown.press(CTRL_C)
    shown.until(QUESTION)
    assert 0 == shown.status()
    assert "it has ended" in shown.text
    assert "exited with 0" in shown.text


def test_interrupted_twice(terminal: Start, session: Session) -> None:
    """The second Ctrl-C ends the job, unasked."""
    shown = terminal("run", *SLEEPER, "600")
    shown.until("running")
    shown.press(CTRL_C)
    shown.until(QUESTION)
    shown.press(CTRL_C)
    assert 125 == shown.status()
    assert "terminating 1 job" in shown.text
    assert gone(job_of(shown))


def test_wait(terminal: Start, session: Session) -> None:
    """The subcommand wait shows the same, and Ctrl-C does the same."""
    with session.createJobTemplate() as template:
        template.remoteCommand = "/bin/sleep"
        template.args = ["600"]
        template.outputPath = ":/dev/null"
        template.joinFiles = True
        job = session.runJob(template)
    shown = terminal("wait", "--contact", session.contact, job)
    shown.until(rf"job {job}  running")
    shown.press(CTRL_C)
    shown.until(QUESTION)
    shown.press(CTRL_C)
    assert 125 == shown.status()
    until(lambda: gone(job))


def test_doctor(terminal: Start, save: Callable[[Terminal, str, str], None]) -> None:
    """The doctor's last word is on the screen, in colours."""
    shown = terminal("doctor", "--submit")
    assert 0 == shown.status()
    save(shown, "doctor", "doctor --submit")
    assert "ok       test job: job" in shown.text
    assert shown.text.endswith("A job can be submitted.")


def test_no_ids(terminal: Start) -> None:
    """Without ids, and with nothing to read them from, the command tells what to give."""
    shown = terminal("status")
    assert 2 == shown.status()
    assert "give the ids of jobs" in shown.text
