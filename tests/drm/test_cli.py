"""The command ``drmaa-cffi`` with pipes: data on stdout, messages on stderr, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest
from drms import Drm
from jobs import LONG, Gate, until

from programs import output, start
from terminal import COMMAND, drmaa_cffi, until_running

# What comes between a terminal and us.
ESCAPE = "\x1b"
Submit = Callable[..., "tuple[str, list[str]]"]


@pytest.fixture
def submit(tmp_path: Path) -> Iterator[Submit]:
    """Submit a job by the command; return the contact and the ids. Jobs end with the test."""
    submitted: list[str] = []

    def submit(*words: str) -> tuple[str, list[str]]:
        options = ("--wd", str(tmp_path), "--output", os.devnull, "--join")
        told = json.loads(output(drmaa_cffi("submit", "--json", *options, *words)))
        submitted.extend(told["jobs"])
        return told["contact"], told["jobs"]

    yield submit
    # Those that have ended are unknown by now.
    drmaa_cffi("terminate", *submitted)


def wait(contact: str, *ids: str) -> subprocess.CompletedProcess[str]:
    """Wait for jobs."""
    return drmaa_cffi("wait", "--contact", contact, *ids)


def run(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a job in *tmp_path*."""
    return drmaa_cffi("run", "--wd", str(tmp_path), *words, **environment)


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        pytest.param("exit 0", 0, "exited with 0", id="well"),
        pytest.param("exit 3", 3, "exited with 3", id="status"),
        pytest.param("kill -9 $$", 137, "killed by SIGKILL", id="signal"),
    ],
)
def test_run(tmp_path: Path, script: str, status: int, words: str) -> None:
    """The exit status is the job's, its end is on stdout, the progress on stderr."""
    done = run(tmp_path, "--", "/bin/sh", "-c", script, FORCE_COLOR="1", TERM="xterm-256color")
    assert status == done.returncode, done
    assert f" {words} (wallclock " in done.stdout
    assert done.stderr.startswith("submitted job ")
    assert ESCAPE not in done.stdout + done.stderr


@pytest.mark.parametrize("files", [("--error", "log"), ("--join", "--output", "log")])
def test_run_shows_errors(tmp_path: Path, files: tuple[str, ...]) -> None:
    """The last lines of the error file of a job that failed are on stderr."""
    others = () if "--join" in files else ("--output", "/dev/null")
    script = "echo no such input >&2; exit 3"
    done = run(tmp_path, *files, *others, "--", "/bin/sh", "-c", script)
    assert 3 == done.returncode
    log = tmp_path / "log"
    assert done.stderr.endswith(f"drmaa-cffi: the last of {log}:\n  no such input\n")


def test_run_aborted(tmp_path: Path) -> None:
    """The exit status is 125 for a job that could not begin."""
    done = run(tmp_path / "missing", "--", "/bin/true")
    assert 125 == done.returncode
    assert " aborted" in done.stdout


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("no_command", ["--", "nosuch"]),
        ("no_permission", ["--", "./noexec.sh"]),
        ("no_output", ["--output", "/nonexistent/x", "--", "/bin/true"]),
        ("no_folder", ["--wd", "/nonexistent", "--", "/bin/true"]),
    ],
)
def test_run_says_why(tmp_path: Path, drm: Drm, why: str, words: list[str]) -> None:
    """Why a job could not begin is printed, whatever tells it."""
    (tmp_path / "noexec.sh").write_text("#!/bin/sh\n")
    done = run(tmp_path, *words)
    assert 125 == done.returncode
    assert getattr(drm, why) in done.stdout + done.stderr, done


def test_tail_aborted(tmp_path: Path) -> None:
    """No output is expected of a job that could not begin; a missing directory is named."""
    missing = tmp_path / "missing"
    done = run(missing, "--tail", "--json", "--", "/bin/true")
    (job,) = json.loads(done.stdout)["jobs"]
    assert (True, "") == (job["aborted"], job["output"])
    assert f"drmaa-cffi: the job's directory {missing} is missing, seen from here\n" in done.stderr
    assert "can't be shown" not in done.stderr


def test_run_refused(tmp_path: Path) -> None:
    """The exit status is 125 for a job that is refused, with the DRM's words on stderr."""
    done = run(tmp_path, "--native", "--frobnicate", "--", "/bin/true")
    assert (125, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("drmaa-cffi: ")
    assert "drmaa-cffi: code " not in done.stderr
    assert "frobnicate" in done.stderr


def test_run_array(tmp_path: Path, drm: Drm) -> None:
    """There is a line for each index, and the exit status is the highest."""
    script = f"exit ${drm.index_variable}"
    done = run(tmp_path, "--array", "1-5:2", "--", "/bin/sh", "-c", script)
    assert 5 == done.returncode
    lines = done.stdout.splitlines()
    assert {"1", "3", "5"} == {line.split(" (")[0].rpartition(" ")[2] for line in lines}
    assert 3 == len(lines)
    assert done.stderr.endswith("3 jobs: 3 failed\n")


def test_run_json(tmp_path: Path) -> None:
    """JSON has the record, with the usage in seconds and bytes."""
    done = run(tmp_path, "--json", "--tail", "--", "/bin/sh", "-c", "echo said; exit 4")
    assert 4 == done.returncode
    (job,) = json.loads(done.stdout)["jobs"]
    assert ("exited with 4", False, 4, None) == (
        job["outcome"], job["ok"], job["exit_status"], job["signal"],
    )  # fmt: skip
    assert "said\n" == job["output"]
    assert 0 <= job["usage"]["wallclock"] < 60
    assert job["usage"]["submitted"].endswith("+00:00")
    assert job["resource_usage"]["submission_time"]


def test_tail(tmp_path: Path) -> None:
    """What the job wrote is on stdout and stderr, and no file of it is left."""
    done = run(tmp_path, "--tail", "--", "/bin/sh", "-c", "echo to stdout; echo to stderr >&2")
    assert (0, "to stdout\n") == (done.returncode, done.stdout)
    assert "to stderr\n" in done.stderr
    assert " exited with 0 (" in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_tail_named(tmp_path: Path) -> None:
    """Of a file that was named, what the job has added is shown, and it stays."""
    (tmp_path / "file").write_text("before\n")
    words = ("--tail", "--join", "--output", "file")
    done = run(tmp_path, *words, "--", "/bin/sh", "-c", "echo now; echo too >&2")
    assert "now\ntoo\n" == done.stdout
    assert "before\nnow\ntoo\n" == (tmp_path / "file").read_text()


@pytest.mark.parametrize("array", [(), ("--array", "1-2")], ids=["one", "array"])
def test_tail_folder(tmp_path: Path, array: tuple[str, ...]) -> None:
    """Of a folder that was named, the file that the job has made there is shown."""
    (tmp_path / "folder").mkdir()
    words = ("--tail", "--output", "folder", "--error", "folder", "--name", "named", *array)
    done = run(tmp_path, *words, "--", "/bin/sh", "-c", "echo to stdout; echo to stderr >&2")
    jobs = 2 if array else 1
    assert (0, "to stdout\n" * jobs) == (done.returncode, done.stdout)
    assert jobs == done.stderr.count("to stderr\n")
    assert 2 * jobs == len(list((tmp_path / "folder").iterdir()))


def test_tail_array(tmp_path: Path, drm: Drm) -> None:
    """The output of each task is shown."""
    script = f"echo index ${drm.index_variable}"
    done = run(tmp_path, "--tail", "--array", "1-3", "--", "/bin/sh", "-c", script)
    assert ["index 1", "index 2", "index 3"] == sorted(done.stdout.splitlines())
    assert [] == list(tmp_path.iterdir())


def test_options(tmp_path: Path, drm: Drm) -> None:
    """The name, directory, environment and input reach the job."""
    (tmp_path / "input").write_text("from the input\n")
    script = f'cat; echo "$(pwd) ${drm.name_variable} $GIVEN $PASSED"'
    words = ("--name", "named", "--env", "GIVEN=given", "--env", "PASSED", "--input", "input")
    done = run(tmp_path, *words, "--tail", "--", "/bin/sh", "-c", script, PASSED="passed")
    assert f"from the input\n{tmp_path} named given passed\n" == done.stdout


def test_files(tmp_path: Path) -> None:
    """Output and error go to the files that were named."""
    words = ("--output", "out", "--error", str(tmp_path / "err"))
    done = run(tmp_path, *words, "--", "/bin/sh", "-c", "echo 1; echo 2 >&2")
    assert 0 == done.returncode
    assert ("1\n", "2\n") == ((tmp_path / "out").read_text(), (tmp_path / "err").read_text())


def test_native(tmp_path: Path, drm: Drm) -> None:
    """Options in the DRM's language reach it."""
    option, script, said = drm.native_option
    done = run(tmp_path, "--native", option, "--tail", "--", "/bin/sh", "-c", script)
    assert f"{said}\n" == done.stdout


def test_hold_and_release(submit: Submit) -> None:
    """A job that is held waits; once released it runs, and is waited for by the contact."""
    contact, (job,) = submit("--hold", "--", "/bin/sh", "-c", "exit 6")
    assert f"{job} user_on_hold\n" == output(drmaa_cffi("status", job))
    assert "" == output(drmaa_cffi("release", job))
    done = wait(contact, job)
    assert (6, True) == (done.returncode, done.stdout.startswith(f"job {job} exited with 6 ("))


def test_hold(submit: Submit) -> None:
    """A job on hold can be held, released, held again and ended."""
    contact, (job,) = submit("--hold", "--", "/bin/true")
    output(drmaa_cffi("release", job, DRMAA_CFFI_CONTACT=contact))
    contact, (job,) = submit("--hold", "--", "/bin/true")
    output(drmaa_cffi("terminate", job))
    assert 125 == wait(contact, job).returncode


def test_suspend_and_resume(submit: Submit) -> None:
    """A job that runs can be suspended, goes on, and ends when it is told to."""
    contact, (job,) = submit("--", "/bin/sleep", "600")
    while output(drmaa_cffi("status", job)) != f"{job} running\n":
        pass
    told = json.loads(output(drmaa_cffi("suspend", "--json", job)))
    assert {"action": "suspend", "jobs": [{"job": job, "error": None}]} == told
    assert f"{job} user_suspended\n" == output(drmaa_cffi("status", job))
    output(drmaa_cffi("resume", job))
    command = [*COMMAND, "wait", "--contact", contact, job]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as waiting:
        # Somebody waits: Grid Engine forgets what ends while nobody has the session open.
        until_running(waiting)
        output(drmaa_cffi("terminate", job))
        told = waiting.communicate(timeout=90)[0]
    assert 125 == waiting.returncode
    assert f"job {job} aborted" in told


def test_pipe(tmp_path: Path) -> None:
    """What ``submit --json`` writes is all that ``wait`` needs."""
    options = ["--json", "--wd", str(tmp_path), "--array", "1-3"]
    script = ["--", "/bin/sh", "-c", "sleep 3; exit 2"]
    first = subprocess.run(
        [*COMMAND, "submit", *options, *script], capture_output=True, timeout=90, check=True
    )
    done = subprocess.run(
        [*COMMAND, "wait", "--json"],
        input=first.stdout,
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert 2 == done.returncode
    ids = json.loads(first.stdout)["jobs"]
    assert ids == [job["job"] for job in json.loads(done.stdout)["jobs"]]


def first_end(*words: str, then: Callable[[], object]) -> tuple[str, str]:
    """Start the command; return its first line, after which *then* is done, and its others."""
    command = [*COMMAND, *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as program:
        assert program.stdout is not None
        first = program.stdout.readline()
        then()
        return first, program.stdout.read()


def test_wait_twice(submit: Submit) -> None:
    """A second wait for a job says that its record was taken."""
    contact, (job,) = submit("--", "/bin/true")
    assert 0 == wait(contact, job).returncode
    again = wait(contact, job)
    assert 125 == again.returncode
    assert f"job {job} is lost: " in again.stdout
    assert "an earlier wait has taken its record, or it is no job of this session" in again.stdout


def test_wait_in_any_order(submit: Submit) -> None:
    """The end of a job is told when it comes, though an earlier one goes on."""
    contact, (slow,) = submit("--hold", "--", "/bin/true")
    _, (quick,) = submit("--contact", contact, "--", "/bin/sleep", "3")
    first, then = first_end(
        "wait", "--contact", contact, slow, quick, then=lambda: output(drmaa_cffi("release", slow))
    )
    assert first.startswith(f"job {quick} exited with 0")
    assert then.startswith(f"job {slow} exited with 0")


def test_run_in_any_order(submit: Submit, tmp_path: Path, drm: Drm) -> None:
    """The same in a session that has other jobs: one that runs on does not hide the next."""
    contact, _ = submit("--hold", "--", "/bin/true")
    gate = Gate(tmp_path)
    script = f"test ${drm.index_variable} = 2 && exit 2; {gate.shut}"
    first, then = first_end(
        "run", "--contact", contact, "--wd", str(tmp_path), "--array", "1-2",
        "--", "/bin/sh", "-c", script, then=gate.open,
    )  # fmt: skip
    assert " exited with 2 (" in first
    assert " exited with 0 (" in then


def test_words_on_stdin(submit: Submit) -> None:
    """Ids are read from standard input, and the states of all are told."""
    _, ids = submit("--hold", "--array", "1-2", "--", "/bin/true")
    command = [*COMMAND, "status"]
    text = " ".join(ids)
    done = subprocess.run(
        command, input=text, text=True, capture_output=True, timeout=90, check=True
    )
    assert "".join(f"{job} user_on_hold\n" for job in ids) == done.stdout


def test_unknown_job(drm: Drm) -> None:
    """A job that nobody knows is an error for itself, in words and in JSON."""
    done = drmaa_cffi("status", "--json", "99999999")
    assert 1 == done.returncode
    (job,) = json.loads(done.stdout)["jobs"]
    assert ("99999999", None) == (job["job"], job["state"])
    assert f"drmaa-cffi: job 99999999: {job['error']}\n" == done.stderr
    assert 1 == drmaa_cffi("hold", "99999999").returncode
    assert 125 == drmaa_cffi("wait", "99999999").returncode


def test_unknown_contact() -> None:
    """A contact of nobody's is refused."""
    done = drmaa_cffi("status", "--contact", "nobody", "1")
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("drmaa-cffi: ")
    assert "drmaa-cffi: code " not in done.stderr


def test_submit_for_people(tmp_path: Path) -> None:
    """The id is the data; how to wait is a message, which works as it stands."""
    done = drmaa_cffi("submit", "--wd", str(tmp_path), "--", "/bin/sh", "-c", "sleep 3; exit 7")
    job = done.stdout.strip()
    assert done.stderr.startswith("to wait for them: drmaa-cffi wait ")
    command = done.stderr.partition("drmaa-cffi ")[2].replace("ID...", job)
    words = subprocess.run(
        ["/bin/sh", "-c", f'printf "%s\\n" {command}'], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert 7 == drmaa_cffi(*words).returncode


def test_doctor() -> None:
    """All is well: a test job runs, and its times are in order."""
    done = drmaa_cffi("doctor", "--submit", "--json")
    assert 0 == done.returncode, done
    told = json.loads(done.stdout)
    assert told["ok"]
    assert {"ok"} == {
        check["verdict"] for check in told["checks"] if check["name"] != "static TLS"
    }
    job = told["steps"]["test job"]
    assert 0 < job["submit"] < job["start"] < job["end"] <= job["wait"]
    assert told["steps"]["init"]["seconds"] > 0
    assert "drmaa_v_argv" in told["steps"]["attributes"]["vector"]
    assert all(dependency["path"] for dependency in told["dependencies"])


def test_doctor_for_people(drm: Drm) -> None:
    """The report names the library, what it is, and that a job could be submitted."""
    done = drmaa_cffi("doctor", FORCE_COLOR="1")
    assert 0 == done.returncode, done
    assert ESCAPE not in done.stdout
    for said in ("Search\n", " (chosen)\n", "DRMAA version: 1.0", "drmaa_wd"):
        assert said in done.stdout
    assert done.stdout.endswith("A job can be submitted.\n")


def test_doctor_contact() -> None:
    """A contact that is not accepted is told as such."""
    done = drmaa_cffi("doctor", "--contact", "nobody")
    assert 1 == done.returncode
    assert "failure  contact: 'nobody' was not accepted" in done.stdout


def test_module_and_script(tmp_path: Path) -> None:
    """The installed script is the module."""
    script = Path(COMMAND[0]).with_name("drmaa-cffi")
    done = start([str(script), "run", "--wd", str(tmp_path), "--tail", "--", "/bin/echo", "hello"])
    assert (0, "hello\n") == (done.returncode, done.stdout)


def test_resources(tmp_path: Path, drm: Drm) -> None:
    """Slots, memory and time are said in the DRM's words; what is no amount is refused."""
    words = ("--slots", "1", "--time", "1:00:00")
    done = run(tmp_path, *words, "--", "/bin/true")
    assert 0 == done.returncode, done
    for words in (("--memory", "much"), ("--memory", "4096"), ("--time", "2"), ("--queue", "")):
        done = run(tmp_path, *words, "--", "/bin/true")
        assert 2 == done.returncode
        assert f" can't be '{words[1]}'" in done.stderr
        assert "code" not in done.stderr


def test_chain(submit: Submit, drm: Drm, tmp_path: Path) -> None:
    """A job waits for the one that --after names; with --only-if-ok it must have gone well."""
    gate = Gate(tmp_path)
    _, [first] = submit("--", "/bin/sh", "-c", f"{gate.shut} touch first; exit 3")
    contact, [second] = submit("--after", first, "--", "/bin/sh", "-c", "test -e first")
    words = ["--after", first, "--only-if-ok", "--", "/bin/true"]
    if drm.name == "gridengine":
        refused = drmaa_cffi("submit", *words)
        assert 0 != refused.returncode
        assert "only_if_ok" in refused.stderr
    else:
        third_contact, [third] = submit(*words)
    gate.open()
    assert 0 == wait(contact, second).returncode
    if drm.name != "gridengine":
        assert 125 == wait(third_contact, third).returncode


def test_most_at_once(tmp_path: Path, drm: Drm) -> None:
    """Of an array no more jobs run at once than was said."""
    script = "mkdir running || exit 1; sleep 0.2; rmdir running"
    words = [
        "--array",
        "1-3",
        "--most-at-once",
        "1",
        "--wd",
        str(tmp_path),
        "--output",
        os.devnull,
    ]
    done = drmaa_cffi("run", *words, "--join", "--", "/bin/sh", "-c", script)
    assert 0 == done.returncode, done


def test_follow(tmp_path: Path) -> None:
    """With --follow output comes while the job runs, lines of an array with the index in front."""
    gate = Gate(tmp_path)
    script = f"echo begun; {gate.shut} printf 'no end' >&2"
    words = ["run", "--follow", "--array", "9-10", "--wd", str(tmp_path), "--", "/bin/sh", "-c"]
    with subprocess.Popen(
        [*COMMAND, *words, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        begun = sorted(command.stdout.readline() for _ in range(2))
        assert [" 9 | begun\n", "10 | begun\n"] == begun
        gate.open()
        said, errors = command.communicate(timeout=LONG)
    assert (0, "") == (command.returncode, said)
    assert [" 9 | no end", "10 | no end"] == sorted(x for x in errors.split("\n") if " | " in x)
    assert not list(tmp_path.glob(".drmaa-cffi-*"))


def test_follow_one(tmp_path: Path) -> None:
    """What a single job writes is shown as it is, all of it."""
    script = "head -c 3000000 /dev/zero"
    words = ["run", "--follow", "--wd", str(tmp_path), "--", "/bin/sh", "-c", script]
    done = subprocess.run([*COMMAND, *words], capture_output=True, timeout=LONG, check=False)
    assert (0, bytes(3_000_000)) == (done.returncode, done.stdout)


def test_retries(tmp_path: Path) -> None:
    """A job that fails is tried again, an array's task by itself; the last attempt counts."""
    script = "echo $$ >>tried; test $(wc -l <tried) = 3"
    words = ["--wd", str(tmp_path), "--follow", "--retries", "2", "--", "/bin/sh", "-c", script]
    done = drmaa_cffi("run", *words)
    assert (0, 3) == (done.returncode, len((tmp_path / "tried").read_text().split()))
    assert 2 == done.stderr.count("; it is tried again as job ")
    index = "${SLURM_ARRAY_TASK_ID:-${SGE_TASK_ID:-$TASK_ID}}"
    script = f"echo of {index}; test -e m{index} || {{ touch m{index}; exit 7; }}"
    words = ["--wd", str(tmp_path), "--tail", "--array", "3-5:2", "--", "/bin/sh", "-c", script]
    done = drmaa_cffi("run", "--retries", "1", *words)
    assert (0, ["of 3"] * 2 + ["of 5"] * 2) == (
        done.returncode,
        sorted(done.stdout.split("\n"))[1:],
    )


def test_retries_refused(tmp_path: Path) -> None:
    """An end that is not worth it is none to try again; other words are refused by name."""
    words = ["--wd", str(tmp_path), "--output", os.devnull, "--join", "--", "/bin/false"]
    done = drmaa_cffi("run", "--retries", "1", "--retry-on", "node_failed", *words)
    assert (1, False) == (done.returncode, "tried again" in done.stderr)
    done = drmaa_cffi("run", "--retries", "1", "--retry-on", "bad", *words)
    assert (2, True) == (
        done.returncode,
        "'bad' is not one of 'exited', 'signaled'" in done.stderr,
    )
    done = drmaa_cffi("run", "--retry-on", "exited", *words)
    assert (2, True) == (done.returncode, "say how often by --retries" in done.stderr)


def test_logs(tmp_path: Path, submit: Submit, drm: Drm) -> None:
    """Logs shows what a job wrote that is over, by its id where an engine knows, else by path."""
    names = ["--output", f"{tmp_path}/out", "--error", f"{tmp_path}/err"]
    script = "echo out; echo err >&2"
    words = ["submit", "--json", "--wd", str(tmp_path), *names, "--", "/bin/sh", "-c", script]
    told = json.loads(output(drmaa_cffi(*words)))
    (job_id,) = told["jobs"]
    until((tmp_path / "err").exists)
    until(lambda: "err\n" == (tmp_path / "err").read_text())
    done = drmaa_cffi("logs", *names, job_id)
    assert (0, "out\n", "err\n") == (done.returncode, done.stdout, done.stderr)
    known = drmaa_cffi("logs", "--contact", told["contact"], job_id)
    if drm.name in {"local", "slurm"}:
        assert (0, "out\n", "err\n") == (known.returncode, known.stdout, known.stderr)
        drmaa_cffi("wait", "--contact", told["contact"], job_id)
        known = drmaa_cffi("logs", job_id)
    assert (1, True) == (known.returncode, "by --output and --error" in known.stderr)
    bad = drmaa_cffi("logs", "--output", f"{tmp_path}/none", job_id)
    assert (1, True) == (bad.returncode, "none can't be read: No such file" in bad.stderr)
