"""Programs with many threads, forks, open files or few rights."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from engines import Engine, root, submit, template, until

import drmaa_cffi
from drmaa_cffi import NoActiveSessionException, Session


def succeed(*words: str) -> None:
    """Run Python with these words, which must end well and complain of nothing."""
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_fork(engine: Engine, session: Session) -> None:
    """A forked child is told; the parent goes on; the child may open a session of its own."""
    job = submit(session, "sleep 0.3; exit 3")
    program = (
        "import ctypes, os, sys\n"
        "from pathlib import Path\n"
        "lib = ctypes.CDLL(sys.argv[1])\n"
        "text = ctypes.create_string_buffer(1024)\n"
        "size = ctypes.c_size_t(1024)\n"
        "assert lib.drmaa_init(None, text, size) == 0, text.value\n"
        "pid = os.fork()\n"
        "state = ctypes.c_int()\n"
        "if pid == 0:\n"
        "    code = lib.drmaa_job_ps(b'1', ctypes.byref(state), text, size)\n"
        "    print(code, text.value.decode(), flush=True)\n"
        "    code = lib.drmaa_exit(text, size)\n"
        "    code = lib.drmaa_init(None, text, size)\n"
        "    again = lib.drmaa_job_ps(b'1', ctypes.byref(state), text, size)\n"
        "    print(code, again, lib.drmaa_exit(text, size), flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "print(lib.drmaa_job_ps(b'1', ctypes.byref(state), text, size))\n"
        "print(lib.drmaa_exit(text, size))\n"
    )
    library = engine.command("library").stdout.strip()
    done = subprocess.run(
        [sys.executable, "-c", program, library],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    told, own, *parent = done.stdout.splitlines()
    assert told.startswith("5 this process was forked"), done
    assert "0 0 0" == own
    assert ["0", "0"] == parent
    assert 3 == session.wait(job, 30).exitStatus


def test_fifty_threads(engine: Engine, session: Session) -> None:
    """Fifty threads submit and wait at once, each for its own jobs."""
    wrong: list[object] = []

    def work(number: int) -> None:
        job = template(session, f"exit {number}")
        for _ in range(4):
            info = session.wait(session.runJob(job), 120)
            if info.exitStatus != number:
                wrong.append(info)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [] == wrong
    assert not any(thread.is_alive() for thread in threads)


def test_one_template_in_many_threads(engine: Engine) -> None:
    """Threads that set, read and submit the same template do no harm."""
    program = """
import threading, time, drmaa_cffi
session = drmaa_cffi.Session(); session.initialize()
job = session.createJobTemplate()
job.remoteCommand, job.jobSubmissionState = "true", "drmaa_hold"
job.args, job.workingDirectory = ["a"], "/a"
end = time.monotonic() + 2
def use(letter):
    while time.monotonic() < end:
        job.args = [letter * 50] * 20
        job.workingDirectory = "/" + letter * 3000
        assert len(set("".join(job.args))) == 1
        assert len(set(job.workingDirectory[1:])) == 1
def submit():
    while time.monotonic() < end:
        session.runJob(job)
threads = [threading.Thread(target=use, args=letter) for letter in "abc"]
threads.append(threading.Thread(target=submit))
for thread in threads: thread.start()
for thread in threads: thread.join()
session.exit()
"""
    succeed("-c", program)


def test_one_template_in_threads_of_c(engine: Engine) -> None:
    """So it is by the library alone, and in forked children, which find the template whole."""
    program = """
import ctypes, os, sys, threading, time
lib = ctypes.CDLL(sys.argv[1])
text, size = ctypes.create_string_buffer(1024), ctypes.c_size_t(1024)
assert lib.drmaa_init(None, text, size) == 0, text.value
job = ctypes.c_void_p()
assert lib.drmaa_allocate_job_template(ctypes.byref(job), text, size) == 0
end = time.monotonic() + 2
def use(letter):
    words = (ctypes.c_char_p * 21)(*[letter * 50] * 20, None)
    got, values = ctypes.create_string_buffer(4000), ctypes.c_void_p()
    while time.monotonic() < end:
        lib.drmaa_set_attribute(job, b"drmaa_wd", b"/" + letter * 3000, None, 0)
        lib.drmaa_set_vector_attribute(job, b"drmaa_v_argv", words, None, 0)
        assert lib.drmaa_get_attribute(job, b"drmaa_wd", got, ctypes.c_size_t(4000), None, 0) == 0
        assert len(set(got.value[1:])) == 1
        lib.drmaa_get_vector_attribute(job, b"drmaa_v_argv", ctypes.byref(values), None, 0)
        lib.drmaa_release_attr_values(values)
threads = [threading.Thread(target=use, args=(letter,)) for letter in (b"a", b"b", b"c")]
for thread in threads: thread.start()
while time.monotonic() < end:
    child = os.fork()
    if child == 0:
        lib.drmaa_init(None, text, size)
        end = time.monotonic() + 0.001
        use(b"d")
        os._exit(lib.drmaa_exit(None, 0))
    assert os.waitpid(child, 0)[1] == 0
for thread in threads: thread.join()
"""
    library = engine.command("library").stdout.strip()
    succeed("-W", "ignore", "-c", program, library)


def test_environment_set_meanwhile(engine: Engine) -> None:
    """A program may set and delete variables while other threads open sessions and submit."""
    program = """
import os, threading, time, drmaa_cffi
end = time.monotonic() + 3
def change():
    while time.monotonic() < end:
        for number in range(3000): os.environ[f"NAME{number}"] = "x" * 200
        for number in range(3000): del os.environ[f"NAME{number}"]
thread = threading.Thread(target=change)
thread.start()
while time.monotonic() < end:
    with drmaa_cffi.Session() as session:
        job = session.createJobTemplate()
        job.startTime = "23:59:59"
        for _ in range(500):
            try: session.runJob(job)  # which has no command: it is read, and goes no further
            except drmaa_cffi.DeniedByDrmException: pass
        job.remoteCommand, job.jobSubmissionState = "true", "drmaa_hold"
        session.runJob(job)
thread.join()
"""
    succeed("-c", program)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_without_standard_streams(engine: Engine, tmp_path: Path, closed: str) -> None:
    """In a program without standard streams nothing of the engine's has their numbers."""
    program = """
import contextlib, os, sys, drmaa_cffi
found = []
for _ in range(2):
    with drmaa_cffi.Session() as session:
        for number in 0, 1, 2:
            with contextlib.suppress(OSError): found.append(os.readlink(f"/proc/self/fd/{number}"))
open(sys.argv[1], "w").write(repr(found))
"""
    told = tmp_path / "told"
    subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", program, told],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    found = set(ast.literal_eval(told.read_text()))
    assert set() == {name for name in found if name != "/dev/null" and "pipe:" not in name}


def test_thousand_waits(engine: Engine, session: Session) -> None:
    """A program waits for a thousand jobs, a thread each, and every one gets its own record."""
    jobs = session.runBulkJobs(
        template(session, "exit $((TASK_ID % 250))", jobSubmissionState="drmaa_hold"), 1, 1000, 1
    )
    got = {}

    def work(job: str) -> None:
        got[job] = session.wait(job, 120).exitStatus

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    session.control("DRMAA_JOB_IDS_SESSION_ALL", "release")
    for thread in threads:
        thread.join(120)
    assert {job: int(job.partition(".")[2]) % 250 for job in jobs} == got


def test_exit_wakes_waiters(engine: Engine, session: Session) -> None:
    """Leaving the session ends every wait in it with NO_ACTIVE_SESSION."""
    job = submit(session, "sleep 600")
    seen: list[type] = []

    def work(call: object) -> None:
        try:
            call()  # type: ignore[operator]
        except drmaa_cffi.DrmaaException as error:
            seen.append(type(error))

    calls = [lambda: session.wait(job, 60), lambda: session.wait("DRMAA_JOB_IDS_SESSION_ANY", 60),
             lambda: session.synchronize([job], 60, False)]  # fmt: skip
    threads = [threading.Thread(target=work, args=(call,)) for call in calls * 5]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    session.exit()
    for thread in threads:
        thread.join(30)
    assert [NoActiveSessionException] * 15 == seen


def test_descriptors(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job has its three streams and nothing else open, whatever its submitter has."""
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
    for number in held:
        os.set_inheritable(number, True)
    listing = "import os, json; print(json.dumps(sorted(map(int, os.listdir('/proc/self/fd')))))"
    job = session.createJobTemplate()
    job.remoteCommand = sys.executable
    job.args = ["-c", listing]
    job.outputPath = f":{tmp_path}/out"
    session.wait(session.runJob(job), 30)
    for number in held:
        os.close(number)
    # Python's listing of the folder is the fourth.
    assert [0, 1, 2, 3] == json.loads((tmp_path / "out").read_text())


NOBODY = 65534
#: Runs a program as a user without rights, who can read what this Python needs all the same.
AS_NOBODY = (
    "setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
)  # fmt: skip


@root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_nobody() -> None:
    """A user without rights has an engine, and what such a user may not do fails by name."""
    program = """
import resource, drmaa_cffi
session = drmaa_cffi.Session(); session.initialize()
def run(command, **attributes):
    job = drmaa_cffi.JobTemplate(
        remoteCommand="/bin/sh", args=["-c", command], joinFiles=True, **attributes)
    return session.wait(session.runJob(job), 30).wasAborted
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
print(run("id -u; ulimit -n", outputPath=":out"))
print(run("true", outputPath=":/out"))
print(run("true", outputPath=":/dev/null", nativeSpecification="--nice -5"))
session.exit()
"""
    # Not below the tests' own folder, where only root may go.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        of_nobody = Engine(Path(folder, "engine"))
        environment = {**os.environ, "HOME": folder, "DRMAA_LOCAL_HOME": str(of_nobody.home)}

        def call(*words: str) -> str:
            done = subprocess.run(
                [*AS_NOBODY, sys.executable, *words], cwd=folder, env=environment,
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert (0, "") == (done.returncode, done.stderr)
            return done.stdout

        told = call("-c", program)
        call("-m", "drmaa_cffi.local", "stop", "--terminate")
        until(lambda: not of_nobody.processes())
        out = Path(folder, "out").read_text()
        log = of_nobody.log()
    assert ["False", "True", "True"] == told.splitlines()
    assert [str(NOBODY), "64"] == out.split()
    assert "could not write output file '/out': Permission denied" in log
    assert "could not set the niceness: Permission denied" in log
