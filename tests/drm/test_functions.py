"""Python functions as jobs: what they return, raise and print comes back."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest
from jobs import LONG, end_all_jobs, until

from drmaa_cffi import (
    IllegalStateException,
    InvalidArgumentException,
    JobFailedError,
    JobSubmissionState,
    JobTemplate,
    Resources,
    Session,
    functions,
)
from drmaa_cffi.functions import FunctionExecutor, FunctionFuture, RemoteError, RemoteTraceback


@pytest.fixture
def executor(session: Session, tmp_path: Path) -> Iterator[FunctionExecutor]:
    """An executor in the open session, with its files in the folder "calls"."""
    made = FunctionExecutor(session, folder=tmp_path / "calls")
    yield made
    made.shutdown(cancel_futures=True)


def folder_of(tmp_path: Path) -> Path:
    """Return the folder that the executor has made."""
    (folder,) = (tmp_path / "calls").iterdir()
    return folder


def raise_value_error(text: str) -> None:
    """Raise, as called here."""
    raise ValueError(text)


def test_result(executor: FunctionExecutor) -> None:
    """A call returns its value, and leaves what it printed and its job's record."""

    def add(one: int, *, other: int) -> int:
        print("adding", one)
        print("and", other, file=sys.stderr)
        return one + other

    future = executor.submit(add, 2, other=3)
    assert 5 == future.result(LONG)
    assert ["adding 2", "and 3"] == sorted(future.output().splitlines())
    assert future.info is not None
    assert (future.job_id, True) == (future.info.jobId, future.info.ok)


def test_exception(executor: FunctionExecutor) -> None:
    """What a call raises is raised here, and its cause is the traceback in the job."""
    future = executor.submit(lambda: raise_value_error("no luck"))
    with pytest.raises(ValueError, match=r"^no luck$") as caught:
        future.result(LONG)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in raise_value_error" in str(caught.value.__cause__)
    assert "worker.py" not in str(caught.value.__cause__)
    assert future.info is not None
    assert (True, 70) == (future.info.hasExited, future.info.exitStatus)


def test_exception_that_stays(executor: FunctionExecutor) -> None:
    """An exception that can't be brought here is one that tells its traceback."""

    class TwoArgumentsError(Exception):
        def __init__(self, one: int, other: int) -> None:
            super().__init__(f"{one} and {other}")

    def fail(error: BaseException | None) -> None:
        if error is None:
            raise ValueError(threading.Lock())
        raise TwoArgumentsError(1, 2)

    with pytest.raises(RemoteError, match="TwoArgumentsError: 1 and 2"):
        executor.submit(fail, OSError()).result(LONG)
    with pytest.raises(RemoteError, match=r"ValueError: <unlocked _thread.lock"):
        executor.submit(fail, None).result(LONG)


def test_unpicklable(executor: FunctionExecutor) -> None:
    """What can't be pickled is an error of the call, or of the submission."""
    with pytest.raises((TypeError, pickle.PicklingError), match="lock"):
        executor.submit(threading.Lock).result(LONG)
    with pytest.raises((TypeError, pickle.PicklingError), match="lock"):
        executor.submit(print, threading.Lock())


def test_killed(executor: FunctionExecutor) -> None:
    """A job that a signal ends is a failed job, with its record and its last output."""

    def die() -> None:
        print("about to die", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    future = executor.submit(die)
    with pytest.raises(JobFailedError, match="killed by SIGKILL.*, and left no result") as caught:
        future.result(LONG)
    assert ("about to die", caught.value.jobInfo) == (caught.value.stderr, future.info)


def test_exit_without_result(executor: FunctionExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that leaves the interpreter is not taken for one that returned None."""
    monkeypatch.setattr("drmaa_cffi._functions.folder._PATIENCE", 0.2)
    with pytest.raises(JobFailedError, match="exited with 0, and left no result"):
        executor.submit(os._exit, 0).result(LONG)


def test_map(executor: FunctionExecutor) -> None:
    """map() gives results in the order of the items, of one bulk job."""
    assert [1, 32, 81] == list(executor.map(pow, [1, 2, 3, 4], [7, 5, 4], timeout=LONG))
    assert [] == list(executor.map(pow, [], []))
    futures = executor.submit_bulk(lambda number: number * number, range(12))
    assert [number * number for number in range(12)] == [future.result(LONG) for future in futures]
    assert 12 == len({future.job_id for future in futures})
    assert 1 == len({future.job_id.replace("_", ".").partition(".")[0] for future in futures})


def test_map_in_chunks(executor: FunctionExecutor) -> None:
    """Several items can share a job, one after the other; an exception is still the call's."""
    pids = list(executor.map(lambda _: os.getpid(), range(7), timeout=LONG, chunksize=3))
    assert (7, 3) == (len(pids), len(set(pids)))
    assert pids[0] == pids[2] != pids[3] == pids[5] != pids[6]
    results = executor.map(lambda number: 6 // number, [3, 2, 1, 0], timeout=LONG, chunksize=2)
    assert [2, 3] == [next(results), next(results)]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_map_left_early(executor: FunctionExecutor) -> None:
    """The calls that are not waited for any more are cancelled; the time limit holds."""
    began = time.monotonic()
    results = executor.map(time.sleep, [0.1, 600, 600], timeout=None)
    assert next(results) is None
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(concurrent.futures.TimeoutError):
        next(executor.map(time.sleep, [600, 600], timeout=0.5))
    executor.shutdown()
    assert time.monotonic() - began < LONG


def test_cancel(executor: FunctionExecutor) -> None:
    """A call can be cancelled while it runs, and one that is over can't."""
    over = executor.submit(int)
    assert 0 == over.result(LONG)
    running = executor.submit(time.sleep, 600)
    assert [False, True] == [over.cancel(), running.cancel()]
    assert [running] == list(concurrent.futures.as_completed([running], LONG))
    with pytest.raises(concurrent.futures.CancelledError):
        running.result(LONG)
    assert 0 == over.result()


def test_output_of_a_running_call(executor: FunctionExecutor, tmp_path: Path) -> None:
    """What a call has printed can be read while it runs."""

    def talk(go: Path) -> None:
        print("first", flush=True)
        while not go.exists():
            time.sleep(0.05)
        print("second")

    go = tmp_path / "go"
    future = executor.submit(talk, go)
    until(lambda: future.output() == "first\n")
    assert (False, None) == (future.done(), future.info)
    go.touch()
    future.result(LONG)
    assert "first\nsecond\n" == future.output()


def test_files(session: Session, tmp_path: Path) -> None:
    """The files are for the user only; none are left of calls that are over, nor of the rest."""
    with FunctionExecutor(session, folder=tmp_path / "calls") as executor:
        assert 0o700 == stat.S_IMODE(folder_of(tmp_path).stat().st_mode)
        future = executor.submit(print, "out")
        future.result(LONG)
        until(lambda: not list(folder_of(tmp_path).iterdir()))
    assert [] == list((tmp_path / "calls").iterdir())
    assert "out\n" == future.output()


def test_own_session(tmp_path: Path) -> None:
    """Without a session the executor opens one, and closes it at the end."""
    try:
        with FunctionExecutor(folder=tmp_path) as executor:
            assert 3 == executor.submit(len, "abc").result(LONG)
        with Session():
            pass
    finally:
        with Session():
            end_all_jobs()


def test_surroundings(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has the interpreter, the folder and the modules of this program."""
    (tmp_path / "own_module.py").write_text("def hello():\n    return 'hello'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    import own_module  # type: ignore[import-not-found] # noqa: PLC0415

    def look() -> tuple[str, str, str]:
        return sys.executable, str(Path.cwd()), os.environ["COLOUR"]

    attributes = {"jobEnvironment": {"COLOUR": "red"}}
    with FunctionExecutor(session, template=attributes, folder=tmp_path) as executor:
        assert "hello" == executor.submit(own_module.hello).result(LONG)
        assert (sys.executable, str(tmp_path), "red") == executor.submit(look).result(LONG)
    with JobTemplate(workingDirectory="/", **attributes) as template:
        executor = FunctionExecutor(
            session, template=template, resources=Resources(slots=1), folder=tmp_path
        )
    with executor:
        assert (sys.executable, "/", "red") == executor.submit(look).result(LONG)


def held(session: Session, tmp_path: Path) -> FunctionExecutor:
    """Return an executor whose jobs are held."""
    attributes = {"jobSubmissionState": JobSubmissionState.HOLD_STATE}
    return FunctionExecutor(session, template=attributes, folder=tmp_path / "calls")


def test_foreign_calls(session: Session, tmp_path: Path) -> None:
    """A job unpickles nothing that somebody else can have written."""
    with held(session, tmp_path) as executor:
        future = executor.submit(int)
        (folder_of(tmp_path) / "1.calls").chmod(0o666)
        future.job.release()
        with pytest.raises(PermissionError, match="others can write to it"):
            future.result(LONG)


def test_foreign_result(session: Session, executor: FunctionExecutor, tmp_path: Path) -> None:
    """Nor does this program."""

    def let_others_in(folder: Path) -> None:
        folder.chmod(0o777)

    folder = folder_of(tmp_path)
    future = executor.submit(let_others_in, folder)
    try:
        with pytest.raises(PermissionError, match="is open to others"):
            future.result(LONG)
    finally:
        folder.chmod(0o700)


def test_other_python(executor: FunctionExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job whose Python has another version says so, and calls nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(sys.implementation, "cache_tag", "cpython-399")
        future = executor.submit(print, "called")
    with pytest.raises(RuntimeError, match="the call was made by cpython-399, but on .* is "):
        future.result(LONG)
    assert "" == future.output()


def test_callback(executor: FunctionExecutor) -> None:
    """A callback may submit; it can't wait for another call, which it would wait for in vain."""
    errors: list[BaseException | None] = []
    called = threading.Event()
    sleeper = executor.submit(time.sleep, 600)

    def wait(_: FunctionFuture[int]) -> None:
        try:
            sleeper.result(LONG)
        except IllegalStateException as error:
            errors.append(error)
        called.set()

    executor.submit(int).add_done_callback(wait)  # type: ignore[arg-type]
    assert called.wait(LONG)
    assert 1 == len(errors)


def test_misuse(session: Session, tmp_path: Path) -> None:
    """What can't be is refused with what is legal."""
    executor = FunctionExecutor(session, folder=tmp_path / "calls")
    with pytest.raises(InvalidArgumentException, match="pass a function"):
        executor.submit(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentException, match="chunksize can't be 0"):
        executor.map(int, [1], chunksize=0)
    executor.shutdown()
    executor.shutdown()
    with pytest.raises(IllegalStateException, match="was shut down"):
        executor.submit(int)
    with pytest.raises(InvalidArgumentException, match="pass a JobTemplate or a dict"):
        FunctionExecutor(session, template=3)  # type: ignore[arg-type]
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgumentException, match="folder can't be"):
        FunctionExecutor(session, folder=tmp_path / "file")
    assert [] == list((tmp_path / "calls").iterdir())


@pytest.mark.parametrize("terminal", [False, True])
def test_progress(
    executor: FunctionExecutor,
    terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """progress() gives futures as they are done, and shows a bar where somebody sees it."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    futures = executor.submit_bulk(lambda number: 6 // number, [1, 0, 2])
    assert set(futures) == set(functions.progress(futures, "dividing"))
    shown = capsys.readouterr().err
    assert all((word in shown) == terminal for word in ("dividing", "3/3", "1 failed")), shown


PROGRAM = """
import math, sys
from drmaa_cffi.functions import FunctionExecutor

OFFSET = 3


def simple(number: int, *, by: int = 2) -> float:
    return math.sqrt(number) * by + OFFSET


def recursive(number):
    return 1 if number < 2 else number * recursive(number - 1)


def loaded(*modules):
    return [name in sys.modules for name in modules]


def fails(text):
    raise ValueError(text)


if __name__ == "__main__":
    with FunctionExecutor(folder={folder!r}) as executor:
        futures = [
            executor.submit(simple, 4),
            executor.submit(simple, 4, by=3),
            executor.submit(recursive, 4),
            executor.submit(loaded, "cloudpickle", "pickle"),
            executor.submit(lambda: simple(1)),
        ]
        print([future.result() for future in futures])
        error = executor.submit(fails, "no").exception()
        print(repr(error), "in fails" in str(error.__cause__))
"""


def test_functions_of_the_program(session: Session, tmp_path: Path) -> None:
    """A program's own functions run; simple ones do not need cloudpickle in the job."""
    session.exit()
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("{folder!r}", repr(str(tmp_path / "calls"))))
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=150, check=False
    )
    assert "" == done.stderr
    said = "[7.0, 9.0, 24, [False, False], 5.0]\nValueError('no') True\n"
    assert said == done.stdout


def test_readme_of_submitit(executor: FunctionExecutor, tmp_path: Path) -> None:
    """What submitit's README shows: a call, its job's id and result, and an array of calls."""

    def add(one: int, other: int) -> int:
        return one + other

    with FunctionExecutor(
        Session, folder=tmp_path / "log_test", resources=Resources(walltime="0:01:00")
    ) as limited:
        job = limited.submit(add, 5, 7)
        assert 12 == job.result(LONG)
        assert job.job_id == job.job.job_id
    jobs = executor.submit_bulk(add, [1, 2, 3, 4], [10, 20, 30, 40])
    assert [11, 22, 33, 44] == [job.result(LONG) for job in jobs]


def test_readme_of_gridmap(executor: FunctionExecutor) -> None:
    """What gridmap's README shows: factorials, mapped over a list, in its order."""

    def compute_factorial(number: int) -> int:
        product = 1
        for factor in range(number):
            product *= factor + 1
        return product

    results = list(executor.map(compute_factorial, [3, 5, 10, 20], timeout=LONG))
    assert [6, 120, 3628800, 2432902008176640000] == results
