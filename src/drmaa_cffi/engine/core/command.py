"""The commands of an engine: library, status, jobs, files, engine, stop."""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import time
from pathlib import Path

from . import backend, lock
from . import home as homes

_HEADER = struct.Struct("=IBBxxII")
_ANSWER = struct.Struct("=III")
_SIZE = struct.Struct("=I")
_INFO, _STOP, _JOBS = 9, 10, 11
_SECONDS = 60
_LOOK_AGAIN_SECONDS = 0.02


def main(kind: backend.Kind, arguments: list[str]) -> int:
    """Runs one command.

    Args:
        kind: whose engine it is.
        arguments: the command's words, without the program's name.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m drmaa_cffi.{kind.name}",
        description=f"{kind.title[0].upper()}{kind.title[1:]} of drmaa-cffi.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("library", help="print the path of the engine's libdrmaa")
    commands.add_parser("status", help="print what the engine does, as a JSON object")
    commands.add_parser("jobs", help="print the jobs that are left, as a JSON list")
    files = commands.add_parser("files", help="print the paths of a job's files, as a JSON object")
    files.add_argument("job", help="the job's id")
    start = commands.add_parser("engine", help="start the engine, return when it is ready")
    start.add_argument("--foreground", action="store_true", help="stay, and log to the terminal")
    stop = commands.add_parser("stop", help="stop the engine; its running jobs go on")
    stop.add_argument("--terminate", action="store_true", help="end all jobs first")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "library":
            sys.stdout.write(f"{Path(__file__).parents[1] / kind.name / 'libdrmaa.so'}\n")
        elif chosen.command == "status":
            sys.stdout.write(json.dumps(_status(kind)) + "\n")
        elif chosen.command == "jobs":
            sys.stdout.write((_ask(kind.name, _JOBS, b"") or b"[]").decode() + "\n")
        elif chosen.command == "files":
            answer = _ask(kind.name, _JOBS, chosen.job.encode("utf-8", "replace"))
            sys.stdout.write((answer or b"null").decode() + "\n")
        elif chosen.command == "stop":
            _ask(kind.name, _STOP, b"\1" if chosen.terminate else b"")
        else:
            from . import daemon  # noqa: PLC0415  the other commands need no engine

            return daemon.run(kind, foreground=chosen.foreground)
    except (homes.HomeError, homes.SettingError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _status(kind: backend.Kind) -> dict[str, object]:
    answer = _ask(kind.name, _INFO, b"")
    if answer is not None:
        facts: dict[str, object] = json.loads(answer)
        return facts
    return {
        "pid": None,
        "home": str(homes.find_home(kind.name)),
        **kind.facts_without_engine(),
        "jobs": {},
    }


def _ask(drm: str, kind: int, payload: bytes) -> bytes | None:
    """One question to the engine; None if none runs. After STOP, waits for its end."""
    path = homes.find_home(drm)
    if not path.exists():
        return None
    home = homes.Home(path, drm, make=False)
    link = _connect_at_last(home) if kind == _STOP else home.connect(homes.SOCKET_NAME)
    if link is None:
        return None
    with link:
        link.settimeout(_SECONDS)
        try:
            return _answer(link, kind, payload)
        except ConnectionError:
            return None  # it has ended meanwhile
        except socket.timeout as error:
            raise _no_answer(path) from error


def _connect_at_last(home: homes.Home) -> socket.socket | None:
    """A connection, also to an engine that is just starting; None if none is.

    Raises:
        homes.HomeError: it does not answer, or is on another host.
    """
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        link = home.connect(homes.SOCKET_NAME)
        if link is not None:
            return link
        starts, held = home.is_locked("start.lock"), home.is_locked(lock.NAME)
        # One that starts here may not have written its own name yet.
        elsewhere = "" if starts else lock.served_elsewhere(home, held=held)
        if elsewhere:
            raise homes.HomeError(f"{elsewhere}: run python -m drmaa_cffi.{home.drm} stop there")
        if not (starts or held):
            return None
        time.sleep(_LOOK_AGAIN_SECONDS)
    raise _no_answer(home.path)


def _no_answer(path: Path) -> homes.HomeError:
    return homes.HomeError(
        f"the engine in '{path}' does not answer since {_SECONDS} s; find its pid with fuser "
        "engine.lock there, and kill it if it hangs"
    )


def _answer(link: socket.socket, kind: int, payload: bytes) -> bytes | None:
    link.sendall(_HEADER.pack(12 + len(payload), kind, 0, 1, 1) + payload)
    data = b""
    while True:
        part = link.recv(1 << 16)
        data += part
        # Its size, without itself, is before an answer's number and code.
        whole = len(data) - _SIZE.size >= int.from_bytes(data[: _SIZE.size], sys.byteorder) > 0
        if not part or (whole and kind != _STOP):
            return data[_ANSWER.size :] if whole else None
