"""What comes over the socket: rubbish, strangers and other versions disturb nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import raw
from engines import Engine, cpu_of, initialize, root, submit, until, within
from raw import (
    ANY,
    CONTROL,
    HEADER,
    HELLO,
    INFO,
    PROTOCOL,
    STATUS,
    SUBMIT,
    WAIT,
    Start,
    connect,
    ids_of,
    submission,
)  # fmt: skip

from drmaa_cffi import DeniedByDrmException, Session


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", id="another protocol"),
        pytest.param(HEADER.pack(1 << 31, 1, 0, 1, 1), id="too long"),
        pytest.param(HEADER.pack(3, 1, 0, 1, 1), id="too short"),
        pytest.param(HEADER.pack(12, 99, 0, 1, 1), id="unknown kind"),
        pytest.param(HEADER.pack(12, 6, 0, 1, 1), id="before hello"),
        pytest.param(HEADER.pack(12, 1, 0, 1, 1), id="empty hello"),
        pytest.param(HEADER.pack(37 + 5, 1, 0, 1, 1) + b"\3\0\0\0\0" + b"n" * 16
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


def test_much_rubbish(engine: Engine, session: Session) -> None:
    """Clients that send rubbish all the time do not fill the log."""
    for _ in range(200):
        with connect(engine) as link:
            link.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert b"" == link.recv(1)
    assert 1 <= engine.log().count("a client was dropped") < 20


def test_half_a_message(engine: Engine, session: Session) -> None:
    """A client that stops in the middle of a message, or goes then, disturbs nobody."""
    with connect(engine) as link:
        link.sendall(HEADER.pack(1000, 1, 0, 1, 1) + b"half")
        assert 2 == session.wait(submit(session, "exit 2"), 30).exitStatus
    assert 3 == session.wait(submit(session, "exit 3"), 30).exitStatus


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"abc", id="part of a header"),
        pytest.param(HEADER.pack(12, INFO, 0, 1, 1), id="no hello"),
        pytest.param(HEADER.pack(100, HELLO, 0, 1, 1) + b"half", id="half a hello"),
    ],
)
def test_silence(engine: Engine, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Who connects and does not say who it is, does not keep the engine from its leave."""
    monkeypatch.setenv("DRMAA_LOCAL_IDLE", "1")
    session = initialize()
    with connect(engine) as link:
        link.sendall(data)
        session.exit()
        until(lambda: not engine.processes(), seconds=8, what="the engine's leave")


def test_silence_after_hello(engine: Engine, client_of: Start) -> None:
    """A client that stops in the middle of a message, or before hello, is dropped in the end."""
    client = client_of()
    client.link.sendall(HEADER.pack(1000, SUBMIT, 0, 3, 1) + b"half")
    quiet, silent = client_of(b"q" * 16), connect(engine)
    with silent:
        for link in (client.link, silent):
            link.settimeout(20)
            assert b"" == link.recv(1)
    assert "dropped: it was silent" in engine.log()
    quiet.send(INFO, 3, b"")
    assert (3, 0) == quiet.answer()[:2]


def test_suspended_in_the_middle(engine: Engine, tmp_path: Path) -> None:
    """A program that is suspended while it sends a large job goes on as if it had not been."""
    program = (
        "import drmaa_cffi, sys\n"
        "s = drmaa_cffi.Session(); s.initialize()\n"
        "t = s.createJobTemplate(); t.remoteCommand = '/bin/sh'\n"
        "t.args = ['-c', 'echo run >> ' + sys.argv[1]]\n"
        "t.outputPath, t.joinFiles = ':/dev/null', True\n"
        "t.jobEnvironment = {f'V{number}': 'x' * 100_000 for number in range(15)}\n"
        "print('ready', flush=True); input()\n"
        "print(s.wait(s.runJob(t), 60).exitStatus)\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "runs")]
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as at_end:
        client = at_end.enter_context(subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True))
        at_end.callback(client.kill)
        assert client.stdout is not None
        assert client.stdin is not None
        assert "ready\n" == client.stdout.readline()
        serving = engine.pid
        os.kill(serving, signal.SIGSTOP)
        client.stdin.write("\n")
        client.stdin.flush()
        time.sleep(1)  # it sends what the socket holds, and that is not all
        client.send_signal(signal.SIGSTOP)
        os.kill(serving, signal.SIGCONT)
        until(lambda: "in the middle of a message" in engine.log())
        client.send_signal(signal.SIGCONT)
        assert "0\n" == client.communicate(timeout=60)[0]
    assert "run\n" == (tmp_path / "runs").read_text()


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


def test_other_version(engine: Engine, session: Session) -> None:
    """A client of another version is told how to replace the engine that runs."""
    with connect(engine) as link:
        hello = struct.pack("=IB16sI", 99, 0, b"n" * 16, 0)
        link.sendall(HEADER.pack(12 + len(hello), 1, 0, 1, 1) + hello)
        answer = link.recv(4096)
    assert 10 == struct.unpack_from("=III", answer)[2]
    assert b"another version" in answer
    assert b"drmaa_cffi.local stop" in answer


def test_bad_request(client_of: Start) -> None:
    """A request that makes no sense is answered: a client that were dropped would repeat it."""
    client = client_of()
    client.send(SUBMIT, 3, b"short")
    assert (3, 1) == client.answer()[:2]
    client.send(INFO, 4, b"")
    assert (4, 0) == client.answer()[:2]


@pytest.mark.parametrize(
    "context",
    [
        struct.pack("=II1sII", 0o22, 1, b"/", 0, 7) + b"A=1\0B=2",
        struct.pack("=II1sII", 0o22, 1, b"/", 17, 0) + b"\0" * 16 * 17,
        struct.pack("=II1sII", 0o22, 1, b"\0", 0, 0),
        struct.pack("=II1sII", 0o22, 1, b"/", 0, 9) + b"A=1\0",
    ],
    ids=["no final NUL", "too many limits", "NUL in the home", "too short"],
)
def test_bad_context(client_of: Start, context: bytes) -> None:
    """A context that makes no sense is refused, and holds for no job."""
    client = client_of()
    client.send(raw.CONTEXT, 3, context)
    assert (3, 1) == client.answer()[:2]
    client.send(SUBMIT, 4, submission("/bin/sh", "-c", "true"))
    assert (4, 0) == client.answer()[:2]  # with the context before it


LONG = "1" * 5000


@pytest.mark.parametrize("job", [LONG, "1." + LONG, "1.\u00b2"], ids=["long", "index", "digit"])
def test_impossible_id(session: Session, client_of: Start, job: str) -> None:
    """An id that no job can have, though it looks like one, is a job that does not exist."""
    submit(session, "true")
    client = client_of(contact=session.contact)
    text = struct.pack("=I", len(job.encode())) + job.encode()
    for number, (kind, before) in enumerate(
        [(STATUS, b""), (CONTROL, struct.pack("=I", 4)), (WAIT, struct.pack("=q", 0))], 3
    ):
        client.send(kind, number, before + text)
        told, code, words = client.answer()
        assert (number, 18) == (told, code)
        assert b"there is no job" in words


@pytest.mark.parametrize(
    "job", ["\u00b2", LONG, "1." + LONG], ids=["superscript", "long", "index"]
)
def test_after_impossible_id(engine: Engine, session: Session, job: str) -> None:
    """A job cannot wait for one that no job can be."""
    submit(session, "true")
    with pytest.raises(DeniedByDrmException, match="--after"):
        within(20, lambda: submit(session, "true", nativeSpecification=f"--after {job}"))


def test_large_submission(engine: Engine, session: Session) -> None:
    """An environment no command can be given is refused soon, and is not stored."""
    job = submit(session, "sleep 600")
    pid = engine.pid
    before = cpu_of(pid)
    environment = {f"V{number}": "x" * 1_000_000 for number in range(63)}
    with pytest.raises(DeniedByDrmException, match="63.* bytes; 8388608 are the most"):
        within(60, lambda: submit(session, "true", jobEnvironment=environment))
    assert cpu_of(pid) - before < 1
    assert "running" == session.jobStatus(job)
    stored = [path.stat().st_size for path in engine.home.iterdir()]
    assert max(stored) < 10_000_000


def test_submission_asked_again(engine: Engine, client_of: Start, tmp_path: Path) -> None:
    """A job that was reaped before its submission was asked for again does not run again."""
    client = client_of()
    command = f"echo run >> {tmp_path}/runs; exit 3"
    client.send(SUBMIT, 3, submission("/bin/sh", "-c", command))
    until(lambda: engine.status()["jobs"]["done"] == 1)
    engine.kill()
    other = client_of(b"o" * 16, client.contact)
    other.send(WAIT, 3, ANY)
    number, code, record = other.answer()
    assert (3, 0) == (number, code)
    assert b"exit_status=3" in record
    again = client_of(contact=client.contact)
    again.send(SUBMIT, 3, submission("/bin/sh", "-c", command), again=True)
    assert (3, 0, ids_of(1)) == again.answer()
    again.send(WAIT, 4, ANY)
    assert (4, 18) == again.answer()[:2]  # there is no job
    assert "run\n" == (tmp_path / "runs").read_text()


def test_lost_answers(engine: Engine, client_of: Start, tmp_path: Path) -> None:
    """A client whose connection breaks, as often as it may, gets its job's number and record."""
    client = client_of()
    command = f"echo run >> {tmp_path}/runs; exit 3"
    client.send(SUBMIT, 3, submission("/bin/sh", "-c", command))
    assert (3, 0, ids_of(1)) == client.answer()
    client.send(WAIT, 4, ANY)
    record = client.answer()
    assert b"exit_status=3" in record[2]
    for _ in range(2):
        client.link.close()
        client = client_of(contact=client.contact)
        client.send(SUBMIT, 3, submission("/bin/sh", "-c", command), again=True)
        assert (3, 0, ids_of(1)) == client.answer()
        client.send(WAIT, 4, ANY, again=True)
        assert record == client.answer()
    client.link.sendall(HEADER.pack(12, INFO, 0, 5, 5))  # it has the answers before this one
    assert (5, 0) == client.answer()[:2]
    client.send(WAIT, 4, ANY, again=True)
    assert (4, 18) == client.answer()[:2]  # there is no job
    assert "run\n" == (tmp_path / "runs").read_text()


def test_lost_questions(engine: Engine, client_of: Start, tmp_path: Path) -> None:
    """What a client asks again while its first connection is still there is done once."""
    first = client_of()
    command = f"echo run >> {tmp_path}/runs; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"
    first.send(SUBMIT, 3, submission("/bin/sh", "-c", command))
    first.send(WAIT, 4, ANY)
    until((tmp_path / "runs").exists)
    late = submission("/bin/sh", "-c", command)
    serving = engine.pid
    os.kill(serving, signal.SIGSTOP)
    first.send(SUBMIT, 5, late)  # the engine has not read it when the client gives up
    os.kill(serving, signal.SIGCONT)
    second = client_of(contact=first.contact)
    second.send(SUBMIT, 5, late, again=True)
    second.send(WAIT, 4, ANY, again=True)
    assert (5, 0, ids_of(2)) == second.answer()
    (tmp_path / "go").touch()
    assert (4, 0) == second.answer()[:2]
    second.send(WAIT, 6, ANY)
    assert (6, 0) == second.answer()[:2]
    second.send(WAIT, 7, ANY)
    assert (7, 18) == second.answer()[:2]  # there is no job
    assert "run\nrun\n" == (tmp_path / "runs").read_text()
    with contextlib.suppress(ConnectionResetError):
        while first.link.recv(1000):
            pass


def test_record_of_a_wait_that_stop_cut_off(engine: Engine, client_of: Start) -> None:
    """A record whose answer the engine could not send before it left is there afterwards."""
    client = client_of()
    client.send(SUBMIT, 3, submission("/bin/sh", "-c", "exit 7"))
    assert (3, 0) == client.answer()[:2]
    until(lambda: engine.status()["jobs"]["failed"] + engine.status()["jobs"]["done"] == 1)
    # More answers than the socket holds, since nobody reads them.
    for number in range(4, 5004):
        client.send(INFO, number, b"")
    client.send(WAIT, 5004, ANY)
    until(lambda: not sum(engine.status()["jobs"].values()))
    assert 0 == engine.command("stop").returncode
    again = client_of(contact=client.contact)
    again.send(WAIT, 5004, ANY, again=True)
    number, code, record = again.answer()
    assert (5004, 0) == (number, code)
    assert b"exit_status=7" in record


def hello(nonce: bytes, contact: str = "") -> bytes:
    """The frame that opens a session."""
    payload = struct.pack("=IB16sI", PROTOCOL, 0, nonce, len(contact)) + contact.encode()
    return HEADER.pack(12 + len(payload), HELLO, 0, 1, 1) + payload


def open_sessions_until_it_leaves(engine: Engine) -> list[str]:
    """The contacts of clients of which one comes after the other while the engine is stopped."""
    answers = []
    serving = engine.pid
    with contextlib.ExitStack() as at_end:
        links: list[socket.socket] = []
        with contextlib.suppress(FileNotFoundError, ConnectionError):
            while len(links) < 300:
                with contextlib.suppress(BlockingIOError):  # too many at a time
                    links.append(at_end.enter_context(connect(engine)))
                    links[-1].sendall(hello(os.urandom(16)))
                if len(links) == 50:
                    answers = [link.recv(100) for link in links]
                    os.kill(serving, signal.SIGTERM)
        for link in links[50:]:
            with contextlib.suppress(ConnectionResetError):
                answers.append(link.recv(100))
    until(lambda: not engine.pids())
    return [answer[12:].decode() for answer in answers if answer]


def test_sessions_opened_while_the_engine_leaves(engine: Engine) -> None:
    """Each session that an engine opens at its end is there for the next one, too."""
    contacts = []
    for _ in range(3):
        assert 0 == engine.command("engine").returncode
        contacts += open_sessions_until_it_leaves(engine)
    assert len(contacts) == len(set(contacts)) >= 150
    assert 0 == engine.command("engine").returncode
    for contact in contacts:
        with connect(engine) as link:
            link.sendall(hello(os.urandom(16), contact))
            assert contact == link.recv(1000)[12:].decode()
    assert "ERROR" not in engine.log()
