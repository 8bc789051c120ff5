"""A bar that shows how many futures are done, where somebody can see it."""

from __future__ import annotations

import concurrent.futures
from typing import Any, Iterable, Iterator, TypeVar, cast

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
    with bars.Progress(*columns, console=console) as bar:
        task = bar.add_task(description, total=total, failed="")
        for future in ended:
            failed += future.cancelled() or future.exception() is not None
            bar.update(task, advance=1, failed=f"{failed} failed" if failed else "")
            yield future
