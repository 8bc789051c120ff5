"""Showing jobs on their way: alive on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import Generator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .output import console, say
from .watch import GROUPS, Watch, group_of, summary

_COLOURS = {
    "held": "yellow",
    "queued": "cyan",
    "running": "bold blue",
    "suspended": "yellow",
    "done": "green",
    "failed": "bold red",
}
# How often the screen is drawn in a second; many jobs take their time to count.
_OFTEN, _SELDOM, _MANY = 8, 1, 2000
# The pause between two lines, in seconds, and how it grows with the time.
_FIRST_PAUSE, _LAST_PAUSE, _GROWTH = 1, 30, 0.1


def make_display(watch: Watch) -> Lines:
    """Return the display that fits stderr."""
    screen = console(sys.stderr)
    if screen.is_terminal and not screen.is_dumb_terminal:
        return Screen(watch, screen)
    return Lines(watch)


class Lines:
    """Writes a line when something has changed, the rarer the longer it takes."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self._said: str = ""
        self._said_at = float("-inf")

    def update(self) -> None:
        """Show what is new."""
        if not self.watch.unfinished:
            return
        pause = max(_FIRST_PAUSE, min(_LAST_PAUSE, _GROWTH * self.watch.elapsed))
        if len(self.watch.states) > 1 and time.monotonic() < self._said_at + pause:
            return
        text = summary(self.watch)
        if text != self._said and "unknown" not in text:
            self._said, self._said_at = text, time.monotonic()
            say(text)

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """Make room for what others write in the block."""
        yield

    def close(self) -> None:
        """End the display."""


class Screen(Lines):
    """Shows states, counts, elapsed time and rate, and how they change."""

    def __init__(self, watch: Watch, screen: Console) -> None:
        super().__init__(watch)
        self._spinner = Spinner("dots")
        self._screen = screen
        self._live = self._start()

    def _start(self) -> Live:
        # A new one each time: where an old one starts again, it wipes what came in between.
        live = Live(
            console=self._screen,
            get_renderable=self._render,
            refresh_per_second=_OFTEN if len(self.watch.states) < _MANY else _SELDOM,
            transient=True,
            # What the program writes goes where it is told to, not through the display.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def update(self) -> None:
        """Do nothing: the display looks by itself."""

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """Take the display away for the block."""
        self._live.stop()
        try:
            yield
        finally:
            self._live = self._start()

    def close(self) -> None:
        """Take the display away."""
        self._live.stop()

    def _render(self) -> RenderableType:
        watch = self.watch
        elapsed = str(timedelta(seconds=int(watch.elapsed)))
        if len(watch.states) == 1:
            (job_id,) = watch.states
            group = group_of(watch.states[job_id])
            state = Text.assemble(
                f"job {job_id}  ", (group, _COLOURS.get(group, "")), f"  {elapsed}"
            )
            self._spinner.update(text=state)
            return self._spinner
        counts = watch.counts()
        ended = len(watch.endings)
        rate = ended / max(watch.elapsed, 1e-3)
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            self._spinner,
            ProgressBar(total=len(watch.states), completed=ended, width=40),
            f"{ended} of {len(watch.states)} ended",
            elapsed,
            f"{rate:.1f}/s",
        )
        groups = [
            (f"{counts[group]} {group}   ", _COLOURS.get(group, ""))
            for group in GROUPS
            if counts[group]
        ]
        return Group(bar, Text.assemble("   ", *groups))
