"""What goes wrong on real machines: a clear error, nothing lost, others undisturbed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from engines import Engine, submit, template, until

import drmaa_cffi
from drmaa_cffi import (
    DrmsInitException,
    NoActiveSessionException,
    Session,
    TryLaterException,
)
from threads import run_in_threads

HEADER = struct.Struct("=IBBxxII")
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def initialize() -> Session:
    """Open a session."""
    session = Session()
    session.initialize()
    return session


def test_no_engine_command(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DRMAA_LOCAL_ENGINE and drmaa-local-engine on PATH the error says what to set."""
    monkeypatch.delenv("DRMAA_LOCAL_ENGINE")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DrmsInitException, match="DRMAA_LOCAL_ENGINE.*drmaa-local-engine on PATH"):
        initialize()


def test_bad_engine_command(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails is named, with what it said."""
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", "sh -c 'echo \"no luck\" >&2; exit 3'")
    with pytest.raises(DrmsInitException, match="no luck"):
        initialize()
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", "'open")
    with pytest.raises(DrmsInitException, match="each quote closed"):
        initialize()


def test_bad_setting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is no number is named, with what is legal."""
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "many")
    with pytest.raises(DrmsInitException, match="DRMAA_LOCAL_SLOTS='many'.*whole number from 1"):
        initialize()


def test_wrong_mode(engine: Engine) -> None:
    """A folder that others may enter is refused."""
    engine.home.mkdir(mode=0o755)
    with pytest.raises(DrmsInitException, match="mode 0755.*chmod 700"):
        initialize()
    engine.home.chmod(0o700)


@root
def test_foreign_owner(engine: Engine) -> None:
    """A folder of somebody else is refused."""
    engine.home.mkdir(mode=0o700)
    os.chown(engine.home, 65534, 65534)
    with pytest.raises(DrmsInitException, match="belongs to user 65534"):
        initialize()
    os.chown(engine.home, 0, 0)


def test_no_folder(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be made is named, with the variable that says where it is."""
    monkeypatch.setenv("DRMAA_LOCAL_HOME", "/proc/nothing/here")
    with pytest.raises(DrmsInitException, match="'/proc/nothing/here'.*DRMAA_LOCAL_HOME"):
        initialize()


@root
def test_read_only_home(engine: Engine) -> None:
    """A folder on a read-only file system gives a clear error."""
    engine.home.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "ro,mode=700", "none", str(engine.home)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        with pytest.raises(DrmsInitException, match="cannot be written: Read-only file system"):
            initialize()
    finally:
        subprocess.run(["umount", str(engine.home)], check=True)


@root
def test_disk_full(engine: Engine) -> None:
    """With a full disk submissions are refused, running jobs keep their ends, and all heals."""
    engine.home.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", str(engine.home)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        session = initialize()
        running = submit(session, "sleep 0.5; exit 8")
        until(lambda: session.jobStatus(running) == "running")
        filler = engine.home / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * (1 << 21))
        with pytest.raises(TryLaterException, match="nothing was submitted"):
            submit_many(session)
        filler.unlink()
        # Its end is told when it can be kept, which may be only now.
        assert 8 == session.wait(running, 60).exitStatus
        until(lambda: works_again(session), what="submissions")
        session.synchronize(["DRMAA_JOB_IDS_SESSION_ALL"], 30, True)
        session.exit()
        engine.stop()
    finally:
        until(lambda: not engine.processes())
        subprocess.run(["umount", str(engine.home)], check=True)


def submit_many(session: Session) -> None:
    """Submit more than what is left of the disk holds."""
    for _ in range(200):
        submit(session, "true", jobEnvironment={"FILL": "x" * 5000})


def works_again(session: Session) -> bool:
    """Whether a job can be submitted and run."""
    try:
        return session.wait(submit(session, "exit 1"), 30).exitStatus == 1
    except TryLaterException:
        return False


def test_long_path(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose path is too long for a socket works all the same."""
    long = Engine(tmp_path / ("long" * 20) / ("path" * 20))
    monkeypatch.setenv("DRMAA_LOCAL_HOME", str(long.home))
    session = initialize()
    assert 3 == session.wait(submit(session, "exit 3"), 30).exitStatus
    long.kill()
    assert 4 == session.wait(submit(session, "exit 4"), 30).exitStatus
    session.exit()
    long.stop()
    until(lambda: not long.processes())


@root
def test_no_proc(engine: Engine, tmp_path: Path) -> None:
    """Without /proc jobs run all the same; only a path too long for a socket cannot be helped."""
    program = (
        "import os, sys, subprocess\n"
        "assert not os.path.exists('/proc/self')\n"
        "import drmaa_cffi\n"
        "s = drmaa_cffi.Session(); s.initialize()\n"
        "t = s.createJobTemplate(); t.remoteCommand = '/bin/sh'\n"
        "t.args = ['-c', 'umask; exit 9']\n"
        f"t.outputPath = ':{tmp_path}/out'; t.joinFiles = True\n"
        "print(s.wait(s.runJob(t), 60).exitStatus)\n"
        "s.exit()\n"
        "subprocess.run([sys.executable, '-m', 'drmaa_cffi.local', 'stop', '--terminate'])\n"
        "os.environ['DRMAA_LOCAL_HOME'] += 'long' * 30\n"
        "try: s.initialize()\n"
        "except drmaa_cffi.DrmsInitException as error: print(error)\n"
    )
    script = 'umask 027; umount -l /proc && exec "$@"'
    words = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr or "umount" in done.stderr:
        pytest.skip(f"no mount namespaces here: {done.stderr}")
    status, error = done.stdout.splitlines()
    assert "9" == status
    assert "0027\n" == (tmp_path / "out").read_text()
    assert "too long for a socket" in error
    assert "DRMAA_LOCAL_HOME to a shorter one" in error


def test_stale_socket(engine: Engine) -> None:
    """Sockets that nobody listens on any more are replaced."""
    engine.home.mkdir(mode=0o700)
    for name in ("engine.sock", "runner.sock"):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(engine.home / name))
    session = initialize()
    assert 0 == session.wait(submit(session, "true"), 30).exitStatus


def connect(engine: Engine) -> socket.socket:
    """A raw connection to the engine."""
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(10)
    link.connect(str(engine.home / "engine.sock"))
    return link


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", id="another protocol"),
        pytest.param(HEADER.pack(1 << 31, 1, 0, 1, 1), id="too long"),
        pytest.param(HEADER.pack(3, 1, 0, 1, 1), id="too short"),
        pytest.param(HEADER.pack(12, 99, 0, 1, 1), id="unknown kind"),
        pytest.param(HEADER.pack(12, 6, 0, 1, 1), id="before hello"),
        pytest.param(HEADER.pack(12, 1, 0, 1, 1), id="empty hello"),
        pytest.param(HEADER.pack(37 + 5, 1, 0, 1, 1) + b"\1\0\0\0\0" + b"n" * 16
                     + b"\xff\xff\xff\x7f" + b"x" * 5, id="text beyond the end"),
    ],
)  # fmt: skip
def test_rubbish(engine: Engine, session: Session, data: bytes) -> None:
    """A client that sends rubbish is dropped, and nobody else notices."""
    job = submit(session, "sleep 0.3; exit 2")
    with connect(engine) as link:
        link.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            assert b"" == link.recv(1)
    assert 2 == session.wait(job, 30).exitStatus


def test_half_a_message(engine: Engine, session: Session) -> None:
    """A client that stops in the middle of a message, or goes then, disturbs nobody."""
    with connect(engine) as link:
        link.sendall(HEADER.pack(1000, 1, 0, 1, 1) + b"half")
        assert 2 == session.wait(submit(session, "exit 2"), 30).exitStatus
    assert 3 == session.wait(submit(session, "exit 3"), 30).exitStatus


@root
def test_other_users(engine: Engine, session: Session) -> None:
    """Another user can neither connect nor read, even if the folder lets them through."""
    program = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "s.settimeout(10)\n"
        "try:\n"
        "    s.connect(sys.argv[1])\n"
        "    print('connected', s.recv(1))\n"
        "except OSError as e: print(type(e).__name__)\n"
        "try: print(open(sys.argv[2]).read())\n"
        "except OSError as e: print(type(e).__name__)\n"
    )
    words = [sys.executable, "-c", program, str(engine.home / "engine.sock"),
             str(engine.home / "engine.log")]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    assert ["PermissionError", "PermissionError"] == done.stdout.split()
    folders = [engine.home, *engine.home.parents]
    modes = [folder.stat().st_mode for folder in folders]
    for folder in folders:
        folder.chmod(0o755)
    (engine.home / "engine.sock").chmod(0o777)
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    finally:
        for folder, mode in zip(folders, modes):
            folder.chmod(mode & 0o7777)
    assert done.stdout.split()[0] in ("connected", "ConnectionResetError")
    assert "PermissionError" == done.stdout.split()[-1]
    assert "user 65534 has tried to connect" in engine.log()


def test_two_clients_at_once(engine: Engine) -> None:
    """Programs that start at the same time start one engine."""
    program = (
        "import drmaa_cffi\n"
        "s = drmaa_cffi.Session(); s.initialize()\n"
        "t = s.createJobTemplate(); t.remoteCommand = '/bin/true'; t.outputPath = ':/dev/null'\n"
        "t.joinFiles = True\n"
        "jobs = [s.runJob(t) for _ in range(5)]\n"
        "print(*[s.wait(j, 60).exitStatus for j in jobs])\n"
        "s.exit()\n"
    )
    clients = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(20)
    ]
    for client in clients:
        out, _ = client.communicate(timeout=120)
        assert "0 0 0 0 0\n" == out
    assert 1 == engine.log().count(" serves ")


def test_start_beside_one_that_begins(engine: Engine) -> None:
    """Who would start an engine while another one begins is content when that one answers."""
    engine.home.mkdir(mode=0o700)
    with contextlib.ExitStack() as at_end:
        lock = at_end.enter_context((engine.home / "engine.lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = [sys.executable, "-m", "drmaa_cffi.local", "engine"]
        second = at_end.enter_context(subprocess.Popen(words))
        at_end.callback(second.kill)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(1)
        first = at_end.enter_context(socket.socket(socket.AF_UNIX))
        first.bind(str(engine.home / "engine.sock"))
        first.listen()
        assert 0 == second.wait(10)


def test_idle(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without clients and jobs leaves, and the next call starts another."""
    monkeypatch.setenv("DRMAA_LOCAL_IDLE", "0.2")
    session = initialize()
    session.wait(submit(session, "true"), 30)
    time.sleep(0.5)
    assert engine.pid
    session.exit()
    until(lambda: not engine.processes(), what="the engine's leave")
    assert engine.status()["pid"] is None
    session = initialize()
    assert 0 == session.wait(submit(session, "true"), 30).exitStatus


def test_idle_uses_no_cpu(engine: Engine, session: Session) -> None:
    """An engine with clients that wait, and nothing to do, uses no processor time."""
    job = submit(session, "sleep 600")
    waiter = threading.Thread(target=end_of, args=(session, job))
    waiter.start()
    until(lambda: session.jobStatus(job) == "running")
    pids = [line.partition(":")[0] for line in engine.processes()]
    time.sleep(0.3)
    before = [cpu_of(pid) for pid in pids]
    time.sleep(1.5)
    assert before == [cpu_of(pid) for pid in pids]
    session.control(job, "terminate")
    waiter.join(30)


def end_of(session: Session, job: str) -> None:
    """Wait for a job."""
    session.wait(job, 60)


def cpu_of(pid: str) -> tuple[str, ...]:
    """The processor time of a process, in ticks."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return tuple(stat[11:13])


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

    run_in_threads(work, ((number,) for number in range(50)), 120)
    assert [] == wrong


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


def test_other_version(engine: Engine, session: Session) -> None:
    """A client of another version is told how to replace the engine that runs."""
    with connect(engine) as link:
        hello = struct.pack("=IB16sI", 99, 0, b"n" * 16, 0)
        link.sendall(HEADER.pack(12 + len(hello), 1, 0, 1, 1) + hello)
        answer = link.recv(4096)
    assert 10 == struct.unpack_from("=III", answer)[2]
    assert b"another version" in answer
    assert b"drmaa_cffi.local stop" in answer
