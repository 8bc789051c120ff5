"""Python functions as jobs: an executor of concurrent.futures whose calls run on the cluster."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from concurrent.futures import Executor
from contextlib import suppress
from importlib import import_module
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, TypeVar

from ._binding.indices import index_of
from ._functions import worker
from ._functions.folder import Folder
from ._functions.future import FunctionFuture, Place, RemoteError, RemoteTraceback
from ._functions.plain import plain
from ._functions.progress import progress
from ._functions.templates import index_variable, template_of
from ._waiting.timeouts import patience_of
from .errors import (
    IllegalStateException,
    NoActiveSessionException,
    invalid_argument,
    shown,
)
from .executor import JobExecutor
from .resources import Resources
from .session import Session
from .template import JobTemplate

if TYPE_CHECKING:
    from types import TracebackType

    from ._futures.future import JobFuture

    _Call = tuple[tuple[Any, ...], dict[str, Any]]

__all__ = ["FunctionExecutor", "FunctionFuture", "RemoteError", "RemoteTraceback", "progress"]

T = TypeVar("T")


class FunctionExecutor(Executor):
    """Calls Python functions in jobs.

    The function, its arguments and its result travel by cloudpickle (the extra ``functions``),
    through files in a folder that the jobs' machines share with this one, and that only this
    user can read. The jobs run the same interpreter, find the same modules, and begin in this
    program's working directory. What a call prints is its future's ``output()``.

    As a context manager it waits at the block's end for all calls.

    Args:
        session: The open session to submit in. Without one the executor opens a session of its
            own, and closes it when it is shut down.
        resources: What each job needs, as for JobTemplate.resources.
        template: Further attributes of the jobs: a JobTemplate, which is copied, or a dict of
            them. Command, arguments and the paths of input, output and errors are the
            executor's own.
        folder: A folder that the jobs' machines share with this one; the executor makes one of
            its own in it, and removes that when all calls have ended after shutdown(). None for
            ``$XDG_CACHE_HOME/drmaa-cffi/functions``, or the same in ``~/.cache``.

    Raises:
        ImportError: cloudpickle is not installed.
        InvalidArgumentException: the folder can't be made, or the template is not one; and
            what its attributes raise.
        AlreadyActiveSessionException: without *session*: there is one already. And whatever
            Session.initialize() raises.

    C: drmaa_init, where it opens a session; drmaa_allocate_job_template.
    """

    def __init__(
        self,
        session: type[Session] | Session | None = None,
        *,
        resources: Resources | None = None,
        template: JobTemplate | Mapping[str, Any] | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        _cloudpickle()
        self._pid = os.getpid()
        self._jobs = JobExecutor(session)
        try:
            self._template = template_of(template, resources)
            try:
                self._variable = index_variable()
                self._folder = Folder(folder)
            except BaseException:
                self._template.delete()
                raise
        except BaseException:
            self._jobs.shutdown()
            raise
        self._batches = count(1)
        self._ended: queue.SimpleQueue[FunctionFuture[Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="drmaa-cffi results", daemon=True)
        self._reader.start()
        # Held while a template is set and submitted.
        self._submitting = threading.Lock()
        self._changed = threading.Condition()
        self._is_shut = False
        # Submissions under way, and calls without a result.
        self._open = 0
        self._left: dict[str, int] = {}

    # The standard library's own leaves the types of arguments to a ParamSpec, which needs 3.10.
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> FunctionFuture[T]:
        """Submit a job that calls a function.

        Args:
            fn: The function, or whatever else can be called and pickled; lambdas can.
            args: Its arguments.
            kwargs: Its arguments by name.

        Raises:
            IllegalStateException: the executor was shut down.
            TypeError, pickle.PicklingError: function or arguments can't be pickled.
            OSError: the folder can't be written to.
            DrmaaException: those of Session.runJob().

        C: drmaa_run_job.
        """
        (future,) = self._submit(fn, [[(args, kwargs)]], _only)
        return future

    def submit_bulk(
        self, fn: Callable[..., T], /, *iterables: Iterable[Any]
    ) -> list[FunctionFuture[T]]:
        """Submit one bulk job that calls a function for each item.

        If the DRM does not give bulk jobs their index (HTCondor), they are single jobs.

        Args:
            fn: As for submit().
            iterables: The values for each argument of the function; the shortest one counts.

        Returns:
            The calls' futures, in the order of the items.

        Raises:
            Exception: those of submit().

        C: drmaa_run_bulk_jobs.
        """
        return self._submit(fn, [[(items, {})] for items in zip(*iterables)], _only)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **others: Any,
    ) -> Iterator[T]:
        """Call a function for each item, in one bulk job, and yield what the calls return.

        Args:
            fn: As for submit().
            iterables: The values for each argument of the function; the shortest one counts.
            timeout: How many seconds from now the last result may take; None for no end.
            chunksize: How many items each job gets, one after the other.
            others: None so far; what later versions of Python pass is refused.

        Returns:
            An iterator of the results in the order of the items. It raises what a call raises.
            To leave it early cancels the rest.

        Raises:
            InvalidArgumentException: timeout or chunksize are no numbers, or not legal.
            Exception: those of submit().

        C: drmaa_run_bulk_jobs.
        """
        if others:
            raise invalid_argument(f"map() takes no {', '.join(others)}")
        end = time.monotonic() + patience_of(timeout)
        size = index_of(chunksize, "chunksize")
        if size < 1:
            raise invalid_argument(f"chunksize can't be {shown(chunksize)}: it is at least 1")
        by_name: dict[str, Any] = {}
        items: Iterator[_Call] = iter([(each, by_name) for each in zip(*iterables)])
        chunks = list(iter(lambda: list(islice(items, size)), []))
        return _results(self._submit(fn, chunks, _all), end, is_endless=timeout is None)

    def _submit(
        self,
        fn: Callable[..., Any],
        chunks: list[list[_Call]],
        unpack: Callable[[list[Any]], Any],
    ) -> list[FunctionFuture[Any]]:
        """Submit a job for each chunk of calls."""
        if not callable(fn):
            raise invalid_argument(f"{shown(fn)} can't be called: pass a function")
        dumps = _cloudpickle().dumps
        simple = plain(fn)
        function = (dumps(fn), False) if simple is None else (simple, True)
        calls = [dumps(chunk) for chunk in chunks]
        if not calls:
            return []
        with self._changed:
            if self._is_shut:
                raise IllegalStateException(
                    "the executor was shut down and takes no calls any more: make a new one"
                )
            # One for this submission.
            self._open += 1
        try:
            if len(calls) > 1 and not self._variable:
                return [self._run(function, [call], unpack)[0] for call in calls]
            return self._run(function, calls, unpack)
        finally:
            self._close_one()

    def _run(
        self, function: tuple[bytes, bool], calls: list[bytes], unpack: Callable[[list[Any]], Any]
    ) -> list[FunctionFuture[Any]]:
        batch = str(next(self._batches))
        self._folder.write(batch, function[0], calls, is_plain=function[1])
        try:
            jobs = self._run_jobs(batch, len(calls))
        except BaseException:
            self._folder.forget(batch)
            raise
        with self._changed:
            self._open += len(jobs)
            self._left[batch] = len(jobs)
        futures = [
            FunctionFuture(job, Place(self._folder, batch, index), unpack, self._reader)
            for index, job in enumerate(jobs, 1)
        ]
        for job, future in zip(jobs, futures):
            # A job's callbacks must be short: another thread reads the result.
            job.add_done_callback(lambda _, future=future: self._ended.put(future))  # type: ignore[misc]
        return futures

    def _run_jobs(self, batch: str, number: int) -> list[JobFuture]:
        variable = "" if number == 1 else self._variable
        words = [worker.__file__, self._folder.path, batch, variable]
        template = self._template
        with self._submitting:
            template.args = [*words, sys.implementation.cache_tag]
            index = template.PARAMETRIC_INDEX if variable else 1
            template.outputPath = Path(self._folder.output_path(batch, index))
            if variable:
                return self._jobs.submit_bulk(template, 1, number)
            return [self._jobs.submit(template)]

    def _read(self) -> None:
        """Complete the futures of jobs that have ended."""
        while True:
            future = self._ended.get()
            if future is None:
                return
            try:
                future._end()  # noqa: SLF001 - they are parts of one thing
            finally:
                self._forget(future)
                del future

    def _forget(self, future: FunctionFuture[Any]) -> None:
        batch = future._place.batch  # noqa: SLF001
        with self._changed:
            self._left[batch] -= 1
            is_last = not self._left[batch]
            if is_last:
                del self._left[batch]
        if is_last:
            self._folder.forget(batch)
        self._close_one()

    def _close_one(self) -> None:
        with self._changed:
            self._open -= 1
            is_last = self._is_shut and not self._open
            if is_last:
                self._end()
            self._changed.notify_all()

    def _end(self) -> None:
        """Leave nothing behind: there are no calls, and will be none."""
        self._ended.put(None)
        self._folder.remove()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls.

        Args:
            wait: True to wait until all calls have ended. With False they go on until the
                program's end.
            cancel_futures: True to cancel all calls that have not ended, which ends their jobs.

        Raises:
            NoActiveSessionException: this is a process forked from the executor's.
            IllegalStateException: a callback waits.
            DrmaaException: the others of JobExecutor.shutdown().

        C: drmaa_control and drmaa_exit, where they are needed.
        """
        if wait and threading.current_thread() is self._reader:
            raise IllegalStateException("a callback of a call can't wait for the others")
        with self._changed:
            if not self._is_shut and os.getpid() == self._pid:
                self._is_shut = True
                if not self._open:
                    self._end()
        with self._submitting, suppress(NoActiveSessionException):  # closed by the program
            self._template.delete()
        self._jobs.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            with self._changed:
                self._changed.wait_for(lambda: not self._open)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for all calls, and take no more; in a forked child leave them to the parent."""
        if os.getpid() == self._pid:
            self.shutdown()


def _cloudpickle() -> Any:
    try:
        return import_module("cloudpickle")
    except ImportError:
        raise ImportError(
            "to call functions in jobs takes cloudpickle: pip install 'drmaa-cffi[functions]'"
        ) from None


def _only(values: list[Any]) -> Any:
    return values[0]


def _all(values: list[Any]) -> Any:
    return values


def _results(futures: list[FunctionFuture[Any]], end: float, *, is_endless: bool) -> Iterator[Any]:
    futures.reverse()
    try:
        while futures:
            left = None if is_endless else max(0, end - time.monotonic())
            values = futures[-1].result(left)
            # What has been yielded is kept by nobody here.
            futures.pop()
            yield from values
            del values
    finally:
        for future in futures:
            future.cancel()
