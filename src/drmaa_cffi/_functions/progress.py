"""A bar that shows how many futures are done, where somebody can see it."""

from __future__ import annotations

import concurrent.futures
import time
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Generator, Iterable, Iterator, TypeVar, cast

# In a notebook, in seconds.
_REFRESH = 0.2
F = TypeVar("F", bound="concurrent.futures.Future[Any]")


def progress(futures: Iterable[F], description: str = "") -> Iterator[F]:
    """Yield futures as they are done, and show on stderr how far it is.

    The bar is there on a terminal and in a notebook, if ``rich`` is installed (the extra
    ``cli``); elsewhere nothing is shown. Calls and jobs that failed are counted.

    Args:
        futures: Those of a FunctionExecutor, a JobExecutor or any other.
        description: What stands before the bar.

    Returns:
        An iterator, as concurrent.futures.as_completed() makes it.

    C: drmaa_wait.
    """
    every = set(futures)
    ended = cast("Iterator[F]", concurrent.futures.as_completed(every))
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra, and seldom asked for
    except ImportError:
        return ended
    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        return ended
    return _shown(ended, len(every), description, console)


def _shown(ended: Iterator[F], total: int, description: str, console: Any) -> Iterator[F]:
    from rich import progress as bars  # noqa: PLC0415

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[failed]}"),
    )
    failed = 0
    bar = bars.Progress(*columns, console=console)
    with _in_notebook(bar) if console.is_jupyter else bar:
        task = bar.add_task(description, total=total, failed="")
        for future in ended:
            failed += future.cancelled() or future.exception() is not None
            bar.update(task, advance=1, failed=f"{failed} failed" if failed else "")
            yield future


@contextmanager
def _in_notebook(bar: Any) -> Generator[None, None, None]:
    """Show the bar in a cell's output; rich's own way takes ipywidgets."""
    # It is there, in a notebook.
    shown = import_module("IPython.display").display(bar, display_id=True)
    update, last = bar.update, 0.0

    def show(*arguments: Any, **changes: Any) -> None:
        nonlocal last
        update(*arguments, **changes)
        if time.monotonic() - last > _REFRESH or bar.finished:
            last = time.monotonic()
            shown.update(bar)

    bar.update = show
    yield
    shown.update(bar)
