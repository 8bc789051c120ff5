"""The batch script, under the shells that clusters have: what it gives the command and records."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from drmaa_cffi.engine.core import spec
from drmaa_cffi.engine.slurm import ends, script

SHELLS = [["dash"], ["bash", "--posix"]]
COMMAND, DIRECTORY, INPUT, OUTPUT, ERROR, JOIN, ARGUMENT, SETTING = 0, 2, 8, 9, 10, 11, 32, 33
# dash is silent about these, so that they look like an exit.
SILENT = {"dash": ("INT", "PIPE")}
NAME = ends.Name("abcd", 0, 0)


@pytest.fixture(params=SHELLS, ids=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """A shell that /bin/sh may be."""
    words: list[str] = request.param
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} here")
    return words


class Done(NamedTuple):
    """What a job has left."""

    record: ends.Record
    output: bytes
    error: bytes


def run(
    shell: list[str],
    folder: Path,
    *words: bytes,
    settings: tuple[bytes, ...] = (),
    environment: bytes = b"",
    soft: int = -1,
    is_task: bool = False,
    **paths: bytes,
) -> Done:
    """Run the script of a job in *folder*, as the second task of an array if *is_task*."""
    values = {
        DIRECTORY: paths.get("directory", bytes(folder)),
        INPUT: b":" + paths.get("input", b"/dev/null"),
        OUTPUT: b":" + paths.get("output", bytes(folder) + b"/out"),
        ERROR: b":" + paths.get("error", bytes(folder) + b"/err"),
        JOIN: paths.get("join", b"n"),
    }
    fields = [(COMMAND, words[0]), *((ARGUMENT, word) for word in words[1:])]
    fields += [(SETTING, setting) for setting in settings]
    fields += list(values.items())
    data = b"".join(struct.pack("=BI", number, len(value)) + value for number, value in fields)
    work = spec.JobSpec(spec.Times(-1, -1, -1, soft, -1, -1), data)
    context = spec.Context(1, 0o027, b"/root", b"", environment, b"", b"")
    files = spec.files_of(work, context, script.NUMBER, None)
    line = script.line_of(work, context, files, NAME.token, script.Streams())
    table = folder / "table.jobs"
    table.write_bytes(b"exit 1\n" + line + b"\nexit 3\n")
    job = script.from_table(bytes(table)) if is_task else line
    text = script.make(work, context, bytes(folder), job)
    task = {"SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "2"} if is_task else {}
    variables = [variable.split(b"=", 1) for variable in script.clean(environment)]
    subprocess.run(
        shell,
        input=text,
        env={
            **{os.fsdecode(name): os.fsdecode(value) for name, value in variables},
            "PATH": os.environ["PATH"],
            "SLURM_JOB_ID": "17",
            **task,
        },
        check=False,
        timeout=60,
        start_new_session=True,
    )
    record = ends.read(folder, NAME)
    assert record is not None
    texts = [
        path.read_bytes() if path.exists() else b"" for path in (folder / "out", folder / "err")
    ]
    return Done(record, *texts)


@pytest.mark.parametrize("status", [0, 3, 127, 128, 137, 143, 255])
def test_exits(shell: list[str], tmp_path: Path, status: int) -> None:
    """An exit status is an exit status, also one that a shell makes of a signal."""
    record = run(shell, tmp_path, b"/bin/sh", b"-c", b"exit %d" % status).record
    assert (status << 8, 0, False) == (record.status, record.stage, record.terminated)


@pytest.mark.parametrize("name", ["KILL", "TERM", "HUP", "USR1", "SEGV", "INT", "PIPE"])
def test_signals(shell: list[str], tmp_path: Path, name: str) -> None:
    """A signal is a signal, where the shell tells."""
    line = f"ulimit -c 0; kill -{name} $$"
    done = run(shell, tmp_path, b"/bin/sh", b"-c", line.encode())
    number = int(subprocess.run(
        ["bash", "-c", f"kill -l {name}"], check=True, capture_output=True, timeout=60
    ).stdout)  # fmt: skip
    wanted = (128 + number) << 8 if name in SILENT.get(shell[0], ()) else number
    assert (wanted, b"") == (done.record.status, done.error)


@pytest.mark.parametrize("is_task", [False, True])
def test_every_byte(shell: list[str], tmp_path: Path, is_task: bool) -> None:
    """Arguments and values arrive whole, whatever bytes they have."""
    words = [
        b"it's",
        b"new\nline",
        b"carriage\r\nreturn",
        b"",
        b"a=b",
        bytes(range(1, 256)),
        b"$HOME",
    ]
    done = run(shell, tmp_path, b"/usr/bin/printf", b"%s|", *words, is_task=is_task)
    assert b"|".join(words) + b"|" == done.output
    (tmp_path / "out").unlink()
    settings = (b"UID=5", b"A.B=x\ny", b"C=a=b")
    environment = b"BASH_FUNC_m%%=() { :\n}\0SLURM_CPU_BIND=none\0D=d\0"
    said = run(
        shell, tmp_path, b"env", b"-0", settings=settings, environment=environment, is_task=is_task
    ).output
    variables = set(said.split(b"\0"))
    assert {
        *settings,
        b"BASH_FUNC_m%%=() { :\n}",
        b"D=d",
        b"JOB_ID=17_2" if is_task else b"JOB_ID=17",
    } <= variables
    assert b"SLURM_CPU_BIND=none" not in variables


def test_task_of_table(shell: list[str], tmp_path: Path) -> None:
    """A task that is a job by itself has an id of its own in its environment, and no index."""
    line = b"echo $JOB_ID $TASK_ID"
    done = run(shell, tmp_path, b"/bin/sh", b"-c", line, is_task=True)
    assert (b"17_2 undefined\n", 17, 0) == (done.output, done.record.job, done.record.status)


@pytest.mark.parametrize(
    ("paths", "stage"),
    [
        ({"directory": b"/missing"}, script.DIRECTORY),
        ({"output": b"/missing/out"}, script.OUTPUT),
        ({"error": b"/missing/err"}, script.ERROR),
        ({"input": b"/missing/in"}, script.INPUT),
    ],
)
def test_missing_files(
    shell: list[str], tmp_path: Path, paths: dict[str, bytes], stage: int
) -> None:
    """What keeps a command from starting is in the record, with the reason."""
    record = run(shell, tmp_path, b"/bin/true", **paths).record
    assert (stage, 2) == (record.stage, record.reason)


def test_missing_command(shell: list[str], tmp_path: Path) -> None:
    """A command that is not there, or cannot be executed, was not started."""
    for command in (b"no-such-command", b"/no/such"):
        done = run(shell, tmp_path, command)
        assert (script.EXECUTE, 2) == (done.record.stage, done.record.reason)
        assert b"cannot execute" in done.error
    record = run(shell, tmp_path, bytes(tmp_path)).record
    assert (script.EXECUTE, 13) == (record.stage, record.reason)


def test_soft_limit(shell: list[str], tmp_path: Path) -> None:
    """A soft limit is a USR1 for the command, which the script outlives."""
    line = b"trap 'exit 4' USR1; sleep 30 & wait"
    record = run(shell, tmp_path, b"/bin/sh", b"-c", line, soft=1).record
    assert 4 << 8 == record.status
    assert 0.5e6 < record.ended - record.started < 20e6


def test_terminated(tmp_path: Path, shell: list[str]) -> None:
    """The script outlives a SIGTERM to all, and its record says that it came."""
    pid = b"$(ps -o ppid= -p $$)" if shell[0] == "bash" else b"0"
    line = b"kill -TERM " + pid + b"; sleep 0.5; exit 5"
    record = run(shell, tmp_path, b"/bin/sh", b"-c", b"trap : TERM; " + line).record
    assert (5 << 8, True) == (record.status, record.terminated)


def test_terminated_at_the_end() -> None:
    """A SIGTERM may come while the script writes the end."""
    times = "0m0.0s 0m0.0s\n0m0.5s 0m0.25s"
    text = f"start 5.1 17 node\nTerminated\nend 143 6.2\ngot TERM\n{times}\ndone\n"
    record = ends.parse(NAME, text)
    assert record is not None
    assert (15, True, 500_000) == (record.status, record.terminated, record.utime)


def test_cut_records() -> None:
    """A record that is not whole is none."""
    whole = "start 5.1 17 node\nend 0 6.2\n0m0.0s 0m0.0s\n0m0.5s 0m0.25s\ndone\n"
    record = ends.parse(NAME, whole)
    assert record is not None
    assert (500_000, 250_000, "node") == (record.utime, record.stime, record.host)
    for end in range(len(whole) - 1):
        assert ends.parse(NAME, whole[:end]) is None
