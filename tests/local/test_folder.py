"""The engine's folder: what is wrong with it is said, and a disk that is full heals."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator

import pytest
from engines import Engine, initialize, root, run, submit, until, within
from raw import ANY, CONTROL, INFO, SUBMIT, WAIT, Client, Start, submission

from drmaa_cffi import (
    DrmsInitException,
    ExitTimeoutException,
    InvalidJobException,
    NoActiveSessionException,
    Session,
    TryLaterException,
)


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


@contextlib.contextmanager
def small_disk(engine: Engine, size: str) -> Iterator[Path]:
    """A small file system for the engine's folder; yields the file to fill it with."""
    engine.home.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(engine.home)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        yield engine.home / "filler"
    finally:
        until(lambda: not engine.processes())
        subprocess.run(["umount", str(engine.home)], check=True)


def fill(filler: Path) -> None:
    """Leave no room."""
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * (1 << 21))


@root
@pytest.mark.skipif(
    shutil.which("bindfs") is None or not Path("/dev/fuse").exists(), reason="needs bindfs"
)
def test_shared_file_system(engine: Engine, tmp_path: Path) -> None:
    """Where shared memory may be refused, the database has no write-ahead log; nothing is lost."""
    below = tmp_path / "below"
    below.mkdir(mode=0o700)
    engine.home.mkdir(mode=0o700)
    # With direct_io a file can't be mapped into memory for several processes.
    subprocess.run(["bindfs", "-o", "direct_io", str(below), str(engine.home)], check=True)
    try:
        session = initialize()
        job = submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.1; done; exit 7")
        until(lambda: "running" == session.jobStatus(job))
        assert [] == [*below.glob("engine.db-wal"), *below.glob("engine.db-shm")]
        os.kill(engine.pid, signal.SIGKILL)
        (tmp_path / "go").touch()
        assert 7 == session.wait(job, 30).exitStatus
        session.exit()
        engine.command("stop")
    finally:
        subprocess.run(["umount", "-l", str(engine.home)], check=True)


@root
def test_disk_full(engine: Engine, tmp_path: Path) -> None:
    """With a full disk submissions are refused, running jobs keep their ends, and all heals."""
    with small_disk(engine, "1m") as filler:
        session = initialize()
        waits = f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"
        running = submit(session, f"echo $$ > {tmp_path}/pid; {waits}; exit 8")
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        process = Path("/proc", (tmp_path / "pid").read_text().strip())
        fill(filler)
        with pytest.raises(TryLaterException, match="nothing was submitted"):
            submit_many(session)
        (tmp_path / "go").touch()
        until(lambda: not process.exists(), what="the job's end")
        filler.unlink()
        # Its end is told when it can be kept, which may be only now.
        assert 8 == session.wait(running, 60).exitStatus
        until(lambda: works_again(session), what="submissions")
        session.synchronize(["DRMAA_JOB_IDS_SESSION_ALL"], 30, True)
        session.exit()
        engine.stop()


@root
def test_waits_on_a_full_disk(engine: Engine, tmp_path: Path) -> None:
    """A job's end that a full disk cannot keep is not told: waits end in their time without it."""
    with small_disk(engine, "1m") as filler:
        session = initialize()
        jobs = [
            submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; exit {number}")
            for number in (8, 9)
        ]
        until(lambda: [session.jobStatus(job) for job in jobs] == ["running"] * 2)
        fill(filler)
        with pytest.raises(TryLaterException):
            submit_many(session)
        (tmp_path / "go").touch()
        # The client itself gives up ten seconds later, with another error.
        with pytest.raises(ExitTimeoutException):
            within(6, lambda: session.wait("DRMAA_JOB_IDS_SESSION_ANY", 2))
        with pytest.raises(ExitTimeoutException):
            within(6, lambda: session.wait(jobs[0], 2))
        until(lambda: session.jobStatus(jobs[1]) != "running")
        with pytest.raises(ExitTimeoutException):
            within(4, lambda: session.wait(jobs[0], 0))
        with pytest.raises(ExitTimeoutException):
            within(6, lambda: session.synchronize(jobs, 2, dispose=False))
        within(6, lambda: session.synchronize([jobs[1]], 2, dispose=True))
        filler.unlink()
        assert 8 == session.wait(jobs[0], 60).exitStatus
        with pytest.raises(InvalidJobException):
            session.wait(jobs[1], 10)
        session.exit()
        engine.stop()


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


@pytest.mark.parametrize("length", [494, 495])
def test_longest_path(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """A path is as long as SQLite takes, or is refused with the limit."""
    folder = tmp_path
    while len(str(folder)) < length - 200:
        folder /= "f" * 99
    long = Engine(folder / ("e" * (length - len(str(folder)) - 1)))
    monkeypatch.setenv("DRMAA_LOCAL_HOME", str(long.home))
    if length > 494:
        with pytest.raises(DrmsInitException, match="has a path of 495 bytes.* 494 at most"):
            initialize()
        return
    session = initialize()
    assert 3 == session.wait(submit(session, "exit 3"), 30).exitStatus
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


@root
def test_disk_full_at_once(engine: Engine) -> None:
    """A disk that is full before the first submission refuses it, and then heals."""
    with small_disk(engine, "300k") as filler:
        session = initialize()
        fill(filler)
        for _ in range(3):
            with pytest.raises(TryLaterException, match="nothing was submitted"):
                within(20, lambda: submit(session, "true"))
        filler.unlink()
        until(lambda: works_again(session), what="submissions")
        session.exit()
        engine.stop()


@root
def test_disk_stays_full(engine: Engine, tmp_path: Path) -> None:
    """However many submissions a full disk has failed, it is tried again at one pace."""
    with small_disk(engine, "1m") as filler:
        (engine.home / "engine.log").symlink_to(tmp_path / "log")
        session = initialize()
        assert 0 == session.wait(submit(session, "true"), 30).exitStatus
        fill(filler)
        with pytest.raises(TryLaterException):
            submit_many(session)
        for _ in range(30):
            with pytest.raises(TryLaterException):
                submit(session, "true", jobEnvironment={"FILL": "x" * 50_000})
            time.sleep(0.01)
        before = engine.log().count("cannot be written")
        assert before >= 31
        time.sleep(5)
        assert 1 <= engine.log().count("cannot be written") - before <= 3
        filler.unlink()
        session.exit()
        engine.stop()


@root
def test_disk_full_when_asked_again(engine: Engine, client_of: Start) -> None:
    """A job that is stored is not called refused when its client asks for it again."""
    with small_disk(engine, "1m") as filler:
        client = client_of()
        client.send(SUBMIT, 3, submission("/bin/true", state="drmaa_hold"))
        answer = client.answer()
        assert (3, 0) == answer[:2]
        engine.kill()
        client = client_of(contact=client.contact)
        fill(filler)
        for number in range(4, 40):
            client.send(SUBMIT, number, submission("/bin/true", "x" * 50_000))
        client.send(SUBMIT, 3, submission("/bin/true", state="drmaa_hold"), again=True)
        answers = [client.answer() for _ in range(37)]
        assert answer in answers
        assert 16 in {code for _, code, _ in answers}  # try later
        filler.unlink()
        engine.stop()


@root
def test_terminated_before_a_failed_start(engine: Engine, tmp_path: Path) -> None:
    """A job that was terminated before the runner failed to start it is not tried again."""
    with small_disk(engine, "1m") as filler:
        session = initialize()
        runner = engine.runner
        os.kill(runner, signal.SIGSTOP)
        job = submit(session, f"touch {tmp_path}/ran")
        until(lambda: session.jobStatus(job) == "running")
        session.control(job, "terminate")
        fill(filler)  # the runner starts no job that it cannot note down
        os.kill(runner, signal.SIGCONT)
        until(lambda: session.jobStatus(job) == "failed")
        filler.unlink()
        assert session.wait(job, 30).wasAborted
        assert not (tmp_path / "ran").exists()
        session.exit()
        engine.stop()


def ask_on_a_full_disk(client: Client, filler: Path) -> None:
    """Let it terminate two held jobs, take a record, release a third; hear of none of it."""
    for number in (3, 4, 5):
        client.send(SUBMIT, number, submission("/bin/true", state="drmaa_hold"))
        assert (number, 0) == client.answer()[:2]
    fill(filler)
    ask(client, again=False)
    client.send(INFO, 20, b"")
    assert (20, 0) == client.answer()[:2]


def ask(client: Client, *, again: bool) -> None:
    """Send what needs room on the disk."""
    for number, (kind, before, job) in enumerate(
        [
            (CONTROL, struct.pack("=I", 4), b"1"),
            (WAIT, struct.pack("=q", -1), b"1"),
            (CONTROL, struct.pack("=I", 4), b"2"),
            (CONTROL, struct.pack("=I", 3), b"3"),
        ],
        10,
    ):
        client.send(kind, number, before + struct.pack("=I1s", 1, job), again=again)


@root
@pytest.mark.parametrize("killed", [False, True], ids=["heals", "engine is killed"])
def test_disk_full_for_changes(engine: Engine, client_of: Start, killed: bool) -> None:
    """What a full disk cannot keep is not told before it can; it is done once, and stays so."""
    with small_disk(engine, "1m") as filler:
        client = client_of()
        ask_on_a_full_disk(client, filler)
        if killed:
            engine.kill()
            filler.unlink()
            client = client_of(contact=client.contact)
            ask(client, again=True)
        else:
            filler.unlink()
        answers = sorted(client.answer() for _ in range(4))
        assert [(number, 0) for number in (10, 11, 12, 13)] == [answer[:2] for answer in answers]
        assert answers[1][2].startswith(struct.pack("=I1sI", 1, b"1", 0x10000))  # aborted
        jobs = []
        engine.kill()
        client = client_of(contact=client.contact)
        for number in (30, 31):
            client.send(WAIT, number, ANY)
            jobs.append(client.answer()[2][4:5])
        assert [b"2", b"3"] == sorted(jobs)
        client.send(WAIT, 32, ANY)
        assert (32, 18) == client.answer()[:2]  # there is no job
        engine.stop()


@root
def test_sessions_on_a_full_disk(engine: Engine) -> None:
    """A new session that a full disk cannot keep is refused; one can leave its own at any time."""
    with small_disk(engine, "300k") as filler:
        session = initialize()
        contact = session.contact
        job = submit(session, "true", jobSubmissionState="drmaa_hold")
        fill(filler)
        with ThreadPoolExecutor(1) as pool:
            terminating = pool.submit(session.control, job, "terminate")
            until(lambda: session.jobStatus(job) == "failed")
            within(10, session.exit)
            with pytest.raises(NoActiveSessionException):
                terminating.result(10)
        with pytest.raises(DrmsInitException, match="cannot write in .* full"):
            within(10, initialize)
        within(10, lambda: session.initialize(contact))
        within(10, session.exit)
        filler.unlink()
        assert 0 == run(initialize(), "true").exitStatus
        session.exit()
        engine.stop()
