"""The commands of the local engine: library, status, jobs, engine, stop."""

from __future__ import annotations

import argparse
import json
import struct
import sys
from pathlib import Path

from . import home as homes

_HEADER = struct.Struct("=IBBxxII")
_INFO, _STOP, _JOBS = 9, 10, 11
_SECONDS = 60


def main(arguments: list[str]) -> int:
    """Runs one command.

    Args:
        arguments: the command's words, without the program's name.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m drmaa_cffi.local", description="The local engine of drmaa-cffi."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("library", help="print the path of the engine's libdrmaa")
    commands.add_parser("status", help="print what the engine does, as a JSON object")
    commands.add_parser("jobs", help="print the jobs that are left, as a JSON list")
    start = commands.add_parser("engine", help="start the engine, return when it is ready")
    start.add_argument("--foreground", action="store_true", help="stay, and log to the terminal")
    stop = commands.add_parser("stop", help="stop the engine; its running jobs go on")
    stop.add_argument("--terminate", action="store_true", help="end all jobs first")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "library":
            sys.stdout.write(f"{Path(__file__).parent / 'libdrmaa.so'}\n")
        elif chosen.command == "status":
            sys.stdout.write(json.dumps(_status()) + "\n")
        elif chosen.command == "jobs":
            sys.stdout.write((_ask(_JOBS, b"") or b"[]").decode() + "\n")
        elif chosen.command == "stop":
            _ask(_STOP, b"\1" if chosen.terminate else b"")
        else:
            from . import daemon  # noqa: PLC0415  the other commands need no engine

            return daemon.run(foreground=chosen.foreground)
    except (homes.HomeError, homes.SettingError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _status() -> dict[str, object]:
    answer = _ask(_INFO, b"")
    if answer is not None:
        facts: dict[str, object] = json.loads(answer)
        return facts
    return {
        "pid": None,
        "home": str(homes.find_home()),
        "slots": homes.Settings.read().slots,
        "jobs": {},
    }


def _ask(kind: int, payload: bytes) -> bytes | None:
    """One question to the engine; None if none runs. After STOP, waits for its end."""
    path = homes.find_home()
    if not path.exists():
        return None
    link = homes.Home(path, make=False).connect(homes.SOCKET_NAME)
    if link is None:
        return None
    with link:
        link.settimeout(_SECONDS)
        link.sendall(_HEADER.pack(12 + len(payload), kind, 0, 1, 1) + payload)
        data = b""
        while True:
            part = link.recv(1 << 16)
            if not part:
                return data[12:] if data else None
            data += part
            if kind != _STOP and len(data) >= 4 + int.from_bytes(data[:4], sys.byteorder):
                return data[12:]
