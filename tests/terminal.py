"""The command ``drmaa-cffi`` as a user starts it: in a pseudo-terminal, or with pipes."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Optional

import pexpect
import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

import programs

COMMAND = [sys.executable, "-m", "drmaa_cffi.cli"]
COLUMNS, ROWS = 90, 24
# pyte's names for what rich calls otherwise.
_COLOURS = {"brown": "yellow"}
CTRL_C = "\x03"


def drmaa_cffi(*words: str, **environment: Optional[str]) -> subprocess.CompletedProcess[str]:
    """Run the command with pipes for its output and nothing to read."""
    return programs.start([*COMMAND, *words], **environment)


def until_running(program: subprocess.Popen[str]) -> None:
    """Read messages until jobs run."""
    assert program.stderr is not None
    assert any(" running" in line for line in iter(program.stderr.readline, ""))


class Terminal:
    """A program in a pseudo-terminal, and what its screen shows.

    Args:
        words: The command's words.
        environment: Variables over this process's; None removes one.
    """

    def __init__(self, *words: str, **environment: Optional[str]) -> None:
        env = {**os.environ, "TERM": "xterm-256color", **environment}
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        with warnings.catch_warnings():
            # forkpty() beside threads: the child does nothing but exec.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._program = pexpect.spawn(
                COMMAND[0],
                [*COMMAND[1:], *words],
                env={name: value for name, value in env.items() if value is not None},
                dimensions=(ROWS, COLUMNS),
                timeout=0.1,
            )

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def _look(self) -> bool:
        """Take in what was written; return False if there will be no more."""
        try:
            data = self._program.read_nonblocking(65536, timeout=0.1)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.written += data
        self._stream.feed(data)
        return True

    def until(self, pattern: str, seconds: float = 90) -> str:
        """Return the screen once it shows *pattern*, a regular expression."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            more = self._look()
            shows = re.search(pattern, self.text)
            assert shows or (more and time.monotonic() < end), f"no {pattern!r} in:\n{self.text}"
        return self.text

    def press(self, keys: str) -> None:
        """Type *keys*."""
        self._program.send(keys)

    def send(self, number: int) -> None:
        """Send a signal."""
        self._program.kill(number)

    def status(self) -> int:
        """Wait for the program's end and return its exit status."""
        end = time.monotonic() + 90
        while self._look():
            assert time.monotonic() < end, f"it goes on:\n{self.text}"
        self._program.close()
        assert self._program.exitstatus is not None, self._program.signalstatus
        return int(self._program.exitstatus)

    def hang_up(self) -> int:
        """Close the terminal, and return the exit status of the program."""
        # Its own close() would end the program by signals of its own.
        process = self._program.ptyproc
        process.fileobj.close()
        process.closed = self._program.closed = True
        return int(self._program.wait())

    def close(self) -> None:
        """End the program, if it has not."""
        self._program.close(force=True)

    def save(self, path: Path, title: str) -> None:
        """Save the screen as a picture."""
        screen = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor")
        rows = len(self.text.splitlines())
        for row in range(rows):
            screen.print(self._line(row))
        # Without the fonts that it would fetch from elsewhere.
        template = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        path.write_text(
            screen.export_svg(title=title, code_format=template, unique_id=path.stem),
            encoding="utf-8",
        )

    def _line(self, row: int) -> Text:
        line = Text(end="")
        for column in range(COLUMNS):
            cell = self._screen.buffer[row][column]
            colour = _COLOURS.get(cell.fg, cell.fg)
            style = "bold " if cell.bold else ""
            if re.fullmatch("[0-9a-f]{6}", colour):
                style += f"#{colour}"
            elif colour != "default":
                style += colour.replace("bright", "bright_")
            line.append(cell.data, style)
        line.rstrip()
        return line
