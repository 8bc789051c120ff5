"""The example programs print what they promise and do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest
from drms import Drm
from jobs import until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TUTORIAL = ROOT / "docs" / "tutorial" / "index.md"
SAID = "Good morning. The number is 42.\nSimon says: good night.\n"
TASKS = range(1, 31, 2)


def shown_output(name: str) -> str:
    """Return what the tutorial shows below an example: the next block of text."""
    text = TUTORIAL.read_text(encoding="utf-8")
    program = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    _, found, below = text.partition(f"```python\n{program}```\n")
    assert found
    return below.partition("\n```text\n")[2].partition("```\n")[0]


@pytest.fixture
def run(drm: Drm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Run an example in an empty folder and return what it printed.

    The tutorial shows the output on Grid Engine: there it must be that but for its numbers.
    """
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def run(name: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"],
            cwd=tmp_path,
            capture_output=True,
            timeout=150,
            text=True,
            check=False,
        )
        assert (0, "") == (done.returncode, done.stderr)
        # How often a status is seen is a matter of time.
        if drm.name == "gridengine" and name != "poll_status":
            assert re.sub(r"\d+", "0", shown_output(name)) == re.sub(r"\d+", "0", done.stdout)
        return done.stdout

    return run


def test_all_are_tested() -> None:
    """Each example has a test of its name here, and the tutorial shows what it printed."""
    tests = {name[5:] + ".py" for name in globals() if name.startswith("test_")}
    # hello.py is the README's, see test_readme.py.
    programs = {path.name for path in EXAMPLES.glob("*.py")} - {"hello.py"}
    assert programs
    assert programs <= tests
    assert all(shown_output(name[:-3]) for name in programs)


def test_start_and_stop(run: Callable[[str], str]) -> None:
    """A session starts and stops."""
    assert "A session is open.\nThe session is closed.\n" == run("start_and_stop")


def test_reconnect(run: Callable[[str], str]) -> None:
    """The second session has the contact of the first."""
    first, second = run("reconnect").splitlines()
    assert first.split(":", 1)[0] == "contact"
    assert first.split(":", 1)[1].strip() == second.split(":", 1)[1].strip()


def test_run_job(run: Callable[[str], str], tmp_path: Path) -> None:
    """The job's output and its arguments are in the one file."""
    assert re.fullmatch(r"submitted job \S+\n", run("run_job"))
    out = tmp_path / "sleeper.out"
    until(lambda: out.exists() and out.read_text() == SAID, 60)
    assert [out] == list(tmp_path.iterdir())


def test_run_array(run: Callable[[str], str], tmp_path: Path) -> None:
    """Each of the fifteen tasks has its file."""
    printed = run("run_array")
    match = re.fullmatch(r"submitted 15 jobs: (.*)\n", printed)
    assert match is not None
    assert 15 == len(set(match[1].split()))
    outs = {tmp_path / f"sleeper.{task}" for task in TASKS}
    until(lambda: all(out.exists() and out.read_text() == SAID for out in outs), 120)
    assert outs == set(tmp_path.iterdir())


def test_wait_for_job(run: Callable[[str], str]) -> None:
    """The job exits with 0."""
    printed = run("wait_for_job")
    assert re.fullmatch(r"submitted job (\S+)\njob \1 exited: True, status 0\n", printed)


def test_synchronize_jobs(run: Callable[[str], str]) -> None:
    """All jobs finish."""
    assert "submitted 15 jobs\nall have finished\n" == run("synchronize_jobs")


def test_synchronize_and_wait(run: Callable[[str], str]) -> None:
    """Each of the jobs tells how it ended."""
    first, *lines = run("synchronize_and_wait").splitlines()
    assert "submitted 15 jobs" == first
    ids = {re.fullmatch(r"job (\S+) exited: True, status 0", line)[1] for line in lines}
    assert 15 == len(ids) == len(lines)


def test_terminate_job(run: Callable[[str], str]) -> None:
    """The job is aborted."""
    printed = run("terminate_job")
    assert re.fullmatch(r"submitted job (\S+)\njob \1 aborted: True, exited: False\n", printed)


def test_poll_status(run: Callable[[str], str]) -> None:
    """Ten times a status is told, in words, in the order of a job's life."""
    first, *lines = run("poll_status").splitlines()
    assert re.fullmatch(r"submitted job \S+", first)
    assert 10 == len(lines)
    order = ["the job waits for its turn", "the job runs", "the job has finished well"]
    assert set(lines) <= set(order)
    assert lines == sorted(lines, key=order.index)


def test_query_system(run: Callable[[str], str]) -> None:
    """Version, DRM, implementation and contact are told, before and within a session."""
    lines = run("query_system").splitlines()
    answers = [(name.strip(), answer.strip()) for name, answer in (s.split(":", 1) for s in lines)]
    assert ("version", "1.0") == answers[0]
    assert ["DRMs", "implementation", "contacts", "DRM", "implementation", "contact"] == [
        name for name, _ in answers[1:]
    ]
    assert all(answer for _, answer in answers)


def test_futures(run: Callable[[str], str]) -> None:
    """Each job's end is told, and what the one that failed has said."""
    ends = dict.fromkeys(range(6), "exited with 0")
    ends[3] = "exited with 1: no luck"
    expected = "".join(f"job number {number} {end}\n" for number, end in ends.items())
    assert expected == run("futures")


def test_coroutines(run: Callable[[str], str]) -> None:
    """Three chains of two jobs run to their ends."""
    lines = sorted(run("coroutines").splitlines())
    ends = "first exited with 0, second exited with 3"
    assert [f"chain {number}: {ends}" for number in range(3)] == lines
