"""What comes over the socket: rubbish, strangers and other versions disturb nobody."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys

import pytest
from engines import Engine, root, submit

from drmaa_cffi import Session

HEADER = struct.Struct("=IBBxxII")


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


def test_other_version(engine: Engine, session: Session) -> None:
    """A client of another version is told how to replace the engine that runs."""
    with connect(engine) as link:
        hello = struct.pack("=IB16sI", 99, 0, b"n" * 16, 0)
        link.sendall(HEADER.pack(12 + len(hello), 1, 0, 1, 1) + hello)
        answer = link.recv(4096)
    assert 10 == struct.unpack_from("=III", answer)[2]
    assert b"another version" in answer
    assert b"drmaa_cffi.local stop" in answer
