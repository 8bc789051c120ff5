"""How an engine comes and goes: started once by whoever needs it, and gone when idle."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest
from engines import Engine, cpu_of, initialize, submit, until, within

import drmaa_cffi
from drmaa_cffi import DrmsInitException, Session


def test_no_engine_command(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DRMAA_LOCAL_ENGINE and drmaa-local-engine on PATH the error says what to set."""
    drmaa_cffi.load_library("local")  # which sets DRMAA_LOCAL_ENGINE where it is not set
    monkeypatch.delenv("DRMAA_LOCAL_ENGINE")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DrmsInitException, match="DRMAA_LOCAL_ENGINE.*drmaa-local-engine on PATH"):
        initialize()


def test_modules_in_the_callers_folder(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that is started in a folder with a json.py does not run that, whoever's it is."""
    monkeypatch.delenv("DRMAA_LOCAL_ENGINE")
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    for name in ("json", "runpy", "asyncio", "drmaa_cffi"):
        (folder / f"{name}.py").write_text(f"open('{tmp_path}/was run', 'w')\n")
    program = folder.with_name("program.py")
    program.write_text("import drmaa_cffi\nwith drmaa_cffi.Session() as session: pass\n")
    done = subprocess.run(
        [sys.executable, program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert engine.pids()
    assert not (tmp_path / "was run").exists()


def test_no_working_directory(engine: Engine, tmp_path: Path) -> None:
    """In a folder that was deleted an engine starts; a relative path is refused in plain words."""
    program = (
        "import os, subprocess, sys, drmaa_cffi\n"
        "os.mkdir('gone'); os.chdir('gone'); os.rmdir(os.getcwd())\n"
        "with drmaa_cffi.Session(): pass\n"
        "os.environ['DRMAA_LOCAL_HOME'] = 'engine'\n"
        "for command in 'status', 'engine', 'stop':\n"
        "    subprocess.run([sys.executable, '-m', 'drmaa_cffi.local', command])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    assert [
        "the local engine's folder 'engine' cannot be found from the working directory"
    ] * 3 == [line.partition(",")[0] for line in done.stderr.splitlines()]


def test_bad_engine_command(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails is named, with what it, or the shell, said."""
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", "sh -c 'echo \"no luck\" >&2; exit 3'")
    with pytest.raises(DrmsInitException, match="no luck"):
        initialize()
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", "'open")
    with pytest.raises(DrmsInitException, match="(?i)'open'\\) could not start: .*(quote|EOF)"):
        initialize()
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", "no-such-program --fast")
    with pytest.raises(DrmsInitException, match="no-such-program: .*not found"):
        initialize()


def test_engine_command_is_the_shells(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is read by the shell: quotes and variables work in it."""
    monkeypatch.setenv("PYTHON_OF_TEST", sys.executable)
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", '"$PYTHON_OF_TEST" -m "drmaa_cffi.local" engine')
    session = initialize()
    assert 0 == session.wait(submit(session, "true"), 30).exitStatus


def test_bad_setting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is not a number is named, with what is legal."""
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "many")
    with pytest.raises(DrmsInitException, match="DRMAA_LOCAL_SLOTS='many'.*whole number from 1"):
        initialize()


@pytest.mark.parametrize(
    ("value", "words"), [("inside", "runs the jobs: unset"), ("outside", "must be 'inside'")]
)
def test_inside(engine: Engine, monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    """DRMAA_ENGINE=inside is not for an engine that runs the jobs itself; no other value is."""
    monkeypatch.setenv("DRMAA_ENGINE", value)
    with pytest.raises(DrmsInitException, match=f"DRMAA_ENGINE='{value}'.*{words}"):
        initialize()


def test_served_on_another_host(engine: Engine) -> None:
    """Where an engine on another host holds the folder, that host is named at once."""
    engine.home.mkdir(mode=0o700, exist_ok=True)
    lock = engine.home / "engine.lock"
    lock.write_text("17 elsewhere\n")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DrmsInitException, match="on host elsewhere, process 17, serves '"):
            initialize()
        done = within(10, lambda: engine.command("stop"))
    assert 1 == done.returncode
    assert "on host elsewhere, process 17, serves '" in done.stderr
    assert done.stderr.endswith(": run python -m drmaa_cffi.local stop there\n")


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
    monkeypatch.setenv("DRMAA_LOCAL_IDLE", "1")
    session = initialize()
    session.wait(submit(session, "true"), 30)
    time.sleep(1.5)
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
    pids = [int(line.partition(":")[0]) for line in engine.processes()]
    time.sleep(0.3)
    before = [cpu_of(pid) for pid in pids]
    time.sleep(1.5)
    assert before == [cpu_of(pid) for pid in pids]
    session.control(job, "terminate")
    waiter.join(30)


def end_of(session: Session, job: str) -> None:
    """Wait for a job."""
    session.wait(job, 60)


@contextlib.contextmanager
def start_held_up(engine: Engine) -> Iterator[None]:
    """An engine that starts meanwhile waits for a runner that there seems to be."""
    engine.home.mkdir(mode=0o700)
    with (engine.home / "runner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        fcntl.flock(lock, fcntl.LOCK_UN)  # a child may have a copy


def starting(engine: Engine) -> list[int]:
    """The processes of an engine in the middle of its start: who waits for it, and itself."""
    until(lambda: len(engine.pids()) == 2 and (engine.home / "engine.db").exists())
    return sorted(engine.pids(), key=lambda pid: os.getsid(pid) == pid)


@pytest.mark.parametrize("who", [0, 1], ids=["starter", "engine"])
def test_killed_while_it_starts(engine: Engine, who: int) -> None:
    """An engine that is killed while it starts is not the last word: a client tries again."""
    sessions: list[Session] = []
    client = threading.Thread(target=lambda: sessions.append(initialize()), daemon=True)
    with start_held_up(engine):
        client.start()
        os.kill(starting(engine)[who], signal.SIGKILL)
    client.join(30)
    assert 1 == len(sessions)
    assert 0 == within(30, lambda: sessions[0].wait(submit(sessions[0], "true"), 30)).exitStatus


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_while_it_starts(engine: Engine) -> None:
    """A child that is forked during a start has nothing of it open, and holds up nobody."""
    drmaa_cffi.load_library("local")
    reading, writing = os.pipe()
    waiting, ending = os.pipe()
    client = threading.Thread(target=lambda: initialize().exit(), daemon=True)
    with start_held_up(engine):
        held = set(Path("/proc/self/fd").iterdir())
        client.start()
        starting(engine)
        child = os.fork()
        if not child:
            more = [path.name for path in set(Path("/proc/self/fd").iterdir()) - held]
            os.write(writing, f"{more}".encode())
            os.close(ending)
            os.read(waiting, 1)
            os._exit(0)
    os.close(waiting)
    try:
        assert b"[]" == os.read(reading, 1000)
        client.join(30)
        engine.stop()
        within(30, lambda: initialize().exit())
    finally:
        for number in (reading, writing, ending):
            os.close(number)
        os.waitpid(child, 0)


def test_interrupt_while_it_starts(engine: Engine) -> None:
    """Ctrl-C, which goes to all programs of a terminal's job, leaves a starting engine alone."""
    program = (
        "import drmaa_cffi, signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "s = drmaa_cffi.Session(); s.initialize(); print('ready'); s.exit()\n"
    )
    with start_held_up(engine):
        client = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        starting(engine)
        os.killpg(client.pid, signal.SIGINT)
    assert "ready\n" == client.communicate(timeout=60)[0]


def test_idle_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With DRMAA_LOCAL_IDLE=0 an engine awaits its first client, and leaves with the last."""
    monkeypatch.setenv("DRMAA_LOCAL_IDLE", "0")
    for _ in range(3):
        session = initialize()
        assert 0 == session.wait(submit(session, "true"), 30).exitStatus
        session.exit()
        until(lambda: not engine.processes(), seconds=5, what="the engine's leave")


def test_stop_while_it_starts(engine: Engine) -> None:
    """The command stop ends an engine that is just starting, too."""
    words = [sys.executable, "-m", "drmaa_cffi.local"]
    with contextlib.ExitStack() as at_end:
        with start_held_up(engine):
            at_end.enter_context(subprocess.Popen([*words, "engine"]))
            starting(engine)
            stop = at_end.enter_context(subprocess.Popen([*words, "stop"]))
            at_end.callback(stop.kill)
            with pytest.raises(subprocess.TimeoutExpired):
                stop.wait(1)
        assert 0 == stop.wait(30)
    assert engine.status()["pid"] is None
    assert [] == engine.pids()


@pytest.mark.slow
def test_start_that_never_ends(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not become ready in a minute is given up, and leaves no process."""
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", "sh -c 'sleep 600; true'")
    with pytest.raises(DrmsInitException, match="not ready after 60 seconds"):
        initialize()
    until(lambda: not engine.processes(), what="their end")  # they were killed, not awaited
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    for child in children.read_text().split():
        assert "Z" != Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][0]
